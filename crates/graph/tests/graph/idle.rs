//! Blocks that nobody needs to look at in time: whatever is promised of them holds.

use crate::parts::{end, start};
use crate::rig::Rig;

fn tree(window: usize) -> String {
    format!(
        "[[node]]\ntype = \"windows\"\nframes = {window}\n[[node]]\ntype = \"delay\"\nframes = 10\n\
         [[sink]]\ntype = \"bin\"\nchunk = {{ frames = 320 }}\nturn = {{ mode = \"speech\", hangover = \"300ms\" }}\n"
    )
}

/// Packets and signals so far.
fn out(rig: &mut Rig) -> usize {
    rig.leaves.iter().map(|leaf| leaf.got.len()).sum::<usize>() + rig.signals().len()
}

#[test]
fn nothing_comes_out_of_blocks_that_are_idle() {
    for window in [80, 160, 256, 320, 480, 1111] {
        let mut rig = Rig::new(&tree(window), &[]);
        let (mut idle, mut idled) = (0, 0);
        for _ in 0..3000 {
            let before = out(&mut rig);
            rig.blocks(1);
            if idle > 0 {
                assert_eq!(out(&mut rig), before, "window {window}, at {}", rig.at);
                idled += 1;
            }
            idle = rig.schedule.idle_blocks().max(idle.max(1) - 1);
        }
        let begun = rig.leaves[0].ledger().delivered > 0;
        assert!(begun, "window {window}");
        // More than half is voice and the pause behind it.
        let least = if window > 160 { 300 } else { 0 };
        assert!((least..2000).contains(&idled), "window {window}: {idled}");
    }
}

#[test]
fn a_window_of_20_ms_lets_every_second_block_of_silence_wait() {
    let mut rig = Rig::new(&tree(320), &[]);
    let mut idle = || {
        rig.blocks(1);
        rig.schedule.idle_blocks()
    };
    assert_eq!((0..10).map(|_| idle()).collect::<Vec<_>>(), [0, 1, 0, 1, 0, 1, 0, 1, 0, 1]);
}

#[test]
fn every_block_counts_where_a_detector_does_not_say_what_it_needs() {
    let text = "[[node]]\ntype = \"script\"\n[[sink]]\ntype = \"bin\"\nturn = { mode = \"speech\" }\n";
    let mut rig = Rig::new(text, &[start(16_000), end(32_000)]);
    for _ in 0..400 {
        rig.blocks(1);
        assert_eq!(rig.schedule.idle_blocks(), 0);
    }
}

#[test]
fn every_block_counts_for_a_sink_that_does_not_wait_for_voice() {
    for more in ["turn = { mode = \"always\" }", "turn = { mode = \"push-to-talk\" }"] {
        let mut rig = Rig::new(&format!("{}[[sink]]\ntype = \"bin\"\n{more}\n", tree(320)), &[]);
        for _ in 0..10 {
            rig.blocks(1);
            assert_eq!(rig.schedule.idle_blocks(), 0, "{more}");
        }
    }
}
