//! The times of certificates and timestamps.

use jiff::Timestamp;
use jiff::civil::DateTime;

use crate::der::{Element, GENERALIZED_TIME, UTC_TIME};
use crate::error::SignatureError;

/// A UTCTime or GeneralizedTime.
pub(crate) fn read(element: Element<'_>) -> Result<Timestamp, SignatureError> {
    let error = SignatureError::Encoding { what: "a time", left: element.content.len() };
    let text = std::str::from_utf8(element.content).unwrap_or_default();
    // Parts of seconds say nothing here.
    let digits: &str = text.split(['Z', '.', '+', '-']).next().unwrap_or_default();
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(error);
    }
    let (year, rest) = match element.tag {
        // Two digits mean 1950 to 2049 (RFC 5280, 4.1.2.5.1).
        UTC_TIME => match (number(digits, 0, 2), digits.get(2..)) {
            (Some(year), Some(rest)) => (if year < 50 { 2000 + year } else { 1900 + year }, rest),
            _ => return Err(error),
        },
        GENERALIZED_TIME => match (number(digits, 0, 4), digits.get(4..)) {
            (Some(year), Some(rest)) => (year, rest),
            _ => return Err(error),
        },
        _ => return Err(error),
    };
    let part = |place| number(rest, place, 2).and_then(|number| i8::try_from(number).ok());
    let parts = (part(0), part(2), part(4), part(6), part(8).or(Some(0)));
    let (Some(month), Some(day), Some(hour), Some(minute), Some(second)) = parts else { return Err(error) };
    let civil = DateTime::new(year, month, day, hour, minute, second, 0);
    let time = civil.ok().and_then(|civil| civil.to_zoned(jiff::tz::TimeZone::UTC).ok());
    time.map(|time| time.timestamp()).ok_or(error)
}

fn number(digits: &str, place: usize, length: usize) -> Option<i16> {
    digits.get(place..place + length)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::der::Reader;

    #[test]
    fn both_kinds_of_time_are_read() {
        for (tag, text, expected) in [
            (UTC_TIME, "170221153000Z", "2017-02-21T15:30:00Z"),
            (UTC_TIME, "991231235959Z", "1999-12-31T23:59:59Z"),
            (UTC_TIME, "4912312359Z", "2049-12-31T23:59:00Z"),
            (GENERALIZED_TIME, "20500101000000Z", "2050-01-01T00:00:00Z"),
            (GENERALIZED_TIME, "20240229101112.123Z", "2024-02-29T10:11:12Z"),
        ] {
            let bytes = [&[tag, text.len() as u8], text.as_bytes()].concat();
            let time = read(Reader(&bytes).next("a time").unwrap()).unwrap();
            assert_eq!(time.to_string(), expected);
        }
        for text in ["", "17", "1702211530", "991331000000Z", "x70221153000Z"] {
            let bytes = [&[UTC_TIME, text.len() as u8], text.as_bytes()].concat();
            assert_eq!(read(Reader(&bytes).next("a time").unwrap()).is_err(), text != "1702211530", "{text}");
        }
    }
}
