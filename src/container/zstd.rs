//! zstd (RFC 8878): any number of frames, skippable frames, frames without an end.
//!
//! The frames are walked here and their blocks handed to the library one at a time: the library's
//! streaming call drops what it decoded in the same call before an error, and the walk knows what a
//! frame's window costs before it is allocated.
//!
//! A frame that is at hand whole, and small, is decoded into one space instead, by the same steps of the
//! library, without the copy out of its own window. What is wrong with such a frame is found out by
//! beginning it again block by block.
//!
//! A damaged frame may refer to bytes before its window, or hold more than it says. What the library makes
//! of that hangs on the size of its buffer, so a frame's blocks always meet a buffer of the size that this
//! frame asks for, and a frame that may not fit its window is never decoded as a whole. One thing is left:
//! a reference to far before the window, into bytes that the library's buffer holds no more because it went
//! round, to the very place that is written now, gives up to 32 bytes of whatever lay in its memory. Only
//! damage in a frame without a checksum makes one, and what it gives is no byte of the capture anyhow.

use super::StreamEnd;
use super::decode::{Budget, Charge, Decode, GivenUp, Output, cut_problem};
use crate::base::limits::ZSTD_WHOLE_FRAME_BYTES_MAX;
use zstd::stream::raw::{DParameter, Decoder, InBuffer, Operation, OutBuffer};

const FRAME_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// Magic, descriptor, window, dictionary (4) and content size (8).
const FRAME_HEADER_BYTES_MAX: usize = 18;
/// Largest block (RFC 8878 section 3.1.1.2.4).
const BLOCK_BYTES_MAX: u64 = 128 << 10;
/// The library's own state beside the window, and its input buffer.
const DECODER_STATE_BYTES: u64 = 256 << 10;

enum State {
    /// Collecting a frame header, or a skippable frame's, into `head`.
    Header,
    /// Inside a skippable frame.
    Skip(u64),
    /// Collecting a block header into `head`.
    BlockHeader {
        checksum: bool,
    },
    /// Inside a block.
    Block {
        left: u64,
        last: bool,
        checksum: bool,
    },
    /// Inside the checksum behind the last block.
    Checksum(u64),
    GivenUp(GivenUp),
    Stopped,
}

/// The decoder.
pub(super) struct Zstd {
    decoder: Decoder<'static>,
    state: State,
    head: Vec<u8>,
    offset: u64,
    /// Where the header, block or checksum that is read now began: the library sees damage in it sooner
    /// or later, as its bytes come in many pieces or few.
    unit_start: u64,
    /// Window and content size of the frames that the library's buffer was made for, once there is one: it
    /// keeps a buffer that is larger than a later frame asks for.
    buffer: Option<(u64, Option<u64>)>,
    memory: Charge,
}

/// Why a step did not go on.
enum Halt {
    GivenUp(GivenUp),
    Stopped,
}

impl Zstd {
    /// Absent when the library or the budget has no memory for it.
    pub(super) fn new(budget: &Budget) -> Option<Self> {
        Some(Self {
            memory: budget.charge(DECODER_STATE_BYTES)?,
            decoder: Decoder::new().ok()?,
            state: State::Header,
            head: Vec::with_capacity(FRAME_HEADER_BYTES_MAX),
            offset: 0,
            unit_start: 0,
            buffer: None,
        })
    }

    /// Moves up to `want - head.len()` bytes into `head`; true once it holds `want`.
    fn collect(&mut self, bytes: &mut &[u8], want: usize) -> bool {
        let take = want.saturating_sub(self.head.len()).min(bytes.len());
        self.head.extend_from_slice(&bytes[..take]);
        *bytes = &bytes[take..];
        self.offset += take as u64;
        self.head.len() >= want
    }

    /// Damage in the unit that is read now: it is lost from its beginning on.
    fn damaged(&self, detail: impl Into<String>) -> Halt {
        let mut given_up = GivenUp::damaged(self.unit_start, detail);
        given_up.dropped = self.offset - self.unit_start;
        Halt::GivenUp(given_up)
    }

    /// Feeds the library all of `bytes`.
    fn feed(&mut self, bytes: &[u8], output: &mut Output<'_>) -> Result<(), Halt> {
        let mut input = InBuffer::around(bytes);
        loop {
            let before = input.pos();
            let mut space = OutBuffer::around(&mut *output.window);
            let result = self.decoder.run(&mut input, &mut space);
            let (made, full) = (space.pos(), space.pos() == space.capacity());
            if let Err(error) = result {
                let detail = format!("zstd frame is damaged: {error}");
                return Err(self.damaged(detail));
            }
            if !output.emit_window(made) {
                return Err(Halt::Stopped);
            }
            let moved = input.pos() > before || made > 0;
            if (input.pos() >= bytes.len() && !full) || !moved {
                return Ok(());
            }
        }
    }

    /// Decodes the frame that `bytes` begin with, when it is whole, small and sound; absent, and nothing
    /// done, when it is not.
    fn whole_frame(
        &mut self,
        bytes: &mut &[u8],
        output: &mut Output<'_>,
    ) -> Option<Result<(), Halt>> {
        let frame = WholeFrame::at_front(bytes)?;
        let as_blocks = frame.window.saturating_add(2 * BLOCK_BYTES_MAX);
        let wanted = as_blocks.max(frame.decoded_max as u64) + DECODER_STATE_BYTES;
        if !self.memory.grow_to(wanted) {
            return None;
        }
        if output.frame.len() < frame.decoded_max {
            output.frame.resize(frame.decoded_max, 0);
        }
        self.decoder.set_parameter(DParameter::StableOutBuffer(true)).ok()?;
        let space = output.frame.get_mut(..frame.decoded_max).unwrap_or_default();
        let made = self.run_whole(frame.parts, space);
        self.decoder.reinit().ok()?;
        self.decoder.set_parameter(DParameter::StableOutBuffer(false)).ok()?;
        // The library does not look at the content size behind a last block that is empty. Block by block it
        // has no room for more.
        let made = made.filter(|made| frame.content.is_none_or(|size| size == *made as u64))?;
        let stored = frame.parts[0].len() + frame.parts[1].len();
        *bytes = &bytes[stored..];
        self.offset += stored as u64;
        let decoded = output.frame.get(..made).unwrap_or_default();
        let goes_on = decoded.is_empty() || (output.emit)(decoded);
        Some(if goes_on { Ok(()) } else { Err(Halt::Stopped) })
    }

    /// Feeds the library the parts of a frame; gives how many bytes it made of a sound one.
    fn run_whole(&mut self, parts: [&[u8]; 2], space: &mut [u8]) -> Option<usize> {
        let mut space = OutBuffer::around(space);
        let mut missing = usize::MAX;
        for part in parts {
            let mut input = InBuffer::around(part);
            while input.pos() < part.len() {
                let before = input.pos();
                missing = self.decoder.run(&mut input, &mut space).ok()?;
                if input.pos() == before {
                    return None;
                }
            }
        }
        (missing == 0).then(|| space.pos())
    }

    /// Feeds the library what was collected.
    fn feed_head(&mut self, output: &mut Output<'_>) -> Result<(), Halt> {
        let head = std::mem::take(&mut self.head);
        let result = self.feed(&head, output);
        self.head = head;
        self.head.clear();
        result
    }

    /// Works on `bytes` until a state is done or they are used up.
    fn step(&mut self, bytes: &mut &[u8], output: &mut Output<'_>) -> Result<(), Halt> {
        if self.head.is_empty() && matches!(self.state, State::Header | State::BlockHeader { .. }) {
            self.unit_start = self.offset;
        }
        match self.state {
            State::Header => {
                if self.head.is_empty()
                    && let Some(result) = self.whole_frame(bytes, output)
                {
                    return result;
                }
                self.header(bytes, output)
            }
            State::Skip(left) => {
                let take = self.take(bytes, left).len() as u64;
                self.state = if take == left { State::Header } else { State::Skip(left - take) };
                Ok(())
            }
            State::BlockHeader { checksum } => {
                if !self.collect(bytes, 3) {
                    return Ok(());
                }
                let raw = u32::from_le_bytes([self.head[0], self.head[1], self.head[2], 0]);
                // Type 1 repeats one byte; `size` is then the decoded size (section 3.1.1.2.2).
                let stored = if (raw >> 1) & 3 == 1 { 1 } else { u64::from(raw >> 3) };
                if stored > BLOCK_BYTES_MAX {
                    return Err(self.damaged("zstd frame is damaged: a block is too large"));
                }
                self.state = State::Block { left: stored, last: raw & 1 == 1, checksum };
                self.feed_head(output)?;
                self.end_of_block();
                Ok(())
            }
            State::Block { left, last, checksum } => {
                // Whole: of a damaged one the library would give more or less as its bytes come.
                if self.head.is_empty() && bytes.len() as u64 >= left {
                    let block = self.take(bytes, left);
                    self.feed(block, output)?;
                } else {
                    // At most 128 KiB, as the block's header was looked at.
                    if !self.collect(bytes, left as usize) {
                        return Ok(());
                    }
                    self.feed_head(output)?;
                }
                self.state = State::Block { left: 0, last, checksum };
                self.end_of_block();
                Ok(())
            }
            State::Checksum(left) => {
                let part = self.take(bytes, left);
                let left = left - part.len() as u64;
                self.state = if left == 0 { State::Header } else { State::Checksum(left) };
                self.feed(part, output)
            }
            State::GivenUp(_) | State::Stopped => Ok(()),
        }
    }

    /// Cuts up to `left` bytes off the front.
    fn take<'b>(&mut self, bytes: &mut &'b [u8], left: u64) -> &'b [u8] {
        let take = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
        let (front, rest) = bytes.split_at(take);
        *bytes = rest;
        self.offset += take as u64;
        front
    }

    fn end_of_block(&mut self) {
        if let State::Block { left: 0, last, checksum } = self.state {
            self.unit_start = self.offset;
            self.state = match (last, checksum) {
                (false, _) => State::BlockHeader { checksum },
                (true, true) => State::Checksum(4),
                (true, false) => State::Header,
            };
        }
    }

    fn header(&mut self, bytes: &mut &[u8], output: &mut Output<'_>) -> Result<(), Halt> {
        if !self.collect(bytes, 4) {
            return Ok(());
        }
        if matches!(self.head[..4], [0x50..=0x5f, 0x2a, 0x4d, 0x18]) {
            if self.collect(bytes, 8) {
                let size = [self.head[4], self.head[5], self.head[6], self.head[7]];
                let size = u64::from(u32::from_le_bytes(size));
                self.state = if size == 0 { State::Header } else { State::Skip(size) };
                self.head.clear();
            }
            return Ok(());
        }
        if self.head[..4] != FRAME_MAGIC {
            return Err(self.damaged("bytes that are no zstd frame follow"));
        }
        if !self.collect(bytes, 5) || !self.collect(bytes, header_bytes(self.head[4])) {
            return Ok(());
        }
        let window = window_bytes(&self.head);
        let wanted = window.saturating_add(2 * BLOCK_BYTES_MAX + DECODER_STATE_BYTES);
        if !self.memory.grow_to(wanted) {
            let detail = format!("zstd frame wants a window of {window} bytes");
            return Err(Halt::GivenUp(GivenUp::limit(self.offset, detail)));
        }
        let buffer = (window, content_bytes(&self.head));
        if self.buffer.is_some_and(|made_for| made_for != buffer) {
            let Ok(decoder) = Decoder::new() else {
                let detail = "no memory left for another decoder";
                return Err(Halt::GivenUp(GivenUp::limit(self.offset, detail)));
            };
            self.decoder = decoder;
        }
        self.buffer = Some(buffer);
        self.state = State::BlockHeader { checksum: self.head[4] & 4 != 0 };
        self.feed_head(output)
    }
}

/// A frame whose bytes are all at hand.
struct WholeFrame<'a> {
    window: u64,
    /// How many bytes should come out; absent where it does not say.
    content: Option<u64>,
    /// At most so many bytes come out.
    decoded_max: usize,
    /// The header, and what stands behind it: the library judges a frame that it is given at once by
    /// other rules.
    parts: [&'a [u8]; 2],
}

impl<'a> WholeFrame<'a> {
    /// The frame at the front of `bytes`; absent when it is not whole, is larger than its window, or is odd.
    fn at_front(bytes: &'a [u8]) -> Option<Self> {
        let (magic, rest) = bytes.split_first_chunk::<4>()?;
        let descriptor = *rest.first()?;
        let header = bytes.get(..header_bytes(descriptor))?;
        let window = window_bytes(header);
        if *magic != FRAME_MAGIC || window > ZSTD_WHOLE_FRAME_BYTES_MAX {
            return None;
        }
        // Block by block nothing that lies before the window can be relied on. A single segment has no
        // more than its window.
        let is_single = descriptor & 0x20 != 0;
        let most = if is_single { ZSTD_WHOLE_FRAME_BYTES_MAX } else { window };
        let block_max = window.min(BLOCK_BYTES_MAX);
        let (mut end, mut decoded_max) = (header.len(), 0);
        loop {
            let [low, middle, high] = *bytes.get(end..)?.first_chunk()?;
            let raw = u32::from_le_bytes([low, middle, high, 0]);
            let size = u64::from(raw >> 3);
            let (stored, decoded) = match (raw >> 1) & 3 {
                0 => (size, size),
                1 => (1, size),
                2 => (size, block_max),
                _ => return None,
            };
            decoded_max += decoded;
            let is_odd = stored > block_max || decoded > block_max;
            if is_odd || decoded_max > most {
                return None;
            }
            // Both are far below 32 bits.
            end += 3 + stored as usize;
            if raw & 1 == 1 {
                break;
            }
        }
        let has_checksum = descriptor & 4 != 0;
        let whole = bytes.get(..end + if has_checksum { 4 } else { 0 })?;
        let parts = whole.split_at_checked(header.len())?.into();
        let content = content_bytes(header);
        Some(Self { window, content, decoded_max: decoded_max as usize, parts })
    }
}

/// Length of a frame header, magic included, from its descriptor (section 3.1.1.1.1).
fn header_bytes(descriptor: u8) -> usize {
    let single = descriptor & 0x20 != 0;
    let content_size = match (descriptor >> 6, single) {
        (0, false) => 0,
        (0, true) => 1,
        (1, _) => 2,
        (2, _) => 4,
        _ => 8,
    };
    let dictionary = [0, 1, 2, 4][usize::from(descriptor & 3)];
    5 + usize::from(!single) + dictionary + content_size
}

/// Window that a complete frame header asks for (section 3.1.1.1.2); the content size when the frame
/// is a single segment.
fn window_bytes(head: &[u8]) -> u64 {
    let Some(&descriptor) = head.get(4) else { return 0 };
    if descriptor & 0x20 == 0 {
        let Some(&window) = head.get(5) else { return 0 };
        let base = 1u64 << (10 + (window >> 3));
        return base + (base >> 3) * u64::from(window & 7);
    }
    content_bytes(head).unwrap_or(0)
}

/// Content size that a complete frame header says (section 3.1.1.1.4); absent when it says none.
fn content_bytes(head: &[u8]) -> Option<u64> {
    let descriptor = *head.get(4)?;
    let single = descriptor & 0x20 != 0;
    let start = 5 + usize::from(!single) + [0, 1, 2, 4][usize::from(descriptor & 3)];
    let field = head.get(start..).filter(|field| !field.is_empty())?;
    let mut wide = [0; 8];
    let length = field.len().min(8);
    wide[..length].copy_from_slice(&field[..length]);
    // Two bytes leave out what one can say.
    let base = if length == 2 { 256 } else { 0 };
    Some(u64::from_le_bytes(wide).saturating_add(base))
}

impl Decode for Zstd {
    fn push(&mut self, mut bytes: &[u8], output: &mut Output<'_>) {
        while !bytes.is_empty() {
            match &mut self.state {
                State::GivenUp(given_up) => {
                    given_up.dropped += bytes.len() as u64;
                    return;
                }
                State::Stopped => return,
                _ => match self.step(&mut bytes, output) {
                    Ok(()) => {}
                    Err(Halt::GivenUp(given_up)) => self.state = State::GivenUp(given_up),
                    Err(Halt::Stopped) => self.state = State::Stopped,
                },
            }
        }
    }

    fn finish(&mut self, output: &mut Output<'_>) -> StreamEnd {
        // Of a block that the bytes end in, what is there.
        if matches!(self.state, State::Block { .. }) && !self.head.is_empty() {
            match self.feed_head(output) {
                Ok(()) => {}
                Err(Halt::GivenUp(given_up)) => self.state = State::GivenUp(given_up),
                Err(Halt::Stopped) => self.state = State::Stopped,
            }
        }
        match &self.state {
            State::Header if self.head.is_empty() => StreamEnd::Complete,
            State::Stopped => StreamEnd::Complete,
            State::GivenUp(given_up) => {
                output.problems.push(given_up.problem());
                StreamEnd::Cut
            }
            _ => {
                output.problems.push(cut_problem(self.offset, "zstd frame has no end"));
                StreamEnd::Cut
            }
        }
    }
}
