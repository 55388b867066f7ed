//! A sandbox for programs of packages: name spaces of their own in which nothing but the prefix can be written.
//!
//! Bubblewrap (`bwrap`) makes it: the computer's files can be read, the prefix be written, `/tmp` is empty and new, there is no network,
//! and no other process is seen. The Restart Manager session cannot be joined from within.

use std::path::Path;
use std::process::Command;

/// Where programs run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sandbox {
    /// As any other program of the user.
    #[default]
    None,
    /// In name spaces of their own.
    Bubblewrap,
}

impl Sandbox {
    /// Whether a program can be run in it here.
    pub fn works(self) -> bool {
        match self {
            Self::None => true,
            Self::Bubblewrap => {
                let tried = bubblewrap().args(["--", "true"]).output();
                tried.is_ok_and(|output| output.status.success())
            }
        }
    }
}

fn bubblewrap() -> Command {
    let mut command = Command::new("bwrap");
    command.args([
        "--unshare-all",
        "--die-with-parent",
        "--ro-bind",
        "/",
        "/",
        "--dev",
        "/dev",
        "--proc",
        "/proc",
    ]);
    command.args(["--tmpfs", "/tmp", "--setenv", "TMPDIR", "/tmp"]);
    command
}

/// A command that runs a program in the sandbox; its words are to be added.
pub(crate) fn command(prefix: &Path, program: &Path) -> Command {
    let mut command = bubblewrap();
    command.arg("--bind").args([prefix, prefix]);
    // It may be a temporary file; one that is inherited as a descriptor is there anyway.
    if !program.starts_with("/proc") {
        command.arg("--ro-bind").args([program, program]);
    }
    command.arg("--").arg(program);
    command
}
