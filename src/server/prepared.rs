//! Answers that are ready to go: for each document of the epoch its headers and its bytes.
//!
//! The table belongs to the server's thread, so that the usual request takes no lock and builds
//! no header; it is emptied whenever `Documents` says that something in it may be out of date.

use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{
    ACCEPT_ENCODING, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, CACHE_CONTROL, CONTENT_ENCODING,
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HeaderName, IF_NONE_MATCH, REFERRER_POLICY, VARY,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use prometheus::IntCounter;

use crate::publish::NO_CONTENT_POLICY;
use crate::publish::documents::{Documents, Encoding, Stored};
use crate::server::body::Body;
use crate::server::negotiate::{self, Known};

/// Answers kept; one more empties the table.
const PREPARED_MAX: usize = 4096;

const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

thread_local! {
    static TABLE: RefCell<Table> = RefCell::new(Table { version: 0, prepared: HashMap::new() });
}

struct Table {
    version: u64,
    prepared: HashMap<Box<str>, Rc<Prepared>>,
}

/// A document as an answer.
pub(super) struct Prepared {
    key: Box<str>,
    stored: Arc<Stored>,
    /// Whether it may be given out again, so that an encoding is worth its while.
    is_kept: bool,
    identity: HeaderMap,
    brotli: OnceCell<HeaderMap>,
    zstd: OnceCell<HeaderMap>,
    gzip: OnceCell<HeaderMap>,
    whole: IntCounter,
    unchanged: IntCounter,
}

/// The answer that is kept under a key and still current.
pub(super) fn find(documents: &Documents, key: &str) -> Option<Rc<Prepared>> {
    let version = documents.version();
    TABLE.with_borrow_mut(|table| {
        if table.version != version {
            table.prepared.clear();
            table.version = version;
        }
        table.prepared.get(key).map(Rc::clone)
    })
}

/// Keeps an answer. `version` is that of the documents before the look-up: if it has changed
/// since, the next [`find`] empties the table.
pub(super) fn keep(version: u64, prepared: &Rc<Prepared>) {
    TABLE.with_borrow_mut(|table| {
        if table.version == version {
            if table.prepared.len() >= PREPARED_MAX {
                table.prepared.clear();
            }
            table.prepared.insert(prepared.key.clone(), Rc::clone(prepared));
        }
    });
}

impl Prepared {
    pub(super) fn new(
        key: &str,
        stored: Arc<Stored>,
        is_kept: bool,
        whole: IntCounter,
        unchanged: IntCounter,
    ) -> Rc<Self> {
        Rc::new(Self {
            key: key.into(),
            identity: headers(&stored, None),
            stored,
            is_kept,
            brotli: OnceCell::new(),
            zstd: OnceCell::new(),
            gzip: OnceCell::new(),
            whole,
            unchanged,
        })
    }

    /// The answer to a request with these headers.
    pub(super) fn response(&self, documents: &Documents, asked: &HeaderMap) -> Response<Body> {
        self.stored.touch();
        if let Some(tags) = asked.get(IF_NONE_MATCH).and_then(|value| value.to_str().ok())
            && let Some(known) = negotiate::known(tags, &self.stored.digest)
        {
            self.unchanged.inc();
            return self.not_modified(known);
        }
        self.whole.inc();
        let encoded = asked
            .get(ACCEPT_ENCODING)
            .and_then(|value| value.to_str().ok())
            .and_then(|accepted| negotiate::encoding(accepted, |encoding| self.stored.offers(encoding)))
            .and_then(|encoding| self.encoded(documents, encoding));
        let (headers, bytes) = encoded.unwrap_or((&self.identity, &self.stored.body));
        let mut response = Response::new(Body::from(Bytes::clone(bytes)));
        *response.headers_mut() = headers.clone();
        response
    }

    /// A variant, if it is ready; else it is asked for, for later.
    fn encoded(&self, documents: &Documents, encoding: Encoding) -> Option<(&HeaderMap, &Bytes)> {
        let Some(bytes) = self.stored.encoded(encoding) else {
            if self.is_kept {
                documents.want(&self.key, &self.stored, encoding);
            }
            return None;
        };
        let slot = match encoding {
            Encoding::Brotli => &self.brotli,
            Encoding::Zstd => &self.zstd,
            Encoding::Gzip => &self.gzip,
        };
        let headers = slot.get_or_init(|| {
            let mut headers = self.identity.clone();
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static(encoding.token()));
            headers.insert(ETAG, etag(&self.stored, Some(encoding)));
            headers
        });
        Some((headers, bytes))
    }

    fn not_modified(&self, known: Known) -> Response<Body> {
        let mut response = Response::new(Body::EMPTY);
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        let headers = response.headers_mut();
        let tag = match known {
            Known::Any | Known::Identity => etag(&self.stored, None),
            Known::Variant(encoding) => etag(&self.stored, Some(encoding)),
        };
        headers.insert(ETAG, tag);
        headers.insert(CACHE_CONTROL, HeaderValue::from_static(self.stored.cache_control));
        headers.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
        open_to_all(headers);
        response
    }
}

fn headers(stored: &Stored, encoding: Option<Encoding>) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(16);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(stored.content_type));
    headers.insert(ETAG, etag(stored, encoding));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(stored.cache_control));
    headers.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
    open_to_all(&mut headers);
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(CONTENT_SECURITY_POLICY, policy(&stored.policy));
    headers
}

/// What lets pages of any origin read and load it, under whatever policy they isolate themselves.
/// They may also learn how old it is by our clock, because a visitor's may be wrong.
fn open_to_all(headers: &mut HeaderMap) {
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("age, date"));
    headers.insert(CROSS_ORIGIN_RESOURCE_POLICY, HeaderValue::from_static("cross-origin"));
}

/// A content security policy as a header; the strictest, if it were none.
fn policy(policy: &str) -> HeaderValue {
    HeaderValue::from_str(policy).unwrap_or_else(|_| HeaderValue::from_static(NO_CONTENT_POLICY))
}

fn etag(stored: &Stored, encoding: Option<Encoding>) -> HeaderValue {
    let tag = match encoding {
        None => format!("\"{}\"", stored.digest),
        Some(encoding) => format!("\"{}-{}\"", stored.digest, encoding.token()),
    };
    HeaderValue::try_from(tag).expect("hex digits, a hyphen and letters between quotes")
}
