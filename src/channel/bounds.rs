//! What a count can be at least, and at most, when packets are missing: CDRs and groups that are counted
//! like any others, under every reading.
//!
//! What was read is no lower bound of the truth by itself. A lost CANCEL or 487 would take a leg out of
//! the count (axis `terminated`); a lost leg with the same numbers would put two channels that were
//! read into one (axis `dedup`); a lost leg or header would join two calls
//! that were read. [`fewest`] leaves out whatever a lost packet could have taken out, shortened or
//! joined: what is left occupies a channel whatever was lost.

use super::calendar::Calendar;
use super::dedup::{Clusters, DEDUP_WINDOW_NS, Member, clusters, dedup_reach};
use super::reading::Cut;
use super::table::{CdrTimes, REQUEST_TERMINATED, last_response};
use super::unit::{Groups, UnitHead, Units};
use crate::base::limits::CALL_REACH_NS;
use crate::base::{CaptureTime, NS_PER_S, SensorId};
use crate::leg::{Bye, Cdr, CdrBuilder, Cdrs, Ends, ShortText};
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
    pub cdrs: Cdrs,
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
struct Doubts {
    /// CDRs of legs of which the beginning is missing, as rows, rising.
    midway: Vec<u32>,
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

/// How much of a CDR is certain.
enum Sure {
    /// All of it.
    Whole,
    /// What is before this moment.
    Before(i64),
    /// Nothing.
    Nothing,
}

impl Doubts {
    fn new(doubts: &[Doubt], midway: Vec<u32>) -> Self {
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

    /// How much of a CDR nothing that is missing can have taken out of the count or shortened.
    ///
    /// An answered call counts whatever comes later: until the first missing packet it was up. A call
    /// without answer counts only when no CANCEL and no 487 can have followed what was read of it.
    fn sure(&self, row: u32, times: &CdrTimes) -> Sure {
        let started = times.started.ns();
        if self.midway.binary_search(&row).is_ok()
            || first_overlap(&self.starts, (started, started)).is_some()
        {
            return Sure::Nothing;
        }
        let last = times.vendor_ended.max(times.ended).ns();
        let Some(connected) = times.connected.map(CaptureTime::ns) else {
            let open = (started, last.saturating_add(CALL_REACH_NS));
            let is_whole = first_overlap(&self.any, open).is_none();
            return if is_whole { Sure::Whole } else { Sure::Nothing };
        };
        match first_overlap(&self.any, (started, last)) {
            None => Sure::Whole,
            Some((lost, _)) if lost <= connected => Sure::Nothing,
            Some((lost, _)) => Sure::Before(lost),
        }
    }

    /// The last start of a leg that could be one channel with a leg of an earlier start by way of missing
    /// legs.
    fn reach(&self, earlier: i64) -> i64 {
        let window = first_overlap(&self.neighbours, (earlier, earlier));
        dedup_reach(earlier).max(window.map_or(i64::MIN, |window| window.1))
    }
}

/// A CDR as far as it is certain; absent when nothing of it is.
fn sure_cdr(units: &Units<'_>, row: u32, doubts: &Doubts) -> Option<Cdr> {
    let lost = match doubts.sure(row, &units.times(row)) {
        Sure::Whole => return units.cdr(row),
        Sure::Before(lost) => CaptureTime::from_ns(lost),
        Sure::Nothing => return None,
    };
    let mut sure = units.cdr(row)?;
    sure.ended = sure.ended.min(lost);
    if let Some(cut) = &mut sure.vendor_cut {
        cut.ended = cut.ended.min(lost);
    }
    Some(sure)
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
    let midway = match midway.is_empty() {
        true => Vec::new(),
        false => units.rows_with(|cdr| midway.contains(&cdr.leg)),
    };
    let doubts = Doubts::new(doubts, midway);
    let mut days = vec![false; calendar.days().len()];
    let mut touch = |head: &UnitHead| days[days_of(units, head, calendar)].fill(true);
    let mut parts: Vec<(UnitHead, Vec<Cdr>)> = Vec::new();
    for head in units.heads().filter(|head| head.exists(ALL_PARTS)) {
        if let Some(part) = sure_part(units, &head, &doubts, joining) {
            touch(&head);
            parts.push((head, part));
        }
    }
    let in_doubt = doubtful_clusters(units, &doubts, &parts);
    in_doubt.iter().flatten().for_each(touch);
    Some(collect(units, calendar, parts, &in_doubt, days))
}

/// With all parts that the vendor's timeouts make: under the other cut they are passed over.
const ALL_PARTS: Cut = Cut::VendorTimeouts;

/// What is certain of a unit: CDRs, or parts of them; absent where that is all that was read.
fn sure_part(
    units: &Units<'_>,
    head: &UnitHead,
    doubts: &Doubts,
    joining: Joining,
) -> Option<Vec<Cdr>> {
    if joining == Joining::ByEvidence
        && first_overlap(&doubts.reach, span_of(units, head)).is_some()
    {
        return Some(Vec::new());
    }
    let mut rows = units.rows_of(head, ALL_PARTS);
    if rows.all(|row| matches!(doubts.sure(row, &units.times(row)), Sure::Whole)) {
        return None;
    }
    let rows = units.rows_of(head, ALL_PARTS);
    Some(rows.filter_map(|row| sure_cdr(units, row, doubts)).collect())
}

/// First and last moment of a unit.
fn span_of(units: &Units<'_>, head: &UnitHead) -> Window {
    let ended = |row: u32| {
        let times = units.times(row);
        times.vendor_ended.max(times.ended).ns()
    };
    let last = units.rows_of(head, ALL_PARTS).map(ended).max();
    let start = units.row(head.first).started_ns();
    (start, last.unwrap_or(start).max(start))
}

fn days_of(units: &Units<'_>, head: &UnitHead, calendar: &Calendar) -> Range<usize> {
    let (first, last) = widened(span_of(units, head), EDGE_NS, EDGE_NS);
    calendar.days_touched(CaptureTime::from_ns(first), CaptureTime::from_ns(last))
}

/// Units of equal numbers that a missing leg could make one channel, or of which one is in doubt.
struct InDoubt<'d> {
    neighbours: &'d [Window],
    /// Units that are not certain as a whole, rising.
    parts: Vec<UnitHead>,
    found: Vec<Vec<UnitHead>>,
}

impl Clusters for InDoubt<'_> {
    fn cluster(&mut self, members: &[Member]) {
        let [first, .., last] = members else { return };
        let is_part = |member: &Member| self.parts.binary_search(&member.head).is_ok();
        let near_loss =
            || first_overlap(self.neighbours, (first.started_ns, last.started_ns)).is_some();
        if members.iter().any(is_part) || near_loss() {
            self.found.push(members.iter().map(|member| member.head).collect());
        }
    }
}

fn doubtful_clusters(
    units: &Units<'_>,
    doubts: &Doubts,
    parts: &[(UnitHead, Vec<Cdr>)],
) -> Vec<Vec<UnitHead>> {
    let mut parts: Vec<UnitHead> = parts.iter().map(|(head, _)| *head).collect();
    parts.sort_unstable();
    let mut in_doubt = InDoubt { neighbours: &doubts.neighbours, parts, found: Vec::new() };
    let reach = |start_ns: i64| doubts.reach(start_ns);
    clusters(units, |head| head.exists(ALL_PARTS), reach, &mut in_doubt);
    in_doubt.found
}

/// The CDRs that reach into the days, each doubtful cluster as one unit.
fn collect(
    units: &Units<'_>,
    calendar: &Calendar,
    parts: Vec<(UnitHead, Vec<Cdr>)>,
    clusters: &[Vec<UnitHead>],
    days: Vec<bool>,
) -> Bounded {
    let numbered = clusters.iter().enumerate();
    let mut cluster_of: Vec<(UnitHead, usize)> = numbered
        .flat_map(|(number, heads)| heads.iter().map(move |head| (*head, number)))
        .collect();
    cluster_of.sort_unstable();
    let mut made = Collected::default();
    let mut of_clusters: Vec<Vec<Cdr>> = vec![Vec::new(); clusters.len()];
    // In the order of the units.
    let mut parts = parts.into_iter().peekable();
    for head in units.heads().filter(|head| head.exists(ALL_PARTS)) {
        let part = parts.next_if(|(of, _)| *of == head).map(|(_, cdrs)| cdrs);
        if !days_of(units, &head, calendar).any(|day| days[day]) {
            continue;
        }
        let own = part.unwrap_or_else(|| units.cdrs_of(&head, ALL_PARTS).collect());
        match cluster_of.binary_search_by(|(of, _)| of.cmp(&head)) {
            Err(_) => made.push(own),
            // The 487 rule goes before deduplication: such a leg lengthens no channel.
            Ok(place) => of_clusters[cluster_of[place].1].extend(own.into_iter().filter(|cdr| {
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
    cdrs: CdrBuilder,
    group_of: Vec<u32>,
    groups: u32,
}

impl Collected {
    fn push(&mut self, group: impl IntoIterator<Item = Cdr>) {
        for cdr in group {
            self.cdrs.push(&cdr);
            self.group_of.push(self.groups);
        }
        self.groups += 1;
    }

    fn into_bounded(self, days: Vec<bool>) -> Bounded {
        let groups = Groups::of_members(self.group_of);
        Bounded { groups, cdrs: Cdrs::new(self.cdrs.finish()), days }
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
    for head in units.heads().filter(|head| head.exists(ALL_PARTS)) {
        if days_of(units, &head, calendar).any(|day| days[day]) {
            made.push(units.cdrs_of(&head, ALL_PARTS));
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
