//! Folders of the user that lie outside the prefix, and what is told of those that stand in for them.

use reseat_machine::WindowsPath;
use reseat_package::Shortcut;

use crate::builtin_properties::known_folders;
use crate::error::EngineError;
use crate::notice::Notice;
use crate::selection::Doing;
use crate::session::Session;

/// Says which folders of the user are replaced by those of all users, when the installation puts something there.
///
/// # Errors
/// When nothing was costed, or a table cannot be read.
pub fn warn(session: &mut Session<'_, '_>) -> Result<(), EngineError> {
    let mut replaced = Vec::new();
    for (property, folder) in known_folders(session.machine(), session.is_per_machine()) {
        let Some(link) = session.machine().replaced_folder(folder) else { continue };
        let instead = session.machine().folder(folder);
        if is_used(session, &instead)? {
            replaced.push((link, instead, property));
        }
    }
    for (link, instead, property) in replaced {
        session.warn_of_notice(Notice::FolderReplaced {
            link: &link.to_string(),
            instead: instead.as_str(),
            property,
            remedy: &link.remedy(),
        });
    }
    Ok(())
}

/// Whether files, folders or shortcuts come into a folder.
fn is_used(session: &Session<'_, '_>, folder: &WindowsPath) -> Result<bool, EngineError> {
    let selection = session.selection()?;
    let comes = |component: &str| selection.does(component, Doing::Install);
    let is_within = |path: Option<String>| {
        path.and_then(|path| WindowsPath::parse(&path).ok()).is_some_and(|path| path.starts_with(folder))
    };
    if selection
        .components()
        .any(|(row, _)| comes(&row.component) && is_within(selection.component_folder(&row.component)))
    {
        return Ok(true);
    }
    let shortcuts = session.package.rows::<Shortcut>()?;
    Ok(shortcuts.iter().any(|row| comes(&row.component) && is_within(session.directory(&row.directory))))
}
