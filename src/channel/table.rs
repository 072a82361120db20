//! CDRs sorted by start, with what counting needs of them: made once, shared by scenarios and readings.

use super::number::{NumberKey, last_six};
use super::reading::Cut;
use crate::base::CaptureTime;
use crate::leg::Cdr;
use hashbrown::HashMap;
use std::cmp::Ordering;

/// The final response that the 487 rule excludes.
pub const REQUEST_TERMINATED: u16 = 487;

/// The key of CDRs that never deduplicate.
pub(super) const NO_KEY: u32 = u32::MAX;

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
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    pub(super) times: CdrTimes,
    /// Its index among the CDRs that were given.
    pub(super) place: u32,
    /// Number of its pair of numbers; [`NO_KEY`] when it never deduplicates.
    pub(super) key: u32,
    /// Fork destinations.
    pub(super) branches: u16,
    pub(super) sensor: u16,
    /// The choices of `cut` under which it ends in 487, a bit each.
    pub(super) terminated: u8,
    pub(super) only_when_cut: bool,
}

impl Row {
    fn of(cdr: &Cdr, place: u32) -> Self {
        let ends_in_487 =
            |cut: Cut| u8::from(last_response(cdr, cut) == REQUEST_TERMINATED) << cut as u8;
        Self {
            times: CdrTimes::of(cdr),
            place,
            key: NO_KEY,
            branches: cdr.branches,
            sensor: cdr.sensor.0,
            terminated: ends_in_487(Cut::Packets) | ends_in_487(Cut::VendorTimeouts),
            only_when_cut: cdr.only_when_cut,
        }
    }

    /// Whether the CDR exists under a choice of `cut`.
    #[inline]
    pub(super) const fn exists(&self, cut: Cut) -> bool {
        matches!(cut, Cut::VendorTimeouts) || !self.only_when_cut
    }

    /// The choices of `cut` under which it exists, a bit each.
    pub(super) const fn cuts(&self) -> u8 {
        let vendor = 1 << Cut::VendorTimeouts as u8;
        if self.only_when_cut { vendor } else { vendor | 1 << Cut::Packets as u8 }
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

/// CDRs that stand beside those of a table.
#[derive(Clone, Debug, Default)]
pub(super) struct Rows<'a> {
    pub(super) cdrs: Vec<&'a Cdr>,
    pub(super) rows: Vec<Row>,
}

impl Rows<'_> {
    /// Keys are below this.
    pub(super) fn key_count(&self) -> usize {
        let keys = self.rows.iter().map(|row| row.key).filter(|key| *key != NO_KEY);
        keys.max().map_or(0, |key| key as usize + 1)
    }
}

/// Only looked up, never walked, so its order never leaves.
type FastMap<K> = HashMap<K, u32, foldhash::fast::RandomState>;

/// CDRs by start, each with the number of its pair of numbers.
#[derive(Clone, Debug)]
pub struct CdrTable<'a> {
    cdrs: &'a [Cdr],
    rows: Vec<Row>,
    /// The pairs of numbers, rising; a key is a place among them.
    pairs: Vec<u64>,
    /// Numbers of users without any digit.
    texts: FastMap<Vec<u8>>,
}

impl<'a> CdrTable<'a> {
    /// Sorts and keys CDRs. Their order does not matter.
    #[must_use]
    pub fn new(cdrs: &'a [Cdr]) -> Self {
        let mut order: Vec<(CaptureTime, u32)> =
            (0u32..).zip(cdrs).map(|(place, cdr)| (cdr.started, place)).collect();
        order.sort_unstable_by(|left, right| {
            let ties = || by_start(&cdrs[left.1 as usize], &cdrs[right.1 as usize]);
            left.0.cmp(&right.0).then_with(ties)
        });
        let mut rows: Vec<Row> = Vec::with_capacity(cdrs.len());
        let mut texts = FastMap::default();
        let mut keyed: Vec<(u64, u32)> = Vec::with_capacity(cdrs.len());
        for ((_, place), at) in order.into_iter().zip(0u32..) {
            let cdr = &cdrs[place as usize];
            rows.push(Row::of(cdr, place));
            keyed.extend(pair_of(cdr, &mut texts).map(|pair| (pair, at)));
        }
        keyed.sort_unstable();
        let mut pairs: Vec<u64> = Vec::new();
        for (pair, at) in keyed {
            if pairs.last() != Some(&pair) {
                pairs.push(pair);
            }
            rows[at as usize].key = u32::try_from(pairs.len() - 1).unwrap_or(NO_KEY);
        }
        pairs.shrink_to_fit();
        Self { cdrs, rows, pairs, texts }
    }

    /// Other CDRs, sorted and with the same keys.
    pub(super) fn rows_of_others(&self, others: impl IntoIterator<Item = &'a Cdr>) -> Rows<'a> {
        let mut cdrs: Vec<&Cdr> = others.into_iter().collect();
        cdrs.sort_by(|left, right| by_start(left, right));
        let mut texts = if cdrs.is_empty() { FastMap::default() } else { self.texts.clone() };
        let mut new: FastMap<u64> = FastMap::default();
        let known = self.pairs.len();
        let mut key_of = |pair: u64| {
            let key = self.pairs.binary_search(&pair).unwrap_or_else(|_| {
                let next = u32::try_from(new.len()).unwrap_or(NO_KEY);
                known + *new.entry(pair).or_insert(next) as usize
            });
            u32::try_from(key).unwrap_or(NO_KEY)
        };
        let mut row = |(cdr, place): (&&Cdr, u32)| {
            let key = pair_of(cdr, &mut texts).map_or(NO_KEY, &mut key_of);
            Row { key, ..Row::of(cdr, place) }
        };
        let rows = cdrs.iter().zip(0u32..).map(&mut row).collect();
        Rows { cdrs, rows }
    }

    pub(super) const fn cdrs(&self) -> &'a [Cdr] {
        self.cdrs
    }

    /// By start.
    pub(super) fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// Keys are below this.
    pub(super) const fn key_count(&self) -> usize {
        self.pairs.len()
    }
}

/// The numbers of a CDR as deduplication compares them, packed; absent when it never deduplicates.
fn pair_of(cdr: &Cdr, texts: &mut FastMap<Vec<u8>>) -> Option<u64> {
    // Keys of digits stay below this; texts are numbered from here on.
    const FIRST_TEXT: u32 = 1 << 31;
    let (caller, called) = (last_six(&cdr.caller)?, last_six(&cdr.called)?);
    let mut packed = |key: NumberKey| match key {
        NumberKey::Digits(digits) => u64::from(digits),
        NumberKey::Text(text) => {
            let next = FIRST_TEXT.saturating_add(u32::try_from(texts.len()).unwrap_or(u32::MAX));
            u64::from(*texts.entry(text).or_insert(next))
        }
    };
    Some(packed(caller) << 32 | packed(called))
}
