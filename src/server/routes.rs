//! What a request gets: first the prepared answers, then the documents, and the few routes of
//! operation through a router.
//!
//! The order of refusals: method, body, host, length and spelling of the path, existence.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::response::IntoResponse;
use axum::routing::get;
use http::header::{
    ACCEPT, ACCEPT_ENCODING, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_MAX_AGE, ALLOW, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION,
    VARY, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version};
use hyper::body::{Body as _, Incoming};
use ipnet::IpNet;
use prometheus::IntCounterVec;
use tokio::sync::oneshot;
use tokio::time::timeout;
use tower_service::Service as _;

use crate::publish::documents::{self, Answer, Documents, Encoding, Lookup, Stored};
use crate::publish::{self, NO_CONTENT_POLICY, Target, is_kept};
use crate::server::accept::network;
use crate::server::admin::{self, Answered};
use crate::server::body::Body;
use crate::server::connection::Connection;
use crate::server::error::Problem;
use crate::server::events::{self, Streams, Wanted};
use crate::server::health::Health;
use crate::server::negotiate;
use crate::server::prepared::{self, Prepared};
use crate::server::request::{self, Asked};
use crate::server::scrape::Scrapes;

/// The routes of operation; they answer under any host, because machines ask by address.
const OPERATION: [&str; 3] = ["/healthz", "/readyz", "/metrics"];

/// The closed word under which a path is counted.
fn route_label(path: &str) -> &'static str {
    if OPERATION.contains(&path) {
        "operation"
    } else if events::is_meant(path) {
        events::LABEL
    } else {
        publish::route_label(path)
    }
}

/// The hosts that we answer for.
#[derive(Debug, Clone, Default)]
pub(super) struct Hosts {
    site: Vec<String>,
    organisations: HashMap<String, String>,
}

impl Hosts {
    /// The host of `public_url`, the site's and organisations' own, and if `public_url` is
    /// loopback every spelling of it and the address we listen on.
    pub(super) fn new(public_url: &str, listen: SocketAddr, named: &[(String, Option<String>)]) -> Self {
        let mut hosts = Self::default();
        let authority = public_url.split_once("://").map_or(public_url, |(_, rest)| rest);
        let authority = authority.split(['/', '?', '#']).next().unwrap_or_default();
        if let Some(name) = request::host_name(authority) {
            let literal = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
            if name.eq_ignore_ascii_case("localhost") || literal.is_ok_and(|address| address.is_loopback()) {
                hosts.site.extend(["localhost", "127.0.0.1", "[::1]"].map(str::to_owned));
                hosts.site.push(match listen.ip() {
                    IpAddr::V4(address) => address.to_string(),
                    IpAddr::V6(address) => format!("[{address}]"),
                });
            }
            hosts.site.insert(0, name.to_ascii_lowercase());
        }
        for (name, organisation) in named {
            let Some(name) = request::host_name(name).map(str::to_ascii_lowercase) else { continue };
            match organisation {
                Some(organisation) => drop(hosts.organisations.insert(name, organisation.clone())),
                None => hosts.site.push(name),
            }
        }
        hosts.site.dedup();
        hosts
    }

    /// Whose host this is: the site's, an organisation's, or none of ours.
    pub(super) fn whose(&self, name: Option<&str>) -> Result<Option<&str>, Problem> {
        let Some(name) = name else { return Ok(None) };
        if self.site.iter().any(|host| host.eq_ignore_ascii_case(name)) {
            return Ok(None);
        }
        match self.organisations.get(&name.to_ascii_lowercase()) {
            Some(organisation) => Ok(Some(organisation)),
            None => Err(Problem::Misdirected),
        }
    }
}

/// What stands behind a listener.
pub(super) struct Site {
    /// `None` on the operator's and the editors' listeners: no documents there.
    pub(super) public: Option<Public>,
    /// `None` on the editors' listener.
    pub(super) operation: Option<Router>,
    /// `None` where there is no editors' interface.
    pub(super) admin: Option<admin::Place>,
}

/// The public part.
pub(super) struct Public {
    pub(super) documents: Arc<Documents>,
    pub(super) hosts: Hosts,
    pub(super) requests: IntCounterVec,
    /// Longest wait for a document to be rendered.
    pub(super) render_wait: Duration,
    /// Whose `X-Forwarded-For` is believed.
    pub(super) trusted_proxies: Vec<IpNet>,
    /// Those who follow along.
    pub(super) streams: Arc<Streams>,
}

/// Answers the requests of one connection.
pub(super) struct Service {
    site: Arc<Site>,
    connection: Arc<Connection>,
}

/// An answer, now or later.
enum Outcome {
    Now(Response<Body>),
    Later(Pin<Box<dyn Future<Output = Response<Body>> + Send>>),
}

/// The answer to a request; a panic on the way becomes a 500.
pub(super) struct Answering {
    outcome: Option<Outcome>,
    connection: Option<Arc<Connection>>,
}

impl Service {
    pub(super) const fn new(site: Arc<Site>, connection: Arc<Connection>) -> Self {
        Self { site, connection }
    }
}

impl hyper::service::Service<Request<Incoming>> for Service {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answering;

    fn call(&self, request: Request<Incoming>) -> Answering {
        let outcome = catch_unwind(AssertUnwindSafe(|| answer(&self.site, &self.connection, request)))
            .unwrap_or_else(|_| Outcome::Now(panicked()));
        match outcome {
            Outcome::Now(ref response) => {
                if matches!(response.body(), Body::Events(_)) {
                    self.connection.streams();
                } else {
                    self.connection.answered();
                }
                Answering { outcome: Some(outcome), connection: None }
            }
            Outcome::Later(_) => {
                self.connection.asked();
                Answering { outcome: Some(outcome), connection: Some(Arc::clone(&self.connection)) }
            }
        }
    }
}

impl Future for Answering {
    type Output = Result<Response<Body>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let response = match self.outcome.take() {
            Some(Outcome::Now(response)) => response,
            Some(Outcome::Later(mut later)) => match catch_unwind(AssertUnwindSafe(|| later.as_mut().poll(context))) {
                Ok(Poll::Ready(response)) => response,
                Ok(Poll::Pending) => {
                    self.outcome = Some(Outcome::Later(later));
                    return Poll::Pending;
                }
                Err(_) => panicked(),
            },
            // Polled after it was ready, which hyper does not do.
            None => panicked(),
        };
        if let Some(connection) = self.connection.take() {
            connection.answered();
        }
        Poll::Ready(Ok(response))
    }
}

fn panicked() -> Response<Body> {
    tracing::error!("answering a request panicked; it was answered with 500");
    Problem::Internal.response(false, "en")
}

/// Answers at once what is prepared or refused, the rest later.
fn answer(site: &Arc<Site>, connection: &Arc<Connection>, request: Request<Incoming>) -> Outcome {
    if let Some(admin) = &site.admin
        && admin::is_meant(request.uri().path())
    {
        return match admin.answer(connection.address, request) {
            Answered::Now(response) => Outcome::Now(response),
            Answered::Later(response) => Outcome::Later(response),
        };
    }
    match admitted(site, &request) {
        Ok(organisation) => {
            let path = request.uri().path();
            if let (Some(public), None, None) = (&site.public, organisation, request.uri().query())
                && let Some(prepared) = prepared::find(&public.documents, path)
            {
                return Outcome::Now(prepared.response(&public.documents, request.headers()));
            }
            if let (Some(operation), true) = (&site.operation, OPERATION.contains(&path)) {
                return operate(site, operation.clone(), request);
            }
            let organisation = organisation.map(str::to_owned);
            document(site, connection, request, organisation.as_deref())
        }
        Err(problem) => refuse(site, &request, &problem),
    }
}

/// Whether the request may be looked at, and on whose host.
fn admitted<'a>(site: &'a Site, request: &Request<Incoming>) -> Result<Option<&'a str>, Problem> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return Err(Problem::MethodNotAllowed);
    }
    if !request.body().is_end_stream() {
        return Err(Problem::BodyRefused);
    }
    let Some(public) = &site.public else { return Ok(None) };
    let whose = request::host(request).and_then(|name| public.hosts.whose(name));
    if whose.is_err() && OPERATION.contains(&request.uri().path()) { Ok(None) } else { whose }
}

/// A document: prepared, rendered or still to be rendered.
fn document(
    site: &Arc<Site>,
    connection: &Arc<Connection>,
    request: Request<Incoming>,
    organisation: Option<&str>,
) -> Outcome {
    let Some(public) = &site.public else { return refuse(site, &request, &Problem::NotFound) };
    let uri = request.uri();
    let snapshot = public.documents.current();
    let languages = snapshot.as_ref().map_or(&[][..], |snapshot| &snapshot.catalogue.site.languages);
    let target = match request::asked(uri.path(), uri.query(), organisation, languages, events::known) {
        Ok(Asked::Target(target)) => target,
        Ok(Asked::WithoutSlash(to)) => return Outcome::Now(public.moved(route_label(uri.path()), &to)),
        Err(problem) => return refuse(site, &request, &problem),
    };
    if events::is_meant(&target.path) {
        let outcome = public.follow(&target, &request, connection);
        return outcome.unwrap_or_else(|problem| refuse(site, &request, &problem));
    }
    let key = documents::key(&target);
    if let Some(prepared) = prepared::find(&public.documents, &key) {
        return Outcome::Now(prepared.response(&public.documents, request.headers()));
    }
    let version = public.documents.version();
    let asked = target.clone();
    match public.documents.get(target) {
        Lookup::Ready(stored) => {
            let prepared = public.prepare(version, &key, &asked, stored);
            Outcome::Now(prepared.response(&public.documents, request.headers()))
        }
        Lookup::Wait(rendering) => {
            let site = Arc::clone(site);
            Outcome::Later(Box::pin(async move { rendered(&site, &request, &key, &asked, version, rendering).await }))
        }
        Lookup::Busy => refuse(site, &request, &Problem::Busy),
        Lookup::NotReady => refuse(site, &request, &Problem::NotReady),
    }
}

async fn rendered(
    site: &Site,
    request: &Request<Incoming>,
    key: &str,
    target: &Target,
    version: u64,
    rendering: oneshot::Receiver<Answer>,
) -> Response<Body> {
    let Some(public) = &site.public else { return Problem::NotFound.response(false, "en") };
    let problem = match timeout(public.render_wait, rendering).await {
        Ok(Ok(Answer::Document(stored))) => {
            let prepared = public.prepare(version, key, target, stored);
            return prepared.response(&public.documents, request.headers());
        }
        Ok(Ok(Answer::Moved(to))) => return public.moved(route_label(&target.path), &to),
        Ok(Ok(Answer::Gone)) => Problem::Gone,
        Ok(Ok(Answer::BadRequest(why))) => Problem::BadRequest(why),
        Ok(Ok(Answer::NotFound)) => Problem::NotFound,
        Ok(Ok(Answer::Unavailable)) => Problem::Unavailable,
        Ok(Ok(Answer::Failed) | Err(_)) => Problem::Internal,
        Err(_) => Problem::Busy,
    };
    refused(site, request, &problem)
}

fn refuse(site: &Site, request: &Request<Incoming>, problem: &Problem) -> Outcome {
    if *problem == Problem::MethodNotAllowed
        && request.method() == Method::OPTIONS
        && let Some(public) = &site.public
    {
        return Outcome::Now(public.options(request.body().is_end_stream()));
    }
    Outcome::Now(refused(site, request, problem))
}

fn refused(site: &Site, request: &Request<Incoming>, problem: &Problem) -> Response<Body> {
    let path = request.uri().path();
    let accept = request.headers().get(ACCEPT).and_then(|value| value.to_str().ok());
    let snapshot = site.public.as_ref().and_then(|public| public.documents.current());
    let languages = snapshot.as_ref().map_or(&[][..], |snapshot| &snapshot.catalogue.site.languages);
    let (prefix, _) = request::split_language(path, languages);
    let prefix = prefix.trim_start_matches('/');
    let language = languages.iter().find(|language| &***language == prefix).or_else(|| languages.first());
    let language = language.map_or("de", |language| language);
    let links = snapshot.as_ref().map(|snapshot| &snapshot.catalogue.site.links);
    let mut response = problem.response_of(negotiate::wants_page(accept, path), language, links);
    if !request.body().is_end_stream() {
        response.headers_mut().insert(http::header::CONNECTION, HeaderValue::from_static("close"));
    }
    if let Some(public) = &site.public {
        // A path that leads nowhere is counted under no name that its sender could choose.
        let route = if response.status() == StatusCode::NOT_FOUND { "none" } else { route_label(path) };
        public.count(route, response.status());
    } else {
        response.headers_mut().remove(ACCESS_CONTROL_ALLOW_ORIGIN);
    }
    response
}

impl Public {
    fn count(&self, route: &'static str, status: StatusCode) {
        self.requests.with_label_values(&[route, status.as_str()]).inc();
    }

    /// The stream of events, or where it is.
    fn follow(
        &self,
        target: &Target,
        request: &Request<Incoming>,
        connection: &Arc<Connection>,
    ) -> Result<Outcome, Problem> {
        let snapshot = self.documents.current().ok_or(Problem::NotReady)?;
        let response = match events::wanted(&snapshot, target, request.headers())? {
            Wanted::Moved(to) => return Ok(Outcome::Now(self.moved(events::LABEL, &to))),
            Wanted::Stream(audience, last) => {
                let client = request::client(connection.address, request.headers(), &self.trusted_proxies);
                self.streams.open(&audience, last, request.method(), connection, network(client))?
            }
        };
        self.count(events::LABEL, StatusCode::OK);
        Ok(Outcome::Now(response))
    }

    fn prepare(&self, version: u64, key: &str, target: &Target, stored: Arc<Stored>) -> Rc<Prepared> {
        let route = route_label(&target.path);
        let whole = self.requests.with_label_values(&[route, "200"]);
        let unchanged = self.requests.with_label_values(&[route, "304"]);
        let is_kept = is_kept(target);
        let prepared = Prepared::new(key, stored, is_kept, whole, unchanged);
        if is_kept {
            prepared::keep(version, &prepared);
        }
        prepared
    }

    fn moved(&self, route: &'static str, to: &str) -> Response<Body> {
        let Ok(location) = HeaderValue::try_from(to) else { return Problem::Internal.response(false, "en") };
        let mut response = Response::new(Body::EMPTY);
        *response.status_mut() = StatusCode::PERMANENT_REDIRECT;
        let headers = response.headers_mut();
        headers.insert(LOCATION, location);
        // Languages and names may change.
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        self.count(route, StatusCode::PERMANENT_REDIRECT);
        response
    }

    /// Also the answer to a browser that asks before it reads from another origin.
    fn options(&self, without_body: bool) -> Response<Body> {
        let mut response = Response::new(Body::EMPTY);
        *response.status_mut() = StatusCode::NO_CONTENT;
        let headers = response.headers_mut();
        for (name, value) in [
            (ALLOW, "GET, HEAD, OPTIONS"),
            (ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
            (ACCESS_CONTROL_ALLOW_METHODS, "GET, HEAD"),
            (ACCESS_CONTROL_ALLOW_HEADERS, "*"),
            (ACCESS_CONTROL_MAX_AGE, "86400"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        if !without_body {
            headers.insert(http::header::CONNECTION, HeaderValue::from_static("close"));
        }
        self.count("options", StatusCode::NO_CONTENT);
        response
    }
}

/// What the routes of operation look at.
pub(super) struct Operation {
    pub(super) documents: Arc<Documents>,
    pub(super) health: Arc<Health>,
    pub(super) scrapes: Arc<Scrapes>,
}

/// The router of the routes of operation.
pub(super) fn operation(documents: Arc<Documents>, health: Arc<Health>, scrapes: Arc<Scrapes>) -> Router {
    Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics_text))
        .with_state(Arc::new(Operation { documents, health, scrapes }))
}

fn operate(site: &Arc<Site>, mut operation: Router, request: Request<Incoming>) -> Outcome {
    let site = Arc::clone(site);
    let path = request.uri().path().to_owned();
    // Bodies have been refused, so the router gets none.
    let request = request.map(|_| axum::body::Body::empty());
    let routed = operation.call(request);
    Outcome::Later(Box::pin(async move {
        let mut response = match routed.await {
            Ok(response) => response.map(Body::Routed),
            Err(never) => match never {},
        };
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(NO_CONTENT_POLICY));
        if let Some(public) = &site.public {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
            public.count(route_label(&path), response.status());
        }
        response
    }))
}

async fn healthz(State(operation): State<Arc<Operation>>) -> impl IntoResponse {
    let plain = [(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"))];
    if operation.health.is_alive() {
        (StatusCode::OK, plain, "ok\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, plain, "the engine's loop does not run\n")
    }
}

async fn readyz(State(operation): State<Arc<Operation>>) -> impl IntoResponse {
    let (status, text) = match operation.documents.current() {
        Some(snapshot) => {
            let words: Vec<&str> = snapshot.health.iter().map(|word| word.as_str()).collect();
            (StatusCode::OK, serde_json::json!({ "status": "ready", "words": words }))
        }
        None => (StatusCode::SERVICE_UNAVAILABLE, serde_json::json!({ "status": "starting", "words": [] })),
    };
    (status, [(CONTENT_TYPE, HeaderValue::from_static("application/json"))], text.to_string())
}

async fn metrics_text(
    State(operation): State<Arc<Operation>>,
    method: Method,
    version: Version,
    headers: HeaderMap,
) -> impl IntoResponse {
    scraped(&operation.scrapes, &method, version, &headers).await
}

/// The metrics as a scraper wants them.
pub(super) async fn scraped(
    scrapes: &Arc<Scrapes>,
    method: &Method,
    version: Version,
    headers: &HeaderMap,
) -> Response<axum::body::Body> {
    let field = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let openmetrics = negotiate::wants_openmetrics(field(ACCEPT));
    let gzip = field(ACCEPT_ENCODING)
        .is_some_and(|accepted| negotiate::encoding(accepted, |offered| offered == Encoding::Gzip).is_some());
    // HEAD tells the length. HTTP/1.0 has no other way to tell a broken answer from a whole one.
    let whole = *method == Method::HEAD || version < Version::HTTP_11;
    let Some(scraped) = scrapes.get(openmetrics, gzip, whole).await else {
        return (StatusCode::SERVICE_UNAVAILABLE, "the metrics could not be written\n").into_response();
    };
    let content_type = if openmetrics {
        "application/openmetrics-text; version=1.0.0; charset=utf-8"
    } else {
        "text/plain; version=0.0.4; charset=utf-8"
    };
    let mut response = axum::body::Body::new(scraped).into_response();
    if gzip {
        response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static(Encoding::Gzip.token()));
    }
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response.headers_mut().insert(VARY, HeaderValue::from_static("Accept, Accept-Encoding"));
    response
}
