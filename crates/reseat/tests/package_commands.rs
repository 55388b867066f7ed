//! The commands for package files, on packages made here and on real ones, compared with other programs.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use support::dialogue::Dialogue;
use support::product::{Cabinet, Product};
use support::{Place, has_tool, package, packages, run};

/// The real package files, sorted.
fn real(extensions: &[&str]) -> Vec<PathBuf> {
    let Some(folder) = packages() else { return Vec::new() };
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let is_wanted = |path: &PathBuf| {
        path.extension().is_some_and(|extension| extensions.contains(&extension.to_str().unwrap()))
    };
    let mut files: Vec<_> = files.filter(is_wanted).collect();
    files.sort();
    files
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// The contents of all files beneath a folder by their paths.
fn files(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
            } else {
                let path = entry.path().strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                found.insert(path, fs::read(entry.path()).unwrap());
            }
        }
    }
    found
}

fn product() -> Product {
    Product::new()
        .with_file("Readme", "README.TXT|Read me.txt", "text".repeat(500))
        .with_file("Other", "o.bin", "other")
}

#[test]
fn info_names_the_product_in_text_and_json() {
    let place = Place::new();
    let package = product().save(&place, "test.msi");
    let ran = place.reseat(&["info", text(&package)]);
    ran.expect_code(0);
    for line in ["Kind                   package", "Product code           {", "files.cab"] {
        assert!(ran.out.contains(line), "no '{line}' in:\n{}", ran.out);
    }
    let info = place.reseat(&["info", text(&package), "--json"]).json();
    assert_eq!(info["kind"], "package");
    assert_eq!(info["product_code"], product().product_code());
    assert_eq!(info["cabinets"][0]["embedded"], true);
}

#[test]
fn info_and_tables_agree_with_msiinfo_on_real_packages() {
    let place = Place::new();
    let compare = has_tool("msiinfo");
    for path in real(&["msi", "msp", "mst"]) {
        let ran = place.reseat(&["info", text(&path), "--json"]);
        ran.expect_code(0);
        assert_eq!(ran.err, "", "{path:?}");
        let info = ran.json();
        let kinds: &[&str] = match path.extension().unwrap().to_str().unwrap() {
            "msp" => &["patch"],
            "mst" => &["transform"],
            _ => &["package"],
        };
        assert!(kinds.contains(&info["kind"].as_str().unwrap()), "{path:?}: {info}");
        if !compare || path.extension().unwrap() != "msi" {
            continue;
        }
        let summary = run(place.command("msiinfo").arg("suminfo").arg(&path));
        let code = info["package_code"].as_str().unwrap();
        assert!(summary.out.contains(code), "{path:?}: no {code} in {}", summary.out);
        let theirs = run(place.command("msiinfo").arg("tables").arg(&path));
        // These are no tables of the database.
        let own = ["_SummaryInformation", "_ForceCodepage", "_Columns", "_Tables", "_Streams", "_Storages"];
        let theirs: BTreeSet<&str> = theirs.out.lines().filter(|name| !own.contains(name)).collect();
        let tables = place.reseat(&["tables", text(&path), "--json"]).json();
        let ours: BTreeSet<&str> =
            tables.as_array().unwrap().iter().map(|table| table["table"].as_str().unwrap()).collect();
        assert_eq!(ours, theirs, "{path:?}");
    }
}

#[test]
fn dump_has_a_line_for_each_row_and_a_tab_between_cells() {
    let place = Place::new();
    for path in real(&["msi", "msp"]) {
        let tables = place.reseat(&["tables", text(&path), "--json"]).json();
        let dump = place.reseat(&["dump", text(&path), "--json"]).json();
        for (table, dumped) in tables.as_array().unwrap().iter().zip(dump.as_array().unwrap()) {
            let name = table["table"].as_str().unwrap();
            assert_eq!(dumped["table"], name);
            assert_eq!(dumped["columns"], table["columns"]);
            let rows = dumped["rows"].as_array().unwrap();
            assert_eq!(table["rows"], rows.len(), "{path:?}: {name}");
            let lines = place.reseat(&["dump", text(&path), name]);
            lines.expect_code(0);
            let columns = table["columns"].as_array().unwrap().len();
            assert_eq!(lines.out.lines().count(), rows.len() + 1, "{path:?}: {name}");
            for line in lines.out.lines() {
                assert_eq!(line.matches('\t').count(), columns - 1, "{path:?}: {name}: {line}");
                assert!(!line.replace('\t', "").contains(|character: char| character.is_control()), "{line}");
            }
        }
    }
}

#[test]
fn a_table_that_is_not_there_is_wrong_usage_with_a_hint() {
    let place = Place::new();
    let package = product().save(&place, "test.msi");
    let ran = place.reseat(&["dump", text(&package), "property"]);
    ran.expect_code(2).expect_error(&[
        "test.msi",
        "no table 'property'",
        "hint: there is a table 'Property'",
    ]);
    place.reseat(&["streams", text(&package), "FILES.cab"]).expect_code(2).expect_error(&["'files.cab'"]);
}

#[test]
fn a_reader_that_stops_early_is_no_failure() {
    let place = Place::new();
    let Some(package) = package("putty-0.68-installer.msi") else { return };
    for arguments in [&["dump"][..], &["dump", "--json"], &["info"], &["streams", "putty.cab"]] {
        let mut command =
            place.reseat_command(&[&arguments[..1], &[text(&package)], &arguments[1..]].concat());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!((output.status.code(), output.stderr.len()), (Some(0), 0), "{arguments:?}");
    }
}

#[test]
fn streams_agree_with_msiinfo_on_real_packages() {
    if !has_tool("msiinfo") {
        return;
    }
    let place = Place::new();
    for path in real(&["msi"]) {
        let streams = place.reseat(&["streams", text(&path), "--json"]).json();
        for stream in streams.as_array().unwrap().iter().filter(|stream| stream["kind"] == "stream") {
            let name = stream["name"].as_str().unwrap();
            if name.starts_with('\u{5}') {
                continue;
            }
            let theirs = Command::new("msiinfo").arg("extract").arg(&path).arg(name).output().unwrap().stdout;
            let file = place.path("stream");
            place.reseat(&["streams", text(&path), name, "--output", text(&file)]).expect_code(0);
            assert_eq!(fs::read(&file).unwrap().len() as u64, stream["size"]);
            assert!(fs::read(&file).unwrap() == theirs, "{path:?}: {name} differs");
            let ours = place.reseat_command(&["streams", text(&path), name]).output().unwrap().stdout;
            assert!(ours == theirs, "{path:?}: {name} differs on standard output");
        }
    }
}

#[test]
fn extract_gives_every_file_that_msiextract_gives() {
    if !has_tool("msiextract") {
        return;
    }
    let place = Place::new();
    for path in real(&["msi"]) {
        let name = path.file_stem().unwrap().to_str().unwrap();
        let (ours, theirs) = (place.path(&format!("{name}.ours")), place.path(&format!("{name}.theirs")));
        let ran = place.reseat(&["extract", "--json", text(&path), text(&ours)]);
        let report = ran.json();
        let list = place.reseat(&["extract", "--list", "--json", text(&path)]).json();
        let rows = list.as_array().unwrap().len();
        let problems = report["problems"].as_array().unwrap().len();
        assert_eq!(ran.status.code(), Some(i32::from(problems > 0)), "{path:?}: {report}");
        let written = files(&ours);
        assert_eq!(report["files"], written.len(), "{path:?}");
        if problems == 0 {
            assert_eq!(written.len(), rows, "{path:?}: {report}");
            let listed: BTreeSet<&str> =
                list.as_array().unwrap().iter().map(|file| file["path"].as_str().unwrap()).collect();
            assert_eq!(written.keys().map(String::as_str).collect::<BTreeSet<_>>(), listed, "{path:?}");
        }
        run(place.command("msiextract").arg("-C").arg(&theirs).arg(&path));
        if !theirs.exists() {
            continue;
        }
        let contents: BTreeSet<(String, &Vec<u8>)> =
            written.iter().map(|(path, content)| (file_name(path), content)).collect();
        for (their_path, content) in files(&theirs) {
            assert!(
                contents.contains(&(file_name(&their_path), &content)),
                "{path:?}: {their_path} is missing or differs"
            );
        }
    }
}

fn file_name(path: &str) -> String {
    path.rsplit('/').next().unwrap().to_lowercase()
}

#[test]
fn extract_keeps_both_files_of_one_path_and_says_so() {
    let Some(path) = package("xtab-opener.msi") else { return };
    let place = Place::new();
    let ran = place.reseat(&["extract", text(&path), text(&place.path("out"))]);
    ran.expect_code(0).expect_error(&["xtab-opener.msi", "both go to 'Icon.ico'"]);
    let names: Vec<_> =
        files(&place.path("out")).into_keys().filter(|name| name.starts_with("Icon")).collect();
    assert_eq!(names.len(), 2, "{names:?}");
}

#[test]
fn extract_unpacks_the_cabinets_of_a_patch() {
    let Some(path) = package("prodA-patch-AB.msp") else { return };
    let place = Place::new();
    place.reseat(&["extract", text(&path), text(&place.path("out"))]).expect_code(0);
    assert_eq!(files(&place.path("out")).len(), 2);
}

#[test]
fn extract_takes_what_the_user_names() {
    let place = Place::new();
    let package = product().save(&place, "test.msi");
    place.reseat(&["extract", text(&package)]).expect_code(0);
    assert!(files(&place.path("test")).keys().any(|path| path.ends_with("/Read me.txt")));
    let flat = place.path("flat");
    place.reseat(&["extract", "--flat", "--only", "*.TXT", text(&package), text(&flat)]).expect_code(0);
    assert_eq!(files(&flat).into_keys().collect::<Vec<_>>(), ["Read me.txt"]);
    let again = place.reseat(&["extract", "-q", "--flat", text(&package), text(&flat)]);
    again.expect_failure(&["Read me.txt", "there already", "--overwrite"]);
    assert!(flat.join("o.bin").is_file());
    place.reseat(&["extract", "--flat", "--overwrite", text(&package), text(&flat)]).expect_code(0);
    place.reseat(&["extract", "--only", "*.exe", text(&package)]).expect_failure(&["no file matches *.exe"]);
}

#[test]
fn extract_names_a_cabinet_that_is_missing_or_damaged() {
    let place = Place::new();
    let missing = product().with_cabinet(Cabinet::Missing).save(&place, "missing.msi");
    place.reseat(&["extract", "-q", text(&missing)]).expect_failure(&[
        "missing.msi",
        "absent.cab",
        "2 files",
    ]);
    let corrupt = product().with_cabinet(Cabinet::Corrupt).save(&place, "corrupt.msi");
    let ran = place.reseat(&["extract", "-q", text(&corrupt)]);
    ran.expect_code(1).expect_error(&["corrupt.msi", "files.cab"]);
}

#[test]
fn extract_never_leaves_its_folder() {
    let place = Place::new();
    let package = product().save(&place, "test.msi");
    for name in ["..\\\\..\\\\evil.txt", "..", "/tmp/evil", "a/../../evil", "C:evil"] {
        let query =
            format!("UPDATE `File` SET `FileName` = '{}' WHERE `File` = 'Other'", name.replace("\\\\", "\\"));
        let copy = place.path("evil.msi");
        fs::copy(&package, &copy).unwrap();
        place.reseat(&["sql", "--write", text(&copy), &query]).expect_code(0);
        let out = place.path("out/deep/er");
        let ran = place.reseat(&["extract", "-q", text(&copy), text(&out)]);
        ran.expect_failure(&["table File, row 'Other': column FileName"]);
        assert_eq!(files(&place.path("out")).len(), 1);
        fs::remove_dir_all(place.path("out")).unwrap();
    }
    // A link in the folder leads nowhere.
    let (out, outside) = (place.path("out"), place.path("outside"));
    fs::create_dir_all(&out).unwrap();
    fs::create_dir_all(&outside).unwrap();
    let top = place.reseat(&["extract", "--list", "--json", text(&package)]).json();
    let top = top[0]["path"].as_str().unwrap().split('/').next().unwrap().to_owned();
    std::os::unix::fs::symlink(&outside, out.join(&top)).unwrap();
    let ran = place.reseat(&["extract", "-q", "--overwrite", text(&package), text(&out)]);
    ran.expect_code(1).expect_error(&["is a link or a file, and no folder"]);
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
}

#[test]
fn sql_asks_and_changes_and_saves_only_when_told() {
    let place = Place::new();
    let package = product().save(&place, "test.msi");
    let select = "SELECT `Value` FROM `Property` WHERE `Property` = 'ProductName'";
    let name = |place: &Place| place.reseat(&["sql", text(&package), select]).out;
    let before = name(&place);
    let update = "UPDATE `Property` SET `Value` = 'New' WHERE `Property` = 'ProductName'";
    place.reseat(&["sql", text(&package), update]).expect_code(0).expect_error(&["not saved"]);
    assert_eq!(name(&place), before);
    place.reseat(&["sql", "--write", text(&package), update]).expect_code(0);
    assert_eq!(name(&place), "Value\nNew\n");
    let result = place.reseat(&["sql", "--json", text(&package), select]).json();
    assert_eq!(result[0]["rows"][0]["Value"], "New");
}

#[test]
fn sql_on_a_terminal_completes_names_and_keeps_a_history() {
    let place = Place::new();
    Product::new().save(&place, "test.msi");
    let mut command = place.reseat_command(&["sql", "test.msi"]);
    let Some(mut terminal) = Dialogue::with_output(command.env("TERM", "xterm")) else { return };
    terminal.expect("sql> ").answer("SELECT Value FROM Prop\t WHERE Property='ProductVersion'");
    terminal.expect("FROM Property").expect("1.0.0").expect("sql> ");
    // An upward arrow brings the last line back.
    terminal.answer("\u{1b}[A").expect("FROM Property").expect("1.0.0").expect("sql> ");
    terminal.answer("SELECT * FROM Prop").expect("there is no table").expect("sql> ");
    terminal.answer("quit");
    assert_eq!(terminal.end(), Some(0));
}

#[test]
fn sql_runs_statements_from_standard_input_all_or_none() {
    use std::io::Write;
    let place = Place::new();
    let package = product().save(&place, "test.msi");
    let feed = |statements: &str| {
        let mut command = place.reseat_command(&["sql", "--write", text(&package)]);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(statements.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let out = String::from_utf8(output.stdout).unwrap();
        (output.status.code(), out, String::from_utf8(output.stderr).unwrap())
    };
    let before = fs::read(&package).unwrap();
    let (code, _, error) = feed("DELETE FROM `File`;\nSELECT *\n  FROM Nowhere;");
    assert_eq!(code, Some(1));
    assert!(error.ends_with("there is no table 'Nowhere'\n    FROM Nowhere\n         ^^^^^^^\n"), "{error}");
    assert!(fs::read(&package).unwrap() == before, "a failed run has changed the package");
    let (code, out, error) =
        feed("-- one\nDELETE FROM `File` WHERE `File` = 'Other'\nSELECT `File` FROM `File`\n");
    assert_eq!((code, out.as_str(), error.as_str()), (Some(0), "File\nReadme\n", ""));
    assert!(fs::read(&package).unwrap() != before);
}

#[test]
fn diff_shows_rows_streams_and_files() {
    let place = Place::new();
    let one = product().save(&place, "one.msi");
    place.reseat(&["diff", text(&one), text(&one)]).expect_code(0);
    let other =
        product().with_property("NEW", "1").with_file("Readme2", "r.txt", "new").save(&place, "other.msi");
    let ran = place.reseat(&["diff", text(&one), text(&other)]);
    ran.expect_code(1);
    for line in
        ["~ table Property", "  + NEW: Property='NEW' Value='1'", "~ stream files.cab", "r.txt: 3 bytes"]
    {
        assert!(ran.out.contains(line), "no '{line}' in:\n{}", ran.out);
    }
    let difference = place.reseat(&["diff", "--json", text(&one), text(&other)]).json();
    assert_eq!(difference["files"][0]["new_size"], 3, "{difference}");
    place.reseat(&["diff", text(&one), text(&other), "Directory"]).expect_code(0);
    place
        .reseat(&["diff", text(&one), text(&place.write("no.msi", "x"))])
        .expect_code(2)
        .expect_error(&["no.msi"]);
    place.reseat(&["diff", text(&one), text(&other), "Nowhere"]).expect_code(2).expect_error(&["Nowhere"]);
}

#[test]
fn no_real_package_differs_from_itself() {
    let place = Place::new();
    for path in real(&["msi", "msp", "mst"]) {
        let ran = place.reseat(&["diff", text(&path), text(&path)]);
        ran.expect_code(0);
        assert_eq!(ran.out, "", "{path:?}");
    }
    let (Some(one), Some(other)) = (package("prodA-1.0.0.msi"), package("prodA-1.0.1.msi")) else { return };
    let ran = place.reseat(&["diff", text(&one), text(&other)]);
    ran.expect_code(1);
    assert!(
        ran.out.contains("~ file Program Files (x86)/ProdA/product.wxs: 1400 bytes, other content"),
        "{}",
        ran.out
    );
}

#[test]
fn validate_names_table_row_and_column() {
    let Some(path) = package("prodA-1.0.0.msi") else { return };
    let place = Place::new();
    let ran = place.reseat(&["validate", text(&path)]);
    ran.expect_code(0);
    assert_eq!((ran.out.as_str(), ran.err.as_str()), ("", ""));
    let copy = place.path("copy.msi");
    fs::copy(&path, &copy).unwrap();
    let change = "UPDATE `File` SET `Component_` = 'Gone', `Sequence` = 0";
    place.reseat(&["sql", "--write", text(&copy), change]).expect_code(0);
    let ran = place.reseat(&["validate", text(&copy)]);
    ran.expect_code(1);
    assert!(
        ran.out
            .contains("column Component_: 'Gone' is no value of column 1 of Component (MSIDBERROR_BADLINK)"),
        "{}",
        ran.out
    );
    assert!(ran.out.contains("column Sequence: 0 is below 1 (MSIDBERROR_UNDERFLOW)"), "{}", ran.out);
    let findings = place.reseat(&["validate", "--json", text(&copy)]).json();
    assert_eq!(findings[0]["table"], "File");
}

#[test]
fn damage_that_is_overlooked_is_refused_with_strict() {
    let place = Place::new();
    let whole = place.path("whole.msi");
    let damaged = place.path("damaged.msi");
    let mut bytes = fs::read(product().save(&place, "whole.msi")).unwrap();
    // The length of the summary's name in the folder of the compound file, 64 bytes behind the name.
    let name: Vec<u8> = "\u{5}SummaryInformation".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let entry = bytes.windows(name.len()).position(|window| window == name).unwrap();
    bytes[entry + 64] ^= 0x40;
    fs::write(&damaged, bytes).unwrap();
    for arguments in [&["tables"][..], &["dump", "Property"], &["streams"]] {
        let line = |path, more: &[&str]| {
            let words = [&arguments[..1], &[text(path)], &arguments[1..], more].concat();
            place.reseat(&words)
        };
        let overlooked = line(&damaged, &[]);
        assert!(overlooked.err.contains("warning: "), "{arguments:?}: {}", overlooked.err);
        let refused = line(&damaged, &["--strict"]);
        assert_eq!(refused.status.code(), Some(1), "{arguments:?}: {}", refused.out);
        assert!(refused.err.contains("directory entry "), "{arguments:?}: {}", refused.err);
        let whole = line(&whole, &["--strict"]);
        assert!(whole.status.success() && !whole.err.contains("warning"), "{arguments:?}: {}", whole.err);
    }
    let list = place.reseat(&["list", "--strict"]);
    assert_eq!(list.status.code(), Some(2), "{}", list.err);
}

#[test]
fn what_was_made_is_told_as_json() {
    let place = Place::new();
    let package = product().save(&place, "one.msi");
    let (folder, other) = (place.path("folder"), place.path("other.msi"));
    let (transform, applied) = (place.path("difference.mst"), place.path("applied.msi"));
    let exported = place.reseat(&["export", "--json", text(&package), text(&folder)]).json();
    assert_eq!(exported["folder"], text(&folder));
    let properties = fs::read_to_string(folder.join("Property.idt")).unwrap();
    fs::write(folder.join("Property.idt"), properties + "More\tyes\r\n").unwrap();
    let imported = place.reseat(&["import", "--json", text(&folder), text(&other)]).json();
    assert_eq!(imported["package"], text(&other));
    let words = ["transform", "make", "--json", text(&package), text(&other), text(&transform)];
    assert_eq!(place.reseat(&words).json()["transform"], text(&transform));
    let words =
        ["transform", "apply", "--json", text(&package), text(&transform), "--output", text(&applied)];
    assert_eq!(place.reseat(&words).json()["package"], text(&applied));
}

#[test]
fn damaged_packages_give_clean_errors() {
    let place = Place::new();
    let whole = fs::read(product().save(&place, "whole.msi")).unwrap();
    let damaged = place.path("damaged.msi");
    let mut variants: Vec<Vec<u8>> = (0..12).map(|part| whole[..whole.len() * part / 12].to_vec()).collect();
    for step in 0..40_usize {
        let mut changed = whole.clone();
        for number in 0..4_usize {
            let place = (step * 7919 + number * 104_729) % changed.len();
            changed[place] ^= 1 << (step % 8);
        }
        variants.push(changed);
    }
    for (number, variant) in variants.iter().enumerate() {
        fs::write(&damaged, variant).unwrap();
        let out = place.path(&format!("out{number}"));
        for arguments in [
            &["info"][..],
            &["tables"],
            &["dump"],
            &["streams"],
            &["validate"],
            &["extract", text(&out)],
            &["diff", text(&place.path("whole.msi"))],
        ] {
            let ran = place.reseat(&[&arguments[..1], &[text(&damaged)], &arguments[1..]].concat());
            let code = ran.status.code();
            assert!(matches!(code, Some(0..=2)), "variant {number}, {arguments:?}: {code:?} {}", ran.err);
            assert!(!ran.err.contains("panicked"), "variant {number}, {arguments:?}: {}", ran.err);
            if code != Some(0) && ran.out.is_empty() {
                assert!(ran.err.contains("damaged.msi"), "variant {number}, {arguments:?}: {}", ran.err);
            }
        }
    }
}

#[test]
fn merge_adds_rows_and_saves_nothing_when_rows_differ() {
    let place = Place::new();
    let base = product().save(&place, "base.msi");
    let add = |query: &str, file: &Path| {
        place.reseat(&["sql", text(file), "--write", query]).expect_code(0);
    };
    for name in ["part.msi", "other.msi"] {
        fs::copy(&base, place.path(name)).unwrap();
        add("INSERT INTO Property (Property, Value) VALUES ('ADDED', 'yes')", &place.path(name));
    }
    add("UPDATE Property SET Value = 'Another' WHERE Property = 'ProductName'", &place.path("other.msi"));
    let value = |file: &str, property: &str| {
        let query = format!("SELECT Value FROM Property WHERE Property = '{property}'");
        place.reseat(&["sql", file, &query]).expect_code(0).out.clone()
    };
    let refused = place.reseat(&["merge", "base.msi", "other.msi"]);
    refused
        .expect_code(1)
        .expect_error(&["table 'Property', rows that differ: ProductName", "nothing saved"]);
    assert!(!value("base.msi", "ADDED").contains("yes"));
    let kept = place.reseat(&[
        "merge",
        "base.msi",
        "other.msi",
        "-o",
        "kept.msi",
        "--conflicts",
        "_MergeErrors",
        "--json",
    ]);
    assert_eq!(kept.expect_code(1).json()["conflicts"][0]["rows"], serde_json::json!(["ProductName"]));
    assert!(
        value("kept.msi", "ADDED").contains("yes") && !value("kept.msi", "ProductName").contains("Another")
    );
    assert!(place.reseat(&["dump", "kept.msi", "_MergeErrors"]).expect_code(0).out.contains("Property\t1"));
    let merged = place.reseat(&["merge", "base.msi", "part.msi", "--json"]);
    assert_eq!(merged.expect_code(0).json()["added_rows"], 1);
    assert!(value("base.msi", "ADDED").contains("yes"));
}
