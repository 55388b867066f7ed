//! Installed products: repair letter by letter, other features, and the source that is needed for that.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use support::Place;
use support::product::Product;

const FOLDER: &str = "Program Files/Test";

/// A product with a file, values of the machine and of the user, and a shortcut.
fn product() -> Product {
    Product::new()
        .with_file("Readme", "readme.txt", "text")
        .with_row("Registry", &["Machine", "2", r"Software\Test", "Machine", "written", "Main"])
        .with_row("Registry", &["User", "1", r"Software\Test", "User", "written", "Main"])
        .with_row("Shortcut", &["Link", "INSTALLDIR", "Link", "Main", "[#Readme]"])
}

/// Takes away everything that the product has.
fn damage(place: &Place) {
    for name in ["readme.txt", "Link.lnk"] {
        let _ = std::fs::remove_file(place.drive_c(&format!("{FOLDER}/{name}")));
    }
    for file in ["prefix/system.reg", "prefix/user.reg"] {
        let text = place.read(file).replace("=\"written\"", "=\"changed\"");
        place.write(file, text);
    }
}

#[test]
fn each_letter_repairs_what_it_stands_for() {
    let place = Place::with_prefix();
    let package = product().save(&place, "test.msi");
    place.install(&package, &[]).expect_code(0);
    for (flags, expected) in [
        ("omus", "file machine user shortcut"),
        ("p", "file"),
        ("o", "file"),
        ("m", "file machine"),
        ("u", "file user"),
        ("S", "file shortcut"),
    ] {
        damage(&place);
        place.reseat(&["repair", "-q", "Test", "--flags", flags]).expect_code(0);
        let exists = |name: &str| place.drive_c(&format!("{FOLDER}/{name}")).exists();
        let written = |file: &str, name: &str| place.read(file).contains(&format!("\"{name}\"=\"written\""));
        let there = [
            ("file", exists("readme.txt")),
            ("machine", written("prefix/system.reg", "Machine")),
            ("user", written("prefix/user.reg", "User")),
            ("shortcut", exists("Link.lnk")),
        ];
        let there: Vec<_> = there.iter().filter(|(_, there)| *there).map(|(name, _)| *name).collect();
        assert_eq!(there.join(" "), expected, "{flags}");
    }
    place.reseat(&["repair", "-q", "Test", "--flags", "omx"]).expect_failure(&["1639", "'x'"]);
}

#[test]
fn the_letters_for_files_decide_which_are_replaced() {
    let place = Place::with_prefix();
    let package = product().with_hashes(&place).save(&place, "test.msi");
    place.install(&package, &[]).expect_code(0);
    let file = place.drive_c(&format!("{FOLDER}/readme.txt"));
    for (flags, content) in [("p", "mine"), ("a", "text"), ("o", "text")] {
        std::fs::remove_file(&file).unwrap();
        std::fs::write(&file, "mine").unwrap();
        place.reseat(&["repair", "-q", "Test", "--flags", flags]).expect_code(0);
        assert_eq!(std::fs::read_to_string(&file).unwrap(), content, "{flags}");
    }
}

#[test]
fn a_file_with_a_wrong_checksum_is_installed_again() {
    let place = Place::with_prefix();
    let row = ["Program", "Main", "program.exe", "4", "", "", "1536", "2"];
    let package = product().with_file("Program", "program.exe", "good").without_row("File", "Program");
    let package = package.with_row("File", &row).save(&place, "test.msi");
    place.install(&package, &[]).expect_code(0);
    let file = place.drive_c(&format!("{FOLDER}/program.exe"));
    std::fs::write(&file, "evil").unwrap();
    place.reseat(&["repair", "-q", "Test", "--flags", "p"]).expect_code(0);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "evil");
    place.reseat(&["repair", "-q", "Test", "--flags", "pc"]).expect_code(0);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "good");
}

/// A product with a second feature that has a file of its own.
fn with_help() -> Product {
    product().with_help(200)
}

#[test]
fn features_come_and_go_while_the_product_stays() {
    let place = Place::with_prefix();
    let package = with_help().save(&place, "test.msi");
    let code = with_help().product_code();
    let manual = place.drive_c(&format!("{FOLDER}/manual.txt"));
    let readme = place.drive_c(&format!("{FOLDER}/readme.txt"));
    place.install(&package, &[]).expect_code(0);
    assert!(readme.exists() && !manual.exists());
    place.install(&package, &["ADDLOCAL=Help"]).expect_code(0);
    assert!(readme.exists() && manual.exists());
    // Neither the package nor its folder is needed: the package was kept.
    std::fs::remove_file(&package).unwrap();
    place.reseat(&["install", "-q", &code, "REMOVE=Help"]).expect_code(0);
    assert!(readme.exists() && !manual.exists());
    place.reseat(&["install", "-q", &code, "ADDLOCAL=Help", "REMOVE=Main"]).expect_code(0);
    assert!(!readme.exists() && manual.exists());
    place.reseat(&["install", "-q", &code, "REMOVE=Help"]).expect_code(0);
    assert_eq!(place.products().len(), 0, "without features there is no product");
}

#[test]
fn a_source_that_is_needed_and_gone_is_named_and_can_be_given() {
    let place = Place::with_prefix();
    std::fs::create_dir_all(place.path("first")).unwrap();
    std::fs::create_dir_all(place.path("second")).unwrap();
    // The file is beside the package.
    let loose = product()
        .with_word_count(0)
        .without_row("File", "Readme")
        .with_row("File", &["Readme", "Main", "readme.txt", "4", "", "", "8192", "1"]);
    let package = loose.save(&place, "first/test.msi");
    lay_out(&place, "first");
    place.install(&package, &[]).expect_code(0);
    let readme = place.drive_c(&format!("{FOLDER}/readme.txt"));
    std::fs::remove_file(&readme).unwrap();
    std::fs::rename(place.path("first/test.msi"), place.path("second/test.msi")).unwrap();
    std::fs::remove_dir_all(place.path("first")).unwrap();
    place.reseat(&["repair", "-q", "Test"]).expect_error(&["1612", "1706", "first"]);
    lay_out(&place, "second");
    let list = format!("SOURCELIST={}", place.path("second").display());
    place.reseat(&["repair", "-q", "Test", &list]).expect_code(0);
    assert!(readme.exists());
    // That is the source from now on.
    std::fs::remove_file(&readme).unwrap();
    place.reseat(&["repair", "-q", "Test"]).expect_code(0);
    assert!(readme.exists());
}

/// Puts the file where the package expects it in this folder.
fn lay_out(place: &Place, folder: &str) {
    let inner = place.path(folder).join("Test");
    std::fs::create_dir_all(&inner).unwrap();
    std::fs::write(inner.join("readme.txt"), "text").unwrap();
}

#[test]
fn a_lost_package_is_taken_from_its_source_if_it_is_the_same() {
    let place = Place::with_prefix();
    let package = product().save(&place, "test.msi");
    place.install(&package, &[]).expect_code(0);
    let kept = place.drive_c("windows/Installer");
    for entry in std::fs::read_dir(&kept).unwrap() {
        std::fs::remove_file(entry.unwrap().path()).unwrap();
    }
    place.reseat(&["repair", "-q", "Test"]).expect_code(0);
    assert_eq!(std::fs::read_dir(&kept).unwrap().count(), 1, "it is kept again");
    for entry in std::fs::read_dir(&kept).unwrap() {
        std::fs::remove_file(entry.unwrap().path()).unwrap();
    }
    std::fs::remove_file(&package).unwrap();
    place.reseat(&["repair", "-q", "Test"]).expect_failure(&["1612"]);
    product().save(&place, "test.msi");
    place.reseat(&["uninstall", "-q", "Test"]).expect_code(0);
}

#[test]
fn a_minor_upgrade_takes_the_place_of_what_was_kept() {
    let place = Place::with_prefix();
    let old = product().save(&place, "old.msi");
    place.install(&old, &[]).expect_code(0);
    let code = product().product_code();
    let new = product()
        .version("1.1.0")
        .without_row("Property", "ProductCode")
        .with_property("ProductCode", &code)
        .without_row("File", "Readme")
        .with_row("File", &["Readme", "Main", "news.txt", "4", "", "", "512", "1"])
        .save(&place, "new.msi");
    place.install(&new, &[]).expect_failure(&["1638"]);
    place.reseat(&["repair", "-q", new.to_str().unwrap(), "--flags", "vomus"]).expect_code(0);
    assert_eq!(place.products()[0]["version"], "1.1.0");
    assert!(place.drive_c(&format!("{FOLDER}/news.txt")).exists());
    std::fs::remove_file(place.drive_c(&format!("{FOLDER}/news.txt"))).unwrap();
    std::fs::remove_file(&new).unwrap();
    place.reseat(&["repair", "-q", &code]).expect_code(0);
    assert!(place.drive_c(&format!("{FOLDER}/news.txt")).exists(), "the new package was kept");
}

#[test]
fn a_part_of_a_name_removes_nothing_and_is_answered_with_the_whole() {
    let place = Place::with_prefix();
    let package = product().save(&place, "test.msi");
    place.install(&package, &[]).expect_code(0);
    place
        .reseat(&["uninstall", "-q", "tes"])
        .expect_code(1)
        .expect_error(&["error 1605", "did you mean 'Test'?"]);
    place.reseat(&["uninstall", "-q", "other"]).expect_code(1).expect_error(&["'reseat list' shows"]);
    assert_eq!(place.products().len(), 1);
}

/// The same product in a later version, with something more in it.
fn update(change: impl Fn(Product) -> Product) -> Product {
    let code = product().product_code();
    change(
        product().version("1.1.0").without_row("Property", "ProductCode").with_property("ProductCode", &code),
    )
}

#[test]
fn an_update_that_puts_a_new_feature_above_an_installed_one_says_that_it_goes() {
    let place = Place::with_prefix();
    place.install(&product().save(&place, "old.msi"), &[]).expect_code(0);
    let new = update(|new| {
        new.with_row("Feature", &["Top", "", "Top", "", "1", "1", "INSTALLDIR", "0"])
            .without_row("Feature", "Main")
            .with_row("Feature", &["Main", "Top", "Main", "", "1", "1", "INSTALLDIR", "0"])
    });
    let package = new.save(&place, "new.msi");
    let package = package.to_str().unwrap();
    let log = place.path("log");
    let log = log.to_str().unwrap();
    let update = ["REINSTALL=ALL", "REINSTALLMODE=vomus"];
    let text = "the installed feature Main is removed: this package puts the new feature Top above it";
    let warns = |value: &serde_json::Value| {
        value["warnings"].as_array().unwrap().iter().any(|it| it.as_str().unwrap().contains(text))
    };
    let planned = place.reseat(&[&["plan", package, "--json"], &update[..]].concat());
    assert!(warns(&planned.json()), "{}", planned.out);
    // What it advises.
    let both = [&["plan", package, "--json", "ADDLOCAL=Top,Main"], &update[..]].concat();
    let both = place.reseat(&both).json();
    assert!(!warns(&both), "{both}");
    let actions: Vec<_> = both["features"].as_array().unwrap().iter().map(|it| &it["action"]).collect();
    assert_eq!(actions, ["reinstall", "local"]);
    // Who removes the product is told nothing.
    assert!(!warns(&place.reseat(&["plan", package, "--json", "REMOVE=ALL"]).json()));
    let ran = place.reseat(&["repair", package, "--flags", "vomus", "--log", log]);
    ran.expect_error(&[text]);
    assert!(place.read("log").contains(text));
    assert_eq!(place.products(), [serde_json::Value::Null; 0]);
}

#[test]
fn an_update_that_takes_away_components_or_moves_features_is_refused_where_that_is_enforced() {
    const RULES: &str = "MSIENFORCEUPGRADECOMPONENTRULES=1";
    let feature = |product: Product, name: &str, parent: &str| {
        product.with_row("Feature", &[name, parent, name, "", "1", "1", "INSTALLDIR", "0"])
    };
    let below = |product: Product, parent: &str| {
        let product = product.without_row("Feature", "Main");
        product.with_row("Feature", &["Main", parent, "Main", "", "1", "1", "INSTALLDIR", "0"])
    };
    let with_data = |product: Product| product.with_folder("Data", "data");
    // The update, and what is wrong with it.
    let marked = "{7E570003-0000-4000-8000-000000000001}";
    for (new, wrong) in [
        (update(with_data), None),
        (update(|new| new), Some("2771. The update of feature Main lacks one of its components")),
        // Another code is another component.
        (
            update(|new| {
                with_data(new).without_row("Component", "Data").with_row(
                    "Component",
                    &["Data", "{7E570003-0000-4000-8000-00000000FFFF}", "Data", "256", "", ""],
                )
            }),
            Some("2771"),
        ),
        // Another name is not.
        (
            update(|new| {
                new.with_row("Directory", &["Data", "INSTALLDIR", "data"])
                    .with_row("Component", &["Other", marked, "Data", "256", "", ""])
                    .with_row("FeatureComponents", &["Main", "Other"])
                    .with_row("CreateFolder", &["Data", "Other"])
            }),
            None,
        ),
        (update(|new| feature(with_data(new), "Leaf", "Main")), None),
        (
            update(|new| below(feature(with_data(new), "Top", ""), "Top")),
            Some("2772. The new feature Top of the update stands above one that was there"),
        ),
    ] {
        let place = Place::with_prefix();
        place.install(&with_data(product()).save(&place, "old.msi"), &[]).expect_code(0);
        let package = new.save(&place, "new.msi");
        let package = package.to_str().unwrap();
        let update =
            |more: &[&str]| place.reseat(&[&["repair", "-q", package, "--flags", "vomus"], more].concat());
        match wrong {
            Some(wrong) => {
                update(&[RULES]).expect_failure(&[wrong]);
                assert_eq!(place.products()[0]["version"], "1.0.0");
                // By the policy as well.
                let policy = [
                    "Policy",
                    "2",
                    r"Software\Policies\Microsoft\Windows\Installer",
                    "EnforceUpgradeComponentRules",
                    "#1",
                    "Main",
                ];
                let policy = Product::of_family(7).with_row("Registry", &policy).save(&place, "policy.msi");
                place.install(&policy, &[]).expect_code(0);
                update(&[]).expect_failure(&[wrong]);
                place.reseat(&["uninstall", "-q", "Test7"]).expect_code(0);
                // Allowed, it goes with its new parent, which nobody has asked for.
                if wrong.starts_with("2772") {
                    continue;
                }
                update(&[]).expect_code(0);
            }
            None => _ = update(&[RULES]).expect_code(0),
        }
        assert_eq!(place.products()[0]["version"], "1.1.0");
        // A repair is no update, and removing the product is none either.
        place.reseat(&["repair", "-q", "Test", RULES]).expect_code(0);
        place.reseat(&["uninstall", "-q", "Test", RULES]).expect_code(0);
    }
}

/// A program of 200 bytes that states this checksum, or its own.
fn program(stated: Option<u32>) -> Vec<u8> {
    let mut content = vec![0x5A_u8; 200];
    content[0x3C..0x40].copy_from_slice(&0x40_u32.to_le_bytes());
    content[0x40..0x44].copy_from_slice(b"PE\0\0");
    let field = 0x40 + 88..0x40 + 92;
    content[field.clone()].fill(0);
    let sum = content.chunks(2).fold(0_u32, |sum, pair| {
        let sum = sum + u32::from(u16::from_le_bytes([pair[0], pair[1]]));
        (sum & 0xffff) + (sum >> 16)
    });
    content[field].copy_from_slice(&stated.unwrap_or(sum + 200).to_le_bytes());
    content
}

#[test]
fn programs_have_to_have_their_checksum_where_the_package_or_the_user_wants_it_checked() {
    const CHECKSUM: u32 = 1024;
    let set = ["MSICHECKCRCS=1"];
    for (content, attributes, properties, good) in [
        (program(Some(12345)), CHECKSUM, &set[..], false),
        (program(None), CHECKSUM, &set, true),
        // None is stated; nobody asks; the row does not say that there is one; it is no program.
        (program(Some(0)), CHECKSUM, &set, true),
        (program(Some(12345)), CHECKSUM, &[], true),
        (program(Some(12345)), 0, &set, true),
        (b"text".to_vec(), CHECKSUM, &set, true),
    ] {
        let place = Place::with_prefix();
        let row = [
            "Program",
            "Main",
            "program.exe",
            &content.len().to_string(),
            "",
            "",
            &(512 + attributes).to_string(),
            "2",
        ];
        let package = product().with_file("Program", "program.exe", content).without_row("File", "Program");
        let ran = place.install(&package.with_row("File", &row).save(&place, "test.msi"), properties);
        match good {
            true => ran.expect_code(0),
            false => ran.expect_failure(&["1331.", "program.exe"]),
        };
        assert_eq!(place.drive_c(&format!("{FOLDER}/readme.txt")).exists(), good);
    }
}
