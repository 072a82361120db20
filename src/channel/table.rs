//! CDRs sorted by start, with what counting needs of them in few bytes: made once, shared by scenarios and
//! readings.

use super::number::{NumberKey, last_six};
use super::reading::Cut;
use crate::base::CaptureTime;
use crate::leg::{Cdr, CdrSource};
use hashbrown::HashMap;
use std::cmp::Ordering;
use std::ops::Range;

/// The final response that the 487 rule excludes.
pub const REQUEST_TERMINATED: u16 = 487;

/// Bits of a key: two numbers of digits take 21 each, and one bit tells pairs with a text.
const KEY_BITS: u32 = 43;
/// Keys of pairs of which one number at least has no digit.
const TEXT_KEYS: u64 = 1 << (KEY_BITS - 1);
/// The key of CDRs that never deduplicate.
pub(super) const NO_KEY: u64 = (1 << KEY_BITS) - 1;

/// The moments of a CDR.
#[derive(Clone, Copy, Debug)]
pub(super) struct CdrTimes {
    pub(super) started: CaptureTime,
    pub(super) connected: Option<CaptureTime>,
    pub(super) ended: CaptureTime,
    /// The end that the vendor's timeouts give, which can be the same.
    pub(super) vendor_ended: CaptureTime,
}

impl CdrTimes {
    /// The moments of a CDR.
    pub(super) fn of(cdr: &Cdr) -> Self {
        Self {
            started: cdr.started,
            connected: cdr.connected,
            ended: cdr.ended,
            vendor_ended: cdr.vendor_cut.map_or(cdr.ended, |cut| cut.ended),
        }
    }
}

/// What counting needs of a CDR: CDRs lie in another order and are large.
#[derive(Clone, Copy, Debug, Default)]
pub struct Row {
    started_ns: i64,
    /// Key, flags, sensor.
    keyed: u64,
    /// Nanoseconds to the end, or its place among the exact ones; branches; high bits of the nanoseconds to
    /// the answer.
    ended: u64,
    /// Its index among the CDRs that were given.
    place: u32,
    /// Low bits of the nanoseconds to the answer.
    connected_low: u32,
}

// What stands where in a row. The choices of `cut` under which it ends in 487 have a bit each.
const TERMINATED_AT: u32 = KEY_BITS;
const ONLY_WHEN_CUT: u64 = 1 << (KEY_BITS + 2);
const IS_EXACT: u64 = 1 << (KEY_BITS + 3);
const SENSOR_AT: u32 = 48;
const ENDED_BITS: u32 = 48;
const BRANCHES_AT: u32 = ENDED_BITS;
const CONNECTED_HIGH_AT: u32 = 56;
const CONNECTED_BITS: u32 = 40;
const NOT_CONNECTED: u64 = (1 << CONNECTED_BITS) - 1;

const fn mask(bits: u32) -> u64 {
    (1 << bits) - 1
}

/// Moments and branches of a CDR that do not fit a row.
#[derive(Clone, Copy, Debug)]
pub(super) struct Exact {
    times: CdrTimes,
    branches: u16,
}

/// The nanoseconds from one moment to a later one, where they fit so many bits.
fn distance(from: CaptureTime, until: CaptureTime, bits: u32) -> Option<u64> {
    let distance = u64::try_from(until.ns().checked_sub(from.ns())?).ok()?;
    (distance < mask(bits)).then_some(distance)
}

impl Row {
    /// A row without its key.
    fn of(cdr: &Cdr, place: u32, exact: &mut Vec<Exact>) -> Self {
        let ends_in_487 =
            |cut: Cut| u64::from(last_response(cdr, cut) == REQUEST_TERMINATED) << cut as u8;
        let terminated = ends_in_487(Cut::Packets) | ends_in_487(Cut::VendorTimeouts);
        let mut keyed = NO_KEY | terminated << TERMINATED_AT | u64::from(cdr.sensor.0) << SENSOR_AT;
        if cdr.only_when_cut {
            keyed |= ONLY_WHEN_CUT;
        }
        let times = CdrTimes::of(cdr);
        let fits = || {
            let ended = distance(times.started, times.ended, ENDED_BITS)?;
            let connected = match times.connected {
                None => NOT_CONNECTED,
                Some(connected) => distance(times.started, connected, CONNECTED_BITS)?,
            };
            let branches = u8::try_from(cdr.branches).ok()?;
            (times.ended == times.vendor_ended).then_some((ended, connected, branches))
        };
        let (ended, connected, branches) = fits().unwrap_or_else(|| {
            keyed |= IS_EXACT;
            exact.push(Exact { times, branches: cdr.branches });
            (exact.len() as u64 - 1, NOT_CONNECTED, 0)
        });
        Self {
            started_ns: times.started.ns(),
            keyed,
            ended: ended
                | u64::from(branches) << BRANCHES_AT
                | connected >> 32 << CONNECTED_HIGH_AT,
            place,
            connected_low: connected as u32,
        }
    }

    const fn set_key(&mut self, key: u64) {
        self.keyed = self.keyed & !NO_KEY | key;
    }

    /// By start, then by place: the order of a table whose CDRs stand by sensor, leg and sequence.
    #[must_use]
    pub const fn order(&self) -> (i64, u32) {
        (self.started_ns, self.place)
    }

    /// Its index among the CDRs that were given.
    pub(super) const fn place(&self) -> u32 {
        self.place
    }

    /// The start in nanoseconds.
    #[inline]
    pub(super) const fn started_ns(&self) -> i64 {
        self.started_ns
    }

    /// Number of its pair of numbers; [`NO_KEY`] when it never deduplicates.
    #[inline]
    pub(super) const fn key(&self) -> u64 {
        self.keyed & NO_KEY
    }

    #[inline]
    pub(super) const fn sensor(&self) -> u16 {
        (self.keyed >> SENSOR_AT) as u16
    }

    /// The choices of `cut` under which it ends in 487, a bit each.
    #[inline]
    pub(super) const fn terminated(&self) -> u8 {
        (self.keyed >> TERMINATED_AT) as u8 & 0b11
    }

    /// Whether only the vendor's timeouts make it.
    #[inline]
    pub(super) const fn is_only_when_cut(&self) -> bool {
        self.keyed & ONLY_WHEN_CUT != 0
    }

    /// Whether the CDR exists under a choice of `cut`.
    #[inline]
    pub(super) const fn exists(&self, cut: Cut) -> bool {
        matches!(cut, Cut::VendorTimeouts) || !self.is_only_when_cut()
    }

    /// The choices of `cut` under which it exists, a bit each.
    #[inline]
    pub(super) const fn cuts(&self) -> u8 {
        let vendor = 1 << Cut::VendorTimeouts as u8;
        if self.is_only_when_cut() { vendor } else { vendor | 1 << Cut::Packets as u8 }
    }

    const fn is_exact(&self) -> bool {
        self.keyed & IS_EXACT != 0
    }
}

/// The last response of a CDR under a choice of the axis `cut`.
pub(super) fn last_response(cdr: &Cdr, cut: Cut) -> u16 {
    match (cut, cdr.vendor_cut) {
        (Cut::VendorTimeouts, Some(vendor)) => vendor.last_response,
        _ => cdr.last_response,
    }
}

/// A total order of CDRs that depends on nothing but what they hold: start, leg (which stands for
/// sensor and Call-ID), sequence, and the rest for CDRs of an import that share all three.
pub(super) fn by_start(left: &Cdr, right: &Cdr) -> Ordering {
    let key = |cdr: &Cdr| (cdr.started, cdr.sensor, cdr.leg);
    key(left)
        .cmp(&key(right))
        .then_with(|| {
            let rest = |cdr: &Cdr| {
                (cdr.sequence, cdr.ended, cdr.connected, cdr.last_response, cdr.branches)
            };
            rest(left).cmp(&rest(right))
        })
        .then_with(|| (&left.caller, &left.called).cmp(&(&right.caller, &right.called)))
}

/// CDRs by start, as rows.
#[derive(Clone, Debug)]
pub(super) struct Rows<'a> {
    pub(super) cdrs: CdrSource<'a>,
    pub(super) rows: Vec<Row>,
    exact: Vec<Exact>,
    /// How long before the start of its CDR an answer is: 0 but for CDRs that no call makes.
    pub(super) lead_ns: i64,
}

impl Rows<'_> {
    /// No CDR.
    pub(super) const NONE: Self =
        Self { cdrs: CdrSource::Plain(&[]), rows: Vec::new(), exact: Vec::new(), lead_ns: 0 };

    /// The moments of a row.
    #[inline]
    pub(super) fn times(&self, row: &Row) -> CdrTimes {
        if row.is_exact() {
            return self.exact[(row.ended & mask(ENDED_BITS)) as usize].times;
        }
        let after = |ns: u64| CaptureTime::from_ns(row.started_ns + ns.cast_signed());
        let ended = after(row.ended & mask(ENDED_BITS));
        let connected = row.ended >> CONNECTED_HIGH_AT << 32 | u64::from(row.connected_low);
        CdrTimes {
            started: after(0),
            connected: (connected != NOT_CONNECTED).then(|| after(connected)),
            ended,
            vendor_ended: ended,
        }
    }

    /// Fork destinations of a row.
    #[inline]
    pub(super) fn branches(&self, row: &Row) -> u16 {
        match row.is_exact() {
            true => self.exact[(row.ended & mask(ENDED_BITS)) as usize].branches,
            false => (row.ended >> BRANCHES_AT) as u16 & 0xff,
        }
    }
}

/// Only looked up, never walked, so its order never leaves.
type FastMap<K> = HashMap<K, u32, foldhash::fast::RandomState>;

/// Numbers for numbers of users without any digit.
#[derive(Clone, Debug, Default)]
struct TextKeys {
    texts: FastMap<Vec<u8>>,
    /// Pairs of which one number at least is a text.
    pairs: FastMap<u64>,
}

fn next_of<K>(known: &FastMap<K>, new: &FastMap<K>) -> u32 {
    u32::try_from(known.len() + new.len()).unwrap_or(u32::MAX)
}

impl TextKeys {
    /// The key of a pair; what is not among `known` is added here.
    fn key_of(&mut self, known: &Self, (caller, called): Pair) -> u64 {
        // Keys of digits stay below this; texts are numbered from here on.
        const FIRST_TEXT: u32 = 1 << 31;
        let mut number = |key: NumberKey| match key {
            NumberKey::Digits(digits) => digits,
            NumberKey::Text(text) => known.texts.get(&text).copied().unwrap_or_else(|| {
                let next = FIRST_TEXT.saturating_add(next_of(&known.texts, &self.texts));
                *self.texts.entry(text).or_insert(next)
            }),
        };
        let pair = u64::from(number(caller)) << 32 | u64::from(number(called));
        let number = known.pairs.get(&pair).copied().unwrap_or_else(|| {
            let next = next_of(&known.pairs, &self.pairs);
            *self.pairs.entry(pair).or_insert(next)
        });
        TEXT_KEYS | u64::from(number)
    }
}

/// Calling and called number as deduplication compares them.
type Pair = (NumberKey, NumberKey);

/// The numbers of a CDR; absent when it never deduplicates.
fn pair_of(cdr: &Cdr) -> Option<Pair> {
    Some((last_six(&cdr.caller)?, last_six(&cdr.called)?))
}

/// A table in the making: rows in the order of the CDRs, to be filled part by part, whoever does which.
#[derive(Debug)]
pub struct TableDraft<'a> {
    cdrs: CdrSource<'a>,
    rows: Vec<Row>,
}

/// Some rows of a draft.
#[derive(Debug)]
pub struct DraftPart<'d> {
    cdrs: CdrSource<'d>,
    first: u32,
    rows: &'d mut [Row],
}

/// What filling a part told beside the rows.
#[derive(Debug, Default)]
pub struct FilledPart {
    places: Range<u32>,
    exact: Vec<Exact>,
    texts: Vec<(u32, Pair)>,
    lead_ns: i64,
    /// Sensor, leg and sequence of the first and of the last CDR; absent where they do not rise from each
    /// CDR to the next.
    ends: Option<[CdrOrder; 2]>,
}

type CdrOrder = (u16, u32, u16);

const fn order_of(cdr: &Cdr) -> CdrOrder {
    (cdr.sensor.0, cdr.leg, cdr.sequence)
}

impl<'a> TableDraft<'a> {
    /// For CDRs in any order.
    #[must_use]
    pub fn new(cdrs: impl Into<CdrSource<'a>>) -> Self {
        let cdrs = cdrs.into();
        Self { cdrs, rows: vec![Row::default(); cdrs.len()] }
    }

    /// The rows in parts of so many, in their order; not zero.
    pub fn parts(&mut self, rows: u32) -> impl Iterator<Item = DraftPart<'_>> {
        let cdrs = self.cdrs;
        let parts = self.rows.chunks_mut(rows.max(1) as usize);
        let first = (0u32..).step_by(rows.max(1) as usize);
        parts.zip(first).map(move |(rows, first)| DraftPart { cdrs, first, rows })
    }

    /// The table of what filling all parts told, in their order; `sort` brings rows in the order of
    /// [`Row::order`].
    #[must_use]
    pub fn finish(
        self,
        parts: impl IntoIterator<Item = FilledPart>,
        sort: impl FnOnce(&mut [Row]),
    ) -> CdrTable<'a> {
        let mut texts = TextKeys::default();
        let rows = self.sorted(parts, sort, |pair| texts.key_of(&TextKeys::default(), pair));
        CdrTable { rows, texts }
    }

    fn sorted(
        self,
        parts: impl IntoIterator<Item = FilledPart>,
        sort: impl FnOnce(&mut [Row]),
        mut key_of: impl FnMut(Pair) -> u64,
    ) -> Rows<'a> {
        let Self { cdrs, rows } = self;
        let mut made = Rows { cdrs, rows, exact: Vec::new(), lead_ns: 0 };
        let (mut is_in_order, mut last) = (true, None);
        for part in parts {
            made.lead_ns = made.lead_ns.max(part.lead_ns);
            let before = made.exact.len() as u64;
            if before > 0 && !part.exact.is_empty() {
                let own = &mut made.rows[part.places.start as usize..part.places.end as usize];
                own.iter_mut().filter(|row| row.is_exact()).for_each(|row| row.ended += before);
            }
            made.exact.extend(part.exact);
            for (place, pair) in part.texts {
                made.rows[place as usize].set_key(key_of(pair));
            }
            is_in_order &= part.ends.is_some_and(|[first, _]| last.is_none_or(|l| l < first));
            last = part.ends.map(|[_, last]| last);
        }
        made.exact.shrink_to_fit();
        sort(&mut made.rows);
        if !is_in_order {
            let Rows { cdrs, rows, .. } = &mut made;
            rows.chunk_by_mut(|left, right| left.started_ns == right.started_ns)
                .filter(|same| same.len() > 1)
                .for_each(|same| same.sort_by_cached_key(|row| ByStart(cdrs.get(row.place))));
        }
        made
    }

    fn filled(&mut self) -> Vec<FilledPart> {
        let rows = u32::try_from(self.rows.len()).unwrap_or(u32::MAX);
        self.parts(rows).map(DraftPart::fill).collect()
    }
}

/// A CDR in the order of [`by_start`].
struct ByStart(Option<Cdr>);

impl Ord for ByStart {
    fn cmp(&self, other: &Self) -> Ordering {
        match (&self.0, &other.0) {
            (Some(left), Some(right)) => by_start(left, right),
            (left, right) => left.is_some().cmp(&right.is_some()),
        }
    }
}

impl PartialOrd for ByStart {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for ByStart {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for ByStart {}

impl DraftPart<'_> {
    /// Reads the CDRs of the part.
    #[must_use]
    pub fn fill(self) -> FilledPart {
        let Self { cdrs, first, rows } = self;
        let end = first.saturating_add(u32::try_from(rows.len()).unwrap_or(u32::MAX));
        let mut filled = FilledPart { places: first..end, ..FilledPart::default() };
        let mut rows = rows.iter_mut();
        let (mut is_rising, mut ends) = (true, None);
        cdrs.each(first..end, |place, cdr| {
            let Some(row) = rows.next() else { return };
            *row = Row::of(cdr, place, &mut filled.exact);
            match pair_of(cdr) {
                None => {}
                Some((NumberKey::Digits(caller), NumberKey::Digits(called))) => {
                    row.set_key(u64::from(caller) << 21 | u64::from(called));
                }
                Some(pair) => filled.texts.push((place, pair)),
            }
            if let Some(connected) = cdr.connected {
                let lead_ns = cdr.started.ns().saturating_sub(connected.ns());
                filled.lead_ns = filled.lead_ns.max(lead_ns);
            }
            let own = order_of(cdr);
            let [first, last] = ends.unwrap_or([own, own]);
            is_rising &= ends.is_none() || last < own;
            ends = Some([first, own]);
        });
        filled.ends = ends.filter(|_| is_rising);
        filled
    }
}

/// CDRs by start, each with the number of its pair of numbers.
#[derive(Clone, Debug)]
pub struct CdrTable<'a> {
    rows: Rows<'a>,
    texts: TextKeys,
}

impl<'a> CdrTable<'a> {
    /// Sorts and keys CDRs. Their order does not matter.
    #[must_use]
    pub fn new(cdrs: impl Into<CdrSource<'a>>) -> Self {
        let mut draft = TableDraft::new(cdrs);
        let parts = draft.filled();
        draft.finish(parts, |rows| rows.sort_unstable_by_key(Row::order))
    }

    /// Other CDRs, sorted and with the same keys.
    pub(super) fn rows_of_others(&self, others: CdrSource<'a>) -> Rows<'a> {
        let mut draft = TableDraft::new(others);
        let parts = draft.filled();
        let mut new = TextKeys::default();
        let sort = |rows: &mut [Row]| rows.sort_unstable_by_key(Row::order);
        draft.sorted(parts, sort, |pair| new.key_of(&self.texts, pair))
    }

    /// By start.
    pub(super) const fn rows(&self) -> &Rows<'a> {
        &self.rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channel::oracle::cdr;
    use crate::leg::{Bye, VendorCut};
    use proptest::prelude::*;

    #[test]
    fn a_row_is_small() {
        assert_eq!(size_of::<Row>(), 32);
    }

    proptest! {
        /// Whatever the moments, sensors and branches are.
        #[test]
        fn a_row_holds_what_the_cdr_says(
            (started, ended, connected, cut) in (
                any::<i64>(), any::<i64>(), prop::option::of(any::<i64>()), prop::option::of(any::<i64>()),
            ),
            shift in 0u32..64,
            (branches, sensor, only_when_cut) in (any::<u16>(), any::<u16>(), any::<bool>()),
            responses in prop::array::uniform2(prop::sample::select(vec![200u16, 487])),
        ) {
            // Near each other as often as far from each other.
            let near = |moment: i64| started.saturating_add(moment >> shift);
            let mut cdr = cdr(3, ("1", "2"), started, near(ended));
            cdr.connected = connected.map(|moment| CaptureTime::from_ns(near(moment)));
            cdr.vendor_cut = cut.map(|moment| VendorCut {
                ended: CaptureTime::from_ns(near(moment)),
                bye: Bye::Zombie,
                last_response: responses[1],
            });
            (cdr.branches, cdr.sensor.0, cdr.only_when_cut) = (branches, sensor, only_when_cut);
            cdr.last_response = responses[0];
            let others = [cdr.clone(), cdr.clone()];
            let table = CdrTable::new(&others);
            let rows = table.rows();
            for row in &rows.rows {
                let (times, expect) = (rows.times(row), CdrTimes::of(&cdr));
                prop_assert_eq!(
                    (times.started, times.connected, times.ended, times.vendor_ended),
                    (expect.started, expect.connected, expect.ended, expect.vendor_ended)
                );
                prop_assert_eq!((rows.branches(row), row.sensor()), (branches, sensor));
                prop_assert_eq!(row.is_only_when_cut(), only_when_cut);
                prop_assert_eq!(row.key(), 11 << 21 | 12);
                for choice in Cut::ALL {
                    let is_terminated = row.terminated() >> *choice as u8 & 1 == 1;
                    prop_assert_eq!(is_terminated, last_response(&cdr, *choice) == 487);
                }
            }
        }
    }
}
