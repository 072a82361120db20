//! IPv4 and IPv6 headers, and whether a packet is a fragment.

use super::counters::Outcome;
use super::fragment::{Added, Fragment, FragmentKey};
use super::frame::{Addresses, Frame};
use super::walk::{Walk, short};
use crate::base::limits::IPV6_EXTENSIONS_MAX;
use etherparse::{
    IpAuthHeaderSlice, IpNumber, Ipv6FragmentHeaderSlice, Ipv6HeaderSlice, Ipv6RawExtHeaderSlice,
    LaxIpv4Slice,
};

impl Walk<'_> {
    /// A packet that begins with an IP header.
    pub(super) fn ip(&mut self, frame: Frame, bytes: &[u8]) -> Outcome {
        let Some(frame) = frame.deeper() else {
            return Outcome::TooDeep;
        };
        match bytes.first().map(|byte| byte >> 4) {
            Some(4) => self.ipv4(frame, bytes),
            Some(6) => self.ipv6(frame, bytes),
            Some(_) => Outcome::Malformed,
            None => short(frame),
        }
    }

    fn ipv4(&mut self, frame: Frame, bytes: &[u8]) -> Outcome {
        // Lax: a total length of 0 (left to the network card) means all bytes that are there.
        let Ok((packet, _)) = LaxIpv4Slice::from_slice(bytes) else {
            return if bytes.len() < 20 { short(frame) } else { Outcome::Malformed };
        };
        let header = packet.header();
        let header_bytes = usize::from(header.ihl()) * 4;
        let total = usize::from(header.total_len());
        let missing = total.saturating_sub(bytes.len());
        let frame = if total < header_bytes { frame } else { with_missing(frame, missing) };
        let addresses = Addresses {
            source: header.source_addr().into(),
            destination: header.destination_addr().into(),
        };
        if header.is_fragmenting_payload() {
            // Not etherparse's payload: it takes an authentication header off every fragment, and
            // only the first one has it.
            let end = if total < header_bytes { bytes.len() } else { total.min(bytes.len()) };
            let key = FragmentKey {
                addresses,
                identification: u32::from(header.identification()),
                protocol: header.protocol().0,
                vlan: frame.vlan,
            };
            let offset = u32::from(header.fragments_offset().value()) * 8;
            let payload = bytes.get(header_bytes..end).unwrap_or_default();
            let more = header.more_fragments();
            return self.fragment(frame, key, header.protocol().0, (offset, more), payload);
        }
        let payload = packet.payload();
        let rebuilt = header.identification() == 0
            && header.ttl() == 50
            && header.header_checksum() == 0
            && payload.ip_number == IpNumber::TCP;
        if rebuilt && let Some(outcome) = self.rebuilt_segment(frame, addresses, payload.payload) {
            return outcome;
        }
        self.transport(frame, addresses, payload.ip_number.0, payload.payload)
    }

    fn ipv6(&mut self, frame: Frame, bytes: &[u8]) -> Outcome {
        let Ok(header) = Ipv6HeaderSlice::from_slice(bytes) else {
            return if bytes.len() < 40 { short(frame) } else { Outcome::Malformed };
        };
        let rest = bytes.get(40..).unwrap_or_default();
        let length = usize::from(header.payload_length());
        // A length of 0 (jumbogram, or left to the network card) means all bytes that are there.
        let (frame, rest) = if length == 0 {
            (frame, rest)
        } else {
            let missing = length.saturating_sub(rest.len());
            (with_missing(frame, missing), &rest[..length.min(rest.len())])
        };
        let addresses = Addresses {
            source: header.source_addr().into(),
            destination: header.destination_addr().into(),
        };
        self.extensions(frame, addresses, header.next_header().0, rest)
    }

    /// Extension headers, then the transport header. etherparse's own walk does not stop at a
    /// fragment header, and behind that of a later fragment lies payload, not a header.
    pub(super) fn extensions(
        &mut self,
        frame: Frame,
        addresses: Addresses,
        next: u8,
        bytes: &[u8],
    ) -> Outcome {
        let (mut next, mut rest) = (next, bytes);
        for _ in 0..IPV6_EXTENSIONS_MAX {
            let length = match next {
                // Hop-by-hop options, routing, destination options, mobility.
                0 | 43 | 60 | 135 => match Ipv6RawExtHeaderSlice::from_slice(rest) {
                    Ok(extension) => {
                        next = extension.next_header().0;
                        extension.slice().len()
                    }
                    Err(_) => return short(frame),
                },
                51 => match IpAuthHeaderSlice::from_slice(rest) {
                    Ok(extension) => {
                        next = extension.next_header().0;
                        extension.slice().len()
                    }
                    Err(_) => return short(frame),
                },
                44 => {
                    let Ok(extension) = Ipv6FragmentHeaderSlice::from_slice(rest) else {
                        return short(frame);
                    };
                    next = extension.next_header().0;
                    if extension.is_fragmenting_payload() {
                        let key = FragmentKey {
                            addresses,
                            identification: extension.identification(),
                            // RFC 8200 section 4.5: addresses and identification alone.
                            protocol: 44,
                            vlan: frame.vlan,
                        };
                        let offset = u32::from(extension.fragment_offset().value()) * 8;
                        let place = (offset, extension.more_fragments());
                        return self.fragment(frame, key, next, place, &rest[8..]);
                    }
                    8
                }
                // No next header.
                59 => return Outcome::OtherProtocol,
                _ => return self.transport(frame, addresses, next, rest),
            };
            rest = rest.get(length..).unwrap_or_default();
        }
        Outcome::TooDeep
    }

    fn fragment(
        &mut self,
        frame: Frame,
        key: FragmentKey,
        protocol: u8,
        (offset, more): (u32, bool),
        bytes: &[u8],
    ) -> Outcome {
        let fragment = Fragment {
            time: frame.time,
            record: frame.record,
            offset,
            more,
            protocol,
            missing: frame.missing,
            depth: frame.depth,
            vendor_blind: frame.vendor_blind,
            bytes: bytes.into(),
        };
        let added = self.held.fragments.add(key, fragment);
        if !matches!(added, Added::Malformed) {
            self.held.ledger.add("packet.fragments", 1);
        }
        match added {
            Added::Kept => Outcome::Fragment,
            Added::Malformed => Outcome::Malformed,
            Added::Media(whole) => {
                self.held.ledger.add("packet.fragments_released", whole.fragments as u64);
                self.extensions(whole.frame, key.addresses, whole.protocol, &whole.bytes)
            }
        }
    }
}

/// The frame whose innermost IP payload lacks `missing` bytes at its end.
fn with_missing(frame: Frame, missing: usize) -> Frame {
    Frame { missing: u32::try_from(missing).unwrap_or(u32::MAX), ..frame }
}
