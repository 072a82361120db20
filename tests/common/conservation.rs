//! The conservation laws of the ledger: what went in was used or is explained.

use respool::base::Ledger;
use respool::packet::{KEPT_COUNTERS, OUTCOME_COUNTERS};
use respool::run::Reconstruction;

/// Every law that does not hold, as text.
pub(crate) fn violations(found: &Reconstruction) -> Vec<String> {
    let ledger = &found.ledger;
    let sum = |names: &[&str]| names.iter().map(|name| ledger.value(name)).sum::<u64>();
    let by_file: u64 = found.files.values().map(|file| file.records).sum();
    let laws = [
        ("records that dissectors saw", sum(&["capture.records"]), sum(&["packet.records"])),
        ("one outcome for each record", sum(&["packet.records"]), sum(&OUTCOME_COUNTERS)),
        ("records by file", sum(&["capture.records"]), by_file),
        (
            "payloads are SIP, media or neither",
            sum(&["packet.datagrams", "sip.framed"]),
            sum(&["sip.messages", "payload.media", "payload.other"]),
        ),
        (
            "messages are in a leg or say why not",
            sum(&["sip.messages"]),
            sum(&[
                "sip.observed",
                "sip.excluded_by_conf",
                "sip.without_call_id",
                "sip.call_id_too_long",
            ]),
        ),
        (
            "listed files",
            found.listing.files.len() as u64,
            sum(&["file.read", "file.unreadable", "file.skipped"]),
        ),
        ("captures that were opened", opened(ledger), sum(&["capture.read", "capture.none"])),
    ];
    let kept = KEPT_COUNTERS.map(|(kept, ends)| (kept, sum(&[kept]), sum(ends)));
    let broken = laws.iter().chain(&kept).filter(|(_, left, right)| left != right);
    broken.map(|(law, left, right)| format!("{law}: {left} is not {right}")).collect()
}

/// Streams that came out of containers.
fn opened(ledger: &Ledger) -> u64 {
    ledger.value("capture.opened")
}
