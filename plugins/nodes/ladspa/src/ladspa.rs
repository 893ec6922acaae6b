//! The `ladspa` node. Built on the control thread, runs on the pipeline thread.

use glottis_core::{Block, Fault, Node, Problem, Rate};

use crate::effect::Effect;
use crate::instance::Instance;

/// Added to every sample, with the other sign in every other block: what an effect has in its feedback
/// loops then never decays to numbers so small that processors are slow with them. −360 dBFS; from −220 dBFS
/// on a sample does not change by it.
const WHISPER: f32 = 1e-18;

/// An effect may be late by this many seconds, and no more.
const LATEST: f32 = 10.0;

/// Runs a LADSPA effect with one channel in and one out.
///
/// The effect is instantiated and activated by [`prepare`](Node::prepare), and deactivated and cleaned up
/// when the node is dropped or prepared again. Samples that are not finite reach it as silence.
///
/// As safe for the pipeline thread as the effect is. An effect that gives a sample that is not finite has
/// failed. There is no `reset`: LADSPA has none for that thread.
pub struct Ladspa {
    effect: Effect,
    /// What was written for each control.
    values: Vec<Option<f64>>,
    ready: Option<Ready>,
}

struct Ready {
    instance: Instance,
    whisper: f32,
    latency: u32,
}

impl Ladspa {
    pub(crate) fn new(effect: Effect, values: Vec<Option<f64>>) -> Ladspa {
        Ladspa { effect, values, ready: None }
    }

    /// A number for each control, at this rate.
    fn controls(&self, rate: Rate) -> Result<Vec<f32>, Problem> {
        let hz = rate.hz() as f32;
        let value = |(control, value): (&crate::Control, &Option<f64>)| match value {
            Some(value) => {
                control.check(*value, hz).map_err(|what| self.problem(format!("\"{}\": {what}", control.name())))
            }
            None => Ok(control.default(hz)),
        };
        self.effect.controls().iter().zip(&self.values).map(value).collect()
    }

    fn instance(&self, rate: Rate, controls: &[f32]) -> Result<Instance, Problem> {
        Instance::new(&self.effect, rate.hz(), controls)
            .ok_or_else(|| self.problem(format!("the effect refuses to work at {} Hz", rate.hz())))
    }

    /// How late the effect is. It says so when it runs, so one is run for that, and thrown away.
    fn measure(&self, rate: Rate, controls: &[f32]) -> Result<u32, Problem> {
        let mut probe = self.instance(rate, controls)?;
        // Some know only after their first block.
        for _ in 0..2 {
            probe.run(rate.block());
        }
        let latency = probe.latency().round();
        if (0.0..=LATEST * rate.hz() as f32).contains(&latency) {
            return Ok(latency as u32);
        }
        Err(self.problem(format!("the effect says that it is late by {latency} frames")))
    }

    fn problem(&self, what: String) -> Problem {
        Problem::new(Default::default(), "", format!("{}: {what}", self.effect.label()))
    }
}

impl Node for Ladspa {
    fn prepare(&mut self, input: Rate) -> Result<Rate, Problem> {
        let controls = self.controls(input)?;
        let latency = self.measure(input, &controls)?;
        self.ready = Some(Ready { instance: self.instance(input, &controls)?, whisper: WHISPER, latency });
        Ok(input)
    }

    fn process(&mut self, input: &Block, output: &mut Block) -> Result<(), Fault> {
        let ready = self.ready.as_mut().ok_or(Fault::failed())?;
        ready.whisper = -ready.whisper;
        let samples = input.samples();
        for (slot, &sample) in ready.instance.input().iter_mut().zip(samples) {
            *slot = if sample.is_finite() { sample } else { 0.0 } + ready.whisper;
        }
        let heard = ready.instance.run(samples.len());
        if !heard.iter().all(|sample| sample.is_finite()) {
            return Err(Fault::failed());
        }
        output.samples_mut().copy_from_slice(heard);
        Ok(())
    }

    fn latency(&self) -> u32 {
        self.ready.as_ref().map_or(0, |ready| ready.latency)
    }
}
