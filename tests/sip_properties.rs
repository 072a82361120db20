//! Laws of the SIP room: the scanner agrees with rsip, nothing panics, segmentation is without effect.

use proptest::prelude::*;
use respool::base::{CaptureTime, RecordRef};
use respool::sip::typed::{cross_check, typed};
use respool::sip::{
    FrameEnd, Framer, looks_like_sip, name_addrs, parse_reason, parse_replaces, parts,
    percent_decode, scan, sdp, sdp_body, sipfrag_status, vendor_number,
};

/// A message and how it is written: what varies on the wire without changing its meaning.
#[derive(Clone, Debug)]
struct Written {
    method: &'static str,
    status: Option<u16>,
    call_id: String,
    display: String,
    from_user: String,
    from_tag: String,
    to_user: String,
    to_tag: Option<String>,
    branch: String,
    number: u32,
    compact: bool,
    fold: bool,
    line_feed_only: bool,
    colon: &'static str,
    upper: bool,
    order: u8,
    body: String,
}

fn written() -> impl Strategy<Value = Written> {
    let identity = (
        prop::sample::select(vec!["INVITE", "BYE", "REFER", "CANCEL", "NOTIFY", "UPDATE"]),
        prop::option::of(100_u16..700),
        "[A-Za-z0-9.@-]{1,40}",
        prop::sample::select(vec!["", "Bob ", "\"Bob\" ", "\"B, o;b\" "]).prop_map(str::to_owned),
        "[a-z0-9+]{1,12}",
        "[A-Za-z0-9.-]{1,20}",
        "[a-z0-9+]{1,12}",
        prop::option::of("[A-Za-z0-9.-]{1,20}"),
        "z9hG4bK[A-Za-z0-9.-]{1,20}",
        any::<u32>(),
    );
    let form = (
        any::<bool>(),
        any::<bool>(),
        any::<bool>(),
        prop::sample::select(vec![":", ": ", " : ", ":\t"]),
        any::<bool>(),
        any::<u8>(),
        "[ -~\r\n]{0,60}",
    );
    (identity, form).prop_map(|(identity, form)| {
        let (
            method,
            status,
            call_id,
            display,
            from_user,
            from_tag,
            to_user,
            to_tag,
            branch,
            number,
        ) = identity;
        let (compact, fold, line_feed_only, colon, upper, order, body) = form;
        Written {
            method,
            status,
            call_id,
            display,
            from_user,
            from_tag,
            to_user,
            to_tag,
            branch,
            number,
            compact,
            fold,
            line_feed_only,
            colon,
            upper,
            order,
            body,
        }
    })
}

impl Written {
    fn bytes(&self) -> Vec<u8> {
        let fold = if self.fold { "\r\n " } else { "" };
        let to_tag =
            self.to_tag.as_ref().map(|tag| format!("{fold};tag={tag}")).unwrap_or_default();
        let mut headers = vec![
            ("v", "Via", format!("SIP/2.0/UDP 192.0.2.1:5060{fold};rport;branch={}", self.branch)),
            (
                "f",
                "From",
                format!(
                    "{}<sip:{}@a.example>{fold};tag={}",
                    self.display, self.from_user, self.from_tag
                ),
            ),
            ("t", "To", format!("<sip:{}@b.example:5070>{to_tag}", self.to_user)),
            ("i", "Call-ID", self.call_id.clone()),
            ("", "CSeq", format!("{} {fold}{}", self.number, self.method)),
            ("m", "Contact", "<sip:c@192.0.2.1>".to_owned()),
            ("l", "Content-Length", self.body.len().to_string()),
            ("", "X-Call-ID", "not-the-call-id".to_owned()),
        ];
        let length = headers.len();
        headers.rotate_left(usize::from(self.order) % length);
        let mut text = match self.status {
            Some(status) => format!("SIP/2.0 {status} Reason\r\n"),
            None => format!("{} sip:{}@b.example SIP/2.0\r\n", self.method, self.to_user),
        };
        for (compact, long, value) in &headers {
            let name = if self.compact && !compact.is_empty() { compact } else { long };
            let name = if self.upper { name.to_uppercase() } else { (*name).to_owned() };
            text += &format!("{name}{}{value}\r\n", self.colon);
        }
        text += "\r\n";
        if self.line_feed_only {
            text = text.replace("\r\n", "\n");
        }
        text += &self.body;
        text.into_bytes()
    }
}

/// Calls everything on a payload; only a panic or a hang can fail.
fn touch(payload: &[u8]) {
    assert_eq!(looks_like_sip(payload), scan(payload).is_some());
    let Some(message) = scan(payload) else { return };
    for header in message.all_headers() {
        assert!(message.header_named(header.name).any(|value| value == header.value));
        for party in name_addrs(header.value) {
            let uri = party.uri();
            let _ = (party.display(), party.tag(), uri.port(), uri.parameter(b"x"));
            for (_, value) in uri.headers() {
                let _ = parse_replaces(&percent_decode(value)).call_id;
            }
        }
        let _ = (parse_reason(header.value), vendor_number(header.value, true, true));
    }
    let _ = (sdp_body(&message), sipfrag_status(&message), parts(&message).count());
    let _ = (cross_check(&message), message.anomalies().to_string());
    for media in sdp::media(message.body()) {
        let _ = media.codecs().count();
    }
}

proptest! {
    #[test]
    fn scanner_reads_what_was_written(written in written()) {
        let bytes = written.bytes();
        let message = scan(&bytes).expect("a message");
        prop_assert_eq!(message.call_id(), written.call_id.as_bytes());
        prop_assert!(!message.call_id_is_cut());
        prop_assert_eq!(message.from().tag(), written.from_tag.as_bytes());
        prop_assert_eq!(message.from().uri().user(), written.from_user.as_bytes());
        let to_tag = written.to_tag.clone().unwrap_or_default();
        prop_assert_eq!(message.to().tag(), to_tag.as_bytes());
        prop_assert_eq!(message.via_branch(), written.branch.as_bytes());
        prop_assert_eq!(message.status(), written.status);
        let cseq = message.cseq().expect("a CSeq");
        prop_assert_eq!((cseq.number, cseq.method.name()), (written.number, written.method));
        prop_assert_eq!(message.body(), written.body.as_bytes());
        prop_assert_eq!(vendor_number(message.from().raw(), true, false), written.from_user.as_bytes());
    }

    #[test]
    fn scanner_and_rsip_agree(written in written()) {
        let bytes = written.bytes();
        let message = scan(&bytes).expect("a message");
        let typed = typed(&message).expect("rsip reads a normalised message");
        prop_assert_eq!(typed.call_id, written.call_id);
        prop_assert_eq!(typed.from_tag, Some(written.from_tag));
        prop_assert_eq!(typed.to_tag, Some(written.to_tag.unwrap_or_default()));
        prop_assert_eq!(typed.via_branch, Some(written.branch));
        prop_assert_eq!(typed.cseq.map(|cseq| cseq.0), Some(written.number));
        prop_assert_eq!(cross_check(&message), None);
    }

    #[test]
    fn mutated_messages_do_not_panic(
        written in written(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0_u8..3), 0..12),
    ) {
        let mut bytes = written.bytes();
        for (place, byte, edit) in edits {
            let at = place.index(bytes.len());
            match edit {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                _ => drop(bytes.drain(at..(at + usize::from(byte)).min(bytes.len() - 1).max(at))),
            }
        }
        touch(&bytes);
    }

    #[test]
    fn any_bytes_behind_a_start_line_do_not_panic(tail in "[\\x00-\\xff]{0,200}", odd in "[a-z:;,<>\"\\\\=@ \r\n]{0,300}") {
        touch(tail.as_bytes());
        touch(format!("INVITE sip:a@b SIP/2.0\r\n{odd}{tail}").as_bytes());
        touch(format!("INVITE sip:a@b SIP/2.0\rf:{odd}\rc: multipart/x;boundary=a\r\r{tail}{odd}").as_bytes());
    }

    #[test]
    fn cut_messages_give_no_wrong_identity(written in written(), place in any::<prop::sample::Index>()) {
        let bytes = written.bytes();
        let head = bytes.len() - written.body.len();
        let Some(message) = scan(&bytes[..place.index(head)]) else { return Ok(()) };
        let call_id = message.call_id();
        prop_assert!(call_id.is_empty() || message.call_id_is_cut() || call_id == written.call_id.as_bytes());
        let tag = message.from().tag();
        prop_assert!(tag.is_empty() || tag == written.from_tag.as_bytes());
        let branch = message.via_branch();
        prop_assert!(branch.is_empty() || branch == written.branch.as_bytes());
        if let Some(cseq) = message.cseq() {
            prop_assert_eq!((cseq.number, cseq.method.name()), (written.number, written.method));
        }
    }

    #[test]
    fn segmentation_is_without_effect(
        messages in prop::collection::vec(written(), 1..5),
        before in "[ -~]{0,20}(\r\n){0,2}",
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
    ) {
        let mut stream = before.into_bytes();
        let in_step = stream.is_empty() || stream.ends_with(b"\n");
        for message in &messages {
            stream.extend(message.bytes());
        }
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(stream.len())).collect();
        cuts.sort_unstable();
        let whole = frames(&[&stream]);
        let mut pieces = Vec::new();
        let mut rest = &stream[..];
        for cut in cuts.iter().rev() {
            let (left, right) = rest.split_at(*cut);
            pieces.insert(0, right);
            rest = left;
        }
        pieces.insert(0, rest);
        prop_assert_eq!(frames(&pieces), whole.clone());
        let bytewise: Vec<_> = stream.chunks(1).collect();
        prop_assert_eq!(frames(&bytewise), whole.clone());
        if in_step {
            let expect: Vec<_> = messages.iter().map(Written::bytes).collect();
            prop_assert_eq!(whole.0, expect);
        }
    }
}

/// The messages of a stream in these pieces, and the bytes that belong to none.
fn frames(pieces: &[&[u8]]) -> (Vec<Vec<u8>>, u64) {
    let mut framer = Framer::new();
    let mut found = Vec::new();
    let mut keep = |message: respool::sip::FramedMessage<'_>| {
        assert_ne!(message.end, FrameEnd::Limit);
        found.push(message.bytes.to_vec());
    };
    for piece in pieces {
        framer.chunk(piece, CaptureTime::MIN, RecordRef::default(), &mut keep);
    }
    framer.finish(&mut keep);
    (found, framer.tally().discarded_bytes)
}

/// Values made to be slow: a mebibyte of each takes far less than the deadline in linear time, and hours
/// when every byte looks at every other one.
#[test]
fn hostile_values_are_read_in_linear_time() {
    const SIZE: usize = 1 << 20;
    let deadline = std::time::Duration::from_secs(60);
    for unit in [
        "\"", "\\\"", ",", ";", "<", "<>", "\"\"", "\",", "\\\",", ":", "\r\n ", "\r", "\n x",
        "a:\n", "%", "@", "m=\n", "--a\r\n",
    ] {
        let odd = unit.repeat(SIZE / unit.len());
        let payload = format!(
            "INVITE sip:a@b SIP/2.0\r\nf: \"x{odd}\r\ni: {odd}\r\nc: multipart/x;boundary=a\r\nv: {odd}\r\n\r\n--a\r\n{odd}"
        );
        let started = std::time::Instant::now();
        let value = payload.as_bytes();
        let message = scan(value).expect("a message");
        let _ = (message.from().tag(), message.from().display(), message.via_branch());
        let _ = (name_addrs(value).count(), parts(&message).count(), sdp::media(value).count());
        let _ = (vendor_number(value, false, true), message.header_named(b"x").count());
        let _ = cross_check(&message);
        assert!(started.elapsed() < deadline, "{unit:?} took {:?}", started.elapsed());
    }
}
