//! The callback: it converts, feeds and leaves a sign of life. What it shares with the control thread
//! are atomics, and two slots that it only ever tries to lock: the control thread takes the feed out of
//! its slot to end the stream, even when the host's thread hangs and never calls again.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use cpal::traits::DeviceTrait;
use cpal::{
    BufferSize, Error, ErrorKind, FrameCount, I24, InputCallbackInfo, SampleFormat, SizedSample, Stream, StreamConfig,
    SupportedBufferSize, U24,
};
use glottis_core::convert::i16_to_f32;
use glottis_core::{Feed, clock};
use glottis_source_door::pcm::i32_to_f32;

use crate::find::Found;

/// What the callbacks and the control thread share.
#[derive(Default)]
pub struct Shared {
    feed: Mutex<Option<Feed>>,
    /// When the last callback began, in nanoseconds of the clock.
    pub beat: AtomicU64,
    /// The most sound that came at once, in nanoseconds.
    pub period: AtomicU64,
    /// Overruns that the feed does not know of yet, and all.
    xruns: AtomicU32,
    overruns: AtomicU32,
    failed: AtomicBool,
    error: Mutex<Option<Error>>,
}

impl Shared {
    /// Gives the callback its feed.
    pub fn put_feed(&self, feed: Feed) {
        *self.feed.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = Some(feed);
    }

    /// Takes the feed away. Waits for a callback that is using it, which takes no longer than a push.
    pub fn take_feed(&self) -> Option<Feed> {
        self.feed.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).take()
    }

    /// Whether the host has reported an error.
    pub fn failed(&self) -> bool {
        self.failed.load(Ordering::Acquire)
    }

    /// The first error the host reported.
    pub fn error(&self) -> Option<Error> {
        self.error.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).clone()
    }

    /// The error callback. A lost device may call it a million times a second.
    pub fn report(&self, error: Error) {
        match error.kind() {
            ErrorKind::Xrun => {
                self.xruns.fetch_add(1, Ordering::Relaxed);
                self.overruns.fetch_add(1, Ordering::Relaxed);
            }
            // Neither ends the capture.
            ErrorKind::DeviceChanged | ErrorKind::RealtimeDenied => {}
            _ => {
                if self.failed.load(Ordering::Relaxed) {
                    return;
                }
                if let Ok(mut first) = self.error.try_lock() {
                    first.get_or_insert(error);
                }
                self.failed.store(true, Ordering::Release);
            }
        }
    }

    /// The data callback.
    fn heard<S: Copy>(&self, samples: &[S], form: Form, info: &InputCallbackInfo, to_f32: impl Fn(S) -> f32) {
        let now = clock::now();
        let frames = samples.len() / usize::from(form.channels).max(1);
        let span = (frames as u128 * 1_000_000_000 / u128::from(form.hz.max(1))) as u64;
        self.sound(now, span, |feed| {
            feed.push(samples, form.channels.into(), now - age(info, span).min(now), to_f32);
        });
    }

    /// Takes note of a callback at `now` that brings `span` nanoseconds of sound, and feeds them, if there is
    /// a feed.
    pub fn sound(&self, now: u64, span: u64, push: impl FnOnce(&mut Feed)) {
        self.beat.store(now, Ordering::Relaxed);
        self.period.fetch_max(span, Ordering::Relaxed);
        if let Ok(mut slot) = self.feed.try_lock()
            && let Some(feed) = slot.as_mut()
        {
            for _ in 0..self.xruns.swap(0, Ordering::Relaxed) {
                feed.xrun();
            }
            push(feed);
        }
    }
}

/// Notices when callbacks stop coming. On the capture's own thread.
pub struct Watch {
    beat: u64,
    looked: u64,
    silent: u64,
    /// When overruns were last counted from, and how many there had been.
    counted: (u64, u32),
}

/// So many overruns within [`STORM_TIME`] are no accident.
const STORM: u32 = 100;
const STORM_TIME: u64 = 10_000_000_000;

/// No sound for so long, and for three times as long as one callback brings, and the device hangs. A
/// machine under load has been seen to stall for 0.3 s.
const SILENCE_LIMIT: u64 = 1_000_000_000;

impl Watch {
    /// A watch that begins at `now`.
    pub fn new(now: u64) -> Watch {
        Watch { beat: 0, looked: now, silent: 0, counted: (now, 0) }
    }

    /// Whether there ever was a callback.
    pub fn begun(&self, shared: &Shared) -> bool {
        shared.beat.load(Ordering::Relaxed) != 0
    }

    /// How many overruns there were lately, if that is too many.
    pub fn storm(&mut self, now: u64, shared: &Shared) -> Option<u32> {
        let all = shared.overruns.load(Ordering::Relaxed);
        let (since, before) = self.counted;
        if now.saturating_sub(since) > STORM_TIME {
            self.counted = (now, all);
        }
        Some(all.wrapping_sub(before)).filter(|count| *count > STORM)
    }

    /// How long the device has been silent at `now`, if that is too long. Time in which nobody looked,
    /// because the whole program stood still, hardly counts.
    pub fn silent(&mut self, now: u64, shared: &Shared) -> Option<Duration> {
        const MOST_BETWEEN_LOOKS: u64 = 100_000_000;
        let beat = shared.beat.load(Ordering::Relaxed);
        if beat != self.beat {
            (self.beat, self.silent) = (beat, 0);
        } else {
            self.silent += now.saturating_sub(self.looked).min(MOST_BETWEEN_LOOKS);
        }
        self.looked = now;
        let limit = SILENCE_LIMIT.max(3 * shared.period.load(Ordering::Relaxed));
        (self.silent > limit).then(|| Duration::from_nanos(self.silent))
    }
}

/// How a stream was opened.
#[derive(Clone, Copy)]
struct Form {
    hz: u32,
    channels: u16,
}

/// How old the last of the samples is: hosts tell the time of the first. Not all do, and not at once.
fn age(info: &InputCallbackInfo, span: u64) -> u64 {
    const PLAUSIBLE: u64 = 1_000_000_000;
    let times = info.timestamp();
    let first = u64::try_from(times.callback.duration_since(times.capture).as_nanos()).unwrap_or(u64::MAX);
    match first.checked_sub(span) {
        Some(last) if last < PLAUSIBLE => last,
        _ => 0,
    }
}

/// Builds the stream, paused, in the device's own format.
pub fn build(found: &Found, buffer: Ask, shared: &Arc<Shared>) -> Result<Stream, Error> {
    match found.native.sample_format() {
        SampleFormat::I8 => typed(found, buffer, shared, |s: i8| f32::from(s) * (1.0 / 128.0)),
        SampleFormat::I16 => typed(found, buffer, shared, i16_to_f32),
        SampleFormat::I24 => typed(found, buffer, shared, |s: I24| s.inner() as f32 * (1.0 / 8_388_608.0)),
        SampleFormat::I32 => typed(found, buffer, shared, i32_to_f32),
        SampleFormat::I64 => typed(found, buffer, shared, i64_to_f32),
        SampleFormat::U8 => typed(found, buffer, shared, |s: u8| (f32::from(s) - 128.0) * (1.0 / 128.0)),
        SampleFormat::U16 => typed(found, buffer, shared, |s: u16| i16_to_f32((s ^ 0x8000) as i16)),
        SampleFormat::U24 => {
            typed(found, buffer, shared, |s: U24| (s.inner() - 0x80_0000) as f32 * (1.0 / 8_388_608.0))
        }
        SampleFormat::U32 => typed(found, buffer, shared, |s: u32| i32_to_f32((s ^ 0x8000_0000) as i32)),
        SampleFormat::U64 => typed(found, buffer, shared, |s: u64| i64_to_f32((s ^ (1 << 63)) as i64)),
        SampleFormat::F32 => typed(found, buffer, shared, |s: f32| s),
        SampleFormat::F64 => typed(found, buffer, shared, |s: f64| s as f32),
        other => Err(Error::with_message(ErrorKind::UnsupportedConfig, format!("it gives {other} samples, not PCM"))),
    }
}

fn typed<S: SizedSample>(
    found: &Found,
    buffer: Ask,
    shared: &Arc<Shared>,
    to_f32: impl Fn(S) -> f32 + Copy + Send + 'static,
) -> Result<Stream, Error> {
    let config = StreamConfig { buffer_size: size(found, buffer), ..found.native.config() };
    let form = Form { hz: config.sample_rate, channels: config.channels };
    let (data, errors) = (shared.clone(), shared.clone());
    found.device.build_input_stream(
        config,
        move |samples: &[S], info: &InputCallbackInfo| data.heard(samples, form, info, to_f32),
        move |error| errors.report(error),
        Some(Duration::from_secs(2)),
    )
}

/// How much sound to ask for at a time.
#[derive(Clone, Copy, Debug)]
pub enum Ask {
    /// What suits the host.
    Suits,
    /// So much.
    Time(Duration),
    /// Nothing: what the device gives by itself.
    Nothing,
}

/// What to ask for at a time. A PulseAudio server holds no more than was asked for, and what a late
/// callback does not take is lost without a word; so it is asked for nothing unless the user insists.
fn size(found: &Found, buffer: Ask) -> BufferSize {
    let pulse = found.host.name().eq_ignore_ascii_case("pulseaudio");
    let buffer = match buffer {
        Ask::Nothing => return BufferSize::Default,
        Ask::Suits if pulse => return BufferSize::Default,
        Ask::Suits => Duration::from_millis(10),
        Ask::Time(buffer) => buffer,
    };
    let frames = (buffer.as_secs_f64() * f64::from(found.native.sample_rate())).round().max(1.0) as FrameCount;
    match *found.native.buffer_size() {
        SupportedBufferSize::Range { min, max } if min <= max => {
            BufferSize::Fixed(frames.clamp(min.max(1), max.max(1)))
        }
        _ => BufferSize::Fixed(frames),
    }
}

fn i64_to_f32(sample: i64) -> f32 {
    sample as f32 * (1.0 / 9_223_372_036_854_775_808.0)
}

#[cfg(test)]
mod tests {
    use assert_no_alloc::{AllocDisabler, assert_no_alloc};
    use cpal::{InputStreamTimestamp, StreamInstant};
    use glottis_core::feed::{Taken, capture_ring};
    use glottis_core::{Block, Rate};

    use super::*;

    /// An allocation inside `assert_no_alloc` aborts the tests.
    #[global_allocator]
    static ALLOCATOR: AllocDisabler = AllocDisabler;

    const FORM: Form = Form { hz: 48_000, channels: 2 };

    /// A callback at one second whose first sample is `age_ms` old.
    fn info(age_ms: u64) -> InputCallbackInfo {
        let at = |ms: u64| StreamInstant::new(ms / 1000, (ms % 1000) as u32 * 1_000_000);
        InputCallbackInfo::new(InputStreamTimestamp { callback: at(1000), capture: at(1000 - age_ms) })
    }

    #[test]
    fn the_callbacks_allocate_nothing_and_an_overrun_ends_nothing() {
        clock::start();
        let rate = Rate::for_source(48_000);
        let (feed, mut intake) = capture_ring(rate, 16, false);
        let shared = Shared::default();
        shared.put_feed(feed);
        assert_no_alloc(|| {
            shared.report(ErrorKind::Xrun.into());
            shared.report(ErrorKind::Xrun.into());
            shared.report(ErrorKind::DeviceChanged.into());
            shared.heard(&[8192_i16; 960], FORM, &info(10), i16_to_f32);
        });
        assert!(!shared.failed());
        let mut block = Block::new(rate);
        assert!(matches!(intake.take(&mut block), Taken::Block));
        assert!(block.samples().iter().all(|&s| s == 0.25));
        assert_eq!(intake.stats().xruns.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn overruns_now_and_then_are_no_storm_and_many_at_once_are() {
        const SECOND: u64 = 1_000_000_000;
        let shared = Shared::default();
        let mut watch = Watch::new(0);
        for second in 0..600 {
            (0..5).for_each(|_| shared.report(ErrorKind::Xrun.into()));
            assert_eq!(watch.storm(second * SECOND, &shared), None, "fifty in ten seconds, second {second}");
        }
        (0..200).for_each(|_| shared.report(ErrorKind::Xrun.into()));
        assert!(watch.storm(600 * SECOND, &shared).is_some());
    }

    #[test]
    fn a_flood_of_errors_keeps_the_first() {
        let shared = Shared::default();
        assert_no_alloc(|| {
            shared.report(ErrorKind::BackendError.into());
            for _ in 0..100_000 {
                shared.report(ErrorKind::DeviceNotAvailable.into());
            }
        });
        assert!(shared.failed());
        assert_eq!(shared.error().map(|error| error.kind()), Some(ErrorKind::BackendError));
    }

    #[test]
    fn the_feed_can_be_taken_away_and_what_comes_then_is_ignored() {
        clock::start();
        let (feed, mut intake) = capture_ring(Rate::for_source(48_000), 16, false);
        let shared = Shared::default();
        shared.put_feed(feed);
        shared.heard(&[0.5_f32; 200], FORM, &info(0), |s| s);
        drop(shared.take_feed());
        shared.heard(&[0.5_f32; 960], FORM, &info(0), |s| s);
        let mut block = Block::new(intake.rate());
        assert!(matches!(intake.take(&mut block), Taken::Block));
        assert!(matches!(intake.take(&mut block), Taken::Ended));
        assert_eq!(intake.total(), 100);
    }

    #[test]
    fn the_age_of_the_last_sample_is_that_of_the_first_less_the_sound_between() {
        assert_eq!(age(&info(25), 10_000_000), 15_000_000);
        assert_eq!(age(&info(10), 10_000_000), 0);
        // Hosts that do not tell the time say that a sample was captured when it came, or at zero.
        assert_eq!(age(&info(0), 10_000_000), 0);
        let never = InputStreamTimestamp { callback: StreamInstant::new(9, 0), capture: StreamInstant::new(0, 0) };
        assert_eq!(age(&InputCallbackInfo::new(never), 10_000_000), 0);
    }
}
