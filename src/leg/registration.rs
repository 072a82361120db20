//! Who was registered when: granted REGISTERs in, times by user out.
//!
//! A user is the address-of-record of a 2xx to REGISTER (its To, RFC 3261 section 10.3); it is
//! registered from then for as long as the registrar granted (section 10.2.4: the largest `expires` of
//! its Contacts, else Expires). A removal before that time is over is not subtracted: the count is at
//! most too large, by users that left early.

use crate::base::limits::REGISTERED_USERS_MAX;
use crate::base::spans::Span;
use crate::base::{CaptureTime, NS_PER_S, Spans};
use crate::sip::{HeaderName, Message, Method, name_addrs};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Registered users and when; a join-semilattice like a leg.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Registrations {
    users: BTreeMap<Box<[u8]>, Spans<0>>,
    is_over_limit: bool,
}

impl Registrations {
    /// Takes a message: a 2xx to REGISTER that grants time; any other is passed over.
    #[inline]
    pub fn observe(&mut self, message: &Message<'_>, time: CaptureTime) {
        let is_of_register = message.cseq().is_some_and(|cseq| cseq.method == Method::Register);
        if is_of_register && matches!(message.status(), Some(200..=299)) {
            self.granted(message, time);
        }
    }

    fn granted(&mut self, message: &Message<'_>, time: CaptureTime) {
        let uri = message.to().uri();
        let mut user = uri.user().to_vec();
        user.push(b'@');
        user.extend(uri.host().to_ascii_lowercase());
        let granted_s = granted_s(message);
        if granted_s == 0 || user.len() == 1 {
            return;
        }
        let last = time.plus_ns(i64::from(granted_s).saturating_mul(NS_PER_S));
        self.add(user.into(), Span { first: time, last });
    }

    fn add(&mut self, user: Box<[u8]>, span: Span) {
        self.users.entry(user).or_default().insert_span(span);
        if self.users.len() > REGISTERED_USERS_MAX {
            self.users.pop_last();
            self.is_over_limit = true;
        }
    }

    /// Adds what was seen elsewhere.
    pub fn join(&mut self, other: Self) {
        for (user, spans) in other.users {
            for span in spans.as_slice() {
                self.add(user.clone(), *span);
            }
        }
        self.is_over_limit |= other.is_over_limit;
    }

    /// When each user was registered, in nanoseconds, half-open; a user's own do not overlap.
    #[must_use]
    pub fn intervals(&self) -> Vec<(i64, i64)> {
        let spans = self.users.values().flat_map(Spans::as_slice);
        spans.map(|span| (span.first.ns(), span.last.ns())).collect()
    }

    /// How many users were ever registered.
    #[must_use]
    pub fn user_count(&self) -> usize {
        self.users.len()
    }

    /// Whether users were left out for their number.
    #[must_use]
    pub const fn is_over_limit(&self) -> bool {
        self.is_over_limit
    }
}

/// Seconds that a 2xx to REGISTER grants; 0 for a removal, or where it names none.
fn granted_s(message: &Message<'_>) -> u32 {
    let seconds = |text: &[u8]| std::str::from_utf8(text.trim_ascii()).ok()?.parse::<u32>().ok();
    let contacts = message.headers(HeaderName::Contact).flat_map(name_addrs);
    let by_contact = contacts.filter_map(|contact| seconds(contact.parameter(b"expires")?)).max();
    let by_header = || message.header(HeaderName::Expires).and_then(seconds);
    by_contact.or_else(by_header).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::scan;
    use proptest::prelude::*;

    const NS: i64 = NS_PER_S;

    fn ok(method: &str, user: &str, rest: &str) -> String {
        format!(
            "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:x@h>;tag=a\r\n\
             To: <sip:{user}>;tag=b\r\nCall-ID: c\r\nCSeq: 1 {method}\r\n{rest}\r\n"
        )
    }

    fn observed(messages: &[(i64, String)]) -> Registrations {
        let mut registrations = Registrations::default();
        for (second, text) in messages {
            let message = scan(text.as_bytes()).unwrap();
            registrations.observe(&message, CaptureTime::from_parts(*second, 0));
        }
        registrations
    }

    #[test]
    fn what_a_message_grants() {
        let check = |text: String, expect: &[(i64, i64)]| {
            let expect: Vec<(i64, i64)> =
                expect.iter().map(|(from, until)| (from * NS, until * NS)).collect();
            assert_eq!(observed(&[(100, text)]).intervals(), expect);
        };
        check(ok("REGISTER", "ann@H", "Expires: 60\r\n"), &[(100, 160)]);
        // The largest of its Contacts, before Expires.
        let contacts = "Contact: <sip:a@1>;expires=30, <sip:a@2>;expires=90\r\nExpires: 3600\r\n";
        check(ok("REGISTER", "ann@H", contacts), &[(100, 190)]);
        check(ok("REGISTER", "ann@H", "Contact: <sip:a@1>\r\nExpires: 7\r\n"), &[(100, 107)]);
        check(ok("REGISTER", "ann@H", "Expires: 0\r\n"), &[]);
        check(ok("REGISTER", "ann@H", "Expires: soon\r\n"), &[]);
        check(ok("REGISTER", "ann@H", ""), &[]);
        check(ok("SUBSCRIBE", "ann@H", "Expires: 60\r\n"), &[]);
        let refused = ok("REGISTER", "ann@H", "Expires: 60\r\n").replace("200 OK", "401 No");
        check(refused, &[]);
    }

    #[test]
    fn a_refresh_goes_on_and_a_lapse_does_not() {
        let grant = |user| ok("REGISTER", user, "Expires: 60\r\n");
        let seen = observed(&[
            (0, grant("ann@h")),
            (50, grant("ann@H")),
            (200, grant("ann@h")),
            (10, grant("bob@h")),
        ]);
        assert_eq!(seen.user_count(), 2);
        assert_eq!(seen.intervals(), [(0, 110 * NS), (200 * NS, 260 * NS), (10 * NS, 70 * NS)]);
    }

    proptest! {
        #[test]
        fn any_order_and_split_gives_the_same(
            grants in prop::collection::vec((0u8..3, 0i64..500, 1u32..100), 0..20),
            cut in 0usize..20,
        ) {
            let messages: Vec<(i64, String)> = grants
                .iter()
                .map(|(user, second, expires)| {
                    let rest = format!("Expires: {expires}\r\n");
                    (*second, ok("REGISTER", &format!("{user}@h"), &rest))
                })
                .collect();
            let whole = observed(&messages);
            let mut backwards = messages.clone();
            backwards.reverse();
            prop_assert_eq!(&observed(&backwards), &whole);
            let cut = cut.min(messages.len());
            let mut halves = observed(&messages[cut..]);
            halves.join(observed(&messages[..cut]));
            halves.join(whole.clone());
            prop_assert_eq!(&halves, &whole);
        }
    }
}
