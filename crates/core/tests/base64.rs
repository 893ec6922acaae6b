//! Base64 against the `base64` crate, and every kernel this processor can run against the others.

mod kernels;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use glottis_core::{base64 as ours, convert};
use kernels::Level;

/// Every byte value at every place, the same every time.
fn bytes(len: usize) -> Vec<u8> {
    let mut state = len as u32 + 1;
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    std::iter::repeat_with(next).take(len).collect()
}

/// All short lengths, those of chunks and whole turns, and what is around a megabyte.
fn lengths() -> impl Iterator<Item = usize> {
    (0..=400).chain([640, 3_200, 8_191, 8_192, 8_193, 65_536, 999_999, 1_000_000, 1_000_001])
}

#[test]
fn every_kernel_writes_the_same_letters() {
    for len in lengths() {
        let input = bytes(len);
        let want = STANDARD.encode(&input).into_bytes();
        assert_eq!(ours::len(len), want.len());
        for level in Level::all() {
            let mut out = vec![0; want.len()];
            level.base64(&input, &mut out);
            assert!(out == want, "{len} bytes, {level:?}");
        }
    }
}

#[test]
fn every_place_takes_every_value() {
    for value in 0..=u8::MAX {
        for len in [47, 48, 49, 96, 193] {
            let input = vec![value; len];
            let want = STANDARD.encode(&input).into_bytes();
            for level in Level::all() {
                let mut out = vec![0; want.len()];
                level.base64(&input, &mut out);
                assert!(out == want, "{len} times {value}, {level:?}");
            }
        }
    }
}

#[test]
fn nothing_is_written_behind_the_letters_or_where_they_do_not_fit() {
    for len in lengths().filter(|&len| len < 10_000) {
        let input = bytes(len);
        let letters = ours::len(len);
        let mut out = vec![b'!'; letters + 200];
        assert_eq!(ours::encode(&input, &mut out), Some(letters));
        assert_eq!(out[..letters], STANDARD.encode(&input).into_bytes());
        assert!(out[letters..].iter().all(|&byte| byte == b'!'), "{len}");
        if letters > 0 {
            let mut short = vec![b'!'; letters - 1];
            assert_eq!(ours::encode(&input, &mut short), None);
            assert!(short.iter().all(|&byte| byte == b'!'), "{len}");
        }
    }
}

#[test]
fn every_instruction_set_rounds_alike() {
    let odd = [0.0, -0.0, f32::NAN, -f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, f32::MIN, f32::MIN_POSITIVE];
    let halves = (-70_000..70_000).map(|i| i as f32 / 65_536.0);
    let noise = (0..40_000).map(|i| (i as f32 * 0.37).sin() * 1.2);
    let samples: Vec<f32> = odd.into_iter().chain(halves).chain(noise).collect();
    for len in (0..130).chain([4_096, samples.len()]) {
        let samples = &samples[..len];
        let want: Vec<u8> = samples.iter().flat_map(|&s| convert::f32_to_i16(s).to_le_bytes()).collect();
        for level in Level::all() {
            let mut out = vec![0; want.len()];
            level.f32_to_s16le(samples, &mut out);
            assert!(out == want, "{len} samples, {level:?}");
        }
    }
}
