//! `[[organisation]]`: who there is, and how far each one's word reaches.

use std::path::Path;

use jiff::tz::TimeZone;

use super::checks::Context;
use super::diagnostic::{At, Fault, Spot, quote};
use super::look::{Logos, logo, theme};
use super::read::{Table, Value, words_of};
use super::values::{id, is_ars, link, zone};
use crate::model::bounds::is_host_name;
use crate::model::catalogue::{Organisation, SiteLinks};
use crate::model::id::OrganisationId;
use crate::model::status::OrganisationKind;
use crate::model::text::{Language, Text};

/// Words that are routes of their own.
const RESERVED: [&str; 15] = [
    "admin",
    "api",
    "assets",
    "calendar",
    "docs",
    "embed",
    "history",
    "incidents",
    "maintenance",
    "metrics",
    "healthz",
    "readyz",
    "push",
    "search",
    "static",
];

/// The two-letter codes of ISO 639-1, withdrawn ones included: each may become a language.
const ISO_639_1: &str = "aa ab ae af ak am an ar as av ay az ba be bg bh bi bm bn bo br bs ca ce ch co cr cs cu cv cy \
    da de dv dz ee el en eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id ie ig ii \
    ik io is it iu ja jv ka kg ki kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln lo lt lu lv mg mh mi mk ml mn mo \
    mr ms mt my na nb nd ne ng nl nn no nr nv ny oc oj om or os pa pi pl ps pt qu rm rn ro ru rw sa sc sd se sg sh si \
    sk sl sm sn so sq sr ss st su sv sw ta te tg th ti tk tl tn to tr ts tt tw ty ug uk ur uz ve vi vo wa wo xh yi yo \
    za zh zu";

/// The Länder, with the first two digits of their keys.
pub(super) const LAENDER: [(&str, &str); 16] = [
    ("SH", "01"),
    ("HH", "02"),
    ("NI", "03"),
    ("HB", "04"),
    ("NW", "05"),
    ("HE", "06"),
    ("RP", "07"),
    ("BW", "08"),
    ("BY", "09"),
    ("SL", "10"),
    ("BE", "11"),
    ("BB", "12"),
    ("MV", "13"),
    ("SN", "14"),
    ("ST", "15"),
    ("TH", "16"),
];

/// An organisation as written.
pub(super) struct RawOrganisation<'t> {
    /// Without what is looked up later.
    pub(super) organisation: Organisation,
    pub(super) id: At<&'t str>,
    pub(super) ars: Option<Spot>,
    pub(super) zone: Option<TimeZone>,
    pub(super) hosts: Vec<At<&'t str>>,
    pub(super) served_by: Vec<At<&'t str>>,
    pub(super) formerly: Vec<At<&'t str>>,
}

/// Reads one `[[organisation]]`.
pub(super) fn read_organisation<'t>(table: Table<'t>, context: &Context<'_>) -> Option<RawOrganisation<'t>> {
    let faults = table.faults;
    let name = table.need("id", "\"musterstadt\"").and_then(id);
    if let Some(name) = &name
        && let Some(why) = reserved(name.value, context.languages)
    {
        let fault = Fault::error(format!("the id {} is reserved", quote(name.value))).at(name.spot, why);
        faults.push(fault.help("it would collide with an address of the site; choose another id"));
    }
    let kind = table.need("kind", "\"municipality\"").and_then(|value| value.word(words_of!(OrganisationKind)));
    let title = table.need("name", "\"Stadt …\"").and_then(|value| value.text(context.languages)).unwrap_or_default();
    let ars = table.get("ars").and_then(ars);
    let land = table.word("land", &LAENDER);
    if let (Some(ars), Some(land)) = (&ars, &land)
        && !ars.value.starts_with(land.value)
    {
        let fault = Fault::error("the ARS lies in another Land")
            .at(ars.spot, "this key")
            .at(land.spot, format!("its keys begin with {}", land.value));
        faults.push(fault.help("correct one of them"));
    }
    if let Some(kind) = &kind {
        check_ars(kind, ars.as_ref(), table.spot, faults);
    }
    let land = land
        .and_then(|land| LAENDER.iter().find(|(_, digits)| *digits == land.value))
        .map(|(word, _)| (*word).to_owned());
    let (timezone, zone) = table.get("timezone").and_then(zone).unzip();
    let hosts: Vec<_> = table.strings("hosts");
    for host in &hosts {
        if !is_host_name(host.value) || host.value.ends_with('.') || host.value.bytes().any(|b| b.is_ascii_uppercase())
        {
            let fault = Fault::error(format!("{} is no host name", quote(host.value))).at(host.spot, "not a host name");
            faults.push(fault.help("write it in lower case without scheme, port or path: `\"status.example.org\"`"));
        }
    }
    let served_by = table.strings("served_by");
    let formerly: Vec<_> =
        table.get("formerly").map(Value::elements).unwrap_or_default().into_iter().filter_map(id).collect();
    let links = site_links(&table, context.base, context.logos);
    let url = table.get("url").and_then(link);
    table.finish();
    let name = name?;
    let organisation = Organisation {
        id: OrganisationId::new(name.value),
        kind: kind.map_or(OrganisationKind::Municipality, |kind| kind.value),
        name: title,
        ars: ars.as_ref().map(|ars| ars.value.to_owned()),
        land,
        url,
        timezone,
        hosts: hosts.iter().map(|host| host.value.to_owned()).collect(),
        served_by: Vec::new(),
        formerly: formerly.iter().map(|id| OrganisationId::new(id.value)).collect(),
        links,
    };
    Some(RawOrganisation { organisation, id: name, ars: ars.map(|ars| ars.spot), zone, hosts, served_by, formerly })
}

/// Why an organisation cannot have this id, if so.
fn reserved(id: &str, languages: &[Language]) -> Option<&'static str> {
    if RESERVED.contains(&id) {
        Some("an address of the site")
    } else if languages.iter().any(|language| **language == *id) {
        Some("a language of the site")
    } else if id.len() == 2 && ISO_639_1.split_ascii_whitespace().any(|code| code == id) {
        Some("the code of a language")
    } else if id.contains("-x-") {
        Some("looks like a language such as `de-x-leicht`")
    } else {
        None
    }
}

fn ars(value: Value<'_>) -> Option<At<&str>> {
    let text = value.string()?;
    if !is_ars(text.value) {
        let title = format!("{} is no ARS", quote(text.value));
        value.fault(
            title,
            "not 12 digits",
            "write all 12 digits in quotes; a county's five are followed by seven zeros: `\"059540000000\"`",
        );
        return None;
    }
    Some(text)
}

/// What an ARS must look like for a kind of body.
fn check_ars(kind: &At<OrganisationKind>, ars: Option<&At<&str>>, table: Spot, faults: &super::diagnostic::Faults) {
    let zeros = |from: usize| ars.is_none_or(|ars| ars.value.bytes().skip(from).all(|b| b == b'0'));
    let (needed, from) = match kind.value {
        OrganisationKind::Municipality => (true, 12),
        OrganisationKind::County => (true, 5),
        OrganisationKind::State => (true, 2),
        OrganisationKind::Association | OrganisationKind::Provider | OrganisationKind::Federal => (false, 12),
    };
    if needed && ars.is_none() {
        let fault = Fault::error("the key `ars` is missing").at(table, format!("a {} has one", kind.value));
        faults.push(fault.help("add its Amtlicher Regionalschlüssel: `ars = \"059540016016\"`"));
    }
    if let (Some(ars), false) = (ars, zeros(from)) {
        let fault = Fault::error(format!("not the ARS of a {}", kind.value))
            .at(ars.spot, format!("only the first {from} digits may differ from zero"));
        faults.push(fault.help("write its own key, or correct `kind`"));
    }
}

/// `imprint privacy accessibility contact logo theme`, of the site or of an organisation.
pub(super) fn site_links(table: &Table<'_>, base: &Path, logos: &Logos) -> SiteLinks {
    let link = |key| table.get(key).and_then(link);
    SiteLinks {
        imprint: link("imprint"),
        privacy: link("privacy"),
        accessibility: link("accessibility"),
        contact: link("contact"),
        logo: table.get("logo").and_then(|value| logo(value, base, logos)),
        theme: table.table("theme").map(theme),
    }
}

/// The ARS prefix that an organisation reaches without `[trust]`: a county its five digits, a
/// municipality all twelve (five if it is its own county), an association nine.
pub(super) fn own_reach(organisation: &Organisation) -> Option<&str> {
    let ars = organisation.ars.as_deref()?;
    let digits = match organisation.kind {
        OrganisationKind::County => 5,
        OrganisationKind::Municipality if ars.ends_with("0000000") => 5,
        OrganisationKind::Municipality => 12,
        OrganisationKind::Association => 9,
        OrganisationKind::Provider | OrganisationKind::State | OrganisationKind::Federal => return None,
    };
    ars.get(..digits)
}

/// A name for messages: the one in the default language.
pub(super) fn shown(name: &Text, languages: &[Language]) -> String {
    let language = languages.first().map_or("de", |language| language);
    quote(name.get(language, language).unescaped())
}
