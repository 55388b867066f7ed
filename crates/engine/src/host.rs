//! What runs the code of custom actions, seen from the engine.
//!
//! The engine decides when an action runs and with which command line, and what its result means; a host only runs it.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::functions::{Functions, NoFunctions};

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
    /// A file of this machine (types 17, 18, 21, 22 and 50).
    File(PathBuf),
    /// The first word of the command line (type 34).
    FirstArgument,
}

/// A custom action that is to run as a program of its own, be it one of this machine or one for Windows.
///
/// A program for Windows gets its command line as it stands, nothing of it split into words.
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

/// The language of a script.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ScriptLanguage {
    /// JScript.
    JScript,
    /// VBScript.
    VbScript,
}

/// Where the text of a script is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ScriptSource {
    /// A stream of the Binary table (types 5 and 6).
    Binary {
        /// The package that carries it.
        package: PathBuf,
        /// The key in the Binary table.
        name: String,
    },
    /// An installed file (types 21 and 22).
    File(PathBuf),
    /// The text itself (types 37, 38, 53 and 54).
    Text(String),
}

/// Windows code that joins the session and calls its functions while it runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum WindowsCode {
    /// A function of a library (types 1 and 17).
    Library {
        /// The library: [`Program::Binary`] or [`Program::File`].
        library: Program,
        /// The exported function.
        entry_point: String,
    },
    /// A script (types 5, 6, 21, 22, 37, 38, 53 and 54).
    Script {
        /// Its language.
        language: ScriptLanguage,
        /// Its text.
        source: ScriptSource,
        /// The function that is called after the script was read, if any.
        function: Option<String>,
        /// Whether it is to run in the 64-bit script engine (`msidbCustomActionType64BitScript`).
        is_64_bit: bool,
    },
}

/// A custom action that is to run as Windows code within the session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WindowsCall {
    /// The action's name.
    pub action: String,
    /// What to run.
    pub code: WindowsCode,
    /// The handle of the session that the code gets as its argument.
    pub session_handle: u32,
}

/// What is asked of a service of Windows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ServiceOrder {
    /// Nothing but its state.
    Look,
    /// To start.
    Start {
        /// Its arguments.
        arguments: Vec<String>,
        /// Whether it is waited for until it runs.
        waits: bool,
    },
    /// To stop.
    Stop {
        /// Whether it is waited for until it has stopped.
        waits: bool,
    },
}

/// The state of a service of Windows, as the structure SERVICE_STATUS has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServiceState(pub u32);

impl ServiceState {
    /// It does not run.
    pub const STOPPED: Self = Self(1);
    /// It is about to run.
    pub const START_PENDING: Self = Self(2);
    /// It runs.
    pub const RUNNING: Self = Self(4);
}

/// How a custom action ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallResult {
    /// It ended with this code; 0 is success. Windows code has the whole number of 32 bits.
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
    /// The command line is not one. It is not shown: there may be values in it that nobody is to see.
    #[error("the command line cannot be split into words: {reason}")]
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
    /// Windows code crashed.
    #[error("the code of {action} crashed: exception {exception:#010x} at {place}")]
    Crashed {
        /// The action.
        action: String,
        /// The exception's code.
        exception: u32,
        /// The module and offset, as far as known.
        place: String,
    },
    /// Windows code ended the process that it ran in.
    #[error("the code of {action} ended its process (exit status {status}) instead of returning")]
    ProcessEnded {
        /// The action.
        action: String,
        /// What this machine saw of the exit code.
        status: i32,
    },
    /// Windows code did not return in time.
    #[error("the code of {action} did not return within {seconds} seconds")]
    Hung {
        /// The action.
        action: String,
        /// The limit in seconds.
        seconds: u64,
    },
    /// The service manager of Windows refused something.
    #[error("the service manager says error {error}")]
    Service {
        /// The error's number.
        error: u32,
    },
    /// The process that runs Windows code cannot be started, or says what it should not.
    #[error("the process that runs the code of {action} {what}")]
    Channel {
        /// The action.
        action: String,
        /// What it did.
        what: String,
    },
}

/// Code of a custom action that was started. Code that has not ended is ended when this is dropped.
pub trait RunningCode {
    /// Serves the functions that it calls, gives what it says, and waits for its end until this time at most; its result
    /// once it has ended. A time that has passed asks for what is there already.
    ///
    /// The result of a script's function is given as the error code that it stands for (page
    /// `return-values-of-jscript-and-vbscript-custom-actions.md`): 0 for success, 259 for finished and so on.
    ///
    /// # Errors
    /// When the code crashed, ended its process or did not return in time; code that fails is a [`CallResult`].
    fn serve(
        &mut self,
        functions: &mut dyn Functions,
        output: &mut dyn FnMut(&str),
        until: Instant,
    ) -> Result<Option<CallResult>, HostError>;
}

/// A program that was started and is not waited for: it goes on without the installer.
#[derive(Debug, Clone, Copy)]
pub struct NotWaitedFor;

impl RunningCode for NotWaitedFor {
    fn serve(
        &mut self,
        _functions: &mut dyn Functions,
        _output: &mut dyn FnMut(&str),
        _until: Instant,
    ) -> Result<Option<CallResult>, HostError> {
        Ok(Some(CallResult::Started))
    }
}

/// Runs the code of custom actions.
///
/// A host is shared: code that it runs may call a function that runs another action (MsiDoAction), and so the same host,
/// before the first one has returned; and asynchronous actions run beside others.
pub trait CustomActionHost {
    /// Starts a program, of this machine or for Windows.
    ///
    /// # Errors
    /// When the program cannot be run at all.
    fn start(&self, call: &ProgramCall) -> Result<Box<dyn RunningCode + '_>, HostError>;

    /// Starts Windows code.
    ///
    /// # Errors
    /// When the code cannot be run.
    fn start_windows(&self, call: &WindowsCall) -> Result<Box<dyn RunningCode + '_>, HostError>;

    /// Runs a program to its end and gives each line that it prints to `output`.
    ///
    /// # Errors
    /// When the program cannot be run at all; a program that fails is a [`CallResult`].
    fn run(&self, call: &ProgramCall, output: &mut dyn FnMut(&str)) -> Result<CallResult, HostError> {
        finish(&mut *self.start(call)?, &mut NoFunctions, output)
    }

    /// Runs Windows code within the session whose functions these are, and gives each line that it says to `output`.
    ///
    /// # Errors
    /// When the code cannot be run, crashes, ends its process or does not return in time; code that fails is a
    /// [`CallResult`].
    fn run_windows(
        &self,
        call: &WindowsCall,
        functions: &mut dyn Functions,
        output: &mut dyn FnMut(&str),
    ) -> Result<CallResult, HostError> {
        finish(&mut *self.start_windows(call)?, functions, output)
    }

    /// Why such code cannot run here, as far as that can be told beforehand; a file need not be there yet.
    fn refusal(&self, code: &WindowsCode) -> Option<String>;

    /// Why a Windows program, whose file or stream this is, cannot run here, as far as that can be told beforehand.
    fn program_refusal(&self, program: &Program) -> Option<String>;

    /// Asks something of a service of the Windows that runs; nothing when there is no such service.
    ///
    /// # Errors
    /// When it cannot be asked, or refuses.
    fn service(&self, name: &str, order: &ServiceOrder) -> Result<Option<ServiceState>, HostError> {
        let _ = order;
        Err(HostError::Unsupported { what: format!("service {name}") })
    }

    /// Ends what is still running of programs that were not waited for, or leaves it, as the host sees fit.
    fn finish(&self) {}
}

/// How long code is waited for at a time while other code runs beside it, which has to be served too.
pub const TURN: Duration = Duration::from_millis(10);

/// How long it is waited for at a time when nothing does. It has its own limit.
const LONG: Duration = Duration::from_secs(60 * 60);

/// Serves code to its end, and what runs beside it.
///
/// # Errors
/// Those of [`RunningCode::serve`].
pub fn finish(
    code: &mut dyn RunningCode,
    functions: &mut dyn Functions,
    output: &mut dyn FnMut(&str),
) -> Result<CallResult, HostError> {
    loop {
        let turn = if functions.serve_others() { TURN } else { LONG };
        if let Some(result) = code.serve(functions, output, Instant::now() + turn)? {
            return Ok(result);
        }
    }
}
