//! MsiPublishAssemblies and MsiUnpublishAssemblies (pages `msipublishassemblies-action.md`, `msiassembly-table.md`).
//!
//! An assembly that is private to an application lies where its component puts it: InstallFiles has done all there is to
//! do when nothing is advertised. One for all applications belongs in the global assembly cache, which is not here.

use reseat_package::MsiAssembly;

use crate::error::EngineError;
use crate::log::service;
use crate::selection::Doing;
use crate::session::Session;

/// Notes the private assemblies of components that are installed.
pub fn publish_assemblies(session: &mut Session<'_, '_>) -> Result<(), EngineError> {
    note(session, Doing::Install, "lies in its folder")
}

/// Notes the private assemblies of components that are removed.
pub fn unpublish_assemblies(session: &mut Session<'_, '_>) -> Result<(), EngineError> {
    note(session, Doing::Remove, "goes with its files")
}

fn note(session: &Session<'_, '_>, doing: Doing, what: &str) -> Result<(), EngineError> {
    for row in session.package.rows::<MsiAssembly>()?.iter() {
        if session.selection()?.does(&row.component, doing) {
            service!("The private assembly of component {} {what}", row.component);
        }
    }
    Ok(())
}

/// The assemblies that belong in the global assembly cache.
pub fn global_assemblies(session: &Session<'_, '_>) -> Result<Vec<String>, EngineError> {
    let rows = session.package.rows::<MsiAssembly>()?;
    let global = rows.iter().filter(|row| row.application.is_none());
    Ok(global.map(|row| format!("global assembly of component {}", row.component)).collect())
}
