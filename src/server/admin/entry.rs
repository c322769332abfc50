//! The way in to the desk `/admin` as far as it is HTTP: sign-in, sessions, and whether a form is
//! one of ours. The pages are `desk`'s.
//!
//! The order of refusals: host, method, path, encryption, then for forms where they come from and
//! what they are; then the session, the word in the form, and the desk itself.
//!
//! Architecture invariant: no GET changes anything but who is signed in by the provider; no page is
//! sent without the headers of `shown`.

use std::net::IpAddr;
use std::sync::Arc;

use http::header::HOST;
use http::request::Parts;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use hyper::body::{Body as _, Incoming};
use serde_json::json;
use subtle::ConstantTimeEq as _;

use crate::clock::monotonic;
use crate::desk::form::{self, Form};
use crate::desk::signin::{self, SignIn};
use crate::desk::{self, PREFIX, Visit};
use crate::model::access::{Editor, Role};
use crate::server::admin::asker::Asker;
use crate::server::admin::browser::{self, SESSION, SIGN_IN};
use crate::server::admin::entrance;
use crate::server::admin::journal::NOBODY;
use crate::server::admin::refusal::Refusal;
use crate::server::admin::sessions::{Session, Who, is_word, word};
use crate::server::admin::shown::{Shown, Turned};
use crate::server::admin::{Interface, is_below};
use crate::server::body::Body;
use crate::server::error::Problem;
use crate::server::request;

/// The one word under which visits are counted.
pub(super) const LABEL: &str = "desk";
/// Longest form of somebody who is not signed in.
const SIGN_IN_BYTES_MAX: usize = 8 * 1024;
/// Bytes of [`Visit::nonce`].
const NONCE_BYTES: usize = 16;

const WRONG: &str = "Dieser Zugangsschlüssel ist nicht gültig. Prüfen Sie bitte, ob er vollständig ist.";
const METRICS: &str = "Dieser Zugangsschlüssel ist nur zum Lesen der Messwerte da.";
const FORGOTTEN: &str =
    "Das Formular war abgelaufen, oder Ihr Browser nimmt keine Cookies an. Versuchen Sie es bitte noch einmal.";

/// Whether a path is the desk's. Only as it is written here, as with `admin::is_meant`.
pub(super) fn is_meant(path: &str) -> bool {
    is_below(path, PREFIX)
}

/// One request, as far as its head goes.
struct Asked<'a> {
    peer: IpAddr,
    head: &'a Parts,
}

impl Interface {
    /// The answer to a browser.
    pub(super) async fn receive(self: Arc<Self>, peer: IpAddr, request: Request<Incoming>) -> Response<Body> {
        let host = self.check_host(&request);
        let (head, body) = request.into_parts();
        let mut body = Some(body).filter(|body| !body.is_end_stream());
        let shown = match host {
            Ok(()) => self.welcome(&Asked { peer, head: &head }, &mut body).await,
            Err(refusal) => Err(refusal.into()),
        };
        let shown = shown.unwrap_or_else(|why| {
            if let Turned::Random(fault) = &why {
                tracing::error!("nobody can sign in: the system gives no random numbers: {fault}");
            }
            Shown::turned(&why)
        });
        let response = shown.response(body.is_some());
        self.requests.with_label_values(&[LABEL, response.status().as_str()]).inc();
        response
    }

    async fn welcome(self: &Arc<Self>, request: &Asked<'_>, body: &mut Option<Incoming>) -> Result<Shown, Turned> {
        let head = request.head;
        let is_sent = match head.method {
            Method::GET | Method::HEAD => false,
            Method::POST => true,
            _ => return Err(Refusal::Method(&["GET", "POST"]).into()),
        };
        let raw = head.uri.path();
        let path = entrance::path(raw.strip_suffix('/').unwrap_or(raw), PREFIX)?;
        if head.uri.query().is_some_and(|query| query.len() > request::QUERY_MAX_BYTES) {
            return Err(Refusal::Problem(Problem::TooLong).into());
        }
        if !entrance::is_encrypted(request.peer, &head.headers, &self.trusted_proxies) {
            return Err(Refusal::Unencrypted.into());
        }
        if !is_sent && body.is_some() {
            return Err(Refusal::Problem(Problem::BodyRefused).into());
        }
        if is_sent && !browser::is_from_here(&head.headers, authority(head), &self.public_url) {
            return Err(Turned::Foreign);
        }
        if is_sent && !browser::is_form(&head.headers) {
            return Err(Turned::NoForm);
        }
        match (is_sent, path.as_str()) {
            (true, "/sign-in") => self.sign_in(request, body).await,
            (true, "/sign-out") => self.sign_out(request, body).await,
            (false, "/sign-in" | "/sign-out") => Ok(Shown::see(PREFIX)),
            _ => self.visit(request, path, body).await,
        }
    }

    /// A visit of somebody who is signed in; of others, the page for signing in.
    async fn visit(
        self: &Arc<Self>,
        request: &Asked<'_>,
        path: String,
        body: &mut Option<Incoming>,
    ) -> Result<Shown, Turned> {
        let head = request.head;
        let Some((editor, session)) = self.signed_in(&head.headers).await? else {
            if browser::comes_from_elsewhere(&head.headers) {
                return Ok(Shown::page(StatusCode::OK, signin::lead_on(&here(head))));
            }
            return self.ask_in(head, &here(head), None, StatusCode::OK);
        };
        let _turn = self.visits.try_acquire().map_err(|_| Refusal::Busy)?;
        let sent = match head.method {
            Method::POST => {
                let sent = self.form(body, form::BYTES_MAX).await?;
                if !is_same(&session.csrf, &sent.text("csrf")) {
                    return Err(Turned::Stale);
                }
                Some(sent)
            }
            _ => None,
        };
        let query = Form::read(head.uri.query().unwrap_or_default().as_bytes()).unwrap_or_default();
        let snapshot = self.documents.current().ok_or(Turned::NotReady)?;
        let mut nonce = [0; NONCE_BYTES];
        getrandom::fill(&mut nonce)?;
        let nonce = data_encoding::HEXLOWER.encode(&nonce);
        let asker = Asker { interface: Arc::clone(self), editor: editor.clone() };
        let visit = Visit { editor, snapshot, csrf: session.csrf, nonce, path, query, sent };
        Ok(Shown::reply(desk::visit(&visit, &asker).await))
    }

    /// Who is signed in, asked anew each time.
    async fn signed_in(&self, headers: &HeaderMap) -> Result<Option<(Editor, Session)>, Refusal> {
        let Some(id) = browser::cookie(headers, SESSION) else { return Ok(None) };
        let Some(session) = self.sessions.find(id, monotonic()) else { return Ok(None) };
        let editor = match &session.who {
            Who::Token(token) => {
                let token = token.clone();
                self.look_up(move |tokens| tokens.standing(&token)).await?
            }
            Who::Provider(editor) => Some(editor.clone()),
        };
        if editor.is_none() {
            self.sessions.end(id);
        }
        Ok(editor.map(|editor| (editor, session)))
    }

    /// The page for signing in, with the cookie that its form belongs to.
    fn ask_in(&self, head: &Parts, onward: &str, fault: Option<&str>, status: StatusCode) -> Result<Shown, Turned> {
        // Two tabs share it.
        let csrf = match browser::cookie(&head.headers, SIGN_IN).filter(|word| is_word(word)) {
            Some(word) => word.to_owned(),
            None => word()?,
        };
        let page = signin::sign_in(&SignIn { csrf: &csrf, onward, fault });
        Ok(Shown::page(status, page).with_cookie(browser::set(SIGN_IN, &csrf, "Strict")))
    }

    async fn sign_in(&self, request: &Asked<'_>, body: &mut Option<Incoming>) -> Result<Shown, Turned> {
        let head = request.head;
        let form = self.form(body, SIGN_IN_BYTES_MAX).await?;
        let onward = onward(&form.text("onward"));
        let expected = browser::cookie(&head.headers, SIGN_IN).filter(|word| is_word(word));
        if !expected.is_some_and(|expected| is_same(expected, &form.text("csrf"))) {
            return self.ask_in(head, &onward, Some(FORGOTTEN), StatusCode::FORBIDDEN);
        }
        let _turn = self.in_progress.try_acquire().map_err(|_| Refusal::Busy)?;
        let token = form.text("token");
        let client = entrance::client(request.peer, &head.headers, &self.trusted_proxies);
        if let Some(wait) = self.attempts.wait(client, &token, monotonic()) {
            return Err(Refusal::TooManyFailures(wait).into());
        }
        let asked = token.clone();
        let editor = match entrance::is_token(&token) {
            true => self.look_up(move |tokens| tokens.authenticate(&asked)).await?,
            false => None,
        };
        let Some(editor) = editor else {
            self.attempts.failed(client, &token, monotonic());
            let detail = json!({ "with": "token", "claims": claimed(&token) });
            self.record_refused(NOBODY, StatusCode::UNAUTHORIZED, detail).await;
            return self.ask_in(head, &onward, Some(WRONG), StatusCode::UNAUTHORIZED);
        };
        self.attempts.succeeded(&token, monotonic());
        if editor.role == Role::Metrics {
            self.record_refused(&editor.token, StatusCode::FORBIDDEN, json!({ "with": "token" })).await;
            return self.ask_in(head, &onward, Some(METRICS), StatusCode::FORBIDDEN);
        }
        self.begin(head, Who::Token(editor.token), "token").await.map(|cookie| Shown::see(onward).with_cookie(cookie))
    }

    /// Begins a session, ends the one that the browser had, and returns the cookie.
    async fn begin(&self, head: &Parts, who: Who, with: &str) -> Result<String, Turned> {
        self.record(who.actor(), "sign-in", with).await?;
        if let Some(former) = browser::cookie(&head.headers, SESSION) {
            self.sessions.end(former);
        }
        let id = self.sessions.begin(who, monotonic())?;
        Ok(browser::set(SESSION, &id, "Strict"))
    }

    async fn sign_out(&self, request: &Asked<'_>, body: &mut Option<Incoming>) -> Result<Shown, Turned> {
        let headers = &request.head.headers;
        let form = self.form(body, SIGN_IN_BYTES_MAX).await?;
        if let Some(id) = browser::cookie(headers, SESSION)
            && let Some(session) = self.sessions.find(id, monotonic())
        {
            if !is_same(&session.csrf, &form.text("csrf")) {
                return Err(Turned::Stale);
            }
            self.sessions.end(id);
            // It has ended, written down or not; a store that cannot be written was logged.
            drop(self.record(session.who.actor(), "sign-out", "desk").await);
        }
        Ok(Shown::see(PREFIX).with_cookie(browser::removed(SESSION)))
    }

    /// The fields of a form, read whole.
    async fn form(&self, body: &mut Option<Incoming>, most: usize) -> Result<Form, Turned> {
        let bytes = match body.as_mut() {
            Some(incoming) => self.whole(incoming, most).await?,
            None => Vec::new(),
        };
        *body = None;
        Ok(Form::read(&bytes).ok_or(Refusal::TooLarge)?)
    }
}

/// The host that is asked, as it was written; `check_host` has found it in order.
fn authority(head: &Parts) -> Option<&str> {
    let named = head.uri.authority().map(http::uri::Authority::as_str);
    named.or_else(|| head.headers.get(HOST).and_then(|host| host.to_str().ok()))
}

/// The page that is asked for, to come back to it.
fn here(head: &Parts) -> String {
    match head.method {
        Method::POST => PREFIX.to_owned(),
        _ => onward(head.uri.path_and_query().map_or(PREFIX, http::uri::PathAndQuery::as_str)),
    }
}

/// A way on that is one of ours.
fn onward(asked: &str) -> String {
    let (path, _) = asked.split_once('?').unwrap_or((asked, ""));
    let is_ours = is_meant(path) && request::plain_path(path.strip_suffix('/').unwrap_or(path)).is_ok();
    let is_plain = asked.bytes().all(|byte| byte.is_ascii_graphic()) && asked.len() <= 2 * request::PATH_MAX_BYTES;
    if is_ours && is_plain { asked.to_owned() } else { PREFIX.to_owned() }
}

/// The public part of a token, if the text looks like one: which token somebody still uses.
fn claimed(token: &str) -> Option<&str> {
    let (id, _) = token.strip_prefix("tw_")?.split_once('_')?;
    (id.len() == 8 && id.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'2'..=b'7'))).then_some(id)
}

/// Compares in a time that tells nothing about where the two differ.
fn is_same(expected: &str, given: &str) -> bool {
    bool::from(expected.as_bytes().ct_eq(given.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_led_on_to_pages_of_the_desk_only() {
        for path in ["/admin", "/admin/", "/admin/incidents/i1", "/admin/components?page=2", "/admin/k%C3%B6ln"] {
            assert_eq!(onward(path), path);
        }
        for path in [
            "",
            "/",
            "//evil.example",
            "https://evil.example/admin",
            "/administration",
            "/admin/../x",
            "/admin//evil",
            "/admin/%2e%2e/x",
            "/admin/a\r\nSet-Cookie: x=y",
            "/admin/ü",
            "/admin\\evil",
            "admin",
            "/admin@evil.example",
        ] {
            assert_eq!(onward(path), PREFIX, "{path}");
        }
        assert_eq!(onward(&format!("/admin/{}", "a".repeat(2_048))), PREFIX);
    }

    #[test]
    fn of_a_wrong_token_only_its_public_part_is_recorded() {
        assert_eq!(claimed("tw_abcdefg2_secret"), Some("abcdefg2"));
        for text in ["", "password", "tw_short_secret", "tw_ABCDEFG2_secret", "tw_abcdefg2", "xx_abcdefg2_secret"] {
            assert_eq!(claimed(text), None, "{text}");
        }
    }
}
