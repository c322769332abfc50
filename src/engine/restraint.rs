//! What targets are spared, by address: we must not become the attack, nor knock again where we
//! were asked to wait.
//!
//! Unplanned probes of one address come one at a time, in a small burst, and beyond it at its steady
//! rate, so that it never sees more than twice that. Who says with 429 or 503 when to come back
//! (`Retry-After`) is left alone until then, by every request that asks the same host and port: others
//! behind the same address have a word of their own. It is at most an hour long, and never so long that
//! what is known of a check would expire.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use crate::engine::confirm::evidence_lasts;
use crate::engine::schedule::Timing;

/// Of one address at most this many unplanned probes begin in a burst.
const UNPLANNED_BURST: f64 = 3.0;

/// Nobody is left alone longer, whatever he asks for.
const PUT_OFF_MAX: Duration = Duration::from_secs(3600);

/// An unplanned probe that must wait comes again after this, and after this more for each request to
/// its address, so that a crowd does not knock all the time.
const AGAIN: Duration = Duration::from_millis(200);
const AGAIN_EACH: Duration = Duration::from_millis(5);

/// What is known of the addresses that requests lead to. Times are those of the schedule.
#[derive(Debug, Default)]
pub(super) struct Restraint {
    hosts: HashMap<IpAddr, Host>,
    /// By site: until when it wants to be left alone, and which request it said so to.
    put_off: HashMap<u64, (Duration, u32)>,
    /// By request.
    known: Vec<Option<Known>>,
}

/// Where the last probe of a request ended, and when it began.
#[derive(Debug, Clone, Copy)]
struct Known {
    address: IpAddr,
    started: Duration,
}

#[derive(Debug)]
struct Host {
    /// Requests that lead there, and how many probes a second they are.
    requests: u32,
    steady_per_second: f64,
    tokens: f64,
    filled_at: Duration,
    /// An unplanned probe is under way.
    is_busy: bool,
}

impl Restraint {
    /// A probe of a request came back from `address`, which may have asked to be left alone for so
    /// long.
    pub(super) fn heard(
        &mut self,
        (request, timing): (u32, &Timing),
        (address, wait): (IpAddr, Option<Duration>),
        (started, now): (Duration, Duration),
    ) {
        self.learn(request, address, timing.interval, now);
        if let Some(known) = self.known.get_mut(request as usize) {
            *known = Some(Known { address, started });
        }
        let Some(site) = timing.site else { return };
        match wait {
            Some(wait) => drop(self.put_off.insert(site, (now + wait.min(PUT_OFF_MAX), request))),
            None if self.put_off.get(&site).is_some_and(|(_, said_to)| *said_to == request) => {
                self.put_off.remove(&site);
            }
            None => {}
        }
    }

    /// The request leads to this address now.
    fn learn(&mut self, request: u32, address: IpAddr, interval: Duration, now: Duration) {
        let index = request as usize;
        if self.known.len() <= index {
            self.known.resize(index + 1, None);
        }
        let before = self.known.get(index).copied().flatten().map(|known| known.address);
        if before == Some(address) {
            return;
        }
        let rate = 1.0 / interval.as_secs_f64().max(0.001);
        if let Some(host) = before.and_then(|before| self.hosts.get_mut(&before)) {
            host.requests = host.requests.saturating_sub(1);
            host.steady_per_second -= rate;
        }
        // Names whose addresses change all the time leave no more behind than there are requests.
        if self.hosts.len() > 2 * self.known.len() {
            self.hosts.retain(|_, host| host.requests > 0);
        }
        let host = self.hosts.entry(address).or_insert_with(|| Host {
            requests: 0,
            steady_per_second: 0.0,
            tokens: UNPLANNED_BURST,
            filled_at: now,
            is_busy: false,
        });
        host.requests += 1;
        host.steady_per_second += rate;
    }

    /// Until when a request must wait, if it may not begin now. An unplanned one that may counts as
    /// under way until [`Self::landed`].
    pub(super) fn holds_back(
        &mut self,
        request: u32,
        unplanned: bool,
        timing: &Timing,
        now: Duration,
    ) -> Option<Duration> {
        let known = self.known.get(request as usize).copied().flatten()?;
        if let Some((until, _)) = timing.site.and_then(|site| self.put_off.get(&site)) {
            // A tenth is left for queues.
            let lasts = evidence_lasts(timing.interval, timing.timeout);
            let until = (*until).min(known.started + lasts.saturating_sub(timing.timeout).mul_f64(0.9));
            if until > now {
                return Some(until);
            }
        }
        let host = self.hosts.get_mut(&known.address)?;
        if unplanned { host.takes_in(now).err() } else { None }
    }

    /// How many addresses are remembered.
    pub(super) fn addresses(&self) -> usize {
        self.hosts.len()
    }

    /// An unplanned probe ended.
    pub(super) fn landed(&mut self, request: u32) {
        let known = self.known.get(request as usize).copied().flatten();
        if let Some(host) = known.and_then(|known| self.hosts.get_mut(&known.address)) {
            host.is_busy = false;
        }
    }
}

impl Host {
    /// Begins an unplanned probe, or says when to ask again.
    fn takes_in(&mut self, now: Duration) -> Result<(), Duration> {
        let rate = self.steady_per_second.max(0.001);
        let filled = now.saturating_sub(self.filled_at).as_secs_f64() * rate;
        self.tokens = (self.tokens + filled).min(UNPLANNED_BURST);
        self.filled_at = now;
        let again = AGAIN + AGAIN_EACH * self.requests;
        if self.is_busy {
            return Err(now + again);
        }
        if self.tokens < 1.0 {
            let token = Duration::from_secs_f64(((1.0 - self.tokens) / rate).min(60.0));
            return Err(now + token.max(again));
        }
        self.tokens -= 1.0;
        self.is_busy = true;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADDRESS: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn minutely(site: u64) -> Timing {
        Timing { key: 0, interval: seconds(60), timeout: seconds(10), site: Some(site) }
    }

    #[test]
    fn who_asks_to_be_left_alone_is_left_alone_within_bounds() {
        let mut restraint = Restraint::default();
        let timings = [minutely(1), minutely(1), minutely(2)];
        let held = |restraint: &mut Restraint, request: u32, at| {
            restraint.holds_back(request, false, &timings[request as usize], seconds(at))
        };
        for request in 0..3 {
            restraint.heard((request, &timings[request as usize]), (ADDRESS, None), (seconds(0), seconds(0)));
        }
        restraint.heard((0, &timings[0]), (ADDRESS, Some(seconds(120))), (seconds(1), seconds(2)));
        assert_eq!(held(&mut restraint, 0, 61), Some(seconds(122)));
        assert_eq!(held(&mut restraint, 1, 61), Some(seconds(122)), "the same host and port");
        assert_eq!(held(&mut restraint, 2, 61), None, "others behind the address");
        assert_eq!(held(&mut restraint, 0, 122), None);
        // Evidence of a minute's check lasts 190 s: it is asked before that, whatever was said.
        restraint.heard((0, &timings[0]), (ADDRESS, Some(seconds(9_000_000))), (seconds(122), seconds(123)));
        assert_eq!(held(&mut restraint, 0, 200), Some(seconds(122 + 162)));
        let daily = Timing { interval: seconds(86_400), ..timings[0] };
        assert_eq!(restraint.holds_back(0, true, &daily, seconds(200)), Some(seconds(123 + 3600)), "an hour at most");
        // Whom it was said to hears that it is over.
        restraint.heard((1, &timings[1]), (ADDRESS, None), (seconds(284), seconds(284)));
        assert!(held(&mut restraint, 0, 283).is_some(), "it answers others, which says nothing");
        restraint.heard((0, &timings[0]), (ADDRESS, None), (seconds(284), seconds(284)));
        assert_eq!(held(&mut restraint, 0, 285), None);
    }

    #[test]
    fn addresses_that_change_all_the_time_leave_little_behind() {
        let mut restraint = Restraint::default();
        for n in 0..10_000u32 {
            restraint.heard((n % 4, &minutely(1)), (IpAddr::V4(n.into()), None), (seconds(0), seconds(0)));
        }
        assert!(restraint.hosts.len() <= 9, "{}", restraint.hosts.len());
        assert_eq!(restraint.hosts.values().map(|host| host.requests).sum::<u32>(), 4);
    }
}
