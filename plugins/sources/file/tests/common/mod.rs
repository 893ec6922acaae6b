//! A source built and played as a user of the library would.

#![allow(dead_code)]

use std::f64::consts::TAU;
use std::path::{Path, PathBuf};
use std::time::Duration;

use glottis_core::feed::{Taken, capture_ring};
use glottis_core::param::{self, Table};
use glottis_core::registry::ComponentKind;
use glottis_core::source::{Source, SourceError, SourceFormat};
use glottis_core::{Block, Context, Registry, clock};

pub fn build(keys: Table) -> Box<dyn Source> {
    clock::start();
    let mut registry = Registry::new();
    glottis_source_file::register(&mut registry);
    let params = registry.get(ComponentKind::Source, "file").expect("registered").params;
    let settings = param::check(&keys, params, "source", Path::new("."), &registry).expect("valid keys");
    registry.source("file", &settings, &Context::default()).expect("a source")
}

pub fn keys(path: &Path) -> Table {
    Table::default().with("path", path.to_string_lossy().into_owned()).with("pace", "fast")
}

/// All a source gave.
pub struct Played {
    pub format: SourceFormat,
    pub samples: Vec<f32>,
    pub error: Option<SourceError>,
    /// `captured` of each block, and when it was taken.
    pub times: Vec<(u64, u64)>,
}

/// Plays to the end, or `most` blocks.
pub fn play(source: &mut dyn Source, most: usize) -> Result<Played, SourceError> {
    let format = source.format(true)?.expect("a format when looked at");
    let (feed, mut intake) = capture_ring(format.rate, 64, format.waits);
    let mut capture = source.start(feed)?;
    let mut block = Block::new(format.rate);
    let mut played = Played { format, samples: Vec::new(), error: None, times: Vec::new() };
    while played.times.len() < most {
        match intake.take(&mut block) {
            Taken::Block => {
                assert_eq!(block.at, played.samples.len() as i64, "blocks follow each other");
                played.samples.extend_from_slice(block.samples());
                played.times.push((block.captured, clock::now()));
            }
            Taken::Empty => intake.wait(Duration::from_millis(2)),
            Taken::Ended => {
                assert!(intake.total() <= played.samples.len() as u64);
                played.samples.truncate(intake.total() as usize);
                break;
            }
        }
    }
    played.error = capture.poll().err();
    assert!(capture.poll().is_ok(), "an error is told once");
    Ok(played)
}

pub fn play_file(path: &Path) -> Result<Played, SourceError> {
    play(&mut *build(keys(path)), usize::MAX)
}

/// What `tests/fixtures` were made of: frame `k` of the left and right channel, in 16 bits.
pub fn tone(k: usize) -> [i16; 2] {
    let sine = |hz: f64, size: f64| (size * (TAU * hz * k as f64 / 22_050.0).sin()).round_ties_even() as i16;
    [sine(500.0, 12_000.0), sine(1100.0, 9_000.0)]
}

pub const TONE_FRAMES: usize = 11_025;

pub fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// Something like noise, the same every time, over the whole range.
pub fn noise(k: usize) -> i16 {
    (k as u32).wrapping_mul(2_654_435_761).rotate_left(9) as i16
}
