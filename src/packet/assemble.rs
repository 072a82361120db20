//! Fragments of one key to whole datagrams, as a function of their set.
//!
//! The fragments are sorted by time and content and then taken as a receiver would: what arrived first
//! keeps its place where fragments overlap; the same bytes again change nothing; other bytes at a
//! place that is already filled, from a fragment of the same extent, mean that the identification was
//! used again. (RFC 5722 would drop an IPv6 datagram with overlaps; a capture that sees a packet twice
//! must not lose it.) The time is that of the latest fragment needed.

use super::fragment::Fragment;
use super::frame::Frame;
use crate::base::NS_PER_S;
use crate::base::limits::FRAGMENT_WAIT_SECONDS;

/// A reassembled IP payload, or the beginning of one.
#[derive(Clone, Debug)]
pub(super) struct Whole {
    /// Time and record of the fragment that completed it; `missing` when bytes lack at its end.
    pub(super) frame: Frame,
    pub(super) protocol: u8,
    /// How many fragments it is made of.
    pub(super) fragments: usize,
    pub(super) bytes: Vec<u8>,
}

/// What the fragments of one key gave.
#[derive(Clone, Debug)]
pub(super) enum Assembled {
    /// All fragments were there.
    Whole(Whole),
    /// Some are in no capture: the beginning, when there is one, and all fragments that were seen.
    Incomplete { head: Option<Whole>, seen: Vec<Fragment> },
}

/// The datagrams of one key, in order of time.
pub(super) fn assemble(mut fragments: Vec<Fragment>) -> Vec<Assembled> {
    fragments.sort_unstable();
    let mut groups: Vec<Group> = Vec::new();
    for fragment in fragments {
        match groups.last_mut() {
            Some(group) if group.takes(&fragment) => group.add(fragment),
            _ => groups.push(Group::of(fragment)),
        }
    }
    groups.into_iter().map(Group::finish).collect()
}

/// The whole payload of fragments that lie end to end without overlap, in any order; the cheap test of
/// the common case.
pub(super) fn contiguous(fragments: &[Fragment]) -> Option<Whole> {
    let total = fragments.iter().find(|fragment| !fragment.more)?.end();
    let sum: usize = fragments.iter().map(|fragment| fragment.bytes.len()).sum();
    if sum != total as usize {
        return None;
    }
    let mut group = Group::default();
    let mut sorted: Vec<&Fragment> = fragments.iter().collect();
    sorted.sort_unstable();
    for fragment in sorted {
        group.add(fragment.clone());
    }
    group.whole()
}

/// Fragments of one datagram, in order of time.
#[derive(Debug, Default)]
struct Group {
    seen: Vec<Fragment>,
    /// Places filled: (start, end, index of the fragment), sorted, disjoint.
    filled: Vec<(u32, u32, usize)>,
}

impl Group {
    fn of(fragment: Fragment) -> Self {
        let mut group = Self::default();
        group.add(fragment);
        group
    }

    /// Whether a fragment can belong to this datagram.
    fn takes(&self, fragment: &Fragment) -> bool {
        let in_time = self.seen.first().is_some_and(|first| {
            fragment.time.since_ns(first.time) <= FRAGMENT_WAIT_SECONDS * NS_PER_S
        });
        let other_bytes = self.seen.iter().any(|kept| {
            kept.offset == fragment.offset
                && kept.end() == fragment.end()
                && (kept.more != fragment.more || !same_beginning(&kept.bytes, &fragment.bytes))
        });
        let whole_without_it =
            self.total().is_some_and(|total| self.filled_to() == total && fragment.end() > total);
        in_time && !other_bytes && !whole_without_it
    }

    /// Length of the whole payload, once the last fragment is known.
    fn total(&self) -> Option<u32> {
        self.seen.iter().find(|fragment| !fragment.more).map(Fragment::end)
    }

    /// End of the bytes that lie without gap from 0 on.
    fn filled_to(&self) -> u32 {
        let mut end = 0;
        for (start, stop, _) in &self.filled {
            if *start > end {
                break;
            }
            end = *stop;
        }
        end
    }

    fn add(&mut self, fragment: Fragment) {
        let index = self.seen.len();
        let end = fragment.end().saturating_sub(fragment.missing);
        let mut at = fragment.offset;
        let mut added = Vec::new();
        for (start, stop, _) in &self.filled {
            if at >= end {
                break;
            }
            if *start > at {
                added.push((at, end.min(*start), index));
            }
            at = at.max(*stop);
        }
        if at < end {
            added.push((at, end, index));
        }
        // A fragment that brings nothing new is a duplicate and need not stay.
        if !added.is_empty() {
            self.filled.extend(added);
            self.filled.sort_unstable();
            self.seen.push(fragment);
        }
    }

    fn whole(&self) -> Option<Whole> {
        let total = self.total()?;
        (self.filled_to() >= total).then(|| self.head(total, 0)).flatten()
    }

    /// The bytes from 0 to `end`.
    fn head(&self, end: u32, missing: u32) -> Option<Whole> {
        let first = self.seen.iter().find(|fragment| fragment.offset == 0)?;
        let mut bytes = Vec::with_capacity(end as usize);
        let (mut latest, mut vendor_blind) = (first, false);
        for (start, stop, index) in self.filled.iter().filter(|(start, ..)| *start < end) {
            let fragment = &self.seen[*index];
            let from = (start - fragment.offset) as usize;
            let to = (stop.min(&end) - fragment.offset) as usize;
            bytes.extend_from_slice(fragment.bytes.get(from..to)?);
            latest = if (fragment.time, fragment.record) > (latest.time, latest.record) {
                fragment
            } else {
                latest
            };
            vendor_blind |= fragment.vendor_blind;
        }
        let frame = Frame {
            missing,
            depth: first.depth,
            vendor_blind,
            ..Frame::new(latest.time, latest.record)
        };
        Some(Whole { frame, protocol: first.protocol, fragments: self.seen.len(), bytes })
    }

    fn finish(self) -> Assembled {
        match self.whole() {
            Some(whole) => Assembled::Whole(whole),
            None => {
                let end = self.filled_to();
                let expected = self.total().unwrap_or(end.saturating_add(1));
                let head = self.head(end, expected.saturating_sub(end).max(1));
                Assembled::Incomplete { head, seen: self.seen }
            }
        }
    }
}

/// Whether two copies agree as far as both are there: a snaplen may have cut one of them.
fn same_beginning(left: &[u8], right: &[u8]) -> bool {
    let length = left.len().min(right.len());
    left[..length] == right[..length]
}
