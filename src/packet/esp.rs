//! ESP with NULL encryption (RFC 4303, RFC 2410): the trailer tells the inner protocol.
//!
//! Nothing on the wire says that a payload is not encrypted, nor how long its integrity value is, so
//! every usual length is tried and the trailer must be plausible in all its parts.

use super::counters::Outcome;
use super::frame::{Addresses, Frame, be16};
use super::walk::Walk;

/// Lengths of integrity values: HMAC-SHA1/MD5-96, SHA-256-128, none, SHA-384-192, SHA-512-256.
const INTEGRITY_BYTES: [usize; 5] = [12, 16, 0, 24, 32];

impl Walk<'_> {
    /// An ESP packet: read when it is plainly not encrypted.
    pub(super) fn esp(&mut self, frame: Frame, addresses: Addresses, bytes: &[u8]) -> Outcome {
        let body = bytes.get(8..).unwrap_or_default();
        for integrity in INTEGRITY_BYTES {
            let Some(end) = body.len().checked_sub(integrity) else { continue };
            if let Some((protocol, payload)) = inner(&body[..end]) {
                return self.transport(frame, addresses, protocol, payload);
            }
        }
        Outcome::Encrypted
    }
}

/// Protocol and payload in front of the trailer; absent when the trailer is implausible.
fn inner(body: &[u8]) -> Option<(u8, &[u8])> {
    let [rest @ .., padding, protocol] = body else { return None };
    let (payload, padding) = rest.split_at_checked(rest.len().checked_sub((*padding).into())?)?;
    // RFC 4303 section 2.4: the padding counts up from 1.
    if !padding.iter().zip(1u8..=255).all(|(byte, count)| *byte == count) {
        return None;
    }
    let plausible = match protocol {
        17 => be16(payload, 4) == u16::try_from(payload.len()).ok(),
        6 => payload.get(12).is_some_and(|byte| {
            byte & 0x0e == 0 && (20..=payload.len()).contains(&(usize::from(byte >> 4) * 4))
        }),
        4 => {
            payload.first().is_some_and(|byte| byte >> 4 == 4)
                && be16(payload, 2) == u16::try_from(payload.len()).ok()
        }
        41 => {
            payload.first().is_some_and(|byte| byte >> 4 == 6)
                && be16(payload, 4).map(usize::from) == payload.len().checked_sub(40)
        }
        _ => false,
    };
    plausible.then_some((*protocol, payload))
}
