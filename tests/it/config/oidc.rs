//! `[oidc]`: what is taken, what is refused and where.

use turmwacht::config::{Loaded, Report, from_texts, show};
use turmwacht::model::access::Role;

use super::{CONFIG, QUIET, fixtures};

const SECRET: &str = "[secrets.oidc]\nfile = \"en-portal.secret\"\norigins = [\"https://id.example.org\"]\n";
const OIDC: &str =
    "[oidc]\nissuer = \"https://id.example.org/realms/portal\"\nclient_id = \"turmwacht\"\nclient_secret = \"oidc\"\n";
const GROUP: &str = "[[oidc.group]]\nname = \"editors\"\nrole = \"editor\"\norganisations = [\"musterkreis\"]\n";
const TOWN: &str =
    "[[organisation]]\nid = \"musterkreis\"\nkind = \"county\"\nname = \"Musterkreis\"\nars = \"059620000000\"\n";

fn load(text: &str) -> Result<Loaded, Report> {
    let probes = [("probes/x.toml".to_owned(), TOWN.to_owned())];
    from_texts(("config.toml", &format!("{QUIET}{CONFIG}{text}")), &probes, &fixtures().join("contract"))
}

/// But those about the fixture's own secret, whose file everybody may read.
fn warnings(loaded: &Loaded) -> Vec<String> {
    let titles = loaded.warnings.titles().map(|(_, title)| title.to_owned());
    titles.filter(|title| title != "the file of a secret is open to others").collect()
}

#[test]
fn a_provider_is_read_and_its_secret_stays_hidden() {
    let more = "[[oidc.group]]\nname = \"/all admins\"\nrole = \"admin\"\n";
    let loaded =
        load(&format!("{SECRET}{OIDC}{GROUP}{more}")).unwrap_or_else(|report| panic!("{}", report.render(false)));
    assert_eq!(warnings(&loaded), Vec::<String>::new());
    let oidc = loaded.settings.oidc.as_ref().expect("a provider");
    assert_eq!(oidc.issuer, "https://id.example.org/realms/portal");
    assert_eq!((oidc.client_id.as_str(), oidc.client_secret.reveal()), ("turmwacht", "Bearer canary-4711"));
    assert_eq!((oidc.groups_claim.as_str(), oidc.scopes.as_slice()), ("groups", &["profile".to_owned()][..]));
    assert_eq!(oidc.secret_origins, ["https://id.example.org"]);
    let groups: Vec<_> =
        oidc.groups.iter().map(|group| (group.name.as_str(), group.role, group.organisations.len())).collect();
    assert_eq!(groups, [("editors", Role::Editor, 1), ("/all admins", Role::Admin, 0)]);
    let shown = show(&loaded)["settings"]["oidc"].clone();
    assert_eq!(shown["client_secret"], "***");
    assert_eq!(shown["groups"][0]["organisations"], serde_json::json!(["musterkreis"]));
    assert!(!show(&loaded).to_string().contains("canary") && !format!("{loaded:?}").contains("canary"));
    assert!(load("").unwrap().settings.oidc.is_none());
    let chosen = OIDC.to_owned() + "groups_claim = \"roles\"\nscopes = [\"openid\", \"email\", \"groups\"]\n";
    let oidc = load(&format!("{SECRET}{chosen}{GROUP}")).unwrap().settings.oidc.unwrap();
    assert_eq!((oidc.groups_claim.as_str(), oidc.scopes.join(" ").as_str()), ("roles", "email groups"));
}

#[test]
fn what_would_let_nobody_in_or_the_wrong_people_is_refused_where_it_stands() {
    let cases = [
        (OIDC.replace("https:", "http:"), GROUP.to_owned(), "is no issuer", "with https"),
        (OIDC.replace("/realms", "?realm="), GROUP.to_owned(), "is no issuer", "names itself"),
        (OIDC.replace("id.example", "anna:x@id.example"), GROUP.to_owned(), "is no issuer", "names itself"),
        (OIDC.replace("client_id = \"turmwacht\"\n", ""), GROUP.to_owned(), "`client_id` is missing", "add `client_id"),
        (
            OIDC.replace("client_secret = \"oidc\"\n", ""),
            GROUP.to_owned(),
            "`client_secret` is missing",
            "add `client_secret",
        ),
        (
            OIDC.replace("issuer = \"https://id.example.org/realms/portal\"\n", ""),
            GROUP.to_owned(),
            "`issuer` is missing",
            "add `issuer",
        ),
        (OIDC.replace("\"oidc\"", "\"odic\""), GROUP.to_owned(), "there is no secret `odic`", "oidc"),
        (
            OIDC.replace("id.example.org", "id.example.net"),
            GROUP.to_owned(),
            "may not be sent to the issuer",
            "add `https://id.example.net`",
        ),
        (
            OIDC.replace("client_id = \"turmwacht\"", "client_id = \"\""),
            GROUP.to_owned(),
            "not usable",
            "visible characters",
        ),
        (OIDC.to_owned() + "group_claim = \"x\"\n", GROUP.to_owned(), "unknown key `group_claim`", "groups_claim"),
        (OIDC.to_owned(), GROUP.replace("\"editor\"", "\"metrics\""), "metrics", "editor"),
        (OIDC.to_owned(), GROUP.replace("role = \"editor\"\n", ""), "`role` is missing", "add `role"),
        (OIDC.to_owned(), GROUP.replace("name = \"editors\"\n", ""), "`name` is missing", "add `name"),
        (
            OIDC.to_owned(),
            GROUP.replace("organisations = [\"musterkreis\"]\n", ""),
            "editors are for certain organisations",
            "add `organisations",
        ),
        (OIDC.to_owned(), GROUP.replace("musterkreis", "Muster Kreis"), "Muster Kreis", ""),
        (OIDC.to_owned(), GROUP.to_owned() + "scope = \"x\"\n", "unknown key `scope`", "known here"),
    ];
    for (oidc, group, title, help) in cases {
        let text = format!("{SECRET}{oidc}{group}");
        let report = load(&text).expect_err(&text).render(false);
        assert!(report.contains(title) && report.contains(help), "{title}: {help}\n{report}");
        assert!(report.contains("config.toml:") && !report.contains("canary"), "{report}");
    }
    // A key that is looked at twice is named once.
    let report = load(&format!("{SECRET}{OIDC}zzzzzzzz = 1\n{GROUP}")).expect_err("unknown").render(false);
    let known = report.lines().find(|line| line.contains("known here")).unwrap_or_else(|| panic!("{report}"));
    assert_eq!(known.matches("`issuer`").count(), 1, "{known}");
}

#[test]
fn what_may_be_a_mistake_is_said() {
    let titles = |text: &str| -> Vec<String> {
        let loaded = load(text).unwrap_or_else(|report| panic!("{}", report.render(false)));
        warnings(&loaded)
    };
    assert_eq!(titles(&format!("{SECRET}{OIDC}")), ["nobody gets in through the provider"]);
    let unknown = GROUP.replace("musterkreis", "musterstadt");
    assert_eq!(titles(&format!("{SECRET}{OIDC}{unknown}")), ["there is no organisation `musterstadt`"]);
}
