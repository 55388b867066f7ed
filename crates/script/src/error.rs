//! What can go wrong while a script runs.

use std::io;

use reseat_machine::{MachineError, RegistryError, WindowsPath};

use crate::custom_action::ActionFailure;
use crate::environment::SourceError;
use crate::journal::JournalError;

/// Why one operation, or the undoing of one change, failed.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The machine refused.
    #[error(transparent)]
    Machine(#[from] MachineError),
    /// The registry refused a key or a value.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The content of a file could not be written.
    #[error("cannot write '{path}'")]
    Write {
        /// The file.
        path: WindowsPath,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// The content of a file of the machine could not be read.
    #[error("cannot read '{path}'")]
    Read {
        /// The file.
        path: WindowsPath,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// The source of a file could not be read.
    #[error("cannot read the source of '{path}'")]
    Source {
        /// The file to be made.
        path: WindowsPath,
        /// The cause.
        #[source]
        source: SourceError,
    },
    /// The source went on after the size that the package gives.
    #[error("the source of '{path}' is longer than the {promised} bytes that the package promises")]
    SourceTooLong {
        /// The file to be made.
        path: WindowsPath,
        /// Bytes that the package promises.
        promised: u64,
    },
    /// The source ended before the size that the package gives.
    #[error("the source of '{path}' has {got} bytes, the package promises {promised}")]
    SourceTooShort {
        /// The file to be made.
        path: WindowsPath,
        /// Bytes that the package promises.
        promised: u64,
        /// Bytes that came.
        got: u64,
    },
    /// A program or library was to be verified, and has another checksum than its header states.
    #[error("'{path}' does not have the checksum that its header states")]
    Checksum {
        /// The file to be made.
        path: WindowsPath,
    },
    /// The file to be copied or moved is not there.
    #[error("'{path}' does not exist")]
    FileMissing {
        /// The file.
        path: WindowsPath,
    },
    /// A folder is where a file is to be.
    #[error("'{path}' is a folder, not a file")]
    IsFolder {
        /// The path.
        path: WindowsPath,
    },
    /// Something else is where a folder is to be.
    #[error("'{path}' is not a folder")]
    NotAFolder {
        /// The path.
        path: WindowsPath,
    },
    /// It can be restored only once: a folder, or a file where there are no hard links. Rollback makes that safe and
    /// tries again.
    #[error("'{path}' can be restored only once")]
    LastCopy {
        /// The file.
        path: WindowsPath,
    },
    /// The path is not as it was when the operation was planned. Execution plans again; an error only when that happens
    /// again and again.
    #[error("'{path}' is being changed by another program")]
    Stale {
        /// The path.
        path: WindowsPath,
    },
    /// A test stopped the execution here.
    #[cfg(test)]
    #[error("stopped by a test")]
    Stopped,
}

/// Why a script did not run to its end, or a transaction could not begin or end.
#[derive(Debug, thiserror::Error)]
pub enum ExecutionError {
    /// An operation failed.
    #[error("{action}: cannot {operation}")]
    Operation {
        /// The action that asked for it.
        action: String,
        /// The operation, see [`Operation::describe`](crate::Operation::describe).
        operation: String,
        /// The cause.
        #[source]
        fault: Box<Fault>,
    },
    /// A custom action failed.
    #[error("custom action {action} failed")]
    Action {
        /// Its name.
        action: String,
        /// The cause.
        #[source]
        failure: ActionFailure,
    },
    /// The user asked to stop.
    #[error("the installation was cancelled")]
    Cancelled,
    /// The registry could not be saved or read again.
    #[error("cannot save the registry")]
    Registry(#[source] Box<Fault>),
    /// The rollback script could not be written, so nothing may be changed.
    #[error("cannot write the rollback script")]
    Journal(#[from] JournalError),
    /// The folder of the rollback script could not be used.
    #[error("cannot prepare the folder of the rollback script")]
    Machine(#[from] MachineError),
    /// An earlier installation was cut off and has to be recovered first.
    #[error("the installation '{title}' was interrupted and has to be recovered first")]
    Pending {
        /// The transaction.
        id: String,
        /// What was being installed.
        title: String,
    },
    /// The name of a transaction may have 1 to 64 letters, digits and hyphens.
    #[error("'{id}' cannot name a transaction")]
    Id {
        /// The name.
        id: String,
    },
    /// A run of this transaction failed, so it can only be rolled back.
    #[error("a part of the transaction failed, it can only be rolled back")]
    Failed,
    /// What was installed could not be brought to the disk.
    #[error("cannot bring the new files to the disk")]
    Sync(#[source] MachineError),
}

impl ExecutionError {
    /// Saving the registry, or reading it again, failed.
    pub(crate) fn registry(fault: impl Into<Fault>) -> Self {
        Self::Registry(Box::new(fault.into()))
    }
}
