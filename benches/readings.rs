//! What all readings cost beside the documented one: 2,000,000 CDRs of 30 days, four scenarios, one
//! thread, in one run, so that the ratio does not depend on the machine. The bound is 3.
//!
//! Three things are timed in turn, each with the preparation of its units:
//! - `history`: the documented reading counted, and nothing else: no verdict has less;
//! - `documented`: the verdict under the documented reading, as `judge` gives it with that reading alone
//!   (which counts the other choice of the axis `cut` too, for the caveat);
//! - `all`: the verdict under all readings, as `check` gives it.
//!
//! `cargo bench --profile fast --bench readings [-- CDRs [rounds]]`

#![allow(clippy::print_stdout, reason = "a table is what a bench is for")]

use jiff::civil::date;
use jiff::tz::TimeZone;
use respool::base::{CaptureTime, NS_PER_S, SensorId};
use respool::channel::evident::SameHop;
use respool::channel::{Calendar, Groups, Joining, Reading, Units};
use respool::leg::{Bye, Cdr, Ends, VendorCut};
use respool::license::{Coverage, Evidence, Question, Scenario, judge};
use std::time::{Duration, Instant};

const CDRS_DEFAULT: usize = 2_000_000;
const DAYS: i64 = 30;
const LIMIT_CHANNELS: u64 = 500;
/// Rounds; in each, every scenario is timed in every way. The median counts.
const ROUNDS_DEFAULT: usize = 5;
/// What is timed.
const WAYS: [&str; 3] = ["history", "documented", "all"];

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
        caller: caller.as_bytes().into(),
        called: called.as_bytes().into(),
        started,
        ended,
        connected: is_answered.then(|| started.plus_ns(2 * NS_PER_S)),
        progressed: None,
        ends: Ends::UNKNOWN,
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

/// One way of judging one scenario, timed.
fn time(way: &str, cdrs: &[Cdr], calendar: &Calendar, scenario: &(Scenario, Groups)) -> Duration {
    let documented = Reading::documented();
    let readings = if way == "all" { Reading::all() } else { vec![documented] };
    let coverage = Coverage::complete(calendar);
    let start = Instant::now();
    let units = Units::new(cdrs, &scenario.1);
    if way == "history" {
        let history = units.history(calendar, documented.count);
        let elapsed = start.elapsed();
        assert!(history.peak_channels > 0);
        return elapsed;
    }
    let question = Question {
        limit_channels: LIMIT_CHANNELS,
        reading: documented,
        readings,
        accept_loss: false,
    };
    let distinct = SameHop;
    let joining = Joining::Alone;
    let evidence =
        Evidence { units: &units, calendar, coverage: &coverage, distinct: &distinct, joining };
    let verdict = judge(scenario.0.clone(), evidence, &question);
    let elapsed = start.elapsed();
    assert_eq!(verdict.readings.len(), question.readings.len());
    elapsed
}

fn median(times: &[Duration]) -> Duration {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

fn main() {
    let mut numbers = std::env::args().skip(1).filter_map(|word| word.parse().ok());
    let count = numbers.next().unwrap_or(CDRS_DEFAULT);
    let rounds = numbers.next().unwrap_or(ROUNDS_DEFAULT).max(1);
    let calendar = Calendar::new(TimeZone::UTC, date(2026, 11, 1), date(2026, 11, 30));
    let cdrs = cdrs(count, &calendar);
    let scenarios = scenarios(&cdrs);
    println!("{count} CDRs, {DAYS} days, {} readings, {rounds} rounds", Reading::all().len());
    let mut times = vec![[const { Vec::new() }; WAYS.len()]; scenarios.len() + 1];
    for _ in 0..rounds {
        let mut sums = [Duration::ZERO; WAYS.len()];
        for (place, scenario) in scenarios.iter().enumerate() {
            for (way, sum) in sums.iter_mut().enumerate() {
                let elapsed = time(WAYS[way], &cdrs, &calendar, scenario);
                times[place][way].push(elapsed);
                *sum += elapsed;
            }
        }
        for (way, sum) in sums.into_iter().enumerate() {
            times[scenarios.len()][way].push(sum);
        }
    }
    let mut names: Vec<String> = scenarios
        .iter()
        .map(|(scenario, _)| {
            format!("{} {}", scenario.name(), scenario.header().unwrap_or_default())
        })
        .collect();
    names.push("all four".to_owned());
    println!("{:<24} {:<11} {:>9}  {:>6}  rounds, ms", "scenario", "way", "median ms", "all/it");
    for (name, ways) in names.iter().zip(&times) {
        print_rows(name, ways);
    }
}

fn print_rows(name: &str, ways: &[Vec<Duration>]) {
    let ms = |duration: Duration| duration.as_secs_f64() * 1_000.0;
    let all = ways.last().map(|times| ms(median(times))).unwrap_or_default();
    for (way, times) in WAYS.iter().zip(ways) {
        let own = ms(median(times));
        let each: Vec<String> = times.iter().map(|time| format!("{:.0}", ms(*time))).collect();
        let ratio = all / own.max(1e-9);
        println!("{name:<24} {way:<11} {own:>9.0}  {ratio:>6.2}  {}", each.join(" "));
    }
}
