//! What stretching does to the sound: next to nothing, also while the stretch changes.

use std::f64::consts::TAU;
use std::sync::Arc;

use glottis_core::Rate;
use glottis_core::drift::{MOST_PPM, SLEW_PPM};
use glottis_source_door::{Stretch, elastic};

const HZ: u32 = 48_000;
const TONE: f64 = 1000.0;
const AMPLITUDE: f64 = 0.5;

/// A second's callbacks.
const CALLBACKS: usize = 100;

/// A tone through an elastic converter whose stretch is set anew each second.
fn stretched(from: u32, ppm: &[f64]) -> Vec<f64> {
    let stretch = Arc::new(Stretch::default());
    let mut door = elastic(from, Rate::new(HZ).expect("on the list"), stretch.clone()).expect("a rate");
    let (mut out, mut at) = (Vec::new(), 0_u32);
    for ppm in ppm {
        stretch.set(*ppm);
        for _ in 0..CALLBACKS {
            let next = at + from / CALLBACKS as u32;
            let tone = |k: u32| (AMPLITUDE * (TAU * TONE * f64::from(k) / f64::from(from)).sin()) as f32;
            let callback: Vec<f32> = (at..next).map(tone).collect();
            door.convert(&callback, &mut |piece| out.extend(piece.iter().map(|x| f64::from(*x))));
            at = next;
        }
    }
    out
}

/// A stage of a filter at `hz`, by the formulas of R. Bristow-Johnson's cookbook: a notch, or what is above.
fn filter(sound: &mut [f64], hz: f64, q: f64, notch: bool) {
    let w = TAU * hz / f64::from(HZ);
    let (alpha, c) = (w.sin() / (2.0 * q), w.cos());
    let b = if notch { [1.0, -2.0 * c, 1.0] } else { [(1.0 + c) / 2.0, -(1.0 + c), (1.0 + c) / 2.0] };
    let mut z = [0.0; 2];
    for x in sound {
        let y = (b[0] * *x + z[0]) / (1.0 + alpha);
        z = [b[1] * *x + 2.0 * c * y + z[1], b[2] * *x - (1.0 - alpha) * y];
        *x = y;
    }
}

/// What is left of a sound without the tone: three notches, each 60 Hz wide, so that a tone half a hertz off
/// is gone too.
fn residue(mut sound: Vec<f64>) -> Vec<f64> {
    (0..3).for_each(|_| filter(&mut sound, TONE, TONE / 60.0, true));
    // The filters have settled after half a second.
    sound.split_off(HZ as usize / 2)
}

/// Distortion and noise, in decibels of the tone.
fn noise(sound: Vec<f64>) -> f64 {
    let left = residue(sound);
    let power = left.iter().map(|x| x * x).sum::<f64>() / left.len() as f64;
    10.0 * (power / (AMPLITUDE * AMPLITUDE / 2.0)).log10()
}

/// The loudest click, in decibels of the tone: what is more than an octave above it. A tone whose pitch
/// changes has sidebands next to it, and those are no click.
fn click(sound: Vec<f64>) -> f64 {
    let mut left = residue(sound);
    (0..4).for_each(|_| filter(&mut left, 2.0 * TONE, 0.7, false));
    let peak = left[HZ as usize / 2..].iter().fold(0.0_f64, |a, x| a.max(x.abs()));
    20.0 * (peak / AMPLITUDE).log10()
}

#[test]
fn a_stretched_tone_is_a_tone() {
    for from in [HZ, 44_100] {
        for ppm in [0.0, 200.0, -MOST_PPM] {
            let noise = noise(stretched(from, &[ppm; 4]));
            println!("{from} Hz, {ppm} ppm: THD+N {noise:.1} dB");
            assert!(noise < -100.0, "{from} Hz, {ppm} ppm: {noise:.1} dB");
        }
    }
}

#[test]
fn nobody_hears_that_the_stretch_changes() {
    // As fast as it may, up and down and up again.
    let ppm: Vec<f64> = (0..20).map(|k: i32| SLEW_PPM * f64::from([0, 5, 10, 5][k as usize % 4] - 5)).collect();
    let walk: Vec<f64> = (0..20).map(|k: i32| SLEW_PPM * f64::from((k - 10).abs() - 5)).collect();
    for (what, ppm) in [("jumps five times as fast as a correction may", ppm), ("a correction's own steps", walk)] {
        let click = click(stretched(HZ, &ppm));
        println!("{what}: loudest click {click:.1} dB");
        assert!(click < -90.0, "{what}: {click:.1} dB");
    }
}

/// One frame left out is a click: the measure hears it.
#[test]
fn a_frame_left_out_would_be_heard() {
    let mut sound = stretched(HZ, &[200.0; 3]);
    sound.remove(2 * HZ as usize);
    let click = click(sound);
    assert!(click > -40.0, "{click:.1} dB");
}
