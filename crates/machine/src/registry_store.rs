//! The registry's files on disk: reading them, and replacing those that changed.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::SystemTime;

use rustix::fs::{CWD, RenameFlags};
use rustix::io::Errno;

use crate::error::MachineError;
use crate::machine::{Bitness, Machine};
use crate::registry::{Part, Parts, Registry};
use crate::registry_file::{RegistryFile, RegistryFileError};
use crate::wine_server;

/// A registry is some megabytes; this is against a wrong file.
const MOST_BYTES: u64 = 512 << 20;

/// The registry of a machine, read at its first use.
#[derive(Debug)]
pub(crate) struct RegistryStore {
    registry: OnceLock<Registry>,
    /// What the files were when they were read, to know a change by another program. Held while files are read or written.
    known: Mutex<[Known; 3]>,
    /// Whether a program may have changed the registry since it was read.
    pub(crate) is_stale: AtomicBool,
}

/// What is in memory of a part.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Known {
    /// What its file was when it was read; nothing when Wine said it.
    pub(crate) stamp: Stamp,
    /// Whether it has to be read again in any case.
    pub(crate) is_wrong: bool,
    /// Whether a program may have changed what the running Wine has of it and the disk has not.
    pub(crate) is_ahead: bool,
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
        Self { registry: OnceLock::new(), known: Mutex::default(), is_stale: AtomicBool::new(false) }
    }

    /// The registry, if it was read.
    pub(crate) fn get(&self) -> Option<&Registry> {
        self.registry.get()
    }

    pub(crate) fn known(&self) -> MutexGuard<'_, [Known; 3]> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
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

pub(crate) fn read(prefix: &Path, part: Part, bitness: Bitness) -> Result<RegistryFile, MachineError> {
    let path = prefix.join(part.file_name());
    let failed = |source| MachineError::RegistryFile { path: path.clone(), source };
    let file = match File::open(&path) {
        Ok(file) => file,
        // Wine makes the users' parts when it needs them.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && part != Part::Machine => {
            let mut file = RegistryFile::new(root_name(part), bitness);
            let text = file.to_text();
            file.saved(&text);
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

/// Puts a new text in the place of a file: written beside it, synced, and renamed. [`sync_names`] is left to be done. The new
/// file has this time, if one is given.
pub(crate) fn replace(path: &Path, text: &[u8], modified: Option<SystemTime>) -> Result<(), MachineError> {
    replace_by(path, text, modified, |beside| std::fs::rename(beside, path))
}

/// Puts a new text in the place of a file that was `seen`. A file that the wineserver has written there since is newer
/// than the text, and stays. [`sync_names`] is left to be done.
pub(crate) fn replace_seen(path: &Path, text: &[u8], seen: Stamp) -> Result<(), MachineError> {
    replace_by(path, text, None, |beside| {
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
    modified: Option<SystemTime>,
    put: impl FnOnce(&Path) -> std::io::Result<()>,
) -> Result<(), MachineError> {
    let failed = |error| MachineError::unix("write", path, error);
    let beside = unfinished(path);
    let replaced = std::fs::metadata(path).ok();
    let mode = replaced.as_ref().map_or(0o644, |metadata| metadata.mode() & 0o777);
    let written = (|| {
        // One that a killed process left is not written to: it may have another name elsewhere.
        remove_if_there(&beside)?;
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .custom_flags(NOFOLLOW)
            .open(&beside)?;
        if let Some(replaced) = &replaced
            && file.metadata()?.uid() != replaced.uid()
        {
            // It stays the file of whom it is, where that is allowed.
            let _ = std::os::unix::fs::fchown(&file, Some(replaced.uid()), Some(replaced.gid()));
        }
        file.write_all(text)?;
        if let Some(modified) = modified {
            file.set_modified(modified)?;
        }
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

/// Removes a file that need not be there.
pub(crate) fn remove_if_there(path: &Path) -> std::io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Where the new text of a file is until it is whole: always the same name, so that what a killed process left is found.
/// Only one process writes at a time, see [`wine_server::keep_out`].
pub(crate) fn unfinished(path: &Path) -> PathBuf {
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
    /// The registry: from the Wine that runs, or from the prefix's files. It is read at the first call, and again at the next
    /// one after [`Machine::forget_registry`]; changes that are not saved are kept then, and made to the new content.
    ///
    /// # Errors
    /// When Wine cannot be asked, or a file cannot be read or is no registry file.
    pub fn registry(&self) -> Result<&Registry, MachineError> {
        if let Some(registry) = self.store.get()
            && !self.store.is_stale.load(Ordering::Acquire)
        {
            return Ok(registry);
        }
        let mut known = self.store.known();
        if let Some(registry) = self.store.get() {
            if self.store.is_stale.load(Ordering::Acquire) {
                self.read_again(registry, &mut known)?;
                self.store.is_stale.store(false, Ordering::Release);
            }
            return Ok(registry);
        }
        let read = |part| self.read_part(part);
        let [machine, user, default] = [read(Part::Machine)?, read(Part::User)?, read(Part::Default)?];
        for (known, stamp) in known.iter_mut().zip([machine.0, user.0, default.0]) {
            (known.stamp, known.is_wrong) = (stamp, false);
        }
        let files = [machine.1, user.1, default.1];
        self.store.is_stale.store(false, Ordering::Release);
        Ok(self.store.registry.get_or_init(|| Registry::new(self.bitness(), Parts::new(files))))
    }

    /// A part as it is now, and what its file was, unless it is from the Wine that runs: nothing is written for it, so
    /// that who only reads is in nobody's way.
    fn read_part(&self, part: Part) -> Result<(Stamp, RegistryFile), MachineError> {
        if let Some(running) = self.running_registry() {
            return Ok((None, self.parse_part(part, self.ask_wine(&*running, part)?)?));
        }
        // Taken before the reading: a change in between is seen as a change.
        let found = stamp(&self.registry_path(part));
        Ok((found, read(self.prefix(), part, self.bitness())?))
    }

    /// Reads the parts that are not what was read.
    fn read_again(&self, registry: &Registry, all: &mut [Known; 3]) -> Result<(), MachineError> {
        let running = self.running_registry();
        for (part, known) in Part::ALL.into_iter().zip(all) {
            let (found, file) = if let Some(running) = &running {
                let text = self.ask_wine(&**running, part)?;
                if !known.is_wrong && registry.parts().file(part).is_read_from(&text) {
                    known.stamp = None;
                    continue;
                }
                (None, self.parse_part(part, text)?)
            } else {
                let found = stamp(&self.registry_path(part));
                if !known.is_wrong && found == known.stamp {
                    continue;
                }
                (found, read(self.prefix(), part, self.bitness())?)
            };
            registry.parts().replace(part, file);
            (known.stamp, known.is_wrong) = (found, false);
        }
        Ok(())
    }

    pub(crate) fn registry_path(&self, part: Part) -> PathBuf {
        self.prefix().join(part.file_name())
    }

    /// The files that hold the registry, whether or not they are there.
    pub fn registry_files(&self) -> [PathBuf; 3] {
        Part::ALL.map(|part| self.registry_path(part))
    }

    /// Says that a program ran in the prefix: what was read of the registry need not hold any more. It is read again when
    /// somebody asks for it, see [`Machine::registry`].
    pub fn forget_registry(&self) {
        self.store.known().iter_mut().for_each(|known| known.is_ahead = true);
        self.store.is_stale.store(true, Ordering::Release);
    }

    /// Brings what programs changed in the registry to the disk, where Wine still has it in memory.
    ///
    /// # Errors
    /// When Wine cannot be asked, or a file cannot be written.
    pub fn sync_registry(&self) -> Result<(), MachineError> {
        let mut all = self.store.known();
        let ahead: Vec<Part> = Part::ALL
            .into_iter()
            .zip(all.iter())
            .filter(|(_, known)| known.is_ahead)
            .map(|(part, _)| part)
            .collect();
        if !ahead.is_empty() {
            self.flush_registry(&ahead)?;
            all.iter_mut().for_each(|known| known.is_ahead = false);
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
            if let Err(error) = remove_if_there(&path) {
                tracing::warn!(path = %path.display(), %error, "cannot remove an unfinished file");
            }
        }
    }

    /// Drops all changes that are not saved, and removes what a killed process left of saving.
    pub fn discard_registry_changes(&self) {
        self.remove_unfinished();
        let Some(registry) = self.store.get() else { return };
        let mut all = self.store.known();
        let mut parts = registry.parts();
        for (part, known) in Part::ALL.into_iter().zip(all.iter_mut()) {
            known.is_wrong |= parts.file(part).is_changed();
            parts.forget_changes(part);
        }
        self.store.is_stale.store(true, Ordering::Release);
    }
}

/// Writes the files of a new prefix.
pub(crate) fn write_new(prefix: &Path, part: Part, file: &RegistryFile) -> Result<(), MachineError> {
    replace(&prefix.join(part.file_name()), file.to_text().as_bytes(), None)?;
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
