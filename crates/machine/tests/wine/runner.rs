//! Wine's programs, run in a prefix of their own.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use reseat_machine::Machine;

/// Whether a test that needs Wine can run; in the project's own checks a missing Wine is a failure.
pub fn wine_is_installed() -> bool {
    let found = Command::new("wine")
        .arg("--version")
        .stderr(Stdio::null())
        .output()
        .is_ok_and(|out| out.status.success());
    if !found {
        assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "wine is not installed");
        println!("SKIPPED: wine is not installed");
    }
    found
}

/// A program of Wine, which does not touch the user's own home and ends in two minutes at the latest.
pub fn command(program: &str, machine: &Machine, home: &Path) -> Command {
    let mut command = Command::new("timeout");
    command.args(["120", program]);
    command.env("WINEPREFIX", machine.prefix()).env("WINEDEBUG", "-all").env("LC_ALL", "C.UTF-8");
    command.env("HOME", home).env_remove("DISPLAY").env_remove("WAYLAND_DISPLAY");
    command.stdin(Stdio::null()).stderr(Stdio::null());
    command
}

pub fn run(machine: &Machine, home: &Path, arguments: &[&str]) -> String {
    let output = command("wine", machine, home).args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8_lossy(&output.stdout).replace('\r', "")
}

/// Ends the prefix's wineserver when the test ends, however it ends.
pub struct Server<'m>(pub &'m Machine, pub &'m Path);

impl Server<'_> {
    pub fn wait(&self) {
        let _ = command("wineserver", self.0, self.1).arg("-w").stdout(Stdio::null()).status();
    }

    pub fn end(&self) {
        let _ = command("wineserver", self.0, self.1).arg("-k").stdout(Stdio::null()).status();
        self.wait();
        let start = Instant::now();
        while self.0.wine_server().is_some() && start.elapsed() < Duration::from_secs(30) {
            std::thread::yield_now();
        }
    }
}

impl Drop for Server<'_> {
    fn drop(&mut self) {
        self.end();
    }
}
