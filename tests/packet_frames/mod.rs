//! Frames made by hand and what a dissector makes of them, for the tests of the packet room.
#![allow(dead_code, reason = "each test binary uses a part")]

use respool::base::{CaptureId, CaptureTime, Endpoint, FileId, Ledger, Loss, RecordRef};
use respool::capture::{LinkType, Record};
use respool::packet::{
    Datagram, Dissector, KEPT_COUNTERS, OUTCOME_COUNTERS, Residue, Settings, StreamEvent,
    StreamSink, Transport, reassemble,
};

pub(crate) const SIP: &[u8] = b"OPTIONS sip:a@b SIP/2.0\r\nContent-Length: 0\r\n\r\n";

/// A delivered payload with owned bytes.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Delivered {
    pub(crate) time: CaptureTime,
    pub(crate) record: RecordRef,
    pub(crate) source: Endpoint,
    pub(crate) destination: Endpoint,
    pub(crate) transport: Transport,
    pub(crate) payload: Vec<u8>,
    pub(crate) cut: bool,
    pub(crate) vendor_blind: bool,
}

impl Delivered {
    pub(crate) fn of(datagram: Datagram<'_>) -> Self {
        Self {
            time: datagram.time,
            record: datagram.record,
            source: datagram.source,
            destination: datagram.destination,
            transport: datagram.transport,
            payload: datagram.payload.to_vec(),
            cut: datagram.cut,
            vendor_blind: datagram.vendor_blind,
        }
    }
}

/// A connection: pieces with their time, and gaps as the number of missing bytes.
pub(crate) type Stream = Vec<Result<(CaptureTime, Vec<u8>), u64>>;

/// What a run over several captures gave.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) datagrams: Vec<Delivered>,
    /// One per connection.
    pub(crate) streams: Vec<Stream>,
    pub(crate) ledger: Ledger,
    pub(crate) losses: Vec<Loss>,
}

impl Outcome {
    /// All bytes of all streams, gaps left out.
    pub(crate) fn stream_bytes(&self) -> Vec<Vec<u8>> {
        let bytes = |stream: &Stream| {
            stream.iter().flatten().flat_map(|(_, bytes)| bytes.clone()).collect()
        };
        self.streams.iter().map(bytes).collect()
    }
}

impl StreamSink for Outcome {
    fn datagram(&mut self, datagram: Datagram<'_>) {
        self.datagrams.push(Delivered::of(datagram));
    }

    fn stream(&mut self, event: StreamEvent<'_>) {
        let last = self.streams.len().wrapping_sub(1);
        match event {
            StreamEvent::Start(_) => self.streams.push(Vec::new()),
            StreamEvent::Chunk(chunk) => {
                self.streams[last].push(Ok((chunk.time, chunk.bytes.to_vec())));
            }
            StreamEvent::Gap(gap) => self.streams[last].push(Err(gap.missing_bytes)),
            StreamEvent::End(_) => {}
        }
    }
}

/// A record: capture, moment in nanoseconds, link type, bytes.
pub(crate) type Raw = (u32, i64, u16, Vec<u8>);

/// Runs records through one dissector a capture and the pass over all; checks conservation.
pub(crate) fn run(records: &[Raw]) -> Outcome {
    let mut outcome = Outcome::default();
    let mut captures: Vec<u32> = records.iter().map(|record| record.0).collect();
    captures.sort_unstable();
    captures.dedup();
    let mut residues: Vec<Residue> = Vec::new();
    for capture in captures {
        let mut dissector = Dissector::new(CaptureId { file: FileId(capture), member: 0 });
        let own = records.iter().filter(|record| record.0 == capture);
        for (index, (_, time, link, bytes)) in (1u32..).zip(own) {
            let record = Record {
                time: CaptureTime::from_ns(*time),
                index,
                offset: 0,
                link: LinkType(*link),
                bytes,
                original_length: u32::try_from(bytes.len()).unwrap(),
            };
            dissector.record(&record, &mut |datagram| outcome.datagram(datagram));
        }
        let dissected = dissector.finish();
        let explained: u64 = OUTCOME_COUNTERS.iter().map(|name| dissected.ledger.value(name)).sum();
        assert_eq!(explained, dissected.ledger.value("packet.records"), "conservation");
        outcome.ledger += dissected.ledger;
        outcome.losses.extend(dissected.losses);
        residues.push(dissected.residue);
    }
    let said = reassemble(residues, &Settings::default(), &mut outcome);
    outcome.ledger += said.ledger;
    outcome.losses.extend(said.losses);
    assert_eq!(outcome.ledger.value("packet.datagrams"), outcome.datagrams.len() as u64);
    for (kept, ends) in KEPT_COUNTERS {
        let ended: u64 = ends.iter().map(|name| outcome.ledger.value(name)).sum();
        assert_eq!(ended, outcome.ledger.value(kept), "{kept}: {:?}", outcome.ledger);
    }
    outcome
}

pub(crate) fn cat(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

fn be(value: usize) -> [u8; 2] {
    u16::try_from(value).unwrap().to_be_bytes()
}

/// Ethernet header with an ethertype.
pub(crate) fn ether(ethertype: u16, inner: &[u8]) -> Vec<u8> {
    cat(&[&[2; 12], &ethertype.to_be_bytes(), inner])
}

pub(crate) fn udp(source: u16, destination: u16, payload: &[u8]) -> Vec<u8> {
    let length = be(payload.len() + 8);
    cat(&[&source.to_be_bytes(), &destination.to_be_bytes(), &length, &[0, 0], payload])
}

/// TCP without options: flags ACK, or SYN.
pub(crate) fn tcp(ports: (u16, u16), sequence: u32, flags: u8, payload: &[u8]) -> Vec<u8> {
    let (source, destination) = (ports.0.to_be_bytes(), ports.1.to_be_bytes());
    let rest = [0, 0, 0, 0, 0x50, flags, 1, 0, 1, 1, 0, 0];
    cat(&[&source, &destination, &sequence.to_be_bytes(), &rest, payload])
}

/// IPv4 from 10.0.0.1 to 10.0.0.2.
pub(crate) fn ip4(protocol: u8, payload: &[u8]) -> Vec<u8> {
    ip4_part(protocol, 7, 0, false, payload)
}

/// A fragment: identification, offset in bytes, whether more follow.
pub(crate) fn ip4_part(
    protocol: u8,
    id: u16,
    offset: usize,
    more: bool,
    payload: &[u8],
) -> Vec<u8> {
    let place = (u16::try_from(offset / 8).unwrap() | if more { 0x2000 } else { 0 }).to_be_bytes();
    let length = be(payload.len() + 20);
    let rest = [64, protocol, 1, 1, 10, 0, 0, 1, 10, 0, 0, 2];
    cat(&[&[0x45, 0], &length, &id.to_be_bytes(), &place, &rest, payload])
}

/// IPv6 from 2001:db8::1 to 2001:db8::2.
pub(crate) fn ip6(next: u8, payload: &[u8]) -> Vec<u8> {
    let mut source = [0; 16];
    source[..4].copy_from_slice(&[0x20, 1, 0x0d, 0xb8]);
    let mut destination = source;
    (source[15], destination[15]) = (1, 2);
    let length = be(payload.len());
    cat(&[&[0x60, 0, 0, 0], &length, &[next, 64], &source, &destination, payload])
}

/// An IPv6 packet with a fragment header.
pub(crate) fn ip6_part(next: u8, id: u32, offset: usize, more: bool, payload: &[u8]) -> Vec<u8> {
    let place = (u16::try_from(offset).unwrap() | u16::from(more)).to_be_bytes();
    ip6(44, &cat(&[&[next, 0], &place, &id.to_be_bytes(), payload]))
}

/// The usual inner packet: SIP in UDP in IPv4.
pub(crate) fn sip4() -> Vec<u8> {
    ip4(17, &udp(5060, 5062, SIP))
}

pub(crate) fn sip6() -> Vec<u8> {
    ip6(17, &udp(5060, 5062, SIP))
}

/// One HEP3 chunk.
pub(crate) fn chunk(kind: u16, value: &[u8]) -> Vec<u8> {
    cat(&[&[0, 0], &kind.to_be_bytes(), &be(value.len() + 6), value])
}

/// A HEP3 packet from 192.0.2.1:1111 to 192.0.2.2:2222 at second 5, microsecond 6.
pub(crate) fn hep3(payload_chunk: &[u8]) -> Vec<u8> {
    let chunks = cat(&[
        &chunk(1, &[2]),
        &chunk(2, &[17]),
        &chunk(3, &[192, 0, 2, 1]),
        &chunk(4, &[192, 0, 2, 2]),
        &chunk(7, &1111u16.to_be_bytes()),
        &chunk(8, &2222u16.to_be_bytes()),
        &chunk(9, &5u32.to_be_bytes()),
        &chunk(10, &6u32.to_be_bytes()),
        payload_chunk,
    ]);
    cat(&[b"HEP3", &be(chunks.len() + 6), &chunks])
}
