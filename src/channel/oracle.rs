//! Tests: counting against definitions written out naively, quadratic and without sharing.

use super::count::{self, Channels};
use super::interval::{Interval, Shape};
use super::reading::{Branches, Cut, Dedup, Edges, Span, Terminated};
use super::*;
use crate::base::{CaptureTime, SensorId};
use crate::leg::{Bye, Cdr, Ends, VendorCut};
use jiff::civil::date;
use jiff::tz::TimeZone;
use proptest::prelude::*;

const S: i64 = 1_000_000_000;

/// A CDR for tests: 200, one branch, connected at its start.
pub(crate) fn cdr(leg: u32, numbers: (&str, &str), started_ns: i64, ended_ns: i64) -> Cdr {
    Cdr {
        leg,
        sequence: 0,
        sensor: SensorId(0),
        caller: numbers.0.as_bytes().into(),
        called: numbers.1.as_bytes().into(),
        started: CaptureTime::from_ns(started_ns),
        ended: CaptureTime::from_ns(ended_ns),
        connected: Some(CaptureTime::from_ns(started_ns)),
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

/// All readings of the six axes that count.
pub(crate) fn count_readings() -> Vec<CountReading> {
    let mut readings: Vec<CountReading> = Reading::all().iter().map(|r| r.count).collect();
    readings.sort_unstable();
    readings.dedup();
    readings
}

/// One unit by the definitions of design.md section 6 and section 12, points 3 and 4.
struct NaiveUnit<'a> {
    cdrs: Vec<&'a Cdr>,
}

fn naive_units<'a>(cdrs: &'a [Cdr], groups: &[Vec<usize>], r: CountReading) -> Vec<NaiveUnit<'a>> {
    let order = |cdr: &Cdr| (cdr.started, cdr.sensor, cdr.leg, cdr.sequence);
    let response = |cdr: &Cdr| match (r.cut, cdr.vendor_cut) {
        (Cut::VendorTimeouts, Some(cut)) => cut.last_response,
        _ => cdr.last_response,
    };
    let mut units = Vec::new();
    for group in groups {
        let mut members: Vec<&Cdr> = group.iter().map(|index| &cdrs[*index]).collect();
        members.retain(|cdr| r.cut == Cut::VendorTimeouts || !cdr.only_when_cut);
        members.sort_by_key(|cdr| order(cdr));
        let excluded = members.iter().all(|cdr| response(cdr) == 487);
        let counts = !excluded || r.terminated == Terminated::Counted;
        if !members.is_empty() && counts {
            units.push(NaiveUnit { cdrs: members });
        }
    }
    units.sort_by_key(|unit| order(unit.cdrs[0]));
    units
}

fn naive_channels<'a>(units: Vec<NaiveUnit<'a>>, dedup: Dedup) -> Vec<Vec<NaiveUnit<'a>>> {
    let mut channels: Vec<Vec<NaiveUnit<'a>>> = Vec::new();
    for unit in units {
        let own = unit.cdrs[0];
        let same_numbers = |other: &Cdr| {
            let pair = |cdr: &Cdr| Some((last_six(&cdr.caller)?, last_six(&cdr.called)?));
            pair(own).is_some() && pair(own) == pair(other)
        };
        let near = |other: &Cdr| own.started.ns() - other.started.ns() <= 10 * S;
        let found = channels.iter().position(|channel| {
            let first = channel[0].cdrs[0];
            let latest = channel[channel.len() - 1].cdrs[0];
            same_numbers(first)
                && match dedup {
                    Dedup::GroupFirst => near(first),
                    Dedup::GroupLatest => near(latest),
                    Dedup::AcrossSensors => {
                        near(first) && channel.iter().all(|u| u.cdrs[0].sensor != own.sensor)
                    }
                    Dedup::None => false,
                }
        });
        match found {
            Some(place) => channels[place].push(unit),
            None => channels.push(vec![unit]),
        }
    }
    channels
}

fn naive_interval(cdr: &Cdr, r: CountReading) -> Option<(i64, i64)> {
    let end = match (r.cut, cdr.vendor_cut) {
        (Cut::VendorTimeouts, Some(cut)) => cut.ended.ns(),
        _ => cdr.ended.ns(),
    };
    let start = match r.span {
        Span::WholeCall => cdr.started.ns(),
        Span::Connected => cdr.connected?.ns(),
    };
    if end < start {
        return None;
    }
    if r.edges == Edges::Exact {
        return (start < end).then_some((start, end));
    }
    let last = end.div_euclid(S) + i64::from(end.rem_euclid(S) >= 1_001_000);
    Some((start.div_euclid(S) * S, (last + 1) * S))
}

/// Hours as (channel ns, peak), counting at every stretch between two moments where anything changes.
fn naive_hours(
    cdrs: &[Cdr],
    groups: &[Vec<usize>],
    calendar: &Calendar,
    r: CountReading,
) -> Vec<HourCount> {
    let channels: Vec<(u64, Vec<(i64, i64)>)> =
        naive_channels(naive_units(cdrs, groups, r), r.dedup)
            .iter()
            .map(|channel| {
                let members: Vec<&Cdr> =
                    channel.iter().flat_map(|unit| unit.cdrs.iter().copied()).collect();
                let most = members.iter().map(|cdr| u64::from(cdr.branches)).max().unwrap();
                let weight = if r.branches == Branches::Leg { 1 } else { most };
                (weight, members.iter().filter_map(|cdr| naive_interval(cdr, r)).collect())
            })
            .collect();
    let mut moments: Vec<i64> =
        channels.iter().flat_map(|(_, spans)| spans).flat_map(|(s, e)| [*s, *e]).collect();
    moments.extend(calendar.hours().iter().flat_map(|hour| [hour.started.ns(), hour.ended.ns()]));
    moments.sort_unstable();
    moments.dedup();
    let count_at = |moment: i64| -> u64 {
        channels
            .iter()
            .filter(|(_, spans)| spans.iter().any(|(s, e)| *s <= moment && moment < *e))
            .map(|(weight, _)| *weight)
            .sum()
    };
    let stretches: Vec<(i64, i64, u64)> =
        moments.windows(2).map(|pair| (pair[0], pair[1], count_at(pair[0]))).collect();
    let inside = |hour: &Hour| {
        let mut count = HourCount::default();
        for (from, until, channels) in &stretches {
            if hour.started.ns() <= *from && *from < hour.ended.ns() {
                count.channel_ns += u128::from(*channels) * (until - from) as u128;
                count.peak_channels = count.peak_channels.max(*channels);
            }
        }
        count
    };
    calendar.hours().iter().map(inside).collect()
}

fn prague() -> Calendar {
    // The clock goes back inside the first day.
    let zone = TimeZone::get("Europe/Prague").unwrap();
    Calendar::new(zone, date(2026, 10, 25), date(2026, 10, 26))
}

fn arbitrary_cdr(base_ns: i64) -> impl Strategy<Value = Cdr> {
    let moment = (-8i64..20, prop::sample::select(vec![-1i64, 0, 0, 0, 1, 1_000_999, 1_001_000]));
    let duration =
        prop::sample::select(vec![0, 1, 1_000_000, S, 4 * S, 11 * S, 3_700 * S, 90_000 * S]);
    let numbers = prop::sample::select(vec!["100", "+420123456", "0123456", "anonymous", "", "Al"]);
    let called = prop::sample::select(vec!["200", "(0)2-00", "654321"]);
    let cut = prop::option::of((0i64..5, prop::sample::select(vec![200u16, 487])));
    let flags = (prop::sample::select(vec![200u16, 487, 486]), 1u16..4, 0u16..3, 0u8..6);
    (moment, duration, numbers, called, prop::option::of(-1i64..6), cut, flags).prop_map(
        move |((step, jitter), duration, caller, called, connected, cut, flags)| {
            let (last_response, branches, sensor, part) = flags;
            let start = base_ns + step * (5 * S / 2) + jitter;
            let mut cdr = cdr(0, (caller, called), start, start + duration);
            cdr.connected = connected.map(|s| CaptureTime::from_ns(start + s * S));
            cdr.vendor_cut = cut.map(|(s, last_response)| VendorCut {
                ended: CaptureTime::from_ns(start + s * S),
                bye: Bye::Zombie,
                last_response,
            });
            cdr.last_response = last_response;
            cdr.branches = branches;
            cdr.sensor = SensorId(sensor);
            cdr.only_when_cut = part == 0;
            cdr
        },
    )
}

/// CDRs around a full hour or around midnight, and a split of them into merged calls.
fn arbitrary_input() -> impl Strategy<Value = (Vec<Cdr>, Vec<Vec<usize>>)> {
    let base = prop::sample::select(vec![3i64, 25]);
    base.prop_flat_map(|hours| {
        let base_ns = prague().days()[0].started.ns() + hours * 3_600 * S;
        prop::collection::vec((arbitrary_cdr(base_ns), 0usize..9), 0..14)
    })
    .prop_map(|drawn| {
        let mut groups = vec![Vec::new(); 5];
        let mut cdrs = Vec::new();
        for (index, (mut cdr, group)) in drawn.into_iter().enumerate() {
            cdr.leg = index as u32;
            cdrs.push(cdr);
            match groups.get_mut(group) {
                Some(group) => group.push(index),
                None => groups.push(vec![index]),
            }
        }
        groups.retain(|group: &Vec<usize>| !group.is_empty());
        (cdrs, groups)
    })
}

/// Indexes of CDRs that others lack, and what these have beside them; both stand by leg and sequence.
fn difference(cdrs: &[Cdr], others: &[Cdr]) -> (Vec<u32>, Vec<Cdr>) {
    let lacks = |(_, cdr): &(u32, &Cdr)| !others.contains(cdr);
    let without = (0u32..).zip(cdrs).filter(lacks).map(|(place, _)| place).collect();
    (without, others.iter().filter(|other| !cdrs.contains(other)).cloned().collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn every_reading_equals_the_definitions((cdrs, groups) in arbitrary_input()) {
        let calendar = prague();
        let units = Units::new(&cdrs, &Groups::of(&groups, cdrs.len()));
        let readings = count_readings();
        let evaluated = count::evaluate(&units, &calendar, &readings);
        for (reading, days) in readings.iter().zip(evaluated) {
            let expect = naive_hours(&cdrs, &groups, &calendar, *reading);
            let history = units.history(&calendar, *reading);
            prop_assert_eq!(&history.hours, &expect, "{:?}", reading);
            prop_assert_eq!(&history.days, &days, "{:?}", reading);
            let (_, with) = count::evaluate_with_history(&units, &calendar, &readings, *reading);
            prop_assert_eq!(Some(&history), with.as_ref(), "{:?}", reading);
            for (day, count) in calendar.days().iter().zip(&days) {
                let own = || day.hours.clone();
                let mean = own().map(|hour| Channels {
                    numerator: expect[hour].channel_ns,
                    denominator: calendar.hours()[hour].length_ns(),
                });
                prop_assert_eq!(Some(count.mean), mean.max());
                let peak = own().map(|hour| expect[hour].peak_channels).max();
                prop_assert_eq!(Some(count.peak_channels), peak);
            }
            let peak = expect.iter().map(|hour| hour.peak_channels).max().unwrap();
            prop_assert_eq!(history.peak_channels, peak);
            prop_assert_eq!(history.peak_spans.is_empty(), peak == 0);
        }
    }

    /// A table that others share, with some CDRs changed, is as one made of the changed CDRs.
    #[test]
    fn a_changed_table_counts_as_a_new_one(
        (cdrs, groups) in arbitrary_input(),
        changes in prop::collection::vec(0u8..5, 14),
    ) {
        let mut others: Vec<Cdr> = Vec::new();
        for (cdr, change) in cdrs.iter().zip(&changes) {
            let mut changed = cdr.clone();
            match change {
                0 => continue,
                1 => changed.called = (*b"777777").into(),
                2 => changed.ended = changed.ended.plus_ns(S),
                3 => others.push(Cdr { sequence: 1, ..cdr.clone() }),
                _ => {}
            }
            others.push(changed);
        }
        others.sort_by_key(|cdr| (cdr.leg, cdr.sequence));
        let (table, calendar) = (CdrTable::new(&cdrs), prague());
        let (without, with) = difference(&cdrs, &others);
        let changed = Units::changed(&table, &without, &with);
        let new = Units::new(&others, &Groups::singles(others.len()));
        prop_assert_eq!(changed.cdr_count(), new.cdr_count());
        prop_assert_eq!(changed.unit_count(), new.unit_count());
        for reading in count_readings() {
            let expect = new.history(&calendar, reading);
            for peak in &expect.peak_spans {
                let up = |units: &Units<'_>| units.up_at(reading, peak.started);
                prop_assert_eq!(up(&changed), up(&new), "who was up, in their order");
            }
            prop_assert_eq!(changed.history(&calendar, reading), expect);
        }
        let groups = Groups::of(&groups, cdrs.len());
        let (shared, own) = (Units::of(&table, &groups), Units::new(&cdrs, &groups));
        let readings = count_readings();
        prop_assert_eq!(
            count::evaluate(&shared, &calendar, &readings),
            count::evaluate(&own, &calendar, &readings)
        );
    }

    #[test]
    fn the_order_of_cdrs_and_groups_changes_nothing(
        (cdrs, groups) in arbitrary_input(),
        seed in any::<u64>(),
    ) {
        let calendar = prague();
        let mut order: Vec<usize> = (0..cdrs.len()).collect();
        order.sort_by_key(|index| (*index as u64 + 1).wrapping_mul(seed | 1).rotate_left(17));
        let shuffled: Vec<Cdr> = order.iter().map(|index| cdrs[*index].clone()).collect();
        let place = |index: &usize| order.iter().position(|old| old == index).unwrap();
        let mut moved: Vec<Vec<usize>> =
            groups.iter().map(|group| group.iter().rev().map(place).collect()).collect();
        moved.reverse();
        let readings = count_readings();
        let units = Units::new(&cdrs, &Groups::of(&groups, cdrs.len()));
        let again = Units::new(&shuffled, &Groups::of(&moved, shuffled.len()));
        prop_assert_eq!(
            count::evaluate(&units, &calendar, &readings),
            count::evaluate(&again, &calendar, &readings)
        );
    }

    /// Every nanosecond counted by hand, exact edges.
    #[test]
    fn single_nanoseconds(spans in prop::collection::vec((0i64..120, 0i64..60), 0..8)) {
        let calendar = Calendar::new(TimeZone::UTC, date(2026, 1, 1), date(2026, 1, 1));
        let (day, _) = calendar.bounds_ns();
        // The first hour ends inside the spans.
        let base = day + 3_600 * S - 60;
        let cdrs: Vec<Cdr> = spans
            .iter()
            .map(|(start, length)| cdr(0, ("", ""), base + start, base + start + length))
            .collect();
        let units = Units::new(&cdrs, &Groups::singles(cdrs.len()));
        let history = units.history(&calendar, Reading::documented().count);
        for (hour, range) in [(0, 0..60), (1, 60..200)] {
            let up = |ns: i64| spans.iter().filter(|(s, l)| *s <= ns && ns < s + l).count();
            let counts: Vec<usize> = range.map(up).collect();
            let channel_ns: usize = counts.iter().sum();
            prop_assert_eq!(history.hours[hour].channel_ns, channel_ns as u128);
            prop_assert_eq!(history.hours[hour].peak_channels, *counts.iter().max().unwrap() as u64);
        }
    }
}

/// Start after midnight in nanoseconds, sensor, caller, called.
type TestLeg = (i64, u16, &'static str, &'static str);

/// Channels at one moment shortly after the last start, with all CDRs up for a minute.
fn channels_up(legs: &[TestLeg], dedup: Dedup) -> u64 {
    let calendar = Calendar::new(TimeZone::UTC, date(2026, 1, 1), date(2026, 1, 1));
    let (day, _) = calendar.bounds_ns();
    let cdrs: Vec<Cdr> = legs
        .iter()
        .enumerate()
        .map(|(index, (start, sensor, caller, called))| {
            let mut cdr = cdr(index as u32, (caller, called), day + start, day + 600 * S);
            cdr.sensor = SensorId(*sensor);
            cdr
        })
        .collect();
    let units = Units::new(&cdrs, &Groups::singles(cdrs.len()));
    let reading = CountReading { dedup, ..Reading::documented().count };
    units.history(&calendar, reading).peak_channels
}

#[test]
fn dedup_edges_chains_and_sensors() {
    const A: &str = "+420123456";
    const B: &str = "00420123456";
    // first, latest, across sensors, none
    let cases: &[(&[TestLeg], [u64; 4])] = &[
        // 10.000 s in, one nanosecond more out.
        (&[(0, 0, A, "200"), (10 * S, 0, B, "200")], [1, 1, 2, 2]),
        (&[(0, 0, A, "200"), (10 * S + 1, 0, B, "200")], [2, 2, 2, 2]),
        (&[(0, 0, A, "200"), (10_001_000_000, 1, B, "200")], [2, 2, 2, 2]),
        // Facts E: 'same call by 2 sensors -> 1 if last 6 digits of caller and called match'.
        (&[(0, 0, A, "200"), (10 * S, 1, B, "200")], [1, 1, 1, 2]),
        // Three sensors, one call.
        (&[(0, 0, A, "200"), (S, 1, A, "200"), (2 * S, 2, A, "200")], [1, 1, 1, 3]),
        // Two calls, each seen by two sensors.
        (
            &[(0, 0, A, "200"), (S, 0, A, "200"), (2 * S, 1, A, "200"), (3 * S, 1, A, "200")],
            [1, 1, 2, 4],
        ),
        // A chain of 8 s steps.
        (&[(0, 0, A, "200"), (8 * S, 0, A, "200"), (16 * S, 0, A, "200")], [2, 1, 3, 3]),
        // Both numbers must match.
        (&[(0, 0, A, "200"), (0, 0, A, "201")], [2, 2, 2, 2]),
        // Facts 0: 456001 and 456002 are not the same last six digits.
        (&[(0, 0, "123456001", "200"), (0, 1, "123456002", "200")], [2, 2, 2, 2]),
        // Empty and anonymous never deduplicate.
        (&[(0, 0, "", "200"), (0, 1, "", "200")], [2, 2, 2, 2]),
        (&[(0, 0, "anonymous", "200"), (0, 1, "anonymous", "200")], [2, 2, 2, 2]),
        (&[(0, 0, A, ""), (0, 1, A, "")], [2, 2, 2, 2]),
        // Short numbers whole, text as text, digits of mixed users.
        (&[(0, 0, "101", "9"), (0, 1, "9101", "9")], [2, 2, 2, 2]),
        (&[(0, 0, "alice", "bob"), (0, 1, "Alice", "BOB")], [1, 1, 1, 2]),
        (&[(0, 0, "agent12", "9"), (0, 1, "12", "9")], [1, 1, 1, 2]),
    ];
    for (legs, expect) in cases {
        for (dedup, expect) in Dedup::ALL.iter().zip(expect) {
            assert_eq!(channels_up(legs, *dedup), *expect, "{legs:?} {dedup:?}");
        }
    }
}

/// Facts E, table of the vendor's license page.
#[test]
fn the_vendors_table_of_channels() {
    let calendar = Calendar::new(TimeZone::UTC, date(2026, 1, 1), date(2026, 1, 1));
    let (day, _) = calendar.bounds_ns();
    let peak = |cdrs: &[Cdr], reading: CountReading| {
        let units = Units::new(cdrs, &Groups::singles(cdrs.len()));
        units.history(&calendar, reading).peak_channels
    };
    let documented = Reading::documented().count;
    let leg = |leg: u32, caller: &str, called: &str| cdr(leg, (caller, called), day, day + 60 * S);
    // 'simple call 1'
    assert_eq!(peak(&[leg(0, "111111", "222222")], documented), 1);
    // 'call ending 487 -> 0'
    let mut terminated = leg(0, "111111", "222222");
    terminated.last_response = 487;
    assert_eq!(peak(&[terminated.clone()], documented), 0);
    let counted = CountReading { terminated: Terminated::Counted, ..documented };
    assert_eq!(peak(&[terminated.clone()], counted), 1);
    // 'transfer A->B->C in 2 legs -> 2'
    let transfer = [leg(0, "111111", "222222"), leg(1, "111111", "333333")];
    assert_eq!(peak(&transfer, documented), 2);
    // 'forking -> one per destination leg'
    let mut forked = leg(0, "111111", "222222");
    forked.branches = 3;
    let by_branch = CountReading { branches: Branches::Branch, ..documented };
    assert_eq!(peak(&[forked.clone()], by_branch), 3);
    assert_eq!(peak(&[forked], documented), 1);
    // 487 goes before deduplication: the terminated leg does not open a group.
    let mut later = leg(1, "111111", "222222");
    later.started = CaptureTime::from_ns(day + 5 * S);
    let mut latest = leg(2, "111111", "222222");
    latest.started = CaptureTime::from_ns(day + 15 * S);
    assert_eq!(peak(&[terminated, later, latest], documented), 1);
}

/// Facts E: 'a 0-length call occupies 1 second; back-to-back calls overlap by 1 s'.
#[test]
fn whole_seconds_as_the_sniffers_charts() {
    let shape = Shape { cut: Cut::Packets, span: Span::WholeCall, edges: Edges::WholeSeconds };
    for (start, end, expect) in [
        (5 * S, 5 * S, Some((5, 6))),
        (5 * S, 7 * S, Some((5, 8))),
        (5 * S + 1, 7 * S + 1_000_999, Some((5, 8))),
        (5 * S + 1, 7 * S + 1_001_000, Some((5, 9))),
        (-1, 0, Some((-1, 1))),
        (5, 4, None),
    ] {
        let found = interval::interval(&cdr(0, ("", ""), start, end), shape);
        let expect = expect.map(|(s, e)| Interval { start_ns: s * S, end_ns: e * S });
        assert_eq!(found, expect, "{start} {end}");
    }
}

#[test]
fn moments_at_the_ends_of_capture_time_do_not_overflow() {
    let calendar = prague();
    let cdrs = [
        cdr(0, ("1", "2"), i64::MIN, i64::MAX),
        cdr(1, ("1", "2"), i64::MAX, i64::MIN),
        cdr(2, ("1", "2"), i64::MAX - 1, i64::MAX),
    ];
    let units = Units::new(&cdrs, &Groups::singles(3));
    for reading in count_readings() {
        let history = units.history(&calendar, reading);
        assert_eq!(history.peak_channels, 1, "{reading:?}");
        assert_eq!(history.hours.len(), 49);
    }
}
