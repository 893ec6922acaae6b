//! What nodes do to the timeline: delay, other rates, failures; and how a stream with holes or a
//! ragged end goes through them.

use glottis_core::{Cause, FaultCode, Node, Reason};
use glottis_graph::{Failed, Signal};

use crate::parts::{Delay, Script, end, start};
use crate::rig::{Rig, block, sample, samples};

#[test]
fn a_delay_costs_no_frame_and_shifts_none() {
    for frames in [1, 37, 160, 500, 3000] {
        let mut rig =
            Rig::new(&format!("[[node]]\ntype = \"delay\"\nframes = {frames}\n[[sink]]\ntype = \"bin\"\n"), &[]);
        rig.blocks(30);
        rig.finish();
        assert_eq!(rig.whole(), [(0, 4800, Reason::Stop)], "{frames}");
        assert_eq!(rig.ledger().captured, 4800);
    }
}

#[test]
fn delays_add_up_and_each_sink_sees_its_own() {
    let text = "[[node]]\nname = \"one\"\ntype = \"delay\"\nframes = 100\n\
        [[node]]\nname = \"two\"\ntype = \"delay\"\nframes = 333\n\
        [[sink]]\nname = \"a\"\ntype = \"bin\"\n\
        [[sink]]\nname = \"b\"\ntype = \"bin\"\ninput = \"one\"\n\
        [[sink]]\nname = \"c\"\ntype = \"bin\"\ninput = \"source\"\n";
    let mut rig = Rig::new(text, &[]);
    rig.blocks(30);
    let captured: Vec<i64> = rig.schedule.outlets().map(|o| o.captured()).collect();
    assert_eq!(captured, [4800 - 433, 4800 - 100, 4800]);
    rig.finish();
    for leaf in &rig.leaves {
        assert_eq!(crate::rig::segments(&leaf.got)[0].whole(), (0, 4800, Reason::Stop));
    }
}

#[test]
fn marks_point_at_the_same_sound_behind_a_delay() {
    let text = "[[node]]\ntype = \"script\"\n[[node]]\ntype = \"delay\"\nframes = 700\n\
        [[sink]]\ntype = \"bin\"\nturn = { mode = \"speech\" }\n";
    let mut rig = Rig::new(text, &[start(16_003), end(24_001)]);
    rig.until(64_000);
    rig.finish();
    assert_eq!(rig.whole(), [(11_203, 38_401, Reason::SpeechEnd)]);
}

#[test]
fn another_rate_has_its_own_positions_and_signals_keep_the_sources() {
    let text = "[[node]]\ntype = \"script\"\n[[node]]\ntype = \"twice\"\n\
        [[sink]]\ntype = \"bin\"\nturn = { mode = \"speech\" }\n";
    let mut rig = Rig::new(text, &[start(16_003), end(24_001)]);
    rig.until(64_000);
    rig.finish();
    let segments = rig.segments();
    let twice: Vec<f32> = (11_203..38_401).flat_map(|at| [sample(at); 2]).collect();
    assert_eq!(segments[0].begin, 2 * 11_203);
    assert!(segments[0].samples() == twice);
    assert_eq!(rig.told(0), [(0, 11_203, Some((38_401, 2 * (38_401 - 11_203), Reason::SpeechEnd)))]);
    assert_eq!(rig.ledger().captured, 128_000);
}

#[test]
fn the_last_block_may_be_partial() {
    for nodes in ["", "[[node]]\ntype = \"delay\"\nframes = 250\n"] {
        let mut rig = Rig::new(&format!("{nodes}[[sink]]\ntype = \"bin\"\n"), &[]);
        rig.blocks(9);
        let mut last = block(rig.rate, rig.at);
        last.valid = 57;
        last.samples_mut()[57..].fill(0.0);
        rig.schedule.run(&last, 0, &mut rig.signals).unwrap();
        rig.at += 57;
        rig.finish();
        assert_eq!(rig.whole(), [(0, 9 * 160 + 57, Reason::Stop)]);
        assert_eq!(rig.ledger().captured, 9 * 160 + 57);
    }
}

#[test]
fn a_stream_without_a_frame_ends_without_a_segment() {
    let mut rig = Rig::new("[[node]]\ntype = \"delay\"\nframes = 250\n[[sink]]\ntype = \"bin\"\n", &[]);
    rig.finish();
    assert!(rig.leaves[0].got.is_empty());
}

#[test]
fn a_hole_is_filled_with_equal_silence_and_told_once() {
    let mut rig = Rig::new("[[sink]]\ntype = \"bin\"\n", &[]);
    rig.blocks(3);
    rig.lose(4);
    rig.blocks(3);
    rig.finish();
    let mut want = samples(0, 480);
    want.extend([0.0; 640]);
    want.extend(samples(1120, 1600));
    let segments = rig.segments();
    assert_eq!(segments.len(), 1);
    assert!(segments[0].samples() == want);
    let gaps: Vec<_> = rig.signals().iter().filter(|s| matches!(s, Signal::Gap { .. })).copied().collect();
    assert_eq!(gaps, [Signal::Gap { at: 480, frames: 640 }]);
    let ledger = rig.ledger();
    assert_eq!((ledger.captured, ledger.delivered, ledger.dropped_by(Cause::Gap)), (1600, 960, 640));
}

#[test]
fn a_hole_at_the_very_end_is_filled_too() {
    let mut rig = Rig::new("[[sink]]\ntype = \"bin\"\n", &[]);
    rig.blocks(3);
    rig.lose(2);
    rig.finish();
    assert_eq!(rig.segments()[0].samples().len(), 800);
    assert_eq!(rig.ledger().dropped_by(Cause::Gap), 320);
}

#[test]
fn a_node_that_fails_is_bypassed_from_that_very_block() {
    let text = "[[node]]\ntype = \"flip\"\nfails = 5\n[[sink]]\ntype = \"bin\"\n";
    let mut rig = Rig::new(text, &[]);
    rig.blocks(10);
    rig.finish();
    let mut want: Vec<f32> = samples(0, 800).iter().map(|x| -x).collect();
    want.extend(samples(800, 1600));
    assert!(rig.segments()[0].samples() == want, "half a block of output is worse than none of the effect");
    let faults: Vec<_> = rig.signals().iter().filter(|s| matches!(s, Signal::Fault { .. })).copied().collect();
    assert_eq!(faults, [Signal::Fault { component: Failed::Node(0), code: FaultCode::Failed }]);
}

#[test]
fn a_node_that_changes_the_rate_and_fails_ends_the_run_with_what_came_before() {
    let text = "[[node]]\ntype = \"twice\"\nfails = 5\n[[sink]]\ntype = \"bin\"\n";
    let mut rig = Rig::new(text, &[]);
    rig.blocks(5);
    assert_eq!(rig.block().unwrap_err().code, FaultCode::Failed);
    assert!(rig.schedule.finish(960, &mut rig.signals).is_err());
    rig.take();
    rig.settled();
    assert_eq!(rig.segments()[0].samples().len(), 1600);
    assert_eq!(rig.told(0)[0].2.unwrap().2, Reason::Stop);
}

#[test]
fn live_parameters_and_bypass_act_between_blocks() {
    let text = "[[node]]\ntype = \"flip\"\n[[node]]\ntype = \"twice\"\n[[sink]]\ntype = \"bin\"\ninput = \"flip\"\n";
    let mut rig = Rig::new(text, &[]);
    rig.blocks(1);
    assert!(rig.schedule.set(0, "factor", 3.0));
    rig.blocks(1);
    assert!(rig.schedule.bypass(0, true));
    rig.blocks(1);
    assert!(rig.schedule.bypass(0, false));
    rig.blocks(1);
    assert!(!rig.schedule.set(0, "nonsense", 1.0));
    assert!(!rig.schedule.set(9, "factor", 1.0));
    assert!(!rig.schedule.bypass(1, true), "nothing can stand in for another rate");
    rig.finish();
    let want: Vec<f32> = (0..640).map(|at| sample(at) * [-1.0, -3.0, 1.0, -3.0][at as usize / 160]).collect();
    assert!(rig.segments()[0].samples() == want);
}

#[test]
fn nodes_count_their_blocks_and_faults() {
    let text = "[[node]]\ntype = \"flip\"\nfails = 5\n[[sink]]\ntype = \"bin\"\n";
    let mut rig = Rig::new(text, &[]);
    rig.blocks(10);
    let stats = rig.schedule.stats();
    let count = |c: &std::sync::atomic::AtomicU64| c.load(std::sync::atomic::Ordering::Relaxed);
    assert_eq!((count(&stats[0].blocks), count(&stats[0].faults)), (6, 1), "a bypassed node costs nothing");
    assert!(count(&stats[0].max_ns) <= count(&stats[0].total_ns));
}

#[test]
fn a_node_is_replaced_between_blocks_and_the_old_one_comes_back() {
    let text = "[[node]]\ntype = \"flip\"\n[[sink]]\ntype = \"bin\"\n";
    let mut rig = Rig::new(text, &[]);
    rig.blocks(2);
    let mut new: Box<dyn Node> = Box::new(Delay::new(0));
    assert_eq!(rig.schedule.replace(0, &mut new), Some(320));
    rig.blocks(2);
    assert_eq!(rig.schedule.replace(0, &mut new), Some(640), "the old one is as good as new");
    rig.blocks(2);
    assert_eq!(rig.schedule.replace(9, &mut new), None);
    let mut late: Box<dyn Node> = Box::new(Delay::new(3));
    assert_eq!(rig.schedule.replace(0, &mut late), None, "the rest of the tree relies on the delay");
    assert_eq!(late.latency(), 3, "it is still the caller's");
    rig.finish();
    let want: Vec<f32> = (0..960).map(|at| sample(at) * [-1.0, 1.0, -1.0][at as usize / 320]).collect();
    assert!(rig.segments()[0].samples() == want);
}

#[test]
fn a_bypassed_node_is_armed_again_where_that_is_asked_for() {
    let text = "[[node]]\ntype = \"flip\"\nfails = 5\nrearm = \"40ms\"\n[[sink]]\ntype = \"bin\"\n";
    let mut rig = Rig::new(text, &[]);
    rig.blocks(12);
    rig.finish();
    let told: Vec<Signal> = rig.signals().iter().filter(|s| !matches!(s, Signal::Level { .. })).copied().collect();
    let fault = Signal::Fault { component: Failed::Node(0), code: FaultCode::Failed };
    let bypassed = Signal::Bypassed { node: 0 };
    let rearmed = Signal::Rearmed { node: 0 };
    let told: Vec<Signal> = told.into_iter().filter(|s| [fault, bypassed, rearmed].contains(s)).collect();
    // It fails on block 5, is tried again on block 9, where it fails again, and the run ends on block 12.
    assert_eq!(told, [fault, bypassed, rearmed, fault, bypassed]);
}

#[test]
fn a_voice_whose_detector_is_replaced_ends() {
    let text = "[[node]]\ntype = \"script\"\n[[sink]]\ntype = \"bin\"\nturn = { mode = \"speech\", hangover = \"50ms\", pre_roll = \"0ms\", min_speech = \"0ms\" }\n";
    let mut rig = Rig::new(text, &[start(160)]);
    rig.blocks(10);
    let mut deaf: Box<dyn Node> = Box::new(Script(Vec::new()));
    assert_eq!(rig.schedule.replace(0, &mut deaf), Some(1600));
    rig.blocks(50);
    rig.finish();
    let segments = rig.segments();
    assert_eq!(segments.len(), 1);
    assert_eq!(segments[0].samples().len(), 1600 - 160 + 800, "to the replacement, and the hangover");
}

#[test]
fn one_stream_feeds_branches_of_a_tree() {
    let text = "[[node]]\nname = \"left\"\ntype = \"flip\"\ninput = \"source\"\n\
         [[node]]\nname = \"right\"\ntype = \"twice\"\ninput = \"source\"\n\
         [[sink]]\nname = \"a\"\ntype = \"bin\"\ninput = \"left\"\n\
         [[sink]]\nname = \"b\"\ntype = \"bin\"\ninput = \"right\"\n\
         [[sink]]\nname = \"c\"\ntype = \"bin\"\ninput = \"source\"\n";
    let mut rig = Rig::new(text, &[]);
    rig.blocks(5);
    rig.finish();
    let got: Vec<Vec<f32>> = rig.leaves.iter().map(|l| crate::rig::segments(&l.got)[0].samples()).collect();
    assert!(got[0] == samples(0, 800).iter().map(|x| -x).collect::<Vec<_>>());
    assert!(got[1] == (0..800).flat_map(|at| [sample(at); 2]).collect::<Vec<_>>());
    assert!(got[2] == samples(0, 800));
}
