//! Looks through `/proc` for the processes that use certain files.
//!
//! The cost is that of the processes, not of the files: what is looked for is a hash of inode numbers. Each
//! process is read relative to its own `/proc/PID` handle, which goes dead with the process and never shows
//! another one.

use std::collections::HashMap;
use std::ffi::OsString;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use rustix::fs::{CWD, Mode, OFlags, RawDir, openat, readlinkat};
use rustix::io::Errno;
use rustix::path::DecInt;

use crate::error::Error;
use crate::lease::{FileId, identify};
use crate::mapping::{self, Mapping};
use crate::process::{Stat, UniqueProcess};
use crate::script::{Script, script_of};

/// How a process uses a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum How {
    /// By an open file descriptor.
    Open,
    /// Mapped into memory: a library, or data.
    Mapped,
    /// As the program that it runs.
    Executable,
    /// As its working directory.
    WorkingDirectory,
    /// As its root directory.
    RootDirectory,
    /// As the script that it has read.
    Script,
}

/// The files looked for, by inode number.
#[derive(Debug, Default)]
pub(crate) struct Targets {
    by_inode: HashMap<u64, Vec<(FileId, usize)>>,
    /// Folders are among them: working and root directories matter.
    pub(crate) folders: bool,
    /// Scripts may be among them: what interpreters have read matters.
    pub(crate) scripts: bool,
    /// Others are: what processes hold matters.
    held: bool,
}

impl Targets {
    /// Looks for this file too; `index` is how the caller names it.
    pub(crate) fn add(&mut self, file: FileId, index: usize) {
        self.held = true;
        self.by_inode.entry(file.inode).or_default().push((file, index));
    }

    /// Looks for it only among scripts: nobody holds it.
    pub(crate) fn add_script(&mut self, file: FileId, index: usize) {
        self.scripts = true;
        self.by_inode.entry(file.inode).or_default().push((file, index));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.by_inode.is_empty()
    }

    /// What is looked for by an inode of this number, on whatever device.
    pub(crate) fn with_inode(&self, inode: u64) -> impl Iterator<Item = usize> {
        self.by_inode.get(&inode).into_iter().flatten().map(|(_, index)| *index)
    }

    fn mark(&self, file: FileId, how: How, uses: &mut Vec<(usize, How)>) {
        for (target, index) in self.by_inode.get(&file.inode).map_or(&[][..], Vec::as_slice) {
            if *target == file && !uses.contains(&(*index, how)) {
                uses.push((*index, how));
            }
        }
    }
}

/// A process that uses some of the files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hit {
    pub(crate) process: UniqueProcess,
    pub(crate) name: String,
    pub(crate) uses: Vec<(usize, How)>,
}

/// A process that could not be inspected, or not wholly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uninspected {
    /// The process id.
    pub pid: u32,
    /// What was refused, and the system's reason.
    pub reason: String,
}

/// What a scan found.
#[derive(Debug, Default)]
pub(crate) struct Scan {
    pub(crate) hits: Vec<Hit>,
    pub(crate) uninspected: Vec<Uninspected>,
    /// The names of scripts whose files could not be told.
    pub(crate) hidden_scripts: Vec<OsString>,
}

/// Looks at every process. Those that end meanwhile are passed over.
///
/// # Errors
/// [`Error::ProcUnusable`] when `/proc` is not mounted or shows another PID namespace than the caller's.
pub(crate) fn scan(targets: &Targets) -> Result<Scan, Error> {
    let proc = open_proc()?;
    let pids = list_numbers(proc.as_fd(), &mut vec![MaybeUninit::uninit(); 128 << 10])
        .map_err(|errno| Error::ProcUnusable { reason: errno.to_string() })?;
    // The kernel's work per process runs well beside itself on two processors; more gain little.
    let threads =
        if pids.len() < 32 { 1 } else { std::thread::available_parallelism().map_or(1, |n| n.get().min(2)) };
    let next = AtomicUsize::new(0);
    let mut found = if threads < 2 {
        scan_share(proc.as_fd(), &pids, &next, targets)
    } else {
        std::thread::scope(|scope| {
            let other = scope.spawn(|| scan_share(proc.as_fd(), &pids, &next, targets));
            let mut found = scan_share(proc.as_fd(), &pids, &next, targets);
            match other.join() {
                Ok(theirs) => {
                    found.hits.extend(theirs.hits);
                    found.uninspected.extend(theirs.uninspected);
                    found.hidden_scripts.extend(theirs.hidden_scripts);
                    Ok(found)
                }
                Err(_) => Err(Error::ProcUnusable { reason: "a scanning thread failed".to_owned() }),
            }
        })?
    };
    found.hits.sort_by_key(|hit| hit.process);
    found.uninspected.sort_by_key(|it| it.pid);
    Ok(found)
}

/// Opens `/proc`, if it shows the caller under the id that the caller has.
pub(crate) fn open_proc() -> Result<OwnedFd, Error> {
    let unusable = |errno: Errno| Error::ProcUnusable { reason: errno.to_string() };
    let proc = openat(CWD, "/proc", OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
        .map_err(unusable)?;
    let me = readlinkat(&proc, "self", Vec::new()).map_err(unusable)?;
    if me.as_bytes() != DecInt::new(std::process::id()).as_bytes() {
        return Err(Error::ProcUnusable {
            reason: "it shows another PID namespace than the caller's".to_owned(),
        });
    }
    Ok(proc)
}

/// All process ids that `/proc` shows.
pub(crate) fn all_processes() -> Result<Vec<u32>, Error> {
    list_numbers(open_proc()?.as_fd(), &mut vec![MaybeUninit::uninit(); 64 << 10])
        .map_err(|errno| Error::ProcUnusable { reason: errno.to_string() })
}

fn list_numbers(folder: BorrowedFd<'_>, buffer: &mut [MaybeUninit<u8>]) -> Result<Vec<u32>, Errno> {
    let mut numbers = Vec::new();
    let mut entries = RawDir::new(folder, buffer);
    while let Some(entry) = entries.next() {
        numbers.extend(number(entry?.file_name().to_bytes()));
    }
    Ok(numbers)
}

fn number(name: &[u8]) -> Option<u32> {
    std::str::from_utf8(name).ok()?.parse().ok()
}

/// Takes a few processes at a time until all are taken.
fn scan_share(proc: BorrowedFd<'_>, pids: &[u32], next: &AtomicUsize, targets: &Targets) -> Scan {
    const STEP: usize = 8;
    let mut found = Scan::default();
    let mut buffer = vec![MaybeUninit::uninit(); 32 << 10];
    loop {
        let from = next.fetch_add(STEP, Ordering::Relaxed);
        let Some(share) = pids.get(from..).filter(|rest| !rest.is_empty()) else {
            return found;
        };
        for &pid in share.iter().take(STEP) {
            inspect(proc, pid, targets, &mut buffer, &mut found);
        }
    }
}

fn inspect(
    proc: BorrowedFd<'_>,
    pid: u32,
    targets: &Targets,
    buffer: &mut [MaybeUninit<u8>],
    found: &mut Scan,
) {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let Ok(folder) = openat(proc, DecInt::new(pid), flags, Mode::empty()) else { return };
    let folder = folder.as_fd();
    let mut uses = Vec::new();
    let mut refused: Option<(&str, Errno)> = None;
    let mut note = |what: &'static str, result: Result<(), Errno>| match result {
        // The process has ended.
        Ok(()) | Err(Errno::NOENT | Errno::SRCH) => {}
        Err(errno) => refused = refused.or(Some((what, errno))),
    };
    if targets.held {
        note("open files", open_files(folder, targets, buffer, &mut uses));
        note("mappings", mappings(folder, targets, &mut uses));
        note("program", link(folder, "exe", How::Executable, targets, &mut uses));
    }
    if targets.folders {
        note("working directory", link(folder, "cwd", How::WorkingDirectory, targets, &mut uses));
        note("root directory", link(folder, "root", How::RootDirectory, targets, &mut uses));
    }
    if targets.scripts {
        match script_of(folder) {
            Script::File(script) if targets.by_inode.contains_key(&script.file.inode) => {
                let start = Stat::read(folder).map(|stat| stat.start_time);
                // A younger file has taken the place of the one that was read.
                if start.is_some_and(|start| !script.is_younger_than(start)) {
                    targets.mark(script.file, How::Script, &mut uses);
                }
            }
            Script::Hidden(name) => found.hidden_scripts.push(name),
            _ => {}
        }
    }
    if !uses.is_empty() {
        // The same handle, so this is the process that was looked at.
        if let Some(stat) = Stat::read(folder) {
            uses.sort_unstable();
            let process = UniqueProcess { pid, start_time: stat.start_time };
            found.hits.push(Hit { process, name: stat.name, uses });
        }
    }
    if let Some((what, errno)) = refused {
        // A kernel thread's program is no secret and no file; a process that only waits to be reaped has none
        // left.
        if Stat::read(folder).is_some_and(|stat| !stat.is_kernel_thread() && !stat.is_dead()) {
            found.uninspected.push(Uninspected { pid, reason: format!("{what}: {errno}") });
        }
    }
}

fn open_files(
    folder: BorrowedFd<'_>,
    targets: &Targets,
    buffer: &mut [MaybeUninit<u8>],
    uses: &mut Vec<(usize, How)>,
) -> Result<(), Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let files = openat(folder, "fd", flags, Mode::empty())?;
    let mut entries = RawDir::new(&files, buffer);
    while let Some(entry) = entries.next() {
        let entry = entry?;
        if number(entry.file_name().to_bytes()).is_none() {
            continue;
        }
        match identify(files.as_fd(), entry.file_name()) {
            Ok((file, _)) => targets.mark(file, How::Open, uses),
            // Closed meanwhile.
            Err(Errno::NOENT | Errno::SRCH) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

fn link(
    folder: BorrowedFd<'_>,
    name: &str,
    how: How,
    targets: &Targets,
    uses: &mut Vec<(usize, How)>,
) -> Result<(), Errno> {
    let (file, _) = identify(folder, name)?;
    targets.mark(file, how, uses);
    Ok(())
}

fn mappings(folder: BorrowedFd<'_>, targets: &Targets, uses: &mut Vec<(usize, How)>) -> Result<(), Errno> {
    let mut candidates: Vec<Mapping> = Vec::new();
    mapping::each(folder, |mapping| {
        let seen = |other: &Mapping| other.file == mapping.file;
        if targets.by_inode.contains_key(&mapping.file.inode) && !candidates.iter().any(seen) {
            candidates.push(mapping);
        }
    })?;
    for mapping in candidates {
        targets.mark(confirmed(folder, mapping), How::Mapped, uses);
    }
    Ok(())
}

/// The identity of a mapped file as stat gives it, which on btrfs is not what the mapping says.
fn confirmed(folder: BorrowedFd<'_>, mapping: Mapping) -> FileId {
    // Only file systems without a device of their own number their devices by mount or subvolume.
    if mapping.file.major != 0 {
        return mapping.file;
    }
    // Needs CAP_SYS_ADMIN or CAP_CHECKPOINT_RESTORE.
    if let Ok((file, _)) = identify(folder, format!("map_files/{:x}-{:x}", mapping.start, mapping.end)) {
        return file;
    }
    let seen = mapping::path_at(folder, mapping.start).ok().flatten().unwrap_or_default();
    if seen.first() != Some(&b'/') || seen.ends_with(b" (deleted)") {
        return mapping.file;
    }
    // As the process itself would reach it, in its own mount namespace.
    let mut path = b"root".to_vec();
    path.extend(seen);
    match identify(folder, path.as_slice()) {
        // Another inode: the path has been replaced since.
        Ok((file, _)) if file.inode == mapping.file.inode => file,
        _ => mapping.file,
    }
}

/// What is beneath a folder, itself included. More than this many entries are not looked at.
const FOLDER_LIMIT: usize = 1_000_000;

/// Adds a folder and everything beneath it on the same file system.
///
/// # Errors
/// Why a part of it could not be read; what could be is added all the same.
pub(crate) fn add_folder(targets: &mut Targets, folder: &Path, index: usize) -> Result<(), String> {
    targets.folders = true;
    targets.scripts = true;
    let (own, _) = identify(CWD, folder).map_err(|errno| errno.to_string())?;
    targets.add(own, index);
    let mut trouble = None;
    let mut left: Vec<PathBuf> = vec![folder.to_owned()];
    let mut count = 0_usize;
    let mut buffer = vec![MaybeUninit::uninit(); 32 << 10];
    while let Some(path) = left.pop() {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        // The named folder itself may be a link, nothing beneath it is followed.
        let flags = if count == 0 { flags - OFlags::NOFOLLOW } else { flags };
        let opened = openat(CWD, &path, flags, Mode::empty());
        let handle = match opened {
            Ok(handle) => handle,
            Err(errno) => {
                trouble.get_or_insert_with(|| format!("{}: {errno}", path.display()));
                continue;
            }
        };
        let mut entries = RawDir::new(&handle, &mut buffer);
        while let Some(entry) = entries.next() {
            let Ok(entry) = entry else { break };
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            count += 1;
            if count > FOLDER_LIMIT {
                return Err(format!("more than {FOLDER_LIMIT} files"));
            }
            let Ok((file, is_folder)) = identify_itself(handle.as_fd(), name) else { continue };
            targets.add(file, index);
            if is_folder && (file.major, file.minor) == (own.major, own.minor) {
                left.push(path.join(std::ffi::OsStr::from_bytes(name.to_bytes())));
            }
        }
        count = count.max(1);
    }
    trouble.map_or(Ok(()), Err)
}

/// The identity of a folder's entry, a link not followed.
fn identify_itself(folder: BorrowedFd<'_>, name: &std::ffi::CStr) -> Result<(FileId, bool), Errno> {
    use rustix::fs::{AtFlags, FileType, StatxFlags, statx};
    let flags = AtFlags::STATX_DONT_SYNC | AtFlags::NO_AUTOMOUNT | AtFlags::SYMLINK_NOFOLLOW;
    let stat = statx(folder, name, flags, StatxFlags::TYPE | StatxFlags::INO)?;
    let id = FileId { major: stat.stx_dev_major, minor: stat.stx_dev_minor, inode: stat.stx_ino };
    Ok((id, FileType::from_raw_mode(u32::from(stat.stx_mode)) == FileType::Directory))
}
