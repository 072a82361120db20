//! The inputs, made with `respool synth` when they are not there.

use crate::command::RESPOOL;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// One input.
pub(crate) struct Input {
    pub(crate) name: &'static str,
    pub(crate) calls_per_hour: u32,
    pub(crate) arguments: &'static [&'static str],
}

/// 500 MB of SIP alone, plain.
pub(crate) const SIP: Input = Input { name: "sip", calls_per_hour: 3_800, arguments: &["--flat"] };
/// 500 MB of which 98 % of the records are RTP, plain.
pub(crate) const MIX: Input =
    Input { name: "mix", calls_per_hour: 31, arguments: &["--flat", "--rtp", "--rtp-pps", "5"] };
/// A spool of 200,000 calls, in tar.zst.
pub(crate) const SPOOL: Input = Input { name: "spool", calls_per_hour: 8_400, arguments: &[] };
/// 25,000 files of one call.
pub(crate) const SMALL: Input =
    Input { name: "small", calls_per_hour: 1_050, arguments: &["--files"] };
/// A spool of 2,000,000 legs.
pub(crate) const LEGS: Input = Input { name: "legs", calls_per_hour: 67_200, arguments: &[] };
/// A spool of 3,000,000 legs.
pub(crate) const MEMORY: Input = Input { name: "memory", calls_per_hour: 100_800, arguments: &[] };

/// An input on the disk.
pub(crate) struct Made {
    pub(crate) directory: PathBuf,
    /// In the order of their paths.
    pub(crate) files: Vec<PathBuf>,
    pub(crate) bytes: u64,
}

impl Made {
    pub(crate) fn path(&self) -> &str {
        self.directory.to_str().expect("the target directory has a plain name")
    }

    pub(crate) fn megabytes(&self) -> f64 {
        self.bytes as f64 / 1e6
    }

    /// Paths of the files, as words of a command.
    pub(crate) fn words(&self) -> Vec<&str> {
        self.files.iter().map(|file| file.to_str().unwrap()).collect()
    }

    /// The largest file, for tools that take one.
    pub(crate) fn largest(&self) -> &Path {
        self.files.iter().max_by_key(|file| fs::metadata(file).unwrap().len()).unwrap()
    }
}

/// Makes an input. Its files are aged: younger ones are read in pieces, not mapped.
pub(crate) fn made(input: &Input) -> Made {
    let percent: u32 = std::env::var("RESPOOL_BENCH_PERCENT")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(100);
    let directory = scratch(&format!("{}-{percent}", input.name));
    if !directory.is_dir() {
        // Half an input would be taken for a whole one by the next run.
        let unfinished = scratch("unfinished");
        let _absent = fs::remove_dir_all(&unfinished);
        let calls = (u64::from(input.calls_per_hour) * u64::from(percent) / 100).max(1).to_string();
        let status = Command::new(RESPOOL)
            .args(["synth", "--calls-per-hour", &calls, "--out"])
            .arg(&unfinished)
            .args(input.arguments)
            .status();
        assert!(status.unwrap().success(), "synth works");
        for files in files_below(&unfinished).chunks(1_000) {
            let aged = Command::new("touch").args(["-d", "2 days ago"]).args(files).status();
            assert!(aged.unwrap().success(), "touch works");
        }
        let _absent = fs::remove_dir_all(scratch("unfinished.truth"));
        fs::rename(&unfinished, &directory).unwrap();
    }
    let files = files_below(&directory);
    let bytes = files.iter().map(|file| fs::metadata(file).unwrap().len()).sum();
    Made { directory, files, bytes }
}

/// A place for files of the benchmark.
pub(crate) fn scratch(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

pub(crate) fn files_below(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() { files.extend(files_below(&path)) } else { files.push(path) }
    }
    files.sort();
    files
}
