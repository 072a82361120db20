//! What a count can be at least, and at most, when packets are missing: CDRs and groups that are counted
//! like any others, under every reading.
//!
//! What was read is no lower bound of the truth by itself. A lost CANCEL or 487 would take a leg out of
//! the count (axis `terminated`); a lost leg with the same numbers would put two channels that were
//! read into one (axis `dedup`); a lost leg or header would join two calls
//! that were read. [`fewest`] leaves out whatever a lost packet could have taken out, shortened or
//! joined: what is left occupies a channel whatever was lost.

use super::calendar::Calendar;
use super::dedup::{DEDUP_WINDOW_NS, units_by_key};
use super::reading::Cut;
use super::table::{REQUEST_TERMINATED, Row, last_response};
use super::unit::{Groups, UnitHead, Units};
use crate::base::limits::CALL_REACH_NS;
use crate::base::{CaptureTime, NS_PER_S, SensorId};
use crate::leg::{Bye, Cdr, Ends, ShortText};
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ops::Range;

/// A lost leg joins legs that ended, or began, so shortly before or after it: the longest window of a
/// rule that joins legs of different times (64 T1, RFC 3261 section 17).
const JOIN_MARGIN_NS: i64 = 32 * NS_PER_S;
/// Axis `edges` moves an end by up to two seconds, which can be those of another day.
const EDGE_NS: i64 = 2 * NS_PER_S;

/// Where packets are missing.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Doubt {
    /// First and last moment that a missing packet can have.
    pub packets: (CaptureTime, CaptureTime),
    /// When the calls began whose packets are missing; absent: any call's may be. The sniffer keeps all
    /// packets of a call in the file of the call's first minute, so that such a file touches no call
    /// that began in another one (facts G).
    pub starts: Option<(CaptureTime, CaptureTime)>,
}

/// How the legs of a scenario become units.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Joining {
    /// Each for itself: what is missing of one leg says nothing about another.
    Alone,
    /// Evidence joins them: a missing leg can be what two calls that were read have in common.
    ByEvidence,
}

/// CDRs to count in place of those that were read, on some days.
#[derive(Clone, Debug)]
pub struct Bounded {
    /// The CDRs: those that reach into one of the days.
    pub cdrs: Vec<Cdr>,
    /// What makes one unit of them.
    pub groups: Groups,
    /// For every day of the calendar whether its figure can differ from what was read.
    pub days: Vec<bool>,
}

/// First and last moment, both inside.
type Window = (i64, i64);

const fn overlaps(left: Window, right: Window) -> bool {
    left.0 <= right.1 && right.0 <= left.1
}

/// Sorted, and joined where they overlap or touch.
fn joined(mut windows: Vec<Window>) -> Vec<Window> {
    windows.sort_unstable();
    windows.dedup_by(|next, kept| {
        let joins = next.0 <= kept.1;
        if joins {
            kept.1 = kept.1.max(next.1);
        }
        joins
    });
    windows
}

/// The first of some joined windows that overlaps another one.
fn first_overlap(windows: &[Window], with: Window) -> Option<Window> {
    let place = windows.partition_point(|window| window.1 < with.0);
    windows.get(place).copied().filter(|window| overlaps(*window, with))
}

fn ns((first, last): (CaptureTime, CaptureTime)) -> Window {
    (first.ns(), last.ns())
}

fn widened((first, last): Window, before: i64, after: i64) -> Window {
    (first.saturating_sub(before), last.saturating_add(after))
}

/// The doubts, as the questions about legs need them.
struct Doubts<'m> {
    /// Legs of which the beginning is missing.
    midway: &'m BTreeSet<u32>,
    /// Missing packets that can be any call's.
    any: Vec<Window>,
    /// Starts of calls whose packets are missing.
    starts: Vec<Window>,
    /// Starts of legs that may be missing, or have begun earlier than they were read, with the window
    /// of deduplication around them.
    neighbours: Vec<Window>,
    /// Where a call can have to do with a missing leg.
    reach: Vec<Window>,
}

impl<'m> Doubts<'m> {
    fn new(doubts: &[Doubt], midway: &'m BTreeSet<u32>) -> Self {
        let confined = || doubts.iter().filter_map(|doubt| Some((ns(doubt.starts?), doubt)));
        let open = || doubts.iter().filter(|doubt| doubt.starts.is_none()).map(|d| ns(d.packets));
        // A leg of which the first packets are missing is read from a later one on, as if it began
        // there: so far behind the loss starts are in doubt.
        let neighbours = confined()
            .map(|(starts, _)| widened(starts, DEDUP_WINDOW_NS, DEDUP_WINDOW_NS))
            .chain(open().map(|lost| widened(lost, DEDUP_WINDOW_NS, CALL_REACH_NS)));
        let reach = confined()
            .map(|(starts, doubt)| {
                widened((starts.0, doubt.packets.1.ns()), JOIN_MARGIN_NS, JOIN_MARGIN_NS)
            })
            .chain(open().map(|lost| widened(lost, JOIN_MARGIN_NS, CALL_REACH_NS)));
        Self {
            midway,
            any: joined(open().collect()),
            starts: joined(confined().map(|(starts, _)| starts).collect()),
            neighbours: joined(neighbours.collect()),
            reach: joined(reach.collect()),
        }
    }

    /// The CDR as far as nothing that is missing can have taken it out of the count or shortened it.
    /// Absent when all of it is in doubt.
    ///
    /// An answered call counts whatever comes later: until the first missing packet it was up. A call
    /// without answer counts only when no CANCEL and no 487 can have followed what was read of it.
    fn sure<'c>(&self, cdr: &'c Cdr) -> Option<Cow<'c, Cdr>> {
        let started = cdr.started.ns();
        if self.midway.contains(&cdr.leg)
            || first_overlap(&self.starts, (started, started)).is_some()
        {
            return None;
        }
        let last = cdr.vendor_cut.map_or(cdr.ended, |cut| cut.ended.max(cdr.ended)).ns();
        let Some(connected) = cdr.connected.map(CaptureTime::ns) else {
            let open = (started, last.saturating_add(CALL_REACH_NS));
            return first_overlap(&self.any, open).is_none().then_some(Cow::Borrowed(cdr));
        };
        let Some((lost, _)) = first_overlap(&self.any, (started, last)) else {
            return Some(Cow::Borrowed(cdr));
        };
        if lost <= connected {
            return None;
        }
        let mut sure = cdr.clone();
        sure.ended = sure.ended.min(CaptureTime::from_ns(lost));
        if let Some(cut) = &mut sure.vendor_cut {
            cut.ended = cut.ended.min(CaptureTime::from_ns(lost));
        }
        Some(Cow::Owned(sure))
    }

    /// Whether legs with these starts, rising, could be one channel by way of missing legs.
    fn bridges(&self, earlier: i64, later: i64) -> bool {
        later.saturating_sub(earlier) <= DEDUP_WINDOW_NS
            || first_overlap(&self.neighbours, (earlier, earlier))
                .is_some_and(|window| window.1 >= later)
    }
}

/// What is certain of one unit.
enum SureUnit {
    /// All that was read.
    Whole,
    /// These CDRs of it, or parts of them.
    Part(Vec<Cdr>),
}

impl SureUnit {
    const fn is_whole(&self) -> bool {
        matches!(self, Self::Whole)
    }
}

/// The channels that are there whatever was lost; absent when nothing is in doubt. `midway` holds the
/// legs that were read from the middle of a dialog on: neither their start nor their numbers, which a
/// later INVITE can swap, are those that the whole leg would have.
#[must_use]
pub fn fewest(
    units: &Units<'_>,
    calendar: &Calendar,
    doubts: &[Doubt],
    midway: &BTreeSet<u32>,
    joining: Joining,
) -> Option<Bounded> {
    if doubts.is_empty() && midway.is_empty() {
        return None;
    }
    let doubts = Doubts::new(doubts, midway);
    let sure: Vec<SureUnit> =
        units.heads.iter().map(|head| sure_unit(units, head, &doubts, joining)).collect();
    let clusters = doubtful_clusters(units, &doubts, &sure);
    let mut days = vec![false; calendar.days().len()];
    let mut touch = |head: &UnitHead| {
        for day in days_of(units, head, calendar) {
            days[day] = true;
        }
    };
    let changed = units.heads.iter().zip(&sure).filter(|(_, unit)| !unit.is_whole());
    changed.for_each(|(head, _)| touch(head));
    clusters.iter().flatten().for_each(|unit| touch(&units.heads[*unit as usize]));
    Some(collect(units, calendar, sure, &clusters, days))
}

/// With all parts that the vendor's timeouts make: under the other cut they are passed over.
const ALL_PARTS: Cut = Cut::VendorTimeouts;

fn sure_unit(
    units: &Units<'_>,
    head: &UnitHead,
    doubts: &Doubts<'_>,
    joining: Joining,
) -> SureUnit {
    if !head.exists(ALL_PARTS) {
        return SureUnit::Whole;
    }
    if joining == Joining::ByEvidence
        && first_overlap(&doubts.reach, span_of(units, head)).is_some()
    {
        return SureUnit::Part(Vec::new());
    }
    let members = || units.cdrs_of(head, ALL_PARTS);
    let is_whole = |cdr: &Cdr| matches!(doubts.sure(cdr), Some(Cow::Borrowed(_)));
    if members().all(is_whole) {
        return SureUnit::Whole;
    }
    SureUnit::Part(members().filter_map(|cdr| doubts.sure(cdr)).map(Cow::into_owned).collect())
}

/// First and last moment of a unit.
fn span_of(units: &Units<'_>, head: &UnitHead) -> Window {
    let ended = |row: &Row| row.times.vendor_ended.max(row.times.ended).ns();
    let last = units.rows_of(head, ALL_PARTS).map(ended).max();
    let start = units.row(head.first).times.started.ns();
    (start, last.unwrap_or(start).max(start))
}

fn days_of(units: &Units<'_>, head: &UnitHead, calendar: &Calendar) -> Range<usize> {
    let (first, last) = widened(span_of(units, head), EDGE_NS, EDGE_NS);
    calendar.days_touched(CaptureTime::from_ns(first), CaptureTime::from_ns(last))
}

/// Units of equal numbers that a missing leg could make one channel, or of which one is in doubt; by
/// their numbers, rising.
fn doubtful_clusters(units: &Units<'_>, doubts: &Doubts<'_>, sure: &[SureUnit]) -> Vec<Vec<u32>> {
    let start = |unit: u32| units.started_ns(unit);
    let key = |unit: u32| units.first(unit).key;
    units_by_key(units, |head| head.exists(ALL_PARTS))
        .chunk_by(|left, right| {
            key(*left) == key(*right) && doubts.bridges(start(*left), start(*right))
        })
        .filter(|units| {
            let (Some(first), Some(last)) = (units.first(), units.last()) else { return false };
            let near_loss =
                || first_overlap(&doubts.neighbours, (start(*first), start(*last))).is_some();
            units.len() > 1
                && (units.iter().any(|unit| !sure[*unit as usize].is_whole()) || near_loss())
        })
        .map(<[u32]>::to_vec)
        .collect()
}

/// The CDRs that reach into the days, each doubtful cluster as one unit.
fn collect(
    units: &Units<'_>,
    calendar: &Calendar,
    sure: Vec<SureUnit>,
    clusters: &[Vec<u32>],
    days: Vec<bool>,
) -> Bounded {
    const ALONE: u32 = u32::MAX;
    let mut cluster_of = vec![ALONE; units.heads.len()];
    for (number, cluster) in (0u32..).zip(clusters) {
        cluster.iter().for_each(|unit| cluster_of[*unit as usize] = number);
    }
    let mut made = Collected::default();
    let mut of_clusters: Vec<Vec<Cdr>> = vec![Vec::new(); clusters.len()];
    let all = units.heads.iter().zip(sure).zip(cluster_of);
    for ((head, unit), cluster) in all.filter(|((head, _), _)| head.exists(ALL_PARTS)) {
        if !days_of(units, head, calendar).any(|day| days[day]) {
            continue;
        }
        let own = match unit {
            SureUnit::Whole => units.cdrs_of(head, ALL_PARTS).cloned().collect(),
            SureUnit::Part(cdrs) => cdrs,
        };
        match of_clusters.get_mut(cluster as usize) {
            None => made.push(own),
            // The 487 rule goes before deduplication: such a leg lengthens no channel.
            Some(joined) => joined.extend(own.into_iter().filter(|cdr| {
                Cut::ALL.iter().all(|cut| last_response(cdr, *cut) != REQUEST_TERMINATED)
            })),
        }
    }
    of_clusters.into_iter().for_each(|cluster| made.push(cluster));
    made.into_bounded(days)
}

/// CDRs, those of one group side by side.
#[derive(Default)]
struct Collected {
    cdrs: Vec<Cdr>,
    ends: Vec<u32>,
}

impl Collected {
    fn push(&mut self, group: impl IntoIterator<Item = Cdr>) {
        self.cdrs.extend(group);
        self.ends.push(u32::try_from(self.cdrs.len()).unwrap_or(u32::MAX));
    }

    fn into_bounded(self, days: Vec<bool>) -> Bounded {
        let members = (0u32..).take(self.cdrs.len()).collect();
        Bounded { groups: Groups::flat(self.ends, members), cdrs: self.cdrs, days }
    }
}

/// What was read, with a channel of its own for every one of some further stretches of time: calls of
/// which no INVITE was read. Absent without any.
#[must_use]
pub fn most(
    units: &Units<'_>,
    calendar: &Calendar,
    further: &[(CaptureTime, CaptureTime)],
) -> Option<Bounded> {
    if further.is_empty() {
        return None;
    }
    let mut days = vec![false; calendar.days().len()];
    for (first, last) in further {
        let (first, last) = widened((first.ns(), last.ns()), EDGE_NS, EDGE_NS);
        let touched =
            calendar.days_touched(CaptureTime::from_ns(first), CaptureTime::from_ns(last));
        days[touched].fill(true);
    }
    let mut made = Collected::default();
    for head in units.heads.iter().filter(|head| head.exists(ALL_PARTS)) {
        if days_of(units, head, calendar).any(|day| days[day]) {
            made.push(units.cdrs_of(head, ALL_PARTS).cloned());
        }
    }
    for (first, last) in further {
        made.push([unknown_call(*first, *last)]);
    }
    Some(made.into_bounded(days))
}

/// An answered call about which nothing else is known: without numbers it is no other call's channel.
fn unknown_call(started: CaptureTime, ended: CaptureTime) -> Cdr {
    Cdr {
        leg: u32::MAX,
        sequence: 0,
        sensor: SensorId::default(),
        caller: ShortText::default(),
        called: ShortText::default(),
        started,
        ended,
        connected: Some(started),
        progressed: None,
        ends: Ends::UNKNOWN,
        last_response: 200,
        bye: Bye::ByeConfirmed,
        hung_up_by: None,
        vendor_cut: None,
        only_when_cut: false,
        branches: 1,
        has_media: false,
        vendor_blind: false,
    }
}
