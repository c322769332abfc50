//! `security.txt` (RFC 9116): where weaknesses are to be reported.

use crate::model::alternative::Link;
use crate::model::snapshot::Snapshot;
use crate::model::time::Timestamp;
use crate::publish::escape;

const DAY_MS: i64 = 86_400_000;

/// How many days from the beginning of today it holds: less than a year (section 2.5.5).
const VALID_DAYS: i64 = 364;

/// The file; `None` if nobody is named whom a report may be sent to.
pub(super) fn text(snapshot: &Snapshot) -> Option<String> {
    let site = &snapshot.catalogue.site;
    let contact = site.security_contact.as_ref().or(site.links.contact.as_ref()).and_then(report_to)?;
    let today = snapshot.at.as_millis().div_euclid(DAY_MS);
    let expires = Timestamp::from_millis((today + VALID_DAYS) * DAY_MS);
    // Private tags such as `de-x-leicht` name ways of writing, not languages that a report may be in.
    let languages = site.languages.iter().map(|language| &**language).filter(|language| !language.contains("-x-"));
    let languages = languages.collect::<Vec<_>>().join(", ");
    let mut text = format!("Contact: {contact}\nExpires: {expires}\nPreferred-Languages: {languages}\n");
    // An address on the web must be encrypted (section 2.5.2).
    if site.public_url.starts_with("https://") {
        text.extend(["Canonical: ", &site.public_url, "/.well-known/security.txt\n"]);
    }
    Some(text)
}

/// A link as it may stand there: by mail, by telephone, or encrypted.
fn report_to(link: &Link) -> Option<String> {
    let link = escape::line(link.plain());
    (!link.starts_with("http:")).then_some(link)
}
