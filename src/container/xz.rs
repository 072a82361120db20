//! xz: any number of streams, stream padding, cut off or followed by something else.

use super::StreamEnd;
use super::decode::{Budget, Charge, Decode, GivenUp, Output, cut_problem};
use liblzma::stream::{Action, Error, Status, Stream};

/// Memory that a stream may use at first; raised as far as the budget goes when it asks for more, so
/// that many small entries do not reserve what only `xz -9` needs.
const MEMORY_BYTES_FIRST: u64 = 1 << 20;

enum State {
    /// Before a stream; true once one was read.
    Between(bool),
    /// Inside a stream.
    Stream,
    GivenUp(GivenUp),
    Stopped,
}

/// The decoder. Streams are told apart here instead of by the library's CONCATENATED flag, so that
/// what follows the last one is a problem of its own.
pub(super) struct Xz {
    stream: Stream,
    state: State,
    offset: u64,
    memory: Charge,
}

impl Xz {
    /// Absent when the library or the budget has no memory for it.
    pub(super) fn new(budget: &Budget) -> Option<Self> {
        let memory = budget.charge(MEMORY_BYTES_FIRST)?;
        let stream = Stream::new_stream_decoder(MEMORY_BYTES_FIRST, 0).ok()?;
        Some(Self { stream, state: State::Between(false), offset: 0, memory })
    }

    /// Raises the memory limit until the stream is content; `false` when the budget is used up.
    fn raise_memory(&mut self) -> bool {
        let mut limit = self.stream.memlimit();
        loop {
            limit = limit.saturating_mul(2).max(MEMORY_BYTES_FIRST);
            if !self.memory.grow_to(limit) {
                return false;
            }
            match self.stream.set_memlimit(limit) {
                Ok(()) => return true,
                Err(Error::MemLimit) => {}
                Err(_) => return false,
            }
        }
    }

    /// Decodes part of a stream; returns how many bytes were used.
    fn stream(&mut self, bytes: &[u8], output: &mut Output<'_>) -> (usize, bool) {
        let (before_in, before_out) = (self.stream.total_in(), self.stream.total_out());
        let result = self.stream.process(bytes, output.window, Action::Run);
        let used = delta(self.stream.total_in(), before_in).min(bytes.len());
        let made = delta(self.stream.total_out(), before_out);
        self.offset += used as u64;
        if !output.emit_window(made) {
            self.state = State::Stopped;
            return (bytes.len(), false);
        }
        let mut again = made > 0;
        match result {
            Ok(Status::StreamEnd) => {
                self.state = State::Between(true);
                again = true;
            }
            Ok(_) => {}
            Err(Error::MemLimit) if self.raise_memory() => again = true,
            Err(Error::MemLimit) => {
                let detail = "xz stream wants more memory than is allowed";
                self.state = State::GivenUp(GivenUp::limit(self.offset, detail));
            }
            Err(Error::Options) => {
                let detail = "xz stream uses options that are not decoded";
                self.state = State::GivenUp(GivenUp::unsupported(self.offset, detail));
            }
            Err(error) => {
                let detail = format!("xz stream is damaged: {error}");
                self.state = State::GivenUp(GivenUp::damaged(self.offset, detail));
            }
        }
        (used, again)
    }

    /// Starts the next stream; the limit that was granted stays.
    fn next_stream(&mut self) -> State {
        match Stream::new_stream_decoder(self.stream.memlimit(), 0) {
            Ok(stream) => {
                self.stream = stream;
                State::Stream
            }
            Err(_) => State::GivenUp(GivenUp::limit(self.offset, "no memory for an xz stream")),
        }
    }
}

/// A difference of counters as a length.
fn delta(after: u64, before: u64) -> usize {
    usize::try_from(after.saturating_sub(before)).unwrap_or(usize::MAX)
}

impl Decode for Xz {
    fn push(&mut self, mut bytes: &[u8], output: &mut Output<'_>) {
        loop {
            match &mut self.state {
                State::Between(any) => match bytes.first() {
                    None => return,
                    Some(0xfd) => {
                        self.state = if *any { self.next_stream() } else { State::Stream };
                    }
                    Some(0) => {
                        bytes = &bytes[1..];
                        self.offset += 1;
                    }
                    Some(_) => {
                        let detail = "bytes that are no xz stream follow the last one";
                        self.state = State::GivenUp(GivenUp::damaged(self.offset, detail));
                    }
                },
                State::Stream => {
                    let (used, again) = self.stream(bytes, output);
                    bytes = &bytes[used..];
                    if matches!(self.state, State::Stream) && used == 0 && !again {
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
            State::Stream => {
                output.problems.push(cut_problem(self.offset, "xz stream has no end"));
                StreamEnd::Cut
            }
            State::GivenUp(given_up) => {
                output.problems.push(given_up.problem());
                StreamEnd::Cut
            }
        }
    }
}
