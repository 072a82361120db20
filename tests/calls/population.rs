//! A large random population with planted relations: precision and recall by rule, order, and cost.

use super::support::*;
use respool::base::limits::CANDIDATES_PER_KEY_MAX;
use respool::call::{
    Class, Grouping, LegOutline, Outlines, RuleName, RuleTable, group, outline_all,
};
use respool::leg::{IdentifierKind::*, Leg};
use std::collections::BTreeMap;

/// A small generator of pseudo-random numbers (splitmix64): the population is the same in every run.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    fn seconds(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * (self.below(1_000_000) as f64 / 1e6)
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        for place in (1..items.len()).rev() {
            items.swap(place, self.below(place as u64 + 1) as usize);
        }
    }
}

/// What ties the legs of one planted call.
const KINDS: [&str; 19] = [
    "single",
    "single",
    "single",
    "b2bua-header",
    "b2bua-suffix",
    "session-id",
    "icid",
    "media",
    "ring-group",
    "blind",
    "attended",
    "redirect",
    "also",
    "refused",
    "two-sensors",
    "stray-icid",
    "same-port",
    "twice",
    "reply",
];

/// Who plays in one planted call.
struct Cast {
    call: usize,
    start: f64,
    talk: f64,
    ids: [String; 3],
    users: [String; 3],
    ends: [String; 3],
    element: String,
    tokens: [String; 2],
}

impl Cast {
    /// The inbound leg.
    fn one(&self) -> Scenario {
        Scenario::new(&self.ids[0], &self.ends[0], &self.element).talk(
            self.start,
            3.0,
            self.start + self.talk,
            &self.users[0],
            &self.users[1],
        )
    }

    /// What the element makes of it.
    fn two(&self, id: &str) -> Scenario {
        Scenario::new(id, &self.element, &self.ends[1]).talk(
            self.start + 0.1,
            2.8,
            self.start + self.talk + 0.1,
            &self.users[0],
            &self.users[1],
        )
    }
}

struct World {
    dice: Dice,
    legs: Vec<Leg>,
    /// Sensor and Call-ID to planted call.
    truth: BTreeMap<(u16, String), usize>,
    kinds: Vec<&'static str>,
    names: u64,
}

impl World {
    fn name(&mut self) -> String {
        self.names += 1;
        format!("{:x}-{:x}@h", self.names, self.dice.next())
    }

    fn user(&mut self) -> String {
        // Few enough numbers that strangers share caller, called and target all the time.
        format!("4930{:04}", self.dice.below(3_000))
    }

    fn address(&mut self) -> String {
        format!(
            "10.{}.{}.{}:5060",
            1 + self.dice.below(3),
            self.dice.below(60),
            1 + self.dice.below(200)
        )
    }

    fn add(&mut self, call: usize, sensor: u16, scenario: Scenario) {
        let name = String::from_utf8(scenario.leg.call_id().to_vec()).unwrap();
        assert_eq!(self.truth.insert((sensor, name), call), None, "names are unique");
        self.legs.push(scenario.leg);
    }

    fn plant(&mut self, span_s: f64) {
        let call = self.kinds.len();
        let kind = KINDS[self.dice.below(KINDS.len() as u64) as usize];
        self.kinds.push(kind);
        let cast = Cast {
            call,
            start: self.dice.seconds(0.0, span_s),
            talk: self.dice.seconds(40.0, 300.0),
            ids: [self.name(), self.name(), self.name()],
            users: [self.user(), self.user(), self.user()],
            ends: [self.address(), self.address(), self.address()],
            // Elements are shared by many calls.
            element: format!("10.0.0.{}:5060", 1 + self.dice.below(20)),
            tokens: [0; 2].map(|_| format!("{:016x}", self.dice.next())),
        };
        match kind {
            "ring-group" | "blind" | "attended" => self.plant_answered(kind, &cast),
            "redirect" | "also" | "refused" | "two-sensors" => self.plant_sent_on(kind, &cast),
            "stray-icid" | "same-port" | "twice" | "reply" => self.plant_look_alike(kind, &cast),
            _ => self.plant_hop(kind, &cast),
        }
    }

    /// One leg, or two legs of an element tied by a value.
    fn plant_hop(&mut self, kind: &str, cast: &Cast) {
        let Cast { call, start, ids: [x, y, _], tokens: [token, other], .. } = cast;
        let (one, two) = (cast.one(), cast.two(y));
        let (one, two) = match kind {
            "b2bua-header" => (one, two.say(*start, Header, &format!("x-cid: {x}"))),
            "b2bua-suffix" => (one, cast.two(&format!("{x}_b2b-1"))),
            "session-id" => (
                one.say(*start, SessionId, &format!("{token};{other}")),
                two.say(*start, SessionId, &format!("{other};{token}")),
            ),
            "icid" => (one.say(*start, Icid, token), two.say(*start, Icid, token)),
            "media" => {
                let mut port = |end: &str| {
                    let host = end.split(':').next().unwrap();
                    format!("{host}:{}", 10_000 + 2 * self.dice.below(20_000))
                };
                let (offer, answer) = (port(&cast.ends[0]), port(&cast.ends[1]));
                let with = |leg: Scenario| {
                    leg.said(*start, true, 1, MediaAddress, &offer).said(
                        start + 2.9,
                        false,
                        1,
                        MediaAddress,
                        &answer,
                    )
                };
                (with(one), with(two))
            }
            _ => return self.add(*call, 0, one),
        };
        self.add(*call, 0, two);
        self.add(*call, 0, one);
    }

    /// Two calls that look like one.
    fn plant_look_alike(&mut self, kind: &'static str, cast: &Cast) {
        let Cast { call, start, talk, ids: [x, y, _], users: [p, q, r], ends: [a, b, c], .. } =
            cast;
        let end = start + talk;
        let (one, other) = match kind {
            // A broken border writes the same icid into every call.
            "stray-icid" => {
                let other = Scenario::new(y, a, c).talk(start + 9.0, 2.0, end, p, r);
                (cast.one().say(*start, Icid, "0"), other.say(start + 9.0, Icid, "0"))
            }
            // One telephone uses one port for two calls at a time.
            "same-port" => {
                let port = format!("{}:4000", a.split(':').next().unwrap());
                let with = |leg: Scenario, from: f64, far: &str| {
                    leg.said(from, true, 1, MediaAddress, &port).said(
                        from + 2.0,
                        false,
                        1,
                        MediaAddress,
                        &far.replace("5060", "4000"),
                    )
                };
                let other = Scenario::new(y, a, c).talk(start + 9.0, 2.0, end, p, r);
                (with(cast.one(), *start, b), with(other, start + 9.0, c))
            }
            // A caller dials again at once.
            "twice" => {
                let one = Scenario::new(x, a, b).invite(*start, p, q).cancel(start + 4.0);
                (one, Scenario::new(y, a, b).talk(start + 6.0, 3.0, end, p, q))
            }
            // A call back names the call that it answers.
            _ => {
                let one = Scenario::new(x, a, b).invite(*start, p, q).cancel(start + 20.0);
                let back = Scenario::new(y, b, a).say(start + 90.0, InReplyTo, x);
                (one, back.talk(start + 90.0, 3.0, start + 90.0 + talk, q, p))
            }
        };
        self.kinds.push(kind);
        self.add(*call, 0, one);
        self.add(call + 1, 0, other);
    }

    fn plant_answered(&mut self, kind: &str, cast: &Cast) {
        let Cast { call, start, talk, ids: [_, y, z], users: [p, q, r], ends: [a, b, c], .. } =
            cast;
        let end = start + talk;
        let target = format!("{r}@h");
        match kind {
            "ring-group" => {
                self.add(*call, 0, cast.one());
                self.add(*call, 0, cast.two(y));
                let lost = Scenario::new(z, &cast.element, c).invite(start + 0.15, p, r);
                self.add(*call, 0, lost.ring(start + 0.5).cancel(start + 2.95));
            }
            "blind" => {
                let by = format!("{q}@h");
                let one = cast.one().refer(start + 20.0, false, 2, &target, 202);
                let one = one.said(start + 20.0, false, 2, ReferredBy, &by);
                self.add(*call, 0, one.notify(start + 24.0, true, 3, 200));
                let new = Scenario::new(y, a, c).say(start + 20.4, ReferredBy, &by);
                self.add(*call, 0, new.talk(start + 20.4, 2.0, end, p, r));
            }
            _ => {
                let dialog = format!("{y};t-{y};f-{y}");
                let one = cast.one().refer(start + 30.0, false, 2, &target, 202);
                self.add(*call, 0, one.said(start + 30.0, false, 2, ReferToReplaces, &dialog));
                let consultation = Scenario::new(y, b, c);
                self.add(*call, 0, consultation.talk(start + 20.0, 2.0, start + 31.0, q, r));
                let new = Scenario::new(z, a, c).say(start + 30.3, Replaces, &dialog);
                self.add(*call, 0, new.talk(start + 30.3, 0.2, end, p, r));
            }
        }
    }

    fn plant_sent_on(&mut self, kind: &'static str, cast: &Cast) {
        let Cast { call, start, talk, ids: [x, y, _], users: [p, q, r], ends: [a, b, c], .. } =
            cast;
        let end = start + talk;
        let (target, element) = (format!("{r}@h"), &cast.element);
        match kind {
            "redirect" => {
                let one = Scenario::new(x, a, element).invite(*start, p, q).fail(start + 0.2, 302);
                self.add(*call, 0, one.said(start + 0.2, false, 1, RedirectContact, &target));
                self.add(*call, 0, Scenario::new(y, a, c).talk(start + 0.4, 2.0, end, p, r));
            }
            "also" => {
                let one = Scenario::new(x, a, b).talk(*start, 3.0, start + 20.0, p, q);
                self.add(*call, 0, one.said(start + 20.0, true, 9, Also, &target));
                self.add(*call, 0, Scenario::new(y, b, c).talk(start + 20.3, 2.0, end, q, r));
            }
            "refused" => {
                // The transferor gives up, and the caller dials the target: two calls.
                self.add(*call, 0, cast.one().refer(start + 20.0, false, 2, &target, 603));
                self.kinds.push(kind);
                self.add(call + 1, 0, Scenario::new(y, a, c).talk(start + 25.0, 2.0, end, p, r));
            }
            _ => {
                let again = Scenario::on_sensor(1, x, a, element);
                self.add(*call, 0, cast.one());
                self.add(*call, 1, again.talk(*start, 3.0, end, p, q));
            }
        }
    }
}

fn world(seed: u64, legs: usize) -> World {
    let mut world = World {
        dice: Dice(seed),
        legs: Vec::new(),
        truth: BTreeMap::new(),
        kinds: Vec::new(),
        names: 0,
    };
    // A constant load: twice the legs take twice the time.
    let span_s = legs as f64 * 1.5;
    while world.legs.len() < legs {
        world.plant(span_s);
    }
    world
}

fn truth_of(world: &World, outlines: &Outlines) -> Vec<usize> {
    let name =
        |leg: LegOutline<'_>| (leg.sensor.0, String::from_utf8(leg.call_id.to_vec()).unwrap());
    outlines.iter().map(|leg| world.truth[&name(leg)]).collect()
}

/// Pairs of one planted call that are in one group, and all such pairs, by kind.
fn recall(
    world: &World,
    truth: &[usize],
    grouping: &Grouping,
) -> BTreeMap<&'static str, (u64, u64)> {
    let mut members: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (leg, call) in truth.iter().enumerate() {
        members.entry(*call).or_default().push(leg);
    }
    let mut by_kind: BTreeMap<&'static str, (u64, u64)> = BTreeMap::new();
    for (call, legs) in members {
        for (place, left) in legs.iter().enumerate() {
            for right in &legs[place + 1..] {
                let found = by_kind.entry(world.kinds[call]).or_default();
                found.1 += 1;
                found.0 += u64::from(
                    grouping.groups.of_legs()[*left] == grouping.groups.of_legs()[*right],
                );
            }
        }
    }
    by_kind
}

#[test]
fn precision_and_recall_against_planted_truth() {
    let world = world(7, 20_000);
    let outlines = outline_all(&world.legs);
    let grouping = group(&outlines, &RuleTable::default());
    let truth = truth_of(&world, &outlines);
    let mut table: BTreeMap<(RuleName, Class), (u64, u64)> = BTreeMap::new();
    for found in grouping.evidence.iter().filter(|found| found.is_joined()) {
        let row = table.entry((found.rule, found.class)).or_default();
        row.1 += 1;
        let is_true = truth[found.left as usize] == truth[found.right as usize];
        row.0 += u64::from(is_true);
        if !is_true {
            println!("wrong: {found:?}");
        }
    }
    println!("{:<12} {:<8} {:>8} {:>8}", "rule", "class", "right", "joined");
    for ((rule, class), (right, all)) in &table {
        println!("{:<12} {:<8} {right:>8} {all:>8}", rule.name(), class.name());
    }
    let by_kind = recall(&world, &truth, &grouping);
    for (kind, (found, all)) in &by_kind {
        println!("{kind:<14} {found:>6} of {all:>6} pairs");
    }
    assert!(table.values().all(|(right, all)| right == all), "precision is 1");
    let (found, all) = by_kind.values().fold((0, 0), |sum, row| (sum.0 + row.0, sum.1 + row.1));
    assert!(all > 5_000, "the population holds relations");
    assert!(found * 1_000 >= all * 999, "recall {found} of {all}");
    assert_eq!(grouping.left_out, 0);
}

#[test]
fn random_orders_of_many_legs_are_equal() {
    let mut world = world(11, 4_000);
    let outlines = outline_all(&world.legs);
    let grouping = group(&outlines, &RuleTable::default());
    for _ in 0..3 {
        let mut legs = std::mem::take(&mut world.legs);
        world.dice.shuffle(&mut legs);
        let shuffled = outline_all(&legs);
        assert!(shuffled == outlines, "outlines differ");
        assert!(group(&shuffled, &RuleTable::default()) == grouping, "groupings differ");
        world.legs = legs;
    }
}

#[test]
fn comparisons_grow_with_the_legs() {
    let comparisons = |legs| {
        let outlines = outline_all(&world(13, legs).legs);
        group(&outlines, &RuleTable::default()).comparisons as f64
    };
    let (small, large) = (comparisons(2_500), comparisons(20_000));
    assert!(large / small < 10.0, "8 times the legs cost {} times", large / small);
}

/// One number calls one hotline, all with one token, one header and one port: no square of it.
#[test]
fn a_flood_of_equal_legs_stays_linear() {
    let flood = |count: u32| {
        let legs: Vec<Leg> = (0..count)
            .map(|n| {
                let start = f64::from(n) * 0.001;
                Scenario::new(&format!("{n:06}"), "a", "p")
                    .say(start, Icid, "same")
                    .say(start, SessionId, "aa;bb")
                    .say(start, Header, "x-cid: 000000")
                    .say(start, MediaAddress, "8.8.8.8:4000")
                    .talk(start, 2.0, 60.0, "100", "200")
                    .refer(start + 3.0, false, 2, "200@h", 202)
                    .leg
            })
            .collect();
        group(&outline_all(&legs), &RuleTable::default())
    };
    // Two rules meet the flood with all their candidates (`numbers`, `refer`), the others with a few.
    let flooded = flood(2_000);
    let limit = 2_000 * 2 * CANDIDATES_PER_KEY_MAX as u64 + 2_000 * 8;
    assert!(flooded.comparisons < limit, "{} of at most {limit}", flooded.comparisons);
    assert!(flooded.left_out > 0, "what was not compared is counted");
}
