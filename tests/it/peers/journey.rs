//! The whole way with a real server: nginx stops, the public reads it, nginx comes back.

use super::nginx::{nginx, nginx_at, site};
use crate::e2e::program::Place;
use crate::e2e::{published, reference, town};

#[test]
fn a_stopped_nginx_is_an_incident_and_its_return_ends_it() {
    let page = || [site("location = /login { return 200 'Anmelden'; }")];
    let Some(mut web) = nginx(&page()) else { return };
    let address = web.address(0);
    let place = Place::new(reference().address, &town(address));
    let program = place.serve();
    program.until_status("portal", "operational");

    web.stop();
    program.until_status("portal", "major_outage");
    let incidents = program.json("/api/v1/incidents");
    let incident = &incidents["incidents"][0];
    assert_eq!((&incident["status"], &incident["root"]["id"]), (&"investigating".into(), &"portal".into()));
    let feed = program.get("/feed.atom");
    assert_eq!(feed.matches("<entry>").count(), 1);
    assert!(feed.contains("Serviceportal"), "{feed}");
    assert!(program.get("/").contains("nicht verfügbar"));
    for line in [
        "probe_failure_reason_info{component=\"portal\",check=\"anmeldung\",vantage=\"test\",reason=\"connect\"} 1",
        "turmwacht_component_status{component=\"portal\",status=\"major_outage\",evidence=\"own\"} 1",
        "turmwacht_component_status{component=\"antrag\",status=\"major_outage\",evidence=\"derived\"} 1",
    ] {
        // Metrics are written anew once a second.
        program.until(line, |program| program.get("/metrics").contains(line));
    }
    assert!(!program.get("/metrics").contains(&address.to_string()), "targets are not public");

    let before = published(&program);
    program.kill();
    let program = place.serve();
    assert_eq!(published(&program), before);

    let _again = nginx_at(address.port(), &page());
    program.until_status("portal", "operational");
    assert_eq!(program.json("/api/v1/incidents")["incidents"][0]["status"], "monitoring");
}
