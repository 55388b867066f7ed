//! Folders of the user that Wine has linked to those of the home folder: nothing is written there.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::os::unix::fs::symlink;
use std::path::PathBuf;

use support::product::{Product, guid};
use support::{Place, run, snapshot};

/// A prefix as Wine makes it: some folders of the user are links to those of the home folder.
fn scene() -> (Place, PathBuf) {
    let place = Place::with_prefix();
    let users = std::fs::read_dir(place.drive_c("users")).unwrap().flatten();
    let profile = users.map(|user| user.path()).find(|path| !path.ends_with("Public")).unwrap();
    for name in ["Desktop", "Documents", "Pictures", "Favorites"] {
        let outside = place.path("home").join(name);
        std::fs::create_dir(&outside).unwrap();
        std::fs::write(outside.join("mine.txt"), "mine").unwrap();
        std::fs::remove_dir(profile.join(name)).unwrap();
        symlink(&outside, profile.join(name)).unwrap();
    }
    (place, profile)
}

/// A product for the user, with a file in Documents and a shortcut on the desktop.
fn product() -> Product {
    Product::new()
        .without_row("Property", "ALLUSERS")
        .with_file("Readme", "readme.txt", "text")
        .with_row("Directory", &["DesktopFolder", "TARGETDIR", "Desktop"])
        .with_row("Directory", &["PersonalFolder", "TARGETDIR", "Personal"])
        .with_row("Directory", &["TemplateFolder", "TARGETDIR", "Templates"])
        .with_row("Directory", &["LETTERS", "PersonalFolder", "Letters"])
        .with_row("Component", &["Letter", &guid(3, 900), "LETTERS", "256", "", "LetterFile"])
        .with_row("FeatureComponents", &["Main", "Letter"])
        .with_file("LetterFile", "letter.txt", "letter")
        .with_file_in("LetterFile", "Letter")
        .with_row(
            "Shortcut",
            &["Link", "DesktopFolder", "Link", "Main", "[#Readme]", "", "", "", "", "", "1", ""],
        )
}

#[test]
fn folders_of_all_users_stand_in_for_those_outside_and_nothing_is_left_in_them() {
    let (place, profile) = scene();
    let home = snapshot::tree(&place.path("home"));
    let before = snapshot::tree(&place.prefix().join("drive_c"));
    let ran = place.install(&product().save(&place, "test.msi"), &[]);
    ran.expect_code(0);
    assert!(place.drive_c("users/Public/Desktop/Link.lnk").is_file());
    assert_eq!(place.read("prefix/drive_c/users/Public/Documents/Letters/letter.txt"), "letter");
    snapshot::assert_same(&home, &snapshot::tree(&place.path("home")));
    // It is said of those that are used, with what can be done about it.
    let desktop = profile.join("Desktop");
    let link = format!("'{}' is a link to '{}'", desktop.display(), place.path("home/Desktop").display());
    ran.expect_error(&[&link, r"C:\users\Public\Desktop", "DesktopFolder", "PersonalFolder", "mkdir"]);
    assert!(!ran.err.contains("MyPicturesFolder") && !ran.err.contains("TemplateFolder"), "{}", ran.err);
    place.reseat(&["check"]).expect_code(0);
    place.reseat(&["uninstall", "-q", "Test"]).expect_code(0);
    snapshot::assert_same(&before, &snapshot::tree(&place.prefix().join("drive_c")));
    snapshot::assert_same(&home, &snapshot::tree(&place.path("home")));
}

#[test]
fn what_is_for_all_users_asks_nothing_of_them() {
    let (place, _) = scene();
    let for_all = product().with_property("ALLUSERS", "1");
    let ran = place.install(&for_all.save(&place, "test.msi"), &["ADDLOCAL=Main"]);
    ran.expect_code(0);
    // The desktop of all users is in the prefix; Documents has no such twin in this context.
    assert!(!ran.err.contains("DesktopFolder") && ran.err.contains("PersonalFolder"), "{}", ran.err);
}

#[test]
fn a_folder_outside_that_nothing_stands_in_for_is_refused_with_the_command_that_mends_it() {
    let (place, profile) = scene();
    let package = Product::new().with_file("Readme", "readme.txt", "text").save(&place, "test.msi");
    let user = profile.file_name().unwrap().to_str().unwrap();
    let folder = format!(r"INSTALLDIR=C:\users\{user}\Favorites\Test");
    let home = snapshot::tree(&place.path("home"));
    let ran = place.install(&package, &[&folder]);
    let link = profile.join("Favorites");
    ran.expect_code(1).expect_error(&[
        &format!("'{}' is a link to '{}'", link.display(), place.path("home/Favorites").display()),
        "which leads out of the prefix",
        "hint: nothing is written outside the prefix",
    ]);
    snapshot::assert_same(&home, &snapshot::tree(&place.path("home")));
    assert_eq!(place.products(), [serde_json::Value::Null; 0]);
    let remedy = ran.err.split('"').nth(1).unwrap_or_else(|| panic!("{}", ran.err));
    run(place.command("sh").args(["-c", remedy])).expect_code(0);
    place.install(&package, &[&folder]).expect_code(0);
    assert!(link.join("Test/readme.txt").is_file());
    snapshot::assert_same(&home, &snapshot::tree(&place.path("home")));
}
