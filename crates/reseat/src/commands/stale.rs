//! `reseat stale`: what still runs old, deleted or replaced files, and what to do about it.

use std::path::PathBuf;
use std::process::ExitCode;

use reseat_restart_manager::{
    Error, Outcome, Primary, Resources, Restarted, ShutdownOptions, Stale, StaleList, Store, stale,
};
use serde::Serialize;

use crate::arguments::Global;
use crate::closing;
use crate::failure::Failure;
use crate::output;
use crate::restart_arguments;

/// Something has to be started again.
const STALE: u8 = 10;

#[derive(Serialize)]
struct Row {
    /// What to do.
    action: &'static str,
    application: String,
    unit: Option<String>,
    user: String,
    pids: Vec<u32>,
    reason: String,
    restartable: bool,
    files: Vec<File>,
}

#[derive(Serialize)]
struct File {
    path: PathBuf,
    replaced: bool,
}

/// Prints, or restarts.
pub fn run(global: &Global, arguments: &restart_arguments::Stale) -> Result<ExitCode, Failure> {
    let store = Store::open().ok();
    let mut list = stale(store.as_ref())?;
    if arguments.restart && list.entries.iter().any(Stale::can_be_restarted) {
        restart(global, &list)?;
        list = stale(store.as_ref())?;
    }
    let rows: Vec<Row> = list.entries.iter().map(row).collect();
    output::list(
        global,
        &["do", "application", "unit", "user", "pid", "because", "old file"],
        &rows,
        |row| {
            let pids: Vec<String> = row.pids.iter().map(ToString::to_string).collect();
            vec![
                row.action.to_owned(),
                row.application.clone(),
                row.unit.clone().unwrap_or_default(),
                row.user.clone(),
                shortened(&pids),
                row.reason.clone(),
                shortened(&row.files.iter().map(|it| it.path.display().to_string()).collect::<Vec<_>>()),
            ]
        },
    );
    if !global.quiet {
        let count = list.entries.iter().filter(|it| it.can_be_restarted()).count();
        if count > 0 && !arguments.restart {
            eprintln!("reseat: `reseat stale --restart` restarts {count} of {}", list.entries.len());
        }
        if !list.in_containers.is_empty() {
            let names = container_names(&list);
            match list.in_containers.len() {
                1 => eprintln!("reseat: a process in a container runs old files too{names}"),
                count => eprintln!("reseat: {count} processes in containers run old files too{names}"),
            }
        }
        if !list.uninspected.is_empty() {
            match list.uninspected.len() {
                1 => eprintln!("reseat: a process could not be looked into"),
                count => eprintln!("reseat: {count} processes could not be looked into"),
            }
        }
    }
    Ok(if list.entries.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(STALE) })
}

/// The names of containers that run old files, after a colon.
fn container_names(list: &StaleList) -> String {
    let mut names: Vec<String> = list
        .in_containers
        .iter()
        .filter_map(|(_, container)| Some(container.as_ref()?.to_string()))
        .collect();
    names.sort();
    names.dedup();
    if names.is_empty() { String::new() } else { format!(": {}", names.join(", ")) }
}

fn restart(global: &Global, list: &StaleList) -> Result<(), Failure> {
    let entries = list.entries.iter().filter(|it| it.can_be_restarted());
    let processes = entries.flat_map(|it| it.processes.iter().copied()).collect();
    let session = Primary::start()?;
    session.register(&Resources { processes, ..Resources::default() })?;
    let cancel = session.cancel_token();
    ctrlc::set_handler(move || cancel.cancel()).map_err(|error| Failure::new(&error))?;
    let bar = closing::progress_bar(global, "restarting");
    let closed =
        session.shut_down(&ShutdownOptions::default(), &mut |percent| bar.set_position(percent.into()));
    drop(session.renew_cancel_token());
    let started = session.restart(&mut |percent| bar.set_position(percent.into()));
    bar.finish_and_clear();
    match &started {
        Ok(restarted) => print_restarted(global, restarted),
        Err(Error::OutOfSequence) => {}
        // The session stays, so that `rm recover` can try again.
        Err(_) => return Err(Failure::from(started.err().unwrap_or(Error::OutOfSequence))),
    }
    session.end()?;
    Ok(closed?)
}

fn print_restarted(global: &Global, restarted: &[Restarted]) {
    for application in restarted.iter().filter(|_| !global.quiet) {
        eprintln!("reseat: restarted {} (process {})", application.name, application.new.pid);
    }
}

fn row(stale: &Stale) -> Row {
    Row {
        action: match stale.outcome {
            Outcome::RestartUnit => "restart unit",
            Outcome::CloseApplication => "close and start",
            Outcome::LogOut => "log out",
            Outcome::Reboot => "reboot",
        },
        application: stale.name.clone(),
        unit: stale.service.clone().or_else(|| stale.unit.as_ref().map(|unit| unit.name.clone())),
        user: stale.user_id.map(closing::user_name).unwrap_or_default(),
        pids: stale.processes.iter().map(|it| it.pid).collect(),
        reason: stale.reason.clone(),
        restartable: stale.restartable,
        files: stale.files.iter().map(|it| File { path: it.path.clone(), replaced: it.replaced }).collect(),
    }
}

/// The first, and how many there are beside it.
fn shortened(list: &[String]) -> String {
    match list {
        [] => String::new(),
        [one] => one.clone(),
        [first, rest @ ..] => format!("{first} and {} more", rest.len()),
    }
}
