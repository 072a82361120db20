//! `lastSIPresponseNum`: which response the sniffer keeps (facts C; sniff.cpp:5172-5188).

use super::Rules;
use super::call::{CSeq, OpenCall};
use crate::sip::Method;

impl OpenCall<'_> {
    /// Takes over the number of a response, or the 487 that a CANCEL stands for, if the rules let it.
    pub(super) fn take_last_response(&mut self, number: u16, cseq: CSeq, rules: Rules<'_>) {
        let last = self.last_response;
        let sticky_487 = last == 487
            && !(self.invite_after_487 && number == 200)
            && !(self.last_response_from_cancel && number / 10 == 48);
        let second_5xx = last / 100 == 5 && number / 100 == 5;
        let provisional_after_final = rules.timing.keep_final_last_sip_response
            && last / 100 >= 2
            && number / 100 == 1
            && last != 401
            && last != 407;
        let ok_to_other = number == 200 && !matches!(cseq.1, Method::Invite | Method::Message);
        let to_cancel = self.cancel_cseq == Some(cseq);
        if sticky_487
            || self.invite_ok
            || second_5xx
            || provisional_after_final
            || ok_to_other
            || to_cancel
        {
            return;
        }
        self.last_response = number;
    }
}
