//! The `webrtc` detector. Built on the control thread, runs on the pipeline thread.

use glottis_core::convert::f32_to_i16_slice;
use glottis_core::{Detector, Fault, FaultCode, Problem, Rate};

use crate::fvad::Fvad;
use crate::third_band::ThirdBand;

/// How much audio the detector judges at once.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Frame {
    /// 10 ms.
    Ms10,
    /// 20 ms.
    #[default]
    Ms20,
    /// 30 ms.
    Ms30,
}

impl Frame {
    const fn ms(self) -> u64 {
        match self {
            Frame::Ms10 => 10,
            Frame::Ms20 => 20,
            Frame::Ms30 => 30,
        }
    }
}

/// WebRTC's detector: a Gaussian mixture model of six bands up to 4 kHz, with a memory of its own that
/// holds speech for some frames after it ended (two to fourteen, by aggressiveness, frame and how long
/// it lasted).
///
/// It takes 8, 16, 32 and 48 kHz and answers yes or no: its probability is 0 or 1. It works on 16-bit
/// samples: louder ones saturate.
///
/// Real-time safe after [`prepare`](Detector::prepare).
pub struct Webrtc {
    aggressiveness: u8,
    frame: Frame,
    ready: Option<Ready>,
}

struct Ready {
    fvad: Fvad,
    /// For 48 kHz only.
    third: Option<ThirdBand>,
    narrow: Vec<f32>,
    ints: Vec<i16>,
}

impl Webrtc {
    /// A detector of this aggressiveness, 0 to 3 (more counts as 3).
    pub fn new(aggressiveness: u8, frame: Frame) -> Webrtc {
        Webrtc { aggressiveness: aggressiveness.min(3), frame, ready: None }
    }
}

impl Detector for Webrtc {
    fn prepare(&mut self, rate: Rate) -> Result<usize, Problem> {
        let window = rate.frames_in_ms(self.frame.ms()) as usize;
        let (inner, third) = match rate.hz() {
            hz @ (8_000 | 16_000 | 32_000) => (hz, None),
            48_000 => (16_000, Some(ThirdBand::new(window))),
            hz => return Err(refused(hz)),
        };
        let length = if third.is_some() { window / 3 } else { window };
        self.ready = Some(Ready {
            fvad: Fvad::new(inner, self.aggressiveness),
            narrow: vec![0.0; if third.is_some() { length } else { 0 }],
            third,
            ints: vec![0; length],
        });
        Ok(window)
    }

    fn judge(&mut self, window: &[f32]) -> Result<f32, Fault> {
        let ready = self.ready.as_mut().ok_or(Fault::failed())?;
        let samples = match &mut ready.third {
            Some(third) if window.len() == ready.narrow.len() * 3 => {
                third.convert(window, &mut ready.narrow);
                &ready.narrow
            }
            None if window.len() == ready.ints.len() => window,
            _ => return Err(Fault::failed()),
        };
        f32_to_i16_slice(samples, &mut ready.ints);
        let speech = ready.fvad.judge(&ready.ints).ok_or(Fault::failed())?;
        Ok(if speech { 1.0 } else { 0.0 })
    }

    /// `aggressiveness`: 0, 1, 2 or 3.
    fn set(&mut self, param: &'static str, value: f64) -> Result<(), Fault> {
        if param != "aggressiveness" || ![0.0, 1.0, 2.0, 3.0].contains(&value) {
            return Err(Fault::new(FaultCode::BadParameter));
        }
        self.aggressiveness = value as u8;
        if let Some(ready) = &mut self.ready {
            ready.fvad.set_aggressiveness(self.aggressiveness);
        }
        Ok(())
    }

    fn reset(&mut self) {
        if let Some(ready) = &mut self.ready {
            ready.fvad.reset();
            if let Some(third) = &mut ready.third {
                third.reset();
            }
        }
    }
}

fn refused(hz: u32) -> Problem {
    Problem::new(
        Default::default(),
        "",
        format!("the webrtc detector works at 8000, 16000, 32000 and 48000 Hz, not at {hz} Hz"),
    )
    .help("insert `[[node]] type = \"resample\", rate = 16000` before it, or use `detector = \"energy\"`")
}
