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
/// Output window of one decoder, reused; fits the second-level cache.
pub const DECODER_WINDOW_BYTES: usize = 256 << 10;
/// Memory that all decoders of one file may hold at once (windows, dictionaries, parts of blocks), by
/// what the streams ask for. zstd's own limit for one window is 128 MiB, `xz -9` needs 65 MiB; a
/// thousand calls that are written in pieces of zstd entries need 1 MiB each.
pub const DECODER_MEMORY_BYTES_MAX: u64 = 1 << 30;
/// Streams of pieces (`NAME#N`) that one archive may hold open; the calls of one start minute of a
/// very large sensor.
pub const OPEN_PIECES_MAX: usize = 65_536;
/// Bytes of a long-name or pax record of a tar that are kept.
pub const TAR_EXTENSION_BYTES_MAX: usize = 64 << 10;
/// Compressed or plain bytes of one block of the sniffer's LZO, LZ4 and snappy framing. It writes 8 KiB
/// blocks; its size field can carry a whole write (run section 3), which is one packet.
pub const FRAMED_BLOCK_BYTES_MAX: u32 = 1 << 20;
/// Longest name of an archive entry that is kept; Linux paths end at 4 KiB.
pub const MEMBER_NAME_BYTES_MAX: usize = 4_096;
/// Length of one packet record or pcapng block that is believed, whatever the file header says.
pub const CAPTURE_BLOCK_BYTES_MAX: u32 = 16 << 20;
/// Captured length that is always plausible (the largest snaplen of the usual tools).
pub const CAPTURE_SNAPLEN_MAX: u32 = 256 << 10;
/// Plausible records in a row that prove a place to resume at after damage (crates section 5).
pub const RESUME_CHAIN_RECORDS: usize = 6;
/// Losses that one capture lists apart; further ones are added to the last.
pub const LOSSES_PER_CAPTURE_MAX: usize = 1_000;
/// Interfaces of one pcapng section that are kept; the field that names one has 32 bits.
pub const CAPTURE_INTERFACES_MAX: usize = 65_536;
