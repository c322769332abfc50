//! What a search finds, before it is written as a page or as JSON.
//!
//! Nothing that was found is kept: there are more questions than memory, and an answer costs
//! little (see `Documents`).

use crate::model::search::{Found, QUERY_BYTES_MAX, QUERY_WORDS_MAX, Question};
use crate::model::status::Lifecycle;
use crate::model::text::Plain;
use crate::publish::scope::Scope;
use crate::publish::wording::Words;
use crate::publish::{Fault, Parameters};

/// A question and what was found.
#[derive(Debug)]
pub(super) struct Findings {
    /// The question as it was asked; empty if there was none.
    pub(super) asked: Plain,
    /// Whether it was longer than people ask; then nothing was looked for.
    pub(super) too_long: bool,
    /// What was found.
    pub(super) found: Found,
}

/// Answers the question of a request to the interface, which is told of its bounds.
pub(super) fn find(scope: &Scope<'_>, parameters: &Parameters<'_>) -> Result<Findings, Fault> {
    let findings = ask(scope, parameters);
    if findings.too_long {
        return Err(Fault::Parameter(match Words::of(scope.language) {
            Words::German => format!("`q` hat höchstens {QUERY_BYTES_MAX} Byte und {QUERY_WORDS_MAX} Wörter."),
            Words::English => format!("`q` has at most {QUERY_BYTES_MAX} bytes and {QUERY_WORDS_MAX} words."),
        }));
    }
    Ok(findings)
}

/// Answers the question of a person.
pub(super) fn ask(scope: &Scope<'_>, parameters: &Parameters<'_>) -> Findings {
    let asked = parameters.q.unwrap_or_default();
    let Some(question) = Question::parse(asked) else {
        return Findings { asked: Plain::new(asked), too_long: true, found: Found::default() };
    };
    let is_shown = |index: u32| {
        let state = scope.snapshot.states.get(index as usize);
        state.is_some_and(|state| state.lifecycle != Lifecycle::Retired)
    };
    let kind_words = |kind| [Words::German, Words::English].map(|words| words.component_kind(kind)).to_vec();
    let found = scope.snapshot.catalogue.find(&question, kind_words, is_shown);
    Findings { asked: Plain::new(asked), too_long: false, found }
}
