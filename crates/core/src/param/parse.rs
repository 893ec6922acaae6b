//! Durations and sizes as people write them.

/// The milliseconds of a text such as `"300ms"`, `"1.5s"`, `"2m"`, `"1h"`, `"500us"` (rounded down
/// to whole milliseconds only below), or what is wrong with it.
///
/// # Errors
/// The text has no number, no unit, an unknown unit, or is longer than a hundred years.
pub fn parse_duration(text: &str) -> Result<std::time::Duration, String> {
    let (number, unit) = split_unit(text)?;
    let seconds = match unit {
        "us" | "µs" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        "" => return Err(format!("\"{text}\" has no unit: write \"{text}ms\" or \"{text}s\"")),
        other => return Err(format!("\"{other}\" is no unit of time: use us, ms, s, m or h")),
    };
    match std::time::Duration::try_from_secs_f64(number * seconds) {
        Ok(duration) if duration.as_secs() < 100 * 366 * 86_400 => Ok(duration),
        _ => Err(format!("\"{text}\" is too long")),
    }
}

/// The bytes of a text such as `"1MiB"`, `"64KB"`, `"512"`, or what is wrong with it.
///
/// # Errors
/// The text has no number or an unknown unit, or does not fit 64 bits.
pub fn parse_bytes(text: &str) -> Result<u64, String> {
    let (number, unit) = split_unit(text)?;
    let scale = match unit {
        "" | "B" => 1.0,
        "KB" | "kB" => 1e3,
        "MB" => 1e6,
        "GB" => 1e9,
        "KiB" => 1024.0,
        "MiB" => 1_048_576.0,
        "GiB" => 1_073_741_824.0,
        other => return Err(format!("\"{other}\" is no unit of size: use B, KB, KiB, MB, MiB, GB or GiB")),
    };
    let bytes = number * scale;
    if bytes < 9e18 { Ok(bytes as u64) } else { Err(format!("\"{text}\" is too large")) }
}

/// A duration as people write it.
pub fn show_duration(duration: std::time::Duration) -> String {
    let ms = duration.as_millis();
    match ms {
        0 if !duration.is_zero() => format!("{}us", duration.as_micros()),
        0 => "0s".to_owned(),
        _ if ms.is_multiple_of(3_600_000) => format!("{}h", ms / 3_600_000),
        _ if ms.is_multiple_of(60_000) => format!("{}m", ms / 60_000),
        _ if ms.is_multiple_of(1000) => format!("{}s", ms / 1000),
        _ => format!("{ms}ms"),
    }
}

fn split_unit(text: &str) -> Result<(f64, &str), String> {
    let text = text.trim();
    let end = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    match number.parse::<f64>() {
        Ok(value) if value.is_finite() => Ok((value, unit.trim())),
        _ => Err(format!("\"{text}\" does not begin with a number")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn durations_need_a_number_and_a_unit() {
        assert_eq!(parse_duration("300ms"), Ok(Duration::from_millis(300)));
        assert_eq!(parse_duration("1.5 s"), Ok(Duration::from_millis(1500)));
        assert_eq!(parse_duration("2h"), Ok(Duration::from_secs(7200)));
        for bad in ["", "ms", "300", "3 parsecs", "-1s", "1e99s", "999999999h", "NaNs"] {
            assert!(parse_duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn sizes_count_in_tens_or_in_twos() {
        assert_eq!(parse_bytes("1MiB"), Ok(1 << 20));
        assert_eq!(parse_bytes("64 KB"), Ok(64_000));
        assert_eq!(parse_bytes("512"), Ok(512));
        assert!(parse_bytes("1 MeB").is_err());
    }
}
