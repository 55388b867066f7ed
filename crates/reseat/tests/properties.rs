//! `docs/properties.md` says what becomes of every property of the reference; here it is held to an installation and to the
//! code.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use support::product::Product;
use support::run;
use support::scene::Scene;

/// How many properties the page `property-reference.md` has.
const IN_THE_REFERENCE: usize = 198;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Name and what becomes of it.
fn table() -> Vec<(String, String)> {
    let text = std::fs::read_to_string(repository().join("docs/properties.md")).unwrap();
    let rows =
        text.lines().filter_map(|line| line.strip_prefix("| ")).filter(|row| !row.starts_with("property"));
    rows.map(|row| {
        let mut cells = row.split('|').map(|cell| cell.trim().to_owned());
        (cells.next().unwrap(), cells.next().unwrap())
    })
    .collect()
}

/// The properties that an installation ends with, by its log.
fn dumped(arguments: &[&str]) -> HashSet<String> {
    let scene = Scene::new();
    let product = Product::new()
        .with_file("Readme", "readme.txt", "one")
        .with_row("InstallExecuteSequence", &["ResolveSource", "", "1050"]);
    let package = product.save(&scene.place, "test.msi");
    let log = scene.path("log");
    let fixed = ["install", "-q", "--log", &log, package.to_str().unwrap()];
    run(&mut scene.place.reseat_command(&[&fixed, arguments].concat())).expect_code(0);
    let lines = scene.log();
    let named = lines.iter().filter_map(|line| line.strip_prefix("Property(S): ")?.split_once(" = "));
    named.map(|(name, _)| name.to_owned()).collect()
}

fn sources(folder: &Path, text: &mut String) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, text);
        } else if !path.ends_with("properties.rs") {
            // That file lists which properties are restricted.
            text.push_str(&std::fs::read_to_string(&path).unwrap());
        }
    }
}

#[test]
fn every_property_of_the_reference_is_what_the_page_says() {
    let table = table();
    let names: HashSet<&String> = table.iter().map(|(name, _)| name).collect();
    assert_eq!((table.len(), names.len()), (IN_THE_REFERENCE, IN_THE_REFERENCE));
    let dumped = dumped(&[]);
    let mut code = String::new();
    for folder in ["crates/engine/src", "crates/package/src"] {
        sources(&repository().join(folder), &mut code);
    }
    for (name, becomes) in &table {
        match becomes.as_str() {
            "set" => assert!(dumped.contains(name), "{name} is not set"),
            "set when" | "obeyed" => {
                assert!(code.contains(&format!("\"{name}\"")), "nothing in the code is about {name}");
            }
            "no" => assert!(!dumped.contains(name), "{name} is set"),
            other => panic!("{name}: {other}"),
        }
    }
}

#[test]
fn properties_of_the_presented_windows_follow_from_its_version() {
    let scene = Scene::new();
    let package = Product::new().with_file("Readme", "readme.txt", "one").save(&scene.place, "test.msi");
    let package = package.to_str().unwrap();
    for (windows, expected) in [
        ("5.1", ["VersionNT = 501", "ServicePackLevel = 3", "MsiWin32AssemblySupport = 5.1.2600.0"]),
        ("6.1", ["VersionNT = 601", "ServicePackLevel = 1", "MsiWin32AssemblySupport = 6.1.7601.0"]),
        ("10.0.19045", ["VersionNT = 603", "ServicePackLevel = 0", "MsiWin32AssemblySupport = 6.3.19045.0"]),
    ] {
        let log = scene.path("log");
        let arguments =
            ["install", "-q", "--log", &log, package, "--windows", windows, "PRIMARYFOLDER=INSTALLDIR"];
        run(&mut scene.place.reseat_command(&arguments)).expect_code(0);
        let lines = scene.log();
        for line in expected.iter().chain(&["PrimaryVolumePath = C:", "OutOfDiskSpace = 0", "ScreenX = 1920"])
        {
            assert!(lines.contains(&format!("Property(S): {line}")), "{windows}: {line}");
        }
    }
    let log = scene.path("log");
    run(&mut scene.place.reseat_command(&["msiexec", "/i", package, "/qb-!", "/l*v", &log])).expect_code(0);
    assert!(!scene.log().iter().any(|line| line.contains("MsiNetAssemblySupport")), "the prefix has no .NET");
    for name in ["MsiUIHideCancel", "MsiUIProgressOnly"] {
        assert!(scene.log().contains(&format!("Property(S): {name} = 1")), "{name}");
    }
}

#[test]
fn disks_are_no_sources_and_settings_are_named_where_the_package_says_so() {
    let scene = Scene::new();
    let product = Product::new()
        .with_file("Readme", "readme.txt", "one")
        .with_row("Property", &["MSIARPSETTINGSIDENTIFIER", "Acme\\Test"]);
    let package = product.save(&scene.place, "test.msi");
    let registry = || {
        let files = ["system.reg", "user.reg"].map(|name| scene.place.prefix().join(name));
        files.map(|path| std::fs::read_to_string(path).unwrap()).concat()
    };
    let install = |more: &[&str]| {
        let arguments = [&["install", "-q", package.to_str().unwrap()], more].concat();
        run(&mut scene.place.reseat_command(&arguments)).expect_code(0);
    };
    install(&["DISABLEMEDIA=1"]);
    assert!(registry().contains("\"SettingsIdentifier\"=\"Acme\\\\Test\""));
    assert!(registry().contains("\"MediaPackage\"") && !registry().contains("\"1\"=\";\""));
    run(&mut scene.place.reseat_command(&["uninstall", "-q", package.to_str().unwrap()])).expect_code(0);
    assert!(!registry().contains("SettingsIdentifier"));
    install(&[]);
    assert!(registry().contains("\"1\"=\";\""), "a disk is a source");
}

#[test]
fn what_actions_work_on_is_logged_for_those_that_logaction_names() {
    let lines = |arguments: &[&str]| {
        let scene = Scene::new();
        let product = Product::new()
            .with_file("Readme", "readme.txt", "one")
            .with_row("Registry", &["One", "2", r"Software\Test", "Name", "Value", "Main"]);
        scene.install(&product, arguments).expect_code(0);
        let log = scene.log();
        let of = |action: &str| log.iter().any(|line| line.starts_with(&format!("{action}: ")));
        assert!(log.iter().any(|line| line.ends_with(": WriteRegistryValues.")), "that it runs is logged");
        [of("InstallFiles"), of("WriteRegistryValues")]
    };
    assert_eq!(lines(&[]), [true, true]);
    assert_eq!(lines(&["LOGACTION=installfiles;CreateShortcuts;"]), [true, false]);
    assert_eq!(lines(&["LOGACTION=CreateShortcuts"]), [false, false]);
}

#[test]
fn the_company_is_that_of_the_registry_unless_the_package_asks_the_user() {
    let scene = Scene::new();
    let key = r"Software\Microsoft\Windows NT\CurrentVersion";
    let organization = ["One", "2", key, "RegisteredOrganization", "Acme", "Main"];
    let first = Product::of_family(1).with_row("Registry", &organization);
    scene.install(&first, &[]).expect_code(0);
    let company = |arguments: &[&str]| {
        scene.install(&Product::new().with_file("Readme", "readme.txt", "one"), arguments).expect_code(0);
        run(&mut scene.place.reseat_command(&["uninstall", "-q", "Test"])).expect_code(0);
        let lines = scene.log();
        lines.iter().find_map(|line| line.strip_prefix("Property(S): COMPANYNAME = ")).map(str::to_owned)
    };
    assert_eq!(company(&[]).as_deref(), Some("Acme"));
    assert_eq!(company(&["COMPANYNAME=Other"]).as_deref(), Some("Other"));
    assert_eq!(company(&["NOCOMPANYNAME=1"]), None);
}
