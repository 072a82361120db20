//! gzip (RFC 1952): any number of members, cut off or followed by something else.

use super::StreamEnd;
use super::decode::{Charge, Decode, GivenUp, Output, cut_problem};
use flate2::{Decompress, FlushDecompress, Status};

/// Memory of one inflate state: the 32 KiB window and its tables, rounded up.
pub(super) const GZIP_MEMORY_BYTES: u64 = 64 << 10;

/// Base-2 logarithm of the largest deflate window; RFC 1951 allows no larger.
const WINDOW_BITS: u8 = 15;

enum State {
    /// Before a member; true once one was read.
    Between(bool),
    /// Inside a member that began at this offset.
    Member(u64),
    /// After damage or trailing bytes.
    GivenUp(GivenUp),
    /// Nobody wants more.
    Stopped,
}

/// The decoder. The raw inflate interface is used, not a reader, because bytes are pushed and what was
/// decoded before an error must come out.
pub(super) struct Gzip {
    inflate: Decompress,
    state: State,
    offset: u64,
    _memory: Charge,
}

impl Gzip {
    pub(super) fn new(memory: Charge) -> Self {
        Self {
            inflate: Decompress::new_gzip(WINDOW_BITS),
            state: State::Between(false),
            offset: 0,
            _memory: memory,
        }
    }

    /// Inflates part of a member; returns how many bytes were used.
    fn member(&mut self, start: u64, bytes: &[u8], output: &mut Output<'_>) -> usize {
        let (before_in, before_out) = (self.inflate.total_in(), self.inflate.total_out());
        let result = self.inflate.decompress(bytes, output.window, FlushDecompress::None);
        let used = delta(self.inflate.total_in(), before_in).min(bytes.len());
        let made = delta(self.inflate.total_out(), before_out);
        self.offset += used as u64;
        if !output.emit_window(made) {
            self.state = State::Stopped;
            return bytes.len();
        }
        match result {
            Ok(Status::StreamEnd) => self.state = State::Between(true),
            Ok(Status::Ok | Status::BufError) => {}
            // The library's own words depend on how it was fed.
            Err(_) => {
                let detail = format!("gzip member at {start} is damaged");
                self.state = State::GivenUp(GivenUp::damaged(self.offset, detail));
            }
        }
        used
    }
}

/// A difference of counters as a length.
fn delta(after: u64, before: u64) -> usize {
    usize::try_from(after.saturating_sub(before)).unwrap_or(usize::MAX)
}

impl Decode for Gzip {
    fn push(&mut self, mut bytes: &[u8], output: &mut Output<'_>) {
        loop {
            match &mut self.state {
                State::Between(any) => match bytes.first() {
                    None => return,
                    Some(0x1f) => {
                        if *any {
                            self.inflate.reset(true);
                        }
                        self.state = State::Member(self.offset);
                    }
                    // Zero padding up to a block size is what tapes and some tools leave.
                    Some(0) => {
                        bytes = &bytes[1..];
                        self.offset += 1;
                    }
                    Some(_) => {
                        let detail = "bytes that are no gzip member follow the last one";
                        self.state = State::GivenUp(GivenUp::damaged(self.offset, detail));
                    }
                },
                State::Member(start) => {
                    let start = *start;
                    let before = self.inflate.total_out();
                    let used = self.member(start, bytes, output);
                    bytes = &bytes[used..];
                    let made = self.inflate.total_out() != before;
                    if matches!(self.state, State::Member(_)) && used == 0 && !made {
                        return;
                    }
                }
                State::GivenUp(given_up) => {
                    given_up.dropped += bytes.len() as u64;
                    return;
                }
                State::Stopped => return,
            }
        }
    }

    fn finish(&mut self, output: &mut Output<'_>) -> StreamEnd {
        match &self.state {
            State::Between(_) | State::Stopped => StreamEnd::Complete,
            State::Member(_) => {
                output.problems.push(cut_problem(self.offset, "gzip member has no end"));
                StreamEnd::Cut
            }
            State::GivenUp(given_up) => {
                output.problems.push(given_up.problem());
                StreamEnd::Cut
            }
        }
    }
}
