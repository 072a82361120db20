//! The pass over all captures.
use super::{Datagram, Residue, StreamEvent};
/// Receives what the pass builds.
pub trait StreamSink {
    /// A whole payload.
    fn datagram(&mut self, datagram: Datagram<'_>);
    /// Bytes of a TCP stream.
    fn stream(&mut self, event: StreamEvent<'_>);
}
/// Result.
#[derive(Clone, Debug, Default)]
pub struct Reassembled {}
/// Placeholder of the pass over all captures: follows.
pub fn reassemble(_residues: Vec<Residue>, _sink: &mut impl StreamSink) -> Reassembled {
    Reassembled {}
}
