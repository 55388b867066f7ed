//! Versions of products and files, and their order (pages `productversion.md`, `version.md`).

use std::fmt;
use std::str::FromStr;

use reseat_database::Value;
use serde::{Deserialize, Serialize};

use crate::row::{Cell, CellError};

/// A text that is not a version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VersionError {
    /// A field is no number, or there are none or too many.
    #[error("'{text}' is not a version of numbers separated by full stops")]
    Form {
        /// The text.
        text: String,
    },
    /// A field is larger than its documented limit.
    #[error("field {field} of version '{text}' is larger than {limit}")]
    TooLarge {
        /// The text.
        text: String,
        /// The field, from 1 on.
        field: usize,
        /// The largest number that it may hold.
        limit: u32,
    },
}

/// A product's version. Only the first three fields count, so only they are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct ProductVersion {
    /// At most 255.
    pub major: u8,
    /// At most 255.
    pub minor: u8,
    /// At most 65,535.
    pub build: u16,
}

impl ProductVersion {
    /// The number that the registry holds: major, minor and build in one.
    pub fn packed(self) -> u32 {
        u32::from(self.major) << 24 | u32::from(self.minor) << 16 | u32::from(self.build)
    }

    /// Reads what [`ProductVersion::packed`] gives.
    pub fn from_packed(packed: u32) -> Self {
        let [major, minor, high, low] = packed.to_be_bytes();
        Self { major, minor, build: u16::from_be_bytes([high, low]) }
    }
}

impl FromStr for ProductVersion {
    type Err = VersionError;

    /// Reads `major.minor.build`; fields that are missing are 0, those after the third are not looked at.
    fn from_str(text: &str) -> Result<Self, VersionError> {
        let form = || VersionError::Form { text: text.to_owned() };
        let mut fields = [0_u32; 3];
        for (number, part) in text.trim().split('.').enumerate() {
            let Some(field) = fields.get_mut(number) else { break };
            if !part.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(form());
            }
            *field = part.parse().map_err(|_| form())?;
        }
        let [major, minor, build] = fields;
        let too_large = |field, limit| VersionError::TooLarge { text: text.to_owned(), field, limit };
        Ok(Self {
            major: major.try_into().map_err(|_| too_large(1, 255))?,
            minor: minor.try_into().map_err(|_| too_large(2, 255))?,
            build: build.try_into().map_err(|_| too_large(3, 65535))?,
        })
    }
}

impl fmt::Display for ProductVersion {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}.{}.{}", self.major, self.minor, self.build)
    }
}

impl Cell for ProductVersion {
    fn read(value: &Value) -> Result<Self, CellError> {
        let text = value.as_text().ok_or(CellError::Expected("a version"))?;
        text.parse().map_err(|error: VersionError| CellError::Rule(error.to_string()))
    }
}

/// A file's version: four numbers up to 65,535.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct FileVersion(pub [u16; 4]);

impl FromStr for FileVersion {
    type Err = VersionError;

    /// Reads up to four numbers separated by full stops; missing ones are 0.
    fn from_str(text: &str) -> Result<Self, VersionError> {
        let form = || VersionError::Form { text: text.to_owned() };
        let mut fields = [0; 4];
        for (number, part) in text.trim().split('.').enumerate() {
            let field = fields.get_mut(number).ok_or_else(form)?;
            if part.is_empty() || !part.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(form());
            }
            let too_large =
                || VersionError::TooLarge { text: text.to_owned(), field: number + 1, limit: 65535 };
            *field = part.parse().map_err(|_| too_large())?;
        }
        Ok(Self(fields))
    }
}

impl fmt::Display for FileVersion {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [major, minor, build, revision] = self.0;
        write!(out, "{major}.{minor}.{build}.{revision}")
    }
}

impl Cell for FileVersion {
    fn read(value: &Value) -> Result<Self, CellError> {
        let text = value.as_text().ok_or(CellError::Expected("a version"))?;
        text.parse().map_err(|error: VersionError| CellError::Rule(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compares_three_fields_of_a_product_version() {
        let version = |text: &str| text.parse::<ProductVersion>().unwrap();
        assert!(version("1.10") > version("1.9.9"));
        assert_eq!(version("1.2.3.4"), version("1.2.3.5"));
        assert_eq!(version("1"), version("1.0.0"));
        assert_eq!(version("255.255.65535").packed(), u32::MAX);
        assert_eq!(ProductVersion::from_packed(version("1.2.770").packed()).to_string(), "1.2.770");
    }

    #[test]
    fn holds_product_versions_to_their_limits() {
        for (text, message) in [
            ("256.0.0", "field 1 of version '256.0.0' is larger than 255"),
            ("1.256", "field 2 of version '1.256' is larger than 255"),
            ("1.0.65536", "field 3 of version '1.0.65536' is larger than 65535"),
            ("1.a", "'1.a' is not a version of numbers separated by full stops"),
            ("", "'' is not a version of numbers separated by full stops"),
            ("1.-1", "'1.-1' is not a version of numbers separated by full stops"),
        ] {
            assert_eq!(text.parse::<ProductVersion>().unwrap_err().to_string(), message);
        }
    }

    #[test]
    fn compares_four_fields_of_a_file_version() {
        let version = |text: &str| text.parse::<FileVersion>().unwrap();
        assert!(version("1.0.0.10") > version("1.0.0.9"));
        assert_eq!(version("2.0").to_string(), "2.0.0.0");
        for text in ["file.dll", "1.2.3.4.5", "1..2", "", "65536", "+1"] {
            assert!(text.parse::<FileVersion>().is_err(), "{text}");
        }
    }
}
