//! The open data of PVOG: a CSV of online services by LeiKa key and area (ARS).
//!
//! A service of an area becomes a component of the body with that ARS; it has no check of its own.
//! What is asked is each host once, by one page of it that the data names, and the services depend
//! on it: thousands of services share a few hosts, and asking each page would be an attack.
//! `online_status` is what the export claims; it becomes a comment and never a status.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use url::Url;

use super::assembly::{head, kind_of, organisation};
use super::draft::{Belongs, Component, Organisation};
use super::kept::{Earlier, merge};
use super::name::{Ids, NAME_CHARS_MAX, joined, one_line, slug};
use super::report::Report;
use super::request::secret_parameter;
use super::written::{self, Document, blocks, write, write_organisation};
use super::{ENTRIES_MAX, Fault, Options, Outcome, Source};
use crate::model::bounds::{URL_BYTES_MAX, inner_address};
use crate::model::status::{ComponentKind, OrganisationKind};

const WHAT: &str = "an export of PVOG";
/// Further pages of one service that are kept.
const PAGES_MAX: usize = 20;
/// More than this part of the services may not change between two imports: one in so many.
const CHANGED_PART: usize = 5;

/// What tells one service from another: its area, its LeiKa key, and its name where it has none.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Key {
    ars: String,
    leika: Option<String>,
    name: String,
}

#[derive(Debug, Default)]
struct Service {
    name: String,
    ozg: Option<u32>,
    urls: BTreeSet<String>,
    claims: BTreeSet<String>,
}

type Services = BTreeMap<Key, Service>;

/// Yesterday's export: its CSV files, or what was made of them. What was changed by hand in the latter stays.
#[derive(Debug, Clone, Copy)]
pub struct Previous<'a> {
    /// The files; may be none.
    pub files: &'a [Source<'a>],
    /// It is no fault if more than a fifth of the services has appeared or vanished since.
    pub may_differ: bool,
}

/// Imports all pages of an export.
pub fn import(sources: &[Source<'_>], previous: Previous<'_>, options: &Options) -> Result<Outcome, Fault> {
    let mut report = Report::default();
    let services = read(sources, &mut report)?;
    let owners = Owners::of(&services, options);
    let ids = ids(&services, &owners);
    let (tables, earlier) = apart(previous.files)?;
    if !previous.may_differ && !previous.files.is_empty() {
        let before = before(&tables, &earlier, options)?;
        let now: BTreeSet<&String> = ids.values().collect();
        let appeared = now.iter().filter(|id| !before.contains(**id)).count();
        let vanished = before.iter().filter(|id| !now.contains(id)).count();
        if (appeared + vanished) * CHANGED_PART > before.len() {
            return Err(Fault::Changed { appeared, vanished, before: before.len() });
        }
    }
    let mut taken = Ids::default();
    for id in ids.values() {
        taken.take(id, "dienst", id);
    }
    let hosts = hosts(&services, &owners, &mut taken);
    let mut components: Vec<Component> = hosts.values().map(Host::component).collect();
    for (key, service) in &services {
        let id = ids.get(key).cloned().unwrap_or_default();
        components.push(component(key, service, id, &owners, &hosts));
    }
    let used: BTreeSet<&String> = components
        .iter()
        .filter_map(|component| match &component.belongs {
            Belongs::To(owner) => Some(owner),
            Belongs::PartOf(_) => None,
        })
        .collect();
    let (own, others) = owners.organisations(options);
    let own = Some(own).filter(|body| used.contains(&body.id));
    let declaration = own.as_ref().filter(|_| options.declared).map(|own| write_organisation(own).text);
    let own = own.filter(|_| !options.declared);
    let others = others.into_iter().filter(|body| used.contains(&body.id));
    let organisations = own.into_iter().chain(others).collect();
    report.components = components.len();
    // A website with a URL has checks of its own: the page and the name, unless it is an address.
    report.checks = hosts.values().map(|host| 1 + usize::from(host.is_named)).sum();
    let public = Options { public: true, ..options.clone() };
    let document = Document { comments: head(WHAT, &public), organisations, components, maintenances: Vec::new() };
    let judged = write(&document)? + &declaration.unwrap_or_default();
    let text = merge(written::head(&document), blocks(&document), earlier, &mut report)?;
    Ok(Outcome { text, judged, report })
}

/// The places of the columns that are read.
struct Columns {
    leika: usize,
    name: usize,
    ars: usize,
    url: usize,
    ozg: Option<usize>,
    online_status: Option<usize>,
    active: Option<usize>,
}

impl Columns {
    /// Finds them by their heads: `leika_key`, `leikaKey` and `LEIKA-KEY` are the same.
    fn of(head: &csv::StringRecord) -> Option<Self> {
        let heads: Vec<String> = head
            .iter()
            .map(|name| name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect())
            .collect();
        let find = |names: &[&str]| heads.iter().position(|head| names.contains(&head.as_str()));
        Some(Self {
            leika: find(&["leikakey", "leikaid", "leikaschluessel"])?,
            name: find(&["leikaname", "leikabezeichnung", "name"])?,
            ars: find(&["ars"])?,
            url: find(&["url"])?,
            ozg: find(&["ozgid", "ozg"]),
            online_status: find(&["onlinestatus"]),
            active: find(&["aktiv", "active"]),
        })
    }
}

/// Reads all files; what cannot be a component is reported.
fn read(sources: &[Source<'_>], report: &mut Report) -> Result<Services, Fault> {
    let mut services = Services::new();
    let mut rows = 0;
    let mut idle = 0;
    for source in sources {
        let text = source.text(WHAT)?;
        let first = text.lines().next().unwrap_or_default();
        let delimiter =
            [b';', b',', b'\t'].into_iter().max_by_key(|sign| first.bytes().filter(|byte| byte == sign).count());
        let mut reader =
            csv::ReaderBuilder::new().delimiter(delimiter.unwrap_or(b';')).flexible(true).from_reader(text.as_bytes());
        let head = reader.headers().map_err(|error| source.broken(WHAT, error.to_string()))?;
        let columns = Columns::of(head).ok_or_else(|| {
            source.broken(WHAT, "its first line does not name the columns leika_key, leika_name, ars and url")
        })?;
        let file = one_line(source.name, 100);
        for record in reader.records() {
            let record = record.map_err(|error| source.broken(WHAT, error.to_string()))?;
            rows += 1;
            if rows > ENTRIES_MAX {
                return Err(Fault::TooMany);
            }
            let line = record.position().map_or(0, csv::Position::line);
            match row(&record, &columns, &mut services) {
                Ok(true) => {}
                Ok(false) => idle += 1,
                Err((name, why)) => report.leave(format!("{} ({file}:{line})", one_line(&name, NAME_CHARS_MAX)), why),
            }
        }
    }
    if idle > 0 {
        report.notes.push(format!("rows that are not active and were left out: {idle}"));
    }
    Ok(services)
}

/// Takes one row in. `false` if it says that it is not active.
fn row(record: &csv::StringRecord, columns: &Columns, services: &mut Services) -> Result<bool, (String, &'static str)> {
    let field = |index: usize| record.get(index).unwrap_or_default().trim();
    let optional = |index: Option<usize>| index.map(field).unwrap_or_default();
    let name = one_line(field(columns.name), NAME_CHARS_MAX);
    let leave = |why| Err((name.clone(), why));
    if matches!(optional(columns.active).to_ascii_lowercase().as_str(), "false" | "0" | "nein" | "f" | "n" | "no") {
        return Ok(false);
    }
    let Some(ars) = ars(field(columns.ars)) else { return leave("its `ars` is none") };
    let leika = Some(field(columns.leika))
        .filter(|key| key.len() == 14 && key.starts_with("99") && key.bytes().all(|byte| byte.is_ascii_digit()));
    if name.is_empty() {
        return leave("it has no name");
    }
    let url = match url(field(columns.url)) {
        Ok(url) => url,
        Err(why) => return leave(why),
    };
    let key =
        Key { ars, leika: leika.map(str::to_owned), name: if leika.is_some() { String::new() } else { slug(&name) } };
    let service = services.entry(key).or_default();
    // The same at each import, whatever the order of the rows.
    if service.name.is_empty() || name < service.name {
        service.name = name;
    }
    let ozg = optional(columns.ozg).parse::<u32>().ok().filter(|ozg| *ozg > 0);
    service.ozg = service.ozg.into_iter().chain(ozg).min();
    service.urls.insert(url);
    let claim = one_line(optional(columns.online_status), 40);
    if !claim.is_empty() && service.claims.len() < PAGES_MAX {
        service.claims.insert(claim);
    }
    Ok(true)
}

/// Twelve digits. One of eleven has lost its first zero in a spreadsheet; shorter ones are those of
/// a Land, a county or an association.
fn ars(text: &str) -> Option<String> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    match text.len() {
        12 => Some(text.to_owned()),
        11 => Some(format!("0{text}")),
        2 | 5 | 9 => Some(format!("{text:0<12}")),
        _ => None,
    }
}

/// The address of a service, if it can stand on a public page.
fn url(text: &str) -> Result<String, &'static str> {
    if text.is_empty() {
        return Err("it has no URL");
    }
    let url = Url::parse(text).map_err(|_| "its URL is not complete")?;
    if text.len() > URL_BYTES_MAX || url.as_str().len() > URL_BYTES_MAX {
        return Err("its URL is longer than 2,000 bytes");
    }
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
        return Err("its URL is not one of http or https");
    }
    if !url.username().is_empty() || url.password().is_some() || secret_parameter(&url).is_some() {
        return Err("its URL holds a secret, which a public page must not");
    }
    if inner_address(url.host_str().unwrap_or_default().trim_matches(['[', ']'])).is_some() {
        return Err("its URL leads to a private address");
    }
    Ok(url.into())
}

/// Who owns what.
struct Owners {
    /// The id of a body by its ARS.
    by_ars: BTreeMap<String, String>,
    /// Who owns what several bodies use.
    shared: String,
    /// The ARS of the body that was named.
    own: Option<String>,
}

impl Owners {
    fn of(services: &Services, options: &Options) -> Self {
        let all: BTreeSet<&String> = services.keys().map(|key| &key.ars).collect();
        let only = if all.len() == 1 { all.first().map(|ars| (*ars).clone()) } else { None };
        let own = options.ars.clone().or(only);
        let id =
            |ars: &str| if own.as_deref() == Some(ars) { options.organisation.clone() } else { format!("ars-{ars}") };
        let by_ars = all.into_iter().map(|ars| (ars.clone(), id(ars))).collect();
        Self { by_ars, shared: options.organisation.clone(), own }
    }

    fn owner(&self, ars: &str) -> String {
        self.by_ars.get(ars).cloned().unwrap_or_else(|| self.shared.clone())
    }

    /// The body that was named, and all others.
    fn organisations(&self, options: &Options) -> (Organisation, Vec<Organisation>) {
        let own = Options { ars: self.own.clone(), ..options.clone() };
        let others = self.by_ars.iter().filter(|(_, id)| **id != self.shared).map(|(ars, id)| {
            let kind = kind_of(Some(ars));
            let mut comments = vec!["The export has no names of bodies: write this one's.".to_owned()];
            if kind == OrganisationKind::County {
                comments.push("A town that is its own county is a `municipality`.".to_owned());
            }
            let ars = (kind != OrganisationKind::Federal).then(|| ars.clone());
            Organisation { id: id.clone(), name: format!("ARS {}", id.trim_start_matches("ars-")), kind, ars, comments }
        });
        (organisation(&own), others.collect())
    }
}

/// The id of each service: its name and its owner. Of two that are alike both get their LeiKa key.
fn ids(services: &Services, owners: &Owners) -> HashMap<Key, String> {
    let base = |key: &Key, service: &Service| joined(&slug(&service.name), &slug(&owners.owner(&key.ars)));
    let mut count: HashMap<String, usize> = HashMap::new();
    for (key, service) in services {
        *count.entry(base(key, service)).or_default() += 1;
    }
    let mut taken = Ids::default();
    let mut ids = HashMap::new();
    for (key, service) in services {
        let base = base(key, service);
        let alike = count.get(&base).is_some_and(|count| *count > 1);
        let name = match &key.leika {
            Some(leika) if alike => joined(&base, leika),
            Some(_) | None => base,
        };
        ids.insert(key.clone(), taken.take(&name, "dienst", &format!("{key:?}")));
    }
    ids
}

/// Earlier files: those of an export, and what was made of one.
fn apart<'a>(previous: &[Source<'a>]) -> Result<(Vec<Source<'a>>, Vec<Earlier>), Fault> {
    let mut tables = Vec::new();
    let mut earlier = Vec::new();
    for source in previous {
        match Earlier::read(source)? {
            Some(made) => earlier.push(made),
            None => tables.push(*source),
        }
    }
    Ok((tables, earlier))
}

/// The ids of the services of an earlier import.
fn before(tables: &[Source<'_>], earlier: &[Earlier], options: &Options) -> Result<BTreeSet<String>, Fault> {
    let hosts = ComponentKind::Website.as_str();
    let mut before: BTreeSet<String> = earlier.iter().flat_map(|made| made.imported_but(hosts)).cloned().collect();
    if !tables.is_empty() {
        let services = read(tables, &mut Report::default())?;
        before.extend(ids(&services, &Owners::of(&services, options)).into_values());
    }
    Ok(before)
}

/// A host that services are on.
struct Host {
    id: String,
    name: String,
    owner: String,
    /// The page that is asked: the shortest that the data names.
    page: String,
    is_named: bool,
    /// Services that have a page on it.
    services: usize,
}

impl Host {
    fn component(&self) -> Component {
        Component {
            id: self.id.clone(),
            name: self.name.clone(),
            kind: ComponentKind::Website,
            belongs: Belongs::To(self.owner.clone()),
            public: true,
            serves: Vec::new(),
            url: Some(self.page.clone()),
            leika: Vec::new(),
            ozg: None,
            depends_on: Vec::new(),
            other_pages: Vec::new(),
            comments: vec![format!(
                "Services on this host: {}. It is asked once, by one page of theirs.",
                self.services
            )],
            checks: Vec::new(),
        }
    }
}

/// Host and port of a URL, by which it is known.
fn host_of(url: &str) -> Option<String> {
    let url = Url::parse(url).ok()?;
    let host = url.host_str()?;
    Some(url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")))
}

fn hosts(services: &Services, owners: &Owners, ids: &mut Ids) -> BTreeMap<String, Host> {
    #[derive(Default)]
    struct Pages<'s> {
        /// Shortest first.
        urls: BTreeSet<(usize, &'s String)>,
        bodies: BTreeSet<String>,
        services: BTreeSet<&'s Key>,
    }
    let mut pages: BTreeMap<String, Pages<'_>> = BTreeMap::new();
    for (key, service) in services {
        for url in &service.urls {
            let Some(name) = host_of(url) else { continue };
            let host = pages.entry(name).or_default();
            host.urls.insert((url.len(), url));
            host.bodies.insert(owners.owner(&key.ars));
            host.services.insert(key);
        }
    }
    let host = |(name, pages): (String, Pages<'_>)| {
        let page = pages.urls.first().map(|(_, url)| (*url).clone()).unwrap_or_default();
        let services = pages.services.len();
        let only = if pages.bodies.len() == 1 { pages.bodies.into_iter().next() } else { None };
        let is_named = Url::parse(&page).is_ok_and(|url| url.domain().is_some());
        let id = ids.take(&name, "host", &name);
        (
            name.clone(),
            Host { id, name, owner: only.unwrap_or_else(|| owners.shared.clone()), page, is_named, services },
        )
    };
    pages.into_iter().map(host).collect()
}

fn component(key: &Key, service: &Service, id: String, owners: &Owners, hosts: &BTreeMap<String, Host>) -> Component {
    // The shortest is the page of the service, the others are further ways to it.
    let mut urls: Vec<&String> = service.urls.iter().collect();
    urls.sort_by_key(|url| (url.len(), *url));
    let first = urls.first().map(|url| (*url).clone());
    let depends_on = first.as_deref().and_then(host_of).and_then(|host| hosts.get(&host)).map(|host| host.id.clone());
    let claims: Vec<&str> = service.claims.iter().map(String::as_str).collect();
    let mut comments = Vec::new();
    if !claims.is_empty() {
        comments.push(format!("`online_status` of the export, not a status: {}", claims.join(", ")));
    }
    // Whom a body reaches by its own ARS.
    let digits = match kind_of(Some(&key.ars)) {
        OrganisationKind::County => Some(5),
        OrganisationKind::Association => Some(9),
        OrganisationKind::Municipality
        | OrganisationKind::Provider
        | OrganisationKind::State
        | OrganisationKind::Federal => None,
    };
    Component {
        id,
        name: service.name.clone(),
        kind: ComponentKind::Service,
        belongs: Belongs::To(owners.owner(&key.ars)),
        public: true,
        serves: digits.and_then(|digits| key.ars.get(..digits)).map(str::to_owned).into_iter().collect(),
        url: first,
        leika: key.leika.clone().into_iter().collect(),
        ozg: service.ozg,
        depends_on: depends_on.into_iter().collect(),
        other_pages: urls.into_iter().skip(1).take(PAGES_MAX).cloned().collect(),
        comments,
        checks: Vec::new(),
    }
}
