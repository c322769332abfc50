//! Six weeks into the failure of a provider that serves seventy-two bodies: editors have written,
//! corrected and withdrawn, towns add words of their own, things come back one by one in different
//! modes, and planned work of every phase stands beside it. Bodies called "Verbandsmitglied" are
//! made up.

use std::sync::Arc;

use turmwacht::model::alternative::{Alternative, AlternativeKind};
use turmwacht::model::catalogue::{Ends, Reach};
use turmwacht::model::decision::ByHand;
use turmwacht::model::event::MaintenancePhase;
use turmwacht::model::id::{ComponentId, IncidentId, OrganisationId};
use turmwacht::model::incident::{
    Body, Cause, Ending, Expected, Impact, IncidentStatus, MessageCode, Overlay, Reference,
};
use turmwacht::model::local::PublicLocal;
use turmwacht::model::notice::{MaintenanceUpdate, Override};
use turmwacht::model::snapshot::{
    ComponentState, PublicComponent, PublicIncident, PublicMaintenance, PublicSeries, PublicUpdate, Shown, Snapshot,
    VALID_FOR,
};
use turmwacht::model::status::{
    ComponentKind, Delivery, DeliveryState, Evidence, Mode, OrganisationKind, Processing, Status,
};
use turmwacht::model::text::Text;
use turmwacht::model::window::{Recurrence, When};

use crate::pages::sample::{
    affected_by, alternative, assemble, at, automatic, both, component, differ, from, german, incident, link, local,
    maintenance, organisation, state, through, update,
};

const SIT: u32 = 0;
const COUNTY: u32 = 1;
const MENDEN: u32 = 2;
const HEMER: u32 = 3;
/// Bodies that are made up.
const MEMBERS: u32 = 69;

/// When the snapshot was taken: Friday, 8 December 2023, 09:00 in Berlin.
const NOW: &str = "2023-12-08T08:00:00Z";
const FELL: &str = "2023-10-29T23:10:00Z";
const LONG_AGO: &str = "2023-09-01T06:00:00Z";

fn id(text: &str) -> ComponentId {
    ComponentId::new(text)
}

fn written(german: &str, english: &str) -> Body {
    Body::Written(both(german, english))
}

fn expected(label: Option<Text>, earliest: Option<&str>, latest: Option<&str>) -> Expected {
    Expected { earliest: earliest.map(at), latest: latest.map(at), label }
}

fn components() -> Vec<(PublicComponent, ComponentState)> {
    use ComponentKind::{Capability, Counter, Mail, Phone, Portal, Service, Website};
    use Evidence::{Declared, Derived, Notice, Own};
    use Status::{DegradedPerformance, MajorOutage, Operational, PartialOutage, UnderMaintenance};
    let of = |id: &str, name: &str, kind, status, evidence| {
        let since = if status == Operational { LONG_AGO } else { FELL };
        (component(id, name, kind, MENDEN), state(status, evidence, since))
    };
    let mut all = vec![
        of("fachverfahren-sit", "Fachverfahren der Südwestfalen-IT", Portal, PartialOutage, Notice),
        of("buergerbuero-menden", "Bürgerbüro", Counter, PartialOutage, Derived),
        of("kfz-menden", "Kfz-Zulassung", Service, PartialOutage, Derived),
        of("kfz-menden.anmelden", "Fahrzeug anmelden", Capability, Operational, Own),
        of("kfz-menden.wunsch", "Wunschkennzeichen", Capability, MajorOutage, Notice),
        of("mail-menden", "E-Mail der Verwaltung", Mail, UnderMaintenance, Notice),
        of("homepage-menden", "Internetseite der Stadt", Website, MajorOutage, Own),
        of("ausweis-menden", "Ausweise und Pässe", Service, PartialOutage, Derived),
        of("gewerbe-menden", "Gewerbe anmelden", Service, PartialOutage, Derived),
        of("soziales-menden", "Wohngeld beantragen", Service, PartialOutage, Derived),
        of("meldewesen-menden", "Wohnsitz anmelden", Service, PartialOutage, Derived),
        of("ratsinfo-menden", "Ratsinformation", Service, DegradedPerformance, Notice),
        of("maengel-menden", "Mängelmelder", Service, Operational, Own),
        of("telefon-menden", "Telefonzentrale", Phone, Operational, Own),
        of("rathaus-menden", "Rathaus", Counter, Operational, Declared),
        of("buergerbuero-hemer", "Bürgerbüro", Counter, PartialOutage, Derived),
    ];
    all[0].0.owner = SIT;
    all[0].0.shown_on = (SIT..COUNTY + 3 + MEMBERS).collect();
    all[15].0.owner = HEMER;
    all[15].0.shown_on = Arc::new([HEMER]);
    for number in 0..MEMBERS {
        let mut office = of(&format!("buergerbuero-{number}-mitglied"), "Bürgerbüro", Counter, PartialOutage, Derived);
        office.0.owner = HEMER + 1 + number;
        office.0.shown_on = Arc::new([HEMER + 1 + number]);
        all.push(office);
    }
    for (component, state) in &mut all {
        if state.evidence == Derived {
            let mut affected = affected_by(&[]);
            affected.path = vec![root()];
            state.affected_by = Some(affected);
            component.depends_on = vec![id("fachverfahren-sit")];
            component.edges = vec![(0, None)];
        }
    }
    detail(&mut all);
    all
}

/// What makes each of them what it is.
fn detail(all: &mut [(PublicComponent, ComponentState)]) {
    let site = Alternative {
        valid_from: Some(When::instant(at("2023-10-31T07:00:00Z"))),
        ..alternative(AlternativeKind::EmergencySite, &["https://notfall.menden.example/"], "Notfall-Seite", None)
    };
    all[2].0.owner = COUNTY;
    all[2].0.shown_on = Arc::new([COUNTY, MENDEN]);
    all[2].0.parts = vec![3, 4];
    all[2].1.affected_by = None;
    all[2].1.inputs.parts = Some((Status::PartialOutage, Evidence::Derived));
    for part in [3, 4] {
        all[part].0.owner = COUNTY;
        all[part].0.shown_on = Arc::new([COUNTY, MENDEN]);
        all[part].0.part_of = Some(2);
    }
    all[5].0.delivery = Some(Delivery {
        state: DeliveryState::Queued,
        since: Some(at("2023-12-03T23:00:00Z")),
        until: Some(at("2023-12-10T23:00:00Z")),
    });
    all[6].0.url = Some(link("https://www.menden.example/"));
    all[6].0.alternatives = vec![site];
    all[7].0.alternatives = vec![
        alternative(
            AlternativeKind::NeighbourOffice,
            &["tel:+4923725510"],
            "Bürgerbüro der Stadt Hemer",
            Some("nach Anmeldung"),
        ),
        alternative(AlternativeKind::Counter, &[], "Nebenstelle Lendringsen", None),
    ];
    all[11].1.inputs.by_hand = Some(ByHand { status: Status::DegradedPerformance, may_hide: true });
    all[11].1.set_by_hand = Some(Override {
        status: Status::DegradedPerformance,
        at: at("2023-12-06T10:15:00Z"),
        until: Some(at("2023-12-11T23:00:00Z")),
    });
}

fn root() -> Shown {
    Shown { id: Some(id("fachverfahren-sit")), name: german("Fachverfahren der Südwestfalen-IT") }
}

/// What differs in Menden: every mode, and what goes with it.
pub(super) fn locals() -> Vec<PublicLocal> {
    let menden = |component: &str, mode: Mode| PublicLocal { mode: Some(mode), ..local(component, "menden") };
    vec![
        PublicLocal {
            text: Some(german("Nur nach Anmeldung am Telefon.")),
            alternatives: vec![alternative(
                AlternativeKind::Phone,
                &["tel:+4923739030"],
                "Termin vereinbaren",
                Some("Mo bis Fr 8 bis 12 Uhr"),
            )],
            ..menden("buergerbuero-menden", Mode::Emergency)
        },
        PublicLocal { processing: Some(Processing::Stopped), ..menden("ausweis-menden", Mode::Substitute) },
        PublicLocal {
            status: Some(Status::DegradedPerformance),
            released: Some(true),
            ..menden("gewerbe-menden", Mode::Pilot)
        },
        PublicLocal { released: Some(false), ..menden("soziales-menden", Mode::Off) },
        PublicLocal {
            status: Some(Status::DegradedPerformance),
            processing: Some(Processing::Delayed),
            released: Some(true),
            ..menden("meldewesen-menden", Mode::Basic)
        },
        PublicLocal {
            delivery: Some(Delivery { state: DeliveryState::Lost, since: None, until: None }),
            ..local("mail-menden", "hemer")
        },
    ]
}

fn updates() -> Vec<PublicUpdate> {
    use IncidentStatus::{Identified, Investigating};
    let members = |organisations: &[&str]| organisations.iter().map(|&id| OrganisationId::new(id)).collect();
    let opened = automatic(MessageCode::Opened, "Fachverfahren der Südwestfalen-IT", Some(Status::MajorOutage), None);
    vec![
        update(1, "2023-10-29T23:14:00Z", Investigating, opened),
        PublicUpdate {
            ending: Some(Ending::Unknown),
            components: vec![(id("fachverfahren-sit"), Status::MajorOutage)],
            ..update(
                2,
                "2023-10-30T09:00:00Z",
                Identified,
                written(
                    "Die Südwestfalen-IT ist angegriffen worden. Alle Verbindungen sind getrennt.",
                    "Südwestfalen-IT was attacked. All connections have been cut.",
                ),
            )
        },
        PublicUpdate {
            ending: Some(Ending::Expected(expected(
                Some(both("ab Mitte Dezember", "from mid-December")),
                Some("2023-12-10T23:00:00Z"),
                Some("2023-12-17T23:00:00Z"),
            ))),
            ..update(
                3,
                "2023-11-13T10:00:00Z",
                Identified,
                written(
                    "Die ersten Fachverfahren laufen ab Mitte Dezember wieder.",
                    "The first applications will run again from mid-December.",
                ),
            )
        },
        PublicUpdate {
            ending: Some(Ending::Expected(expected(Some(german("schon Ende November")), None, None))),
            components: vec![(id("kfz-menden"), Status::Operational)],
            retracted_at: Some(at("2023-11-15T12:30:00Z")),
            ..update(4, "2023-11-15T12:00:00Z", Identified, Body::Written(Text::default()))
        },
        PublicUpdate {
            organisations: members(&["menden"]),
            components: vec![(id("kfz-menden.wunsch"), Status::MajorOutage)],
            corrected_at: Some(at("2023-11-30T08:20:00Z")),
            ..update(
                5,
                "2023-11-29T14:00:00Z",
                Identified,
                written(
                    "In Menden lassen sich Fahrzeuge wieder anmelden, Wunschkennzeichen noch nicht.",
                    "In Menden vehicles can be registered again, but no personalised number plates.",
                ),
            )
        },
        PublicUpdate {
            organisations: members(&["hemer"]),
            ..update(
                6,
                "2023-12-01T09:00:00Z",
                Identified,
                written("In Hemer ist das Bürgerbüro samstags geöffnet.", "The office in Hemer is open on Saturdays."),
            )
        },
        PublicUpdate {
            ending: Some(Ending::Expected(expected(Some(both("ab Januar 2024", "from January 2024")), None, None))),
            components: vec![(id("fachverfahren-sit"), Status::PartialOutage)],
            ..update(
                7,
                "2023-12-05T15:00:00Z",
                Identified,
                written(
                    "Der Basisbetrieb verzögert sich. Erst im Januar kommen die übrigen Fachverfahren zurück.",
                    "Basic operation is delayed. The other applications will not be back before January.",
                ),
            )
        },
    ]
}

fn incidents() -> Vec<Arc<PublicIncident>> {
    let overlay = |german: &str, english: &str, day: &str| Overlay {
        text: both(german, english),
        alternatives: vec![alternative(AlternativeKind::Phone, &["tel:+4923739030"], "Rathaus Menden", None)],
        at: at(day),
        version: 1,
        said_as: None,
    };
    let concerned = |all: &[(PublicComponent, ComponentState)]| {
        let concerned = all.iter().filter(|(component, state)| {
            state.affected_by.is_some() || matches!(component.id.as_str(), "fachverfahren-sit" | "kfz-menden")
        });
        concerned.map(|(component, state)| (component.id.clone(), component.name.clone(), state.status)).collect()
    };
    let here = |mut way: Alternative| {
        way.serves = vec![Reach::Organisation(OrganisationId::new("hemer"))];
        way
    };
    let provider = PublicIncident {
        status: IncidentStatus::Identified,
        cause: Some(Cause::Cyberattack),
        impact: Impact::Major,
        root: root(),
        expected_end: Some(expected(Some(both("ab Januar 2024", "from January 2024")), None, None)),
        next_update_by: Some(at("2023-12-07T16:00:00Z")),
        references: vec![
            Reference { url: link("https://www.sit.example/notfall"), label: Some(german("Fragen und Antworten")) },
            Reference { url: link("https://www.land.example/lage?a=1&b=2"), label: None },
        ],
        alternatives: vec![
            alternative(AlternativeKind::Phone, &["tel:115"], "Behördennummer 115", Some("Mo bis Fr 8 bis 18 Uhr")),
            here(alternative(AlternativeKind::Counter, &[], "Samstags im Bürgerbüro Hemer", None)),
        ],
        unaffected: vec![id("telefon-menden"), id("rathaus-menden")],
        overlays: [
            (
                "menden",
                overlay(
                    "Kommen Sie nur mit Termin ins Rathaus.",
                    "Please come by appointment only.",
                    "2023-11-20T08:00:00Z",
                ),
            ),
            (
                "hemer",
                overlay(
                    "Hemer hilft auch Bürgern aus Menden.",
                    "Hemer helps citizens of Menden too.",
                    "2023-12-06T08:00:00Z",
                ),
            ),
        ]
        .into_iter()
        .map(|(town, overlay)| (OrganisationId::new(town), overlay))
        .collect(),
        components: concerned(&components()),
        updates: updates(),
        ..incident("sit2023", written("Ausfall bei der Südwestfalen-IT", "Outage at Südwestfalen-IT"), FELL)
    };
    let one = |id_text: &str, name: &str| (id(id_text), german(name), Status::MajorOutage);
    let website = PublicIncident {
        cause: Some(Cause::Undisclosed),
        root: Shown { id: Some(id("homepage-menden")), name: german("Internetseite der Stadt") },
        expected_end: Some(expected(None, Some("2023-12-11T23:00:00Z"), Some("2023-12-13T23:00:00Z"))),
        next_update_by: Some(at("2023-12-08T11:00:00Z")),
        components: vec![one("homepage-menden", "Internetseite der Stadt")],
        updates: vec![update(
            1,
            "2023-12-04T07:05:00Z",
            IncidentStatus::Investigating,
            written("Wir bauen die Seite neu auf.", "We are rebuilding the site."),
        )],
        ..incident(
            "seite-weg",
            automatic(MessageCode::Title, "Internetseite der Stadt", None, None),
            "2023-12-04T07:00:00Z",
        )
    };
    let late = PublicIncident {
        impact: Impact::Minor,
        cause: Some(Cause::Unknown),
        root: Shown { id: Some(id("ratsinfo-menden")), name: german("Ratsinformation") },
        expected_end: Some(expected(None, None, Some("2023-12-06T23:00:00Z"))),
        components: vec![one("ratsinfo-menden", "Ratsinformation")],
        updates: vec![update(
            1,
            "2023-12-05T07:05:00Z",
            IncidentStatus::Investigating,
            written("Es fehlen Unterlagen.", "Papers are missing."),
        )],
        ..incident("verspaetet", automatic(MessageCode::Title, "Ratsinformation", None, None), "2023-12-05T07:00:00Z")
    };
    let merged = PublicIncident {
        status: IncidentStatus::Resolved,
        merged_into: Some(IncidentId::new("sit2023")),
        root: Shown { id: Some(id("buergerbuero-menden")), name: german("Bürgerbüro") },
        resolved_at: Some(at("2023-10-30T09:00:00Z")),
        components: vec![one("buergerbuero-menden", "Bürgerbüro")],
        updates: vec![
            update(
                1,
                "2023-10-29T23:20:00Z",
                IncidentStatus::Investigating,
                written("Das Bürgerbüro bleibt geschlossen.", "The office stays closed."),
            ),
            update(
                2,
                "2023-10-30T09:00:00Z",
                IncidentStatus::Resolved,
                automatic(MessageCode::Merged, "Fachverfahren der Südwestfalen-IT", None, None),
            ),
        ],
        ..incident("aufgegangen", automatic(MessageCode::Title, "Bürgerbüro", None, None), "2023-10-29T23:20:00Z")
    };
    [website, late, provider, merged].map(Arc::new).into()
}

fn said(number: u32, day: &str, phase: MaintenancePhase, body: Body) -> MaintenanceUpdate {
    MaintenanceUpdate { number, at: at(day), phase, body, ended: Vec::new(), announced: None }
}

fn maintenances() -> Vec<Arc<PublicMaintenance>> {
    use MaintenancePhase::{Announced, Cancelled, Completed, InProgress, Overrunning};
    let programme = Some("neustart-2023".to_owned());
    let moved = |code| automatic(code, "Telefon und E-Mail ziehen um", None, None);
    let back = at("2023-12-06T07:00:00Z");
    let mut telephone = PublicMaintenance {
        phase: InProgress,
        text: Some(german("Beide Anlagen ziehen in ein anderes Rechenzentrum.\nWer anruft, erreicht wieder jemanden.")),
        ends: Ends::OnNotice,
        unaffected: vec![id("rathaus-menden"), id("maengel-menden")],
        alternatives: vec![alternative(AlternativeKind::Phone, &["tel:+4923739031"], "Notfälle", None)],
        programme: programme.clone(),
        updates: vec![
            said(1, "2023-11-20T09:00:00Z", Announced, moved(MessageCode::Planned)),
            said(2, "2023-12-03T23:00:00Z", InProgress, moved(MessageCode::Began)),
            MaintenanceUpdate {
                ended: vec![(id("telefon-menden"), back)],
                ..said(
                    3,
                    "2023-12-06T07:02:00Z",
                    InProgress,
                    written("Das Telefon geht wieder.", "The telephone works again."),
                )
            },
        ],
        ..maintenance(
            "telefon-mail",
            "Telefon und E-Mail ziehen um",
            from(2023, 12, 4),
            through(2023, 12, 10),
            &["telefon-menden", "mail-menden", "kfz-menden.anmelden"],
        )
    };
    telephone.components[0].ended_at = Some(back);
    telephone.components[2].until = Some(through(2023, 12, 7));
    let council = PublicMaintenance {
        phase: Overrunning,
        ends: Ends::OnNotice,
        back_from: Some(from(2023, 12, 7)),
        updates: vec![said(
            1,
            "2023-12-06T23:00:00Z",
            Overrunning,
            automatic(MessageCode::Overran, "Ratsinformation", None, None),
        )],
        ..maintenance(
            "ratsinfo-umbau",
            "Umbau der Ratsinformation",
            from(2023, 12, 1),
            through(2023, 12, 6),
            &["ratsinfo-menden"],
        )
    };
    let offices = PublicMaintenance {
        last_chance_before: Some(through(2023, 12, 15)),
        back_from: Some(from(2023, 12, 21)),
        announced_at: from(2023, 12, 1),
        unaffected: vec![id("telefon-menden")],
        alternatives: vec![alternative(AlternativeKind::Phone, &["tel:+4923739031"], "Notfälle", None)],
        programme: programme.clone(),
        ..maintenance(
            "buero-umstellung",
            "Umstellung im Bürgerbüro",
            from(2023, 12, 18),
            through(2023, 12, 20),
            &["buergerbuero-menden"],
        )
    };
    let monthly = PublicMaintenance {
        series: Some(PublicSeries {
            recurrence: Recurrence {
                rrule: "FREQ=MONTHLY;BYDAY=2TU".to_owned(),
                at: jiff::civil::time(19, 0, 0, 0),
                lasts: std::time::Duration::from_secs(3 * 3_600),
            },
            from: from(2023, 1, 1),
            until: through(2024, 12, 31),
        }),
        upcoming: ["2024-01-09T18:00:00Z", "2024-04-09T17:00:00Z"]
            .map(|begin| (at(begin), at(begin).plus(std::time::Duration::from_secs(3 * 3_600))))
            .into(),
        ..maintenance(
            "wartungsabend",
            "Wartungsabend der Südwestfalen-IT",
            When::instant(at("2023-12-12T18:00:00Z")),
            When::instant(at("2023-12-12T21:00:00Z")),
            &["fachverfahren-sit"],
        )
    };
    let finished = PublicMaintenance {
        phase: Completed,
        ended_at: Some(at("2023-12-05T12:00:00Z")),
        programme,
        updates: vec![said(
            1,
            "2023-12-05T12:01:00Z",
            Completed,
            automatic(MessageCode::Ended, "Neue Leitung", None, None),
        )],
        ..maintenance("neue-leitung", "Neue Leitung", from(2023, 12, 5), through(2023, 12, 5), &["rathaus-menden"])
    };
    let off = PublicMaintenance {
        phase: Cancelled,
        ended_at: Some(at("2023-12-07T09:00:00Z")),
        alternatives: vec![alternative(AlternativeKind::Phone, &["tel:+4923739039"], "Nur bei Absage", None)],
        updates: vec![said(
            1,
            "2023-12-07T09:00:00Z",
            Cancelled,
            written("Der Umzug findet nicht statt.", "The move will not take place."),
        )],
        ..maintenance(
            "umzug",
            "Umzug der Gewerbestelle",
            from(2023, 12, 14),
            through(2023, 12, 14),
            &["gewerbe-menden"],
        )
    };
    let mut all = [finished, council, telephone, monthly, off, offices].map(Arc::new);
    all.sort_by_key(|maintenance| maintenance.from.at);
    all.into()
}

/// The day.
pub(super) fn crisis() -> Snapshot {
    let mut organisations = vec![
        organisation("sit", OrganisationKind::Provider, "Südwestfalen-IT", None),
        organisation("maerkischer-kreis", OrganisationKind::County, "Märkischer Kreis", Some("059620000000")),
        organisation("menden", OrganisationKind::Municipality, "Stadt Menden", Some("059620040040")),
        organisation("hemer", OrganisationKind::Municipality, "Stadt Hemer", Some("059620016016")),
    ];
    for number in 0..MEMBERS {
        let name = format!("Verbandsmitglied {}", number + 1);
        organisations.push(organisation(
            &format!("mitglied-{:02}", number + 1),
            OrganisationKind::Municipality,
            &name,
            None,
        ));
    }
    let mut crisis = assemble(organisations, components(), incidents(), maintenances());
    crisis.at = at(NOW);
    crisis.valid_until = crisis.at.plus(VALID_FOR);
    for state in &mut crisis.states {
        let state = Arc::make_mut(state);
        state.checked_at = state.checked_at.map(|_| at("2023-12-08T07:59:20Z"));
    }
    differ(&mut crisis, locals());
    crisis
}
