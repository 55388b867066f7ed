//! A file of one JSON object a line that several processes append to.
//!
//! Each append holds a lock. A line that a killed process left torn is ended by the next append and passed
//! over when the file is read.

use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

use rustix::fs::{Mode, OFlags, fdatasync, openat};
use rustix::io::Errno;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::Error;
use crate::process::read_file;
use crate::store::wait_for_lock;

/// What an append has to outlive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outlives {
    /// The process.
    Process,
    /// The system.
    System,
}

/// No session needs more than this.
const SIZE_LIMIT: usize = 256 << 20;

/// Appends entries at once. `Ok(false)` when the file is gone.
pub(crate) fn append<T: Serialize>(
    folder: BorrowedFd<'_>,
    name: &str,
    folder_path: &Path,
    entries: &[T],
    outlives: Outlives,
) -> Result<bool, Error> {
    let path = folder_path.join(name);
    // Not created here: a session that has ended must stay ended.
    let flags = OFlags::RDWR | OFlags::APPEND | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = match openat(folder, name, flags, Mode::empty()) {
        Ok(file) => file,
        Err(Errno::NOENT) => return Ok(false),
        Err(errno) => return Err(Error::storage("open", path)(errno)),
    };
    wait_for_lock(file.as_fd(), &path)?;
    let mut text = Vec::new();
    if is_torn(file.as_fd()).map_err(Error::storage("read", &path))? {
        text.push(b'\n');
    }
    for entry in entries {
        serde_json::to_writer(&mut text, entry).map_err(|error| Error::Storage {
            action: "write",
            path: path.clone(),
            source: error.into(),
        })?;
        text.push(b'\n');
    }
    let mut rest = text.as_slice();
    while !rest.is_empty() {
        match rustix::io::write(&file, rest) {
            Ok(count) => rest = rest.get(count..).unwrap_or_default(),
            Err(Errno::INTR) => {}
            Err(errno) => return Err(Error::storage("write", path)(errno)),
        }
    }
    if outlives == Outlives::System {
        fdatasync(&file).map_err(Error::storage("write", &path))?;
    }
    Ok(true)
}

/// Whether the last line lacks its end.
fn is_torn(file: BorrowedFd<'_>) -> Result<bool, Errno> {
    let size = u64::try_from(rustix::fs::fstat(file)?.st_size).unwrap_or_default();
    let mut last = [0_u8];
    Ok(size > 0 && rustix::io::pread(file, &mut last, size - 1)? == 1 && last != *b"\n")
}

/// Reads all entries; `None` when the file is gone. Lines that are no entry are passed over with a warning.
pub(crate) fn read<T: DeserializeOwned>(
    folder: BorrowedFd<'_>,
    name: &str,
    folder_path: &Path,
) -> Result<Option<Vec<T>>, Error> {
    let text = match read_file(folder, name, SIZE_LIMIT) {
        Ok(text) => text,
        Err(Errno::NOENT) => return Ok(None),
        Err(errno) => return Err(Error::storage("read", folder_path.join(name))(errno)),
    };
    let mut entries = Vec::new();
    for line in text.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
        match serde_json::from_slice(line) {
            Ok(entry) => entries.push(entry),
            Err(error) => {
                tracing::warn!(file = %folder_path.join(name).display(), %error, "passed over a torn line")
            }
        }
    }
    Ok(Some(entries))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::CWD;

    #[test]
    fn a_torn_line_costs_only_itself() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        let handle = openat(CWD, path, OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty()).unwrap();
        let add = |entries: &[&str]| append(handle.as_fd(), "j", path, entries, Outlives::Process).unwrap();
        assert!(!add(&["nobody made the file"]));
        std::fs::write(path.join("j"), "\"first\"\n\"tor").unwrap();
        assert!(add(&["second", "third"]));
        let entries: Vec<String> = read(handle.as_fd(), "j", path).unwrap().unwrap();
        assert_eq!(entries, ["first", "second", "third"]);
    }
}
