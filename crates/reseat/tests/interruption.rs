//! Installations that are killed, cancelled, or begun while another is at work.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::path::PathBuf;
use std::process::Command;

use support::paused::{Paused, pausing};
use support::product::Product;
use support::scene::Scene;
use support::{Place, Ran, holders, run, snapshot};

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
    assert_eq!(recovered, serde_json::json!({"installations": [], "restarted": []}));
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
    place.reseat(&["recover"]).expect_code(1);
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
        run(Command::new("kill").args([signal, &paused.child.id().to_string()]));
        let (status, error) = paused.end();
        assert_eq!(status.code(), Some(1), "{error}");
        assert!(error.contains("error 1602"), "{error}");
        snapshot::assert_same(&before, &snapshot::tree(&place.prefix()));
        assert_eq!(place.reseat(&["recover"]).expect_code(0).out, "nothing to recover\n");
    }
}

#[test]
fn without_rollback_the_user_is_told_and_what_was_done_stays() {
    let place = Place::with_prefix();
    let failing = product().with_action("Fails", 34 + DEFERRED, "INSTALLDIR", "/bin/false", 6500);
    let ran = place.install(&failing.save(&place, "test.msi"), &["DISABLEROLLBACK=1"]);
    ran.expect_code(1).expect_error(&["rollback is disabled", "a failure leaves what was done by then"]);
    assert!(place.drive_c("Program Files/Test/readme.txt").exists());
    assert_eq!(place.reseat(&["recover"]).expect_code(0).out, "nothing to recover\n");
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
