//! Where a segment begins and ends: the `turn` keys of a sink. Control side only.

use std::time::Duration;

use glottis_core::param::{Kind, Param, Settings};
use glottis_core::{Rate, TurnMode};

/// The keys of `turn = { … }`.
pub const PARAMS: &[Param] = &[
    Param::new(
        "mode",
        Kind::Choice(&["auto", "always", "speech", "push-to-talk"]),
        "always: one segment from start to stop; speech: what the voice detector hears; push-to-talk: while the key is held; auto: what the service expects",
    ),
    Param::new(
        "preset",
        Kind::Choice(&["default", "ravatar-demo"]),
        "what the other keys are where they are not written; ravatar-demo: as RAVATAR's demo page, with no pre-roll and no shortest speech",
    )
    .default("\"default\""),
    Param::new("pre_roll", Kind::Duration(0, 10_000), "audio from before the onset (speech)").default("\"300ms\""),
    Param::new("hangover", Kind::Duration(0, 60_000), "silence that ends a segment (speech)").default("\"900ms\""),
    Param::new("min_speech", Kind::Duration(0, 10_000), "voice needed before a segment begins (speech)")
        .default("\"120ms\""),
    Param::new(
        "max",
        Kind::Duration(100, 86_400_000),
        "longest segment, without its pre-roll; the next goes on without a gap (speech, push-to-talk)",
    )
    .default("\"15s\""),
    Param::new(
        "begin",
        Kind::Choice(&["onset", "at-once"]),
        "onset: a segment begins with voice; at-once: it begins where the one before ended, voice or not, and a silent one ends at max (speech)",
    )
    .default("\"onset\""),
    Param::new("min_hold", Kind::Duration(0, 10_000), "a shorter press is a tap and sends nothing (push-to-talk)")
        .default("\"200ms\""),
    Param::new("release_tail", Kind::Duration(0, 10_000), "audio from after the release (push-to-talk)")
        .default("\"200ms\""),
];

/// The `turn` keys of one sink.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Turn {
    /// Who decides.
    pub mode: TurnMode,
    /// Audio from before the onset.
    pub pre_roll: Duration,
    /// Silence that ends a segment.
    pub hangover: Duration,
    /// Voice needed before a segment begins.
    pub min_speech: Duration,
    /// Longest segment, without its pre-roll.
    pub max: Duration,
    /// Whether a segment begins where the one before ended, voice or not.
    pub at_once: bool,
    /// A shorter press is a tap.
    pub min_hold: Duration,
    /// Audio from after the release.
    pub release_tail: Duration,
}

impl Turn {
    /// The turn keys as written, or `default` as the mode where none is.
    pub fn new(settings: &Settings, default: TurnMode) -> Turn {
        let mode = match settings.opt_text("mode") {
            None => default,
            Some("always") => TurnMode::Always,
            Some("speech") => TurnMode::Speech,
            Some("push-to-talk") => TurnMode::PushToTalk,
            Some(_) => TurnMode::Auto,
        };
        let preset = match settings.opt_text("preset") {
            Some("ravatar-demo") => Turn::ravatar_demo(mode),
            _ => Turn::with_mode(mode),
        };
        let or = |key, preset| if settings.is_written(key) { settings.duration(key) } else { preset };
        Turn {
            mode,
            pre_roll: or("pre_roll", preset.pre_roll),
            hangover: or("hangover", preset.hangover),
            min_speech: or("min_speech", preset.min_speech),
            max: or("max", preset.max),
            at_once: settings.opt_text("begin") == Some("at-once"),
            min_hold: or("min_hold", preset.min_hold),
            release_tail: or("release_tail", preset.release_tail),
        }
    }

    /// The defaults, with `mode`.
    pub fn with_mode(mode: TurnMode) -> Turn {
        let ms = Duration::from_millis;
        Turn {
            mode,
            pre_roll: ms(300),
            hangover: ms(900),
            min_speech: ms(120),
            max: ms(15_000),
            at_once: false,
            min_hold: ms(200),
            release_tail: ms(200),
        }
    }

    /// How RAVATAR's demo page takes turns: 900 ms of silence end one, 15 s cut it; a single loud
    /// frame begins one, and nothing from before it is sent. The page also counts the 15 s from the
    /// start of its recording and sends them when nobody spoke: that is `begin = "at-once"`, which the
    /// preset leaves alone.
    fn ravatar_demo(mode: TurnMode) -> Turn {
        Turn { pre_roll: Duration::ZERO, min_speech: Duration::ZERO, ..Turn::with_mode(mode) }
    }

    pub(crate) fn frames(&self, rate: Rate) -> TurnFrames {
        let frames = |d: Duration| (d.as_nanos() * u128::from(rate.hz()) / 1_000_000_000) as i64;
        TurnFrames {
            mode: self.mode,
            pre_roll: frames(self.pre_roll),
            hangover: frames(self.hangover),
            min_speech: frames(self.min_speech),
            max: frames(self.max),
            at_once: self.at_once,
            min_hold: frames(self.min_hold),
            release_tail: frames(self.release_tail),
            late: frames(LATE),
            pause: frames(PAUSE),
        }
    }
}

/// How late a mark may come and still find its audio in the history: three windows of the slowest
/// detector in use.
const LATE: Duration = Duration::from_millis(150);

/// A pause that a word shorter than `min_speech` may hold: detectors flicker inside words, and two
/// clicks further apart than this are two clicks.
const PAUSE: Duration = Duration::from_millis(100);

/// A [`Turn`] in frames of its edge.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TurnFrames {
    pub mode: TurnMode,
    pub pre_roll: i64,
    pub hangover: i64,
    pub min_speech: i64,
    pub max: i64,
    pub at_once: bool,
    pub min_hold: i64,
    pub release_tail: i64,
    pub late: i64,
    pub pause: i64,
}

impl TurnFrames {
    /// Whether a segment begins wherever none is.
    pub fn begins_at_once(&self) -> bool {
        match self.mode {
            TurnMode::Always => true,
            TurnMode::Speech => self.at_once,
            TurnMode::PushToTalk | TurnMode::Auto => false,
        }
    }

    /// An onset that has not gathered `min_speech` of voice after this many frames is none.
    pub fn longest_onset(&self) -> i64 {
        4 * self.min_speech
    }

    /// Frames the history must hold: all that may still be wanted.
    pub fn history(&self) -> usize {
        let speech = self.pre_roll + self.late + self.longest_onset() + self.pause;
        speech.max(self.min_hold) as usize
    }
}
