//! The audio of one licence: samples put together again, turns found by simple endpointing, and
//! the pace at which they arrive. Owned by the licence, used under the `State`'s lock.

use serde::Serialize;
use std::time::Duration;

/// Sample rate of PCM, fixed by the protocol (RAVATAR dossier 8.1).
pub(crate) const RATE: u64 = 16_000;
/// The endpointer looks at 10 ms at a time.
const FRAME: u64 = RATE / 100;

/// One spoken turn in a licence's PCM, as sample indices; `end` is exclusive and leaves out the
/// silence that ended the turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Turn {
    /// First sample of the first frame of speech.
    pub start: u64,
    /// One past the last sample of the last frame of speech.
    pub end: u64,
}

impl Turn {
    /// Number of samples.
    pub fn samples(&self) -> u64 {
        self.end - self.start
    }
}

/// Finds turns: speech from `rms` on, ended by `silence` (RAVATAR dossier 16.3).
#[derive(Debug)]
pub(crate) struct Endpointer {
    rms: f64,
    silence: u64,
    /// Samples seen before the running frame.
    position: u64,
    filled: u64,
    squares: f64,
    running: Option<Turn>,
}

impl Endpointer {
    pub(crate) fn new(rms: f64, silence: Duration) -> Self {
        let silence = (silence.as_secs_f64() * RATE as f64) as u64;
        Self { rms, silence, position: 0, filled: 0, squares: 0.0, running: None }
    }

    /// Takes samples in order; returns the turns that ended within them.
    pub(crate) fn push(&mut self, samples: &[i16]) -> Vec<Turn> {
        let mut ended = Vec::new();
        for &sample in samples {
            let sample = f64::from(sample) / 32_768.0;
            self.squares += sample * sample;
            self.filled += 1;
            if self.filled == FRAME {
                ended.extend(self.frame());
            }
        }
        ended
    }

    fn frame(&mut self) -> Option<Turn> {
        let voiced = (self.squares / FRAME as f64).sqrt() >= self.rms;
        let start = self.position;
        self.position += FRAME;
        self.filled = 0;
        self.squares = 0.0;
        if voiced {
            let running = self.running.get_or_insert(Turn { start, end: start });
            running.end = self.position;
            return None;
        }
        let silent_for = self.position - self.running?.end;
        if silent_for >= self.silence { self.running.take() } else { None }
    }
}

/// How fast audio may arrive: a bucket that drains at `limit` times real time.
#[derive(Debug)]
pub(crate) struct Pace {
    limit: f64,
    burst: f64,
    level: f64,
    last: Duration,
}

impl Pace {
    /// `limit` 0 switches the check off.
    pub(crate) fn new(limit: f64, burst: Duration) -> Self {
        Self { limit, burst: burst.as_secs_f64(), level: 0.0, last: Duration::ZERO }
    }

    /// Whether `samples` arriving at `now` are too many too soon.
    pub(crate) fn too_fast(&mut self, now: Duration, samples: usize) -> bool {
        if self.limit == 0.0 {
            return false;
        }
        let passed = now.saturating_sub(self.last).as_secs_f64();
        self.last = now;
        self.level = (self.level - passed * self.limit).max(0.0);
        self.level += samples as f64 / RATE as f64;
        let too_fast = self.level > self.burst;
        // Not carried over: each excess is reported once, not until the debt is paid.
        self.level = self.level.min(self.burst);
        too_fast
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(samples: usize) -> Vec<i16> {
        (0..samples).map(|i| if i % 2 == 0 { 3000 } else { -3000 }).collect()
    }

    #[test]
    fn a_turn_is_found_whatever_the_chunks() {
        let mut audio = vec![0; 1600];
        audio.extend(tone(8000));
        audio.extend(vec![0; 20_000]);
        audio.extend(tone(160));
        for chunk in [1, 159, 4096, audio.len()] {
            let mut endpointer = Endpointer::new(0.02, Duration::from_millis(800));
            let turns: Vec<_> = audio.chunks(chunk).flat_map(|c| endpointer.push(c)).collect();
            assert_eq!(turns, [Turn { start: 1600, end: 9600 }], "chunks of {chunk}");
        }
    }

    #[test]
    fn short_silence_does_not_end_a_turn() {
        let mut endpointer = Endpointer::new(0.02, Duration::from_millis(800));
        assert!(endpointer.push(&tone(1600)).is_empty());
        assert!(endpointer.push(&[0; 12_640]).is_empty());
        assert_eq!(endpointer.push(&[0; 160]), [Turn { start: 0, end: 1600 }]);
    }

    #[test]
    fn real_time_and_catching_up_pass_but_a_flood_does_not() {
        let ms = Duration::from_millis;
        let mut pace = Pace::new(4.0, ms(1024));
        assert!((0..20).all(|n| !pace.too_fast(ms(256 * n), 4096)));
        assert!((0..20).all(|n| !pace.too_fast(ms(6000 + 64 * n), 4096)));
        let late = (0..20).filter(|_| pace.too_fast(ms(20_000), 4096)).count();
        assert_eq!(late, 16, "the first four are the burst");
    }
}
