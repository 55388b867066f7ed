//! The registry's files on disk: reading them, and replacing those that changed.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

use rustix::fs::{CWD, RenameFlags};
use rustix::io::Errno;

use crate::error::MachineError;
use crate::machine::{Bitness, Machine};
use crate::registry::{Part, Parts, Registry};
use crate::registry_file::{RegistryFile, RegistryFileError};
use crate::wine_registry::RegistryChange;
use crate::wine_server;

/// How often changes are made again because another wineserver runs now.
const MOST_ATTEMPTS: u32 = 4;

/// A registry is some megabytes; this is against a wrong file.
const MOST_BYTES: u64 = 512 << 20;

/// The registry of a machine, read at its first use.
#[derive(Debug)]
pub(crate) struct RegistryStore {
    registry: OnceLock<Registry>,
    /// What the files were when they were read, to know a change by another program. Held while files are read or written.
    stamps: Mutex<[Stamp; 3]>,
}

/// What is beside a registry file under the name of ours is not followed elsewhere.
const NOFOLLOW: i32 = rustix::fs::OFlags::NOFOLLOW.bits() as i32;

/// The identity and times of a file; nothing when it is not there.
pub(crate) type Stamp = Option<(u64, u64, u64, i64, i64)>;

pub(crate) fn stamp(path: &Path) -> Stamp {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.dev(), metadata.ino(), metadata.len(), metadata.mtime(), metadata.mtime_nsec()))
}

impl RegistryStore {
    pub(crate) fn new() -> Self {
        Self { registry: OnceLock::new(), stamps: Mutex::default() }
    }
}

/// The names of the parts' roots in files that Reseat makes.
fn root_name(part: Part) -> &'static str {
    match part {
        Part::Machine => r"REGISTRY\Machine",
        Part::User => r"REGISTRY\User\S-1-5-21-0-0-0-1000",
        Part::Default => r"REGISTRY\User\.Default",
    }
}

fn read(prefix: &Path, part: Part, bitness: Bitness) -> Result<RegistryFile, MachineError> {
    let path = prefix.join(part.file_name());
    let failed = |source| MachineError::RegistryFile { path: path.clone(), source };
    let file = match File::open(&path) {
        Ok(file) => file,
        // Wine makes the users' parts when it needs them.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && part != Part::Machine => {
            let mut file = RegistryFile::new(root_name(part), bitness);
            file.saved();
            return Ok(file);
        }
        Err(error) => return Err(failed(RegistryFileError::Unreadable(error))),
    };
    let got = file.metadata().map_err(|error| failed(RegistryFileError::Unreadable(error)))?.len();
    if got > MOST_BYTES {
        return Err(failed(RegistryFileError::TooLarge { got, most: MOST_BYTES }));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(got).unwrap_or(0) + 1);
    file.take(MOST_BYTES)
        .read_to_end(&mut bytes)
        .map_err(|error| failed(RegistryFileError::Unreadable(error)))?;
    RegistryFile::parse(bytes).map_err(failed)
}

/// Puts a new text in the place of a file: written beside it, synced, and renamed. [`sync_names`] is left to be done.
pub(crate) fn replace(path: &Path, text: &[u8]) -> Result<(), MachineError> {
    replace_by(path, text, |beside| std::fs::rename(beside, path))
}

/// Puts a new text in the place of a file that was `seen`. A file that the wineserver has written there since is newer
/// than the text, and stays. [`sync_names`] is left to be done.
pub(crate) fn replace_seen(path: &Path, text: &[u8], seen: Stamp) -> Result<(), MachineError> {
    replace_by(path, text, |beside| {
        let mut expected = seen;
        let mut given = stamp(beside);
        loop {
            if stamp(path) != expected {
                return std::fs::remove_file(beside);
            }
            let flags = if expected.is_some() { RenameFlags::EXCHANGE } else { RenameFlags::NOREPLACE };
            match rustix::fs::renameat_with(CWD, beside, CWD, path, flags) {
                Ok(()) if expected.is_none() => return Ok(()),
                Ok(()) => {}
                Err(Errno::EXIST) => return std::fs::remove_file(beside),
                // A file system that cannot exchange two files.
                Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => return std::fs::rename(beside, path),
                Err(error) => return Err(error.into()),
            }
            let taken = stamp(beside);
            if taken == expected {
                return std::fs::remove_file(beside);
            }
            // Just now the wineserver wrote what was taken away: it goes back, unless something newer still is there.
            expected = std::mem::replace(&mut given, taken);
        }
    })
}

/// Writes a text beside a file and has it put into its place.
fn replace_by(
    path: &Path,
    text: &[u8],
    put: impl FnOnce(&Path) -> std::io::Result<()>,
) -> Result<(), MachineError> {
    let failed = |error| MachineError::unix("write", path, error);
    let beside = unfinished(path);
    let mode = std::fs::metadata(path).map_or(0o644, |metadata| metadata.mode() & 0o777);
    let written = (|| {
        // One that a killed process left is not written to: it may have another name elsewhere.
        match std::fs::remove_file(&beside) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .custom_flags(NOFOLLOW)
            .open(&beside)?;
        file.write_all(text)?;
        file.sync_all()?;
        put(&beside)
    })();
    if let Err(error) = written {
        // The first error is the one that matters.
        let _ = std::fs::remove_file(&beside);
        return Err(failed(error));
    }
    Ok(())
}

/// Where the new text of a file is until it is whole: always the same name, so that what a killed process left is found.
/// Only one process writes at a time, see [`wine_server::keep_out`].
fn unfinished(path: &Path) -> PathBuf {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".reseat-new");
    PathBuf::from(beside)
}

/// Waits until the names in a prefix are on disk.
pub(crate) fn sync_names(prefix: &Path) -> Result<(), MachineError> {
    let synced = File::open(prefix).and_then(|folder| folder.sync_all());
    synced.map_err(|error| MachineError::unix("sync", prefix, error))
}

impl Machine {
    /// The registry, read at the first call: from the Wine that runs, or from the prefix's files.
    ///
    /// # Errors
    /// When Wine cannot be asked, or a file cannot be read or is no registry file.
    pub fn registry(&self) -> Result<&Registry, MachineError> {
        if let Some(registry) = self.store.registry.get() {
            return Ok(registry);
        }
        let mut stamps = self.store.stamps.lock().unwrap_or_else(PoisonError::into_inner);
        let read = |part| self.read_part(part);
        let [machine, user, default] = [read(Part::Machine)?, read(Part::User)?, read(Part::Default)?];
        *stamps = [machine.0, user.0, default.0];
        let files = [machine.1, user.1, default.1];
        Ok(self.store.registry.get_or_init(|| Registry::new(self.bitness(), Parts::new(files))))
    }

    /// A part as it is now, and what its file was, unless it is from the Wine that runs: nothing is written for it, so
    /// that who only reads is in nobody's way.
    fn read_part(&self, part: Part) -> Result<(Stamp, RegistryFile), MachineError> {
        if let Some(file) = self.ask_wine(part)? {
            return Ok((None, file));
        }
        // Taken before the reading: a change in between is seen as a change.
        let found = stamp(&self.registry_path(part));
        Ok((found, read(self.prefix(), part, self.bitness())?))
    }

    fn registry_path(&self, part: Part) -> PathBuf {
        self.prefix().join(part.file_name())
    }

    /// The files that hold the registry, whether or not they are there.
    pub fn registry_files(&self) -> [PathBuf; 3] {
        Part::ALL.map(|part| self.registry_path(part))
    }

    /// Those of the files that hold the registry that [`Machine::save_registry`] would write now.
    pub fn changed_registry_files(&self) -> Vec<PathBuf> {
        let Some(registry) = self.store.registry.get() else { return Vec::new() };
        let parts = registry.parts();
        let changed = Part::ALL.into_iter().filter(|part| parts.file(*part).is_changed());
        changed.map(|part| self.registry_path(part)).collect()
    }

    /// Writes the parts of the registry that changed, each whole or not at all. When another program changed a file since
    /// it was read, it is read again first and the changes are made to it. A Wine that starts meanwhile waits.
    ///
    /// # Errors
    /// [`MachineError::WineServerRuns`] when a wineserver has the registry, which would write over the changes, and there is
    /// no [`WineRegistry`](crate::WineRegistry). Also when a file cannot be read or written; the changes of parts that were not written are kept.
    pub fn save_registry(&self) -> Result<(), MachineError> {
        let Some(registry) = self.store.registry.get() else { return Ok(()) };
        let mut stamps = self.store.stamps.lock().unwrap_or_else(PoisonError::into_inner);
        if Part::ALL.iter().all(|part| !registry.parts().file(*part).is_changed()) {
            return Ok(());
        }
        let _kept_out = match self.keep_wine_out() {
            Ok(kept_out) => kept_out,
            Err(_) if self.has_wine_registry() => return self.save_through_wine(registry, &mut stamps),
            Err(pid) => return Err(MachineError::WineServerRuns { pid }),
        };
        let mut replaced = false;
        let saved = Part::ALL.into_iter().zip(stamps.iter_mut()).try_for_each(|(part, known)| {
            let path = self.registry_path(part);
            let mut parts = registry.parts();
            if !parts.file(part).is_changed() {
                return Ok(());
            }
            if stamp(&path) != *known {
                tracing::debug!(path = %path.display(), "another program changed the registry; reading it again");
                parts.replace(part, read(self.prefix(), part, self.bitness())?);
            }
            replace(&path, parts.file(part).to_text().as_bytes())?;
            replaced = true;
            *known = stamp(&path);
            parts.saved(part);
            Ok(())
        });
        // Once for all parts: each by itself is whole before and after.
        let synced = if replaced { sync_names(self.prefix()) } else { Ok(()) };
        saved.and(synced)
    }

    fn save_through_wine(&self, registry: &Registry, stamps: &mut [Stamp; 3]) -> Result<(), MachineError> {
        let Some(running) = self.wine_registry() else { return Ok(()) };
        let mut parts = registry.parts();
        let changed: Vec<Part> =
            Part::ALL.into_iter().filter(|part| parts.file(*part).is_changed()).collect();
        // A server that is killed between a change and its way to the file takes the change with it. The changes may be
        // made again, as they are made in their order.
        for attempt in 1.. {
            let server = self.wine_server();
            for part in changed.iter().copied() {
                let changes: Vec<RegistryChange> =
                    parts.changes(part).iter().map(RegistryChange::from).collect();
                let path = self.registry_path(part);
                let done = running.change(part, &changes);
                done.map_err(|error| MachineError::unix("change through Wine", &path, error))?;
            }
            self.flush_registry()?;
            if attempt == MOST_ATTEMPTS || self.wine_server() == server {
                break;
            }
            tracing::debug!("Wine's server is another one now; the registry is changed again");
        }
        for (part, known) in Part::ALL.into_iter().zip(stamps.iter_mut()) {
            if changed.contains(&part) {
                parts.saved(part);
                // What programs of Wine changed meanwhile is not known.
                *known = None;
            }
        }
        Ok(())
    }

    /// Reads the registry's files again where they are not those that were read. Changes that are not saved are kept and
    /// made to the new content. To be called after a program ran in the prefix.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn reload_registry(&self) -> Result<(), MachineError> {
        let Some(registry) = self.store.registry.get() else { return Ok(()) };
        let mut stamps = self.store.stamps.lock().unwrap_or_else(PoisonError::into_inner);
        self.flush_registry()?;
        for (part, known) in Part::ALL.into_iter().zip(stamps.iter_mut()) {
            let found = stamp(&self.registry_path(part));
            if found != *known {
                let file = read(self.prefix(), part, self.bitness())?;
                registry.parts().replace(part, file);
                *known = found;
            }
        }
        Ok(())
    }

    /// Removes what a process that was killed while it saved the registry left.
    fn remove_unfinished(&self) {
        let left = self.registry_files().map(|path| unfinished(&path));
        if !left.iter().any(|path| path.exists()) {
            return;
        }
        // Whoever saves just now keeps others out too.
        let Ok(_kept_out) = wine_server::keep_out(self.prefix()) else { return };
        for path in left {
            match std::fs::remove_file(&path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    tracing::warn!(path = %path.display(), %error, "cannot remove an unfinished file");
                }
                _ => {}
            }
        }
    }

    /// Drops all changes that are not saved and reads the files again, and removes what a killed process left of saving.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn discard_registry_changes(&self) -> Result<(), MachineError> {
        self.remove_unfinished();
        let Some(registry) = self.store.registry.get() else { return Ok(()) };
        let mut stamps = self.store.stamps.lock().unwrap_or_else(PoisonError::into_inner);
        for (part, known) in Part::ALL.into_iter().zip(stamps.iter_mut()) {
            let (found, file) = self.read_part(part)?;
            let mut parts = registry.parts();
            parts.forget_changes(part);
            parts.replace(part, file);
            *known = found;
        }
        Ok(())
    }
}

/// Writes the files of a new prefix.
pub(crate) fn write_new(prefix: &Path, part: Part, file: &RegistryFile) -> Result<(), MachineError> {
    replace(&prefix.join(part.file_name()), file.to_text().as_bytes())?;
    sync_names(prefix)
}

/// An empty part for a new prefix.
pub(crate) fn new_part(part: Part, bitness: Bitness) -> RegistryFile {
    RegistryFile::new(root_name(part), bitness)
}

/// What `#arch` a registry file says, from its first lines.
pub(crate) fn bitness_of(prefix: &Path) -> Result<Option<Bitness>, MachineError> {
    let path = prefix.join(Part::Machine.file_name());
    let mut start = Vec::new();
    File::open(&path).and_then(|file| file.take(1024).read_to_end(&mut start)).map_err(|source| {
        MachineError::RegistryFile { path, source: RegistryFileError::Unreadable(source) }
    })?;
    let start = String::from_utf8_lossy(&start);
    Ok(start.lines().find_map(|line| match line.trim_end() {
        "#arch=win64" => Some(Bitness::X64),
        "#arch=win32" => Some(Bitness::X86),
        _ => None,
    }))
}
