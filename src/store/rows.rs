//! What the tables take, borrowed from whoever has it. Columns and NULLs are described in `schema.sql`.

use crate::base::{CaptureId, CaptureTime, RecordRef};
use crate::call::OutlineParts;
use crate::leg::Cdr;

/// The run itself.
#[derive(Clone, Copy, Debug)]
pub struct RunRow<'a> {
    /// What was asked, argument by argument.
    pub arguments: &'a [String],
    /// Time zone of days and hours.
    pub time_zone: &'a str,
    /// Channels of the license.
    pub limit_channels: Option<u32>,
    /// Last day that was judged, `YYYY-MM-DD`.
    pub as_of: Option<&'a str>,
    /// The rules that joined legs, as a rule file.
    pub rules: &'a str,
}

/// A capture: a file, or a member of an archive.
#[derive(Clone, Copy, Debug)]
pub struct CaptureRow<'a> {
    /// Which one.
    pub id: CaptureId,
    /// Path inside the spool.
    pub path: &'a [u8],
    /// Name inside the archive; empty for the file itself.
    pub member_name: &'a [u8],
    /// Name of the sensor; empty for the unnamed one.
    pub sensor: &'a str,
    /// Bytes after decompression.
    pub bytes: u64,
    /// Packet records.
    pub records: u64,
    /// First and last record.
    pub seen: Option<(CaptureTime, CaptureTime)>,
    /// Whether its end is missing.
    pub cut: bool,
    /// Path of the file as it was typed.
    pub shown: &'a [u8],
}

/// A leg, by its index in the run's sorted legs.
#[derive(Clone, Copy, Debug)]
pub struct LegRow<'a> {
    /// Its index.
    pub id: u32,
    /// Name of the sensor.
    pub sensor: &'a str,
    /// What the rules read of it: Call-ID, parties, moments, dialogs, REFER requests, identifiers.
    pub outline: &'a OutlineParts<'a>,
    /// First message; last message or media packet.
    pub seen: Option<(CaptureTime, CaptureTime)>,
    /// Distinct messages.
    pub messages: u64,
    /// Whether RTP or RTCP was attributed to it.
    pub has_media: bool,
    /// Whether the vendor's sniffer could not have read some of its packets.
    pub vendor_blind: bool,
}

/// A CDR with the number that the vendor's database knows its sensor by.
#[derive(Clone, Copy, Debug)]
pub struct CdrRow<'a> {
    /// The CDR.
    pub cdr: &'a Cdr,
    /// The Call-ID of its leg.
    pub call_id: &'a [u8],
    /// `id_sensor`.
    pub id_sensor: Option<u16>,
}

/// A fork destination of a leg.
#[derive(Clone, Copy, Debug)]
pub struct BranchRow<'a> {
    /// The leg.
    pub leg: u32,
    /// Number in the leg from 1.
    pub number: u32,
    /// To-tag; empty when not seen.
    pub to_tag: &'a [u8],
    /// Topmost Via branch; empty when not seen.
    pub via_branch: &'a [u8],
    /// Request-URI; empty when not seen.
    pub request_uri: &'a [u8],
    /// First message.
    pub first: CaptureTime,
    /// Final response.
    pub final_response: Option<u16>,
}

/// A call and its legs.
#[derive(Clone, Copy, Debug)]
pub struct CallRow<'a> {
    /// Its number.
    pub id: u32,
    /// Start of the first leg.
    pub started: CaptureTime,
    /// End of the last leg.
    pub ended: CaptureTime,
    /// Its legs.
    pub legs: &'a [u32],
    /// Whether any leg was answered.
    pub answered: bool,
    /// Why legs that evidence would join were left apart.
    pub conflict: Option<&'a str>,
}

/// Why two legs belong together, or why they do not.
#[derive(Clone, Copy, Debug)]
pub struct EvidenceRow<'a> {
    /// The legs.
    pub legs: (u32, u32),
    /// Name of the rule.
    pub rule: &'a str,
    /// Name of the class.
    pub class: &'a str,
    /// Whether it joined them.
    pub joined: bool,
    /// Why, or why not.
    pub reason: &'a str,
    /// The values compared.
    pub values: (&'a [u8], &'a [u8]),
    /// The records that showed them.
    pub records: (Option<RecordRef>, Option<RecordRef>),
}

/// Channels of one hour.
#[derive(Clone, Copy, Debug)]
pub struct ChannelHourRow<'a> {
    /// Name of the scenario.
    pub scenario: &'a str,
    /// Short form of the reading.
    pub reading: &'a str,
    /// First moment of the hour.
    pub started: CaptureTime,
    /// The hour in local time with its offset.
    pub hour: &'a str,
    /// Channel-nanoseconds; more than fits is stored as the largest number that does.
    pub channel_ns: u128,
    /// Most channels at one moment.
    pub peak_channels: u64,
    /// Whether something was lost here.
    pub lower_bound: bool,
}

/// Channels of one day and the state of the lock.
#[derive(Clone, Copy, Debug)]
pub struct ChannelDayRow<'a> {
    /// Name of the scenario.
    pub scenario: &'a str,
    /// Short form of the reading.
    pub reading: &'a str,
    /// `YYYY-MM-DD`.
    pub day: &'a str,
    /// What the reading counts, in thousandths of a channel, rounded down.
    pub counted_millichannels: u64,
    /// Most channels at one moment.
    pub peak_channels: u64,
    /// Whether the count is over the limit.
    pub over: Option<bool>,
    /// Days over in a row up to this day.
    pub days_over: u32,
    /// Name of the lock's state.
    pub state: Option<&'a str>,
    /// Whether something was lost on this day.
    pub lower_bound: bool,
}

/// A verdict.
#[derive(Clone, Copy, Debug)]
pub struct VerdictRow<'a> {
    /// Name of the scenario.
    pub scenario: &'a str,
    /// Short form of the reading.
    pub reading: &'a str,
    /// Name of the verdict.
    pub verdict: &'a str,
    /// The largest count of the days that decide, in thousandths of a channel.
    pub decisive_millichannels: Option<u64>,
    /// Limit minus that count.
    pub margin_millichannels: Option<i64>,
    /// In words, why.
    pub reason: &'a str,
}

/// The verdict of a scenario under one of the readings that were compared.
#[derive(Clone, Copy, Debug)]
pub struct ReadingVerdictRow<'a> {
    /// Name of the scenario.
    pub scenario: &'a str,
    /// The reading, `axis=choice,...`.
    pub reading: &'a str,
    /// Name of the verdict.
    pub verdict: &'a str,
    /// Days over in a row up to the day of the verdict: as read, at least, at most.
    pub run_days: [usize; 3],
    /// The count of the day that decides, in thousandths of a channel.
    pub decisive_millichannels: Option<u64>,
    /// Limit minus that count.
    pub margin_millichannels: Option<i64>,
}
