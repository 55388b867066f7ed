//! Whether a file of the package replaces the one at its place (page `file-versioning-rules.md`).
//!
//! The rules are the package crate's; here the existing file is looked at, no more closely than the rules ask for.

use reseat_machine::{FileKind, WindowsPath, file_version, image_checksum_holds, is_modified};
use reseat_package::file_versioning::{
    Decision, ExistingFile, IncomingFile, Reason, decide, decide_companion,
};
use reseat_package::{FileAttributes, FileVersion, OverwriteMode, ReinstallMode};

use crate::actions::patches;
use crate::error::EngineError;
use crate::net_assembly;
use crate::selection::PlannedFile;
use crate::session::Session;

/// Decides about one file.
///
/// # Errors
/// When the file at its place cannot be read.
pub fn decide_file(
    session: &Session<'_, '_>,
    file: &PlannedFile,
    path: &WindowsPath,
) -> Result<Decision, EngineError> {
    let parent = match file.row.companion() {
        Some(key) => session.selection()?.file(key).filter(|parent| parent.row.file != file.row.file),
        None => None,
    };
    let Some(parent) = parent else { return decide_own(session, file, path) };
    // One step is enough: the page of the File table forbids a companion of a companion.
    let decision = decide_own(session, parent, &session.file_path(parent)?)?;
    let exists = session.machine().metadata(path)?.is_some();
    Ok(decide_companion(decision, exists, session.reinstall_mode()?))
}

fn decide_own(
    session: &Session<'_, '_>,
    file: &PlannedFile,
    path: &WindowsPath,
) -> Result<Decision, EngineError> {
    let mode = net_assembly::reinstall_mode(session, &file.row.component, session.reinstall_mode()?)?;
    let existing = look_at(session, file, path, mode)?;
    let incoming = IncomingFile {
        version: file.row.own_version(),
        languages: &file.row.languages(),
        hash: file.hash,
        has_checksum: file.row.attributes.has(FileAttributes::CHECKSUM),
    };
    if existing.is_some() && patches::reverts(session, &file.row)? {
        return Ok(Decision { overwrite: true, reason: Reason::PatchRemoved });
    }
    let existing = existing.as_ref().map(|found| ExistingFile {
        version: found.version.as_ref().map(|version| FileVersion(version.version.0)),
        languages: found.version.as_ref().map(|version| version.languages.as_slice()).unwrap_or_default(),
        hash: found.hash,
        modified: found.modified,
        corrupt: found.corrupt,
    });
    Ok(decide(&incoming, existing.as_ref(), mode, session.package.language()))
}

/// What stands at a file's place.
#[derive(Default)]
struct Found {
    version: Option<file_version::FileVersion>,
    hash: Option<[u32; 4]>,
    modified: bool,
    corrupt: bool,
}

fn look_at(
    session: &Session<'_, '_>,
    file: &PlannedFile,
    path: &WindowsPath,
    mode: ReinstallMode,
) -> Result<Option<Found>, EngineError> {
    let machine = session.machine();
    let installation = &*session.installation;
    if installation.pending.removes(path)
        || installation.plan.as_ref().is_some_and(|plan| plan.has_removed(path))
    {
        return Ok(None);
    }
    let Some(metadata) = machine.metadata(path)? else { return Ok(None) };
    if metadata.kind != FileKind::File {
        return Ok(None);
    }
    let unreadable = |source| EngineError::ExistingFile { path: path.clone(), source };
    if mode.verify_checksums && file.row.attributes.has(FileAttributes::CHECKSUM) {
        let corrupt = !image_checksum_holds(&machine.open_file(path)?).map_err(unreadable)?;
        if corrupt {
            return Ok(Some(Found { corrupt, ..Found::default() }));
        }
    }
    // In these modes its content does not matter.
    if matches!(mode.files, OverwriteMode::All | OverwriteMode::Missing) {
        return Ok(Some(Found::default()));
    }
    let content = machine.open_file(path)?;
    let version = file_version::read(&content).map_err(unreadable)?;
    if version.is_some() {
        return Ok(Some(Found { version, ..Found::default() }));
    }
    let modified = is_modified(&content);
    // Files of different sizes differ; there is nothing to compare.
    let hash = match file.hash {
        Some(_) if !modified && metadata.len == file.row.bytes() => {
            Some(file_version::file_hash(&content).map_err(unreadable)?.map(i32::cast_unsigned))
        }
        _ => None,
    };
    Ok(Some(Found { hash, modified, ..Found::default() }))
}
