//! The walk through a tar: entries in order, pieces put together, damage stepped over.
//!
//! In: the tar's bytes in pieces of any size. Out: one stream per file in it. Missing end blocks, a
//! last entry that is cut, a tail of zeros and archives behind each other are all read. Zeros that are no end
//! blocks were never written: what should be there is lost.

use super::decode::Problem;
use super::pieces::{OpenStream, OpenStreams, Route, split};
use super::tar_header::{
    Entry, EntryKind, PaxFacts, TAR_BLOCK_BYTES, is_zero, parse, parse_pax, until_nul,
};
use super::unpack::{Node, Walk};
use super::{ContainerSink, StreamEnd};
use crate::base::limits::{MEMBER_NAME_BYTES_MAX, TAR_EXTENSION_BYTES_MAX};
use crate::base::{LossKind, NoteKind};

/// Longest archive without entries: two end blocks, padded to a record of 20 blocks by common tools.
const EMPTY_TAR_BYTES_MAX: u64 = 10_240;
/// Longest run of zeros that is usual behind an entry: when one block is left of a record, the second end
/// block begins another one. A longer run is space that was reserved and never written: the machine went
/// down, or the disk was full.
const ZEROS_BYTES_MAX: u64 = EMPTY_TAR_BYTES_MAX + TAR_BLOCK_BYTES as u64;
/// The same behind or before entries of the sniffer, which writes no end blocks at all (facts G): those that
/// somebody added.
const SNIFFER_ZEROS_BYTES_MAX: u64 = 2 * TAR_BLOCK_BYTES as u64;

enum State {
    Header,
    Content(Content),
    Padding(u64),
}

/// An entry's content on its way.
struct Content {
    size: u64,
    left: u64,
    target: Target,
}

enum Target {
    /// Nobody reads it.
    Skip,
    /// A name or pax records for the next entry; what is kept of them.
    Extension(EntryKind, Vec<u8>),
    /// Where it goes depends on its first bytes, which are kept.
    Undecided {
        name: Vec<u8>,
        by_sniffer: bool,
        head: Vec<u8>,
    },
    Alone(Node),
    Piece {
        base: Vec<u8>,
        stream: Box<OpenStream>,
        closes: bool,
    },
}

/// The walk.
pub(super) struct TarWalk {
    /// The tar's own path inside other archives.
    path: Vec<u8>,
    /// Containers around its entries.
    depth: usize,
    offset: u64,
    state: State,
    /// A header block that came in parts.
    block: Vec<u8>,
    long_name: Option<Vec<u8>>,
    pax: PaxFacts,
    open: OpenStreams,
    /// Whether there may be a tar without entries here, by its name.
    may_be_empty: bool,
    /// Whether the last entry is the sniffer's; absent before the first one.
    last_by_sniffer: Option<bool>,
    /// Zero blocks since the last entry.
    zero_blocks: u64,
    /// Where damage began and how long it is, until a header is found again.
    damage: Option<(u64, u64)>,
}

impl TarWalk {
    /// `may_be_empty`: nothing but end blocks is a tar without entries, by its name; else it is something
    /// that was never written.
    pub(super) fn new(path: Vec<u8>, depth: usize, may_be_empty: bool) -> Self {
        Self {
            path,
            depth,
            offset: 0,
            state: State::Header,
            block: Vec::new(),
            long_name: None,
            pax: PaxFacts::default(),
            open: OpenStreams::default(),
            may_be_empty,
            last_by_sniffer: None,
            zero_blocks: 0,
            damage: None,
        }
    }

    pub(super) fn push<S: ContainerSink>(&mut self, mut bytes: &[u8], walk: &mut Walk<'_, S>) {
        while !bytes.is_empty() {
            match &mut self.state {
                State::Header => {
                    let take = TAR_BLOCK_BYTES.saturating_sub(self.block.len()).min(bytes.len());
                    let (front, rest) = bytes.split_at(take);
                    bytes = rest;
                    self.offset += take as u64;
                    if self.block.is_empty()
                        && let Some(block) = front.first_chunk()
                    {
                        self.header(block, walk);
                        continue;
                    }
                    self.block.extend_from_slice(front);
                    let block = std::mem::take(&mut self.block);
                    match block.first_chunk() {
                        Some(whole) => self.header(whole, walk),
                        None => self.block = block,
                    }
                }
                State::Content(content) => {
                    let take = usize::try_from(content.left).unwrap_or(usize::MAX);
                    let (front, rest) = bytes.split_at(take.min(bytes.len()));
                    bytes = rest;
                    self.offset += front.len() as u64;
                    content.left -= front.len() as u64;
                    self.content(front, walk);
                    self.end_content(walk);
                }
                State::Padding(left) => {
                    let take = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                    bytes = &bytes[take..];
                    self.offset += take as u64;
                    *left -= take as u64;
                    if *left == 0 {
                        self.state = State::Header;
                    }
                }
            }
        }
    }

    fn header<S: ContainerSink>(&mut self, block: &[u8; TAR_BLOCK_BYTES], walk: &mut Walk<'_, S>) {
        if is_zero(block) {
            self.zero_blocks += 1;
            return;
        }
        let Some(entry) = parse(block) else {
            let start = self.offset - TAR_BLOCK_BYTES as u64;
            let (_, bytes) = self.damage.get_or_insert((start, 0));
            *bytes += TAR_BLOCK_BYTES as u64;
            return;
        };
        let had_damage = self.damage.is_some();
        self.report_damage(walk);
        let zeros = self.zero_blocks.saturating_mul(TAR_BLOCK_BYTES as u64);
        let by_sniffer = entry.by_sniffer || self.last_by_sniffer == Some(true);
        // Zeros in the middle of damage are part of it.
        if !had_damage && zeros > most_zeros(by_sniffer) {
            let start = self.offset - TAR_BLOCK_BYTES as u64;
            let detail = format!("{zeros} zeros before an entry of the tar: never written");
            self.problem(NoteKind::Damaged, Some((LossKind::Damaged, zeros)), start, detail, walk);
        }
        self.zero_blocks = 0;
        self.last_by_sniffer = Some(entry.by_sniffer);
        self.start_entry(entry, walk);
    }

    fn report_damage<S: ContainerSink>(&mut self, walk: &mut Walk<'_, S>) {
        if let Some((offset, bytes)) = self.damage.take() {
            let detail = format!("{bytes} bytes of the tar are no entry; skipped");
            self.problem(NoteKind::Damaged, Some((LossKind::Damaged, bytes)), offset, detail, walk);
        }
    }

    fn start_entry<S: ContainerSink>(&mut self, entry: Entry, walk: &mut Walk<'_, S>) {
        let mut size = entry.size;
        let target = match entry.kind {
            EntryKind::GnuLongName | EntryKind::Pax => Target::Extension(entry.kind, Vec::new()),
            EntryKind::File => {
                let pax = std::mem::take(&mut self.pax);
                size = pax.size.unwrap_or(size);
                let mut name = self.long_name.take().or(pax.path).unwrap_or(entry.name);
                self.limit_name(&mut name, walk);
                if name.is_empty() || name.ends_with(b"/") {
                    // A directory of an old tar, which had no type for it.
                    Target::Skip
                } else {
                    Target::Undecided { name, by_sniffer: entry.by_sniffer, head: Vec::new() }
                }
            }
            EntryKind::Other(kind) => {
                (self.long_name, self.pax) = (None, PaxFacts::default());
                // Sparse files (S) and continued volumes (M) are the ones that hold file content.
                if matches!(kind, b'S' | b'M') {
                    let detail = format!("tar entry of type {} is not read", kind as char);
                    let offset = self.offset - TAR_BLOCK_BYTES as u64;
                    let loss = Some((LossKind::UnknownFormat, size));
                    self.problem(NoteKind::Unsupported, loss, offset, detail, walk);
                }
                Target::Skip
            }
        };
        self.state = State::Content(Content { size, left: size, target });
        self.content(&[], walk);
        self.end_content(walk);
    }

    fn limit_name<S: ContainerSink>(&self, name: &mut Vec<u8>, walk: &mut Walk<'_, S>) {
        if name.len() > MEMBER_NAME_BYTES_MAX {
            let detail = format!("entry name of {} bytes cut", name.len());
            name.truncate(MEMBER_NAME_BYTES_MAX);
            self.problem(NoteKind::Limit, None, self.offset, detail, walk);
        }
    }

    /// Hands the next bytes of the current entry to where they go.
    fn content<S: ContainerSink>(&mut self, bytes: &[u8], walk: &mut Walk<'_, S>) {
        let State::Content(content) = &mut self.state else { return };
        match &mut content.target {
            Target::Skip => {}
            Target::Extension(_, kept) => {
                let room = TAR_EXTENSION_BYTES_MAX.saturating_sub(kept.len());
                kept.extend_from_slice(&bytes[..bytes.len().min(room)]);
            }
            Target::Undecided { name, by_sniffer, head } => {
                let in_parts = !head.is_empty();
                if in_parts {
                    head.extend_from_slice(bytes);
                }
                let whole: &[u8] = if in_parts { head } else { bytes };
                let Some(route) = self.open.route(name, *by_sniffer, whole, content.left == 0)
                else {
                    if !in_parts {
                        head.extend_from_slice(bytes);
                    }
                    return;
                };
                let (name, by_sniffer) = (std::mem::take(name), *by_sniffer);
                let head = std::mem::take(head);
                content.target = route_to(&mut self.open, &self.path, self.depth, name, route);
                if let Target::Piece { stream, .. } = &mut content.target {
                    stream.entries += 1;
                    stream.by_sniffer |= by_sniffer;
                }
                deliver(&mut content.target, if head.is_empty() { bytes } else { &head }, walk);
            }
            target => deliver(target, bytes, walk),
        }
    }

    /// Ends the current entry once all its content is there.
    fn end_content<S: ContainerSink>(&mut self, walk: &mut Walk<'_, S>) {
        let State::Content(content) = &mut self.state else { return };
        if content.left > 0 {
            return;
        }
        let padding = content.size.wrapping_neg() % TAR_BLOCK_BYTES as u64;
        let next = if padding == 0 { State::Header } else { State::Padding(padding) };
        let State::Content(content) = std::mem::replace(&mut self.state, next) else { return };
        match content.target {
            Target::Skip | Target::Undecided { .. } => {}
            Target::Extension(EntryKind::Pax, kept) => self.pax = parse_pax(&kept),
            Target::Extension(_, kept) => self.long_name = Some(until_nul(&kept).to_vec()),
            Target::Alone(mut node) => node.finish(StreamEnd::Complete, walk),
            Target::Piece { mut stream, closes: true, .. } => {
                stream.node.finish(StreamEnd::Complete, walk);
            }
            Target::Piece { base, mut stream, closes: false } => {
                if self.open.len() < walk.shared.limits.open_pieces {
                    self.open.put(base, *stream);
                } else {
                    let detail = "too many streams of pieces are open at once; cut here";
                    let problem = problem(
                        NoteKind::Limit,
                        Some((LossKind::Limit, 0)),
                        self.offset,
                        detail.to_owned(),
                    );
                    walk.problem(stream.node.name(), 0, problem);
                    stream.node.finish(StreamEnd::Cut, walk);
                }
            }
        }
    }

    /// How many zeros at the end are none that somebody meant.
    fn zeros_never_written(&self, was_damaged: bool) -> Option<u64> {
        let blocks = self.zero_blocks.saturating_mul(TAR_BLOCK_BYTES as u64);
        let part = self.block.iter().all(|byte| *byte == 0).then_some(self.block.len() as u64);
        let zeros = blocks.saturating_add(part.unwrap_or(0));
        let most = match self.last_by_sniffer {
            Some(by_sniffer) => most_zeros(by_sniffer),
            None if was_damaged => ZEROS_BYTES_MAX,
            None if self.may_be_empty => EMPTY_TAR_BYTES_MAX,
            None => 0,
        };
        (zeros > most).then_some(zeros)
    }

    /// The tar's bytes have ended; `end` is how the container around it ended.
    pub(super) fn finish<S: ContainerSink>(&mut self, end: StreamEnd, walk: &mut Walk<'_, S>) {
        let was_damaged = self.damage.is_some();
        self.report_damage(walk);
        if !self.block.is_empty() && self.block.iter().any(|byte| *byte != 0) {
            let lost = Some((LossKind::CutTail, self.block.len() as u64));
            let detail = "tar ends inside a header".to_owned();
            self.problem(NoteKind::Cut, lost, self.offset, detail, walk);
        }
        match std::mem::replace(&mut self.state, State::Header) {
            State::Content(content) => self.cut_entry(content, walk),
            State::Header | State::Padding(_) => {
                if let Some(zeros) = self.zeros_never_written(was_damaged) {
                    let lost = Some((LossKind::CutTail, zeros));
                    let detail = match self.last_by_sniffer {
                        None if !was_damaged => format!("nothing but {zeros} zeros: never written"),
                        _ => format!("tar ends in {zeros} zeros: never written"),
                    };
                    self.problem(NoteKind::Cut, lost, self.offset, detail, walk);
                } else if self.zero_blocks == 0 && end == StreamEnd::Complete {
                    // Whole entries only, so nothing that was written is missing: no loss.
                    let detail = "tar has no end blocks: its writer did not close it".to_owned();
                    self.problem(NoteKind::Cut, None, self.offset, detail, walk);
                }
            }
        }
        for mut stream in self.open.drain() {
            let pieces = stream.entries;
            let name_only = pieces == 1 && !stream.by_sniffer && end == StreamEnd::Complete;
            let (loss, end) = if name_only {
                (None, StreamEnd::Complete)
            } else {
                (Some((LossKind::CutTail, 0)), StreamEnd::Cut)
            };
            let detail = format!("{pieces} piece(s) and no last one");
            walk.problem(stream.node.name(), 0, problem(NoteKind::Cut, loss, self.offset, detail));
            stream.node.finish(end, walk);
        }
    }

    /// The tar ended inside this entry.
    fn cut_entry<S: ContainerSink>(&mut self, mut content: Content, walk: &mut Walk<'_, S>) {
        if let Target::Undecided { name, by_sniffer, head } = &content.target {
            // What is there decides; a route always comes when there is no more.
            let route = self.open.route(name, *by_sniffer, head, true).unwrap_or(Route::Alone);
            let (name, head) = (name.clone(), head.clone());
            content.target = route_to(&mut self.open, &self.path, self.depth, name, route);
            deliver(&mut content.target, &head, walk);
        }
        let missing = content.left;
        let detail = format!("tar ends {missing} bytes before the end of the entry");
        let cut = problem(NoteKind::Cut, Some((LossKind::CutTail, missing)), self.offset, detail);
        match content.target {
            Target::Skip => {}
            Target::Extension(..) | Target::Undecided { .. } => walk.problem(&self.path, 0, cut),
            Target::Alone(mut node) => {
                walk.problem(node.name(), 0, cut);
                node.finish(StreamEnd::Cut, walk);
            }
            Target::Piece { mut stream, .. } => {
                walk.problem(stream.node.name(), 0, cut);
                stream.node.finish(StreamEnd::Cut, walk);
            }
        }
    }

    fn problem<S: ContainerSink>(
        &self,
        note: NoteKind,
        loss: Option<(LossKind, u64)>,
        offset: u64,
        detail: String,
        walk: &mut Walk<'_, S>,
    ) {
        walk.problem(&self.path, 0, problem(note, loss, offset, detail));
    }
}

/// Most zeros beside an entry that are usual.
const fn most_zeros(by_sniffer: bool) -> u64 {
    if by_sniffer { SNIFFER_ZEROS_BYTES_MAX } else { ZEROS_BYTES_MAX }
}

/// Whether a name says that there is a tar: any of its extensions does (`x.tar.zst.1`).
#[must_use]
pub fn is_named_as_tar(name: &[u8]) -> bool {
    let name = name.rsplit(|byte| *byte == b'/').next().unwrap_or(name);
    name.split(|byte| *byte == b'.').skip(1).any(|part| {
        let words: [&[u8]; 5] = [b"tar", b"tgz", b"txz", b"tzst", b"tlz4"];
        words.iter().any(|word| part.eq_ignore_ascii_case(word))
    })
}

fn problem(note: NoteKind, loss: Option<(LossKind, u64)>, offset: u64, detail: String) -> Problem {
    Problem { note, loss, offset, detail }
}

/// The target of an entry whose route is known.
fn route_to(
    open: &mut OpenStreams,
    path: &[u8],
    depth: usize,
    name: Vec<u8>,
    route: Route,
) -> Target {
    if route == Route::Alone {
        return Target::Alone(Node::new(join(path, name), depth));
    }
    let base = match (route, split(&name)) {
        (Route::Piece, Some((base, _))) => base.to_vec(),
        _ => name,
    };
    let stream = match open.take(&base) {
        Some(stream) => stream,
        None => open.start(Node::new(join(path, base.clone()), depth)),
    };
    Target::Piece { base, stream: Box::new(stream), closes: route == Route::Last }
}

fn deliver<S: ContainerSink>(target: &mut Target, bytes: &[u8], walk: &mut Walk<'_, S>) {
    match target {
        Target::Alone(node) => node.push(bytes, walk),
        Target::Piece { stream, .. } => {
            stream.bytes = stream.bytes.saturating_add(bytes.len() as u64);
            stream.node.push(bytes, walk);
        }
        Target::Skip | Target::Extension(..) | Target::Undecided { .. } => {}
    }
}

/// The path of an entry of the archive `path`.
fn join(path: &[u8], name: Vec<u8>) -> Vec<u8> {
    if path.is_empty() { name } else { [path, b"/", &name].concat() }
}
