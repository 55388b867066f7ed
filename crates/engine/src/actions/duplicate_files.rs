//! DuplicateFiles and RemoveDuplicateFiles (pages `duplicatefiles-action.md`, `removeduplicatefiles-action.md`,
//! `duplicatefile-table.md`).

use reseat_machine::WindowsPath;
use reseat_package::DuplicateFile;
use reseat_script as script;

use crate::actions::files::NAMES;
use crate::actions::folders::remove_empty;
use crate::error::EngineError;
use crate::row_fault::RowFault;
use crate::selection::Doing;
use crate::session::Session;

/// Copies installed files once more.
pub fn duplicate_files(session: &mut Session<'_, '_>) -> Result<(), EngineError> {
    for (from, to) in copies(session, Doing::Install)? {
        session.tell_file(&to, None);
        session.add(script::DuplicateFile { from, to }.into())?;
    }
    Ok(())
}

/// Removes the copies of components that are removed.
pub fn remove_duplicate_files(session: &mut Session<'_, '_>) -> Result<(), EngineError> {
    let mut folders = Vec::new();
    for (_, path) in copies(session, Doing::Remove)? {
        session.tell_file(&path, None);
        folders.extend(path.parent());
        session.add(script::RemoveFile { path }.into())?;
    }
    remove_empty(session, folders)
}

/// The copies of components to which this is done: the file, and its copy.
///
/// # Errors
/// When a row names no file, or a path is wrong.
pub fn copies(
    session: &Session<'_, '_>,
    doing: Doing,
) -> Result<Vec<(WindowsPath, WindowsPath)>, EngineError> {
    let selection = session.selection()?;
    let mut copies = Vec::new();
    for row in session.package.rows::<DuplicateFile>()?.iter() {
        if !selection.does(&row.component, doing) {
            continue;
        }
        let file = selection.file(&row.file).ok_or_else(|| {
            EngineError::row("DuplicateFile", &row.key, RowFault::NoFile { file: row.file.to_string() })
        })?;
        let from = session.file_path(file)?;
        let folder = match &row.folder {
            None => from.parent(),
            // The page of the table: nothing is done when the property leads nowhere.
            Some(folder) => match session.directory(folder).filter(|path| !path.is_empty()) {
                Some(path) => Some(session.windows_path("DuplicateFile", &row.key, &path)?),
                None => continue,
            },
        };
        let Some(folder) = folder else { continue };
        let name = row.name.as_ref().unwrap_or(&file.row.name).name(NAMES);
        copies.push((from, session.windows_path("DuplicateFile", &row.key, &format!("{folder}\\{name}"))?));
    }
    Ok(copies)
}
