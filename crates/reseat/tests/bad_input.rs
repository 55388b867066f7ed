//! What is wrong is refused in one clear line, and leaves the prefix as it was before, byte for byte.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use support::product::{Cabinet, Product};
use support::{Place, Ran, is_root, run, snapshot};

/// What is wrong with the way in which an installation is refused; nothing may be left of it anywhere.
fn problem(place: &Place, package: &Path, arguments: &[&str], texts: &[&str]) -> Option<String> {
    let prefix = snapshot::tree(&place.prefix());
    let (around, sessions) = (names(place), place.sessions());
    let ran = place.install(package, arguments);
    let said = ran.failure_problem(texts);
    let differences = snapshot::differences(&prefix, &snapshot::tree(&place.prefix()));
    match said {
        Some(said) => Some(said),
        None if !differences.is_empty() => Some(format!("not as before: {differences:?}")),
        None if names(place) != around => Some(format!("files outside the prefix: {:?}", names(place))),
        None if place.sessions() != sessions => Some("a session is left open".to_owned()),
        None => None,
    }
}

/// Runs an installation that fails with one line that has all of these texts.
#[track_caller]
fn refused(place: &Place, package: &Path, arguments: &[&str], texts: &[&str]) {
    assert_eq!(problem(place, package, arguments, texts), None, "{arguments:?}");
}

/// What lies beside the prefix, but for the Restart Manager's folder.
fn names(place: &Place) -> Vec<String> {
    let tree = snapshot::tree(&place.path("."));
    tree.into_keys().filter(|name| !name.starts_with("prefix") && !name.starts_with("runtime")).collect()
}

fn product() -> Product {
    Product::new().with_file("Readme", "readme.txt", "text".repeat(500))
}

#[test]
fn what_is_no_package_is_refused_by_name_with_its_number() {
    let place = Place::with_prefix();
    for (name, content) in
        [("empty.msi", &b""[..]), ("text.msi", b"Hello, this is a text and not a package.\n")]
    {
        refused(&place, &place.write(name, content), &[], &["error 1620", name]);
    }
    std::fs::create_dir(place.path("folder.msi")).unwrap();
    refused(&place, &place.path("folder.msi"), &[], &["folder.msi", "error 16"]);
    refused(&place, &place.path("absent.msi"), &[], &["error 1619", "absent.msi", "No such file"]);
}

#[test]
fn what_is_no_package_makes_no_prefix() {
    let place = Place::new();
    place.install(&place.write("text.msi", "text"), &[]).expect_failure(&["1620"]);
    assert!(!place.prefix().exists());
}

#[test]
fn a_truncated_package_is_refused_at_every_length() {
    let place = Place::with_prefix();
    let whole = std::fs::read(product().save(&place, "whole.msi")).unwrap();
    let mut lengths: Vec<usize> = (0..24).map(|part| whole.len() * part / 24).collect();
    lengths.extend([1, 7, 8, 76, 511, 512, 513, 1024, whole.len() - 1]);
    for length in lengths {
        let package = place.write("short.msi", &whole[..length]);
        let prefix = snapshot::tree(&place.prefix());
        let ran = place.install(&package, &[]);
        // What is cut off at the end may be padding: then the package is whole.
        if ran.status.success() {
            assert!(whole.len() - length < 512, "{length} of {} bytes are a package", whole.len());
            place.reseat(&["uninstall", "-q", "Test"]).expect_code(0);
            continue;
        }
        ran.expect_failure(&["error 16", "short.msi"]);
        snapshot::assert_same(&prefix, &snapshot::tree(&place.prefix()));
    }
}

#[test]
fn a_missing_or_damaged_cabinet_is_named() {
    let place = Place::with_prefix();
    let missing = product().with_cabinet(Cabinet::Missing).save(&place, "missing.msi");
    refused(&place, &missing, &[], &["error 1603", "1311", "absent.cab"]);
    let corrupt = product().with_cabinet(Cabinet::Corrupt).save(&place, "corrupt.msi");
    refused(&place, &corrupt, &[], &["error 1603", "readme.txt"]);
}

#[test]
fn wrong_properties_are_refused_as_a_wrong_command_line() {
    let place = Place::with_prefix();
    let package = product().save(&place, "test.msi");
    for argument in ["NOVALUE", "=1", "1X=1", "A B=1", "NAME=\"open"] {
        refused(&place, &package, &[argument], &["error 1639"]);
    }
    refused(&place, &package, &["ADDLOCAL=Absent"], &["ADDLOCAL", "Absent"]);
    refused(&place, &package, &["REINSTALLMODE=x"], &["error 1639", "REINSTALLMODE", "'x'"]);
}

#[test]
fn names_of_properties_count_as_capital_letters_so_that_private_ones_keep_their_values() {
    let place = Place::with_prefix();
    let package = product().with_property("Private", "own").save(&place, "test.msi");
    let log = place.path("log");
    let arguments = ["Private=1", "ProductName=Other", "--log", log.to_str().unwrap()];
    place.install(&package, &arguments).expect_code(0);
    assert_eq!(place.products()[0]["name"], "Test");
    let log = place.read("log");
    for line in ["Property(S): Private = own", "Property(S): PRIVATE = 1", "Property(S): PRODUCTNAME = Other"]
    {
        assert!(log.lines().any(|found| found.ends_with(line)), "no '{line}' in\n{log}");
    }
}

#[test]
fn an_unknown_product_is_refused() {
    let place = Place::with_prefix();
    let package = product().save(&place, "test.msi");
    let before = snapshot::tree(&place.prefix());
    for name in ["Nobody", "{00000000-1111-2222-3333-444444444444}", package.to_str().unwrap()] {
        place.reseat(&["uninstall", "-q", name]).expect_failure(&["error 1605", name]);
    }
    snapshot::assert_same(&before, &snapshot::tree(&place.prefix()));
}

#[test]
fn a_prefix_without_write_permission_is_named_and_stays() {
    if !is_root() {
        println!("SKIPPED: only root may become another user");
        return;
    }
    let place = Place::with_prefix();
    let package = product().save(&place, "test.msi");
    for name in ["home", "tmp", "data", "test.msi"] {
        std::os::unix::fs::chown(place.path(name), Some(1000), Some(1000)).unwrap();
    }
    std::fs::set_permissions(place.path("."), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    std::fs::create_dir(place.path("home/runtime")).unwrap();
    std::os::unix::fs::chown(place.path("home/runtime"), Some(1000), Some(1000)).unwrap();
    let before = snapshot::tree(&place.prefix());
    // The program itself may lie where other users cannot reach it.
    let copied = run(Command::new("cp").arg(env!("CARGO_BIN_EXE_reseat")).arg(place.path("reseat-copy")));
    assert!(copied.status.success(), "{}", copied.err);
    let as_user = |arguments: &[&str]| -> Ran {
        let mut command = place.command(place.path("reseat-copy"));
        command.uid(1000).gid(1000).env("RESEAT_RUNTIME_DIR", place.path("home/runtime"));
        run(command.args(arguments))
    };
    let prefix = place.prefix();
    let (prefix, package) = (prefix.to_str().unwrap(), package.to_str().unwrap());
    as_user(&["--prefix", prefix, "install", "-q", package]).expect_failure(&[prefix, "ermission denied"]);
    snapshot::assert_same(&before, &snapshot::tree(&place.prefix()));
    let new = format!("{prefix}/drive_c/new");
    as_user(&["--prefix", &new, "install", "-q", package]).expect_failure(&[&new, "ermission denied"]);
    snapshot::assert_same(&before, &snapshot::tree(&place.prefix()));
}

#[test]
fn names_that_lead_elsewhere_are_refused_with_table_and_row() {
    let bad = [
        "..",
        "..\\evil.txt",
        "../evil.txt",
        "/evil.txt",
        "C:evil.txt",
        "C:\\evil.txt",
        "EVIL~1|..\\evil.txt",
        "a:b:c",
        "NUL",
        "COM1.txt",
        "end.",
        "end ",
        "a\u{1}b",
    ];
    let shortcut = |name| ["Bad", "INSTALLDIR", name, "Main", "[#Readme]", "", "", "", "", "", "1", ""];
    let mut problems = Vec::new();
    for name in bad {
        let products = [
            ("File", product().with_file("Bad", name, "evil")),
            ("Directory", product().with_folder("Bad", name)),
            ("Shortcut", product().with_row("Shortcut", &shortcut(name))),
            (
                "DuplicateFile",
                product().with_row("DuplicateFile", &["Bad", "Main", "Readme", name, "INSTALLDIR"]),
            ),
        ];
        for (table, product) in products {
            let place = Place::with_prefix();
            // `C:evil.txt` are a target and a source folder, and a shortcut's name goes on with `.lnk`: both are harmless.
            if matches!((table, name), ("Directory", "C:evil.txt") | ("Shortcut", "end." | "end ")) {
                continue;
            }
            let package = product.save(&place, "test.msi");
            let problem = problem(&place, &package, &[], &["error 16", "table ", "row ", "Bad"]);
            problems.extend(problem.map(|problem| format!("{table} '{name}': {problem}")));
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn removals_that_lead_elsewhere_are_refused_with_table_and_row() {
    for name in ["..\\*", "../*", "C:\\*", "..", "a\\b"] {
        let place = Place::with_prefix();
        std::fs::write(place.drive_c("kept.txt"), "kept").unwrap();
        let product = product().with_row("RemoveFile", &["Bad", "Main", name, "INSTALLDIR", "3"]);
        refused(&place, &product.save(&place, "test.msi"), &[], &["error 16", "RemoveFile", "Bad"]);
    }
}

#[test]
fn a_cabinet_elsewhere_is_not_opened() {
    for name in ["..\\files.cab", "../files.cab", "/etc/passwd", "C:\\files.cab", "sub/files.cab"] {
        let place = Place::with_prefix();
        let product = product().with_row("Media", &["1", "1", "", name, "", ""]);
        refused(&place, &product.save(&place, "test.msi"), &[], &["error 16", name]);
    }
}

#[test]
fn folders_from_the_command_line_stay_in_the_prefix() {
    let mut problems = Vec::new();
    for folder in ["Z:\\evil", "C:\\..\\..\\evil", "\\\\server\\evil", "evil", "/evil", "Q:\\evil"] {
        let place = Place::with_prefix();
        let package = product().save(&place, "test.msi");
        let problem = problem(&place, &package, &[&format!("INSTALLDIR={folder}")], &["error 16", "evil"]);
        problems.extend(problem.map(|problem| format!("{folder}: {problem}")));
    }
    assert!(!Path::new("/evil").exists());
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn links_that_lead_out_of_the_prefix_are_not_followed() {
    let place = Place::with_prefix();
    std::fs::create_dir(place.path("outside")).unwrap();
    std::os::unix::fs::symlink(place.path("outside"), place.drive_c("Program Files/Test")).unwrap();
    refused(&place, &product().save(&place, "test.msi"), &[], &["error 16", "link"]);
}

#[test]
fn cycles_in_tables_are_refused() {
    let place = Place::with_prefix();
    let directories =
        product().with_row("Directory", &["A", "B", "a"]).with_row("Directory", &["B", "A", "b"]);
    refused(&place, &directories.save(&place, "test.msi"), &[], &["error 16", "Directory", "above itself"]);
    let orphan = product().with_row("Directory", &["A", "Nobody", "a"]);
    refused(&place, &orphan.save(&place, "test.msi"), &[], &["error 16", "Directory", "'A'", "Nobody"]);
    let feature = |name: &str, parent: &str| [name.to_owned(), parent.to_owned()];
    let mut features = product();
    for [name, parent] in [feature("A", "B"), feature("B", "A")] {
        features.row("Feature", &[&name, &parent, "", "", "1", "1", "", "0"]);
    }
    refused(&place, &features.save(&place, "test.msi"), &[], &["error 16", "Feature"]);
}

#[test]
fn a_file_of_another_size_than_promised_is_refused() {
    let place = Place::with_prefix();
    for size in ["2147483647", "3", "-5"] {
        let mut product = product().without_row("File", "Readme");
        product.row("File", &["Readme", "Main", "readme.txt", size, "", "", "512", "1"]);
        refused(&place, &product.save(&place, "test.msi"), &[], &["error 16"]);
    }
}

#[test]
fn one_installation_at_a_time() {
    let place = Place::with_prefix();
    let [begun, go_on] = ["begun", "go-on"].map(|name| place.fifo(name));
    let script = "#!/bin/sh\necho begun >\"$1\"\nread -r line <\"$2\"\n";
    let line = format!("\"{}\" \"{}\"", begun.display(), go_on.display());
    let first = product().with_binary("pause", script).with_action("Pause", 2, "pause", &line, 1395);
    let package = first.save(&place, "first.msi");
    let mut install = place.reseat_command(&["install", "-q", package.to_str().unwrap()]).spawn().unwrap();
    assert_eq!(std::fs::read_to_string(&begun).unwrap(), "begun\n");
    let second = product().version("2.0.0").save(&place, "second.msi");
    refused(&place, &second, &[], &["error 1618", &install.id().to_string()]);
    place.reseat(&["uninstall", "-q", "Test"]).expect_failure(&["error 1618"]);
    std::fs::File::options().write(true).open(&go_on).unwrap().write_all(b"go on\n").unwrap();
    assert!(install.wait().unwrap().success());
    place.install(&second, &[]).expect_code(0);
}

#[test]
fn options_that_mean_nothing_are_wrong_usage() {
    let place = Place::with_prefix();
    for arguments in [
        &["install"][..],
        &["install", "a.msi", "--windows", "ninety"],
        &["install", "a.msi", "--installer", "x"],
        &["install", "a.msi", "--nonsense"],
        &["frobnicate"],
        &["uninstall"],
        &["who"],
    ] {
        place.reseat(arguments).expect_code(2);
    }
}
