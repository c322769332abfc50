//! Messages from the whole program to webhooks and a mail server of the test's own: wherever it is killed, and
//! whatever they answer.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::program::{Place, Program, configuration};
use super::{Site, reference, town};
use crate::desk::operations::operations;
use crate::probe::server::{Server, answer, hold, read_head, send};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A request as a webhook got it.
#[derive(Debug, Clone)]
pub(crate) struct Got {
    head: String,
    pub(crate) body: String,
}

impl Got {
    pub(crate) fn header(&self, name: &str) -> String {
        let found = self.head.lines().filter_map(|line| line.split_once(": "));
        let value = found.into_iter().find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value);
        value.unwrap_or_default().to_owned()
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// A webhook that notes what it gets, and answers as it is told: nothing at all is a connection that hangs.
pub(crate) struct Hook {
    server: Server,
    got: Arc<Mutex<Vec<Got>>>,
}

impl Hook {
    pub(crate) fn new(story: impl Fn(usize) -> Vec<u8> + Send + Sync + 'static) -> Self {
        let got = Arc::<Mutex<Vec<Got>>>::default();
        let noted = Arc::clone(&got);
        let server = Server::raw(move |mut stream: TcpStream| {
            let head = read_head(&mut stream);
            let mut request = Got { head, body: String::new() };
            let mut body = vec![0; request.header("content-length").parse().unwrap_or(0)];
            if stream.read_exact(&mut body).is_err() {
                return;
            }
            request.body = String::from_utf8(body).unwrap();
            let number = {
                let mut noted = noted.lock().unwrap();
                noted.push(request);
                noted.len() - 1
            };
            match story(number) {
                nothing if nothing.is_empty() => hold(&mut stream),
                answer => send(&mut stream, &answer),
            }
        });
        Self { server, got }
    }

    pub(crate) fn accepting() -> Self {
        Self::new(|_| answer("204 No Content", "", ""))
    }

    pub(crate) fn got(&self) -> Vec<Got> {
        self.got.lock().unwrap().clone()
    }
}

/// A place whose program tells these webhooks of everything.
fn place(site: &Site, hooks: &[(&str, &Hook)]) -> Place {
    let place = Place::new(reference().address, &town(site.server.address));
    let mut config = configuration(reference().address, "127.0.0.1:0", "turmwacht.db");
    for (name, hook) in hooks {
        config.push_str(&format!(
            "[[notify.webhook]]\nname = \"{name}\"\nurl = \"http://{}/hook\"\nsecret_file = \"hook.secret\"\n\
             [[notify.to]]\nwebhook = \"{name}\"\nevents = [\"incident\", \"overdue\", \"editor_change\"]\n",
            hook.server.address
        ));
    }
    place.write("hook.secret", SECRET);
    place.write("config.toml", &config);
    place
}

fn listed(place: &Place) -> Vec<Value> {
    let listed = place.run(&["notify", "list", "--json"]);
    assert_eq!(listed.code, Some(0), "{listed:?}");
    let mut listed: Value = serde_json::from_str(&listed.stdout).unwrap();
    serde_json::from_value(listed["notifications"].take()).unwrap()
}

/// Posts JSON to the editors' interface.
fn post(program: &Program, token: &str, path: &str, body: &Value) -> (u16, Value) {
    let body = body.to_string();
    let mut stream = TcpStream::connect(program.address()).unwrap();
    write!(
        stream,
        "POST /api/v1/admin{path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        program.address(),
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), serde_json::from_str(body).unwrap_or_default())
}

fn token(place: &Place, arguments: &[&str]) -> String {
    let made = place.run(&[&["token", "new"], arguments].concat());
    made.stdout.split_whitespace().last().unwrap_or_else(|| panic!("{made:?}")).to_owned()
}

#[test]
fn a_message_is_told_once_wherever_the_program_is_killed() {
    // The first attempt hangs.
    let hook = Hook::new(|number| if number == 0 { Vec::new() } else { answer("204 No Content", "", "") });
    let site = Site::new();
    let place = place(&site, &[("chat", &hook)]);
    let program = place.serve();
    program.until_status("portal", "operational");
    site.switch(false);
    program.until_status("portal", "major_outage");
    // It was decided and published, and nobody was told.
    program.kill();
    assert!(hook.got().is_empty());

    let program = place.serve();
    program.until("it is being told", |_| hook.got().len() == 1);
    program.kill();
    assert_eq!(listed(&place).len(), 1, "it is recorded, and not as sent");
    assert_eq!(listed(&place)[0]["state"], "pending");

    let program = place.serve();
    let sent = "turmwacht_notifications_total{channel=\"webhook\",outcome=\"sent\"} 1";
    program.until(sent, |program| program.get("/metrics").contains(sent));
    let got = hook.got();
    assert_eq!(got.len(), 2);
    assert_eq!(got[0].header("webhook-id"), got[1].header("webhook-id"), "it is the same message");
    assert_eq!(got[0].body, got[1].body);
    let told = got[1].json();
    assert_eq!(told["type"], "turmwacht.notification");
    assert_eq!(told["data"]["subject"], "Ausfall: Serviceportal");
    let incident = &program.json("/api/v1/incidents")["incidents"][0];
    assert_eq!(told["data"]["items"][0]["url"], incident["url"]);
    program.until("it is marked as sent", |_| listed(&place)[0]["state"] == "sent");
    program.kill();

    let program = place.serve();
    program.until_status("portal", "major_outage");
    assert_eq!(listed(&place).len(), 1);
    assert_eq!(hook.got().len(), 2);
    assert!(program.get("/metrics").contains("turmwacht_notify_queue 0"));
}

#[test]
fn a_webhook_may_hang_redirect_inside_fail_or_want_no_more_and_harms_nobody() {
    let inside = Hook::accepting();
    let location = format!("Location: http://{}/hook\r\n", inside.server.address);
    let hang = Hook::new(|_| Vec::new());
    let away = Hook::new(move |_| answer("307 Temporary Redirect", &location, ""));
    let moody = Hook::new(|number| match number {
        0 => answer("500 Internal Server Error", "", "x"),
        _ => answer("200 OK", "", &"x".repeat(1 << 20)),
    });
    let gone = Hook::new(|_| answer("410 Gone", "", ""));
    let well = Hook::accepting();
    let site = Site::new();
    let hooks = [("hang", &hang), ("away", &away), ("moody", &moody), ("gone", &gone), ("well", &well)];
    let place = place(&site, &hooks);
    let program = place.serve();
    program.until_status("portal", "operational");

    // The test button.
    let admin = token(&place, &["--role", "admin"]);
    let one = json!({ "to": "webhook:well" });
    assert_eq!(post(&program, &admin, "/notifications/test?dry_run=true", &one).0, 200);
    assert_eq!(post(&program, &admin, "/notifications/test", &one), (202, json!({ "queued": ["webhook:well"] })));
    assert_eq!(post(&program, &admin, "/notifications/test", &json!({ "to": "mail:x@y.example" })).0, 404);
    let editor = token(&place, &["--role", "editor", "--organisation", "teststadt", "--label", "Presse"]);
    assert_eq!(post(&program, &editor, "/notifications/test", &one).0, 403);
    program.until("the test arrives", |_| well.got().len() == 1);
    assert_eq!(well.got()[0].json()["type"], "turmwacht.test");

    // An editor sends citizens to a number that nobody knows.
    let opened = json!({
        "title": "Anträge gestört",
        "text": "Rufen Sie 0900 1234567 oder (02324) 0 an.",
        "components": [{ "id": "antrag", "status": "major_outage" }],
    });
    assert_eq!(post(&program, &editor, "/incidents", &opened).0, 201);
    program.until("all are told", |_| {
        well.got().len() == 2 && moody.got().len() == 2 && !gone.got().is_empty() && !away.got().is_empty()
    });
    let told = well.got()[1].json();
    let items = told["data"]["items"].as_array().unwrap().clone();
    let topics: Vec<&Value> = items.iter().map(|item| &item["topic"]).collect();
    assert_eq!(topics, ["incident", "editor_change"], "{told}");
    assert!(items[1]["text"].as_str().unwrap().contains(" von Presse ("), "{told}");
    assert!(items[1]["text"].as_str().unwrap().contains("- 0900 1234567  (neu: bitte gegenlesen)"), "{told}");
    assert_eq!(
        items[1]["contacts"],
        json!([{ "text": "0900 1234567", "is_new": true }, { "text": "(02324) 0", "is_new": false }])
    );

    let ids: Vec<String> = moody.got().iter().map(|got| got.header("webhook-id")).collect();
    assert_eq!(ids[0], ids[1], "a retry is the same message");
    program.until("the store knows how it went", |_| {
        let states = listed(&place);
        let of = |name: &str, state: &str| {
            states.iter().any(|message| message["recipient"] == format!("webhook:{name}") && message["state"] == state)
        };
        of("well", "sent")
            && of("moody", "sent")
            && of("gone", "dead")
            && of("away", "pending")
            && of("hang", "pending")
    });
    assert!(inside.got().is_empty(), "no redirect is followed");
    let dead = place.run(&["notify", "list", "--dead"]);
    assert!(dead.stdout.contains("webhook:gone") && dead.stdout.contains("it answered 410"), "{dead:?}");
    // Whoever looks after the program sees it at the desk, too; an editor does not.
    let given_up = |token: &str| operations(&program, token).1["notifications"].clone();
    program.until("the desk knows it", |_| given_up(&admin)["dead"] == 1);
    let told = given_up(&admin);
    assert_eq!(told["recipients"].as_array().unwrap().len(), hooks.len());
    let [first, rest @ ..] = told["newest"].as_array().unwrap().as_slice() else { panic!("{told}") };
    assert_eq!((&first["recipient"], &first["state"]), (&"webhook:gone".into(), &"dead".into()));
    assert!(first["fault"].as_str().unwrap().contains("it answered 410"), "{first}");
    assert!(rest.iter().any(|message| message["state"] == "pending" && message["next_at"].is_string()), "{told}");
    assert_eq!(given_up(&editor), Value::Null);
    // What is in a message stands in no log, nor does where it went or how it was signed.
    let log = program.log();
    for word in ["0900 1234567", "/hook", SECRET, "Anträge gestört"] {
        assert!(!log.contains(word), "{word}:\n{log}");
    }

    let tested = place.run(&["notify", "test", "--to", "webhook:well"]);
    assert_eq!((tested.code, &*tested.stdout), (Some(0), "webhook:well: accepted\n"), "{tested:?}");
    let tested = place.run(&["notify", "test", "--to", "webhook:away"]);
    assert_eq!(tested.code, Some(1), "{tested:?}");
    assert!(tested.stdout.contains("redirects are not followed"), "{tested:?}");
    place.run(&["notify", "test", "--to", "webhook:nobody"]).assert_refuses(&["`webhook:nobody` is nobody"]);
}

/// A mail server that takes every message, and then says nothing any more.
struct Mailbox {
    server: Server,
    got: Arc<Mutex<Vec<String>>>,
}

impl Mailbox {
    fn new() -> Self {
        let got = Arc::<Mutex<Vec<String>>>::default();
        let noted = Arc::clone(&got);
        let server = Server::raw(move |mut stream: TcpStream| {
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let mut say = |text: &str| stream.write_all(format!("{text}\r\n").as_bytes()).unwrap_or_default();
            say("220 mail.test");
            let mut taken = false;
            while let Some(Ok(line)) = lines.next() {
                match line.split([' ', ':']).next().unwrap_or_default() {
                    _ if taken => {}
                    "EHLO" => say("250-mail.test\r\n250 8BITMIME"),
                    "DATA" => {
                        say("354 go on");
                        let message: Vec<String> =
                            lines.by_ref().map(Result::unwrap).take_while(|line| line != ".").collect();
                        noted.lock().unwrap().push(message.join("\n"));
                        say("250 taken");
                        taken = true;
                    }
                    _ => say("250 well"),
                }
            }
        });
        Self { server, got }
    }

    fn got(&self) -> Vec<String> {
        self.got.lock().unwrap().clone()
    }
}

#[test]
fn an_outage_is_told_by_mail_once_though_the_server_never_takes_leave() {
    let mailbox = Mailbox::new();
    let site = Site::new();
    let place = Place::new(reference().address, &town(site.server.address));
    let mut config = configuration(reference().address, "127.0.0.1:0", "turmwacht.db");
    config.push_str(&format!(
        "[notify.mail]\nsmtp = \"{}\"\ntls = \"none\"\nfrom = \"status@example.org\"\n\
         [[notify.to]]\nmail = [\"it@example.org\"]\n",
        mailbox.server.address
    ));
    place.write("config.toml", &config);
    let program = place.serve();
    program.until_status("portal", "operational");
    site.switch(false);
    program.until_status("portal", "major_outage");
    let sent = "turmwacht_notifications_total{channel=\"mail\",outcome=\"sent\"} 1";
    program.until(sent, |program| program.get("/metrics").contains(sent));
    let got = mailbox.got();
    assert_eq!(got.len(), 1, "what was taken is not sent again: {got:?}");
    let incident = program.json("/api/v1/incidents")["incidents"][0]["url"].as_str().unwrap().to_owned();
    for line in [
        "From: status@example.org",
        "To: it@example.org",
        "Subject: Ausfall: Serviceportal",
        "Schwere: Ausfall",
        &incident,
    ] {
        assert!(got[0].lines().any(|other| other == line), "{line}:\n{}", got[0]);
    }
    assert_eq!(listed(&place)[0]["state"], "sent");
    let tested = place.run(&["notify", "test", "--to", "mail:it@example.org"]);
    assert_eq!((tested.code, &*tested.stdout), (Some(0), "mail:it@example.org: accepted\n"), "{tested:?}");
    assert!(mailbox.got()[1].contains("Subject: Probe: Meldungen kommen an"), "{}", mailbox.got()[1]);
}
