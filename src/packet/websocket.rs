//! WebSocket frames (RFC 6455) that carry SIP (RFC 7118).

use memchr::memmem;

/// A frame header.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct FrameHeader {
    pub(super) last: bool,
    /// Any of the three reserved bits: an extension changed the payload.
    pub(super) extended: bool,
    pub(super) opcode: u8,
    pub(super) mask: Option<[u8; 4]>,
    pub(super) header_bytes: usize,
    pub(super) payload_bytes: u64,
}

impl FrameHeader {
    /// Section 5.2; absent when the bytes end inside the header.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let [first, second, rest @ ..] = bytes else { return None };
        let (payload_bytes, length_bytes) = match second & 0x7f {
            126 => (u64::from(u16::from_be_bytes(*rest.first_chunk()?)), 2),
            127 => (u64::from_be_bytes(*rest.first_chunk()?), 8),
            length => (u64::from(length), 0),
        };
        let masked = second & 0x80 != 0;
        let mask = if masked { Some(*rest.get(length_bytes..)?.first_chunk()?) } else { None };
        Some(Self {
            last: first & 0x80 != 0,
            extended: first & 0x70 != 0,
            opcode: first & 0x0f,
            mask,
            header_bytes: 2 + length_bytes + if masked { 4 } else { 0 },
            payload_bytes,
        })
    }

    /// The payload bytes as they were before masking (section 5.3).
    pub(super) fn unmask(&self, payload: &[u8], plain: &mut Vec<u8>) {
        match self.mask {
            None => plain.extend_from_slice(payload),
            Some(mask) => {
                plain.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, key)| byte ^ key));
            }
        }
    }
}

/// Whether bytes begin with an HTTP upgrade to SIP over WebSocket (RFC 7118 section 4.1).
pub(super) fn is_sip_upgrade(bytes: &[u8]) -> bool {
    if !(bytes.starts_with(b"GET ") || bytes.starts_with(b"HTTP/1.1 101")) {
        return false;
    }
    let end = memmem::find(bytes, b"\r\n\r\n").unwrap_or(bytes.len());
    bytes[..end].split(|byte| *byte == b'\n').any(|line| {
        let line = line.to_ascii_lowercase();
        line.starts_with(b"sec-websocket-protocol:") && memmem::find(&line, b"sip").is_some()
    })
}

/// Whether bytes begin with a data frame whose payload begins like a SIP message.
pub(super) fn begins_sip_frame(bytes: &[u8]) -> bool {
    let Some(header) = FrameHeader::read(bytes) else { return false };
    if header.extended || !matches!(header.opcode, 1 | 2) || header.payload_bytes < 16 {
        return false;
    }
    let start = bytes.get(header.header_bytes..).unwrap_or_default();
    let mut plain = Vec::with_capacity(16);
    header.unmask(&start[..start.len().min(16)], &mut plain);
    begins_sip(&plain)
}

/// Whether bytes begin like a SIP start line: `SIP/2.0 ` or a method in capitals and a space.
pub(super) fn begins_sip(bytes: &[u8]) -> bool {
    if bytes.starts_with(b"SIP/2.0 ") {
        return true;
    }
    let method = bytes.iter().take_while(|byte| byte.is_ascii_uppercase()).count();
    (3..=12).contains(&method) && bytes.get(method) == Some(&b' ')
}
