//! `growth`: the same spool 1, 4 and 16 times as large. `legs`: 2,000,000 legs, stage by stage.

use crate::command::{Cost, RESPOOL, check_words, timed, timed_output};
use crate::inputs::{Input, LEGS, Made, made};
use std::process::{Command, Stdio};

/// What a leg costs, and the exponent of the growth.
pub(crate) fn table() {
    println!("\n## growth: spools of SIP in tar.zst\n");
    println!("`respool check DIR --limit 100 --quiet --threads 2`, fastest of 3\n");
    println!("| times | legs | MB | wall s | CPU s | peak MiB | peak bytes a leg | CPU us a leg |");
    println!("|---|---|---|---|---|---|---|---|");
    let mut costs: Vec<(f64, Cost)> = Vec::new();
    for (times, name, calls_per_hour) in
        [(1, "growth1", 400), (4, "growth4", 1_600), (16, "growth16", 6_400)]
    {
        let made = made(&Input { name, calls_per_hour, arguments: &[] });
        let legs = legs_in(&made);
        let cost = timed(RESPOOL, &check_words(made.path(), "2")).expect("respool works");
        let Cost { wall_s, cpu_s, peak_mib } = cost;
        println!(
            "| {times} | {legs} | {:.1} | {wall_s:.3} | {cpu_s:.3} | {peak_mib:.0} | {:.0} | {:.2} |",
            made.megabytes(),
            peak_mib * 1_048_576.0 / legs,
            cpu_s * 1e6 / legs
        );
        costs.push((legs, cost));
    }
    let ((few, small), (many, large)) = (costs[0], costs[2]);
    let of_legs = (many / few).ln();
    println!("\n| exponent over the legs | |\n|---|---|");
    println!("| CPU time | {:.3} |", (large.cpu_s / small.cpu_s).ln() / of_legs);
    println!("| wall time | {:.3} |", (large.wall_s / small.wall_s).ln() / of_legs);
    let more_bytes = (large.peak_mib - small.peak_mib) * 1_048_576.0;
    println!("| bytes that a further leg takes | {:.0} |", more_bytes / (many - few));
}

/// Joining, finalising, correlating and counting of 2,000,000 legs.
pub(crate) fn legs() {
    let made = made(&LEGS);
    let mut words = check_words(made.path(), "2");
    words.push("--profile");
    println!("\n## legs: {} files, {:.1} MB\n", made.files.len(), made.megabytes());
    println!("`respool {}`\n", words.join(" ").replace(made.path(), "DIR"));
    let output = Command::new(RESPOOL).args(&words).stdout(Stdio::null()).output().unwrap();
    println!("```text\n{}```", String::from_utf8_lossy(&output.stderr));
    let legs = legs_in(&made);
    let (cost, _) = timed_output(RESPOOL, &check_words(made.path(), "2"), Stdio::null())
        .expect("respool works");
    let Cost { wall_s, cpu_s, peak_mib } = cost;
    println!(
        "\n| legs | wall s | CPU s | CPU us a leg | peak bytes a leg |\n|---|---|---|---|---|"
    );
    println!(
        "| {legs} | {wall_s:.2} | {cpu_s:.2} | {:.2} | {:.0} |",
        cpu_s * 1e6 / legs,
        peak_mib * 1_048_576.0 / legs
    );
}

/// Legs of an input, as the profile of a run tells.
pub(crate) fn legs_in(made: &Made) -> f64 {
    let mut words = check_words(made.path(), "2");
    words.push("--profile");
    let output = Command::new(RESPOOL).args(&words).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    let fields = told.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let of_legs = fields.filter_map(|fields| {
        let place = fields.iter().position(|field| *field == "legs").filter(|place| *place > 0)?;
        fields.get(place - 1)?.parse().ok()
    });
    of_legs.fold(f64::NAN, f64::max)
}
