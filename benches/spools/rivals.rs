//! Other programs over the same bytes. Slow ones get the first records, and their times are scaled up to
//! the whole input, which is said.

use crate::command::{Table, fastest, timed, timed_once};
use crate::inputs::{Made, scratch};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

/// Records that tshark and sngrep get: they take minutes for a full input.
const HEAD_RECORDS: &str = "30000";
/// After so many seconds they are ended.
const PATIENCE_S: &str = "120";

/// `cat` of all files.
pub(crate) fn cat(table: &mut Table, made: &Made) {
    table.row("`cat` of all files", batched("cat", &[], made));
}

/// `zstd -dc` of all files.
pub(crate) fn zstd(table: &mut Table, made: &Made) {
    table.row("`zstd -dcq` of all files", batched("zstd", &["-dcq"], made));
}

/// A program over all files: one run, or some where the files are too many for a command line.
fn batched(program: &str, words: &[&str], made: &Made) -> Result<crate::command::Cost, String> {
    let files = made.words();
    let mut sum: Option<crate::command::Cost> = None;
    for files in files.chunks(10_000) {
        let words: Vec<&str> = words.iter().chain(files).copied().collect();
        let cost = timed(program, &words)?;
        let before = sum.map_or((0.0, 0.0, 0.0), |sum| (sum.wall_s, sum.cpu_s, sum.peak_mib));
        sum = Some(crate::command::Cost {
            wall_s: before.0 + cost.wall_s,
            cpu_s: before.1 + cost.cpu_s,
            peak_mib: before.2.max(cost.peak_mib),
        });
    }
    sum.ok_or_else(|| "no files".to_owned())
}

/// tcpdump over the largest file, tshark and sngrep over its first records.
pub(crate) fn packet_tools(table: &mut Table, made: &Made) {
    let largest = made.largest();
    let bytes = fs::metadata(largest).unwrap().len();
    let factor = made.bytes as f64 / bytes as f64;
    let words = ["-r", largest.to_str().unwrap(), "-w", "/dev/null"];
    let cost = timed("tcpdump", &words).map(|cost| cost.times(factor));
    table.row("`tcpdump -r FILE -w /dev/null`", cost);
    let head = scratch("head.pcap");
    let taken = match head_of(largest, &head) {
        Ok(taken) => taken,
        Err(reason) => {
            println!("| tshark, sngrep | no part of the file for them: {reason} | | | | | |");
            return;
        }
    };
    let factor = made.bytes as f64 / taken as f64;
    let head = head.to_str().unwrap();
    let tools: [(&str, &[&str]); 2] = [
        ("tshark", &["-q", "-z", "sip,stat", "-r", head]),
        ("sngrep", &["-N", "-q", "-l", "1000000", "-I", head]),
    ];
    for (program, words) in tools {
        let words: Vec<&str> = [PATIENCE_S, program].iter().chain(words).copied().collect();
        let cost = match timed_once("timeout", &words) {
            // Once more only when that is quick.
            Ok(cost) if cost.wall_s < 10.0 => fastest([Ok(cost), timed_once("timeout", &words)]),
            other => other,
        };
        let cost = cost.map(|cost| cost.times(factor)).map_err(|reason| match &*reason {
            reason if reason.starts_with("exit code 124") => format!("ended after {PATIENCE_S} s"),
            _ => reason,
        });
        let words = words[1..].join(" ").replace(head, "HEAD");
        table.row(&format!("`{words}` ({HEAD_RECORDS} records, times {factor:.1})"), cost);
    }
}

/// The first records of a capture, whole ones: tshark ends with an error at the end of a cut capture.
/// Gives their bytes.
fn head_of(capture: &Path, head: &Path) -> Result<u64, String> {
    // tcpdump gives its file to a user of its own, who cannot write over that of another.
    let _absent = fs::remove_file(head);
    let output = Command::new("tcpdump")
        .arg("-r")
        .arg(capture)
        .args(["-c", HEAD_RECORDS, "-w"])
        .arg(head)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("tcpdump: {error}"))?;
    if !output.status.success() {
        let told = String::from_utf8_lossy(&output.stderr);
        return Err(format!("tcpdump: {}", told.lines().last().unwrap_or_default()));
    }
    fs::metadata(head).map(|metadata| metadata.len()).map_err(|error| error.to_string())
}
