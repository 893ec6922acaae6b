//! Device clocks that are off, in simulated time: how they are measured, and the loop that corrects
//! them. Through a real feed and converter: `plugins/sources/door/tests/drift.rs`.

use glottis_core::drift::{Drift, MOST_PPM, SLEW_PPM, STEP_NS, Steady, WINDOW_NS};

/// A device whose clock is fast by `ppm` millionths, and whose callbacks come late by up to 20 ms, and now
/// and then by 300.
struct Device {
    ppm: f64,
    seed: u64,
    /// How late its stream is, in nanoseconds.
    late: f64,
}

impl Device {
    fn new(ppm: f64, seed: u64) -> Device {
        Device { ppm, seed, late: 0.0 }
    }

    /// Lets `ns` pass on a machine that is never late. The lateness.
    fn drift(&mut self, ns: u64) -> i64 {
        self.late -= ns as f64 * self.ppm * 1e-6;
        self.late as i64
    }

    /// Lets `ns` pass, with the stream stretched by `stretch`. The least lateness of the callbacks.
    fn pass(&mut self, ns: u64, stretch: f64) -> i64 {
        self.late -= ns as f64 * (self.ppm + stretch) * 1e-6;
        // The best of a few hundred callbacks is late by little; in a stall all of them are late.
        self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let chance = (self.seed >> 33) as f64 / f64::from(1_u32 << 31);
        let jitter = if chance > 0.98 { 300e6 } else { chance * 2e6 };
        (self.late + jitter) as i64
    }
}

#[test]
fn the_drift_of_a_device_is_found_within_minutes_whatever_the_machine_does() {
    for ppm in [-200.0, -50.0, 0.0, 3.0, 120.0, 400.0] {
        let (mut drift, mut device) = (Drift::default(), Device::new(ppm, 7));
        for window in 1..=60 {
            drift.add(window * WINDOW_NS, device.pass(WINDOW_NS, 0.0));
        }
        let found = drift.ppm().expect("five minutes are enough");
        assert!((found - ppm).abs() < 4.0, "{ppm} ppm: found {found:.1}");
    }
}

/// Half a minute of windows of a device without jitter.
fn half_a_minute(drift: &mut Drift, device: &mut Device, begin: u64) -> Vec<Option<f64>> {
    let windows = (begin + 1..=begin + 6).map(|window| {
        drift.add(window * WINDOW_NS, device.drift(WINDOW_NS));
        drift.ppm()
    });
    windows.collect()
}

#[test]
fn nothing_is_said_of_a_drift_before_half_a_minute_nor_of_another_device() {
    let (mut drift, mut device) = (Drift::default(), Device::new(100.0, 1));
    let said = half_a_minute(&mut drift, &mut device, 0);
    assert!(said[..5] == [None; 5] && (said[5].expect("enough") - 100.0).abs() < 0.1, "{said:?}");
    drift.reset();
    let said = half_a_minute(&mut drift, &mut Device::new(-100.0, 1), 6);
    assert!(said[..5] == [None; 5] && (said[5].expect("enough") + 100.0).abs() < 0.1, "{said:?}");
}

#[test]
fn a_drift_of_more_than_five_minutes_ago_is_forgotten() {
    let (mut drift, mut device) = (Drift::default(), Device::new(300.0, 1));
    for window in 0..120 {
        device.ppm = if window < 60 { 300.0 } else { -20.0 };
        drift.add(window * WINDOW_NS, device.drift(WINDOW_NS));
    }
    let found = drift.ppm().expect("ten minutes are enough");
    assert!((found + 20.0).abs() < 0.1, "{found:.1}");
}

/// A device's day, corrected: how late its stream was at least and at most, in milliseconds.
fn day(mut ppm: impl FnMut(u64) -> f64) -> (f64, f64) {
    let (mut steady, mut device) = (Steady::default(), Device::new(0.0, 99));
    let (mut stretch, mut least, mut most) = (0.0_f64, 0.0_f64, 0.0_f64);
    for second in 1..=24 * 3600 {
        device.ppm = ppm(second);
        let late = device.pass(STEP_NS, stretch);
        let next = steady.step(second * STEP_NS, late);
        assert!(next.abs() <= MOST_PPM && (next - stretch).abs() <= SLEW_PPM + 1e-9, "{stretch} to {next}");
        stretch = next;
        (least, most) = (least.min(device.late), most.max(device.late));
    }
    (least / 1e6, most / 1e6)
}

#[test]
fn a_day_keeps_the_stream_within_half_a_period_whatever_the_clock_does() {
    let minute = |second: u64| second / 60;
    let clocks: [(&str, &dyn Fn(u64) -> f64); 6] = [
        ("right", &|_| 0.0),
        ("200 fast", &|_| 200.0),
        ("200 slow", &|_| -200.0),
        ("500 slow", &|_| -MOST_PPM),
        ("0, then 200 fast, then 200 slow", &|s| [0.0, 200.0, -200.0][(minute(s) / 20 % 3) as usize]),
        ("warming up and cooling down", &|s| 200.0 * (s as f64 / 1800.0).sin()),
    ];
    for (what, ppm) in clocks {
        let (least, most) = day(ppm);
        println!("{what}: {least:.2} to {most:.2} ms off in a day");
        assert!(most.max(-least) < 5.0, "{what}: {least:.2} to {most:.2} ms");
    }
}

#[test]
fn a_clock_that_is_wildly_off_is_not_followed() {
    let (mut steady, mut device) = (Steady::default(), Device::new(88_000.0, 1));
    let mut stretch = 0.0;
    for second in 1..=600 {
        let late = device.pass(STEP_NS, stretch);
        stretch = steady.step(second * STEP_NS, late);
        assert!(stretch.abs() <= MOST_PPM);
    }
    assert_eq!(stretch, -MOST_PPM, "as far as it goes");
}

#[test]
fn one_look_that_a_stall_spoils_moves_nothing() {
    let mut steady = Steady::default();
    for second in 1..=60 {
        let late = if second % 10 == 0 { 300_000_000 } else { 1_000_000 };
        assert_eq!(steady.step(second * STEP_NS, late), 0.0, "second {second}");
    }
}

#[test]
fn a_device_that_comes_back_is_stretched_as_before_at_once() {
    let (mut steady, mut device) = (Steady::default(), Device::new(150.0, 3));
    let mut stretch = 0.0;
    for second in 1..=600 {
        let late = device.pass(STEP_NS, stretch);
        stretch = steady.step(second * STEP_NS, late);
    }
    steady.restart();
    // It begins wherever it likes: that is no error.
    device.late = 40e6;
    let before = stretch;
    for second in 1000..1060 {
        let late = device.pass(STEP_NS, stretch);
        stretch = steady.step(second * STEP_NS, late);
        assert!(second >= 1003 || stretch == before, "nothing is known yet: {before} to {stretch}");
    }
    assert!((device.late - 40e6).abs() < 2e6, "{} ms", device.late / 1e6);
}
