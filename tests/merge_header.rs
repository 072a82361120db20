//! `callidmerge_header` against hand-made ladders: each expectation follows from facts A.7 and the
//! sniffer's `process_packet__merge` (sniff.cpp:8042-8085).
//!
//! A ladder is lines of `leg seconds side message [options]`: side `>` from the caller, `<` from the
//! callee; message a method, or a status followed by the method of its CSeq; `names=CALL-ID` on an
//! INVITE is the merge header.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use respool::base::{CaptureId, CaptureTime, Endpoint, NS_PER_MS, NS_PER_S, RecordRef, SensorId};
use respool::call::{MergeLinks, MergeRules, merge_by_header, merge_headers};
use respool::leg::{
    Cdr, FactKey, Identifier, IdentifierKind, InviteParties, Leg, Legs, MessageKind, NumberRules,
    Sighting, TimingRules, ViaBranch, finalise,
};
use respool::sip::Method;
use std::collections::BTreeMap;

const HORIZON_S: i64 = 86_400;

fn moment(text: &str) -> CaptureTime {
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let ns: i64 = format!("{fraction:0<9}").parse().unwrap();
    CaptureTime::from_parts(seconds.parse().unwrap(), ns)
}

fn endpoint(text: &str) -> Endpoint {
    let address: std::net::SocketAddr = text.parse().unwrap();
    Endpoint::new(address.ip(), address.port())
}

/// `sensor/call-id`, the sensor 0 when it is not named.
fn leg_of(name: &str) -> (SensorId, &str) {
    let (sensor, call_id) = name.split_once('/').unwrap_or(("0", name));
    (SensorId(sensor.parse().unwrap()), call_id)
}

fn legs(ladder: &str) -> Legs {
    let mut legs: BTreeMap<(SensorId, &str), Leg> = BTreeMap::new();
    for line in ladder.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (sensor, call_id) = leg_of(words[0]);
        let leg =
            legs.entry((sensor, call_id)).or_insert_with(|| Leg::new(sensor, call_id.as_bytes()));
        add_message(leg, &words);
    }
    legs.into_values().collect()
}

fn add_message(leg: &mut Leg, words: &[&str]) {
    let time = moment(words[1]);
    let (kind, cseq_method, options) = match words[3].parse::<u16>() {
        Ok(status) => {
            let method = Method::from_token(words[4].as_bytes());
            (MessageKind::Response(status), method, &words[5..])
        }
        Err(_) => {
            let method = Method::from_token(words[3].as_bytes());
            (MessageKind::Request(method), method, &words[4..])
        }
    };
    let (caller, callee) = (endpoint("10.0.0.1:5060"), endpoint("10.0.0.2:5060"));
    let (source, destination) = if words[2] == ">" { (caller, callee) } else { (callee, caller) };
    let [from_tag, to_tag, branch] =
        ["from-", "to-", "z9hG4bK-"].map(|before| format!("{before}{}", words[0]).into_bytes());
    let is_invite = kind == MessageKind::Request(Method::Invite);
    let key = FactKey {
        cseq_number: if cseq_method == Method::Bye { 2 } else { 1 },
        kind,
        cseq_method,
        from_tag: &from_tag,
        to_tag: if is_invite { &[] } else { &to_tag },
        branch: ViaBranch::new(&branch),
        source,
        destination,
        auth_failed: false,
        has_sdp: false,
    };
    let record = RecordRef { capture: CaptureId::default(), index: 1 };
    let parties =
        InviteParties { from_user: b"1001", to_user: b"2002", ..InviteParties::default() };
    let parties = Some(&parties).filter(|_| is_invite);
    if let Some(named) = options.iter().find_map(|word| word.strip_prefix("names=")) {
        let value = format!("x-parent: {named}").into_bytes();
        let kind = IdentifierKind::Header;
        let identifier = Identifier { kind, value: &value, said_by: source, cseq: 1 };
        leg.add_identifier(identifier, Sighting { first: time, last: time, record });
    }
    leg.add_message(&key, parties, time, record);
}

/// All CDRs of the run with the header set, how many legs it names, and which leg went into the CDR of which other.
#[derive(Debug)]
struct Merged {
    cdrs: Vec<Cdr>,
    named: usize,
    merged: Vec<(u32, u32)>,
}

fn merge(legs: &Legs) -> Merged {
    merge_hidden(legs, None)
}

fn merge_hidden(legs: &Legs, secret: Option<&[u8]>) -> Merged {
    let (timing, numbers) = (TimingRules::default(), NumberRules::default());
    let horizon = CaptureTime::from_parts(HORIZON_S, 0);
    let cdrs: Vec<Cdr> = (0u32..)
        .zip(legs.iter())
        .flat_map(|(index, leg)| finalise(&leg, index, &timing, &numbers, horizon))
        .collect();
    let horizons = BTreeMap::from([(SensorId(0), horizon), (SensorId(1), horizon)]);
    let rules = MergeRules { timing: &timing, numbers: &numbers, secret, horizons: &horizons };
    // Header names have no case.
    let made = merge_by_header(legs, &MergeLinks::of(legs, secret), "X-Parent", rules, |_| true);
    Merged { cdrs: made.cdrs(&cdrs), named: made.named, merged: made.merged }
}

fn line(legs: &Legs, cdr: &Cdr) -> String {
    let ms = |ns: i64| format!("{}.{:03}", ns / NS_PER_S, ns % NS_PER_S / NS_PER_MS);
    let mut line = format!(
        "{} {} {}",
        String::from_utf8_lossy(legs.call_id(cdr.leg)),
        ms(cdr.started.ns()),
        ms(cdr.ended.ns())
    );
    if cdr.only_when_cut {
        line += " only when cut";
    }
    line
}

/// The CDRs that the packets show.
#[track_caller]
fn check(ladder: &str, expect: &[&str]) {
    let legs = legs(ladder);
    let merged = merge(&legs);
    let shown = merged.cdrs.iter().filter(|cdr| !cdr.only_when_cut);
    let lines: Vec<String> = shown.map(|cdr| line(&legs, cdr)).collect();
    assert_eq!(lines, expect, "{merged:#?}");
}

/// A call: INVITE, 200, BYE, 200.
fn call(leg: &str, from: &str, until: &str, options: &str) -> String {
    format!(
        "{leg} {from} > INVITE {options}\n{leg} {from}5 < 180 INVITE\n{leg} {from}9 < 200 INVITE\n\
         {leg} {until} > BYE\n{leg} {until}5 < 200 BYE\n"
    )
}

#[test]
fn a_child_goes_into_the_open_call_of_its_parent() {
    let ladder = call("a", "0.0", "10.0", "") + &call("b", "0.1", "10.1", "names=a");
    check(&ladder, &["a 0.000 10.150"]);
    let merged = merge(&legs(&ladder));
    assert_eq!((merged.named, merged.merged), (1, vec![(1, 0)]));
    assert_eq!(merge_headers(&legs(&ladder), None)[0].name, "x-parent");
}

/// `callidmerge_secret` (sniff.cpp:8052-8065): the value is the parent's Call-ID, XORed and in base64.
#[test]
fn a_hidden_call_id_is_revealed_with_the_secret() {
    // "a" ^ "s" = 0x12; base64 of one byte 0x12 is "Eg==".
    let ladder = call("a", "0.0", "10.0", "") + &call("b", "0.1", "10.1", "names=Eg==");
    let legs = legs(&ladder);
    assert_eq!(merge(&legs).merged, []);
    assert_eq!(merge_headers(&legs, None), []);
    assert_eq!(merge_hidden(&legs, Some(b"s")).merged, [(1, 0)]);
    assert_eq!(merge_headers(&legs, Some(b"s"))[0].name, "x-parent");
    assert_eq!(merge_hidden(&legs, Some(b"t")).merged, []);
}

#[test]
fn without_the_header_nothing_changes() {
    let ladder = call("a", "0.0", "10.0", "") + &call("b", "0.1", "10.1", "");
    check(&ladder, &["a 0.000 10.050", "b 0.100 10.150"]);
    assert_eq!(merge_headers(&legs(&ladder), None), []);
}

#[test]
fn the_parent_must_be_known_first() {
    let ladder = call("a", "0.2", "10.0", "") + &call("b", "0.1", "10.1", "names=a");
    check(&ladder, &["a 0.200 10.050", "b 0.100 10.150"]);
}

#[test]
fn the_parent_must_still_be_open() {
    // 5 s after the 200 to its BYE it is not.
    let with = |start: &str| call("a", "0.0", "10.0", "") + &call("b", start, "30.0", "names=a");
    check(&with("14.0"), &["a 0.000 30.050"]);
    check(&with("16.0"), &["a 0.000 10.050", "b 16.000 30.050"]);
}

#[test]
fn only_the_original_parent_is_found() {
    let start = call("a", "0.0", "10.0", "") + &call("b", "0.1", "10.1", "names=a");
    check(&(start.clone() + &call("c", "0.2", "10.2", "names=a")), &["a 0.000 10.250"]);
    check(&(start + &call("c", "0.2", "10.2", "names=b")), &["a 0.000 10.150", "c 0.200 10.250"]);
}

#[test]
fn a_response_before_the_invite_breaks_it() {
    let ladder = call("a", "0.0", "10.0", "") + &call("b", "0.2", "10.1", "names=a");
    check(&ladder, &["a 0.000 10.150"]);
    check(&(ladder + "b 0.1 < 100 INVITE"), &["a 0.000 10.050", "b 0.200 10.150"]);
}

#[test]
fn only_the_merged_leg_closes_the_call() {
    let late = call("c", "200.0", "210.0", "names=a");
    let whole = call("a", "0.0", "10.0", "") + &call("b", "0.1", "10.1", "names=a");
    check(&(whole.clone() + &late), &["a 0.000 10.150", "c 200.000 210.050"]);
    // Without the BYE of b the call hangs, though a hung up, and takes c in; with a leg that never
    // confirmed a BYE it ends with its last packet.
    let hangs: String = whole
        .lines()
        .filter(|line| !line.starts_with("b 10.1"))
        .map(|l| format!("{l}\n"))
        .collect();
    check(&(hangs + &late), &["a 0.000 210.050"]);
}

#[test]
fn a_leg_of_another_sensor_is_no_parent() {
    let ladder = call("0/a", "0.0", "10.0", "") + &call("1/b", "0.1", "10.1", "names=a");
    check(&ladder, &["a 0.000 10.050", "b 0.100 10.150"]);
    assert_eq!(merge_headers(&legs(&ladder), None), []);
}

#[test]
fn the_value_has_less_than_1024_bytes() {
    let check_length = |length: usize, expect: usize| {
        let name = "a".repeat(length);
        let ladder =
            call(&name, "0.0", "10.0", "") + &call("b", "0.1", "10.1", &format!("names={name}"));
        assert_eq!(merge(&legs(&ladder)).merged.len(), expect, "{length}");
    };
    check_length(1_023, 1);
    check_length(1_024, 0);
}

#[test]
fn a_parent_that_the_live_timeouts_closed_takes_nobody() {
    // No RTP for an hour: closed live, although its BYE comes later.
    let ladder = call("a", "0.0", "5000.0", "") + &call("b", "4000.0", "4010.0", "names=a");
    check(&ladder, &["a 0.000 5000.050", "b 4000.000 4010.050"]);
}

#[test]
fn two_names_at_once_name_nobody() {
    let both = call("a", "0.0", "10.0", "") + &call("d", "0.0", "10.0", "");
    let ladder = both + &call("b", "0.1", "10.1", "names=a") + "b 0.1 > INVITE names=d\n";
    assert_eq!(merge(&legs(&ladder)).merged, []);
}

#[test]
fn legs_that_name_each_other_and_themselves_end() {
    let ladder = call("a", "0.0", "10.0", "names=b") + &call("b", "0.1", "10.1", "names=a");
    check(&ladder, &["a 0.000 10.150"]);
    check(&call("a", "0.0", "10.0", "names=a"), &["a 0.000 10.050"]);
}

#[test]
fn a_flood_of_children_stops_at_the_cap() {
    let mut ladder = call("a", "0.0", "10.0", "");
    for child in 0..70 {
        ladder += &call(&format!("b{child}"), "0.1", "10.1", "names=a");
    }
    let merged = merge(&legs(&ladder));
    assert_eq!((merged.merged.len(), merged.cdrs.len()), (64, 7));
}
