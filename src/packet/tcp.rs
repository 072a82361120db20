//! TCP: segments that the spool rebuilt are payloads of their own, all others wait for reassembly.

use super::counters::Outcome;
use super::frame::{Addresses, Frame, be16, be32};
use super::segment::Segment;
use super::walk::{Walk, short};
use super::{Flow, Transport};
use crate::base::Endpoint;

/// Options of a segment that the sniffer rebuilt: NOP, NOP, timestamps 0 and 0 (run section 3).
const REBUILT_OPTIONS: [u8; 12] = [1, 1, 8, 10, 0, 0, 0, 0, 0, 0, 0, 0];

impl Walk<'_> {
    /// A segment of any TCP connection.
    pub(super) fn tcp(&mut self, frame: Frame, addresses: Addresses, bytes: &[u8]) -> Outcome {
        let (Some(flow), Some(sequence), Some(&[offset, flags])) =
            (flow(addresses, bytes), be32(bytes, 4), bytes.get(12..).and_then(<[u8]>::first_chunk))
        else {
            return short(frame);
        };
        let header = usize::from(offset >> 4) * 4;
        if header < 20 {
            return Outcome::Malformed;
        }
        let Some(payload) = bytes.get(header..) else {
            return short(frame);
        };
        let syn = flags & 2 != 0;
        if payload.is_empty() && !syn {
            return if frame.missing > 0 { Outcome::CutHeader } else { Outcome::TcpControl };
        }
        let segment = Segment {
            time: frame.time,
            record: frame.record,
            // A SYN takes one sequence number itself.
            sequence: sequence.wrapping_add(u32::from(syn)),
            syn,
            vendor_blind: frame.vendor_blind,
            missing: frame.missing,
            bytes: payload.into(),
        };
        let is_kept = self.held.segments.add(flow, segment);
        if payload.is_empty() {
            return Outcome::TcpControl;
        }
        self.held.ledger.add("packet.segments", 1);
        if is_kept { Outcome::Segment } else { Outcome::TcpNotSip }
    }

    /// A segment that the sniffer wrote in place of a reassembled SIP message (run section 3): one
    /// message, whole, so no reassembly. The caller has seen the IP header's marks (identification 0,
    /// time to live 50, checksum 0). Absent when the TCP header lacks the others.
    pub(super) fn rebuilt_segment(
        &mut self,
        frame: Frame,
        addresses: Addresses,
        bytes: &[u8],
    ) -> Option<Outcome> {
        let (header, payload) = bytes.split_first_chunk::<32>()?;
        // Flags: ACK, with or without PSH.
        let marks = header[12] >> 4 == 8
            && header[13] & !0x08 == 0x10
            && header[16..18] == [0, 0]
            && header[20..] == REBUILT_OPTIONS;
        if !marks || payload.is_empty() {
            return None;
        }
        let flow = flow(addresses, bytes)?;
        let ends = (flow.source, flow.destination);
        Some(self.deliver(frame, ends, Transport::Tcp, payload))
    }
}

fn flow(addresses: Addresses, bytes: &[u8]) -> Option<Flow> {
    Some(Flow {
        source: Endpoint::new(addresses.source, be16(bytes, 0)?),
        destination: Endpoint::new(addresses.destination, be16(bytes, 2)?),
    })
}
