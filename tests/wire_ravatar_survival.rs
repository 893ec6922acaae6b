//! What outlives a connection, a session and a process: reconnection and its profiles, stalls, runs
//! with nobody there, the journal of open sessions, the history. Over real sockets against the
//! simulator; what concerns the whole program runs the program.

mod support;

#[path = "wire_ravatar/proxy.rs"]
mod proxy;
#[path = "wire_ravatar/rig.rs"]
mod rig;
#[path = "wire_ravatar/warp.rs"]
mod warp;

#[path = "wire_ravatar_survival/crash.rs"]
mod crash;
#[path = "wire_ravatar_survival/history.rs"]
mod history;
#[path = "wire_ravatar_survival/reconnect.rs"]
mod reconnect;
#[path = "wire_ravatar_survival/stalls.rs"]
mod stalls;
#[path = "wire_ravatar_survival/unattended.rs"]
mod unattended;
