//! Messages with documented numbers: in the user's language, in the package's own words where it has some, in the log and
//! in JSON.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use reseat_machine::{LinkProperty, ShellLink};
use serde_json::Value;
use support::product::{Cabinet, Product};
use support::scene::Scene;
use support::{Ran, run};

fn failing() -> Product {
    Product::new()
        .with_file("Readme", "readme.txt", "one")
        .with_binary("fail", "#!/bin/sh\nexit 7\n")
        .with_action("Fails", 2 + 1024, "fail", "", 6500)
}

fn install(scene: &Scene, product: &Product, locale: &str, arguments: &[&str]) -> Ran {
    let package = product.save(&scene.place, "test.msi");
    let log = scene.path("log");
    let fixed = ["install", "-q", "--log", &log, package.to_str().unwrap()];
    let mut command = scene.place.reseat_command(&[&fixed, arguments].concat());
    run(command.env("LC_ALL", locale))
}

#[test]
fn a_failure_is_told_in_the_language_of_the_user() {
    let scene = Scene::new();
    let english = install(&scene, &failing(), "", &[]);
    english.expect_failure(&["error 1603: 1722. A program of the package did not end as expected.", "Fails"]);
    scene.expect_log(&["Action ended"].map(|_| "MainEngineThread is returning 1603"));
    let log = scene.log().join("\n");
    assert!(log.contains("\nError 1722. A program of the package"), "{log}");

    let german = install(&scene, &failing(), "de_DE.UTF-8", &[]);
    german.expect_failure(&["error 1603: 1722. Ein Programm des Pakets endete nicht wie erwartet."]);
    let json = install(&scene, &failing(), "de_AT", &["--json"]);
    let failure: Value = serde_json::from_str(&json.expect_code(1).out).unwrap();
    assert_eq!((&failure["error"], &failure["number"]), (&1603.into(), &1722.into()));
    assert!(failure["message"].as_str().unwrap().starts_with("1722. Ein Programm"), "{failure}");
}

#[test]
fn the_words_of_the_package_come_first_and_may_name_properties() {
    let scene = Scene::new();
    let authored = failing().with_row("Error", &["1722", "[ProductName] is sorry: [2] failed.{{ Tell us.}}"]);
    let ran = install(&scene, &authored, "de_DE.UTF-8", &[]);
    ran.expect_failure(&["error 1603: 1722. Test is sorry: Fails failed: it returned 7"]);
    assert!(!ran.err.contains("Tell us"), "{}", ran.err);
}

#[test]
fn what_is_wrong_with_a_source_has_its_number() {
    let scene = Scene::new();
    let product = || Product::new().with_file("Readme", "readme.txt", "one");
    install(&scene, &product().with_cabinet(Cabinet::Corrupt), "", &[])
        .expect_failure(&["1335. ", "#files.cab"]);
    install(&scene, &product().with_cabinet(Cabinet::Missing), "", &[])
        .expect_failure(&["1311. ", "absent.cab"]);
    let unknown = product().with_row("InstallExecuteSequence", &["NoSuchAction", "", "1100"]);
    install(&scene, &unknown, "", &[]).expect_failure(&["2726. There is no action NoSuchAction"]);
}

#[test]
fn a_property_of_a_shortcut_is_set_or_warned_of() {
    let scene = Scene::new();
    let row = ["Link", "INSTALLDIR", "Link", "Main", "[#Readme]", "", "", "", "", "", "1", ""];
    let product = Product::new()
        .with_file("Readme", "readme.txt", "one")
        .with_row("Shortcut", &row)
        .with_row("MsiShortcutProperty", &["One", "Link", "System.AppUserModel.ID", "Reseat.[ProductName]"])
        .with_row("MsiShortcutProperty", &["Two", "Link", "System.Rating", "5"]);
    let properties = || {
        let link = std::fs::read(scene.place.drive_c("Program Files/Test/Link.lnk")).unwrap();
        ShellLink::from_bytes(&link).unwrap().properties
    };
    let ran = install(&scene, &product, "de_DE.UTF-8", &[]);
    ran.expect_code(0).expect_error(&["1946. Die Eigenschaft \"System.Rating\" der Verknüpfung"]);
    assert_eq!(properties(), [LinkProperty::parse("System.AppUserModel.ID", "Reseat.Test").unwrap()]);

    // Windows Installer 4.5 does not know the table.
    let ran = install(&scene, &product, "", &["--installer", "4.5", "REINSTALL=ALL", "REINSTALLMODE=s"]);
    assert!(!ran.expect_code(0).err.contains("1946"), "{}", ran.err);
    assert_eq!(properties(), []);
}

#[test]
fn what_is_wrong_with_a_table_has_its_number() {
    let scene = Scene::new();
    let product = || Product::new().with_file("Readme", "readme.txt", "one");
    let lost = || product().with_row("DuplicateFile", &["Copy", "Main", "NoFile"]);
    for (product, number, named) in [
        (
            product().with_row("InstallExecuteSequence", &["InstallServices", "(", "1100"]),
            2717,
            "InstallServices",
        ),
        (lost(), 2715, "NoFile"),
        (product().with_row("CreateFolder", &["Nowhere", "Main"]), 2727, "Nowhere"),
        (
            product()
                .with_row("LaunchCondition", &["A B", "No."])
                .with_row("InstallExecuteSequence", &["LaunchConditions", "", "100"]),
            2730,
            "LaunchCondition",
        ),
        (
            product()
                .with_row("CustomAction", &["Odd", "63", "a", "b"])
                .with_row("InstallExecuteSequence", &["Odd", "", "1100"]),
            2723,
            "Odd",
        ),
    ] {
        let text = format!("error 1603: {number}. ");
        install(&scene, &product, "", &[]).expect_failure(&[&text, named]);
        let log = scene.log().join("\n");
        assert!(log.contains(&format!("\nError {number}. ")), "{log}");
        for line in [format!("Note: 1: {number}"), format!("Product: Test -- Error {number}. ")] {
            assert!(log.contains(&line), "{line}: {log}");
        }
        let json = install(&scene, &product, "", &["--json"]).expect_code(1).out.clone();
        assert_eq!(serde_json::from_str::<Value>(&json).unwrap()["number"], number, "{json}");
    }
    install(&scene, &product(), "", &["ADDLOCAL=None"]).expect_failure(&["error 1603: 2711. ", "'None'"]);
    install(&scene, &product(), "", &["TRANSFORMS=:none"]).expect_failure(&["error 1624: 2752. ", ":none"]);
    let words = lost().with_row("Error", &["2715", "[ProductName] lost [2]."]);
    install(&scene, &words, "de_DE", &[])
        .expect_failure(&["2715. Test lost NoFile: table DuplicateFile, row Copy: "]);
}

#[test]
fn a_damaged_package_and_a_wrong_query_have_their_numbers() {
    let scene = Scene::new();
    let package = Product::new().save(&scene.place, "test.msi");
    let text = scene.place.write("text.msi", "no package");
    let ran = |arguments: &[&str]| run(&mut scene.place.reseat_command(arguments));
    ran(&["install", "-q", text.to_str().unwrap()]).expect_failure(&["error 1620: 2219. "]);
    ran(&["install", "-q", &scene.path("absent.msi")]).expect_failure(&["error 1619: 2203. "]);
    ran(&["tables", text.to_str().unwrap()]).expect_failure(&["text.msi: 2219. "]);
    for (query, number) in [
        ("SELECT * FROM Nowhere", 2228),
        ("SELECT Nothing FROM Property", 2235),
        ("SELECT Property Property", 2238),
        ("CREATE TABLE A (B NUMBER PRIMARY KEY B)", 2244),
    ] {
        let json = ran(&["sql", package.to_str().unwrap(), query, "--json"]).expect_code(1).out.clone();
        assert_eq!(serde_json::from_str::<Value>(&json).unwrap()["number"], number, "{json}");
    }
}

#[test]
fn the_language_of_messages_can_be_named() {
    let scene = Scene::new();
    install(&scene, &failing(), "de_DE", &["--language", "en"])
        .expect_failure(&["1722. A program of the package"]);
    install(&scene, &failing(), "", &["--language", "de"]).expect_failure(&["1722. Ein Programm des Pakets"]);
    let unknown = install(&scene, &failing(), "", &["--language", "fr"]);
    assert!(unknown.expect_code(2).err.contains("possible values: en, de"));
}
