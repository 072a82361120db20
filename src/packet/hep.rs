//! HEP 1, 2 and 3: a message handed over by a capture agent, with the addresses and the time it had.
//!
//! Source: the HEP3 draft "EEP/HEP: Extensible Encapsulation Protocol" rev. 12; versions 1 and 2 as
//! Kamailio's sipcapture module and captagent write them.

use crate::base::limits::HEP_PAYLOAD_BYTES_MAX;
use crate::base::{CaptureTime, Endpoint};
use std::borrow::Cow;
use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What lies in one HEP packet.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct HepMessage<'a> {
    /// The agent's time; the record's where the packet tells none.
    pub(super) time: CaptureTime,
    pub(super) source: Endpoint,
    pub(super) destination: Endpoint,
    pub(super) payload: Cow<'a, [u8]>,
    /// Whether the packet ends before its own length.
    pub(super) cut: bool,
    /// Whether a compressed payload goes on behind [`HEP_PAYLOAD_BYTES_MAX`].
    pub(super) over_limit: bool,
}

/// The message in a HEP packet; absent when the bytes are no HEP.
pub(super) fn message(bytes: &[u8], time: CaptureTime) -> Option<HepMessage<'_>> {
    match bytes.first()? {
        b'H' => version_3(bytes, time),
        1 | 2 => version_1_or_2(bytes, time),
        _ => None,
    }
}

/// Length of the HEP3 packet that `bytes` begin with; absent when it is none, or too short to say.
pub(super) fn length(bytes: &[u8]) -> Option<usize> {
    let rest = bytes.strip_prefix(b"HEP3")?;
    let length = usize::from(u16::from_be_bytes(*rest.first_chunk()?));
    (length > 6).then_some(length)
}

#[derive(Default)]
struct Chunks<'a> {
    source: Option<IpAddr>,
    destination: Option<IpAddr>,
    source_port: u16,
    destination_port: u16,
    seconds: Option<u32>,
    micros: u32,
    payload: Option<Cow<'a, [u8]>>,
    over_limit: bool,
}

fn version_3(bytes: &[u8], time: CaptureTime) -> Option<HepMessage<'_>> {
    let total = length(bytes)?;
    let mut rest = bytes.get(6..total.min(bytes.len()))?;
    let mut cut = total > bytes.len();
    let mut chunks = Chunks::default();
    // Vendor, type, length with this header, value.
    while let Some((header, _)) = rest.split_first_chunk::<6>() {
        let vendor = u16::from_be_bytes([header[0], header[1]]);
        let kind = u16::from_be_bytes([header[2], header[3]]);
        let length = usize::from(u16::from_be_bytes([header[4], header[5]]));
        if length < 6 {
            break;
        }
        let value = rest.get(6..length.min(rest.len()))?;
        cut |= length > rest.len();
        if vendor == 0 {
            chunks.take(kind, value);
        }
        rest = rest.get(length..).unwrap_or_default();
    }
    let Chunks { source, destination, source_port, destination_port, seconds, micros, .. } = chunks;
    Some(HepMessage {
        time: seconds.map_or(time, |seconds| moment(seconds, micros)),
        source: Endpoint::new(source?, source_port),
        destination: Endpoint::new(destination?, destination_port),
        payload: chunks.payload?,
        cut: cut || chunks.over_limit,
        over_limit: chunks.over_limit,
    })
}

impl<'a> Chunks<'a> {
    fn take(&mut self, kind: u16, value: &'a [u8]) {
        let word = || value.first_chunk().map(|bytes| u32::from_be_bytes(*bytes));
        let half = || value.first_chunk().map_or(0, |bytes| u16::from_be_bytes(*bytes));
        match kind {
            3 | 5 => self.source = address(value).or(self.source),
            4 | 6 => self.destination = address(value).or(self.destination),
            7 => self.source_port = half(),
            8 => self.destination_port = half(),
            9 => self.seconds = word(),
            10 => self.micros = word().unwrap_or(0),
            15 => self.payload = Some(Cow::Borrowed(value)),
            16 => {
                let plain;
                (plain, self.over_limit) = inflate(value);
                self.payload = Some(Cow::Owned(plain));
            }
            _ => {}
        }
    }
}

/// The beginning of what a zlib or gzip stream holds, as far as it can be read; true when it holds more
/// than [`HEP_PAYLOAD_BYTES_MAX`].
fn inflate(value: &[u8]) -> (Vec<u8>, bool) {
    let mut plain = Vec::new();
    let most = HEP_PAYLOAD_BYTES_MAX + 1;
    // A damaged or cut stream still gives what was decoded before the error.
    let _ = if value.starts_with(&[0x1f, 0x8b]) {
        flate2::read::GzDecoder::new(value).take(most).read_to_end(&mut plain)
    } else {
        flate2::read::ZlibDecoder::new(value).take(most).read_to_end(&mut plain)
    };
    let over_limit = plain.len() as u64 > HEP_PAYLOAD_BYTES_MAX;
    plain.truncate(usize::try_from(HEP_PAYLOAD_BYTES_MAX).unwrap_or(usize::MAX));
    (plain, over_limit)
}

fn address(value: &[u8]) -> Option<IpAddr> {
    match value.len() {
        4 => Some(Ipv4Addr::from(*value.first_chunk::<4>()?).into()),
        16 => Some(Ipv6Addr::from(*value.first_chunk::<16>()?).into()),
        _ => None,
    }
}

fn moment(seconds: u32, micros: u32) -> CaptureTime {
    CaptureTime::from_parts(i64::from(seconds), i64::from(micros) * 1_000)
}

/// Version, header length, address family, protocol, ports, addresses; in version 2 then seconds,
/// microseconds (both in the agent's byte order) and the agent's number.
fn version_1_or_2(bytes: &[u8], time: CaptureTime) -> Option<HepMessage<'_>> {
    let (header, rest) = bytes.split_first_chunk::<8>()?;
    let addresses = match header[2] {
        2 => 8,
        // AF_INET6 of Linux, and of the BSDs and macOS.
        10 | 24 | 28 | 30 => 32,
        _ => return None,
    };
    let (addresses, mut payload) = rest.split_at_checked(addresses)?;
    let plain = 8 + addresses.len();
    let stated = usize::from(header[1]);
    if !(stated == plain || header[0] == 2 && stated == plain + 12) {
        return None;
    }
    let mut agent_time = None;
    if header[0] == 2 {
        let (clock, after) = payload.split_first_chunk::<12>()?;
        agent_time = agent_clock(clock, time);
        payload = after;
    }
    let (source, destination) = addresses.split_at(addresses.len() / 2);
    Some(HepMessage {
        time: agent_time.unwrap_or(time),
        source: Endpoint::new(address(source)?, u16::from_be_bytes([header[4], header[5]])),
        destination: Endpoint::new(
            address(destination)?,
            u16::from_be_bytes([header[6], header[7]]),
        ),
        payload: Cow::Borrowed(payload),
        cut: false,
        over_limit: false,
    })
}

/// The byte order is that whose microseconds are below a million and whose moment is nearer to the
/// record's.
fn agent_clock(clock: &[u8; 12], time: CaptureTime) -> Option<CaptureTime> {
    let seconds = [clock[0], clock[1], clock[2], clock[3]];
    let micros = [clock[4], clock[5], clock[6], clock[7]];
    let little = (u32::from_le_bytes(seconds), u32::from_le_bytes(micros));
    let big = (u32::from_be_bytes(seconds), u32::from_be_bytes(micros));
    [little, big]
        .into_iter()
        .filter(|(_, micros)| *micros < 1_000_000)
        .map(|(seconds, micros)| moment(seconds, micros))
        .min_by_key(|moment| moment.since_ns(time).unsigned_abs())
}
