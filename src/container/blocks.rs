//! The sniffer's own block framing: "LZO", "LZ4" or "SNA", then blocks of two sizes and data.
//!
//! Each block is `u32` plain size, `u32` compressed size, both little-endian, and the raw block
//! (facts G). The plain size is an upper bound only: one write of more than 8 KiB becomes several
//! blocks that all carry the size of the whole write (run section 3).

use super::StreamEnd;
use super::decode::{Charge, Decode, GivenUp, Output, Problem, cut_problem};
use super::sniff::BlockCodec;
use crate::base::limits::FRAMED_BLOCK_BYTES_MAX;
use crate::base::{LossKind, NoteKind};

/// Three letters before the first block.
const MAGIC_BYTES: usize = 3;
/// The two size fields.
const HEADER_BYTES: usize = 8;

enum State {
    Reading,
    GivenUp(GivenUp),
    Stopped,
}

/// The decoder.
pub(super) struct Blocks {
    codec: BlockCodec,
    state: State,
    /// Magic, or header and block, that came in parts.
    pending: Vec<u8>,
    /// Whether the magic is behind us.
    started: bool,
    offset: u64,
    /// What `pending` holds: many streams of pieces may be open at once.
    memory: Charge,
}

/// What the front of the bytes is.
enum Front {
    /// A header and its block of this many bytes together, with these sizes.
    Block { length: usize, size: usize },
    /// More bytes are needed, this many in all.
    Short(usize),
    /// Sizes that cannot be.
    Impossible,
}

impl Blocks {
    pub(super) fn new(codec: BlockCodec, memory: Charge) -> Self {
        Self {
            codec,
            state: State::Reading,
            pending: Vec::new(),
            started: false,
            offset: 0,
            memory,
        }
    }

    /// Keeps a part of a block until the rest comes.
    fn keep(&mut self, part: &[u8]) {
        if self.memory.grow_to((self.pending.len() + part.len()) as u64) {
            self.pending.extend_from_slice(part);
            return;
        }
        let mut given_up = GivenUp::limit(self.offset, "no memory left for a part of a block");
        given_up.dropped = (self.pending.len() + part.len()) as u64;
        self.pending = Vec::new();
        self.state = State::GivenUp(given_up);
    }

    /// Decodes what is whole at the front of `bytes`; returns how much that was.
    fn whole_blocks(&mut self, bytes: &[u8], output: &mut Output<'_>) -> usize {
        let mut at = 0;
        if !self.started {
            if bytes.len() < MAGIC_BYTES {
                return 0;
            }
            self.started = true;
            at = MAGIC_BYTES;
        }
        loop {
            let rest = &bytes[at..];
            match front(rest) {
                Front::Short(_) => return at,
                Front::Impossible => {
                    let detail = "block sizes cannot be";
                    let offset = self.offset + at as u64;
                    let mut given_up = GivenUp::damaged(offset, detail);
                    given_up.dropped = rest.len() as u64;
                    self.state = State::GivenUp(given_up);
                    return bytes.len();
                }
                Front::Block { length, size } => {
                    let offset = self.offset + at as u64;
                    if !self.block(&rest[HEADER_BYTES..length], size, offset, output) {
                        self.state = State::Stopped;
                        return bytes.len();
                    }
                    at += length;
                }
            }
        }
    }

    /// Decodes one block; a damaged one is stepped over, its length is known. `false`: no more is
    /// wanted.
    fn block(&mut self, data: &[u8], size: usize, offset: u64, output: &mut Output<'_>) -> bool {
        let mut large = Vec::new();
        let fits = size <= output.window.len();
        if !fits {
            // Rare: one write that was larger than the window.
            large.resize(size, 0);
        }
        let space = if fits { &mut output.window[..size] } else { &mut large[..] };
        match decode_block(self.codec, data, space) {
            Some(made) if fits => output.emit_window(made),
            Some(made) => made == 0 || (output.emit)(&large[..made.min(size)]),
            None => {
                output.problems.push(Problem {
                    note: NoteKind::Damaged,
                    loss: Some((LossKind::Damaged, data.len() as u64)),
                    offset,
                    detail: format!("block of {} bytes does not decode; skipped", data.len()),
                });
                true
            }
        }
    }
}

fn front(bytes: &[u8]) -> Front {
    let Some(header) = bytes.first_chunk::<HEADER_BYTES>() else {
        return Front::Short(HEADER_BYTES);
    };
    let size = u32::from_le_bytes([header[0], header[1], header[2], header[3]]);
    let compressed = u32::from_le_bytes([header[4], header[5], header[6], header[7]]);
    let plausible = 1..=FRAMED_BLOCK_BYTES_MAX;
    if !plausible.contains(&size) || !plausible.contains(&compressed) {
        return Front::Impossible;
    }
    let length = HEADER_BYTES + compressed as usize;
    if bytes.len() < length {
        Front::Short(length)
    } else {
        Front::Block { length, size: size as usize }
    }
}

/// Decodes one raw block into `space`; absent when it is damaged.
fn decode_block(codec: BlockCodec, data: &[u8], space: &mut [u8]) -> Option<usize> {
    match codec {
        BlockCodec::Lzo => lzokay::decompress::decompress(data, space).ok(),
        BlockCodec::Lz4 => lz4_flex::block::decompress_into(data, space).ok(),
        BlockCodec::Snappy => snap::raw::Decoder::new().decompress(data, space).ok(),
    }
}

impl Decode for Blocks {
    fn push(&mut self, mut bytes: &[u8], output: &mut Output<'_>) {
        while !bytes.is_empty() {
            match &mut self.state {
                State::Stopped => return,
                State::GivenUp(given_up) => {
                    given_up.dropped += bytes.len() as u64;
                    return;
                }
                State::Reading => {}
            }
            if self.pending.is_empty() {
                let used = self.whole_blocks(bytes, output);
                self.offset += used as u64;
                self.keep(&bytes[used..]);
                return;
            }
            let needed = match front(&self.pending) {
                _ if !self.started => MAGIC_BYTES,
                Front::Short(needed) => needed,
                Front::Block { .. } | Front::Impossible => self.pending.len(),
            };
            let take = needed.saturating_sub(self.pending.len()).min(bytes.len());
            self.keep(&bytes[..take]);
            bytes = &bytes[take..];
            if self.pending.len() >= needed {
                let mut pending = std::mem::take(&mut self.pending);
                let used = self.whole_blocks(&pending, output);
                self.offset += used as u64;
                pending.drain(..used);
                self.pending = pending;
            }
        }
    }

    fn finish(&mut self, output: &mut Output<'_>) -> StreamEnd {
        match &self.state {
            State::GivenUp(given_up) => {
                output.problems.push(given_up.problem());
                StreamEnd::Cut
            }
            State::Reading if !self.pending.is_empty() => {
                let mut cut = cut_problem(self.offset, "ends inside a block");
                cut.loss = Some((LossKind::CutTail, self.pending.len() as u64));
                output.problems.push(cut);
                StreamEnd::Cut
            }
            State::Reading | State::Stopped => StreamEnd::Complete,
        }
    }
}
