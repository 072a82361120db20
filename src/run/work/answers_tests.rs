//! Answers over several runs: other keys, other programs, damage, too many of them.

use super::*;
use std::fs::OpenOptions;
use tempfile::TempDir;

/// A work directory, which is there.
struct Scene {
    dir: TempDir,
}

impl Scene {
    fn new() -> Self {
        Self { dir: TempDir::new().unwrap() }
    }

    fn of_program(&self, program: u128) -> Answers {
        Answers { directory: self.dir.path().to_owned(), program }
    }

    fn answers(&self) -> Answers {
        self.of_program(1)
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.dir.path()).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

#[test]
fn what_one_run_puts_the_next_one_gets() {
    let scene = Scene::new();
    let answers = scene.answers();
    assert!(!answers.is_any());
    assert_eq!(answers.get(7), Kept::Nothing);
    answers.put(7, b"seven").unwrap();
    answers.put(u128::MAX, b"").unwrap();
    assert!(scene.answers().is_any());
    assert_eq!(scene.answers().get(7), Kept::Whole(b"seven".to_vec()));
    assert_eq!(scene.answers().get(u128::MAX), Kept::Whole(Vec::new()));
    assert_eq!(scene.answers().get(8), Kept::Nothing);
    answers.put(7, b"other").unwrap();
    assert_eq!(answers.get(7), Kept::Whole(b"other".to_vec()));
    let absent = Answers { directory: scene.dir.path().join("absent"), program: 1 };
    assert!(!absent.is_any());
    assert_eq!(absent.get(7), Kept::Nothing);
}

/// Every byte of the file, changed; every length, cut; and bytes behind the end.
#[test]
fn a_damaged_answer_is_never_given() {
    let scene = Scene::new();
    let answers = scene.answers();
    answers.put(7, b"seven").unwrap();
    let path = answers.path(7);
    let whole = fs::read(&path).unwrap();
    let check = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        assert!(!matches!(answers.get(7), Kept::Whole(_)), "{bytes:?}");
    };
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        check(&bytes);
        check(&whole[..at]);
    }
    check(&[&whole[..], b"x"].concat());
    let mut flipped = whole.clone();
    *flipped.last_mut().unwrap() ^= 1;
    fs::write(&path, flipped).unwrap();
    assert_eq!(answers.get(7), Kept::Damaged);
    // One that lies under the name of another.
    fs::write(answers.path(8), &whole).unwrap();
    assert_eq!(answers.get(8), Kept::Damaged);
    answers.put(7, b"anew").unwrap();
    assert_eq!(answers.get(7), Kept::Whole(b"anew".to_vec()));
    let far = OpenOptions::new().write(true).open(&path).unwrap();
    far.set_len(1 << 40).unwrap();
    assert_eq!(answers.get(7), Kept::Damaged);
}

#[test]
fn answers_of_another_program_are_not_given_and_go_first() {
    let scene = Scene::new();
    scene.of_program(2).put(7, b"two").unwrap();
    assert_eq!(scene.answers().get(7), Kept::Nothing);
    fs::write(scene.dir.path().join("answer-none"), b"no answer").unwrap();
    for key in 100..100 + WORK_ANSWERS_MAX as u128 {
        scene.answers().put(key, b"one").unwrap();
    }
    assert_eq!(scene.of_program(2).get(7), Kept::Nothing);
    assert!(!scene.names().contains(&"answer-none".to_owned()));
    assert_eq!(scene.answers().get(100), Kept::Whole(b"one".to_vec()));
}

#[test]
fn the_newest_answers_stay() {
    let scene = Scene::new();
    let answers = scene.answers();
    let most = WORK_ANSWERS_MAX as u128;
    // The names do not tell which is newer.
    let key = |number: u128| 1_000 - number;
    for number in 0..most + 3 {
        answers.put(key(number), &number.to_le_bytes()).unwrap();
    }
    for number in 0..most + 3 {
        let expect = match number {
            0..3 => Kept::Nothing,
            _ => Kept::Whole(number.to_le_bytes().to_vec()),
        };
        assert_eq!(answers.get(key(number)), expect, "{number}");
    }
    assert_eq!(scene.names().len(), WORK_ANSWERS_MAX + 1, "and the lock: {:?}", scene.names());
}

#[test]
fn what_cannot_be_kept_is_told() {
    let scene = Scene::new();
    let answers = scene.answers();
    let large = answers.put(7, &vec![0; WORK_ANSWER_BYTES_MAX + 1]);
    assert!(large.unwrap_err().contains("more than are kept"));
    assert!(!answers.is_any());
    answers.put(8, &vec![0; WORK_ANSWER_BYTES_MAX]).unwrap();
    assert!(matches!(answers.get(8), Kept::Whole(bytes) if bytes.len() == WORK_ANSWER_BYTES_MAX));
    let held = lock(&scene.dir.path().join(LOCK_NAME)).unwrap();
    assert!(answers.put(7, b"seven").unwrap_err().contains("another run uses it"));
    drop(held);
    // What a killed run left.
    fs::write(scene.dir.path().join(UNFINISHED_NAME), b"half").unwrap();
    answers.put(7, b"seven").unwrap();
    assert_eq!(answers.get(7), Kept::Whole(b"seven".to_vec()));
    assert!(!scene.names().contains(&UNFINISHED_NAME.to_owned()));
}
