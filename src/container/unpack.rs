//! The unpacker: a tree of streams, each sniffed, decoded, walked or handed out.
//!
//! In: a file's bytes in pieces of any size. Out: calls of a [`ContainerSink`]. Which calls come, and
//! their bytes put together, do not depend on the pieces.

use super::blocks::Blocks;
use super::decode::{Budget, Decode, Output, Problem};
use super::gzip::{GZIP_MEMORY_BYTES, Gzip};
use super::lz4::{LZ4_MEMORY_BYTES, Lz4};
use super::sniff::{Format, sniff};
use super::tar::{TarWalk, is_named_as_tar};
use super::tar_header::TAR_BLOCK_BYTES;
use super::xz::Xz;
use super::zstd::Zstd;
use super::{ContainerSink, MemberNumber, StreamEnd};
use crate::base::limits::{
    CONTAINER_DEPTH_MAX, DECODER_WINDOW_BYTES, EXPANDED_BYTES_MAX, OPEN_PIECES_MAX,
};
use crate::base::{CaptureId, FileId, Loss, LossKind, Note, NoteKind};

/// The caps of one unpacker; [`Default`] takes them from `base/limits.rs`.
#[derive(Clone, Copy, Debug)]
pub struct UnpackLimits {
    /// Containers inside containers.
    pub depth: usize,
    /// Decoded bytes of one file, over all its decoders.
    pub expanded_bytes: u64,
    /// Streams of pieces that one archive may hold open.
    pub open_pieces: usize,
}

impl Default for UnpackLimits {
    fn default() -> Self {
        Self {
            depth: CONTAINER_DEPTH_MAX,
            expanded_bytes: EXPANDED_BYTES_MAX,
            open_pieces: OPEN_PIECES_MAX,
        }
    }
}

/// Space that decoders write to. Kept from file to file, it is made once.
#[derive(Debug, Default)]
pub struct Windows {
    windows: Vec<Vec<u8>>,
    frames: Vec<Vec<u8>>,
}

/// Takes one file apart.
pub struct Unpacker {
    root: Node,
    shared: Shared,
}

impl Unpacker {
    /// An unpacker for the bytes of `file`.
    #[must_use]
    pub fn new(file: FileId) -> Self {
        Self::with_windows(file, Windows::default())
    }

    /// An unpacker that uses the windows of one before it.
    #[must_use]
    pub fn with_windows(file: FileId, windows: Windows) -> Self {
        Self::made_of(file, UnpackLimits::default(), windows)
    }

    /// An unpacker with other caps than the usual ones.
    #[must_use]
    pub fn with_limits(file: FileId, limits: UnpackLimits) -> Self {
        Self::made_of(file, limits, Windows::default())
    }

    /// Whether the file may be a tar without entries, by its name: end blocks and nothing else. Any file may
    /// unless it is said here; entries of archives are judged by their own names.
    #[must_use]
    pub const fn may_be_empty_tar(mut self, may: bool) -> Self {
        self.shared.may_be_empty_tar = may;
        self
    }

    fn made_of(file: FileId, limits: UnpackLimits, windows: Windows) -> Self {
        let shared = Shared {
            file,
            limits,
            may_be_empty_tar: true,
            next_member: 1,
            expanded_bytes: 0,
            budget: Budget::default(),
            windows,
        };
        Self { root: Node::new(Vec::new(), 0), shared }
    }

    /// Takes the file's next bytes. A plain capture or an uncompressed tar reaches the sink as slices
    /// of `bytes`.
    pub fn push(&mut self, bytes: &[u8], sink: &mut impl ContainerSink) {
        self.root.push(bytes, &mut Walk { sink, shared: &mut self.shared });
    }

    /// The file has ended: closes every open stream. Gives the windows back.
    pub fn finish(mut self, sink: &mut impl ContainerSink) -> Windows {
        let mut walk = Walk { sink, shared: &mut self.shared };
        if self.root.is_untouched() {
            walk.problem(
                b"",
                0,
                Problem {
                    note: NoteKind::Cut,
                    loss: Some((LossKind::CutTail, 0)),
                    offset: 0,
                    detail: "file is empty".to_owned(),
                },
            );
            self.root.finish(StreamEnd::Cut, &mut walk);
        } else {
            self.root.finish(StreamEnd::Complete, &mut walk);
        }
        self.shared.windows
    }
}

/// What all streams of one file share.
pub(super) struct Shared {
    file: FileId,
    pub(super) limits: UnpackLimits,
    /// Of the file itself.
    may_be_empty_tar: bool,
    next_member: MemberNumber,
    expanded_bytes: u64,
    budget: Budget,
    /// Output windows that are not in use; at most one for each level of nesting exists.
    windows: Windows,
}

impl Shared {
    fn window(&mut self) -> Vec<u8> {
        self.windows.windows.pop().unwrap_or_else(|| vec![0; DECODER_WINDOW_BYTES])
    }
}

/// The sink and the shared state, on their way down the tree.
pub(super) struct Walk<'a, S> {
    pub(super) sink: &'a mut S,
    pub(super) shared: &'a mut Shared,
}

impl<S: ContainerSink> Walk<'_, S> {
    /// Reports a problem of the stream `name`; `member` is 0 when it has no number.
    pub(super) fn problem(&mut self, name: &[u8], member: MemberNumber, problem: Problem) {
        let file = self.shared.file;
        let detail = if name.is_empty() {
            problem.detail
        } else {
            format!("{}: {}", String::from_utf8_lossy(name), problem.detail)
        };
        if let Some((kind, bytes)) = problem.loss {
            self.sink.loss(Loss { when: None, kind, file, bytes, detail: detail.clone() });
        }
        self.sink.note(Note {
            capture: CaptureId { file, member },
            offset: Some(problem.offset),
            record: None,
            kind: problem.note,
            detail,
        });
    }
}

/// One stream: the file, what a decoder made of it, or an entry of an archive.
pub(super) struct Node {
    /// Path inside archives; empty outside of any.
    name: Vec<u8>,
    /// Containers around it.
    depth: usize,
    state: State,
}

enum State {
    /// Not yet known; holds what came so far.
    Sniff(Vec<u8>),
    /// Handed out, when wanted.
    Leaf { member: MemberNumber, wanted: bool },
    /// Encoded.
    Decode(Box<Decoding>),
    /// A tar.
    Tar(Box<TarWalk>),
    /// Ended by a limit and already closed.
    Closed,
}

struct Decoding {
    decoder: Box<dyn Decode>,
    child: Node,
}

impl Node {
    /// A stream of that name below `depth` containers.
    pub(super) fn new(name: Vec<u8>, depth: usize) -> Self {
        Self { name, depth, state: State::Sniff(Vec::new()) }
    }

    /// The stream's path inside its archives.
    pub(super) fn name(&self) -> &[u8] {
        &self.name
    }

    fn is_untouched(&self) -> bool {
        matches!(&self.state, State::Sniff(prefix) if prefix.is_empty())
    }

    /// Whether its bytes still matter to anybody.
    pub(super) fn is_wanted(&self) -> bool {
        match &self.state {
            State::Leaf { wanted, .. } => *wanted,
            State::Decode(decoding) => decoding.child.is_wanted(),
            State::Closed => false,
            State::Sniff(_) | State::Tar(_) => true,
        }
    }

    /// Takes the stream's next bytes.
    pub(super) fn push<S: ContainerSink>(&mut self, mut bytes: &[u8], walk: &mut Walk<'_, S>) {
        if bytes.is_empty() {
            return;
        }
        if let State::Sniff(prefix) = &mut self.state {
            if prefix.is_empty() {
                // The usual case: enough bytes at once, nothing is copied.
                match sniff(bytes, false) {
                    Some(format) => self.become_format(format, walk),
                    None => {
                        prefix.extend_from_slice(bytes);
                        return;
                    }
                }
            } else {
                let take = TAR_BLOCK_BYTES.saturating_sub(prefix.len()).min(bytes.len());
                prefix.extend_from_slice(&bytes[..take]);
                bytes = &bytes[take..];
                let Some(format) = sniff(prefix, false) else { return };
                let prefix = std::mem::take(prefix);
                self.become_format(format, walk);
                self.push_known(&prefix, walk);
            }
        }
        self.push_known(bytes, walk);
    }

    fn push_known<S: ContainerSink>(&mut self, bytes: &[u8], walk: &mut Walk<'_, S>) {
        match &mut self.state {
            State::Leaf { member, wanted: true } if !bytes.is_empty() => {
                walk.sink.data(*member, bytes);
            }
            State::Leaf { .. } | State::Closed | State::Sniff(_) => {}
            State::Tar(tar) => tar.push(bytes, walk),
            State::Decode(_) => {
                self.decode(Some(bytes), walk);
            }
        }
    }

    /// No more bytes come; `end` is how the container around it ended.
    pub(super) fn finish<S: ContainerSink>(&mut self, end: StreamEnd, walk: &mut Walk<'_, S>) {
        if let State::Sniff(prefix) = &mut self.state {
            let prefix = std::mem::take(prefix);
            if let Some(format) = sniff(&prefix, true) {
                self.become_format(format, walk);
            }
            self.push_known(&prefix, walk);
        }
        match &mut self.state {
            State::Leaf { member, .. } => walk.sink.close(*member, end),
            State::Tar(tar) => tar.finish(end, walk),
            State::Decode(_) => {
                if let Some(inner) = self.decode(None, walk)
                    && let State::Decode(decoding) = &mut self.state
                {
                    decoding.child.finish(inner.and(end), walk);
                }
            }
            State::Closed | State::Sniff(_) => {}
        }
        self.state = State::Closed;
    }

    fn become_format<S: ContainerSink>(&mut self, format: Format, walk: &mut Walk<'_, S>) {
        if format == Format::Plain {
            self.open_leaf(walk);
            return;
        }
        if self.depth >= walk.shared.limits.depth {
            let detail = format!("more than {} containers inside each other", self.depth);
            self.refuse(NoteKind::Limit, LossKind::Limit, detail, walk);
            return;
        }
        if format == Format::Tar {
            let may_be_empty = match &self.name[..] {
                b"" => walk.shared.may_be_empty_tar,
                name => is_named_as_tar(name),
            };
            let tar = TarWalk::new(self.name.clone(), self.depth + 1, may_be_empty);
            self.state = State::Tar(Box::new(tar));
            return;
        }
        match new_decoder(format, &walk.shared.budget) {
            Some(decoder) => {
                let child = Self::new(self.name.clone(), self.depth + 1);
                self.state = State::Decode(Box::new(Decoding { decoder, child }));
            }
            None => {
                let detail = "no memory left for another decoder".to_owned();
                self.refuse(NoteKind::Limit, LossKind::Limit, detail, walk);
            }
        }
    }

    fn open_leaf<S: ContainerSink>(&mut self, walk: &mut Walk<'_, S>) -> MemberNumber {
        let member = if self.name.is_empty() {
            0
        } else {
            let member = walk.shared.next_member;
            walk.shared.next_member = member.saturating_add(1);
            member
        };
        let wanted = walk.sink.open(member, &self.name);
        self.state = State::Leaf { member, wanted };
        member
    }

    /// Ends a stream of which nothing can be given: it is opened and closed, so that it is counted.
    fn refuse<S: ContainerSink>(
        &mut self,
        note: NoteKind,
        loss: LossKind,
        detail: String,
        walk: &mut Walk<'_, S>,
    ) {
        let member = self.open_leaf(walk);
        let problem = Problem { note, loss: Some((loss, 0)), offset: 0, detail };
        walk.problem(&self.name, member, problem);
        walk.sink.close(member, StreamEnd::Cut);
        self.state = State::Closed;
    }

    /// Lets the decoder work on `bytes`, or finish when there are none; returns how it ended then.
    fn decode<S: ContainerSink>(
        &mut self,
        bytes: Option<&[u8]>,
        walk: &mut Walk<'_, S>,
    ) -> Option<StreamEnd> {
        let State::Decode(decoding) = &mut self.state else { return None };
        let Decoding { decoder, child } = &mut **decoding;
        let mut window = walk.shared.window();
        let mut frame = walk.shared.windows.frames.pop().unwrap_or_default();
        let mut problems = Vec::new();
        let mut over_limit = false;
        let mut emit = |decoded: &[u8]| {
            let total = walk.shared.expanded_bytes.saturating_add(decoded.len() as u64);
            let allowed = walk.shared.limits.expanded_bytes;
            over_limit |= total > allowed;
            // The bytes up to the limit still come out, so that where it lies does not depend on
            // the size of the pieces.
            let excess = usize::try_from(total.saturating_sub(allowed)).unwrap_or(usize::MAX);
            let kept = decoded.len().saturating_sub(excess);
            walk.shared.expanded_bytes = total.min(allowed);
            child.push(&decoded[..kept], walk);
            !over_limit && child.is_wanted()
        };
        let mut output = Output {
            window: &mut window,
            frame: &mut frame,
            emit: &mut emit,
            problems: &mut problems,
        };
        let mut end = None;
        match bytes {
            Some(bytes) => decoder.push(bytes, &mut output),
            None => end = Some(decoder.finish(&mut output)),
        }
        walk.shared.windows.windows.push(window);
        walk.shared.windows.frames.push(frame);
        if over_limit {
            let limit = walk.shared.limits.expanded_bytes;
            problems.push(Problem {
                note: NoteKind::Limit,
                loss: Some((LossKind::Limit, 0)),
                offset: 0,
                detail: format!("expands the file to more than {limit} bytes"),
            });
            child.finish(StreamEnd::Cut, walk);
        }
        for problem in problems {
            walk.problem(&self.name, 0, problem);
        }
        if over_limit {
            self.state = State::Closed;
        }
        end
    }
}

fn new_decoder(format: Format, budget: &Budget) -> Option<Box<dyn Decode>> {
    Some(match format {
        Format::Gzip => Box::new(Gzip::new(budget.charge(GZIP_MEMORY_BYTES)?)),
        Format::Zstd => Box::new(Zstd::new(budget)?),
        Format::Xz => Box::new(Xz::new(budget)?),
        Format::Lz4 => Box::new(Lz4::new(budget.charge(LZ4_MEMORY_BYTES)?)),
        Format::Blocks(codec) => Box::new(Blocks::new(codec, budget.charge(0)?)),
        Format::Tar | Format::Plain => return None,
    })
}
