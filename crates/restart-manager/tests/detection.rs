//! Who uses a file: the ways in which real processes do.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking; the setting for tests does not reach their helper functions"
)]

mod support;

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use reseat_restart_manager::who::{FileState, How, uses};
use reseat_restart_manager::{ApplicationType, CriticalReason, RebootReasons, applications};
use support::{Helper, Place};

/// How the helper uses the first of the files.
fn how(helper: &Helper, files: &[PathBuf]) -> Option<Vec<How>> {
    let usage = uses(files).unwrap();
    let user = usage.users.into_iter().find(|user| user.process == helper.process)?;
    user.files.into_iter().find(|it| it.file == 0).map(|it| it.how)
}

/// The C library that this program has mapped.
fn c_library() -> Option<PathBuf> {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let path =
        maps.lines().filter_map(|line| Some(&line[line.find('/')?..])).find(|path| path.contains("/libc.so"));
    if path.is_none() {
        println!("SKIPPED: this test program is linked without a shared C library");
    }
    path.map(PathBuf::from)
}

#[test]
fn an_open_file_is_used_and_free_again_when_its_user_has_ended() {
    let place = Place::new();
    let file = place.file("f");
    let mut helper = Helper::holding(&file);
    let files = [file];
    assert_eq!(how(&helper, &files), Some(vec![How::Open]));
    helper.kill();
    // Another test's child may hold a copy of our descriptor between fork and exec.
    let begun = Instant::now();
    while uses(&files).unwrap().files != [FileState::Free] {
        assert!(begun.elapsed() < Duration::from_secs(10), "still in use");
    }
}

#[test]
fn a_running_program_is_executed_and_mapped() {
    let place = Place::new();
    let program = place.folder.path().join("sleeper");
    std::fs::copy("/bin/sleep", &program).unwrap();
    let helper = Helper::spawn(Command::new(&program).arg("1000"));
    // Starting a program returns a moment before it is mapped.
    let begun = Instant::now();
    while how(&helper, std::slice::from_ref(&program)) != Some(vec![How::Mapped, How::Executable]) {
        assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", how(&helper, &[program]));
    }
}

#[test]
fn a_library_is_mapped_though_no_descriptor_is_open() {
    let place = Place::new();
    let Some(original) = c_library() else { return };
    let library = place.folder.path().join("liblent.so");
    std::fs::copy(original, &library).unwrap();
    let mut command = Command::new("sh");
    let helper = {
        // It waits for a line that never comes: while it becomes another program, nothing would be mapped for a moment.
        command.args(["-c", "echo ready; read line"]).env("LD_PRELOAD", &library).stdin(Stdio::piped());
        let mut helper = Helper::spawn(&mut command);
        helper.wait_for("ready");
        helper
    };
    assert_eq!(how(&helper, std::slice::from_ref(&library)), Some(vec![How::Mapped]));
    // Replaced by rename: the old file is still mapped, the new one is not used.
    let replacement = place.file("replacement");
    std::fs::rename(replacement, &library).unwrap();
    assert_eq!(uses(&[library]).unwrap().files, [FileState::Free]);
}

#[test]
fn a_deleted_name_does_not_hide_the_use_of_another_link() {
    let place = Place::new();
    let (held, other) = (place.file("held"), place.folder.path().join("other"));
    std::fs::hard_link(&held, &other).unwrap();
    let helper = Helper::holding(&held);
    std::fs::remove_file(&held).unwrap();
    assert_eq!(how(&helper, &[other]), Some(vec![How::Open]));
}

#[test]
fn a_working_directory_beneath_a_folder_uses_the_folder() {
    let place = Place::new();
    let deep = place.folder.path().join("product/bin");
    std::fs::create_dir_all(&deep).unwrap();
    let mut command = Command::new("sh");
    command.args(["-c", "echo ready; exec sleep 1000"]).current_dir(&deep).stdin(Stdio::null());
    let mut helper = Helper::spawn(&mut command);
    helper.wait_for("ready");
    assert_eq!(how(&helper, &[place.folder.path().join("product")]), Some(vec![How::WorkingDirectory]));
}

#[test]
fn one_user_of_several_files_is_named_once_with_the_right_files() {
    let place = Place::new();
    let files: Vec<PathBuf> = (0..300).map(|number| place.file(&format!("f{number}"))).collect();
    let first = Helper::holding(&files[7]);
    let script = format!("exec 3<{}; echo ready; exec sleep 1000", files[299].display());
    let second = Helper::script(&script, &files[7]);
    let usage = uses(&files).unwrap();
    let used = |helper: &Helper| {
        let user = usage.users.iter().find(|user| user.process == helper.process).unwrap();
        user.files.iter().map(|it| it.file).collect::<Vec<_>>()
    };
    assert_eq!((used(&first), used(&second)), (vec![7], vec![7, 299]));
    assert_eq!(usage.files.iter().filter(|state| **state == FileState::InUse).count(), 2);
    assert_eq!(usage.files.iter().filter(|state| **state == FileState::Free).count(), 298);
}

#[test]
fn processes_that_come_and_go_during_the_scan_are_no_error() {
    let place = Place::new();
    let file = place.file("f");
    let helper = Helper::holding(&file);
    let churn = Helper::script("echo ready; while :; do /bin/true; done", &place.file("other"));
    for _ in 0..30 {
        assert_eq!(how(&helper, std::slice::from_ref(&file)), Some(vec![How::Open]));
    }
    drop(churn);
}

#[test]
fn a_process_that_cannot_be_inspected_is_said_and_not_taken_for_unused() {
    if support::is_root() {
        println!("SKIPPED: root may inspect other users' processes; run the tests as a plain user too");
        return;
    }
    // Root's file: no lease for us. Its users, if any, are root's processes.
    let usage = uses(&[PathBuf::from("/etc/hostname")]).unwrap();
    assert!(!usage.uninspected.is_empty());
    assert!(matches!(usage.files[0], FileState::Unknown(_)), "{:?}", usage.files);
}

#[test]
fn a_library_on_overlayfs_in_another_mount_namespace_is_mapped() {
    const SCRIPT: &str = r#"
        mount -t tmpfs none "$1" && cd "$1" && mkdir lower upper work merged || exit
        cp "$2" lower/lib.so && cp /bin/sleep lower/sleeper
        mount -t overlay none -o lowerdir=lower,upperdir=upper,workdir=work merged || exit
        LD_PRELOAD="$1/merged/lib.so" exec sh -c 'echo ready; exec ./merged/sleeper 1000'
    "#;
    let place = Place::new();
    let Some(library) = c_library() else { return };
    let folder = place.folder.path();
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", SCRIPT, "sh"]).arg(folder).arg(library);
    let mut helper = Helper::spawn(command.stdin(Stdio::null()).stderr(Stdio::null()));
    let mut line = String::new();
    if std::io::BufRead::read_line(&mut helper.output, &mut line).unwrap() == 0 {
        println!("SKIPPED: may not mount overlayfs");
        return;
    }
    let inside = PathBuf::from(format!("/proc/{}/root", helper.process.pid));
    let merged = inside.join(folder.strip_prefix("/").unwrap()).join("merged");
    // The shell may not have become the other program yet.
    let (program, begun) = ([merged.join("sleeper")], Instant::now());
    while how(&helper, &program) != Some(vec![How::Mapped, How::Executable]) {
        assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", uses(&program));
    }
    let library = [merged.join("lib.so")];
    while how(&helper, &library) != Some(vec![How::Mapped]) {
        assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", uses(&library));
    }
}

#[test]
fn a_list_without_a_session_names_the_ways_of_use() {
    let place = Place::new();
    let file = place.file("f");
    let helper = Helper::holding(&file);
    let list = applications(None, std::slice::from_ref(&file)).unwrap();
    assert_eq!(list.applications.len(), 1);
    let application = &list.applications[0];
    assert_eq!((application.process, application.how.as_slice()), (helper.process, &[How::Open][..]));
    assert_eq!((application.files.as_slice(), application.restartable), (&[file][..], false));
}

#[test]
fn a_process_in_another_pid_namespace_is_listed_and_never_stopped() {
    let place = Place::new();
    let file = place.file("f");
    let mut command = Command::new("sh");
    command
        .args([
            "-c",
            "exec <\"$0\"; exec unshare --pid --fork --kill-child sh -c 'echo ready; exec sleep 1000'",
        ])
        .arg(&file)
        .stdin(Stdio::null())
        .stderr(Stdio::null());
    let mut helper = Helper::spawn(&mut command);
    let mut line = String::new();
    if std::io::BufRead::read_line(&mut helper.output, &mut line).unwrap() == 0 {
        println!("SKIPPED: may not make a PID namespace");
        return;
    }
    let list = applications(None, &[file]).unwrap();
    // unshare itself, which stayed outside, and the shell inside.
    let inside = list.applications.iter().find(|it| it.process != helper.process).unwrap();
    assert!(matches!(inside.critical, Some(CriticalReason::OtherNamespace(_))), "{:?}", inside.critical);
    assert_eq!(inside.kind, ApplicationType::Critical);
    assert!(list.reboot_reasons.contains(RebootReasons::SESSION_MISMATCH));
}
