//! Inputs besides plain files of captures, through the program itself: the standard input, TLS on a SIP
//! port, archives of a restarted sniffer, files that are no captures where a spool keeps captures.

#![allow(clippy::unwrap_used, reason = "a test that fails stops")]

use respool::base::{Loss, LossKind};
use respool::run::map::OpenRules;
use respool::run::{RangeRules, ReconstructOptions, Reconstruction, reconstruct};
use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, SystemTime};

const LIFTS: i32 = 0;
const FAILURE: i32 = 2;
const CANNOT_TELL: i32 = 3;
/// 2026-11-20 10:00 UTC.
const START: u32 = 1_795_168_800;
const DAY: u32 = 86_400;

fn packet(protocol: u8, is_answer: bool, segment: &[u8]) -> Vec<u8> {
    let (mut source, mut destination) = ([10, 0, 0, 1], [10, 0, 0, 2]);
    if is_answer {
        std::mem::swap(&mut source, &mut destination);
    }
    let mut packet = vec![0x45, 0];
    packet.extend(u16::try_from(segment.len() + 20).unwrap().to_be_bytes());
    packet.extend([0, 1, 0, 0, 64, protocol, 0, 0]);
    packet.extend(source);
    packet.extend(destination);
    packet.extend(segment);
    packet
}

fn udp(payload: &str) -> Vec<u8> {
    let mut segment = vec![0x13, 0xc4, 0x13, 0xc4];
    segment.extend(u16::try_from(payload.len() + 8).unwrap().to_be_bytes());
    segment.extend([0, 0]);
    segment.extend(payload.as_bytes());
    segment
}

fn tcp(port: u16, payload: &[u8]) -> Vec<u8> {
    let mut segment = vec![0x9c, 0x40];
    segment.extend(port.to_be_bytes());
    segment.extend([0, 0, 0, 1, 0, 0, 0, 0, 0x50, 0x18, 0xff, 0xff, 0, 0, 0, 0]);
    segment.extend(payload);
    segment
}

/// Records of one call: INVITE, 200, BYE after 10 s, 200.
fn call(call_id: &str, start: u32) -> Vec<(u32, Vec<u8>)> {
    let message = |first: &str, cseq: &str| {
        format!(
            "{first}\r\nVia: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK{}\r\nFrom: <sip:1@a>;tag=a\r\n\
             To: <sip:2@b>;tag=b\r\nCall-ID: {call_id}\r\nCSeq: {cseq}\r\nContent-Length: 0\r\n\r\n",
            &cseq[..1]
        )
    };
    let record = |second, first: &str, cseq, is_answer| {
        (start + second, packet(17, is_answer, &udp(&message(first, cseq))))
    };
    vec![
        record(0, "INVITE sip:2@b SIP/2.0", "1 INVITE", false),
        record(1, "SIP/2.0 200 OK", "1 INVITE", true),
        record(10, "BYE sip:2@b SIP/2.0", "2 BYE", false),
        record(11, "SIP/2.0 200 OK", "2 BYE", true),
    ]
}

/// A microsecond pcap of raw IP.
fn pcap(records: &[(u32, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for word in [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 65_535, 101] {
        bytes.extend(word.to_le_bytes());
    }
    for (second, packet) in records {
        let length = u32::try_from(packet.len()).unwrap();
        for word in [*second, 0, length, length] {
            bytes.extend(word.to_le_bytes());
        }
        bytes.extend(packet);
    }
    bytes
}

/// The sniffer's tar of one entry.
fn tar(name: &str, content: &[u8]) -> Vec<u8> {
    let mut header = [0u8; 512];
    header[..name.len()].copy_from_slice(name.as_bytes());
    header[124..136].copy_from_slice(format!("{:011o}\0", content.len()).as_bytes());
    header[148..156].fill(b' ');
    header[257..265].copy_from_slice(b"ustar\0  ");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let mut bytes = [&header[..], content].concat();
    bytes.resize(bytes.len().next_multiple_of(512) + 1_024, 0);
    bytes
}

/// Runs `respool` with bytes on its standard input.
fn run(words: &[&str], input: &[u8]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_respool"));
    command.args(words).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut pipe = child.stdin.take().unwrap();
    let bytes = input.to_vec();
    // In pieces, so that the program meets short reads. It may stop reading: no error of this test.
    let writer = std::thread::spawn(move || {
        bytes.chunks(700).all(|piece| pipe.write_all(piece).and_then(|()| pipe.flush()).is_ok())
    });
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    output
}

fn json(words: &[&str], input: &[u8]) -> serde_json::Value {
    let output = run(&[words, &["--json"]].concat(), input);
    serde_json::from_slice(&output.stdout).unwrap()
}

#[track_caller]
fn check(words: &[&str], input: &[u8], code: i32) {
    let output = run(&[words, &["--quiet"]].concat(), input);
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{words:?}: {error}");
    assert!(!error.contains("panicked"), "{error}");
}

#[test]
fn standard_input_is_a_capture() {
    let words = ["check", "-", "--limit", "4"];
    let capture = pcap(&call("stdin@a", START));
    check(&words, &capture, LIFTS);
    assert_eq!(json(&words, &capture)["legs"], 1);
    let encoded = zstd::encode_all(&tar("a.pcap", &capture)[..], 3).unwrap();
    assert_eq!(json(&words, &encoded)["legs"], 1, "a compressed archive");
    let cut = json(&words, &capture[..capture.len() - 50]).to_string();
    assert!(cut.contains("cut-tail"), "{cut}");
    check(&words, b"", FAILURE);
    check(&words, b"no capture at all, only words", FAILURE);
}

#[test]
fn the_profile_stands_beside_the_result() {
    let input = pcap(&call("c1", START));
    let words = ["check", "-", "--limit", "4", "--quiet"];
    let plain = run(&words, &input);
    let profiled = run(&[&words[..], &["--profile"]].concat(), &input);
    assert_eq!(profiled.stdout, plain.stdout);
    assert_eq!(profiled.status.code(), plain.status.code());
    let text = String::from_utf8(profiled.stderr).unwrap();
    let stages: Vec<&str> =
        text.lines().filter_map(|line| line.split_ascii_whitespace().next()).collect();
    for expect in ["walk", "read", "join", "look", "scenarios", "judge", "sum"] {
        assert!(stages.contains(&expect), "{expect} in\n{text}");
    }
    assert!(plain.stderr.is_empty());
}

#[test]
fn tls_on_a_sip_port_is_a_loss_that_can_be_accepted() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("tls.pcap");
    let name = path.to_str().unwrap();
    let words = ["check", name, "--limit", "4"];
    let days_of_tls = |days: u32, port: u16| {
        let records: Vec<_> = (0..days)
            .flat_map(|day| {
                let mut records = call(&format!("{day}@a"), START + day * DAY);
                let handshake = [0x16, 3, 1, 0, 5, 1, 0, 0, 1, 0];
                let application = [0x17, 3, 3, 0, 3, 9, 9, 9];
                for (second, payload) in [(20, &handshake[..]), (21, &application[..])] {
                    let second = START + day * DAY + second;
                    records.push((second, packet(6, false, &tcp(port, payload))));
                }
                records
            })
            .collect();
        fs::write(&path, pcap(&records)).unwrap();
    };
    // One day locks nothing, however many calls were encrypted on it.
    days_of_tls(1, 5_061);
    check(&words, b"", LIFTS);
    let report = json(&words, b"").to_string();
    assert!(report.contains("encrypted") && report.contains("TLS on a SIP port"), "{report}");
    // So many days in a row may have locked it.
    days_of_tls(16, 5_061);
    check(&words, b"", CANNOT_TELL);
    check(&[&words[..], &["--accept-loss"]].concat(), b"", LIFTS);
    // TLS elsewhere may be anything; on a port that is named as one of SIP it is SIP.
    days_of_tls(16, 5_443);
    check(&words, b"", LIFTS);
    check(&[&words[..], &["--sip-ports", "5060,5443"]].concat(), b"", CANNOT_TELL);
}

#[test]
fn archives_of_a_restarted_sniffer_are_read_in_their_order() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path().join("2026-11-20/10/00/SIP");
    fs::create_dir_all(&folder).unwrap();
    let order = ["tar.zst.1", "tar.zst.2", "tar.zst.10", "tar.zst.99", "tar.zst"];
    for (number, end) in (0u32..).zip(order.iter().rev()) {
        let capture = pcap(&call(&format!("{number}@a"), START + number));
        let archive = tar(&format!("{number}_a.pcap"), &capture);
        let bytes = zstd::encode_all(&archive[..], 3).unwrap();
        fs::write(folder.join(format!("sip_2026-11-20-10-00.{end}")), bytes).unwrap();
    }
    let roots = [scratch.path().to_owned()];
    let found = reconstruct(&roots, &ReconstructOptions::default()).unwrap();
    let listed: Vec<String> = found
        .listing
        .files
        .iter()
        .map(|file| file.name.to_string_lossy().rsplit_once("00.").unwrap().1.to_owned())
        .collect();
    assert_eq!(listed, order);
    assert_eq!((found.legs.len(), found.cdrs.len(), found.losses.len()), (5, 5, 0));
}

/// Losses of a spool: what is no capture in `SIP/` is one of its minute, a cut tail reaches as far as
/// calls of its minute may.
#[test]
fn losses_of_a_spool_are_placed_by_their_paths() {
    let check = |place: &str, content: &[u8], expect: Option<(LossKind, i64)>| {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join(place);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(scratch.path().join("good.pcap"), pcap(&call("g@a", START + DAY))).unwrap();
        fs::write(path, content).unwrap();
        let roots = [scratch.path().to_owned()];
        let found = reconstruct(&roots, &ReconstructOptions::default()).unwrap();
        let mut losses: Vec<_> = found
            .losses
            .iter()
            .map(|loss| (loss.kind, loss.when.map_or(0, |(_, last)| last.ns() / 1_000_000_000)))
            .collect();
        losses.dedup();
        assert_eq!(losses, expect.into_iter().collect::<Vec<_>>(), "{place}");
    };
    let capture = pcap(&call("c@a", START));
    let cut = &capture[..capture.len() - 50];
    // 10:01 and the four hours that a call may last.
    let reach = i64::from(START) + 60 + 4 * 3_600;
    let sip = "2026-11-20/10/00/SIP/c.pcap";
    check(sip, &capture, None);
    check(sip, b"no capture at all, only words", Some((LossKind::UnknownFormat, reach)));
    check("2026-11-20/10/00/RTP/c.pcap", b"no capture at all, only words", None);
    check("README", b"no capture at all, only words", None);
    check("README.txt", b"no capture at all, only words", None);
    check("2026-11-20.d/notes.md", b"# words", None);
    // By its name or by its first bytes it is a capture, or an archive of some: it can be of any time.
    let unknown = Some((LossKind::UnknownFormat, 0));
    check("x.pcap", b"no capture at all, only words", unknown);
    check("x.pcap.gz.1", b"no capture at all, only words", unknown);
    check("captures.zip", b"PK\x03\x04 and so on", unknown);
    check("trace", b"snoop\0\0\0\0\0\0\x02\0\0\0\x04", unknown);
    check("trace", b"btsnoop\0\0\0\0\x01", unknown);
    let archives: [&[u8]; 8] = [
        b"PK\x03\x04\x14",
        b"BZh91AY&SY",
        b"7z\xbc\xaf\x27\x1c\0\x04",
        b"Rar!\x1a\x07\x01\0",
        b"070701000",
        b"\x89LZO\0\r\n\x1a\n\x10",
        b"\x1f\x9d\x90\x01",
        b"LZIP\x01",
    ];
    for archive in archives {
        check("archive", archive, unknown);
    }
    // Of the right size, and nothing in it: it was never written, whatever it was.
    check(sip, &[0; 5_000], Some((LossKind::CutTail, reach)));
    check(sip, &zstd::encode_all(&[0; 5_000][..], 3).unwrap(), Some((LossKind::CutTail, reach)));
    check("x.pcap", &[0; 5_000], Some((LossKind::CutTail, 0)));
    check("trace", &[0; 5_000], Some((LossKind::CutTail, 0)));
    let minute = "2026-11-20/10/00/SIP/sip_2026-11-20-10-00.tar";
    check(minute, &[0; 10_240], None);
    check(minute, &[0; 20_480], Some((LossKind::CutTail, reach)));
    let zeros = tar("c@a.pcap", &[0; 2_000]);
    check(minute, &zeros, Some((LossKind::CutTail, reach)));
    let tail = [&tar("c@a.pcap", &capture)[..], &[0; 20_480]].concat();
    check(minute, &tail, Some((LossKind::CutTail, reach)));
    // What is empty or as good as that was a capture only if its name or its place says so.
    check("day.pcap", b"", Some((LossKind::CutTail, 0)));
    check("done", b"", None);
    check("done", b"ok\n", None);
    check(sip, cut, Some((LossKind::CutTail, reach)));
    // Without a place and a rotation, as far as all captures: the other one's last record.
    check("cut.pcap", cut, Some((LossKind::CutTail, i64::from(START + DAY) + 11)));
}

/// A message that another one carries in its body is none of its own, over UDP and over TCP, where its
/// start line may begin a segment.
#[test]
fn a_message_inside_a_message_is_no_message() {
    let inner = "INVITE sip:9@b SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKi\r\n\
                 From: <sip:8@a>;tag=i\r\nTo: <sip:9@b>\r\nCall-ID: inner@a\r\nCSeq: 1 INVITE\r\n\
                 Content-Length: 0\r\n\r\n";
    let head = format!(
        "INVITE sip:2@b SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKo\r\n\
         From: <sip:1@a>;tag=o\r\nTo: <sip:2@b>\r\nCall-ID: outer@a\r\nCSeq: 1 INVITE\r\n\
         Content-Type: message/sip\r\nContent-Length: {}\r\n\r\n",
        inner.len()
    );
    let over_udp = vec![(START, packet(17, false, &udp(&format!("{head}{inner}"))))];
    let mut second = tcp(5_060, inner.as_bytes());
    second[4..8].copy_from_slice(&(1 + u32::try_from(head.len()).unwrap()).to_be_bytes());
    let over_tcp = vec![
        (START, packet(6, false, &tcp(5_060, head.as_bytes()))),
        (START + 1, packet(6, false, &second)),
    ];
    let icmp = [&[3, 3, 0, 0, 0, 0, 0, 0][..], &packet(17, false, &udp(inner))].concat();
    let in_icmp = vec![over_udp[0].clone(), (START + 1, packet(1, true, &icmp))];
    for records in [over_udp, over_tcp, in_icmp] {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("x.pcap");
        fs::write(&path, pcap(&records)).unwrap();
        let found = reconstruct(&[path], &ReconstructOptions::default()).unwrap();
        assert_eq!(call_ids(&found), BTreeSet::from([b"outer@a".to_vec()]));
        assert_eq!(found.losses, []);
    }
}

/// A capture a day, each with one call, the first one cut in its last record; and more files.
fn daily(days: u32, more: &[(&str, Vec<u8>)]) -> tempfile::TempDir {
    let scratch = tempfile::tempdir().unwrap();
    for day in 0..days {
        let mut bytes = pcap(&call(&format!("{day}@a"), START + day * DAY));
        if day == 0 {
            bytes.truncate(bytes.len() - 50);
        }
        fs::write(scratch.path().join(format!("day-{day:02}.pcap")), bytes).unwrap();
    }
    for (name, bytes) in more {
        fs::write(scratch.path().join(name), bytes).unwrap();
    }
    scratch
}

fn losses(path: &Path) -> Vec<Loss> {
    reconstruct(&[path.to_owned()], &ReconstructOptions::default()).unwrap().losses
}

/// What a capture lost at its end was captured before the next one of its rotation began; captures that
/// overlap, and a single other one, bound nothing.
#[test]
fn a_cut_capture_is_bounded_by_its_rotation() {
    let check = |days: u32, more: &[(&str, Vec<u8>)], last: u32, code: i32| {
        let scratch = daily(days, more);
        let found = losses(scratch.path());
        let [loss] = found.as_slice() else { panic!("{found:?}") };
        let (first, until) = loss.when.unwrap();
        assert_eq!(loss.kind, LossKind::CutTail);
        assert_eq!(first.floor_seconds(), i64::from(START) + 10);
        assert_eq!(until.floor_seconds(), i64::from(last), "{days} days");
        let name = scratch.path().to_str().unwrap();
        assert_eq!(
            run(&["check", name, "--limit", "1", "--quiet"], b"").status.code(),
            Some(code),
            "{days} days"
        );
    };
    check(20, &[], START + DAY, LIFTS);
    check(3, &[], START + DAY, LIFTS);
    // Two days are no rotation; they lock nothing either.
    check(2, &[], START + DAY + 11, LIFTS);
    // Written beside the others: any of them may have been.
    let beside = pcap(&call("beside@a", START + 5 * DAY + 5));
    check(20, &[("beside.pcap", beside)], START + 19 * DAY + 11, CANNOT_TELL);
    // The same capture under another name is no other capture.
    let copy = pcap(&call("5@a", START + 5 * DAY));
    check(20, &[("copy.pcap", copy)], START + DAY, LIFTS);
    // Nothing says when what was compressed and cut was captured but its records, and the rotation.
    let scratch = daily(20, &[]);
    let plain = pcap(&call("x@a", START));
    let gzip = zstd::encode_all(&plain[..], 3).unwrap();
    fs::write(scratch.path().join("day-00.pcap"), &gzip[..gzip.len() - 9]).unwrap();
    for loss in losses(scratch.path()) {
        let reach = loss.when.map(|(_, last)| last.floor_seconds());
        assert!(reach.is_none_or(|last| last <= i64::from(START + DAY)), "{loss:?}");
    }
}

/// The same records, each cut by a snaplen.
fn snapped(records: &[(u32, Vec<u8>)], snaplen: usize) -> Vec<u8> {
    let mut bytes = pcap(&[]);
    for (second, packet) in records {
        let captured = &packet[..packet.len().min(snaplen)];
        let lengths = [captured.len(), packet.len()].map(|length| u32::try_from(length).unwrap());
        for word in [*second, 0, lengths[0], lengths[1]] {
            bytes.extend(word.to_le_bytes());
        }
        bytes.extend(captured);
    }
    bytes
}

/// The times of the losses of one capture by itself, in seconds behind the first record.
fn lost_seconds(bytes: &[u8]) -> Vec<(LossKind, Option<(i64, i64)>)> {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("a.pcap");
    fs::write(&path, bytes).unwrap();
    let second = |time: respool::base::CaptureTime| time.floor_seconds() - i64::from(START);
    let when = |loss: Loss| loss.when.map(|(first, last)| (second(first), second(last)));
    losses(&path).into_iter().map(|loss| (loss.kind, when(loss))).collect()
}

/// SIP that the snaplen cut before its Call-ID is a loss, one for all of a capture; headers and
/// media that it cut behind what counts are none.
#[test]
fn messages_that_the_snaplen_cut_are_a_loss() {
    let records = call("cut@a", START);
    for snaplen in [0, 10, 30, 36, 68, 90, 130] {
        let expect = [(LossKind::CutTail, Some((0, 11)))];
        assert_eq!(lost_seconds(&snapped(&records, snaplen)), expect, "{snaplen}");
    }
    assert_eq!(lost_seconds(&snapped(&records, 250)), []);
    let rtp = [&[0x80, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1][..], &[0; 160]].concat();
    let segment = [&[0x40, 0, 0x40, 2, 0, 180, 0, 0][..], &rtp].concat();
    let media = [(START, packet(17, false, &segment))];
    assert_eq!(lost_seconds(&snapped(&media, 50)), []);
    // A message without Call-ID that is whole is no message, and loses nothing.
    let text = "INVITE sip:2@b SIP/2.0\r\nFrom: <sip:1@a>;tag=a\r\n\r\n";
    assert_eq!(lost_seconds(&pcap(&[(START, packet(17, false, &udp(text)))])), []);
}

/// Where the records of a capture go back in time, the last one says nothing about what is missing.
#[test]
fn a_cut_capture_out_of_order_is_not_bounded_by_its_records() {
    let days = |days: &[u32]| {
        let calls = days.iter().flat_map(|day| call(&format!("{day}@a"), START + day * DAY));
        let mut bytes = pcap(&calls.collect::<Vec<_>>());
        bytes.truncate(bytes.len() - 50);
        bytes
    };
    let day = i64::from(DAY);
    for (order, expect) in [
        (&[0, 1, 2][..], (2 * day + 10, 3 * day + 11)),
        (&[2, 1, 0], (0, 3 * day + 11)),
        (&[1, 0, 2], (0, 3 * day + 11)),
    ] {
        let scratch = tempfile::tempdir().unwrap();
        let (path, other) = (scratch.path().join("a.pcap"), scratch.path().join("b.pcap"));
        fs::write(&path, days(order)).unwrap();
        // Another one that goes from the first to a later day.
        let around = [call("x@b", START), call("y@b", START + 3 * DAY)].concat();
        fs::write(&other, pcap(&around)).unwrap();
        let small =
            RangeRules { capture_bytes_min: 0, range_bytes_max: 600, ..RangeRules::default() };
        for ranges in [RangeRules::default(), small] {
            let options = ReconstructOptions { ranges, ..ReconstructOptions::default() };
            let found = reconstruct(&[scratch.path().to_owned()], &options).unwrap().losses;
            let [loss] = found.as_slice() else { panic!("{found:?}") };
            let (first, last) = loss.when.unwrap();
            let seconds = [first, last].map(|time| time.floor_seconds() - i64::from(START));
            assert_eq!(seconds, [expect.0, expect.1], "{order:?} {ranges:?}");
        }
    }
}

/// Calls one after the other under one Call-ID, more than are kept of one: at most a channel that runs on.
#[test]
fn what_a_call_id_holds_beyond_the_cap_may_run_on() {
    let calls = |count: u32| {
        let again = |number: u32| {
            let second = START + number * 20;
            let records = call("again@a", second).into_iter();
            records.map(move |(second, packet)| (second, renumbered(&packet, number * 2)))
        };
        pcap(&(0..count).flat_map(again).collect::<Vec<_>>())
    };
    for (count, running) in [(1_000, 0), (1_100, 1)] {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("a.pcap");
        fs::write(&path, calls(count)).unwrap();
        let found =
            reconstruct(std::slice::from_ref(&path), &ReconstructOptions::default()).unwrap();
        assert_eq!(found.running.len(), running, "{count} calls");
        let until = found.running.iter().map(|span| span.last.floor_seconds()).max();
        let last = i64::from(START + (count - 1) * 20 + 11);
        assert!(until.is_none_or(|until| until == last), "{count} calls");
    }
}

/// A packet of [`call`] whose CSeq is so much larger.
fn renumbered(record: &[u8], more: u32) -> Vec<u8> {
    let text = String::from_utf8_lossy(&record[28..]).into_owned();
    let (before, rest) = text.split_once("CSeq: ").unwrap();
    let (number, behind) = rest.split_once(' ').unwrap();
    let number = number.parse::<u32>().unwrap() + more;
    let is_answer = record[15] == 2;
    packet(17, is_answer, &udp(&format!("{before}CSeq: {number} {behind}")))
}

/// How the next file is changed once it is open: cut to so many bytes; grown when below 0.
static CUT_TO: AtomicI64 = AtomicI64::new(0);

fn change(path: &Path) {
    let cut_to = CUT_TO.load(Ordering::Relaxed);
    let file = OpenOptions::new().append(cut_to < 0).write(true).open(path).unwrap();
    match u64::try_from(cut_to) {
        Ok(length) => file.set_len(length).unwrap(),
        Err(_) => {
            let later = pcap(&call("later@a", START + DAY));
            (&file).write_all(&later[24..]).unwrap();
        }
    }
}

fn call_ids(found: &Reconstruction) -> BTreeSet<Vec<u8>> {
    found.legs.iter().map(|leg| leg.call_id().to_vec()).collect()
}

/// A capture that is cut or grows while it is read, in each way in which files are read: what was there
/// comes out, the change is a loss, and nothing breaks.
#[test]
fn captures_that_change_while_they_are_read() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("x.pcap");
    let records: Vec<_> =
        (0..30).flat_map(|number| call(&format!("{number}@a"), START + number)).collect();
    let bytes = pcap(&records);
    fs::write(&path, &bytes).unwrap();
    let roots = [path.clone()];
    let whole = call_ids(&reconstruct(&roots, &ReconstructOptions::default()).unwrap());
    assert_eq!(whole.len(), 30);
    let rules = |mapped_bytes_min, young| OpenRules { mapped_bytes_min, young, opened: change };
    let ranges =
        |capture_bytes_min, open| RangeRules { capture_bytes_min, range_bytes_max: 900, open };
    let mapped = rules(0, Duration::ZERO);
    let ways = [
        ("at once", ranges(u64::MAX, rules(u64::MAX, Duration::ZERO))),
        ("in pieces", ranges(u64::MAX, rules(0, Duration::MAX))),
        ("mapped", ranges(u64::MAX, mapped)),
        ("in ranges", ranges(0, mapped)),
    ];
    let cuts = (0..bytes.len()).step_by(bytes.len() / 60).map(|cut| cut as i64);
    for cut_to in cuts.chain([24, bytes.len() as i64 - 1, -1]) {
        CUT_TO.store(cut_to, Ordering::Relaxed);
        for (way, ranges) in ways {
            fs::write(&path, &bytes).unwrap();
            let options = ReconstructOptions { ranges, threads: 2, ..Default::default() };
            let found = reconstruct(&roots, &options).unwrap();
            let said: Vec<&str> = found.losses.iter().map(|loss| &*loss.detail).collect();
            let expect = if cut_to < 0 { "grew while it was read" } else { "was cut " };
            assert!(said.iter().any(|said| said.contains(expect)), "{way} {cut_to}: {said:?}");
            let ids = call_ids(&found);
            assert!(ids.is_subset(&whole), "{way} {cut_to}");
            assert!(cut_to >= 0 || ids == whole, "{way}: what was there when it was opened");
            for loss in &found.losses {
                assert!(loss.when.is_some() || found.spans.is_empty(), "{way} {cut_to}: {loss:?}");
            }
        }
    }
}

/// The program itself on a capture that is cut and grown all the time, mapped or not: it always ends by
/// itself, with a verdict or an error.
#[test]
fn the_program_survives_a_capture_that_never_rests() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("x.pcap");
    let records: Vec<_> =
        (0..3_000).flat_map(|number| call(&format!("{number}@a"), START + number)).collect();
    let bytes = pcap(&records);
    assert!(bytes.len() > 2 << 20, "large enough to be mapped: {}", bytes.len());
    fs::write(&path, &bytes).unwrap();
    let is_done = AtomicBool::new(false);
    let name = path.to_str().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let file = File::options().write(true).open(&path).unwrap();
            for round in 0u64.. {
                file.set_len(round * 7_919 % bytes.len() as u64).unwrap();
                // Old enough to be mapped.
                file.set_modified(SystemTime::now() - Duration::from_secs(86_400)).unwrap();
                std::thread::yield_now();
                fs::write(&path, &bytes).unwrap();
                file.set_modified(SystemTime::now() - Duration::from_secs(86_400)).unwrap();
                if is_done.load(Ordering::Relaxed) {
                    break;
                }
            }
        });
        for threads in ["1", "2"].iter().cycle().take(16) {
            let words = ["check", name, "--limit", "1", "--json", "--quiet", "--threads", threads];
            let output = run(&words, b"");
            let error = String::from_utf8_lossy(&output.stderr);
            let code = output.status.code();
            assert!(matches!(code, Some(0..=3)), "ended with {:?}: {error}", output.status);
            assert!(!error.contains("panicked"), "{error}");
            if code != Some(FAILURE) {
                serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap();
            }
        }
        is_done.store(true, Ordering::Relaxed);
    });
}
