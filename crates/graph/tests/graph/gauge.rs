//! What the gauge measures, against the plain definition of each figure.

use std::f64::consts::TAU;

use glottis_core::{Block, Rate, Span};
use glottis_graph::{Gauge, Second};

fn rates() -> impl Iterator<Item = Rate> {
    Rate::LIST.into_iter().filter_map(Rate::new)
}

/// White, full scale, the same every time.
fn noise() -> impl FnMut() -> f32 {
    let mut state = 1_u32;
    move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state as i32 as f32 / 2_147_483_648.0
    }
}

/// A second of blocks, the first of which begins at `at`.
fn second(rate: Rate, at: i64, mut sample: impl FnMut(i64) -> f32) -> Vec<Block> {
    let block = |i: i64| {
        let mut block = Block::new(rate);
        block.at = at + i * rate.block() as i64;
        for (k, x) in (block.at..).zip(block.samples_mut()) {
            *x = sample(k);
        }
        block
    };
    (0..100).map(block).collect()
}

fn measured(rate: Rate, blocks: &[Block]) -> Second {
    let mut gauge = Gauge::new(rate);
    let mut seconds = blocks.iter().filter_map(|block| gauge.take(block));
    let second = seconds.next().expect("a hundred blocks are a second");
    assert_eq!(seconds.next(), None);
    second
}

/// Every figure but `high`, frame by frame.
fn defined(blocks: &[Block]) -> Second {
    let mut second = Second { at: blocks[0].at, quietest: f64::MAX, ..Second::default() };
    // Without an interruption.
    let mut sound: Vec<f32> = Vec::new();
    let (mut next, mut flat) = (blocks[0].at, 0);
    for block in blocks {
        if block.filled() || block.at != next {
            sound.clear();
        }
        next = block.end();
        if block.filled() {
            continue;
        }
        let mut squares = 0.0;
        for (at, &x) in (block.at..).zip(block.samples()) {
            let x = if x.is_finite() { x } else { 0.0 };
            let (odd, square) = (at.rem_euclid(2) == 1, f64::from(x).powi(2));
            second.frames += 1;
            second.zeros += u32::from(x == 0.0);
            second.sum += f64::from(x);
            squares += square;
            second.odd += if odd { square } else { 0.0 };
            if let [.., before2, before] = sound[..] {
                second.steps[usize::from(!odd)] += f64::from(x - before).powi(2);
                second.leaps += f64::from(x - before2).powi(2);
            }
            let same = |before: f32| x == before || (before.abs().min(x.abs()) >= 0.985 && before * x > 0.0);
            flat = if sound.last().copied().is_some_and(same) { flat + 1 } else { 1 };
            second.clipped += u32::from(x.abs() > 0.25 && flat >= if x.abs() >= 0.985 { 3 } else { 8 });
            sound.push(x);
        }
        second.squares += squares;
        second.quietest = second.quietest.min(squares / block.samples().len() as f64);
        second.loudest = second.loudest.max(squares / block.samples().len() as f64);
    }
    second
}

/// To a hundred thousandth.
fn assert_agrees(got: &Second, want: &Second, what: &str) {
    let counts = |s: &Second| (s.at, s.frames, s.zeros, s.clipped);
    assert_eq!(counts(got), counts(want), "{what}");
    let figures = |s: &Second| [s.squares, s.odd, s.steps[0], s.steps[1], s.leaps, s.quietest, s.loudest];
    for (got, want) in figures(got).into_iter().zip(figures(want)) {
        assert!((got - want).abs() <= 1e-5 * want, "{what}: {got}, not {want}");
    }
    let scale = (want.squares * f64::from(want.frames)).sqrt();
    assert!((got.sum - want.sum).abs() <= 1e-9 * scale, "{what}: {}, not {}", got.sum, want.sum);
}

#[test]
fn every_sum_is_what_its_definition_gives() {
    for (rate, at) in rates().flat_map(|rate| [0, 7, -1].map(|at| (rate, at))) {
        let mut random = noise();
        let mut blocks = second(rate, at, |_| random());
        blocks[3].samples_mut()[5..9].copy_from_slice(&[f32::NAN, f32::INFINITY, 0.0, -0.0]);
        assert_agrees(&measured(rate, &blocks), &defined(&blocks), &format!("{rate} from {at}"));
        for block in [10, 11, 50] {
            blocks[block].lost = Span { from: blocks[block].at, to: blocks[block].end() };
            blocks[block].samples_mut().fill(0.0);
        }
        for block in &mut blocks[70..] {
            block.at += 13;
        }
        assert_agrees(&measured(rate, &blocks), &defined(&blocks), &format!("{rate} from {at} with holes"));
    }
}

/// Runs that begin and end anywhere, also across blocks and holes.
#[test]
fn every_frame_that_was_cut_off_is_counted() {
    for (rate, limit) in rates().flat_map(|rate| [0.2, 0.4, 0.985, 1.0].map(|limit| (rate, limit))) {
        let (mut random, mut left, mut level) = (noise(), 0, 0.0_f32);
        let sample = |_| {
            if left == 0 {
                // Mostly quiet: a loud run is often the only one in its block.
                let loud = random() > 0.7;
                left = 1 + (random().abs() * if loud { 12.0 } else { 300.0 }) as u32;
                level = if loud { 2.0 * random() } else { 0.2 * random() };
            }
            left -= 1;
            let x = level.clamp(-limit, limit);
            // At full scale a run need not be of one value.
            if x.abs() > 0.99 { x - 0.005 * random() } else { x }
        };
        let mut blocks = second(rate, 0, sample);
        for block in &mut blocks[70..] {
            block.at += 1;
        }
        let (got, want) = (measured(rate, &blocks), defined(&blocks));
        assert_eq!(got.clipped, want.clipped, "{rate} at {limit}");
        assert_eq!(got.clipped > 0, limit > 0.25, "{rate} at {limit}");
    }
}

/// However many frames of a run are in the block before, which has nothing else that is loud.
#[test]
fn a_run_may_begin_in_the_block_before() {
    for (rate, level) in rates().flat_map(|rate| [0.5, 1.0].map(|level| (rate, level))) {
        let mut random = noise();
        let sample = |at: i64| {
            let (i, into) = ((at + 10) / (2 * rate.block() as i64), (at + 10) % (2 * rate.block() as i64));
            let start = 10 - i % 11;
            if (start..start + 10).contains(&into) { level } else { 0.01 * random() }
        };
        let blocks = second(rate, 0, sample);
        assert_eq!(measured(rate, &blocks).clipped, defined(&blocks).clipped, "{rate} at {level}");
    }
}

/// The share of the energy above 5.25 kHz: next to nothing below 3.8 kHz, all of it from 6.2 kHz on, to a fifth.
#[test]
fn what_is_high_is_told_from_what_is_not() {
    for rate in rates().filter(|rate| rate.hz() > 8_000) {
        let share = |hz: u32| {
            let tone = |at: i64| (TAU * f64::from(hz) * at as f64 / f64::from(rate.hz())).sin() as f32;
            let second = measured(rate, &second(rate, 0, tone));
            second.high / second.squares
        };
        for hz in (50..=3_800).step_by(125) {
            assert!(share(hz) < 1e-7, "{hz} Hz at {rate}: {}", share(hz));
        }
        for hz in (6_213..rate.hz() / 2 - 200).step_by(1_277) {
            assert!((0.8..1.2).contains(&share(hz)), "{hz} Hz at {rate}: {}", share(hz));
        }
        let mut random = noise();
        let white = measured(rate, &second(rate, 0, |_| random()));
        let (got, want) = (white.high / white.squares, 1.0 - 10_500.0 / f64::from(rate.hz()));
        assert!((0.8..1.05).contains(&(got / want)), "noise at {rate}: {got}, not {want}");
    }
    let telephone = Rate::new(8_000).expect("on the list");
    let mut random = noise();
    assert_eq!(measured(telephone, &second(telephone, 0, |_| random())).high, 0.0);
}

/// A click is as wide as any band, and says nothing of the sound.
#[test]
fn five_clicks_in_a_second_are_not_a_wide_band() {
    for rate in rates() {
        let clicks = |count: usize| {
            let mut blocks = second(rate, 0, |at| (TAU * 440.0 * at as f64 / f64::from(rate.hz())).sin() as f32 * 0.1);
            for block in blocks.iter_mut().step_by(19).take(count) {
                block.samples_mut().iter_mut().step_by(20).for_each(|x| *x = 0.9);
            }
            let second = measured(rate, &blocks);
            second.high / second.squares
        };
        assert!(clicks(5) < 1e-7, "{rate}: {}", clicks(5));
        assert!(clicks(6) > 1e-3 || rate.hz() == 8_000, "{rate}: {}", clicks(6));
    }
}

/// The end of a stream comes in the middle of a second.
#[test]
fn the_rest_is_told_of_once() {
    let rate = Rate::new(16_000).expect("on the list");
    let blocks = second(rate, 0, |at| at as f32 * 1e-5);
    let mut gauge = Gauge::new(rate);
    assert_eq!(gauge.rest(), None);
    assert!(blocks[..30].iter().all(|block| gauge.take(block).is_none()));
    assert_agrees(&gauge.rest().expect("thirty blocks"), &defined(&blocks[..30]), "the rest");
    assert_eq!(gauge.rest(), None);
}
