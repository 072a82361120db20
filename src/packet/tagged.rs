//! What an ethertype announces: IP, or another tag (VLAN, MPLS, PPPoE, MACsec, FabricPath, VN-tag).

use super::counters::Outcome;
use super::fast::{IPV4, IPV6};
use super::frame::{Frame, be16, be32};
use super::walk::{Walk, short};
use crate::base::limits::LINK_TAGS_MAX;

impl Walk<'_> {
    /// The bytes behind an ethertype. etherparse stops after three tags and knows neither 0x9200 nor
    /// MPLS or PPPoE, and says nothing where it stops: tags are taken off here.
    pub(super) fn ethertype(&mut self, frame: Frame, ethertype: u16, bytes: &[u8]) -> Outcome {
        let (mut frame, mut ethertype, mut rest) = (frame, ethertype, bytes);
        for _ in 0..=LINK_TAGS_MAX {
            let tag_bytes = match ethertype {
                // 0x9100 and 0x9200 are older QinQ types, which the sniffer does not know.
                0x8100 | 0x88a8 => 2,
                0x9100 | 0x9200 => {
                    frame = frame.blind();
                    2
                }
                // Cisco VN-tag: 4 bytes before the next ethertype.
                0x8926 => 4,
                _ => return self.untagged(frame, ethertype, rest),
            };
            let (Some(tag), Some(next), Some(inner)) =
                (be16(rest, 0), be16(rest, tag_bytes), rest.get(tag_bytes + 2..))
            else {
                return short(frame);
            };
            (frame, ethertype, rest) = (frame.tagged(tag), next, inner);
        }
        Outcome::TooDeep
    }

    fn untagged(&mut self, frame: Frame, ethertype: u16, bytes: &[u8]) -> Outcome {
        match ethertype {
            IPV4 | IPV6 => self.ip(frame, bytes),
            0x8847 | 0x8848 => self.mpls(frame, bytes),
            0x8864 => self.pppoe(frame, bytes),
            0x880b => self.ppp(frame, bytes),
            // Cisco FabricPath: forwarding tag and hop limit, then the inner Ethernet frame.
            0x8903 => match (frame.deeper(), bytes.get(2..)) {
                (Some(frame), Some(rest)) => self.ethernet(frame, rest),
                (None, _) => Outcome::TooDeep,
                _ => short(frame),
            },
            0x88e5 => match frame.deeper() {
                Some(frame) => self.macsec(frame.blind(), bytes),
                None => Outcome::TooDeep,
            },
            // Transparent Ethernet bridging, as tunnels announce it.
            0x6558 => match frame.deeper() {
                Some(frame) => self.ethernet(frame, bytes),
                None => Outcome::TooDeep,
            },
            // A length instead of a type: 802.3 with LLC.
            0..=1500 => match frame.deeper() {
                Some(frame) => self.llc(frame, bytes),
                None => Outcome::TooDeep,
            },
            _ => Outcome::NotIp,
        }
    }

    /// Label stack (RFC 3032); the payload has no type, its first nibble decides.
    pub(super) fn mpls(&mut self, frame: Frame, bytes: &[u8]) -> Outcome {
        for label in 0..LINK_TAGS_MAX {
            let Some(entry) = be32(bytes, label * 4) else {
                return short(frame);
            };
            // The bottom-of-stack bit.
            if entry & 0x100 != 0 {
                let rest = bytes.get(label * 4 + 4..).unwrap_or_default();
                return match rest.first().map(|byte| byte >> 4) {
                    Some(4 | 6) => self.ip(frame, rest),
                    // Ethernet over MPLS with a control word (RFC 4448).
                    Some(0) => match (frame.deeper(), rest.get(4..)) {
                        (Some(frame), Some(inner)) => self.ethernet(frame.blind(), inner),
                        _ => Outcome::NotIp,
                    },
                    Some(_) => Outcome::NotIp,
                    None => short(frame),
                };
            }
        }
        Outcome::TooDeep
    }

    /// PPPoE session (RFC 2516): version and type, code, session, length, then PPP.
    pub(super) fn pppoe(&mut self, frame: Frame, bytes: &[u8]) -> Outcome {
        let Some((header, rest)) = bytes.split_first_chunk::<6>() else {
            return short(frame);
        };
        if header[0] != 0x11 || header[1] != 0 {
            return Outcome::NotIp;
        }
        let frame = frame.tagged(u16::from_be_bytes([header[2], header[3]]));
        // The sniffer reads IPv4 inside PPPoE only (facts F).
        let frame = if be16(rest, 0) == Some(0x57) { frame.blind() } else { frame };
        self.ppp(frame, rest)
    }

    /// PPP (RFC 1661): address and control may be absent, the protocol may be one byte (RFC 1661
    /// section 6.5, RFC 1662).
    pub(super) fn ppp(&mut self, frame: Frame, bytes: &[u8]) -> Outcome {
        let bytes = bytes.strip_prefix(&[0xff, 3]).unwrap_or(bytes);
        let (protocol, rest) = match bytes {
            [low, rest @ ..] if low & 1 == 1 => (u16::from(*low), rest),
            [high, low, rest @ ..] => (u16::from_be_bytes([*high, *low]), rest),
            _ => return short(frame),
        };
        match protocol {
            0x21 | 0x57 => self.ip(frame, rest),
            0x281 | 0x283 => self.mpls(frame, rest),
            _ => Outcome::NotIp,
        }
    }

    /// MACsec (IEEE 802.1AE) whose payload is neither encrypted nor changed.
    fn macsec(&mut self, frame: Frame, bytes: &[u8]) -> Outcome {
        let Some(&control) = bytes.first() else {
            return short(frame);
        };
        // The bits E and C.
        if control & 0x0c != 0 {
            return Outcome::Encrypted;
        }
        // The bit SC announces 8 bytes of channel identifier.
        let header = if control & 0x20 != 0 { 14 } else { 6 };
        match (be16(bytes, header), bytes.get(header + 2..)) {
            (Some(ethertype), Some(rest)) => self.ethertype(frame, ethertype, rest),
            _ => short(frame),
        }
    }
}
