//! `reseat who`: who uses files.

use std::process::ExitCode;

use reseat_restart_manager::who::{self, FileState, How};
use serde::Serialize;

use crate::arguments::{Global, Who};
use crate::failure::Failure;
use crate::output;
use crate::prefix;

#[derive(Serialize)]
struct Line {
    application: String,
    pid: u32,
    user: String,
    uses: String,
    file: String,
}

/// Exit code when no file is in use.
const FREE: u8 = 1;
/// Exit code when it is not known.
const UNKNOWN: u8 = 2;

/// Prints who uses the files.
pub fn run(global: &Global, arguments: &Who) -> Result<ExitCode, Failure> {
    let mut files = Vec::with_capacity(arguments.files.len());
    for file in &arguments.files {
        files.push(prefix::locate(global, file)?);
    }
    let usage = who::uses(&files)?;
    let mut lines = Vec::new();
    for user in &usage.users {
        let name = user_name(user.process.pid);
        for file in &user.files {
            lines.push(Line {
                application: user.name.clone(),
                pid: user.process.pid,
                user: name.clone(),
                uses: file.how.iter().map(|how| words(*how)).collect::<Vec<_>>().join(", "),
                file: files.get(file.file).map(|path| path.display().to_string()).unwrap_or_default(),
            });
        }
    }
    output::list(global, &["application", "pid", "user", "uses", "file"], &lines, |line| {
        vec![line.application.clone(), line.pid.to_string(), line.user.clone(), line.uses.clone(), line.file.clone()]
    });

    let mut missing = false;
    let mut unknown = false;
    for (file, state) in files.iter().zip(&usage.files) {
        let file = file.display();
        match state {
            FileState::Free | FileState::InUse => {}
            FileState::Missing => {
                missing = true;
                eprintln!("reseat: {file} does not exist");
            }
            FileState::InUseByUnknown => {
                unknown = true;
                eprintln!("reseat: {file} is in use, by the kernel or by a process that could not be inspected");
            }
            FileState::Unknown(reason) => {
                unknown = true;
                eprintln!("reseat: {file} could not be looked at: {reason}");
            }
        }
    }
    if unknown && !global.quiet {
        for process in &usage.uninspected {
            eprintln!("reseat: process {} could not be inspected: {}", process.pid, process.reason);
        }
    }
    Ok(if !lines.is_empty() {
        ExitCode::SUCCESS
    } else if unknown || missing {
        ExitCode::from(UNKNOWN)
    } else {
        ExitCode::from(FREE)
    })
}

fn words(how: How) -> &'static str {
    match how {
        How::Open => "open",
        How::Mapped => "mapped",
        How::Executable => "runs it",
        How::WorkingDirectory => "working folder",
        How::RootDirectory => "root folder",
    }
}

/// The name of a process' user, or its number.
fn user_name(pid: u32) -> String {
    use std::os::unix::fs::MetadataExt;
    let Ok(metadata) = std::fs::metadata(format!("/proc/{pid}")) else { return String::new() };
    let number = metadata.uid().to_string();
    let accounts = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let name = accounts.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == number).then(|| name.to_owned())
    });
    name.unwrap_or(number)
}
