//! The program as a client over HTTP: of a webhook, of a provider of sign-ins, of a server of its own kind. What
//! monitors is [`crate::probe`], with a client of its own.
//!
//! Architecture invariant: what is told to a place stays there. No redirect is followed, no proxy asked, nothing
//! sent twice by itself, no connection kept; a wait ends, and so does an answer.

use std::error::Error;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use reqwest::{ClientBuilder, Response};
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};
use url::{Host, Url};

/// Where `localhost` is, whatever a resolver says: on this machine.
pub const LOCALHOST: [SocketAddr; 2] = [
    SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0),
    SocketAddr::new(std::net::IpAddr::V6(Ipv6Addr::LOCALHOST), 0),
];

/// Begins a client that waits so long for a connection and for a whole answer.
pub fn builder(tls: ClientConfig, connect_max: Duration, answer_max: Duration) -> ClientBuilder {
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .pool_max_idle_per_host(0)
        .connect_timeout(connect_max)
        .timeout(answer_max)
        .user_agent(concat!("Turmwacht/", env!("CARGO_PKG_VERSION")))
}

/// The system's roots and others beside them. What cannot be read of either is passed over.
pub fn roots(others: impl IntoIterator<Item = CertificateDer<'static>>) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots.add_parsable_certificates(others);
    roots
}

/// TLS to whoever these roots vouch for; without any, to nobody.
///
/// # Errors
/// If there is no TLS; the text is for the operator.
pub fn tls(roots: RootCertStore) -> Result<ClientConfig, String> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("no TLS version can be used: {error}"))?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

/// The body of an answer; `None` if it is longer than so many bytes.
///
/// # Errors
/// If it ends early.
pub async fn body(response: &mut Response, bytes_max: usize) -> Result<Option<Vec<u8>>, reqwest::Error> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > bytes_max {
            return Ok(None);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Some(body))
}

/// Whether nobody on the way can read or change what is said: over https, or within this machine.
pub fn is_safe(url: &Url) -> bool {
    let is_here = match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    };
    url.scheme() == "https" || (url.scheme() == "http" && is_here)
}

/// A fault with its causes, one after the other.
pub fn causes(fault: &dyn Error) -> String {
    let mut line = fault.to_string();
    let mut source = fault.source();
    while let Some(cause) = source {
        line.push_str(": ");
        line.push_str(&cause.to_string());
        source = cause.source();
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_https_and_this_machine_are_safe() {
        for (url, expected) in [
            ("https://id.example.org/realms/x", true),
            ("http://127.0.0.1:9/x", true),
            ("http://127.9.9.9", true),
            ("http://[::1]:9/x", true),
            ("http://localhost:9/x", true),
            ("http://id.example.org/realms/x", false),
            ("http://localhost.example.org/", false),
            ("http://10.0.0.1/", false),
            ("http://0.0.0.0:8080", false),
            ("http://[::ffff:127.0.0.1]", false),
            ("file:///etc/passwd", false),
        ] {
            assert_eq!(is_safe(&url.parse().unwrap()), expected, "{url}");
        }
    }
}
