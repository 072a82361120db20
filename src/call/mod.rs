//! Legs to calls by evidence: rules, their table, grouping, explanation, story, audit.
//!
//! In: legs (all of them, in any order), CDRs, a [`RuleTable`]. Out: a [`Grouping`] (every leg in
//! exactly one call, with the evidence that joined it), [`Call`]s, explanations and audits. Nothing
//! here depends on the order of legs: they are numbered by sensor and Call-ID.

pub mod audit;
pub mod branches;
pub mod conflict;
pub mod discriminate;
pub mod evidence;
pub mod explain;
pub mod group;
pub mod index;
pub mod merge_header;
pub mod merge_secret;
pub mod merged;
pub mod outline;
pub mod rule;
pub mod rules;
pub mod story;
pub mod table;
pub mod table_file;
pub mod transactions;
pub mod uri;

pub use audit::{Audit, AuditFilter, AuditedCall, CandidateHeader, NearMiss, WhatIf, audit};
pub use branches::{Branch, BranchOutcome, branches};
pub use conflict::Conflict;
pub use discriminate::{Demotion, DemotionReason};
pub use evidence::{Compared, Evidence, Refusal};
pub use explain::{RuleOutcome, explain, explain_pair};
pub use group::{CallGroup, Grouping, RuleEvidence, group, group_by, group_legs, rule_evidence};
pub use merge_header::{HeaderMerge, MergeHeader, MergeRules, merge_by_header, merge_headers};
pub use merged::{Call, CallResult, MergedCalls, PartySpan, cdr_groups, merge};
pub use outline::{LegOutline, outline_all};
pub use rule::{Class, RuleName};
pub use story::{StoryEvent, StoryKind, Transfer, TransferKind, TransferOutcome};
pub use table::RuleTable;
pub use table_file::RuleFileError;
