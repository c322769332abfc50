//! What the checks of a component see, for those it belongs to.

use maud::{Markup, html};
use serde_json::Value;

use crate::desk::Told;
use crate::desk::component::Seen;
use crate::desk::time::Wall;
use crate::desk::{refusal, words};
use crate::model::verdict::{Reason, Verdict};
use crate::publish::wording::Words;

/// Most probes of a check on the page.
const PROBES_SHOWN: usize = 10;

pub(super) fn section(seen: &Seen<'_>, told: &Told) -> Markup {
    let checks = words::list(&told.body, "/checks");
    html! {
        section aria-labelledby="s-checks" {
            h2 id="s-checks" { "Was die Prüfungen sehen" }
            @if !told.is_well() {
                p.notice { (refusal::fault(told, &[]).sentence) }
            } @else if checks.is_empty() {
                p { "Diesen Dienst prüft niemand automatisch. Ob er geht, weiß die Seite nur von Ihnen." }
            } @else {
                ul.rows { @for check in checks { (row(seen, check)) } }
            }
        }
    }
}

/// What a verdict means.
const fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Up => "antwortet wie erwartet",
        Verdict::Degraded => "antwortet, aber schlecht",
        Verdict::Down => "antwortet nicht wie erwartet",
        Verdict::Unknown => "nicht bekannt",
    }
}

fn reason(value: &Value) -> Option<&'static str> {
    Reason::parse(words::text(value, "/reason")).map(|reason| Words::German.reason(reason))
}

/// What a check asks: the address of a page says already how.
fn asked(check: &Value) -> String {
    let (kind, target) = (words::text(check, "/kind"), words::line(check, "/target"));
    if target.starts_with(kind) { target } else { format!("{kind}: {target}") }
}

fn row(seen: &Seen<'_>, check: &Value) -> Markup {
    let since = words::text(check, "/since");
    let found = Verdict::parse(words::text(check, "/verdict")).unwrap_or(Verdict::Unknown);
    let look = match found {
        Verdict::Up => "is-ok",
        Verdict::Degraded => "is-slow",
        Verdict::Down => "is-out",
        Verdict::Unknown => "is-dark",
    };
    let probes = words::list(check, "/probes");
    html! {
        li {
            div.head {
                strong { "Prüfung „" (words::text(check, "/id")) "“" }
                span.state.(look) { (verdict(found)) }
            }
            @if let Some(reason) = reason(check) { p { (reason) } }
            p.meta {
                (asked(check))
                @if !since.is_empty() { " · seit " (Wall::of(seen.visit).moment(since)) }
            }
            @if !probes.is_empty() {
                details {
                    summary { "Die letzten " (probes.len().min(PROBES_SHOWN)) " Messungen" }
                    ul.probes { @for probe in probes.iter().take(PROBES_SHOWN) { (measured(seen, probe)) } }
                }
            }
        }
    }
}

fn measured(seen: &Seen<'_>, probe: &Value) -> Markup {
    let fault = probe.pointer("/outcome/failed").or_else(|| probe.get("unmet").filter(|unmet| !unmet.is_null()));
    let took = probe.get("duration").and_then(Value::as_f64).map(|seconds| format!("{:.0}", seconds * 1000.0));
    let detail = fault.map(|fault| words::line(fault, "/detail")).filter(|detail| !detail.is_empty());
    html! {
        li {
            (Wall::of(seen.visit).moment(words::text(probe, "/started_at"))) ": "
            @match fault {
                None => "in Ordnung",
                Some(fault) => (reason(fault).unwrap_or("nicht in Ordnung")),
            }
            @if let Some(took) = took { " (" (took) " ms)" }
            @if let Some(detail) = detail { " " code { (detail) } }
        }
    }
}
