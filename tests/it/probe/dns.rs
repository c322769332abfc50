//! Look-ups and the kind `dns`, against small name servers that also lie.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use hickory_resolver::proto::op::{Message, MessageType, ResponseCode};
use hickory_resolver::proto::rr::rdata::{A, CNAME, MX, SOA, TXT};
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use socket2::{Domain, Socket, Type};
use turmwacht::clock::Clock;
use turmwacht::model::check::{Check, DnsProbe, Probe};
use turmwacht::model::settings::{ProbingSettings, ResolverAddress};
use turmwacht::model::verdict::Reason;
use turmwacht::probe::{Freshness, Prober};

use super::server::{Server, answer};
use super::{PATIENCE, assert_fails, assert_up, check, http_check, observed, probe, prober, run, settings};

/// A name server on UDP and TCP.
#[derive(Clone)]
pub(crate) struct NameServer {
    pub(crate) address: SocketAddr,
    asked: Arc<AtomicUsize>,
}

/// What a name server does with a question; `None` = stays silent.
type Zone = Arc<dyn Fn(&Name, RecordType) -> Option<(ResponseCode, Vec<RData>)> + Send + Sync>;

impl NameServer {
    fn new(zone: impl Fn(&Name, RecordType) -> Option<(ResponseCode, Vec<RData>)> + Send + Sync + 'static) -> Self {
        Self::kept_for(30, zone)
    }

    /// What it says holds for so many seconds.
    pub(crate) fn kept_for(
        seconds: u32,
        zone: impl Fn(&Name, RecordType) -> Option<(ResponseCode, Vec<RData>)> + Send + Sync + 'static,
    ) -> Self {
        let zone: Zone = Arc::new(zone);
        Self::raw(move |question, over_udp| {
            let query = question.queries[0].clone();
            let (code, data) = zone(query.name(), query.query_type())?;
            let mut answer = Message::response(question.metadata.id, question.metadata.op_code);
            answer.metadata.response_code = code;
            answer.metadata.recursion_available = true;
            answer.add_query(query.clone());
            for data in data {
                answer.add_answer(Record::from_rdata(query.name().clone(), seconds, data));
            }
            let bytes = answer.to_vec().unwrap();
            if over_udp && bytes.len() > 1232 {
                answer.answers.clear();
                answer.metadata.truncation = true;
                return Some(answer.to_vec().unwrap());
            }
            Some(bytes)
        })
    }

    /// Answers with whatever bytes `story` makes of a question.
    fn raw(story: impl Fn(&Message, bool) -> Option<Vec<u8>> + Send + Sync + 'static) -> Self {
        // One port for both: taken for TCP first, where other tests may hold it.
        let (listener, socket) = std::iter::repeat_with(|| TcpListener::bind("127.0.0.1:0").unwrap())
            .find_map(|listener| Some((UdpSocket::bind(listener.local_addr().unwrap()).ok()?, listener)))
            .map(|(socket, listener)| (listener, socket))
            .unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::<AtomicUsize>::default();
        let story = Arc::new(story);
        let (counter, udp) = (Arc::clone(&asked), Arc::clone(&story));
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok((length, from)) = socket.recv_from(&mut buffer) {
                counter.fetch_add(1, Ordering::SeqCst);
                if let Some(bytes) = Message::from_vec(&buffer[..length]).ok().and_then(|question| udp(&question, true))
                {
                    socket.send_to(&bytes, from).unwrap();
                }
            }
        });
        let counter = Arc::clone(&asked);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                let (counter, story) = (Arc::clone(&counter), Arc::clone(&story));
                thread::spawn(move || {
                    let mut length = [0; 2];
                    while stream.read_exact(&mut length).is_ok() {
                        let mut question = vec![0; usize::from(u16::from_be_bytes(length))];
                        stream.read_exact(&mut question).unwrap();
                        counter.fetch_add(1, Ordering::SeqCst);
                        let Some(bytes) = story(&Message::from_vec(&question).unwrap(), false) else { return };
                        let mut framed = u16::try_from(bytes.len()).unwrap().to_be_bytes().to_vec();
                        framed.extend_from_slice(&bytes);
                        stream.write_all(&framed).unwrap();
                    }
                });
            }
        });
        Self { address, asked }
    }

    /// Says that every name is 127.0.0.1.
    fn local() -> Self {
        Self::new(|_, record_type| {
            let data = if record_type == RecordType::A { vec![a([127, 0, 0, 1])] } else { Vec::new() };
            Some((ResponseCode::NoError, data))
        })
    }

    fn failing(code: ResponseCode) -> Self {
        Self::new(move |_, _| Some((code, Vec::new())))
    }

    fn silent() -> Self {
        Self::new(|_, _| None)
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

fn a(octets: [u8; 4]) -> RData {
    RData::A(A(Ipv4Addr::from(octets)))
}

fn name(text: &str) -> Name {
    Name::from_ascii(text).unwrap()
}

fn prober_asking(servers: &[&NameServer]) -> Prober {
    let resolvers = servers.iter().map(|server| ResolverAddress::Plain(server.address)).collect();
    prober(&ProbingSettings { resolvers, ..settings() })
}

fn portal(server: &Server) -> Check {
    http_check(&format!("http://portal.test:{}/", server.address.port()))
}

fn good() -> Server {
    Server::answering(answer("200 OK", "", "ok"))
}

#[test]
fn a_name_is_looked_up_once_and_anew_for_a_re_probe() {
    let names = NameServer::local();
    let server = good();
    let prober = prober_asking(&[&names]);
    let check = portal(&server);
    run(async {
        let (first, observation) = observed(&prober, &check, Freshness::MayReuseDns).await;
        assert_up(&observation);
        assert_eq!(names.asked(), 2, "A and AAAA");
        assert!(first.travelled.resolver);
        let (second, observation) = observed(&prober, &check, Freshness::MayReuseDns).await;
        assert_up(&observation);
        assert_eq!(names.asked(), 2, "within the time to live");
        assert_eq!(first.phases.resolve, second.phases.resolve, "the time of the real look-up");
        assert!(!second.travelled.resolver);
        let (_, observation) = observed(&prober, &check, Freshness::Fresh).await;
        assert_up(&observation);
        assert_eq!(names.asked(), 4);
    });
}

#[test]
fn questions_at_the_same_time_are_asked_once() {
    let names = NameServer::local();
    let server = good();
    let prober = prober_asking(&[&names]);
    let check = portal(&server);
    run(async {
        let once = || observed(&prober, &check, Freshness::MayReuseDns);
        let (one, two, three) = tokio::join!(once(), once(), once());
        for (_, observation) in [one, two, three] {
            assert_up(&observation);
        }
    });
    assert_eq!(names.asked(), 2);
}

#[test]
fn one_failing_resolver_is_our_fault_and_two_are_the_names() {
    let server = good();
    let check = portal(&server);
    for broken in [NameServer::failing(ResponseCode::ServFail), NameServer::failing(ResponseCode::Refused)] {
        assert_fails(&probe(&prober_asking(&[&broken]), &check), Reason::ProbeFault, "no second one");
        let other = NameServer::failing(ResponseCode::ServFail);
        assert_fails(&probe(&prober_asking(&[&broken, &other]), &check), Reason::Dns, "two resolvers failed");
        // One that works is enough, in either place.
        let works = NameServer::local();
        assert_up(&probe(&prober_asking(&[&broken, &works]), &check));
        assert_up(&probe(&prober_asking(&[&works, &broken]), &check));
    }
    assert_eq!(server.visits(), 4);
}

#[test]
fn silent_resolvers_are_told_apart_within_the_timeout() {
    let silent = NameServer::silent();
    let other = NameServer::silent();
    let server = good();
    let mut check = portal(&server);
    check.timeout = Duration::from_millis(600);
    let alone = probe(&prober_asking(&[&silent]), &check);
    assert_fails(&alone, Reason::ProbeFault, "does not answer");
    let both = probe(&prober_asking(&[&silent, &other]), &check);
    assert_fails(&both, Reason::Dns, "two resolvers failed");
    check.timeout = PATIENCE / 10;
    assert_up(&probe(&prober_asking(&[&silent, &NameServer::local()]), &check));
}

#[test]
fn a_name_that_does_not_exist_is_evidence_from_one() {
    let nothing = NameServer::failing(ResponseCode::NXDomain);
    let check = portal(&good());
    let observation = probe(&prober_asking(&[&nothing]), &check);
    assert_fails(&observation, Reason::Dns, "portal.test does not exist");
    let empty = NameServer::failing(ResponseCode::NoError);
    assert_fails(&probe(&prober_asking(&[&empty]), &check), Reason::Dns, "has no address");
    let servfail = NameServer::failing(ResponseCode::ServFail);
    assert_fails(&probe(&prober_asking(&[&servfail, &nothing]), &check), Reason::Dns, "does not exist");
    // One of two lies that there is nothing: the other's answer is tried, and it holds.
    assert_up(&probe(&prober_asking(&[&nothing, &NameServer::local()]), &check));
}

#[test]
fn garbage_and_forged_answers_are_ignored() {
    let garbage = NameServer::raw(|_, _| Some(vec![0xff; 40]));
    let forged = NameServer::raw(|question, _| {
        let mut answer =
            Message::new(question.metadata.id.wrapping_add(1), MessageType::Response, question.metadata.op_code);
        answer.add_query(question.queries[0].clone());
        answer.add_answer(Record::from_rdata(name("portal.test."), 60, a([127, 0, 0, 1])));
        Some(answer.to_vec().unwrap())
    });
    let server = good();
    let mut check = portal(&server);
    check.timeout = Duration::from_millis(500);
    for liar in [garbage, forged] {
        assert_fails(&probe(&prober_asking(&[&liar]), &check), Reason::ProbeFault, "");
    }
    assert_eq!(server.visits(), 0);
}

#[test]
fn an_address_that_turns_inside_is_not_connected_to() {
    // First public, then loopback: what a rebinding attack answers. No network is allowed.
    let turn = AtomicUsize::new(0);
    let names = NameServer::new(move |_, record_type| {
        let data = match record_type {
            RecordType::A if turn.fetch_add(1, Ordering::SeqCst) == 0 => vec![a([192, 0, 2, 1])],
            RecordType::A => vec![a([127, 0, 0, 1])],
            _ => Vec::new(),
        };
        Some((ResponseCode::NoError, data))
    });
    let canary = good();
    let resolvers = vec![ResolverAddress::Plain(names.address)];
    let prober = prober(&ProbingSettings { resolvers, private_networks: Vec::new(), ..settings() });
    let check = portal(&canary);
    run(async {
        let (_, first) = observed(&prober, &check, Freshness::Fresh).await;
        assert_fails(&first, Reason::ProbeFault, "documentation");
        let (_, second) = observed(&prober, &check, Freshness::Fresh).await;
        assert_fails(&second, Reason::ProbeFault, "private_networks");
    });
    assert_eq!(canary.visits(), 0);
}

#[test]
fn an_unreachable_address_does_not_fail_a_host_with_another() {
    let names = NameServer::new(|_, record_type| {
        let data = if record_type == RecordType::A { vec![a([127, 0, 0, 2]), a([127, 0, 0, 1])] } else { Vec::new() };
        Some((ResponseCode::NoError, data))
    });
    let server = good();
    let observation = probe(&prober_asking(&[&names]), &portal(&server));
    assert_up(&observation);
    assert_eq!(observation.address, Some(server.address));
}

fn dns(name: &str, record_type: &str, resolver: Option<&NameServer>) -> Check {
    check(Probe::Dns(DnsProbe {
        name: name.to_owned(),
        record_type: record_type.to_owned(),
        resolver: resolver.map(|server| server.address.to_string()),
    }))
}

fn zone() -> NameServer {
    NameServer::new(|asked, record_type| {
        let data = match (asked.to_ascii().as_str(), record_type) {
            ("example.test.", RecordType::MX) => {
                vec![RData::MX(MX::new(20, name("b.test."))), RData::MX(MX::new(10, name("a.test.")))]
            }
            ("example.test.", RecordType::TXT) => {
                vec![RData::TXT(TXT::new(vec!["v=spf1 -all".to_owned(), "\u{1b}]0;x".to_owned()]))]
            }
            ("example.test.", RecordType::SOA) => {
                vec![RData::SOA(SOA::new(name("ns.test."), name("admin.test."), 2_026_112_101, 1, 2, 3, 4))]
            }
            ("www.example.test.", RecordType::A) => {
                vec![RData::CNAME(CNAME(name("example.test."))), a([127, 0, 0, 1])]
            }
            ("big.test.", RecordType::TXT) => {
                (0..200).map(|index| RData::TXT(TXT::new(vec![format!("record {index:03}")]))).collect()
            }
            ("example.test.", _) => Vec::new(),
            _ => return Some((ResponseCode::NXDomain, Vec::new())),
        };
        Some((ResponseCode::NoError, data))
    })
}

#[test]
fn records_are_compared_sorted_and_counted() {
    let zone = zone();
    let prober = prober_asking(&[&zone]);
    let mut mx = dns("example.test", "MX", Some(&zone));
    mx.expect.records = vec!["10 A.test".to_owned(), "20 b.test.".to_owned()];
    let observation = probe(&prober, &mx);
    assert_up(&observation);
    let facts = observation.dns.unwrap();
    assert_eq!(facts.records, ["10 a.test.", "20 b.test."]);
    assert_eq!((facts.rcode.as_str(), facts.answers, facts.authorities), ("NOERROR", 2, 0));
    mx.expect.records.push("30 c.test.".to_owned());
    assert_fails(&probe(&prober, &mx), Reason::Missing, "30 c.test.");

    let soa = probe(&prober, &dns("example.test", "SOA", None));
    assert_up(&soa);
    assert_eq!(soa.dns.unwrap().serial, Some(2_026_112_101));
    let txt = probe(&prober, &dns("example.test", "TXT", None));
    assert_up(&txt);
    assert_eq!(txt.dns.unwrap().records, [r#""v=spf1 -all" "\u{1b}]0;x""#]);
    let alias = probe(&prober, &dns("www.example.test", "A", None)).dns.unwrap();
    assert_eq!((alias.records, alias.answers), (vec!["127.0.0.1".to_owned()], 2));
}

#[test]
fn a_long_answer_comes_over_tcp_and_is_capped() {
    let zone = zone();
    for resolver in [Some(&zone), None] {
        let observation = probe(&prober_asking(&[&zone]), &dns("big.test", "TXT", resolver));
        assert_up(&observation);
        let facts = observation.dns.unwrap();
        assert_eq!((facts.answers, facts.records.len()), (200, 100));
    }
    let over_tcp = DnsProbe {
        name: "big.test".to_owned(),
        record_type: "txt".to_owned(),
        resolver: Some(format!("tcp://{}", zone.address)),
    };
    let observation = probe(&prober_asking(&[&zone]), &check(Probe::Dns(over_tcp)));
    assert_up(&observation);
    assert!(observation.phases.connect.is_some());
}

#[test]
fn what_a_resolver_says_is_judged() {
    let zone = zone();
    let prober = prober_asking(&[&zone]);
    assert_fails(&probe(&prober, &dns("none.test", "A", None)), Reason::Dns, "NXDOMAIN");
    assert_fails(&probe(&prober, &dns("example.test", "CAA", None)), Reason::Missing, "no record");
    let broken = NameServer::failing(ResponseCode::ServFail);
    // Asked by name, the resolver itself is the target; asked as ours, it is our own side.
    assert_fails(&probe(&prober, &dns("x.test", "A", Some(&broken))), Reason::Dns, "SERVFAIL");
    assert_fails(&probe(&prober_asking(&[&broken]), &dns("x.test", "A", None)), Reason::ProbeFault, "");
    let mut unanswered = dns("x.test", "A", Some(&NameServer::silent()));
    unanswered.timeout = super::SHORT;
    assert_fails(&probe(&prober, &unanswered), Reason::Timeout, "processing");
    let closed = dns("x.test", "A", Some(&NameServer { address: super::server::closed_port(), ..zone.clone() }));
    assert_fails(&probe(&prober, &closed), Reason::Connect, "refuses");
    assert_fails(&probe(&prober, &dns("x.test", "XYZ", None)), Reason::ProbeFault, "no DNS record type");
}

#[test]
fn a_named_resolver_inside_needs_permission_too() {
    let zone = zone();
    let prober = prober(&ProbingSettings { private_networks: Vec::new(), ..settings() });
    for text in [zone.address.to_string(), format!("tcp://{}", zone.address)] {
        let inside = DnsProbe { name: "example.test".to_owned(), record_type: "MX".to_owned(), resolver: Some(text) };
        let observation = probe(&prober, &check(Probe::Dns(inside)));
        assert_fails(&observation, Reason::ProbeFault, "private_networks");
    }
    assert_eq!(zone.asked(), 0);
}

#[test]
fn a_re_probe_asks_the_other_resolver_first() {
    let first = NameServer::local();
    let second = NameServer::local();
    let prober = prober_asking(&[&first, &second]);
    let server = good();
    let clock = Clock::new();
    let (request, _) = prober.prepare_check(&portal(&server));
    run(async {
        prober.run(&request, Freshness::MayReuseDns, &clock).await;
        assert_eq!((first.asked(), second.asked()), (2, 0));
        prober.run(&request, Freshness::Fresh, &clock).await;
        assert_eq!((first.asked(), second.asked()), (2, 2));
    });
}

/// An address at which connections hang, until it is dropped: its queue is full.
fn hanging(address: SocketAddr) -> (Socket, TcpStream) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&address.into()).unwrap();
    socket.listen(0).unwrap();
    let first = TcpStream::connect(socket.local_addr().unwrap().as_socket().unwrap()).unwrap();
    (socket, first)
}

#[test]
fn a_third_address_is_tried_at_the_same_time_only_with_a_spare_descriptor() {
    let server = good();
    let port = server.address.port();
    let _held = [2, 3, 4].map(|last| hanging(SocketAddr::from(([127, 0, 0, last], port))));
    // Nobody listens at the last but one.
    let zone = NameServer::new(|name, record_type| {
        let hosts: &[u8] = if name.to_ascii().starts_with("portal") { &[2, 3, 4] } else { &[2, 5, 1] };
        let addresses = hosts.iter().map(|last| a([127, 0, 0, *last])).collect();
        Some((ResponseCode::NoError, if record_type == RecordType::A { addresses } else { Vec::new() }))
    });
    let asking = ProbingSettings { resolvers: vec![ResolverAddress::Plain(zone.address)], ..settings() };
    let mut check = http_check(&format!("http://portal.test:{port}/"));
    check.timeout = Duration::from_millis(900);
    // Before a catalogue is prepared 64 probes may run, each with two.
    for (descriptors, reason, words) in [(128, Reason::ProbeFault, "untried"), (129, Reason::Timeout, "connect")] {
        let prober = Prober::new(&asking, &BTreeMap::new(), descriptors).unwrap();
        assert_fails(&probe(&prober, &check), reason, words);
    }
    // One that failed leaves its place to the next.
    let prober = Prober::new(&asking, &BTreeMap::new(), 128).unwrap();
    assert_up(&probe(&prober, &http_check(&format!("http://other.test:{port}/"))));
}
