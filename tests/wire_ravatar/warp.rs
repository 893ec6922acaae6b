//! Time that runs fast, over real sockets.
//!
//! Tokio's paused time jumps ahead as soon as every task waits, even if what they wait for is a byte
//! on its way through the kernel. Here it does not jump: a metronome takes it one step further at
//! each beat of real time, so every byte has its chance to arrive in between. A machine that is slow
//! beats slowly, and time waits for it.

#![allow(dead_code)]

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use glottis_sim::ravatar::{Clock, Simulator};
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// Real time between two steps.
const BEAT: Duration = Duration::from_millis(1);

/// The clocks that run along, and whose they are.
type Clocks = Arc<Mutex<Vec<(SocketAddr, Clock)>>>;

/// Fast time. Ends when dropped: then it runs as usual again.
pub struct Warp {
    clocks: Clocks,
    steps: JoinHandle<()>,
    began: Instant,
}

impl Warp {
    /// From now on time runs about `speed` times as fast for this runtime, which has one thread and
    /// has not begun anything yet that waits for time.
    pub fn start(speed: u32) -> Warp {
        tokio::time::pause();
        let (beat, mut beats) = tokio::sync::mpsc::channel(1);
        // As long as it runs, it also keeps tokio from jumping.
        tokio::task::spawn_blocking(move || {
            while beat.blocking_send(()).is_ok() {
                std::thread::sleep(BEAT);
            }
        });
        let clocks = Clocks::default();
        let driven = clocks.clone();
        let steps = tokio::spawn(async move {
            while beats.recv().await.is_some() {
                tokio::time::advance(BEAT * speed).await;
                for (_, clock) in driven.lock().unwrap().iter() {
                    clock.advance(BEAT * speed);
                }
            }
        });
        Warp { clocks, steps, began: Instant::now() }
    }

    /// The simulator's time runs along, on top of real time.
    pub fn drive(&self, simulator: &Simulator) {
        self.clocks.lock().unwrap().push((simulator.address(), simulator.clock()));
    }

    /// The simulator's time runs along no more.
    pub fn release(&self, simulator: &Simulator) {
        self.clocks.lock().unwrap().retain(|(address, _)| *address != simulator.address());
    }

    /// Jumps ahead, the simulators too.
    pub async fn skip(&self, by: Duration) {
        tokio::time::advance(by).await;
        for (_, clock) in self.clocks.lock().unwrap().iter() {
            clock.advance(by);
        }
    }

    /// Time since the start.
    pub fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }
}

impl Drop for Warp {
    fn drop(&mut self) {
        self.steps.abort();
        tokio::time::resume();
    }
}
