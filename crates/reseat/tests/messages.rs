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
    ran.expect_failure(&["error 1603: 1722. Test is sorry: Fails failed: sie endete mit dem Exitcode 7"]);
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
        ("CREATE TABLE Property (B INT PRIMARY KEY B)", 2204),
        ("SELECT Property! FROM Property", 2227),
        ("SELECT Property FROM Property, Property", 2230),
        ("SELECT FROM Property", 2233),
        ("SELECT Property FROM Property ORDER BY", 2234),
        ("UPDATE Property SET", 2240),
        ("INSERT INTO Property () VALUES ()", 2241),
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

#[test]
fn the_language_can_be_named_for_every_command() {
    let scene = Scene::new();
    let package = Product::new().save(&scene.place, "test.msi");
    let package = package.to_str().unwrap();
    let ran = |arguments: &[&str]| run(&mut scene.place.reseat_command(arguments));
    let query = ["sql", package, "SELECT * FROM Nowhere"];
    let german = ran(&[&query[..], &["--language", "de"]].concat());
    german.expect_code(1).expect_error(&[
        "2228. Es gibt keine Tabelle \"Nowhere\"",
        "SELECT * FROM Nowhere",
        "^^^^^^^",
    ]);
    assert!(!ran(&query).expect_code(1).err.contains("keine Tabelle"));
    ran(&["tables", &scene.path("absent.msi"), "--language", "de"])
        .expect_failure(&["2203. Die Datenbankdatei lässt sich nicht öffnen"]);
    let failing = failing().save(&scene.place, "failing.msi");
    let msiexec = ["msiexec", "--language", "de", "/i", failing.to_str().unwrap(), "/qn"];
    ran(&msiexec).expect_failure(&["1722. Ein Programm des Pakets"]);
    ran(&["recover", "--language", "de"]).expect_code(0);
}

#[test]
fn a_program_that_fails_is_told_with_its_place_and_command_unless_that_is_hidden() {
    let scene = Scene::new();
    let expect = |product: Product, number: u32, fields: &str| {
        let json = install(&scene, &product, "", &["--json"]).expect_code(1).out.clone();
        let failure: Value = serde_json::from_str(&json).unwrap();
        assert_eq!(failure["number"], number, "{json}");
        let message = failure["message"].as_str().unwrap();
        assert!(message.contains(fields), "{message}");
    };
    let product = || Product::new().with_binary("fail", "#!/bin/sh\nexit 7\n");
    let fields = "Fails, location: fail, command: -v one: it ended with exit code 7";
    for deferred in [0, 1024] {
        expect(product().with_action("Fails", 2 + deferred, "fail", "-v one", 6500), 1722, fields);
    }
    // msidbCustomActionTypeHideTarget.
    let hidden = product().with_action("Fails", 2 + 1024 + 8192, "fail", "secret", 6500);
    expect(hidden, 1722, "Fails, location: fail, command: **********: it ended with exit code 7");
    let absent = Product::new().with_action("Fails", 34, "INSTALLDIR", "/nowhere/program one", 6500);
    expect(absent, 1721, "Fails, command: /nowhere/program one: ");
    let authored = product()
        .with_action("Fails", 2, "fail", "one", 6500)
        .with_row("Error", &["1722", "Action [2], location: [3], command: [4]"]);
    expect(authored, 1722, "1722. Action Fails, location: fail, command: one: it ended with exit code 7");
}

#[test]
fn permissions_that_cannot_be_are_told_by_their_numbers() {
    let scene = Scene::new();
    let product = || Product::new().with_file("Readme", "readme.txt", "one");
    let descriptor = |key: &str, text: &str, condition: &str| {
        ["MsiLock", key, "Readme", "File", text, condition].map(str::to_owned)[1..].to_vec()
    };
    let with = |product: Product, row: &[String]| {
        let row: Vec<&str> = row.iter().map(String::as_str).collect();
        product.with_row("MsiLockPermissionsEx", &row)
    };
    let right = descriptor("One", "D:(A;;GA;;;<Everyone>)", "");
    let plain =
        |user: &str| product().with_row("LockPermissions", &["Readme", "File", "", user, "268435456"]);
    let wrong = with(product(), &descriptor("One", "D:(A;;QQ;;;WD)", "1"));
    let twice = with(with(product(), &right), &descriptor("Two", "D:", "NOT Installed"));
    let both = with(plain("Everyone"), &right);
    for (product, number, text) in [
        (&both, 1941, "both tables"),
        (&twice, 1942, "'' and 'NOT Installed'"),
        (&wrong, 1943, "'QQ' is no right of an entry"),
    ] {
        let ran = install(&scene, product, "", &[]);
        ran.expect_failure(&[&format!("error 1603: {number}. "), text, "MsiLockPermissionsEx"]);
        assert!(!scene.place.drive_c("Program Files/Test").exists());
    }
    // An older installer does not know the table.
    install(&scene, &both, "", &["--installer", "4.5"]).expect_code(0);
    // What is not installed is not secured.
    install(&scene, &wrong, "", &["REMOVE=ALL"]).expect_code(0);
    let unknown = install(&scene, &plain(r"ACME\robot"), "de_DE", &[]);
    unknown
        .expect_code(0)
        .expect_error(&[r"1609. ACME\robot ist weder Benutzer noch Gruppe", "LockPermissions"]);
    for known in ["Everyone", "Administrators", "[LogonUser]", r"BUILTIN\Users", r"[ComputerName]\[USERNAME]"]
    {
        let ran =
            install(&scene, &plain(known), "", &["REINSTALL=ALL", "REINSTALLMODE=vamus", "USERNAME=Ann"]);
        assert!(!ran.expect_code(0).err.contains("1609"), "{known}: {}", ran.err);
    }
}

#[test]
fn warnings_without_a_number_are_told_in_the_language_of_the_user_too() {
    let scene = Scene::new();
    let product =
        Product::new().with_file("Readme", "readme.txt", "one").with_property("DISABLEROLLBACK", "1");
    for (locale, text) in
        [("", "rollback is disabled by DISABLEROLLBACK"), ("de_DE", "schaltet das Zurücknehmen ab")]
    {
        install(&scene, &product, locale, &[]).expect_code(0).expect_error(&["warning: ", text]);
        install(&scene, &product, "", &["REMOVE=ALL"]).expect_code(0);
    }
}

#[test]
fn what_would_write_into_the_script_behind_its_end_is_told_before_anything_is_changed() {
    let scene = Scene::new();
    let product = || Product::new().with_file("Readme", "readme.txt", "one");
    let value = ["Value", "2", r"Software\Test", "Name", "text", "Main"];
    let moved = |condition: &str, product: Product| {
        product
            .without_row("InstallExecuteSequence", "WriteRegistryValues")
            .with_row("InstallExecuteSequence", &["WriteRegistryValues", condition, "6700"])
    };
    let before = support::snapshot::tree(&scene.place.prefix());
    for (product, action) in [
        (product().with_binary("ok", "#!/bin/sh\n").with_action("Late", 2 + 1024, "ok", "", 6700), "Late"),
        (moved("", product().with_row("Registry", &value)), "WriteRegistryValues"),
    ] {
        let text = format!("action {action} is sequenced behind InstallFinalize");
        install(&scene, &product, "", &[]).expect_failure(&["error 1603: 2762. ", &text]);
        let log = scene.log().join("\n");
        assert!(log.contains("\nNote: 1: 2762\n") && !log.contains("Executing the install script"), "{log}");
        support::snapshot::assert_same(&before, &support::snapshot::tree(&scene.place.prefix()));
        let package = product.save(&scene.place, "test.msi");
        let package = package.to_str().unwrap();
        let plan = run(&mut scene.place.reseat_command(&["plan", package, "--json"]));
        let plan: Value = serde_json::from_str(&plan.expect_code(1).out).unwrap();
        assert!(plan["obstacles"][0].as_str().unwrap().contains(&text), "{}", plan["obstacles"]);
        let ran = run(&mut scene.place.reseat_command(&["validate", package, "--json"]));
        let found: Vec<Value> = serde_json::from_str(&ran.out).unwrap();
        let is_named = found.iter().any(|it| it["code"] == "ICE77" && it["row"] == action);
        assert_eq!((is_named, ran.status.success()), (action == "Late", action != "Late"), "{found:?}");
    }
    // Nothing to write, a condition that does not hold, an action that the user skips.
    let skipped = product().with_binary("ok", "#!/bin/sh\n").with_action("Late", 2 + 1024, "ok", "", 6700);
    for (product, arguments) in [
        (moved("", product()), &[][..]),
        (moved("REMOVE", product().with_row("Registry", &value)), &[]),
        (skipped, &["--skip-custom-action", "Late"]),
    ] {
        install(&scene, &product, "", arguments).expect_code(0);
        install(&scene, &product, "", &["REMOVE=ALL", "--no-custom-actions"]).expect_code(0);
    }
}
