//! `reseat export` and `reseat import`: a package as a folder of text tables and streams, and back.

use std::process::ExitCode;

use reseat_database::{Database, Reading, folder};

use crate::arguments::{Export, Import};
use crate::failure::Failure;

/// Writes a package as a folder.
pub fn export(arguments: &Export) -> Result<ExitCode, Failure> {
    let database = Database::open(&arguments.package, Reading::Permissive)?;
    for warning in database.warnings() {
        eprintln!("reseat: warning: {}: {warning}", arguments.package.display());
    }
    folder::export(&database, &arguments.folder)?;
    Ok(ExitCode::SUCCESS)
}

/// Makes a package from a folder.
pub fn import(arguments: &Import) -> Result<ExitCode, Failure> {
    folder::import(&arguments.folder)?.save(&arguments.package)?;
    Ok(ExitCode::SUCCESS)
}
