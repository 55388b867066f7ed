//! The registry while Wine runs, through a host that stays for as long as it is needed.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use reseat_machine::{RegistryChange, RegistryPart, WineRegistry};

use super::files::{Bits, WindowsFiles};
use super::frame::{Frame, Said};
use super::missing::Missing;
use super::process::{HostProcess, ProcessError};
use super::service;
use super::site::Site;

/// How long reading or changing the registry may take.
const LIMIT: Duration = Duration::from_secs(60);

/// How many changes go into one frame.
const MOST_CHANGES: usize = 1000;

/// Reads and changes the registry of a prefix through Wine.
#[derive(Debug)]
pub struct RegistryThroughWine {
    /// Declared first: the host ends before its files go.
    host: Mutex<Option<HostProcess>>,
    site: Site,
}

impl RegistryThroughWine {
    /// For the prefix with this folder, with the Windows side that the running program finds.
    ///
    /// # Errors
    /// What is missing.
    pub fn find(prefix: &Path) -> Result<Self, Missing> {
        Self::new(prefix, WindowsFiles::find().ok_or(Missing::WindowsSide)?)
    }

    /// For the prefix with this folder, with this Windows side.
    ///
    /// # Errors
    /// What is missing.
    pub fn new(prefix: &Path, files: WindowsFiles) -> Result<Self, Missing> {
        Ok(Self { host: Mutex::default(), site: Site::new(prefix, files)? })
    }

    fn ask(&self, request: Frame, what: &str) -> io::Result<()> {
        match self.send(request)? {
            Said::Done(0) => Ok(()),
            Said::Done(code) => Err(io::Error::other(format!("{what}: error {code} of Windows"))),
            _ => Err(io::Error::other(format!("{what}: it is refused"))),
        }
    }

    /// Sends a request to the host, which is started if there is none or the last one has ended. Gives whether it was done
    /// or failed.
    fn send(&self, request: Frame) -> io::Result<Said> {
        let mut host: MutexGuard<'_, Option<HostProcess>> =
            self.host.lock().unwrap_or_else(PoisonError::into_inner);
        let mut running = match host.take() {
            Some(running) => running,
            None => self.site.start(Bits::B64).map_err(io::Error::other)?,
        };
        let said = (|| {
            let deadline = Instant::now() + LIMIT;
            running.say(request, deadline)?;
            loop {
                match running.hear(deadline)? {
                    Said::Line(key) => tracing::warn!(key, "the registry cannot be changed through Wine"),
                    said @ (Said::Done(_) | Said::Failed { .. }) => return Ok(said),
                    _ => return Err(ProcessError::OutOfTurn("something else than what was asked for")),
                }
            }
        })();
        match said {
            Ok(said) => {
                *host = Some(running);
                Ok(said)
            }
            Err(error) => Err(io::Error::other(format!("the host under Wine {error}"))),
        }
    }
}

impl RegistryThroughWine {
    /// The service manager has the services in its memory.
    fn tell_of_service(&self, name: &str) -> io::Result<()> {
        let told = self.send(service::synchronization(name))?;
        if let Said::Failed { error, .. } = told {
            tracing::warn!(service = name, error, "the service manager of Wine does not take a service");
        }
        Ok(())
    }
}

impl WineRegistry for RegistryThroughWine {
    fn text(&self, part: RegistryPart) -> io::Result<Vec<u8>> {
        // Wine makes the file.
        let (windows_path, path) = self.site.in_session(|session| {
            let (name, path) = session.new_file();
            Ok((session.windows_path(&name), path))
        })?;
        let request = Frame::new(b'K').byte(letter(part)).text(&windows_path);
        let text = self.ask(request, "the registry cannot be saved").and_then(|()| fs::read(&path));
        let _ = fs::remove_file(&path);
        text
    }

    fn change(&self, part: RegistryPart, changes: &[RegistryChange]) -> io::Result<()> {
        for changes in changes.chunks(MOST_CHANGES) {
            let count = u32::try_from(changes.len()).unwrap_or_default();
            let mut frame = Frame::new(b'Y').byte(letter(part)).number(count);
            for change in changes {
                frame = match change {
                    RegistryChange::SetValue { path, name, value } => {
                        let data = value.data();
                        let length = u32::try_from(data.len()).map_err(io::Error::other)?;
                        frame.byte(b's').text(path).text(name).number(value.kind()).number(length).raw(&data)
                    }
                    RegistryChange::RemoveValue { path, name } => frame.byte(b'v').text(path).text(name),
                    RegistryChange::CreateKey { path } => frame.byte(b'c').text(path),
                    RegistryChange::RemoveKey { path } => frame.byte(b'k').text(path),
                };
            }
            self.ask(frame, "the registry cannot be changed")?;
        }
        if part == RegistryPart::Machine {
            for name in service::changed(changes) {
                self.tell_of_service(&name)?;
            }
        }
        if part != RegistryPart::Default && service::changes_environment(changes) {
            self.ask(Frame::new(b'v'), "the environment's change cannot be announced")?;
        }
        Ok(())
    }
}

impl Drop for RegistryThroughWine {
    fn drop(&mut self) {
        let host = self.host.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(host) = host {
            host.quit();
        }
        self.site.clear();
    }
}

fn letter(part: RegistryPart) -> u8 {
    match part {
        RegistryPart::Machine => b'm',
        RegistryPart::User => b'u',
        RegistryPart::Default => b'd',
    }
}
