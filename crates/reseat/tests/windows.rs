//! Applications with windows, on a display of the tests' own.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, AsRawFd};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};
use serde_json::Value;
use support::{Place, Ran, has_tool};
use x11rb::connection::Connection;
use x11rb::protocol::Event;
use x11rb::protocol::xproto::{AtomEnum, ConnectionExt as _, CreateWindowAux, PropMode, Window, WindowClass};
use x11rb::rust_connection::RustConnection;
use x11rb::wrapper::ConnectionExt as _;

const ROLE: &str = "RESEAT_TEST_ROLE";

/// The program with a window, which a test started as another process.
#[test]
fn role() {
    let Ok(role) = std::env::var(ROLE) else { return };
    let _held = std::env::var("FILE").map(|path| File::open(path).unwrap());
    let (display, screen) = RustConnection::connect(None).unwrap();
    let root = display.setup().roots[screen].root;
    let atom = |name: &str| display.intern_atom(false, name.as_bytes()).unwrap().reply().unwrap().atom;
    let (protocols, delete) = (atom("WM_PROTOCOLS"), atom("WM_DELETE_WINDOW"));
    let window = |title: &str| {
        let id = display.generate_id().unwrap();
        let class = WindowClass::INPUT_OUTPUT;
        display.create_window(0, id, root, 0, 0, 90, 60, 0, class, 0, &CreateWindowAux::new()).unwrap();
        display
            .change_property8(
                PropMode::REPLACE,
                id,
                atom("_NET_WM_NAME"),
                atom("UTF8_STRING"),
                title.as_bytes(),
            )
            .unwrap();
        display.change_property32(PropMode::REPLACE, id, protocols, AtomEnum::ATOM, &[delete]).unwrap();
        id
    };
    let show = |id: Window| {
        display.map_window(id).unwrap();
        display.get_input_focus().unwrap().reply().unwrap();
    };
    let main = window("Größe – demo");
    if role == "is a panel" {
        let (property, dock) = (atom("_NET_WM_WINDOW_TYPE"), atom("_NET_WM_WINDOW_TYPE_DOCK"));
        display.change_property32(PropMode::REPLACE, main, property, AtomEnum::ATOM, &[dock]).unwrap();
    }
    if role != "without a main window" {
        show(main);
    }
    println!("\nready");
    loop {
        match display.wait_for_event().unwrap() {
            Event::ClientMessage(message) if message.data.as_data32()[0] == delete => match role.as_str() {
                "asks back" => {
                    let question = window("Save changes?");
                    let owner = [main];
                    let property = AtomEnum::WM_TRANSIENT_FOR;
                    display
                        .change_property32(PropMode::REPLACE, question, property, AtomEnum::WINDOW, &owner)
                        .unwrap();
                    show(question);
                }
                "stays without windows" => {
                    display.destroy_window(main).unwrap();
                    display.flush().unwrap();
                }
                _ => std::process::exit(7),
            },
            _ => {}
        }
    }
}

/// A line of a program's output, within a minute.
fn read_line(output: &mut ChildStdout) -> String {
    let mut line = Vec::new();
    let mut byte = [0_u8];
    while line.last() != Some(&b'\n') {
        let mut waiting = [PollFd::from_borrowed_fd(output.as_fd(), PollFlags::IN)];
        let minute = Timespec { tv_sec: 60, tv_nsec: 0 };
        assert_ne!(rustix::event::poll(&mut waiting, Some(&minute)).unwrap(), 0, "it says nothing");
        assert_eq!(output.read(&mut byte).unwrap(), 1, "it ended without a word");
        line.push(byte[0]);
    }
    String::from_utf8(line).unwrap()
}

/// A program that is ended when the test is over.
struct Running(Child);

impl Running {
    fn wait(&mut self) -> ExitStatus {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.0.try_wait().unwrap() {
                return status;
            }
            assert!(begun.elapsed() < Duration::from_secs(60), "it does not end");
            std::thread::yield_now();
        }
    }

    fn runs(&mut self) -> bool {
        self.0.try_wait().unwrap().is_none()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A display, and a place with a file.
struct Scene {
    place: Place,
    file: PathBuf,
    display: String,
    _server: Running,
}

impl Scene {
    fn new() -> Option<Scene> {
        if !has_tool("Xvfb") {
            return None;
        }
        let place = Place::new();
        let file = place.write("held", "content");
        let mut command = Command::new("Xvfb");
        command.args(["-displayfd", "1", "-screen", "0", "640x480x24", "-nolisten", "tcp", "-noreset"]);
        let server = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
        let mut server = Running(server.unwrap());
        let number = read_line(server.0.stdout.as_mut().unwrap());
        Some(Scene { place, file, display: format!(":{}", number.trim()), _server: server })
    }

    /// A program with a window that holds the file.
    fn start(&self, role: &str) -> Running {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["role", "--exact", "--nocapture"]).env(ROLE, role).env("FILE", &self.file);
        command.env("DISPLAY", &self.display).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut program = Running(command.spawn().unwrap());
        while read_line(program.0.stdout.as_mut().unwrap()).trim() != "ready" {}
        program
    }

    fn reseat(&self, arguments: &[&str]) -> Ran {
        support::run(self.place.reseat_command(arguments).env("DISPLAY", &self.display))
    }

    fn who(&self) -> Value {
        let ran = self.reseat(&["who", "--json", self.file.to_str().unwrap()]);
        serde_json::from_str(&ran.out).unwrap()
    }

    fn free(&self, arguments: &[&str]) -> Ran {
        let file = self.file.to_str().unwrap();
        self.reseat(&[&["free", file], arguments, &["--", "true"]].concat())
    }
}

#[test]
fn an_application_is_known_by_its_window_and_closed_by_it() {
    let Some(scene) = Scene::new() else { return };
    let mut program = scene.start("closes");
    let row = &scene.who()[0];
    assert_eq!((&row["type"], &row["pid"]), (&"window".into(), &program.0.id().into()));
    assert_eq!(row["window"], "Größe – demo");
    scene.free(&[]).expect_code(0).expect_error(&["closed "]);
    // Its own exit code and not a signal.
    assert_eq!(program.wait().code(), Some(7));
}

#[test]
fn a_stopped_application_hears_of_its_window_too() {
    let Some(scene) = Scene::new() else { return };
    let mut program = scene.start("closes");
    let pid = rustix::process::Pid::from_child(&program.0);
    rustix::process::kill_process(pid, rustix::process::Signal::STOP).unwrap();
    scene.free(&[]).expect_code(0);
    assert_eq!(program.wait().code(), Some(7));
}

#[test]
fn one_that_asks_back_has_not_stopped_and_is_ended_only_by_force() {
    use std::os::unix::process::ExitStatusExt;
    let Some(scene) = Scene::new() else { return };
    let mut program = scene.start("asks back");
    let ran = scene.free(&["--timeout", "1"]);
    ran.expect_code(125).expect_error(&["error 351", "\"Save changes?\" is still open"]);
    assert!(program.runs());
    scene.free(&["--timeout", "0.3", "--force"]).expect_code(0);
    assert_eq!(program.wait().signal(), Some(9));
}

#[test]
fn one_that_closes_its_window_and_goes_on_is_sent_the_signal() {
    use std::os::unix::process::ExitStatusExt;
    let Some(scene) = Scene::new() else { return };
    let mut program = scene.start("stays without windows");
    scene.free(&["--timeout", "4"]).expect_code(0);
    assert_eq!(program.wait().signal(), Some(15));
}

#[test]
fn one_that_shows_no_window_is_of_another_type_and_sent_the_signal() {
    use std::os::unix::process::ExitStatusExt;
    let Some(scene) = Scene::new() else { return };
    let mut program = scene.start("without a main window");
    assert_eq!(scene.who()[0]["type"], "other window");
    scene.free(&[]).expect_code(0);
    assert_eq!(program.wait().signal(), Some(15));
}

#[test]
fn windows_are_closed_first_then_the_console_and_the_shell_last() {
    use std::os::unix::process::ExitStatusExt;
    let Some(scene) = Scene::new() else { return };
    let mut panel = scene.start("is a panel");
    let mut console = scene.place.hold(&scene.file);
    let mut window = scene.start("closes");
    let kinds = scene.who();
    let kind =
        |pid: u32| kinds.as_array().unwrap().iter().find(|row| row["pid"] == pid).unwrap()["type"].clone();
    let pids = [window.0.id(), console.pid(), panel.0.id()];
    assert_eq!(pids.map(kind), ["window", "console", "shell"]);
    // What the session has written down, in its order.
    let script = "cat \"$RESEAT_RUNTIME_DIR\"/sessions/*/actions";
    let file = scene.file.to_str().unwrap();
    let ran = scene.reseat(&["free", file, "--", "sh", "-c", script]);
    ran.expect_code(0);
    let records = ran.out.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let asked: Vec<u32> = records
        .filter_map(|record| u32::try_from(record["Asked"]["process"]["pid"].as_u64()?).ok())
        .collect();
    assert_eq!(asked, pids, "{}", ran.out);
    assert_eq!(
        (window.wait().code(), console.signal(), panel.wait().signal()),
        (Some(7), Some(15), Some(15))
    );
}

/// A display that takes connections and never answers.
#[test]
fn a_display_that_hangs_holds_nobody_up() {
    let place = Place::new();
    let file = place.write("held", "content");
    let mut holder = place.hold(&file);
    // Above what servers choose, and different where two tests run at once.
    let number = 1000 + std::process::id() % 50_000;
    let folder = Path::new("/tmp/.X11-unix");
    let _ = std::fs::create_dir(folder);
    let socket = folder.join(format!("X{number}"));
    let Ok(listener) = std::os::unix::net::UnixListener::bind(&socket) else {
        println!("SKIPPED: no socket can be made in /tmp/.X11-unix");
        return;
    };
    assert!(listener.as_raw_fd() >= 0);
    let mut command = place.reseat_command(&["free", file.to_str().unwrap(), "--", "true"]);
    let begun = Instant::now();
    support::run(command.env("DISPLAY", format!(":{number}"))).expect_code(0);
    std::fs::remove_file(socket).unwrap();
    assert!(begun.elapsed() < Duration::from_secs(25));
    assert_eq!(holder.signal(), Some(15));
}
