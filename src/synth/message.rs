//! Transactions to SIP bytes (RFC 3261 section 7) and media descriptions (RFC 8866).

use crate::base::Endpoint;
use std::fmt::Write as _;
use std::net::IpAddr;

/// One party of a leg as SIP names it.
#[derive(Clone, Debug)]
pub(crate) struct Party {
    /// User part.
    pub(crate) user: String,
    /// Domain of its URI.
    pub(crate) domain: String,
    /// Where it listens.
    pub(crate) contact: Endpoint,
    /// Where it receives media.
    pub(crate) media: Endpoint,
    /// User-Agent or Server.
    pub(crate) agent: &'static str,
}

impl Party {
    /// `<sip:user@domain>`.
    pub(crate) fn name_address(&self) -> String {
        format!("<sip:{}@{}>", self.user, self.domain)
    }

    /// `sip:user@host:port`.
    pub(crate) fn contact_uri(&self) -> String {
        format!("sip:{}@{}", self.user, self.contact)
    }
}

/// A host as a URI writes it: IPv6 in brackets.
pub(crate) fn host_text(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    }
}

/// What the messages of one transaction share on one hop.
#[derive(Clone, Debug)]
pub(crate) struct Transaction {
    /// Request method.
    pub(crate) method: String,
    /// CSeq number.
    pub(crate) cseq: u32,
    /// Request-URI.
    pub(crate) request_uri: String,
    /// All Via lines, topmost first, each with its line end.
    pub(crate) via: String,
    /// From value with tag.
    pub(crate) from: String,
    /// To value without tag.
    pub(crate) to: String,
    /// To tag of the request; empty outside a dialog.
    pub(crate) to_tag: String,
    /// Sender of the request.
    pub(crate) source: Endpoint,
    /// Receiver of the request.
    pub(crate) destination: Endpoint,
}

/// A body and its Content-Type.
#[derive(Clone, Debug)]
pub(crate) struct Body {
    /// Content-Type.
    pub(crate) content_type: &'static str,
    /// The text.
    pub(crate) text: String,
}

/// The Via line of an element.
pub(crate) fn via_line(transport: &str, sent_by: Endpoint, branch: &str) -> String {
    format!("Via: SIP/2.0/{transport} {sent_by};branch={branch};rport\r\n")
}

fn to_value(transaction: &Transaction, tag: &str) -> String {
    if tag.is_empty() { transaction.to.clone() } else { format!("{};tag={tag}", transaction.to) }
}

fn finish(mut text: String, extra: &str, body: Option<&Body>) -> Vec<u8> {
    text.push_str(extra);
    // Writing to a String cannot fail.
    let _ = match body {
        Some(body) => write!(
            text,
            "Content-Type: {}\r\nContent-Length: {}\r\n\r\n{}",
            body.content_type,
            body.text.len(),
            body.text
        ),
        None => write!(text, "Content-Length: 0\r\n\r\n"),
    };
    text.into_bytes()
}

/// The bytes of a request; `extra` holds whole header lines.
pub(crate) fn request_bytes(
    transaction: &Transaction,
    call_id: &str,
    extra: &str,
    body: Option<&Body>,
) -> Vec<u8> {
    let Transaction { method, cseq, request_uri, via, from, .. } = transaction;
    let to = to_value(transaction, &transaction.to_tag);
    let mut text = String::with_capacity(1_024);
    let _ = write!(
        text,
        "{method} {request_uri} SIP/2.0\r\n{via}Max-Forwards: 70\r\nFrom: {from}\r\nTo: {to}\r\n\
         Call-ID: {call_id}\r\nCSeq: {cseq} {method}\r\n"
    );
    finish(text, extra, body)
}

/// The bytes of a response to a transaction.
pub(crate) fn response_bytes(
    transaction: &Transaction,
    call_id: &str,
    status: u16,
    to_tag: &str,
    extra: &str,
    body: Option<&Body>,
) -> Vec<u8> {
    let Transaction { method, cseq, via, from, .. } = transaction;
    let to = to_value(transaction, to_tag);
    let reason = reason_phrase(status);
    let mut text = String::with_capacity(1_024);
    let _ = write!(
        text,
        "SIP/2.0 {status} {reason}\r\n{via}From: {from}\r\nTo: {to}\r\nCall-ID: {call_id}\r\n\
         CSeq: {cseq} {method}\r\n"
    );
    finish(text, extra, body)
}

/// The reason phrases of RFC 3261 section 21 that scripts use.
pub(crate) const fn reason_phrase(status: u16) -> &'static str {
    match status {
        100 => "Trying",
        180 => "Ringing",
        181 => "Call Is Being Forwarded",
        182 => "Queued",
        183 => "Session Progress",
        199 => "Early Dialog Terminated",
        200 => "OK",
        202 => "Accepted",
        300 => "Multiple Choices",
        301 => "Moved Permanently",
        302 => "Moved Temporarily",
        305 => "Use Proxy",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        407 => "Proxy Authentication Required",
        408 => "Request Timeout",
        480 => "Temporarily Unavailable",
        481 => "Call/Transaction Does Not Exist",
        486 => "Busy Here",
        487 => "Request Terminated",
        488 => "Not Acceptable Here",
        491 => "Request Pending",
        500 => "Server Internal Error",
        501 => "Not Implemented",
        503 => "Service Unavailable",
        600 => "Busy Everywhere",
        603 => "Decline",
        _ => "Unknown",
    }
}

/// A session description for audio; `direction` is `sendrecv`, `sendonly` and so on.
pub(crate) fn session_description(
    media: Endpoint,
    session: u64,
    version: u32,
    direction: &str,
    answer: bool,
) -> Body {
    let family = if media.address.is_ipv6() { "IP6" } else { "IP4" };
    let address = media.address;
    let port = media.port;
    let (formats, maps) = if answer {
        ("0 101", "a=rtpmap:0 PCMU/8000\r\n")
    } else {
        ("0 8 18 101", "a=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:18 G729/8000\r\n")
    };
    Body {
        content_type: "application/sdp",
        text: format!(
            "v=0\r\no=- {session} {version} IN {family} {address}\r\ns=-\r\n\
             c=IN {family} {address}\r\nt=0 0\r\nm=audio {port} RTP/AVP {formats}\r\n{maps}\
             a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\na={direction}\r\n"
        ),
    }
}
