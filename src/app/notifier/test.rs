//! `turmwacht notify test`: sends one message to everybody at once and says how it went. Nothing is recorded.

use tokio::runtime::Builder;
use tokio::task::JoinSet;

use crate::app::notifier::work::{frame, test_message};
use crate::app::ways::Ways;
use crate::clock::system_time;
use crate::model::catalogue::Catalogue;
use crate::model::settings::Settings;
use crate::notify::Outcome;

/// Most messages being sent at a time.
const IN_FLIGHT_MAX: usize = 8;

/// Who was sent a test, and why it was not accepted.
pub(crate) type Tried = (String, Result<(), String>);

/// Sends a test to everybody, or to one recipient. Returns who was told, and why not.
///
/// # Errors
/// If the ways cannot be made ready.
pub(crate) fn test(settings: &Settings, catalogue: &Catalogue, to: Option<&str>) -> Result<Vec<Tried>, String> {
    let ways = Ways::new(settings, &catalogue.site.feed_authority)?;
    let frame = frame(catalogue);
    let keys = settings.notify.recipients.iter().map(|recipient| recipient.to.key());
    let mut keys: Vec<String> = keys.filter(|key| to.is_none_or(|to| to == key)).collect();
    keys.reverse();
    let runtime = Builder::new_current_thread().enable_all().build().map_err(|error| error.to_string())?;
    let mut told = runtime.block_on(async {
        let (mut flying, mut told) = (JoinSet::new(), Vec::new());
        loop {
            while flying.len() < IN_FLIGHT_MAX
                && let Some(key) = keys.pop()
            {
                let now = system_time();
                let message = test_message(&key, &frame, now).ok_or("there is no randomness")?;
                let (ways, to) = (ways.clone(), ways.address(&key).cloned().ok_or("nobody of this name")?);
                flying.spawn(async move { (key, ways.send(&to, &message.id, now, &message.letter, now).await) });
            }
            match flying.join_next().await {
                Some(Ok(one)) => told.push(one),
                Some(Err(_)) => return Err("sending panicked: this is a defect; please report it".to_owned()),
                None => break,
            }
        }
        if let Some(instances) = ways.alertmanager.as_ref().filter(|_| to.is_none_or(|to| to == "alertmanager")) {
            for (number, url) in (1..).zip(&instances.urls) {
                let alert = crate::notify::alertmanager::test(&frame.public_url, system_time());
                let outcome = instances.send(url, alert).await;
                told.push((format!("alertmanager:{number}"), outcome));
            }
        }
        Ok::<_, String>(told)
    })?;
    runtime.shutdown_background();
    told.sort_by(|(a, _), (b, _)| a.cmp(b));
    let said = |outcome| match outcome {
        Outcome::Accepted => Ok(()),
        Outcome::Later(why, _) | Outcome::Unreachable(why) | Outcome::Refused(why) | Outcome::Gone(why) => Err(why),
    };
    Ok(told.into_iter().map(|(key, outcome)| (key, said(outcome))).collect())
}
