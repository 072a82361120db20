//! A capture that several threads read in ranges gives what one thread gives that reads the whole.

#![allow(clippy::expect_used, reason = "a test that fails stops")]

mod common;

use respool::run::map::OpenRules;
use respool::run::{RangeRules, ReconstructOptions, Reconstruction, reconstruct};
use std::path::{Path, PathBuf};
use std::time::Duration;

fn options(range_bytes_max: Option<usize>, threads: usize) -> ReconstructOptions {
    let ranges = RangeRules {
        capture_bytes_min: if range_bytes_max.is_some() { 0 } else { u64::MAX },
        range_bytes_max: range_bytes_max.unwrap_or(usize::MAX),
        open: OpenRules { mapped_bytes_min: 1, young: Duration::ZERO, ..OpenRules::default() },
    };
    ReconstructOptions { threads, ranges, ..ReconstructOptions::default() }
}

/// Everything that a run says, as text; equal texts are equal results.
fn told(path: &Path, options: &ReconstructOptions) -> String {
    let found = reconstruct(&[path.to_owned()], options).expect("the file is there");
    let Reconstruction { legs, cdrs, files, spans, heard, ledger, notes, losses, .. } = &found;
    let files: Vec<_> = files
        .values()
        .map(|file| (file.captures, file.records, file.sip_messages, file.span, &file.order))
        .collect();
    format!(
        "{legs:#?}\n{cdrs:#?}\n{files:#?}\n{spans:?}\n{heard:?}\n{ledger:#?}\n{notes:#?}\n{losses:#?}"
    )
}

fn check(path: &Path) {
    let whole = told(path, &options(None, 1));
    for (range_bytes, threads) in [(1, 2), (700, 3), (20_000, 2)] {
        let ranged = told(path, &options(Some(range_bytes), threads));
        let differs = whole.lines().zip(ranged.lines()).find(|(one, other)| one != other);
        assert!(whole == ranged, "{}, ranges of {range_bytes}: {differs:?}", path.display());
    }
}

fn record(seconds: u32, frame: &[u8]) -> Vec<u8> {
    let length = u32::try_from(frame.len()).expect("frames are short");
    let header = [seconds, 0, length, length].map(u32::to_le_bytes).concat();
    [header, frame.to_vec()].concat()
}

/// Raw IPv4 with a protocol, a flags-and-offset field and a payload.
fn packet(protocol: u8, identification: u16, offset: u16, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len() + 20).expect("payloads are short");
    let mut bytes = vec![0x45, 0];
    bytes.extend(length.to_be_bytes());
    bytes.extend(identification.to_be_bytes());
    bytes.extend(offset.to_be_bytes());
    bytes.extend([64, protocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
    bytes.extend(payload);
    bytes
}

fn udp(payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len() + 8).expect("payloads are short");
    let ports = [5060u16, 5060, length, 0].map(u16::to_be_bytes).concat();
    [ports, payload.to_vec()].concat()
}

fn tcp(sequence: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = [5060u16, 5060].map(u16::to_be_bytes).concat();
    bytes.extend(sequence.to_be_bytes());
    bytes.extend([0, 0, 0, 0, 0x50, 0x18, 1, 0, 0, 0, 0, 0]);
    bytes.extend(payload);
    bytes
}

fn invite(call: usize) -> Vec<u8> {
    format!(
        "INVITE sip:b@h SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK{call}\r\nFrom: <sip:a@h>;tag=f{call}\r\n\
         To: <sip:b@h>\r\nCall-ID: call-{call}@h\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n"
    )
    .into_bytes()
}

/// Calls over UDP, in fragments, over TCP in two segments, and media; frames that are no IP between
/// them; damage and a cut at the end where asked for.
fn capture(damaged: bool) -> Vec<u8> {
    let mut bytes =
        [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 65_535, 101].map(u32::to_le_bytes).concat();
    let mut sequence = 1;
    for call in 0..120usize {
        let message = invite(call);
        let seconds = 1_700_000_000 + u32::try_from(call).expect("few");
        let number = u16::try_from(call).expect("few");
        match call % 4 {
            0 => bytes.extend(record(seconds, &packet(17, 0, 0, &udp(&message)))),
            1 => {
                let whole = udp(&message);
                bytes.extend(record(seconds, &packet(17, number, 0x2000, &whole[..64])));
                bytes.extend(record(seconds, &packet(17, number, 8, &whole[64..])));
            }
            2 => {
                for part in [&message[..50], &message[50..]] {
                    bytes.extend(record(seconds, &packet(6, 0, 0, &tcp(sequence, part))));
                    sequence += u32::try_from(part.len()).expect("short");
                }
            }
            _ => {
                let media = [0x80, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0];
                bytes.extend(record(seconds, &packet(17, 0, 0, &udp(&media))));
                bytes.extend(record(seconds, &[0xff; 40]));
            }
        }
        if damaged && call == 90 {
            bytes.extend([0xee; 333]);
        }
    }
    if damaged {
        bytes.truncate(bytes.len() - 9);
    }
    bytes
}

#[test]
fn made_captures_give_the_same_in_ranges() {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR"));
    for (name, damaged) in [("ranges-sound.pcap", false), ("ranges-damaged.pcap", true)] {
        let path = directory.join(name);
        std::fs::write(&path, capture(damaged)).expect("the directory is ours");
        let found = reconstruct(std::slice::from_ref(&path), &options(Some(1), 2)).expect("a file");
        assert_eq!(found.legs.len(), 90, "{name}: calls over UDP, in fragments and over TCP");
        check(&path);
    }
}

#[test]
fn real_captures_give_the_same_in_ranges() {
    let Some(captures) = common::corpora("real") else { return };
    let mut seen = 0;
    let mut directories: Vec<PathBuf> = vec![captures];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(directory).expect("readable").flatten() {
            let path = entry.path();
            let is_capture = path.extension().is_some_and(|name| name == "pcap" || name == "cap");
            if path.is_dir() {
                directories.push(path);
            } else if is_capture && entry.metadata().is_ok_and(|data| data.len() < 400_000) {
                check(&path);
                seen += 1;
            }
        }
    }
    assert!(seen > 10, "the corpora hold captures");
}
