//! What no program can beat on the same bytes: adding them up, and decoding them with the library alone.

use crate::command::{Cost, RUNS, fastest};
use memmap2::Mmap;
use std::fs;
use std::io::Read;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

/// Every byte of the files' maps is added up.
pub(crate) fn sum_of_map(files: &[PathBuf], threads: usize) -> Result<Cost, String> {
    measured(|| {
        let maps = maps(files);
        in_threads(threads, |thread| {
            for map in &maps {
                let share = map.len() / threads;
                let end = if thread + 1 == threads { map.len() } else { share * (thread + 1) };
                let part = &map[share * thread..end];
                let sum = part.iter().fold(0u64, |sum, byte| sum.wrapping_add(u64::from(*byte)));
                std::hint::black_box(sum);
            }
        });
    })
}

/// All files are decoded with the zstd library into a buffer that is used again.
pub(crate) fn zstd_library(files: &[PathBuf], threads: usize) -> Result<Cost, String> {
    measured(|| {
        let maps = maps(files);
        let next = AtomicUsize::new(0);
        in_threads(threads, |_| {
            let mut buffer = vec![0; 256 << 10];
            while let Some(map) = maps.get(next.fetch_add(1, Ordering::Relaxed)) {
                let mut decoder = zstd::stream::read::Decoder::with_buffer(&map[..]).unwrap();
                while decoder.read(&mut buffer).unwrap() > 0 {
                    std::hint::black_box(&buffer);
                }
            }
        });
    })
}

fn maps(files: &[PathBuf]) -> Vec<Mmap> {
    files
        .iter()
        // SAFETY: nobody writes the inputs of a benchmark while it runs.
        .map(|file| unsafe { Mmap::map(&fs::File::open(file).unwrap()).unwrap() })
        .collect()
}

fn in_threads(threads: usize, work: impl Fn(usize) + Sync) {
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let work = &work;
            scope.spawn(move || work(thread));
        }
    });
}

/// The fastest of some runs of work in this process.
pub(crate) fn measured(work: impl Fn()) -> Result<Cost, String> {
    fastest((0..RUNS).map(|_| {
        let (start, cpu) = (Instant::now(), cpu_s());
        work();
        let wall_s = start.elapsed().as_secs_f64();
        Ok(Cost { wall_s, cpu_s: cpu_s() - cpu, peak_mib: f64::NAN })
    }))
}

/// Processor time of this process.
fn cpu_s() -> f64 {
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: the pointer is to a whole `rusage`, of which all bits zero are a value.
    let usage = unsafe {
        libc::getrusage(libc::RUSAGE_SELF, usage.as_mut_ptr());
        usage.assume_init()
    };
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
    seconds(usage.ru_utime) + seconds(usage.ru_stime)
}
