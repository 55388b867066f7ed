//! What the end-to-end tests share: a place of their own on disk, running `reseat` there, comparing what was before.

#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

pub mod dialogue;
pub mod disk;
pub mod everything;
pub mod meddler;
pub mod net_library;
pub mod patch;
pub mod paused;
pub mod product;
pub mod recording;
pub mod scene;
pub mod snapshot;
pub mod windows;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use reseat_machine::{Bitness, Machine};
use rustix::event::{PollFd, PollFlags, Timespec};
use tempfile::TempDir;

/// A folder of a test's own, with a prefix in it; everything goes with it.
pub struct Place {
    folder: TempDir,
}

impl Place {
    /// A place whose prefix does not exist yet.
    pub fn new() -> Self {
        Self::within(&std::env::temp_dir())
    }

    /// The same in memory, where that is possible: for tests that write and sync thousands of times.
    pub fn in_memory() -> Self {
        let memory = Path::new("/dev/shm");
        if memory.is_dir() { Self::within(memory) } else { Self::new() }
    }

    fn within(parent: &Path) -> Self {
        let folder = tempfile::Builder::new().prefix("reseat-test-").tempdir_in(parent);
        let folder = folder.expect("a temporary folder");
        for name in ["home", "tmp", "data"] {
            std::fs::create_dir(folder.path().join(name)).expect("a folder");
        }
        Self { folder }
    }

    /// A place with a new prefix.
    pub fn with_prefix() -> Self {
        let place = Self::new();
        drop(Machine::create(&place.prefix(), Bitness::X64).expect("a new prefix"));
        place
    }

    /// Runs `reseat` with bounds: two gigabytes of address space, a minute, and files of at most 64 megabytes.
    pub fn bounded(&self, arguments: &[&str]) -> Ran {
        let mut command = self.command("timeout");
        let script = "ulimit -v 2000000; ulimit -f 131072; exec \"$0\" \"$@\"";
        command.args(["-s", "KILL", "60", "sh", "-c", script, env!("CARGO_BIN_EXE_reseat"), "--prefix"]);
        let ran = run(command.arg(self.prefix()).args(arguments));
        assert!(ran.status.code().is_some_and(|code| code <= 10), "{}: {}{}", ran.status, ran.out, ran.err);
        ran
    }

    /// A path in the place.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The prefix.
    pub fn prefix(&self) -> PathBuf {
        self.path("prefix")
    }

    /// A file of the prefix by its path beneath drive C.
    pub fn drive_c(&self, name: &str) -> PathBuf {
        self.prefix().join("drive_c").join(name)
    }

    /// Writes a file and gives its path.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, content).expect("a file");
        path
    }

    /// What a file of the place holds.
    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// A program with an environment that knows this place and nothing else.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("LANG", "C.UTF-8")
            .env("HOME", self.path("home"))
            .env("XDG_DATA_HOME", self.path("data"))
            .env("XDG_CONFIG_HOME", self.path("home"))
            .env("XDG_STATE_HOME", self.path("state"))
            .env("XDG_CACHE_HOME", self.path("home"))
            .env("XDG_RUNTIME_DIR", self.path("tmp"))
            .env("RESEAT_RUNTIME_DIR", self.path("runtime"))
            .env("TMPDIR", self.path("tmp"))
            .current_dir(self.folder.path())
            .stdin(Stdio::null());
        command
    }

    /// `reseat` with this place's prefix.
    pub fn reseat_command(&self, arguments: &[&str]) -> Command {
        let mut command = self.command(env!("CARGO_BIN_EXE_reseat"));
        command.arg("--prefix").arg(self.prefix()).args(arguments);
        command
    }

    /// Runs `reseat` to its end.
    pub fn reseat(&self, arguments: &[&str]) -> Ran {
        run(&mut self.reseat_command(arguments))
    }

    /// `reseat install -q PACKAGE …`
    pub fn install(&self, package: &Path, arguments: &[&str]) -> Ran {
        let package = package.to_str().expect("a readable path");
        self.reseat(&[&["install", "-q", package], arguments].concat())
    }

    /// The installed products as `reseat list --json` gives them.
    pub fn products(&self) -> Vec<serde_json::Value> {
        let list = self.reseat(&["list", "--json"]);
        list.expect_code(0);
        serde_json::from_value(list.json()).unwrap()
    }

    /// The Restart Manager sessions that are open.
    pub fn sessions(&self) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(self.path("runtime/sessions")) else { return Vec::new() };
        entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
    }

    /// Makes a FIFO.
    pub fn fifo(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        assert!(Command::new("mkfifo").arg(&path).status().expect("mkfifo").success());
        path
    }

    /// Starts a program that holds a file open until it is asked to end.
    pub fn hold(&self, file: &Path) -> Holder {
        let program = self.command("tail").arg("-f").arg(file).stdout(Stdio::null()).spawn();
        Holder::new(program.expect("tail"), file)
    }

    /// The same, and it does not hear when it is asked to end.
    pub fn hold_stubbornly(&self, file: &Path) -> Holder {
        let script = "trap '' TERM; exec tail -f \"$0\"";
        let program = self.command("sh").args(["-c", script]).arg(file).stdout(Stdio::null()).spawn();
        Holder::new(program.expect("sh"), file)
    }

    /// Registers a holder so that it is started again.
    pub fn register_for_restart(&self, holder: &Holder) {
        let pid = holder.pid().to_string();
        let file = holder.file.to_str().expect("a readable path");
        self.reseat(&["rm", "register-restart", "--pid", &pid, "--", "-f", file]).expect_code(0);
    }
}

/// A program that has ended.
pub struct Ran {
    pub status: ExitStatus,
    pub out: String,
    pub err: String,
}

impl Ran {
    /// What was printed to standard output, as JSON.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}:\n{}\n{}", self.out, self.err))
    }

    /// Fails with everything that was printed unless the exit code is this one.
    #[track_caller]
    pub fn expect_code(&self, code: i32) -> &Self {
        assert_eq!(self.status.code(), Some(code), "stdout:\n{}\nstderr:\n{}", self.out, self.err);
        self
    }

    /// Fails unless standard error has each of these texts.
    #[track_caller]
    pub fn expect_error(&self, texts: &[&str]) -> &Self {
        for text in texts {
            assert!(self.err.contains(text), "no '{text}' in:\n{}", self.err);
        }
        self
    }

    /// What is wrong, unless it failed with exit code 1, in one line that has each of these texts.
    pub fn failure_problem(&self, texts: &[&str]) -> Option<String> {
        let lines: Vec<_> = self.err.lines().filter(|line| !line.starts_with("  hint: ")).collect();
        let one_line = matches!(lines[..], [line] if line.starts_with("reseat: "));
        let missing: Vec<_> = texts.iter().filter(|text| !self.err.contains(**text)).collect();
        let as_expected = self.status.code() == Some(1) && one_line && missing.is_empty();
        (!as_expected).then(|| format!("{}, missing {missing:?} in:\n{}{}", self.status, self.out, self.err))
    }

    /// Fails unless it failed with exit code 1, in one line that has each of these texts.
    #[track_caller]
    pub fn expect_failure(&self, texts: &[&str]) -> &Self {
        if let Some(problem) = self.failure_problem(texts) {
            panic!("{problem}");
        }
        self
    }
}

/// Runs a program to its end.
pub fn run(command: &mut Command) -> Ran {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    Ran {
        status: output.status,
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// A process that holds a file; ended with the value.
pub struct Holder {
    child: Child,
    file: PathBuf,
}

impl Holder {
    /// Waits until the process really has the file open.
    fn new(child: Child, file: &Path) -> Self {
        let file = file.canonicalize().expect("the file to hold");
        let holder = Self { child, file };
        while !holds(holder.pid(), &holder.file) {
            assert!(Path::new(&format!("/proc/{}/fd", holder.pid())).exists(), "the holder has ended");
            std::thread::yield_now();
        }
        holder
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has not ended.
    pub fn runs(&mut self) -> bool {
        self.child.try_wait().expect("a child").is_none()
    }

    /// The signal that ended it; it has a minute for that.
    pub fn signal(&mut self) -> Option<i32> {
        let pid = rustix::process::Pid::from_child(&self.child);
        let process =
            rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()).expect("a child");
        let longest = Timespec { tv_sec: 60, tv_nsec: 0 };
        let ended = rustix::event::poll(&mut [PollFd::new(&process, PollFlags::IN)], Some(&longest));
        assert_eq!(ended, Ok(1), "the program that holds {} does not end", self.file.display());
        std::os::unix::process::ExitStatusExt::signal(&self.child.wait().expect("a child"))
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether a process has a file open.
pub fn holds(pid: u32, file: &Path) -> bool {
    let Ok(entries) = std::fs::read_dir(format!("/proc/{pid}/fd")) else { return false };
    entries.flatten().any(|entry| std::fs::read_link(entry.path()).is_ok_and(|target| target == file))
}

/// The processes that have a file open, without this one.
pub fn holders(file: &Path) -> Vec<u32> {
    let file = file.canonicalize().expect("a file");
    let processes = std::fs::read_dir("/proc").expect("/proc").flatten();
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|pid| *pid != std::process::id() && holds(*pid, &file)).collect()
}

/// Ends whoever holds a file: processes that were started again are nobody's children.
pub fn end_holders(file: &Path) {
    for pid in holders(file) {
        let _ = Command::new("kill").arg("-KILL").arg(pid.to_string()).status();
    }
}

/// A shared package, or nothing with a word about why the test is skipped.
pub fn package(name: &str) -> Option<PathBuf> {
    let path = packages()?.join(name);
    if !path.is_file() {
        println!("SKIPPED: {} is absent", path.display());
        return None;
    }
    Some(path)
}

/// The folder of real packages.
pub fn packages() -> Option<PathBuf> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/packages");
    let folder = std::env::var_os("RESEAT_PACKAGES").map_or_else(|| PathBuf::from(beside), PathBuf::from);
    if !folder.is_dir() {
        println!("SKIPPED: no folder of real packages; RESEAT_PACKAGES can name it");
        return None;
    }
    Some(folder.canonicalize().expect("the folder of packages"))
}

/// The packages that the list of real packages marks so.
pub fn marked(folder: &Path, mark: &str) -> Vec<String> {
    let list = std::fs::read_to_string(folder.join("README.md")).expect("the list of packages");
    let rows = list.lines().filter_map(|line| {
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        (cells.get(2) == Some(&mark)).then(|| cells[1].to_owned())
    });
    let rows: Vec<_> = rows.collect();
    assert!(!rows.is_empty(), "the list of packages has no '{mark}'");
    rows
}

/// Whether a program is there; says that the test is skipped when not, and fails in CI.
pub fn has_tool(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).any(|folder| folder.join(name).is_file());
    if !found {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "{name} is not installed");
        println!("SKIPPED: {name} is not installed");
    }
    found
}

/// Whether the test may act as other users.
pub fn is_root() -> bool {
    std::os::unix::fs::MetadataExt::uid(&std::fs::metadata("/proc/self").expect("/proc")) == 0
}
