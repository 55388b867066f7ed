//! Where a user's sessions and restart registrations are kept while the system runs.
//!
//! ```text
//! STORE/lock                     taken while sessions are counted, made and swept
//! STORE/sessions/KEY/            one folder for each session, see session.rs
//! STORE/registrations/PID-START  who registered for restart, see registration.rs
//! ```
//!
//! The folder belongs to the user alone. That is what keeps a process of another user from joining a session.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::fs::{
    AtFlags, CWD, Dir, FlockOperation, Mode, OFlags, fchmod, flock, fstat, mkdirat, openat, unlinkat,
};
use rustix::io::Errno;
use rustix::process::geteuid;

use crate::error::Error;

/// The environment variable that names another place for the store.
pub const RUNTIME_FOLDER_VARIABLE: &str = "RESEAT_RUNTIME_DIR";

/// How long a lock of the store is waited for.
const LOCK_PATIENCE: Duration = Duration::from_secs(10);

/// A user's store of sessions and registrations.
#[derive(Debug, Clone)]
pub struct Store {
    path: PathBuf,
    folder: Arc<OwnedFd>,
    /// Other places where a program with another environment may have registered.
    elsewhere: Vec<PathBuf>,
}

impl Store {
    /// Opens the calling user's store, creating it if needed.
    ///
    /// It is `RESEAT_RUNTIME_DIR` if that is set; for root `/run/reseat`; else `reseat` in `XDG_RUNTIME_DIR`
    /// or in `/run/user/UID` if that is the user's; else `/tmp/reseat-UID`. For root the environment does not
    /// count, so that a daemon started at boot and an installer started from a login find each other.
    ///
    /// # Errors
    /// [`Error::UntrustedFolder`] and [`Error::Storage`].
    pub fn open() -> Result<Store, Error> {
        if let Some(path) = std::env::var_os(RUNTIME_FOLDER_VARIABLE).filter(|it| !it.is_empty()) {
            return Store::at(Path::new(&path));
        }
        let mut places = default_places();
        let path = places.remove(0);
        let mut store = Store::at(&path)?;
        store.elsewhere = places;
        Ok(store)
    }

    /// Opens the store in this folder, creating the folder if its parent exists.
    ///
    /// # Errors
    /// [`Error::UntrustedFolder`] if it is a link, belongs to another user, or others may write to it;
    /// [`Error::Storage`] if it cannot be made or opened.
    pub fn at(path: &Path) -> Result<Store, Error> {
        match mkdirat(CWD, path, Mode::RWXU) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(errno) => return Err(Error::storage("create", path)(errno)),
        }
        let folder = open_trusted(path)?;
        for name in ["sessions", "registrations"] {
            match mkdirat(&folder, name, Mode::RWXU) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(errno) => return Err(Error::storage("create", path.join(name))(errno)),
            }
        }
        Ok(Store { path: path.to_owned(), folder: Arc::new(folder), elsewhere: Vec::new() })
    }

    /// The folder's path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// This store and the user's other possible ones that exist.
    pub(crate) fn and_elsewhere(&self) -> Vec<Store> {
        let mut stores = vec![self.clone()];
        for path in &self.elsewhere {
            if let Ok(folder) = open_trusted(path) {
                stores.push(Store { path: path.clone(), folder: Arc::new(folder), elsewhere: Vec::new() });
            }
        }
        stores
    }

    pub(crate) fn folder(&self, name: &str) -> Result<(OwnedFd, PathBuf), Error> {
        let path = self.path.join(name);
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let folder =
            openat(&*self.folder, name, flags, Mode::empty()).map_err(Error::storage("open", &path))?;
        Ok((folder, path))
    }

    /// Locks the store against other processes that make or sweep sessions, until the value is dropped.
    pub(crate) fn lock(&self) -> Result<OwnedFd, Error> {
        let path = self.path.join("lock");
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = openat(&*self.folder, "lock", flags, Mode::RUSR | Mode::WUSR)
            .map_err(Error::storage("open", &path))?;
        wait_for_lock(file.as_fd(), &path)?;
        Ok(file)
    }
}

fn default_places() -> Vec<PathBuf> {
    let user = geteuid();
    let uid = user.as_raw();
    let mut places = Vec::new();
    if user.is_root() {
        places.push(PathBuf::from("/run/reseat"));
    }
    let given = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|path| path.is_absolute());
    for runtime in given.into_iter().chain([PathBuf::from(format!("/run/user/{uid}"))]) {
        let place = runtime.join("reseat");
        if !places.contains(&place) && is_owned(&runtime) {
            places.push(place);
        }
    }
    places.push(PathBuf::from(format!("/tmp/reseat-{uid}")));
    places
}

fn is_owned(folder: &Path) -> bool {
    open_folder(folder).and_then(fstat).is_ok_and(|stat| stat.st_uid == geteuid().as_raw())
}

fn open_folder(path: &Path) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(CWD, path, flags, Mode::empty())
}

/// Opens a folder that is the user's own and that nobody else can write to.
pub(crate) fn open_trusted(path: &Path) -> Result<OwnedFd, Error> {
    let untrusted = |reason: String| Error::UntrustedFolder { path: path.to_owned(), reason };
    let folder = match open_folder(path) {
        Ok(folder) => folder,
        Err(Errno::LOOP | Errno::NOTDIR) => return Err(untrusted("it is not a folder".to_owned())),
        Err(errno) => return Err(Error::storage("open", path)(errno)),
    };
    let stat = fstat(&folder).map_err(Error::storage("inspect", path))?;
    if stat.st_uid != geteuid().as_raw() {
        return Err(untrusted(format!("it belongs to user {}", stat.st_uid)));
    }
    let mode = Mode::from_raw_mode(stat.st_mode);
    if mode.intersects(Mode::WGRP | Mode::WOTH) {
        return Err(untrusted("other users may write to it".to_owned()));
    }
    if mode.intersects(Mode::RWXG | Mode::RWXO) {
        fchmod(&folder, Mode::RWXU).map_err(Error::storage("protect", path))?;
    }
    Ok(folder)
}

/// Takes an exclusive lock.
///
/// # Errors
/// [`Error::LockTimeout`] (121) after ten seconds.
pub(crate) fn wait_for_lock(file: BorrowedFd<'_>, path: &Path) -> Result<(), Error> {
    let begun = Instant::now();
    let mut pause = Duration::from_micros(200);
    loop {
        match flock(file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(()),
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) if begun.elapsed() < LOCK_PATIENCE => {
                // flock(2) cannot be told a time limit.
                std::thread::sleep(pause);
                pause = (pause * 2).min(Duration::from_millis(20));
            }
            Err(Errno::AGAIN) => {
                return Err(Error::LockTimeout { path: path.to_owned(), seconds: LOCK_PATIENCE.as_secs() });
            }
            Err(errno) => return Err(Error::storage("lock", path)(errno)),
        }
    }
}

/// The names in a folder of the store.
pub(crate) fn names(folder: BorrowedFd<'_>, path: &Path) -> Result<Vec<String>, Error> {
    let mut names = Vec::new();
    for entry in Dir::read_from(folder).map_err(Error::storage("list", path))? {
        let entry = entry.map_err(Error::storage("list", path))?;
        // What we make has plain names; anything else is not ours.
        if let Ok(name) = entry.file_name().to_str()
            && name != "."
            && name != ".."
        {
            names.push(name.to_owned());
        }
    }
    Ok(names)
}

/// Removes a folder of the store with the files in it.
pub(crate) fn remove_folder(parent: BorrowedFd<'_>, name: &str) -> Result<(), Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let folder = match openat(parent, name, flags, Mode::empty()) {
        Ok(folder) => folder,
        Err(Errno::NOENT) => return Ok(()),
        Err(errno) => return Err(errno),
    };
    for entry in Dir::read_from(&folder)? {
        let entry = entry?;
        if !matches!(entry.file_name().to_bytes(), b"." | b"..") {
            match unlinkat(&folder, entry.file_name(), AtFlags::empty()) {
                Ok(()) | Err(Errno::NOENT) => {}
                Err(errno) => return Err(errno),
            }
        }
    }
    match unlinkat(parent, name, AtFlags::REMOVEDIR) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(errno) => Err(errno),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_link_or_a_folder_open_to_others_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(folder.path(), &link).unwrap();
        assert!(matches!(Store::at(&link), Err(Error::UntrustedFolder { .. })));
        let open = folder.path().join("open");
        std::fs::create_dir(&open).unwrap();
        std::fs::set_permissions(&open, PermissionsExt::from_mode(0o777)).unwrap();
        assert!(matches!(Store::at(&open), Err(Error::UntrustedFolder { .. })));
        let file = folder.path().join("file");
        std::fs::write(&file, b"").unwrap();
        assert!(matches!(Store::at(&file), Err(Error::UntrustedFolder { .. })));
    }

    #[test]
    fn a_new_store_is_for_its_user_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store");
        let store = Store::at(&path).unwrap();
        assert_eq!(std::fs::metadata(store.path()).unwrap().permissions().mode() & 0o777, 0o700);
        assert!(Store::at(&path).is_ok(), "opening it again");
    }
}
