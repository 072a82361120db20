//! A transport address: IP address and port.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

/// IP address and port of one side of a datagram, a message or a media stream.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
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

    /// `0.0.0.0:0`, for messages that came without addresses (torture files).
    pub const UNKNOWN: Self = Self::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);
}

impl fmt::Display for Endpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.address {
            IpAddr::V4(address) => write!(formatter, "{address}:{}", self.port),
            IpAddr::V6(address) => write!(formatter, "[{address}]:{}", self.port),
        }
    }
}
