//! A header value that names a party: display name, URI, header parameters.

use super::parameter;
use super::search::{ends_without, find};
use super::text::{is_space, quoted_string_end, split_outside, trim, unquote};
use super::uri::Uri;

/// `"Display" <uri>;parameters`, or `uri;parameters` without brackets, where the parameters belong
/// to the header (RFC 3261 section 20.10). An absent header is an empty value.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct NameAddr<'a> {
    raw: &'a [u8],
    is_cut: bool,
}

/// Where the parts of a value lie.
struct Parts<'a> {
    display: &'a [u8],
    uri: &'a [u8],
    parameters: &'a [u8],
}

impl<'a> NameAddr<'a> {
    /// The view of one value.
    #[must_use]
    pub fn new(value: &'a [u8]) -> Self {
        Self { raw: trim(value), is_cut: false }
    }

    /// The view of a value without white space around it, whose end may be missing.
    #[inline]
    pub(super) const fn of_trimmed(raw: &'a [u8], is_cut: bool) -> Self {
        Self { raw, is_cut }
    }

    /// The whole value, white space around it dropped, folded lines kept.
    #[must_use]
    pub const fn raw(&self) -> &'a [u8] {
        self.raw
    }

    /// Whether the header is absent or empty.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.raw.is_empty()
    }

    /// The display name without the quotes around it, escapes kept; empty when absent.
    #[must_use]
    pub fn display(&self) -> &'a [u8] {
        unquote(self.parts().display)
    }

    /// The URI; empty when absent.
    #[must_use]
    pub fn uri(&self) -> Uri<'a> {
        Uri::new(self.parts().uri)
    }

    /// The `tag` parameter; empty when absent, and when the bytes end inside it.
    #[inline]
    #[must_use]
    pub fn tag(&self) -> &'a [u8] {
        if !self.is_cut
            && let Some(tag) = usual_tag(self.raw)
        {
            return tag;
        }
        self.parameter(b"tag").unwrap_or_default()
    }

    /// A header parameter by name, case ignored: without quotes, empty for a flag; absent when it is
    /// not there or the bytes end inside it.
    #[inline]
    #[must_use]
    pub fn parameter(&self, name: &[u8]) -> Option<&'a [u8]> {
        let parameters = match self.raw {
            [b'<', inner @ ..] => find(inner, [b'>']).and_then(|close| inner.get(close + 1..)),
            _ => Some(self.parts().parameters),
        };
        let found = parameter::find(parameters?, name)?;
        if self.is_cut && found.is_last {
            return None;
        }
        Some(found.value.unwrap_or_default())
    }

    fn parts(&self) -> Parts<'a> {
        let raw = self.raw;
        let Some(open) = bracket(raw) else {
            let end = find(raw, [b';']).unwrap_or(raw.len());
            let (uri, parameters) = raw.split_at_checked(end).unwrap_or((raw, &[]));
            return Parts { display: &[], uri, parameters };
        };
        let display = trim(raw.get(..open).unwrap_or_default());
        let inner = raw.get(open + 1..).unwrap_or_default();
        let close = find(inner, [b'>']).unwrap_or(inner.len());
        let uri = inner.get(..close).unwrap_or_default();
        Parts { display, uri, parameters: inner.get(close + 1..).unwrap_or_default() }
    }
}

/// The tag of a value as nearly all senders write it: `<uri>` and nothing else, or the tag alone behind
/// it. Absent: the parameters have to be taken apart.
#[inline]
fn usual_tag(raw: &[u8]) -> Option<&[u8]> {
    let [b'<', inner @ ..] = raw else { return None };
    let behind = inner.get(find(inner, [b'>'])? + 1..)?;
    if behind.is_empty() {
        return Some(behind);
    }
    let tag = behind.strip_prefix(b";tag=")?;
    let is_plain = !tag.first().is_some_and(|byte| is_space(*byte));
    (is_plain && ends_without(raw, tag.len(), [b';', b'"', b'<'])).then_some(tag)
}

/// Position of the `<` that opens the URI: the first one outside a quoted display name. A quote that
/// is never closed is taken for an ordinary character (RFC 4475 section 3.1.2.6, `quotbal`).
#[inline]
fn bracket(raw: &[u8]) -> Option<usize> {
    if raw.first() == Some(&b'<') { Some(0) } else { bracket_behind_name(raw) }
}

fn bracket_behind_name(raw: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        let rest = raw.get(at..)?;
        let step = find(rest, [b'"', b'<'])?;
        let rest = rest.get(step..)?;
        at += step;
        if rest.first() == Some(&b'<') {
            return Some(at);
        }
        match quoted_string_end(rest) {
            Some(length) => at += length,
            None => return find(rest, [b'<']).map(|step| at + step),
        }
    }
}

/// The values of a comma-separated list (Contact, Diversion, History-Info, P-Asserted-Identity);
/// commas inside quotes and brackets do not separate. Empty items are skipped.
pub fn name_addrs(value: &[u8]) -> impl Iterator<Item = NameAddr<'_>> {
    list_items(value).map(NameAddr::new)
}

/// The items of a comma-separated list, white space around them dropped, empty ones skipped.
pub(super) fn list_items(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    split_outside(value, b',').map(trim).filter(|item| !item.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(value: &str, display: &str, uri: &str, tag: &str) {
        let party = NameAddr::new(value.as_bytes());
        let found = [party.display(), party.uri().raw(), party.tag()].map(String::from_utf8_lossy);
        assert_eq!(found, [display, uri, tag], "{value}");
    }

    #[test]
    fn parts() {
        check("\"A <x>\" <sip:a@b;tag=no>;tag=1", "A <x>", "sip:a@b;tag=no", "1");
        check("\"A \\\" <x\" <sip:a@b>;x;tag=1", "A \\\" <x", "sip:a@b", "1");
        check("sip:a@b;tag=1", "", "sip:a@b", "1");
        check("Bell, Alexander <sip:a@b>;tag=43", "Bell, Alexander", "sip:a@b", "43");
        check("caller<sip:a@b>;tag=323", "caller", "sip:a@b", "323");
        check("\"Mr. J. User <sip:j@b>;tag=2", "\"Mr. J. User", "sip:j@b", "2");
        check("\"a\"\"b\" <sip:a@b>", "a\"\"b", "sip:a@b", "");
        check("<sip:a@b", "", "sip:a@b", "");
        check("\"only\"", "", "\"only\"", "");
        check("*", "", "*", "");
        check("", "", "", "");
        check("\"J\" < sip:w@h > ;\r\n tag = 98", "J", "sip:w@h", "98");
        check("<tel:+1;ext=2>;x=\"tag=3;\";tag=4", "", "tel:+1;ext=2", "4");
    }

    #[test]
    fn cut_values_do_not_give_a_part_of_a_tag() {
        let cut = |value| NameAddr::of_trimmed(value, true);
        assert_eq!(cut(b"<sip:a@b>;tag=12").tag(), b"");
        assert_eq!(cut(b"<sip:a@b>;tag=12;x").tag(), b"12");
        assert_eq!(cut(b"<sip:a@b").tag(), b"");
    }

    proptest! {
        /// A tag that is found at a glance is the one among all parameters.
        #[test]
        fn usual_tags_are_those_of_any_value(
            raw in "(<|x)?[a;]{0,3}>?[ ]?;?(tag|TAG)?=?[ab;\"<= \r\n]{0,20}",
        ) {
            let raw = trim(raw.as_bytes());
            if let Some(tag) = usual_tag(raw) {
                prop_assert_eq!(NameAddr::new(raw).parameter(b"tag").unwrap_or_default(), tag);
            }
        }
    }

    #[test]
    fn lists() {
        let value = b"\"a, b\" <sip:a,1@h>;x, <sip:b@h> ,, sip:c@h;reason=\"x,y\"";
        let hosts: Vec<_> = name_addrs(value).map(|party| party.uri().user().to_vec()).collect();
        assert_eq!(hosts, [&b"a,1"[..], b"b", b"c"]);
        assert_eq!(name_addrs(b" , ").count(), 0);
    }
}
