//! The desk of editors, `/admin`: pages and forms that work on a phone, without JavaScript, for
//! people who are no administrators.
//!
//! The desk is a client of the editors' interface, as the commands in a terminal are: what the public
//! may know it reads from the snapshot in force, everything else it asks the interface for, and
//! whatever it changes it asks for there, too. So nobody can do here what their token may not do, and
//! the audit log tells of both alike. It knows neither sockets nor sessions: `server` has found
//! out who visits, and that a form is one of ours, before a visit gets here.
//!
//! Each page is a function of a [`Visit`] and of the answers to what it asks; there is no state between
//! two visits but what stands in the forms.

pub mod audit;
mod choice;
pub mod component;
pub mod components;
pub mod field;
pub mod form;
mod incident;
pub mod maintenance;
pub mod operations;
mod overview;
pub mod page;
mod publishing;
mod reading;
pub mod refusal;
pub mod scope;
pub mod signin;
mod template;
mod time;
pub mod ways;
mod words;

use std::pin::Pin;
use std::sync::Arc;

use serde_json::Value;

use crate::desk::form::Form;
use crate::model::access::Editor;
use crate::model::snapshot::Snapshot;

/// The path of the desk; everything below it is the desk's.
pub const PREFIX: &str = "/admin";

/// One request of a visitor who is signed in.
#[derive(Debug, Clone)]
pub struct Visit {
    /// Who visits.
    pub editor: Editor,
    /// What the public reads at the moment.
    pub snapshot: Arc<Snapshot>,
    /// Stands in each form as a hidden field, so that no page of others can send one.
    pub csrf: String,
    /// A fresh random word: what a form of this page is known by when it is sent twice.
    pub nonce: String,
    /// The path below [`PREFIX`], decoded, without a slash at its end; empty for the first page.
    pub path: String,
    /// The parameters of the query.
    pub query: Form,
    /// The fields of the form that is sent; `None` if a page is only asked for.
    pub sent: Option<Form>,
}

/// A question to the editors' interface, in the visitor's name.
#[derive(Debug, Clone, PartialEq)]
pub struct Asking {
    /// The method.
    pub method: &'static str,
    /// The path below `/api/v1/admin`, beginning with a slash; `/audit` may have a query.
    pub path: String,
    /// Whether only to show what would come of it.
    pub dry_run: bool,
    /// `If-Match`.
    pub if_match: Option<String>,
    /// `Idempotency-Key`: of a form that is sent twice only one counts.
    pub idempotency_key: Option<String>,
    /// The body, JSON.
    pub body: Option<Value>,
}

impl Asking {
    /// A question that changes nothing.
    pub fn get(path: impl Into<String>) -> Self {
        Self::new("GET", path, None)
    }

    /// A question with a body.
    pub fn new(method: &'static str, path: impl Into<String>, body: Option<Value>) -> Self {
        Self { method, path: path.into(), dry_run: false, if_match: None, idempotency_key: None, body }
    }
}

/// What the interface answers: a problem (RFC 9457) from 400 on.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    /// The HTTP status.
    pub status: u16,
    /// The `ETag`, if there is one.
    pub etag: Option<String>,
    /// The body.
    pub body: Value,
}

impl Told {
    /// Whether it was done, or may be read.
    pub fn is_well(&self) -> bool {
        self.status < 400
    }
}

/// An answer that is on its way.
pub type Telling<'a> = Pin<Box<dyn Future<Output = Told> + Send + 'a>>;

/// The way to the editors' interface, in the name of one visitor.
pub trait Ask: Send + Sync {
    /// Asks. If nobody answers in time, that is a problem, too.
    fn ask(&self, asking: Asking) -> Telling<'_>;
}

/// What a visitor gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// Where to go on (303), a path.
    pub location: Option<String>,
    /// The page, HTML.
    pub body: String,
}

impl Reply {
    /// A page.
    pub fn page(status: u16, body: String) -> Self {
        Self { status, location: None, body }
    }

    /// The way on after a form was carried out: asking for a page again then sends nothing again.
    pub fn see(path: impl Into<String>) -> Self {
        Self { status: 303, location: Some(path.into()), body: String::new() }
    }
}

/// Longest id in a path; ours are shorter.
const ID_LENGTH_MAX: usize = 200;

/// Answers a visit.
pub async fn visit(visit: &Visit, ask: &dyn Ask) -> Reply {
    let segments: Vec<&str> = visit.path.split('/').filter(|segment| !segment.is_empty()).collect();
    match segments.as_slice() {
        [] => overview::answer(visit, ask).await,
        ["incidents", rest @ ..] => incident::answer(visit, ask, rest).await,
        ["components"] => components::list(visit, ask).await,
        ["components", id] if is_id(id) => component::visit(visit, ask, id, None).await,
        ["components", id, action] if is_id(id) => component::visit(visit, ask, id, Some(action)).await,
        ["maintenance", rest @ ..] if rest.first().is_none_or(|id| is_id(id)) => {
            maintenance::visit(visit, ask, rest).await
        }
        ["operations"] => operations::show(visit, ask).await,
        ["operations", "test"] => operations::messages::test(visit, ask).await,
        ["audit"] => audit::list(visit, ask).await,
        _ => page::not_found(visit),
    }
}

/// Whether something can be an id, and so may stand in a path of the interface.
fn is_id(id: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'.';
    (1..=ID_LENGTH_MAX).contains(&id.len()) && id.bytes().all(is_part)
}
