//! Between Windows paths and those of this computer, and what concerns whole drives.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use crate::drive::Access;
use crate::error::MachineError;
use crate::machine::Machine;
use crate::windows_path::WindowsPath;

impl Machine {
    /// Where a path lies on this computer: in real letter case as far as it exists, as spelled from there on. For
    /// programs that need a path; Reseat itself opens files by handle.
    ///
    /// # Errors
    /// When the drive is not there, or a link leads out of it.
    pub fn unix_path(&self, path: &WindowsPath) -> Result<PathBuf, MachineError> {
        const ACTION: &str = "find";
        let drive = self.drives.drive_of(path)?;
        if path.file_name().is_none() {
            return Ok(drive.path().to_owned());
        }
        match self.drives.place(ACTION, path) {
            Ok(place) => Ok(drive.path().join(place.relative())),
            Err(MachineError::FolderMissing { .. }) => {
                let parent =
                    path.parent().map_or_else(|| Ok(drive.path().to_owned()), |p| self.unix_path(&p))?;
                Ok(parent.join(path.file_name().unwrap_or_default()))
            }
            Err(error) => Err(error),
        }
    }

    /// The Windows path of an absolute Unix path: on the drive whose folder is nearest. Nothing when no drive has it, or
    /// when it has a name that Windows does not allow.
    pub fn windows_path(&self, unix: &Path) -> Option<WindowsPath> {
        let nearest = |path: &Path| {
            let drives = self.drives.all().into_iter();
            let holding = drives.filter(|(_, drive)| path.starts_with(drive.path()));
            let (letter, drive) = holding.max_by_key(|(_, drive)| drive.path().as_os_str().len())?;
            let relative = path.strip_prefix(drive.path()).ok()?.to_str()?.replace('/', "\\");
            WindowsPath::parse(&format!("{letter}:\\{relative}")).ok()
        };
        // The drives' folders are free of links; a path through a link to the prefix is not found by its spelling.
        let real = unix.parent().and_then(|parent| parent.canonicalize().ok());
        match (real, unix.file_name()) {
            (Some(real), Some(name)) => nearest(&real.join(name)),
            _ => nearest(unix),
        }
    }

    /// Waits until the names in a folder are on disk.
    ///
    /// # Errors
    /// When the folder does not exist or the system refuses.
    pub fn sync_folder(&self, path: &WindowsPath) -> Result<(), MachineError> {
        const ACTION: &str = "sync the folder";
        let failed = |error: Errno| MachineError::file(ACTION, path, error);
        let (_, folder) = self.drives.open_folder(ACTION, path)?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let handle = rustix::fs::openat(&folder.handle, ".", flags, Mode::empty()).map_err(failed)?;
        rustix::fs::fsync(&handle).map_err(failed)
    }

    /// Waits until these files, with their times and attributes, and the names in these folders are on disk. Those that do
    /// not exist are passed over. For few of them, as many files are opened at once.
    ///
    /// # Errors
    /// When something cannot be opened or the system refuses.
    pub fn sync_files<'p>(
        &self,
        files: impl IntoIterator<Item = &'p WindowsPath>,
        folders: impl IntoIterator<Item = &'p WindowsPath>,
    ) -> Result<(), MachineError> {
        const ACTION: &str = "sync";
        let mut open = Vec::new();
        for path in files {
            match self.open_file(path) {
                Ok(file) => {
                    // The disk begins with all of them before the first is waited for; else each would wait by itself.
                    // A file system that does not take the hint is only slower.
                    let _ = rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed);
                    open.push((path, file));
                }
                Err(MachineError::NotFound { .. } | MachineError::FolderMissing { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        for (path, file) in open {
            rustix::fs::fsync(&file).map_err(|error| MachineError::file(ACTION, path, error))?;
        }
        for path in folders {
            match self.sync_folder(path) {
                Ok(()) | Err(MachineError::FolderMissing { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Waits until everything on the prefix's file systems is on disk.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn sync_all(&self) -> Result<(), MachineError> {
        self.file_systems()?.sync()
    }

    /// The file systems of the drives that can be changed.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn file_systems(&self) -> Result<FileSystems, MachineError> {
        let mut systems: Vec<FileSystem> = Vec::new();
        for (_, drive) in self.drives.all() {
            if drive.access() == Access::Read {
                continue;
            }
            let failed = |error: Errno| MachineError::unix("sync", drive.path(), error);
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
            let root = rustix::fs::openat(drive.root(), ".", flags, Mode::empty()).map_err(failed)?;
            let device = rustix::fs::fstat(&root).map_err(failed)?.st_dev;
            if systems.iter().all(|known| known.device != device) {
                systems.push(FileSystem { device, root, path: drive.path().to_owned() });
            }
        }
        Ok(FileSystems(systems))
    }

    /// The room on a drive.
    ///
    /// # Errors
    /// When there is no such drive or the system refuses.
    pub fn volume_space(&self, drive: char) -> Result<VolumeSpace, MachineError> {
        let path = WindowsPath::root(drive)?;
        let drive = self.drives.drive_of(&path)?;
        let failed = |error| MachineError::file("ask for the free space of", &path, error);
        // A handle that is only a starting point cannot be asked before Linux 3.12; the path can.
        let space = rustix::fs::statvfs(drive.path()).map_err(failed)?;
        let file_system = rustix::fs::stat(drive.path()).map_err(failed)?.st_dev;
        Ok(VolumeSpace { file_system, free: space.f_bavail.saturating_mul(space.f_frsize) })
    }

    /// Forgets the names that were read in folders: to be called after another program changed files in the prefix.
    pub fn forget_names(&self) {
        self.drives.forget();
    }
}

/// The room on a drive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VolumeSpace {
    /// The number of the file system that the drive's folder lies on: drives with the same number share the room.
    pub file_system: u64,
    /// How many bytes an ordinary user can still write.
    pub free: u64,
}

/// The file systems of a prefix, which may be synced in another thread than that of the machine.
#[derive(Debug)]
pub struct FileSystems(Vec<FileSystem>);

#[derive(Debug)]
struct FileSystem {
    device: u64,
    root: OwnedFd,
    path: PathBuf,
}

impl FileSystems {
    /// Waits until everything on them is on disk.
    ///
    /// # Errors
    /// When the system refuses, or something could not be written.
    pub fn sync(&self) -> Result<(), MachineError> {
        self.0.iter().try_for_each(|system| {
            rustix::fs::syncfs(&system.root).map_err(|error| MachineError::unix("sync", &system.path, error))
        })
    }
}
