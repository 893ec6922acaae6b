//! What values a control port of an effect takes: range and default, from its hints. Control side.

use crate::abi::{self, Hint};

/// A control of an effect: a port that takes one number per block.
#[derive(Clone, Debug)]
pub struct Control {
    name: String,
    hint: Hint,
}

impl Control {
    pub(crate) fn new(name: String, hint: Hint) -> Control {
        Control { name, hint }
    }

    /// Its name: the key in `controls`.
    pub fn name(&self) -> &str {
        &self.name
    }

    fn is(&self, bit: i32) -> bool {
        self.hint.bits & bit != 0
    }

    /// Whether its range depends on the rate.
    pub(crate) fn needs_rate(&self) -> bool {
        self.is(abi::SAMPLE_RATE)
    }

    /// The limits at a rate of `hz`; either may be missing.
    pub fn range(&self, hz: f32) -> (Option<f32>, Option<f32>) {
        let scale = if self.needs_rate() { hz } else { 1.0 };
        let limit = |bit, value: f32| (self.is(bit) && value.is_finite()).then_some(value * scale);
        (limit(abi::BOUNDED_BELOW, self.hint.lower), limit(abi::BOUNDED_ABOVE, self.hint.upper))
    }

    /// The value it has when it is not written. Where the effect names none: the one nearest to 0 that is
    /// within the limits.
    pub fn default(&self, hz: f32) -> f32 {
        let (lower, upper) = self.range(hz);
        let between = |share: f32| match (lower, upper) {
            (Some(low), Some(high)) if self.is(abi::LOGARITHMIC) && low > 0.0 && high > 0.0 => {
                (low.ln() * (1.0 - share) + high.ln() * share).exp()
            }
            (Some(low), Some(high)) => low * (1.0 - share) + high * share,
            (Some(end), None) | (None, Some(end)) => end,
            (None, None) => 0.0,
        };
        let value = match self.hint.bits & abi::DEFAULT {
            abi::DEFAULT_MINIMUM => lower.unwrap_or(0.0),
            abi::DEFAULT_LOW => between(0.25),
            abi::DEFAULT_MIDDLE => between(0.5),
            abi::DEFAULT_HIGH => between(0.75),
            abi::DEFAULT_MAXIMUM => upper.unwrap_or(0.0),
            abi::DEFAULT_1 => 1.0,
            abi::DEFAULT_100 => 100.0,
            abi::DEFAULT_440 => 440.0,
            _ => 0.0,
        };
        let value = if self.is(abi::INTEGER) { value.round() } else { value };
        value.max(lower.unwrap_or(f32::MIN)).min(upper.unwrap_or(f32::MAX))
    }

    /// `value` if it is one this control takes at a rate of `hz`, else what is wrong with it.
    pub(crate) fn check(&self, value: f64, hz: f32) -> Result<f32, String> {
        let single = value as f32;
        if self.is(abi::INTEGER) && single.fract() != 0.0 {
            return Err(format!("{value} is no whole number"));
        }
        let (lower, upper) = self.range(hz);
        if lower.is_some_and(|low| single < low) || upper.is_some_and(|high| single > high) || !single.is_finite() {
            return Err(format!("{value} is out of range ({})", self.values(Some(hz))));
        }
        Ok(single)
    }

    /// Its range in words; without a rate a limit that depends on it is told as a multiple of it.
    pub fn values(&self, hz: Option<f32>) -> String {
        let unit = if self.needs_rate() && hz.is_none() { " times the rate" } else { "" };
        let range = match self.range(hz.unwrap_or(1.0)) {
            _ if self.is(abi::TOGGLED) => "0 off, 1 on".to_owned(),
            (Some(low), Some(high)) => format!("{low}..{high}{unit}"),
            (Some(low), None) => format!("from {low}{unit}"),
            (None, Some(high)) => format!("to {high}{unit}"),
            (None, None) => "any number".to_owned(),
        };
        if self.is(abi::INTEGER) { format!("{range}, whole") } else { range }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn control(bits: i32, lower: f32, upper: f32) -> Control {
        Control::new("x".to_owned(), Hint { bits, lower, upper })
    }

    const BOTH: i32 = abi::BOUNDED_BELOW | abi::BOUNDED_ABOVE;

    #[test]
    fn defaults_are_those_of_the_specification() {
        for (bits, value) in [
            (0, 10.0),
            (abi::DEFAULT_MINIMUM, 10.0),
            (abi::DEFAULT_LOW, 257.5),
            (abi::DEFAULT_MIDDLE, 505.0),
            (abi::DEFAULT_HIGH, 752.5),
            (abi::DEFAULT_MAXIMUM, 1_000.0),
            (0x200, 10.0),
            (abi::DEFAULT_100, 100.0),
            (abi::DEFAULT_440, 440.0),
            (abi::DEFAULT_MIDDLE | abi::LOGARITHMIC, 100.0),
            (abi::DEFAULT_LOW | abi::LOGARITHMIC, 31.622_776),
            (abi::DEFAULT_LOW | abi::INTEGER, 258.0),
        ] {
            let default = control(bits | BOTH, 10.0, 1_000.0).default(48_000.0);
            assert!((default - value).abs() < 1e-3, "{bits:#x}: {default}, not {value}");
        }
        assert_eq!(control(abi::DEFAULT_1, 0.0, 0.0).default(48_000.0), 1.0);
        assert_eq!(control(BOTH, -10.0, 10.0).default(48_000.0), 0.0);
    }

    #[test]
    fn limits_may_be_multiples_of_the_rate() {
        let cutoff = control(BOTH | abi::SAMPLE_RATE | abi::DEFAULT_MAXIMUM, 0.125, 0.5);
        assert_eq!(cutoff.range(16_000.0), (Some(2_000.0), Some(8_000.0)));
        assert_eq!(cutoff.default(48_000.0), 24_000.0);
        assert!(cutoff.check(8_000.0, 16_000.0).is_ok() && cutoff.check(8_001.0, 16_000.0).is_err());
        assert_eq!(cutoff.values(None), "0.125..0.5 times the rate");
        assert_eq!(cutoff.check(9_000.0, 16_000.0).unwrap_err(), "9000 is out of range (2000..8000)");
    }

    #[test]
    fn whole_numbers_are_whole() {
        let poles = control(abi::INTEGER | abi::BOUNDED_BELOW, 1.0, 0.0);
        assert_eq!(poles.check(2.5, 48_000.0).unwrap_err(), "2.5 is no whole number");
        assert_eq!((poles.check(2.0, 48_000.0), poles.values(None)), (Ok(2.0), "from 1, whole".to_owned()));
    }
}
