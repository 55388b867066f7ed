//! Which container a process runs in, by the name that its user gave it: `/proc/PID/cgroup` tells engine and
//! number, and the engine's own record the name. No engine is asked.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::os::fd::BorrowedFd;
use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::process::read_file;

/// A container, or a virtual machine.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Container {
    /// What runs it: `docker`, `podman`, `kubernetes`, `lxc`, `flatpak`, `machine` (those of systemd).
    pub engine: &'static str,
    /// Its name; where only its number is known, the first twelve digits of that.
    pub name: String,
}

impl fmt::Display for Container {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name, self.engine)
    }
}

/// Where the engines keep their records.
const RECORDS: &str = "/var/lib";

/// The container that the process with this `/proc/PID` folder runs in, as far as its control groups tell.
pub(crate) fn container_of(folder: BorrowedFd<'_>) -> Option<Container> {
    let text = read_file(folder, "cgroup", 1 << 16).ok()?;
    let text = std::str::from_utf8(&text).ok()?;
    let (engine, name) = text.lines().filter_map(|line| line.splitn(3, ':').nth(2)).find_map(in_path)?;
    Some(named(engine, name, Path::new(RECORDS)))
}

/// The engine, and the name or number, in a control group's path. Of containers within containers the outer one.
fn in_path(path: &str) -> Option<(&'static str, String)> {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    parts.iter().enumerate().find_map(|(at, part)| {
        let previous = at.checked_sub(1).and_then(|at| parts.get(at)).copied().unwrap_or_default();
        let scope = part.strip_suffix(".scope").unwrap_or(part);
        let number = |engine: &'static str, text: &str| is_number(text).then(|| (engine, text.to_owned()));
        let number_after =
            |engine: &'static str, prefix: &str| scope.strip_prefix(prefix).and_then(|it| number(engine, it));
        let name = |engine: &'static str, text: &str| (!text.is_empty()).then(|| (engine, unescaped(text)));
        number_after("docker", "docker-")
            .or_else(|| number_after("podman", "libpod-"))
            .or_else(|| number_after("kubernetes", "cri-containerd-"))
            .or_else(|| number_after("kubernetes", "crio-"))
            .or_else(|| number("docker", part).filter(|_| previous == "docker"))
            .or_else(|| number("kubernetes", part).filter(|_| path.starts_with("/kubepods")))
            .or_else(|| name("lxc", part.strip_prefix("lxc.payload.")?))
            .or_else(|| name("lxc", part).filter(|_| matches!(previous, "lxc" | "lxc.payload")))
            .or_else(|| name("machine", part.strip_prefix("systemd-nspawn@")?.strip_suffix(".service")?))
            .or_else(|| name("machine", part.strip_suffix(".scope")?.strip_prefix("machine-")?))
            // app-flatpak-org.example.App-1234.scope
            .or_else(|| name("flatpak", scope.strip_prefix("app-flatpak-")?.rsplit_once('-')?.0))
    })
}

/// Whether it is the number of a container: 64 hexadecimal digits.
fn is_number(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// A unit's name as its user wrote it (systemd-escape(1)).
fn unescaped(text: &str) -> String {
    text.replace("\\x2d", "-")
}

/// What Docker keeps of a container.
#[derive(Deserialize)]
struct DockerRecord {
    #[serde(rename = "Name")]
    name: String,
}

/// What Podman keeps of a container.
#[derive(Deserialize)]
struct PodmanRecord {
    id: String,
    #[serde(default)]
    names: Vec<String>,
}

/// Looks a number up in the engine's record, which only root can read.
fn named(engine: &'static str, name: String, records: &Path) -> Container {
    let recorded = match engine {
        "docker" => {
            let record: Option<DockerRecord> =
                read_record(&records.join("docker/containers").join(&name).join("config.v2.json"));
            record.map(|it| it.name.trim_start_matches('/').to_owned())
        }
        "podman" => {
            let path = records.join("containers/storage/overlay-containers/containers.json");
            let list: Option<Vec<PodmanRecord>> = read_record(&path);
            let found = list.into_iter().flatten().find(|it| it.id == name);
            found.and_then(|it| it.names.into_iter().next())
        }
        _ => None,
    };
    let short = |name: String| if is_number(&name) { name.chars().take(12).collect() } else { name };
    Container { engine, name: recorded.filter(|it| !it.is_empty()).unwrap_or_else(|| short(name)) }
}

fn read_record<T: DeserializeOwned>(path: &Path) -> Option<T> {
    const SIZE_LIMIT: u64 = 16 << 20;
    let mut text = Vec::new();
    File::open(path).ok()?.take(SIZE_LIMIT).read_to_end(&mut text).ok()?;
    serde_json::from_slice(&text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_control_group_names_the_container() {
        let number = "0123456789abcdef".repeat(4);
        let user = "/user.slice/user-1000.slice/user@1000.service";
        for (path, expected) in [
            (format!("/system.slice/docker-{number}.scope"), Some(("docker", number.as_str()))),
            (format!("/docker/{number}/inner"), Some(("docker", &number))),
            (format!("/machine.slice/libpod-{number}.scope/container"), Some(("podman", &number))),
            (format!("{user}/user.slice/libpod-{number}.scope"), Some(("podman", &number))),
            (format!("/kubepods/burstable/pod1/{number}"), Some(("kubernetes", &number))),
            (
                format!("/kubepods.slice/kubepods-pod1.slice/cri-containerd-{number}.scope"),
                Some(("kubernetes", &number)),
            ),
            ("/lxc.payload.web/system.slice/cron.service".to_owned(), Some(("lxc", "web"))),
            ("/lxc/db".to_owned(), Some(("lxc", "db"))),
            ("/machine.slice/machine-my\\x2dbox.scope".to_owned(), Some(("machine", "my-box"))),
            ("/machine.slice/systemd-nspawn@test.service/payload".to_owned(), Some(("machine", "test"))),
            (
                format!("{user}/app.slice/app-flatpak-org.example.App-77.scope"),
                Some(("flatpak", "org.example.App")),
            ),
            ("/system.slice/docker.service".to_owned(), None),
            ("/system.slice/docker-proxy.service".to_owned(), None),
            (format!("{user}/app.slice/app-gnome-x-1.scope"), None),
            ("/lxc.monitor.web".to_owned(), None),
            ("/".to_owned(), None),
        ] {
            let expected = expected.map(|(engine, name)| (engine, name.to_owned()));
            assert_eq!(in_path(&path), expected, "{path}");
        }
    }

    #[test]
    fn the_engines_record_has_the_name() {
        let folder = tempfile::tempdir().unwrap();
        let number = "ab".repeat(32);
        let records = folder.path();
        let name = |engine| named(engine, number.clone(), records).to_string();
        assert_eq!(name("docker"), "abababababab (docker)");
        let docker = records.join("docker/containers").join(&number);
        std::fs::create_dir_all(&docker).unwrap();
        std::fs::write(docker.join("config.v2.json"), r#"{"ID":"x","Name":"/web","State":{}}"#).unwrap();
        assert_eq!(name("docker"), "web (docker)");
        std::fs::write(docker.join("config.v2.json"), "torn").unwrap();
        assert_eq!(name("docker"), "abababababab (docker)");
        let podman = records.join("containers/storage/overlay-containers");
        std::fs::create_dir_all(&podman).unwrap();
        let text = format!(r#"[{{"id":"1"}},{{"id":"{number}","names":["db","other"]}}]"#);
        std::fs::write(podman.join("containers.json"), text).unwrap();
        assert_eq!(name("podman"), "db (podman)");
    }
}
