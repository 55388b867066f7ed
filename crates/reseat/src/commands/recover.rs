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

/// What is wrong when something could not be undone.
const INCOMPLETE: &str = "the recovery did not come to its end";

/// The documented number of it.
const INCOMPLETE_CODE: u32 = 1603;

/// Recovers the machine. An installation that was ended before it had made its prefix has left nothing to be undone, but it
/// may have been joined by another that closed applications: they are started again all the same.
pub fn run(global: &Global) -> Result<ExitCode, Failure> {
    let recovered = match prefix::open_unless_vacant(global)? {
        Some(machine) => reseat_engine::recover(&machine, &Hosts::find(&machine))?,
        None => reseat_engine::recover_applications()?,
    };
    if global.json {
        warn(&recovered);
        return print_json(&recovered);
    }
    for line in lines(&recovered) {
        println!("{line}");
    }
    if recovered.installations.is_empty() && recovered.restarted.is_empty() {
        match prefix::folder(global)? {
            folder if folder.is_dir() => println!("nothing to recover"),
            folder => println!("nothing to recover: there is no prefix {}", folder.display()),
        }
    }
    check(&recovered)?;
    Ok(ExitCode::SUCCESS)
}

/// Prints one document, whether it came to its end or not.
fn print_json(recovered: &Recovered) -> Result<ExitCode, Failure> {
    let installations = recovered.installations.iter().map(|installation| {
        json!({
            "title": installation.title,
            "outcome": if installation.finished { "finished" } else { "undone" },
            "undone": installation.undone,
            "complete": installation.complete,
            "problems": installation.problems,
        })
    });
    let is_complete = recovered.is_complete();
    output::json(&json!({
        "error": if is_complete { 0 } else { INCOMPLETE_CODE },
        "message": (!is_complete).then_some(INCOMPLETE),
        "installations": installations.collect::<Vec<_>>(),
        "restarted": recovered.restarted,
    }));
    Ok(if is_complete { ExitCode::SUCCESS } else { ExitCode::FAILURE })
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

fn warn(recovered: &Recovered) {
    for problem in recovered.installations.iter().flat_map(|installation| &installation.problems) {
        eprintln!("reseat: warning: {}", reseat_engine::masked(problem));
    }
}

fn check(recovered: &Recovered) -> Result<(), Failure> {
    warn(recovered);
    if recovered.is_complete() {
        return Ok(());
    }
    let failure = Failure::documented(INCOMPLETE_CODE, INCOMPLETE);
    Err(failure.with_hint("'reseat recover' tries again when the cause is gone"))
}
