//! Tests of `config`: every fault has its place and its help, every key of the public interface
//! is read, no input panics, and the shipped files are in order.

mod look;
mod notify;
mod oidc;

use std::path::{Path, PathBuf};

use proptest::prelude::*;
use turmwacht::config::{
    Extra, LoadFailure, Loaded, Report, files, from_texts, from_texts_with, load, load_or_settings, show,
};
use turmwacht::model::catalogue::Reach;
use turmwacht::model::check::{HeaderValue, Probe, Proves};
use turmwacht::model::status::{Mode, Status};

/// A config.toml without a warning of its own, for probe files under test.
const CONFIG: &str = r#"
title = "Status"
[site]
imprint = "https://www.example.org/"
privacy = "https://www.example.org/"
accessibility = "https://www.example.org/"
contact = "mailto:it@example.org"
[server]
public_url = "https://status.example.org"
feed_authority = "status.example.org"
[vantage]
reference = ["https://www.bund.de/", "https://de.wikipedia.org/"]
"#;

/// Two secrets, one of them somebody else's.
const SECRETS: &str = r#"
[secrets.muster-portal]
file = "en-portal.secret"
organisations = ["musterstadt"]
origins = ["https://portal.musterstadt.example"]
[secrets.nachbar-portal]
file = "en-portal.secret"
organisations = ["nachbar"]
origins = ["https://www.nachbar.example"]
"#;

/// What CONFIG lacks to be quiet: a probe key, which texts do not need.
const QUIET: &str = "probes = []\n";

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/config")
}

fn fixture(name: &str) -> (String, String) {
    (name.to_owned(), std::fs::read_to_string(fixtures().join(name)).expect("a fixture"))
}

fn probes(texts: &[(String, String)]) -> Result<Loaded, Report> {
    from_texts(("config.toml", &format!("{QUIET}{CONFIG}")), texts, &fixtures().join("contract"))
}

/// One county with a component whose table ends in `keys`, for table tests.
fn component(keys: &str) -> Result<Loaded, Report> {
    let text = format!(
        "[[organisation]]\nid = \"musterkreis\"\nkind = \"county\"\nname = \"Musterkreis\"\nars = \"059620000000\"\n\
         [[component]]\nid = \"amt\"\nname = \"Amt\"\nkind = \"website\"\nowner = \"musterkreis\"\n{keys}\n"
    );
    probes(&[("probes/x.toml".to_owned(), text)])
}

fn titles(report: &Report) -> Vec<String> {
    report.titles().map(|(_, title)| title.to_owned()).collect()
}

/// Compares with `config/snapshots/{name}.snap`.
fn golden(name: &str, report: &Report) {
    let text = report.render(false);
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("config/snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, text));
}

fn refused(names: &[&str]) -> Report {
    let texts: Vec<_> = names.iter().map(|name| fixture(name)).collect();
    probes(&texts).expect_err("these fixtures are full of faults")
}

#[test]
fn words_and_forms_are_refused_with_a_suggestion() {
    golden("invalid-words", &refused(&["invalid-words.toml"]));
}

#[test]
fn checks_are_refused_where_nothing_would_act_on_them() {
    golden("invalid-checks", &refused(&["invalid-checks.toml"]));
}

#[test]
fn references_and_cycles_show_both_ends() {
    golden("invalid-references", &refused(&["invalid-references.toml"]));
}

#[test]
fn plans_have_an_order() {
    golden("invalid-planned", &refused(&["invalid-planned.toml"]));
}

#[test]
fn broken_syntax_is_shown_once_and_makes_no_false_faults() {
    let report = refused(&["invalid-syntax.toml", "invalid-rights-b.toml"]);
    golden("invalid-syntax", &report);
}

#[test]
fn the_operators_file_is_checked_as_well() {
    let (name, text) = fixture("invalid-config.toml");
    let report = from_texts((&name, &text), &[], &fixtures()).expect_err("full of faults");
    golden("invalid-config", &report);
    assert!(!report.render(false).contains("canary"), "an unknown key of a secret may be the secret itself");
}

#[test]
fn more_event_streams_than_the_connections_hold_are_a_warning() {
    for (server, help) in [
        ("max_connections = 1000\nmax_sse = 800", None),
        ("max_connections = 1000\nmax_sse = 801", Some("lower it to 800, or raise `max_connections` to 1002")),
        // How many files may be open is not known here.
        ("max_sse = 20000", None),
        ("max_connections = 1000", None),
    ] {
        let text = format!("{QUIET}{}", CONFIG.replace("[server]\n", &format!("[server]\n{server}\n")));
        let loaded = from_texts(("config.toml", &text), &[], &fixtures()).expect("no fault");
        assert_eq!(loaded.warnings.warning_count(), usize::from(help.is_some()), "{}", loaded.warnings);
        assert!(loaded.warnings.render(false).contains(help.unwrap_or_default()), "{}", loaded.warnings);
    }
}

/// A folder with the secret file of SECRETS, of that mode.
fn secret_folder(mode: u32) -> tempfile::TempDir {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("en-portal.secret");
    std::fs::write(&secret, "Bearer canary-4711\n").unwrap();
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(mode)).unwrap();
    folder
}

/// Two files, the first of which oversteps, with secrets that the operator defined.
fn overstepping() -> Report {
    let texts = [fixture("invalid-rights-a.toml"), fixture("invalid-rights-b.toml")];
    let folder = secret_folder(0o400);
    from_texts(("config.toml", &format!("{QUIET}{CONFIG}{SECRETS}")), &texts, folder.path())
        .expect_err("full of faults")
}

#[test]
fn a_secret_open_to_others_is_a_warning() {
    for (mode, warns) in [(0o400, false), (0o640, false), (0o644, true), (0o660, true)] {
        let folder = secret_folder(mode);
        let loaded = from_texts(("config.toml", &format!("{QUIET}{CONFIG}{SECRETS}")), &[], folder.path()).unwrap();
        assert_eq!(titles(&loaded.warnings).iter().any(|title| title.contains("open to others")), warns, "{mode:o}");
        assert_eq!(loaded.settings.secrets.len(), 2);
        assert!(!format!("{:?}", loaded.settings).contains("canary"));
    }
}

#[test]
fn a_file_speaks_only_for_the_organisations_it_declares() {
    let report = overstepping();
    golden("invalid-rights", &report);
}

#[test]
fn no_message_shows_a_secret() {
    let report = overstepping();
    for text in [report.render(false), report.render(true), report.to_string()] {
        for canary in ["canary-4711", "canary-literal", "canary-password"] {
            assert!(!text.contains(canary), "{canary}");
        }
        assert!(text.contains("***"));
    }
    // What the message must not hold either: anything of a system's file or of the environment.
    let home = std::env::vars().find(|(name, _)| name == "HOME").map_or_else(|| "/root".to_owned(), |(_, value)| value);
    assert!(!report.render(false).contains(&format!("\"{home}\"")) && !report.render(false).contains("root:x:0"));
}

#[test]
fn every_key_of_the_public_interface_is_read() {
    let loaded = load(&fixtures().join("contract/config.toml")).unwrap_or_else(|report| panic!("{report}"));
    let catalogue = &loaded.catalogue;
    let ids: Vec<_> = catalogue.components.iter().map(|component| component.id.as_str()).collect();
    assert_eq!(
        ids,
        [
            "portal-of-somebody",
            "it-dienstleister-en",
            "serviceportal-en",
            "standesamt-hattingen",
            "standesamt-hattingen.eheschliessung",
            "standesamt-hattingen.terminreservierung",
            "standesamt-hattingen.urkunden",
            "mail-hattingen",
            "buergerbuero-geesthacht",
            "homepage-geesthacht"
        ]
    );
    let portal = catalogue.component_index("serviceportal-en").unwrap();
    assert_eq!(catalogue.components[portal as usize].serves.len(), 2);
    assert_eq!(catalogue.components[portal as usize].depends_on[0].red_means, Some(Status::PartialOutage));
    assert_eq!(catalogue.node(portal).unwrap().checks.len(), 5);
    let everything = &catalogue.checks[catalogue.node(portal).unwrap().checks.start as usize + 1];
    let Probe::Http(http) = &everything.probe else { panic!("an http probe") };
    assert!(http.headers.contains(&("Authorization".to_owned(), HeaderValue::Secret("en-portal".to_owned()))));
    assert_eq!((http.method.as_str(), http.follow_redirects), ("POST", false));
    assert!(http.tls.client_key.as_ref().is_some_and(|path| path.ends_with("en-portal.secret")));
    assert_eq!(everything.expect.status, [(200, 299), (301, 301), (400, 404)]);
    assert_eq!(everything.proves, Proves::Front);
    let part = catalogue.component_index("standesamt-hattingen.urkunden").unwrap();
    let part = &catalogue.components[part as usize];
    assert_eq!(part.depends_on[0].red_means, Some(Status::DegradedPerformance));
    assert_eq!(part.owner, catalogue.organisation_index("hattingen").unwrap());
    let mail = catalogue.component_index("mail-hattingen").unwrap();
    let mx = &catalogue.checks[catalogue.node(mail).unwrap().checks.start as usize];
    assert_eq!(mx.probe.target(), "MX hattingen.de");
    assert_eq!(catalogue.locals[0].mode, Some(Mode::Basic));
    assert_eq!(catalogue.locals[0].organisations, [Reach::Organisation(catalogue.organisations[1].id.clone())]);
    assert_eq!(catalogue.maintenances[0].until.at.to_string(), "2021-10-06T22:00:00Z");
    assert_eq!(catalogue.maintenances[1].recurring.as_ref().unwrap().rrule, "FREQ=MONTHLY;BYDAY=2TU");
    assert_eq!(catalogue.agreements[0].maintenance_quota_ms, Some(8 * 3_600_000));
    assert_eq!(loaded.settings.secrets["en-portal"].value.reveal(), "Bearer canary-4711");
    assert_eq!(loaded.files.len(), 3);
    assert_eq!(loaded.files, files(&fixtures().join("contract/config.toml")));
    // A catalogue survives the store.
    let stored = serde_json::to_string(catalogue.declared()).unwrap();
    assert_eq!(&serde_json::from_str::<turmwacht::model::catalogue::Declared>(&stored).unwrap(), catalogue.declared());
}

#[test]
fn showing_the_configuration_hides_every_secret() {
    let loaded = load(&fixtures().join("contract/config.toml")).unwrap();
    let text = show(&loaded).to_string();
    assert!(text.contains(r#""value":"***""#) && text.contains("serviceportal-en") && !text.contains("canary"));
    let loaded = component("[[component.check]]\nid = \"x\"\nprobe.http = { url = \"https://www.example.org/\", headers = { Authorization = \"canary\" } }").unwrap();
    assert!(
        show(&loaded).to_string().contains(r#"{"literal":"***"}"#) && !show(&loaded).to_string().contains("canary")
    );
    assert!(!loaded.warnings.render(false).contains("canary"));
}

#[test]
fn the_shipped_files_are_in_order() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let loaded = load(&root.join("config.toml")).unwrap_or_else(|report| panic!("{report}"));
    let warnings = titles(&loaded.warnings);
    assert_eq!(warnings.len(), 1, "only the operator's own links are missing: {warnings:?}");
    assert!(warnings[0].starts_with("`[site]` lacks"));
    let hattingen = loaded.catalogue.organisation_index("hattingen").unwrap();
    let shown: Vec<_> =
        loaded.catalogue.shows(hattingen).iter().map(|c| loaded.catalogue.component(*c).unwrap().id.as_str()).collect();
    assert!(shown.contains(&"serviceportal-en") && !shown.contains(&"it-dienstleister-en"));
    // Only addresses that were verified are asked, and politely.
    for check in &loaded.catalogue.checks {
        assert!(check.interval.as_secs() >= 300);
        let verified = ["hattingen.de", "tangerhuette.de", "menden.de", "sit.nrw", "enkreis.de", "id.bund.de"];
        assert!(verified.iter().any(|name| check.probe.target().contains(name)), "{}", check.probe.target());
    }
}

#[test]
fn a_missing_file_is_one_clear_sentence() {
    let failure = load_or_settings(Path::new("/nonexistent/config.toml")).expect_err("missing");
    let LoadFailure::Settings(report) = failure else { panic!("nothing to go on with") };
    insta::assert_snapshot!(report, @r"
    error: `/nonexistent/config.toml` cannot be read: No such file or directory (os error 2)
     |
     = help: name the operator's file with `--config FILE`, or run in its folder
    ");
}

#[test]
fn bad_probe_files_leave_the_settings_usable() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config.toml");
    std::fs::write(&config, "probes = [\"*.probe\"]\n[server]\nlisten = \"127.0.0.1:9999\"\n").unwrap();
    std::fs::write(folder.path().join("a.probe"), "[[organisation]]\nid = 1\n").unwrap();
    let LoadFailure::Catalogue { settings, report } = load_or_settings(&config).expect_err("bad") else {
        panic!("config.toml is good")
    };
    assert_eq!(settings.server.listen.port(), 9999);
    assert_eq!(settings.storage.path, folder.path().join("turmwacht.db"));
    assert!(report.error_count() > 0 && report.render(false).contains("a.probe:2:6"));
    std::fs::write(&config, "probes = [\"*.probe\"]\n[server]\nlisten = 7\n").unwrap();
    assert!(matches!(load_or_settings(&config), Err(LoadFailure::Settings(_))));
}

#[test]
fn a_file_too_large_is_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config.toml");
    std::fs::write(&config, "probes = [\"*.probe\"]\n").unwrap();
    let large = std::fs::File::create(folder.path().join("a.probe")).unwrap();
    large.set_len(turmwacht::config::FILE_BYTES_MAX + 1).unwrap();
    let report = load(&config).expect_err("too large");
    assert!(report.render(false).contains("larger than 4 MiB"), "{report}");
}

#[test]
fn ids_are_reserved_where_they_would_be_addresses() {
    let organisation = |id: &str| {
        let text = format!("[[organisation]]\nid = \"{id}\"\nkind = \"provider\"\nname = \"X\"\n");
        probes(&[("x.toml".to_owned(), text)])
    };
    for id in ["admin", "api", "healthz", "static", "de", "en", "fr", "sw", "a-x-b", "search", "12", "-a", "Ä"] {
        assert!(organisation(id).is_err(), "{id}");
    }
    for id in ["hattingen", "qq", "deu", "widget", "x"] {
        assert!(organisation(id).is_ok(), "{id}");
    }
}

#[test]
fn a_check_proves_the_function_where_content_is_asserted() {
    for (keys, proves) in [
        ("probe.http = { url = \"https://www.example.org/\" }", Proves::Front),
        ("probe.http = { url = \"https://www.example.org/\" }\nexpect = { body_lacks = \"x\" }", Proves::Front),
        ("probe.http = { url = \"https://www.example.org/\" }\nexpect = { body_contains = \"x\" }", Proves::Function),
        (
            "probe.http = { url = \"https://www.example.org/\" }\nexpect = { json = { \"$.a\" = [1, { b = true }] } }",
            Proves::Function,
        ),
        (
            "probe.http = { url = \"https://www.example.org/\" }\nexpect = { body_contains = \"x\" }\nproves = \"front\"",
            Proves::Front,
        ),
        ("probe.dns = { name = \"www.example.org\" }\nexpect = { records = \"192.0.2.1\" }", Proves::Function),
    ] {
        let loaded =
            component(&format!("[[component.check]]\nid = \"x\"\n{keys}")).unwrap_or_else(|report| panic!("{report}"));
        assert_eq!(loaded.catalogue.checks[0].proves, proves, "{keys}");
    }
}

#[test]
fn a_url_without_checks_gets_those_of_its_kind() {
    for (keys, targets) in [
        ("url = \"https://www.example.org/x\"", vec!["https://www.example.org/x", "A www.example.org"]),
        ("url = \"http://93.184.216.34/\"", vec!["http://93.184.216.34/"]),
        ("url = \"mailto:a@example.org\"", vec![]),
        (
            "url = \"https://www.example.org/\"\n[[component.check]]\nid = \"x\"\nprobe.dns = { name = \"a.example.org\" }",
            vec!["A a.example.org"],
        ),
    ] {
        let loaded = component(keys).unwrap_or_else(|report| panic!("{report}"));
        let asked: Vec<_> = loaded.catalogue.checks.iter().map(|check| check.probe.target()).collect();
        assert_eq!(asked, targets, "{keys}");
    }
}

#[test]
fn times_mean_instants_in_the_organisations_zone() {
    let at = |zone: &str, from: &str, until: &str| {
        let text = format!(
            "[[organisation]]\nid = \"x\"\nkind = \"provider\"\nname = \"X\"\n{zone}\n[[component]]\nid = \"y\"\nname = \"Y\"\nkind = \"service\"\nowner = \"x\"\n\
             [[maintenance]]\nid = \"z\"\ntitle = \"Z\"\ncomponents = [\"y\"]\nfrom = {from}\nuntil = {until}\n"
        );
        let loaded = probes(&[("x.toml".to_owned(), text)]).unwrap_or_else(|report| panic!("{report}"));
        let maintenance = &loaded.catalogue.maintenances[0];
        format!("{} {} {:?}", maintenance.from.at, maintenance.until.at, maintenance.until.date)
    };
    assert_eq!(at("", "2023-12-01", "2023-12-08"), "2023-11-30T23:00:00Z 2023-12-08T23:00:00Z Some(2023-12-08)");
    assert_eq!(at("", "\"2023-12-01\"", "\"2023-12-08T14:00\""), "2023-11-30T23:00:00Z 2023-12-08T13:00:00Z None");
    assert_eq!(
        at("", "2023-12-01T00:00:00Z", "2023-12-08 14:00:00+01:00"),
        "2023-12-01T00:00:00Z 2023-12-08T13:00:00Z None"
    );
    assert_eq!(
        at("timezone = \"Atlantic/Azores\"", "2023-12-01", "2023-12-08"),
        "2023-12-01T01:00:00Z 2023-12-09T01:00:00Z Some(2023-12-08)"
    );
}

#[test]
fn reach_follows_the_key_and_the_operators_trust() {
    let try_serves = |kind: &str, ars: &str, serves: &str, trust: &str| {
        let ars = if ars.is_empty() { String::new() } else { format!("ars = \"{ars}\"") };
        let text = format!(
            "[[organisation]]\nid = \"owner\"\nkind = \"{kind}\"\nname = \"O\"\n{ars}\n[[component]]\nid = \"y\"\nname = \"Y\"\nkind = \"service\"\nowner = \"owner\"\nserves = [\"{serves}\"]\n"
        );
        let other = "[[organisation]]\nid = \"other\"\nkind = \"municipality\"\nname = \"P\"\nars = \"053150000000\"\n[[organisation]]\nid = \"willing\"\nkind = \"municipality\"\nname = \"W\"\nars = \"053160000000\"\nserved_by = [\"y\"]\n";
        let config = format!("{QUIET}{CONFIG}{trust}");
        let texts = [("x.toml".to_owned(), text), ("other.toml".to_owned(), other.to_owned())];
        from_texts(("config.toml", &config), &texts, &fixtures().join("contract")).is_ok()
    };
    for (kind, ars, serves, trust, allowed) in [
        ("county", "059540000000", "05954", "", true),
        ("county", "059540000000", "059540016016", "", true),
        ("county", "059540000000", "0595", "", false),
        ("county", "059540000000", "other", "", false),
        ("county", "059540000000", "willing", "", true),
        ("county", "059540000000", "053160000000", "", true),
        ("municipality", "059540016016", "059540016016", "", true),
        ("municipality", "059540016016", "05954", "", false),
        ("municipality", "059130000000", "05913", "", true),
        ("association", "071315001000", "071315001", "", true),
        ("association", "071315001000", "07131", "", false),
        ("association", "", "07131", "", false),
        ("provider", "", "05", "", false),
        ("provider", "", "05", "[trust.owner]\nserves = [\"05\"]\n", true),
        ("provider", "", "other", "[trust.owner]\nserves = [\"other\"]\n", true),
        ("state", "050000000000", "05", "", false),
        ("provider", "", "!other", "", true),
    ] {
        assert_eq!(try_serves(kind, ars, serves, trust), allowed, "{kind} {ars} {serves} {trust}");
    }
}

#[test]
fn local_differences_are_said_by_the_town_or_by_the_owner() {
    let county = "[[organisation]]\nid = \"kreis\"\nkind = \"county\"\nname = \"K\"\nars = \"059540000000\"\n\
         [[component]]\nid = \"portal\"\nname = \"P\"\nkind = \"portal\"\nowner = \"kreis\"\nserves = [\"05954\"]\n";
    let town = "[[organisation]]\nid = \"stadt\"\nkind = \"municipality\"\nname = \"S\"\nars = \"059540016016\"\n\
         [[organisation]]\nid = \"fern\"\nkind = \"municipality\"\nname = \"F\"\nars = \"053150000000\"\n";
    let local = |organisation: &str| {
        format!("[[local]]\ncomponents = [\"portal\"]\norganisations = [\"{organisation}\"]\nmode = \"basic\"\n")
    };
    for (by_county, organisation, allowed) in [
        (true, "stadt", true),
        (true, "05954", true),
        (true, "fern", false),
        (true, "05", false),
        (false, "stadt", true),
        (false, "059540016016", true),
        (false, "kreis", false),
        (false, "05954", false),
    ] {
        let (mut county, mut town) = (county.to_owned(), town.to_owned());
        let file = if by_county { &mut county } else { &mut town };
        file.push_str(&local(organisation));
        let result = probes(&[("county.toml".to_owned(), county), ("town.toml".to_owned(), town)]);
        assert_eq!(result.is_ok(), allowed, "{by_county} {organisation}");
    }
}

#[test]
fn a_caller_may_have_keys_of_its_own_and_a_loopback_world() {
    let text = "[[expect]]\nat = 1\n[[organisation]]\nid = \"x\"\nkind = \"provider\"\nname = \"X\"\n[[component]]\nid = \"y\"\nname = \"Y\"\nkind = \"website\"\nowner = \"x\"\nurl = \"http://127.0.0.1:8081/\"\n";
    let texts = [("scenario.toml".to_owned(), text.to_owned())];
    let strict = from_texts(("config.toml", QUIET), &texts, Path::new("")).expect_err("both are faults");
    assert_eq!(
        titles(&strict)
            .iter()
            .filter(|title| title.contains("unknown key") || title.contains("private network"))
            .count(),
        2
    );
    let extra = Extra { ignored_keys: &["expect"], loopback: true, ..Extra::default() };
    let loaded = from_texts_with(("config.toml", QUIET), &texts, Path::new(""), extra)
        .unwrap_or_else(|report| panic!("{report}"));
    assert!(loaded.warnings.is_empty(), "{}", loaded.warnings);
    assert_eq!(loaded.settings.probing.private_networks.len(), 2);
}

#[test]
fn messages_obey_no_terminal() {
    let report = component("depends_on = [\"\\u001b[31mx\\u202e\"]").expect_err("unknown");
    assert!(!report.render(false).contains(['\u{1b}', '\u{202e}']), "{report}");
}

#[test]
fn a_deep_chain_and_a_flood_of_faults_are_bounded() {
    use std::fmt::Write;
    let mut text = String::from("[[organisation]]\nid = \"x\"\nkind = \"provider\"\nname = \"X\"\n");
    for n in 0..20_000 {
        writeln!(
            text,
            "[[component]]\nid = \"c{n}\"\nname = \"Y\"\nkind = \"service\"\nowner = \"x\"\ndepends_on = [\"c{}\"]",
            n + 1
        )
        .unwrap();
    }
    let report = probes(&[("x.toml".to_owned(), text)]).expect_err("the last one depends on nobody");
    assert_eq!(report.error_count(), 1);
    let flood = "[[component]]\n".repeat(5_000);
    let report = probes(&[("x.toml".to_owned(), flood)]).expect_err("all is missing");
    assert!(report.error_count() > 5_000);
    assert!(report.render(false).matches("error:").count() <= turmwacht::config::FAULTS_MAX);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// Cutting, doubling and overwriting pieces of real files never panics, and what is refused
    /// is refused with a report that can be rendered.
    #[test]
    fn no_input_panics(which in 0usize..7, edits in prop::collection::vec((any::<prop::sample::Index>(), 0usize..12, "[\\PC\u{0}\u{1b}\\n\\[\\]{}\"=.,0-9-]{0,6}"), 1..6)) {
        let names = ["contract/probes/ennepe-ruhr-kreis.toml", "contract/probes/geesthacht.toml", "invalid-checks.toml", "invalid-planned.toml", "invalid-rights-a.toml", "invalid-references.toml", "invalid-config.toml"];
        let mut text: Vec<char> = fixture(names[which]).1.chars().collect();
        for (at, length, with) in edits {
            let start = at.index(text.len().max(1)).min(text.len());
            let end = (start + length).min(text.len());
            text.splice(start..end, with.chars());
        }
        let text: String = text.into_iter().collect();
        let result = if which == 6 {
            from_texts(("config.toml", &text), &[], &fixtures())
        } else {
            probes(&[("x.toml".to_owned(), text), fixture("invalid-rights-b.toml")])
        };
        match result {
            Ok(loaded) => drop(loaded.warnings.render(false)),
            Err(report) => prop_assert!(report.error_count() > 0 && !report.render(true).is_empty()),
        }
    }
}
