//! What stands at the end of a turn, for the public and for those who are told of it.

use std::sync::Arc;

use crate::app::core::Core;
use crate::model::check::Check;
use crate::model::measurements::Reading;
use crate::model::snapshot::Snapshot;
use crate::notify::facts::{CertificateSeen, Facts};

impl Core {
    /// Hands over what the public may see, and what people and programs are told of.
    pub(super) fn show(&mut self, snapshot: Snapshot) {
        let (record, at) = (&self.state.record, snapshot.at);
        let (catalogue, certificates) = (self.state.catalogue(), &self.certificates);
        self.outbox.show(snapshot);
        self.outbox.tell(|| Facts {
            position: record.position,
            at,
            catalogue: Arc::clone(catalogue),
            incidents: record.incidents.clone(),
            maintenance: record.maintenance.clone(),
            changes: record.changes.clone(),
            blind: record.blind.clone(),
            certificates: Arc::clone(certificates),
        });
    }

    /// The certificates that checks warn of, as they were last seen.
    pub(super) fn see_certificates(&self) -> Arc<Vec<CertificateSeen>> {
        let seen = |(index, (check, reading)): (u32, (&Check, &Arc<Reading>))| {
            let warn_before = check.warn.certificate_valid_for?;
            let not_after = reading.tls.as_ref()?.earliest_expiry()?;
            Some(CertificateSeen { check: self.state.catalogue().check_key(index)?, not_after, warn_before })
        };
        let checks = &self.state.catalogue().checks;
        Arc::new((0u32..).zip(checks.iter().zip(&self.readings)).filter_map(seen).collect())
    }
}
