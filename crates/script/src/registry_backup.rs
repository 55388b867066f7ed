//! Keeping the registry's files, saving the registry, and undoing that.
//!
//! The registry is changed in memory and saved as whole files, each replaced in one step. Before a file is saved for the
//! first time in a transaction it gets a second name in the prefix's folder, `system.reg.<transaction>.rbf`; rolling
//! back puts that file in its place again, byte for byte. What programs changed in the registry meanwhile goes too.

use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use reseat_machine::{Machine, MachineError};
use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;

use crate::change::Change;
use crate::error::Fault;
use crate::site::Site;

/// The names of the files that hold the registry: a program may change any of them.
pub(crate) fn files(machine: &Machine) -> Vec<String> {
    names(&machine.registry_files())
}

/// The names of the files that saving the registry is going to replace.
pub(crate) fn changed_files(machine: &Machine) -> Vec<String> {
    names(&machine.changed_registry_files())
}

fn names(paths: &[PathBuf]) -> Vec<String> {
    paths.iter().filter_map(|path| path.file_name()?.to_str().map(str::to_owned)).collect()
}

/// Plans that a registry file is kept.
pub(crate) fn plan(site: &Site<'_>, file: String) -> Result<Change, Fault> {
    let failed = |error: Errno| fault("look at", &file, error);
    let folder = prefix(site).map_err(failed)?;
    let backup = match rustix::fs::statat(&folder, file.as_str(), AtFlags::SYMLINK_NOFOLLOW) {
        Ok(_) => Some(format!("{file}.{}.rbf", site.id)),
        Err(Errno::NOENT) => None,
        Err(error) => return Err(failed(error)),
    };
    Ok(Change::SaveRegistryFile { file, backup })
}

/// Gives a registry file its second name, which is on disk after [`sync`].
pub(crate) fn keep(site: &mut Site<'_>, file: &str, backup: Option<&str>) -> Result<(), Fault> {
    let Some(backup) = backup else { return Ok(()) };
    let failed = |error: Errno| fault("keep", file, error);
    // While Wine runs, its file is older than the registry.
    site.machine.flush_registry()?;
    let folder = prefix(site).map_err(failed)?;
    second_name(site, &folder, file, backup).map_err(failed)?;
    site.step()
}

/// Waits until the second names are on disk.
pub(crate) fn sync(site: &Site<'_>) -> Result<(), Fault> {
    let synced = prefix(site).and_then(|folder| rustix::fs::fsync(&folder));
    synced.map_err(|error| fault("keep", "system.reg", error))
}

/// Brings a registry file back. Without its backup it was never saved.
pub(crate) fn restore(site: &mut Site<'_>, file: &str, backup: Option<&str>) -> Result<(), Fault> {
    let failed = |error: Errno| fault("restore", file, error);
    check(file).and(backup.map_or(Ok(()), check)).map_err(failed)?;
    let folder = prefix(site).map_err(failed)?;
    match backup {
        None => match rustix::fs::unlinkat(&folder, file, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(error) => return Err(failed(error)),
        },
        Some(backup) => {
            let kept = match rustix::fs::statat(&folder, backup, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(kept) => kept,
                Err(Errno::NOENT) => return Ok(()),
                Err(error) => return Err(failed(error)),
            };
            let now = rustix::fs::statat(&folder, file, AtFlags::SYMLINK_NOFOLLOW).ok();
            if now.is_none_or(|now| (now.st_dev, now.st_ino) != (kept.st_dev, kept.st_ino)) {
                if site.machine.has_wine_registry() && site.machine.wine_server().is_some() {
                    let path = site.machine.prefix().join(backup);
                    let wanted = std::fs::read(path)
                        .map_err(|error| failed(Errno::from_io_error(&error).unwrap_or(Errno::IO)))?;
                    if site.machine.restore_running_registry(file, wanted)? {
                        site.machine.discard_registry_changes()?;
                        return site.step();
                    }
                }
                if let Some(pid) = site.machine.wine_server() {
                    // It would write its own registry over the file.
                    return Err(MachineError::WineServerRuns { pid }.into());
                }
                let restored = format!("{backup}.rst");
                match rustix::fs::unlinkat(&folder, restored.as_str(), AtFlags::empty()) {
                    Ok(()) | Err(Errno::NOENT) => {}
                    Err(error) => return Err(failed(error)),
                }
                second_name(site, &folder, backup, &restored).map_err(failed)?;
                site.step()?;
                rustix::fs::renameat(&folder, restored.as_str(), &folder, file).map_err(failed)?;
            }
        }
    }
    rustix::fs::fsync(&folder).map_err(failed)?;
    site.machine.discard_registry_changes()?;
    site.step()
}

/// Removes a backup.
pub(crate) fn discard(site: &mut Site<'_>, backup: &str) -> Result<(), Fault> {
    let failed = |error: Errno| fault("remove the backup of", backup, error);
    check(backup).map_err(failed)?;
    let folder = prefix(site).map_err(failed)?;
    // Where hard links do not work there may be unfinished copies as well.
    for end in ["", ".new", ".rst", ".rst.new"] {
        match rustix::fs::unlinkat(&folder, format!("{backup}{end}"), AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(error) => return Err(failed(error)),
        }
    }
    site.step()
}

/// Makes `to` the same file as `from`, or a copy of it where hard links do not work.
fn second_name(site: &Site<'_>, folder: &OwnedFd, from: &str, to: &str) -> Result<(), Errno> {
    if site.links() {
        match rustix::fs::linkat(folder, from, folder, to, AtFlags::empty()) {
            Err(Errno::PERM | Errno::OPNOTSUPP | Errno::NOSYS | Errno::MLINK) => {}
            other => return other,
        }
    }
    let flags = OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let old = rustix::fs::openat(folder, from, OFlags::RDONLY | flags, Mode::empty())?;
    let mode = Mode::from_raw_mode(rustix::fs::fstat(&old)?.st_mode & 0o777);
    let part = format!("{to}.new");
    match rustix::fs::unlinkat(folder, part.as_str(), AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => {}
        Err(error) => return Err(error),
    }
    let new = rustix::fs::openat(
        folder,
        part.as_str(),
        OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | flags,
        mode,
    )?;
    let (mut old, mut new) = (std::fs::File::from(old), std::fs::File::from(new));
    let copied = io::copy(&mut old, &mut new)
        .and_then(|_| new.set_modified(old.metadata()?.modified()?))
        .and_then(|()| new.sync_all());
    copied.map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?;
    // A whole copy or none.
    rustix::fs::renameat(folder, part.as_str(), folder, to)
}

/// A name from the journal is the name of a file in the prefix, not a path.
fn check(name: &str) -> Result<(), Errno> {
    if name.contains('/') || matches!(name, "" | "." | "..") { Err(Errno::INVAL) } else { Ok(()) }
}

fn prefix(site: &Site<'_>) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::open(site.machine.prefix(), flags, Mode::empty())
}

fn fault(action: &'static str, file: &str, source: Errno) -> Fault {
    Fault::RegistryFile { action, file: file.to_owned(), source: source.into() }
}
