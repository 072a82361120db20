//! `--work DIR`: whatever the work directory holds, however the run before it ended, the results are those
//! of a run without.
#![allow(clippy::unwrap_used, reason = "a test that fails stops")]

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime};
use tempfile::TempDir;

const RESPOOL: &str = env!("CARGO_BIN_EXE_respool");

/// Spools of two sensors and a plain capture, beside a work directory.
struct Scene {
    dir: TempDir,
}

impl Scene {
    fn new() -> Self {
        let dir = TempDir::new().unwrap();
        let synth = |name: &str, seed: &str, words: &str| {
            let status = Command::new(RESPOOL)
                .args(["synth", "--seed", seed, "--out"])
                .arg(dir.path().join(name))
                .args(words.split(' '))
                .stdout(Stdio::null())
                .status();
            assert!(status.unwrap().success());
        };
        synth("spool", "1", "--calls-per-hour 3 --files --rtp --sensor east");
        synth("more", "2", "--calls-per-hour 8 --sensor west");
        synth("plain", "3", "--calls-per-hour 4 --flat");
        for (from, to) in [("more/west", "spool/west"), ("plain", "spool/plain")] {
            fs::rename(dir.path().join(from), dir.path().join(to)).unwrap();
        }
        Self { dir }
    }

    fn spool(&self) -> PathBuf {
        self.dir.path().join("spool")
    }

    fn work(&self) -> PathBuf {
        self.dir.path().join("work")
    }

    fn check(&self, words: &[&str]) -> Command {
        let mut command = Command::new(RESPOOL);
        command.arg("check").arg(self.spool()).args(["--limit", "2", "--json", "--quiet"]);
        command.args(words).stdin(Stdio::null());
        command
    }

    /// What a run found, without how the captures lay in files.
    fn results(&self, words: &[&str]) -> serde_json::Value {
        let output = self.check(words).output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(matches!(output.status.code(), Some(0 | 1 | 3)), "{words:?}: {told}");
        let mut results: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        results.as_object_mut().unwrap().remove("input").unwrap();
        results
    }

    /// With the work directory it is as without, twice.
    #[track_caller]
    fn holds(&self, what: &str, words: &[&str]) {
        let expected = self.results(words);
        let work = self.work();
        let with: Vec<&str> = [words, &["--work", work.to_str().unwrap()]].concat();
        for round in 1..=2 {
            assert!(self.results(&with) == expected, "{what}, round {round}");
        }
    }

    /// The files of the spool, in the order of their paths.
    fn files(&self) -> Vec<PathBuf> {
        let walk = walkdir::WalkDir::new(self.spool()).sort_by_file_name().into_iter();
        let files = walk.map(Result::unwrap).filter(|entry| entry.file_type().is_file());
        files.map(walkdir::DirEntry::into_path).collect()
    }

    fn segments(&self) -> Vec<PathBuf> {
        let Ok(entries) = fs::read_dir(self.work()) else { return Vec::new() };
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        paths.retain(|path| path.file_name().unwrap().to_string_lossy().starts_with("segment-"));
        paths.sort();
        paths
    }
}

/// Killed at 20 moments of its first run, then run to the end.
#[test]
fn a_killed_run_goes_on() {
    let scene = Scene::new();
    let expected = scene.results(&[]);
    let work = scene.work();
    let words = ["--work", work.to_str().unwrap(), "--threads", "2"];
    let start = Instant::now();
    assert!(scene.results(&words) == expected);
    let whole = start.elapsed();
    for moment in 0..20u32 {
        let _absent = fs::remove_dir_all(&work);
        let mut child = scene.check(&words).stdout(Stdio::null()).spawn().unwrap();
        std::thread::sleep(whole * moment / 20);
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(scene.results(&words) == expected, "killed at {moment} of 20");
    }
}

/// Files that change, come and go between runs, so that others get their numbers.
#[test]
fn what_changed_is_read_anew() {
    let scene = Scene::new();
    scene.holds("first", &[]);
    let files = scene.files();
    let cut = |path: &Path| {
        let bytes = fs::read(path).unwrap();
        fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
    };
    fs::remove_file(&files[0]).unwrap();
    scene.holds("the first file is gone", &[]);
    cut(&files[5]);
    scene.holds("a file is shorter", &[]);
    fs::copy(&files[9], files[9].with_file_name("000-first")).unwrap();
    scene.holds("a new file is the first one", &[]);
    fs::copy(&files[10], &files[11]).unwrap();
    scene.holds("a file has the bytes of another", &[]);
    let tar = files.iter().find(|path| path.to_string_lossy().contains(".tar")).unwrap();
    let mut bytes = fs::read(tar).unwrap();
    bytes.extend(fs::read(tar).unwrap());
    fs::write(tar, bytes).unwrap();
    scene.holds("an archive grew", &[]);
    let sensor = scene.spool().join("a-sensor/2026-11-02/10/00/SIP");
    fs::create_dir_all(&sensor).unwrap();
    fs::copy(&files[10], sensor.join("call")).unwrap();
    scene.holds("a sensor before the others", &[]);
}

#[test]
fn other_options_are_other_results() {
    let scene = Scene::new();
    scene.holds("first", &[]);
    scene.holds("ports", &["--sip-ports", "5070"]);
    scene.holds("no ports", &[]);
    scene.holds("threads", &["--threads", "4"]);
    scene.holds("days", &["--from", "2026-11-03"]);
    let sensor = format!("--sensor=other={}", scene.spool().join("plain").display());
    scene.holds("another sensor", &[&sensor]);
}

/// Whatever happens to the work directory.
#[test]
fn damage_changes_nothing() {
    let scene = Scene::new();
    scene.holds("first", &[]);
    for part in 1..8 {
        for segment in scene.segments() {
            let mut bytes = fs::read(&segment).unwrap();
            let at = bytes.len() * part / 8;
            bytes[at] ^= 0xff;
            fs::write(&segment, bytes).unwrap();
        }
        scene.holds("a byte is another", &[]);
    }
    for segment in scene.segments() {
        let file = File::options().write(true).open(&segment).unwrap();
        file.set_len(segment.metadata().unwrap().len() / 2).unwrap();
    }
    scene.holds("segments are cut", &[]);
    scene.segments().iter().for_each(|segment| fs::write(segment, b"").unwrap());
    scene.holds("segments are empty", &[]);
    let _absent = fs::remove_dir_all(scene.work());
    fs::write(scene.work(), b"a file").unwrap();
    scene.holds("the directory is a file", &[]);
}

/// A second run does not read what did not change: here the middle of a capture, behind the back of size,
/// time, head and tail.
#[test]
fn what_did_not_change_is_not_read() {
    let scene = Scene::new();
    let large =
        scene.files().into_iter().max_by_key(|path| path.metadata().unwrap().len()).unwrap();
    let times = fs::FileTimes::new().set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(9));
    File::options().write(true).open(&large).unwrap().set_times(times).unwrap();
    scene.holds("first", &[]);
    let expected = scene.results(&[]);
    let mut bytes = fs::read(&large).unwrap();
    assert!(bytes.len() > 100_000, "{}", bytes.len());
    let (middle, length) = (bytes.len() / 2, bytes.len() / 4);
    bytes[middle..middle + length].fill(0);
    fs::write(&large, bytes).unwrap();
    File::options().write(true).open(&large).unwrap().set_times(times).unwrap();
    assert!(scene.results(&[]) != expected);
    let work = scene.work();
    assert!(scene.results(&["--work", work.to_str().unwrap()]) == expected);
}
