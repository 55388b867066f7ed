//! InstallValidate: disk space, files in use, and the end of the session key (pages `installvalidate-action.md`,
//! `msirestartmanagersessionkey.md`, `msirmshutdown.md`).

use std::collections::HashSet;
use std::path::PathBuf;

use reseat_machine::WindowsPath;
use reseat_package::InstallState;
use reseat_restart_manager::{ApplicationList, ApplicationStatus, Error};
use reseat_script::Rollback;

use crate::actions::affected_files::{AffectedFiles, affected_files};
use crate::actions::disk_cost::DiskCost;
use crate::actions::execute;
use crate::client::ui_level;
use crate::error::EngineError;
use crate::interface::{Answer, FilesInUseAnswer, Message, Question};
use crate::log::{plain, service};
use crate::notice::Notice;
use crate::numbered_message::NumberedMessage;
use crate::plan::{self, VolumePlan};
use crate::replaced_folders;
use crate::request::UiLevel;
use crate::restart::{Conversation, SESSION_KEY_PROPERTY, Shutdown};
use crate::sequence::is_dialog;
use crate::session::{Purpose, Session};

/// Checks the disk space, closes what uses files that will be replaced or removed, and clears the session key.
pub fn install_validate(session: &mut Session<'_, '_>) -> Result<(), EngineError> {
    log_states(session)?;
    replaced_folders::warn(session)?;
    let AffectedFiles { files, cost } = affected_files(session)?;
    check_space(session, &cost)?;
    let result = free_files(session, &files);
    // Also when this fails: nobody may join any more.
    session.set_property(SESSION_KEY_PROPERTY, "");
    result
}

/// Writes the states as the page `checking-the-installation-of-features-components-files.md` has them.
fn log_states(session: &Session<'_, '_>) -> Result<(), EngineError> {
    let selection = session.selection()?;
    for state in selection.features() {
        // Components have no such state.
        let asked = |asked: InstallState| match state.reinstall {
            true => "Reinstall".to_owned(),
            false => asked.to_string(),
        };
        service!(
            "Feature: {}; Installed: {};   Request: {};   Action: {}",
            state.feature,
            state.installed,
            asked(state.requested),
            asked(state.action)
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

/// The room that the installation needs.
///
/// # Errors
/// When nothing was costed, or a file cannot be looked at.
pub(crate) fn disk_cost(session: &mut Session<'_, '_>) -> Result<DiskCost, EngineError> {
    Ok(affected_files(session)?.cost)
}

/// Ends the installation when a volume has too little room. Where there is enough without rollback, PROMPTROLLBACKCOST says
/// whether to do without (page `promptrollbackcost.md`); nobody who cannot be asked loses it unless the package wants that.
fn check_space(session: &mut Session<'_, '_>, cost: &DiskCost) -> Result<(), EngineError> {
    let machine = session.machine();
    loop {
        let rollback = execute::rollback(session)?;
        let shortage = cost.shortage(machine, rollback)?;
        if let Some(plan) = &mut session.installation.plan {
            for volume in cost.volumes(machine, rollback)? {
                plan.volume(volume);
            }
        }
        let Some(VolumePlan { volume, needed, free: available }) = shortage else { return Ok(()) };
        let may_do_without =
            rollback == Rollback::Enabled && cost.shortage(machine, Rollback::Disabled)?.is_none();
        let setting = session.property("PROMPTROLLBACKCOST").and_then(|it| it.chars().next());
        let setting = setting.map(|letter| letter.to_ascii_uppercase()).filter(|_| may_do_without);
        let silent = session.installation.request.ui_level == UiLevel::Silent;
        if let Some(plan) = &mut session.installation.plan {
            if setting != Some('D') {
                plan.obstacle(format!("{needed} bytes are needed on {volume} and {available} are free"));
            }
            return Ok(());
        }
        match setting {
            Some('D') => {}
            Some('P') if !silent => {
                let fields = [volume, needed.div_ceil(1024).to_string(), (available / 1024).to_string()];
                // Abort, Retry, Ignore; whoever cannot be asked does not go on.
                let question = Question::new(session.message_text(&NumberedMessage::new(1605, fields)), 2);
                match session.installation.interface.question(&question) {
                    Answer::Ignore => {}
                    Answer::Retry => continue,
                    _ => return Err(EngineError::UserExit),
                }
            }
            _ => return Err(EngineError::DiskSpace { volume, needed, available }),
        }
        session.lacks_room_for_rollback = true;
        return Ok(());
    }
}

/// Registers the files, and closes their users as far as the user and the properties allow.
fn free_files(session: &mut Session<'_, '_>, affected: &[WindowsPath]) -> Result<(), EngineError> {
    let machine = session.machine();
    let files: Vec<PathBuf> =
        affected.iter().map(|path| machine.unix_path(path)).collect::<Result<_, _>>()?;
    if session.installation.plan.is_some() {
        return plan::note_users(session, affected, &files);
    }
    let silent = session.installation.request.ui_level == UiLevel::Silent;
    let shutdown = Shutdown::from_property(session.property("MSIRMSHUTDOWN"));
    if let Some(restart) = &mut session.installation.restart {
        restart.register_files(files.clone())?;
        if session.purpose == Purpose::Requested {
            restart.set_shutdown(shutdown);
        }
        if silent && restart.may_shut_down() {
            service!("RESTART MANAGER: Will attempt to shut down and restart applications in no UI modes.");
        }
    }
    let list = match silent {
        true => close_silently(session, &files)?,
        false => ask(session, &files)?,
    };
    leave_in_use(session, &list, affected, &files);
    Ok(())
}

/// Without a user interface applications are always closed, as far as that is allowed; gives who goes on.
fn close_silently(session: &mut Session<'_, '_>, files: &[PathBuf]) -> Result<ApplicationList, EngineError> {
    let list = users(session, files)?;
    log_users(session, &list);
    if list.running().next().is_none() || !may_shut_down(session) {
        return Ok(list);
    }
    shut_down(session)?;
    users(session, files)
}

/// Asks the user until nobody is in the way, or may be; gives who goes on (pages
/// `using-restart-manager-with-an-external-ui-.md` and `installvalidate-action.md`).
fn ask(session: &mut Session<'_, '_>, files: &[PathBuf]) -> Result<ApplicationList, EngineError> {
    // Whether the message is INSTALLMESSAGE_RMFILESINUSE, which lets the Restart Manager work.
    // With a full user interface the package has to have the dialog for it.
    let has_dialog = is_dialog(session, "MsiRMFilesInUse")?;
    let offered = has_dialog || ui_level(session) < UiLevel::Full;
    let mut with_restart_manager = offered && may_shut_down(session);
    loop {
        let list = users(session, files)?;
        log_users(session, &list);
        // The removal of an older product does not close what the user has let go on.
        if list.running().next().is_none() || session.installation.ignores_files_in_use {
            return Ok(list);
        }
        match session.installation.interface.files_in_use(&list, with_restart_manager) {
            FilesInUseAnswer::Cancel => return Err(EngineError::UserExit),
            FilesInUseAnswer::ShutDown if with_restart_manager => {
                if shut_down(session)? {
                    return users(session, files);
                }
                with_restart_manager = false;
            }
            FilesInUseAnswer::No if with_restart_manager && has_dialog => {
                let question = Question::new(session.message_text(&NumberedMessage::new(1610, [])), 1);
                if session.installation.interface.question(&question) == Answer::Cancel {
                    return Err(EngineError::UserExit);
                }
                session.installation.ignores_files_in_use = true;
                return Ok(list);
            }
            FilesInUseAnswer::No | FilesInUseAnswer::Retry => with_restart_manager = false,
            FilesInUseAnswer::ShutDown | FilesInUseAnswer::Ignore => {
                session.installation.ignores_files_in_use = true;
                return Ok(list);
            }
        }
    }
}

fn may_shut_down(session: &Session<'_, '_>) -> bool {
    session.installation.restart.as_ref().is_some_and(Conversation::may_shut_down)
}

/// Who uses what is registered, or without a session these files.
fn users(session: &Session<'_, '_>, files: &[PathBuf]) -> Result<ApplicationList, EngineError> {
    Ok(match &session.installation.restart {
        Some(restart) => restart.list()?,
        None => reseat_restart_manager::applications(None, files)?,
    })
}

/// Closes applications and says whether all ended; that some go on is no failure of the installation.
fn shut_down(session: &mut Session<'_, '_>) -> Result<bool, EngineError> {
    let installation = &mut *session.installation;
    let Some(restart) = &mut installation.restart else { return Ok(false) };
    installation.interface.waits(Some(restart.cancel_token()));
    let result = restart.shut_down(&mut |_| {});
    installation.interface.waits(None);
    match result {
        Ok(()) => Ok(true),
        Err(Error::Cancelled) => Err(EngineError::UserExit),
        Err(error) => {
            session.warn_of_notice(Notice::NotClosed { cause: &error.to_string() });
            if session.installation.request.ui_level != UiLevel::Silent {
                let text = session.message_text(&NumberedMessage::new(1611, []));
                session.tell(&Message::Information(text));
            }
            Ok(false)
        }
    }
}

/// Takes note of the files that something goes on using: they are replaced or removed when the system starts again.
fn leave_in_use(
    session: &mut Session<'_, '_>,
    list: &ApplicationList,
    affected: &[WindowsPath],
    files: &[PathBuf],
) {
    let remaining = list.applications.iter().filter(|it| it.status.contains(ApplicationStatus::RUNNING));
    let mut in_use = HashSet::new();
    for application in remaining {
        in_use.extend(&application.files);
        let (name, pid) = (&application.name, application.process.pid);
        let critical = application.critical.as_ref().map(ToString::to_string);
        replaced_in_use(session, Notice::GoesOn { name, process: pid, critical: critical.as_deref() });
    }
    for file in &list.unattributed {
        in_use.insert(file);
        plain!("Info 1603. The file {} is being held in use.", file.display());
        replaced_in_use(session, Notice::InUse { file: &file.display().to_string() });
    }
    hold(session, &in_use, affected, files);
}

/// Keeps files as they are until the system starts again.
pub(crate) fn hold(
    session: &mut Session<'_, '_>,
    in_use: &HashSet<&PathBuf>,
    affected: &[WindowsPath],
    files: &[PathBuf],
) {
    for (path, _) in affected.iter().zip(files).filter(|(_, file)| in_use.contains(file)) {
        session.installation.pending.hold(path.clone());
    }
}

/// Notes that something goes on with old files.
fn replaced_in_use(session: &mut Session<'_, '_>, notice: Notice<'_>) {
    session.warn_of_notice(notice);
    session.installation.restart_required = true;
    session.set_property("ReplacedInUseFiles", "1");
}

fn log_users(session: &Session<'_, '_>, list: &ApplicationList) {
    for application in &list.applications {
        for file in &application.files {
            let (file, pid) = (file.display().to_string(), application.process.pid.to_string());
            let window = application.window.as_deref().unwrap_or_default();
            let fields = [&file, "", &application.name, &pid, window];
            plain!("Info 1603. {}", session.logged_text(1603, &fields));
        }
    }
}
