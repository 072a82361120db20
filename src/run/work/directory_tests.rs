//! The directory over several runs: what changed, what was torn, what is of no use any more.

use super::*;
use crate::base::SensorId;
use crate::spool::{FileKind, SpoolFile};
use proptest::prelude::*;
use std::time::{Duration, SystemTime};
use tempfile::TempDir;

const OWNER: Owner = Owner { program: 1, options: 2 };

/// A spool of a few files beside a work directory.
struct Scene {
    dir: TempDir,
}

impl Scene {
    fn new() -> Self {
        Self { dir: TempDir::new().unwrap() }
    }

    fn work(&self) -> PathBuf {
        self.dir.path().join("work")
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        fs::write(self.dir.path().join(name), bytes).unwrap();
    }

    fn age(&self, name: &str, seconds: u64) {
        let file = OpenOptions::new().write(true).open(self.dir.path().join(name)).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)).unwrap();
    }

    /// The file as a walk would list it now.
    fn listed(&self, name: &str) -> SpoolFile {
        let path = self.dir.path().join(name);
        let metadata = path.metadata().unwrap();
        SpoolFile {
            name: PathBuf::from(name),
            size: metadata.len(),
            modified: metadata.modified().ok(),
            sensor: SensorId(0),
            kind: FileKind::Plain,
            placement: None,
            starts: None,
            path,
        }
    }

    fn key(&self, name: &str) -> FileKey {
        FileKey::of(&self.listed(name)).unwrap().unwrap()
    }

    fn open(&self) -> WorkDirectory {
        self.open_by(OWNER, &[])
    }

    #[track_caller]
    fn open_by(&self, owner: Owner, expect: &[&str]) -> WorkDirectory {
        let Opened { directory, messages } = WorkDirectory::open_as(&self.work(), owner, 2);
        assert_eq!(messages.len(), expect.len(), "{messages:?}");
        for (message, expected) in messages.iter().zip(expect) {
            assert!(message.contains(expected), "{message}");
        }
        directory.unwrap()
    }

    fn segments(&self) -> Vec<PathBuf> {
        let mut paths: Vec<PathBuf> =
            fs::read_dir(self.work()).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.retain(|path| number_of(path).is_some());
        paths.sort();
        paths
    }
}

#[test]
fn what_one_run_stores_the_next_one_has() {
    let scene = Scene::new();
    for (name, bytes) in [("a", &b"alpha"[..]), ("b", b"beta"), ("c", b"")] {
        scene.write(name, bytes);
    }
    let work = scene.open();
    assert_eq!(work.get(&scene.key("a")), None);
    work.put(0, &scene.key("a"), b"of a");
    work.put(1, &scene.key("b"), &[7; 300_000]);
    work.put(1, &scene.key("c"), b"");
    let summary = work.finish();
    assert_eq!((summary.reused_files, summary.stored_files), (0, 3));
    assert!(summary.messages.is_empty());
    let work = scene.open();
    assert_eq!(work.get(&scene.key("a")).as_deref(), Some(&b"of a"[..]));
    assert_eq!(work.get(&scene.key("b")), Some(vec![7; 300_000]));
    assert_eq!(work.get(&scene.key("c")), Some(Vec::new()));
    assert_eq!(work.finish().reused_files, 3);
    assert_eq!(scene.segments().len(), 2);
}

#[test]
fn a_file_that_changed_is_read_anew() {
    let scene = Scene::new();
    let body = vec![b'x'; 100_000];
    let changes: [(&str, &dyn Fn()); 5] = [
        ("size", &|| scene.write("a", &[&body[..], b"more"].concat())),
        ("time", &|| scene.age("a", 2_000)),
        ("head", &|| scene.write("a", &[b"y", &body[1..]].concat())),
        ("tail", &|| scene.write("a", &[&body[1..], b"y"].concat())),
        ("emptied", &|| scene.write("a", b"")),
    ];
    for (what, change) in changes {
        scene.write("a", &body);
        scene.age("a", 1_000);
        let work = scene.open();
        work.put(0, &scene.key("a"), what.as_bytes());
        work.finish();
        change();
        if what != "time" {
            scene.age("a", 1_000);
        }
        let work = scene.open();
        assert_eq!(work.get(&scene.key("a")), None, "{what}");
        work.put(1, &scene.key("a"), b"anew");
        work.finish();
        assert_eq!(scene.open().get(&scene.key("a")).as_deref(), Some(&b"anew"[..]), "{what}");
    }
}

#[test]
fn a_file_that_is_being_written_has_no_key() {
    let scene = Scene::new();
    scene.write("a", b"alpha");
    let listed = scene.listed("a");
    scene.write("a", b"alpha beta");
    assert_eq!(FileKey::of(&listed).unwrap(), None);
    let stdin = SpoolFile { path: PathBuf::from("-"), ..listed };
    assert_eq!(FileKey::of(&stdin).unwrap(), None);
    let kind = SpoolFile { kind: FileKind::Rtp, ..scene.listed("a") };
    assert_ne!(FileKey::of(&kind).unwrap(), Some(scene.key("a")));
    fs::remove_file(scene.dir.path().join("a")).unwrap();
    assert!(FileKey::of(&kind).is_err());
}

#[test]
fn other_options_and_other_programs_have_nothing() {
    let scene = Scene::new();
    scene.write("a", b"alpha");
    let work = scene.open();
    work.put(0, &scene.key("a"), b"of a");
    work.finish();
    let work = scene.open_by(Owner { options: 3, ..OWNER }, &["by other options"]);
    assert_eq!(work.get(&scene.key("a")), None);
    work.put(0, &scene.key("a"), b"by 3");
    work.finish();
    // Both stay.
    let work = scene.open_by(OWNER, &["by other options"]);
    assert_eq!(work.get(&scene.key("a")).as_deref(), Some(&b"of a"[..]));
    work.finish();
    let other = Owner { program: 9, ..OWNER };
    let work = scene.open_by(other, &["by another version"]);
    assert_eq!(work.get(&scene.key("a")), None);
    work.finish();
    assert!(scene.segments().is_empty());
}

/// As a copy that keeps times puts a file back: size, time of writing, head and tail stay.
#[test]
fn a_file_that_was_put_back_is_another_one() {
    let scene = Scene::new();
    scene.write("a", &[1; 100_000]);
    let path = scene.listed("a").path;
    let then = path.metadata().unwrap().modified().unwrap();
    let before = scene.key("a");
    assert_eq!(scene.key("a"), before);
    let mut bytes = vec![1; 100_000];
    bytes[50_000] = 2;
    scene.write("b", &bytes);
    let copy = scene.listed("b").path;
    File::options().write(true).open(&copy).unwrap().set_modified(then).unwrap();
    fs::rename(&copy, &path).unwrap();
    assert_eq!(path.metadata().unwrap().modified().unwrap(), then);
    let replaced = scene.key("a");
    assert_ne!(replaced, before);
    assert_eq!(replaced.path_digest(), before.path_digest());
    // Over the file itself: the system's clock for this ticks every few milliseconds.
    std::thread::sleep(Duration::from_millis(50));
    scene.write("a", &[1; 100_000]);
    File::options().write(true).open(&path).unwrap().set_modified(then).unwrap();
    assert_ne!(scene.key("a"), replaced);
}

#[test]
fn options_that_shape_reading_are_told_apart() {
    use crate::leg::CaptureRules;
    use crate::run::work::options_digest;
    let rules = CaptureRules::default();
    let ports = |ports| CaptureRules { sip_ports: ports, ..CaptureRules::default() };
    let mut digests = vec![
        options_digest(&rules),
        options_digest(&CaptureRules { without_ipv6: true, ..rules.clone() }),
        options_digest(&ports(vec![(5060, 5060)])),
        options_digest(&ports(vec![(5060, 5061)])),
        options_digest(&ports(vec![(5060, 5060), (5060, 5061)])),
    ];
    let later = CaptureRules { only_answered: true, ..rules.clone() };
    assert_eq!(options_digest(&later), options_digest(&rules));
    digests.sort_unstable();
    digests.dedup();
    assert_eq!(digests.len(), 5);
}

/// A run that is killed at any byte of its writing: what was whole is there, and the next run goes on.
#[test]
fn a_torn_end_is_written_over() {
    let scene = Scene::new();
    let names = ["a", "b", "c"];
    names.iter().for_each(|name| scene.write(name, name.as_bytes()));
    let work = scene.open();
    let keys: Vec<FileKey> = names.iter().map(|name| scene.key(name)).collect();
    for (key, name) in keys.iter().zip(names) {
        work.put(0, key, name.repeat(20).as_bytes());
    }
    work.finish();
    let [segment] = scene.segments().try_into().unwrap();
    let whole = fs::read(&segment).unwrap();
    for length in 0..whole.len() {
        fs::write(&segment, &whole[..length]).unwrap();
        let work = scene.open();
        let had: Vec<bool> = keys.iter().map(|key| work.get(key).is_some()).collect();
        assert!(had.is_sorted_by(|left, right| left >= right), "{length}: {had:?}");
        assert_eq!(had.iter().filter(|had| **had).count(), work.index.len());
        for (key, had) in keys.iter().zip(&had) {
            if !had {
                work.put(0, key, b"anew");
            }
        }
        assert!(work.finish().messages.is_empty());
        let work = scene.open();
        for (key, (had, name)) in keys.iter().zip(had.iter().zip(names)) {
            let expect = if *had { name.repeat(20) } else { "anew".to_owned() };
            assert_eq!(work.get(key), Some(expect.into_bytes()), "{length}");
        }
        drop(work);
        scene.segments().iter().for_each(|path| fs::remove_file(path).unwrap());
    }
}

/// Killed without any warning: what was large enough to be written, or old enough, is there.
#[test]
fn a_killed_run_loses_what_is_recent() {
    let scene = Scene::new();
    scene.write("a", b"alpha");
    scene.write("b", b"beta");
    scene.write("c", b"gamma");
    let work = scene.open();
    work.put(0, &scene.key("a"), &[1; 100_000]);
    work.put(0, &scene.key("b"), b"recent");
    work.put(1, &scene.key("c"), b"small");
    std::thread::sleep(Duration::from_millis(250));
    work.put(1, &scene.key("c"), b"small");
    drop(work);
    let work = scene.open();
    assert_eq!(work.get(&scene.key("a")), Some(vec![1; 100_000]));
    assert_eq!(work.get(&scene.key("b")), None);
    assert_eq!(work.get(&scene.key("c")).as_deref(), Some(&b"small"[..]));
}

#[test]
fn two_runs_do_not_share_a_directory() {
    let scene = Scene::new();
    scene.write("a", b"alpha");
    let first = scene.open();
    let second = WorkDirectory::open_as(&scene.work(), OWNER, 1);
    assert!(second.directory.is_none());
    let process = std::process::id().to_string();
    assert!(second.messages[0].contains("another run uses it"), "{:?}", second.messages);
    assert!(second.messages[0].contains(&process), "{:?}", second.messages);
    first.put(0, &scene.key("a"), b"of a");
    first.finish();
    assert!(scene.open().get(&scene.key("a")).is_some());
}

#[test]
fn what_cannot_be_used_is_told_and_stops_nothing() {
    let scene = Scene::new();
    scene.write("work", b"a file");
    let opened = WorkDirectory::open_as(&scene.work(), OWNER, 1);
    assert!(opened.directory.is_none());
    assert!(opened.messages[0].contains("is not used, all files are read"));
    fs::remove_file(scene.work()).unwrap();
    scene.write("a", b"alpha");
    let work = scene.open();
    fs::remove_dir_all(scene.work()).unwrap();
    work.put(0, &scene.key("a"), b"of a");
    work.put(0, &scene.key("a"), b"of a");
    let summary = work.finish();
    assert_eq!(summary.stored_files, 0);
    assert!(summary.messages[0].contains("not all of this run could be kept"), "{summary:?}");
}

/// What is no segment is left alone, whatever it is called.
#[test]
fn files_of_others_are_left_alone() {
    let scene = Scene::new();
    fs::create_dir(scene.work()).unwrap();
    let names = ["segment-00000004", "segment-x", "notes.txt"];
    names.iter().for_each(|name| scene.write(&format!("work/{name}"), b"mine"));
    scene.write("a", b"alpha");
    let work = scene.open();
    work.put(0, &scene.key("a"), b"of a");
    work.finish();
    for name in names {
        assert_eq!(fs::read(scene.work().join(name)).unwrap(), b"mine", "{name}");
    }
    assert!(scene.segments().last().unwrap().ends_with("segment-00000005"));
    assert!(scene.open().get(&scene.key("a")).is_some());
}

#[test]
fn dead_bytes_are_given_back() {
    let scene = Scene::new();
    let names = ["a", "b", "c", "d"];
    let size = |scene: &Scene| -> u64 {
        scene.segments().iter().map(|path| path.metadata().unwrap().len()).sum()
    };
    for round in 1..=3u64 {
        let work = scene.open();
        for (worker, name) in names.iter().enumerate() {
            scene.write(name, name.as_bytes());
            scene.age(name, round);
            work.put(worker % 2, &scene.key(name), &vec![round as u8; 200_000]);
        }
        let summary = work.finish();
        assert!(summary.messages.is_empty(), "{summary:?}");
        assert!((800_000..802_000).contains(&summary.live_bytes), "{summary:?}");
    }
    // Of the third round alone, because two thirds were dead.
    assert!(size(&scene) < 802_000, "{}", size(&scene));
    assert_eq!(scene.segments().len(), 1);
    fs::write(scene.work().join("compacting"), b"what a killed run left").unwrap();
    scene.write("e", b"e");
    for name in ["a", "b", "c"] {
        fs::remove_file(scene.dir.path().join(name)).unwrap();
    }
    let work = scene.open();
    assert_eq!(work.get(&scene.key("d")), Some(vec![3; 200_000]));
    work.put(0, &scene.key("e"), &vec![9; 300_000]);
    work.finish();
    // What is left is of files that are still there.
    assert!((500_000..502_000).contains(&size(&scene)), "{}", size(&scene));
    let work = scene.open();
    assert_eq!(work.get(&scene.key("d")), Some(vec![3; 200_000]));
    assert_eq!(work.get(&scene.key("e")), Some(vec![9; 300_000]));
}

/// Files that a run was not asked for keep their entries.
/// Parts go with the entry of their file: those of a run before that, and those of a file that is gone,
/// are of no use.
#[test]
fn dead_parts_are_given_back() {
    let scene = Scene::new();
    let part = vec![7; 600_000];
    let store = |name: &str| {
        let work = scene.open();
        let (key, run) = (scene.key(name), work.run());
        for number in 0..3 {
            work.put(0, &key.of_part(run, number), &part);
        }
        work.put(0, &key, &run.to_le_bytes());
        let summary = work.finish();
        assert_eq!(summary.messages, [""; 0]);
        (run, summary.live_bytes)
    };
    scene.write("a", b"one");
    scene.age("a", 1);
    let (first, _) = store("a");
    scene.write("a", b"other");
    scene.age("a", 2);
    store("a");
    let (last, live) = store("a");
    assert!(live < 4 * part.len() as u64, "{live}: parts of one run");
    let work = scene.open();
    let key = scene.key("a");
    assert_eq!(work.get(&key).unwrap(), last.to_le_bytes());
    for number in 0..3 {
        assert_eq!(work.get(&key.of_part(last, number)).unwrap(), part);
        assert_eq!(work.get(&key.of_part(first, number)), None);
    }
    drop(work);
    fs::remove_file(scene.dir.path().join("a")).unwrap();
    let summary = scene.open().finish();
    assert!(summary.live_bytes < 1_000, "{}", summary.live_bytes);
}

#[test]
fn what_was_not_asked_for_stays() {
    let scene = Scene::new();
    let work = scene.open();
    for name in ["a", "b", "c", "d"] {
        scene.write(name, name.as_bytes());
        work.put(0, &scene.key(name), &vec![1; 400_000]);
    }
    work.finish();
    let work = scene.open();
    assert!(work.get(&scene.key("a")).is_some());
    work.finish();
    assert!(scene.open().get(&scene.key("d")).is_some());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Any byte of a segment changed: each entry is as it was written, or is not there.
    #[test]
    fn damage_is_no_entry(at in any::<prop::sample::Index>(), flip in 1u8..) {
        let scene = Scene::new();
        let names = ["a", "b", "c"];
        names.iter().for_each(|name| scene.write(name, name.as_bytes()));
        let work = scene.open();
        let keys: Vec<FileKey> = names.iter().map(|name| scene.key(name)).collect();
        for (key, name) in keys.iter().zip(names) {
            work.put(0, key, name.repeat(40).as_bytes());
        }
        work.finish();
        let segment = scene.segments().remove(0);
        let mut bytes = fs::read(&segment).unwrap();
        let place = at.index(bytes.len());
        bytes[place] ^= flip;
        fs::write(&segment, bytes).unwrap();
        let opened = WorkDirectory::open_as(&scene.work(), OWNER, 1);
        let work = opened.directory.unwrap();
        for (key, name) in keys.iter().zip(names) {
            let found = work.get(key);
            prop_assert!(found.is_none() || found == Some(name.repeat(40).into_bytes()));
            work.put(0, key, b"anew");
        }
        work.finish();
        let opened = WorkDirectory::open_as(&scene.work(), OWNER, 1);
        let work = opened.directory.unwrap();
        for key in &keys {
            prop_assert_eq!(work.get(key), Some(b"anew".to_vec()));
        }
    }
}
