//! Encapsulations that a UDP port announces: VXLAN, Geneve, GTP-U, L2TP, TZSP, HP ERM, Teredo.
//!
//! A port proves nothing: what does not unpack to a plausible IP packet stays a datagram
//! ([`super::walk::is_implausible`]).

use super::counters::Outcome;
use super::frame::{Frame, be16};
use super::walk::Walk;
use crate::base::limits::TUNNEL_OPTIONS_MAX;

impl Walk<'_> {
    /// The payload of a UDP datagram on a port of an encapsulation.
    pub(super) fn udp_tunnel(
        &mut self,
        frame: Frame,
        (source, destination): (u16, u16),
        payload: &[u8],
    ) -> Outcome {
        // The lower layers' missing bytes are those of the inner packet until its own length says.
        for port in [destination, source] {
            match port {
                4789 => return self.vxlan(frame, payload),
                8472 => return self.vxlan(frame.blind(), payload),
                6081 => return self.geneve(frame.blind(), payload),
                2152 => return self.gtp(frame.blind(), payload),
                1701 => return self.l2tp(frame, payload),
                37008 => return self.tzsp(frame, payload),
                // HP encapsulated remote mirroring: 12 bytes, then Ethernet.
                7932 => return self.bridged(frame, payload.get(12..)),
                3544 => return self.teredo(frame.blind(), payload),
                _ => {}
            }
        }
        Outcome::Malformed
    }

    /// An inner Ethernet frame; absent bytes mean a header that did not fit.
    pub(super) fn bridged(&mut self, frame: Frame, bytes: Option<&[u8]>) -> Outcome {
        match (frame.deeper(), bytes) {
            (Some(frame), Some(bytes)) => self.ethernet(frame, bytes),
            (None, _) => Outcome::TooDeep,
            _ => Outcome::Malformed,
        }
    }

    /// RFC 7348: flags with the I bit, then Ethernet at byte 8.
    fn vxlan(&mut self, frame: Frame, payload: &[u8]) -> Outcome {
        match payload.first() {
            Some(flags) if flags & 0x08 != 0 => self.bridged(frame, payload.get(8..)),
            _ => Outcome::Malformed,
        }
    }

    /// RFC 8926: version 0, option length in words, protocol type.
    fn geneve(&mut self, frame: Frame, payload: &[u8]) -> Outcome {
        let (Some(&first), Some(protocol)) = (payload.first(), be16(payload, 2)) else {
            return Outcome::Malformed;
        };
        match payload.get(8 + usize::from(first & 0x3f) * 4..) {
            Some(inner) if first >> 6 == 0 => self.ethertype(frame, protocol, inner),
            _ => Outcome::Malformed,
        }
    }

    /// 3GPP TS 29.281 section 5: version 1, protocol type GTP, message type G-PDU.
    fn gtp(&mut self, frame: Frame, payload: &[u8]) -> Outcome {
        let [flags, 0xff, ..] = payload else {
            return Outcome::Malformed;
        };
        if flags >> 4 != 3 {
            return Outcome::Malformed;
        }
        let mut at = 8;
        // Any of E, S, PN: sequence number, N-PDU number and next extension type are there.
        if flags & 7 != 0 {
            let mut next = payload.get(11).copied().unwrap_or(0);
            at = 12;
            let mut extensions = 0;
            while flags & 4 != 0 && next != 0 {
                extensions += 1;
                if extensions > TUNNEL_OPTIONS_MAX {
                    return Outcome::TooDeep;
                }
                let words = usize::from(payload.get(at).copied().unwrap_or(0));
                if words == 0 {
                    return Outcome::Malformed;
                }
                at += words * 4;
                next = payload.get(at - 1).copied().unwrap_or(0);
            }
        }
        match payload.get(at..) {
            Some(inner) if !inner.is_empty() => self.raw(frame, inner),
            _ => Outcome::Malformed,
        }
    }

    /// RFC 2661 section 3.1: version 2 data messages hold PPP.
    fn l2tp(&mut self, frame: Frame, payload: &[u8]) -> Outcome {
        let Some(flags) = be16(payload, 0) else {
            return Outcome::Malformed;
        };
        // T: a control message.
        if flags & 0xf != 2 || flags & 0x8000 != 0 {
            return Outcome::Malformed;
        }
        let mut at = 2;
        if flags & 0x4000 != 0 {
            let length = be16(payload, at).map_or(0, usize::from);
            if length > payload.len() + frame.missing as usize {
                return Outcome::Malformed;
            }
            at += 2;
        }
        // Tunnel and session, then sequence numbers.
        at += if flags & 0x0800 != 0 { 8 } else { 4 };
        if flags & 0x0200 != 0 {
            at += 2 + be16(payload, at).map_or(0, usize::from);
        }
        match payload.get(at..) {
            Some(inner) => self.ppp(frame, inner),
            None => Outcome::Malformed,
        }
    }

    /// TaZmen Sniffer Protocol: version 1, type, protocol, then tagged fields up to an end tag.
    fn tzsp(&mut self, frame: Frame, payload: &[u8]) -> Outcome {
        let [1, _, protocol @ ..] = payload else {
            return Outcome::Malformed;
        };
        let mut at = 4;
        for _ in 0..TUNNEL_OPTIONS_MAX {
            match payload.get(at) {
                Some(0) => at += 1,
                Some(1) => {
                    let inner = payload.get(at + 1..).unwrap_or_default();
                    return match be16(protocol, 0) {
                        Some(1) => self.bridged(frame, Some(inner)),
                        Some(18) => self.wifi(frame.blind(), inner),
                        _ => Outcome::NotIp,
                    };
                }
                Some(_) => at += 2 + usize::from(payload.get(at + 1).copied().unwrap_or(0)),
                None => return Outcome::Malformed,
            }
        }
        Outcome::TooDeep
    }

    /// RFC 4380 section 5.1.1: optional authentication and origin indications, then IPv6.
    fn teredo(&mut self, frame: Frame, payload: &[u8]) -> Outcome {
        let mut rest = payload;
        if let [0, 1, id, auth, ..] = rest {
            rest = rest.get(13 + usize::from(*id) + usize::from(*auth)..).unwrap_or_default();
        }
        if let [0, 0, ..] = rest {
            rest = rest.get(8..).unwrap_or_default();
        }
        match rest.first() {
            Some(byte) if byte >> 4 == 6 && rest.len() >= 40 => self.ip(frame, rest),
            _ => Outcome::Malformed,
        }
    }
}
