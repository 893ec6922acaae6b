//! The capture devices there are, for `glottis devices`. Any thread that may block.

use std::time::Duration;

use cpal::traits::{DeviceTrait, HostTrait};
use cpal::{Device, HostId};
use crossbeam_channel::{RecvTimeoutError, Sender, unbounded};
use glottis_core::source::SourceError;

use crate::find::{hosts, input_devices, label};
use crate::{errors, system};

/// A capture device.
#[derive(Clone, PartialEq, Debug, serde::Serialize)]
pub struct DeviceInfo {
    /// What to write as `device`: `host:name`.
    pub id: String,
    /// The name for people.
    pub name: String,
    /// The sound interface it belongs to: what to write as `host`.
    pub host: String,
    /// Whether `device = "default"` means it on that host.
    pub is_default: bool,
    /// How it is opened; absent if it cannot be asked now.
    pub default: Option<DefaultFormat>,
    /// Rates it can be opened at, lowest first.
    pub rates: Vec<RateRange>,
    /// Channel counts it can be opened with, lowest first.
    pub channels: Vec<u16>,
    /// Sample formats it can be opened with: `i16`, `f32` …
    pub formats: Vec<String>,
}

/// How a device is opened when nothing else is asked for: its own rate.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize)]
pub struct DefaultFormat {
    /// Frames per second.
    pub rate: u32,
    /// Interleaved channels.
    pub channels: u16,
    /// Sample format.
    pub format: String,
}

/// Rates from `min` to `max` Hz, both included.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, serde::Serialize)]
pub struct RateRange {
    /// The lowest, in Hz.
    pub min: u32,
    /// The highest, in Hz.
    pub max: u32,
}

/// One that does not answer is left out after so long, and those behind it.
const PATIENCE: Duration = system::OPEN_LIMIT;

/// Every capture device of every sound interface, in the order they are tried. May open devices for a
/// moment to ask what they can do.
///
/// # Errors
/// The system gives no thread, or no interface answers.
pub fn devices() -> Result<Vec<DeviceInfo>, SourceError> {
    let (sender, found) = unbounded();
    let thread = std::thread::Builder::new().name("glottis devices".into()).spawn(move || {
        for id in hosts() {
            look(id, &sender);
        }
    });
    thread.map_err(|error| errors::error(errors::RECORDER, format!("no thread to list devices: {error}")))?;
    let mut devices = Vec::new();
    loop {
        match found.recv_timeout(PATIENCE) {
            Ok(device) => devices.push(device),
            Err(RecvTimeoutError::Timeout) if devices.is_empty() => {
                return Err(errors::error(errors::RECORDER, "the sound system does not answer"));
            }
            Err(_) => return Ok(devices),
        }
    }
}

fn look(id: HostId, found: &Sender<DeviceInfo>) {
    // A host that is not running has no devices: that is no error.
    let Ok(host) = cpal::host_from_id(id) else { return };
    let Ok(devices) = input_devices(&host) else { return };
    let default = host.default_input_device().map(|device| label(&device).id);
    for device in devices {
        if found.send(describe(&device, id, default.as_deref())).is_err() {
            return;
        }
    }
}

fn describe(device: &Device, host: HostId, default: Option<&str>) -> DeviceInfo {
    let label = label(device);
    let mut info = DeviceInfo {
        is_default: default == Some(label.id.as_str()),
        id: label.id,
        name: label.name,
        host: host.name().to_lowercase(),
        default: device.default_input_config().ok().map(|config| DefaultFormat {
            rate: config.sample_rate(),
            channels: config.channels(),
            format: config.sample_format().to_string(),
        }),
        rates: Vec::new(),
        channels: Vec::new(),
        formats: Vec::new(),
    };
    for range in device.supported_input_configs().into_iter().flatten() {
        info.rates.push(RateRange { min: range.min_sample_rate(), max: range.max_sample_rate() });
        info.channels.push(range.channels());
        let format = range.sample_format().to_string();
        if !info.formats.contains(&format) {
            info.formats.push(format);
        }
    }
    info.rates.sort();
    info.rates.dedup();
    info.channels.sort();
    info.channels.dedup();
    info
}
