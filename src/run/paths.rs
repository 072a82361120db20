//! Paths as the user gave them: the walk works on canonical ones, output names them as they were typed.

use std::path::{Path, PathBuf};

/// The paths that the user gave, each with its canonical form.
#[derive(Clone, Debug, Default)]
pub struct TypedPaths {
    roots: Vec<(PathBuf, PathBuf)>,
}

impl TypedPaths {
    /// Looks up the canonical forms; a path that has none stands for itself.
    #[must_use]
    pub fn new(typed: &[PathBuf]) -> Self {
        let canonical = |path: &PathBuf| path.canonicalize().unwrap_or_else(|_| path.clone());
        Self { roots: typed.iter().map(|path| (canonical(path), path.clone())).collect() }
    }

    /// A file below one of the paths, as that path was typed; any other as it is. Of several paths
    /// that hold it the longest counts, so that the order of the arguments does not.
    #[must_use]
    pub fn shown(&self, path: &Path) -> PathBuf {
        let holds = |root: &&(PathBuf, PathBuf)| path.starts_with(&root.0);
        let longest = self.roots.iter().filter(holds).max_by_key(|(canonical, typed)| {
            (canonical.components().count(), std::cmp::Reverse(typed))
        });
        let Some((canonical, typed)) = longest else { return path.to_owned() };
        match path.strip_prefix(canonical) {
            Ok(rest) if !rest.as_os_str().is_empty() => typed.join(rest),
            _ => typed.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_shown_below_what_was_typed() {
        let folder = tempfile::TempDir::new().unwrap();
        let inner = folder.path().canonicalize().unwrap().join("spool");
        std::fs::create_dir(&inner).unwrap();
        let typed = folder.path().join("./spool/../spool");
        let paths = TypedPaths::new(&[folder.path().to_owned(), typed.clone()]);
        assert_eq!(paths.shown(&inner.join("a/b.pcap")), typed.join("a/b.pcap"));
        assert_eq!(paths.shown(&inner), typed);
        assert_eq!(paths.shown(Path::new("elsewhere.pcap")), Path::new("elsewhere.pcap"));
    }
}
