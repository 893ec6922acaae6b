//! A stage of known delay raises the result by that delay, within one sample.

use crate::rig::{few, measure, stage};

fn pipeline(node: &str) -> String {
    format!(
        "[source]\ntype = \"file\"\npath = \"in.wav\"\n{node}\
         [[sink]]\ntype = \"file\"\npath = \"out.wav\"\nchunk = {{ frames = 320 }}\n"
    )
}

fn delay(frames: u32, announced: bool) -> String {
    pipeline(&format!("[[node]]\ntype = \"delay\"\nframes = {frames}\nannounced = {announced}\n"))
}

#[test]
fn without_filters_there_is_no_delay_at_all() {
    let sink = measure(few(), 16_000, &pipeline(""));
    assert!(sink.algorithmic.frames.abs() < 0.01, "{:?}", sink.algorithmic);
    assert_eq!(sink.algorithmic.nodes, []);
}

#[test]
fn a_known_delay_raises_the_result_by_itself_whether_the_node_says_so_or_not() {
    for (frames, announced) in [(1, true), (37, true), (37, false), (1000, true), (1000, false)] {
        let sink = measure(few(), 16_000, &delay(frames, announced));
        let found = sink.algorithmic.frames;
        assert!((found - f64::from(frames)).abs() < 0.1, "{found} frames for {frames}, announced: {announced}");
        let node = &sink.algorithmic.nodes[0];
        assert_eq!(node.declared, if announced { frames } else { 0 });
        // As time it is a stage of its own, in every burst.
        let us = f64::from(frames) / 0.016;
        let stage = stage(&sink, "node delay");
        assert!((stage.us.p50 - us).abs() < 63.0 && (stage.us.max - us).abs() < 63.0, "{stage:?}, not {us}");
        assert!(sink.total_us.p50 > us, "{:?}", sink.total_us);
    }
}

/// 5 ms of look-ahead, at 48 kHz: 240 frames.
#[test]
fn the_look_ahead_of_the_limiter_is_what_it_says() {
    let sink = measure(few(), 48_000, &pipeline("[[node]]\ntype = \"limiter\"\n"));
    let node = &sink.algorithmic.nodes[0];
    assert!(node.declared > 0, "{node:?}");
    assert!((sink.algorithmic.frames - f64::from(node.declared)).abs() < 0.1, "{:?}", sink.algorithmic);
}

/// A delay behind a resampler counts at the rate it has there, and the resampler's own beside it.
#[test]
fn delays_at_several_rates_are_told_apart() {
    let text = pipeline(
        "[[node]]\ntype = \"delay\"\nframes = 480\n[[node]]\ntype = \"resample\"\nrate = 16000\n\
         [[node]]\nname = \"again\"\ntype = \"delay\"\nframes = 40\nannounced = false\n",
    );
    let sink = measure(few(), 48_000, &text);
    let [first, resample, again] = &sink.algorithmic.nodes[..] else { panic!("{:?}", sink.algorithmic) };
    assert!((first.frames - 480.0).abs() < 0.1, "{first:?}");
    assert!((again.frames - 40.0).abs() < 0.1, "{again:?}");
    assert!(resample.declared > 0 && resample.beyond.abs() < 0.2, "{resample:?}");
    let sum = 160.0 + resample.frames + 40.0;
    assert!((sink.algorithmic.frames - sum).abs() < 0.1, "{:?}", sink.algorithmic);
}

/// What is exact is the same twice.
#[test]
fn the_algorithmic_part_repeats() {
    let text = pipeline("[[node]]\ntype = \"resample\"\nrate = 16000\n");
    let twice = [measure(few(), 44_100, &text), measure(few(), 44_100, &text)];
    assert_eq!(twice[0].algorithmic, twice[1].algorithmic);
}
