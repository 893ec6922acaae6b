//! The low-pass of the `high` converter, in f64. Control thread only.
//!
//! Designed by frequency sampling: the response is prescribed at multiples of 1/[`SPACING`] of the
//! lower rate, 1 in the pass-band, 0 in the stop-band and [`TRANSITION`] between. A prescribed
//! response is a sum of cosines in time, kept over ±[`REACH`] periods. The few values between the
//! bands decide how deep the stop-band is, and a linear program finds the best ones (Rabiner, Gold and
//! McGonegal 1970; Rabiner 1972). That takes 205 taps from 48 to 16 kHz, where a Kaiser window (Kaiser
//! 1974) takes about 260 for the same limits.
//!
//! Limits, by shares of the lower rate: ±0.011 dB up to 7/16, −64 dB from 8/16, −104 dB from 9/16, and
//! −128 dB from 2 on, where the images of a finely divided ratio lie and add up.

use std::f64::consts::TAU;

/// The filter covers this many periods of the lower rate on either side of its middle, both ends
/// included.
pub(crate) const REACH: i64 = 34;

/// The response is prescribed at multiples of the lower rate divided by this.
const SPACING: f64 = 70.0;

/// How many of these multiples are passed, with 0 Hz: up to 0.429 of the lower rate.
const PASSED: usize = 31;

/// The response at the next multiples; beyond them it is 0, from 0.529 of the lower rate on. Minimises
/// the largest error relative to the limits, with the filter sampled at 2, 3 and 8 times the lower rate.
const TRANSITION: [f64; 6] = [0.982_499, 0.778_847, 0.366_252, 0.069_513, 0.000_573, 0.000_540];

/// The filter at `at` periods of the lower rate from its middle, in no particular scale.
pub(crate) fn tap(at: f64) -> f64 {
    let twice = 2.0 * (TAU * at / SPACING).cos();
    let (mut last, mut cosine) = (twice / 2.0, 1.0);
    // 0 Hz has no twin on the negative side: it counts half.
    let mut sum = -0.5;
    for gain in std::iter::repeat_n(&1.0, PASSED).chain(&TRANSITION) {
        sum += gain * cosine;
        // cos(n + 1)a = 2 cos a · cos na − cos(n − 1)a.
        (last, cosine) = (cosine, twice * cosine - last);
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gain at `frequency`, a share of the lower rate, of the filter sampled at `times` that rate.
    fn gain(taps: &[f64], times: usize, frequency: f64) -> f64 {
        let sum = |term: &dyn Fn(usize) -> f64| taps[0] + 2.0 * (1..taps.len()).map(|n| taps[n] * term(n)).sum::<f64>();
        sum(&|n| (TAU * frequency * n as f64 / times as f64).cos()) / sum(&|_| 1.0)
    }

    /// The largest of `count` values between two frequencies.
    fn largest((from, to): (f64, f64), count: u32, value: impl Fn(f64) -> f64) -> f64 {
        let at = |i: u32| from + (to - from) * f64::from(i) / f64::from(count);
        (0..=count).map(|i| value(at(i))).fold(f64::MIN, f64::max)
    }

    #[test]
    fn the_limits_hold_however_finely_the_filter_is_sampled() {
        let db = |gain: f64| 20.0 * gain.abs().log10();
        for times in [2, 3, 4, 6, 12, 160] {
            let taps: Vec<f64> = (0..=REACH as usize * times).map(|n| tap(n as f64 / times as f64)).collect();
            let gain = |frequency| gain(&taps, times, frequency);
            let ripple = largest((0.0, 7.0 / 16.0), 300, |f| db(gain(f)).abs());
            let alias = largest((0.5, 9.0 / 16.0), 100, |f| db(gain(f)));
            let stop = largest((9.0 / 16.0, (times as f64 / 2.0).min(4.0)), 1000, |f| db(gain(f)));
            let measured = format!("{times}: ripple {ripple:.4} dB, then {alias:.1} dB and {stop:.1} dB");
            println!("{measured}");
            assert!(ripple <= 0.011 && alias <= -64.0 && stop <= -104.0, "{measured}");
            if times > 4 {
                let image = largest((2.0, times as f64 / 2.0), 2000, |f| db(gain(f)));
                assert!(image <= -128.0, "{times}: {image:.1} dB");
            }
        }
    }
}
