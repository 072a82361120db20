//! The kinds of scripted calls: what each shows, and where it comes from.

/// Declares the kinds once: variant, name on the command line, share in the default mix (per mille).
macro_rules! kinds {
    ($($(#[doc = $doc:literal])* $variant:ident = $name:literal, $share:literal;)*) => {
        /// What a scripted call does.
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        pub enum Kind {
            $($(#[doc = $doc])* $variant,)*
        }

        /// All kinds with their shares of the default mix, in per mille; the shares add up to 1000.
        pub const KINDS: &[(Kind, u32)] = &[$((Kind::$variant, $share)),*];

        impl Kind {
            /// The name on the command line and in the truth.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

kinds! {
    /// RFC 3665 section 3.1: answered and hung up.
    Answered = "answered", 360;
    /// RFC 3665 section 3.9: 486.
    Busy = "busy", 40;
    /// RFC 3665 section 3.8: CANCEL and 487.
    NoAnswer = "no-answer", 70;
    /// RFC 3665 section 3.11: 404.
    NotFound = "not-found", 15;
    /// RFC 3261 section 21.5.4: 503.
    Unavailable = "unavailable", 10;
    /// RFC 3261 section 8.1.3.4: 302, then an INVITE with the same Call-ID.
    Redirect = "redirect", 8;
    /// 302, then an INVITE with a new Call-ID.
    RedirectNewCallId = "redirect-new-call-id", 7;
    /// RFC 3665 section 3.3: 407, then an INVITE with credentials.
    Auth = "auth", 60;
    /// RFC 5359 section 2.1: hold and resume by re-INVITE.
    Hold = "hold", 30;
    /// RFC 4028: a long call with session refreshes by re-INVITE.
    SessionTimer = "session-timer", 5;
    /// The BYE was never captured.
    NoBye = "no-bye", 10;
    /// A BYE that nobody answers.
    ByeUnanswered = "bye-unanswered", 5;
    /// Lost packets: INVITE, 200 and BYE sent several times (RFC 3261 section 17).
    Retransmission = "retransmission", 20;
    /// INVITE that nobody answers: Timer B of RFC 3261 section 17.1.1.2.
    Unreachable = "unreachable", 5;
    /// Signalling over TCP.
    Tcp = "tcp", 20;
    /// Signalling and media over IPv6.
    Ipv6 = "ipv6", 10;
    /// A Call-ID used again for another call, minutes later.
    CallIdReuse = "call-id-reuse", 5;
    /// One call seen by two sensors.
    TwoSensors = "two-sensors", 0;
    /// Through a proxy that stays in the path: one Call-ID, two hops.
    Proxied = "proxied", 40;
    /// One Call-ID, two destinations at once: one answers, the other is cancelled.
    ForkParallel = "fork-parallel", 20;
    /// One Call-ID, the first destination does not answer, the second does.
    ForkSerial = "fork-serial", 15;
    /// B2BUA pair whose second leg names the first in X-Call-ID.
    B2buaHeader = "b2bua-header", 35;
    /// B2BUA pair with a Session-ID (RFC 7989).
    B2buaSessionId = "b2bua-session-id", 25;
    /// B2BUA pair with a P-Charging-Vector (RFC 7315).
    B2buaIcid = "b2bua-icid", 20;
    /// B2BUA pair whose second Call-ID is the first with the suffix `_b2b-1`.
    B2buaSuffix = "b2bua-suffix", 25;
    /// B2BUA pair without a common header whose media does not go through the B2BUA.
    B2buaMedia = "b2bua-media", 20;
    /// B2BUA pair with nothing in common but its timing.
    B2buaBare = "b2bua-bare", 20;
    /// B2BUA that rings several extensions, each with its own Call-ID.
    RingGroup = "ring-group", 20;
    /// RFC 5359 section 2.4: REFER, NOTIFY, a new call with Referred-By.
    TransferBlind = "transfer-blind", 15;
    /// RFC 5359 section 2.5: REFER with Replaces, INVITE with Replaces.
    TransferAttended = "transfer-attended", 15;
    /// REFER that is refused: nothing is transferred.
    TransferRefused = "transfer-refused", 5;
    /// RFC 3891 section 1: pickup of a ringing call, Replaces with early-only.
    Pickup = "pickup", 5;
    /// Transfer by BYE with Also (expired draft, still sent by old gateways).
    ByeAlso = "bye-also", 5;
    /// Look-alike: two calls with the same numbers within ten seconds.
    AlikeNumbers = "alike-numbers", 0;
    /// Look-alike: calls of a trunk that all carry one charging identifier.
    AlikeToken = "alike-token", 0;
    /// Look-alike: calls with the nil Session-ID, or with one that all calls of a gateway share.
    AlikeSessionId = "alike-session-id", 0;
    /// Look-alike: media ports that a relay uses again for the next call.
    AlikeMedia = "alike-media", 0;
    /// Look-alike: another caller calls the Contact of a 302.
    AlikeRedirect = "alike-redirect", 0;
    /// Look-alike: another caller calls the target of a blind transfer.
    AlikeTransfer = "alike-transfer", 0;
    /// Look-alike: a dialler calls several numbers at once, as a fork does.
    AlikeDialler = "alike-dialler", 0;
    /// Look-alike: a callback whose In-Reply-To names a call that is over.
    AlikeCallback = "alike-callback", 0;
    /// REGISTER with 401: no call.
    Register = "register", 20;
    /// OPTIONS: no call.
    Options = "options", 10;
    /// MESSAGE: no call.
    Message = "message", 5;
}

impl Kind {
    /// The kind with this name; absent when there is none.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        KINDS.iter().map(|(kind, _)| *kind).find(|kind| kind.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_add_up_and_names_are_unique() {
        assert_eq!(KINDS.iter().map(|(_, share)| share).sum::<u32>(), 1_000);
        for (kind, _) in KINDS {
            assert_eq!(Kind::from_name(kind.name()), Some(*kind));
        }
    }
}
