//! `respool synth`: arguments to files. The bytes come from the core; this writes them.

use crate::base::CaptureTime;
use crate::synth::ladder::{Compression, captures};
use crate::synth::{
    Arranger, Chunk, DayTruth, DayValues, Generator, HourTable, HourTruth, Kind, Layout, Mix,
    Packing, Parameters, Relation, ScriptedCall, parse_day,
};
use clap::{Args, ValueEnum};
use jiff::tz::{TimeZone, TimeZoneDatabase};
use serde::Serialize;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// The vendor's level for archives (run section 3).
const ZSTD_LEVEL: i32 = 1;
/// The vendor's window: 512 KiB.
const ZSTD_WINDOW_LOG: u32 = 19;

/// How archives of signalling are compressed.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
pub enum Compress {
    /// `.tar.zst`, the vendor's default.
    #[default]
    Zstd,
    /// `.tar`.
    None,
    /// `.tar.gz`.
    Gzip,
}

/// Write a spool of made-up calls with known truth, for tests, benchmarks and sizing
#[derive(Args, Clone, Debug)]
pub struct SynthArguments {
    /// Directory to write the captures to; it must be empty or absent
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Directory for legs.jsonl, calls.jsonl and hours.json [default: DIR.truth]
    #[arg(long, value_name = "DIR")]
    pub truth: Option<PathBuf>,
    /// The same seed gives the same bytes
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Number of days
    #[arg(long, default_value_t = 1)]
    pub days: u32,
    /// Calls begun an hour, as the mean of a day
    #[arg(long, value_name = "N", default_value_t = 60)]
    pub calls_per_hour: u32,
    /// First day
    #[arg(long, value_name = "YYYY-MM-DD", default_value = "2026-11-02")]
    pub start: String,
    /// Time zone of the spool's directories and days
    #[arg(long, value_name = "ZONE", default_value = "UTC")]
    pub time_zone: String,
    /// Sensor directory above the days
    #[arg(long, value_name = "NAME", default_value = "")]
    pub sensor: String,
    /// Shares of the kinds of calls in per cent; the rest is answered calls
    #[arg(long, value_name = "KIND=PERCENT,...")]
    pub mix: Option<String>,
    /// Load of days in per cent of the others; 0: no ordinary calls
    #[arg(long, value_name = "DAY=PERCENT,...", default_value = "")]
    pub day_load: String,
    /// Calls held at once from 10:00 to 11:00 of a day, on top of the others
    #[arg(long, value_name = "DAY=N,...", default_value = "")]
    pub peak_channels: String,
    /// Kind of the calls that hold the peak
    #[arg(long, value_name = "KIND", default_value = "answered")]
    pub peak_kind: String,
    /// Write media too
    #[arg(long)]
    pub rtp: bool,
    /// Media packets a second and direction
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub rtp_pps: u32,
    /// One plain capture a day instead of the vendor's layout
    #[arg(long, conflicts_with = "files")]
    pub flat: bool,
    /// One file a call, as the vendor's `tar = no`
    #[arg(long)]
    pub files: bool,
    /// Write long entries of archives in pieces, as the vendor does for calls that are still up
    #[arg(long)]
    pub pieces: bool,
    /// Compression of signalling archives
    #[arg(long, value_enum, default_value_t)]
    pub compress: Compress,
    /// Print the count of every day, so that a limit can be chosen
    #[arg(long)]
    pub limit_hint: bool,
    /// Make the captures that a ladder file describes instead; only --out counts then
    #[arg(long, value_name = "FILE")]
    pub ladder: Option<PathBuf>,
}

/// Why nothing, or not everything, was written.
#[derive(Debug, thiserror::Error)]
pub enum SynthError {
    /// A flag's value.
    #[error("--{flag}: {message}")]
    Argument {
        /// The flag.
        flag: &'static str,
        /// What was expected.
        message: String,
    },
    /// The output directory holds something.
    #[error("{0}: the output directory is not empty")]
    NotEmpty(PathBuf),
    /// A ladder.
    #[error("{path}: {error}")]
    Ladder {
        /// The ladder's file.
        path: PathBuf,
        /// Its first error.
        error: crate::synth::ladder::LadderError,
    },
    /// A file could not be read or written.
    #[error("{path}: {error}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// Standard output.
    #[error("standard output: {0}")]
    Output(io::Error),
}

type Result<T> = std::result::Result<T, SynthError>;

fn at(path: &Path) -> impl FnOnce(io::Error) -> SynthError + '_ {
    move |error| SynthError::Io { path: path.to_owned(), error }
}

fn argument<T, E: ToString>(flag: &'static str, value: std::result::Result<T, E>) -> Result<T> {
    value.map_err(|error| SynthError::Argument { flag, message: error.to_string() })
}

impl SynthArguments {
    fn day_values(flag: &'static str, text: &str) -> Result<DayValues> {
        if text.is_empty() {
            return Ok(DayValues::default());
        }
        argument(flag, DayValues::parse(text))
    }

    fn parameters(&self) -> Result<Parameters> {
        let zone = if self.time_zone == "UTC" {
            TimeZone::UTC
        } else {
            argument("time-zone", TimeZoneDatabase::bundled().get(&self.time_zone))?
        };
        let first_day = parse_day(&self.start)
            .ok_or_else(|| format!("expected YYYY-MM-DD, found '{}'", self.start));
        let kind = Kind::from_name(&self.peak_kind)
            .ok_or_else(|| format!("unknown kind '{}'", self.peak_kind));
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        if !self.sensor.bytes().all(is_name) || self.sensor.starts_with('.') {
            let message = "expected letters, digits, '-', '_' and '.'".to_owned();
            return Err(SynthError::Argument { flag: "sensor", message });
        }
        if self.rtp && !(1..=1_000).contains(&self.rtp_pps) {
            let message = "expected 1 to 1000 packets a second".to_owned();
            return Err(SynthError::Argument { flag: "rtp-pps", message });
        }
        Ok(Parameters {
            seed: self.seed,
            first_day: argument("start", first_day)?,
            days: self.days,
            calls_per_hour: self.calls_per_hour,
            day_load: Self::day_values("day-load", &self.day_load)?,
            peak_calls: Self::day_values("peak-channels", &self.peak_channels)?,
            peak_kind: argument("peak-kind", kind)?,
            mix: self
                .mix
                .as_ref()
                .map_or_else(|| Ok(Mix::default()), |text| argument("mix", Mix::parse(text)))?,
            time_zone: zone,
            sensor: self.sensor.clone(),
            rtp_pps: if self.rtp { self.rtp_pps } else { 0 },
        })
    }

    const fn layout(&self) -> Layout {
        match (self.flat, self.files) {
            (true, _) => Layout::Flat,
            (_, true) => Layout::Files,
            _ => Layout::Spool,
        }
    }

    fn truth_directory(&self) -> PathBuf {
        self.truth.clone().unwrap_or_else(|| {
            let mut name = self.out.clone().into_os_string();
            name.push(".truth");
            PathBuf::from(name)
        })
    }
}

/// Runs the subcommand.
///
/// # Errors
/// What was wrong with the arguments, or which file could not be written.
pub fn run(arguments: &SynthArguments) -> Result<()> {
    let out = arguments.out.as_path();
    if fs::read_dir(out).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(SynthError::NotEmpty(out.to_owned()));
    }
    match &arguments.ladder {
        Some(path) => write_ladder(path, out),
        None => write_spool(arguments),
    }
}

fn write_ladder(path: &Path, out: &Path) -> Result<()> {
    let text = fs::read_to_string(path).map_err(at(path))?;
    let files =
        captures(&text).map_err(|error| SynthError::Ladder { path: path.to_owned(), error })?;
    for file in files {
        let target = out.join(&file.path);
        let compress = match file.compression {
            Compression::None => Compress::None,
            Compression::Gzip => Compress::Gzip,
            Compression::Zstd => Compress::Zstd,
        };
        let mut bytes = compressed(compress, file.bytes).map_err(at(&target))?;
        bytes.truncate(bytes.len().saturating_sub(file.cut_bytes));
        write_file(&target, &bytes)?;
    }
    Ok(())
}

fn compressed(compress: Compress, bytes: Vec<u8>) -> io::Result<Vec<u8>> {
    match compress {
        Compress::None => Ok(bytes),
        Compress::Gzip => {
            let mut encoder =
                flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
            encoder.write_all(&bytes)?;
            encoder.finish()
        }
        Compress::Zstd => {
            // As the vendor: one frame without content size and checksum.
            let mut encoder = zstd::Encoder::new(Vec::new(), ZSTD_LEVEL)?;
            encoder.include_contentsize(false)?;
            encoder.window_log(ZSTD_WINDOW_LOG)?;
            encoder.write_all(&bytes)?;
            encoder.finish()
        }
    }
}

fn write_file(path: &Path, bytes: &[u8]) -> Result<()> {
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory).map_err(at(directory))?;
    }
    fs::write(path, bytes).map_err(at(path))
}

fn write_chunk(out: &Path, compress: Compress, chunk: Chunk) -> Result<()> {
    let mut path = out.join(&chunk.path);
    match chunk.packing {
        Packing::AsIs => write_file(&path, &chunk.bytes),
        Packing::Compressible => {
            let extension = match compress {
                Compress::Zstd => ".zst",
                Compress::Gzip => ".gz",
                Compress::None => "",
            };
            path = out.join(chunk.path + extension);
            let bytes = compressed(compress, chunk.bytes).map_err(at(&path))?;
            write_file(&path, &bytes)
        }
        Packing::Append => {
            if let Some(directory) = path.parent() {
                fs::create_dir_all(directory).map_err(at(directory))?;
            }
            let mut file =
                File::options().create(true).append(true).open(&path).map_err(at(&path))?;
            file.write_all(&chunk.bytes).map_err(at(&path))
        }
    }
}

/// One line of calls.jsonl.
#[derive(Serialize)]
struct CallLine<'a> {
    call: String,
    kind: &'static str,
    legs: Vec<LegName<'a>>,
    relations: &'a [Relation],
}

/// A leg as calls.jsonl names it.
#[derive(Serialize)]
struct LegName<'a> {
    sensor: &'a str,
    call_id: &'a str,
    sequence: u16,
}

/// hours.json.
#[derive(Serialize)]
struct HourFile {
    reading: &'static str,
    time_zone: String,
    hours: Vec<HourTruth>,
    days: Vec<DayTruth>,
}

/// The truth files that grow with the spool.
struct TruthFiles {
    legs: BufWriter<File>,
    calls: BufWriter<File>,
    directory: PathBuf,
}

impl TruthFiles {
    fn create(directory: PathBuf) -> Result<Self> {
        fs::create_dir_all(&directory).map_err(at(&directory))?;
        let create = |name: &str| {
            let path = directory.join(name);
            File::create(&path).map(BufWriter::new).map_err(at(&path))
        };
        Ok(Self { legs: create("legs.jsonl")?, calls: create("calls.jsonl")?, directory })
    }

    /// Writes a call; `part` tells calls of one script apart.
    fn call(&mut self, call: &ScriptedCall, part: usize) -> Result<()> {
        let cdrs = || call.legs.iter().filter_map(|leg| leg.truth.as_ref());
        if cdrs().next().is_none() {
            return Ok(());
        }
        let write = |directory: &Path, name: &str, file: &mut BufWriter<File>, line: String| {
            file.write_all(line.as_bytes())
                .and_then(|()| file.write_all(b"\n"))
                .map_err(|error| SynthError::Io { path: directory.join(name), error })
        };
        for cdr in cdrs() {
            write(&self.directory, "legs.jsonl", &mut self.legs, json(cdr))?;
        }
        let legs = cdrs()
            .map(|cdr| LegName {
                sensor: &cdr.sensor,
                call_id: &cdr.call_id,
                sequence: cdr.sequence,
            })
            .collect();
        let line = CallLine {
            call: format!("{}-{part}", call.ordinal),
            kind: call.kind.name(),
            legs,
            relations: &call.relations,
        };
        write(&self.directory, "calls.jsonl", &mut self.calls, json(&line))
    }

    fn finish(mut self, hours: &HourFile) -> Result<()> {
        self.legs.flush().map_err(at(&self.directory.join("legs.jsonl")))?;
        self.calls.flush().map_err(at(&self.directory.join("calls.jsonl")))?;
        write_file(&self.directory.join("hours.json"), (json(hours) + "\n").as_bytes())
    }
}

/// JSON of a value of ours: maps have text keys and numbers are finite, so it cannot fail.
fn json<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

fn write_spool(arguments: &SynthArguments) -> Result<()> {
    let parameters = arguments.parameters()?;
    let zone = parameters.time_zone.clone();
    let mut truth = TruthFiles::create(arguments.truth_directory())?;
    let mut table = HourTable::new(zone.clone());
    let mut arranger = Arranger::new(arguments.layout(), zone, arguments.pieces);
    let generator = Generator::new(parameters);
    let write = |chunks: Vec<Chunk>| {
        chunks
            .into_iter()
            .try_for_each(|chunk| write_chunk(&arguments.out, arguments.compress, chunk))
    };
    let (mut legs, mut last) = (0u64, CaptureTime::MIN);
    for minute in generator.minutes() {
        table.advance(minute.start);
        write(arranger.advance(minute.start))?;
        let calls = generator.calls_of(minute);
        for (index, call) in calls.iter().enumerate() {
            let is_next = index > 0 && calls[index - 1].ordinal == call.ordinal;
            truth.call(call, usize::from(is_next))?;
        }
        for leg in calls.into_iter().flat_map(|call| call.legs) {
            if let Some(cdr) = &leg.truth {
                table.add(cdr);
                legs += 1;
            }
            last = last.max(leg.first());
            arranger.add(leg);
        }
    }
    write(arranger.finish())?;
    let (hours, days) = table.finish();
    if arguments.limit_hint {
        print_hint(legs, &days).map_err(SynthError::Output)?;
    }
    truth.finish(&HourFile {
        reading: "whole call, half-open; last response 487 excluded; same last 6 digits of caller \
                  and called within 10 s of the group's first count once",
        time_zone: arguments.time_zone.clone(),
        hours,
        days,
    })
}

/// Day by day what the documented reading counts, in channels with three decimals.
fn print_hint(legs: u64, days: &[DayTruth]) -> io::Result<()> {
    const HOUR_NS: i128 = 3_600_000_000_000;
    let mut out = io::stdout().lock();
    writeln!(out, "{legs} legs")?;
    for day in days {
        let thousandths = day.maximum_channel_ns * 1_000 / HOUR_NS;
        writeln!(out, "{} {}.{:03}", day.day, thousandths / 1_000, thousandths % 1_000)?;
    }
    let maxima = || days.iter().map(|day| day.maximum_channel_ns);
    let floor = |value: Option<i128>| value.unwrap_or(0) / HOUR_NS;
    writeln!(
        out,
        "over every day: limit {} or less; never over: limit {} or more",
        (maxima().min().unwrap_or(0) - 1).max(0) / HOUR_NS,
        floor(maxima().max().map(|value| value + HOUR_NS - 1))
    )
}
