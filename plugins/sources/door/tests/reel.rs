//! A reel at real time: what it pushes when, by what the pipeline needs.

use std::sync::{Arc, Mutex};

use glottis_core::feed::{Taken, capture_ring};
use glottis_core::source::SourceError;
use glottis_core::{Block, Intake, Rate, clock};
use glottis_source_door::reel::{Pace, Piece, Reel, play};

const BLOCK: usize = 80;

/// Silence without end, and how much was asked for at a time.
struct Silence {
    asked: Arc<Mutex<Vec<usize>>>,
    samples: Vec<f32>,
}

impl Reel for Silence {
    fn format(&self) -> (u32, u16) {
        (8_000, 1)
    }

    fn read(&mut self, frames: usize) -> Result<usize, SourceError> {
        self.asked.lock().expect("nobody panics").push(frames);
        self.samples.resize(frames, 0.0);
        Ok(frames)
    }

    fn piece(&self) -> Piece<'_> {
        Piece::Floats(&self.samples)
    }
}

/// Takes blocks one after another until `over`, and tells what `idle` says behind each.
fn take(intake: &mut Intake, idle: impl Fn(i64) -> u32, over: impl Fn(&Block) -> bool) {
    let mut block = Block::new(intake.rate());
    let mut at = None;
    loop {
        match intake.take(&mut block) {
            Taken::Block => {
                assert_eq!(block.at, at.unwrap_or(block.at), "no block is missing");
                at = Some(block.end());
                intake.rest(block.end(), idle(block.at / BLOCK as i64));
                if over(&block) {
                    return;
                }
            }
            // The source wakes nobody: a look for the next block.
            Taken::Empty => std::thread::yield_now(),
            Taken::Ended => panic!("silence has no end"),
        }
    }
}

#[test]
fn blocks_nobody_needs_come_with_the_next_that_somebody_does() {
    clock::start();
    let (feed, mut intake) = capture_ring(Rate::new(8_000).expect("on the list"), 200, false);
    let asked: Arc<Mutex<Vec<usize>>> = Arc::default();
    let reel = Silence { asked: asked.clone(), samples: Vec::new() };
    let begun = clock::now();
    let _playing = play("silence", feed, Pace::Realtime, |_| Ok(Box::new(reel))).expect("a thread");

    // Until the source has asked for so much, and nothing else, ten times; a test that fails gives up after a while.
    let captured = Mutex::new(Vec::new());
    let asks_for = |blocks: usize| {
        let asked = asked.clone();
        let captured = &captured;
        move |block: &Block| {
            captured.lock().expect("nobody panics").push(block.captured);
            let asked = asked.lock().expect("nobody panics");
            let last = &asked[asked.len().saturating_sub(10)..];
            let steady = last.len() == 10 && last.iter().all(|&frames| frames == blocks * BLOCK);
            assert!(steady || asked.len() < 1000, "asked for {asked:?}");
            steady
        }
    };
    // Each second block matters; then each does; then each second one again.
    take(&mut intake, |block| (block % 2) as u32, asks_for(2));
    take(&mut intake, |_| 0, asks_for(1));
    take(&mut intake, |block| (block % 2) as u32, asks_for(2));

    // The times in the blocks are those of real time all the while, and nothing came before it was due.
    let captured = captured.into_inner().expect("nobody panics");
    assert!(captured.windows(2).all(|pair| pair[1] - pair[0] == 10_000_000), "{captured:?}");
    assert!(captured[0] >= begun && captured[captured.len() - 1] <= clock::now());
}
