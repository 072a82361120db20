//! Builds one leg message by message: bytes and truth come from the same step.

use super::message::{
    Body, Party, Transaction, request_bytes, response_bytes, session_description, via_line,
};
use super::random::Random;
use super::script::{MediaBurst, ScriptedLeg, ScriptedPacket, Wire};
use super::tracker::Tracker;
use crate::base::{CaptureTime, Endpoint, NS_PER_S};
use crate::leg::Side;

/// Nanoseconds of a number of milliseconds, for times relative to a call's start.
pub(crate) const fn ms(milliseconds: i64) -> i64 {
    milliseconds * 1_000_000
}

const ALLOW: &str = "Allow: INVITE, ACK, CANCEL, OPTIONS, BYE, REFER, NOTIFY, UPDATE, INFO\r\n\
                     Supported: replaces, timer\r\n";
/// RTCP reports every 5 s (RFC 3550 section 6.2).
const RTCP_PERIOD_NS: i64 = 5 * NS_PER_S;

/// Headers and body of a message beyond the ones that every message has.
#[derive(Clone, Debug, Default)]
pub(crate) struct Parts {
    /// Whole header lines.
    pub(crate) extra: String,
    /// The body.
    pub(crate) body: Option<Body>,
}

impl Parts {
    /// Header lines only.
    pub(crate) fn lines(extra: impl Into<String>) -> Self {
        Self { extra: extra.into(), body: None }
    }
}

/// A leg under construction.
pub(crate) struct LegBuilder {
    /// Call-ID.
    pub(crate) call_id: String,
    /// The party that sends the first INVITE.
    pub(crate) caller: Party,
    /// The other one.
    pub(crate) callee: Party,
    /// Tag of the caller.
    pub(crate) caller_tag: String,
    /// Tag of the callee that answered.
    pub(crate) callee_tag: String,
    /// Header lines that every request and response of the leg carries.
    pub(crate) every: String,
    /// Where requests outside a dialog go, when not to the other party itself.
    pub(crate) outbound: Option<Endpoint>,
    /// Request-URI of requests outside a dialog, when not the called party's address.
    pub(crate) request_uri: Option<String>,
    /// UUIDs of caller and callee for Session-ID (RFC 7989).
    pub(crate) session_ids: Option<(String, String)>,
    /// Media packets a second and direction; 0 without media.
    pub(crate) rtp_pps: u32,
    /// `TCP` instead of `UDP`.
    pub(crate) over_tcp: bool,
    random: Random,
    session: u64,
    caller_cseq: u32,
    callee_cseq: u32,
    sdp_version: u32,
    packets: Vec<ScriptedPacket>,
    media: Vec<MediaBurst>,
    tracker: Tracker,
}

impl LegBuilder {
    /// An empty leg.
    pub(crate) fn new(call_id: String, caller: Party, callee: Party, mut random: Random) -> Self {
        Self {
            call_id,
            caller,
            callee,
            caller_tag: format!("{:08x}", random.next() as u32),
            callee_tag: format!("{:08x}", random.next() as u32),
            every: String::new(),
            outbound: None,
            request_uri: None,
            session_ids: None,
            rtp_pps: 0,
            over_tcp: false,
            session: random.between(1_000_000, 9_999_999).unsigned_abs(),
            caller_cseq: random.between(1, 9_000).unsigned_abs() as u32,
            callee_cseq: random.between(1, 9_000).unsigned_abs() as u32,
            sdp_version: 1,
            random,
            packets: Vec::new(),
            media: Vec::new(),
            tracker: Tracker::default(),
        }
    }

    /// A fresh Via branch.
    fn branch(&mut self) -> String {
        format!("z9hG4bK{:016x}", self.random.next())
    }

    fn transport(&self) -> &'static str {
        if self.over_tcp { "TCP" } else { "UDP" }
    }

    /// Session-ID as one side says it; nil for the other while it is not known (RFC 7989 section 5).
    fn session_id_line(&self, side: Side, other_known: bool) -> String {
        let Some((caller, callee)) = &self.session_ids else { return String::new() };
        let (local, remote) =
            if side == Side::Caller { (caller, callee) } else { (callee, caller) };
        let nil = "0".repeat(32);
        format!("Session-ID: {local};remote={}\r\n", if other_known { remote } else { &nil })
    }

    fn push(&mut self, at: CaptureTime, source: Endpoint, destination: Endpoint, bytes: Vec<u8>) {
        let wire =
            if self.over_tcp { Wire::Tcp { sequence: 0, acknowledgement: 0 } } else { Wire::Udp };
        self.packets.push(ScriptedPacket { time: at, source, destination, wire, bytes });
    }

    /// The offer or answer of one side.
    pub(crate) fn sdp(&mut self, side: Side, direction: &str, answer: bool) -> Parts {
        let media = match side {
            Side::Caller => self.caller.media,
            Side::Callee => self.callee.media,
        };
        let session = self.session + u64::from(side == Side::Callee);
        let body = session_description(media, session, self.sdp_version, direction, answer);
        self.sdp_version += 1;
        Parts { extra: String::new(), body: Some(body) }
    }

    /// Sends a new request of one side to the other; `to_tag` is empty outside a dialog.
    pub(crate) fn request(
        &mut self,
        at: CaptureTime,
        side: Side,
        method: &str,
        in_dialog: bool,
        parts: &Parts,
    ) -> Transaction {
        let cseq = match side {
            Side::Caller => &mut self.caller_cseq,
            Side::Callee => &mut self.callee_cseq,
        };
        *cseq += 1;
        let cseq = *cseq;
        let branch = self.branch();
        let (local, remote, local_tag, remote_tag) = match side {
            Side::Caller => (&self.caller, &self.callee, &self.caller_tag, &self.callee_tag),
            Side::Callee => (&self.callee, &self.caller, &self.callee_tag, &self.caller_tag),
        };
        let transaction = Transaction {
            method: method.to_owned(),
            cseq,
            request_uri: match &self.request_uri {
                _ if in_dialog => remote.contact_uri(),
                Some(uri) => uri.clone(),
                None => format!("sip:{}@{}", remote.user, remote.domain),
            },
            via: via_line(self.transport(), local.contact, &branch),
            from: format!("{};tag={local_tag}", local.name_address()),
            to: remote.name_address(),
            to_tag: if in_dialog { remote_tag.clone() } else { String::new() },
            source: local.contact,
            destination: match self.outbound {
                Some(proxy) if !in_dialog => proxy,
                _ => remote.contact,
            },
        };
        self.send(at, side, &transaction, parts);
        transaction
    }

    /// Captures the request of a transaction.
    pub(crate) fn send(
        &mut self,
        at: CaptureTime,
        side: Side,
        transaction: &Transaction,
        parts: &Parts,
    ) {
        let party = match side {
            Side::Caller => &self.caller,
            Side::Callee => &self.callee,
        };
        let mut extra = format!("Contact: <{}>\r\n{}", party.contact_uri(), self.every);
        extra.push_str(&self.session_id_line(side, !transaction.to_tag.is_empty()));
        if !matches!(transaction.method.as_str(), "ACK" | "CANCEL") {
            extra.push_str(ALLOW);
        }
        extra.push_str(&format!("User-Agent: {}\r\n{}", party.agent, parts.extra));
        let bytes = request_bytes(transaction, &self.call_id, &extra, parts.body.as_ref());
        let Transaction { method, source, destination, .. } = transaction;
        self.tracker.request(at, method, side, *source, *destination);
        self.push(at, *source, *destination, bytes);
    }

    /// Captures a response; its To tag is the dialog's.
    pub(crate) fn respond(&mut self, at: CaptureTime, to: &Transaction, status: u16, parts: Parts) {
        let tag = match (status, to.to_tag.is_empty()) {
            (100, true) => String::new(),
            (_, true) => self.callee_tag.clone(),
            (_, false) => to.to_tag.clone(),
        };
        self.respond_tagged(at, to, status, &tag, parts);
    }

    /// Captures a response with a To tag of its own: another branch of a fork.
    pub(crate) fn respond_tagged(
        &mut self,
        at: CaptureTime,
        to: &Transaction,
        status: u16,
        tag: &str,
        parts: Parts,
    ) {
        let is_from_callee = to.from.contains(&self.caller_tag);
        let party = if is_from_callee { &self.callee } else { &self.caller };
        let side = if is_from_callee { Side::Callee } else { Side::Caller };
        let mut extra = self.every.clone() + &self.session_id_line(side, true);
        if status > 100 && status < 300 && to.method != "BYE" && to.method != "CANCEL" {
            extra.push_str(&format!("Contact: <{}>\r\n{ALLOW}", party.contact_uri()));
        }
        extra.push_str(&format!("Server: {}\r\n{}", party.agent, parts.extra));
        let bytes = response_bytes(to, &self.call_id, status, tag, &extra, parts.body.as_ref());
        self.tracker.response(at, status, &to.method);
        self.push(at, to.destination, to.source, bytes);
    }

    /// Acknowledges an INVITE: in the same transaction when it failed, in a new one when answered.
    pub(crate) fn ack(&mut self, at: CaptureTime, side: Side, invite: &Transaction, ok: bool) {
        let tag =
            if invite.to_tag.is_empty() { self.callee_tag.clone() } else { invite.to_tag.clone() };
        self.ack_tagged(at, side, invite, ok, &tag);
    }

    /// As [`Self::ack`], for the branch with this To tag.
    pub(crate) fn ack_tagged(
        &mut self,
        at: CaptureTime,
        side: Side,
        invite: &Transaction,
        ok: bool,
        tag: &str,
    ) {
        let mut ack =
            Transaction { method: "ACK".to_owned(), to_tag: tag.to_owned(), ..invite.clone() };
        if ok {
            let branch = self.branch();
            ack.via = via_line(self.transport(), invite.source, &branch);
        }
        self.send(at, side, &ack, &Parts::default());
    }

    /// Cancels an INVITE on its hop (RFC 3261 section 9.1: same branch and CSeq number).
    pub(crate) fn cancel(&mut self, at: CaptureTime, invite: &Transaction) -> Transaction {
        let cancel = Transaction { method: "CANCEL".to_owned(), ..invite.clone() };
        self.send(at, Side::Caller, &cancel, &Parts::default());
        cancel
    }

    /// A proxy passes a request on: one more Via on top (RFC 3261 section 16.6).
    pub(crate) fn forward(
        &mut self,
        at: CaptureTime,
        side: Side,
        request: &Transaction,
        proxy: Endpoint,
        destination: Endpoint,
        parts: &Parts,
    ) -> Transaction {
        let branch = self.branch();
        let forwarded = Transaction {
            via: via_line(self.transport(), proxy, &branch) + &request.via,
            source: proxy,
            destination,
            ..request.clone()
        };
        self.send(at, side, &forwarded, parts);
        forwarded
    }

    /// Captures the latest packet again, byte for byte: a retransmission.
    pub(crate) fn retransmit(&mut self, at: CaptureTime, side: Side, transaction: &Transaction) {
        let is_request = |packet: &&ScriptedPacket| {
            packet.bytes.starts_with(transaction.method.as_bytes())
                && packet.source == transaction.source
        };
        if let Some(packet) = self.packets.iter().rev().find(is_request) {
            let copy = ScriptedPacket { time: at, ..packet.clone() };
            self.tracker.request(at, &transaction.method, side, copy.source, copy.destination);
            self.packets.push(copy);
        }
    }

    /// Media in both directions from `from` to at most `until`; nothing when media is off.
    pub(crate) fn media(&mut self, from: CaptureTime, until: CaptureTime) {
        if self.rtp_pps == 0 || until <= from {
            return;
        }
        let rtp_period_ns = NS_PER_S / i64::from(self.rtp_pps) / 1_000 * 1_000;
        let (a, b) = (self.caller.media, self.callee.media);
        let next = |endpoint: Endpoint| Endpoint::new(endpoint.address, endpoint.port + 1);
        let flows =
            [(a, b, false), (b, a, false), (next(a), next(b), true), (next(b), next(a), true)];
        for (index, (source, destination, rtcp)) in flows.into_iter().enumerate() {
            let period_ns = if rtcp { RTCP_PERIOD_NS } else { rtp_period_ns.max(1_000) };
            let first = from.plus_ns(ms(3) * (index as i64 + 1));
            if first > until {
                continue;
            }
            let count = (until.since_ns(first) / period_ns + 1).min(i64::from(u32::MAX)) as u32;
            // Both directions of a stream have their own source; its RTCP shares it.
            let ssrc = (self.session as u32) << 1 | (index as u32 & 1);
            let burst = MediaBurst { first, period_ns, count, source, destination, ssrc, rtcp };
            self.tracker.media(burst.last());
            self.media.push(burst);
        }
    }

    /// The leg as the sensor named `sensor` sees it.
    pub(crate) fn finish(mut self, sensor: &str) -> ScriptedLeg {
        self.packets.sort_by_key(|packet| packet.time);
        number_segments(&mut self.packets);
        let truth =
            self.tracker.finish(sensor, &self.call_id, &self.caller.user, &self.callee.user);
        let is_register =
            self.packets.first().is_some_and(|packet| packet.bytes.starts_with(b"REGISTER"));
        let first_us = self.packets.first().map_or(0, |packet| packet.time.ns() / 1_000);
        ScriptedLeg {
            sensor: sensor.to_owned(),
            // The sniffer names the file of a REGISTER by its microsecond (run section 3).
            file_stem: if is_register { first_us.to_string() } else { self.call_id.clone() },
            call_id: self.call_id,
            packets: self.packets,
            media: self.media,
            truth,
        }
    }
}

/// Sequence numbers of the TCP packets of a leg, per direction.
fn number_segments(packets: &mut [ScriptedPacket]) {
    let mut sent: Vec<(Endpoint, Endpoint, u32)> = Vec::new();
    for packet in packets {
        let next = |sent: &[(Endpoint, Endpoint, u32)], from, to| {
            sent.iter().find(|(a, b, _)| (*a, *b) == (from, to)).map_or(1, |entry| entry.2)
        };
        if let Wire::Tcp { sequence, acknowledgement } = &mut packet.wire {
            let (source, destination) = (packet.source, packet.destination);
            *sequence = next(&sent, source, destination);
            *acknowledgement = next(&sent, destination, source);
            let end = sequence.wrapping_add(packet.bytes.len() as u32);
            sent.retain(|(a, b, _)| (*a, *b) != (source, destination));
            sent.push((source, destination, end));
        }
    }
}
