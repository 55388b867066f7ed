//! From a Windows path to a folder handle and a real name: the drives of the machine and the lookup on them.

use std::collections::{BTreeMap, HashMap};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use rustix::io::Errno;

use crate::drive::{Access, Drive};
use crate::error::MachineError;
use crate::folder_names::{Aim, Change, FolderNames, Stamp};
use crate::open_folders::{Folder, OpenFolders, TRUSTED};
use crate::outward_link::OutwardLink;
use crate::windows_path::{WindowsPath, is_within};

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
    real_paths: HashMap<Box<str>, Arc<Path>>,
    open: OpenFolders,
    /// The folder that was looked for last and is not there, and when: before a product is installed all its files are asked for,
    /// several times each.
    missing: Option<(WindowsPath, Instant)>,
}

/// A folder, and what is changed in it. At most two are changed at once.
pub type FolderChange<'c> = (BorrowedFd<'c>, Change<'c>);

/// Where something is or would be: the open folder, and the real name in it if there is one.
#[derive(Debug)]
pub struct Place {
    /// The drive.
    pub drive: Arc<Drive>,
    /// The folder that contains it.
    pub folder: Folder,
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
        self.folder.path.join(self.real.as_deref().unwrap_or(&self.name))
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
        let names = std::fs::read_dir(self.prefix.join("dosdevices"));
        let mut letters: Vec<char> = match names {
            Ok(entries) => entries
                .filter_map(|entry| match *entry.ok()?.file_name().as_encoded_bytes() {
                    [letter @ b'a'..=b'z', b':'] => Some(char::from(letter)),
                    _ => None,
                })
                .collect(),
            Err(_) => ('a'..='z').collect(),
        };
        letters.sort_unstable();
        letters.into_iter().filter_map(|letter| Some((letter, self.drive(letter)?))).collect()
    }

    /// The drive of a path.
    pub fn drive_of(&self, path: &WindowsPath) -> Result<Arc<Drive>, MachineError> {
        let drive = path.drive();
        self.drive(drive).ok_or_else(|| MachineError::NoDrive { path: path.clone(), drive })
    }

    /// The place of a path that may be changed. The root of a drive has none.
    pub fn place_to_change(&self, action: &'static str, path: &WindowsPath) -> Result<Place, MachineError> {
        refuse_read_only(action, path, self.lookup().place(self.drive_of(path)?, action, path, Aim::Use)?)
    }

    /// The place of a path. The root of a drive has none.
    pub fn place(&self, action: &'static str, path: &WindowsPath) -> Result<Place, MachineError> {
        let drive = self.drive_of(path)?;
        self.lookup().place(drive, action, path, Aim::Use)
    }

    /// Opens a folder, of use as a starting point only.
    pub fn open_folder(
        &self,
        action: &'static str,
        path: &WindowsPath,
    ) -> Result<(Arc<Drive>, Folder), MachineError> {
        let drive = self.drive_of(path)?;
        let folder = self.lookup().open_folder(&drive, action, path, path)?;
        Ok((drive, folder))
    }

    /// Makes something where nothing is, by a system call that fails when there is something with exactly this name.
    /// Nothing is done, and nothing returned, when the name is taken in whatever letter case.
    pub fn make<T>(
        &self,
        action: &'static str,
        path: &WindowsPath,
        act: impl FnOnce(BorrowedFd<'_>, &str) -> Result<T, Errno>,
    ) -> Result<Option<Result<T, Errno>>, MachineError> {
        let drive = self.drive_of(path)?;
        let mut lookup = self.lookup();
        let place = refuse_read_only(action, path, lookup.place(drive, action, path, Aim::Make)?)?;
        if place.real.is_some() {
            return Ok(None);
        }
        let known = lookup.names.is_known(place.folder.stamp);
        let folder = place.folder.handle.as_fd();
        let made = act(folder, &place.name);
        lookup.missing = None;
        if known && made.is_ok() {
            lookup.names.changed(folder, Change::Added(&place.name));
        }
        Ok(Some(made))
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
        lookup.missing = None;
        for (_, (folder, change)) in current.iter().zip(changes).filter(|(current, _)| **current) {
            lookup.names.changed(*folder, *change);
        }
        Ok(result)
    }

    /// Forgets what is known of a folder and of folders below it.
    pub fn forget_below(&self, key: &str) {
        let mut lookup = self.lookup();
        let below = |known: &str| is_within(known, key);
        lookup.real_paths.retain(|known, _| !below(known));
        lookup.open.close(below);
    }

    /// Forgets all names and drives.
    pub fn forget(&self) {
        *self.lookup() = Lookup::default();
        self.known.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

fn refuse_read_only(action: &'static str, path: &WindowsPath, place: Place) -> Result<Place, MachineError> {
    if place.drive.access() == Access::Read {
        return Err(MachineError::ReadOnlyDrive { action, path: path.clone(), drive: path.drive() });
    }
    Ok(place)
}

impl Lookup {
    fn place(
        &mut self,
        drive: Arc<Drive>,
        action: &'static str,
        path: &WindowsPath,
        aim: Aim,
    ) -> Result<Place, MachineError> {
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(MachineError::IsFolder { action, path: path.clone() });
        };
        let folder = self.open_folder(&drive, action, path, &parent)?;
        let real =
            self.names.find(&folder, name, aim).map_err(|error| MachineError::file(action, path, error))?;
        Ok(Place { drive, folder, name: name.to_owned(), real })
    }

    /// Opens `folder`; `path` and `action` are what a message names.
    fn open_folder(
        &mut self,
        drive: &Drive,
        action: &'static str,
        path: &WindowsPath,
        folder: &WindowsPath,
    ) -> Result<Folder, MachineError> {
        let failed = |error: Errno| MachineError::file(action, path, error);
        if let Some((missing, asked)) = &self.missing
            && is_within(folder.folded(), missing.folded())
            && asked.elapsed() < TRUSTED
        {
            return Err(MachineError::FolderMissing { action, path: path.clone(), folder: missing.clone() });
        }
        // From the nearest folder above whose real path is known.
        let mut missing: Vec<WindowsPath> = Vec::new();
        let mut nearest = folder.clone();
        let mut here = loop {
            let Some(parent) = nearest.parent() else {
                let stamp = Stamp::of(&rustix::fs::fstat(drive.root()).map_err(failed)?);
                break Folder { handle: Arc::clone(drive.root()), path: Path::new("").into(), stamp };
            };
            if let Some(known) = self.known(drive, nearest.folded()).map_err(failed)? {
                break known;
            }
            missing.push(std::mem::replace(&mut nearest, parent));
        };
        for next in missing.into_iter().rev() {
            let name = next.file_name().unwrap_or_default();
            let Some(name) = self.names.find(&here, name, Aim::Use).map_err(failed)? else {
                self.missing = Some((next.clone(), Instant::now()));
                return Err(MachineError::FolderMissing { action, path: path.clone(), folder: next });
            };
            let real: Arc<Path> = here.path.join(name).into();
            here = self.open.open(drive, next.folded(), &real).map_err(|error| match error {
                Errno::NOTDIR => {
                    MachineError::NotAFolder { action, path: path.clone(), folder: next.clone() }
                }
                Errno::NOENT => {
                    MachineError::FolderMissing { action, path: path.clone(), folder: next.clone() }
                }
                Errno::XDEV => MachineError::LeadsOut {
                    action,
                    path: path.clone(),
                    link: OutwardLink::at(&drive.path().join(&real)),
                },
                other => failed(other),
            })?;
            if self.real_paths.len() >= MOST_FOLDERS {
                self.real_paths.clear();
            }
            self.real_paths.insert(next.folded().into(), real);
        }
        Ok(here)
    }

    /// The folder with a folded path, if its real path is known and leads to a folder.
    fn known(&mut self, drive: &Drive, key: &str) -> Result<Option<Folder>, Errno> {
        if let Some(folder) = self.open.get(drive, key) {
            return Ok(Some(folder));
        }
        let Some(real) = self.real_paths.get(key) else { return Ok(None) };
        match self.open.open(drive, key, real) {
            Ok(folder) => Ok(Some(folder)),
            Err(Errno::NOENT | Errno::NOTDIR) => {
                self.real_paths.remove(key);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}
