//! The last frames of an edge, and which of them are silence in place of lost ones. Owned by an
//! outlet; pipeline thread. Allocates when made, never after.

use std::collections::VecDeque;

use glottis_core::Span;

/// Blocks by which a loss may be known ahead of its silence: what nodes delay.
const AHEAD: usize = 100;

/// A ring of frames with absolute positions.
pub(crate) struct History {
    frames: Box<[f32]>,
    start: i64,
    end: i64,
    /// What the source lost, oldest first, not touching each other. It may lie ahead of `end`: a node with
    /// delay lets go of the sound later than it is known to be none.
    lost: VecDeque<Span>,
}

impl History {
    /// Room for `keep` frames besides a block of `block`.
    pub fn new(keep: usize, block: usize) -> History {
        let capacity = (keep + 2 * block).next_power_of_two();
        History {
            frames: vec![0.0; capacity].into(),
            start: 0,
            end: 0,
            // At worst every second block was lost, and nodes hold back a second.
            lost: VecDeque::with_capacity((capacity / block + AHEAD) / 2 + 4),
        }
    }

    /// Continues a stream whose next frame is `at`. Before the first frame.
    pub fn begin_at(&mut self, at: i64) {
        (self.start, self.end) = (at, at);
    }

    /// One past the newest frame.
    pub fn end(&self) -> i64 {
        self.end
    }

    /// Frames that can be pushed before the oldest are overwritten.
    pub fn room(&self) -> usize {
        self.frames.len() - (self.end - self.start) as usize
    }

    /// Appends frames, which must fit [`History::room`].
    pub fn push(&mut self, frames: &[f32]) {
        debug_assert!(frames.len() <= self.room());
        let at = self.index(self.end);
        let head = frames.len().min(self.frames.len() - at);
        self.frames[at..at + head].copy_from_slice(&frames[..head]);
        self.frames[..frames.len() - head].copy_from_slice(&frames[head..]);
        self.end += frames.len() as i64;
    }

    /// The source lost the frames of `span`. Told before they are pushed, in order.
    pub fn lose(&mut self, span: Span) {
        if span.is_empty() {
            return;
        }
        let full = self.lost.len() == self.lost.capacity();
        match self.lost.back_mut() {
            Some(last) if last.to == span.from => last.to = span.to,
            // More losses than any stream has. How much was lost stays right, and nothing is allocated.
            Some(last) if full => last.to += span.frames() as i64,
            _ => self.lost.push_back(span),
        }
    }

    /// Forgets what lies before `position`.
    pub fn forget(&mut self, position: i64) {
        self.start = self.start.max(position.min(self.end));
        while self.lost.front().is_some_and(|lost| lost.to <= self.start) {
            self.lost.pop_front();
        }
    }

    /// The frames `from..to`, in one or two pieces. Both ends must lie in the history.
    pub fn get(&self, from: i64, to: i64) -> (&[f32], &[f32]) {
        debug_assert!(self.start <= from && from <= to && to <= self.end);
        let (at, n) = (self.index(from), (to - from) as usize);
        let head = n.min(self.frames.len() - at);
        (&self.frames[at..at + head], &self.frames[..n - head])
    }

    /// How many of the frames `from..to` were really captured.
    pub fn real(&self, from: i64, to: i64) -> u64 {
        (to - from).max(0) as u64 - self.lost(from, to)
    }

    /// How many of the frames `from..to` the source lost.
    pub fn lost(&self, from: i64, to: i64) -> u64 {
        let within = |lost: &Span| (lost.to.min(to) - lost.from.max(from)).max(0) as u64;
        self.lost.iter().map(within).sum()
    }

    fn index(&self, position: i64) -> usize {
        position as usize & (self.frames.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_back_by_position_across_the_wrap() {
        let mut history = History::new(10, 4);
        let mut next = 0.0_f32;
        for _ in 0..50 {
            let block: Vec<f32> = (0..4).map(|i| next + i as f32).collect();
            next += 4.0;
            let end = history.end();
            history.forget(end - 10);
            history.push(&block);
            let from = (end - 6).max(0);
            let (a, b) = history.get(from, history.end());
            let got: Vec<f32> = a.iter().chain(b).copied().collect();
            let want: Vec<f32> = (from..history.end()).map(|i| i as f32).collect();
            assert_eq!(got, want);
        }
    }

    #[test]
    fn lost_frames_are_not_counted_as_real() {
        let mut history = History::new(100, 4);
        for (i, filled) in [false, true, true, false, true].into_iter().enumerate() {
            let at = history.end();
            if filled {
                history.lose(Span { from: at, to: at + 4 });
            }
            history.push(&[i as f32; 4]);
        }
        assert_eq!(history.real(0, 20), 8);
        assert_eq!(history.real(2, 6), 2);
        history.forget(12);
        assert_eq!(history.real(12, 20), 4);
        history.lose(Span { from: 25, to: 27 });
        assert_eq!((history.lost(20, 26), history.lost(12, 40)), (1, 6), "known ahead");
    }
}
