//! The first bytes of a stream to its format.
//!
//! Decided at the shortest prefix that is decisive, so that the pieces in which bytes arrive cannot
//! change the answer.

use super::tar_header::{self, TAR_BLOCK_BYTES};
use crate::base::limits::FRAMED_BLOCK_BYTES_MAX;

/// Codec of the sniffer's own block framing (facts G).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum BlockCodec {
    /// Raw LZO1X.
    Lzo,
    /// LZ4 blocks without the LZ4 frame.
    Lz4,
    /// Raw snappy.
    Snappy,
}

/// What a stream is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Format {
    /// RFC 1952.
    Gzip,
    /// RFC 8878.
    Zstd,
    /// The .xz format, not .lzma, which has no magic.
    Xz,
    /// The LZ4 frame format.
    Lz4,
    /// The sniffer's framing: three letters, then blocks.
    Blocks(BlockCodec),
    /// Any tar.
    Tar,
    /// A capture, or nothing that is known here.
    Plain,
}

/// Magics that decide by themselves.
const MAGICS: &[(&[u8], Format)] = &[
    (&[0x1f, 0x8b, 0x08], Format::Gzip),
    (&[0x28, 0xb5, 0x2f, 0xfd], Format::Zstd),
    (&[0xfd, b'7', b'z', b'X', b'Z', 0], Format::Xz),
    (&[0x04, 0x22, 0x4d, 0x18], Format::Lz4),
    (&[0x02, 0x21, 0x4c, 0x18], Format::Lz4),
    // Captures: pcap in both byte orders, nanosecond and modified, and pcapng.
    (&[0xd4, 0xc3, 0xb2, 0xa1], Format::Plain),
    (&[0xa1, 0xb2, 0xc3, 0xd4], Format::Plain),
    (&[0x4d, 0x3c, 0xb2, 0xa1], Format::Plain),
    (&[0xa1, 0xb2, 0x3c, 0x4d], Format::Plain),
    (&[0x34, 0xcd, 0xb2, 0xa1], Format::Plain),
    (&[0xa1, 0xb2, 0xcd, 0x34], Format::Plain),
    (&[0x0a, 0x0d, 0x0d, 0x0a], Format::Plain),
];

const BLOCK_MAGICS: &[(&[u8], BlockCodec)] =
    &[(b"LZO", BlockCodec::Lzo), (b"LZ4", BlockCodec::Lz4), (b"SNA", BlockCodec::Snappy)];

/// Bytes of a block magic and of the first block's two size fields.
const BLOCK_PROOF_BYTES: usize = 11;

/// Skippable frames (16 magics) belong to zstd and to LZ4; only zstd's tools write one first (pzstd,
/// seekable zstd), so zstd is what is expected behind it.
fn is_skippable_frame(prefix: &[u8]) -> bool {
    matches!(prefix, [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..])
}

/// The format of the stream that starts with `prefix`; `None` while more bytes are needed. `at_end`:
/// there are no more, and an answer always comes.
pub(super) fn sniff(prefix: &[u8], at_end: bool) -> Option<Format> {
    for (magic, format) in MAGICS {
        if prefix.starts_with(magic) {
            return Some(*format);
        }
    }
    if is_skippable_frame(prefix) {
        return Some(Format::Zstd);
    }
    for (magic, codec) in BLOCK_MAGICS {
        if prefix.starts_with(magic) {
            match plausible_first_block(prefix) {
                Some(true) => return Some(Format::Blocks(*codec)),
                Some(false) => {}
                None if at_end => return Some(Format::Blocks(*codec)),
                None => return None,
            }
        }
    }
    match prefix.first_chunk::<TAR_BLOCK_BYTES>() {
        Some(block) if tar_header::is_zero(block) || tar_header::is_archive_start(block) => {
            Some(Format::Tar)
        }
        Some(_) => Some(Format::Plain),
        None => at_end.then_some(Format::Plain),
    }
}

/// Whether the size fields after a block magic can be true: a tar whose first member is named `LZO...`
/// has text there. `None`: not all bytes are there.
fn plausible_first_block(prefix: &[u8]) -> Option<bool> {
    let fields = prefix.get(3..BLOCK_PROOF_BYTES)?;
    let size = u32::from_le_bytes([fields[0], fields[1], fields[2], fields[3]]);
    let compressed = u32::from_le_bytes([fields[4], fields[5], fields[6], fields[7]]);
    let plausible = 1..=FRAMED_BLOCK_BYTES_MAX;
    Some(plausible.contains(&size) && plausible.contains(&compressed))
}

/// Whether an archive entry that starts with `head` can stand alone: it starts with the magic of a
/// capture or of a codec. `None` while more bytes are needed.
pub(super) fn starts_known(head: &[u8], at_end: bool) -> Option<bool> {
    // No more than these, so that a tar is never one, in whatever pieces its header comes.
    let head = &head[..head.len().min(STARTS_KNOWN_BYTES)];
    match sniff(head, at_end || head.len() >= STARTS_KNOWN_BYTES) {
        Some(Format::Plain) => Some(MAGICS.iter().any(|(magic, _)| head.starts_with(magic))),
        Some(_) => Some(true),
        None => None,
    }
}

/// Bytes that [`starts_known`] needs at most.
pub(super) const STARTS_KNOWN_BYTES: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_told_by_magic_at_the_shortest_prefix() {
        let check = |bytes: &[u8], length: usize, expect: Format| {
            assert_eq!(sniff(&bytes[..length], false), Some(expect), "{bytes:02x?}");
            if length > 1 {
                assert_eq!(sniff(&bytes[..length - 1], false), None, "{bytes:02x?}");
            }
        };
        for (magic, format) in MAGICS {
            check(magic, magic.len(), *format);
        }
        check(b"LZO3\x11\x00\x00\x74\x04\x00\x00", 11, Format::Blocks(BlockCodec::Lzo));
        check(b"SNA\x11\x00\x00\x00\x04\x00\x00\x00", 11, Format::Blocks(BlockCodec::Snappy));
        check(&[0x50, 0x2a, 0x4d, 0x18], 4, Format::Zstd);
        check(&[0; 512], 512, Format::Tar);
        check(&[1; 512], 512, Format::Plain);
        assert_eq!(sniff(b"LZO", true), Some(Format::Blocks(BlockCodec::Lzo)));
        assert_eq!(sniff(b"", true), Some(Format::Plain));
        let tar = [&b"name"[..], &[0; 253], b"ustar", &[0; 300]].concat();
        assert_eq!(
            (sniff(&tar, false), starts_known(&tar, false)),
            (Some(Format::Tar), Some(false))
        );
    }
}
