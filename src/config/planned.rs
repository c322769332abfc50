//! `[[maintenance]]`, `[[local]]` and `[[agreement]]`: what is planned, what differs, what is
//! promised. References are kept as written, with their places; `graph` looks them up.

use std::time::Duration;

use super::checks::Context;
use super::components::{RawAlternative, alternatives, hours};
use super::diagnostic::{At, Fault, Spot};
use super::organisations::LAENDER;
use super::read::{Table, Value, words_of};
use super::rrule::rrule;
use super::values::{RawReach, RawTime, id, time};
use crate::model::catalogue::Ends;
use crate::model::recurrence::series::{self, LASTS};
use crate::model::status::{Mode, Processing, Status};
use crate::model::text::Text;
use crate::model::window::Recurrence;

/// Longest programme word, in characters.
const PROGRAMME_CHARS_MAX: usize = 100;

/// `[[maintenance]]` as written.
pub(super) struct RawMaintenance<'t> {
    pub(super) id: At<&'t str>,
    pub(super) title: Text,
    pub(super) components: Vec<(At<&'t str>, Option<At<RawTime>>)>,
    pub(super) programme: Option<String>,
    pub(super) from: At<RawTime>,
    pub(super) until: At<RawTime>,
    pub(super) ends: Ends,
    pub(super) announced_at: Option<At<RawTime>>,
    pub(super) last_chance_before: Option<At<RawTime>>,
    pub(super) back_from: Option<At<RawTime>>,
    pub(super) unaffected: Vec<At<&'t str>>,
    pub(super) recurring: Option<RawRecurring>,
    pub(super) alternatives: Vec<RawAlternative<'t>>,
}

/// `recurring = { rrule, at, for }` as written.
pub(super) struct RawRecurring {
    pub(super) recurrence: Recurrence,
    /// Where the rule stands.
    pub(super) rrule: Spot,
    /// Where `for` stands.
    pub(super) lasts: Spot,
}

/// `[[local]]` as written.
pub(super) struct RawLocal<'t> {
    pub(super) components: Vec<At<&'t str>>,
    pub(super) organisations: Vec<RawReach<'t>>,
    pub(super) status: Option<Status>,
    pub(super) mode: Option<Mode>,
    pub(super) released: Option<bool>,
    pub(super) processing: Option<Processing>,
    pub(super) text: Option<Text>,
    pub(super) alternatives: Vec<RawAlternative<'t>>,
    pub(super) from: Option<At<RawTime>>,
    pub(super) until: Option<At<RawTime>>,
}

/// `[[agreement]]` as written.
pub(super) struct RawAgreement<'t> {
    pub(super) id: At<&'t str>,
    pub(super) components: Vec<At<&'t str>>,
    pub(super) target: f64,
    pub(super) period: &'static str,
    pub(super) service_hours: Option<String>,
    pub(super) holidays: Option<String>,
    pub(super) excluded_if_announced: Option<Duration>,
    pub(super) quota: Option<Duration>,
}

/// A list of ids that must not be empty.
fn some_ids<'t>(table: &Table<'t>, key: &'static str) -> Vec<At<&'t str>> {
    let ids = table.need(key, "[\"…\"]").map(Value::strings);
    if ids.as_ref().is_some_and(Vec::is_empty) {
        empty(table, key);
    }
    ids.unwrap_or_default()
}

fn empty(table: &Table<'_>, key: &'static str) {
    if let Some(value) = table.get(key) {
        value.fault(format!("`{key}` is empty"), "names nothing", "name at least one");
    }
}

/// Reads one `[[maintenance]]`.
pub(super) fn read_maintenance<'t>(table: Table<'t>, context: &Context<'_>) -> Option<RawMaintenance<'t>> {
    let name = table.need("id", "\"umstellung\"").and_then(id);
    let title = table.need("title", "\"…\"").and_then(|value| value.text(context.languages)).unwrap_or_default();
    let covered = |value: Value<'t>| {
        if !value.is_table() {
            return Some((value.string()?, None));
        }
        let table = value.table()?;
        let id = table.need("id", "\"…\"").and_then(Value::string);
        let until = table.get("until").and_then(time);
        table.finish();
        Some((id?, until))
    };
    let components: Vec<_> = table
        .need("components", "[\"…\"]")
        .map(Value::elements)
        .unwrap_or_default()
        .into_iter()
        .filter_map(covered)
        .collect();
    if components.is_empty() {
        empty(&table, "components");
    }
    let programme = table.string("programme").filter(|programme| {
        let fits = (1..=PROGRAMME_CHARS_MAX).contains(&programme.value.chars().count())
            && !programme.value.contains(char::is_control);
        if !fits {
            let fault = Fault::error("not a word for a programme").at(programme.spot, "not usable");
            table.faults.push(fault.help("write a short word: `programme = \"vois\"`"));
        }
        fits
    });
    let from = table.need("from", "2021-09-27").and_then(time);
    let until = table.need("until", "2021-10-06").and_then(time);
    let ends = table.word("ends", &[("by_itself", Ends::ByItself), ("on_notice", Ends::OnNotice)]);
    let announced_at = table.get("announced_at").and_then(time);
    let last_chance_before = table.get("last_chance_before").and_then(time);
    let back_from = table.get("back_from").and_then(time);
    let unaffected = table.strings("unaffected");
    let recurring = table.table("recurring").and_then(read_recurring);
    let alternatives = alternatives(&table, "alternative", context);
    table.finish();
    Some(RawMaintenance {
        id: name?,
        title,
        components,
        programme: programme.map(|programme| programme.value.to_owned()),
        from: from?,
        until: until?,
        ends: ends.map_or(Ends::ByItself, |ends| ends.value),
        announced_at,
        last_chance_before,
        back_from,
        unaffected,
        recurring,
        alternatives,
    })
}

/// Reads `recurring = { rrule, at, for }`.
fn read_recurring(table: Table<'_>) -> Option<RawRecurring> {
    let rrule = table.need("rrule", "\"FREQ=MONTHLY;BYDAY=2TU\"").and_then(rrule);
    let at = table.need("at", "\"19:00\"").and_then(time_of_day);
    let lasts = table.need("for", "\"3h\"").and_then(|value| value.duration(LASTS));
    table.finish();
    let (rrule, lasts) = (rrule?, lasts?);
    let recurrence = Recurrence { rrule: rrule.value.to_owned(), at: at?, lasts: lasts.value };
    Some(RawRecurring { recurrence, rrule: rrule.spot, lasts: lasts.spot })
}

fn time_of_day(value: Value<'_>) -> Option<jiff::civil::Time> {
    let text = match value.value {
        toml::de::DeValue::Datetime(written) => written.to_string(),
        toml::de::DeValue::String(text) => text.to_string(),
        _ => String::new(),
    };
    let parsed = series::time_of_day(&text);
    if parsed.is_none() {
        value.fault("not a time of day", "not understood", "write it in local time: `at = \"19:00\"`");
    }
    parsed
}

/// Reads one `[[local]]`.
pub(super) fn read_local<'t>(table: Table<'t>, context: &Context<'_>) -> Option<RawLocal<'t>> {
    let components = some_ids(&table, "components");
    let organisations = RawReach::list(some_ids(&table, "organisations"), table.faults);
    let status = table.word("status", words_of!(Status)).map(|status| status.value);
    let mode = table.word("mode", words_of!(Mode)).map(|mode| mode.value);
    let released = table.boolean("released").map(|released| released.value);
    let processing = table.word("processing", words_of!(Processing)).map(|processing| processing.value);
    let text = table.text("text", context.languages);
    let mut others = alternatives(&table, "alternatives", context);
    others.extend(alternatives(&table, "alternative", context));
    let from = table.get("from").and_then(time);
    let until = table.get("until").and_then(time);
    let idle = ["status", "mode", "released", "processing", "text", "alternatives", "alternative"]
        .iter()
        .all(|key| table.get(key).is_none());
    if idle {
        let fault = Fault::error("nothing differs here").at(table.spot, "an entry without effect");
        table.faults.push(fault.help("add `mode`, `status`, `released`, `processing`, `text` or `alternatives`"));
    }
    table.finish();
    (!components.is_empty() && !organisations.is_empty()).then_some(RawLocal {
        components,
        organisations,
        status,
        mode,
        released,
        processing,
        text,
        alternatives: others,
        from,
        until,
    })
}

/// Reads one `[[agreement]]`.
pub(super) fn read_agreement(table: Table<'_>) -> Option<RawAgreement<'_>> {
    let name = table.need("id", "\"sla-portal\"").and_then(id);
    let components = some_ids(&table, "components");
    let target = table.need("target", "99.5").and_then(|value| {
        let target = value.number()?;
        let fits = target.value > 0.0 && target.value <= 100.0;
        if !fits {
            value.fault("a target in per cent", "out of range", "write a number above 0 and up to 100: `99.5`");
        }
        fits.then_some(target.value)
    });
    let period = table.word("period", &[("month", "month"), ("year", "year")]).map_or("month", |period| period.value);
    let service_hours = table.get("service_hours").and_then(hours).map(|hours| hours.unescaped().to_owned());
    let holidays = table.word("holidays", &LAENDER.map(|(word, _)| (word, word))).map(|land| land.value.to_owned());
    let days = Duration::ZERO..=Duration::from_secs(366 * 86_400);
    let excluded_if_announced =
        table.duration("maintenance_excluded_if_announced", days.clone()).map(|duration| duration.value);
    let quota = table.duration("maintenance_quota", days).map(|duration| duration.value);
    table.finish();
    Some(RawAgreement {
        id: name?,
        components,
        target: target?,
        period,
        service_hours,
        holidays,
        excluded_if_announced,
        quota,
    })
}

/// Notes a fault if something ends before it begins.
pub(super) fn ordered(
    from: &(crate::model::window::When, Spot),
    until: &(crate::model::window::When, Spot),
    faults: &super::diagnostic::Faults,
) {
    if until.0.at <= from.0.at {
        let fault =
            Fault::error("the end is not after the beginning").at(until.1, "this end").at(from.1, "this beginning");
        faults.push(fault.help("an end date is inclusive; correct one of them"));
    }
}
