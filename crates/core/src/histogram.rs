//! A histogram of durations that never allocates: one thread records, anyone reads.
//!
//! Buckets are log-linear as in HdrHistogram (Gil Tene): 32 per power of two, so that a figure read
//! back is at most 3 % too high.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

const SUB: usize = 32;
const OCTAVES: usize = 28;

/// Durations in microseconds, up to 2³² of them (71 minutes).
pub struct Histogram {
    buckets: Box<[AtomicU64]>,
    max: AtomicU64,
}

impl Default for Histogram {
    fn default() -> Self {
        Histogram { buckets: (0..SUB * OCTAVES).map(|_| AtomicU64::new(0)).collect(), max: AtomicU64::new(0) }
    }
}

impl Histogram {
    /// Counts a duration of `us` microseconds. Real-time safe.
    pub fn record(&self, us: u64) {
        self.buckets[index(us)].fetch_add(1, Relaxed);
        self.max.fetch_max(us, Relaxed);
    }

    /// The figures a report prints.
    pub fn read(&self) -> Quantiles {
        self.counts().quantiles()
    }

    /// What was counted so far.
    pub fn counts(&self) -> Counts {
        Counts { buckets: self.buckets.iter().map(|b| b.load(Relaxed)).collect(), max: self.max.load(Relaxed) }
    }
}

/// What a [`Histogram`] has counted, to be put together with what others have.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Empty for nothing.
    buckets: Vec<u64>,
    max: u64,
}

impl Counts {
    /// Counts what `other` has counted too.
    pub fn add(&mut self, other: &Counts) {
        self.buckets.resize(self.buckets.len().max(other.buckets.len()), 0);
        for (mine, theirs) in self.buckets.iter_mut().zip(&other.buckets) {
            *mine += theirs;
        }
        self.max = self.max.max(other.max);
    }

    /// The figures of all of it.
    pub fn quantiles(&self) -> Quantiles {
        let Counts { buckets: counts, max } = self;
        let (n, max) = (counts.iter().sum::<u64>(), *max);
        let quantile = |q: f64| {
            let rank = ((n as f64 * q).ceil() as u64).max(1);
            let mut seen = 0;
            for (i, count) in counts.iter().enumerate() {
                seen += count;
                if seen >= rank {
                    return upper(i).min(max);
                }
            }
            max
        };
        Quantiles { n, p50: quantile(0.5), p90: quantile(0.9), p99: quantile(0.99), max }
    }
}

/// Quantiles of a [`Histogram`], in microseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, serde::Serialize)]
pub struct Quantiles {
    /// How many were recorded.
    pub n: u64,
    /// Half were at most this.
    pub p50: u64,
    /// Nine in ten were at most this.
    pub p90: u64,
    /// 99 in 100 were at most this.
    pub p99: u64,
    /// The longest, exact.
    pub max: u64,
}

/// The bucket of `us`: exact below 32, then 32 buckets for each power of two.
fn index(us: u64) -> usize {
    let us = us.min((1 << 32) - 1);
    if us < SUB as u64 {
        return us as usize;
    }
    let octave = us.ilog2() as usize - 5;
    SUB + octave * SUB + ((us >> octave) as usize - SUB)
}

/// The largest duration bucket `i` holds.
fn upper(i: usize) -> u64 {
    if i < SUB {
        return i as u64;
    }
    let (octave, sub) = ((i - SUB) / SUB, (i - SUB) % SUB);
    (((sub + SUB + 1) as u64) << octave) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_at_most_three_percent_high() {
        let histogram = Histogram::default();
        for us in 1..=100_000 {
            histogram.record(us);
        }
        let read = histogram.read();
        assert_eq!((read.n, read.max), (100_000, 100_000));
        for (got, want) in [(read.p50, 50_000.0), (read.p90, 90_000.0), (read.p99, 99_000.0)] {
            let ratio = got as f64 / want;
            assert!((1.0..1.035).contains(&ratio), "{got} for {want}");
        }
    }

    #[test]
    fn counts_of_two_are_those_of_one_that_saw_both() {
        let [one, other, both] = [(); 3].map(|()| Histogram::default());
        for us in (1..2000).map(|i| i * i) {
            if us % 3 == 0 {
                one.record(us)
            } else {
                other.record(us)
            }
            both.record(us);
        }
        let mut sum = Counts::default();
        assert_eq!(sum.quantiles(), Quantiles::default());
        sum.add(&one.counts());
        sum.add(&other.counts());
        assert_eq!(sum.quantiles(), both.read());
    }

    #[test]
    fn counts_go_on_beyond_31_and_32_bits() {
        for before in [(1_u64 << 31) - 1, (1 << 32) - 1] {
            let histogram = Histogram::default();
            histogram.buckets[index(7)].store(before, Relaxed);
            histogram.buckets[index(9)].store(before, Relaxed);
            (0..3).for_each(|_| histogram.record(9));
            let read = histogram.read();
            assert_eq!((read.n, read.p50, read.p90, read.max), (2 * before + 3, 9, 9, 9));
        }
    }

    #[test]
    fn every_duration_lies_in_a_bucket_whose_bounds_hold_it() {
        for us in (0..34).flat_map(|bit| [(1u64 << bit) - 1, 1 << bit, (1 << bit) + 1]) {
            let i = index(us);
            assert!(us.min((1 << 32) - 1) <= upper(i));
            assert!(i == 0 || upper(i - 1) < us.min((1 << 32) - 1));
        }
    }
}
