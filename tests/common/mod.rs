//! What the integration tests share.

use std::path::{Path, PathBuf};

#[allow(clippy::print_stdout, reason = "a test says what it could not compare")]
/// A folder of the shared corpora; absent, and said so, where they are not on this machine.
pub(crate) fn corpora(folder: &str) -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpora");
    let root = std::env::var_os("RESPOOL_CORPORA").map_or(beside, PathBuf::from);
    let path = root.join(folder);
    if path.is_dir() {
        return Some(path);
    }
    println!("no shared corpora here: {folder} was not compared");
    None
}
