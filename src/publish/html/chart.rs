//! Charts: what becomes of intervals and results in calendar slots, and how that is drawn.
//!
//! A chart is inline SVG without script and without a style of its own. What it says it says in
//! three ways: by height, by colour (classes of the stylesheet, so that it follows the dark mode),
//! and in words: a title, a description, and the table that whoever draws it puts beside it.
//! Nothing here knows a component or a page.

use std::time::Duration;

use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use jiff::{Unit, ZonedRound};
use maud::{Markup, html};

use crate::model::availability::{Availability, Intervals};
use crate::model::status::Status;
use crate::model::time::Timestamp;
use crate::publish::past::{Bin, Times};

/// Most slots of a chart.
const SLOTS_MAX: usize = 400;

/// Distance of two bars, and the width of one, in units of the drawing.
const PITCH: usize = 10;
const BAR: usize = 8;

/// Height of a strip; the highest bar is as high.
const STRIP: usize = 40;

/// Height of a line chart above its zero line.
const LINE: f64 = 100.0;

/// How long a slot is, by the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Grain {
    /// An hour by the clock on the wall.
    Hour,
    /// A local day: 23 to 25 hours.
    Day,
    /// A week that begins on a Monday.
    Week,
    /// A calendar month.
    Month,
}

/// A stretch of the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Slot {
    /// Its first instant.
    pub(super) from: Timestamp,
    /// The first instant after it.
    pub(super) until: Timestamp,
}

/// The first instant of a local day.
pub(super) fn day_start(date: Date, zone: &TimeZone) -> Option<Timestamp> {
    let start = date.to_zoned(zone.clone()).ok()?.start_of_day().ok()?;
    Some(Timestamp::from_jiff(start.timestamp()))
}

/// The slots that touch `[from, until)`, whole ones, oldest first; the newest `SLOTS_MAX` of them
/// at most.
pub(super) fn slots(zone: &TimeZone, grain: Grain, from: Timestamp, until: Timestamp) -> Vec<Slot> {
    let mut slots = Vec::new();
    let mut end = until;
    while end > from && slots.len() < SLOTS_MAX {
        // The slot that holds the last instant before `end`.
        let Some(slot) = slot_of(zone, grain, end.shifted(-1)).filter(|slot| slot.from < end) else { break };
        slots.push(slot);
        end = slot.from;
    }
    slots.reverse();
    slots
}

/// The slot that holds an instant.
fn slot_of(zone: &TimeZone, grain: Grain, at: Timestamp) -> Option<Slot> {
    let local = at.to_jiff().to_zoned(zone.clone());
    let days =
        |first: Date, next: Option<Date>| Some(Slot { from: day_start(first, zone)?, until: day_start(next?, zone)? });
    let date = local.date();
    match grain {
        Grain::Hour => {
            let hour = ZonedRound::new().smallest(Unit::Hour).mode(jiff::RoundMode::Trunc);
            let from = Timestamp::from_jiff(local.round(hour).ok()?.timestamp());
            Some(Slot { from, until: from.plus(Duration::from_secs(3_600)) })
        }
        Grain::Day => days(date, date.tomorrow().ok()),
        Grain::Week => {
            let monday = match date.weekday() {
                Weekday::Monday => date,
                _ => date.nth_weekday(-1, Weekday::Monday).ok()?,
            };
            days(monday, monday.nth_weekday(1, Weekday::Monday).ok())
        }
        Grain::Month => days(date.first_of_month(), date.last_of_month().tomorrow().ok()),
    }
}

/// A component in a slot.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Bar {
    /// The slot.
    pub(super) slot: Slot,
    /// The worst status that was published in it; unknown only if nothing else was. `None` if
    /// nothing was: before the component was watched or in service, or in the future.
    pub(super) worst: Option<Status>,
    /// Its availability; `None` if nothing was measured.
    pub(super) availability: Option<Availability>,
}

/// What intervals come to in each slot, from `not_before` on and until `now`.
pub(super) fn bars(intervals: &Intervals, slots: &[Slot], not_before: Option<Timestamp>, now: Timestamp) -> Vec<Bar> {
    let bar = |slot: &Slot| {
        let (from, until) = (slot.from.max(not_before.unwrap_or(slot.from)), slot.until.min(now));
        let inside = if from < until { intervals.touching(from, until) } else { &[] };
        let statuses = inside.iter().map(|interval| interval.status);
        Bar {
            slot: *slot,
            worst: statuses.max_by_key(|status| (*status != Status::Unknown, *status)),
            availability: intervals.window(until, until.since(slot.from), not_before),
        }
    };
    slots.iter().map(bar).collect()
}

/// The class that gives a status its colour.
const fn class(status: Status) -> &'static str {
    match status {
        Status::Operational => "c-ok",
        Status::DegradedPerformance => "c-slow",
        Status::PartialOutage => "c-part",
        Status::MajorOutage => "c-out",
        Status::UnderMaintenance => "c-plan",
        Status::Unknown => "c-dark",
    }
}

/// What can be seen, from the best to the worst.
pub(super) const LOOKS: [Status; 6] = [
    Status::Operational,
    Status::Unknown,
    Status::UnderMaintenance,
    Status::DegradedPerformance,
    Status::PartialOutage,
    Status::MajorOutage,
];

/// The shape of a bar at a place: the worse, the higher; maintenance is striped, what is unknown a
/// mere line.
fn shape(status: Status, x: usize, path: &mut String) {
    let mut block = |top: usize, height: usize| {
        path.push_str(&format!("M{x} {}h{BAR}v{height}h-{BAR}z", STRIP - top));
    };
    match status {
        Status::Operational => block(14, 14),
        Status::Unknown => block(3, 3),
        Status::UnderMaintenance => {
            for top in [5, 13, 21] {
                block(top, 5);
            }
        }
        Status::DegradedPerformance => block(22, 22),
        Status::PartialOutage => block(31, 31),
        Status::MajorOutage => block(STRIP, STRIP),
    }
}

/// What a chart is called, and what it says in a sentence; both are read aloud instead of it.
#[derive(Debug, Clone)]
pub(super) struct Caption {
    /// An id that nothing else on the page has.
    pub(super) id: String,
    /// What it is called.
    pub(super) title: Markup,
    /// What it says.
    pub(super) text: Markup,
}

/// A strip of bars. `tell`: what a pointer is told of each bar; without it all bars of a look are
/// one shape, and the drawing is small.
pub(super) fn strip(caption: &Caption, bars: &[Bar], tell: Option<&dyn Fn(&Bar) -> String>) -> Markup {
    let width = (bars.len() * PITCH).saturating_sub(PITCH - BAR).max(1);
    html! {
        svg.strip viewBox={ "0 0 " (width) " " (STRIP) } preserveAspectRatio="none" role="img"
            aria-labelledby={ (caption.id) "_t" } aria-describedby={ (caption.id) "_d" } {
            title id={ (caption.id) "_t" } { (caption.title) }
            desc id={ (caption.id) "_d" } { (caption.text) }
            @match tell {
                Some(tell) => @for (place, bar) in bars.iter().enumerate() {
                    @if let Some(worst) = bar.worst {
                        @let path = { let mut path = String::new(); shape(worst, place * PITCH, &mut path); path };
                        path.(class(worst)) d=(path) { title { (tell(bar)) } }
                    }
                },
                None => @for look in LOOKS {
                    @let path = all_of(look, bars);
                    @if !path.is_empty() { path.(class(look)) d=(path) {} }
                },
            }
        }
    }
}

/// The shape of all bars of a look.
fn all_of(look: Status, bars: &[Bar]) -> String {
    let mut path = String::new();
    for (place, _) in bars.iter().enumerate().filter(|(_, bar)| bar.worst == Some(look)) {
        shape(look, place * PITCH, &mut path);
    }
    path
}

/// A single bar, for a legend.
pub(super) fn sample(status: Status) -> Markup {
    let mut path = String::new();
    shape(status, 0, &mut path);
    html! {
        svg.key viewBox={ "0 0 " (BAR) " " (STRIP) } preserveAspectRatio="none" aria-hidden="true" focusable="false" {
            path.(class(status)) d=(path) {}
        }
    }
}

/// The end of the scale: the next of 1, 2 and 5 times a power of ten milliseconds.
pub(super) fn scale_end(bins: &[Bin]) -> Duration {
    let most = bins.iter().filter_map(|bin| bin.times).map(|times| times.max).max();
    let most = most.unwrap_or_default().as_millis().max(1);
    let mut step = 10;
    loop {
        for factor in [1, 2, 5] {
            if step * factor >= most {
                return Duration::from_millis(u64::try_from(step * factor).unwrap_or(u64::MAX));
            }
        }
        step *= 10;
    }
}

/// A line of medians in a band from the quickest to the slowest, with a mark below for each bin in
/// which a probe failed. A bin without an answer is a gap.
pub(super) fn line(caption: &Caption, bins: &[Bin]) -> Markup {
    let end = scale_end(bins).as_secs_f64();
    let height = |time: Duration| LINE - (time.as_secs_f64() / end).min(1.0) * LINE;
    let places: Vec<(usize, &Bin)> = bins.iter().enumerate().collect();
    let (mut band, mut medians, mut failed) = (String::new(), String::new(), String::new());
    for run in places.chunk_by(|(_, one), (_, next)| one.times.is_some() == next.times.is_some()) {
        // Each bin is drawn as wide as it lasts, so that a lonely one can be seen.
        let edges = |of: fn(Times) -> Duration| -> Vec<(usize, Duration)> {
            let known = run.iter().filter_map(|(place, bin)| Some((*place * PITCH, of(bin.times?))));
            known.flat_map(|(x, time)| [(x, time), (x + PITCH, time)]).collect()
        };
        let draw = |path: &mut String, points: &mut dyn Iterator<Item = (usize, Duration)>, first: char| {
            for ((x, time), letter) in points.zip(std::iter::once(first).chain(std::iter::repeat('L'))) {
                path.push_str(&format!("{letter}{x} {:.1}", height(time)));
            }
        };
        if run.iter().any(|(_, bin)| bin.times.is_some()) {
            draw(&mut band, &mut edges(|times| times.max).into_iter(), 'M');
            draw(&mut band, &mut edges(|times| times.min).into_iter().rev(), 'L');
            band.push('z');
            draw(&mut medians, &mut edges(|times| times.median).into_iter(), 'M');
        }
    }
    for (place, _) in places.iter().filter(|(_, bin)| bin.failed > 0) {
        failed.push_str(&format!("M{} {}h{BAR}v12h-{BAR}z", place * PITCH + 1, LINE + 4.0));
    }
    let width = (bins.len() * PITCH).max(1);
    html! {
        svg.line viewBox={ "0 0 " (width) " " (LINE + 16.0) } preserveAspectRatio="none" role="img"
            aria-labelledby={ (caption.id) "_t" } aria-describedby={ (caption.id) "_d" } {
            title id={ (caption.id) "_t" } { (caption.title) }
            desc id={ (caption.id) "_d" } { (caption.text) }
            path.grid vector-effect="non-scaling-stroke" d={ "M0 0.5h" (width) "M0 " (LINE / 2.0) "h" (width) "M0 " (LINE) "h" (width) } {}
            @if !band.is_empty() { path.spread d=(band) {} path.median vector-effect="non-scaling-stroke" d=(medians) {} }
            @if !failed.is_empty() { path.c-out d=(failed) {} }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::status::Evidence;

    fn at(text: &str) -> Timestamp {
        Timestamp::from_jiff(text.parse().expect("RFC 3339"))
    }

    fn berlin() -> TimeZone {
        TimeZone::get("Europe/Berlin").expect("bundled")
    }

    fn caption(text: &str) -> Caption {
        Caption { id: "c".to_owned(), title: html! { (text) }, text: html! { (text) } }
    }

    fn bin(times: Option<[u64; 3]>, failed: usize) -> Bin {
        let ms = Duration::from_millis;
        let times = times.map(|[min, median, max]| Times { min: ms(min), median: ms(median), max: ms(max) });
        Bin {
            from: at("2023-10-30T00:00:00Z"),
            until: at("2023-10-30T00:15:00Z"),
            times,
            answered: 3,
            failed,
            unknown: 0,
        }
    }

    #[test]
    fn slots_follow_the_calendar_across_both_clock_changes() {
        let hours = |grain, from, until| -> Vec<u64> {
            let slots = slots(&berlin(), grain, at(from), at(until));
            assert!(slots.windows(2).all(|pair| pair[0].until == pair[1].from), "no gap and no overlap");
            slots.iter().map(|slot| slot.until.since(slot.from).as_secs() / 3600).collect()
        };
        assert_eq!(hours(Grain::Day, "2023-10-28T12:00:00Z", "2023-10-30T12:00:00Z"), [24, 25, 24]);
        assert_eq!(hours(Grain::Day, "2024-03-30T12:00:00Z", "2024-04-01T12:00:00Z"), [24, 23, 24]);
        assert_eq!(hours(Grain::Week, "2023-10-25T12:00:00Z", "2023-11-01T12:00:00Z"), [169, 168]);
        assert_eq!(hours(Grain::Week, "2023-10-29T23:00:00Z", "2023-10-30T12:00:00Z"), [168]);
        assert_eq!(
            hours(Grain::Month, "2024-02-29T12:00:00Z", "2024-04-01T00:00:00Z"),
            [29 * 24, 31 * 24 - 1, 30 * 24]
        );
        assert_eq!(hours(Grain::Hour, "2023-10-29T00:30:00Z", "2023-10-29T02:30:00Z"), [1, 1, 1]);
        assert_eq!(hours(Grain::Day, "2023-10-28T12:00:00Z", "2023-10-28T12:00:00Z"), [0; 0]);
    }

    #[test]
    fn bars_add_up_to_the_whole() {
        let mut intervals = Intervals::default();
        intervals.begin(at("2023-10-20T09:00:00Z"), Status::Operational, Evidence::Own);
        intervals.begin(at("2023-10-28T21:00:00Z"), Status::MajorOutage, Evidence::Own);
        intervals.begin(at("2023-10-29T05:00:00Z"), Status::Unknown, Evidence::Own);
        intervals.begin(at("2023-10-29T06:00:00Z"), Status::UnderMaintenance, Evidence::Notice);
        intervals.begin(at("2023-10-31T06:00:00Z"), Status::Operational, Evidence::Own);
        let now = at("2023-11-02T10:00:00Z");
        let slots = slots(&berlin(), Grain::Day, at("2023-10-15T22:00:00Z"), at("2023-11-05T22:00:00Z"));
        let bars = bars(&intervals, &slots, None, now);
        let sum = |of: fn(&Availability) -> u64| -> u64 {
            bars.iter().filter_map(|bar| bar.availability.as_ref()).map(of).sum()
        };
        let whole = intervals.window(now, Duration::from_secs(30 * 86_400), None).expect("measured");
        assert_eq!(sum(|one| one.major_s), whole.major_s);
        assert_eq!(whole.major_s, 8 * 3600);
        assert_eq!(sum(|one| one.maintenance_s), whole.maintenance_s);
        assert_eq!(sum(|one| one.measured_s), whole.measured_s);
        let worst: Vec<_> = bars.iter().map(|bar| bar.worst).collect();
        // Nothing before the first day and nothing of the days to come.
        assert_eq!(worst[..4], [None; 4]);
        assert_eq!(worst[4], Some(Status::Operational));
        assert_eq!(
            worst[12..15],
            [Some(Status::MajorOutage), Some(Status::MajorOutage), Some(Status::UnderMaintenance)]
        );
        assert_eq!(worst[18..], [None; 3]);
        // 25 hours of which six are the outage.
        let longest = bars[13].availability.expect("measured");
        assert_eq!((longest.measured_s + longest.unknown_s, longest.major_s), (25 * 3600, 7 * 3600));
    }

    #[test]
    fn a_strip_draws_each_look_in_a_height_of_its_own() {
        let tops: std::collections::BTreeSet<String> = LOOKS
            .into_iter()
            .map(|look| {
                let mut path = String::new();
                shape(look, 0, &mut path);
                path
            })
            .collect();
        assert_eq!(tops.len(), LOOKS.len());
    }

    #[test]
    fn no_number_of_a_line_is_missing_or_beyond_the_drawing() {
        for bins in [
            vec![],
            vec![bin(None, 0); 3],
            vec![bin(Some([0, 0, 0]), 0)],
            vec![bin(Some([10, 20, 5_000]), 1), bin(None, 4), bin(Some([1, 1, 1]), 0)],
            vec![bin(Some([1, 86_400_000, 86_400_000]), 0)],
        ] {
            let drawn = line(&caption("Antwortzeit"), &bins).into_string();
            assert!(!drawn.contains("NaN") && !drawn.contains("inf"), "{drawn}");
            for number in drawn
                .split(['M', 'L'])
                .filter_map(|part| part.split_once(' ')?.1.split(['"', 'L', 'M', 'z', 'h']).next())
            {
                let number: Option<f64> = number.parse().ok();
                assert!(number.is_none_or(|number| (0.0..=104.0).contains(&number)), "{drawn}");
            }
        }
        let two = line(&caption("x"), &[bin(Some([100, 200, 400]), 0), bin(None, 2), bin(Some([100, 200, 400]), 0)]);
        // The gap parts the line, and what failed in it has a mark.
        let two = two.into_string();
        assert!(two.contains("M0 60.0L10 60.0M20 60.0L30 60.0"), "{two}");
        assert!(two.contains("class=\"c-out\" d=\"M11 104h8v12h-8z\""), "{two}");
    }

    #[test]
    fn the_scale_ends_at_a_round_number() {
        for (most, end) in
            [(0, 10), (7, 10), (11, 20), (51, 100), (700, 1_000), (1_001, 2_000), (86_400_000, 100_000_000)]
        {
            assert_eq!(scale_end(&[bin(Some([0, 0, most]), 0)]), Duration::from_millis(end), "{most}");
        }
    }

    #[test]
    fn hostile_captions_stay_text() {
        let hostile = "</title></svg><script>alert(1)</script>";
        let bar = Bar {
            slot: Slot { from: at("2023-10-30T00:00:00Z"), until: at("2023-10-31T00:00:00Z") },
            worst: Some(Status::MajorOutage),
            availability: None,
        };
        let tell = |_: &Bar| hostile.to_owned();
        for drawn in [strip(&caption(hostile), &[bar], Some(&tell)), line(&caption(hostile), &[])] {
            let drawn = drawn.into_string();
            assert_eq!(drawn.matches("</svg>").count(), 1, "{drawn}");
            assert!(!drawn.contains("<script"), "{drawn}");
        }
    }
}
