//! Legs to calls: every rule with a case that must join and look-alikes that must not, transfers and
//! forks, laws of order, a large population with planted truth.

mod forks;
mod laws;
mod population;
mod rules;
mod support;
mod transfers;
