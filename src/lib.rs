//! Placeholder; the architecture text follows.
pub mod base;
pub mod call;
pub mod capture;
pub mod channel;
pub mod cli;
pub mod container;
pub mod leg;
pub mod license;
pub mod packet;
pub mod report;
pub mod run;
pub mod sip;
pub mod spool;
pub mod store;
pub mod synth;
