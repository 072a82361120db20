//! Inputs to begin with: small, sound, and of every format.

use crate::engine::Random;
use std::io::Write as _;
use std::path::Path;

/// A SIP message of the kind that calls are made of.
pub(crate) fn message(start: &str, cseq: &str, more: &str, body: &str) -> Vec<u8> {
    format!(
        "{start}\r\nVia: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bK1;rport\r\n\
         From: \"A\" <sip:1001@10.0.0.1;user=phone>;tag=a\r\nTo: <sip:2002@10.0.0.2>;tag=b\r\n\
         Call-ID: seed@10.0.0.1\r\nCSeq: {cseq}\r\n{more}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// SIP messages: calls, bodies of several parts, the torture tests where they are.
pub(crate) fn messages() -> Vec<Vec<u8>> {
    let sdp = "v=0\r\no=- 1 1 IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\n\
               m=audio 4000 RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\na=sendonly\r\n";
    let parts = format!(
        "--b\r\nContent-Type: application/sdp\r\n\r\n{sdp}\r\n--b\r\n\
         Content-Type: application/rs-metadata+xml\r\n\r\n<x/>\r\n--b--\r\n"
    );
    let invite = "INVITE sip:2002@10.0.0.2;transport=udp SIP/2.0";
    let mut found = vec![
        message(invite, "1 INVITE", "Content-Type: application/sdp\r\n", sdp),
        message(invite, "1 INVITE", "Content-Type: multipart/mixed;boundary=b\r\n", &parts),
        message(
            invite,
            "2 INVITE",
            "Replaces: x@y;to-tag=1;from-tag=2;early-only\r\nP-Charging-Vector: icid-value=\"7\"\r\n\
             Session-ID: ab30317f1a784dc48ff824d0d3715d86;remote=00000000000000000000000000000000\r\n\
             History-Info: <sip:a@b?Reason=SIP%3Bcause%3D302>;index=1.1\r\nDiversion: <tel:+1>\r\n\
             P-Asserted-Identity: <sip:+49@b>, <tel:+49>\r\nTarget-Dialog: q;local-tag=1\r\n",
            "",
        ),
        message("SIP/2.0 200 OK", "1 INVITE", "Contact: <sip:b@c;x=1?h=2>\r\n", sdp),
        message("BYE sip:a@b SIP/2.0", "3 BYE", "Reason: Q.850;cause=16;text=\"x\"\r\n", ""),
        message(
            "NOTIFY sip:a@b SIP/2.0",
            "4 NOTIFY",
            "Event: refer\r\nContent-Type: message/sipfrag\r\n",
            "SIP/2.0 200 OK\r\n",
        ),
        message(
            "REFER sip:a@b SIP/2.0",
            "5 REFER",
            "Refer-To: <sip:c@d?Replaces=x%3Bto-tag%3D1>\r\n",
            "",
        ),
    ];
    found.extend(
        torture("torture/rfc4475").into_iter().filter(|seed| respool::sip::scan(seed).is_some()),
    );
    found
}

fn torture(folder: &str) -> Vec<Vec<u8>> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpora");
    let root = std::env::var_os("RESPOOL_CORPORA").map_or(beside, Into::into);
    let Ok(entries) = std::fs::read_dir(root.join(folder)) else { return Vec::new() };
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.into_iter().filter_map(|path| std::fs::read(path).ok()).collect()
}

/// An IPv4 packet.
fn ipv4(protocol: u8, fragment: u16, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x45, 0];
    packet.extend(u16::try_from(payload.len() + 20).unwrap().to_be_bytes());
    packet.extend([0, 9]);
    packet.extend(fragment.to_be_bytes());
    packet.extend([64, protocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
    packet.extend(payload);
    packet
}

fn ipv6(next: u8, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x60, 0, 0, 0];
    packet.extend(u16::try_from(payload.len()).unwrap().to_be_bytes());
    packet.extend([next, 64]);
    packet.extend([1; 32]);
    packet.extend(payload);
    packet
}

fn udp(port: u16, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len() + 8).unwrap();
    let mut segment: Vec<u8> =
        [5060, port, length, 0].iter().flat_map(|f: &u16| f.to_be_bytes()).collect();
    segment.extend(payload);
    segment
}

/// A TCP segment from port 5060.
pub(crate) fn tcp(sequence: u32, flags: u8, payload: &[u8]) -> Vec<u8> {
    let mut segment = vec![0x13, 0xc4, 0x13, 0xc5];
    segment.extend(sequence.to_be_bytes());
    segment.extend([0, 0, 0, 0, 0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
    segment.extend(payload);
    segment
}

fn ethernet(tags: &[u8], ethertype: u16, packet: &[u8]) -> Vec<u8> {
    let mut frame = vec![2; 12];
    frame.extend(tags);
    frame.extend(ethertype.to_be_bytes());
    frame.extend(packet);
    frame
}

fn hep(payload: &[u8], kind: u16) -> Vec<u8> {
    let mut chunks = Vec::new();
    let mut chunk = |kind: u16, value: &[u8]| {
        chunks.extend([0, 0]);
        chunks.extend(kind.to_be_bytes());
        chunks.extend(u16::try_from(value.len() + 6).unwrap().to_be_bytes());
        chunks.extend(value);
    };
    chunk(3, &[10, 0, 0, 1]);
    chunk(4, &[10, 0, 0, 2]);
    chunk(7, &[0x13, 0xc4]);
    chunk(8, &[0x13, 0xc4]);
    chunk(9, &1_700_000_000u32.to_be_bytes());
    chunk(10, &5u32.to_be_bytes());
    chunk(kind, payload);
    let mut packet = b"HEP3".to_vec();
    packet.extend(u16::try_from(chunks.len() + 6).unwrap().to_be_bytes());
    packet.extend(chunks);
    packet
}

fn sctp(flags: u8, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x13, 0xc4, 0x13, 0xc4, 0, 0, 0, 1, 0, 0, 0, 0, 0, flags];
    packet.extend(u16::try_from(payload.len() + 16).unwrap().to_be_bytes());
    packet.extend([0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
    packet.extend(payload);
    packet
}

/// Ethernet frames of every encapsulation.
fn frames() -> Vec<Vec<Vec<u8>>> {
    let sip = message("OPTIONS sip:a@b SIP/2.0", "1 OPTIONS", "", "");
    let inner = ethernet(&[], 0x0800, &ipv4(17, 0, &udp(5060, &sip)));
    let whole = udp(5060, &sip);
    let (head, tail) = whole.split_at(160);
    let raw = ipv4(17, 0, &udp(5060, &sip));
    let in_ip = |protocol: u8, header: &[u8], rest: &[u8]| {
        ethernet(&[], 0x0800, &ipv4(protocol, 0, &[header, rest].concat()))
    };
    let on_port = |port: u16, header: &[u8], rest: &[u8]| {
        in_ip(17, &[], &udp(port, &[header, rest].concat()))
    };
    vec![
        vec![inner.clone(), inner.clone(), inner.clone()],
        vec![
            ethernet(&[0x81, 0, 0, 7], 0x0800, &ipv4(17, 0x2000, head)),
            ethernet(&[0x81, 0, 0, 7], 0x0800, &ipv4(17, 20, tail)),
        ],
        vec![
            in_ip(6, &[], &tcp(99, 2, b"")),
            in_ip(6, &[], &tcp(100, 0x18, &sip[..50])),
            in_ip(6, &[], &tcp(150, 0x18, &sip[50..])),
        ],
        vec![
            ethernet(&[], 0x86dd, &ipv6(17, &udp(5060, &sip))),
            ethernet(
                &[],
                0x86dd,
                &ipv6(0, &[&[17, 0, 1, 4, 0, 0, 0, 0][..], &udp(5060, &sip)].concat()),
            ),
            ethernet(&[], 0x86dd, &ipv6(44, &[&[17, 0, 0, 1, 0, 0, 0, 7][..], head].concat())),
        ],
        vec![
            on_port(4789, &[8, 0, 0, 0, 0, 0, 1, 0], &inner),
            on_port(6081, &[0, 0, 0x65, 0x58, 0, 0, 1, 0], &inner),
            on_port(2152, &[0x30, 0xff, 0, 0, 0, 0, 0, 1], &raw),
            on_port(1701, &[0, 2, 0, 1, 0, 1, 0xff, 3, 0, 0x21], &raw),
            on_port(37008, &[1, 0, 0, 1, 1], &inner),
            in_ip(47, &[0, 0, 8, 0], &raw),
            in_ip(47, &[0x10, 0, 0x88, 0xbe, 0, 0, 0, 1, 0x10, 0, 0, 0, 0, 0, 0, 0], &inner),
            in_ip(4, &[], &raw),
            in_ip(50, &[0, 0, 0, 1, 0, 0, 0, 1], &[&udp(5060, &sip)[..], &[1, 2, 2, 17]].concat()),
        ],
        vec![
            on_port(9060, &[], &hep(&sip, 15)),
            on_port(9060, &[], &hep(&zlib(&sip), 16)),
            in_ip(132, &[], &sctp(3, &sip)),
            in_ip(132, &[], &sctp(2, &sip[..40])),
        ],
        vec![
            ethernet(
                &[0x88, 0xa8, 0, 1, 0x81, 0, 0, 2],
                0x8847,
                &[&[0, 0, 0x11, 0xff][..], &raw].concat(),
            ),
            ethernet(&[], 0x8864, &[&[0x11, 0, 0, 1, 0, 200, 0, 0x21][..], &raw].concat()),
        ],
    ]
}

fn pcap(frames: &[Vec<u8>], big_endian: bool, link: u32) -> Vec<u8> {
    let word = |value: u32| if big_endian { value.to_be_bytes() } else { value.to_le_bytes() };
    let mut bytes = word(0xa1b2_c3d4).to_vec();
    bytes.extend(if big_endian { [0, 2, 0, 4] } else { [2, 0, 4, 0] });
    for field in [0, 0, 65_535, link] {
        bytes.extend(word(field));
    }
    for (second, frame) in (1_700_000_000..).zip(frames) {
        let length = u32::try_from(frame.len()).unwrap();
        for field in [second, 5, length, length] {
            bytes.extend(word(field));
        }
        bytes.extend(frame);
    }
    bytes
}

fn pcapng(frames: &[Vec<u8>]) -> Vec<u8> {
    let block = |kind: u32, body: &[u8]| {
        let padding = vec![0; body.len().next_multiple_of(4) - body.len()];
        let length = u32::try_from(body.len() + padding.len() + 12).unwrap().to_le_bytes();
        [&kind.to_le_bytes()[..], &length, body, &padding, &length].concat()
    };
    let mut bytes = block(
        0x0a0d_0d0a,
        &[&0x1a2b_3c4d_u32.to_le_bytes()[..], &[1, 0, 0, 0], &[255; 8]].concat(),
    );
    bytes.extend(block(1, &[1, 0, 0, 0, 0, 0, 4, 0, 9, 0, 1, 0, 9, 0, 0, 0, 0, 0, 0, 0]));
    for (second, frame) in (1_700_000_000u64..).zip(frames) {
        let ticks = second * 1_000_000_000;
        let length = u32::try_from(frame.len()).unwrap().to_le_bytes();
        let (high, low) = ((ticks >> 32) as u32, ticks as u32);
        bytes.extend(block(
            6,
            &[&[0; 4][..], &high.to_le_bytes(), &low.to_le_bytes(), &length, &length, frame]
                .concat(),
        ));
        bytes.extend(block(3, &[&length[..], frame].concat()));
    }
    bytes
}

/// Endace records: 32.32 time, type 2, flags, length, losses, wire length, two bytes of padding.
fn erf(frames: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (second, frame) in (1_700_000_000u64..).zip(frames) {
        let wire = u16::try_from(frame.len()).unwrap();
        bytes.extend((second << 32).to_le_bytes());
        bytes.extend([2, 4]);
        bytes.extend((wire + 18).to_be_bytes());
        bytes.extend([0, 0]);
        bytes.extend(wire.to_be_bytes());
        bytes.extend([0, 0]);
        bytes.extend(frame);
    }
    bytes
}

/// Captures of every format.
pub(crate) fn captures() -> Vec<Vec<u8>> {
    let mut found: Vec<Vec<u8>> = frames().iter().map(|frames| pcap(frames, false, 1)).collect();
    let all: Vec<Vec<u8>> = frames().concat();
    found.push(pcap(&all, true, 1));
    found.push(pcapng(&all));
    found.push(pcapng(&all[..3]));
    found.push(erf(&all));
    let raw: Vec<Vec<u8>> = all.iter().map(|frame| frame[14..].to_vec()).collect();
    found.push(pcap(&raw, false, 101));
    let cooked: Vec<Vec<u8>> =
        raw.iter().map(|packet| [&[0; 14][..], &[8, 0], packet].concat()).collect();
    found.push(pcap(&cooked, false, 113));
    found
}

fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn lz4(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn xz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 1);
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A tar of the POSIX kind.
fn tar(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, content) in entries {
        let mut header = [0u8; 512];
        header[..name.len()].copy_from_slice(name.as_bytes());
        header[100..108].copy_from_slice(b"0000644\0");
        header[124..136].copy_from_slice(format!("{:011o}\0", content.len()).as_bytes());
        header[136..148].copy_from_slice(b"00000000000\0");
        header[148..156].fill(b' ');
        header[156] = b'0';
        header[257..265].copy_from_slice(b"ustar\x0000");
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        bytes.extend(header);
        bytes.extend(*content);
        bytes.resize(bytes.len().next_multiple_of(512), 0);
    }
    bytes.extend([0; 1024]);
    bytes
}

/// A zstd frame of that window in bits, without a checksum, with a block for each part.
pub(crate) fn flushed_frame(window_log: u32, parts: &[&[u8]]) -> Vec<u8> {
    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 3).unwrap();
    encoder.window_log(window_log).unwrap();
    for part in parts {
        encoder.write_all(part).unwrap();
        encoder.flush().unwrap();
    }
    encoder.finish().unwrap()
}

/// So many blocks of 1,000 bytes that nothing makes smaller, and then the first one again, in a frame that
/// says that its window is 1 KiB.
pub(crate) fn far_reference(chunks: usize) -> Vec<u8> {
    let mut random = Random(7);
    let bytes: Vec<u8> = (0..chunks * 1_000).map(|_| random.next().to_le_bytes()[0]).collect();
    let mut parts: Vec<&[u8]> = bytes.chunks(1_000).collect();
    parts.extend([&bytes[..1_000], b"end"]);
    let mut frame = flushed_frame(17, &parts);
    assert_eq!(frame[4] & 0x27, 0, "a window, no checksum, no dictionary");
    frame[5] = 0;
    frame
}

/// Small frames of small windows, alone and behind others.
pub(crate) fn zstd_frames() -> Vec<Vec<u8>> {
    let text = message("INVITE sip:a@b SIP/2.0", "1 INVITE", "", "body");
    let parts: Vec<&[u8]> = text.chunks(90).chain([&text[..], &text[..]]).collect();
    let small = flushed_frame(10, &parts);
    let large = flushed_frame(21, &parts);
    let sized = zstd::bulk::compress(&[&text[..], &text[..]].concat(), 3).unwrap();
    let mut found = vec![small.clone(), sized.clone()];
    for (one, other) in [(&small, &large), (&large, &small), (&sized, &small), (&large, &sized)] {
        found.push([&one[..], other].concat());
    }
    found
}

/// Files of every container, nested too.
pub(crate) fn containers() -> Vec<Vec<u8>> {
    let capture = pcap(&frames()[0], false, 1);
    let (head, tail) = capture.split_at(100);
    let zstd = |bytes: &[u8]| zstd::encode_all(bytes, 3).unwrap();
    let pieces = tar(&[("a@b.pcap#1", head), ("c.pcap#2", &capture), ("a@b.pcap", tail)]);
    let mut found = vec![
        capture.clone(),
        [gzip(head), gzip(tail)].concat(),
        [zstd(head), zstd(tail)].concat(),
        [xz(head), xz(tail)].concat(),
        lz4(&capture),
        pieces.clone(),
        zstd(&pieces),
        gzip(&tar(&[("x.pcap", &gzip(&capture)), ("y.pcap", &lz4(&capture))])),
        tar(&[("a.pcap#1", &zstd(head)), ("a.pcap", &zstd(tail))]),
        zstd(&zstd(&gzip(&capture))),
        // Found by fuzzing: whether this was a piece depended on how much of its content was at hand.
        tar(&[("c.pcap#2", &tar(&[("x", b"y")]))]),
        // Found by fuzzing: where the damage in a zstd block was seen depended on the pieces it came in.
        ZSTD_DAMAGED.to_vec(),
        // The same: how much of a block that is larger than its window came out.
        ZSTD_BLOCK_TOO_LARGE.to_vec(),
    ];
    // Blocks as the sniffer frames them, where its own files are at hand.
    for folder in ["files-lzo", "tar-entry-lz4", "tar-entry-snappy", "tar-entry-lzo"] {
        found.extend(smallest(&format!("voipmonitor-spools/{folder}")));
    }
    found
}

/// The smallest file with signalling below a folder of the corpora.
fn smallest(folder: &str) -> Option<Vec<u8>> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpora");
    let root = std::env::var_os("RESPOOL_CORPORA").map_or(beside, Into::into);
    let options = respool::spool::WalkOptions::default();
    let listing = respool::spool::walk(&[root.join(folder)], &options).ok()?;
    let file = listing.files.iter().filter(|file| file.size > 600).min_by_key(|file| file.size)?;
    std::fs::read(&file.path).ok().filter(|bytes| bytes.len() < 64 << 10)
}

/// Scripts of the TCP target (see there): streams of SIP, WebSocket and HEP.
pub(crate) fn streams() -> Vec<Vec<u8>> {
    let first = message("INVITE sip:a@b SIP/2.0", "1 INVITE", "", "");
    let second = message("SIP/2.0 200 OK", "1 INVITE", "", "v=0\r\n");
    let both = [first.clone(), second.clone()].concat();
    let mut socket = b"GET / HTTP/1.1\r\nSec-WebSocket-Protocol: sip\r\n\r\n".to_vec();
    socket.extend([0x81, 126]);
    socket.extend(u16::try_from(first.len()).unwrap().to_be_bytes());
    socket.extend(&first);
    let hep_stream = [hep(&first, 15), hep(&second, 15)].concat();
    let hello = b"\x16\x03\x01\x00\x05hello".to_vec();
    let behind_tls = [hello.clone(), second].concat();
    [both, socket, hep_stream, hello, behind_tls]
        .into_iter()
        .flat_map(|stream| {
            let plans: [&[u8]; 3] =
                [&[0], &[3, 0x10, 0x21, 0x32], &[6, 1, 2, 0x45, 0x86, 0x17, 0x99]];
            plans.map(|plan| [plan, &stream[..]].concat())
        })
        .collect()
}

/// A zstd frame inside another, damaged in a block.
const ZSTD_DAMAGED: [u8; 56] = [
    0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x58, 0xc1, 0x08, 0x00, 0x28, 0xb5, 0x2f, 0xfd, 0x91, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x01, 0x20, 0x00, 0x00, 0x00, 0x00, 0x00, 0xff, 0xbb, 0x72, 0x78, 0xd3,
    0x42, 0x26, 0x06, 0x16, 0x06, 0x18, 0xf8, 0xff, 0x9f, 0x81, 0x81, 0x11, 0xc4, 0xf8, 0x18, 0x9c,
    0xca, 0xca, 0xc0, 0xc0, 0xc0, 0xc6, 0x08, 0xc1,
];

/// A zstd frame with a block that is larger than its window.
const ZSTD_BLOCK_TOO_LARGE: [u8; 508] = [
    0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x58, 0xc1, 0x00, 0x08, 0x28, 0xb5, 0x2f, 0xfd, 0x60, 0x00, 0x58,
    0x79, 0x08, 0x00, 0x00, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xff, 0xbb, 0x72, 0x97,
    0x00, 0x05, 0x43, 0x03, 0x3d, 0x10, 0x34, 0xb4, 0x32, 0x35, 0x78, 0xd3, 0x42, 0x26, 0x06, 0x16,
    0x06, 0x18, 0xf8, 0xff, 0x9f, 0x81, 0x81, 0x11, 0xc4, 0xf8, 0x18, 0x9c, 0xca, 0xca, 0xc0, 0xc0,
    0xc0, 0xc6, 0x08, 0xc1, 0x4c, 0x48, 0x80, 0x83, 0xc1, 0x95, 0x81, 0x80, 0x83, 0xc1, 0x95, 0x81,
    0xe1, 0x07, 0x03, 0x27, 0x03, 0x83, 0x83, 0x20, 0x03, 0x03, 0x17, 0x03, 0x03, 0x23, 0x17, 0x03,
    0x03, 0x93, 0xf0, 0x11, 0xe1, 0x23, 0x0c, 0x4f, 0x18, 0x18, 0xfc, 0x03, 0x42, 0x3c, 0xfd, 0xfd,
    0x82, 0x15, 0x8a, 0x33, 0x0b, 0xac, 0x12, 0x1d, 0x92, 0x14, 0x82, 0x3d, 0x07, 0x03, 0x27, 0x03,
    0x83, 0x83, 0x20, 0x03, 0x03, 0x17, 0x03, 0x03, 0x23, 0x17, 0x03, 0x03, 0x93, 0xf0, 0x11, 0xe1,
    0x23, 0x0c, 0x4f, 0x18, 0x18, 0xfc, 0x03, 0x42, 0x3c, 0xfd, 0xfd, 0x82, 0x15, 0x8a, 0x33, 0x0b,
    0xac, 0x12, 0x1d, 0x92, 0x14, 0x82, 0x3d, 0x03, 0xf4, 0x8d, 0xf4, 0x0c, 0x78, 0xb9, 0xc2, 0x32,
    0x13, 0xad, 0x60, 0x3c, 0xfd, 0x50, 0x97, 0x00, 0x05, 0x43, 0x03, 0x3d, 0x10, 0x34, 0xb4, 0x5a,
    0x35, 0x30, 0x33, 0xb0, 0x4e, 0x2a, 0x4a, 0xcc, 0x4b, 0xce, 0xb0, 0xad, 0xb2, 0xcc, 0x70, 0x37,
    0x49, 0xf2, 0x36, 0xb4, 0x2e, 0x2a, 0xc8, 0x2f, 0x2a, 0xe1, 0xe5, 0x75, 0x73, 0x74, 0x61, 0x72,
    0x72, 0x2b, 0xca, 0xcf, 0xb5, 0x52, 0x50, 0x72, 0x54, 0x52, 0xb0, 0x01, 0x99, 0x68, 0x68, 0x60,
    0x60, 0xe8, 0x00, 0xd3, 0x68, 0x5d, 0x03, 0xf4, 0x8d, 0xf4, 0x0c, 0x78, 0xb9, 0xc2, 0x32, 0x13,
    0xad, 0x60, 0x3c, 0xfd, 0x50, 0x97, 0x00, 0x05, 0x43, 0x03, 0x3d, 0x10, 0x34, 0xb4, 0x32, 0x35,
    0x30, 0x33, 0xb0, 0x4e, 0x2a, 0x4a, 0xcc, 0x4b, 0xce, 0xb0, 0xad, 0xb2, 0xcc, 0x70, 0x37, 0x49,
    0xf2, 0x36, 0xb4, 0x2e, 0x2a, 0xc8, 0x2f, 0x2a, 0xe1, 0xe5, 0x75, 0xe1, 0x07, 0x03, 0x27, 0x03,
    0x83, 0x83, 0x20, 0x03, 0x03, 0x17, 0x03, 0x03, 0x23, 0x17, 0x03, 0x03, 0x93, 0xf0, 0x11, 0xe1,
    0x23, 0x0c, 0x4f, 0x18, 0x18, 0xfc, 0x03, 0x42, 0x3c, 0xfd, 0xfd, 0x82, 0x15, 0x8a, 0x33, 0x0b,
    0xac, 0x12, 0x1d, 0x92, 0x14, 0x82, 0x3d, 0x03, 0xf4, 0x8d, 0xf4, 0x0c, 0x78, 0xb9, 0xc2, 0x32,
    0x13, 0xad, 0x60, 0x3c, 0xfd, 0x50, 0x97, 0x00, 0x05, 0x43, 0x03, 0x3d, 0x10, 0x34, 0xb4, 0x5a,
    0x35, 0x30, 0x33, 0xb0, 0x4e, 0x2a, 0x4a, 0xcc, 0x4b, 0xce, 0xb0, 0xad, 0xb2, 0xcc, 0x70, 0x37,
    0x49, 0xf2, 0x36, 0xb4, 0x2e, 0x2a, 0xc8, 0x2f, 0x2a, 0xe1, 0xe5, 0x75, 0x73, 0x74, 0x61, 0x72,
    0x72, 0x2b, 0xca, 0xcf, 0xb5, 0x52, 0x50, 0x72, 0x54, 0x52, 0xb0, 0x01, 0x99, 0x68, 0x68, 0x60,
    0x60, 0xe8, 0x00, 0xd3, 0x68, 0x5d, 0x5a, 0x9c, 0x5a, 0x64, 0x5b, 0x90, 0x91, 0x9f, 0x97, 0x6a,
    0x67, 0x5d, 0x92, 0x98, 0x6e, 0x9b, 0xc8, 0xcb, 0x15, 0x92, 0x6f, 0x05, 0x51, 0x69, 0x64, 0x60,
    0x60, 0x04, 0x53, 0x69, 0x04, 0x91, 0x4e, 0xe2, 0xe5, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0x52, 0x28, 0x4e, 0x4d, 0x4d, 0x81, 0x1b, 0xc4, 0xcb, 0xe5, 0x1c, 0x9c, 0x5a, 0x68, 0xa5,
    0x60, 0xa8, 0x00, 0x75, 0x3d, 0x2f, 0xff, 0xff, 0xff, 0xff, 0x49, 0x6a, 0x5e, 0x89, 0xae, 0x4f,
    0x6a, 0x5e, 0x7a, 0x49, 0x86, 0x95, 0x82, 0x01, 0x2f, 0x97, 0x2f, 0x17,
];
