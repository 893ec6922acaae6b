//! When to look for the next block. On the pipeline thread; one number, real-time safe.
//!
//! A live source wakes nobody, so the thread looks by itself: not at all before the block can be there,
//! and soon after. The beat is that of the source's earliest pushes. One that was held up does not make the
//! looks after it late, and a clock that runs slower is followed a little with each block.

use std::time::Duration;

/// How often the thread looks for a block that is due.
pub(crate) const LOOK: Duration = Duration::from_millis(1);

/// The same in nanoseconds.
pub(crate) const LOOK_NS: u64 = LOOK.as_nanos() as u64;

/// For how long it does: a source that is silent for longer has paused, or lost its device, and is looked for
/// once in a block. That may make the first block late when it goes on, and no other.
const PATIENCE: u64 = 100_000_000;

/// A block, in nanoseconds.
const BLOCK: u64 = 10_000_000;

/// How far behind the beat the look is: what a timer and a callback are late by on a machine that is well.
/// A look too early costs one more, a millisecond later.
const MARGIN: u64 = 200_000;

/// The most that a late push moves the beat: twenty times what the worst crystal needs.
const CREEP: u64 = 50_000;

/// The beat of a source. Times are nanoseconds of the clock.
#[derive(Default)]
pub(crate) struct Beat {
    /// When the next push is expected that somebody looks for.
    expected: u64,
}

impl Beat {
    /// A block was taken. `pushed`: when the source last pushed; `idle`: blocks that may come before anybody
    /// needs to look.
    pub fn took(&mut self, pushed: u64, idle: u32) {
        let late = pushed.saturating_sub(self.expected);
        // Later by a block or more: it has another beat now.
        let beat = if late > BLOCK { pushed } else { pushed.min(self.expected + late.min(CREEP)) };
        self.expected = beat + BLOCK * (1 + u64::from(idle));
    }

    /// When to look again if there is nothing `now`.
    pub fn next_look(&self, now: u64) -> u64 {
        let again = if now < self.expected + PATIENCE { LOOK_NS } else { BLOCK };
        (self.expected + MARGIN).max(now + again)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The look after a block was taken that was just pushed.
    fn look(beat: &mut Beat, pushed: u64, idle: u32) -> u64 {
        beat.took(pushed, idle);
        beat.next_look(pushed)
    }

    /// The look after each of the pushes.
    fn looks(pushes: impl IntoIterator<Item = u64>) -> Vec<u64> {
        let mut beat = Beat::default();
        pushes.into_iter().map(|pushed| look(&mut beat, pushed, 0)).collect()
    }

    /// `n` pushes from one second on, `period` apart.
    fn steady(n: u64, period: u64) -> impl Iterator<Item = u64> {
        (0..n).map(move |i| 1_000_000_000 + i * period)
    }

    #[test]
    fn the_look_comes_soon_after_the_next_push() {
        // A crystal that is off by 500 millionths, both ways, and one that is not.
        for period in [BLOCK - 5_000, BLOCK, BLOCK + 5_000] {
            let looks = looks(steady(10_000, period));
            for (look, push) in looks.iter().zip(steady(10_000, period).skip(1)) {
                assert!((push + MARGIN / 2..=push + 2 * MARGIN).contains(look), "{look} for {push}");
            }
        }
    }

    #[test]
    fn a_push_that_was_held_up_does_not_make_the_next_look_late() {
        let held_up = steady(100, BLOCK).enumerate().map(|(i, push)| if i == 50 { push + 7_000_000 } else { push });
        let ideal = steady(101, BLOCK).skip(1);
        for (look, push) in looks(held_up).into_iter().zip(ideal) {
            assert!(look <= push + MARGIN + CREEP, "{look} for {push}");
        }
    }

    /// Every second block is looked for, and both are taken then.
    #[test]
    fn a_look_for_two_blocks_comes_soon_after_the_second_also_where_a_push_was_held_up() {
        let push = |i: u64| 1_000_000_000 + i * BLOCK;
        let late = |i: u64| if i % 20 == 1 { push(i) + 7_000_000 } else { push(i) };
        let mut beat = Beat::default();
        beat.took(push(0), 1);
        for second in (2..1000).step_by(2) {
            // What was held up is there by then, for nobody looked for it.
            let seen = late(second);
            beat.took(seen, 0);
            let look = look(&mut beat, seen, 1);
            assert!((push(second + 2)..=push(second + 2) + MARGIN + CREEP).contains(&look), "{look} for {second}");
        }
    }

    #[test]
    fn a_second_block_that_is_not_there_yet_is_looked_for() {
        let mut beat = Beat::default();
        assert_eq!(look(&mut beat, 5 * BLOCK, 1), 7 * BLOCK + MARGIN);
        // The first of the two was there, pushed in time.
        assert_eq!(look(&mut beat, 6 * BLOCK, 0), 7 * BLOCK + MARGIN);
    }

    #[test]
    fn a_block_that_is_due_is_looked_for_each_millisecond_and_one_that_stays_away_less_often() {
        let mut beat = Beat::default();
        beat.took(5 * BLOCK, 0);
        let mut now = beat.next_look(5 * BLOCK);
        let mut looks = Vec::new();
        while now < 30 * BLOCK {
            looks.push(now);
            now = beat.next_look(now);
        }
        let steps: Vec<u64> = looks.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let often = steps.iter().take_while(|&&step| step == LOOK_NS).count() as u64;
        assert!((PATIENCE / LOOK_NS - 1..=PATIENCE / LOOK_NS).contains(&often), "{often}");
        assert!(steps[often as usize..].iter().all(|&step| step == BLOCK));
        // It goes on, and keeps its new beat.
        assert_eq!(look(&mut beat, 30 * BLOCK + 3, 0), 31 * BLOCK + 3 + MARGIN);
    }

    #[test]
    fn two_blocks_of_one_push_have_one_beat() {
        assert_eq!(looks([5 * BLOCK, 5 * BLOCK]), [6 * BLOCK + MARGIN; 2]);
    }

    #[test]
    fn a_source_that_begins_again_elsewhere_is_followed_at_once() {
        let again = steady(10, BLOCK).chain(steady(10, BLOCK).map(|push| push + 1_003_000_000));
        let looks = looks(again);
        assert_eq!(looks[10], 1_000_000_000 + 1_003_000_000 + BLOCK + MARGIN);
    }
}
