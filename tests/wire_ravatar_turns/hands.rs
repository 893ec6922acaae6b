//! Push-to-talk by commands to the whole program, the key held and let go in real time. What is exact
//! to the frame is tested where time can be counted: `crates/graph/tests/graph/push_to_talk.rs`.

use glottis::sim::ravatar::{Config, Simulator};

use crate::blobs::turns;
use crate::rig::assert_same;
use crate::support::events::Events;
use crate::support::{Ended, Project, Run, TOO_LONG, avatar, simulator, sound};

const TURN: &str = "mode = \"chat\"\nturn = { mode = \"push-to-talk\" }\n";

/// More sound than any of these tests listens to.
fn sound() -> Vec<i16> {
    sound::noise(60 * 16_000, 1)
}

/// The program, listening to [`sound`] with its sink open.
fn listening(simulator: &Simulator, keys: &str) -> Run {
    let source = "version = 1\n[source]\ntype = \"file\"\npath = \"in.wav\"\npace = \"realtime\"\n";
    let pipeline = format!("{source}{}", avatar(simulator, keys));
    let mut run = Project::new(&pipeline).with("in.wav", sound::wav(16_000, 1, &sound())).start(&[]);
    run.wait_for(|event| event["source"] == "file" && event["state"] == "open");
    run
}

/// Holds the key until a segment has begun; returns where.
fn talk(run: &mut Run) -> usize {
    run.say(r#"{"do":"talk","on":true}"#);
    run.wait_for_event("segment_begin")["at"].as_u64().unwrap() as usize
}

/// Waits for the end of the segment; returns its length and its reason.
fn segment(run: &mut Run) -> (usize, String) {
    let end = run.wait_for_event("segment_end");
    (end["frames"].as_u64().unwrap() as usize, end["reason"].as_str().unwrap().to_owned())
}

/// Waits until half a second more was heard.
fn listen(run: &mut Run) {
    for _ in 0..5 {
        run.wait_for_event("level");
    }
}

fn stop(mut run: Run) -> Ended {
    run.say(r#"{"do":"stop"}"#);
    run.finish()
}

/// What reached the sink of these stretches of [`sound`], each a position and a length.
fn played(events: &Events, spans: &[(usize, usize)]) -> Vec<i16> {
    let sound = events.patched(&sound());
    spans.iter().flat_map(|(at, frames)| sound[*at..at + frames].to_vec()).collect()
}

fn sent(simulator: &Simulator, messages: usize) {
    assert!(simulator.wait_for(TOO_LONG, |state| state.blobs().count() == messages), "{:#?}", simulator.log());
}

/// C46: what is sent is what was said from the press to the release, and a little more.
#[test]
fn a_press_is_sent_from_its_first_sample() {
    let simulator = simulator(Config::default());
    let mut run = listening(&simulator, TURN);
    let mut said = Vec::new();
    for presses in 1..=2 {
        let at = talk(&mut run);
        run.say(r#"{"do":"talk","on":false}"#);
        let (frames, reason) = segment(&mut run);
        assert_eq!(reason, "release");
        assert!(frames >= 2 * 3200, "200 ms until it is no tap, and 200 ms after the release: {frames}");
        said.push((at, frames));
        sent(&simulator, presses);
    }
    let ended = stop(run);
    let events = ended.exits(0).events();
    let heard = turns(&simulator);
    assert_eq!(heard.len(), 2);
    assert_same(&heard.concat(), &played(&events, &said));
    assert!(simulator.log().messages().all(|message| message.fields["isPushToTalk"] == true));
    let ledger = &events.sink("avatar")["ledger"];
    let taken: usize = said.iter().map(|span| span.1 - events.lost_in(*span)).sum();
    assert_eq!((&ledger["delivered"], &ledger["balanced"]), (&taken.into(), &true.into()));
    assert_eq!(simulator.violations(), []);
}

/// C46, the other half; the 200 ms are exact in the test named above.
#[test]
fn a_tap_sends_nothing() {
    let simulator = simulator(Config::default());
    let turn = "mode = \"chat\"\nturn = { mode = \"push-to-talk\", min_hold = \"10s\" }\n";
    let mut run = listening(&simulator, turn);
    run.ask(r#"{"do":"talk","on":true}"#);
    run.ask(r#"{"do":"talk","on":false}"#);
    let ended = stop(run);
    let events = ended.exits(0).events();
    assert_eq!(events.named("segment_begin").count(), 0);
    assert_eq!(events.sink("avatar")["segments"]["misfires"], 1);
    assert_eq!(simulator.log().messages().count(), 0);
}

/// C47: a cancelled turn, and one that a signal interrupts.
#[test]
fn a_turn_that_is_thrown_away_is_not_sent() {
    let simulator = simulator(Config::default());
    let mut run = listening(&simulator, TURN);
    talk(&mut run);
    listen(&mut run);
    run.say(r#"{"do":"cancel"}"#);
    assert_eq!(segment(&mut run).1, "cancel");
    run.ask(r#"{"do":"talk","on":false}"#);
    talk(&mut run);
    listen(&mut run);
    run.signal("INT");
    let ended = run.finish();
    let events = ended.exits(130).events();
    let ledger = &events.sink("avatar")["ledger"];
    assert!(ledger["gated"].as_u64() > Some(8000) && ledger["dropped"]["stopped"].as_u64() > Some(0), "{ledger}");
    assert_eq!((&ledger["delivered"], &ledger["balanced"]), (&0.into(), &true.into()));
    assert_eq!(simulator.log().messages().count(), 0);
}

/// Manual record: the turn is sent when the user says so; and the end of a run sends what it has.
#[test]
fn a_turn_is_sent_at_commit_and_at_the_end_of_the_run() {
    for (rule, flags) in [("docs", [true, true]), ("demo", [false, true])] {
        let simulator = simulator(Config::default());
        let mut run = listening(&simulator, &format!("push_to_talk_flag = \"{rule}\"\n{TURN}"));
        let first = talk(&mut run);
        run.say(r#"{"do":"commit"}"#);
        let (frames, reason) = segment(&mut run);
        assert_eq!(reason, "commit");
        let first = (first, frames);
        sent(&simulator, 1);
        run.ask(r#"{"do":"talk","on":false}"#);
        let at = talk(&mut run);
        run.say(r#"{"do":"stop"}"#);
        let (frames, reason) = segment(&mut run);
        assert_eq!(reason, "stop");
        let ended = run.finish();
        let said = played(&ended.exits(0).events(), &[first, (at, frames)]);
        assert_same(&turns(&simulator).concat(), &said);
        let log = simulator.log();
        let flagged: Vec<bool> = log.messages().map(|message| message.fields.contains_key("isPushToTalk")).collect();
        assert_eq!(flagged, flags, "{rule}");
    }
}

/// A mute stays until it is lifted: over turns, and over a lost connection.
#[test]
fn a_mute_is_sticky() {
    let simulator = simulator(Config::default());
    let mut run = listening(&simulator, TURN);
    run.ask(r#"{"do":"mute","on":true}"#);
    for _ in 0..2 {
        run.ask(r#"{"do":"talk","on":true}"#);
        listen(&mut run);
        run.ask(r#"{"do":"talk","on":false}"#);
    }
    // Every socket is closed, and every token forgotten.
    simulator.reset();
    run.wait_for(|event| event["sink"] == "avatar" && event["state"] == "open");
    run.ask(r#"{"do":"talk","on":true}"#);
    listen(&mut run);
    run.ask(r#"{"do":"mute","on":false}"#);
    // The key is still down: from here on it counts.
    let unmuted = run.wait_for_event("segment_begin")["segment"].clone();
    assert_eq!(unmuted, 0, "the first there is");
    run.say(r#"{"do":"talk","on":false}"#);
    assert_eq!(segment(&mut run).1, "release");
    sent(&simulator, 1);
    stop(run).exits(0);
    assert_eq!(simulator.log().messages().count(), 1);
}

/// The end of a run waits for the connection, if there is something to send.
#[test]
fn a_run_that_ends_while_the_connection_is_lost_still_sends_what_was_said() {
    for action in ["stop", "INT"] {
        let simulator = simulator(Config::default());
        let mut run = listening(&simulator, TURN);
        let at = talk(&mut run);
        listen(&mut run);
        simulator.reset();
        let (frames, reason) = segment(&mut run);
        assert_eq!(reason, "disconnected");
        let ended = if action == "stop" {
            stop(run)
        } else {
            run.signal(action);
            run.finish()
        };
        let code = if action == "stop" { 0 } else { 130 };
        let events = ended.exits(code).events();
        let ledger = &events.sink("avatar")["ledger"];
        assert_eq!(ledger["balanced"], true, "{ledger}");
        let heard = turns(&simulator).concat();
        if action == "stop" {
            assert_same(&heard, &played(&events, &[(at, frames)]));
        } else {
            assert!(heard.is_empty() && ledger["dropped"]["stopped"].as_u64() > Some(0), "{ledger}");
        }
    }
}

/// What was said before a loss arrives when the connection is back, what is said meanwhile is lost by
/// name, and a text typed meanwhile is sent.
#[test]
fn a_turn_and_a_text_outlive_a_lost_connection() {
    let simulator = simulator(Config::default());
    let mut run = listening(&simulator, TURN);
    let at = talk(&mut run);
    listen(&mut run);
    simulator.reset();
    let (frames, reason) = segment(&mut run);
    assert_eq!(reason, "disconnected");
    run.say(r#"{"do":"text","text":"are you there?"}"#);
    // The key is still held: the next turn begins with the next connection.
    run.wait_for(|event| event["event"] == "done" && event["do"] == "text");
    sent(&simulator, 1);
    run.wait_for_event("segment_begin");
    run.say(r#"{"do":"talk","on":false}"#);
    sent(&simulator, 2);
    let ended = stop(run);
    let events = ended.exits(0).events();
    let heard = turns(&simulator);
    assert_same(&heard[0], &played(&events, &[(at, frames)]));
    let ledger = &events.sink("avatar")["ledger"];
    assert!(ledger["dropped"]["disconnected"].as_u64() > Some(0), "{ledger}");
    assert_eq!(ledger["balanced"], true);
}
