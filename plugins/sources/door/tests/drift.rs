//! A device whose clock is off, corrected: through a real feed and a real converter, callback by callback,
//! in simulated time.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use glottis_core::drift::{STEP_NS, Steady};
use glottis_core::feed::{FeedStats, Taken, capture_ring};
use glottis_core::{Block, Feed, Intake, Rate};
use glottis_source_door::{Stretch, elastic};

/// The slowest rate there is: hours of it cost minutes.
const HZ: u32 = 8000;

/// A callback's frames, and the period of the buffers behind it: 10 ms.
const PERIOD: usize = 80;
const PERIOD_S: f64 = 0.01;

/// A device, what corrects it, and who takes its sound.
struct Session {
    feed: Feed,
    intake: Intake,
    stats: Arc<FeedStats>,
    stretch: Arc<Stretch>,
    steady: Steady,
    thought: u64,
    /// When the device's last frame was really captured, in seconds.
    time: f64,
    /// When the last callback came.
    now: f64,
    /// Callbacks do not come before this: the machine stands still.
    stalled: f64,
    seed: u64,
    /// One past the last frame taken, and how many of them stood in for lost ones.
    taken: i64,
    lost: u64,
    given: u64,
}

impl Session {
    fn new() -> Session {
        let rate = Rate::new(HZ).expect("on the list");
        let (mut feed, intake) = capture_ring(rate, 200, false);
        let (stats, stretch) = (feed.stats(), Arc::new(Stretch::default()));
        feed.set_door(elastic(HZ, rate, stretch.clone()).expect("a rate"));
        Session {
            feed,
            intake,
            stats,
            stretch,
            steady: Steady::default(),
            thought: 0,
            time: 1.0,
            now: 1.0,
            stalled: 0.0,
            seed: 11,
            taken: 0,
            lost: 0,
            given: 0,
        }
    }

    /// Between 0 and 1.
    fn chance(&mut self) -> f64 {
        self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.seed >> 33) as f64 / f64::from(1_u32 << 31)
    }

    /// A callback of a device whose clock is `ppm` millionths fast: up to 3 ms late, and about once a
    /// minute up to 0.4 s, with those after it.
    fn callback(&mut self, ppm: f64) {
        self.time += PERIOD_S / (1.0 + ppm * 1e-6);
        if self.chance() < 1.6e-4 {
            self.stalled = self.time + 0.4 * self.chance();
        }
        let late = 0.003 * self.chance();
        self.now = (self.time + late).max(self.stalled).max(self.now);
        let now = (self.now * 1e9) as u64;
        self.feed.push_mono(&[0.25; PERIOD], now);
        self.given += PERIOD as u64;
        self.think(now);
        self.take();
    }

    /// What the capture's own thread does.
    fn think(&mut self, now: u64) {
        if now.saturating_sub(self.thought) < STEP_NS {
            return;
        }
        self.thought = now;
        if let Some(least) = self.stats.converted.take() {
            self.stretch.set(self.steady.step(now, least));
        }
    }

    fn take(&mut self) {
        let mut block = Block::new(self.intake.rate());
        while let Taken::Block = self.intake.take(&mut block) {
            assert_eq!(block.at, self.taken, "one timeline");
            self.taken = block.at + i64::from(block.valid);
            self.lost += block.lost.frames();
        }
    }

    /// By how much the stream is ahead of the system's clock, in milliseconds: what a player on that clock
    /// has in its buffer more than at the start.
    fn ahead(&self) -> f64 {
        (self.stats.captured.load(Relaxed) as f64 / f64::from(HZ) - (self.time - 1.0)) * 1e3
    }

    /// Plays for so long, and returns between which bounds the player's buffer stayed, in milliseconds.
    fn play(&mut self, seconds: f64, ppm: impl Fn(f64) -> f64) -> (f64, f64) {
        let (mut least, mut most) = (f64::MAX, f64::MIN);
        for call in 0..(seconds / PERIOD_S) as u64 {
            self.callback(ppm(call as f64 * PERIOD_S));
            // The filter fills first.
            if self.time > 1.5 {
                (least, most) = (least.min(self.ahead()), most.max(self.ahead()));
            }
        }
        (least, most)
    }

    /// Ends the stream: every frame is accounted for.
    fn close(mut self) {
        self.feed.finish();
        self.take();
        let (captured, overrun) = (self.stats.captured.load(Relaxed), self.stats.overrun.load(Relaxed));
        assert_eq!((self.taken as u64, overrun), (captured, 0), "captured is what there is to be taken");
        assert_eq!(self.lost, self.stats.lost.load(Relaxed), "frames made or spared are not lost ones");
    }
}

/// Nothing in it but the clock's own error and the converter's step of a millisecond.
fn keeps_within_a_period(what: &str, hours: f64, ppm: impl Fn(f64) -> f64) {
    let mut session = Session::new();
    let (least, most) = session.play(hours * 3600.0, ppm);
    println!("{what}, {hours} h: a player's buffer between {least:.2} and {most:.2} ms");
    assert!(most - least < 6.0, "{what}: {least:.2} to {most:.2} ms of 10");
    session.close();
}

fn steps(seconds: f64) -> f64 {
    [0.0, 200.0, -200.0][(seconds / 300.0) as usize % 3]
}

#[test]
fn a_player_on_the_systems_clock_needs_less_than_a_period() {
    keeps_within_a_period("200 ppm fast", 0.25, |_| 200.0);
    keeps_within_a_period("0, 200 fast, 200 slow", 0.25, steps);
    keeps_within_a_period("500 ppm slow", 0.25, |_| -500.0);
}

#[test]
#[ignore = "days: minutes of computing; run with --ignored"]
fn a_player_on_the_systems_clock_needs_less_than_a_period_for_a_day() {
    keeps_within_a_period("200 ppm fast", 24.0, |_| 200.0);
    keeps_within_a_period("200 ppm slow", 24.0, |_| -200.0);
    keeps_within_a_period("0, 200 fast, 200 slow", 24.0, steps);
}

/// Without the correction the same session is off by what the clock is: the measure measures.
#[test]
fn without_the_correction_the_buffer_runs_away() {
    let mut session = Session::new();
    session.thought = u64::MAX;
    let rate = session.feed.rate();
    session.feed.set_door(elastic(HZ, rate, Arc::default()).expect("a rate"));
    let (least, most) = session.play(300.0, |_| 200.0);
    assert!((50.0..70.0).contains(&(most - least)), "{least:.2} to {most:.2} ms");
}

/// A loss is as long as the clock says, whatever the device's clock is; and what comes after it is
/// stretched at once as what came before.
#[test]
fn a_loss_under_correction_costs_no_place_and_no_frame() {
    let mut session = Session::new();
    session.play(300.0, |_| 200.0);
    let before = session.ahead();
    for _ in 0..3 {
        session.feed.interrupt();
        session.steady.restart();
        for _ in 0..200 {
            session.time += 0.0101;
            session.now = session.now.max(session.time);
            // As far behind the clock as a device's buffer may be long.
            session.feed.silence(((session.now - 0.2) * 1e9) as u64);
            session.take();
        }
        let rate = session.feed.rate();
        session.feed.set_door(elastic(HZ, rate, session.stretch.clone()).expect("a rate"));
        session.play(100.0, |_| 200.0);
    }
    let shift = session.ahead() - before;
    // Each first callback behind a loss comes up to 3 ms late, or a stall late, and that is its time.
    assert!(shift.abs() < 15.0, "{shift:.2} ms");
    let lost = session.stats.lost.load(Relaxed);
    assert!(lost.abs_diff((3.0 * 2.02 * f64::from(HZ)) as u64) < 3 * 100, "{lost}");
    session.close();
}
