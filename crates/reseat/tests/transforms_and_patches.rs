//! Installing with transforms and patches, as several instances, and what is kept of that for later.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use support::patch::Patch;
use support::product::{Product, guid};
use support::snapshot;
use support::{Place, package, run};

/// The product as it is before a transform.
fn plain(text: &str) -> Product {
    Product::new()
        .with_file("Readme", "readme.txt", "text")
        .with_property("Word", text)
        .with_row("Registry", &["Word", "2", r"Software\Test", "Word", "[Word] of [ProductName]", "Main"])
}

/// A folder `source` with `test.msi`, and the transform that makes `after` of it.
fn source_with_transform(place: &Place, after: &Product, name: &str) -> (PathBuf, PathBuf) {
    std::fs::create_dir_all(place.path("source")).unwrap();
    let package = plain("before").save(place, "source/test.msi");
    let changed = after.save(place, "changed.msi");
    let transform = place.path(name);
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    place.reseat(&["transform", "make", &text(&package), &text(&changed), &text(&transform)]).expect_code(0);
    (package, transform)
}

/// Whether a part of the registry has a text.
fn registry_has(place: &Place, text: &str) -> bool {
    ["prefix/system.reg", "prefix/user.reg"].iter().any(|file| place.read(file).contains(text))
}

#[test]
fn a_transform_beside_the_package_is_kept_and_used_at_every_maintenance() {
    let place = Place::with_prefix();
    let before = snapshot::tree(&place.drive_c(""));
    let (package, transform) = source_with_transform(&place, &plain("after"), "source/change.mst");
    place.install(&package, &["TRANSFORMS=change.mst"]).expect_code(0);
    assert!(registry_has(&place, r#""Word"="after of Test""#));
    assert!(registry_has(&place, r#""Transforms"="@change.mst""#));

    // The transform is not needed at its source any more.
    std::fs::remove_file(&transform).unwrap();
    let code = plain("").product_code();
    place.reseat(&["repair", "-q", &code]).expect_code(0);
    assert!(registry_has(&place, r#""Word"="after of Test""#));
    let kept = place.drive_c(&format!("windows/Installer/{code}/change.mst"));
    assert!(kept.is_file());

    std::fs::remove_file(&kept).unwrap();
    place.reseat(&["repair", "-q", &code]).expect_failure(&["1624", "change.mst"]);
    std::fs::write(&transform, "no transform").unwrap();
    place.reseat(&["repair", "-q", &code]).expect_failure(&["1624", "change.mst"]);
    let (_, _) = source_with_transform(&place, &plain("after"), "source/change.mst");
    place.reseat(&["repair", "-q", &code]).expect_code(0);
    assert!(kept.is_file(), "the transform is kept again");

    place.reseat(&["uninstall", "-q", &code]).expect_code(0);
    let left = snapshot::differences(&before, &snapshot::tree(&place.drive_c("")));
    assert!(left.is_empty(), "{left:?}");
    assert!(!registry_has(&place, "change.mst"));
}

#[test]
fn transforms_that_are_not_where_the_list_says_end_the_installation() {
    let place = Place::with_prefix();
    let (package, transform) = source_with_transform(&place, &plain("after"), "elsewhere.mst");
    let full = transform.to_str().unwrap();
    for list in ["@elsewhere.mst", &format!("@{full}"), "|elsewhere.mst", "absent.mst", ":absent"] {
        place.install(&package, &[&format!("TRANSFORMS={list}")]).expect_failure(&["1624"]);
    }
    place.install(&package, &[&format!("TRANSFORMS=|{full}")]).expect_code(0);
    assert!(registry_has(&place, r#""Word"="after of Test""#));
}

#[test]
fn a_transform_for_another_product_is_refused() {
    let place = Place::with_prefix();
    let (_, transform) = source_with_transform(&place, &plain("after"), "change.mst");
    let other = plain("before").version("2.0.0").save(&place, "other.msi");
    let checked = place.path("checked.mst").to_str().unwrap().to_owned();
    let text = |name: &str| place.path(name).to_str().unwrap().to_owned();
    let arguments =
        ["transform", "make", &text("source/test.msi"), &text("changed.msi"), &checked, "--check", "product"];
    place.reseat(&arguments).expect_code(0);
    place.install(&other, &[&format!("TRANSFORMS={checked}")]).expect_failure(&["1624", "checked.mst"]);
    place.install(&other, &[&format!("TRANSFORMS={}", transform.display())]).expect_code(0);
}

#[test]
fn a_program_of_a_transform_runs_as_the_transform_has_it() {
    let place = Place::with_prefix();
    let out = place.path("out").to_str().unwrap().to_owned();
    let program = |word: &str| {
        let script = format!("#!/bin/sh\necho {word} >>'{out}'\n");
        plain("x").with_binary("tell", script).with_action("Tell", 2, "tell", "", 4100)
    };
    let package = program("before").save(&place, "test.msi");
    let changed = program("after").save(&place, "changed.msi");
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    let transform = text(&place.path("change.mst"));
    place.reseat(&["transform", "make", &text(&package), &text(&changed), &transform]).expect_code(0);
    place.install(&package, &["TRANSFORMS=change.mst"]).expect_code(0);
    assert_eq!(place.read("out"), "after\n");
}

#[test]
fn instances_of_one_package_stand_beside_each_other() {
    let Some(shared) = package("instance-transforms.msi") else { return };
    let place = Place::with_prefix();
    let before = snapshot::tree(&place.drive_c(""));
    std::fs::create_dir_all(place.path("PFiles/WixTestFolder")).unwrap();
    place.write("PFiles/WixTestFolder/TextFile1.txt", "sixteen letters.");
    let package = place.path("instances.msi");
    std::fs::copy(shared, &package).unwrap();

    place.install(&package, &["MSINEWINSTANCE=1"]).expect_failure(&["1639", "TRANSFORMS"]);
    place.install(&package, &[]).expect_code(0);
    for instance in ["Instance1", "Instance2"] {
        let list = format!("TRANSFORMS=:{instance}");
        place.install(&package, &[&list, "MSINEWINSTANCE=1"]).expect_code(0);
        place.install(&package, &[&list, "MSINEWINSTANCE=1"]).expect_failure(&["1638"]);
    }
    let names = |place: &Place| {
        place.products().iter().map(|it| it["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(&place), ["Instance 1", "Instance 2", "Wix Test Product"]);
    assert!(registry_has(&place, r#""InstanceType"=dword:00000001"#));

    let first = "{1F9B1809-273F-4036-AB02-26D19171D5AE}";
    place.install(&package, &[&format!("MSIINSTANCEGUID={first}"), "REINSTALL=ALL"]).expect_code(0);
    place.reseat(&["uninstall", "-q", first]).expect_code(0);
    assert_eq!(names(&place), ["Instance 2", "Wix Test Product"]);
    // What the others were installed from is still there.
    place.reseat(&["uninstall", "-q", "Instance 2"]).expect_code(0);
    place.reseat(&["repair", "-q", "Wix Test Product"]).expect_code(0);
    place.reseat(&["uninstall", "-q", "Wix Test Product"]).expect_code(0);
    let left = snapshot::differences(&before, &snapshot::tree(&place.drive_c("")));
    assert!(left.is_empty(), "{left:?}");
}

const PROD_A: &str = "Program Files (x86)/ProdA/product.wxs";

#[test]
fn a_product_with_both_patches_is_the_later_version_and_without_them_the_earlier_one() {
    let (Some(old), Some(new)) = (package("prodA-1.0.0.msi"), package("prodA-1.0.1.msi")) else { return };
    let (Some(one), Some(two)) = (package("prodA-patch-A.msp"), package("prodA-patch-AB.msp")) else {
        return;
    };
    let oracle = Place::with_prefix();
    oracle.install(&new, &[]).expect_code(0);
    let expected = std::fs::read(oracle.drive_c(PROD_A)).unwrap();

    let place = Place::with_prefix();
    let nothing = snapshot::tree(&place.drive_c(""));
    place.install(&old, &[]).expect_code(0);
    let original = snapshot::tree(&place.drive_c(""));
    let both = format!("{};{}", one.display(), two.display());
    place.reseat(&["patch", "-q", &both]).expect_code(0);
    assert_eq!(std::fs::read(place.drive_c(PROD_A)).unwrap(), expected);
    assert_eq!(place.products()[0]["version"], oracle.products()[0]["version"]);
    assert!(registry_has(&place, r#""DisplayName"="Prod A patch v 1.0.1.0""#));

    // They stay when the product is repaired.
    std::fs::remove_file(place.drive_c(PROD_A)).unwrap();
    place.reseat(&["repair", "-q", "Burn Test Package A"]).expect_code(0);
    assert_eq!(std::fs::read(place.drive_c(PROD_A)).unwrap(), expected);

    place.reseat(&["patch", "-q", "--remove", "{B94D3D25-9FC6-468D-A804-97AFB27746C1}"]).expect_code(0);
    assert_ne!(std::fs::read(place.drive_c(PROD_A)).unwrap(), expected);
    assert_eq!(place.products()[0]["version"], "1.0.1.0");
    let product = "{6EA3AE83-A14F-4B8B-8A86-BB977A9E7833}";
    let remove = |name: &str| place.reseat(&["patch", "-q", "--remove", name, product]);
    remove("{B94D3D25-9FC6-468D-A804-97AFB27746C1}").expect_failure(&["1647"]);
    remove(one.to_str().unwrap()).expect_code(0);
    let left = snapshot::differences(&original, &snapshot::tree(&place.drive_c("")));
    assert!(left.is_empty(), "{left:?}");
    assert_eq!(place.products()[0]["version"], "1.0.0.0");
    assert!(!registry_has(&place, "Patches"));

    // In one installation, and gone with the product.
    place.reseat(&["uninstall", "-q", product]).expect_code(0);
    place.install(&old, &[&format!("PATCH={both}")]).expect_code(0);
    assert_eq!(std::fs::read(place.drive_c(PROD_A)).unwrap(), expected);
    place.reseat(&["uninstall", "-q", product]).expect_code(0);
    let left = snapshot::differences(&nothing, &snapshot::tree(&place.drive_c("")));
    assert!(left.is_empty(), "{left:?}");
    assert!(!registry_has(&place, "Patches") && !registry_has(&place, "7A59E0BE"));
}

#[test]
fn a_patch_changes_what_the_registry_has_and_its_removal_changes_it_back() {
    let (Some(package_file), Some(patch)) = (package("psmsi-example.msi"), package("psmsi-example.msp"))
    else {
        return;
    };
    let place = Place::with_prefix();
    place.install(&package_file, &[]).expect_code(0);
    let version = |place: &Place| {
        let text = format!("{}{}", place.read("prefix/system.reg"), place.read("prefix/user.reg"));
        ["1.0.1", "1.0.0"]
            .into_iter()
            .find(|version| text.contains(&format!("\"DisplayVersion\"=\"{version}\"")))
    };
    assert_eq!(version(&place), Some("1.0.0"));
    let patch = patch.to_str().unwrap();
    place.reseat(&["patch", "-q", patch]).expect_code(0);
    assert_eq!(version(&place), Some("1.0.1"));
    place.reseat(&["patch", "-q", patch]).expect_code(0);
    place.reseat(&["patch", "-q", "--remove", patch]).expect_code(0);
    assert_eq!(version(&place), Some("1.0.0"));
}

#[test]
fn patches_that_fit_nothing_are_refused_by_their_numbers() {
    let (Some(patch), Some(other)) = (package("psmsi-example.msp"), package("prodA-1.0.0.msi")) else {
        return;
    };
    let place = Place::with_prefix();
    let patch = patch.to_str().unwrap().to_owned();
    place.install(&other, &[]).expect_code(0);
    place.reseat(&["patch", "-q", &patch]).expect_failure(&["1642"]);
    place.reseat(&["patch", "-q", &patch, other.to_str().unwrap()]).expect_failure(&["1642"]);
    place.reseat(&["patch", "-q", "absent.msp"]).expect_failure(&["1635"]);
    place.reseat(&["patch", "-q", other.to_str().unwrap()]).expect_failure(&["1636"]);
    let unknown = "{00000000-0000-0000-0000-000000000001}";
    place.reseat(&["patch", "-q", "--remove", unknown, other.to_str().unwrap()]).expect_failure(&["1647"]);
    assert_eq!(place.products()[0]["version"], "1.0.0.0");
}

#[test]
fn what_is_no_patch_is_said_by_its_number_whether_or_not_there_is_a_prefix() {
    let with_prefix = Place::with_prefix();
    let places = [&with_prefix, &Place::new()];
    for place in places {
        place.write("empty.msp", "");
        place.write("text.msp", "This is no patch, though long enough for a header.".repeat(20));
        std::fs::create_dir(place.path("folder.msp")).unwrap();
        Product::new().save(place, "package.msi");
        for (patch, number) in [
            ("absent.msp", "error 1635"),
            ("folder.msp", "error 1635"),
            ("empty.msp", "error 1636"),
            ("text.msp", "error 1636"),
            ("package.msi", "error 1636"),
            ("", "error 1639"),
            (" ; ", "error 1639"),
        ] {
            for arguments in [
                &["patch", "-q", patch][..],
                &["patch", "-q", "--remove", patch],
                &["patch", "-q", patch, "{00000000-0000-0000-0000-000000000001}"],
                &["msiexec", "/qn", "/p", patch],
            ] {
                if arguments.contains(&"msiexec") && patch.is_empty() {
                    continue;
                }
                let problem =
                    place.reseat(arguments).failure_problem(&[number, patch.trim_matches([' ', ';'])]);
                assert_eq!(problem, None, "{arguments:?}");
                // The prefix that is used where none is named was never made.
                let mut bare = place.command(env!("CARGO_BIN_EXE_reseat"));
                let problem = run(bare.args(arguments)).failure_problem(&[number]);
                assert_eq!(problem, None, "{arguments:?} without a prefix");
            }
        }
    }
}

/// Files and registry of a prefix, without the times of registry keys.
fn machine_state(place: &Place) -> (snapshot::Tree, BTreeSet<String>) {
    (snapshot::tree(&place.drive_c("")), snapshot::registry(&place.prefix(), "system.reg"))
}

#[track_caller]
fn assert_same_machine(before: &(snapshot::Tree, BTreeSet<String>), place: &Place) {
    let after = machine_state(place);
    let mut differences = snapshot::differences(&before.0, &after.0);
    differences.extend(snapshot::line_differences(&before.1, &after.1));
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn removing_a_patch_removes_what_it_added_and_restores_what_it_changed() {
    let place = Place::with_prefix();
    let old = Product::new()
        .with_file("Readme", "readme.txt", "one")
        .with_row("Registry", &["Word", "2", "Software\\Test", "Word", "one", "Main"]);
    let new = Product::new()
        .with_file("Readme", "readme.txt", "another")
        .with_file("Added", "added.txt", "added")
        .with_file("Extra", "extra.txt", "extra")
        .with_file_in("Extra", "Extra")
        .with_file("More", "more.txt", "more")
        .with_file_in("More", "More")
        .with_row("Directory", &["EXTRADIR", "INSTALLDIR", "Extra"])
        .with_row("Component", &["Extra", &guid(3, 77), "EXTRADIR", "256", "", ""])
        .with_row("Feature", &["More", "", "More", "", "3", "1", "INSTALLDIR", "0"])
        .with_row("Component", &["More", &guid(3, 78), "EXTRADIR", "256", "", ""])
        .with_row("FeatureComponents", &["Main", "Extra"])
        .with_row("FeatureComponents", &["More", "More"])
        .with_row("Registry", &["Word", "2", "Software\\Test", "Word", "two", "Main"])
        .with_row("Registry", &["Mark", "2", "Software\\Test", "Mark", "added", "Main"])
        .with_row("Registry", &["Deep", "2", "Software\\Test\\Extra", "Mark", "added", "Extra"]);
    let code = old.product_code();
    let patch = Patch { old: &old, new: &new, number: 1, removable: true };
    let file = patch.save(&place, "test.msp");
    place.install(&old.save(&place, "test.msi"), &[]).expect_code(0);
    let before = machine_state(&place);
    place.reseat(&["patch", "-q", file.to_str().unwrap()]).expect_code(0);
    let text =
        |name: &str| std::fs::read_to_string(place.drive_c(&format!("Program Files/Test/{name}"))).ok();
    let texts = || ["readme.txt", "added.txt", "Extra/extra.txt", "Extra/more.txt"].map(text);
    let expected = ["another", "added", "extra", "more"].map(|text| Some(text.to_owned()));
    assert_eq!(texts()[..3], expected[..3]);
    // A feature of its own comes when it is asked for.
    place.reseat(&["install", "-q", &code, "ADDLOCAL=More"]).expect_code(0);
    assert_eq!(texts(), expected);
    assert!(registry_has(&place, "\"Word\"=\"two\""));
    assert_eq!(place.read("prefix/system.reg").matches("\"Mark\"=\"added\"").count(), 2);

    place.reseat(&["patch", "-q", "--remove", &patch.code()]).expect_code(0);
    assert_same_machine(&before, &place);
    // So it is too when the patch came with the product.
    place.reseat(&["uninstall", "-q", "Test"]).expect_code(0);
    let package = place.path("test.msi");
    place.install(&package, &[&format!("PATCH={}", file.display())]).expect_code(0);
    assert_eq!(text("added.txt").as_deref(), Some("added"));
    place.reseat(&["install", "-q", &code, &format!("MSIPATCHREMOVE={}", patch.code())]).expect_code(0);
    assert_same_machine(&before, &place);
}

#[test]
fn a_patch_that_may_not_be_removed_stays_and_nothing_is_changed() {
    let place = Place::with_prefix();
    let old = Product::new().with_file("Readme", "readme.txt", "one");
    let new = Product::new().with_file("Readme", "readme.txt", "another");
    let fixed = new.clone().with_row("CreateFolder", &["INSTALLDIR", "Main"]);
    place.install(&old.save(&place, "test.msi"), &[]).expect_code(0);
    for (number, new, removable) in [(1, &new, false), (2, &fixed, true)] {
        let patch = Patch { old: &old, new, number, removable };
        let file = patch.save(&place, "test.msp");
        place.reseat(&["patch", "-q", file.to_str().unwrap()]).expect_code(0);
        let before = machine_state(&place);
        place.reseat(&["patch", "-q", "--remove", &patch.code()]).expect_failure(&["1646"]);
        assert_same_machine(&before, &place);
        place.reseat(&["uninstall", "-q", "Test"]).expect_code(0);
        place.install(&place.path("test.msi"), &[]).expect_code(0);
    }
}

#[test]
fn a_patch_that_is_a_major_upgrade_installs_the_new_product_and_removes_the_old_one() {
    use support::product::guid;
    // The old one goes early or late; what was kept of it is source enough.
    for (number, with_source) in [("1510", true), ("6550", true), ("6550", false)] {
        let place = Place::with_prefix();
        let nothing = machine_state(&place);
        let product = |version: &str, text: &str| {
            Product::new()
                .version(version)
                .without_row("InstallExecuteSequence", "RemoveExistingProducts")
                .with_row("InstallExecuteSequence", &["RemoveExistingProducts", "", number])
                .with_row("InstallExecuteSequence", &["InstallExecute", "", "6500"])
                .with_row("Component", &["Kept", &guid(3, 900), "INSTALLDIR", "256", "", "KeptFile"])
                .with_row("FeatureComponents", &["Main", "Kept"])
                .with_file("KeptFile", "kept.txt", "never changes")
                .with_file_in("KeptFile", "Kept")
                .with_file("Text", "text.txt", text)
                .with_hashes(&place)
        };
        let old = product("1.0.0", "old");
        let new = product("2.0.0", "new").with_file("Added", "added.txt", "added");
        let patch = Patch { old: &old, new: &new, number: 1, removable: true };
        let path = patch.save(&place, "major.msp");
        let source = old.save(&place, "old.msi");
        place.install(&source, &[]).expect_code(0);
        let before = machine_state(&place);
        if !with_source {
            std::fs::rename(&source, place.path("elsewhere.msi")).unwrap();
        }
        let path = path.to_str().unwrap();
        // What fails leaves the old product.
        place.reseat(&["patch", "-q", path, "INSTALLDIR=Q:\\Test"]).expect_code(1);
        assert_same_machine(&before, &place);

        place.reseat(&["patch", "-q", path]).expect_code(0);
        let products = place.products();
        assert_eq!(products.len(), 1, "{products:?}");
        assert_eq!(
            (&products[0]["version"], &products[0]["product"]),
            (&"2.0.0".into(), &new.product_code().into())
        );
        let text = |name: &str| place.read(&format!("prefix/drive_c/Program Files/Test/{name}.txt"));
        assert_eq!([text("kept"), text("text"), text("added")], ["never changes", "new", "added"]);
        place.reseat(&["check"]).expect_code(0);
        // It stays so when it is repaired, and is no patch that can be removed.
        std::fs::write(place.drive_c("Program Files/Test/text.txt"), "damaged").unwrap();
        place.reseat(&["repair", "-q", "Test", "--flags", "amus"]).expect_code(0);
        assert_eq!(text("text"), "new");
        place.reseat(&["patch", "-q", "--remove", path, &new.product_code()]).expect_failure(&["1646"]);
        place.reseat(&["patch", "-q", path]).expect_failure(&["1642"]);
        place.reseat(&["uninstall", "-q", "Test"]).expect_code(0);
        assert_same_machine(&nothing, &place);
    }
}

#[test]
fn a_major_upgrade_patch_for_a_product_with_transforms_is_refused() {
    let place = Place::with_prefix();
    let after = plain("after").with_file("Text", "text.txt", "old");
    let (package, _) = source_with_transform(&place, &plain("after"), "source/change.mst");
    let new = after.clone().version("2.0.0").with_file("More", "more.txt", "new");
    let major = Patch { old: &plain("before"), new: &new, number: 2, removable: false };
    let major = major.save(&place, "major.msp");
    place.install(&package, &["TRANSFORMS=change.mst"]).expect_code(0);
    let before = machine_state(&place);
    place
        .reseat(&["patch", "-q", major.to_str().unwrap()])
        .expect_failure(&["which was installed with transforms"]);
    assert_same_machine(&before, &place);
}
