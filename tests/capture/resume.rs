//! How soon there is sound again once a device is back. The microphone gives noise all the time, no two
//! stretches of which are alike, so every sample of the recording says when the device gave it: by the
//! same clock by which the device was given back.

use std::ops::Range;
use std::process::Command;
use std::time::Instant;

use super::desk::{TAPE, books_balance, levels, listen, microphone, source_is, states, stop};
use super::rig::{Playing, Rig};
use crate::support::events::Events;
use crate::support::{Project, Run, sound};

/// Sound is there again so soon, in milliseconds. Of five times the middle one counts: a machine that is
/// busy may hold up one or the other.
const SOON: i64 = 500;

const TIMES: usize = 5;

/// Longer than any of the tests, in seconds.
const NOISE: usize = 40;

/// A device is lost in this way,
struct Fault {
    lose: fn(&Rig),
    /// with this error,
    code: &'static str,
    /// and is then there again.
    mend: fn(&Rig),
}

const UNPLUGGED: Fault = Fault { lose: Rig::unplug, code: "media_aborted", mend: Rig::replug };
const KILLED: Fault = Fault { lose: Rig::crash, code: "media_aborted", mend: Rig::mend };

/// Noise without zeros, so that silence shows.
fn noise() -> Vec<i16> {
    let noise = sound::noise(NOISE * 48_000, 7);
    noise.into_iter().map(|sample| if sample == 0 { 1 } else { sample }).collect()
}

fn in_stereo(noise: &[i16]) -> Vec<u8> {
    sound::wav(48_000, 2, &noise.iter().flat_map(|sample| [*sample; 2]).collect::<Vec<_>>())
}

/// Sound between two holes in the recording.
#[derive(Debug)]
struct Stretch {
    /// Where it lies in the recording,
    taped: Range<usize>,
    /// and where in what was played.
    played: usize,
}

/// What of `noise` was recorded: every stretch whole, in order, and nothing twice.
#[track_caller]
fn stretches(events: &Events, tape: &[i16], noise: &[i16]) -> Vec<Stretch> {
    let holes: Vec<(usize, usize)> = events.gaps().collect();
    for (at, frames) in &holes {
        assert!(tape[*at..at + frames].iter().all(|sample| *sample == 0), "a hole is silence");
    }
    let starts = std::iter::once(0).chain(holes.iter().map(|(at, frames)| at + frames));
    let ends = holes.iter().map(|(at, _)| *at).chain([tape.len()]);
    let mut found: Vec<Stretch> = Vec::new();
    for (start, end) in starts.zip(ends) {
        let loud = |i: &usize| tape[*i] != 0;
        let (Some(first), Some(last)) = ((start..end).find(loud), (start..end).rfind(loud)) else { continue };
        let (from, piece) = (found.last().map_or(0, |last| last.played + last.taped.len()), &tape[first..=last]);
        let probe = &piece[..piece.len().min(16)];
        let at = noise[from..].windows(probe.len()).position(|window| window == probe);
        let at = from + at.unwrap_or_else(|| panic!("what stands at {first} was not played, or not after {from}"));
        sound::is_equal(piece, &noise[at..at + piece.len()]);
        found.push(Stretch { taped: first..last + 1, played: at });
    }
    found
}

/// When the device gave frame `n` of what was played, in nanoseconds of the monotonic clock.
fn given(playing: &Playing, n: i64) -> i64 {
    playing.start_ns as i64 + n * 1_000_000_000 / 48_000
}

/// The middle one of some times is soon enough. All are printed.
#[track_caller]
fn soon(what: &str, mut after_ms: Vec<i64>) {
    let slow = slowness_ms();
    println!("{what}: sound again {after_ms:?} ms after the device was back; a process takes {slow} ms to begin");
    assert_eq!(after_ms.len(), TIMES);
    after_ms.sort_unstable();
    assert!(after_ms[TIMES / 2] < SOON + 2 * slow, "{what}: {after_ms:?} ms");
}

/// How long this machine takes now to start a process and see its end: a few milliseconds, unless it is
/// busy. Once it is the rig that waits so long, before it can give the device back, and once the program,
/// before its threads have their turn.
fn slowness_ms() -> i64 {
    let mut took: Vec<_> = (0..TIMES)
        .map(|_| {
            let started = Instant::now();
            Command::new("true").status().expect("it runs");
            started.elapsed().as_millis() as i64
        })
        .collect();
    took.sort_unstable();
    took[TIMES / 2]
}

/// Loses and mends a device again and again in one run, in an environment in which it is open.
fn resumes(rig: &Rig, env: &[(String, String)], host: &str, fault: &Fault) {
    let (noise, project) = (noise(), Project::new(&(microphone(&format!("host = \"{host}\"")) + TAPE)));
    project.write("noise.wav", in_stereo(&noise));
    let mut run = listen(env, &project);
    source_is(&mut run, "open");
    let (playing, backs) = std::thread::scope(|scope| {
        let playing = scope.spawn(|| rig.play(&project.path("noise.wav")));
        run.wait_for(|event| event["rms_dbfs"].as_f64() > Some(-20.0));
        let backs: Vec<u64> = (0..TIMES).map(|round| lost_and_back(rig, &mut run, fault, round)).collect();
        rig.hush();
        (playing.join().expect("it plays"), backs)
    });
    let events = stop(run);
    let round = ["lost", "searching", "open"].repeat(TIMES);
    assert_eq!(states(&events), [&["opening", "open"][..], &round, &["done"]].concat());
    books_balance(&events, &project);
    let stretches = stretches(&events, &sound::samples(&project.read("tape.raw")), &noise);
    let first_after = |back: u64| {
        let times = stretches.iter().map(|stretch| given(&playing, stretch.played as i64));
        // What lies in the device's pipe when it comes back is a little older.
        times.map(|time| (time - back as i64) / 1_000_000).find(|after| *after > -100).expect("sound again")
    };
    soon(&format!("{host}, {}", fault.code), backs.into_iter().map(first_after).collect());
    holes_are_as_long_as_the_clock_says(&stretches);
}

/// The device's own frames count how long it was away: the recording has silence of as many, but for how
/// late the sound around it came.
#[track_caller]
fn holes_are_as_long_as_the_clock_says(stretches: &[Stretch]) {
    let longer = |pair: &[Stretch]| {
        let played = pair[1].played - (pair[0].played + pair[0].taped.len());
        let taped = pair[1].taped.start - pair[0].taped.end;
        (taped as i64 - played as i64) / 48
    };
    let mut longer: Vec<i64> = stretches.windows(2).map(longer).collect();
    println!("holes are longer than what was missed by {longer:?} ms");
    longer.sort_unstable_by_key(|ms| ms.abs());
    // The first sound of a busy server may come late, and then more at once.
    assert!(longer[0].abs() < 20 && longer[longer.len() / 2].abs() < 250, "{longer:?} ms");
}

/// Returns when the device was back. In each round it is away for another time, so that it comes back in
/// another moment of the search.
fn lost_and_back(rig: &Rig, run: &mut Run, fault: &Fault, round: usize) -> u64 {
    (fault.lose)(rig);
    source_is(run, "lost");
    let error = run.wait_for_event("error");
    assert_eq!((&error["code"], &error["fatal"]), (&fault.code.into(), &false.into()), "{error}");
    assert!(!error["advice"].as_str().unwrap_or_default().is_empty());
    source_is(run, "searching");
    // Time goes on without a device.
    (0..=2 * round).for_each(|_| drop(run.wait_for_event("level")));
    (fault.mend)(rig);
    source_is(run, "open");
    levels(run);
    rig.back_ns()
}

#[test]
fn a_microphone_that_is_unplugged_and_plugged_in_again() {
    let Some(rig) = Rig::up() else { return };
    for host in ["alsa", "pulseaudio"] {
        resumes(&rig, rig.env(), host, &UNPLUGGED);
    }
}

#[test]
fn a_sound_server_that_is_killed_and_started_again() {
    let Some(rig) = Rig::up() else { return };
    for host in ["alsa", "pulseaudio"] {
        resumes(&rig, rig.env(), host, &KILLED);
    }
}

/// It hangs without a word, and every attempt to use it hangs with it.
#[test]
fn a_sound_server_that_hangs_and_goes_on() {
    let Some(rig) = Rig::up() else { return };
    for host in ["alsa", "pulseaudio"] {
        let hung = Fault { lose: Rig::freeze, code: "recorder_error", mend: Rig::thaw };
        resumes(&rig, rig.env(), host, &hung);
    }
}

/// It is plugged in again, but somebody else has it by then.
#[test]
fn a_microphone_that_somebody_else_has_for_a_while() {
    let Some(rig) = Rig::up() else { return };
    let Some(env) = rig.refusing("busy") else { return };
    rig.relent();
    let lose = |rig: &Rig| {
        rig.relapse();
        rig.unplug();
        rig.replug();
    };
    resumes(&rig, &env, "alsa", &Fault { lose, code: "media_aborted", mend: Rig::relent });
}

/// Runs that begin without a device, one after the other: how soon each hears one after it is there.
fn begins(rig: &Rig, env: &[(String, String)], more: &str, code: &str, take: fn(&Rig), give: fn(&Rig)) {
    let noise = noise();
    let mut after = Vec::new();
    for _ in 0..TIMES {
        take(rig);
        let project = Project::new(&(microphone(more) + TAPE));
        project.write("noise.wav", in_stereo(&noise[..48_000]));
        let mut run = listen(env, &project);
        let error = run.wait_for(|event| event["code"] == code);
        assert_eq!((&error["retryable"], &error["fatal"]), (&true.into(), &false.into()), "{error}");
        give(rig);
        source_is(&mut run, "open");
        let playing = rig.play(&project.path("noise.wav"));
        levels(&mut run);
        let events = stop(run);
        assert_eq!(events.sink("tape")["ledger"]["dropped"]["gap"], serde_json::Value::Null, "no hole");
        let stretches = stretches(&events, &sound::samples(&project.read("tape.raw")), &noise);
        let first = &stretches[0];
        // Time begins with the first sound.
        let begun = given(&playing, first.played as i64 - first.taped.start as i64);
        after.push((begun - rig.back_ns() as i64) / 1_000_000);
    }
    soon(&format!("{code}: {more}"), after);
}

#[test]
fn with_wait_a_run_begins_when_a_microphone_is_plugged_in() {
    let Some(rig) = Rig::up() else { return };
    for host in ["alsa", "pulseaudio"] {
        let more = format!("host = \"{host}\"\nwait = true");
        begins(&rig, rig.env(), &more, "no_specified_media_found", Rig::unplug, Rig::replug);
    }
}

#[test]
fn a_run_begins_when_somebody_else_lets_go_of_the_microphone() {
    let Some(rig) = Rig::up() else { return };
    let Some(env) = rig.refusing("busy") else { return };
    begins(&rig, &env, "", "media_in_use", Rig::relapse, Rig::relent);
}

/// What comes back has another rate. It cannot be told by its samples, which are converted; but the
/// timeline goes by the clock.
#[test]
fn a_microphone_that_comes_back_with_another_rate() {
    let noise = noise();
    let mut after = Vec::new();
    for _ in 0..TIMES {
        let Some(mut rig) = Rig::up() else { return };
        let project = Project::new(&(microphone("host = \"pulseaudio\"") + TAPE));
        project.write("noise.wav", in_stereo(&noise[..48_000]));
        let mut run = listen(rig.env(), &project);
        source_is(&mut run, "open");
        let playing = rig.play(&project.path("noise.wav"));
        levels(&mut run);
        rig.unplug();
        source_is(&mut run, "lost");
        rig.replug_at(44_100);
        source_is(&mut run, "open");
        levels(&mut run);
        let events = stop(run);
        books_balance(&events, &project);
        let first = &stretches(&events, &sound::samples(&project.read("tape.raw")), &noise)[0];
        let (at, frames) = events.gaps().next().expect("a hole");
        let since = (at + frames) as i64 - first.taped.start as i64;
        let resumed = given(&playing, first.played as i64 + since);
        after.push((resumed - rig.back_ns() as i64) / 1_000_000);
    }
    soon("another rate", after);
}
