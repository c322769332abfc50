//! The desk on a running program, as a browser without scripts meets it: signed in with a token, forms
//! sent as they stand in the pages.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use serde_json::{Value, json};

use super::hidden;
use crate::e2e::program::{Place, Program};
use crate::e2e::town;
use crate::probe::server::closed_port;

/// A town with a portal and an office, and a neighbour that the portal serves, too.
fn two_towns() -> String {
    let office = "[[component]]\nid = \"rathaus\"\nname = \"Rathaus\"\nkind = \"counter\"\nowner = \"teststadt\"\n";
    let shared = "[[component]]\nid = \"melder\"\nname = \"Mängelmelder\"\nkind = \"service\"\nowner = \"teststadt\"\n\
                  serves = [\"nachbarstadt\"]\n";
    let hidden = "[[component]]\nid = \"netz\"\nname = \"Geheimnetz\"\nkind = \"network\"\nowner = \"teststadt\"\npublic = false\n";
    let neighbour = "[[organisation]]\nid = \"nachbarstadt\"\nkind = \"municipality\"\nname = \"Nachbarstadt\"\n\
                     ars = \"059540036036\"\nserved_by = [\"melder\"]\n";
    format!("{}{office}{shared}{hidden}{neighbour}", town(closed_port()))
}

struct World {
    place: Place,
    program: Program,
}

impl World {
    fn new() -> Self {
        let place = Place::new(closed_port(), &two_towns());
        let program = place.serve();
        Self { place, program }
    }

    fn token(&self, town: &str) -> String {
        let made = self.place.run(&["token", "new", "--role", "editor", "--organisation", town]);
        made.stdout.split_whitespace().last().expect("a token").to_owned()
    }

    fn browser(&self, town: &str) -> Browser {
        Browser::signed_in(self.program.address(), &self.token(town))
    }
}

/// What came back.
pub(crate) struct Answer {
    status: u16,
    location: String,
    cookies: Vec<String>,
    pub(crate) body: String,
}

fn send(address: SocketAddr, request: &str) -> Answer {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let field = |line: &str, name: &str| {
        line.split_once(": ").filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.to_owned())
    };
    Answer {
        status: head.split(' ').nth(1).unwrap().parse().unwrap(),
        location: head.lines().find_map(|line| field(line, "location")).unwrap_or_default(),
        cookies: head.lines().filter_map(|line| field(line, "set-cookie")).collect(),
        body: body.to_owned(),
    }
}

/// Somebody who is signed in.
pub(crate) struct Browser {
    address: SocketAddr,
    cookies: Vec<String>,
}

impl Browser {
    pub(crate) fn signed_in(address: SocketAddr, token: &str) -> Self {
        let mut browser = Self { address, cookies: Vec::new() };
        let form = browser.get("/admin");
        let csrf = hidden(&form.body, "csrf");
        let there = browser.post("/admin/sign-in", &[("csrf", &csrf), ("token", token)]);
        assert_eq!(there.status, 303, "{}", there.body);
        browser
    }

    fn keep(&mut self, answer: &Answer) {
        for cookie in &answer.cookies {
            let pair = cookie.split(';').next().unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            self.cookies.retain(|known| !known.starts_with(&format!("{name}=")));
            if !value.is_empty() {
                self.cookies.push(pair.to_owned());
            }
        }
    }

    fn ask(&mut self, method: &str, path: &str, body: &str) -> Answer {
        let Self { address, cookies } = self;
        let cookies = cookies.join("; ");
        let form = if method == "POST" {
            format!(
                "Origin: http://{address}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n",
                body.len()
            )
        } else {
            String::new()
        };
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {address}\r\nCookie: {cookies}\r\nConnection: close\r\n{form}\r\n{body}"
        );
        let answer = send(*address, &request);
        self.keep(&answer);
        answer
    }

    pub(crate) fn get(&mut self, path: &str) -> Answer {
        self.ask("GET", path, "")
    }

    fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        self.ask("POST", path, &body)
    }

    /// Fills in the form of a page and goes on to its preview; what the preview's form would send.
    #[track_caller]
    fn preview(&mut self, path: &str, fields: &[(&str, &str)]) -> Vec<(String, String)> {
        let form = self.get(path);
        assert_eq!(form.status, 200, "{path}: {}", form.body);
        let (csrf, revision) = (hidden(&form.body, "csrf"), hidden(&form.body, "revision"));
        let own = [("csrf", csrf.as_str()), ("revision", revision.as_str()), ("do", "preview")];
        let seen = self.post(path.split('?').next().unwrap(), &[&own[..], fields].concat());
        assert_eq!(seen.status, 200, "{path}: {}", seen.body);
        assert!(seen.body.contains("Noch ist nichts veröffentlicht"), "{}", seen.body);
        let (_, form) = seen.body.split_once("<form class=\"act\"").expect("the form of a preview");
        let (form, _) = form.split_once("</form>").unwrap();
        let mut kept: Vec<(String, String)> = Vec::new();
        for field in form.split("<input type=\"hidden\" name=\"").skip(1) {
            let (name, rest) = field.split_once("\" value=\"").unwrap();
            let value = rest.split_once('"').unwrap().0;
            kept.push((
                name.to_owned(),
                value.replace("&quot;", "\"").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"),
            ));
        }
        kept.push(("do".to_owned(), "publish".to_owned()));
        kept
    }

    fn press(&mut self, path: &str, kept: &[(String, String)]) -> Answer {
        let fields: Vec<(&str, &str)> = kept.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        self.post(path, &fields)
    }

    /// Fills in, looks, publishes; where one is then.
    #[track_caller]
    fn publish(&mut self, path: &str, fields: &[(&str, &str)]) -> String {
        let kept = self.preview(path, fields);
        let done = self.press(path.split('?').next().unwrap(), &kept);
        assert_eq!(done.status, 303, "{path}: {}", done.body);
        done.location
    }
}

const NEW: &[(&str, &str)] = &[
    ("title-de", "Mängelmelder gestört"),
    ("text-de", "Seit heute früh kommt <nichts> an."),
    ("state-melder", "major_outage"),
    ("next", "2099-01-01T09:00"),
];

fn incidents(program: &Program) -> Vec<Value> {
    program.json("/api/v1/incidents")["incidents"].as_array().unwrap().clone()
}

/// The only incident, once its newest update says this: what is published goes out twice a second.
fn incident_saying(program: &Program, text: &str) -> Value {
    let newest = |program: &Program| incidents(program).first().map(|incident| incident["updates"][0]["text"].clone());
    program.until(text, |program| newest(program).is_some_and(|newest| newest == text));
    let all = incidents(program);
    assert_eq!(all.len(), 1, "{all:?}");
    all[0].clone()
}

#[test]
fn an_incident_is_written_at_the_desk_from_its_first_word_to_its_last() {
    let world = World::new();
    let mut desk = world.browser("teststadt");
    assert!(desk.get("/admin").body.contains("keine Störung bekannt"));
    let kept = desk.preview("/admin/incidents/new?template=none", NEW);
    assert!(incidents(&world.program).is_empty(), "a preview publishes nothing");
    let done = desk.press("/admin/incidents/new", &kept);
    assert_eq!(done.status, 303, "{}", done.body);
    // Sent twice, as impatient people do: there is still one, and one is led to it.
    let again = desk.press("/admin/incidents/new", &kept);
    assert_eq!((again.status, &again.location), (303, &done.location));
    let there = incident_saying(&world.program, "Seit heute früh kommt <nichts> an.");
    assert_eq!(there["title"], "Mängelmelder gestört");
    assert_eq!(there["next_update_by"], "2099-01-01T08:00:00Z");
    let page = done.location.split('?').next().unwrap().to_owned();
    let shown = desk.get(&done.location).body;
    for words in [
        "Die Meldung ist veröffentlicht.",
        "Seit heute früh kommt &lt;nichts&gt; an.",
        "Neue Meldung schreiben",
        "nicht verfügbar",
    ] {
        assert!(shown.contains(words), "lacks {words}: {shown}");
    }

    desk.publish(
        &format!("{page}/update"),
        &[
            ("text-de", "Eine Leitung ist unterbrochen."),
            ("status", "identified"),
            ("next", "keep"),
            ("cause", "network"),
            ("latest", "2098-12-31"),
            ("internal-de", "Ticket 7"),
        ],
    );
    let incident = incident_saying(&world.program, "Eine Leitung ist unterbrochen.");
    assert_eq!((&incident["status"], &incident["cause"]), (&json!("identified"), &json!("network")));
    assert_eq!(incident["expected_end"]["latest"], "2098-12-31T23:00:00Z", "the last day is included");
    assert_eq!(incident["next_update_by"], "2099-01-01T08:00:00Z", "the promise stays");
    let shown = desk.get(&page).body;
    assert!(shown.contains("Ticket 7") && !world.program.get("/teststadt").contains("Ticket 7"));
    // The form shows what is there, and sends it back unchanged.
    let form = desk.get(&format!("{page}/update")).body;
    assert!(form.contains("value=\"2098-12-31\"") && form.contains("value=\"network\" selected"), "{form}");

    let id = incident["id"].as_str().unwrap().to_owned();
    desk.publish(&format!("{page}/updates/{id}-2"), &[("text-de", "Zwei Leitungen sind unterbrochen.")]);
    let confirm = desk.get(&format!("{page}/updates/{id}-1/retract"));
    let (csrf, revision, key) =
        (hidden(&confirm.body, "csrf"), hidden(&confirm.body, "revision"), hidden(&confirm.body, "key"));
    let retract = [("csrf", csrf.as_str()), ("revision", &revision), ("key", &key), ("do", "publish")];
    assert_eq!(desk.post(&format!("{page}/updates/{id}-1/retract"), &retract).status, 303);
    let updates = || incident_saying(&world.program, "Zwei Leitungen sind unterbrochen.")["updates"].clone();
    world.program.until("one is withdrawn", |_| updates()[1]["retracted"] == true);

    desk.publish(
        &format!("{page}/edit"),
        &[("title-de", "Mängelmelder: Leitung gestört"), ("impact", "major"), ("cause", "network"), ("root", "melder")],
    );
    desk.publish(&format!("{page}/resolve"), &[("text-de", "Alles läuft wieder.")]);
    let incident = incident_saying(&world.program, "Alles läuft wieder.");
    assert_eq!(
        (&incident["status"], &incident["title"], &incident["impact"]),
        (&json!("resolved"), &json!("Mängelmelder: Leitung gestört"), &json!("major"))
    );
    assert!(desk.get("/admin/incidents").body.contains("Zuletzt behoben"));
    assert_eq!(world.place.run(&["audit", "verify"]).code, Some(0));
}

#[test]
fn two_editors_at_once_lose_no_word() {
    let world = World::new();
    let (mut first, mut second) = (world.browser("teststadt"), world.browser("teststadt"));
    let page = first.publish("/admin/incidents/new?template=none", NEW);
    let update = format!("{}/update", page.split('?').next().unwrap());
    let kept = first.preview(&update, &[("text-de", "Die erste."), ("status", "identified")]);
    second.publish(&update, &[("text-de", "Die zweite."), ("status", "identified")]);
    let stale = first.press(&update, &kept);
    assert_eq!(stale.status, 412);
    for words in ["Inzwischen hat jemand anderes", "Die erste.</textarea>", "Die zweite."] {
        assert!(stale.body.contains(words), "lacks {words}: {}", stale.body);
    }
    incident_saying(&world.program, "Die zweite.");
    // The form is now for what is there: a second look publishes it.
    let fresh = hidden(&stale.body, "revision");
    let mut again: Vec<(String, String)> =
        kept.into_iter().filter(|(name, _)| !["revision", "key"].contains(&name.as_str())).collect();
    again.extend([("revision".to_owned(), fresh), ("key".to_owned(), "anders".to_owned())]);
    assert_eq!(first.press(&update, &again).status, 303);
    incident_saying(&world.program, "Die erste.");
}

#[test]
fn a_neighbour_sees_what_concerns_it_and_says_its_own_words() {
    let world = World::new();
    let (mut owner, mut neighbour) = (world.browser("teststadt"), world.browser("nachbarstadt"));
    let page = owner.publish(
        "/admin/incidents/new?template=none",
        &[NEW, &[("internal-de", "nur für uns"), ("state-netz", "major_outage")]].concat(),
    );
    let page = page.split('?').next().unwrap().to_owned();
    let hidden_one = owner.publish(
        "/admin/incidents/new?template=none",
        &[("title-de", "Schalter zu"), ("text-de", "Heute zu."), ("state-rathaus", "major_outage")],
    );
    // What stands on no page of its own is none of its business.
    let overview = neighbour.get("/admin").body;
    for words in [
        "Mängelmelder gestört",
        "gehört einer anderen Stelle",
        "Von Ihnen steht noch nichts dabei",
        "Eigene Worte schreiben",
    ] {
        assert!(overview.contains(words), "lacks {words}: {overview}");
    }
    let shown = neighbour.get(&page).body;
    for body in [
        &overview,
        &shown,
        &neighbour.get("/admin/incidents").body,
        &neighbour.get("/admin/incidents/new?template=none").body,
    ] {
        for secret in ["nur für uns", "Geheimnetz", "Schalter zu"] {
            assert!(!body.contains(secret), "{secret}: {body}");
        }
    }
    assert!(owner.get("/admin/incidents/new?template=none").body.contains("Geheimnetz"), "its owner may name it");
    for path in ["/update", "/resolve", "/edit", "/merge", "/split", "/overlays/teststadt"] {
        assert_eq!(neighbour.get(&format!("{page}{path}")).status, 404, "{path}");
    }
    let own = format!("{page}/overlays/nachbarstadt");
    neighbour.publish(
        &own,
        &[
            ("text-de", "Bei uns per Telefon."),
            ("ways", "1"),
            ("way-0-target", "02324 204-0"),
            ("way-0-label-de", "Bürgertelefon"),
        ],
    );
    let words = || {
        let page = world.program.json("/api/v1/organisations/nachbarstadt");
        page["organisation"]["incidents"][0]["overlay"].clone()
    };
    world.program.until("its words are read", |_| !words().is_null());
    let words = words();
    assert_eq!((&words["text"], &words["drifted"]), (&json!("Bei uns per Telefon."), &json!(false)));
    assert_eq!(words["alternatives"][0]["target"], json!(["tel:+4923242040"]));

    owner.publish(&format!("{page}/update"), &[("text-de", "Es dauert bis morgen."), ("status", "identified")]);
    let overview = neighbour.get("/admin").body;
    assert!(
        overview.contains("Ihre Worte prüfen") && overview.contains("Inzwischen steht dort: „Es dauert bis morgen.“"),
        "{overview}"
    );
    let form = neighbour.get(&own).body;
    for words in [
        "Als Sie schrieben",
        "Seit heute früh kommt &lt;nichts&gt; an.",
        "Es dauert bis morgen.",
        "Bei uns per Telefon.</textarea>",
    ] {
        assert!(form.contains(words), "lacks {words}: {form}");
    }
    assert!(!hidden_one.is_empty());
}

#[test]
fn a_trial_shows_every_format_and_an_overview_who_said_what() {
    let world = World::new();
    let mut desk = world.browser("teststadt");
    let form = desk.get("/admin/incidents/new?template=none");
    let csrf = hidden(&form.body, "csrf");
    let seen = desk.post("/admin/incidents/new", &[NEW, &[("csrf", &csrf), ("do", "preview")]].concat()).body;
    for words in [
        "<p class=\"heading\">Mängelmelder gestört</p>",
        "Seit heute früh kommt &lt;nichts&gt; an.",
        "Auf Englisch",
        "Daten (JSON), Deutsch: /api/v1/incidents/",
        "Daten (JSON), Englisch: /en/api/v1/incidents/",
        "Nachrichten-Feed (Atom), Deutsch: /teststadt/feed.atom",
        "&lt;entry&gt;",
        "Textzeilen (status.txt), Deutsch: /teststadt/status.txt",
        "Störung: Mängelmelder gestört (seit",
        "Anzeige auf anderen Internetseiten, Deutsch: /embed/teststadt/fragment.html",
        "Andere Statusseiten (Statuspage)",
        "&quot;incident_updates&quot;",
    ] {
        assert!(seen.contains(words), "lacks {words}: {seen}");
    }
    assert_eq!(seen.matches("&lt;entry&gt;").count(), 4, "only what is new: in two feeds and two languages");
}
