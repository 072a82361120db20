//! Numbers, strings, moments and addresses in few bytes: how outlines keep them.
//!
//! Moments, records and addresses stand relative to those of the leg that they belong to ([`Base`]).

use super::outline::Moment;
use crate::base::{CaptureId, CaptureTime, Endpoint, FileId, RecordRef};
use crate::leg::codec;

/// What most values of a leg are near to, or equal.
#[derive(Clone, Copy, Debug)]
pub(super) struct Base {
    /// When and where the leg began.
    pub(super) started: Moment,
    /// Sender of its first INVITE.
    pub(super) source: Endpoint,
    /// Receiver of its first INVITE.
    pub(super) destination: Endpoint,
}

/// Moments of captures are microseconds as a rule.
const USUAL_NS: i64 = 1_000;
/// An address of the leg itself, or another one, which follows.
const SOURCE: u8 = 0;
const DESTINATION: u8 = 1;
const OTHER: u8 = 2;

const fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)).cast_unsigned()
}

const fn unzigzag(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -(number & 1).cast_signed()
}

/// A number, a byte for every seven bits.
#[inline]
pub(super) fn put_number(bytes: &mut Vec<u8>, number: u64) {
    codec::put(bytes, number);
}

/// A string behind its length.
pub(super) fn put_text(bytes: &mut Vec<u8>, text: &[u8]) {
    put_number(bytes, text.len() as u64);
    bytes.extend_from_slice(text);
}

/// A time, by its distance to another.
pub(super) fn put_time(bytes: &mut Vec<u8>, time: CaptureTime, from: CaptureTime) {
    let distance = time.ns().wrapping_sub(from.ns());
    let usual = distance / USUAL_NS;
    if usual * USUAL_NS == distance {
        put_number(bytes, zigzag(usual) << 1 | 1);
    } else {
        put_number(bytes, 0);
        put_number(bytes, zigzag(distance));
    }
}

/// A record by itself.
pub(super) fn put_record(bytes: &mut Vec<u8>, record: RecordRef) {
    put_number(bytes, u64::from(record.capture.file.0));
    put_number(bytes, u64::from(record.capture.member));
    put_number(bytes, u64::from(record.index));
}

/// A moment, by its distance to another.
pub(super) fn put_moment(bytes: &mut Vec<u8>, moment: Moment, from: Moment) {
    put_time(bytes, moment.time, from.time);
    if moment.record.capture == from.record.capture {
        let distance = i64::from(moment.record.index) - i64::from(from.record.index);
        put_number(bytes, zigzag(distance) << 1);
    } else {
        put_number(bytes, 1);
        put_record(bytes, moment.record);
    }
}

/// An address and port by itself.
pub(super) fn put_end(bytes: &mut Vec<u8>, end: Endpoint) {
    codec::put_end(bytes, end);
}

impl Base {
    /// An address, shorter where it is one of the leg's own.
    pub(super) fn put_end(&self, bytes: &mut Vec<u8>, end: Endpoint) {
        match end {
            end if end == self.source => bytes.push(SOURCE),
            end if end == self.destination => bytes.push(DESTINATION),
            end => {
                bytes.push(OTHER);
                put_end(bytes, end);
            }
        }
    }

    /// An optional value: a byte that says whether it is there.
    pub(super) fn put_text(bytes: &mut Vec<u8>, text: Option<&[u8]>) {
        bytes.push(u8::from(text.is_some()));
        if let Some(text) = text {
            put_text(bytes, text);
        }
    }

    /// A status and its moment; absent ones as a status of zero, which no message has.
    pub(super) fn put_status(&self, bytes: &mut Vec<u8>, told: Option<(u16, Moment)>) {
        put_number(bytes, told.map_or(0, |(status, _)| u64::from(status) + 1));
        if let Some((_, moment)) = told {
            put_moment(bytes, moment, self.started);
        }
    }

    /// What [`Base::put_end`] wrote.
    pub(super) fn end(&self, reader: &mut Reader<'_>) -> Endpoint {
        match reader.byte() {
            SOURCE => self.source,
            DESTINATION => self.destination,
            _ => reader.end(),
        }
    }

    /// What [`Base::put_status`] wrote.
    pub(super) fn status(&self, reader: &mut Reader<'_>) -> Option<(u16, Moment)> {
        let status = u16::try_from(reader.number().checked_sub(1)?).unwrap_or_default();
        Some((status, reader.moment(self.started)))
    }
}

/// Reads what was put, in the same order. Behind the end stand zeros.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'o> {
    pub(super) rest: &'o [u8],
}

impl<'o> Reader<'o> {
    #[inline]
    pub(super) fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.rest.split_first() else { return 0 };
        self.rest = rest;
        *first
    }

    #[inline]
    pub(super) fn number(&mut self) -> u64 {
        let mut reader = codec::Reader(self.rest);
        let number = reader.number();
        self.rest = reader.0;
        number
    }

    /// A number that was of 32 bits.
    pub(super) fn number_32(&mut self) -> u32 {
        self.number() as u32
    }

    /// The next bytes, without a length before them.
    #[inline]
    pub(super) fn bytes(&mut self, length: usize) -> &'o [u8] {
        let (bytes, rest) = self.rest.split_at(length.min(self.rest.len()));
        self.rest = rest;
        bytes
    }

    #[inline]
    pub(super) fn text(&mut self) -> &'o [u8] {
        let length = self.number() as usize;
        self.bytes(length)
    }

    /// What [`Base::put_text`] wrote.
    pub(super) fn optional_text(&mut self) -> Option<&'o [u8]> {
        (self.byte() != 0).then(|| self.text())
    }

    pub(super) fn time(&mut self, from: CaptureTime) -> CaptureTime {
        let distance = match self.number() {
            0 => unzigzag(self.number()),
            usual => unzigzag(usual >> 1).wrapping_mul(USUAL_NS),
        };
        CaptureTime::from_ns(from.ns().wrapping_add(distance))
    }

    pub(super) fn record(&mut self) -> RecordRef {
        let (file, member) = (FileId(self.number_32()), self.number_32());
        RecordRef { capture: CaptureId { file, member }, index: self.number_32() }
    }

    pub(super) fn moment(&mut self, from: Moment) -> Moment {
        let time = self.time(from.time);
        let distance = self.number();
        let record = if distance == 1 {
            self.record()
        } else {
            let index = i64::from(from.record.index) + unzigzag(distance >> 1);
            RecordRef { index: u32::try_from(index).unwrap_or_default(), ..from.record }
        };
        Moment { time, record }
    }

    /// Goes behind what [`put_time`] wrote.
    #[inline]
    pub(super) fn skip_time(&mut self) {
        if self.number() == 0 {
            self.number();
        }
    }

    /// Goes behind what [`put_moment`] wrote.
    #[inline]
    pub(super) fn skip_moment(&mut self) {
        self.skip_time();
        if self.number() == 1 {
            for _ in 0..3 {
                self.number();
            }
        }
    }

    /// What [`put_end`] wrote.
    pub(super) fn end(&mut self) -> Endpoint {
        let mut reader = codec::Reader(self.rest);
        let end = reader.end();
        self.rest = reader.0;
        end
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::net::IpAddr;

    fn any_moment() -> impl Strategy<Value = Moment> {
        let time = prop_oneof![any::<i64>(), (0i64..9_999).prop_map(|us| us * 1_000)];
        (time, 0u32..2, any::<u32>(), any::<u32>()).prop_map(|(time, file, member, index)| Moment {
            time: CaptureTime::from_ns(time),
            record: RecordRef {
                capture: CaptureId { file: FileId(file), member: member % 2 },
                index,
            },
        })
    }

    fn any_end() -> impl Strategy<Value = Endpoint> {
        (any::<IpAddr>(), any::<u16>()).prop_map(|(address, port)| Endpoint::new(address, port))
    }

    proptest! {
        #[test]
        fn everything_comes_back(
            started in any_moment(),
            moment in any_moment(),
            ends in (any_end(), any_end(), any_end()),
            number in any::<u64>(),
            text in prop::collection::vec(any::<u8>(), 0..300),
            told in prop::option::of((any::<u16>(), any_moment())),
        ) {
            let base = Base { started, source: ends.0, destination: ends.1 };
            let mut bytes = Vec::new();
            put_number(&mut bytes, number);
            put_text(&mut bytes, &text);
            put_moment(&mut bytes, moment, started);
            for end in [ends.0, ends.1, ends.2] {
                base.put_end(&mut bytes, end);
            }
            put_end(&mut bytes, ends.0);
            base.put_status(&mut bytes, told);
            Base::put_text(&mut bytes, Some(&text));
            Base::put_text(&mut bytes, None);
            let mut reader = Reader { rest: &bytes };
            prop_assert_eq!(reader.number(), number);
            prop_assert_eq!(reader.text(), &text);
            let mut behind = reader;
            prop_assert_eq!(reader.moment(started), moment);
            behind.skip_moment();
            prop_assert_eq!(behind.rest, reader.rest);
            for end in [ends.0, ends.1, ends.2] {
                prop_assert_eq!(base.end(&mut reader), end);
            }
            prop_assert_eq!(reader.end(), ends.0);
            prop_assert_eq!(base.status(&mut reader), told);
            prop_assert_eq!(reader.optional_text(), Some(&text[..]));
            prop_assert_eq!(reader.optional_text(), None);
            prop_assert!(reader.rest.is_empty());
        }
    }
}
