//! `reseat stale`, with real processes.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use support::{Place, Ran, is_root, run};

/// A program of its own that runs, and then is replaced as an upgrade does it: a new file and a rename.
fn outdated(place: &Place) -> (Child, PathBuf) {
    let program = place.path("program");
    std::fs::copy("/bin/sleep", &program).unwrap();
    let child = loop {
        match Command::new(&program).arg("1000").spawn() {
            Err(error) if error.kind() == std::io::ErrorKind::ExecutableFileBusy => std::thread::yield_now(),
            other => break other.unwrap(),
        }
    };
    while std::fs::read_link(format!("/proc/{}/exe", child.id())).unwrap() != program {
        std::thread::yield_now();
    }
    (child, program)
}

#[test]
fn stale_names_what_runs_a_replaced_program_and_restarts_what_registered() {
    let place = Place::new();
    let (mut child, program) = outdated(&place);
    let pid = child.id();
    let of_child = |ran: &Ran| {
        let rows = ran.json();
        rows.as_array().unwrap().iter().find(|row| row["pids"][0] == pid).cloned()
    };
    assert_eq!(of_child(&place.reseat(&["stale", "--json"])), None, "not yet");
    place.reseat(&["rm", "register-restart", "--pid", &pid.to_string(), "--", "1001"]).expect_code(0);
    std::fs::copy("/bin/sleep", place.path("new")).unwrap();
    std::fs::rename(place.path("new"), &program).unwrap();
    let row = of_child(place.reseat(&["stale", "--json"]).expect_code(10)).unwrap();
    assert_eq!((&row["action"], &row["restartable"]), (&"close and start".into(), &true.into()));
    assert_eq!(row["files"], serde_json::json!([{ "path": program.to_str(), "replaced": true }]));
    let ran = place.reseat(&["stale", "--restart", "--json"]);
    ran.expect_error(&["restarted program"]);
    assert_eq!(of_child(&ran), None);
    child.wait().unwrap();
    let new = holders_of_program(&program);
    assert_eq!(new.len(), 1);
    run(Command::new("kill").arg(new[0].to_string()));
}

fn holders_of_program(program: &Path) -> Vec<u32> {
    let pids = std::fs::read_dir("/proc").unwrap().flatten();
    let pids = pids.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|pid| std::fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|exe| exe == program))
        .collect()
}

#[test]
fn what_was_unpacked_and_deleted_at_once_or_put_back_is_not_stale() {
    let place = Place::new();
    for back in [false, true] {
        let (mut child, program) = outdated(&place);
        std::fs::hard_link(&program, place.path("kept")).unwrap();
        std::fs::remove_file(&program).unwrap();
        if back {
            std::fs::rename(place.path("kept"), &program).unwrap();
        } else {
            std::fs::remove_file(place.path("kept")).unwrap();
        }
        let temporary = program.starts_with("/tmp") || program.starts_with("/var/tmp");
        let rows = place.reseat(&["stale", "--json"]).json();
        let listed = rows.as_array().unwrap().iter().any(|row| row["pids"][0] == child.id());
        assert_eq!(listed, !back && !temporary, "{rows}");
        child.kill().unwrap();
        child.wait().unwrap();
        let _ = std::fs::remove_file(&program);
    }
}

#[test]
fn a_plain_user_is_told_what_could_not_be_looked_into() {
    if !is_root() {
        println!("SKIPPED: needs root to become another user");
        return;
    }
    let place = Place::new();
    std::fs::set_permissions(place.path("."), std::fs::Permissions::from_mode(0o755)).unwrap();
    // The program itself may lie where other users cannot reach it. Another process copies it: while this one writes it, a
    // child of another test could hold it open, and it could not be run.
    let copy = place.path("reseat-copy");
    assert!(run(Command::new("cp").arg(env!("CARGO_BIN_EXE_reseat")).arg(&copy)).status.success());
    let mut command = place.command(&copy);
    let ran = run(command.args(["stale", "--json"]).env_remove("RESEAT_RUNTIME_DIR").uid(65_534).gid(65_534));
    if ran.status.code().is_none_or(|code| code != 0 && code != 10) {
        println!("SKIPPED: another user cannot run the program: {}", ran.err);
        return;
    }
    ran.expect_error(&["could not be looked into"]);
}
