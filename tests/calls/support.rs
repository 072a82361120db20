//! Legs written as scenarios: who sends what to whom, when. The truth stands beside each in its test.

use respool::base::{CaptureId, CaptureTime, Endpoint, RecordRef, SensorId};
use respool::call::{Evidence, Grouping, Outlines, RuleTable, group, outline_all};
use respool::leg::{
    FactKey, Identifier, IdentifierKind, InviteParties, Leg, MessageKind, Sighting, ViaBranch,
};
use respool::sip::Method;

/// The moment `seconds` after the epoch of the scenarios.
pub(crate) fn at(seconds: f64) -> CaptureTime {
    CaptureTime::from_ns(1_704_067_200_000_000_000 + (seconds * 1e9).round() as i64)
}

/// `a` is 10.0.0.97:5060 and so on; anything else is parsed.
pub(crate) fn end(name: &str) -> Endpoint {
    match name.as_bytes() {
        [letter] => Endpoint::new([10, 0, 0, *letter].into(), 5060),
        _ => {
            let socket: std::net::SocketAddr = name.parse().expect("an address");
            Endpoint::new(socket.ip(), socket.port())
        }
    }
}

/// Builds one leg: caller's element, callee's element, numbers.
#[derive(Clone, Debug)]
pub(crate) struct Scenario {
    pub(crate) leg: Leg,
    call_id: String,
    caller: Endpoint,
    callee: Endpoint,
    record: u32,
    from_tag: String,
    to_tag: String,
}

impl Scenario {
    pub(crate) fn new(call_id: &str, caller: &str, callee: &str) -> Self {
        Self::on_sensor(0, call_id, caller, callee)
    }

    pub(crate) fn on_sensor(sensor: u16, call_id: &str, caller: &str, callee: &str) -> Self {
        Self {
            leg: Leg::new(SensorId(sensor), call_id.as_bytes()),
            call_id: call_id.to_owned(),
            caller: end(caller),
            callee: end(callee),
            record: 0,
            from_tag: format!("f-{call_id}"),
            to_tag: format!("t-{call_id}"),
        }
    }

    pub(crate) fn tags(mut self, from: &str, to: &str) -> Self {
        self.from_tag = from.to_owned();
        self.to_tag = to.to_owned();
        self
    }

    pub(crate) fn record(&mut self) -> RecordRef {
        self.record += 1;
        RecordRef { capture: CaptureId::default(), index: self.record }
    }

    /// Adds one message; `forward` is from the caller's element.
    pub(crate) fn message(
        &mut self,
        seconds: f64,
        forward: bool,
        kind: MessageKind,
        cseq: (u32, Method),
        in_dialog: bool,
    ) {
        self.message_of(seconds, forward, kind, cseq, in_dialog, None);
    }

    fn message_of(
        &mut self,
        seconds: f64,
        forward: bool,
        kind: MessageKind,
        cseq: (u32, Method),
        in_dialog: bool,
        parties: Option<&InviteParties<'_>>,
    ) {
        let (source, destination) =
            if forward { (self.caller, self.callee) } else { (self.callee, self.caller) };
        // A request of the callee carries the tags the other way round.
        let is_callee_transaction = match kind {
            MessageKind::Request(_) => !forward,
            MessageKind::Response(_) => forward,
        };
        let to_tag = if in_dialog { self.to_tag.clone() } else { String::new() };
        let (from_tag, to_tag) = if is_callee_transaction {
            (to_tag, self.from_tag.clone())
        } else {
            (self.from_tag.clone(), to_tag)
        };
        let branch = format!("z9hG4bK{}{}", self.call_id, cseq.0);
        let key = FactKey {
            cseq_number: cseq.0,
            kind,
            cseq_method: cseq.1,
            from_tag: from_tag.as_bytes(),
            to_tag: to_tag.as_bytes(),
            branch: ViaBranch::new(branch.as_bytes()),
            source,
            destination,
            auth_failed: false,
            has_sdp: false,
        };
        let record = self.record();
        self.leg.add_message(&key, parties, at(seconds), record);
    }

    pub(crate) fn invite(mut self, seconds: f64, from: &str, to: &str) -> Self {
        let parties = InviteParties {
            from_user: from.as_bytes(),
            to_user: to.as_bytes(),
            request_user: to.as_bytes(),
            ..InviteParties::default()
        };
        self.message_of(
            seconds,
            true,
            MessageKind::Request(Method::Invite),
            (1, Method::Invite),
            false,
            Some(&parties),
        );
        self.say(seconds, IdentifierKind::RequestUri, &format!("{to}@example.com"))
    }

    pub(crate) fn ring(mut self, seconds: f64) -> Self {
        self.message(seconds, false, MessageKind::Response(180), (1, Method::Invite), true);
        self
    }

    pub(crate) fn answer(self, seconds: f64) -> Self {
        self.fail(seconds, 200)
    }

    /// A final response to the INVITE.
    pub(crate) fn fail(mut self, seconds: f64, status: u16) -> Self {
        self.message(seconds, false, MessageKind::Response(status), (1, Method::Invite), true);
        self
    }

    pub(crate) fn cancel(mut self, seconds: f64) -> Self {
        self.message(
            seconds,
            true,
            MessageKind::Request(Method::Cancel),
            (1, Method::Cancel),
            false,
        );
        self.fail(seconds + 0.1, 487)
    }

    pub(crate) fn bye(mut self, seconds: f64, by_caller: bool) -> Self {
        self.message(seconds, by_caller, MessageKind::Request(Method::Bye), (9, Method::Bye), true);
        self.message(
            seconds + 0.05,
            !by_caller,
            MessageKind::Response(200),
            (9, Method::Bye),
            true,
        );
        self
    }

    /// An identifier in a message of the caller's side, CSeq 1.
    pub(crate) fn say(self, seconds: f64, kind: IdentifierKind, value: &str) -> Self {
        self.said(seconds, true, 1, kind, value)
    }

    pub(crate) fn said(
        mut self,
        seconds: f64,
        forward: bool,
        cseq: u32,
        kind: IdentifierKind,
        value: &str,
    ) -> Self {
        let said_by = if forward { self.caller } else { self.callee };
        let record = self.record();
        let sighting = Sighting { first: at(seconds), last: at(seconds), record };
        let identifier = Identifier { kind, value: value.as_bytes(), said_by, cseq };
        self.leg.add_identifier(identifier, sighting);
        self
    }

    /// A REFER with its response, 0.1 s later.
    pub(crate) fn refer(
        mut self,
        seconds: f64,
        by_caller: bool,
        cseq: u32,
        target: &str,
        status: u16,
    ) -> Self {
        let transaction = (cseq, Method::Refer);
        self.message(seconds, by_caller, MessageKind::Request(Method::Refer), transaction, true);
        self.message(seconds + 0.1, !by_caller, MessageKind::Response(status), transaction, true);
        self.said(seconds, by_caller, cseq, IdentifierKind::ReferTo, target)
    }

    /// NOTIFY with the status in its sipfrag, from the transferee.
    pub(crate) fn notify(self, seconds: f64, by_caller: bool, cseq: u32, status: u16) -> Self {
        let text = status.to_string();
        self.said(seconds, by_caller, cseq, IdentifierKind::SipfragStatus, &text)
    }

    /// An answered call: INVITE, 200 after `ring`, BYE at `until` by the caller.
    pub(crate) fn talk(self, start: f64, ring: f64, until: f64, from: &str, to: &str) -> Self {
        self.invite(start, from, to).ring(start + 0.1).answer(start + ring).bye(until, true)
    }
}

/// Legs of scenarios.
pub(crate) fn legs(scenarios: &[Scenario]) -> Vec<Leg> {
    scenarios.iter().map(|scenario| scenario.leg.clone()).collect()
}

/// What a run knows.
pub(crate) struct Run {
    pub(crate) outlines: Outlines,
    pub(crate) grouping: Grouping,
}

pub(crate) fn run_with(scenarios: &[Scenario], table: &RuleTable) -> Run {
    let outlines = outline_all(&legs(scenarios));
    let grouping = group(&outlines, table);
    Run { outlines, grouping }
}

pub(crate) fn run(scenarios: &[Scenario]) -> Run {
    run_with(scenarios, &RuleTable::default())
}

impl Run {
    /// Calls as sorted lists of Call-IDs.
    pub(crate) fn calls(&self) -> Vec<Vec<String>> {
        let name = |leg: &u32| String::from_utf8(self.outlines.at(*leg).call_id.to_vec()).unwrap();
        self.grouping.groups.iter().map(|group| group.legs.iter().map(name).collect()).collect()
    }

    pub(crate) fn joined(&self) -> Vec<Evidence> {
        self.grouping.evidence.iter().filter(|found| found.is_joined()).collect()
    }
}

/// The calls that a scenario must give, by Call-ID: `a+b c` is two calls.
pub(crate) fn check(scenarios: &[Scenario], expect: &str) -> Run {
    let run = run(scenarios);
    expect_calls(&run, expect);
    run
}

pub(crate) fn expect_calls(run: &Run, expect: &str) {
    let mut expected: Vec<Vec<String>> =
        expect.split(' ').map(|call| call.split('+').map(str::to_owned).collect()).collect();
    let mut found = run.calls();
    found.sort();
    expected.sort();
    let evidence: Vec<String> = run
        .grouping
        .evidence
        .iter()
        .map(|e| format!("{} {} {}-{} {:?}", e.rule, e.class, e.left, e.right, e.joined))
        .collect();
    assert_eq!(found, expected, "evidence: {evidence:#?}");
}
