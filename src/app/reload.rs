//! What becomes of files that were read again.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::app::core::Core;
use crate::app::watch::{By, Reading};
use crate::config::LoadFailure;
use crate::model::catalogue::Catalogue;
use crate::model::settings::Settings;

/// What to do about files that nobody asked to be read again and that would take away much.
const IF_MEANT: &str = "if that is meant, send SIGHUP (`systemctl reload turmwacht`); the catalogue in force stays";

/// The patterns of `probes`, and whether a file matches.
type Patterns = BTreeMap<String, bool>;

/// What of the files is in force.
pub(super) struct Taken {
    /// The settings of the start; another start takes up others.
    pub(super) settings: Settings,
    /// The patterns of the files that were last taken up.
    pub(super) patterns: Patterns,
}

impl Taken {
    /// Says which settings wait for a start.
    fn tell(&self, new: &Settings) {
        let waiting = self.settings.sections_unlike(new);
        if !waiting.is_empty() {
            tracing::warn!(
                "{} differ from what the program was started with; restart it to have them take effect",
                waiting.join(", ")
            );
        }
    }
}

/// A pattern that matched a file before, and still stands there, but matches none now.
fn emptied<'n>(old: &Patterns, new: &'n Patterns) -> Option<&'n str> {
    new.iter()
        .find(|(pattern, matches)| !**matches && old.get(*pattern) == Some(&true))
        .map(|(pattern, _)| pattern.as_str())
}

/// The new catalogue, if the files are good, say something new, and may be taken up.
pub(super) fn reloaded(core: &mut Core, reading: Reading, taken: &mut Taken) -> Option<Arc<Catalogue>> {
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
        let loss = emptied(&taken.patterns, &loaded.patterns)
            .map(|pattern| format!("the pattern {pattern:?} matches no file any more"))
            .or_else(|| core.state.loss(&loaded.catalogue).map(|loss| loss.to_string()));
        if let Some(loss) = loss {
            core.set_config_stale(true);
            tracing::error!("the changed files are not taken up: {loss}; {IF_MEANT}");
            return None;
        }
    }
    core.set_config_stale(false);
    taken.patterns = loaded.patterns;
    if loaded.catalogue.hash() == core.catalogue().hash() {
        tracing::info!("the files were read again: what they declare has not changed");
        taken.tell(&loaded.settings);
        return None;
    }
    tracing::info!("the files were read again, and what they declare now is taken up");
    taken.tell(&loaded.settings);
    Some(Arc::new(loaded.catalogue))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_emptied_only_if_it_matched_before_and_still_stands_there() {
        let patterns = |list: &[(&str, bool)]| list.iter().map(|(p, m)| ((*p).to_owned(), *m)).collect::<Patterns>();
        let old = patterns(&[("a/*.toml", true), ("b/*.toml", false)]);
        assert_eq!(emptied(&old, &patterns(&[("a/*.toml", false), ("b/*.toml", false)])), Some("a/*.toml"));
        assert_eq!(emptied(&old, &patterns(&[("a/*.toml", true), ("b/*.toml", false)])), None);
        assert_eq!(emptied(&old, &patterns(&[("c/*.toml", true)])), None, "renamed");
        assert_eq!(emptied(&old, &patterns(&[("c/*.toml", false)])), None, "what it declared is looked at by itself");
        assert_eq!(emptied(&Patterns::new(), &patterns(&[("a/*.toml", false)])), None);
    }
}
