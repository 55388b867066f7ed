//! Scripts count as used although their interpreters have closed them.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking; the setting for tests does not reach their helper functions"
)]

mod support;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use reseat_restart_manager::who::{FileState, How, uses};
use reseat_restart_manager::{Primary, Resources, stale};
use support::{Helper, Place};

/// Interpreters, and a script for each that says "ready" and then waits.
const SCRIPTS: [(&str, &str, &str); 5] = [
    ("python3", "app.py", "import time\nprint('ready', flush=True)\ntime.sleep(1000)\n"),
    ("perl", "app.pl", "$| = 1; print \"ready\\n\"; sleep 1000;\n"),
    ("ruby", "app.rb", "$stdout.sync = true\nputs 'ready'\nsleep 1000\n"),
    ("node", "app.js", "console.log('ready'); setInterval(() => {}, 1000000);\n"),
    ("sh", "app.sh", "echo ready; read x\n"),
];

/// Whether an interpreter is there; in CI it has to be.
fn has(interpreter: &str) -> bool {
    let found =
        Command::new(interpreter).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    // That of sh may be an error.
    if found.is_ok() {
        return true;
    }
    assert!(std::env::var("CI").as_deref() != Ok("true"), "{interpreter} is not installed");
    println!("SKIPPED: {interpreter} is not installed");
    false
}

/// Runs a command in a folder until the script says that it is ready.
fn start(folder: &Path, command: &[&str]) -> Helper {
    let mut helper =
        Helper::spawn(Command::new(command[0]).args(&command[1..]).current_dir(folder).stdin(Stdio::piped()));
    helper.wait_for("ready");
    helper
}

/// How a process uses a file.
fn how(helper: &Helper, file: &Path) -> Vec<How> {
    let usage = uses(&[file.to_owned()]).unwrap();
    let user = usage.users.into_iter().find(|user| user.process == helper.process);
    user.map_or_else(Vec::new, |it| it.files[0].how.clone())
}

fn write(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path
}

#[test]
fn the_script_of_an_interpreter_is_used_and_its_arguments_are_not() {
    let place = Place::new();
    let folder = place.folder.path();
    for (interpreter, name, text) in SCRIPTS.into_iter().filter(|it| has(it.0)) {
        let script = write(folder, name, text);
        // Of the same name in another folder, and an argument that looks like a script.
        std::fs::create_dir_all(folder.join("other")).unwrap();
        let namesake = write(&folder.join("other"), name, text);
        let argument = write(folder, &format!("argument-{name}"), text);
        for named in [name, script.to_str().unwrap()] {
            let helper = start(folder, &[interpreter, named, argument.to_str().unwrap()]);
            let found = how(&helper, &script);
            assert!(found.contains(&How::Script), "{interpreter} {named}: {found:?}");
            // Shells hold theirs open.
            assert_eq!(found.contains(&How::Open), interpreter == "sh", "{interpreter}");
            assert_eq!(how(&helper, &namesake), [], "{interpreter} {named}");
            assert_eq!(how(&helper, &argument), [], "{interpreter} {named}");
            let link = folder.join(format!("link-{name}"));
            let _ = std::fs::hard_link(&script, &link);
            assert!(how(&helper, &link).contains(&How::Script), "another hard link");
        }
    }
}

#[test]
fn a_script_without_an_ending_is_known_by_its_first_line_and_found_in_its_folder() {
    use std::os::unix::fs::PermissionsExt;
    if !has("perl") {
        return;
    }
    let place = Place::new();
    let folder = place.folder.path();
    let script =
        write(folder, "tool", "#!/usr/bin/env -S perl -w\n$| = 1; print \"ready\\n\"; sleep 1000;\n");
    std::fs::set_permissions(&script, PermissionsExt::from_mode(0o755)).unwrap();
    let helper = start(Path::new("/"), &[script.to_str().unwrap()]);
    assert_eq!(how(&helper, &script), [How::Script]);
    assert_eq!(how(&helper, folder), [How::Script]);
    assert_eq!(uses(&[script]).unwrap().files, [FileState::InUse]);
}

#[test]
fn a_module_that_python_runs_is_used_wherever_it_was_found() {
    if !has("python3") {
        return;
    }
    let place = Place::new();
    let (folder, text) = (place.folder.path(), SCRIPTS[0].2);
    std::fs::create_dir_all(folder.join("work/package/part")).unwrap();
    std::fs::create_dir_all(folder.join("elsewhere")).unwrap();
    let work = folder.join("work");
    let module = write(&work, "module.py", text);
    let package = write(&work, "package/__main__.py", text);
    let part = write(&work, "package/part/tool.py", text);
    let distant = write(&folder.join("elsewhere"), "distant.py", text);
    let all = [&module, &package, &part, &distant];
    for (arguments, expected) in [
        (&["-m", "module"][..], &module),
        (&["-um", "package", "module"], &package),
        (&["-mpackage.part.tool"], &part),
        (&["-X", "utf8", "-m", "distant", "-m", "module"], &distant),
    ] {
        let mut command = Command::new("python3");
        command.args(arguments).current_dir(&work).env("PYTHONPATH", folder.join("elsewhere"));
        let mut helper = Helper::spawn(command.stdin(Stdio::piped()));
        helper.wait_for("ready");
        for file in all {
            let wanted = if file == expected { &[How::Script][..] } else { &[] };
            assert_eq!(how(&helper, file), wanted, "{arguments:?} {}", file.display());
        }
    }
    // Python's own: where it is, it says itself; we do not ask it.
    let mut command = Command::new("python3");
    command.args(["-I", "-c", "import http.server; print(http.server.__file__)"]);
    let own = String::from_utf8(command.output().unwrap().stdout).unwrap();
    let mut command = Command::new("python3");
    let script = "import sys; print('ready', flush=True); sys.stdin.read()";
    write(&work, "sitecustomize.py", script);
    command.args(["-m", "http.server"]).current_dir(&work).env("PYTHONPATH", &work).stdin(Stdio::piped());
    let mut helper = Helper::spawn(&mut command);
    helper.wait_for("ready");
    assert_eq!(how(&helper, Path::new(own.trim())), [How::Script]);
}

#[test]
fn an_archive_that_python_runs_is_used_as_a_script() {
    if !has("python3") {
        return;
    }
    let place = Place::new();
    let folder = place.folder.path();
    std::fs::create_dir(folder.join("app")).unwrap();
    write(&folder.join("app"), "__main__.py", SCRIPTS[0].2);
    let made = Command::new("python3").args(["-m", "zipapp", "app"]).current_dir(folder).status().unwrap();
    assert!(made.success());
    let helper = start(folder, &["python3", "app.pyz", "-v"]);
    assert_eq!(how(&helper, &folder.join("app.pyz")), [How::Script]);
    assert_eq!(how(&helper, &folder.join("app/__main__.py")), []);
}

#[test]
fn a_script_that_was_looked_for_in_the_search_path_is_used() {
    let place = Place::new();
    let folder = place.folder.path();
    std::fs::create_dir(folder.join("bin")).unwrap();
    let path = std::env::var_os("PATH").unwrap();
    let mut folders = vec![folder.join("bin")];
    folders.extend(std::env::split_paths(&path));
    for (interpreter, name, text) in SCRIPTS.into_iter().filter(|it| matches!(it.0, "perl" | "ruby")) {
        if !has(interpreter) {
            continue;
        }
        let script = write(&folder.join("bin"), name, text);
        std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let mut command = Command::new(interpreter);
        command.args(["-S", name]).env("PATH", std::env::join_paths(&folders).unwrap()).current_dir("/");
        let mut helper = Helper::spawn(command.stdin(Stdio::piped()));
        helper.wait_for("ready");
        assert_eq!(how(&helper, &script), [How::Script], "{interpreter}");
    }
}

#[test]
fn an_installer_closes_who_runs_a_script() {
    if !has("perl") {
        return;
    }
    let place = Place::new();
    let script = write(place.folder.path(), SCRIPTS[1].1, SCRIPTS[1].2);
    let helper = start(place.folder.path(), &["perl", SCRIPTS[1].1]);
    let primary = Primary::start_in(&place.store).unwrap();
    primary.register(&Resources::files([script])).unwrap();
    assert_eq!(primary.list().unwrap().applications[0].process, helper.process);
    primary.shut_down(&Default::default(), &mut |_| {}).unwrap();
    assert!(!helper.process.is_running());
    primary.end().unwrap();
}

#[test]
fn a_file_that_took_the_scripts_place_is_not_what_was_read() {
    if !has("perl") {
        return;
    }
    let place = Place::new();
    let folder = place.folder.path();
    let script = write(folder, SCRIPTS[1].1, SCRIPTS[1].2);
    let helper = start(folder, &["perl", script.to_str().unwrap()]);
    let replace = || {
        let new = write(folder, "new", SCRIPTS[1].2);
        std::fs::rename(new, &script).unwrap();
    };
    replace();
    // Both times are known to a fraction of a second only.
    let begun = Instant::now();
    while !how(&helper, &script).is_empty() {
        assert!(begun.elapsed() < Duration::from_secs(30), "still taken for the one that was read");
        replace();
    }
    let files = loop {
        let list = stale(None).unwrap();
        if let Some(entry) = list.entries.into_iter().find(|it| it.processes.contains(&helper.process)) {
            break entry.files;
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "not taken for an old one");
        replace();
    };
    assert_eq!((&files[0].path, files[0].replaced), (&script, true));
}

#[test]
fn a_script_that_was_written_to_is_old_and_one_that_was_not_is_none() {
    if !has("perl") {
        return;
    }
    let place = Place::new();
    let script = write(place.folder.path(), SCRIPTS[1].1, SCRIPTS[1].2);
    let helper = start(place.folder.path(), &["perl", SCRIPTS[1].1]);
    let is_old = || stale(None).unwrap().entries.iter().any(|it| it.processes.contains(&helper.process));
    assert!(!is_old());
    let file = std::fs::File::options().append(true).open(script).unwrap();
    file.set_modified(SystemTime::now() + Duration::from_secs(10)).unwrap();
    assert!(is_old());
}
