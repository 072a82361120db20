//! Real captures through the whole pipeline: two Call-IDs that are one call join, unrelated ones do
//! not. Every file with several calls stands here; each was read by hand in a packet tool.

#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test fails, or says that it had no data"
)]

mod common;

use respool::call::{Grouping, RuleName, RuleTable, group, outline_all};
use respool::run::{ReconstructOptions, reconstruct};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

const CISCO: &str = "ahmedelemamn+Wireshark-Captures/collab_pcap__sip__sip_";

/// The captures that hold more than one Call-ID with an INVITE; each has its test here.
const SEVERAL_CALLS: [&str; 9] = [
    "aboutsip+pkts/pkts-core__src__test__resources__io__pkts__sipp.pcap",
    "aboutsip+pkts/pkts-core__src__test__resources__io__pkts__sipp_sll.pcap",
    "ahmedelemamn+Wireshark-Captures/collab_pcap__sip__sip_recording_siprec.pcapng",
    "ahmedelemamn+Wireshark-Captures/collab_pcap__sip__sip_xmf_recording_cube.pcapng",
    "ahmedelemamn+Wireshark-Captures/collab_pcap__sip__sip_xmf_recording_cucm.pcapng",
    "marc-gr+beats/HIST-7ec19fb5-packetbeat__tests__system__pcaps__sip.pcap",
    "nextcaller+sip-capture/extract__testdata__sip-tcp.pcap",
    "zongbingwang+pcapApplication/data__sip.pcap",
    "zongbingwang+pcapApplication/data__yate.pcap",
];

/// Frames that were read by hand, and what a packet tool must say of each: file, frame, Call-ID up to
/// `@`, Session-ID. What joins below rests on them.
const READ_BY_HAND: [(&str, u32, &str, &str); 16] = [
    ("recording_siprec", 2, "2FDE4543-74CB11E9-9614A422-D6FC9BE1", A_NEW),
    ("recording_siprec", 9, "2FDE4543-74CB11E9-9614A422-D6FC9BE1", A_PAIR),
    ("recording_siprec", 11, "2FD99C0A-74CB11E9-A0258A12-3C801A2C", A_PAIR),
    ("xmf_recording_cucm", 26, "3AD59217-BAB611E8-810AEAA2-99CD2F32", B_NEW),
    ("xmf_recording_cucm", 46, "3AD59217-BAB611E8-810AEAA2-99CD2F32", B_PAIR),
    ("xmf_recording_cucm", 48, "1-18937", B_PAIR),
    ("xmf_recording_cube", 28, "3AD59217-BAB611E8-810AEAA2-99CD2F32", B_NEW),
    ("xmf_recording_cube", 48, "3AD59217-BAB611E8-810AEAA2-99CD2F32", B_PAIR),
    ("xmf_recording_cube", 50, "1-18937", B_PAIR),
    ("dtmf_info", 1, "1-22137", ""),
    ("dtmf_info", 4, "1-22137", C_PAIR),
    ("dtmf_nte_rfc2833", 1, "9D95E46-6DCB11E9-9A6FE3AD-C1443EBC", C_NEW),
    ("dtmf_nte_rfc2833", 4, "9D95E46-6DCB11E9-9A6FE3AD-C1443EBC", C_PAIR),
    ("refer_transfer", 2, "7e404600-10001-1741-93f492a", D_NEW),
    ("bye_also_transfer", 1, "55203369-6DB611E9-99ECE3AD-C1443EBC", D_NEW),
    ("recording_siprec", 1, "2FD99C0A-74CB11E9-A0258A12-3C801A2C", ""),
];
const A_NEW: &str = "a0b9b2a1e4db51f082e777c0df9015e5;remote=00000000000000000000000000000000";
const A_PAIR: &str = "6bea155500105000a0002c31246a214b;remote=a0b9b2a1e4db51f082e777c0df9015e5";
const B_NEW: &str = "7d3c4c5561215d1f87d0787b8ea7b789;remote=00000000000000000000000000000000";
const B_PAIR: &str = "45541a2a00105000a0002c31246a214b;remote=7d3c4c5561215d1f87d0787b8ea7b789";
const C_NEW: &str = "fe5207bbe1d25ba49c0bb4b0e033f21a;remote=00000000000000000000000000000000";
const C_PAIR: &str = "747085b900105000a0002c31246a214b;remote=fe5207bbe1d25ba49c0bb4b0e033f21a";
const D_NEW: &str = "256e96bb00105000a0002c31246a214b;remote=00000000000000000000000000000000";

/// What one capture or directory holds.
struct Calls {
    names: Vec<String>,
    grouping: Grouping,
}

fn read(path: &Path) -> Calls {
    let roots = [path.to_path_buf()];
    let found = reconstruct(&roots, &ReconstructOptions::default()).expect("the capture is read");
    let outlines = outline_all(&found.legs.iter().collect::<Vec<_>>());
    let grouping = group(&outlines, &RuleTable::default());
    let names = outlines.iter().map(|leg| String::from_utf8_lossy(leg.call_id).into_owned());
    Calls { names: names.collect(), grouping }
}

impl Calls {
    /// Sorted calls, each as `a+b`.
    fn calls(&self) -> BTreeSet<String> {
        let name = |leg: &u32| self.names[*leg as usize].as_str();
        let call = |legs: &[u32]| legs.iter().map(name).collect::<Vec<_>>().join("+");
        self.grouping.groups.iter().map(|group| call(group.legs)).collect()
    }

    fn rules(&self, joined: bool) -> Vec<RuleName> {
        let evidence = self.grouping.evidence.iter();
        evidence.filter(|found| found.is_joined() == joined).map(|found| found.rule).collect()
    }
}

fn check(file: &str, expect: &str, by: &[RuleName]) -> Option<Calls> {
    let path: PathBuf = common::corpora("real")?.join(file);
    let found = read(&path);
    let expected: BTreeSet<String> = expect.split(' ').map(str::to_owned).collect();
    assert_eq!(found.calls(), expected, "{file}: {:#?}", found.grouping.evidence);
    assert_eq!(found.rules(true), by, "{file}");
    Some(found)
}

/// Frames 1 and 2: the border element 10.180.110.58 passes the INVITE on. Frames 9 and 11: the 200 with
/// the Session-ID pair a0b9.../6bea... comes in on one leg and goes out on the other. Frame 15: the same
/// element opens a recording session, whose metadata name that pair.
#[test]
fn a_border_element_and_its_recording_session() {
    let found = check(
        &format!("{CISCO}recording_siprec.pcapng"),
        "2FD99C0A-74CB11E9-A0258A12-3C801A2C@10.10.244.63+2FDE4543-74CB11E9-9614A422-D6FC9BE1@10.180.110.58 \
         3089C795-74CB11E9-961DA422-D6FC9BE1@10.180.110.58",
        &[RuleName::SessionId],
    );
    if let Some(found) = found {
        let reported = found.rules(false).into_iter().filter(|rule| *rule == RuleName::Recording);
        assert_eq!(reported.count(), 2, "the recording names the session of both legs");
    }
}

/// Frames 22, 26, 46 and 48 of the first, 24, 28, 48 and 50 of the second: the same call as the server
/// and as the border element captured it; the pair 7d3c.../4554... is on both legs.
#[test]
fn a_border_element_between_a_load_generator_and_a_server() {
    for file in ["xmf_recording_cucm", "xmf_recording_cube"] {
        check(
            &format!("{CISCO}{file}.pcapng"),
            "1-18937@10.180.110.65+3AD59217-BAB611E8-810AEAA2-99CD2F32@10.180.110.58",
            &[RuleName::SessionId],
        );
    }
}

/// Calls between the same two ends, same numbers, one media port, one after the other or at once: a
/// load generator, or people who call again.
#[test]
fn unrelated_calls_stay_apart() {
    let sipp =
        "1-16732@127.0.1.1 2-16732@127.0.1.1 3-16732@127.0.1.1 4-16732@127.0.1.1 5-16732@127.0.1.1";
    let pkts = "aboutsip+pkts/pkts-core__src__test__resources__io__pkts__";
    for (file, expect) in [
        (
            "marc-gr+beats/HIST-7ec19fb5-packetbeat__tests__system__pcaps__sip.pcap".to_owned(),
            "1-2187@10.0.2.20 1-2189@10.0.2.20",
        ),
        (format!("{pkts}sipp.pcap"), sipp),
        (format!("{pkts}sipp_sll.pcap"), sipp),
        (
            "nextcaller+sip-capture/extract__testdata__sip-tcp.pcap".to_owned(),
            "1-2550@127.0.0.1 2-2550@127.0.0.1 3-2550@127.0.0.1 4-2550@127.0.0.1 5-2550@127.0.0.1",
        ),
        (
            "zongbingwang+pcapApplication/data__yate.pcap".to_owned(),
            "1440318047@222.20.61.66 601278648@222.20.61.66 1954728783@222.20.58.184:50961",
        ),
        (
            "zongbingwang+pcapApplication/data__sip.pcap".to_owned(),
            "1652938714@222.20.35.58 616295368@222.20.35.58 928209880@222.20.56.195",
        ),
    ] {
        check(&file, expect, &[]);
    }
}

/// All captures as one spool: what joins across files is two sides of one call that one laboratory
/// captured, and nothing joins across networks. By hand:
/// - `dtmf_info` frames 1 and 4, `dtmf_nte_rfc2833` frames 1 and 4: the element 10.180.110.58 takes the call
///   in and passes it on 7 ms later; both 200 carry the pair 7470.../fe52....
/// - `refer_transfer` frame 2, `bye_also_transfer` frame 1: the same element, 7 ms apart, the same caller,
///   both INVITEs with the UUID 256e.... It turns the BYE with Also of one leg into the REFER of the other.
#[test]
fn all_captures_together_join_two_sides_of_a_call_only() {
    let Some(directory) = common::corpora("real") else { return };
    let found = read(&directory);
    let together: BTreeSet<String> =
        found.calls().into_iter().filter(|call| call.contains('+')).collect();
    let expect = [
        "1-18937@10.180.110.65+3AD59217-BAB611E8-810AEAA2-99CD2F32@10.180.110.58",
        "1-22137@10.180.110.65+9D95E46-6DCB11E9-9A6FE3AD-C1443EBC@10.180.110.58",
        "2FD99C0A-74CB11E9-A0258A12-3C801A2C@10.10.244.63+2FDE4543-74CB11E9-9614A422-D6FC9BE1@10.180.110.58",
        "55203369-6DB611E9-99ECE3AD-C1443EBC@10.180.110.58+7e404600-10001-1741-93f492a@10.180.110.48",
    ];
    assert!(found.names.len() >= 50, "{} legs", found.names.len());
    assert_eq!(together, expect.map(str::to_owned).into());
}

/// Whatever file is added to the captures, one with several calls needs a test of its own.
#[test]
fn every_capture_with_several_calls_has_its_test() {
    let Some(directory) = common::corpora("real") else { return };
    let mut several: BTreeSet<String> = BTreeSet::new();
    let options = ReconstructOptions::default();
    let whole = reconstruct(std::slice::from_ref(&directory), &options).expect("captures");
    for file in &whole.listing.files {
        let found = reconstruct(std::slice::from_ref(&file.path), &options).expect("the capture");
        if found.legs.iter().filter(|leg| leg.has_invite()).count() > 1 {
            let root = directory.canonicalize().expect("the directory is there");
            let name = file.path.strip_prefix(&root).expect("below it");
            several.insert(name.to_string_lossy().into_owned());
        }
    }
    assert_eq!(several, SEVERAL_CALLS.map(str::to_owned).into());
}

/// Call-ID up to `@` and Session-ID of one frame, as tshark reads them; absent without tshark.
fn frame(path: &Path, number: u32) -> Option<(String, String)> {
    let only = format!("frame.number=={number}");
    let mut command = Command::new("tshark");
    command.arg("-r").arg(path).args(["-Y", &only, "-T", "fields"]);
    let output = command.args(["-e", "sip.Call-ID", "-e", "sip.Session-ID"]).output().ok()?;
    let text = String::from_utf8(output.stdout).ok().filter(|_| output.status.success())?;
    let (call_id, session) = text.trim_end_matches('\n').split_once('\t')?;
    let call_id = call_id.split('@').next().unwrap_or_default();
    Some((call_id.to_owned(), session.to_owned()))
}

#[test]
fn the_frames_that_were_read_by_hand_say_so() {
    let Some(directory) = common::corpora("real") else { return };
    if Command::new("tshark").arg("--version").output().is_err() {
        println!("not tested, no tshark: the frames of {}", directory.display());
        return;
    }
    for (file, number, call_id, session) in READ_BY_HAND {
        let path = directory.join(format!("{CISCO}{file}.pcapng"));
        let expect = Some((call_id.to_owned(), session.to_owned()));
        assert_eq!(frame(&path, number), expect, "{file}, frame {number}");
    }
}
