//! A round as it is played.

use std::time::Duration;

use glottis_core::Reason;
use glottis_core::inlet::Link;
use glottis_core::sink::{SinkAction, SinkCommand};
use glottis_sim::ravatar::Simulator;
use tokio::time::Instant;

use crate::laws::{self, Tally};
use crate::plan::{Plan, Step, Turn};
use crate::proxy::Proxy;
use crate::rig::*;
use crate::warp::Warp;

/// How long a run that has come to its end may take to deliver the rest, as in the engine.
const DRAIN: Duration = Duration::from_secs(10);

/// How long a source that waits does so for one chunk before the round goes on.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long a chunk is.
const LENGTH: Duration = Duration::from_millis(256);

/// What a round holds while it is played.
pub struct Play<'a> {
    pub plan: &'a Plan,
    pub simulator: &'a Simulator,
    pub proxy: &'a Proxy,
    pub rig: Rig,
    /// Every chunk that was handed to the sink.
    pub said: Vec<Vec<i16>>,
    /// Every text, with the number of its command.
    pub typed: Vec<(u64, String)>,
    /// Commands given.
    pub commands: u64,
    /// Whether a segment is open.
    speaking: bool,
    drops: u64,
    /// Whether the end did not come in time, and was cut short.
    pub cut_short: bool,
}

/// Plays a round and holds it to the laws.
pub async fn play(plan: Plan, warp: &Warp) -> Tally {
    let simulator = simulator(plan.service.clone());
    warp.drive(&simulator);
    let proxy = Proxy::to(&simulator.http_url()).await;
    let keys = plan.keys.clone().with("endpoint", proxy.url()).with("project_id", "demo-project");
    let edge = if plan.waits { patient(plan.turn) } else { edge(plan.turn) };
    let rig = Rig::unhurried(&keys.with("user_id", "tester"), edge);
    let (proxy, simulator) = (&proxy, &simulator);
    let (said, typed) = (Vec::new(), Vec::new());
    let mut play = Play {
        plan: &plan,
        simulator,
        proxy,
        rig,
        said,
        typed,
        commands: 0,
        speaking: false,
        drops: 0,
        cut_short: false,
    };
    for step in &plan.steps {
        if play.rig.is_over() {
            break;
        }
        play.step(step).await;
    }
    let ended = play.end().await;
    let tally = laws::hold(&play, &ended).await;
    warp.release(simulator);
    tally
}

impl Play<'_> {
    async fn step(&mut self, step: &Step) {
        match step {
            Step::Await(time) => {
                let until = Instant::now() + *time;
                while Instant::now() < until && !self.rig.is_over() && self.rig.outfeed.link() != Link::Up {
                    tokio::time::sleep(LENGTH).await;
                }
            }
            Step::Speak(chunks, turn) => self.speak(*chunks, *turn).await,
            Step::Type => {
                let text = format!("text {}", self.typed.len());
                let id = self.command(SinkAction::Text(text.clone()));
                self.typed.push((id, text));
            }
            Step::AskUrl => {
                self.command(SinkAction::StreamingUrl);
            }
            Step::Pass(time) => tokio::time::sleep(*time).await,
            Step::Push(message) => {
                self.simulator.push(message.clone());
            }
            Step::Fault(rule) => {
                self.simulator.add_faults(faults(rule.clone())).expect("room for a rule");
            }
            Step::Cut => self.proxy.cut(),
            Step::Clog(time) => {
                self.proxy.stop(true);
                let until = Instant::now() + *time;
                // A voice does not stop because nobody reads.
                while Instant::now() < until && !self.rig.is_over() {
                    if self.rig.outfeed.room() >= 3 {
                        self.speak(1, Turn::Open).await;
                    } else {
                        tokio::time::sleep(LENGTH).await;
                    }
                }
                self.proxy.stop(false);
            }
        }
    }

    fn command(&mut self, action: SinkAction) -> u64 {
        let id = self.commands + 1;
        if self.rig.control.command(SinkCommand { id, action }).is_ok() {
            self.commands = id;
        }
        id
    }

    async fn speak(&mut self, chunks: u64, turn: Turn) {
        for _ in 0..chunks {
            tokio::time::sleep(LENGTH).await;
            if !self.ready().await {
                continue;
            }
            if !self.speaking {
                self.rig.begin();
                self.speaking = true;
            }
            let chunk = self.next_chunk();
            self.rig.chunk(&chunk);
            self.said.push(chunk);
        }
        self.turn(turn).await;
    }

    /// Whether a chunk can be handed over: follows the sink's connection as the pipeline does.
    async fn ready(&mut self) -> bool {
        let drops = self.rig.outfeed.drops();
        let dropped = std::mem::replace(&mut self.drops, drops) != drops;
        if self.plan.waits {
            // Room for a begin, a chunk, and an end.
            return self.rig.room_within(3, PATIENCE).await && self.rig.outfeed.link() != Link::GaveUp;
        }
        if self.rig.outfeed.link() != Link::Up || dropped {
            self.turn(Turn::Abort(Reason::Disconnected)).await;
        }
        !self.rig.is_over() && self.rig.outfeed.link() == Link::Up && self.rig.outfeed.room() >= 3
    }

    async fn turn(&mut self, turn: Turn) {
        if !self.speaking || !self.rig.room_within(1, PATIENCE).await {
            return;
        }
        match turn {
            Turn::Open => return,
            Turn::End(reason) => self.rig.end(reason, 0),
            Turn::Abort(reason) => self.rig.abort(reason),
        }
        self.speaking = false;
    }

    /// Noise that says which chunk it is.
    fn next_chunk(&self) -> Vec<i16> {
        let number = self.said.len();
        let mut chunk = noise(CHUNK, (self.plan.seed as u32).wrapping_mul(977) + 2 * number as u32);
        chunk[0] = number as i16 + 1;
        chunk
    }

    async fn end(&mut self) -> Ended {
        let reason = if self.plan.halt { Turn::Abort(Reason::Stop) } else { Turn::End(Reason::Stop) };
        self.turn(reason).await;
        if self.plan.halt {
            self.rig.control.halt();
        }
        self.rig.outfeed.close();
        tokio::select! {
            ended = self.rig.ended() => return ended,
            () = tokio::time::sleep(DRAIN) => {}
        }
        self.cut_short = true;
        self.rig.control.halt();
        self.rig.ended().await
    }
}
