//! What an `avatarkit` sink sent, received by the AvatarKit simulator in this process. The service named in
//! the configuration hears nothing of it, and gets no key of its own.

use std::collections::BTreeMap;
use std::path::Path;

use glottis_core::param::Table;
use glottis_sim::avatarkit::{Config, Dialect, Simulator, Speech};

use super::{Far, Heard, Offset, set};
use crate::sound;

/// The key the simulator takes.
const KEY: &str = "bench-latency";

/// What leads elsewhere, or to rooms that are not there.
const ELSEWHERE: &[&str] = &["api_key_env", "region", "bootstrap_url", "ca_file", "livekit", "agora"];

struct Service {
    simulator: Simulator,
    offset: Offset,
}

pub(super) fn far(name: &str, keys: &mut Table, folder: &Path, busy_poll: bool) -> Result<Box<dyn Far>, String> {
    let real = keys.text("dialect") == Some("spatialreal");
    let app = keys.text("app_id").unwrap_or("demo-app").to_owned();
    let config = Config {
        dialect: if real { Dialect::SpatialReal } else { Dialect::Spatius },
        api_keys: BTreeMap::from([(KEY.to_owned(), app.clone())]),
        apps: vec![app],
        avatars: vec![keys.text("avatar_id").unwrap_or("demo-avatar").to_owned()],
        max_log_entries: 1_000_000,
        max_kept_bytes: usize::MAX,
        busy_poll,
        ..Config::default()
    };
    let failed = |what: &str, error: std::io::Error| format!("sink \"{name}\": {what}: {error}");
    let simulator =
        Simulator::start(config).map_err(|error| failed("the AvatarKit simulator does not start", error))?;
    let file = folder.join("avatarkit-key");
    std::fs::write(&file, KEY).map_err(|error| failed("no file for the simulator's key", error))?;
    for key in ELSEWHERE {
        keys.remove(key);
    }
    set(keys, "api_key_file", &*file.to_string_lossy());
    set(keys, "console_endpoint", if real { simulator.http_url() } else { simulator.console_url() });
    set(keys, "ingress_endpoint", simulator.ingress_url());
    set(keys, "linger", "0ms");
    let offset = Offset::of(&simulator.clock());
    Ok(Box::new(Service { simulator, offset }))
}

impl Far for Service {
    fn heard(&self) -> Result<Heard, String> {
        let mut heard = Heard::default();
        for speech in self.simulator.speeches() {
            match speech.stream.is_some() {
                true => self.opus(&speech, &mut heard)?,
                false => self.pcm(&speech, &mut heard),
            }
        }
        Ok(heard)
    }
}

impl Service {
    fn pcm(&self, speech: &Speech, heard: &mut Heard) {
        heard.hz = speech.rate;
        let begin = heard.samples.len();
        heard.samples.extend(sound::from_s16(&speech.audio));
        let mut bytes = 0;
        for part in &speech.parts {
            bytes += part.bytes;
            heard.arrivals.push((begin + bytes / 2, self.offset.ns(part.t)));
        }
    }

    /// A page counts as received when the message with its last byte was.
    fn opus(&self, speech: &Speech, heard: &mut Heard) -> Result<(), String> {
        let Some(stream) = &speech.stream else { return Ok(()) };
        heard.hz = sound::OPUS_HZ;
        let begin = heard.samples.len();
        let skip = stream.pre_skip();
        let mut ends = speech.parts.iter().scan(0, |bytes, part| {
            *bytes += part.bytes;
            Some((*bytes, part.t))
        });
        let mut part = ends.next();
        let mut bytes = 0;
        for page in stream.pages() {
            // RFC 3533, section 6: a header of 27 bytes and the lacing come before the packet.
            bytes += 27 + page.lacing.len() + page.packet.len();
            while part.is_some_and(|(end, _)| end < bytes) {
                part = ends.next();
            }
            if let Some((_, t)) = part {
                let end = page.granule.saturating_sub(skip) as usize;
                heard.arrivals.push((begin + end, self.offset.ns(t)));
            }
        }
        // The two pages of the header come first.
        let packets = stream.pages().iter().skip(2).map(|page| page.packet.clone());
        let sound =
            sound::opus(packets, skip as usize).map_err(|error| format!("a stream cannot be decoded: {error}"))?;
        let length = (stream.samples() as usize).min(sound.samples.len());
        heard.samples.extend_from_slice(&sound.samples[..length]);
        Ok(())
    }
}
