//! A store that cannot be written, and that it can again.
//!
//! What is told of it is in memory only while it lasts, and tried until it is over. That it is over is told like
//! anything else, once the store can hold it.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::app::notifier::work::{Work, frame, message};
use crate::clock::monotonic;
use crate::model::notification::{Delivery, Notification};
use crate::model::time::Timestamp;
use crate::notify::plan::about_storage;

/// The store may fail for so long before anybody is told.
const TOLD_AFTER: Duration = Duration::from_secs(30);

/// No attempt is put off for longer; what seems to wait longer was put off before the clock was set back.
const PUT_OFF_MAX: Duration = Duration::from_secs(900);

/// What is known of the store's trouble.
#[derive(Default)]
pub(super) struct Storage {
    trouble: Option<Trouble>,
    /// How many troubles were told since the start.
    troubles: u64,
    /// Messages about it, and when each is tried next.
    direct: Vec<Notification>,
    /// That it is over is still to be recorded.
    pub(super) recovery: Option<Recovery>,
}

/// A trouble that was told.
struct Trouble {
    began_at: Timestamp,
    /// Who took the message.
    heard: BTreeSet<String>,
}

/// The store works again.
pub(super) struct Recovery {
    pub(super) began_at: Timestamp,
    pub(super) ended_at: Timestamp,
    pub(super) heard: BTreeSet<String>,
}

impl Storage {
    /// Since when the store fails, if that is to be told.
    pub(super) fn fails_since(&self) -> Option<Timestamp> {
        self.trouble.as_ref().map(|trouble| trouble.began_at)
    }

    /// Whether a message is about the store.
    pub(super) fn holds(&self, id: &str) -> bool {
        self.direct.iter().any(|direct| direct.id == id)
    }

    /// Messages whose next attempt is due.
    pub(super) fn due(&self, now: Timestamp) -> impl Iterator<Item = &Notification> {
        self.direct.iter().filter(move |direct| direct.next_at <= now || direct.next_at > now.plus(PUT_OFF_MAX))
    }

    /// How an attempt ended.
    pub(super) fn tried(&mut self, id: &str, state: Delivery, next_at: Timestamp) {
        let Some(index) = self.direct.iter().position(|direct| direct.id == id) else { return };
        if state != Delivery::Pending {
            let direct = self.direct.swap_remove(index);
            if let Some(trouble) = self.trouble.as_mut().filter(|_| state == Delivery::Sent) {
                trouble.heard.insert(direct.recipient);
            }
        } else if let Some(direct) = self.direct.get_mut(index) {
            (direct.attempts, direct.next_at) = (direct.attempts.saturating_add(1), next_at);
        }
    }
}

impl Work {
    /// Tells of a store that fails, and that it works again.
    pub(super) fn watch_storage(&mut self, since: Option<Instant>, now: Timestamp) {
        let lasts = since.map(|since| monotonic().saturating_duration_since(since));
        match (lasts, &self.storage.trouble) {
            (Some(lasts), None) if lasts >= TOLD_AFTER => {
                let began_at = now.minus(lasts);
                let position = self.facts.as_ref().map_or(self.order.position, |facts| facts.position);
                let which = (position, self.storage.troubles);
                let frame = frame(self.catalogue());
                let digests = about_storage(&self.order.recipients, which, began_at, now);
                self.storage.direct = digests.iter().map(|digest| message(digest, &frame)).collect();
                self.storage.troubles += 1;
                self.storage.trouble = Some(Trouble { began_at, heard: BTreeSet::new() });
            }
            (None, Some(_)) => self.storage_works(now),
            (Some(_) | None, _) => {}
        }
    }

    fn storage_works(&mut self, now: Timestamp) {
        let Some(Trouble { began_at, mut heard }) = self.storage.trouble.take() else { return };
        // Who was not reached hears of it as something that is over.
        self.storage.direct.clear();
        let before = self.storage.recovery.take();
        heard.extend(before.iter().flat_map(|before| before.heard.iter().cloned()));
        let began_at = before.map_or(began_at, |before| before.began_at);
        self.storage.recovery = Some(Recovery { began_at, ended_at: now, heard });
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use super::*;
    use crate::app::notifier::{Order, Shared};
    use crate::app::ways::Ways;
    use crate::config::{Extra, Loaded, from_texts_with};
    use crate::telemetry::Metrics;

    /// The thread's work before the loop said anything but how the store is.
    fn work() -> Work {
        let config = "[server]\npublic_url = \"https://status.example.org\"\nfeed_authority = \"status.example.org\"\n\
            [notify.mail]\nsmtp = \"127.0.0.1:25\"\ntls = \"none\"\nfrom = \"status@example.org\"\n\
            [[notify.to]]\nmail = [\"first@example.org\", \"second@example.org\"]\n";
        let town =
            "[[organisation]]\nid = \"stadt\"\nkind = \"municipality\"\nname = \"Stadt\"\nars = \"059540016016\"\n";
        let probes = [("probes.toml".to_owned(), town.to_owned())];
        let loaded = from_texts_with(("config.toml", config), &probes, Path::new("."), Extra::default());
        let Loaded { settings, catalogue, .. } = loaded.unwrap_or_else(|report| panic!("{}", report.render(false)));
        let order = Order {
            store: "nowhere".into(),
            ways: Ways::new(&settings, "status.example.org").unwrap(),
            recipients: settings.notify.recipients,
            metrics: Metrics::new().unwrap(),
            catalogue: Arc::new(catalogue),
            position: 7,
        };
        Work::new(order, Arc::<Shared>::default())
    }

    #[test]
    fn a_store_that_fails_from_the_start_is_told_and_its_recovery_only_to_those_who_heard() {
        let mut work = work();
        let now = Timestamp::from_millis(1_700_000_000_000);
        let since = monotonic();
        work.watch_storage(Some(since), now);
        assert_eq!(work.storage.due(now).count(), 0, "it may be short");
        let since = since.checked_sub(TOLD_AFTER).unwrap();
        work.watch_storage(Some(since), now);
        let ids: Vec<String> = work.storage.due(now).map(|direct| direct.id.clone()).collect();
        assert_eq!(ids.len(), 2, "though nothing else was said yet");
        work.watch_storage(Some(since), now.plus(TOLD_AFTER));
        assert_eq!(work.storage.direct.len(), 2, "once");

        let later = now.plus(Duration::from_secs(600));
        for _ in 0..50 {
            work.storage.tried(&ids[1], Delivery::Pending, later);
        }
        assert_eq!(work.storage.direct.len(), 2, "while it lasts nothing is given up");
        assert_eq!(work.storage.due(now.minus(Duration::from_secs(86_400))).count(), 2, "nor waits for the clock");
        work.storage.tried(&ids[0], Delivery::Sent, later);
        work.watch_storage(None, later);
        assert_eq!((work.storage.direct.len(), work.storage.fails_since()), (0, None));
        let recovery = work.storage.recovery.as_ref().unwrap();
        assert_eq!((recovery.ended_at, recovery.heard.len()), (later, 1));
        assert!(recovery.heard.contains("mail:first@example.org"));
    }
}
