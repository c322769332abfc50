//! The kind `tcp`.

use std::io::Read;

use turmwacht::model::check::{Check, Phase, Probe, Starttls, TcpProbe, TlsSettings};
use turmwacht::model::verdict::Reason;

use super::server::{Server, closed_port, hold, send};
use super::{SHORT, assert_fails, assert_up, check, probe, prober, settings};

fn tcp(server: &Server, to_send: Option<&str>, expect: Option<&str>) -> Check {
    check(Probe::Tcp(TcpProbe {
        host: "127.0.0.1".to_owned(),
        port: server.address.port(),
        send: to_send.map(str::to_owned),
        expect: expect.map(str::to_owned),
        starttls: None,
        tls: TlsSettings::default(),
    }))
}

#[test]
fn a_connection_alone_is_enough_where_nothing_is_expected() {
    let server = Server::raw(|mut stream| hold(&mut stream));
    let observation = probe(&prober(&settings()), &tcp(&server, None, None));
    assert_up(&observation);
    assert!(observation.phases.connect.is_some() && observation.phases.processing.is_none());
    let mut refused = tcp(&server, None, None);
    if let Probe::Tcp(tcp) = &mut refused.probe {
        tcp.port = closed_port().port();
    }
    assert_fails(&probe(&prober(&settings()), &refused), Reason::Connect, "refuses");
}

#[test]
fn an_answer_must_match_in_its_first_64_kib() {
    let echo = || {
        Server::raw(|mut stream| {
            let mut said = [0; 5];
            stream.read_exact(&mut said).unwrap();
            send(&mut stream, &said);
            hold(&mut stream);
        })
    };
    let prober = prober(&settings());
    assert_up(&probe(&prober, &tcp(&echo(), Some("hello"), Some("^hel+o$"))));
    let mut unmatched = tcp(&echo(), Some("hello"), Some("bye"));
    unmatched.timeout = SHORT;
    let observation = probe(&prober, &unmatched);
    assert_fails(&observation, Reason::Timeout, "transfer");
    assert_eq!(observation.fault().unwrap().phase, Some(Phase::Transfer));

    let closes = Server::raw(|mut stream| send(&mut stream, b"\x1b[31mwrong\r\n"));
    assert_fails(&probe(&prober, &tcp(&closes, None, Some("right"))), Reason::Content, r"\u{1b}[31mwrong");
    let silent = Server::raw(drop);
    assert_fails(&probe(&prober, &tcp(&silent, None, Some("x"))), Reason::Protocol, "without a word");
    let endless = Server::raw(|mut stream| while std::io::Write::write_all(&mut stream, &[b'a'; 4096]).is_ok() {});
    assert_fails(&probe(&prober, &tcp(&endless, None, Some("b"))), Reason::Content, "does not match");
}

#[test]
fn starttls_that_is_refused_or_endless_breaks_the_protocol() {
    let refuses = Server::raw(|mut stream| send(&mut stream, b"554 go away\r\n"));
    let endless = Server::raw(|mut stream| while std::io::Write::write_all(&mut stream, b"220-x\r\n").is_ok() {});
    for (server, words) in [(refuses, "554 go away"), (endless, "without end")] {
        let mut check = tcp(&server, None, None);
        if let Probe::Tcp(tcp) = &mut check.probe {
            tcp.starttls = Some(Starttls::Smtp);
        }
        assert_fails(&probe(&prober(&settings()), &check), Reason::Protocol, words);
    }
}
