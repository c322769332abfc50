//! The way to the server: one request, and once more if its fate is not known.
//!
//! Architecture invariant: the token goes to the server that was named and nowhere else: over TLS or
//! to this machine only, by no proxy, after no redirect.

use std::path::Path;
use std::time::Duration;

use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, ETAG, IF_MATCH, LOCATION, RETRY_AFTER};
use http::{HeaderMap, HeaderValue};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio::runtime::{Builder, Runtime};
use url::Url;

use super::Request;
use super::shown::refusal;
use crate::client::{self, causes};
use crate::model::settings::Secret;

/// Longest reply.
const REPLY_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Longest wait for a connection.
const CONNECT_MAX: Duration = Duration::from_secs(10);

/// Longest wait for a reply; the server itself waits for 15 seconds at most.
const REPLY_MAX: Duration = Duration::from_secs(30);

/// Longest pause before the second try, whatever `Retry-After` says.
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// The pause where nothing is said.
const PAUSE: Duration = Duration::from_secs(1);

/// What the server said.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) etag: Option<String>,
    pub(super) location: Option<String>,
    pub(super) body: Vec<u8>,
    /// Why the server did not do it.
    pub(super) refusal: Option<String>,
    pause: Duration,
}

/// Why there is no reply.
enum Failure {
    /// The request was not sent.
    Unsent(String),
    /// It may have been carried out.
    Lost(String),
}

/// A client of one server.
pub(super) struct Client {
    runtime: Runtime,
    http: reqwest::Client,
    base: Url,
}

impl Client {
    pub(super) fn new(base: Url, token: &Secret, ca: Option<&Path>) -> Result<Self, String> {
        let mut bearer = HeaderValue::from_str(&format!("Bearer {}", token.reveal()))
            .map_err(|_| "the token cannot stand in a request".to_owned())?;
        bearer.set_sensitive(true);
        let headers = HeaderMap::from_iter([
            (AUTHORIZATION, bearer),
            (ACCEPT, HeaderValue::from_static("application/json, application/problem+json")),
        ]);
        // Even for plain HTTP the client wants to know its cryptography; the system's roots only
        // for TLS.
        let tls = tls(if base.scheme() == "https" { Some(ca) } else { None })?;
        let http = client::builder(tls, CONNECT_MAX, REPLY_MAX)
            .resolve_to_addrs("localhost", &client::LOCALHOST)
            .default_headers(headers)
            .build()
            .map_err(|error| format!("the HTTP client does not start: {}", causes(&error)))?;
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| format!("the runtime does not start: {error}"))?;
        Ok(Self { runtime, http, base })
    }

    /// The server's address.
    pub(super) const fn base(&self) -> &Url {
        &self.base
    }

    /// Sends a request, and sends it once more, with the same key, if the connection breaks or the
    /// server cannot at the moment.
    pub(super) fn send(&self, request: &Request) -> Result<Reply, String> {
        let changes = request.how.as_ref().filter(|how| !how.dry_run);
        let key = match changes.map(|how| &how.idempotency_key) {
            Some(Some(key)) => Some(key.clone()),
            Some(None) => Some(new_key()?),
            None => None,
        };
        // Said only where something may have been done after all.
        let doubt = key.as_ref().map_or_else(String::new, |key| {
            format!("; whether it was done is not known: look, or repeat it with --idempotency-key {key}")
        });
        self.runtime
            .block_on(async {
                let first = self.attempt(request, key.as_deref()).await;
                let pause = match &first {
                    Ok(reply) if reply.status == 503 => reply.pause,
                    Err(Failure::Lost(_)) => PAUSE,
                    Ok(_) | Err(Failure::Unsent(_)) => return first,
                };
                tokio::time::sleep(pause).await;
                match self.attempt(request, key.as_deref()).await {
                    Err(Failure::Unsent(why)) => Err(Failure::Lost(why)),
                    second => second,
                }
            })
            .map(|reply| Reply { refusal: self.refusal(&reply, &doubt), ..reply })
            .map_err(|failure| match failure {
                Failure::Unsent(why) => why,
                Failure::Lost(why) => format!("{why}{doubt}"),
            })
    }

    /// Why a reply is none that was hoped for.
    fn refusal(&self, reply: &Reply, doubt: &str) -> Option<String> {
        match reply.status {
            200..=299 => None,
            503 => Some(format!("{}{doubt}", refusal(reply))),
            300..=399 => Some(format!(
                "{} redirects to {}; the token is never sent on, so name the right address with --server",
                self.base,
                reply.location.as_deref().unwrap_or("nowhere")
            )),
            _ => Some(refusal(reply)),
        }
    }

    async fn attempt(&self, request: &Request, key: Option<&str>) -> Result<Reply, Failure> {
        let mut sent = self.http.request(request.method.clone(), self.address(request));
        if let Some(key) = key {
            sent = sent.header("idempotency-key", key);
        }
        if let Some(etag) = request.how.as_ref().and_then(|how| how.if_match.as_deref()) {
            sent = sent.header(IF_MATCH, etag);
        }
        if let Some(body) = &request.body {
            sent = sent.header(CONTENT_TYPE, "application/json").body(body.to_string());
        }
        let failed = |error: reqwest::Error| {
            let is_unsent = error.is_connect() || error.is_builder();
            let why = format!("no reply from {}: {}", self.base, causes(&error.without_url()));
            if is_unsent { Failure::Unsent(why) } else { Failure::Lost(why) }
        };
        let mut response = sent.send().await.map_err(failed)?;
        let Some(body) = client::body(&mut response, REPLY_BYTES_MAX).await.map_err(failed)? else {
            let why = format!("the reply of {} is longer than {REPLY_BYTES_MAX} bytes", self.base);
            return Err(Failure::Lost(why));
        };
        let header = |name| response.headers().get(name).and_then(|value: &HeaderValue| value.to_str().ok());
        let pause = header(RETRY_AFTER).and_then(|seconds| seconds.parse().ok()).map_or(PAUSE, Duration::from_secs);
        Ok(Reply {
            status: response.status().as_u16(),
            etag: header(ETAG).map(str::to_owned),
            location: header(LOCATION).map(str::to_owned),
            pause: pause.min(PAUSE_MAX),
            body,
            refusal: None,
        })
    }

    fn address(&self, request: &Request) -> Url {
        let mut address = below(&self.base, &["api", "v1", "admin"]);
        if let Ok(mut segments) = address.path_segments_mut() {
            segments.extend(&request.path);
        }
        if request.is_dry_run() {
            address.set_query(Some("dry_run=true"));
        }
        address
    }
}

/// An address below the server's.
pub(super) fn below(base: &Url, path: &[&str]) -> Url {
    let mut address = base.clone();
    // Whatever has a host has a path.
    if let Ok(mut segments) = address.path_segments_mut() {
        segments.pop_if_empty().extend(path);
    }
    address
}

/// The address of a server that may be told a token.
pub(super) fn base(text: &str) -> Result<Url, String> {
    let url = Url::parse(text)
        .ok()
        .filter(|url| ["http", "https"].contains(&url.scheme()) && url.has_host())
        .ok_or_else(|| format!("`{text}` is no address of a server; write it like https://status.example.org"))?;
    let is_bare =
        url.username().is_empty() && url.password().is_none() && url.query().is_none() && url.fragment().is_none();
    if !is_bare {
        return Err("the address of the server has a name, a password, a `?` or a `#`; leave that out".to_owned());
    }
    if !client::is_safe(&url) {
        return Err(format!("{url} would get the token in clear text; only this machine may be asked without https"));
    }
    Ok(url)
}

/// TLS with the system's roots and those of a file; without any where there is no TLS to come.
fn tls(trusted: Option<Option<&Path>>) -> Result<ClientConfig, String> {
    let Some(ca) = trusted else { return client::tls(RootCertStore::empty()) };
    let mut roots = client::roots([]);
    for certificate in ca.map(certificates).transpose()?.into_iter().flatten() {
        roots.add(certificate).map_err(|error| format!("--ca holds a certificate that cannot be used: {error}"))?;
    }
    client::tls(roots)
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let name = file.display();
    let found: Vec<_> = CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect)
        .map_err(|error| format!("cannot read the certificates in {name}: {error}"))?;
    if found.is_empty() {
        return Err(format!("{name} holds no certificate (PEM)"));
    }
    Ok(found)
}

/// A key that nobody else has.
fn new_key() -> Result<String, String> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(|error| format!("there is no randomness: {error}"))?;
    Ok(data_encoding::HEXLOWER.encode(&random))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_goes_in_clear_text_to_this_machine_only() {
        for good in [
            "http://127.0.0.1:8080",
            "http://127.9.9.9",
            "http://[::1]:8080/",
            "http://localhost:8080",
            "https://status.example.org/turm/",
            "https://192.0.2.1:8443",
        ] {
            base(good).unwrap();
        }
        for (bad, why) in [
            ("http://status.example.org", "clear text"),
            ("http://192.0.2.1:8080", "clear text"),
            ("http://0.0.0.0:8080", "clear text"),
            ("http://localhost.example.org", "clear text"),
            ("http://[::ffff:127.0.0.1]", "clear text"),
            ("http://127.0.0.1@status.example.org", "leave that out"),
            ("https://a:b@status.example.org", "leave that out"),
            ("https://status.example.org/?a=b", "leave that out"),
            ("status.example.org", "no address"),
            ("localhost:8080", "no address"),
            ("file:///etc/passwd", "no address"),
            ("", "no address"),
        ] {
            let fault = base(bad).unwrap_err();
            assert!(fault.contains(why), "{bad}: {fault}");
        }
    }

    #[test]
    fn a_server_may_stand_below_a_path() {
        let address = |text: &str| below(&base(text).unwrap(), &["api", "v1"]).to_string();
        assert_eq!(address("https://status.example.org"), "https://status.example.org/api/v1");
        assert_eq!(address("https://status.example.org/turm/"), "https://status.example.org/turm/api/v1");
    }
}
