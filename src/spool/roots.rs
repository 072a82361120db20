//! The roots of a walk: paths as given in, canonical and none inside another out.

use super::walk::SpoolError;
use std::fs;
use std::path::{Path, PathBuf};

/// Where walks start, sorted. Empty and repeated roots, and roots inside roots, make no difference.
#[derive(Debug, Default)]
pub(super) struct Roots {
    pub(super) paths: Vec<PathBuf>,
    /// Whether `-` was among them.
    pub(super) standard_input: bool,
}

impl Roots {
    pub(super) fn new(given: &[PathBuf]) -> Result<Self, SpoolError> {
        let mut roots = Self::default();
        for path in given {
            if path == Path::new("-") {
                roots.standard_input = true;
            } else {
                roots.paths.push(canonical(path)?);
            }
        }
        // Sorted by components, a path comes right after the paths that it lies in.
        roots.paths.sort();
        roots.paths.dedup_by(|inner, outer| inner.starts_with(outer));
        Ok(roots)
    }
}

/// The canonical form of a path that the user gave.
pub(super) fn canonical(path: &Path) -> Result<PathBuf, SpoolError> {
    let failed = |source| SpoolError::Root { path: path.to_owned(), source };
    fs::canonicalize(path).map_err(failed)
}
