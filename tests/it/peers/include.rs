//! The reverse proxy and the server-side include of docs/embedding.md, in nginx.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use super::nginx::{nginx, site};

/// The blocks of the documentation that say what they are.
fn block(info: &str) -> &'static str {
    let documentation = include_str!("../../../docs/embedding.md");
    let (_, rest) = documentation.split_once(&format!("```{info}\n")).expect("the block");
    rest.split("```").next().expect("its end")
}

fn get(address: SocketAddr, path: &str, headers: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("nginx listens");
    write!(stream, "GET {path} HTTP/1.0\r\nHost: www.hattingen.test\r\n{headers}\r\n").expect("it reads");
    let mut reply = String::new();
    stream.read_to_string(&mut reply).expect("it answers");
    reply
}

#[test]
fn the_documented_proxy_includes_the_fragment_and_says_so_if_there_is_none() {
    let folder = tempfile::tempdir().expect("a folder");
    let page = format!("<h1>Rathaus</h1>{}<p>Ende</p>", block("ssi"));
    std::fs::write(folder.path().join("index.html"), page).expect("it is ours");
    let host = |upstream: &str| {
        let proxy = block("nginx").replace("https://status.example.org/", upstream);
        site(&format!("root {}; {proxy}", folder.path().display()))
    };
    // What reaches the status server is told in its answers.
    let status = site(
        "location = /embed/hattingen/fragment.html { return 200 '<section>verfügbar</section>'; }
         location = /widget.js { return 200 'path=$request_uri host=$host cookie=$http_cookie from=$http_x_forwarded_for agent=$http_user_agent referer=$http_referer.'; }",
    );
    let closed = format!("http://{}/", crate::probe::server::closed_port());
    let Some(peer) = nginx(&[status, host("http://127.0.0.1:PORT0/"), host(&closed)]) else { return };
    let (well, gone) = (peer.address(1), peer.address(2));

    let page = get(well, "/", "");
    assert!(
        page.contains("<h1>Rathaus</h1>\n<section>verfügbar</section>")
            || page.contains("<section>verfügbar</section>"),
        "{page}"
    );
    assert!(!page.contains("nicht bekannt") && page.ends_with("<p>Ende</p>"), "{page}");
    let page = get(gone, "/", "");
    assert!(page.contains("<p>Der Status der Online-Dienste ist zurzeit nicht bekannt.</p>"), "{page}");
    assert!(page.starts_with("HTTP/1.1 200") && page.ends_with("<p>Ende</p>") && !page.contains("502"), "{page}");

    let personal = "Cookie: session=1\r\nX-Forwarded-For: 192.0.2.1\r\nUser-Agent: mine\r\nReferer: https://www.hattingen.test/\r\n";
    let script = get(well, "/turmwacht/widget.js", personal);
    let (_, body) = script.split_once("\r\n\r\n").expect("a body");
    assert_eq!(body, "path=/widget.js host=status.example.org cookie= from= agent= referer=.");
}
