//! A seeded generator of spools with known truth.
//!
//! In: a seed and [`Parameters`], or the text of a ladder. Out: scripted legs ([`ScriptedLeg`]) with
//! their truth, and the bytes of the captures and archives that hold them. Pure: the same input gives
//! the same bytes on every machine, whatever the order or the number of threads that ask for minutes.
//!
//! The truth is computed from the script alone. Nothing here uses the rooms that parse, count or judge.

mod arrange;
mod build;
mod calendar;
mod flows;
mod frame;
mod generate;
mod hours;
mod kind;
pub mod ladder;
mod message;
mod parameters;
mod pcap;
mod random;
mod script;
mod tar;
mod tracker;

pub use arrange::{Arranger, Chunk, Packing};
pub use calendar::{CivilDate, civil_of_day, day_of_civil, format_day, parse_day};
pub use generate::{Generator, Minute};
pub use hours::{DayTruth, HourTable, HourTruth};
pub use kind::{KINDS, Kind};
pub use parameters::{DayValues, Layout, Mix, Parameters};
pub use random::Random;
pub use script::{
    CdrTruth, MediaBurst, Relation, RelationKind, ScriptedCall, ScriptedLeg, ScriptedPacket, Wire,
};
