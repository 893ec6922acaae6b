//! Listens to a source for a moment and says what is wrong with its sound. On the caller's thread.

use std::time::{Duration, Instant};

use glottis_core::feed::{Taken, capture_ring, energy_since};
use glottis_core::source::SourceEvent;
use glottis_core::{Block, Context, Registry, Source, SourceError, clock};
use glottis_graph::config::Problems;
use glottis_graph::{Config, Gauge, Plan, Second};
use serde::Serialize;

use crate::event::dbfs;
use crate::watch::{Finding, Heard, judge};

/// So long a source may take to give its first sound, beyond the time that is listened.
const PATIENCE: Duration = Duration::from_secs(8);

/// Callbacks come in lumps: over two seconds a rate that is off by less cannot be told from that.
const RATE_PPM: f64 = 20_000.0;

/// What a source sounds like.
#[derive(Clone, Debug, Serialize)]
pub struct Diagnosis {
    /// The source's type.
    pub source: String,
    /// The device or file.
    pub device: String,
    /// The rate of the stream, in Hz.
    pub rate: u32,
    /// The rate of the device or file, in Hz.
    pub native_rate: u32,
    /// Its channels.
    pub channels: u16,
    /// How much sound was heard, in seconds.
    pub seconds: f64,
    /// Its level in dB of full scale.
    pub rms_dbfs: f32,
    /// What is wrong, worst first; empty if nothing is.
    pub findings: Vec<Finding>,
}

/// Listens to the source of `config` for `time` of its sound, or to its end. Nodes and sinks play no
/// part; a configuration needs none here.
///
/// # Errors
/// The section `source` is wrong.
pub fn doctor(
    config: &Config,
    registry: &Registry,
    time: Duration,
) -> Result<Result<Diagnosis, SourceError>, Problems> {
    let (kind, source) = Plan::source(config, registry, &Context::default())?;
    clock::start();
    Ok(listen(kind, source, time))
}

fn listen(kind: String, mut source: Box<dyn Source>, time: Duration) -> Result<Diagnosis, SourceError> {
    let format = source
        .format(true)?
        .ok_or_else(|| SourceError::new("Format", "the source does not say what it delivers", ""))?;
    let (mut feed, mut intake) = capture_ring(format.rate, 100, format.waits);
    feed.compare_channels();
    let (stats, live) = (intake.stats(), source.live());
    let mut capture = source.start(feed)?;
    let (mut gauge, mut block) = (Gauge::new(format.rate), Block::new(format.rate));
    let mut ear = Ear { seconds: Vec::new(), pace: Pace::default(), refused: None };
    let wanted = format.rate.frames_in_ms(time.as_millis() as u64).max(1);
    let deadline = Instant::now() + time + PATIENCE;
    let mut frames = 0;
    while frames < wanted && Instant::now() < deadline {
        match intake.take(&mut block) {
            Taken::Block => {
                frames += u64::from(block.valid);
                ear.seconds.extend(gauge.take(&block));
            }
            Taken::Empty => intake.wait(Duration::from_millis(5)),
            Taken::Ended => break,
        }
        while let Some(event) = capture.event() {
            if let SourceEvent::Error { error, .. } = event {
                ear.refused = Some(error);
            }
        }
        if live {
            ear.pace.look(clock::now(), &stats.lateness);
        }
    }
    let ended = capture.poll();
    drop(capture);
    ear.seconds.extend(gauge.rest());
    if frames == 0 {
        ended?;
        let silent = || SourceError::new("Input", "the source gives no sound", "check what feeds it");
        return Err(ear.refused.unwrap_or_else(silent));
    }
    let channels = stats.energies().iter().map(|energy| energy_since(0, *energy)).collect();
    let power: f64 = ear.seconds.iter().map(|s| s.squares).sum::<f64>() / frames as f64;
    let hz = format.rate.hz();
    let heard = Heard { hz, seconds: ear.seconds, channels, ppm: ear.pace.ppm(), spoken: true };
    Ok(Diagnosis {
        source: kind,
        device: source.device(),
        rate: hz,
        native_rate: format.native_hz,
        channels: format.channels,
        seconds: frames as f64 / f64::from(hz),
        rms_dbfs: dbfs(power.sqrt() as f32),
        findings: judge(&heard),
    })
}

/// What was heard.
struct Ear {
    seconds: Vec<Second>,
    pace: Pace,
    /// The last error of a source that went on looking for its device.
    refused: Option<SourceError>,
}

/// How fast a device gives samples: the least lateness of each half second.
#[derive(Default)]
struct Pace {
    windows: Vec<(u64, i64)>,
    looked: u64,
}

impl Pace {
    fn look(&mut self, now: u64, lateness: &glottis_core::feed::Lateness) {
        if now.saturating_sub(self.looked) < 500_000_000 {
            return;
        }
        self.looked = now;
        self.windows.extend(lateness.take().map(|late| (now, late)));
    }

    /// How far off the rate is, if it is in every half second: a machine that was busy is late once, and
    /// then early.
    fn ppm(&self) -> Option<f64> {
        // The first window has the device's start in it.
        let windows = self.windows.get(1..)?;
        let slope = |(from, late0): (u64, i64), (to, late1): (u64, i64)| {
            -((late1 - late0) as f64) / to.saturating_sub(from).max(1) as f64 * 1e6
        };
        let (first, last) = (*windows.first()?, *windows.last()?);
        let ppm = slope(first, last);
        let agrees = |pair: &[(u64, i64)]| slope(pair[0], pair[1]) * ppm.signum() > RATE_PPM;
        (last.0.saturating_sub(first.0) >= 1_000_000_000 && windows.windows(2).all(agrees)).then_some(ppm)
    }
}
