//! CreateFolders and RemoveFolders (pages `createfolders-action.md`, `removefolders-action.md`).

use reseat_machine::WindowsPath;
use reseat_package::CreateFolder;
use reseat_script as script;

use crate::error::EngineError;
use crate::interface::Message;
use crate::selection::Doing;
use crate::session::Session;

/// Makes the folders of components that are installed.
pub fn create_folders(session: &mut Session<'_, '_>) -> Result<(), EngineError> {
    for path in paths(session, Doing::Install)? {
        session.tell(&Message::ActionData(path.to_string()));
        session.add(script::CreateFolder { path }.into())?;
    }
    Ok(())
}

/// Removes the folders of components that are removed, if they are empty.
pub fn remove_folders(session: &mut Session<'_, '_>) -> Result<(), EngineError> {
    for path in paths(session, Doing::Remove)? {
        session.tell(&Message::ActionData(path.to_string()));
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
