//! `reseat rm`: what scripts and custom actions do with a Restart Manager session.

use std::os::unix::process::parent_id;
use std::process::ExitCode;

use reseat_restart_manager::{Resources, RestartFlags, Secondary, SessionKey, Store, UniqueProcess, recover};

use crate::arguments::{Global, Rm};
use crate::failure::Failure;
use crate::prefix;

/// Runs a command for a session.
pub fn run(global: &Global, command: Rm) -> Result<ExitCode, Failure> {
    match command {
        Rm::Join { key } => Secondary::join(&session_key(&key)?)?.leave(),
        Rm::Register { key, files, pid } => {
            let mut resources = Resources::default();
            for file in files {
                resources.files.push(prefix::locate(global, &file)?);
            }
            for pid in pid {
                let process = UniqueProcess::of(pid).ok_or_else(|| Failure::usage(format!("there is no process {pid}")))?;
                resources.processes.push(process);
            }
            let session = Secondary::join(&session_key(&key)?)?;
            session.register(&resources)?;
            session.leave();
        }
        Rm::RegisterRestart { pid, arguments } => {
            Store::open()?.register_for(pid.unwrap_or_else(parent_id), &arguments, RestartFlags::NONE)?;
        }
        Rm::UnregisterRestart { pid } => Store::open()?.unregister_for(pid.unwrap_or_else(parent_id))?,
        Rm::Recover => {
            for recovery in recover(&Store::open()?)? {
                for application in recovery.restarted {
                    println!("{} runs again, process {}", application.name, application.new.pid);
                }
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn session_key(text: &str) -> Result<SessionKey, Failure> {
    Ok(text.parse::<SessionKey>()?)
}
