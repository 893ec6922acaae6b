//! The low-passes of the polyphase converters, in f64. Control thread only.
//!
//! Designed by frequency sampling: the response is prescribed at multiples of a small share of the
//! lower rate. A prescribed response is a sum of cosines in time, kept over a few periods of that rate
//! on either side. Which values to prescribe between the bands, or everywhere, is found with a linear
//! program that minimises the largest error relative to the limits, with the filter sampled at 2, 3 and
//! 8 times the lower rate (Rabiner, Gold and McGonegal 1970; Rabiner 1972).

use std::f64::consts::TAU;

/// A low-pass of finite length, symmetric about its middle: the same delay at every frequency.
pub(crate) struct Prototype {
    /// The filter covers this many periods of the lower rate on either side of its middle, both ends
    /// included.
    pub(crate) reach: i64,
    /// The response is prescribed at multiples of the lower rate divided by this.
    spacing: f64,
    /// At how many of these multiples it is 1, from 0 Hz on.
    passed: usize,
    /// The response at the next ones; beyond them it is 0.
    shape: &'static [f64],
}

/// ±0.011 dB up to 7/16 of the lower rate, −64 dB from 8/16, −104 dB from 9/16, and −128 dB from 2 on,
/// where the images of a finely divided ratio lie and add up. 205 taps from 48 to 16 kHz, where a Kaiser
/// window (Kaiser 1974) takes about 260 for the same limits.
pub(crate) const HIGH: Prototype = Prototype {
    reach: 34,
    spacing: 70.0,
    passed: 31,
    shape: &[0.982_499, 0.778_847, 0.366_252, 0.069_513, 0.000_573, 0.000_540],
};

/// ±0.052 dB up to 4/10 of the lower rate, −19 dB at 8/16, −91 dB from 9/16 and −106 dB from 2 on. 73
/// taps from 48 to 16 kHz. So short a filter has no value to spare: all are free, those of the
/// pass-band too.
pub(crate) const LOW_DELAY: Prototype = Prototype {
    reach: 12,
    spacing: 26.0,
    passed: 1,
    shape: &[
        1.005_857, 0.995_553, 1.001_733, 1.001_154, 0.996_191, 1.005_389, 0.994_037, 1.005_479, 0.995_044, 1.005_798,
        0.888_076, 0.468_538, 0.105_902, 0.005_239, 0.000_001, -0.000_016,
    ],
};

impl Prototype {
    /// The filter at `at` periods of the lower rate from its middle, in no particular scale.
    pub(crate) fn tap(&self, at: f64) -> f64 {
        let twice = 2.0 * (TAU * at / self.spacing).cos();
        let (mut last, mut cosine) = (twice / 2.0, 1.0);
        // 0 Hz has no twin on the negative side: it counts half.
        let mut sum = -0.5;
        for gain in std::iter::repeat_n(&1.0, self.passed).chain(self.shape) {
            sum += gain * cosine;
            // cos(n + 1)a = 2 cos a · cos na − cos(n − 1)a.
            (last, cosine) = (cosine, twice * cosine - last);
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A prototype sampled at `times` the lower rate.
    struct Sampled {
        taps: Vec<f64>,
        times: usize,
    }

    impl Sampled {
        fn new(prototype: &Prototype, times: usize) -> Sampled {
            let tap = |n| prototype.tap(n as f64 / times as f64);
            Sampled { taps: (0..=prototype.reach as usize * times).map(tap).collect(), times }
        }

        /// Level at `frequency`, a share of the lower rate.
        fn db(&self, frequency: f64) -> f64 {
            let turn = TAU * frequency / self.times as f64;
            let sum = |term: &dyn Fn(usize) -> f64| {
                self.taps[0] + 2.0 * (1..self.taps.len()).map(|n| self.taps[n] * term(n)).sum::<f64>()
            };
            20.0 * (sum(&|n| (turn * n as f64).cos()) / sum(&|_| 1.0)).abs().log10()
        }

        /// The largest of `count` values between two frequencies.
        fn largest(&self, from: f64, to: f64, count: u32, value: impl Fn(f64) -> f64) -> f64 {
            let at = |i: u32| from + (to - from) * f64::from(i) / f64::from(count);
            (0..=count).map(|i| value(self.db(at(i)))).fold(f64::MIN, f64::max)
        }
    }

    /// What a prototype promises: the end of its pass-band and the ripple there, levels from 8/16, from
    /// 9/16 and from 2 on.
    struct Limits {
        pass: f64,
        ripple: f64,
        edge: f64,
        stop: f64,
        image: f64,
    }

    fn check(prototype: &Prototype, limits: &Limits) {
        for times in [2, 3, 4, 6, 12, 160] {
            let sampled = Sampled::new(prototype, times);
            let top = times as f64 / 2.0;
            let ripple = sampled.largest(0.0, limits.pass, 300, f64::abs);
            let edge = sampled.largest(0.5, 9.0 / 16.0, 100, |db| db);
            let stop = sampled.largest(9.0 / 16.0, top.min(4.0), 1000, |db| db);
            let measured = format!("{times}: ripple {ripple:.4} dB, then {edge:.1} dB and {stop:.1} dB");
            println!("{measured}");
            assert!(ripple <= limits.ripple && edge <= limits.edge && stop <= limits.stop, "{measured}");
            if times > 4 {
                let image = sampled.largest(2.0, top, 2000, |db| db);
                assert!(image <= limits.image, "{times}: {image:.1} dB");
            }
        }
    }

    #[test]
    fn the_limits_of_high_hold_however_finely_it_is_sampled() {
        check(&HIGH, &Limits { pass: 7.0 / 16.0, ripple: 0.011, edge: -64.0, stop: -104.0, image: -128.0 });
    }

    #[test]
    fn the_limits_of_low_delay_hold_however_finely_it_is_sampled() {
        check(&LOW_DELAY, &Limits { pass: 0.4, ripple: 0.052, edge: -19.0, stop: -91.0, image: -106.0 });
    }
}
