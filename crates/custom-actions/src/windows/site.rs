//! Where hosts are started: Wine, the built Windows side, and this installation's folder in the prefix.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::container::Container;

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
    /// Hosts of 32 and of 64 bit that have called a library and are as they were before: the next library is called by the same, as
    /// Windows Installer does it, and Wine goes on as long as the installation. Declared first: they end before their files go.
    kept: Mutex<[Option<HostProcess>; 2]>,
    session: Mutex<Option<SessionFolder>>,
    container: Option<Arc<Container>>,
}

impl Site {
    pub(crate) fn new(prefix: &Path, files: WindowsFiles) -> Result<Self, Missing> {
        let wine = Wine::find(prefix).ok_or(Missing::Wine)?;
        Ok(Self {
            prefix: prefix.to_owned(),
            wine,
            files,
            kept: Mutex::default(),
            session: Mutex::default(),
            container: None,
        })
    }

    /// Another one for the same prefix, with a folder of its own.
    pub(crate) fn again(&self) -> Result<Self, Missing> {
        Self::new(&self.prefix, self.files.clone())
    }

    /// Has its hosts in this container from now on.
    pub(crate) fn set_container(&mut self, container: Option<Arc<Container>>) {
        self.container = container;
    }

    pub(crate) fn container(&self) -> Option<&Container> {
        self.container.as_deref()
    }

    /// The folder in the prefix, made at the first use.
    pub(crate) fn in_session<T>(
        &self,
        work: impl FnOnce(&mut SessionFolder) -> io::Result<T>,
    ) -> io::Result<T> {
        let mut session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        let session = match &mut *session {
            Some(session) => session,
            none => none.insert(match self.container() {
                Some(container) => SessionFolder::make_in_container(container.session_place()?, &self.files)?,
                None => SessionFolder::make(&self.prefix)?,
            }),
        };
        work(session)
    }

    fn kept(&self) -> MutexGuard<'_, [Option<HostProcess>; 2]> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A host for a library: one that is kept, or a new one.
    pub(crate) fn start_or_take(&self, bits: Bits) -> Result<HostProcess, ProcessError> {
        let kept = self.kept().get_mut(place(bits)).and_then(Option::take);
        let kept = kept.and_then(|mut process| process.runs().then_some(process));
        match kept {
            Some(process) => Ok(process),
            None => self.start(bits),
        }
    }

    /// Takes back a host that has called a library; one that is not as it was before ends.
    pub(crate) fn give_back(&self, bits: Bits, mut process: HostProcess) {
        if !process.tidy_up() {
            process.quit();
        } else if let Some(place) = self.kept().get_mut(place(bits)) {
            *place = Some(process);
        }
    }

    /// Starts a host and waits for its hello.
    pub(crate) fn start(&self, bits: Bits) -> Result<HostProcess, ProcessError> {
        if let Some(container) = self.container() {
            container.claim().map_err(ProcessError::InUse)?;
        }
        let host = self.in_session(|session| Ok((session.host(&self.files, bits)?, session.overrides())));
        let (host, overrides) = host.map_err(ProcessError::Prefix)?;
        let runs = match self.container() {
            Some(container) => container.had_wine(),
            None if !self.wine.let_end(LONGEST_END) => return Err(ProcessError::LostServer),
            None => reseat_machine::wine_server(&self.prefix).is_some(),
        };
        let began = Instant::now();
        let command = self.wine.command(self.container(), &host, &overrides).map_err(ProcessError::Start)?;
        if let Some(container) = self.container() {
            container.has_wine();
        }
        let started = HostProcess::start(command, bits.number(), self.wine.hello_limit(runs));
        match self.container() {
            Some(container) if started.is_err() && !runs => container.end(),
            Some(container) => container.claim_anew(),
            None => {}
        }
        let process = started?;
        tracing::debug!(
            pid = process.pid(),
            windows_pid = process.windows_pid,
            milliseconds = began.elapsed().as_millis(),
            "a host for Windows code runs"
        );
        Ok(process)
    }

    /// Ends the hosts that are kept, and removes what was made in the prefix.
    pub(crate) fn clear(&self) {
        for place in self.kept().iter_mut() {
            if let Some(process) = place.take() {
                process.quit();
            }
        }
        self.session.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

fn place(bits: Bits) -> usize {
    match bits {
        Bits::B32 => 0,
        Bits::B64 => 1,
    }
}
