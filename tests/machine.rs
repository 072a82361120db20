//! The machine against hand-made ladders: each expectation follows from facts C and N and run section 2.
//!
//! A ladder is lines of `seconds side message [options]`: side `>` from the caller, `<` from the callee;
//! message a method, or a status followed by the method of its CSeq; options `cseq=N` (default 1, BYE 2),
//! `to=TAG`, `from=TAG`, `branch=B`, `sdp`, `called=USER`. `rtp FIRST LAST` is media without a pause.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use respool::base::spans::Span;
use respool::base::{CaptureId, CaptureTime, Endpoint, NS_PER_MS, NS_PER_S, RecordRef, SensorId};
use respool::leg::{
    Cdr, FactKey, InviteParties, Leg, MediaActivity, MessageKind, NumberRules, Side, TimingRules,
    ViaBranch, finalise,
};
use respool::sip::Method;

const CALLER: &str = "10.0.0.1:5060";
const CALLEE: &str = "10.0.0.2:5060";

fn moment(text: &str) -> CaptureTime {
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let ns: i64 = format!("{fraction:0<9}").parse().unwrap();
    CaptureTime::from_parts(seconds.parse().unwrap(), ns)
}

fn endpoint(text: &str) -> Endpoint {
    let address: std::net::SocketAddr = text.parse().unwrap();
    Endpoint::new(address.ip(), address.port())
}

fn leg(ladder: &str) -> Leg {
    let mut leg = Leg::new(SensorId(0), b"ladder@test");
    for line in ladder.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let words: Vec<&str> = line.split_whitespace().collect();
        if words[0] == "rtp" {
            let mut media = MediaActivity::default();
            media.rtp.insert_span(Span { first: moment(words[1]), last: moment(words[2]) });
            leg.add_media(&media);
            continue;
        }
        add_message(&mut leg, &words);
    }
    leg
}

fn add_message(leg: &mut Leg, words: &[&str]) {
    let time = moment(words[0]);
    let from_caller = words[1] == ">";
    let (kind, cseq_method, options) = match words[2].parse::<u16>() {
        Ok(status) => {
            let method = Method::from_token(words[3].as_bytes());
            (MessageKind::Response(status), method, &words[4..])
        }
        Err(_) => {
            let method = Method::from_token(words[2].as_bytes());
            (MessageKind::Request(method), method, &words[3..])
        }
    };
    let option = |name: &str| options.iter().find_map(|word| word.strip_prefix(name));
    let (caller, callee) = (endpoint(CALLER), endpoint(CALLEE));
    let (source, destination) = if from_caller { (caller, callee) } else { (callee, caller) };
    let destination = option("dst=").map_or(destination, endpoint);
    let source = option("src=").map_or(source, endpoint);
    let default_cseq = if cseq_method == Method::Bye { "2" } else { "1" };
    let key = FactKey {
        cseq_number: option("cseq=").unwrap_or(default_cseq).parse().unwrap(),
        kind,
        cseq_method,
        from_tag: option("from=").unwrap_or("f").as_bytes(),
        to_tag: option("to=").unwrap_or("").as_bytes(),
        branch: ViaBranch::new(option("branch=").unwrap_or("z9hG4bK").as_bytes()),
        source,
        destination,
        auth_failed: options.contains(&"auth-failed"),
        has_sdp: options.contains(&"sdp"),
    };
    let parties = InviteParties {
        from_user: option("caller=").unwrap_or("1001").as_bytes(),
        to_user: option("called=").unwrap_or("2002").as_bytes(),
        is_csta: options.contains(&"csta"),
        ..InviteParties::default()
    };
    let parties = Some(&parties).filter(|_| kind == MessageKind::Request(Method::Invite));
    let record = RecordRef { capture: CaptureId::default(), index: 1 };
    leg.add_message(&key, parties, time, record);
}

fn ms(ns: i64) -> String {
    format!("{}.{:03}", ns / NS_PER_S, ns % NS_PER_S / NS_PER_MS)
}

fn option_ms(ns: Option<i64>) -> String {
    ns.map_or_else(|| "-".to_owned(), ms)
}

fn line(cdr: &Cdr) -> String {
    let hung_up_by = cdr.hung_up_by.map_or("-", Side::name);
    let mut line = format!(
        "{} {} connect={} progress={} last={} bye={} {hung_up_by}",
        ms(cdr.started.ns()),
        ms(cdr.duration_ns()),
        option_ms(cdr.connect_duration_ns()),
        option_ms(cdr.progress_ns()),
        cdr.last_response,
        cdr.bye.code(),
    );
    if let Some(cut) = cdr.vendor_cut {
        let duration = ms(cut.ended.since_ns(cdr.started));
        line += &format!(" | cut {duration} bye={} last={}", cut.bye.code(), cut.last_response);
    }
    if cdr.only_when_cut {
        line += " | only when cut";
    }
    line
}

/// Runs a ladder with the vendor's default rules up to a horizon one day later.
#[track_caller]
fn check(ladder: &str, expect: &[&str]) {
    check_until(ladder, 86_400, expect);
}

#[track_caller]
fn check_until(ladder: &str, horizon_s: i64, expect: &[&str]) {
    let horizon = CaptureTime::from_parts(horizon_s, 0);
    let cdrs = finalise(&leg(ladder), 0, &TimingRules::default(), &NumberRules::default(), horizon);
    let lines: Vec<String> = cdrs.iter().map(line).collect();
    assert_eq!(lines, expect, "ladder:\n{ladder}");
}

const ANSWERED: &str = "
    10 > INVITE sdp
    10.1 < 100 INVITE
    10.3 < 180 INVITE to=t
    12 < 200 INVITE to=t sdp
    12.02 > ACK to=t";

#[test]
fn ordinary_ends() {
    let bye = format!("{ANSWERED}\n 40 > BYE to=t \n 40.03 < 200 BYE to=t");
    check(&bye, &["10.000 30.030 connect=28.030 progress=0.300 last=200 bye=3 caller"]);
    // The callee hangs up: its own CSeq, tags swapped.
    let callee =
        format!("{ANSWERED}\n 40 < BYE from=t to=f cseq=9 \n 40.03 > 200 BYE from=t to=f cseq=9");
    check(&callee, &["10.000 30.030 connect=28.030 progress=0.300 last=200 bye=3 callee"]);
    // Busy (RFC 3665 section 3.8).
    let busy = "10 > INVITE \n 10.05 < 100 INVITE \n 11.2 < 486 INVITE to=t \n 11.22 > ACK to=t";
    check(busy, &["10.000 1.220 connect=- progress=- last=486 bye=0 -"]);
    // Ring, then CANCEL.
    let cancel = "10 > INVITE \n 10.3 < 180 INVITE to=t \n 19 > CANCEL \n 19.02 < 200 CANCEL
        19.04 < 487 INVITE to=t \n 19.07 > ACK to=t";
    check(cancel, &["10.000 9.070 connect=- progress=0.300 last=487 bye=0 -"]);
    // Challenge and second INVITE under one Call-ID: one CDR from the first INVITE.
    let challenge = "24 > INVITE \n 24.1 < 407 INVITE to=x \n 24.15 > ACK to=x
        24.2 > INVITE cseq=2 \n 24.5 < 183 INVITE to=t cseq=2 \n 27 < 200 INVITE to=t cseq=2
        27.02 > ACK to=t cseq=2 \n 42 > BYE to=t cseq=3 \n 42.03 < 200 BYE to=t cseq=3";
    check(challenge, &["24.000 18.030 connect=15.030 progress=0.500 last=200 bye=3 caller"]);
}

#[test]
fn ends_without_a_confirmed_bye() {
    // BYE sent again and again, never answered: the last packet ends it (run section 2: bye-no200).
    let unanswered = format!("{ANSWERED}\n 20 > BYE to=t \n 24 > BYE to=t \n 27 > BYE to=t");
    check(&unanswered, &["10.000 17.000 connect=15.000 progress=0.300 last=200 bye=2 caller"]);
    // BYE answered by 481 (run section 2: bye481).
    let rejected = format!("{ANSWERED}\n 20 > BYE to=t \n 20.03 < 481 BYE to=t");
    check(&rejected, &["10.000 10.030 connect=8.030 progress=0.300 last=200 bye=2 caller"]);
    // No BYE: last RTP packet, code 104; without RTP the last SIP packet, code 108.
    let with_rtp = format!("{ANSWERED}\n rtp 12.05 31.97");
    check(&with_rtp, &["10.000 21.970 connect=19.970 progress=0.300 last=200 bye=104 -"]);
    check(ANSWERED, &["10.000 2.020 connect=0.020 progress=0.300 last=200 bye=108 -"]);
    // INVITE alone, no answer: one direction only.
    let alone = "10 > INVITE \n 10.5 > INVITE \n 13.5 > INVITE \n 17.5 > INVITE \n 21.5 > INVITE";
    check(alone, &["10.000 11.500 connect=- progress=- last=0 bye=105 -"]);
    // Only a 100 comes back: zombie after 300 s.
    let zombie = "10 > INVITE \n 10.1 < 100 INVITE";
    check(zombie, &["10.000 0.100 connect=- progress=- last=100 bye=107 -"]);
    // The captures end before any timer is due: closed with the ordinary code.
    check_until(ANSWERED, 20, &["10.000 2.020 connect=0.020 progress=0.300 last=200 bye=1 -"]);
}

#[test]
fn live_timeouts_are_kept_beside_what_the_packets_show() {
    // Two hours of SIP without RTP (run section 2: sip-only-2h).
    let long = format!("{ANSWERED}\n 7210 > BYE to=t \n 7210.03 < 200 BYE to=t");
    check(
        &long,
        &["10.000 7200.030 connect=7198.030 progress=0.300 last=200 bye=3 caller \
           | cut 2.020 bye=108 last=200"],
    );
    // A pause of 400 s in the RTP.
    let pause = format!(
        "{ANSWERED}\n rtp 12.1 15 \n rtp 415 420 \n 420.5 > BYE to=t \n 420.53 < 200 BYE to=t"
    );
    check(
        &pause,
        &["10.000 410.530 connect=408.530 progress=0.300 last=200 bye=3 caller \
           | cut 5.000 bye=104 last=200"],
    );
    // Five hours with RTP: cut at 14400 s, and the BYE is lost.
    let hours =
        format!("{ANSWERED}\n rtp 12.1 18010 \n 18010 > BYE to=t \n 18010.03 < 200 BYE to=t");
    check(
        &hours,
        &["10.000 18000.030 connect=17998.030 progress=0.300 last=200 bye=3 caller \
           | cut 14401.000 bye=102 last=200"],
    );
    // A re-INVITE of the callee after the cut makes a second CDR, sides swapped.
    let refreshed = format!(
        "{ANSWERED}\n 4000 < INVITE from=t to=f cseq=7 \n 4000.1 > 200 INVITE from=t to=f cseq=7
         4100 > BYE to=t \n 4100.03 < 200 BYE to=t"
    );
    check(
        &refreshed,
        &[
            "10.000 4090.030 connect=4088.030 progress=0.300 last=200 bye=3 caller \
             | cut 2.020 bye=108 last=200",
            "4000.000 100.030 connect=99.930 progress=0.100 last=200 bye=3 callee | only when cut",
        ],
    );
}

#[test]
fn a_call_id_used_again() {
    let twice = format!(
        "{ANSWERED}\n 20 > BYE to=t \n 20.03 < 200 BYE to=t
         92 > INVITE from=g cseq=11 \n 92.3 < 180 INVITE from=g to=u cseq=11
         93 < 200 INVITE from=g to=u cseq=11 \n 103 > BYE from=g to=u cseq=12
         103.03 < 200 BYE from=g to=u cseq=12"
    );
    check(
        &twice,
        &[
            "10.000 10.030 connect=8.030 progress=0.300 last=200 bye=3 caller",
            "92.000 11.030 connect=10.030 progress=0.300 last=200 bye=3 caller",
        ],
    );
    // Within 5 s of the 200 to the BYE the sniffer glues both into one CDR (facts A.3).
    let glued = format!(
        "{ANSWERED}\n 20 > BYE to=t \n 20.03 < 200 BYE to=t
         23 > INVITE from=g cseq=11 \n 24 < 200 INVITE from=g to=u cseq=11
         30 > BYE from=g to=u cseq=12 \n 30.03 < 200 BYE from=g to=u cseq=12"
    );
    check(&glued, &["10.000 20.030 connect=18.030 progress=0.300 last=200 bye=3 caller"]);
}

/// A branch that is refused early arms the close timer; the packets show that the other rang on.
#[test]
fn fork_with_an_early_refusal() {
    let fork = "10 > INVITE \n 10.3 < 180 INVITE to=a \n 10.4 < 180 INVITE to=b
        11.2 < 486 INVITE to=a \n 11.21 > ACK to=a \n 19 < 200 INVITE to=b \n 19.02 > ACK to=b
        64 > BYE to=b \n 64.03 < 200 BYE to=b";
    let expect = "10.000 54.030 connect=45.030 progress=0.300 last=200 bye=3 caller \
                  | cut 1.210 bye=0 last=486";
    check(fork, &[expect]);
    // A copy of the refusal that comes late is no sign of life.
    let late = "10 > INVITE \n 10.3 < 180 INVITE to=a \n 11.2 < 486 INVITE to=a \n 11.21 > ACK to=a
        30 < 486 INVITE to=a";
    check(late, &["10.000 1.210 connect=- progress=0.300 last=486 bye=0 -"]);
}

/// More than an hour of SIP alone up to a confirmed BYE is bye 3, also when the capture ends with it.
#[test]
fn capture_that_ends_with_the_call() {
    let long = format!("{ANSWERED}\n 7300 > BYE to=t \n 7300.03 < 200 BYE to=t");
    let expect = "10.000 7290.030 connect=7288.030 progress=0.300 last=200 bye=3 caller \
                  | cut 2.020 bye=108 last=200";
    check(&long, &[expect]);
    check_until(&long, 7_301, &[expect]);
}

#[test]
fn forks_and_races() {
    // CANCEL crosses the 200: the 487 sticks although the call was answered (facts C).
    let race = "10 > INVITE \n 10.3 < 180 INVITE to=t \n 12 > CANCEL \n 12.01 < 200 INVITE to=t
        12.02 < 200 CANCEL \n 12.05 > ACK to=t \n 12.1 > BYE to=t \n 12.15 < 200 BYE to=t";
    check(race, &["10.000 2.150 connect=0.140 progress=0.300 last=487 bye=3 caller"]);
    // A fork whose loser was cancelled: live, with SIP alone, the close timer of the CANCEL is never
    // cleared, so the CDR is cut and the BYE lost (facts N.1); the packets show the whole call.
    let fork = "10 > INVITE \n 10.3 < 180 INVITE to=a \n 10.4 < 180 INVITE to=b \n 13.9 > CANCEL
        14 < 200 INVITE to=b \n 14.05 < 200 CANCEL \n 14.1 < 487 INVITE to=a \n 14.2 > ACK to=b
        64 > BYE to=b \n 64.03 < 200 BYE to=b";
    check(
        fork,
        &["10.000 54.030 connect=50.030 progress=0.300 last=487 bye=3 caller \
           | cut 4.200 bye=1 last=487"],
    );
    // RTP keeps it open.
    check(
        &format!("{fork}\n rtp 14.1 63.9"),
        &["10.000 54.030 connect=50.030 progress=0.300 last=487 bye=3 caller"],
    );
    // A BYE without any 18x or 2xx before it.
    check(
        "10 > INVITE \n 10.1 < 100 INVITE \n 11 > BYE \n 11.1 < 200 BYE",
        &["10.000 1.100 connect=- progress=- last=100 bye=106 caller"],
    );
}

#[test]
fn nothing_without_an_invite() {
    check("10 > BYE to=t \n 10.1 < 200 BYE to=t", &[]);
    check("10 < 200 INVITE to=t \n 11 > BYE to=t", &[]);
    // CSTA events in an INVITE are no call (facts A.11).
    check("10 > INVITE csta \n 10.1 < 200 INVITE to=t \n 11 > BYE to=t", &[]);
}

#[test]
fn a_new_dialog_after_silence_is_a_new_cdr() {
    // The first attempt was never answered; ten minutes later the same Call-ID opens another dialog.
    let again = "10 > INVITE \n 10.1 < 100 INVITE
        610 > INVITE from=g cseq=5 \n 610.2 < 180 INVITE from=g to=t cseq=5
        611 < 200 INVITE from=g to=t cseq=5 \n 620 > BYE from=g to=t cseq=6
        620.1 < 200 BYE from=g to=t cseq=6";
    check(
        again,
        &[
            "10.000 0.100 connect=- progress=- last=100 bye=107 -",
            "610.000 10.100 connect=9.100 progress=0.200 last=200 bye=3 caller",
        ],
    );
}
