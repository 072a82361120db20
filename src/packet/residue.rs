//! What one capture leaves for the pass over all captures.

use super::Flow;
use super::fragment::{Fragment, FragmentKey};
use super::sctp::{SctpKey, SctpPart};
use super::segment::FlowSegments;
use std::collections::BTreeMap;

/// Fragments, TCP segments and SCTP parts that need others, with owned bytes. Joining residues is
/// commutative and associative up to the order inside, which [`super::reassemble()`] sorts by time.
#[derive(Clone, Debug, Default)]
pub struct Residue {
    pub(super) fragments: BTreeMap<FragmentKey, Vec<Fragment>>,
    pub(super) flows: BTreeMap<Flow, FlowSegments>,
    pub(super) sctp: BTreeMap<SctpKey, Vec<SctpPart>>,
}

impl Residue {
    /// Whether nothing waits for another record.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.fragments.is_empty() && self.flows.is_empty() && self.sctp.is_empty()
    }

    /// Bytes of payload held.
    #[must_use]
    pub fn payload_bytes(&self) -> usize {
        let fragments = self.fragments.values().flatten().map(|fragment| fragment.bytes.len());
        let segments = self.flows.values().flat_map(|flow| &flow.segments);
        let parts = self.sctp.values().flatten().map(|part| part.bytes.len());
        fragments.chain(segments.map(|segment| segment.bytes.len())).chain(parts).sum()
    }

    /// Adds what another capture left.
    pub fn join(&mut self, other: Self) {
        for (key, fragments) in other.fragments {
            self.fragments.entry(key).or_default().extend(fragments);
        }
        for (flow, segments) in other.flows {
            self.flows.entry(flow).or_default().join(segments);
        }
        for (key, parts) in other.sctp {
            self.sctp.entry(key).or_default().extend(parts);
        }
    }
}
