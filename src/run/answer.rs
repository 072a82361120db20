//! The answer of an earlier `check`, given again without reading when nothing that it depends on changed.
//!
//! It depends on the program, on what was asked, and on the files. Their bytes are not read for it: a file
//! is the same when its [`FileKey`] is, as for what `work` keeps of single files. An answer is kept when
//! every file was the same before and after all of them were read, and nothing happened meanwhile that
//! another run need not meet: a file that could not be read, or that was written.

use super::check::{input_files, rtp_left_out};
use super::config::CheckConfig;
use super::paths::TypedPaths;
use super::profile::Profile;
use super::reconstruct::{Reconstruction, Walked};
use super::work::{Answers, FileKey, FileState, Kept, KnownBefore, decode_report, encode_report};
use crate::base::FileId;
use crate::report::CheckReport;
use crate::spool::{SpoolFile, SpoolListing};
use rayon::prelude::*;
use std::hash::{Hash, Hasher};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use twox_hash::XxHash3_128;

/// A question to spools as they are now.
#[derive(Debug)]
pub(super) struct Asked<'c> {
    config: &'c CheckConfig,
    answers: Answers,
    /// All that the answer depends on beside the program and the files.
    question: Vec<u8>,
    files: Arc<FileDigests>,
    /// Digest of the state of all files before any was looked at.
    state: u128,
    /// Whether there is any answer that could be the one.
    is_worth_a_look: bool,
}

/// By file: digest of its key and of what the walk said of it. Whoever makes the key of a file puts it
/// down, so that no file is opened for it alone where it is read anyway.
#[derive(Debug)]
pub(super) struct FileDigests {
    digests: Vec<OnceLock<u128>>,
}

impl FileDigests {
    /// Puts down the key that a file has.
    pub(super) fn put(&self, id: FileId, file: &SpoolFile, key: &FileKey) {
        if let Some(digest) = self.digests.get(id.0 as usize) {
            // Of two keys of one file the first counts; the file's state tells when it has two.
            digest.get_or_init(|| digest_of_file(file, key));
        }
    }

    /// The digests of all files; absent when one has no key.
    fn all(&self, listing: &SpoolListing) -> Option<Vec<u128>> {
        let files = self.digests.par_iter().zip(&listing.files);
        let digest = |(known, file): (&OnceLock<u128>, &SpoolFile)| match known.get() {
            Some(digest) => Some(*digest),
            None => FileKey::of(file).ok()?.map(|key| digest_of_file(file, &key)),
        };
        files.map(digest).collect()
    }
}

impl<'c> Asked<'c> {
    /// The question; absent when an answer to it cannot be kept: there is no work directory, something else
    /// than captures is read ([`CheckConfig::recorded`]) or something else than the report is written
    /// ([`CheckConfig::database`]), or a file cannot be told from what it will be: the standard input, or
    /// what cannot be looked at.
    pub(super) fn new(config: &'c CheckConfig, listing: &SpoolListing) -> Option<Self> {
        let answers = Answers::below(config.work.as_deref()?);
        let mut question = Vec::new();
        append(&mut question, asked(config)?.as_bytes());
        append(&mut question, beside_files(listing)?.as_bytes());
        let is_worth_a_look = answers.is_any();
        let look = |file: &SpoolFile| {
            if !is_worth_a_look {
                return Some((None, FileState::now(file)?));
            }
            let (key, state) = FileKey::with_state(file).ok()??;
            Some((Some(digest_of_file(file, &key)), state))
        };
        let looked: Option<Vec<(Option<u128>, FileState)>> =
            listing.files.par_iter().map(look).collect();
        let (digests, states): (Vec<_>, Vec<_>) = looked?.into_iter().unzip();
        let known = |digest: Option<u128>| digest.map_or_else(OnceLock::new, OnceLock::from);
        let files = FileDigests { digests: digests.into_iter().map(known).collect() };
        Some(Self {
            config,
            answers,
            question,
            files: Arc::new(files),
            state: digest_of(&states),
            is_worth_a_look,
        })
    }

    /// Where the keys of the files are put down.
    pub(super) fn files(&self) -> Arc<FileDigests> {
        Arc::clone(&self.files)
    }

    /// Whether a question of this configuration could have an answer that is kept.
    pub(super) fn is_possible(config: &CheckConfig) -> bool {
        config.work.is_some() && asked(config).is_some()
    }

    /// The answer that an earlier run kept.
    pub(super) fn take(&self, walked: &mut Walked) -> Option<CheckReport> {
        let Walked { listing, profile, .. } = walked;
        let key = if self.is_worth_a_look { self.key(listing) } else { None };
        let report = match key.map_or(Kept::Nothing, |key| self.answers.get(key)) {
            Kept::Whole(bytes) => {
                let report = decode_report(&bytes, self.known_before(listing));
                if report.is_err() {
                    self.tell(
                        profile,
                        "an answer that was kept is not understood; it is found anew",
                    );
                }
                report.ok()
            }
            Kept::Damaged => {
                self.tell(profile, "an answer that was kept is damaged; it is found anew");
                None
            }
            Kept::Nothing => None,
        };
        profile.ended("kept answer", ("answers", u64::from(report.is_some())), 0);
        report
    }

    /// Keeps the answer for later runs, unless one of them might find another.
    pub(super) fn keep(&self, report: &CheckReport, found: &Reconstruction, profile: &mut Profile) {
        // Keys of files that were not read are made before the state is looked at again.
        let key = found.is_repeatable.then(|| self.key(&found.listing)).flatten();
        let key = key.filter(|_| state_of(&found.listing) == Some(self.state));
        let (Some(key), Ok(bytes)) = (key, encode_report(report)) else { return };
        if let Err(reason) = self.answers.put(key, &bytes) {
            self.tell(profile, &format!("{reason}; the answer of this run could not be kept"));
        }
        profile.ended("keep answer", ("bytes", bytes.len() as u64), 0);
    }

    /// Digest of all that the answer depends on, the program aside; absent when a file has no key.
    fn key(&self, listing: &SpoolListing) -> Option<u128> {
        let mut bytes = self.question.clone();
        let digests = self.files.all(listing)?;
        bytes.extend(digests.into_iter().flat_map(u128::to_le_bytes));
        Some(XxHash3_128::oneshot(&bytes))
    }

    fn known_before(&self, listing: &SpoolListing) -> KnownBefore {
        KnownBefore {
            zone: self.config.time_zone.clone(),
            time_zone: self.config.time_zone_name.clone(),
            as_of_given: self.config.as_of.is_some(),
            lists_readings: self.config.all_readings,
            sensors: listing.sensors.clone(),
            files: input_files(listing, &TypedPaths::new(&self.config.spools)),
            rtp_left_out: rtp_left_out(listing),
        }
    }

    fn tell(&self, profile: &mut Profile, what: &str) {
        let directory = self.config.work.as_deref().unwrap_or(Path::new(""));
        profile.messages.push(format!("{}: {what}", directory.display()));
    }
}

/// All that was asked, as text: equal texts are equal questions, because every type here derives how it is
/// written, field by field, and none has the order of a hash in it. A zone is written by its name in the
/// bundled database, or as a POSIX rule; no other zones are made (`cli::zone`, `spool::conf`).
fn asked(config: &CheckConfig) -> Option<String> {
    // Without `..`: who adds a field decides here what it is to an answer.
    let CheckConfig {
        spools,
        limit_channels,
        license,
        as_of,
        from,
        to,
        time_zone,
        time_zone_name,
        spool_zone,
        sensors,
        without_rtp,
        scenario,
        accept_loss,
        reading,
        all_readings,
        rules,
        timing,
        numbers,
        capture,
        spool,
        // What is read and written beside the captures and the report.
        recorded,
        database,
        // Without effect on the report.
        threads: _,
        progress: _,
        work: _,
        memory_bytes: _,
        arguments: _,
    } = config;
    if recorded.is_some() || database.is_some() {
        return None;
    }
    let days = (as_of, from, to);
    let zones = (time_zone, time_zone_name, spool_zone);
    let judging = (limit_channels, license, scenario, accept_loss, reading, all_readings);
    let sniffer = (timing, numbers, capture, spool);
    let taken = (spools, sensors, days, without_rtp);
    Some(format!("{:?}", (taken, zones, judging, rules, sniffer)))
}

/// What the walk says beside the files, as text; absent when it could not look at everything: what it
/// missed may be there the next time.
fn beside_files(listing: &SpoolListing) -> Option<String> {
    let SpoolListing {
        files: _,
        sensors,
        skipped,
        unreadable,
        // Made of the files.
        coverage: _,
        coverage_by_sensor: _,
    } = listing;
    unreadable.is_empty().then(|| format!("{:?}", (sensors, skipped)))
}

/// Digest of a file's key, which is of its bytes, and of what the walk says of it.
fn digest_of_file(file: &SpoolFile, key: &FileKey) -> u128 {
    let SpoolFile {
        path,
        name,
        sensor,
        placement,
        starts,
        // In the key.
        size: _,
        modified: _,
        kind: _,
    } = file;
    let mut bytes = Vec::with_capacity(1 << 10);
    append(&mut bytes, key.bytes());
    append(&mut bytes, path.as_os_str().as_bytes());
    append(&mut bytes, name.as_os_str().as_bytes());
    let mut placed = Hashed(bytes);
    (sensor, placement, starts).hash(&mut placed);
    XxHash3_128::oneshot(&placed.0)
}

/// The bytes that a value gives to be hashed: all that tells it from others, as text costs too much for
/// each file.
struct Hashed(Vec<u8>);

impl Hasher for Hashed {
    fn write(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// Nobody asks for it.
    fn finish(&self) -> u64 {
        0
    }
}

/// Digest of the state of all files; absent when one is not there any more.
fn state_of(listing: &SpoolListing) -> Option<u128> {
    let states: Option<Vec<FileState>> = listing.files.par_iter().map(FileState::now).collect();
    states.map(|states| digest_of(&states))
}

fn digest_of(states: &[FileState]) -> u128 {
    let mut bytes = Vec::new();
    states.iter().for_each(|state| state.append_to(&mut bytes));
    XxHash3_128::oneshot(&bytes)
}

/// Appends a part with its length: no two lists of parts give the same bytes.
fn append(bytes: &mut Vec<u8>, part: &[u8]) {
    bytes.extend((part.len() as u64).to_le_bytes());
    bytes.extend_from_slice(part);
}

#[cfg(test)]
#[path = "answer_tests.rs"]
mod tests;
