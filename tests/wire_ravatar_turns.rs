//! Turns of the RAVATAR sink, over real sockets against the simulator: whole turns, chat mode,
//! push-to-talk, and what becomes of a turn whose connection is lost. In the first half the test plays
//! the pipeline and holds the other end of the sink's queue; in the second half it is the whole
//! program. `C33` to `C47` in the comments are the statements of the protocol dossier; the sink's
//! README maps each to its test.

mod support;

#[path = "wire_ravatar/proxy.rs"]
mod proxy;
#[path = "wire_ravatar/rig.rs"]
mod rig;
#[path = "wire_ravatar/warp.rs"]
mod warp;

#[path = "wire_ravatar_turns/blobs.rs"]
mod blobs;
#[path = "wire_ravatar_turns/chat.rs"]
mod chat;
#[path = "wire_ravatar_turns/hands.rs"]
mod hands;
#[path = "wire_ravatar_turns/loss.rs"]
mod loss;
#[path = "wire_ravatar_turns/preset.rs"]
mod preset;
