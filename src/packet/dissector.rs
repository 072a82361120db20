//! One capture: records in, datagrams out at once, the rest as a residue.

use super::counters::{Counters, Outcome};
use super::fast;
use super::frame::Frame;
use super::walk::{Held, Walk};
use super::{Datagram, Residue};
use crate::base::limits::HELD_BYTES_MAX;
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
    /// What was held before and grew too large to stay apart.
    residue: Residue,
    cut: Option<Unseen>,
    too_deep: Option<Unseen>,
}

/// Records whose payload was not reached: it may have been SIP.
#[derive(Clone, Copy, Debug)]
struct Unseen {
    /// Number and offset of the first one.
    place: (u32, u64),
    first: CaptureTime,
    last: CaptureTime,
    bytes: u64,
}

impl Unseen {
    fn add(unseen: &mut Option<Self>, record: &Record<'_>, bytes: u64) {
        let (first, last) = (record.time, record.time);
        let unseen = unseen.get_or_insert(Self {
            place: (record.index, record.offset),
            first,
            last,
            bytes: 0,
        });
        unseen.first = unseen.first.min(record.time);
        unseen.last = unseen.last.max(record.time);
        unseen.bytes += bytes;
    }
}

/// What one capture gave besides its datagrams.
#[derive(Clone, Debug)]
pub struct Dissected {
    /// What waits for other records, for [`super::reassemble()`].
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
            residue: Residue::default(),
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

    /// Counts the datagrams that [`Self::plain`] gave of this capture elsewhere.
    pub fn count_plain(&mut self, datagrams: u64) {
        self.counters.records += datagrams;
        self.fast_datagrams += datagrams;
    }

    /// The datagram of a record that stands alone: it needs no other record and tells nothing about the
    /// capture, so ranges of one capture can look for them apart. Absent: [`Self::record`] has to take
    /// the record, in the order of the capture.
    #[inline]
    #[must_use]
    pub fn plain<'a>(capture: CaptureId, record: &Record<'a>) -> Option<Datagram<'a>> {
        fast::datagram(capture, record)
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
                Unseen::add(&mut self.cut, record, u64::from(frame.missing));
            }
            Outcome::TooDeep => Unseen::add(&mut self.too_deep, record, u64::from(captured)),
            _ => {}
        }
        if self.held.memory() > HELD_BYTES_MAX {
            self.residue.join(self.held.take_residue());
        }
    }

    /// Begins another capture where nothing is held of the one before: see [`Self::take_plain`].
    pub const fn restart(&mut self, capture: CaptureId) {
        self.capture = capture;
    }

    /// The usual end of a capture: when every record gave a plain datagram, nothing is held or noted.
    /// How many records that were; they are counted here no more. Absent, and nothing changed, for any
    /// other capture, of which [`Self::finish`] tells.
    pub fn take_plain(&mut self) -> Option<u64> {
        let records = self.counters.records;
        if records != self.fast_datagrams {
            return None;
        }
        (self.counters.records, self.fast_datagrams) = (0, 0);
        Some(records)
    }

    /// Nothing more comes.
    #[must_use]
    pub fn finish(mut self) -> Dissected {
        let (mut notes, mut losses) = (Notes::default(), Vec::new());
        self.counters.count_fast(self.fast_datagrams);
        self.counters.pour(&mut self.held.ledger);
        self.held.ledger.add("packet.datagrams", self.fast_datagrams);
        self.unread_links(&mut notes, &mut losses);
        let unseen = [
            (
                self.cut,
                NoteKind::Cut,
                LossKind::CutTail,
                "packets end before their payload (snaplen)",
            ),
            (
                self.too_deep,
                NoteKind::Limit,
                LossKind::Limit,
                "packets have more encapsulations than are taken off",
            ),
        ];
        for (unseen, note, loss, detail) in unseen {
            let Some(unseen) = unseen else { continue };
            let (record, offset) = unseen.place;
            notes.add(Note {
                capture: self.capture,
                offset: Some(offset),
                record: Some(record),
                kind: note,
                detail: format!("{detail}; first one here"),
            });
            losses.push(Loss {
                when: Some((unseen.first, unseen.last)),
                kind: loss,
                file: self.capture.file,
                bytes: unseen.bytes,
                detail: detail.to_owned(),
            });
        }
        if let Some(dropped) = self.held.hep_over_limit {
            let detail = "compressed HEP payloads are longer than what is kept";
            notes.add(Note {
                capture: self.capture,
                offset: None,
                record: Some(dropped.record.index),
                kind: NoteKind::Limit,
                detail: format!("{detail}; first one here"),
            });
            losses.push(Loss {
                when: Some((dropped.first, dropped.last)),
                kind: LossKind::Limit,
                file: self.capture.file,
                bytes: 0,
                detail: detail.to_owned(),
            });
        }
        let mut residue = self.residue;
        residue.join(self.held.take_residue());
        Dissected { residue, ledger: self.held.ledger, notes, losses }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Endpoint;
    use crate::capture::LinkType;
    use proptest::prelude::*;

    type Seen = (Endpoint, Endpoint, Vec<u8>, bool, bool);

    fn seen(datagram: Datagram<'_>) -> Seen {
        let Datagram { source, destination, payload, cut, vendor_blind, .. } = datagram;
        (source, destination, payload.to_vec(), cut, vendor_blind)
    }

    /// A UDP packet behind the header of a link.
    fn packet(link: u16, v6: bool, tags: usize, ports: (u16, u16), payload: &[u8]) -> Vec<u8> {
        let ethertype = if v6 { [0x86, 0xdd] } else { [8, 0] };
        let mut bytes = match link {
            1 => [&[2; 12][..], &[0x81, 0, 0, 7].repeat(tags), &ethertype].concat(),
            113 => [&[0; 14][..], &ethertype].concat(),
            276 => [&ethertype[..], &[0; 18]].concat(),
            0 => vec![if v6 { 28 } else { 2 }, 0, 0, 0],
            _ => Vec::new(),
        };
        let length = u16::try_from(payload.len() + 8).unwrap();
        if v6 {
            bytes.extend([0x60, 0, 0, 0]);
            bytes.extend(length.to_be_bytes());
            bytes.extend([17, 64]);
            bytes.extend([1; 32]);
        } else {
            bytes.extend([0x45, 0]);
            bytes.extend((length + 20).to_be_bytes());
            bytes.extend([0, 1, 0x40, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
        }
        for field in [ports.0, ports.1, length, 0] {
            bytes.extend(field.to_be_bytes());
        }
        bytes.extend(payload);
        bytes
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]

        /// Whatever the fast path delivers, the slow path delivers too, whole or damaged.
        #[test]
        fn the_fast_path_agrees_with_the_slow_one(
            link in prop::sample::select(vec![0u16, 1, 12, 14, 101, 113, 276]),
            v6 in any::<bool>(),
            tags in 0usize..20,
            ports in (prop_oneof![Just(5060u16), Just(4789), any::<u16>()], any::<u16>()),
            payload in prop::collection::vec(any::<u8>(), 0..40),
            flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3),
            cut in prop::option::weighted(0.2, any::<prop::sample::Index>()),
        ) {
            let mut bytes = packet(link, v6, tags, ports, &payload);
            for (place, value) in flips {
                let place = place.index(bytes.len());
                bytes[place] = value;
            }
            if let Some(cut) = cut {
                bytes.truncate(cut.index(bytes.len()));
            }
            let record = Record {
                time: CaptureTime::from_ns(5),
                index: 1,
                offset: 0,
                link: LinkType(link),
                bytes: &bytes,
                original_length: u32::try_from(bytes.len()).unwrap(),
            };
            let mut slow = Vec::new();
            Dissector::new(CaptureId::default())
                .slow(&record, &mut |datagram| slow.push(seen(datagram)));
            if let Some(fast) = fast::datagram(CaptureId::default(), &record) {
                prop_assert_eq!(vec![seen(fast)], slow);
            }
        }
    }
}
