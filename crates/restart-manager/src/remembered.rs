//! Applications that are to be started again after the system was restarted.
//!
//! Sessions and registrations are kept where the system forgets them. What has registered for restart, and did
//! not ask to stay closed after a reboot (RESTART_NO_REBOOT), is therefore written to a file of the user's that
//! lasts, when someone asks for it: an installer that is going to restart the system, or the user's systemd at
//! the end of the session. That is what the flag EWX_RESTARTAPPS asks for on the page RegisterApplicationRestart.
//!
//! ```text
//! $XDG_STATE_HOME/reseat/after-reboot     one JSON object a line; by default in ~/.local/state, for root in /var/lib
//! ```

use std::ffi::OsString;
use std::io::Write;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use rustix::fs::{AtFlags, Mode, OFlags, openat, renameat, unlinkat};
use rustix::io::Errno;
use rustix::process::geteuid;
use serde::{Deserialize, Serialize};

use crate::detach;
use crate::error::{Error, Refusal};
use crate::journal;
use crate::primary::Restarted;
use crate::process::{UniqueProcess, boot_id};
use crate::registration::RestartFlags;
use crate::restart::plan;
use crate::restart_plan::RestartPlan;
use crate::session::{Session, keys};
use crate::store::{Store, open_trusted, wait_for_lock};

const FILE: &str = "after-reboot";
const DRAFT: &str = ".after-reboot";

/// What belongs to a login and not to an application: taken from the login that it is started in.
const OF_THE_LOGIN: [&str; 11] = [
    "DBUS_SESSION_BUS_ADDRESS",
    "DISPLAY",
    "GPG_AGENT_INFO",
    "INVOCATION_ID",
    "JOURNAL_STREAM",
    "SSH_AUTH_SOCK",
    "WAYLAND_DISPLAY",
    "XAUTHORITY",
    "XDG_RUNTIME_DIR",
    "XDG_SESSION_ID",
    "XDG_VTNR",
];

/// An application to start after a reboot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Remembered {
    boot: String,
    process: UniqueProcess,
    name: String,
    plan: RestartPlan,
}

/// Remembers the applications that run and have registered for restart, and those that interrupted sessions have
/// closed, for [`recover_remembered`] after a restart of the system. Replaces what was remembered before. Gives
/// their names and processes.
///
/// # Errors
/// [`Error::Storage`] and [`Error::UntrustedFolder`].
pub fn remember(store: &Store) -> Result<Vec<(String, UniqueProcess)>, Error> {
    let mut found: Vec<Remembered> = Vec::new();
    let mut add = |process: UniqueProcess, plan: RestartPlan| {
        let name = plan.program.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if !plan.flags.contains(RestartFlags::NO_REBOOT) && !found.iter().any(|it| it.process == process) {
            found.push(Remembered { boot: boot_id(), process, name, plan });
        }
    };
    for process in store.registered()?.into_iter().filter(|it| it.is_running()) {
        if let Some(plan) = plan(store, process) {
            add(process, plan);
        }
    }
    for key in keys(store)? {
        let Ok(history) = Session::open(store, &key).and_then(|session| session.history()) else { continue };
        for entry in history.entries.into_iter().filter(|it| it.is_outstanding()) {
            if let Some(plan) = entry.application.plan.filter(|_| !entry.application.process.is_running()) {
                add(entry.application.process, plan);
            }
        }
    }
    let path = folder_path();
    let mut builder = std::fs::DirBuilder::new();
    std::os::unix::fs::DirBuilderExt::mode(builder.recursive(true), 0o700);
    builder.create(&path).map_err(|source| Error::Storage {
        action: "create",
        path: path.clone(),
        source,
    })?;
    let folder = open_trusted(&path)?;
    let failed = |source| Error::Storage { action: "write", path: path.join(FILE), source };
    let mut text = Vec::new();
    for application in &found {
        serde_json::to_writer(&mut text, application).map_err(|error| failed(error.into()))?;
        text.push(b'\n');
    }
    let _lock = lock(&folder, &path)?;
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file =
        openat(&folder, DRAFT, flags, Mode::RUSR | Mode::WUSR).map_err(|errno| failed(errno.into()))?;
    let mut file = std::fs::File::from(file);
    // Before the system goes down.
    file.write_all(&text).and_then(|()| file.sync_all()).map_err(failed)?;
    renameat(&folder, DRAFT, &folder, FILE).map_err(|errno| failed(errno.into()))?;
    Ok(found.into_iter().map(|it| (it.name, it.process)).collect())
}

/// Starts what was remembered before the system was restarted, once. Gives what was started and what could not
/// be.
///
/// # Errors
/// As [`remember`].
pub fn recover_remembered() -> Result<(Vec<Restarted>, Vec<Refusal>), Error> {
    let path = folder_path();
    if !path.exists() {
        return Ok((Vec::new(), Vec::new()));
    }
    let folder = open_trusted(&path)?;
    let _lock = lock(&folder, &path)?;
    let remembered: Vec<Remembered> = journal::read(folder.as_fd(), FILE, &path)?.unwrap_or_default();
    let (mut restarted, mut refused) = (Vec::new(), Vec::new());
    // Of this boot: the system was not restarted yet.
    if remembered.is_empty() || remembered.iter().any(|it| it.boot == boot_id()) {
        return Ok((restarted, refused));
    }
    // First, so that none is ever started twice.
    unlinkat(&folder, FILE, AtFlags::empty()).map_err(Error::storage("remove", path.join(FILE)))?;
    for mut application in remembered {
        renew(&mut application.plan);
        let (name, process) = (application.name, application.process);
        match detach::start(&application.plan) {
            Ok(new) => restarted.push(Restarted { name, old: process, new }),
            Err(error) => {
                let reason = format!("{}: {error}", application.plan.program.display());
                refused.push(Refusal { process, name, reason });
            }
        }
    }
    Ok((restarted, refused))
}

/// Gives a plan the environment of this login where that matters.
fn renew(plan: &mut RestartPlan) {
    for name in OF_THE_LOGIN {
        let beginning = format!("{name}=");
        plan.environment.retain(|entry| !entry.as_bytes().starts_with(beginning.as_bytes()));
        if let Some(value) = std::env::var_os(name) {
            let mut entry = OsString::from(beginning);
            entry.push(value);
            plan.environment.push(entry);
        }
    }
}

fn folder_path() -> PathBuf {
    let given = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from).filter(|it| it.is_absolute());
    let usual = || match geteuid().is_root() {
        // The home folder may be that of who called sudo.
        true => Some(PathBuf::from("/var/lib")),
        false => Some(PathBuf::from(std::env::var_os("HOME")?).join(".local/state")),
    };
    given.or_else(usual).unwrap_or_else(|| PathBuf::from("/nonexistent")).join("reseat")
}

fn lock(folder: &OwnedFd, path: &std::path::Path) -> Result<OwnedFd, Error> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let path = path.join("lock");
    let file = openat(folder, "lock", flags, Mode::RUSR | Mode::WUSR)
        .map_err(|errno: Errno| Error::storage("open", &path)(errno))?;
    wait_for_lock(file.as_fd(), &path)?;
    Ok(file)
}
