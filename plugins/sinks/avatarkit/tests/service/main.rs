//! The sink against a whole service on loopback, over real sockets.

mod control;
mod loss;
mod rig;
mod speech;
