//! Asks the kernel whether anyone uses a file, without looking at processes.
//!
//! A write lease (F_SETLEASE in fcntl(2)) is granted only while the file is open nowhere else. That covers
//! mappings and running programs, other mount namespaces and the kernel itself (loop devices), and costs a
//! few system calls for each file whatever the number of processes. A lease needs the owner of the file or
//! CAP_LEASE; other answers mean that we do not know. Neither do we where a file system passes mappings on to
//! another one: on overlayfs a lease is granted for a library that is mapped and no longer open (Linux 6.18).

use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::path::Path;

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, StatxFlags, fstatfs, openat, statx};
use rustix::io::Errno;

use crate::script::can_be_script;

/// The identity of a file: device and inode number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct FileId {
    pub(crate) major: u32,
    pub(crate) minor: u32,
    pub(crate) inode: u64,
}

/// The identity and type of what a path leads to, links followed, without asking a file server again.
pub(crate) fn identify(
    folder: BorrowedFd<'_>,
    path: impl rustix::path::Arg,
) -> Result<(FileId, FileType), Errno> {
    // A dead network file system would hold up a plain stat for minutes.
    let flags = AtFlags::STATX_DONT_SYNC | AtFlags::NO_AUTOMOUNT;
    let stat = statx(folder, path, flags, StatxFlags::TYPE | StatxFlags::INO)?;
    let id = FileId { major: stat.stx_dev_major, minor: stat.stx_dev_minor, inode: stat.stx_ino };
    Ok((id, FileType::from_raw_mode(u32::from(stat.stx_mode))))
}

/// What the probe of one path found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Probe {
    /// There is no such file.
    Missing,
    /// A folder: leases do not apply.
    Folder,
    /// Nobody has it open, mapped or running.
    Free,
    /// So it is; but it can be a script, which is in use all the same.
    FreeScript(FileId),
    /// Somebody has.
    InUse(FileId),
    /// The kernel would not say, or its word is not enough here.
    Unknown(FileId),
    /// Not even the file's identity could be read.
    Unreachable(Errno),
}

/// Probes one path. The lease, where granted, is given back at once.
pub(crate) fn probe(path: &Path) -> Probe {
    let (id, kind) = match identify(CWD, path) {
        Ok(found) => found,
        Err(Errno::NOENT | Errno::NOTDIR) => return Probe::Missing,
        Err(errno) => return Probe::Unreachable(errno),
    };
    match kind {
        FileType::Directory => return Probe::Folder,
        FileType::RegularFile => {}
        // Opening a device or a pipe can do something; the scan finds its users.
        _ => return Probe::Unknown(id),
    }
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
    let file = match openat(CWD, path, flags, Mode::empty()) {
        Ok(file) => file,
        Err(Errno::NOENT) => return Probe::Missing,
        Err(_) => return Probe::Unknown(id),
    };
    match kernel::try_write_lease(file.as_fd()) {
        Ok(()) if sees_mappings(id, file.as_fd()) => match can_be_script(path, file.as_fd()) {
            true => Probe::FreeScript(id),
            false => Probe::Free,
        },
        // Network file systems say the same when the server gave no delegation.
        Err(Errno::AGAIN) if !is_one_of(REMOTE, id, file.as_fd()) => Probe::InUse(id),
        _ => Probe::Unknown(id),
    }
}

/// File systems whose leases do not speak of local users alone, by statfs(2): NFS, SMB, SMB2, CIFS, FUSE, 9P,
/// Ceph, AFS, Coda.
const REMOTE: &[u32] = &[
    0x6969,
    0x517B,
    0xFE53_4D42,
    0xFF53_4D42,
    0x6573_5546,
    0x0102_1997,
    0x00C3_6400,
    0x5346_414F,
    0x7375_7245,
];

/// File systems that let another one do the mapping: overlayfs.
const STACKED: &[u32] = &[0x794C_7630];

fn sees_mappings(id: FileId, file: BorrowedFd<'_>) -> bool {
    !is_one_of(STACKED, id, file) && !is_one_of(REMOTE, id, file)
}

fn is_one_of(kinds: &[u32], id: FileId, file: BorrowedFd<'_>) -> bool {
    // None of them has a device of its own, so that most files need no further question. The width and sign
    // of the field differ between architectures; the low 32 bits are the number.
    id.major == 0 && fstatfs(file).map_or(true, |stat| kinds.contains(&(stat.f_type as u32)))
}

/// The one fcntl that rustix does not offer.
#[allow(unsafe_code)]
mod kernel {
    use super::{AsRawFd, BorrowedFd, Errno};
    use std::ffi::c_int;

    const F_SETSIG: c_int = 10;
    const F_SETLEASE: c_int = 1024;
    const F_WRLCK: c_int = 1;
    const F_UNLCK: c_int = 2;
    /// Ignored unless a program asks for it, on every architecture but these.
    #[cfg(not(any(target_arch = "mips", target_arch = "mips64", target_arch = "sparc64")))]
    const SIGURG: c_int = 23;
    #[cfg(any(target_arch = "mips", target_arch = "mips64"))]
    const SIGURG: c_int = 21;
    #[cfg(target_arch = "sparc64")]
    const SIGURG: c_int = 16;

    unsafe extern "C" {
        fn fcntl(fd: c_int, command: c_int, ...) -> c_int;
    }

    fn call(file: BorrowedFd<'_>, command: c_int, argument: c_int) -> Result<(), Errno> {
        // SAFETY: the descriptor is open for as long as it is borrowed, and these commands take one plain
        // integer.
        if unsafe { fcntl(file.as_raw_fd(), command, argument) } == -1 {
            let error = std::io::Error::last_os_error();
            return Err(error.raw_os_error().map_or(Errno::IO, Errno::from_raw_os_error));
        }
        Ok(())
    }

    /// Takes a write lease and gives it back.
    pub(super) fn try_write_lease(file: BorrowedFd<'_>) -> Result<(), Errno> {
        // Whoever opens the file in this moment makes the kernel send us a signal. By default that is SIGIO,
        // which ends a process; SIGURG is ignored.
        call(file, F_SETSIG, SIGURG)?;
        call(file, F_SETLEASE, F_WRLCK)?;
        // By hand and not by closing: a child forked by another thread may hold a copy until it executes.
        call(file, F_SETLEASE, F_UNLCK)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::sync::atomic::{AtomicBool, Ordering};

    #[test]
    fn a_file_is_free_until_someone_opens_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        assert_eq!(probe(&path), Probe::Missing);
        std::fs::write(&path, b"x").unwrap();
        assert_eq!(probe(&path), Probe::Free);
        let open = File::open(&path).unwrap();
        assert!(matches!(probe(&path), Probe::InUse(_)));
        drop(open);
        assert_eq!(probe(&path), Probe::Free);
        assert_eq!(probe(folder.path()), Probe::Folder);
        assert!(matches!(probe(Path::new("/dev/null")), Probe::Unknown(..)));
    }

    #[test]
    fn whoever_opens_the_file_during_the_probe_does_not_end_us() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        std::fs::write(&path, b"x").unwrap();
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    drop(File::options().write(true).open(&path));
                }
            });
            for _ in 0..3000 {
                let _ = probe(&path);
            }
            done.store(true, Ordering::Relaxed);
        });
        assert_eq!(probe(&path), Probe::Free);
    }
}
