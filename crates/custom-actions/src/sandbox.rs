//! A sandbox for the code of packages: name spaces of their own in which at most the prefix can be written.
//!
//! Bubblewrap (`bwrap`) makes it: the computer's files can be read, `/tmp` and `/run` are empty and new, there is no network, no other
//! process is seen, and no terminal can be typed into. Root has no capabilities in it: with them it would mount the computer's files
//! anew. In `/run` are the sockets of services that would do for a program what it may not do itself. The Restart Manager session
//! cannot be joined from within.
//!
//! Each program of this machine has name spaces of its own. Windows code shares those of `container.rs`.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where the code of packages runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sandbox {
    /// As any other program of the user.
    #[default]
    None,
    /// In name spaces of their own in which the prefix can be written and nothing else.
    WritesPrefix,
    /// In name spaces of their own in which nothing that is there before can be written.
    WritesNothing,
}

impl Sandbox {
    /// Whether a program can be run in it here.
    pub fn works(self) -> bool {
        match self {
            Self::None => true,
            Self::WritesPrefix | Self::WritesNothing => {
                let tried = bubblewrap().args(["--", "true"]).output();
                tried.is_ok_and(|output| output.status.success())
            }
        }
    }

    /// A command that runs a program of this machine in it; its words are to be added.
    pub(crate) fn command(self, prefix: &Path, program: &Path, shown: &Path) -> Command {
        let how = match self {
            Self::None => {
                let mut command = Command::new(program);
                command.arg0(shown);
                return command;
            }
            Self::WritesPrefix => "--bind",
            Self::WritesNothing => "--ro-bind",
        };
        let mut command = bubblewrap();
        command.args(["--dev", "/dev"]).arg(how).args([prefix, prefix]);
        // It may be a temporary file; one that is inherited as a descriptor is there anyway.
        if !program.starts_with("/proc") && !program.starts_with(prefix) {
            command.arg("--ro-bind").args([program, program]);
        }
        command.arg("--").arg(program);
        command
    }
}

/// What all code in a sandbox has in common, but for its devices.
pub(crate) fn bubblewrap() -> Command {
    let mut command = Command::new("bwrap");
    command.args(["--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL"]);
    command.args(["--ro-bind", "/", "/", "--proc", "/proc"]);
    command.args(["--tmpfs", "/tmp", "--setenv", "TMPDIR", "/tmp", "--tmpfs", "/run"]);
    // Also there a user's services have their sockets, and wineservers theirs.
    for variable in ["TMPDIR", "XDG_RUNTIME_DIR"] {
        let Some(folder) = std::env::var_os(variable).map(PathBuf::from) else { continue };
        let is_hidden = ["/tmp", "/run", "/dev", "/proc"].iter().any(|hidden| folder.starts_with(hidden));
        if folder.is_absolute() && folder.parent().is_some() && !is_hidden && folder.is_dir() {
            command.arg("--tmpfs").arg(folder);
        }
    }
    // Where NixOS has its programs.
    command.args(["--ro-bind-try", "/run/current-system", "/run/current-system"]);
    command
}

/// The devices that can do no harm. With bwrap's own choice, which has terminals, the name spaces could not be joined: it puts
/// another user name space below them.
pub(crate) fn show_devices(command: &mut Command) {
    command.args(["--tmpfs", "/dev", "--dir", "/dev/shm"]);
    for device in ["null", "zero", "full", "random", "urandom"] {
        let device = Path::new("/dev").join(device);
        command.arg("--dev-bind").args([&device, &device]);
    }
    for (name, target) in [("fd", "fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2")] {
        command.arg("--symlink").args([format!("/proc/self/{target}"), format!("/dev/{name}")]);
    }
}
