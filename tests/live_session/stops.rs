//! Every way to stop delivers the turn in progress and ends the live session once.

use glottis::sim::ravatar::{Config, Simulator};

use crate::support::{CHUNK, Ended, Run, heard, simulator, sound, wait_for_samples, was_left_in_order};
use crate::{listening, live};

/// A minute of noise, loud throughout: longer than any test here lasts.
fn endless() -> Vec<i16> {
    sound::noise(60 * 16_000, 11)
}

/// The one segment, cut off by the end of the run, arrived whole: its frames, then only zeros.
#[track_caller]
fn was_delivered(ended: &Ended, simulator: &Simulator, sent: &[i16]) {
    ended.exits(0);
    let events = ended.events();
    assert_eq!(events.reasons("avatar"), ["stop"]);
    let (at, frames) = events.spans("avatar")[0];
    let heard = heard(simulator);
    assert!(heard.len() >= frames, "{} of {frames} frames", heard.len());
    sound::is_equal(&heard[..frames], &events.patched(sent)[at..at + frames]);
    assert!(heard[frames..].iter().all(|sample| *sample == 0), "only silence behind the turn");
    assert_eq!(heard.len() % CHUNK, 0);
    let ledger = &events.sink("avatar")["ledger"];
    assert_eq!(ledger["delivered"], frames - events.lost_in((at, frames)), "{ledger}");
    assert_eq!(ledger["padded"], heard.len() - frames, "{ledger}");
    let lost = ledger["dropped"].as_object().unwrap();
    assert!(lost.iter().all(|(cause, frames)| cause == "gap" || *frames == 0), "{ledger}");
    assert_eq!(events.report()["balanced"], true);
    was_left_in_order(simulator);
}

/// Runs until the turn is well under way, and then does `stop`.
fn stopped(more: &[&str], stop: impl FnOnce(&mut Run)) {
    let sent = endless();
    let simulator = simulator(Config::default());
    let project = listening(&simulator, "realtime", &sent, "turn = { mode = \"speech\" }");
    let mut run = project.start(more);
    run.wait_for_event("segment_begin");
    wait_for_samples(&simulator, 2 * CHUNK as u64);
    stop(&mut run);
    was_delivered(&run.finish(), &simulator, &sent);
}

#[test]
fn the_command_stop_delivers_the_turn() {
    stopped(&[], |run| assert_eq!(run.ask(r#"{"do":"stop"}"#)["do"], "stop"));
}

#[test]
fn the_end_of_the_control_input_delivers_the_turn() {
    stopped(&[], Run::close_stdin);
}

#[test]
fn the_time_given_with_for_delivers_the_turn() {
    stopped(&["--for", "1500ms"], |_| {});
}

#[test]
fn a_time_shorter_than_the_connection_takes_leaves_nothing_behind() {
    let simulator = simulator(Config::default());
    let project = live(&simulator, &endless(), "turn = { mode = \"always\" }");
    let ended = project.run(&["--for", "1ms", "--events", "-"]);
    ended.exits(0);
    assert_eq!(ended.events().report()["balanced"], true);
    assert_eq!(simulator.active_sessions(), 0);
    assert_eq!(simulator.violations(), []);
}

#[test]
fn the_end_of_the_source_delivers_the_turn() {
    let sent = sound::noise(20_000, 12);
    for pace in ["fast", "realtime"] {
        let simulator = simulator(Config::default());
        let keys = "turn = { mode = \"speech\" }";
        let ended = listening(&simulator, pace, &sent, keys).run(&["--events", "-"]);
        was_delivered(&ended, &simulator, &sent);
    }
}

#[test]
fn in_always_mode_the_one_segment_ends_with_the_run() {
    let sent = endless();
    let simulator = simulator(Config::default());
    let mut run = live(&simulator, &sent, "turn = { mode = \"always\" }").start(&[]);
    wait_for_samples(&simulator, 2 * CHUNK as u64);
    run.close_stdin();
    was_delivered(&run.finish(), &simulator, &sent);
}

/// What a person does with a file that is over: nothing. The run ends by itself although commands
/// could still come.
#[test]
fn an_open_control_input_does_not_keep_a_finished_run() {
    let simulator = simulator(Config::default());
    let run = live(&simulator, &sound::noise(4_000, 13), "turn = { mode = \"always\" }").start(&[]);
    run.finish().exits(0);
    was_left_in_order(&simulator);
}
