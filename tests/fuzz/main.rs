//! Fuzzing of what reads hostile bytes: container, capture, packet, sip, tcp.
//!
//! Each target is one function of [`targets`], fed by the engine with mutated seeds. The run of
//! `cargo test` is short and always the same; `RESPOOL_FUZZ_SECONDS=600 cargo test --test fuzz
//! container` is a long one of one target, with a new seed each time (`RESPOOL_FUZZ_SEED` for the same
//! again). What fails is printed in hexadecimal and becomes a case of [`regressions`].
//!
//! Not bolero: without a nightly compiler it has no coverage feedback either, and this engine keeps the
//! inputs whose result is new, which random bytes without feedback never reach.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test fails by panicking and says what it did"
)]

mod engine;
mod regressions;
mod seeds;
mod targets;

use engine::fuzz;

#[test]
fn container() {
    fuzz("container", &seeds::containers(), targets::container);
}

#[test]
fn zstd_frames() {
    fuzz("zstd_frames", &seeds::zstd_frames(), targets::container);
}

#[test]
fn capture() {
    fuzz("capture", &seeds::captures(), targets::capture);
}

#[test]
fn packet() {
    fuzz("packet", &seeds::captures(), targets::packet);
}

#[test]
fn sip() {
    fuzz("sip", &seeds::messages(), targets::sip);
}

#[test]
fn tcp() {
    fuzz("tcp", &seeds::streams(), targets::tcp);
}

/// Seeds are worth something only when they reach deep.
#[test]
fn seeds_are_understood() {
    for seed in seeds::containers() {
        targets::container(&seed);
    }
    let records = |seed: &Vec<u8>| targets::records(seed).len();
    assert!(seeds::captures().iter().filter(|seed| records(seed) > 2).count() > 5);
    assert!(seeds::messages().iter().all(|seed| respool::sip::scan(seed).is_some()));
}
