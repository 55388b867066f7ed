//! `reseat recover`: ends or undoes an installation that was interrupted.

use std::process::ExitCode;

use reseat_custom_actions::Hosts;
use reseat_engine::{CustomActionHost, Recovered};
use reseat_machine::Machine;
use serde_json::json;

use crate::arguments::Global;
use crate::failure::Failure;
use crate::output;
use crate::prefix;

/// Recovers the machine.
pub fn run(global: &Global) -> Result<ExitCode, Failure> {
    let machine = prefix::open(global)?;
    let host = Hosts::find(&machine);
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
    } else {
        for line in lines(&recovered) {
            println!("{line}");
        }
        if recovered.installations.is_empty() && recovered.restarted.is_empty() {
            println!("nothing to recover");
        }
    }
    check(&recovered)?;
    Ok(ExitCode::SUCCESS)
}

/// Recovers the machine before something else is done with it.
pub fn first(global: &Global, machine: &Machine, host: &dyn CustomActionHost) -> Result<(), Failure> {
    let recovered = reseat_engine::recover(machine, host)?;
    if !global.quiet {
        for line in lines(&recovered) {
            eprintln!("{line}");
        }
    }
    check(&recovered)
}

fn lines(recovered: &Recovered) -> Vec<String> {
    let installations = recovered.installations.iter().map(|installation| {
        if installation.finished {
            format!("{}: finished", installation.title)
        } else {
            format!("{}: undone, {} changes", installation.title, installation.undone)
        }
    });
    let restarted = recovered
        .restarted
        .iter()
        .map(|application| format!("{}: started again, process {}", application.name, application.new));
    installations.chain(restarted).collect()
}

fn check(recovered: &Recovered) -> Result<(), Failure> {
    for problem in recovered.installations.iter().flat_map(|installation| &installation.problems) {
        eprintln!("reseat: warning: {}", reseat_engine::masked(problem));
    }
    if recovered.is_complete() {
        return Ok(());
    }
    let failure = Failure::documented(1603, "the recovery did not come to its end");
    Err(failure.with_hint("'reseat recover' tries again when the cause is gone"))
}
