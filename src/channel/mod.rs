//! CDRs or calls to channels over time: intervals, step function, history, under a reading.
//!
//! In: CDRs, the groups that make one unit of counting, a reading, a calendar. Out: channel
//! nanoseconds and peaks per local hour and day, exact. All arithmetic is in integers.

pub mod bounds;
pub mod calendar;
pub mod count;
pub mod dedup;
pub mod evident;
mod hidden;
pub mod history;
pub mod interval;
mod lanes;
pub mod number;
#[cfg(test)]
pub(crate) mod oracle;
pub mod peak;
pub mod reading;
mod sweep;
pub mod table;
pub mod unit;

pub use bounds::{Bounded, Doubt, Joining};
pub use calendar::{Calendar, Day, Hour};
pub use count::{Channels, DayCount, HourCount};
pub use history::{History, PeakSpan};
pub use number::{NumberKey, last_six};
pub use peak::{BusiestHour, busiest_hour, merging_saves};
pub use reading::{Axis, CountReading, Reading, ReadingError, ReadingPins};
pub use table::CdrTable;
pub use unit::{Groups, Units};
