//! The types of sample a stream takes. Any thread; real-time safe.

use glottis_core::convert::f32_to_i16;

/// A sample: `i16`, `f32` (nominally −1 to 1, rounded and limited as everywhere in glottis; NaN → 0),
/// or the two bytes of a little-endian 16-bit integer, as the body of a `pcm16` packet has them.
///
/// Every type is brought to 16 bits first, which is what the codec's speech half works on, so the same
/// sound gives the same packets whichever way it comes.
pub trait Sample: Copy + sealed::ToI16 {}

pub(crate) mod sealed {
    /// The sample as 16 bits.
    pub trait ToI16 {
        #[doc(hidden)]
        fn to_i16(self) -> i16;
    }
}

impl Sample for i16 {}
impl Sample for f32 {}
impl Sample for [u8; 2] {}

impl sealed::ToI16 for i16 {
    #[inline]
    fn to_i16(self) -> i16 {
        self
    }
}

impl sealed::ToI16 for f32 {
    #[inline]
    fn to_i16(self) -> i16 {
        f32_to_i16(self)
    }
}

impl sealed::ToI16 for [u8; 2] {
    #[inline]
    fn to_i16(self) -> i16 {
        i16::from_le_bytes(self)
    }
}
