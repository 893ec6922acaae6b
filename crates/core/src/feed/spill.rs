//! The ring under a feed: a short one that is used again and again, and a long one behind it that is only
//! touched once the pipeline thread falls behind. One ring of two seconds would go round and round through
//! all of its memory, 800 KB for each run, to hold two or three blocks.
//!
//! Blocks come out in the order they went in: while the long ring holds anything, all goes there, so the
//! short one holds only what is older.

use crate::audio::Block;
use crate::sync::ring::{Consumer, HeapCons, HeapProd, HeapRb, Observer, Producer, Split};

/// Blocks of the short ring: more than one look of the pipeline thread finds on a machine that is well.
const SHORT: usize = 8;

/// Makes both ends, with room for `blocks` blocks or a few more. `short`: begin with a short ring.
pub(super) fn ring(blocks: usize, short: bool) -> (Front, Back) {
    let short = short && blocks > 2 * SHORT;
    let (near_in, near_out) = HeapRb::new(if short { SHORT } else { blocks }).split();
    let (far_in, far_out) = short.then(|| HeapRb::new(blocks).split()).unzip();
    (Front { near: near_in, far: far_in }, Back { near: near_out, far: far_out })
}

/// The source's end. Real-time safe.
pub(super) struct Front {
    near: HeapProd<Block>,
    far: Option<HeapProd<Block>>,
}

impl Front {
    /// Pushes a block. False: there is no room, and the block is lost.
    pub fn push(&mut self, block: &Block) -> bool {
        let ring = match &mut self.far {
            Some(far) if !far.is_empty() || self.near.is_full() => far,
            _ => &mut self.near,
        };
        // As a slice of one: the block by value would be copied twice.
        ring.push_slice(std::slice::from_ref(block)) == 1
    }

    /// Whether [`Front::push`] would find no room.
    pub fn is_full(&self) -> bool {
        // What cannot go into the short ring goes into the long one.
        self.far.as_ref().map_or(self.near.is_full(), Observer::is_full)
    }

    /// Whether every block has been taken.
    pub fn is_empty(&self) -> bool {
        self.near.is_empty() && self.far.as_ref().is_none_or(Observer::is_empty)
    }

    /// Whether half of the room is used.
    pub fn is_half_full(&self) -> bool {
        let (used, room) = size(&self.near, self.far.as_ref());
        used * 2 >= room
    }
}

/// The pipeline's end. Real-time safe.
pub(super) struct Back {
    near: HeapCons<Block>,
    far: Option<HeapCons<Block>>,
}

impl Back {
    /// Hands the oldest block to `take`. False: there is none.
    pub fn pop(&mut self, take: impl FnOnce(&Block)) -> bool {
        // Looked at before the short ring: from now on nothing goes there until this one is empty, so if
        // the short one is empty then, nothing older is left.
        let spilled = self.far.as_ref().is_some_and(|far| !far.is_empty());
        let ring = match &mut self.far {
            Some(far) if spilled && self.near.is_empty() => far,
            _ => &mut self.near,
        };
        let Some(block) = ring.try_peek() else { return false };
        take(block);
        ring.skip(1);
        true
    }

    /// Blocks that wait.
    pub fn len(&self) -> usize {
        size(&self.near, self.far.as_ref()).0
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether half of the room is free.
    pub fn is_half_empty(&self) -> bool {
        let (used, room) = size(&self.near, self.far.as_ref());
        used * 2 <= room
    }
}

/// Blocks in both rings, and room for them.
fn size<R: Observer>(near: &R, far: Option<&R>) -> (usize, usize) {
    let both = [Some(near), far].into_iter().flatten();
    both.fold((0, 0), |(used, room), ring| (used + ring.occupied_len(), room + ring.capacity().get()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::Rate;

    fn block(at: i64) -> Block {
        let mut block = Block::new(Rate::for_source(16_000));
        block.at = at;
        block
    }

    fn take(back: &mut Back) -> Option<i64> {
        let mut at = None;
        back.pop(|block| at = Some(block.at));
        at
    }

    #[test]
    fn blocks_come_in_order_and_none_is_lost_before_all_the_room_is_used() {
        let (mut front, mut back) = ring(50, true);
        let (mut pushed, mut taken) = (0, 0);
        // Falls behind further and further, catches up, and starts again.
        for round in 0..200 {
            for _ in 0..round % 60 {
                let full = front.is_full();
                assert!(!full || pushed - taken >= 50);
                assert_eq!(front.push(&block(pushed)), !full);
                pushed += i64::from(!full);
            }
            for _ in 0..round % 37 {
                assert_eq!(back.len() as i64, pushed - taken);
                match take(&mut back) {
                    Some(at) => assert_eq!(at, taken),
                    None => assert_eq!(pushed, taken),
                }
                taken = pushed.min(taken + 1);
            }
        }
    }

    #[test]
    fn a_block_that_finds_the_short_ring_full_is_not_taken_before_those_in_it() {
        let (mut front, mut back) = ring(50, true);
        (0..20).for_each(|at| assert!(front.push(&block(at))));
        assert!((0..20).all(|at| take(&mut back) == Some(at)));
        assert_eq!((take(&mut back), back.is_empty(), front.is_empty()), (None, true, true));
    }

    #[test]
    fn two_threads_see_one_order() {
        let (mut front, mut back) = ring(40, true);
        const BLOCKS: i64 = 100_000;
        let source = std::thread::spawn(move || {
            let mut at = 0;
            while at < BLOCKS {
                // In bursts, so that the long ring is begun and left again and again.
                let burst = 1 + at % 23;
                for _ in 0..burst {
                    while !front.push(&block(at)) {
                        std::thread::yield_now();
                    }
                    at += 1;
                }
                std::thread::yield_now();
            }
            at
        });
        let mut next = 0;
        while !source.is_finished() || !back.is_empty() {
            match take(&mut back) {
                Some(at) => {
                    assert_eq!(at, next);
                    next += 1;
                }
                None => std::thread::yield_now(),
            }
        }
        assert_eq!(source.join().ok(), Some(next));
    }
}
