//! What `check` reports, as one plain value that the run edge fills.

use crate::base::{Ledger, Notes};
use crate::channel::Calendar;
use crate::license::{Coverage, LicenseReport, LockCause, Outcome, ScenarioVerdict};
use jiff::civil::Date;
use serde::Serialize;

/// A file that was read, by [`crate::base::FileId`].
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct InputFile {
    /// Its path as bytes; need not be UTF-8.
    pub path: Vec<u8>,
    /// Its size as stored.
    pub bytes: u64,
}

/// Files that were not read because the user did not want them.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
pub struct LeftOut {
    /// How many.
    pub files: u64,
    /// Their sizes together.
    pub bytes: u64,
}

/// What was read. Depends on how the records lie in files; nothing of it decides anything.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct InputReport {
    /// The files, in the order of their ids.
    pub files: Vec<InputFile>,
    /// Captures: files and members of archives.
    pub captures: u64,
    /// Members of archives.
    pub members: u64,
    /// Packet records.
    pub records: u64,
    /// SIP messages, copies included.
    pub sip_messages: u64,
    /// The conservation ledger.
    pub ledger: Ledger,
    /// Anomalies.
    pub notes: Notes,
    /// RTP of the spool that was left out on request; absent when none was.
    pub rtp_left_out: Option<LeftOut>,
}

/// Everything that `check` prints.
#[derive(Clone, Debug)]
pub struct CheckReport {
    /// The scenarios in the order in which they are printed; never empty.
    pub scenarios: Vec<ScenarioVerdict>,
    /// Place in `scenarios` of the one whose verdict decides the exit code.
    pub decided_by: usize,
    /// The days that were judged.
    pub calendar: Calendar,
    /// Name of the time zone as the user or the configuration gave it.
    pub time_zone: String,
    /// The day of the verdict.
    pub as_of: Date,
    /// Whether the user gave that day.
    pub as_of_given: bool,
    /// What was covered and lost.
    pub coverage: Coverage,
    /// Names of the sensors, by id; the unnamed one is empty.
    pub sensors: Vec<String>,
    /// Legs: Call-IDs by sensor.
    pub legs: u64,
    /// Legs with packets in an encapsulation that the vendor's sniffer does not read (facts F): it
    /// would write other CDRs for them, or none.
    pub legs_vendor_blind: u64,
    /// CDRs with RTP or RTCP. With 0 the spool holds no media, by loss or on purpose.
    pub cdrs_with_media: u64,
    /// Answered CDRs with neither a BYE nor media: they end at their last SIP message, although the
    /// call may have gone on (run section 2).
    pub cdrs_ended_by_signalling: u64,
    /// Calls that the legs were joined to; absent when they were not.
    pub calls: Option<u64>,
    /// The installed license, checked; absent when none was given.
    pub license: Option<LicenseReport>,
    /// Whether the verdicts under every reading are to be listed.
    pub lists_readings: bool,
    /// What was read.
    pub input: InputReport,
}

impl CheckReport {
    /// The verdict that decides; absent only when there is no scenario at all.
    #[must_use]
    pub fn deciding(&self) -> Option<&ScenarioVerdict> {
        self.scenarios.get(self.decided_by).or(self.scenarios.first())
    }

    /// Causes of a lock that no recompute can lift.
    pub fn other_causes(&self) -> impl Iterator<Item = &LockCause> {
        self.license.iter().flat_map(LicenseReport::unliftable)
    }

    /// The verdict of the run: that of the deciding scenario, but a lock with another cause than the
    /// count stays whatever is counted (design.md section 7). Absent without scenarios.
    #[must_use]
    pub fn outcome(&self) -> Option<Outcome> {
        let counted = self.deciding()?.judged.outcome;
        Some(if self.other_causes().next().is_some() { Outcome::Stays } else { counted })
    }
}
