//! SIP over streams: what the pass over all captures puts together, framed into messages.

use super::gather::{Gathering, Origin};
use crate::base::limits::{CALL_REACH_NS, FRAMED_HEAD_BYTES_MAX};
use crate::base::{CaptureTime, Loss, LossKind, Note, NoteKind, RecordRef, SensorId};
use crate::leg::CaptureRules;
use crate::packet::{
    Datagram, Flow, Residue, Settings, StreamEvent, StreamSink, Transport, reassemble,
};
use crate::sip::{FrameEnd, FramedMessage, Framer, Unframed};

/// Reads the residues of one sensor into the gathering.
pub(super) fn read_streams(
    gathering: &mut Gathering,
    rules: &CaptureRules,
    sensor: SensorId,
    residue: Residue,
) {
    let origin = Origin { sensor, entry_name: Vec::new() };
    let mut streams = Streams { gathering, rules, origin, open: None };
    let reassembled = reassemble(vec![residue], &settings(rules), &mut streams);
    gathering.ledger += reassembled.ledger;
    gathering.notes.join(reassembled.notes);
    gathering.losses.extend(reassembled.losses);
}

/// TLS on a port that the user or the configuration calls one of SIP is SIP that cannot be read.
fn settings(rules: &CaptureRules) -> Settings {
    let mut settings = Settings::default();
    let named = || rules.sip_ports.iter().flat_map(|(low, high)| *low..=*high);
    settings.tls_sip_ports.extend(named());
    settings.sip_ports.extend(named());
    settings
}

struct Streams<'g> {
    gathering: &'g mut Gathering,
    rules: &'g CaptureRules,
    origin: Origin,
    /// The connection that is being read; directions never interleave.
    open: Option<Open>,
}

/// One direction of a connection.
struct Open {
    flow: Flow,
    framer: Framer,
    vendor_blind: bool,
    /// Time and record of its first bytes.
    first: Option<(CaptureTime, RecordRef)>,
}

impl StreamSink for Streams<'_> {
    fn datagram(&mut self, datagram: Datagram<'_>) {
        self.gathering.datagram(&self.origin, &datagram, self.rules);
    }

    fn stream(&mut self, event: StreamEvent<'_>) {
        if let StreamEvent::Start(flow) = event {
            let framer = Framer::new();
            self.open = Some(Open { flow, framer, vendor_blind: false, first: None });
            return;
        }
        let Some(open) = &mut self.open else { return };
        if let StreamEvent::Chunk(chunk) = event {
            open.vendor_blind |= chunk.vendor_blind;
            open.first.get_or_insert((chunk.time, chunk.record));
        }
        let (flow, vendor_blind) = (open.flow, open.vendor_blind);
        let (gathering, origin, rules) = (&mut *self.gathering, &self.origin, self.rules);
        let sink = |message: FramedMessage<'_>| {
            take(gathering, origin, rules, flow, vendor_blind, &message);
        };
        match event {
            StreamEvent::Start(_) => {}
            StreamEvent::Chunk(chunk) => {
                open.framer.chunk(chunk.bytes, chunk.time, chunk.record, sink);
            }
            StreamEvent::Gap(_) => open.framer.gap(sink),
            StreamEvent::End(_) => {
                open.framer.finish(sink);
                if let Some(open) = self.open.take() {
                    tell(self.gathering, self.origin.sensor, &open);
                }
            }
        }
    }
}

/// What a direction of a connection held, into the ledger, the notes and the losses.
fn tell(gathering: &mut Gathering, sensor: SensorId, open: &Open) {
    let (flow, tally) = (open.flow, open.framer.tally());
    let ledger = &mut gathering.ledger;
    ledger.add("sip.framed_cut", tally.cut_messages);
    ledger.add("sip.framed_limit", tally.limit_hits);
    ledger.add("sip.framed_bytes_discarded", tally.discarded_bytes);
    ledger.add("sip.framed_long_bodies", tally.long_bodies);
    let Some((began, record)) = open.first else { return };
    if tally.discarded_bytes > 0 {
        let detail = format!(
            "{} to {}: {} bytes of the stream belong to no message",
            flow.source, flow.destination, tally.discarded_bytes
        );
        note(gathering, record, NoteKind::MalformedSip, detail);
    }
    if tally.long_bodies > 0 {
        let detail = format!(
            "{} to {}: {} times a Content-Length is larger than the body",
            flow.source, flow.destination, tally.long_bodies
        );
        note(gathering, record, NoteKind::MalformedSip, detail);
    }
    // Without any message it is no SIP that was read wrongly, but something else.
    if tally.messages == 0 {
        return;
    }
    let first = gathering.spans.get(&sensor).map(|span| span.first);
    let may_have_run = first.is_some_and(|first| began <= first.plus_ns(CALL_REACH_NS));
    for unframed in open.framer.unframed() {
        // The end of a message that began before the captures did: its call is seen from the middle on.
        let is_rest = unframed.leads && unframed.bytes <= FRAMED_HEAD_BYTES_MAX as u64;
        if !(is_rest && may_have_run) {
            gathering.losses.push(unframed_loss(flow, record, unframed));
        }
    }
}

fn unframed_loss(flow: Flow, record: RecordRef, unframed: &Unframed) -> Loss {
    let what = match unframed.bytes {
        0 => "messages that a wrong Content-Length holds up".to_owned(),
        bytes => format!("{bytes} bytes that may have been messages"),
    };
    Loss {
        when: Some((unframed.first, unframed.last)),
        kind: LossKind::Gap,
        file: record.capture.file,
        bytes: unframed.bytes,
        detail: format!("{} to {}: {what}", flow.source, flow.destination),
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
    let whole = match message.end {
        FrameEnd::Complete | FrameEnd::WithoutLength => true,
        FrameEnd::Cut => {
            let what = "a message that is not whole";
            lost(gathering, flow, message, (NoteKind::StreamGap, LossKind::Gap), what);
            false
        }
        FrameEnd::Limit => {
            let what = "a message longer than the cap, kept up to it";
            lost(gathering, flow, message, (NoteKind::Limit, LossKind::Limit), what);
            false
        }
    };
    let datagram = Datagram {
        time: message.time,
        record: message.record,
        source: flow.source,
        destination: flow.destination,
        transport: Transport::Tcp,
        payload: message.bytes,
        cut: !whole,
        vendor_blind,
    };
    gathering.ledger.add("sip.framed", 1);
    gathering.datagram(origin, &datagram, rules);
}

/// A note and a loss about one message.
fn lost(
    gathering: &mut Gathering,
    flow: Flow,
    message: &FramedMessage<'_>,
    (note_kind, kind): (NoteKind, LossKind),
    what: &str,
) {
    let detail = format!("{} to {}: {what}", flow.source, flow.destination);
    let when: Option<(CaptureTime, CaptureTime)> = Some((message.time, message.time));
    let file = message.record.capture.file;
    gathering.losses.push(Loss { when, kind, file, bytes: 0, detail: detail.clone() });
    note(gathering, message.record, note_kind, detail);
}

fn note(gathering: &mut Gathering, record: RecordRef, kind: NoteKind, detail: String) {
    let RecordRef { capture, index } = record;
    gathering.notes.add(Note { capture, offset: None, record: Some(index), kind, detail });
}
