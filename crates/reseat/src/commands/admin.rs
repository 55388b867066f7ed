//! `reseat admin`, and `msiexec /a`: a package with all its files in a folder, to be installed from there.
//!
//! An image in the prefix (a Windows path) is written like everything that is installed there. One that lies elsewhere is made
//! on a machine of its own beside the folder, and moved into it when it is whole: nothing outside a prefix is ever written by
//! an installation itself.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use reseat_engine::{Beside, Request, Target};
use reseat_package::{Package, parse_assignment};

use crate::arguments::{Admin, Global, Presented};
use crate::commands::install;
use crate::failure::Failure;
use crate::prefix;

/// The image on a machine of its own.
const IMAGE: &str = "C:\\Image";

/// Makes or patches an administrative image.
pub fn run(global: &Global, arguments: Admin) -> Result<ExitCode, Failure> {
    let Admin { package, folder, properties, presented } = arguments;
    // Properties may follow without a folder before them.
    let (folder, properties) = match folder {
        Some(text) if parse_assignment(&text).is_ok() => (None, [vec![text], properties].concat()),
        folder => (folder, properties),
    };
    let mut request = install::request(global, Target::Package(package), &properties, &presented)?;
    request.properties.extend(folder.map(|folder| ("TARGETDIR".to_owned(), folder)));
    administer(global, request, &presented)
}

/// Carries an administrative installation out.
///
/// # Errors
/// Why it failed; what was in the folder before is still there then.
pub fn administer(global: &Global, mut request: Request, presented: &Presented) -> Result<ExitCode, Failure> {
    request.properties.push(("ACTION".to_owned(), "ADMIN".to_owned()));
    reseat_engine::open_package(&request)?;
    let named = request.properties.iter().rev().find(|(name, _)| name == "TARGETDIR");
    let folder = match named.map(|(_, value)| value.clone()).filter(|value| !value.is_empty()) {
        Some(path) if in_prefix(&path) => return install::start(global, &request, presented),
        Some(path) => prefix::locate(global, Path::new(&path))?,
        None => match folder_of_image(&request) {
            Some(folder) => folder,
            // The root of the drive, as documented.
            None => return install::start(global, &request, presented),
        },
    };
    let parent = folder.parent().unwrap_or(Path::new("/"));
    std::fs::create_dir_all(parent)?;
    let prepared = prefix::temporary(parent)?;
    request.properties.retain(|(name, _)| name != "TARGETDIR");
    request.properties.push(("TARGETDIR".to_owned(), IMAGE.to_owned()));
    let image = prepared.machine.prefix().join("drive_c").join("Image");
    let result = install::run(global, &prepared.machine, &request, presented);
    let moved = match &result {
        Ok(_) => place(&image, &folder).map_err(Failure::from),
        Err(_) => Ok(()),
    };
    prepared.discard();
    moved?;
    if result.is_ok() && !global.quiet && !global.json {
        eprintln!("the image is in {}", folder.display());
    }
    result
}

/// Whether a path is one of the drive that an installation writes to.
fn in_prefix(path: &str) -> bool {
    prefix::is_windows_path(path) && path.starts_with(['c', 'C'])
}

/// The folder of the package, when that is an image itself.
fn folder_of_image(request: &Request) -> Option<PathBuf> {
    let Target::Package(path) = &request.target else { return None };
    let database = reseat_database::Database::open(path, reseat_database::Reading::Permissive).ok()?;
    let package = Package::open(database).ok()?;
    let path = std::path::absolute(path).ok()?;
    package.summary().is_administrative().then(|| path.parent().map(Path::to_owned))?
}

/// Moves what is in one folder into another on the same volume, where it takes the place of what is called the same in any
/// letter case.
fn place(from: &Path, to: &Path) -> io::Result<()> {
    if !to.exists() {
        return std::fs::rename(from, to);
    }
    let mut beside = Beside::folder(to.to_owned());
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let name = entry.file_name();
        let known = name.to_str().and_then(|name| beside.find([name]));
        let target = known.unwrap_or_else(|| to.join(&name));
        if entry.file_type()?.is_dir() && target.is_dir() {
            place(&entry.path(), &target)?;
        } else {
            std::fs::rename(entry.path(), &target)?;
        }
    }
    Ok(())
}
