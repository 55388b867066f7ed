//! Administrative installation: the image, installing from it, patching it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::path::Path;

use support::product::Product;
use support::snapshot::{self, Entry, Tree};
use support::{Place, package};

/// The files of a tree but for packages, in the order of their content.
fn contents(tree: &Tree) -> Vec<Vec<u8>> {
    let files = tree.iter().filter(|(name, _)| !name.ends_with(".msi"));
    let mut contents: Vec<_> = files
        .filter_map(|(_, entry)| match entry {
            Entry::File { content, .. } => Some(content.clone()),
            _ => None,
        })
        .collect();
    contents.sort();
    contents
}

fn summary(place: &Place, package: &Path, name: &str) -> String {
    let info = place.reseat(&["info", package.to_str().unwrap()]);
    info.expect_code(0);
    let line = info.out.lines().find_map(|line| line.trim().strip_prefix(name));
    line.unwrap_or_default().trim().to_owned()
}

#[test]
fn an_image_has_every_file_and_installs_the_same_machine() {
    for name in ["putty-0.68-installer.msi", "7z1900-x64.msi", "psmsi-example.msi"] {
        let Some(original) = package(name) else { return };
        let (place, other) = (Place::with_prefix(), Place::with_prefix());
        let before = snapshot::tree(&place.prefix());
        let image = place.path("images/app");
        place.reseat(&["admin", "-q", original.to_str().unwrap(), image.to_str().unwrap()]).expect_code(0);
        snapshot::assert_same(&before, &snapshot::tree(&place.prefix()));
        assert_eq!(std::fs::read_dir(place.path("images")).unwrap().count(), 1, "only the image");
        let unpacked = place.path("unpacked");
        place.reseat(&["extract", original.to_str().unwrap(), unpacked.to_str().unwrap()]).expect_code(0);
        assert_eq!(contents(&snapshot::tree(&image)), contents(&snapshot::tree(&unpacked)), "{name}");
        let copied = image.join(name);
        assert!(["4", "12"].contains(&&*summary(&place, &copied, "Word Count")), "{name}");

        place.install(&copied, &[]).expect_code(0);
        other.install(&original, &[]).expect_code(0);
        let drive = |place: &Place| {
            let mut tree = snapshot::tree(&place.prefix().join("drive_c"));
            tree.retain(|name, _| !(name.starts_with("windows/Installer/") && name.ends_with(".msi")));
            tree
        };
        snapshot::assert_same(&drive(&other), &drive(&place));
        let values = [&place, &other].map(|place| snapshot::registry(&place.prefix(), "system.reg"));
        // Where it came from; and a package that is written anew has its rows in another order.
        let own = ["\"InstallSource\"", "SourceList", "\\Features]"];
        let source = |line: &&String| !own.iter().any(|own| line.contains(own));
        let different = snapshot::line_differences(&values[1], &values[0]);
        assert_eq!(different.iter().filter(source).collect::<Vec<_>>(), Vec::<&String>::new(), "{name}");
        place.reseat(&["check"]).expect_code(0);
    }
}

/// A product with what only an image regards.
fn product() -> Product {
    Product::new()
        .with_admin_sequence()
        .with_file("Readme", "READ~1.TXT|read me.txt", "text")
        .with_file("Manual", "manual.txt", "manual")
        .with_file("Hidden", "hidden.txt", "hidden")
        .with_row("Feature", &["Off", "", "Off", "", "1", "0", "INSTALLDIR", "0"])
        .with_row("Feature", &["Help", "", "Help", "", "2", "9", "INSTALLDIR", "0"])
        .with_row("Condition", &["Help", "0", "1"])
        .with_row(
            "Component",
            &["Help", "{33333333-0000-0000-0000-00000000000A}", "INSTALLDIR", "256", "0", "Manual"],
        )
        .with_row(
            "Component",
            &["Off", "{33333333-0000-0000-0000-00000000000B}", "INSTALLDIR", "256", "", "Hidden"],
        )
        .with_row("FeatureComponents", &["Help", "Help"])
        .with_row("FeatureComponents", &["Off", "Off"])
        .with_file_in("Manual", "Help")
        .with_file_in("Hidden", "Off")
        .with_property("AdminProperties", "COMPANYNAME;Greeting")
        .with_property("Greeting", "from the package")
        .with_row("Registry", &["Company", "2", r"Software\Test", "Company", "[COMPANYNAME]", "Main"])
        .with_row("Registry", &["Greeting", "2", r"Software\Test", "Greeting", "[Greeting]", "Main"])
        .with_row("Registry", &["Image", "2", r"Software\Test", "Image", "[IsAdminPackage]", "Main"])
}

#[test]
fn conditions_do_not_count_but_level_0_does_and_listed_properties_are_saved() {
    let place = Place::with_prefix();
    let package = product().save(&place, "test.msi");
    let package = package.to_str().unwrap();
    let company = "COMPANYNAME=\"Acme \"\"and\"\" sons\"";
    place.reseat(&["admin", "-q", package, "image", company]).expect_code(0);
    assert_eq!(place.read("image/Test/read me.txt"), "text");
    assert_eq!(place.read("image/Test/manual.txt"), "manual");
    assert!(!place.path("image/Test/hidden.txt").exists());
    assert_eq!(place.products().len(), 0);

    place.install(&place.path("image/test.msi"), &[]).expect_code(0);
    let registry = place.read("prefix/system.reg");
    for line in [r#""Company"="Acme \"and\" sons""#, r#""Greeting"="from the package""#, r#""Image"="1""#] {
        assert!(registry.contains(line), "{line}");
    }
    // The command line comes before what was saved.
    place.reseat(&["uninstall", "-q", "Test"]).expect_code(0);
    place.install(&place.path("image/test.msi"), &["COMPANYNAME=Other"]).expect_code(0);
    assert!(place.read("prefix/system.reg").contains(r#""Company"="Other""#));
    assert!(!place.drive_c("Program Files/Test/manual.txt").exists());
}

#[test]
fn an_image_can_have_short_names_and_lie_in_the_prefix() {
    let place = Place::with_prefix();
    let package = product().save(&place, "test.msi");
    let package = package.to_str().unwrap();
    place
        .reseat(&["msiexec", "/a", package, "/qn", "TARGETDIR=C:\\Image", "SHORTFILENAMES=1"])
        .expect_code(0);
    let image = place.drive_c("Image");
    assert_eq!(std::fs::read_to_string(image.join("Test/READ~1.TXT")).unwrap(), "text");
    assert_eq!(summary(&place, &image.join("test.msi"), "Word Count"), "5");
    // What was copied is copied again as it is.
    let again = place.reseat(&["msiexec", "/a", "C:\\Image\\test.msi", "/qn", "TARGETDIR=again"]);
    again.expect_code(0);
    assert_eq!(place.read("again/Test/READ~1.TXT"), "text");
    place.install(&place.path("again/test.msi"), &[]).expect_code(0);
    assert!(place.drive_c("Program Files/Test/read me.txt").exists());
}

#[test]
fn a_failed_administrative_installation_leaves_the_folder_as_it_was() {
    let place = Place::with_prefix();
    let package = product().with_cabinet(support::product::Cabinet::Corrupt).save(&place, "test.msi");
    std::fs::create_dir(place.path("image")).unwrap();
    place.write("image/note.txt", "mine");
    let before = snapshot::tree(&place.path("image"));
    place.reseat(&["admin", "-q", package.to_str().unwrap(), "image"]).expect_failure(&["1603"]);
    snapshot::assert_same(&before, &snapshot::tree(&place.path("image")));
    let left = std::fs::read_dir(place.path("")).unwrap().flatten();
    assert!(!left.into_iter().any(|entry| entry.file_name().to_string_lossy().contains("reseat-image")));
    let package = product().save(&place, "test.msi");
    place.reseat(&["admin", "-q", package.to_str().unwrap(), "image"]).expect_code(0);
    assert_eq!(
        (place.read("image/note.txt"), place.read("image/Test/manual.txt")),
        ("mine".into(), "manual".into())
    );
}

#[test]
fn a_patched_image_is_that_of_the_newer_package() {
    let (Some(old), Some(new), Some(patch)) =
        (package("prodA-1.0.0.msi"), package("prodA-1.0.1.msi"), package("prodA-patch-A.msp"))
    else {
        return;
    };
    let place = Place::with_prefix();
    let [old, new, patch] = [&old, &new, &patch].map(|path| path.to_str().unwrap());
    place.reseat(&["admin", "-q", old, "image"]).expect_code(0);
    let image = place.path("image/prodA-1.0.0.msi");
    let user = Place::with_prefix();
    user.install(&image, &[]).expect_code(0);
    place.reseat(&["msiexec", "/a", "image/prodA-1.0.0.msi", "/p", patch, "/qn"]).expect_code(0);
    user.reseat(&["repair", "-q", image.to_str().unwrap(), "--flags", "vomus"]).expect_code(0);
    assert_eq!(user.products()[0]["version"], "1.0.1.0");
    user.reseat(&["check"]).expect_code(0);
    let code = "{7A59E0BE-5179-4D9C-A7F0-B9F0955315A0}";
    assert_eq!(summary(&place, &image, "Package code"), code, "PATCHNEWPACKAGECODE");
    place.install(&image, &[]).expect_code(0);
    assert_eq!(place.products()[0]["version"], "1.0.1.0");
    // The product and its patches do not know of it: it is the newer package that was installed.
    place.reseat(&["patch", "-q", patch]).expect_failure(&["1642"]);

    let other = Place::with_prefix();
    other.reseat(&["admin", "-q", new, "image"]).expect_code(0);
    let files = |place: &Place| {
        snapshot::tree(&place.path("image"))
            .into_keys()
            .filter(|name| !name.ends_with(".msi"))
            .collect::<Vec<_>>()
    };
    assert_eq!(files(&place), files(&other));
}

#[test]
fn an_image_of_a_package_for_the_first_installer_keeps_disks_away_unless_it_says_otherwise() {
    // The installer that the package needs, what is asked for, and whether disks are sources of what the image installs.
    for (needs, arguments, disks) in [
        (100, &[][..], false),
        (200, &[], true),
        (100, &["MSINODISABLEMEDIA=1"], true),
        (200, &["DISABLEMEDIA=1"], false),
        (200, &["DISABLEMEDIA=1", "MSINODISABLEMEDIA=1"], true),
    ] {
        let place = Place::with_prefix();
        let product = Product::new().with_admin_sequence().with_file("Readme", "readme.txt", "one");
        let mut database = product.with_property("AdminProperties", "DISABLEMEDIA").database();
        let mut summary = database.summary().unwrap();
        summary.set(reseat_database::summary::id::PAGE_COUNT, reseat_database::PropertyValue::Long(needs));
        database.set_summary(summary);
        let package = place.path("test.msi");
        database.save(&package).unwrap();
        let image = place.path("image");
        let fixed = ["admin", "-q", package.to_str().unwrap(), image.to_str().unwrap()];
        place.reseat(&[&fixed, arguments].concat()).expect_code(0);
        place.install(&image.join("test.msi"), &[]).expect_code(0);
        let registry = place.read("prefix/system.reg") + &place.read("prefix/user.reg");
        assert_eq!(registry.contains("\"1\"=\";\""), disks, "{needs} {arguments:?}");
    }
}
