//! The names in folders, looked up without regard to letter case.
//!
//! A lookup that has to read a whole folder would make the installation of n files into it cost n² steps, so the names
//! are kept. They are used only while the folder is the same and its times of change are those of the last look; own
//! changes are entered and the times taken again. The clock of a file system may be as coarse as 10 ms, so a change by
//! another program within that time after an own change can go unnoticed until the next one: whoever runs a program that
//! changes folders calls [`FolderNames::forget`] afterwards. A name that exists as spelled is found in any case.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ffi::OsStr;
use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::{AtFlags, Dir, Mode, OFlags, Stat};
use rustix::io::Errno;

use crate::open_folders::Folder;
use crate::windows_path::fold;

/// So many names are kept at most, in all folders together.
const MOST_NAMES: usize = 1_000_000;

/// The identity and the times of a folder: while they are the same, so are its names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    identity: Identity,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    /// The stamp of a folder that was looked at.
    pub fn of(stat: &Stat) -> Self {
        Self {
            identity: (stat.st_dev, stat.st_ino),
            modified: (stat.st_mtime, stat.st_mtime_nsec as i64),
            changed: (stat.st_ctime, stat.st_ctime_nsec as i64),
        }
    }

    /// Whether both are of one folder, at whatever times.
    pub fn is_same_folder(self, other: Self) -> bool {
        self.identity == other.identity
    }
}

/// What a name is looked up for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aim {
    /// What has the name is looked at or changed: one that exists as spelled is never missed.
    Use,
    /// The name is given to something new, by a system call that fails when there is one as spelled. So it is enough that
    /// the names are known.
    Make,
}

/// The names of one folder.
#[derive(Debug)]
struct Names {
    stamp: Stamp,
    /// Folded name to real name. When several real names fold to one, the first in byte order.
    real: HashMap<Box<str>, Box<str>>,
    /// Whether several real names fold to one: then a removal makes another appear.
    ambiguous: bool,
}

/// Device and inode number of a folder: by these, since a link may lead to a folder that has another path too.
type Identity = (u64, u64);

/// The names in the folders of all drives.
#[derive(Debug, Default)]
pub struct FolderNames {
    folders: HashMap<Identity, Names>,
    total: usize,
}

impl FolderNames {
    /// Forgets everything.
    pub fn forget(&mut self) {
        self.folders.clear();
        self.total = 0;
    }

    fn forget_folder(&mut self, folder: Identity) {
        if let Some(names) = self.folders.remove(&folder) {
            self.total -= names.real.len();
        }
    }

    /// The real name of `name` in a folder that was just opened, if there is one: as spelled if that exists, else in
    /// another letter case.
    pub fn find(&mut self, folder: &Folder, name: &str, aim: Aim) -> Result<Option<String>, Errno> {
        let stamp = folder.stamp;
        let known = self.folders.get(&stamp.identity).filter(|names| names.stamp == stamp);
        if let Some(names) = known.filter(|names| !names.ambiguous) {
            let real = names.real.get(&*fold(name)).map(|real| real.to_string());
            if real.is_some() || aim == Aim::Make {
                return Ok(real);
            }
        }
        // The exact spelling wins over others, costs no reading of the folder, and is never missed.
        match rustix::fs::statat(&folder.handle, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(_) => return Ok(Some(name.to_owned())),
            Err(Errno::NOENT) => {}
            Err(Errno::NAMETOOLONG) => return Ok(None),
            Err(error) => return Err(error),
        }
        if known.is_none() {
            self.read(folder.handle.as_fd(), stamp)?;
        }
        Ok(self
            .folders
            .get(&stamp.identity)
            .and_then(|names| names.real.get(&*fold(name)))
            .map(|real| real.to_string()))
    }

    fn read(&mut self, folder: BorrowedFd<'_>, stamp: Stamp) -> Result<(), Errno> {
        self.forget_folder(stamp.identity);
        let mut names = Names { stamp, real: HashMap::new(), ambiguous: false };
        for name in list(folder)? {
            match names.real.entry(fold(&name).into()) {
                Entry::Vacant(place) => {
                    place.insert(name.into());
                }
                Entry::Occupied(mut place) => {
                    names.ambiguous = true;
                    if name.as_str() < &**place.get() {
                        place.insert(name.into());
                    }
                }
            }
        }
        if self.total + names.real.len() > MOST_NAMES {
            self.forget();
        }
        self.total += names.real.len();
        self.folders.insert(stamp.identity, names);
        Ok(())
    }

    /// Whether the names of the folder are known as of now: to be asked before an own change.
    pub fn is_current(&self, folder: BorrowedFd<'_>) -> bool {
        rustix::fs::fstat(folder).is_ok_and(|stat| self.is_known(Stamp::of(&stat)))
    }

    /// Whether the names of the folder with this stamp are known.
    pub fn is_known(&self, stamp: Stamp) -> bool {
        self.folders.get(&stamp.identity).is_some_and(|names| !names.ambiguous && names.stamp == stamp)
    }

    /// Enters an own change of a folder whose names were current before it.
    pub fn changed(&mut self, folder: BorrowedFd<'_>, change: Change<'_>) {
        // A folder that cannot be looked at has no stamp that any later one equals.
        let Ok(stamp) = rustix::fs::fstat(folder).map(|stat| Stamp::of(&stat)) else { return };
        let Some(names) = self.folders.get_mut(&stamp.identity) else { return };
        names.stamp = stamp;
        match change {
            Change::Added(name) => {
                if names.real.insert(fold(name).into(), name.into()).is_none() {
                    self.total += 1;
                }
            }
            Change::Removed(name) => {
                if names.real.remove(&*fold(name)).is_some() {
                    self.total -= 1;
                }
            }
        }
    }
}

/// An own change of a folder.
#[derive(Debug, Clone, Copy)]
pub enum Change<'n> {
    /// This name is there now.
    Added(&'n str),
    /// This name is there no more.
    Removed(&'n str),
}

/// The names in a folder that are UTF-8; others cannot be named by a Windows path.
fn list(folder: BorrowedFd<'_>) -> Result<Vec<String>, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let readable = rustix::fs::openat(folder.as_fd(), ".", flags, Mode::empty())?;
    let mut names = Vec::new();
    for entry in Dir::new(readable)? {
        let entry = entry?;
        match entry.file_name().to_str() {
            Ok("." | "..") => {}
            Ok(name) => names.push(name.to_owned()),
            Err(_) => tracing::debug!(name = ?entry.file_name().to_owned(), "name is not UTF-8"),
        }
    }
    Ok(names)
}

/// The kind of thing that an entry of a folder is, without following links.
pub fn kind_of(folder: BorrowedFd<'_>, name: &OsStr) -> Result<rustix::fs::FileType, Errno> {
    let stat = rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW)?;
    Ok(rustix::fs::FileType::from_raw_mode(stat.st_mode))
}
