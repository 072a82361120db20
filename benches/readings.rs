//! What all readings cost beside the documented one: 2,000,000 CDRs of 30 days, four scenarios, in one
//! run, so that the ratio does not depend on the machine. The bound is 3.
//!
//! `cargo bench --profile fast --bench readings [CDRs]`

#![allow(clippy::print_stdout, reason = "a table is what a bench is for")]

use jiff::civil::date;
use jiff::tz::TimeZone;
use respool::base::{CaptureTime, Endpoint, NS_PER_S, SensorId};
use respool::channel::evident::SameHop;
use respool::channel::{Calendar, Groups, Joining, Reading, Units};
use respool::leg::{Bye, Cdr, VendorCut};
use respool::license::{Coverage, Evidence, Question, Scenario, judge};
use std::time::{Duration, Instant};

const CDRS_DEFAULT: usize = 2_000_000;
const DAYS: i64 = 30;
const LIMIT_CHANNELS: u64 = 500;
/// Rounds, of which the fastest counts: what else the machine does only adds.
const ROUNDS: usize = 3;

/// A generator of numbers that is the same everywhere (`SplitMix64`).
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % end.max(1)
    }
}

/// Pairs of legs of one call, half a second apart with equal numbers, as a B2BUA makes them; each with
/// a chance of 487, of no answer, of forks, and of a cut by the vendor's timeouts.
fn cdrs(count: usize, calendar: &Calendar) -> Vec<Cdr> {
    let mut random = Random(1);
    let first = calendar.days().first().map(|day| day.started).unwrap_or_default();
    let span_s = u64::try_from(DAYS * 86_400).unwrap_or(1);
    let mut cdrs: Vec<Cdr> = Vec::with_capacity(count);
    while cdrs.len() < count {
        let offset_ns = i64::try_from(random.below(span_s * 1_000)).unwrap_or(0) * 1_000_000;
        let started = first.plus_ns(offset_ns);
        let seconds = i64::try_from(5 + random.below(300)).unwrap_or(5);
        let caller = format!("49301{:06}", random.below(50_000));
        let called = format!("49402{:06}", random.below(50_000));
        for hop in 0..2u32 {
            let started = started.plus_ns(i64::from(hop) * NS_PER_S / 2);
            let cdr = cdr(&mut random, cdrs.len(), started, seconds, (&caller, &called));
            cdrs.push(cdr);
        }
    }
    cdrs.truncate(count);
    cdrs.sort_by_key(|cdr| cdr.started);
    cdrs
}

fn cdr(
    random: &mut Random,
    number: usize,
    started: CaptureTime,
    seconds: i64,
    (caller, called): (&str, &str),
) -> Cdr {
    let ended = started.plus_ns(seconds * NS_PER_S);
    let is_terminated = random.below(20) == 0;
    let is_answered = !is_terminated && random.below(5) > 0;
    let last_response = match (is_terminated, is_answered) {
        (true, _) => 487,
        (_, true) => 200,
        _ => 486,
    };
    let is_cut = random.below(50) == 0;
    Cdr {
        leg: u32::try_from(number).unwrap_or(u32::MAX),
        sequence: 0,
        sensor: SensorId(u16::try_from(random.below(3)).unwrap_or(0)),
        call_id: format!("{number}@bench").into_bytes().into(),
        caller: caller.as_bytes().into(),
        called: called.as_bytes().into(),
        started,
        ended,
        connected: is_answered.then(|| started.plus_ns(2 * NS_PER_S)),
        progressed: None,
        source: Endpoint::UNKNOWN,
        destination: Endpoint::UNKNOWN,
        last_response,
        bye: Bye::ByeConfirmed,
        hung_up_by: None,
        vendor_cut: is_cut.then(|| VendorCut {
            ended: started.plus_ns(3 * NS_PER_S),
            bye: Bye::OneWayTimeout,
            last_response,
        }),
        only_when_cut: random.below(500) == 0,
        branches: 1 + u16::try_from(random.below(10) / 9).unwrap_or(0),
        has_media: false,
        vendor_blind: false,
    }
}

/// Four scenarios over the same CDRs: as they are, two merge headers that join every second and every
/// fourth pair, and all pairs merged.
fn scenarios(cdrs: &[Cdr]) -> Vec<(Scenario, Groups)> {
    let mut by_call: Vec<usize> = (0..cdrs.len()).collect();
    by_call.sort_by_key(|at| cdrs[*at].leg);
    let joined = |every: usize| {
        let mut groups: Vec<Vec<usize>> = Vec::new();
        for (number, pair) in by_call.chunks(2).enumerate() {
            if number % every == 0 {
                groups.push(pair.to_vec());
            } else {
                groups.extend(pair.iter().map(|at| vec![*at]));
            }
        }
        Groups::of(&groups, cdrs.len())
    };
    vec![
        (Scenario::AsIs, Groups::singles(cdrs.len())),
        (Scenario::MergeHeader("x-call-id".to_owned()), joined(2)),
        (Scenario::MergeHeader("x-cid".to_owned()), joined(4)),
        (Scenario::Merged, joined(1)),
    ]
}

fn main() {
    let count = std::env::args().skip(1).find_map(|word| word.parse().ok()).unwrap_or(CDRS_DEFAULT);
    let calendar = Calendar::new(TimeZone::UTC, date(2026, 11, 1), date(2026, 11, 30));
    let cdrs = cdrs(count, &calendar);
    let coverage = Coverage::complete(&calendar);
    let scenarios = scenarios(&cdrs);
    let documented = vec![Reading::documented()];
    let all = Reading::all();
    let time = |readings: &[Reading], groups: &Groups, scenario: &Scenario| {
        let question = Question {
            limit_channels: LIMIT_CHANNELS,
            reading: Reading::documented(),
            readings: readings.to_vec(),
            accept_loss: false,
        };
        let start = Instant::now();
        // Preparing the units is part of both: the documented reading alone needs it too.
        let units = Units::new(&cdrs, groups);
        let distinct = SameHop(&cdrs);
        let evidence = Evidence {
            units: &units,
            calendar: &calendar,
            coverage: &coverage,
            distinct: &distinct,
            joining: Joining::Alone,
        };
        let verdict = judge(scenario.clone(), evidence, &question);
        (start.elapsed(), verdict.agreement.readings)
    };
    let fastest = |readings: &[Reading], groups: &Groups, scenario: &Scenario| {
        let rounds = (0..ROUNDS).map(|_| time(readings, groups, scenario).0);
        rounds.min().unwrap_or_default()
    };
    println!("{count} CDRs, {DAYS} days, {} readings; fastest of {ROUNDS} rounds", all.len());
    println!("{:<24} {:>12} {:>12} {:>7}", "scenario", "documented", "all", "ratio");
    let (mut one_total, mut all_total) = (Duration::ZERO, Duration::ZERO);
    for (scenario, groups) in &scenarios {
        let one = fastest(&documented, groups, scenario);
        let every = fastest(&all, groups, scenario);
        let name = format!("{} {}", scenario.name(), scenario.header().unwrap_or_default());
        print_row(&name, one, every);
        one_total += one;
        all_total += every;
    }
    print_row("all four", one_total, all_total);
}

fn print_row(name: &str, one: Duration, every: Duration) {
    let ratio = every.as_secs_f64() / one.as_secs_f64().max(1e-9);
    println!("{name:<24} {:>10.0} ms {:>10.0} ms {ratio:>7.2}", ms(one), ms(every));
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}
