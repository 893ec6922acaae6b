//! How the bursts get in.

use glottis_measure::Latency;

use crate::rig::{few, measure, stage, try_measure};

const SINK: &str = "[[sink]]\ntype = \"file\"\npath = \"out.wav\"\nchunk = { frames = 320 }\n";

#[test]
fn a_file_of_any_rate_and_either_channel() {
    for (hz, channel) in [(8_000, "\"mix\""), (22_050, "1"), (44_100, "\"mix\""), (96_000, "0")] {
        let text = format!("[source]\ntype = \"file\"\npath = \"in.wav\"\nchannel = {channel}\n{SINK}");
        let sink = measure(few(), hz, &text);
        assert!(sink.algorithmic.frames.abs() < 1.0, "{hz}: {:?}", sink.algorithmic);
    }
}

/// It is measured in real time, whatever the file says; `loop` would never end.
#[test]
fn pace_and_loop_of_a_file_are_the_benchs() {
    let text = format!("[source]\ntype = \"file\"\npath = \"in.wav\"\npace = \"fast\"\nloop = true\n{SINK}");
    let sink = measure(few(), 16_000, &text);
    assert!(stage(&sink, "fill").us.max < 21_000.0, "{sink:?}");
}

#[test]
fn standard_input_is_fed_by_the_bench() {
    for keys in [
        "",
        "rate = 16000\n",
        "format = \"s16le\"\nrate = 48000\nchannels = 2\n",
        "format = \"f32le\"\nrate = 16000\nchannels = 1\npace = \"realtime\"\n",
    ] {
        let text = format!("[source]\ntype = \"stdin\"\n{keys}{SINK}");
        let measured = try_measure(few(), 16_000, &text).unwrap_or_else(|refused| panic!("{refused}"));
        let sink = &measured.sinks[0];
        crate::rig::adds_up(sink);
        assert_eq!((measured.from, sink.found), ("fed", 4), "{keys}");
        assert!(sink.algorithmic.frames.abs() < 0.1, "{keys}: {:?}", sink.algorithmic);
    }
}

/// Bursts behind speech: the detector lets them through, and the segment's own end is timed too.
#[test]
fn a_pipeline_that_sends_only_speech() {
    let text = "[source]\ntype = \"file\"\npath = \"in.wav\"\n[[node]]\ntype = \"vad\"\n\
                [[sink]]\ntype = \"file\"\npath = \"out.wav\"\nchunk = { frames = 320 }\n\
                turn = { mode = \"speech\", hangover = \"400ms\" }\n";
    let sink = measure(Latency { bursts: 2, ..few() }, 16_000, text);
    assert!(sink.end_us.n > 0, "{sink:?}");
}
