//! The axes of a reading with their sources, and the verdict under every reading, as text.

use super::format::margin;
use crate::channel::{Axis, Reading};
use crate::license::Judged;

/// Every axis: its choices, the documented one first, and why it is in doubt.
#[must_use]
pub fn axes() -> String {
    let mut text = String::new();
    for axis in Axis::ALL {
        text.push_str(&format!("{}: {}\n", axis.name(), axis.choices().join(" | ")));
        text.push_str(&format!("    {}\n", axis.source()));
    }
    text
}

/// One line a reading: verdict, margin, reading.
#[must_use]
pub fn table(readings: &[(Reading, Judged)]) -> String {
    let mut text = String::new();
    for (reading, judged) in readings {
        let distance = judged.deciding.map_or_else(|| "-".to_owned(), |d| margin(d.margin));
        text.push_str(&format!("{:<11}  {distance:<28}  {reading}\n", judged.outcome.name()));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::license::Outcome;

    #[test]
    fn every_axis_has_its_choices_and_its_source() {
        let text = axes();
        assert_eq!(text.lines().count(), 2 * Axis::ALL.len());
        assert!(text.starts_with("cut: packets | vendor-timeouts\n    the sniffer's own"));
    }

    #[test]
    fn a_reading_is_a_line() {
        let judged = Judged {
            outcome: Outcome::CannotTell,
            without_loss: Outcome::Lifts,
            run_days: 0,
            run_days_at_least: 0,
            run_days_at_most: 4,
            deciding: None,
            missing_days: vec![1],
        };
        let text = table(&[(Reading::documented(), judged)]);
        assert!(text.starts_with("cannot-tell  -  "), "{text}");
        assert!(text.ends_with("unlock=run-within-grace\n"));
    }
}
