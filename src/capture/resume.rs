//! Where to go on after damage in a pcap: the next chain of plausible records.
//!
//! A place is believed when a chain of [`RESUME_CHAIN_RECORDS`] plausible headers starts there, or a
//! shorter one that ends exactly at the end of the data (crates section 5). Times must lie within a
//! day of each other; short chains also within a day of the last good record.

use super::pcap::{PcapHeader, RecordHeader, is_pcap_magic};
use crate::base::limits::{CAPTURE_SNAPLEN_MAX, RESUME_CHAIN_RECORDS};
use crate::base::{CaptureTime, NS_PER_S};

/// How far apart the records of a chain may be.
const CHAIN_SPAN_NS: i64 = 86_400 * NS_PER_S;
/// Records that prove an odd header that is not damage: its writer is merely odd, and the records
/// behind it line up.
const ODD_CHAIN_RECORDS: usize = 3;

/// Whether a chain of plausible records starts somewhere.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Chain {
    Yes,
    No,
    /// It cannot be told without this many bytes in all.
    Need(usize),
}

/// Whether a chain starts at `at` of `data`. `lenient`: headers may be odd as long as lengths and times
/// line up. `reference`: a moment that short chains must be near.
pub(super) fn chain(
    format: &PcapHeader,
    data: &[u8],
    mut at: usize,
    at_end: bool,
    reference: Option<CaptureTime>,
    lenient: bool,
) -> Chain {
    let header_bytes = format.record_header_bytes();
    let wanted = if lenient { ODD_CHAIN_RECORDS } else { RESUME_CHAIN_RECORDS };
    let mut near = reference;
    let mut all_near_reference = true;
    for count in 0..wanted {
        let rest = data.get(at..).unwrap_or_default();
        let whole = at <= data.len();
        if !whole || rest.len() < header_bytes {
            if !at_end {
                return Chain::Need(at.saturating_add(header_bytes));
            }
            // The end: exact, or a tail that was cut, which proves less.
            let proof = if at == data.len() { 1 } else { ODD_CHAIN_RECORDS };
            let enough = lenient || (count >= proof && all_near_reference);
            return if enough { Chain::Yes } else { Chain::No };
        }
        if lenient && is_pcap_magic(rest) {
            return Chain::Yes;
        }
        let Some(header) = format.record(rest) else { return Chain::No };
        let time = format.time(&header);
        let plausible = if lenient {
            header.captured <= format.captured_max()
        } else {
            is_plausible(format, &header)
        };
        if !plausible {
            return Chain::No;
        }
        let is_near = near.is_none_or(|near| is_within_span(near, time));
        // A full chain far from the last good record is a clock that was set; only its own records
        // have to be near each other.
        if !is_near && (lenient || count > 0) {
            return Chain::No;
        }
        all_near_reference &= is_near;
        near = Some(time);
        at = at.saturating_add(header_bytes).saturating_add(header.captured as usize);
    }
    Chain::Yes
}

fn is_within_span(a: CaptureTime, b: CaptureTime) -> bool {
    (-CHAIN_SPAN_NS..=CHAIN_SPAN_NS).contains(&b.since_ns(a))
}

/// Whether a header found by chance would hardly look like this.
fn is_plausible(format: &PcapHeader, header: &RecordHeader) -> bool {
    header.fraction < format.fractions()
        && header.captured.wrapping_sub(1) < CAPTURE_SNAPLEN_MAX
        && header.captured <= header.original
        && header.original <= format.captured_max()
}

/// The first place in `data[from..until]` where a chain starts. With `Need`, the place that cannot be
/// decided; everything before it is no start.
pub(super) fn next_chain(
    format: &PcapHeader,
    data: &[u8],
    from: usize,
    until: usize,
    at_end: bool,
    reference: Option<CaptureTime>,
) -> (usize, Chain) {
    for at in from..until.min(data.len()) {
        let Some(header) = data.get(at..).and_then(|rest| format.record(rest)) else {
            if at_end {
                return (until, Chain::No);
            }
            return (at, Chain::Need(at.saturating_add(format.record_header_bytes())));
        };
        if is_plausible(format, &header) {
            match chain(format, data, at, at_end, reference, false) {
                Chain::No => {}
                found => return (at, found),
            }
        }
    }
    (until, if at_end || until < data.len() { Chain::No } else { Chain::Need(until + 1) })
}
