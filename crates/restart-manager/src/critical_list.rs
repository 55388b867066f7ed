//! The list of programs and units that are never stopped, each with its reason: what is built in, changed by the
//! administrator and the user.
//!
//! ```text
//! /etc/reseat/critical.d/NAME.conf
//! $XDG_CONFIG_HOME/reseat/critical.d/NAME.conf, by default in ~/.config
//!
//! postgres              keeps the company's data        a program by the name of its file
//! /opt/demo/bin/server  must stay up for the demo       a program by its path
//! unit:backup.service   half a backup is none           a unit of the service manager
//! !ssh-agent            takes a line off the list
//! ```
//!
//! Files are read in the order of their names, `/etc` first; the last line about something wins.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::process::geteuid;

/// Programs by the name of their file, and why they stay.
const BUILT_IN: &[(&str, &str)] = &[
    ("systemd", "the service manager"),
    ("systemd-executor", "the service manager"),
    ("systemd-logind", "keeps the users' sessions"),
    ("elogind", "keeps the users' sessions"),
    ("systemd-journald", "keeps the system's log"),
    ("systemd-udevd", "manages devices"),
    ("dbus-daemon", "the message bus"),
    ("dbus-broker", "the message bus"),
    ("dbus-broker-launch", "the message bus"),
    ("Xorg", "the display server"),
    ("Xwayland", "the display server"),
    ("gdm3", "the display manager"),
    ("gdm", "the display manager"),
    ("sddm", "the display manager"),
    ("lightdm", "the display manager"),
    ("gnome-shell", "the desktop's compositor"),
    ("kwin_wayland", "the desktop's compositor"),
    ("dockerd", "runs containers"),
    ("containerd", "runs containers"),
    ("containerd-shim-runc-v2", "runs containers"),
    ("podman", "runs containers"),
    ("conmon", "runs containers"),
    ("multipathd", "serves storage"),
    ("iscsid", "serves storage"),
    ("dmeventd", "serves storage"),
    ("ssh-agent", "holds keys that would be lost"),
    ("gpg-agent", "holds keys that would be lost"),
    ("gnome-keyring-daemon", "holds keys that would be lost"),
    ("runsv", "a supervisor"),
    ("runsvdir", "a supervisor"),
    ("s6-supervise", "a supervisor"),
    ("s6-svscan", "a supervisor"),
];

/// No list needs more.
const SIZE_LIMIT: u64 = 1 << 20;

/// Why things must not be stopped, by what a line of a list names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CriticalList(BTreeMap<String, String>);

impl CriticalList {
    /// What is built in.
    pub(crate) fn built_in() -> CriticalList {
        CriticalList(BUILT_IN.iter().map(|(name, why)| ((*name).to_owned(), (*why).to_owned())).collect())
    }

    /// What is built in and configured. A file that cannot be read is passed over with a warning.
    pub(crate) fn load() -> CriticalList {
        let mut list = CriticalList::built_in();
        list.read_folder(Path::new("/etc/reseat/critical.d"));
        let given = std::env::var_os("XDG_CONFIG_HOME").map(PathBuf::from).filter(|it| it.is_absolute());
        let home = || Some(PathBuf::from(std::env::var_os("HOME")?).join(".config"));
        if let Some(folder) = given.or_else(home) {
            list.read_folder(&folder.join("reseat/critical.d"));
        }
        list
    }

    fn read_folder(&mut self, folder: &Path) {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|it| it.path());
        let mut files: Vec<PathBuf> =
            entries.filter(|it| it.extension().is_some_and(|it| it == "conf")).collect();
        files.sort();
        for path in files {
            match read(&path) {
                Ok(text) => self.read_text(&text, &path),
                Err(reason) => tracing::warn!(file = %path.display(), %reason, "passed over"),
            }
        }
    }

    fn read_text(&mut self, text: &str, path: &Path) {
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let (name, reason) = line.split_once([' ', '\t']).unwrap_or((line, ""));
            match (name.strip_prefix('!'), reason.trim()) {
                (Some(name), _) => drop(self.0.remove(name)),
                (None, "") => drop(self.0.insert(name.to_owned(), format!("named in {}", path.display()))),
                (None, reason) => drop(self.0.insert(name.to_owned(), reason.to_owned())),
            }
        }
    }

    /// Why a program must not be stopped, by its path.
    pub(crate) fn program(&self, path: &str) -> Option<&str> {
        let name = path.rsplit('/').next().unwrap_or_default();
        self.0.get(path).or_else(|| self.0.get(name)).map(String::as_str)
    }

    /// Why a unit must not be stopped.
    pub(crate) fn unit(&self, name: &str) -> Option<&str> {
        self.0.get(&format!("unit:{name}")).map(String::as_str)
    }
}

/// Reads a list that nobody else can have written.
fn read(path: &Path) -> Result<String, String> {
    let told = |error: std::io::Error| error.to_string();
    let file = File::open(path).map_err(told)?;
    let metadata = file.metadata().map_err(told)?;
    if !metadata.is_file()
        || ![0, geteuid().as_raw()].contains(&metadata.uid())
        || metadata.mode() & 0o022 != 0
    {
        return Err("it is not a file that only its owner, root or you, can write to".to_owned());
    }
    let mut text = String::new();
    file.take(SIZE_LIMIT).read_to_string(&mut text).map_err(told)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_list_adds_replaces_and_takes_off_and_the_last_line_wins() {
        let mut list = CriticalList::built_in();
        assert!(list.program("/usr/bin/ssh-agent").is_some());
        let text = "# ours\n\n postgres\tkeeps  data \nXorg a screen\n!ssh-agent\n/opt/x y\nunit:a.service no\nbare\n";
        list.read_text(text, Path::new("/etc/l.conf"));
        assert_eq!(list.program("/usr/lib/postgres"), Some("keeps  data"));
        assert_eq!(list.program("/usr/bin/Xorg"), Some("a screen"));
        assert_eq!((list.program("/usr/bin/ssh-agent"), list.program("/usr/x")), (None, None));
        assert_eq!((list.program("/opt/x"), list.unit("a.service")), (Some("y"), Some("no")));
        assert_eq!(list.program("bare"), Some("named in /etc/l.conf"));
        list.read_text("postgres another reason", Path::new("/etc/m.conf"));
        assert_eq!(list.program("postgres"), Some("another reason"));
    }

    #[test]
    fn files_are_read_in_their_order_and_not_when_others_can_write_to_them() {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in
            [("b.conf", "x two"), ("a.conf", "x one"), ("c.conf", "x three"), ("d.txt", "x four")]
        {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let open = PermissionsExt::from_mode(0o666);
        std::fs::set_permissions(folder.path().join("c.conf"), open).unwrap();
        let mut list = CriticalList::built_in();
        list.read_folder(folder.path());
        assert_eq!(list.program("x"), Some("two"));
    }
}
