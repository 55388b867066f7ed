//! ForceReboot: an installation that stops for a restart of Windows, and goes on after it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use support::Place;
use support::product::Product;
use support::snapshot;

/// A product that stops in the middle: its registry values are written afterwards, and say what was known then.
fn product(place: i32) -> Product {
    let mut product = Product::new()
        .with_file("Readme", "readme.txt", "text")
        .with_key_file("Readme")
        .with_row("Directory", &["CHOSEN", "INSTALLDIR", "chosen"])
        .with_row("Feature", &["Help", "", "Help", "", "1", "200", "INSTALLDIR", "0"])
        .with_file("Manual", "manual.txt", "help")
        .with_row(
            "Component",
            &["Help", "{33333333-0000-0000-0000-00000000000A}", "CHOSEN", "264", "", "Manual"],
        )
        .with_row("FeatureComponents", &["Help", "Help"])
        .with_file_in("Manual", "Help")
        .without_row("InstallExecuteSequence", "WriteRegistryValues")
        .with_row("InstallExecuteSequence", &["WriteRegistryValues", "", "6550"])
        .with_row(
            "InstallExecuteSequence",
            &["ForceReboot", "NOT AFTERREBOOT AND NOT REMOVE", &place.to_string()],
        );
    for name in ["WORDS", "AFTERREBOOT", "RESUME", "UpdateStarted", "Preselected", "Installed"] {
        product.row("Registry", &[name, "2", r"Software\Test", name, &format!("({}[{name}])", ""), "Main"]);
    }
    product.with_row("Registry", &["Help", "2", r"Software\Test", "Help", "yes", "Help"])
}

fn written(place: &Place, name: &str) -> Option<String> {
    let start = format!("[Software\\\\Test] \"{name}\"=\"");
    let lines = snapshot::registry(&place.prefix(), "system.reg");
    lines.iter().find_map(|line| Some(line.strip_prefix(&start)?.trim_end_matches('"').to_owned()))
}

fn run_once(place: &Place) -> usize {
    let lines = snapshot::registry(&place.prefix(), "system.reg");
    lines.iter().filter(|line| line.contains("RunOnce]") && line.contains("AFTERREBOOT")).count()
}

#[test]
fn it_stops_with_everything_before_it_done_and_goes_on_with_all_that_was_asked_for() {
    let place = Place::with_prefix();
    let before = snapshot::tree(&place.prefix().join("drive_c"));
    let package = product(6450).save(&place, "test.msi");
    let ran = place.reseat(&[
        "install",
        package.to_str().unwrap(),
        "ADDLOCAL=Main,Help",
        "CHOSEN=C:\\Some where",
        "WORDS=\"a \"\"b\"\" c\"",
    ]);
    ran.expect_code(10).expect_error(&["1604", "reboot-pending --apply"]);
    assert!(place.drive_c("Program Files/Test/readme.txt").exists());
    assert!(place.drive_c("Some where/manual.txt").exists());
    assert_eq!((place.products().len(), written(&place, "WORDS"), run_once(&place)), (1, None, 1));
    let list = place.reseat(&["reboot-pending"]);
    assert!(list.expect_code(10).out.contains("msiexec.exe /i {"), "{}", list.out);
    let list = place.reseat(&["reboot-pending", "--json"]);
    assert!(list.expect_code(10).out.contains("\"run\""), "{}", list.out);

    // The package is kept: it is not needed any more.
    std::fs::remove_file(&package).unwrap();
    place.reseat(&["reboot-pending", "--apply"]).expect_code(0);
    for (name, value) in [
        ("WORDS", r#"(a \"b\" c)"#),
        ("AFTERREBOOT", "(1)"),
        ("RESUME", "(1)"),
        ("UpdateStarted", "(1)"),
        ("Preselected", "(1)"),
        ("Help", "yes"),
    ] {
        assert_eq!(written(&place, name).as_deref(), Some(value), "{name}");
    }
    let lines = snapshot::registry(&place.prefix(), "system.reg");
    let counted: Vec<_> = lines.iter().filter(|line| line.contains("SharedDLLs] ")).collect();
    assert!(matches!(counted[..], [line] if line.ends_with("dword:00000001")), "counted once: {counted:?}");
    assert_eq!(run_once(&place), 0);
    place.reseat(&["reboot-pending"]).expect_code(0);
    place.reseat(&["uninstall", "-q", "Test"]).expect_code(0);
    snapshot::assert_same(&before, &snapshot::tree(&place.prefix().join("drive_c")));
}

#[test]
fn before_the_product_is_registered_the_source_is_needed_again() {
    let place = Place::with_prefix();
    let package = product(4100).save(&place, "a test.msi");
    place.install(&package, &[]).expect_code(10);
    assert_eq!((place.products().len(), run_once(&place)), (0, 1));
    place.reseat(&["reboot-pending", "--apply", "-q"]).expect_code(0);
    assert_eq!((place.products().len(), run_once(&place)), (1, 0));
    assert_eq!(written(&place, "AFTERREBOOT").as_deref(), Some("(1)"));
    assert!(!place.drive_c("Program Files/Test/chosen/manual.txt").exists());
}

#[test]
fn norestart_goes_on_at_once_and_says_that_a_restart_is_needed() {
    let place = Place::with_prefix();
    let package = product(6450).save(&place, "test.msi");
    place.reseat(&["msiexec", "/i", package.to_str().unwrap(), "/qn", "/norestart"]).expect_code(10);
    assert_eq!((written(&place, "AFTERREBOOT").as_deref(), run_once(&place)), (Some("()"), 0));
    place.reseat(&["reboot-pending"]).expect_code(0);
    let plan = Place::with_prefix();
    let planned = plan.reseat(&["plan", package.to_str().unwrap(), "--json"]);
    assert!(planned.expect_code(0).out.contains("WriteRegistryValues"), "{}", planned.out);
    assert_eq!(run_once(&plan), 0);
}

#[test]
fn what_fails_afterwards_is_tried_again_or_removed() {
    let place = Place::with_prefix();
    let package = product(6450)
        .with_row("CustomAction", &["Stop", "19", "", "not yet"])
        .with_row("InstallExecuteSequence", &["Stop", "AFTERREBOOT AND NOT READY", "6560"])
        .save(&place, "test.msi");
    place.install(&package, &[]).expect_code(10);
    place.reseat(&["reboot-pending", "--apply", "-q"]).expect_failure(&["not yet"]);
    assert_eq!((written(&place, "WORDS"), run_once(&place)), (None, 1));
    assert!(place.drive_c("Program Files/Test/readme.txt").exists());
    // By hand, with what it needs.
    place.install(&package, &["ADDLOCAL=Main", "AFTERREBOOT=1", "RESUME=1", "READY=1"]).expect_code(0);
    assert_eq!((written(&place, "WORDS").as_deref(), run_once(&place)), (Some("()"), 0));

    let other = Place::with_prefix();
    other.install(&package, &[]).expect_code(10);
    other.reseat(&["uninstall", "-q", "Test"]).expect_code(0);
    assert_eq!((other.products().len(), run_once(&other)), (0, 0));
}
