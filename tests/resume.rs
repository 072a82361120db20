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

    /// With the work directory it is as without: with whatever answers lie there, with what was kept of
    /// files alone, and with its own answer.
    #[track_caller]
    fn holds(&self, what: &str, words: &[&str]) {
        let expected = self.results(words);
        let work = self.work();
        let with: Vec<&str> = [words, &["--work", work.to_str().unwrap()]].concat();
        for round in ["as it is", "without answers", "with its answer"] {
            if round == "without answers" {
                self.answers().iter().for_each(|answer| fs::remove_file(answer).unwrap());
            }
            assert!(self.results(&with) == expected, "{what}, {round}");
        }
    }

    /// Everything that a run prints, its exit code, and whether a kept answer was given; with the work
    /// directory.
    fn run(&self, words: &[&str]) -> (Vec<u8>, Option<i32>, bool) {
        let work = self.work();
        let with = [words, &["--profile", "--work", work.to_str().unwrap()]].concat();
        let output = self.command(&with).output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        let stage =
            |name: &str| told.lines().find(|line| line.starts_with(name)).map(str::to_owned);
        let was_kept = stage("kept answer").is_some_and(|line| line.contains(" 1 answers "));
        // A run that has the answer reads nothing and finds nothing.
        assert_eq!(was_kept, stage("read ").is_none(), "{words:?}: {told}");
        (output.stdout, output.status.code(), was_kept)
    }

    /// What a run without a work directory prints, and its exit code.
    fn plain(&self, words: &[&str]) -> (Vec<u8>, Option<i32>) {
        let output = self.command(words).output().unwrap();
        (output.stdout, output.status.code())
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(RESPOOL);
        command.arg("check").arg(self.spool()).args(["--quiet"]).args(words).stdin(Stdio::null());
        command
    }

    /// The files of the spool, in the order of their paths.
    fn files(&self) -> Vec<PathBuf> {
        let walk = walkdir::WalkDir::new(self.spool()).sort_by_file_name().into_iter();
        let files = walk.map(Result::unwrap).filter(|entry| entry.file_type().is_file());
        files.map(walkdir::DirEntry::into_path).collect()
    }

    fn segments(&self) -> Vec<PathBuf> {
        self.below_work("segment-")
    }

    fn answers(&self) -> Vec<PathBuf> {
        self.below_work("answer-")
    }

    fn below_work(&self, prefix: &str) -> Vec<PathBuf> {
        let Ok(entries) = fs::read_dir(self.work()) else { return Vec::new() };
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        paths.retain(|path| path.file_name().unwrap().to_string_lossy().starts_with(prefix));
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
        for segment in [scene.segments(), scene.answers()].concat() {
            let mut bytes = fs::read(&segment).unwrap();
            let at = bytes.len() * part / 8;
            bytes[at] ^= 0xff;
            fs::write(&segment, bytes).unwrap();
        }
        scene.holds("a byte is another", &[]);
    }
    for segment in [scene.segments(), scene.answers()].concat() {
        let file = File::options().write(true).open(&segment).unwrap();
        file.set_len(segment.metadata().unwrap().len() / 2).unwrap();
    }
    scene.holds("segments are cut", &[]);
    let all = [scene.segments(), scene.answers()].concat();
    all.iter().for_each(|segment| fs::write(segment, b"").unwrap());
    scene.holds("segments are empty", &[]);
    let _absent = fs::remove_dir_all(scene.work());
    fs::write(scene.work(), b"a file").unwrap();
    scene.holds("the directory is a file", &[]);
}

/// A second run does not read what did not change: else it would keep it once more. What did change it reads,
/// here the middle of a capture, behind the back of size, time, head and tail.
#[test]
fn what_did_not_change_is_not_read() {
    let scene = Scene::new();
    let large =
        scene.files().into_iter().max_by_key(|path| path.metadata().unwrap().len()).unwrap();
    let times = fs::FileTimes::new().set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(9));
    File::options().write(true).open(&large).unwrap().set_times(times).unwrap();
    scene.holds("first", &[]);
    let expected = scene.results(&[]);
    let work = scene.work();
    let again = || {
        scene.answers().iter().for_each(|answer| fs::remove_file(answer).unwrap());
        let results = scene.results(&["--work", work.to_str().unwrap()]);
        let kept = |path: PathBuf| (path.metadata().unwrap().len(), path);
        (results, scene.segments().into_iter().map(kept).collect::<Vec<_>>())
    };
    let (first, kept) = again();
    assert!(first == expected && !kept.is_empty());
    assert!(again() == (expected.clone(), kept.clone()), "something was read");
    let mut bytes = fs::read(&large).unwrap();
    assert!(bytes.len() > 100_000, "{}", bytes.len());
    let (middle, length) = (bytes.len() / 2, bytes.len() / 4);
    bytes[middle..middle + length].fill(0);
    fs::write(&large, bytes).unwrap();
    File::options().write(true).open(&large).unwrap().set_times(times).unwrap();
    let changed = scene.results(&[]);
    assert!(changed != expected);
    let (found, kept_now) = again();
    assert!(found == changed && kept_now != kept);
}

/// The same bytes and exit code in every format, by any number of threads, whoever found the answer.
#[test]
fn a_kept_answer_is_printed_as_one_that_is_found() {
    let scene = Scene::new();
    let formats: [&[&str]; 4] = [
        &["--limit", "2"],
        &["--limit", "2", "--width", "200"],
        &["--limit", "2", "--json"],
        &["--limit", "2", "--memory", "1M"],
    ];
    let mut was_kept_before = false;
    for words in formats {
        let (expect, code) = scene.plain(words);
        for threads in ["1", "2"] {
            let found = scene.run(&[words, &["--threads", threads]].concat());
            assert!(found.0 == expect && found.1 == code, "{words:?}, {threads}");
            // Neither the format nor the threads are asked.
            assert_eq!(found.2, was_kept_before, "{words:?}, {threads}");
            was_kept_before = true;
        }
    }
    assert_eq!(scene.answers().len(), 1);
}

/// Each option that the answer depends on gets an answer of its own; the first one stays.
#[test]
fn an_answer_to_one_question_is_none_to_another() {
    let scene = Scene::new();
    let at = |name: &str| scene.dir.path().join(name).to_str().unwrap().to_owned();
    fs::write(at("vm.conf"), "bye_timeout = 60\n").unwrap();
    fs::write(at("rules.toml"), "numbers.on = false\n").unwrap();
    fs::write(at("license.toml"), "formal_end = '2026-01-01'\n").unwrap();
    let sensor = format!("--sensor=other={}", scene.spool().join("plain").display());
    let (conf, rules, license) = (at("vm.conf"), at("rules.toml"), at("license.toml"));
    let options: [&[&str]; 14] = [
        &[],
        &["--limit", "3"],
        &["--readings", "all"],
        &["--reading", "dedup=none"],
        &["--scenario", "merged"],
        &["--accept-loss"],
        &["--as-of", "2026-11-03"],
        &["--from", "2026-11-03"],
        &["--to", "2026-11-03"],
        &["--time-zone", "Europe/Prague"],
        &["--conf", &conf],
        &["--rules", &rules],
        &["--license", &license],
        &[&sensor],
    ];
    for option in options {
        let limit: &[&str] = if option.contains(&"--limit") { &[] } else { &["--limit", "2"] };
        let words = [limit, &["--json"], option].concat();
        let (expect, code) = scene.plain(&words);
        assert!(matches!(code, Some(0 | 1 | 3)), "{option:?}");
        for is_kept in [false, true] {
            let found = scene.run(&words);
            assert!(found.0 == expect && found.1 == code, "{option:?}, {is_kept}");
            assert_eq!(found.2, is_kept, "{option:?}");
        }
    }
    assert_eq!(scene.answers().len(), options.len());
    assert!(scene.run(&["--limit", "2"]).2, "the first answer is still there");
}

/// Whatever happens to the files, a run after it reads.
#[test]
fn an_answer_is_given_for_the_same_files_alone() {
    let scene = Scene::new();
    let words = ["--limit", "2", "--json"];
    let files = scene.files();
    let check = |what: &str| {
        let (expect, code) = scene.plain(&words);
        for is_kept in [false, true] {
            let found = scene.run(&words);
            assert!(found.0 == expect && found.1 == code, "{what}, {is_kept}");
            assert_eq!(found.2, is_kept, "{what}");
        }
    };
    check("first");
    let touched = File::options().write(true).open(&files[0]).unwrap();
    touched.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(9)).unwrap();
    check("touched");
    let mut bytes = fs::read(&files[3]).unwrap();
    bytes.truncate(bytes.len() / 2);
    fs::write(&files[3], bytes).unwrap();
    check("changed");
    fs::copy(&files[9], files[9].with_file_name("zzz-last")).unwrap();
    check("added");
    fs::rename(&files[9], files[9].with_file_name("zzz-second")).unwrap();
    check("renamed");
    fs::remove_file(&files[12]).unwrap();
    check("removed");
    std::os::unix::fs::symlink("nowhere", scene.spool().join("link.pcap")).unwrap();
    let before = scene.answers();
    for _ in 0..2 {
        assert!(!scene.run(&words).2, "what cannot be looked at may be there the next time");
    }
    assert_eq!(scene.answers(), before);
}

/// A result that is more than the report, and one of more than the captures, are made anew.
#[test]
fn other_inputs_and_outputs_are_not_answered() {
    let scene = Scene::new();
    let words = ["--limit", "2", "--json"];
    let (expect, _, _) = scene.run(&words);
    assert!(scene.run(&words).2);
    let database = scene.dir.path().join("run.db");
    let (found, _, was_kept) =
        scene.run(&[&words[..], &["--db", database.to_str().unwrap()]].concat());
    assert!(found == expect && !was_kept);
    assert!(database.metadata().unwrap().len() > 0);
    let recorded = scene.dir.path().join("cdr.csv");
    fs::write(&recorded, "calldate,duration,caller,called,lastSIPresponseNum\n").unwrap();
    let words = [&words[..], &["--recorded", recorded.to_str().unwrap()]].concat();
    for _ in 0..2 {
        assert!(!scene.run(&words).2);
    }
    // The standard input is another each time.
    let mut piped = scene.command(&["-", "--limit", "2", "--work", scene.work().to_str().unwrap()]);
    let before = scene.answers();
    assert!(piped.status().unwrap().code().is_some());
    assert_eq!(scene.answers(), before);
}

/// Every kind of thing that a report can hold: the cases of the corpus.
#[test]
fn answers_over_the_corpus_are_the_same() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let directory = TempDir::new().unwrap();
    let mut cases = 0;
    for case in fs::read_dir(corpus).unwrap().map(|entry| entry.unwrap().path()) {
        let input = case.join("input");
        if !input.is_dir() {
            continue;
        }
        let run = |words: &[&str]| {
            let mut command = Command::new(RESPOOL);
            command.arg("check").arg(&input).args(["--limit", "3", "--quiet"]).args(words);
            let license = case.join("license.toml");
            if license.exists() {
                command.arg("--license").arg(license);
            }
            let output = command.stdin(Stdio::null()).output().unwrap();
            (
                output.stdout,
                output.status.code(),
                String::from_utf8_lossy(&output.stderr).into_owned(),
            )
        };
        let work = directory.path().join(cases.to_string());
        let work = ["--work", work.to_str().unwrap(), "--profile"];
        let words = ["--readings", "all"];
        let text = run(&words);
        let json = run(&[&words[..], &["--json"]].concat());
        let first = run(&[&words[..], &work].concat());
        let second = run(&[&words[..], &work].concat());
        let kept = run(&[&words[..], &work, &["--json"]].concat());
        let what = case.display();
        assert!(first.0 == text.0 && second.0 == text.0 && kept.0 == json.0, "{what}");
        assert!([first.1, second.1, kept.1] == [text.1; 3], "{what}");
        // Without a record there is no report.
        if !text.0.is_empty() {
            assert!(second.2.contains(" 1 answers ") && kept.2.contains(" 1 answers "), "{what}");
        }
        cases += 1;
    }
    assert!(cases > 50, "{cases}");
}
