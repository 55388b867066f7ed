//! The files that an installation will replace or remove, and the room that it needs: the result of the file actions'
//! costing (pages `installvalidate-action.md`, `system-reboots.md`).
//!
//! Looked at are the tables of all actions that overwrite or remove files: File, RemoveFile, MoveFile, DuplicateFile and
//! IsolatedComponent, and what a removed patch had brought.

use std::collections::HashSet;

use reseat_machine::WindowsPath;

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
    /// Bytes that will be written.
    pub bytes: u64,
}

/// Looks at all tables.
///
/// # Errors
/// When nothing was costed, a path is wrong, or a file cannot be looked at.
pub fn affected_files(session: &Session<'_, '_>) -> Result<AffectedFiles, EngineError> {
    let selection = session.selection()?;
    let mut bytes: u64 = 0;
    let mut replaced = HashSet::new();
    let mut files = Vec::new();
    for file in selection.files() {
        if !selection.does(&file.row.component, Doing::Install) {
            continue;
        }
        let path = session.file_path(file)?;
        session.machine().may_change(&path)?;
        if decide_file(session, file, &path)?.overwrite {
            bytes = bytes.saturating_add(file.row.bytes());
            replaced.insert(path.clone());
            files.push(path);
        }
    }
    let copies = duplicate_files::copies(session, Doing::Install)?;
    for (from, to) in copies.into_iter().chain(isolated_components::copies(session, Doing::Install)?) {
        if replaced.contains(&from) || !session.machine().is_copy(&from, &to)? {
            files.push(to);
        }
    }
    for moved in move_files::moves(session)? {
        if moved.goes || !session.machine().is_copy(&moved.from, &moved.to)? {
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
        if seen.insert(path.clone()) && session.machine().metadata(&path)?.is_some() {
            existing.push(path);
        }
    }
    Ok(AffectedFiles { files: existing, bytes })
}
