//! One file: bytes to containers to captures to packets, into a worker's gathering.

use super::gather::{FileSummary, Gathering, Origin};
use crate::base::{CaptureId, FileId, Loss, LossKind, Note};
use crate::capture::{CaptureEnd, CaptureParser, Record};
use crate::container::{ContainerSink, MemberNumber, StreamEnd, Unpacker};
use crate::leg::CaptureRules;
use crate::packet::Dissector;
use crate::spool::{FileKind, SpoolFile, is_named_as_capture};
use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt;

/// The shortest magic of a capture.
const MAGIC_BYTES: u64 = 4;

/// Reads one file into the gathering.
pub(super) struct Extraction<'g> {
    gathering: &'g mut Gathering,
    rules: &'g CaptureRules,
    file: FileId,
    spool_file: &'g SpoolFile,
    /// Streams that are open: one, or as many as the pieces of an archive's calls interleave.
    open: BTreeMap<MemberNumber, Box<Stream>>,
    summary: FileSummary,
}

struct Stream {
    origin: Origin,
    /// Of the archive entry; empty for a file by itself.
    name: Box<[u8]>,
    parser: CaptureParser,
    dissector: Dissector,
}

impl<'g> Extraction<'g> {
    pub(super) fn new(
        gathering: &'g mut Gathering,
        rules: &'g CaptureRules,
        file: FileId,
        spool_file: &'g SpoolFile,
    ) -> Self {
        let summary = FileSummary::default();
        Self { gathering, rules, file, spool_file, open: BTreeMap::new(), summary }
    }

    /// Reads the whole file from one slice.
    pub(super) fn whole(mut self, bytes: &[u8]) {
        let mut unpacker = self.unpacker();
        unpacker.push(bytes, &mut self);
        self.gathering.windows = unpacker.finish(&mut self);
        self.close_file(bytes.len() as u64);
    }

    /// Reads a file that comes in pieces; `next` gives an empty piece at the end.
    pub(super) fn pieces<E>(
        mut self,
        mut next: impl FnMut(&mut Vec<u8>) -> Result<usize, E>,
    ) -> Result<(), E> {
        let mut unpacker = self.unpacker();
        let mut buffer = Vec::new();
        let mut bytes = 0;
        let outcome = loop {
            match next(&mut buffer) {
                Ok(0) => break Ok(()),
                Ok(count) => {
                    unpacker.push(&buffer[..count.min(buffer.len())], &mut self);
                    bytes += count as u64;
                }
                Err(error) => break Err(error),
            }
        };
        // What was read before an error counts all the same.
        self.gathering.windows = unpacker.finish(&mut self);
        self.close_file(bytes);
        outcome
    }

    fn unpacker(&mut self) -> Unpacker {
        Unpacker::with_windows(self.file, std::mem::take(&mut self.gathering.windows))
    }

    fn close_file(self, bytes: u64) {
        // Too short for the magic of anything: it was a capture only if its place or name says so.
        if bytes < MAGIC_BYTES && promise(self.spool_file, b"").is_none() {
            self.gathering.losses.retain(|loss| loss.file != self.file);
            self.gathering.open_losses.retain(|loss| loss.file != self.file);
        }
        self.gathering.ledger.add("file.bytes", bytes);
        self.gathering.add_summary(self.file, self.spool_file.sensor, self.summary);
    }
}

/// Where the packets of a file come from. Their name ties media to a Call-ID: the entry's in an archive
/// of a spool, the file's where the spool has one file a call; none in other captures.
pub(super) fn origin_of(file: &SpoolFile, entry_name: &[u8]) -> Origin {
    let name = match file.kind {
        FileKind::Plain => Box::default(),
        _ if !entry_name.is_empty() => entry_name.into(),
        _ => file.path.file_name().map(|name| name.as_bytes().into()).unwrap_or_default(),
    };
    Origin { sensor: file.sensor, entry_name: name }
}

/// Enters what a capture of a file told at its end.
pub(super) fn finish_capture(
    gathering: &mut Gathering,
    summary: &mut FileSummary,
    (id, file, entry_name): (FileId, &SpoolFile, &[u8]),
    mut captured: CaptureEnd,
    dissector: Dissector,
) {
    let dissected = dissector.finish();
    match captured.format {
        Some(_) => {
            summary.captures += 1;
            gathering.ledger.add("capture.read", 1);
        }
        None => {
            gathering.ledger.add("capture.none", 1);
            if captured.losses.is_empty() && captured.bytes > 0 {
                gathering.losses.extend(unknown_format(id, file, entry_name, captured.bytes));
            }
        }
    }
    gathering.ledger.add("capture.records", captured.records);
    gathering.ledger += dissected.ledger;
    gathering.notes.join(captured.notes);
    gathering.notes.join(dissected.notes);
    if captured.last_loss_is_open {
        gathering.open_losses.extend(captured.losses.pop());
    }
    gathering.losses.extend(captured.losses);
    gathering.losses.extend(dissected.losses);
    gathering.residues.add(file.sensor, dissected.residue);
}

impl ContainerSink for Extraction<'_> {
    fn open(&mut self, member: MemberNumber, name: &[u8]) -> bool {
        self.gathering.ledger.add("capture.opened", 1);
        let capture = CaptureId { file: self.file, member };
        let origin = origin_of(self.spool_file, name);
        let stream = Stream {
            origin,
            name: name.into(),
            parser: CaptureParser::new(capture),
            dissector: Dissector::new(capture),
        };
        self.open.insert(member, Box::new(stream));
        true
    }

    fn data(&mut self, member: MemberNumber, bytes: &[u8]) {
        let Some(stream) = self.open.get_mut(&member) else { return };
        let mut taker = Taker {
            gathering: self.gathering,
            rules: self.rules,
            summary: &mut self.summary,
            origin: &stream.origin,
            dissector: &mut stream.dissector,
        };
        stream.parser.push(bytes, &mut |record| taker.record(&record));
    }

    fn close(&mut self, member: MemberNumber, end: StreamEnd) {
        let Some(mut stream) = self.open.remove(&member) else { return };
        if end == StreamEnd::Cut {
            self.gathering.ledger.add("capture.cut", 1);
        }
        let mut taker = Taker {
            gathering: self.gathering,
            rules: self.rules,
            summary: &mut self.summary,
            origin: &stream.origin,
            dissector: &mut stream.dissector,
        };
        let captured = stream.parser.finish(&mut |record| taker.record(&record));
        finish_capture(
            self.gathering,
            &mut self.summary,
            (self.file, self.spool_file, &stream.name),
            captured,
            stream.dissector,
        );
    }

    fn note(&mut self, note: Note) {
        self.gathering.notes.add(note);
    }

    fn loss(&mut self, loss: Loss) {
        self.gathering.losses.push(loss);
    }
}

/// Whether a file lies where a spool keeps signalling: then it was a capture once.
fn is_signalling(file: &SpoolFile) -> bool {
    file.placement.is_some() && file.kind.may_hold_sip()
}

/// The loss of what is no capture and may have been one: by where it lies, or by its name. Anything else
/// that is no capture (a README among them) is noted and loses nothing.
fn unknown_format(id: FileId, file: &SpoolFile, entry_name: &[u8], bytes: u64) -> Option<Loss> {
    let detail = promise(file, entry_name)?.to_owned();
    Some(Loss { when: None, kind: LossKind::UnknownFormat, file: id, bytes, detail })
}

/// Why a file, or an entry of it, must have been a capture, whatever its bytes are; absent when nothing
/// says so.
fn promise(file: &SpoolFile, entry_name: &[u8]) -> Option<&'static str> {
    let name = if entry_name.is_empty() { file.path.as_os_str().as_bytes() } else { entry_name };
    if is_signalling(file) {
        Some("no capture, where the spool keeps signalling")
    } else if file.kind.may_hold_sip() && is_named_as_capture(name) {
        Some("named like a capture or an archive, and of no format that is read")
    } else {
        None
    }
}

/// Takes the records of one stream.
struct Taker<'t> {
    gathering: &'t mut Gathering,
    rules: &'t CaptureRules,
    summary: &'t mut FileSummary,
    origin: &'t Origin,
    dissector: &'t mut Dissector,
}

impl Taker<'_> {
    #[inline]
    fn record(&mut self, record: &Record<'_>) {
        self.summary.saw(record.time);
        let Self { gathering, rules, summary, origin, dissector } = self;
        dissector.record(record, &mut |datagram| {
            let is_sip = gathering.datagram(origin, &datagram, rules);
            summary.sip_messages += u64::from(is_sip);
        });
    }
}
