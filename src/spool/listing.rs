//! What the walk found: the files in their order, what was skipped, what could not be read.

use super::coverage::Coverage;
use super::layout::{FileKind, Placement};
use crate::base::limits::CALL_REACH_NS;
use crate::base::{
    CaptureId, CaptureTime, FileId, Loss, LossKind, Note, NoteKind, Notes, SensorId,
};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// One file to read. Its [`FileId`] is its index in [`SpoolListing::files`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SpoolFile {
    /// Where it is opened; `-` is the standard input.
    pub path: PathBuf,
    /// Path inside the spool, from the date directory on where there is one: the same wherever the
    /// spool lies.
    pub name: PathBuf,
    /// Bytes when it was listed; 0 for the standard input.
    pub size: u64,
    /// When it was last written; absent where the system does not say.
    pub modified: Option<SystemTime>,
    /// The sensor whose captures lie in it.
    pub sensor: SensorId,
    /// What it holds by its place.
    pub kind: FileKind,
    /// When its calls started, in the spool's local time; absent outside the vendor's layout.
    pub placement: Option<Placement>,
    /// The same as a span of capture time, end excluded; absent with `placement`.
    pub starts: Option<(CaptureTime, CaptureTime)>,
}

impl SpoolFile {
    /// First and last moment that packets of it may carry: its calls start in its minute and may last
    /// [`CALL_REACH_NS`]. Absent outside the vendor's layout.
    #[must_use]
    pub fn reach(&self) -> Option<(CaptureTime, CaptureTime)> {
        self.starts.map(reach_of)
    }

    /// Whether it stands for the standard input.
    #[must_use]
    pub fn is_standard_input(&self) -> bool {
        self.path == Path::new("-")
    }
}

fn reach_of((first, end): (CaptureTime, CaptureTime)) -> (CaptureTime, CaptureTime) {
    (first, end.plus_ns(CALL_REACH_NS))
}

/// Why a file or directory of the spool is not read. None of these holds signalling.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum SkipReason {
    /// `.cleanspool_cache`: the vendor's list of sizes.
    CleanspoolCache,
    /// `filesindex/`: the vendor's older list of sizes.
    FilesIndex,
    /// `GRAPH/` and graph archives.
    Graph,
    /// `AUDIO/`.
    Audio,
    /// `AUDIOGRAPH/`.
    AudioGraph,
    /// `RTP/` and RTP archives, where they are left out on request ([`super::WalkOptions::without_rtp`]).
    Rtp,
    /// `qoq-*`: queries that wait for the vendor's database.
    QueryCache,
    /// `rrd/`: charts of the sniffer itself.
    Rrd,
    /// `core`, `core.N`: memory of a crashed sniffer.
    CoreDump,
    /// Directories and files outside the days asked for.
    OutsideDays,
    /// Pipes, sockets, devices.
    NotAFile,
    /// A symbolic link to a directory above itself: its files are listed there.
    LinkLoop,
}

impl SkipReason {
    /// Stable name used in output.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::CleanspoolCache => "cleanspool-cache",
            Self::FilesIndex => "filesindex",
            Self::Graph => "graph",
            Self::Audio => "audio",
            Self::AudioGraph => "audiograph",
            Self::Rtp => "rtp",
            Self::QueryCache => "query-cache",
            Self::Rrd => "rrd",
            Self::CoreDump => "core-dump",
            Self::OutsideDays => "outside-days",
            Self::NotAFile => "not-a-file",
            Self::LinkLoop => "link-loop",
        }
    }
}

/// How much was skipped for one reason.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct SkipCount {
    /// Files; directories where they were not entered.
    pub entries: u64,
    /// Bytes of the files; 0 for directories.
    pub bytes: u64,
}

/// A file or directory that the walk could not look at.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Unreadable {
    /// Where it is.
    pub path: PathBuf,
    /// First and last moment that packets below it may carry; absent outside the vendor's layout.
    pub reach: Option<(CaptureTime, CaptureTime)>,
    /// What the system said.
    pub error: String,
}

/// What lies in the spool. Equal for equal sets of files, whatever the order in which directories
/// and roots were given or read.
#[derive(Clone, Debug, Default)]
pub struct SpoolListing {
    /// The files to read: by sensor, then by path inside the spool.
    pub files: Vec<SpoolFile>,
    /// Names of the sensors by [`SensorId`]; the first is the unnamed one and empty.
    pub sensors: Vec<String>,
    /// What was skipped and why.
    pub skipped: BTreeMap<SkipReason, SkipCount>,
    /// What could not be looked at: each is a loss.
    pub unreadable: Vec<Unreadable>,
    /// Days and hours with signalling, over all sensors.
    pub coverage: Coverage,
    /// The same for each sensor that has signalling in the vendor's layout.
    pub coverage_by_sensor: BTreeMap<SensorId, Coverage>,
}

impl SpoolListing {
    /// The path of a file, or of an unreadable path, by its number; absent for a number that the
    /// walk did not give.
    #[must_use]
    pub fn path(&self, file: FileId) -> Option<&Path> {
        let at = file.0 as usize;
        let unreadable = || self.unreadable.get(at.checked_sub(self.files.len())?);
        let listed = self.files.get(at).map(|file| file.path.as_path());
        listed.or_else(|| unreadable().map(|lost| lost.path.as_path()))
    }

    /// The name of a sensor; empty for the unnamed one.
    #[must_use]
    pub fn sensor_name(&self, sensor: SensorId) -> &str {
        self.sensors.get(usize::from(sensor.0)).map_or("", String::as_str)
    }

    /// Bytes of all listed files.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.files.iter().fold(0, |sum, file| sum.saturating_add(file.size))
    }

    /// One loss for each path that the walk could not look at. Its file numbers follow those of the files.
    #[must_use]
    pub fn losses(&self) -> Vec<Loss> {
        self.numbered_unreadable()
            .map(|(file, lost)| Loss {
                when: lost.reach,
                kind: LossKind::UnreadableFile,
                file,
                bytes: 0,
                detail: lost.error.clone(),
            })
            .collect()
    }

    /// One note for each path that the walk could not look at.
    #[must_use]
    pub fn notes(&self) -> Notes {
        let mut notes = Notes::default();
        for (file, lost) in self.numbered_unreadable() {
            notes.add(Note {
                capture: CaptureId { file, member: 0 },
                offset: None,
                record: None,
                kind: NoteKind::Unreadable,
                detail: format!("{}: {}; skipped", lost.path.display(), lost.error),
            });
        }
        notes
    }

    fn numbered_unreadable(&self) -> impl Iterator<Item = (FileId, &Unreadable)> {
        let first = self.files.len();
        self.unreadable
            .iter()
            .enumerate()
            .map(move |(at, lost)| (FileId(u32::try_from(first + at).unwrap_or(u32::MAX)), lost))
    }
}
