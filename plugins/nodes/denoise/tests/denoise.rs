//! The `denoise` node as a pipeline sees it: built from its keys, run block by block, on recorded speech.

use std::path::Path;

use assert_no_alloc::{AllocDisabler, assert_no_alloc, violation_count};
use glottis_core::param::{Table, check};
use glottis_core::registry::{ComponentKind, Context};
use glottis_core::{Block, FaultCode, Node, Problem, Rate, Registry};

#[global_allocator]
static ALLOCATOR: AllocDisabler = AllocDisabler;

const FRAME: usize = 480;

fn rate() -> Rate {
    Rate::new(48_000).unwrap()
}

fn build(table: &Table) -> Result<Box<dyn Node>, Vec<Problem>> {
    let mut registry = Registry::new();
    glottis_node_denoise::register(&mut registry);
    let params = registry.get(ComponentKind::Node, "denoise").unwrap().params;
    let settings = check(table, params, "node[0]", Path::new(""), &registry)?;
    registry.node("denoise", &settings, &Context::default())
}

fn denoise(mix: f64) -> Box<dyn Node> {
    let mut node = build(&Table::default().with("mix", mix)).unwrap();
    assert_eq!(node.prepare(rate()), Ok(rate()));
    node
}

/// What leaves for whole blocks of `samples`.
fn run_late(node: &mut dyn Node, samples: &[f32]) -> Vec<f32> {
    let (mut input, mut output) = (Block::new(rate()), Block::new(rate()));
    let mut heard = Vec::new();
    for block in samples.chunks_exact(FRAME) {
        input.samples_mut().copy_from_slice(block);
        output.follow(&input, rate(), node.latency());
        node.process(&input, &mut output).unwrap();
        assert_eq!(output.at, input.at - i64::from(node.latency()));
        heard.extend_from_slice(output.samples());
        input.at = input.end();
    }
    heard
}

/// What leaves, moved to where it came in.
fn run(node: &mut dyn Node, samples: &[f32]) -> Vec<f32> {
    run_late(node, &[samples, &[0.0; FRAME]].concat()).split_off(node.latency() as usize)
}

/// A recorded sentence, 16 kHz made 48 kHz on straight lines, in whole blocks.
fn sentence() -> Vec<f32> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../tests/fixtures/speech");
    let mut wav = hound::WavReader::open(folder.join("sense_and_sensibility_01_austen_64kb-0880.wav")).unwrap();
    let samples: Vec<f32> = wav.samples::<i16>().map(|s| glottis_core::convert::i16_to_f32(s.unwrap())).collect();
    let lines = samples.windows(2).flat_map(|w| (0..3).map(|i| w[0] + (w[1] - w[0]) * i as f32 / 3.0));
    let mut wide: Vec<f32> = lines.collect();
    wide.truncate(wide.len() / FRAME * FRAME);
    wide
}

/// Noise that falls off towards high frequencies, as most in rooms does.
fn noise(frames: usize, amplitude: f32) -> Vec<f32> {
    let (mut state, mut last) = (1_u32, 0.0);
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        last = last * 0.95 + (state as i32) as f32 / 2.0_f32.powi(31) * 0.2 * amplitude;
        last
    };
    (0..frames).map(|_| next()).collect()
}

fn level(samples: &[f32]) -> f64 {
    let power = samples.iter().map(|&s| f64::from(s).powi(2)).sum::<f64>() / samples.len() as f64;
    10.0 * power.max(1e-20).log10()
}

#[test]
fn steady_noise_nearly_disappears() {
    let noise = noise(48_000 * 3, 0.05);
    let heard = run(denoise(1.0).as_mut(), &noise);
    let (before, after) = (level(&noise[96_000..]), level(&heard[96_000..]));
    assert!(after < before - 20.0, "{before:.1} dB leave at {after:.1} dB");
}

#[test]
fn speech_stays_and_the_noise_in_its_pauses_goes() {
    let speech = sentence();
    let pause = 48_000;
    let quiet = vec![0.0; pause];
    let said = [&quiet, &speech[..], &quiet].concat();
    let room = noise(said.len(), 0.05);
    let noisy: Vec<f32> = said.iter().zip(&room).map(|(s, r)| s + r).collect();
    let heard = run(denoise(1.0).as_mut(), &noisy);
    let spoken = pause..pause + speech.len();
    let likeness = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum::<f64>();
    let (s, h) = (&said[spoken.clone()], &heard[spoken.clone()]);
    let same = likeness(s, h) / (likeness(s, s) * likeness(h, h)).sqrt();
    assert!(same > 0.85, "{same:.3} of the speech is left");
    assert!((level(h) - level(s)).abs() < 2.0, "{:.1} dB of {:.1} dB", level(h), level(s));
    let after = spoken.end + pause / 2..;
    let softer = level(&room[after.clone()]) - level(&heard[after]);
    assert!(softer > 20.0, "{softer:.1} dB softer");
}

/// The declared delay is the real one: denoised clean speech lies on the speech, and one block to either
/// side it does not.
#[test]
fn the_sound_is_late_by_exactly_what_is_declared() {
    let speech = sentence();
    let heard = run(denoise(1.0).as_mut(), &speech);
    let likeness = |shift: isize| {
        let middle = 48_000..speech.len() - 48_000;
        middle.map(|i| f64::from(speech[i]) * f64::from(heard[(i as isize + shift) as usize])).sum::<f64>()
    };
    let best = (-600..=600).max_by(|&a, &b| likeness(a).total_cmp(&likeness(b))).unwrap();
    assert!(best.abs() <= 8, "off by {best} frames");
}

#[test]
fn without_any_mix_the_sound_is_only_delayed() {
    let speech = sentence();
    let heard = run(denoise(0.0).as_mut(), &speech);
    assert!(heard.iter().zip(&speech).all(|(h, s)| (h - s).abs() < 1e-6));
}

#[test]
fn a_mix_leaves_that_much_of_the_noise() {
    let noise = noise(48_000 * 3, 0.05);
    let heard = run(denoise(0.9).as_mut(), &noise);
    let softer = level(&noise[96_000..]) - level(&heard[96_000..]);
    assert!((17.0..20.5).contains(&softer), "{softer:.1} dB");
}

#[test]
fn a_new_mix_makes_no_click() {
    let tone: Vec<f32> = (0..48_000).map(|i| (i as f32 * 0.01).sin() * 0.3).collect();
    let mut node = denoise(0.0);
    let mut heard = run_late(node.as_mut(), &tone[..24_000]).split_off(FRAME);
    node.set("mix", 1.0).unwrap();
    heard.extend(run_late(node.as_mut(), &tone[24_000..]));
    let steepest = heard.windows(2).map(|w| (w[1] - w[0]).abs()).fold(0.0, f32::max);
    assert!(steepest < 0.004, "a step of {steepest}");
    for (param, value) in [("mix", 1.01), ("mix", -0.1), ("mix", f64::NAN), ("db", 0.5)] {
        assert_eq!(node.set(param, value).unwrap_err().code, FaultCode::BadParameter, "{param} {value}");
    }
    let problem = build(&Table::default().with("mix", 2)).err().unwrap().remove(0);
    assert!(problem.to_string().contains("node[0].mix: 2 is out of range (from 0 to 1)"), "{problem}");
}

#[test]
fn other_rates_are_refused_with_the_node_to_insert() {
    for hz in Rate::LIST.into_iter().filter(|&hz| hz != 48_000) {
        let problem = build(&Table::default()).unwrap().prepare(Rate::new(hz).unwrap()).unwrap_err();
        assert!(problem.message.contains(&format!("not at {hz} Hz")), "{problem}");
        assert!(problem.help.contains("type = \"resample\"") && problem.help.contains("rate = 48000"), "{problem}");
    }
}

#[test]
fn bad_samples_leave_no_trace() {
    let mut node = denoise(1.0);
    for bad in [f32::NAN, f32::INFINITY, f32::MAX, -f32::MAX] {
        assert!(run(node.as_mut(), &[bad; FRAME * 3]).iter().all(|s| s.is_finite()), "{bad}");
    }
    let heard = run(node.as_mut(), &sentence());
    assert!(level(&heard) > -40.0 && heard.iter().all(|s| s.abs() < 1.5), "{:.1} dB", level(&heard));
}

#[test]
fn after_a_reset_nothing_older_is_heard() {
    let mut node = denoise(0.5);
    run(node.as_mut(), &sentence());
    let (mut input, mut output) = (Block::new(rate()), Block::new(rate()));
    input.samples_mut().fill(0.7);
    node.process(&input, &mut output).unwrap();
    node.reset();
    let heard = run(node.as_mut(), &[0.0; FRAME * 20]);
    let loudest = heard.iter().map(|s| s.abs()).fold(0.0, f32::max);
    assert!(loudest < 1e-4, "{loudest}");
}

/// The pipeline's thread is another than the one that prepared: the first block there allocates nothing
/// either.
#[test]
fn processing_on_another_thread_allocates_nothing() {
    let mut node = denoise(1.0);
    let speech = sentence();
    std::thread::spawn(move || {
        let (mut input, mut output) = (Block::new(rate()), Block::new(rate()));
        assert_no_alloc(|| {
            for block in speech.chunks_exact(FRAME) {
                input.samples_mut().copy_from_slice(block);
                node.process(&input, &mut output).unwrap();
            }
            node.set("mix", 0.5).unwrap();
            node.process(&input, &mut output).unwrap();
            node.reset();
        });
        assert_eq!(violation_count(), 0);
    })
    .join()
    .unwrap();
}
