//! The configuration keys that several sources have. Control thread only.

use glottis_core::feed::Channel;
use glottis_core::param::{Kind, Param, Settings};
use glottis_core::source::SourceError;

use crate::reel::Pace;

/// The words of a `pace` key. A source adds its own default.
pub const PACES: Kind = Kind::Choice(&["realtime", "fast"]);

/// `channel`: which of the input's channels make up the mono stream.
pub const CHANNEL: Param = Param::new(
    "channel",
    Kind::ChoiceOrInt(&["mix"], 0, u16::MAX as i64 - 1),
    "which channel to take, counted from 0, or \"mix\" for the mean of all",
)
.default("\"mix\"");

/// The value of [`CHANNEL`].
pub fn channel(settings: &Settings) -> Channel {
    match settings.opt_int("channel").and_then(|n| u16::try_from(n).ok()) {
        Some(pick) => Channel::Pick(pick),
        None => Channel::Mix,
    }
}

/// The value of a `pace` key.
pub fn pace(settings: &Settings) -> Pace {
    if settings.text("pace") == "fast" { Pace::Fast } else { Pace::Realtime }
}

/// Refuses a channel that the input does not have; `what` is the input's name.
///
/// # Errors
/// `code` with the channels there are.
pub fn check_channel(channel: Channel, channels: u16, what: &str, code: &'static str) -> Result<(), SourceError> {
    match channel {
        Channel::Pick(pick) if pick >= channels => Err(SourceError::new(
            code,
            format!("{what} has no channel {pick}: it has {channels}, counted from 0"),
            "set `channel` to one of those, or to \"mix\"",
        )),
        _ => Ok(()),
    }
}
