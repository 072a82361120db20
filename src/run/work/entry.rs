//! The bytes of one entry: header, key, payload; and of the head of a segment.
//!
//! All numbers are little-endian. A header carries a checksum of itself and the key, so that the walk
//! over a segment needs no payload and stops where an entry was torn; the payload has one of its own.

use crate::base::limits::WORK_KEY_BYTES_MAX;
use twox_hash::XxHash3_64;

/// Changes with the layout below or with what is stored in payloads.
const FORMAT_VERSION: u32 = 2;
const SEGMENT_MAGIC: &[u8; 8] = b"rspWork\n";
const ENTRY_MAGIC: &[u8; 4] = b"rspE";
/// Magic, lengths of key and payload, run, checksum of the payload, checksum of header and key.
pub(super) const HEADER_BYTES: usize = 4 + 4 + 8 + 8 + 8 + 8;
/// Magic, format, program, options.
pub(super) const SEGMENT_HEAD_BYTES: usize = 8 + 4 + 16 + 16;

/// Who can use a segment.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Owner {
    /// The program that wrote it.
    pub(super) program: u128,
    /// The options it read files by.
    pub(super) options: u128,
}

impl Owner {
    /// The head of a segment.
    pub(super) fn head(self) -> [u8; SEGMENT_HEAD_BYTES] {
        let mut head = [0; SEGMENT_HEAD_BYTES];
        head[..8].copy_from_slice(SEGMENT_MAGIC);
        head[8..12].copy_from_slice(&FORMAT_VERSION.to_le_bytes());
        head[12..28].copy_from_slice(&self.program.to_le_bytes());
        head[28..].copy_from_slice(&self.options.to_le_bytes());
        head
    }

    /// Whose segment begins like this; absent for another format, or for no segment at all.
    pub(super) fn of(head: &[u8]) -> Option<Self> {
        let rest = head.strip_prefix(SEGMENT_MAGIC)?.strip_prefix(&FORMAT_VERSION.to_le_bytes())?;
        let (program, rest) = rest.split_first_chunk::<16>()?;
        let options = rest.first_chunk::<16>()?;
        Some(Self {
            program: u128::from_le_bytes(*program),
            options: u128::from_le_bytes(*options),
        })
    }

    /// Whether the bytes begin like a segment of any format, as far as they go.
    pub(super) fn is_segment(head: &[u8]) -> bool {
        let length = head.len().min(SEGMENT_MAGIC.len());
        head[..length] == SEGMENT_MAGIC[..length]
    }
}

/// The header of an entry.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Header {
    pub(super) key_bytes: u32,
    pub(super) payload_bytes: u64,
    /// The run that wrote it, counted over the life of the directory: of two entries of one path the
    /// later one counts.
    pub(super) run: u64,
    payload_checksum: u64,
    checksum: u64,
}

impl Header {
    /// Reads a header; absent when the bytes are none. The key has to be checked as well.
    pub(super) fn of(bytes: &[u8]) -> Option<Self> {
        let rest = bytes.first_chunk::<HEADER_BYTES>()?.strip_prefix(ENTRY_MAGIC)?;
        let (key_bytes, rest) = rest.split_first_chunk::<4>()?;
        let number = |place: usize| -> Option<u64> {
            Some(u64::from_le_bytes(*rest.get(8 * place..)?.first_chunk()?))
        };
        let header = Self {
            key_bytes: u32::from_le_bytes(*key_bytes),
            payload_bytes: number(0)?,
            run: number(1)?,
            payload_checksum: number(2)?,
            checksum: number(3)?,
        };
        (header.key_bytes as usize <= WORK_KEY_BYTES_MAX).then_some(header)
    }

    /// Whether header and key are as they were written.
    pub(super) fn is_of(&self, key: &[u8]) -> bool {
        key.len() == self.key_bytes as usize && self.checksum == self.checksum_with(key)
    }

    /// Whether the payload is as it was written.
    pub(super) fn holds(&self, payload: &[u8]) -> bool {
        payload.len() as u64 == self.payload_bytes
            && XxHash3_64::oneshot(payload) == self.payload_checksum
    }

    /// Bytes of the whole entry; absent when no file can hold it.
    pub(super) fn entry_bytes(&self) -> Option<u64> {
        self.payload_bytes.checked_add(HEADER_BYTES as u64 + u64::from(self.key_bytes))
    }

    fn checksum_with(&self, key: &[u8]) -> u64 {
        let mut bytes = Vec::with_capacity(HEADER_BYTES + key.len());
        self.append_all_but_checksum(&mut bytes);
        bytes.extend_from_slice(key);
        XxHash3_64::oneshot(&bytes)
    }

    fn append_all_but_checksum(&self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(ENTRY_MAGIC);
        bytes.extend(self.key_bytes.to_le_bytes());
        bytes.extend(self.payload_bytes.to_le_bytes());
        bytes.extend(self.run.to_le_bytes());
        bytes.extend(self.payload_checksum.to_le_bytes());
    }
}

/// Appends an entry; false, and nothing is appended, when the key is longer than any path.
pub(super) fn append(entries: &mut Vec<u8>, run: u64, key: &[u8], payload: &[u8]) -> bool {
    if key.len() > WORK_KEY_BYTES_MAX {
        return false;
    }
    let mut header = Header {
        key_bytes: u32::try_from(key.len()).unwrap_or(u32::MAX),
        payload_bytes: payload.len() as u64,
        run,
        payload_checksum: XxHash3_64::oneshot(payload),
        checksum: 0,
    };
    header.checksum = header.checksum_with(key);
    header.append_all_but_checksum(entries);
    entries.extend(header.checksum.to_le_bytes());
    entries.extend_from_slice(key);
    entries.extend_from_slice(payload);
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_segment_says_whose_it_is() {
        let owner = Owner { program: 7, options: u128::MAX };
        assert_eq!(Owner::of(&owner.head()), Some(owner));
        let mut newer = owner.head();
        newer[8] += 1;
        assert_eq!(Owner::of(&newer), None);
        assert!(Owner::is_segment(&newer) && !Owner::is_segment(b"\xd4\xc3\xb2\xa1"));
        assert_eq!(Owner::of(&owner.head()[..40]), None);
        assert!(Owner::is_segment(&newer[..5]) && Owner::is_segment(b""));
    }

    proptest! {
        /// One entry, whole and with one byte changed or its end missing.
        #[test]
        fn entries_are_whole_or_none(
            key in prop::collection::vec(any::<u8>(), 0..80),
            payload in prop::collection::vec(any::<u8>(), 0..200),
            run in any::<u64>(),
            at in any::<prop::sample::Index>(),
            flip in 1u8..,
        ) {
            let mut entry = Vec::new();
            prop_assert!(append(&mut entry, run, &key, &payload));
            prop_assert_eq!(read(&entry), Some((run, key.clone(), payload.clone())));
            prop_assert_eq!(read(&entry[..at.index(entry.len())]), None);
            let place = at.index(entry.len());
            entry[place] ^= flip;
            prop_assert_eq!(read(&entry), None);
        }
    }

    fn read(bytes: &[u8]) -> Option<(u64, Vec<u8>, Vec<u8>)> {
        let header = Header::of(bytes)?;
        let rest = &bytes[HEADER_BYTES..];
        let (key, rest) = rest.split_at_checked(header.key_bytes as usize)?;
        let payload = rest.get(..usize::try_from(header.payload_bytes).ok()?)?;
        (header.is_of(key) && header.holds(payload))
            .then(|| (header.run, key.to_vec(), payload.to_vec()))
    }
}
