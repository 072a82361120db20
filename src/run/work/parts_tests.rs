//! Round trips of everything that a file can give, and bytes that are not what was written.

use super::*;
use crate::base::{LossKind, NoteKind};
use crate::leg::CaptureRules;
use crate::run::extract::Extraction;
use crate::run::gather::Hasher;
use crate::run::spill::Spill;
use crate::run::streams::read_streams;
use crate::spool::{FileKind, SpoolFile};
use proptest::prelude::*;
use std::path::PathBuf;
use std::sync::Arc;

const INVITE: &str = "INVITE sip:2@h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\n\
    From: <sip:1@h>;tag=a\r\nTo: <sip:2@h>\r\nCall-ID: CALL\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n";
const REGISTERED: &str = "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\n\
    From: <sip:1@h>;tag=a\r\nTo: <sip:USER@h>;tag=b\r\nCall-ID: r\r\nCSeq: 1 REGISTER\r\nExpires: 60\r\n\
    Content-Length: 0\r\n\r\n";

/// What one packet of a test holds.
#[derive(Clone, Debug)]
enum Packet {
    Invite(u8),
    Registered(u8),
    Media(u8),
    /// A message over TCP, of which the first part comes; the sequence number says which.
    Segment(u8, u32),
    Fragment(u8),
    SctpPart(u8),
    Arp,
}

fn packets() -> impl Strategy<Value = Vec<(i64, Packet)>> {
    let packet = prop_oneof![
        (0u8..3).prop_map(Packet::Invite),
        (0u8..3).prop_map(Packet::Registered),
        (0u8..5).prop_map(Packet::Media),
        (0u8..3, 0u32..3).prop_map(|(flow, part)| Packet::Segment(flow, part)),
        (0u8..3).prop_map(Packet::Fragment),
        (0u8..3).prop_map(Packet::SctpPart),
        Just(Packet::Arp),
    ];
    prop::collection::vec((0i64..20_000, packet), 0..40)
}

/// An Ethernet frame with an IPv4 packet.
fn ipv4(protocol: u8, fragment: u16, last: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0; 12];
    frame.extend([8, 0, 0x45, 0]);
    frame.extend((20 + payload.len() as u16).to_be_bytes());
    frame.extend([0, 7]);
    frame.extend(fragment.to_be_bytes());
    frame.extend([64, protocol, 0, 0, 10, 0, 0, last, 10, 0, 0, 9]);
    frame.extend(payload);
    frame
}

fn ports_and(rest: &[u8], payload: &[u8]) -> Vec<u8> {
    [&5060u16.to_be_bytes(), &5060u16.to_be_bytes(), rest, payload].concat()
}

fn udp(last: u8, payload: &[u8]) -> Vec<u8> {
    let length = (8 + payload.len() as u16).to_be_bytes();
    ipv4(17, 0, last, &ports_and(&[length[0], length[1], 0, 0], payload))
}

impl Packet {
    fn frame(&self) -> Vec<u8> {
        match *self {
            Self::Invite(call) => {
                udp(1, INVITE.replace("CALL", &format!("call-{call}")).as_bytes())
            }
            Self::Registered(user) => {
                udp(1, REGISTERED.replace("USER", &user.to_string()).as_bytes())
            }
            Self::Media(flow) => udp(flow, &[0x80, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]),
            Self::Segment(flow, part) => {
                let (at, text) = (part * 50, &INVITE.as_bytes()[part as usize * 50..]);
                let mut header = at.to_be_bytes().to_vec();
                header.extend([0, 0, 0, 0, 0x50, 0x10, 0xff, 0xff, 0, 0, 0, 0]);
                ipv4(6, 0, flow, &ports_and(&header, &text[..text.len().min(50)]))
            }
            Self::Fragment(call) => {
                ipv4(17, 0x2000, call, &ports_and(&[1, 0, 0, 0], &INVITE.as_bytes()[..80]))
            }
            Self::SctpPart(flow) => {
                let mut packet = ports_and(&[0; 8], &[]);
                packet.extend([
                    0, 2, 0, 20, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, b'S', b'I', b'P', b'/',
                ]);
                ipv4(132, 0, flow, &packet)
            }
            Self::Arp => [&[0; 12][..], &[8, 6, 0, 1]].concat(),
        }
    }
}

/// A pcap of the packets; its end may be missing.
fn capture(packets: &[(i64, Packet)], cut: usize) -> Vec<u8> {
    let mut bytes =
        vec![0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 1, 0, 0, 0];
    for (second, packet) in packets {
        let frame = packet.frame();
        bytes.extend((1_700_000_000 + *second as u32).to_le_bytes());
        bytes.extend([0; 4]);
        bytes.extend((frame.len() as u32).to_le_bytes());
        bytes.extend((frame.len() as u32).to_le_bytes());
        bytes.extend(frame);
    }
    bytes.truncate(bytes.len() - cut.min(bytes.len()));
    bytes
}

fn read(bytes: &[u8], file: FileId, sensor: SensorId) -> GatheredParts {
    let hasher = Hasher::default();
    let mut gathering = Gathering::new(&hasher, &Arc::new(Spill::new(0, 1, None)));
    let spool_file = SpoolFile {
        path: PathBuf::from("/s/a.pcap"),
        name: PathBuf::from("a.pcap"),
        size: bytes.len() as u64,
        modified: None,
        sensor,
        kind: FileKind::Rtp,
        placement: None,
        starts: None,
    };
    let rules = CaptureRules::default();
    Extraction::new(&mut gathering, &rules, file, &spool_file).whole(bytes);
    let (_, flows) = gathering.take_legs(&hasher);
    let mut parts = GatheredParts::new(gathering, flows.into_sorted());
    if bytes.len().is_multiple_of(2) {
        let detail = "as a full file has it".to_owned();
        let loss = Loss { when: None, kind: LossKind::Damaged, file, bytes: 3, detail };
        parts.open_losses.push(loss);
    }
    parts
}

/// All of it, with what streams make of it, as text.
fn told(parts: GatheredParts, file: FileId, sensor: SensorId) -> String {
    let hasher = Hasher::default();
    let mut gathering = Gathering::new(&hasher, &Arc::new(Spill::new(0, 1, None)));
    parts.add_to(&mut gathering, file, sensor);
    let before = format!("{:?} {:?}", gathering.residues, gathering.notes);
    for (sensor, residue) in std::mem::take(&mut gathering.residues).into_settled() {
        read_streams(&mut gathering, &CaptureRules::default(), sensor, residue);
    }
    let (_, flows) = gathering.take_legs(&hasher);
    format!(
        "{before}\n{:?}\n{:?}\n{:?}\n{:?}\n{:?}\n{:?}\n{:?}\n{:?}",
        flows.into_sorted(),
        gathering.ledger,
        gathering.notes,
        gathering.losses,
        gathering.open_losses,
        gathering.registrations,
        gathering.files,
        gathering.spans
    )
}

/// Enough packets of every kind, for tests of damage.
fn some_of_all() -> Vec<u8> {
    let kinds = [
        Packet::Invite(1),
        Packet::Registered(1),
        Packet::Media(1),
        Packet::Media(2),
        Packet::Segment(1, 0),
        Packet::Fragment(1),
        Packet::SctpPart(1),
        Packet::Arp,
    ];
    let packets: Vec<(i64, Packet)> = (0..).zip(kinds).collect();
    capture(&packets, 5)
}

#[test]
fn every_kind_of_thing_is_there() {
    let parts = read(&some_of_all(), FileId(1), SensorId(1));
    assert_eq!(parts.flows.flows.len(), 2);
    assert_eq!(parts.registrations.user_count(), 1);
    assert_eq!(parts.summary.records, 7);
    assert!(
        parts.notes.count(NoteKind::Cut) > 0 && parts.losses.len() + parts.open_losses.len() > 0
    );
    let residue = parts.residues.clone().into_settled().remove(&SensorId(1)).unwrap();
    assert!(!residue.is_empty() && residue.payload_bytes() > 140, "{residue:?}");
    assert!(parts.ledger.value("sip.messages") == 2, "{:?}", parts.ledger);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Written in one run and read in another, where the file and the sensor have other numbers: as if
    /// it had been read there.
    #[test]
    fn stored_is_as_good_as_read(
        packets in packets(),
        cut in 0usize..30,
        stored_as in (0u32..5, 0u16..3),
        now in (0u32..1_000_000, 0u16..9),
        legs in prop::collection::vec(any::<u8>(), 0..50),
    ) {
        let capture = capture(&packets, cut);
        let stored = read(&capture, FileId(stored_as.0), SensorId(stored_as.1)).encode(&legs).unwrap();
        let (file, sensor) = (FileId(now.0), SensorId(now.1));
        let (parts, legs_back) = GatheredParts::decode(&stored, file, sensor).unwrap();
        prop_assert_eq!(legs_back, &legs[..]);
        prop_assert_eq!(told(parts, file, sensor), told(read(&capture, file, sensor), file, sensor));
    }

    /// Bytes that something changed give an error or some value.
    #[test]
    fn damage_does_no_harm(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in any::<prop::sample::Index>(),
        cuts in any::<bool>(),
    ) {
        let mut bytes = read(&some_of_all(), FileId(1), SensorId(1)).encode(b"legs").unwrap();
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if cuts {
            bytes.truncate(cut.index(bytes.len()));
        }
        let _some_value = GatheredParts::decode(&bytes, FileId(2), SensorId(2));
    }

    /// And so does noise.
    #[test]
    fn noise_does_no_harm(noise in prop::collection::vec(any::<u8>(), 0..300)) {
        let mut bytes = (noise.len() as u64).to_le_bytes().to_vec();
        bytes.extend(noise);
        let _some_value = GatheredParts::decode(&bytes, FileId(2), SensorId(2));
    }
}

#[test]
fn every_end_of_the_parts_that_is_missing_is_an_error() {
    let bytes = read(&some_of_all(), FileId(1), SensorId(1)).encode(b"").unwrap();
    for length in 0..bytes.len() {
        assert!(
            GatheredParts::decode(&bytes[..length], FileId(1), SensorId(1)).is_err(),
            "{length}"
        );
    }
}
