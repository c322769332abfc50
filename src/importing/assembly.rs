//! Entries of an origin → one probe file: ids, groups as wholes, secrets by name, and what does
//! not fit left out.

use std::collections::HashMap;

use super::bounds::{Refusal, judge};
use super::draft::{Belongs, Component, Credential, Entry, Found, Maintenance, Organisation};
use super::name::{Ids, NAME_CHARS_MAX, one_line, slug};
use super::report::{Remark, Report, SecretNeeded};
use super::request::origin_of;
use super::written::{Document, write, write_organisation};
use super::{ENTRIES_MAX, Fault, Options, Outcome};
use crate::model::check::{HeaderValue, Probe};
use crate::model::status::{ComponentKind, OrganisationKind};

/// Planned work of an origin; what it covers by the keys of its entries.
#[derive(Debug)]
pub(super) struct Planned {
    pub(super) title: String,
    pub(super) place: String,
    pub(super) keys: Vec<String>,
    pub(super) from: toml::value::Datetime,
    pub(super) until: toml::value::Datetime,
}

/// The body that owns what is imported.
pub(super) fn organisation(options: &Options) -> Organisation {
    let kind = options.kind.unwrap_or_else(|| kind_of(options.ars.as_deref()));
    let name = options.name.as_deref().map(|name| one_line(name, NAME_CHARS_MAX)).filter(|name| !name.is_empty());
    Organisation {
        id: options.organisation.clone(),
        name: name.unwrap_or_else(|| options.organisation.clone()),
        kind,
        ars: options.ars.clone(),
        comments: Vec::new(),
    }
}

/// The kind of body that an ARS belongs to. A town that is its own county looks like one.
pub(super) fn kind_of(ars: Option<&str>) -> OrganisationKind {
    let Some(ars) = ars else { return OrganisationKind::Provider };
    let last = ars.bytes().rposition(|digit| digit != b'0').map_or(0, |index| index + 1);
    match last {
        0 => OrganisationKind::Federal,
        1 | 2 => OrganisationKind::State,
        3..=5 => OrganisationKind::County,
        6..=9 => OrganisationKind::Association,
        _ => OrganisationKind::Municipality,
    }
}

/// The head of the file.
pub(super) fn head(origin: &str, options: &Options) -> Vec<String> {
    let mut lines =
        vec![format!("Imported from {origin} with `turmwacht import`. Names and kinds are to be looked at.")];
    if options.declared {
        lines.push(format!("This belongs into the file that declares `{}`.", options.organisation));
    }
    if !options.public {
        lines.push("Nothing here is shown to the public: take `public = false` away where it should be.".to_owned());
    }
    lines
}

/// Puts the entries together.
pub(super) fn assemble(
    origin: &str,
    entries: Vec<Entry>,
    planned: Vec<Planned>,
    mut report: Report,
    options: &Options,
) -> Result<Outcome, Fault> {
    if entries.len() > ENTRIES_MAX {
        return Err(Fault::TooMany);
    }
    let mut kept: Vec<Found> = Vec::new();
    for entry in entries {
        match entry {
            Entry::Left(entry, why) => report.leave(one_line(&entry, NAME_CHARS_MAX), why),
            Entry::Found(found) => match unfit(&found, options) {
                None => kept.push(*found),
                Some(refusal) => {
                    let (private, why) = match refusal {
                        Refusal::Private(why) => (true, why),
                        Refusal::Unfit(why) => (false, why),
                    };
                    report.private += usize::from(private);
                    report.leave(label(&found), why);
                }
            },
        }
    }
    let mut ids = Ids::default();
    let mut secrets = Ids::default();
    let mut wholes: HashMap<String, String> = HashMap::new();
    let mut known: HashMap<String, String> = HashMap::new();
    let mut components = Vec::new();
    for found in kept {
        let whole = found.group.clone().map(|(key, name)| {
            let id = wholes.entry(key).or_insert_with_key(|key| {
                let id = ids.take(&name, "gruppe", key);
                components.push(group(&id, &name, options));
                id
            });
            id.clone()
        });
        let id = match whole {
            Some(_) => ids.take_part(&found.name, "dienst", &found.key),
            None => ids.take(&found.name, "dienst", &found.key),
        };
        let full = whole.as_ref().map_or_else(|| id.clone(), |whole| format!("{whole}.{id}"));
        known.insert(found.key.clone(), full);
        report.differs.extend(found.remarks.iter().map(|text| Remark { entry: label(&found), text: text.clone() }));
        components.push(component(found, id, whole, &mut secrets, &mut report, options));
    }
    let maintenances = maintenances(planned, &known, &mut report);
    report.components = components.len();
    report.checks = components.iter().map(|component| component.checks.len()).sum();
    let owner = organisation(options);
    let mut document =
        Document { comments: head(origin, options), organisations: Vec::new(), components, maintenances };
    if options.declared {
        let text = write(&document)?;
        let judged = format!("{text}{}", write_organisation(&owner).text);
        return Ok(Outcome { text, judged, report });
    }
    document.organisations.push(owner);
    let text = write(&document)?;
    Ok(Outcome { judged: text.clone(), text, report })
}

fn label(found: &Found) -> String {
    let name = one_line(&found.name, NAME_CHARS_MAX);
    format!("{name} ({})", found.place)
}

/// Why an entry cannot be written, if so.
fn unfit(found: &Found, options: &Options) -> Option<Refusal> {
    if let Some(refusal) = found.checks.iter().find_map(|check| judge(check, options.private_networks).err()) {
        return Some(refusal);
    }
    let named = |credential: &Credential| http::HeaderName::from_bytes(credential.header.as_bytes()).is_ok();
    if !found.credentials.iter().all(named) {
        return Some(Refusal::Unfit("one of its headers cannot be sent".to_owned()));
    }
    let unsafe_way = found.credentials.iter().any(|credential| match found.checks.get(credential.check) {
        Some(check) => match &check.probe {
            Probe::Http(http) => origin_of(&http.url).is_none(),
            Probe::Tls(_) | Probe::Tcp(_) | Probe::Dns(_) => true,
        },
        None => true,
    });
    unsafe_way.then(|| Refusal::Unfit("it sends a secret without encryption, which a check here does not".to_owned()))
}

fn group(id: &str, name: &str, options: &Options) -> Component {
    let shown = one_line(name, NAME_CHARS_MAX);
    Component {
        id: id.to_owned(),
        name: if shown.is_empty() { id.to_owned() } else { shown },
        kind: ComponentKind::Service,
        belongs: Belongs::To(options.organisation.clone()),
        public: options.public,
        serves: Vec::new(),
        url: None,
        leika: Vec::new(),
        ozg: None,
        depends_on: Vec::new(),
        other_pages: Vec::new(),
        comments: Vec::new(),
        checks: Vec::new(),
    }
}

fn component(
    found: Found,
    id: String,
    whole: Option<String>,
    secrets: &mut Ids,
    report: &mut Report,
    options: &Options,
) -> Component {
    let mut checks = found.checks;
    for credential in found.credentials {
        let Some(check) = checks.get_mut(credential.check) else { continue };
        let Probe::Http(http) = &mut check.probe else { continue };
        let Some(origin) = origin_of(&http.url) else { continue };
        let key = format!("{}\n{}\n{}", found.key, credential.check, credential.header);
        let name = secrets.take(&format!("{id} {}", slug(&credential.header)), "secret", &key);
        http.headers.retain(|(header, _)| !header.eq_ignore_ascii_case(&credential.header));
        http.headers.push((credential.header, HeaderValue::Secret(name.clone())));
        let organisation = options.organisation.clone();
        report.secrets.push(SecretNeeded { name, organisation, origin, content: credential.content });
    }
    let shown = one_line(&found.name, NAME_CHARS_MAX);
    let comments = std::iter::once(found.place).chain(found.comments).chain(found.remarks).collect();
    Component {
        name: if shown.is_empty() { id.clone() } else { shown },
        id,
        kind: found.kind,
        // A part is as public as its whole.
        public: options.public || whole.is_some(),
        belongs: whole.map_or_else(|| Belongs::To(options.organisation.clone()), Belongs::PartOf),
        serves: Vec::new(),
        url: None,
        leika: Vec::new(),
        ozg: None,
        depends_on: Vec::new(),
        other_pages: Vec::new(),
        comments,
        checks,
    }
}

fn maintenances(planned: Vec<Planned>, known: &HashMap<String, String>, report: &mut Report) -> Vec<Maintenance> {
    let mut ids = Ids::default();
    let mut maintenances = Vec::new();
    for work in planned {
        let title = one_line(&work.title, NAME_CHARS_MAX);
        let entry = format!("{title} ({})", work.place);
        let components: Vec<String> = work.keys.iter().filter_map(|key| known.get(key).cloned()).collect();
        if components.is_empty() {
            report.leave(entry, "it covers nothing that was carried over");
            continue;
        }
        if components.len() < work.keys.len() {
            let text = "it covers only what was carried over".to_owned();
            report.differs.push(Remark { entry, text });
        }
        let id = ids.take(&title, "wartung", &work.place);
        let title = if title.is_empty() { id.clone() } else { title };
        maintenances.push(Maintenance { id, title, components, from: work.from, until: work.until });
    }
    maintenances
}
