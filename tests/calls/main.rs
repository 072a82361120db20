//! Legs to calls: every rule with a case that must join and look-alikes that must not, transfers and
//! forks, laws of order, a large population with planted truth.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests fail as tests do")]

mod audits;
mod forks;
mod laws;
mod population;
mod real;
mod rules;
mod support;
mod transfers;
