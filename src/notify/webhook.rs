//! Webhooks after the Standard Webhooks specification: signed, with the same id at each attempt.
//!
//! Architecture invariant: what answers is not trusted. No redirect is followed, nothing of an answer but its
//! status and `Retry-After` is read, and the address is judged after the look-up, like a probe's.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use data_encoding::BASE64;
use hmac::{Hmac, KeyInit, Mac};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use rustls::ClientConfig;
use sha2::Sha256;
use url::Host;

use crate::client::{self, causes};
use crate::model::settings::Secret;
use crate::model::time::Timestamp;
use crate::notify::Outcome;

/// Longest wait for a connection, and for an answer as a whole.
const CONNECT_MAX: Duration = Duration::from_secs(5);
const ANSWER_MAX: Duration = Duration::from_secs(15);

/// Whether a program may be at this address.
pub type Allowed = Arc<dyn Fn(IpAddr) -> bool + Send + Sync>;

/// A client that goes only where it may, and follows nobody.
///
/// # Errors
/// If it cannot be set up; the text is for the operator.
pub fn client(tls: ClientConfig, allowed: Allowed) -> Result<reqwest::Client, String> {
    client::builder(tls, CONNECT_MAX, ANSWER_MAX)
        .dns_resolver(Arc::new(Judged { allowed }))
        .build()
        .map_err(|error| format!("the HTTP client cannot be set up: {error}"))
}

/// Looks names up and leaves out what lies where nobody may go.
struct Judged {
    allowed: Allowed,
}

impl Resolve for Judged {
    fn resolve(&self, name: Name) -> Resolving {
        let allowed = Arc::clone(&self.allowed);
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let open: Vec<SocketAddr> = found.filter(|address| allowed(address.ip())).collect();
            if open.is_empty() {
                return Err("its address is not public and not in [probing] private_networks".into());
            }
            Ok(Box::new(open.into_iter()) as Addrs)
        })
    }
}

/// Whether a literal address in a URL is one that may be asked; names are judged when they are looked up.
pub fn is_open(url: &url::Url, allowed: &Allowed) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => allowed(address.into()),
        Some(Host::Ipv6(address)) => allowed(address.into()),
        Some(Host::Domain(_)) => true,
        None => false,
    }
}

/// `v1,` and the HMAC-SHA256 over id, time and body.
pub fn signature(secret: &Secret, id: &str, seconds: i64, body: &str) -> String {
    let key = secret.reveal().strip_prefix("whsec_").unwrap_or_default();
    let key = BASE64.decode(key.as_bytes()).unwrap_or_default();
    // A key of any length will do.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&key) else { return String::new() };
    mac.update(format!("{id}.{seconds}.{body}").as_bytes());
    format!("v1,{}", BASE64.encode(&mac.finalize().into_bytes()))
}

/// A webhook.
#[derive(Clone)]
pub struct Webhook {
    /// Where it is.
    pub url: url::Url,
    /// What its messages are signed with.
    pub secret: Secret,
    /// The way there.
    pub client: reqwest::Client,
    /// Where it may be.
    pub allowed: Allowed,
}

impl std::fmt::Debug for Webhook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Webhook").finish_non_exhaustive()
    }
}

impl Webhook {
    /// Sends a message.
    pub async fn send(&self, id: &str, body: &str, now: Timestamp) -> Outcome {
        if !is_open(&self.url, &self.allowed) {
            let why = "its address is not public and not in [probing] private_networks";
            return Outcome::Refused(why.to_owned());
        }
        let seconds = now.as_millis().div_euclid(1000);
        let sent = self
            .client
            .post(self.url.clone())
            .header("content-type", "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", seconds)
            .header("webhook-signature", signature(&self.secret, id, seconds, body))
            .body(body.to_owned())
            .send()
            .await;
        match sent {
            // Its body is never read.
            Ok(response) => judge(&response, now),
            Err(error) => Outcome::Unreachable(sentence(error)),
        }
    }
}

fn judge(response: &reqwest::Response, now: Timestamp) -> Outcome {
    let status = response.status().as_u16();
    let asked = response.headers().get("retry-after").and_then(|value| asked(value.to_str().ok()?, now));
    let why = format!("it answered {status}");
    match status {
        200..=299 => Outcome::Accepted,
        410 => Outcome::Gone(format!("{why}: it wants no more")),
        300..=399 => Outcome::Later(format!("{why}: redirects are not followed"), None),
        500..=599 if asked.is_none() => Outcome::Unreachable(why),
        _ => Outcome::Later(why, asked),
    }
}

/// How long `Retry-After` asks to wait: seconds, or until a date.
fn asked(value: &str, now: Timestamp) -> Option<Duration> {
    let value = value.trim();
    let until = || Some(Timestamp::from_jiff(jiff::fmt::rfc2822::parse(value).ok()?.timestamp()));
    value.parse().ok().map(Duration::from_secs).or_else(|| until().map(|at| at.since(now)))
}

/// What an error says, with its causes, without the address: a webhook's often is its password.
pub fn sentence(error: reqwest::Error) -> String {
    let error = error.without_url();
    let text = if error.is_timeout() { "no answer in time".to_owned() } else { causes(&error) };
    text.chars().filter(|c| !c.is_control()).take(300).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receiver_asks_for_time_in_seconds_or_by_a_date() {
        let now = Timestamp::from_millis(784_111_777_000);
        let asked = |value| asked(value, now).map(|wait| wait.as_secs());
        assert_eq!((asked(" 120 "), asked("Sun, 06 Nov 1994 08:51:37 GMT")), (Some(120), Some(120)));
        assert_eq!((asked("Sun, 06 Nov 1994 08:00:00 GMT"), asked("soon"), asked("-1")), (Some(0), None, None));
    }

    #[test]
    fn the_signature_is_that_of_the_specification() {
        // The example of the Standard Webhooks libraries.
        let secret = Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned());
        let signed = signature(&secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, "{\"test\": 2432232314}");
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }
}
