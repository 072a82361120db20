//! Command lines and what they mean, or why they are refused.

use super::super::{Arguments, Command};
use super::*;
use clap::Parser;
use std::fs;
use tempfile::TempDir;

struct Spool {
    dir: TempDir,
}

impl Spool {
    fn new() -> Self {
        let dir = TempDir::new().unwrap();
        fs::create_dir_all(dir.path().join("spool/7")).unwrap();
        fs::create_dir_all(dir.path().join("empty/2026-11-20/10")).unwrap();
        fs::write(dir.path().join("spool/7/a.pcap"), "").unwrap();
        let conf = "timezone = Europe/Prague\nsipport = 5080\ncdr_ignore_response = 404 number:1\n";
        fs::write(dir.path().join("vm.conf"), conf).unwrap();
        fs::write(dir.path().join("bad.conf"), "\nrtptimeout = soon\n").unwrap();
        Self { dir }
    }

    /// `@` in a word stands for the scratch directory.
    fn config(&self, line: &str) -> Result<(CheckConfig, Vec<String>), CliError> {
        let at = self.dir.path().to_string_lossy().into_owned();
        let words: Vec<String> = line.split(' ').map(|word| word.replace('@', &at)).collect();
        let all = ["respool".to_owned(), "check".to_owned()].into_iter().chain(words);
        let Command::Check(check) = Arguments::try_parse_from(all).unwrap().command else {
            panic!("not the arguments of check");
        };
        check.config(Vec::new())
    }
}

#[test]
fn defaults() {
    let spool = Spool::new();
    let (config, warnings) = spool.config("@/spool --limit 4").unwrap();
    assert_eq!(config.limit_channels, 4);
    assert_eq!((config.time_zone_name.as_str(), config.spool_zone), ("UTC", TimeZone::UTC));
    assert_eq!((config.as_of, config.from, config.to), (None, None, None));
    assert_eq!(
        (config.scenario, config.all_readings, config.progress),
        (Scenario::AsIs, false, true)
    );
    assert_eq!(config.capture, crate::leg::CaptureRules::default());
    assert!(warnings.is_empty());
}

#[test]
fn the_configuration_file_fills_what_was_not_typed() {
    let spool = Spool::new();
    let (config, warnings) = spool.config("@/spool --limit 4 --conf @/vm.conf").unwrap();
    assert_eq!(config.time_zone_name, "Europe/Prague");
    assert_eq!(config.spool_zone.iana_name(), Some("Europe/Prague"));
    assert_eq!(config.capture.sip_ports, [(5080, 5080)]);
    assert_eq!(warnings.len(), 1);
    let typed = "@/spool --limit 4 --conf @/vm.conf --time-zone utc --sip-ports 5060,6000-6001";
    let (config, _) = spool.config(typed).unwrap();
    assert_eq!(config.time_zone_name, "UTC");
    assert_eq!(config.spool_zone.iana_name(), Some("Europe/Prague"));
    assert_eq!(config.capture.sip_ports, [(5060, 5060), (6000, 6001)]);
}

#[test]
fn what_is_typed() {
    let spool = Spool::new();
    let config = |line: &str| spool.config(&format!("@/spool --limit 4 {line}")).unwrap().0;
    let days = config("--from 2026-11-01 --to 2026-11-20 --as-of 2026-11-20");
    assert_eq!(days.as_of, Some(jiff::civil::date(2026, 11, 20)));
    assert!(config("--readings all").all_readings);
    assert_eq!(config("--scenario merged").scenario, Scenario::Merged);
    let header = Scenario::MergeHeader("X-CID".to_owned());
    assert_eq!(config("--scenario merge-header=X-CID").scenario, header);
    let (name, path) = config("--sensor east=@/spool/7").sensors.remove(0);
    assert_eq!((name.as_str(), path), ("east", spool.dir.path().join("spool/7")));
    assert_eq!(config("--time-zone europe/berlin").time_zone_name, "Europe/Berlin");
    let berlin = config("--time-zone Europe/Berlin").spool_zone;
    assert_eq!(berlin.iana_name(), Some("Europe/Berlin"));
}

#[test]
fn what_is_refused() {
    let spool = Spool::new();
    let check = |line: &str, expect: &str| {
        let error = spool.config(line).unwrap_err().to_string();
        assert!(error.contains(expect), "{line}: {error}");
    };
    check("@/spool --limit 0", "--limit 0: a license has at least one channel");
    check("@/spool --limit 4 --as-of yesterday", "--as-of yesterday: not a day");
    check("@/spool --limit 4 --from 2026-02-30", "--from 2026-02-30: not a day");
    check("@/spool --limit 4 --to 2026-11-20T10:00", "not a day");
    check("@/spool --limit 4 --from 2026-11-02 --to 2026-11-01", "is after --to");
    check("@/spool --limit 4 --to 2026-11-02 --as-of 2026-11-03", "outside --from and --to");
    check("@/spool --limit 4 --time-zone Europe/Berln", "did you mean Europe/Berlin?");
    check("@/spool --limit 4 --spool-zone Nowhere", "--spool-zone Nowhere: unknown time zone");
    check("@/spool --limit 4 --sip-ports sip", "--sip-ports sip: expected ports");
    check("@/spool --limit 4 --reading span", "--reading span: 'span' is not axis=choice");
    check("@/spool --limit 4 --scenario magic", "--scenario magic: expected as-is");
    check("@/spool --limit 4 --scenario merge-header", "callidmerge_header");
    check("@/spool --limit 4 --sensor east", "expected NAME=PATH");
    check("@/spool --limit 4 --sensor east=@/empty", "neither in nor around");
    check("@/spool --limit 4 --sensor east=@/gone", "No such file");
    check("@/spool --limit 4 --conf @/bad.conf", "bad.conf:2: rtptimeout");
    check("@/spool --limit 4 --conf @/gone.conf", "gone.conf: No such file");
    check("@/gone --limit 4", "give the path of a spool");
    check("@/empty --limit 4", "the directory holds no file");
}

#[test]
fn memory_is_a_size() {
    let spool = Spool::new();
    let check = |typed: &str, expect: Option<u64>| {
        let read = spool.config(&format!("@/spool --limit 4 --memory {typed}"));
        assert_eq!(read.ok().map(|(config, _)| config.memory_bytes), expect, "{typed}");
    };
    check("256M", Some(256 << 20));
    check("2g", Some(2 << 30));
    check("1024K", Some(1 << 20));
    check("1T", Some(1 << 40));
    check("3000000", Some(3_000_000));
    for wrong in ["1023K", "0", "G", "2GB", "+2G", "1.5G", "many", "99999999999T", "é"] {
        check(wrong, None);
    }
    let (config, _) = spool.config("@/spool --limit 4").unwrap();
    let quarter = run::machine::memory_bytes().map_or(0, |bytes| bytes / 4);
    assert_eq!((config.memory_bytes, config.work), (quarter, None));
}

#[test]
fn nothing_is_kept_inside_a_spool() {
    let spool = Spool::new();
    let line = |work: &str| spool.config(&format!("@/spool --limit 4 --work {work}"));
    for inside in ["@/spool", "@/spool/7", "@/spool/new/work", "@/link/work", "@/empty/../spool/w"]
    {
        let link = spool.dir.path().join("link");
        let _there = std::os::unix::fs::symlink(spool.dir.path().join("spool"), link);
        let refused = line(inside).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(refused.contains("lies inside the spool"), "{inside}: {refused}");
    }
    for beside in ["@", "@/work", "@/spool-work", "@/new/deep"] {
        let (config, _) = line(beside).unwrap();
        let expect = beside.replace('@', &spool.dir.path().to_string_lossy());
        assert_eq!(config.work, Some(PathBuf::from(expect)), "{beside}");
    }
}
