//! What is known of files without opening them: kind, length, time, attributes.
//!
//! The read-only attribute is, as for Wine, that nobody may write; hidden and system are kept in the extended attribute
//! that Samba and Wine use.

use std::time::{Duration, SystemTime};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat, Timespec, Timestamps, XattrFlags};
use rustix::io::Errno;

use crate::error::MachineError;
use crate::machine::Machine;
use crate::windows_path::WindowsPath;

/// What something in a folder is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// An ordinary file.
    File,
    /// A folder.
    Folder,
    /// A device, a pipe, a socket, or a link to nothing.
    Other,
}

/// What is known of a file without opening it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metadata {
    /// What it is; of a link, what it leads to.
    pub kind: FileKind,
    /// The length in bytes.
    pub len: u64,
    /// When its content last changed.
    pub modified: SystemTime,
    /// Whether nobody may write it, which Wine shows as the read-only attribute.
    pub read_only: bool,
    /// The device and inode number: the same for two names of one file.
    pub identity: (u64, u64),
}

/// Attributes of a file that Linux does not have; Wine keeps all but the first in an extended attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct Attributes {
    /// `FILE_ATTRIBUTE_READONLY`.
    pub read_only: bool,
    /// `FILE_ATTRIBUTE_HIDDEN`.
    pub hidden: bool,
    /// `FILE_ATTRIBUTE_SYSTEM`.
    pub system: bool,
}
/// Samba's extended attribute for DOS attributes, which Wine uses too: a text such as `0x2`.
const DOS_ATTRIBUTES: &str = "user.DOSATTRIB";
const HIDDEN: u32 = 2;
const SYSTEM: u32 = 4;

pub(crate) fn kind(file_type: FileType) -> FileKind {
    match file_type {
        FileType::RegularFile => FileKind::File,
        FileType::Directory => FileKind::Folder,
        _ => FileKind::Other,
    }
}

fn metadata_of(stat: &Stat) -> Metadata {
    let seconds = stat.st_mtime;
    let whole = Duration::from_secs(seconds.unsigned_abs());
    let start = SystemTime::UNIX_EPOCH;
    let modified = if seconds < 0 { start.checked_sub(whole) } else { start.checked_add(whole) };
    let fraction = Duration::from_nanos(stat.st_mtime_nsec);
    Metadata {
        kind: kind(FileType::from_raw_mode(stat.st_mode)),
        len: u64::try_from(stat.st_size).unwrap_or(0),
        modified: modified.and_then(|time| time.checked_add(fraction)).unwrap_or(start),
        read_only: stat.st_mode & 0o222 == 0,
        identity: (stat.st_dev, stat.st_ino),
    }
}

impl Machine {
    /// What is known of a file or folder; nothing when it, or a folder on the way, does not exist.
    ///
    /// # Errors
    /// When a link leads out of the drive, or the operating system refuses.
    pub fn metadata(&self, path: &WindowsPath) -> Result<Option<Metadata>, MachineError> {
        const ACTION: &str = "look at";
        let failed = |error: Errno| MachineError::file(ACTION, path, error);
        if path.file_name().is_none() {
            let (_, folder) = self.drives.open_folder(ACTION, path)?;
            return Ok(Some(metadata_of(&rustix::fs::fstat(&folder.handle).map_err(failed)?)));
        }
        let place = match self.drives.place(ACTION, path) {
            Ok(place) => place,
            Err(MachineError::FolderMissing { .. } | MachineError::NotAFolder { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        let Some(real) = &place.real else { return Ok(None) };
        let stat = match rustix::fs::statat(&place.folder.handle, real.as_str(), AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => stat,
            Err(Errno::NOENT) => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        if !FileType::from_raw_mode(stat.st_mode).is_symlink() {
            return Ok(Some(metadata_of(&stat)));
        }
        match place.drive.open_at(&place.relative(), OFlags::PATH) {
            Ok(target) => Ok(Some(metadata_of(&rustix::fs::fstat(&target).map_err(failed)?))),
            Err(Errno::NOENT | Errno::LOOP) => Ok(Some(metadata_of(&stat))),
            Err(error) => Err(failed(error)),
        }
    }

    /// The attributes of a file or folder.
    ///
    /// # Errors
    /// When it does not exist or the system refuses.
    pub fn attributes(&self, path: &WindowsPath) -> Result<Attributes, MachineError> {
        const ACTION: &str = "read the attributes of";
        let (handle, stat) = self.open_for_attributes(ACTION, path)?;
        let flags = dos_attributes(&handle);
        let read_only = !FileType::from_raw_mode(stat.st_mode).is_dir() && stat.st_mode & 0o222 == 0;
        Ok(Attributes { read_only, hidden: flags & HIDDEN != 0, system: flags & SYSTEM != 0 })
    }

    /// Sets the attributes of a file or folder. A folder is never made read-only, since that means something else on
    /// Linux; hidden and system are lost on file systems without extended attributes.
    ///
    /// # Errors
    /// When it does not exist or the system refuses.
    pub fn set_attributes(&self, path: &WindowsPath, attributes: Attributes) -> Result<(), MachineError> {
        const ACTION: &str = "set the attributes of";
        self.refuse_read_only_drive(ACTION, path)?;
        let failed = |error: Errno| MachineError::file(ACTION, path, error);
        let (handle, stat) = self.open_for_attributes(ACTION, path)?;
        if !FileType::from_raw_mode(stat.st_mode).is_dir() {
            let mode = stat.st_mode & 0o7777;
            let wanted = if attributes.read_only {
                mode & !0o222
            } else if mode & 0o222 == 0 {
                mode | 0o200
            } else {
                mode
            };
            if wanted != mode {
                rustix::fs::fchmod(&handle, Mode::from_raw_mode(wanted)).map_err(failed)?;
            }
        }
        let before = dos_attributes(&handle);
        let mut after = before & !(HIDDEN | SYSTEM);
        after |= if attributes.hidden { HIDDEN } else { 0 } | if attributes.system { SYSTEM } else { 0 };
        if after != before {
            let text = format!("0x{after:x}");
            match rustix::fs::fsetxattr(&handle, DOS_ATTRIBUTES, text.as_bytes(), XattrFlags::empty()) {
                Ok(()) => {}
                Err(Errno::OPNOTSUPP | Errno::ACCESS | Errno::PERM) => {
                    tracing::debug!(%path, "the file system keeps no hidden and system attributes");
                }
                Err(error) => return Err(failed(error)),
            }
        }
        Ok(())
    }

    fn open_for_attributes(
        &self,
        action: &'static str,
        path: &WindowsPath,
    ) -> Result<(rustix::fd::OwnedFd, Stat), MachineError> {
        let failed = |error: Errno| MachineError::file(action, path, error);
        let place = self.drives.place(action, path)?;
        place.existing(action, path)?;
        let handle =
            place.drive.open_at(&place.relative(), OFlags::RDONLY | OFlags::NONBLOCK).map_err(failed)?;
        let stat = rustix::fs::fstat(&handle).map_err(failed)?;
        Ok((handle, stat))
    }

    /// Sets when a file or folder was last changed.
    ///
    /// # Errors
    /// When it does not exist or the system refuses.
    pub fn set_modified(&self, path: &WindowsPath, time: SystemTime) -> Result<(), MachineError> {
        const ACTION: &str = "set the time of";
        let place = self.drives.place_to_change(ACTION, path)?;
        let real = place.existing(ACTION, path)?;
        let times = Timestamps { last_access: OMIT, last_modification: timespec(time) };
        rustix::fs::utimensat(&place.folder.handle, real, &times, AtFlags::SYMLINK_NOFOLLOW)
            .map_err(|error| MachineError::file(ACTION, path, error))
    }
}

const OMIT: Timespec = Timespec { tv_sec: 0, tv_nsec: rustix::fs::UTIME_OMIT as _ };

fn timespec(time: SystemTime) -> Timespec {
    match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(since) => Timespec {
            tv_sec: i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: since.subsec_nanos().into(),
        },
        // Times before 1970 lose their fraction.
        Err(before) => Timespec {
            tv_sec: i64::try_from(before.duration().as_secs()).map_or(i64::MIN, |seconds| -seconds),
            tv_nsec: 0,
        },
    }
}

fn dos_attributes(handle: &rustix::fd::OwnedFd) -> u32 {
    let mut buffer = [0_u8; 32];
    let Ok(length) = rustix::fs::fgetxattr(handle, DOS_ATTRIBUTES, &mut buffer) else { return 0 };
    let text = buffer.get(..length).and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or_default();
    let digits = text.trim_end_matches('\0').strip_prefix("0x").unwrap_or_default();
    u32::from_str_radix(digits, 16).unwrap_or(0)
}
