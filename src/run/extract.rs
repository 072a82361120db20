//! One file: bytes to containers to captures to packets, into a worker's gathering.

use super::gather::{FileSummary, Gathering, Origin};
use crate::base::{CaptureId, FileId, Loss, LossKind, Note, SensorId};
use crate::capture::{CaptureEnd, CaptureParser, Record};
use crate::container::{ContainerSink, MemberNumber, StreamEnd, Unpacker, is_named_as_tar};
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
    open: OpenStreams,
    summary: FileSummary,
}

/// What one capture is read with.
pub(super) struct Stream {
    member: MemberNumber,
    origin: Origin,
    /// Of the archive entry; empty for a file by itself.
    name: Vec<u8>,
    parser: CaptureParser,
    dissector: Dissector,
}

impl Stream {
    fn new(capture: CaptureId, sensor: SensorId) -> Self {
        Self {
            member: capture.member,
            origin: Origin { sensor, entry_name: Vec::new() },
            name: Vec::new(),
            parser: CaptureParser::new(capture),
            dissector: Dissector::new(capture),
        }
    }

    /// For another capture, after one that is finished.
    fn restart(&mut self, capture: CaptureId, sensor: SensorId) {
        self.member = capture.member;
        self.origin.sensor = sensor;
        self.parser.restart(capture);
        self.dissector.restart(capture);
    }
}

/// Streams that are open: one, or as many as the pieces of an archive's calls interleave.
#[derive(Default)]
struct OpenStreams {
    /// The one that was used last.
    last: Option<Box<Stream>>,
    others: BTreeMap<MemberNumber, Box<Stream>>,
}

impl OpenStreams {
    fn put(&mut self, stream: Box<Stream>) {
        if let Some(before) = self.last.replace(stream) {
            self.others.insert(before.member, before);
        }
    }

    fn take(&mut self, member: MemberNumber) -> Option<Box<Stream>> {
        let last = self.last.take_if(|stream| stream.member == member);
        last.or_else(|| self.others.remove(&member))
    }

    fn get(&mut self, member: MemberNumber) -> Option<&mut Stream> {
        if self.last.as_ref().is_none_or(|stream| stream.member != member) {
            let stream = self.others.remove(&member)?;
            self.put(stream);
        }
        self.last.as_deref_mut()
    }
}

impl<'g> Extraction<'g> {
    pub(super) fn new(
        gathering: &'g mut Gathering,
        rules: &'g CaptureRules,
        file: FileId,
        spool_file: &'g SpoolFile,
    ) -> Self {
        let summary = FileSummary::default();
        let open = OpenStreams::default();
        Self { gathering, rules, file, spool_file, open, summary }
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
        let file = self.spool_file;
        let may_be_tar =
            file.is_standard_input() || is_named_as_tar(file.path.as_os_str().as_bytes());
        let windows = std::mem::take(&mut self.gathering.windows);
        Unpacker::with_windows(self.file, windows).may_be_empty_tar(may_be_tar)
    }

    fn close_file(self, bytes: u64) {
        // Too short for the magic of anything: it was a capture only if its place or name says so.
        if bytes < MAGIC_BYTES && promise(self.spool_file, b"").is_none() {
            self.gathering.losses.retain(|loss| loss.file != self.file);
            self.gathering.open_losses.retain(|loss| loss.file != self.file);
        }
        self.gathering.counts.file_bytes += bytes;
        self.gathering.add_summary(self.file, self.spool_file.sensor, self.summary);
    }
}

/// What ties media of a file to a Call-ID: the name of the entry in an archive of a spool, of the file
/// where the spool has one file a call; none in other captures.
pub(super) fn entry_name_of<'n>(file: &'n SpoolFile, entry_name: &'n [u8]) -> &'n [u8] {
    match file.kind {
        FileKind::Plain => b"",
        _ if !entry_name.is_empty() => entry_name,
        _ => file.path.file_name().map(OsStrExt::as_bytes).unwrap_or_default(),
    }
}

/// Enters what a capture of a file told at its end. The dissector holds nothing of it any more.
pub(super) fn finish_capture(
    gathering: &mut Gathering,
    summary: &mut FileSummary,
    (id, file, entry_name): (FileId, &SpoolFile, &[u8]),
    mut captured: CaptureEnd,
    dissector: &mut Dissector,
) {
    match captured.format {
        Some(_) => {
            summary.captures += 1;
            gathering.counts.captures_read += 1;
        }
        None => {
            gathering.ledger.add("capture.none", 1);
            if captured.losses.is_empty() && captured.bytes > 0 {
                gathering.losses.extend(unknown_format(id, file, entry_name, captured.bytes));
            }
        }
    }
    gathering.counts.capture_records += captured.records;
    summary.order.append(&captured.order);
    gathering.notes.join(captured.notes);
    if captured.last_loss_is_open {
        gathering.open_losses.extend(captured.losses.pop());
    }
    gathering.losses.extend(captured.losses);
    if let Some(records) = dissector.take_plain() {
        gathering.counts.plain_records += records;
        return;
    }
    let capture = CaptureId { file: id, member: 0 };
    let dissected = std::mem::replace(dissector, Dissector::new(capture)).finish();
    gathering.ledger += dissected.ledger;
    gathering.notes.join(dissected.notes);
    gathering.losses.extend(dissected.losses);
    gathering.residues.add(file.sensor, dissected.residue);
}

impl ContainerSink for Extraction<'_> {
    fn open(&mut self, member: MemberNumber, name: &[u8]) -> bool {
        self.gathering.counts.captures_opened += 1;
        let capture = CaptureId { file: self.file, member };
        let sensor = self.spool_file.sensor;
        let mut stream = match self.gathering.spare.take() {
            Some(mut spare) => {
                spare.restart(capture, sensor);
                spare
            }
            None => Box::new(Stream::new(capture, sensor)),
        };
        let Stream { origin, name: kept, .. } = &mut *stream;
        name.clone_into(kept);
        entry_name_of(self.spool_file, name).clone_into(&mut origin.entry_name);
        self.open.put(stream);
        true
    }

    fn data(&mut self, member: MemberNumber, bytes: &[u8]) {
        let Some(stream) = self.open.get(member) else { return };
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
        let Some(mut stream) = self.open.take(member) else { return };
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
        let captured = stream.parser.end(&mut |record| taker.record(&record));
        let of = (self.file, self.spool_file, &stream.name[..]);
        let (gathering, summary) = (&mut *self.gathering, &mut self.summary);
        finish_capture(gathering, summary, of, captured, &mut stream.dissector);
        self.gathering.spare = Some(stream);
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
