//! Asking the provider: over https or on this machine, one answer without redirects, of bounded size
//! and within a bounded time. Our secret goes to the origins that the operator named for it.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use http::{Method, Response};
use openidconnect::{AsyncHttpClient, HttpRequest, HttpResponse};
use rustls::{ClientConfig, RootCertStore};
use url::{Host, Url};

/// Longest wait for a connection, and for a whole answer.
const CONNECT_MAX: Duration = Duration::from_secs(5);
const ANSWER_MAX: Duration = Duration::from_secs(10);
/// Longest answer.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// Why the provider was not asked, or did not answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    /// Others could read it.
    #[error("{0} is reached over https only, or on this machine")]
    Insecure(String),
    /// The operator named other places.
    #[error("the client secret may not go to {0}; its `origins` in [secrets] do not name it")]
    Origin(String),
    /// No address at all.
    #[error("no address that can be asked")]
    Address,
    /// No connection, or no answer in time.
    #[error(transparent)]
    Transport(#[from] reqwest::Error),
    /// It goes on and on.
    #[error("its answer is longer than 1 MiB")]
    TooLong,
    /// A status that is none.
    #[error(transparent)]
    Answer(#[from] http::Error),
}

/// The client.
pub(super) struct Http {
    client: reqwest::Client,
    origins: Vec<String>,
}

impl Http {
    /// # Errors
    /// If there is no TLS.
    pub(super) fn new(origins: Vec<String>) -> Result<Self, String> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        let tls = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_root_certificates(roots)
            .with_no_client_auth();
        // `localhost` is this machine, whatever a resolver says.
        let loopback = [SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), SocketAddr::from((Ipv6Addr::LOCALHOST, 0))];
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .resolve_to_addrs("localhost", &loopback)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .pool_max_idle_per_host(0)
            .connect_timeout(CONNECT_MAX)
            .timeout(ANSWER_MAX)
            .user_agent(concat!("turmwacht/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| error.to_string())?;
        Ok(Self { client, origins })
    }

    async fn ask(&self, request: HttpRequest) -> Result<HttpResponse, Fault> {
        let (head, body) = request.into_parts();
        let url: Url = head.uri.to_string().parse().map_err(|_| Fault::Address)?;
        let origin = url.origin().ascii_serialization();
        if !is_safe(&url) {
            return Err(Fault::Insecure(origin));
        }
        // What is posted holds our secret.
        if head.method != Method::GET && !self.origins.contains(&origin) {
            return Err(Fault::Origin(origin));
        }
        let mut answer = self.client.request(head.method, url).headers(head.headers).body(body).send().await?;
        let mut bytes = Vec::new();
        while let Some(chunk) = answer.chunk().await? {
            if bytes.len() + chunk.len() > ANSWER_BYTES_MAX {
                return Err(Fault::TooLong);
            }
            bytes.extend_from_slice(&chunk);
        }
        let mut response = Response::builder().status(answer.status()).body(bytes)?;
        *response.headers_mut() = answer.headers().clone();
        Ok(response)
    }
}

impl<'c> AsyncHttpClient<'c> for Http {
    type Error = Fault;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, Fault>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.ask(request))
    }
}

/// Whether nobody between us and the provider can read or change what is said.
pub(super) fn is_safe(url: &Url) -> bool {
    let is_loopback = match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    };
    url.scheme() == "https" || (url.scheme() == "http" && is_loopback)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_is_asked_over_https_or_on_this_machine() {
        for (url, expected) in [
            ("https://id.example.org/realms/x", true),
            ("http://127.0.0.1:9/x", true),
            ("http://[::1]:9/x", true),
            ("http://localhost:9/x", true),
            ("http://id.example.org/realms/x", false),
            ("http://localhost.example.org/", false),
            ("http://10.0.0.1/", false),
            ("file:///etc/passwd", false),
        ] {
            assert_eq!(is_safe(&url.parse().unwrap()), expected, "{url}");
        }
    }

    #[tokio::test]
    async fn the_secret_goes_nowhere_else() {
        let http = Http::new(vec!["https://id.example.org".to_owned()]).unwrap();
        let request = |url: &str| Http::ask(&http, post(url));
        assert!(matches!(request("https://evil.example/token").await, Err(Fault::Origin(_))));
        assert!(matches!(request("http://id.example.org/token").await, Err(Fault::Insecure(_))));
        fn post(url: &str) -> HttpRequest {
            http::Request::post(url).body(Vec::new()).unwrap()
        }
    }
}
