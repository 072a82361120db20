//! Who is caller and who is called by address (facts A.5, C; sniff.cpp:6046-6075, calltable.cpp:11050-11245).

use super::super::cdr::Side;
use super::super::fact::FactKey;
use super::super::via_branch::ViaBranch;
use super::few::Few;
use crate::base::Endpoint;
use crate::base::limits::DIRECTION_PAIRS_MAX;

/// One pair of addresses that an INVITE went over.
#[derive(Clone, Copy, Debug)]
struct Hop<'l> {
    source: Endpoint,
    destination: Endpoint,
    branch: ViaBranch<'l>,
    called: &'l [u8],
    confirmed: bool,
}

/// An SDP of the caller's side: enough to see forks and their cancelled branches.
#[derive(Clone, Copy, Debug)]
struct Offer<'l> {
    source: Endpoint,
    called: &'l [u8],
    branch: ViaBranch<'l>,
    cancelled: bool,
}

/// What an INVITE was, by its addresses.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct InvitePath {
    /// It came back over a hop that an earlier INVITE went.
    pub(super) reverse: bool,
    /// Its pair of addresses was seen before.
    pub(super) known: bool,
    /// In-dialog, between the addresses of an earlier hop in reverse but by other ports.
    pub(super) reverse_other_ports: bool,
}

/// The addresses of a call.
#[derive(Clone, Debug)]
pub(super) struct Addresses<'l> {
    caller: Endpoint,
    called: Endpoint,
    directions: Few<(Endpoint, Endpoint), 2>,
    hops: Few<Hop<'l>, 2>,
    hop_order: Few<usize, 4>,
    proxies: Vec<Endpoint>,
    last_branch: ViaBranch<'l>,
    offers: Few<Offer<'l>, 2>,
}

impl<'l> Addresses<'l> {
    /// The addresses of the first INVITE.
    #[inline]
    pub(super) fn new(key: &FactKey<'l>) -> Self {
        let mut directions = Few::new();
        directions.push((key.source, key.destination));
        Self {
            caller: key.source,
            called: key.destination,
            directions,
            hops: Few::new(),
            hop_order: Few::new(),
            proxies: Vec::new(),
            last_branch: ViaBranch::default(),
            offers: Few::new(),
        }
    }

    /// Source of the first INVITE.
    pub(super) const fn caller(&self) -> Endpoint {
        self.caller
    }

    /// Registers the pair of addresses of an INVITE.
    pub(super) fn invite_path(
        &mut self,
        key: &FactKey<'l>,
        called: &'l [u8],
        same_cseq_as_first: bool,
    ) -> InvitePath {
        let mut path = InvitePath { reverse: false, known: false, reverse_other_ports: false };
        let known = self
            .hops
            .iter()
            .position(|hop| hop.source == key.source && hop.destination == key.destination);
        if let Some(index) = known {
            path.known = true;
            self.hop_order.push(index);
            return path;
        }
        let mut in_dialog = false;
        for hop in self.hops.iter() {
            if key.destination.address == hop.source.address
                && key.source.address == hop.destination.address
            {
                if key.destination.port == hop.source.port
                    && key.source.port == hop.destination.port
                {
                    path.reverse = true;
                    break;
                }
                in_dialog |= !same_cseq_as_first && !key.to_tag.is_empty();
                path.reverse_other_ports = true;
            }
        }
        path.reverse_other_ports &= in_dialog;
        if !path.reverse && !path.reverse_other_ports {
            self.hop_order.push(self.hops.len());
            self.hops.push(Hop {
                source: key.source,
                destination: key.destination,
                branch: key.branch,
                called,
                confirmed: false,
            });
        }
        path
    }

    /// Moves the called address along the hops of a forwarded INVITE.
    pub(super) fn follow_invite(&mut self, key: &FactKey<'l>, path: InvitePath) {
        if path.reverse || path.reverse_other_ports {
            return;
        }
        let other_source = key.source != self.caller;
        if other_source && !self.proxies.contains(&key.source) {
            self.proxies.push(key.source);
        }
        let forwarded = (other_source || key.branch == self.last_branch)
            && key.destination != self.caller
            && key.destination != self.called
            && !self.proxies.contains(&key.destination);
        if forwarded && !(key.source == self.caller && self.all_forked_from(key.source)) {
            self.proxies.push(self.called);
            self.called = key.destination;
        }
        self.last_branch = key.branch;
    }

    /// Whether every INVITE from `source` went to another number on another branch.
    fn all_forked_from(&self, source: Endpoint) -> bool {
        if self.hops.len() < 2 {
            return false;
        }
        let from: Vec<&Hop<'_>> = self.hops.iter().filter(|hop| hop.source == source).collect();
        for (index, first) in from.iter().enumerate() {
            if from[index + 1..]
                .iter()
                .any(|second| first.called == second.called || first.branch == second.branch)
            {
                return false;
            }
        }
        !from.is_empty()
    }

    /// A 2xx to an INVITE confirms the hop that it answers.
    pub(super) fn confirm(&mut self, response: &FactKey<'_>) {
        for hop in self.hops.iter_mut() {
            if hop.source == response.destination && hop.destination == response.source {
                hop.confirmed = true;
            }
        }
    }

    /// The side that sent a message, by the pairs of addresses known so far; absent when unknown.
    /// `learn` adds the message's own pair: `Some(true)` as sent by the caller, `Some(false)` by the
    /// called one.
    pub(super) fn sender(&mut self, key: &FactKey<'_>, learn: Option<bool>) -> Option<Side> {
        let found = self.known_sender(key);
        if found.is_some() || self.directions.len() >= DIRECTION_PAIRS_MAX {
            return found.or_else(|| {
                (self.directions.len() >= DIRECTION_PAIRS_MAX).then_some(Side::Callee)
            });
        }
        match learn {
            Some(true) => {
                self.directions.push((key.source, key.destination));
                Some(Side::Caller)
            }
            Some(false) => {
                self.directions.push((key.destination, key.source));
                Some(Side::Callee)
            }
            None => None,
        }
    }

    fn known_sender(&self, key: &FactKey<'_>) -> Option<Side> {
        let matches = |from: Endpoint, to: Endpoint, pair: (Endpoint, Endpoint)| {
            pair.0.address == from.address
                && pair.1.address == to.address
                && (pair.0.address != pair.1.address
                    || (pair.0.port == from.port && pair.1.port == to.port))
        };
        let side = |pair: &(Endpoint, Endpoint)| {
            if matches(key.source, key.destination, *pair) {
                return Some(Side::Caller);
            }
            matches(key.destination, key.source, *pair).then_some(Side::Callee)
        };
        // The first pair tells as a rule.
        let first = self.directions.first().and_then(side);
        first.or_else(|| self.directions.iter().skip(1).find_map(side))
    }

    /// The side of an address, when pairs tell nothing.
    pub(super) fn side_of(&self, endpoint: Endpoint) -> Option<Side> {
        if endpoint.address == self.caller.address {
            return Some(Side::Caller);
        }
        let first_called = self.directions.first().map(|pair| pair.1.address);
        (first_called == Some(endpoint.address) || endpoint.address == self.called.address)
            .then_some(Side::Callee)
    }

    /// Whether a packet from `key` shows that both directions are captured (`check_reset_oneway`).
    pub(super) fn shows_other_direction(&self, key: &FactKey<'_>) -> bool {
        let first = self.directions.first().copied().unwrap_or((self.caller, self.called));
        let other = key.source.address != first.0.address
            || (first.0.address == first.1.address && key.source.port != first.0.port);
        other
            && !self
                .hops
                .iter()
                .any(|hop| hop.source == key.source && hop.destination == key.destination)
    }

    /// Registers the SDP of an INVITE (`ip_port`).
    pub(super) fn offer(&mut self, key: &FactKey<'l>, called: &'l [u8]) {
        let known = self.offers.iter().any(|offer| {
            offer.source == key.source && offer.called == called && offer.branch == key.branch
        });
        if !known {
            self.offers.push(Offer {
                source: key.source,
                called,
                branch: key.branch,
                cancelled: false,
            });
        }
    }

    /// Whether the caller forked by itself: two SDPs with other numbers and other branches
    /// (`is_multiple_to_branch`).
    pub(super) fn forks(&self) -> bool {
        let from_caller = |offer: &&Offer<'_>| {
            offer.source.address == self.caller.address
                && !offer.called.is_empty()
                && !offer.branch.is_empty()
        };
        self.offers.len() > 1
            && self.offers.iter().filter(from_caller).any(|first| {
                self.offers
                    .iter()
                    .filter(from_caller)
                    .any(|second| first.called != second.called && first.branch != second.branch)
            })
    }

    /// Marks the branch that a CANCEL or a final failure ended.
    pub(super) fn cancel_branch(&mut self, caller: Endpoint, called: &[u8], branch: ViaBranch<'_>) {
        for offer in self.offers.iter_mut() {
            if offer.source.address == caller.address
                && offer.branch == branch
                && offer.called == called
            {
                offer.cancelled = true;
            }
        }
    }

    /// The called number of the INVITE that went out with this Via branch.
    pub(super) fn called_of_branch(&self, branch: ViaBranch<'_>) -> Option<&'l [u8]> {
        let offered = self.offers.iter().find(|offer| offer.branch == branch);
        offered.map(|offer| offer.called)
    }

    /// Whether all branches of a fork are ended.
    pub(super) fn all_branches_cancelled(&self) -> bool {
        self.offers
            .iter()
            .filter(|offer| !offer.called.is_empty() && !offer.branch.is_empty())
            .all(|offer| offer.cancelled)
    }

    /// Whether the branch to `called` was cancelled.
    pub(super) fn is_cancelled(&self, called: &[u8]) -> bool {
        self.offers.iter().any(|offer| {
            offer.source.address == self.caller.address && offer.called == called && offer.cancelled
        })
    }

    /// The called number of a branch that was not cancelled.
    pub(super) fn called_not_cancelled(&self) -> Option<&'l [u8]> {
        self.offers
            .iter()
            .find(|offer| {
                offer.source.address == self.caller.address
                    && !offer.called.is_empty()
                    && !offer.cancelled
            })
            .map(|offer| offer.called)
    }

    /// `sipcallerip` and `sipcalledip` as they are saved: where some hops were never answered, the
    /// called address comes from the answered ones alone (`prepareSipIpForSave`).
    pub(super) fn caller_and_called(&self) -> (Endpoint, Endpoint) {
        if self.hops.iter().all(|hop| hop.confirmed) {
            return (self.caller, self.called);
        }
        (self.caller, self.called_of_confirmed().unwrap_or(self.called))
    }

    fn called_of_confirmed(&self) -> Option<Endpoint> {
        let mut found: Option<(Endpoint, Endpoint)> = None;
        let mut proxies: Vec<Endpoint> = Vec::new();
        for hop in self.hop_order.iter().filter_map(|index| self.hops.get(*index)) {
            if !hop.confirmed {
                continue;
            }
            let (source, destination) = *found.get_or_insert((hop.source, hop.destination));
            if hop.source != source && !proxies.contains(&hop.source) {
                proxies.push(hop.source);
            }
            if hop.destination != source
                && hop.destination != destination
                && !proxies.contains(&hop.destination)
                && !(hop.source == source && self.all_forked_from(hop.source))
            {
                proxies.push(destination);
                found = Some((source, hop.destination));
            }
        }
        found.map(|(_, destination)| destination)
    }
}
