//! Where replaced and removed files wait for the commit, and how they come back.
//!
//! As on Windows (`Msi/rollback-installation.md`) they are kept in a folder `Config.Msi` of their drive, as
//! `<transaction>-<number>.rbf`. Two more names belong to each backup for a moment: `.new`, the content that is going to
//! replace a file, and `.rst`, a second name of the backup on its way back.

use reseat_machine::{MachineError, WindowsPath};

use crate::error::Fault;
use crate::site::Site;

/// The folder for backups and the journal on each drive.
pub(crate) const KEEP_FOLDER: &str = "Config.Msi";
/// New content on its way to its place.
pub(crate) const NEW: &str = "new";
/// A backup on its way back.
const RESTORED: &str = "rst";

/// The path beside a backup that belongs to it.
pub(crate) fn sibling(backup: &WindowsPath, extension: &str) -> Result<WindowsPath, MachineError> {
    let folder = backup.parent().unwrap_or_else(|| backup.clone());
    let name = backup.file_name().unwrap_or_default();
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    Ok(folder.join(&format!("{stem}.{extension}"))?)
}

/// How a file got its second name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Linked {
    /// It has both names.
    Yes,
    /// The file system or its rules do not allow it.
    No,
}

/// Gives a file a second name if that is possible.
pub(crate) fn link(site: &Site<'_>, from: &WindowsPath, to: &WindowsPath) -> Result<Linked, Fault> {
    if !site.links() {
        return Ok(Linked::No);
    }
    match site.machine.link(from, to) {
        Ok(()) => Ok(Linked::Yes),
        // No hard links here (FAT), links to files of others forbidden (fs.protected_hardlinks), too many links.
        Err(MachineError::Permission { .. } | MachineError::File { .. }) => Ok(Linked::No),
        Err(error) => Err(error.into()),
    }
}

/// Brings a kept file back to its path, whatever is there now. Without a backup the change never began, and the path is
/// left alone. The backup stays, so that this can be done again.
///
/// Without hard links the backup itself has to go: unless [`Site::may_use_up`] says that this is safe, nothing is done
/// and the answer is [`Fault::LastCopy`].
pub(crate) fn restore(site: &mut Site<'_>, backup: &WindowsPath, path: &WindowsPath) -> Result<(), Fault> {
    if site.machine.metadata(backup)?.is_none() {
        return Ok(());
    }
    let restored = sibling(backup, RESTORED)?;
    site.machine.remove_file(&restored)?;
    match link(site, backup, &restored)? {
        Linked::Yes => {
            site.step()?;
            bring_back(site, &restored, path)?;
        }
        Linked::No if !site.may_use_up => return Err(Fault::LastCopy { path: path.clone() }),
        Linked::No => bring_back(site, backup, path)?,
    }
    site.step()
}

/// Renames to a path whose folder may be gone: a program removed it, or an interrupted rollback that is done again was
/// past the folder (then it goes again).
pub(crate) fn bring_back(
    site: &Site<'_>,
    from: &WindowsPath,
    path: &WindowsPath,
) -> Result<(), MachineError> {
    match site.machine.rename(from, path) {
        Err(MachineError::FolderMissing { .. }) => {
            site.make_folders_for(path)?;
            site.machine.rename(from, path)
        }
        other => other,
    }
}

/// Removes a backup with all that belongs to it.
pub(crate) fn discard(site: &mut Site<'_>, backup: &WindowsPath) -> Result<(), Fault> {
    site.machine.remove_file(backup)?;
    discard_siblings(site, backup)
}

/// Removes what belongs to a backup but is not the backup.
pub(crate) fn discard_siblings(site: &mut Site<'_>, backup: &WindowsPath) -> Result<(), Fault> {
    for extension in [NEW, RESTORED] {
        site.machine.remove_file(&sibling(backup, extension)?)?;
    }
    site.step()
}
