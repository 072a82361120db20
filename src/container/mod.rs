//! Bytes to bytes: takes a file's bytes apart into the streams that lie inside.
//!
//! In: the bytes of one file, whole or in pieces of any size. Out: every stream found, in archive
//! order, with slices of the input wherever nothing had to be decoded. Formats are told by their
//! magic, never by a name: gzip, zstd, xz, LZ4, the sniffer's LZO, LZ4 and snappy blocks, tar, and
//! the sniffer's tar of pieces, nested in each other. Never fails: what cannot be read is a note and
//! a loss, and the bytes before it still come out.

mod blocks;
mod decode;
mod gzip;
mod lz4;
mod pieces;
mod sniff;
mod tar;
mod tar_header;
mod unpack;
mod xz;
mod zstd;

use crate::base::{Loss, Note};

pub use tar::is_named_as_tar;
pub use unpack::{UnpackLimits, Unpacker, Windows};

/// Number of a stream inside a file: 0 for the file itself (also when it is compressed), 1, 2, ... for
/// members of an archive in the order in which they first appear.
pub type MemberNumber = u32;

/// How a stream ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum StreamEnd {
    /// Its container says it is whole.
    Complete,
    /// Bytes are missing at the end.
    Cut,
}

impl StreamEnd {
    /// Cut when either is cut.
    #[must_use]
    fn and(self, other: Self) -> Self {
        if self == Self::Complete { other } else { Self::Cut }
    }
}

/// Receives the streams that lie inside a file.
pub trait ContainerSink {
    /// A stream that is itself no container begins. `name` is the member's path inside its archives
    /// (empty for the file itself), archives of archives joined by `/`. `false` skips it: no `data`
    /// follows, `close` still does.
    fn open(&mut self, member: MemberNumber, name: &[u8]) -> bool;
    /// The next bytes of a stream. Streams of pieces (`NAME#N`) interleave.
    fn data(&mut self, member: MemberNumber, bytes: &[u8]);
    /// The stream ended.
    fn close(&mut self, member: MemberNumber, end: StreamEnd);
    /// An anomaly of the containers themselves. Its offset counts in the container that the detail
    /// names: the file, or the decoded bytes of a container inside it.
    fn note(&mut self, note: Note);
    /// Something that was there and cannot be read.
    fn loss(&mut self, loss: Loss);
}
