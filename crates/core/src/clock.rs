//! The monotonic clock all time stamps are on. Reading it is no system call where the kernel maps
//! the clock into the process (Linux, macOS, Windows), so the audio threads may. And the calendar, for
//! names made of dates.

use std::sync::OnceLock;
use std::time::Instant;

static ORIGIN: OnceLock<Instant> = OnceLock::new();

/// Fixes the origin of [`now`]. Called before the audio threads start, so that none of them is the
/// first to: the first call may wait for another thread's.
pub fn start() {
    ORIGIN.get_or_init(Instant::now);
}

/// Nanoseconds since [`start`], never going back.
pub fn now() -> u64 {
    let origin = ORIGIN.get_or_init(Instant::now);
    u64::try_from(origin.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

/// The instant of a time stamp of [`now`].
pub fn instant(ns: u64) -> Instant {
    *ORIGIN.get_or_init(Instant::now) + std::time::Duration::from_nanos(ns)
}

/// Day (`2026-11-22`) and time (`153705`) of a Unix time, in UTC.
///
/// Months are counted from March, so that the leap day is the last of the year, and years in eras of
/// 400, which all have 146,097 days.
pub fn utc(seconds: u64) -> (String, String) {
    let (days, second) = (seconds / 86_400 + 719_468, seconds % 86_400);
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, late) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    let year = era * 400 + year + late;
    (format!("{year:04}-{month:02}-{day:02}"), format!("{:02}{:02}{:02}", second / 3600, second / 60 % 60, second % 60))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_times_are_those_of_the_calendar() {
        for (seconds, date, time) in [
            (0, "1970-01-01", "000000"),
            (951_782_399, "2000-02-28", "235959"),
            (951_782_400, "2000-02-29", "000000"),
            (951_868_800, "2000-03-01", "000000"),
            (1_795_361_825, "2026-11-22", "153705"),
            (4_107_542_400, "2100-03-01", "000000"),
        ] {
            assert_eq!(utc(seconds), (date.to_owned(), time.to_owned()), "{seconds}");
        }
    }
}
