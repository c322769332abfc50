//! The least that a check can cost: sockets, TLS where asked for, and nothing else. What
//! `tests/bench/run` measures the program against.
//!
//! Asks `COUNT` times in each `SECONDS`, evenly spread, until it is ended: over a connection of
//! its own each time, with a full handshake and a verified chain for https; or, for `kept`, over
//! connections that stay open, which is how the bench drives another program at the same pace.

#![expect(clippy::print_stderr, reason = "it tells whoever runs the bench why a check failed")]

use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use rustls::client::Resumption;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::LocalSet;
use tokio::time::interval;
use tokio_rustls::TlsConnector;
use url::Url;

type Failure = Box<dyn std::error::Error>;

/// Connections of `kept`.
const CONNECTIONS: u32 = 16;

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [mode, url, count, seconds, rest @ ..] = arguments.as_slice() else {
        return Err("usage: bare_client fresh|kept URL COUNT SECONDS [CA.PEM]".into());
    };
    let url: Url = url.parse()?;
    let pause = Duration::from_secs(seconds.parse()?) / count.parse()?;
    let tls = rest.first().map(|file| connector(file)).transpose()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let work = async {
        match mode.as_str() {
            "fresh" => fresh(Arc::new(url), pause, tls).await,
            _ => kept(&url, pause).await,
        }
    };
    LocalSet::new().block_on(&runtime, work)
}

fn connector(file: &str) -> Result<TlsConnector, Failure> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(file)? {
        roots.add(certificate?)?;
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.resumption = Resumption::disabled();
    Ok(TlsConnector::from(Arc::new(config)))
}

async fn fresh(url: Arc<Url>, pause: Duration, tls: Option<TlsConnector>) -> Result<(), Failure> {
    let mut ticks = interval(pause);
    loop {
        ticks.tick().await;
        let (url, tls) = (Arc::clone(&url), tls.clone());
        tokio::task::spawn_local(async move {
            if let Err(error) = check(&url, tls).await {
                eprintln!("{error}");
            }
        });
    }
}

async fn check(url: &Url, tls: Option<TlsConnector>) -> Result<(), Failure> {
    let address = *url.socket_addrs(|| None)?.first().ok_or("no address")?;
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    match tls {
        Some(tls) => {
            let name = ServerName::try_from(url.host_str().ok_or("no host")?.to_owned())?;
            exchange(tls.connect(name, stream).await?, url).await
        }
        None => exchange(stream, url).await,
    }
}

async fn exchange(mut stream: impl AsyncRead + AsyncWrite + Unpin, url: &Url) -> Result<(), Failure> {
    let host = url.host_str().unwrap_or_default();
    let request = format!("GET {} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n", url.path());
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::with_capacity(8192);
    stream.read_to_end(&mut answer).await?;
    if answer.starts_with(b"HTTP/1.1 200") { Ok(()) } else { Err("not 200".into()) }
}

async fn kept(url: &Url, pause: Duration) -> Result<(), Failure> {
    let address = *url.socket_addrs(|| None)?.first().ok_or("no address")?;
    let path = format!("{}?{}", url.path(), url.query().unwrap_or_default());
    let mut workers = Vec::new();
    for _ in 0..CONNECTIONS {
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake::<_, Empty<Bytes>>(TokioIo::new(TcpStream::connect(address).await?))
                .await?;
        tokio::task::spawn_local(connection);
        let path = path.clone();
        let host = address.to_string();
        workers.push(tokio::task::spawn_local(async move {
            let mut ticks = interval(pause * CONNECTIONS);
            loop {
                ticks.tick().await;
                let request = http::Request::get(&path).header("host", &host).body(Empty::new())?;
                let answer = sender.send_request(request).await?.into_body().collect().await?.to_bytes();
                if !answer.windows(16).any(|line| line == b"\nprobe_success 1") {
                    return Err::<(), Failure>("a probe failed".into());
                }
                sender.ready().await?;
            }
        }));
        // The workers do not ask all at once.
        tokio::time::sleep(pause).await;
    }
    for worker in workers {
        worker.await??;
    }
    Ok(())
}
