//! Media activity of a leg: when RTP and RTCP packets of it were seen.

use crate::base::{CaptureTime, NS_PER_S, Spans};
use serde::{Deserialize, Serialize};

/// Media packets nearer than this share a span; the vendor's shortest close timer is 5 s.
pub const MEDIA_GAP_NS: i64 = NS_PER_S;

/// When media packets were seen.
pub type MediaSpans = Spans<MEDIA_GAP_NS>;

/// RTP and RTCP of one leg. Joins by union.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct MediaActivity {
    /// RTP packets.
    pub rtp: MediaSpans,
    /// RTCP packets.
    pub rtcp: MediaSpans,
}

impl MediaActivity {
    /// Adds what was seen elsewhere.
    pub fn join(&mut self, other: &Self) {
        self.rtp.join(&other.rtp);
        self.rtcp.join(&other.rtcp);
    }

    /// The last packet of either kind; absent when there was none.
    #[must_use]
    pub fn last(&self) -> Option<CaptureTime> {
        self.rtp.last().max(self.rtcp.last())
    }
}
