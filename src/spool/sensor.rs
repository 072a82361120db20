//! Which sensor's captures a file holds.
//!
//! First that applies: a path that the user mapped; the directories between the root and the date;
//! a number as the directory above the date (`spooldir_by_sensor`), where the root lies below it;
//! the sensor in the archive's name. Otherwise the unnamed sensor.

use super::layout::ArchiveName;
use std::path::{Path, PathBuf};

/// The names of the directories that lead to a file, and which of them is what.
pub(super) struct SensorContext<'a> {
    /// Names of all directories above the file, outermost first.
    pub(super) names: &'a [&'a str],
    /// How many of them belong to the root.
    pub(super) root_names: usize,
    /// Which of them is the date; absent outside the vendor's layout.
    pub(super) date_index: Option<usize>,
}

/// The sensor by the directories; empty when they do not say.
pub(super) fn sensor_by_directories(context: &SensorContext<'_>) -> String {
    let Some(date) = context.date_index else { return String::new() };
    if date > context.root_names {
        return context.names[context.root_names..date].join("/");
    }
    let above = date.checked_sub(1).and_then(|index| context.names.get(index));
    above.filter(|name| is_sensor_number(name)).map_or_else(String::new, |name| (*name).to_owned())
}

/// The sensor that the user gave for a path; the longest mapped path wins.
pub(super) fn sensor_by_user<'a>(mapped: &'a [(String, PathBuf)], path: &Path) -> Option<&'a str> {
    let covering = mapped.iter().filter(|(_, base)| path.starts_with(base));
    let longest = covering.max_by_key(|(name, base)| (base.components().count(), name));
    longest.map(|(name, _)| name.as_str())
}

/// The sensor in an archive's name; empty when it has none.
pub(super) fn sensor_by_archive(archive: Option<ArchiveName<'_>>) -> String {
    archive.and_then(|archive| archive.sensor).map_or_else(String::new, str::to_owned)
}

/// `id_sensor` is an unsigned 16-bit number (facts I).
fn is_sensor_number(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_digit()) && name.parse::<u16>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_name_the_sensor() {
        let check = |path: &str, root_names: usize, date_index: Option<usize>, expect: &str| {
            let names: Vec<&str> = path.split('/').collect();
            let context = SensorContext { names: &names, root_names, date_index };
            assert_eq!(sensor_by_directories(&context), expect, "{path}");
        };
        check("spool/2026-11-20/10", 1, Some(1), "");
        check("spool/7/2026-11-20/10", 1, Some(2), "7");
        check("sites/a/7/2026-11-20", 1, Some(3), "a/7");
        check("spool/7/2026-11-20/10", 2, Some(2), "7");
        check("spool/7/2026-11-20/10", 4, Some(2), "7");
        check("spool/branch/2026-11-20/10", 2, Some(2), "");
        check("spool/70000/2026-11-20/10", 2, Some(2), "");
        check("2026-11-20/10", 2, Some(0), "");
        check("captures/site", 1, None, "");
    }

    #[test]
    fn the_longest_mapped_path_wins() {
        let mapped = [
            ("outer".to_owned(), PathBuf::from("/s")),
            ("inner".to_owned(), PathBuf::from("/s/deep")),
        ];
        let check = |path: &str, expect: Option<&str>| {
            assert_eq!(sensor_by_user(&mapped, Path::new(path)), expect, "{path}");
        };
        check("/s/deep/x.pcap", Some("inner"));
        check("/s/x.pcap", Some("outer"));
        check("/s/deeper/x.pcap", Some("outer"));
        check("/t/x.pcap", None);
    }
}
