//! Real packages: what is installed is what msiextract yields, and after the removal everything is as before.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use reseat_database::{Database, Reading};
use support::product::Product;
use support::snapshot::{self, Entry};
use support::{Place, has_tool, marked, package, packages, run};

/// What stays in the registry when a product is gone: the key of a user's own classes, which every user has on Windows.
const LEFT_KEYS: &[&str] = &[r"+ user.reg [Software\\Classes]"];

/// Files by name in small letters, each with the sorted contents of all files that are named so.
type Files = BTreeMap<String, Vec<Vec<u8>>>;

fn files(root: &Path) -> Files {
    let mut files = Files::new();
    for (path, entry) in snapshot::tree(root) {
        if let Entry::File { content, .. } = entry {
            let name = path.rsplit('/').next().unwrap().to_lowercase();
            files.entry(name).or_default().push(content);
        }
    }
    files.values_mut().for_each(|contents| contents.sort());
    files
}

/// The long names of the File table of components that every installation has, in small letters: how often each is there.
fn expected_names(package: &Path) -> BTreeMap<String, usize> {
    let database = Database::open(package, Reading::Permissive).unwrap();
    let table = |name: &str| database.table(name).unwrap();
    let Some(file) = table("File") else { return BTreeMap::new() };
    let component = table("Component").unwrap();
    // A component with a condition may be left out; whether it is, the conditions' own tests say.
    let sure: BTreeSet<&str> = component
        .rows()
        .filter(|row| row.text("Condition").is_none())
        .filter_map(|row| row.text("Component"))
        .collect();
    // A feature is sure to be installed when it and all above it have level 1, whatever INSTALLLEVEL is, and no condition.
    let conditions = table("Condition");
    let conditional = |feature: &str| {
        let mut rows = conditions.iter().flat_map(|table| table.rows());
        rows.any(|row| row.text("Feature_") == Some(feature))
    };
    let features = table("Feature").unwrap();
    let feature = |name: &str| features.rows().find(|row| row.text("Feature") == Some(name)).unwrap();
    let is_sure = |name: &str| {
        let mut next = Some(name);
        while let Some(name) = next {
            let row = feature(name);
            if row.integer("Level") != Some(1) || conditional(name) {
                return false;
            }
            next = row.text("Feature_Parent").filter(|parent| *parent != name);
        }
        true
    };
    let links = table("FeatureComponents").unwrap();
    let wanted: BTreeSet<&str> = links
        .rows()
        .filter(|row| row.text("Feature_").is_some_and(is_sure))
        .filter_map(|row| row.text("Component_"))
        .filter(|component| sure.contains(component))
        .collect();
    let mut names = BTreeMap::new();
    for row in file.rows().filter(|row| row.text("Component_").is_some_and(|it| wanted.contains(it))) {
        let name = row.text("FileName").unwrap();
        *names.entry(name.rsplit('|').next().unwrap().to_lowercase()).or_insert(0) += 1;
    }
    names
}

fn compare_with_msiextract(name: &str, package: &Path) -> Vec<String> {
    let mut problems = Vec::new();
    let place = Place::with_prefix();
    let drive = place.prefix().join("drive_c");
    let (before, registry) = (snapshot::tree(&drive), registry(&place));

    let ran = place.install(package, &[]);
    if ran.status.code() != Some(0) {
        return vec![format!("{name} is not installed: {}", ran.err)];
    }
    let products = place.products();
    if products.len() != 1 {
        problems.push(format!("{name}: the list has {products:?}"));
    }

    let mut installed = files(&drive);
    installed.retain(|name, _| !name.ends_with(".lnk"));
    // Icons of a product for the user lie in the user's folder.
    let machine = reseat_machine::Machine::open(&place.prefix()).unwrap();
    let user = machine.unix_path(&machine.folder(reseat_machine::KnownFolder::AppData)).unwrap();
    for cache in [place.drive_c("windows/Installer"), user.join("Microsoft/Installer")] {
        let cache = files(&cache);
        installed.retain(|name, _| !cache.contains_key(name));
    }
    let extracted = place.path("extracted");
    std::fs::create_dir(&extracted).unwrap();
    let arguments = ["-C", extracted.to_str().unwrap(), package.to_str().unwrap()];
    run(place.command("msiextract").args(arguments));
    let extracted = files(&extracted);
    for (file, contents) in &installed {
        // It overwrites files that two folders have under one name: of several contents it yields one at least.
        let known = extracted.get(file);
        if !contents.iter().any(|content| known.is_some_and(|known| known.contains(content))) {
            problems.push(format!("{name}: {file} is not what msiextract yields"));
        }
    }
    let expected = expected_names(package);
    println!("{name}: {} names of files are sure, {} are there", expected.len(), installed.len());
    for (file, count) in expected {
        if installed.get(&file).map_or(0, Vec::len) < count {
            problems.push(format!("{name}: {file} is to be there {count} times and is not"));
        }
    }

    let code = products.first().and_then(|it| it["product"].as_str()).unwrap_or_default();
    let ran = place.reseat(&["uninstall", "-q", code]);
    if ran.status.code() != Some(0) {
        problems.push(format!("{name} is not removed: {}", ran.err));
        return problems;
    }
    if !place.products().is_empty() {
        problems.push(format!("{name} is still listed"));
    }
    problems.extend(
        snapshot::differences(&before, &snapshot::tree(&drive)).iter().map(|it| format!("{name}: {it}")),
    );
    let left = snapshot::line_differences(&registry, &self::registry(&place));
    let left = left.iter().filter(|line| !LEFT_KEYS.contains(&line.as_str()));
    problems.extend(left.map(|line| format!("{name}: registry {line}")));
    problems
}

fn registry(place: &Place) -> BTreeSet<String> {
    let files = ["system.reg", "user.reg", "userdef.reg"].map(|file| {
        snapshot::registry(&place.prefix(), file).into_iter().map(move |line| format!("{file} {line}"))
    });
    files.into_iter().flatten().collect()
}

#[test]
fn packages_are_installed_as_msiextract_yields_them_and_removed_without_a_trace() {
    let Some(folder) = packages() else { return };
    if !has_tool("msiextract") {
        return;
    }
    let names = marked(&folder, "install");
    let halves: Vec<_> = names.chunks(names.len().div_ceil(2)).collect();
    let problems: Vec<String> = std::thread::scope(|scope| {
        let check = |names: &[String]| -> Vec<String> {
            names.iter().flat_map(|name| compare_with_msiextract(name, &folder.join(name))).collect()
        };
        let threads: Vec<_> = halves.into_iter().map(|names| scope.spawn(move || check(names))).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    assert!(problems.is_empty(), "{} problems:\n{}", problems.len(), problems.join("\n"));
}

#[test]
fn packages_that_are_attempted_are_installed_or_refused_by_name_without_a_trace() {
    let Some(folder) = packages() else { return };
    let mut problems = Vec::new();
    for name in marked(&folder, "attempt") {
        let place = Place::with_prefix();
        let before = snapshot::tree(&place.prefix());
        // One of them asks for a restart in its middle, whatever is the case.
        let ran = place.install(&folder.join(&name), &["REBOOT=ReallySuppress"]);
        match ran.status.code() {
            Some(0 | 10) => println!("{name} is installed"),
            Some(1) => {
                println!("{name}: {}", ran.err);
                problems
                    .extend(ran.failure_problem(&["error 16"]).map(|problem| format!("{name}: {problem}")));
                let after = snapshot::tree(&place.prefix());
                problems
                    .extend(snapshot::differences(&before, &after).iter().map(|it| format!("{name}: {it}")));
            }
            code => problems.push(format!("{name}: exit code {code:?}")),
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn a_new_prefix_is_made_when_there_is_none() {
    let Some(package) = package("putty-0.68-installer.msi") else { return };
    let place = Place::new();
    place.install(&package, &[]).expect_code(0);
    assert!(place.drive_c("Program Files (x86)/PuTTY/putty.exe").is_file());
    assert_eq!(place.products()[0]["name"], "PuTTY release 0.68");
    place.reseat(&["uninstall", "-q", "PuTTY release 0.68"]).expect_code(0);
    assert_eq!(place.products(), [serde_json::Value::Null; 0]);
}

#[test]
fn another_package_of_the_same_product_is_refused_unless_it_reinstalls() {
    let (Some(old), Some(new)) = (package("winget-test-v1.msi"), package("winget-test-v2.msi")) else {
        return;
    };
    let place = Place::with_prefix();
    place.install(&old, &[]).expect_code(0);
    let first = place.products();
    place.install(&new, &[]).expect_failure(&["error 1638"]);
    assert_eq!(place.products(), first);
    place.install(&new, &["REINSTALL=ALL", "REINSTALLMODE=vomus"]).expect_code(0);
    let second = place.products();
    assert_eq!(second.len(), 1, "{second:?}");
    assert_eq!(first[0]["product"], second[0]["product"]);
    assert_ne!(first[0]["name"], second[0]["name"]);
    place.reseat(&["uninstall", "-q", new.to_str().unwrap()]).expect_code(0);
    assert_eq!(place.products(), [serde_json::Value::Null; 0]);
}

#[test]
fn a_major_upgrade_leaves_only_the_new_version() {
    let place = Place::with_prefix();
    let drive = place.prefix().join("drive_c");
    let before = snapshot::tree(&drive);
    let product = |version: &str| {
        let only = format!("only-{version}.txt");
        Product::new()
            .version(version)
            .with_file("Readme", "readme.txt", version)
            .with_file("Only", &only, "text")
    };
    for version in ["1.0.0", "2.0.0", "3.0.0"] {
        place.install(&product(version).save(&place, "test.msi"), &[]).expect_code(0);
        assert_eq!(place.products().len(), 1);
        assert_eq!(place.products()[0]["version"], version);
        let names: Vec<_> = files(&place.drive_c("Program Files/Test")).into_keys().collect();
        assert_eq!(names, [format!("only-{version}.txt"), "readme.txt".to_owned()]);
    }
    place.reseat(&["uninstall", "-q", "Test"]).expect_code(0);
    snapshot::assert_same(&before, &snapshot::tree(&drive));
}

#[test]
fn what_a_package_of_our_own_installs_is_gone_after_its_removal() {
    let place = Place::with_prefix();
    let drive = place.prefix().join("drive_c");
    let (before, registry_before) = (snapshot::tree(&drive), registry(&place));
    let product = Product::new()
        .with_file("Readme", "readme.txt", "text")
        .with_folder("Data", "data")
        .with_row("Registry", &["One", "2", "Software\\Test\\Deep\\Key", "Name", "[INSTALLDIR]", "Main"])
        .with_row("Registry", &["Two", "1", "Software\\Test", "Number", "#7", "Main"])
        .with_row("DuplicateFile", &["Copy", "Main", "Readme", "copy.txt", "INSTALLDIR"])
        .with_row("RemoveFile", &["Log", "Main", "*.log", "INSTALLDIR", "2"])
        .with_row(
            "Shortcut",
            &["Link", "INSTALLDIR", "Link", "Main", "[#Readme]", "", "", "", "", "", "1", ""],
        );
    let package = product.save(&place, "test.msi");
    place.install(&package, &[]).expect_code(0);
    for name in ["readme.txt", "copy.txt", "data", "Link.lnk"] {
        assert!(place.drive_c("Program Files/Test").join(name).exists(), "{name}");
    }
    std::fs::write(place.drive_c("Program Files/Test/made.log"), "log").unwrap();
    place.reseat(&["uninstall", "-q", &product.product_code()]).expect_code(0);
    snapshot::assert_same(&before, &snapshot::tree(&drive));
    let left = snapshot::line_differences(&registry_before, &registry(&place));
    assert!(left.is_empty(), "{}", left.join("\n"));
}

#[test]
fn a_product_is_removed_from_the_folder_that_it_was_installed_to() {
    let place = Place::with_prefix();
    let package = Product::new()
        .with_file("Readme", "readme.txt", "text")
        .with_key_file("Readme")
        .with_folder("Sub", "sub")
        .save(&place, "test.msi");
    place.install(&package, &["INSTALLDIR=C:\\Elsewhere"]).expect_code(0);
    assert!(place.drive_c("Elsewhere/readme.txt").is_file() && place.drive_c("Elsewhere/sub").is_dir());
    place.reseat(&["uninstall", "-q", "Test"]).expect_code(0);
    assert!(!place.drive_c("Elsewhere").exists());
}

#[test]
fn the_word_count_and_the_attributes_of_a_file_say_where_it_lies_at_the_source() {
    const NAMES: [(&str, &str, &str); 3] = [
        ("Plain", "plain-by-itself.txt", "0"),
        ("Loose", "loose-by-itself.txt", "8192"),
        ("Packed", "packed-by-itself.txt", "16384"),
    ];
    // Word Count; where the three files come from.
    for (word_count, expected) in [
        (0, ["long in the tree", "long in the tree", "in the cabinet"]),
        (1, ["short in the tree", "short in the tree", "in the cabinet"]),
        (2, ["in the cabinet", "long at the root", "in the cabinet"]),
        (3, ["in the cabinet", "short at the root", "in the cabinet"]),
        (4, ["long in the tree", "long in the tree", "long in the tree"]),
        (5, ["short in the tree", "short in the tree", "short in the tree"]),
    ] {
        let place = Place::with_prefix();
        let mut product = Product::new()
            .with_word_count(word_count)
            .without_row("Directory", "INSTALLDIR")
            .with_row("Directory", &["INSTALLDIR", "ProgramFiles64Folder", "Test:SOURCE~1|Source Folder"]);
        for (number, (key, name, attributes)) in NAMES.iter().enumerate() {
            let text = "in the cabinet";
            product = product.with_file(key, name, text).without_row("File", key).with_row(
                "File",
                &[
                    key,
                    "Main",
                    &format!("{key}.txt|{name}"),
                    "14",
                    "",
                    "",
                    attributes,
                    &(number + 1).to_string(),
                ],
            );
            for (form, folder, name) in
                [("long", "Source Folder", (*name).to_owned()), ("short", "SOURCE~1", format!("{key}.txt"))]
            {
                std::fs::create_dir_all(place.path(folder)).unwrap();
                std::fs::write(place.path(&name), format!("{form} at the root")).unwrap();
                std::fs::write(place.path(folder).join(&name), format!("{form} in the tree")).unwrap();
            }
        }
        let ran = place.install(&product.save(&place, "test.msi"), &[]);
        ran.expect_code(0);
        let found = NAMES.map(|(_, name, _)| place.drive_c(&format!("Program Files/Test/{name}")));
        let found = found.map(|path| std::fs::read_to_string(path).unwrap());
        assert_eq!(found, expected, "Word Count {word_count}");
        // Those that are no 14 bytes long were installed all the same.
        assert_eq!(
            ran.err.matches("it is installed as it is").count(),
            expected.iter().filter(|text| text.len() != 14).count()
        );
    }
}
