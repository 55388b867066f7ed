//! Advertisement: what is written of a product that is not installed, installing it from there, and forgetting it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::collections::BTreeSet;

use reseat_machine::ShellLink;
use support::product::Product;
use support::snapshot;
use support::{Place, package};

const CLASS: &str = "{44444444-0000-0000-0000-000000000001}";
const CATEGORY: &str = "{55555555-0000-0000-0000-000000000001}";

/// A product with everything that can be advertised, and a feature that cannot.
fn product() -> Product {
    Product::new()
        .with_advertisement_sequence()
        .with_class_actions()
        .with_standard_actions(&[("UnpublishComponents", 1700), ("PublishComponents", 6200)])
        .with_file("Program", "program.exe", "program")
        .with_key_file("Program")
        .with_icon("app.ico", "icon")
        .with_row("Directory", &["DesktopFolder", "TARGETDIR", "Desktop"])
        .with_row(
            "Shortcut",
            &["Link", "DesktopFolder", "App", "Main", "Main", "/open", "", "", "app.ico", "0"],
        )
        .with_row("Shortcut", &["Plain", "DesktopFolder", "Plain", "Main", "[#Program]"])
        .with_row(
            "Class",
            &[CLASS, "LocalServer32", "Main", "Test.App", "a class", "", "", "", "", "", "/x", "Main"],
        )
        .with_row("ProgId", &["Test.App", "", CLASS, "an application"])
        .with_row("ProgId", &["Test.File", "", "", "a file"])
        .with_row("Extension", &["tst", "Main", "Test.File", "", "Main"])
        .with_row("Verb", &["tst", "open", "1", "Open", "\"%1\""])
        .with_row("PublishComponent", &[CATEGORY, "main", "Main", "data", "Main"])
        .with_row("Feature", &["Local", "", "Local", "", "2", "1", "INSTALLDIR", "8"])
        .with_row("FeatureComponents", &["Local", "Main"])
}

fn registry(place: &Place) -> [BTreeSet<String>; 2] {
    ["system.reg", "user.reg"].map(|file| snapshot::registry(&place.prefix(), file))
}

fn lines(place: &Place, texts: &[&str]) -> Vec<String> {
    let all = registry(place);
    let found = all.iter().flatten().filter(|line| texts.iter().all(|text| line.contains(text)));
    found.cloned().collect()
}

#[test]
fn an_advertised_product_has_entry_points_and_no_files_and_is_installed_from_its_source() {
    let place = Place::with_prefix();
    let before = (snapshot::tree(&place.prefix().join("drive_c")), registry(&place));
    let package = product().save(&place, "test.msi");
    let code = product().product_code();
    let program = place.drive_c("Program Files/Test/program.exe");
    let link = || {
        ShellLink::from_bytes(&std::fs::read(place.drive_c("users/Public/Desktop/App.lnk")).unwrap()).unwrap()
    };
    let advertised = place.reseat(&["advertise", package.to_str().unwrap(), "ALLUSERS=1"]);
    advertised.expect_code(0).expect_error(&["advertised: Test 1.0.0"]);

    assert!(!program.exists());
    assert!(!place.drive_c("users/Public/Desktop/Plain.lnk").exists());
    let descriptor = link().descriptor.unwrap();
    assert!(descriptor.contains("Main>"), "{descriptor}");
    assert_eq!(link().arguments.as_deref(), Some("/open"));
    let multi = "str(7):\"";
    for texts in [
        [CLASS, "LocalServer32] \"LocalServer32\"", multi, " /x"],
        ["Test.File", "command] \"command\"", multi, "Main>"],
        ["Installer\\\\Components", "\"main\"", multi, "data"],
    ] {
        assert_eq!(lines(&place, &texts).len(), 1, "{texts:?}");
    }
    assert!(lines(&place, &[CLASS, "LocalServer32] @"]).is_empty());
    assert!(lines(&place, &["Uninstall", &code]).is_empty());
    let product_line = &place.products()[0];
    assert_eq!((&product_line["advertised"], &product_line["version"]), (&true.into(), &"1.0.0".into()));
    let show = place.reseat(&["show", &code]);
    assert!(show.expect_code(0).out.contains("advertised"), "{}", show.out);
    place.reseat(&["check"]).expect_code(0);

    // Nothing was kept: the package is at its source.
    std::fs::rename(&package, place.path("elsewhere.msi")).unwrap();
    place.reseat(&["install", "-q", &code]).expect_failure(&["16"]);
    std::fs::rename(place.path("elsewhere.msi"), &package).unwrap();
    place.reseat(&["install", "-q", &code]).expect_code(0);
    assert!(program.exists());
    assert_eq!(link().descriptor, None);
    assert_eq!(place.products()[0]["advertised"], false);
    assert_eq!(lines(&place, &[CLASS, "LocalServer32] @", "program.exe"]).len(), 1);
    place.reseat(&["check"]).expect_code(0);

    place.reseat(&["uninstall", "-q", &code]).expect_code(0);
    snapshot::assert_same(&before.0, &snapshot::tree(&place.prefix().join("drive_c")));
    assert_eq!(lines(&place, &["Test"]), Vec::<String>::new());
}

#[test]
fn what_is_only_advertised_is_forgotten_without_a_trace() {
    for (option, context) in [("/jm", "machine"), ("/ju", "user"), ("/j", "user")] {
        let place = Place::with_prefix();
        let drive = snapshot::tree(&place.prefix().join("drive_c"));
        let package = product().save(&place, "test.msi");
        let package = package.to_str().unwrap();
        place.reseat(&["msiexec", option, package, "/qn"]).expect_code(0);
        let list = place.products();
        assert_eq!((&list[0]["context"], list.len()), (&context.into(), 1), "{option}");
        // Again, which changes nothing.
        let first = registry(&place);
        place.reseat(&["msiexec", option, package, "/qn"]).expect_code(0);
        assert_eq!(registry(&place), first, "{option}");
        place.reseat(&["msiexec", "/x", package, "/qn"]).expect_code(0);
        assert_eq!(place.products().len(), 0);
        snapshot::assert_same(&drive, &snapshot::tree(&place.prefix().join("drive_c")));
        for text in [CLASS, "Test.File", "Test.App", "Installer\\\\Components\\\\"] {
            assert_eq!(lines(&place, &[text]), Vec::<String>::new(), "{option}");
        }
    }
}

#[test]
fn a_feature_of_an_installed_product_can_be_advertised_and_installed_later() {
    let place = Place::with_prefix();
    let package = product()
        .with_help(1)
        .with_row("Shortcut", &["HelpLink", "DesktopFolder", "Help", "Help", "Help"])
        .save(&place, "test.msi");
    let manual = place.drive_c("Program Files/Test/manual.txt");
    let link = place.drive_c("users/Public/Desktop/Help.lnk");
    let descriptor = || ShellLink::from_bytes(&std::fs::read(&link).unwrap()).unwrap().descriptor;
    place.install(&package, &["ADDLOCAL=Main,Local", "ADVERTISE=Help"]).expect_code(0);
    assert!(!manual.exists() && descriptor().is_some());
    assert_eq!(place.products()[0]["advertised"], false);
    place.install(&package, &["ADDLOCAL=Help"]).expect_code(0);
    assert!(manual.exists() && descriptor().is_none());
    place.install(&package, &["ADVERTISE=Help"]).expect_code(0);
    assert!(!manual.exists() && descriptor().is_some());
    place.install(&package, &["REMOVE=Help"]).expect_code(0);
    assert!(!manual.exists() && !link.exists());
    place.reseat(&["uninstall", "-q", "Test"]).expect_code(0);
}

#[test]
fn real_packages_are_advertised_installed_and_removed() {
    for name in ["putty-0.68-installer.msi", "7z1900-x64.msi", "psmsi-example.msi"] {
        let Some(package) = package(name) else { return };
        let place = Place::with_prefix();
        let package = package.to_str().unwrap();
        let drive = snapshot::tree(&place.prefix().join("drive_c"));
        place.reseat(&["msiexec", "/jm", package, "/qn"]).expect_code(0);
        assert_eq!(place.products()[0]["advertised"], true, "{name}");
        place.reseat(&["msiexec", "/i", package, "/qn"]).expect_code(0);
        assert_eq!(place.products()[0]["advertised"], false, "{name}");
        place.reseat(&["check"]).expect_code(0);
        let other = Place::with_prefix();
        other.reseat(&["install", "-q", package, "ALLUSERS=1"]).expect_code(0);
        let [one, two] = [&place, &other].map(|place| snapshot::tree(&place.prefix().join("drive_c")));
        snapshot::assert_same(&two, &one);
        place.reseat(&["msiexec", "/x", package, "/qn"]).expect_code(0);
        snapshot::assert_same(&drive, &snapshot::tree(&place.prefix().join("drive_c")));
    }
}
