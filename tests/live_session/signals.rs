//! SIGINT and SIGTERM: the turn in progress is discarded, the live session ended, and a second one
//! quits at once.

use std::time::{Duration, Instant};

use glottis::sim::ravatar::{Config, Rule};
use serde_json::json;

use crate::support::{CHUNK, Project, Run, TOO_LONG, heard, simulator, sound, wait_for_samples, was_left_in_order};
use crate::{listening, live};

/// What the interface promises for the end after a signal.
const PROMISED: Duration = Duration::from_secs(2);

#[test]
fn a_signal_discards_the_turn_and_ends_the_session() {
    for signal in ["INT", "TERM"] {
        let sent = sound::noise(60 * 16_000, 21);
        let simulator = simulator(Config::default());
        let mut run = listening(&simulator, "realtime", &sent, "turn = { mode = \"speech\" }").start(&[]);
        run.wait_for_event("segment_begin");
        wait_for_samples(&simulator, CHUNK as u64);
        let asked = Instant::now();
        run.signal(signal);
        let ended = run.finish();
        assert!(asked.elapsed() < PROMISED, "{signal}: {:?}", asked.elapsed());
        ended.exits(130);
        let events = ended.events();
        assert_eq!(events.reasons("avatar"), ["stop"]);
        let ledger = &events.sink("avatar")["ledger"];
        assert_eq!(events.report()["balanced"], true);
        // Whole chunks had gone out; the piece of a chunk that was waiting is gone by name.
        let (at, _) = events.spans("avatar")[0];
        let heard = heard(&simulator);
        let lost = events.lost_in((at, heard.len()));
        assert_eq!((heard.len() - lost) as u64, ledger["delivered"].as_u64().unwrap(), "{ledger}");
        assert_eq!(ledger["padded"], 0, "no flush, no trailing silence");
        assert!(ledger["dropped"]["stopped"].as_u64().is_some_and(|n| n < 4 * CHUNK as u64), "{ledger}");
        sound::is_equal(&heard, &events.patched(&sent)[at..at + heard.len()]);
        was_left_in_order(&simulator);
    }
}

#[test]
fn a_service_that_does_not_answer_holds_nothing_up() {
    let simulator = simulator(Config::default());
    let mut run = live(&simulator, &sound::noise(60 * 16_000, 22), "turn = { mode = \"always\" }").start(&[]);
    wait_for_samples(&simulator, CHUNK as u64);
    simulator.add_fault(silent_end()).expect("a good rule");
    let asked = Instant::now();
    run.signal("INT");
    let leak = run.wait_for(|event| event["code"] == "PossibleLeak");
    assert_eq!((&leak["fatal"], &leak["retryable"]), (&false.into(), &false.into()));
    run.finish().exits(130);
    assert!(asked.elapsed() < PROMISED, "{:?}", asked.elapsed());
    assert_eq!(simulator.active_sessions(), 1, "it is as was said");
}

/// The end of the live session is asked for and never answered.
fn silent_end() -> Rule {
    Rule::try_from(json!({ "on": "POST /endLiveSession", "count": "always", "do": { "hang": true } })).expect("a rule")
}

#[test]
fn the_second_signal_quits_at_once() {
    let simulator = simulator(Config::default());
    simulator.add_fault(silent_end()).expect("a good rule");
    let mut run = live(&simulator, &sound::noise(60 * 16_000, 23), "turn = { mode = \"always\" }").start(&[]);
    wait_for_samples(&simulator, CHUNK as u64);
    run.signal("INT");
    run.wait_for_message("once more to quit at once");
    run.signal("INT");
    let ended = run.finish();
    ended.exits(130);
    assert!(!ended.stdout.contains("\"report\""), "it quit before it had ended the session: {}", ended.stdout);
}

/// Nothing is heard of a service that takes the connection and says nothing.
#[test]
fn a_signal_while_connecting_ends_the_run() {
    let deaf = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let simulator = simulator(Config::default());
    let project = live(&simulator, &sound::noise(16_000, 24), "");
    let endpoint = format!("sink.avatar.endpoint=http://{}", deaf.local_addr().expect("an address"));
    let mut run = project.start(&["--set", &endpoint]);
    run.wait_for(|event| event["state"] == "connecting");
    let _connection = deaf.accept().expect("it connects");
    let asked = Instant::now();
    run.signal("TERM");
    let ended = run.finish();
    assert!(asked.elapsed() < PROMISED, "{:?}", asked.elapsed());
    ended.exits(130);
    assert_eq!(ended.events().named("session").count(), 0);
}

/// A run that is being stopped is not killed by a signal that comes twice in the end: it stops once.
#[test]
fn a_signal_while_a_run_drains_still_ends_the_session() {
    let simulator = simulator(Config { reply_delay: Duration::from_secs(600), ..Config::default() });
    // The answer never comes in time: the sink lingers.
    let sent = sound::noise(3 * CHUNK, 25);
    let keys = "turn = { mode = \"speech\" }\nlinger = \"600s\"\n";
    let mut run = listening(&simulator, "fast", &sent, keys).start(&[]);
    run.wait_for(|event| event["source"] == "file" && event["state"] == "done");
    wait_for_samples(&simulator, 3 * CHUNK as u64);
    run.signal("INT");
    run.finish().exits(130);
    assert!(simulator.wait_for(TOO_LONG, |state| state.active_sessions() == 0));
    was_left_in_order(&simulator);
}

/// A stream that does not begin keeps nobody from leaving.
#[test]
fn a_signal_while_the_header_of_a_stream_is_awaited_ends_the_run() {
    let pipeline = "version = 1\n[source]\ntype = \"stdin\"\n[[sink]]\ntype = \"file\"\npath = \"out.wav\"\n";
    let project = Project::new(pipeline);
    let mut run = Run::start("run", &project, &[]);
    let mut pipe = run.take_stdin();
    // A chunk without end before the one that counts. More than a pipe holds has been read when this
    // is written.
    let mut bytes = b"RIFF\xff\xff\xff\xffWAVEjunk\x00\x00\x00\x40".to_vec();
    bytes.resize(300_000, 0);
    std::io::Write::write_all(&mut pipe, &bytes).expect("it reads");
    let asked = Instant::now();
    run.signal("INT");
    let ended = run.finish();
    assert!(asked.elapsed() < PROMISED, "{:?}", asked.elapsed());
    ended.exits(130);
    assert!(!project.path("out.wav").exists());
    drop(pipe);
}
