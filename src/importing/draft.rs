//! Components and checks while they are read, in the words of the model.

use std::time::Duration;

use crate::model::bounds::{COUNTS, INTERVALS, RETRIES, TIMEOUTS};
use crate::model::check::{DegradedWhen, Expect, Probe, WarnWhen};
use crate::model::status::{ComponentKind, OrganisationKind};

/// A body that the text declares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Organisation {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) kind: OrganisationKind,
    pub(super) ars: Option<String>,
    pub(super) comments: Vec<String>,
}

/// A component that the text declares.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Component {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) kind: ComponentKind,
    /// Its owner, or what it is part of.
    pub(super) belongs: Belongs,
    pub(super) public: bool,
    pub(super) serves: Vec<String>,
    pub(super) url: Option<String>,
    pub(super) leika: Vec<String>,
    pub(super) ozg: Option<u32>,
    pub(super) depends_on: Vec<String>,
    pub(super) other_pages: Vec<String>,
    pub(super) comments: Vec<String>,
    pub(super) checks: Vec<Check>,
}

/// To whom or to what a component belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Belongs {
    /// The body that owns it.
    To(String),
    /// The component it is part of.
    PartOf(String),
}

/// A check that the text declares.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Check {
    pub(super) id: String,
    pub(super) probe: Probe,
    pub(super) timing: Timing,
    pub(super) expect: Expect,
    pub(super) degraded: DegradedWhen,
    pub(super) warn: WarnWhen,
}

impl Check {
    /// A check that asks this and expects nothing particular.
    pub(super) fn new(id: &str, probe: Probe, timing: Timing) -> Self {
        Self {
            id: id.to_owned(),
            probe,
            timing,
            expect: Expect::default(),
            degraded: DegradedWhen::default(),
            warn: WarnWhen::default(),
        }
    }
}

/// When a check asks. What is `None` stays the operator's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Timing {
    pub(super) interval: Option<Duration>,
    pub(super) timeout: Option<Duration>,
    pub(super) retry_interval: Option<Duration>,
    pub(super) down_after: Option<u32>,
    pub(super) up_after: Option<u32>,
}

impl Timing {
    /// What a probe file may say: within its bounds, and a timeout never longer than its interval.
    /// The second value says what was changed for that.
    pub(super) fn of(interval: Duration, timeout: Duration) -> (Self, Vec<String>) {
        let mut remarks = Vec::new();
        let fitted = interval.clamp(*INTERVALS.start(), *INTERVALS.end());
        if fitted != interval {
            remarks.push("its interval is out of bounds here and was changed".to_owned());
        }
        let shorter = timeout.clamp(*TIMEOUTS.start(), *TIMEOUTS.end()).min(fitted);
        if shorter < timeout {
            remarks.push(format!(
                "its timeout is {} s here: at most 300 s, and at most the interval",
                shorter.as_secs_f64()
            ));
        }
        (Self { interval: Some(fitted), timeout: Some(shorter), ..Self::default() }, remarks)
    }

    /// Confirmed after so many failures in a row, asked again after this time.
    pub(super) fn confirmed(mut self, down_after: u32, up_after: u32, retry_interval: Duration) -> Self {
        self.down_after = Some(down_after.clamp(*COUNTS.start(), *COUNTS.end()));
        self.up_after = Some(up_after.clamp(*COUNTS.start(), *COUNTS.end()));
        self.retry_interval = Some(retry_interval.clamp(*RETRIES.start(), *RETRIES.end()));
        self
    }
}

/// Planned work that the text declares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Maintenance {
    pub(super) id: String,
    pub(super) title: String,
    pub(super) components: Vec<String>,
    /// Local date-times or instants, as TOML writes them.
    pub(super) from: toml::value::Datetime,
    pub(super) until: toml::value::Datetime,
}

/// An entry of the origin that can be carried over.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) name: String,
    /// Where it stands there.
    pub(super) place: String,
    /// What tells it from others of the same name, the same at each import.
    pub(super) key: String,
    /// The group that it is in: its key and its name.
    pub(super) group: Option<(String, String)>,
    pub(super) kind: ComponentKind,
    pub(super) checks: Vec<Check>,
    /// What is different here.
    pub(super) remarks: Vec<String>,
    /// What is worth a comment only.
    pub(super) comments: Vec<String>,
    /// Headers whose values are secrets: of which check, the header, what the secret must hold.
    pub(super) credentials: Vec<Credential>,
}

/// A header whose value must not stand in a probe file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Credential {
    /// The index of its check.
    pub(super) check: usize,
    pub(super) header: String,
    /// What its secret must hold.
    pub(super) content: String,
}

/// An entry of the origin.
#[derive(Debug, Clone)]
pub(super) enum Entry {
    /// It can be carried over.
    Found(Box<Found>),
    /// It cannot: what it is, and why.
    Left(String, String),
}
