//! Logos as files: pictures that pages load from us.

use crate::model::look::Picture;
use crate::model::snapshot::Snapshot;
use crate::publish::Document;

/// A picture that is opened by itself may do nothing but be looked at.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; sandbox";

/// Its name changes with its content.
const CACHE_FOR_GOOD: &str = "public, max-age=31536000, immutable";

/// The path of a logo, if there is one of this name.
pub(super) fn path(snapshot: &Snapshot, name: &str) -> Option<String> {
    snapshot.catalogue.logos.contains_key(name).then(|| format!("/assets/{name}"))
}

/// The logo of this name.
pub(super) fn document(snapshot: &Snapshot, name: &str) -> Option<Document> {
    let logo = snapshot.catalogue.logos.get(name)?;
    let content_type = match logo.picture {
        Picture::Svg => "image/svg+xml; charset=utf-8",
        Picture::Png => "image/png",
    };
    Some(Document::new(content_type, CACHE_FOR_GOOD, logo.content.to_vec()).with_policy(POLICY))
}
