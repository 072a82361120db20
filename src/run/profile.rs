//! Where a run spends its time: wall and processor time, items and bytes of each stage.
//!
//! Processor time and memory come from the system's process table (Linux); elsewhere they are absent.

use std::fmt;
use std::time::{Duration, Instant};

/// Ticks a second of the times in `/proc/self/stat`: 100 on every Linux that there is (`USER_HZ`).
const TICKS_PER_S: u64 = 100;

/// One stage of a run.
#[derive(Clone, Debug)]
pub struct Stage {
    /// What was done.
    pub name: &'static str,
    /// How long it took.
    pub wall: Duration,
    /// Processor time of all threads; absent where the system does not tell.
    pub processor: Option<Duration>,
    /// What `items` counts.
    pub unit: &'static str,
    /// How many of them the stage went through.
    pub items: u64,
    /// Bytes that it went through; 0 where bytes say nothing.
    pub bytes: u64,
    /// Memory that the process held when it ended, mapped files aside; absent where the system does
    /// not tell.
    pub held_bytes: Option<u64>,
}

/// The stages of a run in the order in which they ended.
#[derive(Clone, Debug)]
pub struct Profile {
    /// The stages.
    pub stages: Vec<Stage>,
    /// What is kept of all legs, by kind: bytes in memory or in files.
    pub kept: Vec<(&'static str, usize)>,
    /// How many legs that is of.
    pub legs: usize,
    /// What the user should know of the work directory: no part of a result.
    pub messages: Vec<String>,
    since: Instant,
    processor: Option<Duration>,
}

impl Default for Profile {
    fn default() -> Self {
        Self {
            stages: Vec::new(),
            kept: Vec::new(),
            legs: 0,
            messages: Vec::new(),
            since: Instant::now(),
            processor: processor_time(),
        }
    }
}

impl Profile {
    /// What was done since the last stage ended, or since the beginning, was `name`.
    pub fn ended(&mut self, name: &'static str, (unit, items): (&'static str, u64), bytes: u64) {
        let (now, processor) = (Instant::now(), processor_time());
        self.stages.push(Stage {
            name,
            wall: now.duration_since(self.since),
            processor: processor.zip(self.processor).map(|(now, then)| now.saturating_sub(then)),
            unit,
            items,
            bytes,
            held_bytes: held_bytes("RssAnon:"),
        });
        (self.since, self.processor) = (now, processor);
    }
}

impl fmt::Display for Profile {
    /// A line for each stage, then their sum, what is kept of each leg, and the most memory that the
    /// process held.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            formatter,
            "{:<18} {:>8} {:>8} {:>10} {:<9} {:>9} {:>8} {:>8}",
            "stage", "wall s", "CPU s", "items", "", "read MB", "ns/item", "held MB"
        )?;
        for stage in &self.stages {
            line(formatter, stage)?;
        }
        let sum = Stage {
            name: "sum",
            wall: self.stages.iter().map(|stage| stage.wall).sum(),
            processor: self.stages.iter().map(|stage| stage.processor).sum(),
            unit: "",
            items: 0,
            bytes: 0,
            held_bytes: None,
        };
        line(formatter, &sum)?;
        if self.legs > 0 {
            let each = self
                .kept
                .iter()
                .map(|(what, bytes)| format!("{what} {}", bytes.div_ceil(self.legs)));
            let each: Vec<String> = each.collect();
            writeln!(formatter, "bytes kept a leg: {}", each.join(", "))?;
        }
        match held_bytes("VmHWM:") {
            Some(bytes) => writeln!(formatter, "most memory held: {:.1} MB", megabytes(bytes)),
            None => Ok(()),
        }
    }
}

fn line(formatter: &mut fmt::Formatter<'_>, stage: &Stage) -> fmt::Result {
    let or_blank = |is_there: bool, text: String| if is_there { text } else { String::new() };
    let processor = stage.processor.map(|time| format!("{:.2}", time.as_secs_f64()));
    let each = stage.wall.as_nanos() as f64 / stage.items.max(1) as f64;
    let has_items = !stage.unit.is_empty();
    writeln!(
        formatter,
        "{:<18} {:>8.3} {:>8} {:>10} {:<9} {:>9} {:>8} {:>8}",
        stage.name,
        stage.wall.as_secs_f64(),
        processor.unwrap_or_default(),
        or_blank(has_items, stage.items.to_string()),
        stage.unit,
        or_blank(stage.bytes > 0, format!("{:.1}", megabytes(stage.bytes))),
        or_blank(has_items && stage.items > 0, format!("{each:.0}")),
        stage.held_bytes.map(|bytes| format!("{:.1}", megabytes(bytes))).unwrap_or_default(),
    )
}

fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

/// Processor time of all threads so far.
fn processor_time() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/self/stat").ok()?;
    ticks_of(&text).map(|ticks| Duration::from_millis(ticks * 1_000 / TICKS_PER_S))
}

/// User and system time: fields 14 and 15, counted behind the name, which may hold anything.
fn ticks_of(text: &str) -> Option<u64> {
    let (_, fields) = text.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

/// One of the sizes of memory in the process table: `RssAnon:` now, `VmHWM:` the most there ever was.
fn held_bytes(name: &str) -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    kib_of(&text, name).map(|kib| kib * 1_024)
}

fn kib_of(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_process_table() {
        let stat = "71 (a ) b) S 1 71 71 0 -1 4194560 900 0 0 0 150 25 0 0 20 0 1 0 1 1 1";
        assert_eq!(ticks_of(stat), Some(175));
        assert_eq!(ticks_of("71 (x"), None);
        let status = "VmPeak:\t 9 kB\nVmHWM:\t    1234 kB\nRssAnon:\t 7 kB\n";
        assert_eq!(kib_of(status, "VmHWM:"), Some(1_234));
        assert_eq!(kib_of(status, "RssAnon:"), Some(7));
        assert_eq!(kib_of("nothing", "VmHWM:"), None);
    }

    #[test]
    fn a_line_for_each_stage_and_the_sum() {
        let mut profile = Profile::default();
        profile.ended("read", ("records", 10), 2_000_000);
        profile.ended("judge", ("legs", 0), 0);
        (profile.legs, profile.kept) = (10, vec![("legs", 5_570), ("CDRs", 641)]);
        let text = profile.to_string();
        assert!(text.contains("bytes kept a leg: legs 557, CDRs 65\n"), "{text}");
        let firsts: Vec<&str> =
            text.lines().filter_map(|line| line.split_ascii_whitespace().next()).collect();
        assert_eq!(firsts[..4], ["stage", "read", "judge", "sum"]);
        let read = text.lines().nth(1).unwrap();
        assert!(read.contains(" 10 records ") && read.contains(" 2.0 "), "{read}");
    }
}
