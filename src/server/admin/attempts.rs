//! Failed attempts to get in: after a few within a minute their address has to wait.
//!
//! What is kept is a hash under a key that never leaves this process, for ten minutes at most:
//! no address and no token. Whoever got in lately with the same token is let pass to the look-up
//! all the same, so that a forgotten script in a town hall locks none of its editors out.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, Hash, RandomState};
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::server::accept::network;

/// Failed attempts of an address within [`WINDOW`] until it has to wait.
pub(super) const FAILED_MAX: u32 = 10;
/// The time in which they are counted.
const WINDOW: Duration = Duration::from_secs(60);
/// How long anything is remembered.
const KEPT: Duration = Duration::from_secs(600);
/// Most addresses, and most tokens, that are remembered. The oldest makes room.
const REMEMBERED_MAX: usize = 4096;

/// What is remembered of attempts.
#[derive(Debug, Default)]
pub(super) struct Attempts {
    key: RandomState,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    failed: HashMap<u64, Failed>,
    succeeded: HashMap<u64, Instant>,
}

/// The failed attempts of an address since an instant.
#[derive(Debug, Clone, Copy)]
struct Failed {
    since: Instant,
    count: u32,
}

impl Attempts {
    /// How long an address has to wait before this token is looked up, if at all.
    pub(super) fn wait(&self, client: IpAddr, bearer: &str, now: Instant) -> Option<Duration> {
        let seen = self.lock();
        let failed = seen.failed.get(&self.hash(network(client)))?;
        let wait = WINDOW.checked_sub(now.saturating_duration_since(failed.since)).filter(|wait| !wait.is_zero())?;
        let is_known = || {
            let at = seen.succeeded.get(&self.hash(bearer));
            at.is_some_and(|at| now.saturating_duration_since(*at) < KEPT)
        };
        (failed.count >= FAILED_MAX && !is_known()).then_some(wait)
    }

    /// An attempt of an address with this token failed.
    pub(super) fn failed(&self, client: IpAddr, bearer: &str, now: Instant) {
        let mut seen = self.lock();
        // It may have been in force until now.
        seen.succeeded.remove(&self.hash(bearer));
        let client = self.hash(network(client));
        make_room(&mut seen.failed, client, |failed| failed.since);
        let failed = seen.failed.entry(client).or_insert(Failed { since: now, count: 0 });
        if now.saturating_duration_since(failed.since) >= WINDOW {
            *failed = Failed { since: now, count: 0 };
        }
        failed.count = failed.count.saturating_add(1);
    }

    /// Somebody got in with this token.
    pub(super) fn succeeded(&self, bearer: &str, now: Instant) {
        let mut seen = self.lock();
        let bearer = self.hash(bearer);
        make_room(&mut seen.succeeded, bearer, |at| *at);
        seen.succeeded.insert(bearer, now);
    }

    /// Forgets what is old.
    pub(super) fn forget(&self, now: Instant) {
        let is_young = |at: Instant| now.saturating_duration_since(at) < KEPT;
        let mut seen = self.lock();
        seen.failed.retain(|_, failed| is_young(failed.since));
        seen.succeeded.retain(|_, at| is_young(*at));
    }

    fn hash(&self, of: impl Hash) -> u64 {
        self.key.hash_one(of)
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        // Nothing of others runs under this lock.
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Removes the oldest entry if the map is full and `key` is new in it.
fn make_room<V>(map: &mut HashMap<u64, V>, key: u64, since: impl Fn(&V) -> Instant) {
    if map.len() >= REMEMBERED_MAX
        && !map.contains_key(&key)
        && let Some(oldest) = map.iter().min_by_key(|(_, value)| since(value)).map(|(key, _)| *key)
    {
        map.remove(&oldest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::monotonic;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn the_eleventh_attempt_within_a_minute_waits_for_its_end() {
        let (attempts, start) = (Attempts::default(), monotonic());
        let at = |second| start + Duration::from_secs(second);
        let town_hall = address("192.0.2.1");
        for second in 0..10 {
            assert_eq!(attempts.wait(town_hall, "wrong", at(second)), None);
            attempts.failed(town_hall, "wrong", at(second));
        }
        assert_eq!(attempts.wait(town_hall, "wrong", at(10)), Some(Duration::from_secs(50)));
        assert_eq!(attempts.wait(address("::ffff:192.0.2.1"), "wrong", at(10)), Some(Duration::from_secs(50)));
        assert_eq!(attempts.wait(address("192.0.2.2"), "wrong", at(10)), None);
        assert_eq!(attempts.wait(town_hall, "wrong", at(60)), None);
        attempts.failed(town_hall, "wrong", at(60));
        assert_eq!(attempts.wait(town_hall, "wrong", at(60)), None, "a new minute, a new count");
    }

    #[test]
    fn one_network_of_64_bits_is_one_address() {
        let (attempts, now) = (Attempts::default(), monotonic());
        for host in 0..10 {
            attempts.failed(address(&format!("2001:db8::{host}")), "wrong", now);
        }
        assert!(attempts.wait(address("2001:db8::ffff"), "wrong", now).is_some());
        assert!(attempts.wait(address("2001:db8:0:1::"), "wrong", now).is_none());
    }

    #[test]
    fn who_got_in_lately_is_not_locked_out_by_others() {
        let (attempts, start) = (Attempts::default(), monotonic());
        let town_hall = address("192.0.2.1");
        attempts.succeeded("right", start);
        let later = start + Duration::from_secs(595);
        for _ in 0..20 {
            attempts.failed(town_hall, "wrong", later);
        }
        assert_eq!(attempts.wait(town_hall, "right", later), None);
        assert!(attempts.wait(town_hall, "wrong", later).is_some());
        assert!(attempts.wait(town_hall, "right", later + Duration::from_secs(10)).is_some());
        attempts.succeeded("right", later);
        attempts.failed(town_hall, "right", later);
        assert!(attempts.wait(town_hall, "right", later).is_some(), "it was revoked");
    }

    #[test]
    fn memory_is_bounded_in_number_and_time() {
        let (attempts, start) = (Attempts::default(), monotonic());
        for number in 0..5_000_u32 {
            let at = start + Duration::from_millis(number.into());
            attempts.failed(IpAddr::from(number.to_be_bytes()), "wrong", at);
            attempts.succeeded(&number.to_string(), at);
        }
        let held = |attempts: &Attempts| {
            let seen = attempts.lock();
            (seen.failed.len(), seen.succeeded.len())
        };
        assert_eq!(held(&attempts), (4_096, 4_096));
        attempts.forget(start + Duration::from_secs(599));
        assert_eq!(held(&attempts), (4_096, 4_096));
        attempts.forget(start + Duration::from_secs(606));
        assert_eq!(held(&attempts), (0, 0));
    }
}
