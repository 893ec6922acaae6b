//! The sink for RAVATAR avatars. It logs in, opens the service's WebSocket, starts a live session,
//! streams the pipeline's PCM to it and reports the avatar's answers; and whatever happens, it ends
//! the live session it started. Runs as one task on the async runtime; nothing here is called on an
//! audio thread.
//!
//! | where | what |
//! |---|---|
//! | `config` | the keys, and what is wrong with them |
//! | `sink` | [`glottis_core::Sink`]: one run after the other, and what is kept between them |
//! | `login` | from nothing to an open socket and a live session |
//! | `stream` | the loop while the session is up: audio, texts, answers, time limits |
//! | `farewell` | the way out: licence, socket, what was not sent |
//! | `socket` | the WebSocket: connect, read and write at once, pings, close |
//! | [`envelope`] | outgoing messages, made in place |
//! | [`incoming`] | incoming messages, classified |
//! | `rest` | the HTTP calls: retries, token, errors |
//! | `facts` | what `GET /connection` tells |
//! | [`streaming_url`] | the page that shows the avatar |
//! | `pace`, `tail` | how fast, and how much silence after a turn |
//! | `trouble` | error codes and what to do about them |
//!
//! ```
//! let mut registry = glottis_core::Registry::new();
//! glottis_sink_ravatar::register(&mut registry);
//! ```

// `SinkError` is what the trait hands over, and no error here is on a hot path.
#![allow(clippy::result_large_err)]

mod config;
pub mod envelope;
mod facts;
mod farewell;
pub mod incoming;
mod login;
mod pace;
mod rest;
mod secret;
mod server;
mod sink;
mod socket;
mod stream;
pub mod streaming_url;
mod tail;
mod tls;
mod trouble;
mod user;

use glottis_core::Registry;

/// Adds the `ravatar` sink.
pub fn register(registry: &mut Registry) {
    registry.add_sink("ravatar", "a RAVATAR avatar, live", config::PARAMS, |settings, context, _| {
        Ok(sink::Ravatar::new(config::Config::new(settings, context)?))
    });
}
