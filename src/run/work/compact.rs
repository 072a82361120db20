//! Makes room: entries that are of use go to one new segment, then the old segments go.

use super::directory::segments_of;
use super::entry::{HEADER_BYTES, Header, Owner};
use super::key::{file_of, path_of};
use super::segment::{Appender, walk};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// Less is not worth the trouble.
const TOTAL_BYTES_MIN: u64 = 1 << 20;
/// Name of the new segment until it is whole. One that a killed run left is written over.
const UNFINISHED_NAME: &str = "compacting";

/// Whether more than half would go.
pub(super) const fn is_worthwhile(total: u64, live: u64) -> bool {
    total >= TOTAL_BYTES_MIN && total.saturating_sub(live) > total / 2
}

/// What is to be kept of the segments of a directory.
pub(super) struct Plan {
    segments: Vec<(PathBuf, File)>,
    /// By segment and offset: bytes of the entry.
    kept: BTreeMap<(usize, u64), u64>,
    /// Sum of these.
    pub(super) live: u64,
}

impl Plan {
    /// Looks which entries are the latest of their path, and of a file that is still there; of the parts of a
    /// file those that its own latest entry goes with.
    pub(super) fn new(directory: &Path, owner: Owner) -> io::Result<Self> {
        let segments = segments_of(directory, owner)?;
        let mut latest: BTreeMap<PathBuf, (u64, usize, u64, u64)> = BTreeMap::new();
        for (place, (_, file)) in segments.iter().enumerate() {
            walk(file, |entry| {
                let Some(path) = path_of(entry.key) else { return };
                let found = (entry.header.run, place, entry.offset, entry.bytes);
                let known = latest.entry(path.to_owned()).or_insert(found);
                *known = found.max(*known);
            })?;
        }
        // A file that cannot be looked at may be there.
        let is_gone = |path: &Path| {
            let looked = fs::symlink_metadata(path);
            looked.is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
        };
        latest.retain(|path, _| !is_gone(file_of(path).0));
        let run_of_file = |file: &Path| latest.get(file).map(|(run, ..)| *run);
        let parts = latest.keys().filter_map(|path| match file_of(path) {
            (file, Some(run)) if run_of_file(file) != Some(run) => Some(path.clone()),
            _ => None,
        });
        for path in parts.collect::<Vec<_>>() {
            latest.remove(&path);
        }
        let kept: BTreeMap<(usize, u64), u64> = latest
            .into_values()
            .map(|(_, segment, offset, bytes)| ((segment, offset), bytes))
            .collect();
        let live = kept.values().sum();
        Ok(Self { segments, kept, live })
    }

    /// Copies what is kept to the segment `new` and removes the others. Killed at any point it leaves
    /// all entries in one segment or in two, and the next run takes either.
    pub(super) fn carry_out(&self, directory: &Path, new: &Path, owner: Owner) -> io::Result<()> {
        let unfinished = directory.join(UNFINISHED_NAME);
        match fs::remove_file(&unfinished) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        if let Err(error) = self.copy(&unfinished, owner) {
            let _stays = fs::remove_file(&unfinished);
            return Err(error);
        }
        fs::rename(&unfinished, new)?;
        self.segments.iter().try_for_each(|(path, _)| fs::remove_file(path))
    }

    fn copy(&self, to: &Path, owner: Owner) -> io::Result<()> {
        let mut appender = Appender::create(to, owner)?;
        let mut entry = Vec::new();
        for ((segment, offset), bytes) in &self.kept {
            let Some((_, file)) = self.segments.get(*segment) else { continue };
            entry.resize(usize::try_from(*bytes).unwrap_or(usize::MAX), 0);
            file.read_exact_at(&mut entry, *offset)?;
            // A payload that is damaged is left behind.
            if is_whole(&entry) {
                appender.put_entry(&entry)?;
            }
        }
        appender.flush()?;
        // The old segments go next: the new one must be on the disk by then.
        appender.sync()
    }
}

fn is_whole(entry: &[u8]) -> bool {
    let Some(header) = Header::of(entry) else { return false };
    let payload = entry.get(HEADER_BYTES + header.key_bytes as usize..);
    payload.is_some_and(|payload| header.holds(payload))
}
