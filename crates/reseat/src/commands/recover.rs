//! `reseat recover`: ends or undoes an installation that was interrupted.

use std::path::PathBuf;
use std::process::ExitCode;

use reseat_custom_actions::Hosts;
use serde_json::json;

use crate::arguments::Global;
use crate::failure::Failure;
use crate::output;
use crate::prefix;

/// Recovers the machine.
pub fn run(global: &Global) -> Result<ExitCode, Failure> {
    let machine = prefix::open(global)?;
    let reseat = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("reseat"));
    let host = Hosts::find(&machine, &reseat);
    let recovered = reseat_engine::recover(&machine, &host)?;
    if global.json {
        let installations = recovered.installations.iter().map(|installation| {
            json!({
                "title": installation.title,
                "outcome": if installation.finished { "finished" } else { "undone" },
                "undone": installation.undone,
                "complete": installation.complete,
                "problems": installation.problems,
            })
        });
        let installations: Vec<_> = installations.collect();
        output::json(&json!({ "installations": installations, "restarted": recovered.restarted }));
    } else if recovered.installations.is_empty() && recovered.restarted.is_empty() {
        println!("nothing to recover");
    }
    for installation in recovered.installations.iter().filter(|_| !global.json) {
        if installation.finished {
            println!("{}: finished", installation.title);
        } else {
            println!("{}: undone, {} changes", installation.title, installation.undone);
        }
    }
    for application in recovered.restarted.iter().filter(|_| !global.json) {
        println!("{}: started again, process {}", application.name, application.new);
    }
    for problem in recovered.installations.iter().flat_map(|installation| &installation.problems) {
        eprintln!("reseat: warning: {problem}");
    }
    if !recovered.is_complete() {
        let failure = Failure::documented(1603, "the recovery did not come to its end");
        return Err(failure.with_hint("'reseat recover' tries again when the cause is gone"));
    }
    Ok(ExitCode::SUCCESS)
}
