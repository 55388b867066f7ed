//! What tests of Windows code share: Wine, the built Windows side, and code to be run.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
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
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    WINDOWS.get_or_init(Windows::prepare).as_ref().map(|windows| (windows, turn))
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
