//! A ladder of one call over all its legs, as plain text. In: the legs and the width of the page. Out:
//! a column per address, a row per message, by time. Everything from the wire is escaped.

use super::explain::{printable, printable_ascii};
use crate::base::limits::LADDER_COLUMNS_MAX;
use crate::base::{CaptureTime, Endpoint};
use crate::leg::{FactKey, Leg, MessageKind};
use std::collections::BTreeMap;

/// Narrowest column: an arrow with a short method in it.
const COLUMN_MIN: usize = 12;
/// Widest column; wider ones only move the page apart.
const COLUMN_MAX: usize = 32;
/// Time, leg and their spaces.
const MARGIN: usize = 19;

/// How to draw.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct LadderStyle {
    /// Columns of the page; a ladder that cannot fit is as narrow as it can be.
    pub width: usize,
    /// ASCII alone.
    pub ascii: bool,
    /// Messages drawn at most; the last line says how many were not.
    pub rows_max: usize,
}

impl Default for LadderStyle {
    fn default() -> Self {
        Self { width: 100, ascii: false, rows_max: 500 }
    }
}

/// One message with the leg it is of, as the number of the leg in the ladder from 1.
struct Row<'a> {
    time: CaptureTime,
    leg: usize,
    key: FactKey<'a>,
}

/// The strokes of one style.
struct Strokes {
    line: char,
    post: char,
    left: char,
    right: char,
}

const UTF8: Strokes = Strokes { line: '─', post: '│', left: '◀', right: '▶' };
const ASCII: Strokes = Strokes { line: '-', post: '|', left: '<', right: '>' };

/// Draws the legs of one call.
#[must_use]
pub fn ladder(legs: &[&Leg], style: LadderStyle) -> String {
    let show = if style.ascii { printable_ascii } else { printable };
    let mut legs: Vec<&Leg> = legs.to_vec();
    legs.sort_by_key(|leg| (leg.first_seen(), leg.sensor(), leg.call_id()));
    let mut rows: Vec<Row<'_>> = Vec::new();
    for (leg, messages) in (1usize..).zip(legs.iter().map(|leg| leg.messages())) {
        rows.extend(messages.map(|(key, times)| Row { time: times.first(), leg, key }));
    }
    rows.sort_by_key(|row| (row.time, row.leg, row.key));
    let columns = columns_of(&rows);
    let width = (style.width.saturating_sub(MARGIN) / columns.len().clamp(1, LADDER_COLUMNS_MAX))
        .clamp(COLUMN_MIN, COLUMN_MAX);
    let mut text = String::new();
    for (number, leg) in (1usize..).zip(&legs) {
        text.push_str(&format!("leg {number}  {}\n", show(leg.call_id())));
    }
    text.push_str(&heading(&columns, width));
    let started = rows.first().map(|row| row.time).unwrap_or_default();
    let strokes = if style.ascii { &ASCII } else { &UTF8 };
    for row in rows.iter().take(style.rows_max) {
        text.push_str(&draw(row, started, &columns, width, strokes));
    }
    if rows.len() > style.rows_max {
        text.push_str(&format!("{} messages more\n", rows.len() - style.rows_max));
    }
    text
}

/// Addresses in the order in which they are first seen, and their columns.
fn columns_of(rows: &[Row<'_>]) -> BTreeMap<Endpoint, usize> {
    let mut columns = BTreeMap::new();
    for row in rows {
        for end in [row.key.source, row.key.destination] {
            let next = columns.len();
            columns.entry(end).or_insert(next.min(LADDER_COLUMNS_MAX - 1));
        }
    }
    columns
}

/// The addresses above their posts; one that is wider than its column takes a line of its own.
fn heading(columns: &BTreeMap<Endpoint, usize>, width: usize) -> String {
    let mut ends: Vec<(usize, String)> =
        columns.iter().map(|(end, place)| (*place, end.to_string())).collect();
    ends.sort();
    if ends.len() > LADDER_COLUMNS_MAX {
        ends.truncate(LADDER_COLUMNS_MAX - 1);
        ends.push((LADDER_COLUMNS_MAX - 1, "others".to_owned()));
    }
    let is_narrow = ends.iter().all(|(_, name)| name.len() < width);
    if is_narrow {
        let mut line = " ".repeat(MARGIN);
        for (_, name) in ends {
            line.push_str(&format!("{name:<width$}"));
        }
        return format!("{}\n", line.trim_end());
    }
    ends.into_iter()
        .map(|(place, name)| format!("{}{name}\n", " ".repeat(MARGIN + place * width)))
        .collect()
}

fn label(key: &FactKey<'_>) -> String {
    let sdp = if key.has_sdp { " (SDP)" } else { "" };
    match key.kind {
        MessageKind::Request(method) => format!("{}{sdp}", method.name()),
        MessageKind::Response(status) => format!("{status} {}{sdp}", key.cseq_method.name()),
    }
}

fn draw(
    row: &Row<'_>,
    started: CaptureTime,
    columns: &BTreeMap<Endpoint, usize>,
    width: usize,
    strokes: &Strokes,
) -> String {
    let (from, to) = (columns[&row.key.source], columns[&row.key.destination]);
    let posts = columns.len().min(LADDER_COLUMNS_MAX);
    let mut cells: Vec<char> = vec![' '; posts.saturating_sub(1) * width + 1];
    for post in 0..posts {
        cells[post * width] = strokes.post;
    }
    let label = label(&row.key);
    let mut tail = String::new();
    if from == to {
        let whom = if row.key.source == row.key.destination { "to itself" } else { "among others" };
        tail = format!("  {label} ({whom})");
    } else {
        let (low, high) = (from.min(to) * width, from.max(to) * width);
        cells[low + 1..high].fill(strokes.line);
        if from < to {
            cells[high - 1] = strokes.right;
        } else {
            cells[low + 1] = strokes.left;
        }
        let room = high - low - 5;
        let shown: Vec<char> = label.chars().take(room).collect();
        let begin = low + 3 + (room - shown.len()) / 2;
        cells[begin..begin + shown.len()].copy_from_slice(&shown);
        if shown.len() < label.chars().count() {
            tail = format!("  {label}");
        }
    }
    let after_ns = row.time.since_ns(started).max(0);
    let (seconds, ms) = (after_ns / 1_000_000_000, after_ns % 1_000_000_000 / 1_000_000);
    let margin = format!("{seconds:>8}.{ms:03} {:>5}", row.leg);
    let drawn: String = cells.into_iter().collect();
    format!("{margin:<MARGIN$}{drawn}{tail}\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{CaptureId, RecordRef, SensorId};
    use crate::leg::ViaBranch;
    use crate::sip::Method;

    fn leg(call_id: &[u8], base: u32) -> Leg {
        let mut leg = Leg::new(SensorId(0), call_id);
        let end = |last: u8| Endpoint::new([10, 0, 0, last].into(), 5060);
        let messages = [
            (MessageKind::Request(Method::Invite), end(1), end(2)),
            (MessageKind::Request(Method::Invite), end(2), end(3)),
            (MessageKind::Response(486), end(3), end(1)),
            (MessageKind::Request(Method::Ack), end(1), end(1)),
        ];
        for (index, (kind, source, destination)) in (base..).zip(messages) {
            let key = FactKey {
                cseq_number: 1,
                kind,
                cseq_method: Method::Invite,
                from_tag: &[],
                to_tag: &[],
                branch: ViaBranch::default(),
                source,
                destination,
                auth_failed: false,
                has_sdp: false,
            };
            let record = RecordRef { capture: CaptureId::default(), index };
            let time = CaptureTime::from_parts(i64::from(index), 250_000_000);
            leg.add_message(&key, None, time, record);
        }
        leg
    }

    #[test]
    fn arrows_span_columns_both_ways() {
        let text =
            ladder(&[&leg(b"x\x1b[2J", 1)], LadderStyle { width: 70, ascii: true, rows_max: 99 });
        let expect = "\
leg 1  x\\x1b[2J
                   10.0.0.1:5060    10.0.0.2:5060    10.0.0.3:5060
       0.000     1 |-----INVITE---->|                |
       1.000     1 |                |-----INVITE---->|
       2.000     1 |<----------486 INVITE------------|
       3.000     1 |                |                |  ACK (to itself)
";
        assert_eq!(text, expect);
    }

    #[test]
    fn narrow_pages_keep_every_word_and_many_rows_are_counted() {
        let (one, other) = (leg(b"x", 1), leg("\u{fc}".as_bytes(), 10));
        let style = LadderStyle { width: 10, ascii: false, rows_max: 3 };
        let text = ladder(&[&other, &one], style);
        assert!(text.starts_with("leg 1  x\nleg 2  \u{fc}\n"), "{text}");
        assert!(text.ends_with("5 messages more\n"), "{text}");
        assert!(text.contains("INVITE"));
        let ascii = ladder(&[&other], LadderStyle { ascii: true, ..style });
        assert!(ascii.is_ascii());
    }

    #[test]
    fn a_flood_of_addresses_shares_the_last_column() {
        let (model, mut flood) = (leg(b"x", 1), leg(b"x", 1));
        let (model, _) = model.messages().next().unwrap();
        for (index, port) in (100..).zip(1..60) {
            let destination = Endpoint::new([10, 9, 9, 9].into(), port);
            let record = RecordRef { capture: CaptureId::default(), index };
            let key = FactKey { destination, ..model };
            flood.add_message(&key, None, CaptureTime::from_parts(9, 0), record);
        }
        let text = ladder(&[&flood], LadderStyle::default());
        assert!(text.contains("others\n"), "{text}");
        assert_eq!(text.lines().filter(|line| line.contains("INVITE")).count(), 62, "{text}");
        assert!(
            text.lines()
                .all(|line| line.chars().count() < MARGIN + LADDER_COLUMNS_MAX * COLUMN_MAX)
        );
    }

    #[test]
    fn no_legs_no_rows() {
        assert_eq!(ladder(&[], LadderStyle::default()).trim(), "");
    }
}
