//! Where the bytes of a file come from.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::time::SystemTime;

use reseat_machine::{Attributes, MachineError, WindowsPath, image_checksum_fails};

use crate::backup::{self, Linked};
use crate::edit_ini_file::EditIniFile;
use crate::environment::Environment;
use crate::error::Fault;
use crate::install_file::Source;
use crate::native_program;
use crate::site::Site;

/// Small writes are collected up to so many bytes.
const BUFFER: usize = 256 * 1024;
/// So many bytes are written at once when nothing is collected, and a whole file.
const MUCH: usize = 64 * 1024;

/// What a file will contain.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Content<'a> {
    /// A file of the package.
    Source {
        source: &'a Source,
        size: u64,
        attributes: Attributes,
        modified: Option<SystemTime>,
        verified: bool,
    },
    /// These bytes.
    Bytes(&'a [u8]),
    /// What the .ini file at the place contains, changed.
    Ini(&'a EditIniFile),
    /// What another file contains, with its time and attributes.
    Copy(&'a WindowsPath),
    /// Another file itself, which is removed afterwards.
    Same(&'a WindowsPath),
}

impl Content<'_> {
    /// Makes the file `at`, where nothing is yet. Messages name `path`, the place where the file will be.
    ///
    /// Returns with [`MachineError::Exists`] or [`MachineError::FolderMissing`] only when nothing was made.
    pub fn make(
        &self,
        at: &WindowsPath,
        path: &WindowsPath,
        site: &mut Site<'_>,
        environment: &mut dyn Environment,
    ) -> Result<(), Fault> {
        match *self {
            Self::Source { source, size, attributes, modified, verified } => {
                let mut file = site.machine.create_file(at)?;
                site.step()?;
                let beginning = write_source(&mut file, source, size, path, &mut site.buffer, environment)?;
                site.step()?;
                native_program::make_runnable(&file, &beginning)
                    .map_err(|source| Fault::Write { path: path.clone(), source })?;
                if let Some(modified) = modified {
                    file.set_modified(modified)
                        .map_err(|source| Fault::Write { path: path.clone(), source })?;
                }
                drop(file);
                if verified {
                    verify(at, path, site)?;
                }
                site.write_back.wrote(site.machine, size);
                if attributes != Attributes::default() {
                    site.machine.set_attributes(at, attributes)?;
                }
                Ok(())
            }
            Self::Bytes(bytes) => {
                let mut file = site.machine.create_file(at)?;
                site.step()?;
                file.write_all(bytes).map_err(|source| Fault::Write { path: path.clone(), source })
            }
            Self::Ini(file) => file.make(at, site),
            Self::Copy(from) => copy(from, at, path, site),
            Self::Same(from) => match backup::link(site, from, at) {
                Ok(Linked::Yes) => Ok(()),
                Ok(Linked::No) | Err(Fault::Machine(MachineError::CrossesDrives { .. })) => {
                    copy(from, at, path, site)?;
                    keep_mode(from, at, path, site)
                }
                Err(fault) => Err(fault),
            },
        }
    }
}

/// Fails when a program or library has another checksum than its header states.
fn verify(at: &WindowsPath, path: &WindowsPath, site: &Site<'_>) -> Result<(), Fault> {
    let file = site.machine.open_file(at)?;
    let read = |source| Fault::Read { path: path.clone(), source };
    match image_checksum_fails(&file).map_err(read)? {
        true => Err(Fault::Checksum { path: path.clone() }),
        false => Ok(()),
    }
}

fn copy(from: &WindowsPath, at: &WindowsPath, path: &WindowsPath, site: &Site<'_>) -> Result<(), Fault> {
    let read = |source| Fault::Read { path: from.clone(), source };
    let write = |source| Fault::Write { path: path.clone(), source };
    let mut old = site.machine.open_file(from)?;
    let modified = old.metadata().and_then(|metadata| metadata.modified()).map_err(read)?;
    let mut new = site.machine.create_file(at)?;
    site.step()?;
    io::copy(&mut old, &mut new).map_err(write)?;
    new.set_modified(modified).map_err(write)?;
    drop(new);
    let attributes = site.machine.attributes(from)?;
    if attributes != Attributes::default() {
        site.machine.set_attributes(at, attributes)?;
    }
    Ok(())
}

/// Gives a copy that takes the place of its original the permissions of that.
fn keep_mode(from: &WindowsPath, at: &WindowsPath, path: &WindowsPath, site: &Site<'_>) -> Result<(), Fault> {
    let read = |source| Fault::Read { path: from.clone(), source };
    let old = site.machine.open_file(from)?.metadata().map_err(read)?;
    let mut permissions = old.permissions();
    if old.uid() != rustix::process::geteuid().as_raw() {
        // The copy is this user's, and what ran as its former owner must not run as this one.
        permissions.set_mode(permissions.mode() & 0o777);
    }
    let write = |source| Fault::Write { path: path.clone(), source };
    site.machine.open_file(at)?.set_permissions(permissions).map_err(write)
}

/// Writes a source to a file, and returns how it begins.
fn write_source(
    file: &mut File,
    source: &Source,
    size: u64,
    path: &WindowsPath,
    buffer: &mut Vec<u8>,
    environment: &mut dyn Environment,
) -> Result<Vec<u8>, Fault> {
    buffer.clear();
    let mut out = Promised { file, buffer, beginning: Vec::new(), promised: size, written: 0, problem: None };
    let copied = environment.copy_source(source, &mut out);
    // A source that passes over the errors of its output does not get away with it.
    if let Some(problem) = out.problem.take() {
        return Err(problem.into_fault(path, size));
    }
    copied.map_err(|source| Fault::Source { path: path.clone(), source })?;
    let flushed = out.flush();
    if let Some(problem) = out.problem.take() {
        return Err(problem.into_fault(path, size));
    }
    flushed.map_err(|source| Fault::Write { path: path.clone(), source })?;
    if out.written < size {
        return Err(Fault::SourceTooShort { path: path.clone(), promised: size, got: out.written });
    }
    Ok(out.beginning)
}

/// Takes as many bytes as were promised and no more.
struct Promised<'a> {
    file: &'a mut File,
    buffer: &'a mut Vec<u8>,
    /// The first bytes, as many as tell a program.
    beginning: Vec<u8>,
    promised: u64,
    written: u64,
    problem: Option<OutputProblem>,
}

enum OutputProblem {
    TooLong,
    Write(io::Error),
}

impl OutputProblem {
    fn into_fault(self, path: &WindowsPath, promised: u64) -> Fault {
        let path = path.clone();
        match self {
            Self::TooLong => Fault::SourceTooLong { path, promised },
            Self::Write(source) => Fault::Write { path, source },
        }
    }
}

impl Promised<'_> {
    fn write_through(&mut self, data: &[u8]) -> io::Result<()> {
        self.file.write_all(data).map_err(|error| self.write_failed(error))
    }

    fn write_failed(&mut self, error: io::Error) -> io::Error {
        let told = io::Error::new(error.kind(), "the file cannot be written");
        self.problem = Some(OutputProblem::Write(error));
        told
    }

    fn empty_buffer(&mut self) -> io::Result<()> {
        let written = self.file.write_all(self.buffer);
        self.buffer.clear();
        written.map_err(|error| self.write_failed(error))
    }
}

impl Write for Promised<'_> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let after = self.written.saturating_add(data.len() as u64);
        if after > self.promised {
            self.problem.get_or_insert(OutputProblem::TooLong);
            return Err(io::Error::other("more bytes than the package promises"));
        }
        let missing = native_program::BEGINNING.saturating_sub(self.beginning.len());
        self.beginning.extend(data.iter().take(missing));
        if self.buffer.len() + data.len() > BUFFER {
            self.empty_buffer()?;
        }
        if self.buffer.is_empty() && (data.len() >= MUCH || after == self.promised) {
            self.write_through(data)?;
        } else {
            self.buffer.extend_from_slice(data);
        }
        self.written = after;
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() { Ok(()) } else { self.empty_buffer() }
    }
}
