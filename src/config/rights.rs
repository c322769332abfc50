//! Who may say what: the reach of an organisation, `[trust]`, hosts and secrets.
//!
//! A probe file is trusted for the organisations it declares and for nobody else. What an
//! organisation may put on other pages follows from its ARS, from `[trust]` in config.toml, or
//! from the other one's `served_by`.

use std::collections::{HashMap, HashSet};

use url::Url;

use super::diagnostic::{At, Fault, quote};
use super::graph::{Index, Placed};
use super::organisations::{own_reach, shown};
use super::values::RawReach;
use crate::model::catalogue::Organisation;

/// What each organisation may reach.
pub(super) struct Rights<'a> {
    /// Per organisation: ARS prefixes.
    prefixes: Vec<Vec<&'a str>>,
    /// Per organisation: others named by `[trust]`.
    named: Vec<HashSet<&'a str>>,
    /// (organisation, component) pairs granted by `served_by`.
    served: HashSet<(u32, u32)>,
}

impl<'a> Rights<'a> {
    pub(super) fn new(index: &'a Index<'_>, granted: &[Vec<At<&str>>]) -> Self {
        let mut prefixes: Vec<Vec<&str>> =
            index.organisations.iter().map(|organisation| own_reach(organisation).into_iter().collect()).collect();
        let mut named = vec![HashSet::new(); index.organisations.len()];
        for trust in &index.operator.trust {
            let Some(number) = trusted(index, &trust.organisation) else { continue };
            for reach in &trust.serves {
                match reach.prefix() {
                    Some(prefix) => prefixes.get_mut(number as usize).map(|list| list.push(prefix)),
                    None => named.get_mut(number as usize).map(|set| {
                        set.insert(reach.text);
                    }),
                };
            }
        }
        let secrets = index.operator.secrets.values().flat_map(|defined| &defined.organisations);
        for id in secrets.chain(&index.operator.granted) {
            trusted(index, id);
        }
        let mut served = HashSet::new();
        for (organisation, components) in (0u32..).zip(granted) {
            served.extend(
                components.iter().filter_map(|id| index.component(id)).map(|component| (organisation, component)),
            );
        }
        Self { prefixes, named, served }
    }

    /// Whether components of `owner` may reach all of a prefix.
    fn reaches_prefix(&self, owner: u32, prefix: &str) -> bool {
        self.prefixes.get(owner as usize).is_some_and(|list| list.iter().any(|own| prefix.starts_with(own)))
    }

    /// Whether a component of `owner` may reach an organisation.
    pub(super) fn reaches(&self, index: &Index<'_>, owner: u32, component: u32, organisation: u32) -> bool {
        let Some(other) = index.organisations.get(organisation as usize) else { return false };
        owner == organisation
            || self.served.contains(&(organisation, component))
            || other.ars.as_deref().is_some_and(|ars| self.reaches_prefix(owner, ars))
            || self.named.get(owner as usize).is_some_and(|set| set.contains(other.id.as_str()))
    }

    /// Whether a component may reach what an entry of `serves` or `organisations` says.
    pub(super) fn allows(&self, index: &Index<'_>, component: u32, reach: &RawReach<'_>) -> bool {
        let Some(owner) = index.components.get(component as usize).and_then(|component| component.owner) else {
            return true;
        };
        match reach.prefix() {
            Some(prefix) => {
                self.reaches_prefix(owner, prefix)
                    // A whole key is one organisation: it may have agreed itself.
                    || index.organisations.iter().zip(0u32..).any(|(other, number)| {
                        other.ars.as_deref() == Some(prefix) && self.reaches(index, owner, component, number)
                    })
            }
            None if reach.text.starts_with('!') => true,
            None => index
                .organisation_ids
                .get(reach.text)
                .is_none_or(|number| self.reaches(index, owner, component, *number)),
        }
    }
}

/// Looks up an organisation that config.toml names; there an unknown one is only a warning,
/// because the operator's file outlives the others.
fn trusted(index: &Index<'_>, id: &At<&str>) -> Option<u32> {
    let number = index.organisation_ids.get(id.value).copied();
    if number.is_none() && index.complete {
        let fault = Fault::warning(format!("there is no organisation {}", quote(id.value)))
            .at(id.spot, "no probe file declares it");
        let help = super::diagnostic::did_you_mean(id.value, index.organisation_ids.keys().copied());
        index.faults.push(fault.help(help.unwrap_or_else(|| "remove it if it is gone for good".to_owned())));
    }
    number
}

/// A component may stand only on the pages that its owner reaches.
pub(super) fn check_serves(index: &Index<'_>, rights: &Rights<'_>, number: u32, component: &Placed<'_>) {
    let Some(owner) = component.owner.and_then(|owner| index.organisations.get(owner as usize)) else { return };
    for reach in component.raw.serves.iter().flatten() {
        if rights.allows(index, number, reach) {
            continue;
        }
        let fault = Fault::error(format!(
            "{} may not serve {}",
            shown(&owner.name, &index.operator.site.languages),
            quote(reach.text)
        ));
        let label = match own_reach(owner) {
            Some(own) => format!("its own reach is {}", quote(own)),
            None => "it reaches nobody by itself".to_owned(),
        };
        let help = format!(
            "the operator may add `[trust.{}] serves = [\"{}\"]` to config.toml, or each body names it: `served_by = [\"{}\"]`",
            owner.id, reach.text, component.id
        );
        index.faults.push(fault.at(reach.spot, label).help(help));
    }
}

/// A check may use a secret only if the operator lets its owner, and only towards its origins.
pub(super) fn check_secrets(index: &Index<'_>, component: &Placed<'_>) {
    let owner = component.owner.and_then(|owner| index.organisations.get(owner as usize));
    for used in component.raw.checks.iter().flat_map(|check| &check.secrets) {
        let name = quote(&used.name.value);
        let Some(secret) = index.operator.secrets.get(&used.name.value) else {
            let fault = Fault::error(format!("there is no secret {name}")).at(used.name.spot, "unknown");
            index.faults.push(fault.help("let the operator define it in config.toml: `[secrets.NAME]` with `file`, `organisations` and `origins`"));
            continue;
        };
        let Some(owner) = owner else { continue };
        if !secret.entry.organisations.contains(&owner.id) {
            let fault = Fault::error(format!(
                "{} may not use the secret {name}",
                shown(&owner.name, &index.operator.site.languages)
            ));
            let help = format!("the operator may add {} to the secret's `organisations`", quote(owner.id.as_str()));
            index.faults.push(fault.at(used.name.spot, "*** belongs to somebody else").help(help));
        } else if let Some(origin) = used.origin.as_ref().filter(|origin| !secret.entry.origins.contains(origin)) {
            let fault = Fault::error(format!("the secret {name} may not be sent to {}", quote(origin)));
            let help = format!("the operator may add {} to the secret's `origins`", quote(origin));
            index.faults.push(fault.at(used.name.spot, "*** would leave its origins").help(help));
        }
    }
}

/// A host may be that of the organisation's own domain, or one that `[trust]` names; it belongs
/// to one organisation only and is not the site's.
pub(super) fn check_hosts(index: &Index<'_>, hosts: &[(u32, Vec<At<&str>>)]) {
    let site = Url::parse(&index.operator.site.public_url).ok().and_then(|url| url.host_str().map(str::to_owned));
    let mut taken: HashMap<&str, super::diagnostic::Spot> = HashMap::new();
    for (number, hosts) in hosts {
        let Some(organisation) = index.organisations.get(*number as usize) else { continue };
        for host in hosts {
            if let Some(first) = taken.insert(host.value, host.spot) {
                super::graph::twice(
                    index.faults,
                    &format!("the host {}", quote(host.value)),
                    first,
                    host.spot,
                    "a host leads to one organisation",
                );
            }
            let trusted = index.operator.trust.iter().any(|trust| {
                trust.organisation.value == organisation.id.as_str()
                    && trust.hosts.iter().any(|other| other.value == host.value)
            });
            let is_site = site.as_deref() == Some(host.value);
            if is_site || !(trusted || in_own_domain(organisation, host.value)) {
                let label = if is_site { "the host of the whole site" } else { "outside its own domain" };
                let fault = Fault::error(format!(
                    "{} may not claim the host {}",
                    shown(&organisation.name, &index.operator.site.languages),
                    quote(host.value)
                ));
                let help = if is_site {
                    "choose another one; there every organisation has its page".to_owned()
                } else {
                    format!(
                        "the operator may add `[trust.{}] hosts = [\"{}\"]` to config.toml",
                        organisation.id, host.value
                    )
                };
                index.faults.push(fault.at(host.spot, label).help(help));
            }
        }
    }
}

/// Whether a host lies in the domain of the organisation's homepage (without its `www.`).
fn in_own_domain(organisation: &Organisation, host: &str) -> bool {
    let url = organisation.url.as_ref().and_then(|link| Url::parse(link.plain().unescaped()).ok());
    let Some(home) = url.as_ref().and_then(Url::domain) else { return false };
    let domain = home.strip_prefix("www.").unwrap_or(home);
    // A bare top-level domain is nobody's own.
    domain.contains('.') && (host == domain || host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.')))
}
