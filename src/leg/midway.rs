//! Calls that are seen from the middle on: a leg in, whether it shows an answered dialog without the
//! INVITE that began it.

use super::fact::MessageKind;
use super::fact_set::FactShape;
use super::lattice::Leg;
use crate::sip::Method;

/// Whether a leg holds messages of an answered dialog and no INVITE that could have begun it: one
/// without a To tag (RFC 3261 section 12.2.1.1).
#[must_use]
pub fn is_midway(leg: &Leg) -> bool {
    let mut shows_answer = false;
    let has_beginning = leg.facts.shapes().any(|shape| {
        shows_answer |= is_of_answered_dialog(shape);
        shape.kind == MessageKind::Request(Method::Invite) && !shape.has_to_tag
    });
    !has_beginning && shows_answer
}

/// A BYE or its response, an INVITE or UPDATE inside a dialog, a 2xx to an INVITE. An ACK is none: it
/// follows refusals too.
fn is_of_answered_dialog(shape: FactShape) -> bool {
    match shape.kind {
        MessageKind::Request(Method::Bye) => true,
        MessageKind::Request(Method::Invite | Method::Update) => shape.has_to_tag,
        MessageKind::Response(200..=299) => {
            matches!(shape.cseq_method, Method::Invite | Method::Bye)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::fact::FactKey;
    use super::super::via_branch::ViaBranch;
    use super::*;
    use crate::base::{CaptureTime, Endpoint, RecordRef, SensorId};

    fn leg(messages: &[(MessageKind, Method, &str)]) -> Leg {
        let mut leg = Leg::new(SensorId(0), b"call@host");
        for (place, (kind, cseq_method, to_tag)) in (1i64..).zip(messages) {
            let key = FactKey {
                cseq_number: 2,
                kind: *kind,
                cseq_method: *cseq_method,
                from_tag: b"f",
                to_tag: to_tag.as_bytes(),
                branch: ViaBranch::new(b"z9hG4bK1"),
                source: Endpoint::UNKNOWN,
                destination: Endpoint::UNKNOWN,
                auth_failed: false,
                has_sdp: false,
            };
            leg.add_message(&key, None, CaptureTime::from_ns(place), RecordRef::default());
        }
        leg
    }

    #[test]
    fn only_an_answered_dialog_without_its_beginning_is_midway() {
        use MessageKind::{Request, Response};
        let bye = (Request(Method::Bye), Method::Bye, "t");
        let again = (Request(Method::Invite), Method::Invite, "t");
        let first = (Request(Method::Invite), Method::Invite, "");
        for (messages, expect) in [
            (vec![bye], true),
            (vec![again], true),
            (vec![(Response(200), Method::Invite, "t")], true),
            (vec![(Request(Method::Update), Method::Update, "t")], true),
            (vec![first, bye], false),
            (vec![first, again, bye], false),
            (vec![(Response(486), Method::Invite, "t")], false),
            (vec![(Request(Method::Ack), Method::Ack, "t")], false),
            (vec![(Request(Method::Options), Method::Options, "")], false),
            (vec![(Response(200), Method::Register, "t")], false),
            (vec![], false),
        ] {
            assert_eq!(is_midway(&leg(&messages)), expect, "{messages:?}");
        }
    }
}
