//! The lowest values of a band in the last hundred windows: what the noise there is thought to be.
//! Pipeline thread.

/// Values that are kept.
const KEPT: usize = 16;

/// Windows after which a value is too old.
const OLD: i16 = 100;

/// No value.
const NONE: i16 = 10_000;

/// How quickly the result follows downwards and upwards, in 1/32768.
const DOWN: i32 = 6_553;
const UP: i32 = 32_439;

/// The lowest values, in ascending order, and how old each is.
#[derive(Clone, Copy)]
pub(super) struct Lowest {
    values: [i16; KEPT],
    ages: [i16; KEPT],
    smooth: i16,
}

impl Default for Lowest {
    fn default() -> Lowest {
        Lowest { values: [NONE; KEPT], ages: [0; KEPT], smooth: 1_600 }
    }
}

impl Lowest {
    /// Takes the value of window `number` and returns what is low now, smoothed.
    pub(super) fn take(&mut self, value: i16, number: u32) -> i16 {
        self.age();
        let place = self.values.iter().map(|&lower| i16::from(lower <= value)).sum::<i16>() as usize;
        if place < KEPT {
            self.values.copy_within(place..KEPT - 1, place + 1);
            self.ages.copy_within(place..KEPT - 1, place + 1);
            (self.values[place], self.ages[place]) = (value, 1);
        }
        let (low, memory) = match number {
            0 => (1_600, 0),
            n => {
                let low = self.values[if n > 2 { 2 } else { 0 }];
                (low, if low < self.smooth { DOWN } else { UP })
            }
        };
        let sum = (memory + 1) * i32::from(self.smooth) + (i32::from(i16::MAX) - memory) * i32::from(low) + 16_384;
        self.smooth = super::low(sum >> 15);
        self.smooth
    }

    /// Makes all a window older, and forgets what is too old. What moves into its place is not made older
    /// this time.
    fn age(&mut self) {
        if !self.ages.contains(&OLD) {
            self.ages.iter_mut().for_each(|age| *age = age.wrapping_add(1));
            return;
        }
        for i in 0..KEPT {
            if self.ages[i] != OLD {
                self.ages[i] = self.ages[i].wrapping_add(1);
            } else {
                self.values.copy_within(i + 1.., i);
                self.ages.copy_within(i + 1.., i);
                (self.values[KEPT - 1], self.ages[KEPT - 1]) = (NONE, OLD + 1);
            }
        }
    }
}
