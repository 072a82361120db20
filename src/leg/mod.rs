//! Messages to legs: a leg is a set of facts that joins; the machine finalises it into CDRs.

pub mod attribute;
pub mod cdr;
pub mod entry_name;
pub mod events;
pub mod fact;
mod fact_set;
pub mod identifier;
pub mod identifier_set;
mod identify;
pub mod lattice;
pub mod legs;
pub mod machine;
pub mod media;
pub mod media_flow;
pub mod midway;
pub mod numbers;
mod observe;
pub mod registration;
pub mod rules;
pub mod short_text;
pub mod table;
mod texts;

pub use cdr::{Bye, Cdr, Ends, Side, VendorCut};
pub use fact::{FactKey, FactTimes, InviteParties, MessageKind};
pub use identifier::{Identifier, IdentifierKind, Sighting};
pub use identifier_set::IdentifierSet;
pub use lattice::Leg;
pub use legs::Legs;
pub use machine::{FamilyCdrs, FamilyLeg, finalise, finalise_family};
pub use media::MediaActivity;
pub use observe::{Scratch, observe};
pub use registration::Registrations;
pub use rules::{CaptureRules, NumberRules, TimingRules};
pub use short_text::ShortText;
