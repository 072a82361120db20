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
/// Legs that one leg is compared with per rule and key, nearest in time first: a rule's window holds
/// a few; more is a flood, and all pairs of a flood would be quadratic.
pub const CANDIDATES_PER_KEY_MAX: usize = 64;
/// Candidate headers tried in the what-if table, most linking first: each groups the whole run anew.
pub const WHAT_IF_HEADERS_MAX: usize = 16;
