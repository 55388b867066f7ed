//! What the engine provides while a script runs.

use std::io::Write;

use crate::custom_action::{ActionFailure, Phase, ScheduledAction};
use crate::error::Fault;
use crate::install_file::Source;
use crate::rollback::Undoing;
use crate::script::Step;

/// Why a source could not be read; the kind of error belongs to the engine.
pub type SourceError = Box<dyn std::error::Error + Send + Sync>;

/// What to do about an operation that failed. Its changes have been undone when the question is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Do it again.
    Retry,
    /// Go on without it.
    Ignore,
    /// End the run with this error.
    Fail,
}

/// The engine's side of an execution.
pub trait Environment {
    /// Writes the whole content of a source, and says how many bytes that were. Sources come in the order of the
    /// script. Writing more than the operation promised is an error of `out`, which is to be passed on.
    ///
    /// # Errors
    /// Whatever kept the source from being read.
    fn copy_source(&mut self, source: &Source, out: &mut dyn Write) -> Result<u64, SourceError>;

    /// Runs a custom action to its end (or starts it, if it is asynchronous).
    ///
    /// # Errors
    /// When the action failed; whether that matters ([`ScheduledAction::ignore_result`]) is decided by the caller.
    fn run_action(&mut self, action: &ScheduledAction, phase: Phase) -> Result<(), ActionFailure>;

    /// Waits for the asynchronous actions, at the end of the script; gives the first whose failure counts. When the script has
    /// failed they may be ended.
    fn finish_actions(&mut self, has_succeeded: bool) -> Option<(String, ActionFailure)> {
        let _ = has_succeeded;
        None
    }

    /// A step is done; `units` is its share of [`InstallScript::units`](crate::InstallScript::units).
    fn progress(&mut self, step: &Step, units: u64) {
        let _ = (step, units);
    }

    /// A step failed. Windows Installer asks the user here (abort, retry, ignore).
    fn failed(&mut self, step: &Step, fault: &Fault) -> Answer {
        let _ = (step, fault);
        Answer::Fail
    }

    /// Something is about to be undone.
    fn undoing(&mut self, undoing: Undoing<'_>) {
        let _ = undoing;
    }

    /// Whether the user wants to stop. Asked between operations.
    fn cancelled(&self) -> bool {
        false
    }
}
