//! The properties of a shortcut: the property store among its extra data.
//!
//! The block is section 2.5.7 of [MS-SHLLINK]; its content is that of [MS-PROPSTORE] (sections 2.1, 2.2 and 2.3.2) with
//! values as in [MS-OLEPS] (section 2.15). Known here are the properties that the shell reads from a shortcut: those of
//! the application user model (pages `props-system-appusermodel-….md`), which taskbar and start menu look at, and the
//! title (page `props-system-title.md`), which a jump list shows.

use reseat_database::Guid;

use super::{blocks, long, short, wide_text};

/// A property of a shortcut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkProperty {
    format: Guid,
    id: u32,
    value: LinkValue,
}

/// The value of a property, of one of the types that the known ones have.
#[derive(Debug, Clone, PartialEq, Eq)]
enum LinkValue {
    Text(String),
    Flag(bool),
    Number(u32),
    Class(Guid),
}

#[derive(Clone, Copy)]
enum Kind {
    Text,
    Flag,
    Number,
    Class,
}

struct Known {
    name: &'static str,
    format: Guid,
    id: u32,
    kind: Kind,
}

/// {9F4C2855-9F79-4B39-A8D0-E1D42DE1D5F3}
const USER_MODEL: Guid = Guid::from_bytes([
    0x9f, 0x4c, 0x28, 0x55, 0x9f, 0x79, 0x4b, 0x39, 0xa8, 0xd0, 0xe1, 0xd4, 0x2d, 0xe1, 0xd5, 0xf3,
]);
/// {F29F85E0-4FF9-1068-AB91-08002B27B3D9}
const SUMMARY: Guid = Guid::from_bytes([
    0xf2, 0x9f, 0x85, 0xe0, 0x4f, 0xf9, 0x10, 0x68, 0xab, 0x91, 0x08, 0x00, 0x2b, 0x27, 0xb3, 0xd9,
]);

const fn known(name: &'static str, format: Guid, id: u32, kind: Kind) -> Known {
    Known { name, format, id, kind }
}

const KNOWN: &[Known] = &[
    known("System.AppUserModel.RelaunchCommand", USER_MODEL, 2, Kind::Text),
    known("System.AppUserModel.RelaunchIconResource", USER_MODEL, 3, Kind::Text),
    known("System.AppUserModel.RelaunchDisplayNameResource", USER_MODEL, 4, Kind::Text),
    known("System.AppUserModel.ID", USER_MODEL, 5, Kind::Text),
    known("System.AppUserModel.IsDestListSeparator", USER_MODEL, 6, Kind::Flag),
    known("System.AppUserModel.ExcludeFromShowInNewInstall", USER_MODEL, 8, Kind::Flag),
    known("System.AppUserModel.PreventPinning", USER_MODEL, 9, Kind::Flag),
    known("System.AppUserModel.IsDualMode", USER_MODEL, 11, Kind::Flag),
    known("System.AppUserModel.StartPinOption", USER_MODEL, 12, Kind::Number),
    known("System.AppUserModel.ToastActivatorCLSID", USER_MODEL, 26, Kind::Class),
    known("System.Title", SUMMARY, 2, Kind::Text),
];

const SIGNATURE: u32 = 0xa000_0009;
/// The version of a storage, "1SPS".
const VERSION: u32 = 0x5350_5331;

const VT_BOOL: u16 = 0x0b;
const VT_UI4: u16 = 0x13;
const VT_LPWSTR: u16 = 0x1f;
const VT_CLSID: u16 = 0x48;

impl LinkProperty {
    /// The property with this canonical name, or this format and number (`{9F4C2855-9F79-4B39-A8D0-E1D42DE1D5F3},5`), and
    /// this value; nothing when it is not known, or the text is no value of its type.
    pub fn parse(key: &str, value: &str) -> Option<Self> {
        let key = key.trim();
        let known = match key.split_once(',') {
            Some((format, id)) => {
                let (format, id) = (format.trim().parse().ok()?, id.trim().parse().ok()?);
                KNOWN.iter().find(|known| (known.format, known.id) == (format, id))?
            }
            None => KNOWN.iter().find(|known| known.name.eq_ignore_ascii_case(key))?,
        };
        let trimmed = value.trim();
        let value = match known.kind {
            Kind::Text => LinkValue::Text(value.to_owned()),
            Kind::Flag => LinkValue::Flag(flag(trimmed)?),
            Kind::Number => LinkValue::Number(trimmed.parse().ok()?),
            Kind::Class => LinkValue::Class(trimmed.parse().ok()?),
        };
        Some(Self { format: known.format, id: known.id, value })
    }

    /// Whether another one sets the same property.
    pub fn is_same_as(&self, other: &Self) -> bool {
        (self.format, self.id) == (other.format, other.id)
    }

    /// Section 2.3.2 of [MS-PROPSTORE].
    fn write(&self, out: &mut Vec<u8>) {
        let (kind, mut data) = match &self.value {
            LinkValue::Text(text) => {
                let units: Vec<u16> = text.encode_utf16().chain([0]).collect();
                let length = (units.len() as u32).to_le_bytes();
                let units = units.into_iter().flat_map(u16::to_le_bytes);
                (VT_LPWSTR, length.into_iter().chain(units).collect::<Vec<u8>>())
            }
            LinkValue::Flag(flag) => (VT_BOOL, if *flag { vec![0xff, 0xff] } else { vec![0, 0] }),
            LinkValue::Number(number) => (VT_UI4, number.to_le_bytes().to_vec()),
            LinkValue::Class(class) => (VT_CLSID, in_memory(*class).to_vec()),
        };
        data.resize(data.len().next_multiple_of(4), 0);
        let size = 4 + 4 + 1 + 4 + data.len();
        out.extend_from_slice(&(size as u32).to_le_bytes());
        out.extend_from_slice(&self.id.to_le_bytes());
        out.push(0);
        out.extend_from_slice(&u32::from(kind).to_le_bytes());
        out.extend_from_slice(&data);
    }

    /// A value without its size.
    fn read(format: Guid, value: &[u8]) -> Option<Self> {
        let (id, data) = (long(value, 0)?, value.get(9..)?);
        let value = match short(value, 5)? {
            VT_LPWSTR => LinkValue::Text(wide_text(data.get(4..)?)),
            VT_BOOL => LinkValue::Flag(short(data, 0)? != 0),
            VT_UI4 => LinkValue::Number(long(data, 0)?),
            VT_CLSID => LinkValue::Class(Guid::from_bytes(in_memory(Guid::from_bytes(
                data.get(..16)?.try_into().ok()?,
            )))),
            _ => return None,
        };
        Some(Self { format, id, value })
    }
}

/// What a text says as a flag: a number, or one of two words.
fn flag(text: &str) -> Option<bool> {
    match text.parse::<i32>() {
        Ok(number) => Some(number != 0),
        Err(_) if text.eq_ignore_ascii_case("true") => Some(true),
        Err(_) if text.eq_ignore_ascii_case("false") => Some(false),
        Err(_) => None,
    }
}

/// The order of a GUID's bytes in memory, in which the first three groups are turned round; twice is the written order.
const fn in_memory(guid: Guid) -> [u8; 16] {
    let [a, b, c, d, e, f, g, h, rest @ ..] = guid.to_bytes();
    let [i, j, k, l, m, n, o, p] = rest;
    [d, c, b, a, f, e, h, g, i, j, k, l, m, n, o, p]
}

/// The block of extra data with these properties; nothing when there are none.
pub fn write(properties: &[LinkProperty]) -> Vec<u8> {
    let mut storages = Vec::new();
    let mut formats: Vec<Guid> = properties.iter().map(|property| property.format).collect();
    formats.sort_unstable();
    formats.dedup();
    for format in formats {
        let mut storage = Vec::new();
        storage.extend_from_slice(&VERSION.to_le_bytes());
        storage.extend_from_slice(&in_memory(format));
        for property in properties.iter().filter(|property| property.format == format) {
            property.write(&mut storage);
        }
        // The end of the values.
        storage.extend_from_slice(&[0; 4]);
        storages.extend_from_slice(&(storage.len() as u32 + 4).to_le_bytes());
        storages.append(&mut storage);
    }
    if storages.is_empty() {
        return storages;
    }
    // The end of the storages.
    storages.extend_from_slice(&[0; 4]);
    let mut out = Vec::with_capacity(storages.len() + 8);
    out.extend_from_slice(&(storages.len() as u32 + 8).to_le_bytes());
    out.extend_from_slice(&SIGNATURE.to_le_bytes());
    out.append(&mut storages);
    out
}

/// The properties in the blocks of extra data that have one of the types known here.
pub fn read(extra: &[u8]) -> Vec<LinkProperty> {
    let mut properties = Vec::new();
    for block in blocks(extra).filter(|block| long(block, 0) == Some(SIGNATURE)) {
        for storage in blocks(block.get(4..).unwrap_or_default()) {
            let format = storage.get(4..20).and_then(|bytes| bytes.try_into().ok()).map(Guid::from_bytes);
            if let (Some(VERSION), Some(format)) = (long(storage, 0), format) {
                let format = Guid::from_bytes(in_memory(format));
                let values = blocks(storage.get(20..).unwrap_or_default());
                properties.extend(values.filter_map(|value| LinkProperty::read(format, value)));
            }
        }
    }
    properties
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties_have_their_documented_types() {
        for (name, value, known) in [
            ("System.AppUserModel.ID", "Reseat.Test", true),
            ("system.appusermodel.id", "", true),
            ("{9F4C2855-9F79-4B39-A8D0-E1D42DE1D5F3}, 5", "Reseat.Test", true),
            ("{9F4C2855-9F79-4B39-A8D0-E1D42DE1D5F3}, 7", "Reseat.Test", false),
            ("System.AppUserModel.PreventPinning", "true", true),
            ("System.AppUserModel.PreventPinning", "-1", true),
            ("System.AppUserModel.PreventPinning", "perhaps", false),
            ("System.AppUserModel.StartPinOption", "2", true),
            ("System.AppUserModel.StartPinOption", "-2", false),
            ("System.AppUserModel.ToastActivatorCLSID", "{7E570003-0000-4000-8000-000000000000}", true),
            ("System.AppUserModel.ToastActivatorCLSID", "none", false),
            ("System.Title", "Größe", true),
            ("System.Rating", "5", false),
        ] {
            let property = LinkProperty::parse(name, value);
            assert_eq!(property.is_some(), known, "{name}={value}");
            if let Some(property) = property {
                assert_eq!(read(&write(std::slice::from_ref(&property))), [property], "{name}");
            }
        }
    }

    #[test]
    fn a_name_and_its_format_with_number_are_the_same_property() {
        let named = LinkProperty::parse("System.AppUserModel.ID", "A").unwrap();
        let numbered = LinkProperty::parse("{9f4c2855-9f79-4b39-a8d0-e1d42de1d5f3},5", "B").unwrap();
        assert!(named.is_same_as(&numbered));
        assert!(!named.is_same_as(&LinkProperty::parse("System.Title", "A").unwrap()));
    }

    #[test]
    fn a_block_has_the_bytes_of_the_specification() {
        let block = write(&[LinkProperty::parse("System.AppUserModel.ID", "A").unwrap()]);
        let mut expected = vec![0x3d, 0, 0, 0, 9, 0, 0, 0xa0, 0x31, 0, 0, 0, b'1', b'S', b'P', b'S'];
        expected.extend([0x55, 0x28, 0x4c, 0x9f, 0x79, 0x9f, 0x39, 0x4b]);
        expected.extend([0xa8, 0xd0, 0xe1, 0xd4, 0x2d, 0xe1, 0xd5, 0xf3]);
        expected.extend([0x15, 0, 0, 0, 5, 0, 0, 0, 0, 0x1f, 0, 0, 0, 2, 0, 0, 0, b'A', 0, 0, 0]);
        expected.extend([0; 8]);
        assert_eq!(block, expected);
    }

    #[test]
    fn each_format_has_a_storage_of_its_own() {
        let properties = [
            LinkProperty::parse("System.AppUserModel.ID", "A").unwrap(),
            LinkProperty::parse("System.AppUserModel.IsDualMode", "1").unwrap(),
            LinkProperty::parse("System.Title", "T").unwrap(),
        ];
        let block = write(&properties);
        assert_eq!(block.windows(4).filter(|bytes| *bytes == b"1SPS").count(), 2);
        assert_eq!(read(&block), properties);
    }
}
