//! Tables of `voipmonitor.conf` lines and what they mean.

use super::*;
use crate::base::NS_PER_S;

fn parse(text: &str) -> Result<VoipmonitorConf, ConfError> {
    VoipmonitorConf::parse(text.as_bytes(), Path::new("voipmonitor.conf"))
}

/// Lines in, what differs from a configuration without any key out.
fn check(text: &str, change: impl FnOnce(&mut VoipmonitorConf)) {
    let mut expected = parse("").unwrap();
    change(&mut expected);
    assert_eq!(parse(text).unwrap(), expected, "{text:?}");
}

#[test]
fn timing_keys() {
    check("absolute_timeout = 60", |c| c.timing.absolute_timeout_ns = 60 * NS_PER_S);
    check("absolute_timeout = 0", |c| c.timing.absolute_timeout_ns = 0);
    check("rtptimeout=61", |c| c.timing.rtp_timeout_ns = 61 * NS_PER_S);
    check("sipwithoutrtptimeout = 62 # short", |c| {
        c.timing.sip_without_rtp_timeout_ns = 62 * NS_PER_S;
    });
    check("onewaytimeout = 63", |c| c.timing.oneway_timeout_ns = 63 * NS_PER_S);
    check("bye_timeout = 64", |c| c.timing.bye_timeout_ns = 64 * NS_PER_S);
    check("bye_confirmed_timeout = 65", |c| c.timing.bye_confirmed_timeout_ns = 65 * NS_PER_S);
    check("redirect_response_300_timeout = 66", |c| {
        c.timing.redirect_response_300_timeout_ns = 66 * NS_PER_S;
    });
    check("response_default_timeout = 67", |c| {
        c.timing.response_default_timeout_ns = 67 * NS_PER_S;
    });
    check("ignore_duration_after_bye_confirmed = no", |c| {
        c.timing.ignore_duration_after_bye_confirmed = false;
    });
    check("keep_final_last_sip_response = n", |c| {
        c.timing.keep_final_last_sip_response = false;
    });
    check("quick_save_cdr = quick", |c| c.timing.close_after_bye_confirmed_ns = 0);
    check("quick_save_cdr = yes", |c| c.timing.close_after_bye_confirmed_ns = NS_PER_S);
    check("quick_save_cdr = no", |_| {});
}

#[test]
fn number_keys() {
    check("destination_number_mode = 2", |c| c.numbers.called_from_request_uri = true);
    check("destination_number_mode = 1", |_| {});
    check("sipoverlap = no", |c| c.numbers.overlap_dialling = false);
    check("last_dest_number = yes", |c| c.numbers.last_destination_number = true);
    check("callernum_numberonly = no", |c| c.numbers.caller_number_only = false);
    check("passertedidentity = 1", |c| c.numbers.asserted_identity = true);
    check("ppreferredidentity = Y", |c| c.numbers.preferred_identity = true);
    check("remotepartyid = yes", |c| c.numbers.remote_party_id = true);
    check("remotepartypriority = yes", |c| c.numbers.remote_party_id_first = true);
    check("enable_semicolon_in_number = force", |c| c.numbers.semicolon_in_number = true);
}

#[test]
fn capture_keys() {
    check("", |c| c.capture.sip_ports = vec![(5060, 5060)]);
    check("sipport = 5080", |c| c.capture.sip_ports = vec![(5080, 5080)]);
    check("sipport = 5061,5060;6000-6010\nsipport = 7000", |c| {
        c.capture.sip_ports = vec![(5060, 5060), (5061, 5061), (6000, 6010), (7000, 7000)];
    });
    check("ipv6 = yes", |c| c.capture.without_ipv6 = false);
    check("callidmerge_header = X-CID", |c| c.capture.merge_header = Some("X-CID".to_owned()));
    check("callidmerge_secret = key", |c| c.capture.merge_secret = Some((*b"key").into()));
    check(&format!("callidmerge_secret = {}", "k".repeat(200)), |c| {
        c.capture.merge_secret = Some(vec![b'k'; 127].into());
    });
    check("nocdr = yes", |c| c.capture.writes_nothing = true);
    check("cdronlyanswered = yes", |c| c.capture.only_answered = true);
    check("cdronlyrtp = yes", |c| c.capture.only_with_rtp = true);
    check("cdr_ignore_response = 404, 5;48", |c| c.capture.ignored_responses = vec![404, 5, 48]);
    check("nocdr_for_last_responses = 503", |c| c.capture.ignored_responses = vec![503]);
    let conditional = parse("cdr_ignore_response = 404 ip:10.0.0.1").unwrap();
    assert!(conditional.capture.ignored_responses.is_empty());
    assert!(conditional.warnings[0].contains("voipmonitor.conf:1"), "{:?}", conditional.warnings);
}

#[test]
fn ignored_responses_match_by_their_first_digits() {
    let check = |ignored: u16, response: u16, expect: bool| {
        let rules = CaptureRules { ignored_responses: vec![ignored], ..CaptureRules::default() };
        assert_eq!(rules.ignores_response(response), expect, "{ignored} {response}");
    };
    check(4, 404, true);
    check(4, 503, false);
    check(48, 486, true);
    check(48, 404, false);
    check(404, 404, true);
    check(0, 0, true);
    check(0, 404, false);
}

#[test]
fn spool_keys() {
    check("spooldir_rtp = /rtp\nspooldir = /main", |c| {
        c.spool.directories = vec!["/main".into(), "/rtp".into()];
    });
    check("timezone = Europe/Prague", |c| {
        c.spool.zone = TimeZoneDatabase::bundled().get("Europe/Prague").ok();
        c.spool.zone_name = Some("Europe/Prague".to_owned());
    });
    let utc = |c: &mut VoipmonitorConf| {
        (c.spool.zone, c.spool.zone_name) = (Some(TimeZone::UTC), Some("UTC".to_owned()));
    };
    check("timezone = :Europe/Prague\nutc = yes", utc);
    check("sql_time_utc = yes", utc);
    check("utc = no\nsql_time_utc = yes", |_| {});
    check("timezone = CET-1CEST,M3.5.0,M10.5.0/3", |c| {
        c.spool.zone = Some(TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap());
        c.spool.zone_name = Some("CET-1CEST,M3.5.0,M10.5.0/3".to_owned());
    });
    check("id_sensor = 7", |c| c.spool.id_sensor = Some(7));
    check("id_sensor = -1", |_| {});
    check("spooldir_by_sensorname = yes", |c| c.spool.by_sensor = true);
}

#[test]
fn the_first_of_repeated_keys_counts() {
    check("rtptimeout = 10\nrtptimeout = 20", |c| c.timing.rtp_timeout_ns = 10 * NS_PER_S);
    check("rtptimeout =\nRTPTIMEOUT = 20", |c| c.timing.rtp_timeout_ns = 20 * NS_PER_S);
    check("[manager]\nrtptimeout = 10", |_| {});
    check("no_such_key = 1\ninterface = eth0", |_| {});
}

#[test]
fn bad_values_name_file_line_and_what_is_allowed() {
    let check = |text: &str, expect: &str| {
        let error = parse(text).unwrap_err().to_string();
        assert_eq!(error, format!("voipmonitor.conf:{expect}"));
    };
    let seconds = "expected whole seconds from 0 to 2147483647";
    check("\nrtptimeout = soon", &format!("2: rtptimeout = \"soon\": {seconds}"));
    check("absolute_timeout = -1", &format!("1: absolute_timeout = \"-1\": {seconds}"));
    check("bye_timeout = 2147483648", &format!("1: bye_timeout = \"2147483648\": {seconds}"));
    check("ipv6 = maybe", "1: ipv6 = \"maybe\": expected yes or no");
    check("quick_save_cdr = 2", "1: quick_save_cdr = \"2\": expected no, yes or quick");
    let mode = "expected 1 (To) or 2 (Request-URI)";
    check("destination_number_mode = 3", &format!("1: destination_number_mode = \"3\": {mode}"));
    for ports in ["5060-", "70000", "5080-5070", "sip", ","] {
        check(&format!("sipport = {ports}"), &format!("1: sipport = {ports:?}: expected {PORTS}"));
    }
    assert!(parse("timezone = Mars/Base").is_err());
    assert!(parse("id_sensor = 65536").is_err());
    assert!(parse("cdr_ignore_response = 1000").is_err());
}

#[test]
fn a_missing_file_is_named() {
    let error = VoipmonitorConf::load(Path::new("/no/such.conf")).unwrap_err().to_string();
    assert!(error.starts_with("/no/such.conf: "), "{error}");
}

#[test]
fn a_merge_header_that_is_not_read_is_told() {
    for (name, warnings) in
        [("X-Parent", 0), ("In-Reply-To", 0), ("Parent-Call-ID", 0), ("P-Parent-Leg", 1)]
    {
        let found = parse(&format!("callidmerge_header = {name}")).unwrap().warnings;
        assert_eq!(found.len(), warnings, "{name} {found:?}");
        assert!(found.iter().all(|warning| warning.contains("are not read")), "{found:?}");
    }
}
