//! An installation that waits in the middle of its script.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};

use super::Place;
use super::product::Product;

const DEFERRED: i32 = 1024;

/// Says that it has begun, and waits for a word.
const PAUSE: &str = "#!/bin/sh\necho begun >\"$1\"\nread -r line <\"$2\"\n";

/// An installation that waits in the middle of its script, after its files.
pub struct Paused {
    pub child: Child,
    go_on: PathBuf,
}

/// The product with such a program among its deferred actions.
pub fn pausing(place: &Place, product: Product) -> Product {
    pausing_as(DEFERRED, place, product)
}

/// The same with a program of another kind: at the commit or the rollback.
pub fn pausing_as(kind: i32, place: &Place, product: Product) -> Product {
    pausing_at(4100, kind, place, product)
}

/// The same with a program of another kind, elsewhere in the sequence.
pub fn pausing_at(sequence: i32, kind: i32, place: &Place, product: Product) -> Product {
    let line = ["begun", "go-on"].map(|name| format!("\"{}\"", place.path(name).display())).join(" ");
    product.with_binary("pause", PAUSE).with_action("Pause", 2 + kind, "pause", &line, sequence)
}

impl Drop for Paused {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Paused {
    pub fn begin(place: &Place, package: &Path, arguments: &[&str]) -> Self {
        let command = [&["install", "-q", package.to_str().unwrap()], arguments].concat();
        Self::begin_command(place, place.reseat_command(&command))
    }

    /// With this command that installs a pausing product.
    pub fn begin_command(place: &Place, mut command: Command) -> Self {
        let [begun, go_on] = ["begun", "go-on"].map(|name| place.fifo(name));
        let child = command.process_group(0).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        // Opened for both directions, so that this does not wait for ever when nobody comes.
        let mut file = std::fs::File::options().read(true).write(true).open(begun).unwrap();
        let mut line = [0; 6];
        let mut waiting = [PollFd::new(&file, PollFlags::IN)];
        let longest = Timespec { tv_sec: 60, tv_nsec: 0 };
        assert_eq!(
            rustix::event::poll(&mut waiting, Some(&longest)),
            Ok(1),
            "the custom action does not begin"
        );
        file.read_exact(&mut line).unwrap();
        Self { child, go_on }
    }

    /// Sends it a signal that it catches, and waits until it has done so: it does that in a thread of its own, which a busy
    /// machine may let wait for longer than the rest of the installation takes.
    pub fn interrupt(&self, signal: &str) {
        let before = self.switches();
        let sent = Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success(), "{sent}");
        let begin = Instant::now();
        while self.switches() == before {
            assert!(begin.elapsed() < Duration::from_secs(60), "the signal is not caught");
            std::thread::yield_now();
        }
    }

    /// How often the thread that catches signals has gone to sleep: field `voluntary_ctxt_switches` of proc_pid_status(5).
    fn switches(&self) -> u64 {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.child.id())).unwrap();
        let named = |task: &PathBuf| {
            std::fs::read_to_string(task.join("comm")).is_ok_and(|name| name.trim_end() == "ctrl-c")
        };
        let task = tasks.map(|task| task.unwrap().path()).find(named).expect("a thread that catches signals");
        let status = std::fs::read_to_string(task.join("status")).unwrap();
        let count = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
        count.unwrap().trim().parse().unwrap()
    }

    pub fn kill(mut self) {
        // The program that it runs is in a group of its own and ends with the word.
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.say();
    }

    pub fn say(&self) {
        let mut file = std::fs::File::options().read(true).write(true).open(&self.go_on).unwrap();
        file.write_all(b"go on\n").unwrap();
        // Read by the program, if it is still there; a moment later nobody is.
        let begin = Instant::now();
        while begin.elapsed() < Duration::from_secs(10) && rustix::io::ioctl_fionread(&file).unwrap() > 0 {
            std::thread::yield_now();
        }
    }

    pub fn end(mut self) -> (ExitStatus, String) {
        self.say();
        let begin = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(begin.elapsed() < Duration::from_secs(60), "the installation does not end");
            std::thread::yield_now();
        };
        let mut error = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut error).unwrap();
        (status, error)
    }
}
