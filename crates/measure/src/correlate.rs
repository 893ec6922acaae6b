//! Finds a burst in a sound, to a fraction of a sample. Plain values, any thread.

use realfft::num_complex::Complex;
use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};
use std::sync::Arc;

/// Likeness from which a burst counts as found. Noise that has nothing to do with it stays below 0.35 over
/// an hour; speech as loud as the burst upon it leaves 0.7.
const LIKE: f64 = 0.45;

/// Where a burst was found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Place {
    /// Where its first sample lies, in samples; a fraction where it lies between two.
    pub at: f64,
    /// How like the burst the sound there is: the normalised correlation, 1 at most.
    pub score: f64,
}

/// Looks for one burst in sounds.
pub struct Correlator {
    burst: Vec<f32>,
    /// Root of the sum of its squares.
    norm: f64,
    spectrum: Vec<Complex<f32>>,
    forward: Arc<dyn RealToComplex<f32>>,
    inverse: Arc<dyn ComplexToReal<f32>>,
}

impl Correlator {
    /// A correlator for the samples of a burst, at the rate of the sounds to come. Allocates.
    pub fn new(burst: Vec<f32>) -> Correlator {
        let size = (burst.len() * 4).next_power_of_two().max(64);
        let mut planner = RealFftPlanner::new();
        let (forward, inverse) = (planner.plan_fft_forward(size), planner.plan_fft_inverse(size));
        let mut padded = burst.clone();
        padded.resize(size, 0.0);
        let spectrum = transform(&*forward, &mut padded);
        let norm = energy(&burst).sqrt();
        Correlator { burst, norm, spectrum, forward, inverse }
    }

    /// The place in `sound` that is most like the burst, upright or inverted, if one is like it at all.
    pub fn find(&self, sound: &[f32]) -> Option<Place> {
        let length = self.burst.len();
        if sound.len() < length || self.norm == 0.0 {
            return None;
        }
        let size = self.forward.len();
        // So many lags of each transform are whole.
        let step = size - length + 1;
        let floor = energy(sound).sqrt() * 1e-3;
        let mut best: Option<(usize, f64)> = None;
        let mut piece = vec![0.0; size];
        for from in (0..=sound.len() - length).step_by(step) {
            let n = (sound.len() - from).min(size);
            piece[..n].copy_from_slice(&sound[from..from + n]);
            piece[n..].fill(0.0);
            let lags = self.lags(&mut piece);
            let mut local = energy(&sound[from..from + length]);
            let whole = step.min(sound.len() - length + 1 - from);
            for (lag, &product) in lags.iter().enumerate().take(whole) {
                let score = f64::from(product) / (self.norm * local.max(0.0).sqrt().max(floor).max(1e-9));
                if best.is_none_or(|(_, most)| score.abs() > most) {
                    best = Some((from + lag, score.abs()));
                }
                if from + lag + length < sound.len() {
                    local += square(sound[from + lag + length]) - square(sound[from + lag]);
                }
            }
        }
        let (at, score) = best.filter(|(_, score)| *score >= LIKE)?;
        Some(Place { at: at as f64 + self.fraction(sound, at), score: score.min(1.0) })
    }

    /// Products of the burst with a piece, by lag; the first ones are whole.
    fn lags(&self, piece: &mut [f32]) -> Vec<f32> {
        let mut spectrum = transform(&*self.forward, &mut piece.to_vec());
        for (bin, burst) in spectrum.iter_mut().zip(&self.spectrum) {
            *bin *= burst.conj();
        }
        let mut lags = self.inverse.make_output_vec();
        // The first and the last bin of a real signal are real; what rounding left there is no error.
        for end in [0, spectrum.len() - 1] {
            spectrum[end].im = 0.0;
        }
        let _ = self.inverse.process(&mut spectrum, &mut lags);
        let scale = 1.0 / lags.len() as f32;
        lags.iter_mut().for_each(|x| *x *= scale);
        lags
    }

    /// How far the peak lies from sample `at`: the vertex of the parabola through it and its neighbours.
    fn fraction(&self, sound: &[f32], at: usize) -> f64 {
        let product = |at: usize| -> f64 {
            let there = sound.get(at..at + self.burst.len()).unwrap_or_default();
            there.iter().zip(&self.burst).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>()
        };
        if at == 0 || at + 1 + self.burst.len() > sound.len() {
            return 0.0;
        }
        let (before, peak, after) = (product(at - 1), product(at), product(at + 1));
        let curve = before - 2.0 * peak + after;
        if curve == 0.0 { 0.0 } else { (0.5 * (before - after) / curve).clamp(-0.5, 0.5) }
    }
}

fn transform(fft: &dyn RealToComplex<f32>, samples: &mut [f32]) -> Vec<Complex<f32>> {
    let mut spectrum = fft.make_output_vec();
    // The lengths are the plan's own.
    let _ = fft.process(samples, &mut spectrum);
    spectrum
}

fn square(x: f32) -> f64 {
    f64::from(x) * f64::from(x)
}

fn energy(samples: &[f32]) -> f64 {
    samples.iter().map(|&x| square(x)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::burst::{Burst, Dice};

    fn noise(frames: usize, level: f32) -> Vec<f32> {
        let mut dice = Dice::new(77);
        (0..frames).map(|_| (dice.roll() as f32 - 0.5) * 2.0 * level).collect()
    }

    #[test]
    fn a_burst_is_found_where_it_is_at_every_rate_and_in_noise() {
        for hz in [8_000, 16_000, 44_100, 48_000] {
            let burst = Burst::new(3).samples(hz);
            let mut sound = noise(hz as usize * 2, 0.7);
            let at = hz as usize + 123;
            sound[at..].iter_mut().zip(&burst).for_each(|(s, b)| *s += b);
            let place = Correlator::new(burst).find(&sound).expect("it is there");
            assert!((place.at - at as f64).abs() < 0.1, "{hz}: {place:?}, not {at}");
        }
    }

    #[test]
    fn inverted_it_is_the_same_burst_and_another_one_is_not() {
        let hz = 16_000;
        let mut sound = noise(40_000, 0.01);
        sound[9_000..].iter_mut().zip(&Burst::new(1).samples(hz)).for_each(|(s, b)| *s -= 0.1 * b);
        let place = Correlator::new(Burst::new(1).samples(hz)).find(&sound).expect("it is there");
        assert!((place.at - 9_000.0).abs() < 0.1, "{place:?}");
        assert_eq!(Correlator::new(Burst::new(2).samples(hz)).find(&sound), None);
    }

    /// The rate of the reference is another one than that of the sound it was made at: half a sample is seen.
    #[test]
    fn a_place_between_two_samples_is_told() {
        let fine = Burst::new(5).samples(96_000);
        let mut sound = noise(20_000, 0.001);
        // Every sixth sample from the third on is the burst at 16 kHz, half a sample early.
        let late: Vec<f32> = fine.iter().skip(3).step_by(6).copied().collect();
        sound[5_000..5_000 + late.len()].iter_mut().zip(&late).for_each(|(s, b)| *s += b);
        let place = Correlator::new(Burst::new(5).samples(16_000)).find(&sound).expect("it is there");
        assert!((place.at - 4_999.5).abs() < 0.06, "{place:?}");
    }
}
