//! What an installation does for its patches besides applying them: it keeps and registers them, and takes back what a patch
//! that is removed had added (pages `patch-sources.md`, `removing-patches.md`, `uninstallable-patches.md`).

use std::collections::HashSet;

use jiff::Zoned;
use reseat_database::Guid;
use reseat_machine::products::patches::{self, PatchRegistration, PatchState};
use reseat_machine::products::registration;
use reseat_machine::{KnownFolder, WindowsPath};
use reseat_package::{
    Component, Feature, FileRow, Media, MsiFileHash, NameForm, RegistryRow, with_backslash,
};
use reseat_script::{RemoveFile, RemoveRegistryValue};

use crate::actions::registration::{keep_file, remove, write};
use crate::actions::registry_values;
use crate::error::EngineError;
use crate::session::Session;

/// Keeps and registers the patches that the product has, and forgets those that it has no more.
pub fn register(session: &mut Session<'_, '_>) -> Result<(), EngineError> {
    let code = session.package.product_code();
    let context = session.install_context();
    let mut registrations = Vec::new();
    let mut kept = Vec::new();
    for patch in &session.basis.patching.patches {
        let path = cached_path(session, patch.code)?;
        kept.push((patch.file.clone(), path.clone()));
        let folder = patch.file.parent().unwrap_or(&patch.file);
        registrations.push(PatchRegistration {
            code: patch.code,
            state: patch.state,
            removable: patch.removable,
            local_package: path.to_string(),
            transforms: patch.transforms.clone(),
            name: patch.name.clone(),
            more_info: patch.more_info.clone(),
            install_date: Zoned::now().strftime("%Y%m%d").to_string(),
            package_name: patch
                .is_new
                .then(|| patch.file.file_name().unwrap_or_default().to_string_lossy().into_owned()),
            install_source: with_backslash(&session.shown_path(folder)),
            changes_version: patch.changes_version,
        });
    }
    for (file, path) in kept {
        if session.machine().unix_path(&path)? != file {
            session.tell_file(&path, None);
            keep_file(session, &file, path)?;
        }
    }
    let gone = session.basis.patching.removed.clone();
    let last = registrations.is_empty();
    for patch in gone {
        let registry = session.machine().registry()?;
        let removed = patches::unregister_patch(registry, code, context, patch, last);
        remove(session, removed)?;
        forget(session, patch)?;
    }
    let inactive: Vec<Guid> =
        registrations.iter().filter(|it| it.state != PatchState::Applied).map(|it| it.code).collect();
    for patch in inactive {
        let registry = session.machine().registry()?;
        let removed = patches::unregister_patch(registry, code, context, patch, false);
        remove(session, removed)?;
    }
    let written = patches::register_patches(session.machine().registry()?, code, context, &registrations);
    write(session, written)
}

/// Forgets all patches of a product that goes.
pub fn unregister_all(session: &mut Session<'_, '_>) -> Result<(), EngineError> {
    let installed = patches::installed_patches(
        session.machine().registry()?,
        session.package.product_code(),
        session.install_context(),
    );
    for patch in installed {
        forget(session, patch.code)?;
    }
    Ok(())
}

/// Forgets a patch and its file, unless another product has it too.
fn forget(session: &mut Session<'_, '_>, patch: Guid) -> Result<(), EngineError> {
    let code = session.package.product_code();
    let context = session.install_context();
    let registry = session.machine().registry()?;
    if patches::has_other_products(registry, code, context, patch) {
        return Ok(());
    }
    let removed = patches::forget_patch(registry, context, patch);
    remove(session, removed)?;
    let path = cached_path(session, patch)?;
    session.add(RemoveFile { path }.into())
}

fn cached_path(session: &Session<'_, '_>, patch: Guid) -> Result<WindowsPath, EngineError> {
    let folder = session.machine().folder(KnownFolder::Installer);
    let path = format!("{folder}\\{}.msp", patch.to_packed().to_lowercase());
    session.windows_path("PatchPackage", &patch.to_string(), &path)
}

/// Whether a file is to be what it was before a patch that is removed: its row differs from that of the patched package.
///
/// # Errors
/// When a table cannot be read.
pub fn reverts(session: &Session<'_, '_>, file: &FileRow) -> Result<bool, EngineError> {
    let Some(before) = &session.basis.patching.before else { return Ok(false) };
    let patched = before.find::<FileRow>(&file.file)?;
    let hash = |package: &reseat_package::Package| package.find::<MsiFileHash>(&file.file);
    Ok(patched.is_some_and(|patched| patched != *file) || hash(before)? != hash(&session.package)?)
}

/// The files that only a removed patch had brought.
///
/// # Errors
/// When a table cannot be read or a path is wrong.
pub fn files_of_removed(session: &Session<'_, '_>) -> Result<Vec<WindowsPath>, EngineError> {
    let Some(before) = &session.basis.patching.before else { return Ok(Vec::new()) };
    let now = session.package.rows::<FileRow>()?;
    let components = before.rows::<Component>()?;
    let folders = before
        .directories()?
        .resolve_targets(&|name| session.directory(name).filter(|folder| !folder.is_empty()), NameForm::Long);
    let mut files = Vec::new();
    for file in before.rows::<FileRow>()?.iter() {
        let folder = components.find(&file.component).and_then(|row| folders.get(&*row.directory));
        let Some(folder) = folder.filter(|_| now.find(&file.file).is_none()) else { continue };
        let path = format!("{}{}", with_backslash(folder), file.name.name(NameForm::Long));
        files.push(session.windows_path("File", &file.file, &path)?);
    }
    // A row with another key may be for the same file.
    let kept: HashSet<WindowsPath> = session
        .selection()?
        .files()
        .iter()
        .filter_map(|file| WindowsPath::parse(&session.selection().ok()?.target(file)?).ok())
        .collect();
    files.retain(|path| !kept.contains(path));
    Ok(files)
}

/// Takes back the registry values that only a removed patch had brought.
pub fn remove_registry_values(session: &mut Session<'_, '_>) -> Result<(), EngineError> {
    let mut gone = Vec::new();
    if let Some(before) = &session.basis.patching.before {
        let now = session.package.rows::<RegistryRow>()?;
        let components = before.rows::<Component>()?;
        for row in before.rows::<RegistryRow>()?.iter().filter(|row| now.find(&row.registry).is_none()) {
            let Some(component) = components.find(&row.component) else { continue };
            let key = registry_values::key_in(session, row.root, &row.key, component.is_64_bit())?;
            let name = session.format(row.name.as_deref().unwrap_or_default()).text;
            gone.push(RemoveRegistryValue { key, name });
        }
    }
    for value in gone {
        session.add(value.into())?;
    }
    Ok(())
}

/// Takes back the features and disks that only a removed patch had brought.
///
/// # Errors
/// When a table cannot be read.
pub fn forget_parts(session: &mut Session<'_, '_>) -> Result<(), EngineError> {
    let Some(before) = &session.basis.patching.before else { return Ok(()) };
    let (features, disks) = (session.package.rows::<Feature>()?, session.package.rows::<Media>()?);
    let old = before.rows::<Feature>()?;
    let features: Vec<String> = old
        .iter()
        .filter(|row| features.find(&row.feature).is_none())
        .map(|row| row.feature.to_string())
        .collect();
    let old = before.rows::<Media>()?;
    let disks: Vec<String> = old
        .iter()
        .filter(|row| !disks.iter().any(|kept| kept.disk == row.disk))
        .map(|row| row.disk.to_string())
        .collect();
    let (code, context) = (session.package.product_code(), session.install_context());
    let removed = registration::forget_parts(session.machine().registry()?, code, context, &features, &disks);
    remove(session, removed)
}

/// Takes back the components that only a removed patch had brought.
pub fn unregister_components(session: &mut Session<'_, '_>) -> Result<(), EngineError> {
    let mut removed = Vec::new();
    if let Some(before) = &session.basis.patching.before {
        let now = session.package.rows::<Component>()?;
        let registry = session.machine().registry()?;
        for row in before.rows::<Component>()?.iter().filter(|row| now.find(&row.component).is_none()) {
            let Some(id) = row.id else { continue };
            let code = session.package.product_code();
            removed.push(registration::unprocess_component(registry, code, session.install_context(), id));
        }
    }
    remove(session, removed)
}
