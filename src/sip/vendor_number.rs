//! The number that the vendor's sniffer takes from a party's header.

use super::search::find;
use memchr::memchr_iter;
use std::iter::once;

/// The schemes that the sniffer knows, in the order in which it looks for them (facts B): how many
/// bytes stand before the number, and whether a number may end without `@`.
const SCHEMES: [Scheme; 4] = [
    Scheme { prefix: b"sip:", skipped: 4, is_number: false },
    Scheme { prefix: b"sips:", skipped: 5, is_number: false },
    Scheme { prefix: b"urn:", skipped: 0, is_number: true },
    Scheme { prefix: b"tel:", skipped: 4, is_number: true },
];

struct Scheme {
    prefix: &'static [u8],
    skipped: usize,
    is_number: bool,
}

/// The number exactly as the vendor's sniffer takes it (facts B; sniffer 2026.04.0): from the value of
/// From, To, P-Asserted-Identity, P-Preferred-Identity or Remote-Party-ID, or from what follows
/// `INVITE ` in the request line. Empty when it finds none.
///
/// `number_only` is `callernum_numberonly` for a caller and false for a called party;
/// `semicolon_in_number` is `enable_semicolon_in_number = yes`. Schemes are case-sensitive and count
/// at the start of the value or right behind `<`, wherever that is, so also inside a quoted name.
/// `+`, visual separators, escapes and passwords stay.
#[must_use]
pub fn vendor_number(value: &[u8], number_only: bool, semicolon_in_number: bool) -> &[u8] {
    usual_number(value).unwrap_or_else(|| any_number(value, number_only, semicolon_in_number))
}

/// The number of a value that begins with the scheme `sip` and has `@` behind the number, as nearly all
/// have: the options do not matter. Absent: a close look is needed.
#[inline]
fn usual_number(value: &[u8]) -> Option<&[u8]> {
    let text = value.strip_prefix(b"<").unwrap_or(value).strip_prefix(b"sip:")?;
    let end = find(text, [b'@', b';', b'>', b'\r', b'\n'])?;
    if text.get(end) == Some(&b'@') { text.get(..end) } else { None }
}

fn any_number(value: &[u8], number_only: bool, semicolon_in_number: bool) -> &[u8] {
    let value = first_line_of(value);
    let Some((scheme, at)) = first_scheme(value) else {
        return &[];
    };
    let text = value.get(at + scheme.skipped..).unwrap_or_default();
    number_of(text, scheme.is_number, number_only, semicolon_in_number).unwrap_or_default()
}

/// The sniffer reads a header up to its first line end: what is folded it does not see. (A value that
/// is folded right behind the colon is empty to it; [`super::Message::header`] has dropped that fold.)
fn first_line_of(value: &[u8]) -> &[u8] {
    let end = find(value, [b'\r', b'\n']).unwrap_or(value.len());
    value.get(..end).unwrap_or_default().trim_ascii()
}

fn first_scheme(value: &[u8]) -> Option<(&'static Scheme, usize)> {
    // The one that is looked for first, at the first place where it counts.
    SCHEMES.iter().find_map(|scheme| {
        let mut starts = once(0).chain(memchr_iter(b'<', value).map(|open| open + 1));
        let at = starts.find(|at| value.get(*at..).is_some_and(|v| v.starts_with(scheme.prefix)));
        at.map(|at| (scheme, at))
    })
}

/// The number in what follows the scheme.
fn number_of(
    text: &[u8],
    is_number: bool,
    number_only: bool,
    semicolon_in_number: bool,
) -> Option<&[u8]> {
    // Looked up once: a later `@` or `>` lets a semicolon with a digit behind it stay.
    let mut last_stop = None;
    for (at, byte) in text.iter().enumerate() {
        match byte {
            b'@' => return text.get(..at),
            b';' => {
                let stays = semicolon_in_number
                    && text.get(at + 1).is_some_and(u8::is_ascii_digit)
                    && last_stop
                        .get_or_insert_with(|| memchr::memrchr2(b'@', b'>', text))
                        .is_some_and(|stop| stop > at);
                if stays {
                    continue;
                }
                let has_number = number_only || is_number || has_domain(text.get(at..)?);
                return text.get(..at).filter(|_| has_number);
            }
            b'>' => return text.get(..at).filter(|_| is_number),
            _ => {}
        }
    }
    Some(text).filter(|_| is_number)
}

/// Whether an `@` with a domain follows the semicolon before `>`, `:` or a space.
fn has_domain(behind: &[u8]) -> bool {
    let stop = behind.iter().position(|byte| matches!(byte, b'@' | b'>' | b':' | b' '));
    stop.is_some_and(|stop| {
        behind.get(stop) == Some(&b'@')
            && behind.get(stop + 1).is_some_and(u8::is_ascii_alphanumeric)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Worked out by hand from the sniffer's rules, `(value, number)` for one setting of the options.
    fn check(number_only: bool, semicolon: bool, table: &[(&str, &str)]) {
        for (value, expect) in table {
            let number = vendor_number(value.as_bytes(), number_only, semicolon);
            assert_eq!(String::from_utf8_lossy(number), *expect, "{value}");
        }
    }

    proptest! {
        /// A number that is found at a glance is that of a close look.
        #[test]
        fn usual_numbers_are_those_of_any_value(
            value in "(<|a|\"| )?(sip:|sips:|tel:|SIP:)?[1a;<> \r\n]{0,5}@?[1a;:@<>]{0,5}",
            number_only in any::<bool>(),
            semicolon in any::<bool>(),
        ) {
            let value = value.as_bytes();
            let expect = any_number(value, number_only, semicolon);
            prop_assert_eq!(vendor_number(value, number_only, semicolon), expect);
        }
    }

    #[test]
    fn any_party() {
        for number_only in [false, true] {
            check(
                number_only,
                false,
                &[
                    ("<sip:100@h>;tag=1", "100"),
                    ("\"A\" <sip:+4930123@h:5060;user=phone>", "+4930123"),
                    ("sip:100@h;tag=1", "100"),
                    ("sips:100@h", "100"),
                    ("<sip:u:pw@h>", "u:pw"),
                    ("<sip:%2B49@h>", "%2B49"),
                    ("<sip:(030) 12-3@h>", "(030) 12-3"),
                    ("<SIP:100@h>", ""),
                    ("<Sip:100@h>", ""),
                    ("< sip:100@h>", ""),
                    ("100@h", ""),
                    ("<sip:h>", ""),
                    ("sip:h", ""),
                    ("<sip:@h>", ""),
                    ("<sip:h>;x=a@b", ""),
                    ("<tel:+49301>", "+49301"),
                    ("<tel:+49301;phone-context=x>", "+49301"),
                    ("tel:110", "110"),
                    ("tel:110;tag=1", "110"),
                    ("<urn:service:sos>", "urn:service:sos"),
                    ("urn:service:sos", "urn:service:sos"),
                    ("<tel:>", ""),
                    ("\"<sip:9@x>\" <sip:100@h>", "9"),
                    ("\"sip:9@x\" <sip:100@h>", "100"),
                    ("<tel:1>, <sip:2@h>", "2"),
                    ("\"<tel:1>\" <sips:2@h>", "2"),
                    ("<fax:1@h>", ""),
                    ("", ""),
                    ("<", ""),
                    ("<sip:", ""),
                    ("<sip:anonymous@anonymous.invalid>", "anonymous"),
                    ("<sip:a@b@c>", "a"),
                    ("\"A\"\r\n <sip:100@h>", ""),
                    (" <sip:100@h>\r\n ;tag=1", "100"),
                ],
            );
        }
    }

    #[test]
    fn caller_is_cut_at_a_semicolon() {
        check(
            true,
            false,
            &[
                ("<sip:100;x=1@h>", "100"),
                ("<sip:h;lr>", "h"),
                ("sip:h;tag=1", "h"),
                ("<sip:;x@h>", ""),
                ("<sip:100;9@h>", "100"),
            ],
        );
    }

    #[test]
    fn called_keeps_a_number_only_before_a_domain() {
        check(
            false,
            false,
            &[
                ("<sip:100;x=1@h>", "100"),
                ("<sip:100;x=1@[::1]>", ""),
                ("<sip:100;x:1@h>", ""),
                ("<sip:100;x 1@h>", ""),
                ("<sip:h;lr>", ""),
                ("sip:h;tag=1", ""),
                ("sip:100@h SIP/2.0", "100"),
                ("sip:h SIP/2.0", ""),
                ("tel:+49;x=1 SIP/2.0", "+49"),
                ("tel:+49 SIP/2.0", "+49 SIP/2.0"),
            ],
        );
    }

    #[test]
    fn semicolon_may_belong_to_the_number() {
        for number_only in [false, true] {
            check(
                number_only,
                true,
                &[
                    ("<sip:100;9@h>", "100;9"),
                    ("<sip:100;9;8@h>", "100;9;8"),
                    ("<sip:100;x@h>", "100"),
                    ("<tel:100;9>", "100;9"),
                    ("tel:100;9", "100"),
                    ("<sip:100;9>", ""),
                ],
            );
        }
    }
}
