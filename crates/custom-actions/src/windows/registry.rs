//! The registry while Wine runs, through a host that stays for as long as it is needed.

use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use reseat_machine::{RegistryChange, RegistryPart, WineRegistry};

use rustix::fs::OFlags;

use crate::hosts::Hosts;

use super::files::{Bits, WindowsFiles};
use super::frame::{Frame, Said};
use super::missing::Missing;
use super::process::{HostProcess, ProcessError};
use super::service;
use super::site::Site;

/// How long reading or changing the registry may take.
const LIMIT: Duration = Duration::from_secs(60);

/// A registry is some megabytes; this is against a wrong file.
const MOST_REGISTRY: u64 = 512 << 20;

/// How many changes go into one frame.
const MOST_CHANGES: usize = 1000;

/// Reads and changes the registry of a prefix through Wine.
#[derive(Debug)]
pub struct RegistryThroughWine {
    /// Declared first: the host ends before its files go.
    host: Mutex<Option<HostProcess>>,
    site: Site,
    /// In a container, where it has the registry as long as its Wine runs.
    inside: Option<Box<Self>>,
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
        Ok(Self { host: Mutex::default(), site: Site::new(prefix, files)?, inside: None })
    }

    /// The same, but in the container of these hosts once Wine runs there.
    ///
    /// # Errors
    /// What is missing.
    pub fn with_container(mut self, hosts: &Hosts<'_>) -> Result<Self, Missing> {
        if let Some(container) = hosts.container() {
            let mut site = self.site.again()?;
            site.set_container(Some(container));
            self.inside = Some(Box::new(Self { host: Mutex::default(), site, inside: None }));
        }
        Ok(self)
    }

    /// What has the registry now.
    fn now(&self) -> &Self {
        self.inside.as_deref().filter(|inside| inside.own_server().is_some()).unwrap_or(self)
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
        // In a container it ends with that.
        host.take_if(|host| !host.runs());
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
                if self.inside.is_none() {
                    *host = Some(running);
                } else {
                    // The Wine outside is not to be kept: it keeps the one in the container from beginning.
                    running.quit();
                }
                Ok(said)
            }
            Err(error) => Err(io::Error::other(format!("the host under Wine {error}"))),
        }
    }

    /// The service manager has the services in its memory.
    fn tell_of_service(&self, name: &str) -> io::Result<()> {
        let told = self.send(service::synchronization(name))?;
        if let Said::Failed { error, .. } = told {
            tracing::warn!(service = name, error, "the service manager of Wine does not take a service");
        }
        Ok(())
    }

    fn read(&self, part: RegistryPart) -> io::Result<Vec<u8>> {
        // Wine makes the file.
        let (windows_path, path) = self.site.in_session(|session| {
            let (name, path) = session.new_file();
            Ok((session.windows_path(&name), path))
        })?;
        let request = Frame::new(b'K').byte(letter(part)).text(&windows_path);
        let text = self.ask(request, "the registry cannot be saved").and_then(|()| read_saved(&path));
        let _ = fs::remove_file(&path);
        text
    }

    fn write(&self, part: RegistryPart, changes: &[RegistryChange]) -> io::Result<()> {
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
                    RegistryChange::RemoveEmptyKey { path } => frame.byte(b'e').text(path),
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

impl WineRegistry for RegistryThroughWine {
    fn text(&self, part: RegistryPart) -> io::Result<Vec<u8>> {
        self.now().read(part)
    }

    fn change(&self, part: RegistryPart, changes: &[RegistryChange]) -> io::Result<()> {
        self.now().write(part, changes)
    }

    fn own_server(&self) -> Option<u32> {
        match &self.inside {
            Some(inside) => inside.own_server(),
            None => self.site.container()?.registry_owner(),
        }
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

/// Reads what Wine saved, if that is there: other code may have put something else in its place.
fn read_saved(path: &Path) -> io::Result<Vec<u8>> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = fs::OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut text = Vec::new();
    file.take(MOST_REGISTRY).read_to_end(&mut text)?;
    Ok(text)
}

fn letter(part: RegistryPart) -> u8 {
    match part {
        RegistryPart::Machine => b'm',
        RegistryPart::User => b'u',
        RegistryPart::Default => b'd',
    }
}
