//! A session's folder in the store.
//!
//! ```text
//! session.json   who the primary installer is; written once, before the folder gets its name
//! resources      what was registered, a journal that all installers of the session append to
//! actions        what was done to applications, a journal that only the primary writes
//! filters        what must not be shut down or restarted, a journal that only the primary writes
//! ```

use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;

use rustix::fs::{Mode, OFlags, mkdirat, openat, renameat};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::filter::{FilterChange, Filters};
use crate::history::{Action, History};
use crate::journal::{self, Outlives};
use crate::process::{UniqueProcess, boot_id, read_file};
use crate::resource::Resources;
use crate::session_key::SessionKey;
use crate::store::{Store, names, remove_folder, wait_for_lock};

/// The documented number of sessions that a user may have open.
pub const SESSION_LIMIT: usize = 64;

const DRAFT: &str = ".new-";
const REMOVED: &str = ".gone-";

/// Who started a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Identity {
    pub(crate) primary: UniqueProcess,
    pub(crate) boot: String,
}

impl Identity {
    pub(crate) fn is_alive(&self) -> bool {
        self.boot == boot_id() && self.primary.is_running()
    }
}

/// An open session folder.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) key: SessionKey,
    pub(crate) store: Store,
    folder: OwnedFd,
    path: PathBuf,
}

impl Session {
    /// Makes a session for this primary installer.
    pub(crate) fn create(store: &Store, primary: UniqueProcess) -> Result<Session, Error> {
        let _lock = store.lock()?;
        let open = sweep(store)?;
        if open >= SESSION_LIMIT {
            return Err(Error::TooManySessions { limit: SESSION_LIMIT });
        }
        let (parent, path) = store.folder("sessions")?;
        let key = SessionKey::random();
        let draft = format!("{DRAFT}{key}");
        mkdirat(&parent, &draft, Mode::RWXU).map_err(Error::storage("create", path.join(&draft)))?;
        let folder_flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let folder = openat(&parent, &draft, folder_flags, Mode::empty())
            .map_err(Error::storage("open", path.join(&draft)))?;
        let text = serde_json::to_vec(&Identity { primary, boot: boot_id() })
            .map_err(|error| Error::Storage { action: "write", path: path.clone(), source: error.into() })?;
        for (name, content) in
            [("session.json", text.as_slice()), ("resources", b""), ("actions", b""), ("filters", b"")]
        {
            let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
            let file = openat(&folder, name, flags, Mode::RUSR | Mode::WUSR)
                .map_err(Error::storage("create", path.join(name)))?;
            std::io::Write::write_all(&mut std::fs::File::from(file), content)
                .map_err(|source| Error::Storage { action: "write", path: path.join(name), source })?;
        }
        let path = path.join(key.as_str());
        renameat(&parent, &draft, &parent, key.as_str()).map_err(Error::storage("create", &path))?;
        Ok(Session { key, store: store.clone(), folder, path })
    }

    /// Opens an existing session.
    pub(crate) fn open(store: &Store, key: &SessionKey) -> Result<Session, Error> {
        let (parent, path) = store.folder("sessions")?;
        let path = path.join(key.as_str());
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match openat(&parent, key.as_str(), flags, Mode::empty()) {
            Ok(folder) => Ok(Session { key: key.clone(), store: store.clone(), folder, path }),
            Err(Errno::NOENT | Errno::ACCESS | Errno::PERM) => {
                Err(Error::UnknownSession { key: key.clone() })
            }
            Err(errno) => Err(Error::storage("open", path)(errno)),
        }
    }

    /// Who started it; `None` when that cannot be read.
    pub(crate) fn identity(&self) -> Option<Identity> {
        let text = read_file(self.folder.as_fd(), "session.json", 1 << 16).ok()?;
        serde_json::from_slice(&text).ok()
    }

    pub(crate) fn register(&self, resources: &Resources) -> Result<(), Error> {
        if resources.is_empty() {
            return Ok(());
        }
        let entries = [resources];
        let written =
            journal::append(self.folder.as_fd(), "resources", &self.path, &entries, Outlives::Process)?;
        self.still_there(written.then_some(()))
    }

    pub(crate) fn resources(&self) -> Result<Resources, Error> {
        let batches: Option<Vec<Resources>> = journal::read(self.folder.as_fd(), "resources", &self.path)?;
        let mut all = Resources::default();
        for batch in self.still_there(batches)? {
            all.add(batch);
        }
        all.sort();
        Ok(all)
    }

    pub(crate) fn record(&self, actions: &[Action], outlives: Outlives) -> Result<(), Error> {
        let written = journal::append(self.folder.as_fd(), "actions", &self.path, actions, outlives)?;
        self.still_there(written.then_some(()))
    }

    pub(crate) fn history(&self) -> Result<History, Error> {
        let actions = journal::read(self.folder.as_fd(), "actions", &self.path)?;
        Ok(History::of(self.still_there(actions)?))
    }

    pub(crate) fn change_filters(&self, change: FilterChange) -> Result<(), Error> {
        let entries = [change];
        let written =
            journal::append(self.folder.as_fd(), "filters", &self.path, &entries, Outlives::Process)?;
        self.still_there(written.then_some(()))
    }

    pub(crate) fn filters(&self) -> Result<Filters, Error> {
        let changes = journal::read(self.folder.as_fd(), "filters", &self.path)?;
        // A session of an earlier version has none.
        Ok(Filters::of(changes.unwrap_or_default()))
    }

    fn still_there<T>(&self, found: Option<T>) -> Result<T, Error> {
        found.ok_or_else(|| Error::SessionEnded { key: self.key.clone() })
    }

    /// Locks the session while applications are started, here or by recovery; `None` when it has ended.
    ///
    /// A child between fork and exec holds the lock too. Who gets it after a crash of the installer therefore
    /// sees every program that was being started.
    pub(crate) fn claim(&self) -> Result<Option<OwnedFd>, Error> {
        let path = self.path.join("session.json");
        let file = match openat(&self.folder, "session.json", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty()) {
            Ok(file) => file,
            Err(Errno::NOENT) => return Ok(None),
            Err(errno) => return Err(Error::storage("open", path)(errno)),
        };
        wait_for_lock(file.as_fd(), &path)?;
        Ok(Some(file))
    }

    /// Removes the session. Who joined it finds that it has ended.
    pub(crate) fn remove(&self) -> Result<(), Error> {
        let (parent, path) = self.store.folder("sessions")?;
        let removed = format!("{REMOVED}{}", self.key);
        let path = path.join(self.key.as_str());
        match renameat(&parent, self.key.as_str(), &parent, &removed) {
            Ok(()) => remove_folder(parent.as_fd(), &removed).map_err(Error::storage("remove", path)),
            Err(Errno::NOENT) => Err(Error::SessionEnded { key: self.key.clone() }),
            Err(errno) => Err(Error::storage("remove", path)(errno)),
        }
    }
}

/// The keys of all sessions in the store.
pub(crate) fn keys(store: &Store) -> Result<Vec<SessionKey>, Error> {
    let (folder, path) = store.folder("sessions")?;
    let mut keys: Vec<SessionKey> =
        names(folder.as_fd(), &path)?.iter().filter_map(|name| name.parse().ok()).collect();
    keys.sort();
    Ok(keys)
}

/// Removes what sessions of ended primaries left behind, except where applications wait to be started again.
/// Gives the number of open sessions. The caller holds the store's lock.
fn sweep(store: &Store) -> Result<usize, Error> {
    store.sweep_registrations()?;
    let (folder, path) = store.folder("sessions")?;
    let mut open = 0;
    for name in names(folder.as_fd(), &path)? {
        if let Ok(key) = name.parse::<SessionKey>() {
            let session = match Session::open(store, &key) {
                Ok(session) => session,
                Err(Error::UnknownSession { .. }) => continue,
                Err(error) => return Err(error),
            };
            if session.identity().is_some_and(|identity| identity.is_alive()) {
                open += 1;
            } else if session
                .history()
                .is_ok_and(|history| history.entries.iter().any(|it| it.is_outstanding()))
            {
                tracing::info!(%key, "kept a session whose primary ended with applications still stopped");
            } else if let Err(error) = session.remove() {
                tracing::warn!(%key, %error, "could not remove an abandoned session");
            }
        } else if name.starts_with(DRAFT) || name.starts_with(REMOVED) {
            // Drafts are only made under the lock that we hold; what is being removed may go as well. One that
            // cannot is no reason to refuse new sessions.
            if let Err(error) = remove_folder(folder.as_fd(), &name) {
                tracing::warn!(folder = %path.join(&name).display(), %error, "could not remove what is left");
            }
        }
    }
    Ok(open)
}
