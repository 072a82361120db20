//! Messages of framed streams: follows.
