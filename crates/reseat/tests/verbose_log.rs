//! The verbose log: what people search for in it, to the letter and in its order.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use support::product::Product;
use support::run;
use support::scene::Scene;

const README: &str = r"C:\Program Files\Test\readme.txt";

fn product() -> Product {
    Product::new()
        .with_file("Readme", "readme.txt", "text")
        .with_row("Registry", &["Value", "2", r"Software\Test", "Name", "[COLOR]", "Main"])
        .with_property("MsiHiddenProperties", "SECRET")
}

/// The log with `T` for each time of an action.
fn log(scene: &Scene) -> Vec<String> {
    let without_time = |line: String| {
        let mut words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        if words[0] == "Action" {
            let is_time = |word: &&mut String| word.len() == 9 && word.matches(':').count() == 3;
            words.iter_mut().take(3).filter(is_time).for_each(|word| *word = "T:".to_owned());
        }
        words.join(" ")
    };
    scene.log().into_iter().map(without_time).collect()
}

#[track_caller]
fn expect_in_order(log: &[String], lines: &[&str]) {
    let mut rest = log.iter();
    for line in lines {
        assert!(rest.any(|found| found == line), "'{line}' is not in its place in:\n{}", log.join("\n"));
    }
}

#[test]
fn an_installation_reads_as_people_know_it() {
    let scene = Scene::new();
    scene.install(&product(), &["COLOR=red", "SECRET=hush-hush"]).expect_code(0);
    let log = log(&scene);
    expect_in_order(
        &log,
        &[
            "PROPERTY CHANGE: Adding COLOR property. Its value is 'red'.",
            "PROPERTY CHANGE: Adding SECRET property. Its value is '**********'.",
            "******* RunEngine:",
            "           ******* CommandLine: COLOR=red SECRET=**********",
            "Doing action: InstallValidate",
            "Action T: InstallValidate. Looking at disk space and files in use",
            "Action start T: InstallValidate.",
            "Feature: Main; Installed: Absent;   Request: Local;   Action: Local",
            "Component: Main; Installed: Absent;   Request: Local;   Action: Local",
            "Action ended T: InstallValidate. Return value 1.",
            &format!("File: {README};\tTo be installed;\tWon't patch;\tNo existing file"),
            "Source for file 'Readme' is compressed",
            &format!("InstallFiles: {README}"),
            r"WriteRegistryValues: HKEY_LOCAL_MACHINE\Software\Test, Name, red",
            "Property(S): COLOR = red",
            "Property(S): SECRET = **********",
            "RESTART MANAGER: Session closed.",
            "Product: Test -- Installation completed successfully.",
            "Windows Installer installed the product. Product Name: Test. Product Version: 1.0.0. Product Language: 1033. \
             Manufacturer: Reseat. Installation success or error status: 0.",
            "MainEngineThread is returning 0",
        ],
    );
    assert!(!log.iter().any(|line| line.contains("hush")), "{}", log.join("\n"));
    // A table that is not there is noted once, with the action that asked for it.
    let note = "Note: 1: 2205 2:  3: Condition";
    expect_in_order(&log, &["Action start T: CostInitialize.", note, "Action start T: InstallValidate."]);
    assert_eq!(log.iter().filter(|line| *line == note).count(), 1);
}

#[test]
fn each_file_has_the_reason_of_its_decision() {
    let scene = Scene::new();
    scene.install(&product(), &[]).expect_code(0);
    for (mode, decision, reason) in [
        ("amus", "Overwrite", "REINSTALLMODE specifies all files to be overwritten"),
        ("pmus", "Won't Overwrite", "REINSTALLMODE specifies only missing files to be installed"),
    ] {
        scene.install(&product(), &["REINSTALL=ALL", &format!("REINSTALLMODE={mode}")]).expect_code(0);
        expect_in_order(
            &log(&scene),
            &[
                "Feature: Main; Installed: Local;   Request: Reinstall;   Action: Reinstall",
                &format!("File: {README};\t{decision};\tWon't patch;\t{reason}"),
                "Product: Test -- Configuration completed successfully.",
            ],
        );
    }
    scene.install(&product(), &["REMOVE=ALL"]).expect_code(0);
    expect_in_order(
        &log(&scene),
        &[
            "Feature: Main; Installed: Local;   Request: Absent;   Action: Absent",
            &format!("RemoveFiles: {README}"),
            "Product: Test -- Removal completed successfully.",
        ],
    );
}

#[test]
fn the_package_says_what_actions_do_and_else_we_do_in_the_language_of_the_user() {
    let scene = Scene::new();
    let product = product().with_row(
        "ActionText",
        &["InstallFiles", "Copying what is new", "File: [1],  Directory: [9],  Size: [6]"],
    );
    let package = product.save(&scene.place, "test.msi");
    let log_file = scene.path("log");
    let arguments = ["install", "-q", "--progress", "plain", "--log", &log_file, package.to_str().unwrap()];
    let ran = run(scene.place.reseat_command(&arguments).env("LC_ALL", "de_DE.UTF-8"));
    let data = r"File: readme.txt,  Directory: C:\Program Files\Test\,  Size: 4";
    ran.expect_code(0).expect_error(&["Copying what is new", data, "Registrierungswerte schreiben"]);
    expect_in_order(
        &log(&scene),
        &[
            "Action T: InstallFiles. Copying what is new",
            &format!("InstallFiles: {data}"),
            "Action T: WriteRegistryValues. Registrierungswerte schreiben",
        ],
    );
}
