//! Moving in: what other programs know becomes probe files that `config` takes, and what cannot
//! be carried over is said. Every outcome of these tests is read by `config`, without a fault.

pub(crate) mod blackbox;
mod command;
mod database;
mod gatus;
mod hostile;
mod open_pvog;
mod uptime_kuma;

use std::path::Path;

use turmwacht::config::{Loaded, from_texts};
use turmwacht::importing::{Fault, Options, Outcome, Source};
use turmwacht::model::check::Check;

/// Whatever these tests import belongs to this body.
pub(crate) fn options() -> Options {
    Options {
        organisation: "musterstadt".to_owned(),
        name: Some("Stadt Musterstadt".to_owned()),
        kind: None,
        ars: None,
        declared: false,
        public: false,
        private_networks: false,
    }
}

/// An outcome with what `config` made of it.
pub(crate) struct Imported {
    pub(crate) outcome: Outcome,
    pub(crate) loaded: Loaded,
}

impl Imported {
    /// The one check of a component.
    #[track_caller]
    pub(crate) fn check(&self, component: &str) -> &Check {
        let checks = self.checks(component);
        let [check] = checks.as_slice() else { panic!("{component}: {checks:?}\n{}", self.outcome.text) };
        check
    }

    pub(crate) fn checks(&self, component: &str) -> Vec<&Check> {
        let catalogue = &self.loaded.catalogue;
        let index =
            catalogue.component_index(component).unwrap_or_else(|| panic!("{component}:\n{}", self.outcome.text));
        catalogue.checks.iter().filter(|check| check.component == index).collect()
    }

    pub(crate) fn ids(&self) -> Vec<&str> {
        self.loaded.catalogue.components.iter().map(|component| component.id.as_str()).collect()
    }

    /// Something was left out under this name, for a reason with these words.
    #[track_caller]
    pub(crate) fn assert_left(&self, name: &str, why: &str) {
        let left = &self.outcome.report.left;
        assert!(
            left.iter().any(|left| left.entry.starts_with(name) && left.text.contains(why)),
            "{name}, {why}: {left:#?}"
        );
    }

    /// Something is said to be different, in these words.
    #[track_caller]
    pub(crate) fn assert_differs(&self, name: &str, what: &str) {
        let differs = &self.outcome.report.differs;
        assert!(
            differs.iter().any(|remark| remark.entry.starts_with(name) && remark.text.contains(what)),
            "{name}, {what}: {differs:#?}"
        );
    }
}

/// What `config` makes of it: all that was carried over, and nothing else.
#[track_caller]
pub(crate) fn accepted(outcome: Result<Outcome, Fault>, networks: &str) -> Imported {
    let imported = loaded(outcome, networks);
    let Imported { outcome, loaded } = &imported;
    assert_eq!(loaded.catalogue.components.len(), outcome.report.components, "{}", outcome.text);
    assert_eq!(loaded.catalogue.checks.len(), outcome.report.checks, "{}", outcome.text);
    imported
}

/// What `config` makes of it; the secrets that the report asks for are defined.
#[track_caller]
pub(crate) fn loaded(outcome: Result<Outcome, Fault>, networks: &str) -> Imported {
    let outcome = outcome.unwrap_or_else(|fault| panic!("{fault}"));
    let folder = tempfile::tempdir().unwrap();
    let mut config = format!("[probing]\nprivate_networks = [{networks}]\n");
    for secret in &outcome.report.secrets {
        std::fs::write(folder.path().join(&secret.name), "Basic dXNlcjpwYXNz\n").unwrap();
        config.push_str(&format!(
            "[secrets.{0}]\nfile = \"{0}\"\norganisations = [\"{1}\"]\norigins = [\"{2}\"]\n",
            secret.name, secret.organisation, secret.origin
        ));
    }
    let probes = [("imported.toml".to_owned(), outcome.text.clone())];
    let loaded = from_texts(("config.toml", &config), &probes, Path::new(folder.path()))
        .unwrap_or_else(|report| panic!("{}\n{}", report.render(false), outcome.text));
    Imported { outcome, loaded }
}

pub(crate) fn source<'a>(name: &'a str, text: &'a str) -> Source<'a> {
    Source { name, bytes: text.as_bytes() }
}
