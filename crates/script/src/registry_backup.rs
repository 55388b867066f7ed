//! Keeping the registry's files, saving the registry, and undoing that.
//!
//! The registry is changed in memory and saved as whole files, each replaced in one step. Before a file is saved for the
//! first time in a transaction it is copied in the prefix's folder to `system.reg.<transaction>.rbf`; rolling back puts
//! that file in its place again, byte for byte. What programs changed in the registry meanwhile goes too.
//!
//! A second name would be quicker than a copy, but a wineserver writes a file that has several names in place, and so
//! would write over what is kept.

use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use reseat_machine::{Machine, MachineError};
use rustix::fs::{AtFlags, Gid, Mode, OFlags, Uid};
use rustix::io::Errno;

use crate::change::Change;
use crate::error::Fault;
use crate::site::Site;

/// How often it is tried to restore a file while Wine starts and ends.
const MOST_ATTEMPTS: u32 = 4;

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

/// Copies a registry file; the copy's name is on disk after [`sync`]. What the Wine that runs has is in the file already.
pub(crate) fn keep(site: &mut Site<'_>, file: &str, backup: Option<&str>) -> Result<(), Fault> {
    let Some(backup) = backup else { return Ok(()) };
    let failed = |error: Errno| fault("keep", file, error);
    let folder = prefix(site).map_err(failed)?;
    copy(&folder, file, backup).map_err(failed)?;
    site.step()
}

/// Waits until the copies' names are on disk.
pub(crate) fn sync(site: &Site<'_>) -> Result<(), Fault> {
    let synced = prefix(site).and_then(|folder| rustix::fs::fsync(&folder));
    synced.map_err(|error| fault("keep", "system.reg", error))
}

/// Brings a registry file back. Without its backup it was never saved, or it is back already.
pub(crate) fn restore(site: &mut Site<'_>, file: &str, backup: Option<&str>) -> Result<(), Fault> {
    let failed = |error: Errno| fault("restore", file, error);
    check(file).and(backup.map_or(Ok(()), check)).map_err(failed)?;
    let folder = prefix(site).map_err(failed)?;
    // A wineserver that runs would write its own registry over the file.
    let mut is_restored = false;
    for _ in 0..MOST_ATTEMPTS {
        is_restored = without_wine(site, &folder, file, backup).map_err(failed)?
            || through_wine(site, &folder, file, backup)?;
        if is_restored {
            break;
        }
    }
    if !is_restored {
        let pid = site.machine.wine_server().unwrap_or_default();
        return Err(MachineError::WineServerRuns { pid }.into());
    }
    rustix::fs::fsync(&folder).map_err(failed)?;
    site.machine.discard_registry_changes()?;
    site.step()
}

/// Puts the backup into its place while Wine is kept out. False when Wine runs.
fn without_wine(site: &Site<'_>, folder: &OwnedFd, file: &str, backup: Option<&str>) -> Result<bool, Errno> {
    let Ok(_kept_out) = site.machine.keep_wine_out() else { return Ok(false) };
    let restored = match backup {
        Some(backup) => rustix::fs::renameat(folder, backup, folder, file),
        None => rustix::fs::unlinkat(folder, file, AtFlags::empty()),
    };
    match restored {
        Ok(()) | Err(Errno::NOENT) => Ok(true),
        Err(error) => Err(error),
    }
}

/// Has the Wine that runs make the registry what the backup is. False when none runs, or it cannot be asked.
fn through_wine(site: &Site<'_>, folder: &OwnedFd, file: &str, backup: Option<&str>) -> Result<bool, Fault> {
    if !site.machine.has_wine_registry() {
        return Ok(false);
    }
    // A part that was not there has been made by Wine, which goes on with it.
    let Some(backup) = backup else { return Ok(site.machine.wine_server().is_some()) };
    let wanted = match std::fs::read(site.machine.prefix().join(backup)) {
        Ok(wanted) => wanted,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
        Err(source) => return Err(Fault::RegistryFile { action: "restore", file: file.to_owned(), source }),
    };
    if !site.machine.restore_running_registry(file, wanted)? {
        return Ok(false);
    }
    // Once more would take away what is changed from now on.
    match rustix::fs::unlinkat(folder, backup, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => Ok(true),
        Err(error) => Err(fault("remove the backup of", file, error)),
    }
}

/// Removes a backup.
pub(crate) fn discard(site: &mut Site<'_>, backup: &str) -> Result<(), Fault> {
    let failed = |error: Errno| fault("remove the backup of", backup, error);
    check(backup).map_err(failed)?;
    let folder = prefix(site).map_err(failed)?;
    // There may be an unfinished copy as well.
    for end in ["", ".new"] {
        match rustix::fs::unlinkat(&folder, format!("{backup}{end}"), AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(error) => return Err(failed(error)),
        }
    }
    site.step()
}

/// Makes `to` a copy of `from`: whole or not at all.
fn copy(folder: &OwnedFd, from: &str, to: &str) -> Result<(), Errno> {
    let flags = OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let old = rustix::fs::openat(folder, from, OFlags::RDONLY | flags, Mode::empty())?;
    let stat = rustix::fs::fstat(&old)?;
    let part = format!("{to}.new");
    match rustix::fs::unlinkat(folder, part.as_str(), AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => {}
        Err(error) => return Err(error),
    }
    let new = rustix::fs::openat(
        folder,
        part.as_str(),
        OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | flags,
        Mode::from_raw_mode(stat.st_mode & 0o777),
    )?;
    if rustix::fs::fstat(&new)?.st_uid != stat.st_uid {
        // It comes back as the file of whom it was, where that is allowed.
        let (user, group) = (Uid::from_raw(stat.st_uid), Gid::from_raw(stat.st_gid));
        let _ = rustix::fs::fchown(&new, Some(user), Some(group));
    }
    let (mut old, mut new) = (std::fs::File::from(old), std::fs::File::from(new));
    let copied = io::copy(&mut old, &mut new)
        .and_then(|_| new.set_modified(old.metadata()?.modified()?))
        .and_then(|()| new.sync_all());
    copied.map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?;
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
