//! Real packages and the programs that serve as oracles.

#[allow(dead_code, reason = "not every test program damages files")]
pub mod damage;

use std::path::{Path, PathBuf};
use std::process::Command;

/// The real packages, or a reason why there are none.
pub fn packages() -> Vec<PathBuf> {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/packages");
    let folder = std::env::var_os("RESEAT_PACKAGES").map_or_else(|| PathBuf::from(default), PathBuf::from);
    let Ok(entries) = folder.canonicalize().and_then(std::fs::read_dir) else {
        println!("SKIPPED: there is no folder of real packages at {}", folder.display());
        return Vec::new();
    };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| {
        path.extension()
            .is_some_and(|extension| ["msi", "msp", "mst"].iter().any(|known| extension == *known))
    });
    paths.sort();
    paths
}

/// Whether a program is installed; where continuous integration runs it has to be.
#[allow(dead_code, reason = "not every test program needs an oracle")]
pub fn is_installed(program: &str) -> bool {
    let found = Command::new(program).arg("--version").output().is_ok();
    if !found {
        assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "{program} is missing");
        println!("SKIPPED: {program} is not installed");
    }
    found
}

/// A table as `msiinfo` exports it. It also writes the table's streams into the current folder, which has to be one that
/// may be littered.
#[allow(dead_code, reason = "not every test program needs an oracle")]
pub fn msiinfo_export(path: &Path, table: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let output =
        Command::new("msiinfo").arg("export").arg(path).arg(table).current_dir(&folder).output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The last part of a path.
pub fn file_name(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).unwrap()
}
