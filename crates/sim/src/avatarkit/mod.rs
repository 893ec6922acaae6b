//! The AvatarKit simulator: session tokens, region services and the "driveningress v2" socket of
//! both live lines (Spatius and SpatialReal), and the faults of all of them, as section 18 of the
//! AvatarKit dossier describes them.
//!
//! ```
//! use glottis_sim::avatarkit::{Config, Simulator};
//!
//! let simulator = Simulator::start(Config::default())?;
//! println!("console {}, ingress {}", simulator.console_url(), simulator.ingress_url());
//! // ... run a client with API key `demo-key`, app `demo-app` and avatar `demo-avatar` ...
//! assert!(simulator.violations().is_empty());
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! How the parts fit: `world` hands each request to `rest` (tokens and regions), `control` (the
//! simulator's own endpoints) or `upgrade`, which leads to one `socket` task per client. `intake`
//! lets a frame act on the [`State`]: the first one in `session`, audio on the requests of
//! `connection`, where `ogg` and `stream` judge Ogg Opus, and on `playback`, which answers. `faults`
//! says whether a rule strikes at a point that is passed; `effects` does what it says.

mod act;
mod config;
mod connection;
mod control;
mod effects;
mod faults;
mod findings;
mod intake;
mod log;
mod ogg;
mod playback;
pub mod proto;
mod rest;
mod session;
mod simulator;
mod socket;
mod state;
mod stream;
mod tokens;
mod upgrade;
mod world;

pub use crate::common::client::CloseBy;
pub use crate::common::clock::Clock;
pub use crate::common::log::Severity;
pub use config::{Config, Credits, Dialect, Mode, Tls};
pub use connection::{Auth, Closed, Connection, Frame, Part, Speech, Upgrade};
pub use faults::{FaultStatus, Rule, RuleError, Rules};
pub use findings::{Code, Violation};
pub use log::{Entry, Event, Log, Request};
pub use ogg::Page;
pub use simulator::Simulator;
pub use state::State;
pub use stream::Stream;
pub use tokens::TokenUse;
