//! What the origins ask over HTTP, in our words; secrets are taken out on the way.

use std::net::IpAddr;

use url::Url;

use super::draft::Credential;
use crate::model::bounds::METHODS;
use crate::model::check::{HeaderValue, HttpProbe, TlsSettings};

/// Headers that belong to the connection or to the operator.
const NOT_SETTABLE: [&str; 8] =
    ["user-agent", "connection", "content-length", "transfer-encoding", "te", "trailer", "upgrade", "accept-encoding"];
/// Headers that say how to answer and no more: their values may be written. The value of any other is a secret.
const HARMLESS: [&str; 14] = [
    "accept",
    "accept-charset",
    "accept-language",
    "cache-control",
    "content-type",
    "dnt",
    "if-modified-since",
    "if-none-match",
    "origin",
    "pragma",
    "range",
    "soapaction",
    "upgrade-insecure-requests",
    "x-requested-with",
];
/// What a word has in it that speaks of a secret.
const SECRET_PARTS: [&str; 11] = [
    "token",
    "secret",
    "passw",
    "authoriz",
    "authent",
    "oauth",
    "cookie",
    "session",
    "sessid",
    "credential",
    "signature",
];
/// Words that do so as a whole; `key` does at the end of a word, too.
const SECRET_WORDS: [&str; 8] = ["sig", "pwd", "pass", "auth", "bearer", "sid", "jwt", "hmac"];
/// Names that do so, though their words are harmless elsewhere; and one that does not.
const SECRET_NAMES: [&str; 3] = ["code", "pin", "appid"];
const PUBLIC_NAME: &str = "leikakey";
/// With what a client signs in, beside those.
const SIGN_IN: [&str; 2] = ["login", "identify"];

/// What a secret for HTTP's basic authentication must hold.
pub(super) const BASIC: &str = "`Basic ` and the base64 of user:password";

/// A request as the origin has it.
#[derive(Debug, Default)]
pub(super) struct Asked<'a> {
    pub(super) url: &'a str,
    pub(super) method: Option<&'a str>,
    /// Names and values; a value that is `None` is a secret that the origin does not show.
    pub(super) headers: Vec<(String, Option<String>)>,
    pub(super) body: Option<String>,
    /// Whether it sends user and password by basic authentication.
    pub(super) basic: bool,
    pub(super) follow_redirects: bool,
    /// Whether it looks at certificates.
    pub(super) insecure: bool,
}

/// The same, as a check asks it.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) probe: HttpProbe,
    pub(super) credentials: Vec<Credential>,
    pub(super) remarks: Vec<String>,
}

/// The words of a name or text in small letters: x, api and key of `X-Api_key`, access and key of `accessKey`.
fn words(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut before = ' ';
    for c in text.chars() {
        if !c.is_alphanumeric() || (before.is_lowercase() && c.is_uppercase()) {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut().filter(|_| c.is_alphanumeric()) {
            word.extend(c.to_lowercase());
        }
        before = c;
    }
    words.retain(|word| !word.is_empty());
    words
}

fn speaks_of_secret(words: &[String]) -> bool {
    words.iter().any(|word| {
        word.ends_with("key")
            || SECRET_WORDS.contains(&word.as_str())
            || SECRET_PARTS.iter().any(|part| word.contains(part))
    })
}

/// Whether the value of a parameter of this name is a secret.
fn is_secret(name: &str) -> bool {
    let words = words(name);
    let whole = words.concat();
    whole != PUBLIC_NAME && (SECRET_NAMES.contains(&whole.as_str()) || speaks_of_secret(&words))
}

/// Whether what is sent over a plain connection seems to hold a secret.
pub(super) fn signs_in(sent: &str) -> bool {
    let words = words(sent);
    speaks_of_secret(&words) || words.iter().any(|word| SIGN_IN.contains(&word.as_str()))
}

/// The name of the first parameter of a URL that holds a secret.
pub(super) fn secret_parameter(url: &Url) -> Option<String> {
    let fragment = url::form_urlencoded::parse(url.fragment().unwrap_or_default().as_bytes());
    let mut parameters = url.query_pairs().chain(fragment);
    let (name, _) = parameters.find(|(name, value)| !value.is_empty() && is_secret(name))?;
    Some(super::name::one_line(&name, 40))
}

/// Reads a request, or says why it cannot be asked here.
pub(super) fn read(asked: Asked<'_>) -> Result<Request, String> {
    let mut remarks = Vec::new();
    let mut credentials = Vec::new();
    let mut credential = |header: &str, content: &str| {
        let known = |other: &Credential| other.header.eq_ignore_ascii_case(header);
        if !credentials.iter().any(known) {
            credentials.push(Credential { check: 0, header: header.to_owned(), content: content.to_owned() });
        }
    };
    let mut url = Url::parse(asked.url.trim()).map_err(|_| "its URL is not complete".to_owned())?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
        return Err("its URL is not one of http or https".to_owned());
    }
    let mut basic = asked.basic;
    if !url.username().is_empty() || url.password().is_some() {
        basic = true;
        // Neither can fail for a URL with a host.
        let stripped = url.set_username("").and_then(|()| url.set_password(None));
        stripped.map_err(|()| "its URL holds credentials".to_owned())?;
    }
    if let Some(name) = secret_parameter(&url) {
        return Err(format!("its URL holds a secret (`{name}`), which a probe file must not"));
    }
    let method = asked.method.map_or_else(|| "GET".to_owned(), str::to_ascii_uppercase);
    if !METHODS.contains(&method.as_str()) {
        return Err("a check asks and does not act: GET, HEAD, OPTIONS or POST".to_owned());
    }
    let mut headers: Vec<(String, HeaderValue)> = Vec::new();
    for (name, value) in asked.headers {
        let lower = name.to_ascii_lowercase();
        if lower == "host" {
            return Err(
                "it sends a `Host` of its own: write that host into `url` and its address into `resolve`".to_owned()
            );
        }
        if NOT_SETTABLE.contains(&lower.as_str()) {
            remarks.push(format!(
                "the header `{}` is not sent: it belongs to the connection or to the operator",
                super::name::one_line(&name, 40)
            ));
            continue;
        }
        match value {
            Some(value) if HARMLESS.contains(&lower.as_str()) => headers.push((name, HeaderValue::Literal(value))),
            // Basic authentication would send it, too.
            Some(_) | None if basic && lower == "authorization" => {}
            Some(_) | None => credential(&name, "the value of this header"),
        }
    }
    if basic {
        credential("Authorization", BASIC);
    }
    let mut body = asked.body.filter(|body| !body.is_empty());
    if body.is_some() && method != "POST" {
        remarks.push(format!("its body is not sent: `{method}` has none here"));
        body = None;
    }
    if body.as_deref().is_some_and(|body| speaks_of_secret(&words(body))) {
        return Err("its body seems to hold a secret, which a probe file must not".to_owned());
    }
    if asked.insecure && url.scheme() == "https" {
        remarks.push(INSECURE.to_owned());
    }
    let probe = HttpProbe {
        url,
        method,
        headers,
        body,
        follow_redirects: asked.follow_redirects,
        resolve: None,
        tls: TlsSettings::default(),
    };
    Ok(Request { probe, credentials, remarks })
}

/// What is said of a check that did not look at certificates.
pub(super) const INSECURE: &str = "its certificate was not looked at; here one that is not trusted is red: add `tls = { ca_file = \"…\" }` if it is your own";

/// Where a secret for this URL may be sent, if it travels safely.
pub(super) fn origin_of(url: &Url) -> Option<String> {
    let loopback = match url.host() {
        Some(url::Host::Ipv4(address)) => IpAddr::from(address).is_loopback(),
        Some(url::Host::Ipv6(address)) => IpAddr::from(address).is_loopback(),
        Some(url::Host::Domain(_)) | None => false,
    };
    (url.scheme() == "https" || loopback).then(|| url.origin().ascii_serialization())
}
