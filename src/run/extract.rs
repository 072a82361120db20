//! One file: bytes to containers to captures to packets, into a worker's gathering.

use super::gather::{FileSummary, Gathering, Origin, TimeSpan};
use crate::base::{CaptureId, FileId, Loss, LossKind, Note, NoteKind, RecordRef};
use crate::capture::CaptureParser;
use crate::container::{ContainerSink, MemberNumber, StreamEnd, Unpacker};
use crate::leg::CaptureRules;
use crate::packet::Dissector;
use crate::spool::{FileKind, SpoolFile};
use std::collections::BTreeMap;

/// Reads one file's bytes into the gathering.
pub(super) struct Extraction<'g> {
    gathering: &'g mut Gathering,
    rules: &'g CaptureRules,
    file: FileId,
    spool_file: &'g SpoolFile,
    /// Streams that are open: one, or as many as an archive's calls overlap.
    open: BTreeMap<MemberNumber, Stream>,
    summary: FileSummary,
}

struct Stream {
    origin: Origin,
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
    pub(super) fn whole(self, bytes: &[u8]) {
        let mut unpacker = Unpacker::new(self.file);
        let mut extraction = self;
        unpacker.push(bytes, &mut extraction);
        unpacker.finish(&mut extraction);
        extraction.close_file(bytes.len() as u64);
    }

    fn close_file(self, bytes: u64) {
        self.gathering.ledger.add("file.read", 1);
        self.gathering.ledger.add("file.bytes", bytes);
        self.gathering.files.insert(self.file, self.summary);
    }

    fn capture(&self, member: MemberNumber) -> CaptureId {
        CaptureId { file: self.file, member }
    }
}
