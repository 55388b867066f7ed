//! Concurrent installations: a package that installs, and removes again, another product with its own.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::path::PathBuf;

use reseat_database::{Database, Reading};
use support::product::{Product, guid};
use support::{Place, snapshot};

const CONTINUE: i32 = 64;
const DEFERRED: i32 = 1024;

/// The product within.
fn inner() -> Product {
    Product::of_family(7).with_file("Inner", "inner.txt", "inner").with_row(
        "Registry",
        &["Parent", "2", r"Software\Inner", "Parent", "[ParentProductCode] [GIVEN]", "Main"],
    )
}

/// The product around it, which removes it when it is removed.
fn outer(kind: i32, source: &str) -> Product {
    let mut product = Product::new().with_file("Readme", "readme.txt", "text").with_action(
        "Nested",
        kind,
        source,
        r#"ALLUSERS=1 GIVEN="by [ProductName]""#,
        3950,
    );
    product.row("CustomAction", &["Remove", "39", &inner().product_code(), "REMOVE=ALL"]);
    product.row("InstallExecuteSequence", &["Remove", "REMOVE=\"ALL\"", "3960"]);
    product
}

/// Saves the package with the other one inside, as the storage `Inner`.
fn save(place: &Place, outer: &Product, inner: &Product) -> PathBuf {
    let inner = Database::open(&inner.save(place, "inner.msi"), Reading::Strict).unwrap();
    let mut database = Database::open(&outer.save(place, "outer.msi"), Reading::Strict).unwrap();
    database.put_storage("Inner", &inner).unwrap();
    let path = place.path("test.msi");
    database.save(&path).unwrap();
    std::fs::remove_file(place.path("inner.msi")).unwrap();
    path
}

fn has_inner(place: &Place) -> bool {
    place.drive_c("Program Files/Test7/inner.txt").exists()
}

fn has_outer(place: &Place) -> bool {
    place.drive_c("Program Files/Test/readme.txt").exists()
}

#[test]
fn a_package_within_the_package_is_installed_with_it_and_removed_with_it() {
    let place = Place::with_prefix();
    place.install(&save(&place, &outer(7, "Inner"), &inner()), &[]).expect_code(0);
    assert!(has_inner(&place) && has_outer(&place));
    assert_eq!(place.products().len(), 2);
    let registry = std::fs::read_to_string(place.prefix().join("system.reg")).unwrap();
    let expected = format!("\"Parent\"=\"{} by Test\"", Product::new().product_code());
    assert!(registry.contains(&expected), "no {expected}");
    place.reseat(&["uninstall", "-q", "Test"]).expect_code(0);
    assert!(!has_inner(&place) && !has_outer(&place));
    assert_eq!(place.products().len(), 0);
    assert_eq!(place.sessions(), [""; 0]);
}

#[test]
fn a_package_of_the_source_is_found_whatever_the_case_of_its_name() {
    let place = Place::with_prefix();
    std::fs::create_dir(place.path("Sub")).unwrap();
    inner().save(&place, "Sub/inner.msi");
    let package = outer(23, r"sub\Inner.MSI").save(&place, "test.msi");
    place.install(&package, &[]).expect_code(0);
    assert!(has_inner(&place) && has_outer(&place));
    place.reseat(&["uninstall", "-q", "Test"]).expect_code(0);
    assert!(!has_inner(&place) && !has_outer(&place));
}

#[test]
fn a_failure_undoes_both_wherever_it_is() {
    let place = Place::with_prefix();
    let before = snapshot::tree(&place.prefix());
    let fail = "#!/bin/sh\nexit 7\n";
    let late =
        outer(7, "Inner").with_binary("fail", fail).with_action("Fail", 2 + DEFERRED, "fail", "", 4100);
    place.install(&save(&place, &late, &inner()), &[]).expect_failure(&["1603", "Fail"]);
    snapshot::assert_same(&before, &snapshot::tree(&place.prefix()));
    // Within: what it has begun can only be undone with all else, though the result of the action is ignored.
    let fails = inner().with_binary("fail", fail).with_action("Within", 2 + DEFERRED, "fail", "", 4100);
    for kind in [7, 7 + CONTINUE] {
        let package = save(&place, &outer(kind, "Inner"), &fails);
        place.install(&package, &[]).expect_failure(&["1603", "Nested", "Within"]);
        snapshot::assert_same(&before, &snapshot::tree(&place.prefix()));
    }
}

#[test]
fn a_package_may_refuse_to_be_installed_so_and_that_may_be_ignored() {
    let place = Place::with_prefix();
    let refuses = inner()
        .with_row("LaunchCondition", &["NOT ParentProductCode", "not within [ParentProductCode]"])
        .with_standard_actions(&[("LaunchConditions", 100)]);
    let package = save(&place, &outer(7, "Inner"), &refuses);
    place.install(&package, &[]).expect_failure(&["1603", "Nested", "not within {"]);
    assert!(!has_outer(&place));
    let package = save(&place, &outer(7 + CONTINUE, "Inner"), &refuses);
    place.install(&package, &[]).expect_code(0);
    assert!(has_outer(&place) && !has_inner(&place));
}

#[test]
fn what_another_installation_has_brought_is_left_alone() {
    let place = Place::with_prefix();
    place.install(&inner().save(&place, "inner.msi"), &[]).expect_code(0);
    let removes = |kind| {
        Product::new().with_file("Readme", "readme.txt", "text").with_action(
            "Take",
            kind,
            &inner().product_code(),
            "REMOVE=ALL",
            3950,
        )
    };
    let package = removes(39).save(&place, "test.msi");
    place.install(&package, &[]).expect_failure(&["1603", "Take", "was not installed by this product"]);
    place.install(&removes(39 + CONTINUE).save(&place, "test.msi"), &[]).expect_code(0);
    assert!(has_inner(&place) && has_outer(&place));
    let unknown = Product::of_family(8).with_action("Take", 39, &guid(1, 99), "REMOVE=ALL", 3950);
    place.install(&unknown.save(&place, "test8.msi"), &[]).expect_failure(&["1603", "Take"]);
}

#[test]
fn a_package_does_not_install_itself_within_itself() {
    let place = Place::with_prefix();
    let package = outer(23, "test.msi").save(&place, "test.msi");
    place.install(&package, &[]).expect_failure(&["1603", "within its own installation"]);
    // Nor by way of another one.
    let way = Product::of_family(7).with_action("Back", 23, "test.msi", "ALLUSERS=1", 3950);
    way.save(&place, "inner.msi");
    let package = outer(23, "inner.msi").save(&place, "test.msi");
    place.install(&package, &[]).expect_failure(&["1603", "Nested", "Back", "within its own installation"]);
}

#[test]
fn who_holds_a_file_of_the_inner_package_is_closed_in_the_same_session() {
    let place = Place::with_prefix();
    let folder = place.drive_c("Program Files/Test7");
    std::fs::create_dir_all(&folder).unwrap();
    let held = folder.join("inner.txt");
    std::fs::write(&held, "old").unwrap();
    let mut holder = place.hold(&held);
    place.install(&save(&place, &outer(7, "Inner"), &inner()), &[]).expect_code(0);
    assert!(!holder.runs(), "the holder was not closed");
    assert_eq!(std::fs::read_to_string(&held).unwrap(), "inner");
}
