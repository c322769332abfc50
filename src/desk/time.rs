//! Times as they stand on the desk: local, in German, today's as today's; and as forms send them.

use jiff::ToSpan;
use jiff::civil::{Date, DateTime, Weekday};
use jiff::tz::TimeZone;

use crate::desk::Visit;
use crate::model::time::Timestamp;

/// How far the times lie ahead that are offered for the next word, in minutes.
const AHEAD: [i64; 4] = [30, 60, 120, 240];

/// When people begin to work.
const MORNING: i8 = 9;

/// The clock on the wall of whoever visits.
pub(super) struct Wall {
    zone: TimeZone,
    now: Timestamp,
}

impl Wall {
    /// The site's clock.
    pub(super) fn of(visit: &Visit) -> Self {
        let zone = TimeZone::get(&visit.snapshot.catalogue.site.timezone).unwrap_or(TimeZone::UTC);
        Self { zone, now: visit.snapshot.at }
    }

    /// An instant of an answer (RFC 3339) as local time.
    fn local(&self, at: &str) -> Option<DateTime> {
        let at: jiff::Timestamp = at.parse().ok()?;
        Some(at.to_zoned(self.zone.clone()).datetime())
    }

    fn today(&self) -> DateTime {
        self.now.to_jiff().to_zoned(self.zone.clone()).datetime()
    }

    /// `heute, 07:04 Uhr`, `Montag, 30.10.2023, 07:04 Uhr`; empty if it is no instant.
    pub(super) fn moment(&self, at: &str) -> String {
        self.local(at).map(|at| self.spoken(at)).unwrap_or_default()
    }

    /// A planned end: one that lies between two days was said as a day.
    pub(super) fn end(&self, at: &str) -> String {
        let Some(at) = self.local(at) else { return String::new() };
        match at.date().yesterday() {
            Ok(last) if is_midnight(at) => format!("einschließlich {}", self.day(last)),
            _ => self.spoken(at),
        }
    }

    /// From when until when: of two times on one day the day is said once.
    pub(super) fn window(&self, from: &str, until: &str) -> String {
        match (self.local(from), self.local(until)) {
            (Some(from), Some(until)) if from.date() == until.date() => {
                let until = format!("{:02}:{:02} Uhr", until.hour(), until.minute());
                format!("{} bis {until}", self.spoken(from).trim_end_matches(" Uhr"))
            }
            _ => format!("{} bis {}", self.moment(from), self.end(until)),
        }
    }

    fn spoken(&self, at: DateTime) -> String {
        format!("{}, {:02}:{:02} Uhr", self.day(at.date()), at.hour(), at.minute())
    }

    fn day(&self, date: Date) -> String {
        let today = self.today().date();
        if date == today {
            return "heute".to_owned();
        }
        if today.yesterday().ok() == Some(date) {
            return "gestern".to_owned();
        }
        if today.tomorrow().ok() == Some(date) {
            return "morgen".to_owned();
        }
        format!("{}, {}.{}.{}", weekday(date.weekday()), date.day(), date.month(), date.year())
    }

    /// How long ago an instant is: `seit 2 Stunden`. Empty if it is no instant.
    pub(super) fn ago(&self, at: &str) -> String {
        let Ok(at) = at.parse::<jiff::Timestamp>() else { return String::new() };
        let passed = self.now.since(Timestamp::from_jiff(at));
        match passed.as_secs() / 60 {
            0 => "gerade eben".to_owned(),
            1 => "seit 1 Minute".to_owned(),
            minutes @ 2..=119 => format!("seit {minutes} Minuten"),
            minutes @ 120..=2879 => format!("seit {} Stunden", minutes / 60),
            minutes => format!("seit {} Tagen", minutes / 1440),
        }
    }

    /// An instant as a day and, if one was said, a time of day. Of an `end` at midnight the day before
    /// is the last.
    pub(super) fn day_and_hour(&self, at: &str, end: bool) -> (String, String) {
        let Some(at) = self.local(at) else { return Default::default() };
        let last = if end { at.date().yesterday().unwrap_or_else(|_| at.date()) } else { at.date() };
        if is_midnight(at) {
            return (last.to_string(), String::new());
        }
        (at.date().to_string(), format!("{:02}:{:02}", at.hour(), at.minute()))
    }

    /// Times at which a next word can be promised, as a field has them and as people say them.
    pub(super) fn ahead(&self) -> Vec<(String, String)> {
        let now = self.today();
        let soon = AHEAD.iter().filter_map(|minutes| {
            let at = quarter(now.checked_add(minutes.minutes()).ok()?)?;
            let about = match minutes {
                30 => "in etwa einer halben Stunde".to_owned(),
                60 => "in etwa einer Stunde".to_owned(),
                minutes => format!("in etwa {} Stunden", minutes / 60),
            };
            Some((written(at), format!("{} ({about})", self.spoken(at))))
        });
        let tomorrow = now.date().tomorrow().ok().map(|date| date.at(MORNING, 0, 0, 0));
        soon.chain(tomorrow.map(|at| (written(at), self.spoken(at)))).collect()
    }

    /// A local time of a field as people say it.
    pub(super) fn said(&self, field: &str) -> String {
        field.parse::<DateTime>().map(|at| self.spoken(at)).unwrap_or_default()
    }
}

/// The next quarter of an hour.
fn quarter(at: DateTime) -> Option<DateTime> {
    let missing = (15 - i64::from(at.minute()) % 15) % 15;
    let at = at.checked_add(missing.minutes()).ok()?;
    Some(at.date().at(at.hour(), at.minute(), 0, 0))
}

fn is_midnight(at: DateTime) -> bool {
    at.hour() == 0 && at.minute() == 0 && at.second() == 0
}

fn written(at: DateTime) -> String {
    format!("{}T{:02}:{:02}", at.date(), at.hour(), at.minute())
}

const fn weekday(day: Weekday) -> &'static str {
    match day {
        Weekday::Monday => "Montag",
        Weekday::Tuesday => "Dienstag",
        Weekday::Wednesday => "Mittwoch",
        Weekday::Thursday => "Donnerstag",
        Weekday::Friday => "Freitag",
        Weekday::Saturday => "Samstag",
        Weekday::Sunday => "Sonntag",
    }
}
