//! The vendor's rules as data: timing, numbers, and what its capture would have read.
//!
//! Defaults are the compiled defaults of sniffer 2026.04.0 (facts H); `voipmonitor.conf` overrides them.

use crate::base::NS_PER_S;

/// When a call closes, in nanoseconds of capture time (facts C and H).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TimingRules {
    /// `absolute_timeout`, 14400 s; 0 switches it off.
    pub absolute_timeout_ns: i64,
    /// `rtptimeout`, 300 s.
    pub rtp_timeout_ns: i64,
    /// `sipwithoutrtptimeout`, 3600 s.
    pub sip_without_rtp_timeout_ns: i64,
    /// `onewaytimeout`, 15 s.
    pub oneway_timeout_ns: i64,
    /// 300 s without 18x, 2xx and RTP (facts C, close logic 6); no key.
    pub zombie_timeout_ns: i64,
    /// `bye_timeout`, 1200 s.
    pub bye_timeout_ns: i64,
    /// `bye_confirmed_timeout`, 600 s.
    pub bye_confirmed_timeout_ns: i64,
    /// `redirect_response_300_timeout`, 300 s.
    pub redirect_response_300_timeout_ns: i64,
    /// `response_default_timeout`, 5 s.
    pub response_default_timeout_ns: i64,
    /// `ignore_duration_after_bye_confirmed`, yes.
    pub ignore_duration_after_bye_confirmed: bool,
    /// `keep_final_last_sip_response`, yes.
    pub keep_final_last_sip_response: bool,
    /// `quick_save_cdr`: `no` 5 s after the 200 to a BYE, `yes` 1 s, `quick` 0 s.
    pub close_after_bye_confirmed_ns: i64,
}

impl Default for TimingRules {
    fn default() -> Self {
        Self {
            absolute_timeout_ns: 14_400 * NS_PER_S,
            rtp_timeout_ns: 300 * NS_PER_S,
            sip_without_rtp_timeout_ns: 3_600 * NS_PER_S,
            oneway_timeout_ns: 15 * NS_PER_S,
            zombie_timeout_ns: 300 * NS_PER_S,
            bye_timeout_ns: 1_200 * NS_PER_S,
            bye_confirmed_timeout_ns: 600 * NS_PER_S,
            redirect_response_300_timeout_ns: 300 * NS_PER_S,
            response_default_timeout_ns: 5 * NS_PER_S,
            ignore_duration_after_bye_confirmed: true,
            keep_final_last_sip_response: true,
            close_after_bye_confirmed_ns: 5 * NS_PER_S,
        }
    }
}

/// Which numbers become caller and called (facts B).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NumberRules {
    /// `destination_number_mode`: the To header (1, false) or the Request-URI (2, true).
    pub called_from_request_uri: bool,
    /// `sipoverlap`, yes: later INVITEs of the same caller update the called number.
    pub overlap_dialling: bool,
    /// `last_dest_number`, no: any later INVITE updates the called number.
    pub last_destination_number: bool,
    /// `callernum_numberonly`, yes: `;` ends the caller's number.
    pub caller_number_only: bool,
    /// `passertedidentity`, no.
    pub asserted_identity: bool,
    /// `ppreferredidentity`, no.
    pub preferred_identity: bool,
    /// `remotepartyid`, no.
    pub remote_party_id: bool,
    /// `remotepartypriority`, no: Remote-Party-ID before all others.
    pub remote_party_id_first: bool,
    /// `enable_semicolon_in_number`, no.
    pub semicolon_in_number: bool,
}

impl Default for NumberRules {
    fn default() -> Self {
        Self {
            called_from_request_uri: false,
            overlap_dialling: true,
            last_destination_number: false,
            caller_number_only: true,
            asserted_identity: false,
            preferred_identity: false,
            remote_party_id: false,
            remote_party_id_first: false,
            semicolon_in_number: false,
        }
    }
}

/// What the vendor's sniffer reads and writes at all; without a `voipmonitor.conf` everything is counted
/// (design.md section 12, point 15).
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct CaptureRules {
    /// `sipport`, as inclusive ranges; empty: any port, by content.
    pub sip_ports: Vec<(u16, u16)>,
    /// `ipv6 = no` in the configuration: the sniffer drops calls over IPv6.
    pub without_ipv6: bool,
    /// `callidmerge_header`: the header that joins legs in the sniffer; absent when not set.
    pub merge_header: Option<String>,
    /// `callidmerge_secret`: the values of that header are XORed with it and written in base64; absent
    /// when they are plain.
    pub merge_secret: Option<Box<[u8]>>,
    /// `nocdr`: no CDR is ever written.
    pub writes_nothing: bool,
    /// `cdronlyanswered`: unanswered calls are not written.
    pub only_answered: bool,
    /// `cdronlyrtp`: calls without RTP are not written.
    pub only_with_rtp: bool,
    /// `cdr_ignore_response`: last responses that are not written, whole or by their first digits
    /// (4 stands for 400 to 499, 48 for 480 to 489); see [`CaptureRules::ignores_response`].
    pub ignored_responses: Vec<u16>,
}

impl CaptureRules {
    /// Whether `cdr_ignore_response` keeps a CDR with this last response from being written.
    #[must_use]
    pub fn ignores_response(&self, last_response: u16) -> bool {
        self.ignored_responses.iter().any(|ignored| {
            let matches = |shortened: u16| shortened == *ignored;
            match *ignored {
                0..=9 => matches(last_response / 100) || matches(last_response),
                10..=99 => matches(last_response / 10),
                _ => matches(last_response),
            }
        })
    }
}
