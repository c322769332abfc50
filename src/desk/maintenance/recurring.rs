//! Whether planned work comes round: the question of the form, and the series that its answer means.
//!
//! Beginning and end in the form are those of one time, as in every calendar: the rule, the time of day
//! and how long it lasts follow from them.

use std::time::Duration;

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use maud::{Markup, html};
use serde_json::{Map, Value, json};

use crate::desk::field::{self, shown_end};
use crate::desk::form::Form;
use crate::desk::page::{Fault, Field, Kind};
use crate::model::notice::MaintenanceNotice;
use crate::model::recurrence::pattern::Pattern;
use crate::model::time::format_duration;
use crate::model::window::Recurrence;
use crate::publish::recurrence::pattern_said;
use crate::publish::wording::Words;

/// The field of the question.
pub(super) const REPEATS: &str = "repeats";

/// The field of the last day of a series.
pub(super) const LAST: &str = "repeats-until";

const DAY: Duration = Duration::from_secs(86_400);

/// How often it comes round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rhythm {
    Once,
    Weekly,
    Fortnightly,
    Weekday,
    Day,
    /// By a rule that the form has no words for.
    Kept,
}

impl Rhythm {
    /// What was chosen.
    pub(super) fn of(sent: &Form) -> Self {
        let all = [Self::Weekly, Self::Fortnightly, Self::Weekday, Self::Day, Self::Kept];
        let word = sent.text(REPEATS);
        all.into_iter().find(|rhythm| rhythm.word() == word).unwrap_or(Self::Once)
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Once => "once",
            Self::Weekly => "weekly",
            Self::Fortnightly => "fortnightly",
            Self::Weekday => "weekday",
            Self::Day => "day",
            Self::Kept => "kept",
        }
    }

    /// What it means for something that first takes place on a day. Not every month has a fifth of a
    /// weekday, so what is that is the last one.
    fn pattern(self, day: Date) -> Option<Pattern> {
        let number = if day.day() > 28 { -1 } else { (day.day() - 1) / 7 + 1 };
        match self {
            Self::Once | Self::Kept => None,
            Self::Weekly => Some(Pattern::Weeks(1, vec![day.weekday()])),
            Self::Fortnightly => Some(Pattern::Weeks(2, vec![day.weekday()])),
            Self::Weekday => Some(Pattern::MonthWeekday(1, number.into(), day.weekday())),
            Self::Day => Some(Pattern::MonthDay(1, day.day().into())),
        }
    }
}

/// A series as the form shows it.
pub(super) struct Series<'a> {
    recurrence: &'a Recurrence,
    rhythm: Rhythm,
    /// The rule in words.
    words: String,
    /// The local day of the time at hand.
    day: Date,
    /// The last day of the whole.
    last: String,
}

impl<'a> Series<'a> {
    /// That of a notice, if it has one.
    pub(super) fn of(notice: &'a MaintenanceNotice) -> Option<Self> {
        let recurrence = notice.recurring.as_ref()?;
        let (from, until) = notice.span();
        let zone = TimeZone::get(&notice.zone).unwrap_or(TimeZone::UTC);
        let pattern = Pattern::of(&recurrence.rrule, from.day(&zone));
        let rhythm = match &pattern {
            Some(Pattern::Weeks(1, days)) if days.len() == 1 => Rhythm::Weekly,
            Some(Pattern::Weeks(2, days)) if days.len() == 1 => Rhythm::Fortnightly,
            Some(Pattern::MonthWeekday(1, 1..=4, _)) => Rhythm::Weekday,
            Some(Pattern::MonthDay(1, 1..)) => Rhythm::Day,
            _ => Rhythm::Kept,
        };
        let words = pattern.and_then(|pattern| pattern_said(Words::German, &pattern));
        Some(Self {
            recurrence,
            rhythm,
            words: words.unwrap_or_else(|| format!("nach der Regel {}", recurrence.rrule)),
            day: notice.from.day(&zone),
            last: until.date.map_or_else(|| shown_end(until.at, &notice.zone).0, |last| last.to_string()),
        })
    }

    /// Day and time at which the time at hand begins, and those at which it ends, by clocks that are
    /// neither put forward nor back.
    pub(super) fn window(&self) -> [(String, String); 2] {
        let Recurrence { at, lasts, .. } = *self.recurrence;
        let begin = self.day.to_datetime(at);
        let end = begin.saturating_add(lasts);
        if at == Time::midnight() && lasts.as_millis().is_multiple_of(DAY.as_millis()) {
            let last = end.date().yesterday().unwrap_or(self.day);
            return [self.day, last].map(|day| (day.to_string(), String::new()));
        }
        [begin, end].map(|at| (at.date().to_string(), at.strftime("%H:%M").to_string()))
    }
}

/// The question, folded up until somebody needs it. `day` is the day on which it begins, if that is known.
pub(super) fn show(fields: Option<&Form>, faults: &[Fault], series: Option<&Series<'_>>, day: Option<Date>) -> Markup {
    let now = fields.map_or_else(|| series.map_or(Rhythm::Once, |series| series.rhythm), Rhythm::of);
    let at = |name: &str| faults.iter().find(|fault| fault.field.as_deref() == Some(name));
    let wrong = at(REPEATS);
    let from_day = |rhythm: Rhythm, example: &str| {
        let pattern = day.and_then(|day| rhythm.pattern(day)).and_then(|it| pattern_said(Words::German, &it));
        pattern.map_or_else(|| format!("zum Beispiel {example}"), |said| format!("mit diesem Beginn {said}"))
    };
    let kept = series.filter(|series| series.rhythm == Rhythm::Kept).map(|series| series.words.clone());
    let weekday = || Some("am selben Wochentag".to_owned());
    let choices = [
        (Rhythm::Once, "Nein", None),
        (Rhythm::Kept, "Ja, wie bisher", kept.clone()),
        (Rhythm::Weekly, "Jede Woche", weekday()),
        (Rhythm::Fortnightly, "Alle zwei Wochen", weekday()),
        (
            Rhythm::Weekday,
            "Jeden Monat am selben Wochentag",
            Some(from_day(Rhythm::Weekday, "jeden zweiten Dienstag im Monat")),
        ),
        (Rhythm::Day, "Jeden Monat am selben Tag", Some(from_day(Rhythm::Day, "am 15. jedes Monats"))),
    ];
    html! {
        details open[now != Rhythm::Once || wrong.is_some() || at(LAST).is_some()] {
            summary { "Wiederholt sich das?" }
            fieldset.boxes id=(REPEATS) {
                legend { "Wie oft?" }
                p.hint {
                    @if series.is_some() { "Beginn und Ende oben sind die des nächsten Mals. Was Sie ändern, gilt von da an für jedes Mal." }
                    @else { "Beginn und Ende oben sind dann die des ersten Mals." }
                }
                @if let Some(fault) = wrong { p.fault { (fault.sentence) } }
                @for (rhythm, label, hint) in &choices {
                    @if *rhythm != Rhythm::Kept || kept.is_some() {
                        @let id = format!("{REPEATS}-{}", rhythm.word());
                        div {
                            input type="radio" id=(id) name=(REPEATS) value=(rhythm.word()) checked[*rhythm == now];
                            label for=(id) { (label) @if let Some(hint) = hint { span.hint { " – " (hint) } } }
                        }
                    }
                }
            }
            (Field {
                name: LAST,
                label: "Bis wann wiederholt es sich?",
                hint: "Nur nötig, wenn es sich wiederholt. Der Tag zählt noch ganz dazu.",
                kind: Kind::Day,
                required: false,
                now: series.map_or("", |series| &series.last),
            }.show(fields, faults))
        }
    }
}

/// Whether it was meant to come round though nobody said how often. The last day of a series that is to
/// be one no more still stands in the form.
///
/// # Errors
/// If so, what is wrong in the form.
pub(super) fn must_be_once(sent: &Form, series: Option<&Series<'_>>) -> Result<(), Fault> {
    let last = sent.text(LAST);
    if last.is_empty() || series.is_some_and(|series| series.last == last) {
        return Ok(());
    }
    let sentence =
        "Bitte wählen Sie auch, wie oft es sich wiederholt, oder nehmen Sie den letzten Tag heraus.".to_owned();
    Err(Fault { field: Some(REPEATS.to_owned()), sentence })
}

/// What a form asks of a series whose times are `from` and `until`, as [`field::read_when`] gave them:
/// nothing of what stays as it is.
///
/// # Errors
/// What is wrong in the form.
pub(super) fn read(
    sent: &Form,
    series: Option<&Series<'_>>,
    from: &str,
    until: &str,
) -> Result<Map<String, Value>, Fault> {
    let fault = |field: &str, sentence: &str| Fault { field: Some(field.to_owned()), sentence: sentence.to_owned() };
    let rhythm = Rhythm::of(sent);
    let (begin, end) = (from.parse::<DateTime>(), until.parse::<DateTime>());
    let end = if until.contains('T') { end } else { end.and_then(DateTime::tomorrow) };
    let (Ok(begin), Ok(end)) = (begin, end) else {
        return Err(fault("until", "Diesen Tag gibt es nicht. Bitte prüfen Sie ihn."));
    };
    let lasts = Duration::try_from(end.duration_since(begin)).unwrap_or_default();
    if lasts.is_zero() {
        return Err(fault("until", "Das Ende liegt vor dem Anfang. Bitte prüfen Sie beide Tage."));
    }
    let Some(last) = sent.filled(LAST) else {
        return Err(fault(LAST, "Bitte wählen Sie, bis wann es sich wiederholt."));
    };
    let last = last.parse::<Date>().map_err(|_| fault(LAST, "Bitte wählen Sie einen Tag, zum Beispiel 2026-12-08."))?;
    let day = begin.date();
    // What was not touched stays exactly as it is.
    let same = series.filter(|series| series.rhythm == rhythm);
    let rrule = match (same.filter(|same| same.day == day || rhythm == Rhythm::Kept), rhythm.pattern(day)) {
        (Some(same), _) => same.recurrence.rrule.clone(),
        (None, Some(pattern)) => pattern.rrule(),
        (None, None) => return Err(fault(REPEATS, "Bitte wählen Sie, wie oft es sich wiederholt.")),
    };
    let mut asked = Map::new();
    if same.is_none_or(|same| same.day != day) {
        asked.insert("from".to_owned(), json!(day));
    }
    let shown = same.map(|same| same.window().map(|(day, time)| field::typed(&day, &time)));
    if shown.is_none_or(|shown| shown != [from, until]) {
        let at = begin.strftime("%H:%M").to_string();
        asked.insert("recurring".to_owned(), json!({ "rrule": rrule, "at": at, "for": format_duration(lasts) }));
    }
    if series.is_none_or(|series| series.last != last.to_string()) {
        asked.insert("until".to_owned(), json!(last));
    }
    Ok(asked)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rule_follows_from_the_first_day_the_times_and_the_answer() {
        let asked = |repeats: &str, from: &str, until: &str| {
            let fields =
                [(REPEATS, repeats), (LAST, "2027-12-31")].map(|(name, value)| (name.to_owned(), value.to_owned()));
            read(&Form::of(fields), None, from, until).map(|mut asked| asked.remove("recurring").unwrap_or_default())
        };
        for (repeats, from, until, rrule, at, lasts) in [
            ("weekly", "2027-01-12T19:00", "2027-01-12T22:00", "FREQ=WEEKLY;BYDAY=TU", "19:00", "3h"),
            ("fortnightly", "2027-01-12T22:00", "2027-01-13T04:30", "FREQ=WEEKLY;INTERVAL=2;BYDAY=TU", "22:00", "390m"),
            ("weekday", "2027-01-12", "2027-01-12", "FREQ=MONTHLY;BYDAY=2TU", "00:00", "1d"),
            ("weekday", "2027-01-29T12:00", "2027-01-29", "FREQ=MONTHLY;BYDAY=-1FR", "12:00", "12h"),
            ("day", "2027-01-31", "2027-02-01", "FREQ=MONTHLY;BYMONTHDAY=31", "00:00", "2d"),
            // On days of 23 and of 25 hours, too, it is as the clocks have it on other days.
            ("weekly", "2027-03-28", "2027-03-28", "FREQ=WEEKLY;BYDAY=SU", "00:00", "1d"),
            ("weekly", "2027-10-31T01:00", "2027-10-31T04:00", "FREQ=WEEKLY;BYDAY=SU", "01:00", "3h"),
        ] {
            let expected = json!({ "rrule": rrule, "at": at, "for": lasts });
            assert_eq!(asked(repeats, from, until).expect(from), expected, "{repeats} {from}");
        }
        for (repeats, from, until, field) in [
            ("weekly", "2027-01-12T19:00", "2027-01-12T19:00", "until"),
            ("weekly", "2027-01-12", "2027-01-11", "until"),
            ("weekly", "2027-01-12", "9999-12-31", "until"),
            ("kept", "2027-01-12", "2027-01-12", REPEATS),
        ] {
            let fault = asked(repeats, from, until).expect_err(until);
            assert_eq!(fault.field.as_deref(), Some(field), "{from} {until}");
        }
    }
}
