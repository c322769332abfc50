//! The reverse proxies of `deploy/` as they stand there: nginx, Caddy and Apache before the program, asked
//! by curl. Only ports, certificates and folders are put in.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use turmwacht::clock::monotonic;

use super::apache::apache;
use super::authority::{Authority, Certificate};
use super::process::{Peer, Ports, free_ports, installed};
use crate::e2e::program::{Place, Program};
use crate::e2e::{reference, town};
use crate::probe::server::{Server, answer};

pub(super) const SITE: &str = "status.example.org";
const OWN: &str = "status.musterstadt.example";
/// What must never come back to anybody.
const EVIL: &str = "evil.example";

/// A program as the recipes want it, with a body on a host of its own.
pub(super) struct Served {
    place: Place,
    pub(super) program: Program,
    _portal: Server,
    _reference: Server,
}

pub(super) fn served() -> Served {
    let (portal, reference) = (Server::answering(answer("200 OK", "", "Anmelden")), reference());
    let body = "url = \"https://www.musterstadt.example/\"\nhosts = [\"status.musterstadt.example\"]\nars = ";
    let place = Place::new(reference.address, &town(portal.address).replacen("ars = ", body, 1));
    let config = std::fs::read_to_string(place.path("config.toml")).unwrap();
    let server = format!("[server]\npublic_url = \"https://{SITE}\"\ntrusted_proxies = [\"127.0.0.1\", \"::1\"]");
    place.write("config.toml", &config.replace("[server]", &server));
    let program = place.serve();
    program.until("the portal was probed", |program| {
        program.try_get("/metrics").is_some_and(|(_, metrics)| {
            metrics
                .contains("turmwacht_component_status{component=\"portal\",status=\"operational\",evidence=\"own\"} 1")
        })
    });
    Served { place, program, _portal: portal, _reference: reference }
}

/// What curl got.
struct Reply {
    status: u16,
    version: String,
    head: String,
    body: Vec<u8>,
}

impl Reply {
    fn header(&self, name: &str) -> Option<&str> {
        let mut fields = self.head.lines().filter_map(|line| line.split_once(": "));
        fields.find_map(|(known, value)| known.eq_ignore_ascii_case(name).then_some(value))
    }
}

/// A proxy that listens for http and https.
struct Proxy {
    peer: Peer,
    authority: Authority,
}

impl Proxy {
    fn curl(&self, arguments: &[&str], url: &str) -> Command {
        let port = if url.starts_with("https:") { self.peer.address(1) } else { self.peer.address(0) };
        let mut command = Command::new(installed("curl").expect("curl is there where the proxies are"));
        command
            .args(["--silent", "--http2", "--max-time", "30", "--noproxy", "*", "--no-buffer", "--include"])
            .args(["--connect-to", &format!("::{port}")])
            .args(arguments)
            .arg(url)
            .stdin(Stdio::null());
        command
    }

    /// Asks for something; `None` = no answer at all, as where the handshake is refused.
    fn try_ask(&self, arguments: &[&str], url: &str) -> Option<Reply> {
        let mut answer = self.curl(arguments, url).arg("--insecure").output().unwrap().stdout;
        let end = answer.windows(4).position(|four| four == b"\r\n\r\n")?;
        let body = answer.split_off(end + 4);
        let head = String::from_utf8(answer).unwrap();
        let (version, rest) = head.split_once(' ').unwrap();
        let (version, status) = (version.to_owned(), rest.split_whitespace().next().unwrap().parse().unwrap());
        Some(Reply { status, version, head, body })
    }

    #[track_caller]
    fn ask(&self, arguments: &[&str], url: &str) -> Reply {
        self.try_ask(arguments, url).unwrap_or_else(|| panic!("{url} is not answered"))
    }

    #[track_caller]
    fn page(&self, path: &str) -> Reply {
        let reply = self.ask(&[], &format!("https://{SITE}{path}"));
        assert_eq!(reply.status, 200, "{path}: {}", reply.head);
        reply
    }

    /// All that a recipe promises, whichever program follows it.
    fn keeps_its_promises(&self, served: &Served) {
        self.passes_documents();
        self.passes_events_at_once();
        self.is_not_poisoned();
        self.lets_editors_in_by_https_only(served);
    }

    fn passes_documents(&self) {
        // By a name that its certificate has, and over HTTP/2.
        let verified = ["--cacert", &self.authority.file.to_string_lossy(), "--output", "/dev/null"];
        let mut verified = self.curl(&verified, &format!("https://{SITE}/teststadt"));
        assert!(verified.status().unwrap().success());
        let page = self.page("/teststadt");
        assert_eq!(page.version, "HTTP/2");
        assert_eq!(page.header("strict-transport-security"), Some("max-age=31536000"));
        let text = String::from_utf8(page.body).unwrap();
        assert!(text.contains("Serviceportal") && text.contains(&format!("https://{SITE}/")), "{text}");
        for path in ["/assets/live.js", "/feed.atom"] {
            let whole = self.page(path);
            let etag = whole.header("etag").unwrap();
            let unchanged = self.ask(&["-H", &format!("If-None-Match: {etag}")], &format!("https://{SITE}{path}"));
            assert_eq!((unchanged.status, unchanged.body.len()), (304, 0), "{path}");
            let packed = self.ask(&["-H", "Accept-Encoding: br", "--raw"], &format!("https://{SITE}{path}"));
            assert!(matches!(packed.header("content-encoding"), None | Some("br")), "{}", packed.head);
        }
        // On its own host a body has the start page; a host of nobody has nothing.
        assert_eq!(self.ask(&[], &format!("https://{OWN}/feed.atom")).body, self.page("/teststadt/feed.atom").body);
        for scheme in ["http", "https"] {
            let strange = self.try_ask(&[], &format!("{scheme}://{EVIL}/"));
            let strange = strange.map(|reply| (reply.status, String::from_utf8(reply.body).unwrap()));
            assert!(
                strange.as_ref().is_none_or(|(status, body)| *status == 421 || body.is_empty()),
                "{scheme}: {strange:?}"
            );
        }
        let moved = self.ask(&[], &format!("http://{SITE}/teststadt?a=b"));
        let to = format!("https://{SITE}/teststadt?a=b");
        assert_eq!((moved.status, moved.header("location")), (301, Some(&*to)));
    }

    fn passes_events_at_once(&self) {
        let mut events = self.curl(&["--insecure"], &format!("https://{SITE}/api/v1/events"));
        let mut events = events.stdout(Stdio::piped()).spawn().unwrap();
        let began = monotonic();
        let mut lines = BufReader::new(events.stdout.take().unwrap()).lines();
        assert!(lines.any(|line| line.unwrap().starts_with("event: ")), "no event came");
        assert!(monotonic().duration_since(began).as_secs() < 10, "it was held back");
        events.kill().unwrap();
        events.wait().unwrap();
    }

    fn is_not_poisoned(&self) {
        let attacks: &[&[&str]] = &[
            &["X-Forwarded-Host: evil.example", "X-Forwarded-Server: evil.example", "X-Host: evil.example"],
            &["X-Forwarded-For: evil.example", "X-Forwarded-Proto: gopher", "X-Forwarded-Port: 666"],
            &["Forwarded: host=evil.example;proto=http;for=evil.example"],
            &["X-Original-URL: /evil.example", "X-Rewrite-URL: /evil.example"],
            &["Accept-Language: en", "Accept: application/json", "Cookie: host=evil.example"],
            &["Origin: https://evil.example", "Referer: https://evil.example/"],
            &["Range: bytes=0-3"],
            &["Authorization: Bearer evil.example"],
            &["X-HTTP-Method-Override: DELETE"],
        ];
        for path in ["/teststadt", "/api/v1/components", "/nowhere"] {
            let usual = self.ask(&[], &format!("https://{SITE}{path}"));
            for (number, attack) in attacks.iter().enumerate() {
                // Each meets an empty place in a cache, and leaves there what it can.
                let url = format!("https://{SITE}{path}?attack={number}");
                self.try_ask(&attack.iter().flat_map(|field| ["-H", field]).collect::<Vec<_>>(), &url);
                let honest = self.ask(&[], &url);
                let told = String::from_utf8_lossy(&honest.body);
                assert_eq!(honest.status, usual.status, "{path} after {attack:?}");
                assert_eq!(honest.header("content-type"), usual.header("content-type"), "{path} after {attack:?}");
                assert!(!told.contains(EVIL) && !honest.head.contains(EVIL), "{path} after {attack:?}: {told}");
                assert_eq!(honest.body.len() < 100, usual.body.len() < 100, "{path} after {attack:?}");
            }
        }
        // By a host that it has no right to, either: what belongs to a body's own host stays there.
        let own = String::from_utf8(self.ask(&[], &format!("https://{OWN}/")).body).unwrap();
        let site = String::from_utf8(self.page("/").body).unwrap();
        assert_ne!(own, site);
        self.try_ask(&["-H", &format!("Host: {OWN}")], &format!("https://{SITE}/?host=1"));
        let after = String::from_utf8(self.page("/?host=1").body).unwrap();
        let title = |page: &str| page.split("<title>").nth(1).unwrap().split("</title>").next().unwrap().to_owned();
        assert_eq!(title(&after), title(&site));
    }

    fn lets_editors_in_by_https_only(&self, served: &Served) {
        let token = served.place.run(&["token", "new", "--role", "editor", "--organisation", "teststadt"]);
        let bearer = format!("Authorization: Bearer {}", token.stdout.split_whitespace().last().unwrap());
        let incident = r#"{"title": {"de": "Störung"}, "status": "identified", "impact": "minor",
            "text": {"de": "Wir arbeiten daran."}, "components": [{"id": "portal", "status": "degraded_performance"}]}"#;
        let asked = ["-H", &bearer, "-H", "Content-Type: application/json", "--data", incident];
        let path = "/api/v1/admin/incidents";
        // Whatever the client says of itself.
        for more in [&[][..], &["-H", "X-Forwarded-Proto: https"]] {
            let refused = self.ask(&[&asked[..], more].concat(), &format!("http://{SITE}{path}"));
            assert_eq!(refused.status, 403, "{}", refused.head);
        }
        assert_eq!(self.ask(&[], &format!("http://{SITE}/admin")).status, 403);
        let opened = self.ask(&asked, &format!("https://{SITE}{path}"));
        assert_eq!(opened.status, 201, "{}", String::from_utf8_lossy(&opened.body));
        let read = self.ask(&["-H", &bearer], &format!("https://{SITE}{path}"));
        assert!(matches!(read.status, 200 | 405), "{}", read.head);
        assert!(read.header("cache-control").is_none_or(|kept| kept.contains("no-store")), "{}", read.head);
        // On a body's own host there is no way in, and the page for signing in is passed as it is.
        assert_eq!(self.ask(&asked, &format!("https://{OWN}{path}")).status, 404);
        let direct = served.program.try_get("/admin").map(|(status, _)| status);
        let through = self.ask(&[], &format!("https://{SITE}/admin")).status;
        assert!(through == 200 || through == 303 || Some(through) == direct || through == 404, "{through} {direct:?}");
        // Who fails again and again is one address, whatever it says, and has to wait.
        let mut statuses = Vec::new();
        for number in 0..11 {
            let spoofed = format!("X-Forwarded-For: 192.0.2.{number}");
            let wrong = format!("Authorization: Bearer tw_{number:08}_wrong");
            statuses.push(self.ask(&["-H", &spoofed, "-H", &wrong], &format!("https://{SITE}{path}")).status);
        }
        assert_eq!((statuses[0], statuses[10]), (401, 429), "{statuses:?}");
    }
}

fn recipe(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy").join(path)).unwrap()
}

/// Puts in where the certificate is.
fn with_certificate(text: &str, certificate: &Certificate) -> String {
    text.replace("/etc/ssl/turmwacht/fullchain.pem", &certificate.chain.to_string_lossy())
        .replace("/etc/ssl/turmwacht/privkey.pem", &certificate.key.to_string_lossy())
}

fn without_ipv6(text: &str) -> String {
    text.lines().filter(|line| !line.contains("listen [::]")).map(|line| format!("{line}\n")).collect()
}

/// A `/var` with the folder that Debian's nginx brings.
fn made_by_debian(folder: &Path) -> PathBuf {
    let var = folder.join("var");
    std::fs::create_dir_all(var.join("lib/nginx")).unwrap();
    var
}

#[test]
fn nginx_as_debian_ships_it_takes_the_recipe() {
    let Some(program) = installed("nginx") else { return };
    if !Path::new("/etc/nginx/sites-available/default").is_file() {
        eprintln!("skipped: this nginx is not Debian's");
        return;
    }
    assert!(Path::new("/var/lib/nginx").is_dir(), "Debian's nginx has brought it");
    let authority = Authority::new("CA");
    let certificate = authority.issue(SITE, 2099);
    let folder = tempfile::tempdir().unwrap();
    let own = folder.path().join("nginx");
    let copied = Command::new("cp").args(["-rL", "/etc/nginx"]).arg(&own).status().unwrap();
    assert!(copied.success());
    let recipe = recipe("nginx/turmwacht.conf");
    std::fs::write(own.join("sites-enabled/turmwacht"), with_certificate(&recipe, &certificate)).unwrap();
    // What it says is to go.
    for line in recipe.lines().filter_map(|line| line.strip_prefix("#   rm /etc/nginx/")) {
        std::fs::remove_file(own.join(line)).unwrap();
    }
    // Nothing of the machine is touched, and no port that only root may take.
    let ports = free_ports(2);
    let var = made_by_debian(folder.path());
    std::fs::create_dir_all(var.join("log/nginx")).unwrap();
    let sites = std::fs::read_dir(own.join("sites-enabled")).unwrap().map(|entry| entry.unwrap().path());
    for file in sites.chain([own.join("nginx.conf")]) {
        let text = std::fs::read_to_string(&file)
            .unwrap()
            .replace("/etc/nginx", &own.to_string_lossy())
            .replace("/var/", &format!("{}/", var.display()))
            .replace("/run/", &format!("{}/", folder.path().display()))
            .replace("listen 80", &format!("listen 127.0.0.1:{}", ports[0]))
            .replace("listen 443", &format!("listen 127.0.0.1:{}", ports[1]));
        std::fs::write(file, without_ipv6(&text)).unwrap();
    }
    let tested = Command::new(program).args(["-t", "-e", "stderr", "-c"]).arg(own.join("nginx.conf")).output().unwrap();
    assert!(tested.status.success(), "{}", String::from_utf8_lossy(&tested.stderr));
}

#[test]
fn behind_nginx() {
    let served = served();
    let authority = Authority::new("CA");
    let certificate = authority.issue(SITE, 2099);
    let peer = Peer::start("nginx", &["-e", "log"], Ports::Free(2), |folder, ports| {
        let text = with_certificate(&recipe("nginx/turmwacht.conf"), &certificate)
            .replace("listen 80", &format!("listen 127.0.0.1:{}", ports[0]))
            .replace("listen 443", &format!("listen 127.0.0.1:{}", ports[1]))
            .replace("127.0.0.1:8080", &served.program.address.to_string())
            .replace("/var/", &format!("{}/", made_by_debian(folder).display()));
        let text = without_ipv6(&text);
        let folder = folder.display();
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|module| format!("{module}_temp_path {folder}/{module};\n"))
            .concat();
        format!(
            "daemon off; worker_processes 1; user root; pid {folder}/pid; error_log {folder}/log;\n\
             events {{ worker_connections 256; }}\nhttp {{ access_log off;\n{temporary}{text}\n}}"
        )
    });
    let Some(peer) = peer else { return };
    let proxy = Proxy { peer, authority };
    proxy.keeps_its_promises(&served);
    // While the program is away, readers have what was kept, and what was not kept fails soon.
    let script = proxy.page("/assets/live.js");
    served.program.kill();
    assert_eq!(proxy.page("/assets/live.js").body, script.body);
    assert_eq!(proxy.ask(&[], &format!("https://{SITE}/never-asked-for")).status, 502);
}

#[test]
fn behind_caddy() {
    let served = served();
    let authority = Authority::new("CA");
    let certificate = authority.issue(SITE, 2099);
    let arguments = |folder: &Path, _: &[u16]| {
        let at = |name: &str| folder.join(name).to_string_lossy().into_owned();
        ["run", "--adapter", "caddyfile", "--config", &at("conf"), "--pidfile", &at("pid")].map(str::to_owned).to_vec()
    };
    let peer = Peer::start_with("caddy", arguments, Ports::Free(2), |_, ports| {
        let tls = format!("tls {} {}\n\theader Strict", certificate.chain.display(), certificate.key.display());
        let text = recipe("caddy/Caddyfile")
            .replacen("header Strict", &tls, 1)
            .replace("127.0.0.1:8080", &served.program.address.to_string());
        format!(
            "{{\nhttp_port {}\nhttps_port {}\ndefault_bind 127.0.0.1\nauto_https off\nadmin off\n}}\n{text}",
            ports[0], ports[1]
        )
    });
    let Some(peer) = peer else { return };
    Proxy { peer, authority }.keeps_its_promises(&served);
}

#[test]
fn behind_apache() {
    let served = served();
    let authority = Authority::new("CA");
    let certificate = authority.issue(SITE, 2099);
    let modules = ["alias", "http2", "headers", "rewrite", "cache", "cache_disk"];
    let peer = apache(&modules, 2, |folder, ports| {
        // What Debian's package has made, for its workers to write.
        let var = folder.join("var");
        let cache = var.join("cache/apache2/mod_cache_disk");
        std::fs::create_dir_all(&cache).unwrap();
        std::fs::set_permissions(&cache, std::fs::Permissions::from_mode(0o777)).unwrap();
        with_certificate(&recipe("apache/turmwacht.conf"), &certificate)
            .replace("*:80", &format!("127.0.0.1:{}", ports[0]))
            .replace("*:443", &format!("127.0.0.1:{}", ports[1]))
            .replace("127.0.0.1:8080", &served.program.address.to_string())
            .replace("/var/", &format!("{}/", var.display()))
    });
    let Some(peer) = peer else { return };
    let proxy = Proxy { peer, authority };
    proxy.keeps_its_promises(&served);
    // What was asked for is kept, so it is there without the program, too.
    let script = proxy.page("/assets/live.js");
    served.program.kill();
    assert_eq!(proxy.page("/assets/live.js").body, script.body);
}
