//! Frames for tests: follows.
