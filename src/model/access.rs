//! Who may edit, the record of what was tried, and answers that may be asked for twice.
//!
//! The secrets of tokens are not here: `history` alone sees them, once.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::model::id::OrganisationId;
use crate::model::status::words;
use crate::model::time::Timestamp;

/// Most bytes of a record's detail; of a longer one the beginning is kept.
pub const DETAIL_BYTES_MAX: usize = 64 * 1024;

/// Most bytes of a record's actor, action or subject.
pub const NAME_BYTES_MAX: usize = 512;

/// What a token is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Everything, for the organisations it names or, naming none, for all.
    Admin,
    /// Incidents, maintenance, overrides and local words of the organisations it names.
    Editor,
    /// Reading the operator's metrics, and nothing else.
    Metrics,
}

words!(Role { Admin => "admin", Editor => "editor", Metrics => "metrics" });

/// Whoever holds a token that is in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Editor {
    /// The token's id.
    pub token: String,
    /// What the operator calls it.
    pub label: String,
    /// What it is for.
    pub role: Role,
    /// Whom it is for.
    pub organisations: Vec<OrganisationId>,
}

impl Editor {
    /// Whether it is an admin's for every organisation. An editor's token that names none is for none.
    pub fn is_admin_of_all(&self) -> bool {
        self.role == Role::Admin && self.organisations.is_empty()
    }

    /// Whether it may read the operator's metrics, which tell of every organisation.
    pub fn may_scrape(&self) -> bool {
        matches!(self.role, Role::Admin | Role::Metrics) && self.organisations.is_empty()
    }
}

/// How a request of an editor ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was carried out.
    Done,
    /// It was refused and changed nothing.
    Refused,
}

words!(Outcome { Done => "done", Refused => "refused" });

/// One entry of the audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRecord {
    /// When.
    pub at: Timestamp,
    /// Who: a token's id, or `cli:` and a user of the machine.
    pub actor: String,
    /// What was asked for.
    pub action: String,
    /// What it was about.
    pub subject: String,
    /// How it ended.
    pub outcome: Outcome,
    /// The HTTP status that was answered, or would have been.
    pub status: u16,
    /// The request's body, as JSON. The store keeps what [`bounded_detail`] leaves of it.
    pub detail: String,
    /// The position of its first event in the log, if it led to one.
    pub position: Option<u64>,
}

/// An answer that is given again to whoever repeats the request with the same key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredAnswer {
    /// The id of the token that asked.
    pub token: String,
    /// Its `Idempotency-Key`.
    pub key: String,
    /// What tells the same request from another one with the same key.
    pub request_hash: [u8; 32],
    /// When it was answered.
    pub at: Timestamp,
    /// The HTTP status.
    pub status: u16,
    /// The header fields that belong to the answer.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// What is kept of a detail. One beyond [`DETAIL_BYTES_MAX`] becomes an object of its length and
/// its beginning, which is JSON and no longer than the limit.
pub fn bounded_detail(detail: &str) -> Cow<'_, str> {
    /// Room for the names of the fields and two numbers.
    const FRAME_BYTES: usize = 128;
    if detail.len() <= DETAIL_BYTES_MAX {
        return Cow::Borrowed(detail);
    }
    let mut bytes = 0;
    let beginning: String = detail
        .chars()
        .take_while(|&c| {
            bytes += escaped_bytes(c);
            bytes <= DETAIL_BYTES_MAX - FRAME_BYTES
        })
        .collect();
    Cow::Owned(serde_json::json!({ "truncated": true, "bytes": detail.len(), "beginning": beginning }).to_string())
}

/// The most bytes that a character takes in a JSON string.
const fn escaped_bytes(c: char) -> usize {
    match c {
        '"' | '\\' => 2,
        '\0'..='\u{1f}' => 6,
        c => c.len_utf8(),
    }
}

/// What is kept of an actor, an action or a subject.
pub fn bounded_name(name: &str) -> Cow<'_, str> {
    const ELLIPSIS: &str = "…";
    if name.len() <= NAME_BYTES_MAX {
        return Cow::Borrowed(name);
    }
    let mut bytes = ELLIPSIS.len();
    let beginning = name.chars().take_while(|c| {
        bytes += c.len_utf8();
        bytes <= NAME_BYTES_MAX
    });
    Cow::Owned(beginning.chain(ELLIPSIS.chars()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn editor(role: Role, organisations: &[&str]) -> Editor {
        let organisations = organisations.iter().map(|id| OrganisationId::new(*id)).collect();
        Editor { token: "abcd".to_owned(), label: String::new(), role, organisations }
    }

    #[test]
    fn only_an_admin_without_organisations_is_for_all() {
        assert!(editor(Role::Admin, &[]).is_admin_of_all());
        assert!(!editor(Role::Admin, &["hattingen"]).is_admin_of_all());
        for role in [Role::Editor, Role::Metrics] {
            assert!(!editor(role, &[]).is_admin_of_all());
        }
    }

    #[test]
    fn a_long_detail_keeps_its_beginning_stays_json_and_says_so() {
        let whole = "x".repeat(DETAIL_BYTES_MAX);
        assert_eq!(bounded_detail(&whole), whole);
        for filling in ["x", "\"", "\u{1}", "ü", "\u{1f6a8}"] {
            let long = format!("{{\"text\":\"{}", filling.repeat(DETAIL_BYTES_MAX));
            let kept = bounded_detail(&long);
            assert!(kept.len() <= DETAIL_BYTES_MAX, "{} bytes", kept.len());
            assert!(kept.len() > DETAIL_BYTES_MAX - 256, "only {} bytes", kept.len());
            let value: serde_json::Value = serde_json::from_str(&kept).unwrap();
            assert_eq!((&value["truncated"], &value["bytes"]), (&true.into(), &long.len().into()));
            assert!(long.starts_with(value["beginning"].as_str().unwrap()));
        }
    }

    #[test]
    fn a_long_name_is_cut_between_characters() {
        assert_eq!(bounded_name("portal"), "portal");
        let cut = bounded_name(&"ü".repeat(NAME_BYTES_MAX)).into_owned();
        assert!(cut.len() <= NAME_BYTES_MAX && cut.ends_with("ü…"), "{cut}");
    }
}
