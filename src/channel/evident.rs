//! Evidently different calls: legs that deduplication counts as one channel although they are two
//! calls (design.md section 12, point 5).

use crate::leg::Cdr;

/// Says whether two CDRs are evidently different calls. What evidence links the
/// legs, or which media they used, is known above; [`SameHop`] judges by the CDRs alone.
pub trait Distinct {
    /// Whether `first` and `other` cannot be one call.
    fn evidently_different(&self, first: &Cdr, other: &Cdr) -> bool;
}

impl<F: Fn(&Cdr, &Cdr) -> bool> Distinct for F {
    fn evidently_different(&self, first: &Cdr, other: &Cdr) -> bool {
        self(first, other)
    }
}

/// Two answered dialogs of one sensor between the same two hosts are two calls: one call crosses a
/// hop once. CDRs of one leg (a split by timeout, a reused Call-ID) are not judged, nor are CDRs
/// without addresses.
#[derive(Clone, Copy, Debug)]
pub struct SameHop;

impl Distinct for SameHop {
    fn evidently_different(&self, first: &Cdr, other: &Cdr) -> bool {
        let hop = |cdr: &Cdr| {
            let (source, destination) = cdr.ends.both();
            (cdr.sensor, source.address, destination.address)
        };
        let (_, source, destination) = hop(first);
        first.leg != other.leg
            && first.connected.is_some()
            && other.connected.is_some()
            && !source.is_unspecified()
            && !destination.is_unspecified()
            && hop(first) == hop(other)
    }
}
