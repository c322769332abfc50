//! A county with two towns, a shared portal that is down because of an internal provider, a
//! closed incident, three maintenances, what differs in one town, and a status set by hand.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use turmwacht::model::alternative::{Alternative, AlternativeKind, Link};
use turmwacht::model::availability::Intervals;
use turmwacht::model::catalogue::{Ends, Reach, Site, SiteLinks};
use turmwacht::model::decision::Inputs;
use turmwacht::model::event::MaintenancePhase;
use turmwacht::model::id::{ComponentId, IncidentId, MaintenanceId, OrganisationId};
use turmwacht::model::incident::{
    Body, Cause, Ending, Expected, Impact, IncidentStatus, Message, MessageCode, Overlay, Reference,
};
use turmwacht::model::local::{Locals, PublicLocal};
use turmwacht::model::notice::{Announced, CoveredNotice, MaintenanceUpdate, Override};
use turmwacht::model::search::Searchable;
use turmwacht::model::snapshot::{
    AffectedBy, ComponentState, Hidden, PublicCatalogue, PublicComponent, PublicIncident, PublicMaintenance,
    PublicOrganisation, PublicSeries, PublicUpdate, Shown, Snapshot, VALID_FOR,
};
use turmwacht::model::status::{
    ComponentKind, Delivery, DeliveryState, Evidence, Lifecycle, Mode, OrganisationKind, Processing, Status,
};
use turmwacht::model::text::{Plain, Text};
use turmwacht::model::time::Timestamp;
use turmwacht::model::verdict::Reason;
use turmwacht::model::window::{Recurrence, When};

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

pub(crate) fn sample() -> Snapshot {
    build(&Texts(None))
}

/// The sample with every text replaced.
pub(crate) fn sample_in_the_words_of(all: &str) -> Snapshot {
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
        shows: Arc::default(),
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
        shown_on: shown_on.into(),
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

pub(super) fn state(status: Status, evidence: Evidence, since: Timestamp) -> ComponentState {
    let mut intervals = Intervals::default();
    intervals.begin(time("2023-10-01T00:00:00Z"), Status::Operational, Evidence::Own);
    intervals.begin(since, status, evidence);
    ComponentState {
        status,
        evidence,
        since,
        checked_at: Some(time("2023-11-06T09:29:40Z")),
        last_known: None,
        lifecycle: Lifecycle::Live,
        reason: None,
        affected_by: None,
        incident: None,
        unknown_parts: 0,
        set_by_hand: None,
        inputs: Inputs { own: (evidence == Evidence::Own).then_some(status), ..Inputs::default() },
        hidden: None,
        aside: false,
        spared: false,
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
        component: None,
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
    for (organisation, index) in organisations.iter_mut().zip(0u32..) {
        let there = components.iter().zip(0u32..).filter(|(component, _)| component.shown_on.contains(&index));
        organisation.shows = there.map(|(_, component)| component).collect();
    }
    PublicCatalogue {
        site,
        organisation_index: organisations.iter().zip(0u32..).map(|(o, i)| (o.id.clone(), i)).collect(),
        component_index: components.iter().zip(0u32..).map(|(c, i)| (c.id.clone(), i)).collect(),
        organisations,
        components,
        former_organisations: HashMap::from([(OrganisationId::new("hattingen-alt"), OrganisationId::new("hattingen"))]),
        removed: HashSet::from([component_id("fundbuero-hattingen")]),
        former_components: HashMap::from([(component_id("portal-alt"), component_id("serviceportal-en"))]),
        logos: BTreeMap::new(),
        searchable: Searchable::default(),
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
    let name = texts.text("Standesamt", "Registry office");
    let mut office = component("standesamt-hattingen", ComponentKind::Service, name, 1, &[1]);
    office.parts = vec![2, 3];
    let name = texts.text("Anmeldung zur Eheschließung", "Registering a marriage");
    let mut marriage = component("standesamt-hattingen.eheschliessung", ComponentKind::Capability, name, 1, &[1]);
    marriage.part_of = Some(1);
    marriage.edges = vec![(0, None)];
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
    let fallen = Inputs {
        own: Some(Status::Operational),
        derived: Some((Status::MajorOutage, Evidence::Derived)),
        ..Inputs::default()
    };
    portal.inputs = fallen;
    portal.reason = Some(Reason::Timeout);
    let because = Some(AffectedBy { path: vec![provider(texts)], incident: Some(IncidentId::new("i-open")) });
    portal.affected_by = because.clone();
    portal.hidden = Some(Hidden { status: Status::MajorOutage, evidence: Evidence::Derived, affected_by: because });
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
    marriage.inputs = Inputs { own: None, ..fallen };
    let booking = state(Status::Operational, Evidence::Own, calm);
    let mut website = state(Status::Operational, Evidence::Own, time("2023-11-02T11:00:00Z"));
    website.set_by_hand = Some(Override {
        status: Status::Operational,
        at: time("2023-11-06T08:00:00Z"),
        until: Some(time("2023-11-07T08:00:00Z")),
    });
    let mut mail = state(Status::Unknown, Evidence::Own, time("2023-11-06T09:20:00Z"));
    mail.last_known = Some(Status::Operational);
    let mut card = state(Status::Operational, Evidence::Declared, calm);
    card.lifecycle = Lifecycle::Announced;
    card.checked_at = None;
    vec![portal, office, marriage, booking, website, mail, card]
}

pub(super) fn update(number: u32, at: Timestamp, status: IncidentStatus, body: Body) -> PublicUpdate {
    PublicUpdate {
        number,
        at,
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

/// An incident of one component, as the engine opens it.
pub(super) fn incident(id: &str, title: Body, root: Shown, started_at: Timestamp) -> PublicIncident {
    PublicIncident {
        id: IncidentId::new(id),
        title,
        status: IncidentStatus::Investigating,
        impact: Impact::Critical,
        cause: None,
        components: root.id.iter().map(|id| (id.clone(), root.name.clone(), Status::MajorOutage)).collect(),
        root,
        started_at,
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
        updates: Vec::new(),
        revision: 1,
    }
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
    let concerned = |id: &str, name: Text| (component_id(id), name, Status::MajorOutage);
    let open = PublicIncident {
        status: IncidentStatus::Identified,
        cause: Some(Cause::Cyberattack),
        expected_end: Some(Expected {
            earliest: Some(time("2023-11-20T00:00:00Z")),
            latest: None,
            label: Some(texts.text("nicht vor Mitte November", "not before mid-November")),
        }),
        next_update_by: Some(time("2023-11-06T09:29:00Z")),
        references: vec![Reference {
            url: Link::parse("https://www.example.org/?a=1&b=2").expect("a link"),
            label: Some(texts.text("Pressemitteilung", "Press release")),
        }],
        alternatives: vec![alternative(
            AlternativeKind::OtherPage,
            &["https://formulare.example.org/"],
            texts.text("Formulare zum Ausdrucken", "Forms to print"),
        )],
        unaffected: vec![component_id("website-witten"), component_id("standesamt-hattingen.termin")],
        overlays: overlays(texts),
        components: vec![
            concerned("serviceportal-en", portal()),
            concerned("standesamt-hattingen", texts.text("Standesamt", "Registry office")),
            concerned(
                "standesamt-hattingen.eheschliessung",
                texts.text("Anmeldung zur Eheschließung", "Registering a marriage"),
            ),
        ],
        updates: updates(texts),
        ..incident("i-open", message(MessageCode::Title, portal()), provider(texts), time("2023-11-06T09:12:00Z"))
    };
    let opened = message(MessageCode::Opened, website());
    let resolved = message(MessageCode::Resolved, website());
    let closed = PublicIncident {
        status: IncidentStatus::Resolved,
        impact: Impact::Major,
        resolved_at: Some(time("2023-11-02T11:00:00Z")),
        merged_into: Some(IncidentId::new("i-open")),
        components: vec![
            (component_id("website-witten"), website(), Status::PartialOutage),
            (component_id("removed-since"), texts.text("Altes Formular", "Old form"), Status::MajorOutage),
        ],
        updates: vec![
            update(1, time("2023-11-02T10:03:00Z"), IncidentStatus::Investigating, opened),
            update(2, time("2023-11-02T11:00:00Z"), IncidentStatus::Resolved, resolved),
        ],
        ..incident(
            "i-closed",
            message(MessageCode::Title, website()),
            Shown { id: Some(component_id("website-witten")), name: website() },
            time("2023-11-02T10:00:00Z"),
        )
    };
    let mut incidents = vec![open, closed];
    for incident in &mut incidents {
        let impact = incident.impact;
        incident.updates.iter_mut().for_each(|update| update.impact = impact);
    }
    incidents
}

/// The updates of the open incident: an automatic one, one with states and an end that was
/// corrected, one for a single town, and one that was taken back.
fn updates(texts: &Texts<'_>) -> Vec<PublicUpdate> {
    let portal = texts.text("Serviceportal Ennepe-Ruhr", "Service portal Ennepe-Ruhr");
    let written = |german, english| Body::Written(texts.text(german, english));
    let (investigating, identified) = (IncidentStatus::Investigating, IncidentStatus::Identified);
    vec![
        update(1, time("2023-11-06T09:14:00Z"), investigating, message(MessageCode::Opened, portal)),
        PublicUpdate {
            components: vec![(component_id("standesamt-hattingen.eheschliessung"), Status::MajorOutage)],
            ending: Some(Ending::Expected(Expected {
                label: Some(texts.text("nicht vor Mitte November", "not before mid-November")),
                ..Expected::default()
            })),
            corrected_at: Some(time("2023-11-06T09:25:00.250Z")),
            ..update(
                2,
                time("2023-11-06T09:20:00Z"),
                identified,
                written("Die Ursache ist gefunden.", "The cause has been found."),
            )
        },
        PublicUpdate {
            organisations: vec![OrganisationId::new("witten")],
            ending: Some(Ending::Unknown),
            ..update(
                3,
                time("2023-11-06T09:22:00Z"),
                identified,
                written("Nur in Witten: auch die Kasse.", "In Witten only: payment, too."),
            )
        },
        PublicUpdate {
            components: vec![(component_id("serviceportal-en"), Status::MajorOutage)],
            retracted_at: Some(time("2023-11-06T09:24:00Z")),
            ..update(4, time("2023-11-06T09:23:00Z"), identified, Body::Written(Text::default()))
        },
    ]
}

fn overlays(texts: &Texts<'_>) -> BTreeMap<OrganisationId, Overlay> {
    // Written under the id that the town had before.
    let hattingen = Overlay {
        text: texts.text("In Hattingen hilft das Bürgerbüro.", "In Hattingen the citizens' office helps."),
        alternatives: vec![alternative(
            AlternativeKind::EmergencySite,
            &["https://notfall.hattingen.example/"],
            texts.text("Notfall-Seite Hattingen", "Emergency site of Hattingen"),
        )],
        at: time("2023-11-06T09:21:00Z"),
        version: 2,
        said_as: None,
    };
    let witten = Overlay {
        text: texts.text("In Witten gilt das Gleiche.", "The same holds in Witten."),
        alternatives: Vec::new(),
        at: time("2023-11-06T09:26:00Z"),
        version: 1,
        said_as: None,
    };
    BTreeMap::from([(OrganisationId::new("hattingen-alt"), hattingen), (OrganisationId::new("witten"), witten)])
}

fn covered(id: &str) -> CoveredNotice {
    CoveredNotice { component: component_id(id), until: None, ended_at: None }
}

pub(super) fn word(number: u32, at: &str, phase: MaintenancePhase, body: Body) -> MaintenanceUpdate {
    MaintenanceUpdate { number, at: time(at), phase, body, ended: Vec::new(), announced: None }
}

/// The second Tuesday of each month in 2023, in the evening.
pub(super) fn evenings() -> PublicSeries {
    let zone = jiff::tz::TimeZone::get("Europe/Berlin").expect("bundled");
    let day = |month, day| jiff::civil::date(2023, month, day);
    PublicSeries {
        recurrence: Recurrence {
            rrule: "FREQ=MONTHLY;BYDAY=2TU".to_owned(),
            at: jiff::civil::time(19, 0, 0, 0),
            lasts: std::time::Duration::from_secs(3 * 3_600),
        },
        from: When::from_date(day(1, 1), &zone).expect("in range"),
        until: When::through_date(day(12, 31), &zone).expect("in range"),
    }
}

/// Planned work as a file announces it.
fn planned(id: &str, title: Text, from: When, until: When, announced_at: When) -> PublicMaintenance {
    let first = message(MessageCode::Planned, title.clone());
    PublicMaintenance {
        id: MaintenanceId::new(id),
        title,
        text: None,
        phase: MaintenancePhase::Announced,
        from,
        until,
        ends: Ends::OnNotice,
        ended_at: None,
        components: Vec::new(),
        unaffected: Vec::new(),
        alternatives: Vec::new(),
        last_chance_before: None,
        back_from: None,
        programme: None,
        zone: "Europe/Berlin".to_owned(),
        upcoming: Vec::new(),
        series: None,
        sequence: 0,
        updates: vec![MaintenanceUpdate { at: announced_at.at, ..word(1, NOW, MaintenancePhase::Announced, first) }],
        announced_at,
        revision: 1,
    }
}

/// With the dates that its first word gave.
fn announced(mut maintenance: PublicMaintenance) -> PublicMaintenance {
    maintenance.updates[0].announced = Some(Box::new(dates(&maintenance)));
    maintenance
}

/// The dates that maintenance has now, as an announcement gives them.
pub(super) fn dates(maintenance: &PublicMaintenance) -> Announced {
    Announced {
        from: maintenance.from.clone(),
        until: maintenance.until.clone(),
        recurs: Some(maintenance.series.is_some()),
        last_chance_before: maintenance.last_chance_before.clone(),
        back_from: maintenance.back_from.clone(),
        text: maintenance.text.clone(),
    }
}

fn maintenances(texts: &Texts<'_>) -> Vec<PublicMaintenance> {
    let zone = jiff::tz::TimeZone::get("Europe/Berlin").expect("bundled");
    let day = |month, day| jiff::civil::date(2023, month, day);
    let from = |month, d| When::from_date(day(month, d), &zone).expect("in range");
    let through = |month, d| When::through_date(day(month, d), &zone).expect("in range");
    let instant = |text| When::instant(time(text));

    let title = texts.text("Arbeiten am Netz", "Work on the network");
    let began = message(MessageCode::Began, title.clone());
    let overran = message(MessageCode::Overran, title.clone());
    let mut late = planned(
        "netz",
        title,
        instant("2023-11-05T18:00:00Z"),
        instant("2023-11-06T02:00:00Z"),
        instant("2023-10-20T08:00:00Z"),
    );
    late.phase = MaintenancePhase::Overrunning;
    late.components = vec![
        CoveredNotice { ended_at: Some(time("2023-11-05T20:00:00Z")), ..covered("website-witten") },
        CoveredNotice { until: Some(through(11, 5)), ..covered("mail-en") },
    ];
    late.updates.extend([
        word(2, "2023-11-05T18:00:00Z", MaintenancePhase::InProgress, began),
        MaintenanceUpdate {
            ended: vec![(component_id("website-witten"), time("2023-11-05T20:00:00Z"))],
            ..word(
                3,
                "2023-11-05T20:05:00Z",
                MaintenancePhase::InProgress,
                Body::Written(texts.text("Die Homepage läuft wieder.", "The website runs again.")),
            )
        },
        word(4, "2023-11-06T02:00:00Z", MaintenancePhase::Overrunning, overran),
    ]);

    let mut monthly = planned(
        "wartungsfenster",
        texts.text("Monatliches Wartungsfenster", "Monthly maintenance window"),
        instant("2023-11-14T18:00:00Z"),
        instant("2023-11-14T21:00:00Z"),
        instant("2023-01-02T08:00:00Z"),
    );
    monthly.ends = Ends::ByItself;
    monthly.components = vec![covered("serviceportal-en")];
    monthly.series = Some(evenings());
    monthly.upcoming = vec![(time("2023-12-12T18:00:00Z"), time("2023-12-12T21:00:00Z"))];

    let title = texts.text("Umstellung auf neue Software", "Move to new software");
    let mut move_on = planned("umstellung", title, from(12, 1), through(12, 8), from(11, 3));
    move_on.text = Some(texts.text("Bitte Unterlagen vorher abholen.", "Please fetch your papers before."));
    move_on.programme = Some(texts.0.unwrap_or("vois").to_owned());
    move_on.sequence = 1;
    move_on.components = vec![covered("standesamt-hattingen")];
    move_on.unaffected = vec![component_id("standesamt-hattingen.termin"), component_id("website-witten")];
    move_on.alternatives =
        vec![alternative(AlternativeKind::Phone, &["tel:+4923242043030"], texts.text("Notfälle", "Emergencies"))];
    move_on.last_chance_before = Some(through(11, 30));
    move_on.back_from = Some(from(12, 9));
    [late, monthly, move_on].map(announced).to_vec()
}

/// What differs in Hattingen.
fn local(texts: &Texts<'_>) -> PublicLocal {
    let mut neighbour = alternative(
        AlternativeKind::NeighbourOffice,
        &[],
        texts.text("Standesamt Sprockhövel", "Registry office Sprockhövel"),
    );
    neighbour.hours_text = Some(texts.text("nach Vereinbarung", "by appointment"));
    PublicLocal {
        key: 7,
        component: component_id("serviceportal-en"),
        name: texts.text("Serviceportal Ennepe-Ruhr", "Service portal Ennepe-Ruhr"),
        organisations: vec![Reach::Organisation(OrganisationId::new("hattingen"))],
        status: None,
        mode: Some(Mode::Basic),
        released: Some(true),
        processing: Some(Processing::Delayed),
        delivery: None,
        text: Some(texts.text("Anträge bitte auf Papier.", "Please apply on paper.")),
        alternatives: vec![neighbour],
        since: time("2023-11-06T08:00:00Z"),
        until: None,
        ended_at: None,
        said_as: None,
    }
}

/// What differed in the whole county before, as feeds still tell.
fn earlier(texts: &Texts<'_>) -> PublicLocal {
    PublicLocal {
        key: 6,
        component: component_id("mail-en"),
        name: texts.text("E-Mail", "Mail"),
        organisations: vec![Reach::Prefix("05954".to_owned())],
        status: Some(Status::PartialOutage),
        mode: None,
        released: Some(false),
        processing: None,
        delivery: Some(Delivery { state: DeliveryState::ReceiveOnly, since: None, until: None }),
        text: None,
        alternatives: Vec::new(),
        since: time("2023-11-04T08:00:00Z"),
        until: Some(time("2023-11-05T08:00:00Z")),
        ended_at: None,
        said_as: None,
    }
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
    let catalogue = Arc::new(catalogue(site(texts), organisations, components(texts)));
    Snapshot {
        position: 4711,
        at,
        valid_until: at.plus(VALID_FOR),
        exported: None,
        health: Vec::new(),
        incidents_from: None,
        past_maintenances: Vec::new(),
        locals: Arc::new(Locals::new([(0, Arc::new(local(texts)))], &catalogue)),
        catalogue,
        states: states(texts).into_iter().map(Arc::new).collect(),
        incidents: incidents(texts).into_iter().map(Arc::new).collect(),
        maintenances: maintenances(texts).into_iter().map(Arc::new).collect(),
        changes: Arc::new(vec![Arc::new(local(texts)), Arc::new(earlier(texts))]),
    }
}

/// A snapshot of `towns` towns below ARS 05 with `services` services each and a portal for all.
pub(crate) fn land(towns: u32, services: u32) -> Snapshot {
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
    let root = Shown { id: Some(component_id("portal")), name: name("Portal") };
    let mut fallen = incident("i-portal", Body::Written(name("Portal gestört")), root, at);
    fallen.updates = vec![update(1, at, IncidentStatus::Investigating, Body::Written(name("Wir suchen.")))];
    Snapshot {
        position: 1,
        at,
        valid_until: at.plus(VALID_FOR),
        exported: None,
        health: Vec::new(),
        states: components.iter().map(|_| Arc::clone(&calm)).collect(),
        catalogue: Arc::new(catalogue(plain_site(), organisations, components)),
        incidents: vec![Arc::new(fallen)],
        maintenances: Vec::new(),
        incidents_from: None,
        past_maintenances: Vec::new(),
        locals: Arc::default(),
        changes: Arc::default(),
    }
}

/// The sample with what differs in Hattingen changed by `change`.
pub(super) fn with_local(change: impl FnOnce(&mut PublicLocal)) -> Snapshot {
    let mut changed = local(&Texts(None));
    change(&mut changed);
    let sample = sample();
    Snapshot { locals: Arc::new(Locals::new([(0, Arc::new(changed))], &sample.catalogue)), ..sample }
}

/// The snapshot with another catalogue, changed by `change`.
pub(super) fn with_catalogue(mut snapshot: Snapshot, change: impl FnOnce(&mut PublicCatalogue)) -> Snapshot {
    change(Arc::make_mut(&mut snapshot.catalogue));
    snapshot
}
