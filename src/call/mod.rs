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
pub mod evidence_list;
pub mod explain;
mod filter;
mod found;
pub mod group;
pub mod groups;
pub mod index;
mod kept;
mod lists;
mod marks;
pub mod merge_header;
pub mod merge_secret;
pub mod merged;
pub mod outline;
pub mod outlines;
mod packed;
pub mod rule;
pub mod rules;
pub mod said;
mod search;
pub mod story;
pub mod table;
pub mod table_file;
mod tokens;
pub mod transactions;
pub mod uri;

pub use audit::{Audit, AuditFilter, AuditedCall, CandidateHeader, NearMiss, WhatIf, audit};
pub use branches::{Branch, BranchOutcome, branches};
pub use conflict::Conflict;
pub use discriminate::{DemotedValue, Demotion, DemotionReason};
pub use evidence::{Compared, Evidence, Refusal, Told};
pub use evidence_list::EvidenceList;
pub use explain::{RuleOutcome, explain, explain_pair};
pub use found::FoundEvidence;
pub use group::{Grouping, group, group_by, group_legs, group_with};
pub use groups::{CallGroup, CallGroups};
pub use marks::Marks;
pub use merge_header::{
    CallIds, HeaderMerge, MergeHeader, MergeLinks, MergeRules, merge_by_header, merge_headers,
};
pub use merged::{Call, CallResult, MergedCalls, PartySpan, calls_of_cdrs, merge};
pub use outline::{LegOutline, OutlineParts, OutlineRoom};
pub use outlines::{OutlineBuilder, Outlines, outline_all};
pub use rule::{Class, RuleName};
pub use search::{Marked, Pair, Pairs, Search};
pub use story::{StoryEvent, StoryKind, Transfer, TransferKind, TransferOutcome};
pub use table::RuleTable;
pub use table_file::RuleFileError;
