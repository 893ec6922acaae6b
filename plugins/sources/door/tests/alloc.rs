//! Converting must not allocate: it runs on capture callbacks. An allocation aborts this process.

use assert_no_alloc::{AllocDisabler, assert_no_alloc};
use glottis_core::Rate;
use glottis_core::feed::capture_ring;
use glottis_source_door::door;
use glottis_source_door::pcm::{self, Coding};

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
