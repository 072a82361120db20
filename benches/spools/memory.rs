//! `memory`: 3,000,000 legs with a bound on memory, beside the same without.

use crate::command::{RESPOOL, Table, check_words, has_flag, results, timed_output};
use crate::growth::legs_in;
use crate::inputs::{MEMORY, made};
use std::process::Stdio;

const BOUND: &str = "256M";
/// More than any machine has.
const NO_BOUND: &str = "1024G";

pub(crate) fn table() {
    if !has_flag("--memory") {
        println!("\nmemory: this build has no `--memory`");
        return;
    }
    let made = made(&MEMORY);
    let legs = legs_in(&made);
    let title = format!("memory: {legs} legs, {:.1} MB", made.megabytes());
    let mut table = Table::new(&title, made.bytes);
    let mut outputs = Vec::new();
    for bound in [NO_BOUND, BOUND] {
        let mut words = check_words(made.path(), "2");
        words.extend(["--json", "--memory", bound]);
        let (cost, output) = timed_output(RESPOOL, &words, Stdio::piped()).expect("respool works");
        table
            .row(&format!("`respool check DIR ... --threads 2 --json --memory {bound}`"), Ok(cost));
        println!("| bytes a leg | | | {:.0} | | | |", cost.peak_mib * 1_048_576.0 / legs);
        outputs.push(results(&output));
    }
    println!(
        "\nThe results are {}.",
        if outputs[0] == outputs[1] { "the same" } else { "DIFFERENT" }
    );
}
