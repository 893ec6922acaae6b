//! The RAVATAR sink over real sockets against the simulator. The test plays the pipeline: it holds
//! the other end of the sink's queue. `C1` to `C70` in the comments are the statements of the
//! protocol dossier; the sink's README maps each to its test.

#[path = "support/http.rs"]
mod http;
#[path = "wire_ravatar/proxy.rs"]
mod proxy;
#[path = "wire_ravatar/rig.rs"]
mod rig;
#[path = "wire_ravatar/warp.rs"]
mod warp;

#[path = "wire_ravatar/answers.rs"]
mod answers;
#[path = "wire_ravatar/calls.rs"]
mod calls;
#[path = "wire_ravatar/ends.rs"]
mod ends;
#[path = "wire_ravatar/fixtures.rs"]
mod fixtures;
#[path = "wire_ravatar/incoming.rs"]
mod incoming;
#[path = "wire_ravatar/live.rs"]
mod live;
#[path = "wire_ravatar/login.rs"]
mod login;
#[path = "wire_ravatar/loss.rs"]
mod loss;
#[path = "wire_ravatar/outgoing.rs"]
mod outgoing;
#[path = "wire_ravatar/stops.rs"]
mod stops;
#[path = "wire_ravatar/table.rs"]
mod table;
#[path = "wire_ravatar/tokens.rs"]
mod tokens;
