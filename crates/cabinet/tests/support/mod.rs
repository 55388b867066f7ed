//! Where the real packages are, and the tools that the results are compared with.

#![allow(clippy::unwrap_used)]
#![allow(dead_code, reason = "each test binary uses its part")]

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use reseat_cabinet::{CabinetError, CabinetSet, ReadSeek};

/// The folder of real packages: `RESEAT_PACKAGES`, or `shared/packages` beside the workspace.
pub fn packages() -> Option<PathBuf> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/packages");
    let folder = std::env::var_os("RESEAT_PACKAGES").map_or_else(|| PathBuf::from(beside), PathBuf::from);
    if !folder.is_dir() {
        println!("SKIPPED: there is no folder of packages {}", folder.display());
        return None;
    }
    Some(folder)
}

/// True when a tool is installed. In continuous integration a missing one is a failure.
pub fn has_tool(name: &str) -> bool {
    let found = Command::new(name).arg("--version").output().is_ok();
    if !found {
        assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "{name} is not installed");
        println!("SKIPPED: {name} is not installed");
    }
    found
}

/// Runs a tool and gives what it printed, or nothing when it failed.
pub fn run<I: AsRef<OsStr>>(tool: &str, arguments: impl IntoIterator<Item = I>) -> Option<Vec<u8>> {
    let output = Command::new(tool).args(arguments).output().unwrap();
    output.status.success().then_some(output.stdout)
}

/// Opens a set whose following cabinets lie beside the first one, in any letter case.
pub fn open_set(path: &Path) -> Result<CabinetSet, CabinetError> {
    let folder = path.parent().unwrap().to_owned();
    let next = move |name: &str| -> io::Result<Box<dyn ReadSeek>> {
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().eq_ignore_ascii_case(name) {
                return Ok(Box::new(File::open(entry.path())?));
            }
        }
        Err(io::ErrorKind::NotFound.into())
    };
    CabinetSet::open(Box::new(File::open(path).unwrap()), Box::new(next))
}

/// A file's content, by index.
pub fn content(set: &mut CabinetSet, index: usize) -> Result<Vec<u8>, CabinetError> {
    let mut content = Vec::new();
    let length = set.copy(index, &mut content)?;
    assert_eq!(length, content.len() as u64);
    Ok(content)
}

/// The cabinets that packages in `folder` carry in their streams, with a name for messages.
pub fn embedded_cabinets(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut cabinets = Vec::new();
    let mut packages: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    packages.sort();
    for package in packages.iter().filter(|path| path.extension().is_some_and(|ending| ending == "msi")) {
        let Some(list) = run("msiinfo", [OsStr::new("streams"), package.as_os_str()]) else { continue };
        for stream in String::from_utf8_lossy(&list).lines() {
            let arguments = [OsStr::new("extract"), package.as_os_str(), OsStr::new(stream)];
            let Some(bytes) = run("msiinfo", arguments) else { continue };
            if bytes.starts_with(b"MSCF") {
                let package = package.file_name().unwrap().to_string_lossy();
                cabinets.push((format!("{package}/{stream}"), bytes));
            }
        }
    }
    cabinets
}
