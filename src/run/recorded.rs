//! CDRs of the existing database, exported as CSV with the vendor's column names, in; CDRs out.
//!
//! Only what counting needs is read (facts D): when, who, the last response. A line that cannot be
//! read ends the run with its number: a verdict over half a database would be worth nothing.

use crate::base::{CaptureTime, Endpoint, NS_PER_S, SensorId};
use crate::leg::{Bye, Cdr, Ends};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read};
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Where the recorded CDRs are.
#[derive(Clone, Debug)]
pub struct RecordedSource {
    /// The CSV file.
    pub path: PathBuf,
    /// Time zone of its dates.
    pub zone: TimeZone,
}

/// Why recorded CDRs cannot be read.
#[derive(Debug, Error)]
pub enum RecordedError {
    /// The file cannot be opened.
    #[error("{}: {source}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A line cannot be read.
    #[error("{}, line {line}: {reason}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1; line 1 is the header.
        line: u64,
        /// What is wrong with it.
        reason: String,
    },
}

/// What was read.
#[derive(Clone, Debug, Default)]
pub(super) struct Recorded {
    /// The CDRs, in the order of the lines. Their legs are numbered by sensor and Call-ID, as those of
    /// captures are.
    pub(super) cdrs: Vec<Cdr>,
    /// The Call-ID of each leg.
    pub(super) call_ids: Vec<Box<[u8]>>,
}

/// Reads the file.
///
/// # Errors
/// When it cannot be opened, lacks a column, or has a line that cannot be read.
pub(super) fn read_recorded(source: &RecordedSource) -> Result<Recorded, RecordedError> {
    let path = source.path.as_path();
    let opened = File::open(path)
        .map_err(|error| RecordedError::Open { path: path.to_owned(), source: error })?;
    recorded_cdrs(BufReader::new(opened), path, &source.zone)
}

/// A fault of one field, before the line is known.
type Fault = String;

/// Places of the columns; absent for those that are not there.
struct Columns {
    calldate: usize,
    callend: Option<usize>,
    duration: Option<usize>,
    connect_duration: Option<usize>,
    caller: usize,
    called: usize,
    source: Option<usize>,
    destination: Option<usize>,
    last_response: usize,
    bye: Option<usize>,
    sensor: Option<usize>,
    call_id: Option<usize>,
}

impl Columns {
    fn of(header: &csv::ByteRecord) -> Result<Self, Fault> {
        let place = |name: &str| {
            header.iter().position(|cell| {
                cell.strip_prefix(b"\xef\xbb\xbf")
                    .unwrap_or(cell)
                    .trim_ascii()
                    .eq_ignore_ascii_case(name.as_bytes())
            })
        };
        let needed = |name: &str| {
            place(name).ok_or_else(|| {
                format!(
                    "no column {name}; the first line must name the columns as the vendor's table \
                     cdr does: calldate, callend or duration, caller, called, lastSIPresponseNum"
                )
            })
        };
        let (callend, duration) = (place("callend"), place("duration"));
        if callend.is_none() {
            needed("duration")?;
        }
        Ok(Self {
            calldate: needed("calldate")?,
            callend,
            duration,
            connect_duration: place("connect_duration"),
            caller: needed("caller")?,
            called: needed("called")?,
            source: place("sipcallerip"),
            destination: place("sipcalledip"),
            last_response: needed("lastSIPresponseNum")?,
            bye: place("bye"),
            sensor: place("id_sensor"),
            call_id: place("fbasename"),
        })
    }
}

fn recorded_cdrs(
    input: impl Read,
    path: &Path,
    zone: &TimeZone,
) -> Result<Recorded, RecordedError> {
    let fault =
        |line: u64, reason: String| RecordedError::Line { path: path.to_owned(), line, reason };
    let mut rows = csv::ReaderBuilder::new().flexible(true).from_reader(input);
    let header = rows.byte_headers().map_err(|error| fault(1, error.to_string()))?.clone();
    let columns = Columns::of(&header).map_err(|reason| fault(1, reason))?;
    let mut cdrs: Vec<Cdr> = Vec::new();
    let mut sensors: Vec<Vec<u8>> = Vec::new();
    let mut call_ids: Vec<Box<[u8]>> = Vec::new();
    let mut row = csv::ByteRecord::new();
    loop {
        let line = rows.position().line();
        if !rows.read_byte_record(&mut row).map_err(|error| fault(line, error.to_string()))? {
            break;
        }
        let line = row.position().map_or(line, csv::Position::line);
        if row.len() != header.len() {
            let reason = format!("{} fields where the first line has {}", row.len(), header.len());
            return Err(fault(line, reason));
        }
        let cdr = cdr_of(&row, &columns, zone).map_err(|reason| fault(line, reason))?;
        call_ids.push(match field(&row, columns.call_id) {
            b"" => format!("recorded {}", cdrs.len()).into_bytes().into(),
            call_id => call_id.into(),
        });
        cdrs.push(cdr);
        sensors.push(field(&row, columns.sensor).to_vec());
    }
    number_sensors(&mut cdrs, &sensors);
    let call_ids = number_legs(&mut cdrs, call_ids);
    Ok(Recorded { cdrs, call_ids })
}

/// Legs by sensor and Call-ID, so that the order of lines does not matter; gives the Call-ID of each.
/// CDRs that share both are of one leg.
fn number_legs(cdrs: &mut [Cdr], mut call_ids: Vec<Box<[u8]>>) -> Vec<Box<[u8]>> {
    let mut places: Vec<usize> = (0..cdrs.len()).collect();
    let key = |place: usize| (cdrs[place].sensor, &call_ids[place]);
    places.sort_by(|left, right| key(*left).cmp(&key(*right)));
    let mut firsts: Vec<usize> = Vec::new();
    let mut leg_of = vec![0; cdrs.len()];
    for place in places {
        if firsts.last().is_none_or(|first| key(*first) != key(place)) {
            firsts.push(place);
        }
        leg_of[place] = u32::try_from(firsts.len() - 1).unwrap_or(u32::MAX);
    }
    for (cdr, leg) in cdrs.iter_mut().zip(leg_of) {
        cdr.leg = leg;
    }
    firsts.into_iter().map(|first| std::mem::take(&mut call_ids[first])).collect()
}

/// Sensors by the order of their names, so that the order of lines does not matter. What no number is
/// left for shares the last.
fn number_sensors(cdrs: &mut [Cdr], sensors: &[Vec<u8>]) {
    let mut numbers: BTreeMap<&[u8], u16> = sensors.iter().map(|name| (&**name, 0)).collect();
    for (number, value) in numbers.values_mut().enumerate() {
        *value = u16::try_from(number).unwrap_or(u16::MAX);
    }
    for (cdr, name) in cdrs.iter_mut().zip(sensors) {
        cdr.sensor = SensorId(numbers.get(&**name).copied().unwrap_or_default());
    }
}

/// A field; empty for a column that is not there and for what stands for NULL.
fn field(row: &csv::ByteRecord, column: Option<usize>) -> &[u8] {
    let value = column.and_then(|at| row.get(at)).unwrap_or_default().trim_ascii();
    if value == b"\\N" || value.eq_ignore_ascii_case(b"null") { b"" } else { value }
}

fn cdr_of(row: &csv::ByteRecord, columns: &Columns, zone: &TimeZone) -> Result<Cdr, Fault> {
    let started = moment("calldate", field(row, Some(columns.calldate)), zone)?;
    let ended = match seconds("duration", field(row, columns.duration))? {
        // Not callend first: its wall clock is ambiguous when summer time ends.
        Some(duration_ns) => started.plus_ns(duration_ns),
        None => moment("callend", field(row, columns.callend), zone)?,
    };
    if ended < started {
        return Err("the call ends before it starts".to_owned());
    }
    let connect_ns = seconds("connect_duration", field(row, columns.connect_duration))?;
    let last_response = number("lastSIPresponseNum", field(row, Some(columns.last_response)))?;
    let endpoint = |name, column| {
        address(name, field(row, column))
            .map(|a| a.map_or(Endpoint::UNKNOWN, |a| Endpoint::new(a, 0)))
    };
    let connected = connect_ns.map(|ns| ended.plus_ns(-ns).max(started));
    Ok(Cdr {
        leg: 0,
        sequence: 0,
        sensor: SensorId(0),
        caller: field(row, Some(columns.caller)).into(),
        called: field(row, Some(columns.called)).into(),
        started,
        ended,
        connected,
        progressed: None,
        ends: Ends::new(
            endpoint("sipcallerip", columns.source)?,
            endpoint("sipcalledip", columns.destination)?,
        ),
        last_response: last_response.unwrap_or_default(),
        bye: bye(number("bye", field(row, columns.bye))?, connected.is_some()),
        hung_up_by: None,
        vendor_cut: None,
        only_when_cut: false,
        branches: 1,
        has_media: false,
        vendor_blind: false,
    })
}

/// `YYYY-MM-DD HH:MM:SS[.ffffff]` of a zone. A wall clock that summer time repeats is its first, one
/// that it skips the moment after.
fn moment(name: &str, text: &[u8], zone: &TimeZone) -> Result<CaptureTime, Fault> {
    let wrong = || {
        let text = String::from_utf8_lossy(text);
        format!("{name} '{text}' is not a time as YYYY-MM-DD HH:MM:SS")
    };
    let text = std::str::from_utf8(text).map_err(|_| wrong())?;
    let civil: DateTime = text.parse().map_err(|_| wrong())?;
    let zoned = civil.to_zoned(zone.clone()).map_err(|_| wrong())?;
    let ns = i64::try_from(zoned.timestamp().as_nanosecond()).map_err(|_| wrong())?;
    Ok(CaptureTime::from_ns(ns))
}

/// Seconds with an optional fraction, as nanoseconds; absent for an empty field.
fn seconds(name: &str, text: &[u8]) -> Result<Option<i64>, Fault> {
    if text.is_empty() {
        return Ok(None);
    }
    let wrong = || format!("{name} '{}' is not a number of seconds", String::from_utf8_lossy(text));
    let text = std::str::from_utf8(text).map_err(|_| wrong())?;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let is_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || fraction.len() > 9 || !is_digits(whole) || !is_digits(fraction) {
        return Err(wrong());
    }
    let whole: i64 = whole.parse().map_err(|_| wrong())?;
    // At most nine digits, padded to nine.
    let fraction: i64 = format!("{fraction:0<9}").parse().map_err(|_| wrong())?;
    let ns = whole.checked_mul(NS_PER_S).and_then(|ns| ns.checked_add(fraction));
    ns.map(Some).ok_or_else(wrong)
}

/// A whole number; absent for an empty field.
fn number(name: &str, text: &[u8]) -> Result<Option<u16>, Fault> {
    if text.is_empty() {
        return Ok(None);
    }
    let parsed = std::str::from_utf8(text).ok().and_then(|text| text.parse().ok());
    let wrong = || format!("{name} '{}' is not a number", String::from_utf8_lossy(text));
    parsed.map(Some).ok_or_else(wrong)
}

/// An address as text, or as the number that the table holds for IPv4; absent for an empty field.
fn address(name: &str, text: &[u8]) -> Result<Option<IpAddr>, Fault> {
    if text.is_empty() {
        return Ok(None);
    }
    let text = String::from_utf8_lossy(text);
    let number = || text.parse::<u32>().ok().map(|bits| IpAddr::V4(Ipv4Addr::from(bits)));
    let parsed = text.parse().ok().or_else(number);
    parsed.map(Some).ok_or_else(|| format!("{name} '{text}' is not an address"))
}

/// The column `bye`; a code that is not known, or none, is told by the connection.
fn bye(code: Option<u16>, is_connected: bool) -> Bye {
    const KNOWN: [Bye; 13] = [
        Bye::Unanswered,
        Bye::AnsweredWithoutBye,
        Bye::ByeUnconfirmed,
        Bye::ByeConfirmed,
        Bye::OneWay,
        Bye::AbsoluteTimeout,
        Bye::ByeTimeout,
        Bye::RtpTimeout,
        Bye::OneWayTimeout,
        Bye::ByeWithoutProgress,
        Bye::Zombie,
        Bye::SipWithoutRtp,
        Bye::TooManyPackets,
    ];
    let by_code = KNOWN.into_iter().find(|bye| Some(u16::from(bye.code())) == code);
    by_code.unwrap_or(if is_connected { Bye::AnsweredWithoutBye } else { Bye::Unanswered })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, zone: &str) -> Result<Recorded, String> {
        let zone = jiff::tz::TimeZoneDatabase::bundled().get(zone).unwrap();
        recorded_cdrs(text.as_bytes(), Path::new("cdr.csv"), &zone).map_err(|e| e.to_string())
    }

    const HEAD: &str = "calldate,duration,connect_duration,caller,called,lastSIPresponseNum,\
                        sipcallerip,bye,id_sensor,fbasename\n";

    #[test]
    fn a_line_is_a_cdr() {
        let text = format!(
            "{HEAD}2026-11-20 10:00:00,60.5,50,1001,\"+49 30, 1\",200,167772161,3,7,a@b\n\
             2026-11-20 10:00:01,5,\\N,1001,2002,487,10.0.0.2,0,NULL,\n"
        );
        let Recorded { cdrs, call_ids } = read(&text, "Europe/Berlin").unwrap();
        // Berlin is an hour ahead of UTC in November.
        assert_eq!(cdrs[0].started.ns(), 1_795_165_200 * NS_PER_S);
        assert_eq!(cdrs[0].duration_ns(), 60_500_000_000);
        assert_eq!(cdrs[0].connect_duration_ns(), Some(50 * NS_PER_S));
        assert_eq!(&*cdrs[0].called, b"+49 30, 1");
        assert_eq!(cdrs[0].source().address.to_string(), "10.0.0.1");
        assert_eq!((cdrs[0].bye, cdrs[0].last_response), (Bye::ByeConfirmed, 200));
        assert_eq!((cdrs[1].connected, cdrs[1].last_response), (None, 487));
        assert_ne!(cdrs[0].sensor, cdrs[1].sensor);
        assert_eq!(&*call_ids[cdrs[1].leg as usize], b"recorded 1");
    }

    #[test]
    fn callend_serves_where_there_is_no_duration() {
        let text = "\u{feff}CALLDATE,callend,caller,called,lastSIPresponseNum\n\
                    2026-11-20 10:00:00,2026-11-20 10:01:00.250,1,2,200\n";
        assert_eq!(read(text, "UTC").unwrap().cdrs[0].duration_ns(), 60_250_000_000);
    }

    #[test]
    fn a_duration_crosses_the_end_of_summer_time() {
        let text = format!("{HEAD}2026-10-25 02:30:00,7200,,1,2,200,,,,\n");
        let cdr = &read(&text, "Europe/Berlin").unwrap().cdrs[0];
        assert_eq!(cdr.duration_ns(), 7_200 * NS_PER_S);
        // The first of the two half past two.
        assert_eq!(cdr.started.ns(), 1_792_888_200 * NS_PER_S);
    }

    #[test]
    fn faults_name_their_line() {
        let check = |rows: &str, expect: &str| {
            let error = read(&format!("{HEAD}{rows}"), "UTC").unwrap_err();
            assert!(error.contains(expect), "{error}");
        };
        let good = "2026-11-20 10:00:00,60,,1,2,200,,,,\n";
        check("yesterday,60,,1,2,200,,,,\n", "cdr.csv, line 2: calldate 'yesterday' is not a time");
        check(&format!("{good}2026-11-20 10:00:00,-1,,1,2,200,,,,\n"), "line 3: duration '-1'");
        check(&format!("{good}{good}short,1\n"), "line 4: 2 fields where the first line has 10");
        check("2026-11-20 10:00:00,60,,1,2,ok,,,,\n", "line 2: lastSIPresponseNum 'ok'");
        check("2026-11-20 10:00:00,60,,1,2,200,here,,,\n", "sipcallerip 'here' is not an address");
        check("2026-11-20 10:00:00,9999999999999,,1,2,200,,,,\n", "duration '9999999999999'");
        let error = read("calldate,caller\n", "UTC").unwrap_err();
        assert!(error.contains("line 1: no column duration"), "{error}");
        let error = read("calldate,callend,caller,called\n", "UTC").unwrap_err();
        assert!(error.contains("no column lastSIPresponseNum"), "{error}");
        let text = "calldate,callend,caller,called,lastSIPresponseNum\n\
                    2026-11-20 10:00:00,2026-11-20 09:00:00,1,2,200\n";
        assert!(read(text, "UTC").unwrap_err().contains("ends before it starts"));
    }

    #[test]
    fn the_order_of_lines_numbers_no_sensor_and_no_leg() {
        let rows = [
            "2026-11-20 10:00:00,60,,1,2,200,,,9,x\n",
            "2026-11-20 10:00:00,60,,1,2,200,,,3,y\n",
            "2026-11-20 10:00:00,60,,1,2,200,,,9,x\n",
        ];
        let of = |rows: &[&str]| {
            let found = read(&format!("{HEAD}{}", rows.concat()), "UTC").unwrap();
            let name = |cdr: &Cdr| found.call_ids[cdr.leg as usize].clone();
            let mut legs: Vec<_> =
                found.cdrs.iter().map(|cdr| (name(cdr), cdr.sensor, cdr.leg)).collect();
            legs.sort();
            legs
        };
        assert_eq!(of(&rows), of(&[rows[1], rows[0], rows[2]]));
        assert_eq!(of(&rows).iter().map(|leg| leg.2).collect::<Vec<_>>(), [1, 1, 0]);
    }
}
