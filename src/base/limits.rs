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
/// IP layers inside one record; the sniffer unpacks up to 19 tunnels (facts F).
pub const TUNNEL_DEPTH_MAX: u8 = 20;
/// VLAN tags or MPLS labels on one frame; real stacks have at most a handful.
pub const LINK_TAGS_MAX: usize = 16;
/// Seconds in which the fragments of one datagram must arrive; receivers wait 30 to 60 (RFC 1122
/// section 3.3.2, RFC 8200 section 4.5).
pub const FRAGMENT_WAIT_SECONDS: i64 = 30;
/// Fragment bytes kept from one capture; fragments of RTP leave as soon as they are whole, so only
/// incomplete and SIP-like datagrams stay.
pub const FRAGMENT_BYTES_PER_CAPTURE_MAX: usize = 64 << 20;
/// Bytes of one reassembled datagram: the IPv4 and IPv6 maximum without jumbograms.
pub const DATAGRAM_BYTES_MAX: u32 = 65_535;
/// Bytes kept of a TCP flow that has not shown a sign of SIP: more than the longest SIP message's
/// header section, so that a flow entered in the middle of a message is kept until its next one.
pub const TCP_UNDECIDED_BYTES_PER_FLOW_MAX: usize = 64 << 10;
/// Bytes kept of all such flows of one capture.
pub const TCP_UNDECIDED_BYTES_PER_CAPTURE_MAX: usize = 16 << 20;
/// TCP bytes of SIP flows kept from one capture; a spool holds next to none (its TCP is rebuilt), a
/// plain capture of a busy TCP trunk stays below in a day file.
pub const TCP_BYTES_PER_CAPTURE_MAX: usize = 2 << 30;
/// TCP flow directions remembered in one capture; a scan of ports stops here.
pub const TCP_FLOWS_PER_CAPTURE_MAX: usize = 1 << 20;
/// A sequence number further than this from the last one belongs to another connection: windows are
/// at most 1 GiB (RFC 7323 section 2.3), real ones a few MiB.
pub const TCP_JUMP_BYTES_MAX: i64 = 256 << 20;
/// After this long a silence a smaller jump is enough: 2 MSL (RFC 9293 section 3.4.2).
pub const TCP_QUIET_SECONDS: i64 = 240;
/// The smaller jump: a window without scaling, several times.
pub const TCP_QUIET_JUMP_BYTES_MAX: i64 = 1 << 20;
/// First bytes of a run of stream bytes that decide what the stream is.
pub const STREAM_CLASSIFY_BYTES_MAX: usize = 64 << 10;
/// SCTP bytes kept from one capture while their messages are not whole.
pub const SCTP_BYTES_PER_CAPTURE_MAX: usize = 64 << 20;
/// Longest message of WebSocket or HEP over TCP; SIP messages stay far below 64 KiB.
pub const FRAMED_MESSAGE_BYTES_MAX: usize = 1 << 20;
/// Longest HTTP header section of a WebSocket upgrade; web servers stop at 8 to 16 KiB.
pub const UPGRADE_BYTES_MAX: usize = 16 << 10;
/// Longest payload that a compressed HEP chunk may expand to.
pub const HEP_PAYLOAD_BYTES_MAX: u64 = 1 << 20;
