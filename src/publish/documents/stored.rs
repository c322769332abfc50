//! One rendered document: its bytes, their `ETag` and their encoded variants.
//!
//! No cache, no thread, no HTTP type. A variant appears at most once and never changes.

use std::borrow::Cow;
use std::io::Write;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, Ordering};

use bytes::Bytes;
use sha2::{Digest, Sha256};

use crate::publish::Document;

/// Below this many bytes no encoding is worth its header.
pub const ENCODED_MIN_BYTES: usize = 256;
/// Up to this many bytes brotli and gzip work thoroughly; above, only fast encodings are used.
pub const THOROUGH_MAX_BYTES: usize = 256 * 1024;
/// What an entry costs beside its bytes: keys, header maps, counters.
const OVERHEAD_BYTES: usize = 2048;
/// Marks of use that count: what is asked for again and again outlasts what a crawler asks for once.
const USES_MAX: u8 = 3;
/// Bytes of the hash that the `ETag` shows.
const DIGEST_BYTES: usize = 12;

/// A content encoding, in our order of preference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// RFC 7932
    Brotli,
    /// RFC 8878
    Zstd,
    /// RFC 1952
    Gzip,
}

impl Encoding {
    /// All, the preferred first.
    pub const ALL: [Self; 3] = [Self::Brotli, Self::Zstd, Self::Gzip];

    /// Its name in `Content-Encoding`, and the suffix of its `ETag`.
    pub const fn token(self) -> &'static str {
        match self {
            Self::Brotli => "br",
            Self::Zstd => "zstd",
            Self::Gzip => "gzip",
        }
    }

    const fn bit(self) -> u8 {
        match self {
            Self::Brotli => 1,
            Self::Zstd => 2,
            Self::Gzip => 4,
        }
    }
}

/// A variant that is ready: its bytes, or that it would not be shorter.
type Variant = OnceLock<Option<Bytes>>;

/// A rendered document.
#[derive(Debug)]
pub struct Stored {
    /// Its media type.
    pub content_type: &'static str,
    /// The value of `Cache-Control`.
    pub cache_control: &'static str,
    /// The value of `Content-Security-Policy`.
    pub policy: Cow<'static, str>,
    /// Its bytes, not encoded.
    pub body: Bytes,
    /// The opaque part of its `ETag`, without quotes and encoding suffix.
    pub digest: Box<str>,
    brotli: Variant,
    zstd: Variant,
    gzip: Variant,
    wanted: AtomicU8,
    uses: AtomicU8,
}

impl Stored {
    pub(super) fn new(document: Document) -> Self {
        let hash = Sha256::digest(&document.body);
        let digest = hash.iter().take(DIGEST_BYTES).fold(String::with_capacity(2 * DIGEST_BYTES), |mut hex, byte| {
            hex.extend([byte >> 4, byte & 15].map(|half| char::from_digit(u32::from(half), 16).unwrap_or('0')));
            hex
        });
        Self {
            content_type: document.content_type,
            cache_control: document.cache_control,
            policy: document.policy,
            body: Bytes::from(document.body),
            digest: digest.into(),
            brotli: OnceLock::new(),
            zstd: OnceLock::new(),
            gzip: OnceLock::new(),
            wanted: AtomicU8::new(0),
            uses: AtomicU8::new(0),
        }
    }

    /// Whether a newly rendered document is this one, so that its `ETag` and variants still hold.
    pub(super) fn is(&self, document: &Document) -> bool {
        self.content_type == document.content_type
            && self.cache_control == document.cache_control
            && self.policy == document.policy
            && self.body == document.body
    }

    const fn slot(&self, encoding: Encoding) -> &Variant {
        match encoding {
            Encoding::Brotli => &self.brotli,
            Encoding::Zstd => &self.zstd,
            Encoding::Gzip => &self.gzip,
        }
    }

    /// Whether this document is ever served in this encoding.
    pub fn offers(&self, encoding: Encoding) -> bool {
        let length = self.body.len();
        let picture = self.content_type.starts_with("image/") && !self.content_type.starts_with("image/svg");
        length >= ENCODED_MIN_BYTES
            && !picture
            && (encoding != Encoding::Brotli || length <= THOROUGH_MAX_BYTES)
            && self.slot(encoding).get().is_none_or(Option::is_some)
    }

    /// The encoded bytes, once they are ready.
    pub fn encoded(&self, encoding: Encoding) -> Option<&Bytes> {
        self.slot(encoding).get().and_then(Option::as_ref)
    }

    /// Marks it as in use, which spares it at the next evictions.
    pub fn touch(&self) {
        let uses = self.uses.load(Ordering::Relaxed);
        // A plain load keeps the cache line shared while nothing evicts; a lost count is no harm.
        if uses < USES_MAX {
            self.uses.store(uses + 1, Ordering::Relaxed);
        }
    }

    /// Takes a mark away; whether there was one.
    pub(super) fn spend(&self) -> bool {
        let uses = self.uses.load(Ordering::Relaxed);
        self.uses.store(uses.saturating_sub(1), Ordering::Relaxed);
        uses > 0
    }

    /// Claims the work of encoding; true for the first that asks.
    pub(super) fn claim(&self, encoding: Encoding) -> bool {
        self.wanted.load(Ordering::Relaxed) & encoding.bit() == 0
            && self.wanted.fetch_or(encoding.bit(), Ordering::Relaxed) & encoding.bit() == 0
    }

    /// Gives the claim back, because nobody has time for it now.
    pub(super) fn unclaim(&self, encoding: Encoding) {
        self.wanted.fetch_and(!encoding.bit(), Ordering::Relaxed);
    }

    /// Encodes and keeps the variant if it is shorter. Returns how many bytes it added.
    pub(super) fn encode(&self, encoding: Encoding) -> usize {
        let encoded = encode(encoding, &self.body).filter(|encoded| encoded.len() < self.body.len()).map(Bytes::from);
        let added = encoded.as_ref().map_or(0, Bytes::len);
        if self.slot(encoding).set(encoded).is_ok() { added } else { 0 }
    }

    /// What it costs to keep, key included.
    pub(super) fn cost(&self, key: &str) -> u64 {
        let variants: usize = Encoding::ALL.iter().filter_map(|&e| self.encoded(e)).map(Bytes::len).sum();
        (OVERHEAD_BYTES + 2 * key.len() + self.body.len() + variants) as u64
    }
}

/// Encodes, thoroughly up to [`THOROUGH_MAX_BYTES`], else fast.
fn encode(encoding: Encoding, body: &[u8]) -> Option<Vec<u8>> {
    match encoding {
        Encoding::Brotli => {
            // A window of 256 KiB covers every document that comes here.
            let parameters = brotli::enc::BrotliEncoderParams {
                quality: 5,
                lgwin: 18,
                size_hint: body.len(),
                ..brotli::enc::BrotliEncoderParams::default()
            };
            let mut encoded = Vec::with_capacity(body.len() / 3);
            brotli::BrotliCompress(&mut &*body, &mut encoded, &parameters).ok()?;
            Some(encoded)
        }
        Encoding::Zstd => zstd::bulk::compress(body, 3).ok(),
        Encoding::Gzip => {
            let level = if body.len() <= THOROUGH_MAX_BYTES { 6 } else { 1 };
            let mut encoder =
                flate2::write::GzEncoder::new(Vec::with_capacity(body.len() / 3), flate2::Compression::new(level));
            encoder.write_all(body).ok()?;
            encoder.finish().ok()
        }
    }
}
