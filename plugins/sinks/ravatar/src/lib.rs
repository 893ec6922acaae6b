//! The sink for RAVATAR avatars. It logs in, opens the service's WebSocket, starts a live session,
//! streams the pipeline's PCM or sends whole turns to it and reports the avatar's answers; and whatever
//! happens, it ends the live session it started. A chat is the same without a session. Runs as one task
//! on the async runtime; nothing here is called on an audio thread.
//!
//! | where | what |
//! |---|---|
//! | `config` | the keys, and what is wrong with them |
//! | `sink` | [`glottis_core::Sink`]: one run after the other, and what is kept between them |
//! | `login` | from nothing to an open socket and, in live mode, a session |
//! | `stream` | the loop while the session is up: audio, texts, answers, time limits |
//! | `farewell` | the way out: licence, socket, what was not sent |
//! | `socket` | the WebSocket: opened with a token, and what its closes mean |
//! | `reconnect` | when to try again after a loss |
//! | `voice`, `blob` | how audio goes out; whole turns, collected and packed in files |
//! | `outbox` | texts and whole turns on their way, also while the connection is lost |
//! | [`envelope`] | outgoing messages, made in place |
//! | [`incoming`] | incoming messages, classified |
//! | `rest` | the HTTP calls: retries, token, errors |
//! | `facts` | what `GET /connection` tells |
//! | [`streaming_url`] | the page that shows the avatar |
//! | `stalls` | an avatar whose stream stalls |
//! | `pace`, `tail` | how fast, and how much silence after a turn |
//! | `journal`, `leftovers` | live sessions that are open, and those a crash left behind |
//! | [`Account`], `history` | the rest of the service's API: what was said, sessions to release |
//! | `catalogue`, `trouble` | error codes and what to do about them |
//!
//! ```
//! let mut registry = glottis_core::Registry::new();
//! glottis_sink_ravatar::register(&mut registry);
//! ```

// `SinkError` is what the trait hands over, and no error here is on a hot path.
#![allow(clippy::result_large_err)]

mod account;
mod blob;
mod catalogue;
mod config;
pub mod envelope;
mod facts;
mod farewell;
mod history;
pub mod incoming;
mod journal;
mod leftovers;
mod login;
mod outbox;
mod pace;
mod reconnect;
mod rest;
mod server;
mod sink;
mod socket;
mod stalls;
mod stream;
pub mod streaming_url;
mod tail;
mod trouble;
mod user;
mod voice;

pub use account::{Account, Released, block_on};
pub use catalogue::{ERRORS, ErrorCode};
pub use history::Message;

use glottis_core::Registry;

/// Adds the `ravatar` sink.
pub fn register(registry: &mut Registry) {
    registry.add_sink("ravatar", "a RAVATAR avatar, live or in a chat", config::PARAMS, |settings, context, _| {
        Ok(sink::Ravatar::new(config::Config::new(settings, context)?))
    });
}
