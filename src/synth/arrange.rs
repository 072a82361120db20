//! Scripted legs to the files of a spool, in the vendor's layout or as one capture a day.
//!
//! Legs come in any order within a minute; [`Arranger::advance`] says that no later leg begins before a
//! moment, and hands out what is complete. Memory is bounded by the legs of the minutes that are open
//! (and, for a capture a day, by the calls that are up).

use super::calendar::{format_day, local_time};
use super::parameters::Layout;
use super::pcap::{
    Resolution, USUAL_SNAPLEN, file_header, media_capture, media_frame, push_record, sip_capture,
    sip_frame,
};
use super::script::{MediaBurst, ScriptedLeg, ScriptedPacket};
use super::tar::{entry_name, escaped, lzo_framed, push_end, push_entry};
use crate::base::CaptureTime;
use jiff::tz::TimeZone;
use std::collections::BTreeMap;

/// Entries longer than this are written in two pieces when pieces are asked for.
const PIECE_BYTES: usize = 3_000;

/// What the edge does with the bytes of a chunk.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Packing {
    /// A whole file, compressed as the user chose (its extension is added).
    Compressible,
    /// A whole file, written as it is.
    AsIs,
    /// The next bytes of a file.
    Append,
}

/// Bytes for one file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Chunk {
    /// Path below the spool, with `/`.
    pub path: String,
    /// What to do with the bytes.
    pub packing: Packing,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// What is due at a moment in a capture of a day.
enum Due {
    Signal(ScriptedPacket),
    Media(MediaBurst, u32),
}

/// Moment, number of the leg, number in the leg: the order of records.
type Turn = (CaptureTime, u64, u32);

/// Collects legs and hands out files.
pub struct Arranger {
    layout: Layout,
    zone: TimeZone,
    pieces: bool,
    legs: u64,
    /// Legs by start of the local minute and sensor.
    minutes: BTreeMap<(i64, String), Vec<ScriptedLeg>>,
    /// Records to come, by sensor.
    queues: BTreeMap<String, BTreeMap<Turn, Due>>,
    /// Day of the capture that is open, by sensor.
    open_days: BTreeMap<String, i64>,
}

impl Arranger {
    /// An empty one. `pieces`: long entries of archives are written as `NAME#N` and `NAME`.
    #[must_use]
    pub const fn new(layout: Layout, zone: TimeZone, pieces: bool) -> Self {
        Self {
            layout,
            zone,
            pieces,
            legs: 0,
            minutes: BTreeMap::new(),
            queues: BTreeMap::new(),
            open_days: BTreeMap::new(),
        }
    }

    /// Takes a leg.
    pub fn add(&mut self, leg: ScriptedLeg) {
        let number = self.legs;
        self.legs += 1;
        if self.layout != Layout::Flat {
            let minute = leg.first().floor_seconds().div_euclid(60) * 60;
            self.minutes.entry((minute, leg.sensor.clone())).or_default().push(leg);
            return;
        }
        let queue = self.queues.entry(leg.sensor).or_default();
        let mut index = 0;
        for packet in leg.packets {
            queue.insert((packet.time, number, index), Due::Signal(packet));
            index += 1;
        }
        for burst in leg.media {
            queue.insert((burst.first, number, index), Due::Media(burst, 0));
            index += 1;
        }
    }

    /// No leg still to come begins before `moment`: hands out the files that are complete.
    pub fn advance(&mut self, moment: CaptureTime) -> Vec<Chunk> {
        let mut chunks = Vec::new();
        while let Some(entry) = self.minutes.first_entry() {
            if entry.key().0.saturating_add(60) > moment.floor_seconds() {
                break;
            }
            let ((minute_s, sensor), mut legs) = entry.remove_entry();
            legs.sort_by(|a, b| (a.first(), &a.file_stem).cmp(&(b.first(), &b.file_stem)));
            match self.layout {
                Layout::Spool => self.archives(minute_s, &sensor, &legs, &mut chunks),
                Layout::Files | Layout::Flat => self.files(minute_s, &sensor, &legs, &mut chunks),
            }
        }
        let sensors: Vec<String> = self.queues.keys().cloned().collect();
        for sensor in sensors {
            self.drain(&sensor, moment, &mut chunks);
        }
        chunks
    }

    /// Hands out everything that is left.
    pub fn finish(mut self) -> Vec<Chunk> {
        self.advance(CaptureTime::MAX)
    }

    /// `[SENSOR/]YYYY-MM-DD/HH/MM` and the same date for file names.
    fn place(&self, minute_s: i64, sensor: &str) -> (String, String) {
        let local = local_time(&self.zone, CaptureTime::from_parts(minute_s, 0));
        let day = format_day(local.day);
        let (hour, minute) = (local.hour, local.minute);
        let root = if sensor.is_empty() { String::new() } else { format!("{sensor}/") };
        let name = if sensor.is_empty() { String::new() } else { format!("{sensor}_") };
        (format!("{root}{day}/{hour:02}/{minute:02}"), format!("{name}{day}-{hour:02}-{minute:02}"))
    }

    /// The vendor's default: an archive for signalling, one for media.
    fn archives(&self, minute_s: i64, sensor: &str, legs: &[ScriptedLeg], chunks: &mut Vec<Chunk>) {
        let (directory, date) = self.place(minute_s, sensor);
        let entries = |make: &dyn Fn(&ScriptedLeg) -> Option<Vec<u8>>| -> Vec<Entry> {
            legs.iter()
                .filter_map(|leg| {
                    Some(Entry {
                        name: entry_name(&leg.file_stem),
                        modified_s: leg.first().floor_seconds(),
                        content: make(leg)?,
                    })
                })
                .collect()
        };
        let signal = entries(&|leg| Some(sip_capture(leg)));
        let media = entries(&|leg| media_capture(leg).map(lzo_framed));
        let mut push = |path: String, packing, bytes| chunks.push(Chunk { path, packing, bytes });
        push(
            format!("{directory}/SIP/sip_{date}.tar"),
            Packing::Compressible,
            archive(&signal, self.pieces),
        );
        if !media.is_empty() {
            push(
                format!("{directory}/RTP/rtp_{date}.tar"),
                Packing::AsIs,
                archive(&media, self.pieces),
            );
        }
    }

    /// The vendor's `tar = no`: names end in .pcap whatever is inside.
    fn files(&self, minute_s: i64, sensor: &str, legs: &[ScriptedLeg], chunks: &mut Vec<Chunk>) {
        let (directory, _) = self.place(minute_s, sensor);
        for leg in legs {
            let name = escaped(&leg.file_stem);
            let mut push = |kind: &str, bytes| {
                let path = format!("{directory}/{kind}/{name}.pcap");
                chunks.push(Chunk { path, packing: Packing::AsIs, bytes });
            };
            push("SIP", sip_capture(leg));
            if let Some(media) = media_capture(leg) {
                push("RTP", media);
            }
        }
    }

    /// Writes the records of a sensor that are due before `moment` into its captures of days.
    fn drain(&mut self, sensor: &str, moment: CaptureTime, chunks: &mut Vec<Chunk>) {
        let mut day_end = CaptureTime::MIN;
        while let Some(queue) = self.queues.get_mut(sensor)
            && let Some(entry) = queue.first_entry()
        {
            let time = entry.key().0;
            if time >= moment {
                break;
            }
            let ((_, number, index), due) = entry.remove_entry();
            let frame = match due {
                Due::Signal(packet) => sip_frame(&packet, false),
                Due::Media(burst, sent) => {
                    if sent + 1 < burst.count {
                        let next = burst.time_of(sent + 1);
                        queue.insert((next, number, index), Due::Media(burst, sent + 1));
                    }
                    media_frame(&burst, sent)
                }
            };
            if time >= day_end {
                let local = local_time(&self.zone, time);
                // The day cannot change within a minute of the clock.
                day_end = CaptureTime::from_parts(time.floor_seconds() + 60 - local.second, 0);
                self.open_day(sensor, local.day, chunks);
            }
            if let Some(chunk) = chunks.last_mut() {
                push_record(&mut chunk.bytes, Resolution::Microseconds, time, &frame, usize::MAX);
            }
        }
    }

    /// Makes the last chunk one that appends to the capture of a day.
    fn open_day(&mut self, sensor: &str, day: i64, chunks: &mut Vec<Chunk>) {
        let root = if sensor.is_empty() { String::new() } else { format!("{sensor}/") };
        let path = format!("{root}{}.pcap", format_day(day));
        if chunks.last().is_some_and(|chunk| chunk.path == path) {
            return;
        }
        let is_new = self.open_days.insert(sensor.to_owned(), day) != Some(day);
        let bytes =
            if is_new { file_header(Resolution::Microseconds, USUAL_SNAPLEN) } else { Vec::new() };
        chunks.push(Chunk { path, packing: Packing::Append, bytes });
    }
}

/// An entry of an archive before it is written.
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) modified_s: i64,
    pub(crate) content: Vec<u8>,
}

/// The bytes of an archive. In pieces: first the heads of all long entries, then everything that is
/// left; the number after `#` counts the entries of the archive (run section 3).
pub(crate) fn archive(entries: &[Entry], pieces: bool) -> Vec<u8> {
    let size: usize = entries.iter().map(|entry| entry.content.len() + 1_024).sum();
    let mut bytes = Vec::with_capacity(size + 1_024);
    let mut count = 0u32;
    let is_split = |entry: &Entry| pieces && entry.content.len() > PIECE_BYTES;
    for entry in entries.iter().filter(|entry| is_split(entry)) {
        count += 1;
        let name = format!("{}#{count}", entry.name);
        push_entry(&mut bytes, &name, entry.modified_s, &entry.content[..PIECE_BYTES]);
    }
    for entry in entries {
        let from = if is_split(entry) { PIECE_BYTES } else { 0 };
        push_entry(&mut bytes, &entry.name, entry.modified_s, &entry.content[from..]);
    }
    push_end(&mut bytes);
    bytes
}
