//! The way from the desk to the editors' interface: what a page asks for goes where a request over
//! HTTP would go, in the visitor's name and under the same limits.

use std::sync::Arc;

use http::Method;
use serde_json::Value;

use crate::desk::{Ask, Asking, Telling, Told};
use crate::editing;
use crate::model::access::Editor;
use crate::server::admin::entrance::{Fields, Target, is_key};
use crate::server::admin::journal::What;
use crate::server::admin::refusal::Refusal;
use crate::server::admin::{Entered, Interface};
use crate::server::desk::AdminReply;

/// Asks in the name of one visitor.
pub(super) struct Asker {
    pub(super) interface: Arc<Interface>,
    pub(super) editor: Editor,
}

impl Ask for Asker {
    fn ask(&self, asking: Asking) -> Telling<'_> {
        Box::pin(async move {
            match self.carry_out(asking).await {
                Ok(reply) => told(reply),
                Err(refusal) => told(refusal.reply()),
            }
        })
    }
}

impl Asker {
    async fn carry_out(&self, asking: Asking) -> Result<AdminReply, Refusal> {
        let turn = Arc::clone(&self.interface.in_progress).try_acquire_owned().map_err(|_| Refusal::Busy)?;
        let (path, query) = match asking.path.split_once('?') {
            Some((path, query)) => (path.to_owned(), Some(query)),
            None => (asking.path.clone(), None),
        };
        let method = Method::from_bytes(asking.method.as_bytes()).map_err(|_| Refusal::NoSuchPath)?;
        self.interface.may_ask(&self.editor, What { action: method.as_str(), subject: &path }).await?;
        let mut target = Target::read(&method, path, query)?;
        target.dry_run |= asking.dry_run;
        if asking.idempotency_key.as_deref().is_some_and(|key| !is_key(key)) {
            return Err(Refusal::Field("`Idempotency-Key` is one field of 1 to 255 visible ASCII characters"));
        }
        let reads = target.method == "GET";
        let fields = Fields { if_match: asking.if_match, idempotency_key: asking.idempotency_key.filter(|_| !reads) };
        let body = asking.body.map(|body| body.to_string().into_bytes()).unwrap_or_default();
        if body.len() > editing::BODY_BYTES_MAX {
            return Err(Refusal::TooLarge);
        }
        self.interface.carry_out(Entered { editor: self.editor.clone(), target, fields, turn }, body).await
    }
}

fn told(reply: AdminReply) -> Told {
    let etag = reply.headers.into_iter().find(|(name, _)| name.eq_ignore_ascii_case("etag")).map(|(_, tag)| tag);
    Told { status: reply.status, etag, body: serde_json::from_slice(&reply.body).unwrap_or(Value::Null) }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::time::Duration;

    use serde_json::json;
    use tokio::sync::mpsc;

    use super::*;
    use crate::model::access::{AuditRecord, Role, StoredAnswer};
    use crate::model::id::OrganisationId;
    use crate::publish::Rendered;
    use crate::publish::documents::{DocumentSettings, Documents};
    use crate::server::admin::{Admin, Authenticate, Limits};
    use crate::server::desk::{AdminRequest, Asked};
    use crate::server::routes::Hosts;
    use crate::server::scrape::Scrapes;
    use crate::telemetry::Metrics;

    #[derive(Default)]
    struct Store {
        answers: Mutex<Vec<StoredAnswer>>,
        audits: Mutex<Vec<(Option<i64>, u32)>>,
    }

    impl Authenticate for Store {
        fn authenticate(&self, _: &str) -> Result<Option<Editor>, String> {
            Ok(None)
        }

        fn standing(&self, _: &str) -> Result<Option<Editor>, String> {
            Ok(None)
        }

        fn answer(&self, token: &str, key: &str) -> Result<Option<StoredAnswer>, String> {
            let answers = self.answers.lock().unwrap();
            Ok(answers.iter().find(|answer| answer.token == token && answer.key == key).cloned())
        }

        fn audit(&self, before: Option<i64>, limit: u32) -> Result<Value, String> {
            self.audits.lock().unwrap().push((before, limit));
            Ok(json!({ "audit": [] }))
        }

        fn record(&self, _: &AuditRecord) -> Result<(), String> {
            Ok(())
        }
    }

    /// Somebody at the desk, with a loop that is the test.
    fn asker(role: Role, organisations: &[&str], waiting: usize) -> (Asker, Arc<Store>, mpsc::Receiver<Asked>) {
        let store = Arc::new(Store::default());
        let (desk, asked) = mpsc::channel(waiting);
        let admin = Admin {
            tokens: Arc::clone(&store) as Arc<dyn Authenticate>,
            desk,
            listen: None,
            trusted_proxies: Vec::new(),
            oidc: None,
        };
        let documents = Documents::start(DocumentSettings::default(), Arc::new(|_, _| Rendered::NotFound)).unwrap();
        let limits =
            Limits { pause: Duration::from_secs(1), body: Duration::from_secs(1), reply: Duration::from_millis(100) };
        let (scrapes, requests) = (Scrapes::new(Arc::new(|_, _, _| {})), Metrics::new().unwrap().http_requests);
        let interface =
            Interface::new(&admin, Hosts::default(), "http://localhost", documents, scrapes, requests, limits).unwrap();
        let editor = Editor {
            token: "abcdefgh".to_owned(),
            label: "Presse".to_owned(),
            role,
            organisations: organisations.iter().map(|id| OrganisationId::new(*id)).collect(),
        };
        (Asker { interface: Arc::new(interface), editor }, store, asked)
    }

    /// Asks, and lets the loop reply this.
    async fn replied(asker: &Asker, asked: &mut mpsc::Receiver<Asked>, asking: Asking) -> (Told, AdminRequest) {
        let reply = async {
            let Asked { request, reply } = asked.recv().await.unwrap();
            let headers = vec![("ETag".to_owned(), "\"7\"".to_owned())];
            reply.send(AdminReply { status: 201, headers, body: b"{\"incident\":{}}".to_vec() }).unwrap();
            request
        };
        tokio::join!(asker.ask(asking), reply)
    }

    #[tokio::test]
    async fn what_a_page_asks_for_is_a_request_in_the_visitors_name() {
        let (asker, _, mut asked) = asker(Role::Editor, &["hattingen"], 1);
        let body = json!({ "title": "Störung" });
        let asking = Asking {
            dry_run: true,
            if_match: Some("\"6\"".to_owned()),
            idempotency_key: Some("abc".to_owned()),
            ..Asking::new("POST", "/incidents", Some(body.clone()))
        };
        let (told, request) = replied(&asker, &mut asked, asking).await;
        assert_eq!(told, Told { status: 201, etag: Some("\"7\"".to_owned()), body: json!({ "incident": {} }) });
        assert_eq!(request.editor, asker.editor);
        assert_eq!((request.method.as_str(), request.path.as_str(), request.dry_run), ("POST", "/incidents", true));
        assert_eq!(request.if_match.as_deref(), Some("\"6\""));
        assert_eq!(request.idempotency_key.as_deref(), Some("abc"));
        assert_eq!(serde_json::from_slice::<Value>(&request.body).unwrap(), body);
        let reading = Asking { idempotency_key: Some("abc".to_owned()), ..Asking::get("/incidents") };
        let (_, request) = replied(&asker, &mut asked, reading).await;
        assert_eq!((request.method.as_str(), request.idempotency_key, request.body), ("GET", None, Vec::new()));
    }

    #[tokio::test]
    async fn refusals_are_problems_too() {
        let (asker, store, mut asked) = asker(Role::Editor, &["hattingen"], 1);
        let long = json!({ "text": "a".repeat(editing::BODY_BYTES_MAX) });
        for (asking, status) in [
            (Asking::get("/nothing"), 404),
            (Asking::new("PUT", "/incidents", None), 405),
            (Asking::new("no method", "/incidents", None), 404),
            (Asking::get("/incidents?limit=1"), 400),
            (Asking::get("/audit"), 403),
            (Asking::new("POST", "/incidents", Some(long)), 413),
            (Asking { idempotency_key: Some("a b".to_owned()), ..Asking::new("POST", "/incidents", None) }, 400),
        ] {
            let told = asker.ask(asking.clone()).await;
            assert_eq!((told.status, told.body["status"].as_u64()), (status, Some(status.into())), "{asking:?}");
            assert!(told.body["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{told:?}");
            assert!(!told.is_well());
        }
        assert!(asked.try_recv().is_err() && store.audits.lock().unwrap().is_empty());
    }

    #[tokio::test]
    async fn only_an_admin_of_all_reads_the_audit_log() {
        let (asker, store, _asked) = asker(Role::Admin, &[], 1);
        let told = asker.ask(Asking::get("/audit?before=9&limit=50")).await;
        assert_eq!((told.status, told.body), (200, json!({ "audit": [] })));
        assert_eq!(*store.audits.lock().unwrap(), [(Some(9), 50)]);
    }

    #[tokio::test]
    async fn a_form_that_is_sent_twice_is_answered_as_before() {
        let (asker, store, mut asked) = asker(Role::Admin, &[], 1);
        let asking = Asking { idempotency_key: Some("n1".to_owned()), ..Asking::new("POST", "/incidents", None) };
        let (_, request) = replied(&asker, &mut asked, asking.clone()).await;
        store.answers.lock().unwrap().push(StoredAnswer {
            token: request.editor.token.clone(),
            key: "n1".to_owned(),
            request_hash: request.hash(),
            at: crate::model::time::Timestamp::from_millis(0),
            status: 201,
            headers: Vec::new(),
            body: b"{\"first\":true}".to_vec(),
        });
        let told = asker.ask(asking.clone()).await;
        assert_eq!((told.status, told.body), (201, json!({ "first": true })));
        let other = Asking { body: Some(json!({})), ..asking };
        assert_eq!(asker.ask(other).await.status, 422);
        assert!(asked.try_recv().is_err());
    }

    #[tokio::test]
    async fn a_loop_that_is_busy_slow_or_gone_is_a_problem() {
        let (asker, _, asked) = asker(Role::Admin, &[], 1);
        let told = asker.ask(Asking::get("/incidents")).await;
        assert_eq!(told.status, 503, "no reply in time");
        let told = asker.ask(Asking::get("/incidents")).await;
        assert_eq!(told.status, 503, "the queue is full");
        drop(asked);
        assert_eq!(asker.ask(Asking::get("/incidents")).await.status, 503);
    }
}
