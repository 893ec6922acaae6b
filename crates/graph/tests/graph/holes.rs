//! Time without sound, long and short, and streams that have run for days.

use glottis_core::{Cause, PacketKind, Reason, Span};
use glottis_graph::Signal;

use crate::rig::{Rig, block};

const SINK: &str = "[[sink]]\ntype = \"bin\"\n";

#[test]
fn a_long_hole_takes_many_short_cycles() {
    let mut rig = Rig::new(SINK, &[]);
    rig.blocks(3);
    let lost = 5000;
    rig.lose(lost);
    let at = rig.at;
    let mut cycles = 0;
    let mut before = 480;
    while !rig.schedule.fill(at, 0, 0, &mut rig.signals).unwrap() {
        rig.take();
        cycles += 1;
        let now = rig.ledger().captured;
        assert!(now - before <= 16 * 160, "{} frames in one cycle", now - before);
        before = now;
    }
    assert!(cycles >= lost / 16 - 1, "{cycles}");
    rig.blocks(3);
    rig.finish();
    let ledger = rig.ledger();
    assert_eq!((ledger.captured, ledger.dropped_by(Cause::Gap)), (160 * 5006, 160 * 5000));
    let gaps: Vec<_> = rig.signals().iter().filter(|s| matches!(s, Signal::Gap { .. })).copied().collect();
    assert_eq!(gaps, [Signal::Gap { at: 480, frames: 160 * 5000 }], "told once");
}

/// A source that lets time pass itself marks its silence; a hole of both kinds is one hole.
#[test]
fn silence_that_the_source_marks_is_a_hole_like_any_other() {
    let mut rig = Rig::new(SINK, &[]);
    rig.blocks(2);
    for _ in 0..4 {
        let mut silence = block(rig.rate, rig.at);
        silence.samples_mut().fill(0.0);
        silence.lost = Span { from: rig.at, to: rig.at + 160 };
        rig.schedule.run(&silence, 0, &mut rig.signals).unwrap();
        rig.at += 160;
    }
    rig.lose(3);
    rig.blocks(2);
    rig.finish();
    let ledger = rig.ledger();
    assert_eq!((ledger.delivered, ledger.dropped_by(Cause::Gap)), (4 * 160, 7 * 160));
    let gaps: Vec<_> = rig.signals().iter().filter(|s| matches!(s, Signal::Gap { .. })).copied().collect();
    assert_eq!(gaps, [Signal::Gap { at: 320, frames: 7 * 160 }]);
}

#[test]
fn a_turn_in_progress_when_the_device_is_lost_is_given_up_and_an_endless_segment_is_not() {
    for (mode, reason) in [("push-to-talk", Reason::Gap), ("always", Reason::Stop)] {
        let mut rig = Rig::new(&format!("{SINK}turn = {{ mode = \"{mode}\", min_hold = \"20ms\" }}\n"), &[]);
        rig.blocks(1);
        rig.talk(true);
        rig.blocks(30);
        let (outlet, signals) = rig.outlet();
        outlet.lose(signals);
        rig.blocks(5);
        rig.finish();
        let ends: Vec<Reason> = rig
            .signals()
            .iter()
            .filter_map(|s| match s {
                Signal::SegmentEnd { reason, .. } => Some(*reason),
                _ => None,
            })
            .collect();
        assert_eq!(ends, [reason], "{mode}");
    }
}

/// The same stream, begun at `begin` and with segment `first`: what reached the sink, by kind and by place
/// in the stream.
fn packets(begin: i64, first: u64) -> Vec<(PacketKind, u64, i64, Vec<f32>)> {
    let text =
        "[[node]]\ntype = \"delay\"\nframes = 250\n[[sink]]\ntype = \"bin\"\nturn = { mode = \"push-to-talk\" }\n";
    let mut rig = Rig::new(text, &[]);
    rig.schedule.begin_at(begin);
    rig.outlet().0.number_from(first);
    for i in 0..200 {
        if i % 40 == 7 {
            rig.talk(i % 80 == 7);
        }
        if (100..110).contains(&i) {
            continue;
        }
        let mut block = block(rig.rate, 160 * i);
        block.at += begin;
        rig.schedule.run(&block, 0, &mut rig.signals).unwrap();
        rig.take();
    }
    rig.at = begin + 160 * 200;
    rig.finish();
    let kind = |kind| match kind {
        PacketKind::End { reason, frames, voice_end } => {
            PacketKind::End { reason, frames, voice_end: voice_end - begin }
        }
        other => other,
    };
    assert_eq!(rig.told(0).first().map(|told| told.0), Some(first), "and as told");
    let got = &rig.leaves[0].got;
    got.iter().map(|got| (kind(got.kind), got.segment - first, got.at - begin, got.samples.clone())).collect()
}

#[test]
fn a_stream_of_days_is_cut_like_one_of_seconds() {
    let fresh = packets(0, 0);
    assert!(fresh.len() > 10);
    for days in [1_i64 << 31, 1 << 32, 1 << 33, 1 << 53] {
        // A whole number of blocks, so that the border is crossed in the middle.
        let begin = (days - 160 * 90) / 160 * 160;
        // The first of its segments is before the border, the second behind it.
        let old = packets(begin, days as u64 - 1);
        let differs = old.iter().zip(&fresh).position(|(a, b)| a != b);
        let place = |packet: &(PacketKind, u64, i64, Vec<f32>)| (packet.0, packet.1, packet.2);
        assert_eq!(differs.map(|i| (place(&old[i]), place(&fresh[i]))), None, "begun at {begin}");
        assert_eq!(old.len(), fresh.len());
    }
}
