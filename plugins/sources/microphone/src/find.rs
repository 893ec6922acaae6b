//! From the name of a device to the device. On the thread that opens: everything here may block.

use std::borrow::Cow;

use cpal::traits::{DeviceTrait, HostTrait};
use cpal::{Device, Host, HostId, SupportedStreamConfig};
use glottis_core::source::SourceError;

use crate::config::Config;
use crate::errors;

/// A device, and how it likes to be opened.
pub struct Found {
    pub device: Device,
    pub host: HostId,
    /// What the user would call it.
    pub name: String,
    /// Its place among the configured devices, 0 for the preferred one.
    pub rank: usize,
    pub native: SupportedStreamConfig,
}

/// The sound interfaces there are, in the order they are tried: ALSA first on Linux, whatever sound
/// server runs, because it reaches every device and has the shortest way.
pub fn hosts() -> Vec<HostId> {
    let mut hosts = cpal::ALL_HOSTS.to_vec();
    hosts.sort_by_key(|host| !host.name().eq_ignore_ascii_case("alsa"));
    hosts
}

/// Tries the configured devices in turn, each on every host, until `open` succeeds with one.
///
/// # Errors
/// That of the first device that was there but did not open, else that of the first that was not there.
pub fn first<T>(config: &Config, mut open: impl FnMut(Found) -> Result<T, SourceError>) -> Result<T, SourceError> {
    let mut worst: Option<SourceError> = None;
    for (rank, name) in config.devices.iter().enumerate() {
        for &host in &config.hosts {
            match find(name, host, rank).and_then(&mut open) {
                Ok(opened) => return Ok(opened),
                Err(error) => {
                    let tells_more = error.code != errors::NOT_FOUND
                        && worst.as_ref().is_none_or(|worst| worst.code == errors::NOT_FOUND);
                    if worst.is_none() || tells_more {
                        worst = Some(error);
                    }
                }
            }
        }
    }
    Err(worst.unwrap_or_else(|| errors::error(errors::NOT_FOUND, "no microphone is named")))
}

fn find(name: &str, id: HostId, rank: usize) -> Result<Found, SourceError> {
    let host = cpal::host_from_id(id).map_err(|error| errors::opening(name, &error))?;
    let device = match name {
        "default" => host
            .default_input_device()
            .ok_or_else(|| errors::error(errors::NOT_FOUND, format!("there is no default microphone on {id}")))?,
        _ => named(name, &host)?,
    };
    let native = device.default_input_config().map_err(|error| errors::opening(name, &error))?;
    let name = if name == "default" { "default".to_owned() } else { label(&device).name };
    Ok(Found { device, host: id, name, rank, native })
}

/// What a device can be called.
#[derive(Clone, Hash)]
pub struct Label {
    /// `host:name`, as `glottis devices` prints it.
    pub id: String,
    /// Without the host.
    pub local: String,
    /// The description for people.
    pub name: String,
}

/// What `device` can be called.
pub fn label(device: &Device) -> Label {
    let id = device.id().ok();
    let local = id.as_ref().map(|id| id.id().to_owned()).unwrap_or_default();
    let name = device.description().map(|d| d.name().to_owned()).unwrap_or_else(|_| local.clone());
    Label { id: id.map(|id| id.to_string()).unwrap_or_default(), local, name }
}

/// The capture devices of `host`. Without ALSA's `null`: it has no clock and would give silence as fast
/// as the processor can take it.
pub fn input_devices(host: &Host) -> Result<Vec<Device>, cpal::Error> {
    let null = |device: &Device| device.id().is_ok_and(|id| id.to_string() == "alsa:null");
    Ok(host.input_devices()?.filter(|device| !null(device)).collect())
}

fn named(name: &str, host: &Host) -> Result<Device, SourceError> {
    let devices = input_devices(host).map_err(|error| errors::opening(name, &error))?;
    let labels: Vec<Label> = devices.iter().map(label).collect();
    let index = choose(name, &labels).map_err(|why| errors::error(errors::NOT_FOUND, why))?;
    devices.into_iter().nth(index).ok_or_else(|| errors::error(errors::NOT_FOUND, "it has just gone"))
}

/// The device that `name` means: by id, by name, or by a part of either that only one has.
pub fn choose(name: &str, labels: &[Label]) -> Result<usize, String> {
    let exact = labels.iter().position(|l| l.id == name || l.local == name);
    if let Some(index) = exact {
        return Ok(index);
    }
    let fold = |text: &str| text.to_lowercase();
    let wanted = fold(name);
    let by_name: Vec<usize> = (0..labels.len()).filter(|&i| fold(&labels[i].name) == wanted).collect();
    let by_part = || -> Vec<usize> {
        (0..labels.len())
            .filter(|&i| fold(&labels[i].name).contains(&wanted) || fold(&labels[i].id).contains(&wanted))
            .collect()
    };
    let matches = if by_name.is_empty() { by_part() } else { by_name };
    match matches.as_slice() {
        [] => Err(unknown(name, labels)),
        // ALSA lists one microphone many times, once for each way to open it.
        [first, rest @ ..] if rest.iter().all(|&i| labels[i].name == labels[*first].name) => {
            Ok(matches.iter().copied().min_by_key(|&i| rank(&labels[i].local)).unwrap_or(*first))
        }
        several => {
            let ids: Vec<&str> = several.iter().map(|&i| labels[i].id.as_str()).collect();
            Err(format!("\"{name}\" could be any of these microphones: {}", ids.join(", ")))
        }
    }
}

/// Which of several ways to open one ALSA device is best: those that convert and share come first.
fn rank(local: &str) -> usize {
    let kinds = ["default", "sysdefault", "pulse", "pipewire", "dsnoop", "plughw", "hw"];
    let kind = local.split(':').next().unwrap_or_default();
    kinds.iter().position(|k| *k == kind).unwrap_or(kinds.len())
}

fn unknown(name: &str, labels: &[Label]) -> String {
    let mut near: Vec<(usize, Cow<'_, str>)> = labels
        .iter()
        .map(|label| {
            let shown = format!("\"{}\" ({})", label.name, label.id);
            let distance = [&label.name, &label.local, &label.id]
                .map(|text| strsim::damerau_levenshtein(&name.to_lowercase(), &text.to_lowercase()));
            (distance.into_iter().min().unwrap_or(usize::MAX), Cow::Owned(shown))
        })
        .collect();
    near.sort();
    near.dedup_by(|a, b| a.1 == b.1);
    let near: Vec<Cow<'_, str>> = near.into_iter().take(3).map(|(_, shown)| shown).collect();
    if near.is_empty() {
        return format!("there is no microphone \"{name}\", nor any other");
    }
    format!("there is no microphone \"{name}\"; the nearest names are {}", near.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels() -> Vec<Label> {
        [
            ("alsa", "default", "Default Audio Device"),
            ("alsa", "hw:CARD=Snowball,DEV=0", "Blue Snowball, USB Audio"),
            ("alsa", "sysdefault:CARD=Snowball", "Blue Snowball, USB Audio"),
            ("alsa", "plughw:CARD=Webcam,DEV=0", "C920 Webcam, USB Audio"),
        ]
        .map(|(host, local, name)| Label { id: format!("{host}:{local}"), local: local.into(), name: name.into() })
        .to_vec()
    }

    #[test]
    fn a_device_is_found_by_id_name_or_part_of_either() {
        for (name, index) in [
            ("alsa:hw:CARD=Snowball,DEV=0", 1),
            ("hw:CARD=Snowball,DEV=0", 1),
            ("blue snowball, usb audio", 2),
            ("snowball", 2),
            ("C920", 3),
            ("plughw", 3),
        ] {
            assert_eq!(choose(name, &labels()), Ok(index), "{name}");
        }
    }

    #[test]
    fn a_part_that_several_have_names_them() {
        let error = choose("USB", &labels()).expect_err("two have it");
        assert!(error.contains("alsa:sysdefault:CARD=Snowball") && error.contains("Webcam"), "{error}");
    }

    #[test]
    fn an_unknown_name_gets_the_nearest() {
        let error = choose("Blue Snowbal USB Audio", &labels()).expect_err("nothing is called so");
        let near = error.split("nearest names are ").nth(1).expect("names");
        assert!(near.starts_with("\"Blue Snowball, USB Audio\""), "{error}");
        assert!(choose("x", &[]).expect_err("nothing there").contains("nor any other"));
    }
}
