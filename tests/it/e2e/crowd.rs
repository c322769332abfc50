//! What a crowd of visitors cannot take from the probes.

use std::net::TcpStream;

use super::Site;

#[test]
fn idle_visitors_take_no_descriptor_from_the_probes() {
    let site = Site::new();
    let place = site.place();
    let program = place.serve_with_files(320);
    let log = program.log();
    assert!(log.contains("max_sse = 10000 does not fit into 320 file descriptors"), "{log}");
    program.until_status("portal", "operational");
    // More than the process may have open.
    let crowd: Vec<TcpStream> = (0..600).map(|_| TcpStream::connect(program.address()).unwrap()).collect();
    let before = site.server.visits();
    program.until("it was probed again", |_| site.server.visits() >= before + 3);
    assert_eq!(program.component("portal")["status"], "operational");
    let metrics = program.get("/metrics");
    let verdicts: Vec<&str> = metrics.lines().filter(|line| line.starts_with("turmwacht_probes_total{")).collect();
    assert!(!verdicts.is_empty());
    for line in verdicts {
        assert!(line.contains("verdict=\"up\"") || line.ends_with(" 0"), "{line}");
    }
    let log = program.log();
    assert!(!log.contains("os error 24") && !log.contains("cannot accept"), "{log}");
    drop(crowd);
}
