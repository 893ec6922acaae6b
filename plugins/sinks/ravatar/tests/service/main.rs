//! The sink over real sockets against the RAVATAR simulator. The test plays the pipeline: it holds
//! the other end of the sink's queue. Statements C1 to C70 are those of the protocol dossier.

mod live;
mod login;
mod loss;
mod proxy;
mod rig;
mod secrets;
mod stops;
