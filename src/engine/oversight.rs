//! Readings and standings → what whoever is on call looks at first, as far as they may see it.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::engine::edit::Rights;
use crate::engine::state::State;
use crate::model::access::Editor;
use crate::model::catalogue::Component;
use crate::model::check::{Check, Phase, Probe};
use crate::model::editing::Refusal;
use crate::model::id::CheckId;
use crate::model::measurements::Reading;
use crate::model::observation::TlsFacts;
use crate::model::oversight::{
    CERTIFICATES_MAX, Certificate, FAILING_MAX, Failing, HOSTS_MAX, Listed, NAMED_MAX, Named, Oversight, Slow,
    Standings,
};
use crate::model::time::Timestamp;
use crate::model::verdict::{Reason, Verdict};

/// A check that the editor may see, with what is known of it.
struct Seen<'a> {
    index: u32,
    check: &'a Check,
    component: &'a Component,
    reading: &'a Reading,
}

impl Seen<'_> {
    fn named(&self) -> Named {
        Named { component: self.component.id.clone(), check: CheckId::clone(&self.check.id) }
    }

    fn has_run(&self) -> bool {
        self.reading.ended_at != Timestamp::default()
    }

    /// Why the last probe was not up.
    fn last_reason(&self) -> Option<Reason> {
        self.reading.reason.filter(|_| self.has_run())
    }
}

impl State {
    /// What an editor may see of the checks: an admin of all everything, others what they own.
    /// `readings` has one for each check of the catalogue in force.
    pub fn oversight(&self, editor: &Editor, readings: &[Arc<Reading>], at: Timestamp) -> Result<Oversight, Refusal> {
        let catalogue = self.catalogue();
        let rights = Rights::new(editor, catalogue)?;
        let seen: Vec<Seen<'_>> = catalogue
            .checks
            .iter()
            .zip(readings)
            .zip(0u32..)
            .filter_map(|((check, reading), index)| {
                let component = catalogue.component(check.component).filter(|component| rights.owns(component))?;
                Some(Seen { index, check, component, reading })
            })
            .collect();
        let mut checks = Standings::default();
        // Only those that are told are written out: of a great outage they are a few of thousands.
        let mut failing: Vec<&Seen<'_>> = seen.iter().filter(|seen| self.fails(seen, at, &mut checks)).collect();
        failing.sort_by_cached_key(|seen| self.rank(seen, at));
        let more = failing.len().saturating_sub(FAILING_MAX);
        let listed = failing.into_iter().take(FAILING_MAX).filter_map(|seen| self.failing(seen, at)).collect();
        Ok(Oversight {
            checks,
            failing: Listed { listed, more },
            slowest: slowest(&seen),
            certificates: certificates(&seen),
        })
    }

    /// Counts a check, and says whether it is not as it should be.
    fn fails(&self, seen: &Seen<'_>, at: Timestamp, counted: &mut Standings) -> bool {
        let Some(record) = self.record.checks.get(seen.index as usize) else { return false };
        let expired = self.has_expired(seen, at);
        let place = match record.verdict {
            Verdict::Unknown if record.seen_at.is_none() && !seen.has_run() => &mut counted.waiting,
            Verdict::Unknown => &mut counted.unknown,
            _ if expired => &mut counted.unknown,
            Verdict::Up => &mut counted.up,
            Verdict::Degraded => &mut counted.degraded,
            Verdict::Down => &mut counted.down,
        };
        *place += 1;
        let holds = matches!(record.verdict, Verdict::Down | Verdict::Degraded) || record.reason.is_some();
        holds || expired || seen.last_reason().is_some()
    }

    fn has_expired(&self, seen: &Seen<'_>, at: Timestamp) -> bool {
        let record = self.record.checks.get(seen.index as usize);
        record.is_some_and(|record| record.seen_at.is_some()) && !self.has_fresh_evidence(seen.index, at)
    }

    /// The worst first, of those the latest; what is not confirmed comes last.
    fn rank(&self, seen: &Seen<'_>, at: Timestamp) -> (u8, Reverse<Timestamp>, u32) {
        let record = self.record.checks.get(seen.index as usize);
        let worst = match record.map_or(Verdict::Unknown, |record| record.verdict) {
            Verdict::Down => 0,
            Verdict::Degraded => 1,
            Verdict::Unknown => 2,
            Verdict::Up if self.has_expired(seen, at) => 3,
            Verdict::Up => 4,
        };
        (worst, Reverse(record.map(|record| record.since).unwrap_or_default()), seen.index)
    }

    fn failing(&self, seen: &Seen<'_>, at: Timestamp) -> Option<Failing> {
        let record = self.record.checks.get(seen.index as usize)?;
        let catalogue = self.catalogue();
        let owner = catalogue.organisations.get(seen.component.owner as usize)?;
        let language = catalogue.site.language();
        Some(Failing {
            index: seen.index,
            component: seen.component.id.clone(),
            name: seen.component.name.get(language, language),
            owner: owner.id.clone(),
            public: seen.component.public,
            check: CheckId::clone(&seen.check.id),
            target: seen.check.probe.target(),
            verdict: record.verdict,
            since: record.since,
            reason: record.reason,
            unconfirmed: seen.last_reason().filter(|last| record.reason != Some(*last)),
            expired: self.has_expired(seen, at),
            seen_at: record.seen_at,
            detail: None,
        })
    }
}

/// Hosts that answered, by the slowest of their answers.
fn slowest(seen: &[Seen<'_>]) -> Listed<Slow> {
    let mut hosts: BTreeMap<&str, (&Seen<'_>, usize)> = BTreeMap::new();
    for seen in seen.iter().filter(|seen| seen.has_run() && seen.reading.success == Some(true)) {
        let (slowest, checks) = hosts.entry(host(&seen.check.probe)).or_insert((seen, 0));
        *checks += 1;
        if seen.reading.duration > slowest.reading.duration {
            *slowest = seen;
        }
    }
    let mut all: Vec<_> = hosts.into_iter().collect();
    all.sort_by_key(|(host, (seen, _))| (Reverse(seen.reading.duration), *host));
    let more = all.len().saturating_sub(HOSTS_MAX);
    let listed = all.into_iter().take(HOSTS_MAX).map(|(host, (seen, checks))| {
        let Named { component, check } = seen.named();
        let phases = Phase::ALL.iter().filter_map(|&phase| Some((seen.reading.phases.get(phase)?, phase)));
        let longest = phases.max_by_key(|&(took, _)| took);
        Slow {
            host: host.to_owned(),
            checks,
            component,
            check,
            duration: seen.reading.duration,
            phase: longest.map(|(_, phase)| phase.as_str()),
            phase_took: longest.map(|(took, _)| took),
        }
    });
    Listed { listed: listed.collect(), more }
}

fn host(probe: &Probe) -> &str {
    match probe {
        Probe::Http(http) => http.url.host_str().unwrap_or_default(),
        Probe::Tls(tls) => &tls.host,
        Probe::Tcp(tcp) => &tcp.host,
        Probe::Dns(dns) => &dns.name,
    }
}

/// Each certificate once, however many checks saw it.
fn certificates(seen: &[Seen<'_>]) -> Listed<Certificate> {
    let mut all: BTreeMap<(Timestamp, &str), (&TlsFacts, Vec<&Seen<'_>>)> = BTreeMap::new();
    for seen in seen {
        let Some(tls) = seen.reading.tls.as_deref() else { continue };
        let (Some(leaf), Some(ends_at)) = (tls.chain.first(), tls.earliest_expiry()) else { continue };
        let known = all.entry((ends_at, &leaf.fingerprint_sha256)).or_insert_with(|| (tls, Vec::new()));
        if known.0.refused.is_none() {
            // One check may trust what another refuses.
            known.0 = tls;
        }
        known.1.push(seen);
    }
    let more = all.len().saturating_sub(CERTIFICATES_MAX);
    let listed = all.into_iter().take(CERTIFICATES_MAX).filter_map(|((ends_at, fingerprint), (tls, checks))| {
        let leaf = tls.chain.first()?;
        let first = tls.chain.iter().min_by_key(|certificate| certificate.not_after)?;
        Some(Certificate {
            ends_at,
            subject: leaf.subject.clone(),
            issuer: leaf.issuer.clone(),
            ends_first: (first.not_after < leaf.not_after).then(|| first.subject.clone()),
            names: Listed::first(NAMED_MAX, leaf.names.clone()),
            fingerprint_sha256: fingerprint.to_owned(),
            refused: tls.refused.clone(),
            checks: Listed {
                more: checks.len().saturating_sub(NAMED_MAX),
                listed: checks.into_iter().take(NAMED_MAX).map(Seen::named).collect(),
            },
        })
    });
    Listed { listed: listed.collect(), more }
}
