//! DOS date and time as cabinets store them: local time without a zone, two seconds precise, years 1980 to 2107.
//!
//! Layout ([MS-CAB] 2.4, `date` and `time` of CFFILE): date = (year − 1980) · 512 + month · 32 + day,
//! time = hour · 2048 + minute · 32 + second / 2.

use std::fmt;

/// A moment in local time as a cabinet stores it. Values are ordered by time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DosDateTime {
    date: u16,
    time: u16,
}

const SECONDS_PER_DAY: i64 = 86_400;

impl DosDateTime {
    /// The moment with these fields; `None` when a field is out of its range or the day is not in the month. An odd second is
    /// stored as the even one before it.
    pub fn new(year: u16, month: u8, day: u8, hour: u8, minute: u8, second: u8) -> Option<Self> {
        let years = year.checked_sub(1980).filter(|years| *years < 128)?;
        let date = (years << 9) | (u16::from(month) << 5) | u16::from(day);
        let time = (u16::from(hour) << 11) | (u16::from(minute) << 5) | u16::from(second / 2);
        (month < 16 && day < 32 && hour < 32 && minute < 64 && second < 60).then_some(())?;
        Self::from_raw(date, time)
    }

    /// The moment from its two stored words; `None` when they are no date and time (all zero, for instance).
    pub fn from_raw(date: u16, time: u16) -> Option<Self> {
        let moment = Self { date, time };
        let days = days_in_month(moment.year(), moment.month())?;
        let valid = (1..=days).contains(&moment.day())
            && moment.hour() < 24
            && moment.minute() < 60
            && moment.second() < 60;
        valid.then_some(moment)
    }

    /// The two stored words, date and time.
    pub fn to_raw(self) -> (u16, u16) {
        (self.date, self.time)
    }

    /// Year, 1980 to 2107.
    pub fn year(self) -> u16 {
        1980 + (self.date >> 9)
    }

    /// Month, 1 to 12.
    pub fn month(self) -> u8 {
        (self.date >> 5 & 15) as u8
    }

    /// Day of the month, from 1.
    pub fn day(self) -> u8 {
        (self.date & 31) as u8
    }

    /// Hour, 0 to 23.
    pub fn hour(self) -> u8 {
        (self.time >> 11) as u8
    }

    /// Minute, 0 to 59.
    pub fn minute(self) -> u8 {
        (self.time >> 5 & 63) as u8
    }

    /// Second, even, 0 to 58.
    pub fn second(self) -> u8 {
        (self.time & 31) as u8 * 2
    }

    /// Seconds since 1970-01-01 00:00, counted as if the moment were in UTC. The caller applies the zone it wants.
    pub fn seconds_since_1970(self) -> i64 {
        let days = days_since_1970(i64::from(self.year()), i64::from(self.month()), i64::from(self.day()));
        days * SECONDS_PER_DAY
            + i64::from(self.hour()) * 3600
            + i64::from(self.minute()) * 60
            + i64::from(self.second())
    }

    /// The moment for seconds since 1970-01-01 00:00, counted as if in UTC; `None` outside 1980 to 2107.
    pub fn from_seconds_since_1970(seconds: i64) -> Option<Self> {
        let (year, month, day) = date_of_day(seconds.div_euclid(SECONDS_PER_DAY))?;
        let second = seconds.rem_euclid(SECONDS_PER_DAY);
        Self::new(year, month, day, (second / 3600) as u8, (second / 60 % 60) as u8, (second % 60) as u8)
    }
}

impl fmt::Display for DosDateTime {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "{:04}-{:02}-{:02} {:02}:{:02}:{:02}",
            self.year(),
            self.month(),
            self.day(),
            self.hour(),
            self.minute(),
            self.second()
        )
    }
}

fn days_in_month(year: u16, month: u8) -> Option<u8> {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => Some(31),
        4 | 6 | 9 | 11 => Some(30),
        2 => Some(if leap { 29 } else { 28 }),
        _ => None,
    }
}

/// Days from 1970-01-01 in the Gregorian calendar, with years counted from March so that the leap day comes last.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    365 * year + leap_days + (153 * month + 2) / 5 + day - 1 - 719_468
}

/// The date of a day counted from 1970-01-01, for the years that the format has.
fn date_of_day(day: i64) -> Option<(u16, u8, u8)> {
    let mut year =
        u16::try_from(1970 + day.div_euclid(366)).ok().filter(|year| (1970..2200).contains(year))?;
    // The estimate is at most one year short for the years in question; two steps bound it.
    while days_since_1970(i64::from(year) + 1, 1, 1) <= day {
        year += 1;
    }
    let mut rest = day - days_since_1970(i64::from(year), 1, 1);
    for month in 1..=12 {
        let days = i64::from(days_in_month(year, month)?);
        if rest < days {
            return Some((year, month, rest as u8 + 1));
        }
        rest -= days;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_and_stored_words_agree() {
        let moment = DosDateTime::new(2024, 2, 29, 23, 59, 59).unwrap();
        assert_eq!(moment.to_raw(), ((44 << 9) | (2 << 5) | 29, (23 << 11) | (59 << 5) | 29));
        assert_eq!(moment.to_string(), "2024-02-29 23:59:58");
        assert_eq!(moment.seconds_since_1970(), 1_709_251_198);
    }

    #[test]
    fn impossible_dates_are_refused() {
        assert_eq!(DosDateTime::from_raw(0, 0), None);
        assert_eq!(DosDateTime::new(1979, 12, 31, 0, 0, 0), None);
        assert_eq!(DosDateTime::new(2108, 1, 1, 0, 0, 0), None);
        assert_eq!(DosDateTime::new(2023, 2, 29, 0, 0, 0), None);
        assert_eq!(DosDateTime::new(2023, 13, 1, 0, 0, 0), None);
        assert_eq!(DosDateTime::new(2023, 1, 1, 24, 0, 0), None);
        assert_eq!(DosDateTime::new(2023, 1, 1, 0, 60, 0), None);
    }

    #[test]
    fn every_day_survives_the_way_through_seconds() {
        let mut moment = DosDateTime::new(1980, 1, 1, 12, 34, 56).unwrap();
        for _ in 0..47_000 {
            let seconds = moment.seconds_since_1970();
            assert_eq!(DosDateTime::from_seconds_since_1970(seconds), Some(moment));
            match DosDateTime::from_seconds_since_1970(seconds + SECONDS_PER_DAY) {
                Some(next) => moment = next,
                None => break,
            }
        }
        assert_eq!(moment.to_string(), "2107-12-31 12:34:56");
        assert_eq!(DosDateTime::from_seconds_since_1970(i64::MAX), None);
        assert_eq!(DosDateTime::from_seconds_since_1970(i64::MIN), None);
    }
}
