//! Files and folders of the machine.
//!
//! Every operation opens the folder by handle from the drive's root, so nothing outside a drive in the prefix is ever
//! reached: a link that leads out is [`MachineError::LeadsOut`]. Names are looked up without regard to letter case; what
//! exists keeps its spelling. Only drives whose folder lies in the prefix can be changed; others, such as `z:`, are read
//! as places of sources.
//!
//! Wine links some of a user's folders (Desktop, Documents, Downloads, Music, Pictures, Videos, Templates) to those in the
//! home folder. They lead out and are refused like any other such link; the caller decides what that means for it.

use std::fs::File;
use std::os::fd::AsFd;

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags};
use rustix::io::Errno;

use crate::drive::Access;
use crate::error::MachineError;
use crate::folder_names::{Change, kind_of};
use crate::machine::Machine;
use crate::metadata::{FileKind, kind};
use crate::windows_path::WindowsPath;

/// An entry of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FolderEntry {
    /// The name in its own letter case.
    pub name: String,
    /// What it is; a link is [`FileKind::Other`] here.
    pub kind: FileKind,
}

impl Machine {
    /// The entries of a folder, in no certain order. Names that no Windows path can have are left out.
    ///
    /// # Errors
    /// When it is not a folder or the operating system refuses.
    pub fn read_folder(&self, path: &WindowsPath) -> Result<Vec<FolderEntry>, MachineError> {
        const ACTION: &str = "read the folder";
        let failed = |error: Errno| MachineError::file(ACTION, path, error);
        let (_, folder, _) = self.drives.open_folder(ACTION, path)?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let readable = rustix::fs::openat(&folder, ".", flags, Mode::empty()).map_err(failed)?;
        let mut entries = Vec::new();
        for entry in Dir::new(readable).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let Ok(name) = entry.file_name().to_str() else { continue };
            if crate::windows_path::check_name(name).is_err() {
                continue;
            }
            let file_type = match entry.file_type() {
                FileType::Unknown => match kind_of(folder.as_fd(), name.as_ref()) {
                    Ok(file_type) => file_type,
                    Err(Errno::NOENT) => continue,
                    Err(error) => return Err(failed(error)),
                },
                known => known,
            };
            entries.push(FolderEntry { name: name.to_owned(), kind: kind(file_type) });
        }
        Ok(entries)
    }

    /// Opens an ordinary file for reading. Works on every drive.
    ///
    /// # Errors
    /// When it does not exist, is not an ordinary file, or the operating system refuses.
    pub fn open_file(&self, path: &WindowsPath) -> Result<File, MachineError> {
        self.open_with("open", path, OFlags::RDONLY)
    }

    /// Opens an existing ordinary file for reading and writing in place.
    ///
    /// # Errors
    /// As [`Machine::open_file`], and when the drive lies outside the prefix.
    pub fn open_file_to_change(&self, path: &WindowsPath) -> Result<File, MachineError> {
        self.refuse_read_only_drive("open for writing", path)?;
        self.open_with("open for writing", path, OFlags::RDWR)
    }

    pub(crate) fn refuse_read_only_drive(
        &self,
        action: &'static str,
        path: &WindowsPath,
    ) -> Result<(), MachineError> {
        if self.drives.drive_of(path)?.access() == Access::Read {
            return Err(MachineError::ReadOnlyDrive { action, path: path.clone(), drive: path.drive() });
        }
        Ok(())
    }

    fn open_with(
        &self,
        action: &'static str,
        path: &WindowsPath,
        flags: OFlags,
    ) -> Result<File, MachineError> {
        let failed = |error: Errno| MachineError::file(action, path, error);
        let place = self.drives.place(action, path)?;
        place.existing(action, path)?;
        // Without O_NONBLOCK a pipe would wait for its other end.
        let handle = place.drive.open_at(&place.relative(), flags | OFlags::NONBLOCK).map_err(failed)?;
        let stat = rustix::fs::fstat(&handle).map_err(failed)?;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => Ok(File::from(handle)),
            FileType::Directory => Err(MachineError::IsFolder { action, path: path.clone() }),
            _ => Err(MachineError::NotAFile { action, path: path.clone() }),
        }
    }

    /// Creates a file that is not there yet, for reading and writing; its folder must exist.
    ///
    /// # Errors
    /// When there is something with this name in whatever letter case, or the folder is missing.
    pub fn create_file(&self, path: &WindowsPath) -> Result<File, MachineError> {
        const ACTION: &str = "create";
        let place = self.drives.place_to_change(ACTION, path)?;
        if place.real.is_some() {
            return Err(MachineError::Exists { action: ACTION, path: path.clone() });
        }
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let folder = place.folder.as_fd();
        let created = self.drives.change(&[(folder, Change::Added(&place.name))], || {
            rustix::fs::openat(folder, place.name.as_str(), flags, Mode::from_raw_mode(0o666))
        });
        created.map(File::from).map_err(|error| MachineError::file(ACTION, path, error))
    }

    /// Finds out whether a path lies where an installation may change something.
    ///
    /// # Errors
    /// When its drive is not in this prefix, or lies outside of it and is only read.
    pub fn may_change(&self, path: &WindowsPath) -> Result<(), MachineError> {
        if self.drives.drive_of(path)?.access() == Access::Read {
            let drive = path.drive();
            return Err(MachineError::ReadOnlyDrive { action: "install to", path: path.clone(), drive });
        }
        Ok(())
    }

    /// Creates one folder; its parent must exist. False when the folder was there.
    ///
    /// # Errors
    /// When something else has this name, or the parent is missing.
    pub fn create_folder(&self, path: &WindowsPath) -> Result<bool, MachineError> {
        const ACTION: &str = "create the folder";
        if path.file_name().is_none() {
            self.drives.drive_of(path)?;
            return Ok(false);
        }
        let place = self.drives.place_to_change(ACTION, path)?;
        if place.real.is_some() {
            return self.is_folder(ACTION, path).map(|()| false);
        }
        let folder = place.folder.as_fd();
        let created = self.drives.change(&[(folder, Change::Added(&place.name))], || {
            rustix::fs::mkdirat(folder, place.name.as_str(), Mode::from_raw_mode(0o777))
        });
        match created {
            Ok(()) => Ok(true),
            Err(Errno::EXIST) => self.is_folder(ACTION, path).map(|()| false),
            Err(error) => Err(MachineError::file(ACTION, path, error)),
        }
    }

    fn is_folder(&self, action: &'static str, path: &WindowsPath) -> Result<(), MachineError> {
        match self.metadata(path)? {
            Some(metadata) if metadata.kind == FileKind::Folder => Ok(()),
            _ => Err(MachineError::NotAFolder { action, path: path.clone(), folder: path.clone() }),
        }
    }

    /// Removes an empty folder. False when it does not exist or is not empty.
    ///
    /// # Errors
    /// When it is not a folder, is the root of a drive, or the operating system refuses.
    pub fn remove_folder(&self, path: &WindowsPath) -> Result<bool, MachineError> {
        const ACTION: &str = "remove the folder";
        match self.remove(ACTION, path, AtFlags::REMOVEDIR) {
            Err(MachineError::File { source, .. })
                if matches!(Errno::from_io_error(&source), Some(Errno::NOTEMPTY | Errno::BUSY)) =>
            {
                Ok(false)
            }
            Err(MachineError::Exists { .. }) => Ok(false),
            other => other,
        }
    }

    /// Removes a file. False when it does not exist. Of a link, the link is removed.
    ///
    /// # Errors
    /// When it is a folder, or the operating system refuses.
    pub fn remove_file(&self, path: &WindowsPath) -> Result<bool, MachineError> {
        self.remove("remove", path, AtFlags::empty())
    }

    fn remove(&self, action: &'static str, path: &WindowsPath, flags: AtFlags) -> Result<bool, MachineError> {
        let place = match self.drives.place_to_change(action, path) {
            Ok(place) => place,
            Err(MachineError::FolderMissing { .. }) => return Ok(false),
            Err(error) => return Err(error),
        };
        let Some(real) = &place.real else { return Ok(false) };
        let folder = place.folder.as_fd();
        let removed = self.drives.change(&[(folder, Change::Removed(real))], || {
            rustix::fs::unlinkat(folder, real.as_str(), flags)
        });
        match removed {
            Ok(()) => {
                if flags.contains(AtFlags::REMOVEDIR) {
                    self.drives.forget_below(path.folded());
                }
                Ok(true)
            }
            Err(Errno::NOENT) => Ok(false),
            Err(error) => Err(MachineError::file(action, path, error)),
        }
    }

    /// Renames a file or folder; a file with the new name is replaced in one step.
    ///
    /// # Errors
    /// When the paths are on different drives or file systems, a folder has the new name, or the system refuses.
    pub fn rename(&self, from: &WindowsPath, to: &WindowsPath) -> Result<(), MachineError> {
        const ACTION: &str = "rename";
        let failed = |error: Errno| pair_failed(ACTION, from, to, error);
        let source = self.drives.place_to_change(ACTION, from)?;
        let target = self.drives.place_to_change(ACTION, to)?;
        let old = source.existing(ACTION, from)?;
        let (here, there) = (source.folder.as_fd(), target.folder.as_fd());
        let moved = rustix::fs::statat(here, old, AtFlags::SYMLINK_NOFOLLOW).map_err(failed)?;
        let is_folder = FileType::from_raw_mode(moved.st_mode).is_dir();
        let new = target.name.as_str();
        let changes = [(here, Change::Removed(old)), (there, Change::Added(new))];
        let renamed = self.drives.change(&changes, || {
            let Some(replaced) = target.real.as_deref().filter(|_| from != to) else {
                return rustix::fs::renameat(here, old, there, new);
            };
            let stat = rustix::fs::statat(there, replaced, AtFlags::SYMLINK_NOFOLLOW)?;
            if is_folder || FileType::from_raw_mode(stat.st_mode).is_dir() {
                return Err(Errno::ISDIR);
            }
            if (stat.st_dev, stat.st_ino) == (moved.st_dev, moved.st_ino) {
                // Two names of one file: rename(2) would leave both.
                rustix::fs::unlinkat(here, old, AtFlags::empty())?;
            } else {
                // What is replaced is replaced under its own spelling, so that there is no moment without it.
                rustix::fs::renameat(here, old, there, replaced)?;
            }
            if replaced == new { Ok(()) } else { rustix::fs::renameat(there, replaced, there, new) }
        });
        if is_folder {
            self.drives.forget_below(from.folded());
            self.drives.forget_below(to.folded());
        }
        renamed.map_err(failed)
    }

    /// Gives a file a second name, which must be free.
    ///
    /// # Errors
    /// When the paths are on different drives or file systems, the new name exists, or the system refuses.
    pub fn link(&self, from: &WindowsPath, to: &WindowsPath) -> Result<(), MachineError> {
        const ACTION: &str = "link";
        let source = self.drives.place_to_change(ACTION, from)?;
        let target = self.drives.place_to_change(ACTION, to)?;
        let old = source.existing(ACTION, from)?;
        if target.real.is_some() {
            return Err(MachineError::Exists { action: ACTION, path: to.clone() });
        }
        let (here, there, new) = (source.folder.as_fd(), target.folder.as_fd(), target.name.as_str());
        self.drives
            .change(&[(there, Change::Added(new))], || {
                rustix::fs::linkat(here, old, there, new, AtFlags::empty())
            })
            .map_err(|error| pair_failed(ACTION, from, to, error))
    }
}

fn pair_failed(action: &'static str, from: &WindowsPath, to: &WindowsPath, error: Errno) -> MachineError {
    match error {
        Errno::XDEV => MachineError::CrossesDrives { action, path: from.clone(), to: to.clone() },
        Errno::EXIST | Errno::ISDIR | Errno::NOTDIR | Errno::NOTEMPTY => {
            MachineError::file(action, to, error)
        }
        other => MachineError::file(action, from, other),
    }
}
