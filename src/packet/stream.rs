//! In-order streams: follows.
