//! What the engine says to whoever watches, and what it asks.

use reseat_restart_manager::{ApplicationList, CancelToken};

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
    Warning(String),
    /// Why the installation ends.
    Error(String),
}

/// The user's answer when applications hold files that are to be replaced (page `msirmfilesinuse-dialog.md`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FilesInUseAnswer {
    /// Close the applications and start them again afterwards.
    ShutDown,
    /// Go on without closing: the files are replaced, running applications keep the old ones until they end.
    Ignore,
    /// Look again.
    Retry,
    /// End the installation.
    Cancel,
}

/// Who watches an installation and answers its questions.
pub trait UserInterface {
    /// Takes a message.
    fn message(&mut self, message: &Message);

    /// Asks what to do about applications that hold files; whether they can be closed depends on the package and the
    /// policy. Never asked when the installation is silent.
    fn files_in_use(&mut self, applications: &ApplicationList, may_shut_down: bool) -> FilesInUseAnswer;

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
