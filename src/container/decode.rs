//! What every decoder has in common: it takes encoded bytes, gives decoded windows, reports problems.

use super::StreamEnd;
use crate::base::limits::DECODER_MEMORY_BYTES_MAX;
use crate::base::{LossKind, NoteKind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// An anomaly of an encoded stream, before it knows in which file it lies.
#[derive(Debug)]
pub(super) struct Problem {
    /// Kind of the note.
    pub(super) note: NoteKind,
    /// What was lost, and how many encoded bytes (0: not known).
    pub(super) loss: Option<(LossKind, u64)>,
    /// Offset in the encoded stream.
    pub(super) offset: u64,
    /// One line for a person, without the stream's name.
    pub(super) detail: String,
}

/// Where a decoder writes to.
pub(super) struct Output<'a> {
    /// Reused space for decoded bytes.
    pub(super) window: &'a mut [u8],
    /// Reused space for frames that are decoded as a whole; grows as they need.
    pub(super) frame: &'a mut Vec<u8>,
    /// Takes decoded bytes; `false`: no more are wanted.
    pub(super) emit: &'a mut dyn FnMut(&[u8]) -> bool,
    /// Takes what went wrong.
    pub(super) problems: &'a mut Vec<Problem>,
}

impl Output<'_> {
    /// Emits the first `length` bytes of the window; `false`: no more are wanted.
    pub(super) fn emit_window(&mut self, length: usize) -> bool {
        length == 0 || (self.emit)(&self.window[..length.min(self.window.len())])
    }
}

/// A streaming decoder of one format.
pub(super) trait Decode: Send {
    /// Decodes `bytes` as far as they go. After damage, or once no more is wanted, it ignores them.
    fn push(&mut self, bytes: &[u8], output: &mut Output<'_>);
    /// No more bytes come. Reports what is missing.
    fn finish(&mut self, output: &mut Output<'_>) -> StreamEnd;
}

/// What is left of a stream behind the place where a decoder gave up.
#[derive(Debug)]
pub(super) struct GivenUp {
    pub(super) note: NoteKind,
    pub(super) loss: LossKind,
    pub(super) offset: u64,
    pub(super) detail: String,
    /// Bytes that came behind it.
    pub(super) dropped: u64,
}

impl GivenUp {
    /// Damage at `offset`.
    pub(super) fn damaged(offset: u64, detail: impl Into<String>) -> Self {
        Self::new(NoteKind::Damaged, LossKind::Damaged, offset, detail)
    }

    /// A cap was hit at `offset`.
    pub(super) fn limit(offset: u64, detail: impl Into<String>) -> Self {
        Self::new(NoteKind::Limit, LossKind::Limit, offset, detail)
    }

    /// Something this program does not decode.
    pub(super) fn unsupported(offset: u64, detail: impl Into<String>) -> Self {
        Self::new(NoteKind::Unsupported, LossKind::UnknownFormat, offset, detail)
    }

    fn new(note: NoteKind, loss: LossKind, offset: u64, detail: impl Into<String>) -> Self {
        Self { note, loss, offset, detail: detail.into(), dropped: 0 }
    }

    /// The problem to report once the stream has ended.
    pub(super) fn problem(&self) -> Problem {
        Problem {
            note: self.note,
            loss: Some((self.loss, self.dropped)),
            offset: self.offset,
            detail: format!("{}; {} bytes behind it not read", self.detail, self.dropped),
        }
    }
}

/// The problem of an encoded stream that ends before its format says so.
pub(super) fn cut_problem(offset: u64, detail: &str) -> Problem {
    Problem {
        note: NoteKind::Cut,
        loss: Some((LossKind::CutTail, 0)),
        offset,
        detail: detail.to_owned(),
    }
}

/// Memory that the decoders of one file share, see [`DECODER_MEMORY_BYTES_MAX`].
#[derive(Clone, Debug, Default)]
pub(super) struct Budget(Arc<AtomicU64>);

/// A part of a [`Budget`], given back when dropped.
#[derive(Debug)]
pub(super) struct Charge {
    budget: Budget,
    bytes: u64,
}

impl Budget {
    /// Takes `bytes`; absent when the budget does not hold them.
    pub(super) fn charge(&self, bytes: u64) -> Option<Charge> {
        let mut charge = Charge { budget: self.clone(), bytes: 0 };
        charge.grow_to(bytes).then_some(charge)
    }
}

impl Charge {
    /// Makes the charge at least `bytes`; `false`, and no change, when the budget does not hold them.
    pub(super) fn grow_to(&mut self, bytes: u64) -> bool {
        let more = bytes.saturating_sub(self.bytes);
        let used = self.budget.0.load(Ordering::Relaxed);
        if used.saturating_add(more) > DECODER_MEMORY_BYTES_MAX {
            return false;
        }
        self.budget.0.fetch_add(more, Ordering::Relaxed);
        self.bytes += more;
        true
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.budget.0.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}
