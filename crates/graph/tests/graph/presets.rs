//! The presets of `turn`, and segments that begin at once. 16 kHz: a second is 16,000 frames.

use std::time::Duration;

use glottis_core::Reason;
use glottis_core::TurnMode::{Always, Speech};
use glottis_graph::turn::Turn;

use crate::parts::{Heard, end, start};
use crate::rig::{Rig, build};

fn turn(keys: &str) -> Turn {
    let text = format!("[[node]]\ntype = \"script\"\n[[sink]]\ntype = \"bin\"\nturn = {{ {keys} }}\n");
    build(&text, 16_000, true, &[]).unwrap().sinks[0].turn
}

fn at_once(heard: &[Heard]) -> Rig {
    let text = "[[node]]\ntype = \"script\"\n[[sink]]\ntype = \"bin\"\n\
        turn = { mode = \"speech\", preset = \"ravatar-demo\", begin = \"at-once\" }\nchunk = { frames = 1000 }\n";
    Rig::new(text, heard)
}

#[test]
fn a_preset_fills_in_what_is_not_written() {
    assert_eq!(turn("preset = \"default\""), Turn::with_mode(Always));
    let demo = turn("mode = \"speech\", preset = \"ravatar-demo\"");
    assert_eq!(demo, Turn { pre_roll: Duration::ZERO, min_speech: Duration::ZERO, ..Turn::with_mode(Speech) });
    let ms = Duration::from_millis;
    assert_eq!((demo.hangover, demo.max, demo.at_once), (ms(900), ms(15_000), false));
    let own = turn("preset = \"ravatar-demo\", pre_roll = \"300ms\", max = \"30s\"");
    assert_eq!((own.pre_roll, own.min_speech, own.max), (ms(300), Duration::ZERO, ms(30_000)));
}

#[test]
fn the_demo_preset_sends_voice_from_its_first_frame_however_short() {
    let text = "[[node]]\ntype = \"script\"\n[[sink]]\ntype = \"bin\"\n\
        turn = { mode = \"speech\", preset = \"ravatar-demo\" }\n";
    let mut rig = Rig::new(text, &[start(8003), end(8163)]);
    rig.until(60_000);
    rig.finish();
    assert_eq!(rig.whole(), [(8003, 8163 + 14_400, Reason::SpeechEnd)]);
}

/// The longest length counts from the start of listening, and silence is sent too: only when asked for.
#[test]
fn segments_that_begin_at_once_leave_nothing_out() {
    const CUT: i64 = 240_000;
    let mut rig = at_once(&[]);
    rig.until(2 * CUT + 16_000);
    rig.finish();
    let last = (2 * CUT, 2 * CUT + 16_000, Reason::Stop);
    assert_eq!(rig.whole(), [(0, CUT, Reason::Max), (CUT, 2 * CUT, Reason::Max), last]);
    assert_eq!(rig.ledger().gated, 0);

    let mut rig = at_once(&[start(16_000), end(32_000)]);
    rig.until(60_000);
    rig.finish();
    assert_eq!(rig.whole(), [(0, 46_400, Reason::SpeechEnd), (46_400, 60_000, Reason::Stop)]);
}

#[test]
fn a_pause_across_the_cut_of_a_segment_that_began_at_once_ends_no_second_one() {
    let mut rig = at_once(&[start(16_000), end(239_000)]);
    rig.until(300_000);
    rig.finish();
    assert_eq!(rig.whole(), [(0, 240_000, Reason::Max), (240_000, 300_000, Reason::Stop)]);
}
