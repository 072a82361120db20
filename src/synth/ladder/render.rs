//! Statements to the bytes of captures and archives.

use super::parse::{FileLine, LadderError, MessageLine, Statement, seconds_ns};
use super::state::CallState;
use crate::base::{CaptureTime, Endpoint, NS_PER_S};
use crate::synth::arrange::{Entry, archive};
use crate::synth::pcap::{
    Resolution, USUAL_SNAPLEN, VENDOR_SNAPLEN, file_header, media_frame, push_record, sip_frame,
};
use crate::synth::script::{MediaBurst, ScriptedPacket, Wire};
use crate::synth::tar::{entry_name, lzo_framed};
use std::collections::BTreeMap;

/// What a file's extension asks for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Compression {
    /// As it is.
    None,
    /// `.gz`.
    Gzip,
    /// `.zst`.
    Zstd,
}

/// A file that a ladder describes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LadderFile {
    /// Path below the output directory.
    pub path: String,
    /// How the bytes are to be compressed.
    pub compression: Compression,
    /// Bytes to drop from the end, after compression.
    pub cut_bytes: usize,
    /// The bytes before compression.
    pub bytes: Vec<u8>,
}

/// A record on its way into a file.
struct PlannedRecord {
    /// Where it stands in the file: its time, or later when it is out of order.
    place: CaptureTime,
    time: CaptureTime,
    call_id: String,
    frame: Vec<u8>,
}

struct OpenFile {
    line: FileLine,
    records: Vec<PlannedRecord>,
}

/// Everything that is known between two statements.
#[derive(Default)]
struct Renderer {
    files: Vec<OpenFile>,
    current: usize,
    calls: BTreeMap<String, CallState>,
    calls_seen: usize,
    call_id: String,
    /// Next sequence number by direction.
    tcp: BTreeMap<(Endpoint, Endpoint), u32>,
}

impl Renderer {
    fn open(&mut self, file: FileLine) {
        if let Some(known) = self.files.iter().position(|open| open.line.path == file.path) {
            self.current = known;
            return;
        }
        self.current = self.files.len();
        self.files.push(OpenFile { line: file, records: Vec::new() });
    }

    fn records(&mut self) -> &mut Vec<PlannedRecord> {
        if self.files.is_empty() {
            self.open(FileLine { path: "capture.pcap".to_owned(), keys: Default::default() });
        }
        &mut self.files[self.current].records
    }

    /// Plans a frame as often as the line's keys say.
    fn plan(&mut self, line: &MessageLine, time: CaptureTime, frame: &[u8]) {
        if line.keys.has("lost") {
            return;
        }
        let copies = line.keys.value("copies").and_then(|text| text.parse().ok()).unwrap_or(1u32);
        let late_ns = line.keys.value("late").and_then(seconds_ns).unwrap_or(0);
        let call_id = self.call_id.clone();
        let again = line.keys.value("again").unwrap_or("");
        let repeats = again.split(',').filter(|part| !part.is_empty()).filter_map(seconds_ns);
        let delays: Vec<i64> = std::iter::once(0).chain(repeats).collect();
        for delay_ns in delays {
            for _ in 0..copies.max(1) {
                let time = time.plus_ns(delay_ns);
                let record = PlannedRecord {
                    place: time.plus_ns(late_ns),
                    time,
                    call_id: call_id.clone(),
                    frame: frame.to_vec(),
                };
                self.records().push(record);
            }
        }
    }

    fn message(&mut self, number: usize, line: &MessageLine) -> Result<(), LadderError> {
        if let Some(call_id) = line.keys.value("call-id") {
            call_id.clone_into(&mut self.call_id);
        }
        if matches!(line.what.as_str(), "RTP" | "RTCP") {
            return self.media(number, line);
        }
        if self.call_id.is_empty() {
            let message = "expected call-id= at the first message".to_owned();
            return Err(LadderError { line: number, message });
        }
        if line.keys.has("new") || !self.calls.contains_key(&self.call_id) {
            self.calls_seen += 1;
            let state = CallState::new(&self.call_id, self.calls_seen);
            self.calls.insert(self.call_id.clone(), state);
        }
        let Some(call) = self.calls.get_mut(&self.call_id) else { return Ok(()) };
        let bytes = call.message(number, line)?;
        let wire = self.wire(line, bytes.len());
        let MessageLine { time, source, destination, .. } = *line;
        let frame = sip_frame(&ScriptedPacket { time, source, destination, wire, bytes }, false);
        self.plan(line, time, &frame);
        Ok(())
    }

    /// The transport of a line; TCP counts on.
    fn wire(&mut self, line: &MessageLine, length: usize) -> Wire {
        if line.keys.value("transport") != Some("tcp") {
            return Wire::Udp;
        }
        let acknowledgement = self.tcp.get(&(line.destination, line.source)).copied().unwrap_or(1);
        let next = self.tcp.entry((line.source, line.destination)).or_insert(1);
        let sequence = *next;
        *next = next.wrapping_add(length as u32);
        Wire::Tcp { sequence, acknowledgement }
    }

    fn media(&mut self, number: usize, line: &MessageLine) -> Result<(), LadderError> {
        let seconds = |key: &str| line.keys.value(key).and_then(seconds_ns);
        let (Some(until_ns), Some(period_ns)) =
            (seconds("until"), seconds("every").filter(|period| *period > 0))
        else {
            let message =
                "expected until=SECONDS (the length) and every=SECONDS above 0".to_owned();
            return Err(LadderError { line: number, message });
        };
        let ssrc = line.keys.value("ssrc").and_then(|text| text.parse().ok());
        let burst = MediaBurst {
            first: line.time,
            period_ns,
            count: (until_ns / period_ns + 1).clamp(1, 1_000_000) as u32,
            source: line.source,
            destination: line.destination,
            ssrc: ssrc.unwrap_or(u32::from(line.source.port) + 1),
            rtcp: line.what == "RTCP",
        };
        for index in 0..burst.count {
            let frame = media_frame(&burst, index);
            self.plan(line, burst.time_of(index), &frame);
        }
        Ok(())
    }
}

/// Statements to files.
pub(super) fn render(statements: &[(usize, Statement)]) -> Result<Vec<LadderFile>, LadderError> {
    let mut renderer = Renderer::default();
    for (number, statement) in statements {
        match statement {
            Statement::File(file) => renderer.open(file.clone()),
            Statement::Message(message) => renderer.message(*number, message)?,
        }
    }
    Ok(renderer.files.into_iter().map(finished).collect())
}

/// The bytes of a file.
fn finished(file: OpenFile) -> LadderFile {
    let OpenFile { line, mut records } = file;
    // Stable: what has the same place keeps the order of the ladder.
    records.sort_by_key(|record| record.place);
    let number = |key: &str| line.keys.value(key).and_then(|text| text.parse::<u32>().ok());
    let (plain, compression) = match line.path.rsplit_once('.') {
        Some((plain, "gz")) => (plain, Compression::Gzip),
        Some((plain, "zst")) => (plain, Compression::Zstd),
        _ => (line.path.as_str(), Compression::None),
    };
    let resolution = if line.keys.has("nanoseconds") {
        Resolution::Nanoseconds
    } else {
        Resolution::Microseconds
    };
    let is_archive = plain.ends_with(".tar");
    let snaplen = number("snaplen");
    let capture_of = |records: &mut dyn Iterator<Item = &PlannedRecord>| {
        let usual = if is_archive { VENDOR_SNAPLEN } else { USUAL_SNAPLEN };
        let mut capture = file_header(resolution, snaplen.unwrap_or(usual));
        for record in records {
            let captured = snaplen.map_or(usize::MAX, |snaplen| snaplen as usize);
            push_record(&mut capture, resolution, record.time, &record.frame, captured);
        }
        capture
    };
    let bytes = if is_archive {
        let mut by_call: BTreeMap<&str, Vec<&PlannedRecord>> = BTreeMap::new();
        for record in &records {
            by_call.entry(&record.call_id).or_default().push(record);
        }
        let entry = |(call_id, records): (&&str, &Vec<&PlannedRecord>)| {
            let capture = capture_of(&mut records.iter().copied());
            let first = records.first().map_or(0, |record| record.time.ns() / NS_PER_S);
            let content = if line.keys.has("lzo") { lzo_framed(capture) } else { capture };
            Entry { name: entry_name(call_id), modified_s: first, content }
        };
        let entries: Vec<Entry> = by_call.iter().map(entry).collect();
        archive(&entries, line.keys.has("pieces"))
    } else {
        capture_of(&mut records.iter())
    };
    let cut_bytes = number("cut").unwrap_or(0) as usize;
    LadderFile { path: line.path, compression, cut_bytes, bytes }
}

#[cfg(test)]
mod tests {
    use super::super::captures;
    use super::*;

    const HEAD: &str = "start 2026-11-20T10:00:00Z\nhost a 10.0.0.1\nhost b 10.0.0.2\n";

    fn text_of(body: &str) -> String {
        let files = captures(&format!("{HEAD}{body}")).unwrap();
        String::from_utf8_lossy(&files[0].bytes).into_owned()
    }

    #[test]
    fn a_dialog_keeps_its_tags_and_numbers() {
        let text = text_of(
            "+0 a > b INVITE call-id=c@h from=1 to=2 sdp=10.0.0.1:4000\n+1 b > a 200 to-tag=tt\n\
             +1.1 a > b ACK\n+5 b > a BYE\n+5.1 a > b 200\n",
        );
        assert!(text.contains("BYE sip:1@10.0.0.1 SIP/2.0"), "{text}");
        assert!(text.contains("From: <sip:2@example.com>;tag=tt"), "{text}");
        assert!(text.contains("CSeq: 1 ACK"), "{text}");
        assert!(text.contains("CSeq: 101 BYE"), "{text}");
    }

    #[test]
    fn an_answer_without_request_is_an_error() {
        let ladder = format!("{HEAD}+0 a > b INVITE call-id=c\n+1 a > b 200\n");
        let error = captures(&ladder).unwrap_err();
        assert_eq!(error.line, 5);
        assert!(error.message.contains("no request from 10.0.0.2:5060"), "{error}");
        let error = captures(&format!("{HEAD}+0 a > b INVITE\n")).unwrap_err();
        assert!(error.message.contains("expected call-id="), "{error}");
        let error =
            captures(&format!("{HEAD}+0 a > b RTP call-id=c every=0 until=2\n")).unwrap_err();
        assert!(error.message.contains("expected until="), "{error}");
    }

    #[test]
    fn lost_copied_and_late_records() {
        let bytes_of = |body: &str| captures(&format!("{HEAD}{body}")).unwrap()[0].bytes.clone();
        let one = bytes_of("+0 a > b OPTIONS call-id=c\n").len() - 24;
        assert_eq!(bytes_of("+0 a > b OPTIONS call-id=c copies=3\n").len() - 24, 3 * one);
        assert_eq!(bytes_of("+0 a > b OPTIONS call-id=c again=0.5,1\n").len() - 24, 3 * one);
        let text = text_of("+0 a > b INVITE call-id=c\n+1 b > a 200\n+2 a > b ACK lost\n");
        assert!(!text.contains("ACK sip"), "{text}");
        let text = text_of("+0 a > b INVITE call-id=c late=3\n+1 b > a 200\n");
        assert!(text.find("SIP/2.0 200") < text.find("INVITE sip"), "{text}");
    }

    #[test]
    fn files_take_what_follows_them() {
        let files = captures(&format!(
            "{HEAD}file x.pcap\n+0 a > b OPTIONS call-id=c\nfile y.tar.zst pieces cut=9\n\
             +1 a > b OPTIONS call-id=d\nfile x.pcap\n+2 a > b OPTIONS call-id=c\n"
        ))
        .unwrap();
        assert_eq!(files.len(), 2);
        assert_eq!((files[1].compression, files[1].cut_bytes), (Compression::Zstd, 9));
        assert_eq!(String::from_utf8_lossy(&files[0].bytes).matches("OPTIONS sip").count(), 2);
        assert_eq!(&files[1].bytes[257..265], b"ustar\0  ");
    }
}
