//! Compressed bodies: zstd with a checksum, unpacked within a bound.

use std::io::{self, Read};

/// Level 3: checkpoints are packed once a minute beside the log.
const LEVEL: i32 = 3;

/// Most bytes of one unpacked body: a checkpoint of 100,000 checks takes a tenth of this.
const BODY_BYTES_MAX: u64 = 512 * 1024 * 1024;

/// Compresses a body.
pub(super) fn pack(body: &[u8]) -> io::Result<Vec<u8>> {
    let mut compressor = zstd::bulk::Compressor::new(LEVEL)?;
    compressor.include_checksum(true)?;
    compressor.compress(body)
}

/// Reads a compressed body; a damaged or an oversized one is an error.
pub(super) fn unpack(packed: &[u8]) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    zstd::stream::read::Decoder::with_buffer(packed)?.take(BODY_BYTES_MAX + 1).read_to_end(&mut body)?;
    if body.len() as u64 > BODY_BYTES_MAX {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "longer than 512 MiB"));
    }
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flipped_bit_is_noticed() {
        let body: Vec<u8> = (0..2000u32).flat_map(u32::to_le_bytes).collect();
        let mut packed = pack(&body).unwrap();
        assert_eq!(unpack(&packed).unwrap(), body);
        let last = packed.len() - 1;
        packed[last] ^= 1;
        unpack(&packed).unwrap_err();
        unpack(&packed[..last / 2]).unwrap_err();
        unpack(b"no zstd").unwrap_err();
    }
}
