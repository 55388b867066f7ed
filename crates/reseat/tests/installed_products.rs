//! What is known of installed products: `show`, `why`, `check`, `reboot-pending`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use reseat_machine::{Hive, Machine, RegistryKey, RegistryValue};
use serde_json::Value;
use support::product::Product;
use support::{Place, marked, packages};

fn json(place: &Place, arguments: &[&str], code: i32) -> Value {
    let ran = place.reseat(&[arguments, &["--json"]].concat());
    ran.expect_code(code);
    ran.json()
}

fn installed(arguments: &[&str]) -> Place {
    let place = Place::with_prefix();
    let product = Product::new()
        .with_file("Readme", "readme.txt", "text")
        .with_file("Other", "other.txt", "other")
        .with_key_file("Readme")
        .with_folder("Sub", "sub")
        .with_row("Registry", &["R", "2", "Software\\Reseat\\Test", "Version", "[ProductVersion]", "Main"])
        .with_hashes(&place);
    place.install(&product.save(&place, "test.msi"), arguments).expect_code(0);
    place
}

#[test]
fn a_product_is_shown_with_everything_that_it_has_brought() {
    let place = installed(&["INSTALLDIR=C:\\Elsewhere"]);
    let shown = json(&place, &["show", "Test"], 0);
    assert_eq!(shown["version"], "1.0.0");
    assert_eq!(shown["features"][0]["feature"], "Main");
    let items: Vec<_> = shown["items"].as_array().unwrap().iter().collect();
    for (kind, what) in [
        ("file", r"C:\Elsewhere\readme.txt"),
        ("folder", r"C:\Elsewhere\sub"),
        ("registry-value", r"HKEY_LOCAL_MACHINE\Software\Reseat\Test [Version]"),
    ] {
        let item =
            items.iter().find(|item| item["what"] == what).unwrap_or_else(|| panic!("{what}: {shown:#}"));
        assert_eq!((item["kind"].as_str(), item["state"].as_str()), (Some(kind), Some("fine")), "{what}");
    }
    assert!(place.reseat(&["show", "Test"]).expect_code(0).out.contains(r"C:\Elsewhere\readme.txt"));
    place.reseat(&["show", "Nothing"]).expect_failure(&["1605", "Nothing"]);
}

#[test]
fn who_has_brought_a_file_or_a_key_is_said() {
    let place = installed(&[]);
    let file = place.drive_c("Program Files/Test/readme.txt");
    for what in [
        r"c:\program files\test\README.TXT",
        file.to_str().unwrap(),
        r"HKLM\Software\Reseat",
        r"hkey_local_machine\software\reseat\test\version",
    ] {
        let found = json(&place, &["why", what], 0);
        assert_eq!(found[0]["name"], "Test", "{what}");
        assert_eq!(found[0]["component"], "Main", "{what}");
        assert_eq!(found[0]["features"][0], "Main", "{what}");
    }
    assert_eq!(json(&place, &["why", r"C:\Program Files\Test"], 0).as_array().unwrap().len(), 3);
    for what in [r"C:\windows\win.ini", r"HKLM\Software\Rese", "no-service"] {
        assert_eq!(json(&place, &["why", what], 1), Value::Array(vec![]), "{what}");
    }
}

#[test]
fn what_is_missing_or_changed_is_found() {
    let place = installed(&[]);
    assert_eq!(json(&place, &["check"], 0), Value::Array(vec![]));
    std::fs::remove_file(place.drive_c("Program Files/Test/readme.txt")).unwrap();
    std::fs::write(place.drive_c("Program Files/Test/other.txt"), "OTHER").unwrap();
    let machine = Machine::open(&place.prefix()).unwrap();
    let key = RegistryKey::new(Hive::LocalMachine, "Software\\Reseat\\Test");
    machine.registry().unwrap().set_value(&key, "Version", RegistryValue::Dword(1)).unwrap();
    machine.save_registry().unwrap();
    let found = json(&place, &["check", "Test"], 1);
    let findings: Vec<_> =
        found.as_array().unwrap().iter().map(|it| it["finding"].as_str().unwrap()).collect();
    assert_eq!(findings, ["missing", "changed: another content", "changed: another value"]);
    let kept = std::fs::read_dir(place.drive_c("windows/Installer")).unwrap().next().unwrap().unwrap().path();
    std::fs::remove_file(kept).unwrap();
    let found = json(&place, &["check"], 1);
    assert_eq!(found[0]["finding"], "the kept package is gone; its source takes its place");
    std::fs::remove_file(place.path("test.msi")).unwrap();
    let found = json(&place, &["check"], 1);
    assert!(found[0]["finding"].as_str().unwrap().starts_with("1612"), "{found}");
}

#[test]
fn real_packages_are_found_to_be_as_they_were_installed() {
    let Some(folder) = packages() else { return };
    let place = Place::with_prefix();
    for name in marked(&folder, "install") {
        // The second version of a product that is there already.
        if name != "winget-test-v2.msi" && name != "prodA-1.0.1.msi" {
            place.install(&folder.join(name), &[]).expect_code(0);
        }
    }
    let ran = place.reseat(&["check"]);
    assert_eq!(ran.out, "");
    ran.expect_code(0);
}

#[test]
fn what_waits_for_the_next_start_is_listed_and_carried_out() {
    let place = Place::with_prefix();
    place.reseat(&["reboot-pending"]).expect_code(0);
    let machine = Machine::open(&place.prefix()).unwrap();
    std::fs::write(place.drive_c("gone.txt"), "x").unwrap();
    let key = RegistryKey::new(Hive::LocalMachine, r"System\CurrentControlSet\Control\Session Manager");
    let texts = vec![r"\??\C:\gone.txt".to_owned(), String::new()];
    let value = RegistryValue::MultiString(texts);
    machine.registry().unwrap().set_value(&key, "PendingFileRenameOperations", value).unwrap();
    machine.save_registry().unwrap();
    let listed = json(&place, &["reboot-pending"], 10);
    assert_eq!(listed[0]["from"], r"C:\gone.txt");
    place.reseat(&["reboot-pending", "--apply"]).expect_code(0);
    assert!(!place.drive_c("gone.txt").exists());
    place.reseat(&["reboot-pending"]).expect_code(0);
}
