//! A day of one check as bytes: about one and a half per result.
//!
//! A chunk holds the results that ended within a UTC day, in order of arrival. When the probe
//! began is exact to the millisecond; how long a success took is kept to 0.8 %, which nobody sees
//! in a chart, and everything that was not up is kept as it was. Whoever reads results for a chart
//! reads [`kept`] ones everywhere, so that folding changes no answer.
//!
//! Format 1: the byte 1, the number of results, a middle code of durations, slots and words in
//! runs, then lateness by lateness, then duration by duration: what is alike stands together.
//! Format 2: the byte 2 and all that behind the first byte of format 1, compressed; taken where it
//! is shorter. Reading trusts nothing.

use std::io;

use zstd::bulk::{Compressor, Decompressor};

use crate::history::codec::{self, CodecFault, Row, get, put, take, unzigzag, zigzag};
use crate::model::time::Timestamp;
use crate::model::verdict::Verdict;

/// Formats by their first byte.
const PLAIN: u8 = 1;
const PACKED: u8 = 2;

/// Level 3: each chunk is written anew several times on its day.
const LEVEL: i32 = 3;

/// Most results of a chunk: ten a second, all day. The rest of such a day is not kept.
pub(super) const RESULTS_MAX: usize = 864_000;

/// Most bytes of one unpacked chunk; each result has at most this share of it.
const BODY_BYTES_MAX: usize = 32 * 1024 * 1024;

const DAY_MS: i64 = 86_400_000;

/// Durations below are exact.
const EXACT_BELOW_US: u32 = 128;
/// Above, each octave has this many steps, so that the middle of a step is at most 0.8 % away.
const STEPS: u32 = 64;
/// There are no more codes: 25 octaves above the exact ones.
const CODES: u32 = EXACT_BELOW_US + 25 * STEPS;

/// The key of the chunk of a check on the UTC day of an instant; `None` for a uid or an instant
/// that no store of ours holds.
pub(super) fn key(uid: i64, at: Timestamp) -> Option<i64> {
    key_of_day(uid, day(at))
}

/// The key of the chunk of a check on a day.
pub(super) fn key_of_day(uid: i64, day: i64) -> Option<i64> {
    let (uid, day) = (u32::try_from(uid).ok()?, i32::try_from(day).ok()?);
    Some((i64::from(day) << 32) | i64::from(uid))
}

/// The day of a key.
pub(super) const fn day_of_key(key: i64) -> i64 {
    key >> 32
}

/// The UTC day of an instant, since 1970.
pub(super) const fn day(at: Timestamp) -> i64 {
    at.as_millis().div_euclid(DAY_MS)
}

/// A result as a chunk keeps it.
pub(super) fn kept(row: Row) -> Row {
    if row.verdict != Verdict::Up {
        return row;
    }
    let duration_us = duration(code(row.duration_us));
    Row { duration_us, ended_at: ended(row.slot, lateness(&row), duration_us), ..row }
}

/// How long after its slot a probe began.
const fn lateness(row: &Row) -> i64 {
    row.ended_at.as_millis().wrapping_sub(whole_ms(row.duration_us)).wrapping_sub(row.slot.as_millis())
}

const fn ended(slot: Timestamp, lateness: i64, duration_us: u32) -> Timestamp {
    Timestamp::from_millis(slot.as_millis().wrapping_add(lateness).wrapping_add(whole_ms(duration_us)))
}

const fn whole_ms(duration_us: u32) -> i64 {
    (duration_us / 1000) as i64
}

/// The code of a duration: the nearest step.
const fn code(duration_us: u32) -> u32 {
    if duration_us < EXACT_BELOW_US {
        return duration_us;
    }
    // 1 for durations from 128 on, 2 from 256 on, …, 25 for the longest.
    let octave = duration_us.ilog2() - STEPS.ilog2();
    let step = (duration_us >> octave) + ((duration_us >> (octave - 1)) & 1);
    let code = EXACT_BELOW_US + (octave - 1) * STEPS + (step - STEPS);
    if code < CODES { code } else { CODES - 1 }
}

/// The duration of a code.
const fn duration(code: u32) -> u32 {
    if code < EXACT_BELOW_US {
        return code;
    }
    let (octave, step) = ((code - EXACT_BELOW_US) / STEPS + 1, (code - EXACT_BELOW_US) % STEPS);
    (STEPS + step) << octave
}

/// Writes and reads chunks, with buffers of its own.
pub(super) struct Packer {
    compressor: Compressor<'static>,
}

impl Packer {
    pub(super) fn new() -> io::Result<Self> {
        let mut compressor = Compressor::new(LEVEL)?;
        compressor.include_checksum(true)?;
        Ok(Self { compressor })
    }

    /// Writes the results of a chunk, the first [`RESULTS_MAX`] of them.
    pub(super) fn pack(&mut self, rows: &[Row]) -> io::Result<Vec<u8>> {
        let plain = encode(rows.get(..RESULTS_MAX).unwrap_or(rows));
        let body = plain.get(1..).unwrap_or_default();
        let packed = self.compressor.compress(body)?;
        if packed.len() >= body.len() {
            return Ok(plain);
        }
        let mut bytes = Vec::with_capacity(1 + packed.len());
        bytes.push(PACKED);
        bytes.extend_from_slice(&packed);
        Ok(bytes)
    }
}

/// Reads the results of a chunk of the check with this uid.
pub(super) fn unpack(bytes: &[u8], uid: i64) -> Result<Vec<Row>, CodecFault> {
    let mut rest = bytes;
    match take(&mut rest)? {
        PLAIN => decode(rest, uid),
        PACKED => {
            let unpacked = Decompressor::new().and_then(|mut packer| packer.decompress(rest, BODY_BYTES_MAX));
            decode(&unpacked.map_err(|_| CodecFault::Packed)?, uid)
        }
        _ => Err(CodecFault::Format),
    }
}

fn encode(rows: &[Row]) -> Vec<u8> {
    let mut codes: Vec<u32> =
        rows.iter().filter(|row| row.verdict == Verdict::Up).map(|row| code(row.duration_us)).collect();
    let half = codes.len() / 2;
    let middle = if codes.is_empty() { 0 } else { *codes.select_nth_unstable(half).1 };
    let mut bytes = Vec::with_capacity(16 + rows.len() * 3);
    bytes.push(PLAIN);
    put(&mut bytes, rows.len() as u64);
    put(&mut bytes, u64::from(middle));
    let mut before = 0i64;
    let steps = rows.iter().map(|row| {
        let slot = row.slot.as_millis();
        zigzag(slot.wrapping_sub(std::mem::replace(&mut before, slot)))
    });
    put_runs(&mut bytes, steps);
    put_runs(&mut bytes, rows.iter().map(|row| u64::from(codec::word(row))));
    for row in rows {
        put(&mut bytes, zigzag(lateness(row)));
    }
    for row in rows {
        let beyond = i64::from(code(row.duration_us)) - i64::from(middle);
        put(&mut bytes, if row.verdict == Verdict::Up { zigzag(beyond) } else { u64::from(row.duration_us) });
    }
    bytes
}

fn decode(bytes: &[u8], uid: i64) -> Result<Vec<Row>, CodecFault> {
    let mut rest = bytes;
    let count = usize::try_from(get(&mut rest)?).map_err(|_| CodecFault::Number)?;
    // Each result has a lateness and a duration of a byte at least.
    if count > RESULTS_MAX || count > rest.len() / 2 {
        return Err(CodecFault::Short);
    }
    let middle = i64::try_from(get(&mut rest)?).map_err(|_| CodecFault::Number)?;
    let steps = get_runs(&mut rest, count)?;
    let words = get_runs(&mut rest, count)?;
    let mut rows = Vec::with_capacity(count);
    let mut slot = 0i64;
    for (step, word) in steps.into_iter().zip(words) {
        slot = slot.wrapping_add(unzigzag(step));
        let (verdict, reason, counted) = codec::read_word(u8::try_from(word).map_err(|_| CodecFault::Word)?)?;
        let slot = Timestamp::from_millis(slot);
        let lateness = unzigzag(get(&mut rest)?);
        rows.push(Row { uid, slot, ended_at: ended(slot, lateness, 0), verdict, reason, duration_us: 0, counted });
    }
    for row in &mut rows {
        let number = get(&mut rest)?;
        row.duration_us = if row.verdict == Verdict::Up {
            let code = middle.checked_add(unzigzag(number)).and_then(|code| u32::try_from(code).ok());
            duration(code.filter(|code| *code < CODES).ok_or(CodecFault::Number)?)
        } else {
            u32::try_from(number).map_err(|_| CodecFault::Number)?
        };
        row.ended_at = ended(row.ended_at, 0, row.duration_us);
    }
    if rest.is_empty() { Ok(rows) } else { Err(CodecFault::Long) }
}

/// Writes numbers as (number, how often in a row).
fn put_runs(bytes: &mut Vec<u8>, numbers: impl Iterator<Item = u64>) {
    let mut run: Option<(u64, u64)> = None;
    for number in numbers {
        match &mut run {
            Some((same, times)) if *same == number => *times += 1,
            _ => {
                if let Some((same, times)) = run.replace((number, 1)) {
                    put(bytes, same);
                    put(bytes, times);
                }
            }
        }
    }
    if let Some((same, times)) = run {
        put(bytes, same);
        put(bytes, times);
    }
}

/// Reads `count` numbers, no more and no fewer.
fn get_runs(rest: &mut &[u8], count: usize) -> Result<Vec<u64>, CodecFault> {
    let mut numbers = Vec::with_capacity(count);
    while numbers.len() < count {
        let number = get(rest)?;
        let times = usize::try_from(get(rest)?).map_err(|_| CodecFault::Number)?;
        if times == 0 || times > count - numbers.len() {
            return Err(CodecFault::Number);
        }
        numbers.resize(numbers.len() + times, number);
    }
    Ok(numbers)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::verdict::Reason;

    fn row() -> impl Strategy<Value = Row> {
        (
            prop_oneof![any::<i64>(), (0..2000i64).prop_map(|minute| minute * 60_000)],
            prop_oneof![any::<i64>(), 0..200i64],
            proptest::sample::select(Verdict::ALL),
            proptest::option::of(proptest::sample::select(Reason::ALL)),
            prop_oneof![any::<u32>(), 0..2_000_000u32],
            any::<bool>(),
        )
            .prop_map(|(slot, late, verdict, reason, duration_us, counted)| {
                let slot = Timestamp::from_millis(slot);
                Row { uid: 7, slot, ended_at: ended(slot, late, duration_us), verdict, reason, duration_us, counted }
            })
    }

    fn there_and_back(rows: &[Row]) -> Vec<Row> {
        unpack(&Packer::new().unwrap().pack(rows).unwrap(), 7).unwrap()
    }

    proptest! {
        #[test]
        fn results_survive_as_they_are_kept(rows in proptest::collection::vec(row(), 0..80)) {
            let kept_rows: Vec<Row> = rows.iter().copied().map(kept).collect();
            prop_assert_eq!(there_and_back(&rows), kept_rows.clone());
            // Writing a chunk again changes nothing.
            prop_assert_eq!(there_and_back(&kept_rows), kept_rows);
        }

        #[test]
        fn the_begin_is_exact_the_duration_to_one_per_cent_and_what_failed_entirely(row in row()) {
            let kept = kept(row);
            prop_assert_eq!(lateness(&kept), lateness(&row));
            prop_assert_eq!((kept.slot, kept.verdict, kept.reason, kept.counted), (row.slot, row.verdict, row.reason, row.counted));
            if row.verdict != Verdict::Up {
                prop_assert_eq!(kept, row);
            }
            prop_assert!(kept.duration_us.abs_diff(row.duration_us) <= row.duration_us / 100, "{} {}", kept.duration_us, row.duration_us);
        }

        #[test]
        fn hostile_bytes_are_refused_or_read_but_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            for format in [PLAIN, PACKED] {
                let read = unpack(&[&[format], &*bytes].concat(), 1);
                prop_assert!(read.is_err() || read.is_ok_and(|rows| rows.len() <= 100));
            }
        }

        #[test]
        fn a_cut_chunk_is_noticed(rows in proptest::collection::vec(row(), 1..40), cut in any::<proptest::sample::Index>()) {
            let bytes = Packer::new().unwrap().pack(&rows).unwrap();
            prop_assert!(unpack(&bytes[..cut.index(bytes.len())], 7).is_err());
            let plain = encode(&rows);
            prop_assert!(unpack(&plain[..cut.index(plain.len())], 7).is_err());
        }
    }

    #[test]
    fn a_large_count_reserves_nothing() {
        for count in [u64::MAX, 3, RESULTS_MAX as u64 + 1] {
            let mut bytes = vec![PLAIN];
            put(&mut bytes, count);
            bytes.extend([0, 0, 0]);
            unpack(&bytes, 1).unwrap_err();
        }
        let bomb = zstd::bulk::compress(&vec![0; BODY_BYTES_MAX + 1], 3).unwrap();
        assert_eq!(unpack(&[&[PACKED], &*bomb].concat(), 1), Err(CodecFault::Packed));
        assert_eq!(unpack(&[9], 1), Err(CodecFault::Format));
        assert_eq!(unpack(&[], 1), Err(CodecFault::Short));
    }

    #[test]
    fn keys_order_by_day_and_then_by_check() {
        let at = |day: i64| Timestamp::from_millis(day * DAY_MS + 5);
        let keys: Vec<i64> = [(2, -1), (9, -1), (1, 0), (u32::MAX.into(), 0), (0, 1)]
            .iter()
            .map(|&(uid, day)| key(uid, at(day)).unwrap())
            .collect();
        assert!(keys.is_sorted_by(|a, b| a < b), "{keys:?}");
        assert_eq!(key(-1, at(0)), None);
        assert_eq!(key(1 << 32, at(0)), None);
        assert_eq!(key(1, Timestamp::from_millis(i64::MAX)), None);
    }

    #[test]
    fn an_ordinary_day_takes_less_than_two_bytes_a_result() {
        // A little noise that no compressor can guess.
        let mut noise = 1u32;
        let mut next = |bound: u32| {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (noise >> 8) % bound
        };
        let rows: Vec<Row> = (0..1440i64)
            .map(|minute| {
                let slot = Timestamp::from_millis(1_700_006_400_123 + minute * 60_000);
                let duration_us = 70_000 + next(20_000) + next(20_000);
                let ended_at = ended(slot, i64::from(next(12)), duration_us);
                Row { uid: 7, slot, ended_at, verdict: Verdict::Up, reason: None, duration_us, counted: true }
            })
            .collect();
        let bytes = Packer::new().unwrap().pack(&rows).unwrap();
        assert!(bytes.len() < 2 * rows.len(), "{} bytes", bytes.len());
    }
}
