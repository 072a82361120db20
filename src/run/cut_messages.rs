//! SIP whose record the snaplen cut before it said which call it is of: by file, so that a capture of
//! nothing else is one loss.

use super::gather::TimeSpan;
use crate::base::{CaptureTime, FileId, Loss, LossKind};
use std::collections::BTreeMap;

const DETAIL: &str = "SIP messages end before their call is told (snaplen)";
/// The shortest start line that tells SIP from other text is longer.
const TELLING_BYTES: usize = 24;

/// What was cut, by file.
#[derive(Debug, Default)]
pub(super) struct CutMessages {
    files: BTreeMap<FileId, TimeSpan>,
}

impl CutMessages {
    /// A message of a file was cut.
    pub(super) fn add(&mut self, file: FileId, time: CaptureTime) {
        self.files.entry(file).or_insert(TimeSpan::at(time)).join(TimeSpan::at(time));
    }

    /// The losses, one a file.
    pub(super) fn take_losses(&mut self) -> impl Iterator<Item = Loss> + use<> {
        std::mem::take(&mut self.files).into_iter().map(|(file, span)| Loss {
            when: Some((span.first, span.last)),
            kind: LossKind::CutTail,
            file,
            bytes: 0,
            detail: DETAIL.to_owned(),
        })
    }
}

/// Whether what is left of a payload that was cut can be the beginning of a SIP message: it is text, and
/// too short to be told from other text.
pub(super) fn may_be_sip(payload: &[u8]) -> bool {
    let is_text = |byte: &u8| matches!(byte, b' '..=b'~' | b'\r' | b'\n' | b'\t');
    payload.len() < TELLING_BYTES && payload.iter().all(is_text)
}

/// Losses of cut messages that several workers found in one file, as one.
pub(super) fn join_cut_messages(losses: &mut Vec<Loss>) {
    let mut all = CutMessages::default();
    losses.retain(|loss| {
        let Some((first, last)) = loss.when.filter(|_| loss.detail == DETAIL) else { return true };
        all.add(loss.file, first);
        all.add(loss.file, last);
        false
    });
    losses.extend(all.take_losses());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_loss_a_file() {
        let mut losses = Vec::new();
        for worker in [&[(1, 5), (2, 7), (1, 3)][..], &[(1, 9)]] {
            let mut cut = CutMessages::default();
            for (file, time) in worker {
                cut.add(FileId(*file), CaptureTime::from_ns(*time));
            }
            losses.extend(cut.take_losses());
        }
        join_cut_messages(&mut losses);
        let found: Vec<_> = losses
            .iter()
            .map(|loss| (loss.file.0, loss.when.map(|(first, last)| (first.ns(), last.ns()))))
            .collect();
        assert_eq!(found, [(1, Some((3, 9))), (2, Some((7, 7)))]);
    }

    #[test]
    fn what_may_be_sip() {
        for (payload, expect) in [
            (&b"INVITE s"[..], true),
            (b"SIP/2.", true),
            (b"\x80\x00\x12", false),
            (b"", true),
            (b"some other text, longer than that", false),
        ] {
            assert_eq!(may_be_sip(payload), expect, "{}", payload.escape_ascii());
        }
    }
}
