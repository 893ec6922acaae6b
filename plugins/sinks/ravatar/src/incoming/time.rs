//! When a message was made, in the forms the service uses. Pure.

/// The first and the last millisecond that are believed: the years 2000 to 2099.
const BELIEVED: std::ops::Range<u64> = 946_684_800_000..4_102_444_800_000;

/// Unix milliseconds of a `timestamp` text (RFC 3339), else of a numeric `date`, which is seconds
/// below 10¹¹ and milliseconds from there on: the same name is used for both. `None` for nothing,
/// and for what lies outside this century; then the time of receipt is the best there is.
///
/// ```
/// use glottis_sink_ravatar::incoming::unix_ms;
///
/// assert_eq!(unix_ms(None, Some(1_769_698_497.0)), Some(1_769_698_497_000));
/// assert_eq!(unix_ms(None, Some(1_769_698_497_263.0)), Some(1_769_698_497_263));
/// assert_eq!(unix_ms(Some("2026-01-29T14:54:57.263Z"), None), Some(1_769_698_497_263));
/// ```
pub fn unix_ms(timestamp: Option<&str>, date: Option<f64>) -> Option<u64> {
    let numeric = || {
        let date = date?;
        let ms = if date >= 1e11 { date } else { date * 1000.0 };
        (ms >= 0.0).then_some(ms as u64)
    };
    timestamp.and_then(rfc3339).or_else(numeric).filter(|ms| BELIEVED.contains(ms))
}

/// `2026-01-29T14:54:57.263Z`, with any number of fraction digits and any offset.
fn rfc3339(text: &str) -> Option<u64> {
    let (date, time) = text.trim().split_once(['T', 't', ' '])?;
    let (year, month, day) = three(date, '-')?;
    let zone = time.rfind(['Z', 'z', '+', '-'])?;
    let (clock, zone) = time.split_at(zone);
    let (whole, fraction) = clock.split_once('.').unwrap_or((clock, ""));
    let (hour, minute, second) = three(whole, ':')?;
    let in_range = (1..=12).contains(&month) && (1..=31).contains(&day) && hour < 24 && minute < 60 && second <= 60;
    if !in_range || !fraction.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let ms: i64 = format!("{fraction:0<3}")[..3].parse().ok()?;
    let seconds = days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - offset(zone)?;
    u64::try_from(seconds * 1000 + ms).ok()
}

fn three(text: &str, between: char) -> Option<(i64, i64, i64)> {
    let mut parts = text.split(between).map(|part| part.parse::<u16>().map(i64::from).ok());
    let three = (parts.next()??, parts.next()??, parts.next()??);
    parts.next().is_none().then_some(three)
}

/// Seconds east of Greenwich.
fn offset(zone: &str) -> Option<i64> {
    if zone.eq_ignore_ascii_case("z") {
        return Some(0);
    }
    let (hours, minutes) = zone.get(1..)?.split_once(':')?;
    let seconds = hours.parse::<u8>().map(i64::from).ok()? * 3600 + minutes.parse::<u8>().map(i64::from).ok()? * 60;
    Some(if zone.starts_with('-') { -seconds } else { seconds })
}

/// Days since 1 January 1970 of a date of the Gregorian calendar, by Howard Hinnant's
/// "days_from_civil": years begin in March, so that the leap day comes last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    /// C64.
    #[test]
    fn seconds_and_milliseconds_are_told_apart() {
        let seconds = unix_ms(None, Some(1_769_698_497.0)).unwrap();
        let millis = unix_ms(None, Some(1_769_698_497_263.0)).unwrap();
        assert_eq!(seconds / 1000, millis / 1000);
    }

    #[test]
    fn texts_are_read_with_fractions_and_offsets() {
        let want = Some(1_769_698_497_000);
        for text in
            ["2026-01-29T14:54:57Z", "2026-01-29 14:54:57z", "2026-01-29T16:24:57+01:30", "2026-01-29T09:54:57-05:00"]
        {
            assert_eq!(unix_ms(Some(text), None), want, "{text}");
        }
        assert_eq!(unix_ms(Some("2024-02-29T00:00:00.5Z"), None), Some(1_709_164_800_500));
        assert_eq!(unix_ms(Some("2000-01-01T00:00:00.123456789Z"), None), Some(946_684_800_123));
    }

    #[test]
    fn what_cannot_be_is_not_believed() {
        for text in [
            "",
            "soon",
            "2026-01-29",
            "2026-13-01T00:00:00Z",
            "2026-01-29T14:54Z",
            "1970-01-01T00:00:00Z",
            "2026-01-29T14:54:57.ä12Z",
            "2026-01-29T14:54:57+ä",
            "-1-1-1T1:1:1Z",
        ] {
            assert_eq!(unix_ms(Some(text), None), None, "{text}");
        }
        for date in [0.0, -5.0, 1e300, f64::NAN] {
            assert_eq!(unix_ms(None, Some(date)), None, "{date}");
        }
        assert_eq!(unix_ms(Some("soon"), Some(1_769_698_497.0)), Some(1_769_698_497_000));
    }
}
