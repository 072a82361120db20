//! How much of what waits for other records is kept, as a function of the set of records.
//!
//! Of each kind (fragments, TCP segments of SIP, SCTP parts) everything before a moment is kept and
//! nothing from it on: the moment at which the distinct ones, in the order of time, first need more
//! than the cap. A part of the records never gives an earlier moment than all of them do, so every
//! worker may cut for itself, and the joined rest cut once more is what a cut of everything would be.

use crate::base::{CaptureTime, FileId, RecordRef};
use serde::{Deserialize, Serialize};

/// Moments and bytes of something that was not kept.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(super) struct Dropped {
    /// The first by place.
    pub(super) record: RecordRef,
    /// The file, or that they were several.
    pub(super) file: FileId,
    pub(super) first: CaptureTime,
    pub(super) last: CaptureTime,
    /// How many, without those that have no payload.
    pub(super) count: u64,
    pub(super) bytes: u64,
}

impl Dropped {
    pub(super) const fn of(record: RecordRef, time: CaptureTime, count: u64, bytes: usize) -> Self {
        let file = record.capture.file;
        Self { record, file, first: time, last: time, count, bytes: bytes as u64 }
    }

    /// Both.
    pub(super) fn join(self, other: Self) -> Self {
        Self {
            record: self.record.min(other.record),
            file: if self.file == other.file { self.file } else { FileId::SEVERAL },
            first: self.first.min(other.first),
            last: self.last.max(other.last),
            count: self.count + other.count,
            bytes: self.bytes + other.bytes,
        }
    }

    /// Both, of which each may be absent.
    pub(super) fn joined(left: Option<Self>, right: Option<Self>) -> Option<Self> {
        match (left, right) {
            (Some(left), Some(right)) => Some(left.join(right)),
            (left, right) => left.or(right),
        }
    }
}

/// Something that waits for other records. Its order begins with its time and ends with its record.
pub(super) trait Waits: Ord {
    /// As something that was dropped.
    fn dropped(&self) -> Dropped;
    /// Whether both are equal but for the record.
    fn is_copy_of(&self, other: &Self) -> bool;
    /// Payload bytes.
    fn bytes(&self) -> usize;

    /// When it was captured.
    fn time(&self) -> CaptureTime {
        self.dropped().first
    }

    /// Memory in use, its own size included, so that tiny ones are bounded too.
    fn memory(&self) -> usize
    where
        Self: Sized,
    {
        self.bytes() + size_of::<Self>()
    }
}

/// What of one kind is not kept.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub(super) struct Horizon {
    /// Nothing from here on is kept; absent: everything is.
    pub(super) cut: Option<CaptureTime>,
    /// What that dropped.
    pub(super) dropped: Option<Dropped>,
    /// Copies with payload that were forgotten.
    pub(super) copies: u64,
}

impl Horizon {
    pub(super) fn join(&mut self, other: Self) {
        self.cut = earlier(self.cut, other.cut);
        self.dropped = Dropped::joined(self.dropped, other.dropped);
        self.copies += other.copies;
    }
}

/// The earlier of two moments that may be absent.
pub(super) fn earlier(
    left: Option<CaptureTime>,
    right: Option<CaptureTime>,
) -> Option<CaptureTime> {
    left.into_iter().chain(right).min()
}

/// The moment at which things, told by time and memory, first need more than `most`; absent when they
/// never do. What is captured at that moment does not fit any more.
pub(super) fn moment_beyond(
    mut things: Vec<(CaptureTime, usize)>,
    most: usize,
) -> Option<CaptureTime> {
    things.sort_unstable();
    let mut memory = 0usize;
    things.into_iter().find_map(|(time, more)| {
        memory = memory.saturating_add(more);
        (memory > most).then_some(time)
    })
}

/// Takes copies out, of which the first by place stays; gives how many had payload.
pub(super) fn forget_copies<T: Waits>(things: &mut Vec<T>) -> u64 {
    things.sort_unstable();
    let mut copies = 0;
    things.dedup_by(|later, first| {
        let is_copy = later.is_copy_of(first);
        copies += u64::from(is_copy && later.bytes() > 0);
        is_copy
    });
    copies
}

/// Takes out what lies at a moment or after it, and tells it.
pub(super) fn cut<T: Waits>(things: &mut Vec<T>, from: CaptureTime) -> Option<Dropped> {
    let mut dropped = None;
    things.retain(|thing| {
        let keeps = thing.time() < from;
        if !keeps {
            dropped = Dropped::joined(dropped, Some(thing.dropped()));
        }
        keeps
    });
    dropped
}
