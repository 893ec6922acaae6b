//! Devices that are lost in the middle of a run and come back, through a real sound server: the run
//! goes on, on one timeline, and its books balance. Skipped, with the reason printed, where no sound
//! server can be had.

mod support;

#[path = "capture/desk.rs"]
mod desk;
#[path = "capture/doctor.rs"]
mod doctor;
#[path = "capture/onset.rs"]
mod onset;
#[path = "capture/resume.rs"]
mod resume;
#[path = "rig/mod.rs"]
mod rig;

use desk::{TAPE, again_if_too_slow, books_balance, kept_up, levels, listen, microphone, number, source_is, stop};
use glottis::sim::ravatar::Config;
use rig::Rig;
use serde_json::Value;
use support::{Project, avatar, simulator, sound, was_left_in_order};

/// What comes back has another rate: it is converted to the rate the run began with.
#[test]
fn a_microphone_of_another_rate_stands_in() {
    let Some(mut rig) = Rig::up() else { return };
    let project = Project::new(&(microphone("host = \"pulseaudio\"") + TAPE));
    let mut run = listen(rig.env(), &project);
    source_is(&mut run, "open");
    levels(&mut run);
    rig.unplug();
    source_is(&mut run, "lost");
    rig.replug_at(44_100);
    source_is(&mut run, "open");
    let tone = |n: u32| (8000.0 * (f64::from(n) * 1000.0 * std::f64::consts::TAU / 44_100.0).sin()) as i16;
    let played: Vec<i16> = (0..44_100).map(tone).collect();
    project.write("tone.wav", sound::wav(44_100, 1, &played));
    rig.play(&project.path("tone.wav"));
    levels(&mut run);
    let events = stop(run);
    books_balance(&events, &project);
    let taped = sound::samples(&project.read("tape.raw"));
    let loud: Vec<usize> = (0..taped.len()).filter(|&i| taped[i].abs() > 2000).collect();
    let (first, last) = (loud[0], loud[loud.len() - 1]);
    let crossings: Vec<usize> = (first..last).filter(|&i| taped[i] < 0 && taped[i + 1] >= 0).collect();
    let mut periods: Vec<usize> = crossings.windows(2).map(|pair| pair[1] - pair[0]).collect();
    periods.sort_unstable();
    assert!((900..1100).contains(&periods.len()), "{} periods in a second", periods.len());
    assert_eq!(periods[periods.len() / 2], 48, "a tone of 1000 Hz is one");
}

/// A live session outlives the loss of its microphone: the socket stays, and what is said afterwards
/// has its pre-roll.
#[test]
fn a_live_session_outlives_its_microphone() {
    const NODES: &str = "[[node]]\ntype = \"resample\"\nrate = 16000\n[[node]]\ntype = \"vad\"\n";
    const TURN: &str = "turn = { mode = \"speech\", hangover = \"700ms\", pre_roll = \"300ms\" }\n";
    again_if_too_slow(|rig| {
        let simulator = simulator(Config::default());
        let turn = format!("[[sink]]\nname = \"turn\"\ntype = \"file\"\npath = \"turn.raw\"\nformat = \"raw\"\n{TURN}");
        let pipeline = format!("{}{NODES}{}{turn}{TAPE}", microphone(""), avatar(&simulator, TURN));
        let stereo: Vec<i16> = sound::speech().into_iter().flat_map(|sample| [sample; 6]).collect();
        let project = Project::new(&pipeline).with("in.wav", sound::wav(48_000, 2, &stereo));
        let mut run = listen(rig.env(), &project);
        run.wait_for(|event| event["sink"] == "avatar" && event["state"] == "open");
        levels(&mut run);
        rig.unplug();
        source_is(&mut run, "lost");
        levels(&mut run);
        rig.replug();
        source_is(&mut run, "open");
        let playing = rig.play(&project.path("in.wav"));
        run.wait_for(|event| event["event"] == "segment_end" && event["sink"] == "avatar");
        let events = stop(run);
        if playing.dropped > 0 || events.gaps().count() > 1 || !kept_up(&events, "tape") || !kept_up(&events, "turn") {
            return false;
        }
        assert_eq!(events.named("connected").count(), 1, "one socket all the time");
        assert_eq!(events.named("session").filter(|session| session["live"] == true).count(), 1, "one live session");
        assert_eq!(events.report()["balanced"], true);
        was_left_in_order(&simulator);
        // The turn is the tape, from before the first word on.
        let (tape, turn) = (sound::samples(&project.read("tape.raw")), sound::samples(&project.read("turn.raw")));
        let (at, frames) = events.spans("turn")[0];
        sound::is_equal(&turn[..frames], &tape[at / 3..at / 3 + frames]);
        let onset = number(&events.named("speech_start").next().expect("speech")["at"]) as usize;
        assert!(at < onset && frames > 2 * 16_000, "from before the first word: {at}, {onset}, {frames}");
        true
    });
}

#[test]
fn a_busy_microphone_is_tried_three_times_more_and_then_ends_the_run() {
    let Some(rig) = Rig::up() else { return };
    let Some(env) = rig.refusing("busy") else { return };
    let project = Project::new(&(microphone("") + TAPE)).with("tape.raw", "of an earlier run");
    let ended = listen(&env, &project).finish();
    let events = ended.exits(3).events();
    let errors: Vec<_> = events.named("error").map(|e| (&e["code"], &e["retryable"], &e["fatal"])).collect();
    let busy = Value::from("media_in_use");
    assert_eq!(errors.first(), Some(&(&busy, &true.into(), &false.into())));
    assert_eq!(errors.last(), Some(&(&busy, &false.into(), &true.into())));
    let waits: Vec<u64> = events.named("retry").map(|retry| number(&retry["in_ms"])).collect();
    assert_eq!(waits, [1000, 2000, 4000]);
    assert_eq!(project.read("tape.raw"), b"of an earlier run", "no sink began anything");
}
