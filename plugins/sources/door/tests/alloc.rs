//! Converting must not allocate: it runs on capture callbacks. An allocation aborts this process.

use std::sync::Arc;

use assert_no_alloc::{AllocDisabler, assert_no_alloc};
use glottis_core::feed::{Taken, capture_ring};
use glottis_core::{Block, Rate};
use glottis_source_door::pcm::{self, Coding};
use glottis_source_door::{Stretch, door, elastic};

#[global_allocator]
static ALLOCATOR: AllocDisabler = AllocDisabler;

#[test]
fn converting_and_flushing_allocate_nothing() {
    for from in [11_025, 22_050, 16_007, 192_000, 47_953, 8_001] {
        let to = Rate::for_source(from);
        let mut door = door(from, to).expect("a convertible rate").expect("an odd rate");
        let input = vec![0.25; 960];
        let mut out = 0;
        assert_no_alloc(|| {
            for n in 1..=960 {
                door.convert(&input[..n], &mut |piece| out += piece.len());
            }
            door.flush(&mut |piece| out += piece.len());
        });
        assert!(out > 0, "{from} Hz");
    }
}

#[test]
fn pushing_bytes_of_any_coding_through_a_door_allocates_nothing() {
    let to = Rate::for_source(16_007);
    for (_, coding) in Coding::NAMES {
        let (mut feed, _intake) = capture_ring(to, 8, false);
        feed.set_door(door(16_007, to).expect("a convertible rate").expect("an odd rate"));
        let bytes = vec![0; coding.bytes() * 2 * 500];
        assert_no_alloc(|| {
            for _ in 0..40 {
                pcm::push(&mut feed, coding, &bytes, 2, 0);
            }
        });
    }
}

/// The corrected way of a capture callback, from the device's samples to the ring, with a stretch that
/// changes all the time.
#[test]
fn a_callback_whose_clock_is_corrected_allocates_nothing() {
    for hz in [8_000, 44_100, 48_000, 16_007] {
        let to = Rate::for_source(hz);
        let (mut feed, mut intake) = capture_ring(to, 8, false);
        let (stretch, stats) = (Arc::new(Stretch::default()), feed.stats());
        feed.set_door(elastic(hz, to, stretch.clone()).expect("a rate"));
        let samples = vec![0.25_f32; 2 * 1024];
        let mut block = Block::new(to);
        assert_no_alloc(|| {
            for call in 0..300_u64 {
                stretch.set((call % 11) as f64 * 100.0 - 500.0);
                let frames = [480, 441, 1024, 37][call as usize % 4];
                feed.push(&samples[..2 * frames], 2, call * 10_000_000, |s| s);
                while let Taken::Block = intake.take(&mut block) {}
            }
        });
        assert!(stats.converted.take().is_some() && block.at > 0, "{hz} Hz");
    }
}
