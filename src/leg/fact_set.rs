//! The messages of a leg, packed: a sorted list of facts over one buffer of strings.

use super::fact::{FactKey, FactTimes, InviteParties, MessageKind};
use super::familiar::{Familiar, Known, Lines};
use super::identifier_set::Shown;
use super::texts::{Text, TextView, Texts};
use super::via_branch::ViaBranch;
use crate::base::limits::FACTS_PER_LEG_MAX;
use crate::base::{CaptureTime, Endpoint};
use crate::sip::Method;
use std::cmp::Ordering;
use std::fmt;

/// Equal numbers are looked for among so many: an INVITE repeats them at every hop.
const SEARCHED_PARTIES: usize = 8;
/// Messages of a usual leg: room for them at once instead of growth in steps.
const USUAL_FACTS: usize = 8;
/// The message that showed an identifier is looked for among so many: a place there takes one byte.
const SEARCHED_FACTS: usize = 64;
/// A fact without numbers.
pub(super) const NO_PARTIES: u16 = u16::MAX;

/// One message: [`FactKey`] with its strings in the set's buffer, and when it was seen.
#[derive(Clone, Debug)]
pub(super) struct Fact {
    pub(super) times: FactTimes,
    pub(super) cseq_number: u32,
    pub(super) kind: MessageKind,
    pub(super) from_tag: Text,
    pub(super) to_tag: Text,
    pub(super) branch: Text,
    pub(super) source: Text,
    pub(super) destination: Text,
    /// Place in the set's numbers.
    pub(super) parties: u16,
    pub(super) cseq_method: Method,
    pub(super) auth_failed: bool,
    pub(super) has_sdp: bool,
}

/// A message without its strings.
#[derive(Clone, Copy, Debug)]
pub(super) struct FactShape {
    pub(super) kind: MessageKind,
    pub(super) cseq_method: Method,
    pub(super) has_to_tag: bool,
}

/// [`InviteParties`] with its strings in the set's buffer: From, To, Request-URI, asserted, preferred,
/// Remote-Party-ID.
#[derive(Clone, Debug)]
pub(super) struct PackedParties {
    pub(super) users: [Text; 6],
    pub(super) is_csta: bool,
}

impl Fact {
    /// Its key, over the strings of its set.
    #[inline]
    pub(super) fn key<'t>(&self, texts: TextView<'t>) -> FactKey<'t> {
        FactKey {
            cseq_number: self.cseq_number,
            kind: self.kind,
            cseq_method: self.cseq_method,
            from_tag: texts.get(self.from_tag),
            to_tag: texts.get(self.to_tag),
            branch: ViaBranch::of_kept(texts.get(self.branch)),
            source: texts.endpoint(self.source),
            destination: texts.endpoint(self.destination),
            auth_failed: self.auth_failed,
            has_sdp: self.has_sdp,
        }
    }
}

impl PackedParties {
    /// The numbers, over the strings of their set.
    pub(super) fn view<'t>(&self, texts: TextView<'t>) -> InviteParties<'t> {
        let [from, to, request, asserted, preferred, remote] = self.users;
        InviteParties {
            from_user: texts.get(from),
            to_user: texts.get(to),
            request_user: texts.get(request),
            asserted_user: texts.get(asserted),
            preferred_user: texts.get(preferred),
            remote_party_user: texts.get(remote),
            is_csta: self.is_csta,
        }
    }
}

/// What the messages of a leg tell together.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Digest {
    /// First moment of any; absent without messages.
    pub(super) first: Option<CaptureTime>,
    /// Last moment of any.
    pub(super) last: Option<CaptureTime>,
    /// Whether there is an INVITE.
    pub(super) has_invite: bool,
    /// Whether there is a REFER.
    pub(super) has_refer: bool,
}

/// Messages by key, in the order of keys, each with the numbers of its INVITE. A join-semilattice.
#[derive(Clone, Default)]
pub(super) struct FactSet {
    pub(super) facts: Vec<Fact>,
    pub(super) parties: Vec<PackedParties>,
    pub(super) texts: Texts,
    /// From tag, To tag, branch, source and destination of the message that was added last: those of the
    /// next one are mostly among them.
    near: [Text; 5],
    familiar: Familiar,
}

/// A message whose lines were compared with those of the messages before it.
#[derive(Clone, Copy, Default)]
pub(super) struct Told<'m> {
    pub(super) lines: Lines<'m>,
    /// What of them is known: it stands in place of the strings of the message's key.
    pub(super) known: Known,
}

impl PartialEq for FactSet {
    fn eq(&self, other: &Self) -> bool {
        self.facts.len() == other.facts.len()
            && self.iter().eq(other.iter())
            && (0..self.facts.len()).all(|at| self.parties_at(at) == other.parties_at(at))
    }
}

impl Eq for FactSet {}

impl fmt::Debug for FactSet {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let facts = self.iter().enumerate();
        let facts = facts.map(|(place, (key, times))| (key, self.parties_at(place), times));
        formatter.debug_list().entries(facts).finish()
    }
}

/// What [`FactKey`]s are ordered by first, as one number.
#[inline]
const fn rank(cseq_number: u32, kind: MessageKind, cseq_method: Method) -> u64 {
    let kind = match kind {
        MessageKind::Request(method) => method as u64,
        MessageKind::Response(status) => 1 << 16 | status as u64,
    };
    (cseq_number as u64) << 32 | kind << 8 | cseq_method as u64
}

impl FactSet {
    /// How many messages.
    pub(super) const fn len(&self) -> usize {
        self.facts.len()
    }

    /// The messages in the order of their keys.
    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = (FactKey<'_>, &FactTimes)> {
        self.facts.iter().map(|fact| (self.key(fact), &fact.times))
    }

    /// When the messages were seen, in the order of their keys.
    pub(super) fn times(&self) -> impl Iterator<Item = &FactTimes> {
        self.facts.iter().map(|fact| &fact.times)
    }

    /// What an identifier has of the message at a place of [`Self::iter`].
    pub(super) fn shown(&self, place: usize) -> Option<Shown> {
        let fact = self.facts.get(place)?;
        Some(Shown {
            said_by: self.texts.endpoint(fact.source),
            cseq: fact.cseq_number,
            first: fact.times.first(),
            record: fact.times.record,
        })
    }

    /// A place of [`Self::iter`] where [`Self::shown`] gives this, if it is one of the first ones.
    pub(super) fn place_of(&self, shown: &Shown) -> Option<usize> {
        let Shown { said_by, cseq, first, record } = *shown;
        let searched = &self.facts[..self.facts.len().min(SEARCHED_FACTS)];
        searched.iter().position(|fact| {
            fact.times.record.index == record.index
                && fact.times.record.capture == record.capture
                && fact.cseq_number == cseq
                && fact.times.first() == first
                && self.is_end(fact.source, said_by)
        })
    }

    fn is_end(&self, text: Text, end: Endpoint) -> bool {
        self.texts.is_ipv4(text, end) || self.texts.endpoint(text) == end
    }

    /// What can be told of the messages without their strings, in the order of their keys.
    pub(super) fn shapes(&self) -> impl Iterator<Item = FactShape> {
        self.facts.iter().map(|fact| FactShape {
            kind: fact.kind,
            cseq_method: fact.cseq_method,
            has_to_tag: fact.to_tag != Text::EMPTY,
        })
    }

    /// What kinds of message there are, in the order of their keys.
    pub(super) fn kinds(&self) -> impl Iterator<Item = MessageKind> {
        self.facts.iter().map(|fact| fact.kind)
    }

    /// What all messages together tell, by one walk over them.
    pub(super) fn digest(&self) -> Digest {
        let mut digest = Digest::default();
        for Fact { times, kind, .. } in &self.facts {
            let (first, last) = (times.first(), times.last());
            digest.first = Some(digest.first.map_or(first, |known| known.min(first)));
            digest.last = Some(digest.last.map_or(last, |known| known.max(last)));
            digest.has_invite |= *kind == MessageKind::Request(Method::Invite);
            digest.has_refer |= *kind == MessageKind::Request(Method::Refer);
        }
        digest
    }

    /// The numbers of the message with this key; absent where none were added.
    pub(super) fn parties(&self, key: &FactKey<'_>) -> Option<InviteParties<'_>> {
        self.parties_at(self.find(key, &Known::default()).ok()?)
    }

    /// Compares the lines of a message with those of the messages before it.
    #[inline(never)]
    pub(super) fn told<'m>(&self, lines: Lines<'m>) -> Told<'m> {
        Told { lines, known: self.familiar.find(&lines) }
    }

    /// Adds a message, with the numbers it carries. Two sets of numbers for one key keep the smaller.
    /// True when the cap dropped the message with the largest key.
    #[inline]
    pub(super) fn add(
        &mut self,
        key: &FactKey<'_>,
        parties: Option<&InviteParties<'_>>,
        times: FactTimes,
    ) -> bool {
        self.add_told(key, &Told::default(), parties, times)
    }

    /// As [`Self::add`], where strings of the key may be known.
    pub(super) fn add_told(
        &mut self,
        key: &FactKey<'_>,
        told: &Told<'_>,
        parties: Option<&InviteParties<'_>>,
        times: FactTimes,
    ) -> bool {
        let place = match self.find(key, &told.known) {
            Ok(place) => {
                self.facts[place].times.join(&times);
                place
            }
            // Beyond the cap it would be dropped at once.
            Err(place) if place >= FACTS_PER_LEG_MAX => return true,
            Err(place) => {
                let fact = self.packed(key, &told.known, times);
                if self.facts.capacity() == 0 {
                    self.facts.reserve(USUAL_FACTS);
                }
                self.facts.insert(place, fact);
                place
            }
        };
        if let Some(fact) = self.facts.get(place) {
            let found = [fact.from_tag, fact.to_tag, fact.branch];
            self.familiar.learn(&told.lines, &told.known, found);
        }
        if let Some(parties) = parties
            && self.parties_at(place).is_none_or(|known| *parties < known)
        {
            self.facts[place].parties = self.add_parties(parties);
        }
        let is_over = self.facts.len() > FACTS_PER_LEG_MAX;
        if is_over {
            self.facts.pop();
        }
        if self.texts.is_wasteful() || self.parties.len() > usize::from(u16::MAX / 2) {
            self.make_anew();
        }
        is_over
    }

    /// Adds all messages of another set; true when the cap dropped some.
    pub(super) fn join(&mut self, other: &Self) -> bool {
        let mut is_over = false;
        for (place, (key, times)) in other.iter().enumerate() {
            is_over |= self.add(&key, other.parties_at(place).as_ref(), times.clone());
        }
        is_over
    }

    /// The strings are others now.
    pub(super) fn forget_near(&mut self) {
        self.near = [Text::EMPTY; 5];
        self.familiar.forget();
    }

    /// Forgets all messages and keeps their room.
    pub(super) fn clear(&mut self) {
        self.facts.clear();
        self.parties.clear();
        self.texts.clear();
        self.forget_near();
    }

    #[inline]
    fn find(&self, key: &FactKey<'_>, known: &Known) -> Result<usize, usize> {
        let rank_of_key = rank(key.cseq_number, key.kind, key.cseq_method);
        let rank_of = |fact: &Fact| rank(fact.cseq_number, fact.kind, fact.cseq_method);
        // Most messages come in the order of their keys.
        if self.facts.last().is_none_or(|last| rank_of(last) < rank_of_key) {
            return Err(self.facts.len());
        }
        self.facts.binary_search_by(|fact| {
            rank_of(fact).cmp(&rank_of_key).then_with(|| self.compare_strings(fact, key, known))
        })
    }

    /// The order of the [`FactKey`]s of one rank, without making one.
    fn compare_strings(&self, fact: &Fact, key: &FactKey<'_>, known: &Known) -> Ordering {
        let [from_tag, to_tag, branch] = known;
        let compare = |text: Text, known: &Option<Text>, other: &[u8]| {
            self.texts.get(text).cmp(known.map_or(other, |known| self.texts.get(known)))
        };
        compare(fact.from_tag, from_tag, key.from_tag)
            .then_with(|| compare(fact.to_tag, to_tag, key.to_tag))
            .then_with(|| self.compare_branch(fact.branch, *branch, key.branch))
            .then_with(|| self.texts.endpoint(fact.source).cmp(&key.source))
            .then_with(|| self.texts.endpoint(fact.destination).cmp(&key.destination))
            .then_with(|| (fact.auth_failed, fact.has_sdp).cmp(&(key.auth_failed, key.has_sdp)))
    }

    fn compare_branch(&self, text: Text, known: Option<Text>, other: ViaBranch<'_>) -> Ordering {
        let branch = |text: Text| ViaBranch::of_kept(self.texts.get(text));
        branch(text).cmp(&known.map_or(other, branch))
    }

    fn key(&self, fact: &Fact) -> FactKey<'_> {
        fact.key(self.texts.view())
    }

    fn packed(&mut self, key: &FactKey<'_>, known: &Known, times: FactTimes) -> Fact {
        let [from_tag, to_tag, branch, source, destination] = self.near;
        let texts = &mut self.texts;
        self.near = [
            known[0].unwrap_or_else(|| texts.add_near(key.from_tag, [from_tag, to_tag])),
            known[1].unwrap_or_else(|| texts.add_near(key.to_tag, [to_tag, from_tag])),
            known[2].unwrap_or_else(|| match key.branch.kept() {
                Ok(kept) => texts.add_near(kept, [branch]),
                Err(odd) => texts.add_near(&odd.kept(), [branch]),
            }),
            self.texts.add_endpoint_near(key.source, [destination, source]),
            self.texts.add_endpoint_near(key.destination, [source, destination]),
        ];
        let [from_tag, to_tag, branch, source, destination] = self.near;
        Fact {
            times,
            cseq_number: key.cseq_number,
            kind: key.kind,
            from_tag,
            to_tag,
            branch,
            source,
            destination,
            parties: NO_PARTIES,
            cseq_method: key.cseq_method,
            auth_failed: key.auth_failed,
            has_sdp: key.has_sdp,
        }
    }

    /// The numbers of the message at a place of [`FactSet::iter`]; absent where none were added.
    pub(super) fn parties_at(&self, place: usize) -> Option<InviteParties<'_>> {
        let packed = self.parties.get(usize::from(self.facts.get(place)?.parties))?;
        Some(packed.view(self.texts.view()))
    }

    fn add_parties(&mut self, parties: &InviteParties<'_>) -> u16 {
        let known = self.parties.iter().take(SEARCHED_PARTIES);
        if let Some(place) =
            known.map(|packed| packed.view(self.texts.view())).position(|one| one == *parties)
        {
            return place as u16;
        }
        let InviteParties { from_user, to_user, request_user, asserted_user, .. } = *parties;
        let InviteParties { preferred_user, remote_party_user, is_csta, .. } = *parties;
        let users =
            [from_user, to_user, request_user, asserted_user, preferred_user, remote_party_user];
        let mut last = Text::EMPTY;
        let users = users.map(|user| {
            // The Request-URI mostly names the user of To.
            last = self.texts.add_near(user, [last]);
            last
        });
        if self.parties.capacity() == 0 {
            self.parties.reserve_exact(1);
        }
        self.parties.push(PackedParties { users, is_csta });
        // The list is made anew long before 16 bits end.
        (self.parties.len() - 1) as u16
    }

    /// Drops the strings and numbers of messages that the cap dropped.
    fn make_anew(&mut self) {
        let mut anew = Self::default();
        for (place, (key, times)) in self.iter().enumerate() {
            let mut fact = anew.packed(&key, &Known::default(), times.clone());
            if let Some(parties) = self.parties_at(place) {
                fact.parties = anew.add_parties(&parties);
            }
            anew.facts.push(fact);
        }
        anew.texts.are_needed();
        *self = anew;
    }
}

#[cfg(test)]
mod tests {
    use super::super::fact::tests::{AnyKey, any_key};
    use super::*;
    use crate::base::RecordRef;
    use proptest::prelude::*;

    fn once() -> FactTimes {
        FactTimes::once(CaptureTime::default(), RecordRef::default())
    }

    proptest! {
        /// The packed order is that of the keys.
        #[test]
        fn stands_in_the_order_of_keys(keys in prop::collection::vec(any_key(), 0..20)) {
            let mut set = FactSet::default();
            for key in &keys {
                set.add(&key.as_key(), None, once());
            }
            let mut sorted: Vec<FactKey<'_>> = keys.iter().map(AnyKey::as_key).collect();
            sorted.sort();
            sorted.dedup();
            let found: Vec<FactKey<'_>> = set.iter().map(|(key, _)| key).collect();
            prop_assert_eq!(found, sorted);
        }
    }

    /// A leg that is flooded with ever smaller keys keeps the smallest ones, and its strings stay
    /// bounded.
    #[test]
    fn a_flood_keeps_the_smallest_keys_in_bounded_memory() {
        let mut set = FactSet::default();
        let mut is_over = false;
        let count = 20_000_u32;
        for number in (0..count).rev() {
            let tag = format!("{number:0>500}");
            let any = AnyKey { cseq_number: number, to_tag: tag.clone(), ..AnyKey::default() };
            let parties = InviteParties { from_user: tag.as_bytes(), ..InviteParties::default() };
            is_over |= set.add(&any.as_key(), Some(&parties), once());
        }
        assert!(is_over);
        assert_eq!(set.len(), FACTS_PER_LEG_MAX);
        let numbers: Vec<u32> = set.iter().map(|(key, _)| key.cseq_number).collect();
        assert!(numbers.into_iter().eq(0..FACTS_PER_LEG_MAX as u32));
        for (place, (key, _)) in set.iter().enumerate() {
            let parties = set.parties_at(place).unwrap();
            assert_eq!(parties.from_user, key.to_tag, "{place}");
        }
        let needed = FACTS_PER_LEG_MAX * 2 * 502;
        assert!(set.texts.len() <= 2 * needed + (2 << 20), "{}", set.texts.len());
    }
}
