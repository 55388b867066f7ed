//! The tables that search for what is installed already (pages `appsearch-table.md`, `ccpsearch-table.md`,
//! `signature-table.md`, `reglocator-table.md`, `inilocator-table.md`, `complocator-table.md`, `drlocator-table.md`).

use reseat_database::{ComponentId, Value};

use crate::file::languages;
use crate::file_name::FileName;
use crate::registry::RegistryRoot;
use crate::row::{Cell, CellError, Text, table_row};
use crate::version::FileVersion;

table_row! {
    /// A property that is set to what a search finds.
    AppSearch = "AppSearch" {
        /// The property.
        property: Text = "Property",
        /// The signature, a key of one of the locator tables.
        signature: Text = "Signature_",
    }
}

table_row! {
    /// A product whose presence allows the upgrade.
    CcpSearch = "CCPSearch" {
        /// The signature, a key of one of the locator tables.
        signature: Text = "Signature_",
    }
}

table_row! {
    /// What a file has to be like to be found. Bounds are inclusive.
    Signature = "Signature" {
        /// Its key.
        signature: Text = "Signature",
        /// The file's name.
        name: FileName = "FileName",
        /// The lowest version.
        version_min: Option<FileVersion> = "MinVersion",
        /// The highest version.
        version_max: Option<FileVersion> = "MaxVersion",
        /// The smallest size in bytes.
        size_min: Option<i32> = "MinSize",
        /// The largest size in bytes.
        size_max: Option<i32> = "MaxSize",
        /// The earliest date and time as MS-DOS packs them.
        date_min: Option<i32> = "MinDate",
        /// The latest date and time.
        date_max: Option<i32> = "MaxDate",
        /// The languages that it has to have, numbers separated by commas.
        languages_list: Option<Text> = "Languages",
    }
}

/// What is known of a file that a search met.
#[derive(Debug, Clone, Default)]
pub struct FoundFile {
    /// Its version.
    pub version: Option<FileVersion>,
    /// Its languages.
    pub languages: Vec<u16>,
    /// Its size in bytes.
    pub size: u64,
    /// Its date and time as MS-DOS packs them.
    pub date: u32,
}

impl Signature {
    /// The languages that a file has to have.
    pub fn languages(&self) -> Vec<u16> {
        languages(self.languages_list.as_deref())
    }

    /// Whether a file has the languages that are asked for: all of them, and none when none is.
    fn has_languages(&self, file: &FoundFile) -> bool {
        let wanted = self.languages();
        if wanted.is_empty() {
            return file.languages.iter().all(|language| *language == 0);
        }
        wanted.iter().all(|language| file.languages.contains(language))
    }

    /// Whether a file of the right name is within all bounds. Languages count only when the file's version is the lowest
    /// that is asked for.
    pub fn matches(&self, file: &FoundFile) -> bool {
        let size = |bound: i32| u64::try_from(bound).unwrap_or_default();
        self.version_min.is_none_or(|minimum| {
            file.version
                .is_some_and(|version| version > minimum || (version == minimum && self.has_languages(file)))
        }) && self.version_max.is_none_or(|maximum| file.version.is_some_and(|version| version <= maximum))
            && self.size_min.is_none_or(|minimum| file.size >= size(minimum))
            && self.size_max.is_none_or(|maximum| file.size <= size(maximum))
            && self.date_min.is_none_or(|minimum| file.date >= minimum.cast_unsigned())
            && self.date_max.is_none_or(|maximum| file.date <= maximum.cast_unsigned())
    }
}

/// What a locator's value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LocatorKind {
    /// 0: a folder.
    Folder,
    /// 1, or nothing: a file's path.
    File,
    /// 2: taken as it is.
    RawValue,
}

/// The Type column of the locator tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocatorType {
    /// What the value is.
    pub kind: LocatorKind,
    /// Whether the 64-bit part of the registry is searched.
    pub bits_64: bool,
}

impl Cell for LocatorType {
    fn read(value: &Value) -> Result<Self, CellError> {
        let number = Option::<i32>::read(value)?.unwrap_or(1);
        let kind = match number & !16 {
            0 => LocatorKind::Folder,
            1 => LocatorKind::File,
            2 => LocatorKind::RawValue,
            _ => return Err(CellError::Rule("not one of 0 to 2, with or without 16".to_owned())),
        };
        Ok(Self { kind, bits_64: number & 16 != 0 })
    }
}

table_row! {
    /// A search in the registry.
    RegLocator = "RegLocator" {
        /// The signature.
        signature: Text = "Signature_",
        /// The root.
        root: RegistryRoot = "Root",
        /// The key's path, Formatted.
        key: Text = "Key",
        /// The value's name, Formatted; nothing is the default value.
        name: Option<Text> = "Name",
        /// What the value is.
        kind: LocatorType = "Type",
    }
}

table_row! {
    /// A search in an .ini file of the Windows folder.
    IniLocator = "IniLocator" {
        /// The signature.
        signature: Text = "Signature_",
        /// The file.
        name: FileName = "FileName",
        /// The section.
        section: Text = "Section",
        /// The entry.
        key: Text = "Key",
        /// Which field of the line, separated by commas; 0 or nothing is the whole line.
        field: Option<i32> = "Field",
        /// What the value is.
        kind: LocatorType = "Type",
    }
}

table_row! {
    /// A search by a component of any product.
    CompLocator = "CompLocator" {
        /// The signature.
        signature: Text = "Signature_",
        /// The component's code.
        component: ComponentId = "ComponentId",
        /// What its key path is.
        kind: LocatorType = "Type",
    }
}

table_row! {
    /// A search in folders.
    DrLocator = "DrLocator" {
        /// The signature.
        signature: Text = "Signature_",
        /// The signature of the folder that is searched.
        parent: Option<Text> = "Parent",
        /// The path, full or beneath the parent, Formatted.
        path: Option<Text> = "Path",
        /// How many levels deep.
        depth: Option<i32> = "Depth",
    }
}
