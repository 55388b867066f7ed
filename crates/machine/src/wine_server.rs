//! Wine's server for a prefix: whether it runs, and how to keep one from starting.
//!
//! A wineserver holds an `fcntl` write lock on `server-<device>-<inode>/lock` (both in hexadecimal, of the prefix's
//! folder) in its server folder: `/tmp/.wine-<uid>`, or with Debian's patch `<content of the prefix's file wineserver>` in
//! `/tmp` or in the folder that `TMPDIR` names. A Wine that is started while someone else holds the lock waits some
//! seconds for it.
//!
//! Debian's Wine that is started with another `TMPDIR` does not find a server that runs, and starts a second one, and the
//! one that ends last writes over the registry of the other. So the list of the machine's locks is looked through for
//! servers elsewhere too, and Wine is to be started with the `TMPDIR` that leads to the one that runs.

use std::fs::File;
use std::io::Read;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::fs::{FlockOperation, Mode, OFlags};
use rustix::io::Errno;
use rustix::process::{Flock, FlockType};

/// Locks of this kind belong to the process and are lost when any handle of the file is closed, so that only one thread
/// at a time may deal with them. With the server folders whose locks this process holds for long: they are not touched.
static TURN: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

fn turn() -> MutexGuard<'static, Vec<PathBuf>> {
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Keeps a wineserver from starting on a prefix, as long as it lives.
#[derive(Debug)]
#[must_use]
pub struct WineServerKeptOut {
    /// Folders that were made for the lock: no wineserver has run on the prefix since the machine started.
    made: Vec<PathBuf>,
    _files: Vec<File>,
    // Released last, after the files are closed.
    _turn: MutexGuard<'static, Vec<PathBuf>>,
}

impl Drop for WineServerKeptOut {
    fn drop(&mut self) {
        remove_made(&self.made);
    }
}

/// Removes folders while their locks are still held. A Wine that waits for one of them has to be started again.
fn remove_made(folders: &[PathBuf]) {
    for folder in folders {
        let _ = std::fs::remove_file(folder.join("lock"));
        let _ = std::fs::remove_dir(folder);
    }
}

/// What has to be made for a lock in this folder, innermost first: the folder, and the one above it where that is of this prefix
/// alone, as Debian's is. The usual one is of all prefixes, and others may be about to put folders into it.
fn to_be_made(folder: &Path) -> Vec<PathBuf> {
    let above = folder.parent().filter(|above| {
        above.file_name().and_then(|name| name.to_str()).is_some_and(|name| !name.starts_with('.'))
    });
    [Some(folder), above].into_iter().flatten().filter(|it| !it.exists()).map(Path::to_owned).collect()
}

/// Keeps a wineserver from starting on a prefix for as long as it lives, while this process goes on to ask for wineservers
/// and to write the registry: for whoever runs a wineserver of its own on the prefix where the lock does not reach. That one
/// is not told of then.
#[derive(Debug, Default)]
#[must_use]
pub struct WineServerLockedOut {
    folders: Vec<PathBuf>,
    made: Vec<PathBuf>,
    files: Vec<File>,
}

impl WineServerLockedOut {
    /// Takes the locks of a prefix.
    ///
    /// # Errors
    /// The process id of a wineserver that runs, 0 when it cannot be seen from here.
    pub fn new(prefix: &Path) -> Result<Self, u32> {
        let mut locked_out = Self::default();
        locked_out.extend(prefix)?;
        // After the locks: one that began before them is seen here.
        match server_name(prefix).and_then(|server| elsewhere(&server)) {
            Some(server) => Err(server.pid),
            None => Ok(locked_out),
        }
    }

    /// Takes those that have come since: Wine may name another place for its lock when it prepares a prefix.
    ///
    /// # Errors
    /// The process id of a wineserver that runs, 0 when it cannot be seen from here.
    pub fn extend(&mut self, prefix: &Path) -> Result<(), u32> {
        let mut held = turn();
        for folder in lock_folders(prefix) {
            if held.contains(&folder) {
                continue;
            }
            let made = to_be_made(&folder);
            if let Some(lock) = take(&folder)? {
                self.files.push(lock);
                self.made.extend(made);
                self.folders.push(folder.clone());
                held.push(folder);
            }
        }
        Ok(())
    }
}

impl Drop for WineServerLockedOut {
    fn drop(&mut self) {
        let mut held = turn();
        held.retain(|folder| !self.folders.contains(folder));
        remove_made(&self.made);
        self.files.clear();
    }
}

/// Whether the locks of a server are held by this process, which then has a server of its own elsewhere, or none.
fn is_held(held: &[PathBuf], server: &str) -> bool {
    held.iter().any(|folder| folder.ends_with(server))
}

/// What a prefix's server folder is called.
fn server_name(prefix: &Path) -> Option<String> {
    let stat = rustix::fs::stat(prefix).ok()?;
    Some(format!("server-{:x}-{:x}", stat.st_dev, stat.st_ino))
}

/// The places of the lock file: one for each kind of server folder.
fn lock_folders(prefix: &Path) -> Vec<PathBuf> {
    let Some(server) = server_name(prefix) else { return Vec::new() };
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

/// A wineserver that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunningWineServer {
    /// Its process id; 0 when it is outside our process name space.
    pub pid: u32,
    /// Its server folder; nothing when that was removed, so that no program can join it any more.
    pub folder: Option<PathBuf>,
}

impl RunningWineServer {
    /// What `TMPDIR` has to be for a program that is to join it, where that matters.
    pub fn temporary_folder(&self) -> Option<&Path> {
        let names = self.folder.as_deref()?.parent()?;
        let is_debians = !names.file_name()?.to_str()?.starts_with('.');
        names.parent().filter(|_| is_debians)
    }
}

/// The most that is read of the machine's list of locks.
const MOST_LOCKS: u64 = 4 << 20;

/// A server of this name whose folder is at no usual place: it works in it, and holds a lock.
fn elsewhere(server: &str) -> Option<RunningWineServer> {
    let mut locks = Vec::new();
    File::open("/proc/locks").and_then(|file| file.take(MOST_LOCKS).read_to_end(&mut locks)).ok()?;
    let locks = String::from_utf8_lossy(&locks);
    locks.lines().filter_map(write_locker).find_map(|pid| {
        let folder = std::fs::read_link(format!("/proc/{pid}/cwd")).ok()?;
        let name = folder.file_name()?.to_str()?;
        let rest = name.strip_prefix(server)?;
        match rest {
            "" => Some(RunningWineServer { pid, folder: Some(folder) }),
            " (deleted)" => Some(RunningWineServer { pid, folder: None }),
            _ => None,
        }
    })
}

/// The process of a line of the list that tells of a write lock of `fcntl`.
fn write_locker(line: &str) -> Option<u32> {
    let mut words = line.split_ascii_whitespace().skip(1);
    let is_lock =
        (words.next(), words.next(), words.next()) == (Some("POSIX"), Some("ADVISORY"), Some("WRITE"));
    words.next().filter(|_| is_lock)?.parse().ok().filter(|pid| *pid != 0)
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

/// The wineserver that runs on a prefix.
pub fn running_wine_server(prefix: &Path) -> Option<RunningWineServer> {
    let held = turn();
    let server = server_name(prefix)?;
    if is_held(&held, &server) {
        return None;
    }
    let usual = lock_folders(prefix).into_iter().find_map(|folder| {
        let pid = holder(&open_lock(&folder, false)?)?;
        Some(RunningWineServer { pid, folder: Some(folder) })
    });
    usual.or_else(|| elsewhere(&server))
}

/// The process id of the wineserver that runs on a prefix.
pub fn wine_server(prefix: &Path) -> Option<u32> {
    running_wine_server(prefix).map(|server| server.pid)
}

/// Takes the lock of a wineserver, so that none starts; fails with the process id of one that runs.
pub fn keep_out(prefix: &Path) -> Result<WineServerKeptOut, u32> {
    let turn = turn();
    let server = server_name(prefix).filter(|server| !is_held(&turn, server));
    let mut kept_out = WineServerKeptOut { made: Vec::new(), _files: Vec::new(), _turn: turn };
    let Some(server) = server else { return Ok(kept_out) };
    for folder in lock_folders(prefix) {
        let made = to_be_made(&folder);
        if let Some(lock) = take(&folder)? {
            kept_out._files.push(lock);
            kept_out.made.extend(made);
        }
    }
    // After the locks: one that began before them is seen here.
    match elsewhere(&server) {
        Some(server) => Err(server.pid),
        None => Ok(kept_out),
    }
}

/// Takes the lock of one server folder; nothing where that cannot be.
fn take(folder: &Path) -> Result<Option<File>, u32> {
    let Some(lock) = open_lock(folder, true) else { return Ok(None) };
    match rustix::fs::fcntl_lock(&lock, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(lock)),
        Err(Errno::AGAIN | Errno::ACCESS) => Err(holder(&lock).unwrap_or(0)),
        Err(error) => {
            tracing::debug!(%error, folder = %folder.display(), "cannot lock out a wineserver");
            Ok(None)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn lines_of_the_list_of_locks_are_read() {
        assert_eq!(write_locker("1: POSIX  ADVISORY  WRITE 21406 fe:00:123456 0 0"), Some(21406));
        for line in [
            "2: FLOCK  ADVISORY  WRITE 31 00:19:4 0 EOF",
            "3: POSIX  ADVISORY  READ 31 00:19:4 0 EOF",
            "1: -> POSIX  ADVISORY  WRITE 31 fe:00:1 0 0",
            "4: POSIX  ADVISORY  WRITE 0 fe:00:1 0 0",
            "4: POSIX  ADVISORY",
            "",
        ] {
            assert_eq!(write_locker(line), None, "{line}");
        }
    }

    #[test]
    fn a_server_with_another_temporary_folder_is_seen_and_so_is_one_whose_folder_is_gone() {
        if std::process::Command::new("python3").arg("--version").output().is_err() {
            assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "python3 is not installed");
            println!("SKIPPED: python3 is not installed");
            return;
        }
        let prefix = tempfile::tempdir().unwrap();
        std::fs::write(prefix.path().join("wineserver"), "wine-Abcdef").unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        let folder = elsewhere.path().join("wine-Abcdef").join(server_name(prefix.path()).unwrap());
        std::fs::create_dir_all(&folder).unwrap();
        assert_eq!(running_wine_server(prefix.path()), None);
        // It ends with its input.
        let script = "import fcntl,sys; f=open('lock','w'); fcntl.lockf(f,fcntl.LOCK_EX,1); print(); sys.stdout.flush(); sys.stdin.read()";
        let mut server = Command::new("python3")
            .args(["-c", script])
            .current_dir(&folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(server.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let found = running_wine_server(prefix.path());
        let kept_out = keep_out(prefix.path()).map(drop);
        std::fs::remove_dir_all(elsewhere.path().join("wine-Abcdef")).unwrap();
        let without_folder = running_wine_server(prefix.path());
        drop(server.stdin.take());
        server.wait().unwrap();
        let (pid, folder) = (server.id(), folder.canonicalize().unwrap_or(folder));
        let found = found.expect("the server is seen");
        assert_eq!((found.pid, found.folder.as_deref()), (pid, Some(&*folder)));
        assert_eq!(found.temporary_folder(), folder.parent().and_then(Path::parent));
        assert_eq!(kept_out, Err(pid));
        assert_eq!(without_folder, Some(RunningWineServer { pid, folder: None }));
        assert_eq!(keep_out(prefix.path()).map(drop), Ok(()));
    }
}
