//! What can go wrong, with the documented Windows error number of each cause.

use std::io;
use std::path::PathBuf;

use crate::application::RebootReasons;
use crate::process::UniqueProcess;
use crate::session_key::SessionKey;

/// One application that could not be stopped or started again, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The process as it was listed.
    pub process: UniqueProcess,
    /// Its application name.
    pub name: String,
    /// The reason, in words.
    pub reason: String,
}

/// An error of a Restart Manager function.
///
/// [`Error::code`] gives the number that the documented function would return.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The text is no session key.
    #[error("{text:?} is not a session key of 32 lower-case hexadecimal digits")]
    MalformedKey {
        /// What was given, shortened.
        text: String,
    },
    /// No session of this user has the key.
    #[error("there is no Restart Manager session with the key {key} for this user")]
    UnknownSession {
        /// The key asked for.
        key: SessionKey,
    },
    /// The caller is neither the primary installer of the session nor started by it.
    #[error("process {pid} is not the primary installer of session {key}")]
    NotPrimary {
        /// The session.
        key: SessionKey,
        /// The process that asked.
        pid: u32,
    },
    /// The session was ended while the caller still held it.
    #[error("the Restart Manager session {key} has ended")]
    SessionEnded {
        /// The session.
        key: SessionKey,
    },
    /// This user has as many sessions open as there may be.
    #[error("{limit} Restart Manager sessions are open for this user, which is the limit")]
    TooManySessions {
        /// The limit, 64.
        limit: usize,
    },
    /// Another process held a lock for too long.
    #[error("{} stayed locked by another process for {seconds} s", path.display())]
    LockTimeout {
        /// The locked file.
        path: PathBuf,
        /// How long it was tried, in seconds.
        seconds: u64,
    },
    /// The session store could not be read or written.
    #[error("cannot {action} {}", path.display())]
    Storage {
        /// What was tried, as a verb.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// A folder of the session store could be written by someone else.
    #[error("{} is not safe to keep sessions in: {reason}", path.display())]
    UntrustedFolder {
        /// The folder.
        path: PathBuf,
        /// Why it is refused.
        reason: String,
    },
    /// The process file system is missing or belongs to another PID namespace.
    #[error("/proc cannot be used to inspect processes: {reason}")]
    ProcUnusable {
        /// Why.
        reason: String,
    },
    /// An argument makes no sense.
    #[error("{what}")]
    BadArguments {
        /// What is wrong with it.
        what: String,
    },
    /// The command line for the restart is longer than the documented 1,024 characters.
    #[error("the command line for the restart has {length} characters, the limit is {limit}")]
    CommandLineTooLong {
        /// Its length in characters.
        length: usize,
        /// The limit.
        limit: usize,
    },
    /// There is no such process, or it belongs to another user.
    #[error("process {pid} cannot be registered: {reason}")]
    NoSuchProcess {
        /// The process.
        pid: u32,
        /// Why.
        reason: String,
    },
    /// Nothing was stopped, because stopping would not free the resources.
    #[error("nothing was shut down: {reasons}{}", after_colon(applications, files))]
    RebootRequired {
        /// Why a system restart would be needed.
        reasons: RebootReasons,
        /// Who must not or cannot be stopped, and why.
        applications: Vec<Refusal>,
        /// Files that are in use, and nobody could be found who uses them.
        files: Vec<PathBuf>,
    },
    /// Some applications could not be stopped.
    #[error("could not shut down {}", names(applications))]
    ShutdownFailed {
        /// Which, and why.
        applications: Vec<Refusal>,
    },
    /// Nothing was stopped, because some applications are not registered for restart.
    #[error("nothing was shut down, not registered for restart: {}", names(applications))]
    NotAllRegistered {
        /// Which.
        applications: Vec<Refusal>,
    },
    /// Some applications could not be started again.
    #[error("could not restart {}", names(applications))]
    RestartFailed {
        /// Which, and why.
        applications: Vec<Refusal>,
    },
    /// There is no such filter.
    #[error("there is no such filter")]
    NoSuchFilter,
    /// A restart was asked for before a shutdown.
    #[error("restart was requested before shutdown")]
    OutOfSequence,
    /// The operation was cancelled.
    #[error("the operation was cancelled")]
    Cancelled,
}

fn names(applications: &[Refusal]) -> String {
    let parts: Vec<String> = applications
        .iter()
        .map(|it| format!("{} (process {}: {})", it.name, it.process.pid, it.reason))
        .collect();
    parts.join(", ")
}

/// What stands in the way, if it is known.
fn after_colon(applications: &[Refusal], files: &[PathBuf]) -> String {
    let mut parts: Vec<String> = files
        .iter()
        .map(|it| {
            format!("{} (in use by the kernel, or by a process that could not be inspected)", it.display())
        })
        .collect();
    if !applications.is_empty() {
        parts.push(names(applications));
    }
    if parts.is_empty() { String::new() } else { format!(": {}", parts.join(", ")) }
}

impl Error {
    /// The documented Windows error number (`winerror.h`) of this cause.
    ///
    /// | number | name |
    /// |---|---|
    /// | 2 | ERROR_FILE_NOT_FOUND: no such filter |
    /// | 6 | ERROR_INVALID_HANDLE |
    /// | 29 | ERROR_WRITE_FAULT |
    /// | 121 | ERROR_SEM_TIMEOUT |
    /// | 160 | ERROR_BAD_ARGUMENTS |
    /// | 350 to 353 | ERROR_FAIL_NOACTION_REBOOT, ERROR_FAIL_SHUTDOWN, ERROR_FAIL_RESTART, ERROR_MAX_SESSIONS_REACHED |
    /// | 776 | ERROR_REQUEST_OUT_OF_SEQUENCE |
    /// | 1219 | ERROR_SESSION_CREDENTIAL_CONFLICT |
    /// | 1223 | ERROR_CANCELLED |
    /// | 0x80070057 | E_INVALIDARG, of RegisterApplicationRestart |
    ///
    /// The page of RmJoinSession gives 22 for ERROR_BAD_ARGUMENTS; `winerror.h` has 160, and so have the
    /// other pages. That of RmRemoveFilter gives 1 for ERROR_FILE_NOT_FOUND; `winerror.h` has 2.
    pub fn code(&self) -> u32 {
        match self {
            Error::NoSuchFilter => 2,
            Error::SessionEnded { .. } => 6,
            Error::Storage { .. } | Error::UntrustedFolder { .. } | Error::ProcUnusable { .. } => 29,
            Error::LockTimeout { .. } => 121,
            Error::BadArguments { .. } | Error::NoSuchProcess { .. } => 160,
            Error::RebootRequired { .. } => 350,
            Error::ShutdownFailed { .. } | Error::NotAllRegistered { .. } => 351,
            Error::RestartFailed { .. } => 352,
            Error::TooManySessions { .. } => 353,
            Error::OutOfSequence => 776,
            Error::MalformedKey { .. } | Error::UnknownSession { .. } | Error::NotPrimary { .. } => 1219,
            Error::Cancelled => 1223,
            Error::CommandLineTooLong { .. } => 0x8007_0057,
        }
    }

    pub(crate) fn storage(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(rustix::io::Errno) -> Error {
        let path = path.into();
        move |errno| Error::Storage { action, path, source: errno.into() }
    }
}
