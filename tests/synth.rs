//! Laws of the generator: the same seed gives the same bytes; truth and layout agree; other programs
//! read what it writes (tshark, tar and zstd, where they are installed).

// The helpers of a test file are tests too: what fails there fails the test.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use respool::base::CaptureTime;
use respool::cli::synth::{SynthArguments, run};
use respool::synth::{
    Arranger, Chunk, DayValues, Generator, KINDS, Kind, Layout, Mix, Parameters, ScriptedCall,
};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

fn small(seed: u64) -> Parameters {
    Parameters { seed, calls_per_hour: 12, rtp_pps: 1, ..Parameters::default() }
}

fn all_calls(generator: &Generator) -> Vec<ScriptedCall> {
    generator.minutes().flat_map(|minute| generator.calls_of(minute)).collect()
}

/// All files of a spool; `every`: how often what is complete is taken.
fn files(generator: &Generator, layout: Layout, every: usize) -> BTreeMap<String, Vec<u8>> {
    let zone = generator.parameters().time_zone.clone();
    let mut arranger = Arranger::new(layout, zone, true);
    let mut files: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let mut take = |chunks: Vec<Chunk>| {
        for chunk in chunks {
            files.entry(chunk.path).or_default().extend_from_slice(&chunk.bytes);
        }
    };
    for (index, minute) in generator.minutes().enumerate() {
        if index % every == 0 {
            take(arranger.advance(minute.start));
        }
        for leg in generator.calls_of(minute).into_iter().flat_map(|call| call.legs) {
            arranger.add(leg);
        }
    }
    take(arranger.finish());
    files
}

#[test]
fn same_seed_same_bytes_in_any_order_of_minutes() {
    let generator = Generator::new(small(5));
    let whole = all_calls(&generator);
    assert_eq!(whole, all_calls(&Generator::new(small(5))));
    assert_ne!(whole, all_calls(&Generator::new(small(6))));
    let minutes: Vec<_> = generator.minutes().collect();
    let mut by_minute: BTreeMap<_, Vec<ScriptedCall>> = BTreeMap::new();
    for minute in minutes.iter().rev() {
        by_minute.insert(*minute, generator.calls_of(*minute));
    }
    let joined: Vec<ScriptedCall> = by_minute.into_values().flatten().collect();
    assert_eq!(whole, joined);
}

#[test]
fn files_do_not_depend_on_when_they_are_taken() {
    let generator = Generator::new(Parameters { calls_per_hour: 4, ..small(7) });
    for layout in [Layout::Spool, Layout::Files, Layout::Flat] {
        assert_eq!(files(&generator, layout, 1), files(&generator, layout, 97), "{layout:?}");
    }
}

#[test]
fn times_are_whole_microseconds_and_rise_and_truth_lies_inside() {
    let mix = KINDS.iter().map(|(kind, _)| format!("{}=2", kind.name())).collect::<Vec<_>>();
    let parameters = Parameters {
        calls_per_hour: 60,
        mix: Mix::parse(&mix.join(",")).unwrap(),
        peak_calls: DayValues::parse("1=2").unwrap(),
        peak_kind: Kind::B2buaIcid,
        ..small(9)
    };
    let generator = Generator::new(parameters);
    let mut kinds = BTreeSet::new();
    for minute in generator.minutes() {
        for call in generator.calls_of(minute) {
            kinds.insert(call.kind);
            for leg in &call.legs {
                assert!(leg.first() >= minute.start, "{:?}", call.kind);
                assert!(leg.packets.is_sorted_by_key(|packet| packet.time), "{:?}", call.kind);
                let times = leg.packets.iter().map(|packet| packet.time);
                let media = leg.media.iter().map(|burst| burst.last());
                let last = times.clone().chain(media).max().unwrap();
                assert!(times.clone().all(|time| time.ns() % 1_000 == 0), "{:?}", call.kind);
                let Some(truth) = &leg.truth else { continue };
                let first_invite =
                    leg.packets.iter().find(|packet| packet.bytes.starts_with(b"INVITE")).unwrap();
                assert_eq!(truth.started_ns, first_invite.time.ns());
                assert!(truth.ended_ns >= truth.started_ns && truth.ended_ns <= last.ns());
                assert_eq!(truth.answered, truth.connected_ns.is_some());
            }
            for relation in &call.relations {
                assert!(relation.first < relation.second && relation.second < call.legs.len());
            }
        }
    }
    assert_eq!(kinds.len(), KINDS.len(), "every kind is played");
}

/// Media addresses are what joins legs of a B2BUA that does not relay: no other call may have them.
#[test]
fn media_addresses_are_shared_inside_a_call_only() {
    let parameters = Parameters {
        calls_per_hour: 200,
        peak_calls: DayValues::parse("1=4").unwrap(),
        peak_kind: Kind::B2buaBare,
        ..small(4)
    };
    let mut owners: BTreeMap<String, BTreeSet<(u64, Kind)>> = BTreeMap::new();
    for call in all_calls(&Generator::new(parameters)) {
        for burst in call.legs.iter().flat_map(|leg| &leg.media) {
            let owner = (call.ordinal, call.kind);
            owners.entry(burst.source.to_string()).or_default().insert(owner);
        }
    }
    assert!(owners.len() > 5_000, "{}", owners.len());
    assert!(owners.values().all(|owners| owners.len() == 1));
}

fn arguments(out: &Path, line: &str) -> SynthArguments {
    #[derive(clap::Parser)]
    struct Command {
        #[command(flatten)]
        synth: SynthArguments,
    }
    let words =
        ["synth", "--out", out.to_str().unwrap()].into_iter().chain(line.split_whitespace());
    <Command as clap::Parser>::parse_from(words).synth
}

fn output_of(program: &str, words: &[&str]) -> Option<String> {
    match Command::new(program).args(words).output() {
        Ok(output) => {
            assert!(output.status.success(), "{program} {words:?}: {output:?}");
            Some(String::from_utf8(output.stdout).unwrap())
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            println!("{program} is not installed: not checked");
            None
        }
        Err(error) => panic!("{program}: {error}"),
    }
}

fn truth_lines(out: &Path) -> Vec<serde_json::Value> {
    let mut path = out.to_owned().into_os_string();
    path.push(".truth/legs.jsonl");
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn tshark_reads_every_call_and_finds_nothing_malformed() {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("flat");
    run(&arguments(&out, "--flat --calls-per-hour 20 --rtp --seed 12")).unwrap();
    let capture = out.join("2026-11-02.pcap");
    let capture = capture.to_str().unwrap();
    let checks = ["ip.check_checksum:TRUE", "udp.check_checksum:TRUE", "tcp.check_checksum:TRUE"];
    let mut words = vec!["-r", capture];
    checks.iter().for_each(|check| words.extend(["-o", check]));
    let wrong = "_ws.malformed || ip.checksum.status==0 || udp.checksum.status==0 \
                 || tcp.checksum.status==0";
    let Some(malformed) = output_of("tshark", &[&words[..], &["-Y", wrong]].concat()) else {
        return;
    };
    assert_eq!(malformed, "");
    let fields = ["-r", capture, "-Y", "sip.Method==INVITE", "-T", "fields", "-e", "sip.Call-ID"];
    let seen = output_of("tshark", &fields).unwrap_or_default();
    let seen: BTreeSet<&str> = seen.lines().collect();
    let truth = truth_lines(&out);
    let expected: BTreeSet<&str> =
        truth.iter().filter_map(|line| line["call_id"].as_str()).collect();
    assert!(expected.len() > 400 && seen == expected);
}

#[test]
fn tar_and_zstd_read_the_archives() {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("spool");
    run(&arguments(&out, "--calls-per-hour 6 --seed 2 --rtp --pieces --sensor 7")).unwrap();
    let path = out.join("7/2026-11-02/10");
    let mut archives = 0;
    for minute in std::fs::read_dir(path).unwrap() {
        let signalling = minute.unwrap().path().join("SIP");
        for archive in std::fs::read_dir(signalling).unwrap() {
            let archive = archive.unwrap().path();
            let name = archive.file_name().unwrap().to_str().unwrap().to_owned();
            assert!(
                name.starts_with("sip_7_2026-11-02-10-") && name.ends_with(".tar.zst"),
                "{name}"
            );
            if output_of("zstd", &["-tq", archive.to_str().unwrap()]).is_none() {
                return;
            }
            let words = ["--zstd", "-tf", archive.to_str().unwrap()];
            let Some(names) = output_of("tar", &words) else { return };
            assert!(names.lines().all(|name| name.contains(".pcap") || name.contains("_hash_")));
            archives += 1;
        }
    }
    assert!(archives > 3, "{archives}");
}

#[test]
fn refuses_what_it_cannot_do() {
    let directory = tempfile::tempdir().unwrap();
    for (line, expect) in [
        ("--mix nonsense=1", "--mix: unknown kind 'nonsense'"),
        ("--start 2026-02-30", "--start: expected YYYY-MM-DD"),
        ("--time-zone Nowhere/None", "--time-zone: "),
        ("--peak-channels 0=1", "--peak-channels: expected DAY=N"),
        ("--sensor ../x", "--sensor: expected letters"),
        ("--rtp --rtp-pps 0", "--rtp-pps: expected 1 to 1000"),
        ("--ladder /nonexistent.ladder", "/nonexistent.ladder: "),
    ] {
        let out = directory.path().join("out");
        let error = run(&arguments(&out, line)).unwrap_err().to_string();
        assert!(error.starts_with(expect), "{line}: {error}");
    }
    std::fs::write(directory.path().join("file"), "x").unwrap();
    let error = run(&arguments(directory.path(), "")).unwrap_err().to_string();
    assert!(error.ends_with("the output directory is not empty"), "{error}");
}

#[test]
fn local_days_name_the_directories() {
    let generator = Generator::new(Parameters {
        time_zone: jiff::tz::TimeZoneDatabase::bundled().get("Asia/Kathmandu").unwrap(),
        rtp_pps: 0,
        ..small(3)
    });
    let first = generator.minutes().next().unwrap().start;
    // 2026-11-02T00:00 at +05:45.
    assert_eq!(first, CaptureTime::from_parts(1_793_577_600 - 5 * 3_600 - 45 * 60, 0));
    let files = files(&generator, Layout::Spool, 10);
    assert!(files.keys().all(|path| path.starts_with("2026-11-0")), "{:?}", files.keys());
    assert!(files.keys().filter(|path| path.starts_with("2026-11-02/")).count() > 100);
}
