//! Tells a pure tone from everything else. Runs on the pipeline thread.

/// The distances, in frames, over which a tone must follow its law. Long ones tell the harmonics of a deep
/// voice apart, short ones those of a high one.
const DISTANCES: [usize; 5] = [1, 2, 4, 8, 16];

/// How far, as a share of the window's power, the window may be from a tone: about 30 dB below it, since
/// the law makes noise up to six times as strong.
const OFF: f32 = 0.005;

/// Whether `window` is a sine and hardly anything else. Silence is none.
///
/// Three frames of a sine at equal distances obey `x[n] + x[n−2k] = c·x[n−k]` with the same `c = 2·cos(kω)`
/// all along. For each distance the best `c` is found by least squares, and what it leaves is compared with
/// the window's power. Speech obeys it at some distance now and then, but never at all of them.
pub(crate) fn is_tone(window: &[f32]) -> bool {
    let power = window.iter().map(|x| x * x).sum::<f32>() / window.len() as f32;
    power > f32::MIN_POSITIVE && DISTANCES.iter().all(|&k| left_over(window, k) <= OFF * power)
}

/// The mean power that the best `c` for the distance `k` leaves.
fn left_over(window: &[f32], k: usize) -> f32 {
    let (mut both, mut across, mut middle) = (0.0, 0.0, 0.0);
    let frames = window.iter().zip(&window[k..]).zip(&window[2 * k..]);
    for ((first, second), third) in frames {
        let sum = first + third;
        both += sum * sum;
        across += sum * second;
        middle += second * second;
    }
    let explained = if middle > 0.0 { across * across / middle } else { 0.0 };
    (both - explained) / (window.len() - 2 * k) as f32
}

#[cfg(test)]
mod tests {
    use super::is_tone;

    fn window(signal: impl Fn(f32) -> f32) -> Vec<f32> {
        (0..256).map(|i| signal(i as f32 / 16_000.0 * std::f32::consts::TAU)).collect()
    }

    #[test]
    fn a_sine_is_a_tone_at_any_pitch_and_level() {
        for hz in [50.0, 100.0, 440.0, 1_000.0, 3_700.0, 7_900.0] {
            for amplitude in [1.0, 0.01] {
                assert!(is_tone(&window(|t| (t * hz + 0.3).sin() * amplitude)), "{hz} Hz");
            }
        }
    }

    #[test]
    fn a_second_harmonic_that_can_be_heard_makes_it_none() {
        for hz in [80.0, 120.0, 250.0, 400.0, 1_000.0] {
            assert!(!is_tone(&window(|t| (t * hz).sin() + 0.2 * (t * hz * 2.0).sin())), "{hz} Hz");
        }
    }

    #[test]
    fn silence_is_none() {
        assert!(!is_tone(&[0.0; 256]));
    }
}
