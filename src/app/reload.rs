//! What becomes of files that were read again.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::app::core::Core;
use crate::app::watch::{By, Reading};
use crate::config::LoadFailure;
use crate::model::catalogue::Catalogue;

/// What to do about files that nobody asked to be read again and that would take away much.
const IF_MEANT: &str = "if that is meant, send SIGHUP (`systemctl reload turmwacht`); the catalogue in force stays";

/// The new catalogue, if the files are good, say something new, and may be taken up. `patterns` are those
/// that matched a file when a catalogue was last taken up.
pub(super) fn reloaded(core: &mut Core, reading: Reading, patterns: &mut BTreeSet<String>) -> Option<Arc<Catalogue>> {
    let loaded = match reading.loaded {
        Some(Ok(loaded)) => loaded,
        Some(Err(LoadFailure::Settings(report) | LoadFailure::Catalogue { report, .. })) => {
            core.set_config_stale(true);
            tracing::error!("the new files are faulty, the catalogue in force stays:\n{}", report.render(false));
            return None;
        }
        None => {
            core.set_config_stale(true);
            tracing::error!("reading the files panicked: this is a defect; the catalogue in force stays");
            return None;
        }
    };
    if reading.by == By::Change {
        let emptied = patterns.difference(&loaded.patterns).next();
        let loss = emptied
            .map(|pattern| format!("the pattern {pattern:?} matches no file any more"))
            .or_else(|| core.state.loss(&loaded.catalogue).map(|loss| loss.to_string()));
        if let Some(loss) = loss {
            core.set_config_stale(true);
            tracing::error!("the changed files are not taken up: {loss}; {IF_MEANT}");
            return None;
        }
    }
    core.set_config_stale(false);
    *patterns = loaded.patterns;
    if loaded.catalogue.hash() == core.catalogue().hash() {
        tracing::info!("the files were read again: what they declare has not changed");
        return None;
    }
    tracing::info!(
        "the files were read again; changes under [server], [storage] and [probing] take effect at the next start"
    );
    Some(Arc::new(loaded.catalogue))
}
