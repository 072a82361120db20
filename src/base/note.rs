//! Anomalies in the data: they never stop a run, and they always reach the report.

use super::limits::NOTES_KEPT_PER_KIND_MAX;
use super::provenance::{CaptureId, FileId};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What kind of anomaly a note tells; the name printed is the variant in kebab-case.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub enum NoteKind {
    /// The end of a file, archive, member or capture is missing.
    Cut,
    /// Bytes that contradict their own format: bad checksum, impossible length, unknown version.
    Damaged,
    /// A format, link type or encapsulation that is not read.
    Unsupported,
    /// A file or member that is no capture and no archive.
    NotACapture,
    /// A file that could not be opened or read.
    Unreadable,
    /// A cap of `base/limits.rs` was hit.
    Limit,
    /// A SIP message that does not follow its grammar; what could be read was used.
    MalformedSip,
    /// Bytes missing in a TCP stream that carries SIP.
    StreamGap,
    /// An IP datagram whose fragments did not all arrive.
    FragmentMissing,
    /// Encrypted signalling (TLS) that was seen and not read.
    Encrypted,
    /// A leg without INVITE: it makes no CDR (design.md section 12, point 13).
    NoInvite,
    /// A leg that the vendor's sniffer could not have read.
    VendorBlind,
    /// A moment outside what capture time can hold, clamped.
    ClockOutOfRange,
}

impl NoteKind {
    /// Stable name used in output.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cut => "cut",
            Self::Damaged => "damaged",
            Self::Unsupported => "unsupported",
            Self::NotACapture => "not-a-capture",
            Self::Unreadable => "unreadable",
            Self::Limit => "limit",
            Self::MalformedSip => "malformed-sip",
            Self::StreamGap => "stream-gap",
            Self::FragmentMissing => "fragment-missing",
            Self::Encrypted => "encrypted",
            Self::NoInvite => "no-invite",
            Self::VendorBlind => "vendor-blind",
            Self::ClockOutOfRange => "clock-out-of-range",
        }
    }
}

/// One anomaly with its place. Ordered by place, so that the first ones kept are the same in every run.
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Note {
    /// The capture it was seen in.
    pub capture: CaptureId,
    /// Byte offset in the capture (or, for containers, in the file); absent when it is not known.
    pub offset: Option<u64>,
    /// Number of the record from 1; absent when it is not about a record.
    pub record: Option<u32>,
    /// What kind of anomaly.
    pub kind: NoteKind,
    /// One line for a person: what was seen and what was done.
    pub detail: String,
}

/// Notes of a run: all counted by kind, the first by place kept. Joining is commutative, associative;
/// counts add, so the same file must not be fed twice.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Notes {
    counts: BTreeMap<NoteKind, u64>,
    kept: BTreeMap<NoteKind, BTreeSet<Note>>,
}

impl Notes {
    /// Adds one note.
    pub fn add(&mut self, note: Note) {
        *self.counts.entry(note.kind).or_default() += 1;
        let kept = self.kept.entry(note.kind).or_default();
        kept.insert(note);
        if kept.len() > NOTES_KEPT_PER_KIND_MAX {
            kept.pop_last();
        }
    }

    /// Adds all notes of `other`.
    pub fn join(&mut self, other: Self) {
        if other.counts.is_empty() {
            return;
        }
        for (kind, count) in other.counts {
            *self.counts.entry(kind).or_default() += count;
        }
        for (kind, notes) in other.kept {
            let kept = self.kept.entry(kind).or_default();
            kept.extend(notes);
            while kept.len() > NOTES_KEPT_PER_KIND_MAX {
                kept.pop_last();
            }
        }
    }

    /// The same notes, all about one file.
    #[must_use]
    pub fn in_file(mut self, file: FileId) -> Self {
        for kept in self.kept.values_mut() {
            let renamed = std::mem::take(kept).into_iter().map(|note| {
                let capture = CaptureId { file, ..note.capture };
                Note { capture, ..note }
            });
            *kept = renamed.collect();
        }
        self
    }

    /// How many notes of each kind there were, in the order of the kinds.
    pub fn counts(&self) -> impl Iterator<Item = (NoteKind, u64)> + '_ {
        self.counts.iter().map(|(kind, count)| (*kind, *count))
    }

    /// How many notes of one kind there were.
    #[must_use]
    pub fn count(&self, kind: NoteKind) -> u64 {
        self.counts.get(&kind).copied().unwrap_or(0)
    }

    /// The notes that were kept, by kind and place.
    pub fn kept(&self) -> impl Iterator<Item = &Note> + '_ {
        self.kept.values().flatten()
    }
}
