//! The rules of design.md section 3, held over every file of `src/`; each rule is shown to fail on a
//! bad snippet below.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test that fails stops")]

#[path = "architecture/code.rs"]
mod code;
#[path = "architecture/rules.rs"]
mod rules;

use code::SourceFile;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn source_files() -> Vec<SourceFile> {
    let root = std::env::var("CARGO_MANIFEST_DIR")
        .map_or_else(|_| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    let src = root.join("src");
    let mut paths: Vec<PathBuf> = walkdir::WalkDir::new(&src)
        .into_iter()
        .map(|entry| entry.unwrap().into_path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect();
    paths.sort();
    let mut files: Vec<SourceFile> = paths
        .iter()
        .map(|path| {
            let name = path.strip_prefix(&src).unwrap().to_string_lossy().into_owned();
            SourceFile::new(&name, &fs::read_to_string(path).unwrap())
        })
        .collect();
    // A file that is a module of tests is a test as a whole, and so is what lies below it.
    let tests: BTreeSet<PathBuf> = files.iter().flat_map(SourceFile::test_modules).collect();
    for file in &mut files {
        let path = Path::new(&file.path);
        let below = |test: &PathBuf| path.starts_with(test.with_extension(""));
        if tests.contains(path) || tests.iter().any(below) {
            file.make_test();
        }
    }
    files
}

#[test]
fn every_rule_holds_in_every_file() {
    let files = source_files();
    assert!(files.len() > 20, "only {} files were found", files.len());
    let complaints: Vec<String> = files.iter().flat_map(rules::complaints).collect();
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

#[test]
fn every_room_is_in_the_order() {
    let rooms: BTreeSet<String> =
        source_files().iter().filter_map(|file| file.room().map(str::to_owned)).collect();
    let known: BTreeSet<String> = rules::ROOMS.iter().map(|room| (*room).to_owned()).collect();
    assert_eq!(rooms, known);
}

/// A snippet in a place of `src/`; the words that the complaints about it must hold, or none.
#[track_caller]
fn check(path: &str, text: &str, expect: &[&str]) {
    let file = SourceFile::new(path, &format!("//! Header.\n{text}"));
    let complaints = rules::complaints(&file);
    assert_eq!(complaints.len(), expect.len(), "{path}: {text}\n{complaints:#?}");
    for (complaint, expected) in complaints.iter().zip(expect) {
        assert!(complaint.contains(expected), "{complaint} lacks {expected}");
    }
}

#[test]
fn rooms_use_only_rooms_above_them() {
    check("leg/a.rs", "use crate::sip::Method;", &[]);
    check("leg/a.rs", "use crate::leg::Leg;", &[]);
    check("leg/a.rs", "use crate::call::Call;", &["leg uses call"]);
    check("leg/a.rs", "use crate::{\n    base::X,\n    store::{Y, Z},\n};", &["leg uses store"]);
    check("leg/a.rs", "use crate::{base::{A, B}, run, sip};", &["leg uses run"]);
    check("leg/a.rs", "fn f() { crate::cli::run(); }", &["leg uses cli"]);
    check("leg/a.rs", "use super::super::store::Y;", &["leg uses store"]);
    check("leg/mod.rs", "use super::spool::Y;", &["leg uses spool"]);
    check("leg/deep/a.rs", "use super::super::super::run::Y;", &["leg uses run"]);
    check("leg/deep/a.rs", "use super::super::cdr::Y;", &[]);
    check("leg/a.rs", "use crate as everything;", &["crate under another name"]);
    check("leg/a.rs", "use crate::*;", &["crate::*"]);
    check("leg/a.rs", "use crate::nowhere::X;", &["nowhere"]);
    check("run/a.rs", "use crate::store::X;\nuse crate::leg::Y;", &[]);
    check("spool/a.rs", "use crate::run::X;", &["spool uses run"]);
    check("leg/a.rs", "// crate::store\nconst A: &str = \"crate::store\";", &[]);
    check("leg/a.rs", "#[cfg(test)]\nmod tests {\n    use crate::synth::X;\n}", &[]);
}

#[test]
fn the_core_does_no_input_and_output() {
    let core = |text: &str, expect: &str| check("leg/a.rs", text, &[expect]);
    core("use std::fs::File;", "std::fs");
    core("use std::{collections::BTreeMap, fs};", "std::fs");
    core("use std::{io, thread::{self, JoinHandle}};", "std::thread");
    core("fn f() { std::env::var(\"X\"); }", "std::env");
    core("use std::net::TcpStream;", "std::net::TcpStream");
    core("use std::process::Command;", "std::process");
    core("use std::io::{self, stdout};", "std::io::stdout");
    core("fn f() { let now = Instant::now(); }", "Instant");
    core("fn f() { SystemTime::now(); }", "SystemTime");
    core("fn f() { jiff::Timestamp::now(); }", "Timestamp::now");
    core("fn f() { println!(\"x\"); }", "println!");
    core("fn f() { eprint!(\"x\"); }", "eprint!");
    core("fn f() { rayon::join(a, b); }", "rayon");
    core("use rusqlite::Connection;", "rusqlite");
    check("leg/a.rs", "use std::net::IpAddr;\nuse std::io::Read;\nuse std::fmt::Write;", &[]);
    check("run/a.rs", "use std::fs;\nuse std::thread;", &[]);
    check("cli/a.rs", "fn f() { println!(\"x\"); }", &["println!"]);
    check("leg/a.rs", "#[cfg(test)]\nmod tests {\n    use std::fs;\n}", &[]);
}

#[test]
fn hash_order_is_accounted_for() {
    check("leg/a.rs", "use std::collections::HashMap;", &["HashMap"]);
    check("leg/a.rs", "use hashbrown::HashSet;", &["HashSet"]);
    check("leg/a.rs", "use hashbrown::HashTable;", &["HashTable"]);
    check(
        "leg/a.rs",
        "// The order never leaves: sorted below.\nuse std::collections::HashMap;",
        &[],
    );
    check("run/a.rs", "use std::collections::HashMap;", &[]);
}

#[test]
fn files_and_functions_are_short() {
    let lines = |count: usize| "const A: u8 = 0;\n".repeat(count);
    check("leg/a.rs", &lines(599), &[]);
    check("leg/a.rs", &lines(600), &["601 lines"]);
    let tests = format!("#[cfg(test)]\nmod tests {{\n{}}}", lines(700));
    check("leg/a.rs", &tests, &[]);
    let function = |count: usize| format!("fn f() {{\n{}}}", "    g();\n".repeat(count));
    check("leg/a.rs", &function(70), &[]);
    check("leg/a.rs", &function(71), &["f has 71 lines"]);
    check("leg/a.rs", &format!("fn f() {{\n{}}}", "    // why\n\n".repeat(80)), &[]);
    check("leg/a.rs", "trait T {\n    fn f(&self);\n}", &[]);
    check("main.rs", &lines(59), &[]);
    check("main.rs", &lines(60), &["61 lines"]);
}

#[test]
fn every_file_says_what_it_is() {
    let file = SourceFile::new("leg/a.rs", "use std::fmt;\n");
    assert_eq!(rules::complaints(&file).len(), 1);
    let file = SourceFile::new("leg/a.rs", "//!\n");
    assert_eq!(rules::complaints(&file).len(), 1);
}

#[test]
fn unsafe_is_in_one_place() {
    check("leg/a.rs", "fn f() { unsafe { g() } }", &["unsafe"]);
    check("run/map.rs", "fn f() { unsafe { g() } }", &[]);
    check("leg/a.rs", "#![allow(unsafe_code)]", &["unsafe_code"]);
    check("leg/a.rs", "// unsafe\nconst A: &str = r#\"unsafe \"quoted\" too\"#;", &[]);
    check("leg/a.rs", "#[cfg(test)]\nmod tests {\n    fn f() { unsafe { g() } }\n}", &["unsafe"]);
}

#[test]
fn nothing_is_left_for_later() {
    check("leg/a.rs", "// TODO: later", &["TODO"]);
    check("leg/a.rs", "/// FIXME\nfn f() {}", &["FIXME"]);
    check("leg/a.rs", "const METHODS: u8 = 0;", &[]);
}

#[test]
fn what_must_not_fail_says_why_it_cannot() {
    check("leg/a.rs", "fn f() {\n    a.expect(\"x\");\n}", &["expect"]);
    check("leg/a.rs", "fn f() {\n    a.unwrap();\n}", &["unwrap"]);
    check("leg/a.rs", "fn f() {\n    // It is there.\n    a.expect(\"x\");\n}", &[]);
    check(
        "leg/a.rs",
        "fn f() {\n    // It is there.\n    a\n        .b()\n        .expect(\"x\");\n}",
        &[],
    );
    check(
        "leg/a.rs",
        "fn f() {\n    // Not about it.\n    g();\n    a.expect(\"x\");\n}",
        &["expect"],
    );
    let attribute = "fn f() {\n    // It is there.\n    #[expect(clippy::expect_used)]\n    let b = a.expect(\"x\");\n}";
    check("leg/a.rs", attribute, &[]);
    check("leg/a.rs", "fn f() {\n    a.unwrap_or(1);\n    a.expect_err(2);\n}", &["expect_err"]);
    check("leg/a.rs", "#[cfg(test)]\nmod tests {\n    fn f() { a.unwrap(); }\n}", &[]);
}
