//! The names of streams: two characters of a 64-character alphabet share one UTF-16 unit.
//!
//! The page `ole-limitations-on-streams.md` says that names are compressed so that up to 62 characters fit
//! into 31. Units from 0x3800 on hold two characters, from 0x4800 on a single one, and 0x4840 starts the name
//! of a table. Other characters are stored as they are.

const PAIRS: u16 = 0x3800;
const SINGLES: u16 = 0x4800;
const TABLE: u16 = 0x4840;
/// A compound file has room for so many units.
const MOST_UNITS: usize = 31;
const ALPHABET: &[u8; 64] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz._";

/// What a stream holds, as its name tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Content {
    /// The data of a table.
    Table,
    /// Anything else.
    Other,
}

/// The name in plain characters.
pub(crate) fn decode(units: &[u16]) -> (Content, String) {
    let (content, units) = match units.split_first() {
        Some((&TABLE, rest)) => (Content::Table, rest),
        _ => (Content::Other, units),
    };
    let mut plain = Vec::with_capacity(units.len() * 2);
    for &unit in units {
        match unit {
            PAIRS..SINGLES => {
                let pair = unit - PAIRS;
                plain.extend([character(pair & 63), character(pair >> 6)]);
            }
            SINGLES..TABLE => plain.push(character(unit - SINGLES)),
            _ => plain.push(unit),
        }
    }
    (content, String::from_utf16_lossy(&plain))
}

/// The name as stored; nothing when it is too long, empty, or has a character that no stream may have.
pub(crate) fn encode(content: Content, name: &str) -> Option<Vec<u16>> {
    let mut units = Vec::new();
    if content == Content::Table {
        units.push(TABLE);
    }
    // Names of the property sets start with a control character and are stored as they are.
    if name.starts_with('\u{5}') {
        units.extend(name.encode_utf16());
    } else {
        let mut plain = name.encode_utf16().peekable();
        while let Some(unit) = plain.next() {
            let Some(first) = digit(unit) else {
                units.push(unit);
                continue;
            };
            match plain.peek().copied().and_then(digit) {
                Some(second) => {
                    units.push(PAIRS + first + (second << 6));
                    plain.next();
                }
                None => units.push(SINGLES + first),
            }
        }
    }
    let forbidden = |&unit: &u16| [0, 0x21, 0x2F, 0x3A, 0x5C].contains(&unit);
    (!name.is_empty() && units.len() <= MOST_UNITS && !units.iter().any(forbidden)).then_some(units)
}

fn character(digit: u16) -> u16 {
    ALPHABET.get(usize::from(digit)).copied().unwrap_or(b'?').into()
}

fn digit(unit: u16) -> Option<u16> {
    let position = match u8::try_from(unit).ok()? {
        byte @ b'0'..=b'9' => byte - b'0',
        byte @ b'A'..=b'Z' => byte - b'A' + 10,
        byte @ b'a'..=b'z' => byte - b'a' + 36,
        b'.' => 62,
        b'_' => 63,
        _ => return None,
    };
    Some(position.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_name_is_told_from_a_stream_name() {
        let stored = [TABLE, 0x3F3F, 0x4577, 0x446C, 0x3E6A, 0x44B2, 0x482F];
        assert_eq!(decode(&stored), (Content::Table, "_StringPool".to_owned()));
        assert_eq!(encode(Content::Table, "_StringPool").unwrap(), stored);
    }

    #[test]
    fn every_pair_of_characters_comes_back() {
        for first in ALPHABET {
            for second in ALPHABET.iter().chain(b"-\x05 ") {
                let name = String::from_utf8(vec![*first, *second]).unwrap();
                let units = encode(Content::Other, &name).unwrap();
                assert_eq!(decode(&units), (Content::Other, name));
            }
        }
    }

    #[test]
    fn names_that_no_stream_can_have_are_refused() {
        for name in ["", "a/b", "a\\b", "a:b", "a!b", "nul\0", &"-".repeat(32), &"x".repeat(63)] {
            assert_eq!(encode(Content::Other, name), None, "{name:?}");
        }
        assert_eq!(encode(Content::Other, &"x".repeat(62)).unwrap().len(), 31);
        assert_eq!(encode(Content::Table, &"x".repeat(61)), None);
    }

    #[test]
    fn property_sets_keep_their_names() {
        let units = encode(Content::Other, "\u{5}SummaryInformation").unwrap();
        assert_eq!(String::from_utf16(&units).unwrap(), "\u{5}SummaryInformation");
    }
}
