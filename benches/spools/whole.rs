//! `sip`, `mix`, `spool`, `small`: the whole `check` beside what reads the same bytes.

use crate::command::{RESPOOL, Table, check_words, timed};
use crate::floor::{sum_of_map, zstd_library};
use crate::inputs::{Input, Made, SPOOL, made, scratch};
use crate::rivals;
use std::process::Command;

pub(crate) fn table(input: &Input) {
    let made = made(input);
    let title = format!("{}: {} files, {:.1} MB", input.name, made.files.len(), made.megabytes());
    let mut table = Table::new(&title, made.bytes);
    let check = |threads| timed(RESPOOL, &check_words(made.path(), threads));
    table.row("`respool check DIR --limit 100 --quiet --threads 2`", check("2"));
    table.row("the same, `--threads 1`", check("1"));
    table.row("sum of all bytes of the map, 2 threads", sum_of_map(&made.files, 2));
    table.row("sum of all bytes of the map, 1 thread", sum_of_map(&made.files, 1));
    if input.name == SPOOL.name {
        table.row("the zstd library alone, 2 threads", zstd_library(&made.files, 2));
        table.row("the zstd library alone, 1 thread", zstd_library(&made.files, 1));
        rivals::zstd(&mut table, &made);
    }
    rivals::cat(&mut table, &made);
    if matches!(input.name, "sip" | "mix") {
        rivals::packet_tools(&mut table, &made);
    }
    stages(&made);
}

/// What each stage takes: joining, finalising, correlating, counting among them.
fn stages(made: &Made) {
    let database = scratch("stages.db");
    let mut words = check_words(made.path(), "2");
    words.extend(["--profile", "--db", database.to_str().unwrap()]);
    let output = Command::new(RESPOOL).args(&words).output().unwrap();
    let command = words.join(" ").replace(made.path(), "DIR");
    println!("\n`respool {}`\n", command.replace(words[words.len() - 1], "FILE"));
    println!("```text\n{}```", String::from_utf8_lossy(&output.stderr));
}
