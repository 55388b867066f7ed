//! What is wrong with a row of a table, and which documented message says it (page `windows-installer-error-messages.md`).

use reseat_machine::PathError;
use reseat_package::{ConditionError, CustomActionError};

use crate::error_message::of_path;
use crate::numbered_message::NumberedMessage;

/// What is wrong with a row.
#[derive(Debug, thiserror::Error)]
pub enum RowFault {
    /// It names a file that is not in the File table (2715).
    #[error("the File table has no row {file}")]
    NoFile {
        /// The file.
        file: String,
    },
    /// It names a folder that is not in the Directory table (2727).
    #[error("the Directory table has no row {directory}")]
    NoDirectory {
        /// The folder.
        directory: String,
    },
    /// It names a folder that nothing has given a path (2756).
    #[error("the folder {directory} has no path")]
    NoFolderPath {
        /// The folder.
        directory: String,
    },
    /// It names a row that another table does not have (2733).
    #[error("column {column} names '{value}', which is not in the {target} table")]
    ForeignKey {
        /// The column.
        column: &'static str,
        /// What it names.
        value: String,
        /// The table that should have it.
        target: &'static str,
    },
    /// No row of the Media table reaches the file's sequence number (2602).
    #[error("no row of the Media table reaches sequence number {sequence}")]
    NoMedium {
        /// The sequence number.
        sequence: i32,
    },
    /// The code of a custom action is in a file that is not in the File table, or has no path (2722).
    #[error("its file {file} has no path")]
    ActionFile {
        /// The file.
        file: String,
    },
    /// A custom action has a type that is none, or lacks what its type needs (2723).
    #[error("{0}")]
    ActionType(CustomActionError),
    /// An action's condition cannot be read (2717).
    #[error("the condition '{condition}' is wrong: {cause}")]
    ActionCondition {
        /// The condition.
        condition: String,
        /// What is wrong with it.
        cause: ConditionError,
    },
    /// The key path of an isolated application is no file (2620).
    #[error("the application's component has no file as its key path")]
    IsolatedKeyFile,
    /// What an .ini file is to be changed by is none of the documented actions (2102).
    #[error("the action {action} is none that removes")]
    IniAction {
        /// The action.
        action: i32,
    },
    /// The file with the manifest of an assembly of .NET is none (1935).
    #[error("the file {file} is no assembly of .NET")]
    NoAssembly {
        /// The file's name.
        file: String,
    },
    /// A path that it leads to cannot be one.
    #[error("{0}")]
    Path(PathError),
    /// A value of a column that is known by name (2730).
    #[error("column {column}: {reason}")]
    Value {
        /// The column.
        column: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// Another wrong value (2730).
    #[error("{0}")]
    Other(String),
}

impl RowFault {
    /// The documented message for it, in a row of a table.
    pub(crate) fn message(&self, table: &str, row: &str) -> NumberedMessage {
        let message = |number, fields: &[&str]| {
            NumberedMessage::new(number, fields.iter().map(|field| (*field).to_owned()))
        };
        match self {
            Self::NoFile { file } => message(2715, &[file]),
            Self::NoDirectory { directory } => message(2727, &[directory]),
            Self::NoFolderPath { directory } => message(2756, &[directory]),
            Self::ForeignKey { column, value, .. } => message(2733, &[value, column, table]),
            Self::NoMedium { .. } => message(2602, &[table, row]),
            Self::ActionFile { .. } => message(2722, &[row]),
            Self::ActionType(_) => message(2723, &[row]),
            Self::ActionCondition { .. } => message(2717, &[row]),
            Self::IsolatedKeyFile => message(2620, &[row]),
            Self::IniAction { action } => message(2102, &[&action.to_string()]),
            Self::NoAssembly { file } => message(1935, &[row, "", "", "", file]),
            Self::Path(error) => of_path(error),
            Self::Value { column, .. } => message(2730, &[table, row, column]),
            Self::Other(_) => message(2730, &[table, row, ""]),
        }
    }
}

impl From<String> for RowFault {
    fn from(reason: String) -> Self {
        Self::Other(reason)
    }
}

impl From<&str> for RowFault {
    fn from(reason: &str) -> Self {
        Self::Other(reason.to_owned())
    }
}

impl From<PathError> for RowFault {
    fn from(error: PathError) -> Self {
        Self::Path(error)
    }
}
