//! Messages to legs: a leg is a set of facts that joins; the machine finalises it into CDRs.

pub mod cdr;
pub mod fact;
pub mod identifier;
pub mod lattice;
pub mod media;
pub mod rules;

pub use cdr::{Bye, Cdr, Side, VendorCut};
pub use fact::{FactKey, FactTimes, InviteParties, MessageKind};
pub use identifier::{Identifier, IdentifierKind, Sighting};
pub use lattice::Leg;
pub use media::MediaActivity;
pub use rules::{CaptureRules, NumberRules, TimingRules};
