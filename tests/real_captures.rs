//! Legs of captures from public repositories against what tshark 4.0 makes of the same files.
//!
//! Compared per file: the Call-IDs with an INVITE, and which of them were answered (2xx to an INVITE), hung
//! up (BYE) and cancelled (487). Every difference is listed below with its cause, found by hand.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking and says what it compared"
)]

mod common;

use common::corpora;
use respool::leg::{Leg, MessageKind};
use respool::run::{ReconstructOptions, reconstruct};
use respool::sip::Method;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Files whose sets differ from tshark's, and why.
const DIFFERENCES: &[(&str, &str)] = &[(
    "aboutsip+pkts/pkts-core__src__test__resources__io__pkts__fragmented_udp_sip.pcap",
    "the second fragment of the INVITE is in no record: tshark shows no SIP in the first one, \
     we read the headers that it holds",
)];

/// Call-ID, then what happened to it: answered, BYE, 487.
type Calls = BTreeMap<String, [bool; 3]>;

fn truth(path: &Path) -> BTreeMap<String, Calls> {
    let text = std::fs::read_to_string(path).unwrap();
    let mut lines = text.lines();
    let head: Vec<&str> = lines.next().unwrap().split('\t').collect();
    let place = |name: &str| head.iter().position(|column| *column == name).unwrap();
    let mut files: BTreeMap<String, Calls> = BTreeMap::new();
    for line in lines {
        let fields: Vec<&str> = line.split('\t').collect();
        let field = |name: &str| fields[place(name)];
        let happened = [
            !field("answer_ts").is_empty(),
            field("methods").split(',').any(|method| method.starts_with("BYE*")),
            field("final_codes").split(',').any(|code| code.starts_with("487*")),
        ];
        let calls = files.entry(field("file").to_owned()).or_default();
        calls.insert(field("call_id").to_owned(), happened);
    }
    files
}

fn ours(path: &Path) -> Calls {
    let found = reconstruct(&[path.to_owned()], &ReconstructOptions::default()).unwrap();
    // A REFER outside its dialog is kept as evidence: it is no leg of a call.
    found.legs.iter().filter(|leg| leg.has_invite()).map(|leg| happened(&leg)).collect()
}

fn happened(leg: &Leg) -> (String, [bool; 3]) {
    let has = |wanted: &dyn Fn(MessageKind, Method) -> bool| {
        leg.messages().any(|(key, _)| wanted(key.kind, key.cseq_method))
    };
    let answered = has(&|kind, method| {
        matches!(kind, MessageKind::Response(200..=299)) && method == Method::Invite
    });
    let bye = has(&|kind, _| kind == MessageKind::Request(Method::Bye));
    let cancelled = has(&|kind, _| kind == MessageKind::Response(487));
    (String::from_utf8_lossy(leg.call_id()).into_owned(), [answered, bye, cancelled])
}

#[test]
fn legs_equal_tshark() {
    let Some(corpora) = corpora("real") else { return };
    let mut truth = truth(&corpora.join("truth-calls.tsv"));
    let listed = std::fs::read_to_string(corpora.join("truth.tsv")).unwrap();
    let (mut equal, mut wrong, mut excepted) = (0, Vec::new(), BTreeSet::new());
    for file in listed.lines().skip(1).filter_map(|line| line.split('\t').next()) {
        let expected = truth.remove(file).unwrap_or_default();
        let found = ours(&corpora.join(file));
        if found == expected {
            equal += 1;
        } else if let Some((name, _)) = DIFFERENCES.iter().find(|(name, _)| *name == file) {
            excepted.insert(*name);
        } else {
            wrong.push(format!("{file}\n  ours   {found:?}\n  tshark {expected:?}"));
        }
    }
    assert!(wrong.is_empty(), "{} files differ:\n{}", wrong.len(), wrong.join("\n"));
    assert!(truth.is_empty(), "truth for files that are not listed: {truth:?}");
    let stale: Vec<&str> =
        DIFFERENCES.iter().map(|(name, _)| *name).filter(|name| !excepted.contains(name)).collect();
    assert!(stale.is_empty(), "listed as different, but equal: {stale:?}");
    println!("{equal} captures equal, {} differ for a listed cause", excepted.len());
}
