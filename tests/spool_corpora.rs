//! The walk over the spools that the real sniffer wrote: what is listed, skipped and covered, against
//! a plain search of the same trees.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test that fails stops")]

use respool::base::NS_PER_S;
use respool::spool::{FileKind, SkipReason, SpoolListing, WalkOptions, walk};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

fn variants() -> Vec<PathBuf> {
    let corpora = std::env::var_os("RESPOOL_CORPORA").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpora"),
        PathBuf::from,
    );
    let Ok(entries) = std::fs::read_dir(corpora.join("voipmonitor-spools")) else {
        println!("no corpora at {}: nothing was compared", corpora.display());
        return Vec::new();
    };
    let spools = entries.map(|entry| entry.unwrap().path().join("spool"));
    let mut spools: Vec<PathBuf> = spools.filter(|path| path.is_dir()).collect();
    spools.sort();
    assert!(spools.len() >= 23, "{spools:?}");
    spools
}

fn listing(root: &Path) -> SpoolListing {
    walk(&[root.to_owned()], &WalkOptions::default()).unwrap()
}

/// Files below a directory by the name of the directory that they lie in.
fn files_by_folder(directory: &Path, count: &mut BTreeMap<String, u64>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files_by_folder(&path, count);
        } else {
            let folder = directory.file_name().unwrap().to_string_lossy().into_owned();
            *count.entry(folder).or_default() += 1;
        }
    }
}

#[test]
fn every_file_is_listed_or_counted() {
    for spool in variants() {
        let listing = listing(&spool);
        let mut folders = BTreeMap::new();
        files_by_folder(&spool, &mut folders);
        let of_kind = |kind| listing.files.iter().filter(|file| file.kind == kind).count() as u64;
        let skipped = |reason| listing.skipped.get(&reason).map_or(0, |count| count.entries);
        let folder = |name: &str| folders.get(name).copied().unwrap_or(0);
        let told = [
            of_kind(FileKind::Sip),
            of_kind(FileKind::Rtp),
            skipped(SkipReason::Graph),
            listing.files.len() as u64 + listing.skipped.values().map(|c| c.entries).sum::<u64>(),
        ];
        let truth = [folder("SIP"), folder("RTP"), folder("GRAPH"), folders.values().sum()];
        assert_eq!(told, truth, "{}", spool.display());
        assert!(listing.unreadable.is_empty(), "{}", spool.display());
        let is_cleancache = spool.ends_with("cleancache/spool");
        assert_eq!(skipped(SkipReason::CleanspoolCache), if is_cleancache { 3 } else { 0 });
    }
}

#[test]
fn every_file_has_its_minute_and_sensor() {
    for spool in variants() {
        let listing = listing(&spool);
        let sensor = if spool.ends_with("sensor/spool") { "7" } else { "" };
        for file in &listing.files {
            let (first, end) = file.starts.unwrap();
            assert_eq!(end.since_ns(first), 60 * NS_PER_S, "{}", file.path.display());
            assert_eq!(listing.sensor_name(file.sensor), sensor, "{}", file.path.display());
            // The minute is in the names of the directories and of the archive.
            let minute = jiff::Timestamp::from_second(first.floor_seconds()).unwrap();
            let minute = minute.strftime("%Y-%m-%d/%H/%M/").to_string();
            assert!(file.name.to_string_lossy().starts_with(&minute), "{}", file.name.display());
        }
        assert!(listing.coverage.missing_days().is_empty(), "{}", spool.display());
        assert!(listing.coverage.span().is_some(), "{}", spool.display());
    }
}

#[test]
fn restarted_archives_come_first() {
    let mut seen = 0;
    for spool in variants().into_iter().filter(|spool| spool.ends_with("kill9-restarted/spool")) {
        let listing = listing(&spool);
        let name = |at: usize| listing.files[at].name.to_string_lossy().into_owned();
        for at in 1..listing.files.len() {
            if name(at - 1) == format!("{}.1", name(at)) {
                seen += 1;
            }
            assert_ne!(name(at), format!("{}.1", name(at - 1)), "the bare archive is the newest");
        }
        assert_eq!(seen, 4, "SIP and RTP of two minutes were restarted");
    }
}

#[test]
fn parts_of_a_spool_make_the_same_listing_as_the_whole() {
    for spool in variants() {
        let whole = listing(&spool);
        let mut parts: Vec<PathBuf> = whole.files.iter().map(|file| file.path.clone()).collect();
        parts.reverse();
        let parts = walk(&parts, &WalkOptions::default()).unwrap();
        let lines = |listing: &SpoolListing| -> Vec<_> {
            let files = listing.files.iter();
            files
                .map(|f| (listing.sensor_name(f.sensor).to_owned(), f.name.clone(), f.kind))
                .collect()
        };
        assert_eq!(lines(&parts), lines(&whole), "{}", spool.display());
    }
}
