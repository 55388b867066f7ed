//! What an action ran and how that ended, as the messages 1720 to 1723 say it (page `windows-installer-error-messages.md`).

use std::fmt;
use std::path::Path;

use super::program::MASK;
use crate::host::{CallResult, Program, ProgramCall, ScriptSource, WindowsCall, WindowsCode};
use crate::message_text::Language;
use crate::numbered_message::NumberedMessage;

/// The code of an action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActionCode {
    action: String,
    kind: CodeKind,
    /// The program's file or folder, the library's function.
    place: String,
    /// The command line, the library.
    call: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CodeKind {
    Program,
    Library,
    Script,
}

impl ActionCode {
    /// That of a program; nobody may see the command line when it `hides` something.
    pub fn of_program(call: &ProgramCall, hides: bool) -> Self {
        let folder = || call.working_folder.as_deref().map(shown).unwrap_or_default();
        Self {
            action: call.action.clone(),
            kind: CodeKind::Program,
            place: place_of(&call.program).unwrap_or_else(folder),
            call: if hides { MASK.to_owned() } else { call.command_line.clone() },
        }
    }

    /// That of a library or script.
    pub fn of_windows(call: &WindowsCall) -> Self {
        let (kind, place, call_of) = match &call.code {
            WindowsCode::Library { library, entry_point } => {
                (CodeKind::Library, entry_point.clone(), place_of(library).unwrap_or_default())
            }
            WindowsCode::Script { source, function, .. } => {
                let place = match source {
                    ScriptSource::Binary { name, .. } => name.clone(),
                    ScriptSource::File(path) => shown(path),
                    ScriptSource::Text(_) => String::new(),
                };
                (CodeKind::Script, place, function.clone().unwrap_or_default())
            }
        };
        Self { action: call.action.clone(), kind, place, call: call_of }
    }

    /// The action's name.
    pub fn action(&self) -> &str {
        &self.action
    }

    /// The message for code that ran and failed.
    pub(crate) fn failed(&self) -> NumberedMessage {
        self.message(1722)
    }

    /// The message for code that could not be run.
    pub(crate) fn not_run(&self) -> NumberedMessage {
        self.message(1721)
    }

    fn message(&self, of_program: u32) -> NumberedMessage {
        let (number, fields) = match self.kind {
            CodeKind::Program => (of_program, [&self.action, &self.place, &self.call].to_vec()),
            CodeKind::Library => (1723, [&self.action, &self.place, &self.call].to_vec()),
            // The other fields are about an error in its text, which the script engine tells elsewhere.
            CodeKind::Script => (1720, [&self.action].to_vec()),
        };
        NumberedMessage::new(number, fields.into_iter().cloned())
    }
}

fn place_of(program: &Program) -> Option<String> {
    match program {
        Program::Binary { name, .. } => Some(name.clone()),
        Program::File(path) => Some(shown(path)),
        Program::FirstArgument => None,
    }
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// How code ended that did not succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// A program, with this exit code.
    Exited(i32),
    /// Windows code, with this result.
    Returned(i32),
    /// By this signal.
    Killed(i32),
}

impl Ending {
    /// How a program ended.
    pub fn of_program(result: &CallResult) -> Self {
        match result {
            CallResult::Exited(code) => Self::Exited(*code),
            CallResult::Killed(signal) => Self::Killed(*signal),
            CallResult::Started => Self::Exited(0),
        }
    }

    /// What is said behind the message.
    pub(crate) fn text(self, language: Language) -> String {
        match (language, self) {
            (Language::English, ending) => format!("it {ending}"),
            (Language::German, Self::Exited(code)) => format!("sie endete mit dem Exitcode {code}"),
            (Language::German, Self::Returned(code)) => format!("sie gab {code} zurück"),
            (Language::German, Self::Killed(signal)) => {
                format!("sie wurde durch das Signal {signal} beendet")
            }
        }
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited(code) => write!(out, "ended with exit code {code}"),
            Self::Returned(code) => write!(out, "returned {code}"),
            Self::Killed(signal) => write!(out, "was ended by signal {signal}"),
        }
    }
}
