//! Whatever happens, and wherever the program dies: nobody is told too often, nothing twice, nothing is lost.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use proptest::prelude::*;
use turmwacht::model::incident::Impact;
use turmwacht::model::notification::{Digest, WINDOW};
use turmwacht::notify::plan::IN_WINDOW_MAX;

use super::ground::{Ground, at, everything, night, to};

#[derive(Debug, Clone)]
enum Step {
    Open(usize, u8),
    Worsen(usize),
    Resolve(usize),
    /// Seconds go by with a look at each of them.
    Watch(i64),
    /// It dies after planning, before anything is recorded.
    Lose,
    /// It dies after recording.
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..8usize, 0..3u8).prop_map(|(incident, impact)| Step::Open(incident, impact)),
        (0..8usize).prop_map(Step::Worsen),
        (0..8usize).prop_map(Step::Resolve),
        (1..700i64).prop_map(Step::Watch),
        Just(Step::Lose),
        Just(Step::Restart),
    ]
}

fn impact(number: u8) -> Impact {
    [Impact::Minor, Impact::Major, Impact::Critical][usize::from(number)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]
    #[test]
    fn nobody_is_told_too_often_nothing_twice_and_nothing_is_lost(steps in proptest::collection::vec(step(), 1..40)) {
        let mut quiet = everything();
        quiet.quiet = night();
        let mut ground = Ground::new(vec![to("day@example.org", everything()), to("night@example.org", quiet)]);
        // Begins in the evening, so that some of it falls into the night.
        let mut now = 8 * 3600;
        let mut told: Vec<(i64, Digest)> = Vec::new();
        let mut opened: BTreeMap<String, bool> = BTreeMap::new();
        for step in steps {
            match step {
                Step::Open(incident, severity) => {
                    let id = format!("i{incident}");
                    opened.entry(id.clone()).or_insert_with(|| {
                        ground.open(&id, "portal", impact(severity), now);
                        true
                    });
                }
                Step::Worsen(incident) => {
                    let id = format!("i{incident}");
                    if opened.get(&id) == Some(&true) {
                        ground.change(&id, |incident| incident.impact = Impact::Critical);
                    }
                }
                Step::Resolve(incident) => {
                    let id = format!("i{incident}");
                    if opened.get(&id) == Some(&true) {
                        ground.resolve(&id, now);
                        opened.insert(id, false);
                    }
                }
                Step::Watch(seconds) => {
                    told.extend(ground.watch(now..now + seconds));
                    now += seconds;
                }
                Step::Lose => {
                    let mut lost = ground.planner.clone();
                    lost.take(&ground.facts, &[], &Default::default(), at(now));
                    lost.compose(&TimeZone::get("Europe/Berlin").unwrap(), at(now + 30));
                    ground.restart();
                }
                Step::Restart => ground.restart(),
            }
        }
        // Until the next midday everything is told.
        let noon = now + 86_400;
        while now < noon {
            told.extend(ground.look(now).into_iter().map(|digest| (now, digest)));
            ground.accept();
            now += 20;
        }
        for recipient in ["mail:day@example.org", "mail:night@example.org"] {
            let mine: Vec<_> = told.iter().filter(|(_, digest)| digest.recipient == recipient).collect();
            let window = i64::try_from(WINDOW.as_secs()).unwrap();
            for some in mine.windows(IN_WINDOW_MAX + 1) {
                prop_assert!(some[IN_WINDOW_MAX].0 - some[0].0 >= window, "too many: {some:?}");
            }
            for (number, (second, digest)) in mine.iter().enumerate() {
                let lately: Vec<_> = mine[..number].iter().filter(|(before, _)| second - before < window).collect();
                for item in &digest.items {
                    let is_new = item.severity == Impact::Critical && item.ended_at.is_none() && !item.told_before;
                    prop_assert!(lately.is_empty() || is_new, "it could have waited: {item:?}");
                    let before = lately.iter().flat_map(|(_, digest)| &digest.items);
                    prop_assert!(!before.map(|item| &item.subject).any(|other| *other == item.subject), "{item:?}");
                }
            }
            for (id, is_open) in &opened {
                let subject = format!("incident:{id}");
                let items: Vec<_> =
                    mine.iter().flat_map(|(_, digest)| &digest.items).filter(|item| item.subject == subject).collect();
                prop_assert!(!items.is_empty(), "{recipient} was never told of {id}");
                // It begins once, gets worse, ends once.
                for (number, item) in items.iter().enumerate() {
                    prop_assert_eq!(item.told_before, number > 0, "{:?}", items);
                    prop_assert_eq!(item.ended_at.is_some(), !is_open && number == items.len() - 1, "{:?}", items);
                }
                for pair in items.windows(2).filter(|pair| pair[1].ended_at.is_none()) {
                    prop_assert!(pair[0].severity < pair[1].severity, "{:?}", items);
                }
            }
        }
        let mut ids: Vec<&str> = told.iter().map(|(_, digest)| digest.id.as_str()).collect();
        ids.sort_unstable();
        ids.dedup();
        prop_assert_eq!(ids.len(), told.len(), "each message has an id of its own");
    }
}
