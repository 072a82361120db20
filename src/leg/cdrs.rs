//! The CDRs of a run, packed: about 60 bytes each, in memory or in a file.
//!
//! In: CDRs by leg, then by start. Out: a [`Cdr`] by its place, read anew each time. Every CDR comes back as
//! it was put.

use super::cdr::{Bye, Cdr, Ends, Side, VendorCut};
use super::codec::{Reader, put, put_bytes, put_end, put_signed};
use super::short_text::ShortText;
use crate::base::{CaptureTime, PackedBuilder, PackedList, PackedRun, SensorId};
use std::fmt;
use std::ops::Range;

/// What a CDR is beside its numbers, a bit each.
const BY_CALLER: u8 = 1;
const BY_CALLEE: u8 = 2;
const ONLY_WHEN_CUT: u8 = 4;
const HAS_MEDIA: u8 = 8;
const VENDOR_BLIND: u8 = 16;
const IS_CUT: u8 = 32;
const IS_CONNECTED: u8 = 64;
const HAS_PROGRESSED: u8 = 128;

/// Moments of captures are microseconds as a rule.
const USUAL_NS: i64 = 1_000;
/// Nearly all numbers are of these characters, two of which fit a byte.
const CHARACTERS: &[u8; 16] = b"0123456789+*#-._";
/// Longest number that is looked at for that.
const PAIRED_BYTES_MAX: usize = 64;

/// Makes packed CDRs of such as come in their order.
#[derive(Debug, Default)]
pub struct CdrBuilder(PackedBuilder);

impl CdrBuilder {
    /// Adds a CDR behind all others.
    pub fn push(&mut self, cdr: &Cdr) {
        self.0.push_with(|bytes| put_cdr(bytes, cdr));
    }

    /// The CDRs, packed, for [`Cdrs::new`].
    #[must_use]
    pub fn finish(self) -> Vec<PackedRun> {
        self.0.finish()
    }
}

/// CDRs by place.
#[derive(Clone, Default, Eq, PartialEq)]
pub struct Cdrs(PackedList);

impl Cdrs {
    /// Those that builders made, one behind the other.
    #[must_use]
    pub fn new(packed: impl IntoIterator<Item = PackedRun>) -> Self {
        Self(packed.into_iter().collect())
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A CDR by its place; absent when there is none.
    #[must_use]
    pub fn get(&self, place: u32) -> Option<Cdr> {
        self.0.get(place).map(read_cdr)
    }

    /// All of them in their order.
    pub fn iter(&self) -> impl Iterator<Item = Cdr> {
        self.0.iter().map(read_cdr)
    }

    /// The leg of each in their order.
    pub fn legs(&self) -> impl Iterator<Item = u32> {
        self.0.iter().map(|bytes| Reader(bytes).small())
    }

    /// Those of some places, rising.
    pub fn range(&self, places: Range<u32>) -> impl Iterator<Item = Cdr> {
        self.0.range(places).map(read_cdr)
    }

    /// Bytes that they are kept in, wherever these lie.
    #[must_use]
    pub fn byte_count(&self) -> usize {
        self.0.byte_count()
    }

    /// Whether all that was read so far is what was kept; see [`crate::base::PackedBytes::is_whole`].
    #[must_use]
    pub fn are_whole(&self) -> bool {
        self.0.is_whole()
    }

    /// Lets go of memory that only repeats what a file holds; changes nothing else.
    pub fn release(&self) {
        self.0.release();
    }
}

impl fmt::Debug for Cdrs {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.iter()).finish()
    }
}

impl<'c> FromIterator<&'c Cdr> for Cdrs {
    fn from_iter<T: IntoIterator<Item = &'c Cdr>>(cdrs: T) -> Self {
        let mut builder = CdrBuilder::default();
        cdrs.into_iter().for_each(|cdr| builder.push(cdr));
        Self::new(builder.finish())
    }
}

/// CDRs by place, however they are kept.
#[derive(Clone, Copy, Debug)]
pub enum CdrSource<'c> {
    /// As they are.
    Plain(&'c [Cdr]),
    /// Packed.
    Packed(&'c Cdrs),
}

impl CdrSource<'_> {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Plain(cdrs) => cdrs.len(),
            Self::Packed(cdrs) => cdrs.len(),
        }
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A CDR by its place; absent when there is none.
    #[must_use]
    pub fn get(&self, place: u32) -> Option<Cdr> {
        match self {
            Self::Plain(cdrs) => cdrs.get(place as usize).cloned(),
            Self::Packed(cdrs) => cdrs.get(place),
        }
    }

    /// Hands over those of some places, rising.
    pub fn each(&self, places: Range<u32>, mut visit: impl FnMut(u32, &Cdr)) {
        let numbered = places.clone();
        match self {
            Self::Plain(cdrs) => {
                let some = cdrs.get(places.start as usize..).unwrap_or_default();
                numbered.zip(some).for_each(|(place, cdr)| visit(place, cdr));
            }
            Self::Packed(cdrs) => {
                numbered.zip(cdrs.range(places)).for_each(|(place, cdr)| visit(place, &cdr));
            }
        }
    }
}

impl<'c> From<&'c [Cdr]> for CdrSource<'c> {
    fn from(cdrs: &'c [Cdr]) -> Self {
        Self::Plain(cdrs)
    }
}

impl<'c> From<&'c Vec<Cdr>> for CdrSource<'c> {
    fn from(cdrs: &'c Vec<Cdr>) -> Self {
        Self::Plain(cdrs)
    }
}

impl<'c, const N: usize> From<&'c [Cdr; N]> for CdrSource<'c> {
    fn from(cdrs: &'c [Cdr; N]) -> Self {
        Self::Plain(cdrs)
    }
}

impl<'c> From<&'c Cdrs> for CdrSource<'c> {
    fn from(cdrs: &'c Cdrs) -> Self {
        Self::Packed(cdrs)
    }
}

fn put_cdr(bytes: &mut Vec<u8>, cdr: &Cdr) {
    put(bytes, u64::from(cdr.leg));
    let flag = |is_set: bool, flag: u8| if is_set { flag } else { 0 };
    let flags = match cdr.hung_up_by {
        None => 0,
        Some(Side::Caller) => BY_CALLER,
        Some(Side::Callee) => BY_CALLEE,
    };
    bytes.push(
        flags
            | flag(cdr.only_when_cut, ONLY_WHEN_CUT)
            | flag(cdr.has_media, HAS_MEDIA)
            | flag(cdr.vendor_blind, VENDOR_BLIND)
            | flag(cdr.vendor_cut.is_some(), IS_CUT)
            | flag(cdr.connected.is_some(), IS_CONNECTED)
            | flag(cdr.progressed.is_some(), HAS_PROGRESSED),
    );
    bytes.push(cdr.bye.code());
    bytes.extend_from_slice(&cdr.started.ns().to_le_bytes());
    put_time(bytes, cdr.ended, cdr.started);
    for moment in [cdr.connected, cdr.progressed].into_iter().flatten() {
        put_time(bytes, moment, cdr.started);
    }
    if let Some(cut) = &cdr.vendor_cut {
        put_time(bytes, cut.ended, cdr.ended);
        bytes.push(cut.bye.code());
        put(bytes, u64::from(cut.last_response));
    }
    for number in [cdr.sequence, cdr.sensor.0, cdr.last_response, cdr.branches] {
        put(bytes, u64::from(number));
    }
    let (source, destination) = cdr.ends.both();
    put_end(bytes, source);
    put_end(bytes, destination);
    put_text(bytes, &cdr.caller);
    put_text(bytes, &cdr.called);
}

fn read_cdr(bytes: &[u8]) -> Cdr {
    let mut reader = Reader(bytes);
    let leg = reader.small();
    let flags = reader.byte();
    let is_set = |flag: u8| flags & flag != 0;
    let bye = Bye::from_code(reader.byte()).unwrap_or(Bye::Unanswered);
    let started = CaptureTime::from_ns(i64::from_le_bytes(reader.array()));
    let ended = time(&mut reader, started);
    let mut moment = |flag: u8| is_set(flag).then(|| time(&mut reader, started));
    let (connected, progressed) = (moment(IS_CONNECTED), moment(HAS_PROGRESSED));
    let vendor_cut = is_set(IS_CUT).then(|| VendorCut {
        ended: time(&mut reader, ended),
        bye: Bye::from_code(reader.byte()).unwrap_or(Bye::Unanswered),
        last_response: reader.number() as u16,
    });
    let [sequence, sensor, last_response, branches] = [(); 4].map(|()| reader.number() as u16);
    let [source, destination] = [(); 2].map(|()| reader.end());
    let [caller, called] = [(); 2].map(|()| text(&mut reader));
    Cdr {
        leg,
        sequence,
        sensor: SensorId(sensor),
        caller,
        called,
        started,
        ended,
        connected,
        progressed,
        ends: Ends::new(source, destination),
        last_response,
        bye,
        hung_up_by: match (is_set(BY_CALLER), is_set(BY_CALLEE)) {
            (true, _) => Some(Side::Caller),
            (_, true) => Some(Side::Callee),
            _ => None,
        },
        vendor_cut,
        only_when_cut: is_set(ONLY_WHEN_CUT),
        branches,
        has_media: is_set(HAS_MEDIA),
        vendor_blind: is_set(VENDOR_BLIND),
    }
}

/// A time, by its distance to another.
fn put_time(bytes: &mut Vec<u8>, time: CaptureTime, from: CaptureTime) {
    let distance = time.ns().wrapping_sub(from.ns());
    let usual = distance / USUAL_NS;
    if usual * USUAL_NS == distance {
        put_signed(bytes, (usual << 1) | 1);
    } else {
        // Even, as the usual ones are odd; the distance itself has no bit to spare.
        put_signed(bytes, 0);
        put_signed(bytes, distance);
    }
}

fn time(reader: &mut Reader<'_>, from: CaptureTime) -> CaptureTime {
    let usual = reader.signed();
    let distance =
        if usual & 1 == 1 { (usual >> 1).wrapping_mul(USUAL_NS) } else { reader.signed() };
    CaptureTime::from_ns(from.ns().wrapping_add(distance))
}

/// What a byte that is none of [`CHARACTERS`] has among [`HALVES`].
const NO_HALF: u8 = 16;

/// The place of every byte among [`CHARACTERS`].
const HALVES: [u8; 256] = {
    let (mut halves, mut place) = ([NO_HALF; 256], 0);
    while place < CHARACTERS.len() {
        halves[CHARACTERS[place] as usize] = place as u8;
        place += 1;
    }
    halves
};

/// The characters of a byte that holds two.
const PAIRS: [[u8; 2]; 256] = {
    let (mut pairs, mut byte) = ([[0; 2]; 256], 0);
    while byte < pairs.len() {
        pairs[byte] = [CHARACTERS[byte & 15], CHARACTERS[byte >> 4]];
        byte += 1;
    }
    pairs
};

const fn half_of(byte: u8) -> u8 {
    HALVES[byte as usize]
}

/// A number as half bytes where it can be, else as it is; the length tells which.
fn put_text(bytes: &mut Vec<u8>, text: &[u8]) {
    let halves = text.iter().fold(0, |all, byte| all | half_of(*byte));
    if text.len() > PAIRED_BYTES_MAX || halves & NO_HALF != 0 {
        put(bytes, 1);
        put_bytes(bytes, text);
        return;
    }
    put(bytes, (text.len() as u64) << 1);
    let (pairs, rest) = text.as_chunks::<2>();
    bytes.extend(pairs.iter().map(|[low, high]| half_of(*low) | half_of(*high) << 4));
    bytes.extend(rest.iter().map(|low| half_of(*low)));
}

fn text(reader: &mut Reader<'_>) -> ShortText {
    let head = reader.number();
    if head & 1 == 1 {
        return reader.bytes().into();
    }
    let length = usize::try_from(head >> 1).unwrap_or(usize::MAX).min(PAIRED_BYTES_MAX);
    let mut text = [0; PAIRED_BYTES_MAX];
    let (packed, rest) = reader.0.split_at_checked(length.div_ceil(2)).unwrap_or((&[], &[]));
    reader.0 = rest;
    for (pair, byte) in text.as_chunks_mut::<2>().0.iter_mut().zip(packed) {
        *pair = PAIRS[usize::from(*byte)];
    }
    text[..length.min(2 * packed.len())].into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Endpoint;
    use proptest::prelude::*;
    use std::net::IpAddr;

    fn moment() -> impl Strategy<Value = CaptureTime> {
        let usual = (1_790_000_000_000_000i64..1_790_000_100_000_000).prop_map(|us| us * 1_000);
        prop_oneof![usual, any::<i64>(), prop::sample::select(vec![i64::MIN, -1, 0, i64::MAX])]
            .prop_map(CaptureTime::from_ns)
    }

    fn address() -> impl Strategy<Value = Endpoint> {
        let four = any::<[u8; 4]>().prop_map(IpAddr::from);
        let six = any::<[u8; 16]>().prop_map(IpAddr::from);
        (prop_oneof![3 => four, 1 => six], any::<u16>())
            .prop_map(|(address, port)| Endpoint::new(address, port))
    }

    fn number() -> impl Strategy<Value = ShortText> {
        let usual = "[+]?[0-9]{0,20}|[0-9*#._-]{0,70}".prop_map(String::into_bytes);
        prop_oneof![usual, prop::collection::vec(any::<u8>(), 0..80)].prop_map(ShortText::from)
    }

    fn bye() -> impl Strategy<Value = Bye> {
        (0u8..=255).prop_filter_map("no such end", Bye::from_code)
    }

    fn any_cdr() -> impl Strategy<Value = Cdr> {
        let side = prop::option::of(prop::sample::select(vec![Side::Caller, Side::Callee]));
        let cut = prop::option::of((moment(), bye(), any::<u16>()));
        let times = (moment(), moment(), prop::option::of(moment()), prop::option::of(moment()));
        let small = (any::<u32>(), any::<[u16; 4]>(), any::<[bool; 3]>());
        (times, small, (number(), number()), (address(), address()), (bye(), side, cut)).prop_map(
            |(times, small, numbers, ends, (bye, hung_up_by, cut))| Cdr {
                leg: small.0,
                sequence: small.1[0],
                sensor: SensorId(small.1[1]),
                caller: numbers.0,
                called: numbers.1,
                started: times.0,
                ended: times.1,
                connected: times.2,
                progressed: times.3,
                ends: Ends::new(ends.0, ends.1),
                last_response: small.1[2],
                bye,
                hung_up_by,
                vendor_cut: cut.map(|(ended, bye, last_response)| VendorCut {
                    ended,
                    bye,
                    last_response,
                }),
                only_when_cut: small.2[0],
                branches: small.1[3],
                has_media: small.2[1],
                vendor_blind: small.2[2],
            },
        )
    }

    proptest! {
        #[test]
        fn every_cdr_comes_back(cdrs in prop::collection::vec(any_cdr(), 0..6)) {
            let packed: Cdrs = cdrs.iter().collect();
            prop_assert_eq!(packed.iter().collect::<Vec<_>>(), &cdrs[..]);
            prop_assert_eq!(packed.legs().collect::<Vec<_>>(), cdrs.iter().map(|c| c.leg).collect::<Vec<_>>());
            for (place, cdr) in (0u32..).zip(&cdrs) {
                prop_assert_eq!(packed.get(place), Some(cdr.clone()));
            }
            let (plain, packed) = (CdrSource::from(&cdrs), CdrSource::from(&packed));
            prop_assert_eq!((plain.len(), plain.get(9)), (packed.len(), packed.get(9)));
            let [plain, packed] = [plain, packed].map(|source| {
                let mut seen = Vec::new();
                source.each(1..9, |place, cdr| seen.push((place, cdr.clone())));
                seen
            });
            prop_assert_eq!(plain, packed);
        }

        /// As a lost file gives them.
        #[test]
        fn any_bytes_are_read(bytes in prop::collection::vec(any::<u8>(), 0..90)) {
            read_cdr(&bytes);
        }
    }

    #[test]
    fn a_usual_cdr_is_small() {
        let started = CaptureTime::from_ns(1_790_000_000_123_456_000);
        let end = Endpoint::new([10, 0, 0, 1].into(), 5060);
        let cdr = Cdr {
            leg: 2_000_000,
            sequence: 0,
            sensor: SensorId(1),
            caller: (*b"420123456789").into(),
            called: (*b"00420987654").into(),
            started,
            ended: started.plus_ns(300_000_001_000),
            connected: Some(started.plus_ns(5_000_001_000)),
            progressed: Some(started.plus_ns(1_000_001_000)),
            ends: Ends::new(end, end),
            last_response: 200,
            bye: Bye::ByeConfirmed,
            hung_up_by: Some(Side::Caller),
            vendor_cut: None,
            only_when_cut: false,
            branches: 1,
            has_media: false,
            vendor_blind: false,
        };
        let mut bytes = Vec::new();
        put_cdr(&mut bytes, &cdr);
        assert!(bytes.len() <= 64, "{}", bytes.len());
        assert_eq!(read_cdr(&bytes), cdr);
    }
}
