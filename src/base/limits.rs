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
/// Facts kept in one leg, smallest by key; the sniffer closes a call at 20,000 packets (facts A.12).
pub const FACTS_PER_LEG_MAX: usize = 4_096;
/// Identifiers kept in one leg, smallest by order first.
pub const IDENTIFIERS_PER_LEG_MAX: usize = 1_024;
/// Containers inside containers: tar.zst holding gzip entries holding a capture is 3.
pub const CONTAINER_DEPTH_MAX: usize = 6;
/// Bytes that one file may expand to; a bomb stops here. 1 TiB is far above any spool minute.
pub const EXPANDED_BYTES_MAX: u64 = 1 << 40;
/// Media flows (pairs of addresses) kept of all captures together, those with the smallest addresses; a
/// flow is about 150 bytes.
pub const MEDIA_FLOWS_MAX: usize = 4_000_000;
/// Longest value of such a header that can be an identifier; longer ones are payload.
pub const CANDIDATE_VALUE_BYTES_MAX: usize = 256;
/// Headers of the deployment's own (`X-...`) kept as candidates from one INVITE.
pub const HEADER_CANDIDATES_PER_INVITE_MAX: usize = 16;
/// Output window of one decoder, reused; fits the second-level cache.
pub const DECODER_WINDOW_BYTES: usize = 256 << 10;
/// Zstd frames of at most so many decoded bytes, in blocks of the largest size, are decoded as a whole:
/// those of a usual minute, which stay in the third-level cache.
pub const ZSTD_WHOLE_FRAME_BYTES_MAX: u64 = 2 << 20;
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
/// ERF records in a row, up to the end of the data, that prove a capture without any magic; in the
/// middle of data it takes [`RESUME_CHAIN_RECORDS`].
pub const ERF_CHAIN_TO_END_RECORDS: usize = 3;
/// Extension headers of one ERF record; cards write at most a handful.
pub const ERF_EXTENSIONS_MAX: usize = 8;
/// IP layers inside one record; the sniffer unpacks up to 19 tunnels (facts F).
pub const TUNNEL_DEPTH_MAX: u8 = 20;
/// VLAN tags or MPLS labels on one frame; real stacks have at most a handful.
pub const LINK_TAGS_MAX: usize = 16;
/// Extension headers of one IPv6 packet; a real one has three at most. More count as too deep.
pub const IPV6_EXTENSIONS_MAX: usize = 16;
/// Extension headers of one GTP-U packet, tagged fields of one TZSP packet: real ones have a handful.
/// More count as too deep.
pub const TUNNEL_OPTIONS_MAX: usize = 32;
/// Seconds in which the fragments of one datagram must arrive; receivers wait 30 to 60 (RFC 1122
/// section 3.3.2, RFC 8200 section 4.5).
pub const FRAGMENT_WAIT_SECONDS: i64 = 30;
/// Memory of the IP fragments kept of all captures together, the earliest; fragments of RTP mostly
/// leave as soon as they are whole, so only incomplete and SIP-like datagrams stay.
pub const FRAGMENT_BYTES_MAX: usize = 256 << 20;
/// Memory of what one open capture holds apart before it joins the rest of its worker.
pub const HELD_BYTES_MAX: usize = 8 << 20;
/// Bytes of one reassembled datagram: the IPv4 and IPv6 maximum without jumbograms.
pub const DATAGRAM_BYTES_MAX: u32 = 65_535;
/// Memory kept of a TCP flow none of whose segments shows a sign of SIP: far more than the longest SIP
/// message, so that a flow entered in the middle of a message, or cut into segments of a few bytes, is
/// kept until all captures are joined.
pub const TCP_UNDECIDED_BYTES_PER_FLOW_MAX: usize = 1 << 20;
/// Memory kept of all such flows of all captures; the longest go first, because bulk is not SIP.
pub const TCP_UNDECIDED_BYTES_MAX: usize = 128 << 20;
/// Memory of the TCP segments of SIP flows kept of all captures together, the earliest. A spool holds
/// next to none (its TCP is rebuilt); plain captures of a busy TCP trunk are read in parts beyond it.
pub const TCP_BYTES_MAX: usize = 4 << 30;
/// TCP flow directions remembered without a sign of SIP; a scan of ports stops here.
pub const TCP_FLOWS_MAX: usize = 1 << 20;
/// A sequence number further than this from the last one belongs to another connection: windows are
/// at most 1 GiB (RFC 7323 section 2.3), real ones a few MiB.
pub const TCP_JUMP_BYTES_MAX: i64 = 256 << 20;
/// After this long a silence a smaller jump is enough: 2 MSL (RFC 9293 section 3.4.2).
pub const TCP_QUIET_SECONDS: i64 = 240;
/// The smaller jump: a window without scaling, several times.
pub const TCP_QUIET_JUMP_BYTES_MAX: i64 = 1 << 20;
/// Data that a capture shows before the SYN it belongs to is at most so many bytes behind it: taps
/// reorder within a window, not more.
pub const TCP_SYN_LATE_BYTES_MAX: i64 = 64 << 10;
/// ... and at most so many seconds before it.
pub const TCP_SYN_LATE_SECONDS: i64 = 3;
/// First bytes of a run of stream bytes that decide what the stream is.
pub const STREAM_CLASSIFY_BYTES_MAX: usize = 64 << 10;
/// Memory of the parts of SCTP messages kept of all captures together, the earliest.
pub const SCTP_BYTES_MAX: usize = 256 << 20;
/// Longest message of WebSocket or HEP over TCP; SIP messages stay far below 64 KiB.
pub const FRAMED_MESSAGE_BYTES_MAX: usize = 1 << 20;
/// Longest HTTP header section of a WebSocket upgrade; web servers stop at 8 to 16 KiB.
pub const UPGRADE_BYTES_MAX: usize = 16 << 10;
/// Longest payload that a compressed HEP chunk may expand to.
pub const HEP_PAYLOAD_BYTES_MAX: u64 = 1 << 20;
/// How long a call may last after its start: `absolute_timeout`, 4 h (facts C). A spool's directory
/// holds packets up to so long after its own minute.
pub const CALL_REACH_NS: i64 = 4 * 3_600 * super::NS_PER_S;
/// Days of a history, the latest ones before the day of the verdict: three years, far above what a
/// spool keeps; a capture with a broken clock must not make millions of hours.
pub const HISTORY_DAYS_MAX: usize = 1_100;
/// Spans of the largest peak that a history lists.
pub const PEAK_SPANS_MAX: usize = 16;
/// Multipart bodies inside multipart bodies; SIPREC and ISUP need 1, nesting deeper is hostile.
pub const MULTIPART_DEPTH_MAX: usize = 4;
/// Formats of one SDP media line that are named as codecs; offers of real phones hold about 20.
pub const CODECS_PER_MEDIA_MAX: usize = 64;
/// Longest head of a SIP message in a byte stream; real ones stay below 16 KiB.
pub const FRAMED_HEAD_BYTES_MAX: usize = 64 * 1024;
/// Longest body of a SIP message in a byte stream; pictures and vCards stay below it.
pub const FRAMED_BODY_BYTES_MAX: usize = 1024 * 1024;
/// Losses that one capture lists apart; further ones are added to the last.
pub const LOSSES_PER_CAPTURE_MAX: usize = 1_000;
/// Interfaces of one pcapng section that are kept; the field that names one has 32 bits.
pub const CAPTURE_INTERFACES_MAX: usize = 65_536;
/// Legs that one leg is compared with per rule and key, nearest in time first: a rule's window holds
/// a few; more is a flood, and all pairs of a flood would be quadratic.
pub const CANDIDATES_PER_KEY_MAX: usize = 64;
/// Losses named one by one at a day of the report; all are counted.
pub const LOSSES_NAMED_PER_DAY_MAX: usize = 8;
/// Losses that days can name at all: bounds the work for a spool with millions of them.
pub const LOSSES_NAMED_MAX: usize = 100_000;
/// Candidate headers tried in the what-if table, most linking first: each groups the whole run anew.
pub const WHAT_IF_HEADERS_MAX: usize = 16;
/// Legs in an hour that may share the value of a strong identifier; more is a value that does not
/// discriminate, which is demoted and reported (design.md section 12, point 8).
pub const SHARED_LEGS_MAX: usize = 16;
/// In-dialog INVITEs whose CSeq the sniffer remembers (`invitecseq_in_dialog`). A limit of the vendor:
/// following it is what makes the CDR right, so hitting it is no anomaly.
pub const IN_DIALOG_CSEQS_MAX: usize = 10;
/// Pairs of addresses that the sniffer keeps for telling directions (`MAX_SIPCALLERDIP`); followed as
/// the one above.
pub const DIRECTION_PAIRS_MAX: usize = 8;
/// Columns of a ladder; addresses beyond them share the last one, which says so.
pub const LADDER_COLUMNS_MAX: usize = 24;
/// Legs merged into one call by a merge header; more is a shared value or a flood, and every packet
/// of the call would look at all of them.
pub const MERGED_LEGS_PER_CALL_MAX: usize = 64;
/// Bytes of `callidmerge_secret` that the sniffer keeps (voipmonitor.cpp:1025).
pub const MERGE_SECRET_BYTES_MAX: usize = 127;
/// Merge headers tried as scenarios, those that name most legs first: each is a scenario under all
/// readings.
pub const MERGE_HEADERS_MAX: usize = 4;
/// Registered users told apart; far above what one registrar holds.
pub const REGISTERED_USERS_MAX: usize = 1_000_000;
/// Messages of one ladder, repetitions counted: a slip of the hand must not fill the memory. More is
/// an error of the ladder.
pub const LADDER_STATEMENTS_MAX: usize = 200_000;
/// Longest key of an entry of the work directory: the longest path of Linux, and what stands before it.
pub const WORK_KEY_BYTES_MAX: usize = 4_096 + 256;
/// Names of counters that the work directory may bring; the program has about a hundred. Each is kept
/// for the life of the program.
pub const LEDGER_NAMES_MAX: usize = 1_000;
/// Longest of them.
pub const LEDGER_NAME_BYTES_MAX: usize = 64;
/// Answers that a work directory keeps, the newest: what was asked lately, with some options changed back
/// and forth. A spool that grows makes a new one with every run.
pub const WORK_ANSWERS_MAX: usize = 16;
/// Bytes of one of them; a larger one is not kept. A year of every hour under four scenarios is about 1 MB:
/// only some hundred thousand losses make an answer that large.
pub const WORK_ANSWER_BYTES_MAX: usize = 64 << 20;
