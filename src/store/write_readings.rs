//! Rows of the verdicts under all readings.

use super::cells::bind;
use super::database::{Database, StoreError};
use super::rows::ReadingVerdictRow;
use super::write::{integer, sorted_by_key};

impl Database {
    /// Writes the verdicts of scenarios under every reading.
    ///
    /// # Errors
    ///
    /// When SQLite cannot write.
    pub fn write_reading_verdicts(
        &self,
        verdicts: &[ReadingVerdictRow<'_>],
    ) -> Result<(), StoreError> {
        let sorted = sorted_by_key(verdicts, |row| (row.scenario, row.reading));
        self.insert("reading_verdicts", 8, sorted, |cells, row| {
            let [read, least, most] = row.run_days.map(|days| days as u64).map(integer);
            bind!(cells;
                row.scenario,
                row.reading,
                row.verdict,
                read,
                least,
                most,
                row.decisive_millichannels.map(integer),
                row.margin_millichannels,
            )
        })
    }
}
