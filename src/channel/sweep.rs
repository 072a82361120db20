//! The sweep: changes of channels in, hour by hour; the hours of every lane out.
//!
//! Most changes are those of all lanes alike and move one common counter. Between two changes of single
//! lanes a lane differs from the common counter by a constant, so that its peak is that of the common
//! counter plus the constant, and no lane has to be touched. Lanes that no change tells apart are one
//! class, and are counted once.
//!
//! Changes wait in the hour that they belong to, eight bytes each, until all of that hour are there.

use super::calendar::{Calendar, Hour};
use super::count::HourCount;
use super::history::PeakWalk;
use hashbrown::HashMap;

/// Choices on `cut`, `dedup`, `terminated` and `branches`: 2 x 4 x 2 x 2.
pub(super) const LANES: usize = 32;

/// Every lane.
pub(super) const ALL_LANES: u32 = u32::MAX;

/// Lanes in classes: those of one class are in the same changes.
#[derive(Clone, Debug)]
struct Classes {
    /// The lanes of each class. Together they are all lanes.
    lanes: Vec<u32>,
}

impl Classes {
    /// All lanes in one class.
    fn new() -> Self {
        Self { lanes: vec![ALL_LANES] }
    }

    /// Tells lanes in a mask from those outside; `copy` for every class whose lanes are told apart, which
    /// makes the next one.
    fn split(&mut self, mask: u32, mut copy: impl FnMut(usize)) {
        if self.lanes.len() == LANES {
            return;
        }
        for place in 0..self.lanes.len() {
            let (inside, outside) = (self.lanes[place] & mask, self.lanes[place] & !mask);
            if inside != 0 && outside != 0 {
                self.lanes[place] = inside;
                self.lanes.push(outside);
                copy(place);
            }
        }
    }

    /// The class of a lane.
    fn of_lane(&self, lane: usize) -> usize {
        self.lanes.iter().position(|lanes| lanes >> lane & 1 == 1).unwrap_or_default()
    }

    /// The classes of the lanes of a mask, as a mask.
    fn of_lanes(&self, mask: u32) -> u32 {
        let classes = self.lanes.iter().enumerate();
        classes.fold(0, |classes, (class, lanes)| classes | u32::from(lanes & mask != 0) << class)
    }
}

/// A change of the lanes of a mask at a moment.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Change {
    pub(super) at_ns: i64,
    pub(super) weight: u16,
    pub(super) lanes: u32,
}

/// The counters of a sweep inside one hour. Areas are kept as if every change lasted to the end of
/// the hour, so that a change costs one addition.
struct Counters {
    common: i64,
    common_area: i128,
    /// Largest common count since a class last changed.
    common_peak: i64,
    /// By class, as far as there are some.
    extra: [i64; LANES],
    extra_area: [i128; LANES],
    peak: [i64; LANES],
}

impl Counters {
    const fn new() -> Self {
        Self {
            common: 0,
            common_area: 0,
            common_peak: 0,
            extra: [0; LANES],
            extra_area: [0; LANES],
            peak: [0; LANES],
        }
    }

    fn begin_hour(&mut self, classes: usize, length_ns: i64) {
        self.common_area = i128::from(self.common) * i128::from(length_ns);
        self.common_peak = self.common;
        for class in 0..classes {
            self.extra_area[class] = i128::from(self.extra[class]) * i128::from(length_ns);
            self.peak[class] = self.common + self.extra[class];
        }
    }

    /// Brings the classes' peaks up to the stretch in which their extras were constant.
    fn settle(&mut self, classes: usize) {
        let peaks = self.peak[..classes].iter_mut().zip(&self.extra);
        for (peak, extra) in peaks {
            *peak = (*peak).max(self.common_peak + extra);
        }
        self.common_peak = self.common;
    }

    fn change(&mut self, of: Kind, classes: usize, left_ns: i64) {
        self.settle(classes);
        let weight = i64::from(of.weight);
        let area = i128::from(weight) * i128::from(left_ns);
        // A rise needs no second look: the peak since now on is taken at the next change.
        let mut changed = of.classes;
        while changed != 0 {
            let class = changed.trailing_zeros() as usize;
            changed &= changed - 1;
            self.extra[class] += weight;
            self.extra_area[class] += area;
        }
    }

    fn end_hour(&mut self, into: &mut [Vec<HourCount>]) {
        self.settle(into.len());
        for (class, hours) in into.iter_mut().enumerate() {
            hours.push(HourCount {
                channel_ns: (self.common_area + self.extra_area[class]).unsigned_abs(),
                peak_channels: self.peak[class].unsigned_abs(),
            });
        }
    }
}

/// What a change does: by how many channels, to which lanes.
#[derive(Clone, Copy, Debug)]
struct Kind {
    /// Below zero for a fall.
    weight: i32,
    lanes: u32,
    /// The classes of the lanes, by the last look.
    classes: u32,
}

/// A change that waits: nanoseconds since the hour began, a bit that rises have, number of its kind. What ends
/// at a moment goes before what starts there, so that a peak never counts both.
type Waiting = u64;

const KIND_BITS: u32 = 21;
const KIND_MASK: u64 = (1 << KIND_BITS) - 1;
/// Kinds above this are of one lane and a power of two, so that there never are too many.
const KINDS_FREE: usize = KIND_MASK as usize + 1 - 2 * LANES * 16;
const RISE: u64 = 1 << KIND_BITS;
const MOMENT_AT: u32 = KIND_BITS + 1;
/// The kind of a channel of all lanes, for falls and for rises.
const COMMON: u64 = 0;

/// Most changes are of few kinds.
const LAST_KINDS: usize = 8;

/// No hour of a calendar is longer.
const HOUR_NS: i64 = 3_600_000_000_000;

/// Hours of all lanes in the making.
pub(super) struct Timeline<'c> {
    hours: &'c [Hour],
    /// Where the first hour begins, and where each ends, in nanoseconds: every change asks for them.
    first_ns: i64,
    ends_ns: Vec<i64>,
    /// What is known of the hours that are not swept yet.
    waiting: Vec<Vec<Waiting>>,
    kinds: Vec<Kind>,
    /// Only looked up, never walked, so its order never leaves.
    kind_of: HashMap<(i32, u32), u64, foldhash::fast::RandomState>,
    /// Those that were asked for last, by what they are.
    last_kinds: [((i32, u32), u64); LAST_KINDS],
    classes: Classes,
    counters: Counters,
    /// The hours that are swept, by class.
    swept: Vec<Vec<HourCount>>,
    peaks: Option<(usize, PeakWalk)>,
    sorter: Sorter,
    changes: usize,
}

/// What a timeline has told.
pub(super) struct Told {
    classes: Classes,
    hours: Vec<Vec<HourCount>>,
    /// The stretches at the peak of the lane that was to be watched.
    pub(super) peaks: Option<PeakWalk>,
    /// How many changes there were.
    pub(super) changes: usize,
}

impl Told {
    /// How many classes lanes are in.
    pub(super) fn class_count(&self) -> usize {
        self.hours.len()
    }

    /// The class of a lane.
    pub(super) fn class_of(&self, lane: usize) -> usize {
        self.classes.of_lane(lane)
    }

    /// The hours of a class.
    pub(super) fn hours(&self, class: usize) -> &[HourCount] {
        &self.hours[class]
    }
}

impl<'c> Timeline<'c> {
    /// Over the hours of a calendar; one lane can be watched for its peaks.
    pub(super) fn new(calendar: &'c Calendar, watched: Option<usize>) -> Self {
        let hours = calendar.hours();
        Self {
            hours,
            first_ns: hours.first().map_or(0, |first| first.started.ns()),
            ends_ns: hours.iter().map(|hour| hour.ended.ns()).collect(),
            waiting: vec![Vec::new(); hours.len()],
            kinds: vec![Kind { weight: 0, lanes: ALL_LANES, classes: 1 }],
            kind_of: HashMap::default(),
            last_kinds: [((0, 0), COMMON); LAST_KINDS],
            classes: Classes::new(),
            counters: Counters::new(),
            swept: vec![Vec::new()],
            peaks: watched.map(|lane| (lane, PeakWalk::new(calendar))),
            sorter: Sorter::default(),
            changes: 0,
        }
    }

    /// A channel of all lanes begins at one moment and ends at a later one.
    #[inline]
    pub(super) fn push_common(&mut self, start_ns: i64, end_ns: i64) {
        self.wait(start_ns, RISE | COMMON);
        self.wait(end_ns, COMMON);
    }

    /// A change; `is_rise` when channels begin.
    pub(super) fn push(&mut self, change: Change, is_rise: bool) {
        let Change { at_ns, weight, lanes } = change;
        let rise = if is_rise { RISE } else { 0 };
        if lanes == ALL_LANES && weight == 1 {
            return self.wait(at_ns, rise | COMMON);
        }
        if weight == 0 || lanes == 0 {
            return;
        }
        let weight = if is_rise { i32::from(weight) } else { -i32::from(weight) };
        if let Some(kind) = self.kind(weight, lanes, KINDS_FREE) {
            return self.wait(at_ns, rise | kind);
        }
        for lane in (0..LANES).filter(|lane| lanes >> lane & 1 == 1) {
            for power in (0..16).filter(|power| weight.unsigned_abs() >> power & 1 == 1) {
                let kind = self.kind(weight.signum() << power, 1 << lane, usize::MAX);
                self.wait(at_ns, rise | kind.unwrap_or(COMMON));
            }
        }
    }

    /// The number of a kind; absent when there are so many already.
    fn kind(&mut self, weight: i32, lanes: u32, kinds_max: usize) -> Option<u64> {
        if let Some((_, known)) = self.last_kinds.iter().find(|kind| kind.0 == (weight, lanes)) {
            return Some(*known);
        }
        let kind = self.kind_of.get(&(weight, lanes)).copied();
        let kind = kind.or_else(|| self.new_kind(weight, lanes, kinds_max))?;
        self.last_kinds.rotate_right(1);
        self.last_kinds[0] = ((weight, lanes), kind);
        Some(kind)
    }

    fn new_kind(&mut self, weight: i32, lanes: u32, kinds_max: usize) -> Option<u64> {
        if self.kinds.len() >= kinds_max {
            return None;
        }
        let kind = self.kinds.len() as u64;
        self.kinds.push(Kind { weight, lanes, classes: 0 });
        self.kind_of.insert((weight, lanes), kind);
        let Self { classes, counters, swept, .. } = self;
        let before = classes.lanes.len();
        classes.split(lanes, |class| {
            let new = swept.len();
            // So far they are alike.
            counters.extra[new] = counters.extra[class];
            counters.extra_area[new] = counters.extra_area[class];
            counters.peak[new] = counters.peak[class];
            swept.push(swept[class].clone());
        });
        if classes.lanes.len() > before {
            self.kinds.iter_mut().for_each(|kind| kind.classes = classes.of_lanes(kind.lanes));
        } else if let Some(kind) = self.kinds.last_mut() {
            kind.classes = classes.of_lanes(kind.lanes);
        }
        Some(kind)
    }

    /// Puts a change into its hour: before the first one to its first moment, behind the last one nowhere.
    #[inline]
    fn wait(&mut self, at_ns: i64, what: u64) {
        self.changes += 1;
        // No hour is longer: the guess is never behind.
        let guess = at_ns.saturating_sub(self.first_ns).max(0) / HOUR_NS;
        let mut hour = usize::try_from(guess).unwrap_or(usize::MAX);
        while self.ends_ns.get(hour).is_some_and(|ended_ns| *ended_ns <= at_ns) {
            hour += 1;
        }
        if let (Some(of_hour), Some(waiting)) = (self.hours.get(hour), self.waiting.get_mut(hour)) {
            let since = at_ns.saturating_sub(of_hour.started.ns()).max(0);
            waiting.push(since.cast_unsigned() << MOMENT_AT | what);
        }
    }

    /// Nothing comes any more that changes before a moment.
    pub(super) fn passed(&mut self, moment_ns: i64) {
        while let Some(hour) = self.hours.get(self.swept[0].len())
            && hour.ended.ns() <= moment_ns
        {
            self.sweep(*hour);
        }
    }

    /// Sweeps the next hour.
    fn sweep(&mut self, hour: Hour) {
        let mut waiting = std::mem::take(&mut self.waiting[self.swept[0].len()]);
        self.sorter.sort(&mut waiting);
        let length_ns = hour.length_ns().cast_signed();
        // What happens at the first moment belongs to the hour from its start on.
        let at_start = waiting.partition_point(|change| change >> MOMENT_AT == 0);
        self.apply(&waiting[..at_start], hour, 0);
        self.counters.begin_hour(self.swept.len(), length_ns);
        self.apply(&waiting[at_start..], hour, length_ns);
        self.counters.end_hour(&mut self.swept);
    }

    /// Applies changes of an hour of which so much counts.
    fn apply(&mut self, changes: &[Waiting], hour: Hour, length_ns: i64) {
        let Self { counters, kinds, swept, peaks, .. } = self;
        for change in changes {
            let left_ns = length_ns - since_ns(*change);
            match (change & KIND_MASK, change & RISE != 0) {
                (COMMON, true) => {
                    counters.common += 1;
                    counters.common_area += i128::from(left_ns);
                    counters.common_peak = counters.common_peak.max(counters.common);
                }
                (COMMON, false) => {
                    counters.common -= 1;
                    counters.common_area -= i128::from(left_ns);
                }
                (kind, _) => counters.change(kinds[kind as usize], swept.len(), left_ns),
            }
        }
        let Some((lane, walk)) = peaks else { return };
        for change in changes {
            let weight = match (change & KIND_MASK, change & RISE != 0) {
                (COMMON, true) => 1,
                (COMMON, false) => -1,
                (kind, _) => {
                    let Kind { weight, lanes, .. } = kinds[kind as usize];
                    i64::from(weight) * i64::from(lanes >> *lane & 1)
                }
            };
            walk.change(hour.started.ns() + since_ns(*change), weight);
        }
    }

    /// Nothing comes any more.
    pub(super) fn finish(mut self) -> Told {
        self.passed(i64::MAX);
        let Self { classes, swept, peaks, changes, .. } = self;
        let peaks = peaks.map(|(_, mut walk)| {
            walk.end();
            walk
        });
        Told { classes, hours: swept, peaks, changes }
    }
}

/// Sorts the changes of an hour.
#[derive(Default)]
struct Sorter {
    /// Where the changes of each stretch of the hour go.
    ends: Vec<u32>,
    room: Vec<Waiting>,
}

/// Top bits of a change by which many are told apart at once, at most: stretches of about a second. Of fewer
/// changes there are fewer and longer stretches, as a look at each stretch costs as much as at a change.
const STRETCH_BITS_MAX: u32 = 12;
/// Fewer changes are sorted as they are.
const CHANGES_FEW: usize = 64;

impl Sorter {
    fn sort(&mut self, waiting: &mut Vec<Waiting>) {
        // More than 32 bits of them in an hour do not fit the memory.
        if waiting.len() < CHANGES_FEW || u32::try_from(waiting.len()).is_err() {
            return waiting.sort_unstable();
        }
        let Self { ends, room } = self;
        let bits = waiting.len().ilog2().min(STRETCH_BITS_MAX);
        let stretch_of = |change: Waiting| (change >> (u64::BITS - bits)) as usize;
        ends.clear();
        ends.resize(1 << bits, 0);
        waiting.iter().for_each(|change| ends[stretch_of(*change)] += 1);
        let mut end = 0;
        for count in &mut *ends {
            end += std::mem::replace(count, end);
        }
        room.clear();
        room.resize(waiting.len(), 0);
        for change in &*waiting {
            let end = &mut ends[stretch_of(*change)];
            room[*end as usize] = *change;
            *end += 1;
        }
        let mut from = 0;
        for end in &*ends {
            if *end > from + 1 {
                room[from as usize..*end as usize].sort_unstable();
            }
            from = *end;
        }
        std::mem::swap(waiting, room);
    }
}

/// Nanoseconds from the beginning of its hour to a change.
const fn since_ns(change: Waiting) -> i64 {
    (change >> MOMENT_AT).cast_signed()
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;
    use jiff::tz::TimeZone;

    #[test]
    fn classes_tell_lanes_apart_as_masks_do() {
        let mut classes = Classes::new();
        let mut copied = Vec::new();
        let mut split = |classes: &mut Classes, mask| classes.split(mask, |of| copied.push(of));
        split(&mut classes, ALL_LANES);
        assert_eq!(classes.lanes.len(), 1);
        split(&mut classes, 0xffff);
        split(&mut classes, 0xff);
        assert_eq!(classes.lanes.len(), 3);
        assert_eq!(classes.of_lane(0), classes.of_lane(7));
        assert_ne!(classes.of_lane(7), classes.of_lane(8));
        assert_ne!(classes.of_lane(15), classes.of_lane(16));
        let of = |mask: u32| classes.of_lanes(mask).count_ones();
        assert_eq!([of(0xff), of(0xffff), of(u32::MAX), of(0)], [1, 2, 3, 0]);
        // However many masks there are.
        for mask in 0..1_000u32 {
            split(&mut classes, mask.wrapping_mul(0x9e37_79b9));
        }
        assert_eq!(classes.lanes.len(), LANES);
        assert_eq!(copied.len(), LANES - 1);
        assert_eq!(copied[..2], [0, 0]);
    }

    #[test]
    fn many_changes_are_sorted_as_few_are() {
        let mut sorter = Sorter::default();
        for count in [0, 1, CHANGES_FEW - 1, CHANGES_FEW, 5_000, 600] {
            let change = |number: u64| number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (number % 7);
            let mut changes: Vec<u64> = (0..count as u64).map(change).collect();
            let mut expect = changes.clone();
            expect.sort_unstable();
            sorter.sort(&mut changes);
            assert!(changes == expect, "{count}");
        }
    }

    /// However many kinds there are: those beyond the cap are made of simple ones.
    #[test]
    fn a_kind_too_many_is_made_of_simple_ones() {
        let calendar = Calendar::new(TimeZone::UTC, date(2026, 1, 1), date(2026, 1, 1));
        let (first, _) = calendar.bounds_ns();
        let hours = |fill: usize| {
            let mut timeline = Timeline::new(&calendar, None);
            let none = Kind { weight: 0, lanes: 0, classes: 0 };
            timeline.kinds.extend(std::iter::repeat_n(none, fill));
            for (number, lanes) in [(1i64, 0x0f0f_0f0f), (2, 0x1), (3, 0xffff_0000), (4, ALL_LANES)]
            {
                let weight = u16::MAX - number as u16;
                let at = |at_ns: i64| Change { at_ns: first + at_ns, weight, lanes };
                timeline.push(at(number * 1_000), true);
                timeline.push(at(number * HOUR_NS), false);
            }
            let told = timeline.finish();
            (0..LANES).map(|lane| told.hours(told.class_of(lane)).to_vec()).collect::<Vec<_>>()
        };
        assert_eq!(hours(KINDS_FREE), hours(0));
    }
}
