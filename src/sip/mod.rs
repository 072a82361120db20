//! Bytes to SIP messages: framing, headers, URIs, identifiers, SDP. Never fails, yields notes.
//!
//! In: a payload ([`looks_like_sip`], [`scan`]) or one direction of a byte stream ([`Framer`]).
//! Out: borrowed views ([`Message`], [`NameAddr`], [`Uri`]) that allocate nothing.

pub mod anomaly;
pub mod body;
pub mod correlation;
pub mod framing;
pub mod header_name;
pub mod lines;
pub mod message;
pub mod method;
pub mod name_addr;
pub mod parameter;
mod places;
pub mod sdp;
mod search;
pub mod start_line;
mod text;
pub mod typed;
pub mod uri;
pub mod vendor_number;

pub use anomaly::{Anomalies, Anomaly};
pub use body::{Part, parts, recording_metadata, sdp_body, sipfrag_status};
pub use correlation::{
    Reason, Replaces, SessionId, TargetDialog, icid_value, parse_reason, parse_replaces,
    parse_session_id, parse_target_dialog, recorded_sessions,
};
pub use framing::{FrameEnd, FramedMessage, Framer, FramingTally, Unframed};
pub use header_name::HeaderName;
pub use lines::Header;
pub use message::{CSeq, Message, scan, with_message};
pub use method::Method;
pub use name_addr::{NameAddr, name_addrs};
pub use start_line::{StartLine, looks_like_sip};
pub use uri::{Uri, percent_decode};
pub use vendor_number::vendor_number;
