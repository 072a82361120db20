//! What one worker gathers from the files it reads, and how two workers' gatherings join.

use super::cut_messages::{CutMessages, may_be_sip};
use super::extract::Stream;
use super::heard::Listener;
use super::kept_files::RunWriter;
use super::spill::{Runs, Spill};
use super::work::GatheredParts;
use crate::base::limits::CALL_ID_BYTES_MAX;
use crate::base::{CaptureTime, FileId, Ledger, Loss, Note, NoteKind, Notes, RecordRef, SensorId};
use crate::capture::TimeOrder;
use crate::container::Windows;
use crate::leg::leg_run::LegRun;
use crate::leg::media_flow::{FlowRef, MediaFlows, media_kind};
use crate::leg::table::LegTable;
use crate::leg::{CaptureRules, Registrations, Scratch, observe};
use crate::packet::{Datagram, Residues, Transport};
use crate::sip::{self, Message};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Bytes of messages after which a table becomes a run, however few legs they are of: what is kept of a
/// message is bounded by its bytes.
const TABLE_BYTES_MAX: usize = 64 << 20;

/// Seeds are random, and no result depends on them: keys come from hostile captures.
pub(super) type Hasher = foldhash::fast::RandomState;

/// First and last moment of something.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct TimeSpan {
    /// First moment.
    pub first: CaptureTime,
    /// Last moment.
    pub last: CaptureTime,
}

impl TimeSpan {
    /// A span of one moment.
    #[must_use]
    pub const fn at(moment: CaptureTime) -> Self {
        Self { first: moment, last: moment }
    }

    /// The span that holds both.
    #[must_use]
    pub fn joined(mut self, other: Self) -> Self {
        self.join(other);
        self
    }

    /// Widens it to hold `other`.
    pub fn join(&mut self, other: Self) {
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
    }
}

/// What one file held.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct FileSummary {
    /// Captures in it: 1 for a plain one, the members for an archive.
    pub captures: u64,
    /// Packet records in them.
    pub records: u64,
    /// SIP messages that lay whole in one record; those over TCP streams are counted by the run.
    pub sip_messages: u64,
    /// First and last record; absent when there was none.
    pub span: Option<TimeSpan>,
    /// Whether its records come in the order of time.
    pub order: TimeOrder,
}

impl FileSummary {
    /// A record was captured at `time`.
    #[inline]
    pub(super) fn saw(&mut self, time: CaptureTime) {
        self.records += 1;
        match &mut self.span {
            Some(span) => span.join(TimeSpan::at(time)),
            None => self.span = Some(TimeSpan::at(time)),
        }
    }

    /// Adds what another part of the file held.
    fn join(&mut self, other: Self) {
        self.captures += other.captures;
        self.records += other.records;
        self.sip_messages += other.sip_messages;
        if let Some(span) = other.span {
            self.span.get_or_insert(span).join(span);
        }
        // Of several parts of one file, the one that ended the capture tells it for all of them.
        self.order.append(&other.order);
    }
}

/// Where a datagram came from, beyond its record.
#[derive(Clone, Debug)]
pub(super) struct Origin {
    pub(super) sensor: SensorId,
    /// Name of the spool's entry or file, which derives from a Call-ID; empty elsewhere.
    pub(super) entry_name: Vec<u8>,
}

/// What is counted for every datagram and every capture, as plain words: a name in the ledger costs a
/// look-up.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    media: u64,
    other: u64,
    messages: u64,
    observed: u64,
    pub(super) file_bytes: u64,
    pub(super) captures_opened: u64,
    pub(super) captures_read: u64,
    pub(super) capture_records: u64,
    /// Records of captures in which each gave a plain datagram.
    pub(super) plain_records: u64,
}

/// The gathering of one worker.
pub(super) struct Gathering {
    legs: LegTable<Hasher>,
    /// Bytes of the messages of `legs`.
    leg_bytes: usize,
    /// Legs that did not fit the table.
    runs: Runs,
    spill: Arc<Spill>,
    /// Where runs of the one file that is read go as well.
    writer: Option<RunWriter>,
    pub(super) flows: MediaFlows<Hasher>,
    pub(super) residues: Residues,
    pub(super) ledger: Ledger,
    pub(super) counts: Counts,
    pub(super) notes: Notes,
    pub(super) losses: Vec<Loss>,
    scratch: Scratch,
    /// What the decoders of one file after the other write to.
    pub(super) windows: Windows,
    /// What a capture was read with; the next one is read with it again.
    pub(super) spare: Option<Box<Stream>>,
    pub(super) registrations: Registrations,
    /// SIP that the snaplen cut; poured into the losses.
    cut_messages: CutMessages,
    /// Losses at the end of a capture: they reach from the moment they have to one that only the whole
    /// run knows.
    pub(super) open_losses: Vec<Loss>,
    pub(super) files: BTreeMap<FileId, FileSummary>,
    pub(super) spans: BTreeMap<SensorId, TimeSpan>,
    /// When SIP was captured.
    pub(super) listener: Listener,
}

impl Gathering {
    pub(super) fn new(hasher: &Hasher, spill: &Arc<Spill>) -> Self {
        Self {
            legs: LegTable::new(hasher.clone()),
            leg_bytes: 0,
            runs: Runs::default(),
            spill: Arc::clone(spill),
            writer: None,
            flows: MediaFlows::new(hasher.clone()),
            residues: Residues::default(),
            ledger: Ledger::default(),
            counts: Counts::default(),
            notes: Notes::default(),
            losses: Vec::new(),
            scratch: Scratch::default(),
            windows: Windows::default(),
            spare: None,
            registrations: Registrations::default(),
            cut_messages: CutMessages::default(),
            open_losses: Vec::new(),
            files: BTreeMap::new(),
            spans: BTreeMap::new(),
            listener: Listener::default(),
        }
    }

    /// Adds what a file, or a part of it, held.
    pub(super) fn add_summary(&mut self, file: FileId, sensor: SensorId, summary: FileSummary) {
        if let Some(span) = summary.span {
            self.spans.entry(sensor).or_insert(span).join(span);
        }
        self.files.entry(file).or_default().join(summary);
    }

    /// Takes one datagram: SIP goes to its leg, media to its flow. True when it was a SIP message.
    pub(super) fn datagram(
        &mut self,
        origin: &Origin,
        datagram: &Datagram<'_>,
        rules: &CaptureRules,
    ) -> bool {
        let read = |message: &Message<'_>| self.sip(origin.sensor, datagram, message, rules);
        let is_sip = sip::with_message(datagram.payload, read).is_some();
        if !is_sip {
            self.media(origin, datagram);
        }
        is_sip
    }

    fn media(&mut self, origin: &Origin, datagram: &Datagram<'_>) {
        let Some(kind) = media_kind(datagram.payload) else {
            self.counts.other += 1;
            if datagram.cut && may_be_sip(datagram.payload) {
                self.cut(datagram);
            }
            return;
        };
        self.counts.media += 1;
        let flow = FlowRef {
            sensor: origin.sensor,
            destination: datagram.destination,
            source: datagram.source,
            entry_name: &origin.entry_name,
        };
        self.flows.packet(flow, kind, datagram.time);
    }

    /// One SIP message with its addresses. What follows it in the same datagram is discarded (RFC 3261
    /// section 18.3), as the vendor's sniffer does.
    fn sip(
        &mut self,
        sensor: SensorId,
        datagram: &Datagram<'_>,
        message: &Message<'_>,
        rules: &CaptureRules,
    ) {
        self.counts.messages += 1;
        if sip::looks_like_sip(message.trailing()) {
            self.ledger.add("sip.trailing_discarded", 1);
        }
        if !reads(rules, datagram) {
            self.ledger.add("sip.excluded_by_conf", 1);
            return;
        }
        let call_id = message.call_id();
        if call_id.is_empty() || message.call_id_is_cut() {
            self.ledger.add("sip.without_call_id", 1);
            self.sip_note(datagram.record, "a SIP message without a whole Call-ID was not used");
            if datagram.cut {
                self.cut(datagram);
            }
        } else if call_id.len() > CALL_ID_BYTES_MAX {
            self.ledger.add("sip.call_id_too_long", 1);
            self.sip_note(datagram.record, "a Call-ID longer than 1023 bytes was not used");
        } else {
            self.counts.observed += 1;
            self.listener.saw(sensor, datagram.time);
            if self.is_full(datagram.payload.len()) {
                self.end_table();
            }
            let leg = self.legs.leg(sensor, call_id);
            if observe(leg, datagram, message, &mut self.scratch) {
                self.legs.end_last();
            }
            self.registrations.observe(message, datagram.time);
        }
    }

    /// A record was cut before it told its call. What is cut of a stream is told where the stream is.
    fn cut(&mut self, datagram: &Datagram<'_>) {
        if datagram.transport != Transport::Tcp {
            self.cut_messages.add(datagram.record.capture.file, datagram.time);
        }
    }

    fn sip_note(&mut self, record: RecordRef, detail: &str) {
        self.notes.add(Note {
            capture: record.capture,
            offset: None,
            record: Some(record.index),
            kind: NoteKind::MalformedSip,
            detail: detail.to_owned(),
        });
    }
}

/// Whether the vendor's configuration would read the message (facts F, H).
fn reads(rules: &CaptureRules, datagram: &Datagram<'_>) -> bool {
    let in_ports =
        |port: u16| rules.sip_ports.iter().any(|(low, high)| (*low..=*high).contains(&port));
    let port_fits = rules.sip_ports.is_empty()
        || in_ports(datagram.source.port)
        || in_ports(datagram.destination.port);
    port_fits && !(rules.without_ipv6 && datagram.source.address.is_ipv6())
}

impl Gathering {
    /// Enters what was counted into the ledger.
    fn pour(&mut self) {
        self.losses.extend(self.cut_messages.take_losses());
        let counts = std::mem::take(&mut self.counts);
        self.ledger.add("payload.media", counts.media);
        self.ledger.add("payload.other", counts.other);
        self.ledger.add("sip.messages", counts.messages);
        self.ledger.add("sip.observed", counts.observed);
        self.ledger.add("file.bytes", counts.file_bytes);
        self.ledger.add("capture.opened", counts.captures_opened);
        self.ledger.add("capture.read", counts.captures_read);
        self.ledger.add("capture.records", counts.capture_records);
        self.ledger.add("packet.records", counts.plain_records);
        self.ledger.add("packet.records_with_datagram", counts.plain_records);
        self.ledger.add("packet.datagrams", counts.plain_records);
    }

    /// Whether the table has no room for a message of so many bytes, which are counted.
    fn is_full(&mut self, bytes: usize) -> bool {
        self.leg_bytes += bytes;
        self.leg_bytes > TABLE_BYTES_MAX || self.legs.len() >= self.spill.table_legs_max()
    }

    fn end_table(&mut self) {
        self.leg_bytes = 0;
        for run in self.legs.take_runs() {
            if let Some(writer) = &self.writer {
                writer.put(&run);
            }
            self.keep_run(run);
        }
    }

    /// Adds legs that came as a run.
    pub(super) fn keep_run(&mut self, run: LegRun) {
        self.runs.keep(run, &self.spill);
    }

    /// A gathering of one file alone. It borrows the table and the runs of this one, which has them again
    /// after [`Self::take_back`].
    pub(super) fn for_one_file(&mut self, hasher: &Hasher, writer: RunWriter) -> Self {
        self.end_table();
        let mut own = Self::new(hasher, &self.spill);
        own.writer = Some(writer);
        std::mem::swap(&mut own.legs, &mut self.legs);
        std::mem::swap(&mut own.runs, &mut self.runs);
        own
    }

    /// What was gathered of the file, and the legs that were still in the table.
    pub(super) fn take_back(&mut self, mut own: Self) -> (GatheredParts, Vec<LegRun>) {
        own.pour();
        let runs = own.legs.take_runs();
        std::mem::swap(&mut own.legs, &mut self.legs);
        std::mem::swap(&mut own.runs, &mut self.runs);
        let hasher = self.legs.hasher().clone();
        let flows = std::mem::replace(&mut own.flows, MediaFlows::new(hasher));
        (GatheredParts::new(own, flows.into_sorted()), runs)
    }

    /// Nothing more is read.
    pub(super) fn end(&mut self) {
        self.pour();
        self.end_table();
        self.runs.end_small(&self.spill);
        self.legs = LegTable::new(self.legs.hasher().clone());
    }

    /// Adds another worker's gathering that has ended, except its legs and flows, which are given back.
    pub(super) fn absorb(&mut self, other: Self) -> (Runs, MediaFlows<Hasher>) {
        self.residues.join(other.residues);
        self.ledger += other.ledger;
        self.notes.join(other.notes);
        self.losses.extend(other.losses);
        for (file, summary) in other.files {
            self.files.entry(file).or_default().join(summary);
        }
        self.registrations.join(other.registrations);
        self.open_losses.extend(other.open_losses);
        for (sensor, span) in other.spans {
            self.spans.entry(sensor).or_insert(span).join(span);
        }
        self.listener.join(other.listener);
        (other.runs, other.flows)
    }

    /// Takes its legs and flows out: nothing is gathered after that.
    pub(super) fn take_legs(&mut self, hasher: &Hasher) -> (Runs, MediaFlows<Hasher>) {
        self.end();
        let flows = std::mem::replace(&mut self.flows, MediaFlows::new(hasher.clone()));
        (std::mem::take(&mut self.runs), flows)
    }
}
