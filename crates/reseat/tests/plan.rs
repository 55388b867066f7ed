//! `reseat plan`: what it says is what `install` then does, and it changes nothing itself.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::path::{Path, PathBuf};

use serde_json::Value;
use support::product::Product;
use support::{Place, has_tool, marked, package, packages, run, snapshot};

fn plan(place: &Place, package: &Path, arguments: &[&str]) -> Value {
    let package = package.to_str().unwrap();
    let ran = place.reseat(&[&["plan", "-q", "--json", package], arguments].concat());
    ran.json()
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}

/// What an installation executes, from its log, without custom actions: a plan lists them apart.
fn executed(log: &str) -> Vec<String> {
    let texts =
        log.lines().filter_map(|line| line.split_once("Executing op: ").map(|(_, text)| text.to_owned()));
    texts.filter(|text| !text.contains("custom action") && !text.ends_with(')')).collect()
}

/// The decisions about files, as the log has them.
fn decided(log: &str) -> Vec<(String, String)> {
    let lines = log.lines().filter_map(|line| line.split_once("]: File: "));
    lines
        .map(|(_, text)| {
            let parts: Vec<_> = text.split(";\t").collect();
            (parts[0].to_owned(), parts[3].to_owned())
        })
        .collect()
}

/// Plans, then installs, and compares.
#[track_caller]
fn plan_and_install(place: &Place, package: &Path, arguments: &[&str]) -> Value {
    let before = snapshot::tree(&place.prefix());
    let plan = plan(place, package, arguments);
    // An installation runs all of them.
    let arguments: Vec<_> = arguments.iter().copied().filter(|it| *it != "--run-custom-actions").collect();
    let arguments = arguments.as_slice();
    snapshot::assert_same(&before, &snapshot::tree(&place.prefix()));
    let name = package.display();
    assert_eq!(texts(&plan["obstacles"]), [""; 0], "{name}");
    let log = place.path("log");
    let ran = place.install(package, &[&["--log", log.to_str().unwrap()], arguments].concat());
    let needs_restart = !plan["restart"].as_array().unwrap().is_empty();
    ran.expect_code(if needs_restart { 10 } else { 0 });
    let log = place.read("log");
    assert_eq!(texts(&plan["operations"]), executed(&log), "{name} {arguments:?}");
    let text = |file: &Value, name: &str| file[name].as_str().unwrap().to_owned();
    let files = plan["files"].as_array().unwrap().iter();
    let files: Vec<_> = files.map(|file| (text(file, "path"), text(file, "reason"))).collect();
    assert_eq!(files, decided(&log), "{name} {arguments:?}");
    for feature in plan["features"].as_array().unwrap() {
        let state = feature["action"].as_str().unwrap().replace('-', "null");
        let name = feature["feature"].as_str().unwrap();
        let line = log.lines().find(|line| line.contains(&format!("Feature: {name};"))).unwrap();
        assert!(line.to_lowercase().ends_with(&format!("action: {state}")), "{state}: {line}");
    }
    plan
}

#[test]
fn what_a_plan_says_of_a_real_package_is_what_the_installation_does() {
    let Some(folder) = packages() else { return };
    for name in marked(&folder, "install") {
        let place = Place::with_prefix();
        let package = folder.join(&name);
        plan_and_install(&place, &package, &[]);
        let change = plan_and_install(&place, &package, &["REMOVE=ALL"])["change"].clone();
        assert_eq!(change, "removed", "{name}");
    }
}

#[test]
fn a_plan_of_an_update_of_the_same_product_is_what_happens() {
    let (Some(one), Some(two)) = (package("winget-test-v1.msi"), package("winget-test-v2.msi")) else {
        return;
    };
    let place = Place::with_prefix();
    place.install(&one, &[]).expect_code(0);
    let plan = plan_and_install(&place, &two, &["REINSTALL=ALL", "REINSTALLMODE=vomus"]);
    assert_eq!(plan["change"], "configured");
}

#[test]
fn a_plan_of_an_upgrade_names_the_product_that_goes() {
    for (when, sequence) in [("early", "1510"), ("late", "6500")] {
        let place = Place::with_prefix();
        let product = |version: &str| {
            Product::new()
                .version(version)
                .with_file("Readme", "readme.txt", format!("of {version}"))
                .with_file("Same", "same.txt", "same")
                .with_row("Registry", &["R", "2", "Software\\Reseat\\Test", "Version", version, "Main"])
                .without_row("InstallExecuteSequence", "RemoveExistingProducts")
                .with_row("InstallExecuteSequence", &["RemoveExistingProducts", "", sequence])
                .with_hashes(&place)
        };
        place.install(&product("1.0.0").save(&place, "one.msi"), &[]).expect_code(0);
        let plan = plan_and_install(&place, &product("2.0.0").save(&place, "two.msi"), &[]);
        assert_eq!(plan["replaced"][0]["version"], "1.0.0", "{when}: {}", plan["replaced"]);
        let decisions: Vec<_> =
            plan["files"].as_array().unwrap().iter().map(|file| file["decision"].as_str().unwrap()).collect();
        let expected = if when == "early" { ["install", "install"] } else { ["overwrite", "keep"] };
        assert_eq!(decisions, expected, "{when}");
        assert_eq!(place.products().len(), 1, "{when}");
    }
}

#[test]
fn a_plan_says_which_files_are_kept_and_who_would_be_closed() {
    let place = Place::with_prefix();
    let product = Product::new()
        .with_file("Same", "same.txt", "same")
        .with_file("Other", "other.txt", "new content")
        .with_hashes(&place);
    let folder = place.drive_c("Program Files/Test");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("same.txt"), "same").unwrap();
    std::fs::write(folder.join("other.txt"), "old content").unwrap();
    let mut holder = place.hold(&folder.join("other.txt"));
    let package = product.save(&place, "test.msi");
    let planned = plan(&place, &package, &[]);
    let decisions: Vec<_> =
        planned["files"].as_array().unwrap().iter().map(|file| file["decision"].as_str().unwrap()).collect();
    assert_eq!(decisions, ["keep", "overwrite"]);
    let application = &planned["applications"][0];
    assert_eq!(application["pid"], holder.pid(), "{planned:#}");
    assert_eq!((&application["closed"], &application["restarted"]), (&true.into(), &false.into()));
    assert!(holder.runs(), "a plan closes nobody");
    plan_and_install(&place, &package, &[]);
    assert!(!holder.runs());
}

#[test]
fn a_plan_of_everything_is_what_is_there_afterwards() {
    let place = Place::with_prefix();
    let link = ["Link", "INSTALLDIR", "Link", "Main", "[#Readme]", "", "", "", "", "", "1", ""];
    let product = Product::new()
        .with_file("Readme", "readme.txt", "text")
        .with_key_file("Readme")
        .with_folder("Empty", "empty")
        .with_row("Registry", &["R", "2", "Software\\Reseat\\Test", "Name", "planned", "Main"])
        .with_row("Shortcut", &link)
        .with_row("Environment", &["E", "*RESEAT_TEST", "planned", "Main"])
        .with_row("IniFile", &["I", "test.ini", "INSTALLDIR", "one", "key", "planned", "0", "Main"])
        .with_row("ServiceInstall", &["S", "Planned", "", "16", "3", "1", "", "", "", "", "", "Main", ""])
        .with_standard_actions(&[
            ("WriteEnvironmentStrings", 5200),
            ("WriteIniValues", 5100),
            ("InstallServices", 5800),
            ("ScheduleReboot", 6550),
        ])
        .with_binary("true", "#!/bin/sh\n")
        .with_action("First", 2, "true", "", 1300)
        .with_action("Second", 2 + 1024, "true", "", 4100)
        .with_action("Third", 2 + 1024 + 512, "true", "", 4200);
    let plan = plan_and_install(&place, &product.save(&place, "test.msi"), &["--run-custom-actions"]);
    assert_eq!(plan["restart"].as_array().unwrap().len(), 1, "{plan:#}");

    // Files, shortcuts and folders are where the plan says.
    let paths = |group: &str, what: &str| -> Vec<PathBuf> {
        let entries = plan[group].as_array().unwrap().iter();
        let paths = entries.map(|entry| entry[what].as_str().unwrap().replace("C:\\", "").replace('\\', "/"));
        paths.map(|path| place.drive_c(&path)).collect()
    };
    for (group, what) in [("files", "path"), ("shortcuts", "what"), ("folders", "what")] {
        let paths = paths(group, what);
        assert!(!paths.is_empty(), "{group}");
        assert!(paths.iter().all(|path| path.exists()), "{group}: {paths:?}");
    }
    assert!(
        std::fs::read_to_string(place.drive_c("Program Files/Test/test.ini"))
            .unwrap()
            .contains("key=planned")
    );
    assert!(plan["ini"][0].to_string().contains("test.ini"), "{}", plan["ini"]);
    // So are values: a key in brackets, the value below it.
    let lines: Vec<_> = ["system.reg", "user.reg"]
        .iter()
        .flat_map(|file| snapshot::registry(&place.prefix(), file))
        .collect();
    for (group, value) in
        [("registry", "\"Name\"=\"planned\""), ("environment", "\"RESEAT_TEST\"=str(2):\"planned\"")]
    {
        assert_eq!(plan[group].as_array().unwrap().len(), 1, "{}", plan[group]);
        assert!(plan[group].to_string().contains("planned"), "{}", plan[group]);
        assert!(lines.iter().any(|line| line.ends_with(value)), "{value} is not in the registry");
    }
    let services = plan["services"].as_array().unwrap();
    let of_service = lines.iter().filter(|line| line.contains("Services\\\\Planned]") && line.contains('='));
    assert_eq!(services.len(), of_service.count(), "{services:#?}");

    // Custom actions run in the order of the plan.
    let planned = plan["custom_actions"].as_array().unwrap().iter();
    let planned: Vec<_> = planned.map(|it| it["action"].as_str().unwrap()).collect();
    let log = place.read("log");
    let ran = log.lines().filter_map(|line| {
        let immediate = line.split_once("Doing action: ").filter(|(_, name)| *name == "First");
        let (_, text) =
            immediate.or(line.split_once("Executing op: ").filter(|(_, text)| text.ends_with(')')))?;
        text.split(' ').next()
    });
    assert_eq!(planned, ran.collect::<Vec<_>>(), "{log}");
    assert_eq!(planned, ["First", "Second", "Third"]);
}

#[test]
fn immediate_programs_run_only_when_a_plan_is_asked_to() {
    let place = Place::with_prefix();
    let note = place.path("note");
    let product = Product::new()
        .with_file("Readme", "readme.txt", "text")
        .with_binary("touch", "#!/bin/sh\n: >\"$1\"\n")
        .with_action("Now", 2, "touch", &format!("\"{}\"", note.display()), 1300)
        .with_action("Later", 2 + 1024, "touch", "later", 4100)
        .with_action("Nested", 7, "inner", "", 1301);
    let package = product.save(&place, "test.msi");
    let package = package.to_str().unwrap();
    let text = place.reseat(&["plan", package]);
    text.expect_code(0);
    assert!(text.out.contains("Immediate programs were not run"), "{}", text.out);
    assert!(!note.exists());
    let planned = plan(&place, Path::new(package), &["--skip-custom-action", "Nested"]);
    let actions: Vec<_> = planned["custom_actions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| [&it["action"], &it["when"], &it["outcome"]].map(|text| text.as_str().unwrap()))
        .collect();
    assert_eq!(
        actions,
        [["Now", "immediate", "runs"], ["Nested", "immediate", "skipped"], ["Later", "deferred", "runs"]]
    );
    place
        .reseat(&["plan", "-q", package, "--run-custom-actions", "--skip-custom-action", "Nested"])
        .expect_code(0);
    assert!(note.exists());
}

/// What lies beside the prefix, and among its temporary files.
fn entries(place: &Place) -> Vec<String> {
    let names = |folder: &str| {
        let entries = std::fs::read_dir(place.path(folder)).unwrap().flatten();
        entries.map(|entry| entry.path().display().to_string()).collect::<Vec<_>>()
    };
    let mut names = [names(""), names("tmp")].concat();
    names.sort();
    names
}

#[test]
fn a_plan_for_a_prefix_that_is_not_there_leaves_none() {
    let place = Place::new();
    let package = Product::new().with_file("Readme", "readme.txt", "text").save(&place, "test.msi");
    let before = entries(&place);
    let planned = plan(&place, &package, &[]);
    assert_eq!(planned["files"][0]["path"], r"C:\Program Files\Test\readme.txt");
    assert_eq!(entries(&place), before);
}

#[test]
fn a_plan_in_the_sandbox_for_a_prefix_that_is_not_there_runs_programs_and_leaves_nothing() {
    if !has_tool("bwrap") {
        return;
    }
    let place = Place::new();
    let mut works = place.command("bwrap");
    if !run(works.args(["--unshare-all", "--ro-bind", "/", "/", "--", "true"])).status.success() {
        println!("SKIPPED: this machine allows no name spaces");
        return;
    }
    let script = "#!/bin/sh\ncd \"$WINEPREFIX/drive_c/windows\" || exit 3\n: >made || exit 4\n\
                  (: >\"$1\") 2>/dev/null\necho ran\n";
    let outside = place.path("outside");
    let product = Product::new()
        .with_file("Readme", "readme.txt", "text")
        .with_binary("look", script)
        .with_action("Look", 2, "look", &format!("\"{}\"", outside.display()), 1300);
    let package = product.save(&place, "test.msi");
    let before = entries(&place);
    let planned = plan(&place, &package, &["--sandbox"]);
    assert_eq!(planned["obstacles"], serde_json::json!([]), "{planned}");
    assert_eq!(planned["custom_actions"][0]["outcome"], "was-run");
    assert_eq!(planned["files"][0]["path"], r"C:\Program Files\Test\readme.txt");
    let log = place.path("plan.log");
    let log = log.to_str().unwrap();
    let text = place.reseat(&["plan", package.to_str().unwrap(), "--sandbox", "--log", log]);
    assert!(text.expect_code(0).out.contains("was run"), "{}", text.out);
    assert!(place.read("plan.log").contains("Look: ran"), "{}", place.read("plan.log"));
    std::fs::remove_file(log).unwrap();
    assert_eq!(entries(&place), before);
}
