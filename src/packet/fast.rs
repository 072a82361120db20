//! The fast path: plain UDP over plain IP over the usual links, without allocation or copying.
//!
//! etherparse's lax slicing halves the speed of a whole run (crates.md section 2), and nearly every
//! record of a spool is an RTP packet that needs a dozen compares. In: one record. Out: its datagram,
//! or nothing when anything is unusual; then the slow path decides.

use super::{Datagram, Transport};
use crate::base::limits::LINK_TAGS_MAX;
use crate::base::{CaptureId, Endpoint, RecordRef};
use crate::capture::Record;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Ethertype of IPv4.
pub(super) const IPV4: u16 = 0x0800;
/// Ethertype of IPv6.
pub(super) const IPV6: u16 = 0x86dd;

/// The datagram of a plain UDP record; absent when the slow path has to look.
#[inline]
pub(super) fn datagram<'a>(capture: CaptureId, record: &Record<'a>) -> Option<Datagram<'a>> {
    match plain_ethernet(record) {
        Some(parts) => whole(capture, record, parts),
        None => any_link(capture, record),
    }
}

/// Ports and payload of a UDP segment with the addresses around it.
struct Parts<'a> {
    source: Endpoint,
    destination: Endpoint,
    payload: &'a [u8],
}

/// IPv4 without options and fragmentation, behind an Ethernet header without tags: its fields lie at
/// fixed places.
#[inline(always)]
fn plain_ethernet<'a>(record: &Record<'a>) -> Option<Parts<'a>> {
    let (header, rest) = record.bytes.split_first_chunk::<42>()?;
    let field = |at: usize| u16::from_be_bytes([header[at], header[at + 1]]);
    let is_plain = record.link.0 == 1
        && field(12) == IPV4
        && header[14] == 0x45
        && header[23] == 17
        && field(20) & 0x3fff == 0;
    let (packet, segment) = (usize::from(field(16)), usize::from(field(38)));
    // The segment fills the packet at most, and the packet the record.
    if !is_plain || packet + 14 > record.bytes.len() || segment + 20 > packet {
        return None;
    }
    let address = |at: usize| {
        IpAddr::V4(Ipv4Addr::new(header[at], header[at + 1], header[at + 2], header[at + 3]))
    };
    Some(Parts {
        source: Endpoint::new(address(26), field(34)),
        destination: Endpoint::new(address(30), field(36)),
        payload: rest.get(..segment.checked_sub(8)?)?,
    })
}

/// The datagram that the parts make, unless they hold an encapsulation.
#[inline(always)]
fn whole<'a>(capture: CaptureId, record: &Record<'a>, parts: Parts<'a>) -> Option<Datagram<'a>> {
    let Parts { source, destination, payload } = parts;
    // HEP 1, 2 and 3 begin with 1, 2 and 'H' on any port.
    if matches!(payload.first()?, 1 | 2 | b'H')
        || is_tunnel_port(source.port)
        || is_tunnel_port(destination.port)
    {
        return None;
    }
    Some(Datagram {
        time: record.time,
        record: RecordRef { capture, index: record.index },
        source,
        destination,
        transport: Transport::Udp,
        payload,
        cut: false,
        vendor_blind: false,
    })
}

/// The same behind all links that are read here.
fn any_link<'a>(capture: CaptureId, record: &Record<'a>) -> Option<Datagram<'a>> {
    let (ethertype, packet) = network(record.link.0, record.bytes)?;
    let (source, destination, segment) = match ethertype {
        IPV4 => ipv4(packet)?,
        IPV6 => ipv6(packet)?,
        _ => return None,
    };
    let (header, rest) = segment.split_first_chunk::<8>()?;
    let source_port = u16::from_be_bytes([header[0], header[1]]);
    let destination_port = u16::from_be_bytes([header[2], header[3]]);
    let length = usize::from(u16::from_be_bytes([header[4], header[5]]));
    let payload = rest.get(..length.checked_sub(8)?)?;
    let source = Endpoint::new(source, source_port);
    let destination = Endpoint::new(destination, destination_port);
    whole(capture, record, Parts { source, destination, payload })
}

/// UDP ports of encapsulations: L2TP, GTP-U, Teredo, VXLAN, Geneve, HP ERM, VXLAN (Linux), TZSP.
#[inline]
pub(super) const fn is_tunnel_port(port: u16) -> bool {
    // One look tells most other ports from them.
    TUNNEL_PORT_ENDS >> (port % 64) & 1 == 1
        && matches!(port, 1701 | 2152 | 3544 | 4789 | 6081 | 7932 | 8472 | 37008)
}

/// The last six bits that these ports have, as bits of a word.
const TUNNEL_PORT_ENDS: u64 = 1 << (1701 % 64)
    | 1 << (2152 % 64)
    | 1 << (3544 % 64)
    | 1 << (4789 % 64)
    | 1 << (6081 % 64)
    | 1 << (7932 % 64)
    | 1 << (8472 % 64)
    | 1 << (37008 % 64);

/// Ethertype and packet behind the link header, for links that the vendor's sniffer reads too.
#[inline]
fn network(link: u16, bytes: &[u8]) -> Option<(u16, &[u8])> {
    match link {
        1 => {
            let (header, mut rest) = bytes.split_first_chunk::<14>()?;
            let mut ethertype = u16::from_be_bytes([header[12], header[13]]);
            let mut tags = 0;
            while ethertype == 0x8100 && tags < LINK_TAGS_MAX {
                let (tag, inner) = rest.split_first_chunk::<4>()?;
                ethertype = u16::from_be_bytes([tag[2], tag[3]]);
                rest = inner;
                tags += 1;
            }
            Some((ethertype, rest))
        }
        113 => {
            let (header, rest) = bytes.split_first_chunk::<16>()?;
            Some((u16::from_be_bytes([header[14], header[15]]), rest))
        }
        276 => {
            let (header, rest) = bytes.split_first_chunk::<20>()?;
            Some((u16::from_be_bytes([header[0], header[1]]), rest))
        }
        12 | 14 | 101 => Some((by_version(bytes)?, bytes)),
        0 => {
            let (family, rest) = bytes.split_first_chunk::<4>()?;
            is_ip_family(*family).then_some((by_version(rest)?, rest))
        }
        _ => None,
    }
}

/// Whether an address family, in the byte order of whatever host captured, is one of IP: AF_INET
/// everywhere; AF_INET6 of NetBSD and OpenBSD, FreeBSD, macOS, Linux, Windows.
#[inline]
pub(super) fn is_ip_family(family: [u8; 4]) -> bool {
    matches!(u32::from_le_bytes(family).min(u32::from_be_bytes(family)), 2 | 24 | 28 | 30 | 10 | 23)
}

/// The ethertype that the version nibble of an IP header stands for.
#[inline]
pub(super) fn by_version(packet: &[u8]) -> Option<u16> {
    match packet.first()? >> 4 {
        4 => Some(IPV4),
        6 => Some(IPV6),
        _ => None,
    }
}

/// Addresses and UDP segment of an IPv4 packet without options and fragmentation.
#[inline]
fn ipv4(packet: &[u8]) -> Option<(IpAddr, IpAddr, &[u8])> {
    let header = packet.first_chunk::<20>()?;
    let length = usize::from(u16::from_be_bytes([header[2], header[3]]));
    // More-fragments flag and offset must be 0; do-not-fragment does not matter.
    if header[0] != 0x45 || header[9] != 17 || (header[6] & 0x3f) | header[7] != 0 {
        return None;
    }
    let source = Ipv4Addr::new(header[12], header[13], header[14], header[15]);
    let destination = Ipv4Addr::new(header[16], header[17], header[18], header[19]);
    Some((IpAddr::V4(source), IpAddr::V4(destination), packet.get(20..length)?))
}

/// Addresses and UDP segment of an IPv6 packet without extension headers.
#[inline]
fn ipv6(packet: &[u8]) -> Option<(IpAddr, IpAddr, &[u8])> {
    let (header, rest) = packet.split_first_chunk::<40>()?;
    let length = usize::from(u16::from_be_bytes([header[4], header[5]]));
    if header[0] >> 4 != 6 || header[6] != 17 {
        return None;
    }
    let source = Ipv6Addr::from(*header[8..].first_chunk::<16>()?);
    let destination = Ipv6Addr::from(*header[24..].first_chunk::<16>()?);
    Some((IpAddr::V6(source), IpAddr::V6(destination), rest.get(..length)?))
}
