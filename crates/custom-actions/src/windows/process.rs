//! One host process: starting it, its hello, saying and hearing frames, each wait with a limit.

use std::fs::File;
use std::io::{self, ErrorKind, PipeReader, PipeWriter, Read, Seek, SeekFrom, Write};
use std::os::fd::AsFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};

use crate::container::in_use;

use super::frame::{self, Frame, LONGEST, Said, VERSION};

/// What of the standard error of a host and its action goes to the log at most, in bytes.
const MOST_STDERR: u64 = 64 << 10;

/// How long a host that was told to end may take; then it is killed.
const QUIT_LIMIT: Duration = Duration::from_secs(3);

/// How long a host may take to let an action's library go.
const TIDY_LIMIT: Duration = Duration::from_secs(2);

/// What a host did that it should not, or did not do.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProcessError {
    #[error("cannot be started: {0}")]
    Start(io::Error),
    #[error("cannot be put into the prefix: {0}")]
    Prefix(io::Error),
    #[error(
        "cannot be started: Wine runs on the prefix, and the folder of its server was removed, so that no program can join it"
    )]
    LostServer,
    #[error("is not started: {}", in_use(*.0))]
    InUse(u32),
    #[error("did not say hello within {seconds} seconds{output}")]
    NoHello { seconds: u64, output: String },
    #[error("ended before it said hello ({status}){output}")]
    NoBeginning { status: Ending, output: String },
    #[error("speaks version {got} of the protocol instead of {VERSION}")]
    Version { got: u32 },
    #[error("is {got} bits wide instead of {expected}")]
    Bits { got: u32, expected: u32 },
    #[error("sent {0}")]
    Frame(#[from] frame::FrameError),
    #[error("sent what nobody asked for: {0}")]
    OutOfTurn(&'static str),
    #[error("ended ({0})")]
    Ended(Ending),
    #[error("did not answer in time")]
    TimedOut,
    #[error("cannot be spoken to: {0}")]
    Channel(io::Error),
    #[error("cannot be told all of {0} bytes")]
    TooLong(usize),
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ending(pub(crate) Option<ExitStatus>);

impl Ending {
    /// The exit status, or the signal as shells show it.
    pub(crate) fn status(self) -> i32 {
        self.0.map_or(-1, |it| it.code().unwrap_or_else(|| 128 + it.signal().unwrap_or_default()))
    }

    /// The signal that ended it.
    pub(crate) fn signal(self) -> Option<i32> {
        self.0.and_then(|it| it.signal())
    }
}

impl std::fmt::Display for Ending {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Some(status) => write!(f, "{status}"),
            None => f.write_str("it runs still and has closed the channel"),
        }
    }
}

/// A running host. It is killed when this is dropped, unless it was told to quit.
#[derive(Debug)]
pub(crate) struct HostProcess {
    child: Child,
    input: PipeWriter,
    output: PipeReader,
    /// What it and its action print.
    printed: File,
    /// What of that was told, in bytes.
    told: u64,
    /// Bytes of frames that are not whole yet.
    received: Vec<u8>,
    /// Its process id for Windows.
    pub(crate) windows_pid: u32,
}

impl HostProcess {
    /// Starts a host and waits for its hello.
    pub(crate) fn start(mut command: Command, bits: u32, limit: Duration) -> Result<Self, ProcessError> {
        let start = ProcessError::Start;
        let (theirs_in, input) = io::pipe().map_err(start)?;
        let (output, theirs_out) = io::pipe().map_err(start)?;
        // Not a pipe: what an action leaves running holds it for as long as it lives.
        let printed = tempfile::tempfile().map_err(start)?;
        command
            .stdin(theirs_in)
            .stdout(theirs_out)
            .stderr(printed.try_clone().map_err(start)?)
            .process_group(0);
        end_with_parent(&mut command);
        let child = command.spawn().map_err(start)?;
        // It holds the other ends.
        drop(command);
        let mut host = Self { child, input, output, printed, told: 0, received: Vec::new(), windows_pid: 0 };
        for pipe in [host.input.as_fd(), host.output.as_fd()] {
            rustix::io::ioctl_fionbio(pipe, true).map_err(|error| start(error.into()))?;
        }
        match host.hear(Instant::now() + limit) {
            Ok(Said::Hello { version, .. }) if version != VERSION => {
                Err(ProcessError::Version { got: version })
            }
            Ok(Said::Hello { bits: got, .. }) if got != bits => {
                Err(ProcessError::Bits { got, expected: bits })
            }
            Ok(Said::Hello { pid, .. }) => {
                host.windows_pid = pid;
                Ok(host)
            }
            Ok(_) => Err(ProcessError::OutOfTurn("something before its hello")),
            Err(ProcessError::Ended(status)) => {
                Err(ProcessError::NoBeginning { status, output: host.excuse() })
            }
            Err(ProcessError::TimedOut) => {
                let seconds = limit.as_secs();
                host.kill();
                Err(ProcessError::NoHello { seconds, output: host.excuse() })
            }
            Err(error) => Err(error),
        }
    }

    /// Its process id here.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a frame.
    pub(crate) fn say(&mut self, frame: Frame, deadline: Instant) -> Result<(), ProcessError> {
        let bytes = frame.finish().ok_or(ProcessError::TooLong(LONGEST))?;
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            match self.input.write(rest) {
                Ok(count) => rest = rest.get(count..).unwrap_or_default(),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    wait(self.input.as_fd(), PollFlags::OUT, deadline)?;
                }
                Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                    return Err(ProcessError::Ended(self.ending()));
                }
                Err(error) => return Err(ProcessError::Channel(error)),
            }
        }
        Ok(())
    }

    /// Waits until it has said something, or has ended, or it is this time; whether there is something to hear.
    pub(crate) fn has_said(&mut self, until: Instant) -> Result<bool, ProcessError> {
        if !self.received.is_empty() {
            return Ok(true);
        }
        let left = until.saturating_duration_since(Instant::now());
        wait_for(self.output.as_fd(), PollFlags::IN, left)
    }

    /// Waits for a frame.
    pub(crate) fn hear(&mut self, deadline: Instant) -> Result<Said, ProcessError> {
        loop {
            if let Some(said) = self.whole_frame()? {
                return Ok(said);
            }
            // Also when there is always something to read.
            if Instant::now() >= deadline {
                return Err(ProcessError::TimedOut);
            }
            let mut buffer = [0; 64 << 10];
            match self.output.read(&mut buffer) {
                Ok(0) => return Err(ProcessError::Ended(self.ending())),
                Ok(count) => self.received.extend(buffer.iter().take(count)),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    wait(self.output.as_fd(), PollFlags::IN, deadline)?;
                }
                Err(error) => return Err(ProcessError::Channel(error)),
            }
        }
    }

    fn whole_frame(&mut self) -> Result<Option<Said>, ProcessError> {
        let Some(length) = self.received.first_chunk::<4>() else { return Ok(None) };
        let wrong = frame::FrameError::Length { length: u32::from_le_bytes(*length).into() };
        let length = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX);
        if length == 0 || length > LONGEST + 1 {
            return Err(wrong.into());
        }
        let Some(frame) = self.received.get(4..4 + length) else { return Ok(None) };
        let said = match frame {
            [kind, content @ ..] => frame::read(*kind, content)?,
            [] => return Ok(None),
        };
        self.received.drain(..4 + length);
        Ok(Some(said))
    }

    /// How it ended, once it has closed the channel.
    fn ending(&mut self) -> Ending {
        let limit = Instant::now() + QUIT_LIMIT;
        loop {
            match self.child.try_wait() {
                Ok(None) if Instant::now() < limit => std::thread::sleep(Duration::from_millis(2)),
                Ok(status) => return Ending(status),
                Err(_) => return Ending(None),
            }
        }
    }

    /// Ends it at once.
    pub(crate) fn kill(&mut self) {
        // Only itself: its process group has the services of Wine, when it was the first to start.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Has it let go of the library that it has called; whether it is again as it was before, and so may call another one.
    pub(crate) fn tidy_up(&mut self) -> bool {
        let deadline = Instant::now() + TIDY_LIMIT;
        if self.say(Frame::new(b'T'), deadline).is_err() {
            return false;
        }
        loop {
            match self.hear(deadline) {
                // What a library says on its way out is said in nobody's name.
                Ok(Said::Line(_)) => {}
                Ok(Said::Done(0)) => return self.received.is_empty(),
                _ => return false,
            }
        }
    }

    /// Whether it runs.
    pub(crate) fn runs(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Tells it to end.
    pub(crate) fn quit(mut self) {
        if self.say(Frame::new(b'Q'), Instant::now() + QUIT_LIMIT).is_ok() {
            let _ = self.ending();
        }
    }

    /// Gives what it printed, line by line.
    pub(crate) fn printed_lines(&mut self, output: &mut dyn FnMut(&str)) {
        for line in self.printed_text().lines().filter(|line| !line.trim().is_empty()) {
            output(line);
        }
    }

    fn printed_text(&mut self) -> String {
        let mut bytes = Vec::new();
        let read = self.printed.seek(SeekFrom::Start(self.told));
        let _ = read.and_then(|_| (&self.printed).take(MOST_STDERR).read_to_end(&mut bytes));
        // It shares this place in the file, and goes on to write at the end.
        self.told = self.printed.seek(SeekFrom::End(0)).unwrap_or(self.told);
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// What it printed before it failed, for an error's message.
    fn excuse(&mut self) -> String {
        let text = self.printed_text();
        let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).take(3).collect();
        if lines.is_empty() { String::new() } else { format!(": {}", lines.join("; ")) }
    }
}

impl Drop for HostProcess {
    fn drop(&mut self) {
        self.kill();
    }
}

fn wait(fd: std::os::fd::BorrowedFd<'_>, flags: PollFlags, deadline: Instant) -> Result<(), ProcessError> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Err(ProcessError::TimedOut);
    }
    wait_for(fd, flags, left).map(drop)
}

/// Waits for as long at most; whether it is as far.
fn wait_for(fd: std::os::fd::BorrowedFd<'_>, flags: PollFlags, left: Duration) -> Result<bool, ProcessError> {
    let timeout =
        Timespec { tv_sec: left.as_secs().min(3600).cast_signed(), tv_nsec: left.subsec_nanos().into() };
    match rustix::event::poll(&mut [PollFd::from_borrowed_fd(fd, flags)], Some(&timeout)) {
        Ok(ready) => Ok(ready > 0),
        Err(rustix::io::Errno::INTR) => Ok(false),
        Err(error) => Err(ProcessError::Channel(error.into())),
    }
}

/// Has the kernel end the program when the installer ends: an action that computes for ever would not notice.
#[allow(unsafe_code)]
fn end_with_parent(command: &mut Command) {
    let before_exec = || {
        rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
        Ok(())
    };
    // SAFETY: between fork and exec only async-signal-safe calls are allowed: this is one plain system call.
    unsafe { command.pre_exec(before_exec) };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(script: &str) -> Result<HostProcess, ProcessError> {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]);
        HostProcess::start(command, 64, Duration::from_secs(20))
    }

    /// A hello of version 1, 64 bit, process 32.
    const HELLO: &str = r"printf '\015\0\0\0H\001\0\0\0\100\0\0\0\040\0\0\0'; ";

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(20)
    }

    #[test]
    fn a_host_says_hello_and_is_told_to_quit() {
        let host = start(&format!("{HELLO} cat >/dev/null")).unwrap();
        assert_eq!(host.windows_pid, 32);
        host.quit();
    }

    #[test]
    fn another_version_or_width_is_refused() {
        let other = HELLO.replace(r"H\001", r"H\002");
        assert!(matches!(start(&other), Err(ProcessError::Version { got: 2 })));
        let narrow = HELLO.replace(r"\100", r"\040");
        assert!(matches!(start(&narrow), Err(ProcessError::Bits { got: 32, expected: 64 })));
    }

    #[test]
    fn a_host_that_ends_without_a_hello_is_reported_with_its_words() {
        let error = start("echo 'no 32-bit support' >&2; exit 0").unwrap_err();
        assert_eq!(error.to_string(), "ended before it said hello (exit status: 0): no 32-bit support");
    }

    #[test]
    fn a_host_that_says_nothing_is_given_up() {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "exec sleep 60"]);
        let error = HostProcess::start(command, 64, Duration::from_millis(50)).unwrap_err();
        assert!(matches!(error, ProcessError::NoHello { .. }), "{error}");
    }

    #[test]
    fn garbage_and_frames_that_are_too_long_are_refused() {
        for (script, expected) in [
            (r"printf '\0\0\0\0'", "sent a frame of 0 bytes"),
            (r"printf '\377\377\377\377'", "sent a frame of 4294967295 bytes"),
            (r"printf '\001\0\0\0?'", "sent a frame of unknown kind 0x3f"),
            (r"printf '\003\0\0\0Dxy'", "sent a frame 'D' that ends too early"),
            ("echo 'Hello, world'", "sent a frame of 1819043144 bytes"),
        ] {
            let mut host = start(&format!("{HELLO} {script}; cat >/dev/null")).unwrap();
            assert_eq!(host.hear(soon()).unwrap_err().to_string(), expected);
        }
    }

    #[test]
    fn a_flood_ends_with_the_time_limit() {
        let mut host = start(&format!(r"{HELLO} while :; do printf '\005\0\0\0L\0\0\0\0'; done")).unwrap();
        let deadline = Instant::now() + Duration::from_millis(100);
        let error = loop {
            if let Err(error) = host.hear(deadline) {
                break error;
            }
            if Instant::now() > deadline + Duration::from_secs(10) {
                panic!("the flood goes on");
            }
        };
        assert!(matches!(error, ProcessError::TimedOut), "{error}");
    }

    #[test]
    fn a_host_that_does_not_listen_is_not_waited_for() {
        let mut host = start(&format!("{HELLO} exec sleep 60")).unwrap();
        let error = host.say(Frame::new(b'M').raw(&[0; 1 << 20]), Instant::now() + Duration::from_millis(50));
        assert!(matches!(error, Err(ProcessError::TimedOut)));
    }

    #[test]
    fn a_killed_host_is_reported_with_its_signal() {
        let mut host = start(&format!("{HELLO} kill -9 $$")).unwrap();
        match host.hear(soon()) {
            Err(ProcessError::Ended(ending)) => assert_eq!(ending.signal(), Some(9)),
            other => panic!("{other:?}"),
        }
    }
}
