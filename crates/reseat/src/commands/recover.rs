//! `reseat recover`: ends or undoes an installation that was interrupted.

use std::path::PathBuf;
use std::process::ExitCode;

use reseat_custom_actions::Hosts;

use crate::arguments::Global;
use crate::failure::Failure;
use crate::prefix;

/// Recovers the machine.
pub fn run(global: &Global) -> Result<ExitCode, Failure> {
    let machine = prefix::open(global)?;
    let reseat = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("reseat"));
    let host = Hosts::find(&machine, &reseat);
    let lines = reseat_engine::recover(&machine, &host)?;
    if lines.is_empty() {
        println!("nothing to recover");
    }
    for line in lines {
        println!("{line}");
    }
    Ok(ExitCode::SUCCESS)
}
