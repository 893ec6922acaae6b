//! Plays a sound to an output device, for measurements that a microphone hears. On the calling thread, which
//! waits, and the host's own.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use cpal::traits::{DeviceTrait, HostTrait, StreamTrait};
use cpal::{Device, FromSample, OutputCallbackInfo, SampleFormat, SizedSample, Stream, StreamConfig};
use crossbeam_channel::{Receiver, Sender, bounded};
use glottis_core::clock;

use crate::find::{choose, hosts, label};

/// A device that has not asked for sound for so long is none.
const PATIENCE: Duration = Duration::from_secs(5);

/// Between looks at what the callback has done, and marks of it that may wait for a look.
const LOOK: Duration = Duration::from_millis(20);
const MARKS: usize = 1024;

/// What the callback and the waiting thread share.
#[derive(Default)]
struct Shared {
    /// Frames asked for so far.
    asked: AtomicU64,
    /// When the last of the sound is out, in nanoseconds of the clock, as last predicted.
    due: AtomicU64,
    error: Mutex<Option<cpal::Error>>,
}

/// Plays mono `sound` at `hz`, in every channel of the output device `name` (`default`, an id, a name or
/// part of one), and returns when its last sample is out: frames of the sound, in order, and when each was
/// out, in nanoseconds of [`clock`], as the sound system predicts. Blocks.
///
/// # Errors
/// There is no such device, it does not take this rate, or it failed; in words.
pub fn play(name: &str, sound: &[f32], hz: u32) -> Result<Vec<(u64, u64)>, String> {
    let _quiet = crate::owner::quiet();
    let device = find(name)?;
    let cannot = |error: cpal::Error| format!("cannot play to the output device \"{name}\" at {hz} Hz: {error}");
    let native = device.default_output_config().map_err(cannot)?;
    let config = StreamConfig { sample_rate: hz, ..native.config() };
    let shared = Arc::new(Shared::default());
    let (marks, marked) = bounded(MARKS);
    let stream = match native.sample_format() {
        SampleFormat::I16 => open::<i16>(&device, config, sound, &shared, marks),
        SampleFormat::I32 => open::<i32>(&device, config, sound, &shared, marks),
        SampleFormat::F32 => open::<f32>(&device, config, sound, &shared, marks),
        other => return Err(format!("the output device \"{name}\" takes {other} samples, and those are not played")),
    };
    let stream = stream.map_err(cannot)?;
    stream.play().map_err(cannot)?;
    let played = wait(name, sound.len() as u64, &shared, &marked)?;
    drop(stream);
    Ok(played)
}

/// Waits until the last sample is out, and collects when the others were.
fn wait(name: &str, frames: u64, shared: &Shared, marked: &Receiver<(u64, u64)>) -> Result<Vec<(u64, u64)>, String> {
    let mut played = Vec::new();
    let (mut asked, mut since) = (0, clock::now());
    loop {
        std::thread::sleep(LOOK);
        played.extend(marked.try_iter());
        if let Some(error) = shared.error.lock().unwrap_or_else(PoisonError::into_inner).take() {
            return Err(format!("the output device \"{name}\" failed while it played: {error}"));
        }
        let now = shared.asked.load(Ordering::Acquire);
        if now >= frames && clock::now() > shared.due.load(Ordering::Relaxed) {
            return Ok(played);
        }
        if now != asked {
            (asked, since) = (now, clock::now());
        } else if now < frames && clock::now() - since > PATIENCE.as_nanos() as u64 {
            return Err(format!("the output device \"{name}\" asks for no sound"));
        }
    }
}

fn open<S: SizedSample + FromSample<f32>>(
    device: &Device,
    config: StreamConfig,
    sound: &[f32],
    shared: &Arc<Shared>,
    marks: Sender<(u64, u64)>,
) -> Result<Stream, cpal::Error> {
    let (ours, theirs, sound) = (shared.clone(), shared.clone(), sound.to_vec());
    let channels = usize::from(config.channels).max(1);
    let hz = u64::from(config.sample_rate.max(1));
    let mut at = 0;
    let fill = move |out: &mut [S], info: &OutputCallbackInfo| {
        let stamps = info.timestamp();
        let first = clock::now() + stamps.playback.duration_since(stamps.callback).as_nanos() as u64;
        // Full only if nobody has looked for long; then this mark is one of many.
        let _ = marks.try_send((at as u64, first));
        if at < sound.len() {
            ours.due.store(first + (sound.len() - at) as u64 * 1_000_000_000 / hz, Ordering::Relaxed);
        }
        for frame in out.chunks_mut(channels) {
            frame.fill(S::from_sample(sound.get(at).copied().unwrap_or(0.0)));
            at += 1;
        }
        ours.asked.store(at as u64, Ordering::Release);
    };
    let failed = move |error: cpal::Error| {
        // An underrun is a gap in what is heard, and the search for bursts tells; the others end nothing.
        let harmless = [cpal::ErrorKind::Xrun, cpal::ErrorKind::DeviceChanged, cpal::ErrorKind::RealtimeDenied];
        if !harmless.contains(&error.kind()) {
            theirs.error.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        }
    };
    device.build_output_stream::<S, _, _>(config, fill, failed, Some(PATIENCE))
}

/// The device of that name, on whatever sound interface has it.
fn find(name: &str) -> Result<Device, String> {
    let mut seen = Vec::new();
    for id in hosts() {
        let Ok(host) = cpal::host_from_id(id) else { continue };
        if name == "default" {
            if let Some(device) = host.default_output_device().filter(|d| d.default_output_config().is_ok()) {
                return Ok(device);
            }
            continue;
        }
        let Ok(devices) = host.output_devices() else { continue };
        let mut devices: Vec<Device> = devices.collect();
        let labels: Vec<_> = devices.iter().map(label).collect();
        if let Ok(index) = choose(name, &labels) {
            return Ok(devices.swap_remove(index));
        }
        seen.extend(labels.into_iter().map(|label| label.id));
    }
    let there = if seen.is_empty() { "none is found".to_owned() } else { format!("there are: {}", seen.join(", ")) };
    Err(format!("there is no output device \"{name}\"; {there}"))
}
