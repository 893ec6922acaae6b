//! The words of glottis: what flows through the graph, and what a component must be able to do.
//!
//! This crate starts no thread and opens no file or socket. It names no audio backend, no network
//! library and no codec, so that a component depends on it and on nothing else of ours.
//!
//! | where | what |
//! |---|---|
//! | [`audio`] | [`Rate`], [`Block`], [`Mark`]: ten milliseconds of sound and what is known about it |
//! | [`packet`] | [`Packet`], [`Body`]: a piece of a segment on its way to a sink |
//! | [`feed`] | [`Feed`] and [`Intake`]: the ring between a source and the pipeline |
//! | [`inlet`] | [`Outfeed`] and [`Inlet`]: the ring between the pipeline and a sink |
//! | [`source`], [`node`], [`encoder`], [`sink`], [`detector`] | the traits |
//! | [`fault`], [`problem`] | what can go wrong while audio flows, and before |
//! | [`param`] | how a component declares its configuration keys, and gets their checked values |
//! | [`registry`] | the list of components a configuration can name |
//! | [`ledger`], [`stats`], [`histogram`] | where every captured frame went, and how late |
//! | [`event`] | what the outside is told |
//! | `sync` | what threads share, and what stands in for it in a model of them |
//! | [`convert`], [`base64`], [`clock`], [`drift`] | sample conversion, base64, the monotonic clock, and how a device differs from it |

pub mod audio;
pub mod base64;
pub mod clock;
pub mod convert;
pub mod detector;
pub mod drift;
pub mod encoder;
pub mod event;
pub mod fault;
pub mod feed;
pub mod histogram;
pub mod inlet;
pub mod ledger;
pub mod node;
pub mod packet;
pub mod param;
pub mod problem;
pub mod registry;
pub mod sink;
pub mod source;
pub mod stats;
#[doc(hidden)]
pub mod sync;

pub use audio::{Block, Mark, MarkKind, Rate, Span};
pub use detector::Detector;
pub use encoder::Encoder;
pub use event::SinkEvent;
pub use fault::{Fault, FaultCode};
pub use feed::{Feed, Intake};
pub use inlet::{Inlet, Item, Outfeed};
pub use ledger::{Cause, Settled};
pub use node::Node;
pub use packet::{Body, Packet, PacketKind, Reason, Receipt};
pub use param::{Param, Settings};
pub use problem::{Place, Problem};
pub use registry::{Context, Registry};
pub use sink::{BlockingSink, Sink, SinkError, SinkErrorKind, TurnMode};
pub use source::{Source, SourceError};
