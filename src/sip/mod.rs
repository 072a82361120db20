//! Bytes to SIP messages: framing, headers, URIs, identifiers, SDP. Never fails, yields notes.

pub mod method;

pub use method::Method;
