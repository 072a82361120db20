//! EDGE: threads, sharding, memory budget, resume, progress.

pub mod config;
pub mod map;
