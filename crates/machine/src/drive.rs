//! A drive: a folder of this computer, held by a handle, in which nothing outside can be reached.
//!
//! On Linux 5.6 and later the kernel does the walking (`openat2` with `RESOLVE_BENEATH`); before that each component is
//! opened by itself without following links, and links are followed here. What names mean is not known here: names are
//! taken exactly as spelled, see `folder_names.rs` for letter case.

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{AtFlags, Mode, OFlags, ResolveFlags, Stat};
use rustix::io::Errno;

/// As many links as Linux itself follows in one path.
const MOST_LINKS: usize = 40;

/// Whether a drive may be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// The folder lies in the prefix: it may be changed, and no link may lead out of it.
    Change,
    /// The folder lies elsewhere (`z:` is the whole computer): it is a place of sources, read as it is.
    Read,
}

/// The folder that a drive letter stands for.
#[derive(Debug)]
pub struct Drive {
    root: Arc<OwnedFd>,
    path: PathBuf,
    access: Access,
    /// Set when the kernel does not know `openat2`.
    walk: AtomicBool,
}

impl Drive {
    /// Opens the folder `path` as a drive.
    pub fn open(path: PathBuf, access: Access) -> Result<Self, Errno> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = Arc::new(rustix::fs::open(&path, flags, Mode::empty())?);
        Ok(Self { root, path, access, walk: AtomicBool::new(false) })
    }

    /// The Unix path of the folder, free of links.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it may be changed.
    pub fn access(&self) -> Access {
        self.access
    }

    /// A handle of the root folder, of use only as a starting point.
    pub fn root(&self) -> &Arc<OwnedFd> {
        &self.root
    }

    /// Opens something by its path from the root. Links are followed as long as they stay inside; one that leads out is
    /// [`Errno::XDEV`]. The empty path is the root.
    pub fn open_at(&self, relative: &Path, flags: OFlags) -> Result<OwnedFd, Errno> {
        let flags = flags | OFlags::CLOEXEC;
        let relative = if relative.as_os_str().is_empty() { Path::new(".") } else { relative };
        if self.access == Access::Read {
            return rustix::fs::openat(&self.root, relative, flags, Mode::empty());
        }
        if !self.walk.load(Ordering::Relaxed) {
            let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
            loop {
                match rustix::fs::openat2(&self.root, relative, flags, Mode::empty(), resolve) {
                    // A rename elsewhere made the walk uncertain; the kernel asks to try again.
                    Err(Errno::AGAIN | Errno::INTR) => {}
                    // Sandboxes answer with EPERM to system calls that they do not know.
                    Err(Errno::NOSYS | Errno::PERM) => break,
                    other => return other,
                }
            }
        }
        let opened = self.walk_to(relative, flags);
        if opened.is_ok() {
            self.walk.store(true, Ordering::Relaxed);
        }
        opened
    }

    /// What a path leads to now, be it outside: this says only whether something is what was opened before.
    pub fn stat_at(&self, relative: &Path) -> Result<Stat, Errno> {
        rustix::fs::statat(&self.root, relative, AtFlags::NO_AUTOMOUNT)
    }

    /// The same without `openat2`.
    fn walk_to(&self, relative: &Path, flags: OFlags) -> Result<OwnedFd, Errno> {
        let step = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut names: VecDeque<Vec<u8>> = split(relative.as_os_str().as_bytes());
        let mut folders: Vec<OwnedFd> = Vec::new();
        let mut links = 0;
        while let Some(name) = names.pop_front() {
            if name == b".." {
                folders.pop().ok_or(Errno::XDEV)?;
                continue;
            }
            let here = folders.last().map_or(self.root.as_fd(), AsFd::as_fd);
            let entry = rustix::fs::openat(here, OsStr::from_bytes(&name), step, Mode::empty())?;
            let kind = rustix::fs::FileType::from_raw_mode(rustix::fs::fstat(&entry)?.st_mode);
            if kind.is_symlink() && !(names.is_empty() && flags.contains(OFlags::NOFOLLOW)) {
                links += 1;
                if links > MOST_LINKS {
                    return Err(Errno::LOOP);
                }
                let target = rustix::fs::readlinkat(&entry, "", Vec::new())?;
                if target.as_bytes().starts_with(b"/") {
                    return Err(Errno::XDEV);
                }
                for name in split(target.as_bytes()).into_iter().rev() {
                    names.push_front(name);
                }
                continue;
            }
            if names.is_empty() {
                // By name, not through /proc: what was looked at may have been exchanged, but never for a link.
                return rustix::fs::openat(
                    here,
                    OsStr::from_bytes(&name),
                    flags | OFlags::NOFOLLOW,
                    Mode::empty(),
                );
            }
            if !kind.is_dir() {
                return Err(Errno::NOTDIR);
            }
            folders.push(entry);
        }
        let here = folders.last().map_or(self.root.as_fd(), AsFd::as_fd);
        rustix::fs::openat(here, ".", flags, Mode::empty())
    }

    /// Makes every later walk do without `openat2`.
    #[cfg(test)]
    pub fn without_openat2(self) -> Self {
        self.walk.store(true, Ordering::Relaxed);
        self
    }
}

fn split(path: &[u8]) -> VecDeque<Vec<u8>> {
    let names = path.split(|byte| *byte == b'/').filter(|name| !name.is_empty() && *name != b".");
    names.map(<[u8]>::to_vec).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn drives(path: &Path) -> [Drive; 2] {
        let drive = || Drive::open(path.to_owned(), Access::Change).unwrap();
        [drive(), drive().without_openat2()]
    }

    #[test]
    fn follows_links_that_stay_inside_and_refuses_those_that_lead_out() {
        let place = tempfile::tempdir().unwrap();
        let root = place.path().join("root");
        std::fs::create_dir_all(root.join("a/b")).unwrap();
        std::fs::write(place.path().join("secret"), "s").unwrap();
        std::fs::write(root.join("a/file"), "f").unwrap();
        symlink("../a/file", root.join("a/inside")).unwrap();
        symlink("../../secret", root.join("a/up")).unwrap();
        symlink("/etc/passwd", root.join("a/absolute")).unwrap();
        symlink("../..", root.join("a/out")).unwrap();
        symlink("round", root.join("a/round")).unwrap();
        symlink("b", root.join("a/folder")).unwrap();
        symlink("/proc/self/root/etc", root.join("a/magic")).unwrap();
        let cases = [
            ("a/file", Ok(())),
            ("a/inside", Ok(())),
            ("a/folder/../file", Ok(())),
            ("a/up", Err(Errno::XDEV)),
            ("a/absolute", Err(Errno::XDEV)),
            ("a/out/secret", Err(Errno::XDEV)),
            ("../secret", Err(Errno::XDEV)),
            ("a/magic/passwd", Err(Errno::XDEV)),
            ("a/round", Err(Errno::LOOP)),
            ("a/none", Err(Errno::NOENT)),
            ("a/file/x", Err(Errno::NOTDIR)),
            ("", Ok(())),
        ];
        for drive in drives(&root) {
            for (path, expected) in &cases {
                let got = drive.open_at(Path::new(path), OFlags::RDONLY).map(drop);
                assert_eq!(got, *expected, "{path} {drive:?}");
            }
        }
    }
}
