//! SIP over streams: what the pass over all captures puts together, framed into messages.

use super::gather::{Gathering, Origin};
use crate::base::SensorId;
use crate::leg::CaptureRules;
use crate::packet::{
    Datagram, Flow, Residue, Settings, StreamEvent, StreamSink, Transport, reassemble,
};
use crate::sip::{FramedMessage, Framer};

/// Reads the residues of one sensor into the gathering.
pub(super) fn read_streams(
    gathering: &mut Gathering,
    rules: &CaptureRules,
    sensor: SensorId,
    residue: Residue,
) {
    let origin = Origin { sensor, entry_name: Box::default() };
    let mut streams = Streams { gathering, rules, origin, framer: None };
    let reassembled = reassemble(vec![residue], &Settings::default(), &mut streams);
    gathering.ledger += reassembled.ledger;
    gathering.notes.join(reassembled.notes);
    gathering.losses.extend(reassembled.losses);
}

struct Streams<'g> {
    gathering: &'g mut Gathering,
    rules: &'g CaptureRules,
    origin: Origin,
    /// The connection that is being read; directions never interleave.
    framer: Option<(Flow, Framer, bool)>,
}

impl StreamSink for Streams<'_> {
    fn datagram(&mut self, datagram: Datagram<'_>) {
        self.gathering.datagram(&self.origin, &datagram, self.rules);
    }

    fn stream(&mut self, event: StreamEvent<'_>) {
        match event {
            StreamEvent::Start(flow) => self.framer = Some((flow, Framer::new(), false)),
            StreamEvent::Chunk(chunk) => {
                let Some((flow, framer, blind)) = &mut self.framer else { return };
                *blind |= chunk.vendor_blind;
                let (flow, blind) = (*flow, *blind);
                let (gathering, origin, rules) = (&mut *self.gathering, &self.origin, self.rules);
                framer.chunk(chunk.bytes, chunk.time, chunk.record, |message| {
                    take(gathering, origin, rules, flow, blind, &message);
                });
            }
            StreamEvent::Gap(_) => {
                let Some((flow, framer, blind)) = &mut self.framer else { return };
                let (flow, blind) = (*flow, *blind);
                let (gathering, origin, rules) = (&mut *self.gathering, &self.origin, self.rules);
                framer.gap(|message| take(gathering, origin, rules, flow, blind, &message));
            }
            StreamEvent::End(_) => {
                let Some((flow, mut framer, blind)) = self.framer.take() else { return };
                let (gathering, origin, rules) = (&mut *self.gathering, &self.origin, self.rules);
                framer.finish(|message| take(gathering, origin, rules, flow, blind, &message));
            }
        }
    }
}

fn take(
    gathering: &mut Gathering,
    origin: &Origin,
    rules: &CaptureRules,
    flow: Flow,
    vendor_blind: bool,
    message: &FramedMessage<'_>,
) {
    let datagram = Datagram {
        time: message.time,
        record: message.record,
        source: flow.source,
        destination: flow.destination,
        transport: Transport::Tcp,
        payload: message.bytes,
        cut: false,
        vendor_blind,
    };
    gathering.ledger.add("sip.framed", 1);
    gathering.datagram(origin, &datagram, rules);
}
