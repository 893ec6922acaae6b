//! What a source loses, from the feed to the sinks' ledgers: counted to the frame, on every edge.

use std::sync::atomic::Ordering::Relaxed;

use glottis_core::feed::{Taken, capture_ring};
use glottis_core::{Block, Cause, PacketKind, clock};
use glottis_graph::Signal;
use proptest::prelude::*;

use crate::rig::Rig;

/// A sink at the source, one behind a delay, and one at another rate.
const TREE: &str = "[[node]]\nname = \"late\"\ntype = \"delay\"\nframes = 250\n\
    [[node]]\nname = \"fast\"\ntype = \"twice\"\n\
    [[sink]]\nname = \"a\"\ntype = \"bin\"\ninput = \"source\"\n\
    [[sink]]\nname = \"b\"\ntype = \"bin\"\ninput = \"late\"\n\
    [[sink]]\nname = \"c\"\ntype = \"bin\"\ninput = \"fast\"\n";

const MS: u64 = 1_000_000;

#[derive(Clone, Debug)]
enum Happens {
    /// So much sound comes.
    Sound(usize),
    /// The device is gone for so many microseconds.
    Hole(u64),
    /// The device says that it lost so many frames.
    Gap(u64),
    /// The pipeline takes nothing meanwhile, or takes all there is.
    Busy(bool),
}

fn happens() -> impl Strategy<Value = Happens> {
    prop_oneof![
        4 => (160_usize..2000).prop_map(Happens::Sound),
        2 => (1_u64..400_000).prop_map(Happens::Hole),
        1 => (1_u64..1000).prop_map(Happens::Gap),
        1 => any::<bool>().prop_map(Happens::Busy),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn every_sink_knows_to_the_frame_what_was_lost(script in prop::collection::vec(happens(), 1..30)) {
        clock::start();
        let mut rig = Rig::new(TREE, &[]);
        let (mut feed, mut intake) = capture_ring(rig.rate, 6, false);
        let (stats, mut block) = (feed.stats(), Block::new(rig.rate));
        let (mut now, mut busy) = (1000 * MS, false);
        for happens in script {
            match happens {
                Happens::Sound(frames) => {
                    now += rig.rate.ns(frames as u64);
                    feed.push_mono(&vec![0.5; frames], now);
                }
                Happens::Hole(us) => {
                    feed.interrupt();
                    // Time passes in it, unevenly.
                    (1..4).for_each(|part| feed.silence(now + us * 1000 * part / 4));
                    now += us * 1000;
                }
                // Sound is heard between two losses.
                Happens::Gap(frames) => {
                    feed.gap(frames);
                    now += rig.rate.ns(frames + 160);
                    feed.push_mono(&[0.5; 160], now);
                }
                Happens::Busy(is) => busy = is,
            }
            while !busy && matches!(intake.take(&mut block), Taken::Block) {
                rig.schedule.run(&block, 0, &mut rig.signals).unwrap();
                rig.take();
            }
        }
        feed.finish();
        while let Taken::Block = intake.take(&mut block) {
            rig.schedule.run(&block, 0, &mut rig.signals).unwrap();
            rig.take();
        }
        rig.at = intake.total() as i64;
        rig.finish();
        let lost = stats.lost.load(Relaxed) + stats.overrun.load(Relaxed);
        let told: u64 = rig.signals().iter().map(|s| if let Signal::Gap { frames, .. } = s { *frames } else { 0 }).sum();
        prop_assert_eq!(told, lost, "events");
        for (leaf, factor) in rig.leaves.iter().zip([1, 1, 2]) {
            let ledger = leaf.ledger();
            prop_assert_eq!(ledger.dropped_by(Cause::Gap), lost * factor);
            prop_assert_eq!(ledger.captured, intake.total() * factor);
            prop_assert_eq!(ledger.delivered, (intake.total() - lost) * factor);
        }
    }
}

/// Where the silence is, as the event tells it and as it is in the sound.
#[test]
fn a_loss_is_told_where_it_is() {
    clock::start();
    let mut rig = Rig::new(TREE, &[]);
    let (mut feed, mut intake) = capture_ring(rig.rate, 100, false);
    feed.push_mono(&[0.5; 1003], 1000 * MS);
    feed.interrupt();
    // 2,999 frames, from the middle of a block into the middle of another.
    feed.push_mono(&[0.5; 1600], 1000 * MS + rig.rate.ns(2999 + 1600) + 10);
    feed.finish();
    let mut block = Block::new(rig.rate);
    while let Taken::Block = intake.take(&mut block) {
        rig.schedule.run(&block, 0, &mut rig.signals).unwrap();
    }
    rig.at = intake.total() as i64;
    rig.finish();
    let gaps: Vec<_> = rig.signals().iter().filter(|s| matches!(s, Signal::Gap { .. })).copied().collect();
    assert_eq!(gaps, [Signal::Gap { at: 1003, frames: 2999 }]);
    for (leaf, factor) in rig.leaves.iter().zip([1, 1, 2]) {
        let data = leaf.got.iter().filter(|got| matches!(got.kind, PacketKind::Data { .. }));
        let sound: Vec<f32> = data.flat_map(|got| got.samples.clone()).collect();
        let silence: Vec<usize> = (0..sound.len()).filter(|&i| sound[i] == 0.0).collect();
        assert_eq!((silence.first(), silence.len()), (Some(&(1003 * factor)), 2999 * factor));
    }
}
