//! One tar header block to an entry: names, sizes and kinds of ustar, GNU, pax and the sniffer.
//!
//! Own code instead of a crate: the sniffer writes "ustar\0" with a version of two spaces, pads its
//! numbers with spaces, may leave no end blocks and may be killed in mid-entry (run section 3); a crate
//! takes one of these for the end of the archive, and none gives slices of what was pushed.

/// Size of a tar block.
pub(super) const TAR_BLOCK_BYTES: usize = 512;

/// What an entry is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum EntryKind {
    /// A file with content.
    File,
    /// GNU `L`: the content is the next entry's name.
    GnuLongName,
    /// pax `x`: the content is records about the next entry.
    Pax,
    /// Anything else: directories, links, devices, global pax, GNU sparse maps.
    Other(u8),
}

/// A header block, read.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Entry {
    /// Path as stored: prefix and name joined.
    pub(super) name: Vec<u8>,
    /// Bytes of content.
    pub(super) size: u64,
    pub(super) kind: EntryKind,
    /// Whether the sniffer wrote it: its version field is two spaces behind a POSIX magic.
    pub(super) by_sniffer: bool,
}

/// Whether a block is all zeros.
pub(super) fn is_zero(block: &[u8; TAR_BLOCK_BYTES]) -> bool {
    *block == [0; TAR_BLOCK_BYTES]
}

/// Whether a stream that starts with this block is a tar: its checksum is right, or it says ustar and
/// has a size.
pub(super) fn is_archive_start(block: &[u8; TAR_BLOCK_BYTES]) -> bool {
    parse(block).is_some()
        || (has_ustar(block) && block[0] != 0 && number(&block[124..136]).is_some())
}

fn has_ustar(block: &[u8; TAR_BLOCK_BYTES]) -> bool {
    block[257..262] == *b"ustar"
}

/// Reads a header block; absent when its checksum or its size is wrong.
pub(super) fn parse(block: &[u8; TAR_BLOCK_BYTES]) -> Option<Entry> {
    if block[0] == 0 && !has_ustar(block) {
        return None;
    }
    if !checksum_is_right(block) {
        return None;
    }
    let kind = match block[156] {
        // `7` is a contiguous file; NUL is what the sniffer and old tars write.
        0 | b'0' | b'7' => EntryKind::File,
        b'L' => EntryKind::GnuLongName,
        b'x' => EntryKind::Pax,
        other => EntryKind::Other(other),
    };
    let last = until_nul(&block[..100]);
    // GNU's magic is "ustar  "; its prefix field holds times, not a path.
    let posix = block[257..263] == *b"ustar\0";
    let name = if posix && block[345] != 0 {
        [until_nul(&block[345..500]), b"/", last].concat()
    } else {
        last.to_vec()
    };
    let size = if has_content(block[156]) { number(&block[124..136])? } else { 0 };
    Some(Entry { name, size, kind, by_sniffer: posix && block[263..265] == *b"  " })
}

/// Links, devices, directories and FIFOs carry no content whatever their size field says (POSIX pax,
/// ustar interchange format).
fn has_content(kind: u8) -> bool {
    !(b'1'..=b'6').contains(&kind)
}

/// The sum of all bytes with the checksum field as spaces, as unsigned or as signed bytes: old tars and
/// the sniffer sum signed.
fn checksum_is_right(block: &[u8; TAR_BLOCK_BYTES]) -> bool {
    let Some(stored) = number(&block[148..156]).and_then(|stored| i64::try_from(stored).ok())
    else {
        return false;
    };
    let spaces = 8 * i64::from(b' ');
    let unsigned = sum(block) - sum(&block[148..156]) + spaces;
    if stored == unsigned {
        return true;
    }
    // A byte of 128 and more counts 256 less where bytes are signed.
    let high = |bytes: &[u8]| bytes.iter().map(|byte| i64::from(*byte >> 7)).sum::<i64>();
    stored == unsigned - 256 * (high(block) - high(&block[148..156]))
}

/// Bytes whose sum fits 16 bits whatever they are.
const SUMMED_BYTES: usize = 256;

/// The sum of all bytes, in a form that compilers turn into vector instructions.
fn sum(bytes: &[u8]) -> i64 {
    let part = |bytes: &[u8]| bytes.iter().map(|byte| u16::from(*byte)).sum::<u16>();
    bytes.chunks(SUMMED_BYTES).map(|bytes| i64::from(part(bytes))).sum()
}

/// A number: octal digits among spaces and ended by NUL or space, or base 256 with the top bit set.
pub(super) fn number(field: &[u8]) -> Option<u64> {
    let first = *field.first()?;
    if first & 0x80 != 0 {
        // 0xff starts a negative number: no size or checksum is one.
        if first & 0x40 != 0 {
            return None;
        }
        let mut value = u64::from(first & 0x3f);
        for byte in &field[1..] {
            value = value.checked_mul(256)?.checked_add(u64::from(*byte))?;
        }
        return Some(value);
    }
    let mut value = 0u64;
    let mut digits = false;
    for byte in field {
        match byte {
            b'0'..=b'7' => {
                value = value.checked_mul(8)?.checked_add(u64::from(byte - b'0'))?;
                digits = true;
            }
            b' ' if !digits => {}
            b' ' | 0 => break,
            _ => return None,
        }
    }
    // An empty field is 0 in tars of devices and directories.
    (digits || field.iter().all(|byte| matches!(byte, 0 | b' '))).then_some(value)
}

/// What a pax record block (`x`) says about the next entry.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct PaxFacts {
    /// `path`.
    pub(super) path: Option<Vec<u8>>,
    /// `size`.
    pub(super) size: Option<u64>,
}

/// Reads pax records, `LENGTH KEY=VALUE\n` each; stops at the first that is not one.
pub(super) fn parse_pax(mut content: &[u8]) -> PaxFacts {
    let mut facts = PaxFacts::default();
    while let Some((record, rest)) = pax_record(content) {
        content = rest;
        let Some(equals) = memchr::memchr(b'=', record) else { break };
        let value = &record[equals + 1..];
        match &record[..equals] {
            b"path" => facts.path = Some(value.to_vec()),
            b"size" => facts.size = decimal(value),
            _ => {}
        }
    }
    facts
}

/// Splits off one record: `KEY=VALUE` and what follows it.
fn pax_record(content: &[u8]) -> Option<(&[u8], &[u8])> {
    let space = memchr::memchr(b' ', content)?;
    let length = usize::try_from(decimal(&content[..space])?).ok()?;
    let record = content.get(space + 1..length)?;
    Some((record.strip_suffix(b"\n")?, &content[length..]))
}

/// A decimal number of ASCII digits.
pub(super) fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0u64, |value, byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        value.checked_mul(10)?.checked_add(digit)
    })
}

/// The bytes before the first NUL.
pub(super) fn until_nul(field: &[u8]) -> &[u8] {
    &field[..memchr::memchr(0, field).unwrap_or(field.len())]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// The sums of a block are what its bytes make one by one, with its own sum as spaces.
        #[test]
        fn a_checksum_is_the_sum_of_the_bytes(
            bytes in prop::collection::vec(any::<u8>(), TAR_BLOCK_BYTES),
            as_signed in any::<bool>(),
            off in prop_oneof![Just(0), Just(1)],
        ) {
            let mut block: [u8; TAR_BLOCK_BYTES] = bytes.try_into().unwrap();
            let mut sum = 0;
            for (at, byte) in block.iter().enumerate() {
                let byte = if (148..156).contains(&at) { b' ' } else { *byte };
                sum += if as_signed { i64::from(byte.cast_signed()) } else { i64::from(byte) };
            }
            prop_assume!(sum >= 0);
            let stored = format!("{:06o}\0 ", sum + off);
            block[148..156].copy_from_slice(stored.as_bytes());
            prop_assert_eq!(checksum_is_right(&block), off == 0);
        }
    }

    #[test]
    fn numbers_in_every_style() {
        let check = |field: &[u8], expect: Option<u64>| {
            assert_eq!(number(field), expect, "{field:02x?}");
        };
        check(b"00000000017\0", Some(15));
        check(b"       2177 ", Some(0o2177));
        check(b"            ", Some(0));
        check(&[0; 12], Some(0));
        check(b"10212 \0\0", Some(0o10212));
        check(&[0x80, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0], Some(1 << 32));
        check(&[0x80, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], None);
        check(&[0xff; 12], None);
        check(b"12x4", None);
        check(b"9", None);
        check(b"", None);
    }

    #[test]
    fn pax_records_give_path_and_size() {
        let facts = parse_pax(b"11 path=ab\n14 size=12345\n20 mtime=1.5 ignored\n");
        assert_eq!(facts.path.as_deref(), Some(&b"ab"[..]));
        assert_eq!(facts.size, Some(12_345));
        let facts = parse_pax(b"14 size=123456\n11 path=ab\n");
        assert_eq!(facts, PaxFacts::default(), "a record of the wrong length ends the reading");
        let facts = parse_pax(b"12 size=123\n11 path=a=\n");
        assert_eq!((facts.path, facts.size), (Some(b"a=".to_vec()), Some(123)));
    }
}
