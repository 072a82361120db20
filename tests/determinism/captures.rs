//! Captures as lists of packets, to be cut, joined, cut into fragments and segments, and written again
//! as pcap or pcapng.

use respool::synth::Random;
use std::io::Read;
use std::path::Path;

/// A record: when, and the Ethernet frame. None of these captures is cut by a snaplen.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Packet {
    pub(crate) time_ns: i64,
    pub(crate) frame: Vec<u8>,
}

/// Which format a capture is written in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Format {
    Pcap,
    PcapNg,
}

const SNAPLEN: u32 = 262_144;
const ETHERNET: u32 = 1;
const ETHERNET_BYTES: usize = 14;
const IPV4_BYTES: usize = 20;
const UDP: u8 = 17;
const TCP: u8 = 6;

/// The packets of a little-endian pcap of Ethernet frames, plain or compressed.
pub(crate) fn read(path: &Path) -> Vec<Packet> {
    let bytes = std::fs::read(path).unwrap();
    let mut plain = Vec::new();
    match bytes.get(..4) {
        Some([0x1f, 0x8b, ..]) => {
            flate2::read::MultiGzDecoder::new(&*bytes).read_to_end(&mut plain).unwrap();
        }
        Some([0x28, 0xb5, 0x2f, 0xfd]) => plain = zstd::decode_all(&*bytes).unwrap(),
        _ => plain = bytes,
    }
    let word = |at: usize| u32::from_le_bytes(plain[at..at + 4].try_into().unwrap());
    let unit_ns = match word(0) {
        0xa1b2_c3d4 => 1_000,
        0xa1b2_3c4d => 1,
        magic => panic!("{}: magic {magic:08x}", path.display()),
    };
    assert_eq!(word(20), ETHERNET, "{}", path.display());
    let mut packets = Vec::new();
    let mut at = 24;
    while at < plain.len() {
        let (captured, length) = (word(at + 8) as usize, word(at + 12) as usize);
        assert_eq!(captured, length, "{}: a cut record", path.display());
        let time_ns = i64::from(word(at)) * 1_000_000_000 + i64::from(word(at + 4)) * unit_ns;
        let frame = plain[at + 16..at + 16 + captured].to_vec();
        packets.push(Packet { time_ns, frame });
        at += 16 + captured;
    }
    packets
}

/// The bytes of a capture, with nanoseconds.
pub(crate) fn written(packets: &[Packet], format: Format) -> Vec<u8> {
    let mut bytes = Vec::new();
    match format {
        Format::Pcap => {
            for word in [0xa1b2_3c4d, 0x0004_0002, 0, 0, SNAPLEN, ETHERNET] {
                put(&mut bytes, word);
            }
        }
        Format::PcapNg => {
            // Section header; interface with if_tsresol 9 (pcapng draft, sections 4.1 and 4.2).
            for word in [0x0a0d_0d0a, 28, 0x1a2b_3c4d, 1, u32::MAX, u32::MAX, 28] {
                put(&mut bytes, word);
            }
            for word in [1, 32, ETHERNET, SNAPLEN, 0x0001_0009, 9, 0, 32] {
                put(&mut bytes, word);
            }
        }
    }
    for packet in packets {
        let (time_ns, length) = (packet.time_ns as u64, packet.frame.len() as u32);
        let padded = length.next_multiple_of(4);
        let words = match format {
            Format::Pcap => {
                let seconds = time_ns / 1_000_000_000;
                vec![seconds as u32, (time_ns % 1_000_000_000) as u32, length, length]
            }
            Format::PcapNg => {
                vec![6, 32 + padded, 0, (time_ns >> 32) as u32, time_ns as u32, length, length]
            }
        };
        words.into_iter().for_each(|word| put(&mut bytes, word));
        bytes.extend_from_slice(&packet.frame);
        if format == Format::PcapNg {
            bytes.resize(bytes.len() + (padded - length) as usize, 0);
            put(&mut bytes, 32 + padded);
        }
    }
    bytes
}

fn put(bytes: &mut Vec<u8>, word: u32) {
    bytes.extend_from_slice(&word.to_le_bytes());
}

/// Every UDP datagram over IPv4 with more than `most` bytes of IP payload as IP fragments
/// (RFC 791 section 3.2), `apart_ns` apart; its identification is the packet's number.
pub(crate) fn fragmented(packets: &[Packet], most: usize, apart_ns: i64) -> Vec<Packet> {
    let mut found = Vec::new();
    for (number, packet) in packets.iter().enumerate() {
        let payload = packet.frame.get(ETHERNET_BYTES + IPV4_BYTES..).unwrap_or_default();
        if !is_ipv4(&packet.frame, UDP) || payload.len() <= most {
            found.push(packet.clone());
            continue;
        }
        let step = most / 8 * 8;
        for (index, part) in payload.chunks(step).enumerate() {
            let is_last = (index + 1) * step >= payload.len();
            let mut frame = packet.frame[..ETHERNET_BYTES + IPV4_BYTES].to_vec();
            frame.extend_from_slice(part);
            let ip = &mut frame[ETHERNET_BYTES..];
            let offset = (index * step / 8) as u16 | if is_last { 0 } else { 0x2000 };
            ip[4..6].copy_from_slice(&(number as u16).to_be_bytes());
            ip[6..8].copy_from_slice(&offset.to_be_bytes());
            set_ip_length(ip);
            found.push(Packet { time_ns: packet.time_ns + apart_ns * index as i64, frame });
        }
    }
    in_time_order(found)
}

/// Every TCP segment over IPv4 with more than `most` bytes of payload as several, `apart_ns` apart.
pub(crate) fn segmented(packets: &[Packet], most: usize, apart_ns: i64) -> Vec<Packet> {
    let mut found = Vec::new();
    for packet in packets {
        let tcp = packet.frame.get(ETHERNET_BYTES + IPV4_BYTES..).unwrap_or_default();
        let header_bytes = tcp.get(12).map_or(0, |byte| usize::from(byte >> 4) * 4);
        let payload = tcp.get(header_bytes..).unwrap_or_default();
        if !is_ipv4(&packet.frame, TCP) || payload.len() <= most {
            found.push(packet.clone());
            continue;
        }
        let first = u32::from_be_bytes(tcp[4..8].try_into().unwrap());
        for (index, part) in payload.chunks(most).enumerate() {
            let headers = ETHERNET_BYTES + IPV4_BYTES + header_bytes;
            let mut frame = packet.frame[..headers].to_vec();
            frame.extend_from_slice(part);
            let sequence = first.wrapping_add((index * most) as u32);
            let at = ETHERNET_BYTES + IPV4_BYTES + 4;
            frame[at..at + 4].copy_from_slice(&sequence.to_be_bytes());
            set_ip_length(&mut frame[ETHERNET_BYTES..]);
            found.push(Packet { time_ns: packet.time_ns + apart_ns * index as i64, frame });
        }
    }
    in_time_order(found)
}

fn is_ipv4(frame: &[u8], protocol: u8) -> bool {
    frame.get(12..15) == Some(&[8, 0, 0x45]) && frame.get(ETHERNET_BYTES + 9) == Some(&protocol)
}

fn set_ip_length(ip: &mut [u8]) {
    let length = ip.len() as u16;
    ip[2..4].copy_from_slice(&length.to_be_bytes());
}

/// Sorted by time; what stands at one moment keeps its order.
pub(crate) fn in_time_order(mut packets: Vec<Packet>) -> Vec<Packet> {
    packets.sort_by_key(|packet| packet.time_ns);
    packets
}

/// Times cut to whole seconds, so that many packets share a moment.
pub(crate) fn coarse(packets: &[Packet]) -> Vec<Packet> {
    let floor = |time_ns: i64| time_ns.div_euclid(1_000_000_000) * 1_000_000_000;
    let cut = |packet: &Packet| Packet { time_ns: floor(packet.time_ns), ..packet.clone() };
    packets.iter().map(cut).collect()
}

/// The same things in another order.
pub(crate) fn shuffled<T: Clone>(things: &[T], seed: u64) -> Vec<T> {
    let mut random = Random::new(seed, &[]);
    let mut keyed: Vec<(u64, usize)> = (0..things.len()).map(|at| (random.next(), at)).collect();
    keyed.sort_unstable();
    keyed.into_iter().map(|(_, at)| things[at].clone()).collect()
}
