//! The RAVATAR simulator: `POST /jwt`, `GET /connection`, `GET /chat`, live sessions, the streaming
//! page and the chat socket, and the faults of all of them, as section 16 of the RAVATAR dossier
//! describes them.
//!
//! ```
//! use glottis_sim::ravatar::{Config, Simulator};
//!
//! let simulator = Simulator::start(Config { slots: 1, ..Config::default() })?;
//! println!("REST at {}, socket at {}", simulator.http_url(), simulator.ws_url());
//! // ... run a client ...
//! assert!(simulator.violations().is_empty());
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! How the parts fit: `shared` hands each request to `visit` (the service's
//! endpoints, in `rest` and `live`), `control` (the simulator's own) or `handshake`, which leads to one `socket` task per
//! client. `check` judges a message without any state, `intake` lets it act on the [`State`].
//! `faults` says whether a rule strikes at a point that is passed; what a strike does is done where
//! it hits: `effects` (the state), `turn` (answers), `deliver` (responses), `gate` and the common parts (a
//! socket's bytes, the listener).
//! Everything that outlives a call is in [`State`], behind one lock, so what a test sees is always
//! consistent.

mod answer;
mod audio;
mod check;
mod config;
mod control;
mod effects;
mod faults;
mod findings;
mod handshake;
mod history;
mod intake;
mod licenses;
mod live;
mod log;
mod options;
mod outgoing;
mod rest;
mod shared;
mod simulator;
mod socket;
mod speech;
mod state;
mod tokens;
mod turn;
mod visit;
mod webm;

use crate::common::{clock, deliver, gate, ids, line, span, web, wire};

pub use crate::common::log::Severity;
pub use audio::{BlobFacts, Container, Level};
pub use check::Kind;
pub use clock::Clock;
pub use config::Config;
pub use faults::{FaultStatus, Rule, RuleError, Rules};
pub use findings::{Code, Violation};
pub use licenses::{License, LicenseChange, LicenseStatus};
pub use log::{CloseBy, Entry, Event, Log, Message, Pcm, Request, SessionUse};
pub use options::{
    Avatar, DateForm, Ending, Expiry, InlineAudio, Language, Mode, Naming, Refusal, SessionForm, Shape, StreamUrl,
    TokenForm, VadFlag,
};
pub use simulator::Simulator;
pub use speech::Turn;
pub use state::{Blob, State};
pub use tokens::TokenUse;
