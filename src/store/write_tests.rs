//! A database written, read back as the vendor's columns, and what happens when it cannot be written.

use super::*;
use crate::base::{
    CaptureId, CaptureTime, Endpoint, FileId, LossKind, Note, NoteKind, RecordRef, SensorId,
};
use crate::call::OutlineParts;
use crate::leg::{Bye, Cdr, Ends, Leg, Side, VendorCut};
use crate::store::LegRow;
use rusqlite::Connection;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

const CALL_ID: &[u8] = b"call@10.0.0.1";

fn moment(ns: i64) -> CaptureTime {
    CaptureTime::from_ns(ns)
}

fn endpoint(text: &str, port: u16) -> Endpoint {
    Endpoint::new(text.parse().unwrap(), port)
}

fn cdr(started_ns: i64, ended_ns: i64) -> Cdr {
    Cdr {
        leg: 0,
        sequence: 0,
        sensor: SensorId(0),
        caller: (*b"1007").into(),
        called: (*b"20\xff07").into(),
        started: moment(started_ns),
        ended: moment(ended_ns),
        connected: None,
        progressed: None,
        ends: Ends::new(endpoint("10.0.0.1", 5060), endpoint("2001:db8::1", 5061)),
        last_response: 200,
        bye: Bye::ByeConfirmed,
        hung_up_by: Some(Side::Callee),
        vendor_cut: None,
        only_when_cut: false,
        branches: 1,
        has_media: false,
        vendor_blind: false,
    }
}

fn leg() -> Leg {
    Leg::new(SensorId(0), b"call@10.0.0.1")
}

fn leg_row<'l>(id: u32, outline: &'l OutlineParts<'l>) -> LegRow<'l> {
    let seen = Some((moment(1), moment(2)));
    LegRow { id, sensor: "", outline, seen, messages: 5, has_media: false, vendor_blind: false }
}

/// Writes CDRs and reads rows of a query, columns joined by `|`.
fn query(cdrs: &[CdrRow<'_>], sql: &str) -> Vec<String> {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("run.db");
    let database = Database::create(&path).unwrap();
    let legs: Vec<u32> = cdrs.iter().map(|row| row.cdr.leg).collect();
    let legs: std::collections::BTreeSet<u32> = legs.into_iter().collect();
    let leg = leg();
    let outline = OutlineParts::of(&leg);
    let rows: Vec<LegRow<'_>> = legs.into_iter().map(|leg| leg_row(leg, &outline)).collect();
    database.write_legs(&rows).unwrap();
    database.write_cdrs(1, cdrs).unwrap();
    database.commit().unwrap();
    read(&path, sql)
}

fn read(path: &Path, sql: &str) -> Vec<String> {
    let connection = Connection::open(path).unwrap();
    let mut statement = connection.prepare(sql).unwrap();
    let columns = statement.column_count();
    let rows = statement.query_map([], |row| {
        let cells = (0..columns).map(|column| {
            Ok(match row.get_ref(column)? {
                rusqlite::types::ValueRef::Null => "NULL".to_owned(),
                rusqlite::types::ValueRef::Integer(value) => value.to_string(),
                rusqlite::types::ValueRef::Real(value) => format!("real {value}"),
                rusqlite::types::ValueRef::Text(text) => String::from_utf8(text.to_vec()).unwrap(),
                rusqlite::types::ValueRef::Blob(_) => "blob".to_owned(),
            })
        });
        cells.collect::<rusqlite::Result<Vec<String>>>().map(|cells| cells.join("|"))
    });
    rows.unwrap().map(Result::unwrap).collect()
}

#[test]
fn the_vendors_columns() {
    // The CDR normal-07 of the sniffer's default spool, from its packets' microseconds.
    let mut first = cdr(1_795_168_832_530_748_000, 1_795_168_862_458_320_000);
    first.connected = Some(moment(1_795_168_835_066_320_000));
    first.progressed = Some(moment(1_795_168_832_830_748_000));
    let rows =
        query(&[CdrRow { cdr: &first, call_id: CALL_ID, id_sensor: Some(7) }], "SELECT * FROM cdr");
    assert_eq!(
        rows,
        ["call@10.0.0.1|2026-11-20 10:00:32.531|2026-11-20 10:01:02.458|29.928|27.392|0.300|1007|\
         20\\xff07|10.0.0.1|5060|2001:db8::1|5061|200|3|callee|7"]
    );
}

#[test]
fn view_cdr_has_exactly_these_columns() {
    let columns = query(&[], "SELECT name FROM pragma_table_info('cdr')").join(" ");
    let expect = "fbasename calldate callend duration connect_duration progress_time caller called \
                  sipcallerip sipcallerport sipcalledip sipcalledport lastSIPresponseNum bye \
                  whohanged id_sensor";
    assert_eq!(columns, expect);
}

#[test]
fn times_round_to_the_nearest_millisecond() {
    let check = |started_ns: i64, ended_ns: i64, expect: &str| {
        let sql = "SELECT calldate, callend, duration FROM cdr";
        let rows = query(
            &[CdrRow { cdr: &cdr(started_ns, ended_ns), call_id: CALL_ID, id_sensor: None }],
            sql,
        );
        assert_eq!(rows, [expect], "{started_ns} {ended_ns}");
    };
    let (us, s) = (1_000, 1_000_000_000);
    check(0, 0, "1970-01-01 00:00:00.000|1970-01-01 00:00:00.000|0.000");
    check(499 * us, 500 * us, "1970-01-01 00:00:00.000|1970-01-01 00:00:00.001|0.000");
    // Nanoseconds are cut off before anything is rounded, as by a microsecond capture.
    check(0, 499 * us + 999, "1970-01-01 00:00:00.000|1970-01-01 00:00:00.000|0.000");
    check(0, s - 500 * us, "1970-01-01 00:00:00.000|1970-01-01 00:00:01.000|1.000");
    check(0, 86_400 * s - 500 * us, "1970-01-01 00:00:00.000|1970-01-02 00:00:00.000|86400.000");
    check(s, 0, "1970-01-01 00:00:01.000|1970-01-01 00:00:00.000|NULL");
    let end = 4_102_444_799_999_499 * us;
    check(end, end, "2099-12-31 23:59:59.999|2099-12-31 23:59:59.999|0.000");
}

#[test]
fn parts_that_only_the_timeouts_make_are_in_the_cut_view_alone() {
    let mut first = cdr(0, 10_000_000_000);
    let cut =
        VendorCut { ended: moment(2_000_000_000), bye: Bye::SipWithoutRtp, last_response: 180 };
    first.vendor_cut = Some(cut);
    let mut second = cdr(5_000_000_000, 10_000_000_000);
    (second.sequence, second.only_when_cut) = (1, true);
    let rows = [
        CdrRow { cdr: &second, call_id: CALL_ID, id_sensor: None },
        CdrRow { cdr: &first, call_id: CALL_ID, id_sensor: None },
    ];
    let counted = query(&rows, "SELECT callend, bye, lastSIPresponseNum, whohanged FROM cdr");
    assert_eq!(counted, ["1970-01-01 00:00:10.000|3|200|callee"]);
    let counted = query(&rows, "SELECT callend, bye, lastSIPresponseNum FROM cdr_cut");
    assert_eq!(counted, ["1970-01-01 00:00:02.000|108|180", "1970-01-01 00:00:10.000|3|200"]);
}

fn written(dir: &Path, name: &str, reversed: bool) -> Vec<u8> {
    let path = dir.join(name);
    let database = Database::create(&path).unwrap();
    let mut cdrs: Vec<Cdr> = (0..50).map(|leg| Cdr { leg, ..cdr(i64::from(leg), 1_000) }).collect();
    let leg = leg();
    let outline = OutlineParts::of(&leg);
    let mut legs: Vec<_> = (0..50).map(|id| leg_row(id, &outline)).collect();
    let mut losses = vec![
        Loss { when: None, kind: LossKind::Gap, file: FileId(0), bytes: 1, detail: "a".into() },
        Loss { when: None, kind: LossKind::CutTail, file: FileId(1), bytes: 0, detail: "b".into() },
    ];
    if reversed {
        cdrs.reverse();
        legs.reverse();
        losses.reverse();
    }
    database.write_legs(&legs).unwrap();
    let rows: Vec<_> =
        cdrs.iter().map(|cdr| CdrRow { cdr, call_id: CALL_ID, id_sensor: None }).collect();
    database.write_cdrs(1, &rows).unwrap();
    database.write_losses(&losses).unwrap();
    database.commit().unwrap();
    fs::read(path).unwrap()
}

#[test]
fn equal_rows_in_any_order_give_an_equal_file() {
    let dir = TempDir::new().unwrap();
    let once = written(dir.path(), "a.db", false);
    assert_eq!(once, written(dir.path(), "b.db", true));
    assert_eq!(once, written(dir.path(), "a.db", false), "an earlier result is replaced");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2, "nothing else is left");
}

const CAPTURE: CaptureId = CaptureId { file: FileId(0), member: 1 };

fn write_input(database: &Database) -> Result<(), StoreError> {
    let arguments = ["check".to_owned(), "a\"b".to_owned()];
    let limit_channels = Some(4);
    database.write_run(&RunRow {
        arguments: &arguments,
        time_zone: "UTC",
        limit_channels,
        as_of: None,
        rules: "numbers.on = true",
    })?;
    database.write_captures(&[CaptureRow {
        id: CAPTURE,
        path: b"a\xff",
        member_name: b"b",
        sensor: "7",
        bytes: u64::MAX,
        records: 2,
        seen: Some((moment(1), moment(2))),
        cut: true,
        shown: b"spool/a\xff",
    }])?;
    let (mut notes, mut ledger) = (Notes::default(), Ledger::default());
    let (kind, detail) = (NoteKind::Cut, "cut".to_owned());
    notes.add(Note { capture: CAPTURE, offset: None, record: Some(2), kind, detail });
    ledger.add("capture.records", 2);
    database.write_notes(&notes)?;
    database.write_ledger(&ledger)
}

fn write_calls(database: &Database) -> Result<(), StoreError> {
    let leg = leg();
    let outline = OutlineParts::of(&leg);
    database.write_legs(&[leg_row(0, &outline), leg_row(1, &outline)])?;
    database.write_branches(&[BranchRow {
        leg: 1,
        number: 1,
        to_tag: b"t",
        via_branch: b"z9hG4bK1",
        request_uri: b"sip:b@h",
        first: moment(3),
        final_response: Some(487),
    }])?;
    let (started, ended) = (moment(1), moment(2));
    let call = CallRow { id: 0, started, ended, legs: &[1, 0], answered: true, conflict: None };
    database.write_calls(&[call])?;
    let evidence = EvidenceRow {
        legs: (0, 1),
        rule: "replaces",
        class: "proof",
        joined: true,
        reason: "equal",
        values: (b"x", b"y"),
        records: (Some(RecordRef { capture: CAPTURE, index: 9 }), None),
    };
    database.write_evidence(&[evidence, evidence])
}

fn write_figures(database: &Database) -> Result<(), StoreError> {
    database.write_channel_hours(&[ChannelHourRow {
        scenario: "as-is",
        reading: "documented",
        started: moment(1),
        hour: "2026-11-20T10:00+00:00",
        channel_ns: u128::MAX,
        peak_channels: 3,
        lower_bound: false,
    }])?;
    database.write_channel_days(&[ChannelDayRow {
        scenario: "as-is",
        reading: "documented",
        day: "2026-11-20",
        counted_millichannels: 2_500,
        peak_channels: 3,
        over: Some(false),
        days_over: 0,
        state: Some("within"),
        lower_bound: true,
    }])?;
    database.write_verdicts(&[VerdictRow {
        scenario: "as-is",
        reading: "documented",
        verdict: "lifts",
        decisive_millichannels: Some(2_500),
        margin_millichannels: Some(1_500),
        reason: "why",
    }])
}

#[test]
fn every_table_takes_its_rows() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("run.db");
    let database = Database::create(&path).unwrap();
    write_input(&database).unwrap();
    write_calls(&database).unwrap();
    write_figures(&database).unwrap();
    database.commit().unwrap();
    let check = |table: &str, expect: &str| {
        assert_eq!(read(&path, &format!("SELECT * FROM {table}")), [expect], "{table}");
    };
    check(
        "runs",
        &format!(
            "1|{}|[\"check\",\"a\\\"b\"]|UTC|4|NULL|numbers.on = true",
            env!("CARGO_PKG_VERSION")
        ),
    );
    check("captures", "0|1|a\\xff|b|7|9223372036854775807|2|1|2|1|spool/a\\xff");
    check("branches", "1|1|t|z9hG4bK1|sip:b@h|3|487");
    check("calls", "0|1|2|2|1|NULL");
    assert_eq!(read(&path, "SELECT * FROM call_legs"), ["0|0", "0|1"]);
    check("evidence", "0|1|replaces|proof|1|equal|x|y|0/1/9|NULL");
    let hour = "as-is|documented|1|2026-11-20T10:00+00:00|9223372036854775807|3|0";
    check("channel_hours", hour);
    check("channel_days", "as-is|documented|2026-11-20|2500|3|0|0|within|1");
    check("verdicts", "as-is|documented|lifts|2500|1500|why");
    check("notes", "cut|0|1|2|NULL|cut");
    check("note_counts", "cut|1");
    check("ledger", "capture.records|2");
    assert_eq!(read(&path, "PRAGMA integrity_check"), ["ok"]);
    assert_eq!(read(&path, "PRAGMA foreign_key_check"), Vec::<String>::new());
}

#[test]
fn a_database_that_is_not_committed_leaves_nothing() {
    let dir = TempDir::new().unwrap();
    drop(Database::create(&dir.path().join("run.db")).unwrap());
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn a_path_that_cannot_be_written_is_told_before_the_work() {
    let dir = TempDir::new().unwrap();
    let check = |path: &Path, expect: &str| {
        let error = Database::create(path).unwrap_err().to_string();
        assert!(error.contains(expect), "{error}");
    };
    check(&dir.path().join("no/such/dir/run.db"), "cannot write the database");
    check(dir.path(), "is not a database of this program");
    let capture = dir.path().join("call.pcap");
    fs::write(&capture, b"\xd4\xc3\xb2\xa1 and more").unwrap();
    check(&capture, "nothing was changed");
    assert_eq!(fs::read(&capture).unwrap(), b"\xd4\xc3\xb2\xa1 and more");
    let foreign = dir.path().join("other.db");
    Connection::open(&foreign).unwrap().execute_batch("CREATE TABLE t (x)").unwrap();
    check(&foreign, "is not a database of this program");
}
