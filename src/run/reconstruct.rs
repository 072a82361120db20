//! Captures to legs to CDRs: reads the files in parallel, joins what the workers gathered.

use super::error::Error;
use super::extract::Extraction;
use super::gather::{FileSummary, Gathering, Hasher, TimeSpan};
use super::map::{Change, Content, OpenFile};
use super::paths::TypedPaths;
use super::profile::Profile;
use super::progress::Progress;
use super::ranges::{RANGED_FILES_MAX, RangeRules, RangedFile, has_packets};
use super::rotation::next_begins;
use super::side_by_side::pool;
use super::streams::read_streams;
use crate::base::limits::{CALL_REACH_NS, MEDIA_FLOWS_MAX, REGISTERED_USERS_MAX};
use crate::base::{
    CaptureId, CaptureTime, FileId, Ledger, Loss, LossKind, Note, NoteKind, Notes, SensorId,
};
use crate::call::outline::takes_part;
use crate::leg::attribute::attribute;
use crate::leg::media_flow::{FlowTable, join_flows};
use crate::leg::midway::is_midway;
use crate::leg::table::{PARTITIONS, join_sorted};
use crate::leg::{CaptureRules, Cdr, Leg, Legs, NumberRules, Registrations, TimingRules, finalise};
use crate::spool::{SpoolFile, SpoolListing, WalkOptions, walk};
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What shapes the reconstruction, beside the files.
#[derive(Clone, Debug, Default)]
pub struct ReconstructOptions {
    /// What the walk takes.
    pub walk: WalkOptions,
    /// When calls close.
    pub timing: TimingRules,
    /// Which numbers count.
    pub numbers: NumberRules,
    /// What the vendor's sniffer reads at all.
    pub capture: CaptureRules,
    /// Worker threads; 0 is one for each processor.
    pub threads: usize,
    /// Whether progress may be drawn on a terminal.
    pub progress: bool,
    /// How large captures are shared among threads.
    pub ranges: RangeRules,
}

/// Everything that the captures showed. A function of the set of records, except `listing`, `files`,
/// `ledger`, `notes` and the records named in legs, which tell how the records lay in files.
#[derive(Debug)]
pub struct Reconstruction {
    /// Legs with an INVITE, and those that are evidence about them (`call::outline::takes_part`).
    pub legs: Legs,
    /// Their CDRs: by leg, then by start.
    pub cdrs: Vec<Cdr>,
    /// What else the pass over the legs told that made the CDRs.
    pub flags: LegFlags,
    /// Call-IDs without an INVITE: they make no CDR.
    pub legs_without_invite: u64,
    /// Calls without any INVITE, seen from the middle on: when a sensor's captures began, they ran.
    pub running: Vec<TimeSpan>,
    /// Who was registered when, over all sensors.
    pub registrations: Registrations,
    /// The files that were walked.
    pub listing: SpoolListing,
    /// How their paths are shown.
    pub paths: TypedPaths,
    /// What each file held.
    pub files: BTreeMap<FileId, FileSummary>,
    /// First and last record by sensor.
    pub spans: BTreeMap<SensorId, TimeSpan>,
    /// Hours since the epoch with at least one record, over all sensors.
    pub hours: BTreeSet<i64>,
    /// What went in and where it went.
    pub ledger: Ledger,
    /// Anomalies.
    pub notes: Notes,
    /// What was there and could not be read.
    pub losses: Vec<Loss>,
    /// What each stage took.
    pub profile: Profile,
}

/// What is counted or noted of single legs.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct LegFlags {
    /// Legs with an INVITE.
    pub with_invite: u64,
    /// Legs of which the vendor's sniffer could not have read some packets.
    pub vendor_blind: u64,
    /// Legs that are seen from the middle on, each with its first message.
    pub midway: Vec<(u32, CaptureTime)>,
    /// Legs of which a cap dropped facts.
    pub over_limit: Vec<u32>,
}

impl LegFlags {
    fn add(&mut self, number: u32, leg: &Leg) {
        self.with_invite += u64::from(leg.has_invite());
        self.vendor_blind += u64::from(leg.is_vendor_blind());
        if is_midway(leg) {
            self.midway.push((number, leg.first_seen().unwrap_or_default()));
        }
        if leg.is_over_limit() {
            self.over_limit.push(number);
        }
    }

    fn append(&mut self, mut behind: Self) {
        self.with_invite += behind.with_invite;
        self.vendor_blind += behind.vendor_blind;
        self.midway.append(&mut behind.midway);
        self.over_limit.append(&mut behind.over_limit);
    }
}

/// Reads the captures under `roots` and makes their CDRs.
///
/// # Errors
///
/// When a root cannot be looked at or the threads cannot be started. A file that cannot be read is a
/// note and a loss instead.
pub fn reconstruct(
    roots: &[PathBuf],
    options: &ReconstructOptions,
) -> Result<Reconstruction, Error> {
    let mut profile = Profile::default();
    let listing = walk(roots, &options.walk)?;
    profile.ended("walk", ("files", listing.files.len() as u64), 0);
    let mut found = pool(options.threads)?.install(|| read_all(listing, options, profile));
    found.paths = TypedPaths::new(roots);
    Ok(found)
}

fn read_all(
    listing: SpoolListing,
    options: &ReconstructOptions,
    mut profile: Profile,
) -> Reconstruction {
    let hasher = Hasher::default();
    let gatherings = gather(&listing, options, &hasher);
    let records =
        |gathering: &Gathering| -> u64 { gathering.files.values().map(|file| file.records).sum() };
    let records = gatherings.iter().map(records).sum();
    profile.ended("read", ("records", records), listing.bytes());
    let mut whole = Gathering::new(&hasher);
    let mut partitions: Vec<Vec<Vec<Leg>>> = (0..PARTITIONS).map(|_| Vec::new()).collect();
    let mut flows = Vec::new();
    for gathering in gatherings {
        let (legs, worker_flows) = whole.absorb(gathering);
        for (partition, legs) in partitions.iter_mut().zip(legs.into_partitions()) {
            partition.push(legs);
        }
        flows.push(worker_flows.into_sorted());
    }
    for (sensor, residue) in std::mem::take(&mut whole.residues).into_settled() {
        read_streams(&mut whole, &options.capture, sensor, residue);
    }
    let (streamed, stream_flows) = whole.take_legs(&hasher);
    for (partition, legs) in partitions.iter_mut().zip(streamed.into_partitions()) {
        partition.push(legs);
    }
    flows.push(stream_flows.into_sorted());
    let joined: Vec<Vec<Leg>> = partitions.into_par_iter().map(join_sorted).collect();
    let running = running_at_first_packet(&joined, &whole.spans);
    let (legs, legs_without_invite) = with_invite(joined);
    profile.ended("join legs", ("legs", legs.len() as u64), 0);
    let found = finish(listing, options, whole, legs, legs_without_invite, flows, profile);
    Reconstruction { running, ..found }
}

fn finish(
    listing: SpoolListing,
    options: &ReconstructOptions,
    mut whole: Gathering,
    mut legs: Legs,
    legs_without_invite: u64,
    flows: Vec<FlowTable>,
    mut profile: Profile,
) -> Reconstruction {
    let flows = join_flows(flows);
    // Every span is known here, and so how far the loss reaches.
    if flows.beyond.is_some() {
        dropped_media(&mut whole);
    }
    let attributed = attribute(&legs, &flows.flows);
    legs.add_media(&attributed.media);
    profile.ended("attribute media", ("flows", flows.flows.len() as u64), 0);
    drop(flows);
    whole.ledger.add("media.flows_without_leg", attributed.unclaimed);
    let (cdrs, flags) = make_cdrs(&legs, options, &whole.spans);
    profile.ended("make CDRs", ("CDRs", cdrs.len() as u64), 0);
    whole.ledger.add("leg.with_invite", flags.with_invite);
    whole.ledger.add("leg.without_invite", legs_without_invite);
    for leg in flags.over_limit.iter().filter_map(|leg| legs.get(*leg)) {
        whole.notes.add(limit_note(&leg));
    }
    if whole.registrations.is_over_limit() {
        whole.notes.add(Note {
            capture: CaptureId::default(),
            offset: None,
            record: None,
            kind: NoteKind::Limit,
            detail: format!(
                "more than {REGISTERED_USERS_MAX} registered users; the rest is not counted"
            ),
        });
    }
    whole.notes.join(listing.notes());
    whole.losses.extend(listing.losses());
    whole.ledger.add("file.listed", listing.files.len() as u64);
    whole.ledger.add("file.path_unreadable", listing.unreadable.len() as u64);
    let skipped = listing.skipped.values().map(|count| count.entries).sum();
    whole.ledger.add("file.not_listed", skipped);
    place_losses(&mut whole, &listing);
    whole.losses.sort();
    let hours = whole.files.values().flat_map(|file| &file.hours).copied().collect();
    Reconstruction {
        legs,
        cdrs,
        flags,
        legs_without_invite,
        running: Vec::new(),
        registrations: whole.registrations,
        files: whole.files,
        spans: whole.spans,
        hours,
        ledger: whole.ledger,
        notes: whole.notes,
        losses: whole.losses,
        listing,
        paths: TypedPaths::default(),
        profile,
    }
}

/// Reads the files with one gathering a thread: all of them read the ranges of the largest captures,
/// then each takes the next file, largest first, until none is left. Which worker read which file cannot
/// matter, because gatherings join.
fn gather(listing: &SpoolListing, options: &ReconstructOptions, hasher: &Hasher) -> Vec<Gathering> {
    let mut order: Vec<usize> = (0..listing.files.len()).collect();
    order.sort_by_key(|at| (std::cmp::Reverse(listing.files[*at].size), *at));
    // The walk refuses more files than a number can tell apart.
    let id = |at: usize| FileId(u32::try_from(at).unwrap_or(u32::MAX));
    let ranged: Vec<RangedFile<'_>> = order
        .iter()
        .take(RANGED_FILES_MAX)
        .filter_map(|at| RangedFile::open(id(*at), &listing.files[*at], &options.ranges))
        .collect();
    order.retain(|at| ranged.iter().all(|file| file.id() != id(*at)));
    let progress = Progress::new(options.progress, listing.bytes());
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::new());
    rayon::broadcast(|_| {
        let mut gathering = Gathering::new(hasher);
        for file in &ranged {
            if file.read(&mut gathering, &options.capture, |bytes| progress.advance(bytes)) {
                let changed =
                    look_for_change(&mut gathering, file.id(), file.file(), file.opened());
                complain(&mut gathering, file.id(), file.file(), changed);
            }
        }
        while let Some(at) = order.get(next.fetch_add(1, Ordering::Relaxed)) {
            let file = &listing.files[*at];
            if has_packets(file.kind) {
                let outcome = read_bytes(&mut gathering, options, id(*at), file);
                complain(&mut gathering, id(*at), file, outcome);
            } else {
                gathering.ledger.add("file.skipped", 1);
            }
            progress.advance(file.size);
        }
        // A worker that panicked has ended the program already.
        done.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(gathering);
    });
    progress.finish();
    done.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Counts a file; one that could not be read is a note and a loss.
fn complain(gathering: &mut Gathering, id: FileId, file: &SpoolFile, outcome: std::io::Result<()>) {
    gathering.ledger.add("file.read", u64::from(outcome.is_ok()));
    if let Err(error) = outcome {
        gathering.ledger.add("file.unreadable", 1);
        gathering.notes.add(Note {
            capture: CaptureId { file: id, member: 0 },
            offset: None,
            record: None,
            kind: NoteKind::Unreadable,
            detail: format!("{}: {error}; skipped", file.path.display()),
        });
        gathering.losses.push(Loss {
            when: file.reach(),
            kind: LossKind::UnreadableFile,
            file: id,
            bytes: file.size,
            detail: error.to_string(),
        });
    }
}

fn read_bytes(
    gathering: &mut Gathering,
    options: &ReconstructOptions,
    id: FileId,
    file: &SpoolFile,
) -> std::io::Result<()> {
    let mut opened = OpenFile::open(&file.path, &options.ranges.open)?;
    let extraction = Extraction::new(gathering, &options.capture, id, file);
    match &mut opened.content {
        Content::Whole(bytes) => extraction.whole(bytes),
        Content::Pieces(pieces) => extraction.pieces(|buffer| pieces.read(buffer))?,
    }
    look_for_change(gathering, id, file, &opened)
}

/// A file that changed while it was read is a loss.
fn look_for_change(
    gathering: &mut Gathering,
    id: FileId,
    file: &SpoolFile,
    opened: &OpenFile,
) -> std::io::Result<()> {
    let was_cut_before = opened.size().is_some_and(|size| size < file.size);
    let (kind, detail) = match opened.change()? {
        Change::None | Change::Grew | Change::Rewritten if was_cut_before => {
            (LossKind::CutTail, "was cut before it was read")
        }
        Change::None => return Ok(()),
        Change::Grew => (LossKind::CutTail, "grew while it was read; what came later was not read"),
        Change::Cut => (LossKind::CutTail, "was cut while it was read"),
        Change::Rewritten => (LossKind::Damaged, "was rewritten while it was read"),
    };
    gathering.losses.push(Loss {
        when: file.reach(),
        kind,
        file: id,
        bytes: 0,
        detail: detail.to_owned(),
    });
    Ok(())
}

fn with_invite(partitions: Vec<Vec<Leg>>) -> (Legs, u64) {
    let total: usize = partitions.iter().map(Vec::len).sum();
    let legs: Vec<Leg> = partitions.into_iter().flatten().filter(takes_part).collect();
    let with_invite = legs.par_iter().filter(|leg| leg.has_invite()).count();
    let legs: Legs = legs.into_iter().collect();
    let without = (total - with_invite) as u64;
    (legs, without)
}

/// From the first packet of their sensor to their own last message: calls that are answered, of which
/// no INVITE was captured, and that were first seen so soon that they can have begun before.
fn running_at_first_packet(
    partitions: &[Vec<Leg>],
    spans: &BTreeMap<SensorId, TimeSpan>,
) -> Vec<TimeSpan> {
    let running = |leg: &Leg| {
        let first = spans.get(&leg.sensor())?.first;
        let is_early = leg.first_seen()? <= first.plus_ns(CALL_REACH_NS);
        let last = leg.last_seen()?;
        (is_early && !leg.has_invite() && is_midway(leg)).then_some(TimeSpan { first, last })
    };
    let mut found: Vec<TimeSpan> = partitions.iter().flatten().filter_map(running).collect();
    found.sort_by_key(|span| (span.first, span.last));
    found
}

/// Legs that one task makes CDRs of.
const LEGS_A_TASK: usize = 2_048;

/// The only pass over all legs for what is told of single ones: reading a leg costs more than looking
/// at it.
fn make_cdrs(
    legs: &Legs,
    options: &ReconstructOptions,
    spans: &BTreeMap<SensorId, TimeSpan>,
) -> (Vec<Cdr>, LegFlags) {
    let rules = &options.capture;
    let of_task = |numbers: std::ops::Range<u32>| {
        let mut flags = LegFlags::default();
        let mut cdrs = Vec::with_capacity(numbers.len());
        for number in numbers {
            let Some(leg) = legs.get(number) else { continue };
            flags.add(number, &leg);
            let horizon = spans.get(&leg.sensor()).map_or(CaptureTime::MAX, |span| span.last);
            let made = finalise(&leg, number, &options.timing, &options.numbers, horizon);
            cdrs.extend(made.into_iter().filter(|cdr| is_written(rules, cdr)));
        }
        (cdrs, flags)
    };
    let end = legs.numbers().end;
    let starts: Vec<u32> = legs.numbers().step_by(LEGS_A_TASK).collect();
    let task = |start: u32| start..start.saturating_add(LEGS_A_TASK as u32).min(end);
    let made: Vec<(Vec<Cdr>, LegFlags)> =
        starts.into_par_iter().map(|start| of_task(task(start))).collect();
    let mut cdrs = Vec::with_capacity(made.iter().map(|(cdrs, _)| cdrs.len()).sum());
    let mut flags = LegFlags::default();
    for (own, own_flags) in made {
        cdrs.extend(own);
        flags.append(own_flags);
    }
    (cdrs, flags)
}

/// Whether the vendor's configuration lets the sniffer write the CDR (facts C, 'Not written at all').
pub(super) fn is_written(rules: &CaptureRules, cdr: &Cdr) -> bool {
    !rules.writes_nothing
        && (!rules.only_answered || cdr.connected.is_some())
        && (!rules.only_with_rtp || cdr.has_media)
        && !rules.ignores_response(cdr.last_response)
}

/// Media flows beyond the cap were not attributed: ends of calls without a BYE may be too early,
/// anywhere.
fn dropped_media(whole: &mut Gathering) {
    let detail = format!(
        "more than {MEDIA_FLOWS_MAX} media flows: those with the largest addresses were not attributed"
    );
    whole.ledger.add("media.flow_cap_hit", 1);
    whole.notes.add(Note {
        capture: CaptureId::default(),
        offset: None,
        record: None,
        kind: NoteKind::Limit,
        detail: detail.clone(),
    });
    whole.losses.push(Loss {
        when: whole.spans.values().copied().reduce(TimeSpan::joined).map(|s| (s.first, s.last)),
        kind: LossKind::Limit,
        file: FileId::SEVERAL,
        bytes: 0,
        detail,
    });
}

fn limit_note(leg: &Leg) -> Note {
    let record = leg.messages().next().map(|(_, times)| times.record).unwrap_or_default();
    Note {
        capture: record.capture,
        offset: None,
        record: Some(record.index),
        kind: NoteKind::Limit,
        detail: format!(
            "Call-ID {}: more facts than are kept; the first ones count",
            String::from_utf8_lossy(leg.call_id())
        ),
    }
}

/// Losses that carry no time get that of their file: by its path, else from its first record on. What
/// is lost at the end of a capture reaches as far as its file may: by its path, else to the next capture
/// of its rotation, else to the end of all captures, because nothing says when its last packet was.
fn place_losses(whole: &mut Gathering, listing: &SpoolListing) {
    let next = next_begins(listing, &whole.files);
    let all_last = whole.spans.values().map(|span| span.last).max();
    let by_others = |id: FileId| next.get(&id).copied().or(all_last);
    for mut loss in std::mem::take(&mut whole.open_losses) {
        let file = listing.files.get(loss.file.0 as usize);
        let end = file.and_then(SpoolFile::reach).map(|(_, end)| end).or(by_others(loss.file));
        loss.when = loss.when.map(|(first, last)| (first, end.map_or(last, |end| end.max(last))));
        whole.losses.push(loss);
    }
    for loss in whole.losses.iter_mut().filter(|loss| loss.when.is_none()) {
        let file = listing.files.get(loss.file.0 as usize);
        let by_records = whole.files.get(&loss.file).and_then(|file| file.span).map(|span| {
            let last = by_others(loss.file).unwrap_or(span.last);
            (span.first, last.max(span.last))
        });
        loss.when = file.and_then(SpoolFile::reach).or(by_records);
    }
}
