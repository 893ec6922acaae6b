//! Commands on stdin while a live session is up, and what they do to it.

use std::time::Duration;

use glottis::sim::ravatar::{Config, Kind, Simulator};
use serde_json::{Value, json};

use crate::support::events::Events;
use crate::support::{CHUNK, Run, heard, simulator, sound, wait_for_samples, was_left_in_order};
use crate::{listening, live};

const ALWAYS: &str = "turn = { mode = \"always\" }";
/// Streamed; whole turns, which are the default for push-to-talk, have tests of their own.
const PUSH_TO_TALK: &str = "audio = \"pcm\"\nturn = { mode = \"push-to-talk\" }";

/// Ends the run and returns its events.
fn finish(mut run: Run) -> Events {
    run.close_stdin();
    let ended = run.finish();
    ended.exits(0);
    let events = ended.events();
    assert_eq!(events.report()["balanced"], true);
    events
}

/// Each segment arrived as its stretch of the input and the padding of its last chunk; silence may
/// follow.
#[track_caller]
fn each_segment_arrived(events: &Events, simulator: &Simulator, sent: &[i16]) {
    let (heard, sent) = (heard(simulator), events.patched(sent));
    let mut rest = &heard[..];
    for (at, frames) in events.spans("avatar") {
        let length = frames.next_multiple_of(CHUNK);
        sound::is_equal(&rest[..length], &sound::padded(&sent[at..at + frames], CHUNK));
        rest = &rest[length..];
        while rest.len() >= CHUNK && rest[..CHUNK].iter().all(|sample| *sample == 0) {
            rest = &rest[CHUNK..];
        }
    }
    assert!(rest.is_empty(), "{} samples of no segment", rest.len());
}

fn noise() -> Vec<i16> {
    sound::noise(60 * 16_000, 31)
}

#[test]
fn push_to_talk_sends_what_is_said_while_the_key_is_down() {
    let (simulator, sent) = (simulator(Config::default()), noise());
    let mut run = live(&simulator, &sent, PUSH_TO_TALK).start(&[]);
    run.wait_for(|event| event["source"] == "file" && event["state"] == "open");
    for _ in 0..2 {
        assert_eq!(run.ask(r#"{"do":"talk","on":true}"#)["do"], "talk");
        run.wait_for_event("segment_begin");
        run.wait_for_event("level");
        assert_eq!(run.ask(r#"{"do":"talk","on":false}"#)["do"], "talk");
        run.wait_for_event("segment_end");
        // Two, so that at least 100 ms pass with the key up.
        run.wait_for_event("level");
        run.wait_for_event("level");
    }
    let events = finish(run);
    assert_eq!(events.reasons("avatar"), ["release", "release"]);
    each_segment_arrived(&events, &simulator, &sent);
    let ledger = &events.sink("avatar")["ledger"];
    assert!(ledger["gated"].as_u64().unwrap() > 0, "what was said while the key was up: {ledger}");
    was_left_in_order(&simulator);
}

#[test]
fn a_tap_on_the_key_sends_nothing() {
    let (simulator, sent) = (simulator(Config::default()), noise());
    let mut run = live(&simulator, &sent, PUSH_TO_TALK).start(&[]);
    run.wait_for(|event| event["source"] == "file" && event["state"] == "open");
    run.say(r#"{"do":"talk","on":true}"#);
    run.say(r#"{"do":"talk","on":false}"#);
    for _ in 0..2 {
        run.wait_for(|event| event["do"] == "talk");
    }
    // Long enough for a segment to begin, if one would.
    run.wait_for_event("level");
    run.wait_for_event("level");
    run.wait_for_event("level");
    run.wait_for_event("level");
    let events = finish(run);
    assert_eq!(events.spans("avatar"), []);
    assert_eq!(heard(&simulator).len(), 0);
    was_left_in_order(&simulator);
}

#[test]
fn a_key_that_is_down_at_the_end_is_let_go() {
    let (simulator, sent) = (simulator(Config::default()), noise());
    let mut run = live(&simulator, &sent, PUSH_TO_TALK).start(&[]);
    run.ask(r#"{"do":"talk","on":true,"sink":"avatar"}"#);
    wait_for_samples(&simulator, CHUNK as u64);
    let events = finish(run);
    assert_eq!(events.reasons("avatar"), ["stop"]);
    each_segment_arrived(&events, &simulator, &sent);
    was_left_in_order(&simulator);
}

#[test]
fn mute_cancels_the_segment_and_unmute_begins_another() {
    let (simulator, sent) = (simulator(Config::default()), noise());
    let mut run = live(&simulator, &sent, ALWAYS).start(&[]);
    wait_for_samples(&simulator, CHUNK as u64);
    assert_eq!(run.ask(r#"{"do":"mute","on":true}"#)["do"], "mute");
    let end = run.wait_for_event("segment_end");
    assert_eq!(end["reason"], "cancel");
    let silent_from = heard(&simulator).len() as u64;
    run.wait_for_event("level");
    run.wait_for_event("level");
    assert_eq!(run.ask(r#"{"do":"mute","on":false}"#)["do"], "mute");
    let begin = run.wait_for_event("segment_begin");
    assert!(begin["at"].as_u64() > end["at"].as_u64(), "{begin} after {end}");
    wait_for_samples(&simulator, silent_from + 2 * CHUNK as u64);
    let events = finish(run);
    let states: Vec<&Value> = events.named("state").filter(|e| e["source"] == "file").map(|e| &e["state"]).collect();
    assert_eq!(states, [&json!("opening"), &json!("open"), &json!("muted"), &json!("open"), &json!("done")]);
    assert!(events.sink("avatar")["ledger"]["gated"].as_u64().unwrap() >= 1600);
    was_left_in_order(&simulator);
}

#[test]
fn commit_sends_what_there_is_and_goes_on_without_a_gap() {
    let (simulator, sent) = (simulator(Config::default()), noise());
    let mut run = live(&simulator, &sent, ALWAYS).start(&[]);
    wait_for_samples(&simulator, CHUNK as u64);
    assert_eq!(run.ask(r#"{"do":"commit"}"#)["do"], "commit");
    wait_for_samples(&simulator, 4 * CHUNK as u64);
    let events = finish(run);
    assert_eq!(events.reasons("avatar"), ["commit", "stop"]);
    let spans = events.spans("avatar");
    assert_eq!(spans[0].0 + spans[0].1, spans[1].0, "no gap, no overlap");
    each_segment_arrived(&events, &simulator, &sent);
    was_left_in_order(&simulator);
}

#[test]
fn cancel_drops_the_turn_and_always_mode_has_none() {
    let (simulator, sent) = (simulator(Config::default()), noise());
    let mut run = listening(&simulator, "realtime", &sent, "turn = { mode = \"speech\" }").start(&[]);
    run.wait_for_event("segment_begin");
    assert_eq!(run.ask(r#"{"do":"cancel"}"#)["event"], "done");
    let events = finish(run);
    assert_eq!(events.reasons("avatar")[0], "cancel");
    was_left_in_order(&simulator);

    let simulator = self::simulator(Config::default());
    let mut run = live(&simulator, &sent, ALWAYS).start(&[]);
    wait_for_samples(&simulator, CHUNK as u64);
    let refused = run.ask(r#"{"do":"cancel"}"#);
    assert_eq!((&refused["code"], &refused["do"]), (&"BadCommand".into(), &"cancel".into()));
    assert_eq!(finish(run).reasons("avatar"), ["stop"], "the segment went on");
}

#[test]
fn a_typed_text_is_sent_and_answered() {
    let simulator = simulator(Config { reply_delay: Duration::ZERO, ..Config::default() });
    let mut run = live(&simulator, &noise(), PUSH_TO_TALK).start(&[]);
    run.wait_for(|event| event["sink"] == "avatar" && event["state"] == "open");
    assert_eq!(run.ask(r#"{"do":"text","text":"Grüß \"dich\"\n"}"#)["do"], "text");
    let reply = run.wait_for_event("reply");
    assert_eq!(reply["text"], "You said: Grüß \"dich\"\n");
    assert_eq!(reply["raw"], reply["text"], "nothing was split off");
    assert!(reply["transcript"].is_null());
    finish(run);
    let kinds: Vec<Kind> = simulator.log().messages().map(|message| message.kind).collect();
    assert_eq!(kinds, [Kind::LiveText]);
    was_left_in_order(&simulator);
}

#[test]
fn stats_are_the_report_so_far() {
    let simulator = simulator(Config::default());
    let mut run = live(&simulator, &noise(), ALWAYS).start(&[]);
    wait_for_samples(&simulator, 2 * CHUNK as u64);
    run.say(r#"{"do":"stats"}"#);
    let stats = run.wait_for_event("stats");
    assert_eq!(run.wait_for_event("done")["do"], "stats");
    assert!(stats["exit"].is_null());
    let sink = crate::support::events::sink_of(&stats, "avatar");
    assert!(sink["ledger"]["delivered"].as_u64().unwrap() >= CHUNK as u64, "{sink}");
    assert!(stats["source"]["captured"].as_u64() >= sink["ledger"]["captured"].as_u64());
    let events = finish(run);
    assert!(events.sink("avatar")["ledger"]["delivered"].as_u64() >= sink["ledger"]["delivered"].as_u64());
}

#[test]
fn a_line_that_is_no_command_is_answered_and_does_no_harm() {
    let simulator = simulator(Config::default());
    let mut run = live(&simulator, &noise(), ALWAYS).start(&[]);
    run.wait_for_event("segment_begin");
    for (line, name, part) in [
        ("nonsense", Value::Null, "JSON"),
        ("[]", Value::Null, "object"),
        ("{}", Value::Null, "do"),
        (r#"{"do":7}"#, Value::Null, "do"),
        (r#"{"do":"tlak","on":true}"#, json!("tlak"), "did you mean \"talk\"?"),
        (r#"{"do":"mute"}"#, json!("mute"), "on"),
        (r#"{"do":"stop","now":1}"#, json!("stop"), "now"),
        (r#"{"do":"text","text":"x","sink":"avatr"}"#, json!("text"), "did you mean \"avatar\"?"),
        (r#"{"do":"text","text":" "}"#, json!("text"), "empty"),
        (r#"{"do":"talk","on":true}"#, json!("talk"), "push-to-talk"),
        (r#"{"do":"interrupt"}"#, json!("interrupt"), "interrupt"),
        (r#"{"do":"set","node":"gain","param":"db","value":1}"#, json!("set"), "gain"),
        ("\u{0}\u{7}", Value::Null, "JSON"),
    ] {
        let error = run.ask(line);
        assert_eq!((&error["event"], &error["code"]), (&"error".into(), &"BadCommand".into()), "{line}: {error}");
        let fields = error.as_object().unwrap();
        assert_eq!(fields.get("do"), Some(&name), "{line}: {error}");
        assert!(error["message"].as_str().unwrap().contains(part), "{line}: {error}");
        assert_eq!(error["fatal"], false, "{line}");
    }
    run.say("");
    assert_eq!(run.ask(r#"{"do":"commit"}"#)["event"], "done", "the run goes on, and an empty line is nothing");
    let events = finish(run);
    assert_eq!(events.named("error").count(), 13);
    was_left_in_order(&simulator);
}

/// Bytes that are no text must not end the control input in silence.
#[test]
fn a_line_that_is_not_utf_8_is_answered_too() {
    let simulator = simulator(Config::default());
    let mut run = live(&simulator, &noise(), ALWAYS).start(&[]);
    run.wait_for_event("segment_begin");
    let mut stdin = run.take_stdin();
    std::io::Write::write_all(&mut stdin, b"\xff\xfe{\"do\":\"stop\"}\n{\"do\":\"commit\"}\n").expect("it reads");
    let refused = run.wait_for(|event| event["event"] == "error");
    assert_eq!(refused["code"], "BadCommand");
    assert_eq!(run.wait_for_event("done")["do"], "commit");
    drop(stdin);
    run.finish().exits(0);
}
