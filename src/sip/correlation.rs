//! Header values by which a message names another dialog, session or call.

use super::parameter::{self, parameters};
use super::text::{is_space, split_at_byte, trim, whole_number};

/// Replaces (RFC 3891 section 6.1). The tags are seen by the receiver of the header: its own is the
/// To tag. Absent parts are empty.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Replaces<'a> {
    /// Call-ID of the dialog that is replaced.
    pub call_id: &'a [u8],
    /// Its To tag, seen by the receiver.
    pub to_tag: &'a [u8],
    /// Its From tag, seen by the receiver.
    pub from_tag: &'a [u8],
    /// Only an early dialog may be replaced.
    pub early_only: bool,
}

/// Takes a Replaces value apart; that of a URI header must be percent-decoded before.
#[must_use]
pub fn parse_replaces(value: &[u8]) -> Replaces<'_> {
    let (call_id, rest) = split_at_byte(value, b';');
    let rest = rest.unwrap_or_default();
    Replaces {
        call_id: trim(call_id),
        to_tag: parameter::parameter(rest, b"to-tag").unwrap_or_default(),
        from_tag: parameter::parameter(rest, b"from-tag").unwrap_or_default(),
        early_only: parameter::parameter(rest, b"early-only").is_some(),
    }
}

/// Target-Dialog (RFC 4538 section 7). Absent parts are empty.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct TargetDialog<'a> {
    /// Call-ID of the dialog.
    pub call_id: &'a [u8],
    /// Tag of the receiver of the header.
    pub local_tag: &'a [u8],
    /// Tag of its sender.
    pub remote_tag: &'a [u8],
}

/// Takes a Target-Dialog value apart.
#[must_use]
pub fn parse_target_dialog(value: &[u8]) -> TargetDialog<'_> {
    let (call_id, rest) = split_at_byte(value, b';');
    let rest = rest.unwrap_or_default();
    TargetDialog {
        call_id: trim(call_id),
        local_tag: parameter::parameter(rest, b"local-tag").unwrap_or_default(),
        remote_tag: parameter::parameter(rest, b"remote-tag").unwrap_or_default(),
    }
}

/// Session-ID (RFC 7989 section 5): the UUIDs as on the wire.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct SessionId<'a> {
    /// UUID of the sender of the message.
    pub local: &'a [u8],
    /// UUID of the other side; empty when absent (an older sender, RFC 7329).
    pub remote: &'a [u8],
}

impl SessionId<'_> {
    /// Whether a UUID names a session: 32 hexadecimal digits that are not all zero. The nil UUID
    /// stands for a session not known yet (RFC 7989 section 5).
    #[must_use]
    pub fn is_uuid(uuid: &[u8]) -> bool {
        uuid.len() == 32
            && uuid.iter().all(u8::is_ascii_hexdigit)
            && uuid.iter().any(|digit| *digit != b'0')
    }
}

/// Takes a Session-ID value apart.
#[must_use]
pub fn parse_session_id(value: &[u8]) -> SessionId<'_> {
    let (local, rest) = split_at_byte(value, b';');
    let remote = parameter::parameter(rest.unwrap_or_default(), b"remote").unwrap_or_default();
    SessionId { local: trim(local), remote }
}

/// The `icid-value` of a P-Charging-Vector, without quotes (RFC 7315 section 5.6); absent when it is
/// missing or empty.
#[must_use]
pub fn icid_value(value: &[u8]) -> Option<&[u8]> {
    parameter::parameter(value, b"icid-value").filter(|icid| !icid.is_empty())
}

/// One value of a Reason header (RFC 3326 section 2).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Reason<'a> {
    /// `SIP`, `Q.850` or another protocol, as on the wire.
    pub protocol: &'a [u8],
    /// The cause in that protocol; absent when there is none, or no number.
    pub cause: Option<u16>,
    /// The text without quotes; empty when absent.
    pub text: &'a [u8],
}

/// Takes one Reason value apart; a list is first split by [`super::name_addrs`].
#[must_use]
pub fn parse_reason(value: &[u8]) -> Reason<'_> {
    let (protocol, rest) = split_at_byte(value, b';');
    let mut reason = Reason { protocol: trim(protocol), ..Reason::default() };
    for item in parameters(rest.unwrap_or_default()) {
        let value = item.value.unwrap_or_default();
        if item.name.eq_ignore_ascii_case(b"cause") && reason.cause.is_none() {
            reason.cause = whole_number(value).and_then(|cause| u16::try_from(cause).ok());
        } else if item.name.eq_ignore_ascii_case(b"text") && reason.text.is_empty() {
            reason.text = value;
        }
    }
    reason
}

/// The Call-IDs of an In-Reply-To value (RFC 3261 section 20.21), separated by commas.
pub fn call_ids(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    // A Call-ID may hold quotes and brackets as ordinary characters, never a comma or a space.
    value.split(|byte| *byte == b',' || is_space(*byte)).filter(|call_id| !call_id.is_empty())
}

/// The sessions that recording metadata names (RFC 7865 section 6.3.1): the text of every
/// `sipSessionID`, whose form is that of a Session-ID header. Nothing else of the XML is read.
pub fn recorded_sessions(metadata: &[u8]) -> impl Iterator<Item = SessionId<'_>> {
    const NAME: &[u8] = b"sipSessionID";
    memchr::memmem::find_iter(metadata, NAME).filter_map(|at| {
        // Behind a prefix this may be a closing tag: no text follows that.
        let is_opening = matches!(metadata.get(at.checked_sub(1)?)?, b'<' | b':');
        let rest = metadata.get(at + NAME.len()..)?;
        let text = rest.get(rest.iter().position(|byte| *byte == b'>')? + 1..)?;
        let end = text.iter().position(|byte| *byte == b'<').unwrap_or(text.len());
        let session = parse_session_id(trim(&text[..end]));
        (is_opening && !session.local.is_empty()).then_some(session)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replaces() {
        let replaced = |call_id, to_tag, from_tag, early_only| Replaces {
            call_id,
            to_tag,
            from_tag,
            early_only,
        };
        // The three examples of RFC 3891 section 6.1.
        assert_eq!(
            parse_replaces(b"98732@sip.example.com\r\n ;from-tag=r33th4x0r\r\n ;to-tag=ff87ff"),
            replaced(b"98732@sip.example.com", b"ff87ff", b"r33th4x0r", false)
        );
        assert_eq!(
            parse_replaces(b"12adf2f34456gs5;to-tag=12345;from-tag=54321"),
            replaced(b"12adf2f34456gs5", b"12345", b"54321", false)
        );
        assert_eq!(
            parse_replaces(b" 87134@171.161.34.23;to-tag=24796;from-tag=0 ;early-only"),
            replaced(b"87134@171.161.34.23", b"24796", b"0", true)
        );
        assert_eq!(parse_replaces(b""), Replaces::default());
    }

    #[test]
    fn target_dialog() {
        // RFC 4538 section 7.
        let found = parse_target_dialog(
            b"fa77as7dad8-sd98ajzz@host.example.com\r\n ;local-tag=kkaz-\r\n ;remote-tag=6544",
        );
        let expect = TargetDialog {
            call_id: b"fa77as7dad8-sd98ajzz@host.example.com",
            local_tag: b"kkaz-",
            remote_tag: b"6544",
        };
        assert_eq!(found, expect);
    }

    #[test]
    fn session_id() {
        // RFC 7989 section 5.
        let found = parse_session_id(
            b"ab30317f1a784dc48ff824d0d3715d86;\r\n remote=47755a9de7794ba387653f2099600ef2",
        );
        assert_eq!(found.local, b"ab30317f1a784dc48ff824d0d3715d86");
        assert_eq!(found.remote, b"47755a9de7794ba387653f2099600ef2");
        assert!(SessionId::is_uuid(found.local));
        assert!(!SessionId::is_uuid(&[b'0'; 32]));
        assert!(!SessionId::is_uuid(b"ab"));
        assert_eq!(parse_session_id(b"ab").remote, b"");
    }

    #[test]
    fn recorded() {
        let check = |metadata: &str, expect: &[(&str, &str)]| {
            let found: Vec<_> =
                recorded_sessions(metadata.as_bytes()).map(|id| (id.local, id.remote)).collect();
            let expect: Vec<_> =
                expect.iter().map(|(one, two)| (one.as_bytes(), two.as_bytes())).collect();
            assert_eq!(found, expect, "{metadata}");
        };
        check(
            "<session session_id=\"x\"> <sipSessionID>ab30;remote=4775</sipSessionID></session>",
            &[("ab30", "4775")],
        );
        check(
            "<r:sipSessionID a=\"b\">\n a1 ;remote=b2\n</r:sipSessionID><sipSessionID>c3</sipSessionID>",
            &[("a1", "b2"), ("c3", "")],
        );
        check("<sipSessionID>cut", &[("cut", "")]);
        for nothing in ["", "sipSessionID", "<sipSessionID", "<sipSessionID></sipSessionID>"] {
            check(nothing, &[]);
        }
    }

    #[test]
    fn charging_vector() {
        let icid = |value: &'static str| icid_value(value.as_bytes());
        assert_eq!(
            icid("icid-value=1234bc9876e;icid-generated-at=192.0.6.8"),
            Some(&b"1234bc9876e"[..])
        );
        assert_eq!(
            icid("icid-value=\"AyretyU0dm+6;x\"; orig-ioi=home1.net"),
            Some(&b"AyretyU0dm+6;x"[..])
        );
        assert_eq!(icid("orig-ioi=home1.net;ICID-Value = a"), Some(&b"a"[..]));
        assert_eq!(icid("icid-value=\"\""), None);
        assert_eq!(icid(""), None);
    }

    #[test]
    fn reason() {
        let expect = Reason { protocol: b"Q.850", cause: Some(16), text: b"Terminated; x" };
        assert_eq!(parse_reason(b"Q.850 ;cause=16 ;text=\"Terminated; x\""), expect);
        assert_eq!(parse_reason(b"SIP;cause=x").cause, None);
        assert_eq!(parse_reason(b"SIP ;cause=99999999").cause, None);
        assert_eq!(parse_reason(b""), Reason::default());
    }

    #[test]
    fn in_reply_to() {
        let found: Vec<_> =
            call_ids(b"70710@saturn.bell-tel.com, 17320@saturn.bell-tel.com").collect();
        assert_eq!(found, [&b"70710@saturn.bell-tel.com"[..], b"17320@saturn.bell-tel.com"]);
        assert_eq!(call_ids(b" , ").count(), 0);
    }
}
