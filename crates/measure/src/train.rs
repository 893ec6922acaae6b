//! The sound that is put in: bursts at known places, over a whisper of noise or behind speech. Plain values,
//! any thread.

use crate::burst::{self, Burst, Dice};

/// Speech in front of each burst, for a pipeline that sends only speech.
#[derive(Clone, Debug)]
pub struct Carrier {
    /// Its rate, in Hz.
    pub hz: u32,
    /// Mono, nominally −1 to 1.
    pub speech: Vec<f32>,
}

/// Silence before the first burst and after the last, in seconds: filters warm up, queues run empty.
pub(crate) const LEAD: f64 = 0.5;
/// As long as the longest chunk and hangover that make sense.
pub(crate) const TAIL: f64 = 1.5;

/// From the last word to the burst: well inside the hangover of any detector.
const BREATH: f64 = 0.05;

/// Level of the noise under it all, as a factor: a device is never quite silent.
const WHISPER: f64 = 1e-4;

/// Where the bursts are, as time; and how it all sounds at a rate.
#[derive(Clone, Debug)]
pub(crate) struct Train {
    /// When each begins, in seconds.
    pub(crate) starts: Vec<f64>,
    /// From one to the next at most, in seconds.
    pub(crate) period: f64,
    level: f64,
    carrier: Option<Carrier>,
}

impl Train {
    /// `count` bursts, `period` seconds apart but for a quarter that is drawn: so their ends fall anywhere
    /// within a chunk.
    pub(crate) fn new(count: usize, period: f64, level_dbfs: f64, carrier: Option<Carrier>) -> Train {
        let mut dice = Dice::new(4711);
        let speech = carrier.as_ref().map_or(0.0, |c| c.speech.len() as f64 / f64::from(c.hz.max(1)) + BREATH);
        // Whole samples at 8 kHz are whole samples at 16, 24, 32, 48 and 96 kHz.
        let start = |i: usize, roll: f64| {
            let t = LEAD + speech + i as f64 * (period + speech) + roll * period / 4.0;
            (t * 8000.0).round() / 8000.0
        };
        let starts = (0..count).map(|i| start(i, dice.roll())).collect();
        Train { starts, period: period + speech, level: 10_f64.powf(level_dbfs / 20.0), carrier }
    }

    /// How long it lasts, in seconds.
    pub(crate) fn seconds(&self) -> f64 {
        self.starts.last().unwrap_or(&0.0) + burst::SECONDS + TAIL
    }

    /// When each burst is over, in seconds.
    pub(crate) fn ends(&self) -> impl Iterator<Item = f64> {
        self.starts.iter().map(|start| start + burst::SECONDS)
    }

    /// The frame each burst begins at, at `hz`: rounded at rates that 8 kHz does not divide.
    pub(crate) fn place(&self, number: usize, hz: u32) -> usize {
        (self.starts[number] * f64::from(hz)).round() as usize
    }

    /// All of it at `hz`. Allocates.
    pub(crate) fn samples(&self, hz: u32) -> Vec<f32> {
        let mut dice = Dice::new(1);
        let frames = (self.seconds() * f64::from(hz)).ceil() as usize;
        let mut sound: Vec<f32> = (0..frames).map(|_| ((dice.roll() - 0.5) * 2.0 * WHISPER) as f32).collect();
        let speech = self.carrier.as_ref().map(|carrier| stretched(carrier, hz)).unwrap_or_default();
        for number in 0..self.starts.len() {
            let at = self.place(number, hz);
            add(&mut sound, at, Burst::new(number as u64).samples(hz).iter().map(|x| x * self.level as f32));
            let before = speech.len() + (BREATH * f64::from(hz)) as usize;
            add(&mut sound, at.saturating_sub(before), speech.iter().copied());
        }
        sound.iter_mut().for_each(|x| *x = x.clamp(-1.0, 1.0));
        sound
    }
}

fn add(sound: &mut [f32], at: usize, what: impl Iterator<Item = f32>) {
    sound.iter_mut().skip(at).zip(what).for_each(|(s, x)| *s += x);
}

/// Speech at another rate, by straight lines between its samples: it only has to sound like speech.
fn stretched(carrier: &Carrier, hz: u32) -> Vec<f32> {
    let ratio = f64::from(carrier.hz) / f64::from(hz.max(1));
    let frames = (carrier.speech.len() as f64 / ratio) as usize;
    let sample = |i: usize| carrier.speech.get(i).copied().unwrap_or(0.0);
    let at = |i: usize| {
        let (whole, part) = ((i as f64 * ratio).floor(), (i as f64 * ratio).fract() as f32);
        sample(whole as usize) * (1.0 - part) + sample(whole as usize + 1) * part
    };
    (0..frames).map(at).collect()
}
