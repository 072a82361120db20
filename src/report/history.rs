//! The history as text with a bar chart, CSV and JSON; the 14-day table as the GUI shows it.

use super::escape::terminal;
use super::format::{channels, counted, grouped, local_s, utc_ms};
use super::sentences::scenario_label;
use crate::base::CaptureTime;
use crate::channel::{Calendar, Channels, DayCount, History, HourCount};
use crate::leg::Cdr;
use crate::license::Scenario;
use crate::license::lock::WINDOW_DAYS;
use jiff::tz::TimeZone;
use serde::Serialize;

/// The schema's name and number.
pub const HISTORY_SCHEMA: &str = "respool.history/1";

/// One scenario's history.
#[derive(Clone, Copy, Debug)]
pub struct ScenarioHistory<'a> {
    /// Whose.
    pub scenario: &'a Scenario,
    /// Its hours and days, of the same calendar as the others.
    pub history: &'a History,
    /// The channels that were up at the first moment of its peak, each with its CDRs.
    pub up_at_peak: &'a [Vec<NamedCdr>],
}

/// A CDR and the Call-ID of its leg.
#[derive(Clone, Debug)]
pub struct NamedCdr {
    /// The CDR.
    pub cdr: Cdr,
    /// The Call-ID, as on the wire.
    pub call_id: Vec<u8>,
}

/// What is printed: one or several scenarios over one calendar.
#[derive(Clone, Debug)]
pub struct HistoryReport<'a> {
    /// The days and hours.
    pub calendar: &'a Calendar,
    /// Name of the time zone.
    pub time_zone: &'a str,
    /// The limit; absent when none is given.
    pub limit_channels: Option<u64>,
    /// Names of the sensors, by id.
    pub sensors: &'a [String],
    /// The scenarios.
    pub scenarios: Vec<ScenarioHistory<'a>>,
}

fn mean(hour: &HourCount, length_ns: u64) -> Channels {
    Channels { numerator: hour.channel_ns, denominator: length_ns.max(1) }
}

/// A bar of at most `width` signs, `full` being the largest figure. Anything above 0 shows.
fn bar(figure: Channels, full: Channels, width: usize) -> String {
    let scale =
        |figure: Channels| figure.numerator.saturating_mul(1_000) / u128::from(figure.denominator);
    let (own, full) = (scale(figure), scale(full).max(1));
    let length = usize::try_from(own * width as u128 / full).unwrap_or(width).min(width);
    let length = if figure.numerator > 0 { length.max(1) } else { 0 };
    "#".repeat(length)
}

impl HistoryReport<'_> {
    fn figure(&self, figure: Channels) -> String {
        channels(figure, self.limit_channels.unwrap_or(u64::MAX))
    }

    fn over_mark(&self, figure: Channels) -> &'static str {
        if self.limit_channels.is_some_and(|l| figure > Channels::whole(l)) { "!" } else { " " }
    }

    /// Hours with channels and all days, each with a bar; `width` columns.
    #[must_use]
    pub fn text(&self, width: usize) -> String {
        let mut text = String::new();
        for one in &self.scenarios {
            text.push_str(&format!("{} ({})\n\n", scenario_label(one.scenario), self.time_zone));
            let full = one.history.days.iter().map(|day| day.mean).max().unwrap_or(Channels::ZERO);
            for (day, count) in self.calendar.days().iter().zip(&one.history.days) {
                self.push_line(
                    &mut text,
                    &format!("{}      ", day.date),
                    count.mean,
                    count.peak_channels,
                    full,
                    width,
                );
                for hour in day.hours.clone() {
                    let count = &one.history.hours[hour];
                    let hour = &self.calendar.hours()[hour];
                    if count.peak_channels > 0 {
                        let label = format!(
                            "      {:02}:{:02} {}",
                            hour.wall_minute / 60,
                            hour.wall_minute % 60,
                            offset(hour.offset_s)
                        );
                        self.push_line(
                            &mut text,
                            &label,
                            mean(count, hour.length_ns()),
                            count.peak_channels,
                            full,
                            width,
                        );
                    }
                }
            }
            text.push('\n');
            text.push_str(&self.window_table(one.history));
        }
        text
    }

    fn push_line(
        &self,
        text: &mut String,
        label: &str,
        mean: Channels,
        peak: u64,
        full: Channels,
        width: usize,
    ) {
        let line = format!(
            "{label:<18} {:>10} {:>6} {} ",
            self.figure(mean),
            grouped(peak),
            self.over_mark(mean)
        );
        let room = width.saturating_sub(line.chars().count()).max(10);
        text.push_str(format!("{line}{}", bar(mean, full, room)).trim_end());
        text.push('\n');
    }

    /// The table of the GUI's 'Concurrent Calls Stats': the last 14 days, largest hourly mean of each.
    #[must_use]
    pub fn window_table(&self, history: &History) -> String {
        let mut text =
            format!("Concurrent calls, last {WINDOW_DAYS} days (largest mean of an hour)\n");
        let first = history.days.len().saturating_sub(WINDOW_DAYS);
        for (day, count) in self.calendar.days()[first..].iter().zip(&history.days[first..]) {
            let line = format!(
                "{}  {:>10} {}",
                day.date,
                self.figure(count.mean),
                self.over_mark(count.mean)
            );
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }

    /// One row an hour and scenario: `scenario,header,date,hour_started_utc,hour_started_local,
    /// length_s,channel_ns,mean_channels,peak_channels`.
    #[must_use]
    pub fn csv(&self) -> String {
        let mut rows = csv::Writer::from_writer(Vec::new());
        let head = [
            "scenario",
            "header",
            "date",
            "hour_started_utc",
            "hour_started_local",
            "length_s",
            "channel_ns",
            "mean_channels",
            "peak_channels",
        ];
        // Writing to memory cannot fail, and all rows have as many fields.
        let _ = rows.write_record(head);
        for one in &self.scenarios {
            for (hour, count) in self.calendar.hours().iter().zip(&one.history.hours) {
                let figure = mean(count, hour.length_ns());
                let _ = rows.write_record([
                    one.scenario.name(),
                    &csv_cell(one.scenario.header().unwrap_or_default()),
                    &self.calendar.days()[hour.day].date.to_string(),
                    &utc_ms(hour.started),
                    &local_s(hour.started, self.calendar.zone()),
                    &(hour.length_ns() / 1_000_000_000).to_string(),
                    &count.channel_ns.to_string(),
                    &channels(figure, u64::MAX),
                    &count.peak_channels.to_string(),
                ]);
            }
        }
        let bytes = rows.into_inner().unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// JSON, schema `respool.history/1`.
    #[must_use]
    pub fn json(&self) -> String {
        let document = HistoryJson {
            schema: HISTORY_SCHEMA,
            time_zone: self.time_zone.to_owned(),
            limit_channels: self.limit_channels,
            scenarios: self.scenarios.iter().map(|one| self.scenario_json(one)).collect(),
        };
        // Strings and numbers always serialise.
        let mut text = serde_json::to_string_pretty(&document).unwrap_or_default();
        text.push('\n');
        text
    }

    fn peak_cdr_json(&self, NamedCdr { cdr, call_id }: &NamedCdr) -> PeakCdrJson {
        let sensor = self.sensors.get(usize::from(cdr.sensor.0)).map_or("", String::as_str);
        PeakCdrJson {
            call_id: terminal(call_id),
            sensor: terminal(sensor.as_bytes()),
            caller: terminal(&cdr.caller),
            called: terminal(&cdr.called),
            started: utc_ms(cdr.started),
            ended: utc_ms(cdr.ended),
        }
    }

    fn scenario_json(&self, one: &ScenarioHistory<'_>) -> ScenarioHistoryJson {
        let days = self.calendar.days().iter().zip(&one.history.days);
        let hours = self.calendar.hours().iter().zip(&one.history.hours);
        ScenarioHistoryJson {
            name: one.scenario.name(),
            header: one.scenario.header().map(str::to_owned),
            peak_channels: one.history.peak_channels,
            peaks: one
                .history
                .peak_spans
                .iter()
                .map(|span| [utc_ms(span.started), utc_ms(span.ended)])
                .collect(),
            peak_count: one.history.peak_span_count,
            up_at_peak: one
                .up_at_peak
                .iter()
                .map(|channel| channel.iter().map(|cdr| self.peak_cdr_json(cdr)).collect())
                .collect(),
            days: days
                .map(|(day, count): (_, &DayCount)| HistoryDayJson {
                    date: day.date.to_string(),
                    mean_channels: channels(count.mean, u64::MAX),
                    mean_hour: self
                        .calendar
                        .hours()
                        .get(count.mean_hour)
                        .map(|h| utc_ms(h.started)),
                    peak_channels: count.peak_channels,
                })
                .collect(),
            hours: hours
                .map(|(hour, count)| HistoryHourJson {
                    started: utc_ms(hour.started),
                    local: local_s(hour.started, self.calendar.zone()),
                    length_s: hour.length_ns() / 1_000_000_000,
                    channel_ns: count.channel_ns.to_string(),
                    peak_channels: count.peak_channels,
                })
                .collect(),
        }
    }
}

/// Channels listed at a peak; the rest is counted.
const CHANNELS_AT_PEAK_MAX: usize = 50;

/// The legs that were up at a moment of the peak: a line for each CDR, those of one channel together.
#[must_use]
pub fn legs_at_peak(
    scenario: &Scenario,
    moment: CaptureTime,
    channels: &[Vec<NamedCdr>],
    sensors: &[String],
    zone: &TimeZone,
) -> String {
    let mut text = format!(
        "Up at the peak of {} ({}): {}\n",
        scenario_label(scenario),
        local_s(moment, zone),
        counted(channels.len() as u64, "channel", "channels")
    );
    for (number, cdrs) in channels.iter().take(CHANNELS_AT_PEAK_MAX).enumerate() {
        for (place, NamedCdr { cdr, call_id }) in cdrs.iter().enumerate() {
            let number = if place == 0 { (number + 1).to_string() } else { String::new() };
            let sensor = sensors.get(usize::from(cdr.sensor.0)).map_or("", String::as_str);
            text.push_str(&format!(
                "{number:>4}  {} to {}  {} -> {}  {} {}\n",
                local_s(cdr.started, zone),
                local_s(cdr.ended, zone),
                terminal(&cdr.caller),
                terminal(&cdr.called),
                terminal(call_id),
                terminal(sensor.as_bytes()),
            ));
        }
    }
    if channels.len() > CHANNELS_AT_PEAK_MAX {
        let more = (channels.len() - CHANNELS_AT_PEAK_MAX) as u64;
        text.push_str(&format!("      and {} more\n", grouped(more)));
    }
    text
}

/// An offset from UTC as `+05:45`.
fn offset(offset_s: i32) -> String {
    let minutes = offset_s.unsigned_abs() / 60;
    let sign = if offset_s < 0 { '-' } else { '+' };
    format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60)
}

/// A cell that a spreadsheet does not take for a formula.
fn csv_cell(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        format!("'{text}")
    } else {
        text.to_owned()
    }
}

/// The document of `respool history --json`.
#[derive(Clone, Debug, Serialize)]
pub struct HistoryJson {
    /// [`HISTORY_SCHEMA`].
    pub schema: &'static str,
    /// Time zone of days and hours.
    pub time_zone: String,
    /// The limit; null when none was given.
    pub limit_channels: Option<u64>,
    /// The scenarios.
    pub scenarios: Vec<ScenarioHistoryJson>,
}

/// One scenario.
#[derive(Clone, Debug, Serialize)]
pub struct ScenarioHistoryJson {
    /// As in `respool.check/1`.
    pub name: &'static str,
    /// The header of `merge-header`; else null.
    pub header: Option<String>,
    /// Most channels at one moment.
    pub peak_channels: u64,
    /// The first stretches at the peak, start and end, UTC.
    pub peaks: Vec<[String; 2]>,
    /// How many stretches there are.
    pub peak_count: u64,
    /// The channels that were up at the first moment of the peak, each with its CDRs.
    pub up_at_peak: Vec<Vec<PeakCdrJson>>,
    /// The days.
    pub days: Vec<HistoryDayJson>,
    /// The hours.
    pub hours: Vec<HistoryHourJson>,
}

/// One CDR that was up at the peak.
#[derive(Clone, Debug, Serialize)]
pub struct PeakCdrJson {
    /// Its Call-ID; bytes that are no text as `\xNN`.
    pub call_id: String,
    /// Name of its sensor; the unnamed one is empty.
    pub sensor: String,
    /// Calling number.
    pub caller: String,
    /// Called number.
    pub called: String,
    /// Its start, UTC.
    pub started: String,
    /// Its end as the packets show it, UTC.
    pub ended: String,
}

/// One day.
#[derive(Clone, Debug, Serialize)]
pub struct HistoryDayJson {
    /// `YYYY-MM-DD`.
    pub date: String,
    /// Largest mean of an hour, two decimals, rounded down.
    pub mean_channels: String,
    /// Start of that hour, UTC.
    pub mean_hour: Option<String>,
    /// Largest peak of an hour.
    pub peak_channels: u64,
}

/// One hour.
#[derive(Clone, Debug, Serialize)]
pub struct HistoryHourJson {
    /// Its start, UTC.
    pub started: String,
    /// Its start on the local clock.
    pub local: String,
    /// Its length.
    pub length_s: u64,
    /// Channel nanoseconds, decimal digits.
    pub channel_ns: String,
    /// Most channels at one moment.
    pub peak_channels: u64,
}
