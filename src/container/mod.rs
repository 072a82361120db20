//! Bytes to bytes: takes a file's bytes apart into the streams that lie inside.
//!
//! Push model: the caller feeds bytes as it has them (a whole map, or pieces), the sink gets every
//! stream found, in archive order, with slices of the input wherever nothing had to be decoded.

use crate::base::{Loss, Note};

/// Number of a stream inside a file: 0 for the file itself, 1, 2, ... for members in archive order.
pub type MemberNumber = u32;

/// How a stream ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum StreamEnd {
    /// Its container says it is whole.
    Complete,
    /// Bytes are missing at the end.
    Cut,
}

/// Receives the streams that lie inside a file.
pub trait ContainerSink {
    /// A stream that is itself no container begins. `name` is the member's path inside its archives
    /// (empty for the file itself). `false` skips it: no `data` follows, `close` still does.
    fn open(&mut self, member: MemberNumber, name: &[u8]) -> bool;
    /// The next bytes of a stream. Streams of pieces (`NAME#N`) interleave.
    fn data(&mut self, member: MemberNumber, bytes: &[u8]);
    /// The stream ended.
    fn close(&mut self, member: MemberNumber, end: StreamEnd);
    /// An anomaly of the containers themselves.
    fn note(&mut self, note: Note);
    /// Something that was there and cannot be read.
    fn loss(&mut self, loss: Loss);
}
