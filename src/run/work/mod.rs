//! The work directory (`--work DIR`): what each capture file gave, kept from one run to the next.
//!
//! In: the key of a file ([`FileKey`]: path, inode, size, times, digest of head and tail) and the bytes
//! that reading it gave. Out: the same bytes in a later run, when nothing of the key changed. Entries lie
//! one behind the other in segment files, one for each worker, which only grow; the index is made at
//! the start by walking their headers. A run that is killed leaves at most one torn entry at the end of
//! each segment, which the next run overwrites.
//!
//! A worker makes the key of a file before it reads it and asks [`WorkDirectory::get`]. What is there goes
//! through [`GatheredParts::decode`] and `add_to` into its gathering. Else the file is read into a gathering
//! of its own, of which [`GatheredParts::encode`] makes the bytes to [`WorkDirectory::put`], unless the file
//! could not be read or changed meanwhile. [`WorkDirectory::finish`] ends it when all files are read.
//!
//! Beside the segments lie the answers of whole runs ([`Answers`]): the report of `check`, by the digest of
//! all that it depends on.
//!
//! Nothing here can stop a run or change its result: what cannot be read or written is told, and the
//! file is read anew.

mod answers;
mod compact;
mod directory;
mod entry;
mod key;
mod parts;
mod report_bytes;
mod segment;

pub(super) use answers::{Answers, Kept};
pub(super) use directory::{Opened, WorkDirectory};
pub(super) use key::{FileKey, FileState, options_digest};
pub(super) use parts::GatheredParts;
pub(super) use report_bytes::{KnownBefore, decode as decode_report, encode as encode_report};
