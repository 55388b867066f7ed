//! Files beside a package, whatever the letter case of their names: the file systems that packages are made for do not
//! tell letter cases apart, and real packages count on that.
//!
//! Only what a folder really holds is found, by one name at a time: a name of a package that has separators or is `..` leads
//! nowhere.

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The files and folders beside a package. Each folder is read once at most.
#[derive(Debug)]
pub struct Beside {
    folder: PathBuf,
    /// The names in each folder, by their small letters; nothing for what is no folder.
    names: HashMap<PathBuf, HashMap<String, Vec<OsString>>>,
}

impl Beside {
    /// What is beside the file of this path.
    pub fn file(path: &Path) -> Self {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        Self::folder(folder.unwrap_or(Path::new(".")).to_owned())
    }

    /// What is in this folder.
    pub fn folder(folder: PathBuf) -> Self {
        Self { folder, names: HashMap::new() }
    }

    /// The file of this name after these folders, each in any letter case; the exact one is preferred.
    pub fn find<'n>(&mut self, names: impl IntoIterator<Item = &'n str>) -> Option<PathBuf> {
        let mut path = self.folder.clone();
        for name in names {
            if !is_one_name(name) {
                return None;
            }
            let exact = path.join(name);
            if exact.symlink_metadata().is_ok() {
                path = exact;
                continue;
            }
            let found = self.names_in(&path).get(&name.to_lowercase())?.first()?;
            path.push(found);
        }
        Some(path)
    }

    fn names_in(&mut self, folder: &Path) -> &HashMap<String, Vec<OsString>> {
        self.names.entry(folder.to_owned()).or_insert_with(|| {
            let mut names: HashMap<String, Vec<OsString>> = HashMap::new();
            for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
                let name = entry.file_name();
                names.entry(name.to_string_lossy().to_lowercase()).or_default().push(name);
            }
            // Which of two names is taken does not depend on the file system.
            names.values_mut().for_each(|names| names.sort_unstable());
            names
        })
    }
}

fn is_one_name(name: &str) -> bool {
    !matches!(name, "" | "." | "..") && !name.contains(['/', '\\', '\0'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_found_whatever_their_letter_case_and_only_beside_the_package() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("Sub")).unwrap();
        for name in ["Data1.CAB", "both.txt", "Both.txt", "Sub/Inner.bin"] {
            std::fs::write(folder.path().join(name), "x").unwrap();
        }
        let mut beside = Beside::file(&folder.path().join("app.msi"));
        let mut find = |names: &[&str]| {
            let found = beside.find(names.iter().copied())?;
            Some(found.strip_prefix(folder.path()).unwrap().to_str().unwrap().to_owned())
        };
        assert_eq!(find(&["data1.cab"]).as_deref(), Some("Data1.CAB"));
        assert_eq!(find(&["both.txt"]).as_deref(), Some("both.txt"));
        assert_eq!(find(&["BOTH.TXT"]).as_deref(), Some("Both.txt"));
        assert_eq!(find(&["sub", "INNER.BIN"]).as_deref(), Some("Sub/Inner.bin"));
        for name in ["../Data1.CAB", "..", ".", "", "/etc/passwd", r"..\x", "absent.cab", "Sub/Inner.bin"] {
            assert_eq!(find(&[name]), None, "{name}");
        }
        assert_eq!(find(&["Data1.CAB", "x"]), None);
    }
}
