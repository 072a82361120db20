//! Which entries of a sniffer's tar are pieces of one stream.
//!
//! A call that is still open is written in pieces named `NAME#N`, the last one bare `NAME`; N counts
//! the pieces of the whole tar; releases of old wrote `NAME_N` (facts G, run section 3). Pieces are
//! put together in archive order before anything is decoded. The rules, in this order:
//!
//! 1. Only digits at the very end of the name count: 1 to 10 behind `#`, 1 to 6 behind `_`.
//!    `x#7@h.pcap` is no piece.
//! 2. The bare `NAME` closes the open stream of that name, and a later entry starts a new one: names
//!    are used twice. A bare entry that starts with the magic of a capture or codec while the open
//!    stream already holds bytes is another call of the same escaped name: a stream of its own.
//! 3. `NAME#N` under the sniffer's own header is always a piece: it escapes `#` in Call-IDs. Under any
//!    other header it is one when a stream of NAME is open, or when it starts with a magic; else it is
//!    an entry whose name happens to end so.
//! 4. `NAME_N` continues an open stream of NAME when it does not start with a magic. It starts one
//!    only when it has a magic and NAME ends in `.pcap` or `.graph`, which the sniffer writes at the
//!    end of names. Anything else stands alone: Call-IDs may end in `_7`.
//! 5. A stream whose bare entry never comes is cut (the sniffer was killed), unless it is a single
//!    entry under a foreign header: then its name happened to end so, and it is whole.

use super::sniff::starts_known;
use super::unpack::Node;
use std::collections::BTreeMap;

/// How a piece's number is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum NumberStyle {
    /// `NAME#N`.
    Hash,
    /// `NAME_N`.
    Underscore,
}

/// Splits a piece's name into NAME and the style of its number.
pub(super) fn split(name: &[u8]) -> Option<(&[u8], NumberStyle)> {
    let digits = name.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let rest = &name[..name.len() - digits];
    match rest.split_last()? {
        (b'#', base) if (1..=10).contains(&digits) && !base.is_empty() => {
            Some((base, NumberStyle::Hash))
        }
        (b'_', base) if (1..=6).contains(&digits) && !base.is_empty() => {
            Some((base, NumberStyle::Underscore))
        }
        _ => None,
    }
}

/// A stream that waits for its next piece.
pub(super) struct OpenStream {
    pub(super) node: Node,
    /// Rank in order of opening.
    pub(super) order: u64,
    /// Entries that went into it.
    pub(super) entries: u64,
    /// Bytes that went into it.
    pub(super) bytes: u64,
    /// Whether one of its entries had the sniffer's header.
    pub(super) by_sniffer: bool,
}

/// Where the content of an entry goes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Route {
    /// A stream of its own.
    Alone,
    /// The stream of NAME, which stays open.
    Piece,
    /// The open stream of NAME, which it closes.
    Last,
}

/// The streams of one tar that wait for pieces.
#[derive(Default)]
pub(super) struct OpenStreams {
    streams: BTreeMap<Vec<u8>, OpenStream>,
    opened: u64,
}

impl OpenStreams {
    /// Where an entry goes, as far as it is known from the `head` of its content; `None` while more
    /// bytes of it are needed. `head_is_all`: its content has no more.
    pub(super) fn route(
        &self,
        name: &[u8],
        by_sniffer: bool,
        head: &[u8],
        head_is_all: bool,
    ) -> Option<Route> {
        let known = || starts_known(head, head_is_all);
        if let Some((base, style)) = split(name) {
            let open = self.streams.get(base);
            match style {
                NumberStyle::Hash if by_sniffer || open.is_some() => return Some(Route::Piece),
                NumberStyle::Hash => {
                    return Some(if known()? { Route::Piece } else { Route::Alone });
                }
                NumberStyle::Underscore => {
                    let empty = open.is_some_and(|stream| stream.bytes == 0);
                    let has_end = base.ends_with(b".pcap") || base.ends_with(b".graph");
                    if open.is_some() || has_end {
                        let starts = known()?;
                        let joins = open.is_some() && (empty || !starts);
                        let opens = open.is_none() && starts && has_end;
                        if joins || opens {
                            return Some(Route::Piece);
                        }
                    }
                }
            }
        }
        // Most tars hold no pieces.
        let open = if self.streams.is_empty() { None } else { self.streams.get(name) };
        match open {
            None => Some(Route::Alone),
            Some(open) if open.bytes == 0 => Some(Route::Last),
            Some(_) => Some(if known()? { Route::Alone } else { Route::Last }),
        }
    }

    /// How many streams are open.
    pub(super) fn len(&self) -> usize {
        self.streams.len()
    }

    /// Takes the open stream of `base` out.
    pub(super) fn take(&mut self, base: &[u8]) -> Option<OpenStream> {
        self.streams.remove(base)
    }

    /// A new stream made of pieces.
    pub(super) fn start(&mut self, node: Node) -> OpenStream {
        self.opened += 1;
        OpenStream { node, order: self.opened, entries: 0, bytes: 0, by_sniffer: false }
    }

    /// Puts a stream back until its next piece.
    pub(super) fn put(&mut self, base: Vec<u8>, stream: OpenStream) {
        self.streams.insert(base, stream);
    }

    /// All streams that are open, in order of opening.
    pub(super) fn drain(&mut self) -> Vec<OpenStream> {
        let mut streams: Vec<_> = std::mem::take(&mut self.streams).into_values().collect();
        streams.sort_by_key(|stream| stream.order);
        streams
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_digits_at_the_very_end_make_a_piece() {
        let check = |name: &str, expect: Option<(&str, NumberStyle)>| {
            let expect = expect.map(|(base, style)| (base.as_bytes(), style));
            assert_eq!(split(name.as_bytes()), expect, "{name}");
        };
        check("a@h.pcap#1", Some(("a@h.pcap", NumberStyle::Hash)));
        check("a#1234567890", Some(("a", NumberStyle::Hash)));
        check("a#12345678901", None);
        check("x#7@h.pcap", None);
        check("a#", None);
        check("#7", None);
        check("a.pcap_123456", Some(("a.pcap", NumberStyle::Underscore)));
        check("a.pcap_1234567", None);
        check("end_12@h.pcap", None);
        check("12", None);
        check("", None);
    }
}
