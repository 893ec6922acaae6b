//! The state as the parts that all simulators share see it. Runs on the simulator's thread.

use super::clock::Clock;
use super::config::Config;
use super::deliver;
use super::faults::Point;
use super::line::Reset;
use super::state::State;
use super::web::{Body, Call, Reply};
use super::{control, handshake, visit};
use crate::common::server::{reachable, read};
use crate::common::shared::{self, Greeting, World};
use http::{Request, Response};
use hyper::body::Incoming;
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// The state behind its lock.
pub(crate) type Shared = shared::Shared<State>;

impl World for State {
    type Config = Config;

    fn new(config: Arc<Config>, clock: Clock) -> Self {
        Self::begin(config, clock)
    }

    fn settle(&mut self) -> bool {
        self.carry_on()
    }

    fn next_due(&self) -> Option<Duration> {
        self.next_effect()
    }

    fn port_closed(&self) -> Option<Duration> {
        self.closed_until.filter(|until| *until > self.clock.now())
    }

    fn greet(&mut self) -> Option<Greeting> {
        let strike = self.strike(Point::Connect, None)?;
        let ending = strike.deed.response.as_ref()?.ending.clone();
        Some(Greeting { due: strike.is_late().then_some(strike.due), ending, epoch: strike.epoch })
    }

    async fn answer(shared: Arc<Shared>, request: Request<Incoming>, reset: Reset) -> io::Result<Response<Body>> {
        if request.uri().path() == "/ws/chat" {
            return handshake::answer(&shared, request, &reset).await;
        }
        let (parts, body) = request.into_parts();
        let call = Call::new(&parts, read(body).await?);
        let reply = match call.path.strip_prefix("/__sim/") {
            Some(_) if call.too_large => Reply::error(413, "payload_too_large"),
            Some(what) => control::answer(&shared, what, &call),
            None => shared.update(|state| visit::answer(state, &call, reachable(shared.address))),
        };
        deliver::send(&shared, reply, &reset).await
    }
}
