//! A conversation with a program on a terminal.

use std::fs::File;
use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::pty::{OpenptFlags, ioctl_tiocgptpeer, openpt, unlockpt};

/// The longest time that an answer may take.
const LONGEST: Duration = Duration::from_secs(60);

/// A program whose standard input and standard error are a terminal, and, if so wanted, its standard output.
pub struct Dialogue {
    child: Child,
    terminal: File,
    said: String,
}

impl Dialogue {
    /// Starts a program; nothing, with a word about it, where there are no terminals.
    pub fn begin(command: &mut Command) -> Option<Self> {
        Self::start(command, false)
    }

    /// The same with standard output on the terminal too.
    pub fn with_output(command: &mut Command) -> Option<Self> {
        Self::start(command, true)
    }

    fn start(command: &mut Command, with_output: bool) -> Option<Self> {
        let opened =
            openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).and_then(|main| {
                unlockpt(&main)?;
                let other =
                    ioctl_tiocgptpeer(&main, OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
                Ok((main, File::from(other)))
            });
        let (main, other) = match opened {
            Ok(pair) => pair,
            Err(error) => {
                println!("SKIPPED: no terminal can be made: {error}");
                return None;
            }
        };
        let end = || other.try_clone().expect("a terminal");
        let output = if with_output { end().into() } else { Stdio::null() };
        let child = command.stdin(end()).stderr(end()).stdout(output).spawn().expect("the program");
        // The command keeps its ends of the terminal, and an end is seen only when all are closed.
        command.stdin(Stdio::null()).stderr(Stdio::null()).stdout(Stdio::null());
        Some(Self { child, terminal: main.into(), said: String::new() })
    }

    /// Waits until the program has said this, behind what was waited for before.
    #[track_caller]
    pub fn expect(&mut self, text: &str) -> &mut Self {
        let begin = Instant::now();
        loop {
            if let Some(place) = self.said.find(text) {
                self.said.drain(..place + text.len());
                return self;
            }
            assert!(begin.elapsed() < LONGEST, "no '{text}' in: {}", self.said);
            assert!(self.read(), "no '{text}' before the end, in: {}", self.said);
        }
    }

    /// Types a line.
    pub fn answer(&mut self, line: &str) -> &mut Self {
        self.terminal.write_all(format!("{line}\n").as_bytes()).expect("a terminal");
        self
    }

    /// Waits for the end of the program and gives its exit code.
    #[track_caller]
    pub fn end(&mut self) -> Option<i32> {
        let begin = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("the program") {
                return status.code();
            }
            assert!(begin.elapsed() < LONGEST, "it does not end: {}", self.said);
            self.read();
        }
    }

    /// What the program has said since the text that was waited for last, when it has ended.
    pub fn rest(&mut self) -> &str {
        let begin = Instant::now();
        while self.read() {
            assert!(begin.elapsed() < LONGEST, "the terminal stays open: {}", self.said);
        }
        &self.said
    }

    /// Reads what there is within a moment; whether there may be more.
    fn read(&mut self) -> bool {
        let moment = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };
        let mut waiting = [PollFd::new(&self.terminal, PollFlags::IN)];
        if rustix::event::poll(&mut waiting, Some(&moment)) != Ok(1) {
            return true;
        }
        let mut buffer = [0; 4096];
        // A terminal whose other end is closed gives an error.
        let Ok(length @ 1..) = self.terminal.read(&mut buffer) else { return false };
        self.said.push_str(&String::from_utf8_lossy(&buffer[..length]));
        true
    }
}

impl Drop for Dialogue {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
