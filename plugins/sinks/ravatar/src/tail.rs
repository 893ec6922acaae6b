//! Silence after a turn. The service has no message for "the turn is over": its own detector must
//! hear that nobody speaks. So after the last voice of a turn some more audio is sent, real as far
//! as there is any, then zeros. Plain values.

use glottis_core::Reason;

/// Chunks of zeros still to be sent after a turn, and what decides how many.
#[derive(Clone, Debug)]
pub(crate) struct Tail {
    /// Frames wanted after the last voice.
    wanted: u64,
    chunk: u64,
    /// Whether segments are turns; in `always` mode they are not.
    turns: bool,
    /// Padding of the segment's last chunk.
    padded: u64,
    /// Whether any chunk of the segment was lost: then it is unknown what was heard last.
    lossy: bool,
    zeros: u64,
}

impl Tail {
    /// `wanted` frames after the last voice, in chunks of `chunk` frames.
    pub(crate) fn new(wanted: u64, chunk: u32, turns: bool) -> Tail {
        Tail { wanted, chunk: u64::from(chunk.max(1)), turns, padded: 0, lossy: false, zeros: 0 }
    }

    /// A segment begins.
    pub(crate) fn begin(&mut self) {
        (self.padded, self.lossy) = (0, false);
    }

    /// A chunk of the segment is sent, `padded` of its frames zeros.
    pub(crate) fn chunk(&mut self, padded: u32) {
        self.padded = u64::from(padded);
    }

    /// A chunk of the segment was lost.
    pub(crate) fn lost(&mut self) {
        self.lossy = true;
    }

    /// A segment ends at `at`; nobody spoke in it from `voice_end` on.
    pub(crate) fn end(&mut self, reason: Reason, at: i64, voice_end: i64) {
        let turn_over = match reason {
            Reason::SpeechEnd | Reason::Release => true,
            Reason::Stop => self.turns,
            // After `max` the turn goes on; `commit` is the user's own word.
            _ => false,
        };
        let heard = u64::try_from(at.saturating_sub(voice_end)).unwrap_or(0) + self.padded;
        let heard = if self.lossy { 0 } else { heard };
        let missing = if turn_over { self.wanted.saturating_sub(heard) } else { 0 };
        self.zeros = missing.div_ceil(self.chunk);
    }

    /// Whether a chunk of zeros is due.
    pub(crate) fn is_due(&self) -> bool {
        self.zeros > 0
    }

    /// A chunk of zeros is on its way.
    pub(crate) fn sent(&mut self) {
        self.zeros = self.zeros.saturating_sub(1);
    }

    /// That chunk of zeros did not get through.
    pub(crate) fn back(&mut self) {
        self.zeros += 1;
    }

    /// No more zeros for the turn that ended.
    pub(crate) fn clear(&mut self) {
        self.zeros = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHUNK: u32 = 4096;

    fn zeros(reason: Reason, after_voice: i64, padded: u32, turns: bool) -> u64 {
        let mut tail = Tail::new(16_384, CHUNK, turns);
        tail.begin();
        tail.chunk(padded);
        tail.end(reason, 100_000, 100_000 - after_voice);
        tail.zeros
    }

    /// C42.
    #[test]
    fn at_least_the_wanted_length_follows_the_last_voice() {
        for reason in [Reason::SpeechEnd, Reason::Release] {
            assert_eq!(zeros(reason, 0, 0, true), 4);
            assert_eq!(zeros(reason, 1, 0, true), 4);
            assert_eq!(zeros(reason, 14_400, 0, true), 1, "900 ms of hangover");
            assert_eq!(zeros(reason, 14_400, 1984, true), 0, "hangover and padding suffice");
            assert_eq!(zeros(reason, 14_400, 1983, true), 1);
            assert_eq!(zeros(reason, 99_999, 0, true), 0);
            assert_eq!(zeros(reason, -5, 0, true), 4, "a voice that ends after the segment");
        }
    }

    #[test]
    fn a_turn_that_goes_on_or_is_none_gets_no_silence() {
        for reason in [Reason::Max, Reason::Commit, Reason::Cancel, Reason::Overflow] {
            assert_eq!(zeros(reason, 0, 0, true), 0);
        }
        assert_eq!(zeros(Reason::Stop, 0, 0, false), 0, "always mode");
        assert_eq!(zeros(Reason::Stop, 0, 0, true), 4, "the run ends inside a turn");
    }

    #[test]
    fn lost_audio_does_not_count_as_heard() {
        let mut tail = Tail::new(16_384, CHUNK, true);
        tail.begin();
        tail.lost();
        tail.end(Reason::SpeechEnd, 20_000, 0);
        assert_eq!(tail.zeros, 4);
    }
}
