//! Whom to tell of what: `[notify]`. It holds secret values and so is never serialized.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use url::Url;

use crate::model::catalogue::Reach;
use crate::model::incident::Impact;
use crate::model::settings::Secret;
use crate::model::status::words;

/// `[notify]`
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NotifySettings {
    /// `[notify.mail]`: through which server mail goes out.
    pub mail: Option<MailSettings>,
    /// `[[notify.webhook]]`: other programs that may be told.
    pub webhooks: Vec<WebhookSettings>,
    /// `[notify.alertmanager]`: who is told of everything that stands.
    pub alertmanager: Option<AlertmanagerSettings>,
    /// `[[notify.to]]`, put together by where it goes.
    pub recipients: Vec<Recipient>,
}

impl NotifySettings {
    /// Whether nobody is told of anything.
    pub const fn is_empty(&self) -> bool {
        self.recipients.is_empty() && self.alertmanager.is_none()
    }
}

/// `[notify.mail]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailSettings {
    /// Name or address of the server.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is protected.
    pub tls: MailTls,
    /// The sender.
    pub from: String,
    /// Who we are to the server, if it wants to know.
    pub login: Option<(String, Secret)>,
}

/// How a connection to a mail server is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailTls {
    /// It begins in the clear and must go on encrypted.
    Starttls,
    /// It is encrypted from the first byte.
    Implicit,
    /// Not at all: only to this machine.
    None,
}

words!(MailTls { Starttls => "starttls", Implicit => "implicit", None => "none" });

/// `[[notify.webhook]]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookSettings {
    /// What rules call it.
    pub name: String,
    /// Where it is.
    pub url: Url,
    /// What its messages are signed with.
    pub secret: Secret,
}

/// `[notify.alertmanager]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertmanagerSettings {
    /// Every instance; each is told everything.
    pub urls: Vec<Url>,
    /// Who we are to them.
    pub credentials: Option<Credentials>,
}

/// What stands in `Authorization`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credentials {
    /// A name and a password.
    Basic(String, Secret),
    /// A token.
    Bearer(Secret),
}

/// Where messages go.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Address {
    /// A mailbox.
    Mail(String),
    /// A webhook by its name.
    Webhook(String),
}

impl Address {
    /// The channel it is reached by.
    pub const fn channel(&self) -> Channel {
        match self {
            Self::Mail(_) => Channel::Mail,
            Self::Webhook(_) => Channel::Webhook,
        }
    }

    /// Its name in the store and in lists: `mail:it@example.org`, `webhook:chat`.
    pub fn key(&self) -> String {
        let (Self::Mail(name) | Self::Webhook(name)) = self;
        format!("{}:{name}", self.channel())
    }
}

/// How messages go out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Channel {
    /// Mail.
    Mail,
    /// A webhook.
    Webhook,
    /// Alertmanager.
    Alertmanager,
}

words!(Channel { Mail => "mail", Webhook => "webhook", Alertmanager => "alertmanager" });

/// Somebody who is told, and of what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient {
    /// Where messages go.
    pub to: Address,
    /// One of these must fit.
    pub rules: Vec<Rule>,
}

/// `[[notify.to]]`: what somebody is told of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Whose matters; empty = everybody's, and those of the instance itself.
    pub organisations: Vec<Reach>,
    /// The least impact of an incident that is worth a message.
    pub severity: Impact,
    /// What is told.
    pub events: BTreeSet<Topic>,
    /// When nothing but the worst is told.
    pub quiet: Option<QuietHours>,
    /// Whether internal components may be named.
    pub internal: bool,
}

/// What a message is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Topic {
    /// An incident began, got worse, ended.
    Incident,
    /// A promise was not kept: more was to be said, or work was to be over.
    Overdue,
    /// A certificate ends soon.
    Certificate,
    /// A path of our own is cut.
    Blind,
    /// The store cannot be written.
    Storage,
    /// An editor changed something that the public reads.
    EditorChange,
}

words!(Topic {
    Incident => "incident",
    Overdue => "overdue",
    Certificate => "certificate",
    Blind => "blind",
    Storage => "storage",
    EditorChange => "editor_change",
});

impl Topic {
    /// What is told where a rule names nothing: all but what editors do.
    pub fn usual() -> BTreeSet<Self> {
        Self::ALL.iter().copied().filter(|topic| *topic != Self::EditorChange).collect()
    }
}

/// A daily stretch of local time, in minutes after midnight; it may run past midnight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuietHours {
    /// Its first minute.
    pub from: u16,
    /// The first minute after it.
    pub until: u16,
}

impl QuietHours {
    /// Reads `"22:00-06:00"`.
    pub fn parse(text: &str) -> Option<Self> {
        let minute = |text: &str| {
            let (hour, minute) = text.split_once(':')?;
            let two = |text: &str| {
                let fits = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
                fits.then(|| text.parse::<u16>().ok())?
            };
            let (hour, minute) = (two(hour)?, two(minute)?);
            (hour < 24 && minute < 60).then_some(hour * 60 + minute)
        };
        let (from, until) = text.split_once('-')?;
        let (from, until) = (minute(from)?, minute(until)?);
        (from != until).then_some(Self { from, until })
    }

    /// Whether a minute of the day lies in it.
    pub const fn holds(self, minute: u16) -> bool {
        if self.from < self.until {
            self.from <= minute && minute < self.until
        } else {
            minute >= self.from || minute < self.until
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quiet_hours_may_run_past_midnight() {
        let night = QuietHours::parse("22:00-06:00").unwrap();
        for (minute, quiet) in [(22 * 60, true), (0, true), (5 * 60 + 59, true), (6 * 60, false), (21 * 60, false)] {
            assert_eq!(night.holds(minute), quiet, "{minute}");
        }
        let lunch = QuietHours::parse("12:00-13:30").unwrap();
        assert!(lunch.holds(12 * 60) && !lunch.holds(13 * 60 + 30) && !lunch.holds(0));
        for bad in
            ["", "22-06", "22:00", "24:00-06:00", "22:60-06:00", "+1:00-06:00", "06:00-06:00", "22:00-06:00-07:00"]
        {
            assert_eq!(QuietHours::parse(bad), None, "{bad}");
        }
    }
}
