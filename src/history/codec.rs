//! Results as bytes: all of a commit in one blob, about 8 bytes each.
//!
//! Format 1: the byte 1, the number of results, then per result: check uid and slot as
//! differences to the result before, what its end lies beyond slot + duration, one byte of
//! verdict, counted and reason, the duration. Numbers are LEB128, signed ones in zigzag;
//! differences wrap, so that every value survives. Reading trusts nothing.

use crate::model::time::Timestamp;
use crate::model::verdict::{Reason, Verdict};

/// The format's number, its first byte.
const FORMAT: u8 = 1;

/// The fewest bytes of a result: five numbers of at least one.
const ROW_BYTES_MIN: usize = 5;

/// A result of a check by uid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) uid: i64,
    pub(super) slot: Timestamp,
    pub(super) ended_at: Timestamp,
    pub(super) verdict: Verdict,
    pub(super) reason: Option<Reason>,
    pub(super) duration_us: u32,
    pub(super) counted: bool,
}

/// Why bytes are no results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum CodecFault {
    #[error("results end in the middle")]
    Short,
    #[error("results go on beyond their end")]
    Long,
    #[error("results of an unknown format")]
    Format,
    #[error("a number is out of range")]
    Number,
    #[error("a result has an unknown verdict or reason")]
    Word,
    #[error("compressed results cannot be unpacked")]
    Packed,
}

/// Writes results.
pub(super) fn encode(rows: &[Row]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(2 + rows.len() * 10);
    bytes.push(FORMAT);
    put(&mut bytes, rows.len() as u64);
    let (mut uid, mut slot) = (0i64, 0i64);
    for row in rows {
        put(&mut bytes, zigzag(row.uid.wrapping_sub(uid)));
        put(&mut bytes, zigzag(row.slot.as_millis().wrapping_sub(slot)));
        (uid, slot) = (row.uid, row.slot.as_millis());
        let expected = slot.wrapping_add(i64::from(row.duration_us / 1000));
        put(&mut bytes, zigzag(row.ended_at.as_millis().wrapping_sub(expected)));
        bytes.push(word(row));
        put(&mut bytes, u64::from(row.duration_us));
    }
    bytes
}

/// Reads results.
pub(super) fn decode(bytes: &[u8]) -> Result<Vec<Row>, CodecFault> {
    let mut rest = bytes;
    if take(&mut rest)? != FORMAT {
        return Err(CodecFault::Format);
    }
    let count = usize::try_from(get(&mut rest)?).map_err(|_| CodecFault::Number)?;
    if count > rest.len() / ROW_BYTES_MIN {
        return Err(CodecFault::Short);
    }
    let mut rows = Vec::with_capacity(count);
    let (mut uid, mut slot) = (0i64, 0i64);
    for _ in 0..count {
        uid = uid.wrapping_add(unzigzag(get(&mut rest)?));
        slot = slot.wrapping_add(unzigzag(get(&mut rest)?));
        let beyond = unzigzag(get(&mut rest)?);
        let word = take(&mut rest)?;
        let duration_us = u32::try_from(get(&mut rest)?).map_err(|_| CodecFault::Number)?;
        let ended = slot.wrapping_add(i64::from(duration_us / 1000)).wrapping_add(beyond);
        let (verdict, reason, counted) = read_word(word)?;
        rows.push(Row {
            uid,
            slot: Timestamp::from_millis(slot),
            ended_at: Timestamp::from_millis(ended),
            verdict,
            reason,
            duration_us,
            counted,
        });
    }
    if rest.is_empty() { Ok(rows) } else { Err(CodecFault::Long) }
}

/// Verdict in two bits, counted in one, reason in five. The codes are those of the closed lists'
/// order, written out so that a new order cannot change what is stored.
pub(super) const fn word(row: &Row) -> u8 {
    let verdict = match row.verdict {
        Verdict::Up => 0,
        Verdict::Degraded => 1,
        Verdict::Down => 2,
        Verdict::Unknown => 3,
    };
    let reason = match row.reason {
        None => 0,
        Some(Reason::Dns) => 1,
        Some(Reason::Connect) => 2,
        Some(Reason::Timeout) => 3,
        Some(Reason::Tls) => 4,
        Some(Reason::Certificate) => 5,
        Some(Reason::Status) => 6,
        Some(Reason::Content) => 7,
        Some(Reason::Protocol) => 8,
        Some(Reason::Missing) => 9,
        Some(Reason::Slow) => 10,
        Some(Reason::Blocked) => 11,
        Some(Reason::ProbeFault) => 12,
    };
    verdict | (row.counted as u8) << 2 | reason << 3
}

/// What [`word`] wrote.
pub(super) fn read_word(word: u8) -> Result<(Verdict, Option<Reason>, bool), CodecFault> {
    let verdict = Verdict::ALL.get(usize::from(word & 0b11)).copied().ok_or(CodecFault::Word)?;
    let reason = match usize::from(word >> 3) {
        0 => None,
        code => Some(Reason::ALL.get(code - 1).copied().ok_or(CodecFault::Word)?),
    };
    Ok((verdict, reason, word & 0b100 != 0))
}

pub(super) const fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}

pub(super) const fn unzigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -((value & 1).cast_signed())
}

pub(super) fn put(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push((value & 0x7f).to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    bytes.push(value.to_le_bytes()[0]);
}

pub(super) fn get(rest: &mut &[u8]) -> Result<u64, CodecFault> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let byte = take(rest)?;
        let part = u64::from(byte & 0x7f);
        if shift == 63 && part > 1 {
            return Err(CodecFault::Number);
        }
        value |= part << shift;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(CodecFault::Number)
}

pub(super) fn take(rest: &mut &[u8]) -> Result<u8, CodecFault> {
    let (&byte, after) = rest.split_first().ok_or(CodecFault::Short)?;
    *rest = after;
    Ok(byte)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn row() -> impl Strategy<Value = Row> {
        (
            any::<i64>(),
            any::<i64>(),
            any::<i64>(),
            proptest::sample::select(Verdict::ALL),
            proptest::option::of(proptest::sample::select(Reason::ALL)),
            any::<u32>(),
            any::<bool>(),
        )
            .prop_map(|(uid, slot, ended, verdict, reason, duration_us, counted)| Row {
                uid,
                slot: Timestamp::from_millis(slot),
                ended_at: Timestamp::from_millis(ended),
                verdict,
                reason,
                duration_us,
                counted,
            })
    }

    proptest! {
        #[test]
        fn results_survive(rows in proptest::collection::vec(row(), 0..50)) {
            prop_assert_eq!(decode(&encode(&rows)), Ok(rows));
        }

        #[test]
        fn hostile_bytes_are_refused_or_read_but_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let read = decode(&bytes);
            let with_format = decode(&[&[FORMAT], &*bytes].concat());
            prop_assert!(read.is_ok_and(|rows| rows.len() < 200) || with_format.is_ok() || with_format.is_err());
        }

        #[test]
        fn a_cut_blob_is_noticed(rows in proptest::collection::vec(row(), 1..20), cut in any::<proptest::sample::Index>()) {
            let bytes = encode(&rows);
            prop_assert!(decode(&bytes[..cut.index(bytes.len())]).is_err());
        }
    }

    #[test]
    fn a_large_count_reserves_nothing() {
        let mut bytes = vec![FORMAT];
        put(&mut bytes, u64::MAX);
        assert_eq!(decode(&bytes), Err(CodecFault::Short));
        assert_eq!(decode(&[FORMAT, 0x80, 0x80]), Err(CodecFault::Short));
        assert_eq!(decode(&[2, 0]), Err(CodecFault::Format));
        assert_eq!(decode(&[FORMAT, 0, 0]), Err(CodecFault::Long));
        assert_eq!(decode(&[FORMAT, 1, 0, 0, 0, 0xf8, 0]), Err(CodecFault::Word));
    }

    #[test]
    fn the_codes_are_those_of_the_lists() {
        for &verdict in Verdict::ALL {
            for reason in std::iter::once(None).chain(Reason::ALL.iter().copied().map(Some)) {
                let at = Timestamp::from_millis(0);
                let row = Row { uid: 1, slot: at, ended_at: at, verdict, reason, duration_us: 0, counted: true };
                assert_eq!(decode(&encode(&[row])), Ok(vec![row]));
            }
        }
    }

    #[test]
    fn an_ordinary_result_takes_less_than_nine_bytes() {
        let rows: Vec<Row> = (0..1000)
            .map(|n: u32| Row {
                uid: i64::from(n) + 1000,
                slot: Timestamp::from_millis(1_700_000_000_000 + i64::from(n)),
                ended_at: Timestamp::from_millis(1_700_000_000_020 + i64::from(n + n % 100)),
                verdict: Verdict::Up,
                reason: None,
                duration_us: 20_000 + n,
                counted: true,
            })
            .collect();
        assert!(encode(&rows).len() < 9 * rows.len());
    }
}
