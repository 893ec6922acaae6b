//! A feed whose device goes and comes back: one timeline, silence as long as the clock says, and books
//! that balance.

use std::sync::atomic::Ordering::Relaxed;

use glottis_core::feed::{Door, Taken, capture_ring};
use glottis_core::{Block, Feed, Intake, Rate, clock};

const MS: u64 = 1_000_000;

fn rate() -> Rate {
    Rate::new(48_000).expect("on the list")
}

fn ring(blocks: usize) -> (Feed, Intake) {
    clock::start();
    capture_ring(rate(), blocks, false)
}

/// Everything in the ring: where each block is, whether it is marked as silence, and its samples.
fn take_all(intake: &mut Intake) -> Vec<(i64, bool, Vec<f32>)> {
    let mut block = Block::new(intake.rate());
    let mut all = Vec::new();
    while let Taken::Block = intake.take(&mut block) {
        all.push((block.at, block.filled(), block.samples().to_vec()));
    }
    all
}

fn push_ms(feed: &mut Feed, ms: usize, until: u64) {
    feed.push_mono(&vec![0.5; ms * 48], until);
}

#[test]
fn a_hole_is_as_long_as_the_clock_says_to_the_frame() {
    let (mut feed, mut intake) = ring(1000);
    push_ms(&mut feed, 25, 1000 * MS);
    feed.interrupt();
    // However often time is let pass, and whatever it is rounded to.
    for now in (1000 * MS..1700 * MS).step_by(7_777_777) {
        feed.silence(now);
    }
    // 700.5 ms after the last sound comes the first of 15 ms.
    push_ms(&mut feed, 15, 1715 * MS + MS / 2);
    let hole = 700 * 48 + 24;
    let stats = feed.stats();
    assert_eq!(stats.lost.load(Relaxed), hole);
    assert_eq!(stats.captured.load(Relaxed), 25 * 48 + hole + 15 * 48);
    feed.finish();
    let blocks = take_all(&mut intake);
    let samples: Vec<f32> = blocks.iter().flat_map(|(.., samples)| samples.clone()).collect();
    let first_after = samples.iter().skip(25 * 48).position(|s| *s != 0.0).expect("sound again");
    assert_eq!(first_after as u64, hole);
    for (i, (at, filled, samples)) in blocks.iter().enumerate() {
        assert_eq!(*at, 480 * i as i64, "one timeline");
        assert_eq!(*filled, samples.iter().all(|s| *s == 0.0), "only whole blocks of silence are marked: {at}");
    }
}

#[test]
fn sound_that_overlaps_the_silence_is_not_cut_and_time_does_not_go_back() {
    let (mut feed, mut intake) = ring(1000);
    push_ms(&mut feed, 10, 1000 * MS);
    feed.interrupt();
    feed.silence(1100 * MS);
    push_ms(&mut feed, 20, 1050 * MS);
    feed.finish();
    assert_eq!(take_all(&mut intake).len(), 1 + 10 + 2);
}

#[test]
fn before_the_first_sound_there_is_no_hole() {
    let (mut feed, mut intake) = ring(10);
    feed.interrupt();
    feed.silence(5000 * MS);
    push_ms(&mut feed, 10, 9000 * MS);
    assert_eq!(take_all(&mut intake).iter().map(|(at, ..)| *at).collect::<Vec<_>>(), [0]);
    assert_eq!(feed.stats().lost.load(Relaxed), 0);
}

#[test]
fn a_hole_of_days_costs_no_more_than_the_ring_and_is_counted_once() {
    let (mut feed, mut intake) = ring(50);
    push_ms(&mut feed, 10, 1000 * MS);
    feed.interrupt();
    let days = 3 * 24 * 3600 * 1000;
    push_ms(&mut feed, 10, (1000 + days + 10) * MS);
    let stats = feed.stats();
    assert_eq!((stats.lost.load(Relaxed), stats.overrun.load(Relaxed)), (days * 48, 480), "no room for the last block");
    assert!((50..60).contains(&take_all(&mut intake).len()), "as many as were asked for, or a few more");
    push_ms(&mut feed, 10, (1000 + days + 20) * MS);
    assert_eq!(take_all(&mut intake)[0].0 as u64, 480 + days * 48 + 480, "the position is right");
}

/// What a source takes is told apart from what follows: a block says when its last frame was pushed, whatever
/// time the source gives the samples.
#[test]
fn a_block_has_the_time_of_the_push_that_completed_it() {
    let (mut feed, mut intake) = ring(100);
    let mut pushes = Vec::new();
    // A buffer that is no whole number of blocks; the device says its samples are 40 ms old.
    for _ in 0..6 {
        let before = clock::now();
        push_ms(&mut feed, 25, before.saturating_sub(40 * MS));
        pushes.push(before..=clock::now());
    }
    feed.gap(480);
    let mut block = Block::new(intake.rate());
    for number in 0..15 {
        assert!(matches!(intake.take(&mut block), Taken::Block));
        let push = &pushes[(number * 10 + 9) / 25];
        assert!(push.contains(&block.pushed), "block {number}: {} is not in {push:?}", block.pushed);
        assert!(block.captured <= block.pushed);
    }
    assert!(matches!(intake.take(&mut block), Taken::Block));
    assert!(block.filled() && block.pushed >= *pushes[5].end(), "silence when it was noticed");
}

/// Holds back the last 100 frames.
struct Late(Vec<f32>);

impl Door for Late {
    fn convert(&mut self, input: &[f32], take: &mut dyn FnMut(&[f32])) {
        self.0.extend_from_slice(input);
        let ready = self.0.len().saturating_sub(100);
        take(&self.0[..ready]);
        self.0.drain(..ready);
    }
    fn flush(&mut self, take: &mut dyn FnMut(&[f32])) {
        take(&self.0);
        self.0.clear();
    }
    fn latency(&self) -> u32 {
        100
    }
    fn input_hz(&self) -> u32 {
        48_000
    }
}

#[test]
fn what_the_converter_held_at_the_loss_comes_before_the_silence() {
    let (mut feed, mut intake) = ring(100);
    feed.set_door(Box::new(Late(Vec::new())));
    push_ms(&mut feed, 10, 1000 * MS);
    feed.interrupt();
    push_ms(&mut feed, 10, 1020 * MS);
    feed.finish();
    let blocks = take_all(&mut intake);
    let silent: Vec<bool> = blocks.iter().map(|(_, filled, _)| *filled).collect();
    assert_eq!(silent, [false, true, false]);
    assert!(blocks[0].2.iter().all(|s| *s == 0.5));
}

#[test]
fn positions_go_on_beyond_31_and_32_bits() {
    for begin in [1_u64 << 31, 1 << 32, 1 << 53] {
        let (mut feed, mut intake) = ring(10);
        let begin = (begin - 960) / 480 * 480;
        feed.begin_at(begin);
        push_ms(&mut feed, 40, 1000 * MS);
        let at: Vec<i64> = take_all(&mut intake).iter().map(|(at, ..)| *at).collect();
        assert_eq!(at, (0..4).map(|i| begin as i64 + 480 * i).collect::<Vec<_>>());
        assert_eq!(intake.total(), begin + 4 * 480);
    }
}

/// Pushes so many blocks, and has the pipeline take them one by one and tell what `idle` says of each.
fn go_on(feed: &mut Feed, intake: &mut Intake, blocks: u32, idle: impl Fn(i64) -> u32) {
    push_ms(feed, 10 * blocks as usize, 1000 * MS);
    for (at, ..) in take_all(intake) {
        intake.rest(at + 480, idle(at / 480));
    }
}

#[test]
fn a_source_that_sleeps_is_told_which_block_matters_next() {
    let (mut feed, mut intake) = ring(100);
    assert_eq!(feed.needed_in(), 1, "nothing was told yet");
    // Windows of two blocks: each second one matters.
    let second = |block: i64| (block % 2) as u32;
    go_on(&mut feed, &mut intake, 1, second);
    assert_eq!(feed.needed_in(), 1);
    go_on(&mut feed, &mut intake, 1, second);
    assert_eq!(feed.needed_in(), 2);
    // In the middle of a block as well as at its end; also before the pipeline has seen what was pushed.
    push_ms(&mut feed, 3, 1000 * MS);
    assert_eq!(feed.needed_in(), 2);
    push_ms(&mut feed, 8, 1000 * MS);
    assert_eq!(feed.needed_in(), 1);
    push_ms(&mut feed, 9, 1000 * MS);
    assert_eq!(feed.needed_in(), 2, "nothing new was told: as before");
    go_on(&mut feed, &mut intake, 2, second);
    assert_eq!(feed.needed_in(), 2);
    // Somebody speaks.
    go_on(&mut feed, &mut intake, 2, |_| 0);
    assert_eq!(feed.needed_in(), 1);
    push_ms(&mut feed, 50, 1000 * MS);
    assert_eq!(feed.needed_in(), 1);
}

#[test]
fn a_stream_that_begins_elsewhere_and_a_pipeline_that_errs_keep_no_source_asleep() {
    let (mut feed, mut intake) = ring(100);
    feed.begin_at(480 * (1 << 40));
    go_on(&mut feed, &mut intake, 2, |_| 1_000_000);
    assert!((1..=4).contains(&feed.needed_in()), "{}", feed.needed_in());
    intake.rest(i64::MAX, 3);
    assert!((1..=4).contains(&feed.needed_in()), "{}", feed.needed_in());
    intake.rest(-5, 1);
    assert!((1..=4).contains(&feed.needed_in()), "{}", feed.needed_in());
}
