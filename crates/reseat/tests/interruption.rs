//! Installations that are killed, cancelled, or begun while another is at work.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::path::PathBuf;

use reseat_machine::{Hive, Machine, RegistryKey};
use support::paused::{Paused, pausing, pausing_as, pausing_at};
use support::product::Product;
use support::scene::Scene;
use support::{Place, Ran, holders, snapshot};

const DEFERRED: i32 = 1024;

fn product() -> Product {
    Product::new().with_file("Readme", "readme.txt", "text")
}

fn killed(place: &Place) -> PathBuf {
    let package = pausing(place, product()).save(place, "test.msi");
    Paused::begin(place, &package, &[]).kill();
    package
}

#[test]
fn after_a_kill_the_next_installation_is_refused_until_recover_has_undone_it() {
    let place = Place::with_prefix();
    let before = snapshot::tree(&place.prefix());
    let package = killed(&place);
    assert!(place.drive_c("Program Files/Test/readme.txt").exists());
    let another = product().version("2.0.0").save(&place, "another.msi");
    let refused = |ran: Ran| {
        ran.expect_failure(&["1603", "1704", "The installation of Test was interrupted", "reseat recover"]);
    };
    refused(place.install(&package, &[]));
    refused(place.install(&another, &[]));
    refused(place.reseat(&["uninstall", "-q", package.to_str().unwrap()]));
    assert_eq!(place.products(), [serde_json::Value::Null; 0], "reading is always possible");
    let recovered = place.reseat(&["recover"]);
    assert!(recovered.expect_code(0).out.starts_with("Test: undone, "), "{}", recovered.out);
    snapshot::assert_same(&before, &snapshot::tree(&place.prefix()));
    assert_eq!(place.reseat(&["recover"]).expect_code(0).out, "nothing to recover\n");
    place.install(&another, &[]).expect_code(0);
}

#[test]
fn recovery_can_be_asked_for_with_the_next_installation_and_as_json() {
    let place = Place::with_prefix();
    killed(&place);
    let another = product().version("2.0.0").save(&place, "another.msi");
    place.install(&another, &["--recover"]).expect_code(0);
    assert_eq!(place.products()[0]["version"], "2.0.0");
    let recovered = place.reseat(&["recover", "--json"]);
    let recovered: serde_json::Value = serde_json::from_str(&recovered.expect_code(0).out).unwrap();
    let nothing = serde_json::json!({"error": 0, "message": null, "installations": [], "restarted": []});
    assert_eq!(recovered, nothing);
}

#[test]
fn where_no_prefix_is_there_is_nothing_to_recover() {
    let place = Place::new();
    let nothing = serde_json::json!({"error": 0, "message": null, "installations": [], "restarted": []});
    let recovered = place.reseat(&["recover"]);
    let expected = format!("nothing to recover: there is no prefix {}\n", place.prefix().display());
    assert_eq!(recovered.expect_code(0).out, expected);
    assert_eq!(place.reseat(&["recover", "--json"]).expect_code(0).json(), nothing);
    assert!(!place.prefix().exists());
    std::fs::create_dir(place.prefix()).unwrap();
    assert_eq!(place.reseat(&["recover"]).expect_code(0).out, "nothing to recover\n");
    // A folder with something else in it may be the wrong one.
    std::fs::write(place.prefix().join("letter.txt"), "text").unwrap();
    place.reseat(&["recover"]).expect_failure(&["is not a prefix"]);
    let failure = place.reseat(&["recover", "--json"]);
    assert!(failure.expect_code(1).json()["message"].as_str().unwrap().contains("is not a prefix"));
}

#[test]
fn what_cannot_be_undone_is_named_and_can_be_tried_again() {
    let place = Place::with_prefix();
    std::fs::create_dir_all(place.drive_c("Program Files/Test")).unwrap();
    let file = place.drive_c("Program Files/Test/readme.txt");
    std::fs::write(&file, "older").unwrap();
    let before = snapshot::tree(&place.prefix());
    killed(&place);
    // A folder where the file has to come back.
    std::fs::remove_file(&file).unwrap();
    std::fs::create_dir_all(file.join("in the way")).unwrap();
    let recovered = place.reseat(&["recover"]);
    recovered.expect_code(1).expect_error(&["cannot restore file", "readme.txt", "did not come to its end"]);
    let again = place.reseat(&["recover", "--json"]);
    again.expect_code(1).expect_error(&["cannot restore file"]);
    let again = again.json();
    assert_eq!((&again["error"], &again["installations"][0]["complete"]), (&1603.into(), &false.into()));
    std::fs::remove_dir_all(&file).unwrap();
    place.reseat(&["recover"]).expect_code(0);
    snapshot::assert_same(&before, &snapshot::tree(&place.prefix()));
}

#[test]
fn an_installation_that_is_at_work_is_not_taken_for_an_interrupted_one() {
    let place = Place::with_prefix();
    let package = pausing(&place, product()).save(&place, "test.msi");
    let paused = Paused::begin(&place, &package, &[]);
    let another = product().version("2.0.0").save(&place, "another.msi");
    let pid = paused.child.id().to_string();
    place.install(&another, &[]).expect_failure(&["error 1618", &pid]);
    place.install(&another, &["--recover"]).expect_failure(&["error 1618", &pid]);
    place.reseat(&["recover"]).expect_failure(&["error 1618", &pid]);
    place.reseat(&["list"]).expect_code(0);
    let (status, error) = paused.end();
    assert!(status.success(), "{error}");
    assert_eq!(place.products()[0]["version"], "1.0.0");
}

#[test]
fn control_c_ends_the_operation_and_undoes_the_rest() {
    for signal in ["-INT", "-TERM"] {
        let place = Place::with_prefix();
        let before = snapshot::tree(&place.prefix());
        let package = pausing(&place, product()).save(&place, "test.msi");
        let paused = Paused::begin(&place, &package, &[]);
        paused.interrupt(signal);
        let (status, error) = paused.end();
        assert_eq!(status.code(), Some(1), "{error}");
        assert!(error.contains("error 1602"), "{error}");
        snapshot::assert_same(&before, &snapshot::tree(&place.prefix()));
        assert_eq!(place.reseat(&["recover"]).expect_code(0).out, "nothing to recover\n");
    }
}

#[test]
fn what_other_programs_wrote_into_the_registry_meanwhile_stays() {
    let key = |name: &str| RegistryKey::new(Hive::LocalMachine, format!("Software\\{name}"));
    for is_killed in [false, true] {
        let place = Place::with_prefix();
        let write = |values: &[(&str, &str)]| {
            let machine = Machine::open(&place.prefix()).unwrap();
            let registry = machine.registry().unwrap();
            for (at, name) in values {
                registry.set_value(&key(at), name, (*name).into()).unwrap();
            }
            machine.save_registry().unwrap();
        };
        write(&[("Old", "before"), ("Old", "both")]);
        let row = |row, at, name| [row, "2", at, name, "ours", "Main"];
        let product = product()
            .with_row("Registry", &row("A", r"Software\Old", "both"))
            .with_row("Registry", &row("B", r"Software\Old", "new"))
            .with_row("Registry", &row("C", r"Software\Test\Deep", "new"))
            .with_action("Fails", 34 + DEFERRED, "INSTALLDIR", "/bin/false", 6500);
        let package = pausing_at(5100, DEFERRED, &place, product).save(&place, "test.msi");
        let paused = Paused::begin(&place, &package, &[]);
        let value = |at: &str, name: &str| {
            let machine = Machine::open(&place.prefix()).unwrap();
            let value = machine.registry().unwrap().value(&key(at), name);
            value.and_then(|value| value.as_text().map(str::to_owned))
        };
        assert_eq!(
            value(r"Test\Deep", "new").as_deref(),
            Some("ours"),
            "the installation has not written yet"
        );
        write(&[("Theirs", "theirs"), ("Old", "theirs"), (r"Test\Theirs", "theirs")]);
        if is_killed {
            paused.kill();
            place.reseat(&["recover"]).expect_code(0);
        } else {
            let (status, error) = paused.end();
            assert_eq!(status.code(), Some(1), "{error}");
        }
        assert_eq!(place.reseat(&["recover"]).expect_code(0).out, "nothing to recover\n");
        for (at, name, expected) in [
            ("Theirs", "theirs", Some("theirs")),
            ("Old", "theirs", Some("theirs")),
            (r"Test\Theirs", "theirs", Some("theirs")),
            ("Old", "before", Some("before")),
            ("Old", "both", Some("both")),
            ("Old", "new", None),
            (r"Test\Deep", "new", None),
        ] {
            assert_eq!(value(at, name).as_deref(), expected, "{at} {name}, killed: {is_killed}");
        }
        let machine = Machine::open(&place.prefix()).unwrap();
        assert!(!machine.registry().unwrap().exists(&key(r"Test\Deep")));
        assert_eq!(place.products(), [serde_json::Value::Null; 0]);
    }
}

#[test]
fn without_rollback_the_user_is_told_and_what_was_done_stays() {
    let place = Place::with_prefix();
    let failing = product().with_action("Fails", 34 + DEFERRED, "INSTALLDIR", "/bin/false", 6500);
    let ran = place.install(&failing.save(&place, "test.msi"), &["DISABLEROLLBACK=1"]);
    let told = ["rollback is disabled by DISABLEROLLBACK", "leaves what was done by then"];
    ran.expect_code(1).expect_error(&told);
    assert!(place.drive_c("Program Files/Test/readme.txt").exists());
    assert_eq!(place.reseat(&["recover"]).expect_code(0).out, "nothing to recover\n");
    // By the action of a package, and by a policy of the machine or of the user.
    let place = Place::with_prefix();
    let by_action = failing.clone().with_row("InstallExecuteSequence", &["DisableRollback", "", "3800"]);
    let ran = place.install(&by_action.save(&place, "test.msi"), &[]);
    ran.expect_code(1).expect_error(&["disables rollback for what follows", told[1]]);
    for (file, other, per_machine) in
        [("system.reg", "user.reg", "ALLUSERS=1"), ("user.reg", "system.reg", "ALLUSERS=")]
    {
        let place = Place::with_prefix();
        let set = |file: &str, value: u32| {
            let path = place.prefix().join(file);
            let key = r"Software\\Policies\\Microsoft\\Windows\\Installer";
            let text = std::fs::read_to_string(&path).unwrap();
            let policy = format!("\n[{key}] 1700000000\n\"DisableRollback\"=dword:{value:08x}\n");
            std::fs::write(&path, text + &policy).unwrap();
        };
        let package = failing.save(&place, "test.msi");
        set(other, 1);
        place.install(&package, &[per_machine]).expect_code(1);
        assert!(!place.drive_c("Program Files/Test/readme.txt").exists(), "{other} {per_machine}");
        set(file, 1);
        let ran = place.install(&package, &[per_machine]);
        ran.expect_code(1).expect_error(&["disabled by the policy DisableRollback", told[1]]);
        assert!(place.drive_c("Program Files/Test/readme.txt").exists(), "{file} {per_machine}");
    }
}

#[test]
fn what_a_killed_installation_had_closed_is_started_again_by_recover() {
    let scene = Scene::new();
    let place = &scene.place;
    let mut holder = place.hold(&scene.held);
    place.register_for_restart(&holder);
    let package = pausing(place, scene.registering()).save(place, "test.msi");
    let paused = Paused::begin(place, &package, &[]);
    assert_eq!(holder.signal(), Some(15));
    paused.kill();
    assert_eq!(holders(&scene.held), [0; 0]);
    let recovered = place.reseat(&["recover"]);
    assert!(recovered.expect_code(0).out.contains("started again"), "{}", recovered.out);
    assert_eq!(holders(&scene.held).len(), 1);
    assert_eq!(place.sessions(), [""; 0]);
}

/// How an installation ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    Success,
    FailingAction,
    FailingCommit,
    CancelledByTheUser,
    Killed,
    KilledInTheCommit,
    KilledWithoutRollback,
}

#[test]
fn what_was_closed_is_started_again_on_every_way_out() {
    const COMMIT: i32 = DEFERRED + 512;
    for ending in [
        Ending::Success,
        Ending::FailingAction,
        Ending::FailingCommit,
        Ending::CancelledByTheUser,
        Ending::Killed,
        Ending::KilledInTheCommit,
        Ending::KilledWithoutRollback,
    ] {
        let scene = Scene::new();
        let place = &scene.place;
        let mut holder = place.hold(&scene.held);
        place.register_for_restart(&holder);
        let kind = if ending == Ending::KilledInTheCommit { COMMIT } else { DEFERRED };
        let mut product = pausing_as(kind, place, scene.registering());
        match ending {
            Ending::FailingAction => {
                product = product.with_action("Fails", 34 + DEFERRED, "INSTALLDIR", "/bin/false", 6500);
            }
            Ending::FailingCommit => {
                product = product.with_action("Fails", 34 + COMMIT, "INSTALLDIR", "/bin/false", 6500);
            }
            Ending::KilledWithoutRollback => product = product.with_property("DISABLEROLLBACK", "1"),
            _ => {}
        }
        let package = product.save(place, "test.msi");
        let paused = Paused::begin(place, &package, &[]);
        assert_eq!(holder.signal(), Some(15), "{ending:?}");
        assert_eq!(holders(&scene.held), [0; 0], "{ending:?}");
        let code = match ending {
            Ending::Killed | Ending::KilledInTheCommit | Ending::KilledWithoutRollback => {
                paused.kill();
                let recovered = place.reseat(&["recover"]);
                recovered.expect_code(0);
                assert!(recovered.out.contains("started again"), "{ending:?}: {}", recovered.out);
                None
            }
            Ending::CancelledByTheUser => {
                paused.interrupt("-INT");
                Some(paused.end().0.code())
            }
            _ => Some(paused.end().0.code()),
        };
        assert!(
            code.is_none_or(|code| code == Some(i32::from(ending != Ending::Success))),
            "{ending:?}: {code:?}"
        );
        assert_eq!(holders(&scene.held).len(), 1, "{ending:?}");
        assert_eq!(place.sessions(), [""; 0], "{ending:?}");
        assert_eq!(place.reseat(&["recover"]).expect_code(0).out, "nothing to recover\n", "{ending:?}");
    }
}

#[test]
fn reading_is_possible_during_an_installation_and_after_a_kill() {
    let place = Place::with_prefix();
    let first = product().version("1.0.0").save(&place, "first.msi");
    place.install(&first, &[]).expect_code(0);
    let newer = product().version("2.0.0").with_file("More", "more.txt", "more");
    let package = pausing(&place, newer).save(&place, "newer.msi");
    let readme = place.drive_c("Program Files/Test/readme.txt");
    let readme = readme.to_str().unwrap();
    let commands: [&[&str]; 7] = [
        &["list"],
        &["show", "Test"],
        &["check"],
        &["why", "C:\\Program Files\\Test\\readme.txt"],
        &["path", "C:\\Program Files"],
        &["reboot-pending"],
        &["who", readme],
    ];
    let read = |when: &str| {
        for command in commands {
            let ran = place.reseat(command);
            // What they say depends on the moment; `who` and `check` have a word for that in their exit codes.
            assert!(
                ran.status.code().is_some_and(|code| code < 2),
                "{when}: {command:?}: {}{}",
                ran.out,
                ran.err
            );
            assert!(
                !ran.err.contains("1618") && !ran.err.contains("1704"),
                "{when}: {command:?}: {}",
                ran.err
            );
        }
    };
    let paused = Paused::begin(&place, &package, &[]);
    read("during");
    // A plan says what an installation would meet.
    place.reseat(&["plan", package.to_str().unwrap()]).expect_failure(&["1618"]);
    paused.kill();
    read("after a kill");
    place.reseat(&["recover"]).expect_code(0);
    place.reseat(&["check"]).expect_code(0);
}
