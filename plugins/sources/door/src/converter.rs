//! The rate converter at a source's door. Built on the control thread; used on the capture callback
//! or the reading thread, where it never allocates.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering::Relaxed};

use audioadapter_buffers::direct::InterleavedSlice;
use glottis_core::Rate;
use glottis_core::drift::MOST_PPM;
use glottis_core::feed::Door;
use rubato::{
    Async, Fft, FixedAsync, FixedSync, Resampler, SincInterpolationParameters, SincInterpolationType, WindowFunction,
};

/// The highest rate a door converts from, in Hz. Recorders reach 768 kHz; beyond that a header lies.
pub const MAX_HZ: u32 = 768_000;

/// Frames of the slower side in one Fourier block at least: the filter's length, so its steepness.
const MIN_FILTER: u32 = 256;

/// Frames of a Fourier block at most. Rates without a common divisor would need one of half a second.
const MAX_FOURIER: u32 = 4096;

/// Taps of the interpolating filter for such rates.
const TAPS: usize = 256;

/// Points of that filter between two taps.
const OVERSAMPLING: usize = 256;

/// Frames of silence that may be put in front to line that filter up with whole frames.
const LONGEST_SILENCE: usize = 8192;

/// Frames taken in one step of the interpolating filter, at most.
const STEP: usize = 64;

/// Frames of output collected before they are handed on.
const GATHER: usize = 8192;

/// Beyond this a sample is limited: 180 dB over full scale, and far from overflow.
const LOUDEST: f32 = 1e9;

/// A rate no door converts from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BadRate(pub u32);

impl fmt::Display for BadRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a sample rate of {} Hz cannot be converted: 1 to {MAX_HZ} Hz can", self.0)
    }
}

impl std::error::Error for BadRate {}

/// A converter from `from_hz` to `to`; `None` if they are equal.
///
/// It keeps length and place: `n` frames in give `round(n · to / from_hz)` out once flushed, and
/// frame `k` of the output is the sound at `k / to` seconds of the input. The filter's delay is
/// dropped from the head and the tail is flushed with silence. It passes what lies below about 0.9 of
/// the lower Nyquist frequency and stops aliases and images by more than 100 dB.
///
/// Not-a-number becomes silence, and infinities are limited.
///
/// [`Door::latency`] is the filter's delay: constant, and right for the last frame of a whole block.
/// A block may be up to 256 frames of the slower rate, so a stamp may be late by as much.
///
/// # Errors
/// [`BadRate`] for 0 Hz and above [`MAX_HZ`].
pub fn door(from_hz: u32, to: Rate) -> Result<Option<Box<dyn Door>>, BadRate> {
    converter(from_hz, to.hz())
}

/// The same to any rate: for a sink whose service takes one that no edge can have.
///
/// # Errors
/// [`BadRate`], as for [`door`], for either rate.
pub fn converter(from_hz: u32, to_hz: u32) -> Result<Option<Box<dyn Door>>, BadRate> {
    if from_hz == to_hz {
        return Ok(None);
    }
    if let Some(bad) = [from_hz, to_hz].into_iter().find(|hz| !(1..=MAX_HZ).contains(hz)) {
        return Err(BadRate(bad));
    }
    Ok(Some(Box::new(Converter::new(from_hz, to_hz).map_err(|_| BadRate(from_hz))?)))
}

/// By how much an [`elastic`] converter stretches, in millionths. Set by a thread that watches the clock,
/// followed by the converter.
#[derive(Debug, Default)]
pub struct Stretch(AtomicI32);

impl Stretch {
    /// Stretches by `ppm` millionths from now on; at most [`MOST_PPM`].
    pub fn set(&self, ppm: f64) {
        self.0.store((ppm.clamp(-MOST_PPM, MOST_PPM) * 1000.0) as i32, Relaxed);
    }

    fn ratio(&self) -> f64 {
        1.0 + f64::from(self.0.load(Relaxed)) * 1e-9
    }
}

/// A converter from `from_hz` to `to` that also stretches the sound as `stretch` says, so slightly that
/// nobody hears it. Unlike [`door()`] it does not keep the length, and equal rates are converted too.
///
/// # Errors
/// [`BadRate`] for 0 Hz and above [`MAX_HZ`].
pub fn elastic(from_hz: u32, to: Rate, stretch: Arc<Stretch>) -> Result<Box<dyn Door>, BadRate> {
    if from_hz == 0 || from_hz > MAX_HZ {
        return Err(BadRate(from_hz));
    }
    // A millisecond at a time: what waits for a step's end makes the stream late.
    let step = (from_hz / 1000).clamp(1, STEP as u32) as usize;
    let made = interpolating(from_hz, to.hz(), step, 1.0 + 2e-6 * MOST_PPM).map_err(|_| BadRate(from_hz))?;
    let mut converter = Converter::with(from_hz, to.hz(), made);
    converter.stretch = Some((stretch, 1.0));
    Ok(Box::new(converter))
}

struct Converter {
    resampler: Box<dyn Resampler<f32>>,
    from: u64,
    to: u64,
    /// The next step's input, `filled` frames of it there already.
    input: Vec<f32>,
    filled: usize,
    /// Output of the call in progress.
    output: Vec<f32>,
    made: usize,
    /// Frames of output still to be dropped before the first that counts.
    head: usize,
    delay: u32,
    taken: u64,
    given: u64,
    /// Who says by how much to stretch, and the ratio that was set last.
    stretch: Option<(Arc<Stretch>, f64)>,
}

impl Converter {
    fn new(from: u32, to: u32) -> Result<Converter, rubato::ResamplerConstructionError> {
        Ok(Converter::with(
            from,
            to,
            match fourier_block(from, to) {
                Some(block) => {
                    let resampler = fourier(from, to, block)?;
                    let frames = resampler.output_delay();
                    (resampler, Delay { silence: 0, frames, head: frames })
                }
                None => interpolating(from, to, STEP, 1.0)?,
            },
        ))
    }

    fn with(from: u32, to: u32, (resampler, delay): (Box<dyn Resampler<f32>>, Delay)) -> Converter {
        let step = resampler.input_frames_max();
        let output = vec![0.0; GATHER.max(2 * resampler.output_frames_max())];
        let mut converter = Converter {
            resampler,
            from: from.into(),
            to: to.into(),
            input: vec![0.0; step],
            filled: 0,
            output,
            made: 0,
            head: delay.head,
            delay: u32::try_from(delay.frames).unwrap_or(u32::MAX),
            taken: 0,
            given: 0,
            stretch: None,
        };
        converter.take_in(&vec![0.0; delay.silence], &mut |_| {});
        converter
    }

    /// Follows the stretch that is asked for.
    fn follow(&mut self) {
        let Some((stretch, set)) = &mut self.stretch else { return };
        let ratio = stretch.ratio();
        if ratio == *set {
            return;
        }
        let adjusted = self.resampler.as_adjustable().map(|r| r.set_resample_ratio_relative(ratio, true));
        debug_assert!(matches!(adjusted, Some(Ok(()))), "built to be adjusted so far");
        *set = ratio;
    }

    /// Frames of output that `taken` frames of input are worth.
    fn due(&self) -> u64 {
        if self.stretch.is_some() {
            // What came out is right as it is; the filter's delay is still inside.
            return self.given + self.made as u64 + u64::from(self.delay);
        }
        let (taken, from, to) = (u128::from(self.taken), u128::from(self.from), u128::from(self.to));
        ((taken * to * 2 + from) / (2 * from)) as u64
    }

    /// Runs one step if its input is there. Returns whether it ran.
    fn step(&mut self) -> bool {
        let wanted = self.resampler.input_frames_next();
        if self.filled < wanted {
            return false;
        }
        let room = self.output.len() - self.made;
        let made = InterleavedSlice::new(&self.input[..wanted], 1, wanted).ok().and_then(|input| {
            let mut output = InterleavedSlice::new_mut(&mut self.output[self.made..], 1, room).ok()?;
            self.resampler.process_into_buffer(&input, &mut output, None).ok()
        });
        debug_assert!(made.is_some(), "sizes are those the resampler asked for");
        let made = made.map_or(0, |(_, made)| made);
        self.input.copy_within(wanted..self.filled, 0);
        self.filled -= wanted;
        let dropped = made.min(self.head);
        self.head -= dropped;
        self.output.copy_within(self.made + dropped..self.made + made, self.made);
        self.made += made - dropped;
        true
    }

    fn take_in(&mut self, mut input: &[f32], take: &mut dyn FnMut(&[f32])) {
        while !input.is_empty() {
            let n = input.len().min(self.input.len() - self.filled);
            let (now, rest) = input.split_at(n);
            for (sample, &raw) in self.input[self.filled..].iter_mut().zip(now) {
                *sample = tame(raw);
            }
            self.filled += n;
            input = rest;
            while self.step() {
                if self.full() {
                    self.hand_on(take);
                }
            }
        }
    }

    fn hand_on(&mut self, take: &mut dyn FnMut(&[f32])) {
        if self.made > 0 {
            take(&self.output[..self.made]);
            self.given += self.made as u64;
            self.made = 0;
        }
    }

    fn full(&self) -> bool {
        self.output.len() - self.made < self.resampler.output_frames_max()
    }
}

impl Door for Converter {
    fn convert(&mut self, input: &[f32], take: &mut dyn FnMut(&[f32])) {
        self.taken += input.len() as u64;
        self.follow();
        self.take_in(input, take);
        // In one piece: the feed reckons the time of every frame from the end of the piece.
        self.hand_on(take);
    }

    fn flush(&mut self, take: &mut dyn FnMut(&[f32])) {
        let due = self.due();
        while self.given + (self.made as u64) < due {
            self.input[self.filled..].fill(0.0);
            self.filled = self.input.len();
            if !self.step() {
                break;
            }
            let excess = (self.given + self.made as u64).saturating_sub(due) as usize;
            self.made -= excess.min(self.made);
            if self.full() {
                self.hand_on(take);
            }
        }
        self.hand_on(take);
    }

    fn latency(&self) -> u32 {
        self.delay
    }

    fn input_hz(&self) -> u32 {
        self.from as u32
    }
}

/// Input frames of the Fourier block for these rates, if they have one of sensible size.
fn fourier_block(from: u32, to: u32) -> Option<u32> {
    let divisor = gcd(from, to);
    let (unit_in, unit_out) = (from / divisor, to / divisor);
    // Even on both sides: the delay is half a block and only whole frames can be dropped.
    let units = MIN_FILTER.div_ceil(unit_in.min(unit_out)).next_multiple_of(2);
    (u64::from(units) * u64::from(unit_in.max(unit_out)) <= u64::from(MAX_FOURIER)).then(|| units * unit_in)
}

fn fourier(from: u32, to: u32, block: u32) -> Result<Box<dyn Resampler<f32>>, rubato::ResamplerConstructionError> {
    let (from, to, block) = (from as usize, to as usize, block as usize);
    let window = WindowFunction::BlackmanHarris2;
    Ok(Box::new(Fft::new_custom(from, to, block, 1, 1, window, FixedSync::Both)?))
}

/// What a converter's delay is and what is done about it.
struct Delay {
    /// Frames of silence to put in front of the input, so that the delay of the two is a whole
    /// number of output frames, as near as can be: only those can be dropped.
    silence: usize,
    /// The converter's own delay, in output frames.
    frames: usize,
    /// Frames of output to drop: both delays.
    head: usize,
}

fn interpolating(
    from: u32,
    to: u32,
    step: usize,
    most: f64,
) -> Result<(Box<dyn Resampler<f32>>, Delay), rubato::ResamplerConstructionError> {
    let ratio = f64::from(to) / f64::from(from);
    let params = SincInterpolationParameters::new(TAPS, WindowFunction::BlackmanHarris2)
        .oversampling_factor(OVERSAMPLING)
        .interpolation(SincInterpolationType::Cubic);
    // Few frames in where one makes many out.
    let step = ((4096.0 / ratio) as usize).clamp(1, step);
    let resampler = Async::new_sinc(ratio, most, &params, step, 1, FixedAsync::Input)?;
    // `output_delay` is this rounded down and one frame more. The table's middle is one of its steps
    // early, and the first output lies one frame after the start: measured, and held by the tests.
    let delay = |silence: usize| ratio * ((TAPS / 2 + silence) as f64 - 1.0 / OVERSAMPLING as f64) - 1.0;
    let off = |silence: usize| (delay(silence) - delay(silence).round()).abs();
    let silence = (0..LONGEST_SILENCE).min_by(|&a, &b| off(a).total_cmp(&off(b))).unwrap_or(0);
    let whole = |frames: f64| frames.round().max(0.0) as usize;
    Ok((Box::new(resampler), Delay { silence, frames: whole(delay(0)), head: whole(delay(silence)) }))
}

/// One infinity or not-a-number would spoil a whole block of output, and rubato's Fourier converter
/// panics on what the transform makes of it. Silence is what the encoder would make of not-a-number.
fn tame(sample: f32) -> f32 {
    if sample.is_nan() { 0.0 } else { sample.clamp(-LOUDEST, LOUDEST) }
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}
