//! Push-to-talk, to the frame. Commands take effect between blocks; 16 kHz: a block is 160 frames.

use glottis_core::Reason;

use crate::rig::{Ending, Rig};

fn rig(turn: &str) -> Rig {
    let text =
        format!("[[sink]]\ntype = \"bin\"\nturn = {{ mode = \"push-to-talk\"{turn} }}\nchunk = {{ frames = 700 }}\n");
    Rig::new(&text, &[])
}

#[test]
fn a_press_is_sent_from_its_first_sample_with_its_tail() {
    let mut rig = rig("");
    rig.until(16_000);
    rig.talk(true);
    rig.until(32_000);
    rig.talk(false);
    rig.until(64_000);
    rig.finish();
    assert_eq!(rig.whole(), [(16_000, 35_200, Reason::Release)]);
    let Some(Ending::End { voice_end, .. }) = rig.segments()[0].ending else { panic!() };
    assert_eq!(voice_end, 32_000, "the release");
    assert_eq!(rig.ledger().gated, 64_000 - 19_200);
}

#[test]
fn a_tail_need_not_be_whole_blocks() {
    let mut rig = rig(", release_tail = \"195ms\"");
    rig.until(1600);
    rig.talk(true);
    rig.until(16_000);
    rig.talk(false);
    rig.until(32_000);
    rig.finish();
    assert_eq!(rig.whole(), [(1600, 16_000 + 3120, Reason::Release)]);
}

#[test]
fn without_a_tail_the_release_ends_the_segment_at_once() {
    let mut rig = rig(", release_tail = \"0s\"");
    rig.talk(true);
    rig.until(16_000);
    rig.talk(false);
    assert_eq!(rig.whole(), [(0, 16_000, Reason::Release)]);
    rig.finish();
}

#[test]
fn a_tap_sends_nothing() {
    for (blocks, segments, misfires) in [(19, 0, 1), (20, 1, 0)] {
        let mut rig = rig("");
        rig.until(1600);
        rig.talk(true);
        rig.blocks(blocks);
        rig.talk(false);
        rig.until(32_000);
        rig.finish();
        assert_eq!((rig.segments().len(), rig.leaves[0].misfires()), (segments, misfires), "{blocks} blocks");
        if segments == 1 {
            assert_eq!(rig.whole(), [(1600, 1600 + 3200 + 3200, Reason::Release)]);
        }
    }
}

#[test]
fn a_press_is_sent_while_the_key_is_still_down() {
    let mut rig = rig("");
    rig.talk(true);
    rig.blocks(19);
    assert!(rig.segments().is_empty());
    rig.blocks(1);
    assert_eq!(rig.segments()[0].samples().len(), 3200 / 700 * 700);
    rig.talk(true);
    rig.blocks(1);
    rig.finish();
    assert_eq!(rig.whole(), [(0, 21 * 160, Reason::Stop)], "pressing a key that is down does nothing");
}

#[test]
fn a_press_in_the_tail_ends_it_and_begins_the_next() {
    let mut rig = rig("");
    rig.talk(true);
    rig.until(16_000);
    rig.talk(false);
    rig.until(17_600);
    rig.talk(true);
    rig.until(32_000);
    rig.talk(false);
    rig.until(48_000);
    rig.finish();
    assert_eq!(rig.whole(), [(0, 17_600, Reason::Release), (17_600, 35_200, Reason::Release)]);
}

#[test]
fn the_longest_press_goes_on_in_the_next_segment() {
    let mut rig = rig(", max = \"500ms\"");
    rig.until(1600);
    rig.talk(true);
    rig.until(1600 + 20_000);
    rig.talk(false);
    rig.until(48_000);
    rig.finish();
    assert_eq!(
        rig.whole(),
        [(1600, 9600, Reason::Max), (9600, 17_600, Reason::Max), (17_600, 21_600 + 3200, Reason::Release)]
    );
}

#[test]
fn a_tail_does_not_make_a_segment_longer_than_the_longest() {
    let mut rig = rig(", max = \"500ms\"");
    rig.talk(true);
    rig.until(6400);
    rig.talk(false);
    rig.until(16_000);
    rig.finish();
    assert_eq!(rig.whole(), [(0, 8000, Reason::Max)]);
}

#[test]
fn after_commit_the_rest_of_the_press_is_gated() {
    let mut rig = rig("");
    rig.talk(true);
    rig.until(8000);
    rig.commit();
    rig.until(16_000);
    rig.talk(false);
    rig.until(16_160);
    rig.talk(true);
    rig.until(24_000);
    rig.finish();
    assert_eq!(rig.whole(), [(0, 8000, Reason::Commit), (16_160, 24_000, Reason::Stop)]);
}

#[test]
fn after_cancel_the_rest_of_the_press_is_gated() {
    let mut rig = rig("");
    rig.talk(true);
    rig.until(8000);
    assert!(rig.cancel());
    rig.until(16_000);
    rig.talk(false);
    rig.until(32_000);
    rig.finish();
    let segments = rig.segments();
    assert_eq!(segments.len(), 1);
    assert_eq!(segments[0].ending, Some(Ending::Abort { at: 8000, reason: Reason::Cancel }));
    assert_eq!(rig.ledger().dropped_total(), 0);
}

#[test]
fn a_press_while_muted_begins_when_the_mute_ends() {
    let mut rig = rig("");
    rig.outlet().0.mute(true);
    rig.until(1600);
    rig.talk(true);
    rig.until(8000);
    rig.outlet().0.mute(false);
    rig.until(16_000);
    rig.talk(false);
    rig.until(32_000);
    rig.finish();
    assert_eq!(rig.whole(), [(8000, 19_200, Reason::Release)]);
}

#[test]
fn a_press_cut_by_the_end_of_the_stream_is_sent_if_it_was_long_enough() {
    for (blocks, segments) in [(19, 0), (20, 1)] {
        let mut rig = rig("");
        rig.talk(true);
        rig.blocks(blocks);
        rig.finish();
        assert_eq!(rig.segments().len(), segments);
    }
}

#[test]
fn the_key_means_nothing_in_other_modes() {
    let mut rig = Rig::new("[[sink]]\ntype = \"bin\"\n", &[]);
    rig.blocks(2);
    assert!(!rig.talk(true));
    rig.blocks(2);
    assert!(!rig.talk(false));
    rig.finish();
    assert_eq!(rig.whole(), [(0, 640, Reason::Stop)]);
}
