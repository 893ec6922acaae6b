//! What a sink's connection does to the segments: nothing is kept for a sink that is not there.

use glottis_core::inlet::Link;
use glottis_core::{Cause, Reason, TurnMode};

use crate::parts::{end, start};
use crate::rig::{Ending, Rig};

const ALWAYS: &str = "[[sink]]\ntype = \"bin\"\nchunk = { frames = 100 }\n";
const SPEECH: &str =
    "[[node]]\ntype = \"script\"\n[[sink]]\ntype = \"bin\"\nturn = { mode = \"speech\" }\nchunk = { frames = 100 }\n";

fn link(rig: &mut Rig, link: Link) {
    rig.leaves[0].inlet.set_link(link);
}

#[test]
fn what_comes_before_the_sink_is_open_is_gated() {
    let mut rig = Rig::new(ALWAYS, &[]);
    link(&mut rig, Link::Opening);
    rig.blocks(10);
    link(&mut rig, Link::Up);
    rig.blocks(10);
    rig.finish();
    assert_eq!(rig.whole(), [(1600, 3200, Reason::Stop)]);
    assert_eq!(rig.ledger().gated, 1600);
}

#[test]
fn a_lost_connection_ends_the_segment_and_the_next_begins_once_it_is_back() {
    let mut rig = Rig::new(ALWAYS, &[]);
    rig.blocks(10);
    link(&mut rig, Link::Down);
    rig.blocks(10);
    link(&mut rig, Link::Up);
    rig.blocks(10);
    rig.finish();
    let segments = rig.segments();
    assert_eq!(segments[0].ending, Some(Ending::Abort { at: 1600, reason: Reason::Disconnected }));
    assert_eq!(segments[1].whole(), (3200, 4800, Reason::Stop));
    let ledger = rig.ledger();
    assert_eq!((ledger.dropped_by(Cause::Disconnected), ledger.gated), (1600, 0));
}

#[test]
fn a_connection_lost_and_back_within_a_block_still_ends_the_segment() {
    let mut rig = Rig::new(ALWAYS, &[]);
    rig.blocks(10);
    link(&mut rig, Link::Down);
    link(&mut rig, Link::Up);
    rig.blocks(10);
    rig.finish();
    let segments = rig.segments();
    assert_eq!(segments[0].ending, Some(Ending::Abort { at: 1600, reason: Reason::Disconnected }));
    assert_eq!(segments[1].whole(), (1600, 3200, Reason::Stop));
}

#[test]
fn what_was_heard_before_a_loss_goes_to_the_sink_and_what_comes_after_is_dropped_by_name() {
    let mut rig = Rig::new("[[sink]]\ntype = \"bin\"\nchunk = { frames = 1000 }\n", &[]);
    rig.blocks(8);
    link(&mut rig, Link::Down);
    rig.blocks(1);
    rig.finish();
    // A whole chunk, and the one that was being filled: the sink alone knows whether it can wait.
    assert_eq!(rig.segments()[0].samples().len(), 1280);
    assert_eq!((rig.ledger().delivered, rig.ledger().dropped_by(Cause::Disconnected)), (1280, 160));
}

#[test]
fn silence_that_nobody_wanted_is_gated_also_while_the_sink_is_down() {
    let mut rig = Rig::new(SPEECH, &[start(16_000), end(24_000)]);
    link(&mut rig, Link::Down);
    rig.until(48_000);
    rig.finish();
    assert!(rig.segments().is_empty());
    // The mark is known with the block that holds it; that block itself was not yet wanted.
    assert_eq!(rig.ledger().dropped_by(Cause::Disconnected), 24_000 - 16_000);
    assert_eq!(rig.ledger().gated, 48_000 - 8000);
}

#[test]
fn speech_that_is_going_on_when_the_sink_comes_back_begins_there() {
    let mut rig = Rig::new(SPEECH, &[start(8000), end(40_000)]);
    link(&mut rig, Link::Down);
    rig.until(16_000);
    link(&mut rig, Link::Up);
    rig.until(64_000);
    rig.finish();
    assert_eq!(rig.whole(), [(16_000, 54_400, Reason::SpeechEnd)]);
}

#[test]
fn a_sink_that_gave_up_drops_what_was_wanted() {
    let mut rig = Rig::new(ALWAYS, &[]);
    rig.blocks(10);
    link(&mut rig, Link::GaveUp);
    rig.blocks(10);
    rig.finish();
    assert_eq!(rig.ledger().dropped_by(Cause::GaveUp), 1600);
    assert_eq!(rig.told(0)[0].2.unwrap().2, Reason::Disconnected);
}

#[test]
fn a_source_that_waits_does_not_mind_a_lost_connection() {
    let mut rig = Rig::with(ALWAYS, 16_000, true, &[]);
    link(&mut rig, Link::Opening);
    rig.blocks(10);
    link(&mut rig, Link::Down);
    rig.blocks(10);
    rig.finish();
    assert_eq!(rig.whole(), [(0, 3200, Reason::Stop)]);
}

#[test]
fn an_auto_outlet_takes_the_mode_its_sink_chose() {
    let text = "[[sink]]\ntype = \"bin\"\ndefault_turn = \"auto\"\nchunk = { frames = 100 }\n";
    let mut rig = Rig::new(text, &[]);
    link(&mut rig, Link::Opening);
    rig.blocks(10);
    assert!(!rig.talk(true), "not yet known");
    rig.leaves[0].inlet.choose_turn(TurnMode::PushToTalk);
    link(&mut rig, Link::Up);
    rig.blocks(10);
    assert!(rig.talk(true));
    rig.blocks(100);
    rig.talk(false);
    rig.blocks(100);
    rig.finish();
    assert_eq!(rig.whole(), [(3200, 3200 + 16_000 + 3200, Reason::Release)]);
}

#[test]
fn each_sink_has_its_own_segments() {
    let text = "[[node]]\ntype = \"script\"\n\
        [[sink]]\nname = \"a\"\ntype = \"bin\"\nturn = { mode = \"speech\" }\n\
        [[sink]]\nname = \"b\"\ntype = \"bin\"\ninput = \"source\"\n\
        [[sink]]\nname = \"c\"\ntype = \"bin\"\n";
    let mut rig = Rig::new(text, &[start(16_000), end(32_000)]);
    rig.leaves[2].inlet.set_link(Link::Down);
    rig.until(64_000);
    rig.finish();
    assert_eq!(rig.whole(), [(11_200, 46_400, Reason::SpeechEnd)]);
    assert_eq!(crate::rig::segments(&rig.leaves[1].got)[0].whole(), (0, 64_000, Reason::Stop));
    assert!(rig.leaves[2].got.is_empty());
    assert_eq!(rig.told(1), [(0, 0, Some((64_000, 64_000, Reason::Stop)))]);
}
