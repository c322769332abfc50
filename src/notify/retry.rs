//! When a message that was not accepted is tried again. Pure.

use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::model::time::Timestamp;

/// The pauses after each attempt: a day in all. After the last one a message is given up.
const PAUSES_S: [u64; 11] = [5, 30, 120, 600, 1_800, 3_600, 7_200, 14_400, 14_400, 18_000, 21_600];

/// A pause is up to so much longer than it says, in hundredths, so that those who failed together do not come
/// back together.
const JITTER: u64 = 25;

/// Longest pause that a receiver may ask for.
const ASKED_MAX: Duration = Duration::from_secs(6 * 3_600);

/// When the attempt after `attempts` others comes; `None`: there is none. A receiver that names a later time is
/// heard.
pub fn next(id: &str, attempts: u32, asked: Option<Duration>, now: Timestamp) -> Option<Timestamp> {
    let pause = Duration::from_secs(*PAUSES_S.get(attempts as usize)?);
    let hash = Sha256::new().chain_update(id).chain_update(attempts.to_be_bytes()).finalize();
    let spread = hash.first_chunk::<4>().copied().map_or(0, u32::from_be_bytes);
    let longer = pause.mul_f64(f64::from(spread) / f64::from(u32::MAX) * JITTER as f64 / 100.0);
    Some(now.plus((pause + longer).max(asked.unwrap_or_default().min(ASKED_MAX))))
}

/// Longest pause while something lasts that cannot wait.
const URGENT_MAX: Duration = Duration::from_secs(600);

/// The same for a message that is tried for as long as what it tells of lasts.
pub fn next_urgent(id: &str, attempts: u32, now: Timestamp) -> Timestamp {
    let longest = now.plus(URGENT_MAX);
    next(id, attempts, None, now).map_or(longest, |at| at.min(longest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_tried_for_about_a_day_and_then_given_up() {
        let mut at = Timestamp::from_millis(0);
        let mut attempts = 0;
        while let Some(next) = next("msg_a", attempts, None, at) {
            assert!(next > at);
            (at, attempts) = (next, attempts + 1);
        }
        assert_eq!(attempts, 11);
        let hours = at.as_millis() / 3_600_000;
        assert!((22..=29).contains(&hours), "{hours}");
    }

    #[test]
    fn what_cannot_wait_is_tried_at_least_every_ten_minutes_and_never_given_up() {
        let now = Timestamp::from_millis(0);
        let pauses: Vec<i64> = (0..50).map(|attempts| next_urgent("msg_a", attempts, now).as_millis() / 1000).collect();
        assert!(pauses[0] < 10 && pauses.iter().all(|pause| *pause <= 600), "{pauses:?}");
        assert_eq!(pauses[49], 600);
    }

    #[test]
    fn a_receiver_may_ask_for_more_time_but_not_for_ever() {
        let now = Timestamp::from_millis(0);
        let asked = |seconds| next("msg_a", 0, Some(Duration::from_secs(seconds)), now).unwrap().as_millis() / 1000;
        assert_eq!((asked(0), asked(90), asked(1 << 40)), (asked(1), 90, 6 * 3_600));
        assert_ne!(next("msg_a", 3, None, now), next("msg_b", 3, None, now), "they do not come back together");
    }
}
