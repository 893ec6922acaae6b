//! What the watch finds: each fault by its own name and by no other, and nothing where nothing is wrong.

use std::path::Path;

use glottis_core::feed::capture_ring;
use glottis_core::{Block, Rate, clock};
use glottis_engine::watch::{FINDINGS, Heard, Watch, judge};
use glottis_graph::{Gauge, Second};

const VOICES: [&str; 5] = ["0870", "0880", "0890", "0920", "0930"];

/// One of the recorded sentences, at 16 kHz.
fn voice(name: &str) -> Vec<f32> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/speech");
    let file =
        std::fs::read(folder.join(format!("sense_and_sensibility_01_austen_64kb-{name}.wav"))).expect("a fixture");
    let data = file.windows(4).position(|w| w == b"data").expect("samples") + 8;
    file[data..].chunks_exact(2).take(40_000).map(|b| f32::from(i16::from_le_bytes([b[0], b[1]])) / 32_768.0).collect()
}

/// Windowed-sinc interpolation of `x` from `from` to `to` Hz, below `pass` Hz.
fn resample(x: &[f32], from: f64, to: f64, pass: f64) -> Vec<f32> {
    const HALF: i64 = 64;
    let cut = 2.0 * pass / from;
    let frames = (x.len() as f64 * to / from) as i64;
    let sample = |t: f64| -> f32 {
        let middle = t.floor() as i64;
        let tap = |k: i64| -> f64 {
            let d = t - k as f64;
            let sinc =
                if d == 0.0 { 1.0 } else { (std::f64::consts::PI * cut * d).sin() / (std::f64::consts::PI * cut * d) };
            let phase = std::f64::consts::PI * d / HALF as f64;
            let window = 0.42 + 0.5 * phase.cos() + 0.08 * (2.0 * phase).cos();
            f64::from(x[k as usize]) * cut * sinc * window
        };
        ((middle - HALF + 1).max(0)..(middle + HALF).min(x.len() as i64)).map(tap).sum::<f64>() as f32
    };
    (0..frames).map(|i| sample(i as f64 * from / to)).collect()
}

fn noise(level: f32) -> impl FnMut(f32) -> f32 {
    let mut state = 1_u32;
    move |x| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        x + level * ((state >> 8) as f32 / 8_388_608.0 - 1.0)
    }
}

/// As it would come out of 16 bits.
fn sixteen(x: &[f32]) -> Vec<f32> {
    x.iter().map(|x| (x * 32_768.0).round().clamp(-32_768.0, 32_767.0) / 32_768.0).collect()
}

fn seconds(hz: u32, samples: &[f32]) -> Vec<Second> {
    let rate = Rate::new(hz).expect("on the list");
    let mut gauge = Gauge::new(rate);
    let mut seconds = Vec::new();
    for (i, piece) in samples.chunks_exact(rate.block()).enumerate() {
        let mut block = Block::new(rate);
        block.at = (i * rate.block()) as i64;
        block.samples_mut().copy_from_slice(piece);
        seconds.extend(gauge.take(&block));
    }
    assert!(!seconds.is_empty(), "a second at least");
    seconds
}

fn heard(hz: u32, samples: &[f32]) -> Heard {
    Heard { hz, seconds: seconds(hz, samples), spoken: true, ..Heard::default() }
}

fn codes(heard: &Heard) -> Vec<&'static str> {
    judge(heard).iter().map(|finding| finding.code).collect()
}

fn scaled(x: &[f32], gain: f32) -> Vec<f32> {
    x.iter().map(|x| x * gain).collect()
}

fn interleaved(left: &[f32], right: &[f32]) -> Vec<f32> {
    left.iter().zip(right).flat_map(|(l, r)| [*l, *r]).collect()
}

#[test]
fn twenty_faults_have_each_its_own_name() {
    let (a, b) = (voice("0870"), voice("0920"));
    let silence = vec![0.0; 64_000];
    let channels = |samples: &[f32], channels: Vec<f64>| Heard { channels, ..heard(16_000, samples) };
    let energy: f64 = a.iter().map(|x| f64::from(x * x)).sum();
    let clock = |ppm: f64| Heard { ppm: Some(ppm), ..heard(16_000, &a) };
    let faults = [
        ("ZEROS", heard(16_000, &silence)),
        ("ZEROS", heard(48_000, &[0.3; 96_000])),
        ("ZEROS", channels(&silence, vec![0.0, 0.0])),
        ("STEREO_AS_MONO", heard(16_000, &interleaved(&a, &a))),
        ("STEREO_AS_MONO", heard(16_000, &interleaved(&a, &silence))),
        ("STEREO_AS_MONO", heard(16_000, &interleaved(&a, &b))),
        ("CHANNEL_DEAD", channels(&scaled(&a, 0.5), vec![energy, 0.0])),
        ("CHANNEL_DEAD", channels(&silence, vec![0.0, energy])),
        ("CHANNEL_DEAD", channels(&scaled(&a, 0.25), vec![energy, energy * 1e-8, energy, energy])),
        ("CLIPPING", heard(16_000, &sixteen(&scaled(&a, 20.0)))),
        ("CLIPPING", heard(16_000, &scaled(&a, 12.0).iter().map(|x| x.clamp(-0.6, 0.6)).collect::<Vec<_>>())),
        ("CLIPPING", heard(48_000, &sixteen(&scaled(&resample(&b, 16e3, 48e3, 7500.0), 15.0)))),
        ("DC_OFFSET", heard(16_000, &a.iter().map(|x| x + 0.05).collect::<Vec<_>>())),
        ("DC_OFFSET", heard(16_000, &b.iter().map(|x| 0.5 * x - 0.2).collect::<Vec<_>>())),
        ("NARROWBAND", heard(16_000, &sixteen(&scaled(&resample(&a, 16e3, 16e3, 3400.0), 2.0)))),
        ("NARROWBAND", heard(48_000, &sixteen(&scaled(&resample(&b, 16e3, 48e3, 3400.0), 2.0)))),
        ("RATE_MISMATCH", clock(-81_250.0)),
        ("RATE_MISMATCH", clock(2_000_000.0)),
        ("DRIFT", clock(180.0)),
        ("DRIFT", clock(-250.0)),
        ("TOO_QUIET", heard(16_000, &sixteen(&scaled(&a, 0.003)))),
        ("TOO_QUIET", Heard { spoken: false, ..heard(16_000, &scaled(&b, 0.002)) }),
    ];
    assert!(faults.len() >= 20);
    for (i, (code, heard)) in faults.iter().enumerate() {
        assert_eq!(codes(heard), [*code], "fault {i}");
    }
    for finding in FINDINGS {
        assert!(faults.iter().any(|(code, _)| *code == finding.code), "{}", finding.code);
        assert!(!finding.advice.is_empty());
    }
}

#[test]
fn clean_recordings_have_no_fault() {
    let mut clean: Vec<(String, Heard)> = Vec::new();
    for (i, name) in VOICES.into_iter().enumerate() {
        let voice = voice(name);
        clean.push((format!("{name} as it is"), heard(16_000, &voice)));
        let peak = voice.iter().fold(0.0_f32, |a, x| a.max(x.abs()));
        clean.push((format!("{name} normalised"), heard(16_000, &sixteen(&scaled(&voice, 0.99 / peak)))));
        clean.push((format!("{name} soft"), heard(16_000, &sixteen(&scaled(&voice, 0.3)))));
        let noisy: Vec<f32> = voice.iter().copied().map(noise(0.01)).collect();
        clean.push((format!("{name} with noise"), heard(16_000, &noisy)));
        let hz = [24_000_u32, 44_100, 48_000][i % 3];
        let x = resample(&voice, 16e3, f64::from(hz), 7800.0);
        let ppm = Some(20.0 * i as f64 - 40.0);
        clean.push((format!("{name} at {hz}"), Heard { ppm, ..heard(hz, &sixteen(&x)) }));
        let energy: f64 = voice.iter().map(|x| f64::from(x * x)).sum();
        // A voice on the left is heard on the right, and as often not by much.
        let channels = vec![energy, energy * 0.001];
        clean.push((format!("{name} in stereo"), Heard { channels, ..heard(16_000, &voice) }));
        let telephone = resample(&voice, 16e3, 8e3, 3400.0);
        clean.push((format!("{name} by telephone"), heard(8_000, &telephone)));
    }
    let room: Vec<f32> = std::iter::repeat_n(0.0, 160_000).map(noise(0.001)).collect();
    clean.push(("a quiet room with nobody in it".into(), Heard { spoken: false, ..heard(16_000, &room) }));
    assert!(clean.len() >= 10);
    for (what, heard) in &clean {
        assert_eq!(codes(heard), [""; 0], "{what}");
    }
}

/// Whatever the rate it was converted to, and with three clicks a second.
#[test]
fn a_telephones_band_is_found_behind_clicks() {
    for (i, name) in VOICES.into_iter().enumerate() {
        let hz = [16_000_u32, 24_000, 44_100, 48_000, 96_000][i];
        let voice = voice(name);
        let peak = voice.iter().fold(0.0_f32, |a, x| a.max(x.abs()));
        for pass in [3400.0, 3900.0] {
            let narrow = sixteen(&resample(&scaled(&voice, 0.9 / peak), 16e3, f64::from(hz), pass));
            assert_eq!(codes(&heard(hz, &narrow)), ["NARROWBAND"], "{name} to {pass} Hz at {hz}");
            let (mut clicks, third) = (narrow, hz as usize / 3 + 1);
            clicks.iter_mut().skip(third / 2).step_by(third).for_each(|x| *x = -0.9 * x.signum());
            assert_eq!(codes(&heard(hz, &clicks)), ["NARROWBAND"], "{name} to {pass} Hz at {hz}, with clicks");
        }
    }
}

/// While a run is on: told once it is sure, once; and again when it was mended and came back.
#[test]
fn a_run_is_told_once_of_each_fault() {
    clock::start();
    let rate = Rate::new(16_000).expect("on the list");
    let (feed, _intake) = capture_ring(rate, 10, false);
    let stats = feed.stats();
    let mut watch = Watch::new(rate);
    let (good, bad) = (seconds(16_000, &voice("0870")), seconds(16_000, &[0.0; 64_000]));
    let mut told = Vec::new();
    let mut play = |second: &Second, times: usize| {
        for _ in 0..times {
            told.extend(watch.take(0, *second, &stats).iter().map(|finding| finding.code));
        }
        told.len()
    };
    assert_eq!(play(&good[0], 60), 0);
    assert_eq!(play(&bad[0], 9), 0, "a pause is no fault");
    assert_eq!(play(&bad[0], 60), 1);
    assert_eq!(play(&good[0], 90), 1);
    assert_eq!(play(&bad[0], 60), 2);
    assert_eq!(told, ["ZEROS", "ZEROS"]);
}

/// Memory does not grow however long a run is.
#[test]
fn the_watch_holds_no_more_after_a_day_than_after_a_minute() {
    clock::start();
    let rate = Rate::new(16_000).expect("on the list");
    let (feed, _intake) = capture_ring(rate, 10, false);
    let mut watch = Watch::new(rate);
    let second = seconds(16_000, &voice("0870"))[0];
    let told = (0..86_400_u64).map(|s| watch.take(s * 1_000_000_000, second, &feed.stats()).len()).sum::<usize>();
    assert_eq!(told, 0);
}
