//! Programs of Wine that are in the way, closed by the documented messages and started again: with real Wine, on a display
//! of the test's own.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;
use support::product::Product;
use support::windows::Ground;
use support::{Place, Ran, has_tool, run};

/// How long anything may take that happens soon.
const SOON: Duration = Duration::from_secs(60);

static TURN: Mutex<()> = Mutex::new(());

/// A prefix with the example's programs, a display, and whatever runs there.
struct Scene {
    place: Place,
    built: PathBuf,
    work: PathBuf,
    prefix: PathBuf,
    display: String,
    server: Child,
    _lock: File,
    _turn: MutexGuard<'static, ()>,
}

impl Drop for Scene {
    fn drop(&mut self) {
        self.end_wine();
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

impl Scene {
    fn new() -> Option<Self> {
        let tools = ["wine", "wineserver", "x86_64-w64-mingw32-gcc", "Xvfb"];
        if !tools.iter().all(|tool| has_tool(tool)) {
            return None;
        }
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let Ground { built, prefix, work, lock } = Ground::prepare();
        let mut command = Command::new("Xvfb");
        command.args(["-displayfd", "1", "-screen", "0", "640x480x24", "-nolisten", "tcp", "-noreset"]);
        let server = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
        let mut server = server.unwrap();
        let mut number = String::new();
        let mut output = server.stdout.take().unwrap();
        while !number.ends_with('\n') {
            let mut byte = [0];
            output.read_exact(&mut byte).unwrap();
            number.push(byte[0].into());
        }
        let display = format!(":{}", number.trim());
        let place = Place::new();
        let scene = Self { place, built, work, prefix, display, server, _lock: lock, _turn: turn };
        // One that an earlier test has left has no display.
        scene.end_wine();
        if scene.drive_c("windows/system32/reseat-version.dll").exists() {
            scene.reseat(&["rm", "keep-registrations", "--remove"]);
        }
        let folder = scene.drive_c("closing");
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir(&folder).unwrap();
        scene.compile("holder.exe", "holder.c", &["-mwindows"]);
        fs::copy(scene.work.join("holder.exe"), folder.join("holder.exe")).unwrap();
        Some(scene)
    }

    fn command(&self, program: &str) -> Command {
        let mut command = self.place.command(program);
        command
            .env("WINEPREFIX", &self.prefix)
            .env("WINEDEBUG", "-all")
            .env("LC_ALL", "C.UTF-8")
            .env("WINEDLLOVERRIDES", "winemenubuilder.exe,mscoree,mshtml=d")
            .env("DISPLAY", &self.display)
            // Where Wine keeps its server must be the same for all.
            .env_remove("TMPDIR")
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command
    }

    fn end_wine(&self) {
        let _ = self.command("wineserver").arg("-k").status();
        let began = Instant::now();
        while reseat_machine::wine_server(&self.prefix).is_some() && began.elapsed() < SOON {
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn drive_c(&self, name: &str) -> PathBuf {
        self.prefix.join("drive_c").join(name)
    }

    /// Compiles a source of the example; gives what came of it.
    fn compile(&self, name: &str, source: &str, options: &[&str]) -> Vec<u8> {
        let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../example/windows");
        let target = self.work.join(name);
        let mut command = Command::new("x86_64-w64-mingw32-gcc");
        command.args(["-std=c11", "-Os", "-s", "-Wall", "-Wextra", "-Werror", "-o"]).arg(&target);
        let compiled = command.arg(example.join(source)).args(options).status().unwrap();
        assert!(compiled.success(), "{source} does not compile");
        fs::read(target).unwrap()
    }

    fn reseat(&self, arguments: &[&str]) -> Ran {
        let mut command = self.place.command(env!("CARGO_BIN_EXE_reseat"));
        command
            .env("RESEAT_WINDOWS_DIR", &self.built)
            .env("DISPLAY", &self.display)
            .env_remove("TMPDIR")
            .arg("--prefix")
            .arg(&self.prefix)
            .args(arguments);
        run(&mut command)
    }

    /// Starts a program that holds something, and waits until it does.
    fn hold(&self, name: &str, arguments: &[&str]) -> Child {
        let holder = self
            .command("wine")
            .current_dir(self.drive_c("closing"))
            .args(["holder.exe", &format!(r"C:\closing\{name}.log"), name])
            .args(arguments)
            .spawn()
            .unwrap();
        self.wait_for(name, "runs", 1);
        holder
    }

    /// What a program has noted, without its process id.
    fn notes(&self, name: &str) -> Vec<String> {
        let log = fs::read_to_string(self.drive_c(&format!("closing/{name}.log"))).unwrap_or_default();
        log.lines().filter_map(|line| Some(line.splitn(3, ' ').nth(2)?.to_owned())).collect()
    }

    #[track_caller]
    fn wait_for(&self, name: &str, note: &str, times: usize) {
        let began = Instant::now();
        loop {
            let notes = self.notes(name);
            if notes.iter().filter(|it| it.starts_with(note)).count() >= times {
                return;
            }
            assert!(began.elapsed() < SOON, "{name} has only noted {notes:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits for a program's end.
    #[track_caller]
    fn expect_end(&self, program: &mut Child) {
        let began = Instant::now();
        while program.try_wait().unwrap().is_none() {
            assert!(began.elapsed() < SOON, "the program goes on");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn who(&self, file: &str) -> Vec<Value> {
        let ran = self.reseat(&["who", "--json", self.drive_c(file).to_str().unwrap()]);
        serde_json::from_value(ran.json()).unwrap()
    }
}

#[test]
fn a_program_of_wine_is_named_for_a_file_that_only_the_wineserver_has_open_and_its_refusal_keeps_all() {
    let Some(scene) = Scene::new() else { return };
    fs::write(scene.drive_c("closing/data"), "text").unwrap();
    let mut willing = scene.hold("willing", &[r"file=C:\closing\data", "end"]);
    let mut refusing = scene.hold("refusing", &[r"file=C:\closing\data", "refuse"]);
    let rows = scene.who("closing/data");
    let windows: Vec<&str> = rows.iter().filter_map(|row| row["window"].as_str()).collect();
    assert!(windows.contains(&"willing") && windows.contains(&"refusing"), "{rows:#?}");
    let row = rows.iter().find(|row| row["window"] == "willing").unwrap();
    assert_eq!((&row["application"], &row["restartable"]), (&"holder.exe".into(), &true.into()), "{row:#?}");

    let data = scene.drive_c("closing/data");
    let free = |options: &[&str]| {
        scene.reseat(&[&["free", data.to_str().unwrap()], options, &["--", "true"]].concat())
    };
    free(&[]).expect_code(125).expect_error(&["error 351", "answered that it cannot be closed now"]);
    assert!(willing.try_wait().unwrap().is_none() && refusing.try_wait().unwrap().is_none());
    let asked = "hears WM_QUERYENDSESSION with ENDSESSION_CLOSEAPP";
    for name in ["willing", "refusing"] {
        assert_eq!(scene.notes(name), ["runs", asked, "hears WM_ENDSESSION, to go on"], "{name}");
    }

    free(&["--force", "--timeout", "20"]).expect_code(0);
    assert_eq!(scene.notes("willing")[3..6], [asked, "hears WM_ENDSESSION, to end", "ends"]);
    assert_eq!(
        scene.notes("refusing")[3..7],
        [asked, "hears WM_ENDSESSION, to end", "hears WM_CLOSE", "ends"]
    );
    scene.expect_end(&mut willing);
    scene.expect_end(&mut refusing);
    scene.wait_for("willing", "runs", 2);
    scene.wait_for("refusing", "runs", 2);
}

#[test]
fn a_program_of_wine_is_started_again_with_what_it_registered_where_that_is_kept_and_not_against_its_flags() {
    let Some(scene) = Scene::new() else { return };
    fs::write(scene.drive_c("closing/data"), "text").unwrap();
    let kept = |options: &[&str]| scene.reseat(&[&["rm", "keep-registrations"], options].concat());
    let library = scene.drive_c("windows/system32/version.dll");
    kept(&["--remove"]).expect_code(0);
    let of_wine = fs::read(&library).unwrap();
    assert_eq!(kept(&["--show"]).expect_code(1).out, "forgotten\n");
    kept(&[]).expect_code(0);
    assert_eq!(kept(&["--show"]).expect_code(0).out, "kept\n");

    let again = r#"restart=C:\closing\kept.log "a gain" end"#;
    let mut registered = scene.hold("kept", &[r"file=C:\closing\data", again, "end"]);
    let mut never = scene.hold("never", &[r"file=C:\closing\data", "flags=4", "end"]);
    let rows = scene.who("closing/data");
    let restartable =
        |name: &str| rows.iter().find(|row| row["window"] == name).map(|row| &row["restartable"]);
    assert_eq!(restartable("kept"), Some(&true.into()), "{rows:#?}");
    assert_eq!(restartable("never"), Some(&false.into()), "{rows:#?}");
    let ran = scene.reseat(&["free", scene.drive_c("closing/data").to_str().unwrap(), "--", "true"]);
    assert_eq!(ran.status.code(), Some(0), "{}", ran.err);
    scene.expect_end(&mut registered);
    scene.expect_end(&mut never);
    // It is not there before the program has begun again.
    let log = || fs::read_to_string(scene.drive_c("closing/kept.log")).unwrap_or_default();
    let began = Instant::now();
    while !log().lines().any(|line| line.starts_with("a gain ") && line.ends_with(" runs")) {
        assert!(began.elapsed() < SOON, "{}", log());
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(scene.notes("never").iter().filter(|it| *it == "runs").count(), 1);

    // Once more puts the same there; taken away, Wine's own is there again.
    kept(&[]).expect_code(0);
    kept(&["--remove"]).expect_code(0);
    assert_eq!(kept(&["--show"]).expect_code(1).out, "forgotten\n");
    assert_eq!(fs::read(&library).unwrap(), of_wine);
    assert!(!library.with_file_name("reseat-version.dll").exists());
}

#[test]
fn one_that_does_not_answer_is_ended_only_by_force() {
    let Some(scene) = Scene::new() else { return };
    fs::write(scene.drive_c("closing/data"), "text").unwrap();
    let mut hanging = scene.hold("hanging", &[r"file=C:\closing\data", "hang"]);
    let data = scene.drive_c("closing/data");
    let free = |options: &[&str]| {
        scene
            .reseat(&[&["free", data.to_str().unwrap(), "--timeout", "1"], options, &["--", "true"]].concat())
    };
    free(&[]).expect_code(125).expect_error(&["error 351", "did not answer within 1 s"]);
    assert!(hanging.try_wait().unwrap().is_none());
    free(&["--force"]).expect_code(0);
    scene.expect_end(&mut hanging);
    scene.wait_for("hanging", "runs", 2);
}

#[test]
fn an_upgrade_closes_programs_of_wine_by_message_and_starts_them_with_the_new_library() {
    let Some(scene) = Scene::new() else { return };
    fs::write(scene.drive_c("closing/outside"), "text").unwrap();
    if scene.drive_c("Program Files/Test").exists() {
        scene.reseat(&["uninstall", "-q", "Test"]);
    }
    let join = scene.compile("join.dll", "join.c", &["-shared", "-lmsi", "-lrstrtmgr"]);
    let package = |version: i32| {
        let library =
            scene.compile("library.dll", "library.c", &["-shared", &format!("-DVERSION={version}")]);
        let product = Product::new()
            .version(&format!("{version}.0.0"))
            .with_file("Library", "library.dll", library)
            .with_binary("join", join.clone())
            .with_property("OUTSIDE", r"C:\closing\outside")
            .with_standard_actions(&[("RemoveEnvironmentStrings", 3300), ("WriteEnvironmentStrings", 5200)])
            .with_row("Environment", &["E", "=-*RESEAT_VERSION", "[ProductVersion]", "Main"])
            .with_action("Join", 1, "join", "Join", 1350);
        product.save(&scene.place, &format!("{version}.msi"))
    };
    scene.reseat(&["install", "-q", package(1).to_str().unwrap()]).expect_code(0);
    let mut one = scene.hold("one", &[r"library=C:\Program Files\Test\library.dll", "close"]);
    let mut other = scene.hold("other", &[r"file=C:\closing\outside", "end"]);
    let mut listener = scene.hold("listener", &["end"]);

    let log = scene.place.path("log");
    let ran = scene.reseat(&["install", "-q", package(2).to_str().unwrap(), "--log", log.to_str().unwrap()]);
    let text = fs::read_to_string(&log).unwrap_or_default();
    assert_eq!(ran.status.code(), Some(0), "{}\n{text}", ran.err);
    scene.expect_end(&mut one);
    scene.expect_end(&mut other);
    scene.wait_for("one", "runs", 2);
    scene.wait_for("other", "runs", 2);
    let asked = "hears WM_QUERYENDSESSION with ENDSESSION_CLOSEAPP";
    let told = "hears WM_ENDSESSION, to end";
    assert_eq!(
        scene.notes("one"),
        ["runs with library version 1", asked, told, "hears WM_CLOSE", "ends", "runs with library version 2"]
    );
    assert_eq!(scene.notes("other"), ["runs", asked, told, "ends", "runs"]);
    // Nobody asked the third one for anything; its window was told of the environment.
    scene.wait_for("listener", "hears WM_SETTINGCHANGE, Environment", 1);
    assert!(!scene.notes("listener").iter().any(|it| it.as_str() == asked || it == "ends"));
    assert_eq!(scene.place.sessions(), [""; 0], "sessions left open");
    scene.end_wine();
    scene.expect_end(&mut listener);
    scene.reseat(&["uninstall", "-q", "Test"]).expect_code(0);
}
