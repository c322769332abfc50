//! Messages to programs that others wrote: Python's `aiosmtpd` as a mail server, Python's `standardwebhooks`
//! as a receiver, and Prometheus' Alertmanager with `amtool`.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::runtime::Builder;
use turmwacht::clock::monotonic;
use turmwacht::model::notification::Letter;
use turmwacht::model::notify::{MailSettings, MailTls};
use turmwacht::model::settings::Secret;
use turmwacht::model::time::Timestamp;
use turmwacht::notify::Outcome;
use turmwacht::notify::mail::Mailer;
use turmwacht::notify::webhook::signature;

use super::authority::Authority;
use super::process::{Peer, installed};
use crate::e2e::program::{Place, configuration};
use crate::e2e::{reference, town};
use crate::probe::server::{Server, answer, closed_port, send};

/// Long enough that nothing but a hang meets it.
const PATIENCE: Duration = Duration::from_secs(60);

/// A mail server that wants STARTTLS and a password, and is in a mood that depends on the recipient. It says
/// on stdout what it took.
const MAIL_SERVER: &str = r#"
import email, email.policy, json, ssl, sys, time
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, SMTP

class Handler:
    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("nobody"):
            return "550 5.1.1 no such mailbox"
        if address.startswith("later"):
            return "451 4.3.0 try again later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        if envelope.rcpt_tos[0].startswith("drop"):
            server.transport.abort()
            return "451 gone"
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        print(json.dumps({
            "tls": session.ssl is not None,
            "user": session.auth_data.login.decode() if session.authenticated else None,
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "headers": [[name, str(value)] for name, value in message.items()],
            "text": message.get_content(),
            "ascii": all(byte < 128 for byte in envelope.content),
        }), flush=True)
        return "250 taken"

def authenticate(server, session, envelope, mechanism, data):
    right = data.login == b"status" and data.password == "geheim ä".encode()
    return AuthResult(success=right, handled=False, auth_data=data)

chain, key = sys.argv[1:]
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(chain, key)
controller = Controller(
    Handler(), hostname="127.0.0.1", port=0, tls_context=context, require_starttls=True,
    authenticator=authenticate, auth_required=True,
)
# It asks its own port before it says that it listens, so it must know it.
import socket
held = socket.create_server(("127.0.0.1", 0))
controller.port = held.getsockname()[1]
held.close()
controller.start()
print(json.dumps({"port": controller.port}), flush=True)
sys.stdin.read()
controller.stop()
"#;

/// Python has a module; if not, that is said, and CI fails.
fn has_module(module: &str) -> bool {
    let found = Command::new("python3")
        .args(["-c", &format!("import {module}")])
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !found {
        assert!(std::env::var_os("CI").is_none(), "python3 with {module} is missing, and CI needs it");
        eprintln!("skipped: python3 with {module} is not installed");
    }
    found
}

struct MailServer {
    child: Child,
    said: BufReader<ChildStdout>,
    port: u16,
    authority: Authority,
}

impl MailServer {
    fn start() -> Self {
        let authority = Authority::new("mail authority");
        let certificate = authority.issue("127.0.0.1", 2099);
        let mut child = Command::new("python3")
            .args(["-c", MAIL_SERVER])
            .args([certificate.chain, certificate.key])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stdout.take().unwrap());
        let port = read(&mut said)["port"].as_u64().unwrap();
        Self { child, said, port: u16::try_from(port).unwrap(), authority }
    }

    fn mailer(&self, tls: MailTls, password: &str, trusted: bool) -> Mailer {
        let settings = MailSettings {
            host: "127.0.0.1".to_owned(),
            port: self.port,
            tls,
            from: "status@example.org".to_owned(),
            login: Some(("status".to_owned(), Secret::new(password.to_owned()))),
        };
        let roots = if trusted { vec![std::fs::read(&self.authority.file).unwrap()] } else { Vec::new() };
        Mailer::new(&settings, "status.example.org", &roots).unwrap()
    }

    fn took(&mut self) -> Value {
        read(&mut self.said)
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        self.child.wait().unwrap();
    }
}

fn read(said: &mut BufReader<ChildStdout>) -> Value {
    let mut line = String::new();
    said.read_line(&mut line).unwrap();
    serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
}

fn send_mail(mailer: &Mailer, to: &str, subject: &str) -> Outcome {
    let letter = Letter {
        subject: subject.to_owned(),
        text: format!("Seit 12 Uhr.\n.\n..\nFrom da: {}\n", "Übergröße ".repeat(40)),
        payload: String::new(),
    };
    let at = Timestamp::from_millis(1_701_432_000_000);
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let sent = runtime.block_on(mailer.send(to, "msg_a", at, &letter));
    runtime.shutdown_background();
    sent
}

#[test]
fn a_mail_server_takes_what_was_written_over_starttls_and_with_a_password() {
    if !has_module("aiosmtpd") {
        return;
    }
    let mut server = MailServer::start();
    let subject = "Ausfall: Bürgerbüro & Straßenverkehrsamt\r\nBcc: evil@example.org – sehr lang, ".repeat(3);
    let mailer = server.mailer(MailTls::Starttls, "geheim ä", true);
    assert_eq!(send_mail(&mailer, "it@example.org", &subject), Outcome::Accepted);
    let took = server.took();
    assert_eq!((&took["tls"], &took["user"], &took["ascii"]), (&json!(true), &json!("status"), &json!(true)));
    assert_eq!((&took["from"], &took["to"]), (&json!("status@example.org"), &json!(["it@example.org"])));
    let header = |name: &str| {
        let fields = took["headers"].as_array().unwrap();
        let found: Vec<_> =
            fields.iter().filter(|field| field[0].as_str().unwrap().eq_ignore_ascii_case(name)).collect();
        assert!(found.len() < 2, "{name} twice: {took}");
        found.first().map(|field| field[1].as_str().unwrap().to_owned())
    };
    assert_eq!(header("subject").unwrap(), subject.replace(['\r', '\n'], " "));
    assert_eq!(header("message-id").as_deref(), Some("<msg_a@status.example.org>"));
    assert_eq!(header("auto-submitted").as_deref(), Some("auto-generated"));
    assert_eq!(header("list-id").as_deref(), Some("<meldungen.status.example.org>"));
    assert_eq!(header("date").as_deref(), Some("Fri, 01 Dec 2023 12:00:00 +0000"));
    assert_eq!(header("bcc"), None);
    let text = took["text"].as_str().unwrap().replace("\r\n", "\n");
    let wanted = format!("Seit 12 Uhr.\n.\n..\nFrom da: {}\n", "Übergröße ".repeat(40));
    assert_eq!(text.trim_end(), wanted.trim_end());
}

#[test]
fn a_mail_server_that_fails_is_asked_again_and_one_that_refuses_is_not() {
    if !has_module("aiosmtpd") {
        return;
    }
    let mut server = MailServer::start();
    let mailer = server.mailer(MailTls::Starttls, "geheim ä", true);
    let is_away = |outcome: &Outcome| matches!(outcome, Outcome::Unreachable(_));
    let refused = send_mail(&mailer, "nobody@example.org", "x");
    assert!(matches!(&refused, Outcome::Refused(why) if why.contains("no such mailbox")), "{refused:?}");
    let later = send_mail(&mailer, "later@example.org", "x");
    assert!(matches!(&later, Outcome::Later(why, None) if why.contains("try again later")), "{later:?}");
    let dropped = send_mail(&mailer, "drop@example.org", "x");
    assert!(is_away(&dropped), "{dropped:?}");
    // A wrong password is ours to put right, and so is a certificate that nobody vouches for.
    let wrong = send_mail(&server.mailer(MailTls::Starttls, "falsch", true), "it@example.org", "x");
    assert!(is_away(&wrong) && !format!("{wrong:?}").contains("falsch"), "{wrong:?}");
    let untrusted = send_mail(&server.mailer(MailTls::Starttls, "geheim ä", false), "it@example.org", "x");
    assert!(is_away(&untrusted), "{untrusted:?}");
    assert_eq!(send_mail(&mailer, "it@example.org", "nach alledem"), Outcome::Accepted);
    let took = server.took().to_string();
    assert!(took.contains("\"nach alledem\""), "nothing of the others was taken: {took}");
    let address = closed_port();
    server.port = address.port();
    let nobody = send_mail(&server.mailer(MailTls::Implicit, "geheim ä", true), "it@example.org", "x");
    assert!(is_away(&nobody), "{nobody:?}");
}

#[test]
fn another_implementation_verifies_our_signatures() {
    if !has_module("standardwebhooks") {
        return;
    }
    const VERIFY: &str = r#"
import json, sys
from standardwebhooks.webhooks import Webhook, WebhookVerificationError
asked = json.load(sys.stdin)
hook = Webhook(asked["secret"])
assert hook.verify(asked["body"], asked["headers"]) == json.loads(asked["body"])
for name, value in (("webhook-id", "msg_b"), ("webhook-signature", "v1,AAAA")):
    try:
        hook.verify(asked["body"], {**asked["headers"], name: value})
    except WebhookVerificationError:
        continue
    raise SystemExit(f"{name} was not looked at")
"#;
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let body = "{\"type\":\"turmwacht.test\",\"text\":\"Störung – ä\"}";
    let seconds = turmwacht::clock::system_time().as_millis() / 1000;
    let signed = signature(&Secret::new(secret.to_owned()), "msg_a", seconds, body);
    let headers = json!({
        "webhook-id": "msg_a", "webhook-timestamp": seconds.to_string(), "webhook-signature": signed,
    });
    let asked = json!({ "secret": secret, "body": body, "headers": headers });
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("asked.json");
    std::fs::write(&file, asked.to_string()).unwrap();
    let run = Command::new("python3").args(["-c", VERIFY]).stdin(std::fs::File::open(file).unwrap()).output().unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
}

/// Alertmanager in a folder of its own. It is stopped when this goes.
struct Alertmanager {
    _peer: Peer,
    address: SocketAddr,
}

impl Alertmanager {
    /// `None`: it is not installed, which has been said.
    fn start() -> Option<Self> {
        installed("amtool")?;
        let arguments = |_: &Path, ports: &[u16]| {
            let listen = format!("--web.listen-address=127.0.0.1:{}", ports[0]);
            let fixed = ["--config.file=conf", "--storage.path=data", "--cluster.listen-address="];
            fixed.map(str::to_owned).into_iter().chain([listen]).collect()
        };
        let configuration = "route: { receiver: none }\nreceivers: [{ name: none }]\n";
        let peer = Peer::start_healthy("prometheus-alertmanager", arguments, |_, _| configuration.to_owned())?;
        Some(Self { address: peer.address(0), _peer: peer })
    }

    /// What stands, as `amtool` tells it.
    fn alerts(&self) -> Vec<Value> {
        let run = Command::new("/usr/bin/amtool")
            .args(["alert", "query", "--output=json"])
            .arg(format!("--alertmanager.url=http://{}", self.address))
            .output()
            .unwrap();
        serde_json::from_slice(&run.stdout).unwrap_or_default()
    }

    #[track_caller]
    fn until(&self, what: &str, condition: impl Fn(&[Value]) -> bool) {
        let started = monotonic();
        while monotonic().duration_since(started) < PATIENCE {
            if condition(&self.alerts()) {
                return;
            }
            thread::sleep(Duration::from_millis(200));
        }
        panic!("waited in vain until {what}: {:?}", self.alerts());
    }
}

#[test]
fn every_alertmanager_is_told_what_stands_and_that_it_is_over() {
    let (Some(first), Some(second)) = (Alertmanager::start(), Alertmanager::start()) else { return };
    let works = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let switch = Arc::clone(&works);
    let site = Server::http(move |stream, _| {
        let up = switch.load(std::sync::atomic::Ordering::SeqCst);
        send(stream, &answer(if up { "200 OK" } else { "503 Service Unavailable" }, "", "Anmelden"));
    });
    let place = Place::new(reference().address, &town(site.address));
    let mut config = configuration(reference().address, "127.0.0.1:0", "turmwacht.db");
    // The third one is nobody, and keeps nothing from the others.
    config.push_str(&format!(
        "[notify.alertmanager]\nurl = [\"http://{}\", \"http://{}/\", \"http://{}\"]\n",
        first.address,
        second.address,
        closed_port()
    ));
    place.write("config.toml", &config);
    let program = place.serve();
    program.until_status("portal", "major_outage");
    let incident = program.json("/api/v1/incidents")["incidents"][0].clone();
    let is_it = |alert: &Value| {
        let labels = &alert["labels"];
        labels["alertname"] == "TurmwachtIncident"
            && labels["incident"] == incident["id"]
            && (&labels["root"], &labels["owner"]) == (&json!("portal"), &json!("teststadt"))
            && labels["severity"] == "critical"
            && alert["generatorURL"] == incident["url"]
            && alert["annotations"]["summary"] == "Störung: Serviceportal"
    };
    for instance in [&first, &second] {
        instance.until("it is told", |alerts| alerts.iter().filter(|alert| is_it(alert)).count() == 1);
        let names: BTreeSet<String> =
            instance.alerts().iter().map(|alert| alert["labels"]["alertname"].to_string()).collect();
        assert_eq!(names.len(), 1, "{names:?}");
    }
    let tested = place.run(&["notify", "test", "--to", "alertmanager"]);
    assert_eq!(tested.code, Some(1), "{tested:?}");
    assert!(
        tested.stdout.starts_with("alertmanager:1: accepted\nalertmanager:2: accepted\nalertmanager:3: failed"),
        "{tested:?}"
    );

    // An editor says that it is over.
    works.store(true, std::sync::atomic::Ordering::SeqCst);
    program.until_status("portal", "operational");
    let made = place.run(&["token", "new", "--role", "admin"]);
    let token = made.stdout.split_whitespace().last().unwrap().to_owned();
    let server = format!("http://{}", program.address());
    let ended = place.run_with(
        &[("TURMWACHT_SERVER", &server), ("TURMWACHT_TOKEN", &token)],
        &["incident", "resolve", incident["id"].as_str().unwrap(), "--text", "Behoben."],
    );
    assert_eq!(ended.code, Some(0), "{ended:?}");
    for instance in [&first, &second] {
        instance.until("it is over", |alerts| !alerts.iter().any(is_it));
    }
}
