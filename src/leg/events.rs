//! A leg's facts in the order of time: what the machine runs over.

use super::fact::{FactKey, FactTimes};
use super::lattice::Leg;
use crate::base::CaptureTime;
use crate::base::spans::Span;

/// What happened at a moment.
#[derive(Clone, Copy, Debug)]
pub enum Happening<'l> {
    /// A message was seen: its first copy, or the last copy of a span of retransmissions.
    Message(FactKey<'l>),
    /// RTP began, and goes on without a pause until the end of the span.
    Rtp(Span),
    /// RTCP began, and goes on without a pause until the end of the span.
    Rtcp(Span),
}

/// One event of a leg.
#[derive(Clone, Copy, Debug)]
pub struct Event<'l> {
    /// When.
    pub time: CaptureTime,
    /// What.
    pub happening: Happening<'l>,
}

/// The events of a leg in the order of time.
///
/// At the same moment requests come before responses of the same transaction and earlier
/// transactions before later ones (the order of [`FactKey`]), so that the order is a function of the
/// facts alone; media comes after messages.
#[must_use]
pub fn events(leg: &Leg) -> Vec<Event<'_>> {
    let mut messages: Vec<(CaptureTime, FactKey<'_>)> = Vec::with_capacity(leg.message_count() + 4);
    for (key, times) in leg.messages() {
        push_times(&mut messages, key, times);
    }
    messages.sort();
    let mut events: Vec<Event<'_>> = messages
        .into_iter()
        .map(|(time, key)| Event { time, happening: Happening::Message(key) })
        .collect();
    let media = leg.media();
    events.extend(
        media
            .rtp
            .as_slice()
            .iter()
            .map(|span| Event { time: span.first, happening: Happening::Rtp(*span) }),
    );
    events.extend(
        media
            .rtcp
            .as_slice()
            .iter()
            .map(|span| Event { time: span.first, happening: Happening::Rtcp(*span) }),
    );
    // Stable: messages keep their order, media of the same moment follows them.
    events.sort_by_key(|event| event.time);
    events
}

fn push_times<'l>(
    messages: &mut Vec<(CaptureTime, FactKey<'l>)>,
    key: FactKey<'l>,
    times: &FactTimes,
) {
    for span in times.spans.as_slice() {
        messages.push((span.first, key));
        if span.last > span.first {
            messages.push((span.last, key));
        }
    }
}
