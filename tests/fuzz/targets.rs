//! The targets: bytes in; laws checked; out a number that is new when the result is of a new kind.

use crate::engine::Random;
use respool::base::limits::CONTAINER_DEPTH_MAX;
use respool::base::{CaptureId, CaptureTime, Endpoint, FileId, Ledger, Loss, Note, RecordRef};
use respool::capture::{CaptureEnd, CaptureParser, LinkType, Record, split_ranges};
use respool::container::{ContainerSink, MemberNumber, StreamEnd, UnpackLimits, Unpacker};
use respool::leg::{Scratch, observe};
use respool::packet::{
    Datagram, Dissector, KEPT_COUNTERS, OUTCOME_COUNTERS, Settings, StreamEvent, StreamSink,
    Transport, reassemble,
};
use respool::sip::{self, FrameEnd, Framer};
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

fn hash(value: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// Sizes of pieces that follow from the bytes.
fn pieces(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut random = Random(hash(bytes));
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let most = [1, 7, 16, 100, 512, 5_000][random.below(6)];
        let (piece, left) = rest.split_at(random.below(most).saturating_add(1).min(rest.len()));
        rest = left;
        (!piece.is_empty()).then_some(piece)
    })
}

/// Decoded bytes that a file of a fuzz run may expand to.
const EXPANDED_BYTES_MAX: u64 = 4 << 20;

#[derive(Debug, Default, Eq, PartialEq)]
struct Members {
    open: BTreeMap<MemberNumber, Vec<u8>>,
    closed: Vec<(MemberNumber, Vec<u8>, bool)>,
    notes: Vec<Note>,
    losses: Vec<Loss>,
}

impl ContainerSink for Members {
    fn open(&mut self, member: MemberNumber, _: &[u8]) -> bool {
        assert!(self.open.insert(member, Vec::new()).is_none(), "opened twice");
        true
    }
    fn data(&mut self, member: MemberNumber, bytes: &[u8]) {
        self.open.get_mut(&member).expect("open").extend_from_slice(bytes);
    }
    fn close(&mut self, member: MemberNumber, end: StreamEnd) {
        let bytes = self.open.remove(&member).expect("closed once");
        self.closed.push((member, bytes, end == StreamEnd::Cut));
    }
    fn note(&mut self, note: Note) {
        self.notes.push(note);
    }
    fn loss(&mut self, loss: Loss) {
        self.losses.push(loss);
    }
}

fn unpack<'b>(pieces: impl Iterator<Item = &'b [u8]>) -> Members {
    let limits = UnpackLimits {
        expanded_bytes: EXPANDED_BYTES_MAX,
        depth: CONTAINER_DEPTH_MAX,
        ..UnpackLimits::default()
    };
    let mut members = Members::default();
    let mut unpacker = Unpacker::with_limits(FileId(0), limits);
    for piece in pieces {
        unpacker.push(piece, &mut members);
    }
    unpacker.finish(&mut members);
    assert!(members.open.is_empty(), "a stream was never closed");
    members
}

/// Containers: the same streams, notes and losses whatever the pieces; bounded; every loss noted.
pub(crate) fn container(bytes: &[u8]) -> u64 {
    let whole = unpack(std::iter::once(bytes));
    let in_pieces = unpack(pieces(bytes));
    assert_eq!(whole, in_pieces, "pieces change what comes out");
    let total: usize = whole.closed.iter().map(|(_, bytes, _)| bytes.len()).sum();
    assert!(total as u64 <= EXPANDED_BYTES_MAX + bytes.len() as u64, "{total} bytes came out");
    assert!(whole.losses.len() <= whole.notes.len(), "a loss without a note");
    let shape: Vec<_> =
        whole.closed.iter().map(|(_, bytes, cut)| (bytes.len().min(3), *cut)).take(6).collect();
    let notes: Vec<_> =
        whole.notes.iter().map(|note| (note.kind, words(&note.detail))).take(6).collect();
    hash((shape, notes))
}

/// A detail without its numbers and names.
fn words(detail: &str) -> String {
    let end = detail.rsplit(": ").next().unwrap_or_default();
    end.chars().filter(|letter| letter.is_ascii_lowercase()).collect()
}

type OwnedRecord = (u32, u64, CaptureTime, LinkType, u32, Vec<u8>);

fn parse<'b>(pieces: impl Iterator<Item = &'b [u8]>) -> (Vec<OwnedRecord>, CaptureEnd) {
    let mut records = Vec::new();
    let mut keep = |record: Record<'_>| {
        let Record { time, index, offset, link, bytes, original_length } = record;
        records.push((index, offset, time, link, original_length, bytes.to_vec()));
    };
    let mut parser = CaptureParser::new(CaptureId::default());
    for piece in pieces {
        parser.push(piece, &mut keep);
    }
    let end = parser.finish(&mut keep);
    (records, end)
}

/// The records of a capture.
pub(crate) fn records(bytes: &[u8]) -> Vec<OwnedRecord> {
    parse(std::iter::once(bytes)).0
}

/// Captures: the same records whatever the pieces and ranges; numbered; no byte is used twice.
pub(crate) fn capture(bytes: &[u8]) -> u64 {
    let (whole, end) = parse(std::iter::once(bytes));
    let (in_pieces, other_end) = parse(pieces(bytes));
    assert_eq!(whole, in_pieces, "pieces change the records");
    assert_eq!((&end.notes, &end.losses), (&other_end.notes, &other_end.losses));
    assert_eq!(end.records, whole.len() as u64);
    let mut used = 0u64;
    for ((index, offset, .., data), number) in whole.iter().zip(1..) {
        assert_eq!(*index, number);
        assert!(*offset >= used, "record {index} at {offset} overlaps");
        used = offset + data.len() as u64;
    }
    assert!(used <= bytes.len() as u64);
    let lost: u64 = end.losses.iter().map(|loss| loss.bytes).sum();
    assert!(lost <= bytes.len() as u64, "{lost} bytes lost of {}", bytes.len());
    if let Some((header, ranges)) = split_ranges(bytes, 300) {
        let mut parts = Vec::new();
        for range in ranges {
            let mut parser = CaptureParser::resume_at(
                CaptureId::default(),
                header,
                range.bytes.start as u64,
                range.first_index,
            );
            let mut keep = |record: Record<'_>| parts.push((record.offset, record.bytes.to_vec()));
            parser.push(&bytes[range.bytes], &mut keep);
            parser.finish(&mut keep);
        }
        let expect: Vec<_> =
            whole.iter().map(|(_, offset, .., data)| (*offset, data.clone())).collect();
        assert_eq!(parts, expect, "ranges change the records");
    }
    let notes: Vec<_> = end.notes.kept().map(|note| (note.kind, words(&note.detail))).collect();
    hash((whole.len().min(12), end.format, notes, end.losses.len().min(4)))
}

#[derive(Default)]
struct Taken {
    datagrams: u64,
    sizes: Vec<(Transport, bool)>,
    /// Transport, moment, whether cut, a hash of the bytes.
    delivered: Vec<(Transport, CaptureTime, bool, u64)>,
    framer: Option<Framer>,
    messages: Vec<(Vec<u8>, FrameEnd)>,
}

impl Taken {
    /// What was delivered, in an order of its own.
    fn payloads(&self) -> Vec<(Transport, CaptureTime, bool, u64)> {
        let mut payloads = self.delivered.clone();
        payloads.sort_unstable();
        payloads
    }
}

impl StreamSink for Taken {
    fn datagram(&mut self, datagram: Datagram<'_>) {
        self.datagrams += 1;
        assert!(!datagram.payload.is_empty());
        let Datagram { transport, time, cut, payload, .. } = datagram;
        self.sizes.push((transport, cut));
        self.delivered.push((transport, time, cut, hash(payload)));
        if sip::looks_like_sip(datagram.payload)
            && let Some(message) = sip::scan(datagram.payload)
        {
            let mut leg = respool::leg::Leg::new(respool::base::SensorId(0), message.call_id());
            observe(&mut leg, &datagram, &message, &mut Scratch::default());
        }
    }

    fn stream(&mut self, event: StreamEvent<'_>) {
        let messages = &mut self.messages;
        let mut keep = |message: sip::FramedMessage<'_>| {
            messages.push((message.bytes.to_vec(), message.end));
        };
        match event {
            StreamEvent::Start(_) => {
                assert!(self.framer.is_none(), "streams interleave");
                self.framer = Some(Framer::new());
            }
            StreamEvent::Chunk(chunk) => {
                assert!(!chunk.bytes.is_empty());
                let framer = self.framer.as_mut().expect("started");
                framer.chunk(chunk.bytes, chunk.time, chunk.record, &mut keep);
            }
            StreamEvent::Gap(gap) => {
                assert!(gap.missing_bytes > 0);
                self.framer.as_mut().expect("started").gap(&mut keep);
            }
            StreamEvent::End(_) => self.framer.take().expect("started").finish(&mut keep),
        }
    }
}

/// Dissects records, dealt to `captures` captures in turn, and puts streams together.
fn dissect(records: &[OwnedRecord], captures: u32) -> (Taken, Ledger, Vec<Note>) {
    let (mut taken, mut ledger, mut residues) = (Taken::default(), Ledger::default(), Vec::new());
    let mut notes = Vec::new();
    for number in 0..captures {
        let mut dissector = Dissector::new(CaptureId { file: FileId(number), member: 0 });
        for (index, offset, time, link, original_length, bytes) in records {
            if index % captures == number {
                let (index, offset, time, link) = (*index, *offset, *time, *link);
                let original_length = *original_length;
                let record = Record { time, index, offset, link, bytes, original_length };
                dissector.record(&record, &mut |datagram| taken.datagram(datagram));
            }
        }
        let dissected = dissector.finish();
        let outcomes: u64 = OUTCOME_COUNTERS.iter().map(|name| dissected.ledger.value(name)).sum();
        assert_eq!(outcomes, dissected.ledger.value("packet.records"));
        ledger += dissected.ledger;
        notes.extend(dissected.notes.kept().cloned());
        residues.push(dissected.residue);
    }
    let reassembled = reassemble(residues, &Settings::default(), &mut taken);
    assert!(taken.framer.is_none(), "a stream was not ended");
    ledger += reassembled.ledger;
    notes.extend(reassembled.notes.kept().cloned());
    assert_eq!(taken.datagrams, ledger.value("packet.datagrams"), "datagrams that nobody counted");
    for (kept, ends) in KEPT_COUNTERS {
        let ended: u64 = ends.iter().map(|name| ledger.value(name)).sum();
        assert_eq!(ended, ledger.value(kept), "{kept}: {ledger:?}");
    }
    (taken, ledger, notes)
}

fn kinds(ledger: &Ledger, taken: &Taken, notes: &[Note]) -> u64 {
    let counters: Vec<_> = ledger.iter().map(|(name, value)| (name, value.min(3))).collect();
    let notes: Vec<_> = notes.iter().map(|note| (note.kind, words(&note.detail))).collect();
    let mut sizes = taken.sizes.clone();
    sizes.sort_unstable();
    sizes.dedup();
    let ends: Vec<_> = taken.messages.iter().map(|(_, end)| *end).take(5).collect();
    hash((counters, sizes, ends, notes))
}

/// Packets: every record has one outcome, every datagram is counted.
pub(crate) fn packet(bytes: &[u8]) -> u64 {
    let records = records(bytes);
    let (taken, ledger, notes) = dissect(&records, 1);
    assert_eq!(ledger.value("packet.records"), records.len() as u64);
    kinds(&ledger, &taken, &notes)
}

/// What one body gives back at the most: its last 64 bytes, and as many of line ends.
const TAKEN_BACK_BYTES_MAX: usize = 128;

/// SIP: every view lies inside the message, every accessor ends, framing does not mind the pieces.
pub(crate) fn sip(bytes: &[u8]) -> u64 {
    let looks = sip::looks_like_sip(bytes);
    let frame = |pieces: &mut dyn Iterator<Item = &[u8]>| {
        let mut framer = Framer::new();
        let mut messages = Vec::new();
        let mut keep = |message: sip::FramedMessage<'_>| {
            messages.push((message.bytes.to_vec(), message.end));
        };
        for piece in pieces {
            framer.chunk(piece, CaptureTime::MIN, RecordRef::default(), &mut keep);
        }
        framer.finish(&mut keep);
        (messages, framer.tally())
    };
    let (framed, tally) = frame(&mut std::iter::once(bytes));
    assert_eq!((&framed, tally), (&frame(&mut pieces(bytes)).0, frame(&mut pieces(bytes)).1));
    let given: usize = framed.iter().map(|(bytes, _)| bytes.len()).sum();
    // No byte is used twice but those that a body too long had of the next message.
    let taken_back = tally.taken_back_bytes as usize;
    assert!(given + tally.discarded_bytes as usize <= bytes.len() + taken_back);
    assert!(taken_back <= TAKEN_BACK_BYTES_MAX * tally.long_bodies as usize);
    let Some(message) = sip::scan(bytes) else { return hash((looks, framed.len().min(3))) };
    let headers = message.all_headers().count();
    assert!(headers <= bytes.len());
    let mut lengths = message.call_id().len() + message.via_branch().len();
    for party in [message.from(), message.to(), message.contact()] {
        let uri = party.uri();
        lengths += party.tag().len() + party.display().len() + uri.user().len() + uri.host().len();
        lengths += uri.headers().count() + usize::from(uri.port().is_some());
    }
    for header in message.all_headers() {
        let value = header.value;
        lengths += sip::name_addrs(value).map(|found| found.uri().host().len()).sum::<usize>();
        lengths += sip::vendor_number(value, false, true).len() + sip::percent_decode(value).len();
        lengths += sip::parse_replaces(value).call_id.len();
        let _ = sip::parse_session_id(value);
        let _ = sip::parse_target_dialog(value);
        let _ = sip::parse_reason(value);
        let _ = sip::icid_value(value);
    }
    let parts = sip::parts(&message).count();
    let media = sip::sdp_body(&message).map(|body| {
        sip::sdp::media(body).map(|media| media.codecs().count().min(2)).take(4).collect::<Vec<_>>()
    });
    let _ = (sip::sipfrag_status(&message), sip::recording_metadata(&message));
    assert!(message.body().len() + message.trailing().len() <= bytes.len());
    let datagram = Datagram {
        time: CaptureTime::from_ns(0),
        record: RecordRef::default(),
        source: Endpoint::UNKNOWN,
        destination: Endpoint::UNKNOWN,
        transport: Transport::Udp,
        payload: bytes,
        cut: false,
        vendor_blind: false,
    };
    let mut leg = respool::leg::Leg::new(respool::base::SensorId(0), message.call_id());
    observe(&mut leg, &datagram, &message, &mut Scratch::default());
    let anomalies: Vec<_> = message.anomalies().iter().collect();
    hash((
        (looks, message.method(), message.status().map(|status| status / 100)),
        (headers.min(12), lengths.min(1), parts.min(4), media),
        (anomalies, framed.iter().map(|(_, end)| *end).take(4).collect::<Vec<_>>()),
    ))
}

/// TCP: the first byte is the number of plan bytes that follow; the rest is one stream. Each plan byte
/// makes one segment: its low bits where it begins, its high bits how long it is, whether it comes
/// late, and whether it begins a connection. The same segments from one capture or three give the same.
pub(crate) fn tcp(bytes: &[u8]) -> u64 {
    let (plan, stream) = match bytes.split_first() {
        Some((count, rest)) => rest.split_at(usize::from(*count % 32).min(rest.len())),
        None => return 0,
    };
    let plan = if plan.is_empty() { &[0xff][..] } else { plan };
    let mut records = Vec::new();
    let mut sequence = 0xffff_ff00u32;
    for (index, step) in (1u32..).zip(plan) {
        let part = stream.len() / plan.len() + 1;
        let from = (part * (index as usize - 1)).min(stream.len());
        let from = from.saturating_sub(usize::from(step & 0x0f) * (part / 16 + 1));
        let length = if step & 0xe0 == 0xe0 { stream.len() } else { part + usize::from(step >> 5) };
        let until = from.saturating_add(length).min(stream.len()).min(from + 60_000);
        let place = sequence.wrapping_add(u32::try_from(from).unwrap());
        let syn = step & 0x1f == 0x11;
        let segment = crate::seeds::tcp(place, if syn { 2 } else { 0x18 }, &stream[from..until]);
        let mut packet = vec![0x45, 0];
        packet.extend(u16::try_from(segment.len() + 20).unwrap().to_be_bytes());
        packet.extend([0, 9, 0, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
        packet.extend(&segment);
        let second = i64::from(index) + if step & 0x10 == 0 { 0 } else { 3 };
        let time = CaptureTime::from_parts(1_700_000_000 + second, i64::from(index));
        let missing = if *step == 0x33 { 5 } else { 0 };
        let length = u32::try_from(packet.len()).unwrap() + missing;
        records.push((index, 0, time, LinkType(101), length, packet));
        if *step == 0x77 {
            sequence = sequence.wrapping_add(1 << 29);
        }
    }
    let (taken, ledger, notes) = dissect(&records, 1);
    for captures in [2, 3] {
        let (dealt, dealt_ledger, _) = dissect(&records, captures);
        assert_eq!(taken.messages, dealt.messages, "captures change the streams");
        assert_eq!(taken.payloads(), dealt.payloads(), "captures change what is delivered");
        for name in ["packet.tls_flows", "packet.streams", "packet.tcp_flows_dropped"] {
            assert_eq!(ledger.value(name), dealt_ledger.value(name), "{name}");
        }
    }
    kinds(&ledger, &taken, &notes)
}
