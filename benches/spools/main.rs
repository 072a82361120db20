//! The whole program against what reads the same bytes: a table an input, every figure beside others of
//! the same run.
//!
//! In: names of tables (see [`TABLES`]; none means all but the very large ones) and
//! `RESPOOL_BENCH_PERCENT`, the size of the inputs in per cent of the full one. Out: tables on standard
//! output. See README.md here.
#![allow(
    clippy::print_stdout,
    clippy::expect_used,
    clippy::unwrap_used,
    unsafe_code,
    reason = "a measurement prints its table, and ends at the first thing that does not work"
)]

mod cold;
mod command;
mod floor;
mod growth;
mod inputs;
mod memory;
mod resume;
mod rivals;
mod store;
mod whole;

/// Names of tables, what makes them, and whether they are made when none is named: the others need
/// gigabytes of disk and minutes.
const TABLES: [(&str, fn(), bool); 10] = [
    ("sip", || whole::table(&inputs::SIP), true),
    ("mix", || whole::table(&inputs::MIX), true),
    ("spool", || whole::table(&inputs::SPOOL), true),
    ("small", || whole::table(&inputs::SMALL), true),
    ("cold", cold::table, true),
    ("store", store::table, true),
    ("growth", growth::table, true),
    ("resume", resume::table, true),
    ("legs", growth::legs, false),
    ("memory", memory::table, false),
];

fn main() {
    // cargo adds `--bench`.
    let wanted: Vec<String> =
        std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    for name in &wanted {
        let names: Vec<&str> = TABLES.iter().map(|(name, ..)| *name).collect();
        assert!(names.contains(&&**name), "{name}: no such table; there are {names:?}");
    }
    command::machine();
    for (name, table, by_default) in TABLES {
        let is_wanted =
            if wanted.is_empty() { by_default } else { wanted.iter().any(|w| w == name) };
        if is_wanted {
            table();
        }
    }
}
