//! Tests of the tree: configurations in, blocks through [`glottis_graph::Schedule`], packets out of
//! the sinks' queues. Everything runs on the test's own thread; where a source waits, one more
//! thread drains the queue.

mod chunks;
mod config;
mod events;
mod gauge;
mod holes;
mod idle;
mod links;
mod losses;
mod nodes;
mod oracle;
mod parts;
mod presets;
mod push_to_talk;
mod rig;
mod streams;
mod turns;
