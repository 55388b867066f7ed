//! The CustomAction table and what the bits of its Type column mean (pages `customaction-table.md`,
//! `summary-list-of-all-custom-action-types.md` and the pages on return processing, execution scheduling, in-script
//! execution, hidden targets and patch uninstallation).

use crate::row::{Text, table_row};

table_row! {
    /// A custom action.
    CustomAction = "CustomAction" {
        /// Its name.
        action: Text = "Action",
        /// Its type; [`CustomAction::decode`] reads the bits.
        kind: i32 = "Type",
        /// Where its code is.
        source: Option<Text> = "Source",
        /// Its entry point, arguments, text or script.
        target: Option<Text> = "Target",
        /// More bits.
        extended_type: Option<i32> = "ExtendedType",
    }
}

/// Where the code of an action is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CodeSource {
    /// A stream of the Binary table.
    Binary(Text),
    /// An installed file, a key of the File table.
    File(Text),
    /// The Target column itself.
    Inline,
    /// The value of a property.
    Property(Text),
}

/// The language of a script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScriptLanguage {
    /// JScript.
    JScript,
    /// VBScript.
    VbScript,
}

/// Where a program is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProgramSource {
    /// Type 2: a stream of the Binary table.
    Binary(Text),
    /// Type 18: an installed file, a key of the File table.
    File(Text),
    /// Type 34: the Target column names it; this is the working folder, a key of the Directory table.
    Directory(Option<Text>),
    /// Type 50: the value of a property.
    Property(Text),
}

/// Where a nested installation's package is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NestedSource {
    /// Type 7: a storage of this package.
    SubStorage(Text),
    /// Type 23: a package in the source tree.
    Source(Text),
    /// Type 39: an advertised or installed product.
    Product(Text),
}

/// What an action does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CustomActionKind {
    /// Types 1, 17: a function of a library.
    Library {
        /// The library.
        source: CodeSource,
        /// The function.
        entry_point: Text,
    },
    /// Types 2, 18, 34, 50: a program.
    Program {
        /// The program.
        source: ProgramSource,
        /// Its command line, Formatted; for type 34 it begins with the program.
        command_line: Option<Text>,
    },
    /// Types 5, 6, 21, 22, 37, 38, 53, 54: a script.
    Script {
        /// Its language.
        language: ScriptLanguage,
        /// The script.
        source: CodeSource,
        /// The function that is called, or the script itself for [`CodeSource::Inline`].
        text: Option<Text>,
    },
    /// Type 19: the installation ends with this message, Formatted text or a number of the Error table.
    Error {
        /// The message.
        message: Option<Text>,
    },
    /// Type 35: a folder is set.
    SetDirectory {
        /// The folder, a key of the Directory table.
        directory: Text,
        /// Its path, Formatted.
        value: Option<Text>,
    },
    /// Type 51: a property is set.
    SetProperty {
        /// The property.
        property: Text,
        /// Its value, Formatted.
        value: Option<Text>,
    },
    /// Types 7, 23, 39: another package is installed.
    NestedInstall {
        /// The package.
        source: NestedSource,
        /// Its properties, Formatted.
        properties: Option<Text>,
    },
}

/// How an action's end is treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReturnProcessing {
    /// It is waited for and has to succeed.
    Check,
    /// It is waited for; whether it succeeds does not matter.
    Ignore,
    /// It runs beside the installation and has to have succeeded at the end of the sequence.
    AsyncCheck,
    /// It runs beside the installation and is not waited for.
    AsyncIgnore,
}

/// How often an immediate action runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Repetition {
    /// Each time it is scheduled.
    Always,
    /// Not in the execute sequence when the user interface sequence has run.
    FirstSequence,
    /// Not in the execute sequence when the user interface sequence has run in the same process.
    OncePerProcess,
    /// Only in the execute sequence that runs on the client after the user interface sequence.
    ClientRepeat,
}

/// When an action runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Execution {
    /// While the sequence is walked.
    Immediate(Repetition),
    /// While the script is executed.
    Deferred,
    /// While the script is rolled back.
    Rollback,
    /// When the installation is committed.
    Commit,
}

/// An action with its type taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodedAction {
    /// What it does.
    pub kind: CustomActionKind,
    /// How its end is treated.
    pub returns: ReturnProcessing,
    /// When it runs.
    pub execution: Execution,
    /// Whether it runs with the system's rights.
    pub no_impersonate: bool,
    /// Whether a script is run by the 64-bit engine.
    pub script_64_bit: bool,
    /// Whether its target stays out of the log.
    pub hide_target: bool,
    /// Whether it impersonates the user on a terminal server too.
    pub terminal_server_aware: bool,
    /// Whether it runs only when a patch is removed.
    pub patch_uninstall: bool,
}

/// A type that is not documented, or lacks what it needs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CustomActionError {
    /// No such basic type.
    #[error("table CustomAction, row '{action}': type {kind} has the unknown basic type {basic}")]
    UnknownType {
        /// The action.
        action: Text,
        /// The whole number.
        kind: i32,
        /// Its basic type.
        basic: i32,
    },
    /// The type needs a column that is null.
    #[error("table CustomAction, row '{action}': type {kind} needs a value in column {column}")]
    Missing {
        /// The action.
        action: Text,
        /// The whole number.
        kind: i32,
        /// The column.
        column: &'static str,
    },
}

const CONTINUE: i32 = 0x40;
const ASYNC: i32 = 0x80;
const FIRST_SEQUENCE_OR_ROLLBACK: i32 = 0x100;
const ONCE_OR_COMMIT: i32 = 0x200;
const IN_SCRIPT: i32 = 0x400;
const NO_IMPERSONATE: i32 = 0x800;
const SCRIPT_64_BIT: i32 = 0x1000;
const HIDE_TARGET: i32 = 0x2000;
const TERMINAL_SERVER_AWARE: i32 = 0x4000;
const PATCH_UNINSTALL: i32 = 0x8000;

impl CustomAction {
    /// The basic type, without options.
    pub fn basic_type(&self) -> i32 {
        self.kind & 0x3f
    }

    /// Takes the type apart.
    ///
    /// # Errors
    /// When the basic type is not documented, or a column that it needs is null.
    pub fn decode(&self) -> Result<DecodedAction, CustomActionError> {
        let has = |bit: i32| self.kind & bit != 0;
        let returns = match (has(ASYNC), has(CONTINUE)) {
            (false, false) => ReturnProcessing::Check,
            (false, true) => ReturnProcessing::Ignore,
            (true, false) => ReturnProcessing::AsyncCheck,
            (true, true) => ReturnProcessing::AsyncIgnore,
        };
        let execution = match (has(IN_SCRIPT), has(FIRST_SEQUENCE_OR_ROLLBACK), has(ONCE_OR_COMMIT)) {
            (false, false, false) => Execution::Immediate(Repetition::Always),
            (false, true, false) => Execution::Immediate(Repetition::FirstSequence),
            (false, false, true) => Execution::Immediate(Repetition::OncePerProcess),
            (false, true, true) => Execution::Immediate(Repetition::ClientRepeat),
            (true, true, _) => Execution::Rollback,
            (true, false, true) => Execution::Commit,
            (true, false, false) => Execution::Deferred,
        };
        Ok(DecodedAction {
            kind: self.decode_kind()?,
            returns,
            execution,
            no_impersonate: has(NO_IMPERSONATE),
            script_64_bit: has(SCRIPT_64_BIT),
            hide_target: has(HIDE_TARGET),
            terminal_server_aware: has(TERMINAL_SERVER_AWARE),
            patch_uninstall: (self.kind | self.extended_type.unwrap_or_default()) & PATCH_UNINSTALL != 0,
        })
    }

    fn decode_kind(&self) -> Result<CustomActionKind, CustomActionError> {
        let missing = |column| {
            move || CustomActionError::Missing { action: self.action.clone(), kind: self.kind, column }
        };
        let source = || self.source.clone().ok_or_else(missing("Source"));
        let entry_point = || self.target.clone().ok_or_else(missing("Target"));
        let target = self.target.clone();
        let program = |source| CustomActionKind::Program { source, command_line: target.clone() };
        let script = |language, source| CustomActionKind::Script { language, source, text: target.clone() };
        let nested = |source| CustomActionKind::NestedInstall { source, properties: target.clone() };
        use ScriptLanguage::{JScript, VbScript};
        Ok(match self.basic_type() {
            1 => CustomActionKind::Library {
                source: CodeSource::Binary(source()?),
                entry_point: entry_point()?,
            },
            17 => {
                CustomActionKind::Library { source: CodeSource::File(source()?), entry_point: entry_point()? }
            }
            2 => program(ProgramSource::Binary(source()?)),
            18 => program(ProgramSource::File(source()?)),
            34 => program(ProgramSource::Directory(self.source.clone())),
            50 => program(ProgramSource::Property(source()?)),
            5 => script(JScript, CodeSource::Binary(source()?)),
            6 => script(VbScript, CodeSource::Binary(source()?)),
            21 => script(JScript, CodeSource::File(source()?)),
            22 => script(VbScript, CodeSource::File(source()?)),
            37 => script(JScript, CodeSource::Inline),
            38 => script(VbScript, CodeSource::Inline),
            53 => script(JScript, CodeSource::Property(source()?)),
            54 => script(VbScript, CodeSource::Property(source()?)),
            19 => CustomActionKind::Error { message: target },
            35 => CustomActionKind::SetDirectory { directory: source()?, value: target },
            51 => CustomActionKind::SetProperty { property: source()?, value: target },
            7 => nested(NestedSource::SubStorage(source()?)),
            23 => nested(NestedSource::Source(source()?)),
            39 => nested(NestedSource::Product(source()?)),
            basic => {
                return Err(CustomActionError::UnknownType {
                    action: self.action.clone(),
                    kind: self.kind,
                    basic,
                });
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn action(kind: i32, extended_type: Option<i32>) -> CustomAction {
        CustomAction {
            action: "A".into(),
            kind,
            source: Some("S".into()),
            target: Some("T".into()),
            extended_type,
        }
    }

    #[test]
    fn decodes_every_documented_basic_type() {
        for kind in [1, 2, 5, 6, 7, 17, 18, 19, 21, 22, 23, 34, 35, 37, 38, 39, 50, 51, 53, 54] {
            assert!(action(kind, None).decode().is_ok(), "{kind}");
        }
        for kind in [0, 3, 4, 8, 16, 20, 33, 36, 49, 52, 55] {
            assert!(action(kind, None).decode().is_err(), "{kind}");
        }
    }

    #[test]
    fn decodes_the_options() {
        use Execution::*;
        let cases = [
            (1, ReturnProcessing::Check, Immediate(Repetition::Always)),
            (1 + 64, ReturnProcessing::Ignore, Immediate(Repetition::Always)),
            (2 + 128, ReturnProcessing::AsyncCheck, Immediate(Repetition::Always)),
            (2 + 192, ReturnProcessing::AsyncIgnore, Immediate(Repetition::Always)),
            (51 + 256, ReturnProcessing::Check, Immediate(Repetition::FirstSequence)),
            (51 + 512, ReturnProcessing::Check, Immediate(Repetition::OncePerProcess)),
            (51 + 768, ReturnProcessing::Check, Immediate(Repetition::ClientRepeat)),
            (1 + 1024, ReturnProcessing::Check, Deferred),
            (1 + 1280, ReturnProcessing::Check, Rollback),
            (1 + 1536, ReturnProcessing::Check, Commit),
            (1 + 3328 + 64, ReturnProcessing::Ignore, Rollback),
        ];
        for (kind, returns, execution) in cases {
            let decoded = action(kind, None).decode().unwrap();
            assert_eq!((decoded.returns, decoded.execution), (returns, execution), "{kind}");
        }
        let decoded = action(38 + 0x1000 + 0x400 + 0x800 + 0x2000 + 0x4000, Some(0x8000)).decode().unwrap();
        assert!(decoded.script_64_bit && decoded.no_impersonate && decoded.hide_target);
        assert!(decoded.terminal_server_aware && decoded.patch_uninstall);
    }

    #[test]
    fn names_the_column_that_is_missing() {
        let mut incomplete = action(1, None);
        incomplete.target = None;
        assert_eq!(
            incomplete.decode().unwrap_err().to_string(),
            "table CustomAction, row 'A': type 1 needs a value in column Target"
        );
    }
}
