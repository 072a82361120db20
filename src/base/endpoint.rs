//! A transport address: IP address and port.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

/// IP address and port of one side of a datagram, a message or a media stream.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Endpoint {
    /// The address; an IPv4 address inside IPv6 (`::ffff:a.b.c.d`) stays as it was on the wire.
    pub address: IpAddr,
    /// The UDP, TCP or SCTP port.
    pub port: u16,
}

impl Endpoint {
    /// Joins an address and a port.
    #[must_use]
    pub const fn new(address: IpAddr, port: u16) -> Self {
        Self { address, port }
    }

    /// Appends what [`fmt::Display`] prints; an IPv4 address without the machinery of formatting, which
    /// costs more than reading the address from its packet.
    pub fn append_to(&self, text: &mut Vec<u8>) {
        let IpAddr::V4(address) = self.address else {
            text.extend_from_slice(self.to_string().as_bytes());
            return;
        };
        let mut digits = [0; "255.255.255.255:65535".len()];
        let mut start = digits.len();
        put_number(&mut digits, &mut start, self.port);
        let mut separator = b':';
        for octet in address.octets().into_iter().rev() {
            put(&mut digits, &mut start, separator);
            put_number(&mut digits, &mut start, u16::from(octet));
            separator = b'.';
        }
        text.extend_from_slice(digits.get(start..).unwrap_or_default());
    }

    /// `0.0.0.0:0`, for messages that came without addresses (torture files).
    pub const UNKNOWN: Self = Self::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);
}

/// Puts a byte before those from `start` on.
#[inline]
fn put<const N: usize>(digits: &mut [u8; N], start: &mut usize, byte: u8) {
    *start = start.saturating_sub(1);
    if let Some(place) = digits.get_mut(*start) {
        *place = byte;
    }
}

/// Puts the decimal digits of a number before the bytes from `start` on.
#[inline]
fn put_number<const N: usize>(digits: &mut [u8; N], start: &mut usize, mut number: u16) {
    loop {
        put(digits, start, b'0' + (number % 10) as u8);
        number /= 10;
        if number == 0 {
            break;
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.address {
            IpAddr::V4(address) => write!(formatter, "{address}:{}", self.port),
            IpAddr::V6(address) => write!(formatter, "[{address}]:{}", self.port),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn appends_what_is_displayed(address in any::<IpAddr>(), port in any::<u16>()) {
            let endpoint = Endpoint::new(address, port);
            let mut text = b"x".to_vec();
            endpoint.append_to(&mut text);
            prop_assert_eq!(text, format!("x{endpoint}").into_bytes());
        }
    }
}
