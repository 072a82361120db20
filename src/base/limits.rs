//! Every cap of the program, in one place, each with its reason.
//!
//! Hitting one of them leaves a note of kind [`super::NoteKind::Limit`]; none changes a result silently.

/// Records of one capture are numbered up to here; more than any capture file that fits a disk.
pub const RECORDS_PER_CAPTURE_MAX: u32 = u32::MAX;
/// Notes kept verbatim per kind and run; all are counted, the first by place are kept.
pub const NOTES_KEPT_PER_KIND_MAX: usize = 100;
/// Longest Call-ID that is kept; the sniffer ignores more than 1023 bytes (facts A.1).
pub const CALL_ID_BYTES_MAX: usize = 1_023;
/// Bytes of any other header value that are kept as a fact or identifier.
pub const FACT_TEXT_BYTES_MAX: usize = 1_024;
/// Facts kept in one leg, smallest by time first; the sniffer closes a call at 20,000 packets (facts A.12).
pub const FACTS_PER_LEG_MAX: usize = 4_096;
/// Identifiers kept in one leg, smallest by order first.
pub const IDENTIFIERS_PER_LEG_MAX: usize = 1_024;
/// Containers inside containers: tar.zst holding gzip entries holding a capture is 3.
pub const CONTAINER_DEPTH_MAX: usize = 6;
/// Bytes that one file may expand to; a bomb stops here. 1 TiB is far above any spool minute.
pub const EXPANDED_BYTES_MAX: u64 = 1 << 40;
/// Days of a history, the latest ones before the day of the verdict: three years, far above what a
/// spool keeps; a capture with a broken clock must not make millions of hours.
pub const HISTORY_DAYS_MAX: usize = 1_100;
/// Spans of the largest peak that a history lists.
pub const PEAK_SPANS_MAX: usize = 16;
/// Losses named one by one at a day of the report; all are counted.
pub const LOSSES_NAMED_PER_DAY_MAX: usize = 8;
/// Losses that days can name at all: bounds the work for a spool with millions of them.
pub const LOSSES_NAMED_MAX: usize = 100_000;
