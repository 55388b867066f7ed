//! Putting a new file in its place, and undoing that.
//!
//! Where nothing is, the file is made at once. Where a file is, the new content is made aside, the old file gets a second
//! name as its backup, and the new one takes the name in one step: the path always names a whole file. Without hard links
//! the old file is moved to its backup first.

use reseat_machine::{FileKind, MachineError, WindowsPath};

use crate::backup::{self, Linked, NEW};
use crate::change::Change;
use crate::content::Content;
use crate::environment::Environment;
use crate::error::Fault;
use crate::site::Site;

/// Plans a file at `path`, with the folders that it needs.
pub(crate) fn plan(site: &mut Site<'_>, path: &WindowsPath) -> Result<Vec<Change>, Fault> {
    let mut changes = Vec::with_capacity(1);
    let folder = path.parent().ok_or_else(|| Fault::IsFolder { path: path.clone() })?;
    site.plan_folder(&folder, &mut changes)?;
    let there = if site.is_new_folder(&folder) { None } else { site.machine.metadata(path)? };
    let path = path.clone();
    changes.push(match there {
        None => Change::CreateFile { path },
        Some(metadata) if metadata.kind == FileKind::Folder => return Err(Fault::IsFolder { path }),
        Some(_) => {
            let old = site.spelled(&path)?;
            let backup = site.backup_path(&path)?;
            Change::ReplaceFile { path, old, backup }
        }
    });
    Ok(changes)
}

/// Makes a file where nothing is.
pub(crate) fn create(
    site: &mut Site<'_>,
    path: &WindowsPath,
    content: Option<&Content<'_>>,
    environment: &mut dyn Environment,
) -> Result<(), Fault> {
    site.step()?;
    let Some(content) = content else { return Ok(()) };
    match content.make(path, path, site, environment) {
        Err(Fault::Machine(MachineError::Exists { .. } | MachineError::FolderMissing { .. })) => {
            Err(Fault::Stale { path: path.clone() })
        }
        other => other,
    }
}

/// Replaces a file.
pub(crate) fn replace(
    site: &mut Site<'_>,
    path: &WindowsPath,
    old: &WindowsPath,
    backup: &WindowsPath,
    content: Option<&Content<'_>>,
    environment: &mut dyn Environment,
) -> Result<(), Fault> {
    let Some(content) = content else { return Ok(()) };
    let new = backup::sibling(backup, NEW)?;
    site.step()?;
    content.make(&new, path, site, environment)?;
    site.step()?;
    if site.keeps
        && let Err(fault) = keep(site, path, old, backup)
    {
        backup::discard_siblings(site, backup)?;
        return Err(fault);
    }
    site.step()?;
    site.machine.rename(&new, path)?;
    Ok(())
}

/// Gives a file the name of its backup; it keeps its own name too if that is possible.
fn keep(
    site: &mut Site<'_>,
    path: &WindowsPath,
    old: &WindowsPath,
    backup: &WindowsPath,
) -> Result<(), Fault> {
    let kept = match backup::link(site, old, backup) {
        Ok(Linked::Yes) => Ok(()),
        Ok(Linked::No) => site.machine.rename(old, backup).map_err(Fault::from),
        Err(fault) => Err(fault),
    };
    match kept {
        Err(Fault::Machine(MachineError::NotFound { .. } | MachineError::FolderMissing { .. })) => {
            Err(Fault::Stale { path: path.clone() })
        }
        Err(Fault::Machine(MachineError::CrossesDrives { .. })) => {
            if let Some(folder) = path.parent() {
                site.keep_beside(folder);
            }
            Err(Fault::Stale { path: path.clone() })
        }
        other => other,
    }
}

/// Undoes [`create`].
pub(crate) fn uncreate(site: &mut Site<'_>, path: &WindowsPath) -> Result<(), Fault> {
    match site.machine.remove_file(path) {
        // Somebody else's: the file is gone.
        Err(MachineError::IsFolder { .. }) => {
            tracing::warn!(%path, "a folder is where the file was and stays")
        }
        other => drop(other?),
    }
    site.step()
}

/// Undoes [`replace`].
pub(crate) fn unreplace(site: &mut Site<'_>, old: &WindowsPath, backup: &WindowsPath) -> Result<(), Fault> {
    backup::restore(site, backup, old)?;
    backup::discard_siblings(site, backup)
}
