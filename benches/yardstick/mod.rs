//! What figures are divided by: a bare copy of the same samples, in the same group and at the same size.

use std::fmt::Display;
use std::hint::black_box;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId};

/// Between the beginnings of source and target, modulo a page of 4 KiB. At the same place of a page a
/// processor takes each load for one that waits for an earlier store, and a copy takes twice the time.
const APART: usize = 2048;

/// A row "copy of the input" in `group`.
pub fn copy<T: Copy>(group: &mut BenchmarkGroup<'_, WallTime>, size: impl Display, input: &[T]) {
    let bytes = std::mem::size_of::<T>();
    let page = 4096 / bytes;
    let Some(&first) = input.first() else { return };
    let mut room = vec![first; input.len() + page];
    let ahead = (input.as_ptr().addr() + APART).wrapping_sub(room.as_ptr().addr()) % 4096 / bytes;
    let target = &mut room[ahead..ahead + input.len()];
    group.bench_function(BenchmarkId::new("copy of the input", size), |b| {
        b.iter(|| black_box(&mut *target).copy_from_slice(black_box(input)));
    });
}
