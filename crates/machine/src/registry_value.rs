//! The values of the registry: their types, and the bytes that stand for them.
//!
//! The type numbers and the layout of the bytes are documented on the page `SysInfo/registry-value-types.md`.

use serde::{Deserialize, Serialize};

/// A value of a registry key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum RegistryValue {
    /// `REG_NONE` without data.
    None,
    /// `REG_SZ`.
    String(String),
    /// `REG_EXPAND_SZ`: a text with references to environment variables.
    ExpandString(String),
    /// `REG_BINARY`.
    Binary(Vec<u8>),
    /// `REG_DWORD`.
    Dword(u32),
    /// `REG_QWORD`.
    Qword(u64),
    /// `REG_MULTI_SZ`.
    MultiString(Vec<String>),
    /// Any other type, or data that do not have the form of their type.
    Other {
        /// The type's number.
        kind: u32,
        /// The bytes.
        data: Vec<u8>,
    },
}

pub(crate) const REG_NONE: u32 = 0;
pub(crate) const REG_SZ: u32 = 1;
pub(crate) const REG_EXPAND_SZ: u32 = 2;
pub(crate) const REG_BINARY: u32 = 3;
pub(crate) const REG_DWORD: u32 = 4;
pub(crate) const REG_LINK: u32 = 6;
pub(crate) const REG_MULTI_SZ: u32 = 7;
pub(crate) const REG_QWORD: u32 = 11;

impl RegistryValue {
    /// The value that a type number and bytes stand for. Nothing is lost: what has not the form of its type is kept as
    /// [`RegistryValue::Other`].
    pub fn from_data(kind: u32, data: Vec<u8>) -> Self {
        let value = match kind {
            REG_NONE if data.is_empty() => Some(Self::None),
            REG_SZ => terminated_text(&data).map(Self::String),
            REG_EXPAND_SZ => terminated_text(&data).map(Self::ExpandString),
            REG_BINARY => return Self::Binary(data),
            REG_DWORD => data.as_slice().try_into().ok().map(|bytes| Self::Dword(u32::from_le_bytes(bytes))),
            REG_QWORD => data.as_slice().try_into().ok().map(|bytes| Self::Qword(u64::from_le_bytes(bytes))),
            REG_MULTI_SZ => terminated_text(&data).and_then(|text| Self::multi_string(&text)),
            _ => None,
        };
        value.unwrap_or(Self::Other { kind, data })
    }

    /// The list in a text whose parts each end with a null character; nothing when the last does not.
    pub(crate) fn multi_string(text: &str) -> Option<Self> {
        if text.is_empty() {
            return Some(Self::MultiString(Vec::new()));
        }
        let parts = text.strip_suffix('\0')?.split('\0').map(str::to_owned).collect();
        Some(Self::MultiString(parts))
    }

    /// The type's number.
    pub fn kind(&self) -> u32 {
        match self {
            Self::None => REG_NONE,
            Self::String(_) => REG_SZ,
            Self::ExpandString(_) => REG_EXPAND_SZ,
            Self::Binary(_) => REG_BINARY,
            Self::Dword(_) => REG_DWORD,
            Self::Qword(_) => REG_QWORD,
            Self::MultiString(_) => REG_MULTI_SZ,
            Self::Other { kind, .. } => *kind,
        }
    }

    /// The bytes: texts in UTF-16 with a null at the end, numbers with the low byte first.
    pub fn data(&self) -> Vec<u8> {
        match self {
            Self::None => Vec::new(),
            Self::String(text) | Self::ExpandString(text) => utf16_bytes(text.encode_utf16().chain([0])),
            Self::Binary(data) | Self::Other { data, .. } => data.clone(),
            Self::Dword(number) => number.to_le_bytes().to_vec(),
            Self::Qword(number) => number.to_le_bytes().to_vec(),
            Self::MultiString(parts) => {
                let parts = parts.iter().flat_map(|part| part.encode_utf16().chain([0]));
                utf16_bytes(parts.chain([0]))
            }
        }
    }

    /// The text of a string of either kind.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::String(text) | Self::ExpandString(text) => Some(text),
            _ => None,
        }
    }

    /// The number of a dword.
    pub fn as_dword(&self) -> Option<u32> {
        match self {
            Self::Dword(number) => Some(*number),
            _ => None,
        }
    }
}

impl From<&str> for RegistryValue {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}

impl From<u32> for RegistryValue {
    fn from(number: u32) -> Self {
        Self::Dword(number)
    }
}

fn utf16_bytes(units: impl Iterator<Item = u16>) -> Vec<u8> {
    units.flat_map(u16::to_le_bytes).collect()
}

/// The text of UTF-16 bytes that end with a null, without it; nothing when they are not that.
fn terminated_text(data: &[u8]) -> Option<String> {
    if !data.len().is_multiple_of(2) {
        return None;
    }
    let units: Vec<u16> =
        data.chunks_exact(2).filter_map(|pair| Some(u16::from_le_bytes(pair.try_into().ok()?))).collect();
    let (last, text) = units.split_last()?;
    if *last != 0 { None } else { String::from_utf16(text).ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_and_their_bytes_are_inverse() {
        let values = [
            RegistryValue::None,
            RegistryValue::String(String::new()),
            RegistryValue::String("é\0x".to_owned()),
            RegistryValue::ExpandString("%windir%".to_owned()),
            RegistryValue::Binary(vec![1, 2, 3]),
            RegistryValue::Dword(7),
            RegistryValue::Qword(u64::MAX),
            RegistryValue::MultiString(vec![]),
            RegistryValue::MultiString(vec![String::new()]),
            RegistryValue::MultiString(vec!["a".to_owned(), String::new(), "b".to_owned()]),
            RegistryValue::Other { kind: REG_SZ, data: vec![65] },
            RegistryValue::Other { kind: REG_SZ, data: vec![65, 0] },
            RegistryValue::Other { kind: REG_SZ, data: vec![0, 0xd8, 0, 0] },
            RegistryValue::Other { kind: REG_MULTI_SZ, data: vec![65, 0, 0, 0] },
            RegistryValue::Other { kind: REG_DWORD, data: vec![1] },
            RegistryValue::Other { kind: 0xffff_0007, data: vec![] },
        ];
        for value in values {
            assert_eq!(RegistryValue::from_data(value.kind(), value.data()), value);
        }
    }
}
