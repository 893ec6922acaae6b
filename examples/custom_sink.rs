//! A sink of your own: it prints how long each turn was. Real ones write to a socket here, and wait
//! for it and for the inlet at once.
//!
//! `cargo run --example custom_sink`

use glottis::core::sink::{BoxFuture, Edge, Wants};
use glottis::{Config, Inlet, Item, PacketKind, Pipeline, Problem, Sink, SinkError};

#[derive(Default)]
struct Turns {
    rate: u32,
}

impl Sink for Turns {
    fn wants(&self) -> Wants {
        Wants { encoder: "pcm16", chunk_frames: 1600, ..Wants::default() }
    }

    fn prepare(&mut self, edge: &Edge) -> Result<(), Problem> {
        self.rate = edge.rate.hz();
        Ok(())
    }

    fn run<'a>(&'a mut self, inlet: &'a mut Inlet) -> BoxFuture<'a, Result<(), SinkError>> {
        Box::pin(async move {
            inlet.open();
            loop {
                match inlet.recv().await {
                    Item::Packet(packet) => {
                        if let PacketKind::End { frames, .. } = packet.kind {
                            println!("turn {}: {:.2} s", packet.segment, frames as f64 / f64::from(self.rate));
                        }
                        // Every packet is settled: the ledger of the run depends on it.
                        inlet.delivered(packet);
                    }
                    Item::Command(command) => inlet.answer(&command, Err("this sink takes no commands".to_owned())),
                    Item::Halt | Item::Closed => return Ok(()),
                }
            }
        })
    }
}

const PIPELINE: &str = r#"
[source]
type = "file"
path = "tests/fixtures/speech/sense_and_sensibility_01_austen_64kb-0880.wav"
pace = "fast"

[[node]]
type = "vad"

[[sink]]
type = "turns"
turn = { mode = "speech", hangover = "200ms" }
"#;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut registry = glottis::components();
    registry.add_sink("turns", "prints the length of each turn", &[], |_, _, _| Ok(Turns::default()));
    let config = Config::parse(PIPELINE, "custom_sink.toml".as_ref())?;
    let report = Pipeline::new(&config, &registry)?.start(|_| {})?.wait();
    println!("balanced: {}", report.balanced);
    Ok(())
}
