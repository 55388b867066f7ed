//! WriteIniValues and RemoveIniValues (pages `writeinivalues-action.md`, `removeinivalues-action.md`,
//! `inifile-table.md`, `removeinifile-table.md`).

use std::collections::HashMap;

use reseat_machine::WindowsPath;
use reseat_package::{FileName, IniAction, IniFile, RemoveIniFile};
use reseat_script::{EditIniFile, IniChange, IniEdit, RemoveFolder};

use crate::actions::files::NAMES;
use crate::error::EngineError;
use crate::row_fault::RowFault;
use crate::selection::Doing;
use crate::session::Session;

/// The property of the folder when a row names none.
const DEFAULT_FOLDER: &str = "WindowsFolder";

/// The changes of each file, the files in the order in which they are first named.
#[derive(Default)]
struct Edits {
    files: Vec<(WindowsPath, Vec<IniEdit>)>,
    positions: HashMap<WindowsPath, usize>,
}

impl Edits {
    fn push(&mut self, path: WindowsPath, edit: IniEdit) {
        let position = *self.positions.entry(path.clone()).or_insert(self.files.len());
        match self.files.get_mut(position) {
            Some((_, edits)) => edits.push(edit),
            None => self.files.push((path, vec![edit])),
        }
    }

    fn add_to(self, session: &mut Session<'_, '_>) -> Result<(), EngineError> {
        for (path, edits) in self.files {
            for edit in &edits {
                session.tell_data(&[path.as_str(), &edit.section, &edit.key]);
            }
            session.add(EditIniFile { path, edits }.into())?;
        }
        Ok(())
    }
}

/// Writes the entries of components that are installed.
pub fn write_ini_values(session: &mut Session<'_, '_>) -> Result<(), EngineError> {
    let package = session.package.clone();
    let mut all = Edits::default();
    for row in package.rows::<IniFile>()?.iter() {
        if !session.selection()?.does(&row.component, Doing::Install) {
            continue;
        }
        let value = session.format(&row.value).text;
        let change = match row.action {
            IniAction::AddLine => IniChange::Set(value),
            IniAction::CreateLine => IniChange::Create(value),
            IniAction::AddTag => IniChange::AddTag(value),
            // The page of the table has no such actions; its sister table does.
            IniAction::RemoveLine => IniChange::Remove,
            IniAction::RemoveTag => IniChange::RemoveTag(value),
        };
        let path = path(session, "IniFile", &row.key, &row.name, row.directory.as_deref())?;
        all.push(path, edit(session, &row.section, &row.entry, change));
    }
    all.add_to(session)
}

/// Takes back the entries of components that are removed, and removes those that the RemoveIniFile table names for
/// components that are installed.
pub fn remove_ini_values(session: &mut Session<'_, '_>) -> Result<(), EngineError> {
    let package = session.package.clone();
    let mut all = Edits::default();
    let mut folders = Vec::new();
    for row in package.rows::<IniFile>()?.iter() {
        if !session.selection()?.does(&row.component, Doing::Remove) {
            continue;
        }
        let value = session.format(&row.value).text;
        let change = match row.action {
            IniAction::AddLine => IniChange::Remove,
            // An entry with another value was there before, or is the user's.
            IniAction::CreateLine => IniChange::RemoveValue(value),
            IniAction::AddTag => IniChange::RemoveTag(value),
            IniAction::RemoveLine | IniAction::RemoveTag => continue,
        };
        let path = path(session, "IniFile", &row.key, &row.name, row.directory.as_deref())?;
        folders.extend(path.parent());
        all.push(path, edit(session, &row.section, &row.entry, change));
    }
    for row in package.rows::<RemoveIniFile>()?.iter() {
        if !session.selection()?.does(&row.component, Doing::Install) {
            continue;
        }
        let change = match row.action {
            IniAction::RemoveTag => {
                IniChange::RemoveTag(session.format(row.value.as_deref().unwrap_or_default()).text)
            }
            IniAction::RemoveLine => IniChange::Remove,
            IniAction::AddLine | IniAction::CreateLine | IniAction::AddTag => {
                return Err(EngineError::row(
                    "RemoveIniFile",
                    &row.key,
                    RowFault::IniAction { action: row.action as i32 },
                ));
            }
        };
        let path = path(session, "RemoveIniFile", &row.key, &row.name, row.directory.as_deref())?;
        all.push(path, edit(session, &row.section, &row.entry, change));
    }
    all.add_to(session)?;
    // A file that is empty then is gone, and may have been the last in a folder that was made for it.
    let keep = session.standard_folders();
    for path in folders {
        if path.parent().is_some() && !keep.contains(&path) {
            session.add(RemoveFolder { path }.into())?;
        }
    }
    Ok(())
}

fn edit(session: &Session<'_, '_>, section: &str, key: &str, change: IniChange) -> IniEdit {
    IniEdit { section: session.format(section).text, key: session.format(key).text, change }
}

/// The file that a row names.
pub fn path(
    session: &Session<'_, '_>,
    table: &'static str,
    row: &str,
    name: &FileName,
    directory: Option<&str>,
) -> Result<WindowsPath, EngineError> {
    let folder = session.directory_path(table, row, directory.unwrap_or(DEFAULT_FOLDER))?;
    session.windows_path(table, row, &format!("{folder}\\{}", name.name(NAMES)))
}
