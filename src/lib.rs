//! Reads VoIPmonitor spools and says whether re-computing the CDRs would lift the license lock.
//!
//! # Bird's eye view
//!
//! A VoIPmonitor GUI locks when the concurrent channels that it counts are over its license for too
//! many days in a row. The documented cure is to re-compute the CDRs from the spool of captures, which
//! empties tables first and may not help. This program reads the spool without touching it and answers
//! beforehand. Data flows one way:
//!
//! ```text
//! files > containers > captures > packets > SIP messages > legs > CDRs and calls > channels > verdict
//! ```
//!
//! The idea that makes the rest simple is the *leg*: all SIP of one Call-ID seen by one sensor, kept as
//! a set of facts that joins. Joining is commutative, associative and idempotent, so that
//! retransmissions, packets captured twice, the order of files, the number of threads, and captures
//! split or put together change nothing. A CDR is a pure function of the facts of a leg and of the
//! timing rules; a call is a group of legs joined by evidence; a channel is what a *reading* of the
//! vendor's closed rule counts. The verdict is given under the documented reading, and compared with
//! all others.
//!
//! To follow the main job: [`cli`] makes a [`run::CheckConfig`] of the flags, [`run::check()`] does the
//! work in the order of its lines, [`report::text()`] prints it. To follow one packet:
//! [`container`], [`capture`], [`packet::Dissector`], [`sip::scan`], then [`leg`].
//!
//! # Code map
//!
//! The rooms below stand in the order in which data flows. A room may use only those above it, and
//! `tests/architecture.rs` holds that.
//!
//! - [`base`]: time, provenance, notes, losses, and every limit in one file.
//! - [`container`]: bytes to bytes. Compressions and archives, told by their magic, never by a name.
//! - [`capture`]: bytes to packet records. pcap and pcapng; steps over damage.
//! - [`packet`]: records to datagrams and ordered streams. Link layers, tunnels, fragments, TCP.
//! - [`sip`]: bytes to messages, borrowed, without allocation.
//! - [`leg`]: messages to legs, which are kept packed in sorted runs and unpacked one by one, and the
//!   machine that turns a leg into CDRs as the sniffer would. A CDR
//!   carries both ends: where the packets end, and where the vendor's timeouts would cut.
//! - [`call`]: legs to calls, by rules that each give evidence or a refusal.
//! - [`channel`]: CDRs or calls to channels over time, in integer nanoseconds, under a reading.
//! - [`license`]: days to the state of the lock and the verdict; license systems as data.
//! - [`report`]: values to text, JSON and CSV. Everything from a capture is escaped for where it goes.
//! - [`synth`]: a seeded generator of spools with known truth. Uses none of the rooms that parse, count
//!   or judge, so that it can be their oracle.
//! - [`spool`]: EDGE. Which files there are, in which order; the sniffer's configuration.
//! - [`store`]: EDGE. The result database, whole or not at all.
//! - [`run`]: EDGE. Threads, and the order in which their results are joined.
//! - [`cli`]: EDGE. Flags, exit codes, the terminal.
//!
//! # Invariants
//!
//! **The core has no outside world.** The rooms above [`spool`] do no input or output, read no clock,
//! start no thread and print nothing. Capture time, in nanoseconds since the epoch, is the only time
//! they know.
//!
//! **Parsing never fails.** What could be read comes out, with notes about what is odd and losses about
//! what is missing. An error is only what stops the program from doing what was asked, and only the
//! edges have errors.
//!
//! **A loss is never hidden.** Every hour and day that a loss can have touched has a lower bound and no
//! upper one. The verdict is computed at both; where they differ it is 'cannot tell'.
//!
//! **The output is a function of the set of records.** No iteration order of a hash table, no thread, no
//! file name and no moment of the run reaches a result. Only the part of a report that lists what was
//! read depends on how records lie in files.
//!
//! **Nothing is guessed.** Legs join by evidence that is kept and shown; what could join and does not is
//! shown with the reason. A bad join is worse than a missed one.
//!
//! **Every cap is a named constant** in [`base::limits`], and hitting one leaves a note.
//!
//! **A reading changes what is counted, never a CDR.**
//!
//! # Absent on purpose
//!
//! - No writing to a spool or to the vendor's database, under any flag.
//! - No network, no live capture, no decryption.
//! - No claim to equal the vendor's GUI: its rule is closed, and the report says which readings agree.
//! - No unsafe code, but for the mapping of files in [`run`].
//! - No floating-point number in any count or comparison.

pub mod base;

pub mod container;

pub mod capture;

pub mod packet;

pub mod sip;

pub mod leg;

pub mod call;

pub mod channel;

pub mod license;

pub mod report;

pub mod synth;

pub mod spool;

pub mod store;

pub mod run;

pub mod cli;
