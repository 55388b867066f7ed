//! Where hosts are started: Wine, the built Windows side, and this installation's folder in the prefix.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::files::{Bits, SessionFolder, WindowsFiles};
use super::missing::Missing;
use super::process::{HostProcess, ProcessError};
use super::wine::Wine;

/// How long is waited for the end of a wineserver that cannot be joined.
const LONGEST_END: Duration = Duration::from_secs(20);

/// What is needed to start hosts for a prefix.
#[derive(Debug)]
pub(crate) struct Site {
    prefix: PathBuf,
    wine: Wine,
    pub(crate) files: WindowsFiles,
    session: Mutex<Option<SessionFolder>>,
}

impl Site {
    pub(crate) fn new(prefix: &Path, files: WindowsFiles) -> Result<Self, Missing> {
        let wine = Wine::find(prefix).ok_or(Missing::Wine)?;
        Ok(Self { prefix: prefix.to_owned(), wine, files, session: Mutex::default() })
    }

    /// The folder in the prefix, made at the first use.
    pub(crate) fn in_session<T>(
        &self,
        work: impl FnOnce(&mut SessionFolder) -> io::Result<T>,
    ) -> io::Result<T> {
        let mut session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        let session = match &mut *session {
            Some(session) => session,
            none => none.insert(SessionFolder::make(&self.prefix)?),
        };
        work(session)
    }

    /// Starts a host and waits for its hello.
    pub(crate) fn start(&self, bits: Bits) -> Result<HostProcess, ProcessError> {
        let host = self.in_session(|session| Ok((session.host(&self.files, bits)?, session.overrides())));
        let (host, overrides) = host.map_err(ProcessError::Prefix)?;
        if !self.wine.let_end(LONGEST_END) {
            return Err(ProcessError::LostServer);
        }
        let runs = reseat_machine::wine_server(&self.prefix).is_some();
        let began = Instant::now();
        let command = self.wine.command(&host, &overrides);
        let process = HostProcess::start(command, bits.number(), self.wine.hello_limit(runs))?;
        tracing::debug!(
            pid = process.pid(),
            windows_pid = process.windows_pid,
            milliseconds = began.elapsed().as_millis(),
            "a host for Windows code runs"
        );
        Ok(process)
    }

    /// Removes what was made in the prefix.
    pub(crate) fn clear(&self) {
        self.session.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}
