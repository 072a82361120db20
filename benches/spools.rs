//! The whole program against what reads the same bytes: a table an input, every figure beside others of
//! the same run.
//!
//! In: names of inputs (`sip`, `mix`, `spool`, `small`, `growth`; none means all) and `RESPOOL_BENCH_PERCENT`, the
//! size of the inputs in per cent of the full one. Out: tables on standard output. See README.md here.
#![allow(
    clippy::print_stdout,
    clippy::expect_used,
    clippy::unwrap_used,
    unsafe_code,
    reason = "a measurement prints its table, and ends at the first thing that does not work"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

const RESPOOL: &str = env!("CARGO_BIN_EXE_respool");
/// Runs of each command; the fastest counts, because whatever else the machine did only adds.
const RUNS: usize = 3;
/// tshark takes minutes for a full input: it gets this many records, and the time is scaled up.
const TSHARK_RECORDS: &str = "30000";

struct Input {
    name: &'static str,
    calls_per_hour: u32,
    arguments: &'static [&'static str],
}

const INPUTS: [Input; 4] = [
    Input { name: "sip", calls_per_hour: 3_800, arguments: &["--flat"] },
    Input { name: "mix", calls_per_hour: 31, arguments: &["--flat", "--rtp", "--rtp-pps", "5"] },
    Input { name: "spool", calls_per_hour: 8_400, arguments: &[] },
    Input { name: "small", calls_per_hour: 1_050, arguments: &["--files"] },
];

/// What a command took.
#[derive(Clone, Copy)]
struct Cost {
    wall_s: f64,
    cpu_s: f64,
    peak_mib: f64,
}

fn main() {
    let wanted: Vec<String> =
        std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    let is_wanted =
        |wanted_name: &str| wanted.is_empty() || wanted.iter().any(|name| name == wanted_name);
    for input in &INPUTS {
        if is_wanted(input.name) {
            measure(input);
        }
    }
    if is_wanted("growth") {
        growth();
    }
}

/// The same spool 1, 4 and 16 times as large: what a leg costs, and the exponent of the growth.
fn growth() {
    println!("\n## growth: spools of SIP in tar.zst");
    println!("| calls an hour | MB | wall s | CPU s | peak MiB | CPU s, 1 = linear |");
    println!("|---|---|---|---|---|---|");
    let mut costs: Vec<Cost> = Vec::new();
    for (name, calls_per_hour) in [("growth1", 400), ("growth4", 1_600), ("growth16", 6_400)] {
        let directory = made(&Input { name, calls_per_hour, arguments: &[] });
        let files = files_below(&directory);
        let bytes: u64 = files.iter().map(|file| fs::metadata(file).unwrap().len()).sum();
        let path = directory.to_str().unwrap();
        let words = ["check", path, "--limit", "100", "--quiet", "--threads", "2"];
        let cost = timed(RESPOOL, &words).expect("respool works");
        let Cost { wall_s, cpu_s, peak_mib } = cost;
        let expected = costs.first().map_or(1.0, |first| cpu_s / first.cpu_s)
            / 4f64.powi(i32::try_from(costs.len()).unwrap());
        println!(
            "| {calls_per_hour} | {:.1} | {wall_s:.3} | {cpu_s:.3} | {peak_mib:.0} | {expected:.3} |",
            bytes as f64 / 1e6
        );
        costs.push(cost);
    }
    let exponent = (costs[2].cpu_s / costs[0].cpu_s).ln() / 16f64.ln();
    println!("exponent of CPU time over 16 times the calls: {exponent:.3}");
}

fn measure(input: &Input) {
    let directory = made(input);
    let files = files_below(&directory);
    let bytes: u64 = files.iter().map(|file| fs::metadata(file).unwrap().len()).sum();
    println!("\n## {}: {} files, {:.1} MB", input.name, files.len(), bytes as f64 / 1e6);
    println!("| command | wall s | CPU s | peak MiB | MB/s | wall, respool with 2 threads = 1 |");
    println!("|---|---|---|---|---|---|");
    let path = directory.to_str().unwrap();
    let check = |threads: &str| {
        let words = ["check", path, "--limit", "100", "--quiet", "--threads", threads];
        timed(RESPOOL, &words).expect("respool works")
    };
    let two = check("2");
    let row = |label: &str, cost: Cost| {
        let speed = bytes as f64 / 1e6 / cost.wall_s.max(1e-6);
        let ratio = cost.wall_s / two.wall_s;
        let Cost { wall_s, cpu_s, peak_mib } = cost;
        println!(
            "| {label} | {wall_s:.3} | {cpu_s:.3} | {peak_mib:.0} | {speed:.0} | {ratio:.3} |"
        );
    };
    row("respool check, 2 threads", two);
    row("respool check, 1 thread", check("1"));
    row("sum of all bytes of the map, 2 threads", sum_of_map(&files, 2));
    row("sum of all bytes of the map, 1 thread", sum_of_map(&files, 1));
    let list: Vec<&str> = files.iter().map(|file| file.to_str().unwrap()).collect();
    rows_of_others(input, &list, bytes, &row);
    cold(&files, "cat", &list, &row);
    cold(&files, RESPOOL, &["check", path, "--limit", "100", "--quiet"], &row);
    stages(path);
}

/// One run with files that the page cache does not hold: `dd` asks the system to drop them
/// (`posix_fadvise`), which it does for pages that are not dirty.
fn cold(files: &[PathBuf], program: &str, words: &[&str], row: &impl Fn(&str, Cost)) {
    for file in files {
        let of = format!("of={}", file.display());
        let words =
            [of.as_str(), "oflag=nocache", "conv=notrunc,fdatasync", "count=0", "status=none"];
        let dropped = Command::new("dd").args(words).status();
        assert!(dropped.unwrap().success(), "dd works");
    }
    let name = if program == RESPOOL { "respool check" } else { program };
    if let Some(cost) = timed_once(program, words) {
        row(&format!("{name}, cold files, one run"), cost);
    }
}

/// What each stage takes, joining, finalising, correlating, counting and the database among them.
fn stages(path: &str) {
    let database = Path::new(env!("CARGO_TARGET_TMPDIR")).join("stages.db");
    let words = ["check", path, "--limit", "100", "--quiet", "--threads", "2", "--profile", "--db"];
    let output = Command::new(RESPOOL).args(words).arg(&database).output().unwrap();
    println!("\n```text\n{}```", String::from_utf8_lossy(&output.stderr));
}

fn rows_of_others(input: &Input, list: &[&str], bytes: u64, row: &impl Fn(&str, Cost)) {
    let others: &[(&str, &[&str])] = match input.name {
        "spool" => &[("zstd", &["-dcq"]), ("cat", &[])],
        _ => &[("cat", &[])],
    };
    for (program, words) in others {
        let words: Vec<&str> = words.iter().chain(list).copied().collect();
        match timed(program, &words) {
            Some(cost) => row(&format!("{program} {}", words.first().unwrap_or(&"")), cost),
            None => println!("| {program} | not installed, or failed | | | | |"),
        }
    }
    if !matches!(input.name, "sip" | "mix") {
        return;
    }
    let largest = *list.iter().max_by_key(|file| fs::metadata(file).unwrap().len()).unwrap();
    match timed("tcpdump", &["-r", largest, "-w", "/dev/null"]) {
        Some(cost) => row("tcpdump -r -w /dev/null", cost),
        None => println!("| tcpdump | not installed, or failed | | | | |"),
    }
    let head = Path::new(env!("CARGO_TARGET_TMPDIR")).join("head.pcap");
    // Whole records: tshark ends with an error at the end of a cut capture.
    let words = ["-r", largest, "-c", TSHARK_RECORDS, "-w", head.to_str().unwrap()];
    let cut = Command::new("tcpdump").args(words).stderr(Stdio::null()).status();
    if !cut.is_ok_and(|status| status.success()) {
        println!("| tshark | needs tcpdump for its part of the file | | | | |");
        return;
    }
    let taken = fs::metadata(&head).unwrap().len();
    match timed("tshark", &["-q", "-z", "sip,stat", "-r", head.to_str().unwrap()]) {
        Some(cost) => {
            let scale = bytes as f64 / taken as f64;
            let Cost { wall_s, cpu_s, peak_mib } = cost;
            let scaled = Cost { wall_s: wall_s * scale, cpu_s: cpu_s * scale, peak_mib };
            row(&format!("tshark -z sip,stat ({taken} bytes, times {scale:.1})"), scaled);
        }
        None => println!("| tshark | not installed, or failed | | | | |"),
    }
}

/// The input's directory, made when it is not there. Its files are aged: younger ones are not mapped.
fn made(input: &Input) -> PathBuf {
    let percent: u32 = std::env::var("RESPOOL_BENCH_PERCENT")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(100);
    let name = format!("{}-{percent}", input.name);
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    if !directory.is_dir() {
        let calls = (input.calls_per_hour * percent / 100).max(1).to_string();
        let status = Command::new(RESPOOL)
            .args(["synth", "--calls-per-hour", &calls, "--out"])
            .arg(&directory)
            .args(input.arguments)
            .status();
        assert!(status.unwrap().success(), "synth works");
        for file in files_below(&directory) {
            let aged = Command::new("touch").args(["-d", "2 days ago"]).arg(file).status();
            assert!(aged.unwrap().success(), "touch works");
        }
    }
    directory
}

fn files_below(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() { files.extend(files_below(&path)) } else { files.push(path) }
    }
    files.sort();
    files
}

/// The fastest of some runs; absent when the program is not there or fails. `respool` may say 1 and 3.
fn timed(program: &str, words: &[&str]) -> Option<Cost> {
    (0..RUNS)
        .map(|_| timed_once(program, words))
        .min_by(|one, other| {
            let wall = |cost: &Option<Cost>| cost.map_or(f64::MAX, |cost| cost.wall_s);
            wall(one).total_cmp(&wall(other))
        })
        .flatten()
}

fn timed_once(program: &str, words: &[&str]) -> Option<Cost> {
    let output = Command::new("/usr/bin/time")
        .args(["-f", "cost %e %U %S %M", program])
        .args(words)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .output()
        .ok()?;
    let fails = !output.status.success() && program != RESPOOL;
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    let line = told.lines().find_map(|line| line.strip_prefix("cost "))?;
    let values: Vec<f64> = line.split(' ').filter_map(|word| word.parse().ok()).collect();
    let [wall_s, user_s, system_s, peak_kib] = values[..] else { return None };
    let cost = Cost { wall_s, cpu_s: user_s + system_s, peak_mib: peak_kib / 1024.0 };
    (!fails).then_some(cost)
}

/// What memory allows: every byte of the files' maps is added up.
fn sum_of_map(files: &[PathBuf], threads: usize) -> Cost {
    let once = || {
        let start = Instant::now();
        let maps: Vec<memmap2::Mmap> = files
            .iter()
            // SAFETY: nobody writes the inputs of a benchmark while it runs.
            .map(|file| unsafe { memmap2::Mmap::map(&fs::File::open(file).unwrap()).unwrap() })
            .collect();
        std::thread::scope(|scope| {
            for thread in 0..threads {
                let maps = &maps;
                scope.spawn(move || {
                    let mut sum = 0u64;
                    for map in maps {
                        let share = map.len() / threads;
                        let end =
                            if thread + 1 == threads { map.len() } else { share * (thread + 1) };
                        for byte in &map[share * thread..end] {
                            sum = sum.wrapping_add(u64::from(*byte));
                        }
                    }
                    std::hint::black_box(sum)
                });
            }
        });
        start.elapsed().as_secs_f64()
    };
    let wall_s = (0..RUNS).map(|_| once()).fold(f64::MAX, f64::min);
    Cost { wall_s, cpu_s: f64::NAN, peak_mib: f64::NAN }
}
