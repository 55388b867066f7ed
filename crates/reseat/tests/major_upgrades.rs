//! RemoveExistingProducts in each of its four places (page `removeexistingproducts-action.md`): what is there afterwards,
//! what a failure leaves, and what becomes of components that others share.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::collections::BTreeSet;

use support::product::{Product, guid};
use support::{Place, snapshot};

const DEFERRED: i32 = 1024;
/// Runs a program; the source is a folder.
const PROGRAM: i32 = 34;

/// Where RemoveExistingProducts stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Where {
    BeforeInitialize,
    AfterInitialize,
    BeforeFinalize,
    AfterFinalize,
}

impl Where {
    /// The sequence number of RemoveExistingProducts.
    fn number(self) -> i32 {
        match self {
            Self::BeforeInitialize => 1450,
            Self::AfterInitialize => 1510,
            Self::BeforeFinalize => 6550,
            Self::AfterFinalize => 6700,
        }
    }
}

/// The file of a component that three products have, in a folder of its own.
fn with_shared(product: Product) -> Product {
    product
        .with_row("Directory", &["SHARED", "ProgramFiles64Folder", "Shared"])
        // 8: counted in the list of shared libraries.
        .with_row("Component", &["Shared", &guid(3, 900), "SHARED", "264", "", "SharedFile"])
        .with_row("FeatureComponents", &["Main", "Shared"])
        .with_file("SharedFile", "shared.txt", "shared")
        .with_file_in("SharedFile", "Shared")
}

fn version(version: &str) -> Product {
    let only = format!("only-{version}.txt");
    with_shared(Product::new().version(version).with_file("Readme", "readme.txt", version))
        .with_row(
            "Component",
            &["Only", &guid(3, 901 + u32::from(version.as_bytes()[0])), "INSTALLDIR", "256", "", "OnlyFile"],
        )
        .with_row("FeatureComponents", &["Main", "Only"])
        .with_file("OnlyFile", &only, "text")
        .with_file_in("OnlyFile", "Only")
}

fn old() -> Product {
    version("1.0.0")
}

fn new(place: Where) -> Product {
    version("2.0.0")
        .without_row("InstallExecuteSequence", "RemoveExistingProducts")
        .with_standard_actions(&[("RemoveExistingProducts", place.number()), ("InstallExecute", 6500)])
}

/// An old product that cannot be removed.
fn stubborn() -> Product {
    old()
        .with_row("CustomAction", &["Refuses", &(PROGRAM + DEFERRED).to_string(), "INSTALLDIR", "/bin/false"])
        .with_row("InstallExecuteSequence", &["Refuses", "REMOVE", "6450"])
}

/// A place where another product with the shared component is, and an older version.
fn scene(old: &Product) -> Place {
    let place = Place::with_prefix();
    let other = with_shared(Product::of_family(1));
    place.install(&other.save(&place, "other.msi"), &[]).expect_code(0);
    place.install(&old.save(&place, "old.msi"), &[]).expect_code(0);
    assert_eq!(shared_count(&place), 2);
    place
}

/// How many users the list of shared libraries counts for the shared file; nothing is 0.
fn shared_count(place: &Place) -> u32 {
    let lines = snapshot::registry(&place.prefix(), "system.reg");
    let count = lines.iter().find_map(|line| line.split_once(r#"\\Shared\\shared.txt"=dword:"#));
    count.map_or(0, |(_, count)| u32::from_str_radix(count, 16).unwrap())
}

fn files(place: &Place) -> Vec<String> {
    let tree = snapshot::tree(&place.drive_c("Program Files"));
    let is_ours = |name: &&String| name.starts_with("Test/") || name.starts_with("Shared/");
    tree.keys().filter(is_ours).cloned().collect()
}

fn versions(place: &Place) -> Vec<String> {
    let products = place.products();
    let of_test = products.iter().filter(|product| product["name"] == "Test");
    let mut versions: Vec<_> =
        of_test.map(|product| product["version"].as_str().unwrap().to_owned()).collect();
    versions.sort();
    versions
}

type State = (snapshot::Tree, [BTreeSet<String>; 2]);

fn state(place: &Place) -> State {
    let registry = ["system.reg", "user.reg"].map(|file| snapshot::registry(&place.prefix(), file));
    (snapshot::tree(&place.prefix().join("drive_c")), registry)
}

#[track_caller]
fn assert_untouched(before: &State, place: &Place) {
    let after = state(place);
    snapshot::assert_same(&before.0, &after.0);
    for (before, after) in before.1.iter().zip(&after.1) {
        let differences = snapshot::line_differences(before, after);
        assert!(differences.is_empty(), "{}", differences.join("\n"));
    }
}

/// An upgrade that succeeds: only the new product is there, and what is shared has been counted.
fn upgrade(r#where: Where) {
    let place = scene(&old());
    let log = place.path("log");
    let log = log.to_str().unwrap();
    place.install(&new(r#where).save(&place, "new.msi"), &["--log", log]).expect_code(0);
    assert_eq!(versions(&place), ["2.0.0"], "{where:?}");
    let expected = ["Shared/shared.txt", "Test/only-2.0.0.txt", "Test/readme.txt"];
    assert_eq!(files(&place), expected, "{where:?}");
    assert_eq!(place.read("prefix/drive_c/Program Files/Test/readme.txt"), "2.0.0");
    assert_eq!(shared_count(&place), 2, "{where:?}");
    // The other product's file stays as long as that product.
    place.reseat(&["uninstall", "-q", "Test"]).expect_code(0);
    assert_eq!((files(&place), shared_count(&place)), (vec!["Shared/shared.txt".to_owned()], 1));
    place.reseat(&["uninstall", "-q", "Test1"]).expect_code(0);
    assert_eq!((files(&place), shared_count(&place)), (vec![], 0));
}

/// The same with a new product that fails at a place in its sequence.
fn fail(r#where: Where, kind: i32, number: i32) -> (Place, State) {
    let place = scene(&old());
    let before = state(&place);
    let fails = new(r#where).with_action("Fails", kind, "TARGETDIR", "/bin/false", number);
    place.install(&fails.save(&place, "new.msi"), &[]).expect_failure(&["Fails"]);
    (place, before)
}

/// The same with an old product that cannot be removed.
fn refuse(r#where: Where) -> (Place, State) {
    let place = scene(&stubborn());
    let before = state(&place);
    place.install(&new(r#where).save(&place, "new.msi"), &[]).expect_failure(&["Test", "Refuses"]);
    (place, before)
}

#[test]
fn before_install_initialize_the_old_product_is_gone_whatever_becomes_of_the_new_one() {
    let r#where = Where::BeforeInitialize;
    upgrade(r#where);
    let (place, _) = fail(r#where, PROGRAM + DEFERRED, 6450);
    assert_eq!(versions(&place), [""; 0]);
    assert_eq!((files(&place), shared_count(&place)), (vec!["Shared/shared.txt".to_owned()], 1));
    let (place, before) = refuse(r#where);
    assert_untouched(&before, &place);
}

#[test]
fn after_install_initialize_a_failure_of_the_new_product_brings_the_old_one_back() {
    let r#where = Where::AfterInitialize;
    upgrade(r#where);
    let (place, before) = fail(r#where, PROGRAM + DEFERRED, 6450);
    assert_untouched(&before, &place);
    let (place, before) = refuse(r#where);
    assert_untouched(&before, &place);
}

#[test]
fn before_install_finalize_the_new_product_comes_first_and_both_are_undone_together() {
    let r#where = Where::BeforeFinalize;
    upgrade(r#where);
    // Behind RemoveExistingProducts, when the old product is gone already; and before it.
    for number in [6580, 6450] {
        let (place, before) = fail(r#where, PROGRAM + DEFERRED, number);
        assert_untouched(&before, &place);
    }
    let (place, before) = refuse(r#where);
    assert_untouched(&before, &place);
}

#[test]
fn after_install_finalize_the_new_product_stays_whatever_becomes_of_the_old_one() {
    let r#where = Where::AfterFinalize;
    upgrade(r#where);
    let (place, before) = fail(r#where, PROGRAM + DEFERRED, 6450);
    assert_untouched(&before, &place);
    // The removal is undone alone: both are there, and both are counted.
    let (place, _) = refuse(r#where);
    assert_eq!(versions(&place), ["1.0.0", "2.0.0"]);
    let expected = ["Shared/shared.txt", "Test/only-1.0.0.txt", "Test/only-2.0.0.txt", "Test/readme.txt"];
    assert_eq!((files(&place), shared_count(&place)), (expected.map(str::to_owned).to_vec(), 3));
    assert_eq!(place.read("prefix/drive_c/Program Files/Test/readme.txt"), "2.0.0");
    // What fails behind it undoes nothing.
    let (place, _) = fail(r#where, PROGRAM, 6800);
    assert_eq!(versions(&place), ["2.0.0"]);
    assert_eq!(shared_count(&place), 2);
}

/// A version with features that are there by default, `Help`, and that are not, `Extra`; and with this one of its own.
fn with_features(product: Product, added: &str) -> Product {
    let mut product = product.with_help(1);
    for (number, name, level) in [(910, "Extra", "300"), (911, added, "1")] {
        let file = format!("{name}File");
        product = product
            .with_row("Feature", &[name, "", name, "", "1", level, "INSTALLDIR", "0"])
            .with_row("Component", &[name, &guid(3, number), "INSTALLDIR", "256", "", &file])
            .with_row("FeatureComponents", &[name, name])
            .with_file(&file, &format!("{name}.txt"), name)
            .with_file_in(&file, name);
    }
    product.with_standard_actions(&[("MigrateFeatureStates", 1010)])
}

/// The states of the features of the newest product, those that are absent left out.
fn features(place: &Place) -> Vec<String> {
    let shown = place.reseat(&["show", "Test", "--json"]);
    shown.expect_code(0);
    let features = shown.json()["features"].as_array().unwrap().clone();
    let mut states: Vec<_> = features
        .iter()
        .map(|it| format!("{} {}", it["feature"].as_str().unwrap(), it["state"].as_str().unwrap()))
        .filter(|text| !text.ends_with(" absent"))
        .collect();
    states.sort();
    states
}

#[test]
fn a_new_version_takes_over_the_features_of_the_old_one() {
    let new = with_features(Product::new().version("2.0.0"), "New");
    // 1 in the Attributes column of the Upgrade table asks for it; 256 and more are about versions.
    let with_attributes = |attributes: &str| {
        let code = guid(2, 0);
        new.clone()
            .without_row("Upgrade", &code)
            .with_row("Upgrade", &[&code, "", "2.0.0", "", attributes, "", "OLDER"])
    };
    // How the old one was installed, the new package and what is asked of it, and what is there then.
    for (old, new, asked, expected) in [
        (
            &["ADDLOCAL=Main,Extra"][..],
            &new,
            &[][..],
            &["Extra installed", "Main installed", "New installed"][..],
        ),
        (
            &["ADDLOCAL=Main", "ADVERTISE=Help"],
            &new,
            &[],
            &["Help advertised", "Main installed", "New installed"],
        ),
        (
            &["ADDLOCAL=Main,Extra"],
            &with_attributes("0"),
            &[],
            &["Help installed", "Main installed", "New installed"],
        ),
        // Selected by whoever installs it.
        (&["ADDLOCAL=Main,Extra"], &new, &["ADDLOCAL=Main,Help"], &["Help installed", "Main installed"]),
    ] {
        let place = Place::with_prefix();
        let first = with_features(Product::new(), "Old").save(&place, "old.msi");
        place.install(&first, old).expect_code(0);
        place.install(&new.save(&place, "new.msi"), asked).expect_code(0);
        assert_eq!(versions(&place), ["2.0.0"], "{old:?} {asked:?}");
        assert_eq!(features(&place), expected, "{old:?} {asked:?}");
        let file = |feature: &str| place.drive_c(&format!("Program Files/Test/{feature}.txt")).exists();
        for feature in ["Extra", "New", "Old"] {
            assert_eq!(file(feature), expected.contains(&&*format!("{feature} installed")), "{feature}");
        }
        // Not again when it is there.
        place.reseat(&["repair", "-q", "Test"]).expect_code(0);
        assert_eq!(features(&place), expected);
    }
}

#[test]
fn an_old_product_that_cannot_be_removed_stays_whole_where_the_package_says_so() {
    // 4 in the Attributes column of the Upgrade table: the new product is installed all the same.
    let code = guid(2, 0);
    for (r#where, goes_on) in [
        (Where::BeforeInitialize, true),
        (Where::AfterInitialize, true),
        // What has been done in the same transaction would be undone with it.
        (Where::BeforeFinalize, false),
        (Where::AfterFinalize, true),
    ] {
        let place = scene(&stubborn());
        let before = state(&place);
        let new = new(r#where)
            .without_row("Upgrade", &code)
            .with_row("Upgrade", &[&code, "", "2.0.0", "", "5", "", "OLDER"]);
        let ran = place.install(&new.save(&place, "new.msi"), &[]);
        if !goes_on {
            ran.expect_failure(&["1714.", "Refuses"]);
            assert_untouched(&before, &place);
            continue;
        }
        ran.expect_code(0).expect_error(&["warning: 1714."]);
        assert_eq!(versions(&place), ["1.0.0", "2.0.0"], "{where:?}");
        let expected = ["Shared/shared.txt", "Test/only-1.0.0.txt", "Test/only-2.0.0.txt", "Test/readme.txt"];
        assert_eq!(files(&place), expected, "{where:?}");
        assert_eq!(shared_count(&place), 3, "{where:?}");
        place.reseat(&["check"]).expect_code(0);
    }
}
