//! What is wrong with the sound, and how to mend it: judged from sums and counts that were measured as
//! it passed. No thread of its own, no audio; the control thread, `glottis doctor` and tests use it.

use std::collections::VecDeque;

use glottis_core::feed::{FeedStats, energy_since};
use glottis_core::{Rate, drift};
use glottis_graph::Second;
use serde::Serialize;

/// Something that is wrong.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
pub struct Finding {
    /// A stable code.
    pub code: &'static str,
    /// What it is.
    pub text: &'static str,
    /// What to do about it.
    pub advice: &'static str,
}

const fn finding(code: &'static str, text: &'static str, advice: &'static str) -> Finding {
    Finding { code, text, advice }
}

/// Everything that can be found.
pub const FINDINGS: [Finding; 9] =
    [ZEROS, STEREO_AS_MONO, CHANNEL_DEAD, CLIPPING, DC_OFFSET, NARROWBAND, RATE_MISMATCH, DRIFT, TOO_QUIET];

/// Nothing but one and the same value.
pub const ZEROS: Finding = finding(
    "ZEROS",
    "the device gives pure digital silence",
    "unmute it (a switch on the microphone, `alsamixer`, `pavucontrol`), allow this program the microphone in the system's privacy settings, or name another `device`",
);
/// Left and right are taken for one after the other.
pub const STEREO_AS_MONO: Finding = finding(
    "STEREO_AS_MONO",
    "two channels are read as one: every second sample belongs to the other side",
    "set `channels = 2`, or have the sender send one channel",
);
/// A channel without sound.
pub const CHANNEL_DEAD: Finding = finding(
    "CHANNEL_DEAD",
    "one of the channels is silent while another carries sound",
    "set `channel` to the one that carries it (0, 1 …): \"mix\" makes it half as loud",
);
/// Cut off.
pub const CLIPPING: Finding = finding(
    "CLIPPING",
    "the loudest parts are cut off",
    "turn the input gain or the microphone boost down, or speak from further away",
);
/// A constant part.
pub const DC_OFFSET: Finding = finding(
    "DC_OFFSET",
    "the signal does not swing around zero",
    "put a `high-pass` node behind the source, or use another sound card",
);
/// A telephone's band.
pub const NARROWBAND: Finding = finding(
    "NARROWBAND",
    "there is no sound above telephone quality, whatever the sample rate says",
    "a Bluetooth headset: use its profile with more bandwidth (mSBC), or another microphone; a file: use the original",
);
/// Another rate than it says.
pub const RATE_MISMATCH: Finding = finding(
    "RATE_MISMATCH",
    "the device gives another number of samples in a second than it says",
    "set the rate that it really has, in the system's sound settings or as `rate`; plug it out and in",
);
/// A clock that is off.
pub const DRIFT: Finding = finding(
    "DRIFT",
    "the device's clock is further off than clocks of sound devices are",
    "set `drift = \"correct\"` in the source; over hours its sound comes seconds early or late otherwise",
);
/// Hardly anything.
pub const TOO_QUIET: Finding = finding(
    "TOO_QUIET",
    "the sound is very quiet",
    "turn the input gain up, speak closer to the microphone, or check that it is the right `device`",
);

/// A channel is silent below this share of the energy of the loudest.
const DEAD: f64 = 1e-6;

/// Below this mean square there is nothing to compare: −60 dB of full scale.
const SOUND: f64 = 1e-6;

/// A larger mean is an offset: −40 dB of full scale.
const OFFSET: f64 = 0.01;

/// And of less than this share of the energy, recordings of speech have it by nature.
const OFFSET_SHARE: f64 = 0.05;

/// More samples than this share were cut off.
const CLIPPED: f64 = 1e-4;

/// The loudest 10 ms are quieter than this mean square: −48 dB of full scale.
const QUIET: f64 = 1.6e-5;

/// Less than this share of the energy is above 5.25 kHz, clicks left out: −62 dB. Recorded speech has
/// 1e-4 there and more, sound from a telephone 1e-7 and less.
const NARROW: f64 = 6e-7;

/// For that the sound must be louder than this mean square, or what is above is below the noise of 16
/// bits: −38 dB of full scale.
const NARROW_SOUND: f64 = 1.6e-4;

/// A clock is not off by more, in millionths; another rate is.
const RATE_PPM: f64 = 5000.0;

/// The clocks of good and bad sound devices are within this, in millionths.
const DRIFT_PPM: f64 = 100.0;

/// What was measured.
#[derive(Clone, Debug, Default)]
pub struct Heard {
    /// The rate of the stream, in Hz.
    pub hz: u32,
    /// What it was like, second by second.
    pub seconds: Vec<Second>,
    /// Energy of each channel of the device; empty for one channel.
    pub channels: Vec<f64>,
    /// By how many millionths the device gives too many samples in a second, if that is known.
    pub ppm: Option<f64>,
    /// Whether somebody is known to speak, so that quiet means too quiet. Otherwise only sound that
    /// rises and falls as speech does is.
    pub spoken: bool,
}

/// What is wrong, worst first; empty if nothing is.
pub fn judge(heard: &Heard) -> Vec<Finding> {
    let mut found = Vec::new();
    match heard.ppm {
        Some(ppm) if ppm.abs() > RATE_PPM => found.push(RATE_MISMATCH),
        Some(ppm) if ppm.abs() > DRIFT_PPM => found.push(DRIFT),
        _ => {}
    }
    let sum = Sum::of(&heard.seconds);
    if sum.frames < 1.0 {
        return found;
    }
    let loudest = heard.channels.iter().copied().fold(0.0, f64::max);
    let dead = loudest / sum.frames > SOUND && heard.channels.iter().any(|energy| *energy < DEAD * loudest);
    if dead {
        found.push(CHANNEL_DEAD);
    }
    let power = sum.power();
    if sum.zeros >= sum.frames || power < 1e-11 {
        if !dead {
            found.push(ZEROS);
        }
        return found;
    }
    if sum.is_interleaved() {
        // What else it may look like follows from that.
        found.push(STEREO_AS_MONO);
        return found;
    }
    if sum.mean().abs() > OFFSET && sum.mean().powi(2) > OFFSET_SHARE * power {
        found.push(DC_OFFSET);
    }
    if sum.clipped > CLIPPED * sum.frames {
        found.push(CLIPPING);
    }
    let (quiet, loud) = sum.range();
    if loud < QUIET && (heard.spoken || loud > 30.0 * quiet) && !dead {
        found.push(TOO_QUIET);
    } else if heard.hz > 11_025 && power > NARROW_SOUND && sum.high < NARROW * power * sum.frames {
        found.push(NARROWBAND);
    }
    found
}

/// Several seconds as one.
#[derive(Default)]
struct Sum {
    frames: f64,
    zeros: f64,
    clipped: f64,
    sum: f64,
    squares: f64,
    odd: f64,
    steps: [f64; 2],
    leaps: f64,
    high: f64,
    quietest: f64,
    loudest: f64,
}

impl Sum {
    fn of(seconds: &[Second]) -> Sum {
        let first = Sum { quietest: f64::MAX, ..Sum::default() };
        seconds.iter().filter(|second| second.frames > 0).fold(first, |sum, s| Sum {
            frames: sum.frames + f64::from(s.frames),
            zeros: sum.zeros + f64::from(s.zeros),
            clipped: sum.clipped + f64::from(s.clipped),
            sum: sum.sum + s.sum,
            squares: sum.squares + s.squares,
            odd: sum.odd + s.odd,
            steps: [sum.steps[0] + s.steps[0], sum.steps[1] + s.steps[1]],
            leaps: sum.leaps + s.leaps,
            high: sum.high + s.high,
            quietest: sum.quietest.min(s.quietest),
            loudest: sum.loudest.max(s.loudest),
        })
    }

    fn mean(&self) -> f64 {
        self.sum / self.frames
    }

    /// The mean square, without the constant part.
    fn power(&self) -> f64 {
        (self.squares / self.frames - self.mean().powi(2)).max(0.0)
    }

    /// The mean squares of the quietest and of the loudest 10 ms, without the constant part.
    fn range(&self) -> (f64, f64) {
        let dc = self.mean().powi(2);
        ((self.quietest - dc).max(0.0), (self.loudest - dc).max(0.0))
    }

    /// Whether the samples are two streams, one between the other: the two are not equally loud, or
    /// neighbours in a pair are more alike than those of two pairs, or a sample is more like the one
    /// after the next than like the next.
    fn is_interleaved(&self) -> bool {
        if self.power() < SOUND {
            return false;
        }
        let uneven = |a: f64, b: f64, ratio: f64| a.max(b) > ratio * a.min(b);
        let even = self.squares - self.odd;
        uneven(even, self.odd, 10.0)
            || uneven(self.steps[0], self.steps[1], 4.0)
            || self.leaps < 0.5 * (self.steps[0] + self.steps[1])
    }
}

/// Seconds that are judged together while a run is on.
const MEMORY: usize = 10;

/// So many judgements in a row must agree.
const SURE: u32 = 3;

/// Judgements without it after which a finding counts as mended, and is told again if it comes back.
const MENDED: u32 = 60;

/// The watch over a run: tells each finding once, and again when it was mended and came back.
#[derive(Default)]
pub struct Watch {
    hz: u32,
    seconds: VecDeque<Second>,
    /// Energies of the channels as of each of those seconds.
    energies: VecDeque<Vec<u64>>,
    drift: drift::Drift,
    windowed: u64,
    known: Vec<Known>,
}

struct Known {
    finding: Finding,
    seen: u32,
    missed: u32,
    told: bool,
}

impl Watch {
    /// A watch over a stream of `rate`.
    pub fn new(rate: Rate) -> Watch {
        Watch { hz: rate.hz(), ..Watch::default() }
    }

    /// The device was lost: what was measured before says nothing of what comes.
    pub fn forget(&mut self) {
        self.seconds.clear();
        self.energies.clear();
        self.drift.reset();
    }

    /// By how many millionths the device's clock is fast, once that is known.
    pub fn ppm(&self) -> Option<f64> {
        self.drift.ppm()
    }

    /// Takes a second that ended at `now` (nanoseconds of the clock), and returns what is to be told.
    pub fn take(&mut self, now: u64, second: Second, stats: &FeedStats) -> Vec<Finding> {
        if now.saturating_sub(self.windowed) >= drift::WINDOW_NS {
            self.windowed = now;
            if let Some(lateness) = stats.lateness.take() {
                self.drift.add(now, lateness);
            }
        }
        if self.seconds.len() == MEMORY {
            self.seconds.pop_front();
            self.energies.pop_front();
        }
        self.seconds.push_back(second);
        self.energies.push_back(stats.energies());
        if self.seconds.len() < MEMORY {
            return Vec::new();
        }
        let channels = match (self.energies.front(), self.energies.back()) {
            (Some(before), Some(now)) => before.iter().zip(now).map(|(b, n)| energy_since(*b, *n)).collect(),
            _ => Vec::new(),
        };
        let seconds = self.seconds.iter().copied().collect();
        let found = judge(&Heard { hz: self.hz, seconds, channels, ppm: self.ppm(), spoken: false });
        self.news(&found)
    }

    fn news(&mut self, found: &[Finding]) -> Vec<Finding> {
        for finding in found {
            if !self.known.iter().any(|known| known.finding == *finding) {
                self.known.push(Known { finding: *finding, seen: 0, missed: 0, told: false });
            }
        }
        let mut news = Vec::new();
        for known in &mut self.known {
            if found.contains(&known.finding) {
                (known.seen, known.missed) = (known.seen + 1, 0);
                if known.seen >= SURE && !std::mem::replace(&mut known.told, true) {
                    news.push(known.finding);
                }
            } else {
                (known.seen, known.missed) = (0, known.missed + 1);
            }
        }
        self.known.retain(|known| known.missed < MENDED);
        news
    }
}
