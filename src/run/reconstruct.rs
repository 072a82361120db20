//! Captures to legs to CDRs: reads the files in parallel, joins what the workers gathered.

use super::answer::FileDigests;
use super::cut_messages::join_cut_messages;
use super::error::Error;
use super::gather::{FileSummary, Gathering, Hasher, TimeSpan};
use super::heard::Heard;
use super::join_legs::{JoinedLegs, join_legs};
use super::kept_files::KeptFiles;
use super::look::{LegFlags, Seen, look};
use super::paths::TypedPaths;
use super::profile::Profile;
use super::ranges::RangeRules;
use super::read_files::{ReadRules, read_files};
use super::rotation::next_begins;
use super::side_by_side::pool;
use super::spill::{Spill, were_read};
use super::streams::read_streams;
use super::work::{Opened, WorkDirectory, options_digest};
use crate::base::limits::{FACTS_PER_LEG_MAX, MEDIA_FLOWS_MAX, REGISTERED_USERS_MAX};
use crate::base::{CaptureId, FileId, Ledger, Loss, LossKind, Note, NoteKind, Notes, SensorId};
use crate::call::{MergeLinks, Outlines};
use crate::leg::attribute::attribute;
use crate::leg::media_flow::{FlowTable, join_flows};
use crate::leg::{CaptureRules, Cdrs, Leg, Legs, NumberRules, Registrations, TimingRules};
use crate::spool::{SpoolFile, SpoolListing, WalkOptions, walk};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

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
    /// Where what files gave is kept from run to run; absent: nowhere.
    pub work: Option<PathBuf>,
    /// Memory that the run may take before what it holds goes to disk, in bytes; 0 is without bound.
    pub memory_bytes: u64,
}

/// Everything that the captures showed. A function of the set of records, except `listing`, `files`,
/// `ledger`, `notes` and the records named in legs, which tell how the records lay in files.
#[derive(Debug)]
pub struct Reconstruction {
    /// Legs with an INVITE, and those with a REFER under a Call-ID of its own, which is evidence and makes
    /// neither CDR nor channel.
    pub legs: Legs,
    /// Their CDRs: by leg, then by start.
    pub cdrs: Cdrs,
    /// The legs as the rules read them, by number.
    pub outlines: Outlines,
    /// What merge headers name; with the secret of the configuration.
    pub links: MergeLinks,
    /// What else the pass over the legs told.
    pub flags: LegFlags,
    /// Call-IDs without an INVITE: they make no CDR.
    pub legs_without_invite: u64,
    /// Calls that may have run beside what was read: those without any INVITE, seen from the middle on,
    /// which ran when a sensor's captures began; and what legs held beyond the cap on their messages.
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
    /// When SIP was captured.
    pub heard: Heard,
    /// What went in and where it went.
    pub ledger: Ledger,
    /// Anomalies.
    pub notes: Notes,
    /// What was there and could not be read.
    pub losses: Vec<Loss>,
    /// What each stage took.
    pub profile: Profile,
    /// What the run may still hold in memory.
    pub(super) spill: Arc<Spill>,
    /// Whether a later run over files with the same bytes must find the same: none of them changed while
    /// it was read, all could be read, and the work directory was used.
    pub is_repeatable: bool,
}

impl Reconstruction {
    /// Whether all that was read of it so far is what was kept; false when a file beyond the memory budget
    /// was lost: then nothing that was made of it counts.
    #[must_use]
    pub fn are_whole(&self) -> bool {
        self.legs.are_whole() && self.outlines.are_whole() && self.cdrs.are_whole()
    }

    /// Lets go of memory that only repeats what files hold; changes nothing else.
    pub fn release(&self) {
        self.legs.release();
        self.outlines.release();
        self.cdrs.release();
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
    read_walked(roots, walk_roots(roots, options)?, options)
}

/// What was walked and is not read yet.
#[derive(Debug)]
pub(super) struct Walked {
    pub(super) listing: SpoolListing,
    pub(super) profile: Profile,
    /// Where the keys of the files are put down; absent when nobody asks for them.
    pub(super) digests: Option<Arc<FileDigests>>,
}

/// The first stage of [`reconstruct`].
pub(super) fn walk_roots(roots: &[PathBuf], options: &ReconstructOptions) -> Result<Walked, Error> {
    let mut profile = Profile::default();
    let listing = walk(roots, &options.walk)?;
    profile.ended("walk", ("files", listing.files.len() as u64), 0);
    Ok(Walked { listing, profile, digests: None })
}

/// The other stages.
pub(super) fn read_walked(
    roots: &[PathBuf],
    walked: Walked,
    options: &ReconstructOptions,
) -> Result<Reconstruction, Error> {
    let mut found = pool(options.threads)?.install(|| read_all(walked, options))?;
    found.paths = TypedPaths::new(roots);
    Ok(found)
}

fn read_all(walked: Walked, options: &ReconstructOptions) -> Result<Reconstruction, Error> {
    let Walked { listing, mut profile, digests } = walked;
    let hasher = Hasher::default();
    let threads = rayon::current_num_threads();
    let spill = Arc::new(Spill::new(options.memory_bytes, threads, options.work.as_deref()));
    let (work, messages) = open_work(options, threads);
    let kept = work.map(|work| KeptFiles::new(work, digests));
    profile.messages.extend(messages);
    let is_disturbed = AtomicBool::new(kept.is_none());
    let gatherings = read_files(&ReadRules {
        listing: &listing,
        options,
        hasher: &hasher,
        spill: &spill,
        kept: kept.as_ref(),
        is_disturbed: &is_disturbed,
    });
    profile.messages.extend(
        kept.and_then(KeptFiles::into_work)
            .map(|work| work.finish().messages)
            .into_iter()
            .flatten(),
    );
    let records =
        |gathering: &Gathering| -> u64 { gathering.files.values().map(|file| file.records).sum() };
    let records = gatherings.iter().map(records).sum();
    profile.ended("read", ("records", records), listing.bytes());
    let mut whole = Gathering::new(&hasher, &spill);
    let mut runs = Vec::new();
    let mut spilled_bytes = 0;
    let mut flows = Vec::new();
    for gathering in gatherings {
        let (worker_runs, worker_flows) = whole.absorb(gathering);
        spilled_bytes += worker_runs.bytes_written();
        runs.extend(worker_runs.finish().map_err(Error::Spill)?);
        flows.push(worker_flows.into_sorted());
    }
    for (sensor, residue) in std::mem::take(&mut whole.residues).into_settled() {
        read_streams(&mut whole, &options.capture, sensor, residue);
    }
    let heard = std::mem::take(&mut whole.listener).into_heard();
    let (streamed, stream_flows) = whole.take_legs(&hasher);
    runs.extend(streamed.finish().map_err(Error::Spill)?);
    flows.push(stream_flows.into_sorted());
    let joined = join_legs(runs, &heard, &spill, spilled_bytes > 0)?;
    profile.ended("join legs", ("legs", joined.legs.len() as u64), spilled_bytes);
    let mut found = finish(listing, options, whole, joined, flows, (profile, &spill))?;
    found.heard = heard;
    found.is_repeatable = !is_disturbed.into_inner();
    were_read(found.are_whole())?;
    Ok(found)
}

/// The work directory, where one is given and can be used.
fn open_work(options: &ReconstructOptions, threads: usize) -> (Option<WorkDirectory>, Vec<String>) {
    let Some(path) = &options.work else { return (None, Vec::new()) };
    let Opened { directory, messages } =
        WorkDirectory::open(path, options_digest(&options.capture), threads);
    (directory, messages)
}

fn finish(
    listing: SpoolListing,
    options: &ReconstructOptions,
    mut whole: Gathering,
    joined: JoinedLegs,
    flows: Vec<FlowTable>,
    (mut profile, spill): (Profile, &Arc<Spill>),
) -> Result<Reconstruction, Error> {
    let JoinedLegs { mut legs, with_invite, without_invite, mut running } = joined;
    let flows = join_flows(flows);
    // Every span is known here, and so how far the loss reaches.
    if flows.beyond.is_some() {
        dropped_media(&mut whole);
    }
    let attributed = attribute(&legs, &flows.flows);
    legs.add_media(attributed.media);
    profile.ended("attribute media", ("flows", flows.flows.len() as u64), 0);
    drop(flows);
    whole.ledger.add("media.flows_without_leg", attributed.unclaimed);
    whole.ledger.add("leg.with_invite", with_invite);
    whole.ledger.add("leg.without_invite", without_invite);
    let Seen { cdrs, outlines, links, mut flags } = look(&legs, options, &whole.spans, spill)?;
    profile.ended("look at legs", ("CDRs", cdrs.len() as u64), 0);
    profile.legs = legs.len();
    profile.kept = vec![
        ("legs", legs.byte_count()),
        ("outlines", outlines.byte_count()),
        ("CDRs", cdrs.byte_count()),
    ];
    running.extend(beyond_limit(&legs, &mut flags, &mut whole));
    running.sort_by_key(|span| (span.first, span.last));
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
    join_cut_messages(&mut whole.losses);
    place_losses(&mut whole, &listing);
    whole.losses.sort();
    Ok(Reconstruction {
        legs,
        cdrs,
        outlines,
        links,
        flags,
        legs_without_invite: without_invite,
        running,
        registrations: whole.registrations,
        files: whole.files,
        spans: whole.spans,
        heard: Heard::default(),
        ledger: whole.ledger,
        notes: whole.notes,
        losses: whole.losses,
        listing,
        paths: TypedPaths::default(),
        profile,
        spill: Arc::clone(spill),
        is_repeatable: false,
    })
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

/// Notes the legs of which a cap dropped something; when those of them may have run on of which it dropped
/// messages. Later calls under the same Call-ID can be among these, one at most at a time; what is kept are
/// the smallest keys, not the earliest messages, so the captures alone bound them. A dropped identifier is
/// none of a call: it joins calls.
fn beyond_limit(legs: &Legs, flags: &mut LegFlags, whole: &mut Gathering) -> Vec<TimeSpan> {
    let mut running = Vec::new();
    for number in &flags.over_limit {
        let Some(leg) = legs.get(*number) else { continue };
        whole.notes.add(limit_note(&leg));
        if leg.message_count() >= FACTS_PER_LEG_MAX {
            flags.messages_dropped.push(*number);
            running.extend(whole.spans.get(&leg.sensor()));
        }
    }
    running
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
/// of its rotation, else to the end of all captures, because nothing says when its last packet was. A file
/// whose records go back in time bounds nothing: what it lost can be from before its first record.
fn place_losses(whole: &mut Gathering, listing: &SpoolListing) {
    let next = next_begins(listing, &whole.files);
    let all = whole.spans.values().copied().reduce(TimeSpan::joined);
    let by_others = |id: FileId| next.get(&id).copied().or(all.map(|all| all.last));
    for mut loss in std::mem::take(&mut whole.open_losses) {
        let file = listing.files.get(loss.file.0 as usize);
        let end = file.and_then(SpoolFile::reach).map(|(_, end)| end).or(by_others(loss.file));
        loss.when = loss.when.map(|(first, last)| (first, end.map_or(last, |end| end.max(last))));
        whole.losses.push(loss);
    }
    for loss in whole.losses.iter_mut().filter(|loss| loss.when.is_none()) {
        let file = listing.files.get(loss.file.0 as usize);
        let by_records = whole.files.get(&loss.file).and_then(|summary| {
            let span = summary.span?;
            if let Some(all) = all.filter(|_| summary.order.goes_back()) {
                return Some((all.first, all.last));
            }
            let last = by_others(loss.file).unwrap_or(span.last);
            Some((span.first, last.max(span.last)))
        });
        loss.when = file.and_then(SpoolFile::reach).or(by_records);
    }
}
