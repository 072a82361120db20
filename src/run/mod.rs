//! EDGE: threads, sharding, memory budget, resume, progress.

mod check;
pub mod config;
mod error;
pub mod map;

pub use check::check;
pub use config::CheckConfig;
pub use error::Error;
