//! What the messages of a leg show, followed while they are scripted: the source of the truth.
//!
//! It sees methods and codes, never bytes, and applies the rules of facts C and run section 2.

use super::script::CdrTruth;
use crate::base::{CaptureTime, Endpoint};
use crate::leg::Side;

/// State of one CDR.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tracker {
    started: Option<CaptureTime>,
    connected: Option<CaptureTime>,
    progressed: Option<CaptureTime>,
    bye: Option<Side>,
    bye_confirmed: Option<CaptureTime>,
    last: CaptureTime,
    last_response: u16,
    invite_after_487: bool,
    has_response: bool,
    has_media: bool,
    source: Option<Endpoint>,
    destination: Option<Endpoint>,
}

impl Tracker {
    /// A request was captured.
    pub(crate) fn request(
        &mut self,
        time: CaptureTime,
        method: &str,
        side: Side,
        source: Endpoint,
        destination: Endpoint,
    ) {
        self.last = self.last.max(time);
        match method {
            "INVITE" => {
                self.started.get_or_insert(time);
                self.source.get_or_insert(source);
                if side == Side::Caller {
                    self.destination = Some(destination);
                }
                self.invite_after_487 |= self.last_response == 487;
            }
            "BYE" => {
                self.bye.get_or_insert(side);
            }
            // A CANCEL counts as 487, unless a 2xx has frozen the result (facts C).
            "CANCEL" if self.connected.is_none() => {
                self.last_response = 487;
                self.invite_after_487 = false;
            }
            _ => {}
        }
    }

    /// A response was captured.
    pub(crate) fn response(&mut self, time: CaptureTime, status: u16, cseq_method: &str) {
        self.last = self.last.max(time);
        self.has_response = true;
        let is_2xx = (200..300).contains(&status);
        if (180..190).contains(&status) || (is_2xx && cseq_method != "BYE") {
            self.progressed.get_or_insert(time);
        }
        if is_2xx && cseq_method == "BYE" && self.bye.is_some() {
            self.bye_confirmed.get_or_insert(time);
        }
        if self.connected.is_none() {
            self.learn_response(status, cseq_method);
        }
        if is_2xx && cseq_method == "INVITE" {
            self.connected.get_or_insert(time);
        }
    }

    /// `lastSIPresponseNum` (facts C), while no 2xx to an INVITE has frozen it.
    fn learn_response(&mut self, status: u16, cseq_method: &str) {
        let old = self.last_response;
        let is_2xx = (200..300).contains(&status);
        let ignored = cseq_method == "CANCEL"
            || (is_2xx && !matches!(cseq_method, "INVITE" | "MESSAGE"))
            || (status < 200 && old >= 200 && !matches!(old, 401 | 407))
            || ((500..600).contains(&status) && (500..600).contains(&old))
            || (old == 487 && !(self.invite_after_487 && status == 200));
        if !ignored {
            self.last_response = status;
        }
    }

    /// Media packets were captured, the last at `time`.
    pub(crate) fn media(&mut self, time: CaptureTime) {
        self.last = self.last.max(time);
        self.has_media = true;
    }

    fn bye_code(&self) -> u8 {
        if !self.has_response {
            101
        } else if self.bye.is_some() && self.progressed.is_none() && self.connected.is_none() {
            106
        } else if self.connected.is_none() {
            0
        } else if self.bye.is_none() {
            1
        } else if self.bye_confirmed.is_none() {
            2
        } else {
            3
        }
    }

    /// The CDR; absent when there was no INVITE.
    pub(crate) fn finish(
        self,
        sensor: &str,
        call_id: &str,
        caller: &str,
        called: &str,
    ) -> Option<CdrTruth> {
        let (started, source) = (self.started?, self.source?);
        let bye = self.bye_code();
        let bye_after_timeout = match bye {
            101 => Some(105),
            1 if self.has_media => Some(104),
            1 => Some(108),
            _ => None,
        };
        Some(CdrTruth {
            sensor: sensor.to_owned(),
            call_id: call_id.to_owned(),
            sequence: 0,
            started_ns: started.ns(),
            connected_ns: self.connected.map(CaptureTime::ns),
            progressed_ns: self.progressed.map(CaptureTime::ns),
            ended_ns: self.bye_confirmed.unwrap_or(self.last).ns(),
            answered: self.connected.is_some(),
            last_response: self.last_response,
            bye,
            bye_after_timeout,
            hung_up_by: self.bye.map(Side::name),
            caller: caller.to_owned(),
            called: called.to_owned(),
            source: source.to_string(),
            destination: self.destination.unwrap_or(source).to_string(),
        })
    }
}
