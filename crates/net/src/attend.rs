//! Waiting for a service without being deaf to commands. Async runtime.

use std::pin::pin;

use glottis_core::Cause;
use glottis_core::inlet::{Inlet, Item};
use glottis_core::sink::SinkCommand;

/// Waits for `work`. Commands go to `put_off` meanwhile; packets stay in the queue. `None` once a halt
/// was asked for.
pub async fn attend<T>(
    inlet: &mut Inlet,
    mut put_off: impl FnMut(&mut Inlet, SinkCommand),
    work: impl Future<Output = T>,
) -> Option<T> {
    let mut work = pin!(work);
    loop {
        let item = tokio::select! {
            biased;
            done = &mut work => return Some(done),
            item = inlet.recv_command() => item,
        };
        match item {
            Item::Halt => return None,
            Item::Command(command) => put_off(inlet, command),
            // Neither is handed out here.
            Item::Packet(packet) => inlet.dropped(packet, Cause::Disconnected),
            Item::Closed => {}
        }
    }
}
