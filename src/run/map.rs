//! A file's bytes: a path in; a slice, or pieces where a slice would be dangerous, out.
//!
//! The only module with `unsafe`: it maps large files, and a mapped file that another program cuts
//! gives SIGBUS when its lost pages are touched. The argument why this is sound enough:
//!
//! 1. Files below [`MAPPED_BYTES_MIN`], files written within [`YOUNG`] and everything that is not a
//!    regular file are read, never mapped. So captures that are being written are not mapped. The
//!    sniffer itself never shortens a file that is older: it renames, unlinks and appends
//!    (run section 3), none of which touches the pages of a map.
//! 2. Where a file is cut all the same (or the disk fails under a page), the handler below puts zero
//!    pages where the lost ones were and marks the map. The parsers take any bytes, so they go on
//!    through zeros to the end; [`OpenFile::change`] then says that the file was cut, and its reader
//!    records the loss. The populating advice of Linux was no way out: a page that was populated is
//!    lost again when the file is cut after that.
//! 3. The bytes of a shared slice then change once, from file to zero. Every parser of this program
//!    keeps to the length of the slice, which does not change, and keeps no pointer or index that a
//!    byte of the map was trusted for without checking it against that length.
//! 4. The handler uses atomics, `mmap` and `sigaction` alone, all of which are safe in a handler. Bus
//!    errors outside the registered maps go to whoever had the signal before.
#![allow(unsafe_code)]

use memmap2::{Advice, Mmap, UncheckedAdvice};
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::ops::{Deref, Range};
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

/// Smaller files are read: below this a read costs less than a map and its page faults.
pub const MAPPED_BYTES_MIN: u64 = 1 << 20;
/// Files written more recently than this are read: the sniffer may still write them.
pub const YOUNG: Duration = Duration::from_secs(3_600);
/// Size of a piece: fits the second-level cache, where pieces are parsed as fast as a map.
pub const PIECE_BYTES: usize = 512 << 10;
/// What is dropped behind the reader is a multiple of this: no system has larger pages by default.
pub(super) const DROPPED_UNIT_BYTES: usize = 64 << 10;
/// Maps at one time; more files than that are read in pieces. Far above any number of threads.
const MAPS_MAX: usize = 256;

/// When a file is read and when it is mapped.
#[derive(Clone, Copy, Debug)]
pub struct OpenRules {
    /// Smaller files are read.
    pub mapped_bytes_min: u64,
    /// Files written more recently are read.
    pub young: Duration,
    /// Hears of each file when it is open and nothing of it was read yet: what happens to a file from
    /// then on happens while it is read. For tests; does nothing by default.
    pub opened: fn(&Path),
}

impl Default for OpenRules {
    fn default() -> Self {
        Self { mapped_bytes_min: MAPPED_BYTES_MIN, young: YOUNG, opened: |_| {} }
    }
}

/// All bytes of a file.
#[derive(Debug)]
pub enum FileBytes {
    /// Read into memory.
    Owned(Vec<u8>),
    /// Mapped.
    Mapped(Mapping),
}

impl FileBytes {
    /// See [`Mapping::drop_behind`].
    pub fn drop_behind(&self, part: Range<usize>) {
        if let Self::Mapped(mapping) = self {
            mapping.drop_behind(part);
        }
    }
}

impl Deref for FileBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Owned(bytes) => bytes,
            Self::Mapped(mapping) => &mapping.map,
        }
    }
}

/// What an opened file gives.
#[derive(Debug)]
pub enum Content {
    /// Its bytes at once.
    Whole(FileBytes),
    /// Its bytes piece by piece.
    Pieces(Pieces),
}

/// What happened to a file while it was read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Change {
    /// Nothing.
    None,
    /// It grew: what came after the opening was not read.
    Grew,
    /// It was cut, or its disk failed: bytes after the cut were lost or read as zeros.
    Cut,
    /// It was written without changing its length: what was read may be a mixture.
    Rewritten,
}

/// A file that is being read.
#[derive(Debug)]
pub struct OpenFile {
    /// Its bytes.
    pub content: Content,
    /// Absent for the standard input.
    watch: Option<(File, Metadata)>,
}

impl OpenFile {
    /// Opens a file; `-` is the standard input.
    ///
    /// # Errors
    ///
    /// When it cannot be opened or read.
    pub fn open(path: &Path, rules: &OpenRules) -> io::Result<Self> {
        if path == Path::new("-") {
            let pieces = Pieces { source: Box::new(io::stdin()), left: u64::MAX };
            return Ok(Self { content: Content::Pieces(pieces), watch: None });
        }
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        let is_read_at_once = metadata.is_file() && metadata.len() < rules.mapped_bytes_min;
        if is_read_at_once {
            (rules.opened)(path);
        }
        let content = Self::content(&file, &metadata, rules)?;
        if !is_read_at_once {
            (rules.opened)(path);
        }
        Ok(Self { content, watch: Some((file, metadata)) })
    }

    fn content(file: &File, metadata: &Metadata, rules: &OpenRules) -> io::Result<Content> {
        let len = metadata.len();
        if metadata.is_file() && len < rules.mapped_bytes_min {
            // One call, where reading to the end would feel its way with several.
            let mut bytes = vec![0; usize::try_from(len).unwrap_or(0)];
            let (filled, outcome) = read_into(&mut { file }, &mut bytes);
            outcome?;
            bytes.truncate(filled);
            return Ok(Content::Whole(FileBytes::Owned(bytes)));
        }
        if metadata.is_file()
            && !is_young(metadata, rules.young)
            && let Some(mapping) = Mapping::new(file)?
        {
            return Ok(Content::Whole(FileBytes::Mapped(mapping)));
        }
        // A file that grows faster than it is read must end all the same.
        let left = if metadata.is_file() { len } else { u64::MAX };
        Ok(Content::Pieces(Pieces { source: Box::new(file.try_clone()?), left }))
    }

    /// Bytes of the file when it was opened; absent for the standard input.
    #[must_use]
    pub fn size(&self) -> Option<u64> {
        self.watch.as_ref().map(|(_, before)| before.len())
    }

    /// What happened to the file since it was opened; call it when all was read.
    ///
    /// # Errors
    ///
    /// When the system does not say.
    pub fn change(&self) -> io::Result<Change> {
        let Some((file, before)) = &self.watch else { return Ok(Change::None) };
        let after = file.metadata()?;
        let was_hit =
            matches!(&self.content, Content::Whole(FileBytes::Mapped(map)) if map.was_cut());
        Ok(if was_hit || after.len() < before.len() {
            Change::Cut
        } else if before.is_file() && after.len() > before.len() {
            Change::Grew
        } else if before.is_file() && after.modified().ok() != before.modified().ok() {
            Change::Rewritten
        } else {
            Change::None
        })
    }
}

fn is_young(metadata: &Metadata, young: Duration) -> bool {
    let age = metadata.modified().ok().and_then(|at| SystemTime::now().duration_since(at).ok());
    // A time in the future, or none, tells nothing: as if it were young.
    age.is_none_or(|age| age < young)
}

/// Reads until `buffer` is full, the source ends, or it fails: how many bytes came.
fn read_into(source: &mut impl Read, buffer: &mut [u8]) -> (usize, io::Result<()>) {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match source.read(rest) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return (filled, Err(error)),
        }
    }
    (filled, Ok(()))
}

/// A file that is read piece by piece.
pub struct Pieces {
    source: Box<dyn Read + Send + Sync>,
    left: u64,
}

impl std::fmt::Debug for Pieces {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Pieces").field("left", &self.left).finish_non_exhaustive()
    }
}

impl Pieces {
    /// Puts the next piece into `buffer` and gives its length; 0 at the end. The buffer is as long as
    /// the piece then, at most [`PIECE_BYTES`].
    ///
    /// # Errors
    ///
    /// When the file cannot be read further.
    pub fn read(&mut self, buffer: &mut Vec<u8>) -> io::Result<usize> {
        let most = usize::try_from(self.left).map_or(PIECE_BYTES, |left| left.min(PIECE_BYTES));
        buffer.resize(most, 0);
        let (filled, outcome) = read_into(&mut self.source, buffer);
        // What came before an error counts; the next call meets it again.
        if filled == 0 {
            outcome?;
        }
        buffer.truncate(filled);
        self.left -= filled as u64;
        Ok(filled)
    }
}

/// A mapped file under the guard.
#[derive(Debug)]
pub struct Mapping {
    map: Mmap,
    region: &'static Region,
}

impl Deref for Mapping {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.map
    }
}

impl Mapping {
    /// Maps a file; absent where the guard has no room, is not to be had, or the file is empty.
    pub(super) fn new(file: &File) -> io::Result<Option<Self>> {
        if !install_guard() {
            return Ok(None);
        }
        let Some(region) = REGIONS.iter().find(|region| !region.taken.swap(true, Ordering::AcqRel))
        else {
            return Ok(None);
        };
        // SAFETY: the map is only read, and a file that is cut under it is caught: points 1 to 4 above.
        let mapped = unsafe { Mmap::map(file) };
        let map = match mapped {
            Ok(map) if !map.is_empty() => map,
            failed => {
                region.taken.store(false, Ordering::Release);
                return failed.map(|_| None);
            }
        };
        region.cut.store(false, Ordering::Relaxed);
        region.len.store(map.len(), Ordering::Release);
        region.start.store(map.as_ptr().addr(), Ordering::Release);
        // Advice only: where the system does not take it, reading is slower and nothing else.
        let _ = map.advise(Advice::Sequential);
        Ok(Some(Self { map, region }))
    }

    /// Gives the pages of a part back that is done with, so that a large file does not stay in memory.
    /// Only whole pages inside `part` go; they would be read again if they were touched again.
    pub fn drop_behind(&self, part: Range<usize>) {
        let start = part.start.next_multiple_of(DROPPED_UNIT_BYTES);
        let end = match part.end {
            end if end >= self.map.len() => self.map.len(),
            end => end / DROPPED_UNIT_BYTES * DROPPED_UNIT_BYTES,
        };
        if start >= end {
            return;
        }
        // SAFETY: the map is of a file and never written, so a page that is dropped comes back with the
        // file's bytes; the zero pages of the guard come back as zeros.
        let _ = unsafe {
            self.map.unchecked_advise_range(UncheckedAdvice::DontNeed, start, end - start)
        };
    }

    /// Whether a lost page was touched.
    #[must_use]
    pub fn was_cut(&self) -> bool {
        self.region.cut.load(Ordering::Acquire)
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // Still mapped here, so no other map can lie at this address before it is off the list; the
        // place is free for others only after that.
        self.region.start.store(0, Ordering::Release);
        self.region.taken.store(false, Ordering::Release);
    }
}

/// Where a map lies, for the handler. `start` is 0 while there is none.
#[derive(Debug)]
struct Region {
    taken: AtomicBool,
    start: AtomicUsize,
    len: AtomicUsize,
    cut: AtomicBool,
}

static REGIONS: [Region; MAPS_MAX] = [const {
    Region {
        taken: AtomicBool::new(false),
        start: AtomicUsize::new(0),
        len: AtomicUsize::new(0),
        cut: AtomicBool::new(false),
    }
}; MAPS_MAX];

#[cfg(not(target_os = "linux"))]
fn install_guard() -> bool {
    // Files are read in pieces there: as right, and hardly slower.
    false
}

#[cfg(target_os = "linux")]
use guard::install_guard;

#[cfg(target_os = "linux")]
mod guard {
    use super::{AtomicUsize, OnceLock, Ordering, REGIONS};
    use std::mem::MaybeUninit;

    /// The page size; set before the handler is installed.
    static PAGE_BYTES: AtomicUsize = AtomicUsize::new(4_096);
    /// What the signal did before; absent where the handler could not be installed.
    static PREVIOUS: OnceLock<Option<libc::sigaction>> = OnceLock::new();

    pub(super) fn install_guard() -> bool {
        PREVIOUS.get_or_init(install).is_some()
    }

    fn install() -> Option<libc::sigaction> {
        // SAFETY: sysconf reads a constant of the system.
        let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
        PAGE_BYTES.store(usize::try_from(page).ok()?, Ordering::Relaxed);
        let mut previous = MaybeUninit::<libc::sigaction>::zeroed();
        // SAFETY: a zeroed sigaction is valid (integers and a set of bits); every field that matters
        // is set, and `previous` is filled when the call returns 0.
        unsafe {
            let mut action = MaybeUninit::<libc::sigaction>::zeroed().assume_init();
            let handler: extern "C" fn(i32, *mut libc::siginfo_t, *mut libc::c_void) = on_bus_error;
            action.sa_sigaction = handler as *const () as usize;
            action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
            libc::sigemptyset(&raw mut action.sa_mask);
            let installed = libc::sigaction(libc::SIGBUS, &raw const action, previous.as_mut_ptr());
            (installed == 0).then(|| previous.assume_init())
        }
    }

    extern "C" fn on_bus_error(
        _signal: i32,
        info: *mut libc::siginfo_t,
        _context: *mut libc::c_void,
    ) {
        // SAFETY: the kernel gives a valid siginfo for SA_SIGINFO, and SIGBUS has an address.
        let address = unsafe { (*info).si_addr() }.addr();
        for region in &REGIONS {
            let start = region.start.load(Ordering::Acquire);
            let len = region.len.load(Ordering::Acquire);
            // The place of another map may change hands meanwhile: then start and length do not
            // belong together, and start is another one now.
            let is_steady = start != 0 && start == region.start.load(Ordering::Acquire);
            if is_steady && (start..start + len).contains(&address) && fill(address, start + len) {
                region.cut.store(true, Ordering::Release);
                return;
            }
        }
        let previous = PREVIOUS.get().and_then(Option::as_ref);
        // SAFETY: the action was the system's own a moment ago. The faulting instruction runs again
        // after the return and meets it; without one, the default ends the process.
        unsafe {
            match previous {
                Some(action) => libc::sigaction(libc::SIGBUS, action, std::ptr::null_mut()),
                None => i32::from(libc::signal(libc::SIGBUS, libc::SIG_DFL) == libc::SIG_ERR),
            };
        }
    }

    /// Puts zero pages from the page of `address` to the page of `end`.
    fn fill(address: usize, end: usize) -> bool {
        let page_bytes = PAGE_BYTES.load(Ordering::Relaxed);
        let first = address & !(page_bytes - 1);
        let len = (end - first).next_multiple_of(page_bytes);
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED;
        // SAFETY: the pages belong to a map of ours that is alive (its thread is reading it), which
        // unmaps its whole range by address when it is dropped, whatever lies there by then.
        let filled = unsafe {
            let at = std::ptr::with_exposed_provenance_mut(first);
            libc::mmap(at, len, libc::PROT_READ, flags, -1, 0)
        };
        filled != libc::MAP_FAILED
    }
}

#[cfg(test)]
#[path = "map_tests.rs"]
mod tests;
