//! Servers that do as they are told: one thread per listener, one per connection.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use turmwacht::model::time::Timestamp;

/// A listener with a story to tell each visitor. It lives as long as the test's process.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    visits: Arc<AtomicUsize>,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Accepts on an address of its own and hands each connection to `story`.
    pub(crate) fn raw(story: impl Fn(TcpStream) + Send + Sync + 'static) -> Self {
        Self::raw_on("127.0.0.1:0", story)
    }

    pub(crate) fn raw_on(address: &str, story: impl Fn(TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        let address = listener.local_addr().unwrap();
        let visits = Arc::<AtomicUsize>::default();
        let (counter, story) = (Arc::clone(&visits), Arc::new(story));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(stream) = stream else { return };
                counter.fetch_add(1, Ordering::SeqCst);
                let story = Arc::clone(&story);
                thread::spawn(move || story(stream));
            }
        });
        Self { address, visits, requests: Arc::default() }
    }

    /// Reads a request's head, notes it and lets `story` answer.
    pub(crate) fn http(story: impl Fn(&mut TcpStream, &str) + Send + Sync + 'static) -> Self {
        let requests = Arc::<Mutex<Vec<String>>>::default();
        let noted = Arc::clone(&requests);
        let mut server = Self::raw(move |mut stream| {
            let head = read_head(&mut stream);
            noted.lock().unwrap().push(head.clone());
            story(&mut stream, &head);
        });
        server.requests = requests;
        server
    }

    /// Answers everything with these bytes.
    pub(crate) fn answering(answer: impl Into<Vec<u8>>) -> Self {
        let answer = answer.into();
        Self::http(move |stream, _| send(stream, &answer))
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    pub(crate) fn visits(&self) -> usize {
        self.visits.load(Ordering::SeqCst)
    }

    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

/// Writes, whether or not anybody still listens.
pub(crate) fn send(stream: &mut TcpStream, bytes: &[u8]) {
    let _gone = stream.write_all(bytes);
}

/// A whole answer that ends the connection.
pub(crate) fn answer(status: &str, headers: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n{headers}\r\n{body}", body.len())
        .into_bytes()
}

pub(crate) fn read_head(stream: &mut impl Read) -> String {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && stream.read_exact(&mut byte).is_ok() {
        head.push(byte[0]);
    }
    String::from_utf8_lossy(&head).into_owned()
}

/// Holds the connection until the other side gives up.
pub(crate) fn hold(stream: &mut TcpStream) {
    let mut scratch = [0; 1024];
    while matches!(stream.read(&mut scratch), Ok(1..)) {}
}

/// A port where nobody listens, and nobody else can for as long as the tests run: it stays
/// bound by a socket that never listens.
pub(crate) fn closed_port() -> SocketAddr {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    std::mem::forget(socket);
    address
}

pub(crate) fn timestamp(text: &str) -> Timestamp {
    Timestamp::from_jiff(text.parse().unwrap())
}
