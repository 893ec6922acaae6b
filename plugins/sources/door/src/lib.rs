//! What sources share at the border of the graph. No component is registered here.
//!
//! [`door()`] keeps length and place; see the README for what it promises.
//!
//! | where | what |
//! |---|---|
//! | [`door()`] | a rate converter for rates no edge of the graph can have |
//! | [`elastic`] | the same, and stretched to keep up with a clock |
//! | [`pcm`] | samples as bytes: integer, float and companded, pushed into a [`Feed`](glottis_core::Feed) |
//! | [`wav`] | the header of a WAV file or stream |
//! | [`reel`] | a thread that reads samples and feeds them, paced or as fast as the pipeline takes them |
//! | [`keys`] | the configuration keys that several sources have |

#[doc = include_str!("../README.md")]
#[cfg(doctest)]
mod readme {}

mod converter;
pub mod keys;
pub mod pcm;
pub mod reel;
pub mod wav;

pub use converter::{BadRate, MAX_HZ, Stretch, converter, door, elastic};
