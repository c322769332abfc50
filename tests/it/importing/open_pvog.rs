//! Exports of PVOG's open data.

use turmwacht::importing::open_pvog::{Previous, import};
use turmwacht::importing::{Fault, Options, Source};
use turmwacht::model::check::Probe;
use turmwacht::model::status::OrganisationKind;

use super::{Imported, accepted, loaded, options, source};

const HEAD: &str =
    "leika_key;leika_name;ars;ozgid;url;online_status;aktiv;art_flaechendeckung;datenstand_pvog_import\n";
const ROWS: &str = "\
99102013104000;Hundesteuer: Anmeldung;059540016016;10000;https://portal.example/hund;ok;true;x;2026-01-01
99050012104000;Gewerbe anmelden;059540016016;10100;https://portal.example/g/anmelden;nicht ok;true;x;2026-01-01
99050012104000;Gewerbe anmelden;059540000000;;https://portal.example/g;ok;true;x;2026-01-01
99050012104000;Gewerbe anmelden;059540016016;10100;https://weiter.example/gewerbe;ok;true;x;2026-01-01
;\"Straße; sperren\";059540000000;;https://kreis.example/x?a=1;;true;x;2026-01-01
";

/// What has changed since counts.
pub(super) fn since<'a>(files: &'a [Source<'a>]) -> Previous<'a> {
    Previous { files, may_differ: false }
}

#[track_caller]
fn imported(rows: &str, options: &Options) -> Imported {
    accepted(import(&[source("page-1.csv", rows)], since(&[]), options), "")
}

#[test]
fn a_service_depends_on_its_host_and_the_host_is_asked_once() {
    let imported =
        imported(&format!("\u{feff}{HEAD}{ROWS}"), &Options { ars: Some("059540016016".to_owned()), ..options() });
    let catalogue = &imported.loaded.catalogue;
    assert_eq!(
        imported.ids(),
        [
            "kreis-example",
            "portal-example",
            "weiter-example",
            "strasse-sperren-ars-059540000000",
            "gewerbe-anmelden-ars-059540000000",
            "gewerbe-anmelden-musterstadt",
            "hundesteuer-anmeldung-musterstadt"
        ]
    );
    // Three services, one host, one page of it.
    let pages: Vec<&str> = imported
        .checks("portal-example")
        .iter()
        .filter_map(|check| match &check.probe {
            Probe::Http(http) => Some(http.url.as_str()),
            Probe::Tls(_) | Probe::Tcp(_) | Probe::Dns(_) => None,
        })
        .collect();
    assert_eq!(pages, ["https://portal.example/g"]);
    let find = |id: &str| &catalogue.components[catalogue.component_index(id).unwrap() as usize];
    let dog = find("hundesteuer-anmeldung-musterstadt");
    assert_eq!((dog.leika[0].as_str(), dog.ozg), ("99102013104000", Some(10_000)));
    assert!(imported.checks("hundesteuer-anmeldung-musterstadt").is_empty());
    assert_eq!(find("gewerbe-anmelden-musterstadt").alternatives.len(), 1);
    let kinds: Vec<OrganisationKind> = catalogue.organisations.iter().map(|body| body.kind).collect();
    assert!(kinds.contains(&OrganisationKind::Municipality) && kinds.contains(&OrganisationKind::County), "{kinds:?}");
    // What the export claims is a comment.
    assert!(
        imported.outcome.text.contains("# `online_status` of the export, not a status: nicht ok, ok"),
        "{}",
        imported.outcome.text
    );
}

#[test]
fn heads_signs_and_pages_may_differ() {
    let expected = imported(&format!("{HEAD}{ROWS}"), &options()).outcome.text;
    let rows = ROWS.replace("\"Straße; sperren\"", "\"Straße, sperren\"");
    let commas = rows.lines().map(|line| {
        let mut quoted = String::new();
        let mut inside = false;
        for c in line.chars() {
            inside ^= c == '"';
            quoted.push(if c == ';' && !inside { ',' } else { c });
        }
        quoted + "\r\n"
    });
    let camel =
        "leikaKey,leikaName,ars,ozgid,url,onlineStatus,aktiv,artFlaechendeckung,datenstandPvogImport\r\n".to_owned();
    let (first, second) = ROWS.split_at(ROWS.find("99050012104000;Gewerbe anmelden;059540000000").unwrap());
    let pages = [format!("{HEAD}{second}"), format!("{HEAD}{first}")];
    let sources: Vec<_> = pages.iter().map(|page| source("p.csv", page)).collect();
    let paged = accepted(import(&sources, since(&[]), &options()), "").outcome.text;
    assert_eq!(paged, expected);
    let text: String = camel + &commas.collect::<String>();
    let with_commas = imported(&text, &options()).outcome.text;
    // What an entry says of itself is another text where its name is.
    let lines = |text: &str| text.lines().filter(|line| !line.starts_with("# import")).collect::<Vec<_>>().join("\n");
    assert_eq!(lines(&with_commas).replace("Straße, sperren", "Straße; sperren"), lines(&expected));
}

#[test]
fn one_area_belongs_to_the_body_that_was_named() {
    let rows = format!("{HEAD}99102013104000;Hund;59540016016;;https://portal.example/hund;ok;true;x;x\n");
    let imported = imported(&rows, &options());
    let [body] = imported.loaded.catalogue.organisations.as_slice() else { panic!("{}", imported.outcome.text) };
    assert_eq!((body.id.as_str(), body.ars.as_deref()), ("musterstadt", Some("059540016016")));
    assert!(imported.ids().contains(&"hund-musterstadt"));
}

#[test]
fn what_cannot_be_a_service_is_named() {
    let row = |name: &str, ars: &str, url: &str| format!("99102013104000;{name};{ars};;{url};ok;true;x;x\n");
    let ars = "059540016016";
    let rows = [
        HEAD.to_owned(),
        row("gut", ars, "https://portal.example/"),
        row("leer", ars, ""),
        row("datei", ars, "file:///etc/passwd"),
        row("skript", ars, "javascript:alert(1)"),
        row("innen", ars, "http://192.168.0.1/"),
        row("offen", ars, "https://u:geheim@a.example/"),
        row("kennung", ars, "https://a.example/?token=geheim"),
        row("anker", ars, "https://a.example/#accessKey=geheim"),
        row("leika", ars, "https://portal.example/?leikaKey=99102013104000&plz=45525"),
        row("halb", ars, "www.example.org/x"),
        row("woanders", "5954x", "https://a.example/"),
        row("", ars, "https://a.example/"),
        format!("99102013104000;aus;{ars};;https://a.example/;ok;false;x;x\n"),
        "99102013104000;kurz\n".to_owned(),
    ]
    .concat();
    let imported = imported(&rows, &options());
    // The two have one key: what they are called first in the alphabet.
    assert_eq!(imported.ids(), ["portal-example", "gut-musterstadt"]);
    assert!(imported.outcome.text.contains("?leikaKey=99102013104000"), "{}", imported.outcome.text);
    for (name, why) in [
        ("leer", "no URL"),
        ("datei", "http or https"),
        ("skript", "http or https"),
        ("innen", "private"),
        ("offen", "secret"),
        ("kennung", "secret"),
        ("anker", "secret"),
        ("halb", "not complete"),
        ("woanders", "`ars`"),
        ("kurz", "`ars`"),
    ] {
        imported.assert_left(name, why);
    }
    let said = imported.outcome.report.lines().join("\n");
    assert!(said.contains("not active and were left out: 1") && !said.contains("geheim"), "{said}");
    assert!(!imported.outcome.text.contains("geheim"));
}

#[test]
fn an_export_that_changed_too_much_halts() {
    let rows = |from: u32, to: u32| {
        let rows = (from..to)
            .map(|n| format!("991020131{n:05};Dienst {n};059540016016;;https://portal.example/{n};ok;true;x;x\n"));
        HEAD.to_owned() + &rows.collect::<String>()
    };
    let yesterday = rows(0, 20);
    let made = imported(&yesterday, &options()).outcome.text;
    for previous in [("yesterday.csv", &yesterday), ("yesterday.toml", &made)] {
        let against = |today: &str| {
            import(&[source("today.csv", today)], since(&[source(previous.0, previous.1)]), &options()).map(|_| ())
        };
        assert_eq!(against(&rows(0, 20)), Ok(()));
        assert_eq!(against(&rows(2, 22)), Ok(()), "four of twenty are a fifth");
        assert_eq!(against(&rows(0, 24)), Ok(()));
        assert_eq!(against(&rows(0, 25)), Err(Fault::Changed { appeared: 5, vanished: 0, before: 20 }));
        assert_eq!(against(&rows(5, 20)), Err(Fault::Changed { appeared: 0, vanished: 5, before: 20 }));
    }
}

#[test]
fn what_is_no_export_is_said() {
    for (text, why) in [("", "columns"), ("a;b;c\n1;2;3\n", "columns"), ("{\"error\": 413}", "columns")] {
        let said = import(&[source("p.csv", text)], since(&[]), &options()).unwrap_err().to_string();
        assert!(said.contains("p.csv") && said.contains(why), "{said}");
    }
    let many = HEAD.to_owned() + &";x;059540016016;;;;;;\n".repeat(20_001);
    assert_eq!(import(&[source("p.csv", &many)], since(&[]), &options()).unwrap_err(), Fault::TooMany);
}

const TOWN: &str = "059540016016";

/// Services by number, all on one host.
fn services(numbers: impl Iterator<Item = u32>) -> String {
    let row = |n| format!("991020131{n:05};Dienst {n};{TOWN};;https://portal.example/{n};ok;true;x;x\n");
    HEAD.to_owned() + &numbers.map(row).collect::<String>()
}

/// Today's outcome where yesterday's was `earlier`.
#[track_caller]
fn after(earlier: &str, today: &str) -> Imported {
    loaded(import(&[source("today.csv", today)], since(&[source("pvog.toml", earlier)]), &options()), "")
}

/// The entry with an id: its text without comments.
#[track_caller]
fn entry<'t>(text: &'t str, id: &str) -> &'t str {
    let marker = format!("id = \"{id}\"\n");
    let (_, rest) = text.split_once(&marker).unwrap_or_else(|| panic!("{id}:\n{text}"));
    rest.split("\n\n").next().unwrap()
}

#[test]
fn what_was_written_by_hand_stays() {
    let yesterday = imported(&services(0..20), &options()).outcome.text;
    assert_eq!(after(&yesterday, &services(0..20)).outcome.text, yesterday, "unchanged content is unchanged bytes");

    let check = "[[component.check]]\nid = \"seite\"\nprobe.http = { url = \"https://portal.example/5\" }\n";
    let five = "url = \"https://portal.example/5\"\ndepends_on = [\"portal-example\"]\n";
    let own = "\n# Von Hand.\n[[component]]\nid = \"zaehler\"\nname = \"Zähler\"\nkind = \"counter\"\nowner = \"musterstadt\"\n\n[[local]]\ncomponents = [\"zaehler\"]\norganisations = [\"musterstadt\"]\nmode = \"basic\"\n";
    let edited = yesterday
        .replace("name = \"Stadt Musterstadt\"", "name = \"Musterstadt am See\" # so heißt sie")
        .replace("name = \"Dienst 3\"", "name = \"Hund anmelden\"")
        .replace(five, &format!("{five}{check}"))
        + own;
    // Another day, with a service more and one whose page has moved.
    let today = services(0..21).replace("https://portal.example/5;", "https://portal.example/neu;");
    let imported = after(&edited, &today);
    let text = &imported.outcome.text;
    assert!(text.contains("Musterstadt am See\" # so heißt sie") && text.contains("# Von Hand.\n[[component]]"));
    assert!(text.contains("[[local]]") && text.contains("Dienst 20"), "{text}");
    assert!(entry(text, "dienst-3-musterstadt").contains("Hund anmelden"));
    assert!(entry(text, "dienst-5-musterstadt").contains("id = \"seite\""), "the check stays: {text}");
    imported.assert_differs("dienst-5-musterstadt", "delete it in the file");
    assert_eq!(imported.outcome.report.differs.len(), 1, "{:?}", imported.outcome.report.differs);
    // It is told once; and deleted it comes anew.
    let again = after(text, &today);
    assert!(again.outcome.text == *text && again.outcome.report.differs.is_empty(), "{:?}", again.outcome.report);
    let without: Vec<&str> = text.split("\n\n").filter(|entry| !entry.contains("\"dienst-5-musterstadt\"")).collect();
    let anew = after(&without.join("\n\n"), &today).outcome.text;
    assert!(entry(&anew, "dienst-5-musterstadt").contains("https://portal.example/neu"), "{anew}");
}

#[test]
fn what_is_gone_goes_unless_somebody_has_changed_or_named_it() {
    let rows = services(0..20).replace("https://portal.example/7;", "https://alt.example/7;");
    let yesterday = imported(&rows, &options()).outcome.text;
    let numbers = || (0..20).filter(|n| ![6, 7].contains(n));
    let gone = after(&yesterday, &services(numbers())).outcome.text;
    assert!(!gone.contains("Dienst 6") && !gone.contains("Dienst 7") && !gone.contains("alt.example"), "{gone}");
    let edited = yesterday.replace("name = \"Dienst 7\"", "name = \"Hund\"");
    let imported = after(&edited, &services(numbers()));
    let ids = imported.ids();
    assert!(ids.contains(&"dienst-7-musterstadt") && ids.contains(&"alt-example"), "{ids:?}");
    assert!(!ids.contains(&"dienst-6-musterstadt"), "{ids:?}");
    imported.assert_differs("dienst-7-musterstadt", "no longer in the export");
    // From now on it is the hand's, and not told again.
    let again = after(&imported.outcome.text, &services(numbers()));
    assert!(again.outcome.report.differs.is_empty() && again.outcome.text == imported.outcome.text);
}

#[test]
fn a_file_whose_entries_cannot_be_told_apart_is_left_alone() {
    let made = imported(&services(0..2), &options()).outcome.text;
    let import =
        |earlier: &str| import(&[source("t.csv", &services(0..2))], since(&[source("pvog.toml", earlier)]), &options());
    let fault = import(&made.replace("[[component]]", "[[component")).unwrap_err().to_string();
    assert!(fault.contains("pvog.toml is not what an earlier import made"), "{fault}");
    // A text that looks like a comment above a header.
    let doubtful = made + "\n[[local]]\ntext = \"\"\"\n#\"\"\"\n[[component]]\nid = \"x\"\n";
    let fault = import(&doubtful).unwrap_err().to_string();
    assert!(fault.contains("cannot be told apart"), "{fault}");
}
