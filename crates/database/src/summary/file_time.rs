//! Points in time as Windows stores them.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A point in time, in ticks of 100 ns since the start of 1601 (UTC).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileTime(pub u64);

/// A text that should be a point in time and is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is not a time of the form YYYY/MM/DD hh:mm:ss")]
pub struct FileTimeError {
    /// The text as it was found.
    pub text: String,
}

const TICKS_A_SECOND: u64 = 10_000_000;
const SECONDS_A_DAY: u64 = 86_400;
/// From the start of 1601 to that of 1970.
const UNIX_SECONDS: u64 = 11_644_473_600;

impl FileTime {
    /// The point in time as the standard library has it; nothing beyond its range.
    pub fn to_system_time(self) -> Option<SystemTime> {
        let since = Duration::new(self.0 / TICKS_A_SECOND, (self.0 % TICKS_A_SECOND) as u32 * 100);
        let epoch = Duration::from_secs(UNIX_SECONDS);
        match since.checked_sub(epoch) {
            Some(after) => UNIX_EPOCH.checked_add(after),
            None => UNIX_EPOCH.checked_sub(epoch - since),
        }
    }
}

impl From<SystemTime> for FileTime {
    /// Times before 1601 become the start of 1601.
    fn from(time: SystemTime) -> Self {
        let epoch = Duration::from_secs(UNIX_SECONDS);
        let since = match time.duration_since(UNIX_EPOCH) {
            Ok(after) => epoch.saturating_add(after),
            Err(before) => epoch.saturating_sub(before.duration()),
        };
        Self((since.as_nanos() / 100).try_into().unwrap_or(u64::MAX))
    }
}

impl fmt::Display for FileTime {
    /// Writes the form of `.idt` files (page `-summaryinformation.md`), in UTC: `1999/03/22 15:25:45`.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0 / TICKS_A_SECOND;
        let (year, month, day) = date(seconds / SECONDS_A_DAY);
        let rest = seconds % SECONDS_A_DAY;
        let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
        write!(out, "{year:04}/{month:02}/{day:02} {hour:02}:{minute:02}:{second:02}")
    }
}

impl FromStr for FileTime {
    type Err = FileTimeError;

    /// Reads `YYYY/MM/DD`, with or without `hh:mm:ss` or `hh:mm` after it.
    fn from_str(text: &str) -> Result<Self, FileTimeError> {
        let error = || FileTimeError { text: text.to_owned() };
        let numbers = |text: &str, separator| -> Result<Vec<u64>, FileTimeError> {
            text.split(separator).map(|part| part.parse().map_err(|_| error())).collect()
        };
        let (day_text, clock_text) = text.trim().split_once(' ').unwrap_or((text.trim(), "0:0:0"));
        let day = numbers(day_text, '/')?;
        let clock = numbers(clock_text.trim(), ':')?;
        let (&[year, month, day], &[hour, minute, ref seconds @ ..]) = (day.as_slice(), clock.as_slice())
        else {
            return Err(error());
        };
        let second = match seconds {
            [] => 0,
            [second] => *second,
            _ => return Err(error()),
        };
        let is_date = (1601..=9999).contains(&year) && (1..=12).contains(&month);
        if !is_date || !(1..=days_in(year, month)).contains(&day) || hour > 23 || minute > 59 || second > 59 {
            return Err(error());
        }
        let days = days(year, month) + day - 1;
        Ok(Self((days * SECONDS_A_DAY + hour * 3600 + minute * 60 + second) * TICKS_A_SECOND))
    }
}

/// Year, month and day of a day counted from the start of 1601.
fn date(days: u64) -> (u64, u64, u64) {
    // 1601 starts a cycle of 400 years, in which only the leap days are irregular.
    let (cycles, mut rest) = (days / 146_097, days % 146_097);
    let centuries = (rest / 36_524).min(3);
    rest -= centuries * 36_524;
    let fours = rest / 1_461;
    rest -= fours * 1_461;
    let years = (rest / 365).min(3);
    rest -= years * 365;
    let year = 1601 + cycles * 400 + centuries * 100 + fours * 4 + years;
    let mut month = 1;
    while month < 12 && rest >= days_in(year, month) {
        rest -= days_in(year, month);
        month += 1;
    }
    (year, month, rest + 1)
}

/// Days from the start of 1601 to the start of a month.
fn days(year: u64, month: u64) -> u64 {
    let past = year - 1601;
    let before: u64 = (1..month).map(|month| days_in(year, month)).sum();
    past * 365 + past / 4 - past / 100 + past / 400 + before
}

fn days_in(year: u64, month: u64) -> u64 {
    match month {
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_times_are_written_and_read() {
        for (ticks, text) in [
            (0, "1601/01/01 00:00:00"),
            (116_444_736_000_000_000, "1970/01/01 00:00:00"),
            (133_536_384_000_000_000, "2024/02/29 00:00:00"),
        ] {
            assert_eq!(FileTime(ticks).to_string(), text);
            assert_eq!(text.parse(), Ok(FileTime(ticks)));
        }
    }

    #[test]
    fn every_day_of_a_cycle_comes_back() {
        for day in 0..150_000 {
            let (year, month, in_month) = date(day);
            assert_eq!(days(year, month) + in_month - 1, day);
        }
    }

    #[test]
    fn a_date_alone_is_midnight_and_nonsense_is_refused() {
        let midnight: FileTime = "1999/06/21".parse().unwrap();
        assert_eq!(midnight.to_string(), "1999/06/21 00:00:00");
        for text in [
            "",
            "1999",
            "1999/13/01",
            "1999/02/29",
            "1999/02/00",
            "1999/01/01 24:00:00",
            "1500/01/01",
            "x/y/z",
        ] {
            assert!(text.parse::<FileTime>().is_err(), "{text}");
        }
    }

    #[test]
    fn system_time_comes_back() {
        for ticks in [0, 1, 116_444_736_000_000_000, 133_536_384_123_456_700] {
            assert_eq!(FileTime::from(FileTime(ticks).to_system_time().unwrap()), FileTime(ticks));
        }
    }
}
