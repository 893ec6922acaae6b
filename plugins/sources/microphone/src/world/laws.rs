//! What holds in every world, and what happens in some of them.

use glottis_core::source::{SourceError, SourceEvent};
use proptest::prelude::*;

use super::{Change, List, Loss, MS, Shape, World};
use crate::capture::run;
use crate::errors;
use crate::machine::{Input, Machine, Scene};

struct Ran {
    world: World,
    events: Vec<(u64, SourceEvent)>,
    end: Option<SourceError>,
}

impl Ran {
    fn states(&self) -> Vec<&'static str> {
        let state = |event: &SourceEvent| match event {
            SourceEvent::State { state, .. } => Some(*state),
            _ => None,
        };
        self.events.iter().filter_map(|(_, event)| state(event)).collect()
    }

    fn codes(&self) -> Vec<&'static str> {
        let code = |event: &SourceEvent| match event {
            SourceEvent::Error { error, .. } => Some(error.code),
            _ => None,
        };
        self.events.iter().filter_map(|(_, event)| code(event)).collect()
    }
}

/// Lets a world run to its end.
fn ran(mut world: World, patient: bool) -> Ran {
    // Times come from the world, which `run` holds: events are stamped with how many inputs came before.
    let mut events = Vec::new();
    let end = run(&mut world, patient, &mut |event| events.push((events.len() as u64, event))).err();
    if let Some(feed) = world.stream.as_ref().and_then(|stream| stream.shared.take_feed()) {
        world.sound.feed = Some(feed);
    }
    world.sound.close();
    Ran { world, events, end }
}

fn change(after_ms: u64, device: usize, shape: Shape) -> Change {
    Change { after_ms, device, shape, other: false, list: List::True }
}

fn any_loss() -> impl Strategy<Value = Loss> {
    prop_oneof![Just(Loss::Told), Just(Loss::Muttered), Just(Loss::Silent), Just(Loss::Replaced), Just(Loss::Storm),]
}

/// A list that lies now and then; or never.
fn any_list(lies: bool) -> impl Strategy<Value = List> {
    let weight = u32::from(lies);
    prop_oneof![8 => Just(List::True), weight => Just(List::There), weight => Just(List::Missing)]
}

fn any_shape() -> impl Strategy<Value = Shape> {
    prop_oneof![
        4 => Just(Shape::Fine),
        4 => any_loss().prop_map(Shape::Gone),
        1 => Just(Shape::Busy),
        1 => Just(Shape::Denied),
        1 => Just(Shape::Broken),
        1 => Just(Shape::Hangs),
        1 => Just(Shape::Odd),
    ]
}

fn script(shape: impl Strategy<Value = Shape>, lies: bool) -> impl Strategy<Value = Vec<Change>> {
    let change = (0_u64..6000, 0_usize..3, shape, prop::bool::weighted(0.1), any_list(lies))
        .prop_map(|(after_ms, device, shape, other, list)| Change { after_ms, device, shape, other, list });
    prop::collection::vec(change, 0..25)
}

/// Every state follows one that it can follow.
fn states_are_in_order(states: &[&str]) {
    for pair in states.windows(2) {
        let allowed: &[&str] = match pair[0] {
            "open" => &["lost", "searching"],
            "lost" => &["searching"],
            _ => &["open"],
        };
        assert!(allowed.contains(&pair[1]), "{pair:?} in {states:?}");
    }
}

/// So many worlds, unless the environment asks for more.
fn worlds() -> ProptestConfig {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok());
    ProptestConfig { cases: cases.unwrap_or(500), ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(worlds())]

    #[test]
    fn nothing_is_opened_twice_and_whatever_happens_a_good_device_is_found(
        first in prop::collection::vec(any_shape(), 3),
        changes in script(any_shape(), true),
        latency in 1_u64..400,
        patient in any::<bool>(),
    ) {
        let ran = ran(World::new(first, &changes, latency, 90_000), patient);
        states_are_in_order(&ran.states());
        if let Some(error) = ran.end {
            prop_assert!(!ran.events.iter().any(|(_, e)| matches!(e, SourceEvent::State { state: "open", .. })),
                "gave up after it was open: {error}");
            return Ok(());
        }
        let shapes = &ran.world.shapes;
        let reached = shapes.iter().take_while(|shape| **shape != Shape::Hangs).any(|shape| *shape == Shape::Fine);
        if reached {
            let open = ran.world.open.expect("stuck: a device is fine and none is open");
            // Of another device in its place nobody can know but by the list.
            let lied = changes.iter().any(|change| change.device == open && change.list != List::True);
            let hidden = lied && shapes[open] == Shape::Gone(Loss::Replaced);
            prop_assert!(hidden || matches!(shapes[open], Shape::Fine | Shape::Odd), "{shapes:?}: {open}");
        }
    }

    #[test]
    fn of_devices_that_only_come_and_go_the_preferred_one_is_open(
        changes in script(prop_oneof![Just(Shape::Fine), any_loss().prop_map(Shape::Gone)], false),
        latency in 1_u64..400,
    ) {
        let ran = ran(World::new(vec![Shape::Fine; 3], &changes, latency, 120_000), false);
        prop_assert_eq!(ran.end, None);
        let best = ran.world.shapes.iter().position(|shape| *shape == Shape::Fine);
        prop_assert_eq!(ran.world.open, best);
    }
}

#[test]
fn each_way_of_losing_a_device_is_noticed_and_it_is_taken_back() {
    for (loss, code) in [
        (Loss::Told, errors::ABORTED),
        (Loss::Muttered, errors::ABORTED),
        (Loss::Silent, errors::RECORDER),
        (Loss::Replaced, errors::ABORTED),
        (Loss::Storm, errors::RECORDER),
    ] {
        let script = [change(3000, 0, Shape::Gone(loss)), change(5000, 0, Shape::Fine)];
        // The list is looked at five times a second; what opens in 100 ms is open within half a second.
        let ran = ran(World::new(vec![Shape::Fine], &script, 100, 500), false);
        assert_eq!(ran.states(), ["open", "lost", "searching", "open"], "{loss:?}");
        assert_eq!(ran.codes(), [code, errors::NOT_FOUND], "{loss:?}");
        assert_eq!(ran.world.open, Some(0));
    }
}

#[test]
fn the_preferred_device_is_taken_back_from_its_stand_in() {
    let script = [change(3000, 0, Shape::Gone(Loss::Told)), change(5000, 0, Shape::Fine)];
    let ran = ran(World::new(vec![Shape::Fine, Shape::Fine], &script, 50, 2000), false);
    assert_eq!(ran.states(), ["open", "lost", "searching", "open", "searching", "open"]);
    assert_eq!(ran.world.open, Some(0));
}

#[test]
fn a_default_that_changes_is_followed() {
    let other = Change { other: true, ..change(3000, 0, Shape::Fine) };
    let ran = ran(World::new(vec![Shape::Fine], &[other], 50, 3000), false);
    assert_eq!(ran.states(), ["open", "searching", "open"]);
    assert_eq!(ran.codes(), [""; 0], "nothing went wrong");
}

#[test]
fn the_first_device_is_tried_as_often_as_its_error_deserves() {
    for (shape, codes, retries) in [
        (Shape::Busy, vec![errors::IN_USE], vec![1000, 2000, 4000]),
        (Shape::Denied, vec![], vec![]),
        (Shape::Gone(Loss::Told), vec![], vec![]),
        (Shape::Broken, vec![errors::RECORDER], vec![0, 10_000, 10_000]),
    ] {
        let ran = ran(World::new(vec![shape], &[], 10, 60_000), false);
        let waits: Vec<u64> = ran
            .events
            .iter()
            .filter_map(|(_, event)| match event {
                SourceEvent::Retry { in_ms, .. } => Some(in_ms.next_multiple_of(100)),
                _ => None,
            })
            .collect();
        assert_eq!((ran.codes(), waits), (codes, retries), "{shape:?}");
        assert!(ran.end.is_some(), "{shape:?}: then it gives up");
    }
}

#[test]
fn a_device_that_somebody_else_has_is_taken_within_half_a_second_of_its_being_free() {
    for busy_ms in [150, 700, 1100, 2600, 3100, 5000, 6900] {
        let script = [change(busy_ms, 0, Shape::Fine)];
        let ran = ran(World::new(vec![Shape::Busy], &script, 100, 500), false);
        assert_eq!(ran.codes(), [errors::IN_USE]);
        assert_eq!(ran.world.open, Some(0), "free after {busy_ms} ms");
    }
}

#[test]
fn also_where_it_was_taken_in_the_middle_of_a_run_and_for_minutes() {
    for busy_ms in [300, 1700, 30_000, 300_000] {
        let lost = [change(3000, 0, Shape::Gone(Loss::Told)), change(1000, 0, Shape::Busy)];
        let script = [lost[0], lost[1], change(busy_ms, 0, Shape::Fine)];
        let ran = ran(World::new(vec![Shape::Fine], &script, 100, 500), false);
        assert_eq!(ran.states(), ["open", "lost", "searching", "open"]);
        assert_eq!(ran.codes(), [errors::ABORTED, errors::NOT_FOUND, errors::IN_USE]);
        assert_eq!(ran.world.open, Some(0), "free after {busy_ms} ms");
    }
}

#[test]
fn a_device_that_does_not_do_what_is_asked_is_opened_as_it_is() {
    let ran = ran(World::new(vec![Shape::Odd], &[], 10, 1000), false);
    assert_eq!(ran.states(), ["open"]);
    assert_eq!(ran.codes(), [""; 0], "and nobody needs to know");
}

#[test]
fn a_patient_capture_waits_for_its_first_device() {
    let script = [change(3_600_000, 0, Shape::Fine)];
    let ran = ran(World::new(vec![Shape::Gone(Loss::Told)], &script, 100, 500), true);
    assert_eq!(ran.states(), ["searching", "open"]);
    assert_eq!(ran.codes(), [errors::NOT_FOUND]);
}

/// A sound server that goes takes all its devices along: JACK, PipeWire. When it is back, so are they.
#[test]
fn a_sound_server_that_goes_and_comes_back_gives_the_preferred_device_back() {
    let gone = (0..3).map(|i| change(if i == 0 { 3000 } else { 0 }, i, Shape::Gone(Loss::Told)));
    let back = (0..3).map(|i| change(if i == 0 { 60_000 } else { 0 }, i, Shape::Fine));
    let ran = ran(World::new(vec![Shape::Fine; 3], &gone.chain(back).collect::<Vec<_>>(), 100, 500), false);
    assert_eq!(ran.states(), ["open", "lost", "searching", "open"]);
    assert_eq!((ran.codes(), ran.world.open), (vec![errors::ABORTED, errors::NOT_FOUND], Some(0)));
}

/// A list that lost sight of a device that works: it may have been taken away without a word, so it is
/// opened again, and that is that.
#[test]
fn a_list_that_forgets_a_device_costs_one_look() {
    let forgets = Change { list: List::Missing, ..change(3000, 0, Shape::Fine) };
    let ran = ran(World::new(vec![Shape::Fine], &[forgets], 50, 600_000), false);
    assert_eq!(ran.states(), ["open", "lost", "searching", "open"]);
}

/// A list that promises a better device that is not there: every attempt costs sound of the one that works,
/// so there are ever fewer.
#[test]
fn a_list_that_promises_what_is_not_there_is_believed_ever_more_rarely() {
    let promises = Change { list: List::There, ..change(3000, 0, Shape::Gone(Loss::Told)) };
    let ran = ran(World::new(vec![Shape::Fine; 2], &[promises], 50, 3_600_000), false);
    let opened = ran.states().iter().filter(|state| **state == "open").count();
    assert!((5..16).contains(&opened), "{opened} times in an hour");
    assert_eq!(ran.world.open, Some(1));
}

/// An open that hangs is given up, and what hung is no reason not to try again.
#[test]
fn an_open_that_hangs_is_left_behind() {
    let ran = ran(World::new(vec![Shape::Hangs], &[change(20_000, 0, Shape::Fine)], 50, 30_000), true);
    assert_eq!(ran.world.open, Some(0));
    assert_eq!(ran.codes(), [errors::RECORDER], "told once");
}

/// Attempts that nobody expects to succeed are rare; a change among the devices is a reason to try at once.
#[test]
fn a_change_wakes_a_capture_that_waits_long() {
    let allowed = Change { other: true, ..change(10_000, 0, Shape::Fine) };
    let ran = ran(World::new(vec![Shape::Fine], &[change(3000, 0, Shape::Denied), allowed], 50, 500), false);
    assert_eq!(ran.states(), ["open", "lost", "searching", "open"]);
}

/// The same while an attempt is under way, which may have begun before the change: it is tried once more.
#[test]
fn a_change_during_an_attempt_is_not_forgotten() {
    let scene = |print| Scene { meaning: vec![Some(1)], print };
    for (changed, soon) in [(true, true), (false, false)] {
        let (mut orders, mut now) = (Vec::new(), 1000 * MS);
        let mut machine = Machine::new(false, &mut orders);
        let failed = errors::error(errors::RECORDER, "it fails");
        for input in [
            Input::Opened { rank: 0, device: "a".into() },
            Input::Seen(scene(1)),
            Input::Failed,
            Input::Closed(Some(failed)),
            Input::Seen(scene(if changed { 2 } else { 1 })),
            Input::Refused(errors::error(errors::PERMISSION_DENIED, "no")),
        ] {
            now += 10 * MS;
            machine.step(now, input, &mut orders);
        }
        let wait = machine.due().expect("it waits") - now;
        assert_eq!(wait <= 250 * MS, soon, "{} ms", wait / MS);
    }
}
