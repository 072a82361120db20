//! One call in words: its legs, who was in it and when, who transferred whom, and why its legs are one
//! call. In: the calls of a run and what the edge knows about files. Out: lines of text; escaped.

use super::explain::{PlaceOf, printable, refusal_with_names, seconds};
use super::format::local_s;
use crate::base::{CaptureTime, SensorId};
use crate::call::{
    Call, Compared, Evidence, Grouping, LegOutline, MergedCalls, Outlines, RuleTable, StoryEvent,
    StoryKind, Told, Transfer, TransferOutcome,
};
use jiff::tz::TimeZone;
use std::fmt::Write;

/// Longest line of evidence that still is one line.
const LINE_MAX: usize = 100;

/// The calls of a run, and what the edge knows about them.
#[derive(Clone, Copy)]
pub struct CallsView<'a> {
    /// The legs by number.
    pub outlines: &'a Outlines,
    /// How they were joined.
    pub grouping: &'a Grouping,
    /// The rules that joined them.
    pub rules: &'a RuleTable,
    /// The calls.
    pub merged: &'a MergedCalls,
    /// Names of the sensors by number; the unnamed one is empty.
    pub sensors: &'a [String],
    /// The zone in which moments are told.
    pub zone: &'a TimeZone,
    /// Where a record is.
    pub place_of: PlaceOf<'a>,
}

impl<'a> CallsView<'a> {
    /// A leg by its number.
    #[must_use]
    pub fn leg(&self, leg: u32) -> Option<LegOutline<'a>> {
        self.outlines.get(leg)
    }

    /// The values that evidence compared.
    #[must_use]
    pub fn told(&self, found: &Evidence) -> Told {
        self.grouping.told(self.outlines, self.rules, found)
    }

    /// The Call-ID of a leg, escaped, with its sensor where that has a name.
    #[must_use]
    pub fn leg_name(&self, leg: u32) -> String {
        self.leg(leg).map_or_else(String::new, |outline| {
            let call_id = printable(outline.call_id);
            match self.sensor(outline.sensor) {
                "" => call_id,
                sensor => format!("{call_id} (sensor {})", printable(sensor.as_bytes())),
            }
        })
    }

    fn sensor(&self, sensor: SensorId) -> &str {
        self.sensors.get(usize::from(sensor.0)).map_or("", String::as_str)
    }

    /// The legs of a call by start: the first one is leg 1.
    #[must_use]
    pub fn by_start(&self, call: &Call) -> Vec<u32> {
        let mut legs = call.legs.clone();
        legs.sort_by_key(|leg| (self.leg(*leg).map(|outline| outline.started.time), *leg));
        legs
    }

    /// The evidence that joined a call.
    pub fn evidence_of<'c>(&'c self, call: &'c Call) -> impl Iterator<Item = Evidence> + use<'c> {
        call.evidence.iter().filter_map(|place| self.grouping.evidence.get(*place))
    }
}

/// `leg 2`, counted within the call by start; a leg of another call goes by its name.
struct Numbers<'a> {
    view: CallsView<'a>,
    order: Vec<u32>,
}

impl Numbers<'_> {
    fn place(&self, leg: u32) -> Option<usize> {
        self.order.iter().position(|other| *other == leg)
    }

    fn name(&self, leg: u32) -> String {
        match self.place(leg) {
            Some(place) => format!("leg {}", place + 1),
            None => format!("leg {}", self.view.leg_name(leg)),
        }
    }
}

/// A party for a person.
#[must_use]
pub fn party(number: &[u8]) -> String {
    if number.is_empty() { "(no number)".to_owned() } else { printable(number) }
}

/// Whose call it was, and when.
#[must_use]
pub fn call_heading(view: CallsView<'_>, call: &Call) -> String {
    let order = view.by_start(call);
    let first = order.first().and_then(|leg| view.leg(*leg));
    let (caller, called) = first.map_or((&[][..], &[][..]), |leg| (leg.caller, leg.called));
    let lasted = seconds(call.ended.since_ns(call.started));
    format!(
        "{} to {}, {}, {lasted}",
        party(caller),
        party(called),
        local_s(call.started, view.zone)
    )
}

/// The legs of a call, a line each, numbered by start.
#[must_use]
pub fn legs_text(view: CallsView<'_>, call: &Call) -> String {
    let mut text = String::new();
    for (number, leg) in (1usize..).zip(view.by_start(call)) {
        let Some(outline) = view.leg(leg) else { continue };
        let after = seconds(outline.started.time.since_ns(call.started));
        line(&mut text, &format!("  leg {number}  {}", view.leg_name(leg)));
        let (ends, outcome) = (ends_text(&outline), outcome_text(&outline, call.started));
        line(&mut text, &format!("         at {after}: {ends}"));
        line(&mut text, &format!("         {outcome}"));
    }
    text
}

/// Who called whom. A leg without INVITE says what it is.
fn ends_text(leg: &LegOutline<'_>) -> String {
    let LegOutline { source, destination, .. } = leg;
    if leg.has_invite {
        return format!(
            "{} at {source} to {} at {destination}",
            party(leg.caller),
            party(leg.called)
        );
    }
    format!("REFER under a Call-ID of its own, from {source} to {destination}")
}

fn outcome_text(leg: &LegOutline<'_>, started: CaptureTime) -> String {
    if !leg.has_invite {
        return "no INVITE: neither CDR nor channel, evidence only".to_owned();
    }
    let after = |moment: CaptureTime| seconds(moment.since_ns(started));
    let end = after(leg.ended);
    match (leg.answered, leg.failed) {
        (Some(answer), _) => format!("answered at {}, over at {end}", after(answer.time)),
        (None, Some(failure)) => {
            format!("ended with {} at {}", failure.status, after(failure.seen.time))
        }
        (None, None) => format!("never answered, last seen at {end}"),
    }
}

/// A leg in three lines: its name, who called whom, when and how it ended.
#[must_use]
pub fn leg_text(view: CallsView<'_>, leg: u32) -> [String; 3] {
    view.leg(leg).map_or_else(Default::default, |outline| {
        let started = local_s(outline.started.time, view.zone);
        let outcome = outcome_text(&outline, outline.started.time);
        [view.leg_name(leg), ends_text(&outline), format!("{started}, {outcome}")]
    })
}

/// Who was in the call, from when until when.
#[must_use]
pub fn parties_text(call: &Call) -> String {
    let mut text = String::new();
    for span in &call.parties {
        let after = |moment: CaptureTime| seconds(moment.since_ns(call.started));
        let (from, until) = (after(span.from), after(span.until));
        line(&mut text, &format!("  {} from {from} until {until}", party(&span.party)));
    }
    text
}

/// Why the legs of a call are one call: rule, values, records.
#[must_use]
pub fn evidence_text(view: CallsView<'_>, call: &Call) -> String {
    let numbers = Numbers { view, order: view.by_start(call) };
    let mut text = String::new();
    for found in view.evidence_of(call) {
        let (mut left, mut right) = (numbers.name(found.left), numbers.name(found.right));
        let Told { mut compared, records } = view.told(&found);
        if numbers.place(found.left) > numbers.place(found.right) {
            std::mem::swap(&mut left, &mut right);
            compared.iter_mut().for_each(Compared::mirror);
        }
        compared.retain(|pair| !pair.left.is_empty() || !pair.right.is_empty());
        let head = format!("  {left} and {right} by {} ({})", found.rule, found.class);
        let whole = format!("{head}: {}", compared_line(&compared));
        if whole.chars().count() <= LINE_MAX {
            line(&mut text, &whole);
        } else {
            line(&mut text, &head);
            for pair in &compared {
                let values = compared_line(std::slice::from_ref(pair));
                line(&mut text, &format!("      {values}"));
            }
        }
        for record in &records {
            line(
                &mut text,
                &format!("      at {}", printable((view.place_of)(*record).as_bytes())),
            );
        }
    }
    text
}

/// Values compared in one line: equal ones once, others side by side.
#[must_use]
pub fn compared_line(compared: &[Compared]) -> String {
    let shown = |value: &[u8]| {
        if value.is_empty() { "(none)".to_owned() } else { printable(value) }
    };
    let parts: Vec<String> = compared
        .iter()
        .map(|pair| {
            let (left, right) = (shown(&pair.left), shown(&pair.right));
            if left == right {
                format!("{} {left}", pair.what)
            } else {
                format!("{} {left} | {right}", pair.what)
            }
        })
        .collect();
    parts.join("; ")
}

/// Two legs that evidence ties, and why it did not join them.
#[must_use]
pub fn pair_text(view: CallsView<'_>, found: &Evidence) -> String {
    let names = [found.left, found.right].map(|leg| view.leg_name(leg));
    let name_of = |leg| view.leg_name(leg);
    let why = found.joined.as_ref().err().map(|why| refusal_with_names(why, &name_of));
    let tail = why.map(|why| format!(": {why}")).unwrap_or_default();
    format!("{} and {} by {} ({}){tail}", names[0], names[1], found.rule, found.class)
}

/// What happened in a call, by time.
#[must_use]
pub fn story_text(view: CallsView<'_>, call: &Call) -> String {
    let numbers = Numbers { view, order: view.by_start(call) };
    let mut text = String::new();
    for event in &call.story {
        let after = seconds(event.moment.time.since_ns(call.started));
        let leg = numbers.name(event.leg);
        line(&mut text, &format!("  {after} {leg}: {}", event_line(&numbers, event)));
    }
    text
}

/// An event in words, with legs numbered as in [`legs_text`].
#[must_use]
pub fn event_text(view: CallsView<'_>, call: &Call, event: &StoryEvent) -> String {
    event_line(&Numbers { view, order: view.by_start(call) }, event)
}

fn event_line(numbers: &Numbers<'_>, event: &StoryEvent) -> String {
    match &event.kind {
        StoryKind::Invited(from, to) => format!("{} calls {}", party(from), party(to)),
        StoryKind::Redirected(to, Some(leg)) if *leg != event.leg => {
            format!("sent on to {} ({})", party(to), numbers.name(*leg))
        }
        StoryKind::Redirected(to, _) => format!("sent on to {}", party(to)),
        StoryKind::PickedUp(by, leg) => format!("{} takes over {}", party(by), numbers.name(*leg)),
        StoryKind::Answered(by) => format!("{} answers", party(by)),
        StoryKind::Transferred(transfer) => transfer_text(numbers, transfer),
        StoryKind::Cancelled => "cancelled".to_owned(),
        StoryKind::Failed(status) => format!("failed with {status}"),
        StoryKind::HungUp(by) => format!("{} hangs up", party(by)),
    }
}

fn transfer_text(numbers: &Numbers<'_>, transfer: &Transfer) -> String {
    let outcome = match transfer.outcome {
        TransferOutcome::Completed => "done".to_owned(),
        TransferOutcome::Refused(status) => format!("refused with {status}"),
        TransferOutcome::Failed(status) => format!("failed with {status}"),
        TransferOutcome::Unknown => "outcome not seen".to_owned(),
    };
    let leg = transfer.new_leg.map(|leg| format!(", {}", numbers.name(leg))).unwrap_or_default();
    format!(
        "{} transfers {} to {} ({}, {outcome}{leg})",
        party(&transfer.transferor),
        party(&transfer.transferee),
        party(&transfer.target),
        transfer.kind.name(),
    )
}

/// Everything about one call but its ladder.
#[must_use]
pub fn call_text(view: CallsView<'_>, call: &Call) -> String {
    let mut text = String::new();
    line(&mut text, &call_heading(view, call));
    let connected = match call.result.is_answered {
        true => format!("answered, connected for {}", seconds(call.connected_ns)),
        false => "not answered".to_owned(),
    };
    line(&mut text, &format!("{connected}, last response {}", call.result.last_response));
    section(&mut text, &format!("{} of one call", counted_legs(call)), &legs_text(view, call));
    section(&mut text, "Who was in it", &parties_text(call));
    section(&mut text, "What happened", &story_text(view, call));
    let why = evidence_text(view, call);
    if why.is_empty() {
        section(
            &mut text,
            "Why these legs",
            "  no other leg belongs to it by any rule that joins\n",
        );
    } else {
        section(&mut text, "Why these legs", &why);
    }
    text
}

fn counted_legs(call: &Call) -> String {
    match call.legs.len() {
        1 => "The only leg".to_owned(),
        count => format!("The {count} legs"),
    }
}

fn section(text: &mut String, heading: &str, body: &str) {
    line(text, "");
    line(text, heading);
    text.push_str(body);
}

pub(super) fn line(text: &mut String, content: &str) {
    // Writing to a string does not fail.
    let _ = writeln!(text, "{content}");
}
