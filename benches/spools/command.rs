//! Commands and what they took, and how that is printed.

use std::process::{Command, Stdio};
use std::time::Instant;

/// The program that is measured, as cargo built it with this benchmark.
pub(crate) const RESPOOL: &str = env!("CARGO_BIN_EXE_respool");
/// Runs of each command; the fastest counts, because whatever else the machine did only adds.
pub(crate) const RUNS: usize = 3;

/// What a command took. What is not known is not a number.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    pub(crate) wall_s: f64,
    pub(crate) cpu_s: f64,
    pub(crate) peak_mib: f64,
}

impl Cost {
    /// What all of an input would take, when this was for a part of it.
    pub(crate) fn times(self, factor: f64) -> Self {
        Self { wall_s: self.wall_s * factor, cpu_s: self.cpu_s * factor, ..self }
    }
}

/// The fastest of some runs; else why there is none.
pub(crate) fn timed(program: &str, words: &[&str]) -> Result<Cost, String> {
    fastest((0..RUNS).map(|_| timed_once(program, words)))
}

/// The fastest of costs; the first error when there is one.
pub(crate) fn fastest(
    costs: impl IntoIterator<Item = Result<Cost, String>>,
) -> Result<Cost, String> {
    let costs = costs.into_iter().collect::<Result<Vec<Cost>, String>>()?;
    let fastest = costs.into_iter().min_by(|one, other| one.wall_s.total_cmp(&other.wall_s));
    fastest.ok_or_else(|| "no run".to_owned())
}

/// One run. `respool` may say 1 and 3, which are verdicts; any other exit code than 0 is a failure, told
/// with the last line of standard error.
pub(crate) fn timed_once(program: &str, words: &[&str]) -> Result<Cost, String> {
    timed_output(program, words, Stdio::null()).map(|(cost, _)| cost)
}

/// One run with what it printed.
pub(crate) fn timed_output(
    program: &str,
    words: &[&str],
    stdout: Stdio,
) -> Result<(Cost, Vec<u8>), String> {
    // Of a small process in between, because the most memory that a process held begins with that of
    // the one it was forked from. Its clock has two decimals, so the time is taken here, with the
    // millisecond that it takes itself.
    let start = Instant::now();
    let output = Command::new("/usr/bin/time")
        .args(["-f", "cost %U %S %M", program])
        .args(words)
        .stdin(Stdio::null())
        .stdout(stdout)
        .stderr(Stdio::piped())
        .spawn()
        .and_then(std::process::Child::wait_with_output)
        .map_err(|error| format!("/usr/bin/time: {error}"))?;
    let wall_s = start.elapsed().as_secs_f64();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    let is_verdict = program == RESPOOL && matches!(output.status.code(), Some(1 | 3));
    if !output.status.success() && !is_verdict {
        let said = |line: &&str| !line.starts_with("cost ") && !line.starts_with("Command exited");
        let last = told.lines().rev().find(said).unwrap_or("nothing on standard error");
        return Err(match output.status.code() {
            Some(127) => "not installed".to_owned(),
            Some(code) => format!("exit code {code}: {last}"),
            None => format!("a signal: {last}"),
        });
    }
    let line = told.lines().find_map(|line| line.strip_prefix("cost "));
    let values: Vec<f64> =
        line.unwrap_or_default().split(' ').filter_map(|word| word.parse().ok()).collect();
    let [user_s, system_s, peak_kib] = values[..] else {
        return Err("/usr/bin/time said nothing".to_owned());
    };
    let cost = Cost { wall_s, cpu_s: user_s + system_s, peak_mib: peak_kib / 1024.0 };
    Ok((cost, output.stdout))
}

/// `check` of a path, as it is always measured.
pub(crate) fn check_words<'w>(path: &'w str, threads: &'w str) -> Vec<&'w str> {
    vec!["check", path, "--limit", "100", "--quiet", "--threads", threads]
}

/// Words of flags that this build may not have yet: whether it has this one.
pub(crate) fn has_flag(flag: &str) -> bool {
    let help = Command::new(RESPOOL).args(["check", "--help"]).output().unwrap();
    String::from_utf8_lossy(&help.stdout).split_whitespace().any(|word| word == flag)
}

/// What `check --json` found: all of it but the object about how the captures lay in files.
pub(crate) fn results(output: &[u8]) -> serde_json::Value {
    let mut document: serde_json::Value = serde_json::from_slice(output).expect("JSON is printed");
    document.as_object_mut().expect("an object").remove("input").expect("it has an input");
    document
}

/// A table with the ratios of every row to the first one.
pub(crate) struct Table {
    first: Option<Cost>,
    bytes: u64,
}

impl Table {
    /// Prints its heading. `bytes` is what a row goes through, for the speed.
    pub(crate) fn new(title: &str, bytes: u64) -> Self {
        println!("\n## {title}\n");
        println!(
            "| command | wall s | CPU s | peak MiB | MB/s | wall, first = 1 | CPU, first = 1 |"
        );
        println!("|---|---|---|---|---|---|---|");
        Self { first: None, bytes }
    }

    /// Prints a row, or why there is none.
    pub(crate) fn row(&mut self, label: &str, cost: Result<Cost, String>) -> Option<Cost> {
        let cost = match cost {
            Ok(cost) => cost,
            Err(reason) => {
                println!("| {label} | {reason} | | | | | |");
                return None;
            }
        };
        let first = *self.first.get_or_insert(cost);
        let Cost { wall_s, cpu_s, peak_mib } = cost;
        let speed = self.bytes as f64 / 1e6 / wall_s.max(1e-6);
        println!(
            "| {label} | {wall_s:.3} | {} | {} | {speed:.0} | {} | {} |",
            number(cpu_s, 3),
            number(peak_mib, 0),
            number(wall_s / first.wall_s, 3),
            number(cpu_s / first.cpu_s, 3)
        );
        Some(cost)
    }
}

/// A number, or nothing where it is not known.
pub(crate) fn number(value: f64, decimals: usize) -> String {
    if value.is_finite() { format!("{value:.decimals$}") } else { String::new() }
}

/// What every figure depends on.
pub(crate) fn machine() {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let of = |text: &str, name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
        line.trim_start_matches([' ', '\t', ':']).to_owned()
    };
    let processors = std::thread::available_parallelism().map_or(0, usize::from);
    println!(
        "{}; {processors} processors; {} memory; load {}",
        of(&read("/proc/cpuinfo"), "model name"),
        of(&read("/proc/meminfo"), "MemTotal"),
        read("/proc/loadavg").trim()
    );
}
