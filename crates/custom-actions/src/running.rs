//! A program of this machine that runs: its output in lines, its end, its time limit.

use std::io::{self, PipeReader, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::Child;
use std::time::{Duration, Instant};

use reseat_engine::{CallResult, Functions, HostError, RunningCode};
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::process::{Pid, PidfdFlags, Signal};
use tempfile::TempPath;

/// What of a line is kept at most, in bytes; the rest of a longer line follows as the next one.
const LONGEST_LINE: usize = 4096;

/// A program that was started.
pub(crate) struct RunningProgram {
    child: Child,
    pidfd: OwnedFd,
    pipe: PipeReader,
    /// Whether more may come from the pipe.
    is_open: bool,
    has_ended: bool,
    lines: Lines,
    /// What it is called in messages.
    shown: PathBuf,
    deadline: Instant,
    limit: Duration,
    /// Its file, when that is to go with it.
    _file: Option<TempPath>,
}

impl RunningProgram {
    /// A program whose output comes through this pipe. It leads a process group of its own.
    pub(crate) fn new(
        child: Child,
        pipe: PipeReader,
        shown: PathBuf,
        limit: Duration,
        file: Option<TempPath>,
    ) -> Result<Self, HostError> {
        let failed = |source: io::Error| HostError::Start { program: shown.clone(), source };
        let pidfd = rustix::process::pidfd_open(Pid::from_child(&child), PidfdFlags::empty())
            .map_err(|error| failed(error.into()))?;
        rustix::io::ioctl_fionbio(&pipe, true).map_err(|error| failed(error.into()))?;
        Ok(Self {
            child,
            pidfd,
            pipe,
            is_open: true,
            has_ended: false,
            lines: Lines::default(),
            shown,
            deadline: Instant::now() + limit,
            limit,
            _file: file,
        })
    }

    fn failed(&self, source: io::Error) -> HostError {
        HostError::Start { program: self.shown.clone(), source }
    }

    /// Waits until it has ended, has said something, or it is this time; whether it has ended.
    fn wait(&self, until: Instant) -> io::Result<bool> {
        let left = until.saturating_duration_since(Instant::now());
        let mut waiting = vec![PollFd::from_borrowed_fd(self.pidfd.as_fd(), PollFlags::IN)];
        if self.is_open {
            waiting.push(PollFd::from_borrowed_fd(self.pipe.as_fd(), PollFlags::IN));
        }
        let timeout =
            Timespec { tv_sec: left.as_secs().min(3600) as i64, tv_nsec: left.subsec_nanos().into() };
        match rustix::event::poll(&mut waiting, Some(&timeout)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(waiting.first().is_some_and(|fd| !fd.revents().is_empty()))
    }

    /// Ends its whole group, so that nothing of it goes on working behind the installation's back.
    fn kill(&mut self) {
        let _ = rustix::process::kill_process_group(Pid::from_child(&self.child), Signal::KILL);
        let _ = self.child.wait();
        self.has_ended = true;
    }
}

impl RunningCode for RunningProgram {
    fn serve(
        &mut self,
        _functions: &mut dyn Functions,
        output: &mut dyn FnMut(&str),
        until: Instant,
    ) -> Result<Option<CallResult>, HostError> {
        loop {
            if Instant::now() >= self.deadline {
                self.kill();
                return Err(HostError::TimedOut {
                    program: self.shown.clone(),
                    seconds: self.limit.as_secs(),
                });
            }
            let ended = self.wait(until.min(self.deadline)).map_err(|error| self.failed(error))?;
            // A child that it leaves behind may hold the pipe for ever: what is there is read, its end is not awaited.
            if self.is_open {
                self.is_open = self.lines.read(&mut self.pipe, output).map_err(|error| self.failed(error))?;
            }
            if ended {
                break;
            }
            if Instant::now() >= until {
                return Ok(None);
            }
        }
        self.lines.finish(output);
        let status = self.child.wait().map_err(|error| self.failed(error))?;
        self.has_ended = true;
        Ok(Some(match (status.code(), status.signal()) {
            (Some(code), _) => CallResult::Exited(code),
            (None, signal) => CallResult::Killed(signal.unwrap_or_default()),
        }))
    }
}

impl Drop for RunningProgram {
    fn drop(&mut self) {
        if !self.has_ended {
            self.kill();
        }
    }
}

/// Output cut into lines.
#[derive(Default)]
struct Lines {
    rest: Vec<u8>,
}

impl Lines {
    /// Reads what there is; whether more may come.
    fn read(&mut self, pipe: &mut impl Read, output: &mut dyn FnMut(&str)) -> io::Result<bool> {
        let mut buffer = [0; 4096];
        loop {
            match pipe.read(&mut buffer) {
                Ok(0) => return Ok(false),
                Ok(count) => {
                    for byte in buffer.iter().take(count) {
                        if *byte == b'\n' || self.rest.len() >= LONGEST_LINE {
                            self.finish(output);
                        }
                        if *byte != b'\n' {
                            self.rest.push(*byte);
                        }
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(true),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn finish(&mut self, output: &mut dyn FnMut(&str)) {
        if !self.rest.is_empty() {
            output(String::from_utf8_lossy(&self.rest).trim_end_matches('\r'));
            self.rest.clear();
        }
    }
}
