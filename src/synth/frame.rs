//! Payload and addresses to an Ethernet frame (RFC 791, 8200, 768, 9293).

use super::script::Wire;
use crate::base::Endpoint;
use std::net::IpAddr;

/// A payload on its way.
pub(crate) struct Datagram<'a> {
    pub(crate) source: Endpoint,
    pub(crate) destination: Endpoint,
    pub(crate) wire: Wire,
    pub(crate) payload: &'a [u8],
    /// Identification field of IPv4.
    pub(crate) identification: u16,
    /// Whether TCP looks as the vendor rebuilds it: no checksums, a time-to-live of 50 (run section 3).
    pub(crate) rebuilt_tcp: bool,
}

const ETHERTYPE_IPV4: u16 = 0x0800;
const ETHERTYPE_IPV6: u16 = 0x86dd;
const PROTOCOL_TCP: u8 = 6;
const PROTOCOL_UDP: u8 = 17;
const TCP_HEADER_BYTES: usize = 20;
/// With NOP, NOP and a zero timestamp option.
const REBUILT_TCP_HEADER_BYTES: usize = 32;

/// Sum of 16-bit words for the Internet checksum (RFC 1071).
fn sum_words(sum: u64, bytes: &[u8]) -> u64 {
    let mut words = bytes.chunks_exact(2);
    let whole: u64 =
        words.by_ref().map(|word| u64::from(u16::from_be_bytes([word[0], word[1]]))).sum();
    let odd = words.remainder().first().map_or(0, |byte| u64::from(*byte) << 8);
    sum + whole + odd
}

fn fold(mut sum: u64) -> u16 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

fn octets(address: IpAddr, to: &mut Vec<u8>) {
    match address {
        IpAddr::V4(address) => to.extend_from_slice(&address.octets()),
        IpAddr::V6(address) => to.extend_from_slice(&address.octets()),
    }
}

/// A locally administered hardware address made of the last octets of an IP address.
fn hardware_address(address: IpAddr, to: &mut Vec<u8>) {
    let mut all = Vec::with_capacity(16);
    octets(address, &mut all);
    to.extend_from_slice(&[0x02, 0x00]);
    to.extend_from_slice(&all[all.len() - 4..]);
}

fn transport_header(datagram: &Datagram<'_>) -> Vec<u8> {
    let mut header = Vec::with_capacity(REBUILT_TCP_HEADER_BYTES);
    header.extend_from_slice(&datagram.source.port.to_be_bytes());
    header.extend_from_slice(&datagram.destination.port.to_be_bytes());
    match datagram.wire {
        Wire::Udp => {
            let length = (8 + datagram.payload.len()) as u16;
            header.extend_from_slice(&length.to_be_bytes());
            header.extend_from_slice(&[0, 0]);
        }
        Wire::Tcp { sequence, acknowledgement } => {
            header.extend_from_slice(&sequence.to_be_bytes());
            header.extend_from_slice(&acknowledgement.to_be_bytes());
            let (bytes, flags) = if datagram.rebuilt_tcp {
                (REBUILT_TCP_HEADER_BYTES, 0x10)
            } else {
                (TCP_HEADER_BYTES, 0x18)
            };
            header.extend_from_slice(&[(bytes as u8 / 4) << 4, flags, 0xff, 0xff, 0, 0, 0, 0]);
            if datagram.rebuilt_tcp {
                header.extend_from_slice(&[1, 1, 8, 10, 0, 0, 0, 0, 0, 0, 0, 0]);
            }
        }
    }
    header
}

/// Writes the checksum of the transport header over pseudo-header, header and payload.
fn fill_transport_checksum(datagram: &Datagram<'_>, header: &mut [u8], protocol: u8) {
    let mut pseudo = Vec::with_capacity(40);
    octets(datagram.source.address, &mut pseudo);
    octets(datagram.destination.address, &mut pseudo);
    let length = (header.len() + datagram.payload.len()) as u32;
    pseudo.extend_from_slice(&length.to_be_bytes());
    pseudo.extend_from_slice(&[0, 0, 0, protocol]);
    let sum = fold(sum_words(sum_words(sum_words(0, &pseudo), header), datagram.payload));
    // UDP writes a sum of zero as ones (RFC 768).
    let sum = if protocol == PROTOCOL_UDP && sum == 0 { 0xffff } else { sum };
    let at = if protocol == PROTOCOL_UDP { 6 } else { 16 };
    header[at..at + 2].copy_from_slice(&sum.to_be_bytes());
}

/// The frame.
pub(crate) fn ethernet_frame(datagram: &Datagram<'_>) -> Vec<u8> {
    let protocol = match datagram.wire {
        Wire::Udp => PROTOCOL_UDP,
        Wire::Tcp { .. } => PROTOCOL_TCP,
    };
    let is_rebuilt = datagram.rebuilt_tcp && protocol == PROTOCOL_TCP;
    let mut transport = transport_header(datagram);
    if !is_rebuilt {
        fill_transport_checksum(datagram, &mut transport, protocol);
    }
    let length = transport.len() + datagram.payload.len();
    let mut frame = Vec::with_capacity(14 + 40 + length);
    hardware_address(datagram.destination.address, &mut frame);
    hardware_address(datagram.source.address, &mut frame);
    let hops = if is_rebuilt { 50 } else { 64 };
    if datagram.source.address.is_ipv6() {
        frame.extend_from_slice(&ETHERTYPE_IPV6.to_be_bytes());
        frame.extend_from_slice(&[0x60, 0, 0, 0]);
        frame.extend_from_slice(&(length as u16).to_be_bytes());
        frame.extend_from_slice(&[protocol, hops]);
    } else {
        frame.extend_from_slice(&ETHERTYPE_IPV4.to_be_bytes());
        frame.extend_from_slice(&[0x45, 0]);
        frame.extend_from_slice(&((length + 20) as u16).to_be_bytes());
        let identification = if is_rebuilt { 0 } else { datagram.identification };
        frame.extend_from_slice(&identification.to_be_bytes());
        frame.extend_from_slice(&[0, 0, hops, protocol, 0, 0]);
    }
    octets(datagram.source.address, &mut frame);
    octets(datagram.destination.address, &mut frame);
    if !datagram.source.address.is_ipv6() && !is_rebuilt {
        let sum = fold(sum_words(0, &frame[14..34]));
        frame[24..26].copy_from_slice(&sum.to_be_bytes());
    }
    frame.extend_from_slice(&transport);
    frame.extend_from_slice(datagram.payload);
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksum_of_rfc_1071_and_a_known_ip_header() {
        // RFC 1071 section 3: the sum of these words is ddf2.
        let words = [0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7];
        assert_eq!(fold(sum_words(0, &words)), !0xddf2);
    }

    #[test]
    fn checks_itself_to_zero() {
        for (source, destination) in
            [("10.0.0.1:5060", "10.0.0.2:5062"), ("[fd00::1]:5060", "[fd00::2]:5060")]
        {
            let endpoint = |text: &str| {
                let socket: std::net::SocketAddr = text.parse().unwrap();
                Endpoint::new(socket.ip(), socket.port())
            };
            let datagram = Datagram {
                source: endpoint(source),
                destination: endpoint(destination),
                wire: Wire::Udp,
                payload: b"odd",
                identification: 7,
                rebuilt_tcp: false,
            };
            let frame = ethernet_frame(&datagram);
            let is_v6 = datagram.source.address.is_ipv6();
            let start = if is_v6 { 54 } else { 34 };
            let mut pseudo = frame[if is_v6 { 22 } else { 26 }..start].to_vec();
            pseudo.extend_from_slice(&[0, 17, 0, 11]);
            assert_eq!(fold(sum_words(sum_words(0, &pseudo), &frame[start..])), 0);
        }
    }
}
