//! Typed values from the rsip crate for messages that create or transfer dialogs, and a second
//! opinion on the scanner.
//!
//! rsip alone loses compact headers, folded lines and cut messages (so it cannot be the parser); it is
//! given a normalised message, and its failure means that there is no typed view.

use super::header_name::HeaderName;
use super::message::Message;
use super::method::Method;
use super::start_line::StartLine;
use super::text::trim;
use rsip::headers::ToTypedHeader;
use rsip::prelude::{HasHeaders, HeadersExt, UntypedHeader};
use rsip::{Header, SipMessage};

/// Values that rsip found; absent ones are empty or `None`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Typed {
    /// Call-ID.
    pub call_id: String,
    /// CSeq number and method.
    pub cseq: Option<(u32, Method)>,
    /// Tag of From; absent when rsip cannot type the header.
    pub from_tag: Option<String>,
    /// User of From.
    pub from_user: Option<String>,
    /// Tag of To.
    pub to_tag: Option<String>,
    /// User of To.
    pub to_user: Option<String>,
    /// Branch of the topmost Via.
    pub via_branch: Option<String>,
    /// URI of Contact.
    pub contact_uri: Option<String>,
}

/// Where the scanner and rsip differ.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Disagreement {
    /// Which value: `Call-ID`, `CSeq`, `From tag` ...
    pub what: &'static str,
    /// What the scanner says, not UTF-8 replaced.
    pub scanned: String,
    /// What rsip says.
    pub typed: String,
}

/// Headers that rsip is given: those whose values are wanted. Others can only make it fail.
const WANTED: [HeaderName; 6] = [
    HeaderName::Via,
    HeaderName::From,
    HeaderName::To,
    HeaderName::CallId,
    HeaderName::CSeq,
    HeaderName::Contact,
];

/// The message as rsip can read it: long names, one line a header, CRLF, UTF-8, no body, only the
/// first header of each name that is typed.
#[must_use]
pub fn normalise(message: &Message<'_>) -> String {
    let mut text = match message.start() {
        StartLine::Request { token, .. } => {
            // The Request-URI is replaced: rsip loses the whole message over one it cannot read.
            format!("{} sip:respool.invalid SIP/2.0\r\n", String::from_utf8_lossy(token))
        }
        // rsip wants a reason phrase.
        StartLine::Response { status, .. } => format!("SIP/2.0 {status} -\r\n"),
    };
    for name in WANTED {
        if let Some(value) = message.header(name) {
            text.push_str(name.name());
            text.push_str(": ");
            text.push_str(&unfold(value));
            text.push_str("\r\n");
        }
    }
    text.push_str("Content-Length: 0\r\n\r\n");
    text
}

/// One line: a run of white space with a line end in it becomes one space, or nothing before a
/// semicolon, where rsip does not take it. (That it may change a quoted name is no loss: no name is
/// looked at.)
fn unfold(value: &[u8]) -> String {
    let mut text = String::with_capacity(value.len());
    for line in value.split(|byte| matches!(byte, b'\r' | b'\n')) {
        let line = trim(line);
        if !text.is_empty() && !line.is_empty() && line.first() != Some(&b';') {
            text.push(' ');
        }
        text.push_str(&String::from_utf8_lossy(line));
    }
    text
}

/// rsip's typed view; absent when it cannot read the normalised message.
#[must_use]
pub fn typed(message: &Message<'_>) -> Option<Typed> {
    let parsed = SipMessage::try_from(normalise(message)).ok()?;
    let mut typed = Typed {
        call_id: parsed
            .call_id_header()
            .map(|header| header.value().to_owned())
            .unwrap_or_default(),
        ..Typed::default()
    };
    if let Some(cseq) = parsed.cseq_header().ok().and_then(|header| header.typed().ok()) {
        let method = cseq.method.to_string();
        typed.cseq = Some((cseq.seq, Method::from_token(method.as_bytes())));
    }
    if let Some(from) = parsed.from_header().ok().and_then(|header| header.typed().ok()) {
        typed.from_tag = Some(from.tag().map(|tag| tag.value().to_owned()).unwrap_or_default());
        typed.from_user = Some(from.uri.user().unwrap_or_default().to_owned());
    }
    if let Some(to) = parsed.to_header().ok().and_then(|header| header.typed().ok()) {
        typed.to_tag = Some(to.tag().map(|tag| tag.value().to_owned()).unwrap_or_default());
        typed.to_user = Some(to.uri.user().unwrap_or_default().to_owned());
    }
    if let Some(via) = parsed.via_header().ok().and_then(|header| header.typed().ok()) {
        let branch = via.branch().map(|branch| branch.value().to_owned());
        typed.via_branch = Some(branch.unwrap_or_default());
    }
    let contact = parsed.headers().iter().find_map(|header| match header {
        Header::Contact(contact) => contact.typed().ok(),
        _ => None,
    });
    typed.contact_uri = contact.map(|contact| contact.uri.to_string());
    Some(typed)
}

/// The first value on which the scanner and rsip differ; absent when they agree or rsip has no typed
/// view. For messages that the scanner marked odd: it costs about twelve scans.
#[must_use]
pub fn cross_check(message: &Message<'_>) -> Option<Disagreement> {
    let typed = typed(message)?;
    let same = |what, scanned: &[u8], typed: Option<&str>| {
        let scanned = unfold(scanned);
        let typed = typed?;
        (scanned != typed).then(|| Disagreement { what, scanned, typed: typed.to_owned() })
    };
    let user = |user: &[u8]| -> Vec<u8> {
        // rsip keeps the password apart.
        user.split(|byte| *byte == b':').next().unwrap_or_default().to_vec()
    };
    let cseq = |cseq: (u32, Method)| format!("{} {}", cseq.0, cseq.1.name());
    let scanned_cseq = message.cseq().map(|found| cseq((found.number, found.method)));
    let typed_cseq = typed.cseq.map(cseq);
    same("Call-ID", message.call_id(), Some(&typed.call_id))
        .or_else(|| {
            same("CSeq", scanned_cseq.unwrap_or_default().as_bytes(), typed_cseq.as_deref())
        })
        .or_else(|| same("From tag", message.from().tag(), typed.from_tag.as_deref()))
        .or_else(|| {
            same("From user", &user(message.from().uri().user()), typed.from_user.as_deref())
        })
        .or_else(|| same("To tag", message.to().tag(), typed.to_tag.as_deref()))
        .or_else(|| same("To user", &user(message.to().uri().user()), typed.to_user.as_deref()))
        .or_else(|| same("Via branch", message.via_branch(), typed.via_branch.as_deref()))
}
