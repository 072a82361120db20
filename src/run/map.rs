//! Stub until the edges land.
use crate::spool::SpoolFile;
pub(super) struct FileBytes;
impl FileBytes {
    pub(super) fn open(file: &SpoolFile) -> std::io::Result<Vec<u8>> {
        std::fs::read(&file.path)
    }
}
