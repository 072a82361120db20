//! Parameters `;name=value` of headers and URIs, white space and quoted values tolerated.

use super::search::find as find_byte;
use super::text::{is_space, split_at_byte, split_outside, trim, unquote};

/// One parameter; `value` is absent for a flag (`;lr`), and stands without its quotes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Parameter<'a> {
    /// The name as on the wire.
    pub name: &'a [u8],
    /// The value without the quotes around it, escapes inside kept.
    pub value: Option<&'a [u8]>,
    /// Whether it is the last one, so that cut bytes may have lost a part of it.
    pub is_last: bool,
}

/// The parameters of `bytes`, which begin with or behind a `;`. Empty ones are skipped.
pub fn parameters(bytes: &[u8]) -> impl Iterator<Item = Parameter<'_>> {
    let mut items = split_outside(bytes, b';').peekable();
    std::iter::from_fn(move || {
        loop {
            let (name, value) = split_at_byte(items.next()?, b'=');
            let name = trim(name);
            if !name.is_empty() {
                let value = value.map(|value| unquote(trim(value)));
                return Some(Parameter { name, value, is_last: items.peek().is_none() });
            }
        }
    })
}

/// The first parameter named `name`, case ignored. A flag has an empty value.
#[must_use]
pub fn parameter<'a>(bytes: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    find(bytes, name).map(|parameter| parameter.value.unwrap_or_default())
}

/// The first parameter named `name`, case ignored.
#[inline]
pub(super) fn find<'a>(bytes: &'a [u8], name: &[u8]) -> Option<Parameter<'a>> {
    match look(bytes, name, b';') {
        Look::Found(parameter) => Some(parameter),
        Look::Absent => None,
        Look::Odd(rest) => {
            parameters(rest).find(|parameter| parameter.name.eq_ignore_ascii_case(name))
        }
    }
}

/// As [`find`] for the first value of a list; only where nothing is odd about it. The last parameter of
/// a value that a comma ends is whole, so it is not called the last.
#[inline]
pub(super) fn find_in_first<'a>(list: &'a [u8], name: &[u8]) -> Option<Option<Parameter<'a>>> {
    match look(list, name, b',') {
        Look::Found(parameter) => Some(Some(parameter)),
        Look::Absent => Some(None),
        Look::Odd(_) => None,
    }
}

/// What a look at parameters in place tells.
enum Look<'a> {
    Found(Parameter<'a>),
    Absent,
    /// There are quotes, brackets or white space from here on.
    Odd(&'a [u8]),
}

/// Nearly all parameters have neither white space nor quotes: they are looked at in place, up to their
/// end or the first `end` byte.
#[inline(always)]
fn look<'a>(bytes: &'a [u8], name: &[u8], end: u8) -> Look<'a> {
    let mut rest = bytes;
    while let [b';', behind @ ..] = rest {
        let found = find_byte(behind, [b';', b'"', b'<', end]);
        let (item, next) = behind.split_at(found.unwrap_or(behind.len()));
        if !(next.is_empty() || next[0] == b';' || next[0] == end) {
            return Look::Odd(rest);
        }
        if let Some((own, [b'=', value @ ..])) = item.split_at_checked(name.len())
            && (own == name || own.eq_ignore_ascii_case(name))
        {
            let value = Some(trim(value));
            return Look::Found(Parameter { name: own, value, is_last: next.is_empty() });
        }
        let is_odd = item.iter().take(name.len() + 1).any(|byte| is_space(*byte));
        if is_odd || item.len() == name.len() {
            return Look::Odd(rest);
        }
        rest = next;
    }
    if rest.is_empty() || rest[0] == end { Look::Absent } else { Look::Odd(rest) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(bytes: &str, name: &str, expect: Option<&str>) {
        let found = parameter(bytes.as_bytes(), name.as_bytes());
        assert_eq!(found, expect.map(str::as_bytes), "{name} in {bytes}");
    }

    #[test]
    fn parameters_are_found() {
        check(";tag=1", "tag", Some("1"));
        check(";x=y;TAG = 1 ;z", "tag", Some("1"));
        check(";\r\n tag\t=\r\n 1918181833n", "tag", Some("1918181833n"));
        check(";x=\";tag=2\";tag=1", "tag", Some("1"));
        check(";tag=\"1\"", "tag", Some("1"));
        check(";lr", "lr", Some(""));
        check(";lr=", "lr", Some(""));
        check(";;,;,,", "branch", None);
        check("", "tag", None);
        check(";tagg=1", "tag", None);
        check(";x=a=b", "x", Some("a=b"));
    }

    proptest! {
        /// The look in place finds what taking all parameters apart finds.
        #[test]
        fn found_in_place_as_among_all(bytes in "[;=aAbB\"< \t]{0,24}", name in "[ab]{1,3}") {
            let (bytes, name) = (bytes.as_bytes(), name.as_bytes());
            let all = parameters(bytes).find(|found| found.name.eq_ignore_ascii_case(name));
            prop_assert_eq!(find(bytes, name), all);
        }
    }
}
