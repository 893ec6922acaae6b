//! In which pieces a segment travels, and what happens when its sink does not keep up.

use glottis_core::{Cause, PacketKind, Reason};
use glottis_graph::Signal;

use crate::rig::{Ending, Rig, samples};

fn always(rest: &str) -> Rig {
    Rig::new(&format!("[[sink]]\ntype = \"bin\"\n{rest}\n"), &[])
}

#[test]
fn the_last_chunk_is_padded_with_silence_or_short() {
    for (flush, sizes, padded) in [("pad", [4096, 4096], 192), ("short", [4096, 3904], 0)] {
        let mut rig = always(&format!("chunk = {{ frames = 4096, flush = \"{flush}\" }}"));
        rig.blocks(50);
        rig.finish();
        assert_eq!(rig.segments()[0].sizes(), sizes);
        assert_eq!(rig.whole(), [(0, 8000, Reason::Stop)], "padding is no part of the segment");
        let ledger = rig.ledger();
        assert_eq!((ledger.captured, ledger.delivered, ledger.padded), (8000, 8000, padded));
    }
}

#[test]
fn a_segment_of_whole_chunks_gets_no_padding() {
    let mut rig = always("chunk = { frames = 400, flush = \"pad\" }");
    rig.blocks(10);
    rig.finish();
    assert_eq!(rig.segments()[0].sizes(), [400; 4]);
    assert_eq!(rig.ledger().padded, 0);
}

#[test]
fn chunks_may_be_smaller_than_a_block_or_longer_than_the_stream() {
    let mut rig = always("chunk = { frames = 1 }");
    rig.blocks(3);
    rig.finish();
    assert_eq!(rig.segments()[0].sizes(), vec![1; 480]);

    let mut rig = always("chunk = { frames = 96000 }");
    rig.blocks(3);
    assert!(rig.segments()[0].pieces.is_empty());
    rig.finish();
    assert_eq!(rig.segments()[0].sizes(), [480]);
}

#[test]
fn a_chunk_is_queued_with_the_block_that_fills_it() {
    let mut rig = always("chunk = { frames = 320 }");
    for blocks in 1..=10 {
        rig.blocks(1);
        assert_eq!(rig.segments()[0].pieces.len(), blocks / 2);
    }
}

#[test]
fn stamps_say_when_the_last_frame_of_a_chunk_was_captured() {
    let mut rig = always("chunk = { frames = 400 }");
    for _ in 0..3 {
        rig.block_untaken().unwrap();
    }
    let begin = rig.leaves[0].inlet.try_packet().unwrap();
    assert_eq!(begin.kind, PacketKind::Begin);
    let data = rig.leaves[0].inlet.try_packet().unwrap();
    assert_eq!(data.stamps.captured, rig.rate.ns(400));
    assert_eq!(data.stamps.pushed, rig.rate.ns(480), "the block with that frame was");
    assert_eq!(data.stamps.taken, rig.rate.ns(320), "the block that completed it");
    assert!(data.stamps.popped >= data.stamps.encoded && data.stamps.encoded > 0);
    rig.leaves[0].inlet.delivered(begin);
    rig.leaves[0].inlet.delivered(data);
}

/// Chunks of 10 ms: a queue of 200 ms (and of what a segment's begin lets loose at once) is full
/// after less than two seconds.
const STALLED: &str = "chunk = { frames = 160 }\noverflow = { queue = \"200ms\", policy = \"shed\" }";

#[test]
fn a_full_queue_sheds_the_rest_of_the_segment_and_begins_anew_when_half_is_free() {
    let mut rig = always(STALLED);
    for _ in 0..200 {
        rig.block_untaken().unwrap();
    }
    let told = rig.told(0);
    assert_eq!(told.len(), 1);
    let (end, _, reason) = told[0].2.expect("the segment is over when the queue is full");
    assert_eq!(reason, Reason::Overflow);
    assert_eq!(rig.ledger().dropped_by(Cause::Overflow), 32_000 - end as u64);

    let queued = rig.leaves[0].inlet.queued();
    rig.leaves[0].take(queued / 2 - 2);
    rig.block_untaken().unwrap();
    assert_eq!(rig.told(0).len(), 1, "less than half is free");
    rig.take();
    rig.block_untaken().unwrap();
    assert_eq!(rig.told(0).len(), 1, "this block still belongs to the shed segment");
    rig.blocks(20);
    rig.finish();

    let segments = rig.segments();
    assert_eq!(segments.len(), 2);
    assert!(segments[0].samples() == samples(0, end), "what was queued stays good");
    assert!(matches!(segments[0].ending, Some(Ending::Abort { reason: Reason::Overflow, .. })));
    assert_eq!(segments[1].whole(), (202 * 160, 222 * 160, Reason::Stop));
    let ledger = rig.ledger();
    assert_eq!((ledger.gated, ledger.dropped_total()), (0, 202 * 160 - end as u64));
}

#[test]
fn a_sink_that_stalls_for_good_is_told_nothing_more_and_the_ledger_still_balances() {
    let mut rig = always(STALLED);
    for _ in 0..500 {
        rig.block_untaken().unwrap();
    }
    rig.finish();
    assert_eq!(rig.segments().len(), 1);
    assert_eq!(rig.told(0).len(), 1);
}

#[test]
fn a_turn_that_finds_the_queue_full_is_aborted_before_the_next_begins() {
    let mut rig = Rig::new(
        "[[sink]]\ntype = \"bin\"\nturn = { mode = \"push-to-talk\", pre_roll = \"0s\", min_speech = \"0s\" }\nchunk = { frames = 160 }\noverflow = { queue = \"200ms\" }\n",
        &[],
    );
    // Three presses of 600 ms while the sink stalls, and one more once it goes on.
    for turn in 0..4 {
        if turn == 3 {
            rig.take();
        }
        rig.talk(true);
        for _ in 0..60 {
            rig.block_untaken().unwrap();
        }
        rig.talk(false);
        for _ in 0..25 {
            rig.block_untaken().unwrap();
            if turn == 3 {
                rig.take();
            }
        }
    }
    rig.finish();
    let reasons: Vec<Reason> = rig.told(0).iter().map(|t| t.2.unwrap().2).collect();
    assert_eq!(&reasons[..3], [Reason::Overflow; 3]);
    // `segments` insists that an abort came before the next begin.
    let got = rig.segments();
    assert!(matches!(got[0].ending, Some(Ending::Abort { reason: Reason::Overflow, .. })));
    assert_eq!(got.last().unwrap().number, 3);
}

#[test]
fn with_policy_gap_frames_are_left_out_and_the_segment_goes_on() {
    let mut rig = always("chunk = { frames = 160 }\noverflow = { queue = \"200ms\", policy = \"gap\" }");
    for _ in 0..200 {
        rig.block_untaken().unwrap();
    }
    rig.take();
    rig.blocks(10);
    rig.finish();
    let segments = rig.segments();
    assert_eq!(segments.len(), 1);
    let pieces = &segments[0].pieces;
    let hole = pieces.windows(2).position(|p| p[1].at > p[0].at + 160).expect("a hole");
    assert_eq!(pieces[hole + 1].at, 32_000, "the next packet shows the hole by its position");
    assert!(pieces.iter().all(|p| p.samples == samples(p.at, p.at + p.samples.len() as i64)));
    let lost = (pieces[hole + 1].at - pieces[hole].at - 160) as u64;
    assert_eq!(rig.ledger().dropped_by(Cause::Overflow), lost);
    assert_eq!(
        segments[0].ending,
        Some(Ending::End { at: 33_600, reason: Reason::Stop, frames: 33_600, voice_end: 33_600 })
    );
}

#[test]
fn an_encoder_that_fails_loses_its_packet_by_name_and_nothing_else() {
    let mut rig = always("encoder = \"poisoned\"\nchunk = { frames = 400 }");
    rig.blocks(20);
    rig.finish();
    let faults = rig.signals().iter().filter(|s| matches!(s, Signal::Fault { .. })).count();
    assert_eq!(faults, 1);
    let at: Vec<i64> = rig.segments()[0].pieces.iter().map(|p| p.at).collect();
    // Frame 1000 is in the chunk of 800, lost up to the block's end at 1120; the next begins there.
    assert_eq!(at[..3], [0, 400, 1120]);
    let ledger = rig.ledger();
    assert_eq!((ledger.captured, ledger.delivered), (3200, 3200 - 320));
    assert_eq!(ledger.dropped_by(Cause::Fault), 320);
}

#[test]
fn a_sink_told_to_stop_at_once_takes_no_more_and_is_waited_for_no_longer() {
    let text = "[[sink]]\ntype = \"bin\"\nchunk = { frames = 160 }\noverflow = { queue = \"100ms\" }\n";
    let mut rig = Rig::with(text, 16_000, true, &[]);
    rig.leaves[0].control.halt();
    for _ in 0..300 {
        rig.block_untaken().unwrap();
    }
    rig.finish();
    assert!(rig.ledger().dropped_by(Cause::Stopped) > 0);
    assert_eq!(rig.told(0)[0].2.unwrap().2, Reason::Stop);
}
