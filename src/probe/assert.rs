//! From facts to an observation: assertions in a fixed order, of which the first unmet decides.

use std::collections::HashMap;
use std::rc::Rc;

use http::HeaderName;
use serde_json::Value;

use crate::model::check::{Check, Expect, Phase};
use crate::model::observation::{DnsFacts, Fault, HttpFacts, Observation, Outcome};
use crate::model::time::{Timestamp, format_duration};
use crate::model::verdict::Reason;
use crate::probe::Facts;
use crate::probe::detail::fault;
use crate::probe::dns::is_same_record;
use crate::probe::json::{BoundedPath, Unmet};
use crate::probe::pattern::Pattern;

/// The assertions of a check, ready to be applied.
#[derive(Debug, Default)]
pub struct CompiledCheck {
    body_matches: Vec<Rc<Pattern>>,
    headers: Vec<(HeaderName, Rc<Pattern>)>,
    json: Vec<(String, BoundedPath, Value)>,
    /// What cannot be compiled: our own fault at each observation.
    faulty: Option<String>,
}

/// Compiles each distinct pattern once.
#[derive(Debug, Default)]
pub(super) struct Patterns {
    known: HashMap<String, Result<Rc<Pattern>, String>>,
}

impl Patterns {
    fn get(&mut self, pattern: &str) -> Result<Rc<Pattern>, String> {
        if let Some(known) = self.known.get(pattern) {
            return known.clone();
        }
        let compiled = Pattern::compile(pattern).map(Rc::new);
        self.known.insert(pattern.to_owned(), compiled.clone());
        compiled
    }
}

impl CompiledCheck {
    /// Compiles what a check expects.
    pub(super) fn new(expect: &Expect, patterns: &mut Patterns) -> Self {
        let mut compiled = Self::default();
        if let Err(why) = compiled.fill(expect, patterns) {
            compiled.faulty = Some(why);
        }
        compiled
    }

    fn fill(&mut self, expect: &Expect, patterns: &mut Patterns) -> Result<(), String> {
        for pattern in &expect.body_matches {
            self.body_matches.push(patterns.get(pattern)?);
        }
        for (name, pattern) in &expect.headers {
            let name = HeaderName::try_from(name).map_err(|_invalid| format!("`{name}` is no header name"))?;
            self.headers.push((name, patterns.get(pattern)?));
        }
        for (path, value) in &expect.json {
            self.json.push((path.clone(), BoundedPath::compile(path)?, value.clone()));
        }
        Ok(())
    }
}

/// What the facts mean for one check.
pub fn observe(facts: &Facts, check: &Check, compiled: &CompiledCheck, now: Timestamp) -> Observation {
    let unmet = match &facts.outcome {
        Outcome::Failed(_) => None,
        Outcome::Answered => first_unmet(facts, &check.expect, compiled).err().or_else(|| slow(facts, check)),
    };
    let certificate_warning = check.warn.certificate_valid_for.is_some_and(|margin| {
        let earliest = facts.tls.as_ref().and_then(|tls| tls.earliest_expiry());
        earliest.is_some_and(|expiry| expiry < now.plus(margin))
    });
    Observation {
        started_at: facts.started_at,
        ended_at: facts.ended_at,
        duration: facts.duration,
        phases: facts.phases,
        outcome: facts.outcome.clone(),
        address: facts.address,
        http: facts.http.clone(),
        tls: facts.tls.clone(),
        dns: facts.dns.clone(),
        unmet,
        certificate_warning,
    }
}

fn first_unmet(facts: &Facts, expect: &Expect, compiled: &CompiledCheck) -> Result<(), Fault> {
    if let Some(why) = &compiled.faulty {
        return Err(fault(Reason::ProbeFault, None, why));
    }
    if let Some(http) = &facts.http {
        status(http, expect)?;
        redirects_to(http, expect)?;
        headers(facts, compiled)?;
        body(facts, expect, compiled)?;
    }
    if let Some(dns) = &facts.dns {
        records(dns, expect)?;
    }
    Ok(())
}

fn status(http: &HttpFacts, expect: &Expect) -> Result<(), Fault> {
    let expected = if expect.status.is_empty() { &[(200, 299)][..] } else { &expect.status };
    if expected.iter().any(|(first, last)| (*first..=*last).contains(&http.status)) {
        return Ok(());
    }
    let reason = if matches!(http.status, 403 | 429) { Reason::Blocked } else { Reason::Status };
    let asks = http.retry_after.map(|wait| format!("; it asks to be left alone for {}", format_duration(wait)));
    let words = format!("HTTP status {}{}", http.status, asks.unwrap_or_default());
    Err(fault(reason, Some(Phase::Processing), words))
}

fn redirects_to(http: &HttpFacts, expect: &Expect) -> Result<(), Fault> {
    match &expect.redirects_to {
        Some(prefix) if !http.final_url.starts_with(prefix.as_str()) => {
            Err(content(format!("ended at {} instead of {prefix}", http.final_url)))
        }
        _ => Ok(()),
    }
}

fn headers(facts: &Facts, compiled: &CompiledCheck) -> Result<(), Fault> {
    for (name, pattern) in &compiled.headers {
        let mut values = facts.headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()));
        let Some(first) = values.next() else {
            return Err(content(format!("the header {name} is not there")));
        };
        let mut matched = is_match(pattern, &first)?;
        while !matched && let Some(next) = values.next() {
            matched = is_match(pattern, &next)?;
        }
        if !matched {
            return Err(content(format!("the header {name} is `{first}`")));
        }
    }
    Ok(())
}

fn body(facts: &Facts, expect: &Expect, compiled: &CompiledCheck) -> Result<(), Fault> {
    if !looks_at_body(expect) {
        return Ok(());
    }
    if let Some(encoding) = &facts.encoding {
        return Err(content(format!("the body is encoded as {encoding}, although none was allowed")));
    }
    let text = facts.text();
    let cut = if facts.http.as_ref().is_some_and(|http| http.truncated) { " in its first MiB" } else { "" };
    for wanted in &expect.body_contains {
        if !text.contains(wanted.as_str()) {
            return Err(content(format!("the body lacks `{wanted}`{cut}")));
        }
    }
    for unwanted in &expect.body_lacks {
        if text.contains(unwanted.as_str()) {
            return Err(content(format!("the body contains `{unwanted}`")));
        }
    }
    for pattern in &compiled.body_matches {
        if !is_match(pattern, text)? {
            return Err(content(format!("the body does not match `{}`{cut}", pattern.as_str())));
        }
    }
    if compiled.json.is_empty() {
        return Ok(());
    }
    let unmet = |text: &str, why: &Unmet| match why {
        Unmet::Content(words) => content(format!("{text}: {words}")),
        Unmet::TooCostly(words) => fault(Reason::ProbeFault, Some(Phase::Transfer), format!("{text}: {words}")),
    };
    for (text, path, expected) in &compiled.json {
        let document = facts.json().map_err(|why| unmet(text, why))?;
        path.selects(document, expected).map_err(|why| unmet(text, &why))?;
    }
    Ok(())
}

/// A pattern that takes too long is our own limit, not the target's fault.
fn is_match(pattern: &Pattern, text: &str) -> Result<bool, Fault> {
    pattern.is_match(text).map_err(|_too_costly| {
        let words = format!("`{}` takes too long on this answer; simplify the pattern", pattern.as_str());
        fault(Reason::ProbeFault, Some(Phase::Transfer), words)
    })
}

fn content(words: String) -> Fault {
    fault(Reason::Content, Some(Phase::Transfer), words)
}

fn records(dns: &DnsFacts, expect: &Expect) -> Result<(), Fault> {
    let processing = Some(Phase::Processing);
    if dns.rcode != "NOERROR" {
        return Err(fault(Reason::Dns, processing, format!("the answer is {}", dns.rcode)));
    }
    if dns.records.is_empty() {
        return Err(fault(Reason::Missing, processing, "the answer holds no record of this type"));
    }
    for expected in &expect.records {
        if !dns.records.iter().any(|found| is_same_record(found, expected)) {
            return Err(fault(Reason::Missing, processing, format!("the record `{expected}` is not there")));
        }
    }
    Ok(())
}

/// The first limit exceeded.
fn slow(facts: &Facts, check: &Check) -> Option<Fault> {
    let exceeded = |what: &str, phase, took, limit| {
        let words = format!("{what} took {}, more than {}", format_duration(took), format_duration(limit));
        fault(Reason::Slow, phase, words)
    };
    if let Some(limit) = check.degraded.slower_than
        && facts.duration > limit
    {
        return Some(exceeded("the probe", None, facts.duration, limit));
    }
    check.degraded.phase.iter().find_map(|limit| {
        let took = facts.phases.get(limit.phase).filter(|took| *took > limit.limit)?;
        Some(exceeded(limit.phase.as_str(), Some(limit.phase), took, limit.limit))
    })
}

/// Whether an assertion looks at the body.
pub(super) fn looks_at_body(expect: &Expect) -> bool {
    !(expect.body_contains.is_empty()
        && expect.body_lacks.is_empty()
        && expect.body_matches.is_empty()
        && expect.json.is_empty())
}
