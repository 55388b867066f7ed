//! InstallFiles and RemoveFiles (pages `installfiles-action.md`, `removefiles-action.md`, `file-table.md`,
//! `removefile-table.md`).

use std::collections::HashSet;

use reseat_machine::{Attributes, FileKind, WindowsPath};
use reseat_package::{FileAttributes, NameForm, RemoveFile, with_backslash};
use reseat_script::{self as script, Source};

use crate::actions::folders::remove_empty;
use crate::actions::{assemblies, isolated_components, patches};
use crate::decision::decide_file;
use crate::error::EngineError;
use crate::log::service;
use crate::notice::Notice;
use crate::selection::Doing;
use crate::session::Session;
use crate::source::{self, SourceFacts};

/// Copies the files of components that are installed, in the order of the media.
pub fn install_files(session: &mut Session<'_, '_>) -> Result<(), EngineError> {
    let package = session.package.clone();
    let media = source::media(&package)?;
    let mut targets: HashSet<WindowsPath> = HashSet::new();
    // Page `crc-checking-during-an-installation.md`.
    let verifies = session.property("MSICHECKCRCS").is_some();
    for index in 0..session.selection()?.files().len() {
        let Some(file) = session.selection()?.files().get(index).cloned() else { break };
        if !session.selection()?.does(&file.row.component, Doing::Install) {
            continue;
        }
        let path = session.file_path(&file)?;
        let decision = decide_file(session, &file, &path)?;
        service!("File: {path};\t{decision}");
        if let Some(plan) = &mut session.installation.plan {
            plan.decided(&file, &path, &decision);
        }
        if !decision.overwrite {
            continue;
        }
        if !targets.insert(path.clone()) {
            session.warn_of_notice(Notice::SameTarget { row: &file.row.file, path: path.as_str() });
        }
        let source = source::of_file(session, &media, &file)?;
        log_source(session, &file.row.file, &source);
        let mut sources = session.take_sources()?;
        let facts = sources.facts(&source);
        session.sources = Some(sources);
        let SourceFacts { modified, size } = facts.map_err(|error| session.basis.origin.explain(error))?;
        let promised = file.row.bytes();
        let size = size.unwrap_or(promised);
        if size != promised {
            session.warn_of_notice(Notice::OtherSize { row: &file.row.file, size, promised });
        }
        session.tell_file(&path, Some(size));
        session.add(
            script::InstallFile {
                source,
                path,
                size,
                attributes: Attributes {
                    read_only: file.row.attributes.has(FileAttributes::READ_ONLY),
                    hidden: file.row.attributes.has(FileAttributes::HIDDEN),
                    system: file.row.attributes.has(FileAttributes::SYSTEM),
                },
                modified,
                verified: verifies && file.row.attributes.has(FileAttributes::CHECKSUM),
            }
            .into(),
        )?;
    }
    isolated_components::copy(session)
}

/// Says where a file comes from.
fn log_source(session: &Session<'_, '_>, file: &str, source: &Source) {
    match source {
        Source::Cabinet { .. } => service!("Source for file '{file}' is compressed"),
        Source::File { path } => {
            let folder = path.parent().unwrap_or(path);
            service!(
                "Source for file '{file}' is uncompressed, at '{}'.",
                with_backslash(&session.shown_path(folder))
            );
        }
        Source::Stream { .. } => {}
    }
}

/// Removes the files of components that are removed, what the RemoveFile table names, and folders that are empty then.
pub fn remove_files(session: &mut Session<'_, '_>) -> Result<(), EngineError> {
    let mut removed = HashSet::new();
    let NamedToRemove { files, mut folders } = named_to_remove(session)?;
    for path in files {
        remove(session, &mut removed, path)?;
    }
    isolated_components::remove(session)?;
    for path in files_to_remove(session)? {
        folders.extend(path.parent());
        remove(session, &mut removed, path)?;
    }
    for path in patches::files_of_removed(session)? {
        folders.extend(path.parent());
        remove(session, &mut removed, path)?;
    }
    // A folder goes when its last file goes.
    remove_empty(session, folders)
}

/// What the RemoveFile table names.
#[derive(Default)]
pub struct NamedToRemove {
    /// The files that there are.
    pub files: Vec<WindowsPath>,
    /// The folders, which go when they are empty.
    pub folders: Vec<WindowsPath>,
}

/// What the rows of the RemoveFile table name whose time has come.
///
/// # Errors
/// When a path is wrong or a folder cannot be read.
pub fn named_to_remove(session: &Session<'_, '_>) -> Result<NamedToRemove, EngineError> {
    let mut named = NamedToRemove::default();
    for row in session.package.rows::<RemoveFile>()?.iter() {
        let selection = session.selection()?;
        let wanted = (row.on_install() && selection.does(&row.component, Doing::Install))
            || (row.on_uninstall() && selection.does(&row.component, Doing::Remove));
        // The column names a property: a folder of the Directory table, or one that was searched for.
        let Some(folder) = session.directory(&row.directory).filter(|folder| wanted && !folder.is_empty())
        else {
            continue;
        };
        let folder = session.windows_path("RemoveFile", &row.key, &folder)?;
        match &row.name {
            None => named.folders.push(folder),
            Some(pattern) => {
                if session.machine().metadata(&folder)?.is_none() {
                    continue;
                }
                for entry in session.machine().read_folder(&folder)? {
                    if entry.kind == FileKind::File && pattern.matches(&entry.name) {
                        let path = format!("{folder}\\{}", entry.name);
                        named.files.push(session.windows_path("RemoveFile", &row.key, &path)?);
                    }
                }
            }
        }
    }
    Ok(named)
}

/// The files of components that are removed.
///
/// # Errors
/// When a target path is wrong.
pub fn files_to_remove(session: &Session<'_, '_>) -> Result<Vec<WindowsPath>, EngineError> {
    let selection = session.selection()?;
    let left = assemblies::left_by_all(session)?;
    let mut paths = Vec::new();
    for file in selection.files() {
        let component = &file.row.component;
        if selection.does(component, Doing::Remove) || left.contains(component) {
            paths.push(session.file_path(file)?);
        }
    }
    Ok(paths)
}

fn remove(
    session: &mut Session<'_, '_>,
    removed: &mut HashSet<WindowsPath>,
    path: WindowsPath,
) -> Result<(), EngineError> {
    if removed.insert(path.clone()) {
        session.tell_file(&path, None);
        session.add(script::RemoveFile { path }.into())?;
    }
    Ok(())
}

/// The form of names on this machine: it has long names.
pub const NAMES: NameForm = NameForm::Long;
