//! Folders that are kept open, so that many operations in one folder do not walk to it each time.
//!
//! A handle stays with its folder wherever that is moved, so holding one is no leave to write through it. Before each use
//! the path is asked again, with one `stat`, whether it still leads to the folder that is open: one that was renamed,
//! removed and made again, or has a link in its place is not, and is walked to anew, beneath the root. As long as the
//! handle is open nothing else can have its inode number.
//!
//! What the `stat` cannot see is a folder that was moved out of the drive while a link to its new place was put where it
//! was, since that leads to the same folder. So every walk is done again after [`TRUSTED`]. Until then files may still go
//! where the folder now is, as if they had been written just before it was moved; they never go into a folder that was
//! not in the drive a moment ago.

use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::fs::OFlags;
use rustix::io::Errno;

use crate::drive::{Access, Drive};
use crate::folder_names::Stamp;

/// So many folders are kept open.
const MOST: usize = 64;
/// So long a walk counts, and that a folder was not there: some hundred files in one folder.
pub const TRUSTED: Duration = Duration::from_millis(10);

/// An open folder of a drive.
#[derive(Debug, Clone)]
pub struct Folder {
    /// Its handle, of use only as a starting point.
    pub handle: Arc<OwnedFd>,
    /// Its real path from the drive's root.
    pub path: Arc<Path>,
    /// What it was when it was opened for this use.
    pub stamp: Stamp,
}

/// Folders by the folded Windows paths that lead to them.
#[derive(Debug, Default)]
pub struct OpenFolders {
    open: HashMap<Box<str>, Kept>,
    uses: u64,
}

#[derive(Debug)]
struct Kept {
    folder: Folder,
    walked: Instant,
    used: u64,
}

impl OpenFolders {
    /// The folder at a path if it is open and still there.
    pub fn get(&mut self, drive: &Drive, key: &str) -> Option<Folder> {
        self.uses += 1;
        let kept = self.open.get_mut(key)?;
        let stamp = drive.stat_at(&kept.folder.path).map(|stat| Stamp::of(&stat));
        match stamp {
            Ok(stamp) if stamp.is_same_folder(kept.folder.stamp) && kept.walked.elapsed() < TRUSTED => {
                kept.used = self.uses;
                Some(Folder { stamp, ..kept.folder.clone() })
            }
            _ => {
                self.open.remove(key);
                None
            }
        }
    }

    /// Walks to a folder, and keeps it open.
    pub fn open(&mut self, drive: &Drive, key: &str, path: &Arc<Path>) -> Result<Folder, Errno> {
        let walked = Instant::now();
        let handle = Arc::new(drive.open_at(path, OFlags::PATH | OFlags::DIRECTORY)?);
        let stamp = Stamp::of(&rustix::fs::fstat(&handle)?);
        let folder = Folder { handle, path: Arc::clone(path), stamp };
        // Elsewhere a handle would keep a disk from being taken out.
        if drive.access() == Access::Change {
            if self.open.len() >= MOST {
                let oldest = self.open.iter().min_by_key(|(_, kept)| kept.used).map(|(key, _)| key.clone());
                oldest.and_then(|key| self.open.remove(&key));
            }
            self.open.insert(key.into(), Kept { folder: folder.clone(), walked, used: self.uses });
        }
        Ok(folder)
    }

    /// Closes the folders whose paths are chosen.
    pub fn close(&mut self, chosen: impl Fn(&str) -> bool) {
        self.open.retain(|key, _| !chosen(key));
    }
}
