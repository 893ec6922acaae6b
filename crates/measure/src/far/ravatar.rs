//! What a `ravatar` sink sent, received by the RAVATAR simulator in this process. The service named in the
//! configuration hears nothing of it.

use glottis_core::param::Table;
use glottis_sim::ravatar::{Config, Simulator};

use super::{Far, Heard, Offset, set};
use crate::sound;

/// The rate of live PCM, in Hz.
const PCM_HZ: u32 = 16_000;

struct Service {
    simulator: Simulator,
    offset: Offset,
}

pub(super) fn far(keys: &mut Table, busy_poll: bool) -> Result<Box<dyn Far>, String> {
    let config = Config {
        projects: vec!["*".to_owned()],
        max_log_entries: 1_000_000,
        max_pcm_samples: usize::MAX,
        busy_poll,
        ..Config::default()
    };
    let simulator =
        Simulator::start(config).map_err(|error| format!("the RAVATAR simulator does not start: {error}"))?;
    set(keys, "endpoint", simulator.http_url());
    set(keys, "ws_endpoint", simulator.ws_url());
    set(keys, "user_id", "bench-latency");
    set(keys, "avatar", "first");
    set(keys, "language", "first");
    set(keys, "linger", "0s");
    let offset = Offset::of(&simulator.clock());
    Ok(Box::new(Service { simulator, offset }))
}

impl Far for Service {
    fn heard(&self) -> Result<Heard, String> {
        let pcm = self.pcm();
        if pcm.samples.is_empty() { self.blobs() } else { Ok(pcm) }
    }
}

impl Service {
    fn pcm(&self) -> Heard {
        let mut heard = Heard { hz: PCM_HZ, ..Heard::default() };
        self.simulator.look(|state| {
            for license in state.licenses() {
                heard.samples.extend(state.pcm(&license.id).iter().map(|&x| glottis_core::convert::i16_to_f32(x)));
            }
            let mut end = 0;
            for message in state.log().messages().filter(|message| message.accepted) {
                if let Some(pcm) = message.pcm {
                    end += pcm.samples;
                    heard.arrivals.push((end, self.offset.ns(message.arrived)));
                }
            }
        });
        heard
    }

    fn blobs(&self) -> Result<Heard, String> {
        let log = self.simulator.log();
        let mut arrived = log.messages().filter(|m| m.accepted && m.blob.is_some()).map(|m| m.arrived);
        let mut heard = Heard::default();
        for blob in self.simulator.blobs() {
            let sound =
                sound::decode(blob.bytes.to_vec()).map_err(|error| format!("a blob cannot be decoded: {error}"))?;
            heard.hz = sound.hz;
            heard.samples.extend(sound.samples);
            if let Some(t) = arrived.next() {
                heard.arrivals.push((heard.samples.len(), self.offset.ns(t)));
            }
        }
        Ok(heard)
    }
}
