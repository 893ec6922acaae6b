//! Device clocks that are off, in simulated time.

use glottis_core::drift::{Drift, MOST_PPM, Steady, WINDOW_NS};

/// A device whose clock is `ppm` fast and whose callbacks come late by up to 20 ms, and now and then by
/// 300: the least lateness of each window.
struct Device {
    ppm: f64,
    seed: u64,
}

impl Device {
    fn lateness(&mut self, now: u64) -> i64 {
        let drifted = -(now as f64 * self.ppm * 1e-6);
        // The best of a few hundred callbacks is late by little; in a stall all of them are late.
        self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let chance = (self.seed >> 33) as f64 / f64::from(1_u32 << 31);
        let jitter = if chance > 0.98 { 300e6 } else { chance * 2e6 };
        (drifted + jitter) as i64
    }
}

fn windows(seconds: u64) -> impl Iterator<Item = u64> {
    (1..=seconds * 1_000_000_000 / WINDOW_NS).map(|k| k * WINDOW_NS)
}

#[test]
fn the_drift_of_a_device_is_found_within_minutes_whatever_the_machine_does() {
    for ppm in [-200.0, -50.0, 0.0, 3.0, 120.0, 400.0] {
        let (mut drift, mut device) = (Drift::default(), Device { ppm, seed: 7 });
        for now in windows(300) {
            drift.add(now, device.lateness(now));
        }
        let found = drift.ppm().expect("five minutes are enough");
        assert!((found - ppm).abs() < 4.0, "{ppm} ppm: found {found:.1}");
    }
    assert_eq!(Drift::default().ppm(), None);
}

#[test]
fn a_day_at_200_ppm_keeps_the_stream_within_a_period() {
    const PERIOD: f64 = 10e6;
    for ppm in [200.0, -200.0] {
        let (mut steady, mut device) = (Steady::default(), Device { ppm, seed: 99 });
        let mut worst = 0.0_f64;
        for now in windows(24 * 3600) {
            let late = device.lateness(now);
            let stretch = steady.step(now, late);
            assert!(stretch.abs() <= MOST_PPM);
            // Where the stream really is, without the lateness of the callbacks.
            let true_late = -(now as f64 * ppm * 1e-6);
            worst = worst.max(steady.error(true_late as i64).abs());
        }
        println!("{ppm} ppm for a day: at most {:.2} ms off", worst / 1e6);
        assert!(worst < PERIOD, "{ppm} ppm: {:.2} ms", worst / 1e6);
    }
}

#[test]
fn a_clock_that_is_wildly_off_is_not_followed() {
    let mut steady = Steady::default();
    let mut device = Device { ppm: 88_000.0, seed: 1 };
    assert!(windows(600).all(|now| steady.step(now, device.lateness(now)).abs() <= MOST_PPM));
}
