//! InstallValidate: disk space, files in use, and the end of the session key (pages `installvalidate-action.md`,
//! `msirestartmanagersessionkey.md`, `msirmshutdown.md`).

use std::path::PathBuf;

use reseat_machine::WindowsPath;
use reseat_restart_manager::ApplicationList;

use crate::actions::files::files_to_remove;
use crate::decision::decide_file;
use crate::error::EngineError;
use crate::interface::{FilesInUseAnswer, Message};
use crate::log::{plain, service};
use crate::request::UiLevel;
use crate::restart::{SESSION_KEY_PROPERTY, Shutdown};
use crate::selection::Doing;
use crate::session::{Purpose, Session};

/// Checks the disk space, closes what uses files that will be replaced or removed, and clears the session key.
pub fn install_validate(session: &mut Session<'_, '_>) -> Result<(), EngineError> {
    log_states(session)?;
    let Affected { files, bytes } = affected(session)?;
    check_space(session, bytes)?;
    if session.installation.restart.is_some() {
        let result = free_files(session, &files);
        // Also when this fails: nobody may join any more.
        session.set_property(SESSION_KEY_PROPERTY, "");
        result?;
    }
    Ok(())
}

fn log_states(session: &Session<'_, '_>) -> Result<(), EngineError> {
    let selection = session.selection()?;
    for state in selection.features() {
        service!(
            "Feature: {}; Installed: {};   Request: {};   Action: {}",
            state.feature,
            state.installed,
            state.requested,
            state.action
        );
    }
    for (_, state) in selection.components() {
        service!(
            "Component: {}; Installed: {};   Request: {};   Action: {}",
            state.component,
            state.installed,
            state.requested,
            state.action
        );
    }
    Ok(())
}

/// What the installation will do to files.
struct Affected {
    /// Existing files that will be replaced or removed.
    files: Vec<WindowsPath>,
    /// Bytes that will be written.
    bytes: u64,
}

fn affected(session: &Session<'_, '_>) -> Result<Affected, EngineError> {
    let selection = session.selection()?;
    let mut affected = Affected { files: Vec::new(), bytes: 0 };
    for file in selection.files() {
        if !selection.does(&file.row.component, Doing::Install) {
            continue;
        }
        let path = session.file_path(file)?;
        if decide_file(session, file, &path)?.overwrite {
            affected.bytes = affected.bytes.saturating_add(file.row.bytes());
            affected.files.push(path);
        }
    }
    affected.files.extend(files_to_remove(session)?);
    let machine = session.machine();
    let mut existing = Vec::with_capacity(affected.files.len());
    for path in affected.files {
        if machine.metadata(&path)?.is_some() {
            existing.push(path);
        }
    }
    affected.files = existing;
    Ok(affected)
}

fn check_space(session: &Session<'_, '_>, needed: u64) -> Result<(), EngineError> {
    let available = session.machine().free_space('C')?;
    if needed > available {
        return Err(EngineError::DiskSpace { volume: "C:".to_owned(), needed, available });
    }
    Ok(())
}

/// Registers the files, and closes their users as far as the user and the properties allow.
fn free_files(session: &mut Session<'_, '_>, files: &[WindowsPath]) -> Result<(), EngineError> {
    let machine = session.machine();
    let files: Vec<PathBuf> = files.iter().map(|path| machine.unix_path(path)).collect::<Result<_, _>>()?;
    let silent = session.installation.request.ui_level == UiLevel::Silent || session.purpose == Purpose::Upgrade;
    let shutdown = Shutdown::from_property(session.property("MSIRMSHUTDOWN"));
    let Some(restart) = session.installation.restart.as_mut() else { return Ok(()) };
    restart.register_files(files)?;
    if silent {
        service!("RESTART MANAGER: Will attempt to shut down and restart applications in no UI modes.");
    }
    loop {
        let Some(restart) = session.installation.restart.as_mut() else { return Ok(()) };
        let list = restart.list()?;
        let may_shut_down = restart.may_shut_down();
        log_users(&list);
        if list.running().next().is_none() {
            report_unavailable(session, &list);
            return Ok(());
        }
        let answer = match (silent, may_shut_down) {
            (true, true) => FilesInUseAnswer::ShutDown,
            (true, false) => FilesInUseAnswer::Ignore,
            (false, _) => session.installation.interface.files_in_use(&list),
        };
        match answer {
            FilesInUseAnswer::Retry => {}
            FilesInUseAnswer::Cancel => return Err(EngineError::UserExit),
            FilesInUseAnswer::ShutDown if may_shut_down => {
                let Some(restart) = session.installation.restart.as_mut() else { return Ok(()) };
                let result = restart.shut_down(shutdown, &mut |_| {});
                if let Err(error) = result {
                    session.tell(&Message::Warning(error.to_string()));
                    session.installation.restart_required = true;
                    session.set_property("ReplacedInUseFiles", "1");
                }
                report_unavailable(session, &list);
                return Ok(());
            }
            FilesInUseAnswer::ShutDown | FilesInUseAnswer::Ignore => {
                session.installation.restart_required = true;
                session.set_property("ReplacedInUseFiles", "1");
                return Ok(());
            }
        }
    }
}

fn log_users(list: &ApplicationList) {
    for application in &list.applications {
        for file in &application.files {
            plain!(
                "Info 1603. The file {} is being held in use by the following process: Name: {}, Id: {}, Window Title: ''.",
                file.display(),
                application.name,
                application.process.pid
            );
        }
    }
}

/// Says what holds files and is never closed, or could not be looked at.
fn report_unavailable(session: &mut Session<'_, '_>, list: &ApplicationList) {
    let mut warnings = Vec::new();
    for application in &list.applications {
        if let Some(reason) = &application.critical {
            warnings.push(format!(
                "{} (process {}) uses files that are replaced and is not closed: {reason}; it keeps the old ones until it is started again",
                application.name, application.process.pid
            ));
        }
    }
    for file in &list.unattributed {
        warnings.push(format!("{} is in use by something that could not be found", file.display()));
    }
    if warnings.is_empty() {
        return;
    }
    for warning in warnings {
        session.tell(&Message::Warning(warning));
    }
    session.installation.restart_required = true;
    session.set_property("ReplacedInUseFiles", "1");
}
