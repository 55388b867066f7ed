//! The hook for apt and dpkg, with the real ones: packages of our own are installed and upgraded in a root of the
//! test's own, which needs no privileges.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use support::{Place, Ran, has_tool, run};

const HOOK: &str = include_str!("../../../contrib/apt/99reseat");
const GUIDE: &str = include_str!("../../../docs/restart-manager.md");

/// A root that packages are installed in, and `reseat` where the hook finds it.
struct Scene {
    place: Place,
    program: PathBuf,
    child: Option<Child>,
}

impl Scene {
    fn new(hook: &str) -> Option<Scene> {
        if !["apt-get", "dpkg", "dpkg-deb"].into_iter().all(has_tool) {
            return None;
        }
        let place = Place::new();
        for folder in [
            "bin",
            "root/var/lib/dpkg/info",
            "root/var/lib/dpkg/updates",
            "root/var/lib/dpkg/triggers",
            "apt/etc/apt/apt.conf.d",
            "apt/etc/apt/preferences.d",
            "apt/etc/apt/sources.list.d",
            "apt/var/lib/apt/lists/partial",
            "apt/var/cache/apt/archives/partial",
            "apt/var/log/apt",
        ] {
            std::fs::create_dir_all(place.path(folder)).unwrap();
        }
        place.write("root/var/lib/dpkg/status", "");
        place.write("apt/etc/apt/apt.conf.d/99reseat", hook);
        let here = place.path("").display().to_string();
        let here = here.trim_end_matches('/');
        // dpkg wants ldconfig there, which plain users' paths lack.
        let search_path = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap());
        place.write(
            "apt.conf",
            format!(
                "Dir \"{here}/apt\";\nDir::State::status \"{here}/root/var/lib/dpkg/status\";\n\
                 APT::Sandbox::User \"root\";\nDebug::NoLocking \"true\";\n\
                 DPkg::Path \"{here}/bin:{search_path}\";\n\
                 DPkg::Options {{ \"--root={here}/root\"; \"--force-not-root\"; \"--log={here}/log\"; }};\n"
            ),
        );
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_reseat"), place.path("bin/reseat")).unwrap();
        let program = place.path("root/usr/bin/demo");
        Some(Scene { place, program, child: None })
    }

    /// A package that has the program `demo`.
    fn package(&self, version: u32) -> PathBuf {
        let folder = self.place.path(&format!("demo-{version}"));
        std::fs::create_dir_all(folder.join("DEBIAN")).unwrap();
        std::fs::create_dir_all(folder.join("usr/bin")).unwrap();
        // By another process: a child of another test could hold what this one writes.
        let copied = run(Command::new("cp").arg("/bin/sleep").arg(folder.join("usr/bin/demo")));
        copied.expect_code(0);
        let control = format!(
            "Package: demo\nVersion: {version}\nArchitecture: all\nMaintainer: Nobody <nobody@example.org>\n\
             Description: a program for a test\n"
        );
        std::fs::write(folder.join("DEBIAN/control"), control).unwrap();
        let package = self.place.path(&format!("demo_{version}_all.deb"));
        run(self.command("dpkg-deb").args(["--build", "-Znone"]).arg(&folder).arg(&package)).expect_code(0);
        package
    }

    fn command(&self, program: &str) -> Command {
        let mut command = self.place.command(program);
        let path = std::env::var("PATH").unwrap();
        command
            .env("PATH", format!("{}:{path}:/usr/sbin:/sbin", self.place.path("bin").display()))
            .env("APT_CONFIG", self.place.path("apt.conf"))
            .env("DEBIAN_FRONTEND", "noninteractive");
        command
    }

    fn apt_install(&self, package: &Path) -> Ran {
        run(self.command("apt-get").args(["-qq", "-y", "install"]).arg(package))
    }

    fn dpkg_install(&self, hook: &str, version: u32) -> Ran {
        let beneath = |option: &str, name: &str| format!("--{option}={}", self.place.path(name).display());
        let mut command = self.command("dpkg");
        command.args([&beneath("root", "root"), "--force-not-root", &beneath("log", "log"), hook, "-i"]);
        run(command.arg(self.package(version)))
    }

    /// Starts the installed program; gives its process.
    fn start(&mut self) -> String {
        let child = self.place.command(&self.program).arg("1000").stdout(Stdio::null()).spawn().unwrap();
        let pid = child.id();
        self.child = Some(child);
        self.wait_for(|running| running.contains(&pid));
        pid.to_string()
    }

    /// The processes that run the installed program, whichever version.
    fn running(&self) -> Vec<u32> {
        let pids = std::fs::read_dir("/proc").unwrap().flatten();
        let pids = pids.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        let program = self.program.to_str().unwrap();
        let runs = |pid: &u32| {
            let exe = std::fs::read_link(format!("/proc/{pid}/exe")).unwrap_or_default();
            exe.to_str().is_some_and(|it| it.trim_end_matches(" (deleted)") == program)
        };
        pids.filter(runs).collect()
    }

    fn wait_for(&self, wanted: impl Fn(&[u32]) -> bool) -> Vec<u32> {
        let begun = Instant::now();
        loop {
            let running = self.running();
            if wanted(&running) {
                return running;
            }
            assert!(begun.elapsed() < Duration::from_secs(60), "{running:?} run");
            std::thread::yield_now();
        }
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        for pid in self.running() {
            run(Command::new("kill").args(["-KILL", &pid.to_string()]));
        }
        if let Some(mut child) = self.child.take() {
            let _ = child.wait();
        }
    }
}

#[test]
fn apt_says_after_an_upgrade_what_still_runs_the_old_program_and_how_it_is_restarted() {
    let Some(mut scene) = Scene::new(HOOK) else { return };
    let first = scene.apt_install(&scene.package(1));
    first.expect_code(0);
    let program = scene.program.to_str().unwrap().to_owned();
    assert!(!first.out.contains(&program), "nothing old yet: {}", first.out);
    let pid = scene.start();
    scene.place.reseat(&["rm", "register-restart", "--pid", &pid, "--", "1001"]).expect_code(0);
    let ran = scene.apt_install(&scene.package(2));
    ran.expect_code(0).expect_error(&["reseat stale --restart"]);
    let row = ran.out.lines().find(|line| line.ends_with(&program)).unwrap_or_else(|| panic!("{}", ran.out));
    for part in ["close and start", "demo", &pid, "registered for restart"] {
        assert!(row.contains(part), "no {part} in {row}");
    }
    assert_eq!(scene.running(), [pid.parse::<u32>().unwrap()], "nobody was asked to close");
    // What is offered does it.
    run(scene.command("reseat").args(["stale", "--restart"])).expect_error(&["restarted demo"]);
    let new = scene.wait_for(|running| running.len() == 1 && running[0].to_string() != pid);
    let again = scene.apt_install(&scene.package(2));
    assert!(!again.out.contains(&program), "{}", again.out);
    assert_eq!(scene.running(), new);
}

#[test]
fn a_hook_that_restarts_does_so_and_one_that_fails_does_not_fail_the_upgrade() {
    let hook = HOOK.replace("reseat stale", "reseat stale --restart");
    assert_ne!(hook, HOOK);
    let Some(mut scene) = Scene::new(&hook) else { return };
    scene.apt_install(&scene.package(1)).expect_code(0);
    let pid = scene.start();
    scene.place.reseat(&["rm", "register-restart", "--pid", &pid, "--", "1001"]).expect_code(0);
    scene.apt_install(&scene.package(2)).expect_code(0).expect_error(&["restarted demo"]);
    scene.wait_for(|running| running.len() == 1 && running[0].to_string() != pid);
    let reseat = scene.place.path("bin/reseat");
    std::fs::remove_file(&reseat).unwrap();
    std::os::unix::fs::symlink("/bin/false", &reseat).unwrap();
    scene.apt_install(&scene.package(3)).expect_code(0);
    std::fs::remove_file(&reseat).unwrap();
    scene.apt_install(&scene.package(4)).expect_code(0);
}

#[test]
fn dpkg_alone_calls_it_by_the_line_of_the_guide() {
    let Some(mut scene) = Scene::new("") else { return };
    let line = GUIDE.split('`').find(|it| it.starts_with("post-invoke=")).expect("the guide has the line");
    let (_, command) = line.split_once('=').unwrap();
    let hook = format!("--post-invoke={}", command.trim_matches('"'));
    scene.dpkg_install(&hook, 1).expect_code(0);
    let pid = scene.start();
    let ran = scene.dpkg_install(&hook, 2);
    ran.expect_code(0);
    let program = scene.program.to_str().unwrap();
    assert!(ran.out.lines().any(|line| line.contains(&pid) && line.ends_with(program)), "{}", ran.out);
}
