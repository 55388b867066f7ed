//! Files and folders that are made, copied, moved and removed beside those of the File table (pages
//! `createfolder-table.md`, `removefile-table.md`, `duplicatefile-table.md`, `movefile-table.md`,
//! `reservecost-table.md`).

use crate::file_name::{FileName, FilePattern};
use crate::row::{Text, table_row};

table_row! {
    /// A folder that is made even when it stays empty.
    CreateFolder = "CreateFolder" {
        /// The folder, a key of the Directory table.
        directory: Text = "Directory_",
        /// The component.
        component: Text = "Component_",
    }
}

table_row! {
    /// Files or a folder to be removed.
    RemoveFile = "RemoveFile" {
        /// The row's key.
        key: Text = "FileKey",
        /// The component.
        component: Text = "Component_",
        /// Which files; without it the folder is removed when it is empty.
        name: Option<FilePattern> = "FileName",
        /// The property that holds the folder.
        directory: Text = "DirProperty",
        /// When: see [`RemoveFile::on_install`] and [`RemoveFile::on_uninstall`].
        mode: i32 = "InstallMode",
    }
}

impl RemoveFile {
    /// Whether it is done when the component is installed.
    pub fn on_install(&self) -> bool {
        self.mode & 1 != 0
    }

    /// Whether it is done when the component is removed.
    pub fn on_uninstall(&self) -> bool {
        self.mode & 2 != 0
    }
}

table_row! {
    /// A copy of an installed file.
    DuplicateFile = "DuplicateFile" {
        /// The row's key.
        key: Text = "FileKey",
        /// The component.
        component: Text = "Component_",
        /// The file that is copied.
        file: Text = "File_",
        /// The copy's name; the file's own without it.
        name: Option<FileName> = "DestName",
        /// The property that holds the copy's folder; the file's own folder without it.
        folder: Option<Text> = "DestFolder",
    }
}

table_row! {
    /// A file that is on the computer already, to be copied or moved.
    MoveFile = "MoveFile" {
        /// The row's key.
        key: Text = "FileKey",
        /// The component.
        component: Text = "Component_",
        /// Which files; without it the source property holds a full path.
        source_name: Option<FilePattern> = "SourceName",
        /// The new name.
        name: Option<FileName> = "DestName",
        /// The property that holds the source folder or path.
        source_folder: Option<Text> = "SourceFolder",
        /// The property that holds the target folder.
        folder: Text = "DestFolder",
        /// 1 to move, 0 to copy.
        options: i32 = "Options",
    }
}

impl MoveFile {
    /// Whether the source is removed.
    pub fn moves(&self) -> bool {
        self.options & 1 != 0
    }
}

table_row! {
    /// Disk space that a component needs beside its files.
    ReserveCost = "ReserveCost" {
        /// The row's key.
        key: Text = "ReserveKey",
        /// The component.
        component: Text = "Component_",
        /// The property that holds the folder; the component's own without it.
        folder: Option<Text> = "ReserveFolder",
        /// Bytes when installed locally.
        local: i32 = "ReserveLocal",
        /// Bytes when run from the source.
        source: i32 = "ReserveSource",
    }
}
