//! Evidence: why two legs belong together, or why they do not.
//!
//! Comparisons are made for many pairs and told to a person for few: values stay as they are until
//! [`Comparison::told`] writes them. What is kept of all evidence is what was decided; the values are
//! compared again when they are asked for.

use super::discriminate::Demotion;
use super::rule::{Class, RuleName};
use super::said::MediaValue;
use crate::base::{CaptureTime, Endpoint, RecordRef};
use std::borrow::Cow;
use std::net::IpAddr;

/// Two values that a rule compared.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Compared {
    /// What was compared, for a person.
    pub what: &'static str,
    /// The value of the left leg, as on the wire; empty when it has none.
    pub left: Vec<u8>,
    /// The value of the right leg.
    pub right: Vec<u8>,
}

/// What a directed rule says of the two sides, and the same with the sides exchanged.
const DIRECTED: [(&str, &str); 9] = [
    ("Refer-To and the INVITE's target", "the INVITE's target and Refer-To"),
    ("Refer-To and the consultation's target", "the consultation's target and Refer-To"),
    ("REFER (its 2xx), INVITE", "INVITE, REFER (its 2xx)"),
    ("REFER sent, consultation cancelled", "consultation cancelled, REFER sent"),
    ("Also and the INVITE's target", "the INVITE's target and Also"),
    ("Also sent, INVITE sent", "INVITE sent, Also sent"),
    ("Contact and the INVITE's target", "the INVITE's target and Contact"),
    ("3xx, INVITE sent", "INVITE sent, 3xx"),
    ("Replaces said, dialog began", "dialog began, Replaces said"),
];

impl Compared {
    /// Exchanges the sides, in the values and in the words.
    pub fn mirror(&mut self) {
        std::mem::swap(&mut self.left, &mut self.right);
        let other = |(one, two): (&'static str, &'static str)| match self.what {
            what if what == one => Some(two),
            what if what == two => Some(one),
            _ => None,
        };
        let stated = super::rules::STATED.map(|[one, two]| (one, two));
        let found = DIRECTED.into_iter().chain(stated).find_map(other);
        self.what = found.unwrap_or(self.what);
    }
}

/// Why a rule did not join two legs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Refusal {
    /// The rule is switched off.
    Off,
    /// At least one leg does not carry what the rule compares: which, in words.
    Absent(&'static str),
    /// The values differ, or contradict the rule: what does.
    Differs(&'static str),
    /// The message that would have joined them was refused with this status.
    Failed(&'static str, u16),
    /// They are too far apart in time: what, and by how many nanoseconds in all.
    OutsideWindow(&'static str, i64),
    /// Another leg fits better, or several fit equally: its number.
    Ambiguous(u32),
    /// The shared value does not discriminate.
    Demoted(Demotion),
    /// The rule holds; its class is outside the merge set.
    NotMerged,
    /// The rule holds; joining would tie two calls together that are evidently different.
    Conflict,
    /// More candidates than are compared share the value.
    BeyondLimit,
}

/// A moment for a person: date and time in UTC to the microsecond, as packet tools can show it.
#[must_use]
pub fn moment_text(moment: CaptureTime) -> String {
    // The whole range of capture time fits.
    let timestamp = jiff::Timestamp::from_nanosecond(i128::from(moment.ns())).unwrap_or_default();
    timestamp.strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()
}

/// A value that was compared, not yet written.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Value<'o> {
    /// As on the wire.
    Text(Cow<'o, [u8]>),
    /// A moment, as [`moment_text`] writes it.
    Time(CaptureTime),
    /// A word, and a moment behind it.
    Outcome(&'static str, CaptureTime),
    /// An address and port.
    End(Endpoint),
    /// Several of them.
    Ends(Vec<Endpoint>),
    /// An address.
    Host(IpAddr),
    /// Media addresses or `o=` lines.
    Media(Vec<MediaValue<'o>>),
}

impl Value<'_> {
    fn written(self) -> Vec<u8> {
        match self {
            Self::Text(text) => text.into_owned(),
            Self::Time(time) => moment_text(time).into_bytes(),
            Self::Outcome(word, time) => format!("{word} {}", moment_text(time)).into_bytes(),
            Self::End(end) => end.to_string().into_bytes(),
            Self::Ends(ends) => {
                ends.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ").into_bytes()
            }
            Self::Host(host) => host.to_string().into_bytes(),
            Self::Media(values) => {
                values.iter().map(MediaValue::text).collect::<Vec<_>>().join(&b' ')
            }
        }
    }
}

impl<'o> From<&'o [u8]> for Value<'o> {
    fn from(text: &'o [u8]) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl From<Vec<u8>> for Value<'_> {
    fn from(text: Vec<u8>) -> Self {
        Self::Text(Cow::Owned(text))
    }
}

impl<'o> From<Cow<'o, [u8]>> for Value<'o> {
    fn from(text: Cow<'o, [u8]>) -> Self {
        Self::Text(text)
    }
}

impl<'o> From<&'o str> for Value<'o> {
    fn from(text: &'o str) -> Self {
        Self::Text(Cow::Borrowed(text.as_bytes()))
    }
}

impl From<Endpoint> for Value<'_> {
    fn from(end: Endpoint) -> Self {
        Self::End(end)
    }
}

impl From<IpAddr> for Value<'_> {
    fn from(host: IpAddr) -> Self {
        Self::Host(host)
    }
}

impl From<CaptureTime> for Value<'_> {
    fn from(time: CaptureTime) -> Self {
        Self::Time(time)
    }
}

/// Two values that were compared, not yet written.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Pair<'o> {
    what: &'static str,
    left: Value<'o>,
    right: Value<'o>,
    /// Whether they were compared with the sides exchanged.
    is_mirrored: bool,
}

/// What one rule found about two legs.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Comparison<'o> {
    /// The class of the evidence when the rule holds, else why not.
    pub holds: Result<Class, Refusal>,
    /// The values compared; never empty when the rule holds.
    pub compared: Vec<Pair<'o>>,
    /// The records that show the values.
    pub records: Vec<RecordRef>,
    /// The shared values by which evidence is told from other evidence.
    pub tokens: Vec<Cow<'o, [u8]>>,
}

impl<'o> Comparison<'o> {
    /// Nothing to compare.
    #[must_use]
    pub const fn refused(refusal: Refusal) -> Self {
        Self { holds: Err(refusal), compared: Vec::new(), records: Vec::new(), tokens: Vec::new() }
    }

    /// The rule holds.
    #[must_use]
    pub const fn held(class: Class) -> Self {
        Self { holds: Ok(class), compared: Vec::new(), records: Vec::new(), tokens: Vec::new() }
    }

    /// Adds two compared values.
    #[must_use]
    pub fn with(
        mut self,
        what: &'static str,
        left: impl Into<Value<'o>>,
        right: impl Into<Value<'o>>,
    ) -> Self {
        let (left, right) = (left.into(), right.into());
        self.compared.push(Pair { what, left, right, is_mirrored: false });
        self
    }

    /// Adds records.
    #[must_use]
    pub fn at(mut self, records: &[RecordRef]) -> Self {
        self.records.extend_from_slice(records);
        self
    }

    /// Adds a shared value.
    #[must_use]
    pub fn token(mut self, token: impl Into<Cow<'o, [u8]>>) -> Self {
        self.tokens.push(token.into());
        self
    }

    /// The same, seen from the other leg.
    #[must_use]
    pub fn mirrored(mut self) -> Self {
        self.compared.iter_mut().for_each(|pair| pair.is_mirrored ^= true);
        self
    }

    /// How far a refused comparison got: the more it compared, the more it explains.
    #[must_use]
    pub fn depth(&self) -> (bool, usize) {
        (self.holds.is_ok(), self.compared.len())
    }

    /// The one that explains more; the first when equal.
    #[must_use]
    pub fn or_better(self, other: Self) -> Self {
        if other.depth() > self.depth() { other } else { self }
    }

    /// The values, written for a person.
    #[must_use]
    pub fn told(self) -> Told {
        let written = |pair: Pair<'_>| {
            let (what, is_mirrored) = (pair.what, pair.is_mirrored);
            let mut compared =
                Compared { what, left: pair.left.written(), right: pair.right.written() };
            if is_mirrored {
                compared.mirror();
            }
            compared
        };
        Told { compared: self.compared.into_iter().map(written).collect(), records: self.records }
    }
}

/// The values of evidence, and where they were seen.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Told {
    /// The values compared.
    pub compared: Vec<Compared>,
    /// The records that show them.
    pub records: Vec<RecordRef>,
}

/// Evidence about two legs: a rule held, and whether it joined them. Its values are those of
/// [`super::Grouping::told`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Evidence {
    /// The rule.
    pub rule: RuleName,
    /// The class of this evidence: at best that of the rule.
    pub class: Class,
    /// The smaller leg number.
    pub left: u32,
    /// The larger leg number.
    pub right: u32,
    /// `Ok` when the two were joined by it, else why not.
    pub joined: Result<(), Refusal>,
}

impl Evidence {
    /// Whether the two legs were joined by it.
    #[must_use]
    pub const fn is_joined(&self) -> bool {
        self.joined.is_ok()
    }
}
