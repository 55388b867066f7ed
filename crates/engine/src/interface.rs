//! What the engine says to whoever watches, and what it asks.

use reseat_restart_manager::{ApplicationList, CancelToken};

use crate::message_text::Language;

/// A message during an installation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// An action begins; the description is the package's own from its ActionText table, else empty.
    ActionStart {
        /// The action's name.
        action: String,
        /// What it does, in words.
        description: String,
    },
    /// What an action works on: a file, a key, a program's output.
    ActionData(String),
    /// How much of the script has been carried out.
    Progress {
        /// Units done; a unit is a byte of a file or a fixed amount for other operations.
        done: u64,
        /// Units in all.
        total: u64,
    },
    /// Something worth knowing.
    Information(String),
    /// Something that did not go as it should, without ending the installation.
    Warning {
        /// The documented number of the text, if it has one.
        number: Option<u32>,
        /// The text.
        text: String,
    },
    /// Why the installation ends.
    Error {
        /// The documented number of the text, if it has one.
        number: Option<u32>,
        /// The text.
        text: String,
    },
}

impl Message {
    /// A warning without a documented number.
    pub fn warning(text: impl Into<String>) -> Self {
        Self::Warning { number: None, text: text.into() }
    }
}

/// The user's answer when applications hold files that are to be replaced (page
/// `using-restart-manager-with-an-external-ui-.md`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FilesInUseAnswer {
    /// IDOK: close the applications and start them again afterwards.
    ShutDown,
    /// IDIGNORE: go on without closing; the files are replaced at the next start.
    Ignore,
    /// IDNO: do not close them. A package with the dialog MsiRMFilesInUse says then that a restart will be needed; for any
    /// other one the user closes them, and is asked again without the Restart Manager.
    No,
    /// IDRETRY: look again, and ask without the Restart Manager if somebody is still in the way.
    Retry,
    /// IDCANCEL: end the installation.
    Cancel,
}

/// The buttons of a question (page of MessageBox, which MsiProcessMessage refers to).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Buttons {
    /// OK alone: there is nothing to answer.
    Ok,
    /// OK and Cancel.
    OkCancel,
    /// Abort, Retry and Ignore.
    AbortRetryIgnore,
    /// Yes, No and Cancel.
    YesNoCancel,
    /// Yes and No.
    YesNo,
    /// Retry and Cancel.
    RetryCancel,
}

impl Buttons {
    /// The answers, in the order of the buttons.
    pub fn answers(self) -> &'static [Answer] {
        use Answer::{Abort, Cancel, Ignore, No, Ok, Retry, Yes};
        match self {
            Self::Ok => &[Ok],
            Self::OkCancel => &[Ok, Cancel],
            Self::AbortRetryIgnore => &[Abort, Retry, Ignore],
            Self::YesNoCancel => &[Yes, No, Cancel],
            Self::YesNo => &[Yes, No],
            Self::RetryCancel => &[Retry, Cancel],
        }
    }
}

/// An answer to a question of a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// IDOK.
    Ok = 1,
    /// IDCANCEL.
    Cancel = 2,
    /// IDABORT.
    Abort = 3,
    /// IDRETRY.
    Retry = 4,
    /// IDIGNORE.
    Ignore = 5,
    /// IDYES.
    Yes = 6,
    /// IDNO.
    No = 7,
}

impl Answer {
    /// The documented number.
    pub fn number(self) -> i32 {
        self as i32
    }

    /// The word on the button. What Windows calls Abort is shown as Cancel, as it does itself.
    pub fn label(self, language: Language) -> &'static str {
        let (english, german) = match self {
            Self::Ok => ("OK", "OK"),
            Self::Cancel | Self::Abort => ("Cancel", "Abbrechen"),
            Self::Retry => ("Retry", "Wiederholen"),
            Self::Ignore => ("Ignore", "Ignorieren"),
            Self::Yes => ("Yes", "Ja"),
            Self::No => ("No", "Nein"),
        };
        match language {
            Language::English => english,
            Language::German => german,
        }
    }
}

/// A question that the code of a package asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// What it says.
    pub text: String,
    /// How it can be answered.
    pub buttons: Buttons,
    /// Which button counts when nobody chooses, from 0.
    default: usize,
}

impl Question {
    /// A question with the buttons and the default button that these bits of a message box name.
    pub fn new(text: String, style: u32) -> Self {
        let buttons = match style & 0xF {
            1 => Buttons::OkCancel,
            2 => Buttons::AbortRetryIgnore,
            3 => Buttons::YesNoCancel,
            4 => Buttons::YesNo,
            5 => Buttons::RetryCancel,
            _ => Buttons::Ok,
        };
        Self { text, buttons, default: ((style >> 8) & 0xF) as usize }
    }

    /// The answer that a word means: the label of a button or its beginning, in any letter case; nothing typed is the
    /// default button. Nothing when it fits no button.
    pub fn answer(&self, word: &str, language: Language) -> Option<Answer> {
        let word = word.trim().to_lowercase();
        if word.is_empty() {
            return Some(self.default_answer());
        }
        let fits = |answer: &&Answer| answer.label(language).to_lowercase().starts_with(&word);
        self.buttons.answers().iter().find(fits).copied()
    }

    /// The answer of the default button.
    pub fn default_answer(&self) -> Answer {
        let answers = self.buttons.answers();
        answers.get(self.default).or(answers.first()).copied().unwrap_or(Answer::Ok)
    }
}

/// Who watches an installation and answers its questions.
pub trait UserInterface {
    /// Takes a message.
    fn message(&mut self, message: &Message);

    /// Asks what to do about applications that hold files. They can be closed when this is the message
    /// INSTALLMESSAGE_RMFILESINUSE, and not when it is INSTALLMESSAGE_FILESINUSE. Never asked when the installation is
    /// silent.
    fn files_in_use(&mut self, applications: &ApplicationList, may_shut_down: bool) -> FilesInUseAnswer;

    /// The language of texts that the package does not have.
    fn language(&self) -> Language {
        Language::English
    }

    /// Asks a question of the package. Never asked when the installation is silent.
    fn question(&mut self, question: &Question) -> Answer {
        question.default_answer()
    }

    /// A wait begins that this token ends when the user wants that; nothing says that it is over.
    fn waits(&mut self, _token: Option<CancelToken>) {}

    /// Whether the user wants the installation to end.
    fn cancelled(&self) -> bool {
        false
    }
}

/// A user interface that shows nothing and closes what is in the way.
#[derive(Debug, Default, Clone, Copy)]
pub struct Silent;

impl UserInterface for Silent {
    fn message(&mut self, _: &Message) {}

    fn files_in_use(&mut self, _: &ApplicationList, _: bool) -> FilesInUseAnswer {
        FilesInUseAnswer::ShutDown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_answered_by_a_word_its_beginning_or_nothing() {
        // Yes, No and Cancel; the second is the default.
        let question = Question::new("Really?".to_owned(), 0x103);
        assert_eq!(question.buttons, Buttons::YesNoCancel);
        for (word, answer) in [
            ("yes\n", Some(Answer::Yes)),
            ("C", Some(Answer::Cancel)),
            (" n ", Some(Answer::No)),
            ("\n", Some(Answer::No)),
            ("maybe", None),
        ] {
            assert_eq!(question.answer(word, Language::English), answer, "{word:?}");
        }
        assert_eq!(question.answer("ja", Language::German), Some(Answer::Yes));
        // A default button that is not there is the first one.
        assert_eq!(Question::new(String::new(), 0x305).default_answer(), Answer::Retry);
        assert_eq!(Question::new(String::new(), 0x30).buttons, Buttons::Ok);
    }
}
