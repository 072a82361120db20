//! `cold`: files that the page cache does not hold, beside `cat` of the same.
//!
//! A copy is written, brought to the disk (`sync`), and its pages are dropped with
//! `posix_fadvise(POSIX_FADV_DONTNEED)` before every run; `fincore` says how many stayed. Only the cache
//! of this system is emptied: below a virtual machine the host may hold the bytes.

use crate::command::{Cost, RESPOOL, Table, check_words, timed_once};
use crate::inputs::{Input, MIX, Made, SIP, SPOOL, files_below, made, scratch};
use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::process::Command;

/// Runs of each of the two, in turn.
const ROUNDS: usize = 3;

pub(crate) fn table() {
    for input in [&SIP, &MIX, &SPOOL] {
        of_input(input);
    }
}

fn of_input(input: &Input) {
    let copy = copied(&made(input));
    let title =
        format!("cold {}: {} files, {:.1} MB", input.name, copy.files.len(), copy.megabytes());
    let mut table = Table::new(&title, copy.bytes);
    let (mut cats, mut checks, mut stayed) = (Vec::new(), Vec::new(), 0);
    for _ in 0..ROUNDS {
        stayed = dropped(&copy.files).max(stayed);
        cats.push(timed_once("cat", &copy.words()));
        stayed = dropped(&copy.files).max(stayed);
        checks.push(timed_once(RESPOOL, &check_words(copy.path(), "2")));
    }
    table.row("`cat` of all files, median of 3", median(cats));
    table.row("`respool check DIR ... --threads 2`, median of 3, in turn with it", median(checks));
    println!(
        "\nOf the {} bytes at most {stayed} were still in the page cache before a run.",
        copy.bytes
    );
    fs::remove_dir_all(&copy.directory).unwrap();
}

fn copied(made: &Made) -> Made {
    let directory = scratch("cold");
    let _absent = fs::remove_dir_all(&directory);
    let done = Command::new("cp").args(["-a", made.path()]).arg(&directory).status();
    assert!(done.unwrap().success(), "cp works");
    let files = files_below(&directory);
    for file in &files {
        File::open(file).unwrap().sync_all().unwrap();
    }
    Made { directory, files, bytes: made.bytes }
}

/// Drops the pages of files and gives the bytes of those that stayed.
fn dropped(files: &[PathBuf]) -> u64 {
    for file in files {
        let file = File::open(file).unwrap();
        // SAFETY: the descriptor is open; the call only advises.
        unsafe { libc::posix_fadvise(file.as_raw_fd(), 0, 0, libc::POSIX_FADV_DONTNEED) };
    }
    let mut stayed = 0;
    for files in files.chunks(1_000) {
        let words = ["--bytes", "--noheadings", "--output", "RES"];
        let output = Command::new("fincore").args(words).args(files).output();
        let output = output.expect("fincore of util-linux is installed");
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        stayed += told.split_whitespace().filter_map(|word| word.parse::<u64>().ok()).sum::<u64>();
    }
    stayed
}

fn median(costs: Vec<Result<Cost, String>>) -> Result<Cost, String> {
    let mut costs = costs.into_iter().collect::<Result<Vec<Cost>, String>>()?;
    costs.sort_by(|one, other| one.wall_s.total_cmp(&other.wall_s));
    costs.get(costs.len() / 2).copied().ok_or_else(|| "no run".to_owned())
}
