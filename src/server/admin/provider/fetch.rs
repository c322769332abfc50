//! Asking the provider: over https or on this machine, one answer without redirects, of bounded size
//! and within a bounded time. Our secret goes to the origins that the operator named for it.

use std::pin::Pin;
use std::time::Duration;

use http::{Method, Response};
use openidconnect::{AsyncHttpClient, HttpRequest, HttpResponse};
use url::Url;

use crate::client;

/// Longest wait for a connection, and for a whole answer.
const CONNECT_MAX: Duration = Duration::from_secs(5);
const ANSWER_MAX: Duration = Duration::from_secs(10);
/// Longest answer.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// Why the provider was not asked, or did not answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    /// Others could read it.
    #[error("{0} is reached over https only, or on this machine if the issuer is there, too")]
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
    /// Whether the issuer itself speaks plain http, on this machine. Others lead nobody there.
    is_plain: bool,
    origins: Vec<String>,
}

impl Http {
    /// # Errors
    /// If there is no TLS.
    pub(super) fn new(issuer: &str, origins: Vec<String>) -> Result<Self, String> {
        let client = client::builder(client::tls(client::roots([]))?, CONNECT_MAX, ANSWER_MAX)
            .resolve_to_addrs("localhost", &client::LOCALHOST)
            .build()
            .map_err(|error| error.to_string())?;
        Ok(Self { client, is_plain: issuer.starts_with("http:"), origins })
    }

    async fn ask(&self, request: HttpRequest) -> Result<HttpResponse, Fault> {
        let (head, body) = request.into_parts();
        let url: Url = head.uri.to_string().parse().map_err(|_| Fault::Address)?;
        let origin = url.origin().ascii_serialization();
        if !client::is_safe(&url) || (url.scheme() == "http" && !self.is_plain) {
            return Err(Fault::Insecure(origin));
        }
        // What is posted holds our secret.
        if head.method != Method::GET && !self.origins.contains(&origin) {
            return Err(Fault::Origin(origin));
        }
        let mut answer = self.client.request(head.method, url).headers(head.headers).body(body).send().await?;
        let bytes = client::body(&mut answer, ANSWER_BYTES_MAX).await?.ok_or(Fault::TooLong)?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_secret_goes_nowhere_else() {
        let http = Http::new("https://id.example.org/x", vec!["https://id.example.org".to_owned()]).unwrap();
        let request = |url: &str| Http::ask(&http, post(url));
        assert!(matches!(request("https://evil.example/token").await, Err(Fault::Origin(_))));
        assert!(matches!(request("http://id.example.org/token").await, Err(Fault::Insecure(_))));
        // What it says of itself leads nobody onto this machine.
        for inside in ["http://127.0.0.1:9/keys", "http://localhost:9/keys", "http://[::1]:9/keys"] {
            let keys = http::Request::get(inside).body(Vec::new()).unwrap();
            assert!(matches!(http.ask(keys).await, Err(Fault::Insecure(_))), "{inside}");
        }
        fn post(url: &str) -> HttpRequest {
            http::Request::post(url).body(Vec::new()).unwrap()
        }
    }
}
