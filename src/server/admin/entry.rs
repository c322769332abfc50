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
use crate::server::admin::browser::{self, PENDING, SESSION, SIGN_IN};
use crate::server::admin::entrance;
use crate::server::admin::journal::{NOBODY, What};
use crate::server::admin::provider::{Denied, PENDING_SECONDS, Provider};
use crate::server::admin::refusal::Refusal;
use crate::server::admin::sessions::{Session, Who, is_word, word};
use crate::server::admin::shown::{Shown, Turned, sentence};
use crate::server::admin::{Interface, is_below};
use crate::server::body::Body;
use crate::server::error::Problem;
use crate::server::request;

/// The one word under which visits are counted.
pub(super) const LABEL: &str = "desk";
/// Longest form of somebody who is not signed in that any number of people may send at a time.
const SMALL_BYTES_MAX: u64 = 8 * 1024;
/// Longest query that a provider sends a browser back with.
const CALLBACK_BYTES_MAX: usize = 8 * 1024;
/// Bytes of [`Visit::nonce`].
const NONCE_BYTES: usize = 16;

const FORGOTTEN: &str =
    "Das Formular war abgelaufen, oder Ihr Browser nimmt keine Cookies an. Versuchen Sie es bitte noch einmal.";

/// What somebody wants who is not signed in.
struct Wish<'a> {
    onward: &'a str,
    fault: Option<&'a str>,
    kept: Option<&'a Form>,
}

/// A session that has begun: the cookie, and the word for its forms.
struct Begun {
    cookie: String,
    csrf: String,
}

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
            match &why {
                Turned::Random(fault) | Turned::Denied(Denied::Random(fault)) => {
                    tracing::error!("nobody can sign in: the system gives no random numbers: {fault}");
                }
                Turned::Denied(Denied::Unreachable(fault)) => self.provider_fails(fault),
                _ => {}
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
        let provider = self.provider.as_ref().filter(|_| matches!(path.as_str(), "/oidc" | "/oidc/callback"));
        let most = if provider.is_some() { CALLBACK_BYTES_MAX } else { request::QUERY_MAX_BYTES };
        if head.uri.query().is_some_and(|query| query.len() > most) {
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
        match (provider, path.as_str()) {
            (Some(provider), "/oidc") if is_sent => return self.leave(provider, request, body).await,
            (Some(provider), "/oidc/callback") if head.method == Method::GET => {
                return self.arrive(provider, request).await;
            }
            (Some(_), _) => return Ok(Shown::see(PREFIX)),
            (None, _) => {}
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
            let kept = match head.method {
                // A town hall's text is not lost because its writer was on the telephone.
                Method::POST => Some(self.form_of_stranger(body).await?),
                _ => None,
            };
            let status = if kept.is_some() { StatusCode::FORBIDDEN } else { StatusCode::OK };
            return self.ask_in(head, &Wish { onward: &here(head), fault: None, kept: kept.as_ref() }, status);
        };
        let _turn = self.visits.try_acquire().map_err(|_| Refusal::Busy)?;
        let sent = match head.method {
            Method::POST => {
                let sent = self.form(body, form::BYTES_MAX).await?;
                if !is_same(&session.csrf, &sent.text("csrf")) {
                    let page = signin::resend(&session.csrf, &here(head), &sent);
                    return Ok(Shown::page(StatusCode::FORBIDDEN, page));
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
    fn ask_in(&self, head: &Parts, wish: &Wish<'_>, status: StatusCode) -> Result<Shown, Turned> {
        // Two tabs share it.
        let csrf = match browser::cookie(&head.headers, SIGN_IN).filter(|word| is_word(word)) {
            Some(word) => word.to_owned(),
            None => word()?,
        };
        let &Wish { onward, fault, kept } = wish;
        let provider = self.provider.is_some();
        let page = signin::sign_in(&SignIn { csrf: &csrf, onward, fault, provider, kept });
        Ok(Shown::page(status, page).with_cookie(browser::set(SIGN_IN, &csrf)))
    }

    async fn sign_in(&self, request: &Asked<'_>, body: &mut Option<Incoming>) -> Result<Shown, Turned> {
        let head = request.head;
        let form = self.form_of_stranger(body).await?;
        let (onward, kept) = (onward(&form.text("onward")), signin::kept(&form));
        let again = |fault, status| {
            self.ask_in(head, &Wish { onward: &onward, fault: Some(fault), kept: kept.as_ref() }, status)
        };
        if !is_of_sign_in(head, &form) {
            return again(FORGOTTEN, StatusCode::FORBIDDEN);
        }
        let begun = match self.admit(request, &form.text("token")).await {
            Ok(begun) => begun,
            // What was typed waits there.
            Err(Turned::Refused(refusal)) => {
                return Ok(again(sentence(&refusal), refusal.status())?.with_retry_after(refusal.retry_after()));
            }
            Err(why) => return Err(why),
        };
        let shown = match &kept {
            Some(kept) => Shown::page(StatusCode::OK, signin::resend(&begun.csrf, &onward, kept)),
            None => Shown::see(onward),
        };
        Ok(shown.with_cookie(begun.cookie))
    }

    /// Begins a session for whoever holds this token.
    async fn admit(&self, request: &Asked<'_>, token: &str) -> Result<Begun, Turned> {
        let _turn = self.in_progress.try_acquire().map_err(|_| Refusal::Busy)?;
        let client = request::client(request.peer, &request.head.headers, &self.trusted_proxies);
        let (actor, refusal, detail) = match self.authenticate(client, token).await {
            Err(refusal @ Refusal::Unauthenticated) => {
                (NOBODY.to_owned(), refusal, json!({ "with": "token", "claims": entrance::claimed(token) }))
            }
            Ok(Editor { token, role: Role::Metrics, .. }) => (token, Refusal::Role, json!({ "with": "token" })),
            editor => return self.begin(request.head, Who::Token(editor?.token), "token").await,
        };
        self.record_refused(&actor, What::SIGN_IN, refusal.status(), detail).await;
        Err(refusal.into())
    }

    /// Sends the browser to the provider.
    async fn leave(
        &self,
        provider: &Provider,
        request: &Asked<'_>,
        body: &mut Option<Incoming>,
    ) -> Result<Shown, Turned> {
        let form = self.form_of_stranger(body).await?;
        let onward = onward(&form.text("onward"));
        if !is_of_sign_in(request.head, &form) {
            let wish = Wish { onward: &onward, fault: Some(FORGOTTEN), kept: None };
            return self.ask_in(request.head, &wish, StatusCode::FORBIDDEN);
        }
        let leaving = provider.leave(&onward).await.map_err(Turned::Denied)?;
        // No redirection: the policy allows forms to lead to us only.
        let page = signin::lead_on(leaving.to.as_str());
        let cookie = browser::set_lax(PENDING, &leaving.cookie, PENDING_SECONDS);
        Ok(Shown::page(StatusCode::OK, page).with_cookie(cookie))
    }

    /// Takes in whom the provider sends back.
    async fn arrive(&self, provider: &Provider, request: &Asked<'_>) -> Result<Shown, Turned> {
        let head = request.head;
        if !browser::is_shown(&head.headers) {
            return Err(Turned::Denied(Denied::Forgotten));
        }
        let client = request::client(request.peer, &head.headers, &self.trusted_proxies);
        if let Some(wait) = self.arrivals.wait(client, SESSION, monotonic()) {
            return Err(Refusal::TooManyFailures(wait).into());
        }
        let query = Form::read(head.uri.query().unwrap_or_default().as_bytes()).unwrap_or_default();
        let arrived = match provider.arrive(browser::cookie(&head.headers, PENDING), &query).await {
            Ok(arrived) => arrived,
            Err(denied) => {
                let (actor, why) = match &denied {
                    // Any page on the web can lead a browser here without a sign-in that was begun: that tries
                    // nothing, and costs neither the town hall behind this address nor a sign-in under way.
                    Denied::Forgotten | Denied::Busy | Denied::Random(_) | Denied::Unreachable(_) => {
                        return Err(Turned::Denied(denied));
                    }
                    Denied::Refused(why) | Denied::Unproven(why) => (NOBODY, why.as_str()),
                    Denied::NoGroup(actor) => (actor.as_str(), "in no group that counts"),
                };
                self.arrivals.failed(client, SESSION, monotonic());
                let detail = json!({ "with": "oidc", "why": why });
                self.record_refused(actor, What::SIGN_IN, StatusCode::FORBIDDEN, detail).await;
                return Ok(Shown::turned(&Turned::Denied(denied)).with_cookie(browser::removed(PENDING)));
            }
        };
        let begun = self.begin(head, Who::Provider(arrived.editor), "oidc").await?;
        // No redirection either: to one that began at the provider browsers add no cookie of ours.
        let page = signin::lead_on(&onward(&arrived.onward));
        Ok(Shown::page(StatusCode::OK, page).with_cookie(begun.cookie).with_cookie(browser::removed(PENDING)))
    }

    /// Begins a session and ends the one that the browser had.
    async fn begin(&self, head: &Parts, who: Who, with: &str) -> Result<Begun, Turned> {
        self.record(who.actor(), "sign-in", with).await?;
        if let Some(former) = browser::cookie(&head.headers, SESSION) {
            self.sessions.end(former);
        }
        let (id, csrf) = self.sessions.begin(who, monotonic())?;
        Ok(Begun { cookie: browser::set(SESSION, &id), csrf })
    }

    async fn sign_out(&self, request: &Asked<'_>, body: &mut Option<Incoming>) -> Result<Shown, Turned> {
        let headers = &request.head.headers;
        let form = self.form_of_stranger(body).await?;
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

    /// The fields of a form of somebody who is not signed in: a small one, or one of few that are large.
    async fn form_of_stranger(&self, body: &mut Option<Incoming>) -> Result<Form, Turned> {
        let is_small = |body: &Incoming| body.size_hint().upper().is_some_and(|most| most <= SMALL_BYTES_MAX);
        if body.as_ref().is_none_or(is_small) {
            return self.form(body, form::BYTES_MAX).await;
        }
        let _turn = self.strangers.try_acquire().map_err(|_| Refusal::Busy)?;
        self.form(body, form::BYTES_MAX).await
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

/// Whether a form is the one for signing in that this browser was shown.
fn is_of_sign_in(head: &Parts, form: &Form) -> bool {
    let expected = browser::cookie(&head.headers, SIGN_IN).filter(|word| is_word(word));
    expected.is_some_and(|expected| is_same(expected, &form.text("csrf")))
}

/// The host that is asked, as it was written; `check_host` has found it in order.
fn authority(head: &Parts) -> Option<&str> {
    let named = head.uri.authority().map(http::uri::Authority::as_str);
    named.or_else(|| head.headers.get(HOST).and_then(|host| host.to_str().ok()))
}

/// The page that is asked for, to come back to it.
fn here(head: &Parts) -> String {
    onward(head.uri.path_and_query().map_or(PREFIX, http::uri::PathAndQuery::as_str))
}

/// A way on that is one of ours.
fn onward(asked: &str) -> String {
    let (path, _) = asked.split_once('?').unwrap_or((asked, ""));
    let is_ours = is_meant(path) && request::plain_path(path.strip_suffix('/').unwrap_or(path)).is_ok();
    let is_plain = asked.bytes().all(|byte| byte.is_ascii_graphic()) && asked.len() <= 2 * request::PATH_MAX_BYTES;
    if is_ours && is_plain { asked.to_owned() } else { PREFIX.to_owned() }
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
}
