//! A sandbox for programs of packages: name spaces of their own in which at most the prefix can be written.
//!
//! Bubblewrap (`bwrap`) makes it: the computer's files can be read, `/tmp` and `/run` are empty and new, there is no network, no other
//! process is seen, and no terminal can be typed into. Root has no capabilities in it: with them it would mount the computer's files
//! anew. In `/run` are the sockets of services that would do for a program what it may not do itself. The Restart Manager session
//! cannot be joined from within.
//!
//! Windows code does not run in it. Wine's programs are one with their wineserver, which has the registry, reaches into each
//! of them and would have to be in the sandbox with them, while the engine reads and changes the registry through it from outside.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

/// Where programs run.
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

    /// A command that runs a program in it; its words are to be added.
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
        command.arg(how).args([prefix, prefix]);
        // It may be a temporary file; one that is inherited as a descriptor is there anyway.
        if !program.starts_with("/proc") {
            command.arg("--ro-bind").args([program, program]);
        }
        command.arg("--").arg(program);
        command
    }
}

fn bubblewrap() -> Command {
    let mut command = Command::new("bwrap");
    command.args([
        "--unshare-all",
        "--die-with-parent",
        "--new-session",
        "--cap-drop",
        "ALL",
        "--ro-bind",
        "/",
        "/",
        "--dev",
        "/dev",
        "--proc",
        "/proc",
    ]);
    command.args(["--tmpfs", "/tmp", "--setenv", "TMPDIR", "/tmp", "--tmpfs", "/run"]);
    // Where NixOS has its programs.
    command.args(["--ro-bind-try", "/run/current-system", "/run/current-system"]);
    command
}
