//! How voice goes out: chunk by chunk or in whole turns, and what a turn says of itself. Plain values.

use glottis_core::{Reason, TurnMode};

/// The `mode` key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Mode {
    /// A session with a rendered avatar.
    Live,
    /// Turn by turn, without a session.
    Chat,
}

/// The `audio` key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Audio {
    /// Chunks, while one speaks.
    Pcm,
    /// Whole turns.
    Blob,
}

impl Audio {
    /// What is sent where the configuration does not say; `None` as long as the service decides.
    pub(crate) fn usual(mode: Mode, turn: TurnMode) -> Option<Audio> {
        match (mode, turn) {
            (Mode::Chat, _) | (Mode::Live, TurnMode::PushToTalk) => Some(Audio::Blob),
            (Mode::Live, TurnMode::Speech | TurnMode::Always) => Some(Audio::Pcm),
            (Mode::Live, TurnMode::Auto) => None,
        }
    }
}

/// The `push_to_talk_flag` key: which turns carry `isPushToTalk`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Flag {
    /// Those whose borders a human marked.
    Docs,
    /// Of these only the ones for which a key was held, as in the vendor's demo: not manual record.
    Demo,
}

impl Flag {
    /// Whether a turn in mode `turn` that ended for `reason` carries it. Manual record is a turn ended
    /// by `commit`, or anything in `always` mode, where nothing but commands marks borders.
    pub(crate) fn of(self, turn: TurnMode, reason: Reason) -> bool {
        match turn {
            TurnMode::PushToTalk => self == Flag::Docs || reason != Reason::Commit,
            TurnMode::Always => self == Flag::Docs,
            TurnMode::Speech | TurnMode::Auto => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn push_to_talk_and_chat_send_whole_turns() {
        let usual = |mode| {
            [TurnMode::Auto, TurnMode::Always, TurnMode::Speech, TurnMode::PushToTalk].map(|t| Audio::usual(mode, t))
        };
        assert_eq!(usual(Mode::Live), [None, Some(Audio::Pcm), Some(Audio::Pcm), Some(Audio::Blob)]);
        assert_eq!(usual(Mode::Chat), [Some(Audio::Blob); 4]);
    }

    /// C36.
    #[test]
    fn the_flag_is_for_turns_marked_by_hand() {
        use TurnMode::{Always, PushToTalk, Speech};
        for (turn, reason, docs, demo) in [
            (PushToTalk, Reason::Release, true, true),
            (PushToTalk, Reason::Max, true, true),
            (PushToTalk, Reason::Disconnected, true, true),
            (PushToTalk, Reason::Commit, true, false),
            (Always, Reason::Commit, true, false),
            (Always, Reason::Stop, true, false),
            (Speech, Reason::SpeechEnd, false, false),
            (Speech, Reason::Commit, false, false),
        ] {
            assert_eq!((Flag::Docs.of(turn, reason), Flag::Demo.of(turn, reason)), (docs, demo), "{turn:?} {reason:?}");
        }
    }
}
