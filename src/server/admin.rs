//! The editors' interface `/api/v1/admin/*`, and the way in to their desk `/admin` ([`entry`]), as far as it is
//! HTTP: who may come in, what a request must look like, and the way to the loop and back.
//!
//! Nothing is decided here. A request that is in order goes to the loop ([`super::desk`]) as it is;
//! what the store knows of tokens, earlier answers and the audit log comes through
//! [`Authenticate`], so that this module knows no store. Metrics are written beside the loop.
//!
//! The order of refusals: host, method, encryption, browsers, failed attempts, token, role, path,
//! query, header fields, body. Who is refused for the token or its role stands in the audit log.
//!
//! Architecture invariant: no token, query or body gets into the log, and no answer has a CORS
//! header.

mod asker;
mod attempts;
mod browser;
mod entrance;
mod entry;
mod journal;
mod provider;
mod refusal;
mod sessions;
mod shown;

use std::collections::HashSet;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use http::request::Parts;
use http::{Method, Request, Response};
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};
use ipnet::IpNet;
use prometheus::IntCounterVec;
use serde_json::json;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::time::timeout;

use crate::clock::monotonic;
use crate::editing;
use crate::model::access::{AuditRecord, Editor, Role, StoredAnswer};
use crate::model::settings::OidcSettings;
use crate::publish::documents::Documents;
use crate::server::admin::attempts::Attempts;
use crate::server::admin::entrance::{Fields, Target};
use crate::server::admin::journal::{NOBODY, Ration, What};
use crate::server::admin::provider::Provider;
use crate::server::admin::refusal::{Refusal, answered};
use crate::server::admin::sessions::Sessions;
use crate::server::admin::shown::{Shown, Turned};
use crate::server::body::Body;
use crate::server::desk::{AdminReply, AdminRequest, Asked, Desk};
use crate::server::error::Problem;
use crate::server::request;
use crate::server::routes::{self, Hosts};
use crate::server::scrape::Scrapes;

/// Everything below this is the editors'.
const PREFIX: &str = "/api/v1/admin";
/// The audit log, below it.
const AUDIT: &str = "/audit";
/// The operator's metrics, below it.
const METRICS: &str = "/metrics";
/// The one word under which all of it is counted.
const LABEL: &str = "admin";
/// Most requests at a time, from the look-up of the token to the loop's reply. Each may hold a body.
const IN_PROGRESS_MAX: usize = 64;
/// Most visits of the desk at a time. Each may hold a form.
const VISITS_MAX: usize = 64;
/// Most large forms at a time of people whose session has ended.
const STRANGERS_MAX: usize = 8;
/// Look-ups in the store at a time, each on a thread of its own.
pub(super) const LOOKUPS_MAX: usize = 2;
/// Longest wait for a look-up.
const LOOKUP_WAIT: Duration = Duration::from_secs(5);
/// Pause between two log lines about a store that cannot be read.
const LOG_EVERY: Duration = Duration::from_secs(60);
/// How often what is remembered of attempts is looked through.
const FORGET_EVERY: Duration = Duration::from_secs(60);

/// What the store knows of editors. Called on threads that may block.
pub trait Authenticate: Send + Sync {
    /// Whose token this is; `None` if it is none, or not in force.
    ///
    /// # Errors
    /// If the store cannot be read; the text is for the log.
    fn authenticate(&self, bearer: &str) -> Result<Option<Editor>, String>;

    /// Whose the token with this id is; `None` if there is none, or it is not in force.
    ///
    /// # Errors
    /// As [`Self::authenticate`].
    fn standing(&self, token: &str) -> Result<Option<Editor>, String>;

    /// What a token was answered under an `Idempotency-Key`.
    ///
    /// # Errors
    /// As [`Self::authenticate`].
    fn answer(&self, token: &str, key: &str) -> Result<Option<StoredAnswer>, String>;

    /// Entries of the audit log as JSON, newest first: at most `limit`, with numbers below `before`.
    ///
    /// # Errors
    /// As [`Self::authenticate`].
    fn audit(&self, before: Option<i64>, limit: u32) -> Result<serde_json::Value, String>;

    /// Adds an entry to the audit log.
    ///
    /// # Errors
    /// If the store cannot be written; the text is for the log.
    fn record(&self, record: &AuditRecord) -> Result<(), String>;
}

/// How editors get in.
#[derive(Clone)]
pub struct Admin {
    /// Who they are.
    pub tokens: Arc<dyn Authenticate>,
    /// The way to the loop.
    pub desk: Desk,
    /// A listener of their own; the public one then knows nothing of them.
    pub listen: Option<SocketAddr>,
    /// Whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Where they may sign in beside with a token.
    pub oidc: Option<OidcSettings>,
}

impl fmt::Debug for Admin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admin").field("listen", &self.listen).finish_non_exhaustive()
    }
}

/// How long things may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Longest pause within a body.
    pub(super) pause: Duration,
    /// Longest time for a whole body.
    pub(super) body: Duration,
    /// Longest wait for the loop's reply.
    pub(super) reply: Duration,
}

/// Where the editors' interface is, seen from a listener that knows of it.
pub(super) enum Place {
    /// It is on another listener.
    Elsewhere(IntCounterVec),
    /// It is here.
    Here(Arc<Interface>),
}

/// The interface of one listener.
pub(super) struct Interface {
    tokens: Arc<dyn Authenticate>,
    desk: Desk,
    trusted_proxies: Vec<IpNet>,
    hosts: Hosts,
    public_url: String,
    documents: Arc<Documents>,
    /// The operator's metrics.
    scrapes: Arc<Scrapes>,
    /// Whether hosts that are not ours are answered, too: machines ask by address.
    any_host: bool,
    requests: IntCounterVec,
    limits: Limits,
    attempts: Attempts,
    /// Those of people whom the provider sent back.
    arrivals: Attempts,
    sessions: Sessions,
    provider: Option<Provider>,
    refused: Ration,
    visits: Semaphore,
    strangers: Semaphore,
    in_progress: Arc<Semaphore>,
    lookups: Arc<Semaphore>,
    under_way: Arc<Mutex<HashSet<Key>>>,
    logged_at: Mutex<Option<Instant>>,
    provider_logged_at: Mutex<Option<Instant>>,
}

/// A token's id and an `Idempotency-Key` of it.
type Key = (String, String);

/// Who asks for what, as far as the head of the request says.
struct Entered {
    editor: Editor,
    target: Target,
    fields: Fields,
    turn: OwnedSemaphorePermit,
}

/// Holds a place, and a key that is being worked on, until the loop has replied.
struct Held {
    _turn: OwnedSemaphorePermit,
    _key: Option<UnderWay>,
}

/// A key that is being worked on; dropping this sets it free.
struct UnderWay {
    keys: Arc<Mutex<HashSet<Key>>>,
    key: Key,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}

/// Whether a path is the editors'. Only as it is written here: what is escaped may look different
/// to a proxy that guards it.
pub(super) fn is_meant(path: &str) -> bool {
    is_below(path, PREFIX) || entry::is_meant(path)
}

fn is_below(path: &str, prefix: &str) -> bool {
    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

impl Place {
    /// The answer to a request for the editors' interface.
    pub(super) fn answer(&self, peer: IpAddr, request: Request<Incoming>) -> Answered {
        let is_visit = entry::is_meant(request.uri().path());
        match self {
            Self::Elsewhere(requests) => {
                let (refusal, has_body) = (Refusal::Problem(Problem::NotFound), !request.body().is_end_stream());
                let (label, response) = if is_visit {
                    (entry::LABEL, Shown::turned(&Turned::Refused(refusal)).response(has_body))
                } else {
                    (LABEL, refusal.response(has_body))
                };
                requests.with_label_values(&[label, response.status().as_str()]).inc();
                Answered::Now(response)
            }
            Self::Here(interface) => {
                let interface = Arc::clone(interface);
                if is_visit {
                    return Answered::Later(Box::pin(interface.receive(peer, request)));
                }
                Answered::Later(Box::pin(async move { interface.answer(peer, request).await }))
            }
        }
    }
}

/// An answer, now or later.
pub(super) enum Answered {
    Now(Response<Body>),
    Later(Pin<Box<dyn Future<Output = Response<Body>> + Send>>),
}

impl Interface {
    /// # Errors
    /// If the provider of editors cannot be asked.
    pub(super) fn new(
        admin: &Admin,
        hosts: Hosts,
        public_url: &str,
        documents: Arc<Documents>,
        scrapes: Arc<Scrapes>,
        requests: IntCounterVec,
        limits: Limits,
    ) -> Result<Self, String> {
        let provider = admin.oidc.clone().map(|oidc| Provider::new(oidc, public_url)).transpose()?;
        Ok(Self {
            public_url: public_url.to_owned(),
            documents,
            scrapes,
            tokens: Arc::clone(&admin.tokens),
            desk: admin.desk.clone(),
            trusted_proxies: admin.trusted_proxies.clone(),
            hosts,
            any_host: admin.listen.is_some(),
            requests,
            limits,
            attempts: Attempts::default(),
            arrivals: Attempts::default(),
            sessions: Sessions::default(),
            provider,
            refused: Ration::default(),
            visits: Semaphore::new(VISITS_MAX),
            strangers: Semaphore::new(STRANGERS_MAX),
            in_progress: Arc::new(Semaphore::new(IN_PROGRESS_MAX)),
            lookups: Arc::new(Semaphore::new(LOOKUPS_MAX)),
            under_way: Arc::default(),
            logged_at: Mutex::new(None),
            provider_logged_at: Mutex::new(None),
        })
    }

    /// Forgets attempts and sessions in time, for as long as the server runs.
    pub(super) async fn forget(self: Arc<Self>) {
        loop {
            tokio::time::sleep(FORGET_EVERY).await;
            self.attempts.forget(monotonic());
            self.arrivals.forget(monotonic());
            self.sessions.forget(monotonic());
        }
    }

    async fn answer(&self, peer: IpAddr, request: Request<Incoming>) -> Response<Body> {
        let host = self.check_host(&request);
        let (head, body) = request.into_parts();
        let has_body = !body.is_end_stream();
        let entered = match host {
            Ok(()) => self.enter(peer, &head, has_body).await,
            Err(refusal) => Err(refusal),
        };
        let response = match entered {
            Ok(entered) if entered.target.path == METRICS => {
                let scraped = routes::scraped(&self.scrapes, &head.method, head.version, &head.headers).await;
                refusal::dressed(scraped.map(Body::Routed))
            }
            Ok(entered) => match self.read(&head, body).await {
                Ok(bytes) => match self.carry_out(entered, bytes).await {
                    Ok(reply) => answered(reply),
                    Err(refusal) => refusal.response(false),
                },
                Err(refusal) => refusal.response(true),
            },
            Err(refusal) => refusal.response(has_body),
        };
        self.requests.with_label_values(&[LABEL, response.status().as_str()]).inc();
        response
    }

    /// Everything that the head of a request decides.
    async fn enter(&self, peer: IpAddr, head: &Parts, has_body: bool) -> Result<Entered, Refusal> {
        let path = entrance::path(head.uri.path(), PREFIX);
        if head.method == Method::OPTIONS {
            return Err(match editing::allowed(&path?) {
                [] => Refusal::NoSuchPath,
                allowed => Refusal::Method(allowed),
            });
        }
        if !entrance::is_encrypted(peer, &head.headers, &self.trusted_proxies) {
            return Err(Refusal::Unencrypted);
        }
        if entrance::is_from_a_page(&head.headers) {
            return Err(Refusal::Browser);
        }
        let turn = Arc::clone(&self.in_progress).try_acquire_owned().map_err(|_| Refusal::Busy)?;
        let Some(bearer) = entrance::bearer(&head.headers) else { return Err(Refusal::Unauthenticated) };
        let client = request::client(peer, &head.headers, &self.trusted_proxies);
        let asked = What { action: head.method.as_str(), subject: path.as_deref().unwrap_or_default() };
        let editor = match self.authenticate(client, bearer).await {
            Err(refusal @ Refusal::Unauthenticated) => {
                let detail = json!({ "claims": entrance::claimed(bearer) });
                self.record_refused(NOBODY, asked, refusal.status(), detail).await;
                return Err(refusal);
            }
            authenticated => authenticated?,
        };
        self.may_ask(&editor, asked).await?;
        let target = Target::read(&head.method, path?, head.uri.query())?;
        let fields = Fields::read(&head.headers, &target)?;
        if target.method == "GET" && has_body {
            return Err(Refusal::Problem(Problem::BodyRefused));
        }
        Ok(Entered { editor, target, fields, turn })
    }

    /// Ours, and no organisation's own.
    fn check_host(&self, request: &Request<Incoming>) -> Result<(), Refusal> {
        let name = request::host(request).map_err(Refusal::Problem)?;
        match self.hosts.whose(name) {
            Ok(None) => Ok(()),
            Ok(Some(_)) => Err(Refusal::Problem(Problem::NotFound)),
            Err(_) if self.any_host => Ok(()),
            Err(problem) => Err(Refusal::Problem(problem)),
        }
    }

    /// Whose token this is.
    async fn authenticate(&self, client: IpAddr, token: &str) -> Result<Editor, Refusal> {
        if let Some(wait) = self.attempts.wait(client, token, monotonic()) {
            return Err(Refusal::TooManyFailures(wait));
        }
        let asked = token.to_owned();
        let editor = match entrance::is_token(token) {
            true => self.look_up(move |tokens| tokens.authenticate(&asked)).await?,
            false => None,
        };
        match &editor {
            Some(_) => self.attempts.succeeded(token, monotonic()),
            None => self.attempts.failed(client, token, monotonic()),
        }
        editor.ok_or(Refusal::Unauthenticated)
    }

    /// Refuses what a token is not for, whatever it asks there.
    async fn may_ask(&self, editor: &Editor, asked: What<'_>) -> Result<(), Refusal> {
        let refusal = match (asked.subject, editor.role) {
            (METRICS, _) if editor.may_scrape() => return Ok(()),
            (_, Role::Metrics) => Refusal::Role,
            (AUDIT | METRICS, _) if !editor.is_admin_of_all() => Refusal::NotForAll,
            _ => return Ok(()),
        };
        self.record_refused(&editor.token, asked, refusal.status(), json!({})).await;
        Err(refusal)
    }

    /// Asks the store, on a thread that may block.
    async fn look_up<T: Send + 'static>(
        &self,
        read: impl FnOnce(&dyn Authenticate) -> Result<T, String> + Send + 'static,
    ) -> Result<T, Refusal> {
        let waited = timeout(LOOKUP_WAIT, Arc::clone(&self.lookups).acquire_owned()).await;
        let Ok(Ok(turn)) = waited else { return Err(Refusal::Store) };
        let tokens = Arc::clone(&self.tokens);
        let reading = tokio::task::spawn_blocking(move || {
            // Held as long as the thread is, even if nobody waits for it any more.
            let _turn = turn;
            catch_unwind(AssertUnwindSafe(|| read(&*tokens))).unwrap_or_else(|_| Err("a look-up panicked".to_owned()))
        });
        match timeout(LOOKUP_WAIT, reading).await {
            Ok(Ok(Ok(found))) => Ok(found),
            Ok(Ok(Err(why))) => Err(self.unreadable(&why)),
            Ok(Err(_)) | Err(_) => Err(self.unreadable("it did not answer in time")),
        }
    }

    /// Says so in the log, unless that was said lately.
    fn unreadable(&self, why: &str) -> Refusal {
        if is_due(&self.logged_at) {
            tracing::error!("editors are answered 503, because the store cannot be used: {why}");
        }
        Refusal::Store
    }

    /// As [`Self::unreadable`], of the provider.
    fn provider_fails(&self, why: &str) {
        if is_due(&self.provider_logged_at) {
            tracing::error!("nobody can sign in through the provider of [oidc]: {why}");
        }
    }

    /// The body, whole and within its limits.
    async fn read(&self, head: &Parts, mut body: Incoming) -> Result<Vec<u8>, Refusal> {
        if body.is_end_stream() {
            return Ok(Vec::new());
        }
        entrance::check_content(&head.headers)?;
        self.whole(&mut body, editing::BODY_BYTES_MAX).await
    }

    /// A body of at most so many bytes.
    async fn whole(&self, body: &mut Incoming, most: usize) -> Result<Vec<u8>, Refusal> {
        let too_large = |bytes: u64| bytes > most as u64;
        if too_large(body.size_hint().lower()) {
            return Err(Refusal::TooLarge);
        }
        let reading = async {
            let mut bytes = Vec::new();
            while let Some(frame) = timeout(self.limits.pause, body.frame()).await.map_err(|_| Refusal::Slow)? {
                let Ok(data) = frame.map_err(|_| Refusal::Broken)?.into_data() else { continue };
                if too_large((bytes.len() + data.len()) as u64) {
                    return Err(Refusal::TooLarge);
                }
                bytes.extend_from_slice(&data);
            }
            Ok(bytes)
        };
        timeout(self.limits.body, reading).await.unwrap_or(Err(Refusal::Slow))
    }

    /// What the request is answered: by the audit log, as it was before, or by the loop.
    async fn carry_out(&self, entered: Entered, body: Vec<u8>) -> Result<AdminReply, Refusal> {
        let Entered { editor, target, fields, turn } = entered;
        if let Some(page) = target.audit {
            let page = self.look_up(move |tokens| tokens.audit(page.before, page.limit)).await?;
            return Ok(AdminReply { status: 200, headers: Vec::new(), body: page.to_string().into_bytes() });
        }
        let request = AdminRequest {
            editor,
            method: target.method.to_owned(),
            path: target.path,
            dry_run: target.dry_run,
            if_match: fields.if_match,
            idempotency_key: fields.idempotency_key,
            body,
        };
        let mut key = None;
        if let Some(given) = &request.idempotency_key {
            let (token, given) = (request.editor.token.clone(), given.clone());
            // Before the look-up: whoever comes second then finds the first one's answer.
            key = Some(self.under_way(token.clone(), given.clone())?);
            if let Some(stored) = self.look_up(move |tokens| tokens.answer(&token, &given)).await? {
                return replayed(stored, &request);
            }
        }
        self.forward(request, Held { _turn: turn, _key: key }).await
    }

    fn under_way(&self, token: String, key: String) -> Result<UnderWay, Refusal> {
        let key = (token, key);
        let is_new = self.under_way.lock().unwrap_or_else(PoisonError::into_inner).insert(key.clone());
        if is_new { Ok(UnderWay { keys: Arc::clone(&self.under_way), key }) } else { Err(Refusal::UnderWay) }
    }

    /// Hands a request to the loop and waits for its reply. What is `held` is held until the loop
    /// has replied, even if nobody waits for that any more.
    async fn forward(&self, request: AdminRequest, held: Held) -> Result<AdminReply, Refusal> {
        let (reply, replied) = oneshot::channel();
        self.desk.try_send(Asked { request, reply }).map_err(|refused| match refused {
            mpsc::error::TrySendError::Full(_) => Refusal::Busy,
            mpsc::error::TrySendError::Closed(_) => Refusal::Stopping,
        })?;
        let (hand, handed) = oneshot::channel();
        tokio::spawn(async move {
            let reply = replied.await;
            drop(held);
            // Whoever asked may have left.
            drop(hand.send(reply));
        });
        match timeout(self.limits.reply, handed).await {
            Ok(Ok(Ok(reply))) => Ok(reply),
            Ok(_) | Err(_) => Err(Refusal::Unanswered),
        }
    }
}

/// Whether something was not said lately; then it is now.
fn is_due(said_at: &Mutex<Option<Instant>>) -> bool {
    let now = monotonic();
    let mut said_at = said_at.lock().unwrap_or_else(PoisonError::into_inner);
    let is_due = said_at.is_none_or(|at| now.duration_since(at) >= LOG_EVERY);
    if is_due {
        *said_at = Some(now);
    }
    is_due
}

/// An earlier answer, if it was given to the same request.
fn replayed(stored: StoredAnswer, request: &AdminRequest) -> Result<AdminReply, Refusal> {
    if stored.request_hash != request.hash() {
        return Err(Refusal::OtherRequest);
    }
    let mut headers = stored.headers;
    headers.push((refusal::REPLAYED.to_owned(), "true".to_owned()));
    Ok(AdminReply { status: stored.status, headers, body: stored.body })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_plain_spelling_is_the_editors() {
        for path in [
            "/api/v1/admin",
            "/api/v1/admin/",
            "/api/v1/admin/incidents",
            "/api/v1/admin/../summary",
            "/admin",
            "/admin/",
            "/admin/incidents",
        ] {
            assert!(is_meant(path), "{path}");
        }
        for path in [
            "/api/v1/administration",
            "/api/v1/%61dmin/incidents",
            "/en/api/v1/admin/incidents",
            "/admin-x",
            "/administration",
            "/%61dmin",
            "/en/admin",
            "/ADMIN",
        ] {
            assert!(!is_meant(path), "{path}");
        }
    }
}
