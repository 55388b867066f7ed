//! MoveFiles (pages `movefiles-action.md`, `movefile-table.md`): files that are on the computer already are copied or moved.

use reseat_machine::{FileKind, WindowsPath};
use reseat_package::{FilePattern, MoveFile};
use reseat_script as script;

use crate::actions::files::NAMES;
use crate::error::EngineError;
use crate::log::service;
use crate::selection::Doing;
use crate::session::Session;

/// Copies or moves files for components that are installed. They stay when the product is removed.
pub fn move_files(session: &mut Session<'_, '_>) -> Result<(), EngineError> {
    for Moved { from, to, goes } in moves(session)? {
        session.tell_file(&from, None);
        session.add(match goes {
            true => script::MoveFile { from, to }.into(),
            false => script::DuplicateFile { from, to }.into(),
        })?;
    }
    Ok(())
}

/// A file of the computer that gets another place.
pub struct Moved {
    /// Where it is.
    pub from: WindowsPath,
    /// Where it goes.
    pub to: WindowsPath,
    /// Whether it is gone from its old place then.
    pub goes: bool,
}

/// The files that rows of components that are installed find.
///
/// # Errors
/// When a path is wrong or a folder cannot be read.
pub fn moves(session: &Session<'_, '_>) -> Result<Vec<Moved>, EngineError> {
    let mut moves = Vec::new();
    let package = session.package.clone();
    for row in package.rows::<MoveFile>()?.iter() {
        if !session.selection()?.does(&row.component, Doing::Install) {
            continue;
        }
        let source = row.source_folder.as_deref().and_then(|property| full_path(session, property));
        let (Some(source), Some(target)) = (source, full_path(session, &row.folder)) else {
            service!("MoveFile {}: a folder is no full path, nothing is done", row.key);
            continue;
        };
        let files = match &row.source_name {
            None => found(session, &source)?.into_iter().collect(),
            Some(pattern) => matching(session, &source, pattern)?,
        };
        // A new name is for one file: what a wildcard finds keeps its names.
        let is_group = files.len() > 1
            || row.source_name.as_ref().is_some_and(|pattern| pattern.pattern(NAMES).contains('*'));
        for from in files {
            let own = from.file_name().unwrap_or_default();
            let name = row.name.as_ref().filter(|_| !is_group).map_or(own, |name| name.name(NAMES));
            let to = session.windows_path("MoveFile", &row.key, &format!("{target}\\{name}"))?;
            if from == to {
                continue;
            }
            moves.push(Moved { from, to, goes: row.moves() });
        }
    }
    Ok(moves)
}

/// The path in a property or of a folder; nothing when that is not a full path.
fn full_path(session: &Session<'_, '_>, property: &str) -> Option<WindowsPath> {
    let text = session.directory(property)?;
    WindowsPath::parse(text.trim_end_matches('\\')).or_else(|_| WindowsPath::parse(&text)).ok()
}

fn found(session: &Session<'_, '_>, path: &WindowsPath) -> Result<Option<WindowsPath>, EngineError> {
    let metadata = session.machine().metadata(path)?;
    Ok(metadata.filter(|metadata| metadata.kind == FileKind::File).map(|_| path.clone()))
}

/// The files of a folder with a matching name, in the order of their names.
fn matching(
    session: &Session<'_, '_>,
    folder: &WindowsPath,
    pattern: &FilePattern,
) -> Result<Vec<WindowsPath>, EngineError> {
    let metadata = session.machine().metadata(folder)?;
    if metadata.is_none_or(|metadata| metadata.kind != FileKind::Folder) {
        return Ok(Vec::new());
    }
    let mut files = Vec::new();
    for entry in session.machine().read_folder(folder)? {
        if entry.kind == FileKind::File && pattern.matches(&entry.name) {
            files.push(session.windows_path(
                "MoveFile",
                "SourceName",
                &format!("{folder}\\{}", entry.name),
            )?);
        }
    }
    files.sort_by_key(ToString::to_string);
    Ok(files)
}
