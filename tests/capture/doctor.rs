//! `glottis doctor` on a microphone that is there.

use std::f64::consts::TAU;

use serde_json::Value;

use super::rig::Rig;
use crate::support::process::{Ended, glottis};
use crate::support::{Project, Run, sound};

const HZ: u32 = 16_000;

/// A second of silence, and half a minute of somebody speaking. A recording that begins in the middle of
/// a word begins with a click.
fn speech() -> Vec<i16> {
    [vec![0; HZ as usize], sound::speech()[8_000..32_000].repeat(20)].concat()
}

/// Listens while `samples`, of so many channels, sound in the room of a microphone that gives `pace` frames
/// in a second. `None`: none can be had.
fn doctor(pace: u32, channels: u16, samples: &[i16], more: &[&str]) -> Option<Ended> {
    // One for each, so that nothing sounds before it is listened to.
    let rig = Rig::with(HZ, channels)?;
    rig.pace(pace);
    let project = Project::new("version = 1\n[source]\ntype = \"microphone\"\nhost = \"pulseaudio\"\n")
        .with("in.wav", sound::wav(HZ, channels, samples));
    let mut command = glottis();
    command.arg("doctor").args(["--for", "3s"]).args(more).arg(project.path("pipeline.toml"));
    command.envs(rig.env().iter().cloned());
    std::thread::scope(|scope| {
        let playing = scope.spawn(|| rig.play(&project.path("in.wav")));
        let ended = Run::spawn(command).finish();
        rig.hush();
        playing.join().expect("it plays");
        Some(ended)
    })
}

/// What is found in `samples`, in both languages. A busy machine may lose a moment of it, which is a click,
/// and as wide as any band: so one of three times is enough.
#[track_caller]
fn finds(pace: u32, channels: u16, samples: &[i16], code: Option<&str>) {
    let found = (0..3).any(|_| {
        let Some(json) = doctor(pace, channels, samples, &["--json"]) else { return true };
        let Some(people) = doctor(pace, channels, samples, &[]) else { return true };
        println!("{}{}", json.stdout, people.stdout);
        are_the_findings(&json, &people, channels, code)
    });
    assert!(found, "{code:?} is not what is found");
}

fn are_the_findings(json: &Ended, people: &Ended, channels: u16, code: Option<&str>) -> bool {
    let told: Value = serde_json::from_str(&json.stdout).expect("JSON");
    assert_eq!((&told["rate"], &told["channels"]), (&HZ.into(), &channels.into()));
    let findings = told["findings"].as_array().expect("a list");
    json.exits(i32::from(!findings.is_empty()));
    people.exits(i32::from(!people.stdout.contains("nothing is wrong")));
    let codes: Vec<&Value> = findings.iter().map(|finding| &finding["code"]).collect();
    let said = |finding: &Value| {
        ["code", "text", "advice"].iter().all(|key| people.stdout.contains(finding[key].as_str().expect("text")))
    };
    codes == code.into_iter().collect::<Vec<_>>() && people.code == json.code && findings.iter().all(said)
}

#[test]
fn somebody_who_speaks_is_heard_well() {
    finds(HZ, 1, &speech(), None);
}

#[test]
fn a_muted_microphone_gives_zeros() {
    finds(HZ, 1, &[0; 30 * HZ as usize], Some("ZEROS"));
}

#[test]
fn a_gain_that_is_too_high_clips() {
    let loud: Vec<i16> = speech().into_iter().map(|sample| sample.saturating_mul(30)).collect();
    finds(HZ, 1, &loud, Some("CLIPPING"));
}

#[test]
fn a_stereo_microphone_may_have_one_dead_channel() {
    let dead: Vec<i16> = speech().into_iter().flat_map(|sample| [sample, 0]).collect();
    finds(HZ, 2, &dead, Some("CHANNEL_DEAD"));
}

#[test]
fn a_headset_may_have_a_telephones_band() {
    finds(HZ, 1, &below(3_400.0, &speech()), Some("NARROWBAND"));
}

#[test]
fn a_device_may_give_another_rate_than_it_says() {
    finds(HZ / 2, 1, &speech(), Some("RATE_MISMATCH"));
}

/// What of `samples` lies below `cutoff` Hz: a windowed sinc.
fn below(cutoff: f64, samples: &[i16]) -> Vec<i16> {
    const HALF: i32 = 127;
    let width = 2.0 * cutoff / f64::from(HZ);
    let tap = |k: i32| {
        let x = f64::from(k) * width * std::f64::consts::PI;
        let turn = f64::from(k) * TAU / f64::from(2 * HALF + 2);
        let blackman = 0.42 + 0.5 * turn.cos() + 0.08 * (2.0 * turn).cos();
        width * if k == 0 { 1.0 } else { x.sin() / x } * blackman
    };
    let taps: Vec<f64> = (-HALF..=HALF).map(tap).collect();
    let dot = |window: &[i16]| window.iter().zip(&taps).map(|(sample, tap)| f64::from(*sample) * tap).sum::<f64>();
    samples.windows(taps.len()).map(|window| dot(window).round() as i16).collect()
}
