//! One DNS question to one server, over UDP, TCP or TLS.
//!
//! Our own exchange rather than a resolver's, because a monitor must know which server said
//! what: a resolver that retries, fails over and caches hides exactly that. The messages
//! are hickory's.

use std::cell::RefCell;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use hickory_resolver::proto::op::{Edns, Message, MessageType, Query, ResponseCode};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;

use crate::clock::Clock;
use crate::model::check::Phase;
use crate::model::observation::{Fault, Travelled};
use crate::model::verdict::Reason;
use crate::probe::connect::io_fault;
use crate::probe::detail::fault;
use crate::probe::tls::{Alpn, Hello, TlsMaterial, handshake};
use crate::probe::trace::Trace;

/// The largest answer asked for over UDP: fits every path without fragments.
const UDP_BYTES_MAX: u16 = 1232;

/// What is read of a datagram; a longer one is cut and then no answer.
const DATAGRAM_BYTES_MAX: usize = 4096;

/// Datagrams that do not answer the question, before a server counts as broken.
const STRAY_MAX: usize = 32;

/// A datagram may get lost: asked again after this time.
const RESEND_AFTER: Duration = Duration::from_millis(1500);

/// Connections kept open per server for the next question.
const IDLE_MAX: usize = 4;

/// A server and how to talk to it.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) address: SocketAddr,
    pub(super) transport: Transport,
    idle: RefCell<Vec<Stream>>,
}

/// How to talk to a server.
#[derive(Debug, Clone)]
pub(super) enum Transport {
    /// UDP, TCP for long answers.
    Udp,
    /// TCP.
    Tcp,
    /// RFC 7858, with the name verified.
    Tls(Rc<TlsMaterial>, String),
}

#[derive(Debug)]
enum Stream {
    Tcp(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// A question, encoded once.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) query: Query,
    message: Message,
    wire: Vec<u8>,
}

impl Question {
    /// A recursive question with a fresh random id.
    pub(super) fn new(query: Query) -> Result<Self, Fault> {
        Self::build(query, true)
    }

    fn build(query: Query, with_edns: bool) -> Result<Self, Fault> {
        let mut message = Message::query();
        message.metadata.recursion_desired = true;
        message.add_query(query.clone());
        if with_edns {
            let mut edns = Edns::new();
            edns.set_max_payload(UDP_BYTES_MAX).set_version(0);
            message.set_edns(edns);
        }
        let wire = message
            .to_vec()
            .map_err(|error| fault(Reason::ProbeFault, None, format!("the question cannot be encoded: {error}")))?;
        Ok(Self { query, message, wire })
    }

    /// Whether a message answers this question.
    fn is_answered_by(&self, answer: &Message) -> bool {
        let asked = answer.queries.first();
        answer.metadata.id == self.message.metadata.id
            && answer.metadata.message_type == MessageType::Response
            && match asked {
                Some(query) => {
                    query.name().eq_ignore_root(self.query.name()) && query.query_type() == self.query.query_type()
                }
                // Servers that refuse a question may leave it out.
                None => answer.metadata.response_code != ResponseCode::NoError,
            }
    }
}

impl Server {
    /// A server with no connection yet.
    pub(super) const fn new(address: SocketAddr, transport: Transport) -> Self {
        Self { address, transport, idle: RefCell::new(Vec::new()) }
    }

    /// Asks and waits for the answer; the caller sets the deadline. `reuse` allows a connection
    /// that an earlier question left open.
    pub(super) async fn ask(
        &self,
        question: &Question,
        reuse: bool,
        clock: &Clock,
        trace: &Trace,
    ) -> Result<Message, Fault> {
        let answer = self.ask_once(question, reuse, clock, trace).await?;
        if answer.metadata.response_code == ResponseCode::FormErr {
            // A server from before 1999 does not know EDNS.
            let plain = Question::build(question.query.clone(), false)?;
            return self.ask_once(&plain, reuse, clock, trace).await;
        }
        Ok(answer)
    }

    async fn ask_once(&self, question: &Question, reuse: bool, clock: &Clock, trace: &Trace) -> Result<Message, Fault> {
        match &self.transport {
            Transport::Udp => {
                let answer = self.ask_udp(question).await?;
                if answer.metadata.truncation {
                    return self.ask_stream(question, false, clock, trace).await;
                }
                Ok(answer)
            }
            Transport::Tcp | Transport::Tls(..) => self.ask_stream(question, reuse, clock, trace).await,
        }
    }

    async fn ask_udp(&self, question: &Question) -> Result<Message, Fault> {
        let broken = |error: io::Error| io_fault(&error, Phase::Processing, self.address);
        let any = match self.address.ip() {
            IpAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
            IpAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
        };
        let socket = UdpSocket::bind(any).await.map_err(broken)?;
        // Connected: the kernel drops what others send.
        socket.connect(self.address).await.map_err(broken)?;
        let mut buffer = [0u8; DATAGRAM_BYTES_MAX];
        let mut strays = 0;
        socket.send(&question.wire).await.map_err(broken)?;
        loop {
            let Ok(received) = timeout(RESEND_AFTER, socket.recv(&mut buffer)).await else {
                socket.send(&question.wire).await.map_err(broken)?;
                continue;
            };
            let length = received.map_err(broken)?;
            let answer = buffer.get(..length).and_then(|bytes| Message::from_vec(bytes).ok());
            if let Some(answer) = answer.filter(|answer| question.is_answered_by(answer)) {
                return Ok(answer);
            }
            strays += 1;
            if strays >= STRAY_MAX {
                let words = format!("{} sends what is no answer to the question", self.address);
                return Err(fault(Reason::Protocol, Some(Phase::Processing), words));
            }
        }
    }

    async fn ask_stream(
        &self,
        question: &Question,
        reuse: bool,
        clock: &Clock,
        trace: &Trace,
    ) -> Result<Message, Fault> {
        let idle = if reuse { self.idle.borrow_mut().pop() } else { None };
        if let Some(mut stream) = idle
            && let Ok(answer) = self.converse(&mut stream, question).await
        {
            self.keep(stream);
            return Ok(answer);
        }
        let mut stream = self.connect(clock, trace).await?;
        let answer = self.converse(&mut stream, question).await?;
        self.keep(stream);
        Ok(answer)
    }

    fn keep(&self, stream: Stream) {
        let mut idle = self.idle.borrow_mut();
        if idle.len() < IDLE_MAX {
            idle.push(stream);
        }
    }

    async fn connect(&self, clock: &Clock, trace: &Trace) -> Result<Stream, Fault> {
        let tcp =
            TcpStream::connect(self.address).await.map_err(|error| io_fault(&error, Phase::Connect, self.address))?;
        match &self.transport {
            Transport::Udp | Transport::Tcp => Ok(Stream::Tcp(tcp)),
            Transport::Tls(material, name) => {
                // The look-up's phases and facts are not those of the target.
                let aside = Trace::new(trace.remaining(), Travelled::default());
                let hello = Hello { name, alpn: Alpn::Nothing, identified: false };
                let tls = handshake(tcp, material, hello, clock, &aside).await?;
                Ok(Stream::Tls(Box::new(tls)))
            }
        }
    }

    async fn converse(&self, stream: &mut Stream, question: &Question) -> Result<Message, Fault> {
        match stream {
            Stream::Tcp(stream) => exchange(stream, question, self.address).await,
            Stream::Tls(stream) => exchange(stream.as_mut(), question, self.address).await,
        }
    }
}

/// A question and its answer with two bytes of length before each (RFC 1035 section 4.2.2).
pub(super) async fn exchange<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    question: &Question,
    address: SocketAddr,
) -> Result<Message, Fault> {
    let broken = |error: io::Error| io_fault(&error, Phase::Processing, address);
    let length = u16::try_from(question.wire.len()).unwrap_or(u16::MAX);
    let mut framed = Vec::with_capacity(question.wire.len() + 2);
    framed.extend_from_slice(&length.to_be_bytes());
    framed.extend_from_slice(&question.wire);
    stream.write_all(&framed).await.map_err(broken)?;
    stream.flush().await.map_err(broken)?;
    let mut length = [0u8; 2];
    stream.read_exact(&mut length).await.map_err(broken)?;
    let mut answer = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut answer).await.map_err(broken)?;
    Message::from_vec(&answer).ok().filter(|answer| question.is_answered_by(answer)).ok_or_else(|| {
        fault(Reason::Protocol, Some(Phase::Processing), format!("{address} sends what is no answer to the question"))
    })
}
