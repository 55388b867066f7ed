//! A file that takes the place of another, or is new, only when all of it is written.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tempfile::NamedTempFile;

/// Begins a file that [`NamedTempFile::persist`] can put to a path, in the same folder. It has the permissions of the file
/// that it replaces, or those that other programs give to new files.
///
/// # Errors
/// When the folder cannot be written to, or something else than a file is at the path.
pub fn begin(path: &Path) -> io::Result<NamedTempFile> {
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let permissions = match fs::metadata(path) {
        // A device would be gone for all others.
        Ok(metadata) if !metadata.is_file() => return Err(io::Error::other("not a regular file")),
        Ok(metadata) => metadata.permissions(),
        // What the creator's mask leaves of this is what other programs give to new files.
        Err(_) => Permissions::from_mode(0o666),
    };
    tempfile::Builder::new().prefix(".reseat-").permissions(permissions).tempfile_in(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_the_permissions_of_the_old_one_or_of_other_new_ones() {
        let folder = tempfile::tempdir().unwrap();
        let [old, new, other] = ["old", "new", "other"].map(|name| folder.path().join(name));
        fs::write(&old, "").unwrap();
        fs::set_permissions(&old, Permissions::from_mode(0o400)).unwrap();
        begin(&old).unwrap().persist(&old).unwrap();
        begin(&new).unwrap().persist(&new).unwrap();
        fs::write(&other, "").unwrap();
        let mode = |path| fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode(&old) & 0o777, 0o400);
        assert_eq!(mode(&new), mode(&other));
    }

    #[test]
    fn a_folder_or_device_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        for path in [folder.path(), Path::new("/dev/null")] {
            assert_eq!(begin(path).unwrap_err().to_string(), "not a regular file");
        }
    }
}
