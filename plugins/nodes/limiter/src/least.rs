//! The least of the last so many values, at a cost that does not depend on how many. Pipeline thread.

/// The candidates for the least value, oldest and smallest first: a value that a later one undercuts can
/// never be the least again, and goes.
pub(crate) struct Least {
    /// A ring of values and the number of the frame they belong to.
    ring: Box<[(u64, f32)]>,
    first: usize,
    len: usize,
    next: u64,
}

impl Least {
    /// Over the last `frames` values, at least one. Allocates.
    pub(crate) fn new(frames: usize) -> Least {
        Least { ring: vec![(0, 0.0); frames.max(1)].into(), first: 0, len: 0, next: 0 }
    }

    fn slot(&self, i: usize) -> usize {
        (self.first + i) % self.ring.len()
    }

    /// Takes a value in, lets the one `frames` before it go, and answers with the least. Real-time safe.
    pub(crate) fn of(&mut self, value: f32) -> f32 {
        while self.len > 0 && self.ring[self.slot(self.len - 1)].1 >= value {
            self.len -= 1;
        }
        if self.len > 0 && self.ring[self.first].0 + self.ring.len() as u64 <= self.next {
            self.first = self.slot(1);
            self.len -= 1;
        }
        let last = self.slot(self.len);
        self.ring[last] = (self.next, value);
        self.len += 1;
        self.next += 1;
        self.ring[self.first].1
    }

    /// Real-time safe.
    pub(crate) fn clear(&mut self) {
        (self.first, self.len) = (0, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::Least;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_is_the_least_of_the_window(frames in 1_usize..20, values in prop::collection::vec(0_u8..30, 0..200)) {
            let mut least = Least::new(frames);
            for (i, &value) in values.iter().enumerate() {
                let window = &values[(i + 1).saturating_sub(frames)..=i];
                prop_assert_eq!(least.of(f32::from(value)), f32::from(*window.iter().min().unwrap()));
            }
        }
    }
}
