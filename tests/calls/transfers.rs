//! Transfers, pickups and redirections of every kind, done, refused and failed; look-alikes.

use super::support::*;
use respool::call::{Class, RuleName, StoryKind, Transfer, TransferKind, TransferOutcome, merge};
use respool::leg::IdentifierKind::*;

/// 100 calls 200: a to b, answered.
fn first() -> Scenario {
    Scenario::new("x", "a", "b").invite(0.0, "100", "200").ring(0.5).answer(2.0)
}

fn transfers(run: &Run) -> Vec<Transfer> {
    merge(&run.outlines, &run.grouping, &[])
        .calls
        .into_iter()
        .flat_map(|call| call.story)
        .filter_map(|event| match event.kind {
            StoryKind::Transferred(transfer) => Some(transfer),
            _ => None,
        })
        .collect()
}

fn expect_transfer(
    run: &Run,
    kind: TransferKind,
    parties: [&str; 3],
    outcome: TransferOutcome,
    new_leg: Option<u32>,
) {
    let [transferor, transferee, target] = parties.map(|party| party.as_bytes().to_vec());
    let expected = Transfer { kind, transferor, transferee, target, outcome, new_leg };
    assert_eq!(transfers(run), [expected]);
}

#[test]
fn blind_transfer_by_the_callee() {
    // 200 sends 100 to 300.
    let x = first()
        .refer(10.0, false, 2, "300@example.com", 202)
        .notify(12.5, true, 3, 200)
        .bye(13.0, false);
    let y = Scenario::new("y", "a", "c").talk(10.5, 2.0, 60.0, "100", "300");
    let run = check(&[x.clone(), y.clone()], "x+y");
    assert_eq!(run.joined()[0].class, Class::Strong);
    let done = TransferOutcome::Completed;
    expect_transfer(&run, TransferKind::Blind, ["200", "100", "300"], done, Some(1));
    // With Referred-By on both it is proof.
    let said = x.clone().said(10.0, false, 2, ReferredBy, "200@example.com");
    let named = y.clone().say(10.5, ReferredBy, "200@example.com");
    let run = check(&[said.clone(), named], "x+y");
    assert_eq!(run.joined()[0].class, Class::Proof);
    // Look-alikes: other referrer, other target, other caller, before, too late, another element.
    check(&[said, y.clone().say(10.5, ReferredBy, "201@example.com")], "x y");
    check(&[x.clone(), Scenario::new("y", "a", "c").talk(10.5, 2.0, 60.0, "100", "301")], "x y");
    check(&[x.clone(), Scenario::new("y", "a", "c").talk(10.5, 2.0, 60.0, "101", "300")], "x y");
    check(&[x.clone(), Scenario::new("y", "a", "c").talk(9.5, 2.0, 60.0, "100", "300")], "x y");
    check(&[x.clone(), Scenario::new("y", "a", "c").talk(42.2, 2.0, 60.0, "100", "300")], "x y");
    check(&[x.clone(), Scenario::new("y", "d", "c").talk(10.5, 2.0, 60.0, "100", "300")], "x y");
    // The caller dials the target again: the first INVITE was the transfer.
    let again = Scenario::new("z", "a", "c").talk(20.0, 2.0, 60.0, "100", "300");
    check(&[x, y, again], "x+y z");
}

#[test]
fn blind_transfer_by_the_caller() {
    let x = first().refer(10.0, true, 2, "300@example.com", 202).bye(11.0, true);
    let y = Scenario::new("y", "b", "c").talk(10.5, 2.0, 60.0, "200", "300");
    let run = check(&[x, y], "x+y");
    expect_transfer(
        &run,
        TransferKind::Blind,
        ["100", "200", "300"],
        TransferOutcome::Completed,
        Some(1),
    );
}

#[test]
fn refused_and_failed_transfers_join_nothing() {
    let y = || Scenario::new("y", "a", "c").talk(10.5, 2.0, 60.0, "100", "300");
    let refused = first().refer(10.0, false, 2, "300@example.com", 603).bye(60.0, true);
    let run = check(&[refused.clone(), y()], "x y");
    expect_transfer(
        &run,
        TransferKind::Blind,
        ["200", "100", "300"],
        TransferOutcome::Refused(603),
        None,
    );
    let failed = first()
        .refer(10.0, false, 2, "300@example.com", 202)
        .notify(12.0, true, 3, 100)
        .notify(15.0, true, 4, 486)
        .bye(60.0, true);
    let busy = Scenario::new("y", "a", "c").invite(10.5, "100", "300").fail(14.0, 486);
    let run = check(&[failed.clone(), busy], "x y");
    expect_transfer(
        &run,
        TransferKind::Blind,
        ["200", "100", "300"],
        TransferOutcome::Failed(486),
        None,
    );
    // Refused, then accepted: only the second joins.
    let second = refused.refer(20.0, false, 3, "300@example.com", 202).notify(24.0, true, 5, 200);
    let z = Scenario::new("z", "a", "c").talk(20.5, 2.0, 60.0, "100", "300");
    check(&[second, y(), z], "x+z y");
    // Failed, then done.
    let second = failed.refer(30.0, false, 3, "400@example.com", 202).notify(34.0, true, 5, 200);
    let z = Scenario::new("z", "a", "d").talk(30.5, 2.0, 60.0, "100", "400");
    check(&[second, z], "x+z");
}

/// 100 talks to 200; 200 consults 300 (leg c) and refers 100 to it (leg n replaces c).
fn attended(answer: Option<f64>, refer: u16, notify: u16) -> [Scenario; 3] {
    let x = first().refer(20.0, false, 2, "300@example.com", refer).said(
        20.0,
        false,
        2,
        ReferToReplaces,
        "c;t-c;f-c",
    );
    let x = x.notify(21.0, true, 3, notify).bye(22.0, false);
    let c = Scenario::new("c", "b", "c").invite(10.0, "200", "300").ring(10.5);
    let c = match answer {
        Some(time) => c.answer(time).bye(21.5, false),
        None => c.cancel(21.5),
    };
    let n = Scenario::new("n", "a", "c").say(20.5, Replaces, "c;t-c;f-c");
    let n = if notify < 300 {
        n.talk(20.5, 0.2, 60.0, "100", "300")
    } else {
        n.invite(20.5, "100", "300").fail(20.6, notify)
    };
    [x, c, n]
}

#[test]
fn attended_and_semi_attended() {
    let run = check(&attended(Some(12.0), 202, 200), "c+n+x");
    assert!(run.joined().iter().all(|found| found.class == Class::Proof));
    let done = TransferOutcome::Completed;
    expect_transfer(&run, TransferKind::Attended, ["200", "100", "300"], done, Some(1));
    assert_eq!(run.grouping.conflicts, []);
    let run = check(&attended(None, 202, 200), "c+n+x");
    expect_transfer(&run, TransferKind::SemiAttended, ["200", "100", "300"], done, Some(1));
    // The target's leg was not captured.
    let [x, c, _] = attended(Some(12.0), 202, 200);
    check(&[x, c], "c+x");
}

#[test]
fn attended_refused_and_failed() {
    let [x, c, _] = attended(Some(12.0), 603, 200);
    check(&[x, c], "c x");
    check(&attended(Some(12.0), 202, 481), "c n x");
    // A consultation with the same Call-ID and other tags.
    let [x, _, _] = attended(Some(12.0), 202, 200);
    let other =
        Scenario::new("c", "b", "c").tags("other", "tags").talk(10.0, 2.0, 21.5, "200", "300");
    check(&[x, other], "c x");
}

#[test]
fn a_refer_outside_the_dialog_names_it() {
    let x = first().bye(60.0, true);
    let refer = |dialog: &str, status| {
        Scenario::new("r", "d", "a").refer(10.0, true, 1, "300@example.com", status).said(
            10.0,
            true,
            1,
            TargetDialog,
            dialog,
        )
    };
    let run = check(&[x.clone(), refer("x;f-x;t-x", 202)], "r+x");
    assert_eq!(run.joined()[0].class, Class::Proof);
    check(&[x.clone(), refer("x;f-x;other", 202)], "r x");
    check(&[x, refer("x;f-x;t-x", 403)], "r x");
    // A Call-ID in the Refer-To says which Call-ID the new INVITE must use.
    let x = first()
        .refer(10.0, false, 2, "300@example.com", 202)
        .said(10.0, false, 2, TargetDialog, "y")
        .bye(13.0, false);
    let y = Scenario::new("y", "q", "c").talk(10.5, 2.0, 60.0, "777", "300");
    check(&[x, y], "x+y");
}

#[test]
fn pickup_takes_a_ringing_call_only() {
    let ringing = Scenario::new("x", "a", "b").invite(0.0, "100", "200").ring(0.5);
    let pick = |time: f64| {
        Scenario::new("p", "c", "a")
            .say(time, Replaces, "x;t-x;f-x;early-only")
            .talk(time, 0.2, 60.0, "300", "100")
    };
    let run = check(&[ringing.clone().cancel(5.3), pick(5.0)], "p+x");
    let story = merge(&run.outlines, &run.grouping, &[]).calls[0].story.clone();
    let picked = StoryKind::PickedUp(b"300".to_vec(), 1);
    assert!(story.iter().any(|event| event.kind == picked), "{story:#?}");
    // Answered a second earlier: the pickup must be refused, and joins nothing.
    check(&[ringing.answer(4.0).bye(60.0, true), pick(5.0)], "p x");
}

#[test]
fn redirection_with_a_new_call_id() {
    let x = Scenario::new("x", "a", "p").invite(0.0, "100", "200").fail(0.3, 302).said(
        0.3,
        false,
        1,
        RedirectContact,
        "300@example.net",
    );
    let y = Scenario::new("y", "a", "c").talk(0.5, 2.0, 60.0, "100", "300");
    let run = check(&[x.clone(), y], "x+y");
    assert_eq!((run.joined()[0].rule, run.joined()[0].class), (RuleName::Redirect, Class::Strong));
    let story = merge(&run.outlines, &run.grouping, &[]).calls[0].story.clone();
    let sent_on = StoryKind::Redirected(b"300".to_vec(), Some(1));
    assert!(story.iter().any(|event| event.kind == sent_on), "{story:#?}");
    for y in [
        Scenario::new("y", "a", "c").talk(0.5, 2.0, 60.0, "100", "301"),
        Scenario::new("y", "a", "c").talk(0.5, 2.0, 60.0, "101", "300"),
        Scenario::new("y", "d", "c").talk(0.5, 2.0, 60.0, "100", "300"),
        Scenario::new("y", "a", "c").talk(32.4, 2.0, 60.0, "100", "300"),
        Scenario::new("y", "a", "c").talk(0.2, 2.0, 60.0, "100", "300"),
    ] {
        check(&[x.clone(), y], "x y");
    }
}

#[test]
fn redirection_with_the_same_call_id_is_one_leg() {
    let x = Scenario::new("x", "a", "p").invite(0.0, "100", "200").fail(0.3, 302).said(
        0.3,
        false,
        1,
        RedirectContact,
        "300@example.net",
    );
    let run = check(&[x], "x");
    let story = merge(&run.outlines, &run.grouping, &[]).calls[0].story.clone();
    assert!(story.iter().any(|event| event.kind == StoryKind::Redirected(b"300".to_vec(), None)));
}

#[test]
fn bye_with_also() {
    let x = first().bye(10.0, false).said(10.0, false, 9, Also, "300@example.com");
    let y = Scenario::new("y", "a", "c").talk(10.4, 2.0, 60.0, "100", "300");
    let run = check(&[x.clone(), y], "x+y");
    expect_transfer(
        &run,
        TransferKind::Also,
        ["200", "100", "300"],
        TransferOutcome::Completed,
        Some(1),
    );
    check(&[x.clone(), Scenario::new("y", "a", "c").talk(10.4, 2.0, 60.0, "100", "301")], "x y");
    check(&[x, Scenario::new("y", "d", "c").talk(10.4, 2.0, 60.0, "100", "300")], "x y");
}

#[test]
fn transfer_by_re_invite_alone() {
    // The element p joins 100 and 200, then moves 100 to 300 by re-INVITEs: media says so.
    let (a, b, c) = ("203.0.113.1:4000", "203.0.113.2:4000", "203.0.113.3:4000");
    let x = Scenario::new("x", "a", "p").talk(0.0, 2.0, 60.0, "100", "200");
    let x = x.say(0.0, MediaAddress, a).said(2.0, false, 1, MediaAddress, b).said(
        22.0,
        false,
        2,
        MediaAddress,
        c,
    );
    let y = Scenario::new("y", "p", "b")
        .say(0.1, MediaAddress, a)
        .said(1.9, false, 1, MediaAddress, b)
        .talk(0.1, 1.8, 23.0, "100", "200");
    let z = Scenario::new("z", "p", "c")
        .say(20.0, MediaAddress, a)
        .said(21.9, false, 1, MediaAddress, c)
        .talk(20.0, 1.9, 60.0, "100", "300");
    let run = check(&[x.clone(), y.clone(), z], "x+y+z");
    assert_eq!(run.grouping.conflicts, []);
    expect_transfer(
        &run,
        TransferKind::ReInvite,
        ["200", "100", "300"],
        TransferOutcome::Completed,
        Some(2),
    );
    // Nobody re-INVITEd 100 to the media of 300.
    let other = Scenario::new("z", "p", "c")
        .say(20.0, MediaAddress, a)
        .said(21.9, false, 1, MediaAddress, "203.0.113.4:4000")
        .talk(20.0, 1.9, 60.0, "500", "300");
    check(&[x, y, other], "x+y z");
}

#[test]
fn parties_over_time() {
    let x = first()
        .refer(10.0, false, 2, "300@example.com", 202)
        .notify(12.5, true, 3, 200)
        .bye(13.0, false);
    let y = Scenario::new("y", "a", "c").talk(10.5, 2.0, 60.0, "100", "300");
    let run = check(&[x, y], "x+y");
    let call = merge(&run.outlines, &run.grouping, &[]).calls.remove(0);
    let spans: Vec<(String, _, _)> = call
        .parties
        .iter()
        .map(|span| (String::from_utf8(span.party.clone()).unwrap(), span.from, span.until))
        .collect();
    let expect = [
        ("100".to_owned(), at(0.0), at(60.05)),
        ("200".to_owned(), at(2.0), at(13.05)),
        ("300".to_owned(), at(12.5), at(60.05)),
    ];
    assert_eq!(spans, expect);
}

#[test]
fn semi_attended_without_replaces() {
    // 200 rings 300, gives up, and refers 100 to 300.
    let x = first()
        .refer(12.0, false, 2, "300@example.com", 202)
        .notify(15.0, true, 3, 200)
        .bye(16.0, false);
    let consultation = |start: f64, cancel: f64| {
        Scenario::new("c", "b", "c").invite(start, "200", "300").ring(start + 0.2).cancel(cancel)
    };
    let n = Scenario::new("n", "a", "c").talk(12.5, 2.0, 60.0, "100", "300");
    let run = check(&[x.clone(), consultation(8.0, 11.8), n.clone()], "c+n+x");
    let done = TransferOutcome::Completed;
    expect_transfer(&run, TransferKind::SemiAttended, ["200", "100", "300"], done, Some(1));
    // Given up long before, by another, or for a transfer that was refused.
    check(&[x.clone(), consultation(5.0, 9.0), n.clone()], "c n+x");
    let other = Scenario::new("c", "d", "c").invite(8.0, "201", "300").ring(8.2).cancel(11.8);
    check(&[x, other, n], "c n+x");
    let refused = first().refer(12.0, false, 2, "300@example.com", 603).bye(60.0, true);
    check(&[refused, consultation(8.0, 11.8)], "c x");
}

#[test]
fn sides_are_told_by_tag_where_one_address_serves_both() {
    // Both telephones sit behind the element s.
    let x = Scenario::new("x", "s", "s").invite(0.0, "100", "200").answer(2.0);
    let x = x.refer(10.0, false, 2, "300@example.com", 202).bye(13.0, false);
    let y = Scenario::new("y", "s", "c").talk(10.5, 2.0, 60.0, "100", "300");
    let run = check(&[x, y], "x+y");
    expect_transfer(
        &run,
        TransferKind::Blind,
        ["200", "100", "300"],
        TransferOutcome::Completed,
        Some(1),
    );
}
