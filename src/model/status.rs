//! The closed lists about a component: status, evidence, mode, lifecycle and their order.

use serde::{Deserialize, Serialize};

use crate::model::time::Timestamp;

/// Adds `as_str` to a fieldless enum: the word of the public interface, as serde writes it.
macro_rules! words {
    ($name:ident { $($variant:ident => $word:literal),+ $(,)? }) => {
        impl $name {
            /// Every value, in the order of its declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word of the public interface.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            /// The value of a word.
            pub fn parse(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)+ _ => None }
            }
        }

        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string", "enum": [$($word),+] })
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}
pub(crate) use words;

/// What the public reads about a component. Ordered from best to worst: `max` is the worse one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// verfügbar
    Operational,
    /// Stand unbekannt
    Unknown,
    /// planmäßig unterbrochen
    UnderMaintenance,
    /// eingeschränkt
    DegradedPerformance,
    /// teilweise gestört
    PartialOutage,
    /// nicht verfügbar
    MajorOutage,
}

words!(Status {
    Operational => "operational",
    Unknown => "unknown",
    UnderMaintenance => "under_maintenance",
    DegradedPerformance => "degraded_performance",
    PartialOutage => "partial_outage",
    MajorOutage => "major_outage",
});

impl Status {
    /// Whether it is an outage, partial or major ("red").
    pub const fn is_red(self) -> bool {
        matches!(self, Self::PartialOutage | Self::MajorOutage)
    }
}

/// Where a status comes from; on a tie the earlier one is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Evidence {
    /// The component's own checks.
    Own,
    /// An editor's notice.
    Notice,
    /// What it depends on, or its parts.
    Derived,
    /// Nothing checks it.
    Declared,
}

words!(Evidence { Own => "own", Notice => "notice", Derived => "derived", Declared => "declared" });

/// Operating mode, beside the status.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Regelbetrieb
    #[default]
    Regular,
    /// Pilotbetrieb
    Pilot,
    /// Basisbetrieb (reduzierte Funktionalität)
    Basic,
    /// Notbetrieb
    Emergency,
    /// Ersatzbetrieb (Behelfslösung)
    Substitute,
    /// außer Betrieb
    Off,
}

words!(Mode {
    Regular => "regular",
    Pilot => "pilot",
    Basic => "basic",
    Emergency => "emergency",
    Substitute => "substitute",
    Off => "off",
});

impl Mode {
    /// The best status a component can have in this mode.
    pub const fn floor(self) -> Status {
        match self {
            Self::Regular => Status::Operational,
            Self::Pilot | Self::Basic => Status::DegradedPerformance,
            Self::Emergency | Self::Substitute => Status::PartialOutage,
            Self::Off => Status::MajorOutage,
        }
    }
}

/// Whether what is handed in is also worked on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Processing {
    /// As always.
    #[default]
    Normal,
    /// It takes longer.
    Delayed,
    /// Nothing is worked on.
    Stopped,
}

words!(Processing { Normal => "normal", Delayed => "delayed", Stopped => "stopped" });

/// What happens to mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// Mail comes in, none goes out.
    ReceiveOnly,
    /// Mail goes out, none comes in.
    SendOnly,
    /// Mail is kept and delivered later.
    Queued,
    /// Mail was lost and must be sent again.
    Lost,
    /// Mail comes back to its sender.
    Bouncing,
}

words!(DeliveryState {
    ReceiveOnly => "receive_only",
    SendOnly => "send_only",
    Queued => "queued",
    Lost => "lost",
    Bouncing => "bouncing",
});

/// Delivery of mail, where it differs from normal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// What happens.
    pub state: DeliveryState,
    /// Since when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// Until when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

/// Where a component stands in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lifecycle {
    /// Before `available_from`.
    Announced,
    /// In service.
    Live,
    /// After `retired_at`.
    Retired,
}

words!(Lifecycle { Announced => "announced", Live => "live", Retired => "retired" });

/// What kind of thing a component is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ComponentKind {
    /// A provider or its data centre.
    Provider,
    /// A service that others build on: login, payment, routing.
    BaseService,
    /// A portal that carries services.
    Portal,
    /// A service.
    Service,
    /// One thing that a service lets people do.
    Capability,
    /// A mobile app.
    App,
    /// A homepage.
    Website,
    /// Mail.
    Mail,
    /// Telephone.
    Phone,
    /// A counter, an office, a building.
    Counter,
    /// A back-office application (Fachverfahren).
    BackOffice,
    /// A network.
    Network,
}

words!(ComponentKind {
    Provider => "provider",
    BaseService => "base_service",
    Portal => "portal",
    Service => "service",
    Capability => "capability",
    App => "app",
    Website => "website",
    Mail => "mail",
    Phone => "phone",
    Counter => "counter",
    BackOffice => "back_office",
    Network => "network",
});

/// What kind of body an organisation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrganisationKind {
    /// Gemeinde, Stadt
    Municipality,
    /// Kreis, Landkreis
    County,
    /// Zweckverband, Amt, Verbandsgemeinde
    Association,
    /// IT-Dienstleister
    Provider,
    /// Land
    State,
    /// Bund
    Federal,
}

words!(OrganisationKind {
    Municipality => "municipality",
    County => "county",
    Association => "association",
    Provider => "provider",
    State => "state",
    Federal => "federal",
});

/// The common status of several: parts of a whole, an organisation's page, the summary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RollUp {
    /// The status.
    pub status: Status,
    /// `Derived`, or `Declared` if all are declared (or there are none).
    pub evidence: Evidence,
    /// How many of them are unknown.
    pub unknown: u32,
}

/// Rolls up live, public statuses: all major → major; any major or partial → partial; any
/// degraded → degraded; any maintenance → maintenance; then the declared ones are left out
/// unless all are: all of the rest unknown → unknown; else operational.
pub fn roll_up(members: impl IntoIterator<Item = (Status, Evidence)>) -> RollUp {
    let (mut count, mut major, mut declared, mut unknown) = (0u32, 0u32, 0u32, 0u32);
    let (mut red, mut degraded, mut maintenance) = (false, false, false);
    for (status, evidence) in members {
        count += 1;
        declared += u32::from(evidence == Evidence::Declared);
        match status {
            Status::MajorOutage => {
                major += 1;
                red = true;
            }
            Status::PartialOutage => red = true,
            Status::DegradedPerformance => degraded = true,
            Status::UnderMaintenance => maintenance = true,
            Status::Unknown => unknown += 1,
            Status::Operational => {}
        }
    }
    let checked = count - declared;
    let status = if count > 0 && major == count {
        Status::MajorOutage
    } else if red {
        Status::PartialOutage
    } else if degraded {
        Status::DegradedPerformance
    } else if maintenance {
        Status::UnderMaintenance
    } else if unknown > 0 && unknown >= if checked > 0 { checked } else { count } {
        Status::Unknown
    } else {
        Status::Operational
    };
    let evidence = if declared == count { Evidence::Declared } else { Evidence::Derived };
    RollUp { status, evidence, unknown }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roll_up_follows_the_order_of_the_rule() {
        use Evidence::{Declared, Own};
        use Status::*;
        let check = |members: &[(Status, Evidence)], expected| {
            assert_eq!(roll_up(members.iter().copied()).status, expected, "{members:?}");
        };
        check(&[], Operational);
        check(&[(MajorOutage, Own), (MajorOutage, Own)], MajorOutage);
        check(&[(MajorOutage, Own), (Operational, Own)], PartialOutage);
        check(&[(DegradedPerformance, Own), (Unknown, Own)], DegradedPerformance);
        check(&[(UnderMaintenance, Own), (Unknown, Own)], UnderMaintenance);
        check(&[(Unknown, Own), (Operational, Declared)], Unknown);
        check(&[(Unknown, Own), (Operational, Own)], Operational);
        check(&[(Operational, Declared)], Operational);
    }

    #[test]
    fn the_worse_status_is_the_greater_one() {
        let mut worst_first = Status::ALL.to_vec();
        worst_first.sort_by(|a, b| b.cmp(a));
        let words: Vec<_> = worst_first.iter().map(|status| status.as_str()).collect();
        assert_eq!(
            words,
            ["major_outage", "partial_outage", "degraded_performance", "under_maintenance", "unknown", "operational"]
        );
    }
}
