//! Asks a service manager and tells it what to do.
//!
//! systemd is spoken to through its own `systemctl`, which talks D-Bus to the manager (for root by a private
//! socket, also where no message bus runs), waits for jobs, and is given up on after a time limit: a manager
//! that hangs cannot hold us up. A D-Bus library of our own would be 43 crates more.

use std::collections::HashMap;
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use crate::shutdown::time_left;
use crate::unit::Manager;

/// What a manager says of a unit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct UnitState {
    pub(crate) id: String,
    pub(crate) loaded: bool,
    /// Active, or on the way to that.
    pub(crate) active: bool,
    pub(crate) main_process: Option<u32>,
    pub(crate) control_group: String,
    pub(crate) can_start: bool,
    pub(crate) can_stop: bool,
    pub(crate) refuses_stop: bool,
    pub(crate) refuses_start: bool,
    pub(crate) oneshot: bool,
    /// Made at run time: it is gone once it has stopped.
    pub(crate) transient: bool,
    /// Units that stop along with it.
    pub(crate) dependents: Vec<String>,
    /// Sockets and paths that would start it.
    pub(crate) triggers: Vec<String>,
}

const PROPERTIES: &str = "Id,LoadState,ActiveState,MainPID,ControlGroup,CanStart,CanStop,RefuseManualStop,\
    RefuseManualStart,Type,Transient,RequiredBy,BoundBy,ConsistsOf,TriggeredBy";

/// A service manager. Errors are in words, for whoever asked.
pub(crate) trait ServiceManager {
    /// The state of each of these units, in this order; one that does not exist is not loaded.
    fn show(&self, units: &[String]) -> Result<Vec<UnitState>, String>;
    /// Stops units and waits until they have stopped.
    fn stop(&self, units: &[String], patience: Duration) -> Result<(), String>;
    /// Sends SIGKILL to all processes of a unit.
    fn kill(&self, unit: &str) -> Result<(), String>;
    /// Starts units and waits until they have; earlier failures do not count against them.
    fn start(&self, units: &[String], patience: Duration) -> Result<(), String>;
}

/// How long a question may take.
const ANSWER_PATIENCE: Duration = Duration::from_secs(5);

/// systemd.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Systemd {
    manager: Manager,
}

impl Systemd {
    /// The manager, if it runs and is within reach.
    pub(crate) fn of(manager: Manager) -> Option<Systemd> {
        manager.is_there().then_some(Systemd { manager })
    }

    fn run(&self, arguments: &[&str], units: &[String], patience: Duration) -> Result<String, String> {
        let mut command = Command::new("systemctl");
        if let Manager::User(_) = self.manager {
            command.arg("--user");
            if let Some(folder) = self.manager.runtime_folder() {
                command.env("XDG_RUNTIME_DIR", folder);
            }
            // Root speaks to another user's manager as that user, who is the one that it listens to.
            if let Some((user, group)) = self.manager.spoken_to_as() {
                command.uid(user).gid(group).env_remove("DBUS_SESSION_BUS_ADDRESS").current_dir("/");
            }
        }
        command
            .args(["--no-ask-password", "--no-pager", "--quiet"])
            .args(arguments)
            .arg("--")
            .args(units)
            .env("LC_ALL", "C")
            .env("SYSTEMD_COLORS", "0");
        finish(&mut command, patience).map_err(|it| it.reason)
    }
}

/// A program that failed, or gave no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failed {
    /// Why, in words.
    pub(crate) reason: String,
    /// What it printed, if it came to its end.
    pub(crate) output: Option<String>,
}

/// Runs a program to its end, or ends it. Gives what it printed.
pub(crate) fn finish(command: &mut Command, patience: Duration) -> Result<String, Failed> {
    const OUTPUT_LIMIT: u64 = 64 << 20;
    let program = command.get_program().to_string_lossy().into_owned();
    let without_output = |reason: String| Failed { reason, output: None };
    let told = |error: std::io::Error| without_output(format!("{program}: {error}"));
    let until = Instant::now() + patience;
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = child.map_err(told)?;
    let read = |stream: Option<Box<dyn Read + Send>>| {
        std::thread::spawn(move || {
            let mut text = Vec::new();
            if let Some(stream) = stream {
                // What could be read is what there is.
                let _ = stream.take(OUTPUT_LIMIT).read_to_end(&mut text);
            }
            String::from_utf8_lossy(&text).into_owned()
        })
    };
    let output = read(child.stdout.take().map(|it| Box::new(it) as Box<dyn Read + Send>));
    let errors = read(child.stderr.take().map(|it| Box::new(it) as Box<dyn Read + Send>));
    // Not waited for yet, so the id is the child's.
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let handle = pid.and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok());
    let ended = match &handle {
        Some(handle) => loop {
            let mut fds = [PollFd::new(handle, PollFlags::IN)];
            match poll(&mut fds, Some(&time_left(until))) {
                Err(Errno::INTR) => {}
                result => break result.is_ok_and(|count| count > 0),
            }
        },
        None => true,
    };
    if !ended {
        let _ = child.kill();
        let _ = child.wait();
        return Err(without_output(format!("{program} gave no answer within {} s", patience.as_secs_f32())));
    }
    let status = child.wait().map_err(told)?;
    let output = output.join().unwrap_or_default();
    let errors = errors.join().unwrap_or_default();
    match status.success() {
        true => Ok(output),
        false => {
            let said = errors.lines().chain(output.lines()).map(str::trim).find(|line| !line.is_empty());
            let reason = said.map_or_else(|| format!("{program}: {status}"), str::to_owned);
            Err(Failed { reason, output: Some(output) })
        }
    }
}

impl ServiceManager for Systemd {
    fn show(&self, units: &[String]) -> Result<Vec<UnitState>, String> {
        if units.is_empty() {
            return Ok(Vec::new());
        }
        let text = self.run(&["show", "--property", PROPERTIES], units, ANSWER_PATIENCE)?;
        Ok(text.split("\n\n").filter(|block| !block.trim().is_empty()).map(parse).collect())
    }

    fn stop(&self, units: &[String], patience: Duration) -> Result<(), String> {
        self.run(&["stop"], units, patience).map(drop)
    }

    fn kill(&self, unit: &str) -> Result<(), String> {
        self.run(&["kill", "--signal=KILL"], &[unit.to_owned()], ANSWER_PATIENCE).map(drop)
    }

    fn start(&self, units: &[String], patience: Duration) -> Result<(), String> {
        // A unit without failures is no reason not to start it.
        let _ = self.run(&["reset-failed"], units, ANSWER_PATIENCE);
        self.run(&["start"], units, patience).map(drop)
    }
}

/// Reads `NAME=value` lines.
fn parse(block: &str) -> UnitState {
    let values: HashMap<&str, &str> = block.lines().filter_map(|line| line.split_once('=')).collect();
    let value = |name: &str| values.get(name).copied().unwrap_or_default();
    let yes = |name: &str| value(name) == "yes";
    let list = |name: &str| value(name).split_ascii_whitespace().map(str::to_owned);
    let mut dependents: Vec<String> =
        list("RequiredBy").chain(list("BoundBy")).chain(list("ConsistsOf")).collect();
    dependents.sort();
    dependents.dedup();
    UnitState {
        id: value("Id").to_owned(),
        loaded: value("LoadState") == "loaded",
        active: matches!(value("ActiveState"), "active" | "activating" | "reloading" | "refreshing"),
        main_process: value("MainPID").parse().ok().filter(|pid| *pid != 0),
        control_group: value("ControlGroup").to_owned(),
        can_start: yes("CanStart"),
        can_stop: yes("CanStop"),
        refuses_stop: yes("RefuseManualStop"),
        refuses_start: yes("RefuseManualStart"),
        oneshot: value("Type") == "oneshot",
        transient: yes("Transient"),
        dependents,
        triggers: list("TriggeredBy").filter(|it| it.ends_with(".socket") || it.ends_with(".path")).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_of_properties_is_a_state() {
        let state = parse(
            "Id=a.service\nLoadState=loaded\nActiveState=active\nMainPID=12\nControlGroup=/x=y/a.service\n\
             CanStop=yes\nRequiredBy=b.service c.service\nBoundBy=b.service\nTriggeredBy=a.timer a.socket\n",
        );
        assert!(state.loaded && state.active && state.can_stop && !state.can_start);
        assert_eq!((state.main_process, state.control_group.as_str()), (Some(12), "/x=y/a.service"));
        assert_eq!(state.dependents, ["b.service", "c.service"]);
        assert_eq!(state.triggers, ["a.socket"]);
        assert_eq!(parse("garbage"), UnitState::default());
    }
}
