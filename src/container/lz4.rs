//! The LZ4 frame format: frames with independent or linked blocks, legacy frames, skippable frames.
//!
//! The frames are walked here and the blocks handed to the library: its frame reader pulls from a
//! reader, and it cannot go on when bytes come in pieces. Checksums are stepped over, not verified:
//! a wrong byte inside a capture is what the capture parser has to live with anyway.

use super::StreamEnd;
use super::decode::{Charge, Decode, GivenUp, Output, cut_problem};

/// Two buffers of the largest block (8 MiB in a legacy frame) would be wasteful to reserve for every
/// small entry; this is what blocks of up to 4 MiB need, input, output and history.
pub(super) const LZ4_MEMORY_BYTES: u64 = (2 * (4 << 20)) + (64 << 10);

const FRAME_MAGIC: u32 = 0x184d_2204;
const LEGACY_MAGIC: u32 = 0x184c_2102;
/// Blocks of a legacy frame decode to at most this.
const LEGACY_BLOCK_BYTES: usize = 8 << 20;
/// How far back a linked block may refer.
const HISTORY_BYTES: usize = 64 << 10;
/// Top bit of a block size: the block is stored as it is.
const STORED_BIT: u32 = 0x8000_0000;

/// What a frame's header says.
#[derive(Clone, Copy, Debug)]
struct Frame {
    block_bytes_max: usize,
    linked: bool,
    block_checksums: bool,
    content_checksum: bool,
    legacy: bool,
}

enum State {
    /// A frame's magic comes next.
    Magic,
    /// The descriptor of a frame comes next.
    Descriptor,
    /// The size of a skippable frame comes next.
    SkipSize,
    Skip(u64),
    BlockSize(Frame),
    Block {
        frame: Frame,
        length: usize,
        stored: bool,
    },
    /// The checksum behind the last block comes next.
    ContentChecksum,
    GivenUp(GivenUp),
    Stopped,
}

/// The decoder.
pub(super) struct Lz4 {
    state: State,
    /// A part of what the state waits for.
    pending: Vec<u8>,
    /// Decoded bytes of one block.
    decoded: Vec<u8>,
    /// The last decoded bytes of the frame.
    history: Vec<u8>,
    offset: u64,
    _memory: Charge,
}

impl Lz4 {
    pub(super) fn new(memory: Charge) -> Self {
        Self {
            state: State::Magic,
            pending: Vec::new(),
            decoded: Vec::new(),
            history: Vec::new(),
            offset: 0,
            _memory: memory,
        }
    }

    /// How many bytes the state needs at once; for a descriptor, as far as `have` tells.
    fn needed(&self, have: &[u8]) -> usize {
        match &self.state {
            State::Magic | State::SkipSize | State::BlockSize(_) | State::ContentChecksum => 4,
            State::Descriptor => have.first().map_or(1, |flags| {
                let content_size = if flags & 0x08 != 0 { 8 } else { 0 };
                let dictionary = if flags & 0x01 != 0 { 4 } else { 0 };
                3 + content_size + dictionary
            }),
            State::Block { frame, length, .. } => {
                length + if frame.block_checksums { 4 } else { 0 }
            }
            State::Skip(_) | State::GivenUp(_) | State::Stopped => 0,
        }
    }

    /// Takes what the state needed.
    fn step(&mut self, part: &[u8], output: &mut Output<'_>) {
        let word = part.first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes));
        match self.state {
            State::Magic => self.magic(word),
            State::SkipSize if word == 0 => self.end_frame(),
            State::SkipSize => self.state = State::Skip(u64::from(word)),
            State::Descriptor => self.descriptor(part),
            State::BlockSize(frame) => self.block_size(frame, word),
            State::Block { frame, length, stored } => {
                self.block(frame, &part[..length.min(part.len())], stored, output);
            }
            State::ContentChecksum => self.end_frame(),
            State::Skip(_) | State::GivenUp(_) | State::Stopped => {}
        }
    }

    fn magic(&mut self, word: u32) {
        self.state = match word {
            FRAME_MAGIC => State::Descriptor,
            LEGACY_MAGIC => State::BlockSize(Frame {
                block_bytes_max: LEGACY_BLOCK_BYTES,
                linked: false,
                block_checksums: false,
                content_checksum: false,
                legacy: true,
            }),
            0x184d_2a50..=0x184d_2a5f => State::SkipSize,
            _ => {
                let start = self.offset.saturating_sub(4);
                let mut given_up = GivenUp::damaged(start, "bytes that are no LZ4 frame follow");
                given_up.dropped = 4;
                State::GivenUp(given_up)
            }
        };
    }

    fn end_frame(&mut self) {
        self.history.clear();
        self.state = State::Magic;
    }

    fn descriptor(&mut self, part: &[u8]) {
        let (flags, sizes) = (part[0], part.get(1).copied().unwrap_or(0));
        let block_bytes_max = match (sizes >> 4) & 7 {
            4 => 64 << 10,
            5 => 256 << 10,
            6 => 1 << 20,
            7 => 4 << 20,
            _ => 0,
        };
        if flags >> 6 != 1 || block_bytes_max == 0 || flags & 0x01 != 0 {
            let detail = "LZ4 frame of another version, or with a dictionary";
            self.state = State::GivenUp(GivenUp::unsupported(self.offset, detail));
            return;
        }
        self.state = State::BlockSize(Frame {
            block_bytes_max,
            linked: flags & 0x20 == 0,
            block_checksums: flags & 0x10 != 0,
            content_checksum: flags & 0x04 != 0,
            legacy: false,
        });
    }

    fn block_size(&mut self, frame: Frame, word: u32) {
        if frame.legacy && matches!(word, FRAME_MAGIC | LEGACY_MAGIC) {
            self.end_frame();
            self.magic(word);
            return;
        }
        if !frame.legacy && word == 0 {
            if frame.content_checksum {
                self.state = State::ContentChecksum;
            } else {
                self.end_frame();
            }
            return;
        }
        let length = if frame.legacy { word } else { word & !STORED_BIT } as usize;
        // A legacy block that does not compress grows a little (LZ4_COMPRESSBOUND).
        let allowed =
            frame.block_bytes_max + if frame.legacy { frame.block_bytes_max / 255 + 16 } else { 0 };
        if length > allowed || (frame.legacy && length == 0) {
            let detail = "LZ4 block larger than its frame allows";
            self.state = State::GivenUp(GivenUp::damaged(self.offset, detail));
            return;
        }
        let stored = !frame.legacy && word & STORED_BIT != 0;
        self.state = State::Block { frame, length, stored };
    }

    fn block(&mut self, frame: Frame, data: &[u8], stored: bool, output: &mut Output<'_>) {
        self.state = State::BlockSize(frame);
        let made = if stored {
            data
        } else {
            self.decoded.resize(frame.block_bytes_max, 0);
            let history: &[u8] = if frame.linked { &self.history } else { &[] };
            match lz4_flex::block::decompress_into_with_dict(data, &mut self.decoded, history) {
                Ok(made) => &self.decoded[..made.min(frame.block_bytes_max)],
                Err(error) => {
                    let detail = format!("LZ4 block is damaged: {error}");
                    self.state = State::GivenUp(GivenUp::damaged(self.offset, detail));
                    return;
                }
            }
        };
        if !made.is_empty() && !(output.emit)(made) {
            self.state = State::Stopped;
            return;
        }
        if frame.linked {
            self.history.extend_from_slice(&made[made.len().saturating_sub(HISTORY_BYTES)..]);
            let excess = self.history.len().saturating_sub(HISTORY_BYTES);
            self.history.drain(..excess);
        }
    }
}

impl Decode for Lz4 {
    fn push(&mut self, mut bytes: &[u8], output: &mut Output<'_>) {
        while !bytes.is_empty() {
            match &mut self.state {
                State::Stopped => return,
                State::GivenUp(given_up) => {
                    given_up.dropped += bytes.len() as u64;
                    return;
                }
                State::Skip(left) => {
                    let take = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                    bytes = &bytes[take..];
                    self.offset += take as u64;
                    *left -= take as u64;
                    if *left == 0 {
                        self.end_frame();
                    }
                    continue;
                }
                _ => {}
            }
            let front: &[u8] = if self.pending.is_empty() { bytes } else { &self.pending };
            let needed = self.needed(front);
            if self.pending.is_empty() && bytes.len() >= needed {
                let (part, rest) = bytes.split_at(needed);
                bytes = rest;
                self.offset += needed as u64;
                self.step(part, output);
                continue;
            }
            let take = needed.saturating_sub(self.pending.len()).min(bytes.len());
            self.pending.extend_from_slice(&bytes[..take]);
            self.offset += take as u64;
            bytes = &bytes[take..];
            // A descriptor tells only with its first byte how long it is.
            if self.pending.len() >= self.needed(&self.pending) {
                let pending = std::mem::take(&mut self.pending);
                self.step(&pending, output);
            }
        }
    }

    fn finish(&mut self, output: &mut Output<'_>) -> StreamEnd {
        match &self.state {
            State::Magic if self.pending.is_empty() => StreamEnd::Complete,
            // A legacy frame has no end mark.
            State::BlockSize(frame) if frame.legacy && self.pending.is_empty() => {
                StreamEnd::Complete
            }
            State::Stopped => StreamEnd::Complete,
            State::GivenUp(given_up) => {
                output.problems.push(given_up.problem());
                StreamEnd::Cut
            }
            _ => {
                output.problems.push(cut_problem(self.offset, "LZ4 frame has no end"));
                StreamEnd::Cut
            }
        }
    }
}
