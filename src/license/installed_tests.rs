//! Tests of the license systems: one for every documented sentence of facts L.

use super::installed::*;
use super::lock::LockState;
use super::policy::{AboveAction, PRESETS, Policy, UnitKind};
use jiff::Timestamp;

fn license(text: &str) -> License {
    License::parse(text).unwrap()
}

fn check_at(preset: &str, text: &str, at: &str, measured: Measured) -> LicenseReport {
    let policy = Policy::preset(preset).unwrap();
    license(text).check(&policy, at.parse::<Timestamp>().unwrap(), measured).unwrap()
}

fn causes(preset: &str, text: &str, at: &str) -> Vec<CauseKind> {
    check_at(preset, text, at, Measured::default()).causes.iter().map(|cause| cause.kind).collect()
}

#[test]
fn every_preset_reads_and_bears_its_name() {
    for (name, _) in PRESETS {
        let policy = Policy::preset(name).unwrap();
        assert_eq!(policy.name, name);
        assert!(!policy.lock.lifted_by.value.is_empty());
    }
    assert!(Policy::preset("other").unwrap_err().to_string().contains("voipmonitor, digium"));
}

#[test]
fn only_the_vendors_count_is_made_again_from_recorded_calls() {
    for (name, _) in PRESETS {
        let policy = Policy::preset(name).unwrap();
        assert_eq!(policy.above.recountable.value, name == "voipmonitor", "{name}");
        let locks = policy.above.action.value == AboveAction::Lock;
        assert_eq!(locks, name == "voipmonitor", "{name}");
    }
}

/// The schedule in the preset is the one that the lock room computes with.
#[test]
fn the_preset_and_the_lock_room_agree() {
    let above = Policy::preset("voipmonitor").unwrap().above;
    assert_eq!(above.grace_days.unwrap().value as usize, super::lock::GRACE_DAYS);
    assert_eq!(above.lock_after_days.unwrap().value as usize, super::lock::LOCK_DAYS);
}

/// Facts L, Digium: 'additive keys on one host (10+5=15)'.
#[test]
fn digium_keys_add_up() {
    let policy = Policy::preset("digium").unwrap();
    let two = license(
        r#"
        host = "h1"
        keys = [
            { name = "a", units = 10, kind = "codec", hosts = ["h1"] },
            { name = "b", units = 5, kind = "codec", hosts = ["h0", "h1"] },
        ]"#,
    );
    assert_eq!(two.limit_units(&policy).unwrap(), (Some(15), vec![]));
    let used = |peak| Measured { peak_units: Some(peak), ..Measured::default() };
    let at: Timestamp = "2026-03-01T00:00:00Z".parse().unwrap();
    assert!(two.check(&policy, at, used(15)).unwrap().causes.is_empty());
    let above = two.check(&policy, at, used(16)).unwrap();
    assert_eq!(above.causes[0].kind, CauseKind::Count);
    assert!(!above.causes[0].recompute_can_lift);
}

/// Facts L, Digium: 'max 3 host-IDs per key (FFA: 1, and one FFA key per host)'.
#[test]
fn digium_keys_have_host_allowances() {
    let policy = Policy::preset("digium").unwrap();
    for (host, keys, expect) in [
        ("h3", r#"{ name = "a", units = 10, kind = "codec", hosts = ["h1", "h2", "h3"] }"#, 10),
        (
            "h4",
            r#"{ name = "a", units = 10, kind = "codec", hosts = ["h1", "h2", "h3", "h4"] }"#,
            0,
        ),
        ("h9", r#"{ name = "a", units = 10, kind = "codec", hosts = ["h1"] }"#, 0),
        ("h2", r#"{ name = "f", units = 4, kind = "fax", hosts = ["h1", "h2"] }"#, 0),
        (
            "h1",
            r#"{ name = "f", units = 4, kind = "fax", hosts = ["h1"] },
               { name = "g", units = 4, kind = "fax", hosts = ["h1"] }"#,
            4,
        ),
    ] {
        let license = license(&format!("host = \"{host}\"\nkeys = [{keys}]"));
        let (limit, notices) = license.limit_units(&policy).unwrap();
        assert_eq!(limit, Some(expect), "{host} {keys}");
        let full = keys.matches("units").count() == 1 && expect > 0;
        assert_eq!(notices.is_empty(), full, "{notices:?}");
    }
}

/// Facts L, VoIPmonitor: 'one key, one cap (not additive)'.
#[test]
fn voipmonitor_keys_do_not_add_up() {
    let policy = Policy::preset("voipmonitor").unwrap();
    let two = license(r#"keys = [{ name = "a", units = 50 }, { name = "b", units = 20 }]"#);
    assert_eq!(two.limit_units(&policy).unwrap().0, Some(50));
}

/// Facts L, limit composition: innovaphone 'keys add up', Ayrix 'bundle + upgrade packages', ISPsystem 'one
/// licence per panel instance'.
#[test]
fn keys_combine_as_the_vendors_say() {
    let two = license(r#"keys = [{ name = "a", units = 8 }, { name = "b", units = 5 }]"#);
    for (preset, limit) in [("innovaphone", 13), ("ayrix", 13), ("isp", 8)] {
        let policy = Policy::preset(preset).unwrap();
        assert_eq!(two.limit_units(&policy).unwrap().0, Some(limit), "{preset}");
    }
}

/// Facts L, Digium: 'no time lock'; a lock by time needs a term or an end that the user names.
#[test]
fn digium_has_no_time_lock() {
    assert!(Policy::preset("digium").unwrap().terms.is_empty());
    assert_eq!(
        causes("digium", "last_contact = \"2020-01-01T00:00:00Z\"", "2026-03-01T00:00:00Z"),
        []
    );
}

/// Facts L, VoIPmonitor: 'formal end + ~20 d renewal grace (not after cancel)'.
#[test]
fn voipmonitor_ends_after_its_renewal_grace() {
    let ends = "formal_end = \"2026-03-10\"";
    for (text, at, expect) in [
        (ends, "2026-03-10T23:59:59Z", &[][..]),
        (ends, "2026-03-30T23:59:59Z", &[]),
        (ends, "2026-03-31T00:00:00Z", &[CauseKind::Expired]),
        (
            "formal_end = \"2026-03-10\"\ncancelled = true",
            "2026-03-11T00:00:00Z",
            &[CauseKind::Expired],
        ),
        ("formal_end = \"2026-03-10\"\ncancelled = true", "2026-03-10T23:00:00Z", &[]),
        ("", "2026-03-11T00:00:00Z", &[]),
    ] {
        assert_eq!(causes("voipmonitor", text, at), expect, "{text} {at}");
    }
    let grace = check_at("voipmonitor", ends, "2026-03-11T00:00:00Z", Measured::default());
    assert!(grace.notices[0].contains("renewal grace until 2026-03-30"));
}

/// Facts L: 'emergency trial 30 d'; 'test licence 3 months'; 'test mode unlimited 8 h'; 'trial 14 d'.
#[test]
fn terms_end_when_the_vendors_say() {
    for (preset, term, last, after) in [
        ("voipmonitor", "emergency-trial", "2026-01-30T11:59:59Z", "2026-01-30T12:00:00Z"),
        ("innovaphone", "test-license", "2026-03-31T11:59:59Z", "2026-03-31T12:00:00Z"),
        ("innovaphone", "test-mode", "2025-12-31T19:59:59Z", "2025-12-31T20:00:00Z"),
        ("isp", "trial", "2026-01-14T11:59:59Z", "2026-01-14T12:00:00Z"),
    ] {
        let text = format!("terms = [{{ name = \"{term}\", started = \"2025-12-31T12:00:00Z\" }}]");
        assert_eq!(causes(preset, &text, last), [], "{term}");
        assert_eq!(causes(preset, &text, after), [CauseKind::Expired], "{term}");
    }
}

/// Facts L, Ayrix: 'check every 3 h; 72 h without success -> deactivated'.
#[test]
fn ayrix_is_deactivated_after_72_hours_of_silence() {
    let text = "last_contact = \"2026-03-01T00:00:00Z\"";
    assert_eq!(causes("ayrix", text, "2026-03-03T23:59:59Z"), []);
    assert_eq!(causes("ayrix", text, "2026-03-04T00:00:00Z"), [CauseKind::Contact]);
    let contact = Policy::preset("ayrix").unwrap().contact.unwrap();
    assert_eq!((contact.every_hours.value, contact.deactivated_after_hours.value), (3, 72));
}

/// Facts L, bindings: 'HWID, or domain on request'; 'CPU serial + NIC serial + IP'; 'public IP'.
#[test]
fn another_machine_is_a_cause_of_its_own() {
    let at = "2026-03-01T00:00:00Z";
    let cpu = r#"bound = { cpu-serial = "1", ip-address = "10.0.0.1" }"#;
    for (preset, text, expect) in [
        ("voipmonitor", "bound = { hardware-id = \"x\" }\nmachine = { hardware-id = \"y\" }".to_owned(), true),
        ("voipmonitor", "bound = { hardware-id = \"x\" }\nmachine = { hardware-id = \"x\" }".to_owned(), false),
        (
            "voipmonitor",
            "bound = { hardware-id = \"x\", domain = \"d\" }\nmachine = { hardware-id = \"y\", domain = \"d\" }".to_owned(),
            false,
        ),
        ("ayrix", format!("{cpu}\nmachine = {{ cpu-serial = \"1\", ip-address = \"10.0.0.2\" }}"), true),
        ("ayrix", format!("{cpu}\nmachine = {{ cpu-serial = \"1\", ip-address = \"10.0.0.1\" }}"), false),
        ("isp", "bound = { ip-address = \"1\" }\nmachine = { ip-address = \"2\" }".to_owned(), true),
        ("isp", "bound = { ip-address = \"1\" }".to_owned(), false),
    ] {
        let expect = if expect { vec![CauseKind::Binding] } else { vec![] };
        assert_eq!(causes(preset, &text, at), expect, "{preset} {text}");
    }
}

/// Facts L, ISPsystem: 'key regeneration by provider (about monthly)'.
#[test]
fn isp_is_issued_again_once_a_month() {
    let text = "reissued = [\"2026-03-02\"]";
    let notices = |at| check_at("isp", text, at, Measured::default()).notices;
    assert_eq!(notices("2026-03-31T00:00:00Z").len(), 1);
    assert!(notices("2026-04-01T00:00:00Z").is_empty());
}

#[test]
fn what_captures_cannot_show_is_named() {
    let report = check_at(
        "ayrix",
        "units_in_use = 30\nkeys = [{ name = \"a\", units = 20 }]",
        "2026-03-01T00:00:00Z",
        Measured::default(),
    );
    let used = report.units_in_use.unwrap();
    assert_eq!((used.units, used.bound, used.shown_by_captures), (30, UnitsBound::Exact, false));
    assert!(report.notices[0].contains("captures cannot show the unit 'created object'"));
    assert_eq!(report.causes[0].kind, CauseKind::Count);
    for (preset, kind, shown) in [
        ("voipmonitor", UnitKind::Channels, true),
        ("digium", UnitKind::CodecChannels, true),
        ("innovaphone", UnitKind::RegisteredUsers, true),
        ("ayrix", UnitKind::Objects, false),
        ("isp", UnitKind::Objects, false),
    ] {
        let policy = Policy::preset(preset).unwrap();
        assert_eq!(policy.unit.kind.value, kind);
        assert_eq!(kind.shown_by_captures(), shown);
    }
}

/// Design.md section 7: a lock with another cause than the count is never lifted by a recompute.
#[test]
fn only_the_count_can_be_lifted() {
    let measured = Measured {
        peak_units: Some(60),
        count_state: Some(LockState::Locked),
        ..Measured::default()
    };
    let text = "formal_end = \"2026-01-01\"\nbound = { hardware-id = \"x\" }\nmachine = { hardware-id = \"y\" }";
    let report = check_at("voipmonitor", text, "2026-03-01T00:00:00Z", measured);
    let found: Vec<(CauseKind, bool)> =
        report.causes.iter().map(|cause| (cause.kind, cause.recompute_can_lift)).collect();
    assert_eq!(
        found,
        [(CauseKind::Count, true), (CauseKind::Expired, false), (CauseKind::Binding, false)]
    );
    assert_eq!(report.unliftable().count(), 2);
}

/// Which calls the product transcodes, and who left before its registration ended, captures do not show:
/// a figure of those units is no lower bound.
#[test]
fn a_figure_that_may_hold_more_than_the_unit_is_certain_only_below_the_limit() {
    use UnitsBound::{About, AtLeast, AtMost, Exact};
    let policy = Policy::preset("digium").unwrap();
    let ten = license("keys = [{ name = \"a\", units = 10, kind = \"codec\" }]");
    let at: Timestamp = "2026-03-01T00:00:00Z".parse().unwrap();
    for (bound, peak, is_cause, said) in [
        (Exact, 10, false, None),
        (Exact, 11, true, None),
        (AtMost, 10, false, Some("at most 10 at once")),
        (AtMost, 10, false, Some("never more than the limit of 10")),
        (AtMost, 11, false, Some("cannot be told")),
        (AtLeast, 10, false, Some("cannot be told")),
        (AtLeast, 11, true, Some("more than the limit of 10")),
        (About, 10, false, Some("cannot be told")),
        (About, 11, false, Some("about 11 at once")),
    ] {
        let measured = Measured { peak_units: Some(peak), bound, ..Measured::default() };
        let report = ten.check(&policy, at, measured).unwrap();
        assert_eq!(!report.causes.is_empty(), is_cause, "{bound:?} {peak}");
        match said {
            None => assert!(report.notices.is_empty(), "{bound:?} {:?}", report.notices),
            Some(said) => assert!(report.notices[0].contains(said), "{:?}", report.notices),
        }
    }
    for (holds_more, misses, bound) in
        [(false, false, Exact), (true, false, AtMost), (false, true, AtLeast), (true, true, About)]
    {
        assert_eq!(UnitsBound::of(holds_more, misses), bound);
    }
}

#[test]
fn errors_name_the_place() {
    let policy = Policy::preset("digium").unwrap();
    let at: Timestamp = "2026-03-01T00:00:00Z".parse().unwrap();
    for (text, expect) in [
        ("formal_end = \"soon\"", "formal_end: 'soon' is not a date"),
        ("terms = [{ name = \"x\", started = \"2026-01-01T00:00:00Z\" }]", "no term 'x'"),
        (
            "keys = [{ name = \"a\", units = 1, kind = \"k\" }]",
            "key 'a': the policy has no kind 'k'",
        ),
    ] {
        let error = license(text).check(&policy, at, Measured::default()).unwrap_err();
        assert!(error.to_string().contains(expect), "{error}");
    }
    assert!(License::parse("limits = 3").unwrap_err().to_string().contains("limits"));
    let contradiction =
        PRESETS[0].1.replace("grace_days = { value = 3", "grace_days = { value = 14");
    assert!(
        Policy::parse(&contradiction).unwrap_err().to_string().contains("larger lock_after_days")
    );
}
