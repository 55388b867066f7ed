//! CreateFolders and RemoveFolders (pages `createfolders-action.md`, `removefolders-action.md`).

use std::cmp::Reverse;
use std::collections::HashSet;

use reseat_machine::WindowsPath;
use reseat_package::CreateFolder;
use reseat_script as script;

use crate::error::EngineError;
use crate::selection::Doing;
use crate::session::Session;

/// Makes the folders of components that are installed.
pub fn create_folders(session: &mut Session<'_, '_>) -> Result<(), EngineError> {
    for path in paths(session, Doing::Install)? {
        session.tell_data(&[path.as_str()]);
        session.add(script::CreateFolder { path }.into())?;
    }
    Ok(())
}

/// Removes the folders of components that are removed, if they are empty.
pub fn remove_folders(session: &mut Session<'_, '_>) -> Result<(), EngineError> {
    let paths = paths(session, Doing::Remove)?;
    for path in &paths {
        session.tell_data(&[path.as_str()]);
    }
    remove_empty(session, paths)
}

/// Removes folders that are empty by then, and with them those above that belong to the product: all but what every
/// machine has. The deepest go first.
///
/// # Errors
/// When there is no script.
pub fn remove_empty(session: &mut Session<'_, '_>, folders: Vec<WindowsPath>) -> Result<(), EngineError> {
    let keep = session.standard_folders();
    let mut all = HashSet::new();
    for folder in folders {
        let mut next = Some(folder);
        while let Some(folder) = next {
            if folder.parent().is_none() || keep.contains(&folder) || !all.insert(folder.clone()) {
                break;
            }
            next = folder.parent();
        }
    }
    let mut all: Vec<WindowsPath> = all.into_iter().collect();
    all.sort_by_key(|folder| (Reverse(folder.components().count()), folder.to_string()));
    for path in all {
        session.add(script::RemoveFolder { path }.into())?;
    }
    Ok(())
}

fn paths(session: &Session<'_, '_>, doing: Doing) -> Result<Vec<WindowsPath>, EngineError> {
    let selection = session.selection()?;
    let rows = session.package.rows::<CreateFolder>()?;
    rows.iter()
        .filter(|row| selection.does(&row.component, doing))
        .map(|row| session.directory_path("CreateFolder", &row.directory, &row.directory))
        .collect()
}
