//! Sorted runs to one list of legs, in which every key stands once.
//!
//! Legs stay where they are: the list says where. Only a leg of which several runs hold a part is made
//! anew, in a run of its own. The keys can be cut into stretches that know nothing of each other.

use super::lattice::Leg;
use super::leg_run::{LegRun, RunBuilder};
use super::pack::{LegKey, PackedLeg};
use crate::base::SensorId;
use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;

/// A key that owns its Call-ID.
pub type CutKey = (SensorId, Vec<u8>);

/// Where a leg lies: a run and a place in it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct LegPlace {
    pub(super) run: u32,
    pub(super) place: u32,
}

/// What a stretch of keys came to.
#[derive(Debug, Default)]
pub struct Stretch {
    /// Legs in the order of keys; those made anew name runs behind those that were joined.
    pub(super) places: Vec<LegPlace>,
    /// Legs that were made anew.
    pub(super) anew: Vec<LegRun>,
}

/// Keys that cut the legs of all runs into about so many stretches of about equal size. In: the runs.
/// Out: rising keys, one less than stretches; fewer where there are few legs.
#[must_use]
pub fn cut_keys(runs: &[LegRun], stretches: usize) -> Vec<CutKey> {
    let mut sample: Vec<LegKey<'_>> = Vec::new();
    for run in runs {
        let step = (run.len() / stretches.max(1)).max(1);
        sample.extend((step..run.len()).step_by(step).map(|place| run.read(place).key()));
    }
    sample.sort_unstable();
    let step = (sample.len() / stretches.max(1)).max(1);
    let mut keys: Vec<CutKey> =
        sample.into_iter().step_by(step).skip(1).map(|(s, id)| (s, id.to_vec())).collect();
    keys.dedup();
    keys
}

/// A run of which the next leg is looked at. Ordered by that leg.
struct Cursor<'r> {
    leg: PackedLeg<'r>,
    /// The first bytes of the Call-ID, which decide nearly every comparison.
    start: u64,
    run: u32,
    place: usize,
    end: usize,
}

impl<'r> Cursor<'r> {
    fn at(run: u32, runs: &'r [LegRun], place: usize, end: usize) -> Option<Self> {
        if place >= end {
            return None;
        }
        let leg = runs.get(run as usize)?.leg(place);
        Some(Self { leg, start: first_bytes(leg.call_id()), run, place, end })
    }

    fn order(&self, other: &Self) -> Ordering {
        (self.leg.sensor(), self.start)
            .cmp(&(other.leg.sensor(), other.start))
            .then_with(|| self.leg.call_id().cmp(other.leg.call_id()))
    }
}

/// The first eight bytes as a number, which orders as they do.
pub(super) fn first_bytes(call_id: &[u8]) -> u64 {
    match call_id.first_chunk::<8>() {
        Some(first) => u64::from_be_bytes(*first),
        None => {
            let mut first = [0; 8];
            first[..call_id.len()].copy_from_slice(call_id);
            u64::from_be_bytes(first)
        }
    }
}

impl Ord for Cursor<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.order(other).then_with(|| self.run.cmp(&other.run))
    }
}

impl PartialOrd for Cursor<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Cursor<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Cursor<'_> {}

/// A leg of a stretch.
enum Joined<'r> {
    /// As it lies in the only run that holds it: the run, the place there.
    Found(u32, usize, PackedLeg<'r>),
    /// Made of parts in several runs.
    Made(PackedLeg<'r>),
}

/// Bounds of a stretch: its first key, and the first key behind it; absent: there is none.
pub type Bounds<'k> = (Option<&'k CutKey>, Option<&'k CutKey>);

/// Joins the legs from one key up to another; `keep` hears of every leg and says whether it is wanted.
#[must_use]
pub fn join_stretch(
    runs: &[LegRun],
    bounds: Bounds<'_>,
    keep: impl FnMut(PackedLeg<'_>) -> bool,
) -> Stretch {
    let mut places = Vec::new();
    let mut anew = RunBuilder::default();
    let joined = u32::try_from(runs.len()).unwrap_or(u32::MAX);
    // Full runs that the builder has already put aside.
    let mut whole = 0;
    walk(runs, bounds, keep, |leg| match leg {
        Joined::Found(run, place, _) => {
            let place = u32::try_from(place).unwrap_or(u32::MAX);
            places.push(LegPlace { run, place });
        }
        Joined::Made(leg) => {
            let place = u32::try_from(anew.len()).unwrap_or(u32::MAX);
            places.push(LegPlace { run: joined.saturating_add(whole), place });
            anew.push_packed(leg.bytes());
            whole += u32::from(anew.is_empty());
        }
    });
    Stretch { places, anew: anew.finish() }
}

/// The same, the legs copied to runs of about `bytes_max` bytes, each given to `full` when it is full.
pub fn copy_stretch(
    runs: &[LegRun],
    bounds: Bounds<'_>,
    keep: impl FnMut(PackedLeg<'_>) -> bool,
    bytes_max: usize,
    mut full: impl FnMut(LegRun),
) {
    let (mut builder, mut bytes) = (RunBuilder::default(), 0);
    walk(runs, bounds, keep, |leg| {
        let (Joined::Found(_, _, leg) | Joined::Made(leg)) = leg;
        builder.push_packed(leg.bytes());
        bytes += leg.bytes().len();
        if bytes >= bytes_max {
            bytes = 0;
            std::mem::take(&mut builder).finish().into_iter().for_each(&mut full);
        }
    });
    builder.finish().into_iter().for_each(full);
}

/// All legs of some runs as one run (several where one cannot hold them).
#[must_use]
pub fn join_runs(runs: &[LegRun]) -> Vec<LegRun> {
    let mut joined = Vec::new();
    copy_stretch(runs, (None, None), |_| true, usize::MAX, |run| joined.push(run));
    joined
}

/// Gives the wanted legs from one key up to another, in their order.
fn walk(
    runs: &[LegRun],
    (from, until): Bounds<'_>,
    mut keep: impl FnMut(PackedLeg<'_>) -> bool,
    mut put: impl FnMut(Joined<'_>),
) {
    let place = |run: &LegRun, key: &CutKey| run.place_of((key.0, &key.1));
    let cursor = |(number, run): (u32, &LegRun)| {
        let start = from.map_or(0, |key| place(run, key));
        let end = until.map_or(run.len(), |key| place(run, key));
        (number, start, end)
    };
    let bounds: Vec<(u32, usize, usize)> = (0u32..).zip(runs).map(cursor).collect();
    let begun =
        bounds.into_iter().filter_map(|(run, start, end)| Cursor::at(run, runs, start, end));
    let mut next: Cursors<'_> = begun.map(Reverse).collect();
    let mut anew = Anew::default();
    let mut equal: Vec<PackedLeg<'_>> = Vec::new();
    while let Some((leg, run, place)) = advance(&mut next, runs) {
        equal.clear();
        while next.peek().is_some_and(|other| other.0.leg.key() == leg.key()) {
            equal.extend(advance(&mut next, runs).map(|(leg, ..)| leg));
        }
        if equal.is_empty() {
            if keep(leg) {
                put(Joined::Found(run, place, leg));
            }
        } else {
            let made = anew.join(leg, &equal);
            if keep(made) {
                put(Joined::Made(made));
            }
        }
    }
}

type Cursors<'r> = BinaryHeap<Reverse<Cursor<'r>>>;

/// The smallest leg, its run and its place there; the cursor of its run goes on.
fn advance<'r>(next: &mut Cursors<'r>, runs: &'r [LegRun]) -> Option<(PackedLeg<'r>, u32, usize)> {
    let mut top = next.peek_mut()?;
    let Cursor { leg, run, place, end, .. } = top.0;
    match Cursor::at(run, runs, place + 1, end) {
        Some(following) => top.0 = following,
        None => {
            PeekMut::pop(top);
        }
    }
    Some((leg, run, place))
}

/// Room in which legs of several parts are joined.
#[derive(Default)]
struct Anew {
    room: Option<(Leg, Leg)>,
    bytes: Vec<u8>,
}

impl Anew {
    fn join(&mut self, first: PackedLeg<'_>, others: &[PackedLeg<'_>]) -> PackedLeg<'_> {
        let empty = || Leg::new(SensorId::default(), b"");
        let (leg, part) = self.room.get_or_insert_with(|| (empty(), empty()));
        first.unpack(leg);
        for other in others {
            other.unpack(part);
            leg.join(part);
        }
        self.bytes.clear();
        super::pack::pack(leg, &mut self.bytes);
        PackedLeg::new(&self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::super::lattice::tests::{any_fact, leg_of};
    use super::super::legs::Legs;
    use super::super::pack::pack;
    use super::super::table::LegTable;
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    /// A part of a leg: its Call-ID, sensor, facts, and the run that it is in.
    type Part = (u8, u16, Leg, usize);

    fn any_part() -> impl Strategy<Value = Part> {
        let facts = prop::collection::vec(any_fact(), 0..6);
        (0u8..12, 0u16..3, facts, 0usize..4)
            .prop_map(|(id, sensor, facts, run)| (id, sensor, leg_of(&facts), run))
    }

    /// Call-IDs that differ in their first bytes, behind them, or by length.
    fn call_id(id: u8) -> Vec<u8> {
        match id {
            0..4 => vec![b'a'; usize::from(id) * 4],
            4..8 => format!("same beginning {id}").into_bytes(),
            _ => format!("{id}@host").into_bytes(),
        }
    }

    fn keyed((id, sensor, facts, _): &Part) -> Leg {
        let mut leg = Leg::new(SensorId(*sensor), &call_id(*id));
        leg.join(facts);
        leg
    }

    /// One leg of each key, by joining whole legs one by one.
    fn oracle(parts: &[Part]) -> Vec<Leg> {
        let mut legs: BTreeMap<(SensorId, Vec<u8>), Leg> = BTreeMap::new();
        for part in parts {
            let part = keyed(part);
            let key = (part.sensor(), part.call_id().to_vec());
            legs.entry(key).and_modify(|leg| leg.join(&part)).or_insert(part);
        }
        legs.into_values().collect()
    }

    fn runs(parts: &[Part]) -> Vec<LegRun> {
        let mut runs = Vec::new();
        let mut table = LegTable::new(foldhash::fast::FixedState::with_seed(7));
        for wanted in 0..4 {
            for part in parts.iter().filter(|part| part.3 == wanted) {
                let leg = keyed(part);
                table.leg(leg.sensor(), leg.call_id()).join(&leg);
            }
            // The room of one run is used again for the next.
            runs.extend(table.take_runs());
            assert!(table.is_empty());
        }
        runs
    }

    fn joined(runs: Vec<LegRun>, stretches: usize) -> Legs {
        let keys = cut_keys(&runs, stretches);
        assert!(keys.len() < stretches.max(1) * 2 && keys.is_sorted(), "{} cuts", keys.len());
        let made: Vec<Stretch> = (0..=keys.len())
            .map(|at| {
                let from = at.checked_sub(1).and_then(|before| keys.get(before));
                join_stretch(&runs, (from, keys.get(at)), |_| true)
            })
            .collect();
        Legs::joined(runs, made)
    }

    proptest! {
        #[test]
        fn legs_of_any_runs_are_joined(
            parts in prop::collection::vec(any_part(), 0..40),
            stretches in 1usize..6,
        ) {
            let expect = oracle(&parts);
            let legs = joined(runs(&parts), stretches);
            let found: Vec<Leg> = legs.iter().collect();
            prop_assert_eq!(&found, &expect);
            for (number, leg) in legs.numbers().zip(&expect) {
                prop_assert_eq!(legs.find(leg.sensor(), leg.call_id()), Some(number));
                prop_assert_eq!((legs.sensor(number), legs.call_id(number)), (leg.sensor(), leg.call_id()));
            }
            prop_assert_eq!(legs.find(SensorId(0), b"no such leg"), None);
            prop_assert!(legs.get(expect.len() as u32).is_none());
        }

        #[test]
        fn one_run_holds_what_several_held(parts in prop::collection::vec(any_part(), 0..30)) {
            let expect = joined(runs(&parts), 3);
            prop_assert_eq!(joined(join_runs(&runs(&parts)), 1), expect);
        }

        /// Copied run by run or left where they lie: the same legs, in stretches as in one.
        #[test]
        fn copies_are_what_was_joined(
            parts in prop::collection::vec(any_part(), 0..40),
            stretches in 1usize..4,
            bytes_max in 1usize..2_000,
        ) {
            let runs = runs(&parts);
            let keys = cut_keys(&runs, stretches);
            let mut copies = Vec::new();
            for at in 0..=keys.len() {
                let bounds = (at.checked_sub(1).and_then(|before| keys.get(before)), keys.get(at));
                copy_stretch(&runs, bounds, |leg| leg.has_invite(), bytes_max, |run| copies.push(run));
            }
            let expect: Vec<Leg> = oracle(&parts).into_iter().filter(Leg::has_invite).collect();
            prop_assert!(copies.iter().all(|run| !run.is_empty()));
            let found: Vec<Leg> = Legs::in_order(copies).iter().collect();
            prop_assert_eq!(found, expect);
        }

        /// Legs that are not wanted are left out, also those that are joined of parts.
        #[test]
        fn only_wanted_legs_are_kept(parts in prop::collection::vec(any_part(), 0..30)) {
            let runs = runs(&parts);
            let mut heard = 0;
            let stretch = join_stretch(&runs, (None, None), |leg| {
                heard += 1;
                leg.has_invite()
            });
            let expect = oracle(&parts);
            prop_assert_eq!(heard, expect.len());
            let expect: Vec<Leg> = expect.into_iter().filter(Leg::has_invite).collect();
            let found: Vec<Leg> = Legs::joined(runs, vec![stretch]).iter().collect();
            prop_assert_eq!(found, expect);
        }
    }

    /// A leg is found in the bytes of its run alone, with the file's number of now.
    #[test]
    fn a_run_of_a_file_gets_its_number_of_now() {
        let leg = keyed(&(9, 0, leg_of(&[]), 0));
        let mut builder = RunBuilder::default();
        builder.push(&leg);
        let run = builder.finish().pop().unwrap();
        let packed = run.packed();
        let (bytes, ends) = (packed.bytes().to_vec(), packed.ends().to_vec());
        let now = (crate::base::FileId(5), SensorId(2));
        let again = LegRun::of_file(bytes.clone(), ends.clone(), now).unwrap();
        assert_eq!(again.leg(0).key(), (SensorId(2), &b"9@host"[..]));
        assert!(LegRun::of_file(bytes[1..].to_vec(), ends, now).is_none(), "it does not fit");
        let mut packed = Vec::new();
        pack(&leg, &mut packed);
        assert_eq!(packed, bytes);
    }
}
