//! Files that lie still, grow, are cut and are rewritten while they are read.

use super::*;
use std::fs::{self, OpenOptions};
use std::io::Write;
use tempfile::NamedTempFile;

const MAP_ALWAYS: OpenRules =
    OpenRules { mapped_bytes_min: 0, young: Duration::ZERO, opened: |_| {} };
const MAP_NEVER: OpenRules =
    OpenRules { mapped_bytes_min: 0, young: Duration::MAX, opened: |_| {} };

fn file(len: usize) -> NamedTempFile {
    let file = NamedTempFile::new().unwrap();
    fs::write(file.path(), vec![7; len]).unwrap();
    file
}

fn read_all(open: &mut OpenFile) -> Vec<u8> {
    match &mut open.content {
        Content::Whole(bytes) => bytes.to_vec(),
        Content::Pieces(pieces) => {
            let (mut all, mut buffer) = (Vec::new(), Vec::new());
            while pieces.read(&mut buffer).unwrap() > 0 {
                all.extend_from_slice(&buffer);
            }
            all
        }
    }
}

fn way(open: &OpenFile) -> &'static str {
    match open.content {
        Content::Whole(FileBytes::Owned(_)) => "owned",
        Content::Whole(FileBytes::Mapped(_)) => "mapped",
        Content::Pieces(_) => "pieces",
    }
}

#[test]
fn how_a_file_is_opened() {
    let check = |len: usize, age: Duration, expect: &str| {
        let file = file(len);
        let at = SystemTime::now() - age;
        file.as_file().set_modified(at).unwrap();
        let mut open = OpenFile::open(file.path(), &OpenRules::default()).unwrap();
        assert_eq!(way(&open), expect, "{len} {age:?}");
        assert_eq!(read_all(&mut open), vec![7; len]);
        assert_eq!(open.change().unwrap(), Change::None);
    };
    let (minute, day) = (Duration::from_secs(60), Duration::from_secs(86_400));
    check(0, day, "owned");
    check(1_000_000, day, "owned");
    check(1_000_000, minute, "owned");
    check(2_000_000, minute, "pieces");
    check(2_000_000, day, "mapped");
}

#[test]
fn an_empty_file_can_be_opened_in_every_way() {
    for rules in [MAP_ALWAYS, MAP_NEVER, OpenRules::default()] {
        let file = file(0);
        let mut open = OpenFile::open(file.path(), &rules).unwrap();
        assert_eq!(read_all(&mut open), b"");
    }
}

/// Opens, changes the file, reads; the bytes that came and what is said about them.
fn check(rules: OpenRules, change: impl FnOnce(&Path), expect: (usize, usize, Change)) {
    let file = file(4_000_000);
    file.as_file().set_modified(SystemTime::now() - Duration::from_secs(60)).unwrap();
    let mut open = OpenFile::open(file.path(), &rules).unwrap();
    change(file.path());
    let bytes = read_all(&mut open);
    let sevens = bytes.iter().filter(|byte| **byte == 7).count();
    assert_eq!((bytes.len(), sevens, open.change().unwrap()), expect, "{}", way(&open));
}

fn cut_to(len: u64) -> impl Fn(&Path) {
    move |path| OpenOptions::new().write(true).open(path).unwrap().set_len(len).unwrap()
}

#[test]
fn a_file_that_is_cut_while_it_is_mapped_reads_as_zeros() {
    check(MAP_ALWAYS, cut_to(0), (4_000_000, 0, Change::Cut));
    // The rest of the last page that is left is zero as well.
    check(MAP_ALWAYS, cut_to(1_000_001), (4_000_000, 1_000_001, Change::Cut));
    check(MAP_ALWAYS, cut_to(3_999_999), (4_000_000, 3_999_999, Change::Cut));
}

#[test]
fn a_file_that_is_cut_while_it_is_read_in_pieces_ends_early() {
    check(MAP_NEVER, cut_to(0), (0, 0, Change::Cut));
    check(MAP_NEVER, cut_to(1_000_001), (1_000_001, 1_000_001, Change::Cut));
}

#[test]
fn a_file_that_grows_is_read_as_it_was() {
    let grow = |path: &Path| {
        OpenOptions::new().append(true).open(path).unwrap().write_all(&[9; 5_000]).unwrap();
    };
    check(MAP_ALWAYS, grow, (4_000_000, 4_000_000, Change::Grew));
    check(MAP_NEVER, grow, (4_000_000, 4_000_000, Change::Grew));
}

#[test]
fn a_file_that_is_rewritten_is_told() {
    let rewrite = |path: &Path| {
        OpenOptions::new().write(true).open(path).unwrap().write_all(&[7; 10]).unwrap();
    };
    check(MAP_ALWAYS, rewrite, (4_000_000, 4_000_000, Change::Rewritten));
    let unlink = |path: &Path| fs::remove_file(path).unwrap();
    let file = file(10);
    let mut open = OpenFile::open(file.path(), &MAP_ALWAYS).unwrap();
    unlink(file.path());
    assert_eq!((read_all(&mut open), open.change().unwrap()), (vec![7; 10], Change::None));
}

#[test]
fn many_maps_at_once_are_cut_without_a_crash() {
    let files: Vec<_> = (0..MAPS_MAX + 20).map(|_| file(20_000)).collect();
    let mut open: Vec<_> =
        files.iter().map(|file| OpenFile::open(file.path(), &MAP_ALWAYS).unwrap()).collect();
    files.iter().for_each(|file| cut_to(0)(file.path()));
    std::thread::scope(|scope| {
        for part in open.chunks_mut(64) {
            scope.spawn(|| {
                for file in part {
                    assert!(!read_all(file).contains(&7));
                    assert_eq!(file.change().unwrap(), Change::Cut);
                }
            });
        }
    });
    let ways: Vec<_> = open.iter().map(way).collect();
    assert!(ways.contains(&"mapped") && ways.contains(&"pieces"), "{ways:?}");
}

#[test]
fn what_cannot_be_opened_is_an_error() {
    assert!(OpenFile::open(Path::new("/no/such/file"), &OpenRules::default()).is_err());
}
