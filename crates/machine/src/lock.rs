//! One installation at a time on a prefix, across processes.
//!
//! Windows Installer refuses a second installation with error 1618 (page `error-codes.md`). The lock is `flock` on a file
//! in the prefix, so it ends with the process that holds it, however that ends.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::FlockOperation;
use rustix::io::Errno;

use crate::error::MachineError;

const FILE_NAME: &str = ".reseat.lock";

/// The right to change a prefix, as long as it lives.
#[derive(Debug)]
#[must_use]
pub struct MachineLock {
    _file: File,
}

/// Takes the lock of a prefix.
pub fn lock(prefix: &Path) -> Result<MachineLock, MachineError> {
    let path = prefix.join(FILE_NAME);
    let failed = |error: std::io::Error| MachineError::unix("lock", &path, error);
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(rustix::fs::OFlags::NOFOLLOW.bits() as i32)
        .open(&path)
        .map_err(failed)?;
    // The process id is written into it: a file that has another name as well may be anybody's.
    let stat = rustix::fs::fstat(&file).map_err(|error| failed(error.into()))?;
    if !rustix::fs::FileType::from_raw_mode(stat.st_mode).is_file() || stat.st_nlink != 1 {
        return Err(MachineError::NotOurs { path });
    }
    match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(Errno::WOULDBLOCK) => {
            let mut text = String::new();
            let read = (&mut file).take(32).read_to_string(&mut text);
            let pid = read.ok().and_then(|_| text.trim().parse().ok());
            return Err(MachineError::Locked { pid });
        }
        Err(error) => return Err(failed(error.into())),
    }
    // The holder's name is a courtesy: without it the lock is held all the same.
    let written = file
        .set_len(0)
        .and_then(|()| file.seek(SeekFrom::Start(0)))
        .and_then(|_| writeln!(file, "{}", std::process::id()));
    if let Err(error) = written {
        tracing::debug!(%error, "cannot write the process id into the lock file");
    }
    Ok(MachineLock { _file: file })
}
