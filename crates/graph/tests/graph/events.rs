//! What people are told of speech and loudness: smoother than a detector's marks.

use glottis_graph::Signal;

use crate::parts::{Heard, end, start};
use crate::rig::{Rig, block};

const SCRIPT: &str = "[[node]]\ntype = \"script\"\n[[sink]]\ntype = \"bin\"\n";

/// Speech events as letters with positions, in order.
fn speech(rig: &mut Rig) -> Vec<(char, i64, f32)> {
    rig.signals()
        .iter()
        .filter_map(|signal| match *signal {
            Signal::SpeechStart { at, probability } => Some(('s', at, probability)),
            Signal::MaybeEnd { at, probability } => Some(('m', at, probability)),
            Signal::SpeechEnd { at, probability } => Some(('e', at, probability)),
            _ => None,
        })
        .collect()
}

fn heard(text: &str, heard: &[Heard], until: i64) -> Vec<(char, i64, f32)> {
    let mut rig = Rig::new(text, heard);
    rig.until(until);
    speech(&mut rig)
}

#[test]
fn a_stop_is_first_perhaps_and_after_300_ms_for_sure() {
    let mut rig = Rig::new(SCRIPT, &[start(1603), end(8005)]);
    rig.until(8160);
    assert_eq!(speech(&mut rig), [('s', 1603, 0.75), ('m', 8005, 0.25)]);
    rig.until((8005 + 4800) / 160 * 160);
    assert_eq!(speech(&mut rig).len(), 2);
    rig.blocks(1);
    assert_eq!(speech(&mut rig)[2..], [('e', 8005, 0.25)]);
    rig.blocks(100);
    assert_eq!(speech(&mut rig).len(), 3);
}

#[test]
fn a_pause_between_words_is_no_end() {
    let got = heard(SCRIPT, &[start(1600), end(8000), start(12_799), end(16_000)], 32_000);
    assert_eq!(got, [('s', 1600, 0.75), ('m', 8000, 0.25), ('m', 16_000, 0.25), ('e', 16_000, 0.25)]);
    let got = heard(SCRIPT, &[start(1600), end(8000), start(12_800), end(16_000)], 32_000);
    let letters: String = got.iter().map(|e| e.0).collect();
    assert_eq!(letters, "smesme", "300 ms are an end");
}

#[test]
fn events_keep_the_sources_positions_behind_another_rate() {
    let text = "[[node]]\ntype = \"twice\"\n[[node]]\ntype = \"script\"\n[[sink]]\ntype = \"bin\"\n";
    let got = heard(text, &[start(2 * 1603), end(2 * 8005)], 32_000);
    assert_eq!(got.iter().map(|e| e.1).collect::<Vec<_>>(), [1603, 8005, 8005]);
}

#[test]
fn nodes_behind_the_detector_do_not_repeat_it() {
    let text = "[[node]]\ntype = \"script\"\n[[node]]\ntype = \"delay\"\nframes = 10\n[[sink]]\ntype = \"bin\"\n";
    assert_eq!(heard(text, &[start(1600), end(8000)], 32_000).len(), 3);
}

#[test]
fn the_level_is_measured_every_100_ms() {
    let mut rig = Rig::new("[[sink]]\ntype = \"bin\"\n", &[]);
    for i in 0..25_i64 {
        let mut block = block(rig.rate, i * 160);
        block.samples_mut().fill(if i % 2 == 0 { 0.5 } else { -0.25 });
        if i == 13 {
            block.samples_mut()[77] = -0.75;
        }
        rig.schedule.run(&block, 0, &mut rig.signals).unwrap();
    }
    let levels: Vec<(i64, f32, f32)> = rig
        .signals()
        .iter()
        .filter_map(|s| match *s {
            Signal::Level { at, rms, peak } => Some((at, rms, peak)),
            _ => None,
        })
        .collect();
    assert_eq!(levels.iter().map(|l| (l.0, l.2)).collect::<Vec<_>>(), [(0, 0.5), (1600, 0.75)]);
    assert!((levels[0].1 - (0.15625_f32).sqrt()).abs() < 1e-6);
}
