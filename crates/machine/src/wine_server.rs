//! Wine's server for a prefix: whether it runs, and how to keep one from starting.
//!
//! A wineserver holds an `fcntl` write lock on `server-<device>-<inode>/lock` (both in hexadecimal, of the prefix's
//! folder) in its server folder: `/tmp/.wine-<uid>`, or with Debian's patch `<content of the prefix's file wineserver>` in
//! `/tmp` or in the folder that `TMPDIR` names. A Wine that is started while someone else holds the lock waits some
//! seconds for it.

use std::fs::File;
use std::io::Read;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::fs::{FlockOperation, Mode, OFlags};
use rustix::io::Errno;
use rustix::process::{Flock, FlockType};

/// Locks of this kind belong to the process and are lost when any handle of the file is closed, so that only one thread
/// at a time may deal with them.
static TURN: Mutex<()> = Mutex::new(());

/// Keeps a wineserver from starting on a prefix, as long as it lives.
#[derive(Debug)]
#[must_use]
pub struct WineServerKeptOut {
    /// Folders that were made for the lock: no wineserver has run on the prefix since the machine started.
    made: Vec<PathBuf>,
    _files: Vec<File>,
    // Released last, after the files are closed.
    _turn: MutexGuard<'static, ()>,
}

impl Drop for WineServerKeptOut {
    fn drop(&mut self) {
        // While the lock is still held. A Wine that waits for it in such a folder has to be started again.
        for folder in &self.made {
            let _ = std::fs::remove_file(folder.join("lock")).and_then(|()| std::fs::remove_dir(folder));
        }
    }
}

/// The places of the lock file: one for each kind of server folder.
fn lock_folders(prefix: &Path) -> Vec<PathBuf> {
    let Ok(stat) = rustix::fs::stat(prefix) else { return Vec::new() };
    let server = format!("server-{:x}-{:x}", stat.st_dev, stat.st_ino);
    let mut folders =
        vec![PathBuf::from(format!("/tmp/.wine-{}", rustix::process::getuid().as_raw())).join(&server)];
    let mut name = String::new();
    if let Ok(file) = File::open(prefix.join("wineserver")) {
        // What is no plain name is not from Wine.
        let read = file.take(256).read_to_string(&mut name);
        let name = name.trim_end_matches(['\0', '\n']);
        if read.is_ok() && !name.is_empty() && !name.contains('/') && name != "." && name != ".." {
            folders.extend(temporary_folders().map(|folder| folder.join(name).join(&server)));
        }
    }
    folders
}

/// Where Debian's wineserver may keep its folder.
fn temporary_folders() -> impl Iterator<Item = PathBuf> {
    let chosen = std::env::var_os("TMPDIR").map(PathBuf::from).filter(|folder| folder.is_absolute());
    let usual = PathBuf::from("/tmp");
    let chosen = chosen.filter(|folder| *folder != usual);
    [usual].into_iter().chain(chosen)
}

/// Opens the lock file of a server folder that belongs to this user; nothing when there is none.
fn open_lock(folder: &Path, create: bool) -> Option<File> {
    if create {
        // What Wine would make; others must not be able to read or replace it.
        for folder in folder.parent().into_iter().chain([folder]) {
            match rustix::fs::mkdir(folder, Mode::from_raw_mode(0o700)) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(_) => return None,
            }
        }
    }
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let handle = rustix::fs::open(folder, flags, Mode::empty()).ok()?;
    let stat = rustix::fs::fstat(&handle).ok()?;
    if stat.st_uid != rustix::process::getuid().as_raw() {
        return None;
    }
    let mut flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    if create {
        flags |= OFlags::CREATE;
    }
    rustix::fs::openat(handle.as_fd(), "lock", flags, Mode::from_raw_mode(0o600)).ok().map(File::from)
}

/// The process that holds the lock of one file.
fn holder(lock: &File) -> Option<u32> {
    let question = Flock::from(FlockType::WriteLock);
    match rustix::process::fcntl_getlk(lock, &question) {
        // A process outside our process name space is holder 0.
        Ok(Some(found)) => Some(found.pid.map_or(0, |pid| pid.as_raw_pid().unsigned_abs())),
        Ok(None) => None,
        Err(error) => {
            tracing::debug!(%error, "cannot ask for the holder of a wineserver's lock");
            None
        }
    }
}

/// The process id of the wineserver that runs on a prefix.
pub fn wine_server(prefix: &Path) -> Option<u32> {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    lock_folders(prefix).iter().filter_map(|folder| open_lock(folder, false)).find_map(|lock| holder(&lock))
}

/// Takes the lock of a wineserver, so that none starts; fails with the process id of one that runs.
pub fn keep_out(prefix: &Path) -> Result<WineServerKeptOut, u32> {
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let mut files = Vec::new();
    let mut made = Vec::new();
    for folder in lock_folders(prefix) {
        let is_new = !folder.exists();
        let Some(lock) = open_lock(&folder, true) else { continue };
        match rustix::fs::fcntl_lock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {
                files.push(lock);
                made.extend(is_new.then_some(folder));
            }
            Err(Errno::AGAIN | Errno::ACCESS) => return Err(holder(&lock).unwrap_or(0)),
            Err(error) => tracing::debug!(%error, folder = %folder.display(), "cannot lock out a wineserver"),
        }
    }
    Ok(WineServerKeptOut { made, _files: files, _turn: turn })
}
