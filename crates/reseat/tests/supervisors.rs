//! Services of runit, s6 and supervisord, with the real ones.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use support::{Place, Ran, holders};

/// A supervisor with one service that holds a file.
struct Scene {
    place: Place,
    file: PathBuf,
    /// Packages that `./test` has unpacked and not installed, so that they start no service.
    tools: Option<PathBuf>,
    supervisor: Option<Child>,
}

impl Scene {
    /// `None` where the tools are missing.
    fn new(tools: &[&str]) -> Option<Scene> {
        let unpacked = std::env::var_os("RESEAT_TEST_TOOLS").map(PathBuf::from);
        let folders = unpacked.iter().map(|it| it.join("usr/bin"));
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders: Vec<PathBuf> = folders.chain(std::env::split_paths(&path)).collect();
        for tool in tools {
            if !folders.iter().any(|it| it.join(tool).is_file()) {
                assert!(std::env::var("CI").as_deref() != Ok("true"), "{tool} is not there");
                println!("SKIPPED: {tool} is not there; ./test unpacks it");
                return None;
            }
        }
        let place = Place::new();
        let file = place.write("held", "content");
        Some(Scene { place, file, tools: unpacked, supervisor: None })
    }

    fn with_tools<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        let Some(tools) = &self.tools else { return command };
        let mut folders = vec![tools.join("usr/bin")];
        let path = std::env::var_os("PATH").unwrap_or_default();
        folders.extend(std::env::split_paths(&path));
        let libraries = std::fs::read_dir(tools.join("usr/lib")).unwrap().flatten().map(|it| it.path());
        command
            .env("PATH", std::env::join_paths(folders).unwrap())
            .env("LD_LIBRARY_PATH", std::env::join_paths(libraries).unwrap())
            .env("PYTHONPATH", tools.join("usr/lib/python3/dist-packages"))
    }

    /// Starts the supervisor and waits for its service.
    fn start(&mut self, program: &str, arguments: &[&str]) -> u32 {
        let mut command = self.place.command(program);
        self.with_tools(command.args(arguments)).stdout(Stdio::null()).stderr(Stdio::null());
        self.supervisor = Some(command.spawn().unwrap());
        self.wait_for_holder(None)
    }

    /// Waits until another process than this one holds the file.
    fn wait_for_holder(&self, old: Option<u32>) -> u32 {
        let begun = Instant::now();
        loop {
            if let Some(pid) = holders(&self.file).into_iter().find(|pid| Some(*pid) != old) {
                return pid;
            }
            assert!(begun.elapsed() < Duration::from_secs(60), "the service does not run");
            std::thread::yield_now();
        }
    }

    fn reseat(&self, arguments: &[&str]) -> Ran {
        // Not in the folder where a service's own folder has its name.
        support::run(self.with_tools(self.place.reseat_command(arguments).current_dir("/")))
    }

    fn folder(&self) -> PathBuf {
        self.place.path(&self.name())
    }

    /// The service's name, which no other test has: services are found by it on the whole machine.
    fn name(&self) -> String {
        let folder = self.place.path("held").parent().and_then(Path::file_name).unwrap().to_owned();
        format!("demo-{}", folder.to_string_lossy().replace('.', ""))
    }

    /// Makes the folder of a service with this script.
    fn write_run(&self, folder: &Path, text: &str) {
        std::fs::create_dir_all(folder).unwrap();
        std::fs::write(folder.join("run"), text).unwrap();
        std::fs::set_permissions(folder.join("run"), PermissionsExt::from_mode(0o755)).unwrap();
    }

    fn run_script(&self) -> String {
        format!("#!/bin/sh\nexec tail -f '{}'\n", self.file.display())
    }

    /// Asks who uses the file, frees it for a command and looks that the service runs again.
    fn check(&self, pid: u32, name: &str) {
        let file = self.file.to_str().unwrap();
        let ran = self.reseat(&["who", "--json", file]);
        let rows: Value = serde_json::from_str(&ran.out).unwrap();
        assert_eq!((&rows[0]["type"], &rows[0]["pid"]), (&"service".into(), &pid.into()), "{rows}");
        assert_eq!((&rows[0]["unit"], &rows[0]["restartable"]), (&name.into(), &true.into()), "{rows}");
        // The command sees that nobody holds it, and for longer than a supervisor would need.
        let script = "for i in 1 2 3 4 5 6; do sleep 0.25; fuser -s \"$0\" && exit 9; done; exit 5";
        let ran = self.reseat(&["free", file, "--", "sh", "-c", script, file]);
        ran.expect_code(5).expect_error(&[&format!("closed {name}"), &format!("started {name} again")]);
        let new = self.wait_for_holder(Some(pid));
        assert_ne!(new, pid);
        assert_eq!(holders(&self.file), [new], "one service, once");
        self.check_by_name(new, name);
    }

    /// Registers and filters the service by its name in a session; no file is named.
    fn check_by_name(&self, pid: u32, name: &str) {
        let ran = self.reseat(&["who", "--json", name]);
        let rows: Value = serde_json::from_str(&ran.expect_code(0).out).unwrap();
        assert_eq!((&rows[0]["pid"], &rows[0]["unit"]), (&pid.into(), &name.into()), "{rows}");
        self.reseat(&["who", "nosuch"]).expect_code(2);
        let key = self.reseat(&["rm", "start"]).out.trim().to_owned();
        let rm = |arguments: &[&str]| {
            let (command, rest) = arguments.split_first().unwrap();
            let ran = self.reseat(&[&["rm", command, key.as_str()], rest].concat());
            ran.expect_code(0);
            ran.out
        };
        rm(&["register", "--service", name]);
        rm(&["filter", "add", "--no-shutdown", "--service", name]);
        rm(&["shutdown"]);
        assert_eq!(holders(&self.file), [pid], "left alone");
        rm(&["filter", "add", "--no-restart", "--service", name]);
        rm(&["shutdown"]);
        rm(&["restart"]);
        assert!(holders(&self.file).is_empty(), "closed, and not started");
        // Known by its name also while it does not run.
        self.reseat(&["who", name]).expect_code(1);
        rm(&["filter", "remove", "--service", name]);
        assert!(rm(&["restart"]).contains(name));
        let new = self.wait_for_holder(Some(pid));
        assert_eq!(holders(&self.file), [new]);
        rm(&["end"]);
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        let Some(mut supervisor) = self.supervisor.take() else { return };
        let pid = Pid::from_child(&supervisor);
        let begun = Instant::now();
        // Each of them stops its service, which may not want that, and ends.
        let _ = kill_process(pid, Signal::TERM);
        support::end_holders(&self.file);
        while supervisor.try_wait().is_ok_and(|it| it.is_none()) && begun.elapsed() < Duration::from_secs(20)
        {
            std::thread::yield_now();
        }
        let _ = supervisor.kill();
        let _ = supervisor.wait();
        support::end_holders(&self.file);
    }
}

#[test]
fn a_runit_service_is_stopped_and_started_by_sv() {
    let Some(mut scene) = Scene::new(&["runsv", "sv", "fuser"]) else { return };
    let folder = scene.folder();
    scene.write_run(&folder, &scene.run_script());
    let pid = scene.start("runsv", &[folder.to_str().unwrap()]);
    scene.check(pid, &scene.name());
}

#[test]
fn a_runit_service_that_ignores_the_request_is_ended_only_by_force() {
    let Some(mut scene) = Scene::new(&["runsv", "sv"]) else { return };
    let folder = scene.folder();
    let script = scene.run_script().replace("exec", "trap '' TERM; exec");
    scene.write_run(&folder, &script);
    let pid = scene.start("runsv", &[folder.to_str().unwrap()]);
    let file = scene.file.to_str().unwrap();
    scene
        .reseat(&["free", "--timeout", "1", file, "--", "true"])
        .expect_code(125)
        .expect_error(&["error 351", &scene.name()]);
    assert_eq!(holders(&scene.file), [pid]);
    scene.reseat(&["free", "--timeout", "1", "--force", file, "--", "true"]).expect_code(0);
    scene.wait_for_holder(Some(pid));
}

#[test]
fn an_s6_service_is_stopped_and_started_by_s6_svc() {
    let Some(mut scene) = Scene::new(&["s6-supervise", "s6-svc", "s6-svstat", "fuser"]) else { return };
    let folder = scene.folder();
    scene.write_run(&folder, &scene.run_script());
    let pid = scene.start("s6-supervise", &[folder.to_str().unwrap()]);
    scene.check(pid, &scene.name());
}

#[test]
fn a_supervisord_service_is_stopped_and_started_by_supervisorctl() {
    let Some(mut scene) = Scene::new(&["supervisord", "supervisorctl", "fuser"]) else { return };
    let socket = scene.place.path("socket");
    let configuration = format!(
        "[unix_http_server]\nfile={0}\n[supervisord]\nnodaemon=true\nlogfile={1}/log\npidfile={1}/pid\n\
         [rpcinterface:supervisor]\n\
         supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface\n\
         [supervisorctl]\nserverurl=unix://{0}\n\
         [program:{3}]\ncommand=tail -f {2}\nautorestart=true\nstartsecs=0\n\
         [program:other]\ncommand=sleep 1000\nautostart=false\n",
        socket.display(),
        scene.place.path("").display(),
        scene.file.display(),
        scene.name()
    );
    scene.place.write("supervisor.conf", configuration);
    // Relative to the folder that it is started in.
    let pid = scene.start("supervisord", &["-c", "supervisor.conf"]);
    scene.check(pid, &scene.name());
}

#[test]
fn a_supervisor_without_its_tool_keeps_its_service_from_being_closed() {
    let Some(mut scene) = Scene::new(&["runsv", "sv"]) else { return };
    let folder = scene.folder();
    scene.write_run(&folder, &scene.run_script());
    let pid = scene.start("runsv", &[folder.to_str().unwrap()]);
    let empty = scene.place.path("tmp");
    let mut command = scene.place.reseat_command(&["free", scene.file.to_str().unwrap(), "--", "true"]);
    support::run(command.env("PATH", empty)).expect_code(125).expect_error(&["error 351", "sv: "]);
    assert_eq!(holders(&scene.file), [pid], "no signal was sent");
}
