//! Legs into tables: what the rules read of them, so that calls can be explained from the database.

use super::cells::{Cells, OrNull, Text, bind};
use super::database::{Database, StoreError};
use super::rows::LegRow;
use super::write::{integer, sorted_by_key};
use crate::base::{CaptureTime, RecordRef};
use crate::call::outline::Moment;
use crate::call::transactions::{Dialog, Refer};
use crate::leg::{Identifier, Sighting};

fn moment_ns(moment: Option<Moment>) -> OrNull<CaptureTime> {
    OrNull(moment.map(|moment| moment.time))
}

fn moment_record(moment: Option<Moment>) -> OrNull<RecordRef> {
    OrNull(moment.map(|moment| moment.record))
}

impl Database {
    /// Writes legs with their dialogs, REFER requests and identifiers.
    ///
    /// # Errors
    ///
    /// When SQLite cannot write.
    pub fn write_legs(&self, legs: &[LegRow<'_>]) -> Result<(), StoreError> {
        let sorted = sorted_by_key(legs, |leg| leg.id);
        self.insert("legs", 26, &sorted, write_leg)?;
        let dialogs = sorted.iter().flat_map(|leg| {
            let mut dialogs: Vec<Dialog<'_>> = leg.outline.dialogs.clone();
            dialogs.sort_by_key(|dialog| dialog.tags);
            dialogs.into_iter().map(|dialog| (leg.id, dialog))
        });
        self.insert("dialogs", 4, dialogs, |cells, (leg, dialog)| {
            let (low, high) = dialog.tags;
            bind!(cells; leg, Text(low), Text(high), OrNull(dialog.confirmed))
        })?;
        let refers = sorted.iter().flat_map(|leg| {
            (1u32..).zip(&leg.outline.refers).map(|(number, refer)| (leg.id, number, refer))
        });
        self.insert("refers", 18, refers, write_refer)?;
        let identifiers = sorted.iter().flat_map(|leg| {
            let mut identifiers: Vec<_> = leg.outline.identifiers.iter().collect();
            // In the order of the table's key.
            identifiers.sort_by_key(|(identifier, _)| identifier.kind.name());
            identifiers.into_iter().map(|(identifier, sighting)| (leg.id, identifier, sighting))
        });
        self.insert("identifiers", 8, identifiers, write_identifier)
    }
}

fn write_leg(cells: &mut Cells<'_, '_>, leg: &&LegRow<'_>) -> rusqlite::Result<()> {
    let outline = &leg.outline.head;
    let failed = outline.failed.map(|failure| failure.seen);
    let hung_up = outline.hung_up.map(|hang_up| hang_up.seen);
    bind!(cells;
        leg.id,
        leg.sensor,
        Text(outline.call_id),
        OrNull(leg.seen.map(|seen| seen.0)),
        OrNull(leg.seen.map(|seen| seen.1)),
        integer(leg.messages),
        leg.has_media,
        leg.vendor_blind,
        outline.has_invite,
        Text(outline.caller),
        Text(outline.called),
        Text(outline.request_user),
        outline.source,
        outline.destination,
        outline.started.time,
        outline.started.record,
        moment_ns(outline.answered),
        moment_record(outline.answered),
        moment_ns(outline.cancelled),
        moment_record(outline.cancelled),
        outline.failed.map(|failure| failure.status),
        moment_ns(failed),
        moment_record(failed),
        moment_ns(hung_up),
        moment_record(hung_up),
        outline.hung_up.map(|hang_up| hang_up.by_caller),
    )
}

fn write_refer(
    cells: &mut Cells<'_, '_>,
    (leg, number, refer): (u32, u32, &Refer<'_>),
) -> rusqlite::Result<()> {
    let response = refer.response.map(|(_, moment)| moment);
    let notified = refer.notified.map(|(_, moment)| moment);
    bind!(cells;
        leg,
        number,
        refer.cseq,
        refer.sent.time,
        refer.sent.record,
        refer.by_caller,
        refer.sender,
        refer.receiver,
        OrNull(refer.target.map(Text)),
        OrNull(refer.replaces.map(Text)),
        OrNull(refer.target_dialog.map(Text)),
        OrNull(refer.referred_by.map(Text)),
        refer.response.map(|(status, _)| status),
        moment_ns(response),
        moment_record(response),
        refer.notified.map(|(status, _)| status),
        moment_ns(notified),
        moment_record(notified),
    )
}

fn write_identifier(
    cells: &mut Cells<'_, '_>,
    (leg, identifier, sighting): (u32, Identifier<'_>, Sighting),
) -> rusqlite::Result<()> {
    bind!(cells;
        leg,
        identifier.kind.name(),
        Text(identifier.value),
        identifier.said_by,
        identifier.cseq,
        sighting.first,
        sighting.last,
        sighting.record,
    )
}
