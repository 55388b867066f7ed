//! The name spaces that Windows code runs in when it is to be in a sandbox, for as long as an installation lasts.
//!
//! Programs of Wine are one with their wineserver, which has the registry and reaches into each of them. So all of Wine is in one
//! container: a user, mount, network, process and IPC name space that bubblewrap makes around a first process, which waits for
//! its end and does nothing. Each host joins them (`nsenter`) and gives its capabilities away (`setpriv`). What the code sees is
//! in `sandbox.rs`; it is arranged once, before any of the code runs, because the code could put links in the way.
//!
//! The wineserver has its socket in the container's `/tmp`, where no program outside looks, as those in the container see no
//! wineserver outside. Two wineservers with one prefix would write over each other's registry: outside, the lock of the prefix is
//! held for as long as the container has Wine. The engine reads and changes the registry through a host in the container. All
//! that was started there ends with the first process.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, PipeReader, Read, Seek, SeekFrom, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use reseat_machine::WineServerLockedOut;
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::FdFlags;
use rustix::process::{Pid, PidfdFlags, Signal};
use tempfile::TempDir;

use crate::sandbox::{self, Sandbox};
use crate::throw_away;
use crate::windows::MountPlace;

/// How long the first process may take to be there.
const BEGIN_LIMIT: Duration = Duration::from_secs(20);

/// How long Wine may take to write the registry and to end.
const WINE_LIMIT: Duration = Duration::from_secs(20);

/// How long a wineserver that nobody needs any more may live on.
const LINGER_LIMIT: Duration = Duration::from_secs(5);

/// What bwrap tells of the first process, and of what went wrong, is short.
const MOST_WORDS: usize = 4096;

/// The name spaces by their names in `/proc` and in the options of `nsenter`.
const SPACES: [(&str, &str); 6] =
    [("user", "user"), ("mnt", "mount"), ("net", "net"), ("ipc", "ipc"), ("uts", "uts"), ("pid", "pid")];

/// The container of an installation, made when something is to run in it.
#[derive(Debug)]
pub(crate) struct Container {
    sandbox: Sandbox,
    prefix: PathBuf,
    place: Mutex<Option<Place>>,
    spaces: Mutex<Option<Spaces>>,
    wine: Mutex<Wine>,
}

/// What is on disk for a container, for as long as it may be made anew.
#[derive(Debug)]
struct Place {
    /// Has what is the container's own; nothing in it is reached by the code, but what is shown to it.
    folder: TempDir,
    /// Where those folders are shown, for Windows programs.
    windows: String,
    /// The words for bwrap that show the prefix.
    view: Vec<OsString>,
    /// How many of the folders have been given away.
    used: usize,
    _mount: Option<MountPlace>,
}

/// The folders of a container into which the engine puts files. Each is shown by itself, so that the code cannot put a link in the
/// place of one.
const SESSION_FOLDERS: [&str; 2] = ["one", "two"];

/// What is known of Wine in the container.
#[derive(Debug, Default)]
struct Wine {
    /// Wines outside are kept from the prefix.
    locked_out: Option<WineServerLockedOut>,
    was_started: bool,
}

/// The name spaces, and the process that holds them.
#[derive(Debug)]
struct Spaces {
    /// Outside, with the first process as its child.
    bubblewrap: Child,
    first: OwnedFd,
    first_pid: u32,
    /// Its end ends the first process too.
    _input: ChildStdin,
    spaces: Vec<(&'static str, File)>,
}

impl Container {
    /// A container of this kind for a prefix, or nothing where there is to be none.
    pub(crate) fn of(sandbox: Sandbox, prefix: &Path) -> Option<Self> {
        let prefix = prefix.to_owned();
        (sandbox != Sandbox::None).then(|| Self {
            sandbox,
            prefix,
            place: Mutex::default(),
            spaces: Mutex::default(),
            wine: Mutex::default(),
        })
    }

    /// A program to be started in it, in this folder, with its words to be added. Makes the name spaces where there are none.
    pub(crate) fn command(&self, program: &Path, folder: &Path) -> io::Result<Command> {
        self.with_spaces(|spaces| spaces.command(program, folder))
    }

    /// A folder for files of the engine's that Windows programs are to find: where it is, and its path for them. There are as
    /// many as those who need one.
    pub(crate) fn session_place(&self) -> io::Result<(PathBuf, String)> {
        self.with_place(|place| {
            let name = SESSION_FOLDERS.get(place.used).ok_or(io::ErrorKind::QuotaExceeded)?;
            place.used += 1;
            Ok((place.folder.path().join(name), format!(r"{}\{name}", place.windows)))
        })
    }

    fn with_place<T>(&self, work: impl FnOnce(&mut Place) -> io::Result<T>) -> io::Result<T> {
        let mut place = self.place.lock().unwrap_or_else(PoisonError::into_inner);
        work(match &mut *place {
            Some(place) => place,
            none => none.insert(Place::make(&self.prefix, self.throws_away())?),
        })
    }

    fn with_spaces<T>(&self, work: impl FnOnce(&Spaces) -> io::Result<T>) -> io::Result<T> {
        let mut spaces = self.spaces();
        if spaces.take_if(|it| it.has_ended()).is_some() {
            tracing::warn!("the sandbox was ended from within; a new one is made");
        }
        let running = match &mut *spaces {
            Some(running) => running,
            none => none.insert(self.make()?),
        };
        work(running)
    }

    fn make(&self) -> io::Result<Spaces> {
        self.with_place(|place| Spaces::make(&place.view))
    }

    /// Why Windows code cannot run in it, as far as that can be told beforehand.
    pub(crate) fn refusal(&self) -> Option<String> {
        if let Some(reason) = throw_away::refusal(&self.prefix).filter(|_| self.throws_away()) {
            return Some(reason.to_owned());
        }
        if let Err(pid) = self.claim() {
            return Some(in_use(pid));
        }
        let tried = self.command(Path::new("true"), Path::new("/")).and_then(|mut command| {
            let output = command.stdin(Stdio::null()).output()?;
            let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            if output.status.success() { Ok(()) } else { Err(io::Error::other(said)) }
        });
        tried.err().map(|error| format!("the sandbox for it cannot be made: {error}"))
    }

    /// Whether what is written to the prefix is forgotten.
    pub(crate) fn throws_away(&self) -> bool {
        self.sandbox == Sandbox::WritesNothing
    }

    /// Has the prefix to itself as far as Wine is concerned. A wineserver outside that is about to end is waited for.
    ///
    /// # Errors
    /// The process id of a wineserver that runs outside.
    pub(crate) fn claim(&self) -> Result<(), u32> {
        if self.throws_away() {
            return Ok(());
        }
        let mut wine = self.wine();
        if let Some(locked_out) = &mut wine.locked_out {
            return locked_out.extend(&self.prefix);
        }
        let until = Instant::now() + LINGER_LIMIT;
        loop {
            match WineServerLockedOut::new(&self.prefix) {
                Ok(locked_out) => wine.locked_out = Some(locked_out),
                Err(_) if Instant::now() < until => {
                    std::thread::sleep(Duration::from_millis(50));
                    continue;
                }
                Err(pid) => return Err(pid),
            }
            return Ok(());
        }
    }

    /// To be called when a program of Wine is about to begin there: from then on its wineserver has the registry.
    pub(crate) fn has_wine(&self) {
        self.wine().was_started = true;
    }

    /// To be called when a program of Wine has begun there. Where Wine has prepared the prefix, it has chosen a place for its lock.
    pub(crate) fn claim_anew(&self) {
        if let Err(pid) = self.claim() {
            tracing::warn!(pid, "a wineserver outside of the sandbox has begun to use the prefix");
        }
    }

    /// Whether a program of Wine has run there.
    pub(crate) fn had_wine(&self) -> bool {
        self.wine().was_started
    }

    /// The process that stands for the wineserver that has the registry of the prefix: the first one of the container.
    pub(crate) fn registry_owner(&self) -> Option<u32> {
        if self.throws_away() || !self.had_wine() {
            return None;
        }
        self.spaces().as_ref().map(|spaces| spaces.first_pid)
    }

    /// Ends all that runs there. Wine writes the registry first.
    pub(crate) fn end(&self) {
        let was_started = std::mem::take(&mut self.wine().was_started);
        let spaces = self.spaces().take();
        if let Some(spaces) = spaces.as_ref().filter(|_| was_started && !self.throws_away())
            && let Err(error) = end_wine(spaces, &self.prefix)
        {
            tracing::warn!(%error, "Wine in the sandbox did not end by itself");
        }
        drop(spaces);
        self.wine().locked_out = None;
    }

    fn spaces(&self) -> MutexGuard<'_, Option<Spaces>> {
        self.spaces.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wine(&self) -> MutexGuard<'_, Wine> {
        self.wine.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        self.end();
    }
}

/// Why no Wine is started beside another one.
pub(crate) fn in_use(pid: u32) -> String {
    format!(
        "Wine uses the prefix outside of the sandbox (wineserver {pid}), and two wineservers would destroy its registry; end its programs first"
    )
}

/// Has the wineserver end, with all programs of Wine.
fn end_wine(spaces: &Spaces, prefix: &Path) -> io::Result<()> {
    let mut command = spaces.command(Path::new("wineserver"), Path::new("/"))?;
    command.arg("-k").env("WINEPREFIX", prefix);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn()?;
    let until = Instant::now() + WINE_LIMIT;
    loop {
        match child.try_wait()? {
            Some(status) if status.success() => return Ok(()),
            Some(status) => return Err(io::Error::other(format!("wineserver -k: {status}"))),
            None if Instant::now() >= until => {
                child.kill()?;
                child.wait()?;
                return Err(io::ErrorKind::TimedOut.into());
            }
            None => std::thread::sleep(Duration::from_millis(5)),
        }
    }
}

impl Place {
    fn make(prefix: &Path, throws_away: bool) -> io::Result<Self> {
        let folder = tempfile::Builder::new().prefix("reseat-sandbox-").tempdir()?;
        let (mut view, mount, above, windows) = if throws_away {
            let view = throw_away::view(prefix, folder.path())?;
            let temp = throw_away::windows_temp(folder.path());
            let above = prefix.join("drive_c/windows/temp");
            // Where they are shown; that it is in the container's own folder is its only use.
            for name in SESSION_FOLDERS {
                std::fs::create_dir(temp.join(name))?;
            }
            (view, None, above, throw_away::WINDOWS_TEMP.to_owned())
        } else {
            let view = vec!["--bind".into(), prefix.into(), prefix.into()];
            let mount = MountPlace::make(prefix)?;
            let (above, windows) = (mount.path().to_owned(), mount.windows_path());
            (view, Some(mount), above, windows)
        };
        for name in SESSION_FOLDERS {
            let own = folder.path().join(name);
            std::fs::create_dir(&own)?;
            view.extend(["--bind".into(), own.into(), above.join(name).into()]);
        }
        Ok(Self { folder, windows, view, used: 0, _mount: mount })
    }
}

impl Spaces {
    /// Makes them; returns when they can be joined.
    fn make(view: &[OsString]) -> io::Result<Self> {
        let (information, theirs) = io::pipe()?;
        let mut errors = tempfile::tempfile()?;
        let mut command = sandbox::bubblewrap();
        sandbox::show_devices(&mut command);
        command.args(["--info-fd", &theirs.as_raw_fd().to_string()]).args(view).args(["--", "cat"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(errors.try_clone()?);
        command.process_group(0);
        inherit(&mut command, vec![theirs.into()]);
        let mut bubblewrap = command.spawn()?;
        // It holds the other end.
        drop(command);
        let begun = begin(&mut bubblewrap, &information).and_then(|(first_pid, input)| {
            let pid =
                i32::try_from(first_pid).ok().and_then(Pid::from_raw).ok_or(io::ErrorKind::InvalidData)?;
            let first = rustix::process::pidfd_open(pid, PidfdFlags::empty())?;
            Ok((first_pid, input, first, name_spaces(first_pid)?))
        });
        match begun {
            Ok((first_pid, input, first, spaces)) => {
                Ok(Self { bubblewrap, first, first_pid, _input: input, spaces })
            }
            Err(error) => {
                let _ = bubblewrap.kill();
                let _ = bubblewrap.wait();
                let mut text = String::new();
                let _ = errors.seek(SeekFrom::Start(0));
                let _ = errors.take(MOST_WORDS as u64).read_to_string(&mut text);
                let text = text.trim();
                Err(if text.is_empty() { error } else { io::Error::other(text.to_owned()) })
            }
        }
    }

    /// A program to be started in them.
    fn command(&self, program: &Path, folder: &Path) -> io::Result<Command> {
        let mut command = Command::new("nsenter");
        command.arg("--preserve-credentials");
        let mut inherited = Vec::new();
        for (option, space) in &self.spaces {
            let space = space.try_clone()?;
            command.arg(format!("--{option}=/proc/self/fd/{}", space.as_raw_fd()));
            inherited.push(space.into());
        }
        // What joins a user name space has all capabilities there.
        command.args(["--", "setpriv", "--no-new-privs", "--bounding-set=-all", "--inh-caps=-all"]);
        // It ends with nsenter, which ends with whoever has started it.
        command.args(["--ambient-caps=-all", "--pdeathsig=KILL", "--"]);
        command.args(["sh", "-c", "cd -- \"$0\" && exec \"$@\""]).args([folder, program]);
        command.env("TMPDIR", "/tmp");
        inherit(&mut command, inherited);
        Ok(command)
    }

    fn has_ended(&mut self) -> bool {
        !matches!(self.bubblewrap.try_wait(), Ok(None))
    }

    /// Ends every process in them: the kernel does that with the first one.
    fn end(&mut self) {
        let _ = rustix::process::pidfd_send_signal(&self.first, Signal::KILL);
        let _ = self.bubblewrap.wait();
    }
}

impl Drop for Spaces {
    fn drop(&mut self) {
        self.end();
    }
}

/// Waits until the first process runs: then it gives back what it is given. Its process id, and its input.
fn begin(bubblewrap: &mut Child, mut information: &PipeReader) -> io::Result<(u32, ChildStdin)> {
    let (Some(mut input), Some(mut output)) = (bubblewrap.stdin.take(), bubblewrap.stdout.take()) else {
        return Err(io::ErrorKind::BrokenPipe.into());
    };
    input.write_all(b"!")?;
    let timeout = Timespec { tv_sec: BEGIN_LIMIT.as_secs().cast_signed(), tv_nsec: 0 };
    if rustix::event::poll(&mut [PollFd::from_borrowed_fd(output.as_fd(), PollFlags::IN)], Some(&timeout))?
        == 0
    {
        return Err(io::ErrorKind::TimedOut.into());
    }
    output.read_exact(&mut [0])?;
    // It was told before the first process began.
    let mut told = [0; MOST_WORDS];
    let length = information.read(&mut told)?;
    let told = String::from_utf8_lossy(told.get(..length).unwrap_or_default()).into_owned();
    let pid = first_process(&told).ok_or_else(|| io::Error::other("bwrap does not tell of its child"))?;
    Ok((pid, input))
}

/// The name spaces of a process. They are pinned: the process id may later be another's.
fn name_spaces(pid: u32) -> io::Result<Vec<(&'static str, File)>> {
    let mut spaces = Vec::new();
    for (name, option) in SPACES {
        let (theirs, ours) = (format!("/proc/{pid}/ns/{name}"), format!("/proc/self/ns/{name}"));
        let space = File::open(theirs)?;
        if space.metadata()?.ino() == std::fs::metadata(ours)?.ino() {
            return Err(io::Error::other(format!("bwrap has made no {option} name space")));
        }
        spaces.push((option, space));
    }
    Ok(spaces)
}

/// The process id of the first process, from what bwrap tells of it (`"child-pid": 123`).
fn first_process(told: &str) -> Option<u32> {
    let (_, rest) = told.split_once("\"child-pid\"")?;
    let digits = rest.trim_start_matches([':', ' ']);
    digits.split(|unit: char| !unit.is_ascii_digit()).next()?.parse().ok()
}

/// Has a program inherit these descriptors under their numbers.
#[allow(unsafe_code)]
fn inherit(command: &mut Command, descriptors: Vec<OwnedFd>) {
    let before_exec = move || {
        for descriptor in &descriptors {
            rustix::io::fcntl_setfd(descriptor, FdFlags::empty())?;
        }
        Ok(())
    };
    // SAFETY: between fork and exec only async-signal-safe calls are allowed: these are plain system calls.
    unsafe { command.pre_exec(before_exec) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_process_is_the_one_that_bubblewrap_tells_of() {
        let told = "{\n    \"child-pid\": 16058,\n    \"ipc-namespace\": 4026532179\n}\n";
        assert_eq!(first_process(told), Some(16058));
        for wrong in ["", "{}", "{\"child-pid\": }", "{\"child-pid\": 99999999999}"] {
            assert_eq!(first_process(wrong), None, "{wrong}");
        }
    }
}
