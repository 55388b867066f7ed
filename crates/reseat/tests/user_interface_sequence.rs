//! The user interface sequence: where it runs, what it hands over, what runs once only.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use support::product::Product;
use support::snapshot;
use support::{Place, Ran, package};

/// A set-property action of type 51.
const SET: i32 = 51;
const FIRST_SEQUENCE: i32 = 256;
const CLIENT_REPEAT: i32 = 768;

/// A product that writes down which properties its execution has.
fn product() -> Product {
    let mut product = Product::new().with_file("Readme", "readme.txt", "text");
    for name in ["PUBLIC", "Private", "FOUND", "ONCE", "REPEATED", "LATER", "UILevel", "SEQUENCED"] {
        let value = format!("({}[{name}])", "");
        product.row("Registry", &[name, "2", r"Software\Test", name, &value, "Main"]);
    }
    for (action, sequence) in [
        ("AppSearch", "50"),
        ("CostInitialize", "800"),
        ("FileCost", "900"),
        ("CostFinalize", "1000"),
        ("WelcomeDlg", "1100"),
        ("ExecuteAction", "1300"),
    ] {
        product.row("InstallUISequence", &[action, "", sequence]);
    }
    for (name, kind, property, value, client, server) in [
        ("SetPublic", SET, "PUBLIC", "from the client", "1001", ""),
        ("SetPrivate", SET, "Private", "from the client", "1002", ""),
        ("SetOnce", SET + FIRST_SEQUENCE, "ONCE", "[ONCE]x", "1003", "1003"),
        ("SetRepeated", SET + CLIENT_REPEAT, "REPEATED", "[REPEATED]x", "1004", "1004"),
        ("SetLater", SET, "LATER", "too late", "1400", ""),
    ] {
        product.row("CustomAction", &[name, &kind.to_string(), property, value]);
        for (table, place) in [("InstallUISequence", client), ("InstallExecuteSequence", server)] {
            if !place.is_empty() {
                product.row(table, &[name, "", place]);
            }
        }
    }
    product
        .with_row("Dialog", &["WelcomeDlg", "50"])
        .with_row("InstallExecuteSequence", &["AppSearch", "", "50"])
        .with_row("AppSearch", &["FOUND", "Folder"])
        .with_row("DrLocator", &["Folder", "", "C:\\windows", ""])
}

fn msiexec(place: &Place, arguments: &[&str]) -> Ran {
    place.reseat(&[&["msiexec"], arguments].concat())
}

fn written(place: &Place, name: &str) -> String {
    let key = r"[Software\\Test]";
    let lines = snapshot::registry(&place.prefix(), "system.reg");
    let start = format!("{key} \"{name}\"=\"(");
    let line = lines.iter().find_map(|line| line.strip_prefix(&start));
    line.unwrap_or("none").trim_end_matches(")\"").to_owned()
}

#[test]
fn it_runs_at_full_and_reduced_level_and_hands_over_public_properties() {
    let package = product();
    for (level, number) in [("/qr", "4"), ("/qf", "5")] {
        let place = Place::with_prefix();
        let package = package.save(&place, "test.msi");
        let log = place.path("log");
        let line = ["/i", package.to_str().unwrap(), level, "/l*v", log.to_str().unwrap()];
        msiexec(&place, &line).expect_code(0);
        for (name, value) in [
            ("PUBLIC", "from the client"),
            ("Private", ""),
            ("FOUND", r"C:\\windows\\"),
            ("ONCE", "x"),
            ("REPEATED", ""),
            ("LATER", ""),
            ("UILevel", number),
        ] {
            assert_eq!(written(&place, name), value, "{name} at {level}");
        }
        let log = place.read("log");
        for line in [
            "Doing action: ExecuteAction",
            "Skipping dialog: WelcomeDlg",
            "Skipping AppSearch action: already done on client side",
            "Switching to server: PUBLIC=\"from the client\"",
            "Property(S): PUBLIC = from the client",
            "Property(C): Private = from the client",
        ] {
            assert!(log.contains(line), "no '{line}' in\n{log}");
        }
        assert!(!log.contains("Property(S): Private"), "{log}");
        // The Restart Manager session is that of the execution.
        let key = log.find("PROPERTY CHANGE: Adding MsiRestartManagerSessionKey").unwrap();
        assert!(log.find("Doing action: ExecuteAction").unwrap() < key);
        assert!(place.sessions().is_empty());
    }
}

#[test]
fn actions_run_as_often_as_their_options_say_when_both_sequences_have_them() {
    const ONCE_PER_PROCESS: i32 = 512;
    // The execution is another process than the user interface, as it is with the service of Windows.
    for (level, expected) in [
        ("/qf", "client: Always Once PerProcess; server: Always PerProcess"),
        ("/qn", "server: Always Once PerProcess OnlyLater"),
    ] {
        let place = Place::with_prefix();
        let out = place.path("out");
        let mut product = product().with_property("OUT", out.to_str().unwrap());
        for (name, option, client, server) in [
            ("Always", 0, "1010", "1010"),
            ("Once", FIRST_SEQUENCE, "1020", "1020"),
            ("PerProcess", ONCE_PER_PROCESS, "1030", "1030"),
            ("Repeated", CLIENT_REPEAT, "1040", "1040"),
            // It need not be in the first sequence to be left out of the second.
            ("OnlyLater", FIRST_SEQUENCE, "", "1050"),
        ] {
            // A program and a property: both keep to it.
            let line = format!("/bin/sh -c 'echo {name} >>\"[OUT]\"'");
            let property = format!("SET{}", name.to_uppercase());
            let value = format!("[{property}]x");
            for (action, kind, source, target) in [
                (name.to_owned(), 34 + option, "TARGETDIR", line.as_str()),
                (format!("Value{name}"), SET + option, property.as_str(), value.as_str()),
            ] {
                product.row("CustomAction", &[&action, &kind.to_string(), source, target]);
                for (table, place) in [("InstallUISequence", client), ("InstallExecuteSequence", server)] {
                    if !place.is_empty() {
                        product.row(table, &[&action, "", place]);
                    }
                }
            }
            product.row(
                "Registry",
                &[&property, "2", r"Software\Test", &property, &format!("([{property}])"), "Main"],
            );
        }
        for (number, table, text) in
            [("1005", "InstallUISequence", "client"), ("1005", "InstallExecuteSequence", "server")]
        {
            let line = format!("/bin/sh -c 'echo {text} >>\"[OUT]\"'");
            product.row("CustomAction", &[text, "34", "TARGETDIR", &line]);
            product.row(table, &[text, "", number]);
        }
        msiexec(&place, &["/i", product.save(&place, "test.msi").to_str().unwrap(), level]).expect_code(0);
        let out = std::fs::read_to_string(out).unwrap().replace('\n', " ");
        let ran = out
            .trim()
            .replace("client ", "client: ")
            .replace(" server ", "; server: ")
            .replace("server ", "server: ");
        assert_eq!(ran, expected, "{level}");
        for name in ["Always", "Once", "PerProcess", "Repeated", "OnlyLater"] {
            let times = expected.split([' ', ';']).filter(|word| *word == name).count();
            assert_eq!(
                written(&place, &format!("SET{}", name.to_uppercase())),
                "x".repeat(times),
                "{name} at {level}"
            );
        }
    }
}

#[test]
fn it_does_not_run_at_other_levels_or_where_the_package_limits_them() {
    for (level, limit, number) in [("/qn", None, "2"), ("/qb", None, "3"), ("/qf", Some("1"), "3")] {
        let place = Place::with_prefix();
        let mut product = product();
        if let Some(limit) = limit {
            product = product.with_property("LIMITUI", limit);
        }
        let package = product.save(&place, "test.msi");
        msiexec(&place, &["/i", package.to_str().unwrap(), level]).expect_code(0);
        let values = ["PUBLIC", "ONCE", "UILevel", "FOUND"].map(|name| written(&place, name));
        assert_eq!(values, ["", "x", number, r"C:\\windows\\"], "{level}");
    }
}

#[test]
fn without_execute_action_nothing_is_installed() {
    let place = Place::with_prefix();
    let before = snapshot::tree(&place.prefix());
    let package = product().without_row("InstallUISequence", "ExecuteAction").save(&place, "test.msi");
    let ran = place.reseat(&["install", "--ui", "full", package.to_str().unwrap()]);
    ran.expect_code(0).expect_error(&["left as it was"]);
    snapshot::assert_same(&before, &snapshot::tree(&place.prefix()));
}

#[test]
fn a_failure_in_the_execution_is_that_of_the_installation() {
    let place = Place::with_prefix();
    let product = product().with_action("Stop", 19, "", "it is enough", 5500);
    let package = product.save(&place, "test.msi");
    let before = snapshot::tree(&place.prefix().join("drive_c"));
    let ran = place.reseat(&["install", "-q", "--ui", "full", package.to_str().unwrap()]);
    ran.expect_failure(&["it is enough"]);
    snapshot::assert_same(&before, &snapshot::tree(&place.prefix().join("drive_c")));
}

#[test]
fn another_table_is_run_as_a_sequence_and_one_that_runs_itself_ends() {
    let place = Place::with_prefix();
    let product = product()
        .with_row("CustomAction", &["SetSequenced", "51", "SEQUENCED", "yes"])
        .with_row("InstallExecuteSequence", &["SEQUENCE", "", "1100"])
        .with_property("SEQUENCE", "OtherSequence")
        .with_row("OtherSequence", &["SetSequenced", "", "1"]);
    let package = product.clone().save(&place, "test.msi");
    place.install(&package, &[]).expect_code(0);
    assert_eq!(written(&place, "SEQUENCED"), "yes");

    let other = Place::with_prefix();
    let package = product.with_row("OtherSequence", &["SEQUENCE", "", "2"]).save(&other, "test.msi");
    other.install(&package, &[]).expect_failure(&["run within one another"]);
    let package = self::product().with_row("InstallExecuteSequence", &["SEQUENCE", "", "1100"]);
    let package = package.with_property("SEQUENCE", "Absent").save(&other, "test.msi");
    other.install(&package, &[]).expect_failure(&["no table 'Absent'"]);
}

#[test]
fn a_real_package_is_installed_the_same_with_its_own_interface() {
    for name in ["putty-0.68-installer.msi", "7z1900-x64.msi"] {
        let Some(package) = package(name) else { return };
        let places = [Place::with_prefix(), Place::with_prefix()];
        for (place, level) in places.iter().zip(["/qb", "/qf"]) {
            msiexec(place, &["/i", package.to_str().unwrap(), level]).expect_code(0);
        }
        let [basic, full] = places.each_ref().map(|place| snapshot::tree(&place.prefix().join("drive_c")));
        snapshot::assert_same(&basic, &full);
        msiexec(&places[1], &["/x", package.to_str().unwrap(), "/qf"]).expect_code(0);
        assert_eq!(places[1].products().len(), 0);
    }
}
