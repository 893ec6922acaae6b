//! The `denoise` node. Built on the control thread, runs on the pipeline thread.

use glottis_core::{Block, Fault, FaultCode, Node, Problem, Rate};
use nnnoiseless::DenoiseState;

/// The one rate the network was trained for, in Hz.
const HZ: u32 = 48_000;

/// Frames the network takes at once: 10 ms, one block.
const FRAME: usize = DenoiseState::FRAME_SIZE;

/// The network takes floats of the size of 16-bit integers.
const FULL: f32 = 32_768.0;

/// Louder samples (18 dB above full scale) saturate: the network squares them.
const LOUDEST: f32 = 8.0;

/// Blocks of silence after which nothing of older sound is left in the network's buffers, 36 ms long, and
/// in the filter before them.
const FORGET: usize = 10;

/// RNNoise, after Jean-Marc Valin, "A Hybrid DSP/Deep Learning Approach to Real-Time Full-Band Speech
/// Enhancement" (2018), as the crate nnnoiseless has it: 22 bands of each block are turned down by a small
/// recurrent network. It also takes out what is below 60 Hz.
///
/// It works at 48 kHz only, and the sound leaves one block later than it came in. A change of the mix is
/// spread over one block. Samples that are not finite count as silence.
///
/// Real-time safe after [`prepare`](Node::prepare).
pub struct Denoise {
    /// The share of denoised sound that the last frame got.
    mix: f32,
    /// The share that the last frame of the next block gets.
    target: f32,
    ready: Option<Ready>,
}

struct Ready {
    network: Box<DenoiseState<'static>>,
    /// The block that came in, as the network takes it.
    heard: [f32; FRAME],
    /// The block before it: what the denoised sound is mixed with.
    before: [f32; FRAME],
    denoised: [f32; FRAME],
}

impl Ready {
    fn new() -> Ready {
        Ready { network: DenoiseState::new(), heard: [0.0; FRAME], before: [0.0; FRAME], denoised: [0.0; FRAME] }
    }

    /// Takes a block in and leaves the denoised one before it.
    fn advance(&mut self, samples: &[f32]) {
        self.before = self.heard;
        for (heard, &sample) in self.heard.iter_mut().zip(samples) {
            let sample = if sample.is_finite() { sample } else { 0.0 };
            *heard = sample.clamp(-LOUDEST, LOUDEST) * FULL;
        }
        self.network.process_frame(&mut self.denoised, &self.heard);
    }
}

impl Denoise {
    /// A node that lets out this share of denoised sound, 0 to 1, and for the rest the sound as it came;
    /// values outside count as the nearest limit, and one that is not a number as 1.
    pub fn new(mix: f64) -> Denoise {
        let mix = if mix.is_nan() { 1.0 } else { mix.clamp(0.0, 1.0) } as f32;
        Denoise { mix, target: mix, ready: None }
    }
}

impl Node for Denoise {
    fn prepare(&mut self, input: Rate) -> Result<Rate, Problem> {
        if input.hz() != HZ {
            let message = format!("denoise works at {HZ} Hz, not at {} Hz", input.hz());
            let help = format!("insert `[[node]] type = \"resample\", rate = {HZ}` before it");
            return Err(Problem::new(Default::default(), "", message).help(help));
        }
        self.mix = self.target;
        self.ready = Some(Ready::new());
        Ok(input)
    }

    fn process(&mut self, input: &Block, output: &mut Block) -> Result<(), Fault> {
        let ready = self.ready.as_mut().ok_or(Fault::failed())?;
        if input.samples().len() != FRAME {
            return Err(Fault::failed());
        }
        ready.advance(input.samples());
        let (from, step) = (self.mix, (self.target - self.mix) / FRAME as f32);
        let sounds = ready.before.iter().zip(&ready.denoised);
        for (i, (out, (before, denoised))) in output.samples_mut().iter_mut().zip(sounds).enumerate() {
            let mix = from + step * (i + 1) as f32;
            *out = (before + (denoised - before) * mix) / FULL;
        }
        self.mix = self.target;
        Ok(())
    }

    /// `mix`: 0 to 1; takes effect over the next block.
    fn set(&mut self, param: &'static str, value: f64) -> Result<(), Fault> {
        if param != "mix" || !(0.0..=1.0).contains(&value) {
            return Err(Fault::new(FaultCode::BadParameter));
        }
        self.target = value as f32;
        Ok(())
    }

    /// Forgets the sound. What the network takes for noise it remembers: it has no other way to forget
    /// than to hear something else, and a new one would have to be allocated.
    fn reset(&mut self) {
        self.mix = self.target;
        if let Some(ready) = &mut self.ready {
            (0..FORGET).for_each(|_| ready.advance(&[0.0; FRAME]));
        }
    }

    fn latency(&self) -> u32 {
        FRAME as u32
    }
}
