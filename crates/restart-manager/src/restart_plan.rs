//! Everything needed to start an application again, written down before it is stopped.
//!
//! Kept: program, registered arguments, working directory, initial environment, umask, nice value, and
//! standard streams that are regular files. Lost: terminal, process group, pipes and sockets, inherited
//! descriptors, memory. Windows keeps less; its documentation asks applications to keep their state
//! themselves.

use std::ffi::OsString;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use rustix::fs::{FileType, readlinkat};
use serde::{Deserialize, Serialize};

use crate::lease::identify;
use crate::process::{Credentials, Stat, read_file};
use crate::registration::{Registration, RestartFlags};

/// The environment of a process can be as large as its stack; no real one comes near this.
const ENVIRONMENT_LIMIT: usize = 8 << 20;

/// How to start an application again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RestartPlan {
    #[serde(with = "crate::path_text")]
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<String>,
    #[serde(with = "crate::path_text")]
    pub(crate) folder: PathBuf,
    /// `NAME=value` entries.
    #[serde(with = "crate::path_text::list")]
    pub(crate) environment: Vec<OsString>,
    pub(crate) umask: u32,
    pub(crate) nice: i32,
    pub(crate) flags: RestartFlags,
    /// Standard input, output and error: the regular file, or nothing.
    pub(crate) streams: [Option<Stream>; 3],
}

/// A standard stream that is a regular file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stream {
    #[serde(with = "crate::path_text")]
    pub(crate) path: PathBuf,
}

impl RestartPlan {
    /// Reads from a running process, which registered itself, how to start it again.
    pub(crate) fn of(registration: &Registration, stat: &Stat, folder: BorrowedFd<'_>) -> RestartPlan {
        let working = readlinkat(folder, "cwd", Vec::new()).map(|it| it.into_bytes()).unwrap_or_default();
        RestartPlan {
            program: registration.program.clone(),
            arguments: registration.arguments.clone(),
            folder: PathBuf::from(OsString::from_vec(working)),
            environment: environment(folder),
            umask: Credentials::read(folder).map_or(0o022, |it| it.umask),
            nice: stat.nice,
            flags: registration.flags,
            streams: ["fd/0", "fd/1", "fd/2"].map(|name| stream(folder, name)),
        }
    }

    /// The environment that a process was started with, sorted, as [`RestartPlan::sorted_environment`] gives
    /// it.
    pub(crate) fn environment_of(folder: BorrowedFd<'_>) -> Vec<OsString> {
        let mut entries = environment(folder);
        entries.sort();
        entries
    }

    /// The environment that the plan starts its program with: sorted, and of several entries of one name the
    /// last.
    pub(crate) fn sorted_environment(&self) -> Vec<OsString> {
        let last: std::collections::BTreeMap<OsString, OsString> = self.variables().collect();
        let mut entries: Vec<OsString> = last
            .into_iter()
            .map(|(mut name, value)| {
                name.push("=");
                name.push(value);
                name
            })
            .collect();
        entries.sort();
        entries
    }

    /// The entries of the environment as name and value.
    pub(crate) fn variables(&self) -> impl Iterator<Item = (OsString, OsString)> {
        self.environment.iter().filter_map(|entry| {
            let bytes = entry.as_bytes();
            // The name may begin with an equals sign, as the standard library allows.
            let at = bytes.iter().skip(1).position(|&byte| byte == b'=')? + 1;
            let (name, value) = (bytes.get(..at)?, bytes.get(at + 1..)?);
            Some((OsString::from_vec(name.to_vec()), OsString::from_vec(value.to_vec())))
        })
    }
}

fn environment(folder: BorrowedFd<'_>) -> Vec<OsString> {
    let text = read_file(folder, "environ", ENVIRONMENT_LIMIT).unwrap_or_default();
    text.split(|&byte| byte == 0)
        // A program may have written over its own environment; what is no entry would be refused by exec.
        .filter(|entry| entry.iter().skip(1).any(|&byte| byte == b'='))
        .map(|entry| OsString::from_vec(entry.to_vec()))
        .collect()
}

fn stream(folder: BorrowedFd<'_>, name: &str) -> Option<Stream> {
    let (file, kind) = identify(folder, name).ok()?;
    if kind != FileType::RegularFile {
        return None;
    }
    let path = readlinkat(folder, name, Vec::new()).ok()?.into_bytes();
    let path = PathBuf::from(OsString::from_vec(path));
    // Deleted, or a name of another mount namespace: then the path does not lead to the same file.
    let (now, _) = identify(rustix::fs::CWD.as_fd(), &path).ok()?;
    (now == file).then_some(Stream { path })
}
