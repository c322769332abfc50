//! `[[component]]` and `[[component.part]]`: what has a status.
//!
//! References to others are kept as written, with their places; `graph` looks them up when all
//! files are read.

use super::checks::{Context, RawCheck, default_checks, read_check};
use super::diagnostic::{At, Fault, Spot, quote};
use super::read::{Table, Value, words_of};
use super::values::{RawReach, RawTime, id, link, time};
use crate::model::alternative::{AlternativeKind, Link};
use crate::model::bounds::{RESERVED, RESERVED_PARTS};
use crate::model::status::{ComponentKind, DeliveryState, Status};
use crate::model::text::{Plain, Text};

/// Longest opening hours, in characters.
const HOURS_CHARS_MAX: usize = 500;

/// A component as written.
pub(super) struct RawComponent<'t> {
    /// Its own id; a part's full id is made with [`RawComponent::whole`].
    pub(super) id: At<&'t str>,
    /// What it is part of, by nesting or by `part_of`.
    pub(super) whole: Option<At<&'t str>>,
    pub(super) nested: bool,
    pub(super) table: Spot,
    pub(super) owner: Option<At<&'t str>>,
    pub(super) name: Text,
    pub(super) kind: ComponentKind,
    /// `None` = inherited from the whole.
    pub(super) serves: Option<Vec<RawReach<'t>>>,
    pub(super) depends_on: Vec<RawDependency<'t>>,
    pub(super) url: Option<Link>,
    pub(super) leika: Vec<String>,
    pub(super) ozg: Option<u32>,
    pub(super) public: Option<At<bool>>,
    pub(super) public_name: Option<Text>,
    pub(super) available_from: Option<At<RawTime>>,
    pub(super) retired_at: Option<At<RawTime>>,
    pub(super) formerly: Vec<At<&'t str>>,
    pub(super) delivery: Option<RawDelivery>,
    pub(super) alternatives: Vec<RawAlternative<'t>>,
    pub(super) checks: Vec<RawCheck>,
}

/// An edge as written.
pub(super) struct RawDependency<'t> {
    pub(super) id: At<&'t str>,
    pub(super) red_means: Option<Status>,
}

/// `delivery` as written.
pub(super) struct RawDelivery {
    pub(super) state: DeliveryState,
    pub(super) since: Option<At<RawTime>>,
    pub(super) until: Option<At<RawTime>>,
}

/// `[[….alternative]]` as written.
pub(super) struct RawAlternative<'t> {
    pub(super) kind: AlternativeKind,
    pub(super) target: Vec<Link>,
    pub(super) label: Text,
    pub(super) hours: Option<Plain>,
    pub(super) hours_text: Option<Text>,
    pub(super) page: Option<Link>,
    pub(super) serves: Vec<RawReach<'t>>,
    pub(super) component: Option<At<&'t str>>,
    pub(super) valid_from: Option<At<RawTime>>,
    pub(super) valid_until: Option<At<RawTime>>,
    pub(super) verified_at: Option<At<RawTime>>,
}

/// Reads one `[[component]]` and its parts, the whole first.
pub(super) fn read_component<'t>(table: Table<'t>, context: &Context<'_>) -> Vec<RawComponent<'t>> {
    let parts = table.tables("part");
    let Some(whole) = read_one(table, None, context) else { return Vec::new() };
    if let (Some(of), Some(part)) = (&whole.whole, parts.first()) {
        let fault = Fault::error("a part has no parts of its own")
            .at(part.spot, "a part of a part")
            .at(of.spot, "already a part");
        part.faults.push(fault.help("make it a part of the whole"));
    }
    let id = whole.id.clone();
    let mut components = vec![whole];
    components.extend(parts.into_iter().filter_map(|part| read_one(part, Some(id.clone()), context)));
    components
}

fn read_one<'t>(table: Table<'t>, nested_in: Option<At<&'t str>>, context: &Context<'_>) -> Option<RawComponent<'t>> {
    let faults = table.faults;
    let languages = context.languages;
    let nested = nested_in.is_some();
    let name = table.need("id", "\"serviceportal\"").and_then(id);
    let whole = match nested_in {
        Some(whole) => Some(whole),
        None => table.string("part_of"),
    };
    if let Some(name) = &name {
        let reserved: &[&str] = if whole.is_some() { &RESERVED_PARTS } else { &RESERVED };
        if reserved.contains(&name.value) {
            let fault = Fault::error(format!("the id {} is reserved", quote(name.value)))
                .at(name.spot, "an address of the site");
            faults.push(fault.help("choose another id"));
        }
    }
    let title = table.need("name", "\"…\"").and_then(|value| value.text(languages)).unwrap_or_default();
    let kind = table.need("kind", "\"service\"").and_then(|value| value.word(words_of!(ComponentKind)));
    let owner = if nested {
        None
    } else if whole.is_some() {
        table.string("owner")
    } else {
        table.need("owner", "\"musterstadt\"").and_then(Value::string)
    };
    let serves = table.get("serves").map(|value| RawReach::list(value.strings(), faults));
    let mut depends_on = dependencies(&table);
    for used in table.strings("uses") {
        depends_on.push(RawDependency { id: used, red_means: Some(Status::DegradedPerformance) });
    }
    let url_value = table.get("url");
    let url = url_value.and_then(link);
    let leika = leika(&table);
    let mut checks: Vec<RawCheck> =
        table.tables("check").into_iter().filter_map(|check| read_check(check, context)).collect();
    unique_checks(&checks, faults);
    let kind = kind.map_or(ComponentKind::Service, |kind| kind.value);
    if table.get("check").is_none()
        && let (Some(url), Some(value)) = (&url, url_value)
    {
        checks = default_checks(kind, url, value.spot, context, faults);
    }
    warn_about_content(kind, name.as_ref(), &checks, faults);
    let component = RawComponent {
        whole,
        nested,
        table: table.spot,
        owner,
        name: title,
        kind,
        serves,
        depends_on,
        url,
        leika,
        ozg: table.integer("ozg", 1..=u32::MAX).map(|ozg| ozg.value),
        public: table.boolean("public"),
        public_name: table.text("public_name", languages),
        available_from: table.get("available_from").and_then(time),
        retired_at: table.get("retired_at").and_then(time),
        formerly: table.strings("formerly"),
        delivery: table.table("delivery").and_then(read_delivery),
        alternatives: alternatives(&table, "alternative", context),
        checks,
        id: At::new("", table.spot),
    };
    table.finish();
    Some(RawComponent { id: name?, ..component })
}

/// `depends_on`: ids, or `{ id, red_means }`.
fn dependencies<'t>(table: &Table<'t>) -> Vec<RawDependency<'t>> {
    let softer = [("degraded_performance", Status::DegradedPerformance), ("partial_outage", Status::PartialOutage)];
    let read = |value: Value<'t>| {
        if !value.is_table() {
            return Some(RawDependency { id: value.string()?, red_means: None });
        }
        let table = value.table()?;
        let id = table.need("id", "\"…\"").and_then(Value::string);
        let red_means = table.word("red_means", &softer).map(|status| status.value);
        table.finish();
        Some(RawDependency { id: id?, red_means })
    };
    table.get("depends_on").map(Value::elements).unwrap_or_default().into_iter().filter_map(read).collect()
}

fn leika(table: &Table<'_>) -> Vec<String> {
    let fits = |text: &At<&str>| {
        let fits =
            text.value.len() == 14 && text.value.starts_with("99") && text.value.bytes().all(|b| b.is_ascii_digit());
        if !fits {
            let fault = Fault::error(format!("{} is no LeiKa key", quote(text.value))).at(text.spot, "not a key");
            table.faults.push(fault.help("write 14 digits that begin with 99: `\"99102013104000\"`"));
        }
        fits
    };
    table.strings("leika").into_iter().filter(fits).map(|text| text.value.to_owned()).collect()
}

fn unique_checks(checks: &[RawCheck], faults: &super::diagnostic::Faults) {
    for (index, check) in checks.iter().enumerate() {
        if let Some(first) = checks.iter().take(index).find(|other| other.check.id == check.check.id) {
            let fault = Fault::error(format!("the check {} stands twice", quote(check.check.id.as_str())));
            faults.push(
                fault
                    .at(check.spot, "again")
                    .at(first.spot, "first here")
                    .help("give each check of a component its own id"),
            );
        }
    }
}

/// A page that answers says little: portals and services need a look at the content.
fn warn_about_content(
    kind: ComponentKind,
    name: Option<&At<&str>>,
    checks: &[RawCheck],
    faults: &super::diagnostic::Faults,
) {
    let matters = matches!(kind, ComponentKind::Portal | ComponentKind::Service | ComponentKind::Capability);
    let http = checks.iter().any(|check| check.check.probe.kind() == "http");
    if let (true, true, Some(name)) = (matters, http, name)
        && !checks.iter().any(|check| check.check.expect.asserts_content())
    {
        let fault = Fault::warning(format!("no check of {} looks at the content", quote(name.value)))
            .at(name.spot, "a maintenance page with 200 would pass");
        faults.push(fault.help("add words of the real page: `expect = { body_contains = [\"…\"] }`"));
    }
}

fn read_delivery(table: Table<'_>) -> Option<RawDelivery> {
    let state = table.need("state", "\"queued\"").and_then(|value| value.word(words_of!(DeliveryState)));
    let since = table.get("since").and_then(time);
    let until = table.get("until").and_then(time);
    table.finish();
    Some(RawDelivery { state: state?.value, since, until })
}

/// A list of alternatives under `key`.
pub(super) fn alternatives<'t>(table: &Table<'t>, key: &'static str, context: &Context<'_>) -> Vec<RawAlternative<'t>> {
    table.tables(key).into_iter().filter_map(|table| read_alternative(table, context)).collect()
}

fn read_alternative<'t>(table: Table<'t>, context: &Context<'_>) -> Option<RawAlternative<'t>> {
    let kind = table.need("kind", "\"phone\"").and_then(|value| value.word(words_of!(AlternativeKind)));
    let target: Vec<Link> =
        table.get("target").map(Value::elements).unwrap_or_default().into_iter().filter_map(link).collect();
    if let (Some(kind), None) = (&kind, table.get("target"))
        && !matches!(
            kind.value,
            AlternativeKind::Counter | AlternativeKind::NeighbourOffice | AlternativeKind::Postpone
        )
    {
        let fault =
            Fault::error("the key `target` is missing").at(table.spot, format!("a {} leads somewhere", kind.value));
        table.faults.push(fault.help("add `target = \"tel:+49…\"`, `\"mailto:…\"` or `\"https://…\"`"));
    }
    let label = table.need("label", "\"…\"").and_then(|value| value.text(context.languages)).unwrap_or_default();
    let hours = table.get("hours").and_then(hours);
    let alternative = RawAlternative {
        kind: kind.as_ref().map_or(AlternativeKind::OtherPage, |kind| kind.value),
        target,
        label,
        hours,
        hours_text: table.text("hours_text", context.languages),
        page: table.get("page").and_then(link),
        serves: RawReach::list(table.strings("serves"), table.faults),
        component: table.get("component").and_then(|value| value.string()),
        valid_from: table.get("valid_from").and_then(time),
        valid_until: table.get("valid_until").and_then(time),
        verified_at: table.get("verified_at").and_then(time),
    };
    table.finish();
    kind.map(|_| alternative)
}

/// Opening hours in OpenStreetMap's syntax: its characters and bounds, not its grammar.
pub(super) fn hours(value: Value<'_>) -> Option<Plain> {
    let text = value.string()?;
    let fits = !text.value.trim().is_empty()
        && text.value.chars().count() <= HOURS_CHARS_MAX
        && text.value.chars().all(|c| {
            c.is_ascii_alphanumeric()
                || matches!(c, ' ' | ':' | '-' | ',' | ';' | '+' | '/' | '[' | ']' | '"' | '(' | ')' | '.' | '|')
        });
    if !fits {
        value.fault(
            format!("{} are no opening hours", quote(text.value)),
            "not understood",
            "write OpenStreetMap's syntax: `\"Mo-Fr 08:00-12:00\"`, or words in `hours_text`",
        );
    }
    fits.then(|| Plain::new(text.value))
}
