//! Looking back: results, availability over a range and by day, with an archive of the tests' own.

use std::time::Duration;

use jiff::civil::date;
use jiff::tz::TimeZone;
use proptest::prelude::*;
use serde_json::{Value, json};
use turmwacht::model::id::CheckId;
use turmwacht::model::snapshot::Snapshot;
use turmwacht::model::status::{Evidence, Status};
use turmwacht::model::time::Timestamp;
use turmwacht::model::verdict::{Reason, Verdict};
use turmwacht::publish::archive::{PastInterval, PastResult, Unavailable};
use turmwacht::publish::past::{BINS_MAX, DAYS_MAX, daily, response_times};
use turmwacht::publish::{Rendered, render_with};

use super::sample::{sample, time};
use super::target;
use crate::archive::Told;

const RESULTS: &str = "/api/v1/components/serviceportal-en/results";
const AVAILABILITY: &str = "/api/v1/components/serviceportal-en/availability";

fn past(check: &str, at: &str, verdict: Verdict, reason: Option<Reason>, us: u64) -> PastResult {
    PastResult { check: CheckId::new(check), at: time(at), verdict, reason, duration: Duration::from_micros(us) }
}

fn interval(from: &str, until: &str, status: Status) -> PastInterval {
    PastInterval { from: time(from), until: Some(time(until)), status, evidence: Evidence::Own }
}

fn value(snapshot: &Snapshot, archive: &Told, address: &str) -> Value {
    match render_with(snapshot, archive, &target(address)) {
        Rendered::Document(document) => {
            assert_eq!(document.content_type, "application/json; charset=utf-8");
            serde_json::from_slice(&document.body).expect("JSON")
        }
        other => panic!("{address}: {other:?}"),
    }
}

#[test]
fn results_are_told_by_check_for_the_last_day() {
    let archive = Told {
        results: vec![
            past("http", "2023-11-05T09:29:59Z", Verdict::Up, None, 1),
            past("http", "2023-11-05T09:30:00Z", Verdict::Up, None, 84_449),
            past("dns", "2023-11-05T09:30:01Z", Verdict::Up, None, 312),
            past("http", "2023-11-06T09:29:00.25Z", Verdict::Down, Some(Reason::Timeout), 10_000_000),
            past("http", "2023-11-06T09:30:00Z", Verdict::Up, None, 1),
        ],
        ..Told::default()
    };
    let answer = value(&sample(), &archive, RESULTS);
    let one = |at: &str, verdict: &str, reason: Value, ms: f64| json!({ "at": at, "verdict": verdict, "reason": reason, "duration_ms": ms });
    assert_eq!(
        answer["results"],
        json!({
            "id": "serviceportal-en",
            "from": "2023-11-05T09:30:00Z",
            "to": "2023-11-06T09:30:00Z",
            "checks": [
                { "id": "dns", "results": [one("2023-11-05T09:30:01Z", "up", Value::Null, 0.3)] },
                { "id": "http", "results": [
                    one("2023-11-05T09:30:00Z", "up", Value::Null, 84.4),
                    one("2023-11-06T09:29:00.25Z", "down", "timeout".into(), 10_000.0),
                ] },
            ],
        })
    );
    assert_eq!(answer["generated_at"], "2023-11-06T09:30:00Z");
    assert!(answer["valid_until"].is_string() && answer["position"].is_u64());
    let exported = Snapshot { exported: Some(time("2023-11-06T08:00:00Z")), ..sample() };
    let answer = value(&exported, &archive, RESULTS);
    assert_eq!((&answer["generated_at"], &answer["valid_until"]), (&"2023-11-06T08:00:00Z".into(), &Value::Null));
}

#[test]
fn ranges_are_instants_or_local_days() {
    let snapshot = sample();
    let archive = Told::default();
    for (query, from, until) in [
        ("from=2023-11-06T08:00:00Z&to=2023-11-06T09:00:00Z", "2023-11-06T08:00:00Z", "2023-11-06T09:00:00Z"),
        // A plus sign that is not encoded, and one that is.
        ("from=2023-11-06T08:00:00+01:00", "2023-11-06T07:00:00Z", "2023-11-06T09:30:00Z"),
        ("from=2023-11-06T08:00:00%2B01:00", "2023-11-06T07:00:00Z", "2023-11-06T09:30:00Z"),
        ("to=2023-11-01T00:00:00Z", "2023-10-31T00:00:00Z", "2023-11-01T00:00:00Z"),
        // A day of 25 hours.
        ("from=2023-10-29&to=2023-10-29", "2023-10-28T22:00:00Z", "2023-10-29T23:00:00Z"),
        // Today is not over.
        ("from=2023-11-06&to=2023-11-06", "2023-11-05T23:00:00Z", "2023-11-06T09:30:00Z"),
        ("to=2030-01-01", "2023-11-05T09:30:00Z", "2023-11-06T09:30:00Z"),
        // 31 days with the hour of autumn in them.
        ("from=2023-10-01&to=2023-10-31", "2023-09-30T22:00:00Z", "2023-10-31T23:00:00Z"),
        ("from=&to=", "2023-11-05T09:30:00Z", "2023-11-06T09:30:00Z"),
    ] {
        let answer = value(&snapshot, &archive, &format!("{RESULTS}?{query}"));
        assert_eq!((&answer["results"]["from"], &answer["results"]["to"]), (&from.into(), &until.into()), "{query}");
        assert_eq!(archive.asked(), [format!("results of serviceportal-en from {from} until {until}")], "{query}");
    }
}

#[test]
fn ranges_that_make_no_sense_are_told_in_a_sentence() {
    let form = "ist ein Zeitpunkt mit Zeitzone (2023-10-30T07:04:00Z) oder ein Tag (2023-10-30).";
    for (address, sentence) in [
        (format!("{RESULTS}?from=gestern"), format!("`from` {form}")),
        (format!("{RESULTS}?to=2023-11-06T08:00:00"), format!("`to` {form}")),
        (format!("{RESULTS}?to=2023-02-30"), format!("`to` {form}")),
        (format!("{RESULTS}?from=9999-12-31&to=9999-12-31"), format!("`to` {form}")),
        (format!("{RESULTS}?from=2023-11-05&to=2023-11-04"), "`from` liegt vor `to`.".to_owned()),
        (
            format!("/en{RESULTS}?from=2023-11-05T00:00:00Z&to=2023-11-05T00:00:00Z"),
            "`from` comes before `to`.".to_owned(),
        ),
        (format!("{AVAILABILITY}?from=2023-11-07&to=2023-11-09"), "`from` liegt in der Vergangenheit.".to_owned()),
        (format!("{RESULTS}?from=2023-10-01"), "Der Zeitraum umfasst höchstens 31 Tage.".to_owned()),
        (format!("/en{AVAILABILITY}?from=2022-09-01"), "The range is 400 days at most.".to_owned()),
        (format!("{RESULTS}?from=2023-11-05&from=2023-11-04"), "`from` darf nur einmal angegeben werden.".to_owned()),
    ] {
        let archive = Told::default();
        let answer = render_with(&sample(), &archive, &target(&address));
        assert_eq!(answer, Rendered::BadRequest(sentence), "{address}");
        assert_eq!(archive.asked(), [""; 0], "{address}: nobody is asked for nonsense");
    }
}

#[test]
fn too_much_and_an_archive_that_does_not_answer_are_unavailable() {
    let broken = Told::broken();
    let answer = |archive: &Told, address: &str| render_with(&sample(), archive, &target(address));
    assert_eq!(answer(&broken, RESULTS), Rendered::Unavailable);
    // What the snapshot knows itself needs no archive; what lies before does.
    assert!(matches!(answer(&broken, AVAILABILITY), Rendered::Document(_)));
    assert_eq!(answer(&broken, &format!("{AVAILABILITY}?from=2023-09-01")), Rendered::Unavailable);
    let many = |count: i64| Told {
        results: (0..count)
            .map(|n| PastResult {
                at: time("2023-11-06T00:00:00Z").shifted(n),
                ..past("http", "2023-11-06T00:00:00Z", Verdict::Up, None, 1)
            })
            .collect(),
        ..Told::default()
    };
    let from = format!("{RESULTS}?from=2023-11-05T09:30:00Z");
    assert!(matches!(answer(&many(10_000), &from), Rendered::Document(_)));
    assert_eq!(answer(&many(10_001), &from), Rendered::Unavailable);
    // Who names no begin is told of as many as there is room for, and from when on.
    let told = &value(&sample(), &many(10_003), RESULTS)["results"];
    assert_eq!(told["from"], "2023-11-06T00:00:00.003Z");
    assert_eq!(told["checks"][0]["results"].as_array().map(Vec::len), Some(10_000));
    assert_eq!(value(&sample(), &many(10_000), RESULTS)["results"]["from"], "2023-11-05T09:30:00Z");
}

/// A component that was gone for a month, and was out for six hours of a day in spring.
fn year() -> Told {
    Told {
        intervals: vec![
            interval("2022-12-01T00:00:00Z", "2023-02-01T00:00:00Z", Status::Operational),
            interval("2023-02-28T23:00:00Z", "2023-03-01T05:00:00Z", Status::MajorOutage),
            interval("2023-03-01T05:00:00Z", "2023-10-01T00:00:00Z", Status::Operational),
        ],
        ..Told::default()
    }
}

#[test]
fn eleven_months_of_days_are_drawn_from_intervals_of_any_age() {
    let snapshot = sample();
    let archive = year();
    let answer = &value(&snapshot, &archive, &format!("{AVAILABILITY}?from=2022-12-01&to=2023-11-06"))["availability"];
    assert_eq!(
        archive.asked(),
        ["intervals of serviceportal-en from 2022-11-30T23:00:00Z until 2023-10-01T00:00:00Z"],
        "what the snapshot holds is not asked for"
    );
    assert_eq!((&answer["id"], &answer["timezone"]), (&"serviceportal-en".into(), &"Europe/Berlin".into()));
    let days = answer["days"].as_array().expect("days");
    assert_eq!((days.len(), &days[0]["date"], &days[340]["date"]), (341, &"2022-12-01".into(), &"2023-11-06".into()));
    let day = |date: &str| days.iter().find(|day| day["date"] == date).expect("a day");
    for (date, status, ratio, measured) in [
        // It was first watched at one o'clock.
        ("2022-12-01", "operational", json!(1.0), json!(82_800)),
        ("2023-01-15", "operational", json!(1.0), json!(86_400)),
        ("2023-02-10", "unknown", Value::Null, Value::Null),
        ("2023-03-01", "major_outage", json!(0.75), json!(86_400)),
        ("2023-03-26", "operational", json!(1.0), json!(82_800)),
        ("2023-10-29", "operational", json!(1.0), json!(90_000)),
        ("2023-11-06", "major_outage", json!(1.0 - 1_080.0 / 37_800.0), json!(37_800)),
    ] {
        let day = day(date);
        assert_eq!((&day["status"], &day["ratio"], &day["measured_s"]), (&status.into(), &ratio, &measured), "{date}");
    }
    let sum = |field: &str| -> u64 { days.iter().filter_map(|day| day[field].as_u64()).sum() };
    assert_eq!(answer["measured_s"].as_u64(), Some(sum("measured_s")), "days add up");
    assert_eq!((answer["major_s"].as_u64(), sum("major_s")), (Some(6 * 3600 + 1_080), 6 * 3600 + 1_080));
    assert_eq!((&answer["outages"], &answer["longest_outage_s"]), (&2.into(), &21_600.into()));
    let intervals = answer["intervals"].as_array().expect("intervals");
    let told: Vec<String> = intervals
        .iter()
        .map(|i| {
            format!(
                "{} {} {}",
                i["from"].as_str().unwrap(),
                i["to"].as_str().unwrap_or("-"),
                i["status"].as_str().unwrap()
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            "2022-12-01T00:00:00Z 2023-02-01T00:00:00Z operational",
            "2023-02-01T00:00:00Z 2023-02-28T23:00:00Z unknown",
            "2023-02-28T23:00:00Z 2023-03-01T05:00:00Z major_outage",
            // What the snapshot holds is the same status going on.
            "2023-03-01T05:00:00Z 2023-11-06T09:12:00Z operational",
            "2023-11-06T09:12:00Z - major_outage",
        ]
    );
}

#[test]
fn availability_is_that_of_the_last_thirty_days_unless_a_range_is_named() {
    let snapshot = sample();
    let archive = year();
    let answer = &value(&snapshot, &archive, AVAILABILITY)["availability"];
    assert_eq!((&answer["from"], &answer["to"]), (&"2023-10-07T09:30:00Z".into(), &"2023-11-06T09:30:00Z".into()));
    assert_eq!(archive.asked(), [""; 0]);
    let known = &super::value(&snapshot, "/api/v1/components/serviceportal-en")["component"]["availability"]["30d"];
    for (field, figure) in known.as_object().expect("figures") {
        assert_eq!(&answer[field], figure, "{field}");
    }
    // Days are whole, also where the range begins within one.
    assert_eq!(answer["days"].as_array().map(Vec::len), Some(31));
    assert_eq!(answer["days"][0]["from"], "2023-10-06T22:00:00Z");
    // Before it was watched there is nothing, and nothing is made up.
    let answer =
        &value(&snapshot, &Told::default(), &format!("{AVAILABILITY}?from=2023-08-01&to=2023-08-02"))["availability"];
    assert_eq!((&answer["ratio"], &answer["measured_s"]), (&Value::Null, &Value::Null));
    assert_eq!((&answer["days"][0]["status"], &answer["intervals"]), (&Value::Null, &json!([])));
}

#[test]
fn the_name_of_a_check_breaks_no_json() {
    for hostile in ["\"}],\"x\":[{\"", "</script><script>", "a\u{0}b\u{202e}\r\n", "\\u0022\\\\"] {
        let archive =
            Told { results: vec![past(hostile, "2023-11-06T09:00:00Z", Verdict::Up, None, 1)], ..Told::default() };
        let answer = value(&sample(), &archive, RESULTS);
        assert_eq!(answer["results"]["checks"][0]["id"], hostile);
    }
}

#[test]
fn days_are_counted_from_the_first_and_bounded() {
    let snapshot = sample();
    let component = *snapshot.catalogue.component_index.get("serviceportal-en").expect("it is there");
    let zone = TimeZone::get("Europe/Berlin").expect("bundled");
    let days = daily(&snapshot, &year(), component, date(2023, 11, 5), 3, &zone).unwrap();
    let told: Vec<_> = days.iter().map(|day| (day.date.to_string(), day.worst, day.availability.is_some())).collect();
    assert_eq!(
        told,
        [
            ("2023-11-05".to_owned(), Some(Status::Operational), true),
            ("2023-11-06".to_owned(), Some(Status::MajorOutage), true),
            ("2023-11-07".to_owned(), None, false),
        ]
    );
    assert_eq!(days[1].until, snapshot.at);
    assert_eq!(daily(&snapshot, &year(), component, date(2022, 1, 1), 9_999, &zone).unwrap().len(), DAYS_MAX);
    assert_eq!(daily(&snapshot, &year(), component, date(9999, 12, 28), 9, &zone).unwrap().len(), 2);
    let broken = Told::broken();
    assert_eq!(daily(&snapshot, &broken, component, date(2023, 1, 1), 9, &zone), Err(Unavailable::Now));
    assert_eq!(daily(&snapshot, &broken, 9_999, date(2023, 1, 1), 9, &zone).map(|days| days.len()), Ok(9));
}

#[test]
fn response_times_are_sorted_into_bins() {
    let at = |second: i64| Timestamp::from_millis(second * 1000);
    let one = |second: i64, verdict, ms: u64| PastResult {
        at: at(second),
        duration: Duration::from_millis(ms),
        ..past("http", "2023-11-06T09:00:00Z", verdict, None, 0)
    };
    let results = [
        one(0, Verdict::Up, 30),
        one(9, Verdict::Degraded, 900),
        one(1, Verdict::Up, 20),
        one(2, Verdict::Up, 10),
        one(5, Verdict::Down, 10_000),
        one(10, Verdict::Unknown, 7),
        one(30, Verdict::Up, 1),
    ];
    let bins = response_times(&results, at(0), at(30), 3);
    let told: Vec<_> = bins
        .iter()
        .map(|bin| {
            let times = bin.times.map(|times| [times.min, times.median, times.max].map(|time| time.as_millis()));
            (bin.from, bin.until, times, bin.answered, bin.failed, bin.unknown)
        })
        .collect();
    assert_eq!(
        told,
        [
            (at(0), at(10), Some([10, 20, 900]), 4, 1, 0),
            (at(10), at(20), None, 0, 0, 1),
            (at(20), at(30), None, 0, 0, 0),
        ]
    );
    assert_eq!(response_times(&results, at(9), at(9), 3), []);
    assert_eq!(response_times(&results, at(0), at(30), 0), []);
    assert_eq!(response_times(&results, at(0), at(30), usize::MAX).len(), BINS_MAX);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn bins_hold_each_result_once(
        results in proptest::collection::vec((0..5_000i64, 0..4usize), 0..200),
        (from, length) in (-100..4_000i64, 1..5_000i64),
        bins in 1..50usize,
    ) {
        let results: Vec<PastResult> = results
            .iter()
            .map(|&(at, verdict)| PastResult {
                at: Timestamp::from_millis(at),
                verdict: Verdict::ALL[verdict],
                ..past("http", "2023-11-06T09:00:00Z", Verdict::Up, None, 5)
            })
            .collect();
        let (from, until) = (Timestamp::from_millis(from), Timestamp::from_millis(from + length));
        let found = response_times(&results, from, until, bins);
        let inside = results.iter().filter(|result| from <= result.at && result.at < until).count();
        prop_assert_eq!(found.iter().map(|bin| bin.answered + bin.failed + bin.unknown).sum::<usize>(), inside);
        prop_assert_eq!((found[0].from, found[found.len() - 1].until), (from, until));
        prop_assert!(found.windows(2).all(|pair| pair[0].until == pair[1].from && pair[0].from < pair[0].until));
        prop_assert!(found.iter().all(|bin| bin.times.is_some() == (bin.answered > 0)));
    }
}

#[test]
fn the_longest_range_shows_all_days_that_it_touches() {
    let snapshot = sample();
    // From half past nine to half past nine: 401 dates.
    let from = time("2023-11-06T09:30:00Z").minus(Duration::from_secs(400 * 86_400));
    let answer = &value(&snapshot, &Told::default(), &format!("{AVAILABILITY}?from={from}"))["availability"];
    let days = answer["days"].as_array().expect("days");
    assert_eq!((days.len(), &days[400]["date"]), (401, &"2023-11-06".into()));
    let sum: u64 = days.iter().filter_map(|day| day["measured_s"].as_u64()).sum();
    assert_eq!(answer["measured_s"].as_u64(), Some(sum), "days add up");
}
