//! A node of your own: it inverts the signal, and can be switched while it runs.
//!
//! `cargo run --example custom_node`

use glottis::core::param::Kind;
use glottis::{Block, Config, Fault, Node, Param, Pipeline, Problem, Rate};

/// The keys a configuration can write for it.
const PARAMS: &[Param] = &[Param::new("on", Kind::Bool, "whether it inverts").default("true").live()];

struct Invert {
    on: bool,
}

impl Node for Invert {
    fn prepare(&mut self, input: Rate) -> Result<Rate, Problem> {
        Ok(input)
    }

    fn process(&mut self, input: &Block, output: &mut Block) -> Result<(), Fault> {
        let sign = if self.on { -1.0 } else { 1.0 };
        for (out, sample) in output.samples_mut().iter_mut().zip(input.samples()) {
            *out = sign * sample;
        }
        Ok(())
    }

    fn set(&mut self, param: &'static str, value: f64) -> Result<(), Fault> {
        match param {
            "on" => self.on = value != 0.0,
            _ => return Err(Fault::new(glottis::core::FaultCode::BadParameter)),
        }
        Ok(())
    }
}

const PIPELINE: &str = r#"
[source]
type = "file"
path = "tests/fixtures/speech/sense_and_sensibility_01_austen_64kb-0880.wav"
pace = "fast"

[[node]]
type = "invert"

[[sink]]
type = "file"
path = "/dev/null"
format = "raw"
"#;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut registry = glottis::components();
    registry.add_node("invert", "turns the signal upside down", PARAMS, |settings, _, _| {
        Ok(Invert { on: settings.bool("on") })
    });
    let config = Config::parse(PIPELINE, "custom_node.toml".as_ref())?;
    let report = Pipeline::new(&config, &registry)?.start(|_| {})?.wait();
    println!("{} blocks, {} ns each on average", report.nodes[0].blocks, report.nodes[0].mean_ns);
    Ok(())
}
