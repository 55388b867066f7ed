//! The IniFile and RemoveIniFile tables (pages `inifile-table.md`, `removeinifile-table.md`).

use reseat_database::Value;

use crate::file_name::FileName;
use crate::row::{Cell, CellError, Text, table_row};

/// What is done to an entry of an .ini file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IniAction {
    /// The entry is made or replaced.
    AddLine = 0,
    /// The entry is made only when it is not there.
    CreateLine = 1,
    /// The entry is removed.
    RemoveLine = 2,
    /// A tag is added to the entry's list.
    AddTag = 3,
    /// A tag is removed from the entry's list.
    RemoveTag = 4,
}

impl Cell for IniAction {
    fn read(value: &Value) -> Result<Self, CellError> {
        Ok(match i32::read(value)? {
            0 => Self::AddLine,
            1 => Self::CreateLine,
            2 => Self::RemoveLine,
            3 => Self::AddTag,
            4 => Self::RemoveTag,
            _ => return Err(CellError::Rule("not one of 0 to 4".to_owned())),
        })
    }
}

table_row! {
    /// An entry of an .ini file.
    IniFile = "IniFile" {
        /// The row's key.
        key: Text = "IniFile",
        /// The file's name.
        name: FileName = "FileName",
        /// The property that holds its folder; the Windows folder without it.
        directory: Option<Text> = "DirProperty",
        /// The section, Formatted.
        section: Text = "Section",
        /// The entry's name, Formatted.
        entry: Text = "Key",
        /// The entry's value, Formatted.
        value: Text = "Value",
        /// What is done.
        action: IniAction = "Action",
        /// The component.
        component: Text = "Component_",
    }
}

table_row! {
    /// An entry of an .ini file that is removed when the component is installed.
    RemoveIniFile = "RemoveIniFile" {
        /// The row's key.
        key: Text = "RemoveIniFile",
        /// The file's name.
        name: FileName = "FileName",
        /// The property that holds its folder; the Windows folder without it.
        directory: Option<Text> = "DirProperty",
        /// The section, Formatted.
        section: Text = "Section",
        /// The entry's name, Formatted.
        entry: Text = "Key",
        /// The tag to be removed, Formatted.
        value: Option<Text> = "Value",
        /// What is done: [`IniAction::RemoveLine`] or [`IniAction::RemoveTag`].
        action: IniAction = "Action",
        /// The component.
        component: Text = "Component_",
    }
}
