//! A file in a cabinet set: its name, size, place, attributes and time.

use encoding_rs::WINDOWS_1252;

use crate::date_time::DosDateTime;
use crate::header::FileEntry;

/// The attributes of a file in a cabinet ([MS-CAB] 2.4, `attribs`).
pub mod attributes {
    /// Read-only.
    pub const READ_ONLY: u16 = 0x01;
    /// Hidden.
    pub const HIDDEN: u16 = 0x02;
    /// A file of the operating system.
    pub const SYSTEM: u16 = 0x04;
    /// Changed since the last backup.
    pub const ARCHIVE: u16 = 0x20;
    /// To be run after extraction.
    pub const EXECUTE: u16 = 0x40;
    /// The stored name is UTF-8.
    pub const NAME_IS_UTF8: u16 = 0x80;
}

/// A file as a cabinet lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CabinetFile {
    /// The name as stored, which may contain `\`, `..` or a drive: it is not to be used as a path unchecked. Names that are
    /// not marked as UTF-8 are read in code page 1252; in packages they are keys of the File table, which are ASCII.
    pub name: String,
    /// Length in bytes.
    pub size: u64,
    /// Index of the folder in the set.
    pub folder: usize,
    /// Offset in bytes within the folder's decompressed data.
    pub offset: u64,
    /// Attributes, see [`attributes`].
    pub attributes: u16,
    /// When it was last changed, local time; `None` when the stored words are no date and time.
    pub modified: Option<DosDateTime>,
}

impl CabinetFile {
    /// The file of an entry; `folder` is the folder's index in the set.
    pub(crate) fn new(entry: &FileEntry, folder: usize) -> Self {
        Self {
            name: decode_name(&entry.name, entry.attributes),
            size: u64::from(entry.size),
            folder,
            offset: u64::from(entry.offset),
            attributes: entry.attributes,
            modified: DosDateTime::from_raw(entry.date, entry.time),
        }
    }
}

/// A name in the encoding that the attributes say.
pub(crate) fn decode_name(bytes: &[u8], attributes: u16) -> String {
    if attributes & attributes::NAME_IS_UTF8 != 0 {
        return String::from_utf8_lossy(bytes).into_owned();
    }
    WINDOWS_1252.decode_without_bom_handling(bytes).0.into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_utf8_only_when_marked() {
        assert_eq!(decode_name(b"caf\xc3\xa9", attributes::NAME_IS_UTF8), "café");
        assert_eq!(decode_name(b"caf\xe9", attributes::ARCHIVE), "café");
        assert_eq!(decode_name(b"\xff", attributes::NAME_IS_UTF8), "\u{fffd}");
    }
}
