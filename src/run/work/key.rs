//! What tells that a file and the way it is read are the same as in an earlier run.

use crate::leg::CaptureRules;
use crate::spool::SpoolFile;
use std::borrow::Cow;
use std::fs::{File, Metadata};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};
use twox_hash::XxHash3_128;

/// Bytes at the head of a file, and at its tail, that its digest is of: belt and braces beside size and
/// time, so a page or two of each are enough, and a cold spool is not read a second time for it.
const DIGEST_PART_BYTES: u64 = 16 << 10;

/// The key of one file: equal keys give equal bytes when the file is read by equal options.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(in crate::run) struct FileKey {
    /// Digest, size, time of writing, inode, time of the last change, kind, whether it has a place in the
    /// spool, then the path.
    bytes: Box<[u8]>,
    /// Where the index has it.
    path_digest: u128,
}

impl FileKey {
    /// The key of a file as it is now. Absent for what has none (the standard input), and for a file
    /// that is not as the walk saw it: it is being written.
    ///
    /// # Errors
    ///
    /// When the file cannot be opened or read.
    pub(in crate::run) fn of(file: &SpoolFile) -> io::Result<Option<Self>> {
        if file.is_standard_input() {
            return Ok(None);
        }
        Self::of_opened(file, &File::open(&file.path)?)
    }

    /// The same, and the state of the file before it was looked at.
    ///
    /// # Errors
    ///
    /// When the file cannot be opened or read.
    pub(in crate::run) fn with_state(file: &SpoolFile) -> io::Result<Option<(Self, FileState)>> {
        if file.is_standard_input() {
            return Ok(None);
        }
        let opened = File::open(&file.path)?;
        let metadata = opened.metadata()?;
        let state = FileState::of(&metadata);
        Ok(Self::of_state(file, &opened, &metadata)?.map(|key| (key, state)))
    }

    /// The same for a file that is open already. Its offset stays where it is.
    ///
    /// # Errors
    ///
    /// When the file cannot be read.
    pub(in crate::run) fn of_opened(file: &SpoolFile, opened: &File) -> io::Result<Option<Self>> {
        Self::of_state(file, opened, &opened.metadata()?)
    }

    fn of_state(file: &SpoolFile, opened: &File, metadata: &Metadata) -> io::Result<Option<Self>> {
        let Some(modified) = file.modified.filter(|_| metadata.is_file()) else { return Ok(None) };
        if metadata.len() != file.size || metadata.modified()? != modified {
            return Ok(None);
        }
        let head_and_tail = head_and_tail(opened, file.size)?;
        // A walk gives paths that have nothing to be resolved.
        let path = match file.path.is_absolute() {
            true => Cow::from(&file.path),
            false => Cow::from(std::path::absolute(&file.path)?),
        };
        let mut bytes = Vec::with_capacity(BEFORE_PATH_BYTES + path.as_os_str().len());
        bytes.extend(XxHash3_128::oneshot(&head_and_tail).to_le_bytes());
        bytes.extend(file.size.to_le_bytes());
        bytes.extend(nanoseconds(modified).to_le_bytes());
        // A file that was put back from elsewhere keeps all of the above when its middle alone differs.
        bytes.extend(metadata.ino().to_le_bytes());
        bytes.extend(metadata.ctime().to_le_bytes());
        bytes.extend(metadata.ctime_nsec().to_le_bytes());
        // How it was typed decides what its directories say, and with that how it is read.
        bytes.push(file.kind as u8);
        bytes.push(u8::from(file.placement.is_some()));
        bytes.extend(path.as_os_str().as_bytes());
        let path_digest = digest_of_path(&path);
        Ok(Some(Self { bytes: bytes.into(), path_digest }))
    }

    /// The key of a part of what reading the file gave in one run of the program: a run of its legs. Parts
    /// of two runs of the program do not go together, so each has keys of its own.
    pub(in crate::run) fn of_part(&self, run: u64, number: u32) -> Self {
        let mut bytes = self.bytes.to_vec();
        // No path holds a zero.
        bytes.extend(format!("\0{run} {number}").into_bytes());
        let path = bytes.get(BEFORE_PATH_BYTES..).unwrap_or_default();
        let path_digest = digest_of_path(Path::new(std::ffi::OsStr::from_bytes(path)));
        Self { bytes: bytes.into(), path_digest }
    }

    /// As it is stored.
    pub(in crate::run) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Digest of the path alone: two states of one file share it.
    pub(super) const fn path_digest(&self) -> u128 {
        self.path_digest
    }
}

/// What the system says of a file and does not say again when the file is written, replaced, or given
/// other times, whatever these are: which file it is, and when it last changed in any way. Says nothing
/// from one run to the next: moving or linking a file changes it, too.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::run) struct FileState {
    device: u64,
    inode: u64,
    bytes: u64,
    /// Seconds and nanoseconds of the last write, then of the last change.
    times: [i64; 4],
}

impl FileState {
    /// As it is now; absent for the standard input, and for a file that is not there any more.
    pub(in crate::run) fn now(file: &SpoolFile) -> Option<Self> {
        let metadata = (!file.is_standard_input()).then(|| file.path.metadata());
        Some(Self::of(&metadata?.ok()?))
    }

    fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            bytes: metadata.len(),
            times: [
                metadata.mtime(),
                metadata.mtime_nsec(),
                metadata.ctime(),
                metadata.ctime_nsec(),
            ],
        }
    }

    /// Adds it to what is digested.
    pub(in crate::run) fn append_to(&self, bytes: &mut Vec<u8>) {
        let Self { device, inode, bytes: length, times } = self;
        bytes.extend([device, inode, length].into_iter().flat_map(|number| number.to_le_bytes()));
        bytes.extend(times.iter().flat_map(|number| number.to_le_bytes()));
    }
}

/// Bytes of a stored key before the path.
pub(super) const BEFORE_PATH_BYTES: usize = 16 + 8 + 16 + 3 * 8 + 2;

/// The path in a stored key; absent when the key is too short.
pub(super) fn path_of(stored: &[u8]) -> Option<&Path> {
    let path = stored.get(BEFORE_PATH_BYTES..)?;
    Some(Path::new(std::ffi::OsStr::from_bytes(path)))
}

/// The file of a path in a stored key and, for a part of what reading it gave, the run of the program that
/// the part belongs to.
pub(super) fn file_of(path: &Path) -> (&Path, Option<u64>) {
    let bytes = path.as_os_str().as_bytes();
    let Some(end) = memchr::memchr(0, bytes) else { return (path, None) };
    let part = std::str::from_utf8(&bytes[end + 1..]).ok();
    let run = part.and_then(|part| part.split(' ').next()?.parse().ok());
    // A run that cannot be read is none: no entry belongs to it.
    (Path::new(std::ffi::OsStr::from_bytes(&bytes[..end])), Some(run.unwrap_or(u64::MAX)))
}

pub(super) fn digest_of_path(path: &Path) -> u128 {
    XxHash3_128::oneshot(path.as_os_str().as_bytes())
}

/// The first bytes of a file and the last ones; the whole file when it is short.
fn head_and_tail(file: &File, size: u64) -> io::Result<Vec<u8>> {
    let length = size.min(2 * DIGEST_PART_BYTES);
    // At most two parts.
    let mut bytes = vec![0; length as usize];
    let head = bytes.len().min(DIGEST_PART_BYTES as usize);
    file.read_exact_at(&mut bytes[..head], 0)?;
    let rest = bytes.len() - head;
    file.read_exact_at(&mut bytes[head..], size - rest as u64)?;
    Ok(bytes)
}

/// Nanoseconds since the epoch, negative before it.
fn nanoseconds(moment: SystemTime) -> i128 {
    match moment.duration_since(UNIX_EPOCH) {
        Ok(since) => i128::try_from(since.as_nanos()).unwrap_or(i128::MAX),
        Err(before) => -i128::try_from(before.duration().as_nanos()).unwrap_or(i128::MAX),
    }
}

/// Digest of the options that decide what reading a file gives. Those that only decide what is made of
/// it afterwards (timing, numbers, what is written) are not among them.
pub(in crate::run) fn options_digest(rules: &CaptureRules) -> u128 {
    let CaptureRules { sip_ports, without_ipv6, .. } = rules;
    let mut bytes = vec![u8::from(*without_ipv6)];
    for (low, high) in sip_ports {
        bytes.extend(low.to_le_bytes());
        bytes.extend(high.to_le_bytes());
    }
    XxHash3_128::oneshot(&bytes)
}

/// Digest of the program that runs: its version, and its file as it was built, because two builds of one
/// version may read a capture in different ways.
pub(super) fn program_digest() -> u128 {
    let built = std::env::current_exe().and_then(|path| path.metadata());
    let (size, modified) = built
        .map_or((0, 0), |metadata| (metadata.len(), metadata.modified().map_or(0, nanoseconds)));
    let text = format!("{} {size} {modified}", env!("CARGO_PKG_VERSION"));
    XxHash3_128::oneshot(text.as_bytes())
}
