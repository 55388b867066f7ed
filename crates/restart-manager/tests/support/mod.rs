//! Real processes for the tests: programs of the system that hold files, and the test program itself in
//! another role.

#![allow(dead_code, reason = "each test file uses a part of it")]

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use reseat_restart_manager::{Store, UniqueProcess};
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::process::{Pid, Signal, kill_process};

/// Names the role in the environment of a helper process.
pub const ROLE: &str = "RESEAT_TEST_ROLE";

/// A place for one test: a folder with a store.
pub struct Place {
    pub folder: tempfile::TempDir,
    pub store: Store,
}

impl Place {
    pub fn new() -> Place {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::at(&folder.path().join("store")).unwrap();
        Place { folder, store }
    }

    /// Makes a file with some content.
    pub fn file(&self, name: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, b"content\n").unwrap();
        path
    }

    /// A named pipe that can be read from without anyone writing yet.
    pub fn pipe(&self, name: &str) -> (PathBuf, BufReader<File>) {
        let path = self.folder.path().join(name);
        let made = Command::new("mkfifo").arg(&path).status().unwrap();
        assert!(made.success());
        let reader = File::options().read(true).write(true).open(&path).unwrap();
        (path, BufReader::new(reader))
    }
}

/// A process that is killed when the test is over.
pub struct Helper {
    pub child: Child,
    pub process: UniqueProcess,
    pub output: BufReader<ChildStdout>,
}

impl Helper {
    pub fn spawn(command: &mut Command) -> Helper {
        command.stdout(Stdio::piped());
        let mut child = loop {
            match command.spawn() {
                // A child that another test has forked still holds the copy that we made of a program.
                Err(error) if error.kind() == std::io::ErrorKind::ExecutableFileBusy => {
                    std::thread::yield_now()
                }
                other => break other.unwrap(),
            }
        };
        let process = UniqueProcess::of(child.id()).unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        Helper { child, process, output }
    }

    /// Waits for a line that begins with this word and gives the rest of it.
    pub fn wait_for(&mut self, word: &str) -> String {
        loop {
            let line = read_line(&mut self.output);
            if let Some(at) = line.find(word) {
                return line[at + word.len()..].trim().to_owned();
            }
        }
    }

    /// A shell that holds a file open as its standard input and goes on as `sleep`.
    pub fn holding(file: &Path) -> Helper {
        Helper::script("echo ready; exec sleep 1000", file)
    }

    /// A shell with this script and the file as its standard input. The script has to print "ready".
    ///
    /// The shell opens the file itself: were it opened here, every child that another test forks meanwhile would hold
    /// it too until it executes, and be stopped as one of its users.
    pub fn script(script: &str, file: &Path) -> Helper {
        let mut command = Command::new("sh");
        command.arg("-c").arg(format!("exec <\"$0\"; {script}")).arg(file);
        let mut helper = Helper::spawn(command.stdin(Stdio::null()).process_group(0));
        helper.wait_for("ready");
        helper
    }

    /// This test program in another role.
    pub fn role(role: &str, place: &Place, variables: &[(&str, &str)]) -> Helper {
        Helper::spawn(role_command(role, place).envs(variables.iter().copied()))
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Ends a script and whatever it has started.
    pub fn kill_group(&self) {
        rustix::process::kill_process_group(Pid::from_child(&self.child), Signal::KILL).unwrap();
    }

    /// Ends it without giving it a chance.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Reads a line and fails after a minute without one: a test must not wait for ever.
pub fn read_line<R: Read + AsFd>(reader: &mut BufReader<R>) -> String {
    let mut line = Vec::new();
    while !line.ends_with(b"\n") {
        if reader.buffer().is_empty() {
            let mut waiting = [PollFd::new(reader.get_ref(), PollFlags::IN)];
            let minute = Timespec { tv_sec: 60, tv_nsec: 0 };
            let answered = rustix::event::poll(&mut waiting, Some(&minute)).unwrap();
            assert_ne!(answered, 0, "the other process says nothing");
        }
        let arrived = reader.fill_buf().unwrap();
        assert!(!arrived.is_empty(), "the other process ended without a word");
        let end = arrived.iter().position(|&byte| byte == b'\n').map_or(arrived.len(), |at| at + 1);
        line.extend(&arrived[..end]);
        reader.consume(end);
    }
    String::from_utf8(line).unwrap()
}

/// The command that runs the test `role` of this test program.
pub fn role_command(role: &str, place: &Place) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["role", "--exact", "--nocapture"])
        .env(ROLE, role)
        .env("RESEAT_RUNTIME_DIR", place.store.path())
        .stdin(Stdio::null());
    // A test program that is ended from the terminal takes its helpers with it; others must not.
    command.process_group(0);
    command
}

/// Ends a restarted process when the test is over.
pub struct Started(pub UniqueProcess);

impl Drop for Started {
    fn drop(&mut self) {
        if self.0.is_running()
            && let Some(pid) = i32::try_from(self.0.pid).ok().and_then(Pid::from_raw)
        {
            let _ = kill_process(pid, Signal::KILL);
        }
    }
}

pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}
