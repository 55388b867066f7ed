//! The folder that is unpacked to. Everything beneath it is reached by the handle of the folder above, and links there are
//! never followed, so that nothing is written outside of it, whatever it holds and whoever changes it meanwhile.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

use rustix::fs::{AtFlags, CWD, Mode, OFlags, mkdirat, openat, unlinkat};
use rustix::io::Errno;

/// So many handles are kept open at a time.
const MOST_HANDLES: usize = 128;
const FOLDER: OFlags = OFlags::DIRECTORY.union(OFlags::RDONLY).union(OFlags::CLOEXEC);

/// What happens to a file that is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// It stays, and that is an error.
    Keep,
    /// It is removed.
    Replace,
}

/// A folder and the handles of folders beneath it; each thread has its own.
pub struct Target {
    root: Arc<File>,
    folders: HashMap<Arc<[String]>, Arc<File>>,
    existing: Existing,
}

impl Target {
    /// Opens the folder, which is made if need be.
    pub fn open(folder: &Path, existing: Existing) -> io::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let root = openat(CWD, folder, FOLDER, Mode::empty())?;
        Ok(Self { root: Arc::new(File::from(root)), folders: HashMap::new(), existing })
    }

    /// The same folder for another thread.
    pub fn share(&self) -> Self {
        Self { root: self.root.clone(), folders: HashMap::new(), existing: self.existing }
    }

    /// Creates a file beneath the folder.
    pub fn create(&mut self, folder: &Arc<[String]>, name: &str) -> io::Result<File> {
        let folder = self.folder(folder)?;
        let open = || {
            let flags = OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::WRONLY | OFlags::CLOEXEC;
            openat(&*folder, name, flags, Mode::from_raw_mode(0o666))
        };
        match open() {
            Err(Errno::EXIST) if self.existing == Existing::Replace => {
                unlinkat(&*folder, name, AtFlags::empty())?;
                Ok(open()?.into())
            }
            result => Ok(result?.into()),
        }
    }

    /// Removes a file that was created.
    pub fn remove(&mut self, folder: &Arc<[String]>, name: &str) {
        let removed = self.folder(folder).and_then(|folder| Ok(unlinkat(&*folder, name, AtFlags::empty())?));
        if let Err(error) = removed {
            tracing::debug!(%error, name, "an unfinished file cannot be removed");
        }
    }

    fn folder(&mut self, names: &Arc<[String]>) -> io::Result<Arc<File>> {
        if names.is_empty() {
            return Ok(self.root.clone());
        }
        if let Some(folder) = self.folders.get(names) {
            return Ok(folder.clone());
        }
        let mut folder = self.root.clone();
        for name in names.iter() {
            let open = || openat(&*folder, name.as_str(), FOLDER | OFlags::NOFOLLOW, Mode::empty());
            let opened = match open() {
                Err(Errno::NOENT) => match mkdirat(&*folder, name.as_str(), Mode::from_raw_mode(0o777)) {
                    // Another thread may have made it meanwhile.
                    Ok(()) | Err(Errno::EXIST) => open(),
                    Err(error) => Err(error),
                },
                result => result,
            };
            folder = Arc::new(opened.map_err(|error| in_folder(error, name))?.into());
        }
        if self.folders.len() >= MOST_HANDLES {
            self.folders.clear();
        }
        self.folders.insert(names.clone(), folder.clone());
        Ok(folder)
    }
}

/// A link and a file in the way are told apart from other trouble.
fn in_folder(error: Errno, name: &str) -> io::Error {
    match error {
        Errno::LOOP | Errno::NOTDIR => io::Error::new(
            io::ErrorKind::NotADirectory,
            format!("'{name}' is a link or a file, and no folder"),
        ),
        error => error.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(names: &[&str]) -> Arc<[String]> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn folders_are_made_and_links_are_not_followed() {
        let place = tempfile::tempdir().unwrap();
        let outside = place.path().join("outside");
        std::fs::create_dir(&outside).unwrap();
        std::fs::write(outside.join("kept"), "kept").unwrap();
        let root = place.path().join("root");
        let mut target = Target::open(&root, Existing::Replace).unwrap();
        target.create(&folder(&["a", "b"]), "c").unwrap();
        assert!(root.join("a/b/c").is_file());
        std::os::unix::fs::symlink(&outside, root.join("link")).unwrap();
        std::os::unix::fs::symlink(outside.join("kept"), root.join("file")).unwrap();
        let error = target.create(&folder(&["link"]), "new").unwrap_err();
        assert_eq!(error.to_string(), "'link' is a link or a file, and no folder");
        target.create(&folder(&[]), "file").unwrap();
        assert!(root.join("file").symlink_metadata().unwrap().is_file());
        assert_eq!(std::fs::read_to_string(outside.join("kept")).unwrap(), "kept");
        assert_eq!(std::fs::read_dir(&outside).unwrap().count(), 1);
    }

    #[test]
    fn a_file_that_is_there_stays_unless_it_is_to_be_replaced() {
        let place = tempfile::tempdir().unwrap();
        std::fs::write(place.path().join("a"), "old").unwrap();
        let mut keep = Target::open(place.path(), Existing::Keep).unwrap();
        assert_eq!(keep.create(&folder(&[]), "a").unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read_to_string(place.path().join("a")).unwrap(), "old");
    }
}
