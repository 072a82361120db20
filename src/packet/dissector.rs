//! One capture: records in, datagrams out at once, the rest as a residue.

use super::counters::{Counters, Outcome};
use super::fast;
use super::frame::Frame;
use super::walk::{Held, Walk};
use super::{Datagram, Residue};
use crate::base::{
    CaptureId, CaptureTime, Ledger, Loss, LossKind, Note, NoteKind, Notes, RecordRef,
};
use crate::capture::Record;

/// What a run may say about packets.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Settings {
    /// TCP ports on which TLS is taken for encrypted SIP and so for a loss. Default: 5061. TLS on any
    /// other port may be anything and is only counted.
    pub tls_sip_ports: Vec<u16>,
    /// TCP ports on which a flow dropped without a sign of SIP is a loss. Default: 5060.
    pub sip_ports: Vec<u16>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { tls_sip_ports: vec![5061], sip_ports: vec![5060] }
    }
}

/// Takes the records of one capture apart.
#[derive(Debug)]
pub struct Dissector {
    capture: CaptureId,
    counters: Counters,
    /// Datagrams that the fast path delivered.
    fast_datagrams: u64,
    held: Held,
    cut: Option<Cut>,
    too_deep: Option<(u32, u64)>,
}

/// Records that the snaplen ended before their payload: it may have been SIP.
#[derive(Clone, Copy, Debug)]
struct Cut {
    /// Number and offset of the first one.
    place: (u32, u64),
    first: CaptureTime,
    last: CaptureTime,
    bytes: u64,
}

/// What one capture gave besides its datagrams.
#[derive(Clone, Debug)]
pub struct Dissected {
    /// What waits for other records, for [`super::reassemble`].
    pub residue: Residue,
    /// Counters `packet.*`: `packet.records` is the sum of [`super::OUTCOME_COUNTERS`].
    pub ledger: Ledger,
    /// Anomalies.
    pub notes: Notes,
    /// What could not be read.
    pub losses: Vec<Loss>,
}

impl Dissector {
    /// For the records of `capture`.
    #[must_use]
    pub fn new(capture: CaptureId) -> Self {
        Self {
            capture,
            counters: Counters::default(),
            fast_datagrams: 0,
            held: Held::default(),
            cut: None,
            too_deep: None,
        }
    }

    /// One record; `sink` gets every payload that lies in it alone, in order.
    #[inline]
    pub fn record(&mut self, record: &Record<'_>, sink: &mut impl FnMut(Datagram<'_>)) {
        self.counters.records += 1;
        if let Some(datagram) = fast::datagram(self.capture, record) {
            self.fast_datagrams += 1;
            sink(datagram);
        } else {
            self.slow(record, sink);
        }
    }

    #[cold]
    #[inline(never)]
    fn slow(&mut self, record: &Record<'_>, sink: &mut dyn FnMut(Datagram<'_>)) {
        let place = RecordRef { capture: self.capture, index: record.index };
        let captured = u32::try_from(record.bytes.len()).unwrap_or(u32::MAX);
        let frame = Frame {
            missing: record.original_length.saturating_sub(captured),
            ..Frame::new(record.time, place)
        };
        let mut walk = Walk { held: &mut self.held, sink };
        let outcome = walk.link(frame, record.link, record.bytes);
        self.counters.count(outcome);
        match outcome {
            Outcome::CutHeader => {
                let cut = self.cut.get_or_insert(Cut {
                    place: (record.index, record.offset),
                    first: record.time,
                    last: record.time,
                    bytes: 0,
                });
                cut.first = cut.first.min(record.time);
                cut.last = cut.last.max(record.time);
                cut.bytes += u64::from(frame.missing);
            }
            Outcome::TooDeep => {
                self.too_deep = self.too_deep.or(Some((record.index, record.offset)));
            }
            _ => {}
        }
    }

    /// Nothing more comes.
    #[must_use]
    pub fn finish(mut self) -> Dissected {
        let (mut notes, mut losses) = (Notes::default(), Vec::new());
        self.counters.count_fast(self.fast_datagrams);
        self.counters.pour(&mut self.held.ledger);
        self.held.ledger.add("packet.datagrams", self.fast_datagrams);
        self.unread_links(&mut notes, &mut losses);
        let firsts = [
            (
                self.cut.map(|cut| cut.place),
                NoteKind::Cut,
                "packets end before their payload (snaplen); first one here",
            ),
            (self.too_deep, NoteKind::Limit, "more encapsulations than the bound; first one here"),
        ];
        for (first, kind, detail) in firsts {
            if let Some((record, offset)) = first {
                let (offset, record) = (Some(offset), Some(record));
                let detail = detail.to_owned();
                notes.add(Note { capture: self.capture, offset, record, kind, detail });
            }
        }
        if let Some(cut) = self.cut {
            losses.push(Loss {
                when: Some((cut.first, cut.last)),
                kind: LossKind::CutTail,
                file: self.capture.file,
                bytes: cut.bytes,
                detail: "packets end before their payload (snaplen)".to_owned(),
            });
        }
        let mut held = self.held;
        let over = held.segments.over_limit.map(|dropped| (dropped.first, dropped.last));
        for (what, when) in [
            ("IP fragments", held.fragments.dropped),
            ("TCP segments", over),
            ("SCTP parts", held.sctp.dropped),
        ] {
            if let Some(when) = when {
                limit(self.capture, what, when, &mut notes, &mut losses);
            }
        }
        let ledger = std::mem::take(&mut held.ledger);
        Dissected { residue: held.into_residue(), ledger, notes, losses }
    }

    fn unread_links(&self, notes: &mut Notes, losses: &mut Vec<Loss>) {
        for (link, unread) in &self.held.unread_links {
            let detail = format!("link type {link} is not read: {} records", unread.records);
            notes.add(Note {
                capture: self.capture,
                offset: None,
                record: None,
                kind: NoteKind::Unsupported,
                detail: detail.clone(),
            });
            losses.push(Loss {
                when: Some((unread.first, unread.last)),
                kind: LossKind::UnknownLink,
                file: self.capture.file,
                bytes: unread.bytes,
                detail,
            });
        }
    }
}

fn limit(
    capture: CaptureId,
    what: &str,
    when: (CaptureTime, CaptureTime),
    notes: &mut Notes,
    losses: &mut Vec<Loss>,
) {
    let detail = format!("{what} of this capture beyond the cap were dropped");
    notes.add(Note {
        capture,
        offset: None,
        record: None,
        kind: NoteKind::Limit,
        detail: detail.clone(),
    });
    losses.push(Loss {
        when: Some(when),
        kind: LossKind::Limit,
        file: capture.file,
        bytes: 0,
        detail,
    });
}
