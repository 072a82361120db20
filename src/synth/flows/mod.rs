//! The scripts: one function a kind, from a scene to the calls that it makes.

mod alike;
mod basic;
mod fork;
mod noise;
mod relay;
mod special;
mod transfer;

use super::build::{LegBuilder, ms};
use super::kind::Kind;
use super::message::{Party, host_text};
use super::parameters::Parameters;
use super::random::Random;
use super::script::{Relation, RelationKind, ScriptedCall, ScriptedLeg};
use crate::base::{CaptureTime, Endpoint, NS_PER_MS};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Phones take turns over this many addresses: no address serves two calls at the same time.
const PHONE_ADDRESSES: u64 = 1 << 22;
/// Media ports of a relaying element: even numbers from 10,000.
const RELAY_PORTS: u64 = 25_000;
/// Media addresses of relaying elements.
const RELAY_ADDRESSES: u64 = 60_000;
/// Slots that a call may take of phones and relay ports.
const SLOTS: u64 = 8;

/// One script about to be played.
pub(crate) struct Scene<'a> {
    pub(crate) parameters: &'a Parameters,
    pub(crate) ordinal: u64,
    pub(crate) kind: Kind,
    pub(crate) start: CaptureTime,
    /// Time from the first INVITE to the 200 to BYE, when it is given.
    pub(crate) total_ns: Option<i64>,
    pub(crate) random: Random,
}

/// When an ordinary call is answered and hung up.
#[derive(Clone, Copy)]
pub(crate) struct Timing {
    pub(crate) start: CaptureTime,
    pub(crate) answer: CaptureTime,
    pub(crate) hangup: CaptureTime,
}

/// Time from a BYE to its 200.
pub(crate) const BYE_ANSWER_NS: i64 = ms(30);

impl Scene<'_> {
    /// A duration between two numbers of milliseconds, in whole microseconds.
    pub(crate) fn delay(&mut self, low_ms: i64, high_ms: i64) -> i64 {
        self.random.between(low_ms * 1_000, high_ms * 1_000) * (NS_PER_MS / 1_000)
    }

    /// How long people talk: mostly short, seldom long, always below the vendor's hour (facts C).
    fn talk(&mut self) -> i64 {
        match self.random.below(100) {
            0..50 => self.delay(4_000, 60_000),
            50..80 => self.delay(60_000, 300_000),
            80..97 => self.delay(300_000, 1_200_000),
            _ => self.delay(1_200_000, 3_000_000),
        }
    }

    /// When this call is answered and hung up.
    pub(crate) fn timing(&mut self) -> Timing {
        let ring = self.delay(1_500, 20_000);
        let answer = self.start.plus_ns(ring);
        let hangup = match self.total_ns {
            Some(total) => self.start.plus_ns(total - BYE_ANSWER_NS),
            None => answer.plus_ns(self.talk()),
        };
        Timing { start: self.start, answer, hangup }
    }

    /// A fresh Call-ID of an element.
    pub(crate) fn call_id(&mut self, host: IpAddr) -> String {
        format!("{:016x}@{}", self.random.next(), host_text(host).replace(['[', ']'], ""))
    }

    /// A public number.
    pub(crate) fn number(&mut self) -> String {
        let digits = self.random.below(1_000_000_000);
        if self.random.percent(30) { format!("+420{digits:09}") } else { format!("{digits:09}") }
    }

    /// An extension of five digits.
    pub(crate) fn extension(&mut self) -> String {
        format!("{}", self.random.between(20_000, 79_999))
    }

    fn phone_address(&self, slot: u64) -> IpAddr {
        let index = (self.ordinal * SLOTS + slot) % PHONE_ADDRESSES;
        if self.kind == Kind::Ipv6 {
            let (high, low) = ((index >> 16) as u16, index as u16);
            IpAddr::V6(Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 1, high, low))
        } else {
            let [_, high, middle, low] = (index as u32).to_be_bytes();
            let network = if self.total_ns.is_some() { 128 } else { 64 };
            IpAddr::V4(Ipv4Addr::new(10, network + high, middle, low))
        }
    }

    /// A phone with its own address and media.
    pub(crate) fn phone(&mut self, slot: u64, user: String) -> Party {
        let address = self.phone_address(slot);
        let port = 16_384 + 2 * self.random.below(8_000) as u16;
        Party {
            user,
            domain: "sip.example.com".to_owned(),
            contact: Endpoint::new(address, 5060),
            media: Endpoint::new(address, port),
            agent: "Desk Phone/4.2",
        }
    }

    /// A side of the B2BUA that relays media; every slot of every call has its own media address.
    pub(crate) fn relay(&self, slot: u64, user: String) -> Party {
        let index = self.ordinal * SLOTS + slot;
        let port = 10_000 + 2 * (index % RELAY_PORTS) as u16;
        let host = (index / RELAY_PORTS % RELAY_ADDRESSES) as u16;
        let [high, low] = host.to_be_bytes();
        // Peaks number their calls on their own: they have their own addresses too.
        let network = if self.total_ns.is_some() { 3 } else { 2 };
        Party {
            user,
            domain: "pbx.example.com".to_owned(),
            contact: b2bua(),
            media: Endpoint::new(IpAddr::V4(Ipv4Addr::new(10, network, high, low)), port),
            agent: "Session Border/2.1",
        }
    }

    /// An empty leg.
    pub(crate) fn leg(&mut self, call_id: String, caller: Party, callee: Party) -> LegBuilder {
        let random = Random::new(self.random.next(), &[]);
        let mut leg = LegBuilder::new(call_id, caller, callee, random);
        leg.rtp_pps = self.parameters.rtp_pps;
        leg
    }

    /// A leg between two fresh phones.
    pub(crate) fn plain_leg(&mut self) -> LegBuilder {
        let (caller, called) = (self.number(), self.number());
        let (caller, callee) = (self.phone(0, caller), self.phone(1, called));
        let call_id = self.call_id(caller.contact.address);
        self.leg(call_id, caller, callee)
    }

    /// The legs of one call.
    pub(crate) fn call(&self, legs: Vec<LegBuilder>, relations: Vec<Relation>) -> ScriptedCall {
        let [sensor, _] = self.parameters.sensors();
        let legs = legs.into_iter().map(|leg| leg.finish(&sensor)).collect();
        self.finished_call(legs, relations)
    }

    /// The legs of one call, already finished.
    pub(crate) fn finished_call(
        &self,
        legs: Vec<ScriptedLeg>,
        relations: Vec<Relation>,
    ) -> ScriptedCall {
        ScriptedCall { ordinal: self.ordinal, kind: self.kind, legs, relations }
    }
}

/// The registrar and proxy.
pub(crate) const fn proxy() -> Endpoint {
    Endpoint::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 10)), 5060)
}

/// The back-to-back user agent.
pub(crate) const fn b2bua() -> Endpoint {
    Endpoint::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 20)), 5060)
}

/// A relation of legs `first` and `second`.
pub(crate) const fn relation(first: usize, second: usize, kind: RelationKind) -> Relation {
    Relation { first, second, kind, in_packets: !matches!(kind, RelationKind::Nothing) }
}

/// Plays a script.
pub(crate) fn play(scene: &mut Scene<'_>) -> Vec<ScriptedCall> {
    match scene.kind {
        Kind::Answered => basic::answered(scene),
        Kind::Busy => basic::refused(scene, 486),
        Kind::NotFound => basic::refused(scene, 404),
        Kind::Unavailable => basic::refused(scene, 503),
        Kind::NoAnswer => basic::no_answer(scene),
        Kind::Auth => basic::auth(scene),
        Kind::Hold => basic::hold(scene),
        Kind::SessionTimer => basic::session_timer(scene),
        Kind::Redirect => special::redirect(scene),
        Kind::RedirectNewCallId => special::redirect_new_call_id(scene),
        Kind::NoBye => special::no_bye(scene),
        Kind::ByeUnanswered => special::bye_unanswered(scene),
        Kind::Retransmission => special::retransmission(scene),
        Kind::Unreachable => special::unreachable(scene),
        Kind::Tcp => special::tcp(scene),
        Kind::Ipv6 => basic::answered(scene),
        Kind::CallIdReuse => special::call_id_reuse(scene),
        Kind::TwoSensors => special::two_sensors(scene),
        Kind::Proxied => fork::proxied(scene),
        Kind::ForkParallel => fork::parallel(scene),
        Kind::ForkSerial => fork::serial(scene),
        Kind::B2buaHeader => relay::pair(scene, RelationKind::Header),
        Kind::B2buaSessionId => relay::pair(scene, RelationKind::SessionId),
        Kind::B2buaIcid => relay::pair(scene, RelationKind::Icid),
        Kind::B2buaSuffix => relay::pair(scene, RelationKind::Suffix),
        Kind::B2buaMedia => relay::pair(scene, RelationKind::Media),
        Kind::B2buaBare => relay::pair(scene, RelationKind::Nothing),
        Kind::RingGroup => relay::ring_group(scene),
        Kind::TransferBlind => transfer::blind(scene),
        Kind::TransferAttended => transfer::attended(scene),
        Kind::TransferRefused => transfer::refused(scene),
        Kind::Pickup => transfer::pickup(scene),
        Kind::ByeAlso => transfer::bye_also(scene),
        Kind::AlikeNumbers => alike::numbers(scene),
        Kind::AlikeToken => alike::token(scene),
        Kind::AlikeSessionId => alike::session_id(scene),
        Kind::AlikeMedia => alike::media(scene),
        Kind::AlikeRedirect => alike::redirect(scene),
        Kind::AlikeTransfer => alike::transfer(scene),
        Kind::AlikeDialler => alike::dialler(scene),
        Kind::AlikeCallback => alike::callback(scene),
        Kind::Register => noise::register(scene),
        Kind::Options => noise::options(scene),
        Kind::Message => noise::message(scene),
    }
}
