//! The kinds `tcp` and `tls`: a connection, on it an upgrade to TLS if asked for, then at most
//! one thing sent and one pattern expected.

use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncBufRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;

use crate::model::check::{Phase, Starttls, TcpProbe, TlsProbe};
use crate::model::observation::Fault;
use crate::model::verdict::Reason;
use crate::probe::connect::{Connected, Target, io_fault};
use crate::probe::detail::fault;
use crate::probe::http::Means;
use crate::probe::pattern::Pattern;
use crate::probe::tls::{Alpn, Hello, TlsMaterial, handshake, handshake_fault};
use crate::probe::wire::Wire;

/// Bytes of an answer that the pattern may look at.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// Bytes of an unmatched answer that are shown.
const SHOWN_BYTES_MAX: usize = 120;

/// Bytes of one answer in a dialogue before TLS.
const DIALOGUE_BYTES_MAX: usize = 8 * 1024;

/// A server that wanted our certificate and got none says so after the handshake; so long we
/// listen.
const ALERT_WAIT_MAX: Duration = Duration::from_secs(1);

/// What is prepared of a `tcp` probe.
#[derive(Debug)]
pub(super) struct TcpPlan {
    pub(super) expect: Option<Box<Pattern>>,
    pub(super) tls: Option<Result<Rc<TlsMaterial>, String>>,
}

/// Runs a `tls` probe.
pub(super) async fn run_tls(
    probe: &TlsProbe,
    material: &Result<Rc<TlsMaterial>, String>,
    means: Means<'_>,
) -> Result<(), Fault> {
    let Connected { stream, place, .. } = connect(&probe.host, probe.port, means).await?;
    let material = material.as_ref().map_err(|why| fault(Reason::ProbeFault, Some(Phase::Tls), why))?;
    let mut tls = upgrade(stream, &probe.host, material, means).await?;
    place.answered();
    refused_later(&mut tls, means).await?;
    means.trace.finish();
    // Courtesy; the connection ends either way.
    let (Ok(()) | Err(_)) = tls.shutdown().await;
    Ok(())
}

/// Runs a `tcp` probe.
pub(super) async fn run_tcp(probe: &TcpProbe, plan: &TcpPlan, means: Means<'_>) -> Result<(), Fault> {
    let Connected { mut stream, place, .. } = connect(&probe.host, probe.port, means).await?;
    place.answered();
    let mut wire = match (probe.starttls, &plan.tls) {
        (Some(protocol), Some(material)) => {
            means.trace.enter(Phase::Processing);
            dialogue(&mut stream, protocol).await?;
            let material = material.as_ref().map_err(|why| fault(Reason::ProbeFault, Some(Phase::Tls), why))?;
            let mut tls = upgrade(stream, &probe.host, material, means).await?;
            refused_later(&mut tls, means).await?;
            Wire::Tls(Box::new(tls))
        }
        _ => Wire::Tcp(stream),
    };
    if probe.send.is_some() || plan.expect.is_some() {
        means.trace.enter(Phase::Processing);
    }
    if let Some(send) = &probe.send {
        let broken = |error: io::Error| io_fault(&error, Phase::Processing, "the server");
        wire.write_all(send.as_bytes()).await.map_err(broken)?;
        wire.flush().await.map_err(broken)?;
    }
    if let Some(expect) = &plan.expect {
        await_match(&mut wire, expect, means).await?;
    }
    means.trace.finish();
    Ok(())
}

async fn connect(host: &str, port: u16, means: Means<'_>) -> Result<Connected, Fault> {
    let target = Target { host, port, pinned: None, before: None };
    means.connector.connect(target, means.freshness, means.clock, means.trace).await
}

async fn upgrade(
    stream: TcpStream,
    host: &str,
    material: &TlsMaterial,
    means: Means<'_>,
) -> Result<TlsStream<TcpStream>, Fault> {
    let name = material.server_name().unwrap_or(host);
    let hello = Hello { name, alpn: Alpn::Nothing, identified: true };
    let tls = handshake(stream, material, hello, means.clock, means.trace).await?;
    means.trace.leave();
    Ok(tls)
}

/// In TLS 1.3 our handshake succeeds before the server has missed our certificate.
async fn refused_later(tls: &mut TlsStream<TcpStream>, means: Means<'_>) -> Result<(), Fault> {
    let recorder = means.trace.handshake.borrow().clone();
    let Some(recorder) = recorder.filter(|recorder| recorder.lacks_client_certificate()) else { return Ok(()) };
    let patience = (means.trace.remaining() / 2).min(ALERT_WAIT_MAX);
    // Nothing is taken from the stream but its error: what else comes is for `expect`.
    let listening = std::future::poll_fn(|context| poll_alert(tls, context));
    match timeout(patience, listening).await {
        Ok(Err(error)) => Err(handshake_fault(&error, &recorder)),
        Ok(Ok(())) | Err(_) => Ok(()),
    }
}

/// Ready with what the server has to say first, without consuming it.
fn poll_alert(tls: &mut TlsStream<TcpStream>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
    Pin::new(tls).poll_fill_buf(context).map_ok(|_bytes| ())
}

/// Reads until the pattern matches.
async fn await_match(wire: &mut Wire, expect: &Pattern, means: Means<'_>) -> Result<(), Fault> {
    let processing = Some(Phase::Processing);
    let costly = |_| fault(Reason::ProbeFault, processing, format!("`{}` takes too long here", expect.as_str()));
    let mut search = expect.search().map_err(costly)?;
    let mut begin: Vec<u8> = Vec::new();
    let mut bytes = 0;
    let mut part = [0u8; 4096];
    loop {
        let phase = means.trace.phase().unwrap_or(Phase::Processing);
        let read = wire.read(&mut part).await.map_err(|error| io_fault(&error, phase, "the server"))?;
        if bytes == 0 && read > 0 {
            means.trace.enter(Phase::Transfer);
        }
        let part = part.get(..read.min(ANSWER_BYTES_MAX - bytes)).unwrap_or(&[]);
        begin.extend(part.iter().take(SHOWN_BYTES_MAX - begin.len()));
        bytes += part.len();
        if search.feed(part).map_err(costly)? {
            return Ok(());
        }
        if read > 0 && bytes < ANSWER_BYTES_MAX {
            continue;
        }
        if bytes == 0 {
            return Err(fault(Reason::Protocol, processing, "the server closed the connection without a word"));
        }
        let begin = String::from_utf8_lossy(&begin);
        return Err(fault(Reason::Content, Some(Phase::Transfer), format!("the answer does not match: {begin}")));
    }
}

/// Speaks the protocol up to the point where TLS begins.
async fn dialogue(stream: &mut TcpStream, protocol: Starttls) -> Result<(), Fault> {
    match protocol {
        Starttls::Smtp => {
            expect_line(stream, "220", None).await?;
            say(stream, "EHLO turmwacht.invalid\r\n").await?;
            expect_line(stream, "250", None).await?;
            say(stream, "STARTTLS\r\n").await?;
            expect_line(stream, "220", None).await
        }
        Starttls::Imap => {
            expect_line(stream, "* OK", None).await?;
            say(stream, "a1 STARTTLS\r\n").await?;
            expect_line(stream, "a1 OK", Some("* ")).await
        }
        Starttls::Pop3 => {
            expect_line(stream, "+OK", None).await?;
            say(stream, "STLS\r\n").await?;
            expect_line(stream, "+OK", None).await
        }
    }
}

async fn say(stream: &mut TcpStream, line: &str) -> Result<(), Fault> {
    stream.write_all(line.as_bytes()).await.map_err(|error| io_fault(&error, Phase::Processing, "the server"))
}

/// Reads lines until the last one of an answer, which must begin with `begin`. Lines that begin
/// with `aside` are passed over, as are continued ones (`250-…`). Byte by byte: what follows the
/// answer belongs to TLS.
async fn expect_line(stream: &mut TcpStream, begin: &str, aside: Option<&str>) -> Result<(), Fault> {
    let processing = Some(Phase::Processing);
    let mut bytes = 0;
    loop {
        let mut line = Vec::new();
        while line.last() != Some(&b'\n') {
            let byte = stream.read_u8().await.map_err(|error| io_fault(&error, Phase::Processing, "the server"))?;
            line.push(byte);
            bytes += 1;
            if bytes > DIALOGUE_BYTES_MAX {
                return Err(fault(Reason::Protocol, processing, "the server talks without end before TLS"));
            }
        }
        let line = String::from_utf8_lossy(&line);
        let line = line.trim_end();
        if aside.is_some_and(|aside| line.starts_with(aside)) {
            continue;
        }
        if !line.starts_with(begin) {
            return Err(fault(Reason::Protocol, processing, format!("expected {begin}, the server says: {line}")));
        }
        let continued = begin.len() == 3 && line.as_bytes().get(3) == Some(&b'-');
        if !continued {
            return Ok(());
        }
    }
}
