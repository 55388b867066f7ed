//! `reseat rm`: what scripts and custom actions do with a Restart Manager session.

use std::os::unix::process::parent_id;
use std::path::Path;
use std::process::ExitCode;

use reseat_custom_actions::Keeper;
use reseat_restart_manager::who::FileState;
use reseat_restart_manager::{
    Error, Filter, FilterAction, FilterTrigger, Primary, RestartFlags, Restarted, Secondary, SessionKey,
    Store, UniqueProcess, recover, recover_remembered, remember, service_name,
};
use serde_json::json;

use crate::arguments::Global;
use crate::closing;
use crate::failure::Failure;
use crate::output;
use crate::prefix;
use crate::restart_arguments::{self, Closing, Rm, Trigger};

/// Runs a command for a session.
pub fn run(global: &Global, command: Rm) -> Result<ExitCode, Failure> {
    match command {
        Rm::Start { owner } => start(global, owner.unwrap_or_else(parent_id))?,
        Rm::Join { key } => Secondary::join(&session_key(&key)?)?.leave(),
        Rm::Register { key, files, pid, service } => {
            let mut resources = closing::resources(global, &files)?;
            for pid in pid {
                resources.processes.push(process(pid)?);
            }
            for name in service {
                closing::add_service(global, &mut resources, full_name(&name));
            }
            let session = Secondary::join(&session_key(&key)?)?;
            session.register(&resources)?;
            session.leave();
        }
        Rm::List { key } => list(global, &reopen(&key)?)?,
        Rm::Shutdown { key, closing } => shut_down(global, &key, &closing)?,
        Rm::Restart { key } => restart(global, &key)?,
        Rm::Filter { key, action } => filter(global, &reopen(&key)?, action)?,
        Rm::End { key } => reopen(&key)?.end()?,
        Rm::RegisterRestart { pid, arguments, no_reboot } => {
            let flags = if no_reboot { RestartFlags::NO_REBOOT } else { RestartFlags::NONE };
            Store::open()?.register_for(pid.unwrap_or_else(parent_id), &arguments, flags)?;
        }
        Rm::KeepRegistrations { remove, show } => return keep_registrations(global, remove, show),
        Rm::UnregisterRestart { pid } => Store::open()?.unregister_for(pid.unwrap_or_else(parent_id))?,
        Rm::Remember => remember_all(global)?,
        Rm::Recover => return recover_all(global),
    }
    Ok(ExitCode::SUCCESS)
}

fn session_key(text: &str) -> Result<SessionKey, Failure> {
    Ok(text.parse::<SessionKey>()?)
}

/// Takes up a session as its primary installer: this command was started by the process that it belongs to.
fn reopen(key: &str) -> Result<Primary, Failure> {
    let key = session_key(key)?;
    Ok(Primary::reopen(&Store::open()?, &key)?)
}

fn process(pid: u32) -> Result<UniqueProcess, Failure> {
    UniqueProcess::of(pid).ok_or_else(|| Failure::usage(format!("there is no process {pid}")))
}

fn full_name(service: &str) -> String {
    service_name(service).unwrap_or_else(|| service.to_owned())
}

fn start(global: &Global, owner: u32) -> Result<(), Failure> {
    let key = Primary::start_for(&Store::open()?, process(owner)?)?.detach();
    if global.json {
        output::json(&json!({ "key": key.as_str(), "owner": owner }));
    } else {
        println!("{key}");
    }
    Ok(())
}

fn list(global: &Global, session: &Primary) -> Result<(), Failure> {
    let list = session.list()?;
    if global.json {
        let rows: Vec<closing::Row> = list.applications.iter().map(closing::Row::of).collect();
        let is_unknown = |state: &FileState| matches!(state, FileState::Unknown(_));
        let unknown: Vec<_> = list.files.iter().filter(|it| is_unknown(&it.1)).map(|it| &it.0).collect();
        output::json(&json!({
            "applications": rows,
            "reboot_reasons": list.reboot_reasons.bits(),
            "reboot_reasons_text": list.reboot_reasons.to_string(),
            "unattributed": list.unattributed,
            "unknown": unknown,
            "services_not_inspected": list.services_not_inspected,
        }));
        return Ok(());
    }
    closing::print(global, &list.applications);
    closing::warn_of_unknown(global, &list);
    if !list.reboot_reasons.is_empty() {
        eprintln!("reseat: closing them would not be enough: {}", list.reboot_reasons);
    }
    Ok(())
}

fn shut_down(global: &Global, key: &str, closing: &Closing) -> Result<(), Failure> {
    let options = closing.options()?;
    let session = reopen(key)?;
    let cancel = session.cancel_token();
    ctrlc::set_handler(move || cancel.cancel()).map_err(|error| Failure::new(&error))?;
    let bar = closing::progress_bar(global, "closing applications");
    let result = session.shut_down(&options, &mut |percent| bar.set_position(percent.into()));
    bar.finish_and_clear();
    Ok(result?)
}

fn restart(global: &Global, key: &str) -> Result<(), Failure> {
    let session = reopen(key)?;
    let cancel = session.cancel_token();
    ctrlc::set_handler(move || cancel.cancel()).map_err(|error| Failure::new(&error))?;
    let bar = closing::progress_bar(global, "starting applications");
    let result = session.restart(&mut |percent| bar.set_position(percent.into()));
    bar.finish_and_clear();
    print_restarted(global, &result?);
    Ok(())
}

fn print_restarted(global: &Global, restarted: &[Restarted]) {
    let value = |it: &Restarted| json!({ "application": it.name, "old": it.old.pid, "new": it.new.pid });
    if global.json {
        output::json(&restarted.iter().map(value).collect::<Vec<_>>());
        return;
    }
    for application in restarted {
        println!("{} runs again, process {}", application.name, application.new.pid);
    }
}

fn filter(global: &Global, session: &Primary, action: restart_arguments::Filter) -> Result<(), Failure> {
    match action {
        restart_arguments::Filter::Add { no_restart, no_shutdown: _, trigger } => {
            let action = if no_restart { FilterAction::NoRestart } else { FilterAction::NoShutdown };
            session.add_filter(Filter { action, trigger: of(global, &trigger)? })?;
        }
        restart_arguments::Filter::Remove { trigger } => remove_filter(global, session, &trigger)?,
        restart_arguments::Filter::List => {
            let rows: Vec<_> = session.filters()?.iter().map(row).collect();
            output::list(global, &["filter", "for", "name"], &rows, |row| {
                ["filter", "for", "name"]
                    .map(|name| row.get(name).and_then(|it| it.as_str()).unwrap_or_default().to_owned())
                    .to_vec()
            });
        }
    }
    Ok(())
}

fn remove_filter(global: &Global, session: &Primary, trigger: &Trigger) -> Result<(), Failure> {
    if let Some(pid) = trigger.pid {
        // The process may have ended; its filter is still there.
        let same = |it: &Filter| matches!(it.trigger, FilterTrigger::Process(process) if process.pid == pid);
        let filter = session.filters()?.into_iter().find(same).ok_or(Error::NoSuchFilter)?;
        return Ok(session.remove_filter(&filter.trigger)?);
    }
    Ok(session.remove_filter(&of(global, trigger)?)?)
}

fn of(global: &Global, trigger: &Trigger) -> Result<FilterTrigger, Failure> {
    let located = |path: &Path| {
        let path = prefix::locate(global, path)?;
        // A program is known by its own path, not by a link to it.
        Ok::<_, Failure>(path.canonicalize().unwrap_or(path))
    };
    match (&trigger.file, trigger.pid, &trigger.service) {
        (Some(file), _, _) => Ok(FilterTrigger::File(located(file)?)),
        (_, Some(pid), _) => Ok(FilterTrigger::Process(process(pid)?)),
        (_, _, Some(service)) => Ok(FilterTrigger::Service(full_name(service))),
        (None, None, None) => Err(Failure::usage("give --file, --pid or --service")),
    }
}

fn row(filter: &Filter) -> serde_json::Value {
    let action = match filter.action {
        FilterAction::NoRestart => "no restart",
        FilterAction::NoShutdown => "no shutdown",
    };
    let (kind, name) = match &filter.trigger {
        FilterTrigger::File(path) => ("program", path.display().to_string()),
        FilterTrigger::Process(process) => ("process", process.pid.to_string()),
        FilterTrigger::Service(name) => ("service", name.clone()),
    };
    json!({ "filter": action, "for": kind, "name": name })
}

fn keep_registrations(global: &Global, remove: bool, show: bool) -> Result<ExitCode, Failure> {
    let machine = prefix::open(global)?;
    let keeper = Keeper::of(&machine);
    if !show {
        let _lock = machine.lock()?;
        let done = if remove { keeper.remove() } else { keeper.put() };
        done.map_err(|error| Failure::new(&error))?;
        return Ok(ExitCode::SUCCESS);
    }
    let is_there = keeper.is_there().map_err(|error| Failure::new(&error))?;
    if global.json {
        output::json(&json!({ "prefix": machine.prefix(), "kept": is_there }));
    } else {
        println!("{}", if is_there { "kept" } else { "forgotten" });
    }
    Ok(ExitCode::from(u8::from(!is_there)))
}

fn remember_all(global: &Global) -> Result<(), Failure> {
    let remembered = remember(&Store::open()?)?;
    if global.json {
        let value =
            |(name, process): &(String, UniqueProcess)| json!({ "application": name, "pid": process.pid });
        output::json(&remembered.iter().map(value).collect::<Vec<_>>());
        return Ok(());
    }
    for (name, process) in remembered {
        println!("{name} (process {}) will be started again", process.pid);
    }
    Ok(())
}

fn recover_all(global: &Global) -> Result<ExitCode, Failure> {
    let (mut restarted, mut failed) = (Vec::new(), Vec::new());
    for recovery in recover(&Store::open()?)? {
        restarted.extend(recovery.restarted);
        failed.extend(recovery.failed);
    }
    let remembered = recover_remembered();
    if let Ok((started, refused)) = &remembered {
        restarted.extend(started.iter().cloned());
        failed.extend(refused.iter().cloned());
    }
    for application in &failed {
        eprintln!("reseat: {} was not started again: {}", application.name, application.reason);
    }
    print_restarted(global, &restarted);
    match remembered {
        // Standard output has one document.
        Err(error) if global.json => {
            eprintln!("reseat: {}", Failure::from(error));
            return Ok(ExitCode::FAILURE);
        }
        ended => ended?,
    };
    Ok(if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
