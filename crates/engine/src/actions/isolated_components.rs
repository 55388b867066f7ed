//! IsolateComponents (pages `isolatecomponents-action.md`, `isolatedcomponent-table.md`, `isolated-components.md`): a shared
//! component's files beside the application that uses them, with the empty file that makes the loader look there.
//!
//! The action only says that it is done; the copies are made after the files are installed, and go with them.

use reseat_machine::WindowsPath;
use reseat_package::{IsolatedComponent, NameForm};
use reseat_script::{DuplicateFile, RemoveFile, WriteFile};

use crate::error::EngineError;
use crate::row_fault::RowFault;
use crate::selection::Doing;
use crate::session::Session;

/// The end of the name of the file that makes the loader look in the application's folder first.
const LOCAL: &str = ".LOCAL";

/// Isolates the components of the table in this session.
pub fn isolate_components(session: &mut Session<'_, '_>) -> Result<(), EngineError> {
    session.isolates = true;
    Ok(())
}

/// Copies the files of shared components beside the applications that are installed.
///
/// # Errors
/// When a path is wrong.
pub fn copy(session: &mut Session<'_, '_>) -> Result<(), EngineError> {
    for Pair { copies, local } in pairs(session, Doing::Install)? {
        for (from, to) in copies {
            session.tell_file(&to, None);
            session.add(DuplicateFile { from, to }.into())?;
        }
        session.add(WriteFile { path: local, content: Vec::new() }.into())?;
    }
    Ok(())
}

/// Removes the copies beside applications that are removed.
///
/// # Errors
/// When a path is wrong.
pub fn remove(session: &mut Session<'_, '_>) -> Result<(), EngineError> {
    for Pair { copies, local } in pairs(session, Doing::Remove)? {
        for path in copies.into_iter().map(|(_, to)| to).chain([local]) {
            session.tell_file(&path, None);
            session.add(RemoveFile { path }.into())?;
        }
    }
    Ok(())
}

/// The copies beside the applications to which this is done: the file, and its copy.
///
/// # Errors
/// When a path is wrong.
pub fn copies(
    session: &Session<'_, '_>,
    doing: Doing,
) -> Result<Vec<(WindowsPath, WindowsPath)>, EngineError> {
    Ok(pairs(session, doing)?.into_iter().flat_map(|pair| pair.copies).collect())
}

/// The copies for one application.
struct Pair {
    copies: Vec<(WindowsPath, WindowsPath)>,
    local: WindowsPath,
}

fn pairs(session: &Session<'_, '_>, doing: Doing) -> Result<Vec<Pair>, EngineError> {
    let mut pairs = Vec::new();
    if !session.isolates {
        return Ok(pairs);
    }
    let selection = session.selection()?;
    for row in session.package.rows::<IsolatedComponent>()?.iter() {
        if !selection.does(&row.application, doing) || selection.is_side_by_side(&row.shared) {
            continue;
        }
        let program = selection.key_path_file(&row.application).ok_or_else(|| {
            EngineError::row("IsolatedComponent", &row.application, RowFault::IsolatedKeyFile)
        })?;
        let wrong = |text: &str| session.windows_path("IsolatedComponent", &row.shared, text);
        let program = wrong(&program)?;
        let Some(folder) = program.parent() else { continue };
        let local = wrong(&format!("{program}{LOCAL}"))?;
        let mut copies = Vec::new();
        for file in selection.files_of(&row.shared) {
            let from = session.file_path(file)?;
            let to = wrong(&format!("{folder}\\{}", file.row.name.name(NameForm::Long)))?;
            if from != to {
                copies.push((from, to));
            }
        }
        pairs.push(Pair { copies, local });
    }
    Ok(pairs)
}
