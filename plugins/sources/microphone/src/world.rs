//! A world of devices that come, fail, go and come back, in time of its own: what no rig can do, each
//! system's way of losing a device included. Random worlds, and laws that hold in all of them.

use glottis_core::source::{SourceError, SourceEvent};
use proptest::prelude::*;

use crate::capture::{Host, run};
use crate::errors;
use crate::machine::{Input, Scene};

const MS: u64 = 1_000_000;

/// How a device is.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Shape {
    Fine,
    /// Not there; and how an open stream learns of it.
    Gone(Loss),
    Busy,
    Denied,
    Broken,
    /// Opening it takes for ever.
    Hangs,
    /// It opens only as it is itself.
    Odd,
}

/// How a stream is told that its device is lost.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Loss {
    /// The host says so: ALSA on a card, PulseAudio, JACK, WASAPI.
    Told,
    /// An error that says nothing, again and again: ALSA on a sound server.
    Muttered,
    /// Nothing at all, and no more callbacks: a server killed with shared memory, a hung daemon.
    Silent,
    /// The sound server goes on with another device, without a word.
    Replaced,
}

#[derive(Clone, Copy, Debug)]
struct Change {
    after_ms: u64,
    device: usize,
    shape: Shape,
    /// The device is another one by the same name, or has another rate.
    other: bool,
}

struct World {
    now: u64,
    shapes: Vec<Shape>,
    meanings: Vec<u64>,
    print: u64,
    changes: Vec<(u64, Change)>,
    latency: u64,
    end: u64,
    /// What is due, and when.
    due: Vec<(u64, Due)>,
    look_at: u64,
    open: Option<usize>,
    opening: bool,
    closing: bool,
    loss: Option<Loss>,
    calls: u32,
}

#[derive(Debug)]
enum Due {
    Answer { plain: bool, hung: bool },
    Failed,
    Closed { lost: bool },
}

impl World {
    fn new(shapes: Vec<Shape>, script: &[Change], latency_ms: u64, rest_ms: u64) -> World {
        let mut at = 0;
        let changes: Vec<(u64, Change)> = script
            .iter()
            .map(|change| {
                at += change.after_ms * MS;
                (at, *change)
            })
            .collect();
        World {
            now: 0,
            meanings: (0..shapes.len() as u64).map(|i| 100 * i).collect(),
            shapes,
            print: 0,
            changes,
            latency: latency_ms * MS,
            end: at + rest_ms * MS,
            due: Vec::new(),
            look_at: 0,
            open: None,
            opening: false,
            closing: false,
            loss: None,
            calls: 0,
        }
    }

    fn apply(&mut self, change: Change) {
        let before = std::mem::replace(&mut self.shapes[change.device], change.shape);
        let there = |shape| !matches!(shape, Shape::Gone(_));
        if there(before) != there(change.shape) {
            self.print += 1;
        }
        if change.other {
            self.meanings[change.device] += 1;
            self.print += 1;
        }
        if self.open == Some(change.device) && !matches!(change.shape, Shape::Fine | Shape::Odd) {
            let loss = if let Shape::Gone(loss) = change.shape { loss } else { Loss::Silent };
            self.loss = Some(loss);
            match loss {
                Loss::Told | Loss::Muttered => self.due.push((self.now + 10 * MS, Due::Failed)),
                Loss::Silent => self.due.push((self.now + 1000 * MS, Due::Failed)),
                Loss::Replaced => {}
            }
        }
    }

    fn scene(&self) -> Scene {
        let meaning = |i: usize| (!matches!(self.shapes[i], Shape::Gone(_))).then_some(self.meanings[i]);
        Scene { meaning: (0..self.shapes.len()).map(meaning).collect(), print: self.print }
    }

    /// The first that opens, or the error that tells most.
    fn try_all(&self, plain: bool) -> Result<usize, SourceError> {
        let mut worst = errors::NOT_FOUND;
        for (i, shape) in self.shapes.iter().enumerate() {
            let code = match shape {
                Shape::Fine => return Ok(i),
                Shape::Odd if plain => return Ok(i),
                Shape::Odd => errors::CONSTRAINTS,
                Shape::Gone(_) => errors::NOT_FOUND,
                Shape::Busy => errors::IN_USE,
                Shape::Denied => errors::PERMISSION_DENIED,
                Shape::Broken | Shape::Hangs => errors::RECORDER,
            };
            if worst == errors::NOT_FOUND {
                worst = code;
            }
        }
        Err(errors::error(worst, "none opens"))
    }

    fn answer(&mut self, due: Due) -> Option<Input> {
        match due {
            Due::Answer { hung: true, .. } => {
                self.opening = false;
                Some(Input::Refused(errors::error(errors::RECORDER, "nothing happens")))
            }
            Due::Answer { plain, .. } => {
                self.opening = false;
                Some(match self.try_all(plain) {
                    Ok(rank) => {
                        (self.open, self.loss) = (Some(rank), None);
                        Input::Opened { rank, device: format!("device {rank}") }
                    }
                    Err(error) => Input::Refused(error),
                })
            }
            Due::Failed => (self.open.is_some() && self.loss.is_some() && !self.closing).then_some(Input::Failed),
            Due::Closed { lost } => {
                (self.open, self.closing) = (None, false);
                let code = match self.loss.take() {
                    Some(Loss::Silent) => errors::RECORDER,
                    _ => errors::ABORTED,
                };
                Some(Input::Closed(lost.then(|| errors::error(code, "lost"))))
            }
        }
    }
}

impl Host for World {
    fn now(&self) -> u64 {
        self.now
    }

    fn open(&mut self, plain: bool) {
        assert!(!self.opening && self.open.is_none(), "opened twice");
        self.opening = true;
        let first = self.shapes.iter().find(|shape| matches!(shape, Shape::Fine | Shape::Hangs));
        let hung = first == Some(&Shape::Hangs);
        let wait = if hung { 5000 * MS } else { self.latency };
        self.due.push((self.now + wait, Due::Answer { plain, hung }));
    }

    fn close(&mut self, lost: bool) {
        assert!(self.open.is_some() && !self.closing, "closed what is not open");
        self.closing = true;
        self.due.push((self.now + self.latency / 4, Due::Closed { lost }));
    }

    fn next(&mut self, tick: Option<u64>, eager: bool) -> Option<Input> {
        self.calls += 1;
        assert!(self.calls < 100_000, "it never rests");
        loop {
            let look = self.look_at;
            let change = self.changes.first().map_or(u64::MAX, |(at, _)| *at);
            let due = self.due.iter().map(|(at, _)| *at).min().unwrap_or(u64::MAX);
            let first = look.min(change).min(due).min(tick.unwrap_or(u64::MAX)).max(self.now);
            // A change to a better device that is under way at the end is seen through.
            if first > self.end && !self.opening && !self.closing {
                self.now = self.now.max(self.end);
                return None;
            }
            self.now = first;
            if change <= first {
                let (_, change) = self.changes.remove(0);
                self.apply(change);
            } else if due <= first {
                let index = self.due.iter().position(|(at, _)| *at == due)?;
                let (_, due) = self.due.remove(index);
                if let Some(input) = self.answer(due) {
                    return Some(input);
                }
            } else if tick.is_some_and(|tick| tick <= first) {
                return Some(Input::Tick);
            } else {
                self.look_at = first + if eager { 200 * MS } else { 1000 * MS };
                return Some(Input::Seen(self.scene()));
            }
        }
    }
}

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
    Ran { world, events, end }
}

fn change(after_ms: u64, device: usize, shape: Shape) -> Change {
    Change { after_ms, device, shape, other: false }
}

fn any_loss() -> impl Strategy<Value = Loss> {
    prop_oneof![Just(Loss::Told), Just(Loss::Muttered), Just(Loss::Silent), Just(Loss::Replaced)]
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

fn script(shape: impl Strategy<Value = Shape>) -> impl Strategy<Value = Vec<Change>> {
    let change = (0_u64..6000, 0_usize..3, shape, prop::bool::weighted(0.1))
        .prop_map(|(after_ms, device, shape, other)| Change { after_ms, device, shape, other });
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

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_opened_twice_and_whatever_happens_a_good_device_is_found(
        first in prop::collection::vec(any_shape(), 3),
        changes in script(any_shape()),
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
            prop_assert!(matches!(shapes[open], Shape::Fine | Shape::Odd), "{shapes:?}: {open}");
        }
    }

    #[test]
    fn of_devices_that_only_come_and_go_the_preferred_one_is_open(
        changes in script(prop_oneof![Just(Shape::Fine), any_loss().prop_map(Shape::Gone)]),
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
