//! Requests of editors on their way to the engine's loop, and the replies.

use sha2::{Digest as _, Sha256};
use tokio::sync::{mpsc, oneshot};

use crate::model::access::Editor;

/// Most requests of editors that wait for the loop.
pub const WAITING_MAX: usize = 64;

/// A request of an editor whose token is in force.
#[derive(Debug, Clone)]
pub struct AdminRequest {
    /// Who asks.
    pub editor: Editor,
    /// The method.
    pub method: String,
    /// The path below `/api/v1/admin`, beginning with a slash, without a query.
    pub path: String,
    /// Whether only to show what would come of it.
    pub dry_run: bool,
    /// `If-Match`.
    pub if_match: Option<String>,
    /// `Idempotency-Key`.
    pub idempotency_key: Option<String>,
    /// The body.
    pub body: Vec<u8>,
}

impl AdminRequest {
    /// What tells this request from another one with the same `Idempotency-Key`: a hash of its
    /// method, path and body, and of its query if it only wants to be shown something. Who asks is
    /// not part of it, nor is `If-Match`. Stored answers hold it.
    pub fn hash(&self) -> [u8; 32] {
        let query = self.dry_run.then_some(&b"dry_run=true"[..]);
        let mut hasher = Sha256::new();
        // Each with its length before it, so that no two requests read the same.
        for part in [self.method.as_bytes(), self.path.as_bytes(), &self.body].into_iter().chain(query) {
            hasher.update((part.len() as u64).to_be_bytes());
            hasher.update(part);
        }
        hasher.finalize().into()
    }
}

/// What is answered: JSON, a problem (RFC 9457) from 400 on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdminReply {
    /// The HTTP status.
    pub status: u16,
    /// Header fields beside the usual ones: `etag`, `location`, `allow`, `retry-after`.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// A request with the place for its reply. A reply comes when what was changed is durable.
#[derive(Debug)]
pub struct Asked {
    /// The request.
    pub request: AdminRequest,
    /// Where the reply goes.
    pub reply: oneshot::Sender<AdminReply>,
}

/// The way to the loop; full when it does not keep up.
pub type Desk = mpsc::Sender<Asked>;
