//! `resume`: a second run with a work directory, beside the first one, beside a run without, and beside one
//! that asks something else.

use crate::command::{RESPOOL, Table, check_words, has_flag, number, results, timed_output};
use crate::inputs::{SPOOL, files_below, made, scratch};
use std::fs;
use std::process::Stdio;

pub(crate) fn table() {
    if !has_flag("--work") {
        println!("\nresume: this build has no `--work`");
        return;
    }
    let made = made(&SPOOL);
    let work = scratch("work");
    let _absent = fs::remove_dir_all(&work);
    let title = format!("resume: {} files, {:.1} MB", made.files.len(), made.megabytes());
    let mut table = Table::new(&title, made.bytes);
    let mut words = check_words(made.path(), "2");
    words.push("--json");
    let mut outputs = Vec::new();
    let mut run = |label: &str, words: &[&str]| {
        let (cost, output) = timed_output(RESPOOL, words, Stdio::piped()).expect("respool works");
        table.row(label, Ok(cost));
        outputs.push(results(&output));
        cost
    };
    run("`respool check DIR ... --threads 2 --json`", &words);
    words.extend(["--work", work.to_str().unwrap()]);
    let first = run("the same with `--work`, first run", &words);
    let second = run("the same with `--work`, second run: its answer is kept", &words);
    let asked = "the same with `--work` and another question: what files gave is kept";
    let other = [&words[..], &["--accept-loss"]].concat();
    run(asked, &other);
    // Its results may be others.
    outputs.pop();
    let kept = if work.is_dir() { files_below(&work) } else { Vec::new() };
    let kept: u64 = kept.iter().map(|file| fs::metadata(file).unwrap().len()).sum();
    let ratio = kept as f64 / made.bytes as f64;
    println!("\nThe work directory holds {:.1} MB, {ratio:.3} of the spool.", kept as f64 / 1e6);
    let same = outputs.windows(2).all(|pair| pair[0] == pair[1]);
    let wall = second.wall_s / first.wall_s;
    let cpu = number(second.cpu_s / first.cpu_s, 3);
    println!(
        "The second run took {wall:.3} of the wall time of the first one, {cpu} of its CPU time."
    );
    println!("The results are {}.", if same { "the same" } else { "DIFFERENT" });
}
