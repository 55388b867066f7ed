//! Custom actions in a script.
//!
//! See `Msi/custom-action-in-script-execution-options.md`, `Msi/deferred-execution-custom-actions.md`,
//! `Msi/rollback-custom-actions.md` and `Msi/commit-custom-actions.md`. How an action runs is the engine's: `call` is
//! carried along unread, and stored in the journal so that rollback and commit actions can run after a crash.

use serde::{Deserialize, Serialize};

/// When a scheduled action runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActionKind {
    /// At its place in the script.
    Deferred,
    /// Only when what follows it in the script is rolled back.
    Rollback,
    /// Only when the whole transaction has succeeded.
    Commit,
}

/// A custom action written into the script.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScheduledAction {
    /// Its name in the CustomAction table.
    pub action: String,
    /// When it runs.
    pub kind: ActionKind,
    /// Whether its failure is passed over (`msidbCustomActionTypeContinue`).
    pub ignore_result: bool,
    /// The value of the property CustomActionData.
    pub custom_action_data: String,
    /// What the engine needs to run it.
    pub call: serde_json::Value,
}

/// The state in which an action runs; the only run mode that MsiGetMode then reports as set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Phase {
    /// `MSIRUNMODE_SCHEDULED`.
    Execution,
    /// `MSIRUNMODE_ROLLBACK`.
    Rollback,
    /// `MSIRUNMODE_COMMIT`.
    Commit,
}

/// Why a custom action did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum ActionFailure {
    /// It or the user asked to stop (`ERROR_INSTALL_USEREXIT`).
    #[error("it was cancelled")]
    Cancelled,
    /// It could not be run, or did not succeed.
    #[error(transparent)]
    Failed(Box<dyn std::error::Error + Send + Sync>),
}
