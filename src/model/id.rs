//! Identifiers: names that people write, and the ids that Turmwacht derives.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Longest id: 64 characters a side.
pub const ID_LENGTH_MAX: usize = 64;

/// Why a text is no id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IdFault {
    /// Empty.
    #[error("an id must not be empty")]
    Empty,
    /// Too long.
    #[error("an id has at most 64 characters")]
    TooLong,
    /// A character outside `[a-z0-9-]`.
    #[error("an id consists of lower-case letters a-z, digits and hyphens; `{0}` is none of them")]
    Character(char),
    /// A hyphen at either end.
    #[error("an id begins and ends with a letter or a digit")]
    Hyphen,
    /// No letter at all.
    #[error("an id has at least one letter")]
    NoLetter,
}

/// Checks `[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?` with at least one letter.
pub fn validate_id(text: &str) -> Result<(), IdFault> {
    if text.is_empty() {
        return Err(IdFault::Empty);
    }
    if let Some(wrong) = text.chars().find(|c| !matches!(c, 'a'..='z' | '0'..='9' | '-')) {
        return Err(IdFault::Character(wrong));
    }
    if text.len() > ID_LENGTH_MAX {
        return Err(IdFault::TooLong);
    }
    if text.starts_with('-') || text.ends_with('-') {
        return Err(IdFault::Hyphen);
    }
    if !text.bytes().any(|b| b.is_ascii_lowercase()) {
        return Err(IdFault::NoLetter);
    }
    Ok(())
}

macro_rules! id_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Wraps a text that has been checked (by `config`) or derived (by `engine`).
            pub fn new(text: impl Into<Arc<str>>) -> Self {
                Self(text.into())
            }

            /// The id as written.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

id_type!(
    /// An organisation; also the path of its page.
    OrganisationId
);
id_type!(
    /// A component by its full id: `portal`, or `parent.part` for a part.
    ComponentId
);
id_type!(
    /// A check, unique within its component.
    CheckId
);
id_type!(
    /// A declared maintenance.
    MaintenanceId
);
id_type!(
    /// A service-level agreement.
    AgreementId
);
id_type!(
    /// An incident: derived from store epoch, root, start and position, see `engine::incidents`.
    IncidentId
);

/// A check by component and id: its name in logs, metrics and results.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CheckKey {
    /// The component it asks about.
    pub component: ComponentId,
    /// Its id there.
    pub check: CheckId,
}

impl fmt::Display for CheckKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.component, self.check)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_follow_the_pattern_and_hold_a_letter() {
        for good in ["a", "a1", "hattingen", "0a", "a-b", &"a".repeat(64)] {
            assert_eq!(validate_id(good), Ok(()), "{good}");
        }
        for (bad, fault) in [
            ("", IdFault::Empty),
            ("12", IdFault::NoLetter),
            ("-a", IdFault::Hyphen),
            ("a-", IdFault::Hyphen),
            ("A", IdFault::Character('A')),
            ("a/b", IdFault::Character('/')),
            ("ä", IdFault::Character('ä')),
            (&*"a".repeat(65), IdFault::TooLong),
        ] {
            assert_eq!(validate_id(bad), Err(fault), "{bad}");
        }
    }
}
