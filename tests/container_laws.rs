//! Laws of the unpacker over hand-made archives: what comes out is what was put in; pieces in which
//! bytes arrive do not matter; a cut archive gives a prefix; damage gives notes, not panics.

#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test stops at what it did not expect"
)]

use proptest::prelude::*;
use respool::base::{FileId, Loss, LossKind, Note, NoteKind};
use respool::container::{ContainerSink, MemberNumber, StreamEnd, UnpackLimits, Unpacker};
use std::collections::BTreeMap;
use std::io::Write;

/// One stream with all its bytes.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Stream {
    member: MemberNumber,
    name: String,
    bytes: Vec<u8>,
    end: StreamEnd,
}

/// Everything a sink was told; streams in the order in which they were closed.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
struct Told {
    opened: Vec<MemberNumber>,
    streams: Vec<Stream>,
    notes: Vec<Note>,
    losses: Vec<Loss>,
}

#[derive(Default)]
struct Sink {
    open: BTreeMap<MemberNumber, (String, Vec<u8>)>,
    told: Told,
    refuse: bool,
}

impl ContainerSink for Sink {
    fn open(&mut self, member: MemberNumber, name: &[u8]) -> bool {
        let name = String::from_utf8_lossy(name).into_owned();
        assert!(self.open.insert(member, (name, Vec::new())).is_none(), "number given twice");
        self.told.opened.push(member);
        !self.refuse
    }
    fn data(&mut self, member: MemberNumber, bytes: &[u8]) {
        assert!(!self.refuse && !bytes.is_empty());
        let (_, kept) = self.open.get_mut(&member).expect("data of an open stream");
        kept.extend_from_slice(bytes);
    }
    fn close(&mut self, member: MemberNumber, end: StreamEnd) {
        let (name, bytes) = self.open.remove(&member).expect("closed once");
        self.told.streams.push(Stream { member, name, bytes, end });
    }
    fn note(&mut self, note: Note) {
        self.told.notes.push(note);
    }
    fn loss(&mut self, loss: Loss) {
        self.told.losses.push(loss);
    }
}

fn unpack<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Told {
    unpack_with(pieces, UnpackLimits::default(), false)
}

fn unpack_with<'a>(
    pieces: impl IntoIterator<Item = &'a [u8]>,
    limits: UnpackLimits,
    refuse: bool,
) -> Told {
    let mut sink = Sink { refuse, ..Sink::default() };
    let mut unpacker = Unpacker::with_limits(FileId(0), limits);
    for piece in pieces {
        unpacker.push(piece, &mut sink);
    }
    unpacker.finish(&mut sink);
    assert!(sink.open.is_empty(), "a stream was left open");
    sink.told
}

/// What is lost of a file, and how many bytes, told the same whatever the pieces.
fn losses(file: &[u8], may_be_empty_tar: bool) -> Vec<(LossKind, u64)> {
    let told = |size: usize| {
        let mut sink = Sink::default();
        let mut unpacker = Unpacker::new(FileId(0)).may_be_empty_tar(may_be_empty_tar);
        for piece in file.chunks(size) {
            unpacker.push(piece, &mut sink);
        }
        unpacker.finish(&mut sink);
        sink.told
    };
    let whole = told(usize::MAX);
    for size in [1, 511, 512, 700] {
        assert_eq!(told(size), whole, "pieces of {size}");
    }
    assert!(whole.losses.is_empty() || !whole.notes.is_empty(), "a loss without a note");
    whole.losses.iter().map(|loss| (loss.kind, loss.bytes)).collect()
}

// ---- builders ----

fn capture(records: u32) -> Vec<u8> {
    let mut bytes = vec![0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0];
    for field in [0u32, 0, 65_535, 1] {
        bytes.extend(field.to_le_bytes());
    }
    for index in 0..records {
        let payload = format!("packet {index} {}", "x".repeat(index as usize % 40));
        for field in [1_700_000_000 + index, index, payload.len() as u32, payload.len() as u32] {
            bytes.extend(field.to_le_bytes());
        }
        bytes.extend(payload.as_bytes());
    }
    bytes
}

#[derive(Clone, Copy, PartialEq)]
enum Style {
    Ustar,
    Gnu,
    Sniffer,
}

fn header(name: &[u8], size: u64, kind: u8, style: Style) -> Vec<u8> {
    let mut block = vec![0u8; 512];
    block[..name.len()].copy_from_slice(name);
    block[100..108].copy_from_slice(b"0000444\0");
    if size < 1 << 33 && style != Style::Gnu {
        let digits =
            if style == Style::Sniffer { format!("{size:11o} ") } else { format!("{size:011o}\0") };
        block[124..136].copy_from_slice(digits.as_bytes());
    } else {
        block[124] = 0x80;
        block[128..136].copy_from_slice(&size.to_be_bytes());
    }
    block[156] = kind;
    let magic: &[u8] = match style {
        Style::Ustar => b"ustar\x0000",
        Style::Gnu => b"ustar  \0",
        Style::Sniffer => b"ustar\0  ",
    };
    block[257..265].copy_from_slice(magic);
    block[148..156].fill(b' ');
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    block
}

fn entry_of(name: &[u8], content: &[u8], kind: u8, style: Style) -> Vec<u8> {
    let mut bytes = header(name, content.len() as u64, kind, style);
    bytes.extend(content);
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes
}

fn entry(name: &str, content: &[u8]) -> Vec<u8> {
    entry_of(name.as_bytes(), content, b'0', Style::Ustar)
}

fn piece(name: &str, content: &[u8]) -> Vec<u8> {
    entry_of(name.as_bytes(), content, 0, Style::Sniffer)
}

fn tar(entries: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = entries.concat();
    bytes.extend([0; 1_024]);
    bytes
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    use flate2::{Compress, Compression, FlushCompress};
    let mut out = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    let mut body = Vec::with_capacity(bytes.len() + 1_000);
    let mut deflate = Compress::new(Compression::default(), false);
    deflate.compress_vec(bytes, &mut body, FlushCompress::Finish).expect("deflates");
    out.extend(body);
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    out.extend(crc.sum().to_le_bytes());
    out.extend((bytes.len() as u32).to_le_bytes());
    out
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).expect("an encoder");
    encoder.include_checksum(bytes.len().is_multiple_of(2)).expect("a flag");
    // Flushed in the middle, as the sniffer does.
    encoder.write_all(&bytes[..bytes.len() / 2]).expect("writes");
    encoder.flush().expect("flushes");
    encoder.write_all(&bytes[bytes.len() / 2..]).expect("writes");
    encoder.finish().expect("finishes")
}

fn skippable(length: u32) -> Vec<u8> {
    let mut bytes = vec![0x53, 0x2a, 0x4d, 0x18];
    bytes.extend(length.to_le_bytes());
    bytes.extend(std::iter::repeat_n(7, length as usize));
    bytes
}

fn xz(bytes: &[u8]) -> Vec<u8> {
    let stream = liblzma::stream::Stream::new_easy_encoder(1, liblzma::stream::Check::Crc64);
    let mut encoder =
        liblzma::write::XzEncoder::new_stream(Vec::new(), stream.expect("an encoder"));
    encoder.write_all(bytes).expect("writes");
    encoder.finish().expect("finishes")
}

fn lz4(bytes: &[u8], linked: bool) -> Vec<u8> {
    use lz4_flex::frame::{BlockMode, BlockSize, FrameEncoder, FrameInfo};
    let info = FrameInfo::new()
        .block_size(BlockSize::Max64KB)
        .block_mode(if linked { BlockMode::Linked } else { BlockMode::Independent })
        .block_checksums(linked)
        .content_checksum(!linked);
    let mut encoder = FrameEncoder::with_frame_info(info, Vec::new());
    encoder.write_all(bytes).expect("writes");
    encoder.finish().expect("finishes")
}

fn lz4_legacy(bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![0x02, 0x21, 0x4c, 0x18];
    for block in bytes.chunks(1_000) {
        let packed = lz4_flex::block::compress(block);
        out.extend((packed.len() as u32).to_le_bytes());
        out.extend(packed);
    }
    out
}

/// The sniffer's framing, with blocks of `block` bytes that all carry the size of a whole write.
fn framed(magic: &[u8; 3], bytes: &[u8], write: usize, block: usize) -> Vec<u8> {
    let mut out = magic.to_vec();
    for whole in bytes.chunks(write) {
        for part in whole.chunks(block) {
            let packed = match magic {
                b"LZO" => lzokay::compress::compress(part).expect("compresses"),
                b"LZ4" => lz4_flex::block::compress(part),
                _ => snap::raw::Encoder::new().compress_vec(part).expect("compresses"),
            };
            out.extend((whole.len() as u32).to_le_bytes());
            out.extend((packed.len() as u32).to_le_bytes());
            out.extend(packed);
        }
    }
    out
}

fn long_name_entries() -> Vec<Vec<u8>> {
    let long = "d/".repeat(80) + "long.pcap";
    let mut gnu = entry_of(b"././@LongLink", format!("{long}\0").as_bytes(), b'L', Style::Gnu);
    gnu.extend(entry_of(&long.as_bytes()[..100], &capture(3), b'0', Style::Gnu));
    let path = format!("path=p/{long}\n");
    let record = format!("{} {path}", path.len() + 4);
    let mut pax = entry_of(b"pax", record.as_bytes(), b'x', Style::Ustar);
    pax.extend(entry("short.pcap", &capture(2)));
    let mut prefixed = header(b"name.pcap", 24, b'0', Style::Ustar);
    prefixed[345..351].copy_from_slice(b"prefix");
    prefixed[148..156].fill(b' ');
    let sum: u32 = prefixed.iter().map(|byte| u32::from(*byte)).sum();
    prefixed[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    prefixed.extend(capture(0));
    prefixed.resize(1_024, 0);
    vec![gnu, pax, prefixed, entry_of(b"dir/", b"", b'5', Style::Ustar)]
}

/// What it is, the file, and the names, contents and ends that are in it.
type Sample = (&'static str, Vec<u8>, Vec<(String, Vec<u8>, StreamEnd)>);

/// The archives of the table.
#[expect(clippy::too_many_lines, reason = "a table")]
fn samples() -> Vec<Sample> {
    use StreamEnd::{Complete, Cut};
    let one = capture(20);
    let two = capture(7);
    let whole = |name: &str, bytes: &[u8]| (name.to_owned(), bytes.to_vec(), Complete);
    let cut = |name: &str, bytes: &[u8]| (name.to_owned(), bytes.to_vec(), Cut);
    let long = "d/".repeat(80) + "long.pcap";
    let large: Vec<u8> = (0..200_000u32).map(|at| (at / 7 % 251) as u8).collect();
    let mixed = [&[0xd4, 0xc3, 0xb2, 0xa1][..], &large].concat();
    let (head, tail) = one.split_at(300);
    vec![
        ("plain", one.clone(), vec![whole("", &one)]),
        ("text", b"no capture".to_vec(), vec![whole("", b"no capture")]),
        ("empty", Vec::new(), vec![cut("", b"")]),
        (
            "tar",
            tar(&[entry("a.pcap", &one), entry("empty", b""), entry("b.txt", &[b'x'; 600])]),
            vec![whole("a.pcap", &one), whole("empty", b""), whole("b.txt", &[b'x'; 600])],
        ),
        ("tar without entries", vec![0; 1_024], vec![]),
        ("tar without end", entry("a.pcap", &one), vec![whole("a.pcap", &one)]),
        (
            "long names",
            tar(&long_name_entries()),
            vec![
                whole(&long, &capture(3)),
                whole(&format!("p/{long}"), &capture(2)),
                whole("prefix/name.pcap", &capture(0)),
            ],
        ),
        (
            "pieces, names used twice",
            tar(&[
                piece("a@h.pcap#1", head),
                piece("b@h.pcap", &two),
                piece("a@h.pcap#22", &tail[..5]),
                piece("b@h.pcap", &one),
                piece("a@h.pcap", &tail[5..]),
                piece("a@h.pcap", &two),
                piece("c@h.pcap#30", head),
                piece("c@h.pcap", &two),
                piece("c@h.pcap", tail),
            ]),
            vec![
                whole("b@h.pcap", &two),
                whole("b@h.pcap", &one),
                whole("a@h.pcap", &one),
                whole("a@h.pcap", &two),
                whole("c@h.pcap", &two),
                whole("c@h.pcap", &one),
            ],
        ),
        (
            "pieces of a killed sniffer",
            [piece("a.pcap#1", head), piece("z.pcap#2", b""), piece("a.pcap#3", tail)].concat(),
            vec![cut("a.pcap", &one), cut("z.pcap", b"")],
        ),
        (
            "names that end like pieces",
            tar(&[
                entry("x#7", b"some text"),
                entry("y#7", &one),
                entry("end_12", &two),
                entry("w.pcap_3", head),
                entry("end", &one),
                entry("w.pcap_4", &tail[..9]),
                entry("w.pcap", &tail[9..]),
            ]),
            vec![
                whole("x#7", b"some text"),
                whole("end_12", &two),
                whole("end", &one),
                whole("w.pcap", &one),
                whole("y", &one),
            ],
        ),
        (
            "gzip",
            [gzip(&one), gzip(b""), gzip(&two)].concat(),
            vec![whole("", &[one.clone(), two.clone()].concat())],
        ),
        ("gzip, padded", [gzip(&one), vec![0; 99]].concat(), vec![whole("", &one)]),
        ("gzip, garbage behind", [gzip(&one), b"garbage".to_vec()].concat(), vec![cut("", &one)]),
        ("gzip, header only", gzip(&one)[..10].to_vec(), vec![cut("", b"")]),
        ("gzip of large", gzip(&mixed), vec![whole("", &mixed)]),
        (
            "zstd",
            [skippable(5), zstd(&one), skippable(0), zstd(&two), skippable(3)].concat(),
            vec![whole("", &[one.clone(), two.clone()].concat())],
        ),
        ("zstd of large", zstd(&mixed), vec![whole("", &mixed)]),
        (
            "xz",
            [xz(&one), vec![0; 8], xz(&two), vec![0; 4]].concat(),
            vec![whole("", &[one.clone(), two.clone()].concat())],
        ),
        ("xz of large", xz(&mixed), vec![whole("", &mixed)]),
        (
            "lz4",
            [lz4(&one, false), skippable(9), lz4(&two, true)].concat(),
            vec![whole("", &[one.clone(), two.clone()].concat())],
        ),
        ("lz4 of large, linked", lz4(&mixed, true), vec![whole("", &mixed)]),
        ("lz4 legacy", lz4_legacy(&one), vec![whole("", &one)]),
        ("LZO, sizes too large", framed(b"LZO", &one, 400, 90), vec![whole("", &one)]),
        ("LZ4 blocks", framed(b"LZ4", &one, 400, 90), vec![whole("", &one)]),
        ("snappy blocks", framed(b"SNA", &one, 400, 90), vec![whole("", &one)]),
        ("LZO, magic only", b"LZO".to_vec(), vec![whole("", b"")]),
        (
            "entries of every codec, in pieces too",
            zstd(&tar(&[
                piece("gz", &gzip(&one)),
                piece("xz#1", &xz(&one)[..70]),
                piece("zst#2", &zstd(&one)[..2]),
                piece("lz4", &lz4(&two, false)),
                piece("zst", &zstd(&one)[2..]),
                piece("LZO-name", &framed(b"LZO", &one, 400, 90)),
                piece("xz", &xz(&one)[70..]),
                piece("inner.tar", &tar(&[entry("in", &two), entry("gz", &gzip(&one))])),
            ])),
            vec![
                whole("gz", &one),
                whole("lz4", &two),
                whole("zst", &one),
                whole("LZO-name", &one),
                whole("xz", &one),
                whole("inner.tar/in", &two),
                whole("inner.tar/gz", &one),
            ],
        ),
        (
            "garbage header between entries",
            tar(&[entry("a", &one), vec![b'?'; 1_024], entry("b", &two)]),
            vec![whole("a", &one), whole("b", &two)],
        ),
        ("entry cut by the end", entry("a", &one)[..700].to_vec(), vec![cut("a", &one[..188])]),
    ]
}

#[test]
fn what_was_put_in_comes_out() {
    for (what, file, expect) in samples() {
        let told = unpack([&file[..]]);
        let got: Vec<_> = told
            .streams
            .iter()
            .map(|stream| (stream.name.clone(), stream.bytes.clone(), stream.end))
            .collect();
        let names = |list: &[(String, Vec<u8>, StreamEnd)]| -> Vec<_> {
            list.iter().map(|(name, bytes, end)| (name.clone(), bytes.len(), *end)).collect()
        };
        assert_eq!(names(&got), names(&expect), "{what}: {:?}", told.notes);
        assert!(got == expect, "{what}: contents differ");
        let cut = expect.iter().any(|(_, _, end)| *end == StreamEnd::Cut);
        let loses = cut || ["garbage header between entries", "tail of zeros"].contains(&what);
        assert_eq!(!told.losses.is_empty(), loses, "{what}: {:?}", told.losses);
        assert!(told.losses.is_empty() || !told.notes.is_empty(), "{what}: a loss without a note");
    }
}

/// What a crash or a full disk leaves: a file of its size, and nothing in it.
#[test]
fn zeros_that_were_never_written_are_told() {
    let zeros = |bytes: usize| vec![0; bytes];
    let check = |what: &str, file: &[u8], named_as_tar: bool, expect: Option<(LossKind, u64)>| {
        let expect: Vec<_> = expect.into_iter().collect();
        assert_eq!(losses(file, named_as_tar), expect, "{what}");
    };
    let cut = |bytes: u64| Some((LossKind::CutTail, bytes));
    for bytes in [512, 1_024, 10_240] {
        check("a tar without entries", &zeros(bytes), true, None);
    }
    for bytes in [10_241, 10_752, 20_480, 100_000] {
        check("no tar has so many", &zeros(bytes), true, cut(bytes as u64));
    }
    for bytes in [512, 513, 1_024, 5_000, 10_240, 20_000] {
        check("not named as a tar", &zeros(bytes), false, cut(bytes as u64));
        check("encoded", &zstd(&zeros(bytes)), false, cut(bytes as u64));
    }
    check("an empty tar, encoded", &gzip(&zeros(10_240)), true, None);
    let one = capture(3);
    let behind = |first: Vec<u8>, blocks: usize| [first, zeros(blocks * 512)].concat();
    for blocks in [1, 2, 20, 21] {
        check("padded as tar does", &behind(entry("a", &one), blocks), true, None);
    }
    for blocks in [22, 40, 41, 400] {
        let bytes = blocks as u64 * 512;
        check("padded as no tar does", &behind(entry("a", &one), blocks), true, cut(bytes));
    }
    check("somebody closed it", &behind(piece("a", &one), 2), true, None);
    check("the sniffer pads nothing", &behind(piece("a", &one), 3), true, cut(3 * 512));
    let between = |blocks| [behind(entry("a", &one), blocks), entry("b", &one)].concat();
    check("one tar behind another", &between(21), true, None);
    check("a hole", &between(22), true, Some((LossKind::Damaged, 22 * 512)));
    let first = |blocks: usize| [zeros(blocks * 512), piece("b", &one)].concat();
    check("end blocks of an empty tar", &first(2), true, None);
    check("a hole at the start", &first(8), true, Some((LossKind::Damaged, 8 * 512)));
    let inside = |name: &str, bytes| tar(&[piece(name, &zeros(bytes)), piece("b", &one)]);
    check("an entry", &inside("a@h.pcap", 1_024), true, cut(1_024));
    let pieces = tar(&[piece("a@h.pcap#1", &zeros(1_024)), piece("a@h.pcap", b"")]);
    check("an entry in pieces", &pieces, true, cut(1_024));
    check("an empty tar inside", &inside("a.tar", 1_024), true, None);
    check("an empty tar inside", &inside("x/a.TAR.gz.1", 10_240), true, None);
    check("too many zeros inside", &inside("a.tar", 10_241), true, cut(10_241));
}

#[test]
fn pieces_of_any_fixed_size_tell_the_same() {
    for (what, file, _) in samples() {
        let whole = unpack([&file[..]]);
        for size in [1, 2, 3, 7, 511, 512, 513, 4_099] {
            let pieces = unpack(file.chunks(size));
            assert!(pieces == whole, "{what} in pieces of {size}: {:?}", pieces.notes);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn pieces_of_any_size_tell_the_same(
        sample in any::<prop::sample::Index>(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
    ) {
        let samples = samples();
        let (what, file, _) = &samples[sample.index(samples.len())];
        let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(file.len() + 1)).collect();
        places.extend([0, file.len()]);
        places.sort_unstable();
        let pieces = places.windows(2).map(|pair| &file[pair[0]..pair[1]]);
        prop_assert!(unpack(pieces) == unpack([&file[..]]), "{}", what);
    }
}

/// What came out of a part of a file is a prefix of what came out of the whole.
fn assert_prefix(part: &Told, whole: &Told, place: &str) {
    for stream in &part.streams {
        let same = whole.streams.iter().find(|other| other.member == stream.member);
        // A name shorter than a known magic stays what it is; a tar of less than a block is unknown.
        let Some(same) = same else {
            assert_eq!(stream.member, 0, "{place}: {stream:?}");
            continue;
        };
        if same.name == stream.name {
            // Fewer bytes than a magic cannot tell the last piece from another call of its name.
            let certain = stream.bytes.len().saturating_sub(15);
            assert!(same.bytes.starts_with(&stream.bytes[..certain]), "{place}: {}", stream.name);
        }
    }
}

#[test]
fn a_file_cut_anywhere_gives_a_prefix() {
    for (what, file, _) in samples() {
        let whole = unpack([&file[..]]);
        let step = (file.len() / 3_000).max(1);
        for length in (0..file.len()).step_by(step) {
            let place = format!("{what} cut at {length}");
            let part = unpack([&file[..length]]);
            assert_prefix(&part, &whole, &place);
            if length % 5 == 0 {
                assert!(unpack(file[..length].chunks(100)) == part, "{place} in pieces");
            }
        }
    }
}

/// A seeded generator, so that a failure can be repeated (xorshift64*).
struct Random(u64);

impl Random {
    /// Seeded by RESPOOL_SEED, to search further or to repeat.
    fn seeded() -> Self {
        let seed = std::env::var("RESPOOL_SEED").ok().and_then(|seed| seed.parse().ok());
        Self(seed.unwrap_or(0x5eed_u64).max(1))
    }

    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % bound.max(1)
    }
}

#[test]
fn flipped_bytes_never_panic_and_pieces_still_do_not_matter() {
    let mut random = Random::seeded();
    for (what, file, _) in samples() {
        let rounds = if file.len() > 20_000 { 10 } else { 60 };
        for round in 0..rounds {
            let mut damaged = file.clone();
            if damaged.is_empty() {
                continue;
            }
            for _ in 0..=random.below(4) {
                let at = random.below(damaged.len());
                damaged[at] ^= 1 << random.below(8);
            }
            let whole = unpack([&damaged[..]]);
            let pieces = unpack(damaged.chunks(1 + random.below(300)));
            assert!(whole == pieces, "{what}, round {round}:\n{whole:?}\n{pieces:?}");
        }
    }
}

#[test]
fn plain_bytes_are_not_copied() {
    struct Pointers<'a>(&'a [u8], usize);
    impl ContainerSink for Pointers<'_> {
        fn open(&mut self, _: MemberNumber, _: &[u8]) -> bool {
            true
        }
        fn data(&mut self, _: MemberNumber, bytes: &[u8]) {
            assert!(self.0.as_ptr_range().contains(&bytes.as_ptr()), "a copy of the input");
            self.1 += bytes.len();
        }
        fn close(&mut self, _: MemberNumber, _: StreamEnd) {}
        fn note(&mut self, _: Note) {}
        fn loss(&mut self, _: Loss) {}
    }
    let one = capture(50);
    for (file, expect) in [
        (one.clone(), one.len()),
        (tar(&[piece("a", &one), piece("b#1", &one), piece("b", b"rest")]), 2 * one.len() + 4),
    ] {
        let mut sink = Pointers(&file, 0);
        let mut unpacker = Unpacker::new(FileId(0));
        unpacker.push(&file, &mut sink);
        unpacker.finish(&mut sink);
        assert_eq!(sink.1, expect);
    }
}

#[test]
fn a_refused_stream_is_only_opened_and_closed() {
    for (what, file, expect) in samples() {
        let told = unpack_with([&file[..]], UnpackLimits::default(), true);
        assert_eq!(told.streams.len(), expect.len(), "{what}");
        assert!(told.streams.iter().all(|stream| stream.bytes.is_empty()), "{what}");
    }
}

#[test]
fn limits_end_a_stream_with_a_note_and_a_loss() {
    let check = |what: &str, file: &[u8], limits: UnpackLimits, bytes: &[usize]| {
        let told = unpack_with([file], limits, false);
        assert!(told.notes.iter().any(|note| note.kind == NoteKind::Limit), "{what}");
        assert!(told.losses.iter().any(|loss| loss.kind == LossKind::Limit), "{what}");
        let lengths: Vec<usize> = told.streams.iter().map(|stream| stream.bytes.len()).collect();
        assert_eq!(lengths, bytes, "{what}: {:?}", told.notes);
        assert!(told.streams.iter().any(|stream| stream.end == StreamEnd::Cut), "{what}");
        assert!(unpack_with(file.chunks(9), limits, false) == told, "{what} in pieces");
    };
    let usual = UnpackLimits::default();
    let nested = gzip(&gzip(&gzip(&capture(1))));
    // A frame header that asks for a window of 2 GiB.
    let window = [0x28, 0xb5, 0x2f, 0xfd, 0, 21 << 3, 1, 0, 0];
    check("window", &window, usual, &[0]);
    check("depth", &nested, UnpackLimits { depth: 2, ..usual }, &[0]);
    let small = UnpackLimits { expanded_bytes: 1_000, ..usual };
    check("bomb", &gzip(&vec![b'x'; 1 << 20]), small, &[1_000]);
    check(
        "bomb in a tar",
        &tar(&[entry("a", &zstd(&[b'x'; 5_000])), entry("b", b"b")]),
        small,
        &[1_000, 1],
    );
    let pieces = tar(&[piece("a#1", b"aaa"), piece("b#2", b"bbb"), piece("a", b"A")]);
    check("open pieces", &pieces, UnpackLimits { open_pieces: 1, ..usual }, &[3, 4]);
}

#[test]
fn many_nested_containers_end_at_the_depth_limit() {
    let mut file = capture(1);
    for _ in 0..40 {
        file = gzip(&tar(&[entry("t", &file)]));
    }
    let told = unpack([&file[..]]);
    assert!(told.notes.iter().any(|note| note.kind == NoteKind::Limit));
    assert_eq!(told.streams.len(), 1);
}
