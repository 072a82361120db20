//! The check report as text for a terminal: verdict first, then why, caveats, the tables, what was read
//! and what was lost.

use super::check::{CheckReport, LeftOut};
use super::escape::terminal;
use super::format::{bytes, channels, counted, distance, grouped, local_hm, local_s, margin};
use super::readings::table as readings_table;
use super::sentences::{
    agreeing, caveat, disagreement, headline, next_step, reasons, recorded_against_recount,
    scenario_label,
};
use crate::base::NoteKind;
use crate::channel::{Axis, Reading};
use crate::license::{Caveat, DayRow, Outcome, ScenarioVerdict};

/// How the text is laid out.
#[derive(Clone, Copy, Debug)]
pub struct TextStyle {
    /// Columns of the terminal; prose wraps here.
    pub width: usize,
    /// Whether colour codes may be used.
    pub colour: bool,
}

impl Default for TextStyle {
    fn default() -> Self {
        Self { width: 80, colour: false }
    }
}

/// Days of the day table; more are in the JSON.
const DAYS_SHOWN_MAX: usize = 31;
/// Losses and files named one by one.
const LINES_SHOWN_MAX: usize = 10;
/// Narrower terminals are written to as if they were so wide.
const WIDTH_MIN: usize = 40;

/// The report as text.
#[must_use]
pub fn text(report: &CheckReport, style: TextStyle) -> String {
    let mut page =
        Page { text: String::new(), width: style.width.max(WIDTH_MIN), colour: style.colour };
    let Some(verdict) = report.deciding() else {
        page.prose("", "Nothing was judged.");
        return page.text;
    };
    let outcome = report.outcome().unwrap_or(verdict.judged.outcome);
    page.verdict_line(outcome, verdict.never_locked, &headline(report, verdict));
    for cause in report.other_causes() {
        let sentence = terminal(cause.sentence.as_bytes());
        page.prose("  ! ", &format!("{} ({}).", sentence, cause.kind.name()));
    }
    // Whatever the count: another cause keeps the lock under every reading.
    if report.other_causes().next().is_none()
        && let Some(sentence) = disagreement(verdict)
    {
        page.prose("  ! ", &sentence);
    }
    for item in verdict.caveats.iter().filter(|item| is_for(item, outcome)) {
        page.prose("  ! ", &caveat(report, item));
    }
    page.blank();
    for reason in reasons(report, verdict) {
        page.prose("", &reason);
    }
    readings(&mut page, verdict);
    day_table(&mut page, report, verdict);
    worst_hour(&mut page, report, verdict);
    scenario_table(&mut page, report);
    every_reading(&mut page, report, verdict);
    what_was_read(&mut page, report, verdict);
    what_was_lost(&mut page, report, verdict);
    for notice in report.license.iter().flat_map(|license| &license.notices) {
        page.prose("  License: ", &terminal(notice.as_bytes()));
    }
    page.heading("Next step");
    for step in next_step(report, verdict) {
        page.prose("  ", &step);
    }
    page.text
}

/// A day that can still rise weakens no verdict that more channels would only confirm.
const fn is_for(caveat: &Caveat, outcome: Outcome) -> bool {
    !(matches!(caveat, Caveat::LastDayPartial { .. }) && matches!(outcome, Outcome::Stays))
}

struct Page {
    text: String,
    width: usize,
    colour: bool,
}

impl Page {
    fn blank(&mut self) {
        self.text.push('\n');
    }

    fn line(&mut self, line: &str) {
        self.text.push_str(line.trim_end());
        self.text.push('\n');
    }

    fn heading(&mut self, title: &str) {
        self.blank();
        let title = format!("{title}:");
        let title = self.painted("1", &title);
        self.line(&title);
    }

    fn painted(&self, code: &str, text: &str) -> String {
        if self.colour { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    fn verdict_line(&mut self, outcome: Outcome, never_locked: bool, sentence: &str) {
        let (word, code) = match outcome {
            // It would sound as if there had been a lock to lift.
            Outcome::Lifts if never_locked => ("NO LOCK SEEN", "1;32"),
            Outcome::Lifts => ("LIFTS", "1;32"),
            Outcome::Stays => ("STAYS", "1;31"),
            Outcome::CannotTell => ("CANNOT TELL", "1;33"),
        };
        let start = self.text.len();
        self.prose("", &format!("{word}: {sentence}"));
        let painted = self.painted(code, word);
        self.text.replace_range(start..start + word.len(), &painted);
    }

    /// Wraps at blanks; `indent` starts the first line, blanks of its length the others.
    fn prose(&mut self, indent: &str, sentence: &str) {
        let mut line = indent.to_owned();
        let mut used = indent.chars().count();
        let margin = used;
        for word in sentence.split(' ').filter(|word| !word.is_empty()) {
            let length = word.chars().count();
            if used > margin && used + 1 + length > self.width {
                self.line(&line);
                line = " ".repeat(margin);
                used = margin;
            }
            if used > margin {
                line.push(' ');
                used += 1;
            }
            line.push_str(word);
            used += length;
        }
        self.line(&line);
    }

    /// Columns padded to their widest cell; those in `right` are aligned right.
    fn table(&mut self, rows: &[Vec<String>], right: &[usize]) {
        let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
        let width_of = |column: usize| {
            rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max()
        };
        let widths: Vec<usize> = (0..columns).map(|c| width_of(c).unwrap_or(0)).collect();
        for row in rows {
            let mut line = String::new();
            for (column, cell) in row.iter().enumerate() {
                let pad = " ".repeat(widths[column] - cell.chars().count());
                let (before, after) =
                    if right.contains(&column) { (pad.as_str(), "") } else { ("", pad.as_str()) };
                line.push_str("  ");
                line.push_str(before);
                line.push_str(cell);
                line.push_str(after);
            }
            self.line(&line);
        }
    }
}

fn cells<const N: usize>(cells: [&str; N]) -> Vec<String> {
    cells.iter().map(|cell| (*cell).to_owned()).collect()
}

fn readings(page: &mut Page, verdict: &ScenarioVerdict) {
    let agreement = &verdict.agreement;
    let whose = if verdict.reading == Reading::documented() { "documented" } else { "chosen" };
    let mut sentence =
        format!("This is the {whose} reading of the GUI's rule; {}", agreeing(verdict));
    if agreement.agreeing < agreement.readings {
        sentence.push_str(&format!(
            " ({} lift, {} stay, {} cannot tell)",
            grouped(agreement.lifts as u64),
            grouped(agreement.stays as u64),
            grouped(agreement.cannot_tell as u64),
        ));
    }
    sentence.push('.');
    page.prose("", &sentence);
    // What cannot be told has no distance from being told.
    let is_told = verdict.judged.outcome != Outcome::CannotTell;
    if let Some(nearest) = agreement.nearest.as_ref().filter(|_| is_told) {
        page.prose(
            "",
            &format!(
                "Of those that agree the nearest to another verdict ({}): {}.",
                reading_difference(nearest.reading),
                margin(nearest.margin)
            ),
        );
    }
}

/// A reading by what it chooses otherwise than the documented one.
fn reading_difference(reading: Reading) -> String {
    let other: Vec<String> = Axis::ALL
        .into_iter()
        .filter(|axis| reading.choice(*axis) != 0)
        .map(|axis| format!("{}={}", axis.name(), axis.choices()[reading.choice(axis)]))
        .collect();
    if other.is_empty() { "the documented one".to_owned() } else { other.join(", ") }
}

fn day_table(page: &mut Page, report: &CheckReport, verdict: &ScenarioVerdict) {
    page.heading(&format!(
        "Days ({}, limit {})",
        terminal(report.time_zone.as_bytes()),
        counted(verdict.limit_channels, "channel", "channels")
    ));
    let hidden = verdict.days.len().saturating_sub(DAYS_SHOWN_MAX);
    if hidden > 0 {
        page.line(&format!(
            "  ({} not shown)",
            counted(hidden as u64, "earlier day", "earlier days")
        ));
    }
    let shown = &verdict.days[hidden..];
    let head = ["date", "channels", "bounds", "peak", "over by", "run", "state", "captured"];
    let mut rows = vec![cells(head)];
    rows.extend(shown.iter().map(|row| day_row(row, verdict.limit_channels)));
    if shown.iter().all(|row| row.fewest.is_none() && row.most.is_none()) {
        rows.iter_mut().for_each(|row| drop(row.remove(2)));
        page.table(&rows, &[1, 2, 3, 4]);
    } else {
        page.table(&rows, &[1, 2, 3, 4, 5]);
    }
}

/// What a day's figure is at least and at most, where that is not what was read.
fn bounds(row: &DayRow, limit_channels: u64) -> String {
    let text = |figure| channels(figure, limit_channels);
    let has_upper = !row.coverage.is_lower_bound();
    match (row.fewest, row.most.filter(|_| has_upper)) {
        (None, None) => "-".to_owned(),
        (Some(fewest), None) => format!(">={}", text(fewest)),
        (None, Some(most)) => format!("<={}", text(most)),
        (Some(fewest), Some(most)) => format!("{}..{}", text(fewest), text(most)),
    }
}

fn day_row(row: &DayRow, limit_channels: u64) -> Vec<String> {
    let over_by = if row.over { distance(row.margin) } else { "-".to_owned() };
    let run = if row.run_days == 0 { "-".to_owned() } else { row.run_days.to_string() };
    let coverage = &row.coverage;
    let captures = if coverage.is_without_capture() {
        "none: lost".to_owned()
    } else {
        let lost = if coverage.is_lower_bound() { ", partly lost" } else { "" };
        format!("{} of {} h{lost}", coverage.covered_hours, coverage.hours)
    };
    let is_at_least = coverage.is_lower_bound() && row.fewest.is_none();
    let at_least = if is_at_least { ">=" } else { "" };
    vec![
        row.date.to_string(),
        format!("{at_least}{}", channels(row.figure, limit_channels)),
        bounds(row, limit_channels),
        grouped(row.count.peak_channels),
        over_by,
        run,
        row.state.name().to_owned(),
        captures,
    ]
}

fn worst_hour(page: &mut Page, report: &CheckReport, verdict: &ScenarioVerdict) {
    let Some(row) = verdict.days.iter().rev().max_by(|left, right| left.figure.cmp(&right.figure))
    else {
        return;
    };
    let hour = match verdict.reading.window {
        crate::channel::reading::Window::HourlyMean => row.count.mean_hour,
        crate::channel::reading::Window::HourlyPeak => row.count.peak_hour,
    };
    let zone = report.calendar.zone();
    page.heading("Worst hour");
    if let Some(hour) = report.calendar.hours().get(hour).filter(|_| row.count.peak_channels > 0) {
        page.prose(
            "  ",
            &format!(
                "{} to {}: {} channels.",
                local_s(hour.started, zone),
                local_hm(hour.ended, zone),
                channels(row.figure, verdict.limit_channels)
            ),
        );
    } else {
        page.prose("  ", "There was never a channel.");
    }
    if let Some(peak) = verdict.history.peak_spans.first() {
        page.prose(
            "  ",
            &format!(
                "Peak: {} at once, first at {}.",
                counted(verdict.history.peak_channels, "channel", "channels"),
                local_s(peak.started, zone)
            ),
        );
    }
}

fn scenario_table(page: &mut Page, report: &CheckReport) {
    page.heading("Remedies");
    let head = ["scenario", "verdict", "peak", "days over", "last day", "day that decides"];
    let mut rows = vec![cells(head)];
    for verdict in &report.scenarios {
        let deciding = verdict
            .judged
            .deciding
            .map_or_else(|| "none, too few days".to_owned(), |deciding| margin(deciding.margin));
        rows.push(vec![
            scenario_label(&verdict.scenario),
            verdict.judged.outcome.name().to_owned(),
            grouped(verdict.history.peak_channels),
            format!("{} of {}", verdict.days_over, verdict.days.len()),
            verdict.state.name().to_owned(),
            deciding,
        ]);
    }
    page.table(&rows, &[2, 3]);
    for verdict in &report.scenarios {
        let how = terminal(verdict.scenario.how().as_bytes());
        let (label, peak) = (scenario_label(&verdict.scenario), peak_at(report, verdict));
        page.prose("  ", &format!("{label}{peak}: {how}."));
    }
    if let Some(sentence) = recorded_against_recount(report) {
        page.prose("  ", &sentence);
    }
}

/// When the peak was reached first, on the local clock, in brackets; nothing without a channel.
fn peak_at(report: &CheckReport, verdict: &ScenarioVerdict) -> String {
    let first = verdict.history.peak_spans.first();
    let zone = report.calendar.zone();
    first.map_or_else(String::new, |span| {
        let local = local_s(span.started, zone);
        // Seconds and zone are in the JSON.
        format!(" (peak first at {})", local.get(..16).unwrap_or(&local))
    })
}

fn every_reading(page: &mut Page, report: &CheckReport, verdict: &ScenarioVerdict) {
    if !report.lists_readings {
        return;
    }
    page.heading("Readings");
    for line in readings_table(&verdict.readings).lines() {
        page.line(&format!("  {line}"));
    }
}

/// What of the captures' kind makes calls look shorter, or other, than the sniffer saw them live. Said
/// once (design.md section 12, points 7 and 15).
fn what_shortens_calls(page: &mut Page, report: &CheckReport) {
    if let Some(LeftOut { files, bytes: size }) = report.input.rtp_left_out {
        let files = counted(files, "RTP file", "RTP files");
        page.prose("  ", &format!("Left out by --without-rtp: {files} ({}).", bytes(size)));
    }
    let open_ended = report.cdrs_ended_by_signalling;
    if open_ended > 0 {
        let has_none = report.cdrs_with_media == 0 && report.input.rtp_left_out.is_none();
        let media = if has_none { "No RTP is in the captures. " } else { "" };
        let cdrs = counted(open_ended, "answered CDR has", "answered CDRs have");
        page.prose(
            "  ",
            &format!(
                "{media}{cdrs} neither a BYE nor RTP and counts up to the last SIP message only; \
                 a sniffer that hears the RTP counts longer."
            ),
        );
    }
    if report.legs_vendor_blind > 0 {
        let legs = counted(report.legs_vendor_blind, "leg came", "legs came");
        page.prose(
            "  ",
            &format!(
                "{legs} in an encapsulation that the sniffer does not read: it would write other \
                 CDRs there, or none."
            ),
        );
    }
}

fn what_was_read(page: &mut Page, report: &CheckReport, verdict: &ScenarioVerdict) {
    page.heading("Read");
    let input = &report.input;
    let size = input.files.iter().map(|file| file.bytes).fold(0, u64::saturating_add);
    page.prose(
        "  ",
        &format!(
            "{} ({}), {}, {}, {}.",
            counted(input.files.len() as u64, "file", "files"),
            bytes(size),
            counted(input.captures, "capture", "captures"),
            counted(input.records, "record", "records"),
            counted(input.sip_messages, "SIP message", "SIP messages"),
        ),
    );
    let calls = report
        .calls
        .map_or_else(String::new, |calls| format!(", calls joined of them: {}", grouped(calls)));
    page.prose(
        "  ",
        &format!(
            "Sensors: {}, legs: {}, CDRs: {}{calls}.",
            grouped(report.sensors.len() as u64),
            grouped(report.legs),
            grouped(verdict.cdr_count as u64),
        ),
    );
    if let Some((first, last)) = report.coverage.bounds() {
        let zone = report.calendar.zone();
        page.prose("  ", &format!("From {} to {}.", local_s(first, zone), local_s(last, zone)));
    }
    what_shortens_calls(page, report);
    let notes: Vec<String> = input
        .notes
        .counts()
        .map(|(kind, count)| format!("{} {}", grouped(count), kind.name()))
        .collect();
    if !notes.is_empty() {
        page.prose("  ", &format!("Notes: {}.", notes.join(", ")));
    }
}

fn what_was_lost(page: &mut Page, report: &CheckReport, verdict: &ScenarioVerdict) {
    page.heading("Lost");
    let losses = &report.coverage.losses;
    let empty = verdict.days.iter().filter(|row| row.coverage.is_without_capture());
    let empty: Vec<String> = empty.map(|row| row.date.to_string()).collect();
    let running = &report.coverage.running;
    if let Some(until) = running.iter().map(|(_, last)| *last).max() {
        let calls = counted(running.len() as u64, "call ran", "calls ran");
        let until = local_s(until, report.calendar.zone());
        page.prose(
            "  ",
            &format!(
                "{calls} already when the captures began; the INVITE is not in them. As read they \
                 are no channels, at most one each. The last one was seen at {until}."
            ),
        );
        if report.input.notes.count(NoteKind::Limit) > 0 {
            page.prose(
                "  ",
                "Each Call-ID with more messages than are kept of one is among them: its later calls \
                 may have been dropped.",
            );
        }
    }
    if losses.is_empty() && empty.is_empty() && running.is_empty() {
        page.prose("  ", "Nothing that is known of.");
    }
    if !empty.is_empty() {
        let what = if empty.len() == 1 { "A day" } else { "Days" };
        page.prose("  ", &format!("{what} without any capture: {}.", named(&empty)));
    }
    for loss in losses.iter().take(LINES_SHOWN_MAX) {
        let file = report.input.files.get(loss.file.0 as usize);
        let path = file.map_or_else(|| "several files".to_owned(), |file| terminal(&file.path));
        let zone = report.calendar.zone();
        let when = match loss.when {
            None => "at an unknown time".to_owned(),
            Some((first, last)) if first == last => format!("at {}", local_s(first, zone)),
            Some((first, last)) => format!("{} to {}", local_s(first, zone), local_s(last, zone)),
        };
        let detail = terminal(loss.detail.as_bytes());
        page.prose("  ", &format!("{}: {path}", loss.kind.name()));
        page.prose("    ", &format!("{when}: {detail}"));
    }
    if losses.len() > LINES_SHOWN_MAX {
        let more = (losses.len() - LINES_SHOWN_MAX) as u64;
        page.prose("  ", &format!("and {} more.", grouped(more)));
    }
}

/// The first of many, and how many more.
fn named(days: &[String]) -> String {
    let shown = days.len().min(LINES_SHOWN_MAX);
    let more = days.len() - shown;
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    format!("{}{more}", days[..shown].join(", "))
}
