//! Why a command did not succeed, and how that is printed.

use std::error::Error;
use std::fmt;
use std::path::Path;
use std::process::ExitCode;
use std::sync::OnceLock;

use reseat_engine::{EngineError, Language, NumberedMessage, masked, numbered_cause};
use reseat_machine::MachineError;
use serde_json::json;

use crate::arguments::Global;

/// A failure on its way to the user.
#[derive(Debug)]
pub struct Failure {
    message: String,
    hint: Option<String>,
    /// The number that Windows documents for it, if it has one.
    code: Option<u32>,
    /// The number of the message, if it has one.
    number: Option<u32>,
    exit: u8,
}

impl Failure {
    /// The command was used wrongly: exit code 2.
    pub fn usage(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None, code: None, number: None, exit: 2 }
    }

    /// The command failed: exit code 1.
    pub fn new(error: &(dyn Error + 'static)) -> Self {
        let message = numbered_cause(error, "");
        let number = message.as_ref().map(NumberedMessage::number);
        Self { number, ..Self::message(numbered(number, &in_language(message.as_ref(), with_causes(error)))) }
    }

    /// The command failed because of a file: exit code 1.
    pub fn about(path: &Path, error: &(dyn Error + 'static)) -> Self {
        let failure = Self::new(error);
        Self { message: format!("{}: {}", path.display(), failure.message), ..failure }
    }

    /// The command failed with a message of its own: exit code 1.
    pub fn message(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None, code: None, number: None, exit: 1 }
    }

    /// The command failed with a number that Windows Installer documents.
    pub fn documented(code: u32, message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None, code: Some(code), number: None, exit: 1 }
    }

    /// The same with what the user can do about it.
    pub fn with_hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// The same with the number of a message, which the text is not given.
    pub fn with_number(self, number: Option<u32>) -> Self {
        Self { number, ..self }
    }

    /// The same in other words.
    pub fn in_words(self, message: Option<String>) -> Self {
        Self { message: message.unwrap_or(self.message), ..self }
    }

    /// The same with another exit code.
    pub fn with_exit(self, exit: u8) -> Self {
        Self { exit, ..self }
    }

    /// Prints it, and gives the exit code.
    pub fn print(&self, global: &Global) -> ExitCode {
        let (message, hint) = (masked(&self.message), self.hint.as_deref().map(masked));
        if global.json {
            let failure =
                json!({ "error": self.code, "number": self.number, "message": message, "hint": hint });
            println!("{failure}");
        } else {
            match self.code {
                Some(code) => eprintln!("reseat: error {code}: {message}"),
                None => eprintln!("reseat: {message}"),
            }
            if let Some(hint) = hint {
                eprintln!("  hint: {hint}");
            }
        }
        ExitCode::from(self.exit)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.message)
    }
}

/// The text of an error with those of its causes, unless one repeats the other.
pub fn with_causes(error: &(dyn Error + 'static)) -> String {
    reseat_engine::with_causes(error.to_string(), error)
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        let number = error.numbered().map(|message| message.number());
        let message = numbered(number, &error.told(language(), None, None));
        Self { hint: error.hint(), code: Some(error.code()), number, ..Self::message(message) }
    }
}

/// The English text of an error, behind the sentence of its message when the user speaks another language.
pub fn in_language(message: Option<&NumberedMessage>, english: String) -> String {
    match (message, language()) {
        (None, _) | (_, Language::English) => english,
        (Some(message), language) => {
            format!("{}: {english}", message.text(language, None, None).trim_end_matches('.'))
        }
    }
}

/// A text behind the documented number that it has.
pub fn numbered(number: Option<u32>, text: &str) -> String {
    number.map_or_else(|| text.to_owned(), |number| format!("{number}. {text}"))
}

/// The language that the command line names.
static LANGUAGE: OnceLock<Language> = OnceLock::new();

/// Makes this the language of messages, unless one was named before.
pub fn speak(language: Language) {
    LANGUAGE.get_or_init(|| language);
}

/// The language of messages: the one that was named, else that of the locale, as every program finds it.
pub fn language() -> Language {
    if let Some(language) = LANGUAGE.get() {
        return *language;
    }
    let names = ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().filter_map(|name| std::env::var(name).ok());
    Language::of_locale(&names.into_iter().find(|name| !name.is_empty()).unwrap_or_default())
}

impl From<reseat_restart_manager::Error> for Failure {
    fn from(error: reseat_restart_manager::Error) -> Self {
        Self { code: Some(error.code()), ..Self::new(&error) }
    }
}

macro_rules! failure_from {
    ($($error:ty),*) => {$(
        impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Self::new(&error)
            }
        }
    )*};
}

failure_from!(
    MachineError,
    reseat_cabinet::CabinetError,
    reseat_database::DatabaseError,
    reseat_database::PatchError,
    reseat_database::TransformError,
    reseat_database::folder::FolderError,
    std::io::Error
);
