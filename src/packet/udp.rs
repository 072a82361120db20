//! UDP: the payload, unless it is an encapsulation.

use super::Transport;
use super::bound::Dropped;
use super::counters::Outcome;
use super::fast::is_tunnel_port;
use super::frame::{Addresses, Frame, be16};
use super::hep;
use super::walk::{Walk, is_implausible, short};
use crate::base::Endpoint;

impl Walk<'_> {
    /// A UDP segment, as far as it is there.
    pub(super) fn udp(&mut self, frame: Frame, addresses: Addresses, bytes: &[u8]) -> Outcome {
        let (Some(source), Some(destination), Some(length), Some(rest)) =
            (be16(bytes, 0), be16(bytes, 2), be16(bytes, 4), bytes.get(8..))
        else {
            return short(frame);
        };
        // A length of less than its own header says nothing (0: a jumbogram, RFC 2675).
        let (payload, missing) = match usize::from(length).checked_sub(8) {
            Some(expected) => {
                let payload = &rest[..expected.min(rest.len())];
                (payload, u32::try_from(expected - payload.len()).unwrap_or(u32::MAX))
            }
            None => (rest, frame.missing),
        };
        // Beyond the UDP length nothing of this datagram is missing.
        let frame = Frame { missing, ..frame };
        let ports = (source, destination);
        if is_tunnel_port(source) || is_tunnel_port(destination) {
            let outcome = self.udp_tunnel(frame, ports, payload);
            if !is_implausible(outcome) {
                return outcome;
            }
        }
        if let Some(message) = hep::message(payload, frame.time) {
            let frame = Frame {
                time: message.time,
                missing: if message.cut { frame.missing.max(1) } else { 0 },
                ..frame.blind()
            };
            if message.over_limit {
                let dropped = Dropped::of(frame.record, frame.time, 1, 0);
                self.held.hep_over_limit = Dropped::joined(self.held.hep_over_limit, Some(dropped));
            }
            let ends = (message.source, message.destination);
            return self.deliver(frame, ends, Transport::Hep, &message.payload);
        }
        let ends = (
            Endpoint::new(addresses.source, source),
            Endpoint::new(addresses.destination, destination),
        );
        self.deliver(frame, ends, Transport::Udp, payload)
    }
}
