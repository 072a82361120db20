//! When a call closes: the sniffer's close logic (facts C), in whole seconds of capture time.

use super::super::events::{Event, Happening};
use super::super::fact::MessageKind;
use super::super::rules::TimingRules;
use super::super::view::SeenMessage;
use super::call::OpenCall;
use super::{Mode, Rules};
use crate::base::{CaptureTime, NS_PER_S};
use crate::sip::Method;

/// Why a call closed. `Timer` is close logic 1, the ordinary end; the others are the timeouts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum CloseReason {
    Timer,
    ByeTimeout,
    RtpTimeout,
    SipWithoutRtp,
    AbsoluteTimeout,
    Zombie,
    OneWayTimeout,
}

/// The shown and the live run do not do the same.
#[derive(Clone, Copy, Debug)]
pub(super) struct Differ;

/// The second of a timer that is not armed.
const NEVER_S: i64 = i64::MAX;

/// A whole number of seconds of a rule; the sniffer's settings have no fractions.
const fn seconds(ns: i64) -> i64 {
    ns / NS_PER_S
}

/// How many whole seconds after a moment the timers are due that packets do not arm; `>` in the sniffer's
/// comparisons becomes one second later.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waits {
    rtp_s: i64,
    sip_without_rtp_s: i64,
    absolute_s: i64,
    zombie_s: i64,
    one_way_s: i64,
}

impl Waits {
    /// By some rules.
    pub(super) const fn of(timing: &TimingRules) -> Self {
        Self {
            rtp_s: seconds(timing.rtp_timeout_ns) + 1,
            sip_without_rtp_s: seconds(timing.sip_without_rtp_timeout_ns) + 1,
            absolute_s: seconds(timing.absolute_timeout_ns) + 1,
            zombie_s: seconds(timing.zombie_timeout_ns) + 1,
            one_way_s: seconds(timing.oneway_timeout_ns) + 1,
        }
    }
}

impl OpenCall<'_> {
    /// Every timer of the call and the second it is due when no further packet comes, in the sniffer's
    /// order (calltable.cpp:13405-13640).
    #[inline]
    fn timers(&self, rules: Rules<'_>) -> [(i64, CloseReason); 7] {
        let (waits, first_s) = (rules.waits, self.started_s);
        let last_s = self.last_packet().floor_seconds();
        let when = |is_armed: bool, moment_s: i64, wait_s: i64| {
            if is_armed { moment_s.saturating_add(wait_s) } else { NEVER_S }
        };
        let bye_stop_s = self.bye_stop_at_s.unwrap_or(NEVER_S);
        let bye_stop_s = bye_stop_s.min(self.bye_confirmed_stop_at_s.unwrap_or(NEVER_S));
        [
            (self.close_at_s.unwrap_or(NEVER_S), CloseReason::Timer),
            (bye_stop_s, CloseReason::ByeTimeout),
            (when(self.has_rtp, last_s, waits.rtp_s), CloseReason::RtpTimeout),
            (when(!self.has_rtp, first_s, waits.sip_without_rtp_s), CloseReason::SipWithoutRtp),
            (when(true, first_s, waits.absolute_s), CloseReason::AbsoluteTimeout),
            (when(self.is_unheard(), first_s, waits.zombie_s), CloseReason::Zombie),
            (when(self.one_way, last_s, waits.one_way_s), CloseReason::OneWayTimeout),
        ]
    }

    const fn is_unheard(&self) -> bool {
        !self.seen_18x && !self.seen_2xx && !self.has_rtp
    }

    /// Whether none of [`Self::timers`] is due by `now_s`.
    #[inline]
    fn is_quiet(&self, now_s: i64, rules: Rules<'_>) -> bool {
        let waits = rules.waits;
        let is_due = |timer_s: Option<i64>| timer_s.is_some_and(|due_s| due_s <= now_s);
        if is_due(self.close_at_s)
            || is_due(self.bye_stop_at_s)
            || is_due(self.bye_confirmed_stop_at_s)
        {
            return false;
        }
        // The earliest of those that count from the call's start.
        let of_media_s = if self.has_rtp { waits.absolute_s } else { waits.sip_without_rtp_s };
        let of_start_s = of_media_s.min(waits.absolute_s);
        let of_start_s =
            if self.is_unheard() { of_start_s.min(waits.zombie_s) } else { of_start_s };
        if self.started_s.saturating_add(of_start_s) <= now_s {
            return false;
        }
        let of_last_s = match (self.has_rtp, self.one_way) {
            (false, false) => return true,
            (true, false) => waits.rtp_s,
            (false, true) => waits.one_way_s,
            (true, true) => waits.rtp_s.min(waits.one_way_s),
        };
        self.last_packet().floor_seconds().saturating_add(of_last_s) > now_s
    }

    /// The first timer that is due when no further packet comes, and its second.
    ///
    /// In the shown run a timer that was already due before the last packet did not close the call.
    fn next_close(&self, mode: Mode, rules: Rules<'_>) -> (i64, CloseReason) {
        let last_s = self.last_packet().floor_seconds();
        let mut earliest = (NEVER_S, CloseReason::AbsoluteTimeout);
        for (due_s, reason) in self.timers(rules) {
            if due_s < earliest.0 && (mode == Mode::Live || due_s > last_s) {
                earliest = (due_s, reason);
            }
        }
        earliest
    }

    /// What both runs do before `event`; they differ where a timeout does something in one alone.
    #[inline]
    pub(super) fn both_before(
        &mut self,
        event: &Event<'_, '_>,
        rules: Rules<'_>,
    ) -> Result<Option<CloseReason>, Differ> {
        // The usual case.
        if self.media_until.is_none() && self.is_quiet(event.time.floor_seconds(), rules) {
            return Ok(None);
        }
        let (shown, live) = self.both_until(event.time, rules)?;
        let shown = shown.filter(|reason| !self.goes_on_with(event, *reason));
        if shown == live { Ok(live) } else { Err(Differ) }
    }

    /// What both runs do at the end of the captures.
    pub(super) fn both_by(
        &mut self,
        horizon: CaptureTime,
        rules: Rules<'_>,
    ) -> Result<Option<CloseReason>, Differ> {
        let (shown, live) = self.both_until(horizon, rules)?;
        if shown == live { Ok(self.or_overdue(live, horizon, rules)) } else { Err(Differ) }
    }

    /// As [`Self::close_until`] in the shown and in the live run, which were the same until now.
    fn both_until(
        &mut self,
        now: CaptureTime,
        rules: Rules<'_>,
    ) -> Result<(Option<CloseReason>, Option<CloseReason>), Differ> {
        if let Some(until) = self.media_until {
            let heard = until.min(now);
            if self.hard_stop(heard, rules).is_some() {
                return Err(Differ);
            }
            self.hear_until(heard, now, rules);
        }
        let now_s = now.floor_seconds();
        if self.is_quiet(now_s, rules) {
            return Ok((None, None));
        }
        let due = |(due_s, reason): (i64, CloseReason)| (due_s <= now_s).then_some(reason);
        // The shown run's timers are among the live run's.
        let live = due(self.next_close(Mode::Live, rules));
        let shown = live.and_then(|_| due(self.next_close(Mode::Shown, rules)));
        Ok((shown, live))
    }

    /// Whether the call closes before `event`, and why.
    pub(super) fn close_before(
        &mut self,
        event: &Event<'_, '_>,
        rules: Rules<'_>,
    ) -> Option<CloseReason> {
        let reason = self.close_until(event.time, rules)?;
        match rules.mode {
            Mode::Live => Some(reason.1),
            Mode::Shown if self.goes_on_with(event, reason.1) => None,
            Mode::Shown => Some(reason.1),
        }
    }

    /// Whether the call closes before or at `horizon`, after which nothing was captured.
    pub(super) fn close_by(
        &mut self,
        horizon: CaptureTime,
        rules: Rules<'_>,
    ) -> Option<CloseReason> {
        let due = self.close_until(horizon, rules).map(|(_, reason)| reason);
        self.or_overdue(due, horizon, rules)
    }

    /// Nothing is due after the last packet, but a timeout was before it: the sniffer's clean-up after
    /// the call would name that one. With a confirmed BYE the packets show its end, and the capture only
    /// stops before its timer is due: in the sniffer's runs such a call has bye 3 however long it was
    /// (run section 2, SIP only for 2 h).
    fn or_overdue(
        &self,
        due: Option<CloseReason>,
        horizon: CaptureTime,
        rules: Rules<'_>,
    ) -> Option<CloseReason> {
        if due.is_some() || self.bye_confirmed {
            return due;
        }
        let horizon_s = horizon.floor_seconds();
        let overdue = |timer: &(i64, CloseReason)| timer.0 <= horizon_s;
        self.timers(rules).into_iter().find(overdue).map(|(_, reason)| reason)
    }

    /// Plays the media that goes on, then looks for the first timer due by `now`.
    pub(super) fn close_until(
        &mut self,
        now: CaptureTime,
        rules: Rules<'_>,
    ) -> Option<(i64, CloseReason)> {
        let now_s = now.floor_seconds();
        if let Some(until) = self.media_until {
            // No pause longer than a span's gap lies in there: only timers that packets do not
            // move (hard stops, the absolute timeout) can be due before its end.
            let heard = until.min(now);
            if rules.mode == Mode::Live
                && let Some((due_s, reason)) = self.hard_stop(heard, rules)
            {
                let cut = CaptureTime::from_parts(due_s, 0).min(heard);
                self.last_media = self.last_media.max(Some(cut));
                return Some((due_s, reason));
            }
            self.hear_until(heard, now, rules);
        }
        let (due_s, reason) = self.next_close(rules.mode, rules);
        (due_s <= now_s).then_some((due_s, reason))
    }

    /// Media goes on until `heard`, the end of its span or `now`.
    fn hear_until(&mut self, heard: CaptureTime, now: CaptureTime, rules: Rules<'_>) {
        self.media_heard(heard, rules);
        if self.media_until.is_some_and(|until| until <= now) {
            self.media_until = None;
        }
    }

    /// The first timer due by `heard` that packets do not move.
    fn hard_stop(&self, heard: CaptureTime, rules: Rules<'_>) -> Option<(i64, CloseReason)> {
        self.timers(rules)
            .into_iter()
            .filter(|(due_s, reason)| {
                *due_s <= heard.floor_seconds()
                    && !matches!(
                        reason,
                        CloseReason::Timer | CloseReason::RtpTimeout | CloseReason::OneWayTimeout
                    )
            })
            .min_by_key(|(due_s, _)| *due_s)
    }

    /// Whether the packets show that the call went on although a timer was due.
    ///
    /// A confirmed BYE ends a call, and so does a final failure, unless another branch of the fork
    /// rings on or answers: the timer that the first failure armed cuts such a call in the live
    /// sniffer alone (facts N.1). Otherwise the sniffer's own cut is no end that
    /// the packets show, unless what follows opens another dialog: an INVITE without To-tag and with a
    /// From-tag of its own.
    fn goes_on_with(&self, event: &Event<'_, '_>, reason: CloseReason) -> bool {
        let dialog_is_up = self.invite_ok && !self.seen_bye;
        let opens_another = match event.happening {
            Happening::Message(SeenMessage { key, .. }) => {
                key.kind == MessageKind::Request(Method::Invite)
                    && key.to_tag.is_empty()
                    && !self.from_tags.contains(&key.from_tag)
            }
            Happening::Rtp(_) | Happening::Rtcp(_) => false,
        };
        if opens_another {
            return false;
        }
        let branch_is_up = match event.happening {
            Happening::Message(SeenMessage { key, .. }) => {
                matches!(key.kind, MessageKind::Response(101..300))
                    && key.cseq_method == Method::Invite
                    && self.from_tags.contains(&key.from_tag)
            }
            Happening::Rtp(_) | Happening::Rtcp(_) => false,
        };
        match reason {
            CloseReason::Timer => dialog_is_up || (branch_is_up && !self.seen_bye),
            CloseReason::ByeTimeout => dialog_is_up,
            _ => !self.bye_confirmed,
        }
    }
}
