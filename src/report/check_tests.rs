//! Tests of the check report over small spools.

use super::check::{CheckReport, InputFile, InputReport};
use super::history::{HistoryReport, NamedCdr, ScenarioHistory};
use super::json;
use super::text::{TextStyle, text};
use crate::base::{FileId, Loss, LossKind};
use crate::channel::{Reading, ReadingPins};
use crate::license::verdict_tests::{Spool, spool, verdict};
use crate::license::{CauseKind, LicenseReport, LockCause, Outcome, Question, Scenario};

fn report(spool: &Spool, limit_channels: u64) -> CheckReport {
    let pins = ReadingPins::default();
    let question = Question {
        limit_channels,
        reading: pins.reading(),
        readings: pins.readings(),
        accept_loss: false,
    };
    CheckReport {
        scenarios: vec![verdict(spool, &question)],
        decided_by: 0,
        calendar: spool.calendar.clone(),
        time_zone: "UTC".to_owned(),
        as_of: spool.calendar.days().last().unwrap().date,
        as_of_given: false,
        coverage: spool.coverage.clone(),
        sensors: vec![String::new()],
        legs: spool.cdrs.len() as u64,
        legs_vendor_blind: 0,
        cdrs_with_media: 0,
        cdrs_ended_by_signalling: 0,
        calls: None,
        license: None,
        lists_readings: false,
        input: InputReport {
            files: vec![InputFile { path: b"spool/\x1b[31ma\xff.pcap".to_vec(), bytes: 2_048 }],
            captures: 1,
            records: 1_234,
            sip_messages: 1_000,
            ..InputReport::default()
        },
    }
}

fn lossy() -> Spool {
    let mut lossy = spool(&[vec![2; 12], vec![4, 2, 4, 4]].concat());
    let start = lossy.calendar.days()[13].started;
    lossy.coverage.losses.push(Loss {
        when: Some((start, start)),
        kind: LossKind::UnreadableFile,
        file: FileId(0),
        bytes: 1,
        detail: "permission denied".to_owned(),
    });
    lossy
}

/// The whole text of a short spool, as an operator sees it.
#[test]
fn the_text_of_a_lockdown() {
    let report = report(&spool(&[2, 4, 4, 4, 4]), 3);
    let expect = "\
STAYS: re-computing the CDRs from this spool would not help: the lockdown would
go on.
  ! Only 5 days can be seen, a lock needs more than 14; what the days before did
    is not known.

2026-03-02 to 2026-03-05 are 4 days in a row over the limit of 3 channels.
Up to 3 days over in a row are free, from day 4 on a lockdown is in progress,
after 14 the GUI is locked.
Of the last 4 days the lowest decides: 2026-03-02 with 4.00 channels, 1.00 above
the limit.
This is the documented reading of the GUI's rule; all 3,072 readings agree.
Of those that agree the nearest to another verdict (the documented one): 1.00
above the limit.

Days (UTC, limit 3 channels):
  date        channels  peak  over by  run  state     captured
  2026-03-01      2.00     2        -    -  within    24 of 24 h
  2026-03-02      4.00     4     1.00    1  grace     24 of 24 h
  2026-03-03      4.00     4     1.00    2  grace     24 of 24 h
  2026-03-04      4.00     4     1.00    3  grace     24 of 24 h
  2026-03-05      4.00     4     1.00    4  lockdown  24 of 24 h

Worst hour:
  2026-03-02 10:00:00 UTC to 11:00: 4.00 channels.
  Peak: 4 channels at once, first at 2026-03-02 10:00:00 UTC.

Remedies:
  scenario  verdict  peak  days over  last day  day that decides
  as-is     stays       4     4 of 5  lockdown  1.00 above the limit
  as-is (peak first at 2026-03-02 10:00): re-compute with the present
  voipmonitor.conf.

Read:
  1 file (2.0 KiB), 1 capture, 1,234 records, 1,000 SIP messages.
  Sensors: 1, legs: 18, CDRs: 18.
  From 2026-03-01 00:00:00 UTC to 2026-03-05 23:59:59 UTC.

Lost:
  Nothing that is known of.

Next step:
  Do not re-compute: it would cost the present CDRs and not help.
  No remedy here lifts the lock: fewer channels, a larger license or the
  vendor's support are left.
";
    assert_eq!(text(&report, TextStyle::default()), expect);
}

#[test]
fn a_loss_that_decides_is_in_the_first_sentence_and_its_path_is_harmless() {
    let text = text(&report(&lossy(), 3), TextStyle::default());
    assert!(text.starts_with("CANNOT TELL: "), "{text}");
    let first = text.split("\n\n").next().unwrap();
    assert!(first.contains("2026-03-14."), "{first}");
    assert!(text.contains("spool/\\x1b[31ma\\xff.pcap"));
    assert!(text.contains(">=2.00"));
    assert!(text.contains("partly lost"));
    assert!(!text.contains('\u{1b}'));
}

/// What would sound surer than it is: a spool that shows no lock lifts none, and says how little it shows.
#[test]
fn a_spool_that_shows_no_lock_says_so_and_how_little_it_shows() {
    let report = report(&spool(&[4, 2]), 3);
    let text = text(&report, TextStyle::default());
    let first = text.split("\n\n").next().unwrap();
    let starts = "NO LOCK SEEN: only 2 days can be seen, and a lockdown begins with 4 days over";
    assert!(text.starts_with(starts), "{text}");
    assert!(first.contains("whatever is counted. What the days before did"), "{first}");
    assert!(first.contains("unlock=whole-window (stays)"), "{first}");
    assert!(text.contains("none, too few days"));
    assert!(text.contains("--license FILE"));
}

/// A day without any capture is a loss, although no file is to blame.
#[test]
fn a_day_without_capture_is_listed_as_lost() {
    let mut holed = spool(&[vec![4; 12], vec![0], vec![4; 3]].concat());
    let day = holed.calendar.days()[12].clone();
    holed.coverage.spans[0].retain(|span| span.1 < day.started || span.0 >= day.ended);
    let text = text(&report(&holed, 3), TextStyle::default());
    assert!(text.contains("\nLost:\n  A day without any capture: 2026-03-13.\n"), "{text}");
}

#[test]
fn colour_is_only_there_when_asked_for_and_lines_keep_to_the_width() {
    let report = report(&spool(&[4; 16]), 3);
    for width in [0, 40, 72, 200] {
        let plain = text(&report, TextStyle { width, colour: false });
        assert!(!plain.contains('\u{1b}'));
        let prose = plain.split("\n\n").take(2);
        let longest = prose.flat_map(str::lines).map(|line| line.chars().count()).max();
        assert!(longest <= Some(width.max(40)), "{width}");
    }
    let painted = text(&report, TextStyle { width: 80, colour: true });
    assert!(painted.starts_with("\u{1b}[1;31mSTAYS\u{1b}[0m: "));
}

/// Design.md section 7: another cause than the count is never lifted by a recompute.
#[test]
fn another_cause_of_the_lock_decides() {
    let mut report = report(&spool(&[2; 16]), 3);
    assert_eq!(report.outcome(), Some(Outcome::Lifts));
    let cause = LockCause {
        kind: CauseKind::Expired,
        sentence: "the license ended on 2026-01-01".to_owned(),
        recompute_can_lift: false,
    };
    let license = LicenseReport {
        limit_units: Some(3),
        units_in_use: None,
        causes: vec![cause],
        notices: Vec::new(),
    };
    report.license = Some(license);
    assert_eq!(report.outcome(), Some(Outcome::Stays));
    let text = text(&report, TextStyle::default());
    assert!(text.starts_with("STAYS: "), "{text}");
    assert!(text.contains("! the license ended on 2026-01-01 (expired)."));
    let json: serde_json::Value = serde_json::from_str(&json(&report)).unwrap();
    assert_eq!(json["verdict"], "stays");
    assert_eq!(json["exit_code"], 1);
    assert_eq!(json["scenarios"][0]["verdict"], "lifts");
    assert_eq!(json["license"]["causes"][0]["kind"], "expired");
}

#[test]
fn outside_input_the_json_depends_on_the_records_alone() {
    let whole = spool(&[2, 4, 4, 4, 4]);
    let mut moved = spool(&[2, 4, 4, 4, 4]);
    moved.cdrs.reverse();
    moved.coverage.spans[0].reverse();
    let mut other = report(&moved, 3);
    other.input.files.push(InputFile { path: b"b".to_vec(), bytes: 1 });
    other.input.captures = 7;
    let read = |report: &CheckReport| -> serde_json::Value {
        let mut value: serde_json::Value = serde_json::from_str(&json(report)).unwrap();
        value["input"].take();
        value
    };
    let first = report(&whole, 3);
    assert_eq!(read(&first), read(&other));
    assert_ne!(json(&first), json(&other));
    assert_eq!(json(&first), json(&report(&whole, 3)));
    let value = read(&first);
    assert_eq!(value["schema"], "respool.check/1");
    assert_eq!(value["scenarios"][0]["run_days"], 4);
    assert_eq!(value["scenarios"][0]["deciding"]["margin"]["text"], "1.00");
    assert_eq!(value["scenarios"][0]["hours"].as_array().unwrap().len(), 5 * 24);
}

#[test]
fn the_history_as_text_csv_and_json() {
    let spool = spool(&[1, 3]);
    let report = report(&spool, 2);
    let header = Scenario::MergeHeader("=X-Call-ID".to_owned());
    let up = NamedCdr { cdr: spool.cdrs[1].clone(), call_id: b"d01c00".to_vec() };
    let up = [vec![up]];
    let history = &report.scenarios[0].history;
    let scenarios = vec![ScenarioHistory { scenario: &header, history, up_at_peak: &up }];
    let history = HistoryReport {
        calendar: &spool.calendar,
        time_zone: "UTC",
        limit_channels: Some(2),
        sensors: &["north".to_owned()],
        scenarios,
    };
    let expect = "\
merge-header =X-Call-ID (UTC)

2026-03-01               1.00      1   ###
      10:00 +00:00       1.00      1   ###
2026-03-02               3.00      3 ! ###########
      10:00 +00:00       3.00      3 ! ###########

Concurrent calls, last 14 days (largest mean of an hour)
2026-03-01        1.00
2026-03-02        3.00 !
";
    assert_eq!(history.text(50), expect);
    let csv = history.csv();
    assert_eq!(csv.lines().count(), 49);
    let row = csv.lines().find(|line| line.contains("2026-03-02 10:00:00.000")).unwrap();
    assert_eq!(
        row,
        "merge-header,'=X-Call-ID,2026-03-02,2026-03-02 10:00:00.000,2026-03-02 10:00:00 UTC,\
         3600,10800000000000,3.00,3"
    );
    let json: serde_json::Value = serde_json::from_str(&history.json()).unwrap();
    assert_eq!(json["schema"], "respool.history/1");
    assert_eq!(json["scenarios"][0]["days"][1]["mean_channels"], "3.00");
    assert_eq!(json["scenarios"][0]["peaks"][0][0], "2026-03-02 10:00:00.000");
    let up = &json["scenarios"][0]["up_at_peak"][0][0];
    assert_eq!((&up["call_id"], &up["sensor"]), (&"d01c00".into(), &"north".into()));
    assert_eq!(
        (&up["caller"], &up["started"]),
        (&"100000".into(), &"2026-03-02 10:00:00.000".into())
    );
}

#[test]
fn recorded_cdrs_stand_beside_the_recount() {
    let mut report = report(&spool(&[2, 4, 4, 4, 4]), 3);
    let mut recorded = report.scenarios[0].clone();
    assert!(!text(&report, TextStyle::default()).contains("The database counts"));
    recorded.scenario = Scenario::Recorded;
    recorded.days_over = 5;
    report.scenarios.push(recorded);
    let text = text(&report, TextStyle { width: 200, colour: false });
    let expect = "The database counts 4.00 channels on 2026-03-05, 5 days over, state lockdown \
                  (18 CDRs); a recompute would give 4.00 channels on 2026-03-05, 4 days over, \
                  state lockdown (18 CDRs).";
    assert!(text.contains(expect), "{text}");
}

#[test]
fn every_reading_is_a_line_where_they_are_asked_for() {
    let mut report = report(&spool(&[2, 4, 4, 4, 4]), 3);
    assert!(!text(&report, TextStyle::default()).contains("\nReadings:\n"));
    assert!(!json(&report).contains("\"readings\": ["));
    report.lists_readings = true;
    let page = text(&report, TextStyle::default());
    assert!(page.contains("\nReadings:\n  stays "), "{page}");
    let document: serde_json::Value = serde_json::from_str(&json(&report)).unwrap();
    let listed = document["scenarios"][0]["readings"].as_array().unwrap();
    assert_eq!(listed.len(), Reading::all().len());
    assert_eq!(listed[0]["reading"], Reading::documented().to_string());
    assert_eq!(listed[0]["verdict"], "stays");
    assert_eq!(listed[0]["deciding"], document["scenarios"][0]["deciding"]);
    let stay = listed.iter().filter(|reading| reading["verdict"] == "stays").count() as u64;
    assert_eq!(document["scenarios"][0]["agreement"]["stays"], stay);
}

#[test]
fn a_verdict_that_holds_at_both_bounds_says_so() {
    let sentence = "Under this reading this is certain: it holds with every day that a loss touches over the limit";
    let mut spool = spool(&[4, 4, 4, 4, 4]);
    let has = |spool: &Spool| {
        text(&report(spool, 3), TextStyle { width: 200, colour: false }).contains(sentence)
    };
    assert!(!has(&spool));
    let start = spool.calendar.days()[4].started;
    spool.coverage.losses.push(Loss {
        when: Some((start, start)),
        kind: LossKind::UnreadableFile,
        file: FileId(0),
        bytes: 1,
        detail: "permission denied".to_owned(),
    });
    assert!(has(&spool));
    assert!(!has(&lossy()));
}
