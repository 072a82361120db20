//! Ladders: hand-written scenarios as text, to captures.
//!
//! ```text
//! start 2026-11-20T10:00:00Z
//! host alice 10.0.0.1
//! host proxy 10.0.0.10:5060
//! file day.pcap
//! +0.000 alice > proxy INVITE call-id=a@h from=1001 to=2002 sdp=10.0.0.1:4000
//! +0.100 proxy > alice 180 to-tag=t1
//! ```
//!
//! One line is one statement; `#` at the start of a word begins a comment. Statements:
//! - `start TIME`: moment zero, RFC 3339 in UTC.
//! - `host NAME ADDRESS[:PORT]`: port 5060 unless given; IPv6 with a port in brackets.
//! - `file PATH [nanoseconds] [snaplen=N] [lzo] [pieces] [cut=BYTES]`: what follows goes there. The
//!   extension decides: `.pcap`, or `.tar` with an entry a Call-ID, either with `.gz` or `.zst` behind.
//!   `cut` drops the last bytes of the finished file. Without it all goes to `capture.pcap`.
//! - `repeat N every SECONDS` ... `end`: the lines between, N times, each later than the one before;
//!   `{n}` in them is the number of the turn from 1.
//! - `+SECONDS SOURCE > DESTINATION WHAT [key=value ...]`: a message. WHAT is a method or a status.
//! - `+SECONDS SOURCE:PORT > DESTINATION:PORT RTP until=SECONDS every=SECONDS`: media; RTCP likewise.
//!
//! Keys of a message: `call-id`, `from`, `to` (kept until another is given), `from-tag`, `to-tag`,
//! `branch`, `cseq`, `uri`, `contact`, `sdp=ADDRESS:PORT`, `direction`, `header="Name: value"` (any
//! number), `body`, `type`, `transport=udp|tcp`, `by=caller|callee`; for responses `method`, `cseq`,
//! `branch` choose the transaction (else the latest on that hop). `new` begins the Call-ID anew.
//! What the capture does with it: `lost` (never captured), `copies=N` (mirrored N times),
//! `again=0.5,1.5` (sent again that many seconds later), `late=SECONDS` (stands later in the file).

mod parse;
mod render;
mod state;

pub use parse::LadderError;
pub use render::{Compression, LadderFile};

/// Text to files, in the order in which the text names them.
///
/// # Errors
/// The first line that cannot be read, with its number and what was expected.
pub fn captures(text: &str) -> Result<Vec<LadderFile>, LadderError> {
    render::render(&parse::parse(text)?)
}
