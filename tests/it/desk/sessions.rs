//! Sessions of a running program: they end with their token, which another process revokes, and hold
//! behind a proxy that is trusted.

use super::browser::Browser;
use crate::e2e::program::{Place, configuration};
use crate::e2e::town;
use crate::probe::server::closed_port;

const EDITOR: [&str; 4] = ["--role", "editor", "--organisation", "teststadt"];

fn id(token: &str) -> &str {
    token.split('_').nth(1).unwrap()
}

#[test]
fn a_token_that_is_revoked_beside_the_server_ends_its_sessions_and_no_other() {
    let place = Place::new(closed_port(), &town(closed_port()));
    let program = place.serve();
    let mut first = Browser::sign_in(&place, &program, &EDITOR);
    let mut other = Browser::sign_in(&place, &program, &EDITOR);
    let mut form = first.get("/admin/components/portal").form("/local");
    form.set("mode", "off").set("local-text-de", "Wasserschaden im Keller.");
    assert_eq!(place.run(&["token", "revoke", id(&first.token)]).code, Some(0));
    // From the next request on, which is sooner than a second: a form that was open is not lost, and not done.
    let late = first.send(&form);
    assert_eq!(late.status, 403);
    late.assert_says(&["Ihre Eingaben sind noch da", "Zugangsschlüssel"]);
    assert!(late.body.contains("Wasserschaden im Keller."));
    first.get("/admin").assert_says(&["Anmelden"]);
    assert_eq!(first.api("GET", "/incidents", None).0, 401);
    assert!(other.get("/admin").body.contains("Abmelden"));
    assert_eq!(program.component("portal")["mode"], "regular");
    assert!(!program.log().contains(first.token.rsplit('_').next().unwrap()));
}

#[test]
fn a_session_holds_behind_a_trusted_proxy_and_not_in_the_clear() {
    let place = Place::new(closed_port(), &town(closed_port()));
    let server = "[server]\npublic_url = \"https://status.test\"\ntrusted_proxies = [\"127.0.0.1\"]\n";
    let text = configuration(closed_port(), "127.0.0.1:0", "turmwacht.db").replace("[server]\n", server);
    place.write("config.toml", &text);
    let program = place.serve();
    let at = |client| ("status.test", client);
    let mut town_hall = Browser::sign_in_through(&place, &program, &EDITOR, at("192.0.2.7"));
    // Somebody else behind the same proxy guesses, and locks nobody but that address out.
    let guesser = Browser::sign_in_through(&place, &program, &EDITOR, at("198.51.100.9"));
    let guess = |number| {
        guesser.raw("GET", "/api/v1/admin/incidents", &format!("Authorization: Bearer tw_{number}\r\n"), None).0
    };
    assert_eq!((0..11).map(guess).collect::<Vec<_>>(), [vec![401; 10], vec![429]].concat());
    let mut neighbour = Browser::sign_in_through(&place, &program, &EDITOR, at("192.0.2.8"));
    for browser in [&mut town_hall, &mut neighbour] {
        assert!(browser.get("/admin").body.contains("Abmelden"));
        assert_eq!(browser.api("GET", "/incidents", None).0, 200);
    }
    // Its form is published: the proxy's word about https counts, and the page's own address.
    let mut form = town_hall.get("/admin/components/portal").form("/local");
    form.set("mode", "off");
    let preview = town_hall.send(&form);
    town_hall.send(preview.form("/local").set("step", "publish")).assert_says(&["außer Betrieb"]);
    // The same cookies over plain http open nothing, whoever says so.
    for proto in ["http", "https, http"] {
        let plain = town_hall.with_proto(proto).get("/admin");
        assert_eq!(plain.status, 403);
        plain.assert_says(&["nur über https"]);
    }
    assert!(town_hall.get("/admin").body.contains("Abmelden"), "the session goes on");
}
