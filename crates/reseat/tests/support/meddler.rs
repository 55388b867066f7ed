//! Runs a program and meddles with its system calls: the n-th one that changes something fails, or all from there on do,
//! or the program is killed there.
//!
//! A seccomp filter hands every such call to this process, which counts it and lets it pass, answers it with an error, or
//! kills the program before it is done. So it does not matter which library makes the call. Calls of programs that
//! the program starts pass uncounted.

#![allow(unsafe_code)]

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use super::Ran;

/// What happens to the calls of a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meddling {
    /// They are counted.
    Nothing,
    /// The call with this number, from 1, fails.
    Fail(u64, i32),
    /// This call and all after it fail.
    FailFrom(u64, i32),
    /// The program is killed before this call.
    Kill(u64),
}

/// A program that has ended.
pub struct Meddled {
    pub ran: Ran,
    /// How many calls would change something.
    pub calls: u64,
    /// The call that failed, or at which the program was killed; none if it did not come so far.
    pub hit: Option<String>,
}

/// The errors that calls are failed with.
pub const ERRORS: [(&str, i32); 4] =
    [("ENOSPC", libc::ENOSPC), ("EIO", libc::EIO), ("EACCES", libc::EACCES), ("EMFILE", libc::EMFILE)];

/// A program that takes longer hangs.
const LONGEST: Duration = Duration::from_secs(60);

/// Which argument of a call says whether it changes something.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Matters {
    Always,
    /// Flags of opening: whether it is for writing.
    OpenFlags(u8),
    /// A pointer to `struct open_how`.
    OpenHow,
    /// A file descriptor above standard error.
    File,
}

const CALLS: &[(&str, libc::c_long, Matters)] = &[
    ("openat", libc::SYS_openat, Matters::OpenFlags(2)),
    ("openat2", libc::SYS_openat2, Matters::OpenHow),
    ("write", libc::SYS_write, Matters::File),
    ("writev", libc::SYS_writev, Matters::File),
    ("pwrite64", libc::SYS_pwrite64, Matters::File),
    ("pwritev", libc::SYS_pwritev, Matters::File),
    ("copy_file_range", libc::SYS_copy_file_range, Matters::Always),
    ("sendfile", libc::SYS_sendfile, Matters::Always),
    ("splice", libc::SYS_splice, Matters::Always),
    ("fsync", libc::SYS_fsync, Matters::Always),
    ("fdatasync", libc::SYS_fdatasync, Matters::Always),
    ("syncfs", libc::SYS_syncfs, Matters::Always),
    ("sync_file_range", libc::SYS_sync_file_range, Matters::Always),
    ("ftruncate", libc::SYS_ftruncate, Matters::Always),
    ("truncate", libc::SYS_truncate, Matters::Always),
    ("fallocate", libc::SYS_fallocate, Matters::Always),
    ("renameat", libc::SYS_renameat, Matters::Always),
    ("renameat2", libc::SYS_renameat2, Matters::Always),
    ("linkat", libc::SYS_linkat, Matters::Always),
    ("symlinkat", libc::SYS_symlinkat, Matters::Always),
    ("unlinkat", libc::SYS_unlinkat, Matters::Always),
    ("mkdirat", libc::SYS_mkdirat, Matters::Always),
    ("mknodat", libc::SYS_mknodat, Matters::Always),
    ("fchmod", libc::SYS_fchmod, Matters::Always),
    ("fchmodat", libc::SYS_fchmodat, Matters::Always),
    ("fchown", libc::SYS_fchown, Matters::Always),
    ("fchownat", libc::SYS_fchownat, Matters::Always),
    ("utimensat", libc::SYS_utimensat, Matters::Always),
    ("setxattr", libc::SYS_setxattr, Matters::Always),
    ("fsetxattr", libc::SYS_fsetxattr, Matters::Always),
    #[cfg(target_arch = "x86_64")]
    ("open", libc::SYS_open, Matters::OpenFlags(1)),
    #[cfg(target_arch = "x86_64")]
    ("creat", libc::SYS_creat, Matters::Always),
    #[cfg(target_arch = "x86_64")]
    ("rename", libc::SYS_rename, Matters::Always),
    #[cfg(target_arch = "x86_64")]
    ("link", libc::SYS_link, Matters::Always),
    #[cfg(target_arch = "x86_64")]
    ("symlink", libc::SYS_symlink, Matters::Always),
    #[cfg(target_arch = "x86_64")]
    ("unlink", libc::SYS_unlink, Matters::Always),
    #[cfg(target_arch = "x86_64")]
    ("mkdir", libc::SYS_mkdir, Matters::Always),
    #[cfg(target_arch = "x86_64")]
    ("rmdir", libc::SYS_rmdir, Matters::Always),
    #[cfg(target_arch = "x86_64")]
    ("chmod", libc::SYS_chmod, Matters::Always),
];

const WRITING: u32 = (libc::O_WRONLY | libc::O_RDWR | libc::O_CREAT | libc::O_TRUNC) as u32;

/// Whether programs can be meddled with here.
pub fn is_possible() -> bool {
    match run(&mut Command::new("true"), Meddling::Nothing) {
        Ok(_) => true,
        Err(error) => {
            assert!(std::env::var("CI").as_deref() != Ok("true"), "system calls cannot be caught: {error}");
            println!("SKIPPED: system calls cannot be caught here: {error}");
            false
        }
    }
}

/// Runs a program to its end, whatever that is.
pub fn run(command: &mut Command, meddling: Meddling) -> io::Result<Meddled> {
    let (mut out, mut err) = (tempfile::tempfile()?, tempfile::tempfile()?);
    command.stdout(out.try_clone()?).stderr(err.try_clone()?);
    let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
    let filter = filter();
    let sending = theirs.as_raw_fd();
    // SAFETY: between fork and exec only system calls are made; the filter's memory was allocated before.
    unsafe {
        command.pre_exec(move || {
            let listener = install(&filter)?;
            let sent = send_handle(sending, listener);
            libc::close(listener);
            sent
        });
    }
    let mut child = command.spawn()?;
    drop(theirs);
    let (calls, hit) = match receive_handle(ours.as_raw_fd()).and_then(|it| serve(&mut child, &it, meddling))
    {
        Ok(served) => served,
        Err(error) => {
            let _ = child.kill();
            let _ = child.wait();
            return Err(error);
        }
    };
    let status = child.wait()?;
    let mut texts = [String::new(), String::new()];
    for (file, text) in [&mut out, &mut err].into_iter().zip(&mut texts) {
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(0))?;
        file.read_to_end(&mut bytes)?;
        *text = String::from_utf8_lossy(&bytes).into_owned();
    }
    let [out, err] = texts;
    Ok(Meddled { ran: Ran { status, out, err }, calls, hit })
}

/// The filter: calls that may change something go to the supervisor, all others pass.
fn filter() -> Vec<libc::sock_filter> {
    // Offsets in struct seccomp_data; of arguments the lower half, as on all machines that Linux is usual on.
    let argument = |index: u8| 16 + 8 * u32::from(index);
    let load = |offset| libc::sock_filter {
        code: (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16,
        jt: 0,
        jf: 0,
        k: offset,
    };
    let jump = |kind: u32, k, jt, jf| libc::sock_filter { code: (libc::BPF_JMP | kind) as u16, jt, jf, k };
    let end = |k| libc::sock_filter { code: libc::BPF_RET as u16, jt: 0, jf: 0, k };
    let mut filter = vec![load(0)];
    for (_, number, matters) in CALLS {
        let equal = |others| jump(libc::BPF_JEQ, *number as u32, 0, others);
        match matters {
            Matters::Always | Matters::OpenHow => {
                filter.extend([equal(1), end(libc::SECCOMP_RET_USER_NOTIF)])
            }
            Matters::OpenFlags(index) => filter.extend([
                equal(4),
                load(argument(*index)),
                jump(libc::BPF_JSET, WRITING, 0, 1),
                end(libc::SECCOMP_RET_USER_NOTIF),
                end(libc::SECCOMP_RET_ALLOW),
            ]),
            Matters::File => filter.extend([
                equal(4),
                load(argument(0)),
                jump(libc::BPF_JGT, 2, 0, 1),
                end(libc::SECCOMP_RET_USER_NOTIF),
                end(libc::SECCOMP_RET_ALLOW),
            ]),
        }
    }
    filter.push(end(libc::SECCOMP_RET_ALLOW));
    filter
}

/// Installs the filter in this process, and gives the handle of its supervisor.
fn install(filter: &[libc::sock_filter]) -> io::Result<i32> {
    let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_ptr().cast_mut() };
    // SAFETY: system calls on memory that lives here.
    let listener = unsafe {
        if libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 {
            return Err(io::Error::last_os_error());
        }
        let flags = libc::SECCOMP_FILTER_FLAG_NEW_LISTENER;
        libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, &raw const program)
    };
    if listener < 0 { Err(io::Error::last_os_error()) } else { Ok(listener as i32) }
}

/// Room for one handle as ancillary data, aligned as its header needs it.
#[repr(align(8))]
struct Room([u8; 64]);

fn message(room: &mut Room, part: &mut libc::iovec) -> libc::msghdr {
    // SAFETY: all zeros is an empty message.
    let mut message: libc::msghdr = unsafe { MaybeUninit::zeroed().assume_init() };
    message.msg_iov = part;
    message.msg_iovlen = 1;
    message.msg_control = room.0.as_mut_ptr().cast();
    // SAFETY: arithmetic only.
    message.msg_controllen = unsafe { libc::CMSG_SPACE(size_of::<i32>() as u32) } as _;
    message
}

fn send_handle(socket: i32, handle: i32) -> io::Result<()> {
    let (mut room, mut byte) = (Room([0; 64]), 0_u8);
    let mut part = libc::iovec { iov_base: (&raw mut byte).cast(), iov_len: 1 };
    let message = message(&mut room, &mut part);
    // SAFETY: the room is large enough for a header and one handle, and aligned.
    let sent = unsafe {
        let header = libc::CMSG_FIRSTHDR(&raw const message);
        (*header).cmsg_level = libc::SOL_SOCKET;
        (*header).cmsg_type = libc::SCM_RIGHTS;
        (*header).cmsg_len = libc::CMSG_LEN(size_of::<i32>() as u32) as _;
        libc::CMSG_DATA(header).cast::<i32>().write_unaligned(handle);
        libc::sendmsg(socket, &raw const message, 0)
    };
    if sent < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

fn receive_handle(socket: i32) -> io::Result<OwnedFd> {
    let (mut room, mut byte) = (Room([0; 64]), 0_u8);
    let mut part = libc::iovec { iov_base: (&raw mut byte).cast(), iov_len: 1 };
    let mut message = message(&mut room, &mut part);
    // SAFETY: as for sending; the handle that comes is new and nobody else's.
    unsafe {
        if libc::recvmsg(socket, &raw mut message, libc::MSG_CMSG_CLOEXEC) < 0 {
            return Err(io::Error::last_os_error());
        }
        let header = libc::CMSG_FIRSTHDR(&raw const message);
        if header.is_null() {
            return Err(io::Error::other("no handle came"));
        }
        Ok(OwnedFd::from_raw_fd(libc::CMSG_DATA(header).cast::<i32>().read_unaligned()))
    }
}

/// Answers the calls of a program until it ends.
fn serve(child: &mut Child, listener: &OwnedFd, meddling: Meddling) -> io::Result<(u64, Option<String>)> {
    let begin = Instant::now();
    let (mut count, mut hit) = (0, None);
    let listener = listener.as_raw_fd();
    loop {
        let mut poll = libc::pollfd { fd: listener, events: libc::POLLIN, revents: 0 };
        // SAFETY: one entry.
        let ready = unsafe { libc::poll(&raw mut poll, 1, 20) };
        if begin.elapsed() > LONGEST {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "the program does not end"));
        }
        if ready <= 0 || poll.revents & libc::POLLIN == 0 {
            if child.try_wait()?.is_some() {
                return Ok((count, hit));
            }
            if poll.revents & libc::POLLHUP != 0 {
                std::thread::yield_now();
            }
            continue;
        }
        // SAFETY: all zeros is what the kernel wants here.
        let mut call: libc::seccomp_notif = unsafe { MaybeUninit::zeroed().assume_init() };
        // SAFETY: the structure is that of the request.
        if unsafe { libc::ioctl(listener, libc::SECCOMP_IOCTL_NOTIF_RECV, &raw mut call) } != 0 {
            // Its process was killed meanwhile.
            continue;
        }
        // SAFETY: as above.
        let mut answer: libc::seccomp_notif_resp = unsafe { MaybeUninit::zeroed().assume_init() };
        answer.id = call.id;
        answer.flags = libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE as u32;
        if let Some(text) = counts(child.id(), &call) {
            count += 1;
            let error = match meddling {
                Meddling::Fail(at, error) if count == at => error,
                Meddling::FailFrom(at, error) if count >= at => error,
                Meddling::Kill(at) if count == at => {
                    child.kill()?;
                    return Ok((count, Some(text)));
                }
                _ => 0,
            };
            if error != 0 {
                hit.get_or_insert(text);
                (answer.error, answer.flags) = (-error, 0);
            }
        }
        // SAFETY: the structure is that of the request. It fails when the process was killed meanwhile.
        unsafe { libc::ioctl(listener, libc::SECCOMP_IOCTL_NOTIF_SEND, &raw mut answer) };
    }
}

/// What a call is, if it is one of the program itself that changes something.
fn counts(program: u32, call: &libc::seccomp_notif) -> Option<String> {
    if call.pid != program && !Path::new(&format!("/proc/{program}/task/{}", call.pid)).exists() {
        return None;
    }
    let (name, _, matters) = CALLS.iter().find(|known| known.1 == libc::c_long::from(call.data.nr))?;
    match matters {
        Matters::OpenHow => {
            let mut flags = [0; 8];
            let mut memory = File::open(format!("/proc/{program}/mem")).ok()?;
            memory.seek(SeekFrom::Start(call.data.args[2])).ok()?;
            memory.read_exact(&mut flags).ok()?;
            (u64::from_ne_bytes(flags) & u64::from(WRITING) != 0).then(|| (*name).to_owned())
        }
        Matters::File => {
            // Pipes and sockets carry nothing that lasts.
            let file = std::fs::read_link(format!("/proc/{program}/fd/{}", call.data.args[0])).ok()?;
            file.is_absolute().then(|| format!("{name} {}", file.display()))
        }
        _ => Some((*name).to_owned()),
    }
}
