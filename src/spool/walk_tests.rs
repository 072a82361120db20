//! Walks over small trees made for the purpose.

use super::*;
use std::fs;
use tempfile::TempDir;

fn tree(files: &[&str]) -> TempDir {
    let dir = TempDir::new().unwrap();
    for file in files {
        let path = dir.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, file).unwrap();
    }
    dir
}

fn roots(dir: &TempDir, below: &[&str]) -> Vec<PathBuf> {
    below.iter().map(|path| dir.path().join(path)).collect()
}

/// Names, kinds and sensors of a listing.
fn lines(listing: &SpoolListing) -> Vec<String> {
    let files = listing.files.iter();
    files
        .map(|file| {
            let sensor = listing.sensor_name(file.sensor);
            format!("{sensor}|{}|{}", file.kind.name(), file.name.display())
        })
        .collect()
}

fn check(files: &[&str], below: &[&str], expect: &[&str]) {
    let dir = tree(files);
    let listing = walk(&roots(&dir, below), &WalkOptions::default()).unwrap();
    assert_eq!(lines(&listing), expect, "{below:?}");
}

const DEFAULT: [&str; 4] = [
    "2026-11-20/10/00/SIP/sip_2026-11-20-10-00.tar.zst",
    "2026-11-20/10/00/SIP/sip_2026-11-20-10-00.tar.zst.1",
    "2026-11-20/10/00/RTP/rtp_2026-11-20-10-00.tar",
    "2026-11-20/10/01/SIP/sip_2026-11-20-10-01.tar.zst",
];

const DEFAULT_LISTED: [&str; 4] = [
    "|rtp|2026-11-20/10/00/RTP/rtp_2026-11-20-10-00.tar",
    "|sip|2026-11-20/10/00/SIP/sip_2026-11-20-10-00.tar.zst.1",
    "|sip|2026-11-20/10/00/SIP/sip_2026-11-20-10-00.tar.zst",
    "|sip|2026-11-20/10/01/SIP/sip_2026-11-20-10-01.tar.zst",
];

#[test]
fn any_part_of_a_spool_is_a_root() {
    check(&DEFAULT, &[""], &DEFAULT_LISTED);
    check(&DEFAULT, &["2026-11-20"], &DEFAULT_LISTED);
    check(&DEFAULT, &["2026-11-20/10"], &DEFAULT_LISTED);
    check(&DEFAULT, &["2026-11-20/10/01"], &DEFAULT_LISTED[3..]);
    check(&DEFAULT, &[DEFAULT[3]], &DEFAULT_LISTED[3..]);
    check(&DEFAULT, &["2026-11-20/10/01", "2026-11-20/10/00"], &DEFAULT_LISTED);
}

#[test]
fn roots_inside_roots_and_repeated_roots_make_no_difference() {
    check(&DEFAULT, &["", ""], &DEFAULT_LISTED);
    check(&DEFAULT, &["2026-11-20/10/01", "", "2026-11-20"], &DEFAULT_LISTED);
    check(&DEFAULT, &[DEFAULT[2], ".", "2026-11-20/../2026-11-20"], &DEFAULT_LISTED);
}

#[test]
fn other_layouts() {
    let flat = ["2026-11-20/a_call.pcap", "2026-11-21/b.pcap"];
    check(&flat, &[""], &["|plain|2026-11-20/a_call.pcap", "|plain|2026-11-21/b.pcap"]);
    let all = ["2026-11-20/10/00/ALL/call@10.0.0.1.pcap", "2026-11-20/10/00/REG/1795.pcap"];
    let expect = [
        "|all|2026-11-20/10/00/ALL/call@10.0.0.1.pcap",
        "|registration|2026-11-20/10/00/REG/1795.pcap",
    ];
    check(&all, &[""], &expect);
    check(
        &["x/y.pcap", "core.pcap", "README"],
        &[""],
        &["|plain|README", "|plain|core.pcap", "|plain|x/y.pcap"],
    );
    check(
        &["dump/sip_2026-11-20-10-00.tar.zst"],
        &[""],
        &["|sip|dump/sip_2026-11-20-10-00.tar.zst"],
    );
}

#[test]
fn sensors() {
    let by_sensor = [
        "8/2026-11-20/10/00/SIP/sip_8_2026-11-20-10-00.tar.zst",
        "7/2026-11-20/10/00/SIP/sip_7_2026-11-20-10-00.tar.zst",
        "7/2026-11-20/10/00/SIP/extra.pcap",
    ];
    let expect = [
        "7|sip|2026-11-20/10/00/SIP/extra.pcap",
        "7|sip|2026-11-20/10/00/SIP/sip_7_2026-11-20-10-00.tar.zst",
        "8|sip|2026-11-20/10/00/SIP/sip_8_2026-11-20-10-00.tar.zst",
    ];
    check(&by_sensor, &[""], &expect);
    check(&by_sensor, &["8", "7"], &expect);
    check(&by_sensor, &["8/2026-11-20", "7/2026-11-20"], &expect);
    check(&by_sensor, &[by_sensor[0], by_sensor[1]], &expect[1..]);
    let named = ["branch/2026-11-20/10/00/SIP/sip_branch_2026-11-20-10-00.tar.zst"];
    let expect = ["branch|sip|2026-11-20/10/00/SIP/sip_branch_2026-11-20-10-00.tar.zst"];
    check(&named, &[""], &expect);
    check(&named, &["branch"], &expect);
}

#[test]
fn the_user_names_sensors() {
    let dir = tree(&["a/x.pcap", "b/2026-11-20/10/00/SIP/y.pcap", "c.pcap"]);
    let sensors =
        vec![("west".to_owned(), dir.path().join("a")), ("east".to_owned(), dir.path().join("b"))];
    let options = WalkOptions { sensors, ..WalkOptions::default() };
    let listing = walk(&roots(&dir, &[""]), &options).unwrap();
    let expect = ["|plain|c.pcap", "east|sip|2026-11-20/10/00/SIP/y.pcap", "west|plain|a/x.pcap"];
    assert_eq!(lines(&listing), expect);
    assert_eq!(listing.sensors, ["", "east", "west"]);
}

#[test]
fn what_holds_no_packets_is_skipped_and_counted() {
    let dir = tree(&[
        "2026-11-20/10/.cleanspool_cache",
        "2026-11-20/10/00/GRAPH/graph_2026-11-20-10-00.tar.zst",
        "2026-11-20/10/00/AUDIO/call.wav",
        "2026-11-20/10/00/AUDIOGRAPH/x",
        "2026-11-20/10/00/SIP/core",
        "filesindex/sipsize/2026112010",
        "rrd/db.rrd",
        "qoq-1",
        "core",
        "core.123",
    ]);
    fs::write(dir.path().join("core.5"), [0xd4, 0xc3, 0xb2, 0xa1, 0, 0]).unwrap();
    let listing = walk(&roots(&dir, &[""]), &WalkOptions::default()).unwrap();
    assert_eq!(lines(&listing), ["|sip|2026-11-20/10/00/SIP/core", "|plain|core.5"]);
    let skipped: Vec<_> =
        listing.skipped.iter().map(|(reason, count)| (reason.name(), count.entries)).collect();
    let expect = [
        ("cleanspool-cache", 1),
        ("filesindex", 1),
        ("graph", 1),
        ("audio", 1),
        ("audiograph", 1),
        ("query-cache", 1),
        ("rrd", 1),
        ("core-dump", 2),
    ];
    assert_eq!(skipped, expect);
    assert_eq!(listing.skipped[&SkipReason::QueryCache].bytes, 5);
}

#[test]
fn days_prune_directories_but_not_calls_that_reach_into_them() {
    let dir = tree(&[
        "2026-11-18/23/00/SIP/a",
        "2026-11-19/19/59/SIP/b",
        "2026-11-19/20/00/SIP/c",
        "2026-11-20/10/00/SIP/d",
        "2026-11-21/00/00/SIP/e",
        "plain.pcap",
    ]);
    let day = |day: i8| {
        let start = jiff::civil::date(2026, 11, day).to_zoned(TimeZone::UTC).unwrap();
        Some(CaptureTime::from_parts(start.timestamp().as_second(), 0))
    };
    let options = WalkOptions { from: day(20), to: day(21), ..WalkOptions::default() };
    let listing = walk(&roots(&dir, &[""]), &options).unwrap();
    let expect =
        ["|sip|2026-11-19/20/00/SIP/c", "|sip|2026-11-20/10/00/SIP/d", "|plain|plain.pcap"];
    assert_eq!(lines(&listing), expect);
    // The days 18 and 21, and the hour 19 of the day 19.
    assert_eq!(listing.skipped[&SkipReason::OutsideDays].entries, 3);
}

#[test]
fn rtp_is_left_out_on_request_by_its_place_alone() {
    let dir = tree(&[
        "2026-11-20/10/00/SIP/sip_2026-11-20-10-00.tar",
        "2026-11-20/10/00/RTP/rtp_2026-11-20-10-00.tar",
        "2026-11-20/10/01/RTP/call.pcap",
        "2026-11-20/10/02/ALL/call.pcap",
        "rtp_7_2026-11-20-10-03.tar.gz",
        "rtp.pcap",
    ]);
    let check = |without_rtp: bool, expect: &[&str], left_out: u64| {
        let options = WalkOptions { without_rtp, ..WalkOptions::default() };
        let listing = walk(&roots(&dir, &[""]), &options).unwrap();
        let kinds: Vec<&str> = listing.files.iter().map(|file| file.kind.name()).collect();
        assert_eq!(kinds, expect);
        let counted = listing.skipped.get(&SkipReason::Rtp).map_or(0, |count| count.entries);
        assert_eq!(counted, left_out);
        assert_eq!(listing.sensors, if without_rtp { vec![""] } else { vec!["", "7"] });
    };
    check(false, &["rtp", "sip", "rtp", "all", "plain", "rtp"], 0);
    check(true, &["sip", "all", "plain"], 3);
}

#[test]
fn coverage_lists_days_without_signalling() {
    let dir = tree(&[
        "2026-11-20/10/00/SIP/a",
        "2026-11-20/23/59/SIP/a",
        "2026-11-21/10/00/RTP/media_only",
        "2026-11-23/b.pcap",
    ]);
    let listing = walk(&roots(&dir, &[""]), &WalkOptions::default()).unwrap();
    let day = |day: i8| jiff::civil::date(2026, 11, day);
    let days: Vec<_> = listing.coverage.days().collect();
    assert_eq!(days, [(day(20), 1 << 10 | 1 << 23), (day(23), (1 << 24) - 1)]);
    assert_eq!(listing.coverage.span(), Some((day(20), day(23))));
    assert_eq!(listing.coverage.missing_days(), [day(21), day(22)]);
    assert_eq!(listing.coverage_by_sensor.len(), 1);
}

#[cfg(unix)]
#[test]
fn links_are_followed_once_and_loops_end() {
    use std::os::unix::fs::symlink;
    let dir = tree(&["real/2026-11-20/10/00/SIP/a", "roots/x.pcap"]);
    symlink(dir.path().join("real"), dir.path().join("roots/7")).unwrap();
    symlink(dir.path().join("real"), dir.path().join("roots/8")).unwrap();
    symlink(dir.path().join("roots"), dir.path().join("roots/again")).unwrap();
    symlink(dir.path().join("gone"), dir.path().join("roots/dangling")).unwrap();
    let listing = walk(&roots(&dir, &["roots"]), &WalkOptions::default()).unwrap();
    assert_eq!(lines(&listing), ["|plain|x.pcap", "7|sip|2026-11-20/10/00/SIP/a"]);
    assert_eq!(listing.skipped[&SkipReason::LinkLoop].entries, 1);
    let lost: Vec<_> = listing.unreadable.iter().map(|lost| lost.path.clone()).collect();
    let dangling = dir.path().canonicalize().unwrap().join("roots/dangling");
    assert_eq!(lost, std::slice::from_ref(&dangling));
    assert_eq!(listing.losses().len(), 1);
    assert_eq!(listing.path(listing.losses()[0].file), Some(dangling.as_path()));
    assert_eq!(listing.notes().count(crate::base::NoteKind::Unreadable), 1);
}

#[cfg(unix)]
#[test]
fn sockets_are_not_opened() {
    let dir = tree(&["x.pcap"]);
    let _socket = std::os::unix::net::UnixListener::bind(dir.path().join("socket")).unwrap();
    let listing = walk(&roots(&dir, &[""]), &WalkOptions::default()).unwrap();
    assert_eq!(lines(&listing), ["|plain|x.pcap"]);
    assert_eq!(listing.skipped[&SkipReason::NotAFile].entries, 1);
}

#[test]
fn a_root_that_is_not_there_is_an_error() {
    let error = walk(&["/no/such/spool".into()], &WalkOptions::default()).unwrap_err();
    assert!(error.to_string().starts_with("/no/such/spool: "), "{error}");
}

#[test]
fn standard_input_and_empty_roots() {
    let listing = walk(&["-".into(), "-".into()], &WalkOptions::default()).unwrap();
    assert_eq!(listing.files.len(), 1);
    assert!(listing.files[0].is_standard_input());
    let dir = TempDir::new().unwrap();
    let empty = walk(&[dir.path().to_owned()], &WalkOptions::default()).unwrap();
    assert_eq!((empty.files.len(), empty.bytes(), empty.coverage.span()), (0, 0, None));
}
