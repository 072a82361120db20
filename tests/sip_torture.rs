//! The torture messages of RFC 4475 and RFC 5118 and the framing streams, read by the SIP room.
//!
//! Expected values were copied by hand from the RFC texts, not from output of the program.

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test stops at what it cannot read"
)]

use respool::base::{CaptureTime, RecordRef};
use respool::sip::{FrameEnd, Framer, StartLine, scan};
use std::path::PathBuf;

/// The torture corpora; absent, with a word on the terminal, where they are not installed.
fn corpora() -> Option<PathBuf> {
    let root = std::env::var_os("RESPOOL_CORPORA").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/corpora"),
        PathBuf::from,
    );
    let torture = root.join("torture");
    if !torture.is_dir() {
        println!("no corpora at {}: nothing was tested", torture.display());
        return None;
    }
    Some(torture)
}

fn files(folders: &[&str], extension: Option<&str>) -> Vec<(PathBuf, Vec<u8>)> {
    let Some(root) = corpora() else { return Vec::new() };
    let mut found = Vec::new();
    for folder in folders {
        for entry in std::fs::read_dir(root.join(folder)).expect("a corpus folder") {
            let path = entry.expect("a folder entry").path();
            if extension.is_none_or(|wanted| path.extension().is_some_and(|it| it == wanted)) {
                let bytes = std::fs::read(&path).expect("a corpus file");
                found.push((path, bytes));
            }
        }
    }
    found.sort();
    assert!(found.len() > 10, "the corpus holds its files");
    found
}

/// `file | method or status | Call-ID | From tag | To tag | CSeq` of messages that RFC 4475 section
/// 3.1 and RFC 5118 call valid, and of those invalid ones whose values are still beyond doubt.
const EXPECTED: &str = "\
rfc4475/wsinv.dat | INVITE | wsinv.ndaksdj@192.0.2.1 | 98asjd8 | 1918181833n | 9 INVITE
rfc4475/intmeth.dat | !interesting-Method0123456789_*+`.%indeed'~ | intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{ | _token~1'+`*%!-. | | 139122385 OTHER
rfc4475/esc01.dat | INVITE | esc01.239409asdfakjkn23onasd0-3234 | 938 | | 234234 INVITE
rfc4475/escnull.dat | REGISTER | escnull.39203ndfvkjdasfkq3w4otrq0adsfdfnavd | 839923423 | | 14398234 REGISTER
rfc4475/esc02.dat | RE%47IST%45R | esc02.asdfnqwo34rq23i34jrjasdcnl23nrlknsdf | f232jadfj23 | | 29344 OTHER
rfc4475/lwsdisp.dat | OPTIONS | lwsdisp.1234abcd@funky.example.com | 323 | | 60 OPTIONS
rfc4475/dblreq.dat | REGISTER | dblreq.0ha0isndaksdj99sdfafnl3lk233412 | 43251j3j324 | | 8 REGISTER
rfc4475/semiuri.dat | OPTIONS | semiuri.0ha0isndaksdj | 33242 | | 8 OPTIONS
rfc4475/transports.dat | OPTIONS | transports.kijh4akdnaqjkwendsasfdj | 323 | | 60 OPTIONS
rfc4475/mpart01.dat | MESSAGE | 3d9485ad0c49859b@Zmx1ZmZ5LW1hYy0xNi5sb2NhbA.. | 2fb0dcc9 | | 1 MESSAGE
rfc4475/unreason.dat | 200 | unreason.1234ksdfak3j2erwedfsASdf | 11141343 | 2229 | 35 INVITE
rfc4475/noreason.dat | 100 | noreason.asndj203insdf99223ndf | 39ansfi3 | 902jndnke3 | 35 INVITE
rfc4475/badinv01.dat | INVITE | badinv01.0ha0isndaksdjasdf3234nas | 134161461246 | | 8 INVITE
rfc4475/clerr.dat | INVITE | clerr.0ha0isndaksdjweiafasdk3 | 93942939o2 | | 8 INVITE
rfc4475/ncl.dat | INVITE | ncl.0ha0isndaksdj2193423r542w35 | 32394234 | | 0 INVITE
rfc4475/scalar02.dat | REGISTER | scalar02.23o0pd9vanlq3wnrlnewofjas9ui32 | 239232jh3 | | -
rfc4475/scalarlg.dat | 503 | scalarlg.noase0of0234hn2qofoaf0232aewf2394r | 2easdjfejw | | -
rfc4475/quotbal.dat | INVITE | quotbal.aksdj | 93334 | | 8 INVITE
rfc4475/ltgtruri.dat | INVITE | ltgtruri.1@192.0.2.5 | 39291 | | 1 INVITE
rfc4475/lwsruri.dat | INVITE | lwsruri.asdfasdoeoi2323-asdfwrn23-asd834rk423 | 231413434 | 3xfe-9921883-z9f | 2130706432 INVITE
rfc4475/lwsstart.dat | INVITE | lwsstart.dfknq234oi243099adsdfnawe3@example.com | 8814 | | 1893884 INVITE
rfc4475/trws.dat | OPTIONS | trws.oicu34958239neffasdhr2345r | 329429089 | | 238923 OPTIONS
rfc4475/escruri.dat | INVITE | escruri.23940-asdfhj-aje3br-234q098w-fawerh2q-h4n5 | 341518 | | 149209342 INVITE
rfc4475/baddate.dat | INVITE | baddate.239423mnsadf3j23lj42--sedfnm234 | 2234923 | | 1392934 INVITE
rfc4475/regbadct.dat | REGISTER | regbadct.k345asrl3fdbv@10.0.0.1 | 998332 | | 1 REGISTER
rfc4475/badaspec.dat | OPTIONS | badaspec.sdf0234n2nds0a099u23h3hnnw009cdkne3 | 433423 | | 3923239 OPTIONS
rfc4475/baddn.dat | OPTIONS | baddn.31415@c.example.com | 43 | | 3923239 OPTIONS
rfc4475/badvers.dat | OPTIONS | badvers.31417@c.example.com | qweoiqpe | | 1 OPTIONS
rfc4475/mismatch01.dat | OPTIONS | mismatch01.dj0234sxdfl3 | 34525 | | 8 INVITE
rfc4475/mismatch02.dat | NEWMETHOD | mismatch02.dj0234sxdfl3 | 34525 | | 8 INVITE
rfc4475/badbranch.dat | OPTIONS | badbranch.sadonfo23i420jv0as0derf3j3n | 33242 | | 8 OPTIONS
rfc4475/insuf.dat | INVITE | | | | 193942 INVITE
rfc4475/unkscm.dat | OPTIONS | unkscm.nasdfasser0q239nwsdfasdkl34 | 384 | | 3923423 OPTIONS
rfc4475/novelsc.dat | OPTIONS | novelsc.asdfasser0q239nwsdfasdkl34 | 384 | | 3923423 OPTIONS
rfc4475/unksm2.dat | REGISTER | unksm2.daksdj@hyphenated-host.example.com | 3234233 | | 234902 REGISTER
rfc4475/bext01.dat | OPTIONS | bext01.0ha0isndaksdj | 242etr | | 8 OPTIONS
rfc4475/invut.dat | INVITE | invut.0ha0isndaksdjadsfij34n23d | 8392034 | | 235448 INVITE
rfc4475/regaut01.dat | REGISTER | regaut01.0ha0isndaksdj | 87321hj23128 | | 9338 REGISTER
rfc4475/multi01.dat | INVITE | multi01.98asdh@192.0.2.1 | 3413415 | | 5 INVITE
rfc4475/mcl01.dat | OPTIONS | mcl01.fhn2323orihawfdoa3o4r52o3irsdf | 3923942 | | 15932 OPTIONS
rfc4475/bcast.dat | 200 | bcast.0384840201234ksdfak3j2erwedfsASdf | 11141343 | 2229 | 35 INVITE
rfc4475/zeromf.dat | OPTIONS | zeromf.jfasdlfnm2o2l43r5u0asdfas | 3ghsd41 | | 39234321 OPTIONS
rfc4475/cparam01.dat | REGISTER | cparam01.70710@saturn.example.com | DkfVgjkrtMwaerKKpe | | 2 REGISTER
rfc4475/cparam02.dat | REGISTER | cparam02.70710@saturn.example.com | 838293 | | 3 REGISTER
rfc4475/regescrt.dat | REGISTER | regescrt.k345asrl3fdbv@192.0.2.1 | 8 | | 14398234 REGISTER
rfc4475/sdp01.dat | INVITE | sdp01.ndaksdj9342dasdd | 234 | | 8 INVITE
rfc4475/inv2543.dat | INVITE | inv2543.1717@ift.client.example.com | | | 56 INVITE
rfc5118/ipv6-good | REGISTER | SSG9559905523997077@hlau_4100 | 81x2 | | 98176 REGISTER
rfc5118/ipv6-bad | REGISTER | SSG9559905523997077@hlau_4100 | 81x2 | | 98176 REGISTER
rfc5118/port-ambiguous | REGISTER | SSG9559905523997077@hlau_4100 | 81x2 | | 98176 REGISTER
rfc5118/port-unambiguous | REGISTER | SSG9559905523997077@hlau_4100 | 81x2 | | 98176 REGISTER
rfc5118/via-received-param-with-delim | BYE | SSG9559905523997077@hlau_4100 | 81x2 | bd76ya | 321 BYE
rfc5118/via-received-param-no-delim | OPTIONS | SSG95523997077@hlau_4100 | 81x2 | | 921 OPTIONS
rfc5118/ipv6-in-sdp | INVITE | SSG9559905523997077@hlau_4100 | 81x2 | | 8612 INVITE
rfc5118/mult-ip-in-header | BYE | 997077@lau_4100 | 81x2 | 9817--94 | 89187 BYE
rfc5118/mult-ip-in-sdp | INVITE | SSG9559905523997077@hlau_4100 | 81x2 | | 8912 INVITE
rfc5118/ipv4-mapped-ipv6 | INVITE | SSG9559905523997077@hlau_4100 | 81x2 | | 612 INVITE
rfc5118/ipv6-bug-abnf-3-colons | OPTIONS | G9559905523997077@hlau_4100 | 810x2 | | 689 OPTIONS
rfc5118/ipv6-correct-abnf-2-colons | OPTIONS | G9559905523997077@hlau_4100 | 810x2 | | 689 OPTIONS
";

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn check(name: &str, payload: &[u8], expect: [&str; 5]) {
    let message = scan(payload).unwrap_or_else(|| panic!("{name} is SIP"));
    let start = match message.start() {
        StartLine::Request { token, .. } => text(token),
        StartLine::Response { status, .. } => status.to_string(),
    };
    let cseq = message.cseq().map(|cseq| format!("{} {}", cseq.number, cseq.method.name()));
    let found = [
        start,
        text(message.call_id()),
        text(message.from().tag()),
        text(message.to().tag()),
        cseq.unwrap_or_else(|| "-".to_owned()),
    ];
    assert_eq!(found.each_ref().map(String::as_str), expect, "{name}");
}

#[test]
fn messages_give_the_values_of_the_rfc_texts() {
    let Some(root) = corpora() else { return };
    let mut longreq_call_id = String::from("longreq.one");
    longreq_call_id += &"really".repeat(20);
    longreq_call_id += "longcallid";
    let longreq_tag = format!("12{}424", "982".repeat(50));
    let longreq = ["INVITE", &longreq_call_id, &longreq_tag, "", "3882340 INVITE"];
    let payload = std::fs::read(root.join("rfc4475/longreq.dat")).expect("longreq");
    check("longreq", &payload, longreq);
    for line in EXPECTED.lines() {
        // The Call-ID of intmeth holds no ` | `, so the separator is safe.
        let fields: Vec<_> = line.split(" |").map(str::trim).collect();
        let [name, expect @ ..] = fields.as_slice() else { panic!("{line}") };
        let payload = std::fs::read(root.join(name)).expect("a torture file");
        check(name, &payload, expect.try_into().expect("five values"));
        // The other collection holds the same messages, valid or invalid in its author's judgement.
        for other in ["sipgo-valid", "sipgo-invalid"] {
            if let Ok(payload) = std::fs::read(root.join(name.replace("rfc4475", other))) {
                check(name, &payload, expect.try_into().expect("five values"));
            }
        }
    }
}

#[test]
fn values_inside_torture_messages() {
    let Some(root) = corpora() else { return };
    let read = |name: &str| std::fs::read(root.join("rfc4475").join(name)).expect("a torture file");
    let payload = read("wsinv.dat");
    let message = scan(&payload).expect("wsinv");
    assert_eq!(message.via_branch(), b"390skdjuw");
    assert_eq!(text(message.from().display()), "J Rosenberg \\\\\\\"");
    assert_eq!(text(message.from().uri().user()), "jdrosen");
    assert_eq!(text(message.contact().display()), "Quoted string \\\"\\\"");
    assert_eq!(message.headers(respool::sip::HeaderName::Via).count(), 2);
    assert_eq!(message.body().len(), 150);
    let payload = read("longreq.dat");
    let message = scan(&payload).expect("longreq");
    assert_eq!(message.headers(respool::sip::HeaderName::Via).count(), 34);
    let payload = read("quotbal.dat");
    let message = scan(&payload).expect("quotbal");
    assert_eq!(text(message.to().uri().user()), "j.user");
    let payload = read("dblreq.dat");
    let message = scan(&payload).expect("dblreq");
    assert_eq!(message.body(), b"");
    let second = scan(message.trailing()).expect("the second request");
    assert_eq!(text(second.call_id()), "dblreq.0ha0isnda977644900765@192.0.2.15");
    let payload = read("mpart01.dat");
    let message = scan(&payload).expect("mpart01");
    let kinds: Vec<_> = respool::sip::parts(&message).map(|part| text(part.content_type)).collect();
    assert_eq!(kinds, ["text/plain", "application/octet-stream"]);
    let payload = read("bigcode.dat");
    assert!(scan(&payload).is_none(), "no status code");
}

#[test]
fn cut_at_every_byte_no_wrong_call_id() {
    for (path, bytes) in files(&["rfc4475", "rfc5118", "sipgo-valid", "sipgo-invalid"], None) {
        let full = scan(&bytes).map(|message| message.call_id().to_vec()).unwrap_or_default();
        for length in 0..bytes.len() {
            let Some(message) = scan(&bytes[..length]) else { continue };
            let call_id = message.call_id();
            let is_right = call_id == full || call_id.is_empty() || message.call_id_is_cut();
            assert!(is_right, "{} at {length}: {}", path.display(), call_id.escape_ascii());
            // Nor a part of a tag or branch.
            // A request line that is cut may be one that would have turned out to have no version.
            let Some(whole) = scan(&bytes) else {
                assert!(call_id.is_empty(), "{} at {length}", path.display());
                continue;
            };
            for (cut, whole) in [
                (message.from().tag(), whole.from().tag()),
                (message.to().tag(), whole.to().tag()),
                (message.via_branch(), whole.via_branch()),
            ] {
                assert!(cut.is_empty() || cut == whole, "{} at {length}", path.display());
            }
            if let Some(cseq) = message.cseq() {
                assert_eq!(Some(cseq), whole.cseq(), "{} at {length}", path.display());
            }
        }
    }
}

/// The complete messages of a stream fed in these chunks, and whether anything was left over.
fn messages<'a>(chunks: impl Iterator<Item = &'a [u8]>) -> Vec<Vec<u8>> {
    let mut framer = Framer::new();
    let mut found = Vec::new();
    let mut keep = |message: respool::sip::FramedMessage<'_>| {
        if message.end != FrameEnd::Cut {
            found.push(message.bytes.to_vec());
        }
    };
    for chunk in chunks {
        framer.chunk(chunk, CaptureTime::MIN, RecordRef::default(), &mut keep);
    }
    framer.finish(&mut keep);
    found
}

#[test]
fn streams_split_as_expected_under_every_segmentation() {
    let mut cases = 0;
    for (path, stream) in files(&["tcp-framing"], Some("stream")) {
        let expected = std::fs::read(path.with_extension("expected")).expect("expected split");
        let expected: serde_json::Value = serde_json::from_slice(&expected).expect("JSON");
        let expected: Vec<_> = expected["Messages"]
            .as_array()
            .expect("a list of messages")
            .iter()
            .map(|message| message.as_str().expect("a string").as_bytes().to_vec())
            .collect();
        assert_eq!(messages(std::iter::once(&stream[..])), expected, "{}", path.display());
        for size in 1..=stream.len() {
            assert_eq!(messages(stream.chunks(size)), expected, "{} by {size}", path.display());
        }
        for first in 0..stream.len() {
            for second in first..stream.len() {
                let chunks = [&stream[..first], &stream[first..second], &stream[second..]];
                assert_eq!(
                    messages(chunks.into_iter()),
                    expected,
                    "{} at {first} and {second}",
                    path.display()
                );
            }
        }
        cases += 1;
    }
    assert!(cases > 10 || corpora().is_none(), "the streams were tested");
}
