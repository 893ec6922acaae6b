//! The sink for AvatarKit avatars (Spatius and SpatialReal). It sends speech that an avatar shall say,
//! and gets the avatar's animation back, or has it published in a LiveKit room or an Agora channel. Runs
//! as one task on the async runtime; nothing here is called on an audio thread.
//!
//! | where | what |
//! |---|---|
//! | `config`, `region` | the keys, what is wrong with them, and where the service is |
//! | `sink` | [`glottis_core::Sink`]: one run after the other, and what is kept between them |
//! | `login` | from nothing to a confirmed session: token, upgrade, handshake |
//! | `stream` | the loop while the session is up: speech, commands, messages, time limits |
//! | `farewell` | the way out: socket, what was not sent |
//! | `backlog`, `voice`, `requests` | speech not yet written, as it goes over the wire, in requests |
//! | [`animation`] | frames on their way to a callback |
//! | [`wire`] | the messages |
//! | [`code`], [`classify`] | error codes, and which one a service's words have |
//! | `body`, `token`, `trouble` | the HTTP side, and errors in the shape of the engine |
//!
//! ```
//! let mut registry = glottis_core::Registry::new();
//! glottis_sink_avatarkit::register(&mut registry);
//! // Or, to get the animation:
//! glottis_sink_avatarkit::register_with(&mut registry, |frame| println!("{} bytes", frame.bytes.len()));
//! ```

// `SinkError` is what the trait hands over, and no error here is on a hot path.
#![allow(clippy::result_large_err)]

pub mod animation;
mod backlog;
mod body;
pub mod classify;
pub mod code;
mod config;
mod farewell;
mod login;
mod region;
mod requests;
mod sink;
mod stream;
mod token;
mod trouble;
mod voice;
pub mod wire;

use std::sync::Arc;

use animation::{Frame, OnFrame};
use glottis_core::Registry;

pub use config::Dialect;

/// Adds the `avatarkit` sink. Its animation is counted and dropped.
pub fn register(registry: &mut Registry) {
    add(registry, None);
}

/// Adds the `avatarkit` sink, in place of one added before, with a callback for its animation. The
/// callback runs on a thread of its own for each sink, gets frames in the order they came, and may be
/// slow: 1024 of them wait, then new ones are lost, counted and told. See [`OnFrame`].
pub fn register_with(registry: &mut Registry, on_frame: impl Fn(&Frame) + Send + Sync + 'static) {
    add(registry, Some(Arc::new(on_frame)));
}

fn add(registry: &mut Registry, on_frame: Option<OnFrame>) {
    let doc = "an AvatarKit avatar (Spatius or SpatialReal) that says what it is sent";
    registry.add_sink("avatarkit", doc, config::PARAMS, move |settings, context, _| {
        Ok(sink::AvatarKit::new(config::Config::new(settings, context)?, on_frame.clone()))
    });
}
