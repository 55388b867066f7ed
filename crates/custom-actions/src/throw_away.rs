//! A prefix in which nothing that is there before can be written, for a dry run.
//!
//! The drives are shown as they are and cannot be written. The registry's files are copies, and the folders of temporary files are
//! empty; both are forgotten with the container. So Windows code begins as in an installation, and its changes lead nowhere.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

/// The folder of temporary files that every prefix has which Wine has prepared.
pub(crate) const WINDOWS_TEMP: &str = r"C:\windows\temp";

/// The files of a prefix that Wine writes.
const WINES_FILES: [&str; 4] = ["system.reg", "user.reg", "userdef.reg", "wineserver"];

/// Tells Wine that a prefix is ready, whichever version has prepared it.
const TIMESTAMP: &str = ".update-timestamp";

/// How many files and folders a prefix may have beside what Wine puts there.
const MOST_ENTRIES: usize = 200;

/// Why Windows code cannot run in such a prefix.
pub(crate) fn refusal(prefix: &Path) -> Option<&'static str> {
    let is_prepared = prefix.join(TIMESTAMP).is_file() && is_here(&prefix.join("drive_c/windows/temp"));
    (!is_prepared).then_some("Wine has not prepared the prefix, and a plan does not")
}

/// Where the content of [`WINDOWS_TEMP`] lies in the container's folder.
pub(crate) fn windows_temp(folder: &Path) -> PathBuf {
    folder.join("temp")
}

/// The words for bwrap that show such a prefix in the place of this one; what is forgotten lies in `folder`.
///
/// # Errors
/// When the prefix cannot be read, has too much beside its drives, or the folder cannot be written.
pub(crate) fn view(prefix: &Path, folder: &Path) -> io::Result<Vec<OsString>> {
    let copy = folder.join("prefix");
    fs::create_dir(&copy)?;
    let mut words: Vec<OsString> = vec!["--bind".into(), copy.clone().into(), prefix.into()];
    for (count, entry) in fs::read_dir(prefix)?.enumerate() {
        let (name, kind) = entry.and_then(|entry| Ok((entry.file_name(), entry.file_type()?)))?;
        if count >= MOST_ENTRIES {
            let what = format!("{} has more than {MOST_ENTRIES} files and folders", prefix.display());
            return Err(io::Error::other(what));
        }
        let (here, there) = (prefix.join(&name), copy.join(&name));
        if kind.is_symlink() {
            symlink(fs::read_link(&here)?, &there)?;
        } else if name == TIMESTAMP {
            fs::write(&there, "disable\n")?;
        } else if WINES_FILES.iter().any(|file| name == *file) {
            fs::copy(&here, &there)?;
        } else if name == "dosdevices" {
            drives(&here, &there)?;
        } else if kind.is_dir() || kind.is_file() {
            words.extend(["--ro-bind".into(), here.clone().into(), here.into()]);
        }
    }
    let temp = windows_temp(folder);
    fs::create_dir(&temp)?;
    for place in temporary_folders(prefix) {
        words.extend(["--bind".into(), temp.clone().into(), place.into()]);
    }
    Ok(words)
}

/// Copies the links of the drives: Wine puts those of devices there.
fn drives(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir(to)?;
    for entry in fs::read_dir(from)?.take(MOST_ENTRIES) {
        let entry = entry?;
        if entry.file_type()?.is_symlink() {
            symlink(fs::read_link(entry.path())?, to.join(entry.file_name()))?;
        }
    }
    Ok(())
}

/// The folders of temporary files of a prefix, of all users.
fn temporary_folders(prefix: &Path) -> Vec<PathBuf> {
    let windows = prefix.join("drive_c/windows/temp");
    let users = fs::read_dir(prefix.join("drive_c/users")).into_iter().flatten().flatten();
    let users = users.filter(|entry| entry.file_type().is_ok_and(|it| it.is_dir())).take(MOST_ENTRIES);
    let theirs = users.flat_map(|user| {
        ["AppData/Local/Temp", "Local Settings/Temp", "Temp"].map(|name| user.path().join(name))
    });
    std::iter::once(windows).chain(theirs).filter(|place| is_here(place)).collect()
}

/// Whether there is such a folder; one that is reached through a link may lie anywhere.
fn is_here(folder: &Path) -> bool {
    folder.canonicalize().is_ok_and(|real| real == folder && real.is_dir())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_registry_is_a_copy_and_the_drives_are_shown_as_they_are() {
        let place = tempfile::tempdir().unwrap();
        let (prefix, folder) =
            (place.path().canonicalize().unwrap().join("prefix"), place.path().join("own"));
        for name in ["drive_c/windows/temp", "drive_c/users/me/Temp", "dosdevices", "drive_d"] {
            fs::create_dir_all(prefix.join(name)).unwrap();
        }
        fs::create_dir(&folder).unwrap();
        symlink("../drive_c", prefix.join("dosdevices/c:")).unwrap();
        symlink("/", prefix.join("drive_c/users/me/AppData")).unwrap();
        fs::write(prefix.join("system.reg"), "registry").unwrap();
        assert!(refusal(&prefix).is_some());
        fs::write(prefix.join(TIMESTAMP), "12").unwrap();
        assert_eq!(refusal(&prefix), None);
        let words = view(&prefix, &folder).unwrap();
        let bound = |how: &str, place: &str| {
            let target = prefix.join(place).into_os_string();
            words.windows(3).any(|it| it[0] == how && it[2] == target)
        };
        assert!(bound("--ro-bind", "drive_c") && bound("--ro-bind", "drive_d"));
        assert!(words.iter().any(|word| word.as_os_str() == prefix), "{words:?}");
        assert!(bound("--bind", "drive_c/windows/temp") && bound("--bind", "drive_c/users/me/Temp"));
        assert!(!bound("--ro-bind", "dosdevices") && !bound("--ro-bind", "system.reg"));
        let copy = folder.join("prefix");
        assert_eq!(fs::read_to_string(copy.join("system.reg")).unwrap(), "registry");
        assert_eq!(fs::read_link(copy.join("dosdevices/c:")).unwrap(), Path::new("../drive_c"));
        assert_eq!(fs::read_to_string(copy.join(TIMESTAMP)).unwrap(), "disable\n");
    }
}
