//! The command line itself: help, output for people and for programs, exit codes, packages as folders.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::collections::BTreeMap;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use reseat_database::summary::id;
use reseat_database::{Database, FileTime, PropertyValue, Reading};
use support::product::Product;
use support::{Place, packages, run};

const COMMANDS: &[&str] = &[
    "install",
    "uninstall",
    "admin",
    "advertise",
    "list",
    "recover",
    "who",
    "rm",
    "path",
    "export",
    "import",
    "cab",
    "completions",
    "manual",
];

#[test]
fn help_names_every_command_and_gives_examples() {
    let place = Place::new();
    let help = place.reseat(&["--help"]);
    help.expect_code(0);
    for text in COMMANDS.iter().chain(&["Examples:", "Exit codes:", "--prefix", "--json"]) {
        assert!(help.out.contains(text), "no '{text}' in\n{}", help.out);
    }
    for command in COMMANDS {
        let help = place.reseat(&[command, "--help"]);
        help.expect_code(0);
        assert!(help.out.contains("Usage: reseat"), "{}", help.out);
        assert!(
            help.out.lines().all(|line| line.chars().count() <= 120),
            "{command}: too wide\n{}",
            help.out
        );
    }
    for command in ["install", "uninstall", "who"] {
        assert!(place.reseat(&[command, "--help"]).out.contains("Examples:"), "{command}");
    }
    assert!(place.reseat(&["--version"]).expect_code(0).out.starts_with("reseat "));
}

#[test]
fn completions_and_manual_are_made() {
    let place = Place::new();
    for shell in ["bash", "zsh", "fish"] {
        let completions = place.reseat(&["completions", shell]);
        completions.expect_code(0);
        assert!(completions.out.contains("reseat") && completions.out.contains("uninstall"), "{shell}");
    }
    let syntax = place.write("completions.bash", place.reseat(&["completions", "bash"]).out);
    run(place.command("bash").arg("-n").arg(syntax)).expect_code(0);
    std::fs::create_dir(place.path("man")).unwrap();
    place.reseat(&["manual", "man"]).expect_code(0);
    let install = place.read("man/reseat-install.1");
    assert!(install.contains(".TH") && install.contains("PROPERTY=VALUE"), "{install}");
    place.reseat(&["manual", "absent"]).expect_code(1).expect_error(&["reseat: absent: "]);
}

#[test]
fn who_says_in_use_free_or_unknown() {
    let place = Place::with_prefix();
    let held = place.write("held", "text");
    let free = place.write("free", "text");
    let holder = place.hold(&held);
    let (held, free) = (held.to_str().unwrap(), free.to_str().unwrap());
    let used = place.reseat(&["who", held, "--json"]);
    let users: serde_json::Value = serde_json::from_str(&used.expect_code(0).out).unwrap();
    assert_eq!(users[0]["pid"], holder.pid());
    assert_eq!(users[0]["application"], "tail");
    assert_eq!(users[0]["file"], held);
    let table = place.reseat(&["who", held, free]);
    let line =
        table.expect_code(0).out.lines().find(|line| line.contains(&holder.pid().to_string()).to_owned());
    assert!(line.is_some_and(|line| line.contains("tail") && line.contains(held)), "{}", table.out);
    assert_eq!(place.reseat(&["who", free]).expect_code(1).out, "");
    place.reseat(&["who", place.path("absent").to_str().unwrap()]).expect_code(2).expect_error(&["absent"]);
    assert_eq!(place.reseat(&["who", free, "--json"]).expect_code(1).out.trim(), "[]");
    std::fs::write(place.drive_c("free.txt"), "text").unwrap();
    place.reseat(&["who", r"C:\free.txt"]).expect_code(1);
}

#[test]
fn json_is_valid_whatever_happens() {
    let place = Place::new();
    let package = Product::new().with_file("Readme", "readme.txt", "text").save(&place, "test.msi");
    let package = package.to_str().unwrap();
    let json = |arguments: &[&str], code: i32| -> serde_json::Value {
        let ran = place.reseat(&[arguments, &["--json", "-q"]].concat());
        ran.expect_code(code);
        serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("{arguments:?}: {error}:\n{}", ran.out))
    };
    let installed = json(&["install", package], 0);
    assert_eq!((&installed["error"], &installed["change"]), (&0.into(), &"installed".into()));
    assert_eq!((&installed["name"], &installed["version"]), (&"Test".into(), &"1.0.0".into()));
    let list = json(&["list"], 0);
    assert_eq!((&list[0]["name"], &list[0]["context"]), (&"Test".into(), &"machine".into()));
    assert_eq!(json(&["uninstall", "Nobody"], 1)["error"], 1605);
    assert_eq!(json(&["install", "absent.msi"], 1)["error"], 1619);
    assert_eq!(json(&["uninstall", "Test"], 0)["change"], "removed");
    assert_eq!(json(&["list"], 0), serde_json::json!([]));
}

#[test]
fn nothing_is_coloured_and_no_bar_is_drawn_when_no_terminal_is_there() {
    let place = Place::new();
    let package = Product::new().with_file("Readme", "readme.txt", "text").save(&place, "test.msi");
    let package = package.to_str().unwrap();
    for arguments in [
        &["--help"][..],
        &["install", package],
        &["install", package, "--progress", "plain", "REINSTALL=ALL"],
        &["list"],
        &["frobnicate"],
        &["uninstall", "Nobody"],
        &["uninstall", "Test"],
    ] {
        let ran = place.reseat(arguments);
        assert!(
            !ran.out.contains(['\x1b', '\r']) && !ran.err.contains(['\x1b', '\r']),
            "{arguments:?}:\n{}{}",
            ran.out,
            ran.err
        );
    }
}

#[test]
fn results_go_to_standard_output_and_messages_to_standard_error() {
    let place = Place::new();
    let package = Product::new().with_file("Readme", "readme.txt", "text").save(&place, "test.msi");
    let ran = place.reseat(&["install", package.to_str().unwrap()]);
    ran.expect_code(0).expect_error(&["installed: Test 1.0.0"]);
    assert_eq!(ran.out, "");
    let list = place.reseat(&["list"]);
    assert!(list.out.contains("Test") && list.err.is_empty());
    let quiet = place.reseat(&["-q", "uninstall", "Test"]);
    assert_eq!((quiet.expect_code(0).out.as_str(), quiet.err.as_str()), ("", ""));
}

#[test]
fn whoever_stops_reading_early_gets_no_crash() {
    let place = Place::new();
    let file = place.write("one.txt", "one");
    place.reseat(&["cab", "create", "one.cab", file.to_str().unwrap()]).expect_code(0);
    for (arguments, code) in [
        (&["cab", "list", "one.cab"][..], 0),
        (&["cab", "list", "one.cab", "--json"], 0),
        (&["tables", "one.txt"], 1),
        (&["path", "/nowhere"], 1),
    ] {
        let mut command = place.reseat_command(arguments);
        for closed in ["standard output", "standard error"] {
            let (reader, writer) = std::io::pipe().unwrap();
            drop(reader);
            match closed {
                "standard output" => command.stdout(writer),
                _ => command.stderr(writer),
            };
        }
        assert_eq!(command.status().unwrap().code(), Some(code), "{arguments:?}");
    }
}

#[test]
fn path_leads_both_ways_whatever_the_letter_case() {
    let place = Place::with_prefix();
    let folder = place.drive_c("Program Files");
    let folder = folder.to_str().unwrap();
    for windows in [r"C:\Program Files", r"c:\PROGRAM FILES", "C:/program files"] {
        assert_eq!(place.reseat(&["path", windows]).expect_code(0).out.trim_end(), folder);
    }
    assert_eq!(place.reseat(&["path", folder]).expect_code(0).out.trim_end(), r"C:\Program Files");
    let new = place.reseat(&["path", r"C:\windows\New Folder\file.txt"]);
    assert_eq!(
        new.expect_code(0).out.trim_end(),
        place.drive_c("windows/New Folder/file.txt").to_str().unwrap()
    );
    for wrong in [r"C:\..\..\etc\passwd", r"C:\a:b", r"Q:\x"] {
        assert_ne!(place.reseat(&["path", wrong]).status.code(), Some(0), "{wrong}");
    }
}

#[test]
fn the_prefix_comes_from_the_option_the_environment_or_the_home_folder() {
    let place = Place::with_prefix();
    let bare = |variables: &[(&str, &Path)], arguments: &[&str]| {
        let mut command = place.command(env!("CARGO_BIN_EXE_reseat"));
        command.envs(variables.iter().copied()).args(arguments);
        run(&mut command).out.trim_end().to_owned()
    };
    let prefix = place.prefix();
    let path = ["path", r"C:\windows"];
    assert_eq!(Path::new(&bare(&[("WINEPREFIX", &prefix)], &path)), place.drive_c("windows"));
    run(place.command("cp").arg("-a").arg(&prefix).arg(place.path("home/.wine"))).expect_code(0);
    assert_eq!(Path::new(&bare(&[], &path)), place.path("home/.wine/drive_c/windows"));
    std::fs::rename(place.path("home/.wine"), place.path("elsewhere")).unwrap();
    let package = Product::new().save(&place, "test.msi");
    bare(&[], &["install", "-q", package.to_str().unwrap()]);
    assert!(place.path("data/reseat/prefix/drive_c").is_dir());
}

/// What a package holds.
struct Content {
    /// Columns and sorted rows of each table.
    tables: BTreeMap<String, Vec<String>>,
    streams: BTreeMap<String, Vec<u8>>,
    /// Summary information and code page.
    about: String,
}

fn content(path: &Path) -> Content {
    let database = Database::open(path, Reading::Permissive).unwrap();
    let mut tables = BTreeMap::new();
    for name in database.table_names().unwrap() {
        let table = database.table(&name).unwrap().unwrap();
        let mut lines = vec![format!("{:?}", table.columns())];
        let mut rows: Vec<String> = table.rows().map(|row| format!("{:?}", row.values())).collect();
        rows.sort();
        lines.append(&mut rows);
        tables.insert(name, lines);
    }
    let mut streams = BTreeMap::new();
    // The text tables are another file, which the signature of the first does not sign.
    let is_signature = |name: &String| {
        matches!(name.trim_start_matches('\u{5}'), "DigitalSignature" | "MsiDigitalSignatureEx")
    };
    for name in database.stream_names().into_iter().filter(|name| !is_signature(name)) {
        let mut bytes = Vec::new();
        database.stream(&name).unwrap().unwrap().read_to_end(&mut bytes).unwrap();
        streams.insert(name, bytes);
    }
    let mut summary = database.summary().unwrap();
    for number in [id::LAST_PRINTED, id::CREATED, id::LAST_SAVED] {
        // Text archives have whole seconds; the unit is 100 nanoseconds.
        if let Some(FileTime(time)) = summary.time(number) {
            summary.set(number, PropertyValue::Time(FileTime(time / 10_000_000)));
        }
    }
    let about = format!("{summary:?} {}", database.code_page());
    Content { tables, streams, about }
}

/// The names of the text archives in a folder.
fn tables_in(folder: &Path) -> Vec<String> {
    let names =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.ends_with(".idt")).collect()
}

#[test]
fn every_real_package_is_the_same_after_export_and_import() {
    let Some(folder) = packages() else { return };
    let place = Place::new();
    let mut problems = Vec::new();
    let mut names: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.retain(|path| path.extension().is_some_and(|extension| extension == "msi"));
    names.sort();
    for package in names {
        let name = package.file_name().unwrap().to_str().unwrap();
        let (text, copy) = (place.path(&format!("{name}.d")), place.path(name));
        let export = place.reseat(&["export", package.to_str().unwrap(), text.to_str().unwrap()]);
        let import = place.reseat(&["import", text.to_str().unwrap(), copy.to_str().unwrap()]);
        if !(export.status.success() && import.status.success()) {
            problems.push(format!("{name}: {}{}", export.err, import.err));
            continue;
        }
        let again = place.path("again.d");
        place.reseat(&["export", copy.to_str().unwrap(), again.to_str().unwrap()]).expect_code(0);
        problems.extend(
            tables_in(&text)
                .into_iter()
                .filter(|table| std::fs::read(text.join(table)).ok() != std::fs::read(again.join(table)).ok())
                .map(|table| format!("{name}: {table} is another one after import")),
        );
        std::fs::remove_dir_all(again).unwrap();
        let (before, after) = (content(&package), content(&copy));
        for (table, rows) in &before.tables {
            let other = after.tables.get(table);
            if other != Some(rows) {
                let first = other.and_then(|other| rows.iter().zip(other).find(|(one, other)| one != other));
                problems.push(format!("{name}: table {table}: {first:?}"));
            }
        }
        if before.tables.keys().ne(after.tables.keys()) || before.streams.keys().ne(after.streams.keys()) {
            problems.push(format!("{name}: other tables or streams"));
        }
        problems.extend(
            before
                .streams
                .iter()
                .filter(|it| after.streams.get(it.0) != Some(it.1))
                .map(|it| format!("{name}: {}", it.0)),
        );
        if before.about != after.about {
            problems.push(format!("{name}: {}\n  {}", before.about, after.about));
        }
        std::fs::remove_dir_all(text).unwrap();
        std::fs::remove_file(copy).unwrap();
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn cabinets_are_made_listed_and_unpacked() {
    let place = Place::new();
    let files = ["one.txt", "two.bin"].map(|name| place.write(name, name.repeat(5000)));
    let two = format!("Second={}", files[1].display());
    for options in [&[][..], &["--store"]] {
        let arguments = [&["cab", "create", "test.cab", files[0].to_str().unwrap(), &two], options].concat();
        place.reseat(&arguments).expect_code(0);
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode();
        assert_eq!(mode(&place.path("test.cab")), mode(&files[0]));
        let list = place.reseat(&["cab", "list", "test.cab", "--json"]);
        let list: serde_json::Value = serde_json::from_str(&list.expect_code(0).out).unwrap();
        assert_eq!((&list[0]["name"], &list[1]["name"]), (&"one.txt".into(), &"Second".into()), "{list}");
        let out = place.path(if options.is_empty() { "packed" } else { "stored" });
        std::fs::create_dir(&out).unwrap();
        place.reseat(&["cab", "extract", "test.cab", out.to_str().unwrap()]).expect_code(0);
        assert_eq!(std::fs::read(out.join("Second")).unwrap(), std::fs::read(&files[1]).unwrap());
    }
    place.reseat(&["cab", "list", "one.txt"]).expect_failure(&["one.txt"]);
    place.reseat(&["cab", "create", "/dev/null", "one.txt"]).expect_failure(&["not a regular file"]);
}

#[test]
fn a_file_that_is_none_of_the_kind_is_named() {
    let place = Place::new();
    std::fs::create_dir(place.path("folder")).unwrap();
    place.write("empty", "");
    place.write("program.exe", "MZ, and so on");
    for file in ["folder", "empty", "program.exe", "absent"] {
        for command in [
            &["install"][..],
            &["plan"],
            &["info"],
            &["tables"],
            &["dump"],
            &["validate"],
            &["extract"],
            &["streams"],
            &["signature"],
            &["transform", "show"],
            &["cab", "list"],
        ] {
            let ran = place.reseat(&[command, &[file]].concat());
            assert!(matches!(ran.status.code(), Some(1 | 2)), "{command:?} {file}: {}", ran.status);
            assert!(
                ran.err.contains(&format!("{file}: ")) || ran.err.contains(&format!("{file}. ")),
                "{}",
                ran.err
            );
            assert_eq!(ran.out, "", "{command:?} {file}");
            let json = place.reseat(&[command, &[file, "--json"]].concat());
            let failure: serde_json::Value = serde_json::from_str(&json.out).unwrap();
            assert!(failure["message"].as_str().unwrap().contains(file), "{failure}");
        }
        place.reseat(&["export", file, "out"]).expect_code(1).expect_error(&[&format!("reseat: {file}: ")]);
    }
}
