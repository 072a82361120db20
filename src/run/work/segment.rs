//! One segment file: walked at the start, read by place, appended to by one worker.

use super::entry::{HEADER_BYTES, Header, Owner, SEGMENT_HEAD_BYTES, append};
use crate::base::limits::WORK_KEY_BYTES_MAX;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// What is written waits for so many bytes ...
const BUFFER_BYTES: usize = 64 << 10;
/// ... or so long: a killed run loses no more than that of each worker.
const BUFFER_TIME: Duration = Duration::from_millis(200);
/// What the walk reads of an entry at first: header and a usual path.
const WALK_READ_BYTES: usize = 256;

/// One entry as the walk meets it.
pub(super) struct Walked<'w> {
    pub(super) header: Header,
    pub(super) key: &'w [u8],
    pub(super) offset: u64,
    pub(super) bytes: u64,
}

/// Walks the entries of a segment, payloads unread. Gives the end of the last whole one: what lies
/// behind it was torn.
pub(super) fn walk(file: &File, mut each: impl FnMut(Walked<'_>)) -> io::Result<u64> {
    let size = file.metadata()?.len();
    let mut offset = SEGMENT_HEAD_BYTES as u64;
    let mut buffer = vec![0; HEADER_BYTES + WORK_KEY_BYTES_MAX];
    while offset < size {
        let mut have = read_at_most(file, &mut buffer[..WALK_READ_BYTES], offset)?;
        let Some(header) = Header::of(&buffer[..have]) else { break };
        let Some(bytes) = header.entry_bytes() else { break };
        if bytes > size - offset {
            break;
        }
        let end_of_key = HEADER_BYTES + header.key_bytes as usize;
        if have < end_of_key {
            have += read_at_most(file, &mut buffer[have..end_of_key], offset + have as u64)?;
        }
        let Some(key) = buffer[..have].get(HEADER_BYTES..end_of_key) else { break };
        if !header.is_of(key) {
            break;
        }
        each(Walked { header, key, offset, bytes });
        offset += bytes;
    }
    Ok(offset.min(size))
}

/// Fills the buffer as far as the file goes.
fn read_at_most(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut have = 0;
    while have < buffer.len() {
        match file.read_at(&mut buffer[have..], offset + have as u64) {
            Ok(0) => break,
            Ok(count) => have += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(have)
}

/// Whose segment a file is; absent when it is none, or of another format.
pub(super) fn owner(file: &File) -> io::Result<(bool, Option<Owner>)> {
    let mut head = [0; SEGMENT_HEAD_BYTES];
    let have = read_at_most(file, &mut head, 0)?;
    Ok((Owner::is_segment(&head[..have]), Owner::of(&head[..have])))
}

/// The payload at a place, when it is that of the key. `Err` when the bytes there are not as they were
/// written.
pub(super) fn read(
    file: &File,
    (offset, bytes): (u64, u64),
    key: &[u8],
) -> Result<Option<Vec<u8>>, io::Error> {
    let damaged = || io::Error::from(io::ErrorKind::InvalidData);
    let length = usize::try_from(bytes).map_err(|_| damaged())?;
    let mut entry = vec![0; length];
    file.read_exact_at(&mut entry, offset)?;
    let header = Header::of(&entry).ok_or_else(damaged)?;
    let end_of_key = HEADER_BYTES + header.key_bytes as usize;
    let stored = entry.get(HEADER_BYTES..end_of_key).ok_or_else(damaged)?;
    if !header.is_of(stored) {
        return Err(damaged());
    }
    if stored != key {
        return Ok(None);
    }
    let payload = entry.split_off(end_of_key);
    if header.holds(&payload) { Ok(Some(payload)) } else { Err(damaged()) }
}

/// Whether the entry at a place is that of the key; false when its bytes are not as they were written.
pub(super) fn has_key(file: &File, (offset, bytes): (u64, u64), key: &[u8]) -> bool {
    let length = HEADER_BYTES + key.len();
    if bytes < length as u64 {
        return false;
    }
    let mut head = vec![0; length];
    let is_read = file.read_exact_at(&mut head, offset).is_ok();
    let header = Header::of(&head).filter(|_| is_read);
    header.is_some_and(|header| {
        let stored = &head[HEADER_BYTES..];
        header.key_bytes as usize == stored.len() && header.is_of(stored) && stored == key
    })
}

/// The end of one segment, which grows.
#[derive(Debug)]
pub(super) struct Appender {
    file: File,
    /// End of what is written.
    end: u64,
    waiting: Vec<u8>,
    written: Instant,
}

impl Appender {
    /// A new segment.
    pub(super) fn create(path: &Path, owner: Owner) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(path)?;
        file.write_all_at(&owner.head(), 0)?;
        Ok(Self::at(file, SEGMENT_HEAD_BYTES as u64))
    }

    /// Goes on behind the last whole entry of a segment; what was torn there goes.
    pub(super) fn reopen(path: &Path, end: u64) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        file.set_len(end)?;
        Ok(Self::at(file, end))
    }

    fn at(file: File, end: u64) -> Self {
        Self { file, end, waiting: Vec::new(), written: Instant::now() }
    }

    /// Appends an entry and gives its bytes; 0 when its key is too long to be kept.
    pub(super) fn put(&mut self, run: u64, key: &[u8], payload: &[u8]) -> io::Result<u64> {
        let before = self.waiting.len();
        if !append(&mut self.waiting, run, key, payload) {
            return Ok(0);
        }
        let bytes = (self.waiting.len() - before) as u64;
        if self.waiting.len() >= BUFFER_BYTES || self.written.elapsed() >= BUFFER_TIME {
            self.flush()?;
        }
        Ok(bytes)
    }

    /// Appends bytes that are an entry already.
    pub(super) fn put_entry(&mut self, entry: &[u8]) -> io::Result<()> {
        self.waiting.extend_from_slice(entry);
        if self.waiting.len() >= BUFFER_BYTES { self.flush() } else { Ok(()) }
    }

    /// Writes what waits. After an error nothing of it is in the file, as far as that can be had.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        let written = self.file.write_all_at(&self.waiting, self.end);
        match written {
            Ok(()) => self.end += self.waiting.len() as u64,
            // A full disk: the walk would stop at the torn entry, and the room is wanted.
            Err(_) => drop(self.file.set_len(self.end)),
        }
        self.waiting.clear();
        // One large entry must not hold its memory for the rest of the run.
        self.waiting.shrink_to(2 * BUFFER_BYTES);
        self.written = Instant::now();
        written
    }

    /// End of what is written.
    pub(super) const fn end(&self) -> u64 {
        self.end
    }

    /// Asks the system to bring everything to the disk.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }
}

/// A segment that was there at the start.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) path: PathBuf,
    pub(super) file: File,
    /// End of its last whole entry.
    pub(super) end: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A disk that is full is an error at the next write, and nothing is taken for written.
    #[test]
    fn a_full_disk_is_told() {
        let file = OpenOptions::new().read(true).write(true).open("/dev/full").unwrap();
        let mut appender = Appender::at(file, 44);
        assert!(appender.put(1, b"key", &[7; BUFFER_BYTES]).is_err());
        assert_eq!((appender.end(), appender.waiting.len()), (44, 0));
        assert_eq!(appender.put(1, b"key", b"small").unwrap(), HEADER_BYTES as u64 + 8);
        assert!(appender.flush().is_err());
    }
}
