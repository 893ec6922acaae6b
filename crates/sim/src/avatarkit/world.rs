//! The state as the parts that all simulators share see it. Runs on the simulator's thread.

use super::config::Config;
use super::control;
use super::faults::Point;
use super::rest;
use super::state::State;
use super::upgrade;
use crate::common::clock::Clock;
use crate::common::deliver;
use crate::common::line::Reset;
use crate::common::server::{reachable, read};
use crate::common::shared::{self, Greeting, World};
use crate::common::web::{Body, Call, Reply};
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
        let strike = self.strike(Point::Connect)?;
        let ending = strike.deed.response.as_ref()?.ending.clone();
        Some(Greeting { due: strike.is_late().then_some(strike.due), ending, epoch: strike.epoch })
    }

    async fn answer(shared: Arc<Shared>, request: Request<Incoming>, reset: Reset) -> io::Result<Response<Body>> {
        if request.uri().path().ends_with("/websocket") {
            return upgrade::answer(&shared, request, &reset).await;
        }
        let (parts, body) = request.into_parts();
        let call = Call::new(&parts, read(body).await?);
        let reply = match call.path.strip_prefix("/__sim/") {
            _ if call.too_large => Reply::error(413, "payload too large"),
            Some(what) => control::answer(&shared, what, &call),
            None => {
                let base = base(&shared, "http");
                shared.update(|state| rest::answer(state, &call, &base))
            }
        };
        deliver::send(&shared, reply, &reset).await
    }
}

/// Where the server is; `scheme` without its `s`.
pub(crate) fn base(shared: &Shared, scheme: &str) -> String {
    let address = reachable(shared.address);
    match shared.tls {
        // The name that a certificate for loopback carries.
        Some(_) => format!("{scheme}s://localhost:{}", address.port()),
        None => format!("{scheme}://{address}"),
    }
}
