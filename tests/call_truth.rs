//! Generated calls with known truth: the packets of the generator go through extraction and grouping
//! in memory, and what was joined is compared with what the scripts tied together.
//!
//! Look-alikes of every kind are planted among them: scripts whose legs share what legs of one call share,
//! and are calls of their own. Without them a precision of 1 would mean little.
//!
//! 40,000 legs by default; `RESPOOL_TRUTH_LEGS=200000` for the long run. The tables by rule and by
//! look-alike are printed.

#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test fails by panicking and says what it compared"
)]

use respool::base::{CaptureId, FileId, RecordRef, SensorId};
use respool::call::{Class, Grouping, Outlines, RuleName, RuleTable, group};
use respool::leg::{Leg, Scratch, observe};
use respool::packet::{Datagram, Transport};
use respool::sip;
use respool::synth::{Generator, Mix, Parameters, ScriptedCall, ScriptedLeg, Wire};
use std::collections::{BTreeMap, BTreeSet};

/// Three scripts of ten are transfers, forks and pairs of a B2BUA, of every kind there is.
const MIX: &str = "transfer-blind=3,transfer-attended=3,transfer-refused=1,pickup=1,bye-also=1,\
    redirect=1,redirect-new-call-id=2,two-sensors=1,fork-parallel=2,fork-serial=1,ring-group=3,\
    b2bua-header=2,b2bua-session-id=2,b2bua-icid=2,b2bua-suffix=2,b2bua-media=2,b2bua-bare=1,\
    busy=4,no-answer=7,not-found=2,auth=6,hold=3,session-timer=1,retransmission=2,tcp=2,ipv6=1,\
    call-id-reuse=1,proxied=4,no-bye=1,alike-numbers=2,alike-token=2,alike-session-id=2,alike-media=2,\
    alike-redirect=1,alike-transfer=1,alike-dialler=1,alike-callback=1";
/// Legs that a script of this mix makes, for sizing: 1.46 or a little less.
const LEGS_PER_100_SCRIPTS: u64 = 145;
const LEGS_DEFAULT: u64 = 40_000;

/// Sensor and Call-ID of a leg.
type Name = (SensorId, Vec<u8>);

/// A population read from packets, and what the scripts say about it.
struct Population {
    outlines: Outlines,
    /// Number of the scripted call of each leg; of a Call-ID used twice the first.
    call_of: Vec<usize>,
    /// The kind of each scripted call.
    kinds: Vec<&'static str>,
    /// Pairs of legs that the packets tie together, with the name of the tie.
    ties: Vec<(u32, u32, String)>,
}

fn scripted_sensor(leg: &ScriptedLeg, sensors: &[String; 2]) -> SensorId {
    SensorId(u16::from(leg.sensor == sensors[1]))
}

/// Extraction of one script's legs: what a run does with every message.
fn extract(calls: &[ScriptedCall], sensors: &[String; 2]) -> BTreeMap<Name, Leg> {
    let mut legs = BTreeMap::new();
    for (place, scripted) in calls.iter().flat_map(|call| &call.legs).enumerate() {
        let sensor = scripted_sensor(scripted, sensors);
        for (index, packet) in (1u32..).zip(&scripted.packets) {
            let message = sip::scan(&packet.bytes).expect("the generator writes SIP");
            let call_id = message.call_id().to_vec();
            let capture = CaptureId { file: FileId(0), member: place as u32 };
            let datagram = Datagram {
                time: packet.time,
                record: RecordRef { capture, index },
                source: packet.source,
                destination: packet.destination,
                transport: match packet.wire {
                    Wire::Udp => Transport::Udp,
                    Wire::Tcp { .. } => Transport::Tcp,
                },
                payload: &packet.bytes,
                cut: false,
                vendor_blind: false,
            };
            let leg =
                legs.entry((sensor, call_id.clone())).or_insert_with(|| Leg::new(sensor, &call_id));
            observe(leg, &datagram, &message, &mut Scratch::default());
        }
    }
    legs.retain(|_, leg| leg.has_invite());
    legs
}

fn populate(legs_wanted: u64, seed: u64) -> Population {
    let scripts = legs_wanted * 100 / LEGS_PER_100_SCRIPTS + 1;
    let parameters = Parameters {
        seed,
        days: 2,
        calls_per_hour: u32::try_from(scripts.div_ceil(48)).expect("a sensible number of legs"),
        mix: Mix::parse(MIX).expect("the mix is right"),
        ..Parameters::default()
    };
    let sensors = parameters.sensors();
    let generator = Generator::new(parameters);
    let mut found: Vec<(Leg, usize)> = Vec::new();
    let mut ties: Vec<(Name, Name, String)> = Vec::new();
    let mut calls_before = 0;
    let mut kinds = Vec::new();
    for minute in generator.minutes() {
        let calls = generator.calls_of(minute);
        let mut call_of: BTreeMap<Name, usize> = BTreeMap::new();
        for (number, call) in (calls_before..).zip(&calls) {
            let name = |place: usize| {
                let leg = &call.legs[place];
                (scripted_sensor(leg, &sensors), leg.call_id.clone().into_bytes())
            };
            for place in 0..call.legs.len() {
                call_of.entry(name(place)).or_insert(number);
            }
            let tied = call.relations.iter().filter(|relation| relation.in_packets);
            ties.extend(tied.map(|relation| {
                (name(relation.first), name(relation.second), format!("{:?}", relation.kind))
            }));
        }
        calls_before += calls.len();
        kinds.extend(calls.iter().map(|call| call.kind.name()));
        let legs = extract(&calls, &sensors);
        found.extend(legs.into_iter().map(|(name, leg)| (leg, call_of[&name])));
    }
    // As the whole of a run numbers them.
    found.sort_by(|left, right| {
        (left.0.sensor(), left.0.call_id()).cmp(&(right.0.sensor(), right.0.call_id()))
    });
    let numbers: BTreeMap<Name, u32> = (0u32..)
        .zip(&found)
        .map(|(number, (leg, _))| ((leg.sensor(), leg.call_id().to_vec()), number))
        .collect();
    let ties = ties.into_iter().map(|(one, two, kind)| (numbers[&one], numbers[&two], kind));
    let ties = ties.collect();
    let outlines: Outlines = found.iter().map(|(leg, _)| leg).collect();
    let call_of = found.into_iter().map(|(_, call)| call).collect();
    Population { outlines, call_of, kinds, ties }
}

/// What one rule did: pairs that held, pairs that joined, and how many of them were right.
#[derive(Clone, Copy, Debug, Default)]
struct Row {
    held: usize,
    held_right: usize,
    joined: usize,
    joined_right: usize,
}

fn rows(population: &Population, grouping: &Grouping) -> BTreeMap<(RuleName, Class), Row> {
    let mut rows: BTreeMap<(RuleName, Class), Row> = BTreeMap::new();
    for found in grouping.evidence.iter() {
        let of = |leg: u32| population.call_of[leg as usize];
        let is_right = usize::from(of(found.left) == of(found.right));
        let row = rows.entry((found.rule, found.class)).or_default();
        row.held += 1;
        row.held_right += is_right;
        if found.is_joined() {
            row.joined += 1;
            row.joined_right += is_right;
        }
    }
    rows
}

/// The first few wrong pairs in words, for whoever has to find out why.
fn show(population: &Population, pairs: impl Iterator<Item = (u32, u32)>) -> String {
    let name = |leg: u32| String::from_utf8_lossy(population.outlines.at(leg).call_id);
    pairs.take(8).map(|(a, b)| format!("\n  {} and {}", name(a), name(b))).collect()
}

fn print_table(population: &Population, grouping: &Grouping) {
    println!("{} legs, {} calls", population.outlines.len(), grouping.groups.len());
    println!(
        "{:<12} {:<7} {:>8} {:>8} {:>8} {:>8}",
        "rule", "class", "held", "right", "joined", "right"
    );
    for ((rule, class), row) in rows(population, grouping) {
        let Row { held, held_right, joined, joined_right } = row;
        println!(
            "{:<12} {:<7} {held:>8} {held_right:>8} {joined:>8} {joined_right:>8}",
            rule.name(),
            class.name()
        );
    }
    let conflicts = grouping.conflicts.len();
    println!("{conflicts} conflicts, {} values demoted", grouping.demoted.len());
}

/// By kind of look-alike: its legs, the pairs with a leg of another call that a rule found worth
/// evidence, and those that joined.
fn look_alikes(
    population: &Population,
    grouping: &Grouping,
) -> BTreeMap<&'static str, (usize, usize, usize)> {
    let mut found: BTreeMap<&'static str, (usize, usize, usize)> = BTreeMap::new();
    let kind_of = |leg: u32| population.kinds[population.call_of[leg as usize]];
    let is_planted = |kind: &str| kind.starts_with("alike-") || kind == "transfer-refused";
    for leg in (0u32..).take(population.outlines.len()).filter(|leg| is_planted(kind_of(*leg))) {
        found.entry(kind_of(leg)).or_default().0 += 1;
    }
    for evidence in grouping.evidence.iter() {
        let of = |leg: u32| population.call_of[leg as usize];
        if of(evidence.left) != of(evidence.right) && is_planted(kind_of(evidence.left)) {
            let row = found.entry(kind_of(evidence.left)).or_default();
            row.1 += 1;
            row.2 += usize::from(evidence.is_joined());
        }
    }
    found
}

/// Ties found and ties there, by kind.
fn recall(population: &Population, grouping: &Grouping) -> BTreeMap<String, (usize, usize)> {
    let mut recall: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for (left, right, kind) in &population.ties {
        let (found, there) = recall.entry(kind.clone()).or_default();
        *there += 1;
        *found += usize::from(is_together(grouping, *left, *right));
    }
    recall
}

fn is_together(grouping: &Grouping, left: u32, right: u32) -> bool {
    grouping.place_of(left) == grouping.place_of(right)
}

fn compare_with_truth(population: &Population) {
    let grouping = group(&population.outlines, &RuleTable::default());
    print_table(population, &grouping);
    let recall = recall(population, &grouping);
    for (kind, (found, there)) in &recall {
        println!("recall of {kind:<12} {found:>7} of {there:>7}");
    }
    let planted = look_alikes(population, &grouping);
    for (kind, (legs, pairs, joined)) in &planted {
        let refused = pairs - joined;
        println!("look-alike {kind:<18} {legs:>6} legs, {refused:>7} refused, {joined} joined");
        assert!(*legs >= 50 && *joined == 0, "{kind}: {legs} legs, {joined} joined");
    }
    assert_eq!(planted.len(), 9, "every kind of look-alike is in the mix: {planted:?}");
    let of = |leg: u32| population.call_of[leg as usize];
    let wrong = grouping
        .evidence
        .iter()
        .filter(|found| found.is_joined() && of(found.left) != of(found.right))
        .map(|found| (found.left, found.right));
    let wrong: Vec<(u32, u32)> = wrong.collect();
    assert!(wrong.is_empty(), "joined, and not one call: {}", show(population, wrong.into_iter()));
    let mixed = grouping
        .groups
        .iter()
        .filter(|group| group.legs.iter().map(|leg| of(*leg)).collect::<BTreeSet<_>>().len() > 1);
    assert_eq!(mixed.count(), 0, "no call holds legs of two scripts");
    let missed: Vec<(u32, u32)> = population
        .ties
        .iter()
        .filter(|(left, right, _)| !is_together(&grouping, *left, *right))
        .map(|(left, right, _)| (*left, *right))
        .collect();
    let (found, there) = (population.ties.len() - missed.len(), population.ties.len());
    println!("recall {found} of {there}");
    assert!(
        found * 1_000 >= there * 999,
        "one call, not joined: {}",
        show(population, missed.into_iter())
    );
    assert_eq!(recall.len(), 11, "every tie that leaves a trace is in the mix: {recall:?}");
    for (kind, (found, there)) in recall {
        assert!(there >= 50, "{kind}: {there} are too few to tell");
        assert!(found * 1_000 >= there * 999, "{kind}: {found} of {there}");
    }
}

#[test]
fn generated_calls_join_as_their_scripts_say() {
    let legs = std::env::var("RESPOOL_TRUTH_LEGS")
        .ok()
        .map_or(LEGS_DEFAULT, |legs| legs.parse().expect("RESPOOL_TRUTH_LEGS is a number of legs"));
    let population = populate(legs, 20_261_122);
    let found = population.outlines.len() as u64;
    assert!(found >= legs, "{found} legs of {legs} wanted: LEGS_PER_100_SCRIPTS is too large");
    compare_with_truth(&population);
}
