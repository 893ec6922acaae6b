//! `speech` mode against an oracle that knows the whole recording at once: it works on the list of
//! stretches of voice, in frames, and has neither blocks nor states.

use glottis_core::Reason;
use proptest::prelude::*;

use crate::parts::{Heard, end, start};
use crate::rig::Rig;

/// Frames in a millisecond at 16 kHz.
const MS: i64 = 16;

/// Clicks this far apart are two clicks.
const PAUSE: i64 = 100 * MS;

#[derive(Clone, Copy, Debug)]
struct Keys {
    pre_roll: i64,
    hangover: i64,
    min_speech: i64,
    max: i64,
}

impl Keys {
    fn toml(&self) -> String {
        format!(
            "turn = {{ mode = \"speech\", pre_roll = \"{}ms\", hangover = \"{}ms\", min_speech = \"{}ms\", max = \"{}ms\" }}",
            self.pre_roll / MS,
            self.hangover / MS,
            self.min_speech / MS,
            self.max / MS
        )
    }
}

#[derive(PartialEq, Debug)]
struct Verdict {
    segments: Vec<(i64, i64, Reason)>,
    misfires: u64,
}

/// A stretch of voice: from its first frame to one past its last.
type Voice = (i64, i64);

struct Oracle<'a> {
    keys: Keys,
    voices: &'a [Voice],
    total: i64,
}

impl Oracle<'_> {
    fn judge(&self) -> Verdict {
        let mut verdict = Verdict { segments: Vec::new(), misfires: 0 };
        let mut free = 0;
        let mut first = 0;
        while first < self.voices.len() {
            match self.onset(first) {
                Err(next) => {
                    verdict.misfires += 1;
                    first = next;
                }
                Ok((sure, at)) => {
                    let begin = (self.voices[first].0 - self.keys.pre_roll).max(free);
                    first = self.speak(begin, self.voices[first].0, sure, at, &mut verdict.segments);
                    free = verdict.segments.last().unwrap().1;
                }
            }
        }
        verdict
    }

    /// Whether speech begins with voice `first`: which voice makes it sure, and at which frame; or
    /// which voice to look at next.
    fn onset(&self, first: usize) -> Result<(usize, i64), usize> {
        let last = self.voices[first].0 + 4 * self.keys.min_speech;
        let mut heard = 0;
        for (i, &(from, to)) in self.voices.iter().enumerate().skip(first) {
            let sure = from + self.keys.min_speech - heard;
            if sure <= to.min(last).min(self.total) {
                return Ok((i, sure));
            }
            if to > last.min(self.total) {
                // Voice that lasts beyond the last moment is looked at for itself.
                return Err(if last < self.total { i } else { self.voices.len() });
            }
            heard += to - from;
            match self.voices.get(i + 1) {
                Some(next) if next.0 - to < PAUSE && next.0 <= last => {}
                _ => return Err(i + 1),
            }
        }
        Err(self.voices.len())
    }

    /// Adds the segments of speech that is sure within voice `at`; returns the next voice to look at.
    fn speak(&self, mut begin: i64, onset: i64, sure: usize, at: i64, out: &mut Vec<(i64, i64, Reason)>) -> usize {
        let (mut voice, mut base) = (sure, onset);
        loop {
            // Voice is on at the longest length if it is before the moment of being sure, or in one
            // of the voices that no hangover separates.
            let longest = base + self.keys.max;
            while longest > at
                && self
                    .voices
                    .get(voice + 1)
                    .is_some_and(|next| next.0 < self.voices[voice].1 + self.keys.hangover && next.0 < longest)
            {
                voice += 1;
            }
            let speaking = longest <= at || longest <= self.voices[voice].1;
            let quiet = self.voices[voice].1 + self.keys.hangover;
            let (stop, reason) =
                if !speaking && quiet <= longest { (quiet, Reason::SpeechEnd) } else { (longest, Reason::Max) };
            if stop > self.total {
                out.push((begin, self.total, Reason::Stop));
                return self.voices.len();
            }
            out.push((begin, stop, reason));
            if !speaking {
                return voice + 1;
            }
            (begin, base) = (stop, stop);
        }
    }
}

prop_compose! {
    fn keys()(pre_roll in 0..400i64, hangover in 0..1000i64, min_speech in 0..300i64, max in 100..3000i64) -> Keys {
        Keys { pre_roll: pre_roll * MS, hangover: hangover * MS, min_speech: min_speech * MS, max: max * MS }
    }
}

/// A pause or a stretch of voice: mostly short, some as long as a word, some on the very edges.
fn stretch() -> impl Strategy<Value = i64> {
    prop_oneof![
        3 => 40..2000i64,
        3 => 1000..20_000i64,
        1 => prop::sample::select(vec![PAUSE - 1, PAUSE, PAUSE + 1, 160, 1920, 14_400, 14_399]),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

    #[test]
    fn speech_segments_are_those_of_the_oracle(
        keys in keys(),
        lead in 0..6000i64,
        stretches in prop::collection::vec((stretch(), stretch()), 0..25),
        tail in 0..30_000i64,
        open_end in any::<bool>(),
    ) {
        let mut voices = Vec::new();
        let mut at = lead;
        for (voice, pause) in stretches {
            voices.push((at, at + voice));
            at += voice + pause;
        }
        let mut total = (at + tail) / 160 * 160;
        if open_end && let Some(last) = voices.last_mut() {
            // The stream ends while somebody speaks.
            total = (last.0 / 160 + 1 + tail % 7) * 160;
            last.1 = i64::MAX / 4;
        }
        let heard: Vec<Heard> = voices.iter().flat_map(|&(from, to)| [start(from), end(to)]).collect();
        let text = format!("[[node]]\ntype = \"script\"\n[[sink]]\ntype = \"bin\"\nchunk = {{ frames = 333 }}\n{}\n", keys.toml());
        let mut rig = Rig::new(&text, &heard);
        rig.until(total);
        rig.finish();

        let oracle = Oracle { keys, voices: &voices, total }.judge();
        let got = Verdict { segments: rig.whole(), misfires: rig.leaves[0].misfires() };
        prop_assert_eq!(&got, &oracle, "voices {:?}, total {}", voices, total);
        let sent: i64 = oracle.segments.iter().map(|s| s.1 - s.0).sum();
        prop_assert_eq!(rig.ledger().delivered as i64, sent);
        prop_assert_eq!(rig.ledger().gated as i64, total - sent);
    }
}
