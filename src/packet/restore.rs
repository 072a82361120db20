//! What captures of one file left, read back in another run: the same, with the file's present number.

use super::bound::{Dropped, Horizon};
use super::residue::{Residue, Residues};
use crate::base::{FileId, RecordRef, SensorId};

impl Residues {
    /// What was left by one file of one sensor, with the numbers that these have now.
    #[must_use]
    pub fn restored(self, sensor: SensorId, file: FileId) -> Self {
        let mut restored = Self::default();
        for residue in self.by_sensor.into_values() {
            restored.add(sensor, residue.restored(file));
        }
        restored
    }
}

impl Residue {
    fn restored(mut self, file: FileId) -> Self {
        let fragments = self.fragments.values_mut().flatten();
        fragments.for_each(|fragment| rename(&mut fragment.record, file));
        self.sctp.values_mut().flatten().for_each(|part| rename(&mut part.record, file));
        for flow in self.flows.values_mut() {
            flow.segments.iter_mut().for_each(|segment| rename(&mut segment.record, file));
            rename_dropped(&mut flow.dropped, file);
            flow.measure();
        }
        let Self { fragments_horizon, segments_horizon, sctp_horizon, .. } = &mut self;
        for Horizon { dropped, .. } in [fragments_horizon, segments_horizon, sctp_horizon] {
            rename_dropped(dropped, file);
        }
        rename_dropped(&mut self.forgotten, file);
        self.measure();
        self
    }
}

const fn rename(record: &mut RecordRef, file: FileId) {
    record.capture.file = file;
}

fn rename_dropped(dropped: &mut Option<Dropped>, file: FileId) {
    if let Some(dropped) = dropped {
        dropped.file = file;
        rename(&mut dropped.record, file);
    }
}
