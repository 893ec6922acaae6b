//! Turns by voice, as RAVATAR's demo page takes them, and as this project does. The file is read as
//! fast as it goes, so every figure is exact.

use glottis::sim::ravatar::{Config, Simulator};

use crate::blobs::turns;
use crate::rig::assert_same;
use crate::support::{Project, avatar, simulator, sound};

const SECOND: usize = 16_000;

/// A square wave: its RMS is its amplitude, full scale 1.
fn tone(rms: f64, seconds: usize) -> Vec<i16> {
    let amplitude = (rms * 32_768.0).round() as i16;
    (0..seconds * SECOND).map(|n| if n / 20 % 2 == 0 { amplitude } else { -amplitude }).collect()
}

fn silence(seconds: usize) -> Vec<i16> {
    vec![0; seconds * SECOND]
}

/// What is sent of `sound` as blobs of a live session, with these keys of `turn`.
fn turns_of(sound: &[i16], turn: &str) -> Vec<Vec<i16>> {
    let simulator: Simulator = simulator(Config::default());
    let source = "version = 1\n[source]\ntype = \"file\"\npath = \"in.wav\"\npace = \"fast\"\n\
        [[node]]\ntype = \"vad\"\ndetector = \"energy\"\npreset = \"ravatar-demo\"\n";
    let keys = format!("audio = \"blob\"\nturn = {{ mode = \"speech\", {turn} }}\n");
    let project = Project::new(&format!("{source}{}", avatar(&simulator, &keys)));
    let ended = project.with("in.wav", sound::wav(16_000, 1, sound)).run(&["--json"]);
    let report = ended.exits(0).report();
    let delivered: usize = turns(&simulator).iter().map(Vec::len).sum();
    let ledger = &report["sinks"][0]["ledger"];
    assert_eq!((&ledger["delivered"], &ledger["balanced"]), (&delivered.into(), &true.into()));
    assert!(simulator.log().messages().all(|message| !message.fields.contains_key("isPushToTalk")));
    assert_eq!(simulator.violations(), []);
    turns(&simulator)
}

const DEMO: &str = "preset = \"ravatar-demo\"";

/// C44: the demo page sends 15 s of silence every 15 s; here only who asks for it gets that.
#[test]
fn silence_is_not_sent_unless_it_is_asked_for() {
    let quiet = [silence(30), tone(0.01, 30)].concat();
    for turn in ["preset = \"default\"", DEMO] {
        assert_eq!(turns_of(&quiet, turn).len(), 0, "{turn}");
    }
    let asked = turns_of(&quiet, "preset = \"ravatar-demo\", begin = \"at-once\"");
    assert!(asked.len() == 4 && asked.iter().all(|turn| turn.len() == 15 * SECOND));
    assert_same(&asked.concat(), &quiet);
}

/// C45: from the first loud frame until 900 ms after the last.
#[test]
fn the_demo_preset_ends_a_turn_900_ms_after_the_voice() {
    let sound = [silence(1), tone(0.03, 1), silence(2)].concat();
    let turns = turns_of(&sound, DEMO);
    assert_eq!(turns.len(), 1);
    assert_same(&turns[0], &sound[SECOND..2 * SECOND + 14_400]);
}

/// C45: 15 s at most, and what goes on is the next turn.
#[test]
fn the_demo_preset_cuts_a_long_turn() {
    let sound = [silence(1), tone(0.03, 40), silence(2)].concat();
    let turns = turns_of(&sound, DEMO);
    let lengths: Vec<usize> = turns.iter().map(Vec::len).collect();
    assert_eq!(lengths, [15 * SECOND, 15 * SECOND, 10 * SECOND + 14_400]);
    assert_same(&turns.concat(), &sound[SECOND..41 * SECOND + 14_400]);
}

/// The project's own way: pre-roll, and no turn for a click.
#[test]
fn the_default_preset_has_a_pre_roll_and_ignores_clicks() {
    let mut sound = [silence(1), tone(0.03, 1), silence(4)].concat();
    sound[4 * SECOND..4 * SECOND + 1600].copy_from_slice(&tone(0.5, 1)[..1600]);
    let turns = turns_of(&sound, "preset = \"default\"");
    assert_eq!(turns.len(), 1);
    assert_same(&turns[0], &sound[SECOND - 4800..2 * SECOND + 14_400]);
}
