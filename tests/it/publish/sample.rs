//! A county with two towns, a shared portal that is down because of an internal provider, a
//! closed incident, a planned maintenance, and what differs in one town.

use std::collections::HashMap;
use std::sync::Arc;

use turmwacht::model::alternative::{Alternative, AlternativeKind, Link};
use turmwacht::model::availability::Intervals;
use turmwacht::model::catalogue::{Ends, Reach, Site, SiteLinks};
use turmwacht::model::event::MaintenancePhase;
use turmwacht::model::id::{ComponentId, IncidentId, MaintenanceId, OrganisationId};
use turmwacht::model::incident::{Body, Cause, Impact, IncidentStatus, Message, MessageCode, Update};
use turmwacht::model::snapshot::{
    AffectedBy, ComponentState, PublicCatalogue, PublicComponent, PublicIncident, PublicLocal, PublicMaintenance,
    PublicOrganisation, Shown, Snapshot, VALID_FOR,
};
use turmwacht::model::status::{
    ComponentKind, Delivery, DeliveryState, Evidence, Lifecycle, Mode, OrganisationKind, Processing, Status,
};
use turmwacht::model::text::{Plain, Text};
use turmwacht::model::time::Timestamp;
use turmwacht::model::verdict::Reason;
use turmwacht::model::window::When;

/// An instant from RFC 3339.
pub(super) fn time(text: &str) -> Timestamp {
    Timestamp::from_jiff(text.parse().expect("RFC 3339"))
}

/// The instant of the sample.
pub(super) const NOW: &str = "2023-11-06T09:30:00Z";

/// The internal provider, which no output may name.
pub(super) const INTERNAL_ID: &str = "it-dienstleister-en";

/// How the texts of a sample are made.
pub(super) struct Texts<'a>(Option<&'a str>);

impl Texts<'_> {
    fn text(&self, german: &str, english: &str) -> Text {
        match self.0 {
            Some(all) => Text::single("de", all),
            None => {
                Text::from_languages([(Arc::from("de"), Plain::new(german)), (Arc::from("en"), Plain::new(english))])
            }
        }
    }
}

pub(super) fn sample() -> Snapshot {
    build(&Texts(None))
}

/// The sample with every text replaced.
pub(super) fn sample_in_the_words_of(all: &str) -> Snapshot {
    build(&Texts(Some(all)))
}

pub(super) fn component_id(id: &str) -> ComponentId {
    ComponentId::new(id)
}

pub(super) fn organisation(id: &str, kind: OrganisationKind, name: Text, ars: Option<&str>) -> PublicOrganisation {
    PublicOrganisation {
        id: OrganisationId::new(id),
        kind,
        name,
        ars: ars.map(str::to_owned),
        land: Some("NW".to_owned()),
        url: None,
        timezone: "Europe/Berlin".to_owned(),
        links: SiteLinks::default(),
        shows: Vec::new(),
    }
}

pub(super) fn component(id: &str, kind: ComponentKind, name: Text, owner: u32, shown_on: &[u32]) -> PublicComponent {
    PublicComponent {
        id: component_id(id),
        name,
        kind,
        owner,
        part_of: None,
        parts: Vec::new(),
        serves: Vec::new(),
        shown_on: shown_on.to_vec(),
        depends_on: Vec::new(),
        url: None,
        leika: Vec::new(),
        ozg: None,
        alternatives: Vec::new(),
        available_from: None,
        delivery: None,
        locals: Vec::new(),
    }
}

pub(super) fn state(status: Status, evidence: Evidence, since: Timestamp) -> ComponentState {
    let mut intervals = Intervals::default();
    intervals.begin(time("2023-10-01T00:00:00Z"), Status::Operational, Evidence::Own);
    intervals.begin(since, status, evidence);
    ComponentState {
        status,
        without_derived: status,
        evidence,
        since,
        checked_at: Some(time("2023-11-06T09:29:40Z")),
        last_known: None,
        lifecycle: Lifecycle::Live,
        reason: None,
        affected_by: None,
        incident: None,
        unknown_parts: 0,
        intervals: Arc::new(intervals),
    }
}

pub(super) fn alternative(kind: AlternativeKind, target: &[&str], label: Text) -> Alternative {
    Alternative {
        kind,
        target: target.iter().map(|link| Link::parse(link).expect("a link")).collect(),
        label,
        hours: None,
        hours_text: None,
        page: None,
        serves: Vec::new(),
        valid_from: None,
        valid_until: None,
        verified_at: None,
    }
}

/// Fills the indexes of a catalogue from its lists.
pub(super) fn catalogue(
    site: Site,
    mut organisations: Vec<PublicOrganisation>,
    components: Vec<PublicComponent>,
) -> PublicCatalogue {
    for (component, index) in components.iter().zip(0u32..) {
        for &organisation in &component.shown_on {
            organisations[organisation as usize].shows.push(index);
        }
    }
    PublicCatalogue {
        site,
        organisation_index: organisations.iter().zip(0u32..).map(|(o, i)| (o.id.clone(), i)).collect(),
        component_index: components.iter().zip(0u32..).map(|(c, i)| (c.id.clone(), i)).collect(),
        organisations,
        components,
        former_organisations: HashMap::from([(OrganisationId::new("hattingen-alt"), OrganisationId::new("hattingen"))]),
        former_components: HashMap::from([(component_id("portal-alt"), component_id("serviceportal-en"))]),
    }
}

pub(super) fn site(texts: &Texts<'_>) -> Site {
    Site {
        title: texts.text("Status der Dienste", "Status of the services"),
        languages: vec![Arc::from("de"), Arc::from("en")],
        public_url: "https://status.example.org".to_owned(),
        feed_authority: "status.example.org".to_owned(),
        ..Site::default()
    }
}

/// A site in plain words.
pub(super) fn plain_site() -> Site {
    site(&Texts(None))
}

fn components(texts: &Texts<'_>) -> Vec<PublicComponent> {
    let mut portal = component(
        "serviceportal-en",
        ComponentKind::Portal,
        texts.text("Serviceportal Ennepe-Ruhr", "Service portal Ennepe-Ruhr"),
        0,
        &[0, 1, 2],
    );
    portal.serves = vec![Reach::Prefix("05954".to_owned()), Reach::Except(OrganisationId::new("sprockhoevel"))];
    portal.url = Link::parse("https://portal.example.org/?a=1&b=2");
    portal.leika = vec!["99102013104000".to_owned()];
    portal.ozg = Some(10_000);
    let mut phone =
        alternative(AlternativeKind::Phone, &["tel:+4923242040"], texts.text("Bürgertelefon", "Citizens' telephone"));
    phone.hours = Some(Plain::new("Mo-Fr 08:00-12:00"));
    portal.alternatives = vec![phone];
    let mut neighbour = alternative(
        AlternativeKind::NeighbourOffice,
        &[],
        texts.text("Standesamt Sprockhövel", "Registry office Sprockhövel"),
    );
    neighbour.hours_text = Some(texts.text("nach Vereinbarung", "by appointment"));
    portal.locals = vec![PublicLocal {
        organisations: vec![Reach::Organisation(OrganisationId::new("hattingen"))],
        status: None,
        mode: Some(Mode::Basic),
        released: Some(true),
        processing: Some(Processing::Delayed),
        text: Some(texts.text("Anträge bitte auf Papier.", "Please apply on paper.")),
        alternatives: vec![neighbour],
        from: None,
        until: None,
    }];

    let name = texts.text("Standesamt", "Registry office");
    let mut office = component("standesamt-hattingen", ComponentKind::Service, name, 1, &[1]);
    office.parts = vec![2, 3];
    let name = texts.text("Anmeldung zur Eheschließung", "Registering a marriage");
    let mut marriage = component("standesamt-hattingen.eheschliessung", ComponentKind::Capability, name, 1, &[1]);
    marriage.part_of = Some(1);
    marriage.depends_on = vec![component_id("serviceportal-en")];
    let name = texts.text("Termin reservieren", "Book an appointment");
    let mut booking = component("standesamt-hattingen.termin", ComponentKind::Capability, name, 1, &[1]);
    booking.part_of = Some(1);

    let name = texts.text("Homepage Witten", "Website of Witten");
    let mut website = component("website-witten", ComponentKind::Website, name, 2, &[2]);
    website.url = Link::parse("https://www.witten.example/");
    let mut emergency = alternative(
        AlternativeKind::EmergencySite,
        &["https://notfall.witten.example/"],
        texts.text("Notfall-Seite", "Emergency site"),
    );
    emergency.valid_from = Some(When::instant(time("2023-11-05T00:00:00Z")));
    website.alternatives = vec![emergency];

    let mut mail = component("mail-en", ComponentKind::Mail, texts.text("E-Mail", "Mail"), 0, &[0]);
    mail.delivery = Some(Delivery {
        state: DeliveryState::Queued,
        since: Some(time("2023-11-05T00:00:00Z")),
        until: Some(time("2023-11-07T00:00:00Z")),
    });
    let name = texts.text("Ausweis beantragen", "Apply for an identity card");
    let mut card = component("ausweis-en", ComponentKind::Service, name, 0, &[0]);
    card.available_from = Some(When::instant(time("2023-12-01T00:00:00Z")));
    vec![portal, office, marriage, booking, website, mail, card]
}

fn provider(texts: &Texts<'_>) -> Shown {
    Shown { id: None, name: texts.text("ein technischer Dienstleister", "a technical service provider") }
}

fn states(texts: &Texts<'_>) -> Vec<ComponentState> {
    let fell = time("2023-11-06T09:12:00Z");
    let calm = time("2023-10-01T00:00:00Z");
    let mut portal = state(Status::MajorOutage, Evidence::Derived, fell);
    portal.without_derived = Status::Operational;
    portal.reason = Some(Reason::Timeout);
    portal.affected_by = Some(AffectedBy { path: vec![provider(texts)], incident: Some(IncidentId::new("i-open")) });
    portal.incident = Some(IncidentId::new("i-open"));
    let mut office = state(Status::PartialOutage, Evidence::Derived, fell);
    office.incident = Some(IncidentId::new("i-open"));
    let mut marriage = state(Status::MajorOutage, Evidence::Derived, fell);
    marriage.affected_by = Some(AffectedBy {
        path: vec![
            Shown {
                id: Some(component_id("serviceportal-en")),
                name: texts.text("Serviceportal Ennepe-Ruhr", "Service portal Ennepe-Ruhr"),
            },
            provider(texts),
        ],
        incident: Some(IncidentId::new("i-open")),
    });
    marriage.incident = Some(IncidentId::new("i-open"));
    let booking = state(Status::Operational, Evidence::Own, calm);
    let website = state(Status::Operational, Evidence::Own, time("2023-11-02T11:00:00Z"));
    let mut mail = state(Status::Unknown, Evidence::Own, time("2023-11-06T09:20:00Z"));
    mail.last_known = Some(Status::Operational);
    let mut card = state(Status::Operational, Evidence::Declared, calm);
    card.lifecycle = Lifecycle::Announced;
    card.checked_at = None;
    vec![portal, office, marriage, booking, website, mail, card]
}

pub(super) fn update(number: u32, at: Timestamp, status: IncidentStatus, body: Body) -> Update {
    Update { number, at, status, body }
}

fn message(code: MessageCode, component: Text) -> Body {
    Body::Automatic(Message {
        code,
        wording: 1,
        component,
        status: Some(Status::MajorOutage),
        reason: Some(Reason::Timeout),
    })
}

fn incidents(texts: &Texts<'_>) -> Vec<PublicIncident> {
    let portal = || texts.text("Serviceportal Ennepe-Ruhr", "Service portal Ennepe-Ruhr");
    let website = || texts.text("Homepage Witten", "Website of Witten");
    let open = PublicIncident {
        id: IncidentId::new("i-open"),
        title: message(MessageCode::Title, portal()),
        status: IncidentStatus::Identified,
        impact: Impact::Critical,
        cause: Some(Cause::Cyberattack),
        root: provider(texts),
        started_at: time("2023-11-06T09:12:00Z"),
        resolved_at: None,
        components: vec![
            (component_id("serviceportal-en"), portal(), Status::MajorOutage),
            (component_id("standesamt-hattingen"), texts.text("Standesamt", "Registry office"), Status::MajorOutage),
            (
                component_id("standesamt-hattingen.eheschliessung"),
                texts.text("Anmeldung zur Eheschließung", "Registering a marriage"),
                Status::MajorOutage,
            ),
        ],
        updates: vec![
            update(
                1,
                time("2023-11-06T09:14:00Z"),
                IncidentStatus::Investigating,
                message(MessageCode::Opened, portal()),
            ),
            update(
                2,
                time("2023-11-06T09:25:00.250Z"),
                IncidentStatus::Identified,
                Body::Written(texts.text("Die Ursache ist gefunden.", "The cause has been found.")),
            ),
        ],
    };
    let closed = PublicIncident {
        id: IncidentId::new("i-closed"),
        title: message(MessageCode::Title, website()),
        status: IncidentStatus::Resolved,
        impact: Impact::Major,
        cause: None,
        root: Shown { id: Some(component_id("website-witten")), name: website() },
        started_at: time("2023-11-02T10:00:00Z"),
        resolved_at: Some(time("2023-11-02T11:00:00Z")),
        components: vec![
            (component_id("website-witten"), website(), Status::PartialOutage),
            (component_id("removed-since"), texts.text("Altes Formular", "Old form"), Status::MajorOutage),
        ],
        updates: vec![
            update(
                1,
                time("2023-11-02T10:03:00Z"),
                IncidentStatus::Investigating,
                message(MessageCode::Opened, website()),
            ),
            update(
                2,
                time("2023-11-02T11:00:00Z"),
                IncidentStatus::Resolved,
                message(MessageCode::Resolved, website()),
            ),
        ],
    };
    vec![open, closed]
}

fn maintenances(texts: &Texts<'_>) -> Vec<PublicMaintenance> {
    let zone = jiff::tz::TimeZone::get("Europe/Berlin").expect("bundled");
    let day = |month, day| jiff::civil::date(2023, month, day);
    vec![PublicMaintenance {
        id: MaintenanceId::new("umstellung"),
        title: texts.text("Umstellung auf neue Software", "Move to new software"),
        phase: MaintenancePhase::Announced,
        from: When::from_date(day(12, 1), &zone).expect("in range"),
        until: When::through_date(day(12, 8), &zone).expect("in range"),
        ends: Ends::OnNotice,
        components: vec![component_id("standesamt-hattingen")],
        unaffected: vec![component_id("standesamt-hattingen.termin"), component_id("website-witten")],
        alternatives: vec![alternative(
            AlternativeKind::Phone,
            &["tel:+4923242043030"],
            texts.text("Notfälle", "Emergencies"),
        )],
        announced_at: Some(When::from_date(day(11, 3), &zone).expect("in range")),
        last_chance_before: Some(When::through_date(day(11, 30), &zone).expect("in range")),
        back_from: Some(When::from_date(day(12, 9), &zone).expect("in range")),
    }]
}

fn build(texts: &Texts<'_>) -> Snapshot {
    let mut organisations = vec![
        organisation(
            "ennepe-ruhr-kreis",
            OrganisationKind::County,
            texts.text("Ennepe-Ruhr-Kreis", "Ennepe-Ruhr county"),
            Some("059540000000"),
        ),
        organisation(
            "hattingen",
            OrganisationKind::Municipality,
            texts.text("Stadt Hattingen", "Town of Hattingen"),
            Some("059540016016"),
        ),
        organisation(
            "witten",
            OrganisationKind::Municipality,
            texts.text("Stadt Witten", "Town of Witten"),
            Some("059540036036"),
        ),
    ];
    organisations[1].url = Link::parse("https://www.hattingen.example/");
    let at = time(NOW);
    Snapshot {
        position: 4711,
        at,
        valid_until: at.plus(VALID_FOR),
        health: Vec::new(),
        catalogue: Arc::new(catalogue(site(texts), organisations, components(texts))),
        states: states(texts).into_iter().map(Arc::new).collect(),
        incidents: incidents(texts).into_iter().map(Arc::new).collect(),
        maintenances: maintenances(texts).into_iter().map(Arc::new).collect(),
    }
}

/// A snapshot of `towns` towns below ARS 05 with `services` services each and a portal for all.
pub(super) fn land(towns: u32, services: u32) -> Snapshot {
    let name = |text: &str| Text::single("de", text);
    let organisations: Vec<_> = (0..towns)
        .map(|town| {
            let ars = format!("05{town:010}");
            let id = format!("stadt-{town}");
            organisation(&id, OrganisationKind::Municipality, name(&id), Some(&ars))
        })
        .collect();
    let everywhere: Vec<u32> = (0..towns).collect();
    let mut components = vec![component("portal", ComponentKind::Portal, name("Portal"), 0, &everywhere)];
    for town in 0..towns {
        components.extend((0..services).map(|service| {
            let id = format!("dienst-{service}-{town}");
            component(&id, ComponentKind::Service, name(&id), town, &[town])
        }));
    }
    let at = time(NOW);
    let calm = Arc::new(state(Status::Operational, Evidence::Own, time("2023-10-01T00:00:00Z")));
    let incident = PublicIncident {
        id: IncidentId::new("i-portal"),
        title: Body::Written(name("Portal gestört")),
        status: IncidentStatus::Investigating,
        impact: Impact::Critical,
        cause: None,
        root: Shown { id: Some(component_id("portal")), name: name("Portal") },
        started_at: at,
        resolved_at: None,
        components: vec![(component_id("portal"), name("Portal"), Status::MajorOutage)],
        updates: vec![update(1, at, IncidentStatus::Investigating, Body::Written(name("Wir suchen.")))],
    };
    Snapshot {
        position: 1,
        at,
        valid_until: at.plus(VALID_FOR),
        health: Vec::new(),
        states: components.iter().map(|_| Arc::clone(&calm)).collect(),
        catalogue: Arc::new(catalogue(plain_site(), organisations, components)),
        incidents: vec![Arc::new(incident)],
        maintenances: Vec::new(),
    }
}

/// The snapshot with another catalogue, changed by `change`.
pub(super) fn with_catalogue(mut snapshot: Snapshot, change: impl FnOnce(&mut PublicCatalogue)) -> Snapshot {
    change(Arc::make_mut(&mut snapshot.catalogue));
    snapshot
}
