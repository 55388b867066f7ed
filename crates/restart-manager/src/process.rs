//! A process as a thing that can be told from every other: process id and start time together, and a pidfd to
//! hold on to it.
//!
//! Follows RM_UNIQUE_PROCESS. The start time is field 22 of `/proc/PID/stat`, clock ticks since the system
//! started (proc_pid_stat(5)); `exec` keeps it, a reused process id has another.

use std::ffi::OsString;
use std::fmt;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::sync::OnceLock;

use rustix::fs::{CWD, Mode, OFlags, openat, readlinkat};
use rustix::io::Errno;
use rustix::path::DecInt;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use serde::{Deserialize, Serialize};

/// A process, told apart from a later one with the same id by its start time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct UniqueProcess {
    /// The process id in the PID namespace of `/proc`.
    pub pid: u32,
    /// When the process started, in clock ticks since the system started.
    pub start_time: u64,
}

/// The units of a FILETIME in a second.
const FILE_TIME_SECOND: u64 = 10_000_000;

impl fmt::Display for UniqueProcess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.pid, self.start_time)
    }
}

impl UniqueProcess {
    /// The process that has this id now, if there is one.
    pub fn of(pid: u32) -> Option<UniqueProcess> {
        Some(UniqueProcess { pid, start_time: Stat::of(pid)?.start_time })
    }

    /// The calling process.
    pub fn current() -> Option<UniqueProcess> {
        UniqueProcess::of(std::process::id())
    }

    /// How long after the start of the system it started, in the unit of a FILETIME: 100 ns.
    pub fn file_time(self) -> u64 {
        self.start_time.saturating_mul(FILE_TIME_SECOND / rustix::param::clock_ticks_per_second().max(1))
    }

    /// The process with this id that started so many units of 100 ns after the system; it need not exist.
    pub fn with_file_time(pid: u32, time: u64) -> UniqueProcess {
        let tick = FILE_TIME_SECOND / rustix::param::clock_ticks_per_second().max(1);
        // What lies between two ticks is the start of no process.
        let start_time = if time.is_multiple_of(tick.max(1)) { time / tick.max(1) } else { u64::MAX };
        UniqueProcess { pid, start_time }
    }

    /// Whether this very process still runs; one that only waits to be reaped does not.
    pub fn is_running(self) -> bool {
        Stat::of(self.pid).is_some_and(|stat| stat.start_time == self.start_time && !stat.is_dead())
    }

    /// Holds on to this process, so that a signal cannot reach another one.
    ///
    /// # Errors
    /// `ESRCH` when it is gone or its id was taken by another process.
    pub(crate) fn pin(self) -> Result<PinnedProcess, Errno> {
        let pid = i32::try_from(self.pid).ok().and_then(Pid::from_raw).ok_or(Errno::SRCH)?;
        let fd = pidfd_open(pid, PidfdFlags::empty()).map_err(|errno| match errno {
            // The id of a thread, not of a process.
            Errno::INVAL => Errno::SRCH,
            other => other,
        })?;
        // Only after the pidfd is open does the start time say whom it refers to.
        match Stat::of(self.pid) {
            Some(stat) if stat.start_time == self.start_time => Ok(PinnedProcess { fd }),
            _ => Err(Errno::SRCH),
        }
    }
}

/// A process held by a pidfd (pidfd_open(2)): signals go to it or to nobody.
#[derive(Debug)]
pub(crate) struct PinnedProcess {
    fd: OwnedFd,
}

impl PinnedProcess {
    /// Sends a signal; `Ok(false)` when the process has already ended.
    pub(crate) fn send(&self, signal: Signal) -> Result<bool, Errno> {
        match pidfd_send_signal(&self.fd, signal) {
            Ok(()) => Ok(true),
            Err(Errno::SRCH) => Ok(false),
            Err(errno) => Err(errno),
        }
    }
}

impl AsFd for PinnedProcess {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// What `/proc/PID/stat` says of a process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stat {
    pub(crate) name: String,
    pub(crate) state: u8,
    pub(crate) parent: u32,
    pub(crate) session: u32,
    pub(crate) terminal: i32,
    pub(crate) flags: u32,
    pub(crate) nice: i32,
    pub(crate) threads: i64,
    pub(crate) start_time: u64,
}

/// `PF_KTHREAD` of the kernel.
const KERNEL_THREAD: u32 = 0x0020_0000;

impl Stat {
    /// Reads the stat file of the process with this id.
    pub(crate) fn of(pid: u32) -> Option<Stat> {
        let mut path = String::from("/proc/");
        path.push_str(DecInt::new(pid).as_str());
        let folder =
            openat(CWD, path, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).ok()?;
        Stat::read(folder.as_fd())
    }

    /// Reads the stat file in an open `/proc/PID` folder.
    pub(crate) fn read(folder: BorrowedFd<'_>) -> Option<Stat> {
        Stat::parse(&read_file(folder, "stat", 4096).ok()?)
    }

    /// Reads the text of a stat file. The name in parentheses may itself hold parentheses and line breaks.
    pub(crate) fn parse(text: &[u8]) -> Option<Stat> {
        let open = text.iter().position(|&byte| byte == b'(')?;
        let close = text.iter().rposition(|&byte| byte == b')')?;
        let name = String::from_utf8_lossy(text.get(open + 1..close)?).into_owned();
        let rest = std::str::from_utf8(text.get(close + 1..)?).ok()?;
        let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
        // The first field after the name is the third of the manual page.
        let field = |number: usize| fields.get(number - 3).copied();
        Some(Stat {
            name,
            state: *field(3)?.as_bytes().first()?,
            parent: field(4)?.parse().ok()?,
            session: field(6)?.parse().ok()?,
            terminal: field(7)?.parse().ok()?,
            flags: field(9)?.parse().ok()?,
            nice: field(19)?.parse().ok()?,
            threads: field(20)?.parse().ok()?,
            start_time: field(22)?.parse().ok()?,
        })
    }

    pub(crate) fn is_kernel_thread(&self) -> bool {
        self.flags & KERNEL_THREAD != 0
    }

    /// Ended already, only not reaped by its parent. A first thread that has ended before the others looks
    /// alike.
    pub(crate) fn is_dead(&self) -> bool {
        matches!(self.state, b'Z' | b'X' | b'x') && self.threads <= 1
    }
}

/// Whom a process runs as, and how it creates files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Credentials {
    /// The effective user.
    pub(crate) user: u32,
    /// Whether real, effective and saved user are the same.
    pub(crate) plain: bool,
    pub(crate) umask: u32,
}

impl Credentials {
    pub(crate) fn read(folder: BorrowedFd<'_>) -> Option<Credentials> {
        let text = read_file(folder, "status", 1 << 16).ok()?;
        let text = String::from_utf8_lossy(&text);
        let line = |name: &str| text.lines().find_map(|line| line.strip_prefix(name));
        let users: Vec<u32> =
            line("Uid:")?.split_ascii_whitespace().filter_map(|it| it.parse().ok()).collect();
        let umask = line("Umask:").and_then(|it| u32::from_str_radix(it.trim(), 8).ok()).unwrap_or(0o022);
        let user = *users.get(1)?;
        Some(Credentials { user, plain: users.iter().all(|&other| other == user), umask })
    }
}

/// The path of the program that a process runs, also when that file has been replaced since.
pub(crate) fn program_path(folder: BorrowedFd<'_>) -> Result<PathBuf, Errno> {
    let mut path = readlinkat(folder, "exe", Vec::new())?.into_bytes();
    let replaced = b" (deleted)";
    if path.ends_with(replaced) {
        path.truncate(path.len() - replaced.len());
    }
    Ok(PathBuf::from(OsString::from_vec(path)))
}

/// Names the current boot: start times of another boot mean nothing.
pub(crate) fn boot_id() -> String {
    static BOOT: OnceLock<String> = OnceLock::new();
    let read =
        || std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned();
    BOOT.get_or_init(read).clone()
}

/// The time since the system started in the clock ticks of [`UniqueProcess::start_time`], rounded down; zero
/// if unknown.
pub(crate) fn ticks_since_boot() -> u64 {
    let text = std::fs::read_to_string("/proc/uptime").unwrap_or_default();
    // Seconds with two decimals.
    let Some((seconds, hundredths)) = text.split_ascii_whitespace().next().and_then(|it| it.split_once('.'))
    else {
        return 0;
    };
    let (seconds, hundredths): (u64, u64) =
        (seconds.parse().unwrap_or_default(), hundredths.parse().unwrap_or_default());
    let per_second = rustix::param::clock_ticks_per_second();
    (seconds * per_second + hundredths * per_second / 100).saturating_sub(1)
}

/// Reads a file of `/proc/PID`, at most `limit` bytes of it.
pub(crate) fn read_file(folder: BorrowedFd<'_>, name: &str, limit: usize) -> Result<Vec<u8>, Errno> {
    let file = openat(folder, name, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    let mut content = Vec::new();
    let mut chunk = [0_u8; 4096];
    while content.len() < limit {
        let count = match rustix::io::read(&file, &mut chunk) {
            Ok(count) => count,
            Err(Errno::INTR) => continue,
            Err(errno) => return Err(errno),
        };
        if count == 0 {
            break;
        }
        let room = count.min(limit - content.len());
        content.extend_from_slice(chunk.get(..room).unwrap_or_default());
    }
    Ok(content)
}

/// The calling process and all its ancestors that `/proc` shows.
pub(crate) fn lineage(of: u32) -> Vec<u32> {
    let mut found = Vec::new();
    let mut pid = of;
    // Reading one parent after the other races with reparenting: a limit and a check end every cycle.
    while pid != 0 && found.len() < 4096 && !found.contains(&pid) {
        found.push(pid);
        match Stat::of(pid) {
            Some(stat) => pid = stat.parent,
            None => break,
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_and_a_line_break_does_not_shift_the_fields() {
        let text = b"77 (a) b\n(c) S 1 77 77 34816 77 4194304 1 0 0 0 0 0 0 0 25 5 1 0 4242 1 2 3\n";
        let stat = Stat::parse(text).unwrap();
        assert_eq!(stat.name, "a) b\n(c");
        assert_eq!((stat.parent, stat.terminal, stat.nice, stat.start_time), (1, 34816, 5, 4242));
    }

    #[test]
    fn a_stat_file_cut_anywhere_is_no_process_and_no_panic() {
        let text = b"77 (sh) S 1 77 77 34816 77 4194304 1 0 0 0 0 0 0 0 25 5 1 0 4242";
        for length in 0..text.len() - 4 {
            assert_eq!(Stat::parse(&text[..length]), None, "cut at {length}");
        }
    }

    #[test]
    fn the_caller_is_running_and_its_own_first_ancestor() {
        let me = UniqueProcess::current().unwrap();
        assert!(me.is_running());
        assert_eq!(lineage(me.pid).first(), Some(&me.pid));
        assert!(me.pin().is_ok());
    }

    #[test]
    fn a_reused_process_id_is_another_process() {
        let me = UniqueProcess::current().unwrap();
        let earlier = UniqueProcess { start_time: me.start_time.wrapping_sub(1), ..me };
        assert!(!earlier.is_running());
        assert_eq!(earlier.pin().unwrap_err(), Errno::SRCH);
    }
}
