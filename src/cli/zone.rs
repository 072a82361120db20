//! Time zones by name, with a hint where the name is unknown.

use super::error::CliError;
use jiff::tz::{TimeZone, TimeZoneDatabase};

/// Names proposed for an unknown one.
const PROPOSALS_MAX: usize = 3;

/// A zone by its IANA name. The database is the bundled one, so that a name means the same on every
/// machine.
pub(super) fn parse_zone(flag: &'static str, name: &str) -> Result<TimeZone, CliError> {
    let database = TimeZoneDatabase::bundled();
    database.get(name).map_err(|_| {
        let hint = hint(name, database.available().map(|known| known.to_string()));
        CliError::UnknownZone { flag, value: name.to_owned(), hint }
    })
}

fn hint(name: &str, known: impl Iterator<Item = String>) -> String {
    let wanted = name.to_lowercase();
    let place = |text: &str| text.rsplit('/').next().unwrap_or(text).to_lowercase();
    let wanted_place = place(&wanted);
    let mut near: Vec<(usize, String)> = known
        .filter_map(|zone| {
            let whole = distance(&wanted, &zone.to_lowercase());
            let away = whole.min(distance(&wanted_place, &place(&zone)));
            (away <= wanted_place.chars().count() / 3).then_some((away, zone))
        })
        .collect();
    near.sort();
    near.truncate(PROPOSALS_MAX);
    if near.is_empty() {
        return "give an IANA name, for instance Europe/Berlin, America/New_York or UTC".to_owned();
    }
    let names: Vec<String> = near.into_iter().map(|(_, zone)| zone).collect();
    format!("did you mean {}?", names.join(", "))
}

/// Edits that turn one text into the other (Levenshtein).
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (line, a) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = line + 1;
        for (column, b) in to.iter().enumerate() {
            let replaced = diagonal + usize::from(a != *b);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        let check = |from: &str, to: &str, expect: usize| assert_eq!(distance(from, to), expect);
        check("", "", 0);
        check("abc", "", 3);
        check("", "abc", 3);
        check("kitten", "sitting", 3);
        check("berlin", "berlin", 0);
    }

    #[test]
    fn unknown_zones_get_a_hint() {
        let check = |name: &str, expect: &str| {
            let error = parse_zone("--time-zone", name).unwrap_err().to_string();
            assert!(error.contains(expect), "{error}");
        };
        check("Europe/Berln", "did you mean Europe/Berlin?");
        check("prague", "Europe/Prague");
        check("Mars/Olympus", "give an IANA name");
        check("", "give an IANA name");
        assert!(parse_zone("--time-zone", "europe/berlin").is_ok());
    }
}
