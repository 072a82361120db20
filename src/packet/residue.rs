//! What captures leave for the pass over all of them, in bounded memory.

use super::Flow;
use super::bound::{Dropped, Horizon, Waits, cut, earlier, forget_copies, moment_beyond};
use super::fragment::{Fragment, FragmentKey};
use super::sctp::{SctpKey, SctpPart};
use super::segment::FlowSegments;
use crate::base::limits::{
    FRAGMENT_BYTES_MAX, SCTP_BYTES_MAX, TCP_BYTES_MAX, TCP_FLOWS_MAX, TCP_UNDECIDED_BYTES_MAX,
};
use crate::base::{CaptureTime, SensorId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What is kept at most.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Caps {
    fragments: usize,
    segments: usize,
    sctp: usize,
    undecided: usize,
    flows: usize,
}

impl Default for Caps {
    fn default() -> Self {
        Self {
            fragments: FRAGMENT_BYTES_MAX,
            segments: TCP_BYTES_MAX,
            sctp: SCTP_BYTES_MAX,
            undecided: TCP_UNDECIDED_BYTES_MAX,
            flows: TCP_FLOWS_MAX,
        }
    }
}

/// Memory in use by kind.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
struct Memory {
    fragments: usize,
    /// Segments of flows with a sign of SIP.
    segments: usize,
    sctp: usize,
    /// Flows without a sign.
    undecided: usize,
    flows: usize,
}

impl Memory {
    fn plus(self, other: Self) -> Self {
        Self {
            fragments: self.fragments + other.fragments,
            segments: self.segments + other.segments,
            sctp: self.sctp + other.sctp,
            undecided: self.undecided + other.undecided,
            flows: self.flows + other.flows,
        }
    }

    /// `saturating`, because estimates need not match to the byte.
    fn minus(self, other: Self) -> Self {
        Self {
            fragments: self.fragments.saturating_sub(other.fragments),
            segments: self.segments.saturating_sub(other.segments),
            sctp: self.sctp.saturating_sub(other.sctp),
            undecided: self.undecided.saturating_sub(other.undecided),
            flows: self.flows.saturating_sub(other.flows),
        }
    }

    /// A quarter above the caps, so that bounding is rare.
    fn is_beyond(&self, caps: &Caps) -> bool {
        let beyond = |memory: usize, most: usize| memory > most.saturating_add(most / 4);
        beyond(self.fragments, caps.fragments)
            || beyond(self.segments, caps.segments)
            || beyond(self.sctp, caps.sctp)
            || beyond(self.undecided, caps.undecided)
            || beyond(self.flows, caps.flows)
    }
}

/// Fragments, TCP segments and SCTP parts of one sensor that need others, with owned bytes. Joining
/// residues is commutative and associative up to the order inside, which [`super::reassemble()`] sorts
/// by time.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Residue {
    pub(super) fragments: BTreeMap<FragmentKey, Vec<Fragment>>,
    pub(super) flows: BTreeMap<Flow, FlowSegments>,
    pub(super) sctp: BTreeMap<SctpKey, Vec<SctpPart>>,
    pub(super) fragments_horizon: Horizon,
    pub(super) segments_horizon: Horizon,
    pub(super) sctp_horizon: Horizon,
    /// Flows without a sign that are not even remembered.
    pub(super) forgotten: Option<Dropped>,
    #[serde(skip)]
    memory: Memory,
}

impl Residue {
    pub(super) fn new(
        fragments: BTreeMap<FragmentKey, Vec<Fragment>>,
        flows: BTreeMap<Flow, FlowSegments>,
        sctp: BTreeMap<SctpKey, Vec<SctpPart>>,
    ) -> Self {
        let mut residue = Self { fragments, flows, sctp, ..Self::default() };
        residue.measure();
        residue
    }

    /// Whether nothing waits for another record.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.fragments.is_empty() && self.flows.is_empty() && self.sctp.is_empty()
    }

    /// Bytes of payload held.
    #[must_use]
    pub fn payload_bytes(&self) -> usize {
        let fragments = self.fragments.values().flatten().map(Waits::bytes);
        let segments = self.flows.values().flat_map(|flow| &flow.segments).map(Waits::bytes);
        fragments.chain(segments).chain(self.sctp.values().flatten().map(Waits::bytes)).sum()
    }

    /// Adds what another capture left.
    pub fn join(&mut self, other: Self) {
        self.add(other);
        bound(&mut [self], &Caps::default());
    }

    fn add(&mut self, other: Self) {
        self.fragments_horizon.join(other.fragments_horizon);
        self.segments_horizon.join(other.segments_horizon);
        self.sctp_horizon.join(other.sctp_horizon);
        self.forgotten = Dropped::joined(self.forgotten, other.forgotten);
        self.memory.fragments += other.memory.fragments;
        self.memory.sctp += other.memory.sctp;
        for (key, fragments) in other.fragments {
            self.fragments.entry(key).or_default().extend(fragments);
        }
        for (key, parts) in other.sctp {
            self.sctp.entry(key).or_default().extend(parts);
        }
        if self.flows.is_empty() {
            // There is nothing to join with, so that nothing need be moved.
            let flows = other.flows.values().map(memory_of).fold(Memory::default(), Memory::plus);
            self.memory = self.memory.plus(Memory { flows: other.flows.len(), ..flows });
            self.flows = other.flows;
            return;
        }
        for (flow, segments) in other.flows {
            let known = self.flows.entry(flow).or_default();
            let before = memory_of(known);
            known.join(segments);
            let after = memory_of(known);
            self.memory = self.memory.plus(after).minus(before);
        }
        self.memory.flows = self.flows.len();
    }

    pub(super) fn measure(&mut self) {
        let flows = self.flows.values().map(memory_of);
        self.memory = flows.fold(Memory::default(), Memory::plus);
        self.memory.flows = self.flows.len();
        self.memory.fragments = self.fragments.values().flatten().map(Waits::memory).sum();
        self.memory.sctp = self.sctp.values().flatten().map(Waits::memory).sum();
    }

    fn forget_copies(&mut self) {
        for fragments in self.fragments.values_mut() {
            self.fragments_horizon.copies += forget_copies(fragments);
        }
        for parts in self.sctp.values_mut() {
            self.sctp_horizon.copies += forget_copies(parts);
        }
        for flow in self.flows.values_mut() {
            flow.forget_copies();
        }
    }

    fn signed(&self) -> impl Iterator<Item = &FlowSegments> {
        self.flows.values().filter(|flow| flow.signed)
    }

    /// Cuts every kind at its moment.
    fn cut(&mut self) {
        if let Some(from) = self.fragments_horizon.cut {
            for fragments in self.fragments.values_mut() {
                let dropped = cut(fragments, from);
                self.fragments_horizon.dropped =
                    Dropped::joined(self.fragments_horizon.dropped, dropped);
            }
            self.fragments.retain(|_, fragments| !fragments.is_empty());
        }
        if let Some(from) = self.sctp_horizon.cut {
            for parts in self.sctp.values_mut() {
                let dropped = cut(parts, from);
                self.sctp_horizon.dropped = Dropped::joined(self.sctp_horizon.dropped, dropped);
            }
            self.sctp.retain(|_, parts| !parts.is_empty());
        }
        if let Some(from) = self.segments_horizon.cut {
            for flow in self.flows.values_mut().filter(|flow| flow.signed) {
                let dropped = flow.cut(from);
                self.segments_horizon.dropped =
                    Dropped::joined(self.segments_horizon.dropped, dropped);
            }
        }
    }
}

/// One flow's part of the memory in use.
fn memory_of(flow: &FlowSegments) -> Memory {
    let memory = flow.memory();
    if flow.signed {
        Memory { segments: memory, ..Memory::default() }
    } else {
        Memory { undecided: memory, ..Memory::default() }
    }
}

/// Brings residues within the caps together, where they are well beyond them.
fn bound(residues: &mut [&mut Residue], caps: &Caps) {
    let total = residues.iter().fold(Memory::default(), |sum, part| sum.plus(part.memory));
    if total.is_beyond(caps) {
        settle(residues, caps);
    }
}

/// Brings residues within the caps together.
fn settle(residues: &mut [&mut Residue], caps: &Caps) {
    let total = residues.iter().fold(Memory::default(), |sum, part| sum.plus(part.memory));
    let was_cut = residues.iter().any(|residue| {
        let horizons = [residue.fragments_horizon, residue.segments_horizon, residue.sctp_horizon];
        horizons.iter().any(|horizon| horizon.cut.is_some())
    });
    let fits = total.fragments <= caps.fragments
        && total.segments <= caps.segments
        && total.sctp <= caps.sctp;
    if !fits || was_cut {
        residues.iter_mut().for_each(|residue| residue.forget_copies());
        set_cuts(residues, caps);
        residues.iter_mut().for_each(|residue| residue.cut());
    }
    if total.undecided > caps.undecided {
        let_undecided_go(residues, caps.undecided / 2);
    }
    if total.flows > caps.flows {
        forget_flows(residues, caps.flows / 2);
    }
    residues.iter_mut().for_each(|residue| residue.measure());
}

/// The same moments for all residues.
fn set_cuts(residues: &mut [&mut Residue], caps: &Caps) {
    fn sizes<'t, T: Waits + 't>(
        things: impl Iterator<Item = &'t T>,
    ) -> impl Iterator<Item = (CaptureTime, usize)> {
        things.map(|thing| (thing.time(), thing.memory()))
    }
    let (mut fragments, mut segments, mut sctp) = (Vec::new(), Vec::new(), Vec::new());
    let mut cuts = [None; 3];
    for residue in residues.iter() {
        fragments.extend(sizes(residue.fragments.values().flatten()));
        segments.extend(sizes(residue.signed().flat_map(|flow| &flow.segments)));
        sctp.extend(sizes(residue.sctp.values().flatten()));
        cuts[0] = earlier(cuts[0], residue.fragments_horizon.cut);
        cuts[1] = earlier(cuts[1], residue.segments_horizon.cut);
        cuts[2] = earlier(cuts[2], residue.sctp_horizon.cut);
    }
    cuts[0] = earlier(cuts[0], moment_beyond(fragments, caps.fragments));
    cuts[1] = earlier(cuts[1], moment_beyond(segments, caps.segments));
    cuts[2] = earlier(cuts[2], moment_beyond(sctp, caps.sctp));
    for residue in residues.iter_mut() {
        residue.fragments_horizon.cut = cuts[0];
        residue.segments_horizon.cut = cuts[1];
        residue.sctp_horizon.cut = cuts[2];
    }
}

/// Lets the longest flows without a sign go, until the others need no more than `most`.
fn let_undecided_go(residues: &mut [&mut Residue], most: usize) {
    let undecided = residues.iter().flat_map(|residue| residue.flows.values());
    let mut sizes: Vec<usize> =
        undecided.filter(|flow| !flow.signed).map(FlowSegments::memory).collect();
    sizes.sort_unstable();
    let mut total = 0usize;
    let kept = sizes.iter().take_while(|size| {
        total = total.saturating_add(**size);
        total <= most
    });
    let longest = kept.last().copied().unwrap_or(0);
    for residue in residues.iter_mut() {
        let undecided = residue.flows.values_mut().filter(|flow| !flow.signed);
        undecided.filter(|flow| flow.memory() > longest).for_each(FlowSegments::let_go);
    }
}

/// Forgets flows without a sign, the largest by addresses first, until `most` are left of them.
fn forget_flows(residues: &mut [&mut Residue], most: usize) {
    let mut left = most;
    for residue in residues.iter_mut() {
        let Residue { flows, forgotten, .. } = &mut **residue;
        flows.retain(|_, flow| {
            if flow.signed || left > 0 {
                left -= usize::from(!flow.signed);
                return true;
            }
            flow.let_go();
            // One that only tried to connect takes nothing with it.
            let with_payload = flow.dropped.filter(|dropped| dropped.bytes > 0);
            *forgotten = Dropped::joined(*forgotten, with_payload);
            false
        });
    }
}

/// The residues of a run by sensor, within the caps together.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Residues {
    pub(super) by_sensor: BTreeMap<SensorId, Residue>,
    #[serde(skip)]
    total: Memory,
}

impl Residues {
    /// Adds what a capture of a sensor left.
    pub fn add(&mut self, sensor: SensorId, residue: Residue) {
        let known = self.by_sensor.entry(sensor).or_default();
        let before = known.memory;
        known.add(residue);
        self.total = self.total.plus(known.memory).minus(before);
        if self.total.is_beyond(&Caps::default()) {
            self.settle();
        }
    }

    /// Adds what another worker has.
    pub fn join(&mut self, other: Self) {
        for (sensor, residue) in other.by_sensor {
            self.add(sensor, residue);
        }
    }

    fn settle(&mut self) {
        let mut all: Vec<&mut Residue> = self.by_sensor.values_mut().collect();
        settle(&mut all, &Caps::default());
        let memories = self.by_sensor.values().map(|residue| residue.memory);
        self.total = memories.fold(Memory::default(), Memory::plus);
    }

    /// The residue of each sensor, when no capture is left to come: all cut at the same moments.
    #[must_use]
    pub fn into_settled(mut self) -> BTreeMap<SensorId, Residue> {
        self.settle();
        self.by_sensor
    }
}

/// Brings one residue within the caps, when nothing is left to come.
pub(super) fn settle_one(residue: &mut Residue) {
    settle(&mut [residue], &Caps::default());
}

#[cfg(test)]
mod tests {
    use super::super::segment::{Segment, SegmentStore};
    use super::*;
    use crate::base::{CaptureId, Endpoint, FileId, RecordRef};
    use proptest::prelude::*;
    use std::net::IpAddr;

    const CAPS: Caps = Caps {
        fragments: 3 * 150,
        segments: 3 * 250,
        sctp: 3 * 150,
        undecided: 100_000,
        flows: 1_000,
    };

    /// A thing: flow, moment, content, and the part of the records it lies in.
    type Thing = (u8, i64, u8, usize);

    fn endpoint(port: u8) -> Endpoint {
        Endpoint::new(IpAddr::from([10, 0, 0, 1]), u16::from(port))
    }

    /// Segments of which every third shows SIP, SCTP parts and fragments.
    fn residue(things: &[Thing], file: u32) -> Residue {
        let mut segments = SegmentStore::default();
        let mut sctp: BTreeMap<SctpKey, Vec<SctpPart>> = BTreeMap::new();
        let mut fragments: BTreeMap<FragmentKey, Vec<Fragment>> = BTreeMap::new();
        for ((port, time, content, _), index) in things.iter().zip(1u32..) {
            let capture = CaptureId { file: FileId(file), member: 0 };
            let record = RecordRef { capture, index };
            let time = CaptureTime::from_ns(*time);
            let text: &[u8] = if content % 3 == 0 { b"SIP/2.0 200 OK" } else { b"v=0" };
            let bytes: Box<[u8]> = [text, &[*content]].concat().into();
            let (source, destination) = (endpoint(*port), endpoint(0));
            let blind = false;
            let segment = Segment {
                time,
                sequence: u32::from(*content),
                syn: false,
                vendor_blind: blind,
                missing: 0,
                bytes: bytes.clone(),
                record,
            };
            segments.add(Flow { source, destination }, segment);
            sctp.entry(SctpKey { source, destination, tag: 0 }).or_default().push(SctpPart {
                time,
                tsn: u32::from(*content),
                stream: 0,
                begins: false,
                ends: false,
                vendor_blind: blind,
                missing: 0,
                bytes: bytes.clone(),
                record,
            });
            let addresses = super::super::frame::Addresses {
                source: source.address,
                destination: destination.address,
            };
            let identification = u32::from(*port);
            let key = FragmentKey { addresses, identification, protocol: 17, vlan: 0 };
            fragments.entry(key).or_default().push(Fragment {
                time,
                offset: u32::from(*content) * 8,
                more: true,
                protocol: 17,
                missing: 0,
                depth: 1,
                vendor_blind: blind,
                bytes,
                record,
            });
        }
        Residue::new(fragments, segments.into_sorted(), sctp)
    }

    /// What is kept and what was cut, without the records and the numbers of copies.
    fn kept(residue: &Residue) -> Vec<String> {
        let mut kept = Vec::new();
        let mut tell = |what: String, times: Vec<(CaptureTime, usize)>| {
            let mut times = times;
            times.sort_unstable();
            kept.push(format!("{what}: {times:?}"));
        };
        let of = |things: &[Fragment]| things.iter().map(|t| (t.time, t.bytes.len())).collect();
        for (key, things) in &residue.fragments {
            tell(format!("{key:?}"), of(things));
        }
        for (key, things) in &residue.sctp {
            let times = things.iter().map(|thing| (thing.time, thing.bytes.len())).collect();
            tell(format!("{key:?}"), times);
        }
        for (flow, known) in &residue.flows {
            let times = known.segments.iter().map(|t| (t.time, t.bytes.len())).collect();
            tell(format!("{flow:?} {}", known.signed), times);
        }
        let horizons = [residue.fragments_horizon, residue.segments_horizon, residue.sctp_horizon];
        for horizon in horizons {
            let dropped = horizon.dropped.map(|dropped| (dropped.first, dropped.last));
            kept.push(format!("{:?} {dropped:?}", horizon.cut));
        }
        kept
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(500))]

        /// However the records are dealt to captures and these to workers, and whenever a worker
        /// cuts: what is kept in the end, and what was cut, is a function of the set.
        #[test]
        fn the_caps_are_of_the_set(
            things in prop::collection::vec((0u8..4, 0i64..30, 0u8..12, 0usize..6), 0..40),
            copied in any::<bool>(),
        ) {
            let mut distinct: Vec<Thing> =
                things.iter().map(|(flow, time, content, _)| (*flow, *time, *content, 0)).collect();
            distinct.sort_unstable();
            distinct.dedup();
            let mut whole = residue(&distinct, 0);
            whole.forget_copies();
            settle(&mut [&mut whole], &CAPS);
            let mut workers = [Residue::default(), Residue::default()];
            for part in 0..6 {
                let own: Vec<Thing> =
                    things.iter().filter(|thing| thing.3 == part).copied().collect();
                for file in 0..=u32::from(copied) {
                    workers[part % 2].add(residue(&own, 1 + file));
                    bound(&mut [&mut workers[part % 2]], &CAPS);
                }
            }
            let [mut joined, second] = workers;
            joined.add(second);
            joined.forget_copies();
            settle(&mut [&mut joined], &CAPS);
            prop_assert_eq!(kept(&joined), kept(&whole));
        }

        /// The same over sensors: all are cut at one moment.
        #[test]
        fn the_caps_are_of_all_sensors(
            things in prop::collection::vec((0u8..4, 0i64..30, 0u8..12, 0usize..2), 0..40),
        ) {
            let of = |sensor: usize| {
                let own: Vec<Thing> =
                    things.iter().filter(|thing| thing.3 == sensor).copied().collect();
                residue(&own, 0)
            };
            let (mut first, mut second) = (of(0), of(1));
            settle(&mut [&mut first, &mut second], &CAPS);
            for (left, right) in [
                (first.fragments_horizon, second.fragments_horizon),
                (first.segments_horizon, second.segments_horizon),
                (first.sctp_horizon, second.sctp_horizon),
            ] {
                prop_assert_eq!(left.cut, right.cut);
            }
            let total = first.memory.plus(second.memory);
            prop_assert!(total.fragments <= CAPS.fragments && total.sctp <= CAPS.sctp);
        }
    }

    /// The longest flows without a sign go first, and those of SIP never.
    #[test]
    fn bulk_goes_before_what_is_short() {
        let flow = |port| Flow { source: endpoint(port), destination: endpoint(0) };
        let mut store = SegmentStore::default();
        for (port, segments, bytes) in [(1u8, 3u32, &b"x"[..]), (2, 60, b"x"), (3, 60, b"SIP/2.0")]
        {
            for sequence in 0..segments {
                store.add(
                    flow(port),
                    Segment {
                        time: CaptureTime::from_ns(i64::from(sequence)),
                        sequence,
                        syn: false,
                        vendor_blind: false,
                        missing: 0,
                        bytes: bytes.into(),
                        record: RecordRef::default(),
                    },
                );
            }
        }
        let mut residue = Residue::new(BTreeMap::new(), store.into_sorted(), BTreeMap::new());
        let caps = Caps { undecided: 2_000, ..Caps::default() };
        settle(&mut [&mut residue], &caps);
        let left = |port| residue.flows[&flow(port)].segments.len();
        assert_eq!((left(1), left(2), left(3)), (3, 0, 60));
        assert_eq!(residue.flows[&flow(2)].dropped.map(|dropped| dropped.count), Some(60));
        let none = Caps { flows: 2, ..Caps::default() };
        settle(&mut [&mut residue], &none);
        assert!(residue.flows.contains_key(&flow(1)) && residue.flows.contains_key(&flow(3)));
        assert_eq!(residue.forgotten.map(|dropped| dropped.count), Some(60));
    }
}
