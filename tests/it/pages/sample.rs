//! A county on the morning of 30 October 2023: its portal is down because of a provider that the
//! public may not know, a town hall goes on beside it, and a neighbour has planned work.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use jiff::tz::TimeZone;
use turmwacht::model::alternative::{Alternative, AlternativeKind, Link};
use turmwacht::model::availability::Intervals;
use turmwacht::model::catalogue::{Ends, Reach, Site, SiteLinks};
use turmwacht::model::decision::Inputs;
use turmwacht::model::event::MaintenancePhase;
use turmwacht::model::id::{ComponentId, IncidentId, MaintenanceId, OrganisationId};
use turmwacht::model::incident::{Body, Cause, Impact, IncidentStatus, Message, MessageCode, WORDING};
use turmwacht::model::local::{Locals, PublicLocal};
use turmwacht::model::notice::CoveredNotice;
use turmwacht::model::search::Searchable;
use turmwacht::model::snapshot::{
    AffectedBy, ComponentState, PublicCatalogue, PublicComponent, PublicIncident, PublicMaintenance,
    PublicOrganisation, PublicUpdate, Shown, Snapshot, VALID_FOR,
};
use turmwacht::model::status::{
    ComponentKind, Delivery, DeliveryState, Evidence, Lifecycle, Mode, OrganisationKind, Processing, Status,
};
use turmwacht::model::text::{Plain, Text};
use turmwacht::model::time::Timestamp;
use turmwacht::model::verdict::Reason;
use turmwacht::model::window::When;

/// An instant from RFC 3339.
pub(super) fn at(text: &str) -> Timestamp {
    Timestamp::from_jiff(text.parse().expect("RFC 3339"))
}

/// A text in German and English.
pub(super) fn both(german: &str, english: &str) -> Text {
    Text::from_languages([(Arc::from("de"), Plain::new(german)), (Arc::from("en"), Plain::new(english))])
}

/// A text in German.
pub(super) fn german(text: &str) -> Text {
    Text::single("de", text)
}

pub(super) fn link(text: &str) -> Link {
    Link::parse(text).expect("a link")
}

pub(super) fn zone() -> TimeZone {
    TimeZone::get("Europe/Berlin").expect("bundled")
}

pub(super) fn from(year: i16, month: i8, day: i8) -> When {
    When::from_date(jiff::civil::date(year, month, day), &zone()).expect("in range")
}

pub(super) fn through(year: i16, month: i8, day: i8) -> When {
    When::through_date(jiff::civil::date(year, month, day), &zone()).expect("in range")
}

fn links(host: &str) -> SiteLinks {
    SiteLinks {
        imprint: Some(link(&format!("https://{host}/impressum"))),
        privacy: Some(link(&format!("https://{host}/datenschutz"))),
        accessibility: Some(link(&format!("https://{host}/barrierefreiheit"))),
        contact: Some(link("mailto:it@example.org")),
        ..SiteLinks::default()
    }
}

pub(super) fn organisation(id: &str, kind: OrganisationKind, name: &str, ars: Option<&str>) -> PublicOrganisation {
    PublicOrganisation {
        id: OrganisationId::new(id),
        kind,
        name: german(name),
        ars: ars.map(str::to_owned),
        land: Some("NW".to_owned()),
        url: Some(link(&format!("https://www.{id}.example/"))),
        timezone: "Europe/Berlin".to_owned(),
        links: links(&format!("www.{id}.example")),
        shows: Arc::default(),
    }
}

pub(super) fn component(id: &str, name: &str, kind: ComponentKind, owner: u32) -> PublicComponent {
    PublicComponent {
        id: ComponentId::new(id),
        name: german(name),
        kind,
        owner,
        part_of: None,
        parts: Vec::new(),
        serves: Vec::new(),
        shown_on: Arc::new([owner]),
        depends_on: Vec::new(),
        url: None,
        leika: Vec::new(),
        ozg: None,
        alternatives: Vec::new(),
        available_from: None,
        delivery: None,
        edges: Vec::new(),
    }
}

pub(super) fn alternative(kind: AlternativeKind, target: &[&str], label: &str, hours: Option<&str>) -> Alternative {
    Alternative {
        kind,
        target: target.iter().map(|target| link(target)).collect(),
        label: german(label),
        hours: None,
        hours_text: hours.map(german),
        page: None,
        serves: Vec::new(),
        component: None,
        valid_from: None,
        valid_until: None,
        verified_at: None,
    }
}

/// Something that differs in one town since a day in October.
pub(super) fn local(component: &str, organisation: &str) -> PublicLocal {
    PublicLocal {
        key: 1,
        component: ComponentId::new(component),
        name: german(component),
        organisations: vec![Reach::Organisation(OrganisationId::new(organisation))],
        status: None,
        mode: None,
        released: None,
        processing: None,
        delivery: None,
        text: None,
        alternatives: Vec::new(),
        since: at("2023-10-25T06:00:00Z"),
        until: None,
        ended_at: None,
        said_as: None,
    }
}

pub(super) fn state(status: Status, evidence: Evidence, since: &str) -> ComponentState {
    let since = at(since);
    let mut intervals = Intervals::default();
    intervals.begin(at("2023-08-12T00:00:00Z"), Status::Operational, evidence);
    intervals.begin(since, status, evidence);
    let mut inputs = Inputs::default();
    match evidence {
        _ if status == Status::UnderMaintenance => {
            inputs.covered = true;
            inputs.own = Some(Status::Operational);
        }
        Evidence::Own => inputs.own = Some(status),
        Evidence::Notice => inputs.notice = Some(status),
        Evidence::Derived => inputs.derived = Some((status, evidence)),
        Evidence::Declared => {}
    }
    ComponentState {
        status,
        evidence,
        since,
        checked_at: (evidence != Evidence::Declared).then(|| at("2023-10-30T07:14:20Z")),
        last_known: None,
        lifecycle: Lifecycle::Live,
        reason: None,
        affected_by: None,
        incident: None,
        unknown_parts: 0,
        set_by_hand: None,
        inputs,
        hidden: None,
        aside: false,
        spared: false,
        intervals: Arc::new(intervals),
    }
}

pub(super) fn affected_by(path: &[(&str, &str)]) -> AffectedBy {
    let mut path: Vec<Shown> =
        path.iter().map(|(id, name)| Shown { id: Some(ComponentId::new(*id)), name: german(name) }).collect();
    path.push(hidden_provider());
    AffectedBy { path, incident: Some(IncidentId::new("2hf6k9qm")) }
}

/// A provider that the public may not know, by its public name.
pub(super) fn hidden_provider() -> Shown {
    Shown { id: None, name: both("Externer IT-Dienstleister", "External IT provider") }
}

pub(super) fn automatic(code: MessageCode, component: &str, status: Option<Status>, reason: Option<Reason>) -> Body {
    Body::Automatic(Message { code, wording: WORDING, component: german(component), status, reason })
}

pub(super) fn update(number: u32, at_text: &str, status: IncidentStatus, body: Body) -> PublicUpdate {
    PublicUpdate {
        number,
        at: at(at_text),
        status,
        impact: Impact::Critical,
        is_removal: matches!(&body, Body::Automatic(message) if message.code == MessageCode::Removed),
        body,
        components: Vec::new(),
        organisations: Vec::new(),
        ending: None,
        retracted_at: None,
        corrected_at: None,
    }
}

/// An incident about which nobody said more than its title.
pub(super) fn incident(id: &str, title: Body, started_at: &str) -> PublicIncident {
    PublicIncident {
        id: IncidentId::new(id),
        title,
        status: IncidentStatus::Investigating,
        impact: Impact::Critical,
        cause: None,
        root: hidden_provider(),
        started_at: at(started_at),
        resolved_at: None,
        merged_into: None,
        expected_end: None,
        next_update_by: None,
        references: Vec::new(),
        alternatives: Vec::new(),
        unaffected: Vec::new(),
        overlays: BTreeMap::new(),
        withdrawn: BTreeMap::new(),
        headed_at: None,
        components: Vec::new(),
        updates: Vec::new(),
        revision: 1,
    }
}

/// Planned work of whole days on some components.
pub(super) fn maintenance(id: &str, title: &str, from: When, until: When, components: &[&str]) -> PublicMaintenance {
    let covered = |id: &&str| CoveredNotice { component: ComponentId::new(*id), until: None, ended_at: None };
    PublicMaintenance {
        id: MaintenanceId::new(id),
        title: german(title),
        text: None,
        phase: MaintenancePhase::Announced,
        from,
        until,
        ends: Ends::ByItself,
        ended_at: None,
        components: components.iter().map(covered).collect(),
        unaffected: Vec::new(),
        alternatives: Vec::new(),
        announced_at: When::instant(at("2023-10-16T08:00:00Z")),
        last_chance_before: None,
        back_from: None,
        programme: None,
        zone: "Europe/Berlin".to_owned(),
        upcoming: Vec::new(),
        series: None,
        sequence: 0,
        updates: Vec::new(),
        revision: 1,
    }
}

fn components() -> Vec<(PublicComponent, ComponentState)> {
    use ComponentKind::{Capability, Counter, Mail, Phone, Portal, Service, Website};
    use Evidence::{Declared, Derived, Notice, Own};
    use Status::{MajorOutage, Operational, PartialOutage, UnderMaintenance, Unknown};
    const FELL: &str = "2023-10-30T06:04:00Z";
    const LONG_AGO: &str = "2023-09-01T06:00:00Z";
    let portal = ("serviceportal-en", "Serviceportal Ennepe-Ruhr");
    let mut all = vec![
        (component(portal.0, portal.1, Portal, 0), state(MajorOutage, Own, FELL)),
        (component("maengelmelder-hattingen", "Mängelmelder", Service, 1), state(MajorOutage, Derived, FELL)),
        (component("standesamt-hattingen", "Standesamt", Service, 1), state(PartialOutage, Derived, FELL)),
    ];
    for (id, name, down) in [
        ("eheschliessung", "Anmeldung zur Eheschließung", true),
        ("urkunden", "Urkunden bestellen", true),
        ("namensaenderung", "Namensänderung", true),
        ("terminreservierung", "Termin reservieren", false),
    ] {
        let mut part = component(&format!("standesamt-hattingen.{id}"), name, Capability, 1);
        part.part_of = Some(2);
        let mut its = if down { state(MajorOutage, Derived, FELL) } else { state(Operational, Own, LONG_AGO) };
        its.affected_by = down.then(|| affected_by(&[]));
        all.push((part, its));
    }
    all.extend([
        (component("homepage-hattingen", "Internetseite der Stadt", Website, 1), state(Operational, Own, LONG_AGO)),
        (component("rathaus-hattingen", "Rathaus", Counter, 1), state(Operational, Declared, LONG_AGO)),
        (component("telefon-hattingen", "Telefonzentrale", Phone, 1), state(Operational, Own, LONG_AGO)),
        (component("ratsinfo-hattingen", "Ratsinformation", Website, 1), state(Unknown, Own, "2023-10-30T05:40:00Z")),
        (component("kita-hattingen", "Kita-Platz vormerken", Service, 1), state(Operational, Declared, LONG_AGO)),
        (component("meldewesen-hattingen", "Wohnsitz anmelden", Service, 1), state(Operational, Own, LONG_AGO)),
        (
            component("mail-witten", "E-Mail der Verwaltung", Mail, 2),
            state(UnderMaintenance, Notice, "2023-10-29T23:00:00Z"),
        ),
        (component("buergerbuero-witten", "Bürgerbüro", Counter, 2), state(Operational, Declared, LONG_AGO)),
        (component("homepage-witten", "Internetseite der Stadt", Website, 2), state(Operational, Own, LONG_AGO)),
    ]);
    detail(&mut all, portal);
    all
}

/// What makes each of them what it is.
fn detail(all: &mut [(PublicComponent, ComponentState)], portal: (&str, &str)) {
    all[0].0.serves = vec![Reach::Prefix("05954".to_owned())];
    all[0].0.shown_on = Arc::new([0, 1, 2]);
    all[0].0.url = Some(link("https://www.serviceportal.example/"));
    all[0].0.alternatives = vec![
        alternative(
            AlternativeKind::Phone,
            &["tel:+4923242043030"],
            "Bürgertelefon",
            Some("zu den Öffnungszeiten der Verwaltung"),
        ),
        alternative(
            AlternativeKind::PdfForm,
            &["https://www.hattingen.example/formulare"],
            "Formulare auf den Seiten der Fachbereiche",
            None,
        ),
        alternative(
            AlternativeKind::Mail,
            &["mailto:info@hattingen.example?subject=Antrag"],
            "Formulare anfordern",
            None,
        ),
    ];
    all[0].1.reason = Some(Reason::Timeout);
    all[0].1.affected_by = Some(affected_by(&[]));
    all[0].1.incident = Some(IncidentId::new("2hf6k9qm"));
    all[1].0.depends_on = vec![ComponentId::new(portal.0)];
    all[1].0.alternatives = vec![alternative(
        AlternativeKind::Phone,
        &["tel:+4923242043030"],
        "Mängel telefonisch melden",
        Some("zu den Öffnungszeiten der Verwaltung"),
    )];
    all[1].1.affected_by = Some(affected_by(&[portal]));
    all[2].0.parts = vec![3, 4, 5, 6];
    all[2].0.alternatives = vec![alternative(
        AlternativeKind::Phone,
        &["tel:+4923242044041", "tel:+4923242044042", "tel:+4923242044043", "tel:+4923242044044"],
        "Standesamt telefonisch",
        Some("zu den Öffnungszeiten der Verwaltung"),
    )];
    all[7].0.url = Some(link("https://www.hattingen.example/"));
    all[10].1.last_known = Some(Status::Operational);
    all[10].1.reason = Some(Reason::Blocked);
    all[11].0.available_from = Some(from(2023, 12, 1));
    all[11].1.lifecycle = Lifecycle::Announced;
    all[13].0.delivery =
        Some(Delivery { state: DeliveryState::Queued, since: None, until: Some(at("2023-10-31T23:00:00Z")) });
    all[13].0.alternatives = vec![alternative(
        AlternativeKind::Phone,
        &["tel:+4923025810"],
        "Telefonzentrale",
        Some("Mo bis Do 8 bis 16 Uhr"),
    )];
}

fn incidents() -> Vec<Arc<PublicIncident>> {
    let concerned = |ids: &[(&str, &str, Status)]| {
        ids.iter().map(|(id, name, status)| (ComponentId::new(*id), german(name), *status)).collect()
    };
    let title = |name| automatic(MessageCode::Title, name, None, None);
    let open = PublicIncident {
        status: IncidentStatus::Identified,
        cause: Some(Cause::Cyberattack),
        components: concerned(&[
            ("serviceportal-en", "Serviceportal Ennepe-Ruhr", Status::MajorOutage),
            ("maengelmelder-hattingen", "Mängelmelder", Status::MajorOutage),
            ("standesamt-hattingen", "Standesamt", Status::PartialOutage),
        ]),
        updates: vec![
            update(
                1,
                "2023-10-30T06:06:00Z",
                IncidentStatus::Investigating,
                automatic(
                    MessageCode::Opened,
                    "Serviceportal Ennepe-Ruhr",
                    Some(Status::MajorOutage),
                    Some(Reason::Timeout),
                ),
            ),
            update(
                2,
                "2023-10-30T07:02:00Z",
                IncidentStatus::Identified,
                Body::Written(both(
                    "Unser externer IT-Dienstleister ist angegriffen worden und hat seine Systeme abgeschaltet.\nDie \
                     Verwaltungen im Kreis sind nicht angegriffen. Bitte verschieben Sie, was nicht eilt.",
                    "Our external IT provider was attacked and has shut down its systems.\nThe administrations in \
                     the county were not attacked. Please postpone what is not urgent.",
                )),
            ),
        ],
        ..incident("2hf6k9qm", title("Serviceportal Ennepe-Ruhr"), "2023-10-30T06:04:00Z")
    };
    let closed = PublicIncident {
        status: IncidentStatus::Resolved,
        root: Shown { id: Some(ComponentId::new("homepage-hattingen")), name: german("Internetseite der Stadt") },
        resolved_at: Some(at("2023-10-29T01:42:00Z")),
        components: concerned(&[("homepage-hattingen", "Internetseite der Stadt", Status::MajorOutage)]),
        updates: vec![
            update(
                1,
                "2023-10-29T00:32:00Z",
                IncidentStatus::Investigating,
                automatic(MessageCode::Opened, "Internetseite der Stadt", Some(Status::MajorOutage), Some(Reason::Dns)),
            ),
            update(
                2,
                "2023-10-29T01:42:00Z",
                IncidentStatus::Resolved,
                automatic(MessageCode::Resolved, "Internetseite der Stadt", None, None),
            ),
        ],
        ..incident("7c1x0ddq", title("Internetseite der Stadt"), "2023-10-29T00:30:00Z")
    };
    vec![Arc::new(open), Arc::new(closed)]
}

fn maintenances() -> Vec<Arc<PublicMaintenance>> {
    let mail = PublicMaintenance {
        phase: MaintenancePhase::InProgress,
        ends: Ends::OnNotice,
        unaffected: vec![ComponentId::new("homepage-witten")],
        back_from: Some(from(2023, 11, 1)),
        ..maintenance("mail-umzug", "Umzug der E-Mail", from(2023, 10, 30), through(2023, 10, 31), &["mail-witten"])
    };
    let office = &["buergerbuero-witten"];
    let software = PublicMaintenance {
        unaffected: vec![ComponentId::new("homepage-witten")],
        alternatives: vec![alternative(AlternativeKind::Phone, &["tel:+4923025810"], "Notfälle", None)],
        announced_at: from(2023, 10, 20),
        last_chance_before: Some(through(2023, 11, 3)),
        back_from: Some(from(2023, 11, 13)),
        ..maintenance(
            "vois-umstellung",
            "Umstellung auf neue Software",
            from(2023, 11, 6),
            through(2023, 11, 10),
            office,
        )
    };
    vec![Arc::new(mail), Arc::new(software)]
}

/// A snapshot of these components, with the indexes filled in.
pub(super) fn assemble(
    mut organisations: Vec<PublicOrganisation>,
    components: Vec<(PublicComponent, ComponentState)>,
    incidents: Vec<Arc<PublicIncident>>,
    maintenances: Vec<Arc<PublicMaintenance>>,
) -> Snapshot {
    let (components, states): (Vec<_>, Vec<_>) = components.into_iter().unzip();
    for (organisation, index) in organisations.iter_mut().zip(0u32..) {
        organisation.shows =
            components.iter().zip(0u32..).filter(|(c, _)| c.shown_on.contains(&index)).map(|(_, i)| i).collect();
    }
    let organisation_index: HashMap<_, _> = organisations.iter().map(|o| o.id.clone()).zip(0u32..).collect();
    let component_index: HashMap<_, _> = components.iter().map(|c| c.id.clone()).zip(0u32..).collect();
    let now = at("2023-10-30T07:15:00Z");
    Snapshot {
        position: 4711,
        at: now,
        valid_until: now.plus(VALID_FOR),
        exported: None,
        health: Vec::new(),
        catalogue: Arc::new(PublicCatalogue {
            former_organisations: HashMap::new(),
            former_components: HashMap::new(),
            removed: HashSet::from([ComponentId::new("fundbuero-hattingen")]),
            site: Site {
                title: both("Status der kommunalen Online-Dienste", "Status of municipal online services"),
                languages: vec![Arc::from("de"), Arc::from("en")],
                timezone: "Europe/Berlin".to_owned(),
                public_url: "https://status.example.org".to_owned(),
                feed_authority: "status.example.org".to_owned(),
                links: links("www.example.org"),
                security_contact: None,
            },
            organisations,
            components,
            organisation_index,
            component_index,
            logos: BTreeMap::new(),
            searchable: Searchable::default(),
        }),
        states: states.into_iter().map(Arc::new).collect(),
        incidents,
        maintenances,
        incidents_from: None,
        past_maintenances: Vec::new(),
        locals: Arc::default(),
        changes: Arc::default(),
    }
}

/// Makes a snapshot differ in some towns.
pub(super) fn differ(snapshot: &mut Snapshot, locals: Vec<PublicLocal>) {
    let index = |local: &PublicLocal| snapshot.catalogue.component_index[&local.component];
    let all: Vec<_> = locals.into_iter().map(|local| (index(&local), Arc::new(local))).collect();
    snapshot.locals = Arc::new(Locals::new(all, &snapshot.catalogue));
}

/// What Hattingen says of its own registration of residents.
pub(super) fn basic() -> PublicLocal {
    PublicLocal {
        mode: Some(Mode::Basic),
        processing: Some(Processing::Delayed),
        text: Some(both(
            "Anmelden geht, Auskünfte aus anderen Städten nicht. Bitte bringen Sie Ihren Ausweis mit.",
            "You can register, but we cannot look up records of other towns. Please bring your identity card.",
        )),
        ..local("meldewesen-hattingen", "hattingen")
    }
}

/// The morning.
pub(super) fn morning() -> Snapshot {
    let organisations = vec![
        organisation("ennepe-ruhr-kreis", OrganisationKind::County, "Ennepe-Ruhr-Kreis", Some("059540000000")),
        organisation("hattingen", OrganisationKind::Municipality, "Stadt Hattingen", Some("059540016016")),
        organisation("witten", OrganisationKind::Municipality, "Stadt Witten", Some("059540036036")),
        organisation("citko", OrganisationKind::Provider, "citko Zweckverband", None),
    ];
    let mut morning = assemble(organisations, components(), incidents(), maintenances());
    differ(&mut morning, vec![basic()]);
    morning
}

/// A day on which all is well.
pub(super) fn quiet() -> Snapshot {
    let calm =
        components().into_iter().filter(|(component, _)| component.id.as_str() == "homepage-hattingen").collect();
    let hattingen = organisation("hattingen", OrganisationKind::Municipality, "Stadt Hattingen", Some("059540016016"));
    let mut snapshot = assemble(vec![hattingen], calm, Vec::new(), Vec::new());
    let catalogue = Arc::make_mut(&mut snapshot.catalogue);
    catalogue.components[0].owner = 0;
    catalogue.components[0].shown_on = Arc::new([0]);
    catalogue.organisations[0].shows = Arc::new([0]);
    snapshot
}
