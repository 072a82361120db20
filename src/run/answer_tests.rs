//! What a key is made of, and when an answer is kept.

use super::super::check::profiled;
use super::super::config::InstalledLicense;
use super::super::reconstruct::{ReconstructOptions, read_walked, walk_roots};
use super::super::recorded::RecordedSource;
use super::*;
use crate::call::{RuleName, RuleTable};
use crate::channel::ReadingPins;
use crate::leg::{CaptureRules, NumberRules, TimingRules};
use crate::license::{License, Policy, Scenario};
use crate::report::json;
use crate::spool::{SpoolSettings, WalkOptions, walk};
use jiff::civil::date;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use std::fs::{self, File};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};
use tempfile::TempDir;

/// A capture and other files of a spool, beside a work directory.
struct Scene {
    dir: TempDir,
}

impl Scene {
    fn new() -> Self {
        let dir = TempDir::new().unwrap();
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
        fs::create_dir(dir.path().join("spool")).unwrap();
        let scene = Self { dir };
        for (case, name) in [("answered", "a.pcap"), ("no-bye-sip-only", "b.pcap")] {
            fs::copy(corpus.join(case).join("input/capture.pcap"), scene.file(name)).unwrap();
        }
        scene
    }

    fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join("spool").join(name)
    }

    fn work(&self) -> PathBuf {
        self.dir.path().join("work")
    }

    fn config(&self) -> CheckConfig {
        CheckConfig {
            spools: vec![self.dir.path().join("spool")],
            limit_channels: 4,
            license: None,
            as_of: None,
            from: None,
            to: None,
            time_zone: TimeZone::UTC,
            time_zone_name: "UTC".to_owned(),
            spool_zone: TimeZone::UTC,
            sensors: Vec::new(),
            without_rtp: false,
            scenario: Scenario::AsIs,
            accept_loss: false,
            reading: ReadingPins::default(),
            all_readings: false,
            rules: RuleTable::default(),
            database: None,
            threads: 2,
            progress: false,
            work: Some(self.work()),
            memory_bytes: 0,
            timing: TimingRules::default(),
            numbers: NumberRules::default(),
            capture: CaptureRules::default(),
            spool: SpoolSettings::default(),
            recorded: None,
            arguments: Vec::new(),
        }
    }

    fn listing(&self) -> SpoolListing {
        walk(&self.config().spools, &WalkOptions::default()).unwrap()
    }

    fn key(&self) -> Option<u128> {
        let config = self.config();
        let listing = self.listing();
        Asked::new(&config, &listing)?.key(&listing)
    }

    /// Runs it: the report, whether it was a kept one, and what was told.
    fn run(&self) -> (String, bool, Vec<String>) {
        let (report, profile) = profiled(&self.config()).unwrap();
        let stages: Vec<(&str, u64)> =
            profile.stages.iter().map(|stage| (stage.name, stage.items)).collect();
        let was_kept = stages.contains(&("kept answer", 1));
        assert_eq!(was_kept, stages.iter().all(|(name, _)| *name != "read"), "{stages:?}");
        (json(&report), was_kept, profile.messages)
    }

    fn answers(&self) -> usize {
        let entries = fs::read_dir(self.work()).into_iter().flatten().flatten();
        entries.filter(|entry| entry.file_name().to_string_lossy().starts_with("answer-")).count()
    }
}

/// Changes one field of a configuration.
type Edit = fn(&mut CheckConfig);

fn prague() -> TimeZone {
    TimeZoneDatabase::bundled().get("Europe/Prague").unwrap()
}

/// Each field of [`CheckConfig`] that the answer depends on, and parts of those that have parts.
const EDITS: [(&str, Edit); 31] = [
    ("spools", |config| config.spools.push(PathBuf::from("."))),
    ("limit", |config| config.limit_channels = 5),
    ("license", |config| {
        let (license, policy) = (License::default(), Policy::preset("isp").unwrap());
        config.license = Some(InstalledLicense { license, policy });
    }),
    ("license file", |config| {
        let license = License { cancelled: true, ..License::default() };
        let policy = Policy::preset("isp").unwrap();
        config.license = Some(InstalledLicense { license, policy });
    }),
    ("policy", |config| {
        let (license, policy) = (License::default(), Policy::preset("voipmonitor").unwrap());
        config.license = Some(InstalledLicense { license, policy });
    }),
    ("as of", |config| config.as_of = Some(date(2026, 11, 3))),
    ("from", |config| config.from = Some(date(2026, 11, 3))),
    ("to", |config| config.to = Some(date(2026, 11, 3))),
    ("zone", |config| config.time_zone = prague()),
    ("POSIX zone", |config| config.time_zone = TimeZone::posix("CET-1").unwrap()),
    ("another POSIX zone", |config| {
        config.time_zone = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0").unwrap();
    }),
    ("name of the zone", |config| config.time_zone_name = "Z".to_owned()),
    ("zone of the spool", |config| config.spool_zone = prague()),
    ("sensors", |config| config.sensors.push(("a".to_owned(), PathBuf::from("b")))),
    ("other sensors", |config| config.sensors.push(("a\", \"b".to_owned(), PathBuf::new()))),
    ("without RTP", |config| config.without_rtp = true),
    ("scenario", |config| config.scenario = Scenario::Merged),
    ("header", |config| config.scenario = Scenario::MergeHeader("X-A".to_owned())),
    ("losses", |config| config.accept_loss = true),
    ("reading", |config| config.reading = ReadingPins::parse("dedup=none").unwrap()),
    ("pinned as documented", |config| {
        config.reading = ReadingPins::parse("dedup=group-first").unwrap();
    }),
    ("readings", |config| config.all_readings = true),
    ("a rule", |config| config.rules.switch_mut(RuleName::ALL[0]).on = false),
    ("a window", |config| config.rules.refer_window_ns += 1),
    ("timing", |config| config.timing.bye_timeout_ns += 1),
    ("numbers", |config| config.numbers.remote_party_id = true),
    ("ports", |config| config.capture.sip_ports.push((5_060, 5_060))),
    ("merge header", |config| config.capture.merge_header = Some("x-a".to_owned())),
    ("merge secret", |config| config.capture.merge_secret = Some(Box::from(&b"s"[..]))),
    ("another merge secret", |config| config.capture.merge_secret = Some(Box::from(&b"t"[..]))),
    ("spool settings", |config| config.spool.by_sensor = true),
];

#[test]
fn whatever_the_answer_depends_on_is_asked() {
    let scene = Scene::new();
    let mut texts = vec![("nothing", asked(&scene.config()).unwrap())];
    for (name, edit) in EDITS {
        let mut config = scene.config();
        edit(&mut config);
        let text = asked(&config).unwrap();
        for (other, known) in &texts {
            assert!(*known != text, "{name} is as {other}");
        }
        texts.push((name, text));
    }
}

#[test]
fn what_has_no_effect_is_not_asked() {
    let scene = Scene::new();
    let expect = asked(&scene.config());
    let edits: [(&str, Edit); 5] = [
        ("threads", |config| config.threads = 1),
        ("progress", |config| config.progress = true),
        ("work", |config| config.work = Some(PathBuf::from("other"))),
        ("memory", |config| config.memory_bytes = 1 << 20),
        ("arguments", |config| config.arguments.push("--quiet".to_owned())),
    ];
    for (name, edit) in edits {
        let mut config = scene.config();
        edit(&mut config);
        assert_eq!(asked(&config), expect, "{name}");
    }
}

#[test]
fn other_inputs_and_outputs_are_never_answered_from_what_is_kept() {
    let scene = Scene::new();
    let edits: [(&str, Edit); 3] = [
        ("no work directory", |config| config.work = None),
        ("database", |config| config.database = Some(PathBuf::from("x.db"))),
        ("recorded", |config| {
            let path = PathBuf::from("cdr.csv");
            config.recorded = Some(RecordedSource { path, zone: TimeZone::UTC });
        }),
    ];
    assert!(Asked::is_possible(&scene.config()));
    for (name, edit) in edits {
        let mut config = scene.config();
        edit(&mut config);
        assert!(!Asked::is_possible(&config), "{name}");
        assert!(Asked::new(&config, &scene.listing()).is_none(), "{name}");
    }
}

#[test]
fn files_that_change_in_any_way_give_another_key() {
    let scene = Scene::new();
    let (a, b) = (scene.file("a.pcap"), scene.file("b.pcap"));
    let (bytes_a, bytes_b) = (fs::read(&a).unwrap(), fs::read(&b).unwrap());
    let then = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    let age = |path: &Path, at| File::options().write(true).open(path).unwrap().set_modified(at);
    let reset = || {
        let _absent = fs::remove_dir_all(scene.dir.path().join("spool"));
        fs::create_dir(scene.dir.path().join("spool")).unwrap();
        for (path, bytes) in [(&a, &bytes_a), (&b, &bytes_b)] {
            fs::write(path, bytes).unwrap();
            age(path, then).unwrap();
        }
    };
    let check = |what: &str, change: &dyn Fn()| {
        reset();
        let before = scene.key();
        assert!(before.is_some() && before == scene.key(), "before {what}");
        change();
        assert_ne!(scene.key(), before, "{what}");
    };
    check("touched", &|| age(&a, then + Duration::from_nanos(1)).unwrap());
    check("removed", &|| fs::remove_file(&b).unwrap());
    check("renamed", &|| fs::rename(&a, scene.file("c.pcap")).unwrap());
    check("swapped", &|| {
        let aside = scene.dir.path().join("aside");
        for (from, to) in [(&a, &aside), (&b, &a), (&aside, &b)] {
            fs::rename(from, to).unwrap();
        }
    });
    check("added", &|| fs::write(scene.file("c.pcap"), b"").unwrap());
    check("a byte, at its old time", &|| {
        let mut bytes = bytes_a.clone();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(&a, bytes).unwrap();
        age(&a, then).unwrap();
    });
    check("another file of the same bytes, size and time", &|| {
        let copy = scene.dir.path().join("copy");
        fs::write(&copy, &bytes_a).unwrap();
        age(&copy, then).unwrap();
        fs::rename(&copy, &a).unwrap();
    });
    check("something that is skipped", &|| {
        fs::write(scene.file(".cleanspool_cache"), b"x").unwrap();
    });
    check("gone into a directory", &|| {
        fs::create_dir(scene.file("sensor")).unwrap();
        fs::rename(&a, scene.file("sensor/a.pcap")).unwrap();
    });
    check("a link that leads nowhere", &|| {
        std::os::unix::fs::symlink("nowhere", scene.file("link.pcap")).unwrap();
    });
    assert_eq!(scene.key(), None, "what cannot be looked at has no key");
}

#[test]
fn a_second_run_is_answered_and_a_damaged_answer_is_found_anew() {
    let scene = Scene::new();
    let (expect, was_kept, messages) = scene.run();
    assert_eq!((was_kept, messages), (false, Vec::new()));
    assert_eq!(scene.run(), (expect.clone(), true, Vec::new()));
    let config = scene.config();
    let listing = scene.listing();
    let asked = Asked::new(&config, &listing).unwrap();
    let key = asked.key(&listing).unwrap();
    let Kept::Whole(bytes) = asked.answers.get(key) else { panic!("an answer was kept") };
    // Whole entries that are no answer of this program's making.
    for bytes in [&bytes[..bytes.len() - 1], &[&bytes[..], b"x"].concat(), b""] {
        asked.answers.put(key, bytes).unwrap();
        let (found, was_kept, messages) = scene.run();
        assert_eq!((found, was_kept), (expect.clone(), false));
        assert!(messages.len() == 1 && messages[0].contains("not understood"), "{messages:?}");
        assert_eq!(scene.run(), (expect.clone(), true, Vec::new()));
    }
    let path = fs::read_dir(scene.work()).unwrap().map(|entry| entry.unwrap().path());
    let path = path.into_iter().find(|path| path.to_string_lossy().contains("answer-")).unwrap();
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&path, bytes).unwrap();
    let (found, was_kept, messages) = scene.run();
    assert_eq!((found, was_kept), (expect.clone(), false));
    assert!(messages.len() == 1 && messages[0].contains("damaged"), "{messages:?}");
    assert_eq!(scene.run(), (expect, true, Vec::new()));
}

/// A file that changes after it was looked at, whenever that is: nothing is kept.
#[test]
fn an_answer_over_files_that_changed_is_not_kept() {
    let change = |scene: &Scene| {
        let path = scene.file("b.pcap");
        let modified = path.metadata().unwrap().modified().unwrap();
        let bytes = fs::read(&path).unwrap();
        // The same bytes and the same time: only the system knows that it is another file.
        fs::remove_file(&path).unwrap();
        fs::write(&path, bytes).unwrap();
        File::options().write(true).open(&path).unwrap().set_modified(modified).unwrap();
    };
    for moment in ["never", "before it is looked at", "before it is read", "after it was read"] {
        for has_another in [false, true] {
            let scene = Scene::new();
            let config = scene.config();
            let (report, _) = profiled(&CheckConfig { work: None, ..scene.config() }).unwrap();
            if has_another {
                Answers::below(&scene.work()).put(7, b"").unwrap_err();
                fs::create_dir(scene.work()).unwrap();
                Answers::below(&scene.work()).put(7, b"").unwrap();
            }
            let options = ReconstructOptions { work: config.work.clone(), ..Default::default() };
            let mut walked = walk_roots(&config.spools, &options).unwrap();
            if moment == "before it is looked at" {
                change(&scene);
            }
            let asked = Asked::new(&config, &walked.listing).unwrap();
            assert!(asked.take(&mut walked).is_none());
            walked.digests = Some(asked.files());
            if moment == "before it is read" {
                change(&scene);
            }
            let found = read_walked(&config.spools, walked, &options).unwrap();
            assert!(found.is_repeatable);
            if moment == "after it was read" {
                change(&scene);
            }
            let mut profile = Profile::default();
            asked.keep(&report, &found, &mut profile);
            let is_kept = matches!(moment, "never" | "before it is looked at");
            let expect = usize::from(is_kept) + usize::from(has_another);
            assert_eq!(scene.answers(), expect, "{moment}, {has_another}");
        }
    }
}

/// One that changed while it was read is a loss, which another run would not meet.
#[test]
fn an_answer_over_files_that_were_disturbed_is_not_kept() {
    let scene = Scene::new();
    let config = scene.config();
    let (report, _) = profiled(&CheckConfig { work: None, ..scene.config() }).unwrap();
    let options = ReconstructOptions { work: config.work.clone(), ..Default::default() };
    let walked = walk_roots(&config.spools, &options).unwrap();
    let asked = Asked::new(&config, &walked.listing).unwrap();
    let mut found = read_walked(&config.spools, walked, &options).unwrap();
    found.is_repeatable = false;
    asked.keep(&report, &found, &mut Profile::default());
    assert_eq!(scene.answers(), 0);
}
