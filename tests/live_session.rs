//! The `ravatar` sink at the end of a real run of the program: what arrives at the service, to the
//! bit, how a live session ends, and what can be told to it meanwhile.

mod support;

#[path = "live_session/control.rs"]
mod control;
#[path = "live_session/lossless.rs"]
mod lossless;
#[path = "live_session/secrets.rs"]
mod secrets;
#[path = "live_session/signals.rs"]
mod signals;
#[path = "live_session/stops.rs"]
mod stops;

use glottis::sim::ravatar::Simulator;
use support::{Project, avatar, sound};

/// A 16 kHz mono file, played in real time, straight into a live session, with `keys` for the sink.
fn live(simulator: &Simulator, sound: &[i16], keys: &str) -> Project {
    project("realtime", "", simulator, sound, keys)
}

/// The same behind a detector that takes anything loud for speech.
fn listening(simulator: &Simulator, pace: &str, sound: &[i16], keys: &str) -> Project {
    project(pace, "[[node]]\ntype = \"vad\"\ndetector = \"energy\"\n", simulator, sound, keys)
}

fn project(pace: &str, nodes: &str, simulator: &Simulator, sound: &[i16], keys: &str) -> Project {
    let source = format!("version = 1\n\n[source]\ntype = \"file\"\npath = \"in.wav\"\npace = \"{pace}\"\n\n");
    let pipeline = source + nodes + &avatar(simulator, keys);
    Project::new(&pipeline).with("in.wav", sound::wav(16_000, 1, sound))
}
