//! `glottis bench latency`: prints what `glottis::measure` measures. Main thread.

use std::process::ExitCode;

use glottis::core::convert;
use glottis::measure::{Carrier, Latency, Measured, PlayCommand, Quantiles, Refused, SinkLatency, Speaker};

use crate::args::{Common, Latency as Args};
use crate::{demo, explain, run};

/// Speech in front of a burst, in frames at 16 kHz: long enough for any `min_speech`, and it ends in a word.
const SPEECH: std::ops::Range<usize> = 4_800..40_000;

/// Measures, and prints what was found.
pub fn latency(args: &Args, common: &Common) -> ExitCode {
    let (registry, config) = match run::read(&args.pipeline, common) {
        Ok(loaded) => loaded,
        Err(code) => return code,
    };
    let speech = demo::voice().get(SPEECH).unwrap_or_default().iter().map(|&x| convert::i16_to_f32(x)).collect();
    let latency = Latency {
        bursts: args.bursts as usize,
        period: args.period,
        level_dbfs: args.level,
        sink: args.sink.clone(),
        carrier: Some(Carrier { hz: 16_000, speech }),
        speaker: speaker(args),
        busy_poll: args.busy_poll,
    };
    match latency.measure(&config, &registry) {
        Ok(measured) => {
            print(&measured, args.each, common.json);
            ExitCode::SUCCESS
        }
        Err(refused) => refuse(&refused),
    }
}

fn speaker(args: &Args) -> Option<Box<dyn Speaker>> {
    if let Some(command) = &args.play_command {
        return Some(Box::new(PlayCommand(command.clone())));
    }
    args.play.clone().map(|device| Box::new(Output(device)) as Box<dyn Speaker>)
}

/// An output device of the system.
struct Output(String);

impl Speaker for Output {
    fn play(&mut self, sound: &[f32], hz: u32) -> Result<Vec<(u64, u64)>, String> {
        glottis::play(&self.0, sound, hz)
    }
}

fn refuse(refused: &Refused) -> ExitCode {
    let code = match refused {
        Refused::Config(problems) => return explain::problems(problems),
        Refused::Usage(_) => explain::CONFIG,
        Refused::Source(_) => explain::SOURCE,
        Refused::Sink(_) => explain::SERVICE,
        Refused::Failed(_) => explain::INTERNAL,
    };
    explain::failure(&refused.to_string(), code)
}

fn print(measured: &Measured, each: bool, json: bool) {
    if json {
        println!("{}", serde_json::to_string(measured).unwrap_or_default());
        return;
    }
    println!(
        "{} bursts of {} ms from source {} at {} Hz, timed from where they were {}",
        measured.bursts, measured.burst_ms, measured.source, measured.source_hz, measured.from
    );
    if measured.source_gaps > 0 {
        println!("the source lost sound in {} holes: bursts in them cannot arrive", measured.source_gaps);
    }
    for sink in &measured.sinks {
        print_sink(sink);
        if each {
            print_bursts(sink);
        }
    }
}

fn print_sink(sink: &SinkLatency) {
    println!();
    println!(
        "sink {} ({}) at {} Hz: {} bursts {}, {} lost; times in milliseconds",
        sink.name, sink.kind, sink.hz, sink.found, sink.until, sink.lost
    );
    println!("{:28}  {:>8} {:>8} {:>8} {:>8}  {:>6}", "stage", "p50", "p90", "p99", "max", "share");
    for stage in &sink.stages {
        line(&stage.name, &stage.us, Some(stage.share));
    }
    line("total", &sink.total_us, Some(1.0));
    println!();
    line(&format!("each chunk added ({})", sink.added_us.n), &sink.added_us, None);
    if let Some(bare) = &sink.bare_us {
        line(&format!("the machine alone ({})", bare.n), bare, None);
        let added = &sink.added_us;
        let [p50, p99] = [times(added.p50, bare.p50), times(added.p99, bare.p99)];
        println!("{:28}  {p50:>8} {:>8} {p99:>8}", "added, as a multiple of it", "");
    }
    if sink.end_us.n > 0 {
        line(&format!("end decision to last ({})", sink.end_us.n), &sink.end_us, None);
    }
    let filters = &sink.algorithmic;
    println!("filters delay by {:.2} frames at {} Hz, {:.3} ms:", filters.frames, sink.hz, filters.us / 1000.0);
    for node in &filters.nodes {
        println!("  {:26}  {:.2} frames at {} Hz, {} of them declared", node.name, node.frames, node.hz, node.declared);
    }
    println!("  {:26}  {:.2} frames at {} Hz", "doors and codec", filters.doors, sink.hz);
}

/// What a chunk takes as a multiple of what the machine takes by itself.
fn times(added: f64, bare: f64) -> String {
    format!("{:.1} x", added / bare.max(f64::MIN_POSITIVE))
}

fn line(name: &str, us: &Quantiles, share: Option<f64>) {
    // Plus nothing: what rounds to zero from below is zero, not minus zero.
    let ms = |us: f64| us.round() / 1000.0 + 0.0;
    let share = share.map_or(String::new(), |share| format!("  {:>5.1}%", (1000.0 * share).round() / 10.0 + 0.0));
    println!("{name:28}  {:>8.3} {:>8.3} {:>8.3} {:>8.3}{share}", ms(us.p50), ms(us.p90), ms(us.p99), ms(us.max));
}

fn print_bursts(sink: &SinkLatency) {
    println!();
    for burst in &sink.bursts {
        let parts: Vec<String> = sink
            .stages
            .iter()
            .zip(&burst.stages_ns)
            .map(|(stage, ns)| format!("{} {:.3}", stage.name, *ns as f64 / 1e6))
            .collect();
        println!("burst {:3}  {:>8.3} ms = {}", burst.number, burst.total_ns as f64 / 1e6, parts.join(" + "));
    }
}
