//! Readings and standings → what whoever is on call looks at first, as far as they may see it.

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
use crate::model::verdict::Verdict;

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
        let mut failing: Vec<Failing> = seen.iter().filter_map(|seen| self.standing(seen, at, &mut checks)).collect();
        failing.sort_by_key(|failing| (rank(failing), std::cmp::Reverse(failing.since), failing.index));
        Ok(Oversight {
            checks,
            failing: Listed::first(FAILING_MAX, failing),
            slowest: slowest(&seen),
            certificates: certificates(&seen),
        })
    }

    /// Counts a check, and tells of it if it is not as it should be.
    fn standing(&self, seen: &Seen<'_>, at: Timestamp, counted: &mut Standings) -> Option<Failing> {
        let record = self.record.checks.get(seen.index as usize)?;
        let last = seen.reading.reason.filter(|_| seen.has_run());
        let expired = record.seen_at.is_some() && !self.has_fresh_evidence(seen.index, at);
        let place = match record.verdict {
            Verdict::Unknown if record.seen_at.is_none() && !seen.has_run() => &mut counted.waiting,
            Verdict::Unknown => &mut counted.unknown,
            _ if expired => &mut counted.unknown,
            Verdict::Up => &mut counted.up,
            Verdict::Degraded => &mut counted.degraded,
            Verdict::Down => &mut counted.down,
        };
        *place += 1;
        let fails = matches!(record.verdict, Verdict::Down | Verdict::Degraded) || record.reason.is_some();
        if !fails && !expired && last.is_none() {
            return None;
        }
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
            unconfirmed: last.filter(|_| record.reason != last),
            expired,
            seen_at: record.seen_at,
            detail: None,
        })
    }
}

/// The worst first; what is not confirmed comes last.
const fn rank(failing: &Failing) -> u8 {
    match failing.verdict {
        Verdict::Down => 0,
        Verdict::Degraded => 1,
        Verdict::Unknown => 2,
        Verdict::Up if failing.expired => 3,
        Verdict::Up => 4,
    }
}

/// Hosts that answered, by the slowest of their answers.
fn slowest(seen: &[Seen<'_>]) -> Listed<Slow> {
    let mut hosts: BTreeMap<&str, Slow> = BTreeMap::new();
    for seen in seen.iter().filter(|seen| seen.has_run() && seen.reading.success == Some(true)) {
        let Named { component, check } = seen.named();
        let longest = Phase::ALL
            .iter()
            .filter_map(|&phase| Some((seen.reading.phases.get(phase)?, phase)))
            .max_by_key(|&(took, _)| took);
        let slow = Slow {
            host: host(&seen.check.probe).to_owned(),
            checks: 1,
            component,
            check,
            duration: seen.reading.duration,
            phase: longest.map(|(_, phase)| phase.as_str()),
            phase_took: longest.map(|(took, _)| took),
        };
        match hosts.get_mut(host(&seen.check.probe)) {
            Some(known) => {
                let checks = known.checks + 1;
                if slow.duration > known.duration {
                    *known = slow;
                }
                known.checks = checks;
            }
            None => drop(hosts.insert(host(&seen.check.probe), slow)),
        }
    }
    let mut all: Vec<Slow> = hosts.into_values().collect();
    all.sort_by(|a, b| (b.duration, &a.host).cmp(&(a.duration, &b.host)));
    Listed::first(HOSTS_MAX, all)
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
    let mut all: BTreeMap<(Timestamp, &str), (&TlsFacts, Vec<Named>)> = BTreeMap::new();
    for seen in seen {
        let Some(tls) = seen.reading.tls.as_deref() else { continue };
        let (Some(leaf), Some(ends_at)) = (tls.chain.first(), tls.earliest_expiry()) else { continue };
        let known = all.entry((ends_at, &leaf.fingerprint_sha256)).or_insert_with(|| (tls, Vec::new()));
        if known.0.refused.is_none() {
            // One check may trust what another refuses.
            known.0 = tls;
        }
        known.1.push(seen.named());
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
            checks: Listed::first(NAMED_MAX, checks),
        })
    });
    Listed { listed: listed.collect(), more }
}
