//! From a Windows path to a folder handle and a real name: the drives of the machine and the lookup on them.

use std::collections::{BTreeMap, HashMap};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::fs::OFlags;
use rustix::io::Errno;

use crate::drive::{Access, Drive};
use crate::error::MachineError;
use crate::folder_names::{Change, FolderNames};
use crate::windows_path::WindowsPath;

/// So many folders are remembered by their real path.
const MOST_FOLDERS: usize = 200_000;

/// The drives of a prefix, and what is known of the names on them.
#[derive(Debug)]
pub struct Drives {
    prefix: PathBuf,
    known: Mutex<BTreeMap<char, Option<Arc<Drive>>>>,
    names: Mutex<Lookup>,
}

#[derive(Debug, Default)]
struct Lookup {
    names: FolderNames,
    /// Folded Windows path of a folder to its real path from the drive's root.
    real_paths: HashMap<Box<str>, PathBuf>,
}

/// A folder, and what is changed in it. At most two are changed at once.
pub type FolderChange<'c> = (BorrowedFd<'c>, Change<'c>);

/// Where something is or would be: the open folder, and the real name in it if there is one.
#[derive(Debug)]
pub struct Place {
    /// The drive.
    pub drive: Arc<Drive>,
    /// The folder that contains it.
    pub folder: OwnedFd,
    /// The folder's real path from the drive's root.
    pub folder_path: PathBuf,
    /// The name as the caller spells it.
    pub name: String,
    /// The name that exists, in its own letter case.
    pub real: Option<String>,
}

impl Place {
    /// The existing name.
    pub fn existing(&self, action: &'static str, path: &WindowsPath) -> Result<&str, MachineError> {
        self.real.as_deref().ok_or_else(|| MachineError::NotFound { action, path: path.clone() })
    }

    /// The real path from the drive's root.
    pub fn relative(&self) -> PathBuf {
        self.folder_path.join(self.real.as_deref().unwrap_or(&self.name))
    }
}

impl Drives {
    /// The drives that `dosdevices` of the prefix names; the prefix's path is free of links.
    pub fn new(prefix: PathBuf) -> Self {
        Self { prefix, known: Mutex::default(), names: Mutex::default() }
    }

    fn lookup(&self) -> MutexGuard<'_, Lookup> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The drive with a letter, if the prefix has it and its folder can be opened.
    pub fn drive(&self, letter: char) -> Option<Arc<Drive>> {
        let letter = letter.to_ascii_lowercase();
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.entry(letter).or_insert_with(|| self.open_drive(letter).map(Arc::new)).clone()
    }

    fn open_drive(&self, letter: char) -> Option<Drive> {
        let path = self.prefix.join("dosdevices").join(format!("{letter}:")).canonicalize().ok()?;
        let access = if path.starts_with(&self.prefix) { Access::Change } else { Access::Read };
        match Drive::open(path, access) {
            Ok(drive) => Some(drive),
            Err(error) => {
                tracing::warn!(drive = %letter, %error, "cannot open the folder of a drive");
                None
            }
        }
    }

    /// All drives that can be opened, with their letters in lower case.
    pub fn all(&self) -> Vec<(char, Arc<Drive>)> {
        ('a'..='z').filter_map(|letter| Some((letter, self.drive(letter)?))).collect()
    }

    /// The drive of a path.
    pub fn drive_of(&self, path: &WindowsPath) -> Result<Arc<Drive>, MachineError> {
        let drive = path.drive();
        self.drive(drive).ok_or_else(|| MachineError::NoDrive { path: path.clone(), drive })
    }

    /// The place of a path that may be changed. The root of a drive has none.
    pub fn place_to_change(&self, action: &'static str, path: &WindowsPath) -> Result<Place, MachineError> {
        let place = self.place(action, path)?;
        if place.drive.access() == Access::Read {
            return Err(MachineError::ReadOnlyDrive { action, path: path.clone(), drive: path.drive() });
        }
        Ok(place)
    }

    /// The place of a path. The root of a drive has none.
    pub fn place(&self, action: &'static str, path: &WindowsPath) -> Result<Place, MachineError> {
        let drive = self.drive_of(path)?;
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(MachineError::IsFolder { action, path: path.clone() });
        };
        let mut lookup = self.lookup();
        let (folder, folder_path) = lookup.open_folder(&drive, action, path, &parent)?;
        let real = lookup
            .names
            .find(folder.as_fd(), name)
            .map_err(|error| MachineError::file(action, path, error))?;
        Ok(Place { drive, folder, folder_path, name: name.to_owned(), real })
    }

    /// Opens a folder by handle (of use as a starting point only), with its real path from the drive's root.
    pub fn open_folder(
        &self,
        action: &'static str,
        path: &WindowsPath,
    ) -> Result<(Arc<Drive>, OwnedFd, PathBuf), MachineError> {
        let drive = self.drive_of(path)?;
        let (folder, real) = self.lookup().open_folder(&drive, action, path, path)?;
        Ok((drive, folder, real))
    }

    /// Does a change in folders, and enters it into what is known of their names when it succeeded.
    pub fn change<T>(
        &self,
        changes: &[FolderChange<'_>],
        act: impl FnOnce() -> Result<T, Errno>,
    ) -> Result<T, Errno> {
        let mut lookup = self.lookup();
        let mut current = [false; 2];
        for (current, (folder, _)) in current.iter_mut().zip(changes) {
            *current = lookup.names.is_current(*folder);
        }
        let result = act()?;
        for (_, (folder, change)) in current.iter().zip(changes).filter(|(current, _)| **current) {
            lookup.names.changed(*folder, *change);
        }
        Ok(result)
    }

    /// Forgets what is known of a folder and of folders below it.
    pub fn forget_below(&self, key: &str) {
        let mut lookup = self.lookup();
        let below = |known: &str| {
            known.strip_prefix(key).is_some_and(|rest| rest.is_empty() || rest.starts_with('\\'))
        };
        lookup.real_paths.retain(|known, _| !below(known));
    }

    /// Forgets all names and drives.
    pub fn forget(&self) {
        *self.lookup() = Lookup::default();
        self.known.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

impl Lookup {
    /// Opens `folder`; `path` and `action` are what a message names.
    fn open_folder(
        &mut self,
        drive: &Drive,
        action: &'static str,
        path: &WindowsPath,
        folder: &WindowsPath,
    ) -> Result<(OwnedFd, PathBuf), MachineError> {
        let flags = OFlags::PATH | OFlags::DIRECTORY;
        if let Some(real) = self.real_paths.get(folder.folded()) {
            match drive.open_at(real, flags) {
                Ok(handle) => return Ok((handle, real.clone())),
                Err(Errno::NOENT | Errno::NOTDIR) => {
                    self.real_paths.remove(folder.folded());
                }
                Err(error) => return Err(MachineError::file(action, path, error)),
            }
        }
        let mut handle =
            drive.open_at(Path::new(""), flags).map_err(|error| MachineError::file(action, path, error))?;
        let mut real = PathBuf::new();
        let mut here = WindowsPath::root(folder.drive())?;
        for component in folder.components() {
            let next = here.join(component)?;
            let found = self
                .names
                .find(handle.as_fd(), component)
                .map_err(|error| MachineError::file(action, path, error))?;
            let Some(name) = found else {
                return Err(MachineError::FolderMissing { action, path: path.clone(), folder: next });
            };
            real.push(name);
            handle = drive.open_at(&real, flags).map_err(|error| match error {
                Errno::NOTDIR => {
                    MachineError::NotAFolder { action, path: path.clone(), folder: next.clone() }
                }
                Errno::NOENT => {
                    MachineError::FolderMissing { action, path: path.clone(), folder: next.clone() }
                }
                other => MachineError::file(action, path, other),
            })?;
            here = next;
        }
        if self.real_paths.len() >= MOST_FOLDERS {
            self.real_paths.clear();
        }
        self.real_paths.insert(folder.folded().into(), real.clone());
        Ok((handle, real))
    }
}
