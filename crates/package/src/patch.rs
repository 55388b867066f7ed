//! The tables that patches bring along (pages `patch-table.md`, `patchpackage-table.md`, `msipatchheaders-table.md`,
//! `msipatchmetadata-table.md`, `msipatchsequence-table.md`).

use reseat_database::{Guid, ProductCode};

use crate::row::{HasStream, Text, table_row};
use crate::version::FileVersion;

table_row! {
    /// A change to a file.
    PatchRow = "Patch" {
        /// The file.
        file: Text = "File_",
        /// Its place in the sequence.
        sequence: i32 = "Sequence",
        /// The change's size in bytes.
        size: i32 = "PatchSize",
        /// 1 when a failure is no error.
        attributes: i32 = "Attributes",
        /// The header.
        header: HasStream = "Header",
        /// The row of the MsiPatchHeaders table that holds the header instead.
        stream: Option<Text> = "StreamRef_",
    }
}

table_row! {
    /// A header that several changes share.
    MsiPatchHeader = "MsiPatchHeaders" {
        /// Its key.
        stream: Text = "StreamRef",
        /// The header.
        header: HasStream = "Header",
    }
}

table_row! {
    /// A patch with the media of its files.
    PatchPackage = "PatchPackage" {
        /// The patch's code.
        id: Guid = "PatchId",
        /// The media, a key of the Media table.
        media: i32 = "Media_",
    }
}

table_row! {
    /// A fact about a patch.
    MsiPatchMetadata = "MsiPatchMetadata" {
        /// The company; nothing for the documented facts.
        company: Option<Text> = "Company",
        /// Which fact.
        property: Text = "Property",
        /// Its value.
        value: Text = "Value",
    }
}

table_row! {
    /// The place of a patch among others.
    MsiPatchSequence = "MsiPatchSequence" {
        /// The family whose patches are ordered.
        family: Text = "PatchFamily",
        /// The product that it is for; nothing for all.
        product: Option<ProductCode> = "ProductCode",
        /// The place.
        sequence: FileVersion = "Sequence",
        /// 1 when it supersedes what comes earlier in the family.
        attributes: Option<i32> = "Attributes",
    }
}
