//! Entries to the bytes of an archive as the vendor's sniffer writes it (run section 3, facts G).

use md5::{Digest, Md5};

const BLOCK_BYTES: usize = 512;
/// Longer names (with extension) are hashed.
const NAME_BYTES_MAX: usize = 92;
/// Bytes of a long name that stay readable.
const NAME_KEPT_BYTES: usize = 54;
/// Plain bytes in one block of LZO framing.
const LZO_BLOCK_BYTES: usize = 8_192;

/// A Call-ID as the vendor writes it into a file name.
pub(crate) fn escaped(call_id: &str) -> String {
    let keep = |byte: u8| byte.is_ascii_alphanumeric() || b":.@-".contains(&byte);
    call_id.bytes().map(|byte| if keep(byte) { char::from(byte) } else { '_' }).collect()
}

/// The name of an archive entry for a leg.
pub(crate) fn entry_name(file_stem: &str) -> String {
    let name = escaped(file_stem) + ".pcap";
    if name.len() <= NAME_BYTES_MAX {
        return name;
    }
    // Escaped names are ASCII, so any cut is at a character.
    let (kept, rest) = name.split_at(NAME_KEPT_BYTES);
    let digest = Md5::digest(rest.as_bytes());
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{kept}_hash_{hex}")
}

/// Appends an entry; `modified_s` is the start of the call.
pub(crate) fn push_entry(archive: &mut Vec<u8>, name: &str, modified_s: i64, content: &[u8]) {
    let mut header = [0u8; BLOCK_BYTES];
    let mut put = |at: usize, text: &str| {
        header[at..at + text.len()].copy_from_slice(text.as_bytes());
    };
    put(0, &name[..name.len().min(99)]);
    put(100, "   444 \0");
    put(108, "     0 \0");
    put(116, "     0 \0");
    put(124, &format!("{:11o} ", content.len()));
    put(136, &format!("{:11o} ", modified_s.max(0)));
    put(148, "        ");
    put(257, "ustar\0  ");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:6o} \0").as_bytes());
    archive.extend_from_slice(&header);
    archive.extend_from_slice(content);
    archive.resize(archive.len().next_multiple_of(BLOCK_BYTES), 0);
}

/// The end of an archive that was closed in order: two zero blocks, no further padding.
pub(crate) fn push_end(archive: &mut Vec<u8>) {
    archive.resize(archive.len() + 2 * BLOCK_BYTES, 0);
}

/// LZO framing of an entry; the plain bytes when the codec refuses (readers tell by magic).
pub(crate) fn lzo_framed(content: Vec<u8>) -> Vec<u8> {
    let mut framed = b"LZO".to_vec();
    for block in content.chunks(LZO_BLOCK_BYTES) {
        let Ok(compressed) = lzokay::compress::compress(block) else { return content };
        framed.extend_from_slice(&(block.len() as u32).to_le_bytes());
        framed.extend_from_slice(&(compressed.len() as u32).to_le_bytes());
        framed.extend_from_slice(&compressed);
    }
    framed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_escaped_and_hashed_as_the_vendor_does() {
        assert_eq!(entry_name("coll/1@h"), "coll_1@h.pcap");
        assert_eq!(entry_name(&"a".repeat(87)), format!("{}.pcap", "a".repeat(87)));
        let hashed = entry_name(&"a".repeat(88));
        assert_eq!(hashed.len(), NAME_BYTES_MAX);
        assert!(hashed.starts_with(&format!("{}_hash_", "a".repeat(54))), "{hashed}");
    }

    #[test]
    fn header_has_the_vendors_fields() {
        let mut archive = Vec::new();
        push_entry(&mut archive, "marker@10.0.0.1.pcap", 1_795_222_800, &[7; 2_789]);
        // Bytes of an archive that sniffer 2026.04.0 wrote for this entry (run section 3).
        assert_eq!(
            &archive[100..156],
            b"   444 \0     0 \0     0 \0       5345 15300166420  10230 \0"
        );
        assert_eq!(archive.len(), 512 + 3_072);
    }

    #[test]
    fn lzo_frames_unpack_to_the_content() {
        let content: Vec<u8> = (0..20_000u32).map(|number| (number / 7) as u8).collect();
        let framed = lzo_framed(content.clone());
        let (magic, mut rest) = framed.split_at(3);
        assert_eq!(magic, b"LZO");
        let mut plain = Vec::new();
        while !rest.is_empty() {
            let size =
                |at: usize| u32::from_le_bytes(rest[at..at + 4].try_into().unwrap()) as usize;
            let mut block = vec![0; size(0)];
            let length = lzokay::decompress::decompress(&rest[8..8 + size(4)], &mut block).unwrap();
            plain.extend_from_slice(&block[..length]);
            rest = &rest[8 + size(4)..];
        }
        assert_eq!(plain, content);
    }
}
