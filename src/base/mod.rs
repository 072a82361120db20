//! Words shared by every room: time, provenance, notes, losses, limits.
//!
//! Nothing here knows about captures, SIP or files.

pub mod endpoint;
pub mod ledger;
pub mod limits;
pub mod loss;
pub mod note;
pub mod packed;
pub mod provenance;
pub mod roomy;
pub mod spans;
pub mod time;

pub use endpoint::Endpoint;
pub use ledger::Ledger;
pub use loss::{Loss, LossKind};
pub use note::{Note, NoteKind, Notes};
pub use packed::{PackedBuilder, PackedBytes, PackedList, PackedRun};
pub use provenance::{CaptureId, FileId, RecordRef, SensorId};
pub use roomy::roomy;
pub use spans::Spans;
pub use time::{CaptureTime, NS_PER_MS, NS_PER_S};
