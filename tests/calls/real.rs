//! Real captures, read by tshark and not by us: which Call-IDs are one call was seen by hand there.

use super::support::{Run, expect_calls};
use respool::base::{CaptureId, CaptureTime, Endpoint, RecordRef, SensorId};
use respool::call::{RuleName, RuleTable, group, outline_all};
use respool::leg::{
    FactKey, Identifier, IdentifierKind, InviteParties, Leg, MessageKind, Sighting, ViaBranch,
};
use respool::sip::Method;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

const FIELDS: [&str; 21] = [
    "frame.number",
    "frame.time_epoch",
    "ip.src",
    "udp.srcport",
    "tcp.srcport",
    "ip.dst",
    "udp.dstport",
    "tcp.dstport",
    "sip.Call-ID",
    "sip.Method",
    "sip.Status-Code",
    "sip.CSeq.seq",
    "sip.CSeq.method",
    "sip.from.tag",
    "sip.to.tag",
    "sip.from.user",
    "sip.to.user",
    "sip.r-uri.user",
    "sip.Session-ID",
    "sdp.connection_info.address",
    "sdp.media.port",
];

fn corpora() -> PathBuf {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpora");
    std::env::var_os("RESPOOL_CORPORA").map_or(beside, PathBuf::from)
}

fn end(address: &str, udp: &str, tcp: &str) -> Option<Endpoint> {
    let port = if udp.is_empty() { tcp } else { udp };
    Some(Endpoint::new(address.parse().ok()?, port.parse().ok()?))
}

fn time(text: &str) -> Option<CaptureTime> {
    let (seconds, decimals) = text.split_once('.')?;
    Some(CaptureTime::from_parts(seconds.parse().ok()?, format!("{decimals:0<9}").parse().ok()?))
}

/// Adds what one line of tshark says; lines that are no message of a dialog say nothing.
fn add(legs: &mut BTreeMap<String, Leg>, line: &str) -> Option<()> {
    let row: Vec<&str> = line.split('\t').collect();
    let [
        number,
        epoch,
        src,
        udp_from,
        tcp_from,
        dst,
        udp_to,
        tcp_to,
        call_id,
        method,
        status,
        seq,
        cseq_method,
        from_tag,
        to_tag,
        from_user,
        to_user,
        request_user,
        session,
        connection,
        port,
    ] = row[..]
    else {
        return None;
    };
    let (source, destination) = (end(src, udp_from, tcp_from)?, end(dst, udp_to, tcp_to)?);
    let seen = time(epoch)?;
    let record = RecordRef { capture: CaptureId::default(), index: number.parse().ok()? };
    let kind = match status.parse() {
        Ok(status) => MessageKind::Response(status),
        Err(_) => MessageKind::Request(Method::from_token(method.as_bytes())),
    };
    let key = FactKey {
        cseq_number: seq.parse().ok()?,
        kind,
        cseq_method: Method::from_token(cseq_method.as_bytes()),
        from_tag: from_tag.as_bytes(),
        to_tag: to_tag.as_bytes(),
        branch: ViaBranch::default(),
        source,
        destination,
        auth_failed: false,
        has_sdp: !port.is_empty(),
    };
    let leg =
        legs.entry(call_id.to_owned()).or_insert_with(|| Leg::new(SensorId(0), call_id.as_bytes()));
    let parties = InviteParties {
        from_user: from_user.as_bytes(),
        to_user: to_user.as_bytes(),
        request_user: request_user.as_bytes(),
        ..InviteParties::default()
    };
    let parties = Some(&parties).filter(|_| kind == MessageKind::Request(Method::Invite));
    for (kind, value) in said(session, connection, port) {
        if value.len() > 3 {
            let value = value.as_bytes();
            let identifier = Identifier { kind, value, said_by: source, cseq: key.cseq_number };
            leg.add_identifier(identifier, Sighting { first: seen, last: seen, record });
        }
    }
    leg.add_message(&key, parties, seen, record);
    Some(())
}

/// The identifiers of a message, in the forms that their kinds name.
fn said(session: &str, connection: &str, port: &str) -> [(IdentifierKind, String); 2] {
    let first = |list: &str| list.split(',').next().unwrap_or_default().to_owned();
    [
        (IdentifierKind::SessionId, session.replace("remote=", "")),
        (IdentifierKind::MediaAddress, format!("{}:{}", first(connection), first(port))),
    ]
}

/// Legs with an INVITE, as tshark reads the file; absent without the corpora or without tshark.
#[expect(clippy::print_stdout, reason = "says that it did not test")]
fn read(file: &str) -> Option<Vec<Leg>> {
    let path = corpora().join("real").join(file);
    let mut command = Command::new("tshark");
    command.arg("-r").arg(&path).args(["-Y", "sip.CSeq", "-T", "fields"]);
    for field in FIELDS {
        command.args(["-e", field]);
    }
    let output = command.output().ok().filter(|output| path.exists() && output.status.success());
    let Some(output) = output else {
        println!("not tested, no corpora or no tshark: {}", path.display());
        return None;
    };
    let mut legs = BTreeMap::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        add(&mut legs, line);
    }
    let is_invite =
        |leg: &Leg| leg.messages().any(|(key, _)| key.kind == MessageKind::Request(Method::Invite));
    Some(legs.into_values().filter(is_invite).collect())
}

fn check(file: &str, expect: &str, by: &[RuleName]) {
    let Some(legs) = read(file) else {
        return;
    };
    let outlines = outline_all(&legs);
    let grouping = group(&outlines, &RuleTable::default());
    let run = Run { outlines, grouping };
    expect_calls(&run, expect);
    let rules: Vec<RuleName> = run.joined().iter().map(|found| found.rule).collect();
    assert_eq!(rules, by, "{file}");
}

const CISCO: &str = "ahmedelemamn+Wireshark-Captures/collab_pcap__sip__sip_";

/// A border element between a telephone and a server; the recording session is a call of its own.
#[test]
fn two_legs_of_a_border_element_and_a_recording() {
    check(
        &format!("{CISCO}recording_siprec.pcapng"),
        "2FD99C0A-74CB11E9-A0258A12-3C801A2C@10.10.244.63+2FDE4543-74CB11E9-9614A422-D6FC9BE1@10.180.110.58 \
         3089C795-74CB11E9-961DA422-D6FC9BE1@10.180.110.58",
        &[RuleName::SessionId],
    );
    check(
        &format!("{CISCO}xmf_recording_cube.pcapng"),
        "1-18937@10.180.110.65+3AD59217-BAB611E8-810AEAA2-99CD2F32@10.180.110.58",
        &[RuleName::SessionId],
    );
}

/// The same call as the last one, recorded by a server instead of the border element.
#[test]
fn the_other_recording() {
    check(
        &format!("{CISCO}xmf_recording_cucm.pcapng"),
        "1-18937@10.180.110.65+3AD59217-BAB611E8-810AEAA2-99CD2F32@10.180.110.58",
        &[RuleName::SessionId],
    );
}

/// Calls between the same two ends, one after the other: the load generator of the first even uses
/// one media port for both.
#[test]
fn unrelated_calls_stay_apart() {
    check(
        "marc-gr+beats/HIST-7ec19fb5-packetbeat__tests__system__pcaps__sip.pcap",
        "1-2187@10.0.2.20 1-2189@10.0.2.20",
        &[],
    );
    // These overlap, too.
    for file in ["sipp", "sipp_sll"] {
        check(
            &format!("aboutsip+pkts/pkts-core__src__test__resources__io__pkts__{file}.pcap"),
            "1-16732@127.0.1.1 2-16732@127.0.1.1 3-16732@127.0.1.1 4-16732@127.0.1.1 5-16732@127.0.1.1",
            &[],
        );
    }
    check(
        "nextcaller+sip-capture/extract__testdata__sip-tcp.pcap",
        "1-2550@127.0.0.1 2-2550@127.0.0.1 3-2550@127.0.0.1 4-2550@127.0.0.1 5-2550@127.0.0.1",
        &[],
    );
    check(
        "zongbingwang+pcapApplication/data__yate.pcap",
        "1440318047@222.20.61.66 601278648@222.20.61.66 1954728783@222.20.58.184:50961",
        &[],
    );
    check(
        "zongbingwang+pcapApplication/data__sip.pcap",
        "1652938714@222.20.35.58 616295368@222.20.35.58 928209880@222.20.56.195",
        &[],
    );
}
