//! The walk: roots in, a sorted listing out. Reads directories and sizes, nothing else.

use super::layout::{DirectoryReading, FileKind, Placement, read_archive_name, read_directories};
use super::listing::{SkipReason, SpoolFile, SpoolListing, Unreadable};
use super::order::OrderKey;
use super::roots::{Roots, canonical};
use super::sensor::{SensorContext, sensor_by_archive, sensor_by_directories, sensor_by_user};
use crate::base::limits::CALL_REACH_NS;
use crate::base::{CaptureTime, SensorId};
use jiff::tz::TimeZone;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, Metadata};
use std::io::Read;
use std::path::{Path, PathBuf};
use thiserror::Error;
use walkdir::{DirEntry, WalkDir};

/// What a walk takes beside the roots.
#[derive(Clone, Debug)]
pub struct WalkOptions {
    /// Time zone of the spool's directories: `utc` or `timezone` of the conf.
    pub zone: TimeZone,
    /// First moment of the days asked for; a directory is read if a call that started in it may still
    /// last then ([`CALL_REACH_NS`]). Absent: from the beginning.
    pub from: Option<CaptureTime>,
    /// First moment after the days asked for; absent: to the end.
    pub to: Option<CaptureTime>,
    /// Sensors that the user named, with the paths that hold their captures.
    pub sensors: Vec<(String, PathBuf)>,
    /// Whether the spool's RTP is left out.
    pub without_rtp: bool,
}

impl Default for WalkOptions {
    fn default() -> Self {
        let sensors = Vec::new();
        Self { zone: TimeZone::UTC, from: None, to: None, sensors, without_rtp: false }
    }
}

/// Why there is no listing.
#[derive(Debug, Error)]
pub enum SpoolError {
    /// A path that the user gave cannot be looked at.
    #[error("{}: {source}", path.display())]
    Root {
        /// The path as given.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// More sensors than a number can tell apart.
    #[error(
        "more than {} sensors: directories above the dates count as sensors; name the spools one by one",
        u16::MAX
    )]
    TooManySensors,
    /// More files than a number can tell apart.
    #[error("more than {} files: read the spool in parts with --from and --to", u32::MAX)]
    TooManyFiles,
}

/// Lists what lies under the roots. Read-only; symbolic links are followed, loops are not.
///
/// # Errors
///
/// When a root does not exist or cannot be looked at. Anything below a root that cannot be looked at
/// is listed as unreadable instead.
pub fn walk(roots: &[PathBuf], options: &WalkOptions) -> Result<SpoolListing, SpoolError> {
    let roots = Roots::new(roots)?;
    let mut options = options.clone();
    for (_, path) in &mut options.sensors {
        *path = canonical(path)?;
    }
    let mut walker = Walker::new(&options);
    for root in &roots.paths {
        walker.walk_root(root);
    }
    walker.finish(roots.standard_input)
}

/// A file as found, before sensors have numbers.
struct Found {
    /// Canonical path: a file reached twice is one file.
    identity: PathBuf,
    sensor: String,
    file: SpoolFile,
}

/// What the directories above a file say.
#[derive(Clone)]
struct Folder {
    identity: PathBuf,
    reading: DirectoryReading,
    sensor: String,
    starts: Option<(CaptureTime, CaptureTime)>,
    skip: Option<SkipReason>,
    /// Components of the path before those that belong to the spool.
    before_spool: usize,
}

struct Walker<'a> {
    options: &'a WalkOptions,
    found: Vec<Found>,
    skipped: BTreeMap<(PathBuf, SkipReason), u64>,
    unreadable: BTreeSet<Unreadable>,
}

impl<'a> Walker<'a> {
    fn new(options: &'a WalkOptions) -> Self {
        let (found, skipped, unreadable) = (Vec::new(), BTreeMap::new(), BTreeSet::new());
        Self { options, found, skipped, unreadable }
    }

    fn walk_root(&mut self, root: &Path) {
        let root_folder = if root.is_dir() { root } else { root.parent().unwrap_or(root) };
        // Folders from the root down to the entry; files of a single-file root lie in its parent.
        let mut folders = vec![self.folder(root_folder, root_folder, root_folder.to_owned(), None)];
        let mut entries = WalkDir::new(root).follow_links(true).into_iter();
        while let Some(entry) = entries.next() {
            match entry {
                Ok(entry) if entry.file_type().is_dir() => {
                    folders.truncate(entry.depth());
                    let folder = self.enter(root, &entry, folders.last());
                    if folder.skip == Some(SkipReason::OutsideDays) {
                        self.skip(folder.identity.clone(), SkipReason::OutsideDays, 0);
                        entries.skip_current_dir();
                    }
                    folders.push(folder);
                }
                Ok(entry) => {
                    folders.truncate(entry.depth().max(1));
                    if let Some(folder) = folders.last() {
                        self.visit_file(&entry, &folder.clone());
                    }
                }
                Err(error) => self.lost(root, &error),
            }
        }
    }

    fn enter(&self, root: &Path, entry: &DirEntry, parent: Option<&Folder>) -> Folder {
        let path = entry.path();
        let identity = match parent {
            Some(parent) if !entry.path_is_symlink() => parent.identity.join(entry.file_name()),
            _ => std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned()),
        };
        self.folder(root, path, identity, parent.and_then(|parent| parent.skip))
    }

    fn folder(
        &self,
        root: &Path,
        path: &Path,
        identity: PathBuf,
        inherited: Option<SkipReason>,
    ) -> Folder {
        let lossy: Vec<_> = path.iter().map(|name| name.to_string_lossy()).collect();
        let names: Vec<&str> = lossy.iter().map(AsRef::as_ref).collect();
        let root_names = root.iter().count();
        let reading = read_directories(&names);
        let by_user = sensor_by_user(&self.options.sensors, path).map(str::to_owned);
        let context = SensorContext { names: &names, root_names, date_index: reading.date_index };
        let sensor = by_user.unwrap_or_else(|| sensor_by_directories(&context));
        let starts = reading.placement.and_then(|placement| placement.span(&self.options.zone));
        let own = match (names.last(), reading.date_index) {
            _ if self.is_outside(starts) => Some(SkipReason::OutsideDays),
            (Some(&"filesindex"), None) => Some(SkipReason::FilesIndex),
            (Some(&"rrd"), None) => Some(SkipReason::Rrd),
            _ => self.skip_of_kind(reading.kind),
        };
        let before_spool = reading.date_index.unwrap_or(root_names);
        Folder { identity, reading, sensor, starts, skip: inherited.or(own), before_spool }
    }

    fn skip_of_kind(&self, kind: FileKind) -> Option<SkipReason> {
        match kind {
            FileKind::Graph => Some(SkipReason::Graph),
            FileKind::Audio => Some(SkipReason::Audio),
            FileKind::AudioGraph => Some(SkipReason::AudioGraph),
            FileKind::Rtp if self.options.without_rtp => Some(SkipReason::Rtp),
            _ => None,
        }
    }

    fn is_outside(&self, starts: Option<(CaptureTime, CaptureTime)>) -> bool {
        let Some((first, end)) = starts else { return false };
        let too_early = self.options.from.is_some_and(|from| end.plus_ns(CALL_REACH_NS) <= from);
        too_early || self.options.to.is_some_and(|to| first >= to)
    }

    fn visit_file(&mut self, entry: &DirEntry, folder: &Folder) {
        let path = entry.path();
        let metadata = match entry.metadata() {
            Ok(metadata) => metadata,
            Err(error) => return self.lost(path, &error),
        };
        let identity = if entry.path_is_symlink() {
            std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
        } else {
            folder.identity.join(entry.file_name())
        };
        let name = entry.file_name().to_string_lossy();
        let by_name = || skip_of_name(&name, path, folder.reading.date_index.is_some());
        if !metadata.is_file() {
            return self.skip(identity, SkipReason::NotAFile, 0);
        }
        if let Some(reason) = folder.skip.or_else(by_name) {
            return self.skip(identity, reason, metadata.len());
        }
        let archive = read_archive_name(&name);
        let mut found = self.found_file(path, &metadata, folder, identity);
        if let Some(archive) = archive {
            self.place_by_name(&mut found, archive.kind, archive.placement);
        }
        if let Some(reason) = self.skip_of_kind(found.file.kind) {
            return self.skip(found.identity, reason, metadata.len());
        }
        if self.is_outside(found.file.starts) {
            return self.skip(found.identity, SkipReason::OutsideDays, metadata.len());
        }
        if found.sensor.is_empty() {
            found.sensor = sensor_by_archive(archive);
        }
        self.found.push(found);
    }

    fn found_file(
        &self,
        path: &Path,
        metadata: &Metadata,
        folder: &Folder,
        identity: PathBuf,
    ) -> Found {
        // A file that the user mapped himself is more exact than its directory.
        let by_user = sensor_by_user(&self.options.sensors, path);
        let file = SpoolFile {
            path: path.to_owned(),
            name: path.iter().skip(folder.before_spool).collect(),
            size: metadata.len(),
            modified: metadata.modified().ok(),
            sensor: SensorId::default(),
            kind: folder.reading.kind,
            placement: folder.reading.placement,
            starts: folder.starts,
        };
        let sensor = by_user.map_or_else(|| folder.sensor.clone(), str::to_owned);
        Found { identity, sensor, file }
    }

    /// An archive outside the vendor's directories says its minute and kind by its name.
    fn place_by_name(&self, found: &mut Found, kind: FileKind, placement: Placement) {
        if found.file.placement.is_none() {
            found.file.placement = Some(placement);
            found.file.starts = placement.span(&self.options.zone);
        }
        if found.file.kind == FileKind::Plain {
            found.file.kind = kind;
        }
    }

    fn skip(&mut self, identity: PathBuf, reason: SkipReason, bytes: u64) {
        self.skipped.insert((identity, reason), bytes);
    }

    fn lost(&mut self, near: &Path, error: &walkdir::Error) {
        let path = error.path().unwrap_or(near).to_owned();
        if error.loop_ancestor().is_some() {
            return self.skip(path, SkipReason::LinkLoop, 0);
        }
        let lossy: Vec<_> = path.iter().map(|name| name.to_string_lossy()).collect();
        let names: Vec<&str> = lossy.iter().map(AsRef::as_ref).collect();
        let starts = read_directories(&names).placement.and_then(|at| at.span(&self.options.zone));
        let reach = starts.map(|(first, end)| (first, end.plus_ns(CALL_REACH_NS)));
        let error = error.io_error().map_or_else(|| error.to_string(), ToString::to_string);
        self.unreadable.insert(Unreadable { path, reach, error });
    }

    fn finish(mut self, standard_input: bool) -> Result<SpoolListing, SpoolError> {
        // A file reached by several paths is listed under the smallest of them.
        self.found.sort_by(|a, b| (&a.identity, &a.file.path).cmp(&(&b.identity, &b.file.path)));
        self.found.dedup_by(|later, first| later.identity == first.identity);
        if standard_input {
            self.found.push(found_standard_input());
        }
        let mut names: BTreeSet<&str> = self.found.iter().map(|found| &*found.sensor).collect();
        names.insert("");
        let sensors: Vec<String> = names.into_iter().map(str::to_owned).collect();
        if sensors.len() > usize::from(u16::MAX) {
            return Err(SpoolError::TooManySensors);
        }
        if self.found.len() + self.unreadable.len() > u32::MAX as usize {
            return Err(SpoolError::TooManyFiles);
        }
        for found in &mut self.found {
            let at = sensors.partition_point(|name| *name < found.sensor);
            found.file.sensor = SensorId(u16::try_from(at).unwrap_or(u16::MAX));
        }
        let mut files: Vec<SpoolFile> = self.found.into_iter().map(|found| found.file).collect();
        files
            .sort_by_cached_key(|file| (file.sensor, OrderKey::new(&file.name), file.path.clone()));
        let unreadable = self.unreadable.into_iter().collect();
        let mut listing = SpoolListing { files, sensors, unreadable, ..SpoolListing::default() };
        for ((_, reason), bytes) in self.skipped {
            let count = listing.skipped.entry(reason).or_default();
            count.entries += 1;
            count.bytes = count.bytes.saturating_add(bytes);
        }
        for file in &listing.files {
            listing.coverage.add(file);
            if file.placement.is_some() && file.kind.may_hold_sip() {
                listing.coverage_by_sensor.entry(file.sensor).or_default().add(file);
            }
        }
        Ok(listing)
    }
}

fn found_standard_input() -> Found {
    let path = PathBuf::from("-");
    let file = SpoolFile {
        path: path.clone(),
        name: path.clone(),
        size: 0,
        modified: None,
        sensor: SensorId::default(),
        kind: FileKind::Plain,
        placement: None,
        starts: None,
    };
    Found { identity: path, sensor: String::new(), file }
}

/// Files of the sniffer that lie beside the captures. A capture that happens to have such a name is
/// still read: its first bytes tell.
fn skip_of_name(name: &str, path: &Path, below_date: bool) -> Option<SkipReason> {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let reason = match name {
        ".cleanspool_cache" => return Some(SkipReason::CleanspoolCache),
        _ if below_date => return None,
        "core" => SkipReason::CoreDump,
        _ if name.strip_prefix("core.").is_some_and(digits) => SkipReason::CoreDump,
        _ if name.starts_with("qoq-") => SkipReason::QueryCache,
        _ => return None,
    };
    (!begins_as_capture(path)).then_some(reason)
}

fn begins_as_capture(path: &Path) -> bool {
    const MAGICS: [[u8; 4]; 6] = [
        [0xa1, 0xb2, 0xc3, 0xd4],
        [0xd4, 0xc3, 0xb2, 0xa1],
        [0xa1, 0xb2, 0x3c, 0x4d],
        [0x4d, 0x3c, 0xb2, 0xa1],
        [0x0a, 0x0d, 0x0d, 0x0a],
        [0x28, 0xb5, 0x2f, 0xfd],
    ];
    let mut magic = [0; 4];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut magic));
    // What cannot be read is not skipped: whoever reads it will say so.
    read.is_err_and(|error| error.kind() != std::io::ErrorKind::UnexpectedEof)
        || MAGICS.contains(&magic)
}

#[cfg(test)]
#[path = "walk_tests.rs"]
mod tests;
