//! What one packet does to an open call (`process_packet_sip_call`, sniff.cpp:5040-6075).

use super::super::cdr::Side;
use super::super::fact::{FactKey, InviteParties, MessageKind};
use super::super::numbers;
use super::Rules;
use super::addresses::InvitePath;
use super::call::OpenCall;
use crate::base::limits::IN_DIALOG_CSEQS_MAX;
use crate::base::spans::Span;
use crate::base::{CaptureTime, NS_PER_S};
use crate::sip::Method;

/// After a BYE without its 200 (facts C, table of `destroy_call_at`).
const CLOSE_AFTER_BYE_S: i64 = 60;
/// After a CANCEL.
const CLOSE_AFTER_CANCEL_S: i64 = 10;
/// After a challenge (401, 407) or 501.
const CLOSE_AFTER_CHALLENGE_S: i64 = 60;
/// After a 481 to an INVITE.
const CLOSE_AFTER_481_S: i64 = 180;
/// Any later packet moves an armed timer at least so far.
const EXTENSION_S: i64 = 5;
/// The same while the last response is 487.
const EXTENSION_AFTER_487_S: i64 = 15;

impl<'l> OpenCall<'l> {
    /// One message; `parties` are the numbers of an INVITE, absent for other messages.
    pub(super) fn message(
        &mut self,
        key: &FactKey<'l>,
        parties: Option<&InviteParties<'l>>,
        time: CaptureTime,
        rules: Rules<'_>,
    ) {
        let invite = parties.map(|parties| {
            let same = self.invite_cseq.is_none_or(|first| first == cseq(key));
            (parties, self.addresses.invite_path(key, parties.to_user, same))
        });
        let path = invite.map(|(_, path)| path);
        if self.one_way && self.addresses.shows_other_direction(key) {
            self.one_way = false;
        }
        let sender = self.sender(key, path);
        let number = response_number(key);
        self.extend_timer(time, number, rules);
        self.last_signal = self.last_signal.max(time);
        if key.kind == MessageKind::Request(Method::Cancel) {
            self.last_response_from_cancel = true;
        }
        if number != 0 {
            self.take_last_response(number, cseq(key), rules);
        }
        match key.kind {
            MessageKind::Request(Method::Invite) => {
                if let Some((parties, path)) = invite {
                    self.invite(key, parties, path, rules);
                }
            }
            MessageKind::Request(Method::Bye) => self.bye_request(key, time, sender, rules),
            MessageKind::Request(Method::Cancel) => self.cancel(key, time),
            MessageKind::Request(_) => {}
            MessageKind::Response(status) => self.response(key, status, time, sender, rules),
        }
    }

    fn sender(&mut self, key: &FactKey<'_>, path: Option<InvitePath>) -> Option<Side> {
        let learn = match (key.kind, path) {
            (_, Some(path)) => (!path.known && !path.reverse).then_some(true),
            (MessageKind::Response(180..=189), None) => Some(false),
            (MessageKind::Response(200..=299), None) if key.cseq_method == Method::Invite => {
                Some(false)
            }
            _ => None,
        };
        // Only a BYE and its 2xx ask for the sender.
        let is_asked = match key.kind {
            MessageKind::Request(method) => method == Method::Bye,
            MessageKind::Response(status) => status / 100 == 2 && key.cseq_method == Method::Bye,
        };
        if learn.is_some() || is_asked { self.addresses.sender(key, learn) } else { None }
    }

    /// `shift_destroy_call_at`: any packet of the call moves an armed timer.
    fn extend_timer(&mut self, time: CaptureTime, number: u16, rules: Rules<'_>) {
        let Some(close_at_s) = self.close_at_s else { return };
        let extension_s = if self.bye_confirmed {
            rules.timing.close_after_bye_confirmed_ns / NS_PER_S
        } else if self.seen_bye {
            CLOSE_AFTER_BYE_S
        } else if number == 487 || self.last_response == 487 {
            EXTENSION_AFTER_487_S
        } else {
            EXTENSION_S
        };
        self.close_at_s = Some(close_at_s.max(time.floor_seconds() + extension_s));
    }

    fn invite(
        &mut self,
        key: &FactKey<'l>,
        parties: &InviteParties<'l>,
        path: InvitePath,
        rules: Rules<'_>,
    ) {
        self.seen_bye = false;
        self.bye_confirmed = false;
        self.bye_confirmed_at = None;
        self.merged_bye_confirmed(None);
        self.close_at_s = None;
        self.bye_stop_at_s = None;
        self.bye_confirmed_stop_at_s = None;
        if self.last_response == 487 {
            self.invite_after_487 = true;
        }
        let from_caller = key.source.address == self.addresses.caller().address;
        let overlap = rules.numbers.overlap_dialling && from_caller;
        if (overlap || rules.numbers.last_destination_number) && !path.reverse {
            let called = numbers::called(parties, rules.numbers);
            if called != self.caller {
                self.called = called;
            }
        }
        if key.to_tag.is_empty() && !self.from_tags.contains(&key.from_tag) {
            self.from_tags.push(key.from_tag);
        }
        self.remember_invite_cseq(key);
        if key.has_sdp {
            self.addresses.offer(key, parties.to_user);
        }
        self.addresses.follow_invite(key, path);
    }

    fn remember_invite_cseq(&mut self, key: &FactKey<'_>) {
        let cseq = cseq(key);
        match self.invite_cseq {
            None => self.invite_cseq = Some(cseq),
            Some(first) if first == cseq => {}
            Some(_) if key.to_tag.is_empty() => {
                if !self.invite_cseqs_next.contains(&cseq) {
                    self.invite_cseqs_next.push(cseq);
                }
            }
            Some(_) => {
                self.invite_cseqs_in_dialog.push(cseq);
                if self.invite_cseqs_in_dialog.len() > IN_DIALOG_CSEQS_MAX {
                    self.invite_cseqs_in_dialog.remove(0);
                }
            }
        }
    }

    fn bye_request(
        &mut self,
        key: &FactKey<'_>,
        time: CaptureTime,
        sender: Option<Side>,
        rules: Rules<'_>,
    ) {
        let now_s = time.floor_seconds();
        if self.may_arm_timer() {
            self.close_at_s = Some(now_s + CLOSE_AFTER_BYE_S);
            self.bye_stop_at_s = Some(now_s + rules.timing.bye_timeout_ns / NS_PER_S);
        }
        let cseq = cseq(key);
        if !self.bye_cseqs.contains(&cseq) {
            self.bye_cseqs.push(cseq);
        }
        self.seen_bye = true;
        if let Some(side) = sender.or_else(|| self.addresses.side_of(key.source)) {
            self.hung_up_by = Some(side);
        }
    }

    fn cancel(&mut self, key: &FactKey<'_>, time: CaptureTime) {
        let forks = self.addresses.forks();
        if forks && let Some(called) = self.called_of_branch(key) {
            self.addresses.cancel_branch(key.source, called, key.branch);
        }
        let is_over = !forks || self.addresses.all_branches_cancelled();
        if is_over && self.may_arm_timer() {
            self.close_at_s = Some(time.floor_seconds() + CLOSE_AFTER_CANCEL_S);
        }
        self.cancel_cseq = Some(cseq(key));
    }

    /// The called number of the INVITE with this Via branch; a CANCEL and a response repeat the
    /// branch of their INVITE (RFC 3261 section 9.1).
    fn called_of_branch(&self, key: &FactKey<'_>) -> Option<&'l [u8]> {
        self.addresses.called_of_branch(key.branch)
    }

    fn response(
        &mut self,
        key: &FactKey<'_>,
        status: u16,
        time: CaptureTime,
        sender: Option<Side>,
        rules: Rules<'_>,
    ) {
        match status {
            200..=299 if !key.auth_failed => self.success(key, time, sender, rules),
            180..=189 => {
                self.seen_18x = true;
                self.progressed.get_or_insert(time);
                self.close_at_s = None;
                self.bye_stop_at_s = None;
                self.bye_confirmed_stop_at_s = None;
            }
            200..=699 if key.cseq_method == Method::Invite => {
                self.failure(key, status, time, rules);
            }
            481 if key.cseq_method == Method::Prack => self.failure(key, status, time, rules),
            _ => {}
        }
    }

    fn success(
        &mut self,
        key: &FactKey<'_>,
        time: CaptureTime,
        sender: Option<Side>,
        rules: Rules<'_>,
    ) {
        let cseq = cseq(key);
        let to_bye = key.cseq_method == Method::Bye && self.bye_cseqs.contains(&cseq);
        self.seen_2xx = true;
        if !to_bye {
            self.seen_2xx_not_to_bye = true;
            self.progressed.get_or_insert(time);
        }
        if to_bye {
            self.bye_ok(key, time, sender, rules);
        } else if key.cseq_method == Method::Invite && self.knows_invite(cseq) {
            self.addresses.confirm(key);
            self.invite_ok = true;
            self.bye_confirmed_once = false;
            self.connected.get_or_insert(time);
        }
    }

    fn knows_invite(&self, cseq: super::call::CSeq) -> bool {
        self.invite_cseq == Some(cseq)
            || self.invite_cseqs_next.contains(&cseq)
            || self.invite_cseqs_in_dialog.contains(&cseq)
    }

    fn bye_ok(
        &mut self,
        key: &FactKey<'_>,
        time: CaptureTime,
        sender: Option<Side>,
        rules: Rules<'_>,
    ) {
        let loser = self.addresses.forks()
            && self.called_of_branch(key).is_some_and(|called| self.addresses.is_cancelled(called));
        if loser {
            return;
        }
        self.bye_confirmed = true;
        self.bye_confirmed_once = true;
        self.bye_confirmed_at.get_or_insert(time);
        self.merged_bye_confirmed(Some(time));
        // The one who confirms did not hang up.
        let hung_up_by = match sender {
            Some(Side::Caller) => Some(Side::Callee),
            Some(Side::Callee) => Some(Side::Caller),
            None => self.addresses.side_of(key.destination),
        };
        if hung_up_by.is_some() {
            self.hung_up_by = hung_up_by;
        }
        if self.timer_applies(cseq(key)) {
            let now_s = time.floor_seconds();
            let wait_s = rules.timing.close_after_bye_confirmed_ns / NS_PER_S;
            self.close_at_s = Some(now_s + wait_s);
            self.bye_confirmed_stop_at_s =
                Some(now_s + rules.timing.bye_confirmed_timeout_ns / NS_PER_S);
        }
    }

    fn failure(&mut self, key: &FactKey<'_>, status: u16, time: CaptureTime, rules: Rules<'_>) {
        let now_s = time.floor_seconds();
        let forks = self.addresses.forks();
        if forks
            && (400..=499).contains(&status)
            && !matches!(status, 401 | 407)
            && let Some(called) = self.called_of_branch(key)
        {
            self.addresses.cancel_branch(key.destination, called, key.branch);
        }
        let applies = self.timer_applies(cseq(key));
        match status {
            481 if applies => self.close_at_s = Some(now_s + CLOSE_AFTER_481_S),
            481 if self.bye_confirmed_once => self.close_at_s = Some(now_s + CLOSE_AFTER_BYE_S),
            // 481 without effect, and 491, which never closes.
            481 | 491 => {}
            401 | 407 | 501 => {
                if self.close_at_s.is_none() && applies {
                    self.close_at_s = Some(now_s + CLOSE_AFTER_CHALLENGE_S);
                }
            }
            _ => {
                if applies && (!forks || self.addresses.all_branches_cancelled()) {
                    let wait_ns = if status == 300 {
                        rules.timing.redirect_response_300_timeout_ns
                    } else {
                        rules.timing.response_default_timeout_ns
                    };
                    self.close_at_s = Some(now_s + wait_ns / NS_PER_S);
                }
            }
        }
    }

    /// A failed re-INVITE does not close the call (`is_enable_set_destroy_call_at_for_call`).
    fn timer_applies(&self, cseq: super::call::CSeq) -> bool {
        !self.invite_cseqs_in_dialog.contains(&cseq) && self.may_arm_timer()
    }

    /// RTP began.
    pub(super) fn rtp(&mut self, span: Span, rules: Rules<'_>) {
        if self.bye_confirmed {
            // `ignore_rtp_after_bye_confirmed`.
            return;
        }
        self.has_rtp = true;
        self.media(span, rules);
    }

    /// RTCP began. It moves the end of the call, but is no RTP for the timeouts.
    pub(super) fn rtcp(&mut self, span: Span, rules: Rules<'_>) {
        if !self.bye_confirmed {
            self.media(span, rules);
        }
    }

    fn media(&mut self, span: Span, rules: Rules<'_>) {
        self.has_media = true;
        self.media_heard(span.first, rules);
        self.media_until = self.media_until.max(Some(span.last));
    }

    /// Media packets were heard up to `time`.
    pub(super) fn media_heard(&mut self, time: CaptureTime, rules: Rules<'_>) {
        if self.bye_confirmed {
            return;
        }
        self.extend_timer(time, 0, rules);
        self.last_media = self.last_media.max(Some(time));
    }
}

fn cseq(key: &FactKey<'_>) -> super::call::CSeq {
    (key.cseq_number, key.cseq_method)
}

/// The number that a message gives to `lastSIPresponseNum`: its status, 487 for a CANCEL, else 0.
const fn response_number(key: &FactKey<'_>) -> u16 {
    match key.kind {
        MessageKind::Response(status) => status,
        MessageKind::Request(Method::Cancel) => 487,
        MessageKind::Request(_) => 0,
    }
}
