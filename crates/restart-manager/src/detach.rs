//! Starts a program on its own: a new session, no terminal, none of the installer's descriptors, no zombie.

use std::fs::File;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, setpriority_process, setsid, umask};

use crate::process::{Stat, UniqueProcess};
use crate::restart_plan::RestartPlan;

/// Starts the program of this plan.
///
/// # Errors
/// What the system says when the program, its folder or its streams cannot be opened or executed.
pub(crate) fn start(plan: &RestartPlan) -> io::Result<UniqueProcess> {
    let mut command = Command::new(&plan.program);
    command.args(&plan.arguments).env_clear().envs(plan.variables());
    if !plan.folder.as_os_str().is_empty() {
        command.current_dir(&plan.folder);
    }
    let [input, output, error] = &plan.streams;
    command.stdin(match input {
        // A stream that cannot be opened any more is no reason to leave the application stopped.
        Some(stream) => File::open(&stream.path).map_or_else(|_| Stdio::null(), Stdio::from),
        None => Stdio::null(),
    });
    for (number, stream) in [(1, output), (2, error)] {
        let target = match stream {
            Some(stream) => {
                File::options().append(true).open(&stream.path).map_or_else(|_| Stdio::null(), Stdio::from)
            }
            None => Stdio::null(),
        };
        if number == 1 {
            command.stdout(target)
        } else {
            command.stderr(target)
        };
    }
    prepare(&mut command, plan.umask, plan.nice);
    let mut child = spawn(&mut command)?;
    // Not reaped before this thread waits for it, so its id is still its own.
    let process =
        Stat::of(child.id()).map(|stat| UniqueProcess { pid: child.id(), start_time: stat.start_time });
    // Someone has to reap it while the installer still runs; afterwards that is the init process.
    let reaper = std::thread::Builder::new().name("reseat-reaper".to_owned()).stack_size(64 << 10);
    if let Err(error) = reaper.spawn(move || child.wait()) {
        tracing::warn!(%error, "a restarted application will stay a zombie when it ends before the installer");
    }
    process.ok_or_else(|| io::Error::other("the process ended at once"))
}

/// A program whose file has only just been written may be busy: a child that another thread has forked still
/// holds the descriptor that it was written through, until it executes.
fn spawn(command: &mut Command) -> io::Result<Child> {
    for _ in 0..200 {
        match command.spawn() {
            Err(error) if error.kind() == io::ErrorKind::ExecutableFileBusy => {
                std::thread::sleep(Duration::from_millis(5));
            }
            other => return other,
        }
    }
    command.spawn()
}

#[allow(unsafe_code)]
fn prepare(command: &mut Command, mask: u32, nice: i32) {
    let between_fork_and_exec = move || {
        setsid()?;
        umask(rustix::fs::Mode::from_raw_mode(mask & 0o777));
        // Raising the priority needs a privilege; running without it is better than not running.
        let _ = setpriority_process(None::<Pid>, nice);
        Ok(())
    };
    // SAFETY: between fork and exec only async-signal-safe calls are allowed: these are three plain system
    // calls that take no lock and no memory.
    unsafe { command.pre_exec(between_fork_and_exec) };
}
