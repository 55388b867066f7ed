//! What runs the code of custom actions, seen from the engine.
//!
//! The engine decides when an action runs and with which command line, and what its result means; a host only runs it.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Where the program of a custom action comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Program {
    /// A stream of the Binary table, to be written to a private temporary file (type 2).
    Binary {
        /// The package that carries it.
        package: PathBuf,
        /// The key in the Binary table.
        name: String,
    },
    /// A file of this machine (types 18 and 50).
    File(PathBuf),
    /// The first word of the command line (type 34).
    FirstArgument,
}

/// A custom action that is to run as a program of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgramCall {
    /// The action's name.
    pub action: String,
    /// What to run.
    pub program: Program,
    /// The command line, Formatted.
    pub command_line: String,
    /// The working folder; the folder of the prefix's Windows when nothing.
    pub working_folder: Option<PathBuf>,
    /// Variables added to the environment.
    pub environment: Vec<(String, String)>,
    /// Whether its end is waited for.
    pub wait: bool,
}

/// How a custom action ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallResult {
    /// It ended with this code; 0 is success.
    Exited(i32),
    /// A signal ended it.
    Killed(i32),
    /// It was started and is not waited for.
    Started,
}

/// Why a custom action could not be run.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// No host here runs such code.
    #[error("{what} cannot run here")]
    Unsupported {
        /// The code: its kind and name.
        what: String,
    },
    /// The package has no such program, or it cannot be read.
    #[error("the program {name} cannot be read from {package}")]
    Source {
        /// The key in the Binary table.
        name: String,
        /// The package.
        package: PathBuf,
        /// The cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The command line is not one.
    #[error("the command line '{command_line}' cannot be split into words: {reason}")]
    CommandLine {
        /// The command line after formatting.
        command_line: String,
        /// What is wrong.
        reason: String,
    },
    /// Starting it failed.
    #[error("{program} cannot be started")]
    Start {
        /// The program's path.
        program: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// It did not end in time.
    #[error("{program} did not end within {seconds} seconds")]
    TimedOut {
        /// The program's path.
        program: PathBuf,
        /// The limit in seconds.
        seconds: u64,
    },
}

/// Runs the code of custom actions.
pub trait CustomActionHost {
    /// Runs a program and gives each line that it prints to `output`.
    ///
    /// # Errors
    /// When the program cannot be run at all; a program that fails is a [`CallResult`].
    fn run(&mut self, call: &ProgramCall, output: &mut dyn FnMut(&str)) -> Result<CallResult, HostError>;

    /// Ends what is still running of programs that were not waited for, or leaves it, as the host sees fit.
    fn finish(&mut self) {}
}
