//! Legs to pcap records, and media bursts to RTP and RTCP (RFC 3550).

use super::frame::{Datagram, ethernet_frame};
use super::script::{MediaBurst, ScriptedLeg, ScriptedPacket, Wire};
use crate::base::{CaptureTime, NS_PER_S};

/// The snaplen that the vendor writes into every capture (run section 3).
pub(crate) const VENDOR_SNAPLEN: u32 = 10_000;
/// The snaplen of ordinary capture tools.
pub(crate) const USUAL_SNAPLEN: u32 = 262_144;
const LINKTYPE_ETHERNET: u32 = 1;
/// 20 ms of G.711 at 8000 samples a second.
const SAMPLES_PER_PACKET: i64 = 160;

/// Resolution of the times in a capture.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Resolution {
    Microseconds,
    Nanoseconds,
}

/// The file header of a classic pcap in little-endian order.
pub(crate) fn file_header(resolution: Resolution, snaplen: u32) -> Vec<u8> {
    let magic: u32 = match resolution {
        Resolution::Microseconds => 0xa1b2_c3d4,
        Resolution::Nanoseconds => 0xa1b2_3c4d,
    };
    let mut header = magic.to_le_bytes().to_vec();
    header.extend_from_slice(&2u16.to_le_bytes());
    header.extend_from_slice(&4u16.to_le_bytes());
    header.extend_from_slice(&[0; 8]);
    header.extend_from_slice(&snaplen.to_le_bytes());
    header.extend_from_slice(&LINKTYPE_ETHERNET.to_le_bytes());
    header
}

/// Appends one record; `captured` cuts it, as a snaplen would.
pub(crate) fn push_record(
    to: &mut Vec<u8>,
    resolution: Resolution,
    time: CaptureTime,
    frame: &[u8],
    captured: usize,
) {
    let seconds = time.floor_seconds() as u32;
    let fraction = match resolution {
        Resolution::Microseconds => time.ns().rem_euclid(NS_PER_S) / 1_000,
        Resolution::Nanoseconds => time.ns().rem_euclid(NS_PER_S),
    };
    let captured = captured.min(frame.len());
    to.extend_from_slice(&seconds.to_le_bytes());
    to.extend_from_slice(&(fraction as u32).to_le_bytes());
    to.extend_from_slice(&(captured as u32).to_le_bytes());
    to.extend_from_slice(&(frame.len() as u32).to_le_bytes());
    to.extend_from_slice(&frame[..captured]);
}

/// The frame of a SIP packet.
pub(crate) fn sip_frame(packet: &ScriptedPacket, rebuilt_tcp: bool) -> Vec<u8> {
    ethernet_frame(&Datagram {
        source: packet.source,
        destination: packet.destination,
        wire: packet.wire,
        payload: &packet.bytes,
        identification: (packet.time.ns() / 1_000) as u16,
        rebuilt_tcp,
    })
}

/// The frame of packet `index` of a burst.
pub(crate) fn media_frame(burst: &MediaBurst, index: u32) -> Vec<u8> {
    let time = burst.time_of(index);
    let payload = if burst.rtcp { rtcp_payload(burst, time) } else { rtp_payload(burst, index) };
    ethernet_frame(&Datagram {
        source: burst.source,
        destination: burst.destination,
        wire: Wire::Udp,
        payload: &payload,
        identification: (time.ns() / 1_000) as u16,
        rebuilt_tcp: false,
    })
}

/// Number of the 20 ms frame of a codec at a moment of a burst.
fn codec_frame(burst: &MediaBurst, time: CaptureTime) -> i64 {
    time.since_ns(burst.first) / 20_000_000
}

/// RTP with PCMU silence. Sequence numbers rise by one although packets are sparse, as if only these
/// had been sent.
fn rtp_payload(burst: &MediaBurst, index: u32) -> Vec<u8> {
    let timestamp = (codec_frame(burst, burst.time_of(index)) * SAMPLES_PER_PACKET) as u32;
    let mut payload = vec![0x80, if index == 0 { 0x80 } else { 0 }];
    payload.extend_from_slice(&(index as u16).to_be_bytes());
    payload.extend_from_slice(&timestamp.to_be_bytes());
    payload.extend_from_slice(&burst.ssrc.to_be_bytes());
    payload.resize(payload.len() + SAMPLES_PER_PACKET as usize, 0xff);
    payload
}

/// A sender report without blocks, and a source description with a CNAME (RFC 3550 section 6.1).
fn rtcp_payload(burst: &MediaBurst, time: CaptureTime) -> Vec<u8> {
    /// Seconds from 1900 to 1970.
    const NTP_OFFSET_S: i64 = 2_208_988_800;
    let mut payload = vec![0x80, 200, 0, 6];
    let ssrc = burst.ssrc.to_be_bytes();
    payload.extend_from_slice(&ssrc);
    let fraction = (i128::from(time.ns().rem_euclid(NS_PER_S)) << 32) / i128::from(NS_PER_S);
    let frames = codec_frame(burst, time);
    let words = [
        (time.floor_seconds() + NTP_OFFSET_S) as u32,
        fraction as u32,
        (frames * SAMPLES_PER_PACKET) as u32,
        frames as u32,
        (frames * SAMPLES_PER_PACKET) as u32,
    ];
    for word in words {
        payload.extend_from_slice(&word.to_be_bytes());
    }
    payload.extend_from_slice(&[0x81, 202, 0, 3]);
    payload.extend_from_slice(&ssrc);
    payload.extend_from_slice(&[1, 5, b'p', b'h', b'o', b'n', b'e', 0]);
    payload
}

/// The capture of a leg's signalling as the vendor writes it.
pub(crate) fn sip_capture(leg: &ScriptedLeg) -> Vec<u8> {
    let mut capture = file_header(Resolution::Microseconds, VENDOR_SNAPLEN);
    for packet in &leg.packets {
        let frame = sip_frame(packet, true);
        push_record(&mut capture, Resolution::Microseconds, packet.time, &frame, usize::MAX);
    }
    capture
}

/// The capture of a leg's media as the vendor writes it; absent when there is none.
pub(crate) fn media_capture(leg: &ScriptedLeg) -> Option<Vec<u8>> {
    if leg.media.is_empty() {
        return None;
    }
    let mut order: Vec<(CaptureTime, usize, u32)> = Vec::new();
    for (number, burst) in leg.media.iter().enumerate() {
        order.extend((0..burst.count).map(|index| (burst.time_of(index), number, index)));
    }
    order.sort_unstable();
    let mut capture = file_header(Resolution::Microseconds, VENDOR_SNAPLEN);
    for (time, number, index) in order {
        let frame = media_frame(&leg.media[number], index);
        push_record(&mut capture, Resolution::Microseconds, time, &frame, usize::MAX);
    }
    Some(capture)
}
