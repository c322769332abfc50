//! The way from the desk to the editors' interface: what a page asks for goes where a request over
//! HTTP would go, in the visitor's name and under the same limits.

use std::sync::Arc;

use http::Method;
use serde_json::Value;

use crate::desk::{Ask, Asking, Telling, Told};
use crate::editing;
use crate::model::access::Editor;
use crate::server::admin::entrance::{Fields, Target, is_key};
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
        let mut target = Target::read(&method, path, query)?;
        target.dry_run |= asking.dry_run;
        if target.audit.is_some() && !self.editor.is_admin_of_all() {
            return Err(Refusal::NotForAll);
        }
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
