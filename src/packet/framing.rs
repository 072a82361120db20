//! Streams that carry their own frames: WebSocket and HEP over TCP. Bytes in order in, whole messages
//! out, each at the moment of the bytes that completed it.

use super::hep;
use super::stream::Piece;
use super::websocket::{FrameHeader, begins_sip, begins_sip_frame, is_sip_upgrade};
use super::{Datagram, Flow, Transport};
use crate::base::limits::{FRAMED_MESSAGE_BYTES_MAX, UPGRADE_BYTES_MAX};
use memchr::memmem;

/// What a TCP stream carries.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    /// SIP, framed by the room below.
    Sip,
    WebSocket,
    Hep,
}

/// What a run of bytes in order shows, from its start; absent when it is nothing of ours.
pub(super) fn kind(run: &[u8]) -> Option<Kind> {
    if is_sip_upgrade(run) || begins_sip_frame(run) {
        Some(Kind::WebSocket)
    } else if run.starts_with(b"HEP3") {
        Some(Kind::Hep)
    } else {
        memmem::find(run, b"SIP/2.0").map(|_| Kind::Sip)
    }
}

/// Takes messages out of one direction of a WebSocket or HEP connection.
#[derive(Debug)]
pub(super) struct Framer {
    flow: Flow,
    kind: Kind,
    buffer: Vec<u8>,
    /// The WebSocket message whose frames are not all there.
    message: Vec<u8>,
    frames: u32,
    masked: bool,
    /// The place of the next frame is not known: the stream was entered in its middle.
    lost: bool,
    /// WebSocket messages that an extension compressed; they are not read.
    pub(super) compressed: u64,
    /// Messages beyond [`FRAMED_MESSAGE_BYTES_MAX`].
    pub(super) too_long: u64,
}

impl Framer {
    pub(super) const fn new(flow: Flow, kind: Kind) -> Self {
        Self {
            flow,
            kind,
            buffer: Vec::new(),
            message: Vec::new(),
            frames: 0,
            masked: false,
            lost: true,
            compressed: 0,
            too_long: 0,
        }
    }

    /// Bytes are missing.
    pub(super) fn gap(&mut self) {
        self.buffer.clear();
        self.message.clear();
        (self.lost, self.frames, self.masked) = (true, 0, false);
    }

    /// The next bytes.
    pub(super) fn push(&mut self, piece: &Piece, bytes: &[u8], sink: &mut dyn FnMut(Datagram<'_>)) {
        self.buffer.extend_from_slice(bytes);
        let mut at = 0;
        loop {
            let taken = match self.kind {
                Kind::Hep => self.hep(at, piece, sink),
                _ => self.websocket(at, piece, sink),
            };
            match taken {
                Some(taken) if taken > 0 && at < self.buffer.len() => at += taken,
                _ => break,
            }
        }
        self.buffer.drain(..at.min(self.buffer.len()));
    }

    /// One HEP3 packet; tells the bytes taken, absent when more are needed.
    fn hep(
        &mut self,
        at: usize,
        piece: &Piece,
        sink: &mut dyn FnMut(Datagram<'_>),
    ) -> Option<usize> {
        let rest = self.buffer.get(at..)?;
        if rest.len() < 6 {
            return None;
        }
        let Some(length) = hep::length(rest) else {
            // Not at a packet: go on at the next one; the last bytes may be its beginning.
            return Some(memmem::find(&rest[1..], b"HEP3").map_or(rest.len() - 3, |next| next + 1));
        };
        let packet = rest.get(..length)?;
        if let Some(message) = hep::message(packet, piece.time) {
            self.too_long += u64::from(message.over_limit);
            sink(Datagram {
                time: message.time,
                record: piece.record,
                source: message.source,
                destination: message.destination,
                transport: Transport::Hep,
                payload: &message.payload,
                cut: message.cut,
                vendor_blind: true,
            });
        }
        Some(length)
    }

    /// One HTTP header section or WebSocket frame; tells the bytes taken, absent when more are needed.
    fn websocket(
        &mut self,
        at: usize,
        piece: &Piece,
        sink: &mut dyn FnMut(Datagram<'_>),
    ) -> Option<usize> {
        let rest = self.buffer.get(at..)?;
        if rest.is_empty() {
            return None;
        }
        if rest.starts_with(b"GET ") || rest.starts_with(b"HTTP/") {
            self.lost = false;
            if rest.len() > UPGRADE_BYTES_MAX {
                self.too_long += 1;
                self.gap();
                return None;
            }
            return memmem::find(rest, b"\r\n\r\n").map(|end| end + 4);
        }
        // Enough bytes for the longest header and the shortest start line that tells a frame.
        if self.lost && rest.len() >= 30 {
            if !begins_sip_frame(rest) {
                // A frame mostly begins with a segment: try again at the next one.
                return Some(rest.len());
            }
            self.lost = false;
        }
        if self.lost {
            return None;
        }
        let header = FrameHeader::read(rest)?;
        let control = header.opcode & 8 != 0;
        if matches!(header.opcode, 3..=7 | 11..=15) || (control && header.payload_bytes > 125) {
            self.gap();
            return None;
        }
        let Some(length) = usize::try_from(header.payload_bytes)
            .ok()
            .filter(|length| length + self.message.len() <= FRAMED_MESSAGE_BYTES_MAX)
        else {
            self.too_long += 1;
            self.gap();
            return None;
        };
        let end = header.header_bytes + length;
        let payload = rest.get(header.header_bytes..end)?;
        if !control {
            if header.opcode != 0 {
                self.message.clear();
                (self.frames, self.masked) = (0, false);
            }
            if header.extended {
                self.compressed += 1;
            } else {
                header.unmask(payload, &mut self.message);
                self.frames += 1;
                self.masked |= header.mask.is_some();
            }
            if header.last {
                self.finish_message(piece, sink);
            }
        }
        Some(end)
    }

    fn finish_message(&mut self, piece: &Piece, sink: &mut dyn FnMut(Datagram<'_>)) {
        let message = std::mem::take(&mut self.message);
        // Keep-alives (RFC 7118 section 6) and foreign messages are the next room's to reject.
        if message.is_empty() {
            return;
        }
        sink(Datagram {
            time: piece.time,
            record: piece.record,
            source: self.flow.source,
            destination: self.flow.destination,
            transport: Transport::WebSocket,
            payload: &message,
            cut: false,
            // The sniffer reads single unmasked frames only (facts F).
            vendor_blind: piece.vendor_blind || self.masked || self.frames > 1,
        });
        (self.frames, self.masked) = (0, false);
    }
}

/// Whether bytes are text of the kind that SIP is made of: what decides if lost bytes may have been SIP.
pub(super) fn is_text(bytes: &[u8]) -> bool {
    let sample = &bytes[..bytes.len().min(64)];
    begins_sip(bytes)
        || (!sample.is_empty()
            && sample
                .iter()
                .all(|byte| matches!(byte, 0x20..=0x7e | b'\r' | b'\n' | b'\t' | 0x80..)))
            && sample.iter().filter(|byte| byte.is_ascii()).count() * 4 >= sample.len() * 3
}
