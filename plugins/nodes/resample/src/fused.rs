//! Multiply and add with one rounding, the same bit for bit on every processor. Pipeline thread.

/// Whether what is compiled for the plain target, without a look at the processor, can fuse.
pub(crate) const ALWAYS: bool = cfg!(any(target_feature = "fma", target_arch = "aarch64"));

/// a · b + c, rounded once. `FUSED` where the caller is compiled for a processor that has an instruction
/// for it: elsewhere `f32::mul_add` would be a call of the C library for every sample. The numbers must
/// be finite. Real-time safe.
#[inline(always)]
pub(crate) fn mul_add<const FUSED: bool>(a: f32, b: f32, c: f32) -> f32 {
    if FUSED { a.mul_add(b, c) } else { emulated(a, b, c) }
}

/// In f64 the product is exact and the sum almost. What the sum lacks (Knuth's TwoSum) tells how to round
/// it to odd instead: towards zero, with the last bit set if anything was lost. Rounding that to f32 is
/// as good as rounding the exact sum (Boldo and Melquiond 2008).
#[inline(always)]
fn emulated(a: f32, b: f32, c: f32) -> f32 {
    let (product, c) = (f64::from(a) * f64::from(b), f64::from(c));
    let sum = product + c;
    let added = sum - product;
    let lost = (product - (sum - added)) + (c - added);
    let bits = sum.to_bits();
    let inexact = u64::from(lost != 0.0);
    let rounded_up = inexact & ((bits ^ lost.to_bits()) >> 63);
    f64::from_bits(bits.wrapping_sub(rounded_up) | inexact) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(a: f32, b: f32, c: f32) {
        let (got, want) = (emulated(a, b, c), a.mul_add(b, c));
        assert!(got.to_bits() == want.to_bits(), "{a:e} · {b:e} + {c:e}: {got:e}, not {want:e}");
    }

    /// Numbers of every bit pattern, without those that are not finite.
    fn random() -> impl Iterator<Item = f32> {
        let mut state = 1_u64;
        let next = move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            f32::from_bits((state >> 32) as u32)
        };
        std::iter::repeat_with(next).filter(|number| number.is_finite())
    }

    #[test]
    fn it_rounds_random_numbers_as_the_fused_operation_does() {
        let mut numbers = random();
        let mut next = || numbers.next().unwrap();
        for _ in 0..1_000_000 {
            check(next(), next(), next());
        }
    }

    #[test]
    fn it_rounds_sums_near_the_product_as_the_fused_operation_does() {
        let mut numbers = random();
        let mut next = || numbers.next().unwrap();
        for _ in 0..1_000_000 {
            // Both of a size, so that every bit of the product and of the sum counts.
            let (a, b, c) = (next() % 2.0, next() % 2.0, next() % 2.0);
            check(a, b, c);
            // Nearly all of it cancels.
            check(a, b, -(a * b));
            check(a, b, (-(a * b)).next_up());
        }
    }

    #[test]
    fn halves_and_the_smallest_numbers_round_as_the_fused_operation_does() {
        let (ulp, tiny) = (f32::EPSILON, f32::from_bits(1));
        // Products that are half of the sum's last place, and a very little more or less than that.
        let halves =
            [(ulp, 0.5), (ulp, 0.5 + ulp), (ulp, 0.5 - ulp / 4.0), (1.0 + ulp, 1.0 + ulp), (1.0 + ulp, 1.0 - ulp)];
        let others = [
            (tiny, tiny),
            (tiny, 0.5),
            (tiny, 1.5),
            (f32::MIN_POSITIVE, 0.75),
            (0.0, 1.0),
            (-0.0, 1.0),
            (f32::MAX, 1.0),
        ];
        let sums =
            [0.0, 1.0, 1.0 + ulp, 1.0 - ulp / 2.0, 2.0, tiny, 3.0 * tiny, f32::MIN_POSITIVE, f32::MAX, 1e9, 1e-9];
        for (a, b) in halves.into_iter().chain(others) {
            for c in sums {
                for (a, c) in [(a, c), (-a, c), (a, -c), (-a, -c)] {
                    check(a, b, c);
                }
            }
        }
    }
}
