//! The reverse proxies and server-side includes of docs/embedding.md, in nginx and Apache, before the program.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::rdata::A;
use hickory_resolver::proto::rr::{RData, RecordType};

use super::apache::apache;
use super::authority::Authority;
use super::nginx::{nginx, secure, site};
use super::process::Peer;
use super::proxies::{SITE, Served, served};
use crate::probe::dns::NameServer;

/// What the town wrote for the case that there is no word.
const STUB: &str = "<p>Der Status der Online-Dienste ist zurzeit nicht bekannt.</p>";
/// A fragment, one of a town that is not there, and all that may come instead of either.
const FRAGMENT: &str = "embed/teststadt/fragment.html";
const ERRORS: [&str; 10] =
    ["embed/niemand/fragment.html", "400", "403", "410", "421", "429", "500", "502", "503", "504"];
const BROWSER: &str = "Accept-Encoding: gzip, deflate, br\r\n";
const PERSONAL: &str = "Cookie: session=1\r\nAuthorization: Basic eDp5\r\nX-Forwarded-For: 192.0.2.1\r\n\
    User-Agent: mine\r\nReferer: https://www.hattingen.test/\r\nRange: bytes=0-3\r\nIf-None-Match: \"x\"\r\n\
    If-Modified-Since: Sun, 22 Nov 2026 10:00:00 GMT\r\n";
const TOLD: &str = "path=$request_uri cookie=$http_cookie authorization=$http_authorization \
    from=$http_x_forwarded_for agent=$http_user_agent referer=$http_referer range=$http_range \
    etag=$http_if_none_match since=$http_if_modified_since encoding=$http_accept_encoding.";

/// The n-th block of the documentation that says what it is.
fn block(info: &str, index: usize) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/embedding.md");
    let documentation = std::fs::read_to_string(file).expect("it is there");
    let rest = documentation.split(&format!("```{info}\n")).nth(index + 1).expect("the block");
    rest.split("```").next().expect("its end").to_owned()
}

/// Asks for something: head and body.
fn get(address: SocketAddr, path: &str, headers: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).expect("somebody listens");
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {SITE}\r\n{headers}\r\n").expect("it reads");
    let mut reply = Vec::new();
    stream.read_to_end(&mut reply).expect("it answers");
    let reply = String::from_utf8_lossy(&reply);
    let (head, body) = reply.split_once("\r\n\r\n").expect("a head");
    (head.to_owned(), body.to_owned())
}

/// The status server behind TLS, and at a second port somebody who passes for it.
struct Front {
    served: Served,
    peer: Peer,
    authority: Authority,
    _stranger: Authority,
}

impl Front {
    fn start(name: &str) -> Option<Self> {
        let (served, authority, stranger) = (served(), Authority::new("CA"), Authority::new("Fremde CA"));
        let errors: String = ERRORS[1..]
            .iter()
            .map(|code| format!("location = /{code} {{ return {code} '<b>Fehler</b>'; }}\n"))
            .collect();
        let real = format!(
            "{} listen 127.0.0.2:PORT0 ssl; {errors}
             location = /where {{ return 200 $server_addr; }}
             location = /told {{ return 200 '{TOLD}'; }}
             location / {{ proxy_pass http://{}; proxy_set_header Host {SITE}; }}",
            authority.issue(name, 2099).nginx(),
            served.program.address,
        );
        let false_one = format!("{} return 200 '<section>gelogen</section>';", stranger.issue(name, 2099).nginx());
        let peer = nginx(&[secure(&real), secure(&false_one)])?;
        // The compressed forms are made after the first who asked.
        served.program.until("its fragment is there in a compressed form", |program| {
            get(program.address, &format!("/{FRAGMENT}"), BROWSER).0.to_lowercase().contains("content-encoding: br")
        });
        Some(Self { served, peer, authority, _stranger: stranger })
    }

    fn port(&self, index: usize) -> u16 {
        self.peer.address(index).port()
    }
}

/// The town's pages: one for everything that is included, under the name of that without its slashes.
fn write_pages(folder: &Path, include: &str) {
    for path in [&[FRAGMENT][..], &ERRORS].concat() {
        let include = include.replace("embed/hattingen/fragment.html", path);
        std::fs::write(folder.join(page(path)), format!("<h1>Rathaus</h1>{include}<p>Ende</p>")).expect("it is ours");
    }
}

fn page(path: &str) -> String {
    format!("{}.html", path.replace('/', "-"))
}

/// A page of the town in one line, as a browser gets it.
fn shown(town: SocketAddr, path: &str) -> String {
    let (head, body) = get(town, &format!("/{}", page(path)), BROWSER);
    assert!(head.starts_with("HTTP/1.1 200"), "{path}: {head}");
    body.replace('\n', "")
}

fn stub() -> String {
    format!("<h1>Rathaus</h1>{STUB}<p>Ende</p>")
}

#[track_caller]
fn assert_includes_the_fragment_and_no_error(town: SocketAddr) {
    for _ in 0..2 {
        let page = shown(town, FRAGMENT);
        assert!(page.starts_with("<h1>Rathaus</h1><section") && page.ends_with("</section><p>Ende</p>"), "{page}");
        assert!(page.contains("Teststadt") && !page.contains(STUB), "{page}");
    }
    for path in ERRORS {
        assert_eq!(shown(town, path), stub(), "{path}");
        // Whoever asks for it directly, as the widget does, hears that it is an error.
        let (head, _) = get(town, &format!("/turmwacht/{path}"), "");
        let code = if path.len() == 3 { path } else { "404" };
        assert_eq!(head.split(' ').nth(1), Some(code), "{head}");
    }
    let personal = format!("{PERSONAL}{BROWSER}");
    let (_, told) = get(town, "/turmwacht/told", &personal);
    let expected = "path=/told cookie= authorization= from= agent= referer= range= etag= since= encoding=.";
    assert_eq!(told, expected);
    let (_, script) = get(town, "/turmwacht/widget.js", &personal);
    assert!(script.contains("customElements.define"), "{script}");
}

#[test]
fn nginx_includes_what_a_verified_server_says_and_nothing_else() {
    let Some(front) = Front::start(SITE) else { return };
    let folder = tempfile::tempdir().expect("a folder");
    write_pages(folder.path(), &block("ssi", 0));
    // Where the name leads at the moment: 127.0.0.n, or nowhere.
    let place = Arc::new(AtomicU8::new(0));
    let leads_to = Arc::clone(&place);
    let names = NameServer::kept_for(0, move |_, kind| match (leads_to.load(Ordering::SeqCst), kind) {
        (0, _) => Some((ResponseCode::NXDomain, Vec::new())),
        (n, RecordType::A) => Some((ResponseCode::NoError, vec![RData::A(A::new(127, 0, 0, n))])),
        (_, _) => Some((ResponseCode::NoError, Vec::new())),
    });
    let town = |port: u16| {
        let recipe = block("nginx", 0)
            .replace("192.0.2.53", &names.address.to_string())
            .replace("https://$turmwacht;", &format!("https://$turmwacht:{port};"))
            .replace("/etc/ssl/certs/ca-certificates.crt", &front.authority.file.to_string_lossy());
        site(&format!("root {}; {recipe}", folder.path().display()))
    };
    // As it stands in the documentation it is in order, too.
    let Some(peer) = nginx(&[town(front.port(0)), town(front.port(1)), site(&block("nginx", 0))]) else { return };
    let (well, deceived) = (peer.address(0), peer.address(1));

    // A name that leads nowhere keeps nobody from starting.
    assert_eq!(shown(well, FRAGMENT), stub());
    place.store(1, Ordering::SeqCst);
    front.served.program.until("the name is known", |_| shown(well, FRAGMENT) != stub());
    assert_includes_the_fragment_and_no_error(well);
    assert_eq!(shown(deceived, FRAGMENT), stub(), "whose certificate is not trusted has nothing to say");
    // When the name leads elsewhere, so does nginx.
    assert_eq!(get(well, "/turmwacht/where", "").1, "127.0.0.1");
    place.store(2, Ordering::SeqCst);
    front.served.program.until("the move has arrived", |_| get(well, "/turmwacht/where", "").1 == "127.0.0.2");
}

#[test]
fn apache_includes_what_a_verified_server_says_and_nothing_else() {
    // Apache has no resolver of its own, so this name is the one that every machine knows.
    let Some(front) = Front::start("localhost") else { return };
    let peer = apache(&["headers", "include", "filter"], 3, |folder, ports| {
        let pages = folder.join("pages");
        std::fs::create_dir(&pages).expect("a folder");
        write_pages(&pages, &block("ssi", 1));
        std::fs::write(pages.join("status-unbekannt.html"), STUB).expect("it is ours");
        let town = |upstream: &str, ca: &str| {
            block("apache", 0)
                .replace("https://status.example.org/", upstream)
                .replace("/etc/ssl/certs/ca-certificates.crt", ca)
                .replace("/var/www/html", &pages.to_string_lossy())
        };
        let (real, false_one) = (front.port(0), front.port(1));
        let trusted = front.authority.file.to_string_lossy();
        let towns = [
            town(&format!("https://localhost:{real}/"), &trusted),
            town(&format!("https://localhost:{false_one}/"), &trusted),
            block("apache", 0),
        ];
        let hosts = towns.iter().zip(ports).map(|(town, port)| {
            format!("<VirtualHost 127.0.0.1:{port}>\nDocumentRoot {}\n{town}</VirtualHost>\n", pages.display())
        });
        format!("<Directory {}>\nRequire all granted\n</Directory>\n{}", pages.display(), hosts.collect::<String>())
    });
    let Some(peer) = peer else { return };
    assert_includes_the_fragment_and_no_error(peer.address(0));
    assert_eq!(shown(peer.address(1), FRAGMENT), stub(), "whose certificate is not trusted has nothing to say");
}
