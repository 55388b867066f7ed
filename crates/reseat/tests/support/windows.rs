//! What tests of Windows code share: Wine, the built Windows side, and code to be run.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use reseat_machine::{Bitness, Machine};

use super::product::Product;
use super::{Place, Ran, has_tool, run};

/// The Windows side, the library of actions, and a prefix that Wine has prepared; all stay for the next run of the tests.
pub struct Windows {
    pub built: PathBuf,
    pub prefix: PathBuf,
    pub actions: Vec<u8>,
    pub program: Vec<u8>,
    _lock: File,
}

/// What tests with Wine work on, one program of tests at a time.
pub struct Ground {
    pub built: PathBuf,
    pub prefix: PathBuf,
    /// For what is compiled.
    pub work: PathBuf,
    pub lock: File,
}

impl Ground {
    /// Builds the Windows side, and makes the prefix if it is not there.
    pub fn prepare() -> Self {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR"));
        // The prefix is that of the tests of custom-actions, which Wine has prepared.
        let work = target.join("custom-actions");
        fs::create_dir_all(&work).unwrap();
        let lock = File::create(work.join("lock")).unwrap();
        lock.lock().unwrap();
        let built = target.join("windows");
        let build = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../windows/build");
        assert!(Command::new(build).arg(&built).status().unwrap().success(), "windows/build failed");
        let prefix = work.join("prefix");
        if !prefix.join("drive_c").is_dir() {
            drop(Machine::create(&prefix, Bitness::X64).unwrap());
        }
        Self { built, prefix, work, lock }
    }
}

static WINDOWS: OnceLock<Option<Windows>> = OnceLock::new();
static TURN: Mutex<()> = Mutex::new(());

pub fn windows() -> Option<(&'static Windows, MutexGuard<'static, ()>)> {
    let there = prepared();
    KEPT.lock().unwrap_or_else(PoisonError::into_inner).take();
    there
}

/// The same with a Wine that runs.
pub fn windows_that_runs() -> Option<(&'static Windows, MutexGuard<'static, ()>)> {
    let (windows, turn) = prepared()?;
    KEPT.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(|| KeepsWine::start(windows));
    Some((windows, turn))
}

fn prepared() -> Option<(&'static Windows, MutexGuard<'static, ()>)> {
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    WINDOWS.get_or_init(Windows::prepare).as_ref().map(|windows| (windows, turn))
}

/// The Wine that tests share which need one that runs: to start it takes seconds.
static KEPT: Mutex<Option<KeepsWine>> = Mutex::new(None);

/// A program that keeps Wine running on the prefix until it is dropped, or until the tests end: its input ends then.
pub struct KeepsWine(Child);

impl KeepsWine {
    pub fn start(windows: &Windows) -> Self {
        let ready = windows.drive_c("ready.txt");
        let _ = fs::remove_file(&ready);
        let mut command = wine(&windows.prefix, &["cmd.exe", "/q"]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        child.stdin.as_mut().unwrap().write_all(b"echo ready>C:\\ready.txt\r\n").unwrap();
        // A wineserver that is about to end may still be there, so that its being there says nothing.
        let deadline = Instant::now() + Duration::from_secs(60);
        while !ready.exists() {
            assert!(Instant::now() < deadline, "Wine does not start");
            std::thread::sleep(Duration::from_millis(10));
        }
        Self(child)
    }
}

impl Drop for KeepsWine {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Wine as `reseat` starts it: where its server is depends on the environment.
pub fn wine(prefix: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new("wine");
    command.args(arguments).env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.env("WINEPREFIX", prefix).env("HOME", prefix).env("LC_ALL", "C.UTF-8");
    command.env("WINEDEBUG", "-all").stderr(Stdio::null());
    command
}

impl Windows {
    fn prepare() -> Option<Self> {
        if !["wine", "x86_64-w64-mingw32-gcc"].iter().all(|tool| has_tool(tool)) {
            return None;
        }
        let Ground { built, prefix, work, lock } = Ground::prepare();
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let actions =
            compile(&["-shared"], &here.join("tests/windows_code/actions.c"), &work.join("actions.dll"));
        let program = compile(&[], &here.join("tests/windows_code/program.c"), &work.join("program.exe"));
        Some(Self { built, prefix, actions, program, _lock: lock })
    }

    pub fn reseat(&self, place: &Place, arguments: &[&str]) -> Ran {
        // Where Wine keeps its server is the same for all, so that one test finds that of another.
        run(self.command(place, arguments).env_remove("TMPDIR"))
    }

    pub fn command(&self, place: &Place, arguments: &[&str]) -> Command {
        let mut command = place.command(env!("CARGO_BIN_EXE_reseat"));
        command.env("RESEAT_WINDOWS_DIR", &self.built).arg("--prefix").arg(&self.prefix).args(arguments);
        command
    }

    /// Waits until no wineserver runs, and so until all is in the files.
    pub fn wait_for_end(&self) {
        let began = Instant::now();
        while reseat_machine::wine_server(&self.prefix).is_some() {
            assert!(began.elapsed() < Duration::from_secs(60), "Wine does not end");
            std::thread::yield_now();
        }
    }

    /// Installs a product in place of what an earlier test left.
    pub fn install(&self, place: &Place, product: &Product, arguments: &[&str]) -> Ran {
        let package = product.save(place, "test.msi");
        if self.drive_c("Program Files/Test").exists() {
            self.reseat(place, &["uninstall", "-q", "Test"]);
        }
        self.reseat(place, &[&["install", "-q", package.to_str().unwrap()], arguments].concat())
    }

    /// Windows code that the tests have, compiled.
    pub fn library(&self, place: &Place, name: &str) -> Vec<u8> {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/windows_code").join(name);
        compile(&["-shared"], &source, &place.path("library.dll"))
    }

    pub fn product(&self) -> Product {
        Product::new().with_file("Readme", "readme.txt", "text").with_binary("actions", self.actions.clone())
    }

    /// Whether code of 32 bits can be built and runs here. 32-bit Wine cannot be installed everywhere: that it is missing is no
    /// failure, in CI neither.
    pub fn runs_32_bit(&self, place: &Place) -> bool {
        if !has_tool("i686-w64-mingw32-gcc") {
            return false;
        }
        // Wine prepares the prefix, if it has not yet.
        let prepares =
            self.product().with_property("RETURN", "0").with_action("R", 1, "actions", "Returns", 1350);
        self.install(place, &prepares, &[]).expect_code(0);
        let runs = self.drive_c("windows/syswow64/kernel32.dll").exists();
        if !runs {
            println!("SKIPPED: Wine has no 32-bit part here");
        }
        runs
    }

    pub fn drive_c(&self, name: &str) -> PathBuf {
        self.prefix.join("drive_c").join(name)
    }

    pub fn registry(&self) -> String {
        fs::read_to_string(self.prefix.join("system.reg")).unwrap()
    }
}

pub fn compile(options: &[&str], source: &Path, target: &Path) -> Vec<u8> {
    compile_with("x86_64-w64-mingw32-gcc", options, source, target)
}

pub fn compile_with(compiler: &str, options: &[&str], source: &Path, target: &Path) -> Vec<u8> {
    let compiler = Command::new(compiler)
        .args(["-Os", "-s", "-Wall", "-Werror", "-o"])
        .arg(target)
        .arg(source)
        .args(options)
        .args(["-lmsi", "-lrstrtmgr", "-lws2_32"])
        .status();
    assert!(compiler.unwrap().success(), "{} does not compile", source.display());
    fs::read(target).unwrap()
}
