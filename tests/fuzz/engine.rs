//! The engine: seeds, mutations of them, and a pool that grows by inputs with new results.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

/// Executions of the run that is always the same.
const SHORT_EXECUTIONS: u64 = 3_000;
/// ... and its end on a slow machine.
const SHORT_SECONDS: u64 = 5;
const SHORT_SEED: u64 = 0x5e5;
/// One input that takes longer is a hang.
const HANG: Duration = Duration::from_secs(10);
/// Longest input: what is longer than a few of any unit shows nothing new.
const INPUT_BYTES_MAX: usize = 16 << 10;
const POOL_MAX: usize = 4_096;

/// A generator of the SplitMix64 family.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`; 0 when that is 0.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end.max(1) as u64).unwrap()
    }
}

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("a number"))
}

/// Runs `target`, which gives a number that tells results apart, on mutations of `seeds`.
pub(crate) fn fuzz(name: &str, seeds: &[Vec<u8>], target: fn(&[u8]) -> u64) {
    let long = setting("RESPOOL_FUZZ_SECONDS");
    let clock = || std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let fresh = || if long.is_some() { clock().as_secs() } else { SHORT_SEED };
    let seed = setting("RESPOOL_FUZZ_SEED").unwrap_or_else(fresh);
    let mut random = Random(seed);
    let end = Instant::now() + Duration::from_secs(long.unwrap_or(SHORT_SECONDS));
    let mut pool: Vec<Vec<u8>> = seeds.to_vec();
    let mut results = BTreeSet::new();
    for input in seeds {
        results.insert(execute(name, target, input));
    }
    let mut executions = seeds.len() as u64;
    while Instant::now() < end && (long.is_some() || executions < SHORT_EXECUTIONS) {
        let mut input = pool[random.below(pool.len())].clone();
        for _ in 0..=random.below(4) {
            let other = random.below(pool.len());
            mutate(&mut input, &pool[other], &mut random);
        }
        input.truncate(INPUT_BYTES_MAX);
        executions += 1;
        if results.insert(execute(name, target, &input)) {
            if pool.len() < POOL_MAX {
                pool.push(input);
            } else {
                let place = seeds.len() + random.below(pool.len() - seeds.len());
                pool[place] = input;
            }
        }
    }
    println!("{name}: {executions} executions, {} results, seed {seed}", results.len());
}

fn execute(name: &str, target: fn(&[u8]) -> u64, input: &[u8]) -> u64 {
    let begun = Instant::now();
    let result = catch_unwind(AssertUnwindSafe(|| target(input)));
    let took = begun.elapsed();
    match result {
        Ok(result) if took < HANG => result,
        Ok(_) => panic!("{name}: {took:?} for {}", hexadecimal(input)),
        Err(_) => panic!("{name}: failed on {}", hexadecimal(input)),
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

/// Numbers that lie at the edges of fields.
const EDGES: [u64; 14] = [
    0,
    1,
    2,
    7,
    16,
    0x7f,
    0xff,
    0x100,
    0x7fff,
    0xffff,
    0x10000,
    0x7fff_ffff,
    0xffff_ffff,
    u64::MAX,
];
/// Words that change what a parser does next.
const WORDS: [&[u8]; 16] = [
    b"\r\n\r\n",
    b"\n",
    b"Content-Length: 4294967296\r\n",
    b"Call-ID: a\r\n",
    b"SIP/2.0 200 OK\r\n",
    b"INVITE sip:a@b SIP/2.0\r\n",
    b"l:",
    b"HEP3",
    b"<sip:\"",
    b";tag=",
    b"\xd4\xc3\xb2\xa1",
    b"\x0a\x0d\x0d\x0a",
    b"\x1f\x8b\x08",
    b"\x28\xb5\x2f\xfd",
    b"ustar",
    b"--boundary\r\n",
];

fn mutate(input: &mut Vec<u8>, other: &[u8], random: &mut Random) {
    let at = random.below(input.len() + 1);
    let most = 1 << random.below(13);
    let until = at + random.below((input.len() - at).min(most) + 1);
    match random.below(9) {
        0 if at < input.len() => input[at] ^= 1 << random.below(8),
        1 if at < input.len() => input[at] = random.next().to_le_bytes()[0],
        2 | 3 => {
            let edge = EDGES[random.below(EDGES.len())].wrapping_add(random.below(3) as u64);
            let width = [1, 2, 4, 8][random.below(4)];
            let mut field = edge.wrapping_sub(1).to_le_bytes()[..width].to_vec();
            if random.below(2) == 0 {
                field.reverse();
            }
            for (byte, new) in input[at..].iter_mut().zip(field) {
                *byte = new;
            }
        }
        4 => drop(input.drain(at..until)),
        5 => {
            let copy = input[at..until].to_vec();
            let place = random.below(input.len() + 1);
            input.splice(place..place, copy);
        }
        6 => {
            let from = random.below(other.len() + 1);
            let to = from + random.below(other.len() - from + 1);
            input.splice(at..until, other[from..to].iter().copied());
        }
        7 => {
            let word = WORDS[random.below(WORDS.len())];
            input.splice(at..at, word.iter().copied());
        }
        _ => input.truncate(at),
    }
}
