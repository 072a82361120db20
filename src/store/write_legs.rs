//! Legs into tables: what the rules read of them, so that calls can be explained from the database.

use super::database::{Database, StoreError};
use super::rows::LegRow;
use super::text::escaped_text;
use super::write::{integer, ns, record_text, sorted_by_key};
use crate::call::outline::Moment;
use crate::call::transactions::{Dialog, Refer};
use crate::leg::{Identifier, Sighting};
use rusqlite::{Statement, params};

fn moment_ns(moment: Option<Moment>) -> Option<i64> {
    ns(moment.map(|moment| moment.time))
}

fn moment_record(moment: Option<Moment>) -> Option<String> {
    record_text(moment.map(|moment| moment.record))
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
        self.insert("dialogs", 4, dialogs, |statement, (leg, dialog)| {
            let (low, high) = dialog.tags;
            let (low, high) = (escaped_text(low), escaped_text(high));
            statement.execute(params![leg, low, high, ns(dialog.confirmed)])
        })?;
        let refers = sorted.iter().flat_map(|leg| {
            (1u32..).zip(&leg.outline.refers).map(|(number, refer)| (leg.id, number, refer))
        });
        self.insert("refers", 18, refers, write_refer)?;
        let identifiers = sorted.iter().flat_map(|leg| {
            let identifiers = leg.outline.identifiers.iter();
            identifiers.map(|(identifier, sighting)| (leg.id, identifier, sighting))
        });
        self.insert("identifiers", 8, identifiers, write_identifier)
    }
}

fn write_leg(statement: &mut Statement<'_>, leg: &&LegRow<'_>) -> rusqlite::Result<usize> {
    let outline = &leg.outline.head;
    let failed = outline.failed.map(|failure| failure.seen);
    let hung_up = outline.hung_up.map(|hang_up| hang_up.seen);
    statement.execute(params![
        leg.id,
        leg.sensor,
        escaped_text(outline.call_id),
        ns(leg.seen.map(|seen| seen.0)),
        ns(leg.seen.map(|seen| seen.1)),
        integer(leg.messages),
        leg.has_media,
        leg.vendor_blind,
        outline.has_invite,
        escaped_text(outline.caller),
        escaped_text(outline.called),
        escaped_text(outline.request_user),
        outline.source.to_string(),
        outline.destination.to_string(),
        outline.started.time.ns(),
        record_text(Some(outline.started.record)),
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
    ])
}

fn write_refer(
    statement: &mut Statement<'_>,
    (leg, number, refer): (u32, u32, &Refer<'_>),
) -> rusqlite::Result<usize> {
    let text = |value: Option<&[u8]>| value.map(|value| escaped_text(value).into_owned());
    let response = refer.response.map(|(_, moment)| moment);
    let notified = refer.notified.map(|(_, moment)| moment);
    statement.execute(params![
        leg,
        number,
        refer.cseq,
        refer.sent.time.ns(),
        record_text(Some(refer.sent.record)),
        refer.by_caller,
        refer.sender.to_string(),
        refer.receiver.to_string(),
        text(refer.target),
        text(refer.replaces),
        text(refer.target_dialog),
        text(refer.referred_by),
        refer.response.map(|(status, _)| status),
        moment_ns(response),
        moment_record(response),
        refer.notified.map(|(status, _)| status),
        moment_ns(notified),
        moment_record(notified),
    ])
}

fn write_identifier(
    statement: &mut Statement<'_>,
    (leg, identifier, sighting): (u32, Identifier<'_>, Sighting),
) -> rusqlite::Result<usize> {
    statement.execute(params![
        leg,
        identifier.kind.name(),
        escaped_text(identifier.value),
        identifier.said_by.to_string(),
        identifier.cseq,
        sighting.first.ns(),
        sighting.last.ns(),
        record_text(Some(sighting.record)),
    ])
}
