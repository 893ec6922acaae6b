//! Where a segment begins and ends, to the frame: `speech` and `always`. 16 kHz: a block is 160
//! frames, a millisecond 16.

use glottis_core::{Cause, Reason};

use crate::parts::{Heard, end, late_end, late_start, start};
use crate::rig::{Ending, Rig};

fn speech(turn: &str, heard: &[Heard]) -> Rig {
    let text = format!(
        "[[node]]\ntype = \"script\"\n[[sink]]\ntype = \"bin\"\nturn = {{ mode = \"speech\", {turn} }}\n\
         chunk = {{ frames = 1000 }}\n"
    );
    Rig::new(&text, heard)
}

fn always() -> Rig {
    Rig::new("[[sink]]\ntype = \"bin\"\nchunk = { frames = 1000 }\n", &[])
}

const DEFAULT: &str = "pre_roll = \"300ms\"";

#[test]
fn a_segment_runs_from_the_onset_minus_pre_roll_to_the_end_plus_hangover() {
    let mut rig = speech(DEFAULT, &[start(16_003), end(24_001)]);
    rig.until(60_000);
    rig.finish();
    let segments = rig.segments();
    assert_eq!(rig.whole(), [(16_003 - 4800, 24_001 + 14_400, Reason::SpeechEnd)]);
    let Some(Ending::End { voice_end, .. }) = segments[0].ending else { panic!() };
    assert_eq!(voice_end, 24_001);
    assert_eq!(rig.told(0), [(0, 11_203, Some((38_401, 38_401 - 11_203, Reason::SpeechEnd)))]);
    let ledger = rig.ledger();
    assert_eq!((ledger.captured, ledger.delivered), (60_000, 38_401 - 11_203));
    assert_eq!(ledger.gated, 60_000 - (38_401 - 11_203));
}

#[test]
fn a_segment_begins_as_soon_as_it_is_sure_and_ends_as_soon_as_it_is_over() {
    let mut rig = speech(DEFAULT, &[start(16_000), end(24_001)]);
    rig.until(16_000 + 1920 - 160);
    assert!(rig.segments().is_empty());
    rig.blocks(1);
    assert_eq!(rig.segments().len(), 1);
    assert!(rig.segments()[0].samples().len() >= 6000, "all but the unfinished chunk is there at once");
    rig.until(24_001 + 14_400 - 160);
    assert_eq!(rig.segments()[0].ending, None);
    rig.blocks(1);
    assert!(rig.segments()[0].ending.is_some());
}

/// A decision that comes late is no fault of the source's: what waited for it was pushed when it was.
#[test]
fn what_waited_for_a_decision_has_the_time_of_its_own_push() {
    let mut rig = speech(DEFAULT, &[start(16_000)]);
    while rig.at < 24_000 {
        rig.block_untaken().unwrap();
    }
    let mut pieces = 0;
    while let Some(packet) = rig.leaves[0].inlet.try_packet() {
        if packet.frames() > 0 {
            let end = packet.at + i64::from(packet.frames());
            assert_eq!(packet.stamps.pushed, rig.rate.ns((end as u64).next_multiple_of(160)), "{packet:?}");
            pieces += usize::from(packet.stamps.pushed < packet.stamps.taken);
        }
        rig.leaves[0].inlet.delivered(packet);
    }
    assert!(pieces >= 4, "{pieces} waited");
}

#[test]
fn a_pre_roll_reaches_back_to_the_start_of_the_stream_at_most() {
    let mut rig = speech(DEFAULT, &[start(100), end(3000)]);
    rig.until(20_000);
    rig.finish();
    assert_eq!(rig.whole(), [(0, 17_400, Reason::SpeechEnd)]);
}

#[test]
fn a_pre_roll_reaches_back_to_the_segment_before_and_never_into_it() {
    let mut rig =
        speech("pre_roll = \"300ms\", hangover = \"100ms\"", &[start(5000), end(8000), start(9700), end(13_000)]);
    rig.until(20_000);
    rig.finish();
    assert_eq!(rig.whole(), [(200, 9600, Reason::SpeechEnd), (9600, 14_600, Reason::SpeechEnd)]);
}

#[test]
fn voice_shorter_than_min_speech_is_a_misfire() {
    for (frames, segments, misfires) in [(1919, 0, 1), (1920, 1, 0)] {
        let mut rig = speech(DEFAULT, &[start(8003), end(8003 + frames)]);
        rig.until(40_000);
        rig.finish();
        assert_eq!((rig.segments().len(), rig.leaves[0].misfires()), (segments, misfires), "{frames}");
        if segments == 0 {
            assert_eq!(rig.ledger().gated, 40_000);
        }
    }
}

#[test]
fn voice_adds_up_over_pauses_of_less_than_100_ms() {
    for (pause, segments, misfires) in [(1599, 1, 0), (1600, 0, 2)] {
        let mut rig = speech(DEFAULT, &[start(8000), end(9000), start(9000 + pause), end(9920 + pause)]);
        rig.until(40_000);
        rig.finish();
        assert_eq!((rig.segments().len(), rig.leaves[0].misfires()), (segments, misfires), "{pause}");
        if segments == 1 {
            assert_eq!(rig.whole(), [(3200, 9920 + pause + 14_400, Reason::SpeechEnd)]);
        }
    }
}

#[test]
fn flicker_that_turns_into_speech_begins_with_the_speech() {
    // Five clicks are no speech within four times min_speech, though the pauses are short; the voice
    // that is going on by then is.
    let mut heard: Vec<Heard> = Vec::new();
    for i in 0..5 {
        heard.extend([start(16_000 + i * 1700), end(16_200 + i * 1700)]);
    }
    let onset = 23_300;
    heard.extend([start(onset), end(onset + 16_000)]);
    let mut rig = speech(DEFAULT, &heard);
    rig.until(70_000);
    rig.finish();
    assert_eq!(rig.whole(), [(onset - 4800, onset + 30_400, Reason::SpeechEnd)]);
    assert_eq!(rig.leaves[0].misfires(), 1);
}

#[test]
fn a_pause_shorter_than_the_hangover_does_not_end_a_segment() {
    for (pause, want) in [(14_399, 1), (14_400, 2)] {
        let mut rig = speech(DEFAULT, &[start(8000), end(16_000), start(16_000 + pause), end(36_000)]);
        rig.until(60_000);
        rig.finish();
        assert_eq!(rig.whole().len(), want, "{pause}");
    }
}

#[test]
fn the_longest_segment_is_followed_by_the_next_without_a_hole() {
    let mut rig = speech("max = \"500ms\"", &[start(8003), end(30_000)]);
    rig.until(60_000);
    rig.finish();
    let base = 8003;
    assert_eq!(
        rig.whole(),
        [
            (base - 4800, base + 8000, Reason::Max),
            (base + 8000, base + 16_000, Reason::Max),
            (base + 16_000, base + 24_000, Reason::Max),
        ],
        "30000 lies in the third, and its hangover does not make it longer than the longest"
    );
    let ends: Vec<i64> = rig
        .segments()
        .iter()
        .map(|s| match s.ending {
            Some(Ending::End { voice_end, .. }) => voice_end,
            _ => panic!(),
        })
        .collect();
    assert_eq!(ends, [16_003, 24_003, 30_000]);
}

#[test]
fn a_late_start_finds_all_its_audio() {
    // 150 ms: three windows of the slowest detector.
    let mut rig = speech(DEFAULT, &[late_start(16_000, 16_000 + 2239), end(24_000)]);
    rig.until(50_000);
    rig.finish();
    assert_eq!(rig.whole(), [(11_200, 38_400, Reason::SpeechEnd)]);
}

#[test]
fn a_late_end_ends_the_segment_where_it_was_already_sent_to() {
    let mut rig = speech("hangover = \"50ms\"", &[start(8000), late_end(16_000, 18_079)]);
    rig.until(30_000);
    rig.finish();
    assert_eq!(rig.whole(), [(3200, 17_920, Reason::SpeechEnd)]);
    let Some(Ending::End { voice_end, .. }) = rig.segments()[0].ending else { panic!() };
    assert_eq!(voice_end, 16_000, "the true end is told");
}

#[test]
fn the_end_of_the_stream_ends_the_segment() {
    let mut rig = speech(DEFAULT, &[start(8000)]);
    rig.until(16_000);
    rig.finish();
    assert_eq!(rig.whole(), [(3200, 16_000, Reason::Stop)]);

    let mut rig = speech(DEFAULT, &[start(15_000)]);
    rig.until(16_000);
    rig.finish();
    assert_eq!((rig.segments().len(), rig.leaves[0].misfires()), (0, 1), "not yet speech when the stream ended");
    assert_eq!(rig.ledger().gated, 16_000);
}

#[test]
fn commit_sends_now_and_speech_goes_on_in_the_next_segment() {
    let mut rig = speech(DEFAULT, &[start(8000), end(24_000)]);
    rig.until(16_000);
    rig.commit();
    rig.until(50_000);
    rig.finish();
    assert_eq!(rig.whole(), [(3200, 16_000, Reason::Commit), (16_000, 38_400, Reason::SpeechEnd)]);
}

#[test]
fn commit_in_the_hangover_ends_the_turn() {
    let mut rig = speech(DEFAULT, &[start(8000), end(16_000)]);
    rig.until(20_000);
    rig.commit();
    rig.until(50_000);
    rig.commit();
    rig.finish();
    assert_eq!(rig.whole(), [(3200, 20_000, Reason::Commit)], "and one that finds no turn does nothing");
}

#[test]
fn cancel_drops_the_turn_and_what_is_left_of_it() {
    let mut rig = speech(DEFAULT, &[start(8000), end(24_000), start(60_000), end(70_000)]);
    rig.until(16_000);
    assert!(rig.cancel());
    rig.until(100_000);
    rig.finish();
    let segments = rig.segments();
    assert_eq!(segments.len(), 2);
    assert_eq!(segments[0].ending, Some(Ending::Abort { at: 16_000, reason: Reason::Cancel }));
    assert_eq!(segments[1].whole(), (55_200, 84_400, Reason::SpeechEnd));
    assert_eq!(rig.told(0)[0].2, Some((16_000, 12_800, Reason::Cancel)));
    assert_eq!(rig.ledger().dropped_total(), 0, "what is cancelled is gated");
}

#[test]
fn cancel_before_it_is_sure_cancels_the_onset() {
    let mut rig = speech(DEFAULT, &[start(8000), end(24_000)]);
    rig.until(8800);
    assert!(rig.cancel());
    rig.until(50_000);
    rig.finish();
    assert!(rig.segments().is_empty());
    assert_eq!(rig.ledger().gated, rig.at as u64);
}

#[test]
fn mute_cancels_at_the_next_block_and_unmuting_begins_with_the_next_frame() {
    let mut rig = speech(DEFAULT, &[start(8000), end(40_000)]);
    rig.until(16_000);
    rig.outlet().0.mute(true);
    assert_eq!(rig.segments()[0].ending, None);
    rig.blocks(1);
    assert_eq!(rig.segments()[0].ending, Some(Ending::Abort { at: 16_000, reason: Reason::Cancel }));
    rig.until(24_000);
    rig.outlet().0.mute(false);
    rig.until(60_000);
    rig.finish();
    assert_eq!(rig.segments()[1].whole(), (24_000, 54_400, Reason::SpeechEnd), "nothing said in secret is sent");
    assert_eq!(rig.ledger().dropped_total(), 0);
}

#[test]
fn interrupt_gives_the_turn_up_and_its_rest_is_lost_by_name() {
    let mut rig = speech(DEFAULT, &[start(8000), end(40_000)]);
    rig.until(16_000);
    let (outlet, signals) = rig.outlet();
    assert!(outlet.interrupt(signals));
    rig.until(60_000);
    rig.finish();
    let segments = rig.segments();
    assert_eq!(segments.len(), 1);
    assert_eq!(segments[0].ending, Some(Ending::Abort { at: 16_000, reason: Reason::Interrupt }));
    // Up to where the turn would have ended: its voice and the hangover.
    let ledger = rig.ledger();
    let dropped = |cause| ledger.dropped.iter().find(|(c, _)| *c == cause).map_or(0, |(_, frames)| *frames);
    assert_eq!(dropped(Cause::Interrupted) + ledger.delivered, 40_000 + 14_400 - (8000 - 4800));
    assert_eq!(ledger.dropped_total(), dropped(Cause::Interrupted));
}

#[test]
fn always_is_one_segment_from_start_to_stop() {
    let mut rig = always();
    rig.blocks(1);
    assert_eq!(rig.segments().len(), 1, "it begins with the first block");
    rig.blocks(99);
    assert!(!rig.cancel(), "there is no turn to drop");
    rig.finish();
    assert_eq!(rig.whole(), [(0, 16_000, Reason::Stop)]);
    assert_eq!(rig.ledger().gated, 0);
}

#[test]
fn commit_cuts_an_endless_segment_without_losing_a_frame() {
    let mut rig = always();
    rig.until(5 * 160);
    rig.commit();
    rig.until(1600);
    rig.finish();
    assert_eq!(rig.whole(), [(0, 800, Reason::Commit), (800, 1600, Reason::Stop)]);
}

#[test]
fn an_endless_segment_begins_anew_after_an_interrupt_without_losing_a_frame() {
    let mut rig = always();
    rig.until(2000);
    let (outlet, signals) = rig.outlet();
    outlet.interrupt(signals);
    rig.until(4000);
    rig.finish();
    let segments = rig.segments();
    assert_eq!(segments[0].ending, Some(Ending::Abort { at: 2080, reason: Reason::Interrupt }));
    assert_eq!(segments[1].whole(), (2080, 4000, Reason::Stop));
    assert_eq!(rig.ledger().gated, 0);
}

#[test]
fn halt_gives_the_turn_up_and_closes_the_queue() {
    let mut rig = speech(DEFAULT, &[start(8000)]);
    rig.until(16_000);
    rig.schedule.halt(&mut rig.signals);
    rig.take();
    rig.settled();
    assert_eq!(rig.segments()[0].ending, Some(Ending::Abort { at: 16_000, reason: Reason::Stop }));
}

#[test]
fn a_hangover_that_ends_with_the_longest_segment_is_an_end_of_speech() {
    let mut rig = speech("max = \"1400ms\"", &[start(8000), end(16_000)]);
    rig.until(40_000);
    rig.finish();
    assert_eq!(rig.whole(), [(3200, 8000 + 22_400, Reason::SpeechEnd)]);
}

#[test]
fn what_is_said_again_within_the_hangover_of_a_cancelled_onset_is_cancelled_too() {
    let mut rig = speech(DEFAULT, &[start(8000), end(12_000), start(26_399), end(34_000)]);
    rig.until(8800);
    assert!(rig.cancel());
    rig.until(60_000);
    rig.finish();
    assert!(rig.segments().is_empty());
}

#[test]
fn only_voice_from_after_the_mute_counts_as_speech() {
    for (voiced, segments) in [(1919, 0), (1920, 1)] {
        let mut rig = speech(DEFAULT, &[start(8000), end(24_000 + voiced)]);
        rig.outlet().0.mute(true);
        rig.until(24_000);
        rig.outlet().0.mute(false);
        rig.until(60_000);
        rig.finish();
        assert_eq!(rig.segments().len(), segments, "{voiced}");
    }
}
