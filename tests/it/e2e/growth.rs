//! Nothing that strangers ask for makes the program hold more than its bounds.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};

use socket2::{Domain, Socket, Type};

use super::program::{Place, Program};
use super::{Site, reference, town};

/// Asks from an address of its own.
fn ask_from(program: &Program, address: Ipv4Addr, request: &str) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from((address, 0)).into()).unwrap();
    socket.connect(&program.address().into()).unwrap();
    let mut stream = TcpStream::from(socket);
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 "));
}

/// Every series of a family with its value.
fn family(program: &Program, name: &str) -> Vec<(String, f64)> {
    let metrics = program.get("/metrics");
    let of = |line: &str| {
        let (series, value) = line.rsplit_once(' ')?;
        let rest = series.strip_prefix(name)?;
        (rest.is_empty() || rest.starts_with('{')).then(|| (rest.to_owned(), value.parse().unwrap()))
    };
    metrics.lines().filter_map(of).collect()
}

#[test]
fn thousands_of_strangers_leave_nothing_behind() {
    let site = Site::new();
    let place = Place::new(reference().address, &town(site.server.address));
    let config = std::fs::read_to_string(place.path("config.toml")).unwrap();
    place.write("config.toml", &config.replace("[server]\n", "[server]\ndocument_cache = \"1MiB\"\n"));
    let program = place.serve();
    program.until_status("portal", "operational");
    let host = program.address();
    let routes = || family(&program, "turmwacht_http_requests_total").len();
    let mut known = 0;
    for number in 0..3_000u16 {
        let [high, low] = number.to_be_bytes();
        let address = Ipv4Addr::new(127, 1, high, low.max(1));
        let (target, more) = match number % 6 {
            0 => (format!("/unknown-{number}"), String::new()),
            1 => (format!("/?visitor={number}"), String::new()),
            2 => (format!("/search?q=wort{number}"), String::new()),
            3 => (format!("/api/v1/components?cursor={number}&kind=k{number}"), String::new()),
            4 => ("/api/v1/admin/audit".to_owned(), format!("Authorization: Bearer tw_{number}\r\n")),
            _ => (format!("/teststadt/x{number}/badge.svg"), String::new()),
        };
        let request = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{more}\r\n");
        ask_from(&program, address, &request);
        if number == 600 {
            known = routes();
        }
    }
    assert!(known > 3 && routes() <= known + 3, "{known} and then {} series of requests", routes());
    let held = family(&program, "turmwacht_held");
    let count = |what: &str| held.iter().find(|(labels, _)| labels.contains(&format!("\"{what}\""))).unwrap().1;
    assert_eq!(held.len(), 5, "{held:?}");
    assert!(count("document") < 200.0 && count("name") < 10.0 && count("address") < 10.0, "{held:?}");
    assert!(count("timer") < 100.0 && count("certificate_chain") < 10.0, "{held:?}");
    let [(_, bytes)] = family(&program, "turmwacht_document_cache_bytes")[..] else { panic!("one gauge") };
    assert!((1.0..=1_048_576.0).contains(&bytes), "{bytes} bytes");
}
