//! MsiPublishAssemblies and MsiUnpublishAssemblies (pages `msipublishassemblies-action.md`, `msiassembly-table.md`).
//!
//! An assembly that is private to an application lies where its component puts it, and one of Windows for all applications
//! in the folder WinSxS (`side_by_side.rs`): InstallFiles has done all there is to do when nothing is advertised, and
//! Windows Installer writes nothing about it into the registry (page `installation-of-win32-assemblies.md`). An assembly of
//! .NET for all applications is put into the global assembly cache by .NET itself, which is not here.

use reseat_package::MsiAssembly;

use crate::error::EngineError;
use crate::log::service;
use crate::selection::Doing;
use crate::session::Session;
use crate::side_by_side;

/// Notes the assemblies of components that are installed.
pub fn publish_assemblies(session: &mut Session<'_, '_>) -> Result<(), EngineError> {
    note(session, Doing::Install, "lies in its folder")
}

/// Notes the assemblies of components that are removed.
pub fn unpublish_assemblies(session: &mut Session<'_, '_>) -> Result<(), EngineError> {
    note(session, Doing::Remove, "goes with its files")
}

fn note(session: &Session<'_, '_>, doing: Doing, what: &str) -> Result<(), EngineError> {
    for row in session.package.rows::<MsiAssembly>()?.iter() {
        if session.selection()?.does(&row.component, doing) {
            let kind = if row.application.is_some() { "private" } else { "global" };
            service!("The {kind} assembly of component {} {what}", row.component);
        }
    }
    Ok(())
}

/// The assemblies for all applications that have no place here.
///
/// # Errors
/// When a table cannot be read.
pub fn global_assemblies(session: &Session<'_, '_>) -> Result<Vec<String>, EngineError> {
    Ok(side_by_side::without_place(&session.package)?)
}
