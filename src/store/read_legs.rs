//! Legs out of the tables that `write_legs` filled.

use super::read::{bytes, endpoint, moment, record, rows, seen, wrong};
use crate::base::{CaptureTime, Endpoint, SensorId};
use crate::call::outline::{Failure, HangUp, Moment};
use crate::call::transactions::{Dialog, Refer};
use crate::call::{LegOutline, OutlineBuilder, OutlineParts, Outlines};
use crate::leg::{Identifier, IdentifierKind, IdentifierSet, Sighting};
use rusqlite::{Connection, Row};
use std::collections::BTreeMap;

/// Names of the sensors by number, and the legs by number. Legs stand by sensor, so that sensors get
/// the order that they had, without those that saw no leg.
pub(super) fn legs(connection: &Connection) -> rusqlite::Result<(Vec<String>, Outlines)> {
    let mut sensors: Vec<String> = Vec::new();
    let mut number_of: BTreeMap<String, u16> = BTreeMap::new();
    let sql = "SELECT sensor, call_id, last_ns, has_invite, caller, called, request_user, source, \
        destination, started_ns, started_record, answered_ns, answered_record, cancelled_ns, \
        cancelled_record, failed_status, failed_ns, failed_record, hung_up_ns, hung_up_record, \
        hung_up_by_caller FROM legs ORDER BY id";
    let mut legs = rows(connection, sql, |row| {
        let name: String = row.get(0)?;
        let next = u16::try_from(sensors.len()).unwrap_or(u16::MAX);
        let number = *number_of.entry(name).or_insert_with_key(|name| {
            sensors.push(name.clone());
            next
        });
        leg(row, SensorId(number))
    })?;
    let sql = "SELECT leg, tag, other_tag, confirmed_ns FROM dialogs ORDER BY leg, tag, other_tag";
    for (place, dialog) in rows(connection, sql, dialog)? {
        of(&mut legs, place)?.dialogs.push(dialog);
    }
    let sql = "SELECT leg, cseq, sent_ns, sent_record, by_caller, sender, receiver, target, replaces, \
        target_dialog, referred_by, status, status_ns, status_record, notified_status, notified_ns, \
        notified_record FROM refers ORDER BY leg, number";
    for (place, refer) in rows(connection, sql, refer)? {
        of(&mut legs, place)?.refers.push(refer);
    }
    let sql = "SELECT leg, kind, value, said_by, cseq, first_ns, last_ns, record FROM identifiers";
    for said in rows(connection, sql, said)? {
        let Said { kind, ref value, said_by, cseq, sighting, .. } = said;
        let identifier = Identifier { kind, value, said_by, cseq };
        of(&mut legs, said.leg)?.identifiers.add(identifier, sighting);
    }
    let mut outlines = OutlineBuilder::default();
    legs.iter().for_each(|leg| outlines.push(&leg.parts()));
    Ok((sensors, Outlines::new(outlines.finish())))
}

/// A dialog with its tags.
struct StoredDialog {
    tags: (Vec<u8>, Vec<u8>),
    confirmed: Option<CaptureTime>,
}

impl StoredDialog {
    fn view(&self) -> Dialog<'_> {
        Dialog { tags: (&self.tags.0, &self.tags.1), confirmed: self.confirmed }
    }
}

/// A REFER request; without its strings, which are target, Replaces, Target-Dialog and Referred-By.
struct StoredRefer {
    refer: Refer<'static>,
    texts: [Option<Vec<u8>>; 4],
}

impl StoredRefer {
    fn view(&self) -> Refer<'_> {
        let [target, replaces, target_dialog, referred_by] =
            self.texts.each_ref().map(Option::as_deref);
        Refer { target, replaces, target_dialog, referred_by, ..self.refer }
    }
}

/// A leg as it is read: its outline without strings, and the strings, which are Call-ID, calling and
/// called number and user of the Request-URI.
struct StoredLeg {
    head: LegOutline<'static>,
    texts: [Vec<u8>; 4],
    dialogs: Vec<StoredDialog>,
    refers: Vec<StoredRefer>,
    identifiers: IdentifierSet,
}

impl StoredLeg {
    fn parts(&self) -> OutlineParts<'_> {
        let [call_id, caller, called, request_user] = &self.texts;
        let head = LegOutline { call_id, caller, called, request_user, ..self.head };
        let mut dialogs: Vec<Dialog<'_>> = self.dialogs.iter().map(StoredDialog::view).collect();
        // By bytes, as they were: a column of text sorts escaped ones elsewhere.
        dialogs.sort_by_key(|dialog| dialog.tags);
        let refers = self.refers.iter().map(StoredRefer::view).collect();
        OutlineParts { head, dialogs, refers, identifiers: &self.identifiers }
    }
}

fn of(legs: &mut [StoredLeg], place: u32) -> rusqlite::Result<&mut StoredLeg> {
    legs.get_mut(place as usize).ok_or_else(|| wrong(0, "no such leg"))
}

fn leg(row: &Row<'_>, sensor: SensorId) -> rusqlite::Result<StoredLeg> {
    let failed = match seen(row, 16)? {
        Some(seen) => Some(Failure { status: row.get(15)?, seen }),
        None => None,
    };
    let hung_up = match seen(row, 18)? {
        Some(seen) => Some(HangUp { seen, by_caller: row.get(20)? }),
        None => None,
    };
    let head = LegOutline {
        sensor,
        started: required(row, 9)?,
        ended: moment(row, 2)?.unwrap_or_default(),
        has_invite: row.get(3)?,
        answered: seen(row, 11)?,
        cancelled: seen(row, 13)?,
        failed,
        hung_up,
        source: endpoint(row, 7)?,
        destination: endpoint(row, 8)?,
        ..LegOutline::EMPTY
    };
    Ok(StoredLeg {
        head,
        texts: [bytes(row, 1)?, bytes(row, 4)?, bytes(row, 5)?, bytes(row, 6)?],
        dialogs: Vec::new(),
        refers: Vec::new(),
        identifiers: IdentifierSet::default(),
    })
}

fn required(row: &Row<'_>, at: usize) -> rusqlite::Result<Moment> {
    seen(row, at)?.ok_or_else(|| wrong(at, "a moment is missing"))
}

fn dialog(row: &Row<'_>) -> rusqlite::Result<(u32, StoredDialog)> {
    let tags = (bytes(row, 1)?, bytes(row, 2)?);
    Ok((row.get(0)?, StoredDialog { tags, confirmed: moment(row, 3)? }))
}

fn refer(row: &Row<'_>) -> rusqlite::Result<(u32, StoredRefer)> {
    let text = |at: usize| -> rusqlite::Result<Option<Vec<u8>>> {
        let is_null = row.get_ref(at)?.as_str_or_null()?.is_none();
        if is_null { Ok(None) } else { Ok(Some(bytes(row, at)?)) }
    };
    let told = |at: usize| -> rusqlite::Result<Option<(u16, Moment)>> {
        let Some(seen) = seen(row, at + 1)? else { return Ok(None) };
        Ok(Some((row.get(at)?, seen)))
    };
    let refer = Refer {
        cseq: row.get(1)?,
        sent: required(row, 2)?,
        by_caller: row.get(4)?,
        sender: endpoint(row, 5)?,
        receiver: endpoint(row, 6)?,
        target: None,
        replaces: None,
        target_dialog: None,
        referred_by: None,
        response: told(11)?,
        notified: told(14)?,
    };
    let texts = [text(7)?, text(8)?, text(9)?, text(10)?];
    Ok((row.get(0)?, StoredRefer { refer, texts }))
}

/// An identifier of a leg.
struct Said {
    leg: u32,
    kind: IdentifierKind,
    value: Vec<u8>,
    said_by: Endpoint,
    cseq: u32,
    sighting: Sighting,
}

fn said(row: &Row<'_>) -> rusqlite::Result<Said> {
    let name = row.get_ref(1)?.as_str()?;
    let time = |at: usize| row.get(at).map(CaptureTime::from_ns);
    Ok(Said {
        leg: row.get(0)?,
        kind: IdentifierKind::from_name(name).ok_or_else(|| wrong(1, "not a kind"))?,
        value: bytes(row, 2)?,
        said_by: endpoint(row, 3)?,
        cseq: row.get(4)?,
        sighting: Sighting { first: time(5)?, last: time(6)?, record: record(row, 7)? },
    })
}
