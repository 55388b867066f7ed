//! Code that a package carries in its Binary table (page `binary-table.md`).

use std::path::Path;

use reseat_database::{Database, Reading, Stream};
use reseat_engine::HostError;

/// The content of a row of the Binary table.
///
/// # Errors
/// [`HostError::Source`] when the package cannot be read or has no such stream.
pub(crate) fn open(package: &Path, name: &str) -> Result<Stream, HostError> {
    let database =
        Database::open(package, Reading::Permissive).map_err(|error| failed(package, name, error))?;
    let stream = database.stream(&format!("Binary.{name}")).map_err(|error| failed(package, name, error))?;
    stream.ok_or_else(|| failed(package, name, "the Binary table has no such stream"))
}

/// Why the code cannot be had.
pub(crate) fn failed(
    package: &Path,
    name: &str,
    source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> HostError {
    HostError::Source { name: name.to_owned(), package: package.to_owned(), source: source.into() }
}
