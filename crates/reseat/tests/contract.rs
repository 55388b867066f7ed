//! The contract of MsiRestartManagerSessionKey, from end to end: when there is a session, who gets its key and can join
//! it, and what the log says of it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::io::Write;

use support::product::Product;
use support::scene::{NOTE, Scene, is_key, set_policy};

#[test]
fn the_key_is_there_before_install_validate_and_gone_after_it() {
    let scene = Scene::new();
    scene.install(&scene.noting(), &[]).expect_code(0);
    let keys = scene.keys();
    let names: Vec<&str> = keys.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["before", "after", "deferred", "end"]);
    assert!(is_key(&keys[0].1), "{keys:?}");
    assert!(keys[1..].iter().all(|(_, key)| key.is_empty()), "{keys:?}");
    let key = &keys[0].1;
    scene.expect_log(&[
        "Machine policy value 'DisableAutomaticApplicationShutdown' is 0",
        &format!("PROPERTY CHANGE: Adding MsiRestartManagerSessionKey property. Its value is '{key}'."),
        "RESTART MANAGER: Session opened.",
        &format!(
            "PROPERTY CHANGE: Deleting MsiRestartManagerSessionKey property. Its current value is '{key}'."
        ),
        "RESTART MANAGER: Session closed.",
    ]);
    let actions = scene.log().join("\n");
    assert!(
        actions.contains("Action start ") && actions.contains(": InstallValidate. Return value 1."),
        "{actions}"
    );
}

#[test]
fn all_sorts_of_programs_get_the_key() {
    let scene = Scene::new();
    let keys = scene.path("keys");
    let line = |name: &str| format!("{name} \"{keys}\" \"[MsiRestartManagerSessionKey]\"");
    let note = scene.place.write("note.sh", NOTE);
    let sh = |name: &str| format!("\"{}\" {}", note.display(), line(name));
    let version_1 = Product::new().with_file("Note", "note.sh", NOTE);
    scene.install(&version_1, &[]).expect_code(0);
    let version_2 = Product::new()
        .version("2.0.0")
        .with_file("Note", "note.sh", NOTE)
        .with_property("SHELL", "/bin/sh")
        .with_binary("note", NOTE)
        .with_action("Type2", 2, "note", &line("2"), 1390)
        .with_action("Type34", 34, "INSTALLDIR", &format!("/bin/sh {}", sh("34")), 1391)
        .with_action("Type50", 50, "SHELL", &sh("50"), 1392);
    scene.install(&version_2, &[]).expect_code(0);
    let keys = scene.keys();
    assert_eq!(keys.len(), 3);
    assert!(keys.iter().all(|(_, key)| is_key(key) && *key == keys[0].1), "{keys:?}");
}

#[test]
fn an_installed_program_gets_the_key() {
    let scene = Scene::new();
    scene.install(&Product::new().with_file("Note", "note.sh", NOTE), &[]).expect_code(0);
    let line = format!("18 \"{}\" \"[MsiRestartManagerSessionKey]\"", scene.path("keys"));
    let version_2 = Product::new()
        .version("2.0.0")
        .with_file("Note", "note.sh", NOTE)
        .with_action("Type18", 18, "Note", &line, 1390);
    scene.install(&version_2, &[]).expect_code(0);
    assert!(is_key(&scene.keys()[0].1));
}

#[test]
fn there_is_no_session_when_it_is_disabled_or_older_than_the_restart_manager() {
    for arguments in [
        &["MSIRESTARTMANAGERCONTROL=Disable"][..],
        &["--installer", "3.1"],
        &["--windows", "5.1"],
        &["--windows", "5.2", "--installer", "3.0"],
    ] {
        let scene = Scene::new();
        let product = scene.noting();
        let ran = scene.install(&product, arguments);
        assert_eq!(ran.status.code(), Some(0), "{arguments:?}: {}{}", ran.out, ran.err);
        scene.expect_no_session();
        if arguments[0].starts_with("MSI") {
            scene.expect_log(&[
                "RESTART MANAGER: Disabled by MSIRESTARTMANAGERCONTROL property; Windows Installer will use the \
                 built-in FilesInUse functionality.",
            ]);
        }
    }
}

#[test]
fn there_is_no_session_when_the_policy_forbids_it() {
    let scene = Scene::new();
    set_policy(&scene.place, 1);
    scene.install(&scene.noting(), &[]).expect_code(0);
    scene.expect_no_session();
    scene.expect_log(&["Machine policy value 'DisableAutomaticApplicationShutdown' is 1"]);
}

#[test]
fn the_session_is_closed_when_the_package_is_refused_or_fails_early() {
    let scene = Scene::new();
    let early = scene.noting().with_action("Fails", 34, "INSTALLDIR", "/bin/false", 1392);
    scene.install(&early, &[]).expect_code(1);
    assert!(is_key(&scene.keys()[0].1));
    let refused =
        scene.noting().with_binary("w.exe", b"MZ".to_vec()).with_action("Windows", 2, "w.exe", "", 1100);
    scene.install(&refused, &[]).expect_code(1);
}

#[test]
fn other_processes_can_join_as_long_as_the_key_is_there_and_not_after_the_end() {
    let scene = Scene::new();
    let [asked, answer] = ["asked", "answer"].map(|name| scene.place.fifo(name));
    let script = "#!/bin/sh\necho \"$1\" >\"$2\"\nread -r line <\"$3\"\n";
    let line = format!("\"[MsiRestartManagerSessionKey]\" \"{}\" \"{}\"", asked.display(), answer.display());
    let mut holder = scene.place.hold(&scene.held);
    let product = scene.noting().with_binary("pause", script).with_action("Pause", 2, "pause", &line, 1395);
    let package = product.save(&scene.place, "test.msi");
    let mut install =
        scene.place.reseat_command(&["install", "-q", package.to_str().unwrap()]).spawn().unwrap();

    let key = std::fs::read_to_string(&asked).unwrap().trim().to_owned();
    assert!(is_key(&key));
    let held = scene.held.to_str().unwrap();
    scene.place.reseat(&["rm", "join", &key]).expect_code(0);
    scene.place.reseat(&["rm", "register", &key, held]).expect_code(0);
    let other = "0".repeat(32);
    assert_ne!(scene.place.reseat(&["rm", "join", &other]).status.code(), Some(0));
    std::fs::File::options().write(true).open(&answer).unwrap().write_all(b"go on\n").unwrap();
    assert!(install.wait().unwrap().success());
    assert_eq!(holder.signal(), Some(15), "what another process registered counts");

    scene.place.reseat(&["rm", "join", &key]).expect_code(1).expect_error(&["reseat: "]);
    assert_eq!(scene.place.sessions(), [""; 0]);
}
