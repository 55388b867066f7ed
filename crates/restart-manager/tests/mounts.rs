//! Files behind mounts: bind mounts, other mount namespaces, loop devices, btrfs. Overlay is in `detection`.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking; the setting for tests does not reach their helper functions"
)]

mod support;

use std::fs::File;
use std::io::BufRead;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use reseat_restart_manager::who::{FileState, How, uses};
use reseat_restart_manager::{RebootReasons, applications};
use support::{Helper, Place};

/// How the helper uses a file.
fn how(helper: &Helper, file: &Path) -> Vec<How> {
    let usage = uses(&[file.to_owned()]).unwrap();
    let user = usage.users.into_iter().find(|user| user.process == helper.process);
    user.map_or_else(Vec::new, |it| it.files[0].how.clone())
}

/// Runs a script in a mount namespace of its own until it says that it is ready; `None` where it may not mount.
fn in_namespace(script: &str, arguments: &[&Path]) -> Option<Helper> {
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-ec", script, "sh"]).args(arguments);
    let mut helper = Helper::spawn(command.stdin(Stdio::null()).stderr(Stdio::null()));
    let mut line = String::new();
    if helper.output.read_line(&mut line).unwrap() == 0 {
        println!("SKIPPED: this may not be mounted here");
        return None;
    }
    Some(helper)
}

#[test]
fn a_file_that_is_open_through_a_bind_mount_elsewhere_is_used_under_its_own_name() {
    let place = Place::new();
    let (real, other) = (place.folder.path().join("real"), place.folder.path().join("other"));
    std::fs::create_dir(&real).unwrap();
    std::fs::create_dir(&other).unwrap();
    let file = place.file("real/f");
    let script = r#"mount --bind "$1" "$2"; exec 3<"$2/f" 4<"$2"; cd "$2"; echo ready; exec sleep 1000"#;
    let Some(helper) = in_namespace(script, &[&real, &other]) else { return };
    assert!(!other.join("f").exists(), "mounted for the other one alone");
    assert_eq!(how(&helper, &file), [How::Open]);
    assert_eq!(how(&helper, &real), [How::Open, How::WorkingDirectory]);
    assert_eq!(how(&helper, &other), [], "what is hidden beneath the mount is not used");
}

/// A loop device, let go with the value.
struct Loop(String);

impl Drop for Loop {
    fn drop(&mut self) {
        let _ = Command::new("losetup").args(["--detach", &self.0]).status();
    }
}

#[test]
fn a_file_behind_a_loop_device_is_used_by_the_kernel_and_never_free() {
    let place = Place::new();
    let image = place.folder.path().join("image");
    File::create(&image).unwrap().set_len(1 << 20).unwrap();
    assert_eq!(uses(std::slice::from_ref(&image)).unwrap().files, [FileState::Free]);
    let made = Command::new("losetup").args(["--find", "--show"]).arg(&image).stderr(Stdio::null()).output();
    let Some(output) = made.ok().filter(|it| it.status.success()) else {
        println!("SKIPPED: no loop device can be had here");
        return;
    };
    let device = Loop(String::from_utf8(output.stdout).unwrap().trim().to_owned());
    let usage = uses(std::slice::from_ref(&image)).unwrap();
    assert_eq!((usage.files, usage.users), (vec![FileState::InUseByUnknown], vec![]));
    let list = applications(None, std::slice::from_ref(&image)).unwrap();
    assert_eq!(list.unattributed, std::slice::from_ref(&image));
    let expected = [RebootReasons::CRITICAL_PROCESS, RebootReasons::PERMISSION_DENIED]
        .map(|it| list.reboot_reasons.contains(it));
    assert!(expected.contains(&true), "{}", list.reboot_reasons);
    drop(device);
    let begun = Instant::now();
    // The kernel lets go of it a moment later.
    while uses(std::slice::from_ref(&image)).unwrap().files != [FileState::Free] {
        assert!(begun.elapsed() < Duration::from_secs(30), "still in use");
        std::thread::yield_now();
    }
}

#[test]
fn a_library_in_a_btrfs_subvolume_is_mapped_though_its_mapping_names_another_device() {
    if Command::new("mkfs.btrfs").arg("--version").stdout(Stdio::null()).status().is_err() {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "mkfs.btrfs is not installed");
        println!("SKIPPED: mkfs.btrfs is not installed");
        return;
    }
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let libraries = maps.lines().filter_map(|line| Some(&line[line.find('/')?..]));
    let Some(library) = libraries.into_iter().find(|path| path.contains("/libc.so")) else {
        println!("SKIPPED: this test program is linked without a shared C library");
        return;
    };
    let place = Place::new();
    let (image, mounted) = (place.folder.path().join("image"), place.folder.path().join("mounted"));
    File::create(&image).unwrap().set_len(256 << 20).unwrap();
    std::fs::create_dir(&mounted).unwrap();
    let script = r#"mkfs.btrfs -q "$1" >&2; mount -o loop "$1" "$2"; btrfs -q subvolume create "$2/sub" >&2
        cp "$3" "$2/sub/lib.so"; export LD_PRELOAD="$2/sub/lib.so"
        exec sh -c 'echo ready; read line <"$0"' "$4""#;
    let (pipe, _keep) = place.pipe("pipe");
    let arguments = [image.as_path(), &mounted, Path::new(library), &pipe];
    let Some(helper) = in_namespace(script, &arguments) else { return };
    let root = PathBuf::from(format!("/proc/{}/root", helper.process.pid));
    let inside = root.join(mounted.strip_prefix("/").unwrap()).join("sub/lib.so");
    assert_eq!(how(&helper, &inside), [How::Mapped]);
    // The trap that this is about: what the mapping says is not what stat says.
    let maps = std::fs::read_to_string(format!("/proc/{}/maps", helper.process.pid)).unwrap();
    let line = maps.lines().find(|line| line.ends_with("lib.so")).unwrap();
    let device = std::os::unix::fs::MetadataExt::dev(&std::fs::metadata(&inside).unwrap());
    let named = format!("{:02x}:{:02x}", rustix::fs::major(device), rustix::fs::minor(device));
    if line.contains(&named) {
        println!("this kernel names the same device in both places");
    }
}
