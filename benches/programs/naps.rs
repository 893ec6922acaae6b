//! A thread that does nothing but wake up a hundred times a second: what waking alone costs on a machine, which
//! `benches/idle.sh` compares a session with. Needs no crate: `rustc -O` builds it.

use std::time::{Duration, Instant};

const NAP: Duration = Duration::from_millis(10);

fn main() {
    let mut due = Instant::now();
    loop {
        due += NAP;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
    }
}
