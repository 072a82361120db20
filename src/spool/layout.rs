//! VoIPmonitor's layout: a path in, the place in time and the kind of file out.
//!
//! `SPOOL/[SENSOR/]YYYY-MM-DD/HH/MM/TYPE/FILE`; the old schema stops after the date (facts G, run
//! section 3). Only directories are read this way; the name of an archive that lies alone
//! (`sip_7_2026-11-20-10-00.tar.zst`) says the same. No file's format is told here.

use crate::base::{CaptureTime, NS_PER_S};
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;

/// What a file holds by its place in the spool; its format is told by its bytes alone.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum FileKind {
    /// `SIP/`: signalling.
    Sip,
    /// `RTP/`: media of the calls.
    Rtp,
    /// `ALL/`: signalling and media of a call (`pcapsplit = no`).
    All,
    /// `REG/`: registrations.
    Registration,
    /// `SKINNY/`, `MGCP/`, `SS7/`: signalling that is not SIP.
    OtherSignalling,
    /// `GRAPH/`: drawn quality, no packets.
    Graph,
    /// `AUDIO/`: sound, no packets.
    Audio,
    /// `AUDIOGRAPH/`: drawn sound, no packets.
    AudioGraph,
    /// Anything else: old schema, or a capture that no spool made.
    Plain,
}

impl FileKind {
    /// The kind that a type directory of the spool stands for.
    #[must_use]
    pub fn of_directory(name: &str) -> Option<Self> {
        Some(match name {
            "SIP" => Self::Sip,
            "RTP" => Self::Rtp,
            "ALL" => Self::All,
            "REG" => Self::Registration,
            "SKINNY" | "MGCP" | "SS7" => Self::OtherSignalling,
            "GRAPH" => Self::Graph,
            "AUDIO" => Self::Audio,
            "AUDIOGRAPH" => Self::AudioGraph,
            _ => return None,
        })
    }

    /// Whether SIP of calls may lie in it.
    #[must_use]
    pub const fn may_hold_sip(self) -> bool {
        matches!(self, Self::Sip | Self::All | Self::Plain)
    }

    /// Stable name used in output.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sip => "sip",
            Self::Rtp => "rtp",
            Self::All => "all",
            Self::Registration => "registration",
            Self::OtherSignalling => "other-signalling",
            Self::Graph => "graph",
            Self::Audio => "audio",
            Self::AudioGraph => "audiograph",
            Self::Plain => "plain",
        }
    }
}

/// How exactly a path says when its calls started.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Granularity {
    /// The day is known.
    Day,
    /// The hour is known.
    Hour,
    /// The minute is known.
    Minute,
}

/// When the calls of a file or directory started, in the local time of the spool.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Placement {
    /// First local second of the day, hour or minute.
    pub start: DateTime,
    /// What `start` stands for.
    pub granularity: Granularity,
}

impl Placement {
    /// The span of moments that it stands for in a time zone: first moment, and first moment after.
    /// A local hour that a clock change repeats stands for both; one that it skips, for the moments
    /// the clock jumps over. Absent only outside the years that capture time holds.
    #[must_use]
    pub fn span(&self, zone: &TimeZone) -> Option<(CaptureTime, CaptureTime)> {
        let start = zone.to_ambiguous_timestamp(self.start).earlier().ok()?;
        let last_second = match self.granularity {
            Granularity::Day => self.start.date().to_datetime(Time::constant(23, 59, 59, 0)),
            Granularity::Hour => self.start.with().minute(59).second(59).build().ok()?,
            Granularity::Minute => self.start.with().second(59).build().ok()?,
        };
        let end = zone.to_ambiguous_timestamp(last_second).later().ok()?;
        let moment = |seconds| CaptureTime::from_parts(seconds, 0);
        let end = moment(end.as_second()).plus_ns(NS_PER_S);
        Some((moment(start.as_second()), end))
    }
}

/// What the directories of a path say. Names come from the outermost to the innermost.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct DirectoryReading {
    /// Index of the date directory among the names; absent when there is none.
    pub(super) date_index: Option<usize>,
    /// The place in time; absent without a date directory, or with others than the vendor's below it.
    pub(super) placement: Option<Placement>,
    /// The kind by the type directory; `Plain` without one.
    pub(super) kind: FileKind,
}

/// Reads directory names. The last date counts: a spool may lie inside a dated backup.
pub(super) fn read_directories(names: &[&str]) -> DirectoryReading {
    let found = names.iter().enumerate().rev().find_map(|(at, name)| Some((at, day(name)?)));
    let Some((date_index, date)) = found else {
        return DirectoryReading { date_index: None, placement: None, kind: FileKind::Plain };
    };
    let mut below = names[date_index + 1..].iter().peekable();
    let (mut hour, mut minute, mut granularity) = (0, 0, Granularity::Day);
    if let Some(value) = below.peek().and_then(|name| two_digits(name, 23)) {
        (hour, granularity) = (value, Granularity::Hour);
        below.next();
        if let Some(value) = below.peek().and_then(|name| two_digits(name, 59)) {
            (minute, granularity) = (value, Granularity::Minute);
            below.next();
        }
    }
    let by_type = below.peek().and_then(|name| FileKind::of_directory(name));
    // Directories that the vendor does not make: the date may be that of a backup, say.
    let is_foreign = by_type.is_none() && below.peek().is_some();
    let start = date.at(hour, minute, 0, 0);
    DirectoryReading {
        date_index: Some(date_index),
        placement: (!is_foreign).then_some(Placement { start, granularity }),
        kind: by_type.unwrap_or(FileKind::Plain),
    }
}

/// What the name of a VoIPmonitor archive says: `sip_[SENSOR_]YYYY-MM-DD-HH-MM.tar...`
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct ArchiveName<'a> {
    pub(super) kind: FileKind,
    /// The sensor in the name; absent in a spool without sensor directories.
    pub(super) sensor: Option<&'a str>,
    pub(super) placement: Placement,
}

/// Reads the name of an archive; absent when the vendor would not have given it.
pub(super) fn read_archive_name(name: &str) -> Option<ArchiveName<'_>> {
    const STAMP: usize = "2026-11-20-10-00".len();
    let (stem, _) = name.split_once(".tar")?;
    let (prefix, rest) = stem.split_once('_')?;
    let kind = match prefix {
        "sip" => FileKind::Sip,
        "rtp" => FileKind::Rtp,
        "graph" => FileKind::Graph,
        "audiograph" => FileKind::AudioGraph,
        _ => return None,
    };
    let (before, stamp) = rest.split_at_checked(rest.len().checked_sub(STAMP)?)?;
    let sensor = before.strip_suffix('_').filter(|sensor| !sensor.is_empty());
    if sensor.is_none() && !before.is_empty() {
        return None;
    }
    let date = day(stamp.get(..10)?)?;
    let (hour, minute) = stamp.get(10..)?.strip_prefix('-')?.split_once('-')?;
    let start = date.at(two_digits(hour, 23)?, two_digits(minute, 59)?, 0, 0);
    Some(ArchiveName {
        kind,
        sensor,
        placement: Placement { start, granularity: Granularity::Minute },
    })
}

/// First and last year of a date directory: what capture time holds, and no capture is older.
const YEARS: std::ops::RangeInclusive<i16> = 1970..=2261;

fn day(name: &str) -> Option<Date> {
    let bytes = name.as_bytes();
    if bytes.len() != 10 || bytes[4] != b'-' || bytes[7] != b'-' {
        return None;
    }
    let number = |range: std::ops::Range<usize>| -> Option<i16> {
        let digits = name.get(range)?;
        if digits.bytes().all(|byte| byte.is_ascii_digit()) { digits.parse().ok() } else { None }
    };
    let year = number(0..4).filter(|year| YEARS.contains(year))?;
    let (month, day) = (i8::try_from(number(5..7)?).ok()?, i8::try_from(number(8..10)?).ok()?);
    Date::new(year, month, day).ok()
}

fn two_digits(name: &str, most: i8) -> Option<i8> {
    if name.len() != 2 || !name.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    name.parse().ok().filter(|value| *value <= most)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::datetime;

    fn check(path: &str, place: Option<(DateTime, Granularity)>, kind: FileKind) {
        let names: Vec<&str> = path.split('/').collect();
        let read = read_directories(&names);
        let expected = place.map(|(start, granularity)| Placement { start, granularity });
        assert_eq!((read.placement, read.kind), (expected, kind), "{path}");
    }

    #[test]
    fn directories() {
        use FileKind::{All, Graph, OtherSignalling, Plain, Rtp, Sip};
        use Granularity::{Day, Hour, Minute};
        let at = |hour, minute| datetime(2026, 11, 20, hour, minute, 0, 0);
        check("var/2026-11-20/10/07/SIP", Some((at(10, 7), Minute)), Sip);
        check("var/2026-11-20/10/07/RTP", Some((at(10, 7), Minute)), Rtp);
        check("2026-11-20/10/07/ALL", Some((at(10, 7), Minute)), All);
        check("2026-11-20/10/07/GRAPH", Some((at(10, 7), Minute)), Graph);
        check("2026-11-20/10/07/SS7", Some((at(10, 7), Minute)), OtherSignalling);
        check("2026-11-20/10/07", Some((at(10, 7), Minute)), Plain);
        check("2026-11-20/10", Some((at(10, 0), Hour)), Plain);
        check("2026-11-20", Some((at(0, 0), Day)), Plain);
        check("2026-11-20/SIP", Some((at(0, 0), Day)), Sip);
        check("2026-11-20/10/07/SIP/deeper", Some((at(10, 7), Minute)), Sip);
        check("2026-11-20/24/07", None, Plain);
        check("2026-11-20/10/60/SIP", None, Plain);
        check("backup/2026-11-20/captures", None, Plain);
        check("backup/2025-01-01/vm/2026-11-20/10/07/SIP", Some((at(10, 7), Minute)), Sip);
        check("2026-02-30/10/07/SIP", None, Plain);
        check("0001-01-01/10/07/SIP", None, Plain);
        check("2026-1١-20/10", None, Plain);
        check("SIP", None, Plain);
        check("", None, Plain);
    }

    #[test]
    fn archive_names() {
        let check = |name: &str, expect: Option<(FileKind, Option<&str>)>| {
            let read = read_archive_name(name);
            assert_eq!(read.map(|read| (read.kind, read.sensor)), expect, "{name}");
        };
        check("sip_2026-11-20-10-00.tar.zst", Some((FileKind::Sip, None)));
        check("sip_7_2026-11-20-10-00.tar.zst.1", Some((FileKind::Sip, Some("7"))));
        check("rtp_a_b_2026-11-20-10-00.tar", Some((FileKind::Rtp, Some("a_b"))));
        check("graph_2026-11-20-10-00.tar.zst", Some((FileKind::Graph, None)));
        check("sip_2026-11-20-10-61.tar", None);
        check("sip_x2026-11-20-10-00.tar", None);
        check("sip_é-11-20-10-00.tar", None);
        check("call_2026-11-20-10-00.tar", None);
        check("sip_.tar", None);
    }

    #[test]
    fn spans_follow_the_zone() {
        let check = |start: DateTime, granularity, zone: &str, expect: (i64, i64)| {
            let zone = TimeZone::get(zone).unwrap();
            let (first, end) = Placement { start, granularity }.span(&zone).unwrap();
            assert_eq!((first.floor_seconds(), end.since_ns(first) / NS_PER_S), expect);
        };
        let minute = datetime(2026, 11, 20, 10, 7, 0, 0);
        check(minute, Granularity::Minute, "UTC", (1_795_169_220, 60));
        check(minute, Granularity::Minute, "Europe/Berlin", (1_795_165_620, 60));
        // 2026-10-25 has 25 hours in Berlin, and 02:00 to 03:00 twice; 2026-03-29 has 23.
        check(
            datetime(2026, 10, 25, 0, 0, 0, 0),
            Granularity::Day,
            "Europe/Berlin",
            (1_792_879_200, 90_000),
        );
        check(
            datetime(2026, 10, 25, 2, 0, 0, 0),
            Granularity::Hour,
            "Europe/Berlin",
            (1_792_886_400, 7_200),
        );
        check(
            datetime(2026, 3, 29, 0, 0, 0, 0),
            Granularity::Day,
            "Europe/Berlin",
            (1_774_738_800, 82_800),
        );
    }
}
