//! The least it takes: a pipeline written in Rust, run to its end.
//!
//! `cargo run --example embed -- tests/fixtures/speech/sense_and_sensibility_01_austen_64kb-0880.wav`

use glottis::{Config, EventKind, Pipeline, Table};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let input = std::env::args().nth(1).ok_or("name a sound file")?;
    let table = Table::default()
        .with("source", Table::default().with("type", "file").with("path", input).with("pace", "fast"))
        .with("node", vec![Table::default().with("type", "resample").with("rate", 16_000)])
        .with("sink", vec![Table::default().with("type", "file").with("path", "/dev/null").with("format", "raw")]);
    let pipeline = Pipeline::new(&Config::new(table, "".as_ref()), &glottis::components())?;
    let running = pipeline.start(|event| {
        if let EventKind::Level { at, rms_dbfs, .. } = event.kind {
            println!("{at:>8} {rms_dbfs:6.1} dB");
        }
    })?;
    let report = running.wait();
    println!("balanced: {}, {} frames", report.balanced, report.source.captured);
    Ok(())
}
