//! The File, MsiFileHash, Media and related tables (pages `file-table.md`, `msifilehash-table.md`, `media-table.md`,
//! `selfreg-table.md`, `font-table.md`, `bindimage-table.md`).

use reseat_database::{SummaryInformation, Value};

use crate::file_name::FileName;
use crate::row::{Cell, CellError, Text, bit_set, table_row};
use crate::version::FileVersion;

bit_set! {
    /// The Attributes column of the File table.
    FileAttributes {
        /// Read-only.
        READ_ONLY = 1,
        /// Hidden.
        HIDDEN = 2,
        /// System.
        SYSTEM = 4,
        /// The installation fails without it.
        VITAL = 512,
        /// It holds a checksum.
        CHECKSUM = 1024,
        /// It is added by a patch.
        PATCH_ADDED = 4096,
        /// It lies uncompressed at the source, whatever the package's summary says.
        NON_COMPRESSED = 8192,
        /// It lies in a cabinet, whatever the package's summary says.
        COMPRESSED = 16384,
    }
}

impl FileAttributes {
    /// Whether the file is in a cabinet, in a package with this summary information. A patch brings a cabinet, however the
    /// package keeps its files; in an administrative image all files are loose (page `word-count-summary.md`).
    pub fn is_compressed(self, summary: &SummaryInformation) -> bool {
        if self.has(Self::PATCH_ADDED) {
            return true;
        }
        let by_itself = self.has(Self::COMPRESSED);
        !summary.is_administrative()
            && (by_itself || (summary.is_compressed() && !self.has(Self::NON_COMPRESSED)))
    }
}

/// The Version column: the file's version, or the file whose version decides for this one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileVersionCell {
    /// A version.
    Version(FileVersion),
    /// The key of another file (page `companion-files.md`).
    Companion(Text),
}

impl Cell for FileVersionCell {
    fn read(value: &Value) -> Result<Self, CellError> {
        let text = Text::read(value)?;
        Ok(match text.parse() {
            Ok(version) => Self::Version(version),
            Err(_) => Self::Companion(text),
        })
    }
}

table_row! {
    /// A file.
    FileRow = "File" {
        /// Its key, which is also its name in a cabinet.
        file: Text = "File",
        /// The component that it belongs to.
        component: Text = "Component_",
        /// Its name.
        name: FileName = "FileName",
        /// Its size in bytes.
        size: i32 = "FileSize",
        /// Its version, or the file whose version decides for it.
        version: Option<FileVersionCell> = "Version",
        /// Its languages: numbers separated by commas.
        language: Option<Text> = "Language",
        /// How it lies at the source and target.
        attributes: FileAttributes = "Attributes",
        /// Its place in the sequence of all files, which decides its media.
        sequence: i32 = "Sequence",
    }
}

impl FileRow {
    /// The version, if the file has one of its own.
    pub fn own_version(&self) -> Option<FileVersion> {
        match self.version {
            Some(FileVersionCell::Version(version)) => Some(version),
            _ => None,
        }
    }

    /// The key of the file whose version decides for this one.
    pub fn companion(&self) -> Option<&Text> {
        match &self.version {
            Some(FileVersionCell::Companion(file)) => Some(file),
            _ => None,
        }
    }

    /// The languages; 0 is neutral. What is no number is left out.
    pub fn languages(&self) -> Vec<u16> {
        languages(self.language.as_deref())
    }

    /// The size in bytes.
    pub fn bytes(&self) -> u64 {
        u64::try_from(self.size).unwrap_or_default()
    }
}

/// Language numbers separated by commas.
pub(crate) fn languages(list: Option<&str>) -> Vec<u16> {
    list.unwrap_or_default().split(',').filter_map(|number| number.trim().parse().ok()).collect()
}

table_row! {
    /// The hash of an unversioned file.
    MsiFileHash = "MsiFileHash" {
        /// The file.
        file: Text = "File_",
        /// Reserved, 0.
        options: i32 = "Options",
        /// Part 1, bytes 0 to 3 with the lowest first.
        part_1: i32 = "HashPart1",
        /// Part 2.
        part_2: i32 = "HashPart2",
        /// Part 3.
        part_3: i32 = "HashPart3",
        /// Part 4.
        part_4: i32 = "HashPart4",
    }
}

impl MsiFileHash {
    /// The four parts.
    pub fn parts(&self) -> [u32; 4] {
        [self.part_1, self.part_2, self.part_3, self.part_4].map(i32::cast_unsigned)
    }
}

table_row! {
    /// A disk of the source, and the cabinet on it.
    Media = "Media" {
        /// Its number, from 1 on.
        disk: i32 = "DiskId",
        /// The last file's sequence on it.
        last_sequence: i32 = "LastSequence",
        /// Its name, to ask the user for it.
        prompt: Option<Text> = "DiskPrompt",
        /// The cabinet; [`Media::cabinet`] says where it is.
        cabinet_name: Option<Text> = "Cabinet",
        /// The volume's label.
        volume_label: Option<Text> = "VolumeLabel",
        /// The property that names the source of a patch's files.
        source: Option<Text> = "Source",
    }
}

/// Where a cabinet is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cabinet<'m> {
    /// A stream of the package.
    Embedded(&'m str),
    /// A file at the root of the source.
    External(&'m str),
}

impl Media {
    /// The cabinet, if the disk has one. A name that begins with `#` is a stream of the package.
    pub fn cabinet(&self) -> Option<Cabinet<'_>> {
        self.cabinet_name.as_deref().map(|name| match name.strip_prefix('#') {
            Some(stream) => Cabinet::Embedded(stream),
            None => Cabinet::External(name),
        })
    }
}

table_row! {
    /// A library that registers itself.
    SelfReg = "SelfReg" {
        /// The file.
        file: Text = "File_",
        /// Not used by the installer.
        cost: Option<i32> = "Cost",
    }
}

table_row! {
    /// A font.
    Font = "Font" {
        /// The file.
        file: Text = "File_",
        /// Its title; nothing for fonts that hold their own.
        title: Option<Text> = "FontTitle",
    }
}

table_row! {
    /// A program whose imports are bound.
    BindImage = "BindImage" {
        /// The file.
        file: Text = "File_",
        /// The folders that are searched for libraries.
        path: Option<Text> = "Path",
    }
}
