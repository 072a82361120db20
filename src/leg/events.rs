//! What happened in a leg, in the order of time: what the machine runs over.

use super::view::{LegView, SeenMessage};
use crate::base::CaptureTime;
use crate::base::spans::Span;

/// What happened at a moment.
#[derive(Clone, Copy, Debug)]
pub enum Happening<'v, 'l> {
    /// A message was seen: its first copy, or the last copy of a span of retransmissions.
    Message(&'v SeenMessage<'l>),
    /// RTP began, and goes on without a pause until the end of the span.
    Rtp(Span),
    /// RTCP began, and goes on without a pause until the end of the span.
    Rtcp(Span),
}

/// One event of a leg.
#[derive(Clone, Copy, Debug)]
pub struct Event<'v, 'l> {
    /// When.
    pub time: CaptureTime,
    /// What.
    pub happening: Happening<'v, 'l>,
}

impl<'l> LegView<'l> {
    /// The events of the leg in the order of time.
    pub fn events(&self) -> impl ExactSizeIterator<Item = Event<'_, 'l>> {
        self.steps().iter().map(|(time, number)| {
            let happening = self.happening(*number as usize);
            Event { time: *time, happening }
        })
    }

    #[inline]
    fn happening(&self, number: usize) -> Happening<'_, 'l> {
        match self.messages().get(number) {
            Some(message) => Happening::Message(message),
            None => self.media_happening(number - self.messages().len()),
        }
    }

    fn media_happening(&self, number: usize) -> Happening<'_, 'l> {
        let media = self.media();
        let (rtp, rtcp) = (media.rtp.as_slice(), media.rtcp.as_slice());
        rtp.get(number)
            .map_or_else(|| Happening::Rtcp(rtcp[number - rtp.len()]), |span| Happening::Rtp(*span))
    }
}
