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
        let mut digits = [0; LONGEST];
        let mut length = 0;
        for (octet, separator) in address.octets().into_iter().zip(*b"...:") {
            put_number(&mut digits, &mut length, u16::from(octet));
            digits[length] = separator;
            length += 1;
        }
        put_number(&mut digits, &mut length, self.port);
        text.extend_from_slice(&digits[..length]);
    }

    /// `0.0.0.0:0`, for messages that came without addresses (torture files).
    pub const UNKNOWN: Self = Self::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);
}

/// Length of the longest IPv4 address with a port.
const LONGEST: usize = "255.255.255.255:65535".len();

/// Puts the decimal digits of a number behind the first `length` bytes.
#[inline(always)]
fn put_number(digits: &mut [u8; LONGEST], length: &mut usize, mut number: u16) {
    let start = *length;
    *length += match number {
        0..10 => 1,
        10..100 => 2,
        100..1_000 => 3,
        1_000..10_000 => 4,
        10_000.. => 5,
    };
    for digit in digits[start..*length].iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
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
