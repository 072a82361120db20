//! A call that is open, and the part of a leg that it becomes when it closes.

use super::super::cdr::{Bye, Side};
use super::super::fact::FactKey;
use super::super::fact::InviteParties;
use super::super::numbers;
use super::Rules;
use super::addresses::Addresses;
use super::close::CloseReason;
use super::few::Few;
use crate::base::{CaptureTime, Endpoint};
use crate::sip::Method;
use std::collections::BTreeMap;

/// CSeq number and method: what the sniffer compares to tie a response to its request.
pub(super) type CSeq = (u32, Method);

/// A closed call: the content of one CDR.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Part<'l> {
    pub(super) started: CaptureTime,
    pub(super) ended: CaptureTime,
    pub(super) connected: Option<CaptureTime>,
    pub(super) progressed: Option<CaptureTime>,
    pub(super) caller: &'l [u8],
    pub(super) called: &'l [u8],
    pub(super) source: Endpoint,
    pub(super) destination: Endpoint,
    pub(super) last_response: u16,
    pub(super) bye: Bye,
    pub(super) hung_up_by: Option<Side>,
    pub(super) has_media: bool,
}

/// The sniffer's structure of a call in memory, as far as a CDR depends on it. Names of flags follow
/// the facts (section C); seconds are whole seconds since the epoch, as the sniffer compares them.
#[derive(Clone, Debug)]
pub(super) struct OpenCall<'l> {
    pub(super) started: CaptureTime,
    /// The second in which it started.
    pub(super) started_s: i64,
    pub(super) addresses: Addresses<'l>,
    pub(super) caller: &'l [u8],
    pub(super) called: &'l [u8],
    /// From tags of INVITEs that opened a dialog in this call.
    pub(super) from_tags: Few<&'l [u8], 2>,
    pub(super) invite_cseq: Option<CSeq>,
    pub(super) invite_cseqs_next: Vec<CSeq>,
    pub(super) invite_cseqs_in_dialog: Vec<CSeq>,
    pub(super) bye_cseqs: Few<CSeq, 2>,
    pub(super) cancel_cseq: Option<CSeq>,
    pub(super) last_response: u16,
    pub(super) last_response_from_cancel: bool,
    pub(super) invite_after_487: bool,
    pub(super) invite_ok: bool,
    pub(super) seen_bye: bool,
    pub(super) bye_confirmed: bool,
    pub(super) bye_confirmed_once: bool,
    pub(super) bye_confirmed_at: Option<CaptureTime>,
    pub(super) seen_18x: bool,
    pub(super) seen_2xx: bool,
    pub(super) seen_2xx_not_to_bye: bool,
    pub(super) connected: Option<CaptureTime>,
    pub(super) progressed: Option<CaptureTime>,
    pub(super) hung_up_by: Option<Side>,
    pub(super) one_way: bool,
    pub(super) last_signal: CaptureTime,
    pub(super) last_media: Option<CaptureTime>,
    /// End of the media span that goes on now.
    pub(super) media_until: Option<CaptureTime>,
    pub(super) has_rtp: bool,
    pub(super) has_media: bool,
    /// `destroy_call_at`.
    pub(super) close_at_s: Option<i64>,
    /// The earlier of `destroy_call_at_bye` and `destroy_call_at_bye_confirmed`.
    pub(super) bye_stop_at_s: Option<i64>,
    pub(super) bye_confirmed_stop_at_s: Option<i64>,
    /// `mergecalls`: legs that a merge header joined, by their place in the family, each with the
    /// moment its BYE was confirmed.
    pub(super) merged_legs: BTreeMap<usize, Option<CaptureTime>>,
    /// The merged leg whose packet is looked at; absent for a packet of the call's own Call-ID.
    pub(super) merged_now: Option<usize>,
}

impl<'l> OpenCall<'l> {
    /// Opens a call with its first INVITE.
    #[inline]
    pub(super) fn new(
        key: &FactKey<'l>,
        parties: &InviteParties<'l>,
        time: CaptureTime,
        rules: Rules<'_>,
    ) -> Self {
        Self {
            started: time,
            started_s: time.floor_seconds(),
            addresses: Addresses::new(key),
            caller: numbers::caller(parties, rules.numbers),
            called: numbers::called(parties, rules.numbers),
            from_tags: Few::new(),
            invite_cseq: None,
            invite_cseqs_next: Vec::new(),
            invite_cseqs_in_dialog: Vec::new(),
            bye_cseqs: Few::new(),
            cancel_cseq: None,
            last_response: 0,
            last_response_from_cancel: false,
            invite_after_487: false,
            invite_ok: false,
            seen_bye: false,
            bye_confirmed: false,
            bye_confirmed_once: false,
            bye_confirmed_at: None,
            seen_18x: false,
            seen_2xx: false,
            seen_2xx_not_to_bye: false,
            connected: None,
            progressed: None,
            hung_up_by: None,
            one_way: true,
            last_signal: time,
            last_media: None,
            media_until: None,
            has_rtp: false,
            has_media: false,
            close_at_s: None,
            bye_stop_at_s: None,
            bye_confirmed_stop_at_s: None,
            merged_legs: BTreeMap::new(),
            merged_now: None,
        }
    }

    /// Once a leg was merged, only packets of merged legs arm or disarm the close timer
    /// (`has_second_merged_leg` in `is_enable_set_destroy_call_at_for_call`, facts A.7).
    pub(super) fn may_arm_timer(&self) -> bool {
        self.merged_legs.is_empty() || self.merged_now.is_some()
    }

    /// The BYE of the merged leg that is looked at was confirmed at `time`, or is no more: a new
    /// INVITE of it takes that back. Nothing for a packet of the call's own Call-ID.
    pub(super) fn merged_bye_confirmed(&mut self, time: Option<CaptureTime>) {
        if let Some(leg) = self.merged_now
            && let Some(confirmed) = self.merged_legs.get_mut(&leg)
        {
            *confirmed = time.and(confirmed.or(time));
        }
    }

    /// The last packet of any kind (`get_last_packet_time_us`).
    pub(super) fn last_packet(&self) -> CaptureTime {
        self.last_media.map_or(self.last_signal, |media| media.max(self.last_signal))
    }

    /// `getSeenByeAndOkTimeUS`: with merged legs the last of their confirmed BYEs, where all have one;
    /// the call's own does not count then.
    fn all_byes_confirmed_at(&self) -> Option<CaptureTime> {
        if self.merged_legs.is_empty() {
            return self.bye_confirmed_at;
        }
        let all = self.merged_legs.values().copied().collect::<Option<Vec<CaptureTime>>>()?;
        all.into_iter().max()
    }

    /// `get_last_time_us`: the 200 to the BYE, or the last packet.
    fn ended(&self, rules: Rules<'_>) -> CaptureTime {
        match self.all_byes_confirmed_at() {
            Some(at) if rules.timing.ignore_duration_after_bye_confirmed && at > self.started => at,
            _ => self.last_packet(),
        }
    }

    /// The column `bye`, in the order of calltable.cpp:7380-7406.
    fn bye(&self, reason: Option<CloseReason>) -> Bye {
        let by_timeout = match reason {
            Some(CloseReason::AbsoluteTimeout) => Some(Bye::AbsoluteTimeout),
            Some(CloseReason::ByeTimeout) => Some(Bye::ByeTimeout),
            Some(CloseReason::RtpTimeout) => Some(Bye::RtpTimeout),
            Some(CloseReason::OneWayTimeout) => Some(Bye::OneWayTimeout),
            Some(CloseReason::Zombie) => Some(Bye::Zombie),
            Some(CloseReason::SipWithoutRtp) => Some(Bye::SipWithoutRtp),
            Some(CloseReason::Timer) | None => None,
        };
        if let Some(bye) = by_timeout {
            return bye;
        }
        if self.one_way {
            return Bye::OneWay;
        }
        if !self.seen_2xx_not_to_bye && !self.seen_18x && self.seen_bye {
            return Bye::ByeWithoutProgress;
        }
        match (self.invite_ok, self.seen_bye, self.bye_confirmed) {
            (false, ..) => Bye::Unanswered,
            (true, false, _) => Bye::AnsweredWithoutBye,
            (true, true, false) => Bye::ByeUnconfirmed,
            (true, true, true) => Bye::ByeConfirmed,
        }
    }

    /// What it is when it closes.
    pub(super) fn part(&self, reason: Option<CloseReason>, rules: Rules<'_>) -> Part<'l> {
        let bye = self.bye(reason);
        let ended = self.ended(rules);
        let (source, destination) = self.addresses.caller_and_called();
        // A fork by the caller itself shows the number of a branch that was not cancelled.
        let called = if self.addresses.forks() && self.addresses.is_cancelled(self.called) {
            self.addresses.called_not_cancelled().unwrap_or(self.called)
        } else {
            self.called
        };
        Part {
            started: self.started,
            ended,
            connected: self.connected,
            progressed: self.progressed,
            source,
            destination,
            last_response: self.last_response,
            bye,
            hung_up_by: self.hung_up_by,
            has_media: self.has_media,
            caller: self.caller,
            called,
        }
    }
}
