//! Which systemd unit a process belongs to: `/proc/PID/cgroup` (cgroups(7)), without asking anybody.

use std::fmt;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::process::geteuid;
use serde::{Deserialize, Serialize};

use crate::critical::open_process;
use crate::process::read_file;

/// Which service manager is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Manager {
    /// The system's.
    System,
    /// That of the user with this number.
    User(u32),
}

/// A unit of a service manager.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Unit {
    /// Whose unit it is.
    pub manager: Manager,
    /// Its name with its type, such as `cron.service`.
    pub name: String,
}

impl Unit {
    /// Whether it is a service: not a scope, which no manager can start again.
    pub fn is_service(&self) -> bool {
        self.name.ends_with(".service")
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// The unit that a process belongs to now, if it belongs to one.
pub fn unit_of(pid: u32) -> Option<Unit> {
    let folder = open_process(pid).ok()?;
    unit_and_group(folder.as_fd()).map(|it| it.0)
}

/// The unit and the path of the control group.
pub(crate) fn unit_and_group(folder: BorrowedFd<'_>) -> Option<(Unit, String)> {
    let text = read_file(folder, "cgroup", 1 << 16).ok()?;
    let path = group_path(std::str::from_utf8(&text).ok()?)?;
    Some((unit_in(path)?, path.to_owned()))
}

/// The path in the unified hierarchy, or in systemd's own where processes are managed there.
fn group_path(text: &str) -> Option<&str> {
    let mut unified = None;
    let mut named = None;
    for line in text.lines() {
        let mut fields = line.splitn(3, ':');
        let (Some(_), Some(controllers), Some(path)) = (fields.next(), fields.next(), fields.next()) else {
            continue;
        };
        match controllers {
            "" => unified = Some(path),
            "name=systemd" => named = Some(path),
            _ => {}
        }
    }
    unified.filter(|path| *path != "/").or(named).or(unified)
}

fn unit_in(path: &str) -> Option<Unit> {
    const KINDS: [&str; 5] = [".service", ".scope", ".mount", ".socket", ".swap"];
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let owner = |part: &&str| part.strip_prefix("user@")?.strip_suffix(".service")?.parse::<u32>().ok();
    let at = parts.iter().rposition(|part| owner(part).is_some());
    let below = at.and_then(|at| parts.get(at + 1..)).filter(|below| !below.is_empty());
    let manager = match at.and_then(|at| parts.get(at)).and_then(owner) {
        Some(user) if below.is_some() => Manager::User(user),
        _ => top_manager(),
    };
    // Below the unit may be groups that it has made itself.
    let is_unit = |part: &&&str| KINDS.iter().any(|kind| part.ends_with(kind));
    let name = below.unwrap_or(&parts).iter().find(is_unit)?;
    // A name that could be taken for a file of the control group has an underscore before it.
    let name = name.strip_prefix('_').unwrap_or(name);
    is_unit_name(name).then(|| Unit { manager, name: name.to_owned() })
}

/// Whether it may be a unit's name (systemd.unit(5)), and so is no pattern and no option.
pub(crate) fn is_unit_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b":-_.\\@".contains(&byte);
    !name.is_empty() && name.len() < 256 && !name.starts_with('-') && name.bytes().all(allowed)
}

/// Whose units those without a user are: the system's, or in a namespace where only a user's manager runs,
/// that user's.
pub(crate) fn top_manager() -> Manager {
    let own = Manager::User(geteuid().as_raw());
    if !Manager::System.is_there() && own.is_there() { own } else { Manager::System }
}

impl Manager {
    /// Whether it runs: its private socket exists.
    pub(crate) fn is_there(self) -> bool {
        self.runtime_folder().is_some_and(|folder| folder.join("systemd/private").exists())
    }

    /// The folder that its sockets are in. Of other users' managers only root knows it.
    pub(crate) fn runtime_folder(self) -> Option<PathBuf> {
        let own = geteuid().as_raw();
        match self {
            Manager::System => Some(PathBuf::from("/run")),
            Manager::User(user) if user == own => {
                let given = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
                let usual = || PathBuf::from(format!("/run/user/{user}"));
                Some(given.filter(|path| path.is_absolute()).unwrap_or_else(usual))
            }
            Manager::User(user) if own == 0 => {
                let folder = PathBuf::from(format!("/run/user/{user}"));
                std::fs::symlink_metadata(&folder)
                    .is_ok_and(|it| it.is_dir() && it.uid() == user)
                    .then_some(folder)
            }
            Manager::User(_) => None,
        }
    }

    /// The user and group to speak to it as, where that is another user than ours.
    pub(crate) fn spoken_to_as(self) -> Option<(u32, u32)> {
        match self {
            Manager::User(user) if user != geteuid().as_raw() => {
                Some((user, std::fs::symlink_metadata(self.runtime_folder()?).ok()?.gid()))
            }
            _ => None,
        }
    }
}

/// The processes in a control group and those below it, by the path that its manager gives.
pub(crate) fn processes_in(group: &str) -> Vec<u32> {
    let group = group.trim_start_matches('/');
    if group.is_empty() || group.split('/').any(|part| part == "..") {
        return Vec::new();
    }
    for root in ["/sys/fs/cgroup", "/sys/fs/cgroup/systemd", "/sys/fs/cgroup/unified"] {
        let folder = Path::new(root).join(group);
        if folder.join("cgroup.procs").exists() {
            let mut found = Vec::new();
            collect(&folder, 0, &mut found);
            return found;
        }
    }
    Vec::new()
}

fn collect(folder: &Path, depth: usize, found: &mut Vec<u32>) {
    const DEPTH_LIMIT: usize = 16;
    let text = std::fs::read_to_string(folder.join("cgroup.procs")).unwrap_or_default();
    found.extend(text.lines().filter_map(|line| line.parse::<u32>().ok()));
    if depth == DEPTH_LIMIT {
        return;
    }
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            collect(&entry.path(), depth + 1, found);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_control_group_names_unit_and_manager() {
        let user = "/user.slice/user-1000.slice/user@1000.service";
        let cases = [
            ("/system.slice/cron.service", Some((None, "cron.service"))),
            ("/system.slice/docker.service/inner/x", Some((None, "docker.service"))),
            ("/system.slice/system-getty.slice/getty@tty1.service", Some((None, "getty@tty1.service"))),
            ("/user.slice/user-1000.slice/session-3.scope", Some((None, "session-3.scope"))),
            (&format!("{user}/app.slice/demo.service"), Some((Some(1000), "demo.service"))),
            (&format!("{user}/init.scope"), Some((Some(1000), "init.scope"))),
            (user, Some((None, "user@1000.service"))),
            ("/_tasks.service", Some((None, "tasks.service"))),
            ("/system.slice/*.service", None),
            ("/", None),
            ("/system.slice", None),
        ];
        for (path, expected) in cases {
            let found = unit_in(path);
            let expected = expected.map(|(user, name)| {
                let manager = user.map_or_else(top_manager, Manager::User);
                Unit { manager, name: name.to_owned() }
            });
            assert_eq!(found, expected, "{path}");
        }
    }

    #[test]
    fn the_unified_hierarchy_counts_unless_processes_are_managed_elsewhere() {
        assert_eq!(group_path("0::/a.service\n"), Some("/a.service"));
        assert_eq!(group_path("1:name=systemd:/b.service\n0::/\n"), Some("/b.service"));
        assert_eq!(group_path("9:cpu,cpuacct:/x\n0::/a.service:with\n"), Some("/a.service:with"));
        assert_eq!(group_path("broken\n"), None);
    }
}
