//! The files that an installation will replace or remove, and the room that it needs: the result of the file actions'
//! costing (pages `installvalidate-action.md`, `system-reboots.md`).
//!
//! Looked at are the tables of all actions that overwrite or remove files: File, RemoveFile, MoveFile, DuplicateFile and
//! IsolatedComponent, and what a removed patch had brought.

use std::collections::{HashMap, HashSet};

use reseat_machine::WindowsPath;

use crate::actions::disk_cost::DiskCost;
use crate::actions::files::{files_to_remove, named_to_remove};
use crate::actions::{duplicate_files, isolated_components, move_files, patches, services};
use crate::decision::decide_file;
use crate::error::EngineError;
use crate::selection::Doing;
use crate::session::Session;

/// What the installation will do to files.
pub struct AffectedFiles {
    /// Existing files that will be replaced or removed, each once; but for the programs of services that are stopped before.
    pub files: Vec<WindowsPath>,
    /// The room that it needs.
    pub cost: DiskCost,
}

/// Looks at all tables.
///
/// # Errors
/// When nothing was costed, a path is wrong, or a file cannot be looked at.
pub fn affected_files(session: &Session<'_, '_>) -> Result<AffectedFiles, EngineError> {
    let selection = session.selection()?;
    let machine = session.machine();
    let mut cost = DiskCost::default();
    cost.reserve(session)?;
    let mut replaced = HashMap::new();
    let mut files = Vec::new();
    for file in selection.files() {
        if !selection.does(&file.row.component, Doing::Install) {
            continue;
        }
        let path = session.file_path(file)?;
        machine.may_change(&path)?;
        if decide_file(session, file, &path)?.overwrite {
            cost.write(path.drive(), file.row.bytes());
            replaced.insert(path.clone(), file.row.bytes());
            files.push(path);
        }
    }
    let copies = duplicate_files::copies(session, Doing::Install)?;
    for (from, to) in copies.into_iter().chain(isolated_components::copies(session, Doing::Install)?) {
        let new = replaced.get(&from).copied();
        if new.is_some() || !machine.is_copy(&from, &to)? {
            cost.write(to.drive(), new.map_or_else(|| size(session, &from), Ok)?);
            files.push(to);
        }
    }
    for moved in move_files::moves(session)? {
        if moved.goes || !machine.is_copy(&moved.from, &moved.to)? {
            if !moved.goes || moved.from.drive() != moved.to.drive() {
                cost.write(moved.to.drive(), size(session, &moved.from)?);
            }
            files.push(moved.to);
        }
        if moved.goes {
            files.push(moved.from);
        }
    }
    files.extend(named_to_remove(session)?.files);
    let removed = duplicate_files::copies(session, Doing::Remove)?;
    files.extend(removed.into_iter().map(|(_, to)| to));
    let removed = isolated_components::copies(session, Doing::Remove)?;
    files.extend(removed.into_iter().map(|(_, to)| to));
    files.extend(files_to_remove(session)?);
    files.extend(patches::files_of_removed(session)?);

    // Their services let go of them before they are replaced.
    let is_stopped = services::is_program_of_stopped(session)?;
    files.retain(|path| !is_stopped(path));
    let mut seen = HashSet::new();
    let mut existing = Vec::with_capacity(files.len());
    for path in files {
        if seen.insert(path.clone())
            && let Some(metadata) = machine.metadata(&path)?
        {
            cost.free(path.drive(), metadata.len);
            existing.push(path);
        }
    }
    Ok(AffectedFiles { files: existing, cost })
}

/// The size of what is there.
fn size(session: &Session<'_, '_>, path: &WindowsPath) -> Result<u64, EngineError> {
    Ok(session.machine().metadata(path)?.map_or(0, |metadata| metadata.len))
}
