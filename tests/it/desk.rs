//! The desk of editors: its pages from a visit and the interface's answers, and the whole of it on a
//! running program.

mod audit;
mod browser;
mod components;
mod incidents;
mod maintenance;
pub(crate) mod operations;
mod pages;
mod refusals;
pub(crate) mod running;
mod scopes;
mod sessions;

use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, LazyLock, Mutex};
use std::task::Poll;

use serde_json::{Value, json};
use turmwacht::desk::form::Form;
use turmwacht::desk::{Ask, Asking, Reply, Telling, Told, Visit, visit};
use turmwacht::model::access::{Editor, Role};
use turmwacht::model::id::OrganisationId;
use turmwacht::model::snapshot::Snapshot;
use turmwacht::replay::replay;
use turmwacht::scenario::Scenario;

/// What the public reads at the end of a story.
fn snapshot() -> Arc<Snapshot> {
    static STORY: LazyLock<Arc<Snapshot>> =
        LazyLock::new(|| Arc::new(replay(&Scenario::load("hattingen-2023").unwrap()).snapshot));
    Arc::clone(&STORY)
}

fn editor(role: Role, organisations: &[&str]) -> Editor {
    Editor {
        token: "abcdefgh".to_owned(),
        label: "Rathaus".to_owned(),
        role,
        organisations: organisations.iter().map(|id| OrganisationId::new(*id)).collect(),
    }
}

/// A visit of somebody who edits for Hattingen.
fn asks(path: &str, query: &[(&str, &str)]) -> Visit {
    Visit {
        editor: editor(Role::Editor, &["hattingen"]),
        snapshot: snapshot(),
        csrf: "csrf-word".to_owned(),
        nonce: "nonce-word".to_owned(),
        path: path.to_owned(),
        query: form(query),
        sent: None,
    }
}

/// The same with a form.
fn sends(path: &str, fields: &[(&str, &str)]) -> Visit {
    Visit { sent: Some(form(fields)), ..asks(path, &[]) }
}

fn form(fields: &[(&str, &str)]) -> Form {
    Form::of(fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
}

/// An interface that answers as a function says, and notes what it is asked.
struct Interface<F> {
    answer: F,
    asked: Mutex<Vec<Asking>>,
}

impl<F: Fn(&Asking) -> Told + Send + Sync> Interface<F> {
    fn new(answer: F) -> Self {
        Self { answer, asked: Mutex::default() }
    }

    /// What was asked for beside what was only read.
    fn changes(&self) -> Vec<Asking> {
        self.asked.lock().unwrap().iter().filter(|asking| asking.method != "GET").cloned().collect()
    }
}

impl<F: Fn(&Asking) -> Told + Send + Sync> Ask for Interface<F> {
    fn ask(&self, asking: Asking) -> Telling<'_> {
        let told = (self.answer)(&asking);
        self.asked.lock().unwrap().push(asking);
        Box::pin(async move { told })
    }
}

fn told(status: u16, body: Value) -> Told {
    Told { status, etag: Some("\"7\"".to_owned()), body }
}

fn refused(status: u16, pointer: &str, detail: &str) -> Told {
    let errors = if pointer.is_empty() { json!([]) } else { json!([{ "pointer": pointer, "detail": detail }]) };
    told(status, json!({ "title": "no", "status": status, "detail": detail, "errors": errors }))
}

/// The page that a visit gets. Nothing in it waits.
fn page(visited: &Visit, ask: &dyn Ask) -> Reply {
    let mut answer = pin!(visit(visited, ask));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(poll_fn(|context| match answer.as_mut().poll(context) {
        Poll::Ready(reply) => Poll::Ready(reply),
        Poll::Pending => panic!("an answer that is there is waited for"),
    }))
}

/// The value of a hidden field of a page.
#[track_caller]
fn hidden(page: &str, name: &str) -> String {
    let begin = format!("name=\"{name}\" value=\"");
    let (_, rest) = page.split_once(&begin).unwrap_or_else(|| panic!("no field {name}: {page}"));
    rest.split_once('"')
        .unwrap()
        .0
        .replace("&quot;", "\"")
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&")
}
