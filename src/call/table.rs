//! The rule table: which rules run, which join, and their parameters. Data, not code.

use super::rule::{Class, RuleName};
use crate::base::NS_PER_S;
use crate::base::limits::SHARED_LEGS_MAX;

/// 64 T1 (RFC 3261 section 17): what a transfer or redirection causes starts within this.
pub const CAUSE_WINDOW_NS: i64 = 32 * NS_PER_S;
/// Forked legs start within this of each other, and are cancelled within this of the answer.
pub const FORK_WINDOW_NS: i64 = 2 * NS_PER_S;
/// Two legs with less silence than this between them adjoin.
pub const ADJOIN_WINDOW_NS: i64 = CAUSE_WINDOW_NS;
/// An offer that a B2BUA passes on is seen on both legs within this.
pub const OFFER_WINDOW_NS: i64 = 2 * NS_PER_S;
/// The vendor's Legs by CID: seconds between the starts.
pub const NUMBERS_WINDOW_NS: i64 = 10 * NS_PER_S;
/// The vendor's Legs by CID: digits compared.
pub const NUMBERS_DIGITS: usize = 6;
/// A value shared by more than [`SHARED_LEGS_MAX`] legs within this does not discriminate.
pub const DISCRIMINATION_WINDOW_NS: i64 = 3_600 * NS_PER_S;
/// Headers whose value is another leg's Call-ID, by default (design.md section 12, point 10).
pub const CALL_ID_HEADERS: [&str; 3] = ["x-call-id", "x-cid", "in-reply-to"];
/// Suffixes by which a B2BUA derives a Call-ID; `#` stands for one or more digits.
pub const CALL_ID_SUFFIXES: [&str; 2] = ["_b2b-#", "_pbx-#"];

/// One rule's switches.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RuleSwitch {
    /// Whether the rule is evaluated at all.
    pub on: bool,
    /// Joins whatever the class (true), never joins (false), or as the class says (absent).
    pub joins: Option<bool>,
}

/// The rules of a run. [`RuleTable::default`] is the documented one.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RuleTable {
    /// Switches, in the order of [`RuleName::ALL`].
    pub switches: [RuleSwitch; RuleName::ALL.len()],
    /// Classes that join.
    pub merge_classes: Vec<Class>,
    /// From the 2xx to a REFER to the new INVITE.
    pub refer_window_ns: i64,
    /// From a 3xx to the new INVITE.
    pub redirect_window_ns: i64,
    /// Between the starts of forked legs, and between answer and CANCEL.
    pub fork_window_ns: i64,
    /// Between the same offer on two legs.
    pub media_window_ns: i64,
    /// Between the starts of legs with the same numbers.
    pub numbers_window_ns: i64,
    /// Digits that `numbers` compares.
    pub numbers_digits: usize,
    /// Lower-case names of headers whose value is another leg's Call-ID.
    pub call_id_headers: Vec<String>,
    /// Lower-case names of headers whose value is a token that the legs of a call share.
    pub token_headers: Vec<String>,
    /// Suffixes of derived Call-IDs; `#` stands for one or more digits.
    pub call_id_suffixes: Vec<String>,
    /// Legs that may share a value within an hour.
    pub shared_legs_max: usize,
}

impl Default for RuleTable {
    fn default() -> Self {
        let own = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Self {
            switches: [RuleSwitch { on: true, joins: None }; RuleName::ALL.len()],
            merge_classes: vec![Class::Proof, Class::Strong],
            refer_window_ns: CAUSE_WINDOW_NS,
            redirect_window_ns: CAUSE_WINDOW_NS,
            fork_window_ns: FORK_WINDOW_NS,
            media_window_ns: OFFER_WINDOW_NS,
            numbers_window_ns: NUMBERS_WINDOW_NS,
            numbers_digits: NUMBERS_DIGITS,
            call_id_headers: own(&CALL_ID_HEADERS),
            token_headers: Vec::new(),
            call_id_suffixes: own(&CALL_ID_SUFFIXES),
            shared_legs_max: SHARED_LEGS_MAX,
        }
    }
}

impl RuleTable {
    /// The switches of one rule.
    #[must_use]
    pub const fn switch(&self, rule: RuleName) -> RuleSwitch {
        self.switches[rule as usize]
    }

    /// The switches of one rule, to change.
    pub const fn switch_mut(&mut self, rule: RuleName) -> &mut RuleSwitch {
        &mut self.switches[rule as usize]
    }

    /// Whether the rule is evaluated.
    #[must_use]
    pub const fn is_on(&self, rule: RuleName) -> bool {
        self.switch(rule).on
    }

    /// Whether evidence of this rule and class joins. Demoted evidence (a class below the rule's
    /// own) never profits from the rule's own switch.
    #[must_use]
    pub fn joins(&self, rule: RuleName, class: Class, demoted: bool) -> bool {
        match self.switch(rule).joins {
            Some(false) => false,
            Some(true) if !demoted => true,
            _ => self.merge_classes.contains(&class),
        }
    }
}
