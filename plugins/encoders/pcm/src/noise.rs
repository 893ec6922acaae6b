//! Dither noise. Runs on the pipeline thread.

/// One step of 16-bit audio.
const STEP: f32 = 1.0 / 32_768.0;

/// Triangular noise of ±1 step of 16-bit audio: the sum of two even ones of half that width, which
/// makes the rounding error's mean and power independent of the sound (Lipshitz, Wannamaker and
/// Vanderkooy, "Quantization and Dither: A Theoretical Survey", 1992).
///
/// The same sequence every time, so that a run can be repeated byte for byte.
pub(crate) struct Noise(u32);

impl Noise {
    pub(crate) const fn new() -> Noise {
        // Any seed but 0 will do.
        Noise(0x9E37_79B9)
    }

    /// The next value, in (−1, 1) steps.
    #[inline]
    pub(crate) fn next(&mut self) -> f32 {
        (self.even() + self.even()) * STEP
    }

    /// Evenly spread over [−0.5, 0.5): the upper 24 bits of Marsaglia's xorshift ("Xorshift RNGs",
    /// 2003; shifts 13, 17, 5).
    #[inline]
    fn even(&mut self) -> f32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        (self.0 >> 8) as f32 / (1 << 24) as f32 - 0.5
    }
}
