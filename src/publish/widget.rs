//! The custom element for other sites: one script, written by hand, served as it stands here.
//!
//! It runs in pages of others. So it changes with releases only, and it is served twice: under
//! `/widget.js`, always the newest, and as an asset whose name holds the
//! hash of its content, for ever the same.

use std::sync::LazyLock;

use sha2::{Digest, Sha256};

/// The script.
pub const SOURCE: &str = include_str!("widget/widget.js");

/// Bytes of the hash in the name of the asset.
const NAME_BYTES: usize = 8;

/// The name of the script below `/assets/`: `widget-0123456789abcdef.js`
pub fn asset() -> &'static str {
    static NAME: LazyLock<String> = LazyLock::new(|| {
        let hash = Sha256::digest(SOURCE.as_bytes());
        let hex: String = hash.iter().take(NAME_BYTES).map(|byte| format!("{byte:02x}")).collect();
        format!("widget-{hex}.js")
    });
    &NAME
}
