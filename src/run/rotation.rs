//! Until when a capture without a place in a spool can have gone on: a rotation says it.
//!
//! `tcpdump -G` and its like write one capture after the other, each in the order of time: where one
//! ends the next begins, so what a capture lost at its end was captured before the next one began.
//! That holds only while one capture is written at a time. It is taken for shown when the captures of a
//! sensor are at least [`ROTATION_CAPTURES_MIN`] and no two of them overlap; one that overlaps another
//! says that several were written side by side, and then nothing bounds a tail but the sensor's last
//! record. The last capture of a rotation has none behind it, and the same holds for it.

use super::gather::{FileSummary, TimeSpan};
use crate::base::{CaptureTime, FileId, NS_PER_S, SensorId};
use crate::spool::SpoolListing;
use std::collections::BTreeMap;

/// Captures that show a rotation: of two, the second may have begun while the first still ran.
const ROTATION_CAPTURES_MIN: usize = 3;
/// Captures of a rotation overlap by what the kernel had buffered at the turn.
const ROTATION_OVERLAP_NS: i64 = NS_PER_S;

/// For files of rotations, all but the last: the first record of the next file.
pub(super) fn next_begins(
    listing: &SpoolListing,
    files: &BTreeMap<FileId, FileSummary>,
) -> BTreeMap<FileId, CaptureTime> {
    let mut by_sensor: BTreeMap<SensorId, Vec<(TimeSpan, FileId)>> = BTreeMap::new();
    for (id, summary) in files {
        let Some(file) = listing.files.get(id.0 as usize) else { continue };
        if let (Some(span), None) = (summary.span, file.reach()) {
            by_sensor.entry(file.sensor).or_default().push((span, *id));
        }
    }
    by_sensor.into_values().filter_map(rotation).flatten().collect()
}

/// The captures of one sensor with what follows each; absent when they are no rotation.
fn rotation(mut captures: Vec<(TimeSpan, FileId)>) -> Option<Vec<(FileId, CaptureTime)>> {
    captures.sort_unstable_by_key(|(span, id)| (span.first, span.last, *id));
    let mut turns: Vec<TimeSpan> = captures.iter().map(|(span, _)| *span).collect();
    // The same capture under two names is one.
    turns.dedup();
    let overlaps = |pair: &[TimeSpan]| pair[1].first.since_ns(pair[0].last) < -ROTATION_OVERLAP_NS;
    if turns.len() < ROTATION_CAPTURES_MIN || turns.windows(2).any(overlaps) {
        return None;
    }
    let next = |span: &TimeSpan| turns.iter().find(|turn| turn.first > span.first);
    let follows = |(span, id): &(TimeSpan, FileId)| Some((*id, next(span)?.first.max(span.last)));
    Some(captures.iter().filter_map(follows).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(spans: &[(i64, i64)], expect: Option<&[(u32, i64)]>) {
        let second = |seconds| CaptureTime::from_parts(seconds, 0);
        let captures = spans
            .iter()
            .zip(0u32..)
            .map(|((first, last), id)| {
                (TimeSpan { first: second(*first), last: second(*last) }, FileId(id))
            })
            .collect();
        let found = rotation(captures).map(|found| {
            let pairs = found.iter().map(|(id, next)| (id.0, next.floor_seconds()));
            pairs.collect::<Vec<_>>()
        });
        assert_eq!(found.as_deref(), expect, "{spans:?}");
    }

    #[test]
    fn captures_one_after_the_other_bound_each_other() {
        check(&[(0, 10), (10, 20), (25, 30)], Some(&[(0, 10), (1, 25)]));
        check(&[(25, 30), (0, 5), (10, 20)], Some(&[(1, 10), (2, 25)]));
        // The same one twice.
        check(&[(0, 10), (0, 10), (10, 20), (25, 30)], Some(&[(0, 10), (1, 10), (2, 25)]));
        // A second of overlap is the kernel's buffer.
        check(&[(0, 11), (10, 20), (25, 30)], Some(&[(0, 11), (1, 25)]));
    }

    #[test]
    fn what_overlaps_or_is_too_few_bounds_nothing() {
        check(&[(0, 10), (20, 30)], None);
        check(&[(0, 10), (0, 10), (20, 30)], None);
        check(&[(0, 10), (8, 20), (25, 30)], None);
        check(&[(0, 100), (10, 20), (30, 40), (50, 60)], None);
        check(&[], None);
    }
}
