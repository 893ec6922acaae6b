//! Durations in configuration text: `"300ms"`, `"2s"`, `"10m"`, `"24h"`, and `"off"` where a
//! duration may be absent. Pure functions, any thread.

use serde::{Deserialize, Deserializer, de::Error};
use std::time::Duration;

/// Reads a duration with its unit (`ms`, `s`, `m`, `h`).
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is not a duration such as \"300ms\", \"2s\", \"10m\" or \"24h\"");
    let text = text.trim();
    let unit_at = text.find(|c: char| c.is_ascii_alphabetic()).ok_or_else(wrong)?;
    let (number, unit) = text.split_at(unit_at);
    let factor = match unit {
        "ms" => 0.001,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return Err(wrong()),
    };
    let number: f64 = number.trim().parse().map_err(|_| wrong())?;
    Duration::try_from_secs_f64(number * factor).map_err(|_| wrong())
}

/// For `#[serde(deserialize_with)]` on a `Duration`.
pub(crate) fn required<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    parse(&String::deserialize(from)?).map_err(D::Error::custom)
}

/// For `#[serde(deserialize_with)]` on an `Option<Duration>`; `"off"` is `None`.
pub(crate) fn or_off<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
    let text = String::deserialize(from)?;
    if text == "off" {
        return Ok(None);
    }
    parse(&text).map(Some).map_err(D::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_units_and_refuses_the_rest() {
        assert_eq!(parse("300ms"), Ok(Duration::from_millis(300)));
        assert_eq!(parse("1.5 s"), Ok(Duration::from_millis(1500)));
        assert_eq!(parse("24h"), Ok(Duration::from_secs(86_400)));
        for wrong in ["", "5", "-1s", "1 day", "ms", "1e400s"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
