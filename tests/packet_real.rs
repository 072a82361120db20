//! Counts SIP messages of the real captures against the table that tshark made.
//!
//! In: `corpora/real`. Each difference is listed with its cause, checked by hand with tshark.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed step is a failed test")]

use pcap_parser::{Block, PcapBlockOwned, PcapError, create_reader};
use respool::base::{CaptureId, CaptureTime, FileId};
use respool::capture::{CaptureParser, LinkType, Record};
use respool::packet::{
    Datagram, Dissector, OUTCOME_COUNTERS, Settings, StreamEvent, StreamSink, reassemble,
};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Files whose count differs from `truth.tsv`, with our count and the cause.
const DIFFERENCES: &[(&str, usize, &str)] = &[
    (
        "OISF+suricata-verify/tests__http-evader__http-evader-486__input.pcap",
        1,
        "HTTP evasion: the server's stream on port 80 begins with 'SIP/2.0 200 ok', tshark goes by port",
    ),
    (
        "OISF+suricata-verify/tests__http-evader__http-evader-488__input.pcap",
        1,
        "HTTP evasion: the server's stream on port 80 begins with 'SIP/2.0 200 ok', tshark goes by port",
    ),
    (
        "aboutsip+pkts/pkts-core__src__test__resources__io__pkts__fragmented_udp_sip.pcap",
        6,
        "the INVITE's first fragment is alone in the capture: tshark leaves it, here its beginning is \
         delivered as cut",
    ),
    (
        "nextcaller+sip-capture/collect__testdata__no-to-tag.pcap",
        1,
        "'INVITE foo@bar SIP/2.0' with a request URI without scheme: tshark takes it for data",
    ),
    (
        "nextcaller+sip-capture/extract__testdata__to-tag.pcap",
        1,
        "'INVITE foo@bar SIP/2.0' with a request URI without scheme: tshark takes it for data",
    ),
];

/// Methods of the IANA registry of SIP methods.
const METHODS: [&str; 14] = [
    "INVITE",
    "ACK",
    "BYE",
    "CANCEL",
    "OPTIONS",
    "REGISTER",
    "PRACK",
    "SUBSCRIBE",
    "NOTIFY",
    "PUBLISH",
    "INFO",
    "REFER",
    "MESSAGE",
    "UPDATE",
];

struct Packet {
    time: CaptureTime,
    link: LinkType,
    bytes: Vec<u8>,
    original_length: u32,
}

fn corpora() -> Option<PathBuf> {
    let path = std::env::var_os("RESPOOL_CORPORA").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpora"),
        PathBuf::from,
    );
    path.is_dir().then_some(path)
}

/// Interfaces count micro- or nanoseconds; what is beyond the year 5000 as the first is the second.
const fn clock(ticks: i64) -> CaptureTime {
    CaptureTime::from_ns(if ticks > 100_000_000_000_000_000 { ticks } else { ticks * 1_000 })
}

/// The packets of a file that pcap-parser does not know: ERF.
fn own_packets(bytes: &[u8]) -> Vec<Packet> {
    let mut packets = Vec::new();
    let mut keep = |record: Record<'_>| {
        let Record { time, link, bytes, original_length, .. } = record;
        packets.push(Packet { time, link, bytes: bytes.to_vec(), original_length });
    };
    let mut parser = CaptureParser::new(CaptureId::default());
    parser.push(bytes, &mut keep);
    parser.finish(&mut keep);
    packets
}

/// The packets of a capture, as far as it can be read.
fn packets(bytes: &[u8]) -> Vec<Packet> {
    let Ok(mut reader) = create_reader(1 << 20, bytes) else { return own_packets(bytes) };
    let (mut packets, mut links) = (Vec::new(), Vec::new());
    let mut refills = 0;
    loop {
        match reader.next() {
            Ok((taken, block)) => {
                match block {
                    PcapBlockOwned::LegacyHeader(header) => links = vec![header.network.0],
                    PcapBlockOwned::Legacy(block) => packets.push(Packet {
                        time: CaptureTime::from_parts(
                            block.ts_sec.into(),
                            i64::from(block.ts_usec) * 1_000,
                        ),
                        link: LinkType(links[0] as u16),
                        bytes: block.data.to_vec(),
                        original_length: block.origlen,
                    }),
                    PcapBlockOwned::NG(Block::SectionHeader(_)) => links.clear(),
                    PcapBlockOwned::NG(Block::InterfaceDescription(block)) => {
                        links.push(block.linktype.0);
                    }
                    PcapBlockOwned::NG(Block::EnhancedPacket(block)) => packets.push(Packet {
                        time: clock((i64::from(block.ts_high) << 32) | i64::from(block.ts_low)),
                        link: LinkType(links[block.if_id as usize] as u16),
                        bytes: block.data[..block.caplen as usize].to_vec(),
                        original_length: block.origlen,
                    }),
                    PcapBlockOwned::NG(_) => {}
                }
                reader.consume(taken);
                refills = 0;
            }
            // A second one in a row: the file ends inside a record.
            Err(PcapError::Incomplete(_)) if refills < 2 => {
                refills += 1;
                reader.refill().expect("refill");
            }
            Err(_) => return packets,
        }
    }
}

fn begins_message(bytes: &[u8]) -> bool {
    bytes.starts_with(b"SIP/2.0 ")
        || METHODS.iter().any(|method| {
            bytes.strip_prefix(method.as_bytes()).is_some_and(|rest| rest.starts_with(b" "))
        })
}

/// How many SIP messages lie in a run of stream bytes, framed by Content-Length.
fn messages(mut bytes: &[u8]) -> usize {
    let mut count = 0;
    while !bytes.is_empty() {
        if begins_message(bytes)
            && let Some(end) = memchr::memmem::find(bytes, b"\r\n\r\n")
        {
            count += 1;
            let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
            let length: usize = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length:").or(line.strip_prefix("l:")))
                .and_then(|value| value.trim().parse().ok())
                .unwrap_or(0);
            bytes = bytes.get(end + 4 + length..).unwrap_or_default();
        } else {
            bytes = &bytes[1..];
        }
    }
    count
}

#[derive(Default)]
struct Count {
    messages: usize,
    run: Vec<u8>,
}

impl StreamSink for Count {
    fn datagram(&mut self, datagram: Datagram<'_>) {
        self.messages += usize::from(begins_message(datagram.payload));
    }

    fn stream(&mut self, event: StreamEvent<'_>) {
        if let StreamEvent::Chunk(chunk) = event {
            self.run.extend_from_slice(chunk.bytes);
        } else {
            self.messages += messages(&std::mem::take(&mut self.run));
        }
    }
}

/// The messages of a file, its packets dealt to `captures` dissectors in turn.
fn count(packets: &[Packet], captures: u32) -> usize {
    let mut sink = Count::default();
    let mut residues = Vec::new();
    for number in 0..captures {
        let mut dissector = Dissector::new(CaptureId { file: FileId(number), member: 0 });
        for (index, packet) in (1u32..).zip(packets) {
            if index % captures != number {
                continue;
            }
            let record = Record {
                time: packet.time,
                index,
                offset: 0,
                link: packet.link,
                bytes: &packet.bytes,
                original_length: packet.original_length,
            };
            dissector.record(&record, &mut |datagram| sink.datagram(datagram));
        }
        let dissected = dissector.finish();
        let outcomes: u64 = OUTCOME_COUNTERS.iter().map(|name| dissected.ledger.value(name)).sum();
        assert_eq!(outcomes, dissected.ledger.value("packet.records"));
        residues.push(dissected.residue);
    }
    reassemble(residues, &Settings::default(), &mut sink);
    sink.messages
}

#[test]
fn counts_the_messages_that_tshark_counts() {
    let Some(corpora) = corpora() else {
        println!("no corpora: nothing compared");
        return;
    };
    let real = corpora.join("real");
    let truth = std::fs::read_to_string(real.join("truth.tsv")).expect("truth.tsv");
    let listed: BTreeMap<_, _> =
        DIFFERENCES.iter().map(|(file, count, cause)| (*file, (*count, *cause))).collect();
    let (mut compared, mut wrong) = (0, Vec::new());
    for line in truth.lines().skip(1) {
        let fields: Vec<&str> = line.split('\t').collect();
        let expected = match listed.get(fields[0]) {
            Some((count, _)) => *count,
            None => fields[2].parse().expect("a number"),
        };
        let bytes = std::fs::read(real.join(fields[0])).expect("truth.tsv lists existing files");
        let packets = packets(&bytes);
        for captures in [1, 2, 3] {
            let counted = count(&packets, captures);
            if counted != expected {
                wrong.push(format!("{}: {counted}, not {expected} ({captures})", fields[0]));
            }
        }
        compared += 1;
    }
    assert!(compared > 0, "truth.tsv lists no file");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The capture that the sniffer's spools were made from: UDP, fragments, VLAN, IPv6, TCP segments.
/// tshark 4.0.17 counts this many request and status lines in it.
#[test]
fn counts_the_messages_of_the_scripted_calls() {
    const MESSAGES: usize = 1_940;
    let Some(corpora) = corpora() else {
        println!("no corpora: nothing compared");
        return;
    };
    let file = std::fs::File::open(corpora.join("voipmonitor-spools/zoo.pcap.zst"));
    let bytes = zstd::decode_all(file.expect("the corpora hold it")).expect("a whole file");
    let packets = packets(&bytes);
    for captures in [1, 4] {
        assert_eq!(count(&packets, captures), MESSAGES);
    }
}
