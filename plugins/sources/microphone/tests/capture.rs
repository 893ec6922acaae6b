//! The microphone end to end, through a real sound server: what is played arrives bit for bit, and a
//! device that fails is told with the right code and taken back.
//!
//! The environment decides which microphone a program hears, and a program cannot change its own while
//! threads run. So each test runs this program again, as [`child`], in the environment of a rig.

#[path = "../../../../tests/rig/mod.rs"]
mod rig;

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::time::Duration;

use glottis_core::convert::f32_to_i16;
use glottis_core::feed::{Taken, capture_ring};
use glottis_core::param::{self, Table};
use glottis_core::registry::ComponentKind;
use glottis_core::source::SourceEvent;
use glottis_core::{Block, Context, Registry, SourceError, clock};
use rig::Rig;

/// What stands before each line that the child says.
const SAYS: &str = "@@ ";

// ---- the child ---------------------------------------------------------------------------------------

#[test]
#[ignore = "run by the other tests, in the environment of a rig"]
fn child() {
    let told = |name: &str| std::env::var(name).ok();
    if told("MIC_DO").as_deref() == Some("devices") {
        match glottis_source_microphone::devices() {
            Ok(devices) => println!("{SAYS}{}", serde_json::to_string(&devices).expect("serialisable")),
            Err(error) => println!("{SAYS}failed {error}"),
        }
        return;
    }
    let mut keys = Table::default();
    if let Some(devices) = told("MIC_DEVICE") {
        keys = keys.with("device", devices.split('|').collect::<Vec<_>>());
    }
    for (variable, key) in [("MIC_HOST", "host"), ("MIC_BUFFER", "buffer"), ("MIC_DRIFT", "drift")] {
        if let Some(value) = told(variable) {
            keys = keys.with(key, value);
        }
    }
    if let Some(channel) = told("MIC_CHANNEL").and_then(|c| c.parse::<u32>().ok()) {
        keys = keys.with("channel", channel);
    }
    if let Err(error) = listen(keys, told("MIC_OUT").map(PathBuf::from)) {
        println!("{SAYS}refused {error}");
    }
}

/// Captures until standard input ends or the source fails, and says how it went.
fn listen(keys: Table, out: Option<PathBuf>) -> Result<(), SourceError> {
    clock::start();
    let mut registry = Registry::new();
    glottis_source_microphone::register(&mut registry);
    let params = registry.get(ComponentKind::Source, "microphone").expect("registered").params;
    let settings = param::check(&keys, params, "source", Path::new("."), &registry).expect("valid keys");
    let mut source = registry.source("microphone", &settings, &Context::default()).expect("a source");
    assert_eq!(source.format(false), Ok(None));
    assert!(source.live());
    let format = source.format(true)?.expect("a format when looked at");
    let (feed, mut intake) = capture_ring(format.rate, 100, format.waits);
    let mut capture = Some(source.start(feed)?);
    let mut opened = false;

    let (stop, stopped) = mpsc::channel::<()>();
    std::thread::spawn(move || {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        drop(stop);
    });
    let mut block = Block::new(format.rate);
    let mut samples = Vec::new();
    let mut quiet = Quiet { enough: format.rate.hz() as usize / 5, ..Quiet::default() };
    loop {
        match intake.take(&mut block) {
            Taken::Block => {
                assert_eq!(block.at, samples.len() as i64, "no block is missing");
                samples.extend_from_slice(block.samples());
                if quiet.again(block.samples()) {
                    println!("{SAYS}quiet");
                }
            }
            Taken::Empty => intake.wait(Duration::from_millis(2)),
            Taken::Ended => break,
        }
        if stopped.try_recv() == Err(mpsc::TryRecvError::Disconnected) {
            capture = None;
        }
        while let Some(event) = capture.as_mut().and_then(|capture| capture.event()) {
            match event {
                SourceEvent::State { state: "open", .. } if !std::mem::replace(&mut opened, true) => {
                    println!("{SAYS}listening {} {} {}", format.native_hz, format.rate.hz(), format.channels);
                }
                SourceEvent::State { state, .. } => println!("{SAYS}state {state}"),
                SourceEvent::Error { error, .. } => println!("{SAYS}error {error}"),
                SourceEvent::Retry { .. } | SourceEvent::Notice { .. } => {}
            }
        }
        if let Some(Err(error)) = capture.as_mut().map(|capture| capture.poll()) {
            println!("{SAYS}refused {error}");
        }
    }
    if let Some(out) = out {
        let bytes: Vec<u8> = samples.iter().flat_map(|s| s.to_le_bytes()).collect();
        std::fs::write(out, bytes).expect("written");
    }
    let stats = intake.stats();
    let lost = stats.overrun.load(Ordering::Relaxed) + stats.lost.load(Ordering::Relaxed);
    println!("{SAYS}ended {} {lost}", intake.total());
    drop(capture);
    Ok(())
}

/// Notices when sound has been followed by a fifth of a second of silence: all that was played is there.
#[derive(Default)]
struct Quiet {
    enough: usize,
    /// Frames of silence since the last sound; `None` before it and once it was told.
    silent: Option<usize>,
}

impl Quiet {
    fn again(&mut self, samples: &[f32]) -> bool {
        match samples.iter().rev().position(|s| s.abs() > 1e-5) {
            Some(silent) => self.silent = Some(silent),
            None => self.silent = self.silent.map(|silent| silent + samples.len()),
        }
        self.silent.take_if(|silent| *silent >= self.enough).is_some()
    }
}

// ---- its parent --------------------------------------------------------------------------------------

struct Listener {
    child: Child,
    lines: std::io::Lines<BufReader<ChildStdout>>,
}

impl Listener {
    fn start(env: &[(String, String)], told: &[(&str, &str)]) -> Listener {
        let mut child = Command::new(std::env::current_exe().expect("this program"))
            .args(["--exact", "child", "--ignored", "--nocapture"])
            .envs(env.iter().cloned())
            .envs(told.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the child runs");
        let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        Listener { child, lines }
    }

    /// What the child says next, whatever it is; `word` is what is hoped for.
    fn next(&mut self, word: &str) -> String {
        let said = self
            .lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| line.split_once(SAYS).map(|(_, said)| said.to_owned()));
        said.unwrap_or_else(|| panic!("the child ended and did not say {word}"))
    }

    /// Waits until the child says something that begins with `word`.
    fn says_in_time(&mut self, word: &str) -> String {
        loop {
            if let Some(rest) = self.next(word).strip_prefix(word) {
                return rest.trim().to_owned();
            }
        }
    }

    /// Waits until it listens. On a busy machine libasound has been seen to fail as a stream begins; that is
    /// told, and tried again at once.
    fn listens(&mut self) -> String {
        self.says_in_time("listening")
    }

    /// The next line the child says that begins with `word`; it must be the next at all.
    fn says(&mut self, word: &str) -> String {
        let said = self.next(word);
        let rest = said.strip_prefix(word).unwrap_or_else(|| panic!("the child said \"{said}\", not {word}"));
        rest.trim().to_owned()
    }

    fn stop(&mut self) -> String {
        drop(self.child.stdin.take());
        loop {
            if let Some(ended) = self.next("ended").strip_prefix("ended") {
                return ended.to_owned();
            }
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Noise over the whole range, the same in every channel.
fn noise(frames: usize) -> Vec<i16> {
    (0..frames as u32).map(|k| (k + 1).wrapping_mul(2_654_435_761).rotate_left(9) as i16).collect()
}

fn write(path: &Path, hz: u32, samples: &[i16]) {
    let spec =
        hound::WavSpec { channels: 1, sample_rate: hz, bits_per_sample: 16, sample_format: hound::SampleFormat::Int };
    let mut writer = hound::WavWriter::create(path, spec).expect("a file");
    samples.iter().for_each(|&s| writer.write_sample(s).expect("written"));
    writer.finalize().expect("written");
}

/// Plays `samples` into the rig while a child listens, and returns what it heard.
fn heard(rig: &Rig, hz: u32, samples: &[i16], told: &[(&str, &str)]) -> Vec<i16> {
    let folder = tempfile::tempdir().expect("a directory");
    let (played, out) = (folder.path().join("played.wav"), folder.path().join("heard.f32"));
    write(&played, hz, samples);
    let out_text = out.to_string_lossy().into_owned();
    let told: Vec<(&str, &str)> = told.iter().copied().chain([("MIC_OUT", out_text.as_str())]).collect();
    // A machine too busy to feed the device in time proves nothing: try again.
    for _ in 0..5 {
        let mut listener = Listener::start(rig.env(), &told);
        assert_eq!(listener.listens(), format!("{hz} {hz} {}", if hz == 16_000 { 1 } else { 2 }));
        let playing = rig.play(&played);
        listener.says_in_time("quiet");
        let ended = listener.stop();
        if playing.dropped == 0 && ended.ends_with(" 0") {
            let bytes = std::fs::read(&out).expect("the child wrote it");
            let (floats, _) = bytes.as_chunks::<4>();
            return floats.iter().map(|b| f32_to_i16(f32::from_le_bytes(*b))).collect();
        }
    }
    panic!("this machine is too slow to play in real time");
}

fn assert_exact(heard: &[i16], played: &[i16]) {
    let at = heard.windows(played.len()).position(|window| window == played).expect("what was played, bit for bit");
    assert!(
        heard[..at].iter().all(|&s| s == 0) && heard[at + played.len()..].iter().all(|&s| s == 0),
        "silence around"
    );
}

// ---- the tests ---------------------------------------------------------------------------------------

#[test]
fn what_is_played_arrives_bit_for_bit_through_alsa() {
    let Some(rig) = Rig::up() else { return };
    let played = noise(48_000);
    // ALSA comes first by itself.
    assert_exact(&heard(&rig, 48_000, &played, &[]), &played);
    assert_exact(&heard(&rig, 48_000, &played, &[("MIC_HOST", "alsa"), ("MIC_CHANNEL", "1")]), &played);
}

#[test]
fn what_is_played_arrives_bit_for_bit_through_pulseaudio() {
    let Some(rig) = Rig::with(16_000, 1) else { return };
    let played = noise(16_000);
    assert_exact(&heard(&rig, 16_000, &played, &[("MIC_HOST", "pulseaudio")]), &played);
}

#[test]
fn a_device_is_found_by_name_and_by_id_and_after_one_that_is_not_there() {
    let Some(rig) = Rig::up() else { return };
    for device in ["Virtual microphone", "alsa:virtual_mic", "virtual_mic", "nothing of the kind|virtual_mic"] {
        let mut listener = Listener::start(rig.env(), &[("MIC_HOST", "alsa"), ("MIC_DEVICE", device)]);
        listener.listens();
        listener.stop();
    }
    let mut listener = Listener::start(rig.env(), &[("MIC_HOST", "pulseaudio"), ("MIC_DEVICE", "Virtual mic")]);
    listener.listens();
    listener.stop();
}

#[test]
fn the_devices_are_listed_with_what_they_can_do() {
    let Some(rig) = Rig::up() else { return };
    let mut listener = Listener::start(rig.env(), &[("MIC_DO", "devices")]);
    let devices: serde_json::Value = serde_json::from_str(&listener.says("")).expect("JSON");
    let find = |id: &str| {
        let all = devices.as_array().expect("a list");
        all.iter().find(|d| d["id"] == id).unwrap_or_else(|| panic!("no {id} in {devices}")).clone()
    };
    let alsa = find("alsa:virtual_mic");
    assert_eq!((&alsa["name"], &alsa["host"]), (&"Virtual microphone".into(), &"alsa".into()));
    assert_eq!(alsa["default"]["rate"], 48_000);
    assert!(alsa["formats"].as_array().is_some_and(|f| f.contains(&"i16".into())));
    let pulse = find("pulseaudio:virtual_mic");
    assert_eq!((&pulse["is_default"], &pulse["default"]["channels"]), (&true.into(), &2.into()));
    assert!(pulse["rates"][0]["min"].as_u64() < pulse["rates"][0]["max"].as_u64());
    assert!(find("alsa:default")["is_default"].as_bool().is_some_and(|d| d));
    assert!(!devices.to_string().contains("alsa:null"), "a device without a clock is no microphone");
}

#[test]
fn no_device_at_all_means_the_default_one_and_is_told() {
    let Some(rig) = Rig::up() else { return };
    let mut listener = Listener::start(rig.env(), &[("MIC_DEVICE", "")]);
    listener.says("error no_constraints");
    listener.listens();
    listener.stop();
}

#[test]
fn a_stream_kept_on_the_clock_is_as_long_and_as_loud() {
    let Some(rig) = Rig::up() else { return };
    let tone: Vec<i16> = (0..48_000).map(|i| (16_000.0 * (f64::from(i) * 0.05).sin()) as i16).collect();
    let heard = heard(&rig, 48_000, &tone, &[("MIC_DRIFT", "correct")]);
    let loud = heard.iter().filter(|s| s.abs() > 8_000).count();
    let played = tone.iter().filter(|s| s.abs() > 8_000).count();
    assert!(loud.abs_diff(played) < played / 50, "{loud} of {played}");
}

#[test]
fn an_unknown_device_gets_the_nearest_names() {
    let Some(rig) = Rig::up() else { return };
    for host in ["alsa", "pulseaudio"] {
        let mut listener = Listener::start(rig.env(), &[("MIC_HOST", host), ("MIC_DEVICE", "virtul_mic")]);
        let error = listener.says("refused no_specified_media_found");
        assert!(error.contains("virtul_mic") && error.contains(&format!("{host}:virtual_mic")), "{error}");
    }
}

#[test]
fn a_device_that_is_not_there_or_not_free_says_so() {
    let Some(rig) = Rig::up() else { return };
    for (kind, code) in [
        ("busy", "media_in_use"),
        ("denied", "permission_denied"),
        ("missing", "no_specified_media_found"),
        ("broken", "recorder_error"),
    ] {
        let Some(env) = rig.refusing(kind) else { return };
        Listener::start(&env, &[]).says(&format!("refused {code}"));
    }
    rig.unplug();
    for host in ["alsa", "pulseaudio", "auto"] {
        Listener::start(rig.env(), &[("MIC_HOST", host)]).says("refused no_specified_media_found");
    }
    rig.crash();
    for host in ["alsa", "pulseaudio"] {
        Listener::start(rig.env(), &[("MIC_HOST", host)]).says("refused no_specified_media_found");
    }
}

#[test]
fn a_channel_the_device_does_not_have_is_refused() {
    let Some(rig) = Rig::up() else { return };
    Listener::start(rig.env(), &[("MIC_CHANNEL", "2")]).says("refused invalid_media_constraints");
}

#[test]
fn a_device_that_is_lost_is_looked_for_and_taken_back() {
    let Some(rig) = Rig::up() else { return };
    for host in ["alsa", "pulseaudio"] {
        let faults: [fn(&Rig); 2] = [Rig::unplug, Rig::crash];
        for fault in faults {
            let mut listener = Listener::start(rig.env(), &[("MIC_HOST", host)]);
            listener.listens();
            fault(&rig);
            listener.says("state lost");
            listener.says("error media_aborted");
            listener.says("state searching");
            listener.says("error no_specified_media_found");
            rig.mend();
            listener.says_in_time("state open");
            listener.stop();
        }
    }
}

#[test]
fn a_device_that_falls_silent_is_lost_until_it_gives_sound_again() {
    let Some(rig) = Rig::up() else { return };
    for host in ["alsa", "pulseaudio"] {
        let mut listener = Listener::start(rig.env(), &[("MIC_HOST", host)]);
        listener.listens();
        rig.stall(60);
        listener.says("state lost");
        listener.says("error recorder_error");
        listener.says("state searching");
        // It can still be opened, and that alone proves nothing.
        listener.says("error recorder_error");
        rig.stall(0);
        listener.says("state open");
        listener.stop();
    }
}

#[test]
fn a_device_that_hangs_while_it_is_opened_does_not_hang_the_program() {
    let Some(rig) = Rig::up() else { return };
    rig.stall(60);
    for host in ["pulseaudio", "alsa"] {
        let mut listener = Listener::start(rig.env(), &[("MIC_HOST", host)]);
        // Unless a little sound was still on its way.
        let said = listener.next("something");
        assert!(said.starts_with("error recorder_error") || said.starts_with("listening"), "{said}");
        listener.stop();
    }
}

#[test]
fn stopping_ends_the_stream() {
    let Some(rig) = Rig::up() else { return };
    for (host, buffer) in [("alsa", "auto"), ("alsa", "40ms"), ("pulseaudio", "auto"), ("pulseaudio", "20ms")] {
        let mut listener = Listener::start(rig.env(), &[("MIC_HOST", host), ("MIC_BUFFER", buffer)]);
        listener.listens();
        listener.stop();
    }
}
