//! Caller and called number by the vendor's rules (facts B; sniff.cpp:3572-3727).

use super::fact::InviteParties;
use super::rules::NumberRules;

/// The calling number: From, unless the rules prefer another header that is there.
///
/// An anonymous From gives way to Remote-Party-ID even when `remotepartyid` is off, and to
/// P-Asserted-Identity and P-Preferred-Identity where their options are on (sniff.cpp:3632-3660).
#[must_use]
pub fn caller<'l>(parties: &InviteParties<'l>, rules: &NumberRules) -> &'l [u8] {
    let asserted = wanted(parties.asserted_user, rules.asserted_identity);
    let preferred = wanted(parties.preferred_user, rules.preferred_identity);
    let remote = wanted(parties.remote_party_user, rules.remote_party_id);
    let first_choice = if rules.remote_party_id_first {
        // The vendor looks for a misspelt P-Asserted-Identity here, so it never matches.
        remote.or(preferred)
    } else {
        asserted.or(preferred).or(remote)
    };
    let chosen = first_choice.unwrap_or(parties.from_user);
    let chosen = if first_choice.is_none() && is_anonymous(parties.from_user) {
        wanted(parties.remote_party_user, true).unwrap_or(chosen)
    } else {
        chosen
    };
    if rules.caller_number_only { before_semicolon(chosen) } else { chosen }
}

/// The called number: To, or the Request-URI with `destination_number_mode = 2`.
#[must_use]
pub fn called<'l>(parties: &InviteParties<'l>, rules: &NumberRules) -> &'l [u8] {
    let request = wanted(parties.request_user, rules.called_from_request_uri);
    request.unwrap_or(parties.to_user)
}

fn wanted(user: &[u8], option: bool) -> Option<&[u8]> {
    (option && !user.is_empty()).then_some(user)
}

fn is_anonymous(user: &[u8]) -> bool {
    user.eq_ignore_ascii_case(b"anonymous")
}

fn before_semicolon(user: &[u8]) -> &[u8] {
    let end = user.iter().position(|byte| *byte == b';').unwrap_or(user.len());
    &user[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parties<'t>(from: &'t str, asserted: &'t str, remote: &'t str) -> InviteParties<'t> {
        InviteParties {
            from_user: from.as_bytes(),
            asserted_user: asserted.as_bytes(),
            remote_party_user: remote.as_bytes(),
            to_user: b"2002",
            request_user: b"3003",
            ..InviteParties::default()
        }
    }

    #[test]
    fn caller_by_rule() {
        let vendor = NumberRules::default();
        let asserting = NumberRules { asserted_identity: true, ..NumberRules::default() };
        let check = |parties: &InviteParties<'_>, rules: &NumberRules, expect: &str| {
            assert_eq!(caller(parties, rules), expect.as_bytes());
        };
        check(&parties("1001", "9", "8"), &vendor, "1001");
        check(&parties("1001;phone-context=x", "", ""), &vendor, "1001");
        check(&parties("1001", "9", "8"), &asserting, "9");
        check(&parties("1001", "", "8"), &asserting, "1001");
        check(&parties("Anonymous", "9", "8"), &vendor, "8");
        check(&parties("anonymous", "9", ""), &vendor, "anonymous");
    }

    #[test]
    fn called_by_rule() {
        let request = NumberRules { called_from_request_uri: true, ..NumberRules::default() };
        assert_eq!(called(&parties("1", "", ""), &NumberRules::default()), b"2002");
        assert_eq!(called(&parties("1", "", ""), &request), b"3003");
    }
}
