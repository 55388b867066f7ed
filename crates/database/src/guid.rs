//! Identifiers in the form of a GUID, and the forms in which Windows Installer stores them.
//!
//! The category of these values is documented on the page `guid.md`; that letters are written in upper case
//! is documented there too. Product, package, upgrade and component codes are types of their own, so that one
//! cannot be passed for another.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A GUID, kept as the 16 bytes in the order in which they are written (`{00112233-4455-…}` is `00 11 22 33
/// 44 55 …`).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Guid([u8; 16]);

/// A text that should be a GUID and is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is not a GUID of the form {{XXXXXXXX-XXXX-XXXX-XXXX-XXXXXXXXXXXX}}")]
pub struct GuidError {
    /// The text as it was found.
    pub text: String,
}

impl Guid {
    /// The GUID with these bytes, in written order.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bytes in written order.
    pub const fn to_bytes(self) -> [u8; 16] {
        self.0
    }

    /// The packed form of 32 digits that the installer's registry keys use: the digits of the first three
    /// groups in reverse order, and the two digits of each later byte exchanged.
    pub fn to_packed(self) -> String {
        let mut packed = String::with_capacity(32);
        let (groups, last) = self.0.split_at(8);
        let (first, others) = groups.split_at(4);
        let (second, third) = others.split_at(2);
        for byte in [first, second, third].into_iter().flat_map(|group| group.iter().rev()) {
            push_swapped(&mut packed, *byte);
        }
        for byte in last {
            push_swapped(&mut packed, *byte);
        }
        packed
    }

    /// Reads the form that [`Guid::to_packed`] writes.
    ///
    /// # Errors
    /// When the text is not 32 hexadecimal digits.
    pub fn from_packed(text: &str) -> Result<Self, GuidError> {
        let error = || GuidError { text: text.to_owned() };
        let digits = text.as_bytes();
        if digits.len() != 32 {
            return Err(error());
        }
        let mut bytes = [0; 16];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            let [low, high] = pair else { return Err(error()) };
            let digit = |value: u8| (value as char).to_digit(16).ok_or_else(error);
            *byte = (digit(*high)? * 16 + digit(*low)?) as u8;
        }
        bytes[0..4].reverse();
        bytes[4..6].reverse();
        bytes[6..8].reverse();
        Ok(Self(bytes))
    }
}

fn push_swapped(text: &mut String, byte: u8) {
    for digit in [byte & 15, byte >> 4] {
        let digit = char::from_digit(digit.into(), 16).unwrap_or('0');
        text.push(digit.to_ascii_uppercase());
    }
}

impl FromStr for Guid {
    type Err = GuidError;

    /// Reads `{XXXXXXXX-XXXX-XXXX-XXXX-XXXXXXXXXXXX}` in either letter case.
    fn from_str(text: &str) -> Result<Self, GuidError> {
        let error = || GuidError { text: text.to_owned() };
        let inner = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).ok_or_else(error)?;
        if inner.len() != 36 || !inner.is_ascii() {
            return Err(error());
        }
        let mut bytes = [0; 16];
        let mut digits = 0;
        for (position, character) in inner.bytes().enumerate() {
            if matches!(position, 8 | 13 | 18 | 23) {
                if character != b'-' {
                    return Err(error());
                }
                continue;
            }
            let digit = (character as char).to_digit(16).ok_or_else(error)? as u8;
            let byte: &mut u8 = bytes.get_mut(digits / 2).ok_or_else(error)?;
            *byte = *byte * 16 + digit;
            digits += 1;
        }
        Ok(Self(bytes))
    }
}

impl fmt::Display for Guid {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("{")?;
        for (index, byte) in self.0.iter().enumerate() {
            if matches!(index, 4 | 6 | 8 | 10) {
                out.write_str("-")?;
            }
            write!(out, "{byte:02X}")?;
        }
        out.write_str("}")
    }
}

impl fmt::Debug for Guid {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

impl Serialize for Guid {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Guid {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

macro_rules! identifier {
    ($(#[$documentation:meta])* $name:ident) => {
        $(#[$documentation])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub struct $name(pub Guid);

        impl FromStr for $name {
            type Err = GuidError;
            fn from_str(text: &str) -> Result<Self, GuidError> {
                text.parse().map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(out)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, out)
            }
        }
    };
}

identifier!(
    /// The code of one product, property `ProductCode` (page `product-codes.md`).
    ProductCode
);
identifier!(
    /// The code of one package file, in its summary information (page `package-codes.md`).
    PackageCode
);
identifier!(
    /// The code that related products share, property `UpgradeCode` (page `upgradecode.md`).
    UpgradeCode
);
identifier!(
    /// The code of a component, column `ComponentId` of the Component table (page `component-table.md`).
    ComponentId
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_either_case_and_writes_upper_case() {
        let guid: Guid = "{0f2c6e8b-5c6b-4c0b-9f57-0d8a0f1e2d3c}".parse().unwrap();
        assert_eq!(guid.to_string(), "{0F2C6E8B-5C6B-4C0B-9F57-0D8A0F1E2D3C}");
    }

    #[test]
    fn packs_by_reversing_the_groups() {
        let guid: Guid = "{12345678-9ABC-DEF0-1234-56789ABCDEF0}".parse().unwrap();
        assert_eq!(guid.to_packed(), "87654321CBA90FED2143658 7A9CBED0F".replace(' ', ""));
        assert_eq!(Guid::from_packed(&guid.to_packed()).unwrap(), guid);
    }

    #[test]
    fn refuses_what_is_no_guid() {
        for text in [
            "",
            "{}",
            "12345678-9ABC-DEF0-1234-56789ABCDEF0",
            "{12345678-9ABC-DEF0-1234-56789ABCDEFG}",
            "{12345678X9ABC-DEF0-1234-56789ABCDEF0}",
            "{12345678-9ABC-DEF0-1234-56789ABCDEF00}",
        ] {
            assert!(text.parse::<Guid>().is_err(), "{text}");
        }
        assert!(Guid::from_packed("0123").is_err());
    }
}
