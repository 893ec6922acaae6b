//! Once a run is steady none of its threads allocates: not the one that reads, not the pipeline thread, not
//! the sinks and not control. Counted for the whole process, so this is the only test in its program.

use std::alloc::System;
use std::path::Path;
use std::sync::{Arc, Mutex};

use glottis::{Config, EventKind, Pipeline};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn allocations() -> usize {
    let stats = ALLOCATOR.stats();
    stats.allocations + stats.reallocations
}

/// Seventy seconds of 48 kHz stereo: speech, and the pauses in it.
fn recording(path: &Path) {
    let speech = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/speech/sense_and_sensibility_01_austen_64kb-0880.wav");
    let samples: Vec<i16> =
        hound::WavReader::open(speech).expect("a recording").samples().map(|s| s.expect("a sample")).collect();
    let spec = hound::WavSpec {
        channels: 2,
        sample_rate: 48_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut wav = hound::WavWriter::create(path, spec).expect("a file");
    for sample in samples.iter().cycle().take(70 * 16_000) {
        // Repeating frames is no good resampling, but it is speech.
        for _ in 0..2 * 3 {
            wav.write_sample(*sample).expect("room on the disk");
        }
    }
    wav.finalize().expect("a whole file");
}

#[test]
fn nothing_allocates_from_the_thirtieth_second_to_the_sixtieth() {
    let folder = tempfile::tempdir().expect("a folder");
    recording(&folder.path().join("recording.wav"));
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/pipelines/messages.toml");
    let text = std::fs::read_to_string(file).expect("the example");
    let config = Config::parse(&text, &folder.path().join("messages.toml")).expect("a good configuration");
    let pipeline = Pipeline::new(&config, &glottis::components()).unwrap_or_else(|problems| panic!("{problems}"));

    // Levels are told every 100 ms of audio, in order, on the control thread.
    let seen = Arc::new(Mutex::new((0_u32, [0_usize; 2])));
    let watched = seen.clone();
    let running = pipeline.start(move |event| {
        if let EventKind::Level { .. } = event.kind {
            let mut seen = watched.lock().expect("no panic before");
            seen.0 += 1;
            match seen.0 {
                300 => seen.1[0] = allocations(),
                600 => seen.1[1] = allocations(),
                _ => {}
            }
        }
    });
    let report = running.expect("a run").wait();

    assert_eq!((report.exit, report.balanced), (Some(0), true));
    let (levels, [before, after]) = *seen.lock().expect("no panic before");
    assert!(levels >= 600, "{levels}");
    assert!(before > 0, "allocations are counted");
    assert_eq!(after - before, 0, "allocations in half a minute of audio");
}
