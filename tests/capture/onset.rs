//! Speech that begins with the sound itself, at the start or when a device is back, has its pre-roll:
//! what there is of it.

use super::desk::{TAPE, again_if_too_slow, kept_up, levels, listen, microphone, number, source_is, stop};
use super::rig::Rig;
use crate::support::events::Events;
use crate::support::{Project, Run, sound};

/// In frames of the source.
const PRE_ROLL: usize = 14_400;

/// A project with a recorder of turns and one of everything, both at 16 kHz.
fn project() -> Project {
    const NODES: &str = "[[node]]\ntype = \"resample\"\nrate = 16000\n[[node]]\ntype = \"vad\"\n";
    const TURN: &str = "[[sink]]\nname = \"turn\"\ntype = \"file\"\npath = \"turn-{segment}.raw\"\nformat = \"raw\"\n\
        turn = { mode = \"speech\", hangover = \"300ms\", pre_roll = \"300ms\" }\n";
    let stereo: Vec<i16> = sound::speech()[8_000..32_000].iter().flat_map(|sample| [*sample; 6]).collect();
    Project::new(&(microphone("") + NODES + TURN + TAPE)).with("speech.wav", sound::wav(48_000, 2, &stereo))
}

/// Says something as soon as anybody listens, and says whether every sample of it was taken.
fn speak(rig: &Rig, run: &mut Run, project: &Project) -> bool {
    let playing = rig.play(&project.path("speech.wav"));
    run.wait_for(|event| event["event"] == "segment_end" && event["sink"] == "turn");
    playing.dropped == 0
}

/// Every turn is the recording, from the pre-roll on, and none has anything of another.
#[track_caller]
fn turns_are_whole(events: &Events, project: &Project, turns: usize) {
    let tape = sound::samples(&project.read("tape.raw"));
    let mut decided = 0;
    for (segment, (at, frames)) in events.spans("turn").into_iter().enumerate() {
        let mut onsets = events.named("speech_start").map(|event| number(&event["at"]) as usize);
        let begins = |onset: usize| at.abs_diff(onset.saturating_sub(PRE_ROLL).max(decided)) <= 480;
        assert!(onsets.any(begins), "the turn begins at {at}, which is no onset less the pre-roll");
        let turn = sound::samples(&project.read(&format!("turn-{segment}.raw")));
        sound::is_equal(&turn, &tape[at / 3..at / 3 + frames]);
        decided = at + 3 * frames;
    }
    assert!(events.spans("turn").len() >= turns, "{:?}", events.spans("turn"));
    assert_eq!(events.report()["balanced"], true);
}

#[test]
fn speech_at_the_very_start_is_heard_from_its_beginning() {
    again_if_too_slow(|rig| {
        let project = project();
        let mut run = listen(rig.env(), &project);
        let played_whole = speak(rig, &mut run, &project);
        let events = stop(run);
        if !played_whole || events.gaps().count() > 0 || !kept_up(&events, "tape") || !kept_up(&events, "turn") {
            return false;
        }
        turns_are_whole(&events, &project, 1);
        true
    });
}

#[test]
fn speech_right_after_the_return_of_a_device_has_what_there_is_before_it() {
    again_if_too_slow(|rig| {
        let project = project();
        let mut run = listen(rig.env(), &project);
        source_is(&mut run, "open");
        let mut played_whole = true;
        for _ in 0..3 {
            levels(&mut run);
            rig.unplug();
            source_is(&mut run, "lost");
            rig.replug();
            played_whole &= speak(rig, &mut run, &project);
        }
        let events = stop(run);
        let holes: Vec<(usize, usize)> = events.gaps().collect();
        if !played_whole || holes.len() > 3 || !kept_up(&events, "tape") || !kept_up(&events, "turn") {
            return false;
        }
        turns_are_whole(&events, &project, 3);
        // The silence of the hole is in the pre-roll where that reaches so far.
        assert_eq!(holes.len(), 3);
        let tape = sound::samples(&project.read("tape.raw"));
        for (at, frames) in holes {
            // But for what the resampler still has of the sound before it, and has already of that behind it.
            let hole = &tape[at / 3 + 64..(at + frames) / 3 - 64];
            let loud = hole.iter().position(|sample| *sample != 0);
            assert_eq!(loud, None, "a hole of {} frames is silence", hole.len());
        }
        true
    });
}
