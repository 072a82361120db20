//! The pass over all captures: residues in, datagrams and streams out, in an order that depends on
//! nothing but the records.

use super::assemble::{Assembled, Whole, assemble};
use super::bound::{Dropped, Horizon};
use super::counters::Outcome;
use super::fragment::{Fragment, FragmentKey};
use super::framing::{Framer, Kind, is_text, kind};
use super::residue::settle_one;
use super::sctp::{SctpKey, SctpPart};
use super::segment::FlowSegments;
use super::stream::{Connection, Step, connections};
use super::walk::{Held, Walk};
use super::{Datagram, Flow, Residue, Settings, StreamChunk, StreamEvent, StreamGap, Transport};
use crate::base::limits::{STREAM_CLASSIFY_BYTES_MAX, TUNNEL_DEPTH_MAX};
use crate::base::{
    CaptureTime, Endpoint, Ledger, Loss, LossKind, Note, NoteKind, Notes, RecordRef,
};
use memchr::memmem;
use std::collections::BTreeMap;

/// Receives what the pass builds.
pub trait StreamSink {
    /// A whole payload: a defragmented datagram, an SCTP, WebSocket or HEP message.
    fn datagram(&mut self, datagram: Datagram<'_>);
    /// The bytes of a TCP stream that carries SIP, to be framed by Content-Length.
    fn stream(&mut self, event: StreamEvent<'_>);
}

/// What the pass says besides what it builds.
#[derive(Clone, Debug, Default)]
pub struct Reassembled {
    /// Counters `packet.*`.
    pub ledger: Ledger,
    /// Anomalies.
    pub notes: Notes,
    /// What could not be read.
    pub losses: Vec<Loss>,
}

/// Builds what the records of all captures give together. Fragments first, because they may hold
/// TCP or SCTP; then streams by flow; then SCTP by association.
pub fn reassemble(
    residues: Vec<Residue>,
    settings: &Settings,
    sink: &mut impl StreamSink,
) -> Reassembled {
    let mut all = Residue::default();
    for residue in residues {
        all.join(residue);
    }
    settle_one(&mut all);
    let mut pass = Pass { settings, sink, said: Reassembled::default() };
    // A reassembled datagram may be a tunnel with fragments inside.
    for _ in 0..TUNNEL_DEPTH_MAX {
        if all.fragments.is_empty() {
            break;
        }
        let inner = pass.fragments(std::mem::take(&mut all.fragments));
        all.join(inner);
        settle_one(&mut all);
    }
    pass.beyond_caps(&all);
    let mut tls = BTreeMap::new();
    for (flow, segments) in all.flows {
        pass.flow(flow, segments, &mut tls);
    }
    pass.encrypted(tls);
    for (key, parts) in all.sctp {
        pass.association(key, parts);
    }
    pass.said
}

struct Pass<'p> {
    settings: &'p Settings,
    sink: &'p mut dyn StreamSink,
    said: Reassembled,
}

type Ends = (Endpoint, Endpoint);

impl Pass<'_> {
    /// Puts fragments together and gives back what waits further.
    fn fragments(&mut self, fragments: BTreeMap<FragmentKey, Vec<Fragment>>) -> Residue {
        let mut held = Held::default();
        for (key, fragments) in fragments {
            let (total, mut seen_total) = (fragments.len(), 0);
            for assembled in assemble(fragments) {
                let (whole, seen) = match assembled {
                    Assembled::Whole(whole) => {
                        self.count("packet.fragments_used", whole.fragments);
                        seen_total += whole.fragments;
                        (Some(whole), Vec::new())
                    }
                    Assembled::Incomplete { head, seen } => {
                        self.count("packet.fragments_incomplete", seen.len());
                        seen_total += seen.len();
                        (head, seen)
                    }
                };
                self.missing_fragments(whole.as_ref(), &seen);
                if let Some(mut whole) = whole {
                    whole.frame.vlan = key.vlan;
                    let sink = &mut |datagram: Datagram<'_>| self.sink.datagram(datagram);
                    let mut walk = Walk { held: &mut held, sink };
                    let outcome =
                        walk.extensions(whole.frame, key.addresses, whole.protocol, &whole.bytes);
                    if outcome != Outcome::Datagram {
                        self.count("packet.fragmented_without_datagram", 1);
                    }
                    if outcome == Outcome::TooDeep {
                        let (record, time) = (whole.frame.record, whole.frame.time);
                        let dropped = Dropped::of(record, time, 1, whole.bytes.len());
                        self.beyond(dropped, "packets have more encapsulations than are taken off");
                    }
                }
            }
            self.count("packet.fragments_duplicate", total - seen_total);
        }
        if let Some(dropped) = held.hep_over_limit {
            self.beyond(dropped, "compressed HEP payloads are longer than what is kept");
        }
        self.said.ledger += std::mem::take(&mut held.ledger);
        held.take_residue()
    }

    /// What the caps on all captures together dropped.
    fn beyond_caps(&mut self, all: &Residue) {
        let Horizon { copies, dropped, .. } = all.fragments_horizon;
        self.said.ledger.add("packet.fragments_duplicate", copies);
        self.said.ledger.add("packet.fragments_dropped", dropped.map_or(0, |part| part.count));
        let Horizon { copies, dropped, .. } = all.sctp_horizon;
        self.said.ledger.add("packet.sctp_parts_duplicate", copies);
        self.said.ledger.add("packet.sctp_parts_dropped", dropped.map_or(0, |part| part.count));
        for (what, horizon) in [
            ("IP fragments", &all.fragments_horizon),
            ("TCP segments of SIP", &all.segments_horizon),
            ("parts of SCTP messages", &all.sctp_horizon),
        ] {
            if let Some(dropped) = horizon.dropped {
                let detail = format!(
                    "{what} from here on were dropped: all captures together hold more than is \
                     kept; read them in parts with --from and --to"
                );
                self.beyond(dropped, &detail);
            }
        }
        for dropped in [all.segments_horizon.dropped, all.forgotten].into_iter().flatten() {
            self.said.ledger.add("packet.tcp_segments_dropped", dropped.count);
        }
        if let Some(dropped) = all.forgotten {
            self.beyond(dropped, "more TCP connections without a sign of SIP than are remembered");
        }
    }

    /// A datagram without all of its fragments is a loss when what is there looks like SIP.
    fn missing_fragments(&mut self, head: Option<&Whole>, seen: &[Fragment]) {
        let (Some(first), Some(last)) = (seen.first(), seen.last()) else { return };
        self.count("packet.datagrams_incomplete", 1);
        if seen.iter().any(Fragment::is_media_head) {
            return;
        }
        // The head of UDP or TCP begins with the transport header.
        let sample = match head {
            Some(whole) => whole.bytes.get(if whole.protocol == 6 { 20 } else { 8 }..),
            None => Some(&*first.bytes),
        };
        if sample.is_some_and(is_text) {
            let when = (first.time, last.time);
            let bytes = seen.iter().map(|fragment| fragment.bytes.len() as u64).sum();
            let detail = "fragments of a datagram that looks like SIP are missing";
            self.gap(NoteKind::FragmentMissing, first.record, when, bytes, detail.to_owned());
        }
    }

    fn flow(&mut self, flow: Flow, known: FlowSegments, tls: &mut BTreeMap<Ends, Dropped>) {
        let ends = (flow.source.min(flow.destination), flow.source.max(flow.destination));
        let mut encrypted = |dropped: Dropped| {
            tls.entry(ends).and_modify(|both| *both = both.join(dropped)).or_insert(dropped);
        };
        self.said.ledger.add("packet.segments_duplicate", known.copies);
        if let Some(dropped) = known.dropped {
            self.count("packet.tcp_flows_dropped", 1);
            self.said.ledger.add("packet.tcp_segments_dropped", dropped.count);
            if known.dropped_tls && !known.signed {
                encrypted(dropped);
            } else if known.signed || self.has_port(flow, &self.settings.sip_ports) {
                let ends = format!("{} to {}", flow.source, flow.destination);
                let what = if known.signed { "shows SIP later" } else { "is on a SIP port" };
                let detail = format!("{ends}: TCP without a sign of SIP, dropped; it {what}");
                self.beyond(dropped, &detail);
            }
        }
        for connection in connections(known.segments) {
            if !self.connection(flow, &connection)
                && let Some(dropped) = connection.tls()
            {
                encrypted(dropped);
            }
        }
    }

    /// Reads a connection; false when it carries nothing of ours.
    fn connection(&mut self, flow: Flow, connection: &Connection) -> bool {
        let steps = connection.steps();
        let (segments, duplicate) = connection.segment_counts(&steps);
        let Some(kind) = classify(connection, &steps) else {
            self.said.ledger.add("packet.segments_not_sip", segments);
            return false;
        };
        self.count("packet.streams", 1);
        self.said.ledger.add("packet.segments_used", segments - duplicate);
        self.said.ledger.add("packet.segments_duplicate", duplicate);
        self.gaps(flow, connection, &steps);
        if kind == Kind::Sip {
            self.sink.stream(StreamEvent::Start(flow));
            for step in &steps {
                self.sink.stream(match step {
                    Step::Gap(missing_bytes) => {
                        StreamEvent::Gap(StreamGap { flow, missing_bytes: *missing_bytes })
                    }
                    Step::Bytes(piece) => StreamEvent::Chunk(StreamChunk {
                        flow,
                        time: piece.time,
                        record: piece.record,
                        bytes: connection.bytes(piece),
                        vendor_blind: piece.vendor_blind,
                    }),
                });
            }
            self.sink.stream(StreamEvent::End(flow));
        } else {
            self.framed(Framer::new(flow, kind), connection, &steps);
        }
        true
    }

    fn framed(&mut self, mut framer: Framer, connection: &Connection, steps: &[Step]) {
        let mut delivered = 0;
        let mut place = None;
        for step in steps {
            match step {
                Step::Gap(_) => framer.gap(),
                Step::Bytes(piece) => {
                    place.get_or_insert(piece.record);
                    framer.push(piece, connection.bytes(piece), &mut |datagram| {
                        delivered += 1;
                        self.sink.datagram(datagram);
                    });
                }
            }
        }
        self.count("packet.datagrams", delivered);
        self.said.ledger.add("packet.framed_messages_compressed", framer.compressed);
        self.said.ledger.add("packet.framed_messages_too_long", framer.too_long);
        let unread = framer.compressed + framer.too_long;
        if let (Some(record), Some(when)) = (place, connection.span())
            && unread > 0
        {
            let detail = format!("{unread} compressed or too long messages were not read whole");
            self.gap(NoteKind::Unsupported, record, when, 0, detail);
        }
    }

    /// Notes and losses for the missing bytes of a stream.
    fn gaps(&mut self, flow: Flow, connection: &Connection, steps: &[Step]) {
        let Some((first, last)) = connection.span() else { return };
        let mut before: Option<(CaptureTime, RecordRef)> = None;
        for (index, step) in steps.iter().enumerate() {
            match step {
                Step::Bytes(piece) => before = Some((piece.time, piece.record)),
                Step::Gap(missing) => {
                    let after = match steps.get(index + 1) {
                        Some(Step::Bytes(piece)) => Some((piece.time, piece.record)),
                        _ => None,
                    };
                    let Some((_, record)) = before.or(after) else { continue };
                    let from = before.map_or(first, |(time, _)| time);
                    let to = after.map_or(last, |(time, _)| time);
                    let when = (from.min(to), from.max(to));
                    let detail =
                        format!("{} to {}: {missing} bytes missing", flow.source, flow.destination);
                    self.count("packet.stream_gaps", 1);
                    self.gap(NoteKind::StreamGap, record, when, *missing, detail);
                }
            }
        }
    }

    fn encrypted(&mut self, tls: BTreeMap<Ends, Dropped>) {
        for ((left, right), dropped) in tls {
            self.count("packet.tls_flows", 1);
            let flow = Flow { source: left, destination: right };
            if !self.has_port(flow, &self.settings.tls_sip_ports) {
                continue;
            }
            let detail = format!("{left} and {right}: TLS on a SIP port");
            self.note(NoteKind::Encrypted, dropped.record, detail.clone());
            self.said.losses.push(Loss {
                when: Some((dropped.first, dropped.last)),
                kind: LossKind::Encrypted,
                file: dropped.file,
                bytes: dropped.bytes,
                detail,
            });
        }
    }

    /// The fragmented messages of one direction of an SCTP association.
    fn association(&mut self, key: SctpKey, parts: Vec<SctpPart>) {
        let total = parts.len();
        let runs = super::sctp::runs(parts);
        let used: usize = runs.iter().map(Vec::len).sum();
        self.count("packet.sctp_parts_duplicate", total - used);
        for run in runs {
            let (Some(first), Some(last)) = (run.first(), run.last()) else { continue };
            let whole = first.begins && last.ends;
            let latest = run.iter().max_by_key(|part| (part.time, part.record)).unwrap_or(first);
            let payload =
                run.iter().flat_map(|part| part.bytes.iter().copied()).collect::<Vec<_>>();
            let cut = !last.ends || run.iter().any(|part| part.missing > 0);
            self.count("packet.sctp_parts_used", run.len());
            if !whole && is_text(&payload) {
                let times = run.iter().map(|part| part.time);
                let when = (times.clone().min().unwrap_or(first.time), latest.time);
                let detail = "parts of an SCTP message are missing".to_owned();
                self.gap(NoteKind::FragmentMissing, first.record, when, 0, detail);
            }
            // A part without user data is an error of its sender (RFC 9260 section 3.3.1), and no datagram.
            if first.begins && !payload.is_empty() {
                self.count("packet.datagrams", 1);
                self.sink.datagram(Datagram {
                    time: latest.time,
                    record: latest.record,
                    source: key.source,
                    destination: key.destination,
                    transport: Transport::Sctp,
                    payload: &payload,
                    cut,
                    vendor_blind: true,
                });
            }
        }
    }

    fn has_port(&self, flow: Flow, ports: &[u16]) -> bool {
        ports.contains(&flow.source.port) || ports.contains(&flow.destination.port)
    }

    fn count(&mut self, name: &'static str, amount: usize) {
        self.said.ledger.add(name, amount as u64);
    }

    fn note(&mut self, kind: NoteKind, record: RecordRef, detail: String) {
        let RecordRef { capture, index } = record;
        self.said.notes.add(Note { capture, offset: None, record: Some(index), kind, detail });
    }

    /// A note and a loss of what a cap dropped.
    fn beyond(&mut self, dropped: Dropped, detail: &str) {
        self.note(NoteKind::Limit, dropped.record, detail.to_owned());
        self.said.losses.push(Loss {
            when: Some((dropped.first, dropped.last)),
            kind: LossKind::Limit,
            file: dropped.file,
            bytes: dropped.bytes,
            detail: detail.to_owned(),
        });
    }

    /// A note and a loss of missing bytes.
    fn gap(
        &mut self,
        kind: NoteKind,
        record: RecordRef,
        when: (CaptureTime, CaptureTime),
        bytes: u64,
        detail: String,
    ) {
        self.note(kind, record, detail.clone());
        let file = record.capture.file;
        self.said.losses.push(Loss { when: Some(when), kind: LossKind::Gap, file, bytes, detail });
    }
}

/// What a connection carries: what the beginning of any of its runs shows, or any segment that names
/// the SIP version; absent when it is nothing of ours.
fn classify(connection: &Connection, steps: &[Step]) -> Option<Kind> {
    let mut run: Vec<u8> = Vec::new();
    for step in steps {
        match step {
            Step::Bytes(piece) if run.len() < STREAM_CLASSIFY_BYTES_MAX => {
                // A stream entered in its middle mostly shows a frame at the start of a segment.
                let bytes = connection.bytes(piece);
                if super::websocket::begins_sip_frame(bytes) && kind(&run).is_none() {
                    return Some(Kind::WebSocket);
                }
                run.extend_from_slice(bytes);
            }
            Step::Bytes(_) => {}
            Step::Gap(_) => {
                if let Some(kind) = kind(&run) {
                    return Some(kind);
                }
                run.clear();
            }
        }
    }
    kind(&run).or_else(|| {
        steps
            .iter()
            .any(|step| match step {
                Step::Bytes(piece) => memmem::find(connection.bytes(piece), b"SIP/2.0").is_some(),
                Step::Gap(_) => false,
            })
            .then_some(Kind::Sip)
    })
}
