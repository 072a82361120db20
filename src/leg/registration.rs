//! Who was registered when: granted REGISTERs in, times by user out.
//!
//! A user is the address-of-record of a 2xx to REGISTER (its To, RFC 3261 section 10.3); it is
//! registered from then for as long as the registrar granted (section 10.2.4: the largest `expires` of
//! its Contacts, else Expires). A removal before that time is over is not subtracted: the count is at
//! most too large, by users that left early.

use crate::base::limits::REGISTERED_USERS_MAX;
use crate::base::spans::Span;
use crate::base::{CaptureTime, NS_PER_S, Spans};
use crate::sip::{HeaderName, Message, Method, StartLine, name_addrs};
use std::collections::BTreeMap;

/// Registered users and when; a join-semilattice like a leg.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Registrations {
    users: BTreeMap<Box<[u8]>, Spans<0>>,
    is_over_limit: bool,
}

impl Registrations {
    /// Takes a message: a 2xx to REGISTER that grants time; any other is passed over.
    pub fn observe(&mut self, message: &Message<'_>, time: CaptureTime) {
        let StartLine::Response { status: 200..=299, .. } = message.start() else { return };
        if message.cseq().is_none_or(|cseq| cseq.method != Method::Register) {
            return;
        }
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
