//! What reading one file gave, as bytes that another run can take up.
//!
//! Legs come as bytes of their own and are handed back as they came. Everything else is written field by
//! field. The numbers of the file and of its sensor can be others in the next run; they are put in when
//! the bytes are read. Bytes that were not written here give an error or some value, never a panic.

use crate::base::limits::{LEDGER_NAME_BYTES_MAX, LEDGER_NAMES_MAX};
use crate::base::{FileId, Ledger, Loss, Notes, SensorId};
use crate::leg::Registrations;
use crate::leg::media_flow::{FlowKey, FlowTable};
use crate::packet::Residues;
use crate::run::gather::{FileSummary, Gathering};
use crate::run::heard::SipHours;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use thiserror::Error;

/// What was gathered from one file, apart from its legs.
#[derive(Debug, Default)]
pub(in crate::run) struct GatheredParts {
    /// Its media flows.
    pub(in crate::run) flows: FlowTable,
    /// What waits for other captures.
    pub(in crate::run) residues: Residues,
    /// What went in and where it went.
    pub(in crate::run) ledger: Ledger,
    /// Anomalies.
    pub(in crate::run) notes: Notes,
    /// What could not be read.
    pub(in crate::run) losses: Vec<Loss>,
    /// Losses that reach to a moment that only the whole run knows.
    pub(in crate::run) open_losses: Vec<Loss>,
    /// Who was registered.
    pub(in crate::run) registrations: Registrations,
    /// When SIP was captured.
    pub(in crate::run) heard: SipHours,
    /// Counts, span and order of the file.
    pub(in crate::run) summary: FileSummary,
}

/// Why bytes are not what was gathered.
#[derive(Debug, Error)]
pub(in crate::run) enum PartsError {
    /// They end too soon, or go on where they should end.
    #[error("the length is wrong")]
    Length,
    /// A value is none of its type.
    #[error(transparent)]
    Value(#[from] postcard::Error),
    /// More names of counters than the program has.
    #[error("too many counters")]
    Names,
}

/// The same as it is written.
#[derive(Serialize)]
struct Writing<'s> {
    flows: &'s FlowTable,
    residues: &'s Residues,
    ledger: Vec<(&'s str, u64)>,
    notes: &'s Notes,
    losses: &'s [Loss],
    open_losses: &'s [Loss],
    registrations: &'s Registrations,
    heard: &'s SipHours,
    summary: &'s FileSummary,
}

/// The same as it is read, field by field in the same order.
#[derive(Deserialize)]
struct Reading<'s> {
    flows: FlowTable,
    residues: Residues,
    #[serde(borrow)]
    ledger: Vec<(&'s str, u64)>,
    notes: Notes,
    losses: Vec<Loss>,
    open_losses: Vec<Loss>,
    registrations: Registrations,
    heard: SipHours,
    summary: FileSummary,
}

impl GatheredParts {
    /// Of a gathering of one file alone, whose legs and flows were taken out
    /// ([`Gathering::take_legs`]).
    pub(in crate::run) fn new(gathering: Gathering, flows: FlowTable) -> Self {
        Self {
            flows,
            residues: gathering.residues,
            ledger: gathering.ledger,
            notes: gathering.notes,
            losses: gathering.losses,
            open_losses: gathering.open_losses,
            registrations: gathering.registrations,
            heard: gathering.listener.into_heard().into_only(),
            summary: gathering.files.into_values().next().unwrap_or_default(),
        }
    }

    /// Adds all of it to what a worker gathered.
    pub(in crate::run) fn add_to(self, gathering: &mut Gathering, file: FileId, sensor: SensorId) {
        gathering.flows.add_table(self.flows);
        gathering.residues.join(self.residues);
        gathering.ledger += self.ledger;
        gathering.notes.join(self.notes);
        gathering.losses.extend(self.losses);
        gathering.open_losses.extend(self.open_losses);
        gathering.registrations.join(self.registrations);
        gathering.listener.add(sensor, self.heard);
        gathering.add_summary(file, sensor, self.summary);
    }

    /// Bytes of the parts and of the legs.
    ///
    /// # Errors
    ///
    /// When a value cannot be written, which no value here does.
    pub(in crate::run) fn encode(&self, legs: &[u8]) -> Result<Vec<u8>, PartsError> {
        let writing = Writing {
            flows: &self.flows,
            residues: &self.residues,
            ledger: self.ledger.iter().collect(),
            notes: &self.notes,
            losses: &self.losses,
            open_losses: &self.open_losses,
            registrations: &self.registrations,
            heard: &self.heard,
            summary: &self.summary,
        };
        let mut bytes = postcard::to_extend(&writing, vec![0; LENGTH_BYTES])?;
        let length = (bytes.len() - LENGTH_BYTES) as u64;
        bytes[..LENGTH_BYTES].copy_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(legs);
        Ok(bytes)
    }

    /// What [`Self::encode`] wrote, of the file and sensor that have these numbers now; and the legs.
    ///
    /// # Errors
    ///
    /// When the bytes are not what was written.
    pub(in crate::run) fn decode(
        bytes: &[u8],
        file: FileId,
        sensor: SensorId,
    ) -> Result<(Self, &[u8]), PartsError> {
        let (length, rest) = bytes.split_first_chunk::<LENGTH_BYTES>().ok_or(PartsError::Length)?;
        let length =
            usize::try_from(u64::from_le_bytes(*length)).map_err(|_| PartsError::Length)?;
        let (parts, legs) = rest.split_at_checked(length).ok_or(PartsError::Length)?;
        let (reading, behind) = postcard::take_from_bytes::<Reading<'_>>(parts)?;
        if !behind.is_empty() {
            return Err(PartsError::Length);
        }
        let key = |key: FlowKey| FlowKey { sensor, ..key };
        let FlowTable { flows, beyond } = reading.flows;
        let parts = Self {
            flows: FlowTable {
                flows: flows.into_iter().map(|(flow, activity)| (key(flow), activity)).collect(),
                beyond: beyond.map(key),
            },
            residues: reading.residues.restored(sensor, file),
            ledger: ledger(reading.ledger)?,
            notes: reading.notes.in_file(file),
            losses: in_file(reading.losses, file),
            open_losses: in_file(reading.open_losses, file),
            registrations: reading.registrations,
            heard: reading.heard,
            summary: reading.summary,
        };
        Ok((parts, legs))
    }
}

const LENGTH_BYTES: usize = 8;

fn in_file(mut losses: Vec<Loss>, file: FileId) -> Vec<Loss> {
    losses.iter_mut().for_each(|loss| loss.file = file);
    losses
}

/// Names of counters that were read, each once for the life of the program: a ledger takes names that
/// live so long.
static NAMES: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());

pub(super) fn ledger(counters: Vec<(&str, u64)>) -> Result<Ledger, PartsError> {
    let mut ledger = Ledger::default();
    // Nothing below panics while the names are locked.
    let mut names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
    for (name, amount) in counters {
        let known = match names.get(name) {
            Some(known) => *known,
            None if names.len() >= LEDGER_NAMES_MAX || name.len() > LEDGER_NAME_BYTES_MAX => {
                return Err(PartsError::Names);
            }
            None => {
                let known: &'static str = Box::leak(name.into());
                names.insert(known);
                known
            }
        };
        ledger.add(known, amount);
    }
    Ok(ledger)
}

#[cfg(test)]
#[path = "parts_tests.rs"]
mod tests;
