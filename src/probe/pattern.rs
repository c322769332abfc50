//! Regular expressions with a bound on their work.
//!
//! The usual engine is linear in the answer, but with a factor that a careless pattern can make
//! large: some take seconds for a mebibyte, which would hold up every other probe. Here the
//! automaton is built while it runs, and where it grows beyond a fixed size the search ends with
//! [`TooCostly`] instead of going on slowly.

use regex::Regex;
use regex_automata::hybrid::LazyStateID;
use regex_automata::hybrid::dfa::{Cache, DFA};
use regex_automata::nfa::thompson;
use regex_automata::util::prefilter::Prefilter;
use regex_automata::util::syntax;
use regex_automata::{Input, MatchError, MatchErrorKind, MatchKind};

/// Compiled size of a pattern.
const PATTERN_BYTES_MAX: usize = 512 * 1024;

/// Nesting of a pattern.
const NESTING_MAX: u32 = 50;

/// Size of the automaton. Building it is what costs: beyond this a search gives up.
const AUTOMATON_BYTES_MAX: usize = 512 * 1024;

/// Steps of the slow engine, which alone knows word boundaries between letters like `ä`.
const SLOW_STEPS_MAX: usize = 8 * 1024 * 1024;

/// A compiled pattern.
#[derive(Debug)]
pub(super) struct Pattern {
    text: String,
    automaton: DFA,
    /// For answers in which the automaton cannot tell a word boundary.
    slow: Option<Regex>,
}

/// The pattern takes too long on this text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooCostly;

impl Pattern {
    /// Compiles a pattern; the error is for the operator.
    pub(super) fn compile(text: &str) -> Result<Self, String> {
        let bad = |why: &dyn std::fmt::Display| format!("`{text}` is no usable regular expression: {why}");
        let syntax = syntax::Config::new().nest_limit(NESTING_MAX);
        let hir = syntax::parse_with(text, &syntax).map_err(|error| bad(&error))?;
        let config = DFA::config()
            .prefilter(Prefilter::from_hir_prefix(MatchKind::LeftmostFirst, &hir))
            .cache_capacity(AUTOMATON_BYTES_MAX)
            .skip_cache_capacity_check(true)
            // Never cleared: its states stay valid, and its size bounds the work.
            .minimum_cache_clear_count(Some(0))
            .minimum_bytes_per_state(None)
            .unicode_word_boundary(true);
        let automaton = DFA::builder()
            .syntax(syntax)
            .thompson(thompson::Config::new().nfa_size_limit(Some(PATTERN_BYTES_MAX)))
            .configure(config)
            .build(text)
            .map_err(|error| bad(&error))?;
        let boundaries = automaton.get_nfa().look_set_any().contains_word_unicode();
        let slow = if boundaries { Some(Regex::new(text).map_err(|error| bad(&error))?) } else { None };
        Ok(Self { text: text.to_owned(), automaton, slow })
    }

    /// The pattern as written.
    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the pattern matches anywhere in `text`.
    pub(super) fn is_match(&self, text: &str) -> Result<bool, TooCostly> {
        let mut cache = self.automaton.create_cache();
        let found = self.automaton.try_search_fwd(&mut cache, &Input::new(text).earliest(true));
        match (found, &self.slow) {
            (Ok(found), _) => Ok(found.is_some()),
            (Err(error), Some(slow)) if is_quit(&error) => {
                let steps = self.automaton.get_nfa().states().len().saturating_mul(text.len());
                if steps > SLOW_STEPS_MAX { Err(TooCostly) } else { Ok(slow.is_match(text)) }
            }
            (Err(_), _) => Err(TooCostly),
        }
    }

    /// A search in an answer that arrives in parts.
    pub(super) fn search(&self) -> Result<Search<'_>, TooCostly> {
        let mut cache = self.automaton.create_cache();
        let state = self.automaton.start_state_forward(&mut cache, &Input::new("")).map_err(|_gave_up| TooCostly)?;
        Ok(Search { automaton: &self.automaton, cache, state, matched: false })
    }
}

fn is_quit(error: &MatchError) -> bool {
    matches!(error.kind(), MatchErrorKind::Quit { .. })
}

/// A search under way: each byte is looked at once, however small the parts.
pub(super) struct Search<'a> {
    automaton: &'a DFA,
    cache: Cache,
    state: LazyStateID,
    matched: bool,
}

impl Search<'_> {
    /// Goes on with the next bytes; whether the pattern has matched by now. To the pattern the
    /// text ends with what came so far: more may never come.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Result<bool, TooCostly> {
        for byte in bytes {
            if self.matched {
                return Ok(true);
            }
            self.state = self.automaton.next_state(&mut self.cache, self.state, *byte).map_err(|_gave_up| TooCostly)?;
            if self.state.is_quit() {
                return Err(TooCostly);
            }
            self.matched = self.state.is_match();
        }
        if !self.matched {
            // The automaton reports a match one byte late.
            let end = self.automaton.next_eoi_state(&mut self.cache, self.state).map_err(|_gave_up| TooCostly)?;
            self.matched = end.is_match();
        }
        Ok(self.matched)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, text: &str) -> Result<bool, TooCostly> {
        let pattern = Pattern::compile(pattern).unwrap();
        let whole = pattern.is_match(text);
        if pattern.slow.is_none() {
            let mut search = pattern.search().unwrap();
            let found =
                text.as_bytes().chunks(3).map(|part| search.feed(part)).last().unwrap_or(Ok(pattern.is_match("")?));
            if !pattern.text.ends_with('$') {
                assert_eq!(whole, found, "in one piece and in parts");
            }
        }
        whole
    }

    #[test]
    fn patterns_match_as_they_do_elsewhere() {
        for (pattern, text, matches) in [
            ("hel+o", "say hello", true),
            ("^hello$", "hello", true),
            ("^hello$", "hello you", false),
            ("(?m)^220 ", "220-a\n220 b", true),
            ("(?i)störung", "STÖRUNG", true),
            (r"\bÄmter\b", "die Ämter öffnen", true),
            (r"\bmter\b", "die Ämter öffnen", false),
            (r"\w+\s\d{3}", "Zimmer 204", true),
            ("", "", true),
            ("x$", "x\n", false),
        ] {
            assert_eq!(check(pattern, text), Ok(matches), "{pattern} {text}");
        }
    }

    #[test]
    fn what_grows_beyond_all_bounds_is_given_up() {
        let mut seed = 1u64;
        let text: String = std::iter::repeat_with(|| {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            if seed & 1 == 0 { 'a' } else { 'b' }
        })
        .take(1024 * 1024)
        .collect();
        for pattern in ["[ab]*a[ab]{400}[c-z]", "(a|b)*a(a|b){200}[^ab]x*"] {
            assert_eq!(Pattern::compile(pattern).unwrap().is_match(&text), Err(TooCostly), "{pattern}");
        }
        let umlauts = "ä ".repeat(300_000);
        assert_eq!(Pattern::compile(r"\b\w{9}\b").unwrap().is_match(&umlauts), Err(TooCostly));
    }

    #[test]
    fn patterns_that_are_none_say_so() {
        for bad in ["((((", "[", "a{99999}", &"(".repeat(100), r"(\w{100}){100}"] {
            let error = Pattern::compile(bad).unwrap_err();
            assert!(error.contains("no usable regular expression"), "{error}");
        }
    }
}
