//! Links that lead out of the prefix. Wine makes such links of the user's Desktop, Documents, Pictures and other folders to
//! those of the home folder, where Reseat never writes.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::error::MachineError;
use crate::folders::KnownFolder;
use crate::machine::Machine;
use crate::windows_path::WindowsPath;

/// A link in the prefix to something outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutwardLink {
    /// Its path on this computer.
    pub link: PathBuf,
    /// What it says.
    pub target: PathBuf,
}

impl OutwardLink {
    /// The link at a path; nothing when there is none, as when a link is further up.
    pub(crate) fn at(link: &Path) -> Option<Box<Self>> {
        let target = std::fs::read_link(link).ok()?;
        Some(Box::new(Self { link: link.to_owned(), target }))
    }

    /// The command that puts a folder of the prefix in its place.
    pub fn remedy(&self) -> String {
        let link = self.link.display().to_string().replace('\'', r"'\''");
        format!("rm '{link}' && mkdir '{link}'")
    }
}

impl fmt::Display for OutwardLink {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "'{}' is a link to '{}'", self.link.display(), self.target.display())
    }
}

/// The folder of all users for the same things.
fn of_all_users(folder: KnownFolder) -> Option<KnownFolder> {
    Some(match folder {
        KnownFolder::Desktop => KnownFolder::CommonDesktop,
        KnownFolder::Personal => KnownFolder::CommonDocuments,
        KnownFolder::MyPictures => KnownFolder::CommonPictures,
        KnownFolder::Templates => KnownFolder::CommonTemplates,
        _ => return None,
    })
}

impl Machine {
    /// The link by which a folder lies outside the prefix, if it does.
    pub fn outward_link(&self, folder: &WindowsPath) -> Option<OutwardLink> {
        match self.drives.open_folder("find", folder) {
            Err(MachineError::LeadsOut { link, .. }) => link.map(|link| *link),
            _ => None,
        }
    }

    /// What stands in for a folder of the user that lies outside the prefix: the folder of all users for the same things.
    pub(crate) fn stand_in(&self, folder: KnownFolder, own: &WindowsPath) -> Option<WindowsPath> {
        let common = of_all_users(folder)?;
        self.outward_link(own).map(|_| self.folder(common))
    }

    /// The link by which one of the user's folders lies outside the prefix, so that [`Machine::folder`] gives that of all
    /// users.
    pub fn replaced_folder(&self, folder: KnownFolder) -> Option<OutwardLink> {
        of_all_users(folder)?;
        self.outward_link(&self.own_folder(folder))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::Bitness;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_folder_of_the_user_outside_the_prefix_is_replaced_by_that_of_all_users() {
        let place = tempfile::tempdir().unwrap();
        let home = place.path().join("home's");
        std::fs::create_dir(&home).unwrap();
        let prefix = place.path().join("prefix");
        let machine = Machine::create_for(&prefix, Bitness::X64, "me").unwrap();
        let profile = prefix.join("drive_c/users/me");
        for name in ["Desktop", "Documents", "Pictures", "Favorites"] {
            std::fs::remove_dir(profile.join(name)).unwrap();
            symlink(&home, profile.join(name)).unwrap();
        }
        for (folder, expected) in [
            (KnownFolder::Desktop, r"C:\users\Public\Desktop"),
            (KnownFolder::Personal, r"C:\users\Public\Documents"),
            (KnownFolder::MyPictures, r"C:\users\Public\Pictures"),
            (KnownFolder::Templates, r"C:\users\me\AppData\Roaming\Microsoft\Windows\Templates"),
            // Wine links no such folder, and there is none for all users.
            (KnownFolder::Favorites, r"C:\users\me\Favorites"),
        ] {
            assert_eq!(machine.folder(folder).as_str(), expected);
        }
        let link = machine.replaced_folder(KnownFolder::Desktop).unwrap();
        let real = machine.prefix().join("drive_c/users/me/Desktop");
        assert_eq!((&link.link, &link.target), (&real, &home));
        // The command does what it promises.
        let remedy = std::process::Command::new("sh").args(["-c", &link.remedy()]).status().unwrap();
        assert!(remedy.success());
        machine.forget_names();
        assert_eq!(machine.folder(KnownFolder::Desktop).as_str(), r"C:\users\me\Desktop");
        assert_eq!(machine.replaced_folder(KnownFolder::Desktop), None);
        // A path beneath names the link too.
        let path = WindowsPath::parse(r"C:\users\me\Documents\Letters").unwrap();
        let error = machine.create_folder(&path).unwrap_err();
        let MachineError::LeadsOut { link: Some(link), .. } = error else { panic!("{error}") };
        assert_eq!(link.link.file_name().unwrap(), "Documents");
    }
}
