//! What the program does with input and command lines that are wrong: the message and the exit code.

#![allow(clippy::unwrap_used, reason = "a test that fails stops")]

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

const LIFTS: i32 = 0;
const FAILURE: i32 = 2;
const CANNOT_TELL: i32 = 3;

fn respool(words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_respool"));
    command.args(words).env_remove("NO_COLOR").stdin(Stdio::null());
    command
}

struct Scratch(TempDir);

impl Scratch {
    fn new() -> Self {
        let scratch = Self(TempDir::new().unwrap());
        let call = one_call(0);
        fs::create_dir_all(scratch.path("empty/2026-11-20/10")).unwrap();
        fs::create_dir(scratch.path("texts")).unwrap();
        fs::write(scratch.path("texts/README"), "No capture at all, only words.\n").unwrap();
        fs::write(scratch.path("call.pcap"), &call).unwrap();
        fs::write(scratch.path("cut.pcap"), &call[..call.len() - 100]).unwrap();
        fs::write(scratch.path("nothing.pcap"), "").unwrap();
        fs::create_dir(scratch.path("cut")).unwrap();
        for day in 0..DAYS_CUT {
            let call = one_call(day);
            let path = scratch.path("cut").join(format!("{day:02}.pcap"));
            fs::write(path, &call[..call.len() - 100]).unwrap();
        }
        fs::write(scratch.path("bad.conf"), "sipport = 5060\nrtptimeout = soon\n").unwrap();
        scratch
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Words with `@` for the scratch directory.
    fn run(&self, line: &str) -> Output {
        let at = self.0.path().to_string_lossy().into_owned();
        let words: Vec<String> = line.split(' ').map(|word| word.replace('@', &at)).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        respool(&words).output().unwrap()
    }

    /// The exit code, and words of the message on standard error.
    #[track_caller]
    fn check(&self, line: &str, code: i32, expect: &str) {
        let output = self.run(line);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{line}\n{error}");
        assert!(error.contains(expect), "{line}: {error}");
        assert!(!error.contains("panicked"), "{error}");
        if code == FAILURE {
            assert!(output.stdout.is_empty(), "{line} printed a result");
        }
    }
}

/// Days in a row with a cut capture: more than lock a GUI.
const DAYS_CUT: u32 = 16;

/// One call of 10 s: INVITE, 200, BYE, 200, in a microsecond pcap of raw IPv4, at 10:00 of a day.
fn one_call(day: u32) -> Vec<u8> {
    let mut pcap = Vec::new();
    for word in [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 65_535, 101] {
        pcap.extend_from_slice(&word.to_le_bytes());
    }
    let start = 1_795_168_800 + 86_400 * day;
    let messages = [
        (0, "INVITE sip:b@10.0.0.2 SIP/2.0", "INVITE", false),
        (1, "SIP/2.0 200 OK", "INVITE", true),
        (10, "BYE sip:b@10.0.0.2 SIP/2.0", "BYE", false),
        (11, "SIP/2.0 200 OK", "BYE", true),
    ];
    for (second, first_line, method, is_answer) in messages {
        let packet = packet(&message(first_line, method), is_answer);
        let len = u32::try_from(packet.len()).unwrap();
        for word in [start + second, 0, len, len] {
            pcap.extend_from_slice(&word.to_le_bytes());
        }
        pcap.extend_from_slice(&packet);
    }
    pcap
}

fn message(first_line: &str, method: &str) -> String {
    let cseq = if method == "INVITE" { 1 } else { 2 };
    format!(
        "{first_line}\r\nVia: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK{cseq}\r\n\
         From: <sip:1001@10.0.0.1>;tag=a\r\nTo: <sip:2002@10.0.0.2>;tag=b\r\n\
         Call-ID: bad-input@10.0.0.1\r\nCSeq: {cseq} {method}\r\nContent-Length: 0\r\n\r\n"
    )
}

fn packet(payload: &str, is_answer: bool) -> Vec<u8> {
    let len = |extra: usize| u16::try_from(payload.len() + extra).unwrap().to_be_bytes();
    let (mut source, mut destination) = ([10, 0, 0, 1], [10, 0, 0, 2]);
    if is_answer {
        std::mem::swap(&mut source, &mut destination);
    }
    let mut packet = vec![0x45, 0];
    packet.extend_from_slice(&len(28));
    packet.extend_from_slice(&[0, 1, 0, 0, 64, 17, 0, 0]);
    packet.extend_from_slice(&source);
    packet.extend_from_slice(&destination);
    packet.extend_from_slice(&[0x13, 0xc4, 0x13, 0xc4]);
    packet.extend_from_slice(&len(8));
    packet.extend_from_slice(&[0, 0]);
    packet.extend_from_slice(payload.as_bytes());
    packet
}

#[test]
fn the_capture_of_these_tests_is_good() {
    let scratch = Scratch::new();
    scratch.check("check @/call.pcap --limit 4 --quiet", LIFTS, "");
    let output = scratch.run("check @/call.pcap --limit 4 --json");
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&json["verdict"], &json["legs"]), (&"lifts".into(), &1.into()), "{json:#}");
}

#[test]
fn wrong_usage() {
    let scratch = Scratch::new();
    scratch.check("check @/call.pcap", FAILURE, "--limit");
    scratch.check("check --limit 4", FAILURE, "SPOOL");
    scratch.check("check @/call.pcap --limit many", FAILURE, "many");
    scratch.check("check @/call.pcap --limit -1", FAILURE, "-1");
    scratch.check("frobnicate", FAILURE, "frobnicate");
    scratch.check("check @/call.pcap --limit 0", FAILURE, "a license has at least one channel");
    let zone = "check @/call.pcap --limit 4 --time-zone Europe/Berln";
    scratch.check(zone, FAILURE, "did you mean Europe/Berlin?");
    scratch.check("check @/call.pcap --limit 4 --as-of today", FAILURE, "YYYY-MM-DD");
    scratch.check(
        "check @/call.pcap --limit 4 --conf @/bad.conf",
        FAILURE,
        "bad.conf:2: rtptimeout",
    );
    assert_eq!(respool(&[]).output().unwrap().status.code(), Some(FAILURE));
    assert_eq!(respool(&["--version"]).output().unwrap().status.code(), Some(0));
}

#[test]
fn nothing_to_read() {
    let scratch = Scratch::new();
    scratch.check("check @/gone --limit 4", FAILURE, "gone: No such file");
    scratch.check("check @/empty --limit 4", FAILURE, "the directory holds no file");
    scratch.check("check @/texts --limit 4", FAILURE, "no captures");
    scratch.check("check @/texts/README --limit 4", FAILURE, "no captures");
    scratch.check("check @/nothing.pcap --limit 4", FAILURE, "no captures");
}

#[test]
fn a_cut_capture_is_a_loss() {
    let scratch = Scratch::new();
    // One day that may have been over the limit locks nothing.
    scratch.check("check @/cut.pcap --limit 4 --quiet", LIFTS, "");
    let output = scratch.run("check @/cut.pcap --limit 4 --json");
    let json = String::from_utf8(output.stdout).unwrap();
    assert!(json.contains("cut-tail") && json.contains("cut.pcap"), "{json}");
    // So many days in a row may have locked it.
    scratch.check("check @/cut --limit 4 --quiet", CANNOT_TELL, "");
    scratch.check("check @/cut --limit 4 --quiet --accept-loss", LIFTS, "");
}

#[test]
fn a_database_that_cannot_be_written() {
    let scratch = Scratch::new();
    let line = "check @/call.pcap --limit 4 --db @/no/such/dir/run.db";
    scratch.check(line, FAILURE, "cannot write the database");
    scratch.check("check @/call.pcap --limit 4 --db @/texts", FAILURE, "nothing was changed");
    let before = fs::read(scratch.path("call.pcap")).unwrap();
    let line = "check @/call.pcap --limit 4 --db @/call.pcap";
    scratch.check(line, FAILURE, "is not a database of this program");
    assert_eq!(fs::read(scratch.path("call.pcap")).unwrap(), before);
    scratch.check("check @/texts --limit 4 --db @/run.db", FAILURE, "no captures");
    assert!(!scratch.path("run.db").exists(), "a failed run left a database");
    scratch.check("check @/call.pcap --limit 4 --quiet --db @/run.db", LIFTS, "");
    assert!(fs::read(scratch.path("run.db")).unwrap().starts_with(b"SQLite format 3\0"));
    let partial = |path: &Path| path.to_string_lossy().ends_with(".partial");
    let left =
        fs::read_dir(scratch.0.path()).unwrap().filter(|e| partial(&e.as_ref().unwrap().path()));
    assert_eq!(left.count(), 0);
}

#[test]
fn a_reader_that_goes_away_does_not_change_the_verdict() {
    let scratch = Scratch::new();
    for (name, code) in [("call.pcap", LIFTS), ("cut", CANNOT_TELL)] {
        let path = scratch.path(name);
        let words = ["check", path.to_str().unwrap(), "--limit", "4", "--quiet"];
        let mut command = respool(&words);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let mut error = String::new();
        child.stderr.take().unwrap().read_to_string(&mut error).unwrap();
        assert_eq!((child.wait().unwrap().code(), error.as_str()), (Some(code), ""), "{name}");
    }
}
