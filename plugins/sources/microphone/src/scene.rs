//! What devices there are, looked at again and again: on a thread of its own, since a sound system that
//! hangs does not answer. It opens nothing and writes nothing anywhere.

use std::collections::hash_map::DefaultHasher;
use std::convert::Infallible;
use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cpal::traits::{DeviceTrait, HostTrait};
use cpal::{Device, Host, HostId};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};

use crate::config::Config;
use crate::find::{choose, hosts, input_devices, label};
use crate::machine::Scene;
use crate::system::Word;

/// Between looks while a device is looked for: it is to be found within half a second.
const EAGER: Duration = Duration::from_millis(200);

/// Between looks while all is well.
const CALM: Duration = Duration::from_secs(1);

/// Looks and tells, until `stopped` is disconnected.
pub fn watch(config: &Config, eager: &AtomicBool, words: &Sender<(u64, Word)>, stopped: &Receiver<Infallible>) {
    let _quiet = crate::owner::quiet();
    let mut views: Vec<View> = hosts().into_iter().map(View::new).collect();
    loop {
        let scene = look(config, &mut views);
        if words.send((0, Word::Seen(scene))).is_err() {
            return;
        }
        // In pieces: it may become urgent meanwhile.
        let mut left = CALM;
        while left > Duration::ZERO && !(eager.load(Ordering::Relaxed) && left <= CALM - EAGER) {
            match stopped.recv_timeout(EAGER) {
                Err(RecvTimeoutError::Timeout) => left = left.saturating_sub(EAGER),
                Ok(_) | Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }
}

fn look(config: &Config, views: &mut [View]) -> Scene {
    let cards = cards();
    for view in views.iter_mut() {
        view.refresh(cards);
    }
    let meaning = |name: &String| {
        let mine = views.iter().filter(|view| config.hosts.contains(&view.id));
        let hits: Vec<(&str, u64)> = mine.filter_map(|view| Some((view.id.name(), view.meaning(name)?))).collect();
        (!hits.is_empty()).then(|| hash(&hits))
    };
    // What another interface sees may be what this one can open, as a sound server's devices through ALSA.
    let seen: Vec<&Vec<Seen>> = views.iter().map(|view| &view.devices).collect();
    Scene { meaning: config.devices.iter().map(meaning).collect(), print: hash(&(cards, seen)) }
}

/// A device in a list.
#[derive(Hash)]
struct Seen {
    label: crate::find::Label,
    hz: u32,
    default: bool,
}

/// A sound interface as it was last seen.
struct View {
    id: HostId,
    host: Option<Host>,
    devices: Vec<Seen>,
    /// The cards there were when an interface was asked that knows only cards.
    cards: Option<u64>,
}

impl View {
    fn new(id: HostId) -> View {
        View { id, host: None, devices: Vec::new(), cards: None }
    }

    fn alsa(&self) -> bool {
        self.id.name().eq_ignore_ascii_case("alsa")
    }

    fn refresh(&mut self, cards: u64) {
        // Its list is made from configuration files, and only the cards in it come and go.
        if self.alsa() && self.cards.replace(cards) == Some(cards) {
            return;
        }
        let seen = self.ask();
        if seen.is_none() {
            // A server that has gone: the connection with it.
            self.host = None;
        }
        self.devices = seen.unwrap_or_default();
    }

    fn ask(&mut self) -> Option<Vec<Seen>> {
        let alsa = self.alsa();
        let host = match &mut self.host {
            Some(host) => host,
            None => self.host.insert(cpal::host_from_id(self.id).ok()?),
        };
        let devices = input_devices(host).ok()?;
        // ALSA has a default whether there is one or not, and asking for a rate would open the device.
        let default = if alsa { None } else { host.default_input_device().map(|device| label(&device).id) };
        let hz = |device: &Device| match alsa {
            true => 0,
            false => device.default_input_config().map_or(0, |config| config.sample_rate()),
        };
        let see = |device: &Device| {
            let label = label(device);
            Seen { default: default.as_deref() == Some(label.id.as_str()), hz: hz(device), label }
        };
        Some(devices.iter().map(see).collect())
    }

    /// What `name` means here.
    fn meaning(&self, name: &str) -> Option<u64> {
        let found = match name {
            "default" => self.devices.iter().find(|seen| seen.default)?,
            _ => {
                let labels: Vec<_> = self.devices.iter().map(|seen| seen.label.clone()).collect();
                &self.devices[choose(name, &labels).ok()?]
            }
        };
        Some(hash(&(&found.label.id, found.hz)))
    }
}

/// The sound cards of a system that shows them as files; 0 elsewhere.
fn cards() -> u64 {
    let Ok(files) = std::fs::read_dir("/dev/snd") else { return 0 };
    let mut names: Vec<_> = files.filter_map(|file| Some(file.ok()?.file_name())).collect();
    names.sort();
    hash(&names)
}

fn hash(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}
